#define _GNU_SOURCE
#include "command.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "source.h"
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
  const char *model, *architecture, *from, *out, *checkpoint;
  uint64_t layers, hidden, iterations, batch, threads, checkpoint_every;
  bool resume;
  double budget;
  list keys;
} wanted = {.layers = NOT_GIVEN,
            .hidden = NOT_GIVEN,
            .iterations = 20000,
            .batch = 64,
            .threads = NOT_GIVEN,
            .checkpoint_every = 1000,
            .budget = NAN};

static const option own[] = {
    {"--model", TEXT, &wanted.model, "uwmmse", "what to train"},
    {"--architecture", TEXT, &wanted.architecture, "paper|extended", "of UWMMSE (default extended)"},
    {"--layers", COUNT, &wanted.layers, "K", "unfolded layers (default 4)"},
    {"--hidden", COUNT, &wanted.hidden, "N", "hidden width of the GCNs (default 5)"},
    {"--from", TEXT, &wanted.from, "FILE", "fine-tune this model"},
    {"--iterations", COUNT, &wanted.iterations, "N", "steps (default 20000)"},
    {"--batch", COUNT, &wanted.batch, "B", "states per step (default 64)"},
    {"--threads", COUNT, &wanted.threads, "N", "threads (default: one a processor); the weights do not depend on it"},
    {"--set", TEXTS, &wanted.keys, "KEY=VALUE", "a key of the trainer, such as trainer.learning_rate=3e-3"},
    {"--out", OUTPUT, &wanted.out, "FILE", "where the model goes"},
    {"--checkpoint", OUTPUT, &wanted.checkpoint, "FILE", "also keep the run here, to go on later"},
    {"--checkpoint-every", COUNT, &wanted.checkpoint_every, "N", "steps between checkpoints (default 1000)"},
    {"--resume", FLAG, &wanted.resume, "", "go on from --checkpoint, bit for bit as if never interrupted"},
    {"--power-budget", POWER, &wanted.budget, "W", "mean total power; for policies that learn under one"},
    {NULL, FLAG, NULL, NULL, NULL}};

static void check_wanted(void) {
  if (!wanted.model) fail(EXIT_USAGE, "--model is missing: uwmmse");
  if (strcmp(wanted.model, "uwmmse") != 0)
    fail(EXIT_USAGE, "--model: this version trains uwmmse, not \"%s\"", wanted.model);
  if (!wanted.out) fail(EXIT_USAGE, "--out is missing: the file for the model");
  if (!isnan(wanted.budget))
    fail(EXIT_USAGE, "--power-budget: uwmmse learns the sum-rate under --pmax and knows no average budget");
  if (wanted.iterations == 0) fail(EXIT_USAGE, "--iterations must be at least 1");
  if (wanted.resume && !wanted.checkpoint) fail(EXIT_USAGE, "--resume needs --checkpoint: the file to go on from");
  if (wanted.from && (wanted.architecture || wanted.layers != NOT_GIVEN || wanted.hidden != NOT_GIVEN))
    fail(EXIT_USAGE, "--from: the file says the architecture, layers and hidden width");
}

static pa_uwmmse *make_model(void) {
  pa_uwmmse *model;
  if (wanted.from) {
    must(pa_uwmmse_load(&model, wanted.from, NULL));
    return model;
  }
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

static void set_keys(pa_trainer *trainer) {
  for (size_t k = 0; k < wanted.keys.count; k++) {
    const char *item = wanted.keys.items[k], *equals = strchr(item, '=');
    if (!equals) fail(EXIT_USAGE, "--set: \"%s\" is not KEY=VALUE", item);
    char name[64], *end;
    snprintf(name, sizeof name, "%.*s", (int)(equals - item), item);
    double value = strtod(equals + 1, &end);
    if (end == equals + 1 || *end) fail(EXIT_USAGE, "--set: \"%s\" is not a number", equals + 1);
    int32_t key = pa_key_find(name);
    if (!key) fail(EXIT_USAGE, "--set: there is no key %s", name);
    if (pa_trainer_set(trainer, key, value) != PA_OK) fail(EXIT_USAGE, "--set: %s", pa_last_error());
  }
}

/* How the model came about, kept in its file. */
static const char *note(const training *t, int count, char **words) {
  text n = {0};
  text_add(&n, "powalloc %s: train", pa_version_text());
  for (int k = 0; k < count; k++) text_add(&n, " %s", words[k]);
  text_add(&n, "; sum-rate on held-out states %.4f of WMMSE-100's %.4f bit/s/Hz, step %.0f of %llu",
           t->held_out_rate / t->baseline_rate, t->baseline_rate, t->best_step, (unsigned long long)t->steps);
  return n.bytes;
}

static void report(const training *t) {
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "model", wanted.out);
  cJSON_AddItemToObject(json, "source", source_json());
  cJSON_AddStringToObject(json, "version", pa_version_text());
  cJSON_AddNumberToObject(json, "held_out_sum_rate", t->held_out_rate);
  cJSON_AddNumberToObject(json, "wmmse_sum_rate", t->baseline_rate);
  cJSON_AddNumberToObject(json, "ratio_to_wmmse", t->held_out_rate / t->baseline_rate);
  cJSON_AddNumberToObject(json, "best_step", t->best_step);
  cJSON_AddNumberToObject(json, "seconds", t->seconds);
  cJSON_AddBoolToObject(json, "complete", t->complete);
  const char *const cells[] = {"model",
                               "sum-rate bit/s/Hz",
                               "of WMMSE-100",
                               "best step",
                               "seconds",
                               wanted.out,
                               text_of("%.3f", t->held_out_rate),
                               text_of("%.4f", t->held_out_rate / t->baseline_rate),
                               text_of("%.0f", t->best_step),
                               text_of("%.1f", t->seconds)};
  print_table(cells, 2, 5);
  write_json(json);
}

int train(int count, char **words) {
  parse_options(
      "train --model uwmmse --noise-power W --pmax W --out FILE [network options | --channel H.npy]",
      "Trains a policy on fresh draws of a network, or on the states of a file (the last fifth held out).",
      (const option *const[]){own, network_options, channel_options, physics_options, progress_table, json_table, NULL},
      count, words, NULL);
  check_wanted();
  pa_uwmmse *model = make_model();
  pa_trainer *trainer;
  pa_network *network = NULL;
  pa_array *channels = NULL;
  pa_states *states = NULL;
  if (source.channel) {
    size_t batch, links;
    channels = source_channels(source.channel, &batch, &links);
    states = source_states(batch, links, pa_array_data(channels));
    source_must(pa_trainer_create_on_states(&trainer, pa_uwmmse_policy(model), states, source.seed, NULL));
  } else {
    if (source.weights) fail(EXIT_USAGE, "--weights: training on a network counts all links alike; give --channel");
    network = source_network(true);
    must(pa_trainer_create(&trainer, pa_uwmmse_policy(model), network, source.seed, NULL));
  }
  must(pa_trainer_set(trainer, PA_TRAINER_SCHEDULE, (double)wanted.iterations));
  if (pa_trainer_set(trainer, PA_TRAINER_BATCH, (double)wanted.batch) != PA_OK)
    fail(EXIT_USAGE, "--batch: %s", pa_last_error());
  uint64_t threads = wanted.threads == NOT_GIVEN ? online_processors() : wanted.threads;
  if (pa_trainer_set(trainer, PA_TRAINER_THREADS, (double)threads) != PA_OK)
    fail(EXIT_USAGE, "--threads: %s", pa_last_error());
  set_keys(trainer);
  if (wanted.resume) must(pa_trainer_resume(trainer, wanted.checkpoint));
  training t = {.what = "training",
                .checkpoint = wanted.checkpoint,
                .checkpoint_every = wanted.checkpoint_every,
                .steps = wanted.iterations};
  run_training(&t, trainer);
  must(pa_uwmmse_save(model, wanted.out, note(&t, count, words)));
  report(&t);
  if (!t.complete && wanted.checkpoint)
    fprintf(stderr, "interrupted; the best model so far is in %s; the same command with --resume goes on from %s\n",
            wanted.out, wanted.checkpoint);
  else if (!t.complete)
    fprintf(stderr, "interrupted; the best model so far is in %s; with --checkpoint FILE a run can be resumed\n",
            wanted.out);
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  pa_states_free(states);
  pa_array_free(channels);
  pa_network_free(network);
  return t.complete ? EXIT_SUCCESS : EXIT_INTERRUPTED;
}
