/* What a policy reaches on a set of states. */
#ifndef POWALLOC_TOOLS_COMPARISON_H
#define POWALLOC_TOOLS_COMPARISON_H

#include "stats.h"

#include <powalloc/powalloc.h>
#include <stdbool.h>

typedef struct outcome {
  const char *name;
  size_t samples, links;
  double *sum_rate;    /* [samples] weighted, bit/s/Hz */
  double *total_power; /* [samples] W */
  double *link_rate;   /* [links] mean, bit/s/Hz */
  double rate_p5;      /* 5th percentile of the rates of all links and samples, bit/s/Hz */
  double within;       /* part of the samples whose powers respect their limits and the cap; NAN without a cap */
  double median, p99;  /* seconds of one allocation, one sample a call; 0 if not timed */
} outcome;

/* Whether the policy runs on these states, by their first sample; the library has the reason. */
bool runs_on(const pa_policy *policy, const pa_states *states);
/* Allocates and measures; cap: on the sum of a sample's powers, NAN for none. */
outcome outcome_untimed(const char *name, const pa_policy *policy, const pa_states *states, double cap);
/* The same, and times 1000 allocations, or as many as there are in 2 seconds; at least 20. */
outcome outcome_of(const char *name, const pa_policy *policy, const pa_states *states, double cap);
void outcome_free(outcome *o);

#endif
