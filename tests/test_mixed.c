/* States of several networks as one batch against each of them alone. */
#define _GNU_SOURCE
#include "allocations.h"
#include "suite.h"

#include "base/random.h"
#include "train/trainer.h"

#include <stdio.h>
#include <unistd.h>

enum { DOUBLE, SINGLE, PRECISIONS, MOST = 8, MOST_WEIGHTS = 600 };

static uint64_t drawn;

static double uniform(void) { return pa__random_uniform(11, 0, drawn++); }

static size_t number(int precision) { return precision == SINGLE ? sizeof(float) : sizeof(double); }

/* ---- parts ---- */

/* A network in both precisions; on a graph if that is wanted. */
struct part {
  size_t links, batch, channels;
  double *h, *start, *x;
  float *h_f32;
  pa_graph *graph;
  pa_states *states[PRECISIONS];
};

static pa_graph *graph_of(size_t links) {
  double *at = calloc(4 * links, sizeof *at);
  pa_graph *graph;
  for (size_t k = 0; k < 4 * links; k++) at[k] = uniform();
  ok(pa_graph_create_positions(&graph, links, at, at + 2 * links, .3, NULL));
  free(at);
  return graph;
}

/* Noise, limits and weights that are not all alike, nor those of other parts. */
static void set_nodes(struct part *p, uint64_t first) {
  double *value = calloc(p->links, sizeof *value);
  for (int precision = 0; precision < PRECISIONS; precision++) {
    pa_states *s = p->states[precision];
    for (size_t i = 0; i < p->links; i++) value[i] = .01 * (1 + (double)((i + first) % 7));
    ok(pa_states_set_noise(s, value, p->links));
    for (size_t i = 0; i < p->links; i++) value[i] = .5 + (double)((i + first) % 5);
    ok(pa_states_set_power_limit(s, value, p->links));
    for (size_t i = 0; i < p->links; i++) value[i] = 1 + .25 * (double)((i + first) % 3);
    ok(pa_states_set_weights(s, value, p->links));
    ok(pa_states_set_first(s, 100 * first + 5));
    ok(pa_states_set_node_state(s, p->x, 1));
    if (p->start) ok(pa_states_set_start(s, p->start));
  }
  free(value);
}

static struct part part_of(size_t links, size_t batch, bool sparse, bool start, uint64_t first) {
  struct part p = {.links = links, .batch = batch, .channels = links * links};
  if (sparse) p.graph = graph_of(links);
  if (sparse) p.channels = pa_graph_slots(p.graph);
  p.h = calloc(batch * p.channels, sizeof *p.h);
  p.h_f32 = calloc(batch * p.channels, sizeof *p.h_f32);
  p.x = calloc(batch * links, sizeof *p.x);
  for (size_t k = 0; k < batch * links; k++) p.x[k] = uniform();
  if (start) p.start = calloc(batch * links, sizeof *p.start);
  for (size_t k = 0; start && k < batch * links; k++) p.start[k] = .5 * uniform();
  for (size_t k = 0; k < batch * p.channels; k++) {
    bool direct = !sparse && k % p.channels % (links + 1) == 0;
    p.h_f32[k] = (float)((direct ? 1 : .3) * sqrt(-2 * log(uniform())));
    p.h[k] = (double)p.h_f32[k];
  }
  if (sparse) {
    ok(pa_states_create_sparse(&p.states[DOUBLE], batch, p.graph, p.h, 1, 1, NULL));
    ok(pa_states_create_sparse_f32(&p.states[SINGLE], batch, p.graph, p.h_f32, 1, 1, NULL));
  } else {
    ok(pa_states_create(&p.states[DOUBLE], batch, links, p.h, 1, 1, NULL));
    ok(pa_states_create_f32(&p.states[SINGLE], batch, links, p.h_f32, 1, 1, NULL));
  }
  set_nodes(&p, first);
  return p;
}

static void free_part(struct part *p) {
  for (int k = 0; k < PRECISIONS; k++) pa_states_free(p->states[k]);
  pa_graph_free(p->graph);
  free(p->h);
  free(p->h_f32);
  free(p->x);
  free(p->start);
}

/* ---- several of them as one batch ---- */

struct mix {
  size_t count, powers, batch;
  struct part part[MOST];
  pa_states *states[PRECISIONS];
};

static pa_states *mixed_of(const struct mix *m, int precision, const size_t *order) {
  const pa_states *parts[MOST];
  pa_states *states;
  for (size_t k = 0; k < m->count; k++) parts[k] = m->part[order ? order[k] : k].states[precision];
  ok(pa_states_create_mixed(&states, parts, m->count, NULL));
  return states;
}

static struct mix mix_of(size_t count, const size_t (*shapes)[4]) {
  struct mix m = {.count = count};
  drawn = 0; /* the same whatever was drawn before */
  for (size_t k = 0; k < count; k++) {
    m.part[k] = part_of(shapes[k][0], shapes[k][1], shapes[k][2] != 0, shapes[k][3] != 0, k);
    m.powers += shapes[k][0] * shapes[k][1];
    m.batch += shapes[k][1];
  }
  for (int precision = 0; precision < PRECISIONS; precision++) m.states[precision] = mixed_of(&m, precision, NULL);
  return m;
}

static void free_mix(struct mix *m) {
  for (int precision = 0; precision < PRECISIONS; precision++) pa_states_free(m->states[precision]);
  for (size_t k = 0; k < m->count; k++) free_part(&m->part[k]);
}

/* Small and large, full and sparse, one sample and several tasks of them, neither first nor last the largest: links,
 * samples, sparse, with a start. */
static struct mix all_kinds(void) {
  static const size_t shapes[][4] = {{5, 19, 0, 0},  {40, 3, 1, 1}, {33, 2, 0, 1},  {1, 4, 0, 0},
                                     {200, 1, 0, 0}, {9, 33, 1, 0}, {250, 1, 1, 0}, {2, 3, 0, 0}};
  return mix_of(8, shapes);
}

/* Full matrices of few links, for policies that take only such. */
static struct mix full_kinds(void) {
  static const size_t shapes[][4] = {{5, 19, 0, 0}, {3, 2, 0, 0}, {7, 5, 0, 0}};
  return mix_of(3, shapes);
}

static struct mix alike(void) {
  static const size_t shapes[][4] = {{4, 19, 0, 0}, {4, 2, 0, 0}};
  return mix_of(2, shapes);
}

/* ---- policies ---- */

static int32_t by_parts(void *user, const pa_states *states, double *power) {
  ++*(size_t *)user;
  for (size_t k = 0; k < pa_states_powers(states); k++)
    power[k] = pa_states_power_limit(states)[k % pa_states_links(states)] / (1 + (double)pa_states_links(states));
  return PA_CALLBACK_OK;
}

static pa_policy *classical(const char *name) {
  pa_policy *policy;
  ok(pa_policy_create(&policy, name, NULL));
  if (strncmp(name, "wmmse", 5) == 0) ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 7));
  if (strcmp(name, "wmmse-best") == 0) ok(pa_policy_set(policy, PA_POLICY_STARTS, 3));
  if (strcmp(name, "wmmse-priced") == 0) ok(pa_policy_set(policy, PA_POLICY_PRICE, .1));
  if (strcmp(name, "threshold") == 0) ok(pa_policy_set(policy, PA_POLICY_THRESHOLD, 30));
  if (strcmp(name, "equal") == 0) ok(pa_policy_set(policy, PA_POLICY_SUM_POWER, 2));
  return policy;
}

static pa_policy *unfolded(int32_t architecture) {
  pa_uwmmse *model;
  ok(pa_uwmmse_create(&model, architecture, 4, 5, 1, NULL));
  return pa_uwmmse_policy(model);
}

/* Draws its powers, and looks at node states. */
static pa_policy *filters(int32_t output) {
  pa_regnn *model;
  const int32_t keys[] = {PA_REGNN_OUTPUT, PA_REGNN_STATE_FEATURES};
  const double values[] = {output, 1};
  ok(pa_regnn_create(&model, keys, values, 2, 1, NULL));
  ok(pa_policy_set(pa_regnn_policy(model), PA_POLICY_SAMPLE, 1));
  return pa_regnn_policy(model);
}

static void free_learned(pa_policy *policy) {
  pa_uwmmse *of_uwmmse = pa_policy_uwmmse(policy);
  pa_regnn *of_regnn = pa_policy_regnn(policy);
  pa_uwmmse_free(of_uwmmse);
  pa_regnn_free(of_regnn);
}

/* ---- against each part alone ---- */

static pa_status allocate(const pa_policy *policy, const pa_states *states, int precision, void *power, pa_pool *pool,
                          void *work, size_t bytes) {
  if (precision == SINGLE)
    return pool ? pa_policy_allocate_parallel_f32(policy, states, power, pool, work, bytes)
                : pa_policy_allocate_f32(policy, states, power, work, bytes);
  return pool ? pa_policy_allocate_parallel(policy, states, power, pool, work, bytes)
              : pa_policy_allocate(policy, states, power, work, bytes);
}

/* Powers of each part alone, in an order. */
static void *powers_alone(const pa_policy *policy, const struct mix *m, int precision, const size_t *order) {
  char *power = calloc(m->powers, number(precision)), *to = power;
  for (size_t k = 0; k < m->count; k++) {
    const struct part *p = &m->part[order ? order[k] : k];
    ok(allocate(policy, p->states[precision], precision, to, NULL, NULL, 0));
    to += p->links * p->batch * number(precision);
  }
  return power;
}

static int32_t backwards(void *user, size_t tasks, pa_task_fn run, void *task) {
  for (size_t k = tasks; k-- > 0;) run(task, k % *(size_t *)user, k);
  return PA_CALLBACK_OK;
}

enum { POOLS = 5 };

/* None, of 1 to 3 threads, and one that runs tasks from the last to the first by nine workers in turn: more than there
 * are large parts. */
static void make_pools(pa_pool *pool[POOLS]) {
  static size_t workers = 9;
  pool[0] = NULL;
  for (size_t k = 1; k + 1 < POOLS; k++) ok(pa_pool_create(&pool[k], k, NULL));
  ok(pa_pool_create_custom(&pool[POOLS - 1], workers, backwards, &workers, NULL, NULL));
}

static void free_pools(pa_pool *pool[POOLS]) {
  for (size_t k = 0; k < POOLS; k++) pa_pool_free(pool[k]);
}

static void check_powers(const pa_policy *policy, const struct mix *m, int precision, pa_pool *pool) {
  size_t bytes, size = m->powers * number(precision);
  char *expected = powers_alone(policy, m, precision, NULL), *power = calloc(1, size);
  ok(allocate(policy, m->states[precision], precision, power, pool, NULL, 0));
  ck_assert_msg(memcmp(power, expected, size) == 0, "%s in precision %d", pa_policy_name(policy), precision);
  ok(pa_policy_workspace_states(policy, m->states[precision], pool, &bytes));
  unsigned char *work = aligned_alloc(64, bytes + 64);
  memset(work, 0xa5, bytes + 64);
  memset(power, 0, size);
  ok(allocate(policy, m->states[precision], precision, power, pool, work, bytes));
  ck_assert_msg(memcmp(power, expected, size) == 0, "%s in a workspace", pa_policy_name(policy));
  for (size_t k = bytes; k < bytes + 64; k++) ck_assert(work[k] == 0xa5);
  fails(allocate(policy, m->states[precision], precision, power, pool, work, bytes - 1), PA_ERROR_WORKSPACE,
        "work has");
  ck_assert(memcmp(power, expected, size) == 0);
  for (size_t k = 0; k < m->count; k++) { /* enough for any part */
    ok(allocate(policy, m->part[k].states[precision], precision, power, pool, work, bytes));
  }
  free(work);
  free(power);
  free(expected);
}

static void check_everywhere(const pa_policy *policy, const struct mix *m, pa_pool *pool[POOLS]) {
  for (size_t k = 0; k < POOLS; k++)
    for (int precision = 0; precision < PRECISIONS; precision++) check_powers(policy, m, precision, pool[k]);
}

START_TEST(classical_powers_are_those_of_each_part) {
  struct mix m = all_kinds();
  pa_pool *pool[POOLS];
  make_pools(pool);
  for (size_t k = 0; k < pa_policy_kind_count(); k++) {
    if (strcmp(pa_policy_kind_name(k), "optimal") == 0) continue;
    pa_policy *policy = classical(pa_policy_kind_name(k));
    check_everywhere(policy, &m, pool);
    pa_policy_free(policy);
  }
  free_pools(pool);
  free_mix(&m);
}
END_TEST

START_TEST(learned_powers_are_those_of_each_part) {
  struct mix m = all_kinds();
  pa_pool *pool[POOLS];
  pa_policy *policy[] = {unfolded(PA_UWMMSE_PAPER), unfolded(PA_UWMMSE_EXTENDED), filters(PA_REGNN_OUTPUT_BERNOULLI),
                         filters(PA_REGNN_OUTPUT_CONTINUOUS)};
  make_pools(pool);
  for (size_t k = 0; k < sizeof policy / sizeof policy[0]; k++) {
    check_everywhere(policy[k], &m, pool);
    free_learned(policy[k]);
  }
  free_pools(pool);
  free_mix(&m);
}
END_TEST

START_TEST(policies_of_full_matrices_take_mixed_ones) {
  struct mix m = full_kinds(), same = alike();
  pa_pool *pool[POOLS];
  pa_igcnet *igcnet;
  pa_mlp *mlp;
  pa_policy *optimal = classical("optimal"), *own;
  size_t calls = 0;
  make_pools(pool);
  ok(pa_igcnet_create(&igcnet, 2, 4, 4, PA_INPUT_LOG, 1, NULL));
  ok(pa_mlp_create(&mlp, PA_MLP_POWERS, 4, (const size_t[]){6}, 1, PA_INPUT_LOG, 1, NULL));
  ok(pa_policy_create_callback(&own, by_parts, &calls, NULL, NULL));
  check_everywhere(pa_igcnet_policy(igcnet), &m, pool);
  check_everywhere(optimal, &m, pool);
  check_everywhere(pa_mlp_policy(mlp), &same, pool);
  check_everywhere(own, &m, pool);
  calls = 0;
  double power[200];
  ok(pa_policy_allocate_parallel(own, m.states[DOUBLE], power, pool[2], NULL, 0));
  ck_assert_uint_eq(calls, m.count);
  pa_policy_free(own);
  pa_policy_free(optimal);
  pa_igcnet_free(igcnet);
  pa_mlp_free(mlp);
  free_pools(pool);
  free_mix(&m);
  free_mix(&same);
}
END_TEST

START_TEST(permuted_parts_have_permuted_powers) {
  struct mix m = all_kinds();
  static const size_t order[MOST] = {3, 6, 0, 7, 5, 2, 1, 4};
  pa_policy *policy[] = {unfolded(PA_UWMMSE_EXTENDED), filters(PA_REGNN_OUTPUT_BERNOULLI), classical("random")};
  for (size_t k = 0; k < 3; k++) {
    pa_states *permuted = mixed_of(&m, DOUBLE, order);
    double *expected = powers_alone(policy[k], &m, DOUBLE, order), *power = calloc(m.powers, sizeof *power);
    double *unpermuted = powers_alone(policy[k], &m, DOUBLE, NULL);
    ok(pa_policy_allocate(policy[k], permuted, power, NULL, 0));
    ck_assert(memcmp(power, expected, m.powers * sizeof *power) == 0);
    ck_assert(memcmp(power, unpermuted, m.powers * sizeof *power) != 0);
    pa_states_free(permuted);
    free(power);
    free(expected);
    free(unpermuted);
  }
  free_learned(policy[0]);
  free_learned(policy[1]);
  pa_policy_free(policy[2]);
  free_mix(&m);
}
END_TEST

/* ---- rates and probabilities ---- */

START_TEST(rates_are_those_of_each_part) {
  struct mix m = all_kinds();
  double *power = calloc(5 * m.powers, sizeof *power), *rate = power + m.powers, *sinr = rate + m.powers,
         *rate_alone = sinr + m.powers, *sinr_alone = rate_alone + m.powers;
  float *narrow = calloc(5 * m.powers, sizeof *narrow), *rate_f32 = narrow + m.powers, *sinr_f32 = rate_f32 + m.powers,
        *rate_alone_f32 = sinr_f32 + m.powers, *sinr_alone_f32 = rate_alone_f32 + m.powers;
  for (size_t k = 0; k < m.powers; k++) narrow[k] = (float)(power[k] = uniform() < .2 ? 0 : uniform());
  ok(pa_rates(m.states[DOUBLE], power, rate));
  ok(pa_sinr(m.states[DOUBLE], power, sinr));
  ok(pa_rates_f32(m.states[SINGLE], narrow, rate_f32));
  ok(pa_sinr_f32(m.states[SINGLE], narrow, sinr_f32));
  for (size_t k = 0, at = 0; k < m.count; at += m.part[k].links * m.part[k].batch, k++) {
    ok(pa_rates(m.part[k].states[DOUBLE], power + at, rate_alone + at));
    ok(pa_sinr(m.part[k].states[DOUBLE], power + at, sinr_alone + at));
    ok(pa_rates_f32(m.part[k].states[SINGLE], narrow + at, rate_alone_f32 + at));
    ok(pa_sinr_f32(m.part[k].states[SINGLE], narrow + at, sinr_alone_f32 + at));
  }
  ck_assert(memcmp(rate, rate_alone, m.powers * sizeof *rate) == 0);
  ck_assert(memcmp(sinr, sinr_alone, m.powers * sizeof *sinr) == 0);
  ck_assert(memcmp(rate_f32, rate_alone_f32, m.powers * sizeof *rate_f32) == 0);
  ck_assert(memcmp(sinr_f32, sinr_alone_f32, m.powers * sizeof *sinr_f32) == 0);
  free(power);
  free(narrow);
  free_mix(&m);
}
END_TEST

START_TEST(probabilities_are_those_of_each_part) {
  struct mix m = all_kinds();
  pa_policy *policy[] = {unfolded(PA_UWMMSE_EXTENDED), filters(PA_REGNN_OUTPUT_LEVELS)};
  for (size_t p = 0; p < 2; p++) {
    size_t count = pa_policy_output_count(policy[p]), all = m.powers * count;
    double *together = calloc(2 * all, sizeof *together), *alone = together + all, *to = alone;
    ok(pa_policy_probabilities(policy[p], m.states[DOUBLE], together));
    for (size_t k = 0; k < m.count; to += m.part[k].links * m.part[k].batch * count, k++)
      ok(pa_policy_probabilities(policy[p], m.part[k].states[DOUBLE], to));
    ck_assert(memcmp(together, alone, all * sizeof *alone) == 0);
    fails(pa_policy_probabilities(policy[p], m.states[SINGLE], together), PA_ERROR_ARGUMENT, "in single precision");
    free(together);
    free_learned(policy[p]);
  }
  free_mix(&m);
}
END_TEST

/* ---- gradients ---- */

static double loss_of(const pa_policy *policy, const struct mix *m) {
  double *power = calloc(2 * m->powers, sizeof *power), *rate = power + m->powers, sum = 0;
  ok(pa_policy_allocate(policy, m->states[DOUBLE], power, NULL, 0));
  ok(pa_rates(m->states[DOUBLE], power, rate));
  for (size_t k = 0, at = 0; k < m->count; k++)
    for (size_t n = 0; n < m->part[k].batch * m->part[k].links; n++)
      sum += pa_states_weights(m->part[k].states[DOUBLE])[n % m->part[k].links] * rate[at++];
  free(power);
  return -sum / (double)m->batch;
}

/* The mean over all samples: each part's mean by its number of samples. */
START_TEST(gradients_are_the_means_of_the_parts) {
  struct mix m = all_kinds();
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++)
    for (int precision = 0; precision < PRECISIONS; precision++) {
      pa_policy *policy = unfolded(architecture);
      pa_uwmmse *model = pa_policy_uwmmse(policy);
      size_t n = pa_uwmmse_weight_count(model);
      double *together = calloc(3 * n, sizeof *together), *alone = together + n, *expected = alone + n, loss, mean = 0;
      ok(pa_uwmmse_gradient(model, m.states[precision], &loss, together, n));
      for (size_t k = 0; k < m.count; k++) {
        double one, share = (double)m.part[k].batch / (double)m.batch;
        ok(pa_uwmmse_gradient(model, m.part[k].states[precision], &one, alone, n));
        mean += share * one;
        for (size_t w = 0; w < n; w++) expected[w] += share * alone[w];
      }
      close_to(loss, mean, 1e-12 * fabs(mean));
      for (size_t w = 0; w < n; w++) close_to(together[w], expected[w], 1e-12 * (1 + fabs(expected[w])));
      if (precision == DOUBLE) close_to(loss, loss_of(policy, &m), 1e-10 * fabs(loss));
      free(together);
      free_learned(policy);
    }
  free_mix(&m);
}
END_TEST

/* A kink between two points makes the two step sizes disagree: such weights say nothing, and must be rare. */
START_TEST(gradients_are_those_of_central_differences) {
  static const size_t shapes[][4] = {{5, 3, 0, 0}, {12, 2, 1, 0}, {40, 1, 1, 0}, {33, 1, 0, 0}};
  struct mix m = mix_of(4, shapes);
  pa_policy *policy = unfolded(PA_UWMMSE_EXTENDED);
  pa_uwmmse *model = pa_policy_uwmmse(policy);
  size_t n = pa_uwmmse_weight_count(model), left_out = 0, seen = 0;
  double *weights = calloc(2 * n, sizeof *weights), *gradient = weights + n, loss;
  ok(pa_uwmmse_get_weights(model, weights, n));
  ok(pa_uwmmse_gradient(model, m.states[DOUBLE], &loss, gradient, n));
  for (size_t k = 0; k < n; k += 5, seen++) {
    double slope[2], kept = weights[k];
    for (int s = 0; s < 2; s++) {
      double step = s == 0 ? 1e-5 : 2e-6, at[2];
      for (int side = 0; side < 2; side++) {
        weights[k] = side ? kept - step : kept + step;
        ok(pa_uwmmse_set_weights(model, weights, n));
        at[side] = loss_of(policy, &m);
      }
      slope[s] = (at[0] - at[1]) / (2 * step);
    }
    weights[k] = kept;
    if (fabs(slope[0] - slope[1]) > 1e-6 * (1 + fabs(slope[0])))
      left_out++;
    else
      close_to(gradient[k], slope[0], 2e-7 * (1 + fabs(gradient[k])));
  }
  ck_assert_msg(left_out * 20 <= seen, "%zu of %zu weights at a kink", left_out, seen);
  free(weights);
  free_learned(policy);
  free_mix(&m);
}
END_TEST

/* ---- the handle ---- */

START_TEST(parts_and_counts) {
  struct mix m = full_kinds();
  const pa_states *mixed = m.states[DOUBLE], *alone = m.part[1].states[DOUBLE];
  ck_assert_uint_eq(pa_states_part_count(mixed), 3);
  for (size_t k = 0; k < 3; k++) ck_assert_ptr_eq(pa_states_part(mixed, k), m.part[k].states[DOUBLE]);
  ck_assert_ptr_null(pa_states_part(mixed, 3));
  ck_assert_uint_eq(pa_states_batch(mixed), m.batch);
  ck_assert_uint_eq(pa_states_powers(mixed), m.powers);
  ck_assert_uint_eq(pa_states_links(mixed), 0);
  ck_assert_ptr_null(pa_states_graph(mixed));
  ck_assert_ptr_null(pa_states_channel(mixed));
  ck_assert_ptr_null(pa_states_channel_f32(m.states[SINGLE]));
  ck_assert_ptr_null(pa_states_noise(mixed));
  ck_assert_ptr_null(pa_states_power_limit(mixed));
  ck_assert_ptr_null(pa_states_weights(mixed));
  ck_assert_ptr_null(pa_states_node_state(mixed));
  ck_assert_ptr_null(pa_states_start(mixed));
  ck_assert_ptr_null(pa_states_halo(mixed));
  ck_assert_uint_eq(pa_states_node_features(mixed), 0);
  ck_assert_uint_eq(pa_states_first(mixed), 0);
  ck_assert_uint_eq(pa_states_part_count(alone), 1);
  ck_assert_ptr_eq(pa_states_part(alone, 0), alone);
  ck_assert_ptr_null(pa_states_part(alone, 1));
  ck_assert_uint_eq(pa_states_powers(alone), 6);
  ck_assert_uint_eq(pa_states_part_count(NULL), 0);
  ck_assert_ptr_null(pa_states_part(NULL, 0));
  ck_assert_uint_eq(pa_states_powers(NULL), 0);
  free_mix(&m);
}
END_TEST

START_TEST(wrong_parts_are_refused) {
  struct mix m = full_kinds();
  pa_states *out = (pa_states *)&m;
  const pa_states *parts[3] = {m.part[0].states[DOUBLE], m.part[1].states[SINGLE], NULL};
  fails(pa_states_create_mixed(NULL, parts, 1, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_states_create_mixed(&out, NULL, 1, NULL), PA_ERROR_ARGUMENT, "parts is NULL");
  fails(pa_states_create_mixed(&out, parts, 0, NULL), PA_ERROR_ARGUMENT, "count is 0");
  fails(pa_states_create_mixed(&out, parts, 2, NULL), PA_ERROR_ARGUMENT,
        "parts[1] is in single precision, parts[0] in double");
  parts[1] = parts[0];
  fails(pa_states_create_mixed(&out, parts, 3, NULL), PA_ERROR_ARGUMENT, "parts[2] is NULL");
  parts[2] = m.states[DOUBLE];
  fails(pa_states_create_mixed(&out, parts, 3, NULL), PA_ERROR_ARGUMENT, "parts[2] is mixed itself");
  ck_assert_ptr_eq(out, (pa_states *)&m);
  free_mix(&m);
}
END_TEST

/* Parts that no memory could hold, as a graph without edges needs none for channels. */
START_TEST(counts_that_overflow_are_refused) {
  static const int64_t offset[3] = {0, 0, 0};
  static const int32_t receiver[1];
  pa_graph *graph;
  pa_states *huge, *mixed = NULL;
  pa_policy *policy = classical("full-power");
  double h = 0;
  size_t bytes;
  ok(pa_graph_create(&graph, 2, offset, receiver, NULL));
  ok(pa_states_create_sparse(&huge, PTRDIFF_MAX / sizeof(double) / 2, graph, &h, 1, 1, NULL));
  fails(pa_states_create_mixed(&mixed, (const pa_states *const[]){huge, huge}, 2, NULL), PA_ERROR_MEMORY,
        "parts 0 to 1 overflow");
  ck_assert_ptr_null(mixed);
  ok(pa_states_create_mixed(&mixed, (const pa_states *const[]){huge}, 1, NULL));
  fails(pa_policy_workspace_states(policy, mixed, NULL, &bytes), PA_ERROR_MEMORY, "overflow");
  pa_states_free(mixed);
  pa_states_free(huge);
  pa_graph_free(graph);
  pa_policy_free(policy);
}
END_TEST

/* A part may be bound to other channels, but not to more of them. */
START_TEST(parts_may_be_bound_to_other_channels) {
  struct mix m = full_kinds();
  struct part *p = &m.part[1];
  pa_policy *policy = classical("wmmse");
  pa_pool *pool;
  ok(pa_pool_create(&pool, 2, NULL));
  double *h = calloc(4 * p->channels, sizeof *h), *power = calloc(m.powers, sizeof *power);
  for (size_t k = 0; k < 4 * p->channels; k++) h[k] = uniform();
  ok(pa_states_bind(p->states[DOUBLE], 2, h));
  double *expected = powers_alone(policy, &m, DOUBLE, NULL);
  ok(pa_policy_allocate(policy, m.states[DOUBLE], power, NULL, 0));
  ck_assert(memcmp(power, expected, m.powers * sizeof *power) == 0);
  ok(pa_states_bind(p->states[DOUBLE], 4, h));
  size_t bytes;
  double loss, gradient[MOST_WEIGHTS], before = power[0];
  pa_policy *model = unfolded(PA_UWMMSE_PAPER);
  const pa_states *mixed = m.states[DOUBLE];
  size_t weights = pa_uwmmse_weight_count(pa_policy_uwmmse(model));
  const char *why = "part 1 has 4 samples of 3 links now, had 2 of 3 in the mixed states";
  fails(pa_policy_allocate(policy, mixed, power, NULL, 0), PA_ERROR_STATE, why);
  fails(pa_policy_allocate_parallel(policy, mixed, power, pool, NULL, 0), PA_ERROR_STATE, why);
  fails(pa_policy_workspace_states(policy, mixed, NULL, &bytes), PA_ERROR_STATE, why);
  fails(pa_rates(mixed, expected, power), PA_ERROR_STATE, why);
  fails(pa_sinr(mixed, expected, power), PA_ERROR_STATE, why);
  fails(pa_policy_probabilities(model, mixed, power), PA_ERROR_STATE, why);
  fails(pa_uwmmse_gradient(pa_policy_uwmmse(model), mixed, &loss, gradient, weights), PA_ERROR_STATE, why);
  ck_assert(power[0] == before);
  ok(pa_states_bind(p->states[DOUBLE], 2, h));
  ok(pa_policy_allocate(policy, mixed, power, NULL, 0));
  free(h);
  free(power);
  free(expected);
  free_learned(model);
  pa_policy_free(policy);
  pa_pool_free(pool);
  free_mix(&m);
}
END_TEST

/* ---- what takes one network only ---- */

static int32_t reward_of(int32_t code) {
  ck_assert_msg(strstr(pa_last_error(), "mixed") != NULL, "said \"%s\"", pa_last_error());
  return code;
}

START_TEST(calls_for_one_network_refuse_mixed_states) {
  struct mix m = full_kinds();
  pa_states *mixed = m.states[DOUBLE], *single = m.states[SINGLE];
  const char *why = "the states are mixed, of 3 networks";
  double one = 1, *x = calloc(4 * m.powers, sizeof *x), *upper = x + m.powers, *power = upper + m.powers,
         *weight = power + m.powers;
  float h = 1;
  pa_policy *optimal = classical("optimal"), *threshold = classical("threshold");
  fails(pa_states_set_noise(mixed, &one, 1), PA_ERROR_ARGUMENT, why);
  fails(pa_states_set_power_limit(mixed, &one, 1), PA_ERROR_ARGUMENT, why);
  fails(pa_states_set_weights(mixed, &one, 1), PA_ERROR_ARGUMENT, why);
  fails(pa_states_set_node_state(mixed, x, 1), PA_ERROR_ARGUMENT, why);
  fails(pa_states_set_start(mixed, x), PA_ERROR_ARGUMENT, why);
  fails(pa_states_set_first(mixed, 1), PA_ERROR_ARGUMENT, why);
  fails(pa_states_set_halo(mixed, NULL), PA_ERROR_ARGUMENT, why);
  fails(pa_states_bind(mixed, 1, x), PA_ERROR_ARGUMENT, why);
  fails(pa_states_bind_f32(single, 1, &h), PA_ERROR_ARGUMENT, why);
  fails(pa_policy_allocate_part(threshold, mixed, 0, 1, x), PA_ERROR_ARGUMENT, why);
  fails(pa_policy_meet_budget(threshold, mixed, 1), PA_ERROR_ARGUMENT, why);
  fails(pa_policy_certify(optimal, mixed, x, upper), PA_ERROR_ARGUMENT, why);
  ck_assert_int_eq(reward_of(pa_reward_capacity(NULL, mixed, power, x, 3)), PA_CALLBACK_ABORT);
  ck_assert_int_eq(reward_of(pa_reward_capacity(NULL, single, power, x, 3)), PA_CALLBACK_ABORT);
  ck_assert_int_eq(reward_of(pa_reward_capacity_over_lifetime(NULL, mixed, power, x, 3)), PA_CALLBACK_ABORT);
  ck_assert_int_eq(reward_of(pa_reward_capacity_gradient(NULL, mixed, power, weight, x, 3)), PA_CALLBACK_ABORT);
  ck_assert_int_eq(reward_of(pa_reward_control_success(NULL, mixed, power, x, 3)), PA_CALLBACK_ABORT);
  for (size_t k = 0; k < 4 * m.powers; k++) ck_assert(x[k] == 0);
  pa_policy_free(optimal);
  pa_policy_free(threshold);
  free(x);
  free_mix(&m);
}
END_TEST

/* ---- faults ---- */

enum { TOUCHED = 7 };

static void untouched(const double *x, size_t n) {
  for (size_t k = 0; k < n; k++) ck_assert(x[k] == TOUCHED);
}

/* Every call that takes mixed states says where the bad channel is, and leaves its output alone. */
static void check_fault(const struct mix *m, pa_pool *pool, const char *where) {
  double *out = calloc(m->powers, sizeof *out), *power = calloc(m->powers, sizeof *power), gradient[MOST_WEIGHTS],
         loss = TOUCHED;
  float *out_f32 = calloc(m->powers, sizeof *out_f32), *power_f32 = calloc(m->powers, sizeof *power_f32);
  pa_policy *policy[] = {classical("wmmse"), classical("threshold"), classical("wmmse-best"),
                         unfolded(PA_UWMMSE_EXTENDED), filters(PA_REGNN_OUTPUT_BERNOULLI)};
  pa_uwmmse *model = pa_policy_uwmmse(policy[3]);
  size_t weights = pa_uwmmse_weight_count(model);
  const pa_states *wide = m->states[DOUBLE], *narrow = m->states[SINGLE];
  for (size_t k = 0; k < m->powers; k++) out[k] = TOUCHED, out_f32[k] = TOUCHED;
  for (size_t k = 0; k < MOST_WEIGHTS; k++) gradient[k] = TOUCHED;
  for (size_t k = 0; k < 5; k++) {
    fails(pa_policy_allocate(policy[k], wide, out, NULL, 0), PA_ERROR_ARGUMENT, where);
    fails(pa_policy_allocate_parallel(policy[k], wide, out, pool, NULL, 0), PA_ERROR_ARGUMENT, where);
    fails(pa_policy_allocate_f32(policy[k], narrow, out_f32, NULL, 0), PA_ERROR_ARGUMENT, where);
    fails(pa_policy_allocate_parallel_f32(policy[k], narrow, out_f32, pool, NULL, 0), PA_ERROR_ARGUMENT, where);
  }
  fails(pa_rates(wide, power, out), PA_ERROR_ARGUMENT, where);
  fails(pa_sinr(wide, power, out), PA_ERROR_ARGUMENT, where);
  fails(pa_rates_f32(narrow, power_f32, out_f32), PA_ERROR_ARGUMENT, where);
  fails(pa_sinr_f32(narrow, power_f32, out_f32), PA_ERROR_ARGUMENT, where);
  fails(pa_policy_probabilities(policy[4], wide, out), PA_ERROR_ARGUMENT, where);
  fails(pa_uwmmse_gradient(model, wide, &loss, gradient, weights), PA_ERROR_ARGUMENT, where);
  fails(pa_uwmmse_gradient(model, narrow, &loss, gradient, weights), PA_ERROR_ARGUMENT, where);
  untouched(out, m->powers);
  untouched(gradient, MOST_WEIGHTS);
  ck_assert(loss == TOUCHED);
  for (size_t k = 0; k < m->powers; k++) ck_assert(out_f32[k] == TOUCHED);
  for (size_t k = 0; k < 3; k++) pa_policy_free(policy[k]);
  for (size_t k = 3; k < 5; k++) free_learned(policy[k]);
  free(out);
  free(power);
  free(out_f32);
  free(power_f32);
}

/* What is wrong is told by the first part that is, whoever finds it first. */
START_TEST(bad_channels_are_named_and_leave_everything) {
  struct mix m = all_kinds();
  pa_pool *pool[POOLS];
  make_pools(pool);
  static const struct {
    size_t part, at;
    const char *where;
  } faults[] = {{6, 3, "part 6: h[0][3] is nan"},
                {5, 1, "part 5: h[0][1] is nan"},
                {4, 200 * 3 + 9, "part 4: h[0][3][9] is nan"},
                {2, 33 * 33 + 33 * 32 + 1, "part 2: h[1][32][1] is nan"},
                {0, 18 * 25 + 5 * 2 + 4, "part 0: h[18][2][4] is nan"}};
  for (size_t k = 0; k < sizeof faults / sizeof faults[0]; k++) {
    m.part[faults[k].part].h[faults[k].at] = NAN;
    m.part[faults[k].part].h_f32[faults[k].at] = NAN;
    check_fault(&m, pool[k], faults[k].where);
  }
  free_pools(pool);
  free_mix(&m);
}
END_TEST

START_TEST(what_a_policy_cannot_take_is_named_by_its_part) {
  struct mix m = all_kinds();
  pa_pool *pool;
  pa_igcnet *igcnet;
  pa_mlp *mlp;
  pa_policy *optimal = classical("optimal"), *regnn = filters(PA_REGNN_OUTPUT_BERNOULLI);
  size_t bytes = TOUCHED;
  double *power = calloc(m.powers, sizeof *power), bad = -1;
  for (size_t k = 0; k < m.powers; k++) power[k] = TOUCHED;
  ok(pa_pool_create(&pool, 3, NULL));
  ok(pa_igcnet_create(&igcnet, 2, 4, 4, PA_INPUT_LOG, 1, NULL));
  ok(pa_mlp_create(&mlp, PA_MLP_POWERS, 5, (const size_t[]){6}, 1, PA_INPUT_LOG, 1, NULL));
  const pa_states *mixed = m.states[DOUBLE];
  for (int threads = 0; threads < 2; threads++) {
    pa_pool *by = threads ? pool : NULL;
    fails(pa_policy_allocate_parallel(pa_igcnet_policy(igcnet), mixed, power, by, NULL, 0), PA_ERROR_ARGUMENT,
          "part 1: policy igcnet takes full channel matrices");
    fails(pa_policy_probabilities(pa_igcnet_policy(igcnet), mixed, power), PA_ERROR_ARGUMENT,
          "part 1: policy igcnet takes full channel matrices");
    fails(pa_policy_probabilities(pa_igcnet_policy(igcnet), m.part[1].states[DOUBLE], power), PA_ERROR_ARGUMENT,
          "policy igcnet takes full channel matrices");
    fails(pa_policy_workspace_states(optimal, mixed, by, &bytes), PA_ERROR_ARGUMENT, "part 1: policy optimal");
    ok(pa_states_set_node_state(m.part[3].states[DOUBLE], NULL, 0));
    fails(pa_policy_allocate_parallel(regnn, mixed, power, by, NULL, 0), PA_ERROR_ARGUMENT, "part 3: ");
    ok(pa_states_set_node_state(m.part[3].states[DOUBLE], m.part[3].x, 1));
    m.part[1].start[4] = bad;
    pa_policy *wmmse = classical("wmmse");
    fails(pa_policy_allocate_parallel(wmmse, mixed, power, by, NULL, 0), PA_ERROR_ARGUMENT,
          "part 1: start[0][4] is -1");
    m.part[1].start[4] = 0;
    pa_policy_free(wmmse);
    fails(pa_policy_allocate_parallel_f32(regnn, mixed, (float *)power, by, NULL, 0), PA_ERROR_ARGUMENT,
          "states are in double precision");
    fails(pa_policy_allocate_parallel(regnn, m.states[SINGLE], power, by, NULL, 0), PA_ERROR_ARGUMENT,
          "states are in single precision");
    fails(pa_policy_allocate_parallel(NULL, mixed, power, by, NULL, 0), PA_ERROR_ARGUMENT, "policy is NULL");
    fails(pa_policy_allocate_parallel(regnn, mixed, NULL, by, NULL, 0), PA_ERROR_ARGUMENT, "power is NULL");
    fails(pa_policy_workspace_states(NULL, mixed, by, &bytes), PA_ERROR_ARGUMENT, "policy is NULL");
    fails(pa_policy_workspace_states(regnn, mixed, by, NULL), PA_ERROR_ARGUMENT, "bytes is NULL");
  }
  struct mix full = full_kinds();
  fails(pa_policy_allocate(pa_mlp_policy(mlp), full.states[DOUBLE], power, NULL, 0), PA_ERROR_ARGUMENT,
        "part 1: states has 3 links, the mlp model is of 5");
  fails(pa_policy_allocate_parallel(pa_mlp_policy(mlp), full.states[DOUBLE], power, pool, NULL, 0), PA_ERROR_ARGUMENT,
        "part 1: states has 3 links, the mlp model is of 5");
  double *given = calloc(m.powers, sizeof *given);
  given[19 * 5 + 40 + 3] = -2;
  fails(pa_rates(mixed, given, power), PA_ERROR_ARGUMENT, "part 1: power[1][3] is -2");
  fails(pa_rates(mixed, NULL, power), PA_ERROR_ARGUMENT, "power is NULL");
  fails(pa_sinr(mixed, given, NULL), PA_ERROR_ARGUMENT, "the output is NULL");
  fails(pa_rates_f32(mixed, (float *)given, (float *)power), PA_ERROR_ARGUMENT, "states are in double precision");
  untouched(power, m.powers);
  ck_assert_uint_eq(bytes, TOUCHED);
  free(given);
  free(power);
  pa_igcnet_free(igcnet);
  pa_mlp_free(mlp);
  pa_policy_free(optimal);
  free_learned(regnn);
  pa_pool_free(pool);
  free_mix(&full);
  free_mix(&m);
}
END_TEST

static int32_t aborts_on_three(void *user, const pa_states *states, double *power) {
  (void)user;
  for (size_t k = 0; k < pa_states_powers(states); k++) power[k] = .1;
  return pa_states_links(states) == 3 ? PA_CALLBACK_ABORT : PA_CALLBACK_OK;
}

static int32_t refuses(void *user, size_t tasks, pa_task_fn run, void *task) {
  (void)user, (void)tasks, (void)run, (void)task;
  return PA_CALLBACK_ABORT;
}

START_TEST(callbacks_that_fail) {
  struct mix m = full_kinds();
  pa_policy *own, *wmmse = classical("wmmse");
  pa_pool *pool;
  double *power = calloc(m.powers, sizeof *power);
  for (size_t k = 0; k < m.powers; k++) power[k] = TOUCHED;
  ok(pa_policy_create_callback(&own, aborts_on_three, NULL, NULL, NULL));
  ok(pa_pool_create_custom(&pool, 3, refuses, NULL, NULL, NULL));
  fails(pa_policy_allocate(own, m.states[DOUBLE], power, NULL, 0), PA_ERROR_CALLBACK,
        "part 1: the allocation callback aborted");
  fails(pa_policy_allocate_parallel(wmmse, m.states[DOUBLE], power, pool, NULL, 0), PA_ERROR_CALLBACK,
        "the callback that runs tasks");
  untouched(power, m.powers);
  pa_policy_free(own);
  pa_policy_free(wmmse);
  pa_pool_free(pool);
  free(power);
  free_mix(&m);
}
END_TEST

/* One rank alone has nobody to exchange with. */
static int32_t exchange(void *user, const void *send, const size_t *send_first, void *receive,
                        const size_t *receive_first, size_t bytes) {
  (void)user, (void)send, (void)send_first, (void)receive, (void)receive_first, (void)bytes;
  return PA_CALLBACK_OK;
}

static int32_t sum(void *user, double *numbers, size_t count) {
  (void)user, (void)numbers, (void)count;
  return PA_CALLBACK_OK;
}

/* A part with a halo is refused, whether it had it before or after. */
START_TEST(parts_with_halos_are_refused) {
  static const int64_t offset[2] = {0, 1}, receiver[1] = {0};
  static const size_t nobody[1] = {0};
  pa_graph *graph;
  pa_states *states, *mixed = NULL;
  pa_halo *halo;
  double h = 1, power = TOUCHED;
  pa_policy *policy = classical("wmmse");
  ok(pa_graph_create_rows(&graph, 1, 0, 1, offset, receiver, NULL));
  ok(pa_states_create_sparse(&states, 1, graph, &h, 1, 1, NULL));
  ok(pa_states_create_mixed(&mixed, (const pa_states *const[]){states}, 1, NULL));
  ok(pa_halo_create(&halo, graph, 1, 0, 0, nobody, NULL, nobody, exchange, sum, NULL, NULL, NULL));
  ok(pa_states_set_halo(states, halo));
  fails(pa_policy_allocate(policy, mixed, &power, NULL, 0), PA_ERROR_ARGUMENT, "part 0 is a part of a network, with a");
  fails(pa_rates(mixed, &h, &power), PA_ERROR_ARGUMENT, "part 0 is a part of a network, with a halo, now");
  pa_states_free(mixed);
  mixed = NULL;
  fails(pa_states_create_mixed(&mixed, (const pa_states *const[]){states}, 1, NULL), PA_ERROR_ARGUMENT,
        "parts[0] is a part of a network, with a halo");
  ck_assert(mixed == NULL && power == TOUCHED);
  pa_policy_free(policy);
  pa_states_free(states);
  pa_halo_free(halo);
  pa_graph_free(graph);
}
END_TEST

/* ---- training ---- */

/* Full and sparse, parts of less than a fifth of which can be held out, and one sample alone. */
static struct mix recorded(void) {
  static const size_t shapes[][4] = {{6, 23, 0, 0}, {14, 18, 1, 0}, {3, 2, 0, 0}, {9, 1, 1, 0}, {4, 11, 0, 0}};
  return mix_of(5, shapes);
}

static pa_trainer *trainer_on(pa_policy *policy, const pa_states *states, double threads) {
  pa_trainer *trainer;
  ok(pa_trainer_create_on_states(&trainer, policy, states, 3, NULL));
  ok(pa_trainer_set(trainer, PA_TRAINER_BATCH, 20));
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT_EVERY, 5));
  ok(pa_trainer_set(trainer, PA_TRAINER_SCHEDULE, 20));
  ok(pa_trainer_set(trainer, PA_TRAINER_THREADS, threads));
  return trainer;
}

static double stat_of(const pa_trainer *trainer, int32_t what) {
  double value;
  ok(pa_trainer_stat(trainer, what, &value));
  return value;
}

/* The weights that it would go on from: the policy has the best so far. */
static size_t weights_of(const pa_trainer *trainer, double weights[MOST_WEIGHTS]) {
  ck_assert_uint_le(trainer->weight_count, MOST_WEIGHTS);
  memcpy(weights, trainer->weights, trainer->weight_count * sizeof *weights);
  return trainer->weight_count;
}

static const char *checkpoint(void) {
  static char path[256];
  const char *folder = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/powalloc-%d-mixed", folder ? folder : "/tmp", (int)getpid());
  return path;
}

/* In pieces or in a whole, by any number of threads: the same bits. */
START_TEST(training_does_not_depend_on_threads_and_resumes) {
  struct mix m = recorded();
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++)
    for (int precision = 0; precision < PRECISIONS; precision++) {
      double whole[MOST_WEIGHTS], first[MOST_WEIGHTS], weights[MOST_WEIGHTS], best = NAN;
      size_t count = 0;
      for (int threads = 1; threads <= 3; threads++) {
        pa_policy *policy = unfolded(architecture);
        pa_trainer *trainer = trainer_on(policy, m.states[precision], threads);
        count = weights_of(trainer, first);
        ck_assert_uint_eq(pa_trainer_links(trainer), 14);
        ok(pa_trainer_run(trainer, 20));
        weights_of(trainer, threads == 1 ? whole : weights);
        if (threads > 1) ck_assert(memcmp(whole, weights, count * sizeof *whole) == 0);
        best = stat_of(trainer, PA_TRAINER_STAT_BEST_RATE);
        ck_assert(best >= stat_of(trainer, PA_TRAINER_STAT_HELD_OUT_RATE));
        ck_assert(stat_of(trainer, PA_TRAINER_STAT_DROPPED) == 0);
        pa_trainer_free(trainer);
        free_learned(policy);
      }
      ck_assert(memcmp(whole, first, count * sizeof *whole) != 0);
      for (size_t piece = 0; piece < 2; piece++) {
        pa_policy *policy = unfolded(architecture);
        pa_trainer *trainer = trainer_on(policy, m.states[precision], 1 + (double)piece);
        if (piece > 0) ok(pa_trainer_resume(trainer, checkpoint()));
        ok(pa_trainer_run(trainer, piece ? 13 : 7));
        ok(pa_trainer_save(trainer, checkpoint()));
        weights_of(trainer, weights);
        if (piece > 0) ck_assert(memcmp(whole, weights, count * sizeof *whole) == 0);
        if (piece > 0) ck_assert(stat_of(trainer, PA_TRAINER_STAT_BEST_RATE) == best);
        pa_trainer_free(trainer);
        free_learned(policy);
      }
      remove(checkpoint());
    }
  free_mix(&m);
}
END_TEST

/* Which sample of a part a chunk's is. */
static size_t find(const struct part *p, const pa_states *chunk, size_t sample) {
  ck_assert_uint_eq(chunk->links, p->links);
  ck_assert_ptr_eq(chunk->graph, p->graph);
  ck_assert_uint_eq(pa__states_channels(chunk), p->channels);
  const pa_states *states = p->states[DOUBLE];
  size_t bytes = p->links * sizeof(double);
  ck_assert(memcmp(chunk->noise, states->noise, bytes) == 0 && memcmp(chunk->limit, states->limit, bytes) == 0);
  ck_assert(memcmp(chunk->weights, states->weights, bytes) == 0);
  for (size_t b = 0; b < p->batch; b++)
    if (memcmp(chunk->h + sample * p->channels, p->h + b * p->channels, p->channels * sizeof *p->h) == 0) {
      ck_assert(memcmp(chunk->node_state + sample * p->links, p->x + b * p->links, p->links * sizeof *p->x) == 0);
      return b;
    }
  ck_abort_msg("no such sample");
}

/* Counts the samples of `count` states from `first` on, in chunks: seen [batch]. */
static void count_samples(const struct mix *m, const pa__source *source, bool held_out, uint64_t first, size_t count,
                          pa__chunk *chunk, size_t *seen) {
  size_t chunks = 0;
  for (size_t done = 0, size; done < count; done += size, chunks++) {
    size = pa__source_chunk(source, held_out, first + done, count - done);
    pa__source_fill(source, held_out, first + done, size, chunk);
    ck_assert_uint_eq(pa_states_batch(&chunk->states), size);
    ck_assert(size >= 1 && size <= PA__CHUNK && size <= count - done);
    size_t part = 0, before = 0;
    for (; m->part[part].links != pa_states_links(&chunk->states); part++) before += m->part[part].batch;
    for (size_t b = 0; b < size; b++) seen[before + find(&m->part[part], &chunk->states, b)]++;
  }
  ck_assert_uint_le(chunks, pa__source_most_chunks(source, count));
}

/* 55 samples: parts 0 to 4 hold out the last ones of theirs, by the fifths of all that end in them. */
START_TEST(each_part_holds_out_its_last_fifth) {
  static const size_t held[] = {4, 4, 0, 0, 3};
  struct mix m = recorded();
  pa__source source = pa__source_of_states(m.states[DOUBLE], 3);
  pa_allocator allocator;
  pa__chunk chunk;
  size_t trained[55] = {0}, held_out[55] = {0}, draws = 0, most = 0;
  ck_assert_uint_eq(m.batch, 55);
  ok(pa__allocator_copy(&allocator, NULL));
  ok(pa__chunk_create(&chunk, &source, true, &allocator));
  ok(pa__source_begin(&source, 40, 11, &allocator));
  ck_assert_uint_eq(pa__source_held_out(&source, 7), 11);
  count_samples(&m, &source, true, 0, 11, &chunk, held_out);
  for (size_t step = 0; step < 100; step++) {
    ok(pa__source_ask(&source, step * 40, 40));
    count_samples(&m, &source, false, step * 40, 40, &chunk, trained);
  }
  for (size_t part = 0, at = 0; part < m.count; part++)
    for (size_t b = 0; b < m.part[part].batch; b++, at++) {
      bool last = b + held[part] >= m.part[part].batch;
      ck_assert_msg(held_out[at] == last, "sample %zu of part %zu is held out %zu times", b, part, held_out[at]);
      ck_assert_msg((trained[at] > 0) == !last, "sample %zu of part %zu is drawn %zu times", b, part, trained[at]);
      draws += trained[at];
      most = trained[at] > most ? trained[at] : most;
    }
  ck_assert_uint_eq(draws, 4000);
  ck_assert_uint_le(most, 150); /* 91 are expected of each */
  pa__source_end(&source, &allocator);
  pa__chunk_free(&chunk);
  free_mix(&m);
}
END_TEST

/* Of fewer than five samples the last is held out; of single ones every fifth. */
START_TEST(small_parts_hold_out_one_in_five) {
  static const size_t shapes[][4] = {{2, 1, 0, 0}, {3, 1, 0, 0}, {4, 1, 1, 0},
                                     {5, 1, 0, 0}, {6, 1, 0, 0}, {7, 1, 0, 0}};
  for (size_t count = 2; count <= 6; count++) {
    struct mix m = mix_of(count, shapes);
    pa__source source = pa__source_of_states(m.states[DOUBLE], 3);
    pa_allocator allocator;
    pa__chunk chunk;
    size_t trained[6] = {0}, held_out[6] = {0};
    ok(pa__allocator_copy(&allocator, NULL));
    ok(pa__chunk_create(&chunk, &source, true, &allocator));
    ok(pa__source_begin(&source, 100, 1, &allocator));
    ok(pa__source_ask(&source, 0, 100));
    count_samples(&m, &source, true, 0, 1, &chunk, held_out);
    count_samples(&m, &source, false, 0, 100, &chunk, trained);
    for (size_t k = 0; k < count; k++) {
      bool held = k == (count < 5 ? count - 1 : 4);
      ck_assert(held_out[k] == held && (trained[k] > 0) == !held);
    }
    pa__source_end(&source, &allocator);
    pa__chunk_free(&chunk);
    free_mix(&m);
  }
}
END_TEST

/* Mean weighted sum-rate of a policy's powers on what is held out. */
static double held_out_rate(const pa_policy *policy, const struct mix *m, const size_t *held) {
  double sum = 0;
  size_t samples = 0;
  for (size_t k = 0; k < m->count; samples += held[k++]) {
    const struct part *p = &m->part[k];
    double *power = calloc(2 * p->batch * p->links, sizeof *power), *rate = power + p->batch * p->links;
    ok(pa_policy_allocate(policy, p->states[DOUBLE], power, NULL, 0));
    ok(pa_rates(p->states[DOUBLE], power, rate));
    for (size_t n = (p->batch - held[k]) * p->links; n < p->batch * p->links; n++)
      sum += pa_states_weights(p->states[DOUBLE])[n % p->links] * rate[n];
    free(power);
  }
  return sum / (double)samples;
}

START_TEST(looks_are_means_over_all_held_out_samples) {
  static const size_t held[] = {4, 4, 0, 0, 3};
  struct mix m = recorded();
  pa_policy *policy = unfolded(PA_UWMMSE_EXTENDED), *wmmse;
  ok(pa_policy_create(&wmmse, "wmmse", NULL));
  double rate = held_out_rate(policy, &m, held), baseline = held_out_rate(wmmse, &m, held);
  for (int precision = 0; precision < PRECISIONS; precision++) {
    pa_policy *trained = unfolded(PA_UWMMSE_EXTENDED);
    pa_trainer *trainer = trainer_on(trained, m.states[precision], 1);
    double tolerance = precision == SINGLE ? 1e-4 : 1e-11;
    ok(pa_trainer_run(trainer, 1));
    close_to(stat_of(trainer, PA_TRAINER_STAT_HELD_OUT_RATE), rate, tolerance * rate);
    close_to(stat_of(trainer, PA_TRAINER_STAT_BASELINE_RATE), baseline, tolerance * baseline);
    pa_trainer_free(trainer);
    free_learned(trained);
  }
  pa_policy_free(wmmse);
  free_learned(policy);
  free_mix(&m);
}
END_TEST

/* Several networks are trained on as carefully as a family of them; one is not. */
START_TEST(the_recipe_is_that_of_a_family) {
  static const size_t one[][4] = {{6, 10, 0, 0}};
  struct mix m = recorded(), single = mix_of(1, one);
  for (int several = 0; several < 2; several++) {
    pa_policy *policy = unfolded(PA_UWMMSE_EXTENDED);
    pa_trainer *trainer = trainer_on(policy, several ? m.states[DOUBLE] : single.states[DOUBLE], 1);
    ok(pa_trainer_set(trainer, PA_TRAINER_WARMUP, 0));
    ok(pa_trainer_set(trainer, PA_TRAINER_FINAL_RATE, 1));
    ok(pa_trainer_run(trainer, 1));
    close_to(stat_of(trainer, PA_TRAINER_STAT_STEP_RATE), several ? 5e-3 : 1e-2, 1e-12);
    pa_trainer_free(trainer);
    free_learned(policy);
  }
  free_mix(&m);
  free_mix(&single);
}
END_TEST

/* The same draws as without the mixture; only the order of sums is another. */
START_TEST(a_mixture_of_one_trains_like_its_part) {
  static const size_t shape[][4] = {{6, 40, 0, 0}};
  struct mix m = mix_of(1, shape);
  double weights[2][MOST_WEIGHTS], rate[2];
  size_t count = 0;
  for (int mixed = 0; mixed < 2; mixed++) {
    pa_policy *policy = unfolded(PA_UWMMSE_EXTENDED);
    pa_trainer *trainer = trainer_on(policy, mixed ? m.states[DOUBLE] : m.part[0].states[DOUBLE], 1);
    ok(pa_trainer_run(trainer, 10));
    count = weights_of(trainer, weights[mixed]);
    rate[mixed] = stat_of(trainer, PA_TRAINER_STAT_BEST_RATE);
    pa_trainer_free(trainer);
    free_learned(policy);
  }
  for (size_t k = 0; k < count; k++) close_to(weights[0][k], weights[1][k], 1e-7 * (1 + fabs(weights[0][k])));
  close_to(rate[0], rate[1], 1e-7 * rate[0]);
  free_mix(&m);
}
END_TEST

/* Sum-rates rise on all parts together, by the gradient and by a teacher, for each policy that can. */
START_TEST(training_on_mixed_states_learns) {
  static const size_t shapes[][4] = {{6, 40, 0, 0}, {9, 40, 0, 0}, {12, 40, 1, 0}};
  for (int kind = 0; kind < 4; kind++) {
    struct mix m = mix_of(kind < 2 ? 3 : 2, shapes);
    pa_igcnet *igcnet = NULL;
    pa_policy *teacher = classical("wmmse"), *policy = kind < 2 ? unfolded(PA_UWMMSE_EXTENDED) : NULL;
    if (kind >= 2) ok(pa_igcnet_create(&igcnet, 2, 8, 8, PA_INPUT_LOG, 1, NULL));
    if (kind >= 2) policy = pa_igcnet_policy(igcnet);
    pa_trainer *trainer = trainer_on(policy, m.states[DOUBLE], 2);
    if (kind % 2 == 1) ok(pa_trainer_set_teacher(trainer, teacher));
    ok(pa_trainer_set(trainer, PA_TRAINER_SCHEDULE, 150));
    ok(pa_trainer_set(trainer, PA_TRAINER_WARMUP, 10));
    if (kind >= 2) ok(pa_trainer_set(trainer, PA_TRAINER_LEARNING_RATE, .03)); /* it learns slowly */
    ok(pa_trainer_run(trainer, 1));
    double before = stat_of(trainer, PA_TRAINER_STAT_HELD_OUT_RATE);
    ok(pa_trainer_run(trainer, 149));
    double after = stat_of(trainer, PA_TRAINER_STAT_HELD_OUT_RATE);
    ck_assert_msg(after > (kind == 0 ? 1.01 : 1) * before, "%s, kind %d: %g to %g", pa_policy_name(policy), kind,
                  before, after);
    pa_trainer_free(trainer);
    pa_policy_free(teacher);
    if (kind < 2) free_learned(policy);
    pa_igcnet_free(igcnet);
    free_mix(&m);
  }
}
END_TEST

START_TEST(what_cannot_train_on_mixed_states_says_so) {
  struct mix m = recorded(), full = full_kinds(), same = alike(), other = recorded();
  pa_policy *regnn = filters(PA_REGNN_OUTPUT_BERNOULLI), *policy = unfolded(PA_UWMMSE_EXTENDED),
            *optimal = classical("optimal");
  pa_igcnet *igcnet;
  pa_mlp *mlp;
  pa_trainer *trainer = NULL;
  static const size_t one[][4] = {{3, 1, 0, 0}};
  struct mix lonely = mix_of(1, one);
  ok(pa_igcnet_create(&igcnet, 2, 4, 4, PA_INPUT_LOG, 1, NULL));
  ok(pa_mlp_create(&mlp, PA_MLP_POWERS, 4, (const size_t[]){6}, 1, PA_INPUT_LOG, 1, NULL));
  fails(pa_trainer_create_on_states(&trainer, regnn, full.states[DOUBLE], 1, NULL), PA_ERROR_ARGUMENT,
        "mixed states cannot be probed: rewards need the links of one network");
  fails(pa_trainer_create_on_states(&trainer, pa_mlp_policy(mlp), same.states[DOUBLE], 1, NULL), PA_ERROR_ARGUMENT,
        "the states are mixed, of 2 networks, the mlp model is of one");
  fails(pa_trainer_create_on_states(&trainer, pa_igcnet_policy(igcnet), m.states[DOUBLE], 1, NULL), PA_ERROR_ARGUMENT,
        "part 1: policy igcnet takes full channel matrices");
  fails(pa_trainer_create_on_states(&trainer, pa_igcnet_policy(igcnet), full.states[SINGLE], 1, NULL),
        PA_ERROR_ARGUMENT, "policy igcnet trains in double precision only");
  fails(pa_trainer_create_on_states(&trainer, policy, lonely.states[DOUBLE], 1, NULL), PA_ERROR_ARGUMENT,
        "states has 1 samples, training needs 2");
  m.part[1].h[5] = -1;
  fails(pa_trainer_create_on_states(&trainer, policy, m.states[DOUBLE], 1, NULL), PA_ERROR_ARGUMENT,
        "part 1: h[0][5] is -1");
  ck_assert_ptr_null(trainer);
  m.part[1].h[5] = 1;

  trainer = trainer_on(policy, m.states[DOUBLE], 1);
  fails(pa_trainer_set_reward(trainer, 14, pa_reward_capacity, NULL, NULL), PA_ERROR_ARGUMENT, "cannot be probed");
  ck_assert_uint_eq(pa_trainer_rewards(trainer), 0);
  ok(pa_trainer_set_teacher(trainer, optimal));
  fails(pa_trainer_run(trainer, 1), PA_ERROR_ARGUMENT, "part 1: policy optimal takes full channel matrices");
  ok(pa_trainer_set_teacher(trainer, NULL));
  ok(pa_states_bind(m.part[4].states[DOUBLE], 10, m.part[4].h));
  fails(pa_trainer_run(trainer, 1), PA_ERROR_STATE, "part 4 has 10 samples of 4 links now, had 11");
  ok(pa_states_bind(m.part[4].states[DOUBLE], 11, m.part[4].h));
  ok(pa_trainer_run(trainer, 1));
  ok(pa_trainer_save(trainer, checkpoint()));
  pa_trainer_free(trainer);

  /* A teacher that cannot take a network of such a size. */
  static const size_t shapes[][4] = {{3, 9, 0, 0}, {17, 9, 0, 0}};
  struct mix large = mix_of(2, shapes);
  trainer = trainer_on(policy, large.states[DOUBLE], 1);
  ok(pa_trainer_set_teacher(trainer, optimal));
  fails(pa_trainer_run(trainer, 1), PA_ERROR_ARGUMENT, "part 1: states has 17 links, the optimum");
  pa_trainer_free(trainer);

  /* Checkpoints are of their states. */
  trainer = trainer_on(policy, m.part[1].states[DOUBLE], 1);
  fails(pa_trainer_resume(trainer, checkpoint()), PA_ERROR_FORMAT, "fewest links 3, this trainer has -1");
  pa_trainer_free(trainer);
  trainer = trainer_on(policy, large.states[DOUBLE], 1);
  fails(pa_trainer_resume(trainer, checkpoint()), PA_ERROR_FORMAT, "links 14, this trainer has 17");
  pa_trainer_free(trainer);
  ok(pa_states_set_noise(other.part[3].states[DOUBLE], &(double){3}, 1));
  trainer = trainer_on(policy, other.states[DOUBLE], 1);
  fails(pa_trainer_resume(trainer, checkpoint()), PA_ERROR_FORMAT, "total noise");
  pa_trainer_free(trainer);
  remove(checkpoint());

  pa_igcnet_free(igcnet);
  pa_mlp_free(mlp);
  pa_policy_free(optimal);
  free_learned(regnn);
  free_learned(policy);
  free_mix(&m);
  free_mix(&full);
  free_mix(&same);
  free_mix(&other);
  free_mix(&lonely);
  free_mix(&large);
}
END_TEST

/* ---- memory ---- */

START_TEST(nothing_is_allocated_with_a_workspace) {
  struct mix m = all_kinds();
  pa_policy *policy[] = {classical("wmmse"), classical("random"), unfolded(PA_UWMMSE_EXTENDED),
                         filters(PA_REGNN_OUTPUT_BERNOULLI)};
  double *power = calloc(2 * m.powers, sizeof *power), *rate = power + m.powers;
  pa_pool *pool;
  ok(pa_pool_create(&pool, 2, NULL));
  for (size_t k = 0; k < 4; k++)
    for (int threads = 0; threads < 2; threads++) {
      pa_pool *by = threads ? pool : NULL;
      size_t bytes;
      ok(pa_policy_workspace_states(policy[k], m.states[DOUBLE], by, &bytes));
      void *work = aligned_alloc(64, bytes);
      size_t before = allocations;
      pa_status status = pa_policy_allocate_parallel(policy[k], m.states[DOUBLE], power, by, work, bytes);
      pa_status rates = pa_rates(m.states[DOUBLE], power, rate), sinr = pa_sinr(m.states[DOUBLE], power, rate);
      size_t after = allocations;
      ok(status);
      ok(rates);
      ok(sinr);
      ck_assert_msg(after == before, "%s allocates", pa_policy_name(policy[k]));
      free(work);
    }
  for (size_t k = 0; k < 2; k++) pa_policy_free(policy[k]);
  for (size_t k = 2; k < 4; k++) free_learned(policy[k]);
  free(power);
  pa_pool_free(pool);
  free_mix(&m);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {classical_powers_are_those_of_each_part,
                                learned_powers_are_those_of_each_part,
                                policies_of_full_matrices_take_mixed_ones,
                                permuted_parts_have_permuted_powers,
                                rates_are_those_of_each_part,
                                probabilities_are_those_of_each_part,
                                gradients_are_the_means_of_the_parts,
                                gradients_are_those_of_central_differences,
                                parts_and_counts,
                                wrong_parts_are_refused,
                                counts_that_overflow_are_refused,
                                parts_may_be_bound_to_other_channels,
                                calls_for_one_network_refuse_mixed_states,
                                bad_channels_are_named_and_leave_everything,
                                what_a_policy_cannot_take_is_named_by_its_part,
                                callbacks_that_fail,
                                parts_with_halos_are_refused,
                                training_does_not_depend_on_threads_and_resumes,
                                each_part_holds_out_its_last_fifth,
                                small_parts_hold_out_one_in_five,
                                looks_are_means_over_all_held_out_samples,
                                the_recipe_is_that_of_a_family,
                                a_mixture_of_one_trains_like_its_part,
                                training_on_mixed_states_learns,
                                what_cannot_train_on_mixed_states_says_so,
                                nothing_is_allocated_with_a_workspace,
                                NULL};
  return run_tests("mixed", tests);
}
