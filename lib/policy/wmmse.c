#include "wmmse_pass.h"

static pa__wmmse_fn *const passes[] = KERNEL_TABLE(wmmse);

struct work {
  pa__gains gains;
  pa__wmmse_scratch scratch;
  double *price, *v;
};

static struct work take(pa__arena *arena, const pa__layout *layout) {
  struct work w = {.gains = pa__gains_take(arena, layout)};
  double **vectors[] = {&w.scratch.power,
                        &w.scratch.received,
                        &w.scratch.ratio,
                        &w.scratch.numerator,
                        &w.scratch.denominator,
                        &w.price,
                        &w.v};
  for (size_t k = 0; k < sizeof vectors / sizeof vectors[0]; k++)
    *vectors[k] = pa__arena_take(arena, layout->length, sizeof(double));
  return w;
}

static double value_or_zero(const pa_policy *policy, int32_t key) {
  double value = 0;
  for (const int32_t *k = policy->class->keys; *k; k++)
    if (*k == key) value = pa__policy_value(policy, key);
  return value;
}

/* A cap and a tolerance are a sample's own affair, so such samples come one at a time. */
static pa__layout layout_for(const pa_policy *policy, const pa__la *la, size_t batch, size_t links) {
  bool alone = value_or_zero(policy, PA_POLICY_SUM_POWER) > 0 || value_or_zero(policy, PA_POLICY_TOLERANCE) > 0;
  return pa__layout_choose(la, links, alone ? 1 : batch);
}

static void workspace(const pa_policy *policy, size_t batch, size_t links, pa__arena *arena) {
  const pa__la *la = pa__la_best();
  pa__layout layout = layout_for(policy, la, batch, links);
  take(arena, &layout);
}

static pa_status allocate(const pa_policy *policy, const pa_states *states, double *power, void *memory) {
  const pa__la *la = pa__la_best();
  pa__layout layout = layout_for(policy, la, states->batch, states->links);
  pa__arena arena = {memory, 0};
  struct work w = take(&arena, &layout);
  pa__wmmse_problem problem = {.layout = &layout,
                               .gains = &w.gains,
                               .price = w.price,
                               .cap = value_or_zero(policy, PA_POLICY_SUM_POWER),
                               .iterations = (size_t)pa__policy_value(policy, PA_POLICY_ITERATIONS),
                               .tolerance = value_or_zero(policy, PA_POLICY_TOLERANCE)};
  double price = value_or_zero(policy, PA_POLICY_PRICE), start = pa__policy_value(policy, PA_POLICY_START);
  for (size_t first = 0; first < states->batch; first += layout.width) {
    pa__block block = pa__block_at(states, layout, first);
    pa__gains_fill(la, states, &block, &w.gains);
    for (size_t k = 0; k < layout.length; k++) {
      w.price[k] = price * w.gains.limit[k];
      w.v[k] = w.gains.limit[k] > 0 ? start : 0;
    }
    passes[la->set](la, &problem, &w.scratch, w.v);
    pa__block_power(states, &block, w.v, power);
  }
  return PA_OK;
}

static const int32_t wmmse_keys[] = {PA_POLICY_ITERATIONS, PA_POLICY_TOLERANCE, PA_POLICY_START, PA_POLICY_SUM_POWER,
                                     0};
static const int32_t priced_keys[] = {PA_POLICY_ITERATIONS, PA_POLICY_TOLERANCE, PA_POLICY_START, PA_POLICY_PRICE, 0};

static const pa__policy_class wmmse = {
    .name = "wmmse", .keys = wmmse_keys, .workspace = workspace, .allocate = allocate};
static const pa__policy_class truncated = {
    .name = "wmmse-truncated", .keys = wmmse_keys, .workspace = workspace, .allocate = allocate};
static const pa__policy_class priced = {.name = "wmmse-priced",
                                        .keys = priced_keys,
                                        .budget_key = PA_POLICY_PRICE,
                                        .workspace = workspace,
                                        .allocate = allocate};

const pa__policy_class *const pa__wmmse_classes[] = {&wmmse, &truncated, &priced, NULL};
