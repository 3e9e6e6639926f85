#include "igcnet_pass.h"

#include "../base/random.h"
#include "../io/io.h"
#include "model.h"
#include "sum_rate.h"

#include <math.h>
#include <powalloc/igcnet.h>
#include <powalloc/regnn.h>
#include <stdio.h>
#include <string.h>

enum { MOST_UNITS = 256, LAYERS = 4, TENSORS = 2 * LAYERS + PA__OUTPUT_TENSORS };

struct pa_igcnet {
  pa_policy policy; /* first: a pa_policy of this class is a pa_igcnet */
  pa__igcnet_shape shape;
  pa__output output;
  size_t weight_count;
  double *weights;
  pa__igcnet_weights view;
};

static pa__igcnet_forward_fn *const forward_of[] = {KERNEL_EACH(KERNEL_NAME, igcnet_forward)};
static pa__igcnet_backward_fn *const backward_of[] = {KERNEL_EACH(KERNEL_NAME, igcnet_backward)};

static const pa_igcnet *model_of(const pa_policy *policy) { return (const pa_igcnet *)policy; }

/* ---- weights ---- */

static void layer_sizes(const pa__igcnet_shape *s, size_t layer, size_t *inputs, size_t *outputs) {
  const size_t in[LAYERS] = {PA__IGCNET_EDGE, s->hidden, PA__IGCNET_OWN + s->message, s->hidden},
               out[LAYERS] = {s->hidden, s->message, s->hidden, 1};
  *inputs = in[layer];
  *outputs = out[layer];
}

static size_t layer_size(const pa__igcnet_shape *s, size_t layer) {
  size_t inputs, outputs;
  layer_sizes(s, layer, &inputs, &outputs);
  return (inputs + 1) * outputs;
}

static size_t weight_count(const pa__igcnet_shape *s) {
  size_t count = 0;
  for (size_t layer = 0; layer < LAYERS; layer++) count += layer_size(s, layer);
  return count;
}

static pa__igcnet_weights view_of(const pa__igcnet_shape *s, double *memory) {
  pa__igcnet_weights w;
  double **const matrices[LAYERS] = {&w.first, &w.second, &w.update, &w.last},
                 **const biases[LAYERS] = {&w.first_bias, &w.second_bias, &w.update_bias, &w.last_bias};
  for (size_t layer = 0; layer < LAYERS; memory += layer_size(s, layer++)) {
    size_t inputs, outputs;
    layer_sizes(s, layer, &inputs, &outputs);
    *matrices[layer] = memory;
    *biases[layer] = memory + inputs * outputs;
  }
  return w;
}

/* ---- passes over a batch ---- */

static pa__igcnet_tape take_tape(pa__arena *arena, const pa__igcnet_shape *s, const pa__layout *l, bool backward) {
  size_t node = l->length * sizeof(double), edge = l->links * node;
  size_t largest = 0;
  pa__igcnet_tape t = {.channel = pa__arena_take(arena, 1, edge), .hidden_step = backward ? s->hidden * l->length : 0};
  t.features = pa__arena_take(arena, PA__IGCNET_EDGE, edge);
  t.messages = pa__arena_take(arena, s->message, node);
  t.mask = pa__arena_take(arena, 1, node);
  for (size_t r = 0; r < s->rounds; r++) {
    bool own = backward || r == 0;
    t.hidden[r] = own ? pa__arena_take(arena, s->hidden, backward ? edge : node) : t.hidden[0];
    t.inputs[r] = own ? pa__arena_take(arena, PA__IGCNET_OWN + s->message, node) : t.inputs[0];
    t.sender[r] = own ? pa__arena_take(arena, s->message, node) : t.sender[0];
    t.unit[r] = own ? pa__arena_take(arena, s->hidden, node) : t.unit[0];
    t.power[r] = own ? pa__arena_take(arena, 1, node) : t.power[0];
  }
  t.output = pa__arena_take(arena, 1, node);
  if (!backward) return t;
  t.d_power = pa__arena_take(arena, 1, node);
  t.d_unit = pa__arena_take(arena, s->hidden, node);
  t.d_input = pa__arena_take(arena, PA__IGCNET_OWN + s->message, node);
  t.d_hidden = pa__arena_take(arena, s->hidden, edge);
  for (size_t layer = 0; layer < LAYERS; layer++)
    if (layer_size(s, layer) > largest) largest = layer_size(s, layer);
  t.products = pa__arena_take(arena, largest, sizeof(double));
  return t;
}

static void workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  pa__layout layout = pa__layout_single(pa__la_best(), e->links);
  take_tape(arena, &model_of(policy)->shape, &layout, false);
  pa__arena_take(arena, e->batch * e->links, sizeof(double));
}

static pa_status allocate(const pa_policy *policy, const pa_states *states, double *power, void *work) {
  const pa_igcnet *m = model_of(policy);
  const pa__la *la = pa__la_best();
  pa__layout layout = pa__layout_single(la, states->links);
  pa__arena arena = {work, 0};
  pa__igcnet_tape tape = take_tape(&arena, &m->shape, &layout, false);
  double *y = pa__arena_take(&arena, states->batch * states->links, sizeof(double));
  for (size_t b = 0; b < states->batch; b++) {
    forward_of[la->set](la, &m->shape, &m->view, states, b, &layout, &tape);
    memcpy(y + b * states->links, tape.output, states->links * sizeof(double));
  }
  pa__output_powers(policy, &m->output, states, y, power);
  return PA_OK;
}

/* ---- the learner ---- */

static size_t learner_weight_count(const pa_policy *policy) { return model_of(policy)->weight_count; }

static void learner_get(const pa_policy *policy, double *weights) {
  memcpy(weights, model_of(policy)->weights, model_of(policy)->weight_count * sizeof(double));
}

static void learner_set(pa_policy *policy, const double *weights) {
  memcpy(((pa_igcnet *)policy)->weights, weights, model_of(policy)->weight_count * sizeof(double));
}

static void describe(const pa_policy *policy, char text[PA__DESCRIPTION]) {
  const pa__igcnet_shape *s = &model_of(policy)->shape;
  snprintf(text, PA__DESCRIPTION, "%zu rounds, %zu units, messages of %zu, input %d", s->rounds, s->hidden, s->message,
           s->input);
}

static pa__recipe recipe(const pa_policy *policy, bool family) {
  (void)policy;
  (void)family;
  return (pa__recipe){.learning_rate = 3e-3,
                      .final_rate = .01,
                      .warmup = 300,
                      .clip = 5,
                      .batch = 64,
                      .held_out = 2000,
                      .held_out_every = 500};
}

static pa__output *output(pa_policy *policy) { return &((pa_igcnet *)policy)->output; }

/* One tape a sample. */
static void tape_workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  pa__layout layout = pa__layout_single(pa__la_best(), e->links);
  pa__arena_take(arena, layout.length, sizeof(double));
  for (size_t b = 0; b < e->batch; b++) take_tape(arena, &model_of(policy)->shape, &layout, true);
}

static void forward(const pa_policy *policy, const pa_states *states, double *y, void *work) {
  const pa_igcnet *m = model_of(policy);
  const pa__la *la = pa__la_best();
  pa__layout layout = pa__layout_single(la, states->links);
  pa__arena arena = {work, 0};
  double offset = pa__policy_value(policy, PA_POLICY_OFFSET);
  pa__arena_take(&arena, layout.length, sizeof(double));
  for (size_t b = 0; b < states->batch; b++) {
    pa__igcnet_tape tape = take_tape(&arena, &m->shape, &layout, true);
    forward_of[la->set](la, &m->shape, &m->view, states, b, &layout, &tape);
    for (size_t i = 0; i < states->links; i++) y[b * states->links + i] = tape.output[i] + offset;
  }
}

static void backward(const pa_policy *policy, const pa_states *states, const double *dy, double *gradient, void *work) {
  const pa_igcnet *m = model_of(policy);
  const pa__la *la = pa__la_best();
  pa__layout layout = pa__layout_single(la, states->links);
  pa__arena arena = {work, 0};
  double *d_output = pa__arena_take(&arena, layout.length, sizeof(double));
  pa__igcnet_weights to = view_of(&m->shape, gradient);
  memset(d_output, 0, layout.length * sizeof(double));
  for (size_t b = 0; b < states->batch; b++) {
    pa__igcnet_tape tape = take_tape(&arena, &m->shape, &layout, true);
    memcpy(d_output, dy + b * states->links, states->links * sizeof(double));
    backward_of[la->set](la, &m->shape, &m->view, &layout, &tape, d_output, &to);
  }
}

static const pa__learner_class learner = {.weight_count = learner_weight_count,
                                          .get_weights = learner_get,
                                          .set_weights = learner_set,
                                          .describe = describe,
                                          .recipe = recipe,
                                          .gradient_workspace = pa__sum_rate_workspace,
                                          .gradient = pa__sum_rate_gradient,
                                          .rates = pa__sum_rates,
                                          .output = output,
                                          .tape_workspace = tape_workspace,
                                          .forward = forward,
                                          .backward = backward};

/* ---- the handle ---- */

static void release(pa_policy *policy) { pa__release(&policy->allocator, ((pa_igcnet *)policy)->weights); }

static pa_status create(pa_igcnet **out, pa__igcnet_shape shape, const pa_allocator *allocator) {
  pa_igcnet *m = NULL;
  pa_status status = pa__handle_create(out ? (void *)&m : NULL, sizeof *m, allocator);
  if (status != PA_OK) return status;
  pa__policy_init(&m->policy, &pa__igcnet_class);
  m->policy.borrowed = true;
  m->shape = shape;
  m->output = (pa__output){.kind = PA_REGNN_OUTPUT_CONTINUOUS, .count = 1, .deviation = .3};
  m->weight_count = weight_count(&shape);
  if (!(m->weights = pa__allocate(&m->policy.allocator, m->weight_count, sizeof(double)))) {
    pa_igcnet_free(m);
    return PA_ERROR_MEMORY;
  }
  m->view = view_of(&shape, m->weights);
  *out = m;
  return PA_OK;
}

pa_status pa_igcnet_create(pa_igcnet **out, size_t rounds, size_t hidden, size_t message, int32_t input, uint64_t seed,
                           const pa_allocator *allocator) {
  if (rounds == 0 || rounds > PA__IGCNET_ROUNDS)
    return pa__fail(PA_ERROR_ARGUMENT, "rounds is %zu, must be 1 to %d", rounds, PA__IGCNET_ROUNDS);
  if (hidden == 0 || hidden > MOST_UNITS)
    return pa__fail(PA_ERROR_ARGUMENT, "hidden is %zu, must be 1 to %d", hidden, MOST_UNITS);
  if (message == 0 || message > MOST_UNITS)
    return pa__fail(PA_ERROR_ARGUMENT, "message is %zu, must be 1 to %d", message, MOST_UNITS);
  if (input != PA_INPUT_LOG && input != PA_INPUT_AMPLITUDE)
    return pa__fail(PA_ERROR_ARGUMENT, "input is %d, must be PA_INPUT_LOG or PA_INPUT_AMPLITUDE", (int)input);
  pa_igcnet *m = NULL;
  pa_status status = create(out ? &m : NULL, (pa__igcnet_shape){rounds, hidden, message, input}, allocator);
  if (status != PA_OK) return status;
  double *w = m->weights;
  for (size_t layer = 0, inputs, outputs; layer < LAYERS; w += layer_size(&m->shape, layer++)) {
    layer_sizes(&m->shape, layer, &inputs, &outputs);
    pa__model_random_layer(w, inputs, outputs, sqrt(2 / (double)inputs), seed, layer);
  }
  *out = m;
  return PA_OK;
}

void pa_igcnet_free(pa_igcnet *model) {
  if (model) pa__policy_destroy(&model->policy);
}

pa_policy *pa_igcnet_policy(pa_igcnet *model) { return model ? &model->policy : NULL; }

pa_igcnet *pa_policy_igcnet(pa_policy *policy) {
  return policy && policy->class == &pa__igcnet_class ? (pa_igcnet *)policy : NULL;
}

size_t pa_igcnet_weight_count(const pa_igcnet *model) { return model ? model->weight_count : 0; }

pa_status pa_igcnet_get_weights(const pa_igcnet *model, double *weights, size_t n) {
  return pa__model_get_weights(model ? &model->policy : NULL, weights, n);
}

pa_status pa_igcnet_set_weights(pa_igcnet *model, const double *weights, size_t n) {
  return pa__model_set_weights(model ? &model->policy : NULL, weights, n);
}

/* ---- files ---- */

static size_t tensors_of(pa_igcnet *m, pa__tensor tensors[TENSORS]) {
  static const char *const names[LAYERS] = {"message.layer1", "message.layer2", "update.layer1", "update.layer2"};
  double *w = m->weights;
  for (size_t layer = 0, inputs, outputs; layer < LAYERS; w += layer_size(&m->shape, layer++)) {
    layer_sizes(&m->shape, layer, &inputs, &outputs);
    pa__model_layer_tensors(&tensors[2 * layer], names[layer], inputs, outputs, w);
  }
  pa__model_output_tensors(&tensors[2 * LAYERS], &m->policy, &m->output);
  return TENSORS;
}

static pa_status read_model(pa_policy **out, const pa_model_file *file, const pa_allocator *allocator) {
  pa__igcnet_shape shape = {0};
  pa__tensor tensors[TENSORS];
  pa_status status = pa__model_integer(file, "rounds", 1, PA__IGCNET_ROUNDS, &shape.rounds);
  if (status == PA_OK) status = pa__model_integer(file, "hidden", 1, MOST_UNITS, &shape.hidden);
  if (status == PA_OK) status = pa__model_integer(file, "message", 1, MOST_UNITS, &shape.message);
  if (status == PA_OK) status = pa__model_input(file, &shape.input);
  pa_igcnet *m = NULL;
  if (status == PA_OK) status = create(&m, shape, allocator);
  if (status != PA_OK) return status;
  status = pa__model_read(file, tensors, tensors_of(m, tensors));
  if (status == PA_OK) status = pa__model_check_output(file, &m->policy, &m->output);
  if (status == PA_OK)
    *out = &m->policy;
  else
    pa_igcnet_free(m);
  return status;
}

pa_status pa_igcnet_load(pa_igcnet **out, const char *path, const pa_allocator *allocator) {
  static const pa__policy_class *const classes[] = {&pa__igcnet_class, NULL};
  pa_policy *policy = NULL;
  pa_status status = pa__model_load(out ? &policy : NULL, path, classes, allocator);
  if (status == PA_OK) *out = (pa_igcnet *)policy;
  return status;
}

static pa_status save(const pa_policy *policy, const char *path, const char *note) {
  const pa_igcnet *model = model_of(policy);
  const pa__igcnet_shape *s = &model->shape;
  char rounds[24], hidden[24], message[24];
  snprintf(rounds, sizeof rounds, "%zu", s->rounds);
  snprintf(hidden, sizeof hidden, "%zu", s->hidden);
  snprintf(message, sizeof message, "%zu", s->message);
  const pa__metadata metadata[] = {{"kind", "igcnet"},
                                   {"rounds", rounds},
                                   {"hidden", hidden},
                                   {"message", message},
                                   {"input", pa__model_input_name(s->input)},
                                   {"powalloc", pa_version_text()},
                                   {"trained", note}};
  pa__tensor tensors[TENSORS];
  pa_igcnet view = *model; /* tensors point into it; writing reads only */
  return pa__model_write(path, metadata, note ? 7 : 6, tensors, tensors_of(&view, tensors));
}

const pa__policy_class pa__igcnet_class = {.name = "igcnet",
                                           .keys = pa__output_keys,
                                           .budget_key = PA_POLICY_OFFSET,
                                           .free = release,
                                           .workspace = workspace,
                                           .allocate = allocate,
                                           .learner = &learner,
                                           .save = save,
                                           .read = read_model};

pa_status pa_igcnet_save(const pa_igcnet *model, const char *path, const char *note) {
  if (!model) return pa__fail(PA_ERROR_ARGUMENT, "model is NULL");
  return pa_policy_save(&model->policy, path, note);
}
