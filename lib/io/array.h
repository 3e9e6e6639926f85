/* An array in memory, and the formats that fill it. */
#ifndef POWALLOC_LIB_IO_ARRAY_H
#define POWALLOC_LIB_IO_ARRAY_H

#include "io.h"

#define PA__ARRAY_RANK 32
#define PA__ARRAY_BYTES ((uint64_t)1 << 34) /* of the largest file that is read */

struct pa_array {
  pa_allocator allocator;
  size_t rank, extent[PA__ARRAY_RANK], size;
  double *data;
};

/* The array of a .npy file in memory. */
typedef struct pa__npy {
  const char *type; /* one of those that were asked for */
  bool fortran;
  size_t rank, extent[PA__ARRAY_RANK], size;
  const unsigned char *bytes; /* of the elements */
} pa__npy;

/* Reads the header of a file that must hold elements of one of two types, such as <f8 and <f4, and nothing else. path
 * is for messages. */
pa_status pa__npy_open(pa__npy *array, const char *path, const char *const types[2], const unsigned char *bytes,
                       size_t size);
/* The elements of <f8 or <f4 in C order; to may be where the bytes of <f8 in C order begin, or before. */
void pa__npy_doubles(const pa__npy *array, double *to);

#define PA__NPY_HEADER 1024 /* bytes: 32 extents of 20 digits fit */
/* All that stands before the elements of a file, version 1.0 in C order; returns its size. */
size_t pa__npy_header(char to[PA__NPY_HEADER], const char *type, size_t rank, const size_t *extent);

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
