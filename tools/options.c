#include "options.h"

#include "command.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const option *find(const option *const *tables, const char *name, size_t length) {
  for (; *tables; tables++)
    for (const option *o = *tables; o->name; o++)
      if (strlen(o->name) == length && strncmp(o->name, name, length) == 0) return o;
  return NULL;
}

static void help(const char *usage, const char *purpose, const option *const *tables) {
  printf("usage: powalloc %s\n\n%s\n\n", usage, purpose);
  for (; *tables; tables++)
    for (const option *o = *tables; o->name; o++) {
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
  if (end == text || *end || errno || text[0] == '-')
    fail(EXIT_USAGE, "%s: \"%s\" is not a whole number of 0 or more", o->name, text);
  return value;
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
    *(const char **)o->target = text;
    break;
  case COUNT:
    *(uint64_t *)o->target = count_of(o, text);
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
    if (texts->count == LIST_MOST) fail(EXIT_USAGE, "%s: at most %d times", o->name, LIST_MOST);
    texts->items[texts->count++] = text;
    break;
  }
}

void parse_options(const char *usage, const char *purpose, const option *const *tables, int count, char **words, list *rest) {
  for (int k = 0; k < count; k++) {
    const char *word = words[k];
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
      help(usage, purpose, tables);
      exit(EXIT_SUCCESS);
    }
    if (word[0] != '-' || !word[1]) {
      if (!rest || rest->count == LIST_MOST) fail(EXIT_USAGE, "\"%s\" is not expected here; see --help", word);
      rest->items[rest->count++] = word;
      continue;
    }
    const char *equals = strchr(word, '=');
    const option *o = find(tables, word, equals ? (size_t)(equals - word) : strlen(word));
    if (!o) fail(EXIT_USAGE, "unknown option %s; see --help", word);
    if (o->kind == FLAG && equals) fail(EXIT_USAGE, "%s takes no value", o->name);
    if (o->kind != FLAG && !equals && k + 1 == count) fail(EXIT_USAGE, "%s needs a value: %s", o->name, o->argument);
    set(o, o->kind == FLAG ? NULL : equals ? equals + 1 : words[++k]);
  }
}
