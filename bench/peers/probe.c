/* What bench/peers/run.py times of the library and of the machine: calls from Python would cost more than the work. */
#include "la/la.h"
#include "policy/policy.h"

#include <powalloc/powalloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

PA_API double probe_allocate(const pa_policy *policy, const pa_states *states, void *power, size_t times);
PA_API int probe_latency(const pa_policy *policy, const pa_states *states, void *power, size_t times, double *each);
PA_API double probe_gradient(const pa_policy *policy, const pa_states *states, double *gradient, size_t times);
PA_API double probe_step(const pa_policy *policy, const pa_states *states, const double *dy, double *gradient,
                         size_t times);
PA_API double probe_peak(int single);
PA_API double probe_bandwidth(size_t bytes);
PA_API double probe_product(size_t links, size_t columns, int transposed, int interleaved, size_t *samples);
PA_API double probe_function(int which);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *memory(size_t bytes) { return aligned_alloc(64, (bytes + 63) / 64 * 64); }

/* ---- allocations ---- */

static pa_status allocate(const pa_policy *policy, const pa_states *states, void *power, void *work, size_t bytes) {
  return states->precision == PA__SINGLE ? pa_policy_allocate_f32(policy, states, power, work, bytes)
                                         : pa_policy_allocate(policy, states, power, work, bytes);
}

static void *workspace(const pa_policy *policy, const pa_states *states, size_t *bytes) {
  pa_status status = states->precision == PA__SINGLE
                         ? pa_policy_workspace_f32(policy, states->batch, states->links, bytes)
                         : pa_policy_workspace(policy, states->batch, states->links, bytes);
  return status == PA_OK ? memory(*bytes) : NULL;
}

/* Nanoseconds of `times` allocations; negative on an error. */
double probe_allocate(const pa_policy *policy, const pa_states *states, void *power, size_t times) {
  size_t bytes;
  void *work = workspace(policy, states, &bytes);
  double start = now();
  for (size_t k = 0; k < times; k++)
    if (!work || allocate(policy, states, power, work, bytes) != PA_OK) return -1;
  double end = now();
  free(work);
  return end - start;
}

/* Nanoseconds of each of `times` allocations, the clock's own time not taken off. */
int probe_latency(const pa_policy *policy, const pa_states *states, void *power, size_t times, double *each) {
  size_t bytes;
  void *work = workspace(policy, states, &bytes);
  for (size_t k = 0; k < times; k++) {
    double start = now();
    if (!work || allocate(policy, states, power, work, bytes) != PA_OK) return -1;
    each[k] = now() - start;
  }
  free(work);
  return 0;
}

/* ---- training steps ---- */

/* Nanoseconds of `times` gradients of the sum-rate, summed over the samples into gradient [weights]. */
double probe_gradient(const pa_policy *policy, const pa_states *states, double *gradient, size_t times) {
  const pa__learner_class *learner = policy->class->learner;
  size_t bytes =
      pa__measure(learner->gradient_workspace, policy, pa__extent_of(states));
  void *work = memory(bytes);
  double *rate = memory(states->batch * sizeof *rate), start = now();
  pa__flush saved = pa__flush_begin();
  for (size_t k = 0; k < times; k++) {
    memset(gradient, 0, learner->weight_count(policy) * sizeof *gradient);
    learner->gradient(policy, states, 0, gradient, rate, work);
  }
  pa__flush_end(saved);
  double end = now();
  free(work);
  free(rate);
  return end - start;
}

/* Nanoseconds of `times` forward and backward passes; gradient [weights] of sum y dy, dy [batch][links]. */
double probe_step(const pa_policy *policy, const pa_states *states, const double *dy, double *gradient, size_t times) {
  const pa__learner_class *learner = policy->class->learner;
  size_t bytes = pa__measure(learner->tape_workspace, policy, pa__extent_of(states));
  void *work = memory(bytes);
  double *y = memory(states->batch * states->links * sizeof *y), start = now();
  pa__flush saved = pa__flush_begin();
  for (size_t k = 0; k < times; k++) {
    memset(gradient, 0, learner->weight_count(policy) * sizeof *gradient);
    learner->forward(policy, states, y, work);
    learner->backward(policy, states, dy, gradient, work);
  }
  pa__flush_end(saved);
  double end = now();
  free(work);
  free(y);
  return end - start;
}

/* ---- the machine ---- */

#if defined(__x86_64__)
/* GFLOP/s of independent fused multiply-adds. */
#define PEAK(NAME, TARGET, VECTOR, SPLAT, FMA, LANES)                                       \
  __attribute__((target(TARGET))) static double NAME(void) {                                \
    enum { TIMES = 1 << 21, SUMS = 10 };                                                    \
    VECTOR sum[SUMS], x = SPLAT(.999f);                                                     \
    for (int s = 0; s < SUMS; s++) sum[s] = SPLAT((float)s);                                \
    double best = 0;                                                                        \
    for (int round = 0; round < 5; round++) {                                               \
      double start = now();                                                                 \
      for (int k = 0; k < TIMES; k++) {                                                     \
        _Pragma("GCC unroll 10") for (int s = 0; s < SUMS; s++) sum[s] = FMA(sum[s], x, x); \
      }                                                                                     \
      double rate = 2.0 * LANES * SUMS * TIMES / (now() - start);                           \
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
  double *data = memory(bytes);
  memset(data, 0, bytes);
  size_t times = ((size_t)1 << 28) / bytes + 1, numbers = bytes / sizeof *data / 32 * 32;
  __m256d sum[8];
  double best = 0;
  for (int s = 0; s < 8; s++) sum[s] = _mm256_setzero_pd();
  for (int round = 0; round < 5; round++) {
    double start = now();
    for (size_t k = 0; k < times; k++)
      for (size_t e = 0; e < numbers; e += 32) {
        _Pragma("GCC unroll 8") for (int s = 0; s < 8; s++) sum[s] =
            _mm256_or_pd(sum[s], _mm256_load_pd(data + e + 4 * s));
      }
    double rate = (double)(times * numbers * sizeof *data) / (now() - start);
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

/* ---- kernels ---- */

static double uniform(void) { return (rand() + 0.5) / ((double)RAND_MAX + 1); }

/* Nanoseconds of a product with `columns` vectors, of one sample (transposed: 0 or 1) or, interleaved, of a block. */
double probe_product(size_t links, size_t columns, int transposed, int interleaved, size_t *samples) {
  const pa__la *la = pa__la_best();
  pa__layout l = interleaved ? pa__layout_interleaved(la, links) : pa__layout_single(la, links);
  pa__arena measure = {NULL, 0};
  pa__matrix_take(&measure, &l, columns, false);
  void *block = memory(measure.used);
  pa__arena arena = {block, 0};
  pa__matrix m = pa__matrix_take(&arena, &l, columns, false);
  double *z = memory(2 * columns * l.length * sizeof *z), *y = z + columns * l.length, best = 1e30;
  for (size_t k = 0; k < measure.used / sizeof *z; k++) ((double *)block)[k] = uniform();
  for (size_t k = 0; k < columns * l.length; k++) z[k] = uniform();
  size_t times = (size_t)(2e6 / (double)(links * links * columns * l.width)) + 1;
  for (int round = 0; round < 50; round++) {
    double start = now();
    for (size_t k = 0; k < times; k++) (transposed ? la->shift_transposed : la->shift)(&l, y, &m, z, columns);
    double ns = (now() - start) / (double)times;
    best = ns < best ? ns : best;
  }
  *samples = l.width;
  free(block);
  free(z);
  return best;
}

enum { NUMBERS = 1024 };

/* Nanoseconds a number of Rayleigh fading, exp, log, sigmoid (which = 0 .. 3) in double precision. */
double probe_function(int which) {
  const pa__la *la = pa__la_best();
  double *x = memory(2 * NUMBERS * sizeof *x), *y = x + NUMBERS, best = 1e30;
  for (size_t k = 0; k < NUMBERS; k++) x[k] = 4 * uniform() + 1e-3;
  for (int round = 0; round < 200; round++) {
    double start = now();
    for (uint64_t k = 0; k < 20; k++) {
      if (which == 0) la->rayleigh(1, k, NUMBERS, y);
      if (which == 1) la->exp(NUMBERS, y, x);
      if (which == 2) la->log(NUMBERS, y, x);
      if (which == 3) la->sigmoid(NUMBERS, y, x);
    }
    double ns = (now() - start) / 20 / NUMBERS;
    best = ns < best ? ns : best;
  }
  free(x);
  return best;
}
