/* Adam (Kingma and Ba, 2015), climbing. */
#ifndef POWALLOC_LIB_ADAM_H
#define POWALLOC_LIB_ADAM_H

#include <stddef.h>
#include <stdint.h>

typedef struct pa__adam {
  double *mean, *square; /* [n] */
} pa__adam;

/* Step number step (from 1) along gradient [n]. */
void pa__adam_step(pa__adam *adam, uint64_t step, double rate, size_t n, const double *gradient, double *weights);

/* Peak * linear warm-up * cosine to last * peak, for step number step (from 1) of `steps`. */
double pa__learning_rate(double peak, double last, double warmup, uint64_t steps, uint64_t step);

#endif
