/* Little-endian numbers, and foreign text made fit for a message. */
#ifndef POWALLOC_LIB_IO_BYTES_H
#define POWALLOC_LIB_IO_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static inline uint32_t pa__get_u16(const unsigned char *b) { return (uint32_t)b[0] | (uint32_t)b[1] << 8; }

static inline uint32_t pa__get_u32(const unsigned char *b) {
  return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t pa__get_u64(const unsigned char *b) {
  return (uint64_t)pa__get_u32(b) | (uint64_t)pa__get_u32(b + 4) << 32;
}

static inline double pa__get_f32(const unsigned char *b) {
  uint32_t bits = pa__get_u32(b);
  float value;
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

static inline double pa__get_f64(const unsigned char *b) {
  uint64_t bits = pa__get_u64(b);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline void pa__put_u64(unsigned char *b, uint64_t bits) {
  for (int i = 0; i < 8; i++) b[i] = (unsigned char)(bits >> 8 * i);
}

/* false once the file refuses more. */
static inline bool pa__write_doubles(FILE *file, const double *data, size_t count) {
  unsigned char block[4096];
  while (count > 0) {
    size_t n = count < sizeof block / 8 ? count : sizeof block / 8;
    for (size_t i = 0; i < n; i++) {
      uint64_t bits;
      memcpy(&bits, data + i, sizeof bits);
      pa__put_u64(block + 8 * i, bits);
    }
    if (fwrite(block, 8, n, file) != n) return false;
    data += n;
    count -= n;
  }
  return true;
}

/* The end of a path, so that a long one leaves room for the reason. */
static inline const char *pa__shown_path(const char *path) {
  size_t length = strlen(path);
  return length > 255 ? path + length - 255 : path;
}

#define PA__SHOWN 48

/* The start of a text from a file, with ? for what could disturb a terminal. Returns to. */
static inline const char *pa__shown(char to[PA__SHOWN], const char *text, size_t length) {
  size_t n = length < PA__SHOWN ? length : PA__SHOWN - 1;
  for (size_t i = 0; i < n; i++) to[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
  to[n] = 0;
  return to;
}

#endif
