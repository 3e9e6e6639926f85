#define _GNU_SOURCE /* mkstemp */
#include "../lib/io/io.h"
#include "../lib/policy/policy.h"
#include "../lib/policy/sum_rate.h"
#include "fixture.h"
#include "suite.h"

#include <stdio.h>
#include <unistd.h>

enum { MOST = 3000 };

/* ---- small helpers ---- */

static pa_mlp *mlp_of(int32_t kind, size_t links, int32_t input, uint64_t seed) {
  static const size_t hidden[2] = {9, 6};
  pa_mlp *model;
  ok(pa_mlp_create(&model, kind, links, hidden, 2, input, seed, NULL));
  return model;
}

static pa_igcnet *igcnet_of(size_t rounds, int32_t input, uint64_t seed) {
  pa_igcnet *model;
  ok(pa_igcnet_create(&model, rounds, 5, 4, input, seed, NULL));
  return model;
}

static pa_states *draw(size_t links, size_t batch, double noise, uint64_t seed) {
  pa_network *network;
  pa_states *states;
  ok(pa_network_create_adhoc(&network, links, seed, NULL));
  ok(pa_network_set_noise(network, &noise, 1));
  ok(pa_network_draw_states(network, 0, 0, batch, &states, NULL));
  pa_network_free(network);
  return states;
}

static void allocate(pa_policy *policy, const pa_states *states, double *power) {
  ok(pa_policy_allocate(policy, states, power, NULL, 0));
}

static void same(const double *a, const double *b, size_t n, double tolerance) {
  for (size_t k = 0; k < n; k++)
    ck_assert_msg(fabs(a[k] - b[k]) <= tolerance, "element %zu: %.17g and %.17g", k, a[k], b[k]);
}

/* ---- independent cases ---- */

static double *take(double *to, const fixture *f, const char *name) {
  size_t shape[8] = {0};
  const double *data = fixture_get(f, name, shape);
  size_t n = shape[0] * (shape[1] ? shape[1] : 1);
  memcpy(to, data, n * sizeof *to);
  return to + n;
}

START_TEST(igcnet_of_the_fixture) {
  static const char *const names[] = {"m1_W0", "m1_b0", "m1_W1", "m1_b1", "m2_W0", "m2_b0", "m2_W1", "m2_b1"};
  fixture *f = fixture_open("igcnet");
  double weights[MOST], power[21], *end = weights;
  for (size_t k = 0; k < 8; k++) end = take(end, f, names[k]);
  for (size_t rounds = 1; rounds <= 3; rounds += 2) {
    pa_igcnet *model;
    pa_states *states;
    ok(pa_igcnet_create(&model, rounds, 16, 32, PA_INPUT_AMPLITUDE, 0, NULL));
    ok(pa_igcnet_set_weights(model, weights, (size_t)(end - weights)));
    ok(pa_states_create(&states, 3, 7, fixture_get(f, "H", NULL), 1, 1, NULL));
    allocate(pa_igcnet_policy(model), states, power);
    same(power, fixture_get(f, rounds == 1 ? "p_rounds1" : "p_rounds3", NULL), 21, 1e-12);
    pa_states_free(states);
    pa_igcnet_free(model);
  }
  fixture_close(f);
}
END_TEST

START_TEST(fcnn_of_the_fixture) {
  static const char *const names[] = {"W0", "b0", "W1", "b1", "W2", "b2"};
  static const size_t hidden[] = {64, 32};
  fixture *f = fixture_open("fcnn");
  double weights[2 * MOST], probability[21], inputs[147], *end = weights;
  for (size_t k = 0; k < 6; k++) end = take(end, f, names[k]);
  pa_mlp *model;
  pa_states *states;
  ok(pa_mlp_create(&model, PA_MLP_PROBABILITIES, 7, hidden, 2, PA_INPUT_AMPLITUDE, 0, NULL));
  ok(pa_mlp_set_weights(model, weights, (size_t)(end - weights)));
  /* A channel has no negative amplitude: the inputs' signs go into the first matrix, sample by sample. */
  const double *x = fixture_get(f, "x", NULL);
  for (size_t b = 0; b < 3; b++) {
    double signs[2 * MOST];
    memcpy(signs, weights, sizeof weights);
    for (size_t k = 0; k < 49; k++) {
      inputs[b * 49 + k] = fabs(x[b * 49 + k]);
      for (size_t o = 0; o < 64 && x[b * 49 + k] < 0; o++) signs[k * 64 + o] = -weights[k * 64 + o];
    }
    ok(pa_mlp_set_weights(model, signs, (size_t)(end - weights)));
    ok(pa_states_create(&states, 1, 7, inputs + b * 49, 1, 1, NULL));
    ok(pa_policy_probabilities(pa_mlp_policy(model), states, probability + b * 7));
    double power[7];
    allocate(pa_mlp_policy(model), states, power);
    for (size_t i = 0; i < 7; i++) ck_assert(power[i] == (probability[b * 7 + i] >= .5));
    pa_states_free(states);
  }
  same(probability, fixture_get(f, "out_sigmoid", NULL), 21, 1e-12);
  pa_mlp_free(model);
  fixture_close(f);
}
END_TEST

/* ---- gradients ---- */

typedef struct subject {
  pa_policy *policy;
  pa_mlp *mlp;
  pa_igcnet *igcnet;
} subject;

static subject subject_of(size_t k, size_t links, int32_t input) {
  subject s = {0};
  if (k == 0)
    s.policy = pa_mlp_policy(s.mlp = mlp_of(PA_MLP_POWERS, links, input, 3));
  else
    s.policy = pa_igcnet_policy(s.igcnet = igcnet_of(k, input, 3));
  return s;
}

static void subject_free(subject *s) {
  pa_mlp_free(s->mlp);
  pa_igcnet_free(s->igcnet);
}

/* Weighted sum-rate from the public rates, or minus the cross-entropy with the labels. */
static double objective(pa_policy *policy, const pa_states *s, const double *label) {
  size_t n = pa_states_links(s), batch = pa_states_batch(s);
  double *power = calloc(2 * batch * n, sizeof *power), *rate = power + batch * n, sum = 0;
  allocate(policy, s, power);
  ok(pa_rates(s, power, rate));
  for (size_t k = 0; k < batch * n; k++) {
    double p = power[k] / pa_states_power_limit(s)[k % n];
    sum += label ? label[k] * log(p) + (1 - label[k]) * log1p(-p) : pa_states_weights(s)[k % n] * rate[k];
  }
  free(power);
  return sum;
}

static double *gradient_of(const pa_policy *policy, const pa_states *s, double clip, const double *label) {
  const pa__learner_class *learner = policy->class->learner;
  size_t n = learner->weight_count(policy);
  double *gradient = calloc(n, sizeof *gradient), rate[8];
  size_t bytes = pa__measure(learner->gradient_workspace, policy, pa__extent_of(s));
  void *work = aligned_alloc(64, (bytes + 63) / 64 * 64);
  size_t dropped = label ? pa__imitation_gradient(policy, s, label, gradient, rate, work)
                         : learner->gradient(policy, s, clip, gradient, rate, work);
  ck_assert_uint_eq(dropped, 0);
  free(work);
  return gradient;
}

static void uneven(pa_states *s) {
  double values[20];
  size_t n = pa_states_links(s);
  for (size_t i = 0; i < n; i++) values[i] = .5 + .25 * (double)(i % 4);
  ok(pa_states_set_power_limit(s, values, n));
  for (size_t i = 0; i < n; i++) values[i] = 1 + .3 * (double)(i % 3);
  ok(pa_states_set_weights(s, values, n));
}

/* Kinks (ReLU, the sender of a maximum) make two step sizes disagree: such weights say nothing and must be few. */
static void against_central_differences(pa_policy *policy, const pa_states *s, const double *label) {
  const pa__learner_class *learner = policy->class->learner;
  size_t n = learner->weight_count(policy), left_out = 0, seen = 0, stride = 1 + n / 150;
  double *weights = calloc(n, sizeof *weights), *gradient = gradient_of(policy, s, 0, label), largest = 0;
  learner->get_weights(policy, weights);
  for (size_t k = 0; k < n; k++) largest = fmax(largest, fabs(gradient[k]));
  for (size_t k = 0; k < n; k += stride, seen++) {
    double slope[2], kept = weights[k];
    for (int turn = 0; turn < 2; turn++) {
      double step = turn ? 1e-6 : 5e-6, up, down;
      weights[k] = kept + step;
      learner->set_weights(policy, weights);
      up = objective(policy, s, label);
      weights[k] = kept - step;
      learner->set_weights(policy, weights);
      down = objective(policy, s, label);
      slope[turn] = (up - down) / (2 * step);
    }
    weights[k] = kept;
    if (fabs(slope[0] - slope[1]) > 1e-5 * (largest + 1)) {
      left_out++;
      continue;
    }
    ck_assert_msg(fabs(gradient[k] - slope[1]) <= 2e-6 * (largest + 1),
                  "%s of %zu links, weight %zu of %zu: %.10g, by differences %.10g", pa_policy_name(policy),
                  pa_states_links(s), k, n, gradient[k], slope[1]);
  }
  learner->set_weights(policy, weights);
  ck_assert_uint_le(10 * left_out, seen);
  free(weights);
  free(gradient);
}

/* Moves every weight: biases of 0 put dead units on the kink of their ReLU. */
static void jitter(pa_policy *policy) {
  const pa__learner_class *learner = policy->class->learner;
  size_t n = learner->weight_count(policy);
  double *weights = calloc(n, sizeof *weights);
  uint32_t state = 5;
  learner->get_weights(policy, weights);
  for (size_t k = 0; k < n; k++) {
    state = state * 1664525u + 1013904223u;
    weights[k] += .2 * ((double)(state >> 8) / (1 << 24) - .3);
  }
  learner->set_weights(policy, weights);
  free(weights);
}

START_TEST(gradients_are_those_of_differences) {
  static const size_t links[] = {1, 2, 5, 20};
  for (size_t m = 0; m < 4; m++)
    for (size_t k = 0; k < 4; k++)
      for (int32_t input = PA_INPUT_AMPLITUDE; input <= PA_INPUT_LOG; input++) {
        subject one = subject_of(k, links[m], input);
        pa_states *s = draw(links[m], 3, .05, 7);
        double label[60];
        for (size_t i = 0; i < 3 * links[m]; i++) label[i] = (double)(i % 5) / 4;
        uneven(s);
        jitter(one.policy);
        against_central_differences(one.policy, s, NULL);
        against_central_differences(one.policy, s, label);
        pa_states_free(s);
        subject_free(&one);
      }
}
END_TEST

START_TEST(gradients_of_samples_are_clipped) {
  for (size_t k = 0; k < 3; k++) {
    subject one = subject_of(k, 4, PA_INPUT_LOG);
    size_t n = one.policy->class->learner->weight_count(one.policy);
    pa_states *s = draw(4, 5, .01, 2);
    double *whole = gradient_of(one.policy, s, 0, NULL), *loose = gradient_of(one.policy, s, 1e9, NULL),
           *tight = gradient_of(one.policy, s, 1e-3, NULL), square = 0, largest = 0;
    for (size_t i = 0; i < n; i++) square += tight[i] * tight[i], largest = fmax(largest, fabs(whole[i]));
    same(whole, loose, n, 1e-12 * (1 + largest));
    ck_assert(sqrt(square) <= 5e-3 * (1 + 1e-9) && square > 0);
    free(whole);
    free(loose);
    free(tight);
    pa_states_free(s);
    subject_free(&one);
  }
}
END_TEST

/* ---- properties ---- */

START_TEST(igcnet_is_permutation_equivariant) {
  enum { N = 6 };
  static const size_t order[N] = {3, 0, 5, 1, 4, 2};
  double h[N * N], power[N], permuted[N];
  pa_states *states = draw(N, 1, .01, 4), *other;
  pa_igcnet *model = igcnet_of(3, PA_INPUT_LOG, 1);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) h[i * N + j] = pa_states_channel(states)[order[i] * N + order[j]];
  ok(pa_states_create(&other, 1, N, h, .01, 1, NULL));
  allocate(pa_igcnet_policy(model), states, power);
  allocate(pa_igcnet_policy(model), other, permuted);
  for (size_t i = 0; i < N; i++) close_to(permuted[i], power[order[i]], 1e-13);
  pa_igcnet_free(model);
  pa_states_free(states);
  pa_states_free(other);
}
END_TEST

START_TEST(batches_units_and_extremes) {
  for (size_t k = 0; k < 3; k++) {
    subject one = subject_of(k, 5, PA_INPUT_LOG);
    double power[35], alone[5], scaled[175], rescaled[35];
    pa_states *s = draw(5, 7, 1e-3, 6), *single, *other;
    allocate(one.policy, s, power);
    for (size_t b = 0; b < 7; b++) {
      ok(pa_states_create(&single, 1, 5, pa_states_channel(s) + 25 * b, 1e-3, 1, NULL));
      allocate(one.policy, single, alone);
      same(alone, power + 5 * b, 5, 0);
      pa_states_free(single);
    }
    for (size_t i = 0; i < 175; i++) scaled[i] = 1e-3 * pa_states_channel(s)[i];
    ok(pa_states_create(&other, 7, 5, scaled, 1e-9, 1, NULL));
    allocate(one.policy, other, rescaled);
    same(rescaled, power, 35, 1e-12);
    static const double sizes[] = {0, 1e-30, 1e30};
    for (size_t e = 0; e < 3; e++) {
      for (size_t i = 0; i < 175; i++) scaled[i] = sizes[e];
      ok(pa_states_bind(other, 7, scaled));
      allocate(one.policy, other, rescaled);
      for (size_t i = 0; i < 35; i++) ck_assert(rescaled[i] >= 0 && rescaled[i] <= 1);
    }
    pa_states_free(s);
    pa_states_free(other);
    subject_free(&one);
  }
}
END_TEST

/* They come in parts of a batch: the parts fit together. */
START_TEST(probabilities_of_a_long_batch) {
  enum { N = 3, B = 19 };
  for (size_t k = 0; k < 3; k++) {
    subject one = subject_of(k, N, PA_INPUT_LOG);
    pa_states *s = draw(N, B, 1e-3, 8);
    double power[N * B], part[N * B];
    allocate(one.policy, s, power);
    ok(pa_policy_probabilities(one.policy, s, part));
    same(part, power, N * B, 1e-12);
    pa_states_free(s);
    subject_free(&one);
  }
}
END_TEST

/* What a link is worth to a model are parts: of the noise, of its limit, of the mean weight. */
START_TEST(inputs_have_no_units) {
  enum { N = 5, B = 4 };
  for (size_t k = 0; k < 3; k++) {
    subject one = subject_of(k, N, PA_INPUT_LOG);
    pa_states *s = draw(N, B, 1e-3, 8), *scaled;
    double h[B * N * N], limit[N], noise[N], ones[N], weights[N], power[N * B], other[N * B];
    for (size_t i = 0; i < N; i++) {
      limit[i] = 1 + (double)i, noise[i] = 1e-3 * pow(2, (double)i), ones[i] = 1;
      weights[i] = 3 * (1 + .3 * (double)(i % 3));
    }
    for (size_t e = 0; e < B * N * N; e++) h[e] = pa_states_channel(s)[e] * sqrt(limit[e / N % N] / noise[e % N]);
    ok(pa_states_create(&scaled, B, N, h, 1, 1, NULL));
    ok(pa_states_set_power_limit(s, limit, N));
    ok(pa_states_set_noise(s, noise, N));
    ok(pa_states_set_weights(s, weights, N));
    for (size_t i = 0; i < N; i++) weights[i] /= 3;
    ok(pa_states_set_weights(scaled, weights, N));
    jitter(one.policy);
    allocate(one.policy, s, power);
    allocate(one.policy, scaled, other);
    for (size_t e = 0; e < N * B; e++) power[e] /= limit[e % N];
    same(power, other, N * B, 1e-12);
    ok(pa_states_set_weights(scaled, ones, N));
    allocate(one.policy, scaled, other);
    double change = 0;
    for (size_t e = 0; e < N * B; e++) change = fmax(change, fabs(power[e] - other[e]));
    ck_assert_msg(k == 0 ? change < 1e-12 : change > 1e-6, "weights change the powers by %g", change);
    pa_states_free(s);
    pa_states_free(scaled);
    subject_free(&one);
  }
}
END_TEST

START_TEST(rates_are_weighted) {
  enum { N = 5, B = 4 };
  for (size_t k = 0; k < 2; k++) {
    subject one = subject_of(k, N, PA_INPUT_LOG);
    const pa__learner_class *learner = one.policy->class->learner;
    pa_states *s = draw(N, B, 1e-3, 8);
    double rate[B], sum = 0;
    uneven(s);
    size_t bytes = pa__measure(learner->gradient_workspace, one.policy, pa__extent_dense(B, N, PA__DOUBLE));
    void *work = aligned_alloc(64, (bytes + 63) / 64 * 64);
    learner->rates(one.policy, s, rate, work);
    for (size_t b = 0; b < B; b++) sum += rate[b];
    close_to(sum, objective(one.policy, s, NULL), 1e-9 * sum);
    free(work);
    pa_states_free(s);
    subject_free(&one);
  }
}
END_TEST

START_TEST(mlp_is_of_its_links) {
  pa_mlp *model = mlp_of(PA_MLP_POWERS, 4, PA_INPUT_LOG, 1);
  pa_states *states = draw(5, 2, 1, 1);
  pa_network *network;
  pa_trainer *trainer = NULL;
  pa_policy *teacher;
  double power[10];
  fails(pa_policy_allocate(pa_mlp_policy(model), states, power, NULL, 0), PA_ERROR_ARGUMENT,
        "states has 5 links, the mlp model is of 4");
  fails(pa_policy_probabilities(pa_mlp_policy(model), states, power), PA_ERROR_ARGUMENT, "of 4");
  fails(pa_trainer_create_on_states(&trainer, pa_mlp_policy(model), states, 1, NULL), PA_ERROR_ARGUMENT, "of 4");
  ok(pa_network_create_adhoc_family(&network, 3, 4, 1, 1, 1, NULL));
  fails(pa_trainer_create(&trainer, pa_mlp_policy(model), network, 1, NULL), PA_ERROR_ARGUMENT, "of 4");
  pa_network_free(network);
  ok(pa_network_create_adhoc(&network, 4, 1, NULL));
  ok(pa_trainer_create(&trainer, pa_mlp_policy(model), network, 1, NULL));
  pa_mlp *small = mlp_of(PA_MLP_POWERS, 3, PA_INPUT_LOG, 1), *coin = mlp_of(PA_MLP_PROBABILITIES, 4, PA_INPUT_LOG, 1);
  ok(pa_trainer_set_teacher(trainer, pa_mlp_policy(small)));
  fails(pa_trainer_run(trainer, 1), PA_ERROR_ARGUMENT, "states has 4 links, the mlp model is of 3");
  fails(pa_trainer_set_teacher(trainer, pa_mlp_policy(model)), PA_ERROR_ARGUMENT, "itself");
  fails(pa_trainer_set_reward(trainer, 4, pa_reward_capacity, NULL, NULL), PA_ERROR_STATE, "teacher");
  pa_trainer_free(trainer);
  ok(pa_policy_create(&teacher, "wmmse", NULL));
  ok(pa_trainer_create(&trainer, pa_mlp_policy(coin), network, 1, NULL));
  fails(pa_trainer_set_teacher(trainer, teacher), PA_ERROR_ARGUMENT, "rewards");
  pa_trainer_free(trainer);
  pa_policy_free(teacher);
  pa_mlp_free(model);
  pa_mlp_free(small);
  pa_mlp_free(coin);
  pa_states_free(states);
  pa_network_free(network);
}
END_TEST

START_TEST(bad_arguments) {
  static const size_t hidden[] = {4, 0};
  pa_mlp *mlp = NULL;
  pa_igcnet *igcnet = NULL;
  double weights[4] = {0};
  fails(pa_mlp_create(&mlp, 3, 2, hidden, 1, PA_INPUT_LOG, 0, NULL), PA_ERROR_ARGUMENT, "kind is 3");
  fails(pa_mlp_create(&mlp, 1, 0, hidden, 1, PA_INPUT_LOG, 0, NULL), PA_ERROR_ARGUMENT, "links is 0");
  fails(pa_mlp_create(&mlp, 1, 2, hidden, 2, PA_INPUT_LOG, 0, NULL), PA_ERROR_ARGUMENT, "hidden[1] is 0");
  fails(pa_mlp_create(&mlp, 1, 2, hidden, 0, PA_INPUT_LOG, 0, NULL), PA_ERROR_ARGUMENT, "layers is 0");
  fails(pa_mlp_create(&mlp, 1, 2, NULL, 1, PA_INPUT_LOG, 0, NULL), PA_ERROR_ARGUMENT, "hidden is NULL");
  fails(pa_mlp_create(&mlp, 1, 2, hidden, 1, 5, 0, NULL), PA_ERROR_ARGUMENT, "input is 5");
  fails(pa_mlp_create(NULL, 1, 2, hidden, 1, PA_INPUT_LOG, 0, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_igcnet_create(&igcnet, 0, 2, 2, PA_INPUT_LOG, 0, NULL), PA_ERROR_ARGUMENT, "rounds is 0");
  fails(pa_igcnet_create(&igcnet, 2, 257, 2, PA_INPUT_LOG, 0, NULL), PA_ERROR_ARGUMENT, "hidden is 257");
  fails(pa_igcnet_create(&igcnet, 2, 2, 0, PA_INPUT_LOG, 0, NULL), PA_ERROR_ARGUMENT, "message is 0");
  fails(pa_igcnet_create(&igcnet, 2, 2, 2, 0, 0, NULL), PA_ERROR_ARGUMENT, "input is 0");
  fails(pa_igcnet_load(NULL, "x", NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_mlp_save(NULL, "x", NULL), PA_ERROR_ARGUMENT, "model is NULL");
  ck_assert_ptr_null(mlp);
  ck_assert_ptr_null(igcnet);
  igcnet = igcnet_of(1, PA_INPUT_LOG, 1);
  fails(pa_igcnet_set_weights(igcnet, weights, 4), PA_ERROR_ARGUMENT, "weights has 4 elements");
  fails(pa_igcnet_get_weights(igcnet, NULL, 4), PA_ERROR_ARGUMENT, "weights is NULL");
  fails(pa_igcnet_get_weights(NULL, weights, 4), PA_ERROR_ARGUMENT, "model is NULL");
  fails(pa_policy_save(pa_igcnet_policy(igcnet), NULL, NULL), PA_ERROR_ARGUMENT, "path is NULL");
  pa_igcnet_free(igcnet);
  ck_assert_ptr_null(pa_mlp_policy(NULL));
  ck_assert_ptr_null(pa_policy_igcnet(NULL));
  ck_assert_uint_eq(pa_mlp_weight_count(NULL) + pa_igcnet_weight_count(NULL) + pa_mlp_links(NULL), 0);
}
END_TEST

/* ---- training ---- */

/* The weights after a training; a run cut in two, and one that a checkpoint goes on with, end with the same. */
enum how { WHOLE, PIECES, RESUMED };

static double *weights_after(size_t which, enum how how, size_t threads, double *best, double *before) {
  enum { STEPS = 60 };
  static char path[] = "/tmp/powalloc-baselines-XXXXXX";
  pa_network *network;
  pa_policy *wmmse;
  double noise = 1e-3;
  ok(pa_network_create_adhoc(&network, 4, 5, NULL));
  ok(pa_network_set_noise(network, &noise, 1));
  ok(pa_policy_create(&wmmse, "wmmse", NULL));
  double *weights = NULL;
  for (int life = 0; life < (how == RESUMED ? 2 : 1); life++) {
    subject one = subject_of(which == 3 ? 0 : which, 4, PA_INPUT_LOG);
    size_t n = one.policy->class->learner->weight_count(one.policy);
    pa_trainer *t;
    ok(pa_trainer_create(&t, one.policy, network, 9, NULL));
    if (which == 3) ok(pa_trainer_set_teacher(t, wmmse));
    ok(pa_trainer_set(t, PA_TRAINER_THREADS, (double)threads));
    ok(pa_trainer_set(t, PA_TRAINER_BATCH, 32));
    ok(pa_trainer_set(t, PA_TRAINER_HELD_OUT, 200));
    ok(pa_trainer_set(t, PA_TRAINER_HELD_OUT_EVERY, 20));
    ok(pa_trainer_set(t, PA_TRAINER_SCHEDULE, STEPS));
    if (life == 1) ok(pa_trainer_resume(t, path));
    if (how == WHOLE) {
      ok(pa_trainer_run(t, STEPS));
    } else if (how == PIECES) {
      ok(pa_trainer_run(t, 25));
      ok(pa_trainer_run(t, STEPS - 25));
    } else if (life == 0) {
      ok(pa_trainer_run(t, 25));
      close(mkstemp(path));
      ok(pa_trainer_save(t, path));
    } else {
      ok(pa_trainer_run(t, STEPS - 25));
    }
    if (best) ok(pa_trainer_stat(t, PA_TRAINER_STAT_BEST_RATE, best));
    if (before) {
      subject fresh = subject_of(which == 3 ? 0 : which, 4, PA_INPUT_LOG);
      pa_states *s;
      ok(pa_network_draw_states(network, 77, 0, 200, &s, NULL));
      *before = objective(fresh.policy, s, NULL) / 200;
      pa_states_free(s);
      subject_free(&fresh);
    }
    free(weights);
    weights = calloc(n, sizeof *weights);
    one.policy->class->learner->get_weights(one.policy, weights);
    pa_trainer_free(t);
    subject_free(&one);
  }
  if (how == RESUMED) {
    remove(path);
    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
  }
  pa_policy_free(wmmse);
  pa_network_free(network);
  return weights;
}

START_TEST(training_learns_and_repeats) {
  for (size_t which = 0; which < 4; which++) {
    double best, before;
    subject one = subject_of(which == 3 ? 0 : which, 4, PA_INPUT_LOG);
    size_t bytes = one.policy->class->learner->weight_count(one.policy) * sizeof(double);
    double *whole = weights_after(which, WHOLE, 1, &best, &before),
           *threads = weights_after(which, WHOLE, 2, NULL, NULL), *pieces = weights_after(which, PIECES, 1, NULL, NULL),
           *resumed = weights_after(which, RESUMED, 2, NULL, NULL);
    ck_assert_msg(best > 1.005 * before, "model %zu: %g before, %g after", which, before, best);
    ck_assert_int_eq(memcmp(whole, threads, bytes), 0);
    ck_assert_int_eq(memcmp(whole, pieces, bytes), 0);
    ck_assert_int_eq(memcmp(whole, resumed, bytes), 0);
    free(whole);
    free(threads);
    free(pieces);
    free(resumed);
    subject_free(&one);
  }
}
END_TEST

START_TEST(fcnn_learns_by_probing) {
  pa_network *network;
  pa_trainer *trainer;
  pa_policy *threshold;
  pa_states *states;
  double noise = 1, limit = 4, budget = 4, power[4 * 2000], rate[4 * 2000], sum[2] = {0}, total = 0;
  pa_mlp *model = mlp_of(PA_MLP_PROBABILITIES, 4, PA_INPUT_LOG, 2);
  ok(pa_network_create_adhoc(&network, 4, 2, NULL));
  ok(pa_network_set_noise(network, &noise, 1));
  ok(pa_network_set_power_limit(network, &limit, 1));
  ok(pa_trainer_create(&trainer, pa_mlp_policy(model), network, 2, NULL));
  ok(pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MEAN_POWER, &budget, 1));
  ok(pa_trainer_run(trainer, 1500));
  ok(pa_network_draw_states(network, 50, 0, 2000, &states, NULL));
  ok(pa_policy_create(&threshold, "threshold", NULL));
  ok(pa_policy_meet_budget(threshold, states, budget));
  for (int k = 0; k < 2; k++) {
    allocate(k ? pa_mlp_policy(model) : threshold, states, power);
    ok(pa_rates(states, power, rate));
    for (size_t i = 0; i < 8000; i++) sum[k] += rate[i], total += k ? power[i] / 2000 : 0;
  }
  ck_assert_msg(sum[1] > .85 * sum[0], "%g of the threshold's", sum[1] / sum[0]);
  ck_assert_msg(total < 1.08 * budget, "%g W", total);
  pa_policy_free(threshold);
  pa_trainer_free(trainer);
  pa_states_free(states);
  pa_mlp_free(model);
  pa_network_free(network);
}
END_TEST

/* A teacher's powers are labels as parts of the limits: with limits and noise four times as large nothing changes. */
START_TEST(labels_have_no_units) {
  double weights[2][MOST];
  for (int k = 0; k < 2; k++) {
    pa_mlp *model = mlp_of(PA_MLP_POWERS, 4, PA_INPUT_LOG, 2);
    pa_network *network;
    pa_trainer *trainer;
    pa_policy *teacher;
    double limit = k ? 4 : 1, noise = 1e-3 * limit;
    ok(pa_network_create_adhoc(&network, 4, 2, NULL));
    ok(pa_network_set_noise(network, &noise, 1));
    ok(pa_network_set_power_limit(network, &limit, 1));
    ok(pa_policy_create(&teacher, "wmmse", NULL));
    ok(pa_trainer_create(&trainer, pa_mlp_policy(model), network, 2, NULL));
    ok(pa_trainer_set_teacher(trainer, teacher));
    ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 50));
    ok(pa_trainer_run(trainer, 20));
    ok(pa_mlp_get_weights(model, weights[k], pa_mlp_weight_count(model)));
    same(weights[0], weights[k], pa_mlp_weight_count(model), 1e-9);
    pa_trainer_free(trainer);
    pa_policy_free(teacher);
    pa_network_free(network);
    pa_mlp_free(model);
  }
}
END_TEST

/* Random weights start at the budget; the user's stay what they are. */
START_TEST(training_starts_from_weights_that_were_set) {
  for (int regnn = 0; regnn < 2; regnn++)
    for (int given = 0; given < 2; given++) {
      pa_regnn *graph;
      pa_network *network;
      pa_trainer *trainer;
      double before[MOST], after[MOST], noise = 1, limit = 4, budget = 2, change = 0;
      pa_mlp *model = mlp_of(PA_MLP_PROBABILITIES, 4, PA_INPUT_LOG, 2);
      ok(pa_regnn_create(&graph, NULL, NULL, 0, 2, NULL));
      pa_policy *policy = regnn ? pa_regnn_policy(graph) : pa_mlp_policy(model);
      size_t n = regnn ? pa_regnn_weight_count(graph) : pa_mlp_weight_count(model);
      policy->class->learner->get_weights(policy, before);
      if (given) ok(regnn ? pa_regnn_set_weights(graph, before, n) : pa_mlp_set_weights(model, before, n));
      ok(pa_network_create_adhoc(&network, 4, 2, NULL));
      ok(pa_network_set_noise(network, &noise, 1));
      ok(pa_network_set_power_limit(network, &limit, 1));
      ok(pa_trainer_create(&trainer, policy, network, 2, NULL));
      ok(pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MEAN_POWER, &budget, 1));
      ok(pa_trainer_set(trainer, PA_TRAINER_LEARNING_RATE, 1e-6));
      ok(pa_trainer_run(trainer, 1));
      policy->class->learner->get_weights(policy, after);
      for (size_t k = 0; k < n; k++) change = fmax(change, fabs(after[k] - before[k]));
      ck_assert_msg(given ? change < 1e-5 : change > 1e-2, "weights moved by %g", change);
      pa_trainer_free(trainer);
      pa_network_free(network);
      pa_mlp_free(model);
      pa_regnn_free(graph);
    }
}
END_TEST

static void *no_memory(void *user, size_t bytes, size_t alignment) {
  (void)user;
  (void)bytes;
  (void)alignment;
  return NULL;
}

START_TEST(inputs_are_fitted_after_memory_ran_out) {
  pa_mlp *model = mlp_of(PA_MLP_POWERS, 4, PA_INPUT_LOG, 2);
  pa_policy *policy = pa_mlp_policy(model);
  pa_states *states = draw(4, 20, 1e-3, 3);
  pa_allocator own = policy->allocator;
  double constants[33];
  policy->allocator.allocate = no_memory;
  ck_assert_int_eq(policy->class->learner->prepare(policy, states, .5), PA_ERROR_MEMORY);
  policy->allocator = own;
  ok(policy->class->learner->prepare(policy, states, .5));
  pa__get_constants(policy, constants);
  for (size_t k = 1; k <= 16; k++) ck_assert(constants[k] != 0 && constants[16 + k] != 1);
  pa_states_free(states);
  pa_mlp_free(model);
}
END_TEST

/* ---- files ---- */

START_TEST(files_keep_everything) {
  char path[] = "/tmp/powalloc-baselines-XXXXXX";
  close(mkstemp(path));
  for (size_t which = 0; which < 3; which++) {
    subject one = subject_of(which, 4, PA_INPUT_LOG);
    pa_states *states = draw(4, 5, 1e-4, 3);
    pa_policy *loaded;
    double power[20], again[20];
    ok(pa_policy_set(one.policy, PA_POLICY_OFFSET, .25));
    if (one.policy->class->learner->prepare) ok(one.policy->class->learner->prepare(one.policy, states, 0));
    ok(pa_policy_save(one.policy, path, "a note"));
    ok(pa_policy_load(&loaded, path, NULL));
    ck_assert_str_eq(pa_policy_name(loaded), pa_policy_name(one.policy));
    allocate(one.policy, states, power);
    allocate(loaded, states, again);
    ck_assert_int_eq(memcmp(power, again, sizeof power), 0);
    pa_uwmmse *wrong = NULL;
    fails(pa_uwmmse_load(&wrong, path, NULL), PA_ERROR_FORMAT, "must be uwmmse");
    pa_policy_free(loaded);
    pa_states_free(states);
    subject_free(&one);
  }
  remove(path);
}
END_TEST

static void *modest_allocate(void *user, size_t bytes, size_t alignment) {
  (void)user;
  return bytes > 1 << 20 ? NULL : aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void modest_release(void *user, void *memory) {
  (void)user;
  free(memory);
}

START_TEST(a_file_without_weights_costs_nothing) {
  static const struct {
    const char *links, *hidden, *why;
  } cases[] = {{"20000", "1", "hold 0 numbers"},
               {"65536", "65536 65536", "hold 0 numbers"},
               {"4", "1234567", "hidden \"1234567\" is not"},
               {"4", "12 34567x", "hidden \"12 34567x\" is not"}};
  const pa_allocator modest = {modest_allocate, modest_release, NULL};
  char path[] = "/tmp/powalloc-baselines-XXXXXX";
  close(mkstemp(path));
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    const pa__metadata metadata[] = {
        {"kind", "mlp"}, {"links", cases[k].links}, {"hidden", cases[k].hidden}, {"input", "log"}};
    pa_mlp *model = NULL;
    ok(pa__model_write(path, metadata, 4, NULL, 0));
    fails(pa_mlp_load(&model, path, &modest), PA_ERROR_FORMAT, cases[k].why);
    ck_assert_ptr_null(model);
  }
  remove(path);
}
END_TEST

START_TEST(scales_in_a_file_are_positive) {
  char path[] = "/tmp/powalloc-baselines-XXXXXX";
  close(mkstemp(path));
  for (int k = 0; k < 3; k++) {
    double one = 1, scale[2] = {k == 1 ? 0 : 1, k == 2 ? -1 : .3};
    const pa__tensor tensors[] = {{"layer1.weight", 2, {1, 1}, &one, false},
                                  {"layer1.bias", 1, {1}, &one, false},
                                  {"layer2.weight", 2, {1, 1}, &one, false},
                                  {"layer2.bias", 1, {1}, &one, false},
                                  {"input.inverse_deviation", 2, {1, 1}, &scale[0], false},
                                  {"output.deviation", 0, {0}, &scale[1], false}};
    const pa__metadata metadata[] = {{"kind", "mlp"}, {"links", "1"}, {"hidden", "1"}, {"input", "log"}};
    pa_mlp *model = NULL;
    ok(pa__model_write(path, metadata, 4, tensors, 6));
    if (k == 0)
      ok(pa_mlp_load(&model, path, NULL));
    else
      fails(pa_mlp_load(&model, path, NULL), PA_ERROR_FORMAT,
            k == 1 ? "input.inverse_deviation[0] is 0" : "output.deviation is -1");
    pa_mlp_free(model);
  }
  remove(path);
}
END_TEST

START_TEST(models_that_are_built_in) {
  ck_assert_uint_ge(pa_model_builtin_count(), 5);
  ck_assert_ptr_null(pa_model_builtin_name(pa_model_builtin_count()));
  for (size_t k = 0; k < pa_model_builtin_count(); k++) {
    char name[100];
    pa_policy *policy;
    double power[90];
    snprintf(name, sizeof name, "builtin:%s", pa_model_builtin_name(k));
    ok(pa_policy_load(&policy, name, NULL));
    bool of_thirty = strstr(name, "demand30") != NULL;
    pa_states *states = draw(of_thirty ? 30 : 20, 3, 1, 1);
    allocate(policy, states, power);
    pa_states_free(states);
    states = draw(7, 3, 1, 1);
    if (of_thirty)
      fails(pa_policy_allocate(policy, states, power, NULL, 0), PA_ERROR_ARGUMENT, "weights of 30 links");
    else
      allocate(policy, states, power);
    pa_states_free(states);
    pa_policy_free(policy);
  }
  pa_policy *none = NULL;
  fails(pa_policy_load(&none, "builtin:", NULL), PA_ERROR_FILE, "uwmmse-robust");
  fails(pa_policy_load(&none, "builtin:uwmmse", NULL), PA_ERROR_FILE, "no such model");
  ck_assert_ptr_null(none);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {igcnet_of_the_fixture,
                                fcnn_of_the_fixture,
                                gradients_are_those_of_differences,
                                gradients_of_samples_are_clipped,
                                igcnet_is_permutation_equivariant,
                                batches_units_and_extremes,
                                probabilities_of_a_long_batch,
                                inputs_have_no_units,
                                rates_are_weighted,
                                labels_have_no_units,
                                scales_in_a_file_are_positive,
                                mlp_is_of_its_links,
                                bad_arguments,
                                training_learns_and_repeats,
                                fcnn_learns_by_probing,
                                training_starts_from_weights_that_were_set,
                                inputs_are_fitted_after_memory_ran_out,
                                files_keep_everything,
                                a_file_without_weights_costs_nothing,
                                models_that_are_built_in,
                                NULL};
  return run_tests("baselines", tests);
}
