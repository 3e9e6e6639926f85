#define _GNU_SOURCE /* RTLD_NEXT */
#include "allocations.h"
#include "fixture.h"
#include "suite.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { RANDOM = 2, WMMSE = 4, PRICED = 6, KINDS };
static const char *const kinds[KINDS] = {"full-power", "equal",           "random",      "threshold",
                                         "wmmse",      "wmmse-truncated", "wmmse-priced"};

/* States of an ad hoc network; the caller's noise, pmax 1 W. */
static pa_states *draw(size_t links, size_t batch, double noise, uint64_t seed) {
  pa_network *network;
  pa_states *states;
  ok(pa_network_create_adhoc(&network, links, seed, NULL));
  ok(pa_network_set_noise(network, &noise, 1));
  ok(pa_network_draw_states(network, 0, 0, batch, &states, NULL));
  pa_network_free(network);
  return states;
}

static pa_policy *make(const char *kind) {
  pa_policy *policy;
  ok(pa_policy_create(&policy, kind, NULL));
  return policy;
}

static double *allocate(const pa_policy *policy, const pa_states *states) {
  double *power = calloc(pa_states_batch(states) * pa_states_links(states), sizeof *power);
  ok(pa_policy_allocate(policy, states, power, NULL, 0));
  return power;
}

/* Weighted sum-rate of sample b in nats. */
static double sum_rate(const pa_states *states, const double *power, size_t b) {
  size_t n = pa_states_links(states), batch = pa_states_batch(states);
  double *rate = calloc(batch * n, sizeof *rate), sum = 0;
  ok(pa_rates(states, power, rate));
  for (size_t i = 0; i < n; i++) sum += pa_states_weights(states)[i] * rate[b * n + i] * log(2);
  free(rate);
  return sum;
}

static double total(const double *power, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += power[i];
  return sum;
}

static void same(const double *a, const double *b, size_t n, double tolerance) {
  for (size_t k = 0; k < n; k++)
    ck_assert_msg(fabs(a[k] - b[k]) <= tolerance, "element %zu: %.17g and %.17g", k, a[k], b[k]);
}

/* Independent cases ---------------------------------------------------------------------------------------------- */

/* Powers reach the case's rates: to 1e-9, at 100 iterations within 100 times what a change of 1e-13 in H does. */
static void reaches(const fixture *f, const pa_states *states, int iterations) {
  size_t n = pa_states_links(states), batch = pa_states_batch(states);
  char name[32];
  pa_policy *policy = make("wmmse");
  ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, iterations));
  double *power = allocate(policy, states), *rate = calloc(batch * n, sizeof *rate);
  ok(pa_rates(states, power, rate));
  double slack = iterations == 100 ? 100 * fixture_scalar(f, "sens_rate_100") : 0;
  snprintf(name, sizeof name, "sumrate_log2_%d", iterations);
  const double *sum = fixture_get(f, name, NULL);
  for (size_t b = 0; b < batch; b++) close_to(total(rate + b * n, n), sum[b], 1e-9 * sum[b] + slack / log(2));
  if (iterations < 100) {
    snprintf(name, sizeof name, "rates_ln_%d", iterations);
    const double *rates = fixture_get(f, name, NULL);
    for (size_t k = 0; k < batch * n; k++) close_to(rate[k] * log(2), rates[k], 1e-9 * fmax(rates[k], 1e-3));
    snprintf(name, sizeof name, "p_%d", iterations);
    same(power, fixture_get(f, name, NULL), batch * n, 1e-9 * pa_states_power_limit(states)[0]);
  }
  free(power);
  free(rate);
  pa_policy_free(policy);
}

START_TEST(wmmse_cases) {
  static const char *const noises[] = {"s1", "s1em3", "s1em9p1", "s1em10"};
  static const char *const networks[] = {"M1_%s",         "M2_%s",  "M3_%s",  "M10_%s",
                                         "M10_%s_pmax10", "M20_%s", "M50_%s", "M100_%s"};
  static const int iterations[] = {1, 2, 4, 100};
  for (size_t k = 0; k < 8; k++)
    for (size_t s = 0; s < 4; s++) {
      char network[32], name[64];
      snprintf(network, sizeof network, networks[k], noises[s]);
      snprintf(name, sizeof name, "wmmse_%s", network);
      fixture *f = fixture_open(name);
      size_t shape[8];
      const double *h = fixture_get(f, "H", shape);
      pa_states *states;
      ok(pa_states_create(&states, shape[0], shape[1], h, fixture_scalar(f, "s2"), fixture_scalar(f, "pmax"), NULL));
      for (size_t i = 0; i < 4; i++) reaches(f, states, iterations[i]);
      pa_states_free(states);
      fixture_close(f);
    }
}
END_TEST

START_TEST(priced_case) {
  fixture *f = fixture_open("wmmse_priced");
  size_t shape[8];
  const double *h = fixture_get(f, "H", shape);
  size_t count = shape[0] * shape[1];
  pa_states *states;
  ok(pa_states_create(&states, shape[0], shape[1], h, fixture_scalar(f, "s2"), fixture_scalar(f, "pmax"), NULL));
  pa_policy *priced = make("wmmse-priced"), *capped = make("wmmse");
  ok(pa_policy_set(priced, PA_POLICY_ITERATIONS, 30));
  ok(pa_policy_set(priced, PA_POLICY_PRICE, fixture_scalar(f, "price")));
  ok(pa_policy_set(capped, PA_POLICY_ITERATIONS, 30));
  ok(pa_policy_set(capped, PA_POLICY_SUM_POWER, fixture_scalar(f, "tot")));
  double *power = allocate(priced, states), *under = allocate(capped, states);
  same(power, fixture_get(f, "p_price_30", NULL), count, 1e-9);
  same(under, fixture_get(f, "p_tot_30", NULL), count, 1e-9);
  free(power);
  free(under);
  pa_policy_free(priced);
  pa_policy_free(capped);
  pa_states_free(states);
  fixture_close(f);
}
END_TEST

/* Properties of WMMSE -------------------------------------------------------------------------------------------- */

START_TEST(wmmse_never_gets_worse) {
  pa_states *states = draw(12, 8, 1e-3, 3);
  double weights[12], limits[12], noise[12];
  for (size_t i = 0; i < 12; i++) {
    weights[i] = 0.5 + (double)(i % 4);
    limits[i] = 0.1 + 0.3 * (double)(i % 5);
    noise[i] = 1e-3 * (1 + (double)(i % 3));
  }
  ok(pa_states_set_weights(states, weights, 12));
  ok(pa_states_set_power_limit(states, limits, 12));
  ok(pa_states_set_noise(states, noise, 12));
  pa_policy *policy = make("wmmse");
  double last[8] = {0};
  for (int k = 1; k < 60; k += k < 10 ? 1 : 7) {
    ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, k));
    double *power = allocate(policy, states);
    for (size_t b = 0; b < 8; b++) {
      double now = sum_rate(states, power, b);
      ck_assert_msg(now >= last[b] - 1e-9, "sample %zu, iteration %d: %.15g after %.15g", b, k, now, last[b]);
      last[b] = now;
    }
    free(power);
  }
  pa_policy_free(policy);
  pa_states_free(states);
}
END_TEST

/* Best sum-rate of a sample of n <= 3 links on a grid of powers. */
static double best_on_grid(const pa_states *states, size_t b, int steps) {
  size_t n = pa_states_links(states);
  const double *h = pa_states_channel(states) + b * n * n, noise = pa_states_noise(states)[0];
  double best = 0;
  for (int code = 0; code < (int)pow(steps + 1, (double)n); code++) {
    double p[3], rate = 0;
    int digits = code;
    for (size_t i = 0; i < n; i++, digits /= steps + 1) p[i] = (double)(digits % (steps + 1)) / steps;
    for (size_t j = 0; j < n; j++) {
      double interference = noise;
      for (size_t i = 0; i < n; i++) interference += i == j ? 0 : h[i * n + j] * h[i * n + j] * p[i];
      rate += log1p(h[j * n + j] * h[j * n + j] * p[j] / interference);
    }
    best = fmax(best, rate);
  }
  return best;
}

START_TEST(wmmse_against_brute_force) {
  for (size_t n = 2; n <= 3; n++) {
    pa_states *states = draw(n, 20, 1e-2, 11 + n);
    static const double starts[] = {1, 0.7, 0.3, 0.05};
    double reached[20] = {0}, close = 0;
    pa_policy *policy = make("wmmse");
    ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 1000));
    for (size_t s = 0; s < 4; s++) {
      ok(pa_policy_set(policy, PA_POLICY_START, starts[s]));
      double *power = allocate(policy, states);
      for (size_t b = 0; b < 20; b++) reached[b] = fmax(reached[b], sum_rate(states, power, b));
      free(power);
    }
    for (size_t b = 0; b < 20; b++) {
      double best = best_on_grid(states, b, n == 2 ? 100 : 24);
      ck_assert_msg(reached[b] <= best * 1.01, "sample %zu: WMMSE %.12g above the best %.12g", b, reached[b], best);
      close += reached[b] >= 0.99 * best;
    }
    ck_assert_msg(close >= 16, "within 1 %% of the optimum in %g of 20 samples of %zu links", close, n);
    pa_policy_free(policy);
    pa_states_free(states);
  }
}
END_TEST

/* Links that do not hear each other, or one that is alone, transmit at their limit. */
START_TEST(decoupled_links_transmit_at_full_power) {
  double h[25] = {0}, limits[5] = {0.5, 1, 2, 4, 8};
  for (size_t i = 0; i < 5; i++) h[i * 6] = 0.1 * (double)(i + 1);
  pa_states *states;
  ok(pa_states_create(&states, 1, 5, h, 1e-3, 1, NULL));
  ok(pa_states_set_power_limit(states, limits, 5));
  for (size_t k = 0; k < KINDS; k++) {
    if (strcmp(kinds[k], "random") == 0) continue;
    pa_policy *policy = make(kinds[k]);
    double *power = allocate(policy, states);
    same(power, limits, 5, 1e-12);
    free(power);
    pa_policy_free(policy);
  }
  pa_states_free(states);
}
END_TEST

/* A link without a channel of its own is silent under WMMSE, and nothing is NaN. */
START_TEST(dead_links_are_silent) {
  double h[9] = {1, 0.2, 0.1, 0.3, 0, 0.2, 0.1, 0.2, 1};
  pa_states *states;
  ok(pa_states_create(&states, 1, 3, h, 1e-3, 1, NULL));
  pa_policy *policy = make("wmmse");
  double *power = allocate(policy, states);
  ck_assert(power[1] == 0);
  ck_assert(power[0] > 0 && power[2] > 0);
  memset(h, 0, sizeof h);
  ok(pa_policy_allocate(policy, states, power, NULL, 0));
  for (size_t i = 0; i < 3; i++) ck_assert(power[i] == 0);
  free(power);
  pa_policy_free(policy);
  pa_states_free(states);
}
END_TEST

/* H times c with the noise times c^2, and pmax times c with the noise times c, change nothing but the unit. */
START_TEST(wmmse_is_free_of_units) {
  enum { N = 9, B = 5, E = B * N * N };
  pa_states *states = draw(N, B, 1e-3, 5), *scaled;
  static const char *const names[] = {"wmmse", "wmmse-truncated"};
  double h[E];
  for (size_t k = 0; k < E; k++) h[k] = pa_states_channel(states)[k] * 0x1p-20;
  for (size_t k = 0; k < 2; k++) {
    pa_policy *policy = make(names[k]);
    double *power = allocate(policy, states);
    ok(pa_states_create(&scaled, B, N, h, 1e-3 * 0x1p-40, 1, NULL));
    double *other = allocate(policy, scaled);
    same(power, other, B * N, 1e-12);
    free(other);
    pa_states_free(scaled);
    ok(pa_states_create(&scaled, B, N, pa_states_channel(states), 1e-3 * 1024, 1024, NULL));
    other = allocate(policy, scaled);
    for (size_t i = 0; i < B * N; i++) close_to(other[i] / 1024, power[i], 1e-12);
    free(other);
    pa_states_free(scaled);
    free(power);
    pa_policy_free(policy);
  }
  pa_states_free(states);
}
END_TEST

START_TEST(weights_favour_their_link) {
  pa_states *states = draw(8, 30, 1e-3, 6);
  pa_policy *policy = make("wmmse");
  double weights[8], mean[3] = {0};
  for (int k = 0; k < 3; k++) {
    for (size_t i = 0; i < 8; i++) weights[i] = i == 2 ? pow(10, k - 1) : 1;
    ok(pa_states_set_weights(states, weights, 8));
    double *power = allocate(policy, states), rate[8 * 30];
    ok(pa_rates(states, power, rate));
    for (size_t b = 0; b < 30; b++) mean[k] += rate[b * 8 + 2] / 30;
    free(power);
  }
  ck_assert_msg(mean[0] < mean[1] && mean[1] < mean[2], "%g %g %g", mean[0], mean[1], mean[2]);
  for (size_t i = 0; i < 8; i++) weights[i] = 7;
  ok(pa_states_set_weights(states, weights, 8));
  double *heavy = allocate(policy, states);
  ok(pa_states_set_weights(states, (double[]){1}, 1));
  double *plain = allocate(policy, states);
  same(heavy, plain, 8 * 30, 1e-10);
  free(heavy);
  free(plain);
  pa_policy_free(policy);
  pa_states_free(states);
}
END_TEST

START_TEST(tolerance_ends_early_where_more_would_change_nothing) {
  pa_states *states = draw(10, 8, 1, 7);
  pa_policy *policy = make("wmmse");
  ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 3000));
  double *power = allocate(policy, states);
  ok(pa_policy_set(policy, PA_POLICY_TOLERANCE, 1e-12));
  double *early = allocate(policy, states);
  same(power, early, 80, 1e-6);
  ok(pa_policy_set(policy, PA_POLICY_TOLERANCE, 1));
  double *once = allocate(policy, states);
  ok(pa_policy_set(policy, PA_POLICY_TOLERANCE, 0));
  ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 1));
  double *one = allocate(policy, states);
  same(once, one, 80, 0);
  free(power);
  free(early);
  free(once);
  free(one);
  pa_policy_free(policy);
  pa_states_free(states);
}
END_TEST

START_TEST(cap_on_the_sum_is_met) {
  enum { N = 14, B = 12 };
  pa_states *states = draw(N, B, 1e-2, 8);
  double limits[N];
  for (size_t i = 0; i < N; i++) limits[i] = 0.2 + 0.2 * (double)(i % 4);
  ok(pa_states_set_power_limit(states, limits, N));
  pa_policy *policy = make("wmmse");
  double *plain = allocate(policy, states);
  static const double caps[] = {1e-3, 0.5, 1.5, 100};
  for (size_t c = 0; c < 4; c++) {
    ok(pa_policy_set(policy, PA_POLICY_SUM_POWER, caps[c]));
    double *power = allocate(policy, states);
    for (size_t b = 0; b < B; b++) {
      double sum = total(power + b * N, N);
      ck_assert_msg(sum <= caps[c] * (1 + 1e-9), "sample %zu spends %.15g of %g W", b, sum, caps[c]);
      if (caps[c] < 0.1) close_to(sum, caps[c], 1e-9 * caps[c]);
    }
    if (caps[c] == 100) same(power, plain, B * N, 1e-12);
    free(power);
  }
  pa_policy *equal = make("equal"), *random = make("random");
  ok(pa_policy_set(equal, PA_POLICY_SUM_POWER, 1.4));
  double *power = allocate(equal, states);
  for (size_t k = 0; k < B * N; k++) close_to(power[k], 0.1, 1e-15);
  ok(pa_policy_set(random, PA_POLICY_SUM_POWER, 1.5));
  ok(pa_policy_allocate(random, states, power, NULL, 0));
  for (size_t b = 0; b < B; b++) ck_assert(total(power + b * N, N) <= 1.5 && total(power + b * N, N) > 0.7);
  free(power);
  free(plain);
  pa_policy_free(policy);
  pa_policy_free(equal);
  pa_policy_free(random);
  pa_states_free(states);
}
END_TEST

/* Links at or above the threshold transmit, and the threshold that meets a budget spends it up to one link. */
START_TEST(thresholds) {
  enum { N = 6, B = 500 };
  const double limits[N] = {1, 2, 1, .5, 1, 3};
  pa_states *states = draw(N, B, 1e-3, 4);
  ok(pa_states_set_power_limit(states, limits, N));
  pa_policy *policy = make("threshold");
  const double *h = pa_states_channel(states);
  double exact = h[0] * h[0] / 1e-3;
  ok(pa_policy_set(policy, PA_POLICY_THRESHOLD, exact));
  double *power = allocate(policy, states);
  for (size_t k = 0; k < B * N; k++) {
    double own = h[k / N * N * N + k % N * (N + 1)];
    ck_assert(power[k] == (own * own * limits[k % N] / 1e-3 >= exact ? limits[k % N] : 0));
  }
  ck_assert(power[0] == 1);
  free(power);
  ok(pa_policy_meet_budget(policy, states, 2));
  power = allocate(policy, states);
  ck_assert(total(power, N * B) <= 2 * B && total(power, N * B) > 2 * B - 3.1);
  free(power);
  pa_policy_free(policy);
  pa_states_free(states);
}
END_TEST

START_TEST(average_budget_is_met) {
  enum { N = 12, B = 24 };
  pa_states *states = draw(N, B, 1e-3, 9);
  pa_policy *policy = make("wmmse-priced");
  double price;
  static const double budgets[] = {0.01, 1, 3};
  for (size_t k = 0; k < 3; k++) {
    ok(pa_policy_meet_budget(policy, states, budgets[k]));
    double *power = allocate(policy, states), mean = total(power, N * B) / B;
    ok(pa_policy_get(policy, PA_POLICY_PRICE, &price));
    ck_assert(price > 0);
    ck_assert_msg(mean <= budgets[k] && mean >= budgets[k] * (1 - 1e-5), "%.15g of %g W", mean, budgets[k]);
    free(power);
  }
  ok(pa_policy_meet_budget(policy, states, N + 1));
  ok(pa_policy_get(policy, PA_POLICY_PRICE, &price));
  ck_assert(price == 0);
  ok(pa_policy_set(policy, PA_POLICY_PRICE, 0.25));
  fails(pa_policy_meet_budget(policy, states, 0), PA_ERROR_ARGUMENT, "budget is 0 W");
  fails(pa_policy_meet_budget(policy, states, NAN), PA_ERROR_ARGUMENT, "budget");
  fails(pa_policy_meet_budget(policy, NULL, 1), PA_ERROR_ARGUMENT, "states is NULL");
  ok(pa_policy_get(policy, PA_POLICY_PRICE, &price));
  ck_assert(price == 0.25);
  pa_policy *without = make("wmmse");
  fails(pa_policy_meet_budget(without, states, 1), PA_ERROR_ARGUMENT, "policy wmmse has no price");
  pa_policy_free(without);
  pa_policy_free(policy);
  pa_states_free(states);
}
END_TEST

/* Properties of all ---------------------------------------------------------------------------------------------- */

/* A learned model with weights that are not the initial ones, so that every term counts. */
static pa_uwmmse *learned(int32_t architecture) {
  pa_uwmmse *model;
  ok(pa_uwmmse_create(&model, architecture, 4, 5, 1, NULL));
  size_t n = pa_uwmmse_weight_count(model);
  double *weights = calloc(n, sizeof *weights);
  ok(pa_uwmmse_get_weights(model, weights, n));
  for (size_t k = 0; k < n; k++) weights[k] += 0.05 * (double)(k % 7);
  ok(pa_uwmmse_set_weights(model, weights, n));
  free(weights);
  return model;
}

/* Every policy: the classical ones, then the learned ones. */
#define POLICIES (KINDS + 2)
struct all {
  pa_policy *policy[POLICIES];
  pa_uwmmse *model[2];
};

static struct all all_policies(void) {
  struct all all;
  for (size_t k = 0; k < KINDS; k++) all.policy[k] = make(kinds[k]);
  ok(pa_policy_set(all.policy[PRICED], PA_POLICY_PRICE, 0.5));
  for (size_t k = 0; k < 2; k++) {
    all.model[k] = learned(k == 0 ? PA_UWMMSE_PAPER : PA_UWMMSE_EXTENDED);
    all.policy[KINDS + k] = pa_uwmmse_policy(all.model[k]);
  }
  return all;
}

static void free_all(struct all *all) {
  for (size_t k = 0; k < POLICIES; k++) pa_policy_free(all->policy[k]);
  for (size_t k = 0; k < 2; k++) pa_uwmmse_free(all->model[k]);
}

static uint32_t next_random(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

static void shuffle(size_t *order, size_t n, uint32_t *state) {
  for (size_t i = 0; i < n; i++) order[i] = i;
  for (size_t i = n; i > 1; i--) {
    size_t k = (next_random(state) >> 8) % i, kept = order[k];
    order[k] = order[i - 1];
    order[i - 1] = kept;
  }
}

/* The states with their links in another order: link order[i] becomes link i. */
static pa_states *permuted(const pa_states *states, const size_t *order, double *h) {
  size_t n = pa_states_links(states), batch = pa_states_batch(states);
  double *vectors[3];
  const double *from[3] = {pa_states_noise(states), pa_states_power_limit(states), pa_states_weights(states)};
  for (size_t v = 0; v < 3; v++) {
    vectors[v] = calloc(n, sizeof(double));
    for (size_t i = 0; i < n; i++) vectors[v][i] = from[v][order[i]];
  }
  for (size_t b = 0; b < batch; b++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++)
        h[(b * n + i) * n + j] = pa_states_channel(states)[(b * n + order[i]) * n + order[j]];
  pa_states *out;
  ok(pa_states_create(&out, batch, n, h, 1, 1, NULL));
  ok(pa_states_set_noise(out, vectors[0], n));
  ok(pa_states_set_power_limit(out, vectors[1], n));
  ok(pa_states_set_weights(out, vectors[2], n));
  for (size_t v = 0; v < 3; v++) free(vectors[v]);
  return out;
}

/* Noise, limits and weights that differ from link to link. */
static void diversify(pa_states *states) {
  size_t n = pa_states_links(states);
  double *values = calloc(n, sizeof *values);
  for (size_t i = 0; i < n; i++) values[i] = 0.3 * (1 + 0.25 * (double)(i % 3));
  ok(pa_states_set_noise(states, values, n));
  for (size_t i = 0; i < n; i++) values[i] = 0.5 + 0.5 * (double)(i % 4);
  ok(pa_states_set_power_limit(states, values, n));
  for (size_t i = 0; i < n; i++) values[i] = 1 + 0.5 * (double)(i % 5);
  ok(pa_states_set_weights(states, values, n));
  free(values);
}

START_TEST(permuting_links_permutes_powers) {
  struct all all = all_policies();
  uint32_t state = 1;
  ok(pa_policy_set(all.policy[WMMSE], PA_POLICY_ITERATIONS, 10));
  ok(pa_policy_set(all.policy[PRICED], PA_POLICY_ITERATIONS, 10));
  for (size_t n = 1; n <= 200; n += n < 20 ? 1 : n < 60 ? 9 : 35) {
    pa_states *states = draw(n, 3, 1, n);
    diversify(states);
    size_t *order = calloc(n, sizeof *order);
    double *h = calloc(3 * n * n, sizeof *h);
    shuffle(order, n, &state);
    pa_states *other = permuted(states, order, h);
    for (size_t k = 0; k < POLICIES; k++) {
      if (k == RANDOM) continue; /* random selection knows its links by number */
      double *power = allocate(all.policy[k], states), *moved = allocate(all.policy[k], other);
      for (size_t b = 0; b < 3; b++)
        for (size_t i = 0; i < n; i++)
          ck_assert_msg(fabs(moved[b * n + i] - power[b * n + order[i]]) <= 1e-8,
                        "%s, %zu links: link %zu has %.12g, %.12g before", pa_policy_name(all.policy[k]), n, i,
                        moved[b * n + i], power[b * n + order[i]]);
      free(power);
      free(moved);
    }
    free(order);
    free(h);
    pa_states_free(states);
    pa_states_free(other);
  }
  free_all(&all);
}
END_TEST

/* A sample alone, anywhere in a batch, and in either layout of the kernels: the same bits. */
START_TEST(a_sample_does_not_depend_on_its_batch) {
  enum { B = 19 };
  static const size_t sizes[] = {1, 2, 5, 20, 33, 50, 70};
  struct all all = all_policies();
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    size_t n = sizes[s];
    pa_states *states = draw(n, B, 1e-3, s), *part;
    for (size_t k = 0; k < POLICIES; k++) {
      double *power = allocate(all.policy[k], states), *piece = calloc(B * n, sizeof *piece);
      for (size_t first = 0, count; first < B; first += count) {
        count = first == 0 ? 1 : first < 6 ? 3 : 9;
        if (count > B - first) count = B - first;
        ok(pa_states_create(&part, count, n, pa_states_channel(states) + first * n * n, 1e-3, 1, NULL));
        ok(pa_states_set_first(part, first));
        ok(pa_policy_allocate(all.policy[k], part, piece + first * n, NULL, 0));
        pa_states_free(part);
      }
      ck_assert_msg(memcmp(power, piece, B * n * sizeof *power) == 0, "%s, %zu links", pa_policy_name(all.policy[k]),
                    n);
      free(power);
      free(piece);
    }
    pa_states_free(states);
  }
  free_all(&all);
}
END_TEST

START_TEST(powers_stay_within_their_limits) {
  struct all all = all_policies();
  for (size_t n = 1; n <= 64; n *= 4) {
    pa_states *states = draw(n, 20, 1e-6, n);
    diversify(states);
    for (size_t k = 0; k < POLICIES; k++) {
      double *power = allocate(all.policy[k], states);
      for (size_t i = 0; i < 20 * n; i++) ck_assert(power[i] >= 0 && power[i] <= pa_states_power_limit(states)[i % n]);
      free(power);
    }
    pa_states_free(states);
  }
  free_all(&all);
}
END_TEST

START_TEST(random_selection_is_exact_uniform_and_repeatable) {
  enum { N = 10, B = 4000 };
  pa_states *states = draw(N, B, 1, 10);
  pa_policy *policy = make("random");
  ok(pa_policy_set(policy, PA_POLICY_ACTIVE_SHARE, 0.3));
  double *power = allocate(policy, states), count[N] = {0}, pairs = 0;
  for (size_t b = 0; b < B; b++) {
    close_to(total(power + b * N, N), 3, 0);
    for (size_t i = 0; i < N; i++) count[i] += power[b * N + i];
    pairs += power[b * N] * power[b * N + 7];
  }
  /* Binomial: standard deviation of a count is sqrt(4000 * .3 * .7) = 29. */
  for (size_t i = 0; i < N; i++) close_to(count[i], 1200, 130);
  close_to(pairs, B * 0.3 * 2 / 9, 80);
  double *again = allocate(policy, states);
  same(power, again, N * B, 0);
  ok(pa_policy_set(policy, PA_POLICY_SEED, 1));
  ok(pa_policy_allocate(policy, states, again, NULL, 0));
  ck_assert(memcmp(power, again, sizeof(double) * N * B) != 0);
  free(power);
  free(again);
  pa_policy_free(policy);
  pa_states_free(states);
}
END_TEST

/* The contract of embedding -------------------------------------------------------------------------------------- */

START_TEST(nothing_is_allocated_with_a_workspace) {
  static const size_t sizes[] = {1, 7, 20, 64, 600};
  struct all all = all_policies();
  ok(pa_policy_set(all.policy[WMMSE], PA_POLICY_SUM_POWER, 1));
  for (size_t k = WMMSE; k < KINDS; k++) ok(pa_policy_set(all.policy[k], PA_POLICY_ITERATIONS, 5));
  for (size_t s = 0; s < 5; s++) {
    size_t n = sizes[s], batch = n < 100 ? 9 : 1, bytes;
    pa_states *states = draw(n, batch, 1, s);
    double *power = calloc(batch * n, sizeof *power), *other = calloc(batch * n, sizeof *other);
    for (size_t k = 0; k < POLICIES; k++) {
      ok(pa_policy_workspace(all.policy[k], batch, n, &bytes));
      unsigned char *memory = aligned_alloc(64, (bytes + 191) / 64 * 64);
      memset(memory, 0xA5, (bytes + 191) / 64 * 64);
      size_t before = allocations;
      pa_status status = pa_policy_allocate(all.policy[k], states, power, memory + 64, bytes);
      size_t after = allocations;
      ok(status);
      ck_assert_msg(after == before, "%s allocates", pa_policy_name(all.policy[k]));
      for (size_t i = 0; i < 64; i++) ck_assert_uint_eq(memory[i], 0xA5);
      for (size_t i = 64 + bytes; i < (bytes + 191) / 64 * 64; i++) ck_assert_uint_eq(memory[i], 0xA5);
      ok(pa_policy_allocate(all.policy[k], states, other, NULL, 0));
      ck_assert_int_eq(memcmp(power, other, batch * n * sizeof *power), 0);
      if (bytes > 64)
        fails(pa_policy_allocate(all.policy[k], states, other, memory, bytes - 1), PA_ERROR_WORKSPACE, "needs");
      fails(pa_policy_allocate(all.policy[k], states, other, memory + 8, bytes), PA_ERROR_WORKSPACE, "not aligned");
      ck_assert_int_eq(memcmp(power, other, batch * n * sizeof *power), 0);
      free(memory);
    }
    free(power);
    free(other);
    pa_states_free(states);
  }
  free_all(&all);
}
END_TEST

struct job {
  const pa_policy *policy;
  const pa_states *states;
  const double *expected;
  int wrong;
};

static void *allocate_often(void *user) {
  struct job *job = user;
  size_t count = pa_states_batch(job->states) * pa_states_links(job->states);
  double *power = calloc(count, sizeof *power);
  for (int k = 0; k < 5; k++) {
    memset(power, 0, count * sizeof *power);
    if (pa_policy_allocate(job->policy, job->states, power, NULL, 0) != PA_OK) job->wrong++;
    if (memcmp(power, job->expected, count * sizeof *power) != 0) job->wrong++;
  }
  free(power);
  return NULL;
}

START_TEST(threads_share_a_policy) {
  struct all all = all_policies();
  pa_states *states = draw(20, 16, 1e-3, 12);
  for (size_t k = 0; k < POLICIES; k++) {
    double *power = allocate(all.policy[k], states);
    pthread_t thread[8];
    struct job job[8];
    for (size_t t = 0; t < 8; t++) {
      job[t] = (struct job){all.policy[k], states, power, 0};
      ck_assert_int_eq(pthread_create(&thread[t], NULL, allocate_often, &job[t]), 0);
    }
    for (size_t t = 0; t < 8; t++) {
      pthread_join(thread[t], NULL);
      ck_assert_int_eq(job[t].wrong, 0);
    }
    free(power);
  }
  pa_states_free(states);
  free_all(&all);
}
END_TEST

/* Users' policies ------------------------------------------------------------------------------------------------ */

struct caller {
  int32_t code;
  double value; /* of the last power; NaN: leave it as it arrives */
  int calls, freed;
  bool arrived_undefined;
};

static int32_t half_power(void *user, const pa_states *states, double *power) {
  struct caller *caller = user;
  size_t n = pa_states_links(states), count = pa_states_batch(states) * n;
  caller->calls++;
  caller->arrived_undefined = true;
  for (size_t k = 0; k < count; k++) {
    caller->arrived_undefined &= isnan(power[k]) != 0;
    if (k + 1 < count || !isnan(caller->value)) power[k] = pa_states_power_limit(states)[k % n] / 2;
  }
  if (!isnan(caller->value) && caller->value >= -1) power[count - 1] = caller->value;
  return caller->code;
}

static void count_free(void *user) { ((struct caller *)user)->freed++; }

START_TEST(callbacks_are_policies) {
  pa_states *states = draw(4, 3, 1, 13);
  struct caller caller = {.value = 0.5};
  pa_policy *policy;
  ok(pa_policy_create_callback(&policy, half_power, &caller, count_free, NULL));
  ck_assert_str_eq(pa_policy_name(policy), "callback");
  double power[12];
  for (size_t k = 0; k < 12; k++) power[k] = -7;
  caller.value = NAN;
  fails(pa_policy_allocate(policy, states, power, NULL, 0), PA_ERROR_CALLBACK, "power[2][3] at nan");
  caller.value = 1.5;
  fails(pa_policy_allocate(policy, states, power, NULL, 0), PA_ERROR_CALLBACK, "power[2][3] at 1.5");
  caller.value = -0.5;
  fails(pa_policy_allocate(policy, states, power, NULL, 0), PA_ERROR_CALLBACK, "power[2][3] at -0.5");
  caller.value = INFINITY;
  fails(pa_policy_allocate(policy, states, power, NULL, 0), PA_ERROR_CALLBACK, "power[2][3] at inf");
  caller.value = 0.5;
  caller.code = PA_CALLBACK_ABORT;
  fails(pa_policy_allocate(policy, states, power, NULL, 0), PA_ERROR_CALLBACK, "aborted");
  caller.code = 77;
  fails(pa_policy_allocate(policy, states, power, NULL, 0), PA_ERROR_CALLBACK, "77");
  for (size_t k = 0; k < 12; k++) ck_assert(power[k] == -7);
  caller.code = PA_CALLBACK_OK;
  ok(pa_policy_allocate(policy, states, power, NULL, 0));
  for (size_t k = 0; k < 12; k++) ck_assert(power[k] == 0.5);
  ck_assert(caller.arrived_undefined);
  ck_assert_int_eq(caller.calls, 7);
  ck_assert_int_eq(caller.freed, 0);
  pa_policy_free(policy);
  ck_assert_int_eq(caller.freed, 1);
  fails(pa_policy_create_callback(&policy, NULL, &caller, count_free, NULL), PA_ERROR_ARGUMENT, "allocate is NULL");
  fails(pa_policy_create_callback(NULL, half_power, &caller, count_free, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  ck_assert_int_eq(caller.freed, 1);
  pa_states_free(states);
}
END_TEST

/* Bad input ------------------------------------------------------------------------------------------------------ */

START_TEST(bad_input_is_named_and_changes_nothing) {
  pa_policy *policy = make("wmmse"), *none = (pa_policy *)(uintptr_t)64;
  pa_states *states = draw(3, 2, 1, 14);
  double power[6], value;
  size_t bytes = 5;
  for (size_t k = 0; k < 6; k++) power[k] = -7;
  fails(pa_policy_create(&none, "wmsse", NULL), PA_ERROR_ARGUMENT, "\"wmsse\"");
  fails(pa_policy_create(&none, NULL, NULL), PA_ERROR_ARGUMENT, "name is NULL");
  fails(pa_policy_create(NULL, "wmmse", NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_policy_load(&none, "/no/such/file", NULL), PA_ERROR_FILE, "/no/such/file");
  ck_assert_ptr_eq(none, (void *)(uintptr_t)64);
  fails(pa_policy_set(policy, PA_POLICY_PRICE, 1), PA_ERROR_ARGUMENT, "policy wmmse has no key");
  fails(pa_policy_set(policy, 999, 1), PA_ERROR_ARGUMENT, "999");
  fails(pa_policy_set(policy, PA_POLICY_ITERATIONS, 0.5), PA_ERROR_ARGUMENT, "policy.iterations");
  fails(pa_policy_set(policy, PA_POLICY_ITERATIONS, NAN), PA_ERROR_ARGUMENT, "policy.iterations");
  fails(pa_policy_set(policy, PA_POLICY_START, -1), PA_ERROR_ARGUMENT, "policy.start");
  fails(pa_policy_set(NULL, PA_POLICY_START, 1), PA_ERROR_ARGUMENT, "policy is NULL");
  fails(pa_policy_get(policy, PA_POLICY_START, NULL), PA_ERROR_ARGUMENT, "value is NULL");
  ok(pa_policy_get(policy, PA_POLICY_ITERATIONS, &value));
  ck_assert(value == 100);
  fails(pa_policy_workspace(policy, 0, 3, &bytes), PA_ERROR_ARGUMENT, "batch is 0");
  fails(pa_policy_workspace(policy, 1, 0, &bytes), PA_ERROR_ARGUMENT, "links is 0");
  fails(pa_policy_workspace(policy, 1, SIZE_MAX / 2, &bytes), PA_ERROR_MEMORY, "overflow");
  fails(pa_policy_workspace(policy, 1, (size_t)1 << 31, &bytes), PA_ERROR_MEMORY, "overflow");
  fails(pa_policy_workspace(NULL, 1, 3, &bytes), PA_ERROR_ARGUMENT, "policy is NULL");
  fails(pa_policy_workspace(policy, 1, 3, NULL), PA_ERROR_ARGUMENT, "bytes is NULL");
  ck_assert_uint_eq(bytes, 5);
  fails(pa_policy_allocate(NULL, states, power, NULL, 0), PA_ERROR_ARGUMENT, "policy is NULL");
  fails(pa_policy_allocate(policy, NULL, power, NULL, 0), PA_ERROR_ARGUMENT, "states is NULL");
  fails(pa_policy_allocate(policy, states, NULL, NULL, 0), PA_ERROR_ARGUMENT, "power is NULL");
  static const double wrong[] = {NAN, INFINITY, -1e-9};
  for (size_t k = 0; k < 3; k++) {
    double h[18];
    memcpy(h, pa_states_channel(states), sizeof h);
    h[9 + 3 + 2] = wrong[k];
    pa_states *bad;
    ok(pa_states_create(&bad, 2, 3, h, 1, 1, NULL));
    for (size_t p = 0; p < KINDS; p++) {
      pa_policy *any = make(kinds[p]);
      fails(pa_policy_allocate(any, bad, power, NULL, 0), PA_ERROR_ARGUMENT, "h[1][1][2]");
      pa_policy_free(any);
    }
    pa_states_free(bad);
  }
  for (size_t k = 0; k < 6; k++) ck_assert(power[k] == -7);
  ck_assert_str_eq(pa_policy_name(NULL), "");
  pa_policy_free(NULL);
  pa_policy_free(policy);
  pa_states_free(states);
}
END_TEST

/* Channels that drift a little from slot to slot, followed with four iterations each. */
START_TEST(a_warm_start_follows_the_channels) {
  enum { LINKS = 20, BATCH = 5, SLOTS = 20, N = LINKS * BATCH };
  pa_states *states = draw(LINKS, BATCH, 1e-7, 3), *other = draw(LINKS, BATCH, 1e-7, 4);
  double *h = (double *)pa_states_channel(states), cold_rate = 0, warm_rate = 0, *power = calloc(N, sizeof *power),
         start[N];
  const double *aside = pa_states_channel(other);
  pa_policy *cold = make("wmmse-truncated"), *warm = make("wmmse-truncated"), *best = make("wmmse");
  double *first = allocate(best, states);
  memcpy(power, first, N * sizeof *power);
  ck_assert(pa_states_start(states) == NULL);
  for (int slot = 0; slot < SLOTS; slot++) {
    for (size_t k = 0; k < N * LINKS; k++) h[k] = sqrt(.98 * h[k] * h[k] + .02 * aside[k] * aside[k]);
    double *from_full = allocate(cold, states);
    ok(pa_states_set_start(states, power)); /* and the powers go there */
    ok(pa_policy_allocate(warm, states, power, NULL, 0));
    ok(pa_states_set_start(states, NULL));
    for (size_t b = 0; b < BATCH; b++) {
      cold_rate += sum_rate(states, from_full, b);
      warm_rate += sum_rate(states, power, b);
    }
    free(from_full);
  }
  ck_assert_msg(warm_rate > 1.01 * cold_rate, "%g against %g", warm_rate, cold_rate);

  /* No iteration: the start itself, but for links that were off; a part of a batch starts from its own part. */
  ok(pa_policy_set(warm, PA_POLICY_ITERATIONS, 0));
  for (size_t k = 0; k < N; k++) start[k] = k % 3 ? (double)(k % 7) / 6 : 0;
  ok(pa_states_set_start(states, start));
  pa_pool *pool;
  ok(pa_pool_create(&pool, 2, NULL));
  for (int threads = 0; threads < 2; threads++) {
    ok(pa_policy_allocate_parallel(warm, states, power, threads ? pool : NULL, NULL, 0));
    for (size_t k = 0; k < N; k++) close_to(power[k], fmax(start[k], .01), 1e-15);
  }
  pa_pool_free(pool);
  start[23] = 1.5;
  fails(pa_policy_allocate(warm, states, power, NULL, 0), PA_ERROR_ARGUMENT, "start[1][3] is 1.5, must be 0 to 1");
  start[23] = NAN;
  fails(pa_policy_allocate(warm, states, power, NULL, 0), PA_ERROR_ARGUMENT, "start[1][3] is nan");
  pa_policy *policies[] = {cold, warm, best};
  for (int k = 0; k < 3; k++) pa_policy_free(policies[k]);
  pa_states_free(states);
  pa_states_free(other);
  free(first);
  free(power);
}
END_TEST

START_TEST(kinds_can_be_listed) {
  static const char *const anchors[] = {"wmmse-converged", "wmmse-best", "optimal"}; /* see test_anchors.c */
  ck_assert_uint_eq(pa_policy_kind_count(), KINDS + 3);
  for (size_t k = 0; k < KINDS + 3; k++) {
    const char *name = k < KINDS ? kinds[k] : anchors[k - KINDS];
    ck_assert_str_eq(pa_policy_kind_name(k), name);
    pa_policy *policy = make(name);
    ck_assert_str_eq(pa_policy_name(policy), name);
    pa_policy_free(policy);
  }
  ck_assert_ptr_null(pa_policy_kind_name(KINDS + 3));
}
END_TEST

int main(void) {
  return run_tests("policy", (const TTest *const[]){wmmse_cases,
                                                    priced_case,
                                                    wmmse_never_gets_worse,
                                                    wmmse_against_brute_force,
                                                    decoupled_links_transmit_at_full_power,
                                                    dead_links_are_silent,
                                                    wmmse_is_free_of_units,
                                                    weights_favour_their_link,
                                                    tolerance_ends_early_where_more_would_change_nothing,
                                                    cap_on_the_sum_is_met,
                                                    thresholds,
                                                    average_budget_is_met,
                                                    permuting_links_permutes_powers,
                                                    a_sample_does_not_depend_on_its_batch,
                                                    powers_stay_within_their_limits,
                                                    random_selection_is_exact_uniform_and_repeatable,
                                                    nothing_is_allocated_with_a_workspace,
                                                    threads_share_a_policy,
                                                    callbacks_are_policies,
                                                    bad_input_is_named_and_changes_nothing,
                                                    a_warm_start_follows_the_channels,
                                                    kinds_can_be_listed,
                                                    NULL});
}
