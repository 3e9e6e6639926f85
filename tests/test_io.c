/* Arrays and model files: round trips, every refusal with its status and message, hostile bytes, failed writes. */
#define _GNU_SOURCE
#include "../lib/io/io.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* A string with NULs inside, and its length without the last. */
#define BYTES(text) (const unsigned char *)(text), sizeof(text) - 1

static char folder[] = "/tmp/test_io-XXXXXX";
static char old_folder[4096];

static void set_up(void) {
  memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
  ck_assert_ptr_nonnull(getcwd(old_folder, sizeof old_folder));
  ck_assert_ptr_nonnull(mkdtemp(folder));
  ck_assert_int_eq(chdir(folder), 0);
}

static void tear_down(void) {
  char command[64];
  ck_assert_int_eq(chdir(old_folder), 0);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  ck_assert_int_eq(system(command), 0);
}

/* Each part, up to NULL, stands in the last error. */
static void assert_error(pa_status status, pa_status expected, const char *const *parts) {
  ck_assert_msg(status == expected, "%s, not %s: %s", pa_status_name(status), pa_status_name(expected),
                pa_last_error());
  for (; *parts; parts++)
    ck_assert_msg(strstr(pa_last_error(), *parts), "\"%s\" does not say \"%s\"", pa_last_error(), *parts);
}

#define ASSERT_ERROR(status, expected, ...) assert_error(status, expected, (const char *const[]){__VA_ARGS__, NULL})

static void put(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
  ck_assert_int_eq(fclose(file), 0);
}

static unsigned char *get(const char *path, size_t *size) {
  pa_allocator allocator;
  unsigned char *bytes = NULL;
  ck_assert_int_eq(pa__allocator_copy(&allocator, NULL), PA_OK);
  ck_assert_msg(pa__read_file(&bytes, size, path, 1 << 30, &allocator) == PA_OK, "%s", pa_last_error());
  return bytes;
}

static void assert_text(const char *path, const char *text) {
  size_t size;
  unsigned char *bytes = get(path, &size);
  ck_assert_str_eq((char *)bytes, text);
  ck_assert_uint_eq(size, strlen(text));
  free(bytes);
}

/* Nothing but the named files is left in the folder. */
static void assert_files(size_t expected) {
  size_t count = 0;
  FILE *list = popen("ls -A | wc -l", "r");
  ck_assert_ptr_nonnull(list);
  ck_assert_int_eq(fscanf(list, "%zu", &count), 1);
  pclose(list);
  ck_assert_uint_eq(count, expected);
}

static bool same_bits(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

static uint64_t random_state = 88172645463325252u;

static uint64_t draw(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

/* An allocator that counts what it has out, and fails after a number of calls. */
struct counted {
  size_t out, left;
};

static void *counted_allocate(void *user, size_t bytes, size_t alignment) {
  struct counted *counted = user;
  if (counted->left == 0) return NULL;
  counted->left--;
  counted->out++;
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void counted_release(void *user, void *memory) {
  struct counted *counted = user;
  counted->out--;
  free(memory);
}

/* ---- Atomic replacement ---- */

struct text {
  const char *text;
  pa_status status;
};

static pa_status write_text(void *user, FILE *file) {
  struct text *text = user;
  fputs(text->text, file);
  return text->status == PA_OK ? PA_OK : pa__fail(text->status, "the writer gave up");
}

static pa_status replace(const char *path, const char *text) {
  struct text content = {text, PA_OK};
  return pa__replace(path, write_text, &content);
}

static mode_t mode_of(const char *path) {
  struct stat s;
  ck_assert_int_eq(stat(path, &s), 0);
  return s.st_mode & 0777;
}

START_TEST(replace_creates_and_replaces) {
  ck_assert_int_eq(replace("file", "one"), PA_OK);
  assert_text("file", "one");
  ck_assert_int_eq(replace("file", "two"), PA_OK);
  assert_text("file", "two");
  ck_assert_int_eq(mkdir("sub", 0777), 0);
  ck_assert_int_eq(replace("sub/file", "three"), PA_OK);
  assert_text("sub/file", "three");
  assert_files(2);
}
END_TEST

START_TEST(replace_keeps_the_mode) {
  mode_t mask = umask(027);
  ck_assert_int_eq(replace("file", "one"), PA_OK);
  ck_assert_uint_eq(mode_of("file"), 0640);
  ck_assert_int_eq(chmod("file", 0604), 0);
  ck_assert_int_eq(replace("file", "two"), PA_OK);
  ck_assert_uint_eq(mode_of("file"), 0604);
  umask(mask);
}
END_TEST

START_TEST(replace_keeps_the_old_file_if_the_writer_fails) {
  struct text half = {"half", PA_ERROR_NUMERIC};
  ck_assert_int_eq(replace("file", "old"), PA_OK);
  ASSERT_ERROR(pa__replace("file", write_text, &half), PA_ERROR_NUMERIC, "the writer gave up");
  assert_text("file", "old");
  ASSERT_ERROR(pa__replace("new", write_text, &half), PA_ERROR_NUMERIC, "the writer gave up");
  assert_files(1);
}
END_TEST

START_TEST(replace_keeps_the_old_file_if_the_disk_is_full) {
  char *large = calloc(1, 100001);
  memset(large, 'x', 100000);
  ck_assert_int_eq(replace("file", "old"), PA_OK);
  struct rlimit limit = {4096, RLIM_INFINITY}, before;
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
  limit.rlim_max = before.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  pa_status status = replace("file", large);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_ERROR(status, PA_ERROR_FILE, "file: ", strerror(EFBIG));
  assert_text("file", "old");
  assert_files(1);
  free(large);
}
END_TEST

START_TEST(replace_writes_to_a_device) {
  ASSERT_ERROR(replace("/dev/full", "text"), PA_ERROR_FILE, "/dev/full", strerror(ENOSPC));
  ck_assert_int_eq(replace("/dev/null", "text"), PA_OK);
  struct stat s;
  ck_assert_int_eq(stat("/dev/full", &s), 0);
  ck_assert(S_ISCHR(s.st_mode));
  ck_assert_int_eq(stat("/dev/null", &s), 0);
  ck_assert(S_ISCHR(s.st_mode));
}
END_TEST

START_TEST(replace_writes_to_a_fifo) {
  ck_assert_int_eq(mkfifo("fifo", 0666), 0);
  pid_t child = fork();
  if (child == 0) _exit(replace("fifo", "through") == PA_OK ? 0 : 1);
  assert_text("fifo", "through");
  int result = -1;
  ck_assert_int_eq(waitpid(child, &result, 0), child);
  ck_assert_int_eq(result, 0);
  struct stat s;
  ck_assert_int_eq(stat("fifo", &s), 0);
  ck_assert(S_ISFIFO(s.st_mode));
}
END_TEST

static void assert_link(const char *path) {
  struct stat s;
  ck_assert_int_eq(lstat(path, &s), 0);
  ck_assert(S_ISLNK(s.st_mode));
}

START_TEST(replace_follows_links) {
  ck_assert_int_eq(mkdir("sub", 0777), 0);
  put("sub/target", "old", 3);
  ck_assert_int_eq(symlink("target", "sub/second"), 0);
  ck_assert_int_eq(symlink("sub/second", "first"), 0);
  ck_assert_int_eq(replace("first", "new"), PA_OK);
  assert_text("sub/target", "new");
  assert_link("first");
  assert_link("sub/second");
  char absolute[sizeof folder + 16];
  snprintf(absolute, sizeof absolute, "%s/sub/late", folder);
  ck_assert_int_eq(symlink(absolute, "dangling"), 0);
  ck_assert_int_eq(replace("dangling", "made"), PA_OK);
  assert_text("sub/late", "made");
  assert_link("dangling");
  ck_assert_int_eq(symlink("loop", "loop"), 0);
  ASSERT_ERROR(replace("loop", "x"), PA_ERROR_FILE, "loop: ", strerror(ELOOP));
  ck_assert_int_eq(symlink("/dev/full", "full"), 0);
  ASSERT_ERROR(replace("full", "x"), PA_ERROR_FILE, "full: ", strerror(ENOSPC));
  assert_link("full");
}
END_TEST

START_TEST(replace_refuses_what_cannot_be_written) {
  ASSERT_ERROR(replace(NULL, "x"), PA_ERROR_ARGUMENT, "path is NULL");
  ASSERT_ERROR(replace("", "x"), PA_ERROR_FILE, strerror(ENOENT));
  ASSERT_ERROR(replace("none/file", "x"), PA_ERROR_FILE, "none/file: ", strerror(ENOENT));
  ck_assert_int_eq(mkdir("sub", 0777), 0);
  ASSERT_ERROR(replace("sub", "x"), PA_ERROR_FILE, "sub: ", strerror(EISDIR));
  ASSERT_ERROR(replace("new/", "x"), PA_ERROR_FILE, "new/: ", strerror(EISDIR));
  put("file", "old", 3);
  ASSERT_ERROR(replace("file/below", "x"), PA_ERROR_FILE, "file/below: ", strerror(ENOTDIR));
  char path[6000];
  memset(path, 'p', sizeof path - 1);
  path[sizeof path - 1] = 0;
  ASSERT_ERROR(replace(path, "x"), PA_ERROR_FILE, "pppp: ", strerror(ENAMETOOLONG));
  ASSERT_ERROR(replace(path + sizeof path - 400, "x"), PA_ERROR_FILE, "pppp: ", strerror(ENAMETOOLONG));
  assert_files(2);
}
END_TEST

START_TEST(replace_respects_write_protection) {
  put("file", "old", 3);
  ck_assert_int_eq(chmod("file", 0444), 0);
  ck_assert_int_eq(mkdir("sub", 0777), 0);
  ck_assert_int_eq(chmod("sub", 0555), 0);
  ck_assert_int_eq(chmod(".", 0777), 0);
  if (geteuid() == 0) ck_assert_int_eq(seteuid(65534), 0);
  ASSERT_ERROR(replace("file", "x"), PA_ERROR_FILE, "file: ", strerror(EACCES));
  ASSERT_ERROR(replace("sub/file", "x"), PA_ERROR_FILE, "sub/file: ", strerror(EACCES));
  if (getuid() == 0) ck_assert_int_eq(seteuid(0), 0);
  assert_text("file", "old");
  assert_files(2);
}
END_TEST

/* ---- Reading a file whole ---- */

START_TEST(read_takes_files_and_pipes) {
  put("empty", "", 0);
  assert_text("empty", "");
  ck_assert_int_eq(mkfifo("fifo", 0666), 0);
  char *large = calloc(1, 300001);
  memset(large, 'x', 300000);
  pid_t child = fork();
  if (child == 0) _exit(replace("fifo", large) == PA_OK ? 0 : 1);
  assert_text("fifo", large);
  ck_assert_int_eq(waitpid(child, NULL, 0), child);
  free(large);
}
END_TEST

START_TEST(read_refuses_what_cannot_be_read) {
  pa_allocator allocator;
  unsigned char *bytes = NULL;
  size_t size = 7;
  ck_assert_int_eq(pa__allocator_copy(&allocator, NULL), PA_OK);
  ASSERT_ERROR(pa__read_file(&bytes, &size, NULL, 10, &allocator), PA_ERROR_ARGUMENT, "path is NULL");
  ASSERT_ERROR(pa__read_file(&bytes, &size, "none", 10, &allocator), PA_ERROR_FILE, "none: ", strerror(ENOENT));
  ASSERT_ERROR(pa__read_file(&bytes, &size, ".", 10, &allocator), PA_ERROR_FILE, ".: ", strerror(EISDIR));
  put("eleven", "12345678901", 11);
  ASSERT_ERROR(pa__read_file(&bytes, &size, "eleven", 10, &allocator), PA_ERROR_FORMAT, "eleven: ", "10 bytes");
  ASSERT_ERROR(pa__read_file(&bytes, &size, "/dev/zero", 1 << 20, &allocator), PA_ERROR_FORMAT, "/dev/zero: ", "bytes");
  ck_assert_ptr_null(bytes);
  ck_assert_uint_eq(size, 7);
  ck_assert_int_eq(pa__read_file(&bytes, &size, "eleven", 11, &allocator), PA_OK);
  ck_assert_uint_eq(size, 11);
  free(bytes);
}
END_TEST

/* ---- .npy ---- */

static const double samples[] = {0,   -0.0,     1.0 / 3,   -1e-310, 1.7976931348623157e308, 5e-324, 12345, 1e16 + 2,
                                 NAN, INFINITY, -INFINITY, 0.1};

static pa_array *load_array(const char *path) {
  pa_array *array = NULL;
  ck_assert_msg(pa_array_load(&array, path, NULL) == PA_OK, "%s", pa_last_error());
  return array;
}

START_TEST(npy_comes_back) {
  const size_t shapes[][4] = {{0}, {1, 12}, {2, 3, 4}, {3, 2, 3, 2}, {2, 0, 3}};
  for (size_t s = 0; s < LENGTH(shapes); s++) {
    size_t rank = shapes[s][0], size = 1;
    for (size_t i = 0; i < rank; i++) size *= shapes[s][1 + i];
    ck_assert_int_eq(pa_array_save("a.npy", rank, shapes[s] + 1, samples), PA_OK);
    pa_array *array = load_array("a.npy");
    ck_assert_uint_eq(pa_array_rank(array), rank);
    ck_assert_uint_eq(pa_array_size(array), size);
    for (size_t i = 0; i < rank; i++) ck_assert_uint_eq(pa_array_extent(array, i), shapes[s][1 + i]);
    ck_assert_uint_eq(pa_array_extent(array, rank), 0);
    ck_assert_ptr_nonnull(pa_array_data(array));
    ck_assert_int_eq(memcmp(pa_array_data(array), samples, size * sizeof(double)), 0);
    pa_array_free(array);
  }
  pa_array_free(NULL);
}
END_TEST

START_TEST(npy_has_numpys_bytes) {
  const double one = 1;
  ck_assert_int_eq(pa_array_save("a.npy", 2, (const size_t[]){1, 1}, &one), PA_OK);
  size_t size;
  unsigned char *bytes = get("a.npy", &size);
  ck_assert_uint_eq(size, 136);
  ck_assert_int_eq(
      memcmp(bytes, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }", 10 + 59),
      0);
  ck_assert_int_eq(memcmp(bytes + 127, "\n\0\0\0\0\0\0\xf0\x3f", 9), 0);
  free(bytes);
}
END_TEST

/* A .npy file of a version and a header, and the data after it. */
static void put_npy(const char *path, unsigned char major, const char *header, const void *data, size_t size) {
  size_t length = strlen(header);
  unsigned char start[12] = {
      0x93, 'N', 'U', 'M', 'P', 'Y', major, 0, (unsigned char)length, (unsigned char)(length >> 8)};
  FILE *file = fopen(path, "wb");
  ck_assert_ptr_nonnull(file);
  fwrite(start, 1, major == 1 ? 10 : 12, file);
  fwrite(header, 1, length, file);
  fwrite(data, 1, size, file);
  ck_assert_int_eq(fclose(file), 0);
}

START_TEST(npy_reads_every_version_type_and_order) {
  double wide[24], expected[24];
  float narrow[24];
  for (int i = 0; i < 24; i++) {
    wide[i] = i + 0.5;
    narrow[i] = (float)wide[i];
  }
  size_t n = 0;
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 3; j++)
      for (int k = 0; k < 4; k++) expected[n++] = wide[i + 2 * (j + 3 * k)];
  for (unsigned char major = 1; major <= 3; major++)
    for (int fortran = 0; fortran < 2; fortran++)
      for (int item = 4; item <= 8; item += 4) {
        char header[100];
        snprintf(header, sizeof header, "{\"shape\" : ( 2,3, 4 ,),'fortran_order':%s , 'descr':'<f%d'}\n",
                 fortran ? "True" : "False", item);
        put_npy("a", major, header, item == 8 ? (void *)wide : narrow, 24 * (size_t)item);
        pa_array *array = load_array("a");
        ck_assert_uint_eq(pa_array_rank(array), 3);
        ck_assert_int_eq(memcmp(pa_array_data(array), fortran ? expected : wide, sizeof wide), 0);
        pa_array_free(array);
      }
}
END_TEST

#define NPY(descr, shape) "{'descr': " descr ", 'fortran_order': False, 'shape': " shape ", }"

START_TEST(npy_refuses_bad_headers) {
  const struct {
    const char *header, *reason;
  } cases[] = {
      {NPY("'>f8'", "(2,)"), "type \">f8\" is not read, only <f8 and <f4 (little-endian)"},
      {NPY("'<i8'", "(2,)"), "type \"<i8\" is not read"},
      {NPY("'<c16'", "(1,)"), "type \"<c16\" is not read"},
      {NPY("'|O'", "(2,)"), "type \"|O\" is not read"},
      {NPY("'\x1b[31m'", "(2,)"), "type \"?[31m\" is not read"},
      {NPY("[('a', '<f8')]", "(2,)"), "structured types are not read"},
      {NPY("'<f8'", "(-2,)"), "negative extent"},
      {NPY("'<f8'", "(99999999999999999999,)"), "an extent of the shape overflows"},
      {NPY("'<f8'", "(4294967296, 4294967296)"), "the shape overflows"},
      {NPY("'<f8'", "(4611686018427387904,)"), "the shape overflows"},
      {NPY("'<f8'", "(2305843009213693951,)"), "is too short"},
      {NPY("'<f8'", "(1,)"), "has trailing bytes: the shape needs 8 bytes of data, the file has 16"},
      {NPY("'<f8'", "(3,)"), "is too short: the shape needs 24 bytes of data, the file has 16"},
      {NPY("'<f8'", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2)"), "more than 32 dimensions"},
      {NPY("'<f8'", "(2)"), "not a tuple"},
      {NPY("'<f8'", "2"), "not a tuple"},
      {NPY("'<f8'", "(2.0,)"), "not a tuple"},
      {NPY("'<f8'", "(2,,)"), "not a tuple"},
      {NPY("'<f8'", "(1 2)"), "not a tuple"},
      {NPY("'<f8'", "(2,"), "not a tuple"},
      {NPY("'<f8'", "("), "not a tuple"},
      {"{'descr': '<f8', 'fortran_order': 0, 'shape': (2,)}", "neither True nor False"},
      {"{'descr': '<f8', 'fortran_order': False}", "no shape"},
      {"{'descr': '<f8', 'shape': (2,)}", "no fortran_order"},
      {"{'fortran_order': False, 'shape': (2,)}", "no descr"},
      {"{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", "\"descr\" comes twice"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'more': 1}", "unknown header entry \"more\""},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,)} x", "goes on after"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,)", "not a dictionary that ends"},
      {"{'descr': '<f8' 'fortran_order': False, 'shape': (2,)}", "not a dictionary that ends"},
      {"{'descr", "not a dictionary that ends"},
      {"{'descr'", "has no value"},
      {"{'descr':", "structured types"},
      {"{", "not a dictionary that ends"},
      {"[]", "not a dictionary"},
      {"", "not a dictionary"},
  };
  pa_array *array = NULL;
  for (size_t i = 0; i < LENGTH(cases); i++) {
    put_npy("bad.npy", 1, cases[i].header, "0123456789abcdef", 16);
    ASSERT_ERROR(pa_array_load(&array, "bad.npy", NULL), PA_ERROR_FORMAT, "bad.npy: ", cases[i].reason);
    ck_assert_ptr_null(array);
  }
}
END_TEST

START_TEST(npy_refuses_other_files) {
  pa_array *array = NULL;
  const struct {
    const char *bytes;
    size_t size;
    const char *reason;
  } cases[] = {
      {"", 0, "is not a .npy file"},
      {"\x93NUMPX\x01\x00\x00\x00", 10, "is not a .npy file"},
      {"PK\x03\x04 a zip file", 15, "is not a .npy file"},
      {"\x93NUMPY\x00\x00\x00\x00", 10, "version 0.0"},
      {"\x93NUMPY\x04\x00\x00\x00", 10, "version 4.0"},
      {"\x93NUMPY\x01\x01\x00\x00", 10, "version 1.1"},
      {"\x93NUMPY\x02\x00\x01\x00", 10, "ends within the header"},
      {"\x93NUMPY\x01\x00\x01\x00", 10, "ends within the header"},
      {"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14, "header of 4294967295 bytes, over the limit"},
  };
  for (size_t i = 0; i < LENGTH(cases); i++) {
    put("bad", cases[i].bytes, cases[i].size);
    ASSERT_ERROR(pa_array_load(&array, "bad", NULL), PA_ERROR_FORMAT, "bad: ", cases[i].reason);
  }
  ASSERT_ERROR(pa_array_load(&array, "none.npy", NULL), PA_ERROR_FILE, "none.npy: ", strerror(ENOENT));
  ASSERT_ERROR(pa_array_load(&array, ".", NULL), PA_ERROR_FILE, strerror(EISDIR));
  ASSERT_ERROR(pa_array_load(&array, NULL, NULL), PA_ERROR_ARGUMENT, "path is NULL");
  ASSERT_ERROR(pa_array_load(NULL, "none.npy", NULL), PA_ERROR_ARGUMENT, "out is NULL");
  ck_assert_ptr_null(array);
}
END_TEST

START_TEST(array_save_refuses_bad_arguments) {
  const double one = 1;
  const size_t many = SIZE_MAX / 4, extents[] = {1, 1, 1};
  ASSERT_ERROR(pa_array_save(NULL, 1, extents, &one), PA_ERROR_ARGUMENT, "path is NULL");
  ASSERT_ERROR(pa_array_save("a.npy", 1, NULL, &one), PA_ERROR_ARGUMENT, "extents is NULL");
  ASSERT_ERROR(pa_array_save("a.npy", 1, extents, NULL), PA_ERROR_ARGUMENT, "data is NULL");
  ASSERT_ERROR(pa_array_save("a.npy", 33, extents, &one), PA_ERROR_ARGUMENT, "rank is 33");
  ASSERT_ERROR(pa_array_save("a.npy", 1, &many, &one), PA_ERROR_ARGUMENT, "extents[0]", "overflow");
  ASSERT_ERROR(pa_array_save("a.csv", 0, NULL, &one), PA_ERROR_ARGUMENT, "a.csv: ", "rank is 0");
  ASSERT_ERROR(pa_array_save("a.csv", 3, extents, &one), PA_ERROR_ARGUMENT, "a.csv: ", "rank is 3");
  ASSERT_ERROR(pa_array_save("a.csv", 2, (const size_t[]){0, 2}, &one), PA_ERROR_ARGUMENT, "a.csv: ", "empty");
  ASSERT_ERROR(pa_array_save("/dev/full", 1, extents, &one), PA_ERROR_FILE, "/dev/full: ", strerror(ENOSPC));
  ASSERT_ERROR(pa_array_save("none/a.npy", 1, extents, &one), PA_ERROR_FILE, "none/a.npy: ", strerror(ENOENT));
  assert_files(0);
}
END_TEST

/* Loads every beginning of a file, and the file with bytes changed: it may be refused, with a reason, but not crash. */
static void mutate(const char *path, pa_status (*load)(const char *path), bool truncated_is_refused) {
  size_t size;
  unsigned char *bytes = get(path, &size), *changed = malloc(size);
  char mutant[64];
  snprintf(mutant, sizeof mutant, "mutant-%s", path);
  for (size_t length = 0; length < size; length++) {
    put(mutant, bytes, length);
    pa_status status = load(mutant);
    ck_assert(status == PA_ERROR_FORMAT || (!truncated_is_refused && status == PA_OK));
  }
  for (int round = 0; round < 5000; round++) {
    memcpy(changed, bytes, size);
    for (uint64_t flips = 1 + draw() % 4; flips > 0; flips--) changed[draw() % size] = (unsigned char)draw();
    put(mutant, changed, size);
    pa_status status = load(mutant);
    ck_assert(status == PA_OK || status == PA_ERROR_FORMAT);
    if (status != PA_OK) ck_assert_ptr_nonnull(strstr(pa_last_error(), mutant));
  }
  free(changed);
  free(bytes);
}

static pa_status try_array(const char *path) {
  pa_array *array = NULL;
  pa_status status = pa_array_load(&array, path, NULL);
  ck_assert(status == PA_OK ? array != NULL : array == NULL);
  pa_array_free(array);
  return status;
}

START_TEST(hostile_arrays_are_refused) {
  ck_assert_int_eq(pa_array_save("a.npy", 2, (const size_t[]){3, 4}, samples), PA_OK);
  mutate("a.npy", try_array, true);
  ck_assert_int_eq(pa_array_save("a.csv", 2, (const size_t[]){3, 4}, samples), PA_OK);
  mutate("a.csv", try_array, false);
}
END_TEST

START_TEST(arrays_come_from_the_allocator) {
  struct counted counted = {0, 0};
  const pa_allocator allocator = {counted_allocate, counted_release, &counted};
  float narrow[4] = {1, 2, 3, 4};
  put_npy("a.npy", 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", narrow, sizeof narrow);
  put("a.csv", "1,3\n2,4\n", 8);
  const char *paths[] = {"a.npy", "a.csv"};
  for (size_t i = 0; i < 2; i++)
    for (size_t calls = 0; calls <= 3; calls++) {
      pa_array *array = NULL;
      counted.left = calls;
      pa_status status = pa_array_load(&array, paths[i], &allocator);
      if (calls < 3) ASSERT_ERROR(status, PA_ERROR_MEMORY, "memory");
      if (calls == 3) {
        ck_assert_int_eq(status, PA_OK);
        ck_assert_uint_eq(counted.out, 2);
        ck_assert_double_eq(pa_array_data(array)[1], 3);
        pa_array_free(array);
      }
      ck_assert_uint_eq(counted.out, 0);
    }
  pa_array *array = NULL;
  const pa_allocator half = {counted_allocate, NULL, &counted};
  ASSERT_ERROR(pa_array_load(&array, "a.npy", &half), PA_ERROR_ARGUMENT, "allocator");
}
END_TEST

/* ---- sparse arrays ---- */

/* Two matrices [3,3] with an empty row. */
static const int64_t indptr[] = {0, 2, 2, 5};
static const int32_t indices[] = {0, 2, 0, 1, 2};

static pa_status save_sparse(const char *path, size_t batch) {
  return pa_sparse_array_save(path, batch, 3, indptr, indices, samples);
}

START_TEST(sparse_comes_back) {
  for (size_t batch = 1; batch <= 2; batch++) {
    pa_sparse_array *array = NULL;
    ck_assert_int_eq(save_sparse("a.npz", batch), PA_OK);
    ck_assert_msg(pa_sparse_array_load(&array, "a.npz", NULL) == PA_OK, "%s", pa_last_error());
    ck_assert_uint_eq(pa_sparse_array_batch(array), batch);
    ck_assert_uint_eq(pa_sparse_array_rows(array), 3);
    ck_assert_uint_eq(pa_sparse_array_entries(array), 5);
    ck_assert_mem_eq(pa_sparse_array_indptr(array), indptr, sizeof indptr);
    ck_assert_mem_eq(pa_sparse_array_indices(array), indices, sizeof indices);
    ck_assert_mem_eq(pa_sparse_array_data(array), samples, 5 * batch * sizeof *samples);
    pa_sparse_array_free(array);
  }
  ck_assert_uint_eq(pa_sparse_array_rows(NULL), 0);
}
END_TEST

START_TEST(sparse_refuses_bad_arguments) {
  const int32_t twice[] = {0, 0, 0, 1, 2}, falling[] = {2, 0, 0, 1, 2}, beyond[] = {0, 3, 0, 1, 2};
  const struct {
    const int32_t *indices;
    const char *why;
  } bad[] = {{twice, "row 0 has column 0 twice"},
             {falling, "row 0 has column 0 after a higher one"},
             {beyond, "indices[1] is 3"}};
  for (size_t k = 0; k < LENGTH(bad); k++)
    ASSERT_ERROR(pa_sparse_array_save("a.npz", 1, 3, indptr, bad[k].indices, samples), PA_ERROR_ARGUMENT, bad[k].why);
  ASSERT_ERROR(pa_sparse_array_save("a.npz", 1, 3, (const int64_t[]){0, 2, 1, 5}, indices, samples), PA_ERROR_ARGUMENT,
               "indptr[2] is 1, less than 2");
  ASSERT_ERROR(pa_sparse_array_save("a.npz", 1, 3, (const int64_t[]){1, 2, 2, 5}, indices, samples), PA_ERROR_ARGUMENT,
               "indptr[0] is 1");
  ASSERT_ERROR(save_sparse("a.npz", 0), PA_ERROR_ARGUMENT, "batch is 0");
  ASSERT_ERROR(save_sparse(NULL, 1), PA_ERROR_ARGUMENT, "path is NULL");
  ASSERT_ERROR(save_sparse("/dev/full", 1), PA_ERROR_FILE, "/dev/full");
  assert_files(0);
}
END_TEST

static pa_status try_sparse(const char *path) {
  pa_sparse_array *array = NULL;
  pa_status status = pa_sparse_array_load(&array, path, NULL);
  ck_assert(status == PA_OK ? array != NULL : array == NULL);
  pa_sparse_array_free(array);
  return status;
}

START_TEST(hostile_sparse_arrays_are_refused) {
  ck_assert_int_eq(save_sparse("a.npz", 2), PA_OK);
  mutate("a.npz", try_sparse, true);
}
END_TEST

START_TEST(sparse_arrays_come_from_the_allocator) {
  struct counted counted = {0, 0};
  const pa_allocator allocator = {counted_allocate, counted_release, &counted};
  ck_assert_int_eq(save_sparse("a.npz", 2), PA_OK);
  for (size_t calls = 0; calls <= 5; calls++) {
    pa_sparse_array *array = NULL;
    counted.left = calls;
    pa_status status = pa_sparse_array_load(&array, "a.npz", &allocator);
    if (calls < 5) ASSERT_ERROR(status, PA_ERROR_MEMORY, "memory");
    if (calls == 5) ck_assert_int_eq(status, PA_OK);
    ck_assert_uint_eq(counted.out, status == PA_OK ? 4 : 0);
    pa_sparse_array_free(array);
    ck_assert_uint_eq(counted.out, 0);
  }
}
END_TEST

/* ---- CSV ---- */

START_TEST(csv_comes_back) {
  ck_assert_int_eq(pa_array_save("a.csv", 2, (const size_t[]){3, 4}, samples), PA_OK);
  pa_array *array = load_array("a.csv");
  ck_assert_uint_eq(pa_array_rank(array), 2);
  ck_assert_uint_eq(pa_array_extent(array, 0), 3);
  ck_assert_uint_eq(pa_array_extent(array, 1), 4);
  for (size_t i = 0; i < 12; i++)
    ck_assert(same_bits(pa_array_data(array)[i], samples[i]) || (isnan(samples[i]) && isnan(pa_array_data(array)[i])));
  pa_array_free(array);
}
END_TEST

START_TEST(csv_writes_a_vector_as_a_row) {
  const double data[] = {1.5, -2, 1e300};
  ck_assert_int_eq(pa_array_save("a.csv", 1, (const size_t[]){3}, data), PA_OK);
  assert_text("a.csv", "1.5,-2,1.0000000000000001e+300\n");
  ck_assert_int_eq(pa_array_save("a.csv", 2, (const size_t[]){3, 1}, data), PA_OK);
  assert_text("a.csv", "1.5\n-2\n1.0000000000000001e+300\n");
}
END_TEST

START_TEST(csv_reads_what_spreadsheets_write) {
  const char *texts[] = {"1,2.5\n-3,4e2\n", "1,2.5\n-3,4e2", "\xef\xbb\xbf+1,2.5\r\n-3,400\r\n",
                         " 1 ,\t2.5 \n-3,4E+2\n\n \n"};
  const double expected[] = {1, 2.5, -3, 400};
  for (size_t i = 0; i < LENGTH(texts); i++) {
    put("a.csv", texts[i], strlen(texts[i]));
    pa_array *array = load_array("a.csv");
    ck_assert_uint_eq(pa_array_extent(array, 0), 2);
    ck_assert_uint_eq(pa_array_extent(array, 1), 2);
    ck_assert_int_eq(memcmp(pa_array_data(array), expected, sizeof expected), 0);
    pa_array_free(array);
  }
}
END_TEST

/* Loads and saves in a locale whose decimal point is text; needs the C library's tool for locales. */
START_TEST(csv_does_not_depend_on_the_locale) {
  if (system("localedef -i de_DE -f UTF-8 ./comma >localedef.out 2>&1") != 0) return;
  ck_assert_int_eq(setenv("LOCPATH", folder, 1), 0);
  ck_assert_ptr_nonnull(setlocale(LC_ALL, "comma"));
  ck_assert_str_eq(localeconv()->decimal_point, ",");
  ck_assert_int_eq(pa_array_save("a.csv", 1, (const size_t[]){2}, (const double[]){0.5, -0x1.8p-60}), PA_OK);
  assert_text("a.csv", "0.5,-1.3010426069826053e-18\n");
  pa_array *array = load_array("a.csv");
  ck_assert_uint_eq(pa_array_size(array), 2);
  ck_assert_double_eq(pa_array_data(array)[0], 0.5);
  pa_array_free(array);
  ck_assert_str_eq(setlocale(LC_NUMERIC, NULL), "comma");
}
END_TEST

START_TEST(csv_refuses_bad_text) {
  const struct {
    const char *text;
    size_t size;
    const char *place, *reason;
  } cases[] = {
      {"", 0, "", "holds no numbers"},
      {" \n\n", 3, "", "holds no numbers"},
      {"\xef\xbb\xbf", 3, "", "holds no numbers"},
      {"1,2\n3\n", 6, "line 2, column 2", "the row has 1 columns, the first row has 2"},
      {"1,2\n3,4,5\n", 10, "line 2, column 3", "the row has 3 columns, the first row has 2"},
      {"1,\n", 3, "line 1, column 2", "is empty"},
      {"1,,2\n", 5, "line 1, column 2", "is empty"},
      {",\n", 2, "line 1, column 1", "is empty"},
      {"1\n\n2\n", 5, "line 2, column 1", "is empty"},
      {"a,b\n1,2\n", 8, "line 1, column 1", "\"a\" is not a number"},
      {"1,2\n3,4x\n", 9, "line 2, column 2", "\"4x\" is not a number"},
      {"1;2\n", 4, "line 1, column 1", "\"1;2\" is not a number"},
      {"1 2\n", 4, "line 1, column 1", "\"1 2\" is not a number"},
      {"\"1\"\n", 4, "line 1, column 1", "\"\"1\"\" is not a number"},
      {"1\0,2\n", 5, "line 1, column 1", "\"1?\" is not a number"},
      {"1,\v\n2,3\n", 8, "line 1, column 2", "\"?\" is not a number"},
      {"1,1e999\n", 8, "line 1, column 2", "\"1e999\" is out of range"},
  };
  pa_array *array = NULL;
  for (size_t i = 0; i < LENGTH(cases); i++) {
    put("bad.csv", cases[i].text, cases[i].size);
    ASSERT_ERROR(pa_array_load(&array, "bad.csv", NULL), PA_ERROR_FORMAT, "bad.csv: ", cases[i].place, cases[i].reason);
    ck_assert_ptr_null(array);
  }
  ASSERT_ERROR(pa_array_load(&array, "none.csv", NULL), PA_ERROR_FILE, "none.csv: ", strerror(ENOENT));
}
END_TEST

/* ---- Model files ---- */

static const pa__metadata metadata[] = {
    {"kind", "uwmmse"}, {"layers", "4"}, {"note", "a \"quoted\"\nline, \xc3\xa9, \\u0000"}};

static double matrix_data[] = {1, -2.5, 3e-300, 4, 5, 1.0 / 3}, scalar_data[] = {7};

static const pa__tensor tensors[] = {
    {"layer1.w", 2, {2, 3}, matrix_data, false},
    {"layer1.mu", 0, {0}, scalar_data, false},
    {"none", 2, {0, 5}, NULL, false},
};

static void save_model(const char *path) {
  ck_assert_msg(pa__model_write(path, metadata, LENGTH(metadata), tensors, LENGTH(tensors)) == PA_OK, "%s",
                pa_last_error());
}

static pa_model_file *load_model(const char *path) {
  pa_model_file *file = NULL;
  ck_assert_msg(pa_model_file_load(&file, path, NULL) == PA_OK, "%s", pa_last_error());
  return file;
}

START_TEST(model_comes_back) {
  save_model("m.safetensors");
  pa_model_file *file = load_model("m.safetensors");
  ck_assert_str_eq(pa__model_path(file), "m.safetensors");
  ck_assert_uint_eq(pa_model_file_metadata_count(file), 5);
  ck_assert_str_eq(pa_model_file_metadata_name(file, 0), "format");
  ck_assert_ptr_null(pa_model_file_metadata_name(file, 5));
  ck_assert_str_eq(pa_model_file_metadata(file, "format"), "powalloc");
  ck_assert_str_eq(pa_model_file_metadata(file, "format_version"), "1");
  for (size_t i = 0; i < LENGTH(metadata); i++)
    ck_assert_str_eq(pa_model_file_metadata(file, metadata[i].name), metadata[i].text);
  ck_assert_ptr_null(pa_model_file_metadata(file, "absent"));
  ck_assert_uint_eq(pa_model_file_tensor_count(file), 3);
  ck_assert_str_eq(pa_model_file_tensor_name(file, 0), "layer1.w");
  ck_assert_uint_eq(pa_model_file_tensor_rank(file, 0), 2);
  ck_assert_uint_eq(pa_model_file_tensor_extent(file, 0, 1), 3);
  ck_assert_uint_eq(pa_model_file_tensor_extent(file, 0, 2), 0);
  ck_assert_int_eq(memcmp(pa_model_file_tensor_data(file, 0), matrix_data, sizeof matrix_data), 0);
  ck_assert_uint_eq(pa_model_file_tensor_rank(file, 1), 0);
  ck_assert_double_eq(pa_model_file_tensor_data(file, 1)[0], 7);
  ck_assert_ptr_null(pa_model_file_tensor_name(file, 3));
  ck_assert_ptr_null(pa_model_file_tensor_data(file, 3));
  ck_assert_uint_eq(pa_model_file_tensor_rank(file, 3), 0);
  ck_assert_uint_eq(pa_model_file_tensor_extent(file, 3, 0), 0);
  pa_model_file_free(file);
  pa_model_file_free(NULL);
}
END_TEST

START_TEST(model_data_is_aligned) {
  char text[] = "0123456";
  for (size_t cut = 0; cut < sizeof text; cut++) {
    pa__metadata note = {"note", text + cut};
    ck_assert_int_eq(pa__model_write("m", &note, 1, tensors, LENGTH(tensors)), PA_OK);
    size_t size;
    unsigned char *bytes = get("m", &size);
    ck_assert_uint_eq(size % 8, 0);
    ck_assert_uint_eq(bytes[0] % 8, 0);
    ck_assert_int_eq(bytes[8], '{');
    pa_model_file_free(load_model("m"));
    free(bytes);
  }
}
END_TEST

/* A model file of any header, with zeros for data. */
static void put_model(const char *path, const char *header, size_t data_size) {
  size_t length = strlen(header);
  unsigned char bytes[8], data[64] = {0};
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)length >> 8 * i);
  FILE *file = fopen(path, "wb");
  ck_assert_ptr_nonnull(file);
  fwrite(bytes, 1, 8, file);
  fwrite(header, 1, length, file);
  fwrite(data, 1, data_size, file);
  ck_assert_int_eq(fclose(file), 0);
}

#define META "\"__metadata__\":{\"format\":\"powalloc\",\"format_version\":\"1\"}"
#define TENSOR(name, dtype, shape, offsets) \
  "\"" name "\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define ONE(dtype, shape, offsets) "{" META "," TENSOR("w", dtype, shape, offsets) "}"
#define TWO(first, second) \
  "{" META "," TENSOR("a", "\"F64\"", "[1]", first) "," TENSOR("b", "\"F64\"", "[1]", second) "}"

START_TEST(model_reads_narrow_tensors_in_any_order) {
  put_model("m", "{" TENSOR("b", "\"F64\"", "[1]", "[4,12]") "," META "," TENSOR("a", "\"F32\"", "[1]", "[0,4]") "}",
            12);
  FILE *data = fopen("m", "r+b");
  float narrow = 0.1f;
  double wide = 0.1;
  fseek(data, -12, SEEK_END);
  fwrite(&narrow, 4, 1, data);
  fwrite(&wide, 8, 1, data);
  fclose(data);
  pa_model_file *file = load_model("m");
  ck_assert_str_eq(pa_model_file_tensor_name(file, 0), "b");
  ck_assert_double_eq(pa_model_file_tensor_data(file, 0)[0], 0.1);
  ck_assert_double_eq(pa_model_file_tensor_data(file, 1)[0], (double)0.1f);
  pa_model_file_free(file);
}
END_TEST

START_TEST(model_refuses_bad_headers) {
  const struct {
    const char *header;
    size_t data_size;
    const char *where, *reason;
  } cases[] = {
      {"", 0, "", "not a JSON object"},
      {"[]", 0, "", "not a JSON object"},
      {" {" META "}", 0, "", "not a JSON object"},
      {"{" META, 0, "", "not JSON"},
      {"{" META "} x", 0, "", "not JSON"},
      {"{" META ",}", 0, "", "not JSON"},
      {"{" META ",", 0, "", "not JSON"},
      {"{" META ",\"\\ud800\":1}", 0, "", "not JSON"},
      {"{\"a\x01\":1}", 0, "", "control characters"},
      {"{\"a\\u0000b\":1}", 0, "", "control characters"},
      {"{}", 0, "", "no __metadata__"},
      {"{\"__metadata__\":[]}", 0, "", "__metadata__ is not an object"},
      {"{\"__metadata__\":{}}", 0, "metadata", "has no format"},
      {"{\"__metadata__\":{\"format\":\"pt\",\"format_version\":\"1\"}}", 0, "metadata format is \"pt\"",
       "must be \"powalloc\""},
      {"{\"__metadata__\":{\"format\":\"powalloc\"}}", 0, "metadata", "has no format_version"},
      {"{\"__metadata__\":{\"format\":\"powalloc\",\"format_version\":\"2\"}}", 0, "metadata format_version is \"2\"",
       "must be \"1\""},
      {"{\"__metadata__\":{\"format\":\"powalloc\",\"format_version\":1}}", 0, "metadata format_version",
       "is not a string"},
      {"{\"__metadata__\":{\"format\":\"powalloc\",\"format_version\":\"1\",\"a\":null}}", 0, "metadata a",
       "is not a string"},
      {"{\"__metadata__\":{\"format\":\"powalloc\",\"format_version\":\"1\",\"format\":\"x\"}}", 0, "metadata format",
       "comes twice"},
      {"{" META "," META "}", 0, "tensor __metadata__", "comes twice"},
      {"{" META "," TENSOR("w", "\"F64\"", "[1]", "[0,8]") "," TENSOR("w", "\"F64\"", "[1]", "[8,16]") "}", 16,
       "tensor w", "comes twice"},
      {"{" META "," TENSOR("w", "\"F64\"", "[1]", "[0,8]") "," TENSOR("\\u0077", "\"F64\"", "[1]", "[8,16]") "}", 16,
       "tensor w", "comes twice"},
      {"{" META "," TENSOR("", "\"F64\"", "[1]", "[0,8]") "}", 8, "tensor \"\"", "1 to 63 printable"},
      {"{" META "," TENSOR("a\\u001b[1m", "\"F64\"", "[1]", "[0,8]") "}", 8, "tensor \"a?[1m\"", "1 to 63 printable"},
      {"{" META
       "," TENSOR("0123456789012345678901234567890123456789012345678901234567890123", "\"F64\"", "[1]", "[0,8]") "}",
       8, "tensor \"0123456789", "1 to 63 printable"},
      {"{" META ",\"w\":1}", 0, "tensor w", "not an object of dtype, shape and data_offsets"},
      {"{" META ",\"w\":{\"dtype\":\"F64\",\"shape\":[]}}", 8, "tensor w", "not an object of dtype"},
      {"{" META ",\"w\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8],\"shape\":[1]}}", 8, "tensor w",
       "not an object of dtype"},
      {ONE("\"F16\"", "[1]", "[0,2]"), 2, "tensor w", "dtype F16 is not read, only F64 and F32"},
      {ONE("\"I64\"", "[1]", "[0,8]"), 8, "tensor w", "dtype I64 is not read"},
      {ONE("64", "[1]", "[0,8]"), 8, "tensor w", "dtype is not a string"},
      {ONE("\"F64\"", "1", "[0,8]"), 8, "tensor w", "shape is not an array"},
      {ONE("\"F64\"", "[1,1,1,1,1,1,1,1,1]", "[0,8]"), 8, "tensor w", "more than 8 dimensions"},
      {ONE("\"F64\"", "[-1]", "[0,8]"), 8, "tensor w", "whole numbers"},
      {ONE("\"F64\"", "[1.5]", "[0,8]"), 8, "tensor w", "whole numbers"},
      {ONE("\"F64\"", "[\"1\"]", "[0,8]"), 8, "tensor w", "whole numbers"},
      {ONE("\"F64\"", "[1e999]", "[0,8]"), 8, "tensor w", "whole numbers"},
      {ONE("\"F64\"", "[9007199254740994]", "[0,8]"), 8, "tensor w", "whole numbers"},
      {ONE("\"F64\"", "[4294967296,4294967296]", "[0,0]"), 0, "tensor w", "shape overflows"},
      {ONE("\"F64\"", "[2]", "[0,8]"), 8, "tensor w", "do not fit the 8 bytes"},
      {ONE("\"F32\"", "[1]", "[0,8]"), 8, "tensor w", "do not fit the 8 bytes"},
      {ONE("\"F64\"", "[2147483648,1073741824]", "[0,0]"), 0, "tensor w", "do not fit the 0 bytes"},
      {ONE("\"F64\"", "[1]", "8"), 8, "tensor w", "not two whole numbers"},
      {ONE("\"F64\"", "[1]", "[0]"), 8, "tensor w", "not two whole numbers"},
      {ONE("\"F64\"", "[1]", "[0,8,8]"), 8, "tensor w", "not two whole numbers"},
      {ONE("\"F64\"", "[1]", "[-8,0]"), 8, "tensor w", "not two whole numbers"},
      {ONE("\"F64\"", "[1]", "[0.5,8.5]"), 9, "tensor w", "not two whole numbers"},
      {ONE("\"F64\"", "[1]", "[0,16]"), 8, "tensor w", "0 to 16 are out of range, the data has 8 bytes"},
      {ONE("\"F64\"", "[1]", "[8,16]"), 8, "tensor w", "out of range"},
      {ONE("\"F64\"", "[1]", "[8,0]"), 8, "tensor w", "out of range"},
      {ONE("\"F64\"", "[1]", "[9007199254740984,9007199254740992]"), 8, "tensor w", "out of range"},
      {ONE("\"F64\"", "[1]", "[8,16]"), 16, "tensor w", "gap"},
      {ONE("\"F64\"", "[1]", "[0,8]"), 11, "", "3 trailing bytes"},
      {"{" META "}", 1, "", "1 trailing bytes"},
      {TWO("[0,8]", "[0,8]"), 8, "tensor", "overlap"},
      {TWO("[4,12]", "[0,8]"), 12, "tensor a", "overlap"},
      {TWO("[12,20]", "[0,8]"), 20, "tensor a", "gap"},
  };
  pa_model_file *file = NULL;
  for (size_t i = 0; i < LENGTH(cases); i++) {
    put_model("bad.model", cases[i].header, cases[i].data_size);
    ASSERT_ERROR(pa_model_file_load(&file, "bad.model", NULL), PA_ERROR_FORMAT, "bad.model: ", cases[i].where,
                 cases[i].reason);
    ck_assert_ptr_null(file);
  }
}
END_TEST

START_TEST(model_refuses_other_files) {
  pa_model_file *file = NULL;
  const struct {
    const unsigned char *bytes;
    size_t size;
    const char *reason;
  } cases[] = {
      {BYTES(""), "too short"},
      {BYTES("\x02\0\0\0\0\0\0"), "too short"},
      {BYTES("\x03\0\0\0\0\0\0\0{}"), "ends within the header"},
      {BYTES("\x01\0\x10\0\0\0\0\0{}"), "header of 1048577 bytes is over the limit of 1048576"},
      {BYTES("\xff\xff\xff\xff\xff\xff\xff\xff{}"), "is not a model file"},
  };
  for (size_t i = 0; i < LENGTH(cases); i++) {
    put("bad", cases[i].bytes, cases[i].size);
    ASSERT_ERROR(pa_model_file_load(&file, "bad", NULL), PA_ERROR_FORMAT, "bad: ", cases[i].reason);
  }
  ASSERT_ERROR(pa_model_file_load(&file, "none", NULL), PA_ERROR_FILE, "none: ", strerror(ENOENT));
  ASSERT_ERROR(pa_model_file_load(&file, NULL, NULL), PA_ERROR_ARGUMENT, "path is NULL");
  ASSERT_ERROR(pa_model_file_load(NULL, "none", NULL), PA_ERROR_ARGUMENT, "out is NULL");
  ck_assert_int_eq(truncate("bad", ((off_t)1 << 30) + 1), 0);
  ASSERT_ERROR(pa_model_file_load(&file, "bad", NULL), PA_ERROR_FORMAT, "bad: ", "holds more than 1073741824 bytes");
}
END_TEST

/* A header of as many entries as asked for, all empty tensors or all metadata. */
static char *crowded_header(size_t tensor_count, size_t metadata_count) {
  char *header = NULL;
  size_t size = 0;
  FILE *text = open_memstream(&header, &size);
  fputs("{\"__metadata__\":{\"format\":\"powalloc\",\"format_version\":\"1\"", text);
  for (size_t i = 0; i < metadata_count; i++) fprintf(text, ",\"%zu\":\"\"", i);
  fputs("}", text);
  for (size_t i = 0; i < tensor_count; i++)
    fprintf(text, ",\"%zu\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[0,0]}", i);
  fputs("}", text);
  fclose(text);
  return header;
}

START_TEST(model_refuses_crowds) {
  const struct {
    size_t tensors, metadata;
    const char *reason;
  } cases[] = {{4096, 4094, NULL},
               {4097, 0, "4097 tensors, over the limit of 4096"},
               {0, 4095, "4097 metadata entries, over the limit of 4096"}};
  for (size_t i = 0; i < LENGTH(cases); i++) {
    char *header = crowded_header(cases[i].tensors, cases[i].metadata);
    pa_model_file *file = NULL;
    put_model("m", header, 0);
    pa_status status = pa_model_file_load(&file, "m", NULL);
    if (cases[i].reason)
      ASSERT_ERROR(status, PA_ERROR_FORMAT, "m: ", cases[i].reason);
    else
      ck_assert_int_eq(status, PA_OK);
    pa_model_file_free(file);
    free(header);
  }
}
END_TEST

START_TEST(model_refuses_deep_json) {
  char *header = calloc(1, 500001);
  memset(header, '[', 500000);
  memcpy(header, "{\"a\":", 5);
  put_model("deep", header, 0);
  pa_model_file *file = NULL;
  ASSERT_ERROR(pa_model_file_load(&file, "deep", NULL), PA_ERROR_FORMAT, "deep: ", "not JSON");
  free(header);
}
END_TEST

START_TEST(model_refuses_weights_that_are_not_finite) {
  const double bad[] = {NAN, INFINITY, -INFINITY};
  for (size_t i = 0; i < LENGTH(bad); i++) {
    double two[] = {1, bad[i]};
    pa__tensor tensor = {"w", 1, {2}, two, false};
    ASSERT_ERROR(pa__model_write("m", NULL, 0, &tensor, 1), PA_ERROR_NUMERIC, "m: ", "tensor w: element 1 is");
    assert_files(0);
    put_model("m", ONE("\"F64\"", "[2]", "[0,16]"), 8);
    FILE *data = fopen("m", "ab");
    fwrite(&bad[i], 8, 1, data);
    fclose(data);
    pa_model_file *file = NULL;
    ASSERT_ERROR(pa_model_file_load(&file, "m", NULL), PA_ERROR_FORMAT, "m: ", "tensor w: element 1 is");
    ck_assert_int_eq(unlink("m"), 0);
  }
}
END_TEST

static pa_status try_model(const char *path) {
  pa_model_file *file = NULL;
  pa_status status = pa_model_file_load(&file, path, NULL);
  ck_assert(status == PA_OK ? file != NULL : file == NULL);
  pa_model_file_free(file);
  return status;
}

START_TEST(hostile_models_are_refused) {
  save_model("m");
  mutate("m", try_model, true);
}
END_TEST

START_TEST(models_come_from_the_allocator) {
  struct counted counted = {0, 0};
  const pa_allocator allocator = {counted_allocate, counted_release, &counted};
  pa_model_file *file = NULL;
  save_model("m");
  size_t calls = 0;
  for (; !file; calls++) {
    counted.left = calls;
    pa_status status = pa_model_file_load(&file, "m", &allocator);
    if (file) break;
    ASSERT_ERROR(status, PA_ERROR_MEMORY, "memory");
    ck_assert_uint_eq(counted.out, 0);
  }
  ck_assert_uint_gt(calls, 5);
  ck_assert_uint_eq(counted.out, 6);
  pa_model_file_free(file);
  ck_assert_uint_eq(counted.out, 0);
}
END_TEST

START_TEST(model_read_copies_all_or_nothing) {
  save_model("m");
  pa_model_file *file = load_model("m");
  double matrix[6] = {0}, scalar = -1, absent = 9;
  pa__tensor wanted[] = {{"layer1.mu", 0, {0}, &scalar, true},
                         {"layer1.w", 2, {2, 3}, matrix, false},
                         {"v0", 0, {0}, &absent, true},
                         {"none", 2, {0, 5}, NULL, false}};
  ASSERT_ERROR(pa__model_read(file, wanted, 3), PA_ERROR_FORMAT, "m: ", "tensor none is unknown");
  wanted[2].optional = false;
  ASSERT_ERROR(pa__model_read(file, wanted, 4), PA_ERROR_FORMAT, "m: ", "tensor v0 is missing");
  wanted[2].optional = true;
  wanted[1].extent[1] = 4;
  ASSERT_ERROR(pa__model_read(file, wanted, 4), PA_ERROR_FORMAT,
               "m: ", "tensor layer1.w: shape is [2,3], must be [2,4]");
  wanted[1].rank = 0;
  ASSERT_ERROR(pa__model_read(file, wanted, 4), PA_ERROR_FORMAT, "m: ", "tensor layer1.w: shape is [2,3], must be []");
  ck_assert_double_eq(scalar, -1);
  ck_assert_double_eq(matrix[0], 0);
  wanted[1].rank = 2;
  wanted[1].extent[1] = 3;
  ck_assert_int_eq(pa__model_read(file, wanted, 4), PA_OK);
  ck_assert_double_eq(scalar, 7);
  ck_assert_double_eq(absent, 9);
  ck_assert_int_eq(memcmp(matrix, matrix_data, sizeof matrix), 0);
  pa_model_file_free(file);
}
END_TEST

START_TEST(model_integers_are_checked) {
  const pa__metadata numbers[] = {{"four", "4"},    {"zero", "0"},  {"minus", "-4"},
                                  {"text", "four"}, {"part", "4x"}, {"space", " 4"},
                                  {"empty", ""},    {"plus", "+4"}, {"large", "99999999999999999999999"}};
  ck_assert_int_eq(pa__model_write("m", numbers, LENGTH(numbers), NULL, 0), PA_OK);
  pa_model_file *file = load_model("m");
  size_t value = 77;
  ck_assert_uint_eq(pa_model_file_tensor_count(file), 0);
  for (size_t i = 2; i < LENGTH(numbers); i++)
    ASSERT_ERROR(pa__model_integer(file, numbers[i].name, 0, SIZE_MAX, &value), PA_ERROR_FORMAT, "m: ", numbers[i].name,
                 numbers[i].text, "must be a whole number");
  ASSERT_ERROR(pa__model_integer(file, "four", 5, 9, &value), PA_ERROR_FORMAT, "four is \"4\"", "from 5 to 9");
  ASSERT_ERROR(pa__model_integer(file, "four", 1, 3, &value), PA_ERROR_FORMAT, "four is \"4\"", "from 1 to 3");
  ASSERT_ERROR(pa__model_integer(file, "none", 1, 3, &value), PA_ERROR_FORMAT, "m: ", "has no none");
  ck_assert_uint_eq(value, 77);
  ck_assert_int_eq(pa__model_integer(file, "four", 4, 4, &value), PA_OK);
  ck_assert_uint_eq(value, 4);
  ck_assert_int_eq(pa__model_integer(file, "zero", 0, 4, &value), PA_OK);
  ck_assert_uint_eq(value, 0);
  pa_model_file_free(file);
}
END_TEST

START_TEST(model_write_is_atomic) {
  save_model("m");
  size_t before, after;
  unsigned char *old = get("m", &before);
  char *large = calloc(1, ((size_t)1 << 20) + 1);
  memset(large, 'x', (size_t)1 << 20);
  pa__metadata note = {"note", large};
  ASSERT_ERROR(pa__model_write("m", &note, 1, tensors, LENGTH(tensors)), PA_ERROR_ARGUMENT, "m: ", "too long metadata");
  ASSERT_ERROR(pa__model_write("none/m", NULL, 0, tensors, LENGTH(tensors)), PA_ERROR_FILE,
               "none/m: ", strerror(ENOENT));
  ASSERT_ERROR(pa__model_write("/dev/full", NULL, 0, tensors, LENGTH(tensors)), PA_ERROR_FILE,
               "/dev/full: ", strerror(ENOSPC));
  ASSERT_ERROR(pa__model_write(NULL, NULL, 0, tensors, LENGTH(tensors)), PA_ERROR_ARGUMENT, "path is NULL");
  unsigned char *now = get("m", &after);
  ck_assert_uint_eq(before, after);
  ck_assert_int_eq(memcmp(old, now, after), 0);
  assert_files(1);
  free(now);
  free(old);
  free(large);
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *const *tests) {
  TCase *tcase = tcase_create(name);
  tcase_add_checked_fixture(tcase, set_up, tear_down);
  tcase_set_timeout(tcase, 120);
  for (; *tests; tests++) tcase_add_test(tcase, *tests);
  suite_add_tcase(suite, tcase);
}

#define ADD_CASE(suite, name, ...) add_case(suite, name, (const TTest *const[]){__VA_ARGS__, NULL})

int main(void) {
  Suite *suite = suite_create("io");
  ADD_CASE(suite, "replace", replace_creates_and_replaces, replace_keeps_the_mode,
           replace_keeps_the_old_file_if_the_writer_fails, replace_keeps_the_old_file_if_the_disk_is_full,
           replace_writes_to_a_device, replace_writes_to_a_fifo, replace_follows_links,
           replace_refuses_what_cannot_be_written, replace_respects_write_protection);
  ADD_CASE(suite, "read", read_takes_files_and_pipes, read_refuses_what_cannot_be_read);
  ADD_CASE(suite, "array", npy_comes_back, npy_has_numpys_bytes, npy_reads_every_version_type_and_order,
           npy_refuses_bad_headers, npy_refuses_other_files, array_save_refuses_bad_arguments,
           hostile_arrays_are_refused, arrays_come_from_the_allocator, csv_comes_back, csv_writes_a_vector_as_a_row,
           csv_reads_what_spreadsheets_write, csv_does_not_depend_on_the_locale, csv_refuses_bad_text);
  ADD_CASE(suite, "sparse array", sparse_comes_back, sparse_refuses_bad_arguments, hostile_sparse_arrays_are_refused,
           sparse_arrays_come_from_the_allocator);
  ADD_CASE(suite, "model", model_comes_back, model_data_is_aligned, model_reads_narrow_tensors_in_any_order,
           model_refuses_bad_headers, model_refuses_other_files, model_refuses_crowds, model_refuses_deep_json,
           model_refuses_weights_that_are_not_finite, hostile_models_are_refused, models_come_from_the_allocator,
           model_read_copies_all_or_nothing, model_integers_are_checked, model_write_is_atomic);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? 0 : 1;
}
