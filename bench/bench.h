/* What every benchmark shares. */
#ifndef POWALLOC_BENCH_BENCH_H
#define POWALLOC_BENCH_BENCH_H

#include <powalloc/powalloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s\n", pa_last_error());
  exit(1);
}

/* Seconds. */
static inline double now(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
