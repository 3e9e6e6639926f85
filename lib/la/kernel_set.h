/* Names of what is compiled once per instruction set: KERNEL(shift) is pa__shift_avx2 in the AVX2 build. */
#ifndef POWALLOC_LIB_KERNEL_SET_H
#define POWALLOC_LIB_KERNEL_SET_H

#define KERNEL__JOIN(name, set) pa__##name##_##set
#define KERNEL__EXPAND(name, set) KERNEL__JOIN(name, set)
#define KERNEL(name) KERNEL__EXPAND(name, PA_KERNEL_SET)

/* The builds of a name that this architecture has, for tables indexed by pa__la.set. */
#if defined(__x86_64__)
#define KERNEL_TABLE(name) \
  { pa__##name##_baseline, pa__##name##_avx2, pa__##name##_avx512 }
#define KERNEL_TABLE_OF_ADDRESSES(name) \
  { &pa__##name##_baseline, &pa__##name##_avx2, &pa__##name##_avx512 }
#define KERNEL_DECLARE(declare, name) \
  declare(pa__##name##_baseline);     \
  declare(pa__##name##_avx2);         \
  declare(pa__##name##_avx512)
#else
#define KERNEL_TABLE(name) \
  { pa__##name##_baseline }
#define KERNEL_TABLE_OF_ADDRESSES(name) \
  { &pa__##name##_baseline }
#define KERNEL_DECLARE(declare, name) declare(pa__##name##_baseline)
#endif

#endif
