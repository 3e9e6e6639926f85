/* Kernels of lib/la, one at a time. Compiled once per precision. */
#include "la/la.h"
#include "net/graph.h"
#include "probe.h"

#ifdef PA_SINGLE
#define probe_product probe_product_f32
#define probe_sparse_product probe_sparse_product_f32
#define probe_function probe_function_f32
#endif

PA_API double probe_product(size_t links, size_t columns, int transposed, int interleaved, size_t *samples);
PA_API double probe_sparse_product(const pa_graph *graph, const real *h, const real *z, real *y, size_t columns,
                                   int transposed, size_t times);
PA_API double probe_function(int which);

static real uniform(void) { return (real)((rand() + 0.5) / ((double)RAND_MAX + 1)); }

/* Nanoseconds of a product with `columns` vectors, of one sample (transposed: 0 or 1) or, interleaved, of a block. */
double probe_product(size_t links, size_t columns, int transposed, int interleaved, size_t *samples) {
  enum { ROUNDS = 30 };
  const pa__la *la = pa__la_best();
  pa__layout l = interleaved ? pa__layout_interleaved(la, links) : pa__layout_single(la, links);
  pa__arena measure = {NULL, 0};
  pa__matrix_take(&measure, &l, columns, false);
  void *block = probe_memory(measure.used);
  pa__arena arena = {block, 0};
  pa__matrix m = pa__matrix_take(&arena, &l, columns, false);
  real *z = probe_memory(2 * columns * l.length * sizeof *z), *y = z + columns * l.length;
  double best = 1e30;
  for (size_t k = 0; k < measure.used / sizeof *z; k++) ((real *)block)[k] = uniform();
  for (size_t k = 0; k < columns * l.length; k++) z[k] = uniform();
  size_t times = (size_t)(2e6 / (double)(links * links * columns * l.width)) + 1;
  for (int round = 0; round < ROUNDS; round++) {
    double start = probe_now();
    for (size_t k = 0; k < times; k++) (transposed ? la->shift_transposed : la->shift)(&l, y, &m, z, columns);
    double ns = (probe_now() - start) / (double)times;
    best = ns < best ? ns : best;
  }
  *samples = l.width;
  free(block);
  free(z);
  return best;
}

/* Nanoseconds of `times` products with channels h [slots] on a graph: y = H z, or H^T z, both [columns][links]. The
 * view of the channels is made before: it copies none, nor does it make anything of them. */
double probe_sparse_product(const pa_graph *graph, const real *h, const real *z, real *y, size_t columns,
                            int transposed, size_t times) {
  const pa__la *la = pa__la_best();
  pa__layout l = pa__layout_sparse(la, &graph->pattern);
  pa__arena measure = {NULL, 0};
  pa__matrix_take(&measure, &l, columns, false);
  void *memory = probe_memory(measure.used);
  pa__arena arena = {memory, 0};
  pa__matrix m = pa__matrix_take(&arena, &l, columns, false);
  real *of_links = probe_memory((2 + 2 * columns) * l.length * sizeof *of_links), *one = of_links + l.length;
  real *from = one + l.length, *to = from + columns * l.length;
  for (size_t i = 0; i < l.links; i++) one[i] = 1;
  la->pack(PA__PACK_AMPLITUDE, &l, &h, one, one, 1, true, &m, of_links);
  for (size_t c = 0; c < columns; c++) memcpy(from + c * l.length, z + c * l.links, l.links * sizeof *z);
  double start = probe_now();
  for (size_t k = 0; k < times; k++) (transposed ? la->shift_transposed : la->shift)(&l, to, &m, from, columns);
  double end = probe_now();
  for (size_t c = 0; c < columns; c++) memcpy(y + c * l.links, to + c * l.length, l.links * sizeof *y);
  free(memory);
  free(of_links);
  return end - start;
}

/* Nanoseconds a number of Rayleigh fading, exp, log, sigmoid (which = 0 .. 3). */
double probe_function(int which) {
  enum { NUMBERS = 1024, ROUNDS = 200, TIMES = 20 };
  const pa__la *la = pa__la_best();
  real *x = probe_memory(2 * NUMBERS * sizeof *x), *y = x + NUMBERS;
  double best = 1e30;
  for (size_t k = 0; k < NUMBERS; k++) x[k] = 4 * uniform() + (real)1e-3;
  for (int round = 0; round < ROUNDS; round++) {
    double start = probe_now();
    for (uint64_t k = 0; k < TIMES; k++) {
      if (which == 0) la->rayleigh(1, k, NUMBERS, y);
      if (which == 1) la->exp(NUMBERS, y, x);
      if (which == 2) la->log(NUMBERS, y, x);
      if (which == 3) la->sigmoid(NUMBERS, y, x);
    }
    double ns = (probe_now() - start) / TIMES / NUMBERS;
    best = ns < best ? ns : best;
  }
  free(x);
  return best;
}
