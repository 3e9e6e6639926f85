/* Sparse matrices whose elements are made from the caller's channels as they are used: nothing is copied, and a product
 * reads each channel and its index once.
 *
 * A row is taken as whole vectors and a part of one. Factors of columns are not looked up edge by edge: they multiply
 * what goes in (rows) or comes out (columns). */
#include "sparse.h"

#include "vec.h"

#include <math.h>

/* Factors of a column and of a row: elements are those below times both. */
INLINE real of_column(pa__packing packing, const pa__matrix *a, size_t j) {
  return packing == PA__PACK_GAIN ? a->column[j] * a->column[j] : packing == PA__PACK_AMPLITUDE ? a->column[j] : 1;
}

INLINE real of_row(pa__packing packing, const pa__matrix *a, size_t i) {
  real row = packing == PA__PACK_GAIN ? a->row[i] * a->row[i] : packing == PA__PACK_AMPLITUDE ? a->row[i] : 1;
  return row * a->view->factor;
}

/* Edges of a row, the one of its own link (end: none) to be left out. */
struct row {
  size_t begin, own, end;
  real factor;
};

INLINE struct row row_at(const pa__pattern *p, const pa__matrix *a, size_t i) {
  struct row row = {.begin = (size_t)p->offset[i], .end = (size_t)p->end[i], .factor = a->row[i]};
  row.own = a->view->keep_diagonal ? row.end : pa__pattern_own(p, i);
  return row;
}

/* Part of a row whose receivers are in [first, last). */
INLINE struct row row_within(const pa__pattern *p, const pa__matrix *a, size_t i, size_t first, size_t last) {
  struct row row = row_at(p, a, i);
  if (row.begin == row.end || (first == 0 && last >= p->links)) return row;
  if ((size_t)p->receiver[row.end - 1] < first || (size_t)p->receiver[row.begin] >= last) row.end = row.begin;
  while (row.begin < row.end && (size_t)p->receiver[row.begin] < first) row.begin++;
  while (row.end > row.begin && (size_t)p->receiver[row.end - 1] >= last) row.end--;
  return row;
}

/* Asks for what stands so many bytes behind: the processor's own guesses stop at each page. */
enum { AHEAD = 8192, LINE = 64 };

INLINE void ask_behind(const void *begin, const void *end) {
  for (const char *p = begin; p < (const char *)end; p += LINE) __builtin_prefetch(p + AHEAD);
}

INLINE void ask_ahead(const pa__pattern *p, const pa__matrix *a, const struct row *row) {
  ask_behind(a->view->h + row->begin, a->view->h + row->end);
  ask_behind(p->receiver + row->begin, p->receiver + row->end);
}

/* The first row from i on, or the end, that is not in a block without receivers in the segment of node `first`. */
INLINE size_t row_after(const pa__pattern *p, size_t i, size_t first, size_t last) {
  uint64_t segment = first == 0 && last >= p->links ? UINT64_MAX : (uint64_t)1 << first / p->segment;
  while (i < p->links && i % PA__PATTERN_ROWS == 0 && !(p->reach[i / PA__PATTERN_ROWS] & segment))
    i += PA__PATTERN_ROWS;
  return i;
}

#if WIDTH == 16
#define LANES \
  { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }
#elif WIDTH == 8
#define LANES \
  { 0, 1, 2, 3, 4, 5, 6, 7 }
#elif WIDTH == 4
#define LANES \
  { 0, 1, 2, 3 }
#else
#define LANES \
  { 0, 1 }
#endif

/* Lanes that hold edges: all of them, or the last few of a row. */
INLINE vec load_lanes(const real *h, size_t lanes) { return lanes == WIDTH ? load(h) : load_part(h, lanes); }

/* Lanes without an edge get the first one's number. */
INLINE vec gather(const real *z, const int32_t *receiver, size_t lanes) {
#if BYTES == 64
#ifdef PA_SINGLE
  __mmask16 mask = (__mmask16)((1u << lanes) - 1);
  return (vec)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, _mm512_maskz_loadu_epi32(mask, receiver), z, 4);
#else
  __mmask8 mask = (__mmask8)((1u << lanes) - 1);
  return (vec)_mm512_mask_i32gather_pd(_mm512_setzero_pd(), mask, _mm256_maskz_loadu_epi32(mask, receiver), z, 8);
#endif
#else
#define AT(k) z[receiver[k < lanes ? k : 0]]
#if WIDTH == 8
  return (vec){AT(0), AT(1), AT(2), AT(3), AT(4), AT(5), AT(6), AT(7)};
#elif WIDTH == 4
  return (vec){AT(0), AT(1), AT(2), AT(3)};
#else
  return (vec){AT(0), AT(1)};
#endif
#undef AT
#endif
}

INLINE void scatter(real *y, const int32_t *receiver, vec x, size_t lanes) {
#if BYTES == 64
#ifdef PA_SINGLE
  __mmask16 mask = (__mmask16)((1u << lanes) - 1);
  _mm512_mask_i32scatter_ps(y, mask, _mm512_maskz_loadu_epi32(mask, receiver), (__m512)x, 4);
#else
  __mmask8 mask = (__mmask8)((1u << lanes) - 1);
  _mm512_mask_i32scatter_pd(y, mask, _mm256_maskz_loadu_epi32(mask, receiver), (__m512d)x, 8);
#endif
#else
  for (size_t k = 0; k < lanes; k++) y[receiver[k]] = x[k];
#endif
}

/* Elements of the edges e, ..., but for their factors; 0 for the row's own and in lanes without an edge. */
INLINE vec elements(pa__packing packing, const pa__pattern *p, const pa__matrix *a, const struct row *row, size_t e,
                    size_t lanes) {
  const uvec lane = LANES;
  vec h = load_lanes(a->view->h + e, lanes);
  h = select((ivec)(lane == (natural)(row->own - e)), splat(0), h);
  switch (packing) {
  case PA__PACK_GAIN:
    return h * h;
  case PA__PACK_SHARE:
    h *= row->factor * gather(a->column, p->receiver + e, lanes);
    return h * h / (1 + h * h);
  case PA__PACK_BOUNDED:
    return h / (h + a->view->bound);
  default:
    return h;
  }
}

/* The same of one edge. */
INLINE real element(pa__packing packing, const pa__pattern *p, const pa__matrix *a, const struct row *row, size_t e) {
  real h = e == row->own ? 0 : a->view->h[e];
  switch (packing) {
  case PA__PACK_GAIN:
    return h * h;
  case PA__PACK_SHARE:
    h *= row->factor * a->column[p->receiver[e]];
    return h * h / (1 + h * h);
  case PA__PACK_BOUNDED:
    return h / (h + a->view->bound);
  default:
    return h;
  }
}

#define COUNT 4
#define OF_COUNT(name) name##_4
#include "sparse_wide.h"
#define COUNT 8
#define OF_COUNT(name) name##_8
#include "sparse_wide.h"

/* ---- rows: y_i = sum_j a_ij z_j, z times the columns' factors ---- */

INLINE real dot(pa__packing packing, const pa__pattern *p, const pa__matrix *a, const struct row *row, const real *z) {
  vec sum = splat(0);
  size_t e = row->begin;
  for (; e + WIDTH <= row->end; e += WIDTH)
    sum += elements(packing, p, a, row, e, WIDTH) * gather(z, p->receiver + e, WIDTH);
  if (e < row->end) {
    size_t lanes = row->end - e;
    sum += elements(packing, p, a, row, e, lanes) * gather(z, p->receiver + e, lanes);
  }
  return lane_sum(sum);
}

INLINE void rows_of(pa__packing packing, const pa__layout *l, const pa__matrix *a, size_t begin, size_t end,
                    const real *z, real *y) {
  const pa__pattern *p = l->pattern;
  for (size_t i = begin; i < end && i < l->links; i++) {
    struct row row = row_at(p, a, i);
    ask_ahead(p, a, &row);
    y[i] = of_row(packing, a, i) * dot(packing, p, a, &row, z);
  }
  for (size_t i = begin > l->links ? begin : l->links; i < end; i++) y[i] = 0;
}

/* Several columns, side by side: z [links][count]. */
INLINE void wide_rows_of(size_t count, pa__packing packing, const pa__layout *l, const pa__matrix *a, size_t begin,
                         size_t end, const real *restrict z, real *y, size_t columns) {
  const pa__pattern *p = l->pattern;
  for (size_t i = begin; i < end; i++) {
    real sum[PA__COLUMNS] = {0}, factor = 0;
    if (i < l->links) {
      struct row row = row_at(p, a, i);
      ask_ahead(p, a, &row);
      (count == 4 ? wide_dot_4 : wide_dot_8)(packing, p, a, &row, z, sum);
      factor = of_row(packing, a, i);
    }
    for (size_t c = 0; c < columns; c++) y[c * l->length + i] = factor * sum[c];
  }
}

/* ---- columns: y_j = sum_i a_ij z_i but for the columns' factors, each sum in the order of the rows ---- */

INLINE void add(pa__packing packing, const pa__pattern *p, const pa__matrix *a, const struct row *row, real z,
                real *y) {
  size_t e = row->begin;
  for (; e + WIDTH <= row->end; e += WIDTH) {
    vec x = elements(packing, p, a, row, e, WIDTH);
    scatter(y, p->receiver + e, gather(y, p->receiver + e, WIDTH) + x * z, WIDTH);
  }
  if (e < row->end) {
    size_t lanes = row->end - e;
    vec x = elements(packing, p, a, row, e, lanes);
    scatter(y, p->receiver + e, gather(y, p->receiver + e, lanes) + x * z, lanes);
  }
}

/* All rows, into y [first, last), all nodes or a segment, of one column. */
INLINE void columns_of(pa__packing packing, const pa__layout *l, const pa__matrix *a, size_t first, size_t last,
                       const real *z, real *y) {
  memset(y + first, 0, (last - first) * sizeof(real));
  for (size_t i = row_after(l->pattern, 0, first, last); i < l->links; i = row_after(l->pattern, i + 1, first, last)) {
    struct row row = row_within(l->pattern, a, i, first, last);
    ask_ahead(l->pattern, a, &row);
    add(packing, l->pattern, a, &row, of_row(packing, a, i) * z[i], y);
  }
  for (size_t j = first; j < last; j++) y[j] *= of_column(packing, a, j);
}

INLINE void wide_columns_of(size_t count, pa__packing packing, const pa__layout *l, const pa__matrix *a, size_t first,
                            size_t last, const real *z, real *y, size_t columns) {
  real *side = a->scratch;
  memset(side + first * count, 0, (last - first) * count * sizeof(real));
  for (size_t i = row_after(l->pattern, 0, first, last); i < l->links; i = row_after(l->pattern, i + 1, first, last)) {
    struct row row = row_within(l->pattern, a, i, first, last);
    ask_ahead(l->pattern, a, &row);
    real factor[PA__COLUMNS] = {0};
    for (size_t c = 0; c < columns; c++) factor[c] = of_row(packing, a, i) * z[c * l->length + i];
    (count == 4 ? wide_add_4 : wide_add_8)(packing, l->pattern, a, &row, factor, side);
  }
  for (size_t c = 0; c < columns; c++)
    for (size_t j = first; j < last; j++) y[c * l->length + j] = of_column(packing, a, j) * side[j * count + c];
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

#define ROWS(UNUSED, PACKING) rows_of(PACKING, p->layout, p->a, begin, end, p->a->scratch, p->y)
#define COLUMNS(UNUSED, PACKING) columns_of(PACKING, p->layout, p->a, begin, end, p->z, p->y)
#define WIDE_ROWS(COUNT, PACKING) \
  wide_rows_of(COUNT, PACKING, p->layout, p->a, begin, end, p->a->scratch, p->y, p->columns)
#define WIDE_COLUMNS(COUNT, PACKING) \
  wide_columns_of(COUNT, PACKING, p->layout, p->a, begin, end, p->z, p->y, p->columns)

static void rows_part(const struct product *p, size_t begin, size_t end) {
  if (p->columns == 1)
    OF_PACKING(ROWS, 1)
  else if (p->columns <= 4)
    OF_PACKING(WIDE_ROWS, 4)
  else
    OF_PACKING(WIDE_ROWS, PA__COLUMNS)
}

static void columns_part(const struct product *p, size_t begin, size_t end) {
  if (p->columns == 1)
    OF_PACKING(COLUMNS, 1)
  else if (p->columns <= 4)
    OF_PACKING(WIDE_COLUMNS, 4)
  else
    OF_PACKING(WIDE_COLUMNS, PA__COLUMNS)
}

/* z [columns][length] side by side in the scratch, times the columns' factors. */
static void gather_part(const struct product *p, size_t begin, size_t end) {
  size_t count = pa__side_by_side(p->columns), n = p->layout->length;
  const pa__matrix *a = p->a;
  pa__packing packing = a->view->packing;
  if (count == 1) {
    for (size_t i = begin; i < end; i++) a->scratch[i] = of_column(packing, a, i) * p->z[i];
    return;
  }
  for (size_t i = begin; i < end; i++) {
    real factor = of_column(packing, a, i);
    for (size_t c = 0; c < count; c++) a->scratch[i * count + c] = c < p->columns ? factor * p->z[c * n + i] : 0;
  }
}

static void segment_task(void *user, size_t worker, size_t task) {
  const struct product *p = user;
  size_t segment = p->layout->pattern->segment, begin = task * segment, end = begin + segment;
  pa__flush saved = pa__flush_begin();
  (void)worker;
  p->part(p, begin, end < p->layout->length ? end : p->layout->length);
  pa__flush_end(saved);
}

static void run(struct product *p, void (*part)(const struct product *p, size_t begin, size_t end)) {
  size_t segment = p->layout->pattern->segment;
  p->part = part;
  if (p->layout->pool)
    pa__pool_run(p->layout->pool, (p->layout->length + segment - 1) / segment, segment_task, p);
  else
    part(p, 0, p->layout->length);
}

static pa__numbers numbers_of(const pa__layout *l, const real *z, size_t columns) {
  return (pa__numbers){.at = (real *)z, .bytes = sizeof *z, .columns = columns, .step = 1, .stride = l->length};
}

/* z of ghosts is not the caller's: its values are copies. */
void pa__sparse_shift(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  for (size_t c = 0; c < columns; c += PA__COLUMNS) {
    struct product p = {.layout = l, .y = y + c * l->length, .a = a, .z = z + c * l->length};
    p.columns = columns - c < PA__COLUMNS ? columns - c : PA__COLUMNS;
    if (l->halo) pa__halo_refresh(l->halo, numbers_of(l, p.z, p.columns));
    run(&p, gather_part);
    run(&p, rows_part);
  }
}

void pa__sparse_shift_transposed(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  for (size_t c = 0; c < columns; c += PA__COLUMNS) {
    struct product p = {.layout = l, .y = y + c * l->length, .a = a, .z = z + c * l->length};
    p.columns = columns - c < PA__COLUMNS ? columns - c : PA__COLUMNS;
    run(&p, columns_part);
    if (l->halo) pa__halo_collect(l->halo, numbers_of(l, p.y, p.columns));
  }
}

/* Each row is used both ways while it is in the first-level cache. */
INLINE void round_of(pa__packing packing, const pa__layout *l, real *y, real *x, const pa__matrix *a, const real *z,
                     const real *p, pa__update_fn *update, void *user) {
  enum { RUN = 16 }; /* a multiple of every vector's width */
  for (size_t i = 0; i < l->length; i++) a->scratch[i] = of_column(packing, a, i) * z[i];
  memset(x, 0, l->length * sizeof(real));
  for (size_t at = 0; at < l->length; at += RUN) {
    size_t end = at + RUN < l->length ? at + RUN : l->length;
    rows_of(packing, l, a, at, end, a->scratch, y);
    update(user, at, end - at);
    for (size_t i = at; i < end && i < l->links; i++) {
      struct row row = row_at(l->pattern, a, i);
      add(packing, l->pattern, a, &row, of_row(packing, a, i) * p[i], x);
    }
  }
  for (size_t j = 0; j < l->length; j++) x[j] *= of_column(packing, a, j);
}

void pa__sparse_round(const pa__layout *l, real *y, real *x, const pa__matrix *a, const real *z, const real *p,
                      pa__update_fn *update, void *user) {
  if (a->view->packing == PA__PACK_GAIN)
    round_of(PA__PACK_GAIN, l, y, x, a, z, p, update, user);
  else
    round_of(a->view->packing, l, y, x, a, z, p, update, user);
}

/* ---- elements ---- */

/* The edges of a row that are not in [0, bound]. */
INLINE ivec out_of_bounds(const real *h, const struct row *row, vec bound) {
  ivec bad = {0};
  size_t e = row->begin;
  for (; e + WIDTH <= row->end; e += WIDTH) bad |= outside(load(h + e), bound);
  return e < row->end ? bad | outside(load_part(h + e, row->end - e), bound) : bad;
}

bool pa__sparse_pack(pa__packing packing, const pa__layout *l, const real *h, const real *r, const real *c, real bound,
                     bool keep_diagonal, const pa__matrix *m, real *diagonal) {
  ivec bad = {0};
  *m->view = (pa__view){.packing = packing, .keep_diagonal = keep_diagonal, .h = h, .factor = 1};
  if (packing == PA__PACK_BOUNDED) {
    m->view->bound = c[0];
  } else {
    memcpy(m->row, r, l->length * sizeof(real));
    memcpy(m->column, c, l->length * sizeof(real));
  }
  for (size_t i = 0; i < l->links; i++) {
    struct row row = row_at(l->pattern, m, i);
    size_t own = pa__pattern_own(l->pattern, i);
    ask_behind(h + row.begin, h + row.end);
    bad |= out_of_bounds(h, &row, splat(bound));
    row.own = SIZE_MAX;
    diagonal[i] = own < row.end
                      ? element(packing, l->pattern, m, &row, own) * of_row(packing, m, i) * of_column(packing, m, i)
                      : 0;
  }
  for (size_t i = l->links; i < l->length; i++) diagonal[i] = 0;
  return !any(bad);
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
  if (l->halo) pa__halo_refresh(l->halo, numbers_of(l, x->column, 1));
}
