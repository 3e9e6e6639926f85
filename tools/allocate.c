#include "command.h"
#include "options.h"
#include "policies.h"
#include "source.h"

#include <stdlib.h>

static struct {
  const char *out, *rates, *probabilities;
  bool sample;
} wanted;

static const option own[] = {
    {"--out", OUTPUT, &wanted.out, "p.npy", "where the powers [B,M] in W go"},
    {"--rates", OUTPUT, &wanted.rates, "r.npy", "also the rates [B,M] in bit/s/Hz"},
    {"--seed", COUNT, &source.seed, "S", "seed of random selection and of --sample (default 0)"},
    {"--sample", FLAG, &wanted.sample, "", "draw from a policy's probabilities"},
    {"--probabilities", OUTPUT, &wanted.probabilities, "pi.npy",
     "also what the powers are drawn from: [B,M], or [B,M,N] for N power levels"},
    {NULL, FLAG, NULL, NULL, NULL}};

static named_policy the_policy(void) {
  size_t count;
  named_policy *all = policy_list(&count), one;
  if (count != 1) fail(EXIT_USAGE, "give one --policy or one --model, not %zu", count);
  one = all[0];
  free(all);
  double present;
  bool draws = pa_policy_get(one.policy, PA_POLICY_SAMPLE, &present) == PA_OK;
  if (source.state && !draws) fail(EXIT_USAGE, "--state: policy %s takes no node state", one.name);
  if (!draws && (wanted.sample || wanted.probabilities))
    fail(EXIT_USAGE, "%s: policy %s has powers, not probabilities", wanted.sample ? "--sample" : "--probabilities",
         one.name);
  if (!draws) return one;
  must(pa_policy_set(one.policy, PA_POLICY_SAMPLE, wanted.sample));
  if (pa_policy_set(one.policy, PA_POLICY_SEED, (double)source.seed) != PA_OK) fail(EXIT_USAGE, "%s", pa_last_error());
  return one;
}

static void save_probabilities(pa_policy *policy, const pa_states *states) {
  size_t outputs = pa_policy_output_count(policy);
  size_t extents[] = {pa_states_batch(states), pa_states_links(states), outputs};
  double *probabilities = need(extents[0] * extents[1] * outputs, sizeof *probabilities);
  source_must(pa_policy_probabilities(policy, states, probabilities));
  must(pa_array_save(wanted.probabilities, outputs > 1 ? 3 : 2, extents, probabilities));
  free(probabilities);
}

int allocate(int count, char **words) {
  parse_options("allocate --policy NAME | --model FILE --channel H.npy --noise-power W --pmax W --out p.npy",
                "Powers for channels that came from anywhere.",
                (const option *const[]){policy_table, channel_options, physics_options, own, NULL}, count, words, NULL);
  if (!source.channel) fail(EXIT_USAGE, "--channel is missing: the file with the channels");
  if (!wanted.out) fail(EXIT_USAGE, "--out is missing: the file for the powers");
  named_policy policy = the_policy();
  channels c = channels_load(source.channel);
  pa_states *states = source_states(&c);
  double *power = need(c.batch * c.links, sizeof *power), *rate = need(c.batch * c.links, sizeof *rate);
  meet_budget(policy.policy, states);
  source_must(pa_policy_allocate(policy.policy, states, power, NULL, 0));
  must(pa_rates(states, power, rate));
  size_t extents[] = {c.batch, c.links};
  must(pa_array_save(wanted.out, 2, extents, power));
  if (wanted.probabilities) save_probabilities(policy.policy, states);
  if (wanted.rates) must(pa_array_save(wanted.rates, 2, extents, rate));
  pa_policy_free(policy.policy);
  pa_states_free(states);
  channels_free(&c);
  free(power);
  free(rate);
  return EXIT_SUCCESS;
}
