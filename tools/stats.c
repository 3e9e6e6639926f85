#include "stats.h"

#include <math.h>
#include <stdlib.h>

#define NORMAL_975 1.959963984540054

static double mean(const double *x, size_t n) {
  double sum = 0;
  for (size_t k = 0; k < n; k++) sum += x[k];
  return sum / (double)n;
}

interval mean_of(const double *x, size_t n) {
  double m = mean(x, n), square = 0;
  for (size_t k = 0; k < n; k++) square += (x[k] - m) * (x[k] - m);
  return (interval){m, n > 1 ? NORMAL_975 * sqrt(square / (double)(n - 1) / (double)n) : NAN};
}

interval ratio_of(const double *x, const double *reference, size_t n) {
  double of = mean(reference, n), ratio = mean(x, n) / of, square = 0;
  for (size_t k = 0; k < n; k++) {
    double residual = x[k] - ratio * reference[k];
    square += residual * residual;
  }
  return (interval){ratio, n > 1 ? NORMAL_975 * sqrt(square / (double)(n - 1) / (double)n) / of : NAN};
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double quantile_of(double *x, size_t n, double q) {
  qsort(x, n, sizeof *x, ascending);
  double place = q * (double)(n - 1);
  size_t below = (size_t)place;
  return below + 1 < n ? x[below] + (place - (double)below) * (x[below + 1] - x[below]) : x[n - 1];
}
