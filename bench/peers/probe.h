/* What the parts of the probe library share. */
#ifndef POWALLOC_BENCH_PROBE_H
#define POWALLOC_BENCH_PROBE_H

#include <powalloc/powalloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Nanoseconds. */
static inline double probe_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The clock that is read fastest; how long a tick is, probe_tick() measures. */
static inline uint64_t probe_ticks(void) {
#if defined(__x86_64__)
  _mm_lfence();
  return __rdtsc();
#else
  return (uint64_t)probe_now();
#endif
}

/* Written to: so that the first to use it does not wait for its pages. */
static inline void *probe_memory(size_t bytes) {
  size_t whole = (bytes + 63) / 64 * 64;
  void *memory = aligned_alloc(64, whole);
  return memory ? memset(memory, 0, whole) : NULL;
}

#endif
