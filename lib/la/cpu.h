/* What the processor can do, and how it treats denormals. */
#ifndef POWALLOC_LIB_CPU_H
#define POWALLOC_LIB_CPU_H

#include <stdbool.h>

enum { PA__BASELINE, PA__AVX2, PA__AVX512, PA__SETS };

/* The best instruction set of the machine, and whether it runs one. */
int pa__cpu_set(void);
bool pa__cpu_runs(int set);
/* From now on the best is at most this set: for tests, before any thread runs. */
void pa__cpu_limit(int set);

/* Denormals as zero, set on entry and restored on return: v decays towards zero and would crawl. */
typedef struct pa__flush {
  unsigned state;
} pa__flush;
pa__flush pa__flush_begin(void);
void pa__flush_end(pa__flush saved);

#endif
