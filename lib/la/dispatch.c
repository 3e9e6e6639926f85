#include "kernel_set.h"
#include "la.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define DECLARE(name) extern const pa__la name
KERNEL_DECLARE(DECLARE, la);

static const pa__la *const tables[] = KERNEL_TABLE_OF_ADDRESSES(la);

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

const pa__la *pa__la_of(int set) { return set >= 0 && set < PA__SETS && runs(set) ? tables[set] : NULL; }

const pa__la *pa__la_best(void) {
  int set = PA__SETS - 1;
  while (!runs(set)) set--;
  return tables[set];
}

const char *pa_instruction_set(void) { return pa__la_best()->name; }

pa__layout pa__layout_interleaved(const pa__la *la, size_t links) {
  return (pa__layout){.links = links, .width = la->width, .length = links * la->width};
}

pa__layout pa__layout_single(const pa__la *la, size_t links) {
  size_t padded = (links + la->width - 1) / la->width * la->width;
  return (pa__layout){.links = links, .width = 1, .length = padded};
}

pa__layout pa__layout_choose(const pa__la *la, size_t links, size_t samples) {
  /* Beyond this size the interleaved matrices of a block leave the first-level cache. */
  enum { INTERLEAVED_LINKS = 32 };
  return links <= INTERLEAVED_LINKS && samples > 1 ? pa__layout_interleaved(la, links) : pa__layout_single(la, links);
}

pa__matrix pa__matrix_take(pa__arena *arena, const pa__layout *layout) {
  pa__matrix m;
  m.rows = pa__arena_take(arena, layout->links, layout->length * sizeof(double));
  m.transposed = layout->width > 1 ? NULL : pa__arena_take(arena, layout->links, layout->length * sizeof(double));
  return m;
}

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
#else
pa__flush pa__flush_begin(void) { return (pa__flush){0}; }

void pa__flush_end(pa__flush saved) { (void)saved; }
#endif
