#include "../base/random.h"
#include "../io/io.h"
#include "model.h"
#include "output.h"
#include "regnn_pass.h"

#include <math.h>
#include <powalloc/regnn.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_OPTION = PA_REGNN_LAYERS, OPTIONS = 13 };

struct pa_regnn {
  pa_policy policy; /* first: a pa_policy of this class is a pa_regnn */
  pa__regnn_model model;
  pa__output output;
  double option[OPTIONS];
  size_t weight_count;
  double *weights;               /* in the public order */
  double *back;                  /* the taps of each layer transposed */
  float *weights_f32, *back_f32; /* the same */
  double prepared;               /* 1 once the SNR input has its divisor */
  size_t link_count;             /* links that the model has weights of, 0: none */
  double *link_weights;          /* [link_count], factors of the states' weights */
};

extern const pa__regnn_pass KERNEL_BOTH(regnn_pass);
static const pa__regnn_pass *const passes[PA__PRECISIONS][PA__SETS] = KERNEL_TABLE(regnn_pass);

static const pa__regnn_pass *pass_of(int precision) { return passes[precision][pa__cpu_set()]; }

static const pa_regnn *model_of(const pa_policy *policy) { return (const pa_regnn *)policy; }

/* ---- weights ---- */

static size_t tap_count(const pa__regnn_shape *s, size_t layer) {
  return s->taps * pa__regnn_width_in(s, layer) * pa__regnn_width_out(s, layer);
}

static size_t layer_size(const pa__regnn_shape *s, size_t layer) {
  return tap_count(s, layer) + (s->bias ? pa__regnn_width_out(s, layer) : 0);
}

size_t pa__regnn_weight_count(const pa__regnn_shape *shape) {
  size_t count = 0;
  for (size_t layer = 0; layer < shape->layers; layer++) count += layer_size(shape, layer);
  return count;
}

static void repack(pa_regnn *m) {
  const pa__regnn_shape *shape = &m->model.shape;
  const double *weights = m->weights;
  double *back = m->back;
  for (size_t layer = 0; layer < shape->layers; layer++) {
    size_t rows = shape->taps * pa__regnn_width_in(shape, layer), columns = pa__regnn_width_out(shape, layer);
    for (size_t r = 0; r < rows; r++)
      for (size_t c = 0; c < columns; c++) back[c * rows + r] = weights[r * columns + c];
    weights += layer_size(shape, layer);
    back += rows * columns;
  }
  for (size_t k = 0; k < m->weight_count; k++) m->weights_f32[k] = (float)m->weights[k];
  for (size_t k = 0; k < (size_t)(back - m->back); k++) m->back_f32[k] = (float)m->back[k];
}

/* ---- inference ---- */

static pa_status check_states(const pa_regnn *m, const pa_states *states) {
  if (m->link_count > 0 && states->halo)
    return pa__fail(PA_ERROR_ARGUMENT, "the model has weights of %zu links of its own: it takes no part of a network",
                    m->link_count);
  if (m->link_count > 0 && m->link_count != states->links)
    return pa__fail(PA_ERROR_ARGUMENT, "states has %zu links, the model has weights of %zu links", states->links,
                    m->link_count);
  size_t wanted = m->model.shape.state_features, given = states->node_features;
  bool in_place_of_ones = m->model.shape.kinds == PA_REGNN_INPUT_ONES && wanted == 0 && given == 1;
  if (wanted == given || in_place_of_ones || (wanted == 0 && given == 0)) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "states has a node state of %zu features, the model takes %zu", given, wanted);
}

/* The states with the weights that the model sees, which stand in the arena. */
static struct pa_states seen(const pa_regnn *m, const pa_states *states, pa__arena *arena) {
  struct pa_states view = *states;
  double *weights = pa__arena_take(arena, states->links, sizeof(double));
  for (size_t i = 0; i < states->links; i++)
    weights[i] = states->weights[i] * (m->link_count > 0 ? m->link_weights[i] : 1);
  view.weights = weights;
  return view;
}

static void workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  pa__arena_take(arena, e->links, sizeof(double));
  pass_of(e->precision)->workspace(&model_of(policy)->model.shape, e, arena);
}

static pa_status allocate_any(const pa_policy *policy, const pa_states *states, void *power, void *work) {
  const pa_regnn *m = model_of(policy);
  pa_status status = check_states(m, states);
  if (status != PA_OK) return status;
  pa__arena arena = {work, 0};
  struct pa_states view = seen(m, states, &arena);
  bool draws = pa__policy_value(policy, PA_POLICY_SAMPLE) != 0;
  uint64_t key = pa__random_key((uint64_t)pa__policy_value(policy, PA_POLICY_SEED), PA__STREAM_ACTIONS, 0);
  bool good = pass_of(states->precision)
                  ->allocate(&m->model, &view, &m->output, draws ? &key : NULL, power, pa__arena_take(&arena, 0, 1));
  return good ? PA_OK : pa__states_check_any(states);
}

static pa_status allocate(const pa_policy *policy, const pa_states *states, double *power, void *work) {
  return allocate_any(policy, states, power, work);
}

static pa_status allocate_f32(const pa_policy *policy, const pa_states *states, float *power, void *work) {
  return allocate_any(policy, states, power, work);
}

/* ---- the learner ---- */

static size_t learner_weight_count(const pa_policy *policy) { return model_of(policy)->weight_count; }

static void learner_get(const pa_policy *policy, double *weights) {
  memcpy(weights, model_of(policy)->weights, model_of(policy)->weight_count * sizeof(double));
}

static void learner_set(pa_policy *policy, const double *weights) {
  pa_regnn *m = (pa_regnn *)policy;
  memcpy(m->weights, weights, m->weight_count * sizeof(double));
  repack(m);
}

static pa__output *output(pa_policy *policy) { return &((pa_regnn *)policy)->output; }

/* Training makes link weights of its own. */
static void forget(pa_policy *policy) { ((pa_regnn *)policy)->link_count = 0; }

static pa_status check(const pa_policy *policy, const pa_states *states) {
  return check_states(model_of(policy), states);
}

static void tape_workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  pa__arena_take(arena, e->links, sizeof(double));
  pass_of(e->precision)->tape_workspace(&model_of(policy)->model.shape, e, arena);
}

static void forward(const pa_policy *policy, const pa_states *states, double *y, void *work) {
  pa__arena arena = {work, 0};
  struct pa_states view = seen(model_of(policy), states, &arena);
  pass_of(states->precision)->forward(&model_of(policy)->model, &view, y, pa__arena_take(&arena, 0, 1));
}

static void backward(const pa_policy *policy, const pa_states *states, const double *dy, double *gradient, void *work) {
  pa__arena arena = {work, 0};
  pa__arena_take(&arena, states->links, sizeof(double));
  pass_of(states->precision)->backward(&model_of(policy)->model, states, dy, gradient, pa__arena_take(&arena, 0, 1));
}

/* Before the first training: the root mean square of the log SNR over the links that are there, and a last layer that
 * starts at `share` of pmax. */
static pa_status prepare(pa_policy *policy, const pa_states *states, double share) {
  pa_regnn *m = (pa_regnn *)policy;
  size_t n = states->links, last = m->model.shape.layers - 1, in = pa__regnn_width_in(&m->model.shape, last);
  if (m->prepared != 0) return PA_OK;
  double square = 0;
  for (size_t b = 0; b < states->batch; b++)
    for (size_t k = 0; k < n; k++) {
      size_t i = states->graph ? pa__graph_link(states->graph, k) : k;
      double h = pa__states_direct(states, b, k), s = log1p(h * h * states->limit[i] / states->noise[i]);
      square += s * s / (double)(states->batch * pa__states_present(states));
    }
  m->prepared = 1;
  m->model.snr = square > 0 ? sqrt(square) : 1;
  if (m->output.kind == PA_REGNN_OUTPUT_LEVELS || share == 0) return PA_OK;
  double start = m->option[PA_REGNN_START - FIRST_OPTION];
  share = fmin(fmax(share, 1e-3), 1 - 1e-3);
  double change = log(share / (1 - share)) - log(start / (1 - start));
  double *tap = m->weights + m->weight_count - layer_size(&m->model.shape, last);
  for (size_t f = 0; f < in; f++) tap[f] += change / (double)in;
  repack(m);
  return PA_OK;
}

static size_t constant_count(const pa_policy *policy) {
  (void)policy;
  return 1;
}

static void get_constants(const pa_policy *policy, double *constants) { constants[0] = model_of(policy)->model.snr; }

static void set_constants(pa_policy *policy, const double *constants) {
  pa_regnn *m = (pa_regnn *)policy;
  m->prepared = 1;
  m->model.snr = constants[0];
}

static bool allows(const pa_policy *policy, const double *constants) {
  (void)policy;
  return constants[0] > 0;
}

static void describe(const pa_policy *policy, char text[PA__DESCRIPTION]) {
  size_t end = 0;
  for (size_t k = 0; k < OPTIONS; k++)
    end += (size_t)snprintf(text + end, PA__DESCRIPTION - end, "%s%.6g", k ? " " : "", model_of(policy)->option[k]);
}

static const pa__learner_class learner = {.single = true,
                                          .weight_count = learner_weight_count,
                                          .get_weights = learner_get,
                                          .set_weights = learner_set,
                                          .describe = describe,
                                          .output = output,
                                          .check = check,
                                          .forget = forget,
                                          .prepare = prepare,
                                          .constant_count = constant_count,
                                          .get_constants = get_constants,
                                          .set_constants = set_constants,
                                          .allows = allows,
                                          .tape_workspace = tape_workspace,
                                          .forward = forward,
                                          .backward = backward};

static void release(pa_policy *policy) {
  pa_regnn *m = (pa_regnn *)policy;
  pa__release(&policy->allocator, m->weights);
  pa__release(&policy->allocator, m->back);
  pa__release(&policy->allocator, m->weights_f32);
  pa__release(&policy->allocator, m->back_f32);
  pa__release(&policy->allocator, m->link_weights);
}

static const int32_t keys[] = {PA_POLICY_SAMPLE, PA_POLICY_SEED, PA_POLICY_OFFSET, 0};

/* The offset acts where the outputs are made. */
static void key_changed(pa_policy *policy, int32_t key, double value) {
  if (key == PA_POLICY_OFFSET) ((pa_regnn *)policy)->model.offset = value;
}

/* ---- the handle ---- */

static size_t bits(int kinds) {
  size_t count = 0;
  for (; kinds; kinds &= kinds - 1) count++;
  return count;
}

static double option(const double *options, int32_t key) { return options[key - FIRST_OPTION]; }

static pa_status create(pa_regnn **out, const double options[OPTIONS], const pa_allocator *allocator) {
  pa_regnn *m = NULL;
  pa_status status = pa__handle_create(out ? (void *)&m : NULL, sizeof *m, allocator);
  if (status != PA_OK) return status;
  pa__policy_init(&m->policy, &pa__regnn_class);
  m->policy.borrowed = true;
  memcpy(m->option, options, sizeof m->option);
  int kind = (int)option(options, PA_REGNN_OUTPUT);
  m->output = (pa__output){.kind = kind, .count = 1, .deviation = .3};
  if (kind == PA_REGNN_OUTPUT_LEVELS) m->output.count = (size_t)option(options, PA_REGNN_LEVEL_COUNT);
  m->model.shape = (pa__regnn_shape){.layers = (size_t)option(options, PA_REGNN_LAYERS),
                                     .features = (size_t)option(options, PA_REGNN_FEATURES),
                                     .taps = (size_t)option(options, PA_REGNN_TAPS),
                                     .outputs = m->output.count,
                                     .kinds = (int)option(options, PA_REGNN_INPUTS),
                                     .state_features = (size_t)option(options, PA_REGNN_STATE_FEATURES),
                                     .shift = (int)option(options, PA_REGNN_SHIFT),
                                     .activation = (int)option(options, PA_REGNN_ACTIVATION),
                                     .bias = option(options, PA_REGNN_BIAS) != 0,
                                     .transposed = option(options, PA_REGNN_TRANSPOSED) != 0};
  m->model.shape.inputs = bits(m->model.shape.kinds) + m->model.shape.state_features;
  m->weight_count = pa__regnn_weight_count(&m->model.shape);
  m->weights = pa__allocate(&m->policy.allocator, m->weight_count, sizeof(double));
  m->back = pa__allocate(&m->policy.allocator, m->weight_count, sizeof(double));
  m->weights_f32 = pa__allocate(&m->policy.allocator, m->weight_count, sizeof(float));
  m->back_f32 = pa__allocate(&m->policy.allocator, m->weight_count, sizeof(float));
  if (!m->weights || !m->back || !m->weights_f32 || !m->back_f32) {
    pa_regnn_free(m);
    return PA_ERROR_MEMORY;
  }
  m->model.weights[PA__DOUBLE] = m->weights;
  m->model.weights[PA__SINGLE] = m->weights_f32;
  m->model.back[PA__DOUBLE] = m->back;
  m->model.back[PA__SINGLE] = m->back_f32;
  m->model.scale = option(options, PA_REGNN_SCALE);
  m->model.snr = 1;
  *out = m;
  return PA_OK;
}

static double normal(uint64_t key, uint64_t index) {
  return sqrt(-2 * log(pa__random_uniform(key, 0, 2 * index))) *
         cos(6.283185307179586477 * pa__random_uniform(key, 0, 2 * index + 1));
}

/* Taps 0.1 N / sqrt(F_in), and on tap 0 what lets the input through: its mean in the first layer, the identity in the
 * others, the start's logit in the last. Symmetric initialisations leave most models dead. */
static void initialise(pa_regnn *m, uint64_t seed) {
  const pa__regnn_shape *s = &m->model.shape;
  uint64_t key = pa__random_key(seed, PA__STREAM_WEIGHTS, 1), drawn = 0;
  double start = option(m->option, PA_REGNN_START), *w = m->weights;
  for (size_t layer = 0; layer < s->layers; w += layer_size(s, layer++)) {
    size_t in = pa__regnn_width_in(s, layer), out = pa__regnn_width_out(s, layer);
    for (size_t k = 0; k < tap_count(s, layer); k++) w[k] = .1 * normal(key, drawn++) / sqrt((double)in);
    for (size_t i = 0; i < in; i++)
      for (size_t o = 0; o < out; o++) {
        bool last = layer + 1 == s->layers;
        if (last && m->output.kind != PA_REGNN_OUTPUT_LEVELS)
          w[i * out + o] += log(start / (1 - start)) / (double)in;
        else if (!last && (layer == 0 || i == o))
          w[i * out + o] += layer == 0 ? 1 / (double)in : 1;
      }
  }
  repack(m);
}

static pa_status check_options(const double options[OPTIONS]) {
  if (option(options, PA_REGNN_INPUTS) == 0 && option(options, PA_REGNN_STATE_FEATURES) == 0)
    return pa__fail(PA_ERROR_ARGUMENT, "regnn.inputs and regnn.state_features are 0: the model has no input");
  return PA_OK;
}

pa_status pa_regnn_create(pa_regnn **out, const int32_t *option_keys, const double *values, size_t n, uint64_t seed,
                          const pa_allocator *allocator) {
  double options[OPTIONS];
  bool seen[OPTIONS] = {false};
  for (int32_t k = 0; k < OPTIONS; k++) options[k] = pa__key_default(FIRST_OPTION + k);
  if (n > 0 && (!option_keys || !values))
    return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", option_keys ? "values" : "keys");
  for (size_t k = 0; k < n; k++) {
    int32_t at = option_keys[k] - FIRST_OPTION;
    if (at < 0 || at >= OPTIONS)
      return pa__fail(PA_ERROR_ARGUMENT, "keys[%zu] is %d (%s), no option of a REGNN", k, (int)option_keys[k],
                      pa_key_name(option_keys[k]));
    if (seen[at]) return pa__fail(PA_ERROR_ARGUMENT, "keys[%zu]: %s is given twice", k, pa_key_name(option_keys[k]));
    pa_status status = pa__key_check(option_keys[k], values[k]);
    if (status != PA_OK) return status;
    seen[at] = true;
    options[at] = values[k];
  }
  pa_status status = check_options(options);
  pa_regnn *m = NULL;
  if (status == PA_OK) status = create(out ? &m : NULL, options, allocator);
  if (status != PA_OK) return status;
  initialise(m, seed);
  *out = m;
  return PA_OK;
}

void pa_regnn_free(pa_regnn *model) {
  if (model) pa__policy_destroy(&model->policy);
}

pa_regnn *pa_policy_regnn(pa_policy *policy) {
  return policy && policy->class->learner == &learner ? (pa_regnn *)policy : NULL;
}

pa_policy *pa_regnn_policy(pa_regnn *model) { return model ? &model->policy : NULL; }

pa_status pa_regnn_option(const pa_regnn *model, int32_t key, double *value) {
  if (!model || !value) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", model ? "value" : "model");
  if (key < FIRST_OPTION || key >= FIRST_OPTION + OPTIONS)
    return pa__fail(PA_ERROR_ARGUMENT, "key is %d (%s), no option of a REGNN", (int)key, pa_key_name(key));
  *value = option(model->option, key);
  return PA_OK;
}

size_t pa_regnn_weight_count(const pa_regnn *model) { return model ? model->weight_count : 0; }

pa_status pa_regnn_get_weights(const pa_regnn *model, double *weights, size_t n) {
  return pa__model_get_weights(model ? &model->policy : NULL, weights, n);
}

pa_status pa_regnn_set_weights(pa_regnn *model, const double *weights, size_t n) {
  return pa__model_set_weights(model ? &model->policy : NULL, weights, n);
}

pa_status pa_regnn_set_link_weights(pa_regnn *model, const double *weights, size_t n) {
  if (!model || (!weights && n > 0)) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", model ? "weights" : "model");
  for (size_t i = 0; i < n; i++)
    if (!(weights[i] > 0 && isfinite(weights[i])))
      return pa__fail(PA_ERROR_ARGUMENT, "weights[%zu] is %g, must be finite and > 0", i, weights[i]);
  double *copy = n > 0 ? pa__allocate(&model->policy.allocator, n, sizeof(double)) : NULL;
  if (n > 0 && !copy) return PA_ERROR_MEMORY;
  if (n > 0) memcpy(copy, weights, n * sizeof(double));
  pa__release(&model->policy.allocator, model->link_weights);
  model->link_weights = copy;
  model->link_count = n;
  return PA_OK;
}

size_t pa_regnn_link_weights(const pa_regnn *model, double *weights) {
  size_t n = model ? model->link_count : 0;
  for (size_t i = 0; weights && i < n; i++) weights[i] = model->link_weights[i];
  return n;
}

/* ---- files ---- */

/* Options that are words in a file. */
static const struct word {
  int32_t key;
  const char *name;
  int value;
  const char *text;
} words[] = {{PA_REGNN_OUTPUT, "output", PA_REGNN_OUTPUT_BERNOULLI, "bernoulli"},
             {PA_REGNN_OUTPUT, "output", PA_REGNN_OUTPUT_LEVELS, "levels"},
             {PA_REGNN_OUTPUT, "output", PA_REGNN_OUTPUT_CONTINUOUS, "continuous"},
             {PA_REGNN_SHIFT, "shift", PA_REGNN_SHIFT_SCALE, "scale"},
             {PA_REGNN_SHIFT, "shift", PA_REGNN_SHIFT_SPECTRAL, "spectral"},
             {PA_REGNN_SHIFT, "shift", PA_REGNN_SHIFT_SHARE, "share"},
             {PA_REGNN_SHIFT, "shift", PA_REGNN_SHIFT_BOUNDED, "bounded"},
             {PA_REGNN_ACTIVATION, "activation", PA_REGNN_ACTIVATION_RELU, "relu"},
             {PA_REGNN_ACTIVATION, "activation", PA_REGNN_ACTIVATION_TANH, "tanh"},
             {PA_REGNN_ACTIVATION, "activation", PA_REGNN_ACTIVATION_ABSOLUTE, "absolute"}};

/* Options that are whole numbers in a file, and what they are if the file does not say: a file of taps alone is the
 * paper's network. */
static const struct number {
  int32_t key;
  const char *name;
  int absent; /* -1: must be there */
} numbers[] = {{PA_REGNN_LAYERS, "layers", -1},
               {PA_REGNN_FEATURES, "features", -1},
               {PA_REGNN_TAPS, "taps", -1},
               {PA_REGNN_INPUTS, "inputs", PA_REGNN_INPUT_ONES},
               {PA_REGNN_STATE_FEATURES, "state_features", 0},
               {PA_REGNN_TRANSPOSED, "transposed", 0},
               {PA_REGNN_BIAS, "bias", 0},
               {PA_REGNN_LEVEL_COUNT, "levels", 4}};

enum { WORDS = sizeof words / sizeof words[0], NUMBERS = sizeof numbers / sizeof numbers[0], SCALARS = 4 };

#define LINK_WEIGHTS "link.weights"

static size_t tensors_of(pa_regnn *m, pa__tensor *tensors) {
  const pa__regnn_shape *s = &m->model.shape;
  size_t count = 0;
  double *w = m->weights;
  for (size_t layer = 0; layer < s->layers; w += layer_size(s, layer++)) {
    size_t in = pa__regnn_width_in(s, layer), out = pa__regnn_width_out(s, layer);
    pa__tensor *t = &tensors[count++];
    *t = (pa__tensor){.rank = 3, .extent = {s->taps, in, out}, .data = w};
    snprintf(t->name, sizeof t->name, "layer%zu.taps", layer + 1);
    if (!s->bias) continue;
    t = &tensors[count++];
    *t = (pa__tensor){.rank = 1, .extent = {out}, .data = w + tap_count(s, layer)};
    snprintf(t->name, sizeof t->name, "layer%zu.bias", layer + 1);
  }
  const pa__tensor scalars[SCALARS] = {{.name = "shift.scale", .data = &m->model.scale, .optional = true},
                                       {.name = "input.snr.rms", .data = &m->model.snr, .optional = true},
                                       {.name = "output.offset", .data = &m->model.offset, .optional = true},
                                       {.name = "output.deviation", .data = &m->output.deviation, .optional = true}};
  memcpy(tensors + count, scalars, sizeof scalars);
  count += SCALARS;
  if (m->link_count > 0)
    tensors[count++] =
        (pa__tensor){.name = LINK_WEIGHTS, .rank = 1, .extent = {m->link_count}, .data = m->link_weights};
  return count;
}

static size_t most_tensors(const pa__regnn_shape *s) { return 2 * s->layers + SCALARS + 1; }

static pa_status read_word(const pa_model_file *file, int32_t key, const char *name, double absent, double *value) {
  const char *text = pa_model_file_metadata(file, name);
  *value = absent;
  if (!text) return PA_OK;
  for (size_t k = 0; k < WORDS; k++)
    if (words[k].key == key && strcmp(words[k].text, text) == 0) {
      *value = words[k].value;
      return PA_OK;
    }
  return pa__fail(PA_ERROR_FORMAT, "%s: %s \"%.60s\" is none that this version knows", pa__model_path(file), name,
                  text);
}

static pa_status read_options(const pa_model_file *file, double options[OPTIONS]) {
  for (int32_t k = 0; k < OPTIONS; k++) options[k] = pa__key_default(FIRST_OPTION + k);
  for (size_t k = 0; k < NUMBERS; k++) {
    double lowest, highest;
    size_t value = (size_t)numbers[k].absent;
    pa_key_bounds(numbers[k].key, NULL, &lowest, &highest);
    if (numbers[k].absent < 0 || pa_model_file_metadata(file, numbers[k].name)) {
      pa_status status = pa__model_integer(file, numbers[k].name, (size_t)lowest, (size_t)highest, &value);
      if (status != PA_OK) return status;
    }
    options[numbers[k].key - FIRST_OPTION] = (double)value;
  }
  pa_status status =
      read_word(file, PA_REGNN_OUTPUT, "output", PA_REGNN_OUTPUT_BERNOULLI, &options[PA_REGNN_OUTPUT - FIRST_OPTION]);
  if (status == PA_OK)
    status = read_word(file, PA_REGNN_SHIFT, "shift", PA_REGNN_SHIFT_SCALE, &options[PA_REGNN_SHIFT - FIRST_OPTION]);
  if (status == PA_OK)
    status = read_word(file, PA_REGNN_ACTIVATION, "activation", PA_REGNN_ACTIVATION_RELU,
                       &options[PA_REGNN_ACTIVATION - FIRST_OPTION]);
  if (status == PA_OK && check_options(options) != PA_OK)
    status =
        pa__fail(PA_ERROR_FORMAT, "%s: inputs and state_features are 0: the model has no input", pa__model_path(file));
  return status;
}

/* Room for the link weights of a file, if it has some. */
static pa_status make_room(pa_regnn *m, const pa_model_file *file) {
  for (size_t k = 0; k < pa_model_file_tensor_count(file); k++)
    if (strcmp(pa_model_file_tensor_name(file, k), LINK_WEIGHTS) == 0)
      m->link_count = pa_model_file_tensor_extent(file, k, 0);
  if (m->link_count == 0) return PA_OK;
  m->link_weights = pa__allocate(&m->policy.allocator, m->link_count, sizeof(double));
  return m->link_weights ? PA_OK : PA_ERROR_MEMORY;
}

static pa_status check_link_weights(const pa_regnn *m, const char *where) {
  for (size_t i = 0; i < m->link_count; i++)
    if (!(m->link_weights[i] > 0))
      return pa__fail(PA_ERROR_FORMAT, "%s: " LINK_WEIGHTS "[%zu] is %g, must be > 0", where, i, m->link_weights[i]);
  return PA_OK;
}

static pa_status read_model(pa_policy **out, const pa_model_file *file, const pa_allocator *allocator) {
  const char *path = pa__model_path(file);
  double options[OPTIONS];
  pa_status status = read_options(file, options);
  if (status != PA_OK) return status;
  pa_regnn *m = NULL;
  if ((status = create(&m, options, allocator)) != PA_OK) return status;
  status = make_room(m, file);
  pa__tensor *tensors =
      status == PA_OK ? pa__allocate(&m->policy.allocator, most_tensors(&m->model.shape), sizeof *tensors) : NULL;
  status = tensors ? pa__model_read(file, tensors, tensors_of(m, tensors)) : PA_ERROR_MEMORY;
  pa__release(&m->policy.allocator, tensors);
  if (status == PA_OK && !(m->model.snr > 0 && m->output.deviation > 0))
    status = pa__fail(PA_ERROR_FORMAT, "%s: %s is %g, must be > 0", path,
                      m->model.snr > 0 ? "output.deviation" : "input.snr.rms",
                      m->model.snr > 0 ? m->output.deviation : m->model.snr);
  if (status == PA_OK) status = check_link_weights(m, path);
  if (status == PA_OK) status = pa_policy_set(&m->policy, PA_POLICY_OFFSET, m->model.offset);
  if (status != PA_OK) {
    pa_regnn_free(m);
    return status;
  }
  m->prepared = 1;
  m->option[PA_REGNN_SCALE - FIRST_OPTION] = m->model.scale;
  repack(m);
  *out = &m->policy;
  return PA_OK;
}

pa_status pa_regnn_load(pa_regnn **out, const char *path, const pa_allocator *allocator) {
  static const pa__policy_class *const classes[] = {&pa__regnn_class, NULL};
  pa_policy *policy = NULL;
  pa_status status = pa__model_load(out ? &policy : NULL, path, classes, allocator);
  if (status == PA_OK) *out = (pa_regnn *)policy;
  return status;
}

static pa_status save(const pa_policy *policy, const char *path, const char *note) {
  const pa_regnn *model = model_of(policy);
  pa__metadata metadata[NUMBERS + 6] = {{"kind", "regnn"}, {"powalloc", pa_version_text()}};
  char text[NUMBERS][24];
  size_t count = 2;
  for (size_t k = 0; k < NUMBERS; k++) {
    snprintf(text[k], sizeof text[k], "%.0f", option(model->option, numbers[k].key));
    metadata[count++] = (pa__metadata){numbers[k].name, text[k]};
  }
  for (size_t k = 0; k < WORDS; k++)
    if (option(model->option, words[k].key) == words[k].value)
      metadata[count++] = (pa__metadata){words[k].name, words[k].text};
  if (note) metadata[count++] = (pa__metadata){"trained", note};
  pa__tensor *tensors = pa__allocate(&model->policy.allocator, most_tensors(&model->model.shape), sizeof *tensors);
  if (!tensors) return PA_ERROR_MEMORY;
  pa_regnn view = *model; /* tensors point into it; writing reads only */
  pa_status status = pa__model_write(path, metadata, count, tensors, tensors_of(&view, tensors));
  pa__release(&model->policy.allocator, tensors);
  return status;
}

const pa__policy_class pa__regnn_class = {.name = "regnn",
                                          .keys = keys,
                                          .budget_key = PA_POLICY_OFFSET,
                                          .key_changed = key_changed,
                                          .free = release,
                                          .sparse = true,
                                          .parts = true,
                                          .looks = true,
                                          .workspace = workspace,
                                          .allocate = allocate,
                                          .allocate_f32 = allocate_f32,
                                          .learner = &learner,
                                          .save = save,
                                          .read = read_model};

pa_status pa_regnn_save(const pa_regnn *model, const char *path, const char *note) {
  if (!model) return pa__fail(PA_ERROR_ARGUMENT, "model is NULL");
  return pa_policy_save(&model->policy, path, note);
}
