#include "la/la.h"

#include "base/random.h"
#include "suite.h"

#include <float.h>
#include <stdint.h>
#include <stdio.h>

/* Tables under test: those of this machine's instruction sets, and BLIS. */
static size_t tables(pa__la out[PA__SETS + 1]) {
  size_t count = 0;
  for (int set = 0; set < PA__SETS; set++)
    if (pa__la_of(set)) out[count++] = *pa__la_of(set);
  out[count++] = pa__la_training(600);
  return count;
}

/* True under valgrind, which computes long double as double and knows no flushing of denormals. */
static bool emulated(void) {
  volatile long double one = 1;
  return one + LDBL_EPSILON == 1;
}

static uint64_t drawn;

static double uniform(void) { return pa__random_uniform(42, 0, drawn++); }

/* Magnitudes from 1e-30 to 1e30, zeros among them. */
static double wild(void) { return uniform() < 0.1 ? 0 : (uniform() - 0.5) * pow(10, 60 * uniform() - 30); }

static double *vectors(size_t count) { return aligned_alloc(64, (count * sizeof(double) + 63) / 64 * 64); }

/* The reference's layout of a matrix is that of four lanes: a test's own sums over plain arrays stand in for it here.
 */
struct block {
  pa__layout layout;
  pa__matrix matrix;
  double *plain; /* [width][links][links] */
};

static struct block block_of(pa__layout layout, double (*draw)(void)) {
  size_t n = layout.links;
  struct block b = {
      layout, {vectors(n * layout.length), vectors(n * layout.length)}, calloc(layout.width * n * n, sizeof(double))};
  memset(b.matrix.rows, 0, n * layout.length * sizeof(double));
  memset(b.matrix.transposed, 0, n * layout.length * sizeof(double));
  for (size_t s = 0; s < layout.width; s++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        double x = draw();
        b.plain[(s * n + i) * n + j] = x;
        if (layout.width > 1) {
          b.matrix.rows[(i * n + j) * layout.width + s] = x;
        } else {
          b.matrix.rows[i * layout.length + j] = x;
          b.matrix.transposed[j * layout.length + i] = x;
        }
      }
  return b;
}

static void free_block(struct block *b) {
  free(b->matrix.rows);
  free(b->matrix.transposed);
  free(b->plain);
}

/* y against sums in long double: within a few rounding errors of the sum of magnitudes. */
static void check_product(const struct block *b, const double *y, const double *z, size_t columns, bool transposed,
                          const char *name) {
  size_t n = b->layout.links, w = b->layout.width;
  for (size_t c = 0; c < columns; c++)
    for (size_t s = 0; s < w; s++)
      for (size_t i = 0; i < n; i++) {
        long double sum = 0, size = 0;
        for (size_t j = 0; j < n; j++) {
          long double a = b->plain[(s * n + (transposed ? j : i)) * n + (transposed ? i : j)];
          long double term = a * (long double)z[c * b->layout.length + j * w + s];
          sum += term;
          size += term < 0 ? -term : term;
        }
        double got = y[c * b->layout.length + i * w + s];
        ck_assert_msg(fabsl((long double)got - sum) <=
                          2.3e-16L * (long double)(n + 4) * (1 + (long double)emulated()) * size + 1e-300L,
                      "%s, %zu links, column %zu, sample %zu, row %zu: %.17g, not %.17Lg", name, n, c, s, i, got, sum);
      }
  for (size_t c = 0; w == 1 && c < columns; c++)
    for (size_t k = n; k < b->layout.length; k++) ck_assert_msg(y[c * b->layout.length + k] == 0, "%s: padding", name);
}

START_TEST(shifts_are_sums) {
  static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 50, 67};
  static const size_t columns[] = {1, 3, 4, 11};
  pa__la la[PA__SETS + 1];
  size_t count = tables(la);
  for (size_t t = 0; t < count; t++)
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
      for (int interleaved = 0; interleaved < 2; interleaved++) {
        pa__layout layout =
            interleaved ? pa__layout_interleaved(&la[t], sizes[s]) : pa__layout_single(&la[t], sizes[s]);
        struct block b = block_of(layout, s % 2 ? wild : uniform);
        double *z = vectors(11 * layout.length), *y = vectors(11 * layout.length);
        for (size_t k = 0; k < 11 * layout.length; k++)
          z[k] = k % layout.length < layout.links * layout.width ? wild() : 0;
        for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
          la[t].shift(&layout, y, &b.matrix, z, columns[c]);
          check_product(&b, y, z, columns[c], false, la[t].name);
          la[t].shift_transposed(&layout, y, &b.matrix, z, columns[c]);
          check_product(&b, y, z, columns[c], true, la[t].name);
        }
        free(z);
        free(y);
        free_block(&b);
      }
}
END_TEST

/* The plain C table follows the same contract, in layouts of four lanes. */
START_TEST(the_reference_is_right) {
  static const size_t sizes[] = {1, 3, 4, 9, 20};
  for (size_t s = 0; s < 5; s++)
    for (size_t width = 1; width <= 4; width += 3) {
      size_t n = sizes[s];
      pa__layout layout = {n, width, width == 4 ? 4 * n : (n + 3) / 4 * 4};
      struct block b = block_of(layout, uniform);
      double z[160], y[160];
      for (size_t k = 0; k < 2 * layout.length; k++) z[k] = k % layout.length < n * width ? uniform() : 0;
      pa__la_ref.shift(&layout, y, &b.matrix, z, 2);
      check_product(&b, y, z, 2, false, "reference");
      pa__la_ref.shift_transposed(&layout, y, &b.matrix, z, 2);
      check_product(&b, y, z, 2, true, "reference");
      free_block(&b);
    }
}
END_TEST

/* One sample gives the same bits alone and in a block of several. */
START_TEST(layouts_agree_to_the_bit) {
  for (int set = 0; set < PA__SETS; set++) {
    const pa__la *la = pa__la_of(set);
    if (!la) continue;
    for (size_t n = 1; n <= 40; n += 3) {
      pa__layout many = pa__layout_interleaved(la, n), one = pa__layout_single(la, n);
      struct block b = block_of(many, uniform), alone = block_of(one, uniform);
      double z[3 * 320], y[3 * 320], z1[3 * 48], y1[3 * 48];
      for (size_t k = 0; k < 3 * many.length; k++) z[k] = uniform();
      for (size_t s = 0; s < many.width; s++) {
        memset(z1, 0, sizeof z1);
        for (size_t i = 0; i < n; i++) {
          for (size_t j = 0; j < n; j++)
            alone.matrix.rows[i * one.length + j] = alone.matrix.transposed[j * one.length + i] =
                b.plain[(s * n + i) * n + j];
          for (size_t c = 0; c < 3; c++) z1[c * one.length + i] = z[c * many.length + i * many.width + s];
        }
        for (int transposed = 0; transposed < 2; transposed++) {
          (transposed ? la->shift_transposed : la->shift)(&many, y, &b.matrix, z, 3);
          (transposed ? la->shift_transposed : la->shift)(&one, y1, &alone.matrix, z1, 3);
          for (size_t c = 0; c < 3; c++)
            for (size_t i = 0; i < n; i++) ck_assert(y1[c * one.length + i] == y[c * many.length + i * many.width + s]);
        }
      }
      free_block(&b);
      free_block(&alone);
    }
  }
}
END_TEST

static double ulps(double got, double expected) {
  if (got == expected) return 0;
  return fabs(got - expected) / (nextafter(fabs(expected), INFINITY) - fabs(expected));
}

enum { BLOCK = 64 };

static void check_function(void (*f)(size_t, double *, const double *), double (*exact)(double), double low,
                           double high, const char *name) {
  double x[BLOCK], y[BLOCK];
  for (int round = 0; round < 60; round++) {
    for (size_t k = 0; k < BLOCK; k++) x[k] = low + (high - low) * uniform();
    f(BLOCK, y, x);
    for (size_t k = 0; k < BLOCK; k++)
      ck_assert_msg(ulps(y[k], exact(x[k])) <= 2 + emulated(), "%s(%.17g) is %.17g, not %.17g", name, x[k], y[k],
                    exact(x[k]));
    f(BLOCK, x, x);
    ck_assert_int_eq(memcmp(x, y, sizeof x), 0);
  }
}

static double exact_sigmoid(double x) { return (double)(1 / (1 + expl(-(long double)x))); }

START_TEST(functions_are_within_two_ulps) {
  for (int set = 0; set < PA__SETS; set++) {
    const pa__la *la = pa__la_of(set);
    if (!la) continue;
    check_function(la->exp, exp, -1, 1, "exp");
    check_function(la->exp, exp, -707, 709, "exp");
    check_function(la->log, log, 1e-300, 1e-290, "log");
    check_function(la->log, log, 0.5, 2, "log");
    check_function(la->log, log, 1, 1e300, "log");
    check_function(la->sigmoid, exact_sigmoid, -30, 30, "sigmoid");
    check_function(la->sigmoid, exact_sigmoid, -700, 40, "sigmoid");
    double x[8] = {-800, -1e308, 800, 1e308, 0, -0.0, 1, -745}, y[8];
    la->exp(8, y, x);
    ck_assert(y[0] == 0 && y[1] == 0 && isinf(y[2]) && isinf(y[3]) && y[4] == 1 && y[5] == 1 && y[7] == 0);
    la->sigmoid(8, y, x);
    ck_assert(y[0] >= 0 && y[0] < 1e-300 && y[1] >= 0 && y[1] < 1e-300 && y[2] == 1 && y[3] == 1 && y[4] == 0.5);
    double tiny[8] = {0, 1e-310, DBL_MIN, 1, DBL_MAX, 2, 0.5, 1};
    la->log(8, y, tiny);
    close_to(y[0], log(DBL_MIN), 1e-12);
    close_to(y[1], log(DBL_MIN), 1e-12);
    ck_assert(y[3] == 0 && ulps(y[4], log(DBL_MAX)) <= 2);
  }
}
END_TEST

/* Distances between the steps of the sample distribution and 1 - exp(-h^2 / 2): Kolmogorov and Smirnov at a level of
 * 1e-6. */
static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

START_TEST(amplitudes_are_rayleigh) {
  enum { N = 10000 };
  static double h[N + 3], reference[N];
  pa__la_ref.rayleigh(7, 5, N, reference);
  for (int set = 0; set < PA__SETS; set++) {
    const pa__la *la = pa__la_of(set);
    if (!la) continue;
    for (size_t n = 1; n <= 70; n++) {
      h[n] = -1;
      la->rayleigh(7, 5, n, h);
      ck_assert(h[n] == -1);
      for (size_t k = 0; k < n; k++)
        ck_assert_msg(ulps(h[k], reference[k]) <= 4, "%s: %.17g, not %.17g", la->name, h[k], reference[k]);
    }
    la->rayleigh(7, 5, N, h + 1); /* unaligned */
    for (size_t k = 0; k < N; k++) ck_assert(ulps(h[k + 1], reference[k]) <= 4);
  }
  for (size_t k = 0; k < N; k++) {
    double expected = sqrt(-2 * log(pa__random_uniform(7, 5, k)));
    ck_assert_msg(ulps(reference[k], expected) <= 2, "element %zu", k);
  }
  double mean = 0, square = 0, distance = 0;
  for (size_t k = 0; k < N; k++) mean += reference[k] / N, square += reference[k] * reference[k] / N;
  close_to(mean, sqrt(acos(-1) / 2), 6 * 0.6551 / sqrt(N));
  close_to(square, 2, 6 * 2 / sqrt(N));
  qsort(reference, N, sizeof(double), ascending);
  for (size_t k = 0; k < N; k++) {
    double p = -expm1(-reference[k] * reference[k] / 2);
    distance = fmax(distance, fmax(fabs(p - (double)k / N), fabs(p - (double)(k + 1) / N)));
  }
  ck_assert_msg(distance < 2.7 / sqrt(N), "distance %g", distance);
}
END_TEST

/* Packing, dense layers and their gradient against plain loops, in both layouts, sources unaligned. */
static void check_packs(const pa__la *la, pa__layout layout) {
  size_t n = layout.links, w = layout.width;
  double *source = calloc(w * n * n + 1, sizeof *source);
  const double *h[8];
  for (size_t k = 0; k <= w * n * n; k++) source[k] = uniform() < 0.1 ? 0 : uniform() * pow(10, 8 * uniform() - 8);
  for (size_t s = 0; s < w; s++) h[s] = source + 1 + s * n * n;
  double *row = calloc(2 * layout.length, sizeof *row), *column = row + layout.length, c[8];
  for (size_t i = 0; i < n; i++) row[i] = uniform(), column[i] = 1 / uniform();
  for (size_t s = 0; s < 8; s++) c[s] = 0.1 + uniform();
  struct block b = block_of(layout, uniform);
  double *diagonal = vectors(layout.length);
  for (int kind = 0; kind < 3; kind++) {
    if (kind == 0) la->pack_gain(&layout, h, row, column, &b.matrix, diagonal);
    if (kind == 1) la->pack_scaled(&layout, h, 0.37, &b.matrix, diagonal);
    if (kind == 2) la->pack_bounded(&layout, h, c, &b.matrix, diagonal);
    for (size_t s = 0; s < w; s++)
      for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
          double x = h[s][i * n + j];
          double expected = kind == 0 ? x * x * (row[i] * column[j]) : kind == 1 ? 0.37 * x : x / (x + c[s]);
          double off = kind == 0 && i == j ? 0 : expected;
          double got = w > 1 ? b.matrix.rows[(i * n + j) * w + s] : b.matrix.rows[i * layout.length + j];
          close_to(got, off, 4e-16 * off);
          if (w == 1) ck_assert(b.matrix.transposed[j * layout.length + i] == got);
          if (i == j) close_to(diagonal[i * w + s], expected, 4e-16 * expected);
        }
    for (size_t k = n; w == 1 && k < layout.length; k++) {
      ck_assert(diagonal[k] == 0);
      for (size_t i = 0; i < n; i++)
        ck_assert(b.matrix.rows[i * layout.length + k] == 0 && b.matrix.transposed[i * layout.length + k] == 0);
    }
  }
  free(diagonal);
  free_block(&b);
  free(row);
  free(source);
}

static void check_dense(const pa__la *la, pa__layout layout, size_t inputs, size_t outputs, bool biased, bool relu) {
  size_t n = layout.length, live = layout.links * layout.width;
  double *x = vectors(inputs * n), *y = vectors(outputs * n);
  double *weight = calloc(inputs * outputs + outputs, sizeof *weight), *bias = weight + inputs * outputs;
  double *products = calloc(inputs * outputs * layout.width, sizeof *products);
  for (size_t k = 0; k < inputs * n; k++) x[k] = k % n < live ? uniform() - 0.5 : 0;
  for (size_t k = 0; k < inputs * outputs + outputs; k++) weight[k] = uniform() - 0.5;
  la->dense(n, inputs, outputs, x, weight, biased ? bias : NULL, relu, y);
  for (size_t o = 0; o < outputs; o++)
    for (size_t k = 0; k < n; k++) {
      double sum = biased ? bias[o] : 0;
      for (size_t i = 0; i < inputs; i++) sum += weight[i * outputs + o] * x[i * n + k];
      close_to(y[o * n + k], relu ? fmax(sum, 0) : sum, 1e-14);
    }
  for (size_t k = 0; k < outputs * n; k++) y[k] = k % n < live ? uniform() - 0.5 : 0;
  la->outer(&layout, inputs, outputs, x, y, products);
  for (size_t i = 0; i < inputs; i++)
    for (size_t o = 0; o < outputs; o++)
      for (size_t s = 0; s < layout.width; s++) {
        double sum = 0;
        for (size_t k = s; k < n; k += layout.width) sum += x[i * n + k] * y[o * n + k];
        close_to(products[(i * outputs + o) * layout.width + s], sum, 1e-13);
      }
  free(x);
  free(y);
  free(weight);
  free(products);
}

START_TEST(packs_and_dense_layers) {
  static const size_t sizes[] = {1, 3, 5, 8, 17, 37};
  for (int set = 0; set < PA__SETS; set++) {
    const pa__la *la = pa__la_of(set);
    if (!la) continue;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
      for (int interleaved = 0; interleaved < 2; interleaved++) {
        pa__layout layout = interleaved ? pa__layout_interleaved(la, sizes[s]) : pa__layout_single(la, sizes[s]);
        check_packs(la, layout);
        for (size_t inputs = 1; inputs <= 11; inputs += 5)
          for (size_t outputs = 1; outputs <= 11; outputs += 3)
            check_dense(la, layout, inputs, outputs, inputs % 2 == 0, outputs % 2 == 0);
      }
  }
}
END_TEST

START_TEST(bounds_are_found_at_every_place) {
  static const double bad[] = {NAN, INFINITY, -1e-300, 1.0000001};
  for (int set = 0; set < PA__SETS; set++) {
    const pa__la *la = pa__la_of(set);
    for (size_t n = 1; la && n <= 37; n++) {
      double h[37];
      for (size_t k = 0; k < n; k++) h[k] = k % 3 ? uniform() : (double)(k % 2);
      ck_assert(la->within(n, h, 1));
      for (size_t k = 0; k < n; k++)
        for (size_t b = 0; b < 4; b++) {
          double kept = h[k];
          h[k] = bad[b];
          ck_assert(!la->within(n, h, 1));
          h[k] = kept;
        }
    }
  }
}
END_TEST

START_TEST(denormals_are_flushed_and_the_mode_restored) {
  volatile double least = DBL_MIN;
  ck_assert(least / 2 > 0);
  pa__flush saved = pa__flush_begin();
#if defined(__x86_64__)
  ck_assert(least / 2 == 0 || emulated());
#endif
  pa__flush_end(saved);
  ck_assert(least / 2 > 0);
  ck_assert_ptr_null(pa__la_of(-1));
  ck_assert_ptr_null(pa__la_of(PA__SETS));
}
END_TEST

int main(void) {
  return run_tests("la", (const TTest *const[]){shifts_are_sums, the_reference_is_right, layouts_agree_to_the_bit,
                                                functions_are_within_two_ulps, amplitudes_are_rayleigh,
                                                packs_and_dense_layers, bounds_are_found_at_every_place,
                                                denormals_are_flushed_and_the_mode_restored, NULL});
}
