#define _GNU_SOURCE
#include "command.h"
#include "options.h"
#include "ranks.h"

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct verb {
  const char *name, *does;
  int (*run)(int count, char **words);
} verbs[] = {
    {"simulate", "draws a network and fading states", simulate},
    {"allocate", "powers for channels that came from anywhere", allocate},
    {"evaluate", "compares policies on the same states", evaluate},
    {"train", "trains a learned policy", train},
    {"reproduce", "a table or figure of the papers", reproduce},
    {"info", "tells what a model or array file holds", info},
};

static const char *running = "powalloc";

void fail(int exit_status, const char *format, ...) {
  va_list arguments;
  ranks_let_first_tell();
  va_start(arguments, format);
  fprintf(stderr, "%s: ", running);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  ranks_fail(exit_status);
  exit(exit_status);
}

void finish(int exit_status) {
  if (fflush(stdout) != 0 || ferror(stdout)) fail(EXIT_FAILED, "standard output cannot be written");
  ranks_end();
  exit(exit_status);
}

pa_status must(pa_status status) {
  if (status < 0) fail(EXIT_FAILED, "%s", pa_last_error());
  return status;
}

void *need(size_t count, size_t size) {
  void *memory = calloc(count ? count : 1, size);
  if (!memory) fail(EXIT_FAILED, "out of memory: %zu elements of %zu bytes", count, size);
  return memory;
}

static _Atomic(pa_trainer *) at_work;
static atomic_int signals;

static void on_signal(int number) {
  (void)number;
  if (atomic_fetch_add(&signals, 1) > 0 || !atomic_load(&at_work)) _exit(EXIT_INTERRUPTED);
  pa_trainer_request_stop(atomic_load(&at_work));
}

void stop_on_interrupt(pa_trainer *trainer) {
  atomic_store(&at_work, trainer);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

int interrupted(void) { return atomic_load(&signals) > 0; }

double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void usage(FILE *to) {
  fprintf(to, "Learned wireless power allocation.\n\nusage: powalloc <verb> [options]\n\n");
  for (size_t k = 0; k < sizeof verbs / sizeof verbs[0]; k++) fprintf(to, "  %-10s %s\n", verbs[k].name, verbs[k].does);
  fprintf(
      to,
      "\n  powalloc <verb> --help    the verb's options\n  powalloc --version        version and instruction set\n");
}

int main(int argc, char **argv) {
  if (argc < 2) {
    usage(stderr);
    return EXIT_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    usage(stdout);
    finish(EXIT_SUCCESS);
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("powalloc %s (kernels: %s)\n", pa_version_text(), pa_instruction_set());
    finish(EXIT_SUCCESS);
  }
  for (size_t k = 0; k < sizeof verbs / sizeof verbs[0]; k++) {
    if (strcmp(argv[1], verbs[k].name) != 0) continue;
    char name[32];
    snprintf(name, sizeof name, "powalloc %s", verbs[k].name);
    running = name;
    ranks_begin(argc - 2, argv + 2);
    finish(verbs[k].run(argc - 2, argv + 2));
  }
  for (size_t k = 0; k < sizeof verbs / sizeof verbs[0]; k++)
    if (word_distance(verbs[k].name, argv[1]) <= 2)
      fail(EXIT_USAGE, "\"%s\" is not a verb; did you mean %s?", argv[1], verbs[k].name);
  fail(EXIT_USAGE, "\"%s\" is not a verb; see powalloc --help", argv[1]);
}
