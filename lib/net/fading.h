/* Channels from path gains and fading, in either precision. */
#ifndef POWALLOC_LIB_FADING_H
#define POWALLOC_LIB_FADING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pa__fading {
  size_t links, receivers;
  size_t gains, channels;    /* of a sample: links * receivers and links * links, or both the edges of a graph */
  const double *gain;        /* [gains] amplitudes, [links][receivers] or [edges] */
  const size_t *receiver_of; /* [links]; NULL: link j has receiver j of its own */
  bool rayleigh;             /* of scale 1, or no fading */
} pa__fading;

/* Channels h [count][channels] of draws first .. first + count - 1. work: `gains` doubles; in double
 * precision it is used if the receivers have several links. */
void pa__fade(const pa__fading *fading, uint64_t key, uint64_t first, size_t count, double *h, void *work);
void pa__fade_f32(const pa__fading *fading, uint64_t key, uint64_t first, size_t count, float *h, void *work);

#endif
