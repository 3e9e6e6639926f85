#include "base.h"

#include <stdlib.h>
#include <string.h>

static void *default_allocate(void *user, size_t bytes, size_t alignment) {
  (void)user;
  size_t rest = bytes % alignment;
  return bytes > PTRDIFF_MAX - alignment ? NULL : aligned_alloc(alignment, rest ? bytes + alignment - rest : bytes);
}

static void default_release(void *user, void *memory) {
  (void)user;
  free(memory);
}

pa_status pa__allocator_copy(pa_allocator *out, const pa_allocator *allocator) {
  if (!allocator) {
    *out = (pa_allocator){default_allocate, default_release, NULL};
    return PA_OK;
  }
  if (!allocator->allocate || !allocator->release)
    return pa__fail(PA_ERROR_ARGUMENT, "allocator: allocate and release must both be set");
  *out = *allocator;
  return PA_OK;
}

bool pa__multiply(size_t a, size_t b, size_t *product) { return !__builtin_mul_overflow(a, b, product); }

void *pa__allocate(const pa_allocator *allocator, size_t count, size_t size) {
  size_t bytes;
  if (!pa__multiply(count, size, &bytes)) {
    pa__fail(PA_ERROR_MEMORY, "%zu elements of %zu bytes overflow the address space", count, size);
    return NULL;
  }
  if (bytes == 0) bytes = 1;
  void *memory = allocator->allocate(allocator->user, bytes, PA__ALIGNMENT);
  if (memory)
    memset(memory, 0, bytes);
  else
    pa__fail(PA_ERROR_MEMORY, "out of memory: %zu bytes", bytes);
  return memory;
}

void pa__release(const pa_allocator *allocator, void *memory) {
  if (memory) allocator->release(allocator->user, memory);
}

pa_status pa__handle_create(void *out, size_t size, const pa_allocator *allocator) {
  if (!out) return pa__fail(PA_ERROR_ARGUMENT, "out is NULL");
  pa_allocator copy = {0};
  pa_status status = pa__allocator_copy(&copy, allocator);
  if (status != PA_OK) return status;
  void *handle = pa__allocate(&copy, 1, size);
  if (!handle) return PA_ERROR_MEMORY;
  memcpy(handle, &copy, sizeof copy);
  memcpy(out, &handle, sizeof handle);
  return PA_OK;
}

pa_status pa__channel_size(size_t batch, size_t links, size_t *elements) {
  size_t bytes;
  if (!pa__multiply(links, links, elements) || !pa__multiply(*elements, batch, elements) ||
      !pa__multiply(*elements, sizeof(double), &bytes) || bytes > PTRDIFF_MAX)
    return pa__fail(PA_ERROR_MEMORY, "batch %zu of %zu links: the channels overflow the address space", batch, links);
  return PA_OK;
}

void *pa__arena_take(pa__arena *arena, size_t count, size_t size) {
  size_t bytes;
  if (arena->used == SIZE_MAX || !pa__multiply(count, size, &bytes) || bytes > PTRDIFF_MAX - PA__ALIGNMENT ||
      arena->used > PTRDIFF_MAX - PA__ALIGNMENT - bytes) {
    arena->used = SIZE_MAX;
    return NULL;
  }
  unsigned char *block = arena->memory ? arena->memory + arena->used : NULL;
  arena->used += (bytes + PA__ALIGNMENT - 1) / PA__ALIGNMENT * PA__ALIGNMENT;
  return block;
}
