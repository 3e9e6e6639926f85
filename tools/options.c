#define _GNU_SOURCE
#include "options.h"

#include "command.h"
#include "ranks.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORD_MOST = 64, ALIKE = 2 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

bool ends_with(const char *word, const char *ending) {
  size_t length = strlen(word), tail = strlen(ending);
  return length >= tail && strcmp(word + length - tail, ending) == 0;
}

size_t word_distance(const char *a, const char *b) {
  size_t row[WORD_MOST], length = strlen(b);
  if (length >= WORD_MOST) return SIZE_MAX;
  for (size_t j = 0; j <= length; j++) row[j] = j;
  for (size_t i = 0; a[i]; i++) {
    size_t corner = row[0]++;
    for (size_t j = 0; j < length; j++) {
      size_t replaced = corner + (a[i] != b[j]);
      corner = row[j + 1];
      row[j + 1] = least(replaced, least(row[j], corner) + 1);
    }
  }
  return row[length];
}

static const option *find(const option *const *tables, const char *name, size_t length) {
  for (; *tables; tables++)
    for (const option *o = *tables; o->name; o++)
      if (strlen(o->name) == length && strncmp(o->name, name, length) == 0) return o;
  return NULL;
}

/* An option that the word may stand for: alike, or begun by it. NULL if there is none. */
static const option *meant(const option *const *tables, const char *word) {
  const option *best = NULL;
  size_t nearest = ALIKE + 1;
  for (; *tables; tables++)
    for (const option *o = *tables; o->name; o++) {
      bool begun = strlen(word) > 2 && strncmp(o->name, word, strlen(word)) == 0;
      size_t distance = begun ? 1 : word_distance(o->name, word);
      if (distance < nearest) nearest = distance, best = o;
    }
  return best;
}

static _Noreturn void unknown(const option *const *tables, const char *word, size_t length) {
  char name[WORD_MOST];
  snprintf(name, sizeof name, "%.*s", (int)least(length, WORD_MOST), word);
  const option *o = meant(tables, name);
  fail(EXIT_USAGE, "unknown option %s; %s%s", name, o ? "did you mean " : "see --help", o ? o->name : "");
}

static const char *name_in(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static void folder_of(const char *path, char folder[PATH_MAX]) {
  snprintf(folder, PATH_MAX, "%.*s.", (int)(name_in(path) - path), path);
}

/* Ends the command early if a file cannot be written where it shall go in the end. */
static const char *output_of(const option *o, const char *path) {
  static const char builtin[] = "builtin:"; /* a model there would never be found */
  char folder[PATH_MAX];
  struct stat s;
  bool there = stat(path, &s) == 0;
  if (!ranks_first()) return path;
  if (strncmp(path, builtin, strlen(builtin)) == 0)
    fail(EXIT_USAGE, "%s: \"%s\" is the name of a model in the library, not of a file", o->name, path);
  folder_of(path, folder);
  errno = there && S_ISDIR(s.st_mode) ? EISDIR : 0;
  if (strcmp(path, "-") != 0 && (errno || access(there ? path : folder, W_OK) != 0))
    fail(EXIT_FAILED, "%s: cannot be written: %s", path, strerror(errno));
  return path;
}

static bool same_entry(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Whether what is written to one path is lost or read by way of the other: not so in devices and pipes. */
static bool same_file(const char *a, const char *b) {
  char folders[2][PATH_MAX];
  struct stat s;
  if (stat(a, &s) == 0 && !S_ISREG(s.st_mode)) return false;
  folder_of(a, folders[0]);
  folder_of(b, folders[1]);
  return same_entry(a, b) || (strcmp(name_in(a), name_in(b)) == 0 && same_entry(folders[0], folders[1]));
}

static void check_apart(const option *output, const char *other, const char *path) {
  const char *out = *(const char **)output->target;
  if (out && path && same_file(out, path))
    fail(EXIT_USAGE, "%s and %s are the same file, %s", output->name, other, path);
}

/* Ends the command if an output would overwrite another one or an input. */
static void check_outputs(const option *const *tables, const option *output, const list *rest) {
  for (; *tables; tables++)
    for (const option *o = *tables; o->name; o++) {
      const list *files = o->target;
      if (o != output && (o->kind == OUTPUT || o->kind == INPUT))
        check_apart(output, o->name, *(const char **)o->target);
      for (size_t k = 0; o->kind == INPUTS && k < files->count; k++) check_apart(output, o->name, files->items[k]);
    }
  for (size_t k = 0; rest && k < rest->count; k++) check_apart(output, "the argument", rest->items[k]);
}

static void help(const char *usage, const char *purpose, const option *const *tables) {
  printf("usage: powalloc %s\n\n%s\n\n", usage, purpose);
  for (const option *const *table = tables; *table; table++)
    for (const option *o = *table; o->name; o++) {
      if (find(tables, o->name, strlen(o->name)) != o) continue;
      char left[64];
      snprintf(left, sizeof left, "%s%s%s", o->name, o->kind == FLAG ? "" : " ", o->kind == FLAG ? "" : o->argument);
      printf("  %-28s %s\n", left, o->help);
    }
  printf("  %-28s %s\n", "-h, --help", "this text");
}

static double number(const option *o, const char *text, const char **end) {
  char *stop;
  errno = 0;
  double value = strtod(text, &stop);
  if (stop == text || !isfinite(value)) fail(EXIT_USAGE, "%s: \"%s\" is not a number", o->name, text);
  *end = stop;
  return value;
}

static double whole_number(const option *o, const char *text) {
  const char *end;
  double value = number(o, text, &end);
  if (*end) fail(EXIT_USAGE, "%s: \"%s\" is not a number", o->name, text);
  return value;
}

static uint64_t count_of(const option *o, const char *text) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end || errno)
    fail(EXIT_USAGE, "%s: \"%s\" is not a whole number of 0 or more", o->name, text);
  return value;
}

static counts counts_of(const option *o, const char *text) {
  counts c = {.count = 0};
  for (const char *part = text; part; part = strchr(part, ',')) {
    char one[WORD_MOST];
    if (c.count > 0) part++;
    if (c.count == LIST_MOST) fail(EXIT_USAGE, "%s: at most %d numbers", o->name, LIST_MOST);
    snprintf(one, sizeof one, "%.*s", (int)strcspn(part, ","), part);
    c.items[c.count++] = count_of(o, one);
  }
  return c;
}

static range range_of(const option *o, const char *text) {
  const char *end;
  range r;
  r.lowest = r.highest = number(o, text, &end);
  if (*end == ':') r.highest = number(o, end + 1, &end);
  if (*end || r.lowest > r.highest)
    fail(EXIT_USAGE, "%s: \"%s\" is neither a number nor a range such as 10:30", o->name, text);
  return r;
}

static void set(const option *o, const char *text) {
  list *texts = o->target;
  switch (o->kind) {
  case FLAG:
    *(bool *)o->target = true;
    break;
  case TEXT:
  case INPUT:
    *(const char **)o->target = text;
    break;
  case OUTPUT:
    *(const char **)o->target = output_of(o, text);
    break;
  case COUNT:
    *(uint64_t *)o->target = count_of(o, text);
    break;
  case COUNTS:
    *(counts *)o->target = counts_of(o, text);
    break;
  case NUMBER:
    *(double *)o->target = whole_number(o, text);
    break;
  case POWER:
    if (pa_parse_power(text, o->target) != PA_OK) fail(EXIT_USAGE, "%s: %s", o->name, pa_last_error());
    break;
  case RANGE:
    *(range *)o->target = range_of(o, text);
    break;
  case TEXTS:
  case INPUTS:
    if (texts->count == LIST_MOST) fail(EXIT_USAGE, "%s: at most %d times", o->name, LIST_MOST);
    texts->items[texts->count++] = text;
    break;
  }
}

void parse_options(const char *usage, const char *purpose, const option *const *tables, int count, char **words,
                   list *rest) {
  for (int k = 0; k < count; k++) {
    const char *word = words[k];
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
      help(usage, purpose, tables);
      finish(EXIT_SUCCESS);
    }
    if (word[0] != '-' || !word[1]) {
      if (!rest || rest->count == LIST_MOST) fail(EXIT_USAGE, "\"%s\" is not expected here; see --help", word);
      rest->items[rest->count++] = word;
      continue;
    }
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const option *o = find(tables, word, length);
    if (!o) unknown(tables, word, length);
    if (o->kind == FLAG && equals) fail(EXIT_USAGE, "%s takes no value", o->name);
    if (o->kind != FLAG && !equals && (k + 1 == count || strncmp(words[k + 1], "--", 2) == 0))
      fail(EXIT_USAGE, "%s needs a value: %s", o->name, o->argument);
    set(o, o->kind == FLAG ? NULL : equals ? equals + 1 : words[++k]);
  }
  for (const option *const *table = tables; *table; table++)
    for (const option *o = *table; o->name; o++)
      if (o->kind == OUTPUT) check_outputs(tables, o, rest);
}
