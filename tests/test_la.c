#include "la/la.h"

#include "base/random.h"
#include "suite.h"

#include <float.h>
#include <stdint.h>
#include <stdio.h>

#ifdef PA_SINGLE
#define EPSILON FLT_EPSILON
#define LEAST_NORMAL FLT_MIN
#define LARGEST FLT_MAX
#define TINIEST 1e-37L /* of what a sum of products may lose to flushed or denormal numbers */
#define EXP_LEAST (-86.9f)
#define EXP_MOST 88.7228f
enum { DIGITS = FLT_MANT_DIG };
#else
#define EPSILON DBL_EPSILON
#define LEAST_NORMAL DBL_MIN
#define LARGEST DBL_MAX
#define TINIEST 1e-300L
#define EXP_LEAST (-708.0)
#define EXP_MOST 709.7
enum { DIGITS = DBL_MANT_DIG };
#endif

/* Tables under test: those of this machine's instruction sets, and BLIS. */
static size_t tables(pa__la out[PA__SETS + 1]) {
  size_t count = 0;
  for (int set = 0; set < PA__SETS; set++)
    if (pa__la_of(set)) out[count++] = *pa__la_of(set);
  out[count++] = pa__la_training(600);
  return count;
}

/* True under valgrind, which computes long double as real and knows no flushing of denormals. */
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

static real uniform(void) { return (real)pa__random_uniform(42, 0, drawn++); }

/* Magnitudes from 1e-30 to 1e30, of single precision from 1e-9 to 1e9, zeros among them. */
static real wild(void) {
  double decades = sizeof(real) == sizeof(float) ? 9 : 30;
  return (real)(uniform() < (real)0.1 ? 0 : (uniform() - 0.5) * pow(10, decades * (2 * uniform() - 1)));
}

static real *vectors(size_t count) { return aligned_alloc(64, (count * sizeof(real) + 63) / 64 * 64); }

/* The reference's layout of a matrix is that of four lanes: a test's own sums over plain arrays stand in for it here.
 */
struct block {
  pa__layout layout;
  pa__matrix matrix;
  real *plain; /* [width][links][links] */
};

static struct block block_of(pa__layout layout, real (*draw)(void)) {
  size_t n = layout.links;
  struct block b = {layout,
                    {.rows = vectors(n * layout.length), .transposed = vectors(n * layout.length)},
                    calloc(layout.width * n * n, sizeof(real))};
  memset(b.matrix.rows, 0, n * layout.length * sizeof(real));
  memset(b.matrix.transposed, 0, n * layout.length * sizeof(real));
  for (size_t s = 0; s < layout.width; s++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        real x = draw();
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
static void check_product(const struct block *b, const real *y, const real *z, size_t columns, bool transposed,
                          const char *name) {
  size_t n = b->layout.links, w = b->layout.width;
  for (size_t c = 0; c < columns; c++)
    for (size_t s = 0; s < w; s++)
      for (size_t i = 0; i < n; i++) {
        long double sum = 0, size = 0;
        for (size_t j = 0; j < n; j++) {
          long double a = (long double)b->plain[(s * n + (transposed ? j : i)) * n + (transposed ? i : j)];
          long double term = a * (long double)z[c * b->layout.length + j * w + s];
          sum += term;
          size += term < 0 ? -term : term;
        }
        real got = y[c * b->layout.length + i * w + s];
        ck_assert_msg(fabsl((long double)got - sum) <=
                          (long double)EPSILON * (long double)(n + 4) * (1 + (long double)emulated()) * size + TINIEST,
                      "%s, %zu links, column %zu, sample %zu, row %zu: %.17g, not %.17Lg", name, n, c, s, i,
                      (double)got, sum);
      }
  for (size_t c = 0; w == 1 && c < columns; c++)
    for (size_t k = n; k < b->layout.length; k++) ck_assert_msg(y[c * b->layout.length + k] == 0, "%s: padding", name);
}

/* Node vectors with zeros in the padding. */
static real *node_vectors(const pa__layout *layout, size_t columns, real (*draw)(void)) {
  real *z = vectors(columns * layout->length);
  for (size_t k = 0; k < columns * layout->length; k++)
    z[k] = k % layout->length < layout->links * layout->width ? draw() : 0;
  return z;
}

static void check_shifts(const pa__la *la, pa__layout layout, size_t columns, real (*draw)(void)) {
  struct block b = block_of(layout, draw);
  real *z = node_vectors(&layout, columns, draw), *y = vectors(columns * layout.length + 1);
  for (int transposed = 0; transposed < 2; transposed++) {
    for (size_t k = 0; k <= columns * layout.length; k++) y[k] = NAN;
    (transposed ? la->shift_transposed : la->shift)(&layout, y, &b.matrix, z, columns);
    check_product(&b, y, z, columns, transposed, la->name);
    if (layout.width == 1 &&
        layout.links % 3 == 0) { /* the way of large matrices, which have no transpose or are one */
      pa__matrix rows = {.rows = b.matrix.rows}, flipped = {.rows = b.matrix.transposed, .flipped = true};
      (transposed ? la->shift_transposed : la->shift)(&layout, y, &rows, z, columns);
      check_product(&b, y, z, columns, transposed, la->name);
      (transposed ? la->shift_transposed : la->shift)(&layout, y, &flipped, z, columns);
      check_product(&b, y, z, columns, transposed, la->name);
    }
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

/* p = 1 + y^2 in a round. */
struct update {
  const real *y;
  real *p;
  size_t next; /* where the next run of nodes begins */
};

static void update(void *user, size_t at, size_t count) {
  struct update *u = user;
  ck_assert_uint_eq(at, u->next);
  for (size_t k = at; k < at + count; k++) u->p[k] = 1 + u->y[k] * u->y[k];
  u->next = at + count;
}

/* A round is a shift, an update and a shift back, to the bit. */
START_TEST(rounds_are_two_shifts) {
  pa__la la[PA__SETS + 1];
  size_t count = tables_and_reference(la);
  for (size_t t = 0; t < count; t++)
    for (size_t n = 1; n <= 200; n += n < 36 ? 1 : 41)
      for (int interleaved = 0; interleaved < 2; interleaved++)
        for (int small = 0; small < 2; small++) {
          pa__layout l = interleaved ? pa__layout_interleaved(&la[t], n) : pa__layout_single(&la[t], n);
          struct block b = block_of(l, uniform);
          if (!small && !interleaved) free(b.matrix.transposed), b.matrix.transposed = NULL;
          real *z = node_vectors(&l, 1, uniform), *y = vectors(l.length), *p = vectors(l.length),
               *x = vectors(l.length), *y2 = vectors(l.length), *p2 = vectors(l.length), *x2 = vectors(l.length);
          struct update first = {y, p, 0}, second = {y2, p2, 0};
          la[t].round(&l, y, x, &b.matrix, z, p, update, &first);
          la[t].shift(&l, y2, &b.matrix, z, 1);
          update(&second, 0, l.length);
          la[t].shift_transposed(&l, x2, &b.matrix, p2, 1);
          ck_assert_uint_eq(first.next, l.length);
          ck_assert_msg(memcmp(y, y2, l.length * sizeof *y) == 0, "%s, %zu links: y", la[t].name, n);
          ck_assert_msg(memcmp(x, x2, l.length * sizeof *x) == 0, "%s, %zu links: x", la[t].name, n);
          free_block(&b);
          real *all[] = {z, y, p, x, y2, p2, x2};
          for (size_t k = 0; k < 7; k++) free(all[k]);
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
      pa__layout layout = {.links = n, .width = width, .length = width == 4 ? 4 * n : (n + 3) / 4 * 4};
      struct block b = block_of(layout, uniform);
      real z[160], y[160];
      for (size_t k = 0; k < 2 * layout.length; k++) z[k] = k % layout.length < n * width ? uniform() : 0;
      pa__la_ref.shift(&layout, y, &b.matrix, z, 2);
      check_product(&b, y, z, 2, false, "reference");
      pa__la_ref.shift_transposed(&layout, y, &b.matrix, z, 2);
      check_product(&b, y, z, 2, true, "reference");
      free_block(&b);
    }
}
END_TEST

/* One sample gives the same bits alone and in a block of several, where there is a choice. */
START_TEST(layouts_agree_to_the_bit) {
  enum { COLUMNS = 5 };
  static real z[COLUMNS * PA__SMALL * PA__WIDEST], y[COLUMNS * PA__SMALL * PA__WIDEST];
  for (int set = 0; set < PA__SETS; set++) {
    const pa__la *la = pa__la_of(set);
    if (!la) continue;
    for (size_t n = 1; n <= PA__SMALL; n++) {
      pa__layout many = pa__layout_interleaved(la, n), one = pa__layout_single(la, n);
      struct block b = block_of(many, uniform), alone = block_of(one, uniform);
      real z1[COLUMNS * 48], y1[COLUMNS * 48];
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
    for (size_t n = 1; n <= PA__SMALL; n += 2) {
      pa__layout many = pa__layout_interleaved(la, n), one = pa__layout_single(la, n);
      struct block b = block_of(many, uniform), alone = block_of(one, uniform);
      real row[48] = {0}, column[48] = {0}, diagonal[PA__SMALL * PA__WIDEST], diagonal1[48], c[PA__WIDEST],
           weight[IN * OUT], bias[OUT];
      const real *h[PA__WIDEST];
      for (size_t i = 0; i < n; i++) row[i] = uniform(), column[i] = 1 / uniform();
      for (size_t s = 0; s < many.width; s++) h[s] = b.plain + s * n * n, c[s] = uniform();
      for (size_t k = 0; k < IN * OUT; k++) weight[k] = uniform() - (real)0.5;
      for (size_t k = 0; k < OUT; k++) bias[k] = uniform() - (real)0.5;
      real *x = node_vectors(&many, IN, uniform), *y = vectors(OUT * many.length);
      real *x1 = vectors(IN * one.length), *y1 = vectors(OUT * one.length);
      la->dense(many.length, IN, OUT, x, weight, bias, true, y);
      for (size_t s = 0; s < many.width; s++) {
        for (pa__packing packing = PA__PACK_AMPLITUDE; packing <= PA__PACK_BOUNDED; packing++) {
          bool bounded = packing == PA__PACK_BOUNDED;
          la->pack(packing, &many, h, row, bounded ? c : column, LARGEST, s % 2, &b.matrix, diagonal);
          la->pack(packing, &one, h + s, row, bounded ? c + s : column, LARGEST, s % 2, &alone.matrix, diagonal1);
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

/* Units in the last place of expected that got is away from it. */
static double ulps(real got, double expected) {
  if ((double)got == expected) return 0;
  int exponent;
  frexp(expected, &exponent);
  return fabs((double)got - expected) / ldexp(1, exponent - DIGITS);
}

enum { BLOCK = 64 };

static void check_at(void (*f)(size_t, real *, const real *), double (*exact)(double), size_t n, const real *points,
                     const char *name) {
  real x[BLOCK], y[BLOCK];
  for (size_t k = 0; k < BLOCK; k++) x[k] = points[k < n ? k : n - 1]; /* the last one fills a vector */
  f(BLOCK, y, x);
  for (size_t k = 0; k < n; k++)
    ck_assert_msg(ulps(y[k], exact((double)x[k])) <= 2 + emulated(), "%s(%.17g) is %.17g, not %.17g", name,
                  (double)x[k], (double)y[k], exact((double)x[k]));
  f(BLOCK, x, x);
  ck_assert_int_eq(memcmp(x, y, sizeof x), 0);
}

static void check_function(void (*f)(size_t, real *, const real *), double (*exact)(double), double low, double high,
                           const char *name) {
  real x[BLOCK];
  for (int round = 0; round < 60; round++) {
    for (size_t k = 0; k < BLOCK; k++) x[k] = (real)(low + (high - low) * (double)uniform());
    check_at(f, exact, BLOCK, x, name);
  }
}

static double exact_sigmoid(double x) { return (double)(1 / (1 + expl(-(long double)x))); }

/* What single precision has less of: exponents of ten, and bits of a fraction. */
enum { DECADES = sizeof(real) == sizeof(float) ? 36 : 300, LARGEST_EXP = sizeof(real) == sizeof(float) ? 86 : 707 };

START_TEST(functions_are_within_two_ulps) {
  drawn = 0; /* the same points whether tests are forked or not */
  pa__la la[PA__SETS + 1];
  size_t count = tables_and_reference(la);
  double tiny = pow(10, -DECADES), huge = pow(10, DECADES);
  for (size_t t = 0; t < count; t++) {
    check_function(la[t].exp, exp, -1, 1, "exp");
    check_function(la[t].exp, exp, -40, 40, "exp");
    check_function(la[t].exp, exp, -LARGEST_EXP, LARGEST_EXP, "exp");
    check_function(la[t].log, log, tiny, 1e10 * tiny, "log");
    check_function(la[t].log, log, 0.5, 2, "log");
    check_function(la[t].log, log, 1 - 1e-6, 1 + 1e-6, "log");
    check_function(la[t].log, log, 1, huge, "log");
    check_function(la[t].sigmoid, exact_sigmoid, -1, 1, "sigmoid");
    check_function(la[t].sigmoid, exact_sigmoid, -30, 30, "sigmoid");
    check_function(la[t].sigmoid, exact_sigmoid, -LARGEST_EXP, 40, "sigmoid");
    real x[BLOCK];
    for (size_t k = 0; k < BLOCK; k++)
      x[k] = 1 - (real)(k + 1) * EPSILON / 2; /* what the smallest amplitudes come from */
    check_at(la[t].log, log, BLOCK, x, "log");
    for (int round = 0; round < 30; round++) {
      for (size_t k = 0; k < BLOCK; k++) x[k] = (real)pow(10, DECADES * (2 * (double)uniform() - 1));
      check_at(la[t].log, log, BLOCK, x, "log");
      for (size_t k = 0; k < BLOCK; k++)
        x[k] = (real)((k % 2 ? 1 : -1) * fmin(pow(10, 320 * (double)uniform() - 318), LARGEST_EXP));
      check_at(la[t].exp, exp, BLOCK, x, "exp");
    }
    /* Halfway between multiples of ln 2, where the reduction changes over, and half of sqrt(2), where log's does. */
    for (int k = 0; k < BLOCK; k++) x[k] = (real)((k - 32 + 0.5) * log(2) * (1 + (k % 3 - 1) * 5 * (double)EPSILON));
    check_at(la[t].exp, exp, BLOCK, x, "exp");
    for (int k = 0; k < BLOCK; k++)
      x[k] = (real)ldexp(sqrt(0.5) * (1 + (k % 5 - 2) * (double)EPSILON), DECADES / 10 * (k - 32));
    check_at(la[t].log, log, BLOCK, x, "log");
    static const real edges[] = {EXP_LEAST, EXP_MOST, 0, -(real)0, LEAST_NORMAL / 4, -LEAST_NORMAL, 1};
    check_at(la[t].exp, exp, 7, edges, "exp");
    static const real ends[] = {LEAST_NORMAL, LARGEST, 1, 2, (real)0.5, 2 * LEAST_NORMAL, 1 - EPSILON / 2, 1 + EPSILON};
    check_at(la[t].log, log, 8, ends, "log");
  }
}
END_TEST

/* Beyond their range: what the header says, from every table. */
START_TEST(functions_end_as_they_should) {
  pa__la la[PA__SETS + 1];
  size_t count = tables_and_reference(la);
  for (size_t t = 0; t < count; t++) {
    real x[16] = {EXP_LEAST * (1 + 4 * EPSILON),
                  -LARGEST,
                  EXP_MOST * (1 + 4 * EPSILON),
                  LARGEST,
                  -INFINITY,
                  INFINITY,
                  EXP_LEAST - 40,
                  EXP_MOST + 90},
         y[16];
    for (size_t k = 8; k < 16; k++) x[k] = x[k - 8];
    la[t].exp(16, y, x);
    for (size_t k = 0; k < 16; k++)
      ck_assert_msg(y[k] == (x[k] < 0 ? 0 : (real)INFINITY), "exp(%g) is %g", (double)x[k], (double)y[k]);
    la[t].sigmoid(16, y, x);
    for (size_t k = 0; k < 16; k++)
      ck_assert_msg(x[k] < 0 ? y[k] >= 0 && y[k] < 2 * LEAST_NORMAL * 4 : y[k] == 1, "sigmoid(%g) is %g", (double)x[k],
                    (double)y[k]);
    real zero[16] = {0, -(real)0};
    la[t].sigmoid(16, y, zero);
    ck_assert(y[0] == (real)0.5 && y[1] == (real)0.5);
    real tiny[16] = {0, LEAST_NORMAL / 8, -1, -LARGEST, LEAST_NORMAL * EPSILON, -(real)0, -INFINITY, 1};
    la[t].log(16, y, tiny);
    for (size_t k = 0; k < 7; k++)
      ck_assert_msg(ulps(y[k], log((double)LEAST_NORMAL)) <= 2, "log(%g) is %g", (double)tiny[k], (double)y[k]);
    ck_assert(y[7] == 0);
    real lost[16] = {NAN};
    la[t].exp(16, y, lost);
    ck_assert(isnan(y[0]) && y[1] == 1);
    la[t].sigmoid(16, y, lost);
    ck_assert(isnan(y[0]) && y[1] == (real)0.5);
  }
}
END_TEST

/* Distances between the steps of the sample distribution and 1 - exp(-h^2 / 2): Kolmogorov and Smirnov at a level of
 * 1e-6. */
static int ascending(const void *a, const void *b) {
  real x = *(const real *)a, y = *(const real *)b;
  return x < y ? -1 : x > y;
}

static double own_uniform(uint64_t key, uint64_t counter, uint64_t index) {
#ifdef PA_SINGLE
  return (double)pa__random_uniform_f32(key, counter, index);
#else
  return pa__random_uniform(key, counter, index);
#endif
}

START_TEST(amplitudes_are_rayleigh) {
  enum { N = 10000 };
  static real h[N + 3], reference[N];
  pa__la_ref.rayleigh(7, 5, N, reference);
  for (int set = 0; set < PA__SETS; set++) {
    const pa__la *la = pa__la_of(set);
    if (!la) continue;
    for (size_t n = 1; n <= 70; n++) {
      h[n] = -1;
      la->rayleigh(7, 5, n, h);
      ck_assert(h[n] == -1);
      for (size_t k = 0; k < n; k++)
        ck_assert_msg(ulps(h[k], (double)reference[k]) <= 4, "%s: %.17g, not %.17g", la->name, (double)h[k],
                      (double)reference[k]);
    }
    la->rayleigh(7, 5, N, h + 1); /* unaligned */
    for (size_t k = 0; k < N; k++) ck_assert(ulps(h[k + 1], (double)reference[k]) <= 4);
  }
  static const uint64_t places[][2] = {{UINT64_C(0xfedcba9876543210), UINT64_C(0x0123456789abcdef)},
                                       {0, 0},
                                       {UINT64_MAX, UINT64_MAX},
                                       {UINT64_C(1) << 63, 1},
                                       {1, UINT64_C(1) << 63}};
  for (size_t p = 0; p < 5; p++)
    for (int set = 0; set < PA__SETS; set++) {
      const pa__la *la = pa__la_of(set);
      real wide[101], scalar[101];
      if (!la) continue;
      la->rayleigh(places[p][0], places[p][1], 101, wide);
      pa__la_ref.rayleigh(places[p][0], places[p][1], 101, scalar);
      for (size_t k = 0; k < 101; k++)
        ck_assert_msg(ulps(wide[k], (double)scalar[k]) <= 4, "%s, place %zu", la->name, p);
    }
  for (size_t k = 0; k < N; k++) {
    double expected = sqrt(-2 * log(own_uniform(7, 5, k)));
    ck_assert_msg(ulps(reference[k], expected) <= 2, "element %zu", k);
  }
  double mean = 0, square = 0, distance = 0;
  for (size_t k = 0; k < N; k++) {
    double amplitude = (double)reference[k];
    mean += amplitude / N;
    square += amplitude * amplitude / N;
  }
  close_to(mean, sqrt(acos(-1) / 2), 6 * 0.6551 / sqrt(N));
  close_to(square, 2, 6 * 2 / sqrt(N));
  qsort(reference, N, sizeof(real), ascending);
  for (size_t k = 0; k < N; k++) {
    double p = -expm1(-(double)reference[k] * (double)reference[k] / 2);
    distance = fmax(distance, fmax(fabs(p - (real)k / N), fabs(p - (real)(k + 1) / N)));
  }
  ck_assert_msg(distance < 2.7 / sqrt(N), "distance %g", distance);
}
END_TEST

START_TEST(uniform_numbers_are_those_of_their_counter) {
  real u[203];
  for (int set = 0; set < PA__SETS; set++)
    for (size_t n = 1; pa__la_of(set) && n <= 202; n += n < 70 ? 1 : 33) {
      u[n] = -1;
      pa__la_of(set)->uniform(UINT64_C(0xfedcba9876543210), UINT64_C(0x0123456789abcdef), n, u);
      for (size_t k = 0; k < n; k++)
        ck_assert((double)u[k] == own_uniform(UINT64_C(0xfedcba9876543210), UINT64_C(0x0123456789abcdef), k));
      ck_assert(u[n] == -1);
    }
}
END_TEST

/* Packing, squares, dense layers and their gradient against plain loops, in both layouts, sources unaligned. */
static void check_pack(const pa__la *la, pa__layout layout, pa__packing packing, bool keep_diagonal, bool flipped) {
  size_t n = layout.links, w = layout.width;
  real *source = calloc(w * n * n + 1, sizeof *source);
  const real *h[PA__WIDEST];
  for (size_t k = 0; k <= w * n * n; k++) source[k] = wild() < 0 ? 0 : uniform();
  for (size_t s = 0; s < w; s++) h[s] = source + 1 + s * n * n;
  real *row = calloc(2 * layout.length, sizeof *row), *column = row + layout.length, c[PA__WIDEST];
  for (size_t i = 0; i < n; i++) row[i] = uniform(), column[i] = 1 / uniform();
  for (size_t s = 0; s < PA__WIDEST; s++) c[s] = (real)0.1 + uniform();
  struct block b = block_of(layout, uniform), squared = block_of(layout, uniform);
  real *diagonal = vectors(layout.length);
  if (flipped && w == 1) {
    free(b.matrix.transposed);
    free(squared.matrix.transposed);
    b.matrix.transposed = squared.matrix.transposed = NULL;
    b.matrix.flipped = squared.matrix.flipped = true;
  }
  const real *parameter = packing == PA__PACK_BOUNDED ? c : column;
  size_t anywhere = 1 + (size_t)(uniform() * (real)(w * n * n - 1));
  const real bad[] = {NAN, INFINITY, -1, 3}, good = source[anywhere];
  for (int k = 0; k < 4; k++) {
    source[anywhere] = bad[k];
    ck_assert(!la->pack(packing, &layout, h, row, parameter, 2, keep_diagonal, &b.matrix, diagonal));
  }
  source[anywhere] = good;
  ck_assert(la->pack(packing, &layout, h, row, parameter, 2, keep_diagonal, &b.matrix, diagonal));
  la->square(&layout, &squared.matrix, &b.matrix);
  for (size_t s = 0; s < w; s++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        double x = (double)h[s][i * n + j], scaled = x * (double)row[i] * (double)column[j];
        double expected = packing == PA__PACK_AMPLITUDE ? scaled
                          : packing == PA__PACK_GAIN    ? scaled * scaled
                          : packing == PA__PACK_SHARE   ? scaled * scaled / (1 + scaled * scaled)
                                                        : x / (x + (double)c[s]);
        double off = i == j && !keep_diagonal ? 0 : expected;
        size_t row_of = b.matrix.flipped ? j : i, column_of = b.matrix.flipped ? i : j;
        size_t at = w > 1 ? (row_of * n + column_of) * w + s : row_of * layout.length + column_of;
        real got = b.matrix.rows[at];
        close_to((double)got, off, 5 * (double)EPSILON * off);
        ck_assert(squared.matrix.rows[at] == got * got);
        if (w == 1 && !flipped) {
          ck_assert(b.matrix.transposed[column_of * layout.length + row_of] == got);
          ck_assert(squared.matrix.transposed[column_of * layout.length + row_of] == got * got);
        }
        if (i == j) close_to((double)diagonal[i * w + s], expected, 5 * (double)EPSILON * expected);
      }
  for (size_t k = n; w == 1 && k < layout.length; k++) {
    ck_assert(diagonal[k] == 0);
    for (size_t i = 0; i < n; i++)
      ck_assert(b.matrix.rows[i * layout.length + k] == 0 &&
                (flipped || b.matrix.transposed[i * layout.length + k] == 0));
  }
  free(diagonal);
  free_block(&b);
  free_block(&squared);
  free(row);
  free(source);
}

static void check_packs(const pa__la *la, pa__layout layout) {
  for (pa__packing packing = PA__PACK_AMPLITUDE; packing <= PA__PACK_BOUNDED; packing++)
    for (int way = 0; way < 4; way++) check_pack(la, layout, packing, way & 1, way & 2);
}

static void check_dense(const pa__la *la, pa__layout layout, size_t inputs, size_t outputs, bool biased, bool relu) {
  size_t n = layout.length, live = layout.links * layout.width;
  real *x = vectors(inputs * n), *y = vectors(outputs * n);
  real *weight = calloc(inputs * outputs + outputs, sizeof *weight), *bias = weight + inputs * outputs;
  real *products = calloc(inputs * outputs * layout.width, sizeof *products);
  for (size_t k = 0; k < inputs * n; k++) x[k] = k % n < live ? uniform() - (real)0.5 : 0;
  for (size_t k = 0; k < inputs * outputs + outputs; k++) weight[k] = uniform() - (real)0.5;
  la->dense(n, inputs, outputs, x, weight, biased ? bias : NULL, relu, y);
  for (size_t o = 0; o < outputs; o++)
    for (size_t k = 0; k < n; k++) {
      double sum = biased ? (double)bias[o] : 0;
      for (size_t i = 0; i < inputs; i++) sum += (double)weight[i * outputs + o] * (double)x[i * n + k];
      close_to((double)y[o * n + k], relu ? fmax(sum, 0) : sum, 50 * (double)EPSILON);
    }
  for (size_t k = 0; k < outputs * n; k++) y[k] = k % n < live ? uniform() - (real)0.5 : 0;
  la->outer(&layout, inputs, outputs, x, y, products);
  for (size_t i = 0; i < inputs; i++)
    for (size_t o = 0; o < outputs; o++)
      for (size_t s = 0; s < layout.width; s++) {
        double sum = 0;
        for (size_t k = s; k < n; k += layout.width) sum += (double)x[i * n + k] * (double)y[o * n + k];
        close_to((double)products[(i * outputs + o) * layout.width + s], sum, 500 * (double)EPSILON);
      }
  free(x);
  free(y);
  free(weight);
  free(products);
}

/* Small networks of two layers, and their gradient by sums over the nodes. */
static void check_perceptrons(const pa__la *la, pa__layout layout, size_t inputs, size_t units, size_t width) {
  size_t n = layout.length, w = layout.width, all = units * width;
  double near = 500 * (double)EPSILON;
  real *x = vectors(inputs * n), *hidden = vectors(all * n), *y = vectors(2 * units * n),
       *again = vectors(2 * units * n);
  real *weight = vectors((inputs + 3) * all), *bias = weight + inputs * all, *second = bias + all;
  real *d = vectors((inputs + 3) * all * w), *d_bias = d + inputs * all * w, *d_second = d_bias + all * w;
  for (size_t k = 0; k < inputs * n; k++) x[k] = k % n < layout.links * w ? uniform() - (real)0.5 : 0;
  for (size_t k = 0; k < (inputs + 3) * all; k++) weight[k] = uniform() - (real)0.5;
  la->perceptrons(n, n, inputs, units, width, x, weight, bias, second, hidden, y);
  la->perceptrons(n, n, inputs, units, width, x, weight, bias, second, NULL, again);
  ck_assert_int_eq(memcmp(y, again, 2 * units * n * sizeof *y), 0);
  for (size_t k = 0; k < n; k++)
    for (size_t u = 0; u < units; u++) {
      double sum[2] = {0, 0};
      for (size_t c = u * width; c < (u + 1) * width; c++) {
        double h = (double)bias[c];
        for (size_t i = 0; i < inputs; i++) h += (double)weight[i * all + c] * (double)x[i * n + k];
        close_to((double)hidden[c * n + k], fmax(h, 0), near);
        for (size_t o = 0; o < 2; o++) sum[o] += (double)second[o * all + c] * (double)hidden[c * n + k];
      }
      for (size_t o = 0; o < 2; o++) close_to((double)y[(o * units + u) * n + k], sum[o], near);
    }
  for (size_t k = 0; k < 2 * units * n; k++) y[k] = k % n < layout.links * w ? uniform() - (real)0.5 : 0;
  la->perceptrons_backward(&layout, inputs, units, width, x, hidden, second, y, d, d_bias, d_second);
  for (size_t c = 0; c < all; c++)
    for (size_t s = 0; s < w; s++) {
      double sum[12] = {0};
      for (size_t k = s; k < n; k += w) {
        double h = (double)hidden[c * n + k], d_y[2], d_h = 0;
        for (size_t o = 0; o < 2; o++) {
          d_y[o] = (double)y[(o * units + c / width) * n + k];
          sum[inputs + 1 + o] += h * d_y[o];
          d_h += h > 0 ? d_y[o] * (double)second[o * all + c] : 0;
        }
        for (size_t i = 0; i < inputs; i++) sum[i] += d_h * (double)x[i * n + k];
        sum[inputs] += d_h;
      }
      for (size_t i = 0; i < inputs + 3; i++) close_to((double)d[(i * all + c) * w + s], sum[i], near);
    }
  free(x);
  free(hidden);
  free(y);
  free(again);
  free(weight);
  free(d);
}

START_TEST(packs_and_dense_layers) {
  pa__la la[PA__SETS + 1];
  size_t count = tables_and_reference(la);
  for (size_t t = 0; t < count; t++)
    for (size_t n = 1; n <= 70; n += n < 20 ? 1 : 7)
      for (int interleaved = 0; interleaved < 2; interleaved++) {
        pa__layout layout = interleaved ? pa__layout_interleaved(&la[t], n) : pa__layout_single(&la[t], n);
        check_packs(&la[t], layout);
        check_perceptrons(&la[t], layout, n % 2 ? 2 : 8, 1 + n % 4, 1 + n % 6);
        for (size_t k = 1; k <= 11; k++)
          check_dense(&la[t], layout, k, 1 + (5 * k + n) % 11, (k + n) % 3 == 0, (k + n) % 2 == 0);
      }
}
END_TEST

/* Layers take weights of any size: against the sum of magnitudes. */
START_TEST(dense_layers_keep_their_digits) {
  enum { N = 48, IN = 7, OUT = 6 };
  pa__la la[PA__SETS + 1];
  size_t count = tables_and_reference(la);
  for (size_t t = 0; t < count; t++) {
    real x[IN * N], y[OUT * N], weight[IN * OUT], bias[OUT];
    for (size_t k = 0; k < IN * N; k++) x[k] = wild();
    for (size_t k = 0; k < IN * OUT; k++) weight[k] = wild();
    for (size_t k = 0; k < OUT; k++) bias[k] = wild();
    la[t].dense(N, IN, OUT, x, weight, bias, false, y);
    for (size_t o = 0; o < OUT; o++)
      for (size_t k = 0; k < N; k++) {
        long double sum = (long double)bias[o], size = fabsl(sum);
        for (size_t i = 0; i < IN; i++) {
          long double term = (long double)weight[i * OUT + o] * (long double)x[i * N + k];
          sum += term;
          size += fabsl(term);
        }
        ck_assert_msg(fabsl((long double)y[o * N + k] - sum) <= (long double)EPSILON * 20 * size + TINIEST,
                      "%s: output %zu of %zu", la[t].name, o, k);
      }
    la[t].dense(N, 1, 1, (real[N]){NAN, -1, 0, 1}, (real[]){1}, NULL, true, y);
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
    ck_assert(la->width <= PA__WIDEST);
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
  static const real bad[] = {NAN,       INFINITY, -LEAST_NORMAL,           (real)1.000001,
                             -INFINITY, -1,       -LEAST_NORMAL * EPSILON, 1 + EPSILON};
  pa__la all[PA__SETS + 1];
  size_t count = tables_and_reference(all);
  for (size_t t = 0; t < count; t++) {
    const pa__la *la = &all[t];
    for (size_t n = 1; n <= 37; n++) {
      real h[37];
      for (size_t k = 0; k < n; k++) h[k] = k % 3 ? uniform() : k % 2 ? 1 : -(real)0;
      ck_assert(la->within(n, h, 1));
      for (size_t k = 0; k < n; k++)
        for (size_t b = 0; b < 8; b++) {
          real kept = h[k];
          h[k] = bad[b];
          ck_assert(!la->within(n, h, 1));
          h[k] = kept;
        }
    }
  }
}
END_TEST

START_TEST(denormals_are_flushed_and_the_mode_restored) {
  volatile real least = LEAST_NORMAL;
  ck_assert(least / 2 > 0);
  pa__flush saved = pa__flush_begin();
#if defined(__x86_64__) || defined(__aarch64__)
  ck_assert(least / 2 == 0 || emulated());
#endif
  pa__flush_end(saved);
  ck_assert(least / 2 > 0);
  ck_assert_ptr_null(pa__la_of(-1));
  ck_assert_ptr_null(pa__la_of(PA__SETS));
}
END_TEST

int main(void) {
  return run_tests(
      "la", (const TTest *const[]){shifts_are_sums, large_shifts_are_sums, rounds_are_two_shifts,
                                   the_reference_is_right, layouts_agree_to_the_bit, packs_and_layers_agree_to_the_bit,
                                   functions_are_within_two_ulps, functions_end_as_they_should, amplitudes_are_rayleigh,
                                   uniform_numbers_are_those_of_their_counter, packs_and_dense_layers,
                                   dense_layers_keep_their_digits, layouts_and_tables_fit,
                                   bounds_are_found_at_every_place, denormals_are_flushed_and_the_mode_restored, NULL});
}
