/* Counts every allocation of the program, in place of the C library's own. Included once, behind _GNU_SOURCE. */
#ifndef POWALLOC_TESTS_ALLOCATIONS_H
#define POWALLOC_TESTS_ALLOCATIONS_H

#include <dlfcn.h>
#include <stdlib.h>

static size_t allocations;

void *malloc(size_t bytes) {
  static void *(*next)(size_t);
  if (!next) *(void **)&next = dlsym(RTLD_NEXT, "malloc");
  allocations++;
  return next(bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
  static void *(*next)(size_t, size_t);
  if (!next) *(void **)&next = dlsym(RTLD_NEXT, "aligned_alloc");
  allocations++;
  return next(alignment, bytes);
}

#endif
