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
        size_t row = order ? (size_t)order[k] : k, at = (size_t)receiver[e],
               column = order ? (size_t)order[at] : at, edge = s * edges + (size_t)e;
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
    for (int without = 0; without < 2; without++) {
      struct both b = random_states(sizes[k], .2, without, 3);
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
  for (int k = 0; k < SIZES; k++) {
    struct both b = random_states(sizes[k], .3, true, 2);
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
      for (int k = 0; k < SIZES; k++) {
        const int32_t keys[] = {PA_REGNN_SHIFT,  PA_REGNN_FEATURES, PA_REGNN_TRANSPOSED,
                                PA_REGNN_INPUTS, PA_REGNN_LAYERS,   PA_REGNN_SCALE};
        const double values[3][6] = {{shift, 1, 0, 1, 3, .3}, {shift, 4, 1, 3, 3, .3}, {shift, 10, 0, 15, 2, .3}};
        struct both b = random_states(sizes[k], .2, true, 2);
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
    for (int k = 0; k < SIZES; k++) {
      struct both b = random_states(sizes[k], .2, true, 2);
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

int main(void) {
  const TTest *const tests[] = {classical_policies, caps_tolerances_and_starts, rates_and_rewards, regnn, uwmmse, NULL};
  return run_tests("sparse", tests);
}
