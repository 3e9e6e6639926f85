#define _GNU_SOURCE
#include "bytes.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAM_START ((size_t)1 << 16)
#define STREAM_LIMIT ((size_t)1 << 30)

static pa_status fail(const char *path, int reason) {
  return pa__fail(PA_ERROR_FILE, "%s: cannot be read: %s", pa__shown_path(path), strerror(reason));
}

static pa_status too_long(const char *path, size_t limit) {
  return pa__fail(PA_ERROR_FORMAT, "%s: holds more than %zu bytes, the most that is read", pa__shown_path(path), limit);
}

static pa_status grow(unsigned char **bytes, size_t used, size_t *capacity, const pa_allocator *allocator) {
  unsigned char *more = pa__allocate(allocator, *capacity, 2);
  if (!more) return PA_ERROR_MEMORY;
  memcpy(more, *bytes, used);
  pa__release(allocator, *bytes);
  *bytes = more;
  *capacity *= 2;
  return PA_OK;
}

/* Reads to the end. capacity leaves room for a NUL, and for the read that finds the end of the file. */
static pa_status drain(int fd, unsigned char **bytes, size_t *size, size_t capacity, const char *path, size_t limit,
                       const pa_allocator *allocator) {
  for (;;) {
    if (*size > limit) return too_long(path, limit);
    if (*size + 1 == capacity) {
      pa_status status = grow(bytes, *size, &capacity, allocator);
      if (status != PA_OK) return status;
    }
    ssize_t n = read(fd, *bytes + *size, capacity - *size - 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(path, errno);
    if (n == 0) break;
    *size += (size_t)n;
  }
  (*bytes)[*size] = 0;
  return PA_OK;
}

static pa_status read_open(int fd, unsigned char **bytes, size_t *size, const char *path, size_t limit,
                           const pa_allocator *allocator) {
  struct stat s;
  if (fstat(fd, &s) != 0) return fail(path, errno);
  if (S_ISDIR(s.st_mode)) return fail(path, EISDIR);
  bool regular = S_ISREG(s.st_mode) && s.st_size > 0;
  if (regular && (uintmax_t)s.st_size > limit) return too_long(path, limit);
  /* A stream may have no end: it is not trusted with as much memory as a file that is already there. */
  if (!regular && limit > STREAM_LIMIT) limit = STREAM_LIMIT;
  size_t capacity = regular ? (size_t)s.st_size + 2 : STREAM_START;
  unsigned char *block = pa__allocate(allocator, capacity, 1);
  if (!block) return PA_ERROR_MEMORY;
  size_t used = 0;
  pa_status status = drain(fd, &block, &used, capacity, path, limit, allocator);
  if (status != PA_OK) {
    pa__release(allocator, block);
    return status;
  }
  *bytes = block;
  *size = used;
  return PA_OK;
}

pa_status pa__read_file(unsigned char **bytes, size_t *size, const char *path, uint64_t limit,
                        const pa_allocator *allocator) {
  if (!path) return pa__fail(PA_ERROR_ARGUMENT, "path is NULL");
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return fail(path, errno);
  size_t most = limit < PTRDIFF_MAX / 2 ? (size_t)limit : PTRDIFF_MAX / 2;
  pa_status status = read_open(fd, bytes, size, path, most, allocator);
  close(fd);
  return status;
}
