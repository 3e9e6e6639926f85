/* Sparse channels against full ones. */
#include "suite.h"

#include "base/random.h"
#include "net/states.h"
#include "policy/policy.h"

#include <powalloc/reward.h>
#include <stdio.h>

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
      }
      ok(pa_trainer_set(trainer, PA_TRAINER_THREADS, threads));
      ok(pa_trainer_set(trainer, PA_TRAINER_PRECISION, kind / 2));
      ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 40));
      ok(pa_trainer_run(trainer, 60));
      double rate, first;
      ok(pa_trainer_stat(trainer, PA_TRAINER_STAT_RATE, &rate));
      ok(pa_trainer_stat(trainer, PA_TRAINER_STAT_BASELINE_RATE, &first));
      ck_assert(isfinite(rate) && rate > 0);
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

int main(void) {
  const TTest *const tests[] = {classical_policies,
                                caps_tolerances_and_starts,
                                rates_and_rewards,
                                regnn,
                                uwmmse,
                                bad_graphs_are_refused,
                                bad_channels_on_edges_are_named,
                                no_edges_and_lonely_links,
                                thresholds_leave_out_what_they_say,
                                positions_find_all_neighbours,
                                whole_networks_are_those_without_a_cutoff,
                                cutoffs_leave_out_what_they_say,
                                threads_share_large_networks,
                                blocks_that_do_not_touch_decouple,
                                training_on_sparse_networks,
                                NULL};
  return run_tests("sparse", tests);
}
