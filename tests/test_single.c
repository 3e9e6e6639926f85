/* Single precision against double. */
#include "policy/policy.h"
#include "suite.h"

#include <stdio.h>

static double drawn;

/* Positive numbers without a pattern. */
static double uniform(void) {
  drawn += 0.6180339887498949;
  drawn -= floor(drawn);
  double x = sin(1e4 * drawn) * 1e4;
  return fabs(x - floor(x)) * 0.999 + 0.0005;
}

/* States in both precisions, whose channels are the same numbers. */
struct pair {
  pa_states *wide, *narrow;
  double *h;
  float *h_f32;
  size_t batch, links;
};

static struct pair states_of(const double *h, size_t batch, size_t links, double noise) {
  size_t elements = batch * links * links;
  struct pair p = {
      .h = calloc(elements, sizeof(double)), .h_f32 = calloc(elements, sizeof(float)), .batch = batch, .links = links};
  for (size_t k = 0; k < elements; k++) p.h[k] = p.h_f32[k] = (float)h[k];
  ok(pa_states_create(&p.wide, batch, links, p.h, noise, 1, NULL));
  ok(pa_states_create_f32(&p.narrow, batch, links, p.h_f32, noise, 1, NULL));
  return p;
}

static struct pair network_states(size_t links, size_t batch, uint64_t seed) {
  pa_network *network;
  pa_states *drawn_states;
  double noise;
  ok(pa_network_create_adhoc(&network, links, seed, NULL));
  ok(pa_parse_power("-91dB", &noise));
  ok(pa_network_draw_states(network, 3, 0, batch, &drawn_states, NULL));
  struct pair p = states_of(pa_states_channel(drawn_states), batch, links, noise);
  pa_states_free(drawn_states);
  pa_network_free(network);
  return p;
}

static void free_pair(struct pair *p) {
  pa_states_free(p->wide);
  pa_states_free(p->narrow);
  free(p->h);
  free(p->h_f32);
}

/* Sum-rates [batch] of a policy in both precisions, of the powers that each gives. */
static void sum_rates(const struct pair *p, const pa_policy *policy, double *wide, double *narrow) {
  size_t n = p->batch * p->links;
  double *power = calloc(2 * n, sizeof *power), *rate = power + n;
  float *power_f32 = calloc(2 * n, sizeof *power_f32), *rate_f32 = power_f32 + n;
  ok(pa_policy_allocate(policy, p->wide, power, NULL, 0));
  ok(pa_rates(p->wide, power, rate));
  ok(pa_policy_allocate_f32(policy, p->narrow, power_f32, NULL, 0));
  ok(pa_rates_f32(p->narrow, power_f32, rate_f32));
  for (size_t b = 0; b < p->batch; b++) {
    wide[b] = narrow[b] = 0;
    for (size_t k = b * p->links; k < (b + 1) * p->links; k++) {
      ck_assert_msg(power_f32[k] >= 0 && power_f32[k] <= 1, "power %g", (double)power_f32[k]);
      wide[b] += rate[k];
      narrow[b] += (double)rate_f32[k];
    }
  }
  free(power);
  free(power_f32);
}

/* Of many samples: none loses more than a part `worst` of its rate, and on average no more than `mean` is lost. A link
 * that WMMSE silences for a while is nearer to its return in single precision, where it is kept above 0, so that a
 * sample may gain; on average no more than `gain`. */
static void check_policy(const pa_policy *policy, size_t links, size_t batch, double worst, double mean, double gain) {
  double *wide = calloc(2 * batch, sizeof *wide), *narrow = wide + batch, sum = 0, sum_narrow = 0;
  struct pair p = network_states(links, batch, links);
  sum_rates(&p, policy, wide, narrow);
  for (size_t b = 0; b < batch; b++) {
    sum += wide[b];
    sum_narrow += narrow[b];
    ck_assert_msg(narrow[b] >= wide[b] - worst * wide[b] - 1e-6, "%s, %zu links, sample %zu: %g, not %g",
                  pa_policy_name(policy), links, b, narrow[b], wide[b]);
  }
  ck_assert_msg(sum_narrow >= sum - mean * sum - 1e-6 && sum_narrow <= sum + gain * sum + 1e-6,
                "%s, %zu links: %g of the rate", pa_policy_name(policy), links, sum_narrow / sum);
  free_pair(&p);
  free(wide);
}

static const size_t sizes[][2] = {{1, 40}, {2, 40}, {5, 100}, {20, 1000}, {33, 100}, {50, 60}, {100, 9}, {130, 5}};

START_TEST(rates_are_those_of_double) {
  for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
    size_t n = sizes[k][0], batch = 7, count = n * batch;
    struct pair p = network_states(n, batch, k);
    double *power = calloc(3 * count, sizeof *power), *rate = power + count, *sinr = rate + count;
    float *power_f32 = calloc(3 * count, sizeof *power_f32), *rate_f32 = power_f32 + count,
          *sinr_f32 = rate_f32 + count;
    for (size_t e = 0; e < count; e++) power[e] = power_f32[e] = (float)(e % 3 ? uniform() : 0);
    ok(pa_rates(p.wide, power, rate));
    ok(pa_sinr(p.wide, power, sinr));
    ok(pa_rates_f32(p.narrow, power_f32, rate_f32));
    ok(pa_sinr_f32(p.narrow, power_f32, sinr_f32));
    for (size_t e = 0; e < count; e++) {
      close_to((double)rate_f32[e], rate[e], 2e-5 * rate[e]);
      close_to((double)sinr_f32[e], sinr[e], 2e-5 * sinr[e]);
    }
    free(power);
    free(power_f32);
    free_pair(&p);
  }
}
END_TEST

START_TEST(wmmse_loses_no_sample) {
  static const char *const names[] = {"wmmse", "wmmse-truncated", "wmmse-priced"};
  for (size_t name = 0; name < 3; name++) {
    pa_policy *policy;
    ok(pa_policy_create(&policy, names[name], NULL));
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
      check_policy(policy, sizes[k][0], sizes[k][1], .05, 1e-4, name == 1 ? 1e-6 : 5e-3);
    pa_policy_free(policy);
  }
}
END_TEST

START_TEST(uwmmse_is_that_of_double) {
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++) {
    pa_uwmmse *model;
    ok(pa_uwmmse_create(&model, architecture, 4, 5, 7, NULL));
    for (size_t k = 0; k < 6; k++) check_policy(pa_uwmmse_policy(model), sizes[k][0], sizes[k][1], 2e-3, 1e-5, 1e-4);
    pa_uwmmse_free(model);
  }
  pa_policy *robust;
  ok(pa_policy_load(&robust, "builtin:uwmmse-robust", NULL));
  check_policy(robust, 20, 1000, 2e-3, 1e-5, 1e-4);
  pa_policy_free(robust);
}
END_TEST

START_TEST(gradients_are_those_of_double) {
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++)
    for (size_t k = 2; k < 6; k++) { /* a link or two are at the edge of their limit, where rounding decides */
      pa_uwmmse *model;
      struct pair p = network_states(sizes[k][0], 19, k);
      ok(pa_uwmmse_create(&model, architecture, 4, 5, 7, NULL));
      size_t n = pa_uwmmse_weight_count(model);
      double *wide = calloc(2 * n, sizeof *wide), *narrow = wide + n, loss[2], error = 0, norm = 0;
      ok(pa_uwmmse_gradient(model, p.wide, &loss[0], wide, n));
      ok(pa_uwmmse_gradient(model, p.narrow, &loss[1], narrow, n));
      close_to(loss[1], loss[0], 1e-4 * fabs(loss[0]));
      for (size_t e = 0; e < n; e++) {
        error += (wide[e] - narrow[e]) * (wide[e] - narrow[e]);
        norm += wide[e] * wide[e];
      }
      ck_assert_msg(error <= 1e-4 * norm + 1e-12, "%zu links: gradient off by %g of itself", sizes[k][0],
                    sqrt(error / norm));
      free(wide);
      free_pair(&p);
      pa_uwmmse_free(model);
    }
}
END_TEST

/* Rewards for the same powers, and the gradient of capacity; among the sizes are some beyond a block of columns. */
START_TEST(rates_are_finite_or_refused) {
  const float h = 9e14f, power = 9e14f, least = 1;
  float rate = 7;
  pa_states *states;
  ok(pa_states_create_f32(&states, 1, 1, &h, 1e15, 1, NULL));
  fails(pa_rates_f32(states, &power, &rate), PA_ERROR_ARGUMENT, "what is received may not be finite");
  ck_assert(rate == 7);
  ok(pa_rates_f32(states, &least, &rate));
  close_to(rate, log2(1 + 8.1e14), 1e-3);
  pa_states_free(states);
}
END_TEST

START_TEST(rewards_are_those_of_double) {
  static const pa_reward_fn rewards[] = {pa_reward_capacity, pa_reward_capacity_over_lifetime, pa_reward_control_cost,
                                         pa_reward_control_success};
  double gains[] = {.5, 1.1};
  for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
    size_t n = sizes[k][0], batch = 7, count = n * batch;
    struct pair p = network_states(n, batch, k);
    double *x = calloc(4 * count, sizeof *x), *power = x + count, *wide = power + count, *narrow = wide + count;
    double *weight = calloc(n, sizeof *weight);
    for (size_t i = 0; i < n; i++) weight[i] = uniform();
    for (size_t e = 0; e < count; e++) x[e] = uniform(), power[e] = e % 3 ? uniform() : 0;
    ok(pa_states_set_node_state(p.wide, x, 1));
    ok(pa_states_set_node_state(p.narrow, x, 1));
    for (size_t r = 0; r < sizeof rewards / sizeof rewards[0]; r++) {
      ck_assert_int_eq(rewards[r](gains, p.wide, power, wide, n), PA_CALLBACK_OK);
      ck_assert_int_eq(rewards[r](gains, p.narrow, power, narrow, n), PA_CALLBACK_OK);
      for (size_t e = 0; e < count; e++) close_to(narrow[e], wide[e], 2e-5 * fabs(wide[e]));
    }
    ck_assert_int_eq(pa_reward_capacity_gradient(NULL, p.wide, power, weight, wide, n), PA_CALLBACK_OK);
    ck_assert_int_eq(pa_reward_capacity_gradient(NULL, p.narrow, power, weight, narrow, n), PA_CALLBACK_OK);
    for (size_t e = 0; e < count; e++) close_to(narrow[e], wide[e], 1e-12 * fabs(wide[e]));
    power[1] = 1e16;
    ck_assert_int_eq(pa_reward_capacity(NULL, p.narrow, power, narrow, n), PA_CALLBACK_ABORT);
    ck_assert_ptr_nonnull(strstr(pa_last_error(), "more than 1e+15 times the power limit"));
    free(x);
    free(weight);
    free_pair(&p);
  }
}
END_TEST

/* Outputs of a policy, and the gradient of a weighted sum of them. */
static void outputs_of(const pa_policy *policy, const pa_states *states, const double *dy, double *y,
                       double *gradient) {
  const pa__learner_class *learner = policy->class->learner;
  size_t bytes = pa__measure(learner->tape_workspace, policy, pa__extent_of(states));
  void *work = aligned_alloc(64, (bytes + 63) / 64 * 64);
  memset(work, 0, bytes);
  memset(gradient, 0, learner->weight_count(policy) * sizeof *gradient);
  learner->forward(policy, states, y, work);
  learner->backward(policy, states, dy, gradient, work);
  free(work);
}

static double distance(const double *a, const double *b, size_t n) {
  double square = 0;
  for (size_t k = 0; k < n; k++) square += (a[k] - b[k]) * (a[k] - b[k]);
  return sqrt(square);
}

/* Sizes of either layout. A ReLU or a limit may be on the other side in one precision. */
static void check_outputs(const pa_policy *policy) {
  for (size_t k = 2; k < 6; k++) {
    size_t links = sizes[k][0], batch = 19, count = links * batch, n = policy->class->learner->weight_count(policy);
    struct pair p = network_states(links, batch, k);
    double *dy = calloc(4 * count, sizeof *dy), *y = dy + count, *narrow = y + count, *zero = narrow + count;
    double *gradient = calloc(3 * n, sizeof *gradient), *of_narrow = gradient + n, *none = of_narrow + n;
    for (size_t e = 0; e < count; e++) dy[e] = uniform() - .5;
    outputs_of(policy, p.wide, dy, y, gradient);
    outputs_of(policy, p.narrow, dy, narrow, of_narrow);
    ck_assert_msg(distance(y, narrow, count) <= 1e-3 * distance(y, zero, count), "%s, %zu links: outputs off by %g",
                  pa_policy_name(policy), links, distance(y, narrow, count) / distance(y, zero, count));
    ck_assert_msg(distance(gradient, of_narrow, n) <= 1e-2 * distance(gradient, none, n),
                  "%s, %zu links: gradient off by %g", pa_policy_name(policy), links,
                  distance(gradient, of_narrow, n) / distance(gradient, none, n));
    free(dy);
    free(gradient);
    free_pair(&p);
  }
}

START_TEST(gradients_of_outputs_are_those_of_double) {
  const int32_t key = PA_REGNN_OUTPUT;
  const double continuous = PA_REGNN_OUTPUT_CONTINUOUS;
  pa_regnn *regnn;
  ok(pa_regnn_create(&regnn, &key, &continuous, 1, 3, NULL));
  check_outputs(pa_regnn_policy(regnn));
  pa_regnn_free(regnn);
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++) {
    pa_uwmmse *model;
    ok(pa_uwmmse_create(&model, architecture, 4, 5, 7, NULL));
    check_outputs(pa_uwmmse_policy(model));
    pa_uwmmse_free(model);
  }
}
END_TEST

/* ---- training ---- */

static double mean_rate(const pa_policy *policy, const pa_states *states) {
  size_t n = pa_states_batch(states) * pa_states_links(states);
  double *power = calloc(2 * n, sizeof *power), *rate = power + n, sum = 0;
  ok(pa_policy_allocate(policy, states, power, NULL, 0));
  ok(pa_rates(states, power, rate));
  for (size_t k = 0; k < n; k++) sum += rate[k];
  free(power);
  return sum / (double)pa_states_batch(states);
}

static void run(pa_trainer *trainer, uint64_t steps) {
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 200));
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT_EVERY, 100));
  ok(pa_trainer_set(trainer, PA_TRAINER_THREADS, 2));
  ok(pa_trainer_run(trainer, steps));
}

/* On the same states the precisions take the same batches; on a network each has draws of its own. Model-based if there
 * are no actions to try. */
static double trained_rate(pa_policy *policy, const pa_network *network, const pa_states *states, int precision,
                           double actions, uint64_t steps, uint64_t seed, const pa_states *test) {
  pa_trainer *trainer;
  double value;
  if (states)
    ok(pa_trainer_create_on_states(&trainer, policy, states, seed, NULL));
  else
    ok(pa_trainer_create(&trainer, policy, network, seed, NULL));
  if (!states) ok(pa_trainer_set(trainer, PA_TRAINER_PRECISION, precision));
  ok(pa_trainer_get(trainer, PA_TRAINER_PRECISION, &value));
  ck_assert(value == precision);
  if (actions > 0) {
    ok(pa_trainer_set_reward(trainer, pa_trainer_links(trainer), pa_reward_capacity, NULL, NULL));
    ok(pa_trainer_set(trainer, PA_TRAINER_ACTIONS, actions));
  }
  run(trainer, steps);
  pa_trainer_free(trainer);
  return mean_rate(policy, test);
}

/* Mean over a few seeds, between which rates differ by as much as the tolerance. */
enum { ON_NETWORK, ON_STATES, PLACES, SEEDS = 4 };

static void learns_as_in_double(pa_policy *(*create)(void), void (*release)(pa_policy *), double actions,
                                uint64_t steps, double tolerance) {
  pa_network *network;
  pa_states *test;
  double noise;
  ok(pa_network_create_adhoc(&network, 10, 2, NULL));
  ok(pa_parse_power("-91dB", &noise));
  ok(pa_network_set_noise(network, &noise, 1));
  ok(pa_network_draw_states(network, 77, 0, 500, &test, NULL));
  struct pair p = states_of(pa_states_channel(test), 400, 10, noise);
  for (int place = 0; place < PLACES; place++) {
    double rate[2] = {0}, before = 0;
    for (uint64_t run_of = 0; run_of < 2 * SEEDS; run_of++) {
      int precision = run_of % 2;
      pa_policy *policy = create();
      const pa_states *states = place == ON_NETWORK ? NULL : precision ? p.narrow : p.wide;
      before = mean_rate(policy, test);
      rate[precision] += trained_rate(policy, network, states, precision, actions, steps, 4 + run_of / 2, test) / SEEDS;
      release(policy);
    }
    ck_assert_msg(rate[0] > 1.02 * before, "%g became %g", before, rate[0]);
    ck_assert_msg(fabs(rate[1] - rate[0]) <= tolerance * rate[0], "place %d: %g, not %g", place, rate[1], rate[0]);
  }
  free_pair(&p);
  pa_states_free(test);
  pa_network_free(network);
}

static pa_policy *new_uwmmse(void) {
  pa_uwmmse *model;
  ok(pa_uwmmse_create(&model, PA_UWMMSE_EXTENDED, 4, 5, 7, NULL));
  return pa_uwmmse_policy(model);
}

static void free_uwmmse(pa_policy *policy) { pa_uwmmse_free(pa_policy_uwmmse(policy)); }

static pa_policy *new_regnn(void) {
  pa_regnn *model;
  ok(pa_regnn_create(&model, NULL, NULL, 0, 3, NULL));
  return pa_regnn_policy(model);
}

static void free_regnn(pa_policy *policy) { pa_regnn_free(pa_policy_regnn(policy)); }

START_TEST(training_reaches_what_it_does_in_double) {
  learns_as_in_double(new_uwmmse, free_uwmmse, 0, 300, .02);
  learns_as_in_double(new_uwmmse, free_uwmmse, 4, 300, .02);
  learns_as_in_double(new_regnn, free_regnn, 8, 600, .01);
}
END_TEST

static int32_t sees_single(void *user, const pa_states *states, const double *power, double *reward, size_t rewards) {
  size_t *calls = user;
  ++*calls;
  ck_assert_ptr_null(pa_states_channel(states));
  ck_assert_ptr_nonnull(pa_states_channel_f32(states));
  fails(pa_rates(states, power, reward), PA_ERROR_ARGUMENT, "states are in single precision");
  return pa_reward_capacity(NULL, states, power, reward, rewards);
}

START_TEST(rewards_see_states_in_single_precision) {
  struct pair p = network_states(4, 40, 1);
  size_t calls = 0;
  pa_policy *policy = new_regnn();
  pa_trainer *trainer;
  ok(pa_trainer_create_on_states(&trainer, policy, p.narrow, 1, NULL));
  ok(pa_trainer_set_reward(trainer, 4, sees_single, &calls, NULL));
  run(trainer, 3);
  ck_assert_uint_gt(calls, 3 * 8);
  pa_trainer_free(trainer);
  free_regnn(policy);
  free_pair(&p);
}
END_TEST

/* A teacher that has a pass in single precision, and one that has not. */
START_TEST(teachers_teach_in_single_precision) {
  static const char *const names[] = {"wmmse", "full-power"};
  for (size_t k = 0; k < 2; k++) {
    struct pair p = network_states(5, 60, 1);
    double *weights[2];
    size_t n = 0;
    for (int precision = 0; precision < 2; precision++) {
      pa_policy *policy = new_uwmmse(), *teacher;
      pa_trainer *trainer;
      ok(pa_policy_create(&teacher, names[k], NULL));
      ok(pa_trainer_create_on_states(&trainer, policy, precision ? p.narrow : p.wide, 1, NULL));
      ok(pa_trainer_set_teacher(trainer, teacher));
      run(trainer, 5);
      n = policy->class->learner->weight_count(policy);
      weights[precision] = calloc(n, sizeof(double));
      policy->class->learner->get_weights(policy, weights[precision]);
      pa_trainer_free(trainer);
      pa_policy_free(teacher);
      free_uwmmse(policy);
    }
    for (size_t e = 0; e < n; e++) close_to(weights[0][e], weights[1][e], 1e-3);
    free(weights[0]);
    free(weights[1]);
    free_pair(&p);
  }
}
END_TEST

/* Policies that train in double alone, and settings that contradict each other. */
START_TEST(trainers_say_what_they_cannot_do_in_single_precision) {
  struct pair p = network_states(4, 20, 1);
  pa_network *network;
  pa_policy *policies[4] = {NULL, NULL, new_uwmmse(), NULL};
  pa_igcnet *igcnet;
  pa_mlp *mlp;
  pa_trainer *trainer = NULL;
  double value, tiny = 1e-20;
  ok(pa_network_create_adhoc(&network, 4, 1, NULL));
  ok(pa_igcnet_create(&igcnet, 1, 4, 4, PA_INPUT_LOG, 1, NULL));
  ok(pa_mlp_create(&mlp, PA_MLP_POWERS, 4, (size_t[]){5}, 1, PA_INPUT_LOG, 1, NULL));
  policies[0] = pa_igcnet_policy(igcnet);
  policies[1] = pa_mlp_policy(mlp);
  for (size_t k = 0; k < 2; k++) {
    ok(pa_trainer_create(&trainer, policies[k], network, 1, NULL));
    fails(pa_trainer_set(trainer, PA_TRAINER_PRECISION, 1), PA_ERROR_ARGUMENT, "trains in double precision only");
    ok(pa_trainer_get(trainer, PA_TRAINER_PRECISION, &value));
    ck_assert(value == 0);
    pa_trainer_free(trainer);
    trainer = NULL;
    fails(pa_trainer_create_on_states(&trainer, policies[k], p.narrow, 1, NULL), PA_ERROR_ARGUMENT,
          "trains in double precision only");
    ck_assert_ptr_null(trainer);
  }
  for (int precision = 0; precision < 2; precision++) {
    ok(pa_trainer_create_on_states(&trainer, policies[2], precision ? p.narrow : p.wide, 1, NULL));
    fails(pa_trainer_set(trainer, PA_TRAINER_PRECISION, 1 - precision), PA_ERROR_ARGUMENT,
          precision ? "states are in single precision" : "states are in double precision");
    ok(pa_trainer_set(trainer, PA_TRAINER_PRECISION, precision));
    pa_trainer_free(trainer);
  }
  ok(pa_network_set_noise(network, &tiny, 1));
  ok(pa_trainer_create(&trainer, policies[2], network, 1, NULL));
  fails(pa_trainer_set(trainer, PA_TRAINER_PRECISION, .5), PA_ERROR_ARGUMENT, "must be a whole number");
  fails(pa_trainer_set(trainer, PA_TRAINER_PRECISION, 2), PA_ERROR_ARGUMENT, "must be 0 to 1");
  ok(pa_trainer_set(trainer, PA_TRAINER_PRECISION, 1));
  fails(pa_trainer_run(trainer, 1), PA_ERROR_ARGUMENT, "noise[0] is 1e-20");
  pa_trainer_free(trainer);
  pa_igcnet_free(igcnet);
  pa_mlp_free(mlp);
  free_uwmmse(policies[2]);
  pa_network_free(network);
  free_pair(&p);
}
END_TEST

START_TEST(regnn_is_that_of_double) {
  static const int32_t keys[] = {PA_REGNN_SHIFT, PA_REGNN_OUTPUT, PA_REGNN_ACTIVATION, PA_REGNN_TRANSPOSED};
  for (int shift = PA_REGNN_SHIFT_SCALE; shift <= PA_REGNN_SHIFT_BOUNDED; shift++)
    for (int activation = PA_REGNN_ACTIVATION_RELU; activation <= PA_REGNN_ACTIVATION_ABSOLUTE; activation++)
      for (int transposed = 0; transposed < 2; transposed++) {
        pa_regnn *model;
        const double values[] = {shift, PA_REGNN_OUTPUT_CONTINUOUS, activation, transposed};
        ok(pa_regnn_create(&model, keys, values, 4, 3, NULL));
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
          check_policy(pa_regnn_policy(model), sizes[k][0], sizes[k][1] < 50 ? sizes[k][1] : 50, 1e-2, 1e-4, 1e-4);
        pa_regnn_free(model);
      }
}
END_TEST

/* Every policy takes single precision, those without passes of their own through a copy; a sample's powers depend
 * neither on its batch nor on whose memory is used. */
START_TEST(every_policy_takes_single_precision) {
  for (size_t kind = 0; kind < pa_policy_kind_count(); kind++) {
    pa_policy *policy;
    size_t links = 6, batch = 37, bytes, count = links * batch;
    struct pair p = network_states(links, batch, 1);
    double *power = calloc(count, sizeof *power);
    float *narrow = calloc(2 * count, sizeof *narrow), *again = narrow + count;
    ok(pa_policy_create(&policy, pa_policy_kind_name(kind), NULL));
    if (strcmp(pa_policy_kind_name(kind), "optimal") == 0) ok(pa_policy_set(policy, PA_POLICY_NODES, 50));
    ok(pa_policy_allocate(policy, p.wide, power, NULL, 0));
    ok(pa_policy_allocate_f32(policy, p.narrow, narrow, NULL, 0));
    if (strncmp(pa_policy_kind_name(kind), "wmmse", 5) != 0)
      for (size_t k = 0; k < count; k++) close_to((double)narrow[k], power[k], 1e-6);
    ok(pa_policy_workspace_f32(policy, batch, links, &bytes));
    void *work = aligned_alloc(64, (bytes + 63) / 64 * 64);
    ok(pa_policy_allocate_f32(policy, p.narrow, again, work, bytes));
    ck_assert_int_eq(memcmp(narrow, again, count * sizeof *narrow), 0);
    for (size_t b = 0; b < batch; b += 5) {
      ok(pa_states_bind_f32(p.narrow, 1, p.h_f32 + b * links * links));
      ok(pa_states_set_first(p.narrow, b));
      ok(pa_policy_allocate_f32(policy, p.narrow, again, work, bytes));
      ck_assert_msg(memcmp(again, narrow + b * links, links * sizeof *again) == 0, "%s, sample %zu alone",
                    pa_policy_kind_name(kind), b);
    }
    fails(pa_policy_allocate_f32(policy, p.narrow, again, work, 1), PA_ERROR_WORKSPACE, "work has 1 bytes");
    free(work);
    free(power);
    free(narrow);
    pa_policy_free(policy);
    free_pair(&p);
  }
}
END_TEST

START_TEST(precisions_do_not_mix) {
  struct pair p = network_states(3, 2, 1);
  pa_policy *policy;
  double power[6] = {0}, rate[6];
  float narrow[6] = {0}, rate_f32[6];
  ok(pa_policy_create(&policy, "wmmse", NULL));
  fails(pa_policy_allocate(policy, p.narrow, power, NULL, 0), PA_ERROR_ARGUMENT, "states are in single precision");
  fails(pa_policy_allocate_f32(policy, p.wide, narrow, NULL, 0), PA_ERROR_ARGUMENT, "states are in double precision");
  fails(pa_rates(p.narrow, power, rate), PA_ERROR_ARGUMENT, "states are in single precision");
  fails(pa_rates_f32(p.wide, narrow, rate_f32), PA_ERROR_ARGUMENT, "states are in double precision");
  fails(pa_states_bind(p.narrow, 2, p.h), PA_ERROR_STATE, "states are in single precision");
  fails(pa_states_bind_f32(p.wide, 2, p.h_f32), PA_ERROR_STATE, "states are in double precision");
  fails(pa_policy_meet_budget(policy, p.narrow, 1), PA_ERROR_ARGUMENT, "");
  ck_assert_ptr_null(pa_states_channel(p.narrow));
  ck_assert_ptr_eq(pa_states_channel_f32(p.narrow), p.h_f32);
  ck_assert_ptr_null(pa_states_channel_f32(p.wide));
  pa_policy_free(policy);
  free_pair(&p);
}
END_TEST

START_TEST(bad_channels_are_named) {
  static const float bad[] = {NAN, INFINITY, -1, -INFINITY};
  float h[8] = {1, 0, 0, 1, 1, 0, 0, 1}, power[4] = {9, 9, 9, 9};
  pa_states *states;
  pa_policy *policy;
  ok(pa_states_create_f32(&states, 2, 2, h, 1, 1, NULL));
  ok(pa_policy_create(&policy, "wmmse", NULL));
  for (size_t k = 0; k < 4; k++) {
    h[6] = bad[k];
    fails(pa_policy_allocate_f32(policy, states, power, NULL, 0), PA_ERROR_ARGUMENT, "h[1][1][0]");
  }
  h[6] = 1e10f;
  fails(pa_policy_allocate_f32(policy, states, power, NULL, 0), PA_ERROR_ARGUMENT, "may exceed 1e+15");
  h[6] = 0;
  ok(pa_states_set_noise(states, (double[]){1, 1e-40}, 2));
  fails(pa_policy_allocate_f32(policy, states, power, NULL, 0), PA_ERROR_ARGUMENT, "noise[1] is 1e-40");
  for (size_t k = 0; k < 4; k++) ck_assert(power[k] == 9);
  ok(pa_states_set_noise(states, (double[]){1}, 1));
  power[2] = -1;
  fails(pa_rates_f32(states, power, (float[4]){0}), PA_ERROR_ARGUMENT, "power[1][0] is -1");
  fails(pa_states_create_f32(&states, 2, 2, NULL, 1, 1, NULL), PA_ERROR_ARGUMENT, "h is NULL");
  pa_policy_free(policy);
  pa_states_free(states);
}
END_TEST

/* The strongest channels that are let in, and the weakest: finite powers and rates. */
START_TEST(the_ends_of_the_range_are_finite) {
  enum { N = 40, B = 16 };
  static double h[B * N * N];
  for (size_t k = 0; k < B * N * N; k++)
    h[k] = pow(10, k % 3 == 0 ? -18 : k % 3 == 1 ? 7.4 : 0) * (.9 + .1 * uniform());
  struct pair p = states_of(h, B, N, 1);
  double wide[B], narrow[B];
  pa_policy *policy;
  pa_uwmmse *model;
  ok(pa_policy_create(&policy, "wmmse", NULL));
  sum_rates(&p, policy, wide, narrow);
  for (size_t b = 0; b < B; b++) ck_assert(isfinite(narrow[b]) && narrow[b] > .9 * wide[b]);
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++) {
    ok(pa_uwmmse_create(&model, architecture, 4, 5, 7, NULL));
    sum_rates(&p, pa_uwmmse_policy(model), wide, narrow);
    for (size_t b = 0; b < B; b++) ck_assert(isfinite(narrow[b]));
    pa_uwmmse_free(model);
  }
  pa_policy_free(policy);
  free_pair(&p);
}
END_TEST

int main(void) {
  return run_tests("single", (const TTest *const[]){
                                 rates_are_those_of_double, wmmse_loses_no_sample, uwmmse_is_that_of_double,
                                 gradients_are_those_of_double, rates_are_finite_or_refused, rewards_are_those_of_double,
                                 gradients_of_outputs_are_those_of_double, training_reaches_what_it_does_in_double,
                                 rewards_see_states_in_single_precision, teachers_teach_in_single_precision,
                                 trainers_say_what_they_cannot_do_in_single_precision, regnn_is_that_of_double,
                                 every_policy_takes_single_precision, precisions_do_not_mix, bad_channels_are_named,
                                 the_ends_of_the_range_are_finite, NULL});
}
