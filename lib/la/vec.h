/* Vectors of reals as wide as the instruction set that a kernel is compiled for, and functions on them. */
#ifndef POWALLOC_LIB_VEC_H
#define POWALLOC_LIB_VEC_H

#include "real.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX2__)
#define BYTES 32
#else
#define BYTES 16
#endif

#ifdef PA_SINGLE
#define WIDTH (BYTES / 4)
typedef int32_t whole;
typedef uint32_t natural;
#else
#define WIDTH (BYTES / 8)
typedef int64_t whole;
typedef uint64_t natural;
#endif

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))

typedef real vec __attribute__((vector_size(BYTES)));
typedef whole ivec __attribute__((vector_size(BYTES)));
typedef natural uvec __attribute__((vector_size(BYTES)));
typedef uint64_t wide __attribute__((vector_size(BYTES))); /* 64-bit lanes, in either precision */

INLINE vec load(const real *p) {
  vec v;
  memcpy(&v, p, sizeof v);
  return v;
}

/* The first count < WIDTH numbers at p, zeros behind them. */
INLINE vec load_part(const real *p, size_t count) {
#if BYTES == 64 && defined(PA_SINGLE)
  return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#elif BYTES == 64
  return (vec)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), p);
#elif BYTES == 32
#ifdef PA_SINGLE
  static const whole masks[2 * WIDTH] = {-1, -1, -1, -1, -1, -1, -1, -1};
#else
  static const whole masks[2 * WIDTH] = {-1, -1, -1, -1};
#endif
  __m256i mask;
  memcpy(&mask, masks + WIDTH - count, sizeof mask);
#ifdef PA_SINGLE
  return (vec)_mm256_maskload_ps(p, mask);
#else
  return (vec)_mm256_maskload_pd(p, mask);
#endif
#else
  vec v = {0};
  for (size_t k = 0; k < count; k++) v[k] = p[k];
  return v;
#endif
}

INLINE void store(real *p, vec v) { memcpy(p, &v, sizeof v); }

/* x - 0 is x; x + 0 is not for x = -0, and would cost an addition. */
INLINE vec splat(real x) { return x - (vec){0}; }

INLINE wide wsplat(uint64_t x) { return (wide){0} + x; }

INLINE vec select(ivec mask, vec yes, vec no) { return (vec)(((ivec)yes & mask) | ((ivec)no & ~mask)); }

/* The larger, and the smaller; NaN for x NaN. */
#if defined(__x86_64__)
#if BYTES == 64
#define INTRINSIC(name) _mm512_##name
#elif BYTES == 32
#define INTRINSIC(name) _mm256_##name
#else
#define INTRINSIC(name) _mm_##name
#endif
#ifdef PA_SINGLE
INLINE vec at_least(vec x, real bound) { return (vec)INTRINSIC(max_ps)(splat(bound), x); }
INLINE vec at_most(vec x, real bound) { return (vec)INTRINSIC(min_ps)(splat(bound), x); }
INLINE vec square_root(vec x) { return (vec)INTRINSIC(sqrt_ps)(x); }
#else
INLINE vec at_least(vec x, real bound) { return (vec)INTRINSIC(max_pd)(splat(bound), x); }
INLINE vec at_most(vec x, real bound) { return (vec)INTRINSIC(min_pd)(splat(bound), x); }
INLINE vec square_root(vec x) { return (vec)INTRINSIC(sqrt_pd)(x); }
#endif
#else
INLINE vec at_least(vec x, real bound) { return select(x < bound, splat(bound), x); }
INLINE vec at_most(vec x, real bound) { return select(x > bound, splat(bound), x); }
INLINE vec square_root(vec x) {
#if defined(__aarch64__) && defined(PA_SINGLE)
  return (vec)vsqrtq_f32((float32x4_t)x);
#elif defined(__aarch64__)
  return (vec)vsqrtq_f64((float64x2_t)x);
#endif
  for (int l = 0; l < WIDTH; l++) x[l] = (real)__builtin_sqrt(x[l]);
  return x;
}
#endif

/* Low 32 bits times low 32 bits of each lane. */
INLINE wide multiply32(wide a, wide b) {
#if BYTES == 64
  return (wide)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif BYTES == 32
  return (wide)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
  return (wide)_mm_mul_epu32((__m128i)a, (__m128i)b);
#elif defined(__aarch64__)
  return (wide)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

/* a0 b0 a1 b1 ...: the first half, and the second. */
INLINE wide interleave_low(wide a, wide b) {
#if BYTES == 64
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
#elif BYTES == 32
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#else
  return __builtin_shufflevector(a, b, 0, 2);
#endif
}

INLINE wide interleave_high(wide a, wide b) {
#if BYTES == 64
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#elif BYTES == 32
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#else
  return __builtin_shufflevector(a, b, 1, 3);
#endif
}

/* Runs of 1, 2, 4 or 8 lanes by turns from a and b: the even runs, and the odd ones. */
#if WIDTH == 16
#define EVEN1(a, b) __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)
#define ODD1(a, b) __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31)
#define EVEN2(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define ODD2(a, b) __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define EVEN4(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)
#define ODD4(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31)
#define EVEN8(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define ODD8(a, b) __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#elif WIDTH == 8
#define EVEN1(a, b) __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14)
#define ODD1(a, b) __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15)
#define EVEN2(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define ODD2(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define EVEN4(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define ODD4(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#elif WIDTH == 4
#define EVEN1(a, b) __builtin_shufflevector(a, b, 0, 4, 2, 6)
#define ODD1(a, b) __builtin_shufflevector(a, b, 1, 5, 3, 7)
#define EVEN2(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define ODD2(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#else
#define EVEN1(a, b) __builtin_shufflevector(a, b, 0, 2)
#define ODD1(a, b) __builtin_shufflevector(a, b, 1, 3)
#endif

#define TRANSPOSE_STEP(v, RUN)                 \
  for (int i = 0; i < WIDTH; i += 2 * RUN)     \
    for (int k = i; k < i + RUN; k++) {        \
      vec even = EVEN##RUN(v[k], v[k + RUN]);  \
      v[k + RUN] = ODD##RUN(v[k], v[k + RUN]); \
      v[k] = even;                             \
    }

/* Lane b of v[a] changes places with lane a of v[b]. */
INLINE void transpose(vec v[WIDTH]) {
  TRANSPOSE_STEP(v, 1)
#if WIDTH >= 4
  TRANSPOSE_STEP(v, 2)
#endif
#if WIDTH >= 8
  TRANSPOSE_STEP(v, 4)
#endif
#if WIDTH >= 16
  TRANSPOSE_STEP(v, 8)
#endif
}

#define SUM_STEP(v, RUN) \
  for (int k = 0; k < WIDTH / RUN / 2; k++) v[k] = EVEN##RUN(v[2 * k], v[2 * k + 1]) + ODD##RUN(v[2 * k], v[2 * k + 1]);

/* Lane k of the result is the sum over the lanes of v[k]. */
INLINE vec lane_sums(vec v[WIDTH]) {
  SUM_STEP(v, 1)
#if WIDTH >= 4
  SUM_STEP(v, 2)
#endif
#if WIDTH >= 8
  SUM_STEP(v, 4)
#endif
#if WIDTH >= 16
  SUM_STEP(v, 8)
#endif
  return v[0];
}

INLINE real lane_sum(vec v) {
  v = EVEN1(v, v) + ODD1(v, v);
#if WIDTH >= 4
  v = EVEN2(v, v) + ODD2(v, v);
#endif
#if WIDTH >= 8
  v = EVEN4(v, v) + ODD4(v, v);
#endif
#if WIDTH >= 16
  v = EVEN8(v, v) + ODD8(v, v);
#endif
  return v[0];
}

#ifdef PA_SINGLE

#define EXP_LEAST -86.9f
#define EXP_MOST 88.7228f

/* exp within [EXP_LEAST, EXP_MOST]: 2^k exp(r), |r| <= ln 2 / 2, exp(r) = 1 + r + r^2 p(r) with the polynomial p of
 * degree 4 that has the least relative error, 3e-9. */
INLINE vec exp_inside(vec x) {
  const vec magic = splat(0x1.8p23f);
  vec shifted = x * 0x1.715476p0f + magic;
  vec k = shifted - magic;
  /* ln 2 in two parts, the first short enough for k times it to be exact without a fused multiply-add. */
  vec r = x - k * 0x1.62e4p-1f - k * 0x1.7f7d1cp-20f;
  vec p = splat(0x1.6a2434p-10f);
  p = p * r + 0x1.1239e2p-7f;
  p = p * r + 0x1.5558f2p-5f;
  p = p * r + 0x1.555492p-3f;
  p = p * r + 0x1.fffffcp-2f;
  p = p * r + 1.f;
  p = p * r + 1.f;
  /* 2^(k - 1) twice over: 2^128 itself is not a float. */
  uvec bits = ((uvec)shifted + 126) << 23;
  return p * (vec)bits * 2.f;
}

#define LOG_LEAST 0x1p-126f

/* log: fdlibm's, on x = 2^e m with m in [sqrt(1/2), sqrt(2)). */
INLINE vec vec_log(vec x) {
  x = at_least(x, LOG_LEAST);
  uvec bits = (uvec)x + (0x3f800000u - 0x3f3504f3u);
  vec exponent = __builtin_convertvector((ivec)(bits >> 23) - 127, vec);
  vec m = (vec)((bits & 0x007fffffu) + 0x3f3504f3u);
  vec f = m - 1.f;
  vec s = f / (2.f + f);
  vec z = s * s, w = z * z;
  vec t1 = w * (0xccce13.0p-25f + w * 0xf89e26.0p-26f);
  vec t2 = z * (0xaaaaaa.0p-24f + w * 0x91e9ee.0p-25f);
  vec half = 0.5f * f * f;
  vec low = s * (half + (t1 + t2)) + exponent * 9.0580006145e-06f;
  return exponent * 6.9313812256e-01f - ((half - low) - f);
}

#else

#define EXP_LEAST -708.0
#define EXP_MOST 709.7

/* exp within [EXP_LEAST, EXP_MOST]: 2^k exp(r), |r| <= ln 2 / 2, exp(r) = 1 + r + r^2 p(r) with the polynomial p of
 * degree 9 that has the least relative error, 4e-18. */
INLINE vec exp_inside(vec x) {
  const vec magic = splat(0x1.8p52);
  vec shifted = x * 0x1.71547652b82fep0 + magic;
  vec k = shifted - magic;
  /* ln 2 in two parts, the first short enough for k times it to be exact without a fused multiply-add. */
  vec r = x - k * 0x1.62e42feep-1 - k * 0x1.a39ef35793c76p-33;
  vec p = splat(0x1.ad7f6f07cda2ep-26);
  p = p * r + 0x1.28ad72cc21b6dp-22;
  p = p * r + 0x1.71df255238d61p-19;
  p = p * r + 0x1.a0199a0c678d5p-16;
  p = p * r + 0x1.a01a012a57b53p-13;
  p = p * r + 0x1.6c16c1842a11cp-10;
  p = p * r + 0x1.1111111127be5p-7;
  p = p * r + 0x1.555555555087cp-5;
  p = p * r + 0x1.55555555554fap-3;
  p = p * r + 0x1.000000000000ap-1;
  p = p * r + 1.0;
  p = p * r + 1.0;
  /* 2^(k - 1) twice over: 2^1024 itself is not a double. */
  uvec bits = ((uvec)shifted + 1022) << 52;
  return p * (vec)bits * 2.0;
}

#define LOG_LEAST 0x1p-1022

/* log: fdlibm's, on x = 2^e m with m in [sqrt(1/2), sqrt(2)). */
INLINE vec vec_log(vec x) {
  x = at_least(x, LOG_LEAST);
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

INLINE vec vec_exp(vec x) {
  vec y = select(x < EXP_LEAST, splat(0), exp_inside(at_most(at_least(x, EXP_LEAST), EXP_MOST)));
  return select(x > EXP_MOST, splat((real)__builtin_inf()), y);
}

/* Its values for great arguments round to 1, for small ones stop at about the least normal number. */
INLINE vec vec_sigmoid(vec x) { return (real)1 / ((real)1 + exp_inside(-at_most(at_least(x, EXP_LEAST), -EXP_LEAST))); }

/* Lanes of x that are not in [0, bound], NaN among them. */
INLINE ivec outside(vec x, vec bound) { return ~((x >= splat(0)) & (x <= bound)); }

INLINE bool any(ivec lanes) {
  whole all = 0;
  for (int k = 0; k < WIDTH; k++) all |= lanes[k];
  return all != 0;
}

#endif
