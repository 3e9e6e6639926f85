#include "policy.h"

#include "../base/random.h"
#include "../la/la.h"

#include <math.h>
#include <powalloc/regnn.h>

/* Links drawn at once by pa__output_draw_many(). */
enum { MANY = 256 };

static double sigmoid(double y) { return 1 / (1 + exp(-y)); }

static double level(const pa__output *o, size_t k) { return (double)k / (double)(o->count - 1); }

static void softmax(const pa__output *o, const double *y, double *probability) {
  double largest = y[0], sum = 0;
  for (size_t k = 1; k < o->count; k++) largest = fmax(largest, y[k]);
  for (size_t k = 0; k < o->count; k++) sum += probability[k] = exp(y[k] - largest);
  for (size_t k = 0; k < o->count; k++) probability[k] /= sum;
}

void pa__output_probabilities(const pa__output *o, const double *y, double *probability) {
  if (o->kind == PA_REGNN_OUTPUT_LEVELS)
    softmax(o, y, probability);
  else
    *probability = sigmoid(*y);
}

double pa__output_power(const pa__output *o, const double *y, double offset) {
  if (o->kind == PA_REGNN_OUTPUT_BERNOULLI) return *y + offset >= 0;
  if (o->kind == PA_REGNN_OUTPUT_CONTINUOUS) return sigmoid(*y + offset);
  size_t best = 0;
  for (size_t k = 1; k < o->count; k++)
    if (y[k] + offset * level(o, k) > y[best] + offset * level(o, best)) best = k;
  return level(o, best);
}

static double normal_of(const double uniform[2]) {
  return sqrt(-2 * log(uniform[0])) * cos(6.283185307179586477 * uniform[1]);
}

static double draw_level(const pa__output *o, const double *y, double uniform, double *score) {
  double probability[PA__OUTPUT_MOST], sum = 0;
  softmax(o, y, probability);
  size_t pick = 0;
  while (pick + 1 < o->count && uniform >= (sum += probability[pick])) pick++;
  for (size_t k = 0; score && k < o->count; k++) score[k] = (k == pick) - probability[k];
  return level(o, pick);
}

static double draw_continuous(const pa__output *o, const double *y, const double uniform[2], double *score) {
  double n = normal_of(uniform);
  if (score) *score = n / o->deviation;
  return sigmoid(*y + o->deviation * n);
}

double pa__output_draw(const pa__output *o, const double *y, uint64_t key, uint64_t counter, uint64_t index,
                       double *score) {
  const double uniform[2] = {pa__random_uniform(key, counter, index), pa__random_uniform(key, counter, index + 1)};
  if (o->kind == PA_REGNN_OUTPUT_CONTINUOUS) return draw_continuous(o, y, uniform, score);
  if (o->kind == PA_REGNN_OUTPUT_LEVELS) return draw_level(o, y, uniform[0], score);
  double on = uniform[0] < sigmoid(*y);
  if (score) *score = on - sigmoid(*y);
  return on;
}

void pa__output_draw_many(const pa__output *o, uint64_t key, uint64_t counter, size_t links, const double *y,
                          const double *mean, double *power, double *score) {
  double uniform[2 * MANY];
  size_t each = o->kind == PA_REGNN_OUTPUT_CONTINUOUS ? 2 : 1;
  for (size_t first = 0, count; first < links; first += count) {
    count = links - first < MANY ? links - first : MANY;
    pa__la_best()->uniform(key, counter + first / MANY, each * count, uniform);
    for (size_t k = first; k < first + count; k++) {
      const double *u = uniform + each * (k - first);
      if (o->kind == PA_REGNN_OUTPUT_BERNOULLI) {
        power[k] = *u < mean[k];
        score[k] = power[k] - mean[k];
      } else if (o->kind == PA_REGNN_OUTPUT_LEVELS) {
        power[k] = draw_level(o, y + k * o->count, *u, score + k * o->count);
      } else {
        power[k] = draw_continuous(o, y + k, u, score + k);
      }
    }
  }
}

const int32_t pa__output_keys[] = {PA_POLICY_SAMPLE, PA_POLICY_SEED, PA_POLICY_OFFSET, 0};

void pa__output_powers(const pa_policy *policy, const pa__output *o, const pa_states *states, const double *y,
                       double *power) {
  double offset = pa__policy_value(policy, PA_POLICY_OFFSET);
  bool draws = pa__policy_value(policy, PA_POLICY_SAMPLE) != 0;
  uint64_t key = pa__random_key((uint64_t)pa__policy_value(policy, PA_POLICY_SEED), PA__STREAM_ACTIONS, 0);
  for (size_t k = 0; k < states->batch * states->links; k++) {
    size_t i = k % states->links;
    double raised = y[k] + offset;
    power[k] =
        states->limit[i] * (draws ? pa__output_draw(o, &raised, key, states->first + k / states->links, 2 * i, NULL)
                                  : pa__output_power(o, y + k, offset));
  }
}

double pa__output_mean(const pa__output *o, const double *y, double *slope) {
  if (o->kind != PA_REGNN_OUTPUT_LEVELS) {
    double probability = sigmoid(*y);
    *slope = probability * (1 - probability);
    return probability;
  }
  double probability[PA__OUTPUT_MOST], mean = 0;
  softmax(o, y, probability);
  for (size_t k = 0; k < o->count; k++) mean += probability[k] * level(o, k);
  for (size_t k = 0; k < o->count; k++) slope[k] = probability[k] * (level(o, k) - mean);
  return mean;
}

double pa__output_entropy(const pa__output *o, const double *y, double *slope) {
  if (o->kind == PA_REGNN_OUTPUT_CONTINUOUS) return *slope = 0;
  if (o->kind == PA_REGNN_OUTPUT_BERNOULLI) {
    double probability = sigmoid(*y);
    *slope = -*y * probability * (1 - probability);
    /* log(1 + e^-|y|) + |y| (the part of the unlikely side) */
    return log1p(exp(-fabs(*y))) + fabs(*y) * sigmoid(-fabs(*y));
  }
  double probability[PA__OUTPUT_MOST], entropy = 0;
  softmax(o, y, probability);
  for (size_t k = 0; k < o->count; k++) entropy -= probability[k] > 0 ? probability[k] * log(probability[k]) : 0;
  for (size_t k = 0; k < o->count; k++)
    slope[k] = probability[k] > 0 ? -probability[k] * (log(probability[k]) + entropy) : 0;
  return entropy;
}
