/* How much is left: WMMSE and its anchors against the certified optimum, on ad hoc networks at -91 dB noise and 1 W.
 *
 *   anchors NODES GAP SAMPLES NETWORKS LINKS ...
 *
 * Ratios of the mean sum-rate to that of the policy "optimal", which is within the mean and worst gap of the true
 * maximum; the part of the samples that is certified to GAP before NODES boxes were cut, and seconds a sample. */
#include "bench.h"

#include <math.h>

enum { CLASSICAL = 4 };

static const char *const names[CLASSICAL] = {"wmmse-truncated", "wmmse", "wmmse-converged", "wmmse-best"};

/* Sum-rate of each sample. */
static double rates_of(const pa_states *s, const double *power, double *sum) {
  size_t n = pa_states_links(s), batch = pa_states_batch(s);
  double *rate = malloc(batch * n * sizeof *rate), total = 0;
  must(pa_rates(s, power, rate));
  for (size_t b = 0; b < batch; b++) sum[b] = 0;
  for (size_t k = 0; k < batch * n; k++) sum[k / n] += rate[k], total += rate[k];
  free(rate);
  return total;
}

int main(int count, char **words) {
  if (count < 6) return fprintf(stderr, "see the top of anchors.c\n"), 2;
  double nodes = atof(words[1]), wanted = atof(words[2]), noise = pa_db_to_ratio(-91);
  size_t samples = strtoul(words[3], NULL, 10), networks = strtoul(words[4], NULL, 10);
  for (int w = 5; w < count; w++) {
    size_t links = strtoul(words[w], NULL, 10), certified = 0;
    double totals[CLASSICAL] = {0}, best = 0, gap = 0, worst = 0, seconds = 0;
    double *power = malloc(samples * links * sizeof *power), *sum = malloc(samples * sizeof *sum),
           *upper = malloc(samples * sizeof *upper);
    for (uint64_t seed = 0; seed < networks; seed++) {
      pa_network *network;
      pa_states *s;
      pa_policy *optimal;
      must(pa_network_create_adhoc(&network, links, seed, NULL));
      must(pa_network_set_noise(network, &noise, 1));
      must(pa_network_draw_states(network, 1, 0, samples, &s, NULL));
      for (size_t k = 0; k < CLASSICAL; k++) {
        pa_policy *policy;
        must(pa_policy_create(&policy, names[k], NULL));
        must(pa_policy_allocate(policy, s, power, NULL, 0));
        totals[k] += rates_of(s, power, sum);
        pa_policy_free(policy);
      }
      must(pa_policy_create(&optimal, "optimal", NULL));
      must(pa_policy_set(optimal, PA_POLICY_NODES, nodes));
      must(pa_policy_set(optimal, PA_POLICY_GAP, wanted));
      double start = now();
      must(pa_policy_certify(optimal, s, power, upper));
      seconds += now() - start;
      best += rates_of(s, power, sum);
      for (size_t b = 0; b < samples; b++) {
        double open = upper[b] / sum[b] - 1;
        certified += open <= wanted * (1 + 1e-6);
        gap += open;
        worst = fmax(worst, open);
      }
      pa_policy_free(optimal);
      pa_states_free(s);
      pa_network_free(network);
    }
    double all = (double)(samples * networks);
    printf("%2zu links: ", links);
    for (size_t k = 0; k < CLASSICAL; k++) printf(" %s %.4f", names[k], totals[k] / best);
    printf("  optimal %.3f bit/s/Hz, certified %.1f %%, gap mean %.4f worst %.4f, %.1f ms\n", best / all,
           100 * (double)certified / all, gap / all, worst, 1e3 * seconds / all);
    free(power);
    free(sum);
    free(upper);
  }
  return 0;
}
