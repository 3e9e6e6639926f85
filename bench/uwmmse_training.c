/* Trains UWMMSE on topologies and reports sum-rates on fresh draws, beside WMMSE with 100 iterations.
 *
 *   uwmmse_training MODE PRECISION STEPS THREADS SEED NOISE PATH_GAIN.npy ...         path gains [M][M]
 *   uwmmse_training MODE PRECISION STEPS THREADS SEED NOISE adhoc LINKS FIRST LAST    ad hoc networks by seed
 *
 * MODE is paper or extended, PRECISION of training double or single. NOISE such as -91dB; power limit 1 W; 3200 test
 * draws of a stream not trained on. */
#include "bench.h"

#include <string.h>

enum { TEST = 3200 };

static double mean_rate(const pa_policy *policy, const pa_states *states, double *mean_power) {
  size_t n = pa_states_batch(states) * pa_states_links(states);
  double *power = malloc(n * sizeof *power), *rate = malloc(n * sizeof *rate), sum = 0, total = 0;
  must(pa_policy_allocate(policy, states, power, NULL, 0));
  must(pa_rates(states, power, rate));
  for (size_t k = 0; k < n; k++) sum += rate[k], total += power[k];
  free(power);
  free(rate);
  *mean_power = total / (double)pa_states_batch(states);
  return sum / (double)pa_states_batch(states);
}

static double train_one(const char *name, pa_network *network, const char *const *arguments) {
  int32_t architecture = strcmp(arguments[0], "paper") == 0 ? PA_UWMMSE_PAPER : PA_UWMMSE_EXTENDED;
  uint64_t seed = strtoull(arguments[4], NULL, 10), steps = strtoull(arguments[2], NULL, 10);
  double noise, p[3], rate[3];
  pa_uwmmse *model;
  pa_trainer *trainer;
  pa_policy *wmmse, *truncated;
  pa_states *test;
  must(pa_parse_power(arguments[5], &noise));
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_uwmmse_create(&model, architecture, 4, 5, seed, NULL));
  must(pa_trainer_create(&trainer, pa_uwmmse_policy(model), network, seed, NULL));
  must(pa_trainer_set(trainer, PA_TRAINER_PRECISION, strcmp(arguments[1], "single") == 0));
  must(pa_trainer_set(trainer, PA_TRAINER_THREADS, atof(arguments[3])));
  double start = now();
  must(pa_trainer_run(trainer, steps));
  double seconds = now() - start, dropped, best_step;
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_DROPPED, &dropped));
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_BEST_STEP, &best_step));
  must(pa_network_draw_states(network, 999, 0, TEST, &test, NULL));
  must(pa_policy_create(&wmmse, "wmmse", NULL));
  must(pa_policy_create(&truncated, "wmmse-truncated", NULL));
  rate[0] = mean_rate(wmmse, test, &p[0]);
  rate[1] = mean_rate(truncated, test, &p[1]);
  rate[2] = mean_rate(pa_uwmmse_policy(model), test, &p[2]);
  printf("%-10s WMMSE-100 %.3f bit/s/Hz at %.2f W, WMMSE-4 %.4f, UWMMSE %.4f at %.2f W, %.1f s (%.0f steps/s), best at "
         "%.0f, dropped %.0f\n",
         name, rate[0], p[0], rate[1] / rate[0], rate[2] / rate[0], p[2], seconds, (double)steps / seconds, best_step,
         dropped);
  fflush(stdout);
  pa_policy_free(wmmse);
  pa_policy_free(truncated);
  pa_states_free(test);
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  pa_network_free(network);
  return rate[2] / rate[0];
}

int main(int argc, char **argv) {
  if (argc < 8) return 2;
  double sum = 0;
  int count = 0;
  if (strcmp(argv[7], "adhoc") == 0) {
    if (argc < 11) return 2;
    for (uint64_t seed = strtoull(argv[9], NULL, 10); seed <= strtoull(argv[10], NULL, 10); seed++, count++) {
      pa_network *network;
      char name[32];
      snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
      must(pa_network_create_adhoc(&network, strtoull(argv[8], NULL, 10), seed, NULL));
      sum += train_one(name, network, (const char *const *)argv + 1);
    }
  } else {
    for (int k = 7; k < argc; k++, count++) {
      pa_array *gain;
      pa_network *network;
      must(pa_array_load(&gain, argv[k], NULL));
      must(pa_network_create_path_gain(&network, pa_array_extent(gain, 0), pa_array_data(gain), 1, NULL));
      sum += train_one(argv[k], network, (const char *const *)argv + 1);
      pa_array_free(gain);
    }
  }
  printf("mean %.4f\n", sum / count);
  return 0;
}
