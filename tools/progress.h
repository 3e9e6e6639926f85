/* Progress on standard error: a bar on a terminal, JSON lines if asked for, else nothing. */
#ifndef POWALLOC_TOOLS_PROGRESS_H
#define POWALLOC_TOOLS_PROGRESS_H

#include "options.h"

extern const char *progress_style;
extern const option progress_table[];

typedef struct progress {
  const char *what;
  double total, start, last;
} progress;

progress progress_begin(const char *what, double total);
/* note: a few words behind the bar; value: a number for the JSON line under the name `value_name`. */
void progress_at(progress *p, double done, const char *value_name, double value);
void progress_end(progress *p);

#endif
