/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). Nothing to seed, nothing to keep: a number
 * is a function of (seed, stream, counter, index). */
#ifndef POWALLOC_LIB_RANDOM_H
#define POWALLOC_LIB_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define PA__PHILOX_M0 0xD2511F53u
#define PA__PHILOX_M1 0xCD9E8D57u
#define PA__PHILOX_W0 0x9E3779B9u
#define PA__PHILOX_W1 0xBB67AE85u

void pa__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The streams that a seed splits into. */
enum {
  PA__STREAM_POSITIONS = 1,
  PA__STREAM_FADING,
  PA__STREAM_TOPOLOGY,
  PA__STREAM_SELECTION,
  PA__STREAM_WEIGHTS,
  PA__STREAM_BATCHES,
  PA__STREAM_ACTIONS
};
/* Key of a stream of a purpose under a seed. */
uint64_t pa__random_key(uint64_t seed, uint32_t purpose, uint64_t stream);

/* Uniform number in (0, 1) on a grid of 2^-52: element index of draw counter. */
double pa__random_uniform(uint64_t key, uint64_t counter, uint64_t index);
/* The same on a grid of 2^-23, from other bits. */
float pa__random_uniform_f32(uint64_t key, uint64_t counter, uint64_t index);
/* Uniform whole number in [0, n), n <= 2^40. */
uint64_t pa__random_below(uint64_t key, uint64_t counter, uint64_t index, uint64_t n);

#endif
