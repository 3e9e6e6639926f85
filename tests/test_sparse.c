/* Sparse channels against full ones. */
#define _POSIX_C_SOURCE 200809L /* mkstemp */
#include "meter.h"
#include "suite.h"

#include "base/random.h"
#include "net/states.h"
#include "policy/policy.h"

#include <powalloc/reward.h>
#include <stdio.h>
#include <unistd.h>

static uint64_t drawn;

static double uniform(void) { return pa__random_uniform(7, 0, drawn++); }

/* The same channels both ways: full matrices with zeros, and the edges of a graph. */
struct both {
  size_t links, batch;
  double *h, *value;
  float *h_f32, *value_f32;
  pa_graph *graph;
  pa_states *full, *sparse, *full_f32, *sparse_f32;
};

/* Node parameters that are not all alike, and the channels that share of the edges. */
static void set_nodes(pa_states *s, size_t n) {
  double *x = calloc(n, sizeof *x);
  for (size_t i = 0; i < n; i++) x[i] = .01 * (1 + (double)(i % 7));
  ok(pa_states_set_noise(s, x, n));
  for (size_t i = 0; i < n; i++) x[i] = .5 + (double)(i % 5);
  ok(pa_states_set_power_limit(s, x, n));
  for (size_t i = 0; i < n; i++) x[i] = 1 + .25 * (double)(i % 3);
  ok(pa_states_set_weights(s, x, n));
  free(x);
}

static struct both with_states(struct both b) {
  ok(pa_states_create(&b.full, b.batch, b.links, b.h, 1, 1, NULL));
  ok(pa_states_create_f32(&b.full_f32, b.batch, b.links, b.h_f32, 1, 1, NULL));
  ok(pa_states_create_sparse(&b.sparse, b.batch, b.graph, b.value, 1, 1, NULL));
  ok(pa_states_create_sparse_f32(&b.sparse_f32, b.batch, b.graph, b.value_f32, 1, 1, NULL));
  pa_states *all[] = {b.full, b.full_f32, b.sparse, b.sparse_f32};
  for (int k = 0; k < 4; k++) set_nodes(all[k], b.links);
  return b;
}

/* Channels of a graph, and the full matrices that say the same. */
static struct both on_graph(pa_graph *graph, size_t batch) {
  size_t n = pa_graph_links(graph), edges = pa_graph_edges(graph);
  struct both b = {.links = n, .batch = batch, .graph = graph};
  b.h = calloc(batch * n * n, sizeof *b.h);
  b.h_f32 = calloc(batch * n * n, sizeof *b.h_f32);
  b.value = calloc(batch * edges + 1, sizeof *b.value);
  b.value_f32 = calloc(batch * edges + 1, sizeof *b.value_f32);
  const int64_t *offset = pa_graph_offset(graph);
  const int32_t *receiver = pa_graph_receiver(graph), *order = pa_graph_order(graph);
  for (size_t s = 0; s < batch; s++)
    for (size_t k = 0; k < n; k++)
      for (int64_t e = offset[k]; e < offset[k + 1]; e++) {
        size_t row = order ? (size_t)order[k] : k, at = (size_t)receiver[e], column = order ? (size_t)order[at] : at,
               edge = s * edges + (size_t)e;
        double strength = row == column ? 1 : .3;
        double x = uniform() < .05 ? 0 : (float)(strength * sqrt(-2 * log(uniform())));
        b.value[edge] = b.h[(s * n + row) * n + column] = x;
        b.value_f32[edge] = b.h_f32[(s * n + row) * n + column] = (float)x;
      }
  return with_states(b);
}

static void free_both(struct both *b) {
  pa_states *all[] = {b->full, b->full_f32, b->sparse, b->sparse_f32};
  for (int k = 0; k < 4; k++) pa_states_free(all[k]);
  pa_graph_free(b->graph);
  free(b->h);
  free(b->value);
  free(b->h_f32);
  free(b->value_f32);
}

/* Each edge of the full graph stays with a probability. The arrays stay where they are. */
static pa_graph *random_graph(size_t n, double share, bool without_own, int64_t *offset, int32_t *receiver) {
  int64_t edges = 0;
  for (size_t i = 0; i < n; i++) {
    offset[i] = edges;
    for (size_t j = 0; j < n; j++) {
      bool dropped = without_own && i % 5 == 3;
      if (i == j ? !dropped : uniform() < share) receiver[edges++] = (int32_t)j;
    }
  }
  offset[n] = edges;
  pa_graph *graph;
  ok(pa_graph_create(&graph, n, offset, receiver, NULL));
  return graph;
}

enum { MOST = 300 };
static int64_t offsets[MOST + 1];
static int32_t receivers[MOST * MOST];

static struct both random_states(size_t n, double share, bool without_own, size_t batch) {
  return on_graph(random_graph(n, share, without_own, offsets, receivers), batch);
}

/* On a graph whose rows are in an order of their own. */
static struct both ordered_states(size_t n, size_t batch) {
  double *at = calloc(4 * n, sizeof *at);
  for (size_t k = 0; k < 4 * n; k++) at[k] = uniform();
  pa_graph *graph;
  ok(pa_graph_create_positions(&graph, n, at, at + 2 * n, .3, NULL));
  free(at);
  return on_graph(graph, batch);
}

static void same(const char *what, const double *a, const double *b, size_t n, double tolerance) {
  double largest = 0;
  for (size_t k = 0; k < n; k++) largest = fmax(largest, fabs(a[k]));
  for (size_t k = 0; k < n; k++)
    ck_assert_msg(fabs(a[k] - b[k]) <= tolerance * fmax(largest, 1e-3), "%s: number %zu is %.17g, not %.17g", what, k,
                  b[k], a[k]);
}

/* Powers of a policy both ways, in both precisions, with and without threads. */
static void same_powers(const pa_policy *policy, const struct both *b, double tolerance) {
  size_t n = b->batch * b->links;
  double *full = calloc(3 * n, sizeof *full), *sparse = full + n, *pooled = full + 2 * n;
  float *narrow = calloc(2 * n, sizeof *narrow), *narrow_sparse = narrow + n;
  pa_pool *pool;
  ok(pa_pool_create(&pool, 3, NULL));
  ok(pa_policy_allocate(policy, b->full, full, NULL, 0));
  ok(pa_policy_allocate(policy, b->sparse, sparse, NULL, 0));
  same(pa_policy_name(policy), full, sparse, n, tolerance);
  ok(pa_policy_allocate_parallel(policy, b->sparse, pooled, pool, NULL, 0));
  ck_assert(memcmp(sparse, pooled, n * sizeof *sparse) == 0);
  ok(pa_policy_allocate_f32(policy, b->full_f32, narrow, NULL, 0));
  ok(pa_policy_allocate_f32(policy, b->sparse_f32, narrow_sparse, NULL, 0));
  for (size_t k = 0; k < n; k++) full[k] = (double)narrow[k], sparse[k] = (double)narrow_sparse[k];
  same(pa_policy_name(policy), full, sparse, n, 2e-3);
  pa_pool_free(pool);
  free(full);
  free(narrow);
}

static const size_t sizes[] = {1, 2, 5, 31, 32, 33, 64, 100, 257};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

START_TEST(classical_policies) {
  const char *names[] = {"full-power", "equal", "random", "threshold", "wmmse", "wmmse-truncated", "wmmse-priced"};
  for (int k = 0; k < SIZES; k++)
    for (int kind = 0; kind < 3; kind++) {
      struct both b = kind < 2 ? random_states(sizes[k], .2, kind == 1, 3) : ordered_states(sizes[k], 3);
      for (size_t p = 0; p < sizeof names / sizeof names[0]; p++) {
        pa_policy *policy;
        ok(pa_policy_create(&policy, names[p], NULL));
        if (p == 3) ok(pa_policy_set(policy, PA_POLICY_THRESHOLD, 20));
        if (p == 4) ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 10));
        if (p == 6) ok(pa_policy_set(policy, PA_POLICY_PRICE, .1)), ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 10));
        same_powers(policy, &b, 1e-11);
        pa_policy_free(policy);
      }
      free_both(&b);
    }
}
END_TEST

START_TEST(caps_tolerances_and_starts) {
  struct both b = random_states(40, .2, true, 3);
  pa_policy *policy;
  ok(pa_policy_create(&policy, "wmmse", NULL));
  ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 8));
  ok(pa_policy_set(policy, PA_POLICY_SUM_POWER, 5));
  same_powers(policy, &b, 1e-9);
  ok(pa_policy_set(policy, PA_POLICY_SUM_POWER, 0));
  ok(pa_policy_set(policy, PA_POLICY_TOLERANCE, .01));
  same_powers(policy, &b, 1e-9);
  pa_policy_free(policy);
  ok(pa_policy_create(&policy, "wmmse-best", NULL));
  ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 5));
  ok(pa_policy_set(policy, PA_POLICY_STARTS, 4));
  same_powers(policy, &b, 1e-6);
  pa_policy_free(policy);
  free_both(&b);
}
END_TEST

START_TEST(rates_and_rewards) {
  for (int k = 0; k < 2 * SIZES; k++) {
    struct both b = k < SIZES ? random_states(sizes[k], .3, true, 2) : ordered_states(sizes[k - SIZES], 2);
    size_t n = b.batch * b.links;
    double *power = calloc(3 * n, sizeof *power), *full = power + n, *sparse = power + 2 * n;
    const double *weight = pa_states_weights(b.full);
    for (size_t i = 0; i < n; i++) power[i] = uniform() < .2 ? 0 : .5 * uniform();
    ok(pa_rates(b.full, power, full));
    ok(pa_rates(b.sparse, power, sparse));
    same("rates", full, sparse, n, 1e-12);
    ok(pa_sinr(b.full, power, full));
    ok(pa_sinr(b.sparse, power, sparse));
    same("SINR", full, sparse, n, 1e-12);
    ck_assert(pa_reward_capacity_gradient(NULL, b.full, power, weight, full, b.links) == PA_CALLBACK_OK);
    ck_assert(pa_reward_capacity_gradient(NULL, b.sparse, power, weight, sparse, b.links) == PA_CALLBACK_OK);
    same("gradient", full, sparse, n, 1e-11);
    ck_assert(pa_reward_control_success(NULL, b.full, power, full, b.links) == PA_CALLBACK_OK);
    ck_assert(pa_reward_control_success(NULL, b.sparse, power, sparse, b.links) == PA_CALLBACK_OK);
    same("success", full, sparse, n, 1e-12);
    ck_assert(pa_reward_capacity(NULL, b.full_f32, power, full, b.links) == PA_CALLBACK_OK);
    ck_assert(pa_reward_capacity(NULL, b.sparse_f32, power, sparse, b.links) == PA_CALLBACK_OK);
    same("rates in single precision", full, sparse, n, 1e-5);
    ck_assert(pa_reward_capacity_gradient(NULL, b.full_f32, power, weight, full, b.links) == PA_CALLBACK_OK);
    ck_assert(pa_reward_capacity_gradient(NULL, b.sparse_f32, power, weight, sparse, b.links) == PA_CALLBACK_OK);
    same("gradient in single precision", full, sparse, n, 1e-11);
    free(power);
    free_both(&b);
  }
}
END_TEST

/* Outputs and gradients of a learned policy both ways. */
static void same_learning(pa_policy *policy, const struct both *b, double tolerance) {
  const pa__learner_class *learner = policy->class->learner;
  size_t count = learner->output(policy)->count, n = b->batch * b->links * count,
         weights = learner->weight_count(policy);
  double *y[2], *gradient[2], *dy = calloc(n, sizeof *dy);
  const pa_states *states[] = {b->full, b->sparse};
  for (size_t k = 0; k < n; k++) dy[k] = uniform() - .5;
  for (int k = 0; k < 2; k++) {
    void *tape = aligned_alloc(64, pa__measure(learner->tape_workspace, policy, pa__extent_of(states[k])));
    y[k] = calloc(n, sizeof(double));
    gradient[k] = calloc(weights, sizeof(double));
    learner->forward(policy, states[k], y[k], tape);
    learner->backward(policy, states[k], dy, gradient[k], tape);
    free(tape);
  }
  same("outputs", y[0], y[1], n, tolerance);
  same("gradient", gradient[0], gradient[1], weights, tolerance);
  for (int k = 0; k < 2; k++) free(y[k]), free(gradient[k]);
  free(dy);
}

START_TEST(regnn) {
  for (int shift = PA_REGNN_SHIFT_SCALE; shift <= PA_REGNN_SHIFT_BOUNDED; shift++)
    for (int shape = 0; shape < 3; shape++)
      for (int k = 0; k < 2 * SIZES; k++) {
        const int32_t keys[] = {PA_REGNN_SHIFT,  PA_REGNN_FEATURES, PA_REGNN_TRANSPOSED,
                                PA_REGNN_INPUTS, PA_REGNN_LAYERS,   PA_REGNN_SCALE};
        const double values[3][6] = {{shift, 1, 0, 1, 3, .3}, {shift, 4, 1, 3, 3, .3}, {shift, 10, 0, 15, 2, .3}};
        struct both b = k < SIZES ? random_states(sizes[k], .2, true, 2) : ordered_states(sizes[k - SIZES], 2);
        pa_regnn *model;
        ok(pa_regnn_create(&model, keys, values[shape], 6, 5, NULL));
        same_powers(pa_regnn_policy(model), &b, 1e-9);
        same_learning(pa_regnn_policy(model), &b, 1e-9);
        pa_regnn_free(model);
        free_both(&b);
      }
}
END_TEST

START_TEST(uwmmse) {
  for (int architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++)
    for (int k = 0; k < 2 * SIZES; k++) {
      struct both b = k < SIZES ? random_states(sizes[k], .2, true, 2) : ordered_states(sizes[k - SIZES], 2);
      pa_uwmmse *model;
      ok(pa_uwmmse_create(&model, architecture, 4, 5, 3, NULL));
      same_powers(pa_uwmmse_policy(model), &b, 1e-9);
      same_learning(pa_uwmmse_policy(model), &b, 1e-9);
      size_t weights = pa_uwmmse_weight_count(model);
      double *full = calloc(2 * weights, sizeof *full), *sparse = full + weights, loss[2];
      ok(pa_uwmmse_gradient(model, b.full, &loss[0], full, weights));
      ok(pa_uwmmse_gradient(model, b.sparse, &loss[1], sparse, weights));
      same("loss", &loss[0], &loss[1], 1, 1e-12);
      same("gradient", full, sparse, weights, 1e-9);
      ok(pa_uwmmse_gradient(model, b.full_f32, &loss[0], full, weights));
      ok(pa_uwmmse_gradient(model, b.sparse_f32, &loss[1], sparse, weights));
      same("loss", &loss[0], &loss[1], 1, 1e-5);
      same("gradient", full, sparse, weights, 1e-2);
      free(full);
      pa_uwmmse_free(model);
      free_both(&b);
    }
}
END_TEST

/* ---- graphs ---- */

START_TEST(bad_graphs_are_refused) {
  pa_graph *graph = NULL;
  const int64_t offset[] = {0, 2, 3, 4};
  const int32_t good[] = {0, 2, 1, 2}, twice[] = {0, 0, 1, 2}, falling[] = {2, 0, 1, 2}, beyond[] = {0, 3, 1, 2},
                below[] = {-1, 2, 1, 2};
  fails(pa_graph_create(&graph, 3, offset, twice, NULL), PA_ERROR_ARGUMENT, "receiver[1] in row 0 is 0, twice");
  fails(pa_graph_create(&graph, 3, offset, falling, NULL), PA_ERROR_ARGUMENT, "less than the one before it");
  fails(pa_graph_create(&graph, 3, offset, beyond, NULL), PA_ERROR_ARGUMENT, "is 3, must be 0 to 2");
  fails(pa_graph_create(&graph, 3, offset, below, NULL), PA_ERROR_ARGUMENT, "is -1, must be 0 to 2");
  fails(pa_graph_create(&graph, 3, (const int64_t[]){1, 2, 3, 4}, good, NULL), PA_ERROR_ARGUMENT, "offset[0] is 1");
  fails(pa_graph_create(&graph, 3, (const int64_t[]){0, 2, 1, 4}, good, NULL), PA_ERROR_ARGUMENT, "offset[2] is 1");
  fails(pa_graph_create(&graph, 3, (const int64_t[]){0, INT64_MAX, INT64_MAX, INT64_MAX}, good, NULL),
        PA_ERROR_ARGUMENT, "more than there are links");
  fails(pa_graph_create(&graph, 0, offset, good, NULL), PA_ERROR_ARGUMENT, "links is 0");
  fails(pa_graph_create(&graph, (size_t)INT32_MAX + 1, offset, good, NULL), PA_ERROR_ARGUMENT, "links is 2147483648");
  fails(pa_graph_create(&graph, 3, NULL, good, NULL), PA_ERROR_ARGUMENT, "offset is NULL");
  fails(pa_graph_create(NULL, 3, offset, good, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  const double at[] = {0, 0, 1, 1}, nowhere[] = {0, NAN, 1, 1};
  fails(pa_graph_create_positions(&graph, 2, at, nowhere, 1, NULL), PA_ERROR_ARGUMENT, "receivers[0][1] is nan");
  fails(pa_graph_create_positions(&graph, 2, at, at, 0, NULL), PA_ERROR_ARGUMENT, "cutoff");
  fails(pa_graph_create_threshold(&graph, 1, at, NAN, NULL), PA_ERROR_ARGUMENT, "least is nan");
  ck_assert(graph == NULL);
}
END_TEST

START_TEST(bad_channels_on_edges_are_named) {
  struct both b = random_states(5, .5, false, 2);
  size_t edges = pa_graph_edges(b.graph);
  double power[10];
  b.value[edges + 2] = NAN;
  char place[40];
  snprintf(place, sizeof place, "h[1][2] is nan");
  pa_policy *policy;
  ok(pa_policy_create(&policy, "wmmse", NULL));
  fails(pa_policy_allocate(policy, b.sparse, power, NULL, 0), PA_ERROR_ARGUMENT, place);
  b.value[edges + 2] = 1;
  pa_policy_free(policy);
  ok(pa_policy_create(&policy, "optimal", NULL));
  fails(pa_policy_allocate(policy, b.sparse, power, NULL, 0), PA_ERROR_ARGUMENT, "takes full channel matrices");
  pa_policy_free(policy);
  free_both(&b);
}
END_TEST

START_TEST(powers_of_minus_zero_are_none) {
  struct both b = ordered_states(40, 1);
  double power[40], minus[40], rate[40], again[40];
  for (int i = 0; i < 40; i++) power[i] = i % 3 ? uniform() : 0;
  for (int i = 0; i < 40; i++) minus[i] = i % 3 ? power[i] : -0.;
  ok(pa_rates(b.sparse, power, rate));
  ok(pa_rates(b.sparse, minus, again));
  same("rates", rate, again, 40, 0);
  ok(pa_sinr(b.sparse, minus, again));
  for (int i = 0; i < 40; i++) ck_assert(!signbit(again[i]));
  free_both(&b);
}
END_TEST

START_TEST(what_takes_full_matrices_says_so) {
  struct both b = random_states(2, 1, false, 1);
  pa_policy *optimal;
  double power[2] = {7, 7}, upper = 7;
  ok(pa_policy_create(&optimal, "optimal", NULL));
  fails(pa_policy_certify(optimal, b.sparse, power, &upper), PA_ERROR_ARGUMENT, "full channel matrices");
  ck_assert(power[0] == 7 && upper == 7);
  pa_policy_free(optimal);
  free_both(&b);
}
END_TEST

START_TEST(direct_channels_at_the_very_cutoff_are_edges) {
  const double t[3][2] = {{-1, 0}, {-0x1p-53, 0}, {5, 0}}, r[3][2] = {{-.9, 0}, {2, 0}, {5.1, 0}};
  pa_graph *graph;
  ok(pa_graph_create_positions(&graph, 3, &t[0][0], &r[0][0], 2, NULL));
  for (int k = 0; k < 3; k++) {
    bool own = false;
    for (int64_t e = pa_graph_offset(graph)[k]; e < pa_graph_end(graph)[k]; e++) own |= pa_graph_receiver(graph)[e] == k;
    ck_assert(own);
  }
  pa_graph_free(graph);
}
END_TEST

START_TEST(path_gains_are_all_or_none) {
  enum { N = 300 };
  double t[N][2], r[N][2], gain[3 * N];
  int64_t offset[N + 1];
  int32_t receiver[N];
  for (int i = 0; i < N; i++) {
    t[i][0] = r[i][0] = i;
    t[i][1] = 0;
    r[i][1] = i == N - 1 ? 0 : 1;
    offset[i] = receiver[i] = i;
    gain[i] = 7;
  }
  offset[N] = N;
  pa_graph *graph;
  ok(pa_graph_create(&graph, N, offset, receiver, NULL));
  fails(pa_graph_path_gain(graph, &t[0][0], &r[0][0], 0, 2, gain), PA_ERROR_ARGUMENT,
        "transmitter 299 stands on receiver 299");
  t[N - 1][0] = NAN;
  fails(pa_graph_path_gain(graph, &t[0][0], &r[0][0], 0, 2, gain), PA_ERROR_ARGUMENT,
        "from transmitter 299 to receiver 299 is nan");
  for (int i = 0; i < N; i++) ck_assert(gain[i] == 7);
  t[N - 1][0] = N - 3;
  ok(pa_graph_path_gain(graph, &t[0][0], &r[0][0], 0, 2, gain));
  for (int i = 0; i < N; i++) close_to(gain[i], i == N - 1 ? .25 : 1, 1e-15);
  pa_graph_free(graph);
}
END_TEST

START_TEST(states_of_a_graph_that_was_replaced_take_no_other_channels) {
  pa_network *network;
  pa_states *states;
  ok(pa_network_create_sparse_adhoc(&network, 30, 20, 10, 1, NULL));
  double *h = calloc(30 * 30, sizeof *h);
  ok(pa_network_draw(network, 0, 0, 1, h));
  ok(pa_states_create_sparse(&states, 1, pa_network_graph(network), h, 1, 1, NULL));
  ok(pa_network_set(network, PA_NETWORK_CUTOFF, 5));
  fails(pa_states_bind(states, 1, h), PA_ERROR_STATE, "another graph");
  pa_states_free(states);
  pa_network_free(network);
  free(h);
}
END_TEST

START_TEST(no_edges_and_lonely_links) {
  const int64_t none[] = {0, 0, 0, 0}, own[] = {0, 1, 1, 2};
  const int32_t receiver[] = {0, 2};
  const double h[] = {2, 3}, power[] = {1, 1, 1};
  double rate[3];
  pa_graph *graph;
  pa_states *states;
  pa_policy *policy;
  ok(pa_policy_create(&policy, "wmmse", NULL));
  ok(pa_graph_create(&graph, 3, none, receiver, NULL));
  ok(pa_states_create_sparse(&states, 1, graph, h, 1, 1, NULL));
  ok(pa_rates(states, power, rate));
  for (int i = 0; i < 3; i++) ck_assert(rate[i] == 0);
  ok(pa_policy_allocate(policy, states, rate, NULL, 0));
  pa_states_free(states);
  pa_graph_free(graph);
  ok(pa_graph_create(&graph, 3, own, receiver, NULL));
  ok(pa_states_create_sparse(&states, 1, graph, h, 1, 1, NULL));
  pa_graph_free(graph); /* the states keep it */
  ok(pa_rates(states, power, rate));
  close_to(rate[0], log2(5), 1e-14);
  ck_assert(rate[1] == 0);
  close_to(rate[2], log2(10), 1e-14);
  double best[3];
  ok(pa_policy_allocate(policy, states, best, NULL, 0));
  ck_assert(best[0] == 1 && best[1] == 0 && best[2] == 1);
  pa_states_free(states);
  pa_policy_free(policy);
}
END_TEST

START_TEST(thresholds_leave_out_what_they_say) {
  enum { N = 9 };
  double h[N * N], value[N * N], left_out[N];
  for (int k = 0; k < N * N; k++) h[k] = uniform() < .1 ? 0 : uniform();
  pa_graph *graph;
  ok(pa_graph_create_threshold(&graph, N, h, .5, NULL));
  ok(pa_graph_pick(graph, h, value, left_out));
  size_t at = 0;
  double expected[N] = {0};
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++)
      if (i == j || h[i * N + j] >= .5)
        ck_assert(pa_graph_receiver(graph)[at] == j && value[at] == h[i * N + j]), at++;
      else
        expected[j] += h[i * N + j] * h[i * N + j];
  ck_assert(at == pa_graph_edges(graph));
  same("left out", expected, left_out, N, 1e-14);
  pa_graph_free(graph);
  ok(pa_graph_create_threshold(&graph, N, h, 0, NULL));
  ok(pa_graph_pick(graph, h, value, left_out));
  for (int j = 0; j < N; j++) ck_assert(left_out[j] == 0);
  pa_graph_free(graph);
}
END_TEST

/* Edges against all pairs, on clouds of several shapes. */
START_TEST(positions_find_all_neighbours) {
  const size_t links[] = {1, 2, 40, 300};
  const double cutoffs[] = {1e-9, .05, .3, 5};
  for (int k = 0; k < 4; k++)
    for (int c = 0; c < 4; c++)
      for (int shape = 0; shape < 4; shape++) {
        size_t n = links[k], found = 0;
        double *t = calloc(4 * n, sizeof *t), *r = t + 2 * n;
        for (size_t i = 0; i < 2 * n; i++) {
          double x = uniform();
          t[i] = shape == 1 && i % 2 ? 0 : shape == 2 ? pow(x, 20) : shape == 3 ? floor(3 * x) : x;
          r[i] = t[i] + .1 * (uniform() - .5);
        }
        pa_graph *graph;
        ok(pa_graph_create_positions(&graph, n, t, r, cutoffs[c], NULL));
        const int32_t *order = pa_graph_order(graph), *receiver = pa_graph_receiver(graph);
        const int64_t *offset = pa_graph_offset(graph);
        bool *seen = calloc(n, sizeof *seen);
        for (size_t row = 0; row < n; row++) {
          ck_assert(order[row] >= 0 && (size_t)order[row] < n && !seen[order[row]]);
          seen[order[row]] = true;
          size_t i = (size_t)order[row], expected = 0;
          for (size_t j = 0; j < n; j++)
            expected += i == j || hypot(t[2 * i] - r[2 * j], t[2 * i + 1] - r[2 * j + 1]) <= cutoffs[c];
          for (int64_t e = offset[row]; e < offset[row + 1]; e++) {
            size_t j = (size_t)order[receiver[e]];
            ck_assert(e == offset[row] || receiver[e] > receiver[e - 1]);
            ck_assert(i == j || hypot(t[2 * i] - r[2 * j], t[2 * i + 1] - r[2 * j + 1]) <= cutoffs[c]);
          }
          ck_assert_uint_eq(expected, (size_t)(offset[row + 1] - offset[row]));
          found += expected;
        }
        ck_assert(found == pa_graph_edges(graph));
        free(seen);
        free(t);
        pa_graph_free(graph);
      }
}
END_TEST

/* ---- networks ---- */

static pa_network *whole_network(size_t links, double cutoff) {
  pa_network *network;
  ok(pa_network_create_sparse_adhoc(&network, links, 20, cutoff, 4, NULL));
  return network;
}

START_TEST(whole_networks_are_those_without_a_cutoff) {
  enum { N = 30 };
  pa_network *sparse = whole_network(N, 1e9), *full;
  ok(pa_network_create_adhoc(&full, N, 4, NULL));
  ok(pa_network_set(full, PA_NETWORK_REFERENCE_LINKS, 20));
  const pa_graph *graph = pa_network_graph(sparse);
  const int32_t *order = pa_graph_order(graph);
  ck_assert(pa_graph_edges(graph) == N * N);
  double *gain = calloc(2 * N * N, sizeof *gain), *edge = gain + N * N;
  ok(pa_network_path_gain(full, gain));
  ok(pa_network_path_gain(sparse, edge));
  for (size_t k = 0; k < N; k++)
    for (size_t c = 0; c < N; c++) close_to(edge[k * N + c], gain[order[k] * N + order[c]], 1e-14 * edge[k * N + c]);
  free(gain);
  pa_network_free(sparse);
  pa_network_free(full);
}
END_TEST

/* Against all pairs; the bound holds, and the mean is near. */
START_TEST(cutoffs_leave_out_what_they_say) {
  enum { N = 700 };
  for (int fading = 0; fading < 2; fading++)
    for (int k = 0; k < 3; k++) {
      const double cutoffs[] = {5, 30, 1e6};
      pa_network *network = whole_network(N, cutoffs[k]);
      double *t = calloc(4 * N, sizeof *t), *r = t + 2 * N, mean[N], most[N], limit[N];
      for (int i = 0; i < N; i++) limit[i] = 1 + i % 3;
      ok(pa_network_set(network, PA_NETWORK_FADING, fading));
      ok(pa_network_set_power_limit(network, limit, N));
      ok(pa_network_positions(network, t, r));
      ok(pa_network_left_out(network, mean, most));
      for (int j = 0; j < N; j++) {
        double exact = 0;
        for (int i = 0; i < N; i++) {
          double d = hypot(t[2 * i] - r[2 * j], t[2 * i + 1] - r[2 * j + 1]);
          if (i != j && d > cutoffs[k]) exact += (fading ? 2 : 1) * limit[i] * pow(d, -4.4);
        }
        ck_assert_msg(fabs(mean[j] - exact) <= .03 * exact, "link %d: %g, not %g", j, mean[j], exact);
        ck_assert(most[j] >= exact * (1 - 1e-12) && most[j] <= 1.7 * exact + 1e-300);
      }
      free(t);
      pa_network_free(network);
    }
}
END_TEST

/* ---- the remainder ---- */

/* What draws, pa_network_physics() and the library say of the noise is this noise and a share of what is left out. */
static void heard(const pa_network *network, const double *noise, double share) {
  size_t n = pa_network_links(network);
  double *left_out = calloc(3 * n, sizeof *left_out), *expected = left_out + n, *told = expected + n;
  pa_states *states;
  ok(pa_network_left_out(network, left_out, NULL));
  for (size_t j = 0; j < n; j++) expected[j] = noise[j] + share * left_out[j];
  ok(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
  ok(pa_network_physics(network, told, NULL));
  for (size_t j = 0; j < n; j++) {
    ck_assert(share == 0 || left_out[j] > 0);
    close_to(pa_states_noise(states)[j], expected[j], 1e-15 * expected[j]);
    ck_assert(told[j] == pa_states_noise(states)[j]);
  }
  pa_states_free(states);
  free(left_out);
}

START_TEST(remainders_follow_all_that_they_depend_on) {
  enum { N = 60 };
  static const struct {
    int32_t key;
    double value;
  } keys[] = {{PA_NETWORK_CUTOFF, 9},       {PA_NETWORK_DENSITY, 2},          {PA_NETWORK_REFERENCE_LINKS, 30},
              {PA_NETWORK_FADING, 0},       {PA_NETWORK_CONSTANT_DENSITY, 0}, {PA_NETWORK_PATH_LOSS_EXPONENT, 1.8},
              {PA_NETWORK_MIN_DISTANCE, 15}};
  double noise[N], limit[N], before[N], after[N];
  pa_network *network = whole_network(N, 12);
  for (int i = 0; i < N; i++) noise[i] = 1e-6 * (1 + i % 7), limit[i] = 1 + i % 3;
  ok(pa_network_set(network, PA_NETWORK_REMAINDER, .25));
  ok(pa_network_set_noise(network, noise, N));
  heard(network, noise, .25);
  ok(pa_network_physics(network, before, NULL));
  ok(pa_network_set_power_limit(network, limit, N));
  ok(pa_network_physics(network, after, NULL));
  for (int i = 0; i < N; i++) ck_assert(after[i] > before[i]);
  heard(network, noise, .25);
  for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
    ok(pa_network_physics(network, before, NULL));
    ok(pa_network_set(network, keys[k].key, keys[k].value));
    ok(pa_network_physics(network, after, NULL));
    ck_assert_msg(memcmp(before, after, sizeof before) != 0, "%s changes nothing", pa_key_name(keys[k].key));
    heard(network, noise, .25);
  }
  ok(pa_network_set(network, PA_NETWORK_REMAINDER, 1));
  heard(network, noise, 1);
  ok(pa_network_reserve(network, N, 0));
  heard(network, noise, 1);
  ok(pa_network_set(network, PA_NETWORK_REMAINDER, 0));
  heard(network, noise, 0);
  ok(pa_network_physics(network, after, NULL));
  ck_assert(memcmp(after, noise, sizeof noise) == 0);
  pa_network_free(network);
}
END_TEST

START_TEST(remainders_of_networks_without_a_cutoff_are_refused) {
  static const double at[4] = {0, 0, 3, 3}, gain[4] = {1, .5, .5, 1};
  pa_network *network[5];
  pa_graph *graph;
  double value = 7;
  ok(pa_graph_create_threshold(&graph, 2, gain, 0, NULL));
  ok(pa_network_create_adhoc(&network[0], 4, 1, NULL));
  ok(pa_network_create_adhoc_family(&network[1], 2, 4, 1, 1, 1, NULL));
  ok(pa_network_create_positions(&network[2], 2, at, 2, at, NULL, 1, 1, NULL));
  ok(pa_network_create_path_gain(&network[3], 2, gain, 1, NULL));
  ok(pa_network_create_graph(&network[4], graph, gain, 1, NULL));
  for (int k = 0; k < 5; k++) {
    fails(pa_network_set(network[k], PA_NETWORK_REMAINDER, 1), PA_ERROR_ARGUMENT, "(network.remainder) does not apply");
    fails(pa_network_get(network[k], PA_NETWORK_REMAINDER, &value), PA_ERROR_ARGUMENT, "does not apply");
    pa_network_free(network[k]);
  }
  ck_assert(value == 7);
  pa_graph_free(graph);
  network[0] = whole_network(10, 5);
  fails(pa_network_set(network[0], PA_NETWORK_REMAINDER, 1.5), PA_ERROR_ARGUMENT, "network.remainder is 1.5");
  fails(pa_network_set(network[0], PA_NETWORK_REMAINDER, -.1), PA_ERROR_ARGUMENT, "network.remainder is -0.1");
  ok(pa_network_get(network[0], PA_NETWORK_REMAINDER, &value));
  ck_assert(value == 0);
  pa_network_free(network[0]);
}
END_TEST

/* Key k, or the power limits. */
static pa_status set_one(pa_network *network, int k) {
  static const int32_t keys[] = {PA_NETWORK_REMAINDER, PA_NETWORK_CUTOFF, PA_NETWORK_FADING, PA_NETWORK_DENSITY};
  static const double values[] = {.5, 9, 0, 2};
  return k < 4 ? pa_network_set(network, keys[k], values[k]) : pa_network_set_power_limit(network, &(double){2}, 1);
}

START_TEST(without_memory_networks_stay_as_they_are) {
  enum { N = 40 };
  struct meter meter = {.refuse = -1};
  const pa_allocator allocator = {metered, unmetered, &meter};
  pa_network *network;
  ok(pa_network_create_sparse_adhoc(&network, N, 20, 12, 4, &allocator));
  for (int k = 0; k < 5; k++) {
    double noise[2][N], limit[2][N], at[2][4 * N];
    const pa_graph *graph = pa_network_graph(network);
    ok(pa_network_physics(network, noise[0], limit[0]));
    ok(pa_network_positions(network, at[0], at[0] + 2 * N));
    int out = meter.out, refused = 0;
    for (pa_status status = PA_ERROR_MEMORY; status != PA_OK; refused++) {
      meter.calls = 0;
      meter.refuse = refused;
      if ((status = set_one(network, k)) == PA_OK) break;
      ck_assert_int_eq(status, PA_ERROR_MEMORY);
      ck_assert_int_eq(meter.out, out);
      ck_assert(pa_network_graph(network) == graph);
      ok(pa_network_physics(network, noise[1], limit[1]));
      ok(pa_network_positions(network, at[1], at[1] + 2 * N));
      ck_assert(memcmp(noise[0], noise[1], sizeof noise[0]) == 0 && memcmp(limit[0], limit[1], sizeof limit[0]) == 0);
      ck_assert(memcmp(at[0], at[1], sizeof at[0]) == 0);
    }
    ck_assert_int_gt(refused, 2);
    meter.refuse = -1;
    ok(pa_network_physics(network, noise[1], NULL));
    ck_assert(memcmp(noise[0], noise[1], sizeof noise[0]) != 0);
  }
  pa_network_free(network);
  ck_assert_int_eq(meter.out, 0);
}
END_TEST

/* Weights after a few steps on a network. */
static void trained(const pa_network *network, bool probing, bool single, double *weights, size_t count,
                    const char *save, const char *resume, pa_status expected) {
  pa_uwmmse *unfolded = NULL;
  pa_regnn *filters = NULL;
  pa_trainer *trainer;
  if (probing)
    ok(pa_regnn_create(&filters, NULL, NULL, 0, 3, NULL));
  else
    ok(pa_uwmmse_create(&unfolded, PA_UWMMSE_EXTENDED, 4, 5, 3, NULL));
  ok(pa_trainer_create(&trainer, probing ? pa_regnn_policy(filters) : pa_uwmmse_policy(unfolded), network, 1, NULL));
  if (probing) ok(pa_trainer_set_reward(trainer, pa_network_links(network), pa_reward_capacity, NULL, NULL));
  ok(pa_trainer_set(trainer, PA_TRAINER_PRECISION, single));
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 10));
  if (expected == PA_OK) {
    if (resume) ok(pa_trainer_resume(trainer, resume));
    ok(pa_trainer_run(trainer, 10));
    if (save) ok(pa_trainer_save(trainer, save));
  } else {
    fails(pa_trainer_resume(trainer, resume), expected, "total noise");
  }
  if (weights && probing) ok(pa_regnn_get_weights(filters, weights, count));
  if (weights && !probing) ok(pa_uwmmse_get_weights(unfolded, weights, count));
  pa_trainer_free(trainer);
  pa_uwmmse_free(unfolded);
  pa_regnn_free(filters);
}

/* Training hears a remainder as it hears noise that was set. */
START_TEST(training_with_a_remainder) {
  enum { N = 30, MOST_WEIGHTS = 2000 };
  const double base = 1e-6;
  double noise[N], weights[3][MOST_WEIGHTS] = {{0}};
  char path[] = "/tmp/powalloc-remainder-XXXXXX";
  ck_assert_int_ge(close(mkstemp(path)), 0);
  for (int kind = 0; kind < 4; kind++) {
    bool probing = kind % 2, single = kind / 2;
    pa_regnn *filters;
    pa_uwmmse *unfolded;
    ok(pa_regnn_create(&filters, NULL, NULL, 0, 3, NULL));
    ok(pa_uwmmse_create(&unfolded, PA_UWMMSE_EXTENDED, 4, 5, 3, NULL));
    size_t count = probing ? pa_regnn_weight_count(filters) : pa_uwmmse_weight_count(unfolded);
    pa_regnn_free(filters);
    pa_uwmmse_free(unfolded);
    ck_assert_uint_le(count, MOST_WEIGHTS);
    pa_network *network = whole_network(N, 12);
    ok(pa_network_set_noise(network, &base, 1));
    trained(network, probing, single, weights[0], count, NULL, NULL, PA_OK);
    ok(pa_network_set(network, PA_NETWORK_REMAINDER, .3));
    ok(pa_network_physics(network, noise, NULL));
    trained(network, probing, single, weights[1], count, path, NULL, PA_OK);
    trained(network, probing, single, NULL, 0, NULL, path, PA_OK);
    ok(pa_network_set(network, PA_NETWORK_REMAINDER, .2));
    trained(network, probing, single, NULL, 0, NULL, path, PA_ERROR_FORMAT);
    ok(pa_network_set(network, PA_NETWORK_REMAINDER, 0));
    trained(network, probing, single, NULL, 0, NULL, path, PA_ERROR_FORMAT);
    ok(pa_network_set_noise(network, noise, N));
    trained(network, probing, single, weights[2], count, NULL, NULL, PA_OK);
    ck_assert(memcmp(weights[0], weights[1], count * sizeof(double)) != 0);
    ck_assert(memcmp(weights[1], weights[2], count * sizeof(double)) == 0);
    pa_network_free(network);
  }
  remove(path);
}
END_TEST

/* ---- what a cut-off does to rates ---- */

/* A network with a cut-off and one without, the same but for that, and a draw of the full one. */
struct cut {
  size_t links;
  pa_network *sparse;
  double *full, *value, *left_out; /* channels both ways; power gains from beyond */
};

static struct cut cut_of(size_t links, uint64_t seed, double cutoff) {
  struct cut c = {.links = links};
  pa_network *network;
  ok(pa_network_create_sparse_adhoc(&c.sparse, links, 10, cutoff, seed, NULL));
  ok(pa_network_create_adhoc(&network, links, seed, NULL));
  ok(pa_network_set(network, PA_NETWORK_REFERENCE_LINKS, 10));
  c.full = calloc(links * links, sizeof *c.full);
  c.value = calloc(links * links, sizeof *c.value);
  c.left_out = calloc(links, sizeof *c.left_out);
  ok(pa_network_draw(network, 0, 0, 1, c.full));
  ok(pa_graph_pick(pa_network_graph(c.sparse), c.full, c.value, c.left_out));
  pa_network_free(network);
  return c;
}

static void free_cut(struct cut *c) {
  pa_network_free(c->sparse);
  free(c->full);
  free(c->value);
  free(c->left_out);
}

/* Link by link: predicted rates are too high, by no more than if all beyond were at their limits, and the less the
 * further the cut-off is. Powers are any. */
START_TEST(rates_beyond_a_cutoff_are_bounded) {
  const size_t links[] = {3, 20, 90};
  const double cutoffs[] = {1, 3, 6, 10, 20, 1e3}, noise = 1e-4, limit = 2;
  for (size_t size = 0; size < 3; size++)
    for (int kind = 0; kind < 3; kind++) {
      size_t n = links[size], cut_off = 0, tight = 0;
      for (uint64_t seed = 0; seed < 8; seed++) {
        double *memory = calloc(5 * n, sizeof *memory), *power = memory, *rate = power + n, *told = rate + n,
               *sinr = told + n, *error = sinr + n;
        for (size_t i = 0; i < n; i++)
          power[i] = kind == 0 ? limit : kind == 1 ? limit * uniform() : limit * (double)(i % 3 > 0);
        for (int c = 0; c < 6; c++) {
          struct cut cut = cut_of(n, seed, cutoffs[c]);
          pa_states *full, *sparse;
          ok(pa_states_create(&full, 1, n, cut.full, noise, limit, NULL));
          ok(pa_states_create_sparse(&sparse, 1, pa_network_graph(cut.sparse), cut.value, noise, limit, NULL));
          ok(pa_rates(full, power, rate));
          ok(pa_rates(sparse, power, told));
          ok(pa_sinr(sparse, power, sinr));
          for (size_t j = 0; j < n; j++) {
            double own = cut.full[j * n + j] * cut.full[j * n + j] * power[j], near = 1e-11 * (1 + rate[j]);
            double hears = own > 0 ? own / sinr[j] : INFINITY, more = told[j] - rate[j];
            double bound =
                log2(1 + limit * cut.left_out[j] / hears) - log2(1 + limit * cut.left_out[j] / (hears + own));
            if (own == 0) bound = 0;
            ck_assert_msg(more >= -near && more <= bound + near, "link %zu: %g, bound %g", j, more, bound);
            ck_assert(c == 0 || more <= error[j] + near);
            error[j] = more;
            cut_off += cut.left_out[j] > 0 && more > near;
            tight += kind == 0 && fabs(more - bound) <= near;
          }
          if (c == 5) ck_assert(pa_graph_edges(pa_network_graph(cut.sparse)) == n * n);
          pa_states_free(full);
          pa_states_free(sparse);
          free_cut(&cut);
        }
        free(memory);
      }
      ck_assert_uint_gt(cut_off, n);
      if (kind == 0) ck_assert_uint_eq(tight, 8 * 6 * n);
    }
}
END_TEST

/* In the mean over the fading what is reported bounds it too, and the mean remainder is nearer than none. */
START_TEST(reports_bound_rates_in_the_mean) {
  enum { N = 60, DRAWS = 200 };
  const double noise = 1e-4, limit = 1;
  for (uint64_t seed = 0; seed < 4; seed++) {
    pa_network *sparse, *full;
    double mean[N], most[N], power[N], rate[N], told[N], sinr[N], counted[N], sum[4] = {0};
    double *h = calloc(2 * N * N, sizeof *h), *value = h + N * N, heard_noise[N];
    pa_states *all, *cut, *with;
    ok(pa_network_create_sparse_adhoc(&sparse, N, 10, 6, seed, NULL));
    ok(pa_network_create_adhoc(&full, N, seed, NULL));
    ok(pa_network_set(full, PA_NETWORK_REFERENCE_LINKS, 10));
    ok(pa_network_left_out(sparse, mean, most));
    ok(pa_network_set_noise(sparse, &noise, 1));
    ok(pa_network_set(sparse, PA_NETWORK_REMAINDER, 1));
    ok(pa_network_physics(sparse, heard_noise, NULL));
    const pa_graph *graph = pa_network_graph(sparse);
    ok(pa_states_create(&all, 1, N, h, noise, limit, NULL));
    ok(pa_states_create_sparse(&cut, 1, graph, value, noise, limit, NULL));
    ok(pa_states_create_sparse(&with, 1, graph, value, noise, limit, NULL));
    ok(pa_states_set_noise(with, heard_noise, N));
    for (size_t i = 0; i < N; i++) power[i] = limit;
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
      ok(pa_network_draw(full, 0, draw, 1, h));
      ok(pa_graph_pick(graph, h, value, NULL));
      ok(pa_rates(all, power, rate));
      ok(pa_rates(cut, power, told));
      ok(pa_sinr(cut, power, sinr));
      ok(pa_rates(with, power, counted));
      for (size_t j = 0; j < N; j++) {
        double own = h[j * N + j] * h[j * N + j] * power[j], hears = own / sinr[j];
        sum[0] += rate[j];
        sum[1] += told[j];
        sum[2] += counted[j];
        sum[3] += log2(1 + limit * most[j] / hears) - log2(1 + limit * most[j] / (hears + own));
      }
    }
    ck_assert_msg(sum[1] > sum[0] && sum[1] - sum[0] <= sum[3], "%g above, bound %g", sum[1] - sum[0], sum[3]);
    ck_assert_msg(fabs(sum[2] - sum[0]) < .5 * (sum[1] - sum[0]), "%g, %g with all of it, %g with nothing", sum[0],
                  sum[2], sum[1]);
    pa_states_free(all);
    pa_states_free(cut);
    pa_states_free(with);
    pa_network_free(sparse);
    pa_network_free(full);
    free(h);
  }
}
END_TEST

/* Powers and gradients on a network of several tasks are the same by any number of threads, in the caller's order. */
START_TEST(threads_share_large_networks) {
  enum { N = 5000 };
  pa_network *network = whole_network(N, 25);
  pa_states *states;
  ok(pa_network_draw_states(network, 1, 0, 1, &states, NULL));
  ok(pa_states_set_noise(states, &(double){1e-9}, 1));
  pa_network_free(network); /* the states keep its graph */
  double *power = calloc(2 * N, sizeof *power), *pooled = power + N;
  pa_pool *pool;
  ok(pa_pool_create(&pool, 3, NULL));
  for (int kind = 0; kind < 4; kind++) {
    pa_uwmmse *unfolded = NULL;
    pa_regnn *filters = NULL;
    pa_policy *policy, *wmmse = NULL;
    if (kind == 0) ok(pa_policy_create(&wmmse, "wmmse", NULL));
    if (kind == 1 || kind == 2) ok(pa_uwmmse_create(&unfolded, kind, 4, 5, 3, NULL));
    if (kind == 3) ok(pa_regnn_create(&filters, NULL, NULL, 0, 3, NULL));
    policy = wmmse ? wmmse : unfolded ? pa_uwmmse_policy(unfolded) : pa_regnn_policy(filters);
    ok(pa_policy_allocate(policy, states, power, NULL, 0));
    ok(pa_policy_allocate_parallel(policy, states, pooled, pool, NULL, 0));
    ck_assert(memcmp(power, pooled, N * sizeof *power) == 0);
    pa_policy_free(wmmse);
    pa_uwmmse_free(unfolded);
    pa_regnn_free(filters);
  }
  pa_pool_free(pool);
  pa_states_free(states);
  free(power);
}
END_TEST

START_TEST(blocks_that_do_not_touch_decouple) {
  enum { N = 12 };
  int64_t offset[2 * N + 1] = {0};
  int32_t *receiver = calloc(2 * N * N, sizeof *receiver);
  double *h = calloc(2 * N * N, sizeof *h), power[2 * N], left[N], right[N];
  for (size_t i = 0; i < 2 * N; i++) {
    for (size_t j = 0; j < N; j++) {
      receiver[i * N + j] = (int32_t)((i < N ? 0 : N) + j);
      h[i * N + j] = (j == i % N ? 1 : .3) * uniform();
    }
    offset[i + 1] = (int64_t)((i + 1) * N);
  }
  pa_graph *graph;
  pa_states *both, *first, *second;
  ok(pa_graph_create(&graph, 2 * N, offset, receiver, NULL));
  ok(pa_states_create_sparse(&both, 1, graph, h, .01, 1, NULL));
  ok(pa_states_create(&first, 1, N, h, .01, 1, NULL));
  ok(pa_states_create(&second, 1, N, h + N * N, .01, 1, NULL));
  pa_policy *policy;
  ok(pa_policy_create(&policy, "wmmse", NULL));
  ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 20));
  ok(pa_policy_allocate(policy, both, power, NULL, 0));
  ok(pa_policy_allocate(policy, first, left, NULL, 0));
  ok(pa_policy_allocate(policy, second, right, NULL, 0));
  same("first block", left, power, N, 1e-11);
  same("second block", right, power + N, N, 1e-11);
  pa_policy_free(policy);
  pa_states_free(both);
  pa_states_free(first);
  pa_states_free(second);
  pa_graph_free(graph);
  free(receiver);
  free(h);
}
END_TEST

/* Training on the edges of a network, model-based and model-free, whatever the threads. */
START_TEST(training_on_sparse_networks) {
  for (int kind = 0; kind < 4; kind++) {
    double *weights[2];
    size_t count = 0;
    for (int threads = 1; threads <= 2; threads++) {
      pa_network *network = whole_network(30, 12);
      ok(pa_network_set_noise(network, &(double){1e-6}, 1));
      pa_uwmmse *unfolded = NULL;
      pa_regnn *filters = NULL;
      if (kind % 2 == 0) ok(pa_uwmmse_create(&unfolded, PA_UWMMSE_EXTENDED, 4, 5, 3, NULL));
      if (kind % 2 == 1) ok(pa_regnn_create(&filters, NULL, NULL, 0, 3, NULL));
      pa_trainer *trainer;
      ok(pa_trainer_create(&trainer, unfolded ? pa_uwmmse_policy(unfolded) : pa_regnn_policy(filters), network, 1,
                           NULL));
      if (kind % 2 == 1) {
        ok(pa_trainer_set_reward(trainer, 30, pa_reward_capacity, NULL, NULL));
        ok(pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MEAN_POWER, &(double){10}, 1));
        if (kind == 3) ok(pa_trainer_set_reward_gradient(trainer, pa_reward_capacity_gradient));
      }
      ok(pa_trainer_set(trainer, PA_TRAINER_THREADS, threads));
      ok(pa_trainer_set(trainer, PA_TRAINER_PRECISION, kind / 2));
      ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 40));
      ok(pa_trainer_run(trainer, 60));
      double rate, best, baseline;
      ok(pa_trainer_stat(trainer, PA_TRAINER_STAT_RATE, &rate));
      ok(pa_trainer_stat(trainer, PA_TRAINER_STAT_BEST_RATE, &best));
      ok(pa_trainer_stat(trainer, PA_TRAINER_STAT_BASELINE_RATE, &baseline));
      ck_assert(rate > 0 && best > .5 * rate && best < 2 * rate);
      if (unfolded) ck_assert(baseline > .9 * best && baseline < 1.5 * best);
      count = unfolded ? pa_uwmmse_weight_count(unfolded) : pa_regnn_weight_count(filters);
      weights[threads - 1] = calloc(count, sizeof(double));
      if (unfolded)
        ok(pa_uwmmse_get_weights(unfolded, weights[threads - 1], count));
      else
        ok(pa_regnn_get_weights(filters, weights[threads - 1], count));
      pa_trainer_free(trainer);
      pa_uwmmse_free(unfolded);
      pa_regnn_free(filters);
      pa_network_free(network);
    }
    ck_assert(memcmp(weights[0], weights[1], count * sizeof(double)) == 0);
    free(weights[0]);
    free(weights[1]);
  }
}
END_TEST

START_TEST(models_of_full_matrices_are_not_trained) {
  pa_network *network = whole_network(8, 3);
  pa_igcnet *model;
  pa_mlp *layers;
  pa_trainer *trainer = NULL;
  ok(pa_igcnet_create(&model, 2, 4, 4, PA_INPUT_LOG, 1, NULL));
  ok(pa_mlp_create(&layers, PA_MLP_PROBABILITIES, 8, (const size_t[]){4}, 1, PA_INPUT_LOG, 1, NULL));
  fails(pa_trainer_create(&trainer, pa_igcnet_policy(model), network, 1, NULL), PA_ERROR_ARGUMENT,
        "policy igcnet takes full channel matrices");
  fails(pa_trainer_create(&trainer, pa_mlp_policy(layers), network, 1, NULL), PA_ERROR_ARGUMENT,
        "policy fcnn takes full channel matrices");
  ck_assert(trainer == NULL);
  pa_igcnet_free(model);
  pa_mlp_free(layers);
  pa_network_free(network);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {classical_policies,
                                caps_tolerances_and_starts,
                                rates_and_rewards,
                                regnn,
                                uwmmse,
                                bad_graphs_are_refused,
                                bad_channels_on_edges_are_named,
                                powers_of_minus_zero_are_none, what_takes_full_matrices_says_so, direct_channels_at_the_very_cutoff_are_edges, path_gains_are_all_or_none, states_of_a_graph_that_was_replaced_take_no_other_channels, no_edges_and_lonely_links,
                                thresholds_leave_out_what_they_say,
                                positions_find_all_neighbours,
                                whole_networks_are_those_without_a_cutoff,
                                cutoffs_leave_out_what_they_say,
                                remainders_follow_all_that_they_depend_on,
                                remainders_of_networks_without_a_cutoff_are_refused,
                                without_memory_networks_stay_as_they_are,
                                training_with_a_remainder,
                                rates_beyond_a_cutoff_are_bounded,
                                reports_bound_rates_in_the_mean,
                                threads_share_large_networks,
                                blocks_that_do_not_touch_decouple,
                                training_on_sparse_networks,
                                models_of_full_matrices_are_not_trained,
                                NULL};
  return run_tests("sparse", tests);
}
