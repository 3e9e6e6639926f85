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

static const char *const verified[] = {"uwmmse_M%d_s1_mu0.0",     "uwmmse_M%d_s1_mu0.05",    "uwmmse_M%d_s1em10_mu0.0",
                                    "uwmmse_M%d_s1em10_mu0.05", "uwmmse_M%d_s1em9p1_mu0.0", "uwmmse_M%d_s1em9p1_mu0.05"};
static const int sizes[] = {1, 2, 3, 20, 50};

START_TEST(fixtures) {
  for (size_t c = 0; c < sizeof verified / sizeof verified[0]; c++)
    for (size_t m = 0; m < sizeof sizes / sizeof sizes[0]; m++) {
      char name[64];
      snprintf(name, sizeof name, verified[c], sizes[m]);
      fixture *f = fixture_open(name);
      size_t shape[8];
      const double *h = fixture_get(f, "H", shape), *p = fixture_get(f, "p", NULL), *grad = fixture_get(f, "grad_theta", NULL);
      pa_states *states;
      ok(pa_states_create(&states, shape[0], shape[1], h, fixture_scalar(f, "s2"), fixture_scalar(f, "pmax"), NULL));
      pa_uwmmse *model = model_of(f);
      double *power = calloc(shape[0] * shape[1], sizeof(double)), gradient[260], loss;
      ok(pa_policy_allocate(pa_uwmmse_policy(model), states, power, NULL, 0));
      for (size_t k = 0; k < shape[0] * shape[1]; k++) close_to(power[k], p[k], 1e-10);
      ok(pa_uwmmse_gradient(model, states, &loss, gradient, 260));
      close_to(loss, fixture_scalar(f, "loss"), 1e-9 * fabs(loss));
      double largest = 0;
      for (size_t k = 0; k < 260; k++) largest = fmax(largest, fabs(grad[k]));
      for (size_t k = 0; k < 260; k++)
        ck_assert_msg(fabs(gradient[k] - grad[k]) <= 1e-8 * fmax(fabs(grad[k]), 1e-3 * largest), "%s: gradient[%zu] is %.12g, not %.12g", name, k, gradient[k], grad[k]);
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

/* Every `stride`-th weight. A kink (ReLU, a clipped v) between the two points makes the two step sizes disagree: then the
 * weight says nothing and is left out, which must be rare. */
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
    ck_assert_msg(fabs(slope[0] - gradient[k]) <= 2e-7 * (1 + fabs(gradient[k])), "weight %zu: %.12g, differences say %.12g", k,
                  gradient[k], slope[0]);
  }
  ck_assert_msg(left_out * 20 <= seen, "%zu of %zu weights at a kink", left_out, seen);
  free(weights);
  free(gradient);
}

START_TEST(central_differences) {
  static const struct {
    size_t layers, hidden, links, batch, stride;
  } shapes[] = {{1, 1, 1, 1, 1}, {2, 5, 2, 3, 1}, {4, 5, 3, 5, 1}, {4, 7, 7, 2, 1}, {4, 5, 20, 9, 7}, {2, 5, 40, 2, 11}, {1, 5, 70, 1, 9}};
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

START_TEST(extreme_channels_give_powers) {
  enum { N = 9, B = 8, E = N * N };
  double h[B * E], *base = channels(N, B, 4);
  memcpy(h, base, sizeof h);
  for (size_t k = 0; k < E; k++) h[k] *= 1e-8;                              /* 0: a real channel */
  for (size_t i = 0; i < N; i++) h[E + i * N + i] = 0;                      /* 1: no link has a channel */
  for (size_t k = 0; k < E; k++) h[2 * E + k] *= k % (N + 1) == 0;          /* 2: no interference */
  memset(h + 3 * E, 0, E * sizeof *h);                                      /* 3: nothing at all */
  h[4 * E + 5] = 1e20;                                                      /* 4: one giant */
  for (size_t k = 0; k < E; k++) h[5 * E + k] = 1e-310;                     /* 5: denormal */
  for (size_t k = 0; k < E; k++) h[6 * E + k] *= 1e12;                      /* 6: strong */
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

    /* The tensors' order in the file's names is that of the weights. */
    pa_model_file *file;
    ok(pa_model_file_load(&file, path, NULL));
    ck_assert_str_eq(pa_model_file_metadata(file, "trained"), "by hand");
    size_t seen = 0;
    for (size_t t = 0; t < pa_model_file_tensor_count(file); t++) {
      const char *name = pa_model_file_tensor_name(file, t);
      if (strcmp(name, "layer2.b.gc1.w1") == 0) {
        size_t features = architecture == PA_UWMMSE_PAPER ? 1 : 4, gcn = 2 * 6 * features + 2 * 6 + 2 * 6 + 2;
        ck_assert_int_eq(memcmp(pa_model_file_tensor_data(file, t), weights + 3 * gcn + 6 * features, 6 * features * sizeof(double)), 0);
        seen++;
      } else if (strcmp(name, "layer3.mu") == 0) {
        ck_assert(*pa_model_file_tensor_data(file, t) == weights[n - (architecture == PA_UWMMSE_PAPER ? 1 : 4)]);
        seen++;
      }
    }
    ck_assert_uint_eq(seen, 2);
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

static void write_changed(const char *from, const char *to, const char *kind, const char *architecture, struct change change) {
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
  const pa__metadata metadata[] = {{"kind", kind}, {"layers", "4"}, {"hidden", "5"}, {"architecture", architecture}};
  ok(pa__model_write(to, metadata, 4, tensors, kept));
  free(tensors);
  pa_model_file_free(file);
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
               {"uwmmse", "paper", {.name = NULL}, "layer1.a.gc1.w0"},
               {"uwmmse", "deep", {.name = NULL}, "\"deep\""},
               {"regnn", "extended", {.name = NULL}, "\"regnn\""}};
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    write_changed(good, bad, cases[k].kind, cases[k].architecture, cases[k].change);
    fails(pa_uwmmse_load(&none, bad, NULL), PA_ERROR_FORMAT, cases[k].reason);
    fails(pa_uwmmse_load(&none, bad, NULL), PA_ERROR_FORMAT, bad);
    pa_policy *policy = NULL;
    fails(pa_policy_load(&policy, bad, NULL), PA_ERROR_FORMAT, cases[k].reason);
    ck_assert_ptr_null(none);
    ck_assert_ptr_null(policy);
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
    free(same);
    free(changed);
    pa_uwmmse_free(one);
    pa_uwmmse_free(half);
  }
  struct change zero = {.name = "v0", .value = 0};
  write_changed(plain, other, "uwmmse", "paper", zero);
  fails(pa_uwmmse_load(&one, other, NULL), PA_ERROR_FORMAT, "v0 is 0");
  remove(plain);
  remove(other);
  free(power);
  free(h);
  pa_uwmmse_free(model);
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
  double h[4] = {1, 0.1, 0.1, -1};
  pa_states *states;
  ok(pa_states_create(&states, 1, 2, h, 1, 1, NULL));
  fails(pa_uwmmse_gradient(model, states, &loss, weights, n), PA_ERROR_ARGUMENT, "h[0][1][1] is -1");
  fails(pa_uwmmse_gradient(model, states, &loss, NULL, n), PA_ERROR_ARGUMENT, "gradient is NULL");
  fails(pa_uwmmse_gradient(NULL, states, &loss, weights, n), PA_ERROR_ARGUMENT, "model is NULL");
  ck_assert(loss == 7);
  ck_assert_int_eq(memcmp(weights, weights + n, n * sizeof *weights), 0);
  ck_assert_ptr_null(pa_uwmmse_policy(NULL));
  ck_assert_uint_eq(pa_uwmmse_weight_count(NULL) + pa_uwmmse_layers(NULL) + pa_uwmmse_hidden(NULL), 0);
  pa_uwmmse_free(NULL);
  pa_states_free(states);
  free(weights);
  pa_uwmmse_free(model);
}
END_TEST

int main(void) {
  return run_tests("uwmmse", (const TTest *const[]){fixtures, central_differences, large_graphs_agree_with_inference,
                                                    extended_is_free_of_units, extreme_channels_give_powers, files_keep_every_bit,
                                                    wrong_files_are_refused_by_reason, optional_tensors_of_the_paper_architecture,
                                                    bad_input_is_named_and_changes_nothing, NULL});
}
