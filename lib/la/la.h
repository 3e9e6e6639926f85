/* The numeric port: graph shifts, vector functions and random amplitudes on blocks of samples, in the precision that
 * the including file is compiled for.
 *
 * A block holds its samples in one of two layouts, chosen by pa__layout_choose():
 *
 *   interleaved  `width` samples side by side, one a SIMD lane: node vector [links][width], matrix
 *                [links][links][width]
 *   single       one sample: node vector [padded], matrix [links][padded] row-major; padded = links rounded up to
 *                width, the padding is 0. Small matrices have their transpose beside them.
 *   sparse       one sample whose matrix has a pattern: node vectors as above, in the order of the pattern; elements
 *                are made from the caller's channels [slots] as they are used
 *
 * Elementwise code sees a node vector as `length` numbers and need not know the layout. Where a block could be of
 * either layout, every sum over links runs in the order of the links, so that both give the same bits. */
#ifndef POWALLOC_LIB_LA_H
#define POWALLOC_LIB_LA_H

#include "../base/pool.h"
#include "cpu.h"
#include "halo.h"
#include "kernel_set.h"
#include "pattern.h"

#ifdef PA_SINGLE
#define pa__la_best pa__la_best_f32
#define pa__la_of pa__la_of_f32
#define pa__la_ref pa__la_ref_f32
#define pa__la_training pa__la_training_f32
#define pa__layout_choose pa__layout_choose_f32
#define pa__layout_interleaved pa__layout_interleaved_f32
#define pa__layout_single pa__layout_single_f32
#define pa__layout_sparse pa__layout_sparse_f32
#define pa__matrix_take pa__matrix_take_f32
#endif

/* Samples in the widest block. */
enum { PA__WIDEST = 64 / sizeof(real) };

typedef struct pa__layout {
  size_t links;
  size_t width;               /* samples in the block: the vector width (interleaved) or 1 (single) */
  size_t length;              /* numbers in a node vector: links * width, or padded */
  pa_pool *pool;              /* single, large: threads that share the rows of matrices; NULL for none */
  const pa__pattern *pattern; /* sparse; NULL for the others */
  pa__halo *halo;             /* of a part of a network: products exchange numbers; NULL if it is whole */
} pa__layout;

/* Links begin, ..., end - 1 are the layout's own; on others what a product takes is replaced, and what it gives is not
 * defined. */
static inline size_t pa__layout_begin(const pa__layout *layout) { return layout->halo ? layout->halo->begin : 0; }
static inline size_t pa__layout_end(const pa__layout *layout) {
  return layout->halo ? layout->halo->end : layout->links;
}

/* Sums over own links become sums over the links of the whole network. */
static inline void pa__layout_sum(const pa__layout *layout, double *x, size_t count) {
  if (layout->halo) pa__halo_sum(layout->halo, x, count);
}

/* The caller's link of a node. */
static inline size_t pa__layout_link(const pa__layout *layout, size_t node) {
  return layout->pattern && layout->pattern->link ? (size_t)layout->pattern->link[node] : node;
}

/* The direct channel of a node in a sample's channels. */
static inline real pa__layout_direct(const pa__layout *layout, const real *h, size_t node) {
  const pa__pattern *p = layout->pattern;
  if (!p) return h[node * (layout->links + 1)];
  size_t own = pa__pattern_own(p, node);
  return own < (size_t)p->end[node] ? h[own] : 0;
}

/* Elements of a packed matrix, from amplitudes h and node vectors r and c of factors: */
typedef enum pa__packing {
  PA__PACK_AMPLITUDE, /* h_ij r_i c_j */
  PA__PACK_GAIN,      /* (h_ij r_i c_j)^2 */
  PA__PACK_SHARE,     /* g / (1 + g), g = (h_ij r_i c_j)^2 */
  PA__PACK_BOUNDED    /* h_ij / (h_ij + c[sample]), c > 0 */
} pa__packing;

/* What the elements of a sparse matrix are made from, beside its row and column. */
typedef struct pa__view {
  pa__packing packing;
  bool keep_diagonal;
  const real *h;      /* [slots] */
  real bound, factor; /* c of PA__PACK_BOUNDED; of all elements */
} pa__view;

typedef struct pa__matrix {
  real *rows;       /* interleaved [links][links][width], single [links][padded] */
  real *transposed; /* single, up to PA__SMALL links: [links][padded], element (j, i) is rows' (i, j); else NULL */
  bool flipped;     /* single, without that: rows hold the transpose */
  /* sparse, in place of these: */
  pa__view *view;
  real *row, *column; /* [length]: r and c of the packing */
  real *scratch;      /* [length][pa__side_by_side(columns)] */
} pa__matrix;

/* May read y and sets p, of the same round, at numbers [at, at + count) of their node vectors. */
typedef void pa__update_fn(void *user, size_t at, size_t count);

typedef struct pa__la {
  const char *name;
  int set;      /* instruction set, the index of the tables of kernels that other rooms keep */
  size_t width; /* reals in a vector */

  /* y[c] = A z[c]: y_i = sum_j A_ij z_j, for node vectors c = 0..columns-1 of y and z, length apart. If A is sparse, y
   * may be z. */
  void (*shift)(const pa__layout *layout, real *y, const pa__matrix *a, const real *z, size_t columns);
  /* y[c] = A^T z[c]: y_j = sum_i A_ij z_i. */
  void (*shift_transposed)(const pa__layout *layout, real *y, const pa__matrix *a, const real *z, size_t columns);
  /* y = A z, then x = A^T p with p made from y by update, which is called for runs of nodes in order. A large A is read
   * once. */
  void (*round)(const pa__layout *layout, real *y, real *x, const pa__matrix *a, const real *z, const real *p,
                pa__update_fn *update, void *user);

  /* y_k = f(x_k), k < n, n a multiple of width; y may be x. */
  void (*exp)(size_t n, real *y, const real *x);     /* 0 below -708, infinity above 709.7; single: -86.9, 88.72 */
  void (*log)(size_t n, real *y, const real *x);     /* x > 0, normal; others give log of the least normal */
  void (*sigmoid)(size_t n, real *y, const real *x); /* 1 / (1 + exp(-x)) */

  /* Packs `width` (interleaved) or 1 (single) samples h[s], each [links][links]; the diagonal goes to its own node
   * vector, and only with keep_diagonal also into the matrix. r and c are
   * [links], padded with zeros to length when single; for PA__PACK_BOUNDED c is [samples] and r is not used. Returns
   * true if all channels are in [0, bound]. */
  bool (*pack)(pa__packing packing, const pa__layout *layout, const real *const *h, const real *r, const real *c,
               real bound, bool keep_diagonal, const pa__matrix *m, real *diagonal);
  /* y_ij = x_ij^2, x packed as PA__PACK_AMPLITUDE; y may be x. */
  void (*square)(const pa__layout *layout, const pa__matrix *y, const pa__matrix *x);
  /* x_ij = x_ij f_j, f_j >= 0; the same factor for all j but for PA__PACK_AMPLITUDE and PA__PACK_GAIN. */
  void (*scale)(const pa__layout *layout, const pa__matrix *x, const real *f);

  /* Small dense layer on each node: y[o] = bias_o + sum_i weight[i][o] x[i] (a NULL bias is 0), negative values made 0
   * with relu. x [inputs][n], weight [inputs][outputs], y [outputs][n]; y is not x. */
  void (*dense)(size_t n, size_t inputs, size_t outputs, const real *x, const real *weight, const real *bias, bool relu,
                real *y);
  /* Its gradient: products[i][o][sample] = sum over nodes of x[i] y[o], for each sample of the block. */
  void (*outer)(const pa__layout *layout, size_t a, size_t b, const real *x, const real *y, real *products);

  /* `units` small networks of two layers on each node, one after the other: the first is hidden[u][c] =
   * relu(bias[u][c] + sum_i first[i][u][c] x[i]), the second has two outputs, y[o][u] = sum_c second[o][u][c]
   * hidden[u][c], o = 0, 1. x [inputs][n], hidden [units][width][n] (NULL: not kept), y [2][units][n], where of each
   * vector [n] the next one's is `stride` apart. */
  void (*perceptrons)(size_t stride, size_t n, size_t inputs, size_t units, size_t width, const real *x,
                      const real *first, const real *bias, const real *second, real *hidden, real *y);
  /* Their gradient for each sample of the block, [...][sample] each, from d_y and what the forward pass kept. */
  void (*perceptrons_backward)(const pa__layout *layout, size_t inputs, size_t units, size_t width, const real *x,
                               const real *hidden, const real *second, const real *d_y, real *d_first, real *d_bias,
                               real *d_second);

  /* true if all of h[0..n) are finite, >= 0 and at most bound. */
  bool (*within)(size_t n, const real *h, real bound);

  /* Element e is pa__random_uniform(key, counter, e); in single precision, made of the 32-bit word e of the draw. */
  void (*uniform)(uint64_t key, uint64_t counter, size_t n, real *u);
  /* Rayleigh amplitudes of scale 1 made from these. */
  void (*rayleigh)(uint64_t key, uint64_t counter, size_t n, real *h);
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

/* Up to this size a block of several samples is interleaved: beyond it the matrices leave the first-level cache. */
enum { PA__SMALL = 32 };

/* From this size on the rows of a matrix are worth several threads. */
enum { PA__SHARED = 192 };

/* Layout for a block of at most `samples` samples. */
pa__layout pa__layout_choose(const pa__la *la, size_t links, size_t samples);
pa__layout pa__layout_interleaved(const pa__la *la, size_t links);
pa__layout pa__layout_single(const pa__la *la, size_t links);
pa__layout pa__layout_sparse(const pa__la *la, const pa__pattern *pattern);

/* Memory of a matrix in a workspace, for products with so many columns at most: flipped, if that makes a difference,
 * where products with it are more or wider than those with its transpose. */
pa__matrix pa__matrix_take(pa__arena *arena, const pa__layout *layout, size_t columns, bool flipped);

/* Columns that products with a sparse matrix take at a time. */
enum { PA__COLUMNS = 8 };

/* Columns that stand side by side in such a product of so many. */
static inline size_t pa__side_by_side(size_t columns) { return columns <= 1 ? 1 : columns <= 4 ? 4 : PA__COLUMNS; }

/* From this size on a single matrix is read row by row, and once a round: it does not fit into the first-level cache.
 */
enum { PA__TALL = 64 };

#endif
