#include "suite.h"
#include "train/trainer.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { LINKS = 5 };

static const char *temporary(void) {
  static char path[64];
  snprintf(path, sizeof path, "/tmp/powalloc-%d-probing", (int)getpid());
  return path;
}

static double stat_of(const pa_trainer *trainer, int32_t what) {
  double value;
  ok(pa_trainer_stat(trainer, what, &value));
  return value;
}

static double *weights_of(const pa_regnn *model) {
  size_t n = pa_regnn_weight_count(model);
  double *weights = calloc(n, sizeof *weights);
  ok(pa_regnn_get_weights(model, weights, n));
  return weights;
}

static void same_weights(const pa_regnn *a, const pa_regnn *b) {
  double *first = weights_of(a), *second = weights_of(b);
  ck_assert_int_eq(memcmp(first, second, pa_regnn_weight_count(a) * sizeof *first), 0);
  free(first);
  free(second);
}

/* A system of the user's ---------------------------------------------------------------------------------------------
 */

struct sim {
  size_t links, features, draws, held_out, calls, last, frees;
  size_t end_at; /* call of the reward that returns `code` */
  int32_t code;
  double left; /* what it leaves in reward[1][2] from then on */
  double sign, constant;
  pthread_t thread;
  const pa_states *states;
  double first_amplitude;
  bool state_fails, wrong_draw;
};

static double hash(uint64_t a, uint64_t b) {
  uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) + b * UINT64_C(0xbf58476d1ce4e5b9) + 12345;
  x ^= x >> 31, x *= UINT64_C(0x94d049bb133111eb), x ^= x >> 29, x *= UINT64_C(0x9e3779b97f4a7c15), x ^= x >> 32;
  return (double)(x >> 11) * 0x1p-53;
}

/* Link 4 is weak. */
static double amplitude(size_t i, size_t j) { return i != j ? .4 : i == 4 ? .7 : 1.5; }

static int32_t draw(void *user, uint64_t stream, uint64_t first, size_t batch, double *h, double *x) {
  struct sim *sim = user;
  size_t n = sim->links;
  ck_assert(stream <= 1 && (x != NULL) == (sim->features > 0));
  ck_assert(pthread_equal(sim->thread, pthread_self()));
  ck_assert(isnan(h[0]) && isnan(h[batch * n * n - 1]));
  if (stream == 0) { /* consecutive, but that a step which failed is asked for again */
    ck_assert(first == sim->draws || first + batch == sim->draws);
    sim->draws = first + batch;
  } else {
    sim->held_out += batch;
  }
  for (size_t b = 0; b < batch; b++) {
    for (size_t k = 0; k < n * n; k++)
      h[b * n * n + k] = amplitude(k / n, k % n) * sqrt(-2 * log(1 - hash(2 * (first + b) + stream, k)));
    for (size_t k = 0; k < n * sim->features; k++) x[b * n * sim->features + k] = .1 + .05 * (double)(k % 3);
  }
  if (sim->wrong_draw) h[n + 1] = NAN;
  return sim->state_fails ? PA_CALLBACK_ABORT : PA_CALLBACK_OK;
}

static int32_t reward_of(void *user, const pa_states *states, const double *power, double *reward, size_t rewards) {
  struct sim *sim = user;
  size_t n = pa_states_links(states), batch = pa_states_batch(states);
  const double *h = pa_states_channel(states);
  const float *h_f32 = pa_states_channel_f32(states);
  ck_assert((h != NULL) != (h_f32 != NULL));
  sim->calls++;
  sim->states = states;
  sim->first_amplitude = h ? h[0] : (double)h_f32[0];
  ck_assert_uint_eq(rewards, n);
  ck_assert(pthread_equal(sim->thread, pthread_self()));
  size_t right = 0; /* asserting each would take longer than the training */
  for (size_t k = 0; k < batch * n; k++) right += isnan(reward[k]) && power[k] >= 0 && power[k] <= 2;
  ck_assert_uint_eq(right, batch * n);
  if (pa_reward_capacity(NULL, states, power, reward, rewards) != PA_CALLBACK_OK) return PA_CALLBACK_ABORT;
  for (size_t k = 0; k < batch * n; k++) reward[k] = sim->constant != 0 ? sim->constant : sim->sign * reward[k];
  bool end = sim->end_at > 0 && sim->calls >= sim->end_at;
  if (end && sim->left != 0) reward[n + 2] = sim->left;
  return end ? sim->code : PA_CALLBACK_OK;
}

static void count_free(void *user) { ((struct sim *)user)->frees++; }

/* Trainer of a model of 2 layers, 3 features, 3 taps on a simulation of 5 links; noise 0.1 W, power limit 2 W. */
struct bench {
  struct sim sim;
  pa_network *network;
  pa_regnn *model;
  pa_trainer *trainer;
};

static void open_with(struct bench *b, size_t features, int32_t output, uint64_t seed) {
  const int32_t keys[] = {PA_REGNN_LAYERS, PA_REGNN_FEATURES, PA_REGNN_TAPS, PA_REGNN_OUTPUT};
  const double values[] = {2, 3, 3, output}, noise = .1, limit = 2;
  b->sim = (struct sim){.links = LINKS, .features = features, .sign = 1, .thread = pthread_self()};
  ok(pa_network_create_callback(&b->network, LINKS, features, draw, &b->sim, count_free, NULL));
  ok(pa_network_set_noise(b->network, &noise, 1));
  ok(pa_network_set_power_limit(b->network, &limit, 1));
  ok(pa_regnn_create(&b->model, keys, values, 4, seed, NULL));
  ok(pa_trainer_create(&b->trainer, pa_regnn_policy(b->model), b->network, seed, NULL));
  ok(pa_trainer_set_reward(b->trainer, LINKS, reward_of, &b->sim, count_free));
  ok(pa_trainer_set(b->trainer, PA_TRAINER_BATCH, 8));
  ok(pa_trainer_set(b->trainer, PA_TRAINER_HELD_OUT, 200));
  ok(pa_trainer_set(b->trainer, PA_TRAINER_HELD_OUT_EVERY, 50));
}

static void open_bench(struct bench *b) { open_with(b, 0, PA_REGNN_OUTPUT_BERNOULLI, 1); }

static void close_bench(struct bench *b) {
  pa_trainer_free(b->trainer);
  pa_regnn_free(b->model);
  pa_network_free(b->network);
  ck_assert_uint_eq(b->sim.frees, 2);
}

static void budget(struct bench *b, double watts) {
  ok(pa_trainer_add_constraint(b->trainer, PA_CONSTRAINT_MEAN_POWER, &watts, 1));
}

/* The contract of the callbacks --------------------------------------------------------------------------------------
 */

START_TEST(callbacks_are_called_as_promised) {
  struct bench b;
  open_bench(&b);
  ok(pa_trainer_set(b.trainer, PA_TRAINER_ACTIONS, 3));
  ok(pa_trainer_set(b.trainer, PA_TRAINER_THREADS, 2));
  ok(pa_trainer_run(b.trainer, 7));
  /* 7 steps of 3 actions, looks at 200 states in batches of 8 before and after. */
  ck_assert_uint_eq(b.sim.calls, 7 * 3 + 2 * 25);
  ck_assert_uint_eq(b.sim.draws, 7 * 8);
  ck_assert(pa_trainer_links(b.trainer) == LINKS && pa_trainer_rewards(b.trainer) == LINKS);
  ck_assert(pa_policy_regnn(pa_regnn_policy(b.model)) == b.model && !pa_policy_uwmmse(pa_regnn_policy(b.model)));
  ck_assert_uint_eq(b.sim.held_out, 200);
  ok(pa_trainer_run(b.trainer, 1));
  ck_assert_uint_eq(b.sim.draws, 8 * 8);
  double reward[LINKS], sum = 0;
  ok(pa_trainer_mean_rewards(b.trainer, reward, LINKS));
  for (size_t i = 0; i < LINKS; i++) sum += reward[i];
  close_to(sum, stat_of(b.trainer, PA_TRAINER_STAT_BEST_RATE), 1e-12);
  ck_assert(isnan(stat_of(b.trainer, PA_TRAINER_STAT_BASELINE_RATE)) &&
            isnan(stat_of(b.trainer, PA_TRAINER_STAT_POWER_DUAL)));
  close_bench(&b);
}
END_TEST

START_TEST(codes_end_runs_and_keep_the_best) {
  static const struct {
    int32_t code;
    double left;
    pa_status status;
    const char *words;
  } ends[] = {{PA_CALLBACK_STOP, 0, PA_STOPPED, ""},
              {PA_CALLBACK_ABORT, 0, PA_ERROR_CALLBACK, "the reward callback aborted at step 60"},
              {7, 0, PA_ERROR_CALLBACK, "returned 7"},
              {-2, 0, PA_ERROR_CALLBACK, "returned -2"},
              {PA_CALLBACK_OK, NAN, PA_ERROR_CALLBACK, "reward[1][2] at "},
              {PA_CALLBACK_OK, INFINITY, PA_ERROR_CALLBACK, "reward[1][2] at inf"}};
  for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++) {
    struct bench b, whole;
    open_bench(&b);
    open_bench(&whole);
    b.sim.end_at = 60 * 8 + 2 * 25 + 1; /* in step 60, after the looks at 0 and 50 */
    b.sim.code = ends[k].code;
    b.sim.left = ends[k].left;
    ck_assert_int_eq(pa_trainer_run(b.trainer, 100), ends[k].status);
    if (ends[k].status < 0)
      ck_assert_msg(strstr(pa_last_error(), ends[k].words) != NULL, "said \"%s\"", pa_last_error());
    ck_assert(stat_of(b.trainer, PA_TRAINER_STAT_STEP) == 60);
    ck_assert(stat_of(b.trainer, PA_TRAINER_STAT_BEST_STEP) <= 50);
    ck_assert_uint_eq(b.sim.calls, b.sim.end_at);
    ok(pa_trainer_set(whole.trainer, PA_TRAINER_SCHEDULE, 100));
    pa_trainer_run(whole.trainer, 50);
    if (stat_of(b.trainer, PA_TRAINER_STAT_BEST_STEP) == stat_of(whole.trainer, PA_TRAINER_STAT_BEST_STEP))
      same_weights(b.model, whole.model);
    close_bench(&b);
    close_bench(&whole);
  }
}
END_TEST

static int32_t skip_every_third(void *user, const pa_states *states, const double *power, double *reward,
                                size_t rewards) {
  size_t *calls = user;
  return ++*calls % 3 == 0 ? PA_CALLBACK_SKIP : pa_reward_capacity(NULL, states, power, reward, rewards);
}

static int32_t always_skip(void *user, const pa_states *states, const double *power, double *reward, size_t rewards) {
  size_t *calls = user;
  return ++*calls > 25 ? PA_CALLBACK_SKIP : pa_reward_capacity(NULL, states, power, reward, rewards);
}

START_TEST(skipped_batches_are_left_out) {
  struct bench b;
  size_t calls = 0;
  open_bench(&b);
  ok(pa_trainer_set_reward(b.trainer, LINKS, skip_every_third, &calls, NULL));
  ok(pa_trainer_set(b.trainer, PA_TRAINER_ACTIONS, 1));
  ok(pa_trainer_run(b.trainer, 30));
  ck_assert(stat_of(b.trainer, PA_TRAINER_STAT_DROPPED) == 10 * 8);
  close_bench(&b);
  open_bench(&b);
  calls = 0;
  ok(pa_trainer_set_reward(b.trainer, LINKS, always_skip, &calls, NULL));
  fails(pa_trainer_run(b.trainer, 1000), PA_ERROR_CALLBACK, "skipped all of the held-out");
  close_bench(&b);
  open_bench(&b);
  calls = 0;
  ok(pa_trainer_set_reward(b.trainer, LINKS, always_skip, &calls, NULL));
  ok(pa_trainer_set(b.trainer, PA_TRAINER_HELD_OUT_EVERY, 5000));
  fails(pa_trainer_run(b.trainer, 1000), PA_ERROR_CALLBACK, "skipped 200 steps in a row");
  close_bench(&b);
}
END_TEST

struct nest {
  pa_trainer *trainer;
  pa_status run, set, reward;
  double step;
};

static int32_t reenter(void *user, const pa_states *states, const double *power, double *reward, size_t rewards) {
  struct nest *nest = user;
  nest->run = pa_trainer_run(nest->trainer, 1);
  nest->set = pa_trainer_set(nest->trainer, PA_TRAINER_THREADS, 2);
  nest->reward = pa_trainer_set_reward(nest->trainer, 1, reenter, NULL, NULL);
  ok(pa_trainer_stat(nest->trainer, PA_TRAINER_STAT_STEP, &nest->step));
  if (nest->step == 3) pa_trainer_request_stop(nest->trainer);
  return pa_reward_capacity(NULL, states, power, reward, rewards);
}

START_TEST(a_callback_may_not_run_its_trainer_but_stop_it) {
  struct bench b;
  open_bench(&b);
  struct nest nest = {.trainer = b.trainer};
  ok(pa_trainer_set_reward(b.trainer, LINKS, reenter, &nest, NULL));
  ck_assert_int_eq(pa_trainer_run(b.trainer, 100), PA_STOPPED);
  ck_assert(nest.run == PA_ERROR_STATE && nest.set == PA_ERROR_STATE && nest.reward == PA_ERROR_STATE);
  ck_assert(stat_of(b.trainer, PA_TRAINER_STAT_STEP) == 4);
  close_bench(&b);
}
END_TEST

START_TEST(networks_ask_their_user) {
  struct sim sim = {.links = 3, .features = 2, .thread = pthread_self()};
  pa_network *network;
  pa_states *states;
  double h[4 * 9], again[4 * 9], value;
  ok(pa_network_create_callback(&network, 3, 2, draw, &sim, count_free, NULL));
  ck_assert_uint_eq(pa_network_features(network), 2);
  ck_assert_uint_eq(pa_network_links(network), 3);
  ok(pa_network_draw(network, 1, 5, 4, h));
  ok(pa_network_draw_states(network, 1, 5, 4, &states, NULL));
  ck_assert_int_eq(memcmp(h, pa_states_channel(states), sizeof h), 0);
  ck_assert_uint_eq(pa_states_node_features(states), 2);
  close_to(pa_states_node_state(states)[1], .15, 1e-15);
  pa_states_free(states);
  double noise[3], limit[3];
  ok(pa_network_set_noise(network, (double[]){1, 2, 3}, 3));
  ok(pa_network_physics(network, noise, NULL));
  ok(pa_network_physics(network, NULL, limit));
  ck_assert(noise[0] == 1 && noise[2] == 3 && limit[1] == 1);
  fails(pa_network_physics(NULL, noise, limit), PA_ERROR_ARGUMENT, "network is NULL");
  fails(pa_network_path_gain(network, again), PA_ERROR_ARGUMENT, "drawn by a callback has no path gains");
  fails(pa_network_get(network, PA_NETWORK_FADING, &value), PA_ERROR_ARGUMENT, "drawn by a callback");
  memcpy(again, h, sizeof h);
  sim.wrong_draw = true;
  fails(pa_network_draw(network, 1, 5, 4, h), PA_ERROR_CALLBACK, "element 4 of sample 0 of h");
  fails(pa_network_draw_states(network, 1, 5, 4, &states, NULL), PA_ERROR_CALLBACK, "must be finite and >= 0");
  sim.wrong_draw = false, sim.state_fails = true;
  fails(pa_network_draw(network, 1, 5, 4, h), PA_ERROR_CALLBACK, "aborted at state 5 of stream 1");
  ck_assert_int_eq(memcmp(again, h, sizeof h), 0);
  pa_network_free(network);
  ck_assert_uint_eq(sim.frees, 1);
  network = NULL;
  fails(pa_network_create_callback(&network, 3, 2, NULL, &sim, count_free, NULL), PA_ERROR_ARGUMENT, "draw is NULL");
  fails(pa_network_create_callback(&network, 0, 2, draw, &sim, count_free, NULL), PA_ERROR_ARGUMENT, "links is 0");
  fails(pa_network_create_callback(NULL, 3, 2, draw, &sim, count_free, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_network_create_callback(&network, 3, SIZE_MAX / 2, draw, &sim, count_free, NULL), PA_ERROR_MEMORY,
        "overflow");
  ck_assert(sim.frees == 1 && network == NULL);
}
END_TEST

START_TEST(a_failing_state_callback_ends_the_run) {
  struct bench b;
  open_bench(&b);
  b.sim.state_fails = true;
  fails(pa_trainer_run(b.trainer, 5), PA_ERROR_CALLBACK, "the state callback aborted");
  b.sim.state_fails = false;
  ok(pa_trainer_run(b.trainer, 5));
  b.sim.wrong_draw = true;
  fails(pa_trainer_run(b.trainer, 5), PA_ERROR_CALLBACK, "of h at ");
  ck_assert(stat_of(b.trainer, PA_TRAINER_STAT_STEP) == 5);
  close_bench(&b);
}
END_TEST

/* Bit-identity
 * --------------------------------------------------------------------------------------------------------- */

static const int32_t outputs[] = {PA_REGNN_OUTPUT_BERNOULLI, PA_REGNN_OUTPUT_LEVELS, PA_REGNN_OUTPUT_CONTINUOUS};

START_TEST(threads_do_not_matter) {
  for (size_t k = 0; k < 6; k++) {
    struct bench b[3];
    for (size_t t = 0; t < 3; t++) {
      open_with(&b[t], 0, outputs[k % 3], 3);
      budget(&b[t], 3);
      ok(pa_trainer_set(b[t].trainer, PA_TRAINER_PRECISION, k >= 3));
      ok(pa_trainer_set(b[t].trainer, PA_TRAINER_BATCH, 29));
      ok(pa_trainer_set(b[t].trainer, PA_TRAINER_THREADS, (double)(t + 1)));
      ck_assert_int_ge(pa_trainer_run(b[t].trainer, 40), 0);
      if (t > 0) same_weights(b[0].model, b[t].model);
    }
    for (size_t t = 0; t < 3; t++) close_bench(&b[t]);
  }
}
END_TEST

static int32_t plain_capacity(void *user, const pa_states *states, const double *power, double *reward,
                              size_t rewards) {
  (void)user;
  return pa_reward_capacity(NULL, states, power, reward, rewards);
}

/* On a network: in pieces, through a checkpoint in a new trainer, and in one, with every kind of state that a step
 * leaves behind. */
START_TEST(resumed_runs_end_like_whole_ones) {
  const double noise = .1, limit = 2, rate = .2, power = 4;
  for (size_t k = 0; k < 6; k++) {
    pa_network *network;
    pa_regnn *model[3];
    pa_trainer *trainer[3];
    ok(pa_network_create_adhoc(&network, LINKS, 4, NULL));
    ok(pa_network_set_noise(network, &noise, 1));
    ok(pa_network_set_power_limit(network, &limit, 1));
    for (size_t t = 0; t < 3; t++) {
      const int32_t keys[] = {PA_REGNN_LAYERS, PA_REGNN_INPUTS, PA_REGNN_OUTPUT};
      const double values[] = {2, 15, outputs[k % 3]};
      ok(pa_regnn_create(&model[t], keys, values, 3, 9, NULL));
      ok(pa_trainer_create(&trainer[t], pa_regnn_policy(model[t]), network, 2, NULL));
      ok(pa_trainer_set_reward(trainer[t], LINKS, plain_capacity, NULL, NULL));
      ok(pa_trainer_set_utility(trainer[t], PA_UTILITY_PROPORTIONAL_FAIR, NULL, 0));
      ok(pa_trainer_add_constraint(trainer[t], PA_CONSTRAINT_MIN_REWARD, &rate, 1));
      ok(pa_trainer_add_constraint(trainer[t], PA_CONSTRAINT_MEAN_POWER, &power, 1));
      ok(pa_trainer_set(trainer[t], PA_TRAINER_SCHEDULE, 60));
      ok(pa_trainer_set(trainer[t], PA_TRAINER_PRECISION, k >= 3));
      ok(pa_trainer_set(trainer[t], PA_TRAINER_HELD_OUT, 100));
      ok(pa_trainer_set(trainer[t], PA_TRAINER_HELD_OUT_EVERY, 20));
    }
    ck_assert_msg(pa_trainer_run(trainer[0], 60) >= 0, "%s", pa_last_error());
    ck_assert_int_ge(pa_trainer_run(trainer[1], 25), 0);
    ok(pa_trainer_save(trainer[1], temporary()));
    ck_assert_int_ge(pa_trainer_run(trainer[1], 35), 0);
    ok(pa_trainer_resume(trainer[2], temporary()));
    ck_assert(stat_of(trainer[2], PA_TRAINER_STAT_STEP) == 25);
    ck_assert_int_ge(pa_trainer_run(trainer[2], 35), 0);
    for (size_t t = 1; t < 3; t++) {
      double dual[2][LINKS + 1], violation[2][LINKS + 1];
      same_weights(model[0], model[t]);
      ok(pa_trainer_constraints(trainer[0], dual[0], violation[0], LINKS + 1));
      ok(pa_trainer_constraints(trainer[t], dual[1], violation[1], LINKS + 1));
      ck_assert_int_eq(memcmp(dual[0], dual[1], sizeof dual[0]), 0);
      ck_assert_int_eq(memcmp(violation[0], violation[1], sizeof violation[0]), 0);
      for (int32_t what = PA_TRAINER_STAT_STEP; what <= PA_TRAINER_STAT_POWER_DUAL; what++)
        ck_assert(stat_of(trainer[0], what) == stat_of(trainer[t], what) || isnan(stat_of(trainer[0], what)));
    }
    for (size_t t = 0; t < 3; t++) {
      pa_trainer_free(trainer[t]);
      pa_regnn_free(model[t]);
    }
    pa_network_free(network);
    remove(temporary());
  }
}
END_TEST

START_TEST(checkpoints_of_other_problems_are_refused) {
  struct bench b, other;
  const double rate = .5;
  open_bench(&b);
  budget(&b, 3);
  ck_assert_int_ge(pa_trainer_run(b.trainer, 3), 0);
  ok(pa_trainer_save(b.trainer, temporary()));
  open_bench(&other);
  ck_assert_int_eq(pa_trainer_resume(other.trainer, temporary()), PA_ERROR_FORMAT);
  ok(pa_trainer_add_constraint(other.trainer, PA_CONSTRAINT_MIN_REWARD, &rate, 1));
  ck_assert_int_eq(pa_trainer_resume(other.trainer, temporary()), PA_ERROR_FORMAT);
  ck_assert_int_ge(pa_trainer_run(other.trainer, 2), 0);
  remove(temporary());
  close_bench(&b);
  close_bench(&other);
}
END_TEST

/* The gradient
 * ----------------------------------------------------------------------------------------------------------- */

static int32_t one_state(void *user, uint64_t stream, uint64_t first, size_t batch, double *h, double *x) {
  (void)stream, (void)first, (void)x;
  for (size_t b = 0; b < batch; b++) memcpy(h + 9 * b, user, 9 * sizeof *h);
  return PA_CALLBACK_OK;
}

/* With one state only, the step's gradient, which the first Adam mean holds a tenth of, is that of the exact mean of
 * the Lagrangian over the 8 actions of 3 links but for sampling noise. */
START_TEST(the_gradient_is_that_of_the_mean_lagrangian) {
  double h[9] = {1.2, .3, .2, .4, 1, .5, .1, .6, 1.4}, noise = .2, limit = 2, watts = 2;
  pa_network *network;
  pa_regnn *model;
  pa_trainer *trainer;
  ok(pa_network_create_callback(&network, 3, 0, one_state, h, NULL, NULL));
  ok(pa_network_set_noise(network, &noise, 1));
  ok(pa_network_set_power_limit(network, &limit, 1));
  ok(pa_regnn_create(&model, NULL, NULL, 0, 5, NULL));
  ok(pa_trainer_create(&trainer, pa_regnn_policy(model), network, 1, NULL));
  ok(pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MEAN_POWER, &watts, 1));
  ok(pa_trainer_set(trainer, PA_TRAINER_BATCH, 256));
  ok(pa_trainer_set(trainer, PA_TRAINER_ACTIONS, 256));
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 1));
  ck_assert_int_ge(pa_trainer_run(trainer, 1), 0);
  size_t n = pa_regnn_weight_count(model);
  double *weights = calloc(n, sizeof *weights), largest = 0, error = 0;
  pa_states *states;
  ok(pa_states_create(&states, 1, 3, h, noise, limit, NULL));
  /* The weights before the step, undone by Adam's first move of the learning rate against the gradient's sign. */
  memcpy(weights, trainer->weights, n * sizeof *weights);
  for (size_t k = 0; k < n; k++) {
    double m = trainer->adam.mean[k] / .1, v = trainer->adam.square[k] / .001;
    weights[k] -= trainer->progress.step_rate * m / (sqrt(v) + 1e-8);
  }
  double price = trainer->estimates.dual[0] * exp(trainer->estimates.drift[0]) / watts;
  ok(pa_policy_set(pa_regnn_policy(model), PA_POLICY_OFFSET, 0));
  for (size_t k = 0; k < n; k++) {
    double value[2], step = 1e-5, at = weights[k];
    for (int side = 0; side < 2; side++) {
      double p[3], power[3], rate[3];
      weights[k] = at + (side ? step : -step);
      ok(pa_regnn_set_weights(model, weights, n));
      ok(pa_policy_probabilities(pa_regnn_policy(model), states, p));
      value[side] = 0;
      for (int action = 0; action < 8; action++) {
        double chance = 1, gain = 0;
        for (int i = 0; i < 3; i++) {
          bool on = action >> i & 1;
          power[i] = on ? limit : 0;
          chance *= on ? p[i] : 1 - p[i];
        }
        ok(pa_rates(states, power, rate));
        for (int i = 0; i < 3; i++) gain += rate[i] / trainer->progress.scale - price * power[i];
        value[side] += chance * gain;
      }
      weights[k] = at;
    }
    double exact = (value[1] - value[0]) / (2 * step), got = trainer->adam.mean[k] / .1;
    largest = fmax(largest, fabs(exact));
    error = fmax(error, fabs(got - exact));
  }
  ck_assert_msg(error < .02 * largest, "error %g of %g", error, largest);
  pa_states_free(states);
  free(weights);
  pa_trainer_free(trainer);
  pa_regnn_free(model);
  pa_network_free(network);
}
END_TEST

/* Utilities and constraints
 * ------------------------------------------------------------------------------------------------ */

START_TEST(utilities_have_their_slopes) {
  double weights[4] = {1, 2, .5, 3}, r[4] = {.5, .8, 1.4, .35};
  for (int32_t kind = PA_UTILITY_SUM; kind <= PA_UTILITY_SOFT_MIN; kind++) {
    double slope[4], other[4];
    pa__problem p = {.links = 4, .rewards = 4, .utility = kind, .weights = weights, .sharpness = 3};
    pa__judgement j = {.slope = slope}, near = {.slope = other};
    pa__means means = {.reward = r};
    ok(pa__problem_judge(&p, &means, &j));
    for (size_t k = 0; k < 4; k++) {
      double at = r[k], step = 1e-6, high, low;
      r[k] = at + step;
      ok(pa__problem_judge(&p, &means, &near));
      high = near.utility;
      r[k] = at - step;
      ok(pa__problem_judge(&p, &means, &near));
      low = near.utility;
      r[k] = at;
      close_to(slope[k], (high - low) / (2 * step), 1e-6 * fmax(1, fabs(slope[k])));
    }
    const double sum = .5 + 1.6 + .7 + 1.05;
    const double expected[] = {0,
                               sum,
                               log(.5) + 2 * log(.8) + .5 * log(1.4) + 3 * log(.35),
                               -(2 + 2.5 + .5 / 1.4 + 3 / .35),
                               .5,
                               -log(exp(-1.5) + exp(-4.8) + exp(-2.1) + exp(-3.15)) / 3};
    close_to(j.utility, expected[kind], 1e-12);
  }
}
END_TEST

struct own {
  size_t calls, frees;
  double bound;
  bool wrong;
  int32_t code;
};

static void free_own(void *user) { ((struct own *)user)->frees++; }

static int32_t own_sum(void *user, const double *mean, size_t rewards, double *value, double *gradient) {
  struct own *own = user;
  own->calls++;
  ck_assert(isnan(*value) && isnan(gradient[rewards - 1]));
  *value = 0;
  for (size_t k = 0; k < rewards; k++) *value += mean[k], gradient[k] = 1;
  if (own->wrong) gradient[1] = NAN;
  return own->code;
}

static int32_t own_minimum(void *user, const double *mean, size_t rewards, double *value, double *jacobian, size_t n) {
  struct own *own = user;
  own->calls++;
  ck_assert_uint_eq(n, rewards);
  for (size_t k = 0; k < n; k++) {
    value[k] = (mean[k] - own->bound) / own->bound;
    for (size_t r = 0; r < rewards; r++) jacobian[k * rewards + r] = k == r;
  }
  if (own->wrong) value[2] = INFINITY;
  return own->code;
}

/* The user's utility and constraints give bit for bit what the built-in ones of the same values give. */
START_TEST(users_utilities_and_constraints_are_like_the_built_in_ones) {
  struct bench a, b;
  struct own utility = {0}, constraint = {.bound = .5};
  open_bench(&a);
  open_bench(&b);
  ok(pa_trainer_add_constraint(a.trainer, PA_CONSTRAINT_MIN_REWARD, &constraint.bound, 1));
  ok(pa_trainer_set_utility_callback(b.trainer, own_sum, &utility, free_own));
  ok(pa_trainer_add_constraint_callback(b.trainer, LINKS, own_minimum, &constraint, free_own));
  ck_assert_uint_eq(pa_trainer_constraint_count(b.trainer), LINKS);
  pa_status first = pa_trainer_run(a.trainer, 100), second = pa_trainer_run(b.trainer, 100);
  ck_assert(first == second && first >= 0 && utility.calls > 100 && constraint.calls > 100);
  double dual[2][LINKS], violation[2][LINKS];
  ok(pa_trainer_constraints(a.trainer, dual[0], violation[0], LINKS));
  ok(pa_trainer_constraints(b.trainer, dual[1], violation[1], LINKS));
  for (size_t k = 0; k < LINKS; k++) {
    close_to(dual[0][k], dual[1][k], 1e-9);
    close_to(violation[0][k], violation[1][k], 1e-9);
  }
  utility.wrong = true;
  fails(pa_trainer_run(b.trainer, 5), PA_ERROR_CALLBACK, "utility callback left gradient[1] at ");
  utility.wrong = false;
  constraint.wrong = true;
  fails(pa_trainer_run(b.trainer, 5), PA_ERROR_CALLBACK, "constraint callback left value[2] at inf");
  constraint.wrong = false;
  utility.code = PA_CALLBACK_ABORT;
  fails(pa_trainer_run(b.trainer, 5), PA_ERROR_CALLBACK, "the utility callback aborted");
  utility.code = PA_CALLBACK_OK;
  constraint.code = PA_CALLBACK_STOP;
  ck_assert_int_eq(pa_trainer_run(b.trainer, 5), PA_STOPPED);
  close_bench(&a);
  close_bench(&b);
  ck_assert(utility.frees == 1 && constraint.frees == 1);
}
END_TEST

static double utility_of(struct bench *b, int32_t utility, uint64_t steps, double rewards[LINKS]) {
  ok(pa_trainer_set_utility(b->trainer, utility, NULL, 0));
  ck_assert_int_ge(pa_trainer_run(b->trainer, steps), 0);
  ok(pa_trainer_mean_rewards(b->trainer, rewards, LINKS));
  return stat_of(b->trainer, PA_TRAINER_STAT_BEST_RATE);
}

static double least(const double *x, size_t n) {
  double value = INFINITY;
  for (size_t k = 0; k < n; k++) value = fmin(value, x[k]);
  return value;
}

static double total(const double *x, size_t n) {
  double value = 0;
  for (size_t k = 0; k < n; k++) value += x[k];
  return value;
}

/* Training finds better powers than it starts with, within the budget, and each utility is best at its own. */
START_TEST(training_improves_and_keeps_the_budget) {
  for (size_t k = 0; k < 3; k++) {
    struct bench b;
    open_with(&b, 0, outputs[k], 2);
    budget(&b, 3);
    ok(pa_trainer_set(b.trainer, PA_TRAINER_SCHEDULE, 2401));
    ok(pa_trainer_run(b.trainer, 1));
    double before = stat_of(b.trainer, PA_TRAINER_STAT_BEST_RATE);
    ok(pa_trainer_run(b.trainer, 2400));
    double after = stat_of(b.trainer, PA_TRAINER_STAT_BEST_RATE),
           power = stat_of(b.trainer, PA_TRAINER_STAT_BEST_POWER);
    ck_assert_msg(after > 1.01 * before, "output %zu: %g became %g", k, before, after);
    ck_assert(power <= 3 * 1.01 && power > 2);
    ck_assert(stat_of(b.trainer, PA_TRAINER_STAT_BEST_VIOLATION) <= .01);
    close_bench(&b);
  }
  double sum[LINKS], soft[LINKS];
  struct bench b, c;
  open_with(&b, 0, PA_REGNN_OUTPUT_CONTINUOUS, 2);
  open_with(&c, 0, PA_REGNN_OUTPUT_CONTINUOUS, 2);
  utility_of(&b, PA_UTILITY_SUM, 800, sum);
  utility_of(&c, PA_UTILITY_SOFT_MIN, 800, soft);
  ck_assert_msg(total(sum, LINKS) > total(soft, LINKS) && least(soft, LINKS) > least(sum, LINKS) - .02,
                "sums %g and %g, least %g and %g", total(sum, LINKS), total(soft, LINKS), least(sum, LINKS),
                least(soft, LINKS));
  close_bench(&b);
  close_bench(&c);
}
END_TEST

/* On states, their weights are the utility's unless it has its own, and reach the model's input. */
START_TEST(weights_of_states_are_the_utilitys) {
  struct bench b;
  const double heavy[LINKS] = {1, 1, 1, 1, 8};
  double mean[2][LINKS], weights[LINKS];
  for (int k = 0; k < 2; k++) {
    pa_states *states;
    pa_regnn *model;
    pa_trainer *trainer;
    const int32_t keys[] = {PA_REGNN_INPUTS};
    const double inputs[] = {15};
    open_bench(&b);
    ok(pa_network_draw_states(b.network, 0, 0, 500, &states, NULL));
    if (k == 1) ok(pa_states_set_weights(states, heavy, LINKS));
    ok(pa_regnn_create(&model, keys, inputs, 1, 1, NULL));
    ok(pa_trainer_create_on_states(&trainer, pa_regnn_policy(model), states, 1, NULL));
    ok(pa_trainer_set_reward(trainer, LINKS, plain_capacity, NULL, NULL));
    ok(pa_trainer_run(trainer, 1000));
    ok(pa_trainer_mean_rewards(trainer, mean[k], LINKS));
    ok(pa_trainer_link_weights(trainer, weights, LINKS));
    close_to(weights[4], k == 1 ? 8 / 2.4 : 1, 1e-12);
    pa_trainer_free(trainer);
    pa_regnn_free(model);
    pa_states_free(states);
    close_bench(&b);
  }
  ck_assert_msg(mean[1][4] > 1.2 * mean[0][4], "%g and %g", mean[0][4], mean[1][4]);
}
END_TEST

/* A minimum of 0 asks for nothing. */
START_TEST(no_minimum_has_no_dual) {
  struct bench b;
  const double least_of[LINKS] = {0, 0, 0, 0, .3};
  double dual[LINKS];
  open_bench(&b);
  ok(pa_trainer_add_constraint(b.trainer, PA_CONSTRAINT_MIN_REWARD, least_of, LINKS));
  ck_assert_int_ge(pa_trainer_run(b.trainer, 100), 0);
  ok(pa_trainer_constraints(b.trainer, dual, NULL, LINKS));
  ck_assert(dual[0] == 0 && dual[3] == 0);
  close_bench(&b);
}
END_TEST

START_TEST(constraints_are_met_or_said_not_to_be) {
  struct bench b;
  double dual[LINKS], violation[LINKS], weights[LINKS];
  const double fair = .5, impossible = 50, caps[LINKS] = {2, .5, 2, 2, 2};
  open_bench(&b);
  ok(pa_trainer_add_constraint(b.trainer, PA_CONSTRAINT_MIN_REWARD, &fair, 1));
  ok(pa_trainer_run(b.trainer, 600));
  ok(pa_trainer_constraints(b.trainer, dual, violation, LINKS));
  for (size_t k = 0; k < LINKS; k++) ck_assert(violation[k] <= .01 && dual[k] >= 0);
  close_bench(&b);

  open_bench(&b);
  ok(pa_trainer_add_constraint(b.trainer, PA_CONSTRAINT_MIN_REWARD, &impossible, 1));
  ck_assert_int_eq(pa_trainer_run(b.trainer, 300), PA_INFEASIBLE);
  ck_assert_msg(strstr(pa_last_error(), "must be at least 50") != NULL, "said \"%s\"", pa_last_error());
  ok(pa_trainer_constraints(b.trainer, dual, violation, LINKS));
  for (size_t k = 0; k < LINKS; k++) ck_assert(violation[k] > .5 && dual[k] <= 10);
  ok(pa_trainer_link_weights(b.trainer, weights, LINKS));
  close_to(total(weights, LINKS), LINKS, 1e-9);
  close_bench(&b);

  open_bench(&b);
  ok(pa_trainer_add_constraint(b.trainer, PA_CONSTRAINT_MAX_REWARD, caps, LINKS));
  ok(pa_trainer_set(b.trainer, PA_TRAINER_DUAL_RATE, .02));
  ok(pa_trainer_run(b.trainer, 1500));
  ok(pa_trainer_constraints(b.trainer, NULL, violation, LINKS));
  for (size_t k = 0; k < LINKS; k++) ck_assert_msg(violation[k] <= .01, "%zu: %g", k, violation[k]);
  close_bench(&b);

  open_with(&b, 1, PA_REGNN_OUTPUT_BERNOULLI, 1);
  pa_regnn_free(b.model);
  const int32_t keys[] = {PA_REGNN_STATE_FEATURES};
  const double one = 1;
  ok(pa_regnn_create(&b.model, keys, &one, 1, 1, NULL));
  pa_trainer_free(b.trainer);
  ok(pa_trainer_create(&b.trainer, pa_regnn_policy(b.model), b.network, 1, NULL));
  ok(pa_trainer_set_reward(b.trainer, LINKS, reward_of, &b.sim, NULL));
  ok(pa_trainer_add_constraint(b.trainer, PA_CONSTRAINT_DEMAND, NULL, 0));
  ok(pa_trainer_run(b.trainer, 200));
  ck_assert(stat_of(b.trainer, PA_TRAINER_STAT_BEST_VIOLATION) <= .01);
  close_bench(&b);
}
END_TEST

/* Power budgets of the links one by one. */
START_TEST(budgets_per_link) {
  struct bench b;
  const double watts[LINKS] = {.4, .8, .4, 1.2, .4};
  double violation[LINKS];
  open_with(&b, 0, PA_REGNN_OUTPUT_CONTINUOUS, 1);
  ok(pa_trainer_add_constraint(b.trainer, PA_CONSTRAINT_MEAN_POWER, watts, LINKS));
  ck_assert_uint_eq(pa_trainer_constraint_count(b.trainer), LINKS);
  ok(pa_trainer_set(b.trainer, PA_TRAINER_DUAL_RATE, .02));
  ck_assert_int_ge(pa_trainer_run(b.trainer, 1500), 0);
  ok(pa_trainer_constraints(b.trainer, NULL, violation, LINKS));
  for (size_t k = 0; k < LINKS; k++) ck_assert_msg(violation[k] < .3, "link %zu: %g", k, violation[k]);
  close_bench(&b);
}
END_TEST

/* UWMMSE model-free: its outputs' gradient by central differences, and that it learns from a reward alone. */
START_TEST(uwmmse_learns_model_free_too) {
  const double noise = .05;
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++) {
    enum { N = 4, B = 5 };
    pa_network *network;
    pa_uwmmse *model;
    pa_states *states;
    ok(pa_network_create_adhoc(&network, N, 2, NULL));
    ok(pa_network_set_noise(network, &noise, 1));
    ok(pa_network_set(network, PA_NETWORK_DENSITY, 2));
    ok(pa_network_draw_states(network, 0, 0, B, &states, NULL));
    ok(pa_uwmmse_create(&model, architecture, 3, 4, 1, NULL));
    pa_policy *policy = pa_uwmmse_policy(model);
    const pa__learner_class *learner = policy->class->learner;
    size_t n = pa_uwmmse_weight_count(model);
    double *weights = calloc(n, sizeof *weights), *gradient = calloc(n, sizeof *gradient), y[B * N], dy[B * N],
           largest = 0;
    void *tape = aligned_alloc(64, pa__measure(learner->tape_workspace, policy, pa__extent_dense(B, N, PA__DOUBLE)));
    for (size_t k = 0; k < B * N; k++) dy[k] = hash(7, k) - .5;
    ok(pa_uwmmse_get_weights(model, weights, n));
    for (size_t k = 0; k < n; k++) weights[k] += .02 * hash(3, k);
    learner->set_weights(policy, weights);
    learner->forward(policy, states, y, tape);
    learner->backward(policy, states, dy, gradient, tape);
    for (size_t k = 0; k < n; k++) largest = fmax(largest, fabs(gradient[k]));
    for (size_t k = 0; k < n; k++) {
      double at = weights[k], step = 1e-5, value[2] = {0};
      for (int side = 0; side < 2; side++) {
        weights[k] = at + (side ? step : -step);
        learner->set_weights(policy, weights);
        learner->forward(policy, states, y, tape);
        for (size_t e = 0; e < B * N; e++) value[side] += y[e] * dy[e];
      }
      weights[k] = at;
      close_to(gradient[k], (value[1] - value[0]) / (2 * step), 1e-6 * fmax(largest, 1));
    }
    ck_assert(largest > 1e-3);
    free(tape);
    free(weights);
    free(gradient);
    pa_states_free(states);
    pa_uwmmse_free(model);

    pa_trainer *trainer;
    const double quiet = 1e-3;
    pa_network_free(network);
    ok(pa_network_create_adhoc(&network, 2 * LINKS, 1, NULL));
    ok(pa_network_set_noise(network, &quiet, 1));
    ok(pa_uwmmse_create(&model, architecture, 4, 5, 1, NULL));
    ok(pa_trainer_create(&trainer, pa_uwmmse_policy(model), network, 1, NULL));
    ok(pa_trainer_set_reward(trainer, 2 * LINKS, plain_capacity, NULL, NULL));
    ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 400));
    ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT_EVERY, 500));
    ok(pa_trainer_set(trainer, PA_TRAINER_SCHEDULE, 1500));
    ok(pa_trainer_run(trainer, 1));
    double before = stat_of(trainer, PA_TRAINER_STAT_BEST_RATE);
    ok(pa_trainer_run(trainer, 1499));
    double after = stat_of(trainer, PA_TRAINER_STAT_BEST_RATE);
    ck_assert_msg(after > 1.002 * before, "architecture %d: %g became %g", architecture, before, after);
    pa_trainer_free(trainer);
    pa_uwmmse_free(model);
    pa_network_free(network);
  }
}
END_TEST

/* What goes wrong is said
 * -------------------------------------------------------------------------------------------------- */

START_TEST(rewards_without_a_signal_are_found) {
  struct bench b;
  open_bench(&b);
  b.sim.constant = 3;
  fails(pa_trainer_run(b.trainer, 2000), PA_ERROR_NUMERIC, "did not depend on the powers");
  close_bench(&b);
  open_bench(&b);
  b.sim.sign = -1;
  fails(pa_trainer_run(b.trainer, 20000), PA_ERROR_NUMERIC, "gone silent");
  ck_assert_ptr_nonnull(strstr(pa_last_error(), "is a cost"));
  close_bench(&b);
  open_bench(&b);
  b.sim.sign = -1;
  ok(pa_trainer_set_utility(b.trainer, PA_UTILITY_PROPORTIONAL_FAIR, NULL, 0));
  fails(pa_trainer_run(b.trainer, 100), PA_ERROR_NUMERIC, "need rewards > 0");
  close_bench(&b);
}
END_TEST

START_TEST(dead_policies_are_found) {
  struct bench b;
  open_bench(&b);
  size_t n = pa_regnn_weight_count(b.model);
  double *weights = calloc(n, sizeof *weights);
  for (size_t k = 0; k < n; k++) weights[k] = -1; /* no activation above 0 */
  ok(pa_regnn_set_weights(b.model, weights, n));
  pa_trainer_free(b.trainer);
  ok(pa_trainer_create(&b.trainer, pa_regnn_policy(b.model), b.network, 1, NULL));
  ok(pa_trainer_set_reward(b.trainer, LINKS, reward_of, &b.sim, NULL));
  ok(pa_trainer_set(b.trainer, PA_TRAINER_HELD_OUT, 100));
  fails(pa_trainer_run(b.trainer, 1000), PA_ERROR_NUMERIC, "the policy is dead");
  free(weights);
  close_bench(&b);
}
END_TEST

START_TEST(bad_settings_are_named_and_change_nothing) {
  struct bench b;
  struct sim other = {0};
  const double one = 1, zero = 0, bad[LINKS] = {1, 1, NAN, 1, 1};
  double out[LINKS];
  open_bench(&b);
  pa_trainer *t = b.trainer;
  fails(pa_trainer_set_reward(NULL, LINKS, reward_of, &other, count_free), PA_ERROR_ARGUMENT, "trainer is NULL");
  fails(pa_trainer_set_reward(t, 0, reward_of, &other, count_free), PA_ERROR_ARGUMENT, "rewards is 0");
  fails(pa_trainer_set_reward(t, LINKS, NULL, &other, count_free), PA_ERROR_ARGUMENT, "reward is NULL");
  fails(pa_trainer_set_utility(t, 0, NULL, 0), PA_ERROR_ARGUMENT, "utility is 0");
  fails(pa_trainer_set_utility(t, 6, NULL, 0), PA_ERROR_ARGUMENT, "utility is 6");
  fails(pa_trainer_set_utility(t, PA_UTILITY_SUM, bad, LINKS), PA_ERROR_ARGUMENT, "weights[2] is ");
  fails(pa_trainer_set_utility(t, PA_UTILITY_SUM, bad, 2), PA_ERROR_ARGUMENT, "weights has 2 elements");
  fails(pa_trainer_set_utility(t, PA_UTILITY_SUM, NULL, LINKS), PA_ERROR_ARGUMENT, "weights is NULL");
  fails(pa_trainer_set_utility_callback(t, NULL, &other, count_free), PA_ERROR_ARGUMENT, "utility is NULL");
  fails(pa_trainer_add_constraint(t, 0, &one, 1), PA_ERROR_ARGUMENT, "constraint is 0");
  fails(pa_trainer_add_constraint(t, 5, &one, 1), PA_ERROR_ARGUMENT, "constraint is 5");
  fails(pa_trainer_add_constraint(t, PA_CONSTRAINT_MEAN_POWER, &zero, 1), PA_ERROR_ARGUMENT, "bound[0] is 0");
  fails(pa_trainer_add_constraint(t, PA_CONSTRAINT_MEAN_POWER, &one, 2), PA_ERROR_ARGUMENT, "bound has 2 elements");
  fails(pa_trainer_add_constraint(t, PA_CONSTRAINT_MIN_REWARD, NULL, 1), PA_ERROR_ARGUMENT, "bound is NULL");
  fails(pa_trainer_add_constraint(t, PA_CONSTRAINT_MIN_REWARD, bad, LINKS), PA_ERROR_ARGUMENT, "bound[2] is ");
  fails(pa_trainer_add_constraint(t, PA_CONSTRAINT_DEMAND, NULL, 0), PA_ERROR_ARGUMENT, "no node state");
  fails(pa_trainer_add_constraint(t, PA_CONSTRAINT_DEMAND, &one, 1), PA_ERROR_ARGUMENT, "takes none");
  fails(pa_trainer_add_constraint_callback(t, 0, own_minimum, &other, count_free), PA_ERROR_ARGUMENT, "n is 0");
  fails(pa_trainer_add_constraint_callback(t, 1, NULL, &other, count_free), PA_ERROR_ARGUMENT, "constraint is NULL");
  ck_assert_uint_eq(pa_trainer_constraint_count(t) + pa_trainer_constraint_count(NULL), 0);
  budget(&b, 3);
  fails(pa_trainer_add_constraint(t, PA_CONSTRAINT_MEAN_POWER, &one, 1), PA_ERROR_STATE, "already");
  fails(pa_trainer_set_reward(t, 2, reward_of, &other, count_free), PA_ERROR_STATE, "for 5 rewards");
  fails(pa_trainer_constraints(t, out, out, 2), PA_ERROR_ARGUMENT, "n is 2, must be 1");
  fails(pa_trainer_mean_rewards(t, out, 1), PA_ERROR_ARGUMENT, "n is 1, must be 5");
  fails(pa_trainer_link_weights(t, NULL, LINKS), PA_ERROR_ARGUMENT, "weights is NULL");
  ok(pa_trainer_constraints(t, out, out + 1, 1));
  ck_assert(isnan(out[0]) && isnan(out[1]));
  ck_assert_int_ge(pa_trainer_run(t, 1), 0);
  fails(pa_trainer_set_reward(t, LINKS, reward_of, &other, count_free), PA_ERROR_STATE, "after the first step");
  fails(pa_trainer_set_utility(t, PA_UTILITY_MIN, NULL, 0), PA_ERROR_STATE, "after the first step");
  fails(pa_trainer_add_constraint(t, PA_CONSTRAINT_MIN_REWARD, &one, 1), PA_ERROR_STATE, "after the first step");
  ck_assert_uint_eq(other.frees, 0);
  close_bench(&b);

  pa_network *family;
  pa_regnn *model;
  ok(pa_regnn_create(&model, NULL, NULL, 0, 1, NULL));
  ok(pa_network_create_adhoc_family(&family, 3, 6, 1, 2, 1, NULL));
  t = NULL;
  fails(pa_trainer_create(&t, pa_regnn_policy(model), family, 1, NULL), PA_ERROR_ARGUMENT, "a family of 3 to 6 links");
  ck_assert_ptr_null(t);
  pa_network_free(family);
  pa_regnn_free(model);
}
END_TEST

int main(void) {
  return run_tests("probing", (const TTest *const[]){callbacks_are_called_as_promised,
                                                     codes_end_runs_and_keep_the_best,
                                                     skipped_batches_are_left_out,
                                                     a_callback_may_not_run_its_trainer_but_stop_it,
                                                     networks_ask_their_user,
                                                     a_failing_state_callback_ends_the_run,
                                                     threads_do_not_matter,
                                                     resumed_runs_end_like_whole_ones,
                                                     checkpoints_of_other_problems_are_refused,
                                                     the_gradient_is_that_of_the_mean_lagrangian,
                                                     utilities_have_their_slopes,
                                                     users_utilities_and_constraints_are_like_the_built_in_ones,
                                                     training_improves_and_keeps_the_budget,
                                                     weights_of_states_are_the_utilitys,
                                                     no_minimum_has_no_dual,
                                                     constraints_are_met_or_said_not_to_be,
                                                     budgets_per_link,
                                                     uwmmse_learns_model_free_too,
                                                     rewards_without_a_signal_are_found,
                                                     dead_policies_are_found,
                                                     bad_settings_are_named_and_change_nothing,
                                                     NULL});
}
