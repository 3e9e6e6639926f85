#include "wmmse_pass.h"

#include "../base/random.h"

#include <string.h>

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

/* ---- the best of many starts ---- */

/* The best start of all goes on for so many times as long. */
enum { POLISH = 10 };

struct best_work {
  struct work one;
  double *interference, *rate, *best; /* best: v */
};

static struct best_work take_best(pa__arena *arena, const pa__layout *layout) {
  struct best_work w = {.one = take(arena, layout)};
  double **const vectors[] = {&w.interference, &w.rate, &w.best};
  for (size_t k = 0; k < sizeof vectors / sizeof vectors[0]; k++)
    *vectors[k] = pa__arena_take(arena, layout->length, sizeof(double));
  return w;
}

static void best_workspace(const pa_policy *policy, size_t batch, size_t links, pa__arena *arena) {
  pa__layout layout = pa__layout_choose(pa__la_best(), links, batch);
  (void)policy;
  take_best(arena, &layout);
}

/* Start number k of a sample: the usual one, then by turns random amplitudes and random sets of links. */
static double start_of(const pa_policy *policy, uint64_t sample, size_t k, size_t link, size_t links) {
  if (k == 0) return pa__policy_value(policy, PA_POLICY_START);
  uint64_t key = pa__random_key((uint64_t)pa__policy_value(policy, PA_POLICY_SEED), PA__STREAM_SELECTION, 1);
  double u = pa__random_uniform(key, sample, k * (links + 1) + link);
  return k % 2 ? u : u < pa__random_uniform(key, sample, k * (links + 1) + links);
}

/* Weighted sum-rates of v in nats, of each sample of the block. */
static void rates_of(const pa__la *la, const pa__layout *l, const struct best_work *w, const double *v, double *sum) {
  double *power = w->one.scratch.power;
  for (size_t k = 0; k < l->length; k++) power[k] = v[k] * v[k];
  la->shift_transposed(l, w->interference, &w->one.gains.cross, power, 1);
  for (size_t k = 0; k < l->length; k++) w->rate[k] = 1 + w->one.gains.direct[k] * power[k] / (1 + w->interference[k]);
  la->log(l->length, w->rate, w->rate);
  memset(sum, 0, l->width * sizeof *sum);
  for (size_t k = 0; k < l->length; k++) sum[k % l->width] += w->one.gains.weight[k] * w->rate[k];
}

static void best_of_block(const pa_policy *policy, const pa__la *la, const pa__wmmse_problem *problem,
                          const pa_states *states, const pa__block *block, const struct best_work *w) {
  const pa__layout *l = &block->layout;
  size_t starts = (size_t)pa__policy_value(policy, PA_POLICY_STARTS);
  double best[PA__WIDEST], found[PA__WIDEST], *v = w->one.v;
  for (size_t start = 0; start < starts; start++) {
    for (size_t k = 0; k < l->length; k++) {
      size_t s = k % l->width, sample = block->first + (s < block->count ? s : block->count - 1);
      v[k] = w->one.gains.limit[k] > 0 ? start_of(policy, states->first + sample, start, k / l->width, l->links) : 0;
    }
    passes[la->set](la, problem, &w->one.scratch, v);
    rates_of(la, l, w, v, found);
    for (size_t s = 0; s < l->width; s++) {
      if (start > 0 && !(found[s] > best[s])) continue;
      best[s] = found[s];
      for (size_t k = s; k < l->length; k += l->width) w->best[k] = v[k];
    }
  }
}

static pa_status allocate_best(const pa_policy *policy, const pa_states *states, double *power, void *memory) {
  const pa__la *la = pa__la_best();
  pa__layout layout = pa__layout_choose(la, states->links, states->batch);
  pa__arena arena = {memory, 0};
  struct best_work w = take_best(&arena, &layout);
  pa__wmmse_problem problem = {.layout = &layout,
                               .gains = &w.one.gains,
                               .price = w.one.price,
                               .iterations = (size_t)pa__policy_value(policy, PA_POLICY_ITERATIONS)};
  pa__wmmse_problem polish = problem;
  polish.iterations *= POLISH;
  memset(w.one.price, 0, layout.length * sizeof(double));
  for (size_t first = 0; first < states->batch; first += layout.width) {
    pa__block block = pa__block_at(states, layout, first);
    pa__gains_fill(la, states, &block, &w.one.gains);
    best_of_block(policy, la, &problem, states, &block, &w);
    passes[la->set](la, &polish, &w.one.scratch, w.best);
    pa__block_power(states, &block, w.best, power);
  }
  return PA_OK;
}

/* ---- the table ---- */

static const int32_t wmmse_keys[] = {PA_POLICY_ITERATIONS, PA_POLICY_TOLERANCE, PA_POLICY_START, PA_POLICY_SUM_POWER,
                                     0};
static const int32_t priced_keys[] = {PA_POLICY_ITERATIONS, PA_POLICY_TOLERANCE, PA_POLICY_START, PA_POLICY_PRICE, 0};

static const pa__policy_class wmmse = {
    .name = "wmmse", .keys = wmmse_keys, .workspace = workspace, .allocate = allocate};
static const pa__policy_class truncated = {
    .name = "wmmse-truncated", .keys = wmmse_keys, .iterations = 4, .workspace = workspace, .allocate = allocate};
static const pa__policy_class converged = {
    .name = "wmmse-converged", .keys = wmmse_keys, .iterations = 3000, .workspace = workspace, .allocate = allocate};
static const pa__policy_class priced = {.name = "wmmse-priced",
                                        .keys = priced_keys,
                                        .budget_key = PA_POLICY_PRICE,
                                        .workspace = workspace,
                                        .allocate = allocate};

static const int32_t best_keys[] = {PA_POLICY_ITERATIONS, PA_POLICY_START, PA_POLICY_STARTS, PA_POLICY_SEED, 0};

const pa__policy_class pa__wmmse_best_class = {
    .name = "wmmse-best", .keys = best_keys, .iterations = 300, .workspace = best_workspace, .allocate = allocate_best};

const pa__policy_class *const pa__wmmse_classes[] = {
    &wmmse, &truncated, &priced, &converged, &pa__wmmse_best_class, &pa__optimal_class, NULL};
