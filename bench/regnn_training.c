/* Trains REGNN model-free on networks under an average power budget and reports sum-rates on fresh draws at the same
 * mean power, beside the baselines.
 *
 *   regnn_training SETTING OUTPUT PRECISION STEPS SEED PATH_GAIN.npy ...        path gains [M][M], amplitudes
 *   regnn_training SETTING OUTPUT PRECISION STEPS SEED adhoc LINKS FIRST LAST   ad hoc networks by seed
 *   regnn_training SETTING OUTPUT PRECISION STEPS SEED multicell CELLS LINKS FIRST LAST
 *
 * SETTING a: REGNN paper, eq. (49): h = d^-2.2 Rayleigh, noise 1 W, p0 = 10 W, budget M W. b: the authors' code: power
 * gain d^-2.2 Rayleigh^2, p0 = 4 W, the same budget. OUTPUT bernoulli, levels, continuous, or paper: Bernoulli with the
 * paper's 40 parameters. PRECISION of training: double or single. Sum-rates in nat/s/Hz, 20000 test draws of a stream
 * that was not trained on. */
#include "bench.h"

#include <math.h>
#include <string.h>

enum { TEST = 20000, PRICING = 10000, POLICIES = 6, REGNN = 5, PRICED = 3, THRESHOLD = 4 };

static const char *const names[POLICIES] = {"equal", "random", "capped", "priced", "threshold", "regnn"};

static double evaluate(const pa_policy *policy, pa_states *states, double *mean_power) {
  size_t n = pa_states_batch(states) * pa_states_links(states);
  double *power = malloc(n * sizeof *power), *rate = malloc(n * sizeof *rate), sum = 0, total = 0;
  must(pa_policy_allocate(policy, states, power, NULL, 0));
  must(pa_rates(states, power, rate));
  for (size_t k = 0; k < n; k++) sum += rate[k], total += power[k];
  free(power);
  free(rate);
  *mean_power = total / (double)pa_states_batch(states);
  return sum / (double)pa_states_batch(states) * log(2);
}

static pa_regnn *model_of(const char *output, uint64_t seed) {
  static const int32_t paper[] = {PA_REGNN_LAYERS, PA_REGNN_FEATURES, PA_REGNN_TAPS, PA_REGNN_INPUTS, PA_REGNN_SHIFT};
  static const double values[] = {8, 1, 5, PA_REGNN_INPUT_ONES, PA_REGNN_SHIFT_SPECTRAL};
  const int32_t key = PA_REGNN_OUTPUT;
  const double kind = strcmp(output, "levels") == 0       ? PA_REGNN_OUTPUT_LEVELS
                      : strcmp(output, "continuous") == 0 ? PA_REGNN_OUTPUT_CONTINUOUS
                                                          : PA_REGNN_OUTPUT_BERNOULLI;
  pa_regnn *model;
  if (strcmp(output, "paper") == 0)
    must(pa_regnn_create(&model, paper, values, 5, seed, NULL));
  else
    must(pa_regnn_create(&model, &key, &kind, 1, seed, NULL));
  return model;
}

static void train_one(const char *name, pa_network *network, char **arguments, double sums[2][POLICIES + 2]) {
  uint64_t seed = strtoull(arguments[3], NULL, 10), steps = strtoull(arguments[0], NULL, 10);
  double noise = 1, limit = arguments[1][0] == 'a' ? 10 : 4, rate[POLICIES], power[POLICIES], dual, best_step;
  size_t links = pa_network_links(network);
  double budget = (double)links, each = budget / (double)links;
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_network_set_power_limit(network, &limit, 1));
  pa_regnn *model = model_of(arguments[2], seed);
  pa_trainer *trainer;
  must(pa_trainer_create(&trainer, pa_regnn_policy(model), network, seed, NULL));
  must(pa_trainer_set_reward(trainer, links, pa_reward_capacity, NULL, NULL));
  must(pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MEAN_POWER, &budget, 1));
  must(pa_trainer_set(trainer, PA_TRAINER_PRECISION, strcmp(arguments[4], "single") == 0));
  double start = now();
  pa_status status = pa_trainer_run(trainer, steps);
  double seconds = now() - start;
  if (status != PA_OK) printf("%s: %s: %s\n", name, pa_status_name(status), pa_last_error());
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_POWER_DUAL, &dual));
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_BEST_STEP, &best_step));
  pa_states *test, *capped, *pricing;
  size_t group = 4000000 / (links * links) < TEST ? 4000000 / (links * links) : TEST;
  must(pa_network_draw_states(network, 999, 0, group, &test, NULL));
  must(pa_network_draw_states(network, 999, 0, group, &capped, NULL));
  must(pa_states_set_power_limit(capped, &each, 1));
  must(pa_network_draw_states(network, 998, 0, group < PRICING ? group : PRICING, &pricing, NULL));
  pa_policy *policies[POLICIES];
  must(pa_policy_create(&policies[0], "equal", NULL));
  must(pa_policy_create(&policies[1], "random", NULL));
  must(pa_policy_create(&policies[2], "wmmse", NULL));
  must(pa_policy_create(&policies[PRICED], "wmmse-priced", NULL));
  must(pa_policy_create(&policies[THRESHOLD], "threshold", NULL));
  policies[REGNN] = pa_regnn_policy(model);
  must(pa_policy_set(policies[0], PA_POLICY_SUM_POWER, budget));
  must(pa_policy_set(policies[1], PA_POLICY_SUM_POWER, budget));
  must(pa_policy_meet_budget(policies[PRICED], pricing, budget));
  must(pa_policy_meet_budget(policies[THRESHOLD], pricing, budget));
  for (size_t k = 0; k < POLICIES; k++) rate[k] = evaluate(policies[k], k == 2 ? capped : test, &power[k]);
  double trained_power = power[REGNN] / budget;
  printf("%-10s %5.1f s (%.0f steps/s)  best %5.0f  dual %.3f ", name, seconds, (double)steps / seconds, best_step,
         dual);
  for (size_t k = 0; k < POLICIES; k++) printf(" %s %.3f (%.2f W)", names[k], rate[k], power[k]);
  printf("  /threshold %.4f  /priced %.4f\n", rate[REGNN] / rate[THRESHOLD], rate[REGNN] / rate[PRICED]);
  const double row[POLICIES + 2] = {
      rate[0],      rate[1], rate[2], rate[3], rate[4], rate[REGNN] / rate[THRESHOLD], rate[REGNN] / rate[PRICED],
      trained_power};
  for (size_t k = 0; k < POLICIES + 2; k++) {
    sums[0][k] += row[k];
    if (k >= 5) sums[1][k] = k == 7 ? fmax(sums[1][k], fabs(row[k] - 1)) : fmin(sums[1][k], row[k]);
  }
  for (size_t k = 0; k < REGNN; k++) pa_policy_free(policies[k]);
  pa_states_free(test);
  pa_states_free(capped);
  pa_states_free(pricing);
  pa_trainer_free(trainer);
  pa_regnn_free(model);
}

int main(int count, char **words) {
  if (count < 7) return fprintf(stderr, "see the top of regnn_training.c\n"), 2;
  char *arguments[] = {words[4], words[1], words[2], words[5], words[3]};
  double sums[2][POLICIES + 2] = {{0}, {0, 0, 0, 0, 0, INFINITY, INFINITY, 0}};
  size_t done = 0;
  int multicell = strcmp(words[6], "multicell") == 0, adhoc = strcmp(words[6], "adhoc") == 0;
  pa_network *network;
  if (adhoc || multicell) {
    char **numbers = words + 7;
    size_t cells = multicell ? strtoull(*numbers++, NULL, 10) : 0, links = strtoull(numbers[0], NULL, 10);
    for (uint64_t seed = strtoull(numbers[1], NULL, 10); seed <= strtoull(numbers[2], NULL, 10); seed++, done++) {
      char name[40];
      snprintf(name, sizeof name, "seed %u", (unsigned)seed);
      if (adhoc)
        must(pa_network_create_adhoc(&network, links, seed, NULL));
      else
        must(pa_network_create_multicell(&network, cells, links, seed, NULL));
      if (words[1][0] == 'b') must(pa_network_set(network, PA_NETWORK_PATH_LOSS_EXPONENT, 1.1));
      train_one(name, network, arguments, sums);
      pa_network_free(network);
    }
  }
  for (int k = 6; k < count && !adhoc && !multicell; k++, done++) {
    pa_array *array;
    must(pa_array_load(&array, words[k], NULL));
    size_t links = pa_array_extent(array, 0);
    double *gain = malloc(links * links * sizeof *gain);
    for (size_t e = 0; e < links * links; e++) gain[e] = pa_array_data(array)[e];
    for (size_t e = 0; e < links * links && words[1][0] == 'b'; e++) gain[e] = sqrt(gain[e]);
    must(pa_network_create_path_gain(&network, links, gain, strtoull(words[5], NULL, 10), NULL));
    const char *name = strrchr(words[k], '/');
    train_one(name ? name + 1 : words[k], network, arguments, sums);
    pa_network_free(network);
    pa_array_free(array);
    free(gain);
  }
  double n = (double)done;
  printf("mean of %zu:", done);
  for (size_t k = 0; k < REGNN; k++) printf(" %s %.3f", names[k], sums[0][k] / n);
  printf(
      "  regnn / threshold %.4f (least %.4f)  / priced %.4f (least %.4f)  power %.4f of the budget (error <= %.4f)\n",
      sums[0][5] / n, sums[1][5], sums[0][6] / n, sums[1][6], sums[0][7] / n, sums[1][7]);
}
