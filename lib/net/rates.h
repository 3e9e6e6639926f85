#ifndef POWALLOC_LIB_RATES_H
#define POWALLOC_LIB_RATES_H

#include "states.h"

/* Rates [batch][links] in bit/s/Hz of states and powers that were checked. */
void pa__rates(const pa_states *states, const double *power, double *rate);
void pa__rates_f32(const pa_states *states, const float *power, float *rate);
/* The same of states in single precision, with powers and rates in double. */
void pa__rates_widened(const pa_states *states, const double *power, double *rate);

/* The same of states in whichever precision. */
static inline void pa__rates_any(const pa_states *states, const double *power, double *rate) {
  (states->precision == PA__SINGLE ? pa__rates_widened : pa__rates)(states, power, rate);
}

#endif
