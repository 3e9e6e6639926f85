#include "policies.h"

#include "command.h"
#include "source.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

policy_options policies = {.iterations = NOT_GIVEN,
                           .starts = NOT_GIVEN,
                           .nodes = NOT_GIVEN,
                           .gap = NAN,
                           .budget = NAN,
                           .budget_per_link = NAN,
                           .sum_power = NAN};

const option policy_table[] = {
    {"--policy", TEXTS, &policies.names, "NAME",
     "full-power, equal, random, threshold, wmmse[-truncated|-converged|-priced|-best], optimal"},
    {"--model", INPUTS, &policies.models, "FILE", "a trained model; builtin:NAME for those of powalloc info --builtin"},
    {"--iterations", COUNT, &policies.iterations, "N",
     "of wmmse, wmmse-priced (default 100) and wmmse-best (default 300)"},
    {"--starts", COUNT, &policies.starts, "N", "of wmmse-best (default 60)"},
    {"--gap", NUMBER, &policies.gap, "G", "of optimal: part of the sum-rate to certify it to (default 0.001)"},
    {"--nodes", COUNT, &policies.nodes, "N",
     "of optimal: most boxes searched for a sample, 0: no limit (default 100000)"},
    {"--sum-power", POWER, &policies.sum_power, "W", "cap on the sum of a sample's powers, for policies that take one"},
    {"--power-budget", POWER, &policies.budget, "W",
     "mean over the states of the sum of the powers, for wmmse-priced, threshold and REGNN"},
    {"--power-budget-per-link", POWER, &policies.budget_per_link, "W", "in place of --power-budget: W times the links"},
    {NULL, FLAG, NULL, NULL, NULL}};

static void set_if_it_has(pa_policy *policy, int32_t key, double value) {
  double present;
  if (pa_policy_get(policy, key, &present) == PA_OK && pa_policy_set(policy, key, value) != PA_OK)
    fail(EXIT_USAGE, "%s", pa_last_error());
}

pa_policy *policy_named(const char *name) {
  pa_policy *policy;
  if (pa_policy_create(&policy, name, NULL) != PA_OK) {
    char known[256] = "";
    for (size_t k = 0; k < pa_policy_kind_count(); k++)
      snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", k ? ", " : "", pa_policy_kind_name(k));
    fail(EXIT_USAGE, "--policy: %s; known are %s", pa_last_error(), known);
  }
  bool keeps_its_own = strcmp(name, "wmmse-truncated") == 0 || strcmp(name, "wmmse-converged") == 0;
  if (policies.iterations != NOT_GIVEN && !keeps_its_own)
    set_if_it_has(policy, PA_POLICY_ITERATIONS, (double)policies.iterations);
  if (policies.starts != NOT_GIVEN) set_if_it_has(policy, PA_POLICY_STARTS, (double)policies.starts);
  if (policies.nodes != NOT_GIVEN) set_if_it_has(policy, PA_POLICY_NODES, (double)policies.nodes);
  if (!isnan(policies.gap)) set_if_it_has(policy, PA_POLICY_GAP, policies.gap);
  if (!isnan(policies.sum_power)) set_if_it_has(policy, PA_POLICY_SUM_POWER, policies.sum_power);
  set_if_it_has(policy, PA_POLICY_SEED, (double)source.seed);
  return policy;
}

named_policy *policy_list(size_t *count) {
  *count = policies.names.count + policies.models.count;
  named_policy *all = need(*count, sizeof *all);
  for (size_t k = 0; k < policies.names.count; k++)
    all[k] = (named_policy){policies.names.items[k], policy_named(policies.names.items[k])};
  for (size_t k = 0; k < policies.models.count; k++) {
    named_policy *p = &all[policies.names.count + k];
    p->name = policies.models.items[k];
    must(pa_policy_load(&p->policy, p->name, NULL));
  }
  return all;
}

void seed_policies(const named_policy *all, size_t count) {
  for (size_t k = 0; k < count; k++) set_if_it_has(all[k].policy, PA_POLICY_SEED, (double)source.seed);
}

static bool has(const pa_policy *policy, int32_t key) {
  double present;
  return pa_policy_get(policy, key, &present) == PA_OK;
}

bool takes_budget(const pa_policy *policy) {
  bool total = !isnan(policies.budget), per_link = !isnan(policies.budget_per_link);
  bool priced = has(policy, PA_POLICY_PRICE) || has(policy, PA_POLICY_THRESHOLD);
  if (total && per_link) fail(EXIT_USAGE, "give --power-budget or --power-budget-per-link, not both");
  if (policies.budget <= 0 || policies.budget_per_link <= 0) fail(EXIT_USAGE, "a power budget must be > 0 W");
  if (priced && !total && !per_link) fail(EXIT_USAGE, "policy %s needs --power-budget", pa_policy_name(policy));
  return priced || (has(policy, PA_POLICY_OFFSET) && (total || per_link));
}

void meet_budget(pa_policy *policy, const pa_states *states) {
  if (!takes_budget(policy)) return;
  bool per_link = !isnan(policies.budget_per_link);
  source_must(pa_policy_meet_budget(
      policy, states, per_link ? policies.budget_per_link * (double)pa_states_links(states) : policies.budget));
}
