/* The only file that sees BLIS. Expert calls with one thread of our own, whatever the environment says. */
#define _GNU_SOURCE /* blis.h uses POSIX barriers */
#include "la.h"

#include <blis.h>

/* From this size on BLIS is ahead of the kernels for several columns. */
enum { BLIS_LINKS = 512, BLIS_COLUMNS = 4 };

#ifdef PA_SINGLE
#define GEMM bli_sgemm_ex
#else
#define GEMM bli_dgemm_ex
#endif

static rntm_t one_thread(void) {
  rntm_t one;
  bli_rntm_init(&one);
  bli_rntm_set_num_threads(1, &one);
  return one;
}

/* y[c] = op(A) z[c] for all columns at once: Y^T = op(A) Z^T with rows padded apart. */
static void product(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns, trans_t op) {
  rntm_t one = one_thread();
  real alpha = 1, beta = 0;
  dim_t n = (dim_t)l->links;
  inc_t padded = (inc_t)l->length;
  GEMM(op, BLIS_NO_TRANSPOSE, n, (dim_t)columns, n, &alpha, a->rows, padded, 1, (real *)z, 1, padded, &beta, y, 1,
       padded, NULL, &one);
  for (size_t c = 0; c < columns; c++)
    for (size_t k = l->links; k < l->length; k++) y[c * l->length + k] = 0;
}

static void shift(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  if (a->rows && l->width == 1 && columns >= BLIS_COLUMNS)
    product(l, y, a, z, columns, a->flipped ? BLIS_TRANSPOSE : BLIS_NO_TRANSPOSE);
  else
    pa__la_best()->shift(l, y, a, z, columns);
}

static void shift_transposed(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  if (a->rows && l->width == 1 && columns >= BLIS_COLUMNS)
    product(l, y, a, z, columns, a->flipped ? BLIS_NO_TRANSPOSE : BLIS_TRANSPOSE);
  else
    pa__la_best()->shift_transposed(l, y, a, z, columns);
}

pa__la pa__la_training(size_t links) {
  pa__la la = *pa__la_best();
  if (links >= BLIS_LINKS) {
    la.shift = shift;
    la.shift_transposed = shift_transposed;
  }
  return la;
}

#ifndef PA_SINGLE

void pa__la_product(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const double *a, const double *b,
                    double *c) {
  rntm_t one = one_thread();
  double unit = 1;
  bli_dgemm_ex(transpose_a ? BLIS_TRANSPOSE : BLIS_NO_TRANSPOSE, transpose_b ? BLIS_TRANSPOSE : BLIS_NO_TRANSPOSE,
               (dim_t)m, (dim_t)n, (dim_t)k, &unit, (double *)a, (inc_t)(transpose_a ? m : k), 1, (double *)b,
               (inc_t)(transpose_b ? k : n), 1, &unit, c, (inc_t)n, 1, NULL, &one);
}

#endif
