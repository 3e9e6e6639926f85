#include "policy.h"

#include "../io/io.h"
#include "uwmmse.h"

#include <float.h>
#include <math.h>
#include <string.h>

void pa__policy_init(pa_policy *policy, const pa__policy_class *class) {
  policy->class = class;
  for (int32_t k = 0; k < PA__POLICY_KEYS; k++) policy->value[k] = pa__key_default(PA__POLICY_FIRST_KEY + k);
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
  if (strcmp(name, "wmmse-truncated") == 0) policy->value[PA_POLICY_ITERATIONS - PA__POLICY_FIRST_KEY] = 4;
  *out = policy;
  return PA_OK;
}

pa_status pa_policy_load(pa_policy **out, const char *path, const pa_allocator *allocator) {
  if (!out) return pa__fail(PA_ERROR_ARGUMENT, "out is NULL");
  pa_model_file *file = NULL;
  pa_status status = pa_model_file_load(&file, path, allocator);
  if (status != PA_OK) return status;
  const char *kind = pa_model_file_metadata(file, "kind");
  if (kind && strcmp(kind, "uwmmse") == 0)
    status = pa__uwmmse_policy_from(out, file, allocator);
  else
    status = pa__fail(PA_ERROR_FORMAT, "%s: a model of kind \"%.60s\", this version runs \"uwmmse\"", path, kind ? kind : "");
  pa_model_file_free(file);
  return status;
}

void pa_policy_free(pa_policy *policy) {
  if (!policy || policy->class->borrowed) return;
  if (policy->class->free) policy->class->free(policy);
  pa_allocator allocator = policy->allocator;
  pa__release(&allocator, policy);
}

const char *pa_policy_name(const pa_policy *policy) { return policy ? policy->class->name : ""; }

static pa_status check_key(const pa_policy *policy, int32_t key) {
  if (!policy) return pa__fail(PA_ERROR_ARGUMENT, "policy is NULL");
  for (const int32_t *k = policy->class->keys; k && *k; k++)
    if (*k == key) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "policy %s has no key %d (%s)", policy->class->name, (int)key, pa_key_name(key));
}

pa_status pa_policy_set(pa_policy *policy, int32_t key, double value) {
  pa_status status = check_key(policy, key);
  if (status == PA_OK) status = pa__key_check(key, value);
  if (status == PA_OK) policy->value[key - PA__POLICY_FIRST_KEY] = value;
  return status;
}

pa_status pa_policy_get(const pa_policy *policy, int32_t key, double *value) {
  pa_status status = check_key(policy, key);
  if (status != PA_OK) return status;
  if (!value) return pa__fail(PA_ERROR_ARGUMENT, "value is NULL");
  *value = pa__policy_value(policy, key);
  return PA_OK;
}

size_t pa__policy_measure(void (*workspace)(const pa_policy *, size_t, size_t, pa__arena *), const pa_policy *policy,
                          size_t batch, size_t links) {
  pa__arena arena = {NULL, 0};
  workspace(policy, batch, links, &arena);
  return arena.used;
}

pa_status pa_policy_workspace(const pa_policy *policy, size_t batch, size_t links, size_t *bytes) {
  if (!policy || !bytes) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", policy ? "bytes" : "policy");
  if (batch == 0 || links == 0)
    return pa__fail(PA_ERROR_ARGUMENT, "batch is %zu and links is %zu, both must be at least 1", batch, links);
  size_t needed = pa__policy_measure(policy->class->workspace, policy, batch, links);
  if (needed == SIZE_MAX)
    return pa__fail(PA_ERROR_MEMORY, "the workspace of %zu links overflows the address space", links);
  *bytes = needed ? needed : PA__ALIGNMENT;
  return PA_OK;
}

static pa_status allocate_with(const pa_policy *policy, const pa_states *states, double *power, void *work) {
  pa__flush saved = pa__flush_begin();
  pa_status status = policy->class->allocate(policy, states, power, work);
  pa__flush_end(saved);
  return status;
}

pa_status pa_policy_allocate(const pa_policy *policy, const pa_states *states, double *power, void *work, size_t bytes) {
  if (!policy || !power) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", policy ? "power" : "policy");
  pa_status status = pa__states_check(states);
  if (status != PA_OK) return status;
  size_t needed;
  if ((status = pa_policy_workspace(policy, states->batch, states->links, &needed)) != PA_OK) return status;
  if (work) {
    if (bytes < needed) return pa__fail(PA_ERROR_WORKSPACE, "work has %zu bytes, needs %zu", bytes, needed);
    if ((uintptr_t)work % PA__ALIGNMENT != 0)
      return pa__fail(PA_ERROR_WORKSPACE, "work is not aligned to %d bytes", PA__ALIGNMENT);
    return allocate_with(policy, states, power, work);
  }
  void *own = pa__allocate(&policy->allocator, needed, 1);
  if (!own) return PA_ERROR_MEMORY;
  status = allocate_with(policy, states, power, own);
  pa__release(&policy->allocator, own);
  return status;
}

static pa_status mean_power(pa_policy *policy, const pa_states *states, double price, double *power, double *mean) {
  policy->value[PA_POLICY_PRICE - PA__POLICY_FIRST_KEY] = price;
  pa_status status = pa_policy_allocate(policy, states, power, NULL, 0);
  if (status != PA_OK) return status;
  double sum = 0;
  for (size_t k = 0; k < states->batch * states->links; k++) sum += power[k];
  *mean = sum / (double)states->batch;
  return PA_OK;
}

/* Smallest price, to 1e-6 in the mean power, at which the policy stays within the budget. The mean power falls with the
 * price, which is of the order of a nat per watt of budget: the search widens from there. */
static pa_status find_price(pa_policy *policy, const pa_states *states, double budget, double *power, double *price) {
  double low = 0, high = 1 / budget, mean;
  *price = 0;
  pa_status status = mean_power(policy, states, 0, power, &mean);
  if (status != PA_OK || mean <= budget) return status;
  while ((status = mean_power(policy, states, high, power, &mean)) == PA_OK && mean > budget) {
    low = high;
    high *= 4;
  }
  while (status == PA_OK && mean < budget * (1 - 1e-6) && high - low > 1e-12 * high) {
    double middle = low + (high - low) / 2, reached;
    if ((status = mean_power(policy, states, middle, power, &reached)) != PA_OK) return status;
    if (reached > budget) {
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
  pa_status status = check_key(policy, PA_POLICY_PRICE);
  if (status == PA_OK) status = pa__states_check(states);
  if (status != PA_OK) return status;
  if (!(budget > 0 && budget <= DBL_MAX))
    return pa__fail(PA_ERROR_ARGUMENT, "budget is %g W, must be finite and > 0", budget);
  double *power = pa__allocate(&policy->allocator, states->batch * states->links, sizeof(double));
  if (!power) return PA_ERROR_MEMORY;
  double before = pa__policy_value(policy, PA_POLICY_PRICE), price;
  status = find_price(policy, states, budget, power, &price);
  policy->value[PA_POLICY_PRICE - PA__POLICY_FIRST_KEY] = status == PA_OK ? price : before;
  pa__release(&policy->allocator, power);
  return status;
}

pa__block pa__block_at(const pa_states *states, pa__layout layout, size_t first) {
  size_t left = states->batch - first, elements = states->links * states->links;
  pa__block block = {.layout = layout, .first = first, .count = left < layout.width ? left : layout.width};
  for (size_t s = 0; s < layout.width; s++)
    block.h[s] = states->h + (first + (s < block.count ? s : block.count - 1)) * elements;
  return block;
}

pa__gains pa__gains_take(pa__arena *arena, const pa__layout *layout) {
  pa__gains g = {.cross = pa__matrix_take(arena, layout)};
  g.direct = pa__arena_take(arena, layout->length, sizeof(double));
  g.weight = pa__arena_take(arena, layout->length, sizeof(double));
  g.limit = pa__arena_take(arena, layout->length, sizeof(double));
  g.row_scale = pa__arena_take(arena, layout->length, sizeof(double));
  g.column_scale = pa__arena_take(arena, layout->length, sizeof(double));
  return g;
}

void pa__gains_fill(const pa__la *la, const pa_states *states, const pa__block *block, const pa__gains *gains) {
  const pa__layout *l = &block->layout;
  for (size_t i = 0; i < l->links; i++) {
    gains->row_scale[i] = states->limit[i];
    gains->column_scale[i] = 1 / states->noise[i];
    for (size_t s = 0; s < l->width; s++) {
      gains->weight[i * l->width + s] = states->weights[i];
      gains->limit[i * l->width + s] = states->limit[i];
    }
  }
  if (l->width == 1)
    for (size_t k = l->links; k < l->length; k++)
      gains->row_scale[k] = gains->column_scale[k] = gains->weight[k] = gains->limit[k] = 0;
  la->pack_gain(l, block->h, gains->row_scale, gains->column_scale, &gains->cross, gains->direct);
}

void pa__block_power(const pa_states *states, const pa__block *block, const double *v, double *power) {
  size_t n = states->links, width = block->layout.width;
  for (size_t s = 0; s < block->count; s++)
    for (size_t i = 0; i < n; i++) {
      double x = v[i * width + s];
      power[(block->first + s) * n + i] = states->limit[i] * (x * x);
    }
}
