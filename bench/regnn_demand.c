/* Trains REGNN model-free on the sum-rate under minimum rates (REGNN paper, eq. (50)) and counts the demands that are
 * met, beside a model-based dual search: weighted WMMSE whose weights follow the same violations.
 *
 *   regnn_demand SCALE STEPS SEED FIRST LAST
 *
 * Ad hoc networks FIRST .. LAST of 30 links, power gain d^-2.2 Rayleigh^2, p0 = 4 W, noise 1 W, no power budget;
 * demands exponential with mean 0.05 SCALE nat/s/Hz. A demand is infeasible alone if even p0 from its link only does
 * not meet it. 10000 test draws of a stream that was not trained on. */
#define _XOPEN_SOURCE 600 /* drand48 */
#include "bench.h"

#include <math.h>

enum { LINKS = 30, TEST = 10000, SEARCH = 400, ROUNDS = 400 };

/* Mean rates in bit/s/Hz; returns their sum in nat/s/Hz. */
static double rates_of(const pa_policy *policy, const pa_states *states, double mean[LINKS]) {
  size_t batch = pa_states_batch(states);
  double *power = malloc(batch * LINKS * sizeof *power), *rate = malloc(batch * LINKS * sizeof *rate), sum = 0;
  must(pa_policy_allocate(policy, states, power, NULL, 0));
  must(pa_rates(states, power, rate));
  for (size_t i = 0; i < LINKS; i++) mean[i] = 0;
  for (size_t k = 0; k < batch * LINKS; k++) mean[k % LINKS] += rate[k] / (double)batch;
  for (size_t i = 0; i < LINKS; i++) sum += mean[i] * log(2);
  free(power);
  free(rate);
  return sum;
}

static size_t met(const double mean[LINKS], const double demand[LINKS]) {
  size_t count = 0;
  for (size_t i = 0; i < LINKS; i++) count += mean[i] >= demand[i];
  return count;
}

/* Weights of WMMSE by subgradient steps; the best round counts. */
static size_t search(pa_states *small, pa_states *test, const double demand[LINKS], double *sum) {
  double dual[LINKS] = {0}, weight[LINKS], best[LINKS], mean[LINKS];
  size_t most = 0;
  pa_policy *wmmse;
  must(pa_policy_create(&wmmse, "wmmse", NULL));
  for (size_t i = 0; i < LINKS; i++) best[i] = 1;
  for (size_t round = 0; round < ROUNDS; round++) {
    for (size_t i = 0; i < LINKS; i++) weight[i] = 1 + dual[i];
    must(pa_states_set_weights(small, weight, LINKS));
    rates_of(wmmse, small, mean);
    size_t count = met(mean, demand);
    for (size_t i = 0; i < LINKS && count >= most; i++) best[i] = weight[i];
    most = count > most ? count : most;
    for (size_t i = 0; i < LINKS; i++) {
      double violation = 1.05 - mean[i] / demand[i];
      dual[i] = fmin(fmax(dual[i] + .1 * fmin(fmax(violation, -3), 3), 0), 10);
    }
  }
  must(pa_states_set_weights(test, best, LINKS));
  *sum = rates_of(wmmse, test, mean);
  pa_policy_free(wmmse);
  return met(mean, demand);
}

static void run(uint64_t topology, double scale, uint64_t steps, uint64_t seed, double sums[5]) {
  double noise = 1, limit = 4, demand[LINKS], weight[LINKS], mean[LINKS], sum, found;
  pa_network *network;
  must(pa_network_create_adhoc(&network, LINKS, topology, NULL));
  must(pa_network_set(network, PA_NETWORK_PATH_LOSS_EXPONENT, 1.1));
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_network_set_power_limit(network, &limit, 1));
  srand48((long)topology + 1);
  for (size_t i = 0; i < LINKS; i++) demand[i] = -scale * .05 * log(1 - drand48()) / log(2);
  pa_states *test, *small;
  must(pa_network_draw_states(network, 999, 0, TEST, &test, NULL));
  must(pa_network_draw_states(network, 998, 0, SEARCH, &small, NULL));
  size_t alone = 0, end = 0;
  char names[LINKS * 4] = "";
  for (size_t i = 0; i < LINKS; i++) {
    const double *h = pa_states_channel(test);
    double rate = 0;
    for (size_t b = 0; b < TEST; b++) {
      double own = h[(b * LINKS + i) * LINKS + i];
      rate += log2(1 + own * own * limit) / TEST;
    }
    alone += rate >= demand[i];
    if (rate < demand[i]) end += (size_t)snprintf(names + end, sizeof names - end, " %zu", i);
  }
  pa_regnn *model;
  pa_trainer *trainer;
  const int32_t key = PA_REGNN_INPUTS;
  const double inputs = 15;
  must(pa_regnn_create(&model, &key, &inputs, 1, seed, NULL));
  must(pa_trainer_create(&trainer, pa_regnn_policy(model), network, seed, NULL));
  must(pa_trainer_set_reward(trainer, LINKS, pa_reward_capacity, NULL, NULL));
  must(pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MIN_REWARD, demand, LINKS));
  double start = now();
  pa_status status = pa_trainer_run(trainer, steps);
  must(status);
  double seconds = now() - start;
  size_t searched = search(small, test, demand, &found);
  must(pa_trainer_link_weights(trainer, weight, LINKS));
  must(pa_states_set_weights(test, weight, LINKS));
  sum = rates_of(pa_regnn_policy(model), test, mean);
  size_t trained = met(mean, demand);
  printf("network %u: feasible alone %zu (%s%s), dual search %zu (%.3f nat/s/Hz), regnn %zu (%.3f), %.1f s%s%s\n",
         (unsigned)topology, alone, end > 0 ? "not" : "all", names, searched, found, trained, sum, seconds,
         status == PA_INFEASIBLE ? "; " : "", status == PA_INFEASIBLE ? pa_last_error() : "");
  const double row[5] = {(double)alone, (double)searched, (double)trained, found, sum};
  for (size_t k = 0; k < 5; k++) sums[k] += row[k];
  pa_trainer_free(trainer);
  pa_regnn_free(model);
  pa_states_free(test);
  pa_states_free(small);
  pa_network_free(network);
}

int main(int count, char **words) {
  if (count != 6) return fprintf(stderr, "see the top of regnn_demand.c\n"), 2;
  double sums[5] = {0};
  uint64_t first = strtoull(words[4], NULL, 10), last = strtoull(words[5], NULL, 10);
  for (uint64_t topology = first; topology <= last; topology++)
    run(topology, atof(words[1]), strtoull(words[2], NULL, 10), strtoull(words[3], NULL, 10), sums);
  double n = (double)(last - first + 1);
  printf("mean: feasible alone %.1f, dual search %.1f, regnn %.1f: %.3f of the search, sum-rate %.3f of it\n",
         sums[0] / n, sums[1] / n, sums[2] / n, sums[2] / sums[1], sums[4] / sums[3]);
}
