/* What every room stands on: failures with a message, memory, option keys. */
#ifndef POWALLOC_LIB_BASE_H
#define POWALLOC_LIB_BASE_H

#include <powalloc/base.h>
#include <stdbool.h>

/* Records the message for pa_last_error() and returns status. */
pa_status pa__fail(pa_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Failures of this thread so far. */
unsigned pa__failures(void);

/* The allocator to copy into a handle: the given one, or the C library's for NULL. */
pa_status pa__allocator_copy(pa_allocator *out, const pa_allocator *allocator);

/* count elements of size bytes, zeroed, aligned to 64 bytes; NULL with the failure recorded (PA_ERROR_MEMORY).
 * A count of 0 gives a valid pointer. */
void *pa__allocate(const pa_allocator *allocator, size_t count, size_t size);
void pa__release(const pa_allocator *allocator, void *memory);

/* A handle, which stands first in its own memory and starts with its allocator. */
pa_status pa__handle_create(void *out, size_t size, const pa_allocator *allocator);

/* false if a * b overflows. */
bool pa__multiply(size_t a, size_t b, size_t *product);

/* Elements of [batch][links][links]; fails with PA_ERROR_MEMORY if their bytes overflow. */
pa_status pa__channel_size(size_t batch, size_t links, size_t *elements);

/* Fails unless key is a key and value within its bounds. */
pa_status pa__key_check(int32_t key, double value);
double pa__key_default(int32_t key);

/* A stack of blocks inside caller memory; with memory NULL it only measures. */
typedef struct pa__arena {
  unsigned char *memory;
  size_t used;
} pa__arena;

#define PA__ALIGNMENT 64
/* count elements of size bytes aligned to 64; NULL while measuring. Sizes were checked by whoever measures first:
 * an overflow sticks as used = SIZE_MAX. */
void *pa__arena_take(pa__arena *arena, size_t count, size_t size);

#endif
