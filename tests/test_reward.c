#include "suite.h"

enum { LINKS = 4, BATCH = 3 };

static double number(unsigned *state) {
  *state = *state * 1664525u + 1013904223u;
  return (*state >> 8) * 0x1p-24;
}

struct case_ {
  double h[BATCH * LINKS * LINKS], x[BATCH * LINKS * 2], power[BATCH * LINKS];
  pa_states *states;
};

/* Noise 0.5 W, power limit 2 W, a node state of two features; powers between. */
static void make(struct case_ *c, unsigned seed) {
  for (size_t k = 0; k < sizeof c->h / sizeof c->h[0]; k++) c->h[k] = .1 + number(&seed);
  for (size_t k = 0; k < sizeof c->x / sizeof c->x[0]; k++) c->x[k] = .2 + number(&seed);
  for (size_t k = 0; k < sizeof c->power / sizeof c->power[0]; k++) c->power[k] = 2 * number(&seed);
  ok(pa_states_create(&c->states, BATCH, LINKS, c->h, .5, 2, NULL));
  ok(pa_states_set_node_state(c->states, c->x, 2));
}

static double gain(const struct case_ *c, size_t b, size_t i, size_t j) {
  double h = c->h[(b * LINKS + i) * LINKS + j];
  return h * h;
}

START_TEST(capacity_is_its_formula) {
  struct case_ c;
  double reward[BATCH * LINKS], over[BATCH * LINKS], rate[BATCH * LINKS];
  make(&c, 1);
  ck_assert_int_eq(pa_reward_capacity(NULL, c.states, c.power, reward, LINKS), PA_CALLBACK_OK);
  ck_assert_int_eq(pa_reward_capacity_over_lifetime(NULL, c.states, c.power, over, LINKS), PA_CALLBACK_OK);
  ok(pa_rates(c.states, c.power, rate));
  for (size_t b = 0; b < BATCH; b++)
    for (size_t i = 0; i < LINKS; i++) {
      double heard = .5;
      for (size_t j = 0; j < LINKS; j++)
        if (j != i) heard += gain(&c, b, j, i) * c.power[b * LINKS + j];
      double expected = log2(1 + gain(&c, b, i, i) * c.power[b * LINKS + i] / heard);
      close_to(reward[b * LINKS + i], expected, 1e-13);
      close_to(over[b * LINKS + i], expected / c.x[2 * (b * LINKS + i)], 1e-12);
      ck_assert(reward[b * LINKS + i] == rate[b * LINKS + i]);
    }
  pa_states_free(c.states);
}
END_TEST

START_TEST(capacity_gradient_is_the_slope) {
  static const double weight[LINKS] = {1, .5, -2, 3};
  for (unsigned seed = 0; seed < 20; seed++) {
    struct case_ c;
    double gradient[BATCH * LINKS], high[BATCH * LINKS], low[BATCH * LINKS];
    make(&c, seed);
    if (seed % 4 == 0) c.power[5] = 0, c.power[0] = 2e-8;
    ck_assert_int_eq(pa_reward_capacity_gradient(NULL, c.states, c.power, weight, gradient, LINKS), PA_CALLBACK_OK);
    for (size_t k = 0; k < BATCH * LINKS; k++) {
      double at = c.power[k], step = 1e-5 * (at + .01), sum = 0, size = 0;
      c.power[k] = at + step;
      pa_reward_capacity(NULL, c.states, c.power, high, LINKS);
      c.power[k] = at > step ? at - step : at;
      pa_reward_capacity(NULL, c.states, c.power, low, LINKS);
      for (size_t i = 0; i < BATCH * LINKS; i++) sum += weight[i % LINKS] * (high[i] - low[i]);
      double slope = sum / (at > step ? 2 * step : step);
      size = fmax(fabs(slope), 1);
      close_to(gradient[k], slope, (at > step ? 1e-6 : 1e-3) * size);
      c.power[k] = at;
    }
    pa_states_free(c.states);
  }
}
END_TEST

/* Eqs. (9) and (10) term by term; a silent plant's packet does not arrive, and silent others do not collide. */
START_TEST(control_is_its_formula) {
  struct case_ c;
  double cost[BATCH * LINKS], success[BATCH * LINKS], gains[2] = {.5, 1.25};
  make(&c, 7);
  c.power[1] = 0;
  for (size_t i = 0; i < LINKS; i++) c.power[LINKS + i] = i == 2;
  ck_assert_int_eq(pa_reward_control_success(NULL, c.states, c.power, success, LINKS), PA_CALLBACK_OK);
  ck_assert_int_eq(pa_reward_control_cost(gains, c.states, c.power, cost, LINKS), PA_CALLBACK_OK);
  for (size_t b = 0; b < BATCH; b++)
    for (size_t i = 0; i < LINKS; i++) {
      double own = gain(&c, b, i, i) * c.power[b * LINKS + i], q = own > 0, x = c.x[2 * (b * LINKS + i)];
      for (size_t j = 0; j < LINKS && own > 0; j++) {
        double other = gain(&c, b, j, i) * c.power[b * LINKS + j];
        if (j != i) q *= 1 - other / (other + own);
      }
      close_to(success[b * LINKS + i], q, 1e-14);
      close_to(cost[b * LINKS + i], q * .25 * x * x + (1 - q) * 1.5625 * x * x, 1e-13);
    }
  ck_assert(success[1] == 0 && success[LINKS + 2] == 1 && success[LINKS] == 0);
  pa_states_free(c.states);
}
END_TEST

static void refused(int32_t code, const double *reward, const char *words) {
  ck_assert_int_eq(code, PA_CALLBACK_ABORT);
  ck_assert_msg(strstr(pa_last_error(), words) != NULL, "said \"%s\", not %s", pa_last_error(), words);
  for (size_t k = 0; k < BATCH * LINKS; k++) ck_assert(reward[k] == -7);
}

START_TEST(bad_input_is_named) {
  struct case_ c;
  double reward[BATCH * LINKS], gains[2] = {.5, 1.25};
  make(&c, 3);
  for (size_t k = 0; k < BATCH * LINKS; k++) reward[k] = -7;
  refused(pa_reward_capacity(NULL, NULL, c.power, reward, LINKS), reward, "states is NULL");
  refused(pa_reward_capacity(NULL, c.states, NULL, reward, LINKS), reward, "power is NULL");
  refused(pa_reward_capacity(NULL, c.states, c.power, reward, LINKS + 1), reward, "rewards is 5");
  refused(pa_reward_capacity_gradient(NULL, c.states, c.power, NULL, reward, LINKS), reward, "weight is NULL");
  refused(pa_reward_control_cost(NULL, c.states, c.power, reward, LINKS), reward, "user is NULL");
  c.power[6] = NAN;
  refused(pa_reward_capacity(NULL, c.states, c.power, reward, LINKS), reward, "power[1][2] is ");
  c.power[6] = 1;
  c.x[2 * 5] = 0;
  refused(pa_reward_capacity_over_lifetime(NULL, c.states, c.power, reward, LINKS), reward, "x[1][1][0] is 0");
  ok(pa_states_set_node_state(c.states, NULL, 0));
  refused(pa_reward_capacity_over_lifetime(NULL, c.states, c.power, reward, LINKS), reward, "lifetime rate");
  refused(pa_reward_control_cost(gains, c.states, c.power, reward, LINKS), reward, "state of the plant");
  pa_states_free(c.states);
}
END_TEST

int main(void) {
  return run_tests("reward", (const TTest *const[]){capacity_is_its_formula, capacity_gradient_is_the_slope,
                                                    control_is_its_formula, bad_input_is_named, NULL});
}
