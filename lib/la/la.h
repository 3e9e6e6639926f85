/* The numeric port: graph shifts, vector functions and random amplitudes on blocks of samples.
 *
 * A block holds its samples in one of two layouts, chosen by pa__layout_choose():
 *
 *   interleaved  `width` samples side by side, one a SIMD lane: node vector [links][width], matrix
 * [links][links][width] single       one sample: node vector [padded], matrix [links][padded] row-major and its
 * transpose beside it; padded = links rounded up to width, the padding is 0
 *
 * Elementwise code sees a node vector as `length` numbers and need not know the layout. Every sum over links runs in
 * the order of the links, so that both layouts give the same bits. */
#ifndef POWALLOC_LIB_LA_H
#define POWALLOC_LIB_LA_H

#include "../base/base.h"

typedef struct pa__layout {
  size_t links;
  size_t width;  /* samples in the block: the vector width (interleaved) or 1 (single) */
  size_t length; /* numbers in a node vector: links * width, or padded */
} pa__layout;

/* A matrix of a block. transposed is used by the single layout only. */
typedef struct pa__matrix {
  double *rows;       /* interleaved [links][links][width], single [links][padded] */
  double *transposed; /* single [links][padded]: element (j, i) is rows' (i, j) */
} pa__matrix;

enum { PA__BASELINE, PA__AVX2, PA__AVX512, PA__SETS };

typedef struct pa__la {
  const char *name;
  int set;      /* instruction set, the index of the tables of kernels that other rooms keep */
  size_t width; /* doubles in a vector */

  /* y[c] = A z[c]: y_i = sum_j A_ij z_j, for node vectors c = 0..columns-1 of y and z, length apart. */
  void (*shift)(const pa__layout *layout, double *y, const pa__matrix *a, const double *z, size_t columns);
  /* y[c] = A^T z[c]: y_j = sum_i A_ij z_i. */
  void (*shift_transposed)(const pa__layout *layout, double *y, const pa__matrix *a, const double *z, size_t columns);

  /* y_k = f(x_k), k < n, n a multiple of width; y may be x. */
  void (*exp)(size_t n, double *y, const double *x);     /* 0 below -708, infinity above 709.7 */
  void (*log)(size_t n, double *y, const double *x);     /* x > 0, normal; others give log of the least normal */
  void (*sigmoid)(size_t n, double *y, const double *x); /* 1 / (1 + exp(-x)) */

  /* Splits `width` (interleaved) or 1 (single) samples h[s], each [links][links], into what policies work on:
   *   cross  gain [i][j] = h_ij^2 row_scale_i column_scale_j, 0 on the diagonal
   *   direct [links] the diagonal of the same, zero in the padding
   * row_scale [links], column_scale [links] (padded with zeros to length when single) */
  void (*pack_gain)(const pa__layout *layout, const double *const *h, const double *row_scale,
                    const double *column_scale, const pa__matrix *cross, double *direct);
  /*   m [i][j] = scale h_ij, and its diagonal */
  void (*pack_scaled)(const pa__layout *layout, const double *const *h, double scale, const pa__matrix *m,
                      double *diagonal);
  /*   m [i][j] = h_ij / (h_ij + c[lane]), c > 0, and its diagonal */
  void (*pack_bounded)(const pa__layout *layout, const double *const *h, const double *c, const pa__matrix *m,
                       double *diagonal);
  /* Small dense layer on each node: y[o] = bias_o + sum_i weight[i][o] x[i] (a NULL bias is 0), negative values made 0
   * with relu. x [inputs][n], weight [inputs][outputs], y [outputs][n]; y is not x. */
  void (*dense)(size_t n, size_t inputs, size_t outputs, const double *x, const double *weight, const double *bias,
                bool relu, double *y);
  /* Its gradient: products[i][o][sample] = sum over nodes of x[i] y[o], for each sample of the block. */
  void (*outer)(const pa__layout *layout, size_t a, size_t b, const double *x, const double *y, double *products);

  /* true if all of h[0..n) are finite, >= 0 and at most bound. */
  bool (*within)(size_t n, const double *h, double bound);

  /* Element e is pa__random_uniform(key, counter, e); and Rayleigh amplitudes of scale 1 made from these. */
  void (*uniform)(uint64_t key, uint64_t counter, size_t n, double *u);
  void (*rayleigh)(uint64_t key, uint64_t counter, size_t n, double *h);
} pa__la;

/* Best table of this machine; tables of every set it can run, for tests. */
const pa__la *pa__la_best(void);
const pa__la *pa__la_of(int set); /* NULL if this machine cannot run the set */
extern const pa__la pa__la_ref;   /* plain C, the truth */

/* The best table, with BLIS for the shifts of several columns where it is faster. BLIS keeps memory pools of its own:
 * for training, not for the calls that must not allocate. */
pa__la pa__la_training(size_t links);

/* C [m][n] += op(A) op(B), op(A) [m][k], row-major without gaps; by BLIS, for training as above. */
void pa__la_product(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const double *a, const double *b,
                    double *c);

/* Layout for a block of at most `samples` samples. */
pa__layout pa__layout_choose(const pa__la *la, size_t links, size_t samples);
pa__layout pa__layout_interleaved(const pa__la *la, size_t links);
pa__layout pa__layout_single(const pa__la *la, size_t links);

/* Memory of a matrix in a workspace; no transpose when interleaved. */
pa__matrix pa__matrix_take(pa__arena *arena, const pa__layout *layout);

/* Denormals as zero, set on entry and restored on return: v decays towards zero and would crawl. */
typedef struct pa__flush {
  unsigned state;
} pa__flush;
pa__flush pa__flush_begin(void);
void pa__flush_end(pa__flush saved);

#endif
