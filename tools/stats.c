#include "stats.h"

#include <math.h>
#include <stdlib.h>

/* 97.5 % quantile of Student's t with n - 1 degrees of freedom: a table below 30, its expansion above. */
static double t_975(size_t n) {
  static const double few[] = {NAN,    12.706, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622,
                               2.2281, 2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930,
                               2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452};
  if (n - 1 < sizeof few / sizeof few[0]) return few[n - 1];
  double z = 1.959963984540054, freedom = (double)(n - 1);
  double cube = z * z * z, fifth = cube * z * z;
  return z + (cube + z) / (4 * freedom) + (5 * fifth + 16 * cube + 3 * z) / (96 * freedom * freedom);
}

static double mean(const double *x, size_t n) {
  double sum = 0;
  for (size_t k = 0; k < n; k++) sum += x[k];
  return sum / (double)n;
}

interval mean_of(const double *x, size_t n) {
  double m = mean(x, n), square = 0;
  for (size_t k = 0; k < n; k++) square += (x[k] - m) * (x[k] - m);
  return (interval){m, n > 1 ? t_975(n) * sqrt(square / (double)(n - 1) / (double)n) : NAN};
}

interval ratio_of(const double *x, const double *reference, size_t n) {
  double of = mean(reference, n), ratio = mean(x, n) / of, square = 0;
  for (size_t k = 0; k < n; k++) {
    double residual = x[k] - ratio * reference[k];
    square += residual * residual;
  }
  return (interval){ratio, n > 1 ? t_975(n) * sqrt(square / (double)(n - 1) / (double)n) / of : NAN};
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
