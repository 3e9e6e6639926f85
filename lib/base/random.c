#include "random.h"

void pa__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)PA__PHILOX_M0 * c0, p1 = (uint64_t)PA__PHILOX_M1 * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    k0 += PA__PHILOX_W0;
    k1 += PA__PHILOX_W1;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

static void block(uint64_t key, uint64_t counter, uint64_t index, uint32_t out[4]) {
  uint32_t c[4] = {(uint32_t)index, (uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)(index >> 32)};
  uint32_t k[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
  pa__philox(c, k, out);
}

static uint64_t word(uint64_t key, uint64_t counter, uint64_t index) {
  uint32_t w[4];
  block(key, counter, index / 2, w);
  const uint32_t *half = w + 2 * (index % 2);
  return half[0] | (uint64_t)half[1] << 32;
}

uint64_t pa__random_key(uint64_t seed, uint32_t purpose, uint64_t stream) {
  uint32_t w[4];
  block(seed, stream, (uint64_t)purpose << 32, w);
  return w[0] | (uint64_t)w[1] << 32;
}

double pa__random_uniform(uint64_t key, uint64_t counter, uint64_t index) {
  return ((double)(word(key, counter, index) >> 12) + 0.5) * 0x1p-52;
}

float pa__random_uniform_f32(uint64_t key, uint64_t counter, uint64_t index) {
  uint32_t w[4];
  block(key, counter, index / 4, w);
  return ((float)(w[index % 4] >> 9) + 0.5f) * 0x1p-23f;
}

uint64_t pa__random_below(uint64_t key, uint64_t counter, uint64_t index, uint64_t n) {
  uint64_t choice = (uint64_t)(pa__random_uniform(key, counter, index) * (double)n);
  return choice < n ? choice : n - 1;
}
