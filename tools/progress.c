#define _GNU_SOURCE
#include "progress.h"

#include "command.h"
#include "ranks.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 30 };

const char *progress_style = "auto";

const option progress_table[] = {
    {"--progress", TEXT, &progress_style, "bar|json|none", "progress on standard error (default: a bar on a terminal)"},
    {NULL, FLAG, NULL, NULL, NULL}};

static bool bar(void) {
  return strcmp(progress_style, "bar") == 0 || (strcmp(progress_style, "auto") == 0 && isatty(STDERR_FILENO));
}

static bool json(void) { return strcmp(progress_style, "json") == 0; }

progress progress_begin(const char *what, double total) {
  static const char *const styles[] = {"auto", "bar", "json", "none"};
  bool known = false;
  for (size_t k = 0; k < 4; k++) known |= strcmp(progress_style, styles[k]) == 0;
  if (!known) fail(EXIT_USAGE, "--progress: \"%s\" is none of bar, json, none", progress_style);
  return (progress){.what = what, .total = total, .start = seconds_now()};
}

static void json_line(const progress *p, double done, double elapsed, const char *value_name, double value) {
  cJSON *line = cJSON_CreateObject();
  cJSON_AddStringToObject(line, "what", p->what);
  cJSON_AddNumberToObject(line, "done", done);
  cJSON_AddNumberToObject(line, "total", p->total);
  cJSON_AddNumberToObject(line, "seconds", elapsed);
  if (value_name && isfinite(value)) cJSON_AddNumberToObject(line, value_name, value);
  char *text = cJSON_PrintUnformatted(line);
  if (text) fprintf(stderr, "%s\n", text);
  cJSON_free(text);
  cJSON_Delete(line);
}

static void bar_line(const progress *p, double done, double elapsed, const char *value_name, double value) {
  int full = (int)(BAR * done / p->total);
  double rate = elapsed > 0 ? done / elapsed : 0;
  fprintf(stderr, "\r%-12s [", p->what);
  for (int k = 0; k < BAR; k++) fputc(k < full ? '#' : '.', stderr);
  fprintf(stderr, "] %3.0f %%  %.0f/s  %.0f s left", 100 * done / p->total, rate,
          rate > 0 ? (p->total - done) / rate : 0);
  if (value_name && isfinite(value)) fprintf(stderr, "  %s %.4f", value_name, value);
  fprintf(stderr, "\033[K");
  fflush(stderr);
}

void progress_at(progress *p, double done, const char *value_name, double value) {
  double now = seconds_now();
  if (!ranks_first()) return;
  if (done < p->total && now - p->last < .1) return;
  p->last = now;
  if (json()) json_line(p, done, now - p->start, value_name, value);
  if (bar()) bar_line(p, done, now - p->start, value_name, value);
}

void progress_end(progress *p) {
  (void)p;
  if (ranks_first() && bar()) fputc('\n', stderr);
}
