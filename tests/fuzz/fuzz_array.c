/* Any bytes as an array, the first of which chooses .npy or CSV: refused, or readable to the last element. */
#include "../../lib/io/io.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  pa_allocator allocator;
  pa_array *array = NULL;
  if (pa__allocator_copy(&allocator, NULL) != PA_OK) abort();
  unsigned char *bytes = pa__allocate(&allocator, size, 1); /* one more than the file, for the NUL */
  if (!bytes) return 0;
  memcpy(bytes, data + 1, size - 1);
  const char *path = data[0] % 2 == 0 ? "fuzz.npy" : "fuzz.csv";
  if (pa__array_parse(&array, path, bytes, size - 1, &allocator) != PA_OK) return array ? (abort(), 0) : 0;
  size_t elements = 1;
  for (size_t axis = 0; axis < pa_array_rank(array); axis++) elements *= pa_array_extent(array, axis);
  if (elements != pa_array_size(array)) abort();
  volatile double last = 0;
  for (size_t i = 0; i < elements; i++) last = pa_array_data(array)[i];
  (void)last;
  pa_array_free(array);
  return 0;
}
