/* Tables and figures of the papers: one file each. */
#ifndef POWALLOC_TOOLS_REPRODUCE_H
#define POWALLOC_TOOLS_REPRODUCE_H

#include "options.h"

typedef struct reproduction_options {
  const char *out, *architecture;
  bool quick;
  uint64_t topologies, seed, threads;
} reproduction_options;

/* Each writes NAME.csv, .json, .svg and .png into the folder `out` and returns the exit status. */
int reproduce_regnn_fig3(const reproduction_options *o);
int reproduce_uwmmse_table1(const reproduction_options *o);

#endif
