/* An array in memory, and the formats that fill it. */
#ifndef POWALLOC_LIB_IO_ARRAY_H
#define POWALLOC_LIB_IO_ARRAY_H

#include "io.h"

#define PA__ARRAY_RANK 32

struct pa_array {
  pa_allocator allocator;
  size_t rank, extent[PA__ARRAY_RANK], size;
  double *data;
};

/* Fill rank, extent, size and data of an empty array. bytes are released or become the data, on failure too. */
pa_status pa__npy_parse(pa_array *array, const char *path, unsigned char *bytes, size_t size);
pa_status pa__csv_parse(pa_array *array, const char *path, unsigned char *bytes, size_t size);

/* The caller's array that is written. */
typedef struct pa__view {
  size_t rank, size;
  const size_t *extent;
  const double *data;
} pa__view;

/* Write a pa__view; what the format cannot hold was refused before. */
pa_status pa__npy_write(void *view, FILE *file);
pa_status pa__csv_write(void *view, FILE *file);

#endif
