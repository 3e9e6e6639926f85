#include "states.h"

#include <math.h>

enum { COLUMNS = 64 };

/* SINR of links first .. first + count - 1: interference is summed over rows in order, the own row left out. */
static void sinr_of_columns(const pa_states *s, const double *h, const double *power, size_t first, size_t count,
                            double *sinr) {
  double interference[COLUMNS];
  size_t n = s->links;
  for (size_t k = 0; k < count; k++) interference[k] = s->noise[first + k];
  for (size_t i = 0; i < n; i++) {
    const double *row = h + i * n + first;
    size_t own = i >= first && i < first + count ? i - first : count;
    for (size_t k = 0; k < own; k++) interference[k] += row[k] * row[k] * power[i];
    for (size_t k = own + 1; k < count; k++) interference[k] += row[k] * row[k] * power[i];
  }
  for (size_t k = 0; k < count; k++) {
    double direct = h[(first + k) * n + first + k];
    sinr[first + k] = direct * direct * power[first + k] / interference[k];
  }
}

pa_status pa_sinr(const pa_states *states, const double *power, double *sinr) {
  pa_status status = pa__states_check(states);
  if (status != PA_OK) return status;
  if (!power || !sinr) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", power ? "the output" : "power");
  size_t n = states->links;
  if ((status = pa__states_check_power(states, power)) != PA_OK) return status;
  for (size_t b = 0; b < states->batch; b++)
    for (size_t first = 0; first < n; first += COLUMNS)
      sinr_of_columns(states, states->h + b * n * n, power + b * n, first, n - first < COLUMNS ? n - first : COLUMNS,
                      sinr + b * n);
  return PA_OK;
}

pa_status pa_rates(const pa_states *states, const double *power, double *rate) {
  pa_status status = pa_sinr(states, power, rate);
  if (status != PA_OK) return status;
  for (size_t k = 0; k < states->batch * states->links; k++) rate[k] = log1p(rate[k]) * 1.44269504088896340736;
  return PA_OK;
}
