#define _GNU_SOURCE
#include "study.h"

#include "../command.h"
#include "../comparison.h"
#include "../plot.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All that the numbers depend on. */
static const char *command_of(const reproduction_options *o, const char *name) {
  return text_of("powalloc reproduce %s%s --topologies %llu --seed %llu%s", name, o->quick ? " --quick" : "",
                 (unsigned long long)o->topologies, (unsigned long long)o->seed,
                 o->setting ? text_of(" --setting %s", o->setting) : "");
}

/* ---- what a result was made by ---- */

/* Raised by hand when studies measure or judge otherwise without a new version of the library. */
enum { REVISION = 2 };

/* FNV-1a. */
static uint64_t hash_of(uint64_t hash, const void *bytes, size_t size) {
  for (size_t k = 0; k < size; k++) hash = (hash ^ ((const unsigned char *)bytes)[k]) * 0x100000001b3u;
  return hash;
}

static uint64_t hash_of_model(uint64_t hash, const char *name) {
  pa_model_file *file;
  must(pa_model_file_load(&file, text_of("builtin:%s", name), NULL));
  for (size_t t = 0; t < pa_model_file_tensor_count(file); t++) {
    size_t size = 1;
    for (size_t k = 0; k < pa_model_file_tensor_rank(file, t); k++) size *= pa_model_file_tensor_extent(file, t, k);
    hash = hash_of(hash, pa_model_file_tensor_data(file, t), size * sizeof(double));
  }
  pa_model_file_free(file);
  return hash_of(hash, name, strlen(name));
}

static const char *origin(void) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t k = 0; k < pa_model_builtin_count(); k++) hash = hash_of_model(hash, pa_model_builtin_name(k));
  return text_of("powalloc %s, studies %d, models %016llx", pa_version_text(), REVISION, (unsigned long long)hash);
}

study study_begin(const reproduction_options *o, const char *name, const char *title, const char *unit,
                  const char *x_name, const char *reference) {
  return (study){.o = o,
                 .name = name,
                 .title = title,
                 .unit = unit,
                 .x_name = x_name,
                 .reference = reference,
                 .parameters = cJSON_CreateObject(),
                 .begun = seconds_now()};
}

void study_parameter(study *s, const char *name, double value) { cJSON_AddNumberToObject(s->parameters, name, value); }

void study_remark(study *s, const char *format, ...) {
  va_list arguments;
  char *sentence;
  va_start(arguments, format);
  if (vasprintf(&sentence, format, arguments) < 0) fail(EXIT_FAILED, "out of memory");
  va_end(arguments);
  text_add(&s->remarks, "%s%s", s->remarks.length ? " " : "", sentence);
  free(sentence);
}

double study_unit(const study *s) { return strcmp(s->unit, "nat/s/Hz") == 0 ? NATS : 1; }

const char *study_file(const study *s, const char *ending) { return text_of("%s/%s%s", s->o->out, s->name, ending); }

/* ---- measuring ---- */

measured measure_powers(const study *s, const pa_states *states, const double *power) {
  size_t batch = pa_states_batch(states), links = pa_states_links(states);
  measured m = {batch, need(batch, sizeof *m.rate), need(batch, sizeof *m.power)};
  double *rate = need(batch * links, sizeof *rate);
  must(pa_rates(states, power, rate));
  for (size_t k = 0; k < batch * links; k++) {
    m.rate[k / links] += study_unit(s) * rate[k];
    m.power[k / links] += power[k];
  }
  free(rate);
  return m;
}

measured measure(const study *s, const pa_policy *policy, const pa_states *states) {
  double *power = need(pa_states_batch(states) * pa_states_links(states), sizeof *power);
  must(pa_policy_allocate(policy, states, power, NULL, 0));
  measured m = measure_powers(s, states, power);
  free(power);
  return m;
}

void measured_free(measured *m) {
  free(m->rate);
  free(m->power);
}

static size_t find_method(const study *s, const char *label) {
  for (size_t k = 0; k < s->methods; k++)
    if (strcmp(s->labels[k], label) == 0) return k;
  return STUDY_METHODS;
}

size_t study_method(study *s, const char *label) {
  size_t found = find_method(s, label);
  if (found < STUDY_METHODS) return found;
  if (s->methods == STUDY_METHODS) fail(EXIT_FAILED, "%s: more than %d methods", s->name, STUDY_METHODS);
  s->labels[s->methods] = text_of("%s", label);
  return s->methods++;
}

void study_cell(study *s, double x, uint64_t network, const char *label, const measured *m, const measured *reference) {
  if (s->count == s->room) {
    s->room = 2 * s->room + 64;
    s->cells = realloc(s->cells, s->room * sizeof *s->cells);
    if (!s->cells) fail(EXIT_FAILED, "out of memory");
  }
  s->cells[s->count++] = (cell){.x = x,
                                .network = network,
                                .method = study_method(s, label),
                                .rate = mean_of(m->rate, m->samples),
                                .ratio = ratio_of(m->rate, reference->rate, m->samples),
                                .power = mean_of(m->power, m->samples).value};
}

void study_time(study *s, const char *label, const pa_policy *policy, const pa_states *states) {
  outcome o = outcome_of(label, policy, states, NAN);
  s->seconds[study_method(s, label)] = o.median;
  outcome_free(&o);
}

/* ---- over networks ---- */

static double value_of(const cell *c, field what) {
  return what == RATE ? c->rate.value : what == RATIO ? c->ratio.value : c->power;
}

/* Values of the cells of x and method, in order; returns how many. */
static size_t gather(const study *s, double x, size_t method, field what, double *values, const cell **last) {
  size_t n = 0;
  for (size_t k = 0; k < s->count; k++)
    if (s->cells[k].x == x && s->cells[k].method == method) {
      values[n++] = value_of(&s->cells[k], what);
      *last = &s->cells[k];
    }
  return n;
}

interval study_mean(const study *s, double x, const char *label, field what) {
  double *values = need(s->count, sizeof *values);
  const cell *last = NULL;
  size_t n = gather(s, x, find_method(s, label), what, values, &last);
  interval mean = {NAN, NAN};
  if (n > 1)
    mean = mean_of(values, n);
  else if (n == 1)
    mean = what == RATE ? last->rate : what == RATIO ? last->ratio : (interval){last->power, NAN};
  free(values);
  return mean;
}

interval study_ratio(const study *s, double x, const char *label, const char *reference) {
  double *values = need(s->count, sizeof *values), *of = need(s->count, sizeof *of);
  const cell *last;
  size_t n = gather(s, x, find_method(s, label), RATE, values, &last),
         m = gather(s, x, find_method(s, reference), RATE, of, &last);
  for (size_t k = 0; k < n && k < m; k++) values[k] /= of[k];
  interval mean = n == m && n > 0 ? mean_of(values, n) : (interval){NAN, NAN};
  free(values);
  free(of);
  return mean;
}

double study_least(const study *s, double x, const char *label, field what) {
  double *values = need(s->count, sizeof *values), least = INFINITY;
  const cell *last;
  size_t n = gather(s, x, find_method(s, label), what, values, &last);
  for (size_t k = 0; k < n; k++) least = fmin(least, values[k]);
  free(values);
  return n > 0 ? least : NAN;
}

void study_verdict(study *s, const char *claim, const char *paper, const char *ours, double ratio, bool holds,
                   const char *why) {
  s->verdicts = realloc(s->verdicts, (s->verdict_count + 1) * sizeof *s->verdicts);
  if (!s->verdicts) fail(EXIT_FAILED, "out of memory");
  s->verdicts[s->verdict_count++] = (verdict){claim, paper, ours, holds ? "yes" : "no", why, ratio};
}

/* ---- files ---- */

/* The x of the study in the order in which they first come; returns how many. */
static size_t distinct(const study *s, double *x) {
  size_t n = 0;
  for (size_t k = 0; k < s->count; k++) {
    size_t found = 0;
    while (found < n && x[found] != s->cells[k].x) found++;
    if (found == n) x[n++] = s->cells[k].x;
  }
  return n;
}

static size_t networks_of(const study *s, double x) {
  double *values = need(s->count, sizeof *values);
  const cell *last;
  size_t most = 0;
  for (size_t m = 0; m < s->methods; m++) {
    size_t n = gather(s, x, m, RATE, values, &last);
    most = n > most ? n : most;
  }
  free(values);
  return most;
}

static void write_csv(const study *s) {
  text t = {0};
  text_add(&t, "%s%snetwork,method,sum_rate,sum_rate_95,ratio,ratio_95,total_power\n", s->x_name ? s->x_name : "",
           s->x_name ? "," : "");
  for (size_t k = 0; k < s->count; k++) {
    const cell *c = &s->cells[k];
    if (s->x_name) text_add(&t, "%g,", c->x);
    text_add(&t, "%llu,\"%s\",%.6f,%.6f,%.6f,%.6f,%.6f\n", (unsigned long long)c->network, s->labels[c->method],
             c->rate.value, c->rate.half_width, c->ratio.value, c->ratio.half_width, c->power);
  }
  write_text(study_file(s, ".csv"), t.bytes);
  free(t.bytes);
}

static void add_means(const study *s, cJSON *json) {
  double *x = need(s->count, sizeof *x);
  size_t n = distinct(s, x);
  cJSON *means = cJSON_AddArrayToObject(json, "over_networks");
  for (size_t k = 0; k < n; k++)
    for (size_t m = 0; m < s->methods; m++) {
      interval rate = study_mean(s, x[k], s->labels[m], RATE);
      if (isnan(rate.value)) continue;
      cJSON *row = cJSON_CreateObject();
      if (s->x_name) cJSON_AddNumberToObject(row, s->x_name, x[k]);
      cJSON_AddStringToObject(row, "method", s->labels[m]);
      add_interval(row, "sum_rate", rate);
      add_interval(row, "ratio", study_mean(s, x[k], s->labels[m], RATIO));
      cJSON_AddNumberToObject(row, "least_ratio", study_least(s, x[k], s->labels[m], RATIO));
      add_interval(row, "total_power", study_mean(s, x[k], s->labels[m], MEAN_POWER));
      if (s->seconds[m] > 0) cJSON_AddNumberToObject(row, "seconds_median", s->seconds[m]);
      cJSON_AddItemToArray(means, row);
    }
  free(x);
}

static void write_study_json(study *s, double seconds) {
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "name", s->name);
  cJSON_AddStringToObject(json, "title", s->title);
  cJSON_AddStringToObject(json, "command", command_of(s->o, s->name));
  cJSON_AddStringToObject(json, "origin", origin());
  cJSON_AddStringToObject(json, "kernels", pa_instruction_set());
  cJSON_AddStringToObject(json, "unit", s->unit);
  cJSON_AddStringToObject(json, "reference", s->reference);
  cJSON_AddNumberToObject(json, "threads", (double)s->o->threads);
  cJSON_AddNumberToObject(json, "seconds", seconds);
  cJSON_AddNumberToObject(json, "training_seconds", s->training);
  cJSON_AddItemToObject(json, "parameters", s->parameters);
  cJSON *verdicts = cJSON_AddArrayToObject(json, "verdicts");
  for (size_t k = 0; k < s->verdict_count; k++) {
    const verdict *v = &s->verdicts[k];
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "claim", v->claim);
    cJSON_AddStringToObject(row, "paper", v->paper);
    cJSON_AddStringToObject(row, "ours", v->ours);
    if (!isnan(v->ratio)) cJSON_AddNumberToObject(row, "ratio", v->ratio);
    cJSON_AddStringToObject(row, "holds", v->holds);
    cJSON_AddStringToObject(row, "why", v->why);
    cJSON_AddItemToArray(verdicts, row);
  }
  add_means(s, json);
  write_json_to(study_file(s, ".json"), json);
}

/* Rows of the table: a heading, then each x and method. */
enum { COLUMNS = 7 };

static const char **table_of(const study *s, size_t *rows) {
  double *x = need(s->count, sizeof *x);
  size_t n = distinct(s, x), row = 1;
  const char **cells = need((n * s->methods + 1) * COLUMNS, sizeof *cells);
  const char *const heading[COLUMNS] = {s->x_name ? s->x_name : "",
                                        "method",
                                        text_of("sum-rate, %s", s->unit),
                                        text_of("of %s", s->reference),
                                        "least network",
                                        "total power, W",
                                        "median time, us"};
  memcpy(cells, heading, sizeof heading);
  for (size_t k = 0; k < n; k++)
    for (size_t m = 0; m < s->methods; m++) {
      interval rate = study_mean(s, x[k], s->labels[m], RATE);
      if (isnan(rate.value)) continue;
      const char *const line[COLUMNS] = {s->x_name ? text_of("%g", x[k]) : "",
                                         s->labels[m],
                                         interval_text(rate, 3),
                                         interval_text(study_mean(s, x[k], s->labels[m], RATIO), 4),
                                         text_of("%.4f", study_least(s, x[k], s->labels[m], RATIO)),
                                         interval_text(study_mean(s, x[k], s->labels[m], MEAN_POWER), 2),
                                         s->seconds[m] > 0 ? text_of("%.2f", 1e6 * s->seconds[m]) : "-"};
      memcpy(cells + COLUMNS * row++, line, sizeof line);
    }
  free(x);
  *rows = row;
  return cells;
}

/* The columns are those that say something: no x if nothing is varied, no time if none was measured. */
static size_t last_column(const study *s) {
  for (size_t m = 0; m < s->methods; m++)
    if (s->seconds[m] > 0) return COLUMNS;
  return COLUMNS - 1;
}

static void print_columns(const study *s, const char *const *cells, size_t rows) {
  size_t first = s->x_name ? 0 : 1, columns = last_column(s) - first;
  const char **shown = need(rows * columns, sizeof *shown);
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c++) shown[r * columns + c] = cells[r * COLUMNS + first + c];
  print_table(shown, rows, columns);
  free(shown);
}

static const char *networks_text(const study *s) {
  double *x = need(s->count, sizeof *x);
  size_t n = distinct(s, x), fewest = SIZE_MAX, most = 0;
  for (size_t k = 0; k < n; k++) {
    size_t networks = networks_of(s, x[k]);
    fewest = networks < fewest ? networks : fewest;
    most = networks > most ? networks : most;
  }
  free(x);
  if (fewest == most) return text_of("%zu network%s", most, most == 1 ? "" : "s");
  return text_of("%zu to %zu networks", fewest, most);
}

static void write_page(const study *s, const char **cells, size_t rows, double seconds) {
  text t = {0};
  size_t first = s->x_name ? 0 : 1, last = last_column(s);
  text_add(&t, "## %s\n\n`%s` (%s%.0f s on %llu threads; %s; +- is a 95 %% interval over %s)\n\n", s->title,
           command_of(s->o, s->name),
           s->training > 0 ? text_of("trainings, some of them shared with other figures, %.0f s, and ", s->training)
                           : "",
           seconds, (unsigned long long)s->o->threads, networks_text(s),
           strcmp(networks_text(s), "1 network") == 0 ? "the draws" : "the networks");
  if (s->verdict_count > 0)
    text_add(&t, "| the paper's claim | paper | ours | ours / paper | holds | why |\n|---|---|---|---|---|---|\n");
  for (size_t k = 0; k < s->verdict_count; k++) {
    const verdict *v = &s->verdicts[k];
    text_add(&t, "| %s | %s | %s | %s | %s | %s |\n", v->claim, v->paper, v->ours,
             isnan(v->ratio) ? "-" : text_of("%.3f", v->ratio), v->holds, v->why);
  }
  text_add(&t, "\n![%s](%s.png)\n\n", s->title, s->name);
  for (size_t r = 0; r < rows; r++) {
    text_add(&t, "|");
    for (size_t c = first; c < last; c++) text_add(&t, " %s |", cells[r * COLUMNS + c]);
    if (r == 0) {
      text_add(&t, "\n|");
      for (size_t c = first; c < last; c++) text_add(&t, "---|");
    }
    text_add(&t, "\n");
  }
  if (s->remarks.length > 0) text_add(&t, "\n%s\n", s->remarks.bytes);
  write_text(study_file(s, ".md"), t.bytes);
  free(t.bytes);
}

void study_finish(study *s) {
  size_t rows;
  const char **cells = table_of(s, &rows);
  double seconds = seconds_now() - s->begun - s->spent;
  printf("%s\n\n", s->title);
  print_columns(s, cells, rows);
  for (size_t k = 0; k < s->verdict_count; k++) {
    const verdict *v = &s->verdicts[k];
    printf("\n%s\n  paper: %s  ours: %s  holds: %s\n  %s\n", v->claim, v->paper, v->ours, v->holds, v->why);
  }
  printf("\nData: %s, .json. Picture: %s, .png. Page: %s.\n\n", study_file(s, ".csv"), study_file(s, ".svg"),
         study_file(s, ".md"));
  write_csv(s);
  write_page(s, cells, rows, seconds);
  plot(text_of("%s/%s", s->o->out, s->name), s->picture);
  write_study_json(s, seconds); /* last: it says that the study is complete */
  free(cells);
  free(s->cells);
  free(s->verdicts);
  free(s->remarks.bytes);
  free(s->picture);
}

bool study_is_complete(const reproduction_options *o, const char *name) {
  char *bytes = read_text(text_of("%s/%s.json", o->out, name));
  cJSON *json = bytes ? cJSON_Parse(bytes) : NULL;
  const char *command = cJSON_GetStringValue(cJSON_GetObjectItem(json, "command")),
             *of = cJSON_GetStringValue(cJSON_GetObjectItem(json, "origin"));
  bool complete = command && of && strcmp(command, command_of(o, name)) == 0 && strcmp(of, origin()) == 0;
  cJSON_Delete(json);
  free(bytes);
  return complete;
}
