/* Someone else's program: draws a channel, allocates, and checks the numbers. Also compiled as C++. */
#include <powalloc/powalloc.h>
#include <stdio.h>

int main(void) {
  pa_network *network = NULL;
  pa_states *states = NULL;
  pa_policy *policy = NULL;
  double power[20], rate[20], sum = 0;
  if (pa_version() != PA_VERSION || pa_network_create_adhoc(&network, 10, 1, NULL) != PA_OK ||
      pa_network_draw_states(network, 0, 0, 2, &states, NULL) != PA_OK ||
      pa_policy_create(&policy, "wmmse", NULL) != PA_OK ||
      pa_policy_allocate(policy, states, power, NULL, 0) != PA_OK || pa_rates(states, power, rate) != PA_OK) {
    fprintf(stderr, "%s\n", pa_last_error());
    return 1;
  }
  for (int k = 0; k < 20; k++) sum += rate[k];
  printf("libpowalloc %s: %.6f bit/s/Hz\n", pa_version_text(), sum);
  pa_policy_free(policy);
  pa_states_free(states);
  pa_network_free(network);
  return sum > 0 ? 0 : 1;
}
