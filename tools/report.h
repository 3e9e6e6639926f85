/* Results: aligned tables on standard output, JSON, text files replaced whole. */
#ifndef POWALLOC_TOOLS_REPORT_H
#define POWALLOC_TOOLS_REPORT_H

#include "options.h"
#include "stats.h"

#include <cjson/cJSON.h>

extern const char *json_path;
extern const option json_table[]; /* --json */

/* rows [count][columns] of text, the first row the heading; numbers to the right. A row without a second cell is a line
 * of its own. */
void print_table(const char *const *cells, size_t count, size_t columns);
/* Text of printf in memory that lives as long as the command. */
const char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *interval_text(interval x, int decimals);
void add_interval(cJSON *json, const char *name, interval x);

/* Writes --json if it was given, and deletes json. */
void write_json(cJSON *json);
/* Writes json to a file whole, and deletes it. */
void write_json_to(const char *path, cJSON *json);
/* Replaces a text file whole. */
void write_text(const char *path, const char *text);
/* All of a text file, to be freed; NULL if it cannot be read or is empty. */
char *read_text(const char *path);

/* A growing text. */
typedef struct text {
  char *bytes;
  size_t length, room;
} text;
void text_add(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
