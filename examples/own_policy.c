/* A policy of one's own beside the library's: links transmit at full power if their own channel is the strongest that
 * their receiver hears. */
#include <powalloc/powalloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINKS = 20, DRAWS = 1000 };

static void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", pa_status_name(status), pa_last_error());
  exit(1);
}

static int32_t strongest_only(void *user, const pa_states *states, double *power) {
  size_t batch = pa_states_batch(states), links = pa_states_links(states);
  const double *h = pa_states_channel(states), *pmax = pa_states_power_limit(states);
  (void)user;
  for (size_t b = 0; b < batch; b++, h += links * links, power += links)
    for (size_t j = 0; j < links; j++) {
      power[j] = pmax[j];
      for (size_t i = 0; i < links; i++)
        if (h[i * links + j] > h[j * links + j]) power[j] = 0;
    }
  return PA_CALLBACK_OK;
}

static void report(const char *name, const pa_policy *policy, const pa_states *states) {
  static double power[DRAWS * LINKS], rate[DRAWS * LINKS];
  double sum = 0, total = 0;
  must(pa_policy_allocate(policy, states, power, NULL, 0));
  must(pa_rates(states, power, rate));
  for (size_t k = 0; k < DRAWS * LINKS; k++) sum += rate[k], total += power[k];
  printf("%-16s %6.2f bit/s/Hz at %5.2f W\n", name, sum / DRAWS, total / DRAWS);
}

int main(void) {
  pa_network *network;
  pa_states *states;
  pa_policy *own, *wmmse, *full;
  double noise = pa_db_to_ratio(-91);
  must(pa_network_create_adhoc(&network, LINKS, 1, NULL));
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_network_draw_states(network, 0, 0, DRAWS, &states, NULL));
  must(pa_policy_create_callback(&own, strongest_only, NULL, NULL, NULL));
  must(pa_policy_create(&wmmse, "wmmse", NULL));
  must(pa_policy_create(&full, "full-power", NULL));
  report("full power", full, states);
  report("strongest only", own, states);
  report("WMMSE", wmmse, states);
  pa_policy_free(full);
  pa_policy_free(wmmse);
  pa_policy_free(own);
  pa_states_free(states);
  pa_network_free(network);
  return 0;
}
