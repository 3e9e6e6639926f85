#define _GNU_SOURCE
#include "reproduce.h"

#include "command.h"
#include "progress.h"
#include "training.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct reproduction {
  const char *name, *what;
  int (*run)(const reproduction_options *o);
} reproductions[] = {
    {"uwmmse-table1", "UWMMSE paper, table 1 and figure 2(a): sum-rate and time of all methods",
     reproduce_uwmmse_table1},
    {"regnn-fig3", "REGNN paper, figure 3: learning curves under an average power budget, beside the baselines",
     reproduce_regnn_fig3},
};

enum { COUNT_OF_REPRODUCTIONS = sizeof reproductions / sizeof reproductions[0] };

int reproduce(int count, char **words) {
  reproduction_options o = {.architecture = "extended", .topologies = 4, .threads = NOT_GIVEN};
  bool catalogue = false;
  list names = {0};
  const option own[] = {{"--out", TEXT, &o.out, "DIR", "folder for data, picture and models"},
                        {"--quick", FLAG, &o.quick, "", "a look in seconds: fewer topologies, steps and draws"},
                        {"--list", FLAG, &catalogue, "", "what can be reproduced"},
                        {"--architecture", TEXT, &o.architecture, "paper|extended", "of UWMMSE (default extended)"},
                        {"--topologies", COUNT, &o.topologies, "N", "networks, of seeds S to S + N - 1 (default 4)"},
                        {"--seed", COUNT, &o.seed, "S", "first seed (default 0)"},
                        {"--threads", COUNT, &o.threads, "N", "threads (default: one a processor)"},
                        {NULL, FLAG, NULL, NULL, NULL}};
  parse_options("reproduce NAME --out DIR [--quick]", "Reproduces a table or figure of the papers.",
                (const option *const[]){own, progress_table, NULL}, count, words, &names);
  if (catalogue) {
    for (size_t k = 0; k < COUNT_OF_REPRODUCTIONS; k++)
      printf("%-16s %s\n", reproductions[k].name, reproductions[k].what);
    return EXIT_SUCCESS;
  }
  if (names.count != 1) fail(EXIT_USAGE, "give one name; see --list");
  if (!o.out) fail(EXIT_USAGE, "--out is missing: the folder for the results");
  if (o.topologies == 0) fail(EXIT_USAGE, "--topologies must be at least 1");
  if (strcmp(o.architecture, "paper") != 0 && strcmp(o.architecture, "extended") != 0)
    fail(EXIT_USAGE, "--architecture: \"%s\" is neither paper nor extended", o.architecture);
  if (o.threads == 0) fail(EXIT_USAGE, "--threads must be at least 1");
  if (o.threads == NOT_GIVEN) o.threads = online_processors();
  for (size_t k = 0; k < COUNT_OF_REPRODUCTIONS; k++) {
    if (strcmp(reproductions[k].name, names.items[0]) != 0) continue;
    struct stat s;
    if (mkdir(o.out, 0777) != 0 && errno != EEXIST) fail(EXIT_FAILED, "%s cannot be made: %s", o.out, strerror(errno));
    if (stat(o.out, &s) != 0 || !S_ISDIR(s.st_mode)) fail(EXIT_FAILED, "%s is not a folder", o.out);
    return reproductions[k].run(&o);
  }
  fail(EXIT_USAGE, "\"%s\" is not a table or figure known here; see --list", names.items[0]);
}
