#include "bytes.h"
#include "model.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

#define LENGTH_SIZE 8
#define LARGEST_WHOLE 9007199254740992.0 /* 2^53: the counts a double holds exactly */

static pa_status refuse(const pa_model_file *file, const char *reason) {
  return pa__fail(PA_ERROR_FORMAT, "%s: %s", file->path, reason);
}

static pa_status refuse_tensor(const pa_model_file *file, const struct model_tensor *tensor, const char *reason) {
  return pa__fail(PA_ERROR_FORMAT, "%s: tensor %s: %s", file->path, tensor->name, reason);
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Fails on two members of a name, of which some JSON readers would take the first and some the last. */
static pa_status check_unique(const pa_model_file *file, const cJSON *object, const char *what) {
  size_t n = 0;
  const char **names = pa__allocate(&file->allocator, (size_t)cJSON_GetArraySize(object), sizeof *names);
  if (!names) return PA_ERROR_MEMORY;
  for (const cJSON *member = object->child; member; member = member->next) names[n++] = member->string;
  qsort(names, n, sizeof *names, compare_names);
  pa_status status = PA_OK;
  char shown[PA__SHOWN];
  for (size_t i = 1; i < n && status == PA_OK; i++)
    if (strcmp(names[i - 1], names[i]) == 0)
      status = pa__fail(PA_ERROR_FORMAT, "%s: %s %s comes twice", file->path, what,
                        pa__shown(shown, names[i], strlen(names[i])));
  pa__release(&file->allocator, names);
  return status;
}

static pa_status check_count(const pa_model_file *file, size_t count, const char *what) {
  if (count <= PA__MODEL_ENTRIES) return PA_OK;
  return pa__fail(PA_ERROR_FORMAT, "%s: %zu %s, over the limit of %d", file->path, count, what, PA__MODEL_ENTRIES);
}

/* true if there are characters that JSON does not allow but cJSON does, or a \u0000, which would cut a text short. */
static bool has_control(const unsigned char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (text[i] < ' ' && text[i] != '\n' && text[i] != '\r' && text[i] != '\t') return true;
    if (text[i] != '\\') continue;
    i++;
    if (length - i >= 5 && memcmp(text + i, "u0000", 5) == 0) return true;
  }
  return false;
}

static pa_status parse_json(const pa_model_file *file, cJSON **out, const unsigned char *bytes, size_t length) {
  if (has_control(bytes, length)) return refuse(file, "the header has control characters");
  if (length == 0 || bytes[0] != '{') return refuse(file, "the header is not a JSON object");
  char *text = pa__allocate(&file->allocator, length + 1, 1);
  if (!text) return PA_ERROR_MEMORY;
  memcpy(text, bytes, length);
  const char *stop = NULL;
  cJSON *json = cJSON_ParseWithLengthOpts(text, length + 1, &stop, 1);
  pa__release(&file->allocator, text);
  if (!json) return refuse(file, "the header is not JSON that can be read");
  *out = json;
  return PA_OK;
}

static pa_status expect_text(const pa_model_file *file, const char *name, const char *expected) {
  const char *text = pa_model_file_metadata(file, name);
  char shown[PA__SHOWN];
  if (!text) return pa__fail(PA_ERROR_FORMAT, "%s: the metadata has no %s", file->path, name);
  if (strcmp(text, expected) != 0)
    return pa__fail(PA_ERROR_FORMAT, "%s: metadata %s is \"%s\", must be \"%s\"", file->path, name,
                    pa__shown(shown, text, strlen(text)), expected);
  return PA_OK;
}

static const char *append(char **text, const char *from) {
  const char *start = *text;
  size_t size = strlen(from) + 1;
  memcpy(*text, from, size);
  *text += size;
  return start;
}

static pa_status take_metadata(pa_model_file *file, const cJSON *object) {
  if (!object) return refuse(file, "the header has no __metadata__");
  if (!cJSON_IsObject(object)) return refuse(file, "__metadata__ is not an object");
  size_t count = (size_t)cJSON_GetArraySize(object), bytes = 0;
  pa_status status = check_count(file, count, "metadata entries");
  if (status == PA_OK) status = check_unique(file, object, "metadata");
  if (status != PA_OK) return status;
  char shown[PA__SHOWN];
  for (const cJSON *entry = object->child; entry; entry = entry->next) {
    if (!cJSON_IsString(entry))
      return pa__fail(PA_ERROR_FORMAT, "%s: metadata %s is not a string", file->path,
                      pa__shown(shown, entry->string, strlen(entry->string)));
    bytes += strlen(entry->string) + strlen(entry->valuestring) + 2;
  }
  file->metadata = pa__allocate(&file->allocator, count, sizeof *file->metadata);
  file->text = pa__allocate(&file->allocator, bytes, 1);
  if (!file->metadata || !file->text) return PA_ERROR_MEMORY;
  char *text = file->text;
  for (const cJSON *entry = object->child; entry; entry = entry->next) {
    pa__metadata *to = &file->metadata[file->metadata_count++];
    to->name = append(&text, entry->string);
    to->text = append(&text, entry->valuestring);
  }
  status = expect_text(file, "format", PA__MODEL_FORMAT);
  return status == PA_OK ? expect_text(file, "format_version", PA__MODEL_VERSION) : status;
}

static bool take_whole(const cJSON *number, size_t *out) {
  if (!cJSON_IsNumber(number)) return false;
  double value = number->valuedouble;
  if (!(value >= 0 && value <= LARGEST_WHOLE && value <= (double)PTRDIFF_MAX) || value != floor(value)) return false;
  *out = (size_t)value;
  return true;
}

static pa_status take_name(const pa_model_file *file, struct model_tensor *tensor, const char *name) {
  size_t length = strlen(name);
  char shown[PA__SHOWN];
  bool printable = length > 0;
  for (size_t i = 0; i < length; i++) printable = printable && name[i] >= ' ' && name[i] <= '~';
  if (!printable || length >= PA__TENSOR_NAME)
    return pa__fail(PA_ERROR_FORMAT, "%s: tensor \"%s\": the name is not 1 to %d printable ASCII characters",
                    file->path, pa__shown(shown, name, length), PA__TENSOR_NAME - 1);
  memcpy(tensor->name, name, length + 1);
  return PA_OK;
}

static pa_status take_dtype(const pa_model_file *file, struct model_tensor *tensor, const cJSON *dtype) {
  char shown[PA__SHOWN];
  if (!cJSON_IsString(dtype)) return refuse_tensor(file, tensor, "dtype is not a string");
  if (strcmp(dtype->valuestring, "F64") == 0)
    tensor->item = 8;
  else if (strcmp(dtype->valuestring, "F32") == 0)
    tensor->item = 4;
  else
    return pa__fail(PA_ERROR_FORMAT, "%s: tensor %s: dtype %s is not read, only F64 and F32", file->path, tensor->name,
                    pa__shown(shown, dtype->valuestring, strlen(dtype->valuestring)));
  return PA_OK;
}

static pa_status take_shape(const pa_model_file *file, struct model_tensor *tensor, const cJSON *shape) {
  if (!cJSON_IsArray(shape)) return refuse_tensor(file, tensor, "shape is not an array");
  tensor->size = 1;
  for (const cJSON *extent = shape->child; extent; extent = extent->next) {
    if (tensor->rank == PA__TENSOR_RANK) return refuse_tensor(file, tensor, "shape has more than 8 dimensions");
    size_t *to = &tensor->extent[tensor->rank++];
    if (!take_whole(extent, to)) return refuse_tensor(file, tensor, "shape is not of whole numbers from 0 to 2^53");
    if (!pa__multiply(tensor->size, *to, &tensor->size))
      return refuse_tensor(file, tensor, "shape overflows the address space");
  }
  return PA_OK;
}

static pa_status take_offsets(const pa_model_file *file, struct model_tensor *tensor, const cJSON *offsets,
                              size_t data_size) {
  const cJSON *begin = cJSON_IsArray(offsets) ? offsets->child : NULL, *end = begin ? begin->next : NULL;
  if (!end || end->next || !take_whole(begin, &tensor->begin) || !take_whole(end, &tensor->end))
    return refuse_tensor(file, tensor, "data_offsets are not two whole numbers from 0 to 2^53");
  if (tensor->begin > tensor->end || tensor->end > data_size)
    return pa__fail(PA_ERROR_FORMAT, "%s: tensor %s: data_offsets %zu to %zu are out of range, the data has %zu bytes",
                    file->path, tensor->name, tensor->begin, tensor->end, data_size);
  size_t bytes;
  if (!pa__multiply(tensor->size, tensor->item, &bytes) || bytes != tensor->end - tensor->begin)
    return pa__fail(PA_ERROR_FORMAT, "%s: tensor %s: shape and dtype do not fit the %zu bytes of its data_offsets",
                    file->path, tensor->name, tensor->end - tensor->begin);
  return PA_OK;
}

static pa_status take_tensor(const pa_model_file *file, struct model_tensor *tensor, const cJSON *entry,
                             size_t data_size) {
  pa_status status = take_name(file, tensor, entry->string);
  if (status != PA_OK) return status;
  const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
  const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape");
  const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
  if (!cJSON_IsObject(entry) || !dtype || !shape || !offsets || cJSON_GetArraySize(entry) != 3)
    return refuse_tensor(file, tensor, "is not an object of dtype, shape and data_offsets");
  status = take_dtype(file, tensor, dtype);
  if (status == PA_OK) status = take_shape(file, tensor, shape);
  return status == PA_OK ? take_offsets(file, tensor, offsets, data_size) : status;
}

static int compare_places(const void *a, const void *b) {
  const struct model_tensor *s = *(const struct model_tensor *const *)a, *t = *(const struct model_tensor *const *)b;
  if (s->begin != t->begin) return s->begin < t->begin ? -1 : 1;
  return s->end < t->end ? -1 : s->end > t->end;
}

/* Fails unless the tensors lie side by side and fill the data. */
static pa_status check_places(const pa_model_file *file, size_t data_size) {
  const struct model_tensor **order = pa__allocate(&file->allocator, file->tensor_count, sizeof *order);
  if (!order) return PA_ERROR_MEMORY;
  for (size_t i = 0; i < file->tensor_count; i++) order[i] = &file->tensors[i];
  qsort(order, file->tensor_count, sizeof *order, compare_places);
  size_t at = 0;
  pa_status status = PA_OK;
  for (size_t i = 0; i < file->tensor_count && status == PA_OK; i++) {
    if (order[i]->begin < at)
      status = refuse_tensor(file, order[i], "data_offsets overlap those of another tensor");
    else if (order[i]->begin > at)
      status = refuse_tensor(file, order[i], "data_offsets leave a gap before the tensor");
    at = order[i]->end;
  }
  if (status == PA_OK && at != data_size)
    status = pa__fail(PA_ERROR_FORMAT, "%s: %zu trailing bytes after the last tensor", file->path, data_size - at);
  pa__release(&file->allocator, order);
  return status;
}

static pa_status take_tensors(pa_model_file *file, const cJSON *header, size_t data_size) {
  size_t count = (size_t)cJSON_GetArraySize(header) - 1; /* without the metadata */
  pa_status status = check_unique(file, header, "tensor");
  if (status == PA_OK) status = check_count(file, count, "tensors");
  if (status != PA_OK) return status;
  file->tensors = pa__allocate(&file->allocator, count, sizeof *file->tensors);
  if (!file->tensors) return PA_ERROR_MEMORY;
  for (const cJSON *entry = header->child; entry; entry = entry->next) {
    if (strcmp(entry->string, "__metadata__") == 0) continue;
    status = take_tensor(file, &file->tensors[file->tensor_count++], entry, data_size);
    if (status != PA_OK) return status;
  }
  return check_places(file, data_size);
}

static pa_status take_values(pa_model_file *file, const unsigned char *data) {
  size_t total = 0;
  for (size_t i = 0; i < file->tensor_count; i++) total += file->tensors[i].size;
  double *to = file->values = pa__allocate(&file->allocator, total, sizeof *to);
  if (!to) return PA_ERROR_MEMORY;
  for (size_t i = 0; i < file->tensor_count; i++) {
    struct model_tensor *tensor = &file->tensors[i];
    const unsigned char *from = data + tensor->begin;
    tensor->data = to;
    for (size_t k = 0; k < tensor->size; k++, from += tensor->item) {
      *to = tensor->item == 8 ? pa__get_f64(from) : pa__get_f32(from);
      if (!isfinite(*to))
        return pa__fail(PA_ERROR_FORMAT, "%s: tensor %s: element %zu is %g, must be finite", file->path, tensor->name,
                        k, *to);
      to++;
    }
  }
  return PA_OK;
}

/* Fills a file that has only its path. */
static pa_status parse(pa_model_file *file, const unsigned char *bytes, size_t size) {
  if (size < LENGTH_SIZE) return refuse(file, "is too short for a model file");
  uint64_t length = pa__get_u64(bytes);
  if (length > PA__MODEL_HEADER)
    return pa__fail(PA_ERROR_FORMAT, "%s: is not a model file, or its header of %llu bytes is over the limit of %zu",
                    file->path, (unsigned long long)length, PA__MODEL_HEADER);
  if (length > size - LENGTH_SIZE) return refuse(file, "ends within the header");
  size_t data_at = LENGTH_SIZE + (size_t)length;
  cJSON *header = NULL;
  pa_status status = parse_json(file, &header, bytes + LENGTH_SIZE, (size_t)length);
  if (status != PA_OK) return status;
  status = take_metadata(file, cJSON_GetObjectItemCaseSensitive(header, "__metadata__"));
  if (status == PA_OK) status = take_tensors(file, header, size - data_at);
  if (status == PA_OK) status = take_values(file, bytes + data_at);
  cJSON_Delete(header);
  return status;
}

pa_status pa__model_parse(pa_model_file **out, const char *path, const unsigned char *bytes, size_t size,
                          const pa_allocator *allocator) {
  pa_model_file *file = NULL;
  pa_status status = pa__handle_create(&file, sizeof *file, allocator);
  if (status != PA_OK) return status;
  path = pa__shown_path(path);
  size_t length = strlen(path);
  file->path = pa__allocate(&file->allocator, length + 1, 1);
  if (!file->path) {
    status = PA_ERROR_MEMORY;
    goto fail;
  }
  memcpy(file->path, path, length);
  status = parse(file, bytes, size);
  if (status != PA_OK) goto fail;
  *out = file;
  return PA_OK;
fail:
  pa_model_file_free(file);
  return status;
}
