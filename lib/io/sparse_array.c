/* Sparse matrices in SciPy's .npz files: compressed sparse rows. */
#include "array.h"
#include "bytes.h"
#include "zip.h"

struct pa_sparse_array {
  pa_allocator allocator;
  size_t batch, rows, entries;
  int64_t *indptr;
  int32_t *indices;
  double *data;
};

static const char *const whole_types[] = {"<i8", "<i4"}, *const real_types[] = {"<f8", "<f4"},
                         *const text_types[] = {"|S3", "<U3"};

/* ---- what holds of every array, from a file and for one; status: of a failure ---- */

static pa_status check_indptr(pa_status status, const char *path, const int64_t *indptr, size_t rows) {
  if (indptr[0] != 0) return pa__fail(status, "%s: indptr[0] is %lld, must be 0", path, (long long)indptr[0]);
  for (size_t i = 0; i < rows; i++)
    if (indptr[i + 1] < indptr[i])
      return pa__fail(status, "%s: indptr[%zu] is %lld, less than %lld before it", path, i + 1,
                      (long long)indptr[i + 1], (long long)indptr[i]);
  return PA_OK;
}

static pa_status check_index(pa_status status, const char *path, size_t entry, int64_t index, size_t rows) {
  if (index >= 0 && (uint64_t)index < rows) return PA_OK;
  return pa__fail(status, "%s: indices[%zu] is %lld, must be 0 to %zu", path, entry, (long long)index, rows - 1);
}

static pa_status check_order(pa_status status, const char *path, const int64_t *indptr, const int32_t *indices,
                             size_t rows) {
  for (size_t i = 0; i < rows; i++)
    for (int64_t e = indptr[i] + 1; e < indptr[i + 1]; e++)
      if (indices[e] <= indices[e - 1])
        return pa__fail(status, "%s: row %zu has column %d %s: columns must ascend", path, i, (int)indices[e],
                        indices[e] == indices[e - 1] ? "twice" : "after a higher one");
  return PA_OK;
}

/* ---- reading ---- */

static pa_status refuse(const pa__zip *zip, const char *reason) {
  return pa__fail(PA_ERROR_FORMAT, "%s: %s", zip->path, reason);
}

static pa_status open_member(pa__npy *member, const pa__zip *zip, const char *name, const char *const types[2]) {
  char file[16], shown[512];
  const unsigned char *bytes;
  size_t size;
  snprintf(file, sizeof file, "%s.npy", name);
  snprintf(shown, sizeof shown, "%s: %s", zip->path, name);
  pa_status status = pa__zip_find(zip, file, &bytes, &size);
  return status == PA_OK ? pa__npy_open(member, shown, types, bytes, size) : status;
}

static int64_t whole_number(const pa__npy *member, size_t k) {
  return member->type == whole_types[0] ? (int64_t)pa__get_u64(member->bytes + 8 * k)
                                        : (int32_t)pa__get_u32(member->bytes + 4 * k);
}

static pa_status check_format(const pa__zip *zip) {
  pa__npy format;
  pa_status status = open_member(&format, zip, "format", text_types);
  if (status != PA_OK) return status;
  const char *bytes = (const char *)format.bytes;
  size_t step = format.type == text_types[0] ? 1 : 4; /* of <U3 the lowest byte comes first */
  if (format.size == 1 && bytes[0] == 'c' && bytes[step] == 's' && bytes[2 * step] == 'r') return PA_OK;
  return refuse(zip, "format is not csr: save matrix.tocsr()");
}

static pa_status take_rows(pa_sparse_array *array, const pa__zip *zip) {
  pa__npy shape;
  pa_status status = open_member(&shape, zip, "shape", whole_types);
  if (status != PA_OK) return status;
  if (shape.size != 2) return refuse(zip, "shape has not two numbers");
  int64_t rows = whole_number(&shape, 0), columns = whole_number(&shape, 1);
  if (rows != columns || rows < 1 || rows > INT32_MAX)
    return pa__fail(PA_ERROR_FORMAT, "%s: shape is [%lld,%lld], must be square, of 1 to %d rows", zip->path,
                    (long long)rows, (long long)columns, INT32_MAX);
  array->rows = (size_t)rows;
  return PA_OK;
}

static pa_status take_indptr(pa_sparse_array *array, const pa__zip *zip) {
  pa__npy indptr;
  pa_status status = open_member(&indptr, zip, "indptr", whole_types);
  if (status != PA_OK) return status;
  if (indptr.rank != 1 || indptr.size != array->rows + 1)
    return pa__fail(PA_ERROR_FORMAT, "%s: indptr has %zu numbers, must have one more than the %zu rows", zip->path,
                    indptr.size, array->rows);
  array->indptr = pa__allocate(&array->allocator, array->rows + 1, sizeof *array->indptr);
  if (!array->indptr) return PA_ERROR_MEMORY;
  for (size_t i = 0; i <= array->rows; i++) array->indptr[i] = whole_number(&indptr, i);
  return check_indptr(PA_ERROR_FORMAT, zip->path, array->indptr, array->rows);
}

static pa_status take_indices(pa_sparse_array *array, const pa__zip *zip) {
  pa__npy indices;
  pa_status status = open_member(&indices, zip, "indices", whole_types);
  if (status != PA_OK) return status;
  int64_t last = array->indptr[array->rows];
  if (indices.rank != 1 || (uint64_t)last != indices.size)
    return pa__fail(PA_ERROR_FORMAT, "%s: indptr ends with %lld, there are %zu indices", zip->path, (long long)last,
                    indices.size);
  array->entries = indices.size;
  array->indices = pa__allocate(&array->allocator, array->entries, sizeof *array->indices);
  if (!array->indices) return PA_ERROR_MEMORY;
  for (size_t e = 0; e < array->entries && status == PA_OK; e++) {
    int64_t index = whole_number(&indices, e);
    status = check_index(PA_ERROR_FORMAT, zip->path, e, index, array->rows);
    array->indices[e] = (int32_t)index;
  }
  if (status != PA_OK) return status;
  return check_order(PA_ERROR_FORMAT, zip->path, array->indptr, array->indices, array->rows);
}

static pa_status take_data(pa_sparse_array *array, const pa__zip *zip) {
  pa__npy data;
  pa_status status = open_member(&data, zip, "data", real_types);
  if (status != PA_OK) return status;
  if ((data.rank != 1 && data.rank != 2) || data.extent[data.rank - 1] != array->entries)
    return pa__fail(PA_ERROR_FORMAT, "%s: data must be [%zu] or [B,%zu], as there are indices", zip->path,
                    array->entries, array->entries);
  array->batch = data.rank == 2 ? data.extent[0] : 1;
  if (array->batch == 0) return refuse(zip, "data holds no samples");
  array->data = pa__allocate(&array->allocator, data.size, sizeof *array->data);
  if (!array->data) return PA_ERROR_MEMORY;
  pa__npy_doubles(&data, array->data);
  return PA_OK;
}

pa_status pa__sparse_array_parse(pa_sparse_array **out, const char *path, const unsigned char *bytes, size_t size,
                                 const pa_allocator *allocator) {
  pa__zip zip;
  pa_sparse_array *array = NULL;
  pa_status status = pa__zip_open(&zip, pa__shown_path(path), bytes, size);
  if (status == PA_OK) status = pa__handle_create(&array, sizeof *array, allocator);
  if (status != PA_OK) return status;
  if ((status = check_format(&zip)) != PA_OK || (status = take_rows(array, &zip)) != PA_OK ||
      (status = take_indptr(array, &zip)) != PA_OK || (status = take_indices(array, &zip)) != PA_OK ||
      (status = take_data(array, &zip)) != PA_OK) {
    pa_sparse_array_free(array);
    return status;
  }
  *out = array;
  return PA_OK;
}

pa_status pa_sparse_array_load(pa_sparse_array **out, const char *path, const pa_allocator *allocator) {
  if (!out) return pa__fail(PA_ERROR_ARGUMENT, "out is NULL");
  pa_allocator from;
  pa_status status = pa__allocator_copy(&from, allocator);
  if (status != PA_OK) return status;
  unsigned char *bytes = NULL;
  size_t size = 0;
  status = pa__read_file(&bytes, &size, path, PA__ARRAY_BYTES, &from);
  if (status != PA_OK) return status;
  status = pa__sparse_array_parse(out, path, bytes, size, &from);
  pa__release(&from, bytes);
  return status;
}

void pa_sparse_array_free(pa_sparse_array *array) {
  if (!array) return;
  pa_allocator allocator = array->allocator;
  pa__release(&allocator, array->indptr);
  pa__release(&allocator, array->indices);
  pa__release(&allocator, array->data);
  pa__release(&allocator, array);
}

size_t pa_sparse_array_batch(const pa_sparse_array *array) { return array ? array->batch : 0; }

size_t pa_sparse_array_rows(const pa_sparse_array *array) { return array ? array->rows : 0; }

size_t pa_sparse_array_entries(const pa_sparse_array *array) { return array ? array->entries : 0; }

const int64_t *pa_sparse_array_indptr(const pa_sparse_array *array) { return array ? array->indptr : NULL; }

const int32_t *pa_sparse_array_indices(const pa_sparse_array *array) { return array ? array->indices : NULL; }

const double *pa_sparse_array_data(const pa_sparse_array *array) { return array ? array->data : NULL; }

/* ---- writing ---- */

enum { MEMBERS = 5 };

/* Of an array of numbers, its count by the extents; head is filled. */
static pa__zip_member member_of(char head[PA__NPY_HEADER], const char *name, const char *type, const void *numbers,
                                size_t rank, const size_t *extent) {
  pa__zip_member member = {.name = name, .head = head, .numbers = numbers, .item = (size_t)(type[2] - '0'), .count = 1};
  member.head_size = pa__npy_header(head, type, rank, extent);
  for (size_t k = 0; k < rank; k++) member.count *= extent[k];
  return member;
}

static pa__zip_member member_of_text(char head[PA__NPY_HEADER], const char *name, const char *type, const char *text) {
  size_t before = pa__npy_header(head, type, 0, NULL), length = strlen(text);
  memcpy(head + before, text, length);
  return (pa__zip_member){.name = name, .head = head, .head_size = before + length};
}

static pa_status write_members(void *members, FILE *file) { return pa__zip_write(file, members, MEMBERS); }

pa_status pa_sparse_array_save(const char *path, size_t batch, size_t rows, const int64_t *indptr,
                               const int32_t *indices, const double *data) {
  const char *missing = !path ? "path" : !indptr ? "indptr" : !indices ? "indices" : !data ? "data" : NULL;
  if (missing) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", missing);
  const char *shown = pa__shown_path(path);
  if (batch == 0 || rows == 0 || rows > INT32_MAX)
    return pa__fail(PA_ERROR_ARGUMENT, "%s: batch is %zu and rows is %zu, must be at least 1, and rows at most %d",
                    shown, batch, rows, INT32_MAX);
  pa_status status = check_indptr(PA_ERROR_ARGUMENT, shown, indptr, rows);
  if (status != PA_OK) return status;
  size_t entries = (size_t)indptr[rows], bytes;
  for (size_t e = 0; e < entries; e++)
    if ((status = check_index(PA_ERROR_ARGUMENT, shown, e, indices[e], rows)) != PA_OK) return status;
  if ((status = check_order(PA_ERROR_ARGUMENT, shown, indptr, indices, rows)) != PA_OK) return status;
  if (!pa__multiply(batch, entries, &bytes) || !pa__multiply(bytes, sizeof *data, &bytes))
    return pa__fail(PA_ERROR_ARGUMENT, "%s: %zu matrices of %zu entries overflow the address space", shown, batch,
                    entries);
  const int64_t shape[] = {(int64_t)rows, (int64_t)rows};
  size_t samples[] = {batch, entries};
  char heads[MEMBERS][PA__NPY_HEADER];
  pa__zip_member members[MEMBERS] = {
      batch > 1 ? member_of(heads[0], "data.npy", "<f8", data, 2, samples)
                : member_of(heads[0], "data.npy", "<f8", data, 1, &entries),
      member_of(heads[1], "indices.npy", "<i4", indices, 1, &entries),
      member_of(heads[2], "indptr.npy", "<i8", indptr, 1, (const size_t[]){rows + 1}),
      member_of(heads[3], "shape.npy", "<i8", shape, 1, (const size_t[]){2}),
      member_of_text(heads[4], "format.npy", "|S3", "csr"),
  };
  return pa__replace(path, write_members, members);
}
