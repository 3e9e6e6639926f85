#define _GNU_SOURCE
#include "array.h"
#include "bytes.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static pa_status refuse_cell(const char *path, size_t line, size_t column, const char *cell, size_t length,
                             const char *reason) {
  char shown[PA__SHOWN];
  return pa__fail(PA_ERROR_FORMAT, "%s: line %zu, column %zu: \"%s\" %s", path, line, column,
                  pa__shown(shown, cell, length), reason);
}

/* The number between begin and end, where a comma, a line's end or a NUL stops strtod. */
static pa_status parse_cell(double *out, const char *begin, const char *end, locale_t c, const char *path, size_t line,
                            size_t column) {
  while (begin < end && is_blank(*begin)) begin++;
  while (begin < end && is_blank(end[-1])) end--;
  size_t length = (size_t)(end - begin);
  if (length == 0) return refuse_cell(path, line, column, begin, length, "is empty, must be a number");
  char *stop;
  errno = 0;
  double value = strtod_l(begin, &stop, c);
  if (stop != end) return refuse_cell(path, line, column, begin, length, "is not a number");
  if (errno == ERANGE && isinf(value)) return refuse_cell(path, line, column, begin, length, "is out of range");
  *out = value;
  return PA_OK;
}

/* Rows, separated by line ends, of which the last is followed by none. Sets extent and size, fills data. */
static pa_status parse_rows(pa_array *array, const char *at, const char *end, locale_t c, const char *path) {
  size_t rows = 0, columns = 0, column = 0;
  for (bool more = true; more;) {
    const char *stop = at;
    while (stop < end && *stop != ',' && *stop != '\n') stop++;
    pa_status status = parse_cell(array->data + array->size, at, stop, c, path, rows + 1, column + 1);
    if (status != PA_OK) return status;
    array->size++;
    column++;
    more = stop < end;
    at = stop + 1;
    if (more && *stop == ',') continue;
    rows++;
    if (rows == 1) columns = column;
    if (column != columns)
      return pa__fail(PA_ERROR_FORMAT, "%s: line %zu, column %zu: the row has %zu columns, the first row has %zu", path,
                      rows, column < columns ? column + 1 : columns + 1, column, columns);
    column = 0;
  }
  array->extent[0] = rows;
  array->extent[1] = columns;
  return PA_OK;
}

static size_t most_cells(const char *at, const char *end) {
  size_t cells = 1;
  for (; at < end; at++) cells += *at == ',' || *at == '\n';
  return cells;
}

pa_status pa__csv_parse(pa_array *array, const char *path, unsigned char *bytes, size_t size) {
  const char *at = (const char *)bytes, *end = at + size;
  pa_status status;
  /* The locale of the process may write 1.5 with a comma; files do not. */
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (c == (locale_t)0) {
    status = pa__fail(PA_ERROR_MEMORY, "%s: out of memory", path);
    goto fail;
  }
  if (size >= 3 && memcmp(at, BYTE_ORDER_MARK, 3) == 0) at += 3;
  while (at < end && (is_blank(end[-1]) || end[-1] == '\n')) end--;
  if (at == end) {
    status = pa__fail(PA_ERROR_FORMAT, "%s: holds no numbers", path);
    goto fail;
  }
  array->rank = 2;
  array->data = pa__allocate(&array->allocator, most_cells(at, end), sizeof *array->data);
  status = array->data ? parse_rows(array, at, end, c, path) : PA_ERROR_MEMORY;
fail:
  if (c != (locale_t)0) freelocale(c);
  pa__release(&array->allocator, bytes);
  return status;
}

/* The number and the separator after it. Only the decimal point of %g depends on the locale, where it may be several
 * bytes. */
static bool write_cell(FILE *file, double value, char separator) {
  char text[64];
  if (isfinite(value))
    snprintf(text, sizeof text, "%.17g", value);
  else
    snprintf(text, sizeof text, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
  char *point = text + strspn(text, "0123456789+-einfa"), *after = point + strcspn(point, "0123456789e");
  if (after > point) {
    *point = '.';
    memmove(point + 1, after, strlen(after) + 1);
  }
  size_t length = strlen(text);
  text[length++] = separator;
  return fwrite(text, 1, length, file) == length;
}

pa_status pa__csv_write(void *view, FILE *file) {
  const pa__view *array = view;
  size_t columns = array->extent[array->rank - 1];
  for (size_t i = 0; i < array->size; i++)
    if (!write_cell(file, array->data[i], (i + 1) % columns == 0 ? '\n' : ',')) return PA_ERROR_FILE;
  return PA_OK;
}
