/* REGNN paper, figure 3: 20 links, eq. (49) with noise 1 W, p0 = 10 W and an average power budget of 20 W; sum-rates in
 * nat/s/Hz while training, beside baselines at the same mean power. */
#define _GNU_SOURCE
#include "command.h"
#include "comparison.h"
#include "plot.h"
#include "progress.h"
#include "report.h"
#include "reproduce.h"
#include "source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  LINKS = 20,
  BASELINES = 5,
  MODELS = 3,
  METHODS = BASELINES + MODELS,
  COLUMNS = 6,
  POINTS = 200,
  CALIBRATION = 10000
};
enum { CAPPED = 2, PRICED = 3, THRESHOLD = 4, FORTY = BASELINES, BERNOULLI, CONTINUOUS };

#define LIMIT 10.0
#define BUDGET 20.0
#define NATS 0.69314718055994530942

static const struct method {
  const char *name, *label;
} methods[METHODS] = {{"equal", "Equal power, budget / M each"},
                      {"random", "Random links at p0"},
                      {"wmmse", "WMMSE capped at budget / M each"},
                      {"wmmse-priced", "WMMSE at a price"},
                      {"threshold", "Threshold on the own SNR"},
                      {"forty", "REGNN, the paper's 40 parameters"},
                      {"bernoulli", "REGNN, on or off"},
                      {"continuous", "REGNN, continuous powers"}};

typedef struct result {
  uint64_t seed;
  interval rate[METHODS], to_threshold[METHODS], to_priced[METHODS], power[METHODS];
  double seconds[MODELS];
  double step[MODELS][POINTS + 1], curve[MODELS][POINTS + 1]; /* iterations and nat/s/Hz while training */
  size_t points[MODELS];
} result;

typedef struct setting {
  const reproduction_options *o;
  uint64_t steps[MODELS], tests, topologies;
} setting;

static pa_regnn *model_of(size_t model, uint64_t seed) {
  static const int32_t paper_keys[] = {PA_REGNN_LAYERS, PA_REGNN_FEATURES, PA_REGNN_TAPS, PA_REGNN_INPUTS,
                                       PA_REGNN_SHIFT};
  static const double paper[] = {8, 1, 5, PA_REGNN_INPUT_ONES, PA_REGNN_SHIFT_SPECTRAL};
  const int32_t output = PA_REGNN_OUTPUT;
  const double continuous = PA_REGNN_OUTPUT_CONTINUOUS;
  pa_regnn *m;
  if (model + BASELINES == FORTY)
    must(pa_regnn_create(&m, paper_keys, paper, 5, seed, NULL));
  else
    must(pa_regnn_create(&m, &output, &continuous, model + BASELINES == CONTINUOUS, seed, NULL));
  return m;
}

struct watch {
  result *result;
  size_t model;
  progress bar;
};

static int32_t on_progress(void *user, const pa_trainer *trainer) {
  struct watch *w = user;
  result *r = w->result;
  double step, rate;
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_STEP, &step));
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_RATE, &rate));
  if (r->points[w->model] <= POINTS) {
    r->step[w->model][r->points[w->model]] = step;
    r->curve[w->model][r->points[w->model]++] = rate * NATS;
  }
  progress_at(&w->bar, step, "nat/s/Hz", rate * NATS);
  return PA_CALLBACK_OK;
}

static pa_regnn *trained(const setting *s, const pa_network *network, size_t model, result *r) {
  double budget = BUDGET, start = seconds_now();
  pa_regnn *m = model_of(model, r->seed);
  pa_trainer *trainer;
  must(pa_trainer_create(&trainer, pa_regnn_policy(m), network, r->seed, NULL));
  must(pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MEAN_POWER, &budget, 1));
  must(pa_trainer_set(trainer, PA_TRAINER_THREADS, (double)s->o->threads));
  struct watch watch = {r, model,
                        progress_begin(text_of("seed %llu", (unsigned long long)r->seed), (double)s->steps[model])};
  uint64_t every = s->steps[model] / POINTS;
  must(pa_trainer_set_progress(trainer, every > 0 ? every : 1, on_progress, &watch, NULL));
  stop_on_interrupt(trainer);
  pa_status status = pa_trainer_run(trainer, s->steps[model]);
  stop_on_interrupt(NULL);
  progress_end(&watch.bar);
  must(status);
  if (status == PA_STOPPED) fail(EXIT_INTERRUPTED, "interrupted; nothing was written");
  r->seconds[model] = seconds_now() - start;
  must(pa_regnn_save(m,
                     text_of("%s/regnn-fig3-%s-s%llu.safetensors", s->o->out, methods[BASELINES + model].name,
                             (unsigned long long)r->seed),
                     text_of("powalloc %s: reproduce regnn-fig3, %llu steps", pa_version_text(),
                             (unsigned long long)s->steps[model])));
  pa_trainer_free(trainer);
  return m;
}

static pa_policy *baseline(size_t k, const pa_states *calibration) {
  pa_policy *policy;
  double present;
  must(pa_policy_create(&policy, methods[k].name, NULL));
  if (k == PRICED || k == THRESHOLD)
    must(pa_policy_meet_budget(policy, calibration, BUDGET));
  else if (k != CAPPED && pa_policy_get(policy, PA_POLICY_SUM_POWER, &present) == PA_OK)
    must(pa_policy_set(policy, PA_POLICY_SUM_POWER, BUDGET));
  return policy;
}

static void one_topology(const setting *s, result *r) {
  const double noise = 1, limit = LIMIT, share = BUDGET / LINKS;
  pa_network *network;
  pa_states *tests, *capped, *calibration;
  outcome outcomes[METHODS];
  must(pa_network_create_adhoc(&network, LINKS, r->seed, NULL));
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_network_set_power_limit(network, &limit, 1));
  must(pa_network_draw_states(network, STREAM_EVALUATE, 0, s->tests, &tests, NULL));
  must(pa_network_draw_states(network, STREAM_EVALUATE, 0, s->tests, &capped, NULL));
  must(pa_states_set_power_limit(capped, &share, 1));
  must(pa_network_draw_states(network, STREAM_CALIBRATE, 0, CALIBRATION, &calibration, NULL));
  for (size_t k = 0; k < BASELINES; k++) {
    pa_policy *policy = baseline(k, calibration);
    outcomes[k] = outcome_of(methods[k].label, policy, k == CAPPED ? capped : tests, NAN);
    pa_policy_free(policy);
  }
  for (size_t k = 0; k < MODELS; k++) {
    pa_regnn *model = trained(s, network, k, r);
    outcomes[BASELINES + k] = outcome_of(methods[BASELINES + k].label, pa_regnn_policy(model), tests, NAN);
    pa_regnn_free(model);
  }
  for (size_t k = 0; k < METHODS; k++)
    for (size_t b = 0; b < s->tests; b++) outcomes[k].sum_rate[b] *= NATS;
  for (size_t k = 0; k < METHODS; k++) {
    r->rate[k] = mean_of(outcomes[k].sum_rate, s->tests);
    r->power[k] = mean_of(outcomes[k].total_power, s->tests);
    r->to_threshold[k] = ratio_of(outcomes[k].sum_rate, outcomes[THRESHOLD].sum_rate, s->tests);
    r->to_priced[k] = ratio_of(outcomes[k].sum_rate, outcomes[PRICED].sum_rate, s->tests);
  }
  for (size_t k = 0; k < METHODS; k++) outcome_free(&outcomes[k]);
  pa_states_free(tests);
  pa_states_free(capped);
  pa_states_free(calibration);
  pa_network_free(network);
}

/* Mean over topologies of one of a result's intervals, at `offset` in it; with one topology the interval over draws. */
static interval over_topologies(const result *results, size_t count, size_t method, size_t offset) {
  double *values = need(count, sizeof *values);
  const interval *first = (const interval *)(const void *)((const char *)&results[0] + offset) + method;
  for (size_t t = 0; t < count; t++)
    values[t] = ((const interval *)(const void *)((const char *)&results[t] + offset) + method)->value;
  interval mean = count > 1 ? mean_of(values, count) : *first;
  free(values);
  return mean;
}

static double least_over(const result *results, size_t count, size_t method) {
  double least = INFINITY;
  for (size_t t = 0; t < count; t++) least = fmin(least, results[t].to_threshold[method].value);
  return least;
}

static void print_results(const setting *s, const result *results) {
  size_t n = s->topologies;
  const char *cells[(METHODS + 1) * COLUMNS] = {"method", "nat/s/Hz",        "of threshold",
                                                "least",  "of priced WMMSE", "power W"};
  for (size_t k = 0; k < METHODS; k++) {
    const char **row = cells + (k + 1) * COLUMNS;
    row[0] = methods[k].label;
    row[1] = interval_text(over_topologies(results, n, k, offsetof(result, rate)), 3);
    row[2] = interval_text(over_topologies(results, n, k, offsetof(result, to_threshold)), 4);
    row[3] = text_of("%.4f", least_over(results, n, k));
    row[4] = interval_text(over_topologies(results, n, k, offsetof(result, to_priced)), 4);
    row[5] = interval_text(over_topologies(results, n, k, offsetof(result, power)), 2);
  }
  print_table(cells, METHODS + 1, COLUMNS);
  printf("\nseed  threshold nat/s/Hz  of threshold: 40 parameters, on or off, continuous   power W               "
         "trained in s\n");
  for (size_t t = 0; t < n; t++) {
    const result *r = &results[t];
    printf("%4llu  %18.3f  %13.4f %18.4f %13.4f   %6.2f %6.2f %6.2f  %6.1f %5.1f %5.1f\n", (unsigned long long)r->seed,
           r->rate[THRESHOLD].value, r->to_threshold[FORTY].value, r->to_threshold[BERNOULLI].value,
           r->to_threshold[CONTINUOUS].value, r->power[FORTY].value, r->power[BERNOULLI].value,
           r->power[CONTINUOUS].value, r->seconds[0], r->seconds[1], r->seconds[2]);
  }
  printf("\nThe paper's claim, REGNN above WMMSE, is about WMMSE capped at budget / M each; WMMSE at a price, or a "
         "threshold\n"
         "on each link's own SNR, spends the same mean power far better. +- is a 95 %% interval over %s.\n",
         n > 1 ? "the topologies" : "the draws");
}

static void write_csv(const setting *s, const char *base, const result *results) {
  text t = {0};
  text_add(&t, "seed,method,sum_rate_nats,sum_rate_95,ratio_to_threshold,ratio_to_priced,total_power\n");
  for (size_t k = 0; k < s->topologies; k++)
    for (size_t m = 0; m < METHODS; m++)
      text_add(&t, "%llu,%s,%.6f,%.6f,%.6f,%.6f,%.6f\n", (unsigned long long)results[k].seed, methods[m].name,
               results[k].rate[m].value, results[k].rate[m].half_width, results[k].to_threshold[m].value,
               results[k].to_priced[m].value, results[k].power[m].value);
  write_text(text_of("%s.csv", base), t.bytes);
  free(t.bytes);
}

static void write_results_json(const setting *s, const char *base, const result *results) {
  cJSON *json = cJSON_CreateObject(), *rows = cJSON_CreateArray(), *means = cJSON_CreateArray();
  cJSON_AddStringToObject(json, "name", "regnn-fig3");
  cJSON_AddStringToObject(json, "version", pa_version_text());
  cJSON_AddNumberToObject(json, "links", LINKS);
  cJSON_AddNumberToObject(json, "noise_power", 1);
  cJSON_AddNumberToObject(json, "pmax", LIMIT);
  cJSON_AddNumberToObject(json, "power_budget", BUDGET);
  cJSON_AddNumberToObject(json, "tests", (double)s->tests);
  for (size_t m = 0; m < METHODS; m++) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "method", methods[m].name);
    if (m >= BASELINES) cJSON_AddNumberToObject(row, "steps", (double)s->steps[m - BASELINES]);
    add_interval(row, "sum_rate_nats", over_topologies(results, s->topologies, m, offsetof(result, rate)));
    add_interval(row, "ratio_to_threshold", over_topologies(results, s->topologies, m, offsetof(result, to_threshold)));
    add_interval(row, "ratio_to_priced", over_topologies(results, s->topologies, m, offsetof(result, to_priced)));
    add_interval(row, "total_power", over_topologies(results, s->topologies, m, offsetof(result, power)));
    cJSON_AddItemToArray(means, row);
  }
  for (size_t k = 0; k < s->topologies; k++) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddNumberToObject(row, "seed", (double)results[k].seed);
    for (size_t m = 0; m < METHODS; m++) {
      cJSON *of = cJSON_AddObjectToObject(row, methods[m].name);
      add_interval(of, "sum_rate_nats", results[k].rate[m]);
      add_interval(of, "ratio_to_threshold", results[k].to_threshold[m]);
      add_interval(of, "total_power", results[k].power[m]);
      if (m >= BASELINES) cJSON_AddNumberToObject(of, "train_seconds", results[k].seconds[m - BASELINES]);
    }
    cJSON_AddItemToArray(rows, row);
  }
  cJSON_AddItemToObject(json, "mean_over_topologies", means);
  cJSON_AddItemToObject(json, "topologies", rows);
  write_json_to(text_of("%s.json", base), json);
}

/* The first topology's learning curves, as the paper's figure is of one. */
static void draw(const char *base, const result *first) {
  static const char *const colours[METHODS] = {"#999999", "#8c564b", "#1f77b4", "#17becf",
                                               "#ff7f0e", "#9467bd", "#2ca02c", "#d62728"};
  text data = {0}, script = {0};
  double end = 0;
  for (size_t m = 0; m < MODELS; m++) {
    text_add(&data, "%s# iteration, nat/s/Hz while training: %s\n", m ? "\n\n" : "", methods[BASELINES + m].name);
    for (size_t k = 0; k < first->points[m]; k++) text_add(&data, "%.0f %.5f\n", first->step[m][k], first->curve[m][k]);
    if (first->points[m] > 0) end = fmax(end, first->step[m][first->points[m] - 1]);
  }
  write_text(text_of("%s.dat", base), data.bytes);
  text_add(&script,
           "if (svg) set terminal svg size 860,640 font 'Helvetica,14' background 'white'; "
           "else set terminal pngcairo size 1720,1280 font 'Helvetica,26' background 'white' linewidth 2\n"
           "set output output\nset title 'REGNN learns by probing: 20 links, average power budget 20 W'\n"
           "set xlabel 'training iteration'\nset ylabel 'sum-rate, nat/s/Hz'\nset xrange [0:%g]\nset yrange [0:*]\n"
           "set key outside bottom center maxcols 2 spacing 1.2\nset grid ytics linecolor '#dddddd'\nplot ",
           end);
  for (size_t m = 0; m < BASELINES; m++)
    text_add(&script, "%g with lines dashtype 2 linecolor '%s' title \"%s\", ", first->rate[m].value, colours[m],
             methods[m].label);
  const char *file = gnuplot_text(text_of("%s.dat", base));
  for (size_t m = 0; m < MODELS; m++)
    text_add(&script, "%s index %zu with lines linewidth 2 linecolor '%s' title \"%s\"%s", file, m,
             colours[BASELINES + m], methods[BASELINES + m].label, m + 1 < MODELS ? ", " : "\n");
  plot(base, script.bytes);
  free(data.bytes);
  free(script.bytes);
}

int reproduce_regnn_fig3(const reproduction_options *o) {
  setting s = {.o = o, .steps = {20000, 10000, 20000}, .tests = 20000, .topologies = o->topologies};
  if (o->quick) {
    for (size_t k = 0; k < MODELS; k++) s.steps[k] /= 20;
    s.tests = 2000;
    s.topologies = 1;
  }
  result *results = need(s.topologies, sizeof *results);
  for (size_t k = 0; k < s.topologies; k++) {
    results[k].seed = o->seed + k;
    one_topology(&s, &results[k]);
  }
  const char *base = text_of("%s/regnn-fig3", o->out);
  print_results(&s, results);
  write_csv(&s, base, results);
  write_results_json(&s, base, results);
  draw(base, &results[0]);
  printf("Data: %s.csv, %s.json. Picture: %s.svg, %s.png. Models: %s-*.safetensors.\n", base, base, base, base, base);
  free(results);
  return EXIT_SUCCESS;
}
