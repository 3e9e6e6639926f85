/* WMMSE on a batch, once per instruction set and precision. */
#ifndef POWALLOC_LIB_WMMSE_PASS_H
#define POWALLOC_LIB_WMMSE_PASS_H

#include "../la/kernel_set.h"
#include "../net/states.h"

typedef struct pa__wmmse_options {
  double price;     /* nat/W */
  double cap;       /* on the sum of the powers of a sample in W; 0: none */
  double start;     /* v(0) as a part of sqrt(pmax) */
  double tolerance; /* of v as a part of sqrt(pmax); 0: all iterations are done */
  size_t iterations;
  /* wmmse-best: random starts, and the key of their stream */
  size_t starts;
  uint64_t key;
} pa__wmmse_options;

/* power is in the precision of the pass. False: a channel is out of bounds. */
typedef struct pa__wmmse_pass {
  void (*workspace)(const pa__wmmse_options *options, const pa__extent *extent, pa__arena *arena);
  bool (*allocate)(const pa__wmmse_options *options, const pa_states *states, void *power, void *work);
  /* From many starts, the best of which goes on for longer. */
  void (*best_workspace)(const pa__extent *extent, pa__arena *arena);
  bool (*best)(const pa__wmmse_options *options, const pa_states *states, void *power, void *work);
} pa__wmmse_pass;

#endif
