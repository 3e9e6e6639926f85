#include "learned.h"

#include "command.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
  const char *model, *from, *architecture, *output, *input;
  uint64_t layers, hidden, features, taps, message;
  list units, keys;
} wanted = {.layers = NOT_GIVEN, .hidden = NOT_GIVEN, .features = NOT_GIVEN, .taps = NOT_GIVEN, .message = NOT_GIVEN};

const option learned_table[] = {
    {"--model", TEXT, &wanted.model, "uwmmse|regnn|fcnn|mlp|igcnet", "what to train"},
    {"--from", INPUT, &wanted.from, "FILE", "fine-tune this model"},
    {"--layers", COUNT, &wanted.layers, "L", "of UWMMSE and REGNN: layers (default 4); of IGCNet: rounds (default 3)"},
    {"--architecture", TEXT, &wanted.architecture, "paper|extended", "of UWMMSE (default extended)"},
    {"--hidden", COUNT, &wanted.hidden, "N", "of UWMMSE: hidden width of the GCNs (default 5); of IGCNet (default 16)"},
    {"--features", COUNT, &wanted.features, "F", "of REGNN: features between the layers (default 4)"},
    {"--taps", COUNT, &wanted.taps, "K", "of REGNN: taps of a filter (default 5)"},
    {"--output", TEXT, &wanted.output, "bernoulli|levels|continuous",
     "of REGNN: powers (default bernoulli: on or off)"},
    {"--units", TEXTS, &wanted.units, "N",
     "of FCNN and MLP: units of a hidden layer, once for each (default: FCNN 64, 32; MLP 200, 80, 80)"},
    {"--message", COUNT, &wanted.message, "N", "of IGCNet: components of a message (default 32)"},
    {"--input", TEXT, &wanted.input, "log|amplitude", "of FCNN, MLP, IGCNet: the channel that they see (default log)"},
    {"--set", TEXTS, &wanted.keys, "KEY=VALUE", "a key, such as trainer.learning_rate=3e-3 or regnn.bias=1"},
    {NULL, FLAG, NULL, NULL, NULL}};

/* The models, and which of the options above make them. */
enum model { UWMMSE, REGNN, FCNN, MLP, IGCNET, MODELS };
static const char *const names[MODELS] = {"uwmmse", "regnn", "fcnn", "mlp", "igcnet"};

static enum model wanted_model(void) {
  if (!wanted.model) fail(EXIT_USAGE, "--model is missing: uwmmse, regnn, fcnn, mlp or igcnet");
  for (enum model m = 0; m < MODELS; m++)
    if (strcmp(names[m], wanted.model) == 0) return m;
  fail(EXIT_USAGE, "--model: this version trains uwmmse, regnn, fcnn, mlp and igcnet, not \"%s\"", wanted.model);
}

static void check_options(enum model model) {
  const struct {
    const char *name;
    bool given;
    unsigned models;
  } options[] = {{"--layers", wanted.layers != NOT_GIVEN, 1 << UWMMSE | 1 << REGNN | 1 << IGCNET},
                 {"--architecture", wanted.architecture != NULL, 1 << UWMMSE},
                 {"--hidden", wanted.hidden != NOT_GIVEN, 1 << UWMMSE | 1 << IGCNET},
                 {"--features", wanted.features != NOT_GIVEN, 1 << REGNN},
                 {"--taps", wanted.taps != NOT_GIVEN, 1 << REGNN},
                 {"--output", wanted.output != NULL, 1 << REGNN},
                 {"--units", wanted.units.count > 0, 1 << FCNN | 1 << MLP},
                 {"--message", wanted.message != NOT_GIVEN, 1 << IGCNET},
                 {"--input", wanted.input != NULL, 1 << FCNN | 1 << MLP | 1 << IGCNET}};
  for (size_t k = 0; k < sizeof options / sizeof options[0]; k++) {
    if (!options[k].given) continue;
    if (wanted.from) fail(EXIT_USAGE, "--from: the file says the architecture and its sizes");
    if (!(options[k].models >> model & 1)) fail(EXIT_USAGE, "%s: not of %s", options[k].name, names[model]);
  }
}

static void split(const char *item, int32_t *key, double *value) {
  const char *equals = strchr(item, '=');
  if (!equals) fail(EXIT_USAGE, "--set: \"%s\" is not KEY=VALUE", item);
  char name[64], *end;
  snprintf(name, sizeof name, "%.*s", (int)(equals - item), item);
  *value = strtod(equals + 1, &end);
  if (end == equals + 1 || *end) fail(EXIT_USAGE, "--set: \"%s\" is not a number", equals + 1);
  *key = pa_key_find(name);
  if (!*key) fail(EXIT_USAGE, "--set: there is no key %s", name);
}

static bool of_model(int32_t key) { return strncmp(pa_key_name(key), "regnn.", 6) == 0; }

static size_t or_default(uint64_t given, size_t number) { return given == NOT_GIVEN ? number : given; }

static void made(pa_status status) {
  if (status != PA_OK) fail(EXIT_USAGE, "%s", pa_last_error());
}

static pa_policy *new_uwmmse(void) {
  pa_uwmmse *model;
  const char *name = wanted.architecture ? wanted.architecture : "extended";
  int32_t architecture = strcmp(name, "paper") == 0 ? PA_UWMMSE_PAPER : PA_UWMMSE_EXTENDED;
  if (strcmp(name, "paper") != 0 && strcmp(name, "extended") != 0)
    fail(EXIT_USAGE, "--architecture: \"%s\" is neither paper nor extended", name);
  made(pa_uwmmse_create(&model, architecture, or_default(wanted.layers, 4), or_default(wanted.hidden, 5), source.seed,
                        NULL));
  return pa_uwmmse_policy(model);
}

static int32_t input_kind(void) {
  if (!wanted.input || strcmp(wanted.input, "log") == 0) return PA_INPUT_LOG;
  if (strcmp(wanted.input, "amplitude") != 0)
    fail(EXIT_USAGE, "--input: \"%s\" is neither log nor amplitude", wanted.input);
  return PA_INPUT_AMPLITUDE;
}

static pa_policy *new_mlp(int32_t kind, size_t links) {
  size_t units[LIST_MOST] = {64, 32}, count = 2;
  pa_mlp *model;
  if (kind == PA_MLP_POWERS) units[0] = 200, units[1] = units[2] = 80, count = 3;
  if (wanted.units.count > 0) count = wanted.units.count;
  for (size_t k = 0; k < wanted.units.count; k++) {
    char *end;
    units[k] = strtoul(wanted.units.items[k], &end, 10);
    if (*end || units[k] == 0) fail(EXIT_USAGE, "--units: \"%s\" is not a number of units", wanted.units.items[k]);
  }
  made(pa_mlp_create(&model, kind, links, units, count, input_kind(), source.seed, NULL));
  return pa_mlp_policy(model);
}

static pa_policy *new_igcnet(void) {
  pa_igcnet *model;
  made(pa_igcnet_create(&model, or_default(wanted.layers, 3), or_default(wanted.hidden, 16),
                        or_default(wanted.message, 32), input_kind(), source.seed, NULL));
  return pa_igcnet_policy(model);
}

static double output_kind(void) {
  static const char *const outputs[] = {"bernoulli", "levels", "continuous"};
  static const int32_t kinds[] = {PA_REGNN_OUTPUT_BERNOULLI, PA_REGNN_OUTPUT_LEVELS, PA_REGNN_OUTPUT_CONTINUOUS};
  for (size_t k = 0; k < 3; k++)
    if (strcmp(wanted.output, outputs[k]) == 0) return kinds[k];
  fail(EXIT_USAGE, "--output: \"%s\" is none of bernoulli, levels, continuous", wanted.output);
}

static pa_policy *new_regnn(bool constrained) {
  int32_t keys[LIST_MOST + 5];
  double values[LIST_MOST + 5];
  size_t count = 0;
  const uint64_t numbers[] = {wanted.layers, wanted.features, wanted.taps};
  const int32_t number_keys[] = {PA_REGNN_LAYERS, PA_REGNN_FEATURES, PA_REGNN_TAPS};
  for (size_t k = 0; k < 3; k++)
    if (numbers[k] != NOT_GIVEN) keys[count] = number_keys[k], values[count++] = (double)numbers[k];
  if (wanted.output) keys[count] = PA_REGNN_OUTPUT, values[count++] = output_kind();
  bool inputs_given = false;
  for (size_t k = 0; k < wanted.keys.count; k++) {
    split(wanted.keys.items[k], &keys[count], &values[count]);
    inputs_given |= keys[count] == PA_REGNN_INPUTS;
    count += of_model(keys[count]);
  }
  if (constrained && !inputs_given) {
    keys[count] = PA_REGNN_INPUTS;
    values[count++] = PA_REGNN_INPUT_ONES + PA_REGNN_INPUT_SNR + PA_REGNN_INPUT_WEIGHT + PA_REGNN_INPUT_WEIGHT_SNR;
  }
  pa_regnn *model;
  made(pa_regnn_create(&model, keys, values, count, source.seed, NULL));
  return pa_regnn_policy(model);
}

static void check_keys(enum model model) {
  for (size_t k = 0; k < wanted.keys.count; k++) {
    int32_t key;
    double value;
    split(wanted.keys.items[k], &key, &value);
    if (!of_model(key)) continue;
    if (wanted.from) fail(EXIT_USAGE, "--set %s: the file of --from says it", pa_key_name(key));
    if (model != REGNN) fail(EXIT_USAGE, "--set %s: not of %s", pa_key_name(key), names[model]);
  }
}

/* The model of a file as a policy that lasts until learned_free(). */
static pa_policy *from_file(enum model model) {
  pa_policy *policy;
  must(pa_policy_load(&policy, wanted.from, NULL));
  if (strcmp(pa_policy_name(policy), names[model]) != 0)
    fail(EXIT_FAILED, "%s: a model of kind \"%s\", not \"%s\"", wanted.from, pa_policy_name(policy), names[model]);
  return policy;
}

pa_policy *learned_model(size_t links, bool constrained) {
  enum model model = wanted_model();
  check_options(model);
  check_keys(model);
  if (wanted.from) return from_file(model);
  switch (model) {
  case UWMMSE:
    return new_uwmmse();
  case REGNN:
    return new_regnn(constrained);
  case IGCNET:
    return new_igcnet();
  default:
    return new_mlp(model == MLP ? PA_MLP_POWERS : PA_MLP_PROBABILITIES, links);
  }
}

bool learned_by_probing(const pa_policy *policy) {
  return strcmp(pa_policy_name(policy), "regnn") == 0 || strcmp(pa_policy_name(policy), "fcnn") == 0;
}

void learned_free(pa_policy *policy) {
  pa_uwmmse *uwmmse = pa_policy_uwmmse(policy);
  pa_regnn *regnn = pa_policy_regnn(policy);
  pa_mlp *mlp = pa_policy_mlp(policy);
  pa_igcnet *igcnet = pa_policy_igcnet(policy);
  pa_uwmmse_free(uwmmse);
  pa_regnn_free(regnn);
  pa_mlp_free(mlp);
  pa_igcnet_free(igcnet);
}

void learned_set_trainer(pa_trainer *trainer) {
  for (size_t k = 0; k < wanted.keys.count; k++) {
    int32_t key;
    double value;
    split(wanted.keys.items[k], &key, &value);
    if (!of_model(key) && pa_trainer_set(trainer, key, value) != PA_OK) fail(EXIT_USAGE, "--set: %s", pa_last_error());
  }
}
