#include "../la/la.h"
#include "../base/random.h"
#include "../io/io.h"
#include "channel_input.h"
#include "model.h"
#include "sum_rate.h"

#include <math.h>
#include <powalloc/mlp.h>
#include <powalloc/regnn.h>
#include <stdio.h>
#include <string.h>

enum {
  MOST_HIDDEN = 16,
  MOST_UNITS = 65536,
  MOST_LAYERS = MOST_HIDDEN + 1,
  TENSORS = 2 * MOST_LAYERS + 2 + PA__OUTPUT_TENSORS
};

/* Inputs that hardly vary are not blown up beyond this. */
#define LEAST_DEVIATION 1e-3
/* The untrained policy's output hardly depends on the channel. */
#define LAST_LAYER .1

struct pa_mlp {
  pa_policy policy; /* first: a pa_policy of these classes is a pa_mlp */
  int kind, input;
  size_t links, layers;          /* layers of weights: one more than hidden ones */
  size_t units[MOST_LAYERS + 1]; /* of the input, of each layer */
  pa__output output;
  bool prepared; /* the inputs have their mean and deviation */
  size_t weight_count;
  double *weights;                  /* in the public order */
  double *packed[MOST_LAYERS];      /* matrices with rows padded to the vector width */
  double *mean, *inverse_deviation; /* [links][links] of the inputs */
};

static const pa_mlp *model_of(const pa_policy *policy) { return (const pa_mlp *)policy; }

/* ---- weights ---- */

static size_t layer_size(const pa_mlp *m, size_t layer) { return (m->units[layer] + 1) * m->units[layer + 1]; }

static double *layer_at(const pa_mlp *m, double *weights, size_t layer) {
  for (size_t k = 0; k < layer; k++) weights += layer_size(m, k);
  return weights;
}

static double *bias_of(const pa_mlp *m, double *layer_weights, size_t layer) {
  return layer_weights + m->units[layer] * m->units[layer + 1];
}

static size_t padded(size_t n) {
  size_t width = pa__la_best()->width;
  return (n + width - 1) / width * width;
}

static void repack(pa_mlp *m) {
  for (size_t layer = 0; layer < m->layers; layer++) {
    size_t columns = m->units[layer + 1], stride = padded(columns);
    const double *w = layer_at(m, m->weights, layer);
    for (size_t k = 0; k < m->units[layer]; k++)
      memcpy(m->packed[layer] + k * stride, w + k * columns, columns * sizeof(double));
  }
}

static size_t widest(const pa_mlp *m) {
  size_t most = m->units[1];
  for (size_t k = 2; k <= m->layers; k++) most = m->units[k] > most ? m->units[k] : most;
  return most;
}

/* ---- inference ---- */

static pa_status check(const pa_policy *policy, const pa_states *states) {
  size_t links = model_of(policy)->links;
  if (states->links == links) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "states has %zu links, the %s model is of %zu", states->links, policy->class->name,
                  links);
}

/* Inputs x [links][links] of a sample; scratch [links][padded(links)]. */
static void inputs_of(const pa_mlp *m, const pa_states *states, size_t sample, double *scratch, double *x) {
  size_t n = m->links, stride = padded(n);
  pa__channel_input(pa__la_best(), states, m->input, sample, stride, scratch);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      x[i * n + j] = (scratch[i * stride + j] - m->mean[i * n + j]) * m->inverse_deviation[i * n + j];
}

struct inference {
  double *scratch, *x, *layer[2], *y;
};

static struct inference inference_take(const pa_mlp *m, size_t batch, pa__arena *arena) {
  struct inference w = {.scratch = pa__arena_take(arena, m->links * padded(m->links), sizeof(double))};
  w.x = pa__arena_take(arena, m->units[0], sizeof(double));
  for (int k = 0; k < 2; k++) w.layer[k] = pa__arena_take(arena, padded(widest(m)), sizeof(double));
  w.y = pa__arena_take(arena, batch * m->links, sizeof(double));
  return w;
}

static void workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  inference_take(model_of(policy), e->batch, arena);
}

static pa_status allocate(const pa_policy *policy, const pa_states *states, double *power, void *work) {
  const pa_mlp *m = model_of(policy);
  const pa__la *la = pa__la_best();
  pa_status status = check(policy, states);
  if (status != PA_OK) return status;
  pa__arena arena = {work, 0};
  struct inference w = inference_take(m, states->batch, &arena);
  for (size_t b = 0; b < states->batch; b++) {
    const double *x = w.x;
    inputs_of(m, states, b, w.scratch, w.x);
    for (size_t layer = 0; layer < m->layers; layer++) {
      /* The rows of the matrix are the vectors of a dense layer whose one output has x as its weights. */
      double *y = w.layer[layer % 2];
      const double *bias = bias_of(m, layer_at(m, m->weights, layer), layer);
      bool last = layer + 1 == m->layers;
      la->dense(padded(m->units[layer + 1]), m->units[layer], 1, m->packed[layer], x, NULL, false, y);
      for (size_t k = 0; k < m->units[layer + 1]; k++) y[k] = last ? y[k] + bias[k] : fmax(y[k] + bias[k], 0);
      x = y;
    }
    memcpy(w.y + b * m->links, x, m->links * sizeof(double));
  }
  pa__output_powers(policy, &m->output, states, w.y, power);
  return PA_OK;
}

/* ---- the learner ---- */

static size_t learner_weight_count(const pa_policy *policy) { return model_of(policy)->weight_count; }

static void learner_get(const pa_policy *policy, double *weights) {
  memcpy(weights, model_of(policy)->weights, model_of(policy)->weight_count * sizeof(double));
}

static void learner_set(pa_policy *policy, const double *weights) {
  memcpy(((pa_mlp *)policy)->weights, weights, model_of(policy)->weight_count * sizeof(double));
  repack((pa_mlp *)policy);
}

static size_t links_of(const pa_policy *policy) { return model_of(policy)->links; }

static size_t constant_count(const pa_policy *policy) { return 2 * model_of(policy)->units[0]; }

static void get_constants(const pa_policy *policy, double *constants) {
  const pa_mlp *m = model_of(policy);
  memcpy(constants, m->mean, m->units[0] * sizeof(double));
  memcpy(constants + m->units[0], m->inverse_deviation, m->units[0] * sizeof(double));
}

static void set_constants(pa_policy *policy, const double *constants) {
  pa_mlp *m = (pa_mlp *)policy;
  m->prepared = true;
  memcpy(m->mean, constants, m->units[0] * sizeof(double));
  memcpy(m->inverse_deviation, constants + m->units[0], m->units[0] * sizeof(double));
}

static bool allows(const pa_policy *policy, const double *constants) {
  size_t inputs = model_of(policy)->units[0];
  for (size_t k = inputs; k < 2 * inputs; k++)
    if (!(constants[k] > 0)) return false;
  return true;
}

/* Mean and deviation of each input over the states, and a last bias that starts at `share` of pmax. */
static pa_status prepare(pa_policy *policy, const pa_states *states, double share) {
  pa_mlp *m = (pa_mlp *)policy;
  size_t n = m->units[0], stride = padded(m->links);
  if (m->prepared) return PA_OK;
  double *scratch = pa__allocate(&policy->allocator, m->links * stride + 2 * n, sizeof(double));
  if (!scratch) return PA_ERROR_MEMORY;
  m->prepared = true;
  if (share > 0) {
    double *bias = m->weights + m->weight_count - m->links;
    share = fmin(fmax(share, 1e-3), 1 - 1e-3);
    for (size_t i = 0; i < m->links; i++) bias[i] = log(share / (1 - share));
  }
  double *sum = scratch + m->links * stride, *square = sum + n, count = (double)states->batch;
  for (size_t b = 0; b < states->batch; b++) {
    pa__channel_input(pa__la_best(), states, m->input, b, stride, scratch);
    for (size_t k = 0; k < n; k++) {
      double x = scratch[k / m->links * stride + k % m->links];
      sum[k] += x;
      square[k] += x * x;
    }
  }
  for (size_t k = 0; k < n && m->input == PA_INPUT_LOG; k++) {
    m->mean[k] = sum[k] / count;
    m->inverse_deviation[k] = 1 / fmax(sqrt(fmax(square[k] / count - m->mean[k] * m->mean[k], 0)), LEAST_DEVIATION);
  }
  pa__release(&policy->allocator, scratch);
  return PA_OK;
}

static void describe(const pa_policy *policy, char text[PA__DESCRIPTION]) {
  const pa_mlp *m = model_of(policy);
  size_t end = (size_t)snprintf(text, PA__DESCRIPTION, "input %d, units", m->input);
  for (size_t k = 0; k <= m->layers && end < PA__DESCRIPTION; k++)
    end += (size_t)snprintf(text + end, PA__DESCRIPTION - end, " %zu", m->units[k]);
}

static pa__recipe recipe(const pa_policy *policy, bool family) {
  (void)policy;
  (void)family;
  return (pa__recipe){
      .learning_rate = 3e-3, .final_rate = .01, .clip = 5, .batch = 64, .held_out = 2000, .held_out_every = 500};
}

static pa__output *output(pa_policy *policy) { return &((pa_mlp *)policy)->output; }

/* What a forward pass leaves for the backward pass: the activations [samples][units] of the input and of each layer.
 */
struct tape {
  double *scratch;
  double *activation[MOST_LAYERS + 1];
  double *slope[2]; /* [samples][widest] */
};

static struct tape tape_take(const pa_mlp *m, size_t samples, pa__arena *arena) {
  struct tape t = {.scratch = pa__arena_take(arena, m->links * padded(m->links), sizeof(double))};
  for (size_t k = 0; k <= m->layers; k++)
    t.activation[k] = pa__arena_take(arena, samples * m->units[k], sizeof(double));
  for (int k = 0; k < 2; k++) t.slope[k] = pa__arena_take(arena, samples * widest(m), sizeof(double));
  return t;
}

static void tape_workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  tape_take(model_of(policy), e->batch, arena);
}

static void forward(const pa_policy *policy, const pa_states *states, double *out, void *work) {
  const pa_mlp *m = model_of(policy);
  size_t batch = states->batch;
  pa__arena arena = {work, 0};
  struct tape t = tape_take(m, batch, &arena);
  double offset = pa__policy_value(policy, PA_POLICY_OFFSET);
  for (size_t b = 0; b < batch; b++) inputs_of(m, states, b, t.scratch, t.activation[0] + b * m->units[0]);
  for (size_t layer = 0; layer < m->layers; layer++) {
    size_t in = m->units[layer], width = m->units[layer + 1];
    double *w = layer_at(m, m->weights, layer), *y = t.activation[layer + 1];
    for (size_t b = 0; b < batch; b++) memcpy(y + b * width, bias_of(m, w, layer), width * sizeof(double));
    pa__la_product(false, false, batch, width, in, t.activation[layer], w, y);
    for (size_t k = 0; k < batch * width && layer + 1 < m->layers; k++) y[k] = fmax(y[k], 0);
  }
  for (size_t k = 0; k < batch * m->links; k++) out[k] = t.activation[m->layers][k] + offset;
}

static void backward(const pa_policy *policy, const pa_states *states, const double *dy, double *gradient, void *work) {
  const pa_mlp *m = model_of(policy);
  size_t batch = states->batch;
  pa__arena arena = {work, 0};
  struct tape t = tape_take(m, batch, &arena);
  const double *slope = dy;
  for (size_t layer = m->layers; layer-- > 0;) {
    size_t in = m->units[layer], width = m->units[layer + 1];
    double *to = layer_at(m, gradient, layer), *bias = bias_of(m, to, layer), *below = t.slope[layer % 2];
    const double *x = t.activation[layer];
    pa__la_product(true, false, in, width, batch, x, slope, to);
    for (size_t k = 0; k < batch * width; k++) bias[k % width] += slope[k];
    if (layer == 0) break;
    memset(below, 0, batch * in * sizeof(double));
    pa__la_product(false, true, batch, in, width, slope, layer_at(m, m->weights, layer), below);
    for (size_t k = 0; k < batch * in; k++) below[k] = x[k] > 0 ? below[k] : 0;
    slope = below;
  }
}

#define LEARNS_MODEL_FREE                                                                                          \
  .weight_count = learner_weight_count, .get_weights = learner_get, .set_weights = learner_set, .links = links_of, \
  .prepare = prepare, .constant_count = constant_count, .get_constants = get_constants,                            \
  .set_constants = set_constants, .allows = allows, .describe = describe, .output = output, .check = check,        \
  .tape_workspace = tape_workspace, .forward = forward, .backward = backward

static const pa__learner_class fcnn_learner = {LEARNS_MODEL_FREE};
static const pa__learner_class mlp_learner = {LEARNS_MODEL_FREE, .recipe = recipe,
                                              .gradient_workspace = pa__sum_rate_workspace,
                                              .gradient = pa__sum_rate_gradient, .rates = pa__sum_rates};

/* ---- the handle ---- */

static void release(pa_policy *policy) {
  pa_mlp *m = (pa_mlp *)policy;
  pa__release(&policy->allocator, m->weights);
  pa__release(&policy->allocator, m->packed[0]);
  pa__release(&policy->allocator, m->mean);
}

static pa_status create(pa_mlp **out, int kind, size_t links, const size_t *hidden, size_t layers, int input,
                        const pa_allocator *allocator) {
  if (links == 0 || links > MOST_UNITS)
    return pa__fail(PA_ERROR_ARGUMENT, "links is %zu, must be 1 to %d", links, MOST_UNITS);
  if (!hidden) return pa__fail(PA_ERROR_ARGUMENT, "hidden is NULL");
  if (layers == 0 || layers > MOST_HIDDEN)
    return pa__fail(PA_ERROR_ARGUMENT, "layers is %zu, must be 1 to %d", layers, MOST_HIDDEN);
  for (size_t k = 0; k < layers; k++)
    if (hidden[k] == 0 || hidden[k] > MOST_UNITS)
      return pa__fail(PA_ERROR_ARGUMENT, "hidden[%zu] is %zu, must be 1 to %d", k, hidden[k], MOST_UNITS);
  pa_mlp *m = NULL;
  pa_status status = pa__handle_create(out ? (void *)&m : NULL, sizeof *m, allocator);
  if (status != PA_OK) return status;
  pa__policy_init(&m->policy, kind == PA_MLP_POWERS ? &pa__mlp_class : &pa__fcnn_class);
  m->policy.borrowed = true;
  m->kind = kind;
  m->input = input;
  m->links = links;
  m->layers = layers + 1;
  m->output = (pa__output){.kind = kind == PA_MLP_POWERS ? PA_REGNN_OUTPUT_CONTINUOUS : PA_REGNN_OUTPUT_BERNOULLI,
                           .count = 1,
                           .deviation = .3};
  m->units[0] = links * links;
  memcpy(m->units + 1, hidden, layers * sizeof *hidden);
  m->units[m->layers] = links;
  size_t all_packed = 0;
  for (size_t k = 0; k < m->layers; k++) {
    m->weight_count += layer_size(m, k);
    all_packed += m->units[k] * padded(m->units[k + 1]);
  }
  m->weights = pa__allocate(&m->policy.allocator, m->weight_count, sizeof(double));
  m->packed[0] = pa__allocate(&m->policy.allocator, all_packed, sizeof(double));
  m->mean = pa__allocate(&m->policy.allocator, m->units[0], 2 * sizeof(double));
  if (!m->weights || !m->packed[0] || !m->mean) {
    pa_mlp_free(m);
    return PA_ERROR_MEMORY;
  }
  for (size_t k = 1; k < m->layers; k++) m->packed[k] = m->packed[k - 1] + m->units[k - 1] * padded(m->units[k]);
  m->inverse_deviation = m->mean + m->units[0];
  for (size_t k = 0; k < m->units[0]; k++) m->inverse_deviation[k] = 1;
  *out = m;
  return PA_OK;
}

pa_status pa_mlp_create(pa_mlp **out, int32_t kind, size_t links, const size_t *hidden, size_t layers, int32_t input,
                        uint64_t seed, const pa_allocator *allocator) {
  if (kind != PA_MLP_POWERS && kind != PA_MLP_PROBABILITIES)
    return pa__fail(PA_ERROR_ARGUMENT, "kind is %d, must be PA_MLP_POWERS or PA_MLP_PROBABILITIES", (int)kind);
  if (input != PA_INPUT_LOG && input != PA_INPUT_AMPLITUDE)
    return pa__fail(PA_ERROR_ARGUMENT, "input is %d, must be PA_INPUT_LOG or PA_INPUT_AMPLITUDE", (int)input);
  pa_mlp *m = NULL;
  pa_status status = create(out ? &m : NULL, kind, links, hidden, layers, input, allocator);
  if (status != PA_OK) return status;
  for (size_t k = 0; k < m->layers; k++) {
    double deviation = sqrt(2 / (double)m->units[k]) * (k + 1 == m->layers ? LAST_LAYER : 1);
    pa__model_random_layer(layer_at(m, m->weights, k), m->units[k], m->units[k + 1], deviation, seed, k);
  }
  repack(m);
  *out = m;
  return PA_OK;
}

void pa_mlp_free(pa_mlp *model) {
  if (model) pa__policy_destroy(&model->policy);
}

pa_policy *pa_mlp_policy(pa_mlp *model) { return model ? &model->policy : NULL; }

pa_mlp *pa_policy_mlp(pa_policy *policy) {
  return policy && (policy->class == &pa__mlp_class || policy->class == &pa__fcnn_class) ? (pa_mlp *)policy : NULL;
}

int32_t pa_mlp_kind(const pa_mlp *model) { return model ? model->kind : 0; }

size_t pa_mlp_links(const pa_mlp *model) { return model ? model->links : 0; }

size_t pa_mlp_weight_count(const pa_mlp *model) { return model ? model->weight_count : 0; }

pa_status pa_mlp_get_weights(const pa_mlp *model, double *weights, size_t n) {
  return pa__model_get_weights(model ? &model->policy : NULL, weights, n);
}

pa_status pa_mlp_set_weights(pa_mlp *model, const double *weights, size_t n) {
  return pa__model_set_weights(model ? &model->policy : NULL, weights, n);
}

/* ---- files ---- */

static size_t tensors_of(pa_mlp *m, pa__tensor tensors[TENSORS]) {
  for (size_t k = 0; k < m->layers; k++) {
    char name[32];
    snprintf(name, sizeof name, "layer%zu", k + 1);
    pa__model_layer_tensors(&tensors[2 * k], name, m->units[k], m->units[k + 1], layer_at(m, m->weights, k));
  }
  pa__tensor *rest = &tensors[2 * m->layers];
  rest[0] =
      (pa__tensor){.name = "input.mean", .rank = 2, .extent = {m->links, m->links}, .data = m->mean, .optional = true};
  rest[1] = (pa__tensor){.name = "input.inverse_deviation",
                         .rank = 2,
                         .extent = {m->links, m->links},
                         .data = m->inverse_deviation,
                         .optional = true};
  pa__model_output_tensors(rest + 2, &m->policy, &m->output);
  return 2 * m->layers + 2 + PA__OUTPUT_TENSORS;
}

/* "hidden" in a file: whole numbers with a space between them. */
static pa_status read_hidden(const pa_model_file *file, size_t hidden[MOST_HIDDEN], size_t *layers) {
  const char *text = pa_model_file_metadata(file, "hidden"), *rest = text ? text : "";
  for (*layers = 0; *layers < MOST_HIDDEN; ++*layers) {
    int length = 0;
    if (sscanf(rest, "%5zu%n", &hidden[*layers], &length) != 1 || (rest[length] && rest[length] != ' ')) break;
    rest += length;
  }
  if (*rest || *layers == 0)
    return pa__fail(PA_ERROR_FORMAT, "%s: hidden \"%.60s\" is not the units of 1 to %d layers", pa__model_path(file),
                    text ? text : "", MOST_HIDDEN);
  return PA_OK;
}

/* A file of a few bytes that names many units must not cost the memory of them. */
static pa_status check_size(const pa_model_file *file, size_t links, const size_t *hidden, size_t layers) {
  size_t weights = 0, held = pa__model_size(file);
  for (size_t k = 0, in = links * links; k <= layers; k++) {
    size_t out = k < layers ? hidden[k] : links;
    weights += (in + 1) * out;
    in = out;
  }
  if (weights <= held) return PA_OK;
  return pa__fail(PA_ERROR_FORMAT, "%s: the tensors hold %zu numbers, a model of such links and hidden units has %zu",
                  pa__model_path(file), held, weights);
}

static pa_status read_model(pa_policy **out, const pa_model_file *file, const pa_allocator *allocator) {
  size_t links, hidden[MOST_HIDDEN], layers;
  int input, kind = strcmp(pa_model_file_metadata(file, "kind"), "mlp") == 0 ? PA_MLP_POWERS : PA_MLP_PROBABILITIES;
  pa_status status = pa__model_integer(file, "links", 1, MOST_UNITS, &links);
  if (status == PA_OK) status = read_hidden(file, hidden, &layers);
  if (status == PA_OK) status = pa__model_input(file, &input);
  if (status == PA_OK) status = check_size(file, links, hidden, layers);
  if (status != PA_OK) return status;
  pa_mlp *m = NULL;
  if ((status = create(&m, kind, links, hidden, layers, input, allocator)) != PA_OK) return status;
  pa__tensor tensors[TENSORS];
  status = pa__model_read(file, tensors, tensors_of(m, tensors));
  for (size_t k = 0; k < m->units[0] && status == PA_OK; k++)
    if (!(m->inverse_deviation[k] > 0))
      status = pa__fail(PA_ERROR_FORMAT, "%s: input.inverse_deviation[%zu] is %g, must be > 0", pa__model_path(file), k,
                        m->inverse_deviation[k]);
  if (status == PA_OK) status = pa__model_check_output(file, &m->policy, &m->output);
  if (status != PA_OK) {
    pa_mlp_free(m);
    return status;
  }
  m->prepared = true;
  repack(m);
  *out = &m->policy;
  return PA_OK;
}

pa_status pa_mlp_load(pa_mlp **out, const char *path, const pa_allocator *allocator) {
  static const pa__policy_class *const classes[] = {&pa__mlp_class, &pa__fcnn_class, NULL};
  pa_policy *policy = NULL;
  pa_status status = pa__model_load(out ? &policy : NULL, path, classes, allocator);
  if (status == PA_OK) *out = (pa_mlp *)policy;
  return status;
}

static pa_status save(const pa_policy *policy, const char *path, const char *note) {
  const pa_mlp *model = model_of(policy);
  char links[24], hidden[MOST_HIDDEN * 8] = "";
  snprintf(links, sizeof links, "%zu", model->links);
  for (size_t k = 1, end = 0; k < model->layers; k++)
    end += (size_t)snprintf(hidden + end, sizeof hidden - end, "%s%zu", k > 1 ? " " : "", model->units[k]);
  const pa__metadata metadata[] = {{"kind", model->policy.class->name},
                                   {"links", links},
                                   {"hidden", hidden},
                                   {"input", pa__model_input_name(model->input)},
                                   {"powalloc", pa_version_text()},
                                   {"trained", note}};
  pa__tensor tensors[TENSORS];
  pa_mlp view = *model; /* tensors point into it; writing reads only */
  return pa__model_write(path, metadata, note ? 6 : 5, tensors, tensors_of(&view, tensors));
}

const pa__policy_class pa__mlp_class = {.name = "mlp",
                                        .keys = pa__output_keys,
                                        .budget_key = PA_POLICY_OFFSET,
                                        .free = release,
                                        .workspace = workspace,
                                        .allocate = allocate,
                                        .learner = &mlp_learner,
                                        .save = save,
                                        .read = read_model};
const pa__policy_class pa__fcnn_class = {.name = "fcnn",
                                         .keys = pa__output_keys,
                                         .budget_key = PA_POLICY_OFFSET,
                                         .free = release,
                                         .workspace = workspace,
                                         .allocate = allocate,
                                         .learner = &fcnn_learner,
                                         .save = save,
                                         .read = read_model};

pa_status pa_mlp_save(const pa_mlp *model, const char *path, const char *note) {
  if (!model) return pa__fail(PA_ERROR_ARGUMENT, "model is NULL");
  return pa_policy_save(&model->policy, path, note);
}
