/* Vectors of doubles as wide as the instruction set that a kernel is compiled for, and functions on them. */
#ifndef POWALLOC_LIB_VEC_H
#define POWALLOC_LIB_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define WIDTH 8
#elif defined(__AVX2__)
#define WIDTH 4
#else
#define WIDTH 2
#endif

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

typedef double vec __attribute__((vector_size(8 * WIDTH)));
typedef int64_t ivec __attribute__((vector_size(8 * WIDTH)));
typedef uint64_t uvec __attribute__((vector_size(8 * WIDTH)));

INLINE vec load(const double *p) {
  vec v;
  memcpy(&v, p, sizeof v);
  return v;
}

INLINE void store(double *p, vec v) { memcpy(p, &v, sizeof v); }

/* x - 0 is x; x + 0 is not for x = -0, and would cost an addition. */
INLINE vec splat(double x) { return x - (vec){0}; }

INLINE uvec usplat(uint64_t x) { return (uvec){0} + x; }

INLINE vec select(ivec mask, vec yes, vec no) { return (vec)(((ivec)yes & mask) | ((ivec)no & ~mask)); }

/* Low 32 bits times low 32 bits of each lane. */
INLINE uvec multiply32(uvec a, uvec b) {
#if WIDTH == 8
  return (uvec)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif WIDTH == 4
  return (uvec)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
  return (uvec)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

/* a0 b0 a1 b1 ...: the first half, and the second. */
INLINE vec interleave_low(vec a, vec b) {
#if WIDTH == 8
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
#elif WIDTH == 4
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#else
  return __builtin_shufflevector(a, b, 0, 2);
#endif
}

INLINE vec interleave_high(vec a, vec b) {
#if WIDTH == 8
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#elif WIDTH == 4
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#else
  return __builtin_shufflevector(a, b, 1, 3);
#endif
}

INLINE vec square_root(vec x) {
#if WIDTH == 8
  return (vec)_mm512_sqrt_pd((__m512d)x);
#elif WIDTH == 4
  return (vec)_mm256_sqrt_pd((__m256d)x);
#elif defined(__x86_64__)
  return (vec)_mm_sqrt_pd((__m128d)x);
#else
  for (int l = 0; l < WIDTH; l++) x[l] = __builtin_sqrt(x[l]);
  return x;
#endif
}

/* exp: 2^k exp(r), |r| <= ln 2 / 2, Taylor series to r^13 / 13!. */
INLINE vec vec_exp(vec x) {
  const vec magic = splat(0x1.8p52);
  vec clamped = select(x < -708.0, splat(-708.0), select(x > 709.7, splat(709.7), x));
  vec shifted = clamped * 0x1.71547652b82fep0 + magic;
  vec k = shifted - magic;
  /* ln 2 in two parts, the first short enough for k times it to be exact without a fused multiply-add. */
  vec r = clamped - k * 0x1.62e42feep-1 - k * 0x1.a39ef35793c76p-33;
  vec p = splat(1.0 / 6227020800.0);
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  /* 2^(k - 1) twice over: 2^1024 itself is not a double. */
  uvec bits = ((uvec)shifted + 1022) << 52;
  vec y = p * (vec)bits * 2.0;
  y = select(x < -708.0, splat(0), y);
  return select(x > 709.7, splat(__builtin_inf()), y);
}

/* log: fdlibm's, on x = 2^e m with m in [sqrt(1/2), sqrt(2)). */
INLINE vec vec_log(vec x) {
  x = select(x < 0x1p-1022, splat(0x1p-1022), x);
  uvec bits = (uvec)x + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
  ivec e = (ivec)(bits >> 52) - 1023;
  vec m = (vec)((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
  vec exponent = (vec)((uvec)e + 0x4338000000000000u) - 0x1.8p52;
  vec f = m - 1.0;
  vec s = f / (2.0 + f);
  vec z = s * s, w = z * z;
  vec t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  vec t2 = z * (6.666666666666735130e-01 +
                w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  vec half = 0.5 * f * f;
  vec low = s * (half + (t1 + t2)) + exponent * 1.90821492927058770002e-10;
  return exponent * 6.93147180369123816490e-01 - ((half - low) - f);
}

#endif
