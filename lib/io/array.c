#include "array.h"
#include "bytes.h"

static bool is_csv(const char *path) {
  size_t length = strlen(path);
  return length >= 4 && strcmp(path + length - 4, ".csv") == 0;
}

pa_status pa__array_parse(pa_array **out, const char *path, unsigned char *bytes, size_t size,
                          const pa_allocator *allocator) {
  pa_array *array = NULL;
  pa_status status = pa__handle_create(&array, sizeof *array, allocator);
  if (status != PA_OK) {
    pa__release(allocator, bytes);
    return status;
  }
  status = (is_csv(path) ? pa__csv_parse : pa__npy_parse)(array, pa__shown_path(path), bytes, size);
  if (status != PA_OK) {
    pa_array_free(array);
    return status;
  }
  *out = array;
  return PA_OK;
}

pa_status pa_array_load(pa_array **out, const char *path, const pa_allocator *allocator) {
  if (!out) return pa__fail(PA_ERROR_ARGUMENT, "out is NULL");
  pa_allocator from;
  pa_status status = pa__allocator_copy(&from, allocator);
  if (status != PA_OK) return status;
  unsigned char *bytes = NULL;
  size_t size = 0;
  status = pa__read_file(&bytes, &size, path, PA__ARRAY_BYTES, &from);
  return status == PA_OK ? pa__array_parse(out, path, bytes, size, &from) : status;
}

void pa_array_free(pa_array *array) {
  if (!array) return;
  pa_allocator allocator = array->allocator;
  pa__release(&allocator, array->data);
  pa__release(&allocator, array);
}

size_t pa_array_rank(const pa_array *array) { return array ? array->rank : 0; }

size_t pa_array_extent(const pa_array *array, size_t axis) {
  return array && axis < array->rank ? array->extent[axis] : 0;
}

size_t pa_array_size(const pa_array *array) { return array ? array->size : 0; }

const double *pa_array_data(const pa_array *array) { return array ? array->data : NULL; }

/* Computes size. */
static pa_status check_shape(pa__view *view) {
  if (view->rank > PA__ARRAY_RANK)
    return pa__fail(PA_ERROR_ARGUMENT, "rank is %zu, must be 0 to %d", view->rank, PA__ARRAY_RANK);
  if (view->rank > 0 && !view->extent) return pa__fail(PA_ERROR_ARGUMENT, "extents is NULL");
  size_t size = 1, bytes;
  for (size_t i = 0; i < view->rank; i++)
    if (!pa__multiply(size, view->extent[i], &size) || !pa__multiply(size, sizeof(double), &bytes) ||
        bytes > PTRDIFF_MAX)
      return pa__fail(PA_ERROR_ARGUMENT, "extents[%zu] is %zu: the elements overflow the address space", i,
                      view->extent[i]);
  view->size = size;
  return PA_OK;
}

static pa_status check_csv(const char *path, const pa__view *view) {
  if (view->rank != 1 && view->rank != 2)
    return pa__fail(PA_ERROR_ARGUMENT, "%s: rank is %zu, a CSV file takes 1 or 2 dimensions", pa__shown_path(path),
                    view->rank);
  if (view->size == 0)
    return pa__fail(PA_ERROR_ARGUMENT, "%s: the array is empty, a CSV file takes at least one element",
                    pa__shown_path(path));
  return PA_OK;
}

pa_status pa_array_save(const char *path, size_t rank, const size_t *extents, const double *data) {
  if (!path) return pa__fail(PA_ERROR_ARGUMENT, "path is NULL");
  pa__view view = {.rank = rank, .extent = extents, .data = data};
  pa_status status = check_shape(&view);
  if (status != PA_OK) return status;
  if (!data && view.size > 0) return pa__fail(PA_ERROR_ARGUMENT, "data is NULL");
  if (!is_csv(path)) return pa__replace(path, pa__npy_write, &view);
  status = check_csv(path, &view);
  return status == PA_OK ? pa__replace(path, pa__csv_write, &view) : status;
}
