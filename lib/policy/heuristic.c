#include "../base/random.h"
#include "policy.h"

#include <float.h>
#include <math.h>

static void no_workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  (void)policy;
  (void)e;
  (void)arena;
}

static pa_status full_power(const pa_policy *policy, const pa_states *s, double *power, void *work) {
  (void)policy;
  (void)work;
  for (size_t k = 0; k < s->batch * s->links; k++) power[k] = s->limit[k % s->links];
  return PA_OK;
}

static pa_status equal(const pa_policy *policy, const pa_states *s, double *power, void *work) {
  double cap = pa__policy_value(policy, PA_POLICY_SUM_POWER), links = (double)pa__states_present(s);
  (void)work;
  if (s->halo && cap > 0) {
    links = (double)s->halo->owned;
    pa__halo_sum(&s->halo->nodes, &links, 1);
  }
  double share = cap > 0 ? cap / links : DBL_MAX;
  for (size_t k = 0; k < s->batch * s->links; k++) power[k] = fmin(s->limit[k % s->links], share);
  return PA_OK;
}

/* Links in random order (Fisher and Yates), as many as the share or the cap lets transmit. */
static void random_workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  (void)policy;
  pa__arena_take(arena, e->links, sizeof(size_t));
}

/* By their numbers: the order of rows follows the links' places, and changes when these do. */
static void list_present(const pa_states *s, size_t *order) {
  size_t count = 0, none = s->links;
  for (size_t i = 0; i < s->links; i++) order[i] = i;
  for (size_t row = 0; s->graph && row < s->links; row++)
    if (pa__pattern_absent(&s->graph->pattern, row)) order[pa__graph_link(s->graph, row)] = none;
  for (size_t i = 0; i < s->links; i++)
    if (order[i] != none) order[count++] = order[i];
}

static pa_status random_selection(const pa_policy *policy, const pa_states *s, double *power, void *work) {
  size_t n = s->links, *order = work;
  uint64_t key = pa__random_key((uint64_t)pa__policy_value(policy, PA_POLICY_SEED), PA__STREAM_SELECTION, 0);
  double cap = pa__policy_value(policy, PA_POLICY_SUM_POWER);
  size_t count = pa__states_present(s),
         share = (size_t)lround(pa__policy_value(policy, PA_POLICY_ACTIVE_SHARE) * (double)count);
  for (size_t b = 0; b < s->batch; b++) {
    double *p = power + b * n, left = cap;
    list_present(s, order);
    for (size_t i = 0; i < n; i++) p[i] = 0;
    for (size_t k = 0; k < (cap > 0 ? count : share); k++) {
      size_t pick = k + (size_t)pa__random_below(key, s->first + b, k, count - k), link = order[pick];
      order[pick] = order[k];
      if (cap > 0 && s->limit[link] > left) break;
      p[link] = s->limit[link];
      left -= p[link];
    }
  }
  return PA_OK;
}

static pa_status threshold(const pa_policy *policy, const pa_states *s, double *power, void *work) {
  double least = pa__policy_value(policy, PA_POLICY_THRESHOLD);
  size_t n = s->links;
  (void)work;
  for (size_t b = 0; b < s->batch; b++)
    for (size_t k = 0; k < n; k++) {
      size_t i = s->graph ? pa__graph_link(s->graph, k) : k;
      double h = pa__states_direct(s, b, k);
      power[b * n + i] = h * h * s->limit[i] / s->noise[i] >= least ? s->limit[i] : 0;
    }
  return PA_OK;
}

static const int32_t threshold_keys[] = {PA_POLICY_THRESHOLD, 0};
static const int32_t equal_keys[] = {PA_POLICY_SUM_POWER, 0};
static const int32_t random_keys[] = {PA_POLICY_SUM_POWER, PA_POLICY_ACTIVE_SHARE, PA_POLICY_SEED, 0};

static const pa__policy_class full_power_class = {
    .name = "full-power", .sparse = true, .parts = true, .workspace = no_workspace, .allocate = full_power};
static const pa__policy_class equal_class = {
    .name = "equal", .keys = equal_keys, .sparse = true, .parts = true, .workspace = no_workspace, .allocate = equal};
static const pa__policy_class random_class = {
    .name = "random", .keys = random_keys, .sparse = true, .workspace = random_workspace, .allocate = random_selection};

static const pa__policy_class threshold_class = {.name = "threshold",
                                                 .keys = threshold_keys,
                                                 .budget_key = PA_POLICY_THRESHOLD,
                                                 .sparse = true,
                                                 .parts = true,
                                                 .workspace = no_workspace,
                                                 .allocate = threshold};

const pa__policy_class *const pa__heuristic_classes[] = {&full_power_class, &equal_class, &random_class,
                                                         &threshold_class, NULL};
