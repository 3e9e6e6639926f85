/* What is reported of a policy: on one network, or over several. */
#ifndef POWALLOC_TOOLS_SCORE_H
#define POWALLOC_TOOLS_SCORE_H

#include "comparison.h"

#include <stdbool.h>

enum { SUM_RATE, TO_WMMSE, TO_BASELINE, DIFFERENCE, TOTAL_POWER, MET, JAIN, LINK_RATE_P5, RATE_P5, MEASURES };

extern const char *const measure_names[MEASURES];

typedef struct score {
  interval of[MEASURES]; /* NAN where there is no value, or no interval */
  double median, p99;    /* seconds of one allocation */
} score;

/* On one network: ratios and difference are paired by sample, intervals over samples. least: minimum mean rates
 * [links], NULL for none. */
score score_of(const outcome *o, const outcome *wmmse, const outcome *baseline, const double *least);
/* Means over networks with intervals over them, medians of the times; of one network its own. */
score score_over(const score *networks, size_t count);
/* Whether the difference to the baseline is other than 0 at the 5 % level (paired t-test). */
bool differs(const score *s);

#endif
