#include "bytes.h"
#include "model.h"

#include <cjson/cJSON.h>
#include <math.h>

struct content {
  const char *header;
  const pa__tensor *tensors;
  size_t tensor_count;
};

static size_t tensor_size(const pa__tensor *tensor) {
  size_t size = 1;
  for (size_t i = 0; i < tensor->rank; i++) size *= tensor->extent[i];
  return size;
}

static pa_status check_finite(const char *path, const pa__tensor *tensor) {
  size_t size = tensor_size(tensor);
  for (size_t i = 0; i < size; i++)
    if (!isfinite(tensor->data[i]))
      return pa__fail(PA_ERROR_NUMERIC, "%s: cannot be written: tensor %s: element %zu is %g, must be finite",
                      pa__shown_path(path), tensor->name, i, tensor->data[i]);
  return PA_OK;
}

static bool add_metadata(cJSON *header, const pa__metadata *metadata, size_t count) {
  cJSON *object = cJSON_AddObjectToObject(header, "__metadata__");
  if (!object || !cJSON_AddStringToObject(object, "format", PA__MODEL_FORMAT) ||
      !cJSON_AddStringToObject(object, "format_version", PA__MODEL_VERSION))
    return false;
  for (size_t i = 0; i < count; i++)
    if (!cJSON_AddStringToObject(object, metadata[i].name, metadata[i].text)) return false;
  return true;
}

static bool add_number(cJSON *array, size_t value) {
  cJSON *number = cJSON_CreateNumber((double)value);
  if (number && cJSON_AddItemToArray(array, number)) return true;
  cJSON_Delete(number);
  return false;
}

/* offset moves past the tensor's data. */
static bool add_tensor(cJSON *header, const pa__tensor *tensor, size_t *offset) {
  cJSON *object = cJSON_AddObjectToObject(header, tensor->name);
  if (!object || !cJSON_AddStringToObject(object, "dtype", "F64")) return false;
  cJSON *shape = cJSON_AddArrayToObject(object, "shape"), *offsets = cJSON_AddArrayToObject(object, "data_offsets");
  if (!shape || !offsets) return false;
  for (size_t i = 0; i < tensor->rank; i++)
    if (!add_number(shape, tensor->extent[i])) return false;
  size_t begin = *offset;
  *offset += tensor_size(tensor) * sizeof(double);
  return add_number(offsets, begin) && add_number(offsets, *offset);
}

/* The header's text, to be freed with cJSON_free(); NULL if memory ran out. */
static char *header_text(const pa__metadata *metadata, size_t metadata_count, const pa__tensor *tensors,
                         size_t tensor_count) {
  cJSON *header = cJSON_CreateObject();
  char *text = NULL;
  size_t offset = 0;
  if (!header || !add_metadata(header, metadata, metadata_count)) goto done;
  for (size_t i = 0; i < tensor_count; i++)
    if (!add_tensor(header, &tensors[i], &offset)) goto done;
  text = cJSON_PrintUnformatted(header);
done:
  cJSON_Delete(header);
  return text;
}

static size_t padded(size_t length) { return (length + 7) / 8 * 8; }

static pa_status write_content(void *user, FILE *file) {
  const struct content *content = user;
  unsigned char length_bytes[8];
  size_t length = strlen(content->header);
  pa__put_u64(length_bytes, padded(length));
  fwrite(length_bytes, 1, sizeof length_bytes, file);
  fprintf(file, "%-*s", (int)padded(length), content->header);
  for (size_t i = 0; i < content->tensor_count; i++)
    if (!pa__write_doubles(file, content->tensors[i].data, tensor_size(&content->tensors[i]))) return PA_ERROR_FILE;
  return PA_OK;
}

pa_status pa__model_write(const char *path, const pa__metadata *metadata, size_t metadata_count,
                          const pa__tensor *tensors, size_t tensor_count) {
  if (!path) return pa__fail(PA_ERROR_ARGUMENT, "path is NULL");
  for (size_t i = 0; i < tensor_count; i++) {
    pa_status status = check_finite(path, &tensors[i]);
    if (status != PA_OK) return status;
  }
  char *text = header_text(metadata, metadata_count, tensors, tensor_count);
  if (!text) return pa__fail(PA_ERROR_MEMORY, "%s: cannot be written: out of memory", pa__shown_path(path));
  pa_status status;
  if (tensor_count > PA__MODEL_ENTRIES || padded(strlen(text)) > PA__MODEL_HEADER) {
    status = pa__fail(PA_ERROR_ARGUMENT, "%s: cannot be written: too many tensors or too long metadata",
                      pa__shown_path(path));
  } else {
    struct content content = {text, tensors, tensor_count};
    status = pa__replace(path, write_content, &content);
  }
  cJSON_free(text);
  return status;
}
