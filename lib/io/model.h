/* A model file in memory, and the bounds that it keeps. */
#ifndef POWALLOC_LIB_IO_MODEL_H
#define POWALLOC_LIB_IO_MODEL_H

#include "io.h"

#define PA__MODEL_FORMAT "powalloc"
#define PA__MODEL_VERSION "1"
#define PA__MODEL_HEADER ((size_t)1 << 20) /* bytes */
#define PA__MODEL_ENTRIES 4096             /* of tensors, and of metadata */

struct model_tensor {
  char name[PA__TENSOR_NAME];
  size_t rank, extent[PA__TENSOR_RANK], size;
  size_t item, begin, end; /* bytes of an element, place in the data of the file */
  const double *data;      /* [size], within values */
};

struct pa_model_file {
  pa_allocator allocator;
  char *path;
  pa__metadata *metadata; /* into text */
  char *text;
  size_t metadata_count;
  struct model_tensor *tensors;
  size_t tensor_count;
  double *values;
};

#endif
