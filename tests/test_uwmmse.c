#include "fixture.h"
#include "io/io.h"
#include "suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* The fixtures' theta: for each layer GCN a, GCN b in the library's order of parts, then mu. */
static pa_uwmmse *model_of(const fixture *f) {
  pa_uwmmse *model;
  ok(pa_uwmmse_create(&model, PA_UWMMSE_PAPER, 4, 5, 0, NULL));
  ck_assert_uint_eq(pa_uwmmse_weight_count(model), 260);
  ok(pa_uwmmse_set_weights(model, fixture_get(f, "theta", NULL), 260));
  return model;
}

static const char *const verified[] = {"uwmmse_M%d_s1_mu0.0",      "uwmmse_M%d_s1_mu0.05",
                                       "uwmmse_M%d_s1em10_mu0.0",  "uwmmse_M%d_s1em10_mu0.05",
                                       "uwmmse_M%d_s1em9p1_mu0.0", "uwmmse_M%d_s1em9p1_mu0.05"};
static const int sizes[] = {1, 2, 3, 20, 50};

START_TEST(fixtures) {
  for (size_t c = 0; c < sizeof verified / sizeof verified[0]; c++)
    for (size_t m = 0; m < sizeof sizes / sizeof sizes[0]; m++) {
      char name[64];
      snprintf(name, sizeof name, verified[c], sizes[m]);
      fixture *f = fixture_open(name);
      size_t shape[8];
      const double *h = fixture_get(f, "H", shape), *p = fixture_get(f, "p", NULL),
                   *grad = fixture_get(f, "grad_theta", NULL), *sumrate = fixture_get(f, "sumrate_log2", NULL);
      pa_states *states;
      ok(pa_states_create(&states, shape[0], shape[1], h, fixture_scalar(f, "s2"), fixture_scalar(f, "pmax"), NULL));
      pa_uwmmse *model = model_of(f);
      double *power = calloc(2 * shape[0] * shape[1], sizeof(double)), *rate = power + shape[0] * shape[1];
      double gradient[260], loss;
      ok(pa_policy_allocate(pa_uwmmse_policy(model), states, power, NULL, 0));
      for (size_t k = 0; k < shape[0] * shape[1]; k++) close_to(power[k], p[k], 1e-10 * p[k] + 1e-16);
      ok(pa_rates(states, power, rate));
      for (size_t b = 0; b < shape[0]; b++) {
        double sum = 0;
        for (size_t i = 0; i < shape[1]; i++) sum += rate[b * shape[1] + i];
        close_to(sum, sumrate[b], 1e-10 * sum);
      }
      ok(pa_uwmmse_gradient(model, states, &loss, gradient, 260));
      close_to(loss, fixture_scalar(f, "loss"), 1e-9 * fabs(loss));
      double largest = 0;
      for (size_t k = 0; k < 260; k++) largest = fmax(largest, fabs(grad[k]));
      for (size_t k = 0; k < 260; k++)
        ck_assert_msg(fabs(gradient[k] - grad[k]) <= 1e-8 * fmax(fabs(grad[k]), 1e-8 * largest),
                      "%s: gradient[%zu] is %.12g, not %.12g", name, k, gradient[k], grad[k]);
      free(power);
      pa_uwmmse_free(model);
      pa_states_free(states);
      fixture_close(f);
    }
}
END_TEST

/* Derivatives ---------------------------------------------------------------------------------------------------- */

/* Random weights around the initial ones, mu and tau above 0. */
static pa_uwmmse *random_model(int32_t architecture, size_t layers, size_t hidden, uint64_t seed) {
  pa_uwmmse *model;
  ok(pa_uwmmse_create(&model, architecture, layers, hidden, seed, NULL));
  size_t n = pa_uwmmse_weight_count(model);
  double *weights = calloc(n, sizeof *weights);
  ok(pa_uwmmse_get_weights(model, weights, n));
  uint32_t state = (uint32_t)seed + 1;
  for (size_t k = 0; k < n; k++) {
    state = state * 1664525u + 1013904223u;
    double uniform = (double)(state >> 8) / (1 << 24);
    weights[k] += k + 2 * layers < n ? 0.4 * (uniform - 0.5) : 0.1 * uniform;
  }
  ok(pa_uwmmse_set_weights(model, weights, n));
  free(weights);
  return model;
}

/* Amplitudes between 0.05 and 1, strong own channels: far enough from where a link is clipped or silent. */
static double *channels(size_t links, size_t batch, uint64_t seed) {
  double *h = calloc(batch * links * links, sizeof *h);
  uint32_t state = (uint32_t)seed + 99;
  for (size_t k = 0; k < batch * links * links; k++) {
    state = state * 1664525u + 1013904223u;
    double uniform = (double)(state >> 8) / (1 << 24);
    size_t i = k / links % links, j = k % links;
    h[k] = i == j ? 0.6 + 0.4 * uniform : (0.05 + 0.5 * uniform) / (links < 100 ? sqrt((double)links) : (double)links);
  }
  return h;
}

static pa_states *uneven_states(size_t links, size_t batch, const double *h) {
  pa_states *states;
  double *values = calloc(links, sizeof *values);
  ok(pa_states_create(&states, batch, links, h, 1, 1, NULL));
  for (size_t i = 0; i < links; i++) values[i] = 0.05 * (1 + (double)(i % 3));
  ok(pa_states_set_noise(states, values, links));
  for (size_t i = 0; i < links; i++) values[i] = 0.5 + 0.25 * (double)(i % 4);
  ok(pa_states_set_power_limit(states, values, links));
  for (size_t i = 0; i < links; i++) values[i] = 1 + 0.3 * (double)(i % 2);
  ok(pa_states_set_weights(states, values, links));
  free(values);
  return states;
}

/* Minus the mean weighted sum-rate from the public rates, independent of the gradient's own forward pass. */
static double loss_of(pa_uwmmse *model, const pa_states *states) {
  size_t n = pa_states_links(states), batch = pa_states_batch(states);
  double *power = calloc(2 * batch * n, sizeof *power), *rate = power + batch * n, sum = 0;
  ok(pa_policy_allocate(pa_uwmmse_policy(model), states, power, NULL, 0));
  ok(pa_rates(states, power, rate));
  for (size_t k = 0; k < batch * n; k++) sum += pa_states_weights(states)[k % n] * rate[k];
  free(power);
  return -sum / (double)batch;
}

/* Every `stride`-th weight. A kink (ReLU, a clipped v) between the two points makes the two step sizes disagree: then
 * the weight says nothing and is left out, which must be rare. */
static void against_central_differences(pa_uwmmse *model, const pa_states *states, size_t stride) {
  size_t n = pa_uwmmse_weight_count(model), left_out = 0, seen = 0;
  double *weights = calloc(n, sizeof *weights), *gradient = calloc(n, sizeof *gradient), loss;
  ok(pa_uwmmse_get_weights(model, weights, n));
  ok(pa_uwmmse_gradient(model, states, &loss, gradient, n));
  close_to(loss, loss_of(model, states), 1e-10 * fabs(loss));
  for (size_t k = 0; k < n; k += stride, seen++) {
    double slope[2], kept = weights[k];
    for (int s = 0; s < 2; s++) {
      double step = s == 0 ? 1e-5 : 2e-6, up, down;
      weights[k] = kept + step;
      ok(pa_uwmmse_set_weights(model, weights, n));
      up = loss_of(model, states);
      weights[k] = kept - step;
      ok(pa_uwmmse_set_weights(model, weights, n));
      down = loss_of(model, states);
      slope[s] = (up - down) / (2 * step);
    }
    weights[k] = kept;
    if (fabs(slope[0] - slope[1]) > 1e-6 * (1 + fabs(slope[0]))) {
      left_out++;
      continue;
    }
    ck_assert_msg(fabs(slope[0] - gradient[k]) <= 2e-7 * (1 + fabs(gradient[k])),
                  "weight %zu: %.12g, differences say %.12g", k, gradient[k], slope[0]);
  }
  ck_assert_msg(left_out * 20 <= seen, "%zu of %zu weights at a kink", left_out, seen);
  free(weights);
  free(gradient);
}

START_TEST(central_differences) {
  static const struct {
    size_t layers, hidden, links, batch, stride;
  } shapes[] = {{1, 1, 1, 1, 1},  {2, 5, 2, 3, 1},   {4, 5, 3, 5, 1}, {4, 7, 7, 2, 1},
                {4, 5, 20, 9, 7}, {2, 5, 40, 2, 11}, {1, 5, 70, 1, 9}};
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++)
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
      pa_uwmmse *model = random_model(architecture, shapes[k].layers, shapes[k].hidden, k);
      double *h = channels(shapes[k].links, shapes[k].batch, k);
      pa_states *states = uneven_states(shapes[k].links, shapes[k].batch, h);
      against_central_differences(model, states, shapes[k].stride);
      pa_states_free(states);
      free(h);
      pa_uwmmse_free(model);
    }
}
END_TEST

/* The mean over a batch is the mean of its samples alone, whatever block a sample falls into. */
START_TEST(gradient_of_a_batch_is_the_mean) {
  static const size_t sizes_seen[] = {1, 2, 5, 20, 33}, batches[] = {1, 2, 3, 7, 8, 9, 17};
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++)
    for (size_t s = 0; s < 5; s++)
      for (size_t b = 0; b < 7; b++) {
        size_t n = sizes_seen[s], batch = batches[b], elements = n * n;
        pa_uwmmse *model = random_model(architecture, 3, 5, b);
        size_t count = pa_uwmmse_weight_count(model);
        double *h = channels(n, batch, s), *gradient = calloc(3 * count, sizeof *gradient);
        double *alone = gradient + count, *mean = alone + count, loss, loss_alone, loss_mean = 0;
        pa_states *states = uneven_states(n, batch, h), *one = uneven_states(n, 1, h);
        ok(pa_uwmmse_gradient(model, states, &loss, gradient, count));
        for (size_t k = 0; k < batch; k++) {
          ok(pa_states_bind(one, 1, h + k * elements));
          ok(pa_uwmmse_gradient(model, one, &loss_alone, alone, count));
          loss_mean += loss_alone / (double)batch;
          for (size_t w = 0; w < count; w++) mean[w] += alone[w] / (double)batch;
        }
        close_to(loss, loss_mean, 1e-12 * fabs(loss));
        for (size_t w = 0; w < count; w++) close_to(gradient[w], mean[w], 1e-11 * (fabs(mean[w]) + 1e-2));
        pa_states_free(states);
        pa_states_free(one);
        free(gradient);
        free(h);
        pa_uwmmse_free(model);
      }
}
END_TEST

/* Renaming the links changes neither the loss nor its gradient. */
START_TEST(gradient_does_not_know_the_names_of_links) {
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++)
    for (size_t n = 2; n <= 50; n += 12) {
      pa_uwmmse *model = random_model(architecture, 4, 5, n);
      size_t count = pa_uwmmse_weight_count(model);
      double *h = channels(n, 3, n), *renamed = calloc(3 * n * n, sizeof *renamed), loss[2];
      double *gradient = calloc(2 * count, sizeof *gradient);
      for (size_t b = 0; b < 3; b++)
        for (size_t i = 0; i < n; i++)
          for (size_t j = 0; j < n; j++) renamed[(b * n + (i + 1) % n) * n + (j + 1) % n] = h[(b * n + i) * n + j];
      for (size_t k = 0; k < 2; k++) {
        pa_states *states;
        ok(pa_states_create(&states, 3, n, k == 0 ? h : renamed, .05, 2, NULL));
        ok(pa_uwmmse_gradient(model, states, &loss[k], gradient + k * count, count));
        pa_states_free(states);
      }
      close_to(loss[0], loss[1], 1e-12 * fabs(loss[0]));
      for (size_t k = 0; k < count; k++) close_to(gradient[k], gradient[count + k], 1e-11 * (fabs(gradient[k]) + 1e-2));
      free(gradient);
      free(renamed);
      free(h);
      pa_uwmmse_free(model);
    }
}
END_TEST

/* Links with no channel of their own, links that hear nobody, nothing at all: the same gradient by differences. */
START_TEST(central_differences_with_dead_links) {
  enum { N = 5, B = 4, E = N * N };
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++) {
    pa_uwmmse *model = random_model(architecture, 4, 5, 6);
    double *h = channels(N, B, 6);
    h[0] = h[6] = 0;                                                 /* 0: two links without a channel */
    for (size_t i = 1; i < N; i++) h[E + i * N] = h[E + i] = 0;      /* 1: link 0 alone in the world */
    for (size_t k = 0; k < E; k++) h[2 * E + k] *= k % (N + 1) == 0; /* 2: no interference */
    memset(h + 3 * E, 0, E * sizeof *h);                             /* 3: nothing */
    pa_states *states = uneven_states(N, B, h);
    against_central_differences(model, states, 1);
    pa_states_free(states);
    free(h);
    pa_uwmmse_free(model);
  }
}
END_TEST

/* Training of large graphs takes its products from BLIS, inference does not: both must agree. */
START_TEST(large_graphs_agree_with_inference) {
  pa_uwmmse *model = random_model(PA_UWMMSE_EXTENDED, 1, 5, 3);
  double *h = channels(520, 1, 3);
  pa_states *states = uneven_states(520, 1, h);
  against_central_differences(model, states, 29);
  pa_states_free(states);
  free(h);
  pa_uwmmse_free(model);
}
END_TEST

/* Initial weights -------------------------------------------------------------------------------------------------- */

/* A part of a GCN from the public order: within Glorot's bound and not all small, or biases of .1. */
static const double *check_part(const double *w, size_t size, double bound, double bias) {
  double largest = 0;
  for (size_t k = 0; k < size; k++) {
    if (bias > 0) ck_assert_msg(w[k] == bias, "a bias is %g, not %g", w[k], bias);
    largest = fmax(largest, fabs(w[k]));
  }
  if (bias == 0) ck_assert_msg(largest <= bound && largest > bound / 2, "weights to %g, bound %g", largest, bound);
  return w + size;
}

START_TEST(initial_weights) {
  enum { LAYERS = 3, HIDDEN = 16 };
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++) {
    bool extended = architecture == PA_UWMMSE_EXTENDED;
    size_t features = extended ? 4 : 1, gcns = 2 * LAYERS + extended;
    pa_uwmmse *model, *same, *other;
    ok(pa_uwmmse_create(&model, architecture, LAYERS, HIDDEN, 9, NULL));
    ok(pa_uwmmse_create(&same, architecture, LAYERS, HIDDEN, 9, NULL));
    ok(pa_uwmmse_create(&other, architecture, LAYERS, HIDDEN, 10, NULL));
    size_t n = pa_uwmmse_weight_count(model);
    ck_assert_uint_eq(n, gcns * (2 * features * HIDDEN + 4 * HIDDEN + 2) + (extended ? 2u : 1u) * LAYERS);
    double *weights = calloc(3 * n, sizeof *weights);
    ok(pa_uwmmse_get_weights(model, weights, n));
    ok(pa_uwmmse_get_weights(same, weights + n, n));
    ok(pa_uwmmse_get_weights(other, weights + 2 * n, n));
    ck_assert_int_eq(memcmp(weights, weights + n, n * sizeof *weights), 0);
    ck_assert_int_ne(memcmp(weights, weights + 2 * n, n * sizeof *weights), 0);
    const double *w = weights;
    for (size_t g = 0; g < gcns; g++) {
      bool start = extended && g + 1 == gcns;
      for (int side = 0; side < 2; side++)
        w = check_part(w, features * HIDDEN, sqrt(6. / (double)(features + HIDDEN)), 0);
      w = check_part(w, 2 * HIDDEN, 0, .1);
      for (int side = 0; side < 2; side++) w = check_part(w, HIDDEN, sqrt(6. / (HIDDEN + 1)), 0);
      w = check_part(w, 1, 0, .1);
      w = check_part(w, 1, 0, start ? 2 : .1);
    }
    for (size_t k = 0; k < LAYERS; k++) ck_assert(w[k] == (extended ? .05 : 0));
    for (size_t k = LAYERS; extended && k < 2 * LAYERS; k++) ck_assert(w[k] == .5);
    free(weights);
    pa_uwmmse_free(model);
    pa_uwmmse_free(same);
    pa_uwmmse_free(other);
  }
}
END_TEST

/* The forward pass by definition ---------------------------------------------------------------------------------- */

/* gc2(sigmoid) of gc1(relu) on one sample, in the units and the order of the documentation; returns the next weight. */
static const double *gcn_by_definition(size_t n, size_t features, size_t hidden, const long double *f,
                                       const long double *x, const double *w, long double *y) {
  const double *first[2] = {w, w + features * hidden}, *bias = w + 2 * features * hidden;
  const double *second[2] = {bias + 2 * hidden, bias + 3 * hidden}, *end = bias + 4 * hidden + 2;
  long double *middle = calloc(n * hidden, sizeof *middle);
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < hidden; c++) {
      long double sum = (long double)bias[c] + bias[hidden + c];
      for (size_t k = 0; k < features; k++) {
        long double heard = 0;
        for (size_t j = 0; j < n; j++) heard += f[i * n + j] * x[j * features + k];
        sum += f[i * n + i] * x[i * features + k] * first[0][k * hidden + c] + heard * first[1][k * hidden + c];
      }
      middle[i * hidden + c] = sum > 0 ? sum : 0;
    }
  for (size_t i = 0; i < n; i++) {
    long double sum = (long double)end[-2] + end[-1];
    for (size_t c = 0; c < hidden; c++) {
      long double heard = 0;
      for (size_t j = 0; j < n; j++) heard += f[i * n + j] * middle[j * hidden + c];
      sum += f[i * n + i] * middle[i * hidden + c] * second[0][c] + heard * second[1][c];
    }
    y[i] = 1 / (1 + expl(-sum));
  }
  free(middle);
  return end;
}

/* F and X of a sample. */
static void inputs_by_definition(bool extended, const pa_states *states, const double *h, long double scale,
                                 long double *f, long double *x) {
  size_t n = pa_states_links(states), alive = 0;
  const double *noise = pa_states_noise(states), *pmax = pa_states_power_limit(states);
  long double mean = 0;
  for (size_t i = 0; i < n; i++)
    if (h[i * n + i] > 0) mean += logl(h[i * n + i]), alive++;
  mean = alive ? expl(mean / (long double)alive) : 1;
  for (size_t k = 0; k < n * n; k++) f[k] = extended ? h[k] / (h[k] + mean) : scale * h[k];
  for (size_t i = 0; i < n; i++) {
    long double heard = noise[i], column = 0, own = (long double)h[i * n + i] * h[i * n + i] * pmax[i];
    for (size_t j = 0; j < n; j++) {
      column += f[j * n + i];
      if (j != i) heard += (long double)h[j * n + i] * h[j * n + i] * pmax[j];
    }
    if (!extended) {
      x[i] = 1;
      continue;
    }
    x[i * 4] = 1;
    x[i * 4 + 1] = column;
    x[i * 4 + 2] = logl(fmaxl(own / noise[i], 1e-20L)) / 10;
    x[i * 4 + 3] = logl(fmaxl(own / heard, 1e-20L)) / 10;
  }
}

/* One layer: v in sqrt(W) becomes the next v. */
static void layer_by_definition(const pa_states *states, const double *h, const long double *a, const long double *b,
                                bool extended, double mu, double tau, long double *v) {
  size_t n = pa_states_links(states);
  const double *noise = pa_states_noise(states), *pmax = pa_states_power_limit(states),
               *weight = pa_states_weights(states);
  long double *u = calloc(3 * n, sizeof *u), *w = u + n, *next = w + n;
  for (size_t j = 0; j < n; j++) {
    long double heard = noise[j], own = h[j * n + j];
    for (size_t i = 0; i < n; i++)
      if (i != j) heard += (long double)h[i * n + j] * h[i * n + j] * v[i] * v[i];
    long double received = heard + own * own * v[j] * v[j];
    u[j] = own * v[j] / received;
    w[j] = weight[j] * (a[j] * received / heard + b[j]);
  }
  for (size_t i = 0; i < n; i++) {
    long double below = extended ? (long double)mu / pmax[i] : mu, above = h[i * n + i] * u[i] * w[i];
    for (size_t j = 0; j < n; j++) below += (long double)h[i * n + j] * h[i * n + j] * u[j] * u[j] * w[j];
    long double z = above == 0 ? 0 : above / below, most = sqrtl(pmax[i]);
    if (extended && z > 0) z *= powl(z / v[i], tau);
    next[i] = z > 0 ? fminl(z, most) : 0;
  }
  memcpy(v, next, n * sizeof *v);
  free(u);
}

struct optional {
  double scale, start;
};

/* Powers of one sample with weights in the public order. */
static void power_by_definition(const pa_uwmmse *model, const pa_states *states, size_t sample, struct optional o,
                                long double *power) {
  bool extended = pa_uwmmse_architecture(model) == PA_UWMMSE_EXTENDED;
  size_t n = pa_states_links(states), layers = pa_uwmmse_layers(model), hidden = pa_uwmmse_hidden(model),
         features = extended ? 4 : 1, count = pa_uwmmse_weight_count(model);
  const double *h = pa_states_channel(states) + sample * n * n, *pmax = pa_states_power_limit(states);
  double *weights = calloc(count, sizeof *weights);
  ok(pa_uwmmse_get_weights(model, weights, count));
  long double *f = calloc(n * n + (4 + 2 * layers + 1) * n, sizeof *f), *x = f + n * n, *gate = x + 4 * n;
  inputs_by_definition(extended, states, h, o.scale, f, x);
  const double *next = weights, *mu = weights + count - (extended ? 2 : 1) * layers;
  for (size_t g = 0; g < 2 * layers + extended; g++)
    next = gcn_by_definition(n, features, hidden, f, x, next, gate + g * n);
  ck_assert_ptr_eq(next, mu);
  for (size_t i = 0; i < n; i++) power[i] = sqrtl(pmax[i]) * (extended ? gate[2 * layers * n + i] : o.start);
  for (size_t k = 0; k < layers; k++)
    layer_by_definition(states, h, gate + 2 * k * n, gate + (2 * k + 1) * n, extended, mu[k],
                        extended ? mu[layers + k] : 0, power);
  for (size_t i = 0; i < n; i++) power[i] *= power[i];
  free(f);
  free(weights);
}

static void against_definition(pa_uwmmse *model, const pa_states *states, struct optional o) {
  size_t n = pa_states_links(states), batch = pa_states_batch(states);
  double *power = calloc(batch * n, sizeof *power);
  long double *defined = calloc(n, sizeof *defined);
  ok(pa_policy_allocate(pa_uwmmse_policy(model), states, power, NULL, 0));
  for (size_t b = 0; b < batch; b++) {
    power_by_definition(model, states, b, o, defined);
    for (size_t i = 0; i < n; i++)
      ck_assert_msg(fabsl(power[b * n + i] - defined[i]) <= 1e-11L * pa_states_power_limit(states)[i],
                    "%zu links, sample %zu, link %zu: %.17g, by definition %.17Lg", n, b, i, power[b * n + i],
                    defined[i]);
  }
  free(defined);
  free(power);
}

/* Links that differ in noise, limit and weight, some without a channel of their own, some that nobody else hears. */
START_TEST(forward_pass_by_definition) {
  static const struct {
    size_t layers, hidden, links, batch;
  } shapes[] = {{1, 1, 1, 1},  {4, 5, 1, 9},  {4, 5, 2, 3},  {2, 7, 3, 17}, {4, 5, 7, 1},  {3, 6, 20, 9},
                {4, 5, 32, 2}, {4, 5, 33, 2}, {4, 5, 40, 3}, {8, 3, 10, 4}, {1, 2, 300, 1}};
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++)
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++)
      for (int dead = 0; dead < 2; dead++) {
        size_t n = shapes[k].links;
        pa_uwmmse *model = random_model(architecture, shapes[k].layers, shapes[k].hidden, 40 + k);
        double *h = channels(n, shapes[k].batch, 40 + k);
        for (size_t b = 0; dead && b < shapes[k].batch; b++)
          for (size_t i = b % 3; i < n; i += 3)
            for (size_t j = 0; j < n; j++)
              if (i % 2 ? i == j : i != j) h[(b * n + i) * n + j] = 0;
        pa_states *states = uneven_states(n, shapes[k].batch, h);
        against_definition(model, states, (struct optional){1, 1});
        pa_states_free(states);
        free(h);
        pa_uwmmse_free(model);
      }
}
END_TEST

/* Properties ----------------------------------------------------------------------------------------------------- */

static double *powers(pa_uwmmse *model, size_t batch, size_t links, const double *h, double noise, double pmax) {
  pa_states *states;
  double *power = calloc(batch * links, sizeof *power);
  ok(pa_states_create(&states, batch, links, h, noise, pmax, NULL));
  ok(pa_policy_allocate(pa_uwmmse_policy(model), states, power, NULL, 0));
  pa_states_free(states);
  return power;
}

/* Powers of two scale without rounding, so only the logarithms of the features may differ. */
START_TEST(extended_is_free_of_units) {
  enum { N = 11, B = 6 };
  pa_uwmmse *model = random_model(PA_UWMMSE_EXTENDED, 4, 5, 8);
  double *h = channels(N, B, 8), scaled[N * N * B];
  double *power = powers(model, B, N, h, 0.01, 1);
  for (size_t k = 0; k < N * N * B; k++) scaled[k] = h[k] * 0x1p-21;
  double *far = powers(model, B, N, scaled, 0.01 * 0x1p-42, 1), *loud = powers(model, B, N, h, 0.01 * 16, 16);
  for (size_t k = 0; k < N * B; k++) {
    close_to(far[k], power[k], 1e-11);
    close_to(loud[k] / 16, power[k], 1e-11);
  }
  free(far);
  free(loud);
  free(power);
  free(h);
  pa_uwmmse_free(model);
}
END_TEST

/* A gradient is finite, or it is refused and the outputs are as before. */
static void finite_gradient_or_none(const pa_uwmmse *model, size_t links, const double *h, double noise) {
  size_t n = pa_uwmmse_weight_count(model);
  double *gradient = calloc(n, sizeof *gradient), loss = NAN;
  for (size_t k = 0; k < n; k++) gradient[k] = 7;
  pa_states *states;
  ok(pa_states_create(&states, 1, links, h, noise, 2, NULL));
  pa_status status = pa_uwmmse_gradient(model, states, &loss, gradient, n);
  if (status != PA_OK) ck_assert_int_eq(status, PA_ERROR_NUMERIC);
  ck_assert(status == PA_OK ? isfinite(loss) && loss <= 0 : isnan(loss));
  for (size_t k = 0; k < n; k++) ck_assert(status == PA_OK ? isfinite(gradient[k]) : gradient[k] == 7);
  pa_states_free(states);
  free(gradient);
}

/* Weights that drive a sample's gradient out of the finite numbers: refused, nothing written. */
START_TEST(gradients_that_overflow_are_refused) {
  enum { N = 4 };
  pa_uwmmse *model;
  double weights[260] = {0}, gradient[260], loss = 7, *h = channels(N, 3, 1);
  ok(pa_uwmmse_create(&model, PA_UWMMSE_PAPER, 4, 5, 0, NULL));
  for (size_t gcn = 0; gcn < 8; gcn++)
    for (size_t k = 0; k < 10; k++) {
      weights[gcn * 32 + k] = 1e-250;
      weights[gcn * 32 + 20 + k] = 1e250;
    }
  for (size_t k = 256; k < 260; k++) weights[k] = 2; /* mu: away from full power */
  ok(pa_uwmmse_set_weights(model, weights, 260));
  for (size_t k = 0; k < 260; k++) gradient[k] = 7;
  memset(h, 0, 2 * N * N * sizeof *h);
  pa_states *states = uneven_states(N, 3, h);
  fails(pa_uwmmse_gradient(model, states, &loss, gradient, 260), PA_ERROR_NUMERIC, "1 samples is not finite");
  ck_assert(loss == 7);
  for (size_t k = 0; k < 260; k++) ck_assert(gradient[k] == 7);
  pa_states_free(states);
  free(h);
  pa_uwmmse_free(model);
}
END_TEST

START_TEST(extreme_channels_give_powers) {
  enum { N = 9, B = 8, E = N * N };
  double h[B * E], *base = channels(N, B, 4);
  memcpy(h, base, sizeof h);
  for (size_t k = 0; k < E; k++) h[k] *= 1e-8;                     /* 0: a real channel */
  for (size_t i = 0; i < N; i++) h[E + i * N + i] = 0;             /* 1: no link has a channel */
  for (size_t k = 0; k < E; k++) h[2 * E + k] *= k % (N + 1) == 0; /* 2: no interference */
  memset(h + 3 * E, 0, E * sizeof *h);                             /* 3: nothing at all */
  h[4 * E + 5] = 1e20;                                             /* 4: one giant */
  for (size_t k = 0; k < E; k++) h[5 * E + k] = 1e-310;            /* 5: denormal */
  for (size_t k = 0; k < E; k++) h[6 * E + k] *= 1e12;             /* 6: strong */
  for (size_t k = 0; k < E; k++) h[7 * E + k] = k % 7 == 0 ? 0 : k % 5 == 0 ? 1e15 : 1e-15; /* 7: wild */
  static const double noises[] = {2e-13, 1, 1e6};
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++)
    for (size_t m = 0; m < 3; m++) {
      pa_uwmmse *model = random_model(architecture, 4, 5, m);
      for (size_t s = 0; s < 3; s++)
        for (size_t b = 0; b < B; b++)
          for (size_t links = 1; links <= N; links += 4) {
            double *power = powers(model, 1, links, h + b * E, noises[s], 2);
            for (size_t i = 0; i < links; i++)
              ck_assert_msg(power[i] >= 0 && power[i] <= 2, "sample %zu, noise %g: power %g", b, noises[s], power[i]);
            finite_gradient_or_none(model, links, h + b * E, noises[s]);
            free(power);
          }
      pa_uwmmse_free(model);
    }
  free(base);
}
END_TEST

/* Files ---------------------------------------------------------------------------------------------------------- */

static char *temporary(const char *name) {
  static char path[256];
  const char *folder = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/powalloc-%d-%s", folder ? folder : "/tmp", (int)getpid(), name);
  return path;
}

static const double *tensor(const pa_model_file *file, const char *name, size_t *size) {
  for (size_t t = 0; t < pa_model_file_tensor_count(file); t++)
    if (strcmp(pa_model_file_tensor_name(file, t), name) == 0) {
      *size = 1;
      for (size_t a = 0; a < pa_model_file_tensor_rank(file, t); a++) *size *= pa_model_file_tensor_extent(file, t, a);
      return pa_model_file_tensor_data(file, t);
    }
  ck_abort_msg("no tensor %s", name);
  return NULL;
}

/* The tensors by name in the documented order are the weights one after the other; returns how many elements. */
static size_t tensors_in_order(const pa_model_file *file, size_t layers, bool extended, const double *weights) {
  static const char *const parts[] = {"gc1.w0", "gc1.w1", "gc1.b0", "gc1.b1", "gc2.w0", "gc2.w1", "gc2.b0", "gc2.b1"};
  size_t gcns = 2 * layers + extended, names = gcns * 8 + (extended ? 2 : 1) * layers, seen = 0;
  for (size_t k = 0; k < names; k++) {
    char name[64];
    size_t scalar = k - gcns * 8, size;
    if (k >= gcns * 8)
      snprintf(name, sizeof name, "layer%zu.%s", scalar % layers + 1, scalar < layers ? "mu" : "tau");
    else if (k / 8 == 2 * layers)
      snprintf(name, sizeof name, "start.%s", parts[k % 8]);
    else
      snprintf(name, sizeof name, "layer%zu.%c.%s", k / 16 + 1, k / 8 % 2 ? 'b' : 'a', parts[k % 8]);
    const double *data = tensor(file, name, &size);
    ck_assert_msg(memcmp(data, weights + seen, size * sizeof *data) == 0, "%s is not in its place", name);
    seen += size;
  }
  ck_assert_uint_eq(pa_model_file_tensor_count(file), names + (extended ? 0 : 2));
  return seen;
}

START_TEST(files_keep_every_bit) {
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++) {
    pa_uwmmse *model = random_model(architecture, 3, 6, 5), *back;
    size_t n = pa_uwmmse_weight_count(model);
    double *weights = calloc(2 * n, sizeof *weights);
    const char *path = temporary("model.safetensors");
    ok(pa_uwmmse_save(model, path, "by hand"));
    ok(pa_uwmmse_load(&back, path, NULL));
    ck_assert_int_eq(pa_uwmmse_architecture(back), architecture);
    ck_assert_uint_eq(pa_uwmmse_layers(back), 3);
    ck_assert_uint_eq(pa_uwmmse_hidden(back), 6);
    ck_assert_uint_eq(pa_uwmmse_weight_count(back), n);
    ok(pa_uwmmse_get_weights(model, weights, n));
    ok(pa_uwmmse_get_weights(back, weights + n, n));
    ck_assert_int_eq(memcmp(weights, weights + n, n * sizeof *weights), 0);

    pa_model_file *file;
    ok(pa_model_file_load(&file, path, NULL));
    ck_assert_str_eq(pa_model_file_metadata(file, "trained"), "by hand");
    ck_assert_uint_eq(tensors_in_order(file, 3, architecture == PA_UWMMSE_EXTENDED, weights), n);
    pa_model_file_free(file);

    pa_policy *policy;
    ok(pa_policy_load(&policy, path, NULL));
    ck_assert_str_eq(pa_policy_name(policy), "uwmmse");
    pa_policy_free(policy);
    ck_assert_int_eq(remove(path), 0);
    fails(pa_uwmmse_save(model, "/no/such/folder/model", NULL), PA_ERROR_FILE, "/no/such/folder/model");
    free(weights);
    pa_uwmmse_free(model);
    pa_uwmmse_free(back);
  }
}
END_TEST

/* A model's tensors, changed by one before writing. */
struct change {
  const char *name; /* of the tensor to leave out or to replace, NULL for none */
  bool leave_out;
  double value;
  const char *add; /* a scalar to add, NULL for none */
  double added;
};

static void write_changed(const char *from, const char *to, const char *kind, const char *architecture,
                          struct change change) {
  pa_model_file *file;
  ok(pa_model_file_load(&file, from, NULL));
  size_t count = pa_model_file_tensor_count(file), kept = 0;
  pa__tensor *tensors = calloc(count + 1, sizeof *tensors);
  for (size_t t = 0; t < count; t++) {
    const char *name = pa_model_file_tensor_name(file, t);
    bool hit = change.name && strcmp(name, change.name) == 0;
    if (hit && change.leave_out) continue;
    pa__tensor *tensor = &tensors[kept++];
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    tensor->rank = pa_model_file_tensor_rank(file, t);
    for (size_t a = 0; a < tensor->rank; a++) tensor->extent[a] = pa_model_file_tensor_extent(file, t, a);
    tensor->data = (double *)(uintptr_t)pa_model_file_tensor_data(file, t);
    if (hit) tensor->data = &change.value;
  }
  if (change.add) {
    snprintf(tensors[kept].name, sizeof tensors[kept].name, "%s", change.add);
    tensors[kept++].data = &change.added;
  }
  const pa__metadata metadata[] = {{"layers", "4"}, {"hidden", "5"}, {"architecture", architecture}, {"kind", kind}};
  ok(pa__model_write(to, metadata, kind ? 4 : 3, tensors, kept));
  free(tensors);
  pa_model_file_free(file);
}

static void write_tensors(const pa_model_file *file, const char *to, const char *layers, const char *hidden) {
  size_t count = pa_model_file_tensor_count(file);
  pa__tensor *tensors = calloc(count, sizeof *tensors);
  for (size_t t = 0; t < count; t++) {
    snprintf(tensors[t].name, sizeof tensors[t].name, "%s", pa_model_file_tensor_name(file, t));
    tensors[t].rank = pa_model_file_tensor_rank(file, t);
    for (size_t a = 0; a < tensors[t].rank; a++) tensors[t].extent[a] = pa_model_file_tensor_extent(file, t, a);
    tensors[t].data = (double *)(uintptr_t)pa_model_file_tensor_data(file, t);
  }
  const pa__metadata metadata[] = {
      {"kind", "uwmmse"}, {"architecture", "extended"}, {"layers", layers}, {"hidden", hidden}};
  ok(pa__model_write(to, metadata, 4, tensors, count));
  free(tensors);
}

START_TEST(wrong_files_are_refused_by_reason) {
  char good[256], bad[256];
  snprintf(good, sizeof good, "%s", temporary("good.safetensors"));
  snprintf(bad, sizeof bad, "%s", temporary("bad.safetensors"));
  pa_uwmmse *model = random_model(PA_UWMMSE_EXTENDED, 4, 5, 2), *none = NULL;
  ok(pa_uwmmse_save(model, good, NULL));
  static const struct {
    const char *kind, *architecture;
    struct change change;
    const char *reason;
  } cases[] = {{"uwmmse", "extended", {.name = "layer2.mu", .leave_out = true}, "layer2.mu"},
               {"uwmmse", "extended", {.name = "layer2.mu", .value = -1}, "layer2.mu is negative"},
               {"uwmmse", "extended", {.name = "layer4.tau", .value = -1e-9}, "layer4.tau is negative"},
               {"uwmmse", "extended", {.add = "layer9.mu"}, "layer9.mu"},
               {"uwmmse", "extended", {.add = "v0"}, "v0"},
               {"uwmmse", "extended", {.name = "start.gc2.b1", .leave_out = true}, "start.gc2.b1 is missing"},
               {"uwmmse", "extended", {.add = "layer1.a.gc3.w0"}, "layer1.a.gc3.w0 is unknown"},
               {"uwmmse", "paper", {.name = NULL}, "layer1.a.gc1.w0"},
               {NULL, "extended", {.name = NULL}, "kind"},
               {"uwmmse", "deep", {.name = NULL}, "\"deep\""},
               {"deep", "extended", {.name = NULL}, "\"deep\""}};
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    write_changed(good, bad, cases[k].kind, cases[k].architecture, cases[k].change);
    fails(pa_uwmmse_load(&none, bad, NULL), PA_ERROR_FORMAT, cases[k].reason);
    fails(pa_uwmmse_load(&none, bad, NULL), PA_ERROR_FORMAT, bad);
    pa_policy *policy = NULL;
    fails(pa_policy_load(&policy, bad, NULL), PA_ERROR_FORMAT, cases[k].reason);
    ck_assert_ptr_null(none);
    ck_assert_ptr_null(policy);
  }
  static const struct {
    const char *layers, *hidden, *reason;
  } shapes[] = {{"0", "5", "layers"},
                {"65", "5", "layers"},
                {"4", "0", "hidden"},
                {"4", "65", "hidden"},
                {"x", "5", "layers"},
                {"-4", "5", "layers"},
                {"4", "18446744073709551621", "hidden"},
                {"5", "5", "layer5"},
                {"3", "5", "layer4"},
                {"4", "6", "shape"},
                {"", "5", "layers"}};
  for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
    pa_model_file *file;
    ok(pa_model_file_load(&file, good, NULL));
    write_tensors(file, bad, shapes[k].layers, shapes[k].hidden);
    pa_model_file_free(file);
    fails(pa_uwmmse_load(&none, bad, NULL), PA_ERROR_FORMAT, shapes[k].reason);
    ck_assert_ptr_null(none);
  }
  remove(good);
  remove(bad);
  pa_uwmmse_free(model);
}
END_TEST

/* v0 starts the layers lower, gcn.scale stands for scaled channels inside the GCNs; without them both are 1. */
START_TEST(optional_tensors_of_the_paper_architecture) {
  enum { N = 5, B = 2 };
  char plain[256], other[256];
  snprintf(plain, sizeof plain, "%s", temporary("plain.safetensors"));
  snprintf(other, sizeof other, "%s", temporary("other.safetensors"));
  pa_uwmmse *model = random_model(PA_UWMMSE_PAPER, 4, 5, 2), *one, *half;
  double weights[260];
  ok(pa_uwmmse_get_weights(model, weights, 260));
  for (size_t k = 256; k < 260; k++) weights[k] = 2; /* mu: away from full power */
  ok(pa_uwmmse_set_weights(model, weights, 260));
  double *h = channels(N, B, 2), *power = powers(model, B, N, h, 0.1, 1);
  ok(pa_uwmmse_save(model, plain, NULL));
  static const char *const names[] = {"v0", "gcn.scale"};
  for (size_t k = 0; k < 2; k++) {
    struct change drop = {.name = names[k], .leave_out = true}, change = {.name = names[k], .value = 0.5};
    write_changed(plain, other, "uwmmse", "paper", drop);
    ok(pa_uwmmse_load(&one, other, NULL));
    write_changed(plain, other, "uwmmse", "paper", change);
    ok(pa_uwmmse_load(&half, other, NULL));
    double *same = powers(one, B, N, h, 0.1, 1), *changed = powers(half, B, N, h, 0.1, 1);
    ck_assert_int_eq(memcmp(power, same, B * N * sizeof *power), 0);
    ck_assert_int_ne(memcmp(power, changed, B * N * sizeof *power), 0);
    pa_states *states = uneven_states(N, B, h);
    against_definition(half, states, k == 0 ? (struct optional){1, 0.5} : (struct optional){0.5, 1});
    against_central_differences(half, states, 3);
    ok(pa_uwmmse_save(half, other, NULL)); /* what was loaded is saved */
    pa_uwmmse_free(one);
    ok(pa_uwmmse_load(&one, other, NULL));
    against_definition(one, states, k == 0 ? (struct optional){1, 0.5} : (struct optional){0.5, 1});
    pa_states_free(states);
    free(same);
    free(changed);
    pa_uwmmse_free(one);
    pa_uwmmse_free(half);
  }
  static const double wrong[] = {0, -0.5, 1.5};
  static const char *const reasons[] = {"v0 is 0", "v0 is -0.5", "v0 is 1.5"};
  for (size_t k = 0; k < 3; k++) {
    struct change change = {.name = "v0", .value = wrong[k]};
    write_changed(plain, other, "uwmmse", "paper", change);
    fails(pa_uwmmse_load(&one, other, NULL), PA_ERROR_FORMAT, reasons[k]);
  }
  remove(plain);
  remove(other);
  free(power);
  free(h);
  pa_uwmmse_free(model);
}
END_TEST

/* Memory ----------------------------------------------------------------------------------------------------------- */

/* An allocator that counts, and has nothing left after `left` calls. */
struct purse {
  size_t left, live;
};

static void *purse_allocate(void *user, size_t bytes, size_t alignment) {
  struct purse *purse = user;
  if (purse->left == 0) return NULL;
  purse->left--;
  void *memory = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory) purse->live++;
  return memory;
}

static void purse_release(void *user, void *memory) {
  ((struct purse *)user)->live--;
  free(memory);
}

struct attempt {
  pa_allocator allocator;
  const char *path;
  pa_uwmmse *model; /* with that allocator */
  pa_states *states;
  void *out;
  double loss, *numbers;
};

static pa_status try_create(struct attempt *a) {
  return pa_uwmmse_create((pa_uwmmse **)&a->out, PA_UWMMSE_EXTENDED, 4, 5, 0, &a->allocator);
}

static pa_status try_load(struct attempt *a) { return pa_uwmmse_load((pa_uwmmse **)&a->out, a->path, &a->allocator); }

static pa_status try_policy(struct attempt *a) { return pa_policy_load((pa_policy **)&a->out, a->path, &a->allocator); }

static pa_status try_save(struct attempt *a) { return pa_uwmmse_save(a->model, a->path, NULL); }

static pa_status try_gradient(struct attempt *a) {
  return pa_uwmmse_gradient(a->model, a->states, &a->loss, a->numbers, pa_uwmmse_weight_count(a->model));
}

static pa_status try_allocate(struct attempt *a) {
  return pa_policy_allocate(pa_uwmmse_policy(a->model), a->states, a->numbers, NULL, 0);
}

static void free_model(void *model) { pa_uwmmse_free(model); }

static void free_policy(void *policy) { pa_policy_free(policy); }

START_TEST(memory_may_run_out_at_every_call) {
  static const struct {
    pa_status (*call)(struct attempt *);
    void (*free)(void *);
  } calls[] = {{try_create, free_model}, {try_load, free_model}, {try_policy, free_policy},
               {try_save, NULL},         {try_gradient, NULL},   {try_allocate, NULL}};
  char path[256];
  snprintf(path, sizeof path, "%s", temporary("memory.safetensors"));
  struct purse purse = {SIZE_MAX, 0};
  struct attempt a = {.allocator = {purse_allocate, purse_release, &purse}, .path = path};
  double *h = channels(4, 3, 0), numbers[600];
  a.states = uneven_states(4, 3, h);
  a.numbers = numbers;
  ok(pa_uwmmse_create(&a.model, PA_UWMMSE_EXTENDED, 4, 5, 0, &a.allocator));
  ok(pa_uwmmse_save(a.model, path, NULL));
  size_t before = purse.live;
  for (size_t k = 0; k < sizeof calls / sizeof calls[0]; k++) {
    pa_status status = PA_ERROR_MEMORY;
    for (size_t left = 0; status != PA_OK; left++) {
      ck_assert_uint_lt(left, 1000);
      purse.left = left;
      a.out = NULL;
      a.loss = numbers[0] = numbers[599] = 7;
      status = calls[k].call(&a);
      ck_assert_msg(status == PA_OK ? left > 0 : status == PA_ERROR_MEMORY, "call %zu with %zu left: %s, %s", k, left,
                    pa_status_name(status), pa_last_error());
      if (status == PA_OK) break;
      ck_assert_ptr_null(a.out);
      ck_assert(a.loss == 7 && numbers[0] == 7 && numbers[599] == 7);
      ck_assert_uint_eq(purse.live, before);
    }
    if (calls[k].free) calls[k].free(a.out);
    ck_assert_uint_eq(purse.live, before);
  }
  pa_uwmmse *none = NULL;
  pa_allocator halves[] = {{purse_allocate, NULL, &purse}, {NULL, purse_release, &purse}};
  for (size_t k = 0; k < 2; k++) {
    fails(pa_uwmmse_create(&none, PA_UWMMSE_PAPER, 4, 5, 0, &halves[k]), PA_ERROR_ARGUMENT, "allocator");
    fails(pa_uwmmse_load(&none, path, &halves[k]), PA_ERROR_ARGUMENT, "allocator");
  }
  ck_assert_ptr_null(none);
  purse.left = SIZE_MAX;
  pa_uwmmse_free(a.model);
  ck_assert_uint_eq(purse.live, 0);
  pa_states_free(a.states);
  free(h);
  remove(path);
}
END_TEST

START_TEST(bad_input_is_named_and_changes_nothing) {
  pa_uwmmse *model, *none = NULL;
  ok(pa_uwmmse_create(&model, PA_UWMMSE_EXTENDED, 2, 3, 0, NULL));
  size_t n = pa_uwmmse_weight_count(model);
  double *weights = calloc(2 * n, sizeof *weights), loss = 7;
  fails(pa_uwmmse_create(&none, 3, 4, 5, 0, NULL), PA_ERROR_ARGUMENT, "architecture is 3");
  fails(pa_uwmmse_create(&none, PA_UWMMSE_PAPER, 0, 5, 0, NULL), PA_ERROR_ARGUMENT, "layers is 0");
  fails(pa_uwmmse_create(&none, PA_UWMMSE_PAPER, 4, 65, 0, NULL), PA_ERROR_ARGUMENT, "hidden is 65");
  fails(pa_uwmmse_create(&none, 0, 4, 5, 0, NULL), PA_ERROR_ARGUMENT, "architecture is 0");
  fails(pa_uwmmse_create(&none, PA_UWMMSE_PAPER, SIZE_MAX / 2, 5, 0, NULL), PA_ERROR_ARGUMENT, "layers is 9223372036");
  fails(pa_uwmmse_create(&none, PA_UWMMSE_PAPER, 4, SIZE_MAX / 2, 0, NULL), PA_ERROR_ARGUMENT, "hidden is 9223372036");
  fails(pa_uwmmse_create(&none, PA_UWMMSE_PAPER, 65, 5, 0, NULL), PA_ERROR_ARGUMENT, "layers is 65");
  fails(pa_uwmmse_create(&none, PA_UWMMSE_PAPER, 4, 0, 0, NULL), PA_ERROR_ARGUMENT, "hidden is 0");
  fails(pa_uwmmse_create(NULL, PA_UWMMSE_PAPER, 4, 5, 0, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_uwmmse_load(NULL, "x", NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_uwmmse_load(&none, NULL, NULL), PA_ERROR_ARGUMENT, "path is NULL");
  fails(pa_uwmmse_load(&none, "/no/such/file", NULL), PA_ERROR_FILE, "/no/such/file");
  fails(pa_uwmmse_save(NULL, "x", NULL), PA_ERROR_ARGUMENT, "model is NULL");
  fails(pa_uwmmse_save(model, NULL, NULL), PA_ERROR_ARGUMENT, "path is NULL");
  ck_assert_ptr_null(none);
  ok(pa_uwmmse_get_weights(model, weights, n));
  memcpy(weights + n, weights, n * sizeof *weights);
  fails(pa_uwmmse_get_weights(model, weights, n - 1), PA_ERROR_ARGUMENT, "weights has");
  weights[4] = NAN;
  fails(pa_uwmmse_set_weights(model, weights, n), PA_ERROR_ARGUMENT, "weights[4] is not finite");
  weights[4] = 0;
  weights[n - 1] = -1;
  fails(pa_uwmmse_set_weights(model, weights, n), PA_ERROR_ARGUMENT, "a tau, is negative");
  ok(pa_uwmmse_get_weights(model, weights, n));
  ck_assert_int_eq(memcmp(weights, weights + n, n * sizeof *weights), 0);
  static const double bad_weights[] = {INFINITY, -INFINITY, NAN};
  for (size_t k = 0; k < 3; k++) {
    memcpy(weights, weights + n, n * sizeof *weights);
    weights[n - 1] = bad_weights[k];
    fails(pa_uwmmse_set_weights(model, weights, n), PA_ERROR_ARGUMENT, "is not finite");
  }
  memcpy(weights, weights + n, n * sizeof *weights);
  weights[n - 4] = -1e-300;
  fails(pa_uwmmse_set_weights(model, weights, n), PA_ERROR_ARGUMENT, "a mu, is negative");
  fails(pa_uwmmse_set_weights(model, weights, n + 1), PA_ERROR_ARGUMENT, "weights has");
  fails(pa_uwmmse_set_weights(model, weights, SIZE_MAX / 2), PA_ERROR_ARGUMENT, "weights has");
  fails(pa_uwmmse_set_weights(model, NULL, n), PA_ERROR_ARGUMENT, "weights is NULL");
  fails(pa_uwmmse_set_weights(NULL, weights, n), PA_ERROR_ARGUMENT, "model is NULL");
  fails(pa_uwmmse_get_weights(NULL, weights, n), PA_ERROR_ARGUMENT, "model is NULL");
  fails(pa_uwmmse_get_weights(model, NULL, n), PA_ERROR_ARGUMENT, "weights is NULL");
  ok(pa_uwmmse_get_weights(model, weights, n));
  ck_assert_int_eq(memcmp(weights, weights + n, n * sizeof *weights), 0);
  double h[8] = {1, 0.1, 0.1, 1, 1, 0.1, 0.1, -1};
  static const struct {
    size_t place;
    double value;
    const char *reason;
  } channel[] = {{2, NAN, "h[0][1][0] is "},
                 {5, INFINITY, "h[1][0][1] is inf"},
                 {7, -1, "h[1][1][1] is -1"},
                 {4, 1e200, "h[1][0][0] is 1e+200"}};
  pa_states *states;
  ok(pa_states_create(&states, 2, 2, h, 1, 1, NULL));
  fails(pa_uwmmse_gradient(model, states, &loss, weights, n), PA_ERROR_ARGUMENT, "h[1][1][1] is -1");
  h[7] = 1;
  for (size_t k = 0; k < sizeof channel / sizeof channel[0]; k++) {
    double kept = h[channel[k].place];
    h[channel[k].place] = channel[k].value;
    fails(pa_uwmmse_gradient(model, states, &loss, weights, n), PA_ERROR_ARGUMENT, channel[k].reason);
    h[channel[k].place] = kept;
  }
  fails(pa_uwmmse_gradient(model, states, &loss, weights, n - 1), PA_ERROR_ARGUMENT, "gradient has");
  fails(pa_uwmmse_gradient(model, NULL, &loss, weights, n), PA_ERROR_ARGUMENT, "states is NULL");
  fails(pa_uwmmse_gradient(model, states, &loss, NULL, n), PA_ERROR_ARGUMENT, "gradient is NULL");
  fails(pa_uwmmse_gradient(NULL, states, &loss, weights, n), PA_ERROR_ARGUMENT, "model is NULL");
  ck_assert(loss == 7);
  ck_assert_int_eq(memcmp(weights, weights + n, n * sizeof *weights), 0);
  ck_assert_ptr_null(pa_uwmmse_policy(NULL));
  ck_assert_uint_eq(pa_uwmmse_weight_count(NULL) + pa_uwmmse_layers(NULL) + pa_uwmmse_hidden(NULL), 0);
  pa_uwmmse_free(NULL);
  ok(pa_uwmmse_gradient(model, states, NULL, weights, n)); /* the loss is optional */
  ck_assert_int_ne(memcmp(weights, weights + n, n * sizeof *weights), 0);
  pa_states_free(states);
  free(weights);
  pa_uwmmse_free(model);
}
END_TEST

int main(void) {
  return run_tests(
      "uwmmse", (const TTest *const[]){fixtures, central_differences, gradient_of_a_batch_is_the_mean,
                                       gradient_does_not_know_the_names_of_links, central_differences_with_dead_links,
                                       large_graphs_agree_with_inference, initial_weights, forward_pass_by_definition,
                                       extended_is_free_of_units, gradients_that_overflow_are_refused,
                                       extreme_channels_give_powers, files_keep_every_bit,
                                       wrong_files_are_refused_by_reason, optional_tensors_of_the_paper_architecture,
                                       memory_may_run_out_at_every_call, bad_input_is_named_and_changes_nothing, NULL});
}
