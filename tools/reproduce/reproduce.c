#define _GNU_SOURCE
#include "../command.h"
#include "../progress.h"
#include "../training.h"
#include "studies.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct reproduction {
  const char *name, *what;
  int (*run)(const reproduction_options *o);
} reproductions[] = {
    {"uwmmse-table1", "UWMMSE paper, table 1: sum-rate and time of all methods", reproduce_uwmmse_table1},
    {"uwmmse-fig2a", "UWMMSE paper, figure 2(a): distribution of the sum-rate", reproduce_uwmmse_fig2a},
    {"uwmmse-fig2b", "UWMMSE paper, figure 2(b): denser networks", reproduce_uwmmse_fig2b},
    {"uwmmse-fig2c", "UWMMSE paper, figure 2(c): networks of other sizes", reproduce_uwmmse_fig2c},
    {"regnn-fig3", "REGNN paper, figure 3: training, 20 links", reproduce_regnn_fig3},
    {"regnn-fig4", "REGNN paper, figure 4: training, 50 links", reproduce_regnn_fig4},
    {"regnn-fig5", "REGNN paper, figure 5: over the SNR", reproduce_regnn_fig5},
    {"regnn-fig6", "REGNN paper, figure 6: another network of 50 links", reproduce_regnn_fig6},
    {"regnn-fig7", "REGNN paper, figure 7: from 50 to 75 links", reproduce_regnn_fig7},
    {"regnn-fig8", "REGNN paper, figure 8: from 50 to 100 links", reproduce_regnn_fig8},
    {"regnn-fig9", "REGNN paper, figure 9: sizes 50 to 500", reproduce_regnn_fig9},
    {"regnn-fig10", "REGNN paper, figure 10: densities 0.1 to 10", reproduce_regnn_fig10},
    {"regnn-fig11", "REGNN paper, figure 11: user demand, constraints met", reproduce_regnn_fig11},
    {"regnn-fig12", "REGNN paper, figure 12: training, 5 cells", reproduce_regnn_fig12},
    {"regnn-fig13", "REGNN paper, figure 13: 5 to 50 cells", reproduce_regnn_fig13},
    {"anchors", "how much is left: small networks and their certified optimum", reproduce_anchors},
};

enum { REPRODUCTIONS = sizeof reproductions / sizeof reproductions[0] };

static void list_all(void) {
  for (size_t k = 0; k < REPRODUCTIONS; k++) printf("%-14s %s\n", reproductions[k].name, reproductions[k].what);
  printf("%-14s all of these, and results.md: the page of all\n", "all");
}

static void make_folder(const char *path) {
  struct stat s;
  if (mkdir(path, 0777) != 0 && errno != EEXIST) fail(EXIT_FAILED, "%s cannot be made: %s", path, strerror(errno));
  if (stat(path, &s) != 0 || !S_ISDIR(s.st_mode)) fail(EXIT_FAILED, "%s is not a folder", path);
}

/* All of a file of the folder, to be freed. */
static char *content_of(const reproduction_options *o, const char *name, const char *ending) {
  const char *path = text_of("%s/%s%s", o->out, name, ending);
  char *bytes = read_text(path);
  if (!bytes) fail(EXIT_FAILED, "%s cannot be read", path);
  return bytes;
}

static void add_verdicts(text *page, const reproduction_options *o, const char *name) {
  char *bytes = content_of(o, name, ".json");
  cJSON *json = cJSON_Parse(bytes), *row;
  cJSON_ArrayForEach(row, cJSON_GetObjectItem(json, "verdicts")) text_add(
      page, "| %s | %s | %s | %s | %s |\n", name, cJSON_GetStringValue(cJSON_GetObjectItem(row, "claim")),
      cJSON_GetStringValue(cJSON_GetObjectItem(row, "paper")), cJSON_GetStringValue(cJSON_GetObjectItem(row, "ours")),
      cJSON_GetStringValue(cJSON_GetObjectItem(row, "holds")));
  cJSON_Delete(json);
  free(bytes);
}

/* The verdicts of all studies, then the studies' own pages one after the other. */
static void write_page(const reproduction_options *o) {
  text page = {0};
  text_add(
      &page,
      "# Results against the papers\n\nMade by `powalloc reproduce all --out DIR%s` (powalloc %s, %s kernels); nothing "
      "here is typed by hand.\n\nTwo readings decide most claims. The UWMMSE paper compares with WMMSE after 100 "
      "iterations from full power, which is neither converged nor the best that is known: ratios above 1 are no "
      "contradiction. The REGNN paper compares with a WMMSE that has the average power budget shared out evenly over "
      "the "
      "links; one that pays a price for power meets the same budget and is far better, and is shown beside it. A "
      "claim that holds against the first need not hold against the second.\n\nIn ratios of sum-rates, means over the "
      "networks of each one's own: to match is to reach at least %g, to match almost %g; what is below %g falls "
      "behind, "
      "and what is below %g is inadequate; to outperform substantially is to reach more than %g.\n\n"
      "| | claim | paper | ours | holds |\n|---|---|---|---|---|\n",
      o->quick ? " --quick" : "", pa_version_text(), pa_instruction_set(), MATCHES, ALMOST_MATCHES, FALLS_BEHIND,
      INADEQUATE, SUBSTANTIALLY);
  for (size_t k = 0; k < REPRODUCTIONS; k++) add_verdicts(&page, o, reproductions[k].name);
  for (size_t k = 0; k < REPRODUCTIONS; k++) {
    char *fragment = content_of(o, reproductions[k].name, ".md");
    text_add(&page, "\n%s", fragment);
    free(fragment);
  }
  write_text(text_of("%s/results.md", o->out), page.bytes);
  printf("Page: %s/results.md\n", o->out);
  free(page.bytes);
}

static int reproduce_all(const reproduction_options *o) {
  for (size_t k = 0; k < REPRODUCTIONS; k++) {
    if (study_is_complete(o, reproductions[k].name)) {
      printf("%s: complete in %s\n", reproductions[k].name, o->out);
      continue;
    }
    reproductions[k].run(o);
    fflush(stdout);
  }
  write_page(o);
  return EXIT_SUCCESS;
}

int reproduce(int count, char **words) {
  reproduction_options o = {.topologies = NOT_GIVEN, .threads = NOT_GIVEN};
  bool catalogue = false;
  list names = {0};
  const option own[] = {
      {"--out", TEXT, &o.out, "DIR", "folder for data, pictures, pages and models"},
      {"--quick", FLAG, &o.quick, "", "a look in seconds: fewer topologies, steps and draws"},
      {"--list", FLAG, &catalogue, "", "what can be reproduced"},
      {"--setting", TEXT, &o.setting, "text|code",
       "of REGNN: as its paper's text says or its authors' code does (default: text for training, code for transfer)"},
      {"--topologies", COUNT, &o.topologies, "N", "networks to train on, of seeds S to S + N - 1 (default 4; quick 1)"},
      {"--seed", COUNT, &o.seed, "S", "first seed (default 0)"},
      {"--threads", COUNT, &o.threads, "N", "threads (default: one a processor); the numbers do not depend on it"},
      {NULL, FLAG, NULL, NULL, NULL}};
  parse_options("reproduce NAME|all --out DIR [--quick]", "Reproduces a table or figure of the papers.",
                (const option *const[]){own, progress_table, NULL}, count, words, &names);
  if (catalogue) {
    list_all();
    return EXIT_SUCCESS;
  }
  if (names.count != 1) fail(EXIT_USAGE, "give one name; see --list");
  if (!o.out) fail(EXIT_USAGE, "--out is missing: the folder for the results");
  if (o.topologies == NOT_GIVEN) o.topologies = o.quick ? 1 : 4;
  if (o.topologies == 0 || o.topologies > 1000) fail(EXIT_USAGE, "--topologies must be 1 to 1000");
  if (o.setting && strcmp(o.setting, "text") != 0 && strcmp(o.setting, "code") != 0)
    fail(EXIT_USAGE, "--setting: \"%s\" is neither text nor code", o.setting);
  if (o.threads == 0) fail(EXIT_USAGE, "--threads must be at least 1");
  if (o.threads == NOT_GIVEN) o.threads = online_processors();
  bool all = strcmp(names.items[0], "all") == 0;
  for (size_t k = 0; k < REPRODUCTIONS; k++)
    if (all || strcmp(reproductions[k].name, names.items[0]) == 0) {
      make_folder(o.out);
      return all ? reproduce_all(&o) : reproductions[k].run(&o);
    }
  fail(EXIT_USAGE, "\"%s\" is not a table or figure known here; see --list", names.items[0]);
}
