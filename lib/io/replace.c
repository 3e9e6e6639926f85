#define _GNU_SOURCE
#include "bytes.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_LINKS 40
#define MOST_NAMES 10000

static pa_status fail(const char *path, int reason) {
  return pa__fail(PA_ERROR_FILE, "%s: cannot be written: %s", pa__shown_path(path), strerror(reason ? reason : EIO));
}

/* Length of the folder part, with the last slash. */
static size_t folder_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

/* What path names once its links are followed, there or not; false with errno set. Unlike realpath() this also finds
 * the target of a link that dangles. */
static bool follow(const char *path, char target[PATH_MAX]) {
  char link[PATH_MAX];
  size_t length = strlen(path);
  if (length >= PATH_MAX) return errno = ENAMETOOLONG, false;
  memcpy(target, path, length + 1);
  for (int i = 0; i < MOST_LINKS; i++) {
    ssize_t n = readlink(target, link, sizeof link);
    if (n < 0) return true; /* not a link, or not there: opening it tells */
    size_t folder = link[0] == '/' ? 0 : folder_length(target);
    if (folder + (size_t)n >= PATH_MAX) return errno = ENAMETOOLONG, false;
    memcpy(target + folder, link, (size_t)n);
    target[folder + (size_t)n] = 0;
  }
  return errno = ELOOP, false;
}

/* A new file beside target. Not mkstemp(), whose files ignore the umask, which cannot be asked for without being set
 * for all threads. */
static int create_beside(const char *target, mode_t mode, char name[PATH_MAX]) {
  for (int i = 0; i < MOST_NAMES; i++) {
    int n = snprintf(name, PATH_MAX, "%.*s.powalloc-%ld-%d.tmp", (int)folder_length(target), target, (long)getpid(), i);
    if (n >= PATH_MAX) return errno = ENAMETOOLONG, -1;
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

/* Has the content written to fd, and closes it. */
static pa_status fill(int fd, const char *path, pa_status (*write)(void *user, FILE *file), void *user) {
  FILE *file = fdopen(fd, "wb");
  if (!file) {
    pa_status status = fail(path, errno);
    close(fd);
    return status;
  }
  errno = 0;
  pa_status status = write(user, file);
  if (ferror(file))
    status = fail(path, errno);
  else if (status == PA_OK && (fflush(file) != 0 || (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)))
    status = fail(path, errno);
  errno = 0;
  if (fclose(file) != 0 && status == PA_OK) status = fail(path, errno);
  return status;
}

/* After the rename nothing can be taken back, so a folder that cannot be synchronised is no failure. */
static void synchronise_folder(const char *target) {
  char folder[PATH_MAX];
  size_t length = folder_length(target);
  memcpy(folder, target, length);
  memcpy(folder + length, ".", 2);
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)fsync(fd);
  close(fd);
}

/* old is NULL if target is not there yet. */
static pa_status replace_regular(const char *path, const char *target, const struct stat *old,
                                 pa_status (*write)(void *user, FILE *file), void *user) {
  char name[PATH_MAX];
  int fd = create_beside(target, old ? 0600 : 0666, name);
  if (fd < 0) return fail(path, errno);
  pa_status status;
  if (old && fchmod(fd, old->st_mode & 0777) != 0) {
    status = fail(path, errno);
    close(fd);
  } else {
    status = fill(fd, path, write, user);
  }
  if (status == PA_OK && rename(name, target) != 0) status = fail(path, errno);
  if (status != PA_OK) {
    unlink(name);
    return status;
  }
  synchronise_folder(target);
  return PA_OK;
}

pa_status pa__replace(const char *path, pa_status (*write)(void *user, FILE *file), void *user) {
  if (!path) return pa__fail(PA_ERROR_ARGUMENT, "path is NULL");
  char target[PATH_MAX];
  if (!follow(path, target)) return fail(path, errno);
  size_t length = strlen(target);
  if (length == 0) return fail(path, ENOENT);
  struct stat s;
  if (stat(path, &s) != 0) {
    if (errno != ENOENT) return fail(path, errno);
    if (target[length - 1] == '/') return fail(path, EISDIR);
    return replace_regular(path, target, NULL, write, user);
  }
  if (S_ISDIR(s.st_mode)) return fail(path, EISDIR);
  /* Renaming over a file asks for rights on its folder only: keep what is write-protected. */
  if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0) return fail(path, errno);
  if (S_ISREG(s.st_mode)) return replace_regular(path, target, &s, write, user);
  int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  return fd < 0 ? fail(path, errno) : fill(fd, path, write, user);
}
