/* Sparse matrices whose elements are made from the caller's channels as they are used: nothing is copied, and a product
 * reads each channel and its index once. */
#include "sparse.h"

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* Nodes of a task that threads share; a multiple of every vector's width. */
enum { TASK = 1024 };

/* Part of element (i, j) that depends on j; row is r_i. */
INLINE real element(pa__packing packing, const pa__matrix *a, real h, real row, size_t j) {
  real x;
  switch (packing) {
  case PA__PACK_GAIN:
    x = h * a->column[j];
    return x * x;
  case PA__PACK_SHARE:
    x = h * row * a->column[j];
    return x * x / (1 + x * x);
  case PA__PACK_BOUNDED:
    return h / (h + a->view->bound);
  default:
    return h * a->column[j];
  }
}

/* The rest of it. */
INLINE real of_row(pa__packing packing, const pa__matrix *a, size_t i) {
  real row = packing == PA__PACK_GAIN ? a->row[i] * a->row[i] : packing == PA__PACK_AMPLITUDE ? a->row[i] : 1;
  return row * a->view->factor;
}

/* Edges of a row, but for [middle, after) of them. */
struct row {
  size_t begin, middle, after, end;
};

INLINE struct row row_at(const pa__pattern *p, const pa__matrix *a, size_t i) {
  struct row row = {.begin = (size_t)p->offset[i], .end = (size_t)p->offset[i + 1]};
  row.middle = a->view->keep_diagonal ? row.end : pa__pattern_own(p, i);
  row.after = row.middle < row.end ? row.middle + 1 : row.end;
  return row;
}

/* Part of a row whose receivers are in [first, last). */
INLINE struct row row_within(const pa__pattern *p, const pa__matrix *a, size_t i, size_t first, size_t last) {
  struct row row = row_at(p, a, i);
  while (row.begin < row.end && (size_t)p->receiver[row.begin] < first) row.begin++;
  while (row.end > row.begin && (size_t)p->receiver[row.end - 1] >= last) row.end--;
  row.middle = row.middle < row.begin ? row.begin : row.middle > row.end ? row.end : row.middle;
  row.after = row.after < row.middle ? row.middle : row.after > row.end ? row.end : row.after;
  return row;
}

/* ---- rows: y_i = sum_j a_ij z_j ---- */

INLINE real dot(pa__packing packing, const pa__pattern *p, const pa__matrix *a, real row, size_t begin, size_t end,
                const real *restrict z) {
  const real *restrict h = a->view->h;
  const int32_t *restrict receiver = p->receiver;
  real sum[4] = {0};
  size_t e = begin;
  for (; e + 4 <= end; e += 4)
    for (size_t k = 0; k < 4; k++) {
      size_t j = (size_t)receiver[e + k];
      sum[k] += element(packing, a, h[e + k], row, j) * z[j];
    }
  for (; e < end; e++) sum[0] += element(packing, a, h[e], row, (size_t)receiver[e]) * z[receiver[e]];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

INLINE void rows_of(pa__packing packing, const pa__layout *l, const pa__matrix *a, size_t begin, size_t end,
                    const real *z, real *y) {
  const pa__pattern *p = l->pattern;
  for (size_t i = begin; i < end && i < l->links; i++) {
    struct row row = row_at(p, a, i);
    y[i] = of_row(packing, a, i) * (dot(packing, p, a, a->row[i], row.begin, row.middle, z) +
                                    dot(packing, p, a, a->row[i], row.after, row.end, z));
  }
  for (size_t i = begin > l->links ? begin : l->links; i < end; i++) y[i] = 0;
}

/* Several columns, side by side: z [links][COUNT]. */
INLINE void wide_dot(size_t count, pa__packing packing, const pa__pattern *p, const pa__matrix *a, real row,
                     size_t begin, size_t end, const real *restrict z, real *restrict sum) {
  for (size_t e = begin; e < end; e++) {
    size_t j = (size_t)p->receiver[e];
    real x = element(packing, a, a->view->h[e], row, j);
    for (size_t c = 0; c < count; c++) sum[c] += x * z[j * count + c];
  }
}

INLINE void wide_rows_of(size_t count, pa__packing packing, const pa__layout *l, const pa__matrix *a, size_t begin,
                         size_t end, const real *z, real *y, size_t columns) {
  const pa__pattern *p = l->pattern;
  for (size_t i = begin; i < end; i++) {
    real sum[PA__COLUMNS] = {0}, factor = 0;
    if (i < l->links) {
      struct row row = row_at(p, a, i);
      wide_dot(count, packing, p, a, a->row[i], row.begin, row.middle, z, sum);
      wide_dot(count, packing, p, a, a->row[i], row.after, row.end, z, sum);
      factor = of_row(packing, a, i);
    }
    for (size_t c = 0; c < columns; c++) y[c * l->length + i] = factor * sum[c];
  }
}

/* ---- columns: y_j = sum_i a_ij z_i, each sum in the order of the rows ---- */

INLINE void add(pa__packing packing, const pa__pattern *p, const pa__matrix *a, real row, size_t begin, size_t end,
                real z, real *restrict y) {
  for (size_t e = begin; e < end; e++) {
    size_t j = (size_t)p->receiver[e];
    y[j] += element(packing, a, a->view->h[e], row, j) * z;
  }
}

INLINE void wide_add(size_t count, pa__packing packing, const pa__pattern *p, const pa__matrix *a, real row,
                     size_t begin, size_t end, const real *restrict z, real *restrict y) {
  for (size_t e = begin; e < end; e++) {
    size_t j = (size_t)p->receiver[e];
    real x = element(packing, a, a->view->h[e], row, j);
    for (size_t c = 0; c < count; c++) y[j * count + c] += x * z[c];
  }
}

/* All rows, into y [first, last) of one column. */
INLINE void columns_of(pa__packing packing, const pa__layout *l, const pa__matrix *a, size_t first, size_t last,
                       const real *z, real *y) {
  const pa__pattern *p = l->pattern;
  memset(y + first, 0, (last - first) * sizeof(real));
  for (size_t block = 0, i = 0; i < l->links; block++, i = block * PA__PATTERN_ROWS) {
    if ((size_t)p->block[block].last < first || (size_t)p->block[block].first >= last) continue;
    bool whole = (size_t)p->block[block].first >= first && (size_t)p->block[block].last < last;
    for (size_t end = i + PA__PATTERN_ROWS < l->links ? i + PA__PATTERN_ROWS : l->links; i < end; i++) {
      struct row row = whole ? row_at(p, a, i) : row_within(p, a, i, first, last);
      real factor = of_row(packing, a, i) * z[i];
      add(packing, p, a, a->row[i], row.begin, row.middle, factor, y);
      add(packing, p, a, a->row[i], row.after, row.end, factor, y);
    }
  }
}

INLINE void wide_columns_of(size_t count, pa__packing packing, const pa__layout *l, const pa__matrix *a, size_t first,
                            size_t last, const real *z, real *y, size_t columns) {
  const pa__pattern *p = l->pattern;
  memset(y + first * count, 0, (last - first) * count * sizeof(real));
  for (size_t block = 0, i = 0; i < l->links; block++, i = block * PA__PATTERN_ROWS) {
    if ((size_t)p->block[block].last < first || (size_t)p->block[block].first >= last) continue;
    bool whole = (size_t)p->block[block].first >= first && (size_t)p->block[block].last < last;
    for (size_t end = i + PA__PATTERN_ROWS < l->links ? i + PA__PATTERN_ROWS : l->links; i < end; i++) {
      struct row row = whole ? row_at(p, a, i) : row_within(p, a, i, first, last);
      real factor[PA__COLUMNS] = {0};
      for (size_t c = 0; c < columns; c++) factor[c] = of_row(packing, a, i) * z[c * l->length + i];
      wide_add(count, packing, p, a, a->row[i], row.begin, row.middle, factor, y);
      wide_add(count, packing, p, a, a->row[i], row.after, row.end, factor, y);
    }
  }
}

/* ---- products ---- */

/* A product, or the part of one with at most PA__COLUMNS columns. */
struct product {
  const pa__layout *layout;
  real *y;
  const pa__matrix *a;
  const real *z;
  size_t columns;
  void (*part)(const struct product *p, size_t begin, size_t end);
};

#define OF_PACKING(CALL, ...)              \
  switch (p->a->view->packing) {           \
  case PA__PACK_AMPLITUDE:                 \
    CALL(__VA_ARGS__, PA__PACK_AMPLITUDE); \
    break;                                 \
  case PA__PACK_GAIN:                      \
    CALL(__VA_ARGS__, PA__PACK_GAIN);      \
    break;                                 \
  case PA__PACK_SHARE:                     \
    CALL(__VA_ARGS__, PA__PACK_SHARE);     \
    break;                                 \
  case PA__PACK_BOUNDED:                   \
    CALL(__VA_ARGS__, PA__PACK_BOUNDED);   \
    break;                                 \
  }

#define ROWS(UNUSED, PACKING) rows_of(PACKING, p->layout, p->a, begin, end, p->z, p->y)
#define COLUMNS(UNUSED, PACKING) columns_of(PACKING, p->layout, p->a, begin, end, p->z, p->y)
#define WIDE_ROWS(COUNT, PACKING) \
  wide_rows_of(COUNT, PACKING, p->layout, p->a, begin, end, p->a->scratch, p->y, p->columns)
#define WIDE_COLUMNS(COUNT, PACKING) \
  wide_columns_of(COUNT, PACKING, p->layout, p->a, begin, end, p->z, p->a->scratch, p->columns)

/* Columns side by side: 2, 4 or 8. */
static size_t side_by_side(size_t columns) { return columns <= 2 ? 2 : columns <= 4 ? 4 : PA__COLUMNS; }

static void rows_part(const struct product *p, size_t begin, size_t end) {
  if (p->columns == 1)
    OF_PACKING(ROWS, 1)
  else if (p->columns <= 2)
    OF_PACKING(WIDE_ROWS, 2)
  else if (p->columns <= 4)
    OF_PACKING(WIDE_ROWS, 4)
  else
    OF_PACKING(WIDE_ROWS, PA__COLUMNS)
}

static void columns_part(const struct product *p, size_t begin, size_t end) {
  size_t count = side_by_side(p->columns);
  if (p->columns == 1)
    OF_PACKING(COLUMNS, 1)
  else if (p->columns <= 2)
    OF_PACKING(WIDE_COLUMNS, 2)
  else if (p->columns <= 4)
    OF_PACKING(WIDE_COLUMNS, 4)
  else
    OF_PACKING(WIDE_COLUMNS, PA__COLUMNS)
  for (size_t c = 0; c < p->columns && p->columns > 1; c++)
    for (size_t i = begin; i < end; i++) p->y[c * p->layout->length + i] = p->a->scratch[i * count + c];
}

/* z [columns][length] side by side in the scratch. */
static void gather_part(const struct product *p, size_t begin, size_t end) {
  size_t count = side_by_side(p->columns), n = p->layout->length;
  for (size_t i = begin; i < end; i++)
    for (size_t c = 0; c < count; c++) p->a->scratch[i * count + c] = c < p->columns ? p->z[c * n + i] : 0;
}

static void part_task(void *user, size_t worker, size_t task) {
  const struct product *p = user;
  size_t begin = task * TASK, end = begin + TASK < p->layout->length ? begin + TASK : p->layout->length;
  pa__flush saved = pa__flush_begin();
  (void)worker;
  p->part(p, begin, end);
  pa__flush_end(saved);
}

static void run(struct product *p, void (*part)(const struct product *p, size_t begin, size_t end)) {
  p->part = part;
  if (p->layout->pool)
    pa__pool_run(p->layout->pool, (p->layout->length + TASK - 1) / TASK, part_task, p);
  else
    part(p, 0, p->layout->length);
}

void pa__sparse_shift(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  for (size_t c = 0; c < columns; c += PA__COLUMNS) {
    struct product p = {.layout = l, .y = y + c * l->length, .a = a, .z = z + c * l->length};
    p.columns = columns - c < PA__COLUMNS ? columns - c : PA__COLUMNS;
    if (p.columns > 1) run(&p, gather_part);
    run(&p, rows_part);
  }
}

void pa__sparse_shift_transposed(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  for (size_t c = 0; c < columns; c += PA__COLUMNS) {
    struct product p = {.layout = l, .y = y + c * l->length, .a = a, .z = z + c * l->length};
    p.columns = columns - c < PA__COLUMNS ? columns - c : PA__COLUMNS;
    run(&p, columns_part);
  }
}

/* Each row is used both ways while it is in the first-level cache. */
INLINE void round_of(pa__packing packing, const pa__layout *l, real *y, real *x, const pa__matrix *a, const real *z,
                     const real *p, pa__update_fn *update, void *user) {
  enum { RUN = 32 }; /* a multiple of every vector's width */
  memset(x, 0, l->length * sizeof(real));
  for (size_t at = 0; at < l->length; at += RUN) {
    size_t end = at + RUN < l->length ? at + RUN : l->length;
    rows_of(packing, l, a, at, end, z, y);
    update(user, at, end - at);
    for (size_t i = at; i < end && i < l->links; i++) {
      struct row row = row_at(l->pattern, a, i);
      real factor = of_row(packing, a, i) * p[i];
      add(packing, l->pattern, a, a->row[i], row.begin, row.middle, factor, x);
      add(packing, l->pattern, a, a->row[i], row.after, row.end, factor, x);
    }
  }
}

void pa__sparse_round(const pa__layout *l, real *y, real *x, const pa__matrix *a, const real *z, const real *p,
                      pa__update_fn *update, void *user) {
  if (a->view->packing == PA__PACK_GAIN)
    round_of(PA__PACK_GAIN, l, y, x, a, z, p, update, user);
  else
    round_of(a->view->packing, l, y, x, a, z, p, update, user);
}

/* ---- elements ---- */

void pa__sparse_pack(pa__packing packing, const pa__layout *l, const real *h, const real *r, const real *c,
                     bool keep_diagonal, const pa__matrix *m, real *diagonal) {
  bool bounded = packing == PA__PACK_BOUNDED;
  *m->view = (pa__view){.packing = packing, .keep_diagonal = keep_diagonal, .h = h, .factor = 1};
  if (bounded) {
    m->view->bound = c[0];
  } else {
    memcpy(m->row, r, l->length * sizeof(real));
    memcpy(m->column, c, l->length * sizeof(real));
  }
  for (size_t i = 0; i < l->links; i++) {
    real own = pa__layout_direct(l, h, i);
    diagonal[i] = element(packing, m, own, m->row[i], i) * of_row(packing, m, i);
  }
  for (size_t i = l->links; i < l->length; i++) diagonal[i] = 0;
}

void pa__sparse_square(const pa__layout *l, const pa__matrix *y, const pa__matrix *x) {
  *y->view = *x->view;
  y->view->packing = PA__PACK_GAIN;
  y->view->factor = x->view->factor * x->view->factor;
  if (y->row == x->row) return;
  memcpy(y->row, x->row, l->length * sizeof(real));
  memcpy(y->column, x->column, l->length * sizeof(real));
}

void pa__sparse_scale(const pa__layout *l, const pa__matrix *x, const real *f) {
  pa__packing packing = x->view->packing;
  if (packing == PA__PACK_SHARE || packing == PA__PACK_BOUNDED) {
    x->view->factor *= f[0];
    return;
  }
  for (size_t j = 0; j < l->links; j++) x->column[j] *= packing == PA__PACK_GAIN ? (real)sqrt((double)f[j]) : f[j];
}
