#include "command.h"
#include "options.h"
#include "policies.h"
#include "source.h"

#include <stdlib.h>

static struct {
  const char *out, *rates, *state, *probabilities;
  bool sample;
} wanted;

static const option own[] = {
    {"--out", OUTPUT, &wanted.out, "p.npy", "where the powers [B,M] in W go"},
    {"--rates", OUTPUT, &wanted.rates, "r.npy", "also the rates [B,M] in bit/s/Hz"},
    {"--seed", COUNT, &source.seed, "S", "seed of random selection (default 0)"},
    {"--state", TEXT, &wanted.state, "x.npy", "node state, for policies that take one"},
    {"--sample", FLAG, &wanted.sample, "", "draw from a policy's probabilities"},
    {"--probabilities", OUTPUT, &wanted.probabilities, "pi.npy", "write a policy's probabilities"},
    {NULL, FLAG, NULL, NULL, NULL}};

static named_policy the_policy(void) {
  size_t count;
  named_policy *all = policy_list(&count), one;
  if (count != 1) fail(EXIT_USAGE, "give one --policy or one --model, not %zu", count);
  one = all[0];
  free(all);
  if (wanted.state) fail(EXIT_USAGE, "--state: policy %s takes no node state", one.name);
  if (wanted.sample || wanted.probabilities)
    fail(EXIT_USAGE, "%s: policy %s has powers, not probabilities", wanted.sample ? "--sample" : "--probabilities",
         one.name);
  return one;
}

int allocate(int count, char **words) {
  parse_options("allocate --policy NAME | --model FILE --channel H.npy --noise-power W --pmax W --out p.npy",
                "Powers for channels that came from anywhere.",
                (const option *const[]){policy_table, channel_options, physics_options, own, NULL}, count, words, NULL);
  if (!source.channel) fail(EXIT_USAGE, "--channel is missing: the file with the channels");
  if (!wanted.out) fail(EXIT_USAGE, "--out is missing: the file for the powers");
  named_policy policy = the_policy();
  size_t batch, links;
  pa_array *h = source_channels(source.channel, &batch, &links);
  pa_states *states = source_states(batch, links, pa_array_data(h));
  double *power = need(batch * links, sizeof *power), *rate = need(batch * links, sizeof *rate);
  meet_budget(policy.policy, states);
  source_must(pa_policy_allocate(policy.policy, states, power, NULL, 0));
  must(pa_rates(states, power, rate));
  size_t extents[] = {batch, links};
  must(pa_array_save(wanted.out, 2, extents, power));
  if (wanted.rates) must(pa_array_save(wanted.rates, 2, extents, rate));
  pa_policy_free(policy.policy);
  pa_states_free(states);
  pa_array_free(h);
  free(power);
  free(rate);
  return EXIT_SUCCESS;
}
