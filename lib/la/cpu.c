#include "cpu.h"

#include "la.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static bool runs(int set) {
#if defined(__x86_64__)
  switch (set) {
  case PA__AVX512:
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && runs(PA__AVX2);
  case PA__AVX2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  default:
    break;
  }
#endif
  return set == PA__BASELINE;
}

static int limit = PA__SETS - 1;

void pa__cpu_limit(int set) { limit = set; }

bool pa__cpu_runs(int set) { return set >= 0 && set < PA__SETS && runs(set); }

int pa__cpu_set(void) {
  int set = limit;
  while (!runs(set)) set--;
  return set;
}

const char *pa_instruction_set(void) { return pa__la_best()->name; }

#if defined(__x86_64__)
enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };

pa__flush pa__flush_begin(void) {
  unsigned state = _mm_getcsr();
  _mm_setcsr(state | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
  return (pa__flush){state};
}

void pa__flush_end(pa__flush saved) {
  /* The exception flags raised meanwhile stay, the modes go back. */
  _mm_setcsr(saved.state | (_mm_getcsr() & 0x3f));
}
#elif defined(__aarch64__)
enum { FLUSH_TO_ZERO = 1 << 24 };

pa__flush pa__flush_begin(void) {
  uint64_t state;
  __asm__ volatile("mrs %0, fpcr" : "=r"(state));
  __asm__ volatile("msr fpcr, %0" : : "r"(state | FLUSH_TO_ZERO));
  return (pa__flush){(unsigned)state};
}

void pa__flush_end(pa__flush saved) { __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)saved.state)); }
#else
pa__flush pa__flush_begin(void) { return (pa__flush){0}; }

void pa__flush_end(pa__flush saved) { (void)saved; }
#endif
