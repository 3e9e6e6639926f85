/* Networks that change in place against networks built from the same positions. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "allocations.h"
#include "meter.h"
#include "suite.h"

#include "base/random.h"
#include "net/network.h"
#include "policy/policy.h"

#include <stdio.h>

#include <stdio.h>

static uint64_t drawn;

static double uniform(void) { return pa__random_uniform(11, 0, drawn++); }

static size_t below(size_t n) { return (size_t)(uniform() * (double)n); }

enum { MOST = 500 };
#define CUTOFF .2
#define NEAREST 5e-3 /* so that no gain leaves what single precision takes */

/* What a network should be: positions by link. */
static struct {
  double t[MOST][2], r[MOST][2];
  bool there[MOST];
  size_t links;
} plan;

static void drop(double t[2], double r[2]) {
  for (int axis = 0; axis < 2; axis++) {
    double width = uniform() < .1 ? 3 * CUTOFF : .3 * CUTOFF;
    t[axis] = uniform();
    r[axis] = t[axis] + width * (uniform() - .5);
  }
}

static size_t present(void) {
  size_t count = 0;
  for (size_t i = 0; i < plan.links; i++) count += plan.there[i];
  return count;
}

static pa_network *built(double (*t)[2], double (*r)[2], size_t links, double cutoff) {
  pa_network *network;
  ok(pa_network_create_sparse_positions(&network, links, &t[0][0], &r[0][0], NEAREST, cutoff, 5, NULL));
  return network;
}

/* Links dropped at random, with room. */
static pa_network *start(size_t links, size_t most, size_t slots) {
  plan.links = most;
  for (size_t i = 0; i < most; i++) {
    plan.there[i] = i < links;
    drop(plan.t[i], plan.r[i]);
  }
  pa_network *network = built(plan.t, plan.r, links, CUTOFF);
  ok(pa_network_reserve(network, most, slots));
  ck_assert(pa_network_links(network) == most && pa_network_present(network) == links);
  return network;
}

static size_t pick(int64_t *links, size_t count) {
  size_t all[MOST], left = 0;
  for (size_t i = 0; i < plan.links; i++)
    if (plan.there[i]) all[left++] = i;
  if (count > left) count = left;
  for (size_t k = 0; k < count; k++) {
    size_t at = below(left);
    links[k] = (int64_t)all[at];
    all[at] = all[--left];
  }
  return count;
}

static pa_status move(pa_network *network, size_t count, double step) {
  int64_t links[MOST];
  double t[MOST][2] = {{0}}, r[MOST][2] = {{0}};
  count = pick(links, count);
  int sides = (int)below(3);
  for (size_t k = 0; k < count; k++) {
    drop(t[k], r[k]);
    for (int axis = 0; axis < 2 && step > 0; axis++) {
      t[k][axis] = plan.t[links[k]][axis] + step * (uniform() - .5);
      r[k][axis] = plan.r[links[k]][axis] + step * (uniform() - .5);
    }
  }
  pa_status status = pa_network_move(network, count, links, sides == 1 ? NULL : &t[0][0], sides == 2 ? NULL : &r[0][0]);
  for (size_t k = 0; k < count && status == PA_OK; k++) {
    if (sides != 1) memcpy(plan.t[links[k]], t[k], sizeof t[k]);
    if (sides != 2) memcpy(plan.r[links[k]], r[k], sizeof r[k]);
  }
  return status;
}

static pa_status leave(pa_network *network, size_t count) {
  int64_t links[MOST];
  count = pick(links, count);
  pa_status status = pa_network_leave(network, count, links);
  for (size_t k = 0; k < count && status == PA_OK; k++) plan.there[links[k]] = false;
  return status;
}

static pa_status join(pa_network *network, size_t count) {
  int64_t links[MOST];
  double t[MOST][2] = {{0}}, r[MOST][2] = {{0}};
  if (count > plan.links - present()) count = plan.links - present();
  for (size_t k = 0; k < count; k++) drop(t[k], r[k]);
  pa_status status = pa_network_join(network, count, &t[0][0], &r[0][0], links);
  for (size_t k = 0; k < count && status == PA_OK; k++) {
    ck_assert(links[k] >= 0 && (size_t)links[k] < plan.links && !plan.there[links[k]]);
    plan.there[links[k]] = true;
    memcpy(plan.t[links[k]], t[k], sizeof t[k]);
    memcpy(plan.r[links[k]], r[k], sizeof r[k]);
  }
  return status;
}

static pa_status change(pa_network *network) {
  size_t what = below(5), few = 1 + below(4), many = 1 + below(plan.links);
  bool near = below(2);
  switch (what) {
  case 0:
    return join(network, few);
  case 1:
    return leave(network, few);
  case 2:
    return move(network, many, near ? .02 : 0);
  default:
    return move(network, few, near ? .1 : 0);
  }
}

/* ---- against a network that never changed ---- */

/* The links that are there, in a network of their own: link k of it is link `number[k]`. */
static pa_network *anew(size_t *number, double cutoff) {
  double t[MOST][2] = {{0}}, r[MOST][2] = {{0}};
  size_t count = 0;
  for (size_t i = 0; i < plan.links; i++) {
    if (!plan.there[i]) continue;
    memcpy(t[count], plan.t[i], sizeof t[count]);
    memcpy(r[count], plan.r[i], sizeof r[count]);
    number[count++] = i;
  }
  return built(t, r, count, cutoff);
}

/* Channels on a graph as a matrix by links [links][links], -1 where there is no edge. */
static double *matrix_of(const pa_graph *graph, const double *h) {
  size_t n = pa_graph_links(graph), edges = 0;
  const int64_t *offset = pa_graph_offset(graph), *end = pa_graph_end(graph);
  const int32_t *receiver = pa_graph_receiver(graph), *order = pa_graph_order(graph);
  double *matrix = calloc(n * n, sizeof *matrix);
  for (size_t k = 0; k < n * n; k++) matrix[k] = -1;
  for (size_t k = 0; k < n; k++) {
    ck_assert(offset[k] >= 0 && offset[k] <= end[k] && (size_t)end[k] <= pa_graph_slots(graph));
    for (int64_t e = offset[k]; e < end[k]; e++, edges++) {
      ck_assert(receiver[e] >= 0 && (size_t)receiver[e] < n && (e == offset[k] || receiver[e] > receiver[e - 1]));
      matrix[(size_t)order[k] * n + (size_t)order[receiver[e]]] = h[e];
    }
  }
  ck_assert_uint_eq(edges, pa_graph_edges(graph));
  return matrix;
}

/* What kernels rely on. */
static void check_pattern(const pa_network *network, const double *gain) {
  const pa__pattern *p = &network->graph->pattern;
  bool *used = calloc(p->slots, sizeof *used);
  for (size_t k = 0; k < p->links; k++) {
    size_t length = (size_t)(p->end[k] - p->offset[k]), own = (size_t)p->own[k];
    ck_assert(plan.there[p->link[k]] ? own < length && p->receiver[p->offset[k] + p->own[k]] == (int32_t)k
                                     : length == 0 && own == 0);
    for (int64_t e = p->offset[k]; e < p->end[k]; e++) {
      ck_assert(!used[e]);
      used[e] = true;
      ck_assert(p->reach[k / PA__PATTERN_ROWS] >> (size_t)p->receiver[e] / p->segment & 1);
    }
  }
  for (size_t e = 0; e < p->slots; e++) ck_assert(used[e] || (p->receiver[e] == -1 && gain[e] == 0));
  ck_assert_uint_eq(p->absent, p->links - present());
  free(used);
}

static double *gains_of(const pa_network *network) {
  double *gain = calloc(pa_graph_slots(pa_network_graph(network)), sizeof *gain);
  ok(pa_network_path_gain(network, gain));
  return gain;
}

/* Positions, edges and gains. */
static void same_network(const pa_network *network, double cutoff) {
  size_t number[MOST], n = plan.links, there = present();
  double t[MOST][2] = {{0}}, r[MOST][2] = {{0}};
  ok(pa_network_positions(network, &t[0][0], &r[0][0]));
  for (size_t i = 0; i < n; i++)
    if (plan.there[i])
      ck_assert(memcmp(t[i], plan.t[i], sizeof t[i]) == 0 && memcmp(r[i], plan.r[i], sizeof r[i]) == 0);
    else
      ck_assert(isnan(t[i][0]) && isnan(t[i][1]) && isnan(r[i][0]) && isnan(r[i][1]));
  ck_assert_uint_eq(pa_network_present(network), there);
  double *gain = gains_of(network);
  check_pattern(network, gain);
  if (there == 0) {
    ck_assert_uint_eq(pa_graph_edges(pa_network_graph(network)), 0);
    free(gain);
    return;
  }
  pa_network *other = anew(number, cutoff);
  double *expected_gain = gains_of(other), *expected = matrix_of(pa_network_graph(other), expected_gain),
         *got = matrix_of(pa_network_graph(network), gain);
  ck_assert_uint_eq(pa_graph_edges(pa_network_graph(network)), pa_graph_edges(pa_network_graph(other)));
  for (size_t a = 0; a < there; a++)
    for (size_t b = 0; b < there; b++) {
      double x = got[number[a] * n + number[b]], y = expected[a * there + b];
      ck_assert_msg(x == y, "%zu to %zu is %.17g, not %.17g", number[a], number[b], x, y);
    }
  free(gain);
  free(expected_gain);
  free(expected);
  free(got);
  pa_network_free(other);
}

START_TEST(random_changes) {
  const size_t links[] = {1, 5, 40, 300}, most[] = {3, 5, 60, 330};
  for (int k = 0; k < 4; k++)
    for (int tight = 0; tight < 2; tight++) {
      pa_network *network = start(links[k], most[k], tight ? 9 * links[k] * (links[k] / 50 + 1) : 0);
      same_network(network, CUTOFF);
      size_t refused = 0;
      for (int step = 0; step < 150; step++) {
        pa_status status = change(network);
        refused += status == PA_ERROR_STATE;
        ck_assert_msg(status == PA_OK || (status == PA_ERROR_STATE && strstr(pa_last_error(), "there is room for")),
                      "%s", pa_last_error());
        same_network(network, CUTOFF);
      }
      if (!tight) ck_assert_uint_eq(refused, 0);
      while (present() > 0) ok(leave(network, 7));
      same_network(network, CUTOFF);
      ck_assert(join(network, plan.links) == PA_OK || tight);
      same_network(network, CUTOFF);
      pa_network_free(network);
    }
}
END_TEST

START_TEST(keys_and_more_room) {
  pa_network *network = start(100, 120, 0);
  for (int k = 0; k < 20; k++) ok(change(network));
  ok(pa_network_set(network, PA_NETWORK_CUTOFF, 1.5 * CUTOFF));
  same_network(network, 1.5 * CUTOFF);
  for (int k = 0; k < 20; k++) ok(change(network));
  same_network(network, 1.5 * CUTOFF);
  ok(pa_network_set(network, PA_NETWORK_CUTOFF, CUTOFF));
  ok(pa_network_set_noise(network, &(double){.25}, 1));
  ok(pa_network_reserve(network, 200, 50000));
  plan.links = 200;
  for (size_t i = 120; i < 200; i++) plan.there[i] = false;
  double noise[200], limit[200];
  ok(pa_network_physics(network, noise, limit));
  for (int i = 0; i < 200; i++) ck_assert(noise[i] == .25 && limit[i] == 1);
  ck_assert_uint_eq(pa_graph_slots(pa_network_graph(network)), 50000);
  same_network(network, CUTOFF);
  ok(join(network, 80));
  for (int k = 0; k < 20; k++) ok(change(network));
  same_network(network, CUTOFF);
  /* Room that does not hold what a key asks for. */
  double *before = gains_of(network), *after;
  const pa_graph *graph = pa_network_graph(network);
  ok(pa_network_reserve(network, 200, pa_graph_edges(graph)));
  graph = pa_network_graph(network);
  same_network(network, CUTOFF);
  free(before);
  before = gains_of(network);
  fails(pa_network_set(network, PA_NETWORK_CUTOFF, 2), PA_ERROR_STATE, "there is room for");
  fails(pa_network_reserve(network, 200, pa_graph_edges(graph) - 1), PA_ERROR_STATE, "there is room for");
  ck_assert(pa_network_graph(network) == graph);
  after = gains_of(network);
  ck_assert(memcmp(before, after, pa_graph_slots(graph) * sizeof *before) == 0);
  free(before);
  free(after);
  pa_network_free(network);
}
END_TEST

START_TEST(networks_dropped_by_a_rule_change_too) {
  pa_network *network;
  double t[MOST][2] = {{0}}, r[MOST][2] = {{0}};
  ok(pa_network_create_sparse_adhoc(&network, 80, 20, 30, 3, NULL));
  ok(pa_network_positions(network, &t[0][0], &r[0][0]));
  ok(pa_network_reserve(network, 80, 0));
  fails(pa_network_set(network, PA_NETWORK_DENSITY, 2), PA_ERROR_ARGUMENT, "does not apply");
  ok(pa_network_set(network, PA_NETWORK_PATH_LOSS_EXPONENT, 2));
  ok(pa_network_move(network, 1, (const int64_t[]){7}, t[9], r[9]));
  memcpy(t[7], t[9], sizeof t[7]);
  memcpy(r[7], r[9], sizeof r[7]);
  pa_network *other;
  ok(pa_network_create_sparse_positions(&other, 80, &t[0][0], &r[0][0], 0, 30, 3, NULL));
  ok(pa_network_set(other, PA_NETWORK_PATH_LOSS_EXPONENT, 2));
  double *gain[] = {gains_of(network), gains_of(other)},
         *matrix[] = {matrix_of(pa_network_graph(network), gain[0]), matrix_of(pa_network_graph(other), gain[1])};
  ck_assert(memcmp(matrix[0], matrix[1], 80 * 80 * sizeof(double)) == 0);
  for (int k = 0; k < 2; k++) free(gain[k]), free(matrix[k]);
  pa_network_free(network);
  pa_network_free(other);
}
END_TEST

/* Points far apart, on lines, in one place, and far outside of where the others were. */
START_TEST(odd_places) {
  pa_network *network = start(60, 60, 60 * 60);
  const double scales[] = {1e-9, 1, 1e9, 1e100};
  for (int k = 0; k < 4; k++)
    for (int shape = 0; shape < 4; shape++) {
      int64_t links[60];
      double t[60][2], r[60][2];
      size_t count = pick(links, 30);
      for (size_t i = 0; i < count; i++)
        for (int axis = 0; axis < 2; axis++) {
          double x = uniform(), y = uniform();
          t[i][axis] = scales[k] * (shape == 1 && axis ? 0 : shape == 2 ? 1 : x);
          r[i][axis] = shape == 3 ? t[i][axis] : scales[k] * (shape == 2 ? 1.001 : -y);
        }
      ok(pa_network_move(network, count, links, &t[0][0], &r[0][0]));
      for (size_t i = 0; i < count; i++) {
        memcpy(plan.t[links[i]], t[i], sizeof t[i]);
        memcpy(plan.r[links[i]], r[i], sizeof r[i]);
      }
      same_network(network, CUTOFF);
    }
  pa_network_free(network);
}
END_TEST

/* ---- what policies make of it ---- */

static void near_to(const char *what, double a, double b, double scale, double tolerance) {
  ck_assert_msg(fabs(a - b) <= tolerance * scale, "%s is %.17g, not %.17g", what, b, a);
}

/* States of the changed network, and of one of its own for the links that are there, with the same draw. */
struct pair {
  size_t there, number[MOST], slots;
  pa_network *other;
  double *h, *value;
  float *h_f32, *value_f32;
  pa_states *here, *there_only, *here_f32, *there_only_f32;
};

static void set_node(pa_states *s, size_t n, const size_t *number) {
  double noise[MOST], limit[MOST], weight[MOST];
  for (size_t k = 0; k < n; k++) {
    size_t i = number ? number[k] : k;
    noise[k] = .1 * (1 + (double)(i % 7));
    limit[k] = .5 + (double)(i % 5);
    weight[k] = 1 + .25 * (double)(i % 3);
  }
  ok(pa_states_set_noise(s, noise, n));
  ok(pa_states_set_power_limit(s, limit, n));
  ok(pa_states_set_weights(s, weight, n));
}

static struct pair pair_of(const pa_network *network) {
  struct pair p = {.there = present()};
  const pa_graph *graph = pa_network_graph(network);
  p.slots = pa_graph_slots(graph);
  p.h = calloc(p.slots, sizeof *p.h);
  p.h_f32 = calloc(p.slots, sizeof *p.h_f32);
  ok(pa_network_draw(network, 3, 17, 1, p.h));
  for (size_t e = 0; e < p.slots; e++) p.h[e] = p.h_f32[e] = (float)p.h[e];
  p.other = anew(p.number, CUTOFF);
  size_t edges = pa_graph_edges(pa_network_graph(p.other)), n = p.there;
  double *matrix = matrix_of(graph, p.h), *part = calloc(n * n, sizeof *part);
  for (size_t a = 0; a < n; a++)
    for (size_t b = 0; b < n; b++) part[a * n + b] = fmax(matrix[p.number[a] * plan.links + p.number[b]], 0);
  p.value = calloc(edges, sizeof *p.value);
  p.value_f32 = calloc(edges, sizeof *p.value_f32);
  ok(pa_graph_pick(pa_network_graph(p.other), part, p.value, NULL));
  for (size_t e = 0; e < edges; e++) p.value_f32[e] = (float)p.value[e];
  ok(pa_states_create_sparse(&p.here, 1, graph, p.h, 1, 1, NULL));
  ok(pa_states_create_sparse_f32(&p.here_f32, 1, graph, p.h_f32, 1, 1, NULL));
  ok(pa_states_create_sparse(&p.there_only, 1, pa_network_graph(p.other), p.value, 1, 1, NULL));
  ok(pa_states_create_sparse_f32(&p.there_only_f32, 1, pa_network_graph(p.other), p.value_f32, 1, 1, NULL));
  set_node(p.here, plan.links, NULL);
  set_node(p.here_f32, plan.links, NULL);
  set_node(p.there_only, n, p.number);
  set_node(p.there_only_f32, n, p.number);
  /* Gains on the edges of the graph itself. */
  for (size_t e = 0; e < p.slots; e++)
    if (pa_graph_receiver(graph)[e] < 0) ck_assert(p.h[e] == 0);
  double *picked = calloc(p.slots, sizeof *picked);
  for (size_t k = 0; k < plan.links * plan.links; k++) matrix[k] = fmax(matrix[k], 0);
  ok(pa_graph_pick(graph, matrix, picked, NULL));
  ck_assert(memcmp(picked, p.h, p.slots * sizeof *picked) == 0);
  free(picked);
  free(matrix);
  free(part);
  return p;
}

static void free_pair(struct pair *p) {
  pa_states *const states[] = {p->here, p->here_f32, p->there_only, p->there_only_f32};
  for (int k = 0; k < 4; k++) pa_states_free(states[k]);
  pa_network_free(p->other);
  free(p->h);
  free(p->h_f32);
  free(p->value);
  free(p->value_f32);
}

static void same_powers(const pa_policy *policy, const struct pair *p, double tolerance) {
  double here[MOST], only[MOST], pooled[MOST], rate[MOST], only_rate[MOST];
  float here_f32[MOST], only_f32[MOST];
  const char *name = pa_policy_name(policy);
  pa_pool *pool;
  ok(pa_pool_create(&pool, 3, NULL));
  ok(pa_policy_allocate(policy, p->here, here, NULL, 0));
  ok(pa_policy_allocate(policy, p->there_only, only, NULL, 0));
  ok(pa_policy_allocate_parallel(policy, p->here, pooled, pool, NULL, 0));
  ck_assert_msg(memcmp(here, pooled, plan.links * sizeof *here) == 0, "%s", name);
  ok(pa_policy_allocate_f32(policy, p->here_f32, here_f32, NULL, 0));
  ok(pa_policy_allocate_f32(policy, p->there_only_f32, only_f32, NULL, 0));
  ok(pa_rates(p->here, here, rate));
  ok(pa_rates(p->there_only, only, only_rate));
  for (size_t k = 0; k < p->there; k++) {
    size_t i = p->number[k];
    near_to(name, only[k], here[i], 4.5, tolerance);
    near_to(name, (double)only_f32[k], (double)here_f32[i], 4.5, 2e-3);
    near_to("rate", only_rate[k], rate[i], 10, 10 * tolerance);
  }
  for (size_t i = 0; i < plan.links; i++)
    if (!plan.there[i]) ck_assert_msg(here[i] == 0 && here_f32[i] == 0 && rate[i] == 0, "%s", name);
  pa_pool_free(pool);
}

/* What training on the states divides the SNR input by. */
static double divisor_on(const pa_states *states) {
  pa_regnn *model;
  double divisor;
  ok(pa_regnn_create(&model, NULL, NULL, 0, 5, NULL));
  pa_policy *policy = pa_regnn_policy(model);
  ok(policy->class->learner->prepare(policy, states, 0));
  policy->class->learner->get_constants(policy, &divisor);
  pa_regnn_free(model);
  return divisor;
}

START_TEST(policies) {
  for (int k = 0; k < 3; k++) {
    pa_network *network = start(k == 0 ? 30 : 250, k == 0 ? 40 : 300, 0);
    for (int step = 0; step < 40; step++) ok(change(network));
    struct pair p = pair_of(network);
    const char *names[] = {"full-power", "equal", "equal", "threshold", "wmmse", "wmmse", "wmmse-truncated"};
    for (int c = 0; c < 7; c++) {
      pa_policy *policy;
      ok(pa_policy_create(&policy, names[c], NULL));
      if (c == 2 || c == 5) ok(pa_policy_set(policy, PA_POLICY_SUM_POWER, 20));
      same_powers(policy, &p, c == 5 ? 1e-9 : 1e-12);
      pa_policy_free(policy);
    }
    for (int c = 0; c < 4; c++) {
      pa_uwmmse *unfolded;
      pa_regnn *filters;
      const int32_t keys[] = {PA_REGNN_SHIFT, PA_REGNN_FEATURES, PA_REGNN_OUTPUT, PA_REGNN_INPUTS};
      const double values[] = {PA_REGNN_SHIFT_SCALE + c % 2, 1 + 3 * c, PA_REGNN_OUTPUT_CONTINUOUS,
                               PA_REGNN_INPUT_ONES + (c < 2 ? 0 : PA_REGNN_INPUT_WEIGHT)};
      ok(pa_uwmmse_create(&unfolded, c % 2 ? PA_UWMMSE_EXTENDED : PA_UWMMSE_PAPER, 4, 5, 3, NULL));
      ok(pa_regnn_create(&filters, keys, values, 4, 5, NULL));
      same_powers(pa_uwmmse_policy(unfolded), &p, 1e-12);
      same_powers(pa_regnn_policy(filters), &p, 1e-12);
      pa_uwmmse_free(unfolded);
      pa_regnn_free(filters);
    }
    ck_assert_msg(fabs(divisor_on(p.here) / divisor_on(p.there_only) - 1) < 1e-12, "%g", divisor_on(p.here));
    free_pair(&p);
    pa_network_free(network);
  }
}
END_TEST

/* What not even full power uses up needs no offset. */
START_TEST(budgets_are_of_those_that_are_there) {
  const int32_t key = PA_REGNN_OUTPUT;
  const double continuous = PA_REGNN_OUTPUT_CONTINUOUS;
  pa_network *network = start(20, 40, 0);
  pa_states *states;
  pa_regnn *model;
  double power[40], sum = 0, offset;
  ok(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
  ok(pa_regnn_create(&model, &key, &continuous, 1, 1, NULL));
  ok(pa_policy_meet_budget(pa_regnn_policy(model), states, 30));
  ok(pa_policy_get(pa_regnn_policy(model), PA_POLICY_OFFSET, &offset));
  ck_assert_msg(offset == 0, "%g", offset);
  ok(pa_policy_meet_budget(pa_regnn_policy(model), states, 15));
  ok(pa_policy_allocate(pa_regnn_policy(model), states, power, NULL, 0));
  for (size_t i = 0; i < 40; i++) sum += power[i];
  close_to(sum, 15, 1e-4);
  pa_regnn_free(model);
  pa_states_free(states);
  pa_network_free(network);
}
END_TEST

START_TEST(selections_are_of_those_that_are_there) {
  pa_network *network = start(60, 100, 0);
  ok(leave(network, 20));
  pa_states *states;
  pa_policy *policy;
  double power[100];
  ok(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
  ok(pa_policy_create(&policy, "random", NULL));
  for (int cap = 0; cap < 2; cap++) {
    if (cap)
      ok(pa_policy_set(policy, PA_POLICY_SUM_POWER, 15));
    else
      ok(pa_policy_set(policy, PA_POLICY_ACTIVE_SHARE, .25));
    ok(pa_policy_allocate(policy, states, power, NULL, 0));
    size_t on = 0;
    for (size_t i = 0; i < 100; i++) {
      ck_assert(power[i] == 0 || plan.there[i]);
      on += power[i] > 0;
    }
    ck_assert_uint_eq(on, cap ? 15 : 10);
  }
  pa_policy_free(policy);
  pa_states_free(states);
  pa_network_free(network);
}
END_TEST

/* Where links stand, and how many numbers there are, has no part in the draw. */
START_TEST(selections_stay_the_same) {
  pa_network *network = start(20, 25, 0);
  pa_policy *policy;
  double power[2][40] = {{0}};
  ok(pa_policy_create(&policy, "random", NULL));
  for (int k = 0; k < 3; k++) {
    pa_states *states;
    if (k == 1) ok(move(network, 10, 0));
    if (k > 0) ok(pa_network_reserve(network, k == 1 ? 25 : 40, 0));
    ok(pa_network_draw_states(network, 0, 7, 1, &states, NULL));
    ok(pa_policy_allocate(policy, states, power[k > 0], NULL, 0));
    ck_assert(k == 0 || memcmp(power[0], power[1], sizeof power[0]) == 0);
    pa_states_free(states);
  }
  pa_policy_free(policy);
  pa_network_free(network);
}
END_TEST

/* A slot loop that keeps its arrays: the powers of the last slot are a start by number. */
START_TEST(warm_starts_go_on) {
  pa_network *network = start(150, 160, 0);
  const pa_graph *graph = pa_network_graph(network);
  double *h = calloc(pa_graph_slots(graph), sizeof *h), power[160] = {0}, cold[160], rate[160];
  pa_states *states;
  pa_policy *few, *many;
  ok(pa_network_set(network, PA_NETWORK_FADING, 0));
  ok(pa_states_create_sparse(&states, 1, graph, h, 1, 1, NULL));
  ok(pa_policy_create(&few, "wmmse", NULL));
  ok(pa_policy_create(&many, "wmmse", NULL));
  ok(pa_policy_set(few, PA_POLICY_ITERATIONS, 5));
  ok(pa_policy_set(many, PA_POLICY_ITERATIONS, 300));
  double sum[2] = {0};
  for (int slot = 0; slot < 30; slot++) {
    if (slot > 0) {
      ok(move(network, 5, .01));
      ok(leave(network, 1));
      ok(join(network, 1));
    }
    ok(pa_network_draw(network, 0, 0, 1, h));
    ok(pa_states_bind(states, 1, h));
    ok(pa_states_set_start(states, NULL));
    ok(pa_policy_allocate(many, states, cold, NULL, 0));
    if (slot == 0) memcpy(power, cold, sizeof power);
    ok(pa_states_set_start(states, power));
    ok(pa_policy_allocate(few, states, power, NULL, 0));
    const double *powers[] = {power, cold};
    for (int k = 0; k < 2; k++) {
      ok(pa_rates(states, powers[k], rate));
      for (size_t i = 0; i < 160; i++) sum[k] += rate[i];
    }
  }
  ck_assert_msg(sum[0] > .97 * sum[1], "%g against %g", sum[0], sum[1]);
  pa_policy_free(few);
  pa_policy_free(many);
  pa_states_free(states);
  pa_network_free(network);
  free(h);
}
END_TEST

START_TEST(left_out_knows_who_left) {
  pa_network *network = start(200, 230, 0);
  for (int k = 0; k < 20; k++) ok(change(network));
  double mean[MOST], most[MOST], exact[MOST] = {0}, sum[2] = {0};
  ok(pa_network_left_out(network, mean, most));
  for (size_t j = 0; j < plan.links; j++)
    for (size_t i = 0; i < plan.links; i++) {
      double squared = pa__squared_distance(plan.t[i], plan.r[j]);
      if (plan.there[i] && plan.there[j] && i != j && squared > CUTOFF * CUTOFF) exact[j] += 2 * pow(squared, -2.2);
    }
  for (size_t j = 0; j < plan.links; j++) {
    ck_assert(most[j] >= exact[j] * (1 - 1e-12) && mean[j] <= most[j]);
    if (!plan.there[j]) ck_assert(mean[j] == 0 && most[j] == 0);
    sum[0] += exact[j];
    sum[1] += mean[j];
  }
  ck_assert_msg(fabs(sum[1] / sum[0] - 1) < .03, "%g, not %g", sum[1], sum[0]);
  pa_network_free(network);
}
END_TEST

/* A remainder is of links that stay where they are: after a change it is refused until it is found again. */
START_TEST(remainders_are_found_again_after_changes) {
  enum { LINKS = 60 };
  const char *words = "set network.remainder again";
  pa_network *network = start(50, LINKS, 0);
  const double base = 1e-3;
  double noise[LINKS], limit[LINKS], left_out[LINKS];
  pa_states *states = NULL;
  pa_uwmmse *model;
  pa_trainer *trainer;
  ok(pa_network_set_noise(network, &base, 1));
  ok(pa_network_set(network, PA_NETWORK_REMAINDER, .5));
  double *h = calloc(pa_graph_slots(pa_network_graph(network)), sizeof *h);
  ok(pa_uwmmse_create(&model, PA_UWMMSE_EXTENDED, 4, 5, 3, NULL));
  ok(pa_trainer_create(&trainer, pa_uwmmse_policy(model), network, 1, NULL));
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 10));
  for (int kind = 0; kind < 3; kind++) {
    ok(pa_trainer_run(trainer, 2));
    ok(kind == 0 ? move(network, 3, .01) : kind == 1 ? leave(network, 4) : join(network, 4));
    fails(pa_network_draw_states(network, 0, 0, 1, &states, NULL), PA_ERROR_STATE, words);
    fails(pa_network_physics(network, noise, NULL), PA_ERROR_STATE, words);
    fails(pa_trainer_run(trainer, 2), PA_ERROR_STATE, words);
    ck_assert(states == NULL);
    ok(pa_network_physics(network, NULL, limit));
    ok(pa_network_draw(network, 0, 0, 1, h)); /* channels alone */
    ok(pa_network_set(network, PA_NETWORK_REMAINDER, .5));
    ok(pa_network_physics(network, noise, NULL));
    ok(pa_network_left_out(network, left_out, NULL));
    for (size_t i = 0; i < LINKS; i++) {
      ck_assert(plan.there[i] == (left_out[i] > 0));
      close_to(noise[i], base + .5 * left_out[i], 1e-15);
    }
  }
  ok(move(network, 3, .01));
  ok(pa_network_set(network, PA_NETWORK_CUTOFF, CUTOFF)); /* finds it again, too */
  ok(pa_network_physics(network, noise, NULL));
  ok(move(network, 3, .01));
  ok(pa_network_set(network, PA_NETWORK_REMAINDER, 0));
  ok(pa_network_physics(network, noise, NULL));
  for (size_t i = 0; i < LINKS; i++) ck_assert(noise[i] == base);
  ok(move(network, 3, .01));
  ok(pa_trainer_run(trainer, 2));
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  pa_network_free(network);
  free(h);
}
END_TEST

START_TEST(training_on_a_network_that_changed) {
  for (int single = 0; single < 2; single++) {
    pa_network *network = start(25, 30, 0);
    for (int k = 0; k < 20; k++) ok(change(network));
    pa_regnn *filters;
    pa_uwmmse *unfolded;
    pa_trainer *trainer;
    ok(pa_regnn_create(&filters, NULL, NULL, 0, 3, NULL));
    ok(pa_uwmmse_create(&unfolded, PA_UWMMSE_EXTENDED, 4, 5, 3, NULL));
    for (int kind = 0; kind < 2; kind++) {
      ok(pa_trainer_create(&trainer, kind ? pa_uwmmse_policy(unfolded) : pa_regnn_policy(filters), network, 1, NULL));
      if (!kind) ok(pa_trainer_set_reward(trainer, 30, pa_reward_capacity, NULL, NULL));
      ok(pa_trainer_set(trainer, PA_TRAINER_PRECISION, single));
      ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 40));
      ok(pa_trainer_run(trainer, 5));
      ok(change(network)); /* between runs */
      ok(pa_trainer_run(trainer, 5));
      pa_trainer_free(trainer);
    }
    pa_regnn_free(filters);
    pa_uwmmse_free(unfolded);
    pa_network_free(network);
  }
}
END_TEST

/* Only links that are there are given power. */
static int32_t capacity_of_present(void *user, const pa_states *states, const double *power, double *reward,
                                   size_t rewards) {
  size_t n = pa_states_links(states), there = *(size_t *)user;
  for (size_t k = 0; k < pa_states_batch(states) * n; k++) ck_assert(k % n < there || power[k] == 0);
  return pa_reward_capacity(NULL, states, power, reward, rewards);
}

struct trained {
  double weights[1000], power;
  size_t count;
};

/* One state a step, so that powers are drawn with the same numbers whatever the numbers of links. */
static struct trained trained_on(const pa_network *network, size_t *there, int output, bool gradient) {
  const int32_t model_keys[] = {PA_REGNN_OUTPUT, PA_REGNN_INPUTS},
                keys[] = {PA_TRAINER_BATCH, PA_TRAINER_ACTIONS, PA_TRAINER_HELD_OUT, PA_TRAINER_ENTROPY,
                          PA_TRAINER_BARRIER};
  const double options[] = {output, PA_REGNN_INPUT_ONES + PA_REGNN_INPUT_SNR + PA_REGNN_INPUT_WEIGHT},
               values[] = {1, 3, 4, .02, .02}, budget = 3;
  struct trained got;
  pa_regnn *model;
  pa_trainer *trainer;
  ok(pa_regnn_create(&model, model_keys, options, 2, 5, NULL));
  ok(pa_trainer_create(&trainer, pa_regnn_policy(model), network, 1, NULL));
  ok(pa_trainer_set_reward(trainer, pa_network_links(network), capacity_of_present, there, NULL));
  if (gradient) ok(pa_trainer_set_reward_gradient(trainer, pa_reward_capacity_gradient));
  ok(pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MEAN_POWER, &budget, 1));
  for (int k = 0; k < 5; k++) ok(pa_trainer_set(trainer, keys[k], values[k]));
  ok(pa_trainer_run(trainer, 30));
  got.count = pa_regnn_weight_count(model);
  ck_assert(got.count <= 1000);
  ok(pa_regnn_get_weights(model, got.weights, got.count));
  ok(pa_trainer_stat(trainer, PA_TRAINER_STAT_BEST_POWER, &got.power));
  pa_trainer_free(trainer);
  pa_regnn_free(model);
  return got;
}

START_TEST(training_does_not_see_numbers_without_links) {
  const int outputs[] = {PA_REGNN_OUTPUT_BERNOULLI, PA_REGNN_OUTPUT_LEVELS, PA_REGNN_OUTPUT_CONTINUOUS};
  size_t there = 10;
  pa_network *roomy = start(there, 25, 0), *full = built(plan.t, plan.r, there, CUTOFF);
  ok(pa_network_set(roomy, PA_NETWORK_FADING, 0));
  ok(pa_network_set(full, PA_NETWORK_FADING, 0));
  for (int k = 0; k < 6; k++) {
    struct trained a = trained_on(full, &there, outputs[k / 2], k % 2),
                   b = trained_on(roomy, &there, outputs[k / 2], k % 2);
    for (size_t w = 0; w < a.count; w++) near_to("a weight", a.weights[w], b.weights[w], 1, 1e-9);
    near_to("the power", a.power, b.power, 1, 1e-9);
  }
  pa_network_free(roomy);
  pa_network_free(full);
}
END_TEST

/* ---- states of the graph as it was ---- */

START_TEST(stale_channels_are_refused) {
  const char *words = "the graph has changed since these channels were bound";
  pa_network *network = start(20, 22, 0);
  const pa_graph *graph = pa_network_graph(network);
  size_t slots = pa_graph_slots(graph);
  double *h = calloc(slots, sizeof *h), power[22] = {0}, out[22];
  float *h_f32 = calloc(slots, sizeof *h_f32), power_f32[22] = {0}, out_f32[22];
  pa_states *states, *single, *owning;
  pa_policy *policy;
  pa_uwmmse *unfolded;
  pa_pool *pool;
  ok(pa_pool_create(&pool, 2, NULL));
  ok(pa_uwmmse_create(&unfolded, PA_UWMMSE_PAPER, 2, 2, 3, NULL));
  ok(pa_policy_create(&policy, "wmmse", NULL));
  ok(pa_states_create_sparse(&states, 1, graph, h, 1, 1, NULL));
  ok(pa_states_create_sparse_f32(&single, 1, graph, h_f32, 1, 1, NULL));
  for (int k = 0; k < 3; k++) {
    ok(pa_network_draw_states(network, 0, 0, 1, &owning, NULL));
    ok(pa_network_draw(network, 0, 0, 1, h));
    ok(pa_states_bind(states, 1, h));
    ok(pa_states_bind_f32(single, 1, h_f32));
    ok(pa_rates(states, power, out));
    ok(pa_rates_f32(single, power_f32, out_f32));
    ok(pa_policy_allocate(policy, states, out, NULL, 0));
    ok(k == 0 ? move(network, 1, 0) : k == 1 ? join(network, 1) : leave(network, 1));
    fails(pa_rates(states, power, out), PA_ERROR_STATE, words);
    fails(pa_sinr(states, power, out), PA_ERROR_STATE, words);
    fails(pa_rates_f32(single, power_f32, out_f32), PA_ERROR_STATE, words);
    fails(pa_policy_allocate(policy, states, out, NULL, 0), PA_ERROR_STATE, words);
    fails(pa_policy_allocate(policy, owning, out, NULL, 0), PA_ERROR_STATE, words);
    fails(pa_policy_allocate_f32(policy, single, out_f32, NULL, 0), PA_ERROR_STATE, words);
    fails(pa_policy_allocate_parallel(policy, states, out, pool, NULL, 0), PA_ERROR_STATE, words);
    fails(pa_policy_allocate_part(policy, states, 0, 1, out), PA_ERROR_STATE, words);
    fails(pa_policy_allocate(pa_uwmmse_policy(unfolded), states, out, NULL, 0), PA_ERROR_STATE, words);
    double loss, gradient[1000];
    fails(pa_uwmmse_gradient(unfolded, states, &loss, gradient, pa_uwmmse_weight_count(unfolded)), PA_ERROR_STATE,
          words);
    pa_trainer *trainer;
    fails(pa_trainer_create_on_states(&trainer, pa_uwmmse_policy(unfolded), states, 1, NULL), PA_ERROR_STATE, words);
    ck_assert(pa_reward_capacity(NULL, states, power, out, 22) == PA_CALLBACK_ABORT);
    ck_assert(strstr(pa_last_error(), words));
    ck_assert(pa_reward_capacity_gradient(NULL, states, power, power, out, 22) == PA_CALLBACK_ABORT);
    pa_states_free(owning);
  }
  /* States on a graph that is no longer the network's keep what they have. */
  ok(pa_network_draw(network, 0, 0, 1, h));
  ok(pa_states_bind(states, 1, h));
  ok(pa_policy_allocate(policy, states, power, NULL, 0));
  ok(pa_network_reserve(network, 22, 0));
  ok(move(network, 5, 0));
  ok(pa_policy_allocate(policy, states, out, NULL, 0));
  ck_assert(memcmp(power, out, sizeof out) == 0);
  fails(pa_states_bind(states, 1, h), PA_ERROR_STATE, "another graph");
  pa_network_free(network);
  ok(pa_policy_allocate(policy, states, out, NULL, 0));
  ck_assert(memcmp(power, out, sizeof out) == 0);
  pa_states_free(states);
  pa_states_free(single);
  pa_policy_free(policy);
  pa_uwmmse_free(unfolded);
  pa_pool_free(pool);
  free(h);
  free(h_f32);
}
END_TEST

START_TEST(what_is_in_gaps_does_not_count) {
  pa_network *network = start(20, 22, 0);
  const pa_graph *graph = pa_network_graph(network);
  size_t slots = pa_graph_slots(graph);
  double *h = calloc(slots, sizeof *h), power[22], rate[22], again[22];
  pa_states *states;
  pa_policy *policy;
  ok(pa_policy_create(&policy, "threshold", NULL));
  ok(pa_network_draw(network, 0, 0, 1, h));
  ok(pa_states_create_sparse(&states, 1, graph, h, 1, 1, NULL));
  ok(pa_policy_allocate(policy, states, power, NULL, 0));
  ok(pa_rates(states, power, rate));
  for (size_t e = 0; e < slots; e++)
    if (pa_graph_receiver(graph)[e] < 0) h[e] = e % 2 ? NAN : -1;
  ok(pa_policy_allocate(policy, states, again, NULL, 0));
  ck_assert(memcmp(power, again, sizeof power) == 0);
  ok(pa_rates(states, power, again));
  ck_assert(memcmp(rate, again, sizeof rate) == 0);
  size_t bad = (size_t)pa_graph_offset(graph)[7];
  h[bad] = NAN;
  char words[40];
  snprintf(words, sizeof words, "h[0][%zu] is nan", bad);
  fails(pa_rates(states, power, again), PA_ERROR_ARGUMENT, words);
  fails(pa_graph_path_gain(graph, power, power, 1, 1, again), PA_ERROR_ARGUMENT, "can change it");
  pa_states_free(states);
  pa_policy_free(policy);
  pa_network_free(network);
  free(h);
}
END_TEST

START_TEST(training_on_stale_states_is_refused) {
  pa_network *network = start(20, 22, 0);
  pa_states *states;
  pa_uwmmse *unfolded;
  pa_trainer *trainer;
  ok(pa_network_draw_states(network, 0, 0, 10, &states, NULL));
  ok(pa_uwmmse_create(&unfolded, PA_UWMMSE_PAPER, 2, 2, 3, NULL));
  ok(pa_trainer_create_on_states(&trainer, pa_uwmmse_policy(unfolded), states, 1, NULL));
  ok(move(network, 1, 0));
  fails(pa_trainer_run(trainer, 2), PA_ERROR_STATE, "the graph has changed");
  pa_trainer_free(trainer);
  ok(pa_trainer_create(&trainer, pa_uwmmse_policy(unfolded), network, 1, NULL));
  ok(pa_network_reserve(network, 25, 0));
  fails(pa_trainer_run(trainer, 2), PA_ERROR_STATE, "room for 25 links now, the trainer was made for 22");
  pa_trainer_free(trainer);
  pa_uwmmse_free(unfolded);
  pa_states_free(states);
  pa_network_free(network);
}
END_TEST

/* ---- what an error leaves ---- */

/* All that can be seen of a network, and where it is. */
struct view {
  size_t slots, edges;
  uint64_t version;
  const int32_t *receiver_at;
  int64_t *offset, *end;
  int32_t *receiver;
  double *gain, *t, *r;
};

static void *copy(const void *from, size_t bytes) { return memcpy(malloc(bytes), from, bytes); }

static struct view view_of(const pa_network *network) {
  const pa_graph *g = pa_network_graph(network);
  size_t n = pa_graph_links(g), slots = pa_graph_slots(g);
  struct view v = {.slots = slots, .edges = pa_graph_edges(g), .version = g->version};
  v.receiver_at = pa_graph_receiver(g);
  v.offset = copy(pa_graph_offset(g), n * sizeof *v.offset);
  v.end = copy(pa_graph_end(g), n * sizeof *v.end);
  v.receiver = copy(pa_graph_receiver(g), slots * sizeof *v.receiver);
  v.gain = gains_of(network);
  v.t = calloc(4 * n, sizeof *v.t);
  v.r = v.t + 2 * n;
  ok(pa_network_positions(network, v.t, v.r));
  return v;
}

static void free_view(struct view *v) {
  free(v->offset);
  free(v->end);
  free(v->receiver);
  free(v->gain);
  free(v->t);
}

static void unchanged(const pa_network *network, const struct view *v) {
  struct view now = view_of(network);
  size_t n = pa_network_links(network);
  ck_assert(now.slots == v->slots && now.edges == v->edges && now.version == v->version &&
            now.receiver_at == v->receiver_at);
  ck_assert(memcmp(now.offset, v->offset, n * sizeof *v->offset) == 0);
  ck_assert(memcmp(now.end, v->end, n * sizeof *v->end) == 0);
  ck_assert(memcmp(now.receiver, v->receiver, v->slots * sizeof *v->receiver) == 0);
  ck_assert(memcmp(now.gain, v->gain, v->slots * sizeof *v->gain) == 0);
  ck_assert(memcmp(now.t, v->t, 4 * n * sizeof *v->t) == 0);
  free_view(&now);
}

START_TEST(errors_change_nothing) {
  pa_network *network = start(20, 22, 0), *fixed, *dense;
  double t[3][2] = {{.1, .2}, {.3, .4}, {.5, .6}}, r[3][2] = {{.1, .3}, {.3, .5}, {.5, .7}};
  const double *at = &t[0][0], *to = &r[0][0], nan[] = {.1, .2, .1, NAN};
  int64_t links[] = {-7, -7, -7};
  ok(leave(network, 2));
  int64_t gone = 0, here = 0, also = 0;
  while (plan.there[gone]) gone++;
  while (!plan.there[here]) here++;
  also = here + 1;
  while (!plan.there[also]) also++;
  struct view before = view_of(network);
  const pa_status bad = PA_ERROR_ARGUMENT;
  fails(pa_network_move(network, 2, (const int64_t[]){here, 22}, at, to), bad, "links[1] is 22, must be 0 to 21");
  fails(pa_network_move(network, 1, (const int64_t[]){-1}, at, to), bad, "links[0] is -1");
  fails(pa_network_move(network, 2, (const int64_t[]){here, gone}, at, to), bad, "there is no such link now");
  fails(pa_network_move(network, 3, (const int64_t[]){here, also, here}, at, to), bad, "links[2] is");
  fails(pa_network_move(network, 2, (const int64_t[]){here, also}, nan, to), bad, "transmitters[1][1] is nan");
  fails(pa_network_move(network, 2, (const int64_t[]){here, also}, at, nan), bad, "receivers[1][1] is nan");
  fails(pa_network_move(network, 2, NULL, at, to), bad, "links is NULL");
  fails(pa_network_move(network, 1, &here, NULL, NULL), bad, "both NULL");
  fails(pa_network_move(NULL, 1, &here, at, to), bad, "network is NULL");
  fails(pa_network_leave(network, 2, (const int64_t[]){also, also}), bad, "twice");
  fails(pa_network_leave(network, 1, &gone), bad, "there is no such link now");
  fails(pa_network_leave(network, 1, NULL), bad, "links is NULL");
  fails(pa_network_leave(network, 25, links), bad, "links[0] is -7");
  fails(pa_network_join(network, 3, at, NULL, links), bad, "receivers is NULL");
  fails(pa_network_join(network, 2, nan, to, links), bad, "transmitters[1][1] is nan");
  fails(pa_network_join(network, 3, at, to, NULL), bad, "links is NULL");
  double many[10][2] = {{0}};
  fails(pa_network_join(network, 5, &many[0][0], &many[5][0], links), PA_ERROR_STATE,
        "there is room for 4 more links, not for 5");
  fails(pa_network_reserve(network, 21, 0), bad, "links is 21, less than the 22");
  fails(pa_network_reserve(network, (size_t)1 << 31, 0), bad, "links is 2147483648");
  fails(pa_network_reserve(network, 22, SIZE_MAX / 2), PA_ERROR_MEMORY, "");
  fails(pa_network_reserve(NULL, 22, 0), bad, "network is NULL");
  pa_network *copied;
  fails(pa_network_create_graph(&copied, pa_network_graph(network), before.gain, 1, NULL), bad, "can change it");
  unchanged(network, &before);
  ck_assert(links[0] == -7);
  /* Nothing to do is fine, and changes nothing. */
  ok(pa_network_move(network, 0, NULL, at, to));
  ok(pa_network_leave(network, 0, NULL));
  ok(pa_network_join(network, 0, NULL, NULL, NULL));
  unchanged(network, &before);
  ok(pa_network_set(network, PA_NETWORK_MIN_DISTANCE, 0));
  free_view(&before);
  before = view_of(network);
  double upon[2];
  memcpy(upon, plan.r[also], sizeof upon);
  fails(pa_network_move(network, 1, &here, upon, NULL), bad, "stands on receiver");
  char words[100];
  snprintf(words, sizeof words, "transmitter %d stands on receiver 0 of the call:", (int)also);
  fails(pa_network_join(network, 1, at, plan.t[also], links), bad, words);
  fails(pa_network_join(network, 2, (const double[]){.1, .2, 50, 50}, (const double[]){.1, .3, 50, 50}, links), bad,
        "transmitter 1 of the call stands on receiver 1 of the call:");
  fails(pa_network_move(network, 1, &here, (const double[]){50, 50}, (const double[]){50, 50}), bad,
        "stands on receiver");
  unchanged(network, &before);
  free_view(&before);
  pa_network_free(network);
  fixed = built(plan.t, plan.r, 10, CUTOFF);
  fails(pa_network_move(fixed, 1, (const int64_t[]){0}, at, to), PA_ERROR_STATE, "no room for changes");
  fails(pa_network_leave(fixed, 1, (const int64_t[]){0}), PA_ERROR_STATE, "no room for changes");
  fails(pa_network_join(fixed, 1, at, to, links), PA_ERROR_STATE, "no room for changes");
  ck_assert_uint_eq(pa_network_present(fixed), 10);
  pa_network_free(fixed);
  ok(pa_network_create_adhoc(&dense, 3, 1, NULL));
  fails(pa_network_reserve(dense, 5, 0), bad, "no cut-off");
  pa_network_free(dense);
  ck_assert_uint_eq(pa_network_present(NULL), 0);
}
END_TEST

/* Edges without room, while all slots are in use. */
START_TEST(no_room_for_edges) {
  pa_network *network = start(50, 60, 0);
  size_t edges = pa_graph_edges(pa_network_graph(network)), refused = 0, done = 0;
  ok(pa_network_reserve(network, 60, edges + 3));
  for (int k = 0; k < 300; k++) {
    struct view before = view_of(network);
    pa_status status = k % 3 ? move(network, 1, .05) : join(network, 1);
    if (status == PA_OK) {
      done++;
      if (k % 3 == 0) ok(leave(network, 1));
    } else {
      refused++;
      ck_assert(status == PA_ERROR_STATE && strstr(pa_last_error(), "edges"));
      unchanged(network, &before);
    }
    free_view(&before);
    same_network(network, CUTOFF);
  }
  ck_assert_msg(refused > 20 && done > 20, "%zu refused, %zu done", refused, done);
  pa_network_free(network);
}
END_TEST

/* ---- what a change costs ---- */

/* Rows of links that are near neither the old nor the new place stay where and what they are. */
START_TEST(changes_touch_neighbours_only) {
  pa_network *network = start(400, 420, 0);
  const pa__pattern *p = &pa_network_graph(network)->pattern;
  size_t packed = 0, steps = 400;
  for (size_t step = 0; step < steps; step++) {
    struct view before = view_of(network);
    int64_t i;
    double t[2], r[2], from[2];
    pick(&i, 1);
    memcpy(from, plan.r[i], sizeof from);
    drop(t, r);
    ok(pa_network_move(network, 1, &i, t, r));
    memcpy(plan.t[i], t, sizeof t);
    memcpy(plan.r[i], r, sizeof r);
    const double *gain = network->gain;
    bool moved_all = p->receiver != before.receiver_at;
    packed += moved_all;
    for (size_t k = 0; k < p->links; k++) {
      size_t link = (size_t)p->link[k], length = (size_t)(before.end[k] - before.offset[k]);
      if (link == (size_t)i || !plan.there[link]) continue;
      if (pa__squared_distance(plan.t[link], from) <= CUTOFF * CUTOFF) continue;
      if (pa__squared_distance(plan.t[link], r) <= CUTOFF * CUTOFF) continue;
      if (!moved_all) ck_assert(p->offset[k] == before.offset[k]);
      ck_assert_uint_eq((size_t)(p->end[k] - p->offset[k]), length);
      ck_assert(memcmp(p->receiver + p->offset[k], before.receiver + before.offset[k], length * sizeof(int32_t)) == 0);
      ck_assert(memcmp(gain + p->offset[k], before.gain + before.offset[k], length * sizeof(double)) == 0);
    }
    free_view(&before);
  }
  ck_assert_msg(packed < steps / 20, "%zu times in %zu changes", packed, steps);
  pa_network_free(network);
}
END_TEST

START_TEST(memory) {
  struct meter meter = {.refuse = -1};
  const pa_allocator allocator = {metered, unmetered, &meter};
  pa_network *network = start(30, 40, 0);
  pa_network_free(network);
  ok(pa_network_create_sparse_positions(&network, 30, &plan.t[0][0], &plan.r[0][0], NEAREST, CUTOFF, 5, &allocator));
  for (int again = 0; again < 4; again++) {
    if (again == 2) ok(pa_network_set(network, PA_NETWORK_REMAINDER, .5));
    struct view before = view_of(network);
    int out = meter.out, refused = 0;
    for (pa_status status = PA_ERROR_MEMORY; status != PA_OK; refused++) {
      meter.calls = 0;
      meter.refuse = refused;
      status = again < 2 ? pa_network_reserve(network, 40, 0) : pa_network_set(network, PA_NETWORK_CUTOFF, CUTOFF);
      if (status == PA_OK) break;
      ck_assert_int_eq(status, PA_ERROR_MEMORY);
      ck_assert_int_eq(meter.out, out);
      unchanged(network, &before);
    }
    ck_assert_int_gt(refused, 10);
    free_view(&before);
    /* Changes take nothing. */
    meter.calls = meter.refuse = 0;
    for (int k = 0; k < 100; k++) ok(change(network));
    ck_assert_int_eq(meter.calls, 0);
    same_network(network, CUTOFF);
    meter.refuse = -1;
  }
  pa_network_free(network);
  ck_assert_int_eq(meter.out, 0);
}
END_TEST

/* Nor do the C library's functions take any for changes. */
START_TEST(long_rows_take_no_memory) {
  enum { LINKS = 400 };
  const double cutoff = 10;
  int64_t first = 0;
  plan.links = LINKS;
  for (size_t i = 0; i < LINKS; i++) {
    plan.there[i] = i < LINKS - 1;
    drop(plan.t[i], plan.r[i]);
  }
  pa_network *network = built(plan.t, plan.r, LINKS - 1, cutoff);
  ok(pa_network_reserve(network, LINKS, 0));
  size_t before = allocations;
  for (int k = 0; k < 10; k++) {
    ok(pa_network_move(network, 1, &first, plan.t[LINKS - 1], plan.r[LINKS - 1]));
    ok(pa_network_leave(network, 1, &first));
    ok(pa_network_join(network, 1, plan.t[0], plan.r[0], &first));
  }
  ck_assert_uint_eq(allocations, before);
  same_network(network, cutoff);
  pa_network_free(network);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {random_changes,
                                keys_and_more_room,
                                networks_dropped_by_a_rule_change_too,
                                odd_places,
                                policies,
                                budgets_are_of_those_that_are_there,
                                selections_are_of_those_that_are_there,
                                selections_stay_the_same,
                                warm_starts_go_on,
                                left_out_knows_who_left,
                                remainders_are_found_again_after_changes,
                                training_on_a_network_that_changed,
                                training_does_not_see_numbers_without_links,
                                stale_channels_are_refused,
                                what_is_in_gaps_does_not_count, training_on_stale_states_is_refused,
                                errors_change_nothing,
                                no_room_for_edges,
                                changes_touch_neighbours_only,
                                memory,
                                long_rows_take_no_memory,
                                NULL};
  return run_tests("changing", tests);
}
