#define _GNU_SOURCE /* strtod_l: numbers are read the same in every locale */
#include "../base/base.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <powalloc/units.h>
#include <stdlib.h>
#include <string.h>

#define BOLTZMANN 1.380649e-23
#define TEMPERATURE 290.0

double pa_db_to_ratio(double db) { return pow(10, db / 10); }

double pa_ratio_to_db(double ratio) { return 10 * log10(ratio); }

double pa_dbm_to_watts(double dbm) { return pow(10, (dbm - 30) / 10); }

double pa_watts_to_dbm(double watts) { return 10 * log10(watts) + 30; }

pa_status pa_thermal_noise(double bandwidth_hz, double noise_figure_db, double *watts) {
  if (!watts) return pa__fail(PA_ERROR_ARGUMENT, "watts is NULL");
  if (!(bandwidth_hz > 0 && bandwidth_hz <= DBL_MAX))
    return pa__fail(PA_ERROR_ARGUMENT, "bandwidth is %g Hz, must be finite and > 0", bandwidth_hz);
  if (!(noise_figure_db >= 0 && noise_figure_db <= 1000))
    return pa__fail(PA_ERROR_ARGUMENT, "noise figure is %g dB, must be 0 to 1000", noise_figure_db);
  double noise = BOLTZMANN * TEMPERATURE * bandwidth_hz * pa_db_to_ratio(noise_figure_db);
  if (!(noise >= DBL_MIN && noise <= DBL_MAX))
    return pa__fail(PA_ERROR_ARGUMENT, "bandwidth %g Hz with noise figure %g dB gives %g W, out of range", bandwidth_hz,
                    noise_figure_db, noise);
  *watts = noise;
  return PA_OK;
}

static double from_watts(double x) { return x; }
static double from_milliwatts(double x) { return x * 1e-3; }
static double from_microwatts(double x) { return x * 1e-6; }

static const struct unit {
  const char *name;
  double (*watts)(double);
} units[] = {{"", from_watts},         {"W", from_watts},       {"mW", from_milliwatts}, {"uW", from_microwatts},
             {"dBm", pa_dbm_to_watts}, {"dBW", pa_db_to_ratio}, {"dB", pa_db_to_ratio}};

static pa_status read_number(const char *text, double *number, const char **rest) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!plain) return pa__fail(PA_ERROR_MEMORY, "out of memory");
  char *end;
  *number = strtod_l(text, &end, plain);
  freelocale(plain);
  if (end == text)
    return pa__fail(PA_ERROR_ARGUMENT, "\"%.60s\" is not a power: it does not start with a number", text);
  *rest = end + strspn(end, " ");
  return PA_OK;
}

pa_status pa_parse_power(const char *text, double *watts) {
  if (!text || !watts) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", text ? "watts" : "text");
  double number = 0;
  const char *unit = "";
  pa_status status = read_number(text, &number, &unit);
  if (status != PA_OK) return status;
  for (size_t k = 0; k < sizeof units / sizeof units[0]; k++) {
    if (strcmp(unit, units[k].name) != 0) continue;
    double value = units[k].watts(number);
    if (!(value >= 0 && value <= DBL_MAX))
      return pa__fail(PA_ERROR_ARGUMENT, "\"%.60s\" is %g W, must be finite and >= 0", text, value);
    *watts = value;
    return PA_OK;
  }
  return pa__fail(PA_ERROR_ARGUMENT, "\"%.60s\": unknown unit \"%.20s\", known are W, mW, uW, dBm, dBW, dB", text,
                  unit);
}
