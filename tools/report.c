#define _GNU_SOURCE
#include "report.h"

#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *json_path;

const option json_table[] = {{"--json", OUTPUT, &json_path, "FILE", "the result as JSON; - for standard output"},
                             {NULL, FLAG, NULL, NULL, NULL}};

void print_table(const char *const *cells, size_t count, size_t columns) {
  if (json_path && strcmp(json_path, "-") == 0) return;
  for (size_t r = 0; r < count; r++) {
    if (!cells[r * columns + 1]) {
      printf("%s\n", cells[r * columns]);
      continue;
    }
    for (size_t c = 0; c < columns; c++) {
      size_t width = 0;
      for (size_t k = 0; k < count; k++) {
        size_t length = cells[k * columns + 1] ? strlen(cells[k * columns + c]) : 0;
        width = length > width ? length : width;
      }
      printf(c == 0 ? "%-*s" : "  %*s", (int)width, cells[r * columns + c]);
    }
    putchar('\n');
  }
}

void text_add(text *t, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  size_t more = (size_t)vsnprintf(NULL, 0, format, arguments);
  if (t->length + more + 1 > t->room) {
    t->room = 2 * (t->length + more + 1);
    t->bytes = realloc(t->bytes, t->room);
    if (!t->bytes) fail(EXIT_FAILED, "out of memory");
  }
  vsnprintf(t->bytes + t->length, more + 1, format, again);
  t->length += more;
  va_end(arguments);
  va_end(again);
}

const char *text_of(const char *format, ...) {
  va_list arguments;
  char *result;
  va_start(arguments, format);
  if (vasprintf(&result, format, arguments) < 0) fail(EXIT_FAILED, "out of memory");
  va_end(arguments);
  return result;
}

const char *interval_text(interval x, int decimals) {
  if (isnan(x.value)) return "-";
  if (isnan(x.half_width)) return text_of("%.*f", decimals, x.value);
  return text_of("%.*f +- %.*f", decimals, x.value, decimals, x.half_width);
}

void add_interval(cJSON *json, const char *name, interval x) {
  if (isnan(x.value)) return;
  cJSON_AddNumberToObject(json, name, x.value);
  if (!isnan(x.half_width)) cJSON_AddNumberToObject(json, text_of("%s_95", name), x.half_width);
}

static _Noreturn void cannot_write(const char *path, int reason) {
  fail(EXIT_FAILED, "%s: cannot be written: %s", path, strerror(reason));
}

/* Devices and pipes are written to; a file is replaced as a whole, where a link to it leads. */
void write_text(const char *path, const char *content) {
  struct stat s;
  bool in_place = stat(path, &s) == 0 && !S_ISREG(s.st_mode);
  char *target = realpath(path, NULL), *temporary = NULL;
  const char *end = target ? target : path;
  mode_t mask = umask(0);
  umask(mask);
  if (!in_place) temporary = strcpy(need(strlen(end) + 8, 1), end), strcat(temporary, ".XXXXXX");
  int descriptor = in_place ? open(path, O_WRONLY) : mkstemp(temporary);
  FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
  if (!file) cannot_write(path, errno);
  bool ok = fputs(content, file) >= 0 && fflush(file) == 0;
  if (!in_place) ok = ok && fchmod(descriptor, 0666 & ~mask) == 0 && fsync(descriptor) == 0;
  int reason = errno;
  if (fclose(file) != 0 && ok) ok = false, reason = errno;
  if (ok && !in_place && rename(temporary, end) != 0) ok = false, reason = errno;
  if (!ok) {
    if (temporary) unlink(temporary);
    cannot_write(path, reason);
  }
  free(temporary);
  free(target);
}

char *read_text(const char *path) {
  FILE *file = fopen(path, "r");
  char *content = NULL;
  size_t room = 0;
  if (file && getdelim(&content, &room, 0, file) < 0) { /* up to a NUL: all of a text */
    free(content);
    content = NULL;
  }
  if (file) fclose(file);
  return content;
}

void write_json_to(const char *path, cJSON *json) {
  char *printed = cJSON_Print(json);
  if (!printed) fail(EXIT_FAILED, "out of memory");
  if (strcmp(path, "-") == 0)
    printf("%s\n", printed);
  else
    write_text(path, text_of("%s\n", printed));
  cJSON_free(printed);
  cJSON_Delete(json);
}

void write_json(cJSON *json) {
  if (json_path)
    write_json_to(json_path, json);
  else
    cJSON_Delete(json);
}
