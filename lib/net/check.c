/* What states must hold to be computed with, in either precision. */
#include "states.h"

#include "../la/la.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

/* Gains relative to the noise stay below this, so that products of a thousand of them stay finite. */
#define STRONGEST_SINGLE 1e15
#define STRONGEST_DOUBLE 1e100

#ifdef PA_SINGLE
#define pa__states_check pa__states_check_f32
#define pa__states_check_rest pa__states_check_rest_f32
#define pa__states_check_precision pa__states_check_precision_f32
#define pa__states_bound pa__states_bound_f32
#define pa__states_check_power pa__states_check_power_f32
#define PRECISION PA__SINGLE
#define LARGEST ((double)FLT_MAX)
#define STRONGEST STRONGEST_SINGLE
/* Noise, power limits and weights stay within this factor of 1. */
#define FURTHEST 1e15
#else
#define PRECISION PA__DOUBLE
#define LARGEST DBL_MAX
#define STRONGEST STRONGEST_DOUBLE
#define FURTHEST 1e100
#endif

/* Whether a channel stands in a gap between rows, where it does not count. */
static bool in_gap(const pa_states *s, size_t channel) {
  return s->graph && s->graph->pattern.receiver[channel] < 0;
}

static pa_status channel_fault(const pa_states *s, double bound) {
  size_t n = s->links, channels = pa__states_channels(s);
  for (size_t k = 0; k < s->batch * channels; k++) {
    double h = (double)pa__states_channel(s)[k];
    if ((h >= 0 && h <= bound) || in_gap(s, k % channels)) continue;
    char place[80];
    if (s->graph)
      snprintf(place, sizeof place, "h[%zu][%zu]", k / channels, k % channels);
    else
      snprintf(place, sizeof place, "h[%zu][%zu][%zu]", k / channels, k / n % n, k % n);
    if (!(h >= 0 && h <= LARGEST)) return pa__fail(PA_ERROR_ARGUMENT, "%s is %g, must be finite and >= 0", place, h);
    return pa__fail(PA_ERROR_ARGUMENT, "%s is %g: its gain times power limit over noise may exceed %g", place, h,
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
  bool good = true;
  for (size_t i = 0; i < n; i++) good &= values[i] >= 1 / FURTHEST && values[i] <= FURTHEST;
  for (size_t i = 0; i < n && !good; i++)
    if (values[i] < 1 / FURTHEST || values[i] > FURTHEST)
      return pa__fail(PA_ERROR_ARGUMENT, "%s[%zu] is %g, must be within %g and %g in this precision", name, i,
                      values[i], 1 / FURTHEST, FURTHEST);
  return PA_OK;
}

pa_status pa__states_check_precision(const pa_states *states) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  if (states->precision == PRECISION) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "states are in %s precision, the call is for the other one",
                  states->precision == PA__SINGLE ? "single" : "double");
}

pa_status pa__states_check_rest(const pa_states *states) {
  pa_status status = pa__states_check_precision(states);
  if (status == PA_OK) status = pa__states_check_one(states);
  if (status == PA_OK) status = pa__states_check_graph(states);
  if (status == PA_OK && states->halo)
    status = pa__fail(PA_ERROR_ARGUMENT, "the states are a part of a network, with a halo: this call takes whole ones");
  if (status != PA_OK || states->trusted) return status;
  for (size_t k = 0; states->start && k < states->batch * states->links; k++)
    if (!(states->start[k] >= 0 && states->start[k] <= states->limit[k % states->links]))
      return pa__fail(PA_ERROR_ARGUMENT, "start[%zu][%zu] is %g, must be 0 to %g", k / states->links, k % states->links,
                      states->start[k], states->limit[k % states->links]);
  size_t n = states->links;
  status = parameter_fault("noise", states->noise, n);
  if (status == PA_OK) status = parameter_fault("power limit", states->limit, n);
  if (status == PA_OK) status = parameter_fault("weights", states->weights, n);
  return status;
}

real pa__states_bound(const pa_states *states) {
  double noise = smallest(states->noise, states->links);
  return (real)fmin(sqrt(STRONGEST) * sqrt(noise) / sqrt(largest(states->limit, states->links)), LARGEST);
}

pa_status pa__states_check(const pa_states *states) {
  pa_status status = pa__states_check_rest(states);
  if (status != PA_OK || states->trusted) return status;
  real bound = pa__states_bound(states);
  size_t channels = states->batch * pa__states_channels(states);
  /* All at once, gaps too: what is wrong in a gap is no fault. */
  return pa__la_best()->within(channels, pa__states_channel(states), bound) ? PA_OK
                                                                            : channel_fault(states, (double)bound);
}

/* Powers in double may be for states in single precision, which bound them. */
pa_status pa__states_check_power(const pa_states *states, const real *power) {
  double strongest = states->precision == PA__SINGLE ? STRONGEST_SINGLE : STRONGEST_DOUBLE;
  double channel = (double)pa__states_bound(states);
  size_t n = states->links;
  double finite = fmin(LARGEST / 4 / (double)n / channel / channel, LARGEST); /* so are sums of what is received */
  double bound = fmin(strongest * largest(states->limit, n), finite);
  for (size_t k = 0; k < states->batch * n; k++) {
    double p = (double)power[k];
    if (!(p >= 0 && p <= LARGEST))
      return pa__fail(PA_ERROR_ARGUMENT, "power[%zu][%zu] is %g, must be finite and >= 0", k / n, k % n, p);
    if (p <= bound) continue;
    if (p > finite)
      return pa__fail(PA_ERROR_ARGUMENT, "power[%zu][%zu] is %g: what is received may not be finite", k / n, k % n, p);
    return pa__fail(PA_ERROR_ARGUMENT, "power[%zu][%zu] is %g, more than %g times the power limit", k / n, k % n, p,
                    strongest);
  }
  return PA_OK;
}
