#include "zip.h"

#include "bytes.h"

/* What a record begins with, and its bytes without names and extensions. */
enum { LOCAL = 0x04034b50, ENTRY = 0x02014b50, END = 0x06054b50, WIDE_END = 0x06064b50, LOCATOR = 0x07064b50 };
enum { LOCAL_SIZE = 30, ENTRY_SIZE = 46, END_SIZE = 22, WIDE_END_SIZE = 56, LOCATOR_SIZE = 20 };

#define COMMENT_MOST 65535
#define RECORD_MOST 256       /* bytes of what is written: names are short */
#define VERSION 45            /* 4.5: 64-bit sizes */
#define FIRST_DAY 0x21        /* 1980-01-01 */
#define WIDE 1                /* the extension for what does not fit into 32 bits, */
#define ELSEWHERE 0xffffffffu /* and what stands in its place */

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define CHECKED false /* random bytes would come no further */
#else
#define CHECKED true
#endif

/* ---- checksums: CRC-32, eight bytes at a time ---- */

typedef struct checksums {
  uint32_t of[8][256];
} checksums;

static void begin_checksums(checksums *c) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t sum = i;
    for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
    c->of[0][i] = sum;
  }
  for (int k = 1; k < 8; k++)
    for (int i = 0; i < 256; i++) c->of[k][i] = c->of[k - 1][i] >> 8 ^ c->of[0][c->of[k - 1][i] & 0xff];
}

static uint32_t checksum(const checksums *c, uint32_t before, const unsigned char *bytes, size_t size) {
  uint32_t sum = ~before;
  for (; size >= 8; bytes += 8, size -= 8) {
    uint32_t low = pa__get_u32(bytes) ^ sum, high = pa__get_u32(bytes + 4);
    sum = c->of[7][low & 0xff] ^ c->of[6][low >> 8 & 0xff] ^ c->of[5][low >> 16 & 0xff] ^ c->of[4][low >> 24] ^
          c->of[3][high & 0xff] ^ c->of[2][high >> 8 & 0xff] ^ c->of[1][high >> 16 & 0xff] ^ c->of[0][high >> 24];
  }
  for (; size > 0; bytes++, size--) sum = sum >> 8 ^ c->of[0][(sum ^ *bytes) & 0xff];
  return ~sum;
}

/* ---- reading ---- */

/* The record of this kind and size at a place of the file; NULL if there is none. */
static const unsigned char *record(const pa__zip *zip, uint64_t at, uint32_t kind, size_t size) {
  if (at > zip->size || zip->size - at < size || pa__get_u32(zip->bytes + at) != kind) return NULL;
  return zip->bytes + at;
}

static pa_status damaged(const pa__zip *zip, const char *what) {
  return pa__fail(PA_ERROR_FORMAT, "%s: is damaged: %s", zip->path, what);
}

pa_status pa__zip_open(pa__zip *zip, const char *path, const unsigned char *bytes, size_t size) {
  *zip = (pa__zip){.path = path, .bytes = bytes, .size = size};
  for (size_t back = END_SIZE; back <= size && back <= END_SIZE + COMMENT_MOST; back++) {
    const unsigned char *end = record(zip, size - back, END, END_SIZE), *locator = NULL;
    if (!end || END_SIZE + pa__get_u16(end + 20) != back) continue;
    zip->count = pa__get_u16(end + 10);
    zip->directory = pa__get_u32(end + 16);
    if (size - back >= LOCATOR_SIZE) locator = record(zip, size - back - LOCATOR_SIZE, LOCATOR, LOCATOR_SIZE);
    if (!locator) return PA_OK;
    if (!(end = record(zip, pa__get_u64(locator + 8), WIDE_END, WIDE_END_SIZE)))
      return damaged(zip, "the end of its directory is not where it should be");
    zip->count = pa__get_u64(end + 32);
    zip->directory = pa__get_u64(end + 48);
    return PA_OK;
  }
  return pa__fail(PA_ERROR_FORMAT, "%s: is not a .npz file, or ends too early", path);
}

/* Replaces numbers that stand elsewhere by those of the extension, which come in the same order. */
static void take_wide(uint64_t *const numbers[3], const unsigned char *at, size_t left) {
  while (left >= 4) {
    size_t id = pa__get_u16(at), size = pa__get_u16(at + 2);
    if (size > left - 4) return;
    if (id == WIDE) {
      for (size_t k = 0, used = 0; k < 3; k++)
        if (*numbers[k] == ELSEWHERE && size - used >= 8) {
          *numbers[k] = pa__get_u64(at + 4 + used);
          used += 8;
        }
      return;
    }
    at += 4 + size;
    left -= 4 + size;
  }
}

/* The content of a directory's entry. */
static pa_status take_member(const pa__zip *zip, const char *name, const unsigned char *entry,
                             const unsigned char **bytes, size_t *size) {
  uint64_t full = pa__get_u32(entry + 24), packed = pa__get_u32(entry + 20), at = pa__get_u32(entry + 42);
  uint32_t method = pa__get_u16(entry + 10), expected = pa__get_u32(entry + 16);
  take_wide((uint64_t *const[]){&full, &packed, &at}, entry + ENTRY_SIZE + pa__get_u16(entry + 28),
            pa__get_u16(entry + 30));
  if (method != 0)
    return pa__fail(PA_ERROR_FORMAT, "%s: %s is compressed, which is not read: save it with compressed=False",
                    zip->path, name);
  if (pa__get_u16(entry + 8) & 1) return pa__fail(PA_ERROR_FORMAT, "%s: %s is encrypted", zip->path, name);
  const unsigned char *local = record(zip, at, LOCAL, LOCAL_SIZE);
  if (!local) return damaged(zip, "a member is not where it should be");
  size_t before = LOCAL_SIZE + pa__get_u16(local + 26) + pa__get_u16(local + 28), left = zip->size - (size_t)at;
  if (full != packed || before > left || full > left - before) return damaged(zip, "a member does not fit into it");
  checksums c;
  begin_checksums(&c);
  uint32_t found = checksum(&c, 0, local + before, (size_t)full);
  if (CHECKED && found != expected)
    return pa__fail(PA_ERROR_FORMAT, "%s: %s is damaged: its checksum is %08x, must be %08x", zip->path, name,
                    (unsigned)found, (unsigned)expected);
  *bytes = local + before;
  *size = (size_t)full;
  return PA_OK;
}

pa_status pa__zip_find(const pa__zip *zip, const char *name, const unsigned char **bytes, size_t *size) {
  uint64_t at = zip->directory;
  for (uint64_t k = 0; k < zip->count; k++) {
    const unsigned char *entry = record(zip, at, ENTRY, ENTRY_SIZE);
    if (!entry) return damaged(zip, "its directory ends too early");
    size_t length = pa__get_u16(entry + 28),
           whole = ENTRY_SIZE + length + pa__get_u16(entry + 30) + pa__get_u16(entry + 32);
    if (whole > zip->size - at) return damaged(zip, "its directory ends too early");
    if (length == strlen(name) && memcmp(entry + ENTRY_SIZE, name, length) == 0)
      return take_member(zip, name, entry, bytes, size);
    at += whole;
  }
  return pa__fail(PA_ERROR_FORMAT, "%s: has no member %s", zip->path, name);
}

/* ---- writing: all sizes and places are in the extension ---- */

struct place {
  uint32_t checksum;
  uint64_t size, at;
};

static unsigned char *put(unsigned char *to, int bytes, uint64_t number) {
  for (int k = 0; k < bytes; k++) *to++ = (unsigned char)(number >> 8 * k);
  return to;
}

static void put_numbers(unsigned char *to, const unsigned char *from, size_t item, size_t count) {
  for (size_t k = 0; k < count; k++, from += item) {
    uint64_t wide;
    uint32_t narrow;
    if (item == sizeof wide)
      to = put(to, 8, *(uint64_t *)memcpy(&wide, from, sizeof wide));
    else
      to = put(to, 4, *(uint32_t *)memcpy(&narrow, from, sizeof narrow));
  }
}

/* A member's content, with file NULL for its checksum only; false once the file refuses more. */
static bool put_member(const checksums *c, const pa__zip_member *member, FILE *file, uint32_t *sum) {
  unsigned char block[4096];
  const unsigned char *from = member->numbers;
  *sum = checksum(c, 0, (const unsigned char *)member->head, member->head_size);
  if (file && fwrite(member->head, 1, member->head_size, file) != member->head_size) return false;
  for (size_t left = member->count, n; left > 0; left -= n, from += n * member->item) {
    n = left < sizeof block / member->item ? left : sizeof block / member->item;
    put_numbers(block, from, member->item, n);
    *sum = checksum(c, *sum, block, n * member->item);
    if (file && fwrite(block, member->item, n, file) != n) return false;
  }
  return true;
}

/* What a local header and an entry of the directory share, from the version that is needed to the lengths. */
static unsigned char *put_shared(unsigned char *to, const pa__zip_member *member, const struct place *place,
                                 size_t extension) {
  to = put(to, 2, VERSION);
  to = put(to, 6, 0); /* flags, no compression, midnight */
  to = put(to, 2, FIRST_DAY);
  to = put(to, 4, place->checksum);
  to = put(to, 4, ELSEWHERE);
  to = put(to, 4, ELSEWHERE);
  to = put(to, 2, strlen(member->name));
  return put(to, 2, extension);
}

/* The name and the extension, with room for `numbers` of size, packed size and place. */
static unsigned char *put_tail(unsigned char *to, const pa__zip_member *member, const struct place *place,
                               size_t numbers) {
  const uint64_t all[] = {place->size, place->size, place->at};
  memcpy(to, member->name, strlen(member->name));
  to = put(to + strlen(member->name), 2, WIDE);
  to = put(to, 2, 8 * numbers);
  for (size_t k = 0; k < numbers; k++) to = put(to, 8, all[k]);
  return to;
}

static size_t put_local(unsigned char *to, const pa__zip_member *member, const struct place *place) {
  unsigned char *at = put(to, 4, LOCAL);
  at = put_shared(at, member, place, 4 + 2 * 8);
  return (size_t)(put_tail(at, member, place, 2) - to);
}

static size_t put_entry(unsigned char *to, const pa__zip_member *member, const struct place *place) {
  unsigned char *at = put(to, 4, ENTRY);
  at = put(at, 2, VERSION);
  at = put_shared(at, member, place, 4 + 3 * 8);
  at = put(at, 8, 0); /* no comment, first disk, attributes */
  at = put(at, 2, 0);
  at = put(at, 4, ELSEWHERE);
  return (size_t)(put_tail(at, member, place, 3) - to);
}

static size_t put_end(unsigned char *to, size_t count, uint64_t directory, uint64_t end) {
  unsigned char *at = put(to, 4, WIDE_END);
  at = put(at, 8, WIDE_END_SIZE - 12);
  at = put(at, 2, VERSION);
  at = put(at, 2, VERSION);
  at = put(at, 8, 0); /* one disk */
  at = put(at, 8, count);
  at = put(at, 8, count);
  at = put(at, 8, end - directory);
  at = put(at, 8, directory);
  at = put(at, 4, LOCATOR);
  at = put(at, 4, 0);
  at = put(at, 8, end);
  at = put(at, 4, 1);
  at = put(at, 4, END);
  at = put(at, 4, 0);
  at = put(at, 2, count);
  at = put(at, 2, count);
  at = put(at, 4, ELSEWHERE);
  at = put(at, 4, ELSEWHERE);
  return (size_t)(put(at, 2, 0) - to);
}

pa_status pa__zip_write(FILE *file, const pa__zip_member *members, size_t count) {
  unsigned char text[RECORD_MOST];
  struct place places[PA__ZIP_MEMBERS];
  checksums c;
  begin_checksums(&c);
  uint64_t at = 0;
  for (size_t k = 0; k < count; k++) {
    struct place *place = &places[k];
    place->at = at;
    place->size = members[k].head_size + (uint64_t)members[k].item * members[k].count;
    put_member(&c, &members[k], NULL, &place->checksum);
    size_t n = put_local(text, &members[k], place);
    fwrite(text, 1, n, file);
    if (!put_member(&c, &members[k], file, &place->checksum)) return PA_ERROR_FILE;
    at += n + place->size;
  }
  uint64_t directory = at;
  for (size_t k = 0; k < count; k++) {
    size_t n = put_entry(text, &members[k], &places[k]);
    fwrite(text, 1, n, file);
    at += n;
  }
  fwrite(text, 1, put_end(text, count, directory, at), file);
  return PA_OK;
}
