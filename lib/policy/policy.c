#include "policy.h"

#include "../la/la.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* What tells allocations from other collective calls. */
#define ALLOCATE_CALL 4

void pa__policy_init(pa_policy *policy, const pa__policy_class *class) {
  policy->class = class;
  for (int32_t k = 0; k < PA__POLICY_KEYS; k++) policy->value[k] = pa__key_default(PA__POLICY_FIRST_KEY + k);
  if (class->iterations > 0) policy->value[PA_POLICY_ITERATIONS - PA__POLICY_FIRST_KEY] = class->iterations;
}

double pa__policy_value(const pa_policy *policy, int32_t key) { return policy->value[key - PA__POLICY_FIRST_KEY]; }

static const pa__policy_class *class_at(size_t index) {
  for (const pa__policy_class *const *c = pa__heuristic_classes; *c; c++)
    if (index-- == 0) return *c;
  for (const pa__policy_class *const *c = pa__wmmse_classes; *c; c++)
    if (index-- == 0) return *c;
  return NULL;
}

size_t pa_policy_kind_count(void) {
  size_t count = 0;
  while (class_at(count)) count++;
  return count;
}

const char *pa_policy_kind_name(size_t index) {
  const pa__policy_class *class = class_at(index);
  return class ? class->name : NULL;
}

pa_status pa_policy_create(pa_policy **out, const char *name, const pa_allocator *allocator) {
  if (!name) return pa__fail(PA_ERROR_ARGUMENT, "name is NULL");
  const pa__policy_class *class;
  for (size_t k = 0; (class = class_at(k)) != NULL; k++)
    if (strcmp(class->name, name) == 0) break;
  if (!class) return pa__fail(PA_ERROR_ARGUMENT, "\"%.60s\" is not the name of a policy", name);
  pa_policy *policy = NULL;
  pa_status status = pa__handle_create(out ? (void *)&policy : NULL, sizeof *policy, allocator);
  if (status != PA_OK) return status;
  pa__policy_init(policy, class);
  *out = policy;
  return PA_OK;
}

void pa__policy_destroy(pa_policy *policy) {
  if (policy->class->free) policy->class->free(policy);
  pa_allocator allocator = policy->allocator;
  pa__release(&allocator, policy);
}

void pa_policy_free(pa_policy *policy) {
  if (policy && !policy->borrowed) pa__policy_destroy(policy);
}

const char *pa_policy_name(const pa_policy *policy) { return policy ? policy->class->name : ""; }

static pa_status check_key(const pa_policy *policy, int32_t key) {
  if (!policy) return pa__fail(PA_ERROR_ARGUMENT, "policy is NULL");
  for (const int32_t *k = policy->class->keys; k && *k; k++)
    if (*k == key) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "policy %s has no key %d (%s)", policy->class->name, (int)key, pa_key_name(key));
}

static void put(pa_policy *policy, int32_t key, double value) {
  policy->value[key - PA__POLICY_FIRST_KEY] = value;
  if (policy->class->key_changed) policy->class->key_changed(policy, key, value);
}

pa_status pa_policy_set(pa_policy *policy, int32_t key, double value) {
  pa_status status = check_key(policy, key);
  if (status == PA_OK) status = pa__key_check(key, value);
  if (status == PA_OK) put(policy, key, value);
  return status;
}

pa_status pa_policy_get(const pa_policy *policy, int32_t key, double *value) {
  pa_status status = check_key(policy, key);
  if (status != PA_OK) return status;
  if (!value) return pa__fail(PA_ERROR_ARGUMENT, "value is NULL");
  *value = pa__policy_value(policy, key);
  return PA_OK;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t measure_one(pa__workspace_fn *workspace, const pa_policy *policy, const pa__extent *e) {
  pa__arena arena = {NULL, 0};
  workspace(policy, e, &arena);
  return arena.used;
}

/* Blocks of a small graph are interleaved, and may take more than those of one that is a little larger. */
size_t pa__measure(pa__workspace_fn *workspace, const pa_policy *policy, pa__extent e) {
  size_t bytes = 0;
  for (size_t batch = e.batch;; batch = 1) {
    e.batch = batch;
    bytes = larger(bytes, measure_one(workspace, policy, &e));
    if (e.links > PA__SMALL && !e.sparse) {
      pa__extent small = e;
      small.links = PA__SMALL;
      bytes = larger(bytes, measure_one(workspace, policy, &small));
    }
    if (batch == 1) return bytes;
  }
}

/* States in double precision from ones in single, for policies that compute in double only. */
struct widened {
  double *h, *power;
  void *work;
};

static struct widened take_widened(const pa__extent *e, pa__arena *arena) {
  size_t elements;
  struct widened w;
  if (!pa__multiply(e->batch, e->channels, &elements)) elements = SIZE_MAX;
  w.h = pa__arena_take(arena, elements, sizeof(double));
  w.power = pa__arena_take(arena, e->batch * e->links, sizeof(double));
  w.work = pa__arena_take(arena, 0, 1);
  return w;
}

static void widened_workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  pa__extent wide = *e;
  wide.precision = PA__DOUBLE;
  take_widened(e, arena);
  if (arena->used != SIZE_MAX) policy->class->workspace(policy, &wide, arena);
}

static pa_status allocate_widened(const pa_policy *policy, const pa_states *states, float *power, void *work) {
  pa__arena arena = {work, 0};
  pa__extent extent = pa__extent_of(states);
  struct widened w = take_widened(&extent, &arena);
  struct pa_states wide = *states;
  size_t powers = states->batch * states->links;
  for (size_t k = 0; k < states->batch * extent.channels; k++) w.h[k] = (double)states->h_f32[k];
  wide.precision = PA__DOUBLE;
  wide.h = w.h;
  wide.h_f32 = NULL;
  pa_status status = policy->class->allocate(policy, &wide, w.power, w.work);
  for (size_t k = 0; k < powers && status == PA_OK; k++) power[k] = (float)w.power[k];
  return status;
}

pa_status pa__policy_takes(const pa_policy *policy, const pa__extent *e) {
  if (e->part && !policy->class->parts)
    return pa__fail(PA_ERROR_ARGUMENT, "policy %s takes whole networks, the states are a part of one",
                    policy->class->name);
  if (!e->sparse || policy->class->sparse) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "policy %s takes full channel matrices, the states are sparse",
                  policy->class->name);
}

pa_status pa__policy_workspace(const pa_policy *policy, pa__extent e, size_t *bytes) {
  if (!policy || !bytes) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", policy ? "bytes" : "policy");
  if (e.batch == 0 || e.links == 0)
    return pa__fail(PA_ERROR_ARGUMENT, "batch is %zu and links is %zu, both must be at least 1", e.batch, e.links);
  pa_status status = pa__policy_takes(policy, &e);
  if (status != PA_OK) return status;
  bool widened = e.precision == PA__SINGLE && !policy->class->allocate_f32;
  size_t needed = pa__measure(widened ? widened_workspace : policy->class->workspace, policy, e);
  if (needed == SIZE_MAX)
    return pa__fail(PA_ERROR_MEMORY, "the workspace of %zu links overflows the address space", e.links);
  *bytes = needed ? needed : PA__ALIGNMENT;
  return PA_OK;
}

size_t pa__policy_staging(const pa__extent *e) {
  pa__arena arena = {NULL, 0};
  size_t powers;
  pa__arena_take(&arena, pa__multiply(e->batch, e->links, &powers) ? powers : SIZE_MAX,
                 e->precision == PA__SINGLE ? sizeof(float) : sizeof(double));
  return arena.used;
}

/* Of a call by one thread. */
static pa_status workspace_of(const pa_policy *policy, pa__extent e, size_t *bytes) {
  size_t run = 0, staging = pa__policy_staging(&e);
  pa_status status = pa__policy_workspace(policy, e, bytes ? &run : NULL);
  if (status != PA_OK) return status;
  if (staging > PTRDIFF_MAX || run > PTRDIFF_MAX)
    return pa__fail(PA_ERROR_MEMORY, "the workspace of %zu links overflows the address space", e.links);
  *bytes = staging + run;
  return PA_OK;
}

pa_status pa_policy_workspace(const pa_policy *policy, size_t batch, size_t links, size_t *bytes) {
  return workspace_of(policy, pa__extent_dense(batch, links, PA__DOUBLE), bytes);
}

pa_status pa_policy_workspace_f32(const pa_policy *policy, size_t batch, size_t links, size_t *bytes) {
  return workspace_of(policy, pa__extent_dense(batch, links, PA__SINGLE), bytes);
}

/* Links that have left do not transmit, whatever the policy makes of a link without channels. */
static void silence(const pa_states *s, void *power) {
  const pa__pattern *p = &s->graph->pattern;
  for (size_t b = 0; b < s->batch && p->absent > 0; b++)
    for (size_t row = 0; row < p->links; row++) {
      size_t at = b * p->links + pa__graph_link(s->graph, row);
      if (!pa__pattern_absent(p, row)) continue;
      if (s->precision == PA__SINGLE)
        ((float *)power)[at] = 0;
      else
        ((double *)power)[at] = 0;
    }
}

pa_status pa__policy_run(const pa_policy *policy, const pa_states *states, void *power, void *work) {
  const pa__policy_class *class = policy->class;
  pa__flush saved = pa__flush_begin();
  pa_status status = states->precision == PA__DOUBLE ? class->allocate(policy, states, power, work)
                     : class->allocate_f32           ? class->allocate_f32(policy, states, power, work)
                                                     : allocate_widened(policy, states, power, work);
  pa__flush_end(saved);
  if (status == PA_OK && states->graph) silence(states, power);
  return status;
}

pa_status pa__work_check(const void *work, size_t bytes, size_t needed) {
  if (!work) return PA_OK;
  if (bytes < needed) return pa__fail(PA_ERROR_WORKSPACE, "work has %zu bytes, needs %zu", bytes, needed);
  if ((uintptr_t)work % PA__ALIGNMENT != 0)
    return pa__fail(PA_ERROR_WORKSPACE, "work is not aligned to %d bytes", PA__ALIGNMENT);
  return PA_OK;
}

/* A rank that stopped in the middle of a collective call would leave the others waiting. */
static pa_status check_part(const pa_policy *policy, const pa_states *states) {
  const pa__learner_class *learner = policy->class->learner;
  struct pa_states alone = pa__states_alone(states);
  pa_status status = pa__states_check_any(&alone);
  return status == PA_OK && learner && learner->check ? learner->check(policy, states) : status;
}

static pa_status check_one(const pa_policy *policy, const pa_states *states) {
  if (states->halo) return check_part(policy, states);
  bool single = states->precision == PA__SINGLE;
  if (!policy->class->looks || (single && !policy->class->allocate_f32)) return pa__states_check_any(states);
  return single ? pa__states_check_rest_f32(states) : pa__states_check_rest(states);
}

pa_status pa__policy_check(const pa_policy *policy, const pa_states *states) {
  pa_status status = pa__states_check_parts(states);
  for (size_t k = 0; k < pa_states_part_count(states) && status == PA_OK; k++)
    status = pa__states_of_part(states, k, check_one(policy, pa_states_part(states, k)));
  return status;
}

/* Of calls that would not fit together. */
static uint32_t call_of(const pa_policy *policy) {
  char text[PA__DESCRIPTION] = "";
  const pa__learner_class *learner = policy->class->learner;
  if (learner) learner->describe(policy, text);
  uint32_t call = pa__halo_call(ALLOCATE_CALL, policy->class->name, strlen(policy->class->name));
  call = pa__halo_call(call, text, strlen(text));
  return pa__halo_call(call, policy->value, sizeof policy->value);
}

pa_status pa__policy_open(const pa_policy *policy, const pa_states *states, pa_status status) {
  return states && states->halo ? pa__states_open(states, status, policy ? call_of(policy) : 0) : status;
}

pa_status pa__policy_close(const pa_states *states, pa_status status, void *power) {
  if (!states->halo) return status;
  size_t bytes = pa__number_size(states->precision), n = states->links;
  for (size_t b = 0; b < states->batch; b++)
    pa__halo_refresh_links(&states->halo->nodes,
                           (pa__numbers){.at = (char *)power + b * n * bytes, .bytes = bytes, .columns = 1, .step = 1});
  return pa__states_close(states, status);
}

/* With how the checks of the arguments went; `number` is the bytes of a power. */
static pa_status allocate(const pa_policy *policy, const pa_states *states, pa_status status, void *power,
                          size_t number, void *work, size_t bytes) {
  size_t needed = 0;
  char *own = NULL, *staged = work;
  pa__extent extent = {0};
  if (status == PA_OK) {
    extent = pa__extent_of(states);
    status = workspace_of(policy, extent, &needed);
  }
  if (status == PA_OK) status = pa__work_check(work, bytes, needed);
  if (status == PA_OK && !work && !(staged = own = pa__allocate(&policy->allocator, needed, 1)))
    status = PA_ERROR_MEMORY;
  if ((status = pa__policy_open(policy, states, status)) != PA_OK) goto done;
  status = pa__policy_run(policy, states, staged, staged + pa__policy_staging(&extent));
  status = pa__policy_close(states, status, staged);
  if (status == PA_OK) memcpy(power, staged, states->batch * states->links * number);
done:
  if (own) pa__release(&policy->allocator, own);
  return status;
}

pa_status pa__policy_call_check(const pa_policy *policy, const pa_states *states, int precision, const void *power) {
  if (!policy || !power) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", policy ? "power" : "policy");
  pa_status status =
      precision == PA__SINGLE ? pa__states_check_precision_f32(states) : pa__states_check_precision(states);
  return status == PA_OK ? pa__policy_check(policy, states) : status;
}

pa_status pa_policy_allocate(const pa_policy *policy, const pa_states *states, double *power, void *work,
                             size_t bytes) {
  pa_status status = pa__policy_call_check(policy, states, PA__DOUBLE, power);
  if (status == PA_OK && states->parts) return pa__mixed_allocate(policy, states, power, NULL, work, bytes);
  return allocate(policy, states, status, power, sizeof *power, work, bytes);
}

pa_status pa_policy_allocate_f32(const pa_policy *policy, const pa_states *states, float *power, void *work,
                                 size_t bytes) {
  pa_status status = pa__policy_call_check(policy, states, PA__SINGLE, power);
  if (status == PA_OK && states->parts) return pa__mixed_allocate(policy, states, power, NULL, work, bytes);
  return allocate(policy, states, status, power, sizeof *power, work, bytes);
}

/* ---- an average budget: a price, or an offset that acts like a negative one ---- */

struct budget {
  pa_policy *policy;
  const pa_states *states;
  double watts, *power;
};

static double mean_of(const struct budget *b) {
  double sum = 0;
  for (size_t k = 0; k < b->states->batch * b->states->links; k++) sum += b->power[k];
  return sum / (double)b->states->batch;
}

/* Mean total power if all links that are there transmit at their limits. */
static double full_power(const struct budget *b) {
  const pa_states *s = b->states;
  for (size_t k = 0; k < s->batch * s->links; k++) b->power[k] = s->limit[k % s->links];
  if (s->graph) silence(s, b->power);
  return mean_of(b);
}

/* Mean total power at a price. It does not rise with the price. */
static pa_status mean_power(const struct budget *b, double price, double *mean) {
  int32_t key = b->policy->class->budget_key;
  put(b->policy, key, key == PA_POLICY_OFFSET ? -price : price);
  pa_status status = pa_policy_allocate(b->policy, b->states, b->power, NULL, 0);
  if (status == PA_OK) *mean = mean_of(b);
  return status;
}

/* Doubles step until the mean power at step * sign is on the other side of the budget, at most until `end`. */
static pa_status widen(const struct budget *b, double first, double sign, double end, double *near, double *far,
                       double *mean) {
  pa_status status = PA_OK;
  *near = 0;
  for (double step = first; step <= end; step *= 4) {
    if ((status = mean_power(b, sign * step, mean)) != PA_OK) return status;
    *far = sign * step;
    if ((*mean <= b->watts) == (sign > 0)) return PA_OK;
    *near = *far;
  }
  return status;
}

/* Smallest price, to 1e-6 in the mean power, at which the policy stays within the budget. */
static pa_status find_price(const struct budget *b, double *price) {
  bool offset = b->policy->class->budget_key == PA_POLICY_OFFSET;
  double low, high, mean, most = full_power(b);
  *price = 0;
  pa_status status = mean_power(b, 0, &mean);
  if (status != PA_OK || (mean <= b->watts && (!offset || most <= b->watts))) return status;
  if (mean > b->watts) { /* the price is of the order of a nat per watt of budget */
    status = widen(b, offset ? 1 : 1 / b->watts, 1, offset ? 1e3 : DBL_MAX / 4, &low, &high, &mean);
    if (status == PA_OK && mean > b->watts)
      return pa__fail(PA_ERROR_NUMERIC, "a budget of %g W cannot be met: the mean power stays at %g W", b->watts, mean);
  } else {
    double at_zero = mean;
    status = widen(b, 1, -1, 1e3, &high, &low, &mean);
    mean = at_zero;
  }
  while (status == PA_OK && mean < b->watts * (1 - 1e-6) && high - low > 1e-12 * fmax(fabs(high), fabs(low))) {
    double middle = low + (high - low) / 2, reached;
    if ((status = mean_power(b, middle, &reached)) != PA_OK) return status;
    if (reached > b->watts) {
      low = middle;
    } else {
      high = middle;
      mean = reached;
    }
  }
  *price = high;
  return status;
}

pa_status pa_policy_meet_budget(pa_policy *policy, const pa_states *states, double budget) {
  if (!policy) return pa__fail(PA_ERROR_ARGUMENT, "policy is NULL");
  int32_t key = policy->class->budget_key;
  if (key == 0)
    return pa__fail(PA_ERROR_ARGUMENT, "policy %s has no price, threshold or offset to meet a budget with",
                    policy->class->name);
  pa_status status = pa__states_check(states);
  if (status != PA_OK) return status;
  if (!(budget > 0 && budget <= DBL_MAX))
    return pa__fail(PA_ERROR_ARGUMENT, "budget is %g W, must be finite and > 0", budget);
  struct budget b = {policy, states, budget,
                     pa__allocate(&policy->allocator, states->batch * states->links, sizeof(double))};
  if (!b.power) return PA_ERROR_MEMORY;
  double before = pa__policy_value(policy, key), price;
  status = find_price(&b, &price);
  put(policy, key, status != PA_OK ? before : key == PA_POLICY_OFFSET ? -price : price);
  pa__release(&policy->allocator, b.power);
  return status;
}
