/* What states must hold to be computed with, in either precision. */
#include "states.h"

#include "../la/la.h"

#include <float.h>
#include <math.h>

#ifdef PA_SINGLE
#define pa__states_check pa__states_check_f32
#define pa__states_check_power pa__states_check_power_f32
#define LARGEST ((double)FLT_MAX)
/* Gains relative to the noise stay below this, so that products of a thousand of them stay finite. */
#define STRONGEST 1e15
/* Noise, power limits and weights stay within this factor of 1. */
#define FURTHEST 1e15
#else
#define LARGEST DBL_MAX
#define STRONGEST 1e100
#define FURTHEST 1e100
#endif

static pa_status channel_fault(const pa_states *s, double bound) {
  size_t n = s->links;
  for (size_t b = 0; b < s->batch; b++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        double h = (double)pa__states_channel(s)[(b * n + i) * n + j];
        if (!(h >= 0 && h <= LARGEST))
          return pa__fail(PA_ERROR_ARGUMENT, "h[%zu][%zu][%zu] is %g, must be finite and >= 0", b, i, j, h);
        if (h > bound)
          return pa__fail(PA_ERROR_ARGUMENT,
                          "h[%zu][%zu][%zu] is %g: its gain times power limit over noise may exceed %g", b, i, j, h,
                          STRONGEST);
      }
  return PA_OK;
}

static double largest(const double *values, size_t n) {
  double most = 0;
  for (size_t i = 0; i < n; i++) most = values[i] > most ? values[i] : most;
  return most;
}

static double smallest(const double *values, size_t n) {
  double least = INFINITY;
  for (size_t i = 0; i < n; i++) least = values[i] < least ? values[i] : least;
  return least;
}

/* Set values are within a factor of 1e100 of 1 already. */
static pa_status parameter_fault(const char *name, const double *values, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (values[i] < 1 / FURTHEST || values[i] > FURTHEST)
      return pa__fail(PA_ERROR_ARGUMENT, "%s[%zu] is %g, must be within %g and %g in this precision", name, i,
                      values[i], 1 / FURTHEST, FURTHEST);
  return PA_OK;
}

pa_status pa__states_check(const pa_states *states) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  const real *h = pa__states_channel(states);
  if (!h)
    return pa__fail(PA_ERROR_ARGUMENT, "states are in %s precision, the call is for the other one",
                    states->precision == PA__SINGLE ? "single" : "double");
  if (states->trusted) return PA_OK;
  size_t n = states->links;
  pa_status status = parameter_fault("noise", states->noise, n);
  if (status == PA_OK) status = parameter_fault("power limit", states->limit, n);
  if (status == PA_OK) status = parameter_fault("weights", states->weights, n);
  if (status != PA_OK) return status;
  double noise = smallest(states->noise, n);
  double bound = fmin(sqrt(STRONGEST) * sqrt(noise) / sqrt(largest(states->limit, n)), LARGEST);
  return pa__la_best()->within(states->batch * n * n, h, (real)bound) ? PA_OK
                                                                      : channel_fault(states, (double)(real)bound);
}

pa_status pa__states_check_power(const pa_states *states, const real *power) {
  double bound = fmin(STRONGEST * largest(states->limit, states->links), LARGEST);
  size_t n = states->links;
  for (size_t k = 0; k < states->batch * n; k++) {
    double p = (double)power[k];
    if (!(p >= 0 && p <= LARGEST))
      return pa__fail(PA_ERROR_ARGUMENT, "power[%zu][%zu] is %g, must be finite and >= 0", k / n, k % n, p);
    if (p > bound)
      return pa__fail(PA_ERROR_ARGUMENT, "power[%zu][%zu] is %g, more than %g times the power limit", k / n, k % n, p,
                      STRONGEST);
  }
  return PA_OK;
}
