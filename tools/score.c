#include "score.h"

#include "command.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const measure_names[MEASURES] = {[SUM_RATE] = "sum_rate",
                                             [TO_WMMSE] = "ratio_to_wmmse",
                                             [TO_BASELINE] = "ratio_to_baseline",
                                             [DIFFERENCE] = "difference",
                                             [TOTAL_POWER] = "total_power",
                                             [MET] = "constraints_met",
                                             [JAIN] = "jain",
                                             [LINK_RATE_P5] = "link_rate_p5",
                                             [RATE_P5] = "rate_p5"};

static double share_met(const outcome *o, const double *least) {
  size_t met = 0;
  for (size_t i = 0; i < o->links; i++) met += o->link_rate[i] >= least[i];
  return (double)met / (double)o->links;
}

/* (sum x)^2 / (n sum x^2): 1 if all are alike, 1 / n if one has everything. */
static double jain_of(const double *x, size_t n) {
  double sum = 0, square = 0;
  for (size_t i = 0; i < n; i++) {
    sum += x[i];
    square += x[i] * x[i];
  }
  return square > 0 ? sum * sum / ((double)n * square) : NAN;
}

static interval difference_of(const double *x, const double *reference, size_t n) {
  double *difference = need(n, sizeof *difference);
  for (size_t k = 0; k < n; k++) difference[k] = x[k] - reference[k];
  interval mean = mean_of(difference, n);
  free(difference);
  return mean;
}

static double low_end(const double *x, size_t n) {
  double *sorted = need(n, sizeof *sorted);
  double low = quantile_of(memcpy(sorted, x, n * sizeof *x), n, .05);
  free(sorted);
  return low;
}

score score_of(const outcome *o, const outcome *wmmse, const outcome *baseline, const double *least) {
  size_t n = o->samples;
  return (score){.of = {[SUM_RATE] = mean_of(o->sum_rate, n),
                        [TO_WMMSE] = ratio_of(o->sum_rate, wmmse->sum_rate, n),
                        [TO_BASELINE] = ratio_of(o->sum_rate, baseline->sum_rate, n),
                        [DIFFERENCE] = difference_of(o->sum_rate, baseline->sum_rate, n),
                        [TOTAL_POWER] = mean_of(o->total_power, n),
                        [MET] = {least ? share_met(o, least) : o->within, NAN},
                        [JAIN] = {jain_of(o->link_rate, o->links), NAN},
                        [LINK_RATE_P5] = {low_end(o->link_rate, o->links), NAN},
                        [RATE_P5] = {o->rate_p5, NAN}},
                 .median = o->median,
                 .p99 = o->p99};
}

score score_over(const score *networks, size_t count) {
  if (count == 1) return networks[0];
  score over;
  double *x = need(count, sizeof *x);
  for (size_t m = 0; m < MEASURES; m++) {
    for (size_t k = 0; k < count; k++) x[k] = networks[k].of[m].value;
    over.of[m] = mean_of(x, count);
  }
  for (size_t k = 0; k < count; k++) x[k] = networks[k].median;
  over.median = quantile_of(x, count, .5);
  for (size_t k = 0; k < count; k++) x[k] = networks[k].p99;
  over.p99 = quantile_of(x, count, .5);
  free(x);
  return over;
}

bool differs(const score *s) { return fabs(s->of[DIFFERENCE].value) > s->of[DIFFERENCE].half_width; }
