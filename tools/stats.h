/* Means with confidence intervals, and quantiles. */
#ifndef POWALLOC_TOOLS_STATS_H
#define POWALLOC_TOOLS_STATS_H

#include <stddef.h>

typedef struct interval {
  double value, half_width; /* 95 % by Student's t: value +- half_width; NAN for one sample */
} interval;

interval mean_of(const double *x, size_t n);
/* mean(x) / mean(reference), paired by sample (delta method). */
interval ratio_of(const double *x, const double *reference, size_t n);
/* Linear interpolation between order statistics; q in [0, 1]. Sorts x. */
double quantile_of(double *x, size_t n, double q);

#endif
