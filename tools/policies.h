/* The policies that a verb compares or runs: --policy NAME and --model FILE. */
#ifndef POWALLOC_TOOLS_POLICIES_H
#define POWALLOC_TOOLS_POLICIES_H

#include "options.h"

#include <powalloc/powalloc.h>

typedef struct policy_options {
  list names, models;
  uint64_t iterations, starts, nodes;
  double gap;
  double budget, budget_per_link, sum_power;
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
/* Gives policies that draw at random the seed of the source. */
void seed_policies(const named_policy *all, size_t count);
/* Whether a policy has a price, threshold or offset to set; ends the command if it cannot do without a budget and none
 * was given. A REGNN keeps its own offset then. */
bool takes_budget(const pa_policy *policy);
/* Sets it so that the policy meets --power-budget, or --power-budget-per-link, on these states. */
void meet_budget(pa_policy *policy, const pa_states *states);

#endif
