/* Any bytes as a sparse array: refused, or compressed sparse rows that are right. */
#include "../../lib/io/io.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pa_sparse_array *array = NULL;
  if (pa__sparse_array_parse(&array, "fuzz", data, size, NULL) != PA_OK) return array ? (abort(), 0) : 0;
  size_t rows = pa_sparse_array_rows(array), entries = pa_sparse_array_entries(array);
  const int64_t *indptr = pa_sparse_array_indptr(array);
  if (indptr[0] != 0 || indptr[rows] != (int64_t)entries) abort();
  for (size_t e = 0; e < entries; e++)
    if ((size_t)pa_sparse_array_indices(array)[e] >= rows) abort();
  volatile double last = 0;
  for (size_t k = 0; k < pa_sparse_array_batch(array) * entries; k++) last = pa_sparse_array_data(array)[k];
  (void)last;
  pa_sparse_array_free(array);
  return 0;
}
