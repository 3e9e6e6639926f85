/* Kernels of the numeric port, compiled once per instruction set and precision. */
#include "kernel_set.h"
#include "la.h"
#include "../base/random.h"
#include "sparse.h"
#include "vec.h"

#include <stdatomic.h>

/* ---- shifts ---- */

/* ROWS x COLUMNS tile of a shift: output vector r of column c is sum_k a[r][k] z[c][k], k in order. */
#define TILE(ROWS, COLUMNS, BROADCAST)                                                                            \
  do {                                                                                                            \
    vec sum[ROWS][COLUMNS] = {{{0}}};                                                                             \
    const real *ak = a + r * row_step;                                                                            \
    for (size_t k = 0; k < inner; k++, ak += inner_step) {                                                        \
      vec apk[ROWS];                                                                                              \
      for (int p = 0; p < ROWS; p++) apk[p] = load(ak + (size_t)p * row_step);                                    \
      for (int q = 0; q < COLUMNS; q++) {                                                                         \
        const real *zq = z + (c + (size_t)q) * length;                                                            \
        vec zk = BROADCAST ? splat(zq[k]) : load(zq + k * WIDTH);                                                 \
        for (int p = 0; p < ROWS; p++) sum[p][q] += apk[p] * zk;                                                  \
      }                                                                                                           \
    }                                                                                                             \
    for (int p = 0; p < ROWS; p++)                                                                                \
      for (int q = 0; q < COLUMNS; q++) store(y + (c + (size_t)q) * length + (r + (size_t)p) * WIDTH, sum[p][q]); \
  } while (0)

#define TILES(ROWS, COLUMNS, BROADCAST) \
  case ROWS:                            \
    TILE(ROWS, COLUMNS, BROADCAST);     \
    break

/* Output vectors are shared out evenly over tiles of at most 3 with four columns, 12 with one: a tile of one would wait
 * for each of its sums. */
#define SWEEP(BROADCAST)                                                                     \
  do {                                                                                       \
    size_t c = 0;                                                                            \
    for (; c + 4 <= columns; c += 4)                                                         \
      for (size_t r = 0, left = (outputs + 2) / 3, size; r < outputs; r += size, left--) {   \
        size = (outputs - r + left - 1) / left;                                              \
        switch (size) {                                                                      \
          TILES(1, 4, BROADCAST);                                                            \
          TILES(2, 4, BROADCAST);                                                            \
          TILES(3, 4, BROADCAST);                                                            \
        }                                                                                    \
      }                                                                                      \
    for (; c < columns; c++)                                                                 \
      for (size_t r = 0, left = (outputs + 11) / 12, size; r < outputs; r += size, left--) { \
        size = (outputs - r + left - 1) / left;                                              \
        switch (size) {                                                                      \
          TILES(1, 1, BROADCAST);                                                            \
          TILES(2, 1, BROADCAST);                                                            \
          TILES(3, 1, BROADCAST);                                                            \
          TILES(4, 1, BROADCAST);                                                            \
          TILES(5, 1, BROADCAST);                                                            \
          TILES(6, 1, BROADCAST);                                                            \
          TILES(7, 1, BROADCAST);                                                            \
          TILES(8, 1, BROADCAST);                                                            \
          TILES(9, 1, BROADCAST);                                                            \
          TILES(10, 1, BROADCAST);                                                           \
          TILES(11, 1, BROADCAST);                                                           \
          TILES(12, 1, BROADCAST);                                                           \
        }                                                                                    \
      }                                                                                      \
  } while (0)

static void sweep(size_t outputs, size_t inner, const real *a, size_t row_step, size_t inner_step, bool broadcast,
                  real *restrict y, const real *restrict z, size_t columns, size_t length) {
  if (broadcast)
    SWEEP(true);
  else
    SWEEP(false);
}

/* Rows of a single matrix that are taken at once: their sums over the columns make whole vectors. */
enum { ROWS = WIDTH > 8 ? WIDTH : 8 };

/* y[q][at .. at + ROWS / COLUMNS) = A z[q] for COLUMNS node vectors, length apart; ROW(p) is row at + p. */
#define DOT(COLUMNS, ROW)                                                            \
  do {                                                                               \
    vec sum[ROWS] = {{0}};                                                           \
    for (size_t k = 0; k < length; k += WIDTH) {                                     \
      vec zk[COLUMNS];                                                               \
      for (size_t q = 0; q < COLUMNS; q++) zk[q] = load(z + q * length + k);         \
      for (size_t p = 0; p < HEIGHT; p++) {                                          \
        vec ak = load(ROW(p) + k);                                                   \
        for (size_t q = 0; q < COLUMNS; q++) sum[q * HEIGHT + p] += ak * zk[q];      \
      }                                                                              \
    }                                                                                \
    for (size_t v = 0; v < ROWS / WIDTH; v++) total[v] = lane_sums(sum + v * WIDTH); \
  } while (0)

#define INNER_ROW(p) (a + (at + p) * length)
#define LAST_ROW(p) (a + (at + p < links ? at + p : links - 1) * length)

/* Numbers [at, at + ROWS / COLUMNS) of y, as far as there are; beyond the last row y is 0. */
#define DOT_OF(NAME, COLUMNS)                                                                                    \
  INLINE void NAME(size_t links, size_t length, const real *restrict a, const real *restrict z, size_t at,       \
                   real *restrict y) {                                                                           \
    vec total[ROWS / WIDTH];                                                                                     \
    enum { HEIGHT = ROWS / COLUMNS, WHOLE = HEIGHT / WIDTH };                                                    \
    if (at + HEIGHT <= links) {                                                                                  \
      DOT(COLUMNS, INNER_ROW);                                                                                   \
      for (size_t q = 0; q < COLUMNS; q++) {                                                                     \
        for (size_t v = 0; v != WHOLE; v++) store(y + q * length + at + v * WIDTH, total[q * WHOLE + v]);        \
        if (WHOLE == 0)                                                                                          \
          memcpy(y + q * length + at, (const char *)total + q * sizeof total / COLUMNS, sizeof total / COLUMNS); \
      }                                                                                                          \
      return;                                                                                                    \
    }                                                                                                            \
    DOT(COLUMNS, LAST_ROW);                                                                                      \
    for (size_t q = 0; q < COLUMNS; q++)                                                                         \
      for (size_t p = 0; p < HEIGHT && at + p < length; p++)                                                     \
        y[q * length + at + p] = at + p < links ? total[(q * HEIGHT + p) / WIDTH][(q * HEIGHT + p) % WIDTH] : 0; \
  }

DOT_OF(dot_one, 1)
DOT_OF(dot_two, 2)

/* Rows [begin, end) of the product with a single matrix. */
static void dots(size_t links, size_t length, size_t begin, size_t end, const real *a, real *y, const real *z,
                 size_t columns) {
  size_t c = 0;
  for (; c + 2 <= columns; c += 2)
    for (size_t at = begin; at < end; at += ROWS / 2) dot_two(links, length, a, z + c * length, at, y + c * length);
  for (; c < columns; c++)
    for (size_t at = begin; at < end; at += ROWS) dot_one(links, length, a, z + c * length, at, y + c * length);
}

/* y[q][0..extent) += z[q]_0 a_0 + ... of COUNT rows a, in order, for COLUMNS node vectors; all length apart. */
#define ADD_ROWS(COUNT, COLUMNS)                                                      \
  for (; count >= COUNT; count -= COUNT, a += COUNT * length, z += COUNT)             \
    for (size_t k = 0; k < extent; k += WIDTH) {                                      \
      vec sum[COLUMNS];                                                               \
      for (size_t q = 0; q < COLUMNS; q++) sum[q] = load(y + q * length + k);         \
      for (size_t p = 0; p < COUNT; p++) {                                            \
        vec ak = load(a + p * length + k);                                            \
        for (size_t q = 0; q < COLUMNS; q++) sum[q] += ak * splat(z[q * length + p]); \
      }                                                                               \
      for (size_t q = 0; q < COLUMNS; q++) store(y + q * length + k, sum[q]);         \
    }

#define ADD_ROWS_OF(NAME, COUNT, COLUMNS)                                                                      \
  INLINE void NAME(size_t count, size_t extent, size_t length, const real *restrict a, const real *restrict z, \
                   real *restrict y) {                                                                         \
    ADD_ROWS(COUNT, COLUMNS)                                                                                   \
    ADD_ROWS(1, COLUMNS)                                                                                       \
  }

/* What is added at once fills the registers. */
ADD_ROWS_OF(add_to_one, 8, 1)
ADD_ROWS_OF(add_to_two, 4, 2)
ADD_ROWS_OF(add_to_three, 4, 3)

static void add_rows(size_t count, size_t extent, size_t length, const real *a, const real *z, real *y,
                     size_t columns) {
  size_t c = 0;
  for (; c + 3 <= columns && c + 4 != columns; c += 3)
    add_to_three(count, extent, length, a, z + c * length, y + c * length);
  for (; c + 2 <= columns; c += 2) add_to_two(count, extent, length, a, z + c * length, y + c * length);
  for (; c < columns; c++) add_to_one(count, extent, length, a, z + c * length, y + c * length);
}

/* Columns [begin, end) of the product with a single matrix's transpose. */
static void sums_of_rows(size_t links, size_t length, size_t begin, size_t end, const real *a, real *y, const real *z,
                         size_t columns) {
  if (links < PA__TALL) {
    sweep((end - begin) / WIDTH, links, a + begin, WIDTH, length, true, y + begin, z, columns, length);
    return;
  }
  for (size_t c = 0; c < columns; c++) memset(y + c * length + begin, 0, (end - begin) * sizeof(real));
  for (size_t i = 0; i < links; i += 8)
    add_rows(links - i < 8 ? links - i : 8, end - begin, length, a + i * length + begin, z + i, y + begin, columns);
}

/* A product that the threads of the pool share. */
struct product {
  const pa__layout *layout;
  real *y;
  const pa__matrix *a;
  const real *z;
  size_t columns;
};

/* Numbers of y in a task: a multiple of every vector's width, and enough that the columns of a task are not read in
 * short pieces. It does not change a sum. */
static size_t task_size(const pa__layout *l) {
  enum { LEAST = 64, EACH = 2 };
  size_t threads = pa_pool_threads(l->pool), even = (l->length + EACH * threads - 1) / (EACH * threads);
  return (even + LEAST - 1) / LEAST * LEAST;
}

static size_t task_end(const pa__layout *l, size_t task) {
  size_t end = (task + 1) * task_size(l);
  return end < l->length ? end : l->length;
}

static void dots_task(void *user, size_t worker, size_t task) {
  const struct product *p = user;
  pa__flush saved = pa__flush_begin();
  (void)worker;
  dots(p->layout->links, p->layout->length, task * task_size(p->layout), task_end(p->layout, task), p->a->rows, p->y,
       p->z, p->columns);
  pa__flush_end(saved);
}

static void sums_task(void *user, size_t worker, size_t task) {
  const struct product *p = user;
  pa__flush saved = pa__flush_begin();
  (void)worker;
  sums_of_rows(p->layout->links, p->layout->length, task * task_size(p->layout), task_end(p->layout, task), p->a->rows,
               p->y, p->z, p->columns);
  pa__flush_end(saved);
}

static void share(const pa__layout *l, pa_task_fn task, void *user) {
  pa__pool_run(l->pool, (l->length + task_size(l) - 1) / task_size(l), task, user);
}

static void rows_times(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  if (l->pool)
    share(l, dots_task, &(struct product){l, y, a, z, columns});
  else
    dots(l->links, l->length, 0, l->length, a->rows, y, z, columns);
}

static void columns_times(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  if (l->pool)
    share(l, sums_task, &(struct product){l, y, a, z, columns});
  else
    sums_of_rows(l->links, l->length, 0, l->length, a->rows, y, z, columns);
}

static void shift(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  if (l->pattern)
    pa__sparse_shift(l, y, a, z, columns);
  else if (l->width > 1)
    sweep(l->links, l->links, a->rows, l->links * WIDTH, WIDTH, false, y, z, columns, l->length);
  else if (a->transposed)
    sweep(l->length / WIDTH, l->links, a->transposed, WIDTH, l->length, true, y, z, columns, l->length);
  else
    (a->flipped ? columns_times : rows_times)(l, y, a, z, columns);
}

static void shift_transposed(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  if (l->pattern)
    pa__sparse_shift_transposed(l, y, a, z, columns);
  else if (l->width > 1)
    sweep(l->links, l->links, a->rows, WIDTH, l->links * WIDTH, false, y, z, columns, l->length);
  else
    (a->flipped ? rows_times : columns_times)(l, y, a, z, columns);
}

static void round_of(const pa__layout *l, real *y, real *x, const pa__matrix *a, const real *z, const real *p,
                     pa__update_fn *update, void *user) {
  if (l->pattern && !l->pool && !l->halo) {
    pa__sparse_round(l, y, x, a, z, p, update, user);
    return;
  }
  if (l->width > 1 || l->pattern || a->transposed || a->flipped || l->links < PA__TALL || l->pool) {
    shift(l, y, a, z, 1);
    update(user, 0, l->length);
    shift_transposed(l, x, a, p, 1);
    return;
  }
  enum { RUN = 16 }; /* rows that stay in the first-level cache, a multiple of ROWS */
  memset(x, 0, l->length * sizeof(real));
  for (size_t at = 0; at < l->length; at += RUN) {
    size_t left = l->length - at, count = left < RUN ? left : RUN;
    for (size_t k = 0; k < count; k += ROWS) dot_one(l->links, l->length, a->rows, z, at + k, y);
    update(user, at, count);
    if (at < l->links)
      add_rows(l->links - at < count ? l->links - at : count, l->length, l->length, a->rows + at * l->length, p + at, x,
               1);
  }
}

/* ---- functions ---- */

static void map_exp(size_t n, real *y, const real *x) {
  for (size_t k = 0; k < n; k += WIDTH) store(y + k, vec_exp(load(x + k)));
}

static void map_log(size_t n, real *y, const real *x) {
  for (size_t k = 0; k < n; k += WIDTH) store(y + k, vec_log(load(x + k)));
}

static void map_sigmoid(size_t n, real *y, const real *x) {
  for (size_t k = 0; k < n; k += WIDTH) store(y + k, vec_sigmoid(load(x + k)));
}

/* ---- packing ---- */

INLINE vec packed(pa__packing packing, vec h, vec parameter) {
  vec scaled = h * parameter;
  switch (packing) {
  case PA__PACK_GAIN:
    return scaled * scaled;
  case PA__PACK_SHARE:
    return scaled * scaled / (1 + scaled * scaled);
  case PA__PACK_BOUNDED:
    return h / (h + parameter);
  default:
    return scaled;
  }
}

static bool within(size_t n, const real *h, real bound) {
  vec most = splat(bound);
  ivec bad = {0};
  size_t k = 0;
  for (; k + WIDTH <= n; k += WIDTH) bad |= outside(load(h + k), most);
  for (; k < n; k++)
    if (!(h[k] >= 0 && h[k] <= bound)) return false;
  return !any(bad);
}

/* Elements (i, j), ..., (i, j + WIDTH - 1) of WIDTH samples, a vector each. */
INLINE void gather(const real *const *h, size_t n, size_t i, size_t j, vec bound, vec v[WIDTH], ivec *bad) {
  for (int s = 0; s < WIDTH; s++) {
    v[s] = j + WIDTH <= n ? load(h[s] + i * n + j) : load_part(h[s] + i * n + j, n - j);
    *bad |= outside(v[s], bound);
  }
  transpose(v);
}

INLINE bool pack_interleaved(pa__packing packing, size_t n, const real *const *h, const real *r, const real *c,
                             real most, bool keep_diagonal, real *rows, real *diagonal) {
  vec bound = splat(most);
  ivec bad = {0};
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < n; j += WIDTH) {
      if (j + WIDTH > n && n > WIDTH) j = n - WIDTH; /* once more rather than in part */
      vec v[WIDTH];
      gather(h, n, i, j, bound, v, &bad);
      for (size_t e = 0; e < WIDTH && j + e < n; e++)
        store(rows + (i * n + j + e) * WIDTH,
              packed(packing, v[e], packing == PA__PACK_BOUNDED ? load(c) : splat(r[i] * c[j + e])));
    }
    real *own = rows + i * (n + 1) * WIDTH;
    store(diagonal + i * WIDTH, load(own));
    if (!keep_diagonal) store(own, splat(0));
  }
  return !any(bad);
}

static void transpose_matrix(const pa__layout *l, const pa__matrix *m) {
  size_t n = l->links, padded = l->length;
  for (size_t i = 0; i < n; i += WIDTH)
    for (size_t j = 0; j < n; j += WIDTH) {
      vec v[WIDTH];
      for (size_t k = 0; k < WIDTH; k++) v[k] = i + k < n ? load(m->rows + (i + k) * padded + j) : splat(0);
      transpose(v);
      for (size_t k = 0; k < WIDTH && j + k < n; k++) store(m->transposed + (j + k) * padded + i, v[k]);
    }
}

/* Rows [begin, end) of the source. */
INLINE bool pack_rows(pa__packing packing, const pa__layout *l, size_t begin, size_t end, const real *h, const real *r,
                      const real *c, real most, const pa__matrix *m) {
  size_t n = l->links;
  vec bound = splat(most);
  ivec bad = {0};
  for (size_t i = begin; i < end && i < n; i++) {
    const real *source = h + i * n;
    real *row = m->rows + i * l->length;
    vec factor = splat(packing == PA__PACK_BOUNDED ? c[0] : r[i]);
    for (size_t j = 0; j < l->length; j += WIDTH) {
      vec x = j + WIDTH <= n ? load(source + j) : load_part(source + j, n - j);
      bad |= outside(x, bound);
      store(row + j, packed(packing, x, packing == PA__PACK_BOUNDED ? factor : factor * load(c + j)));
    }
  }
  return !any(bad);
}

/* WIDTH x WIDTH elements from (i, j) on, transposed; `height` rows and `width` columns of them are in the matrix. */
INLINE void pack_tile(pa__packing packing, const pa__layout *l, size_t i, size_t j, size_t height, size_t width,
                      const real *h, const real *r, const real *c, vec bound, const pa__matrix *m, ivec *bad) {
  vec v[WIDTH], column = packing == PA__PACK_BOUNDED ? splat(c[0]) : load(c + j);
  const real *source = h + i * l->links + j;
  for (size_t k = 0; k < WIDTH; k++) {
    vec x = k >= height      ? splat(0)
            : width == WIDTH ? load(source + k * l->links)
                             : load_part(source + k * l->links, width);
    *bad |= outside(x, bound);
    v[k] = packed(packing, x, packing == PA__PACK_BOUNDED ? column : splat(r[i + k]) * column);
  }
  transpose(v);
  for (size_t k = 0; k < WIDTH; k++)
    if (k < width) store(m->rows + (j + k) * l->length + i, v[k]);
}

/* Rows [begin, end) of the source, which become columns. */
INLINE bool pack_columns(pa__packing packing, const pa__layout *l, size_t begin, size_t end, const real *h,
                         const real *r, const real *c, real most, const pa__matrix *m) {
  size_t n = l->links;
  vec bound = splat(most);
  ivec bad = {0};
  for (size_t i = begin; i < end; i += WIDTH) {
    size_t height = i + WIDTH <= n ? WIDTH : n - i, j = 0;
    if (height == WIDTH)
      for (; j + WIDTH <= n; j += WIDTH) pack_tile(packing, l, i, j, WIDTH, WIDTH, h, r, c, bound, m, &bad);
    for (; j < n; j += WIDTH)
      pack_tile(packing, l, i, j, height, j + WIDTH <= n ? WIDTH : n - j, h, r, c, bound, m, &bad);
  }
  return !any(bad);
}

/* A matrix that is packed from one sample. */
struct packing {
  pa__packing packing;
  const pa__layout *layout;
  const real *h, *r, *c;
  real bound;
  bool keep_diagonal;
  const pa__matrix *m;
  real *diagonal;
  atomic_bool bad;
};

#define PACK_SINGLE(PACKING)                                                                      \
  case PACKING:                                                                                   \
    good = p->m->flipped ? pack_columns(PACKING, l, begin, end, p->h, p->r, p->c, p->bound, p->m) \
                         : pack_rows(PACKING, l, begin, end, p->h, p->r, p->c, p->bound, p->m);   \
    break

static bool pack_single(const struct packing *p, size_t begin, size_t end) {
  const pa__layout *l = p->layout;
  bool good = true;
  switch (p->packing) {
    PACK_SINGLE(PA__PACK_AMPLITUDE);
    PACK_SINGLE(PA__PACK_GAIN);
    PACK_SINGLE(PA__PACK_SHARE);
    PACK_SINGLE(PA__PACK_BOUNDED);
  }
  for (size_t k = begin; k < end; k++) {
    real *own = k < l->links ? p->m->rows + k * (l->length + 1) : NULL;
    p->diagonal[k] = own ? *own : 0;
    if (own && !p->keep_diagonal) *own = 0;
  }
  return good;
}

static void pack_task(void *user, size_t worker, size_t task) {
  struct packing *p = user;
  pa__flush saved = pa__flush_begin();
  (void)worker;
  if (!pack_single(p, task * task_size(p->layout), task_end(p->layout, task))) p->bad = true;
  pa__flush_end(saved);
}

#define PACK_BLOCK(PACKING) \
  case PACKING:             \
    return pack_interleaved(PACKING, l->links, h, r, c, bound, keep_diagonal, m->rows, diagonal)

static bool pack(pa__packing packing, const pa__layout *l, const real *const *h, const real *r, const real *c,
                 real bound, bool keep_diagonal, const pa__matrix *m, real *diagonal) {
  if (l->pattern) return pa__sparse_pack(packing, l, h[0], r, c, bound, keep_diagonal, m, diagonal);
  if (l->width > 1) {
    switch (packing) {
      PACK_BLOCK(PA__PACK_AMPLITUDE);
      PACK_BLOCK(PA__PACK_GAIN);
      PACK_BLOCK(PA__PACK_SHARE);
      PACK_BLOCK(PA__PACK_BOUNDED);
    }
  }
  struct packing one = {packing, l, h[0], r, c, bound, keep_diagonal, m, diagonal, false};
  if (l->pool) {
    share(l, pack_task, &one);
    return !one.bad;
  }
  bool good = pack_single(&one, 0, l->length);
  if (m->transposed) transpose_matrix(l, m);
  return good;
}

static void square_all(size_t n, real *y, const real *x) {
  for (size_t k = 0; k < n; k += WIDTH) store(y + k, load(x + k) * load(x + k));
}

struct squares {
  const pa__layout *layout;
  real *y;
  const real *x;
};

static void square_task(void *user, size_t worker, size_t task) {
  const struct squares *s = user;
  size_t begin = task * task_size(s->layout), end = task_end(s->layout, task);
  pa__flush saved = pa__flush_begin();
  (void)worker;
  end = end < s->layout->links ? end : s->layout->links;
  if (begin < end)
    square_all((end - begin) * s->layout->length, s->y + begin * s->layout->length, s->x + begin * s->layout->length);
  pa__flush_end(saved);
}

static void square(const pa__layout *l, const pa__matrix *y, const pa__matrix *x) {
  if (l->pattern) {
    pa__sparse_square(l, y, x);
    return;
  }
  if (l->width == 1 && l->pool) {
    share(l, square_task, &(struct squares){l, y->rows, x->rows});
    return;
  }
  square_all(l->links * l->length, y->rows, x->rows);
  if (l->width == 1 && x->transposed) square_all(l->links * l->length, y->transposed, x->transposed);
}

static real *element(const pa__layout *l, real *matrix, size_t i, size_t j) {
  return matrix + (l->width > 1 ? (i * l->links + j) * l->width : i * l->length + j);
}

/* Row i of a single matrix times f[i], or column j of any times f[j]. */
static void scale_rows(const pa__layout *l, real *matrix, const real *f) {
  for (size_t i = 0; i < l->links; i++) {
    real *restrict row = matrix + i * l->length, by = f[i];
    NODEWISE
    for (size_t k = 0; k < l->length; k++) row[k] *= by;
  }
}

static void scale_columns(const pa__layout *l, real *matrix, const real *restrict f) {
  for (size_t i = 0; i < l->links; i++) {
    real *restrict row = element(l, matrix, i, 0);
    NODEWISE
    for (size_t k = 0; k < l->length; k++) row[k] *= f[k];
  }
}

static void scale(const pa__layout *l, const pa__matrix *x, const real *f) {
  if (l->pattern) {
    pa__sparse_scale(l, x, f);
    return;
  }
  (x->flipped ? scale_rows : scale_columns)(l, x->rows, f);
  if (x->transposed) scale_rows(l, x->transposed, f);
}

/* ---- small dense layers ---- */

/* outputs[o] = bias_o + sum_i weight[i][o] inputs[i], R vectors of O outputs at a time, i in order. */
#define DENSE_TILE(R, O)                                                             \
  do {                                                                               \
    vec sum[R][O];                                                                   \
    for (int q = 0; q < O; q++)                                                      \
      for (int p = 0; p < R; p++) sum[p][q] = splat(bias ? bias[o + (size_t)q] : 0); \
    for (size_t i = 0; i < inputs; i++) {                                            \
      const real *w = weight + i * outputs + o;                                      \
      for (int p = 0; p < R; p++) {                                                  \
        vec xi = load(x + i * n + k + (size_t)(p * WIDTH));                          \
        for (int q = 0; q < O; q++) sum[p][q] += xi * splat(w[q]);                   \
      }                                                                              \
    }                                                                                \
    for (int p = 0; p < R; p++)                                                      \
      for (int q = 0; q < O; q++) {                                                  \
        vec value = sum[p][q];                                                       \
        if (relu) value = at_least(value, 0);                                        \
        store(y + (o + (size_t)q) * n + k + (size_t)(p * WIDTH), value);             \
      }                                                                              \
  } while (0)

static void dense(size_t n, size_t inputs, size_t outputs, const real *restrict x, const real *restrict weight,
                  const real *restrict bias, bool relu, real *restrict y) {
  size_t o = 0;
  for (; o + 4 <= outputs; o += 4) {
    size_t k = 0;
    for (; k + 2 * WIDTH <= n; k += 2 * WIDTH) DENSE_TILE(2, 4);
    for (; k < n; k += WIDTH) DENSE_TILE(1, 4);
  }
  for (; o < outputs; o++) {
    size_t k = 0;
    for (; k + 4 * WIDTH <= n; k += 4 * WIDTH) DENSE_TILE(4, 1);
    for (; k < n; k += WIDTH) DENSE_TILE(1, 1);
  }
}

/* Sums over the nodes, of each sample. */
INLINE void put_sums(const pa__layout *l, vec sum, real *to) {
  if (l->width > 1) {
    store(to, sum);
    return;
  }
  *to = 0;
  for (int lane = 0; lane < WIDTH; lane++) *to += sum[lane];
}

#define OUTER_TILE(A, B)                                                                                               \
  do {                                                                                                                 \
    vec sum[A][B] = {{{0}}};                                                                                           \
    for (size_t k = 0; k < n; k += WIDTH) {                                                                            \
      vec yk[B];                                                                                                       \
      for (int q = 0; q < B; q++) yk[q] = load(y + (o + (size_t)q) * n + k);                                           \
      for (int p = 0; p < A; p++) {                                                                                    \
        vec xk = load(x + (i + (size_t)p) * n + k);                                                                    \
        for (int q = 0; q < B; q++) sum[p][q] += xk * yk[q];                                                           \
      }                                                                                                                \
    }                                                                                                                  \
    for (int p = 0; p < A; p++)                                                                                        \
      for (int q = 0; q < B; q++) put_sums(l, sum[p][q], products + ((i + (size_t)p) * b + o + (size_t)q) * l->width); \
  } while (0)

static void outer(const pa__layout *l, size_t a, size_t b, const real *restrict x, const real *restrict y,
                  real *restrict products) {
  size_t n = l->length, o = 0;
  for (; o + 4 <= b; o += 4) {
    size_t i = 0;
    for (; i + 2 <= a; i += 2) OUTER_TILE(2, 4);
    for (; i < a; i++) OUTER_TILE(1, 4);
  }
  for (; o < b; o++) {
    size_t i = 0;
    for (; i + 8 <= a; i += 8) OUTER_TILE(8, 1);
    for (; i + 4 <= a; i += 4) OUTER_TILE(4, 1);
    for (; i < a; i++) OUTER_TILE(1, 1);
  }
}

/* VECTORS vectors of nodes, from number k on, through one unit. */
#define PERCEPTRON(VECTORS)                                                                                            \
  do {                                                                                                                 \
    vec near[VECTORS] = {{0}}, far[VECTORS] = {{0}};                                                                   \
    for (size_t c = u * width; c < (u + 1) * width; c++) {                                                             \
      vec h[VECTORS];                                                                                                  \
      for (size_t p = 0; p < VECTORS; p++) h[p] = splat(bias[c]);                                                      \
      for (size_t i = 0; i < inputs; i++)                                                                              \
        for (size_t p = 0; p < VECTORS; p++) h[p] += splat(first[i * all + c]) * load(x + i * stride + k + p * WIDTH); \
      for (size_t p = 0; p < VECTORS; p++) {                                                                           \
        h[p] = at_least(h[p], 0);                                                                                      \
        if (hidden) store(hidden + c * stride + k + p * WIDTH, h[p]);                                                  \
        near[p] += splat(second[c]) * h[p];                                                                            \
        far[p] += splat(second[all + c]) * h[p];                                                                       \
      }                                                                                                                \
    }                                                                                                                  \
    for (size_t p = 0; p < VECTORS; p++) {                                                                             \
      store(y + u * stride + k + p * WIDTH, near[p]);                                                                  \
      store(y + (units + u) * stride + k + p * WIDTH, far[p]);                                                         \
    }                                                                                                                  \
  } while (0)

INLINE void perceptrons_of(size_t stride, size_t n, size_t inputs, size_t units, size_t width, const real *restrict x,
                           const real *restrict first, const real *restrict bias, const real *restrict second,
                           real *restrict hidden, real *restrict y) {
  size_t all = units * width;
  for (size_t u = 0; u < units; u++) {
    size_t k = 0;
    for (; k + 4 * WIDTH <= n; k += 4 * WIDTH) PERCEPTRON(4);
    for (; k < n; k += WIDTH) PERCEPTRON(1);
  }
}

/* Inputs of the two architectures of UWMMSE; their number is a constant in their own copies of the loops. */
enum { FEW_INPUTS = 2, MOST_INPUTS = 8 };

static void perceptrons(size_t stride, size_t n, size_t inputs, size_t units, size_t width, const real *x,
                        const real *first, const real *bias, const real *second, real *hidden, real *y) {
  if (inputs == FEW_INPUTS && !hidden)
    perceptrons_of(stride, n, FEW_INPUTS, units, width, x, first, bias, second, NULL, y);
  else if (inputs == FEW_INPUTS)
    perceptrons_of(stride, n, FEW_INPUTS, units, width, x, first, bias, second, hidden, y);
  else
    perceptrons_of(stride, n, inputs, units, width, x, first, bias, second, hidden, y);
}

INLINE void perceptrons_back(const pa__layout *l, size_t inputs, size_t units, size_t width, const real *restrict x,
                             const real *restrict hidden, const real *restrict second, const real *restrict d_y,
                             real *restrict d_first, real *restrict d_bias, real *restrict d_second) {
  size_t n = l->length, all = units * width, w = l->width;
  for (size_t c = 0; c < all; c++) {
    const real *near = d_y + c / width * n, *far = near + units * n, *h = hidden + c * n;
    vec to_near = {0}, to_far = {0}, to_bias = {0}, to_first[MOST_INPUTS] = {{0}};
    for (size_t k = 0; k < n; k += WIDTH) {
      vec hk = load(h + k), near_k = load(near + k), far_k = load(far + k);
      vec d_h = select(hk > 0, splat(second[c]) * near_k + splat(second[all + c]) * far_k, splat(0));
      to_near += hk * near_k;
      to_far += hk * far_k;
      to_bias += d_h;
      for (size_t i = 0; i < inputs; i++) to_first[i] += d_h * load(x + i * n + k);
    }
    put_sums(l, to_near, d_second + c * w);
    put_sums(l, to_far, d_second + (all + c) * w);
    put_sums(l, to_bias, d_bias + c * w);
    for (size_t i = 0; i < inputs; i++) put_sums(l, to_first[i], d_first + (i * all + c) * w);
  }
}

static void perceptrons_backward(const pa__layout *l, size_t inputs, size_t units, size_t width, const real *x,
                                 const real *hidden, const real *second, const real *d_y, real *d_first, real *d_bias,
                                 real *d_second) {
  if (inputs == FEW_INPUTS)
    perceptrons_back(l, FEW_INPUTS, units, width, x, hidden, second, d_y, d_first, d_bias, d_second);
  else
    perceptrons_back(l, MOST_INPUTS, units, width, x, hidden, second, d_y, d_first, d_bias, d_second);
}

/* ---- random numbers ---- */

/* BLOCKS at a time hide the latency of one. */
enum { BLOCKS = 2, LANES = BYTES / 8 };

/* Two vectors of 64 random bits from each block of LANES counters, index on: see pa__philox(). */
INLINE void philox(uint64_t key, uint64_t counter, uint64_t index, wide bits[BLOCKS][2]) {
  const wide low = wsplat(0xffffffffu), m0 = wsplat(PA__PHILOX_M0), m1 = wsplat(PA__PHILOX_M1);
  wide c[BLOCKS][4], lane;
  for (int q = 0; q < LANES; q++) lane[q] = index + (uint64_t)q;
  for (int b = 0; b < BLOCKS; b++, lane += LANES) {
    c[b][0] = lane & low;
    c[b][1] = wsplat(counter & 0xffffffffu);
    c[b][2] = wsplat(counter >> 32);
    c[b][3] = lane >> 32;
  }
  wide k0 = wsplat((uint32_t)key), k1 = wsplat(key >> 32);
  for (int round = 0; round < 10; round++) {
    for (int b = 0; b < BLOCKS; b++) {
      wide p0 = multiply32(c[b][0], m0), p1 = multiply32(c[b][2], m1);
      c[b][0] = (p1 >> 32) ^ c[b][1] ^ k0;
      c[b][2] = (p0 >> 32) ^ c[b][3] ^ k1;
      c[b][1] = p1 & low;
      c[b][3] = p0 & low;
    }
    k0 = (k0 + PA__PHILOX_W0) & low;
    k1 = (k1 + PA__PHILOX_W1) & low;
  }
  for (int b = 0; b < BLOCKS; b++) {
    bits[b][0] = c[b][0] | c[b][1] << 32;
    bits[b][1] = c[b][2] | c[b][3] << 32;
  }
}

/* (x + 1/2) 2^-n for the top n bits x, see pa__random_uniform(); n = 52, or 23 of 32 bits in single precision. */
INLINE vec uniform_of(wide bits) {
#ifdef PA_SINGLE
  return (vec)(((uvec)bits >> 9) | 0x3f800000u) - (1.f - 0x1p-24f);
#else
  return (vec)((bits >> 12) | 0x3ff0000000000000u) - (1.0 - 0x1p-53);
#endif
}

INLINE vec rayleigh_of(wide bits) { return square_root(-2 * vec_log(uniform_of(bits))); }

enum { DRAW_STEP = 2 * BLOCKS * WIDTH, PER_BLOCK = 16 / sizeof(real) };

INLINE void draw_step(vec (*of)(wide bits), uint64_t key, uint64_t counter, uint64_t index, real *h) {
  wide bits[BLOCKS][2];
  philox(key, counter, index, bits);
  for (int b = 0; b < BLOCKS; b++) {
    store(h + 2 * b * WIDTH, of(interleave_low(bits[b][0], bits[b][1])));
    store(h + 2 * b * WIDTH + WIDTH, of(interleave_high(bits[b][0], bits[b][1])));
  }
}

INLINE void draw(vec (*of)(wide bits), uint64_t key, uint64_t counter, size_t n, real *h) {
  size_t e = 0;
  for (; e + DRAW_STEP <= n; e += DRAW_STEP) draw_step(of, key, counter, e / PER_BLOCK, h + e);
  if (e < n) {
    real rest[DRAW_STEP];
    draw_step(of, key, counter, e / PER_BLOCK, rest);
    memcpy(h + e, rest, (n - e) * sizeof(real));
  }
}

static void uniform(uint64_t key, uint64_t counter, size_t n, real *h) { draw(uniform_of, key, counter, n, h); }

static void rayleigh(uint64_t key, uint64_t counter, size_t n, real *h) { draw(rayleigh_of, key, counter, n, h); }

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define SET_baseline PA__BASELINE
#define SET_avx2 PA__AVX2
#define SET_avx512 PA__AVX512
#define SET__JOIN(set) SET_##set
#define SET(set) SET__JOIN(set)

extern const pa__la KERNEL(la);
const pa__la KERNEL(la) = {.name = TEXT(PA_KERNEL_SET),
                           .set = SET(PA_KERNEL_SET),
                           .width = WIDTH,
                           .shift = shift,
                           .shift_transposed = shift_transposed,
                           .round = round_of,
                           .exp = map_exp,
                           .log = map_log,
                           .sigmoid = map_sigmoid,
                           .pack = pack,
                           .square = square,
                           .scale = scale,
                           .dense = dense,
                           .outer = outer,
                           .perceptrons = perceptrons,
                           .perceptrons_backward = perceptrons_backward,
                           .within = within,
                           .uniform = uniform,
                           .rayleigh = rayleigh};
