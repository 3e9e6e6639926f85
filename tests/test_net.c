#include "fixture.h"
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
  ck_assert(watts == 5);
}
END_TEST

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
              {"  2", 2}};
  double watts = 7;
  for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
    ok(pa_parse_power(good[k].text, &watts));
    close_to(watts, good[k].watts, 1e-14 * good[k].watts);
  }
  static const char *const bad[] = {"",   "W",   "one", "1 w",   "1 dbm",   "1 kW", "1W2",
                                    "-1", "nan", "inf", "1e999", "4000 dB", "0,5"};
  watts = 7;
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
    fails(pa_parse_power(bad[k], &watts), PA_ERROR_ARGUMENT, "\"");
  fails(pa_parse_power(NULL, &watts), PA_ERROR_ARGUMENT, "text is NULL");
  fails(pa_parse_power("1", NULL), PA_ERROR_ARGUMENT, "watts is NULL");
  ck_assert(watts == 7);
  if (setlocale(LC_ALL, "de_DE.UTF-8")) { /* where there is one, its decimal comma changes nothing */
    ok(pa_parse_power("0.5 W", &watts));
    ck_assert(watts == 0.5);
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
  fails(pa_network_create_positions(&none, 2, at, 2, at, NULL, 1, 1, NULL), PA_ERROR_ARGUMENT,
        "transmitters[1][1] is not finite");
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
  return run_tests("net",
                   (const TTest *const[]){rates_of_verified_cases, sinr_is_its_definition, path_gains_of_verified_cases,
                                          links_that_share_a_receiver_share_its_channels, boxes_follow_the_papers,
                                          smaller_networks_are_nested, a_draw_depends_on_its_number_alone,
                                          fading_has_the_right_moments, families_change_topology_every_eight_draws,
                                          decibels, powers_in_words, states_keep_what_they_are_given,
                                          bad_states_are_refused, bad_networks_are_refused, NULL});
}
