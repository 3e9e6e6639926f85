#include "builtin.h"
#include "bytes.h"
#include "model.h"

#include <stdio.h>
#include <string.h>

#define FILE_LIMIT ((uint64_t)1 << 30)

/* ---- the models that are built in ---- */

size_t pa_model_builtin_count(void) {
  size_t count = 0;
  while (pa__builtins[count].name) count++;
  return count;
}

const char *pa_model_builtin_name(size_t index) {
  return index < pa_model_builtin_count() ? pa__builtins[index].name : NULL;
}

static pa_status load_builtin(pa_model_file **out, const char *path, const pa_allocator *from) {
  char names[400] = "";
  for (const pa__builtin *b = pa__builtins; b->name; b++) {
    if (strcmp(b->name, path + strlen(PA__BUILTIN_PREFIX)) == 0)
      return pa__model_parse(out, path, b->bytes, b->size, from);
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", *names ? ", " : "", b->name);
  }
  return pa__fail(PA_ERROR_FILE, "%.100s: there is no such model in the library; it has %s", path, names);
}

/* ---- loading ---- */

pa_status pa_model_file_load(pa_model_file **out, const char *path, const pa_allocator *allocator) {
  if (!out) return pa__fail(PA_ERROR_ARGUMENT, "out is NULL");
  pa_allocator from;
  pa_status status = pa__allocator_copy(&from, allocator);
  if (status != PA_OK) return status;
  if (path && strncmp(path, PA__BUILTIN_PREFIX, strlen(PA__BUILTIN_PREFIX)) == 0) return load_builtin(out, path, &from);
  unsigned char *bytes = NULL;
  size_t size = 0;
  status = pa__read_file(&bytes, &size, path, FILE_LIMIT, &from);
  if (status != PA_OK) return status;
  status = pa__model_parse(out, path, bytes, size, &from);
  pa__release(&from, bytes);
  return status;
}

void pa_model_file_free(pa_model_file *file) {
  if (!file) return;
  pa_allocator allocator = file->allocator;
  pa__release(&allocator, file->values);
  pa__release(&allocator, file->tensors);
  pa__release(&allocator, file->text);
  pa__release(&allocator, file->metadata);
  pa__release(&allocator, file->path);
  pa__release(&allocator, file);
}

size_t pa_model_file_metadata_count(const pa_model_file *file) { return file ? file->metadata_count : 0; }

const char *pa_model_file_metadata_name(const pa_model_file *file, size_t index) {
  return file && index < file->metadata_count ? file->metadata[index].name : NULL;
}

const char *pa_model_file_metadata(const pa_model_file *file, const char *name) {
  for (size_t i = 0; file && name && i < file->metadata_count; i++)
    if (strcmp(file->metadata[i].name, name) == 0) return file->metadata[i].text;
  return NULL;
}

size_t pa_model_file_tensor_count(const pa_model_file *file) { return file ? file->tensor_count : 0; }

static const struct model_tensor *tensor_at(const pa_model_file *file, size_t index) {
  return file && index < file->tensor_count ? &file->tensors[index] : NULL;
}

const char *pa_model_file_tensor_name(const pa_model_file *file, size_t index) {
  const struct model_tensor *tensor = tensor_at(file, index);
  return tensor ? tensor->name : NULL;
}

size_t pa_model_file_tensor_rank(const pa_model_file *file, size_t index) {
  const struct model_tensor *tensor = tensor_at(file, index);
  return tensor ? tensor->rank : 0;
}

size_t pa_model_file_tensor_extent(const pa_model_file *file, size_t index, size_t axis) {
  const struct model_tensor *tensor = tensor_at(file, index);
  return tensor && axis < tensor->rank ? tensor->extent[axis] : 0;
}

const double *pa_model_file_tensor_data(const pa_model_file *file, size_t index) {
  const struct model_tensor *tensor = tensor_at(file, index);
  return tensor ? tensor->data : NULL;
}

size_t pa__model_size(const pa_model_file *file) {
  size_t size = 0;
  for (size_t i = 0; i < file->tensor_count; i++) size += file->tensors[i].size;
  return size;
}

const char *pa__model_path(const pa_model_file *file) { return file->path; }

/* Decimal digits only; false if there is anything else or too many. */
static bool parse_whole(const char *text, size_t *out) {
  size_t value = 0;
  if (*text == 0) return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return false;
    size_t digit = (size_t)(*text - '0');
    if (!pa__multiply(value, 10, &value) || value > SIZE_MAX - digit) return false;
    value += digit;
  }
  *out = value;
  return true;
}

pa_status pa__model_integer(const pa_model_file *file, const char *name, size_t lowest, size_t highest, size_t *out) {
  const char *text = pa_model_file_metadata(file, name);
  char shown[PA__SHOWN];
  size_t value;
  if (!text) return pa__fail(PA_ERROR_FORMAT, "%s: the metadata has no %s", file->path, name);
  if (!parse_whole(text, &value) || value < lowest || value > highest)
    return pa__fail(PA_ERROR_FORMAT, "%s: metadata %s is \"%s\", must be a whole number from %zu to %zu", file->path,
                    name, pa__shown(shown, text, strlen(text)), lowest, highest);
  *out = value;
  return PA_OK;
}

static const struct model_tensor *find_tensor(const pa_model_file *file, const char *name) {
  for (size_t i = 0; i < file->tensor_count; i++)
    if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
  return NULL;
}

#define SHAPE_TEXT (PA__TENSOR_RANK * 21 + 3)

/* Such as [2,3]. */
static const char *shape_text(char to[SHAPE_TEXT], size_t rank, const size_t *extent) {
  size_t n = 0;
  to[n++] = '[';
  for (size_t i = 0; i < rank; i++) n += (size_t)snprintf(to + n, SHAPE_TEXT - n, i == 0 ? "%zu" : ",%zu", extent[i]);
  memcpy(to + n, "]", 2);
  return to;
}

/* Fails unless the file holds the tensor in its shape, or it is optional. */
static pa_status check_expected(const pa_model_file *file, const pa__tensor *expected) {
  const struct model_tensor *found = find_tensor(file, expected->name);
  if (!found && expected->optional) return PA_OK;
  if (!found) return pa__fail(PA_ERROR_FORMAT, "%s: tensor %s is missing", file->path, expected->name);
  if (found->rank == expected->rank && memcmp(found->extent, expected->extent, found->rank * sizeof(size_t)) == 0)
    return PA_OK;
  char has[SHAPE_TEXT], needs[SHAPE_TEXT];
  return pa__fail(PA_ERROR_FORMAT, "%s: tensor %s: shape is %s, must be %s", file->path, expected->name,
                  shape_text(has, found->rank, found->extent), shape_text(needs, expected->rank, expected->extent));
}

static bool is_expected(const char *name, const pa__tensor *tensors, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(tensors[i].name, name) == 0) return true;
  return false;
}

pa_status pa__model_read(const pa_model_file *file, const pa__tensor *tensors, size_t tensor_count) {
  for (size_t i = 0; i < tensor_count; i++) {
    pa_status status = check_expected(file, &tensors[i]);
    if (status != PA_OK) return status;
  }
  for (size_t i = 0; i < file->tensor_count; i++)
    if (!is_expected(file->tensors[i].name, tensors, tensor_count))
      return pa__fail(PA_ERROR_FORMAT, "%s: tensor %s is unknown", file->path, file->tensors[i].name);
  for (size_t i = 0; i < tensor_count; i++) {
    const struct model_tensor *found = find_tensor(file, tensors[i].name);
    if (found && found->size > 0) memcpy(tensors[i].data, found->data, found->size * sizeof(double));
  }
  return PA_OK;
}
