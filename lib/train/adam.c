#include "adam.h"

#include <math.h>

#define MEAN_DECAY .9
#define SQUARE_DECAY .999
#define EPSILON 1e-8
#define PI 3.14159265358979323846

void pa__adam_step(pa__adam *adam, uint64_t step, double rate, size_t n, const double *gradient, double *weights) {
  double mean_bias = 1 - pow(MEAN_DECAY, (double)step), square_bias = 1 - pow(SQUARE_DECAY, (double)step);
  for (size_t k = 0; k < n; k++) {
    adam->mean[k] = MEAN_DECAY * adam->mean[k] + (1 - MEAN_DECAY) * gradient[k];
    adam->square[k] = SQUARE_DECAY * adam->square[k] + (1 - SQUARE_DECAY) * gradient[k] * gradient[k];
    weights[k] += rate * (adam->mean[k] / mean_bias) / (sqrt(adam->square[k] / square_bias) + EPSILON);
  }
}

double pa__learning_rate(double peak, double last, double warmup, uint64_t steps, uint64_t step) {
  double t = (double)step, end = (double)steps;
  if (t <= warmup) return peak * t / warmup;
  double part = end > warmup ? fmin((t - warmup) / (end - warmup), 1) : 1;
  return peak * (last + (1 - last) * (1 + cos(PI * part)) / 2);
}
