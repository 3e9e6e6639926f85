/* The verbs, and how the command ends. */
#ifndef POWALLOC_TOOLS_COMMAND_H
#define POWALLOC_TOOLS_COMMAND_H

#include <powalloc/powalloc.h>
#include <stddef.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

/* Each takes the words behind the verb and returns the exit status. */
int simulate(int count, char **words);
int allocate(int count, char **words);
int evaluate(int count, char **words);
int train(int count, char **words);
int reproduce(int count, char **words);
int info(int count, char **words);

/* Ends the command, with EXIT_FAILED if standard output could not be written. */
_Noreturn void finish(int exit_status);
/* Ends the command with a message on standard error. */
_Noreturn void fail(int exit_status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends it with the library's message if status is an error; returns status. */
pa_status must(pa_status status);
/* Memory for count elements, zeroed; ends the command if there is none. */
void *need(size_t count, size_t size);

/* SIGINT and SIGTERM ask this trainer to stop; a second one ends the command at once. NULL: none. */
void stop_on_interrupt(pa_trainer *trainer);
/* Whether one came. */
int interrupted(void);

double seconds_now(void);

#endif
