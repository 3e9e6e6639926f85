/* The numeric port in plain C: the truth that every other table is checked against. Its layouts are those of a
 * vector of four doubles. */
#include "../base/random.h"
#include "la.h"

#include <math.h>

enum { WIDTH = 4 };

/* Element (i, j) of a matrix for a sample of the block. */
static double element(const pa__layout *l, const pa__matrix *m, size_t i, size_t j, size_t sample) {
  return l->width > 1 ? m->rows[(i * l->links + j) * l->width + sample] : m->rows[i * l->length + j];
}

static void set(const pa__layout *l, const pa__matrix *m, size_t i, size_t j, size_t sample, double value) {
  if (l->width > 1) {
    m->rows[(i * l->links + j) * l->width + sample] = value;
  } else {
    m->rows[i * l->length + j] = value;
    m->transposed[j * l->length + i] = value;
  }
}

static void product(const pa__layout *l, double *y, const pa__matrix *a, const double *z, size_t columns,
                    bool transposed) {
  for (size_t c = 0; c < columns; c++) {
    for (size_t k = 0; k < l->length; k++) y[c * l->length + k] = 0;
    for (size_t s = 0; s < l->width; s++)
      for (size_t i = 0; i < l->links; i++)
        for (size_t j = 0; j < l->links; j++)
          y[c * l->length + i * l->width + s] +=
              (transposed ? element(l, a, j, i, s) : element(l, a, i, j, s)) * z[c * l->length + j * l->width + s];
  }
}

static void shift(const pa__layout *l, double *y, const pa__matrix *a, const double *z, size_t columns) {
  product(l, y, a, z, columns, false);
}

static void shift_transposed(const pa__layout *l, double *y, const pa__matrix *a, const double *z, size_t columns) {
  product(l, y, a, z, columns, true);
}

static void map_exp(size_t n, double *y, const double *x) {
  for (size_t k = 0; k < n; k++) y[k] = x[k] < -708 ? 0 : x[k] > 709.7 ? INFINITY : exp(x[k]);
}

static void map_log(size_t n, double *y, const double *x) {
  for (size_t k = 0; k < n; k++) y[k] = log(x[k] < 0x1p-1022 ? 0x1p-1022 : x[k]);
}

static void map_sigmoid(size_t n, double *y, const double *x) {
  map_exp(n, y, x);
  for (size_t k = 0; k < n; k++) y[k] = isinf(y[k]) ? 1 : y[k] / (1 + y[k]);
}

static void clear(const pa__layout *l, const pa__matrix *m, double *diagonal) {
  for (size_t k = 0; k < l->length; k++) diagonal[k] = 0;
  for (size_t k = 0; k < l->links * l->length; k++) {
    m->rows[k] = 0;
    if (m->transposed) m->transposed[k] = 0;
  }
}

static void pack_gain(const pa__layout *l, const double *const *h, const double *row_scale, const double *column_scale,
                      const pa__matrix *m, double *diagonal) {
  clear(l, m, diagonal);
  for (size_t s = 0; s < l->width; s++)
    for (size_t i = 0; i < l->links; i++)
      for (size_t j = 0; j < l->links; j++) {
        double x = h[s][i * l->links + j], gain = x * x * (row_scale[i] * column_scale[j]);
        set(l, m, i, j, s, i == j ? 0 : gain);
        if (i == j) diagonal[i * l->width + s] = gain;
      }
}

static void pack_scaled(const pa__layout *l, const double *const *h, double scale, const pa__matrix *m,
                        double *diagonal) {
  clear(l, m, diagonal);
  for (size_t s = 0; s < l->width; s++)
    for (size_t i = 0; i < l->links; i++)
      for (size_t j = 0; j < l->links; j++) {
        double value = scale * h[s][i * l->links + j];
        set(l, m, i, j, s, value);
        if (i == j) diagonal[i * l->width + s] = value;
      }
}

static void pack_bounded(const pa__layout *l, const double *const *h, const double *c, const pa__matrix *m,
                         double *diagonal) {
  clear(l, m, diagonal);
  for (size_t s = 0; s < l->width; s++)
    for (size_t i = 0; i < l->links; i++)
      for (size_t j = 0; j < l->links; j++) {
        double x = h[s][i * l->links + j], value = x / (x + c[s]);
        set(l, m, i, j, s, value);
        if (i == j) diagonal[i * l->width + s] = value;
      }
}

static void dense(size_t n, size_t inputs, size_t outputs, const double *x, const double *weight, const double *bias,
                  bool relu, double *y) {
  for (size_t o = 0; o < outputs; o++)
    for (size_t k = 0; k < n; k++) {
      double sum = bias ? bias[o] : 0;
      for (size_t i = 0; i < inputs; i++) sum += weight[i * outputs + o] * x[i * n + k];
      y[o * n + k] = relu && !(sum > 0) ? 0 : sum;
    }
}

static void outer(const pa__layout *l, size_t a, size_t b, const double *x, const double *y, double *products) {
  for (size_t i = 0; i < a; i++)
    for (size_t o = 0; o < b; o++)
      for (size_t s = 0; s < l->width; s++) {
        double sum = 0;
        for (size_t k = s; k < l->length; k += l->width) sum += x[i * l->length + k] * y[o * l->length + k];
        products[(i * b + o) * l->width + s] = sum;
      }
}

static bool within(size_t n, const double *h, double bound) {
  for (size_t k = 0; k < n; k++)
    if (!(h[k] >= 0 && h[k] <= bound)) return false;
  return true;
}

static void uniform(uint64_t key, uint64_t counter, size_t n, double *u) {
  for (size_t k = 0; k < n; k++) u[k] = pa__random_uniform(key, counter, k);
}

static void rayleigh(uint64_t key, uint64_t counter, size_t n, double *h) {
  for (size_t k = 0; k < n; k++) h[k] = sqrt(-2 * log(pa__random_uniform(key, counter, k)));
}

const pa__la pa__la_ref = {.name = "reference",
                           .set = PA__BASELINE,
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
