/* The policies that a verb compares or runs: --policy NAME and --model FILE. */
#ifndef POWALLOC_TOOLS_POLICIES_H
#define POWALLOC_TOOLS_POLICIES_H

#include "options.h"

#include <powalloc/powalloc.h>

typedef struct policy_options {
  list names, models;
  uint64_t iterations;
  double budget, sum_power;
  uint64_t seed;
} policy_options;

extern policy_options policies;
extern const option policy_table[];

typedef struct named_policy {
  const char *name;
  pa_policy *policy;
} named_policy;

/* A policy by its name, with the options that it has set. */
pa_policy *policy_named(const char *name);
/* All of --policy and --model, in that order; the caller frees policies and array. */
named_policy *policy_list(size_t *count);
/* Sets the price or offset of a policy that has one so that it meets --power-budget on these states; a REGNN keeps its
 * own if no budget was given. */
void meet_budget(pa_policy *policy, const pa_states *states);

#endif
