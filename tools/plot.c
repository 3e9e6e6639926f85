#define _GNU_SOURCE
#include "plot.h"

#include "command.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

void add_terminal(text *script, size_t width, size_t height) {
  text_add(script,
           "if (svg) set terminal svg size %zu,%zu font 'Helvetica,14' background 'white'; "
           "else set terminal pngcairo size %zu,%zu font 'Helvetica,26' background 'white' linewidth 2\n"
           "set output output\n",
           width, height, 2 * width, 2 * height);
}

const char *plot_colour(size_t k) {
  static const char *const colours[PLOT_COLOURS] = {"#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd",
                                                    "#17becf", "#8c564b", "#7f7f7f", "#e377c2", "#bcbd22"};
  return colours[k % PLOT_COLOURS];
}

/* script: a file, or "-" for what stands in `input`; returns whether gnuplot did it. */
static bool run(const char *script, const char *settings, FILE *input) {
  pid_t child = fork();
  if (child < 0) fail(EXIT_FAILED, "gnuplot cannot be started: %s", strerror(errno));
  if (child == 0) {
    if (input) dup2(fileno(input), STDIN_FILENO);
    execlp("gnuplot", "gnuplot", "-e", settings, script, (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
  }
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail(EXIT_FAILED, "gnuplot was lost: %s", strerror(errno));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    fail(EXIT_FAILED, "gnuplot is not installed (package gnuplot-nox); the data is written, the picture is not");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

const char *gnuplot_text(const char *plain) {
  text t = {0};
  text_add(&t, "'");
  for (; *plain; plain++) text_add(&t, "%s%c", *plain == '\'' ? "'" : "", *plain);
  text_add(&t, "'");
  return t.bytes;
}

void plot(const char *base, const char *script) {
  const char *file = text_of("%s.gp", base);
  write_text(file, script);
  for (int svg = 1; svg >= 0; svg--)
    if (!run(file, text_of("svg=%d; output=%s", svg, gnuplot_text(text_of("%s.%s", base, svg ? "svg" : "png"))), NULL))
      fail(EXIT_FAILED, "gnuplot failed on %s", file);
}

static const char *ending(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot ? dot : "";
}

bool is_picture(const char *path) {
  return strcasecmp(ending(path), ".svg") == 0 || strcasecmp(ending(path), ".png") == 0;
}

void plot_file(const char *path, const char *script) {
  const char *temporary = text_of("%s.%ld", path, (long)getpid());
  int svg = strcasecmp(ending(path), ".svg") == 0;
  FILE *input = tmpfile();
  if (!input || fputs(script, input) < 0 || fflush(input) != 0 || fseek(input, 0, SEEK_SET) != 0)
    fail(EXIT_FAILED, "the script of %s cannot be kept: %s", path, strerror(errno));
  bool done = run("-", text_of("svg=%d; output=%s", svg, gnuplot_text(temporary)), input);
  fclose(input);
  if (!done || rename(temporary, path) != 0) {
    unlink(temporary);
    fail(EXIT_FAILED, "%s: cannot be drawn%s", path, done ? "" : ": gnuplot failed");
  }
}
