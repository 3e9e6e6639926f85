#include "fixture.h"
#include "suite.h"

static pa_policy *make(const char *name) {
  pa_policy *policy;
  ok(pa_policy_create(&policy, name, NULL));
  return policy;
}

static pa_states *draw(size_t links, size_t batch, double noise, uint64_t seed) {
  pa_network *network;
  pa_states *states;
  ok(pa_network_create_adhoc(&network, links, seed, NULL));
  ok(pa_network_set_noise(network, &noise, 1));
  ok(pa_network_draw_states(network, 0, 0, batch, &states, NULL));
  pa_network_free(network);
  return states;
}

/* Weighted sum-rate of sample b in bit/s/Hz for powers [links], from the definition. */
static double sum_rate(const pa_states *s, size_t b, const double *power) {
  size_t n = pa_states_links(s);
  const double *h = pa_states_channel(s) + b * n * n;
  double sum = 0;
  for (size_t j = 0; j < n; j++) {
    double interference = pa_states_noise(s)[j];
    for (size_t i = 0; i < n; i++) interference += i == j ? 0 : h[i * n + j] * h[i * n + j] * power[i];
    sum += pa_states_weights(s)[j] * log2(1 + h[j * n + j] * h[j * n + j] * power[j] / interference);
  }
  return sum;
}

/* The best of a grid in the logarithm of the powers, each ended by a coordinate search. */
static double brute_force(const pa_states *s, size_t b) {
  enum { GRID = 9 };
  size_t n = pa_states_links(s), points = 1;
  double best = 0, power[3];
  for (size_t i = 0; i < n; i++) points *= GRID;
  for (size_t p = 0; p < points; p++) {
    for (size_t i = 0, rest = p; i < n; i++, rest /= GRID)
      power[i] = rest % GRID == 0 ? 0 : pa_states_power_limit(s)[i] * pow(10, (double)(rest % GRID) - GRID + 1);
    double found = sum_rate(s, b, power);
    for (double factor = 3; factor > 1.0000001; factor = sqrt(factor))
      for (size_t i = 0; i < n; i++)
        for (int side = 0; side < 2; side++) {
          double kept = power[i], tried = fmin(side ? kept * factor : kept / factor, pa_states_power_limit(s)[i]);
          power[i] = tried;
          double moved = sum_rate(s, b, power);
          if (moved > found)
            found = moved;
          else
            power[i] = kept;
        }
    best = fmax(best, found);
  }
  return best;
}

static void uneven(pa_states *s) {
  double values[16];
  size_t n = pa_states_links(s);
  for (size_t i = 0; i < n; i++) values[i] = .5 + .25 * (double)(i % 4);
  ok(pa_states_set_power_limit(s, values, n));
  for (size_t i = 0; i < n; i++) values[i] = 1 + .7 * (double)(i % 3);
  ok(pa_states_set_weights(s, values, n));
  for (size_t i = 0; i < n; i++) values[i] = pa_states_noise(s)[i] * (1 + 3 * (double)(i % 3));
  ok(pa_states_set_noise(s, values, n));
}

START_TEST(optimum_against_brute_force) {
  static const double noise[] = {1e-9, 1e-3, 1};
  for (size_t links = 1; links <= 3; links++)
    for (size_t k = 0; k < 3; k++)
      for (int weighed = 0; weighed < 2; weighed++) {
        enum { B = 6 };
        pa_states *s = draw(links, B, noise[k], 3 + k);
        pa_policy *optimal = make("optimal");
        double power[3 * B], upper[B];
        if (weighed) uneven(s);
        ok(pa_policy_set(optimal, PA_POLICY_GAP, 1e-4));
        ok(pa_policy_certify(optimal, s, power, upper));
        for (size_t b = 0; b < B; b++) {
          double found = sum_rate(s, b, power + b * links), best = brute_force(s, b);
          ck_assert_msg(upper[b] >= best * (1 - 1e-12), "%zu links: bound %.12g below %.12g", links, upper[b], best);
          ck_assert_msg(upper[b] <= found * (1 + 1.0001e-4) + 1e-12, "bound %.12g, powers give %.12g", upper[b], found);
          for (size_t i = 0; i < links; i++)
            ck_assert(power[b * links + i] >= 0 && power[b * links + i] <= pa_states_power_limit(s)[i]);
        }
        pa_policy_free(optimal);
        pa_states_free(s);
      }
}
END_TEST

START_TEST(nothing_beats_the_bound) {
  static const char *const names[] = {"full-power", "random", "wmmse", "wmmse-converged", "wmmse-best", "optimal"};
  enum { N = 5, B = 3 };
  for (uint64_t seed = 0; seed < 2; seed++) {
    pa_states *s = draw(N, B, 1e-9, seed);
    pa_policy *optimal = make("optimal");
    double power[N * B], upper[B], certified[N * B];
    uneven(s);
    ok(pa_policy_certify(optimal, s, certified, upper));
    for (size_t k = 0; k < 6; k++) {
      pa_policy *policy = make(names[k]);
      ok(pa_policy_allocate(policy, s, power, NULL, 0));
      for (size_t b = 0; b < B; b++) ck_assert(sum_rate(s, b, power + b * N) <= upper[b] * (1 + 1e-12));
      if (k == 5) ck_assert_int_eq(memcmp(power, certified, sizeof power), 0);
      pa_policy_free(policy);
    }
    /* Random powers over many decades. */
    uint32_t state = (uint32_t)seed + 7;
    for (size_t trial = 0; trial < 20000; trial++) {
      for (size_t i = 0; i < N; i++) {
        state = state * 1664525u + 1013904223u;
        double u = (double)(state >> 8) / (1 << 24);
        power[i] = pa_states_power_limit(s)[i] * (u < .3 ? 0 : u > .7 ? 1 : pow(10, -20 * (u - .3)));
      }
      ck_assert(sum_rate(s, trial % B, power) <= upper[trial % B] * (1 + 1e-12));
    }
    pa_policy_free(optimal);
    pa_states_free(s);
  }
}
END_TEST

START_TEST(an_unfinished_search_says_so) {
  enum { N = 8 };
  pa_states *s = draw(N, 1, 1e-9, 4);
  pa_policy *optimal = make("optimal");
  double power[N], few, many;
  ok(pa_policy_set(optimal, PA_POLICY_NODES, 1));
  ok(pa_policy_certify(optimal, s, power, &few));
  ok(pa_policy_set(optimal, PA_POLICY_NODES, 3000));
  ok(pa_policy_certify(optimal, s, power, &many));
  ck_assert(many < few);
  ck_assert(many > sum_rate(s, 0, power) * 1.01);
  pa_policy_free(optimal);
  pa_states_free(s);
}
END_TEST

START_TEST(decoupled_links_and_dead_ones) {
  enum { N = 6 };
  double h[N * N] = {0}, power[N], upper, sum = 0;
  for (size_t i = 0; i + 1 < N; i++)
    h[i * N + i] = .5 + (double)i, sum += log2(1 + 2 * h[i * N + i] * h[i * N + i] / .1);
  pa_states *s;
  pa_policy *optimal = make("optimal");
  ok(pa_states_create(&s, 1, N, h, .1, 2, NULL));
  ok(pa_policy_certify(optimal, s, power, &upper));
  for (size_t i = 0; i + 1 < N; i++) ck_assert(power[i] == 2);
  close_to(upper, sum, 1e-3 * sum * (1 + 1e-9));
  ok(pa_policy_set(optimal, PA_POLICY_NODES, 0)); /* the search ends by itself */
  memset(h, 0, sizeof h);
  ok(pa_policy_certify(optimal, s, power, &upper));
  ck_assert(upper >= 0 && upper < 1e-9);
  for (size_t k = 0; k < N * N; k++) h[k] = k % (N + 1) ? 1 : 0; /* all interference, no signal */
  ok(pa_policy_certify(optimal, s, power, &upper));
  ck_assert(upper >= 0 && upper < 1e-9);
  for (size_t i = 0; i < N; i++) h[i * N + i] = 1e-7; /* a rate as small as rounding */
  ok(pa_policy_certify(optimal, s, power, &upper));
  ck_assert(upper >= sum_rate(s, 0, power) && upper < 1e-9);
  pa_policy_free(optimal);
  pa_states_free(s);
}
END_TEST

START_TEST(best_of_starts) {
  enum { N = 7, B = 9 };
  pa_states *s = draw(N, B, 1e-8, 2), *one;
  pa_policy *best = make("wmmse-best"), *plain = make("wmmse");
  double power[N * B], other[N * B], alone[N];
  uneven(s);
  ok(pa_policy_set(plain, PA_POLICY_ITERATIONS, 3300));
  ok(pa_policy_allocate(best, s, power, NULL, 0));
  ok(pa_policy_allocate(plain, s, other, NULL, 0));
  double gain = 0;
  for (size_t b = 0; b < B; b++) {
    double here = sum_rate(s, b, power + b * N), there = sum_rate(s, b, other + b * N);
    ck_assert(here >= there * (1 - 1e-12));
    gain += here / there - 1;
  }
  ck_assert(gain > .01); /* somewhere another start is better */
  ok(pa_states_create(&one, 1, N, pa_states_channel(s), 1e-8, 1, NULL));
  uneven(one);
  for (size_t b = 0; b < B; b++) {
    ok(pa_states_bind(one, 1, pa_states_channel(s) + b * N * N));
    ok(pa_states_set_first(one, b));
    ok(pa_policy_allocate(best, one, alone, NULL, 0));
    ck_assert_int_eq(memcmp(alone, power + b * N, sizeof alone), 0);
  }
  ok(pa_policy_set(best, PA_POLICY_STARTS, 1));
  ok(pa_policy_allocate(best, s, power, NULL, 0));
  for (size_t k = 0; k < N * B; k++) close_to(power[k], other[k], 1e-60);
  static const double contrast[N] = {1, 1000, 1, 1000, 1, 1000, 1}; /* the start is chosen by the weighted sum-rate */
  ok(pa_policy_set(best, PA_POLICY_STARTS, 60));
  ok(pa_states_set_weights(s, contrast, N));
  ok(pa_policy_allocate(best, s, power, NULL, 0));
  ok(pa_policy_allocate(plain, s, other, NULL, 0));
  for (size_t b = 0; b < B; b++) ck_assert(sum_rate(s, b, power + b * N) >= sum_rate(s, b, other + b * N) * (1 - 1e-9));
  pa_policy_free(best);
  pa_policy_free(plain);
  pa_states_free(s);
  pa_states_free(one);
}
END_TEST

/* Topology s0 of the tables: 60 starts reach 1.054 of WMMSE with 100 iterations, 3000 iterations 1.023. */
START_TEST(anchors_of_a_known_network) {
  enum { N = 20, B = 80 };
  fixture *f = fixture_open("topologies");
  pa_network *network;
  pa_states *s;
  double noise = pow(10, -9.1), power[N * B], sum[3] = {0};
  static const char *const names[] = {"wmmse", "wmmse-converged", "wmmse-best"};
  ok(pa_network_create_path_gain(&network, N, fixture_get(f, "s0.path_gain", NULL), 1, NULL));
  ok(pa_network_set_noise(network, &noise, 1));
  ok(pa_network_draw_states(network, 1, 0, B, &s, NULL));
  for (size_t k = 0; k < 3; k++) {
    pa_policy *policy = make(names[k]);
    ok(pa_policy_allocate(policy, s, power, NULL, 0));
    for (size_t b = 0; b < B; b++) sum[k] += sum_rate(s, b, power + b * N) / B;
    pa_policy_free(policy);
  }
  close_to(sum[1] / sum[0], 1.023, .004);
  close_to(sum[2] / sum[0], 1.054, .004);
  pa_states_free(s);
  pa_network_free(network);
  fixture_close(f);
}
END_TEST

START_TEST(bad_arguments) {
  pa_states *s = draw(17, 1, 1, 1);
  pa_policy *optimal = make("optimal"), *wmmse = make("wmmse");
  double power[17], upper;
  fails(pa_policy_certify(optimal, s, power, &upper), PA_ERROR_ARGUMENT,
        "17 links, the optimum can be certified for at most 16");
  fails(pa_policy_allocate(optimal, s, power, NULL, 0), PA_ERROR_ARGUMENT, "17 links");
  fails(pa_policy_certify(wmmse, s, power, &upper), PA_ERROR_ARGUMENT, "policy wmmse certifies nothing");
  fails(pa_policy_certify(NULL, s, power, &upper), PA_ERROR_ARGUMENT, "policy is NULL");
  fails(pa_policy_certify(optimal, s, NULL, &upper), PA_ERROR_ARGUMENT, "power is NULL");
  fails(pa_policy_certify(optimal, s, power, NULL), PA_ERROR_ARGUMENT, "upper is NULL");
  fails(pa_policy_certify(optimal, NULL, power, &upper), PA_ERROR_ARGUMENT, "states is NULL");
  fails(pa_policy_set(optimal, PA_POLICY_GAP, 0), PA_ERROR_ARGUMENT, "policy.gap");
  fails(pa_policy_set(optimal, PA_POLICY_ITERATIONS, 3), PA_ERROR_ARGUMENT, "has no key");
  pa_policy_free(optimal);
  pa_policy_free(wmmse);
  pa_states_free(s);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {optimum_against_brute_force,
                                nothing_beats_the_bound,
                                an_unfinished_search_says_so,
                                decoupled_links_and_dead_ones,
                                best_of_starts,
                                anchors_of_a_known_network,
                                bad_arguments,
                                NULL};
  return run_tests("anchors", tests);
}
