/* What the machine can do at most, and what reading a clock costs. */
#include "la/cpu.h"
#include "probe.h"

PA_API double probe_peak(int single);
PA_API double probe_bandwidth(size_t bytes);
PA_API double probe_tick(void);
PA_API double probe_clock(void);

/* Nanoseconds of a tick of probe_ticks(). */
double probe_tick(void) {
  double start = probe_now(), now;
  uint64_t first = probe_ticks();
  while ((now = probe_now()) < start + 1e8) {
  }
  return (now - start) / (double)(probe_ticks() - first);
}

/* Ticks that a reading of the clock takes, as it adds to what is timed: the mean of the fastest of some turns. */
double probe_clock(void) {
  enum { TURNS = 100, TIMES = 1000 };
  double best = 1e30;
  for (int turn = 0; turn < TURNS; turn++) {
    double sum = 0;
    for (int k = 0; k < TIMES; k++) {
      uint64_t start = probe_ticks();
      sum += (double)(probe_ticks() - start);
    }
    best = sum / TIMES < best ? sum / TIMES : best;
  }
  return best;
}

#if defined(__x86_64__)
/* GFLOP/s of independent fused multiply-adds. */
#define PEAK(NAME, TARGET, VECTOR, SPLAT, FMA, LANES)                                       \
  __attribute__((target(TARGET))) static double NAME(void) {                                \
    enum { TIMES = 1 << 21, SUMS = 10 };                                                    \
    VECTOR sum[SUMS], x = SPLAT(.999f);                                                     \
    for (int s = 0; s < SUMS; s++) sum[s] = SPLAT((float)s);                                \
    double best = 0;                                                                        \
    for (int round = 0; round < 5; round++) {                                               \
      double start = probe_now();                                                           \
      for (int k = 0; k < TIMES; k++) {                                                     \
        _Pragma("GCC unroll 10") for (int s = 0; s < SUMS; s++) sum[s] = FMA(sum[s], x, x); \
      }                                                                                     \
      double rate = 2.0 * LANES * SUMS * TIMES / (probe_now() - start);                     \
      best = rate > best ? rate : best;                                                     \
    }                                                                                       \
    volatile VECTOR sink;                                                                   \
    for (int s = 0; s < SUMS; s++) sink = sum[s];                                           \
    (void)sink;                                                                             \
    return best;                                                                            \
  }

PEAK(peak_256, "avx2,fma", __m256d, _mm256_set1_pd, _mm256_fmadd_pd, 4)
PEAK(peak_256_f32, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, 8)
PEAK(peak_512, "avx512f", __m512d, _mm512_set1_pd, _mm512_fmadd_pd, 8)
PEAK(peak_512_f32, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps, 16)

/* GB/s of reading `bytes` again and again by 256-bit loads. */
__attribute__((target("avx2"))) double probe_bandwidth(size_t bytes) {
  double *data = probe_memory(bytes);
  size_t times = ((size_t)1 << 28) / bytes + 1, numbers = bytes / sizeof *data / 32 * 32;
  __m256d sum[8];
  double best = 0;
  for (int s = 0; s < 8; s++) sum[s] = _mm256_setzero_pd();
  for (int round = 0; round < 5; round++) {
    double start = probe_now();
    for (size_t k = 0; k < times; k++)
      for (size_t e = 0; e < numbers; e += 32) {
        _Pragma("GCC unroll 8") for (int s = 0; s < 8; s++) sum[s] =
            _mm256_or_pd(sum[s], _mm256_load_pd(data + e + 4 * s));
      }
    double rate = (double)(times * numbers * sizeof *data) / (probe_now() - start);
    best = rate > best ? rate : best;
  }
  volatile __m256d sink;
  for (int s = 0; s < 8; s++) sink = sum[s];
  (void)sink;
  free(data);
  return best;
}

double probe_peak(int single) {
  if (pa__cpu_set() == PA__AVX512) return single ? peak_512_f32() : peak_512();
  return single ? peak_256_f32() : peak_256();
}
#else
double probe_peak(int single) { return 0 * single; }
double probe_bandwidth(size_t bytes) { return 0 * (double)bytes; }
#endif
