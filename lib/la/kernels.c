/* Kernels of the numeric port, compiled once per instruction set. */
#include "kernel_set.h"
#include "la.h"
#include "../base/random.h"
#include "vec.h"

#include <float.h>

/* ROWS x COLUMNS tile of a shift: output vector r of column c is sum_k a[r][k] z[c][k], k in order. */
#define TILE(ROWS, COLUMNS, BROADCAST)                                                                               \
  do {                                                                                                               \
    vec sum[ROWS][COLUMNS] = {{{0}}};                                                                                \
    const double *ak = a + r * row_step;                                                                             \
    for (size_t k = 0; k < inner; k++, ak += inner_step) {                                                           \
      vec zk[COLUMNS];                                                                                               \
      for (int q = 0; q < COLUMNS; q++)                                                                              \
        zk[q] = BROADCAST ? splat(z[(c + (size_t)q) * length + k]) : load(z + (c + (size_t)q) * length + k * WIDTH); \
      for (int p = 0; p < ROWS; p++) {                                                                               \
        vec apk = load(ak + (size_t)p * row_step);                                                                   \
        for (int q = 0; q < COLUMNS; q++) sum[p][q] += apk * zk[q];                                                  \
      }                                                                                                              \
    }                                                                                                                \
    for (int p = 0; p < ROWS; p++)                                                                                   \
      for (int q = 0; q < COLUMNS; q++) store(y + (c + (size_t)q) * length + (r + (size_t)p) * WIDTH, sum[p][q]);    \
  } while (0)

#define SWEEP(BROADCAST)                                      \
  do {                                                        \
    size_t c = 0;                                             \
    for (; c + 4 <= columns; c += 4) {                        \
      size_t r = 0;                                           \
      for (; r + 2 <= outputs; r += 2) TILE(2, 4, BROADCAST); \
      for (; r < outputs; r++) TILE(1, 4, BROADCAST);         \
    }                                                         \
    for (; c < columns; c++) {                                \
      size_t r = 0;                                           \
      for (; r + 8 <= outputs; r += 8) TILE(8, 1, BROADCAST); \
      for (; r + 4 <= outputs; r += 4) TILE(4, 1, BROADCAST); \
      for (; r < outputs; r++) TILE(1, 1, BROADCAST);         \
    }                                                         \
  } while (0)

static void sweep(size_t outputs, size_t inner, const double *a, size_t row_step, size_t inner_step, bool broadcast,
                  double *restrict y, const double *restrict z, size_t columns, size_t length) {
  if (broadcast)
    SWEEP(true);
  else
    SWEEP(false);
}

static void shift(const pa__layout *l, double *y, const pa__matrix *a, const double *z, size_t columns) {
  if (l->width > 1)
    sweep(l->links, l->links, a->rows, l->links * WIDTH, WIDTH, false, y, z, columns, l->length);
  else
    sweep(l->length / WIDTH, l->links, a->transposed, WIDTH, l->length, true, y, z, columns, l->length);
}

static void shift_transposed(const pa__layout *l, double *y, const pa__matrix *a, const double *z, size_t columns) {
  if (l->width > 1)
    sweep(l->links, l->links, a->rows, WIDTH, l->links * WIDTH, false, y, z, columns, l->length);
  else
    sweep(l->length / WIDTH, l->links, a->rows, WIDTH, l->length, true, y, z, columns, l->length);
}

static void map_exp(size_t n, double *y, const double *x) {
  for (size_t k = 0; k < n; k += WIDTH) store(y + k, vec_exp(load(x + k)));
}

static void map_log(size_t n, double *y, const double *x) {
  for (size_t k = 0; k < n; k += WIDTH) store(y + k, vec_log(load(x + k)));
}

static void map_sigmoid(size_t n, double *y, const double *x) {
  for (size_t k = 0; k < n; k += WIDTH) store(y + k, 1.0 / (1.0 + vec_exp(-load(x + k))));
}

INLINE vec gather(const double *const *h, size_t at) {
  vec v;
  for (int lane = 0; lane < WIDTH; lane++) v[lane] = h[lane][at];
  return v;
}

static void transpose(const pa__layout *l, const pa__matrix *m) {
  enum { TILE_SIDE = 16 };
  size_t n = l->links, padded = l->length;
  for (size_t i0 = 0; i0 < n; i0 += TILE_SIDE)
    for (size_t j = 0; j < n; j++)
      for (size_t i = i0; i < n && i < i0 + TILE_SIDE; i++) m->transposed[j * padded + i] = m->rows[i * padded + j];
  for (size_t j = 0; j < n; j++)
    for (size_t k = n; k < padded; k++) m->transposed[j * padded + k] = 0;
}

enum packing { GAIN, SCALED, BOUNDED };

INLINE vec packed(enum packing kind, vec h, vec parameter) {
  return kind == GAIN ? h * h * parameter : kind == SCALED ? h * parameter : h / (h + parameter);
}

/* One of the three packs. Interleaved, a vector is element (i, j) of WIDTH samples; single, it is WIDTH columns of row
 * i, the last one padded with amplitude 0. */
INLINE void pack(enum packing kind, const pa__layout *l, const double *const *h, const double *row_scale,
                 const double *column_scale, vec constant, const pa__matrix *m, double *diagonal) {
  size_t n = l->links;
  if (l->width > 1) {
    for (size_t i = 0; i < n; i++) {
      for (size_t j = 0; j < n; j++) {
        vec parameter = kind == GAIN ? splat(row_scale[i] * column_scale[j]) : constant;
        store(m->rows + (i * n + j) * WIDTH, packed(kind, gather(h, i * n + j), parameter));
      }
      double *own = m->rows + (i * n + i) * WIDTH;
      store(diagonal + i * WIDTH, load(own));
      if (kind == GAIN) store(own, splat(0));
    }
    return;
  }
  for (size_t i = 0; i < n; i++) {
    const double *source = h[0] + i * n;
    double *row = m->rows + i * l->length;
    for (size_t j = 0; j < l->length; j += WIDTH) {
      vec x = {0};
      memcpy(&x, source + j, (j + WIDTH <= n ? (size_t)WIDTH : n - j) * sizeof(double));
      store(row + j, packed(kind, x, kind == GAIN ? splat(row_scale[i]) * load(column_scale + j) : constant));
    }
    diagonal[i] = row[i];
    if (kind == GAIN) row[i] = 0;
  }
  for (size_t k = n; k < l->length; k++) diagonal[k] = 0;
  transpose(l, m);
}

static void pack_gain(const pa__layout *l, const double *const *h, const double *row_scale, const double *column_scale,
                      const pa__matrix *m, double *diagonal) {
  pack(GAIN, l, h, row_scale, column_scale, splat(0), m, diagonal);
}

static void pack_scaled(const pa__layout *l, const double *const *h, double scale, const pa__matrix *m,
                        double *diagonal) {
  pack(SCALED, l, h, NULL, NULL, splat(scale), m, diagonal);
}

static void pack_bounded(const pa__layout *l, const double *const *h, const double *c, const pa__matrix *m,
                         double *diagonal) {
  pack(BOUNDED, l, h, NULL, NULL, l->width > 1 ? load(c) : splat(c[0]), m, diagonal);
}

/* outputs[o] = bias_o + sum_i weight[i][o] inputs[i], R vectors of O outputs at a time, i in order. */
#define DENSE_TILE(R, O)                                                             \
  do {                                                                               \
    vec sum[R][O];                                                                   \
    for (int q = 0; q < O; q++)                                                      \
      for (int p = 0; p < R; p++) sum[p][q] = splat(bias ? bias[o + (size_t)q] : 0); \
    for (size_t i = 0; i < inputs; i++) {                                            \
      const double *w = weight + i * outputs + o;                                    \
      for (int p = 0; p < R; p++) {                                                  \
        vec xi = load(x + i * n + k + (size_t)(p * WIDTH));                          \
        for (int q = 0; q < O; q++) sum[p][q] += xi * splat(w[q]);                   \
      }                                                                              \
    }                                                                                \
    for (int p = 0; p < R; p++)                                                      \
      for (int q = 0; q < O; q++) {                                                  \
        vec value = sum[p][q];                                                       \
        if (relu) value = select(value > 0, value, splat(0));                        \
        store(y + (o + (size_t)q) * n + k + (size_t)(p * WIDTH), value);             \
      }                                                                              \
  } while (0)

static void dense(size_t n, size_t inputs, size_t outputs, const double *restrict x, const double *restrict weight,
                  const double *restrict bias, bool relu, double *restrict y) {
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

#define OUTER_TILE(A, B)                                                           \
  do {                                                                             \
    vec sum[A][B] = {{{0}}};                                                       \
    for (size_t k = 0; k < n; k += WIDTH) {                                        \
      vec yk[B];                                                                   \
      for (int q = 0; q < B; q++) yk[q] = load(y + (o + (size_t)q) * n + k);       \
      for (int p = 0; p < A; p++) {                                                \
        vec xk = load(x + (i + (size_t)p) * n + k);                                \
        for (int q = 0; q < B; q++) sum[p][q] += xk * yk[q];                       \
      }                                                                            \
    }                                                                              \
    for (int p = 0; p < A; p++)                                                    \
      for (int q = 0; q < B; q++) {                                                \
        double *out = products + ((i + (size_t)p) * b + o + (size_t)q) * l->width; \
        if (l->width > 1)                                                          \
          store(out, sum[p][q]);                                                   \
        else {                                                                     \
          *out = 0;                                                                \
          for (int lane = 0; lane < WIDTH; lane++) *out += sum[p][q][lane];        \
        }                                                                          \
      }                                                                            \
  } while (0)

static void outer(const pa__layout *l, size_t a, size_t b, const double *restrict x, const double *restrict y,
                  double *restrict products) {
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

static bool within(size_t n, const double *h, double bound) {
  vec worst = {0};
  size_t k = 0;
  /* NaN and what is out of range are caught as not (0 <= h <= bound). */
  ivec bad = {0};
  for (; k + WIDTH <= n; k += WIDTH) {
    vec x = load(h + k);
    bad |= ~((x >= worst) & (x <= bound));
  }
  for (int lane = 0; lane < WIDTH; lane++)
    if (bad[lane]) return false;
  for (; k < n; k++)
    if (!(h[k] >= 0 && h[k] <= bound)) return false;
  return true;
}

/* BLOCKS at a time hide the latency of one. */
enum { BLOCKS = 2 };

/* Two vectors of 64 random bits from each block of WIDTH counters, index on: see pa__philox(). */
INLINE void philox(uint64_t key, uint64_t counter, uint64_t index, uvec bits[BLOCKS][2]) {
  const uvec low = usplat(0xffffffffu), m0 = usplat(PA__PHILOX_M0), m1 = usplat(PA__PHILOX_M1);
  uvec c[BLOCKS][4], lane;
  for (int q = 0; q < WIDTH; q++) lane[q] = index + (uint64_t)q;
  for (int b = 0; b < BLOCKS; b++, lane += WIDTH) {
    c[b][0] = lane & low;
    c[b][1] = usplat(counter & 0xffffffffu);
    c[b][2] = usplat(counter >> 32);
    c[b][3] = lane >> 32;
  }
  uvec k0 = usplat((uint32_t)key), k1 = usplat(key >> 32);
  for (int round = 0; round < 10; round++) {
    for (int b = 0; b < BLOCKS; b++) {
      uvec p0 = multiply32(c[b][0], m0), p1 = multiply32(c[b][2], m1);
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

/* (x + 1/2) 2^-52 for the top 52 bits x, see pa__random_uniform(). */
INLINE vec uniform_of(uvec bits) { return (vec)((bits >> 12) | 0x3ff0000000000000u) - (1.0 - 0x1p-53); }

INLINE vec rayleigh_of(uvec bits) { return square_root(-2.0 * vec_log(uniform_of(bits))); }

enum { DRAW_STEP = 2 * BLOCKS * WIDTH };

INLINE void draw_step(vec (*of)(uvec bits), uint64_t key, uint64_t counter, uint64_t index, double *h) {
  uvec bits[BLOCKS][2];
  philox(key, counter, index, bits);
  for (int b = 0; b < BLOCKS; b++) {
    vec even = of(bits[b][0]), odd = of(bits[b][1]);
    store(h + 2 * b * WIDTH, interleave_low(even, odd));
    store(h + 2 * b * WIDTH + WIDTH, interleave_high(even, odd));
  }
}

INLINE void draw(vec (*of)(uvec bits), uint64_t key, uint64_t counter, size_t n, double *h) {
  size_t e = 0;
  for (; e + DRAW_STEP <= n; e += DRAW_STEP) draw_step(of, key, counter, e / 2, h + e);
  if (e < n) {
    double rest[DRAW_STEP];
    draw_step(of, key, counter, e / 2, rest);
    memcpy(h + e, rest, (n - e) * sizeof(double));
  }
}

static void uniform(uint64_t key, uint64_t counter, size_t n, double *h) { draw(uniform_of, key, counter, n, h); }

static void rayleigh(uint64_t key, uint64_t counter, size_t n, double *h) { draw(rayleigh_of, key, counter, n, h); }

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
                           .exp = map_exp,
                           .log = map_log,
                           .sigmoid = map_sigmoid,
                           .pack_gain = pack_gain,
                           .pack_scaled = pack_scaled,
                           .pack_bounded = pack_bounded,
                           .dense = dense,
                           .outer = outer,
                           .within = within,
                           .uniform = uniform,
                           .rayleigh = rayleigh};
