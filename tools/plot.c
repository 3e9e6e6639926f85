#define _GNU_SOURCE
#include "plot.h"

#include "command.h"
#include "report.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(const char *script, const char *settings) {
  pid_t child = fork();
  if (child < 0) fail(EXIT_FAILED, "gnuplot cannot be started: %s", strerror(errno));
  if (child == 0) {
    execlp("gnuplot", "gnuplot", "-e", settings, script, (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
  }
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail(EXIT_FAILED, "gnuplot was lost: %s", strerror(errno));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    fail(EXIT_FAILED, "gnuplot is not installed (package gnuplot-nox); the data is written, the picture is not");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail(EXIT_FAILED, "gnuplot failed on %s", script);
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
  run(file, text_of("svg=1; output=%s", gnuplot_text(text_of("%s.svg", base))));
  run(file, text_of("svg=0; output=%s", gnuplot_text(text_of("%s.png", base))));
}
