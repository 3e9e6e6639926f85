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

/* Those of this machine's instruction sets and the plain C one: everything but the shifts of BLIS. */
static size_t tables_and_reference(pa__la out[PA__SETS + 1]) {
  size_t count = tables(out);
  out[count - 1] = pa__la_ref;
  return count;
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

/* Node vectors with zeros in the padding. */
static double *node_vectors(const pa__layout *layout, size_t columns, double (*draw)(void)) {
  double *z = vectors(columns * layout->length);
  for (size_t k = 0; k < columns * layout->length; k++)
    z[k] = k % layout->length < layout->links * layout->width ? draw() : 0;
  return z;
}

static void check_shifts(const pa__la *la, pa__layout layout, size_t columns, double (*draw)(void)) {
  struct block b = block_of(layout, draw);
  double *z = node_vectors(&layout, columns, draw), *y = vectors(columns * layout.length + 1);
  for (int transposed = 0; transposed < 2; transposed++) {
    for (size_t k = 0; k <= columns * layout.length; k++) y[k] = NAN;
    (transposed ? la->shift_transposed : la->shift)(&layout, y, &b.matrix, z, columns);
    check_product(&b, y, z, columns, transposed, la->name);
    ck_assert_msg(isnan(y[columns * layout.length]), "%s writes past its end", la->name);
  }
  free(z);
  free(y);
  free_block(&b);
}

/* Sizes 1 to 70 and a few larger ones in both layouts, with every number of columns up to 11 among them. */
START_TEST(shifts_are_sums) {
  static const size_t larger[] = {95, 96, 97, 130, 257};
  pa__la la[PA__SETS + 1];
  size_t count = tables(la);
  for (size_t t = 0; t < count; t++)
    for (size_t s = 1; s <= 75; s++)
      for (int interleaved = 0; interleaved < 2; interleaved++) {
        size_t n = s <= 70 ? s : larger[s - 71];
        pa__layout layout = interleaved ? pa__layout_interleaved(&la[t], n) : pa__layout_single(&la[t], n);
        check_shifts(&la[t], layout, 1 + s % 11, s % 2 ? wild : uniform);
        if (n <= 18) /* all tiles of rows and columns */
          for (size_t columns = 1; columns <= 11; columns++) check_shifts(&la[t], layout, columns, wild);
      }
}
END_TEST

/* Where the library takes BLIS, and just below. */
START_TEST(large_shifts_are_sums) {
  static const size_t sizes[] = {511, 600};
  for (size_t k = 0; k < 2; k++) {
    pa__la la = pa__la_training(sizes[k]);
    for (size_t columns = 1; columns <= 5; columns += 4)
      check_shifts(&la, pa__layout_single(&la, sizes[k]), columns, uniform);
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
  enum { COLUMNS = 5 };
  for (int set = 0; set < PA__SETS; set++) {
    const pa__la *la = pa__la_of(set);
    if (!la) continue;
    for (size_t n = 1; n <= 40; n++) {
      pa__layout many = pa__layout_interleaved(la, n), one = pa__layout_single(la, n);
      struct block b = block_of(many, uniform), alone = block_of(one, uniform);
      double z[COLUMNS * 320], y[COLUMNS * 320], z1[COLUMNS * 48], y1[COLUMNS * 48];
      for (size_t k = 0; k < COLUMNS * many.length; k++) z[k] = uniform();
      for (size_t s = 0; s < many.width; s++) {
        memset(z1, 0, sizeof z1);
        for (size_t i = 0; i < n; i++) {
          for (size_t j = 0; j < n; j++)
            alone.matrix.rows[i * one.length + j] = alone.matrix.transposed[j * one.length + i] =
                b.plain[(s * n + i) * n + j];
          for (size_t c = 0; c < COLUMNS; c++) z1[c * one.length + i] = z[c * many.length + i * many.width + s];
        }
        for (int transposed = 0; transposed < 2; transposed++) {
          (transposed ? la->shift_transposed : la->shift)(&many, y, &b.matrix, z, COLUMNS);
          (transposed ? la->shift_transposed : la->shift)(&one, y1, &alone.matrix, z1, COLUMNS);
          for (size_t c = 0; c < COLUMNS; c++)
            for (size_t i = 0; i < n; i++) ck_assert(y1[c * one.length + i] == y[c * many.length + i * many.width + s]);
        }
      }
      free_block(&b);
      free_block(&alone);
    }
  }
}
END_TEST

/* So do packed channels, and dense layers on them. */
START_TEST(packs_and_layers_agree_to_the_bit) {
  enum { IN = 3, OUT = 5 };
  for (int set = 0; set < PA__SETS; set++) {
    const pa__la *la = pa__la_of(set);
    if (!la) continue;
    for (size_t n = 1; n <= 35; n += 2) {
      pa__layout many = pa__layout_interleaved(la, n), one = pa__layout_single(la, n);
      struct block b = block_of(many, uniform), alone = block_of(one, uniform);
      double row[48] = {0}, column[48] = {0}, diagonal[35 * 8], diagonal1[48], c[8], weight[IN * OUT], bias[OUT];
      const double *h[8];
      for (size_t i = 0; i < n; i++) row[i] = uniform(), column[i] = 1 / uniform();
      for (size_t s = 0; s < many.width; s++) h[s] = b.plain + s * n * n, c[s] = uniform();
      for (size_t k = 0; k < IN * OUT; k++) weight[k] = uniform() - 0.5;
      for (size_t k = 0; k < OUT; k++) bias[k] = uniform() - 0.5;
      double *x = node_vectors(&many, IN, uniform), *y = vectors(OUT * many.length);
      double *x1 = vectors(IN * one.length), *y1 = vectors(OUT * one.length);
      la->dense(many.length, IN, OUT, x, weight, bias, true, y);
      for (size_t s = 0; s < many.width; s++) {
        for (int kind = 0; kind < 3; kind++) {
          if (kind == 0) la->pack_gain(&many, h, row, column, &b.matrix, diagonal);
          if (kind == 0) la->pack_gain(&one, h + s, row, column, &alone.matrix, diagonal1);
          if (kind == 1) la->pack_scaled(&many, h, 0.3, &b.matrix, diagonal);
          if (kind == 1) la->pack_scaled(&one, h + s, 0.3, &alone.matrix, diagonal1);
          if (kind == 2) la->pack_bounded(&many, h, c, &b.matrix, diagonal);
          if (kind == 2) la->pack_bounded(&one, h + s, c + s, &alone.matrix, diagonal1);
          for (size_t i = 0; i < n; i++) {
            ck_assert(diagonal[i * many.width + s] == diagonal1[i]);
            for (size_t j = 0; j < n; j++)
              ck_assert(b.matrix.rows[(i * n + j) * many.width + s] == alone.matrix.rows[i * one.length + j]);
          }
        }
        for (size_t k = 0; k < IN * one.length; k++)
          x1[k] = k % one.length < n ? x[k / one.length * many.length + k % one.length * many.width + s] : 0;
        la->dense(one.length, IN, OUT, x1, weight, bias, true, y1);
        for (size_t o = 0; o < OUT; o++)
          for (size_t i = 0; i < n; i++) ck_assert(y1[o * one.length + i] == y[o * many.length + i * many.width + s]);
      }
      free(x);
      free(y);
      free(x1);
      free(y1);
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

/* At given points, the last of them repeated to fill a vector. */
static void check_at(void (*f)(size_t, double *, const double *), double (*exact)(double), size_t n,
                     const double *points, const char *name) {
  double x[BLOCK], y[BLOCK];
  for (size_t k = 0; k < BLOCK; k++) x[k] = points[k < n ? k : n - 1];
  f(BLOCK, y, x);
  for (size_t k = 0; k < n; k++)
    ck_assert_msg(ulps(y[k], exact(x[k])) <= 2 + emulated(), "%s(%.17g) is %.17g, not %.17g", name, x[k], y[k],
                  exact(x[k]));
}

static double exact_sigmoid(double x) { return (double)(1 / (1 + expl(-(long double)x))); }

START_TEST(functions_are_within_two_ulps) {
  pa__la la[PA__SETS + 1];
  size_t count = tables_and_reference(la);
  for (size_t t = 0; t < count; t++) {
    check_function(la[t].exp, exp, -1, 1, "exp");
    check_function(la[t].exp, exp, -40, 40, "exp");
    check_function(la[t].exp, exp, -707, 709, "exp");
    check_function(la[t].log, log, 1e-300, 1e-290, "log");
    check_function(la[t].log, log, 0.5, 2, "log");
    check_function(la[t].log, log, 1 - 1e-6, 1 + 1e-6, "log");
    check_function(la[t].log, log, 1, 1e300, "log");
    check_function(la[t].sigmoid, exact_sigmoid, -1, 1, "sigmoid");
    check_function(la[t].sigmoid, exact_sigmoid, -30, 30, "sigmoid");
    check_function(la[t].sigmoid, exact_sigmoid, -700, 40, "sigmoid");
    double x[BLOCK];
    for (size_t k = 0; k < BLOCK; k++)
      x[k] = 1 - (double)(k + 1) * 0x1p-53; /* what the smallest amplitudes come from */
    check_at(la[t].log, log, BLOCK, x, "log");
    for (int round = 0; round < 30; round++) {
      for (size_t k = 0; k < BLOCK; k++) x[k] = pow(10, 600 * uniform() - 300);
      check_at(la[t].log, log, BLOCK, x, "log");
      for (size_t k = 0; k < BLOCK; k++) x[k] = (k % 2 ? 1 : -1) * pow(10, 320 * uniform() - 318);
      check_at(la[t].exp, exp, BLOCK, x, "exp");
    }
    /* Halfway between multiples of ln 2, where the reduction changes over, and half of sqrt(2), where log's does. */
    for (int k = 0; k < BLOCK; k++) x[k] = (k - 32 + 0.5) * log(2) * (1 + (k % 3 - 1) * 1e-15);
    check_at(la[t].exp, exp, BLOCK, x, "exp");
    for (int k = 0; k < BLOCK; k++) x[k] = ldexp(sqrt(0.5) * (1 + (k % 5 - 2) * 2.3e-16), 30 * (k - 32));
    check_at(la[t].log, log, BLOCK, x, "log");
    static const double edges[] = {-708, 709.7, 0, -0.0, 0x1p-1074, -0x1p-1022, 1};
    check_at(la[t].exp, exp, 7, edges, "exp");
    static const double ends[] = {DBL_MIN, DBL_MAX, 1, 2, 0.5, 0x1p-1021, 0x1.fffffffffffffp-1, 0x1.0000000000001p0};
    check_at(la[t].log, log, 8, ends, "log");
  }
}
END_TEST

/* Beyond their range: what the header says, from every table. */
START_TEST(functions_end_as_they_should) {
  pa__la la[PA__SETS + 1];
  size_t count = tables_and_reference(la);
  for (size_t t = 0; t < count; t++) {
    double x[8] = {-708.0000001, -1e308, 709.70001, 1e308, -INFINITY, INFINITY, -745, 800}, y[8];
    la[t].exp(8, y, x);
    for (size_t k = 0; k < 8; k++) ck_assert_msg(y[k] == (x[k] < 0 ? 0 : INFINITY), "exp(%g) is %g", x[k], y[k]);
    la[t].sigmoid(8, y, x);
    for (size_t k = 0; k < 8; k++)
      ck_assert_msg(x[k] < 0 ? y[k] >= 0 && y[k] < 1e-300 : y[k] == 1, "sigmoid(%g) is %g", x[k], y[k]);
    double zero[8] = {0, -0.0, 0, 0, 0, 0, 0, 0};
    la[t].sigmoid(8, y, zero);
    ck_assert(y[0] == 0.5 && y[1] == 0.5);
    double tiny[8] = {0, 1e-310, -1, -DBL_MAX, 0x1p-1074, -0.0, -INFINITY, 1};
    la[t].log(8, y, tiny);
    for (size_t k = 0; k < 7; k++) ck_assert_msg(ulps(y[k], log(DBL_MIN)) <= 2, "log(%g) is %g", tiny[k], y[k]);
    ck_assert(y[7] == 0);
    double lost[8] = {NAN, 0, 0, 0, 0, 0, 0, 0};
    la[t].exp(8, y, lost);
    ck_assert(isnan(y[0]) && y[1] == 1);
    la[t].sigmoid(8, y, lost);
    ck_assert(isnan(y[0]) && y[1] == 0.5);
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
  static const uint64_t places[][2] = {{UINT64_C(0xfedcba9876543210), UINT64_C(0x0123456789abcdef)},
                                       {0, 0},
                                       {UINT64_MAX, UINT64_MAX},
                                       {UINT64_C(1) << 63, 1},
                                       {1, UINT64_C(1) << 63}};
  for (size_t p = 0; p < 5; p++)
    for (int set = 0; set < PA__SETS; set++) {
      const pa__la *la = pa__la_of(set);
      double wide[101], scalar[101];
      if (!la) continue;
      la->rayleigh(places[p][0], places[p][1], 101, wide);
      pa__la_ref.rayleigh(places[p][0], places[p][1], 101, scalar);
      for (size_t k = 0; k < 101; k++) ck_assert_msg(ulps(wide[k], scalar[k]) <= 4, "%s, place %zu", la->name, p);
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

START_TEST(uniform_numbers_are_those_of_their_counter) {
  double u[203];
  for (int set = 0; set < PA__SETS; set++)
    for (size_t n = 1; pa__la_of(set) && n <= 202; n += n < 70 ? 1 : 33) {
      u[n] = -1;
      pa__la_of(set)->uniform(UINT64_C(0xfedcba9876543210), UINT64_C(0x0123456789abcdef), n, u);
      for (size_t k = 0; k < n; k++)
        ck_assert(u[k] == pa__random_uniform(UINT64_C(0xfedcba9876543210), UINT64_C(0x0123456789abcdef), k));
      ck_assert(u[n] == -1);
    }
}
END_TEST

/* Packing, dense layers and their gradient against plain loops, in both layouts, sources unaligned. */
static void check_packs(const pa__la *la, pa__layout layout) {
  size_t n = layout.links, w = layout.width;
  double *source = calloc(w * n * n + 1, sizeof *source);
  const double *h[8];
  for (size_t k = 0; k <= w * n * n; k++) source[k] = fabs(wild());
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
  pa__la la[PA__SETS + 1];
  size_t count = tables_and_reference(la);
  for (size_t t = 0; t < count; t++)
    for (size_t n = 1; n <= 70; n += n < 20 ? 1 : 7)
      for (int interleaved = 0; interleaved < 2; interleaved++) {
        pa__layout layout = interleaved ? pa__layout_interleaved(&la[t], n) : pa__layout_single(&la[t], n);
        check_packs(&la[t], layout);
        for (size_t k = 1; k <= 11; k++)
          check_dense(&la[t], layout, k, 1 + (5 * k + n) % 11, (k + n) % 3 == 0, (k + n) % 2 == 0);
      }
}
END_TEST

/* Layers take weights of any size: against the sum of magnitudes. */
START_TEST(dense_layers_keep_their_digits) {
  enum { N = 24, IN = 7, OUT = 6 };
  pa__la la[PA__SETS + 1];
  size_t count = tables_and_reference(la);
  for (size_t t = 0; t < count; t++) {
    double x[IN * N], y[OUT * N], weight[IN * OUT], bias[OUT];
    for (size_t k = 0; k < IN * N; k++) x[k] = wild();
    for (size_t k = 0; k < IN * OUT; k++) weight[k] = wild();
    for (size_t k = 0; k < OUT; k++) bias[k] = wild();
    la[t].dense(N, IN, OUT, x, weight, bias, false, y);
    for (size_t o = 0; o < OUT; o++)
      for (size_t k = 0; k < N; k++) {
        long double sum = bias[o], size = fabsl(sum);
        for (size_t i = 0; i < IN; i++) {
          long double term = (long double)weight[i * OUT + o] * (long double)x[i * N + k];
          sum += term;
          size += fabsl(term);
        }
        ck_assert_msg(fabsl(y[o * N + k] - sum) <= 2.3e-16L * 20 * size, "%s: output %zu of %zu", la[t].name, o, k);
      }
    la[t].dense(N, 1, 1, (double[N]){NAN, -1, 0, 1}, (double[]){1}, NULL, true, y);
    ck_assert(y[1] == 0 && y[2] == 0 && y[3] == 1);
  }
}
END_TEST

/* Which tables there are, and the shapes of layouts. */
START_TEST(layouts_and_tables_fit) {
  ck_assert_ptr_nonnull(pa__la_of(PA__BASELINE));
  const pa__la *best = NULL;
  for (int set = 0; set < PA__SETS; set++) {
    const pa__la *la = pa__la_of(set);
    if (!la) continue;
    best = la;
    ck_assert_int_eq(la->set, set);
    ck_assert(la->width <= 8);
    for (size_t n = 1; n <= 70; n++) {
      pa__layout many = pa__layout_interleaved(la, n), one = pa__layout_single(la, n);
      ck_assert(many.links == n && many.width == la->width && many.length == n * la->width);
      ck_assert(one.links == n && one.width == 1 && one.length % la->width == 0 && one.length >= n &&
                one.length < n + la->width);
      for (size_t samples = 1; samples < 10; samples++) {
        pa__layout chosen = pa__layout_choose(la, n, samples);
        ck_assert(chosen.width == 1 || (chosen.width == la->width && samples > 1));
        ck_assert_uint_eq(chosen.length, chosen.width == 1 ? one.length : many.length);
      }
    }
  }
  ck_assert_ptr_eq(pa__la_best(), best);
  ck_assert_str_eq(pa_instruction_set(), best->name);
  pa__la small = pa__la_training(20);
  ck_assert(small.shift == best->shift && small.shift_transposed == best->shift_transposed);
}
END_TEST

START_TEST(bounds_are_found_at_every_place) {
  static const double bad[] = {NAN, INFINITY, -1e-300, 1.0000001, -INFINITY, -1, -0x1p-1074, 0x1.0000000000001p0};
  pa__la all[PA__SETS + 1];
  size_t count = tables_and_reference(all);
  for (size_t t = 0; t < count; t++) {
    const pa__la *la = &all[t];
    for (size_t n = 1; n <= 37; n++) {
      double h[37];
      for (size_t k = 0; k < n; k++) h[k] = k % 3 ? uniform() : k % 2 ? 1 : -0.0;
      ck_assert(la->within(n, h, 1));
      for (size_t k = 0; k < n; k++)
        for (size_t b = 0; b < 8; b++) {
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
  return run_tests("la", (const TTest *const[]){shifts_are_sums, large_shifts_are_sums, the_reference_is_right,
                                                layouts_agree_to_the_bit, packs_and_layers_agree_to_the_bit,
                                                functions_are_within_two_ulps, functions_end_as_they_should,
                                                amplitudes_are_rayleigh, uniform_numbers_are_those_of_their_counter,
                                                packs_and_dense_layers, dense_layers_keep_their_digits,
                                                layouts_and_tables_fit, bounds_are_found_at_every_place,
                                                denormals_are_flushed_and_the_mode_restored, NULL});
}
