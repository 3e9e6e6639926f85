#include "output.h"

#include "../base/random.h"

#include <math.h>
#include <powalloc/regnn.h>

static double sigmoid(double y) { return 1 / (1 + exp(-y)); }

static double level(const pa__output *o, size_t k) { return (double)k / (double)(o->count - 1); }

static void softmax(const pa__output *o, const double *y, double *probability) {
  double largest = y[0], sum = 0;
  for (size_t k = 1; k < o->count; k++) largest = fmax(largest, y[k]);
  for (size_t k = 0; k < o->count; k++) sum += probability[k] = exp(y[k] - largest);
  for (size_t k = 0; k < o->count; k++) probability[k] /= sum;
}

void pa__output_probabilities(const pa__output *o, const double *y, double *probability) {
  if (o->kind == PA_REGNN_LEVELS)
    softmax(o, y, probability);
  else
    *probability = sigmoid(*y);
}

double pa__output_power(const pa__output *o, const double *y) {
  if (o->kind == PA_REGNN_BERNOULLI) return *y >= 0;
  if (o->kind == PA_REGNN_CONTINUOUS) return sigmoid(*y);
  size_t best = 0;
  for (size_t k = 1; k < o->count; k++)
    if (y[k] > y[best]) best = k;
  return level(o, best);
}

static double normal(uint64_t key, uint64_t counter, uint64_t index) {
  double radius = sqrt(-2 * log(pa__random_uniform(key, counter, index)));
  return radius * cos(6.283185307179586477 * pa__random_uniform(key, counter, index + 1));
}

static double draw_level(const pa__output *o, const double *y, double uniform, double *score) {
  double probability[PA__OUTPUT_MOST], sum = 0;
  softmax(o, y, probability);
  size_t pick = 0;
  while (pick + 1 < o->count && uniform >= (sum += probability[pick])) pick++;
  for (size_t k = 0; score && k < o->count; k++) score[k] = (k == pick) - probability[k];
  return level(o, pick);
}

double pa__output_draw(const pa__output *o, const double *y, uint64_t key, uint64_t counter, uint64_t index,
                       double *score) {
  if (o->kind == PA_REGNN_CONTINUOUS) {
    double n = normal(key, counter, index);
    if (score) *score = n / o->deviation;
    return sigmoid(*y + o->deviation * n);
  }
  double uniform = pa__random_uniform(key, counter, index);
  if (o->kind == PA_REGNN_LEVELS) return draw_level(o, y, uniform, score);
  double probability = sigmoid(*y), on = uniform < probability;
  if (score) *score = on - probability;
  return on;
}

double pa__output_mean(const pa__output *o, const double *y, double *slope) {
  if (o->kind != PA_REGNN_LEVELS) {
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
  if (o->kind == PA_REGNN_CONTINUOUS) return *slope = 0;
  if (o->kind == PA_REGNN_BERNOULLI) {
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
