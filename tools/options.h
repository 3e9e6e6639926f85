/* One table of options a verb: parsing, checking and help come from it. */
#ifndef POWALLOC_TOOLS_OPTIONS_H
#define POWALLOC_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIST_MOST = 64 };

typedef struct list {
  const char *items[LIST_MOST];
  size_t count;
} list;

/* lowest to highest; one number is both. */
typedef struct range {
  double lowest, highest;
} range;

typedef struct counts {
  uint64_t items[LIST_MOST];
  size_t count;
} counts;

typedef enum option_kind {
  FLAG,   /* bool */
  TEXT,   /* const char * */
  INPUT,  /* const char *: a file to be read */
  OUTPUT, /* const char *: a file that can be written, or -; no other option's */
  COUNT,  /* uint64_t */
  COUNTS, /* counts: a,b,... */
  NUMBER, /* double */
  POWER,  /* double in W, from a number or one with a unit */
  RANGE,  /* range: a or a:b */
  TEXTS,  /* list: may be repeated */
  INPUTS  /* list of files to be read */
} option_kind;

typedef struct option {
  const char *name; /* "--links"; NULL ends a table */
  option_kind kind;
  void *target;         /* holds the default before */
  const char *argument; /* its name in the help text */
  const char *help;
} option;

/* How unlike two words are: letters to insert, remove or replace to make one of the other. */
size_t word_distance(const char *a, const char *b);
bool ends_with(const char *word, const char *ending);

/* Reads the words by the tables (a NULL-terminated list of them); what is no option goes to `rest`. Prints the help and
 * ends the command on -h or --help, ends it with status 2 on wrong usage. An option of an earlier table takes the place
 * of a later one's of the same name. */
void parse_options(const char *usage, const char *purpose, const option *const *tables, int count, char **words,
                   list *rest);

/* NULL for TEXT, INPUT and OUTPUT, NAN for NUMBER and POWER, UINT64_MAX for COUNT mean "not given". */
#define NOT_GIVEN UINT64_MAX

#endif
