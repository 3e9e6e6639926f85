#include "sum_rate.h"

#include "../net/rates.h"

#include <math.h>
#include <powalloc/reward.h>
#include <string.h>

struct work {
  double *y, *slope, *power, *rates, *d_power; /* [samples][links]: one output a link */
  double *single;                              /* [weights], of one sample */
  void *tape;
};

static struct work take(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  struct work w;
  double **const vectors[] = {&w.y, &w.slope, &w.power, &w.rates, &w.d_power};
  for (size_t k = 0; k < sizeof vectors / sizeof vectors[0]; k++)
    *vectors[k] = pa__arena_take(arena, e->batch * e->links, sizeof(double));
  w.single = pa__arena_take(arena, policy->class->learner->weight_count(policy), sizeof(double));
  w.tape = pa__arena_take(arena, 0, 1);
  policy->class->learner->tape_workspace(policy, e, arena);
  return w;
}

void pa__sum_rate_workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) { take(policy, e, arena); }

/* Outputs, mean powers and weighted sum-rates of a batch. */
static struct work evaluate(const pa_policy *policy, const pa_states *s, double *rate, void *memory) {
  const pa__learner_class *learner = policy->class->learner;
  const pa__output *output = pa__output_of(policy);
  pa__arena arena = {memory, 0};
  pa__extent extent = pa__extent_of(s);
  struct work w = take(policy, &extent, &arena);
  learner->forward(policy, s, w.y, w.tape);
  for (size_t k = 0; k < s->batch * s->links; k++)
    w.power[k] = s->limit[k % s->links] * pa__output_mean(output, w.y + k, w.slope + k);
  pa__rates_any(s, w.power, w.rates);
  for (size_t b = 0; b < s->batch; b++) {
    rate[b] = 0;
    for (size_t i = 0; i < s->links; i++) rate[b] += s->weights[i] * w.rates[b * s->links + i];
  }
  return w;
}

void pa__sum_rates(const pa_policy *policy, const pa_states *states, double *rate, void *work) {
  evaluate(policy, states, rate, work);
}

/* dy in place of the slopes, 0 for samples that are not finite; returns how many those are. */
static size_t slopes_of_sum_rate(const pa_states *s, const struct work *w) {
  size_t dropped = 0, n = s->links;
  pa_reward_capacity_gradient(NULL, s, w->power, s->weights, w->d_power, n);
  for (size_t b = 0; b < s->batch; b++) {
    bool finite = true;
    for (size_t k = b * n; k < (b + 1) * n; k++) {
      w->slope[k] *= s->limit[k % n] * w->d_power[k];
      finite &= isfinite(w->slope[k]) != 0;
    }
    if (!finite) memset(w->slope + b * n, 0, n * sizeof(double));
    dropped += !finite;
  }
  return dropped;
}

static double norm_of(const double *x, size_t n) {
  double square = 0;
  for (size_t k = 0; k < n; k++) square += x[k] * x[k];
  return sqrt(square);
}

/* A sample alone, its gradient cut to sample_clip. */
static size_t one_sample(const pa_policy *policy, const pa_states *states, double sample_clip, double *gradient,
                         double *rate, void *memory) {
  const pa__learner_class *learner = policy->class->learner;
  struct work w = evaluate(policy, states, rate, memory);
  size_t count = learner->weight_count(policy), dropped = slopes_of_sum_rate(states, &w);
  memset(w.single, 0, count * sizeof(double));
  learner->backward(policy, states, w.slope, w.single, w.tape);
  double norm = norm_of(w.single, count), scale = norm > sample_clip ? sample_clip / norm : 1;
  if (dropped > 0 || !isfinite(norm)) return 1;
  for (size_t k = 0; k < count; k++) gradient[k] += scale * w.single[k];
  return 0;
}

size_t pa__sum_rate_gradient(const pa_policy *policy, const pa_states *states, double sample_clip, double *gradient,
                             double *rate, void *memory) {
  if (sample_clip > 0) {
    size_t dropped = 0;
    for (size_t b = 0; b < states->batch; b++) {
      struct pa_states one = pa__states_part(states, b, 1);
      dropped += one_sample(policy, &one, sample_clip, gradient, rate + b, memory);
    }
    return dropped;
  }
  struct work w = evaluate(policy, states, rate, memory);
  size_t dropped = slopes_of_sum_rate(states, &w);
  policy->class->learner->backward(policy, states, w.slope, gradient, w.tape);
  return dropped;
}

/* -d/dy of the cross-entropy -t log s(y) - (1 - t) log(1 - s(y)), s the sigmoid, is t - s(y). */
size_t pa__imitation_gradient(const pa_policy *policy, const pa_states *states, const double *label, double *gradient,
                              double *rate, void *memory) {
  struct work w = evaluate(policy, states, rate, memory);
  for (size_t k = 0; k < states->batch * states->links; k++)
    w.slope[k] = label[k] - w.power[k] / states->limit[k % states->links];
  policy->class->learner->backward(policy, states, w.slope, gradient, w.tape);
  return 0;
}
