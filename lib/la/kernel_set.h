/* Names of what is compiled once per instruction set and precision: KERNEL(shift) is pa__shift_avx2 in the AVX2 build
 * for doubles, pa__shift_avx2_f32 in that for single precision. */
#ifndef POWALLOC_LIB_KERNEL_SET_H
#define POWALLOC_LIB_KERNEL_SET_H

#include "real.h"

enum { PA__DOUBLE, PA__SINGLE, PA__PRECISIONS };

#define KERNEL__JOIN(name, set) pa__##name##_##set
#define KERNEL__EXPAND(name, set) KERNEL__JOIN(name, set)
#define KERNEL(name) REAL(KERNEL__EXPAND(name, PA_KERNEL_SET))

/* The builds of a name that this architecture has, in the order of the instruction sets: of(pa__name_baseline), ...;
 * KERNEL_EACH in the including file's precision. */
#if defined(__x86_64__)
#define KERNEL_EACH(of, name) \
  of(REAL(pa__##name##_baseline)), of(REAL(pa__##name##_avx2)), of(REAL(pa__##name##_avx512))
#define KERNEL_EACH_F32(of, name) of(pa__##name##_baseline_f32), of(pa__##name##_avx2_f32), of(pa__##name##_avx512_f32)
#else
#define KERNEL_EACH(of, name) of(REAL(pa__##name##_baseline))
#define KERNEL_EACH_F32(of, name) of(pa__##name##_baseline_f32)
#endif

/* Before a loop over the numbers of node vectors: no number depends on another one. */
#if defined(__clang__)
#define NODEWISE _Pragma("clang loop vectorize(assume_safety)")
#else
#define NODEWISE _Pragma("GCC ivdep")
#endif

#define KERNEL_NAME(name) name
#define KERNEL_ADDRESS(name) &name
/* Declarators of the builds in both precisions, and the initialiser of a [PA__PRECISIONS][PA__SETS] table of addresses;
 * in files for doubles. */
#define KERNEL_BOTH(name) KERNEL_EACH(KERNEL_NAME, name), KERNEL_EACH_F32(KERNEL_NAME, name)
#define KERNEL_TABLE(name)                                                         \
  {                                                                                \
    {KERNEL_EACH(KERNEL_ADDRESS, name)}, { KERNEL_EACH_F32(KERNEL_ADDRESS, name) } \
  }

#endif
