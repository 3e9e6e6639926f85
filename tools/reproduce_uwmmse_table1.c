/* UWMMSE paper, table 1 and figure 2(a): 20 links, ad hoc, noise sigma = 2.6e-5 in the text and 10^-9.1 W in the
 * authors' code, 6400 test draws. */
#define _GNU_SOURCE
#include "command.h"
#include "comparison.h"
#include "plot.h"
#include "report.h"
#include "reproduce.h"
#include "source.h"
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { METHODS = 4, UWMMSE = 3, WMMSE = 1, LINKS = 20, COLUMNS = 8, MOST_TOPOLOGIES = 1000, CHECKPOINT_EVERY = 5000 };

static const struct method {
  const char *policy, *label;
  double paper_rate, paper_ms;
} methods[METHODS] = {{"full-power", "Full power", NAN, NAN},
                      {"wmmse", "WMMSE-100", 82.94, 16.0},
                      {"wmmse-truncated", "WMMSE-4", 76.49, 1.0},
                      {"uwmmse", "UWMMSE", 83.21, 2.0}};

typedef struct cell {
  interval rate, ratio, power;
  double median;
} cell;

typedef struct result {
  uint64_t seed;
  double train_seconds, best_step;
  bool reused;
  cell cells[METHODS];
  double *rates[METHODS]; /* [tests], for the picture */
} result;

typedef struct setting {
  const reproduction_options *o;
  uint64_t steps, tests, topologies;
  int32_t architecture;
} setting;

/* Training of a seed in this setting, as the note in its model file: a file that bears it is used again. */
static const char *note_of(const setting *s, uint64_t seed) {
  return text_of(
      "powalloc %s: reproduce uwmmse-table1, %s, ad hoc, %d links, seed %llu, noise -91 dB, pmax 1 W, %llu steps of 64",
      pa_version_text(), s->o->architecture, LINKS, (unsigned long long)seed, (unsigned long long)s->steps);
}

static bool load_trained(pa_uwmmse **model, const char *path, const char *note, result *r) {
  pa_model_file *file;
  if (access(path, R_OK) != 0) return false;
  if (pa_model_file_load(&file, path, NULL) != PA_OK) return false;
  const char *trained = pa_model_file_metadata(file, "trained");
  bool ours = trained && strncmp(trained, note, strlen(note)) == 0 &&
              sscanf(trained + strlen(note), "; best at %lf, %lf s", &r->best_step, &r->train_seconds) == 2;
  pa_model_file_free(file);
  return ours && pa_uwmmse_load(model, path, NULL) == PA_OK;
}

static pa_uwmmse *trained_model(const setting *s, const pa_network *network, result *r) {
  pa_uwmmse *model;
  pa_trainer *trainer;
  const char *path = text_of("%s/uwmmse-table1-s%llu.safetensors", s->o->out, (unsigned long long)r->seed);
  const char *note = note_of(s, r->seed);
  r->reused = load_trained(&model, path, note, r);
  if (r->reused) return model;
  must(pa_uwmmse_create(&model, s->architecture, 4, 5, r->seed, NULL));
  must(pa_trainer_create(&trainer, pa_uwmmse_policy(model), network, r->seed, NULL));
  must(pa_trainer_set(trainer, PA_TRAINER_THREADS, (double)s->o->threads));
  const char *checkpoint = text_of("%s/uwmmse-table1-s%llu-%s-%llu.checkpoint", s->o->out, (unsigned long long)r->seed,
                                   s->o->architecture, (unsigned long long)s->steps);
  if (access(checkpoint, R_OK) == 0) pa_trainer_resume(trainer, checkpoint); /* one that does not fit is trained anew */
  training t = {.what = text_of("seed %llu", (unsigned long long)r->seed),
                .steps = s->steps,
                .checkpoint = checkpoint,
                .checkpoint_every = CHECKPOINT_EVERY};
  run_training(&t, trainer);
  pa_trainer_free(trainer);
  if (!t.complete)
    fail(EXIT_INTERRUPTED, "interrupted; what is finished is in %s, the same command goes on from there", s->o->out);
  r->train_seconds = t.seconds;
  r->best_step = t.best_step;
  must(pa_uwmmse_save(model, path, text_of("%s; best at %.0f, %.1f s", note, t.best_step, t.seconds)));
  unlink(checkpoint);
  return model;
}

static void one_topology(const setting *s, result *r) {
  double noise = pa_db_to_ratio(-91);
  pa_network *network;
  pa_states *tests;
  must(pa_network_create_adhoc(&network, LINKS, r->seed, NULL));
  must(pa_network_set_noise(network, &noise, 1));
  pa_uwmmse *model = trained_model(s, network, r);
  must(pa_network_draw_states(network, STREAM_EVALUATE, 0, s->tests, &tests, NULL));
  outcome outcomes[METHODS];
  for (size_t k = 0; k < METHODS; k++) {
    pa_policy *own = NULL, *policy = k == UWMMSE ? pa_uwmmse_policy(model) : NULL;
    if (!policy) must(pa_policy_create(&own, methods[k].policy, NULL));
    outcomes[k] = outcome_of(methods[k].label, policy ? policy : own, tests, NAN);
    pa_policy_free(own);
  }
  for (size_t k = 0; k < METHODS; k++)
    r->cells[k] = (cell){.rate = mean_of(outcomes[k].sum_rate, s->tests),
                         .ratio = ratio_of(outcomes[k].sum_rate, outcomes[WMMSE].sum_rate, s->tests),
                         .power = mean_of(outcomes[k].total_power, s->tests),
                         .median = outcomes[k].median};
  for (size_t k = 0; k < METHODS; k++) {
    r->rates[k] = outcomes[k].sum_rate;
    free(outcomes[k].total_power);
    free(outcomes[k].link_rate);
  }
  pa_states_free(tests);
  pa_uwmmse_free(model);
  pa_network_free(network);
}

/* Mean over topologies; the interval is over topologies if there are several. */
static interval over_topologies(const result *results, size_t count, size_t method, size_t offset) {
  double *values = need(count, sizeof *values);
  for (size_t t = 0; t < count; t++)
    values[t] = ((const interval *)(const void *)((const char *)&results[t].cells[method] + offset))->value;
  interval mean = count > 1 ? mean_of(values, count)
                            : *(const interval *)(const void *)((const char *)&results[0].cells[method] + offset);
  free(values);
  return mean;
}

static double median_over(const result *results, size_t count, size_t method) {
  double *values = need(count, sizeof *values);
  for (size_t t = 0; t < count; t++) values[t] = results[t].cells[method].median;
  double median = quantile_of(values, count, .5);
  free(values);
  return median;
}

static const char *or_dash(double x, const char *format_text) { return isnan(x) ? "-" : format_text; }

static void print_results(const setting *s, const result *results) {
  size_t n = s->topologies;
  const char *cells[(METHODS + 1) * COLUMNS] = {"method",     "paper bit/s/Hz", "paper ratio", "ours bit/s/Hz",
                                                "ours ratio", "power W",        "paper ms",    "ours us"};
  for (size_t k = 0; k < METHODS; k++) {
    const char **row = cells + (k + 1) * COLUMNS;
    double paper = methods[k].paper_rate;
    row[0] = methods[k].label;
    row[1] = or_dash(paper, text_of("%.2f", paper));
    row[2] = or_dash(paper, text_of("%.3f", paper / methods[WMMSE].paper_rate));
    row[3] = interval_text(over_topologies(results, n, k, offsetof(cell, rate)), 2);
    row[4] = interval_text(over_topologies(results, n, k, offsetof(cell, ratio)), 4);
    row[5] = interval_text(over_topologies(results, n, k, offsetof(cell, power)), 2);
    row[6] = or_dash(methods[k].paper_ms, text_of("%.1f", methods[k].paper_ms));
    row[7] = text_of("%.2f", 1e6 * median_over(results, n, k));
  }
  print_table(cells, METHODS + 1, COLUMNS);
  printf("\nseed  WMMSE-100 bit/s/Hz  WMMSE-4 ratio  UWMMSE ratio         trained in\n");
  for (size_t t = 0; t < n; t++)
    printf("%4llu  %18.3f  %13.4f  %-20s %5.1f s, best at step %.0f%s\n", (unsigned long long)results[t].seed,
           results[t].cells[WMMSE].rate.value, results[t].cells[2].ratio.value,
           interval_text(results[t].cells[UWMMSE].ratio, 4), results[t].train_seconds, results[t].best_step,
           results[t].reused ? " (earlier run)" : "");
  printf(
      "\nAbsolute rates depend on the drawn topology, and the paper's is one that it does not give: compare ratios.\n"
      "+- is a 95 %% interval, of the mean over %zu topologies above and over %llu draws below.\n",
      n, (unsigned long long)s->tests);
}

static void write_csv(const setting *s, const char *base, const result *results) {
  text t = {0};
  text_add(&t, "seed,method,sum_rate,sum_rate_95,ratio_to_wmmse,ratio_95,total_power,total_power_95\n");
  for (size_t k = 0; k < s->topologies; k++)
    for (size_t m = 0; m < METHODS; m++) {
      const cell *c = &results[k].cells[m];
      text_add(&t, "%llu,%s,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f\n", (unsigned long long)results[k].seed, methods[m].policy,
               c->rate.value, c->rate.half_width, c->ratio.value, c->ratio.half_width, c->power.value,
               c->power.half_width);
    }
  write_text(text_of("%s.csv", base), t.bytes);
  free(t.bytes);
}

static void write_results_json(const setting *s, const char *base, const result *results) {
  cJSON *json = cJSON_CreateObject(), *rows = cJSON_CreateArray(), *means = cJSON_CreateArray();
  cJSON_AddStringToObject(json, "name", "uwmmse-table1");
  cJSON_AddStringToObject(json, "version", pa_version_text());
  cJSON_AddStringToObject(json, "kernels", pa_instruction_set());
  cJSON_AddStringToObject(json, "architecture", s->o->architecture);
  cJSON_AddNumberToObject(json, "links", LINKS);
  cJSON_AddNumberToObject(json, "noise_power", pa_db_to_ratio(-91));
  cJSON_AddNumberToObject(json, "pmax", 1);
  cJSON_AddNumberToObject(json, "steps", (double)s->steps);
  cJSON_AddNumberToObject(json, "tests", (double)s->tests);
  cJSON_AddNumberToObject(json, "threads", (double)s->o->threads);
  for (size_t m = 0; m < METHODS; m++) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "method", methods[m].policy);
    if (!isnan(methods[m].paper_rate)) cJSON_AddNumberToObject(row, "paper_sum_rate", methods[m].paper_rate);
    if (!isnan(methods[m].paper_rate))
      cJSON_AddNumberToObject(row, "paper_ratio", methods[m].paper_rate / methods[WMMSE].paper_rate);
    add_interval(row, "sum_rate", over_topologies(results, s->topologies, m, offsetof(cell, rate)));
    add_interval(row, "ratio_to_wmmse", over_topologies(results, s->topologies, m, offsetof(cell, ratio)));
    add_interval(row, "total_power", over_topologies(results, s->topologies, m, offsetof(cell, power)));
    cJSON_AddNumberToObject(row, "seconds_median", median_over(results, s->topologies, m));
    cJSON_AddItemToArray(means, row);
  }
  for (size_t k = 0; k < s->topologies; k++) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddNumberToObject(row, "seed", (double)results[k].seed);
    cJSON_AddNumberToObject(row, "train_seconds", results[k].train_seconds);
    cJSON_AddNumberToObject(row, "best_step", results[k].best_step);
    for (size_t m = 0; m < METHODS; m++) {
      cJSON *of = cJSON_AddObjectToObject(row, methods[m].policy);
      add_interval(of, "sum_rate", results[k].cells[m].rate);
      add_interval(of, "ratio_to_wmmse", results[k].cells[m].ratio);
      add_interval(of, "total_power", results[k].cells[m].power);
    }
    cJSON_AddItemToArray(rows, row);
  }
  cJSON_AddItemToObject(json, "mean_over_topologies", means);
  cJSON_AddItemToObject(json, "topologies", rows);
  write_json_to(text_of("%s.json", base), json);
}

/* Box plot of the first topology's draws, as figure 2(a) is of one. */
static void draw(const setting *s, const char *base, const result *first) {
  text data = {0}, script = {0};
  text_add(&data, "# sum-rates, bit/s/Hz:");
  for (size_t m = 0; m < METHODS; m++) text_add(&data, " %s", methods[m].policy);
  for (size_t b = 0; b < s->tests; b++)
    for (size_t m = 0; m < METHODS; m++) text_add(&data, "%s%.4f", m ? " " : "\n", first->rates[m][b]);
  text_add(&data, "\n");
  write_text(text_of("%s.dat", base), data.bytes);
  text_add(
      &script,
      "if (svg) set terminal svg size 720,480 font 'Helvetica,15' background 'white'; "
      "else set terminal pngcairo size 1440,960 font 'Helvetica,26' linewidth 2\n"
      "set output output\n"
      "set title 'Ad hoc network of %d links, seed %llu: %llu fading draws'\n"
      "set ylabel 'Sum-rate (bit/s/Hz)'\nset grid ytics linecolor '#aaaaaa'\nset border 3\n"
      "set style data boxplot\nset style boxplot fraction 0.90 nooutliers\nset style fill solid 0.35 border linecolor "
      "'black'\n"
      "set boxwidth 0.5\nunset key\nset xrange [0.4:%d.6]\nset xtics nomirror scale 0\nset ytics nomirror\nset xtics (",
      LINKS, (unsigned long long)first->seed, (unsigned long long)s->tests, METHODS);
  for (size_t m = 0; m < METHODS; m++) text_add(&script, "%s'%s' %zu", m ? ", " : "", methods[m].label, m + 1);
  text_add(&script, ")\nset label 'box: quartiles and median; whiskers: 5th to 95th percentile' at graph 0.01, 0.03 "
                    "font svg ? ',11' : ',19'\nplot ");
  static const char *const colours[METHODS] = {"#999999", "#1f77b4", "#ff7f0e", "#2ca02c"};
  const char *file = gnuplot_text(text_of("%s.dat", base));
  for (size_t m = 0; m < METHODS; m++)
    text_add(&script, "%s%s using (%zu):%zu linecolor '%s'", m ? ", " : "", file, m + 1, m + 1, colours[m]);
  text_add(&script, "\n");
  plot(base, script.bytes);
  free(data.bytes);
  free(script.bytes);
}

int reproduce_uwmmse_table1(const reproduction_options *o) {
  setting s = {.o = o,
               .steps = o->quick ? 1000 : 20000,
               .tests = o->quick ? 640 : 6400,
               .topologies = o->quick ? 1 : o->topologies,
               .architecture = PA_UWMMSE_EXTENDED};
  if (strcmp(o->architecture, "paper") == 0) {
    s.architecture = PA_UWMMSE_PAPER;
    s.steps = o->quick ? 5000 : 200000;
  }
  if (s.topologies > MOST_TOPOLOGIES) fail(EXIT_USAGE, "--topologies: at most %d", MOST_TOPOLOGIES);
  result *results = need(s.topologies, sizeof *results);
  for (size_t k = 0; k < s.topologies; k++) {
    results[k].seed = o->seed + k;
    one_topology(&s, &results[k]);
  }
  const char *base = text_of("%s/uwmmse-table1", o->out);
  print_results(&s, results);
  write_csv(&s, base, results);
  write_results_json(&s, base, results);
  draw(&s, base, &results[0]);
  printf("Data: %s.csv, %s.json. Picture: %s.svg, %s.png. Models: %s-s*.safetensors.\n", base, base, base, base, base);
  for (size_t k = 0; k < s.topologies; k++)
    for (size_t m = 0; m < METHODS; m++) free(results[k].rates[m]);
  free(results);
  return EXIT_SUCCESS;
}
