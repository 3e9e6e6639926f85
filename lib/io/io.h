/* Files: the private side of arrays and models, on top of what array.h and model_file.h show. */
#ifndef POWALLOC_LIB_IO_H
#define POWALLOC_LIB_IO_H

#include "../base/base.h"

#include <powalloc/array.h>
#include <powalloc/model_file.h>
#include <stdio.h>

#define PA__TENSOR_RANK 8
#define PA__TENSOR_NAME 64

/* A tensor to be written, or one that a file must hold. data, in C order, is read when writing, filled when reading. */
typedef struct pa__tensor {
  char name[PA__TENSOR_NAME];
  size_t rank, extent[PA__TENSOR_RANK];
  double *data;
  bool optional; /* reading: data keeps its values if the file lacks it */
} pa__tensor;

typedef struct pa__metadata {
  const char *name, *text;
} pa__metadata;

/* Writes a safetensors file (F64), atomically; "format" and "format_version" are added to the metadata.
 * A value that is not finite is refused (PA_ERROR_NUMERIC), as no reader would take it back. */
pa_status pa__model_write(const char *path, const pa__metadata *metadata, size_t metadata_count,
                          const pa__tensor *tensors, size_t tensor_count);

/* Copies the tensors out of a file: all present but optional ones, none unknown, shapes as said; else
 * PA_ERROR_FORMAT that names file and tensor, and nothing is copied. */
pa_status pa__model_read(const pa_model_file *file, const pa__tensor *tensors, size_t tensor_count);

/* Elements of all its tensors. */
size_t pa__model_size(const pa_model_file *file);

/* Path that the file was loaded from, for messages. */
const char *pa__model_path(const pa_model_file *file);

/* A metadata entry that must be a whole number within bounds. */
pa_status pa__model_integer(const pa_model_file *file, const char *name, size_t lowest, size_t highest, size_t *out);

/* Atomic replacement: fills a temporary in the folder of path by write(user, file), then fsync and rename (and fsync
 * of the folder). On any failure path is as before and the temporary is gone. A link is followed; a device or a FIFO
 * is written to, not replaced. write need not report failures of the file itself, but may end early with
 * PA_ERROR_FILE: the message, with the path and the reason, is recorded here. */
pa_status pa__replace(const char *path, pa_status (*write)(void *user, FILE *file), void *user);

/* All bytes of a regular file, pipe or device, followed by a NUL that size does not count; to be released with the
 * same allocator. More bytes than limit are refused. */
pa_status pa__read_file(unsigned char **bytes, size_t *size, const char *path, uint64_t limit,
                        const pa_allocator *allocator);

/* What pa_model_file_load() does once the file is in memory. path is for messages. */
pa_status pa__model_parse(pa_model_file **out, const char *path, const unsigned char *bytes, size_t size,
                          const pa_allocator *allocator);

/* What pa_array_load() does once the file is in memory. bytes, from the same allocator and with a NUL behind them, are
 * taken over: released on failure too. */
pa_status pa__array_parse(pa_array **out, const char *path, unsigned char *bytes, size_t size,
                          const pa_allocator *allocator);

/* What pa_sparse_array_load() does once the file is in memory; bytes stay the caller's. */
pa_status pa__sparse_array_parse(pa_sparse_array **out, const char *path, const unsigned char *bytes, size_t size,
                                 const pa_allocator *allocator);

#endif
