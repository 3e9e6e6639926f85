#include "leaderboard.h"

#include "command.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ONE_COLUMNS = 7, COLUMNS = 8, LABEL_MOST = 16 };

size_t leaderboard_sizes(const leaderboard *b, size_t *sizes) {
  size_t count = 0;
  for (size_t k = 0; k < b->scene_count; k++) {
    size_t at = 0;
    while (at < count && sizes[at] != b->scenes[k].links) at++;
    if (at == count) sizes[count++] = b->scenes[k].links;
  }
  return count;
}

score leaderboard_over(const leaderboard *b, size_t links, size_t policy, size_t *networks) {
  score *at = need(b->scene_count, sizeof *at);
  size_t count = 0;
  for (size_t k = 0; k < b->scene_count; k++)
    if (b->scenes[k].links == links) at[count++] = b->scores[k * b->policy_count + policy];
  score over = score_over(at, count);
  if (networks) *networks = count;
  free(at);
  return over;
}

/* A file without folder and ending, a model of the library without "builtin:"; a long name loses its middle. */
static const char *label_of(const char *name, size_t number) {
  static const char builtin[] = "builtin:";
  if (strncmp(name, builtin, strlen(builtin)) == 0) name += strlen(builtin);
  const char *slash = strrchr(name, '/'), *start = slash && slash[1] ? slash + 1 : name;
  const char *end = strstr(start, ".safetensors");
  const char *tail = number ? text_of(" (%zu)", number) : "";
  size_t length = end ? (size_t)(end - start) : strlen(start), room = LABEL_MOST - strlen(tail);
  if (length <= room) return text_of("%.*s%s", (int)length, start, tail);
  size_t first = room / 2 - 1, last = room - first - 2;
  return text_of("%.*s..%.*s%s", (int)first, start, (int)last, start + length - last, tail);
}

static bool is_among(const char *label, const char *const *labels, size_t count) {
  for (size_t k = 0; k < count; k++)
    if (strcmp(label, labels[k]) == 0) return true;
  return false;
}

const char *const *leaderboard_labels(const leaderboard *b) {
  const char **labels = need(b->policy_count, sizeof *labels);
  for (size_t k = 0; k < b->policy_count; k++) {
    labels[k] = label_of(b->policies[k].name, 0);
    for (size_t number = 2; is_among(labels[k], labels, k); number++) labels[k] = label_of(b->policies[k].name, number);
  }
  return labels;
}

static const char *value_text(double value, int decimals) {
  return isnan(value) ? "-" : text_of("%.*f", decimals, value);
}

void leaderboard_print_one(const leaderboard *b) {
  const char *const heading[ONE_COLUMNS] = {"policy", "sum-rate bit/s/Hz", "of WMMSE-100", "total power W",
                                            "met %",  "median us",         "p99 us"};
  const char **cells = need((b->policy_count + 1) * ONE_COLUMNS, sizeof *cells);
  memcpy(cells, heading, sizeof heading);
  for (size_t k = 0; k < b->policy_count; k++) {
    const score *s = &b->scores[k];
    const char **row = cells + (k + 1) * ONE_COLUMNS;
    row[0] = b->policies[k].name;
    row[1] = interval_text(s->of[SUM_RATE], 3);
    row[2] = interval_text(s->of[TO_WMMSE], 4);
    row[3] = interval_text(s->of[TOTAL_POWER], 3);
    row[4] = value_text(100 * s->of[MET].value, 1);
    row[5] = text_of("%.2f", 1e6 * s->median);
    row[6] = text_of("%.2f", 1e6 * s->p99);
  }
  print_table(cells, b->policy_count + 1, ONE_COLUMNS);
  if (!isnan(b->scenes[0].beyond.mean))
    print_table((const char *const[]){beyond_text(b->scenes[0].beyond), NULL}, 1, 2);
  free(cells);
}

/* What the rows of a size are over. */
static const char *size_text(const leaderboard *b, size_t links) {
  const scene *first = NULL, *last = NULL;
  size_t networks = 0, least = SIZE_MAX, most = 0;
  for (size_t k = 0; k < b->scene_count; k++) {
    const scene *s = &b->scenes[k];
    if (s->links != links) continue;
    if (!first) first = s;
    last = s;
    networks++;
    least = s->samples < least ? s->samples : least;
    most = s->samples > most ? s->samples : most;
  }
  const char *samples = least == most ? text_of("%zu", least) : text_of("%zu to %zu", least, most);
  const char *which = first->channel ? networks > 1 ? text_of("%zu files", networks) : first->channel
                      : networks > 1 ? text_of("networks of seeds %llu to %llu", (unsigned long long)first->seed,
                                               (unsigned long long)last->seed)
                                     : text_of("network of seed %llu", (unsigned long long)first->seed);
  return text_of("%zu %s, %s, %s %s%s; +- 95 %% over the %s", links, links == 1 ? "link" : "links", which, samples,
                 most == 1 ? "state" : "states", networks > 1 ? " each" : "", networks > 1 ? "networks" : "states");
}

/* What the cut-offs of the networks of a size leave out. */
static beyond size_beyond(const leaderboard *b, size_t links) {
  beyond *at = need(b->scene_count, sizeof *at);
  size_t count = 0;
  for (size_t k = 0; k < b->scene_count; k++)
    if (b->scenes[k].links == links) at[count++] = b->scenes[k].beyond;
  beyond over = beyond_over(at, count);
  free(at);
  return over;
}

/* Beside the baseline's score, which is s itself for the baseline. */
static void fill_row(const char **row, const char *label, const score *s, const score *baseline) {
  int decimals = baseline->of[SUM_RATE].value < 100 ? 3 : 2; /* a row fits into 100 columns */
  const char *difference = text_of("%s %c", interval_text(s->of[DIFFERENCE], decimals), differs(s) ? '*' : ' ');
  row[0] = label;
  row[1] = interval_text(s->of[SUM_RATE], 2);
  row[2] = interval_text(s->of[TO_WMMSE], 3);
  row[3] = s == baseline ? "-  " : difference;
  row[4] = value_text(s->of[TOTAL_POWER].value, 2);
  row[5] = value_text(s->of[JAIN].value, 2);
  row[6] = value_text(100 * s->of[MET].value, 1);
  row[7] = value_text(1e6 * s->median, s->median < 1e-3 ? 1 : 0);
}

void leaderboard_print(const leaderboard *b) {
  size_t *sizes = need(b->scene_count, sizeof *sizes), size_count = leaderboard_sizes(b, sizes);
  const char *const *labels = leaderboard_labels(b);
  size_t most_rows = 1 + size_count * (b->policy_count + 3);
  const char **cells = need(most_rows * COLUMNS, sizeof *cells), **row = cells;
  const char *const heading[COLUMNS] = {"policy",  "bit/s/Hz", "of WMMSE-100", text_of("vs %s", labels[b->baseline]),
                                        "power W", "Jain",     "met %",        "us"};
  memcpy(row, heading, sizeof heading);
  for (size_t k = 0; k < size_count; k++) {
    score baseline = leaderboard_over(b, sizes[k], b->baseline, NULL);
    *(row += COLUMNS) = "";
    *(row += COLUMNS) = size_text(b, sizes[k]);
    beyond left_out = size_beyond(b, sizes[k]);
    if (!isnan(left_out.mean)) *(row += COLUMNS) = beyond_text(left_out);
    for (size_t p = 0; p < b->policy_count; p++) {
      score s = leaderboard_over(b, sizes[k], p, NULL);
      fill_row(row += COLUMNS, labels[p], &s, p == b->baseline ? &s : &baseline);
    }
  }
  print_table(cells, (size_t)(row - cells) / COLUMNS + 1, COLUMNS);
  print_table((const char *const[]){"", NULL,
                                    text_of("* differs from %s at the 5 %% level (paired t-test of each policy alone)",
                                            labels[b->baseline]),
                                    NULL},
              2, 2);
  free(cells);
  free(sizes);
  free((void *)labels);
}

static cJSON *row_json(const leaderboard *b, const score *s, size_t policy) {
  cJSON *row = cJSON_CreateObject();
  cJSON_AddStringToObject(row, "policy", b->policies[policy].name);
  for (size_t m = 0; m < MEASURES; m++) add_interval(row, measure_names[m], s->of[m]);
  if (!isnan(s->of[DIFFERENCE].half_width)) cJSON_AddBoolToObject(row, "significant", differs(s));
  cJSON_AddNumberToObject(row, "seconds_median", s->median);
  cJSON_AddNumberToObject(row, "seconds_p99", s->p99);
  return row;
}

static cJSON *networks_json(const leaderboard *b) {
  cJSON *networks = cJSON_CreateArray();
  for (size_t k = 0; k < b->scene_count; k++) {
    cJSON *network = cJSON_Duplicate(b->scenes[k].source, true);
    cJSON_DeleteItemFromObject(network, "links");
    cJSON_AddNumberToObject(network, "links", (double)b->scenes[k].links);
    cJSON_AddNumberToObject(network, "samples", (double)b->scenes[k].samples);
    cJSON_AddItemToArray(networks, network);
  }
  return networks;
}

static cJSON *over_json(const leaderboard *b) {
  size_t *sizes = need(b->scene_count, sizeof *sizes), size_count = leaderboard_sizes(b, sizes), networks;
  cJSON *rows = cJSON_CreateArray();
  for (size_t k = 0; k < size_count; k++)
    for (size_t p = 0; p < b->policy_count; p++) {
      score s = leaderboard_over(b, sizes[k], p, &networks);
      cJSON *row = row_json(b, &s, p);
      cJSON_AddNumberToObject(row, "links", (double)sizes[k]);
      cJSON_AddNumberToObject(row, "networks", (double)networks);
      cJSON_AddStringToObject(row, "interval_over", networks > 1 ? "networks" : "samples");
      cJSON_AddItemToArray(rows, row);
    }
  free(sizes);
  return rows;
}

cJSON *leaderboard_json(const leaderboard *b) {
  cJSON *json = cJSON_CreateObject(), *rows = cJSON_CreateArray();
  if (b->scene_count == 1) {
    cJSON_AddItemToObject(json, "source", cJSON_Duplicate(b->scenes[0].source, true));
    cJSON_AddNumberToObject(json, "samples", (double)b->scenes[0].samples);
  }
  cJSON_AddStringToObject(json, "version", pa_version_text());
  cJSON_AddStringToObject(json, "baseline", b->policies[b->baseline].name);
  cJSON_AddItemToObject(json, "networks", networks_json(b));
  for (size_t k = 0; k < b->scene_count; k++)
    for (size_t p = 0; p < b->policy_count; p++) {
      cJSON *row = row_json(b, &b->scores[k * b->policy_count + p], p);
      cJSON_AddNumberToObject(row, "links", (double)b->scenes[k].links);
      cJSON_AddNumberToObject(row, "network", (double)k);
      cJSON_AddItemToArray(rows, row);
    }
  cJSON_AddItemToObject(json, "rows", rows);
  cJSON_AddItemToObject(json, "over_networks", over_json(b));
  return json;
}

/* Quoted if it must be. */
static void add_field(text *t, const char *field) {
  if (!strpbrk(field, ",\"\r\n")) {
    text_add(t, "%s", field);
    return;
  }
  text_add(t, "\"");
  for (; *field; field++) text_add(t, "%s%c", *field == '"' ? "\"" : "", *field);
  text_add(t, "\"");
}

/* Empty where there is none. */
static void add_number(text *t, double number) { text_add(t, isfinite(number) ? ",%.9g" : ",", number); }

static void add_score(text *t, const score *s) {
  for (size_t m = 0; m < MEASURES; m++) {
    add_number(t, s->of[m].value);
    if (m < MET) add_number(t, s->of[m].half_width);
    if (m == DIFFERENCE) text_add(t, isnan(s->of[m].half_width) ? "," : ",%d", differs(s));
  }
  add_number(t, s->median);
  add_number(t, s->p99);
  text_add(t, "\n");
}

char *leaderboard_csv(const leaderboard *b) {
  text t = {0};
  text_add(&t, "network,links,samples,policy");
  for (size_t m = 0; m < MEASURES; m++) {
    text_add(&t, ",%s", measure_names[m]);
    if (m < MET) text_add(&t, ",%s_95", measure_names[m]);
    if (m == DIFFERENCE) text_add(&t, ",significant");
  }
  text_add(&t, ",seconds_median,seconds_p99\n");
  for (size_t k = 0; k < b->scene_count; k++)
    for (size_t p = 0; p < b->policy_count; p++) {
      const scene *s = &b->scenes[k];
      add_field(&t, s->channel ? s->channel : text_of("%llu", (unsigned long long)s->seed));
      text_add(&t, ",%zu,%zu,", s->links, s->samples);
      add_field(&t, b->policies[p].name);
      add_score(&t, &b->scores[k * b->policy_count + p]);
    }
  return t.bytes;
}
