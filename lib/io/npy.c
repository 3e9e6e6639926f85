#include "array.h"
#include "bytes.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6
#define HEADER_LIMIT 65536

/* The header, a Python dictionary, as it is read. */
struct header {
  const char *path, *at, *end, *const *types;
  bool has_descr, has_order, has_shape;
  pa__npy array;
};

static pa_status refuse(const struct header *h, const char *reason) {
  return pa__fail(PA_ERROR_FORMAT, "%s: %s", h->path, reason);
}

static void skip_space(struct header *h) {
  while (h->at < h->end && (*h->at == ' ' || *h->at == '\t' || *h->at == '\n' || *h->at == '\r')) h->at++;
}

/* Moves past a character and the space around it. */
static bool take(struct header *h, char c) {
  skip_space(h);
  if (h->at == h->end || *h->at != c) return false;
  h->at++;
  skip_space(h);
  return true;
}

static bool take_word(struct header *h, const char *word) {
  size_t length = strlen(word);
  if ((size_t)(h->end - h->at) < length || memcmp(h->at, word, length) != 0) return false;
  h->at += length;
  return true;
}

/* A quoted text without escapes, left where it is. */
static bool take_text(struct header *h, const char **text, size_t *length) {
  if (h->at == h->end || (*h->at != '\'' && *h->at != '"')) return false;
  const char *start = h->at + 1, *stop = memchr(start, *h->at, (size_t)(h->end - start));
  if (!stop) return false;
  *text = start;
  *length = (size_t)(stop - start);
  h->at = stop + 1;
  return true;
}

static bool equal(const char *text, size_t length, const char *word) {
  return strlen(word) == length && memcmp(text, word, length) == 0;
}

static pa_status take_descr(struct header *h) {
  const char *text;
  size_t length;
  char shown[PA__SHOWN];
  if (!take_text(h, &text, &length))
    return pa__fail(PA_ERROR_FORMAT, "%s: structured types are not read, only %s and %s", h->path, h->types[0],
                    h->types[1]);
  for (int k = 0; k < 2 && !h->has_descr; k++)
    if (equal(text, length, h->types[k])) {
      h->array.type = h->types[k];
      h->has_descr = true;
    }
  if (h->has_descr) return PA_OK;
  return pa__fail(PA_ERROR_FORMAT, "%s: type \"%s\" is not read, only %s and %s%s", h->path,
                  pa__shown(shown, text, length), h->types[0], h->types[1],
                  length > 0 && *text == '>' ? " (little-endian)" : "");
}

static pa_status take_order(struct header *h) {
  h->array.fortran = take_word(h, "True");
  if (!h->array.fortran && !take_word(h, "False")) return refuse(h, "fortran_order is neither True nor False");
  h->has_order = true;
  return PA_OK;
}

static pa_status take_extent(struct header *h, size_t *out) {
  if (h->at < h->end && *h->at == '-') return refuse(h, "the shape has a negative extent");
  if (h->at == h->end || *h->at < '0' || *h->at > '9') return refuse(h, "the shape is not a tuple of whole numbers");
  size_t extent = 0;
  for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++) {
    size_t digit = (size_t)(*h->at - '0');
    if (!pa__multiply(extent, 10, &extent) || extent > SIZE_MAX - digit)
      return refuse(h, "an extent of the shape overflows the address space");
    extent += digit;
  }
  *out = extent;
  return PA_OK;
}

static pa_status take_shape(struct header *h) {
  if (!take(h, '(')) return refuse(h, "the shape is not a tuple of whole numbers");
  bool separated = true;
  h->array.size = 1;
  while (!take(h, ')')) {
    if (!separated) return refuse(h, "the shape is not a tuple of whole numbers");
    if (h->array.rank == PA__ARRAY_RANK) return refuse(h, "the shape has more than 32 dimensions");
    size_t extent = 0;
    pa_status status = take_extent(h, &extent);
    if (status != PA_OK) return status;
    h->array.extent[h->array.rank++] = extent;
    if (!pa__multiply(h->array.size, extent, &h->array.size)) return refuse(h, "the shape overflows the address space");
    separated = take(h, ',');
  }
  if (h->array.rank == 1 && !separated) return refuse(h, "the shape is not a tuple of whole numbers");
  h->has_shape = true;
  return PA_OK;
}

static pa_status take_entry(struct header *h) {
  const char *key;
  size_t length;
  char shown[PA__SHOWN];
  if (!take_text(h, &key, &length)) return refuse(h, "the header is not a dictionary that ends");
  bool descr = equal(key, length, "descr"), order = equal(key, length, "fortran_order"),
       shape = equal(key, length, "shape");
  if (!descr && !order && !shape)
    return pa__fail(PA_ERROR_FORMAT, "%s: unknown header entry \"%s\"", h->path, pa__shown(shown, key, length));
  if ((descr && h->has_descr) || (order && h->has_order) || (shape && h->has_shape))
    return pa__fail(PA_ERROR_FORMAT, "%s: header entry \"%s\" comes twice", h->path, pa__shown(shown, key, length));
  if (!take(h, ':')) return refuse(h, "a header entry has no value");
  return descr ? take_descr(h) : order ? take_order(h) : take_shape(h);
}

static pa_status take_header(struct header *h) {
  if (!take(h, '{')) return refuse(h, "the header is not a dictionary");
  bool separated = true;
  while (!take(h, '}')) {
    if (!separated) return refuse(h, "the header is not a dictionary that ends");
    pa_status status = take_entry(h);
    if (status != PA_OK) return status;
    separated = take(h, ',');
  }
  skip_space(h);
  if (h->at != h->end) return refuse(h, "the header goes on after its dictionary");
  if (!h->has_descr) return refuse(h, "the header has no descr");
  if (!h->has_order) return refuse(h, "the header has no fortran_order");
  if (!h->has_shape) return refuse(h, "the header has no shape");
  return PA_OK;
}

/* Bytes of an element. */
static size_t item_of(const char *type) { return (size_t)(type[2] - '0') * (type[1] == 'U' ? 4 : 1); }

/* Finds the header and checks that it accounts for all that follows. */
static pa_status read_header(struct header *h, const unsigned char *bytes, size_t size) {
  if (size < 10 || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0) return refuse(h, "is not a .npy file");
  unsigned major = bytes[6], minor = bytes[7];
  if (major < 1 || major > 3 || minor != 0)
    return pa__fail(PA_ERROR_FORMAT, "%s: .npy version %u.%u is not read, only 1.0 to 3.0", h->path, major, minor);
  size_t start = major == 1 ? 10 : 12;
  if (size < start) return refuse(h, "ends within the header");
  size_t length = major == 1 ? pa__get_u16(bytes + 8) : pa__get_u32(bytes + 8);
  if (length > HEADER_LIMIT)
    return pa__fail(PA_ERROR_FORMAT, "%s: a header of %zu bytes, over the limit of %d", h->path, length, HEADER_LIMIT);
  if (length > size - start) return refuse(h, "ends within the header");
  h->at = (const char *)bytes + start;
  h->end = h->at + length;
  pa_status status = take_header(h);
  if (status != PA_OK) return status;
  size_t has = size - start - length, needs;
  if (!pa__multiply(h->array.size, item_of(h->array.type), &needs))
    return refuse(h, "the shape overflows the address space");
  if (has != needs)
    return pa__fail(PA_ERROR_FORMAT, "%s: %s: the shape needs %zu bytes of data, the file has %zu", h->path,
                    has < needs ? "is too short" : "has trailing bytes", needs, has);
  h->array.bytes = bytes + start + length;
  return PA_OK;
}

pa_status pa__npy_open(pa__npy *array, const char *path, const char *const types[2], const unsigned char *bytes,
                       size_t size) {
  struct header h = {.path = path, .types = types};
  pa_status status = read_header(&h, bytes, size);
  if (status == PA_OK) *array = h.array;
  return status;
}

static double element(const pa__npy *array, size_t index) {
  return array->type[2] == '8' ? pa__get_f64(array->bytes + 8 * index) : pa__get_f32(array->bytes + 4 * index);
}

/* Elements of Fortran order, the first axis fastest, to C order: an odometer over the axes of the target. */
static void transpose(const pa__npy *array, double *to) {
  size_t stride[PA__ARRAY_RANK], index[PA__ARRAY_RANK] = {0}, place = 0;
  for (size_t axis = 0, s = 1; axis < array->rank; s *= array->extent[axis++]) stride[axis] = s;
  for (size_t i = 0; i < array->size; i++) {
    to[i] = element(array, place);
    for (size_t axis = array->rank; axis-- > 0;) {
      place += stride[axis];
      if (++index[axis] < array->extent[axis]) break;
      place -= stride[axis] * array->extent[axis];
      index[axis] = 0;
    }
  }
}

void pa__npy_doubles(const pa__npy *array, double *to) {
  if (array->fortran)
    transpose(array, to);
  else
    for (size_t i = 0; i < array->size; i++) to[i] = element(array, i);
}

pa_status pa__npy_parse(pa_array *array, const char *path, unsigned char *bytes, size_t size) {
  static const char *const types[] = {"<f8", "<f4"};
  pa__npy from;
  pa_status status = pa__npy_open(&from, path, types, bytes, size);
  if (status != PA_OK) goto fail;
  bool in_place = from.type == types[0] && !from.fortran; /* element i moves down over bytes already read */
  double *data = in_place ? (void *)bytes : pa__allocate(&array->allocator, from.size, sizeof *data);
  if (!data) {
    status = PA_ERROR_MEMORY;
    goto fail;
  }
  pa__npy_doubles(&from, data);
  if (!in_place) pa__release(&array->allocator, bytes);
  array->rank = from.rank;
  memcpy(array->extent, from.extent, sizeof from.extent);
  array->size = from.size;
  array->data = data;
  return PA_OK;
fail:
  pa__release(&array->allocator, bytes);
  return status;
}

size_t pa__npy_header(char to[PA__NPY_HEADER], const char *type, size_t rank, const size_t *extent) {
  char *text = to + MAGIC_SIZE + 4;
  size_t n = 0, room = PA__NPY_HEADER - MAGIC_SIZE - 4;
  n += (size_t)snprintf(text, room, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
  for (size_t i = 0; i < rank; i++) n += (size_t)snprintf(text + n, room - n, i == 0 ? "%zu," : " %zu,", extent[i]);
  if (rank > 1) n--; /* NumPy ends only a tuple of one with a comma */
  n += (size_t)snprintf(text + n, room - n, "), }");
  while ((MAGIC_SIZE + 4 + n + 1) % 64 != 0) text[n++] = ' ';
  text[n++] = '\n';
  memcpy(to, MAGIC "\x01\x00", MAGIC_SIZE + 2);
  to[MAGIC_SIZE + 2] = (char)(n & 0xff);
  to[MAGIC_SIZE + 3] = (char)(n >> 8);
  return MAGIC_SIZE + 4 + n;
}

pa_status pa__npy_write(void *view, FILE *file) {
  const pa__view *array = view;
  char header[PA__NPY_HEADER];
  fwrite(header, 1, pa__npy_header(header, "<f8", array->rank, array->extent), file);
  return pa__write_doubles(file, array->data, array->size) ? PA_OK : PA_ERROR_FILE;
}
