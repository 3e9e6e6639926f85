#include "wmmse_pass.h"

#include "../base/random.h"
#include "../la/la.h"
#include "policy.h"

extern const pa__wmmse_pass KERNEL_BOTH(wmmse_pass);
static const pa__wmmse_pass *const passes[PA__PRECISIONS][PA__SETS] = KERNEL_TABLE(wmmse_pass);

static double value_or_zero(const pa_policy *policy, int32_t key) {
  double value = 0;
  for (const int32_t *k = policy->class->keys; *k; k++)
    if (*k == key) value = pa__policy_value(policy, key);
  return value;
}

static pa__wmmse_options options_of(const pa_policy *policy) {
  return (pa__wmmse_options){
      .price = value_or_zero(policy, PA_POLICY_PRICE),
      .cap = value_or_zero(policy, PA_POLICY_SUM_POWER),
      .start = value_or_zero(policy, PA_POLICY_START),
      .tolerance = value_or_zero(policy, PA_POLICY_TOLERANCE),
      .iterations = (size_t)value_or_zero(policy, PA_POLICY_ITERATIONS),
      .starts = (size_t)value_or_zero(policy, PA_POLICY_STARTS),
      .key = pa__random_key((uint64_t)value_or_zero(policy, PA_POLICY_SEED), PA__STREAM_SELECTION, 1)};
}

static const pa__wmmse_pass *pass_of(int precision) { return passes[precision][pa__cpu_set()]; }

static void workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  pa__wmmse_options options = options_of(policy);
  pass_of(e->precision)->workspace(&options, e, arena);
}

static pa_status allocate(const pa_policy *policy, const pa_states *states, double *power, void *work) {
  pa__wmmse_options options = options_of(policy);
  return pass_of(PA__DOUBLE)->allocate(&options, states, power, work) ? PA_OK : pa__states_check(states);
}

static pa_status allocate_f32(const pa_policy *policy, const pa_states *states, float *power, void *work) {
  pa__wmmse_options options = options_of(policy);
  return pass_of(PA__SINGLE)->allocate(&options, states, power, work) ? PA_OK : pa__states_check_f32(states);
}

static void best_workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  (void)policy;
  pass_of(PA__DOUBLE)->best_workspace(e, arena);
}

static pa_status allocate_best(const pa_policy *policy, const pa_states *states, double *power, void *work) {
  pa__wmmse_options options = options_of(policy);
  return pass_of(PA__DOUBLE)->best(&options, states, power, work) ? PA_OK : pa__states_check(states);
}

/* ---- the table ---- */

static const int32_t wmmse_keys[] = {PA_POLICY_ITERATIONS, PA_POLICY_TOLERANCE, PA_POLICY_START, PA_POLICY_SUM_POWER,
                                     0};
static const int32_t priced_keys[] = {PA_POLICY_ITERATIONS, PA_POLICY_TOLERANCE, PA_POLICY_START, PA_POLICY_PRICE, 0};

/* Initialisers of the functions of WMMSE. */
#define PASSES                                                                                \
  .sparse = true, .parts = true, .looks = true, .workspace = workspace, .allocate = allocate, \
  .allocate_f32 = allocate_f32

static const pa__policy_class wmmse = {.name = "wmmse", .keys = wmmse_keys, PASSES};
static const pa__policy_class truncated = {.name = "wmmse-truncated", .keys = wmmse_keys, .iterations = 4, PASSES};
static const pa__policy_class converged = {.name = "wmmse-converged", .keys = wmmse_keys, .iterations = 3000, PASSES};
static const pa__policy_class priced = {
    .name = "wmmse-priced", .keys = priced_keys, .budget_key = PA_POLICY_PRICE, PASSES};

static const int32_t best_keys[] = {PA_POLICY_ITERATIONS, PA_POLICY_START, PA_POLICY_STARTS, PA_POLICY_SEED, 0};

const pa__policy_class pa__wmmse_best_class = {.name = "wmmse-best",
                                               .keys = best_keys,
                                               .iterations = 300,
                                               .sparse = true,
                                               .looks = true,
                                               .workspace = best_workspace,
                                               .allocate = allocate_best};

const pa__policy_class *const pa__wmmse_classes[] = {
    &wmmse, &truncated, &priced, &converged, &pa__wmmse_best_class, &pa__optimal_class, NULL};
