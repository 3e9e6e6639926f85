#include "learned.h"

#include "command.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
  const char *model, *from, *architecture, *output;
  uint64_t layers, hidden, features, taps;
  list keys;
} wanted = {.layers = NOT_GIVEN, .hidden = NOT_GIVEN, .features = NOT_GIVEN, .taps = NOT_GIVEN};

const option learned_table[] = {
    {"--model", TEXT, &wanted.model, "uwmmse|regnn", "what to train"},
    {"--from", TEXT, &wanted.from, "FILE", "fine-tune this model"},
    {"--layers", COUNT, &wanted.layers, "L", "layers (default 4)"},
    {"--architecture", TEXT, &wanted.architecture, "paper|extended", "of UWMMSE (default extended)"},
    {"--hidden", COUNT, &wanted.hidden, "N", "of UWMMSE: hidden width of the GCNs (default 5)"},
    {"--features", COUNT, &wanted.features, "F", "of REGNN: features between the layers (default 4)"},
    {"--taps", COUNT, &wanted.taps, "K", "of REGNN: taps of a filter (default 5)"},
    {"--output", TEXT, &wanted.output, "bernoulli|levels|continuous",
     "of REGNN: powers (default bernoulli: on or off)"},
    {"--set", TEXTS, &wanted.keys, "KEY=VALUE", "a key, such as trainer.learning_rate=3e-3 or regnn.bias=1"},
    {NULL, FLAG, NULL, NULL, NULL}};

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

static pa_uwmmse *new_uwmmse(void) {
  static const char *const foreign[] = {"--features", "--taps", "--output"};
  const bool given[] = {wanted.features != NOT_GIVEN, wanted.taps != NOT_GIVEN, wanted.output != NULL};
  pa_uwmmse *model;
  for (size_t k = 0; k < 3; k++)
    if (given[k]) fail(EXIT_USAGE, "%s: of REGNN, not of UWMMSE", foreign[k]);
  const char *name = wanted.architecture ? wanted.architecture : "extended";
  int32_t architecture = strcmp(name, "paper") == 0 ? PA_UWMMSE_PAPER : PA_UWMMSE_EXTENDED;
  if (strcmp(name, "paper") != 0 && strcmp(name, "extended") != 0)
    fail(EXIT_USAGE, "--architecture: \"%s\" is neither paper nor extended", name);
  size_t layers = wanted.layers == NOT_GIVEN ? 4 : wanted.layers,
         hidden = wanted.hidden == NOT_GIVEN ? 5 : wanted.hidden;
  if (pa_uwmmse_create(&model, architecture, layers, hidden, source.seed, NULL) != PA_OK)
    fail(EXIT_USAGE, "%s", pa_last_error());
  return model;
}

static double output_kind(void) {
  static const char *const names[] = {"bernoulli", "levels", "continuous"};
  static const int32_t kinds[] = {PA_REGNN_OUTPUT_BERNOULLI, PA_REGNN_OUTPUT_LEVELS, PA_REGNN_OUTPUT_CONTINUOUS};
  for (size_t k = 0; k < 3; k++)
    if (strcmp(wanted.output, names[k]) == 0) return kinds[k];
  fail(EXIT_USAGE, "--output: \"%s\" is none of bernoulli, levels, continuous", wanted.output);
}

static pa_regnn *new_regnn(bool constrained) {
  int32_t keys[LIST_MOST + 5];
  double values[LIST_MOST + 5];
  size_t count = 0;
  if (wanted.architecture || wanted.hidden != NOT_GIVEN)
    fail(EXIT_USAGE, "%s: of UWMMSE, not of REGNN", wanted.architecture ? "--architecture" : "--hidden");
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
  if (pa_regnn_create(&model, keys, values, count, source.seed, NULL) != PA_OK) fail(EXIT_USAGE, "%s", pa_last_error());
  return model;
}

static void check_from(void) {
  if (wanted.architecture || wanted.output || wanted.layers != NOT_GIVEN || wanted.hidden != NOT_GIVEN ||
      wanted.features != NOT_GIVEN || wanted.taps != NOT_GIVEN)
    fail(EXIT_USAGE, "--from: the file says the architecture and its sizes");
  for (size_t k = 0; k < wanted.keys.count; k++) {
    int32_t key;
    double value;
    split(wanted.keys.items[k], &key, &value);
    if (of_model(key)) fail(EXIT_USAGE, "--set %s: the file of --from says it", pa_key_name(key));
  }
}

learned learned_model(bool constrained) {
  learned m = {NULL, NULL, NULL};
  if (!wanted.model) fail(EXIT_USAGE, "--model is missing: uwmmse or regnn");
  bool uwmmse = strcmp(wanted.model, "uwmmse") == 0;
  if (!uwmmse && strcmp(wanted.model, "regnn") != 0)
    fail(EXIT_USAGE, "--model: this version trains uwmmse and regnn, not \"%s\"", wanted.model);
  if (wanted.from) check_from();
  if (uwmmse && wanted.from)
    must(pa_uwmmse_load(&m.uwmmse, wanted.from, NULL));
  else if (uwmmse)
    m.uwmmse = new_uwmmse();
  else if (wanted.from)
    must(pa_regnn_load(&m.regnn, wanted.from, NULL));
  else
    m.regnn = new_regnn(constrained);
  m.policy = uwmmse ? pa_uwmmse_policy(m.uwmmse) : pa_regnn_policy(m.regnn);
  return m;
}

void learned_save(const learned *m, const char *path, const char *note) {
  must(m->uwmmse ? pa_uwmmse_save(m->uwmmse, path, note) : pa_regnn_save(m->regnn, path, note));
}

void learned_free(learned *m) {
  pa_uwmmse_free(m->uwmmse);
  pa_regnn_free(m->regnn);
}

void learned_set_trainer(pa_trainer *trainer) {
  for (size_t k = 0; k < wanted.keys.count; k++) {
    int32_t key;
    double value;
    split(wanted.keys.items[k], &key, &value);
    if (!of_model(key) && pa_trainer_set(trainer, key, value) != PA_OK) fail(EXIT_USAGE, "--set: %s", pa_last_error());
  }
}
