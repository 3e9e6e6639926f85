/* Inference in a slot loop: after the set-up nothing is allocated.
 *
 *   slot_loop MODEL.safetensors CHANNEL.npy */
#include <powalloc/powalloc.h>
#include <stdio.h>
#include <stdlib.h>

static void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", pa_status_name(status), pa_last_error());
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  pa_uwmmse *model;
  pa_array *gains;
  must(pa_uwmmse_load(&model, argv[1], NULL));
  must(pa_array_load(&gains, argv[2], NULL));

  /* The channels come from the radio; here from path gains [links][links] with fading on them. */
  size_t links = pa_array_extent(gains, 0), bytes;
  pa_network *network;
  must(pa_network_create_path_gain(&network, links, pa_array_data(gains), 1, NULL));
  double *h = malloc(links * links * sizeof *h), *power = malloc(links * sizeof *power);

  pa_states *slot;
  must(pa_states_create(&slot, 1, links, h, pa_dbm_to_watts(-97), pa_dbm_to_watts(30), NULL));
  must(pa_policy_workspace(pa_uwmmse_policy(model), 1, links, &bytes));
  void *work = aligned_alloc(64, (bytes + 63) / 64 * 64);

  double energy = 0;
  for (uint64_t t = 0; t < 1000; t++) {
    must(pa_network_draw(network, 0, t, 1, h));
    must(pa_policy_allocate(pa_uwmmse_policy(model), slot, power, work, bytes));
    for (size_t i = 0; i < links; i++) energy += power[i];
  }
  printf("%zu links, mean total power %.2f W over 1000 slots\n", links, energy / 1000);

  free(work);
  free(power);
  free(h);
  pa_states_free(slot);
  pa_network_free(network);
  pa_array_free(gains);
  pa_uwmmse_free(model);
  return 0;
}
