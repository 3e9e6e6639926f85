/* What a policy reaches on a set of states. */
#ifndef POWALLOC_TOOLS_COMPARISON_H
#define POWALLOC_TOOLS_COMPARISON_H

#include "stats.h"

#include <powalloc/powalloc.h>

typedef struct outcome {
  const char *name;
  size_t samples, links;
  double *sum_rate;    /* [samples] weighted, bit/s/Hz */
  double *total_power; /* [samples] W */
  double *link_rate;   /* [links] mean, bit/s/Hz */
  double within;       /* part of the samples whose powers respect their limits and the cap */
  double median, p99;  /* seconds of one allocation, one sample a call */
} outcome;

/* Allocates and measures; cap: on the sum of a sample's powers, NAN for none. */
outcome outcome_of(const char *name, const pa_policy *policy, const pa_states *states, double cap);
void outcome_free(outcome *o);

#endif
