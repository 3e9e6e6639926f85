#define _GNU_SOURCE /* mkstemp */
#include "fixture.h"
#include "policy/policy.h"
#include "suite.h"

#include <stdio.h>
#include <unistd.h>

static const char *const verified[] = {"regnn_m1_L2_F2_K3", "regnn_m5_L3_F3_K4", "regnn_m20_L8_F1_K5",
                                       "regnn_m20_L4_F4_K5", "regnn_m50_L8_F1_K5"};

/* A verified case: model, states with node state, and their sizes. */
struct verified {
  fixture *f;
  pa_regnn *model;
  pa_states *states;
  size_t batch, links, layers, features, taps, inputs, weights;
};

/* The case's alpha [F_in][F_out][K] of each layer in the library's order [K][F_in][F_out]. */
static void gather(const struct verified *v, const char *name, double *to) {
  for (size_t l = 0; l < v->layers; l++) {
    char tensor[32];
    size_t shape[8];
    snprintf(tensor, sizeof tensor, "%s_%zu", name, l);
    const double *alpha = fixture_get(v->f, tensor, shape);
    for (size_t k = 0; k < shape[2]; k++)
      for (size_t io = 0; io < shape[0] * shape[1]; io++) *to++ = alpha[io * shape[2] + k];
  }
}

static struct verified open_case(const char *name) {
  struct verified v = {.f = fixture_open(name)};
  size_t shape[8];
  const double *h = fixture_get(v.f, "H", shape);
  v.batch = shape[0];
  v.links = shape[1];
  const double *x = fixture_get(v.f, "x", shape);
  v.inputs = shape[2];
  v.layers = (size_t)fixture_scalar(v.f, "L");
  v.features = (size_t)fixture_scalar(v.f, "F");
  v.taps = (size_t)fixture_scalar(v.f, "K");
  const int32_t keys[] = {PA_REGNN_LAYERS,         PA_REGNN_FEATURES, PA_REGNN_TAPS, PA_REGNN_INPUTS,
                          PA_REGNN_STATE_FEATURES, PA_REGNN_SHIFT,    PA_REGNN_SCALE};
  const double values[] = {(double)v.layers,     (double)v.features,          (double)v.taps, 0, (double)v.inputs,
                           PA_REGNN_SHIFT_SCALE, fixture_scalar(v.f, "scale")};
  ok(pa_regnn_create(&v.model, keys, values, 7, 0, NULL));
  v.weights = pa_regnn_weight_count(v.model);
  double *weights = calloc(v.weights, sizeof *weights);
  gather(&v, "alpha", weights);
  ok(pa_regnn_set_weights(v.model, weights, v.weights));
  free(weights);
  ok(pa_states_create(&v.states, v.batch, v.links, h, fixture_scalar(v.f, "s2"), fixture_scalar(v.f, "p0"), NULL));
  ok(pa_states_set_node_state(v.states, x, v.inputs));
  return v;
}

static void close_case(struct verified *v) {
  pa_states_free(v->states);
  pa_regnn_free(v->model);
  fixture_close(v->f);
}

static const pa__learner_class *learner_of(const pa_policy *policy) { return policy->class->learner; }

static void *tape_of(const pa_policy *policy, const pa_states *states) {
  size_t bytes = pa__measure(learner_of(policy)->tape_workspace, policy, pa__extent_of(states));
  return aligned_alloc(64, bytes);
}

/* Gradient of sum y dy at the present weights. */
static double *gradient_of(pa_policy *policy, const pa_states *states, const double *dy) {
  size_t count = learner_of(policy)->output(policy)->count;
  void *tape = tape_of(policy, states);
  double *y = calloc(states->batch * states->links * count, sizeof *y);
  double *gradient = calloc(learner_of(policy)->weight_count(policy), sizeof *gradient);
  learner_of(policy)->forward(policy, states, y, tape);
  learner_of(policy)->backward(policy, states, dy, gradient, tape);
  free(tape);
  free(y);
  return gradient;
}

static void same_gradient(const struct verified *v, const char *name, const double *dy) {
  double *expected = calloc(v->weights, sizeof *expected),
         *gradient = gradient_of(pa_regnn_policy(v->model), v->states, dy);
  double largest = 0;
  gather(v, name, expected);
  for (size_t k = 0; k < v->weights; k++) largest = fmax(largest, fabs(expected[k]));
  for (size_t k = 0; k < v->weights; k++)
    ck_assert_msg(fabs(gradient[k] - expected[k]) <= 1e-9 * fmax(fabs(expected[k]), 1e-3 * largest),
                  "%s[%zu] is %.12g, not %.12g", name, k, gradient[k], expected[k]);
  free(expected);
  free(gradient);
}

/* Of J = mean(sum_i rate_i - mu (sum p - Pmax) / Pmax) at p = p0 pi, rates in nats (eq. (46)). */
static void relaxed_gradient(const struct verified *v, const double *pi) {
  size_t n = v->batch * v->links;
  double p0 = fixture_scalar(v->f, "p0"), toll = fixture_scalar(v->f, "mu") / fixture_scalar(v->f, "Pmax");
  double *power = calloc(n, sizeof *power), *slope = calloc(n, sizeof *slope),
         *weight = calloc(v->links, sizeof *weight);
  for (size_t i = 0; i < v->links; i++) weight[i] = log(2);
  for (size_t k = 0; k < n; k++) power[k] = p0 * pi[k];
  ck_assert_int_eq(pa_reward_capacity_gradient(NULL, v->states, power, weight, slope, v->links), PA_CALLBACK_OK);
  for (size_t k = 0; k < n; k++) slope[k] = (slope[k] - toll) * p0 * pi[k] * (1 - pi[k]) / (double)v->batch;
  same_gradient(v, "grad_J_model", slope);
  free(power);
  free(slope);
  free(weight);
}

/* Outputs to 1e-11, powers, and the score-function gradients of J = mean(reward log p), with and without the mean
 * reward taken off, to 1e-9. */
START_TEST(fixtures) {
  for (size_t c = 0; c < sizeof verified / sizeof verified[0]; c++) {
    struct verified v = open_case(verified[c]);
    size_t n = v.batch * v.links;
    pa_policy *policy = pa_regnn_policy(v.model);
    const double *logits = fixture_get(v.f, "logits", NULL), *pi = fixture_get(v.f, "pi", NULL);
    const double *bits = fixture_get(v.f, "bits", NULL), *reward = fixture_get(v.f, "reward", NULL);
    double *y = calloc(n, sizeof *y), *dy = calloc(n, sizeof *dy), *power = calloc(n, sizeof *power), mean = 0;
    void *tape = tape_of(policy, v.states);
    learner_of(policy)->forward(policy, v.states, y, tape);
    free(tape);
    for (size_t k = 0; k < n; k++) close_to(y[k], logits[k], 1e-11 * fmax(1, fabs(logits[k])));
    ok(pa_policy_probabilities(pa_regnn_policy(v.model), v.states, y));
    for (size_t k = 0; k < n; k++) close_to(y[k], pi[k], 1e-11);
    ok(pa_policy_allocate(policy, v.states, power, NULL, 0));
    for (size_t k = 0; k < n; k++) ck_assert(power[k] == (pi[k] >= 0.5 ? fixture_scalar(v.f, "p0") : 0));
    for (size_t b = 0; b < v.batch; b++) mean += reward[b] / (double)v.batch;
    for (size_t k = 0; k < n; k++) dy[k] = reward[k / v.links] * (bits[k] - pi[k]) / (double)v.batch;
    same_gradient(&v, "grad_J", dy);
    for (size_t k = 0; k < n; k++) dy[k] = (reward[k / v.links] - mean) * (bits[k] - pi[k]) / (double)v.batch;
    same_gradient(&v, "grad_Jb", dy);
    relaxed_gradient(&v, pi);
    free(y);
    free(dy);
    free(power);
    close_case(&v);
  }
}
END_TEST

/* The paper's network of forty parameters. */
START_TEST(forty_parameters) {
  pa_regnn *model;
  const int32_t keys[] = {PA_REGNN_LAYERS, PA_REGNN_FEATURES, PA_REGNN_TAPS, PA_REGNN_INPUTS, PA_REGNN_SHIFT};
  const double values[] = {8, 1, 5, PA_REGNN_INPUT_ONES, PA_REGNN_SHIFT_SCALE};
  ok(pa_regnn_create(&model, keys, values, 5, 0, NULL));
  ck_assert_uint_eq(pa_regnn_weight_count(model), 40);
  pa_regnn_free(model);
  ok(pa_regnn_create(&model, NULL, NULL, 0, 0, NULL));
  ck_assert_uint_eq(pa_regnn_weight_count(model), 5 * (2 * 4 + 2 * 4 * 4 + 4));
  pa_regnn_free(model);
}
END_TEST

/* Every option at least once. */
static const struct architecture {
  double values[10]; /* layers, features, taps, inputs, state, shift, transposed, activation, bias, output */
} architectures[] = {
    {{3, 3, 4, 3, 0, PA_REGNN_SHIFT_SHARE, 0, PA_REGNN_ACTIVATION_RELU, 0, PA_REGNN_OUTPUT_BERNOULLI}},
    {{2, 5, 2, 15, 2, PA_REGNN_SHIFT_BOUNDED, 0, PA_REGNN_ACTIVATION_TANH, 1, PA_REGNN_OUTPUT_LEVELS}},
    {{4, 2, 3, 2, 1, PA_REGNN_SHIFT_SPECTRAL, 1, PA_REGNN_ACTIVATION_ABSOLUTE, 1, PA_REGNN_OUTPUT_CONTINUOUS}},
    {{1, 1, 5, 1, 0, PA_REGNN_SHIFT_SCALE, 1, PA_REGNN_ACTIVATION_RELU, 1, PA_REGNN_OUTPUT_BERNOULLI}},
    {{3, 4, 1, 4, 0, PA_REGNN_SHIFT_SHARE, 0, PA_REGNN_ACTIVATION_ABSOLUTE, 0, PA_REGNN_OUTPUT_CONTINUOUS}}};
enum { ARCHITECTURES = sizeof architectures / sizeof architectures[0] };

static pa_regnn *model_of(size_t which, uint64_t seed) {
  static const int32_t keys[] = {PA_REGNN_LAYERS,         PA_REGNN_FEATURES, PA_REGNN_TAPS,       PA_REGNN_INPUTS,
                                 PA_REGNN_STATE_FEATURES, PA_REGNN_SHIFT,    PA_REGNN_TRANSPOSED, PA_REGNN_ACTIVATION,
                                 PA_REGNN_BIAS,           PA_REGNN_OUTPUT};
  pa_regnn *model;
  ok(pa_regnn_create(&model, keys, architectures[which].values, 10, seed, NULL));
  size_t n = pa_regnn_weight_count(model);
  double *weights = calloc(n, sizeof *weights);
  ok(pa_regnn_get_weights(model, weights, n));
  for (size_t k = 0; k < n; k++) weights[k] += 0.02 * (double)((k * 7 + seed) % 11) - 0.1;
  ok(pa_regnn_set_weights(model, weights, n));
  free(weights);
  return model;
}

/* States with everything that differs by link, and a node state of as many features as the architecture takes. */
static pa_states *states_of(size_t which, size_t links, size_t batch, double **x) {
  pa_network *network;
  pa_states *states;
  ok(pa_network_create_adhoc(&network, links, links, NULL));
  ok(pa_network_set(network, PA_NETWORK_REFERENCE_LINKS, 3));
  ok(pa_network_draw_states(network, 0, 0, batch, &states, NULL));
  pa_network_free(network);
  size_t features = (size_t)architectures[which].values[4];
  double *values = calloc(links, sizeof *values);
  for (size_t i = 0; i < links; i++) values[i] = 0.5 + (double)(i % 3);
  ok(pa_states_set_weights(states, values, links));
  for (size_t i = 0; i < links; i++) values[i] = 0.1 * (1 + (double)(i % 4));
  ok(pa_states_set_noise(states, values, links));
  free(values);
  *x = calloc(batch * links * features + 1, sizeof **x);
  for (size_t k = 0; k < batch * links * features; k++) (*x)[k] = sin((double)k);
  if (features) ok(pa_states_set_node_state(states, *x, features));
  return states;
}

/* Sum of y dy; of magnitudes into size if not NULL. */
static double weighted_output(pa_policy *policy, const pa_states *states, const double *dy, double *size) {
  size_t n = states->batch * states->links * learner_of(policy)->output(policy)->count;
  double *y = calloc(n, sizeof *y), sum = 0;
  void *tape = tape_of(policy, states);
  learner_of(policy)->forward(policy, states, y, tape);
  for (size_t k = 0; k < n; k++) {
    sum += y[k] * dy[k];
    if (size) *size += fabs(y[k] * dy[k]);
  }
  free(y);
  free(tape);
  return sum;
}

START_TEST(central_differences) {
  static const size_t links[] = {1, 2, 7, 20, 40};
  for (size_t a = 0; a < ARCHITECTURES; a++)
    for (size_t s = 0; s < 5; s++) {
      double *x;
      pa_states *states = states_of(a, links[s], 3, &x);
      pa_regnn *model = model_of(a, s);
      pa_policy *policy = pa_regnn_policy(model);
      size_t n = pa_regnn_weight_count(model), count = 3 * links[s] * pa_policy_output_count(pa_regnn_policy(model)),
             kinks = 0;
      double *dy = calloc(count, sizeof *dy), *weights = calloc(n, sizeof *weights);
      for (size_t k = 0; k < count; k++) dy[k] = cos((double)k);
      ok(pa_regnn_get_weights(model, weights, n));
      double *gradient = gradient_of(policy, states, dy);
      double size = 0;
      weighted_output(policy, states, dy, &size);
      double rounding = 1e-9 * size; /* of the differences */
      for (size_t k = 0; k < n; k++) {
        double slope[2], kept = weights[k];
        for (int h = 0; h < 2; h++) {
          double step = h ? 1e-6 : 1e-5, up;
          weights[k] = kept + step;
          ok(pa_regnn_set_weights(model, weights, n));
          up = weighted_output(policy, states, dy, NULL);
          weights[k] = kept - step;
          ok(pa_regnn_set_weights(model, weights, n));
          slope[h] = (up - weighted_output(policy, states, dy, NULL)) / (2 * step);
        }
        weights[k] = kept;
        if (fabs(slope[0] - slope[1]) > 1e-5 * (1 + fabs(slope[0])) + rounding) {
          kinks++; /* of ReLU or the absolute value, between the two points */
          continue;
        }
        ck_assert_msg(fabs(slope[0] - gradient[k]) <= 2e-6 * (1 + fabs(gradient[k])) + rounding,
                      "architecture %zu, %zu links, weight %zu: %.10g, differences say %.10g", a, links[s], k,
                      gradient[k], slope[0]);
      }
      ck_assert_msg(kinks * 10 <= n, "%zu of %zu weights at a kink", kinks, n);
      free(gradient);
      free(dy);
      free(weights);
      free(x);
      pa_regnn_free(model);
      pa_states_free(states);
    }
}
END_TEST

/* The same model on any number of links; permuting the links permutes the outputs. */
START_TEST(permuting_links_permutes_outputs) {
  for (size_t a = 0; a < ARCHITECTURES; a++) {
    pa_regnn *model = model_of(a, 3);
    size_t count = pa_policy_output_count(pa_regnn_policy(model));
    for (size_t n = 1; n <= 200; n = n < 10 ? n + 3 : n * 2 + 1) {
      double *x, *values = calloc(2 * n, sizeof *values);
      pa_states *states = states_of(a, n, 2, &x), *other;
      size_t features = pa_states_node_features(states), *order = calloc(n, sizeof *order);
      for (size_t i = 0; i < n; i++) order[i] = (2 * n - 1 - i + n / 3) % n; /* reversed and turned */
      double *h = calloc(2 * n * n, sizeof *h), *z = calloc(2 * n * features + 1, sizeof *z);
      for (size_t b = 0; b < 2; b++)
        for (size_t i = 0; i < n; i++) {
          for (size_t j = 0; j < n; j++)
            h[(b * n + i) * n + j] = pa_states_channel(states)[(b * n + order[i]) * n + order[j]];
          for (size_t f = 0; f < features; f++) z[(b * n + i) * features + f] = x[(b * n + order[i]) * features + f];
        }
      ok(pa_states_create(&other, 2, n, h, 1, 1, NULL));
      for (size_t i = 0; i < n; i++) {
        values[i] = pa_states_noise(states)[order[i]];
        values[n + i] = pa_states_weights(states)[order[i]];
      }
      ok(pa_states_set_noise(other, values, n));
      ok(pa_states_set_weights(other, values + n, n));
      if (features) ok(pa_states_set_node_state(other, z, features));
      double *p = calloc(4 * n * count, sizeof *p), *q = p + 2 * n * count;
      ok(pa_policy_probabilities(pa_regnn_policy(model), states, p));
      ok(pa_policy_probabilities(pa_regnn_policy(model), other, q));
      for (size_t b = 0; b < 2; b++)
        for (size_t i = 0; i < n; i++)
          for (size_t k = 0; k < count; k++)
            close_to(q[(b * n + i) * count + k], p[(b * n + order[i]) * count + k], 1e-9);
      free(p);
      free(h);
      free(z);
      free(x);
      free(order);
      free(values);
      pa_states_free(states);
      pa_states_free(other);
    }
    pa_regnn_free(model);
  }
}
END_TEST

/* Shifts share and bounded know no unit. */
START_TEST(shares_are_free_of_units) {
  enum { N = 9, B = 4, E = B * N * N };
  for (size_t a = 0; a < 2; a++) {
    double *x, h[E];
    pa_states *states = states_of(a, N, B, &x), *far;
    for (size_t k = 0; k < E; k++) h[k] = pa_states_channel(states)[k] * 0x1p-25;
    ok(pa_states_create(&far, B, N, h, 1, 1, NULL));
    double noise[N];
    for (size_t i = 0; i < N; i++) noise[i] = pa_states_noise(states)[i] * 0x1p-50;
    ok(pa_states_set_noise(far, noise, N));
    ok(pa_states_set_weights(far, pa_states_weights(states), N));
    if (pa_states_node_features(states)) ok(pa_states_set_node_state(far, x, pa_states_node_features(states)));
    pa_regnn *model = model_of(a, 1);
    size_t count = B * N * pa_policy_output_count(pa_regnn_policy(model));
    double *p = calloc(2 * count, sizeof *p);
    ok(pa_policy_probabilities(pa_regnn_policy(model), states, p));
    ok(pa_policy_probabilities(pa_regnn_policy(model), far, p + count));
    for (size_t k = 0; k < count; k++) close_to(p[k], p[count + k], 1e-12);
    free(p);
    free(x);
    pa_regnn_free(model);
    pa_states_free(states);
    pa_states_free(far);
  }
}
END_TEST

/* Inference takes the likeliest power; drawn powers have the distribution's frequencies, and are the same for the same
 * sample number and seed. */
START_TEST(draws_follow_the_probabilities) {
  enum { N = 3, B = 4000 };
  for (size_t a = 0; a < 3; a++) {
    double *x, one[N * N];
    pa_states *first = states_of(a, N, 1, &x), *states;
    memcpy(one, pa_states_channel(first), sizeof one);
    size_t features = pa_states_node_features(first);
    double *h = calloc(B * N * N, sizeof *h), *z = calloc(B * N * features + 1, sizeof *z);
    for (size_t b = 0; b < B; b++) {
      memcpy(h + b * N * N, one, sizeof one);
      memcpy(z + b * N * features, x, N * features * sizeof *z);
    }
    ok(pa_states_create(&states, B, N, h, 0.1, 2, NULL));
    if (features) ok(pa_states_set_node_state(states, z, features));
    pa_regnn *model = model_of(a, 2);
    pa_policy *policy = pa_regnn_policy(model);
    size_t levels = pa_policy_output_count(pa_regnn_policy(model));
    double *p = calloc(B * N * levels, sizeof *p), *power = calloc(3 * B * N, sizeof *power), *again = power + B * N;
    ok(pa_policy_probabilities(pa_regnn_policy(model), states, p));
    ok(pa_policy_allocate(policy, states, power, NULL, 0));
    for (size_t i = 0; i < N; i++) {
      if (a == 0) ck_assert(power[i] == (p[i] >= 0.5 ? 2 : 0));
      if (a == 2) close_to(power[i], 2 * p[i], 1e-15);
      for (size_t k = 0; a == 1 && k < levels; k++)
        ck_assert(p[i * levels + k] <= p[i * levels + (size_t)lround(power[i] / 2 * (double)(levels - 1))]);
    }
    ok(pa_policy_set(policy, PA_POLICY_SAMPLE, 1));
    ok(pa_policy_allocate(policy, states, power, NULL, 0));
    ok(pa_policy_allocate(policy, states, again, NULL, 0));
    ck_assert_int_eq(memcmp(power, again, B * N * sizeof *power), 0);
    for (size_t i = 0; i < N; i++) {
      double mean = 0, above = 0, expected = 0;
      for (size_t b = 0; b < B; b++) {
        mean += power[b * N + i] / 2 / B;
        above += (power[b * N + i] / 2 > p[i]) / (double)B;
      }
      for (size_t k = 0; a == 1 && k < levels; k++) expected += p[i * levels + k] * (double)k / (double)(levels - 1);
      if (a == 0) expected = p[i];
      if (a == 2)
        close_to(above, 0.5, 6 * 0.5 / sqrt(B)); /* p is the median */
      else
        close_to(mean, expected, 6 * 0.5 / sqrt(B));
    }
    ok(pa_policy_set(policy, PA_POLICY_SEED, 1));
    ok(pa_policy_allocate(policy, states, again, NULL, 0));
    ck_assert_int_ne(memcmp(power, again, B * N * sizeof *power), 0);
    free(p);
    free(power);
    free(h);
    free(z);
    free(x);
    pa_regnn_free(model);
    pa_states_free(first);
    pa_states_free(states);
  }
}
END_TEST

/* An offset brings the mean power to a budget from either side; it is kept in the file. */
START_TEST(budgets_are_met_by_an_offset) {
  char path[256];
  const char *folder = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/powalloc-%d-regnn", folder ? folder : "/tmp", (int)getpid());
  for (size_t a = 0; a < 3; a += 2) {
    double *x, *power = calloc(400 * 8, sizeof *power);
    pa_states *states = states_of(a, 8, 400, &x);
    pa_regnn *model = model_of(a, 4), *back;
    pa_policy *policy = pa_regnn_policy(model);
    static const double budgets[] = {0.5, 6, 2};
    for (size_t k = 0; k < 3; k++) {
      ok(pa_policy_meet_budget(policy, states, budgets[k]));
      ok(pa_policy_allocate(policy, states, power, NULL, 0));
      double mean = 0, offset;
      for (size_t i = 0; i < 3200; i++) mean += power[i] / 400;
      ck_assert_msg(mean <= budgets[k] * (1 + 1e-12) && mean >= budgets[k] * (a == 0 ? 0.99 : 1 - 2e-6), "%g of %g W",
                    mean, budgets[k]);
      ok(pa_policy_get(policy, PA_POLICY_OFFSET, &offset));
      ok(pa_regnn_save(model, path, "offset"));
      ok(pa_regnn_load(&back, path, NULL));
      double kept, *again = calloc(3200, sizeof *again);
      ok(pa_policy_get(pa_regnn_policy(back), PA_POLICY_OFFSET, &kept));
      ck_assert(kept == offset);
      ok(pa_policy_allocate(pa_regnn_policy(back), states, again, NULL, 0));
      ck_assert_int_eq(memcmp(power, again, 3200 * sizeof *power), 0);
      free(again);
      pa_regnn_free(back);
    }
    ok(pa_policy_meet_budget(policy, states, 9));
    double offset;
    ok(pa_policy_get(policy, PA_POLICY_OFFSET, &offset));
    ck_assert(offset == 0); /* not even full power reaches it */
    free(power);
    free(x);
    pa_regnn_free(model);
    pa_states_free(states);
  }
  remove(path);
}
END_TEST

START_TEST(files_keep_every_option) {
  char path[256];
  const char *folder = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/powalloc-%d-regnn", folder ? folder : "/tmp", (int)getpid());
  for (size_t a = 0; a < ARCHITECTURES; a++) {
    pa_regnn *model = model_of(a, 9), *back;
    ok(pa_regnn_save(model, path, NULL));
    ok(pa_regnn_load(&back, path, NULL));
    for (int32_t key = PA_REGNN_LAYERS; key <= PA_REGNN_LEVEL_COUNT; key++) {
      double one, two;
      ok(pa_regnn_option(model, key, &one));
      ok(pa_regnn_option(back, key, &two));
      ck_assert_msg(one == two, "%s is %g, then %g", pa_key_name(key), one, two);
    }
    size_t n = pa_regnn_weight_count(model);
    double *weights = calloc(2 * n, sizeof *weights);
    ck_assert_uint_eq(pa_regnn_weight_count(back), n);
    ok(pa_regnn_get_weights(model, weights, n));
    ok(pa_regnn_get_weights(back, weights + n, n));
    ck_assert_int_eq(memcmp(weights, weights + n, n * sizeof *weights), 0);
    pa_policy *policy;
    ok(pa_policy_load(&policy, path, NULL));
    ck_assert_str_eq(pa_policy_name(policy), "regnn");
    pa_policy_free(policy);
    pa_uwmmse *other;
    fails(pa_uwmmse_load(&other, path, NULL), PA_ERROR_FORMAT, "\"regnn\"");
    free(weights);
    pa_regnn_free(model);
    pa_regnn_free(back);
  }
  remove(path);
}
END_TEST

START_TEST(bad_input_is_named_and_changes_nothing) {
  pa_regnn *model = NULL, *none = NULL;
  const int32_t keys[] = {PA_REGNN_INPUTS, PA_REGNN_INPUTS, PA_POLICY_START};
  double value = 7, p[8] = {-7}, h[4] = {1, 0.1, 0.1, 1}, x[6] = {0};
  fails(pa_regnn_create(&none, keys, (double[]){0}, 1, 0, NULL), PA_ERROR_ARGUMENT, "the model has no input");
  fails(pa_regnn_create(&none, keys, (double[]){1, 1}, 2, 0, NULL), PA_ERROR_ARGUMENT,
        "keys[1]: regnn.inputs is given twice");
  fails(pa_regnn_create(&none, keys + 2, (double[]){1}, 1, 0, NULL), PA_ERROR_ARGUMENT,
        "keys[0] is 203 (policy.start)");
  fails(pa_regnn_create(&none, keys, (double[]){16}, 1, 0, NULL), PA_ERROR_ARGUMENT, "regnn.inputs is 16");
  fails(pa_regnn_create(&none, NULL, &value, 1, 0, NULL), PA_ERROR_ARGUMENT, "keys is NULL");
  fails(pa_regnn_create(NULL, NULL, NULL, 0, 0, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_regnn_load(&none, "/no/such/file", NULL), PA_ERROR_FILE, "/no/such/file");
  ck_assert_ptr_null(none);
  ok(pa_regnn_create(&model, NULL, NULL, 0, 0, NULL));
  fails(pa_regnn_option(model, PA_POLICY_START, &value), PA_ERROR_ARGUMENT, "no option of a REGNN");
  fails(pa_regnn_set_weights(model, p, 8), PA_ERROR_ARGUMENT, "weights has 8 elements");
  fails(pa_regnn_save(model, "/no/such/folder/x", NULL), PA_ERROR_FILE, "/no/such/folder/x");
  fails(pa_policy_set(pa_regnn_policy(model), PA_POLICY_ITERATIONS, 1), PA_ERROR_ARGUMENT, "policy regnn has no key");
  pa_states *states;
  ok(pa_states_create(&states, 1, 2, h, 1, 1, NULL));
  ok(pa_states_set_node_state(states, x, 3));
  fails(pa_policy_probabilities(pa_regnn_policy(model), states, p), PA_ERROR_ARGUMENT,
        "node state of 3 features, the model takes 0");
  fails(pa_policy_allocate(pa_regnn_policy(model), states, p, NULL, 0), PA_ERROR_ARGUMENT, "node state of 3 features");
  fails(pa_policy_probabilities(pa_regnn_policy(model), NULL, p), PA_ERROR_ARGUMENT, "states is NULL");
  fails(pa_policy_probabilities(pa_regnn_policy(model), states, NULL), PA_ERROR_ARGUMENT, "probabilities is NULL");
  ck_assert(p[0] == -7 && value == 7);
  pa_regnn_free(NULL);
  ck_assert_ptr_null(pa_regnn_policy(NULL));
  ck_assert_uint_eq(pa_regnn_weight_count(NULL) + pa_policy_output_count(pa_regnn_policy(NULL)), 0);
  pa_states_free(states);
  pa_regnn_free(model);
}
END_TEST

/* The weights of the links that a model brings act like those of the states, and belong to its links. */
START_TEST(link_weights_travel_with_the_model) {
  enum { N = 4 };
  const int32_t key = PA_REGNN_INPUTS;
  const double inputs = PA_REGNN_INPUT_ONES + PA_REGNN_INPUT_SNR + PA_REGNN_INPUT_WEIGHT, weights[N] = {.5, 2, 1, .25};
  double h[N * N], plain[N], own[N], of_states[N], loaded[N], found[N];
  char path[] = "/tmp/powalloc-regnn-XXXXXX";
  for (size_t k = 0; k < N * N; k++) h[k] = k % (N + 1) ? .1 + .01 * (double)k : 1 + .1 * (double)k;
  pa_regnn *model, *again;
  pa_states *s, *other;
  close(mkstemp(path));
  ok(pa_regnn_create(&model, &key, &inputs, 1, 3, NULL));
  ok(pa_states_create(&s, 1, N, h, .1, 1, NULL));
  ok(pa_policy_probabilities(pa_regnn_policy(model), s, plain));
  ck_assert_uint_eq(pa_regnn_link_weights(model, found), 0);
  ok(pa_regnn_set_link_weights(model, weights, N));
  ck_assert_uint_eq(pa_regnn_link_weights(model, found), N);
  ck_assert_int_eq(memcmp(found, weights, sizeof found), 0);
  ok(pa_policy_probabilities(pa_regnn_policy(model), s, own));
  ok(pa_regnn_save(model, path, NULL));
  ok(pa_regnn_load(&again, path, NULL));
  ok(pa_policy_probabilities(pa_regnn_policy(again), s, loaded));
  ok(pa_states_create(&other, 1, 3, h, .1, 1, NULL));
  fails(pa_policy_allocate(pa_regnn_policy(again), other, found, NULL, 0), PA_ERROR_ARGUMENT, "weights of 4 links");
  ok(pa_regnn_set_link_weights(model, NULL, 0));
  ok(pa_states_set_weights(s, weights, N));
  ok(pa_policy_probabilities(pa_regnn_policy(model), s, of_states));
  ck_assert_int_ne(memcmp(plain, own, sizeof own), 0);
  ck_assert_int_eq(memcmp(own, of_states, sizeof own), 0);
  ck_assert_int_eq(memcmp(own, loaded, sizeof own), 0);
  fails(pa_regnn_set_link_weights(model, (const double[]){1, 0}, 2), PA_ERROR_ARGUMENT, "weights[1] is 0");
  fails(pa_regnn_set_link_weights(model, (const double[]){NAN}, 1), PA_ERROR_ARGUMENT, "weights[0]");
  fails(pa_regnn_set_link_weights(model, NULL, 2), PA_ERROR_ARGUMENT, "weights is NULL");
  ck_assert_uint_eq(pa_regnn_link_weights(NULL, NULL), 0);
  /* Training makes weights of its own. */
  pa_network *network;
  pa_trainer *trainer;
  ok(pa_network_create_adhoc(&network, 3, 1, NULL));
  ok(pa_trainer_create(&trainer, pa_regnn_policy(again), network, 1, NULL));
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 20));
  ck_assert_int_ge(pa_trainer_run(trainer, 2), 0);
  ck_assert_uint_eq(pa_regnn_link_weights(again, NULL), 0);
  pa_trainer_free(trainer);
  pa_network_free(network);
  pa_regnn_free(model);
  pa_regnn_free(again);
  pa_states_free(s);
  pa_states_free(other);
  remove(path);
}
END_TEST

/* Channels whose rows are whole vectors are used where they are; those of one link more, which nobody hears, are not.
 */
START_TEST(channels_in_place_are_those_of_a_copy) {
  enum { FITS = 64, MORE = FITS + 1, BATCH = 3 };
  pa_network *network;
  ok(pa_network_create_adhoc(&network, FITS, 3, NULL));
  double *h = calloc(BATCH * FITS * FITS, sizeof *h), *wider = calloc(BATCH * MORE * MORE, sizeof *wider),
         dy[BATCH * MORE] = {0}, narrow_dy[BATCH * FITS];
  float *narrow = calloc(BATCH * FITS * FITS, sizeof *narrow), power_f32[BATCH * FITS];
  ok(pa_network_draw(network, 0, 0, BATCH, h));
  for (size_t k = 0; k < BATCH * FITS * FITS; k++) {
    narrow[k] = (float)h[k];
    wider[(k / (FITS * FITS) * MORE + k / FITS % FITS) * MORE + k % FITS] = h[k];
  }
  for (size_t k = 0; k < BATCH * FITS; k++) dy[k / FITS * MORE + k % FITS] = narrow_dy[k] = cos((double)k);
  pa_states *states[2], *single;
  ok(pa_states_create(&states[0], BATCH, FITS, h, 1, 1, NULL));
  ok(pa_states_create(&states[1], BATCH, MORE, wider, 1, 1, NULL));
  ok(pa_states_create_f32(&single, BATCH, FITS, narrow, 1, 1, NULL));
  const int32_t keys[] = {PA_REGNN_SHIFT,  PA_REGNN_SCALE,      PA_REGNN_FEATURES,
                          PA_REGNN_INPUTS, PA_REGNN_TRANSPOSED, PA_REGNN_OUTPUT};
  for (int way = 0; way < 4; way++) {
    const double values[] = {way & 1 ? PA_REGNN_SHIFT_SPECTRAL : PA_REGNN_SHIFT_SCALE,
                             .07,
                             1,
                             PA_REGNN_INPUT_ONES,
                             way / 2,
                             PA_REGNN_OUTPUT_CONTINUOUS};
    pa_regnn *model;
    ok(pa_regnn_create(&model, keys, values, 6, 5, NULL));
    pa_policy *policy = pa_regnn_policy(model);
    double power[BATCH * FITS], more[BATCH * MORE];
    ok(pa_policy_allocate(policy, states[0], power, NULL, 0));
    ok(pa_policy_allocate(policy, states[1], more, NULL, 0));
    ok(pa_policy_allocate_f32(policy, single, power_f32, NULL, 0));
    for (size_t k = 0; k < BATCH * FITS; k++) {
      close_to(power[k], more[k / FITS * MORE + k % FITS], 1e-12);
      close_to((double)power_f32[k], power[k], 1e-4);
    }
    double *gradient = gradient_of(policy, states[0], narrow_dy), *expected = gradient_of(policy, states[1], dy);
    for (size_t k = 0; k < pa_regnn_weight_count(model); k++)
      close_to(gradient[k], expected[k], 1e-10 * fmax(fabs(expected[k]), 1e-3));
    free(gradient);
    free(expected);
    h[FITS * FITS + 70] = NAN;
    fails(pa_policy_allocate(policy, states[0], power, NULL, 0), PA_ERROR_ARGUMENT, "h[1][1][6] is nan");
    h[FITS * FITS + 70] = wider[MORE * MORE + MORE + 6];
    pa_regnn_free(model);
  }
  pa_states_free(states[0]);
  pa_states_free(states[1]);
  pa_states_free(single);
  pa_network_free(network);
  free(h);
  free(wider);
  free(narrow);
}
END_TEST

int main(void) {
  return run_tests("regnn", (const TTest *const[]){
                                channels_in_place_are_those_of_a_copy, link_weights_travel_with_the_model, fixtures,
                                forty_parameters, central_differences, permuting_links_permutes_outputs,
                                shares_are_free_of_units, draws_follow_the_probabilities, budgets_are_met_by_an_offset,
                                files_keep_every_option, bad_input_is_named_and_changes_nothing, NULL});
}
