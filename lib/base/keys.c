#include "base.h"

#include <float.h>
#include <math.h>
#include <powalloc/network.h>
#include <powalloc/policy.h>
#include <powalloc/regnn.h>
#include <powalloc/trainer.h>
#include <string.h>

#define MANY 9007199254740992.0 /* 2^53: the counts a double holds exactly */

static const struct key {
  int32_t key;
  bool whole;
  const char *name, *unit, *description;
  double initial, lowest, highest;
} keys[] = {
    {PA_NETWORK_DENSITY, false, "network.density", "1",
     "Density factor: the box of the transmitters is this much narrower.", 1, 1e-6, 1e6},
    {PA_NETWORK_REFERENCE_LINKS, true, "network.reference_links", "count",
     "Reference size of the geometry; 0: the network's own number of links.", 0, 0, MANY},
    {PA_NETWORK_CONSTANT_DENSITY, true, "network.constant_density", "0 or 1",
     "1: the box grows with the number of links, 0: it stays that of the reference size.", 1, 0, 1},
    {PA_NETWORK_PATH_LOSS_EXPONENT, false, "network.path_loss_exponent", "1",
     "Path gain (amplitude) is distance^-exponent.", 2.2, 0, 20},
    {PA_NETWORK_MIN_DISTANCE, false, "network.min_distance", "length", "Shorter distances count as this.", 0, 0, 1e12},
    {PA_NETWORK_FADING, true, "network.fading", "0 or 1", "1: Rayleigh fading of scale 1 on every channel, 0: none.", 1,
     0, 1},
    {PA_NETWORK_DRAWS_PER_TOPOLOGY, true, "network.draws_per_topology", "count",
     "Consecutive draws of a family that share a topology.", 8, 1, MANY},
    {PA_NETWORK_CUTOFF, false, "network.cutoff", "length",
     "Receivers further from a transmitter than this do not hear it, but for its own.", 45, 0x1p-300, 0x1p300},
    {PA_NETWORK_REMAINDER, false, "network.remainder", "1",
     "Part of the interference from beyond the cut-off, at full power, that counts as noise.", 0, 0, 1},
    {PA_POLICY_ITERATIONS, true, "policy.iterations", "count", "WMMSE iterations.", 100, 0, 1e9},
    {PA_POLICY_TOLERANCE, false, "policy.tolerance", "1",
     "WMMSE ends once no amplitude moves by more than this part of sqrt(pmax); 0: never.", 0, 0, 1},
    {PA_POLICY_START, false, "policy.start", "1", "WMMSE's start as a part of sqrt(pmax).", 1, 1e-12, 1},
    {PA_POLICY_SUM_POWER, false, "policy.sum_power", "W", "Cap on the sum of the powers of a sample; 0: none.", 0, 0,
     DBL_MAX},
    {PA_POLICY_PRICE, false, "policy.price", "nat/W", "Price of power of an average budget.", 0, 0, DBL_MAX},
    {PA_POLICY_ACTIVE_SHARE, false, "policy.active_share", "1",
     "Part of the links that random selection lets transmit.", .5, 0, 1},
    {PA_POLICY_SEED, true, "policy.seed", "1", "Seed of what a policy draws.", 0, 0, MANY},
    {PA_POLICY_SAMPLE, true, "policy.sample", "0 or 1", "1: powers are drawn from the policy's distribution.", 0, 0, 1},
    {PA_POLICY_OFFSET, false, "policy.offset", "1", "Added to every output of a REGNN.", 0, -1e3, 1e3},
    {PA_POLICY_STARTS, true, "policy.starts", "count", "Starts of WMMSE whose best result is taken.", 60, 1, 1e6},
    {PA_POLICY_GAP, false, "policy.gap", "1", "Part of the sum-rate within which the optimum is certified.", 1e-3, 1e-9,
     1},
    {PA_POLICY_NODES, true, "policy.nodes", "count", "Most boxes of a branch and bound search; 0: no limit.", 1e5, 0,
     MANY},
    {PA_POLICY_THRESHOLD, false, "policy.threshold", "1", "Least SNR of a link that transmits.", 0, 0, DBL_MAX},
    {PA_REGNN_LAYERS, true, "regnn.layers", "count", "Layers L.", 4, 1, 64},
    {PA_REGNN_FEATURES, true, "regnn.features", "count", "Features F of a node between the layers.", 4, 1, 64},
    {PA_REGNN_TAPS, true, "regnn.taps", "count", "Taps K of a filter.", 5, 1, 64},
    {PA_REGNN_INPUTS, true, "regnn.inputs", "sum of 1, 2, 4, 8",
     "Node inputs: 1 ones, 2 log SNR, 4 weight of the link, 8 weight times log SNR.", 3, 0, 15},
    {PA_REGNN_STATE_FEATURES, true, "regnn.state_features", "count", "Features of the caller's node state.", 0, 0, 64},
    {PA_REGNN_SHIFT, true, "regnn.shift", "1 to 4",
     "Graph shift: 1 scaled channel, 2 over its spectral norm, 3 shares of what is received, 4 bounded gain.", 3, 1, 4},
    {PA_REGNN_SCALE, false, "regnn.scale", "1", "Factor of the channel in shift 1.", 1, -DBL_MAX, DBL_MAX},
    {PA_REGNN_TRANSPOSED, true, "regnn.transposed", "0 or 1", "1: filters on the transposed shift.", 0, 0, 1},
    {PA_REGNN_ACTIVATION, true, "regnn.activation", "1 to 3", "Between layers: 1 ReLU, 2 tanh, 3 absolute value.", 1, 1,
     3},
    {PA_REGNN_BIAS, true, "regnn.bias", "0 or 1", "1: layers have a bias.", 0, 0, 1},
    {PA_REGNN_OUTPUT, true, "regnn.output", "1 to 3", "Powers: 1 on or off, 2 one of several levels, 3 continuous.", 1,
     1, 3},
    {PA_REGNN_LEVEL_COUNT, true, "regnn.levels", "count", "Power levels of output 2.", 4, 2, 64},
    {PA_REGNN_START, false, "regnn.start", "1", "Part of pmax that the untrained policy uses, about.", .1, 1e-3,
     1 - 1e-3},
    {PA_TRAINER_BATCH, true, "trainer.batch", "count", "States per step; 0: the recipe.", 0, 0, 1e6},
    {PA_TRAINER_LEARNING_RATE, false, "trainer.learning_rate", "1",
     "Peak learning rate of Adam; 0: the model's recipe.", 0, 0, 1},
    {PA_TRAINER_FINAL_RATE, false, "trainer.final_rate", "1",
     "Learning rate at the end as a part of the peak; 0: the model's recipe.", 0, 0, 1},
    {PA_TRAINER_WARMUP, true, "trainer.warmup", "count", "Steps of linear warm-up; -1: the model's recipe.", -1, -1,
     MANY},
    {PA_TRAINER_CLIP, false, "trainer.clip", "1", "Largest norm of a step's gradient; 0: no limit, -1: the recipe.", -1,
     -1, DBL_MAX},
    {PA_TRAINER_SAMPLE_CLIP, false, "trainer.sample_clip", "1",
     "Largest norm of a sample's gradient; 0: no limit, -1: the model's recipe.", -1, -1, DBL_MAX},
    {PA_TRAINER_HELD_OUT_EVERY, true, "trainer.held_out_every", "count",
     "Steps between looks at the held-out states; 0: the recipe.", 0, 0, MANY},
    {PA_TRAINER_HELD_OUT, true, "trainer.held_out", "count", "Held-out states drawn from a network; 0: the recipe.", 0,
     0, 1e9},
    {PA_TRAINER_THREADS, true, "trainer.threads", "count", "Threads of a run.", 1, 1, 1024},
    {PA_TRAINER_SCHEDULE, true, "trainer.schedule", "count",
     "Steps of the learning-rate schedule; 0: those of the first run.", 0, 0, MANY},
    {PA_TRAINER_ACTIONS, true, "trainer.actions", "count", "Powers tried for each state.", 8, 1, 4096},
    {PA_TRAINER_DUAL_RATE, false, "trainer.dual_rate", "1", "Rate of the dual variables; falls to a tenth.", .003, 0,
     1},
    {PA_TRAINER_DUAL_LIMIT, false, "trainer.dual_limit", "1", "Largest dual variable of a constraint on rewards.", 10,
     0, 1e6},
    {PA_TRAINER_MARGIN, false, "trainer.margin", "1",
     "Constraints on rewards are trained to be met by this part of their bounds.", .05, 0, 10},
    {PA_TRAINER_ENTROPY, false, "trainer.entropy", "1", "Reward of a nat of entropy of each output.", 0, 0, 1e6},
    {PA_TRAINER_BARRIER, false, "trainer.barrier", "1",
     "Pull on outputs beyond 2 and -2; falls to 0 over the schedule; -1: the recipe.", -1, -1, 1e6},
    {PA_TRAINER_SHARPNESS, false, "trainer.sharpness", "1", "Of the soft minimum.", 10, 1e-6, 1e6},
    {PA_TRAINER_PRECISION, true, "trainer.precision", "0 or 1",
     "1: states, and what is computed of them, in single precision, 0: in double.", 0, 0, 1},
};

#define COUNT (sizeof keys / sizeof keys[0])

static const struct key *find(int32_t number) {
  for (size_t i = 0; i < COUNT; i++)
    if (keys[i].key == number) return &keys[i];
  return NULL;
}

size_t pa_key_count(void) { return COUNT; }

int32_t pa_key_at(size_t index) { return index < COUNT ? keys[index].key : 0; }

int32_t pa_key_find(const char *name) {
  for (size_t i = 0; name && i < COUNT; i++)
    if (strcmp(keys[i].name, name) == 0) return keys[i].key;
  return 0;
}

const char *pa_key_name(int32_t key) {
  const struct key *k = find(key);
  return k ? k->name : "";
}

const char *pa_key_description(int32_t key) {
  const struct key *k = find(key);
  return k ? k->description : "";
}

const char *pa_key_unit(int32_t key) {
  const struct key *k = find(key);
  return k ? k->unit : "";
}

pa_status pa_key_bounds(int32_t key, double *initial, double *lowest, double *highest) {
  const struct key *k = find(key);
  if (!k) return pa__fail(PA_ERROR_ARGUMENT, "key %d: there is no such key", (int)key);
  if (initial) *initial = k->initial;
  if (lowest) *lowest = k->lowest;
  if (highest) *highest = k->highest;
  return PA_OK;
}

pa_status pa__key_check(int32_t key, double value) {
  const struct key *k = find(key);
  if (!k) return pa__fail(PA_ERROR_ARGUMENT, "key %d: there is no such key", (int)key);
  if (!(value >= k->lowest && value <= k->highest))
    return pa__fail(PA_ERROR_ARGUMENT, "%s is %g, must be %g to %g", k->name, value, k->lowest, k->highest);
  if (k->whole && value != floor(value))
    return pa__fail(PA_ERROR_ARGUMENT, "%s is %g, must be a whole number", k->name, value);
  return PA_OK;
}

double pa__key_default(int32_t key) {
  const struct key *k = find(key);
  return k ? k->initial : 0;
}
