#include "base/random.h"
#include "fixture.h"
#include "la/la.h"
#include "net/network.h"
#include "suite.h"

#include <float.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>

/* Rates ---------------------------------------------------------------------------------------------------------- */

static void rates_of_case(const char *name) {
  fixture *f = fixture_open(name);
  size_t shape[8];
  const double *h = fixture_get(f, "H", shape), *p = fixture_get(f, "p", NULL),
               *expected = fixture_get(f, "rates_ln", NULL);
  size_t n = shape[0] * shape[1];
  double *rate = calloc(n, sizeof *rate);
  pa_states *states;
  ok(pa_states_create(&states, shape[0], shape[1], h, fixture_scalar(f, "s2"), 1, NULL));
  ok(pa_rates(states, p, rate));
  for (size_t k = 0; k < n; k++) close_to(rate[k] * log(2), expected[k], 1e-12 * fmax(1, expected[k]));
  pa_states_free(states);
  free(rate);
  fixture_close(f);
}

START_TEST(rates_of_verified_cases) {
  rates_of_case("sumrate");
  rates_of_case("multicell");
}
END_TEST

/* Sums in long double over any size, also across the blocks of columns; noise per link. */
START_TEST(sinr_is_its_definition) {
  static const size_t sizes[] = {1, 2, 7, 63, 64, 65, 130};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    size_t n = sizes[s];
    pa_network *network;
    pa_states *states;
    ok(pa_network_create_adhoc(&network, n, s, NULL));
    ok(pa_network_draw_states(network, 0, 0, 2, &states, NULL));
    double *noise = calloc(5 * n, sizeof *noise), *power = noise + n, *sinr = power + 2 * n;
    for (size_t i = 0; i < n; i++) noise[i] = 1e-4 * (double)(1 + i % 5);
    for (size_t k = 0; k < 2 * n; k++) power[k] = (double)(k % 4);
    ok(pa_states_set_noise(states, noise, n));
    ok(pa_sinr(states, power, sinr));
    const double *h = pa_states_channel(states);
    for (size_t b = 0; b < 2; b++)
      for (size_t j = 0; j < n; j++) {
        long double interference = noise[j], own = (long double)h[(b * n + j) * n + j];
        for (size_t i = 0; i < n; i++)
          if (i != j)
            interference +=
                (long double)h[(b * n + i) * n + j] * (long double)h[(b * n + i) * n + j] * power[b * n + i];
        double expected = (double)(own * own * power[b * n + j] / interference);
        close_to(sinr[b * n + j], expected, 1e-13 * expected);
      }
    free(noise);
    pa_states_free(states);
    pa_network_free(network);
  }
}
END_TEST

/* A strong own signal does not drown the interference, a weak one does not vanish; weights and limits play no part. */
START_TEST(rates_keep_their_digits) {
  static const double h[4] = {1e20, 1e-12, 1e-10, 1};
  static const double power[2] = {1, 3};
  double sinr[2], rate[2], again[2];
  pa_states *states;
  ok(pa_states_create(&states, 1, 2, h, 1e-30, 1e-3, NULL));
  ok(pa_sinr(states, power, sinr));
  ok(pa_rates(states, power, rate));
  double expected[2] = {1e40 / (1e-30 + 3e-20), 3 / (1e-30 + 1e-24)};
  for (size_t k = 0; k < 2; k++) {
    close_to(sinr[k], expected[k], 1e-14 * expected[k]);
    close_to(rate[k], log2(expected[k]), 1e-13 * log2(expected[k]));
  }
  ok(pa_states_set_weights(states, (double[]){3, 5}, 2));
  ok(pa_states_set_power_limit(states, (double[]){7}, 1));
  ok(pa_rates(states, power, again));
  ck_assert_int_eq(memcmp(rate, again, sizeof rate), 0);
  pa_states_free(states);
  ok(pa_states_create(&states, 1, 2, h, 1e30, 1, NULL));
  ok(pa_rates(states, (double[]){1e-30, 1e-30}, rate));
  close_to(rate[0], 1e-20 / log(2), 1e-34);
  close_to(rate[1], 1e-60 / log(2), 1e-74);
  ok(pa_rates(states, (double[]){0, 1}, rate));
  ck_assert(rate[0] == 0 && rate[1] > 0);
  pa_states_free(states);
}
END_TEST

/* Whatever is taken gives numbers; what would not is refused. */
START_TEST(rates_are_finite_or_refused) {
  static const double noises[] = {1e-320, 1e-300, 1e-100, 1, 1e100, 1e300, DBL_MAX};
  static const double amplitudes[] = {0, 1e-320, 1e-160, 1, 1e50, 1e100, 1e154, 1e170, 1e200, DBL_MAX};
  static const double powers[] = {0, 1e-320, 1, 1e100, 1e250, DBL_MAX};
  for (size_t n = 0; n < 7; n++)
    for (size_t a = 0; a < 10; a++)
      for (size_t p = 0; p < 6; p++) {
        double h[4] = {amplitudes[a], amplitudes[a], 0, 1e-3 * amplitudes[a]}, power[2] = {powers[p], powers[p]};
        double rate[2] = {-7, -7};
        pa_states *states;
        if (pa_states_create(&states, 1, 2, h, noises[n], 1, NULL) != PA_OK) continue;
        pa_status status = pa_rates(states, power, rate);
        if (status == PA_OK)
          ck_assert_msg(isfinite(rate[0]) && isfinite(rate[1]) && rate[0] >= 0 && rate[1] >= 0,
                        "noise %g, amplitude %g, power %g: rates %g and %g", noises[n], amplitudes[a], powers[p],
                        rate[0], rate[1]);
        else
          ck_assert(rate[0] == -7 && rate[1] == -7);
        pa_states_free(states);
      }
}
END_TEST

/* Geometry ------------------------------------------------------------------------------------------------------- */

static void gains_from_positions(const fixture *f, const char *t, const char *r, const char *a) {
  size_t shape[8];
  const double *at = fixture_get(f, t, shape), *receivers = fixture_get(f, r, NULL), *gain = fixture_get(f, a, NULL);
  size_t n = shape[0];
  pa_network *network;
  double *got = calloc(n * n, sizeof *got), *back = calloc(4 * n, sizeof *back);
  ok(pa_network_create_positions(&network, n, at, n, receivers, NULL, 0, 1, NULL));
  ok(pa_network_path_gain(network, got));
  for (size_t k = 0; k < n * n; k++) close_to(got[k], gain[k], 1e-12 * gain[k]);
  ok(pa_network_positions(network, back, back + 2 * n));
  ck_assert_int_eq(memcmp(back, at, 2 * n * sizeof *at), 0);
  ck_assert_int_eq(memcmp(back + 2 * n, receivers, 2 * n * sizeof *at), 0);
  pa_network_free(network);
  free(got);
  free(back);
}

START_TEST(path_gains_of_verified_cases) {
  fixture *f = fixture_open("geometry");
  gains_from_positions(f, "t", "r", "A");
  gains_from_positions(f, "t_75_50", "r_75_50", "A_75_50");
  fixture_close(f);
  f = fixture_open("topologies");
  for (int k = 0; k < 10; k++) {
    char names[3][40];
    snprintf(names[0], sizeof names[0], "s%d.transmitters", k);
    snprintf(names[1], sizeof names[1], "s%d.receivers", k);
    snprintf(names[2], sizeof names[2], "s%d.path_gain", k);
    gains_from_positions(f, names[0], names[1], names[2]);
  }
  fixture_close(f);
}
END_TEST

/* Several users share a base station: same gains and, in every draw, the same fading. */
START_TEST(links_that_share_a_receiver_share_its_channels) {
  fixture *f = fixture_open("multicell");
  size_t shape[8];
  const double *t = fixture_get(f, "t", shape), *path = fixture_get(f, "path_user_bs", NULL);
  const double *station = fixture_get(f, "assign", NULL);
  int64_t assign[9];
  for (size_t i = 0; i < 9; i++) assign[i] = (int64_t)station[i];
  pa_network *network;
  ok(pa_network_create_positions(&network, 9, t, 3, fixture_get(f, "b", NULL), assign, 0, 1, NULL));
  double gain[81], h[4 * 81];
  ok(pa_network_path_gain(network, gain));
  for (size_t i = 0; i < 9; i++)
    for (size_t j = 0; j < 9; j++) close_to(gain[i * 9 + j], path[i * 3 + (size_t)assign[j]], 1e-12 * gain[i * 9 + j]);
  ok(pa_network_draw(network, 0, 0, 4, h));
  for (size_t b = 0; b < 4; b++)
    for (size_t i = 0; i < 9; i++)
      for (size_t j = 0; j < 9; j++)
        for (size_t k = 0; k < 9; k++)
          ck_assert((h[b * 81 + i * 9 + j] == h[b * 81 + i * 9 + k]) == (assign[j] == assign[k]));
  pa_network_free(network);
  ok(pa_network_create_multicell(&network, 3, 9, 5, NULL));
  double transmitters[18], receivers[18];
  ok(pa_network_positions(network, transmitters, receivers));
  ok(pa_network_draw(network, 0, 0, 4, h));
  for (size_t i = 0; i < 9; i++) {
    ck_assert(receivers[2 * i] == receivers[2 * (i % 3)] && receivers[2 * i + 1] == receivers[2 * (i % 3) + 1]);
    for (size_t axis = 0; axis < 2; axis++) {
      ck_assert(fabs(receivers[2 * i + axis]) <= 9);
      ck_assert(fabs(transmitters[2 * i + axis] - receivers[2 * i + axis]) <= 9.0 / 4);
    }
    for (size_t j = 3; j < 9; j++) ck_assert(h[i * 9 + j] == h[i * 9 + j % 3]);
    ck_assert(h[i * 9] != h[i * 9 + 1]);
  }
  pa_network_free(network);
  fixture_close(f);
}
END_TEST

/* Receivers that no link uses change nothing but the numbers of the fading; few links may have many of them. */
START_TEST(receivers_may_outnumber_links) {
  enum { MANY = 40 };
  static const double t[4] = {0, 0, 3, 3};
  double receivers[2 * MANY], gain[4], h[8 * 4];
  for (size_t k = 0; k < MANY; k++) receivers[2 * k] = 10 + (double)k, receivers[2 * k + 1] = 1;
  static const int64_t apart[2] = {MANY - 1, 3}, shared[2] = {MANY - 1, MANY - 1};
  for (int kind = 0; kind < 2; kind++) {
    const int64_t *of = kind ? shared : apart;
    pa_network *network;
    ok(pa_network_create_positions(&network, 2, t, MANY, receivers, of, 0, 1, NULL));
    ok(pa_network_path_gain(network, gain));
    for (size_t i = 0; i < 2; i++)
      for (size_t j = 0; j < 2; j++) {
        const double *at = receivers + 2 * of[j];
        double expected = pow(hypot(at[0] - t[2 * i], at[1] - t[2 * i + 1]), -2.2);
        close_to(gain[2 * i + j], expected, 1e-13 * expected);
      }
    ok(pa_network_draw(network, 0, 0, 8, h));
    for (size_t b = 0; b < 8; b++)
      for (size_t k = 0; k < 4; k++) {
        ck_assert(h[4 * b + k] > 0 && h[4 * b + k] < 10 * gain[k]);
        ck_assert((h[4 * b + k] == h[4 * b + (k ^ 1)]) == kind);
      }
    pa_network_free(network);
  }
}
END_TEST

/* A transmitter on a receiver needs a least distance, whatever the exponent. */
START_TEST(coinciding_positions_are_refused) {
  static const double t[4] = {0, 0, 3, 3}, r[4] = {1, 1, 3, 3};
  static const double exponents[] = {0.1, 1, 1.5, 2.2, 4};
  for (size_t k = 0; k < 5; k++) {
    double gain[4], again[4], distance;
    pa_network *network;
    ok(pa_network_create_positions(&network, 2, t, 2, r, NULL, 0.5, 1, NULL));
    ok(pa_network_set(network, PA_NETWORK_PATH_LOSS_EXPONENT, exponents[k]));
    ok(pa_network_path_gain(network, gain));
    close_to(gain[3], pow(0.5, -exponents[k]), 1e-14 * gain[3]);
    fails(pa_network_set(network, PA_NETWORK_MIN_DISTANCE, 0), PA_ERROR_ARGUMENT, "transmitter 1 stands on receiver 1");
    ok(pa_network_get(network, PA_NETWORK_MIN_DISTANCE, &distance));
    ck_assert(distance == 0.5);
    ok(pa_network_path_gain(network, again));
    ck_assert_int_eq(memcmp(gain, again, sizeof gain), 0);
    pa_network_free(network);
  }
}
END_TEST

/* Half-widths of the boxes over many points: within the rule, and close to it (the largest of 400 numbers that are
 * uniform in a box misses its end by a part of 0.03 once in 10^5). */
static void check_box(pa_network *network, double width, double around) {
  size_t n = pa_network_links(network);
  double *t = calloc(4 * n, sizeof *t), *r = t + 2 * n, most = 0, apart = 0, mean = 0;
  ok(pa_network_positions(network, t, r));
  for (size_t k = 0; k < 2 * n; k++) {
    most = fmax(most, fabs(t[k]));
    apart = fmax(apart, fabs(t[k] - r[k]));
    mean += t[k] / (double)(2 * n);
  }
  ck_assert_msg(most <= width && most >= 0.97 * width, "transmitters within %g, not %g", most, width);
  ck_assert_msg(apart <= around && apart >= 0.97 * around, "receivers within %g, not %g", apart, around);
  close_to(mean, 0, 6 * width / sqrt(3.0 * 2 * (double)n));
  free(t);
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* Kolmogorov and Smirnov against the uniform distribution on (-1, 1), at a level of about 1e-6. Sorts x. */
static void check_uniform(const char *what, double *x, size_t n) {
  qsort(x, n, sizeof *x, ascending);
  double distance = 0;
  for (size_t k = 0; k < n; k++) {
    double p = (x[k] + 1) / 2;
    distance = fmax(distance, fmax(fabs(p - (double)k / (double)n), fabs(p - (double)(k + 1) / (double)n)));
  }
  ck_assert_msg(x[0] >= -1 && x[n - 1] <= 1 && distance < 2.7 / sqrt((double)n), "%s: %g to %g, distance %g", what,
                x[0], x[n - 1], distance);
}

/* Over 60 seeds: transmitters uniform in their box, receivers around them, both coordinates; all seeds differ. */
static void check_boxes(size_t links, double reference, double constant, double density, double width, double around) {
  enum { SEEDS = 60 };
  double *x[4], *t = calloc(4 * links, sizeof *t), *r = t + 2 * links, product = 0;
  for (size_t k = 0; k < 4; k++) x[k] = calloc(SEEDS * links, sizeof *x[k]);
  for (size_t seed = 0; seed < SEEDS; seed++) {
    pa_network *network;
    ok(pa_network_create_adhoc(&network, links, seed, NULL));
    ok(pa_network_set(network, PA_NETWORK_REFERENCE_LINKS, reference));
    ok(pa_network_set(network, PA_NETWORK_CONSTANT_DENSITY, constant));
    ok(pa_network_set(network, PA_NETWORK_DENSITY, density));
    ok(pa_network_positions(network, t, r));
    for (size_t i = 0; i < links; i++) {
      for (size_t axis = 0; axis < 2; axis++) {
        x[axis][seed * links + i] = t[2 * i + axis] / width;
        x[2 + axis][seed * links + i] = (r[2 * i + axis] - t[2 * i + axis]) / around;
      }
      product += t[2 * i] * t[2 * i + 1] / (width * width);
    }
    pa_network_free(network);
  }
  close_to(product / (double)(SEEDS * links), 0, 6 / 3.0 / sqrt((double)(SEEDS * links)));
  for (size_t k = 0; k < 4; k++) {
    check_uniform(k < 2 ? "transmitters" : "receivers", x[k], SEEDS * links);
    for (size_t n = 1; n < SEEDS * links; n++) ck_assert(k >= 2 || x[k][n] != x[k][n - 1]);
    free(x[k]);
  }
  free(t);
}

START_TEST(positions_are_uniform_in_the_papers_boxes) {
  check_boxes(20, 0, 1, 1, 20, 5);
  check_boxes(20, 0, 1, 2.5, 8, 5);
  check_boxes(75, 50, 1, 1, 50 * sqrt(75.0 / 50), 12.5);
  check_boxes(30, 20, 0, 0.5, 40, 5);
  check_boxes(1, 0, 1, 1, 1, 0.25);
}
END_TEST

START_TEST(boxes_follow_the_papers) {
  pa_network *network;
  ok(pa_network_create_adhoc(&network, 200, 3, NULL));
  check_box(network, 200, 50);
  ok(pa_network_set(network, PA_NETWORK_DENSITY, 2.5));
  check_box(network, 80, 50);
  ok(pa_network_set(network, PA_NETWORK_DENSITY, 1));
  ok(pa_network_set(network, PA_NETWORK_REFERENCE_LINKS, 50));
  check_box(network, 50 * sqrt(200.0 / 50), 12.5); /* REGNN paper: constant density */
  ok(pa_network_set(network, PA_NETWORK_CONSTANT_DENSITY, 0));
  check_box(network, 50, 12.5); /* UWMMSE paper: the same box */
  double gain[2], exponent;
  pa_network_free(network);
  static const double at[] = {0, 0}, far[] = {3, 4};
  ok(pa_network_create_positions(&network, 1, at, 1, far, NULL, 0, 1, NULL));
  ok(pa_network_path_gain(network, gain));
  close_to(gain[0], pow(5, -2.2), 1e-15);
  ok(pa_network_set(network, PA_NETWORK_PATH_LOSS_EXPONENT, 1.5));
  ok(pa_network_path_gain(network, gain));
  close_to(gain[0], pow(5, -1.5), 1e-15);
  ok(pa_network_set(network, PA_NETWORK_MIN_DISTANCE, 10));
  ok(pa_network_path_gain(network, gain));
  close_to(gain[0], pow(10, -1.5), 1e-15);
  ok(pa_network_get(network, PA_NETWORK_PATH_LOSS_EXPONENT, &exponent));
  ck_assert(exponent == 1.5);
  pa_network_free(network);
}
END_TEST

/* In the same box a network of fewer links is the beginning of one of more. */
START_TEST(smaller_networks_are_nested) {
  double t[2][40], r[2][40];
  for (size_t k = 0; k < 2; k++) {
    pa_network *network;
    ok(pa_network_create_adhoc(&network, k == 0 ? 12 : 20, 7, NULL));
    ok(pa_network_set(network, PA_NETWORK_REFERENCE_LINKS, 20));
    ok(pa_network_set(network, PA_NETWORK_CONSTANT_DENSITY, 0));
    ok(pa_network_positions(network, t[k], r[k]));
    pa_network_free(network);
  }
  ck_assert_int_eq(memcmp(t[0], t[1], 24 * sizeof(double)), 0);
  ck_assert_int_eq(memcmp(r[0], r[1], 24 * sizeof(double)), 0);
}
END_TEST

/* Draws ---------------------------------------------------------------------------------------------------------- */

/* Draws 5 .. 44 of a stream at once and in pieces from the end: the same bits. */
static void check_pieces(const pa_network *network) {
  size_t n = pa_network_links(network), e = n * n;
  double *whole = calloc(80 * e, sizeof *whole), *pieces = whole + 40 * e;
  ok(pa_network_draw(network, 3, 5, 40, whole));
  for (size_t end = 40, count; end > 0; end -= count) {
    count = end % 7 + 1 < end ? end % 7 + 1 : end;
    ok(pa_network_draw(network, 3, 5 + end - count, count, pieces + (end - count) * e));
  }
  ck_assert_int_eq(memcmp(whole, pieces, 40 * e * sizeof *whole), 0);
  ok(pa_network_draw(network, 4, 5, 40, pieces));
  ck_assert_int_ne(memcmp(whole, pieces, 40 * e * sizeof *whole), 0);
  ck_assert_int_ne(memcmp(whole, whole + e, e * sizeof *whole), 0);
  pa_states *states;
  ok(pa_network_draw_states(network, 3, 5, 40, &states, NULL));
  ck_assert_int_eq(memcmp(whole, pa_states_channel(states), 40 * e * sizeof *whole), 0);
  ck_assert_uint_eq(pa_states_first(states), 5);
  pa_states_free(states);
  free(whole);
}

START_TEST(a_draw_depends_on_its_number_alone) {
  static const double gain[9] = {1, 0.1, 0.2, 0.3, 1, 0.1, 0.2, 0.1, 1};
  pa_network *network;
  for (size_t n = 1; n <= 9; n += 4) {
    ok(pa_network_create_adhoc(&network, n, 1, NULL));
    check_pieces(network);
    pa_network_free(network);
  }
  ok(pa_network_create_adhoc_family(&network, 6, 6, 0.5, 5, 1, NULL));
  check_pieces(network);
  ok(pa_network_set(network, PA_NETWORK_DRAWS_PER_TOPOLOGY, 3));
  check_pieces(network);
  pa_network_free(network);
  ok(pa_network_create_multicell(&network, 2, 6, 1, NULL));
  check_pieces(network);
  pa_network_free(network);
  ok(pa_network_create_path_gain(&network, 3, gain, 1, NULL));
  check_pieces(network);
  double h[18];
  ok(pa_network_set(network, PA_NETWORK_FADING, 0));
  ok(pa_network_draw(network, 0, 0, 2, h));
  ck_assert_int_eq(memcmp(h, gain, sizeof gain), 0);
  ck_assert_int_eq(memcmp(h + 9, gain, sizeof gain), 0);
  pa_network_free(network);
}
END_TEST

/* Rayleigh of scale 1 on each path gain: mean sqrt(pi / 2), mean square 2; channels independent. */
START_TEST(fading_has_the_right_moments) {
  enum { B = 20000 };
  static const double gain[4] = {1, 1e-8, 0.5, 3};
  pa_network *network;
  ok(pa_network_create_path_gain(&network, 2, gain, 1, NULL));
  double *h = calloc(B * 4, sizeof *h), mean[4] = {0}, square[4] = {0}, product = 0;
  ok(pa_network_draw(network, 0, 0, B, h));
  for (size_t b = 0; b < B; b++)
    for (size_t k = 0; k < 4; k++) {
      double f = h[b * 4 + k] / gain[k];
      mean[k] += f / B;
      square[k] += f * f / B;
      if (k == 0) product += f * h[b * 4 + 1] / gain[1] / B;
    }
  for (size_t k = 0; k < 4; k++) {
    close_to(mean[k], sqrt(acos(-1) / 2), 6 * 0.6551 / sqrt(B));
    close_to(square[k], 2, 6 * 2 / sqrt(B));
  }
  close_to(product, acos(-1) / 2, 6 * 1.24 / sqrt(B));
  free(h);
  pa_network_free(network);
}
END_TEST

/* Every amplitude is path gain times Rayleigh number e of draw first + b of the stream: draws are the same on every
 * machine and in every version. */
START_TEST(draws_are_the_numbers_of_their_stream) {
  enum { N = 7, B = 3 };
  static const struct {
    uint64_t seed, stream, first;
  } cases[] = {{1, 0, 0}, {1, 5, 0}, {UINT64_C(1) << 40, 0, 0}, {1, UINT64_C(3) << 50, 11}, {1, 2, UINT64_MAX - 1}};
  for (size_t c = 0; c < 5; c++) {
    double gain[N * N], h[B * N * N];
    pa_network *network;
    ok(pa_network_create_adhoc(&network, N, cases[c].seed, NULL));
    ok(pa_network_path_gain(network, gain));
    ok(pa_network_draw(network, cases[c].stream, cases[c].first, B, h));
    uint64_t key = pa__random_key(cases[c].seed, PA__STREAM_FADING, cases[c].stream);
    for (uint64_t b = 0; b < B; b++)
      for (uint64_t e = 0; e < N * N; e++) {
        double expected = gain[e] * sqrt(-2 * log(pa__random_uniform(key, cases[c].first + b, e)));
        close_to(h[b * N * N + e], expected, 2e-15 * expected);
      }
    pa_network_free(network);
  }
}
END_TEST

/* Correlation of squared amplitudes with those of another draw, stream or seed, and of a neighbour channel. */
START_TEST(draws_streams_and_seeds_are_independent) {
  enum { B = 20000 };
  static const double one[4] = {1, 1, 1, 1};
  double *h[3] = {NULL}, sum[5] = {0};
  for (uint64_t k = 0; k < 3; k++) {
    pa_network *network;
    h[k] = calloc(4 * (B + 1), sizeof **h);
    ok(pa_network_create_path_gain(&network, 2, one, k == 2 ? 18 : 17, NULL));
    ok(pa_network_draw(network, k == 1 ? 1 : 0, 0, B + 1, h[k]));
    pa_network_free(network);
  }
#define CENTRED(x) ((x) * (x) / 2 - 1)
  for (size_t b = 0; b < B; b++) {
    double own = CENTRED(h[0][4 * b]);
    sum[0] += own * CENTRED(h[0][4 * b + 4]);
    sum[1] += own * CENTRED(h[1][4 * b]);
    sum[2] += own * CENTRED(h[2][4 * b]);
    sum[3] += own * CENTRED(h[0][4 * b + 1]);
    sum[4] += own * CENTRED(h[0][4 * b + 2]);
  }
#undef CENTRED
  for (size_t k = 0; k < 5; k++) close_to(sum[k] / B, 0, 6 / sqrt(B));
  for (size_t k = 0; k < 3; k++) free(h[k]);
}
END_TEST

START_TEST(seeds_move_everything) {
  double gain[2][9], h[2][9];
  for (size_t k = 0; k < 2; k++) {
    pa_network *network;
    ok(pa_network_create_adhoc(&network, 3, k, NULL));
    ok(pa_network_path_gain(network, gain[k]));
    pa_network_free(network);
    ok(pa_network_create_adhoc_family(&network, 3, 3, 1, 2, k, NULL));
    ok(pa_network_set(network, PA_NETWORK_FADING, 0));
    ok(pa_network_draw(network, 0, 0, 1, h[k]));
    pa_network_free(network);
  }
  for (size_t e = 0; e < 9; e++) ck_assert(gain[0][e] != gain[1][e] && h[0][e] != h[1][e]);
}
END_TEST

/* Noise and power limits go along with drawn states. */
START_TEST(states_take_the_networks_noise_and_limits) {
  pa_network *network;
  pa_states *states;
  ok(pa_network_create_adhoc(&network, 2, 1, NULL));
  ok(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
  for (size_t i = 0; i < 2; i++)
    ck_assert(pa_states_noise(states)[i] == 1 && pa_states_power_limit(states)[i] == 1 &&
              pa_states_weights(states)[i] == 1);
  pa_states_free(states);
  ok(pa_network_set_noise(network, (double[]){1e-3, 2e-3}, 2));
  ok(pa_network_set_power_limit(network, (double[]){3}, 1));
  fails(pa_network_set_noise(network, (double[]){5, NAN}, 2), PA_ERROR_ARGUMENT, "noise[1] is nan");
  fails(pa_network_set_power_limit(network, (double[]){5, -2}, 2), PA_ERROR_ARGUMENT, "power limit[1] is -2");
  ok(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
  ck_assert(pa_states_noise(states)[0] == 1e-3 && pa_states_noise(states)[1] == 2e-3);
  ck_assert(pa_states_power_limit(states)[0] == 3 && pa_states_power_limit(states)[1] == 3);
  pa_states_free(states);
  pa_network_free(network);
  ok(pa_network_create_adhoc_family(&network, 2, 2, 1, 1, 1, NULL));
  fails(pa_network_set_noise(network, (double[]){1, 2}, 2), PA_ERROR_ARGUMENT, "a family takes 1");
  fails(pa_network_set_power_limit(network, (double[]){1, 2}, 2), PA_ERROR_ARGUMENT, "a family takes 1");
  ok(pa_network_set_noise(network, (double[]){4}, 1));
  ok(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
  ck_assert(pa_states_noise(states)[1] == 4);
  pa_states_free(states);
  pa_network_free(network);
}
END_TEST

/* What a family drops. Over the pairs of different links the mean square of a coordinate of t_i - r_j is
 * 2 w^2 / 3 + a^2 / 3, w and a the half-widths of the boxes: it tells the density that a topology was dropped with. */
static double density_of(const double *gain, size_t n, double reference) {
  double sum = 0, around = reference / 4;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      if (i != j) sum += pow(gain[i * n + j], -2 / 2.2) / 2;
  double width = sqrt(fmax(1.5 * (sum / (double)(n * (n - 1)) - around * around / 3), 1e-9));
  return reference / width;
}

START_TEST(families_span_their_sizes_and_densities) {
  enum { LEAST = 40, MOST = 43, GROUPS = 400 };
  pa_network *family;
  double *h = calloc(2 * MOST * MOST, sizeof *h), mean = 0, lowest = INFINITY, highest = 0;
  size_t count[MOST - LEAST + 1] = {0};
  ok(pa_network_create_adhoc_family(&family, LEAST, MOST, 1, 3, 5, NULL));
  ok(pa_network_set(family, PA_NETWORK_FADING, 0));
  ck_assert_uint_eq(pa__network_group(family), 8);
  double *scratch = calloc(pa__network_scratch(family, PA__DOUBLE), sizeof *scratch);
  for (uint64_t g = 0; g < GROUPS; g++) {
    size_t n = pa__network_sample(family, PA__DOUBLE, 2, 8 * g, 1, h, scratch);
    ck_assert(n >= LEAST && n <= MOST);
    ck_assert_uint_eq(pa__network_sample(family, PA__DOUBLE, 2, 8 * g + 7, 1, h + MOST * MOST, scratch), n);
    ck_assert_int_eq(memcmp(h, h + MOST * MOST, n * n * sizeof *h), 0);
    count[n - LEAST]++;
    double density = density_of(h, n, 41);
    lowest = fmin(lowest, density);
    highest = fmax(highest, density);
    mean += density / GROUPS;
    for (size_t i = 0; i < n; i++) ck_assert(pow(h[i * n + i], -1 / 2.2) <= 41 / 4.0 * sqrt(2) * (1 + 1e-12));
  }
  for (size_t k = 0; k <= MOST - LEAST; k++) /* six standard deviations of a quarter of the groups */
    ck_assert_msg(fabs((double)count[k] - GROUPS / 4.0) < 6 * sqrt(GROUPS * 3 / 16.0), "%zu links: %zu times",
                  LEAST + k, count[k]);
  ck_assert_msg(lowest > 0.8 && lowest < 1.1 && highest > 2.7 && highest < 3.8, "densities %g to %g", lowest, highest);
  close_to(mean, 2, 6 * 0.65 / sqrt(GROUPS) + 0.05);
  free(scratch);
  free(h);
  pa_network_free(family);
}
END_TEST

static void draws_in_single_precision(const pa_network *network) {
  enum { DRAWS = 3000 };
  size_t n = pa_network_links(network), elements = n * n;
  double *scratch = calloc(pa__network_scratch(network, PA__SINGLE), sizeof *scratch),
         *gain = calloc(elements, sizeof *gain), *power = calloc(elements, sizeof *power);
  float *h = calloc(8 * elements, sizeof *h), *alone = calloc(elements, sizeof *alone);
  ok(pa_network_path_gain(network, gain));
  for (uint64_t first = 0; first < DRAWS; first += 8) {
    ck_assert_uint_eq(pa__network_sample(network, PA__SINGLE, 2, first, 8, h, scratch), n);
    for (size_t k = 0; k < 8 * elements; k++) power[k % elements] += pow((double)h[k] / gain[k % elements], 2) / DRAWS;
  }
  pa__network_sample(network, PA__SINGLE, 2, DRAWS - 1, 1, alone, scratch);
  ck_assert_int_eq(memcmp(alone, h + 7 * elements, elements * sizeof *alone), 0);
  for (size_t k = 0; k < elements; k++) close_to(power[k], 2, 6 * 2 / sqrt(DRAWS));
  free(scratch);
  free(gain);
  free(power);
  free(h);
  free(alone);
}

/* Rayleigh amplitudes on the path gains: mean square 2, by number alone; without fading the gains. */
START_TEST(draws_in_single_precision_are_like_those_in_double) {
  pa_network *networks[3];
  double wide[25], scratch[100];
  float narrow[25];
  ok(pa_network_create_adhoc(&networks[0], 5, 1, NULL));
  ok(pa_network_create_multicell(&networks[1], 2, 5, 1, NULL));
  ok(pa_network_create_adhoc_family(&networks[2], 5, 5, 1, 3, 1, NULL));
  for (size_t k = 0; k < 3; k++) {
    if (k < 2) draws_in_single_precision(networks[k]);
    ck_assert_uint_le(pa__network_scratch(networks[k], PA__SINGLE), 100);
    ok(pa_network_set(networks[k], PA_NETWORK_FADING, 0));
    pa__network_sample(networks[k], PA__DOUBLE, 2, 9, 1, wide, scratch);
    pa__network_sample(networks[k], PA__SINGLE, 2, 9, 1, narrow, scratch);
    for (size_t e = 0; e < 25; e++) ck_assert(narrow[e] == (float)wide[e]);
    pa_network_free(networks[k]);
  }
}
END_TEST

/* Without fading a family's draws are its path gains: eight in a row alike, the next eight not. */
START_TEST(families_change_topology_every_eight_draws) {
  enum { N = 4, E = N * N };
  pa_network *family;
  double h[64 * E], reference;
  ok(pa_network_create_adhoc_family(&family, N, N, 0.5, 5, 9, NULL));
  ok(pa_network_set(family, PA_NETWORK_FADING, 0));
  ok(pa_network_draw(family, 0, 0, 64, h));
  for (size_t b = 1; b < 64; b++)
    ck_assert_int_eq(memcmp(h + b * E, h + (b - 1) * E, E * sizeof(double)) == 0, b % 8 != 0);
  ok(pa_network_get(family, PA_NETWORK_REFERENCE_LINKS, &reference));
  ck_assert(reference == N);
  pa_network_free(family);
  ok(pa_network_create_adhoc_family(&family, 10, 31, 0.5, 5, 9, NULL));
  ok(pa_network_get(family, PA_NETWORK_REFERENCE_LINKS, &reference));
  ck_assert(reference == 20);
  ck_assert_uint_eq(pa_network_links(family), 31);
  ck_assert_uint_eq(pa_network_links_min(family), 10);
  fails(pa_network_draw(family, 0, 0, 1, h), PA_ERROR_ARGUMENT, "10 to 31 links has no fixed shape");
  fails(pa_network_set(family, PA_NETWORK_DENSITY, 2), PA_ERROR_ARGUMENT, "does not apply to a family");
  fails(pa_network_path_gain(family, h), PA_ERROR_ARGUMENT, "family");
  pa_network_free(family);
}
END_TEST

/* Each kind has its own keys; the others are refused by name and change nothing. */
START_TEST(kinds_have_their_keys) {
  static const double at[4] = {0, 0, 1, 1}, receivers[4] = {1, 0, 0, 1}, gain[4] = {1, 0.1, 0.1, 1};
  static const char has[5][8] = {"1111110", "0111111", "1111110", "0000010", "0001110"};
  pa_network *network[5];
  ok(pa_network_create_adhoc(&network[0], 2, 1, NULL));
  ok(pa_network_create_adhoc_family(&network[1], 2, 2, 1, 2, 1, NULL));
  ok(pa_network_create_multicell(&network[2], 1, 2, 1, NULL));
  ok(pa_network_create_path_gain(&network[3], 2, gain, 1, NULL));
  ok(pa_network_create_positions(&network[4], 2, at, 2, receivers, NULL, 0, 1, NULL));
  for (size_t kind = 0; kind < 5; kind++) {
    for (int32_t k = 0; k < 7; k++) {
      int32_t key = PA_NETWORK_DENSITY + k;
      double value = -7, initial;
      ok(pa_key_bounds(key, &initial, NULL, NULL));
      if (has[kind][k] == '1') {
        ok(pa_network_get(network[kind], key, &value));
        bool own_default = kind == 1 && (key == PA_NETWORK_REFERENCE_LINKS || key == PA_NETWORK_CONSTANT_DENSITY);
        ck_assert_msg(own_default || value == initial, "%s is %g", pa_key_name(key), value);
        ok(pa_network_set(network[kind], key, value));
        fails(pa_network_get(network[kind], key, NULL), PA_ERROR_ARGUMENT, "value is NULL");
        fails(pa_network_set(network[kind], key, -1e300), PA_ERROR_ARGUMENT, pa_key_name(key));
        fails(pa_network_set(network[kind], key, NAN), PA_ERROR_ARGUMENT, pa_key_name(key));
      } else {
        fails(pa_network_get(network[kind], key, &value), PA_ERROR_ARGUMENT, pa_key_name(key));
        fails(pa_network_set(network[kind], key, initial), PA_ERROR_ARGUMENT, "does not apply");
        ck_assert(value == -7);
      }
    }
    fails(pa_network_get(network[kind], PA_TRAINER_BATCH, &(double){0}), PA_ERROR_ARGUMENT, "trainer.batch");
    pa_network_free(network[kind]);
  }
  fails(pa_network_get(NULL, PA_NETWORK_FADING, &(double){0}), PA_ERROR_ARGUMENT, "network is NULL");
  fails(pa_network_set(NULL, PA_NETWORK_FADING, 1), PA_ERROR_ARGUMENT, "network is NULL");
}
END_TEST

/* A key set and set back leaves the same network. */
START_TEST(keys_set_back_restore_the_network) {
  double gain[3][25];
  pa_network *network;
  ok(pa_network_create_adhoc(&network, 5, 3, NULL));
  ok(pa_network_path_gain(network, gain[0]));
  ok(pa_network_set(network, PA_NETWORK_DENSITY, 2));
  ok(pa_network_path_gain(network, gain[1]));
  fails(pa_network_set(network, PA_NETWORK_DENSITY, 1e7), PA_ERROR_ARGUMENT, "network.density is 1e+07");
  ok(pa_network_path_gain(network, gain[2]));
  ck_assert_int_eq(memcmp(gain[1], gain[2], sizeof gain[1]), 0);
  ck_assert_int_ne(memcmp(gain[0], gain[1], sizeof gain[1]), 0);
  ok(pa_network_set(network, PA_NETWORK_DENSITY, 1));
  ok(pa_network_path_gain(network, gain[1]));
  ck_assert_int_eq(memcmp(gain[0], gain[1], sizeof gain[0]), 0);
  pa_network_free(network);
}
END_TEST

/* Units ---------------------------------------------------------------------------------------------------------- */

START_TEST(decibels) {
  close_to(pa_db_to_ratio(30), 1000, 1e-12 * 1000);
  close_to(pa_ratio_to_db(1000), 30, 1e-13);
  close_to(pa_dbm_to_watts(30), 1, 1e-15);
  close_to(pa_watts_to_dbm(2e-13), -96.9897000433602, 1e-11);
  ck_assert(isinf(pa_watts_to_dbm(0)) && pa_watts_to_dbm(0) < 0);
  double watts;
  ok(pa_thermal_noise(1e6, 0, &watts)); /* -174 dBm/Hz + 60 dB */
  close_to(pa_watts_to_dbm(watts), -113.975, 1e-2);
  ok(pa_thermal_noise(1e6, 7, &watts));
  close_to(pa_watts_to_dbm(watts), -106.975, 1e-2);
  watts = 5;
  fails(pa_thermal_noise(0, 7, &watts), PA_ERROR_ARGUMENT, "bandwidth is 0 Hz");
  fails(pa_thermal_noise(NAN, 7, &watts), PA_ERROR_ARGUMENT, "bandwidth");
  fails(pa_thermal_noise(1e6, -1, &watts), PA_ERROR_ARGUMENT, "noise figure is -1 dB");
  fails(pa_thermal_noise(1e6, 7, NULL), PA_ERROR_ARGUMENT, "watts is NULL");
  fails(pa_thermal_noise(INFINITY, 7, &watts), PA_ERROR_ARGUMENT, "bandwidth is inf Hz");
  fails(pa_thermal_noise(-1e6, 7, &watts), PA_ERROR_ARGUMENT, "bandwidth is -1e+06 Hz");
  fails(pa_thermal_noise(1e6, NAN, &watts), PA_ERROR_ARGUMENT, "noise figure is nan dB");
  fails(pa_thermal_noise(1e6, INFINITY, &watts), PA_ERROR_ARGUMENT, "noise figure is inf dB");
  ck_assert(watts == 5);
  ok(pa_thermal_noise(20e6, 9, &watts)); /* k T B F in full */
  close_to(watts, 1.380649e-23 * 290 * 20e6 * pow(10, 0.9), 1e-14 * watts);
  for (double x = -200; x <= 200; x += 12.5) {
    close_to(pa_ratio_to_db(pa_db_to_ratio(x)), x, 1e-12);
    close_to(pa_watts_to_dbm(pa_dbm_to_watts(x)), x, 1e-12);
    close_to(pa_dbm_to_watts(x), pa_db_to_ratio(x) / 1000, 1e-13 * pa_dbm_to_watts(x));
  }
  ck_assert(pa_db_to_ratio(0) == 1 && pa_ratio_to_db(1) == 0);
  ck_assert(isinf(pa_ratio_to_db(0)) && pa_ratio_to_db(0) < 0);
}
END_TEST

/* A noise that is not a positive finite number is no use to anyone: it is refused. */
START_TEST(thermal_noise_is_positive_and_finite) {
  static const double bandwidths[] = {1e-320, 1e-300, 1, 1e300, DBL_MAX}, figures[] = {0, 100, 1000};
  for (size_t b = 0; b < 5; b++)
    for (size_t f = 0; f < 3; f++) {
      double watts = 5;
      if (pa_thermal_noise(bandwidths[b], figures[f], &watts) == PA_OK)
        ck_assert_msg(watts > 0 && isfinite(watts), "%g Hz, %g dB: %g W", bandwidths[b], figures[f], watts);
      else
        ck_assert(watts == 5);
    }
}
END_TEST

/* A locale with a decimal comma if the system has one. */
static bool set_comma_locale(void) {
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",  "de_DE",
                                      "fr_FR.UTF-8", "nl_NL.UTF-8", "sv_SE.UTF-8"};
  for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
    if (setlocale(LC_ALL, names[k]) && strcmp(localeconv()->decimal_point, ",") == 0) return true;
  setlocale(LC_ALL, "C");
  return false;
}

START_TEST(powers_in_words) {
  static const struct {
    const char *text;
    double watts;
  } good[] = {{"0.1", 0.1},
              {"1e-3 W", 1e-3},
              {"200 mW", 0.2},
              {"3uW", 3e-6},
              {"30 dBm", 1},
              {"30dBm", 1},
              {"-91 dB", 7.943282347242815e-10},
              {"-91dBW", 7.943282347242815e-10},
              {"0", 0},
              {"  2", 2},
              {"+1.5e+2 mW", 0.15},
              {".5", 0.5},
              {"5.W", 5},
              {"3     W", 3},
              {"0 W", 0},
              {"0 dBm", 1e-3},
              {"0 dBW", 1},
              {"-30 dBm", 1e-6},
              {"20 dB", 100},
              {"1e-3uW", 1e-9},
              {"-9.1e1 dB", 7.943282347242815e-10}};
  double watts = 7;
  for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
    ok(pa_parse_power(good[k].text, &watts));
    close_to(watts, good[k].watts, 1e-14 * good[k].watts);
  }
  static const char *const bad[] = {"",      "W",     "one",     "1 w",     "1 dbm", "1 kW",  "1W2",  "-1",     "nan",
                                    "inf",   "1e999", "4000 dB", "0,5",     "1 MW",  "1 W W", "1 Wx", "1 dBm2", "1 mw",
                                    "1 DBM", "-1 mW", "nan dBm", "inf dBm", "--1",   "1 2",   "W 1",  "dBm",    " "};
  watts = 7;
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
    fails(pa_parse_power(bad[k], &watts), PA_ERROR_ARGUMENT, "\"");
  char *endless = malloc(5001);
  memset(endless, '9', 5000);
  endless[5000] = 0;
  fails(pa_parse_power(endless, &watts), PA_ERROR_ARGUMENT, "\"999");
  memset(endless, 'x', 5000);
  fails(pa_parse_power(endless, &watts), PA_ERROR_ARGUMENT, "\"xxx");
  endless[0] = '1';
  fails(pa_parse_power(endless, &watts), PA_ERROR_ARGUMENT, "unknown unit \"xxx");
  free(endless);
  fails(pa_parse_power(NULL, &watts), PA_ERROR_ARGUMENT, "text is NULL");
  fails(pa_parse_power("1", NULL), PA_ERROR_ARGUMENT, "watts is NULL");
  ck_assert(watts == 7);
  if (set_comma_locale()) { /* where there is one, it changes nothing */
    ok(pa_parse_power("0.5 W", &watts));
    ck_assert(watts == 0.5);
    fails(pa_parse_power("0,5 W", &watts), PA_ERROR_ARGUMENT, "unknown unit");
    setlocale(LC_ALL, "C");
  }
}
END_TEST

/* States and bad input ------------------------------------------------------------------------------------------- */

START_TEST(states_keep_what_they_are_given) {
  double h[8] = {1, 0.1, 0.2, 1, 2, 0.1, 0.2, 2}, other[4] = {3, 0, 0, 3}, x[4] = {1, 2, 3, 4};
  pa_states *states;
  ok(pa_states_create(&states, 2, 2, h, 0.5, 2, NULL));
  ck_assert_uint_eq(pa_states_batch(states), 2);
  ck_assert_uint_eq(pa_states_links(states), 2);
  ck_assert_ptr_eq(pa_states_channel(states), h);
  ck_assert(pa_states_noise(states)[1] == 0.5 && pa_states_power_limit(states)[1] == 2 &&
            pa_states_weights(states)[1] == 1);
  ok(pa_states_set_noise(states, (double[]){1, 2}, 2));
  ok(pa_states_set_power_limit(states, (double[]){3, 4}, 2));
  ok(pa_states_set_weights(states, (double[]){5}, 1));
  ok(pa_states_set_first(states, 9));
  ck_assert(pa_states_noise(states)[1] == 2 && pa_states_power_limit(states)[0] == 3 &&
            pa_states_weights(states)[1] == 5);
  ck_assert_uint_eq(pa_states_first(states), 9);
  ok(pa_states_set_node_state(states, x, 1));
  ck_assert_ptr_eq(pa_states_node_state(states), x);
  ck_assert_uint_eq(pa_states_node_features(states), 1);
  x[2] = NAN;
  fails(pa_states_set_node_state(states, x, 1), PA_ERROR_ARGUMENT, "x[1][0][0] is not finite");
  fails(pa_states_set_node_state(states, x, 0), PA_ERROR_ARGUMENT, "features is 0");
  ok(pa_states_bind(states, 1, other));
  ck_assert_ptr_eq(pa_states_channel(states), other);
  ck_assert_uint_eq(pa_states_batch(states), 1);
  ck_assert_ptr_null(pa_states_node_state(states));
  pa_states_free(states);
  pa_states_free(NULL);
  ck_assert_ptr_null(pa_states_channel(NULL));
  ck_assert_uint_eq(pa_states_links(NULL) + pa_states_batch(NULL), 0);
}
END_TEST

/* Every bad amplitude at every place of a batch is named by its indices; a value at the edge is taken. */
START_TEST(bad_channels_are_named) {
  static const struct {
    double value;
    const char *says;
  } bad[] = {{NAN, "nan, must be finite"},         {-NAN, "nan, must be finite"},
             {INFINITY, "inf, must be finite"},    {-INFINITY, "-inf, must be finite"},
             {-1e-320, "must be finite and >= 0"}, {1.01e50, "1.01e+50: its gain"}};
  enum { B = 2, N = 5 };
  double h[B * N * N], power[B * N], out[B * N];
  pa_states *states;
  for (size_t k = 0; k < B * N * N; k++) h[k] = k % 3 ? 0.1 : -0.0;
  h[7] = 0.99e50;
  ok(pa_states_create(&states, B, N, h, 1, 1, NULL));
  for (size_t k = 0; k < B * N; k++) power[k] = 1, out[k] = -7;
  for (size_t k = 0; k < B * N * N; k++)
    for (size_t c = 0; c < sizeof bad / sizeof bad[0]; c++) {
      char place[64];
      snprintf(place, sizeof place, "h[%zu][%zu][%zu] is ", k / (N * N), k / N % N, k % N);
      double kept = h[k];
      h[k] = bad[c].value;
      fails(pa_sinr(states, power, out), PA_ERROR_ARGUMENT, place);
      fails(pa_rates(states, power, out), PA_ERROR_ARGUMENT, bad[c].says);
      h[k] = kept;
    }
  for (size_t k = 0; k < B * N; k++) ck_assert(out[k] == -7);
  for (size_t k = 0; k < B * N; k++)
    for (size_t c = 0; c < 5; c++) {
      char place[64];
      snprintf(place, sizeof place, "power[%zu][%zu] is ", k / N, k % N);
      power[k] = bad[c].value;
      fails(pa_sinr(states, power, out), PA_ERROR_ARGUMENT, place);
      fails(pa_rates(states, power, out), PA_ERROR_ARGUMENT, place);
      power[k] = 1;
    }
  for (size_t k = 0; k < B * N; k++) ck_assert(out[k] == -7);
  ok(pa_rates(states, power, out));
  pa_states_free(states);
}
END_TEST

/* A setter that refuses one value of several keeps all the old ones. */
START_TEST(refused_settings_change_nothing) {
  static const double h[9] = {1}, bad[] = {0, -1, NAN, INFINITY, -INFINITY};
  static pa_status (*const set[])(pa_states *, const double *,
                                  size_t) = {pa_states_set_noise, pa_states_set_power_limit, pa_states_set_weights};
  static const double *(*const get[])(const pa_states *) = {pa_states_noise, pa_states_power_limit, pa_states_weights};
  static const char *const names[] = {"noise[", "power limit[", "weights["};
  pa_states *states;
  ok(pa_states_create(&states, 1, 3, h, 1, 1, NULL));
  for (size_t s = 0; s < 3; s++) {
    ok(set[s](states, (double[]){2, 3, 4}, 3));
    for (size_t at = 0; at < 3; at++)
      for (size_t b = 0; b < 5; b++) {
        double values[3] = {7, 8, 9};
        char place[40];
        values[at] = bad[b];
        snprintf(place, sizeof place, "%s%zu] is ", names[s], at);
        fails(set[s](states, values, 3), PA_ERROR_ARGUMENT, place);
      }
    fails(set[s](states, (double[]){7, 8}, 2), PA_ERROR_ARGUMENT, "has 2 values");
    fails(set[s](states, (double[]){7}, 0), PA_ERROR_ARGUMENT, "has 0 values");
    fails(set[s](states, NULL, 3), PA_ERROR_ARGUMENT, "is NULL");
    fails(set[s](NULL, (double[]){7}, 1), PA_ERROR_ARGUMENT, "states is NULL");
    for (size_t i = 0; i < 3; i++) ck_assert(get[s](states)[i] == 2 + (double)i);
    ck_assert_ptr_null(get[s](NULL));
  }
  fails(pa_states_bind(states, SIZE_MAX / 2, h), PA_ERROR_MEMORY, "overflow");
  fails(pa_states_bind(NULL, 1, h), PA_ERROR_ARGUMENT, "states is NULL");
  fails(pa_states_bind(states, 0, h + 1), PA_ERROR_ARGUMENT, "batch is 0");
  fails(pa_states_set_node_state(NULL, h, 1), PA_ERROR_ARGUMENT, "states is NULL");
  fails(pa_states_set_node_state(states, h, SIZE_MAX / 2), PA_ERROR_MEMORY, "overflow");
  ck_assert_ptr_eq(pa_states_channel(states), h);
  ck_assert_uint_eq(pa_states_batch(states), 1);
  ck_assert_ptr_null(pa_states_node_state(states));
  ck_assert_uint_eq(pa_states_node_features(states) + pa_states_node_features(NULL), 0);
  ck_assert_uint_eq(pa_states_first(NULL), 0);
  pa_states_free(states);
  pa_network *network;
  ok(pa_network_create_adhoc(&network, 3, 1, NULL));
  ok(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
  fails(pa_states_bind(states, 1, h), PA_ERROR_STATE, "own their channels");
  pa_states_free(states);
  pa_network_free(network);
}
END_TEST

START_TEST(bad_states_are_refused) {
  double h[4] = {1, 0.1, 0.2, 1}, power[2] = {1, 1}, out[2] = {-7, -7};
  pa_states *states, *none = NULL;
  fails(pa_states_create(&none, 0, 2, h, 1, 1, NULL), PA_ERROR_ARGUMENT, "batch is 0");
  fails(pa_states_create(&none, 1, 0, h, 1, 1, NULL), PA_ERROR_ARGUMENT, "links is 0");
  fails(pa_states_create(&none, 1, 2, NULL, 1, 1, NULL), PA_ERROR_ARGUMENT, "h is NULL");
  fails(pa_states_create(&none, 1, SIZE_MAX / 2, h, 1, 1, NULL), PA_ERROR_MEMORY, "overflow");
  fails(pa_states_create(&none, SIZE_MAX / 2, 2, h, 1, 1, NULL), PA_ERROR_MEMORY, "overflow");
  fails(pa_states_create(&none, 1, 2, h, 0, 1, NULL), PA_ERROR_ARGUMENT, "noise[0] is 0");
  fails(pa_states_create(&none, 1, 2, h, -1, 1, NULL), PA_ERROR_ARGUMENT, "noise[0] is -1");
  fails(pa_states_create(&none, 1, 2, h, 1, 0, NULL), PA_ERROR_ARGUMENT, "pmax[0] is 0");
  fails(pa_states_create(&none, 1, 2, h, 1, NAN, NULL), PA_ERROR_ARGUMENT, "pmax[0] is nan");
  fails(pa_states_create(NULL, 1, 2, h, 1, 1, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  ck_assert_ptr_null(none);
  ok(pa_states_create(&states, 1, 2, h, 1, 1, NULL));
  fails(pa_states_set_noise(states, (double[]){1, 0}, 2), PA_ERROR_ARGUMENT, "noise[1] is 0");
  fails(pa_states_set_noise(states, (double[]){1, 0, 1}, 3), PA_ERROR_ARGUMENT, "noise has 3 values");
  fails(pa_states_set_noise(states, NULL, 1), PA_ERROR_ARGUMENT, "noise is NULL");
  fails(pa_states_set_power_limit(states, (double[]){-1}, 1), PA_ERROR_ARGUMENT, "power limit[0] is -1");
  fails(pa_states_set_weights(states, (double[]){INFINITY}, 1), PA_ERROR_ARGUMENT, "weights[0] is inf");
  fails(pa_states_set_first(NULL, 1), PA_ERROR_ARGUMENT, "states is NULL");
  fails(pa_states_bind(states, 0, h), PA_ERROR_ARGUMENT, "batch is 0");
  fails(pa_states_bind(states, 1, NULL), PA_ERROR_ARGUMENT, "h is NULL");
  fails(pa_rates(states, NULL, out), PA_ERROR_ARGUMENT, "power is NULL");
  fails(pa_rates(states, power, NULL), PA_ERROR_ARGUMENT, "is NULL");
  fails(pa_rates(NULL, power, out), PA_ERROR_ARGUMENT, "states is NULL");
  power[1] = -1;
  fails(pa_rates(states, power, out), PA_ERROR_ARGUMENT, "power[0][1] is -1");
  power[1] = NAN;
  fails(pa_sinr(states, power, out), PA_ERROR_ARGUMENT, "power[0][1] is nan");
  power[1] = 1;
  h[2] = -0.2;
  fails(pa_rates(states, power, out), PA_ERROR_ARGUMENT, "h[0][1][0] is -0.2");
  h[2] = 1e60;
  fails(pa_rates(states, power, out), PA_ERROR_ARGUMENT, "h[0][1][0] is 1e+60");
  ck_assert(out[0] == -7 && out[1] == -7);
  pa_states_free(states);
}
END_TEST

START_TEST(bad_networks_are_refused) {
  pa_network *none = NULL, *network;
  double gain[4] = {1, 0.1, -0.2, 1}, at[4] = {0, 0, 1, 1}, h[4] = {-7, -7, -7, -7};
  int64_t receiver_of[2] = {0, 2};
  fails(pa_network_create_adhoc(&none, 0, 1, NULL), PA_ERROR_ARGUMENT, "links is 0");
  fails(pa_network_create_adhoc(&none, SIZE_MAX / 2, 1, NULL), PA_ERROR_MEMORY, "overflow");
  fails(pa_network_create_adhoc(NULL, 2, 1, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_network_create_adhoc_family(&none, 5, 4, 1, 2, 1, NULL), PA_ERROR_ARGUMENT, "links 5 to 4");
  fails(pa_network_create_adhoc_family(&none, 5, 6, 2, 1, 1, NULL), PA_ERROR_ARGUMENT, "density 2 to 1");
  fails(pa_network_create_adhoc_family(&none, 5, 6, 0, 1, 1, NULL), PA_ERROR_ARGUMENT, "network.density is 0");
  fails(pa_network_create_multicell(&none, 0, 4, 1, NULL), PA_ERROR_ARGUMENT, "cells is 0");
  fails(pa_network_create_multicell(&none, 5, 4, 1, NULL), PA_ERROR_ARGUMENT, "cells is 5");
  fails(pa_network_create_path_gain(&none, 2, gain, 1, NULL), PA_ERROR_ARGUMENT, "path_gain[1][0] is -0.2");
  fails(pa_network_create_path_gain(&none, 2, NULL, 1, NULL), PA_ERROR_ARGUMENT, "path_gain is NULL");
  fails(pa_network_create_positions(&none, 2, at, 2, at, NULL, 0, 1, NULL), PA_ERROR_ARGUMENT,
        "transmitter 0 stands on receiver 0");
  fails(pa_network_create_positions(&none, 2, at, 1, at, NULL, 1, 1, NULL), PA_ERROR_ARGUMENT, "receiver_of is NULL");
  fails(pa_network_create_positions(&none, 2, at, 2, at, receiver_of, 1, 1, NULL), PA_ERROR_ARGUMENT,
        "receiver_of[1] is 2");
  fails(pa_network_create_positions(&none, 2, at, 0, at, NULL, 1, 1, NULL), PA_ERROR_ARGUMENT, "receivers is 0");
  at[3] = INFINITY;
  fails(pa_network_create_positions(&none, 2, at, 2, at, NULL, 1, 1, NULL), PA_ERROR_ARGUMENT, "transmitters[1][1] is");
  at[3] = 1;
  double far[4] = {0, 5, NAN, 5};
  fails(pa_network_create_positions(&none, 2, at, 2, far, NULL, 1, 1, NULL), PA_ERROR_ARGUMENT, "receiver_at[1][0] is");
  far[2] = 5;
  fails(pa_network_create_positions(&none, 2, at, 2, far, NULL, -1, 1, NULL), PA_ERROR_ARGUMENT, "min_distance is -1");
  fails(pa_network_create_positions(&none, 2, at, 2, far, NULL, NAN, 1, NULL), PA_ERROR_ARGUMENT,
        "min_distance is nan");
  fails(pa_network_create_positions(&none, 2, NULL, 2, far, NULL, 1, 1, NULL), PA_ERROR_ARGUMENT,
        "transmitters is NULL");
  fails(pa_network_create_positions(&none, 2, at, 2, NULL, NULL, 1, 1, NULL), PA_ERROR_ARGUMENT, "receiver_at is NULL");
  fails(pa_network_create_positions(NULL, 2, at, 2, far, NULL, 1, 1, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_network_create_positions(&none, 0, at, 2, far, receiver_of, 1, 1, NULL), PA_ERROR_ARGUMENT, "links is 0");
  receiver_of[1] = -1;
  fails(pa_network_create_positions(&none, 2, at, 2, far, receiver_of, 1, 1, NULL), PA_ERROR_ARGUMENT,
        "receiver_of[1] is -1");
  fails(pa_network_create_positions(&none, SIZE_MAX / 2, at, SIZE_MAX / 2, far, NULL, 1, 1, NULL), PA_ERROR_MEMORY,
        "overflow");
  receiver_of[1] = 1; /* sizes are looked at before the arrays, which end long before them */
  fails(pa_network_create_positions(&none, 2, at, SIZE_MAX / 2, far, receiver_of, 1, 1, NULL), PA_ERROR_MEMORY,
        "overflow");
  int64_t *exact = malloc(sizeof receiver_of);
  memcpy(exact, receiver_of, sizeof receiver_of);
  fails(pa_network_create_positions(&none, SIZE_MAX / 2, at, 2, far, exact, 1, 1, NULL), PA_ERROR_MEMORY, "overflow");
  free(exact);
  fails(pa_network_create_path_gain(&none, SIZE_MAX / 2, gain, 1, NULL), PA_ERROR_MEMORY, "overflow");
  fails(pa_network_create_path_gain(&none, 0, gain, 1, NULL), PA_ERROR_ARGUMENT, "links is 0");
  for (size_t k = 0; k < 4; k++) {
    double values[4] = {1, 1, 1, 1};
    char place[40];
    snprintf(place, sizeof place, "path_gain[%zu][%zu] is ", k / 2, k % 2);
    values[k] = k % 2 ? NAN : INFINITY;
    fails(pa_network_create_path_gain(&none, 2, values, 1, NULL), PA_ERROR_ARGUMENT, place);
  }
  fails(pa_network_create_multicell(&none, 2, SIZE_MAX / 2, 1, NULL), PA_ERROR_MEMORY, "overflow");
  fails(pa_network_create_adhoc_family(&none, 1, SIZE_MAX / 2, 1, 2, 1, NULL), PA_ERROR_MEMORY, "overflow");
  fails(pa_network_create_adhoc_family(&none, 0, 4, 1, 2, 1, NULL), PA_ERROR_ARGUMENT, "links 0 to 4");
  fails(pa_network_create_adhoc_family(&none, 1, 4, NAN, 2, 1, NULL), PA_ERROR_ARGUMENT, "network.density is nan");
  fails(pa_network_create_adhoc_family(&none, 1, 4, 1, INFINITY, 1, NULL), PA_ERROR_ARGUMENT, "network.density is inf");
  ck_assert_ptr_null(none);
  ok(pa_network_create_adhoc(&network, 2, 1, NULL));
  fails(pa_network_set(network, PA_NETWORK_DENSITY, 0), PA_ERROR_ARGUMENT, "network.density is 0");
  fails(pa_network_set(network, PA_NETWORK_DENSITY, NAN), PA_ERROR_ARGUMENT, "network.density is nan");
  fails(pa_network_set(network, PA_POLICY_PRICE, 1), PA_ERROR_ARGUMENT, "does not apply");
  fails(pa_network_set(network, PA_NETWORK_REFERENCE_LINKS, 1.5), PA_ERROR_ARGUMENT, "whole number");
  fails(pa_network_set_noise(network, (double[]){0}, 1), PA_ERROR_ARGUMENT, "noise[0] is 0");
  fails(pa_network_set_power_limit(network, (double[]){1, 1, 1}, 3), PA_ERROR_ARGUMENT, "power limit has 3 values");
  fails(pa_network_draw(network, 0, 0, 0, h), PA_ERROR_ARGUMENT, "batch is 0");
  fails(pa_network_draw(network, 0, 0, 1, NULL), PA_ERROR_ARGUMENT, "h is NULL");
  fails(pa_network_draw(network, 0, 0, SIZE_MAX / 2, h), PA_ERROR_MEMORY, "overflow");
  fails(pa_network_draw(NULL, 0, 0, 1, h), PA_ERROR_ARGUMENT, "network is NULL");
  fails(pa_network_draw_states(network, 0, 0, 1, NULL, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_network_path_gain(network, NULL), PA_ERROR_ARGUMENT, "gain is NULL");
  fails(pa_network_path_gain(NULL, h), PA_ERROR_ARGUMENT, "network is NULL");
  fails(pa_network_positions(network, NULL, h), PA_ERROR_ARGUMENT, "transmitters is NULL");
  fails(pa_network_positions(network, h, NULL), PA_ERROR_ARGUMENT, "receivers is NULL");
  fails(pa_network_positions(NULL, h, h), PA_ERROR_ARGUMENT, "network is NULL");
  fails(pa_network_set_noise(network, NULL, 1), PA_ERROR_ARGUMENT, "noise is NULL");
  fails(pa_network_set_noise(NULL, h, 1), PA_ERROR_ARGUMENT, "network is NULL");
  fails(pa_network_set_power_limit(NULL, h, 1), PA_ERROR_ARGUMENT, "network is NULL");
  fails(pa_network_set_power_limit(network, h, 0), PA_ERROR_ARGUMENT, "has 0 values");
  pa_states *drawn = NULL;
  fails(pa_network_draw_states(network, 0, 0, 0, &drawn, NULL), PA_ERROR_ARGUMENT, "batch is 0");
  fails(pa_network_draw_states(network, 0, 0, SIZE_MAX / 2, &drawn, NULL), PA_ERROR_MEMORY, "overflow");
  fails(pa_network_draw_states(NULL, 0, 0, 1, &drawn, NULL), PA_ERROR_ARGUMENT, "network is NULL");
  ck_assert_ptr_null(drawn);
  ck_assert_uint_eq(pa_network_links(NULL) + pa_network_links_min(NULL), 0);
  for (size_t k = 0; k < 4; k++) ck_assert(h[k] == -7);
  pa_network_free(network);
  pa_network_free(NULL);
  gain[2] = 0.2;
  ok(pa_network_create_path_gain(&network, 2, gain, 1, NULL));
  fails(pa_network_positions(network, h, h), PA_ERROR_ARGUMENT, "no positions");
  fails(pa_network_set(network, PA_NETWORK_PATH_LOSS_EXPONENT, 2), PA_ERROR_ARGUMENT,
        "does not apply to a network made from path gains");
  pa_network_free(network);
}
END_TEST

int main(void) {
  return run_tests("net", (const TTest *const[]){rates_of_verified_cases,
                                                 sinr_is_its_definition,
                                                 rates_keep_their_digits,
                                                 rates_are_finite_or_refused,
                                                 path_gains_of_verified_cases,
                                                 links_that_share_a_receiver_share_its_channels,
                                                 receivers_may_outnumber_links,
                                                 coinciding_positions_are_refused,
                                                 positions_are_uniform_in_the_papers_boxes,
                                                 boxes_follow_the_papers,
                                                 smaller_networks_are_nested,
                                                 a_draw_depends_on_its_number_alone,
                                                 fading_has_the_right_moments,
                                                 draws_are_the_numbers_of_their_stream,
                                                 draws_streams_and_seeds_are_independent,
                                                 seeds_move_everything,
                                                 states_take_the_networks_noise_and_limits,
                                                 families_span_their_sizes_and_densities,
                                                 draws_in_single_precision_are_like_those_in_double,
                                                 families_change_topology_every_eight_draws,
                                                 kinds_have_their_keys,
                                                 keys_set_back_restore_the_network,
                                                 decibels,
                                                 thermal_noise_is_positive_and_finite,
                                                 powers_in_words,
                                                 states_keep_what_they_are_given,
                                                 bad_channels_are_named,
                                                 refused_settings_change_nothing,
                                                 bad_states_are_refused,
                                                 bad_networks_are_refused,
                                                 NULL});
}
