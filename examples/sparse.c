/* Powers for a large network: its channels end at a distance, and what lies beyond counts as noise.
 *
 *   sparse LINKS MODEL */
#include <powalloc/powalloc.h>
#include <stdio.h>
#include <stdlib.h>

#define NOISE 7.94e-10 /* W */
#define CUTOFF 60

static void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s\n", pa_last_error());
  exit(1);
}

static double mean_rate(const pa_states *states, const double *power, double *rate, size_t links) {
  double sum = 0;
  must(pa_rates(states, power, rate));
  for (size_t i = 0; i < links; i++) sum += rate[i] / (double)links;
  return sum;
}

int main(int count, char **words) {
  if (count != 3) return 2;
  size_t links = strtoul(words[1], NULL, 10), bytes;
  double *power = malloc(links * sizeof *power), *rate = malloc(links * sizeof *rate), noise = NOISE;
  pa_network *network;
  pa_states *states;
  pa_policy *policies[2];
  if (!power || !rate) return 1;

  /* As dense as the networks of 20 links that the model was trained on. */
  must(pa_network_create_sparse_adhoc(&network, links, 20, CUTOFF, 1, NULL));
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_network_set(network, PA_NETWORK_REMAINDER, 1));
  must(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
  printf("%zu links, %.1f channels each\n", links, (double)pa_graph_edges(pa_network_graph(network)) / (double)links);

  must(pa_policy_create(&policies[0], "full-power", NULL));
  must(pa_policy_load(&policies[1], words[2], NULL));
  for (int k = 0; k < 2; k++) {
    must(pa_policy_workspace_states(policies[k], states, NULL, &bytes));
    void *work = aligned_alloc(64, bytes);
    if (!work) return 1;
    must(pa_policy_allocate(policies[k], states, power, work, bytes));
    printf("%-10s %.3f bit/s/Hz a link\n", pa_policy_name(policies[k]), mean_rate(states, power, rate, links));
    free(work);
    pa_policy_free(policies[k]);
  }
  pa_states_free(states);
  pa_network_free(network);
  free(power);
  free(rate);
  return 0;
}
