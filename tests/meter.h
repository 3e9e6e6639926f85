/* An allocator that counts, and refuses. */
#ifndef POWALLOC_TESTS_METER_H
#define POWALLOC_TESTS_METER_H

#include <stdlib.h>

/* Refuses one of its calls; negative: none. */
struct meter {
  int calls, refuse, out;
};

static inline void *metered(void *user, size_t bytes, size_t alignment) {
  struct meter *meter = user;
  if (meter->calls++ == meter->refuse) return NULL;
  meter->out++;
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static inline void unmetered(void *user, void *memory) {
  ((struct meter *)user)->out--;
  free(memory);
}

#endif
