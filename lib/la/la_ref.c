/* The numeric port in plain C: the truth that every other table is checked against. Its layouts are those of a
 * vector of four numbers, and dense: sparse matrices are checked against full ones. */
#include "../base/random.h"
#include "la.h"

#include <math.h>

enum { WIDTH = 4 };

/* Element (i, j) of a matrix for a sample of the block. */
static real element(const pa__layout *l, const pa__matrix *m, size_t i, size_t j, size_t sample) {
  if (l->width > 1) return m->rows[(i * l->links + j) * l->width + sample];
  return m->flipped ? m->rows[j * l->length + i] : m->rows[i * l->length + j];
}

static void set(const pa__layout *l, const pa__matrix *m, size_t i, size_t j, size_t sample, real value) {
  if (l->width > 1) {
    m->rows[(i * l->links + j) * l->width + sample] = value;
  } else {
    m->rows[m->flipped ? j * l->length + i : i * l->length + j] = value;
    if (m->transposed) m->transposed[j * l->length + i] = value;
  }
}

static void product(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns, bool transposed) {
  for (size_t c = 0; c < columns; c++) {
    for (size_t k = 0; k < l->length; k++) y[c * l->length + k] = 0;
    for (size_t s = 0; s < l->width; s++)
      for (size_t i = 0; i < l->links; i++)
        for (size_t j = 0; j < l->links; j++)
          y[c * l->length + i * l->width + s] +=
              (transposed ? element(l, a, j, i, s) : element(l, a, i, j, s)) * z[c * l->length + j * l->width + s];
  }
}

static void shift(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  product(l, y, a, z, columns, false);
}

static void shift_transposed(const pa__layout *l, real *y, const pa__matrix *a, const real *z, size_t columns) {
  product(l, y, a, z, columns, true);
}

static void round_of(const pa__layout *l, real *y, real *x, const pa__matrix *a, const real *z, const real *p,
                     pa__update_fn *update, void *user) {
  shift(l, y, a, z, 1);
  update(user, 0, l->length);
  shift_transposed(l, x, a, p, 1);
}

/* Beyond these exp is 0 or infinite. */
static const double least = sizeof(real) == 4 ? -86.9 : -708, most = sizeof(real) == 4 ? 88.7228 : 709.7,
                    least_normal = sizeof(real) == 4 ? 0x1p-126 : 0x1p-1022;

static void map_exp(size_t n, real *y, const real *x) {
  for (size_t k = 0; k < n; k++) y[k] = (real)(x[k] < (real)least ? 0 : x[k] > (real)most ? INFINITY : exp(x[k]));
}

static void map_log(size_t n, real *y, const real *x) {
  for (size_t k = 0; k < n; k++) y[k] = (real)log(x[k] < (real)least_normal ? least_normal : x[k]);
}

static void map_sigmoid(size_t n, real *y, const real *x) {
  for (size_t k = 0; k < n; k++) {
    double inside = x[k] < least ? least : x[k] > -least ? -least : (double)x[k];
    y[k] = (real)(1 / (1 + exp(-inside)));
  }
}

static bool pack(pa__packing packing, const pa__layout *l, const real *const *h, const real *r, const real *c,
                 real bound, bool keep_diagonal, const pa__matrix *m, real *diagonal) {
  bool good = true;
  for (size_t k = 0; k < l->length; k++) diagonal[k] = 0;
  for (size_t k = 0; k < l->links * l->length; k++) m->rows[k] = 0;
  for (size_t k = 0; m->transposed && k < l->links * l->length; k++) m->transposed[k] = 0;
  for (size_t s = 0; s < l->width; s++)
    for (size_t i = 0; i < l->links; i++)
      for (size_t j = 0; j < l->links; j++) {
        real x = h[s][i * l->links + j];
        good &= x >= 0 && x <= bound;
        real value = packing == PA__PACK_BOUNDED ? x / (x + c[s]) : x * (r[i] * c[j]);
        if (packing == PA__PACK_GAIN || packing == PA__PACK_SHARE) value *= value;
        if (packing == PA__PACK_SHARE) value /= 1 + value;
        set(l, m, i, j, s, i == j && !keep_diagonal ? 0 : value);
        if (i == j) diagonal[i * l->width + s] = value;
      }
  return good;
}

static void square(const pa__layout *l, const pa__matrix *y, const pa__matrix *x) {
  for (size_t k = 0; k < l->links * l->length; k++) {
    y->rows[k] = x->rows[k] * x->rows[k];
    if (l->width == 1 && x->transposed) y->transposed[k] = x->transposed[k] * x->transposed[k];
  }
}

static void scale(const pa__layout *l, const pa__matrix *x, const real *f) {
  for (size_t s = 0; s < l->width; s++)
    for (size_t i = 0; i < l->links; i++)
      for (size_t j = 0; j < l->links; j++) set(l, x, i, j, s, element(l, x, i, j, s) * f[j * l->width + s]);
}

static void dense(size_t n, size_t inputs, size_t outputs, const real *x, const real *weight, const real *bias,
                  bool relu, real *y) {
  for (size_t o = 0; o < outputs; o++)
    for (size_t k = 0; k < n; k++) {
      real sum = bias ? bias[o] : 0;
      for (size_t i = 0; i < inputs; i++) sum += weight[i * outputs + o] * x[i * n + k];
      y[o * n + k] = relu && !(sum > 0) ? 0 : sum;
    }
}

static void outer(const pa__layout *l, size_t a, size_t b, const real *x, const real *y, real *products) {
  for (size_t i = 0; i < a; i++)
    for (size_t o = 0; o < b; o++)
      for (size_t s = 0; s < l->width; s++) {
        real sum = 0;
        for (size_t k = s; k < l->length; k += l->width) sum += x[i * l->length + k] * y[o * l->length + k];
        products[(i * b + o) * l->width + s] = sum;
      }
}

static void perceptrons(size_t stride, size_t n, size_t inputs, size_t units, size_t width, const real *x,
                        const real *first, const real *bias, const real *second, real *hidden, real *y) {
  size_t all = units * width;
  for (size_t u = 0; u < units; u++)
    for (size_t k = 0; k < n; k++) {
      y[u * stride + k] = y[(units + u) * stride + k] = 0;
      for (size_t c = u * width; c < (u + 1) * width; c++) {
        real sum = bias[c];
        for (size_t i = 0; i < inputs; i++) sum += first[i * all + c] * x[i * stride + k];
        sum = sum > 0 ? sum : 0;
        if (hidden) hidden[c * stride + k] = sum;
        y[u * stride + k] += second[c] * sum;
        y[(units + u) * stride + k] += second[all + c] * sum;
      }
    }
}

static void perceptrons_backward(const pa__layout *l, size_t inputs, size_t units, size_t width, const real *x,
                                 const real *hidden, const real *second, const real *d_y, real *d_first, real *d_bias,
                                 real *d_second) {
  size_t n = l->length, all = units * width, w = l->width;
  for (size_t c = 0; c < all; c++)
    for (size_t s = 0; s < w; s++) {
      const real *near = d_y + c / width * n, *far = near + units * n;
      d_bias[c * w + s] = d_second[c * w + s] = d_second[(all + c) * w + s] = 0;
      for (size_t i = 0; i < inputs; i++) d_first[(i * all + c) * w + s] = 0;
      for (size_t k = s; k < n; k += w) {
        real h = hidden[c * n + k], d_h = h > 0 ? second[c] * near[k] + second[all + c] * far[k] : 0;
        d_second[c * w + s] += h * near[k];
        d_second[(all + c) * w + s] += h * far[k];
        d_bias[c * w + s] += d_h;
        for (size_t i = 0; i < inputs; i++) d_first[(i * all + c) * w + s] += d_h * x[i * n + k];
      }
    }
}

static bool within(size_t n, const real *h, real bound) {
  for (size_t k = 0; k < n; k++)
    if (!(h[k] >= 0 && h[k] <= bound)) return false;
  return true;
}

#ifdef PA_SINGLE

static void uniform(uint64_t key, uint64_t counter, size_t n, real *u) {
  for (size_t k = 0; k < n; k++) u[k] = pa__random_uniform_f32(key, counter, k);
}

#else

static void uniform(uint64_t key, uint64_t counter, size_t n, real *u) {
  for (size_t k = 0; k < n; k++) u[k] = pa__random_uniform(key, counter, k);
}

#endif

static void rayleigh(uint64_t key, uint64_t counter, size_t n, real *h) {
  uniform(key, counter, n, h);
  for (size_t k = 0; k < n; k++) h[k] = (real)sqrt(-2 * log(h[k]));
}

const pa__la pa__la_ref = {.name = "reference",
                           .set = PA__BASELINE,
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
