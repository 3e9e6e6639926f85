/* Any bytes as a model file: refused, or readable to its last element. */
#include "../../lib/io/io.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pa_model_file *file = NULL;
  if (pa__model_parse(&file, "fuzz", data, size, NULL) != PA_OK) return file ? (abort(), 0) : 0;
  double sum = 0;
  for (size_t i = 0; i < pa_model_file_tensor_count(file); i++) {
    size_t elements = 1;
    for (size_t axis = 0; axis < pa_model_file_tensor_rank(file, i); axis++)
      elements *= pa_model_file_tensor_extent(file, i, axis);
    for (size_t k = 0; k < elements; k++) sum += pa_model_file_tensor_data(file, i)[k] * 0;
  }
  if (sum != 0) abort(); /* an element is not finite */
  size_t value;
  for (size_t i = 0; i < pa_model_file_metadata_count(file); i++)
    (void)pa__model_integer(file, pa_model_file_metadata_name(file, i), 1, 64, &value);
  (void)pa__model_read(file, NULL, 0);
  pa_model_file_free(file);
  return 0;
}
