#define _GNU_SOURCE
#include "beyond.h"
#include "command.h"
#include "learned.h"
#include "options.h"
#include "progress.h"
#include "ranks.h"
#include "recorded.h"
#include "report.h"
#include "source.h"
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
  const char *utility, *min_rate, *out, *checkpoint, *teacher, *precision;
  uint64_t iterations, batch, threads, checkpoint_every;
  bool resume, single;
  double budget;
  list channels;
} wanted = {.iterations = NOT_GIVEN, .batch = NOT_GIVEN, .threads = NOT_GIVEN, .checkpoint_every = 1000, .budget = NAN};

static const option own[] = {
    {"--channel", INPUTS, &wanted.channels, "H.npy",
     "channel amplitudes [B,M,M] or [M,M] (row: transmitter), or a .npz of sparse ones; may be given several times"},
    {"--power-budget", POWER, &wanted.budget, "W", "REGNN, FCNN: mean over the states of the sum of the powers"},
    {"--min-rate", INPUT, &wanted.min_rate, "R|r.npy",
     "REGNN, FCNN: least mean rate of each link in bit/s/Hz, one or [M]"},
    {"--utility", TEXT, &wanted.utility, "sum|proportional-fair|harmonic|min|soft-min",
     "REGNN, FCNN: of the mean rates (default sum)"},
    {"--teacher", TEXT, &wanted.teacher, "NAME|none",
     "policy whose powers are imitated (default: MLP wmmse, others none: they learn the sum-rate)"},
    {"--iterations", COUNT, &wanted.iterations, "N", "steps (default: REGNN and FCNN 10000, others 20000)"},
    {"--batch", COUNT, &wanted.batch, "B", "states per step (default: REGNN and FCNN 16, others 64)"},
    {"--precision", TEXT, &wanted.precision, "double|single",
     "UWMMSE, REGNN: of the states and what is computed of them (default double); single is faster"},
    {"--threads", COUNT, &wanted.threads, "N",
     "threads (default: one a processor, --mpi: shared by the ranks); the weights do not depend on it"},
    {"--out", OUTPUT, &wanted.out, "FILE", "where the model goes"},
    {"--checkpoint", OUTPUT, &wanted.checkpoint, "FILE", "also keep the run here, to go on later"},
    {"--checkpoint-every", COUNT, &wanted.checkpoint_every, "N", "steps between checkpoints (default 1000)"},
    {"--resume", FLAG, &wanted.resume, "", "go on from --checkpoint, bit for bit as if never interrupted"},
    {NULL, FLAG, NULL, NULL, NULL}};

static void check_precision(void) {
  wanted.single = wanted.precision && strcmp(wanted.precision, "single") == 0;
  if (wanted.precision && !wanted.single && strcmp(wanted.precision, "double") != 0)
    fail(EXIT_USAGE, "--precision: \"%s\" is neither double nor single", wanted.precision);
}

static void check_wanted(const pa_policy *policy) {
  bool probing = learned_by_probing(policy);
  if (!wanted.out) fail(EXIT_USAGE, "--out is missing: the file for the model");
  if (wanted.batch == 0) fail(EXIT_USAGE, "--batch must be at least 1");
  if (wanted.batch == NOT_GIVEN) wanted.batch = 0; /* the recipe's */
  if (wanted.iterations == 0) fail(EXIT_USAGE, "--iterations must be at least 1");
  if (wanted.iterations == NOT_GIVEN) wanted.iterations = probing ? 10000 : 20000;
  if (wanted.resume && !wanted.checkpoint) fail(EXIT_USAGE, "--resume needs --checkpoint: the file to go on from");
  const struct {
    const char *name;
    bool given;
  } of_probing[] = {{"--power-budget", !isnan(wanted.budget)},
                    {"--min-rate", wanted.min_rate != NULL},
                    {"--utility", wanted.utility != NULL}};
  for (size_t k = 0; k < 3 && !probing; k++)
    if (of_probing[k].given)
      fail(EXIT_USAGE, "%s: %s learns the sum-rate under --pmax and knows no such problem", of_probing[k].name,
           pa_policy_name(policy));
  if (wanted.teacher && probing)
    fail(EXIT_USAGE, "--teacher: %s learns from rewards, not from a teacher", pa_policy_name(policy));
}

/* The teacher lasts as long as the command: the trainer borrows it. */
static void set_teacher(pa_trainer *trainer, const pa_policy *policy) {
  const char *name = wanted.teacher ? wanted.teacher : strcmp(pa_policy_name(policy), "mlp") == 0 ? "wmmse" : "none";
  pa_policy *teacher;
  if (strcmp(name, "none") == 0) return;
  if (pa_policy_create(&teacher, name, NULL) != PA_OK) fail(EXIT_USAGE, "--teacher: %s", pa_last_error());
  must(pa_trainer_set_teacher(trainer, teacher));
}

/* ---- the problem of model-free training ---- */

static void set_utility(pa_trainer *trainer) {
  static const char *const names[] = {"sum", "proportional-fair", "harmonic", "min", "soft-min"};
  for (int32_t k = 0; k < 5; k++)
    if (strcmp(wanted.utility, names[k]) == 0) {
      must(pa_trainer_set_utility(trainer, PA_UTILITY_SUM + k, NULL, 0));
      return;
    }
  fail(EXIT_USAGE, "--utility: \"%s\" is none of sum, proportional-fair, harmonic, min, soft-min", wanted.utility);
}

static void add_min_rate(pa_trainer *trainer) {
  pa_array *array;
  double *rates = rate_or_array(wanted.min_rate, "--min-rate", &array);
  size_t count = array ? pa_array_size(array) : 1;
  if (pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MIN_REWARD, rates, count) != PA_OK)
    fail(EXIT_FAILED, "%s: %s", array ? wanted.min_rate : "--min-rate", pa_last_error());
  pa_array_free(array);
  free(rates);
}

static void set_problem(pa_trainer *trainer, size_t links) {
  must(pa_trainer_set_reward(trainer, links, pa_reward_capacity, NULL, NULL));
  if (wanted.utility) set_utility(trainer);
  if (wanted.min_rate) add_min_rate(trainer);
  if (!isnan(wanted.budget) && pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MEAN_POWER, &wanted.budget, 1) != PA_OK)
    fail(EXIT_USAGE, "--power-budget: %s", pa_last_error());
}

/* ---- results ---- */

static beyond left_out = {NAN, NAN}; /* by the cut-off of the network, over the noise */

/* How the model came about, kept in its file: by how many ranks does not matter. */
static const char *note(const training *t, int count, char **words) {
  text n = {0};
  text_add(&n, "powalloc %s: train", pa_version_text());
  for (int k = 0; k < count; k++)
    if (strcmp(words[k], "--mpi") != 0) text_add(&n, " %s", words[k]);
  if (isnan(t->baseline_rate))
    text_add(&n, "; utility on held-out states %.4f at %.4f W mean power, step %.0f of %llu", t->held_out_rate,
             t->power, t->best_step, (unsigned long long)t->steps);
  else
    text_add(&n, "; sum-rate on held-out states %.4f of WMMSE-100's %.4f bit/s/Hz, step %.0f of %llu",
             t->held_out_rate / t->baseline_rate, t->baseline_rate, t->best_step, (unsigned long long)t->steps);
  return n.bytes;
}

static void print_left_out(void) {
  if (!isnan(left_out.mean)) print_table((const char *const[]){beyond_text(left_out), NULL}, 1, 2);
}

static cJSON *source_of_report(void) {
  if (wanted.channels.count < 2) return source_json();
  cJSON *json = cJSON_CreateObject(),
        *files = cJSON_CreateStringArray(wanted.channels.items, (int)wanted.channels.count);
  cJSON_AddItemToObject(json, "channels", files);
  return json;
}

static cJSON *report_begin(const training *t) {
  cJSON *json = cJSON_CreateObject(), *from = source_of_report();
  beyond_add_json(from, "left_out_over_noise", left_out);
  cJSON_AddStringToObject(json, "model", wanted.out);
  cJSON_AddItemToObject(json, "source", from);
  cJSON_AddStringToObject(json, "version", pa_version_text());
  cJSON_AddNumberToObject(json, "best_step", t->best_step);
  cJSON_AddNumberToObject(json, "seconds", t->seconds);
  cJSON_AddBoolToObject(json, "complete", t->complete);
  return json;
}

static void report_model_based(const training *t) {
  cJSON *json = report_begin(t);
  cJSON_AddNumberToObject(json, "held_out_sum_rate", t->held_out_rate);
  cJSON_AddNumberToObject(json, "wmmse_sum_rate", t->baseline_rate);
  cJSON_AddNumberToObject(json, "ratio_to_wmmse", t->held_out_rate / t->baseline_rate);
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
  print_left_out();
  write_json(json);
}

static void report_model_free(const training *t, const pa_trainer *trainer, size_t links) {
  cJSON *json = report_begin(t);
  double *rates = need(links, sizeof *rates), sum = 0, least = INFINITY;
  must(pa_trainer_mean_rewards(trainer, rates, links));
  for (size_t i = 0; i < links; i++) sum += rates[i], least = fmin(least, rates[i]);
  cJSON_AddNumberToObject(json, "held_out_utility", t->held_out_rate);
  cJSON_AddNumberToObject(json, "held_out_sum_rate", sum);
  cJSON_AddItemToObject(json, "held_out_rates", cJSON_CreateDoubleArray(rates, (int)links));
  cJSON_AddNumberToObject(json, "mean_power", t->power);
  cJSON_AddNumberToObject(json, "worst_violation", fmax(t->violation, 0));
  const char *const cells[] = {"model",
                               "utility",
                               "sum-rate bit/s/Hz",
                               "least rate",
                               "mean power W",
                               "worst violation",
                               "best step",
                               "seconds",
                               wanted.out,
                               text_of("%.4f", t->held_out_rate),
                               text_of("%.4f", sum),
                               text_of("%.4f", least),
                               text_of("%.4f", t->power),
                               text_of("%.2f %%", 100 * fmax(t->violation, 0)),
                               text_of("%.0f", t->best_step),
                               text_of("%.1f", t->seconds)};
  print_table(cells, 2, 8);
  print_left_out();
  write_json(json);
  free(rates);
}

/* What a REGNN learned of each link's constraint goes with it. */
static void keep_link_weights(const pa_trainer *trainer, pa_policy *policy, size_t links) {
  pa_regnn *model = pa_policy_regnn(policy);
  double *weights = need(links, sizeof *weights);
  must(pa_trainer_link_weights(trainer, weights, links));
  if (model) must(pa_regnn_set_link_weights(model, weights, links));
  free(weights);
}

static void say_how_to_go_on(const training *t) {
  if (t->complete) return;
  if (wanted.checkpoint)
    fprintf(stderr, "interrupted; the best model so far is in %s; the same command with --resume goes on from %s\n",
            wanted.out, wanted.checkpoint);
  else
    fprintf(stderr, "interrupted; the best model so far is in %s; with --checkpoint FILE a run can be resumed\n",
            wanted.out);
}

int train(int count, char **words) {
  parse_options("train --model NAME --noise-power W --pmax W --out FILE [network options | --channel H.npy ...]",
                "Trains a policy on fresh draws of a network, or on the states of a file (the last fifth held out): "
                "UWMMSE and\n"
                "IGCNet on the sum-rate, MLP by imitation of WMMSE, REGNN and FCNN model-free on a utility of the mean "
                "rates under\nconstraints. UWMMSE and IGCNet take several files, of networks of any sizes, as one set "
                "of states.",
                (const option *const[]){learned_table, own, network_options, channel_options, physics_options,
                                        ranks_table, progress_table, json_table, NULL},
                count, words, NULL);
  pa_policy *policy;
  pa_trainer *trainer;
  pa_network *network = NULL;
  recorded r = {.links = 0};
  size_t links;
  check_precision();
  if (wanted.channels.count > 0) {
    source.channel = wanted.channels.items[0]; /* as far as one is meant */
    r = recorded_load(&wanted.channels, wanted.single);
    links = r.links;
  } else {
    if (source.weights) fail(EXIT_USAGE, "--weights: training on a network counts all links alike; give --channel");
    network = source_network(true);
    left_out = beyond_of(network, source_noise());
    links = pa_network_links(network);
  }
  policy = learned_model(links, wanted.min_rate != NULL);
  check_wanted(policy);
  bool probing = learned_by_probing(policy);
  if (r.states)
    recorded_must(&r, pa_trainer_create_on_states(&trainer, policy, r.states, source.seed, NULL));
  else
    must(pa_trainer_create(&trainer, policy, network, source.seed, NULL));
  if (probing)
    set_problem(trainer, links);
  else
    set_teacher(trainer, policy);
  if (pa_trainer_set(trainer, PA_TRAINER_PRECISION, wanted.single) != PA_OK)
    fail(EXIT_USAGE, "--precision: %s", pa_last_error());
  must(pa_trainer_set(trainer, PA_TRAINER_SCHEDULE, (double)wanted.iterations));
  if (pa_trainer_set(trainer, PA_TRAINER_BATCH, (double)wanted.batch) != PA_OK)
    fail(EXIT_USAGE, "--batch: %s", pa_last_error());
  uint64_t threads = wanted.threads == NOT_GIVEN ? online_processors() : wanted.threads;
  if (pa_trainer_set(trainer, PA_TRAINER_THREADS, (double)threads) != PA_OK)
    fail(EXIT_USAGE, "--threads: %s", pa_last_error());
  learned_set_trainer(trainer);
  if (wanted.resume) must(pa_trainer_resume(trainer, wanted.checkpoint));
  training t = {.what = "training",
                .checkpoint = wanted.checkpoint,
                .checkpoint_every = wanted.checkpoint_every,
                .steps = wanted.iterations};
  run_training(&t, trainer);
  if (wanted.min_rate) keep_link_weights(trainer, policy, links);
  if (ranks_first()) {
    must(pa_policy_save(policy, wanted.out, note(&t, count, words)));
    if (probing)
      report_model_free(&t, trainer, links);
    else
      report_model_based(&t);
    say_how_to_go_on(&t);
    if (t.infeasible) fprintf(stderr, "%s\n", t.infeasible);
  }
  pa_trainer_free(trainer);
  learned_free(policy);
  recorded_free(&r);
  pa_network_free(network);
  return !t.complete ? EXIT_INTERRUPTED : t.infeasible ? EXIT_FAILED : EXIT_SUCCESS;
}
