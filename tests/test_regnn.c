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
  size_t bytes = pa__policy_measure(learner_of(policy)->tape_workspace, policy, states->batch, states->links);
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
    ok(pa_regnn_probabilities(v.model, v.states, y));
    for (size_t k = 0; k < n; k++) close_to(y[k], pi[k], 1e-11);
    ok(pa_policy_allocate(policy, v.states, power, NULL, 0));
    for (size_t k = 0; k < n; k++) ck_assert(power[k] == (pi[k] >= 0.5 ? fixture_scalar(v.f, "p0") : 0));
    for (size_t b = 0; b < v.batch; b++) mean += reward[b] / (double)v.batch;
    for (size_t k = 0; k < n; k++) dy[k] = reward[k / v.links] * (bits[k] - pi[k]) / (double)v.batch;
    same_gradient(&v, "grad_J", dy);
    for (size_t k = 0; k < n; k++) dy[k] = (reward[k / v.links] - mean) * (bits[k] - pi[k]) / (double)v.batch;
    same_gradient(&v, "grad_Jb", dy);
    free(y);
    free(dy);
    free(power);
    close_case(&v);
  }
}
END_TEST

int main(void) { return run_tests("regnn", (const TTest *const[]){fixtures, NULL}); }
