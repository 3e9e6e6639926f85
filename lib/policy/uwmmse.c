#include "../base/random.h"
#include "../io/io.h"
#include "model.h"
#include "policy.h"
#include "uwmmse_pass.h"

#include <math.h>
#include <powalloc/regnn.h>
#include <powalloc/uwmmse.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LAYERS = 64, MOST_HIDDEN = 64, FEATURES = 4 };

struct pa_uwmmse {
  pa_policy policy; /* first: a pa_policy of this class is a pa_uwmmse */
  pa__uwmmse_model model;
  size_t weight_count;
  double *weights;   /* in the public order */
  double *packed;    /* [packed size] */
  float *packed_f32; /* the same */
  size_t *place;     /* [weight_count], see map_places() */
  double *sharers;   /* [packed size] */
  pa__output output; /* of model-free training: the logit of the power as a part of the limit */
};

extern const pa__uwmmse_pass KERNEL_BOTH(uwmmse_pass);
static const pa__uwmmse_pass *const passes[PA__PRECISIONS][PA__SETS] = KERNEL_TABLE(uwmmse_pass);

static const pa__uwmmse_pass *pass_of(int precision) { return passes[precision][pa__cpu_set()]; }

/* ---- weights: the public order and the packed one ---- */

/* Parts of a GCN in the public order. */
enum part { W0_1, W1_1, B0_1, B1_1, W0_2, W1_2, B0_2, B1_2, PARTS };

static const char *const part_names[PARTS] = {"gc1.w0", "gc1.w1", "gc1.b0", "gc1.b1",
                                              "gc2.w0", "gc2.w1", "gc2.b0", "gc2.b1"};

static size_t part_size(const pa__uwmmse_shape *s, enum part part) {
  return part <= W1_1 ? s->features * s->hidden : part <= W1_2 ? s->hidden : 1;
}

static size_t gcn_size(const pa__uwmmse_shape *s) {
  size_t size = 0;
  for (enum part p = 0; p < PARTS; p++) size += part_size(s, p);
  return size;
}

static size_t weight_count(const pa__uwmmse_shape *s) {
  return s->gcns * gcn_size(s) + (s->extended ? 2 : 1) * s->layers;
}

static size_t mu_at(const pa__uwmmse_shape *s) { return s->gcns * gcn_size(s); }

static size_t tau_at(const pa__uwmmse_shape *s) { return mu_at(s) + s->layers; }

/* Where element e of a GCN's part stands in the packed order. b0 and b1 share a place. */
static size_t packed_index(const pa__uwmmse_shape *s, size_t gcn, enum part part, size_t e) {
  size_t per_input = s->gcns * s->hidden, second = (2 * s->features + 1) * per_input;
  switch (part) {
  case W0_1:
  case W1_1:
    return ((part == W1_1) * s->features + e / s->hidden) * per_input + gcn * s->hidden + e % s->hidden;
  case B0_1:
  case B1_1:
    return 2 * s->features * per_input + gcn * s->hidden + e;
  case W0_2:
  case W1_2:
    return second + ((part == W1_2) * s->gcns + gcn) * s->hidden + e;
  default:
    return second + 2 * per_input + gcn;
  }
}

/* Place of each public weight in the packed order, and how many weights share each packed place. */
static void map_places(pa_uwmmse *m) {
  const pa__uwmmse_shape *s = &m->model.shape;
  size_t k = 0, scalars = packed_index(s, s->gcns, B0_2, 0);
  for (size_t g = 0; g < s->gcns; g++)
    for (enum part p = 0; p < PARTS; p++)
      for (size_t e = 0; e < part_size(s, p); e++) m->place[k++] = packed_index(s, g, p, e);
  while (k < m->weight_count) m->place[k++] = scalars++;
  for (k = 0; k < m->weight_count; k++) m->sharers[m->place[k]]++;
}

static void repack(pa_uwmmse *m) {
  size_t size = pa__uwmmse_packed_size(&m->model.shape);
  memset(m->packed, 0, size * sizeof(double));
  for (size_t k = 0; k < m->weight_count; k++) m->packed[m->place[k]] += m->weights[k];
  for (size_t k = 0; k < size; k++) m->packed_f32[k] = (float)m->packed[k];
}

/* Adds a gradient of packed weights to one in the public order. */
static void unpack(const pa_uwmmse *m, const double *packed, double *gradient) {
  for (size_t k = 0; k < m->weight_count; k++) gradient[k] += packed[m->place[k]];
}

/* ---- passes over a batch ---- */

static const pa_uwmmse *model_of(const pa_policy *policy) { return (const pa_uwmmse *)policy; }

static void workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  pass_of(e->precision)->workspace(&model_of(policy)->model.shape, e, arena);
}

static pa_status allocate(const pa_policy *policy, const pa_states *states, double *power, void *work) {
  return pass_of(PA__DOUBLE)->allocate(&model_of(policy)->model, states, power, work) ? PA_OK
                                                                                      : pa__states_check(states);
}

static pa_status allocate_f32(const pa_policy *policy, const pa_states *states, float *power, void *work) {
  return pass_of(PA__SINGLE)->allocate(&model_of(policy)->model, states, power, work) ? PA_OK
                                                                                      : pa__states_check_f32(states);
}

/* The sum of packed gradients stands in front of a pass's own memory. */
static double *take_packed(const pa_uwmmse *m, pa__arena *arena) {
  return pa__arena_take(arena, pa__uwmmse_packed_size(&m->model.shape), sizeof(double));
}

static void gradient_workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  take_packed(model_of(policy), arena);
  pass_of(e->precision)->gradient_workspace(&model_of(policy)->model.shape, e, arena);
}

static size_t gradient(const pa_policy *policy, const pa_states *states, double sample_clip, double *out, double *rate,
                       void *memory) {
  const pa_uwmmse *m = model_of(policy);
  pa__arena arena = {memory, 0};
  double *packed = take_packed(m, &arena);
  size_t dropped =
      pass_of(states->precision)->gradient(&m->model, states, sample_clip, packed, rate, pa__arena_take(&arena, 0, 1));
  unpack(m, packed, out);
  return dropped;
}

static void rates(const pa_policy *policy, const pa_states *states, double *rate, void *memory) {
  pass_of(states->precision)->rates(&model_of(policy)->model, states, rate, memory);
}

/* ---- the learner ---- */

static size_t learner_weight_count(const pa_policy *policy) { return model_of(policy)->weight_count; }

static void learner_get(const pa_policy *policy, double *weights) {
  memcpy(weights, model_of(policy)->weights, model_of(policy)->weight_count * sizeof(double));
}

static void learner_set(pa_policy *policy, const double *weights) {
  pa_uwmmse *m = (pa_uwmmse *)policy;
  memcpy(m->weights, weights, m->weight_count * sizeof(double));
  repack(m);
}

/* mu and tau of the extended architecture are not negative; the authors leave mu free. */
static void project(const pa_policy *policy, double *weights) {
  const pa__uwmmse_shape *s = &model_of(policy)->model.shape;
  for (size_t k = mu_at(s); s->extended && k < weight_count(s); k++) weights[k] = fmax(weights[k], 0);
}

static void describe(const pa_policy *policy, char text[PA__DESCRIPTION]) {
  const pa__uwmmse_shape *s = &model_of(policy)->model.shape;
  snprintf(text, PA__DESCRIPTION, "%s, %zu layers of %zu", s->extended ? "extended" : "paper", s->layers, s->hidden);
}

static pa__recipe recipe(const pa_policy *policy, bool family) {
  pa__recipe recipe = {
      .learning_rate = 1e-3, .final_rate = 1, .clip = 5, .batch = 64, .held_out = 2000, .held_out_every = 250};
  if (!model_of(policy)->model.shape.extended) return recipe;
  recipe.learning_rate = family ? 5e-3 : 1e-2;
  recipe.final_rate = .01;
  recipe.warmup = 300;
  recipe.sample_clip = 1000;
  return recipe;
}

/* ---- model-free ---- */

/* Powers this near to nothing or to the limit count as that near, so that their logit is finite. */
#define EDGE 1e-6

static pa__output *output(pa_policy *policy) { return &((pa_uwmmse *)policy)->output; }

static double *take_slopes(size_t samples, size_t links, pa__arena *arena) {
  return pa__arena_take(arena, samples * links, sizeof(double));
}

/* v, its slopes, and the sum of packed gradients stand in front of a pass's own memory. */
static void tape_workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) {
  const pa_uwmmse *m = model_of(policy);
  take_slopes(e->batch, e->links, arena);
  take_slopes(e->batch, e->links, arena);
  take_packed(m, arena);
  pass_of(e->precision)->tape_workspace(&m->model.shape, e, arena);
}

struct tape {
  double *v, *d_v, *packed;
  void *pass;
};

static struct tape tape_of(const pa_uwmmse *m, const pa_states *states, void *work) {
  pa__arena arena = {work, 0};
  struct tape t = {.v = take_slopes(states->batch, states->links, &arena)};
  t.d_v = take_slopes(states->batch, states->links, &arena);
  t.packed = take_packed(m, &arena);
  t.pass = pa__arena_take(&arena, 0, 1);
  return t;
}

static void learner_forward(const pa_policy *policy, const pa_states *states, double *y, void *work) {
  const pa_uwmmse *m = model_of(policy);
  struct tape t = tape_of(m, states, work);
  pass_of(states->precision)->forward(&m->model, states, t.v, t.pass);
  for (size_t k = 0; k < states->batch * states->links; k++) {
    double power = fmin(fmax(t.v[k] * t.v[k], EDGE), 1 - EDGE);
    y[k] = log(power / (1 - power));
  }
}

static void learner_backward(const pa_policy *policy, const pa_states *states, const double *dy, double *gradient,
                             void *work) {
  const pa_uwmmse *m = model_of(policy);
  struct tape t = tape_of(m, states, work);
  for (size_t k = 0; k < states->batch * states->links; k++) {
    double v = t.v[k]; /* d logit(v^2) / d v = 2 / (v (1 - v^2)) */
    t.d_v[k] = v * v > EDGE && v * v < 1 - EDGE ? dy[k] * 2 / (v * (1 - v * v)) : 0;
  }
  memset(t.packed, 0, pa__uwmmse_packed_size(&m->model.shape) * sizeof(double));
  pass_of(states->precision)->backward(&m->model, states, t.d_v, t.packed, t.pass);
  unpack(m, t.packed, gradient);
}

static const pa__learner_class learner = {.single = true,
                                          .weight_count = learner_weight_count,
                                          .get_weights = learner_get,
                                          .set_weights = learner_set,
                                          .project = project,
                                          .describe = describe,
                                          .recipe = recipe,
                                          .gradient_workspace = gradient_workspace,
                                          .gradient = gradient,
                                          .rates = rates,
                                          .output = output,
                                          .tape_workspace = tape_workspace,
                                          .forward = learner_forward,
                                          .backward = learner_backward};

static void release(pa_policy *policy) {
  pa_uwmmse *m = (pa_uwmmse *)policy;
  pa__release(&policy->allocator, m->weights);
  pa__release(&policy->allocator, m->packed);
  pa__release(&policy->allocator, m->packed_f32);
  pa__release(&policy->allocator, m->place);
  pa__release(&policy->allocator, m->sharers);
}

/* ---- the handle ---- */

static pa_status create(pa_uwmmse **out, bool extended, size_t layers, size_t hidden, const pa_allocator *allocator) {
  if (layers == 0 || layers > MOST_LAYERS)
    return pa__fail(PA_ERROR_ARGUMENT, "layers is %zu, must be 1 to %d", layers, MOST_LAYERS);
  if (hidden == 0 || hidden > MOST_HIDDEN)
    return pa__fail(PA_ERROR_ARGUMENT, "hidden is %zu, must be 1 to %d", hidden, MOST_HIDDEN);
  pa_uwmmse *m = NULL;
  pa_status status = pa__handle_create(out ? (void *)&m : NULL, sizeof *m, allocator);
  if (status != PA_OK) return status;
  pa__policy_init(&m->policy, &pa__uwmmse_class);
  m->policy.borrowed = true;
  m->model.shape = (pa__uwmmse_shape){.extended = extended,
                                      .layers = layers,
                                      .hidden = hidden,
                                      .features = extended ? FEATURES : 1,
                                      .gcns = 2 * layers + extended};
  m->output = (pa__output){.kind = PA_REGNN_OUTPUT_CONTINUOUS, .count = 1, .deviation = .3};
  m->weight_count = weight_count(&m->model.shape);
  m->weights = pa__allocate(&m->policy.allocator, m->weight_count, sizeof(double));
  m->packed = pa__allocate(&m->policy.allocator, pa__uwmmse_packed_size(&m->model.shape), sizeof(double));
  m->packed_f32 = pa__allocate(&m->policy.allocator, pa__uwmmse_packed_size(&m->model.shape), sizeof(float));
  m->place = pa__allocate(&m->policy.allocator, m->weight_count, sizeof(size_t));
  m->sharers = pa__allocate(&m->policy.allocator, pa__uwmmse_packed_size(&m->model.shape), sizeof(double));
  if (!m->weights || !m->packed || !m->packed_f32 || !m->place || !m->sharers) {
    pa_uwmmse_free(m);
    return PA_ERROR_MEMORY;
  }
  map_places(m);
  m->model.packed[PA__DOUBLE] = m->packed;
  m->model.packed[PA__SINGLE] = m->packed_f32;
  m->model.sharers = m->sharers;
  m->model.scale = m->model.start = 1;
  *out = m;
  return PA_OK;
}

/* Glorot's uniform weights; biases .1 as the authors', +2 at the start's output so that links start close to pmax. */
static void initialise(pa_uwmmse *m, uint64_t seed) {
  const pa__uwmmse_shape *s = &m->model.shape;
  uint64_t key = pa__random_key(seed, PA__STREAM_WEIGHTS, 0), drawn = 0;
  double *w = m->weights;
  for (size_t g = 0; g < s->gcns; g++)
    for (enum part p = 0; p < PARTS; p++) {
      double limit = sqrt(6.0 / (double)(s->hidden + (p <= W1_1 ? s->features : 1)));
      bool bias = p != W0_1 && p != W1_1 && p != W0_2 && p != W1_2;
      for (size_t e = 0; e < part_size(s, p); e++)
        *w++ = bias ? .1 : limit * (2 * pa__random_uniform(key, 0, drawn++) - 1);
    }
  if (s->extended) m->weights[s->gcns * gcn_size(s) - 1] = 2;
  for (size_t k = 0; s->extended && k < s->layers; k++) {
    m->weights[mu_at(s) + k] = .05;
    m->weights[tau_at(s) + k] = .5;
  }
  repack(m);
}

pa_status pa_uwmmse_create(pa_uwmmse **out, int32_t architecture, size_t layers, size_t hidden, uint64_t seed,
                           const pa_allocator *allocator) {
  if (architecture != PA_UWMMSE_PAPER && architecture != PA_UWMMSE_EXTENDED)
    return pa__fail(PA_ERROR_ARGUMENT, "architecture is %d, must be PA_UWMMSE_PAPER or PA_UWMMSE_EXTENDED",
                    (int)architecture);
  pa_uwmmse *m = NULL;
  pa_status status = create(out ? &m : NULL, architecture == PA_UWMMSE_EXTENDED, layers, hidden, allocator);
  if (status != PA_OK) return status;
  initialise(m, seed);
  *out = m;
  return PA_OK;
}

/* Tensors of the file format, data pointing into the model. Fills at most `most`; returns how many there are. */
static size_t tensors_of(pa_uwmmse *m, pa__tensor *tensors) {
  const pa__uwmmse_shape *s = &m->model.shape;
  size_t count = 0;
  double *w = m->weights;
  for (size_t g = 0; g < s->gcns; g++)
    for (enum part p = 0; p < PARTS; p++) {
      pa__tensor *t = &tensors[count++];
      *t = (pa__tensor){.data = w};
      if (g == 2 * s->layers)
        snprintf(t->name, sizeof t->name, "start.%s", part_names[p]);
      else
        snprintf(t->name, sizeof t->name, "layer%zu.%c.%s", g / 2 + 1, g % 2 ? 'b' : 'a', part_names[p]);
      size_t inputs = p <= W1_1 ? s->features : s->hidden, outputs = p <= B1_1 ? s->hidden : 1;
      bool bias = part_size(s, p) != inputs * outputs || p == B0_1 || p == B1_1 || p == B0_2 || p == B1_2;
      t->rank = bias ? 1 : 2;
      t->extent[0] = bias ? outputs : inputs;
      t->extent[1] = bias ? 0 : outputs;
      w += part_size(s, p);
    }
  for (size_t k = 0; k < (s->extended ? 2 : 1) * s->layers; k++) {
    pa__tensor *t = &tensors[count++];
    *t = (pa__tensor){.data = w++};
    snprintf(t->name, sizeof t->name, "layer%zu.%s", k % s->layers + 1, k < s->layers ? "mu" : "tau");
  }
  if (!s->extended) {
    tensors[count++] = (pa__tensor){.name = "gcn.scale", .data = &m->model.scale, .optional = true};
    tensors[count++] = (pa__tensor){.name = "v0", .data = &m->model.start, .optional = true};
  }
  return count;
}

static size_t most_tensors(const pa__uwmmse_shape *s) { return s->gcns * PARTS + 2 * s->layers + 2; }

static pa_status check_scalars(const pa_uwmmse *m, const char *where) {
  const pa__uwmmse_shape *s = &m->model.shape;
  for (size_t k = 0; s->extended && k < 2 * s->layers; k++)
    if (m->weights[mu_at(s) + k] < 0)
      return pa__fail(PA_ERROR_FORMAT, "%s: layer%zu.%s is negative", where, k % s->layers + 1,
                      k < s->layers ? "mu" : "tau");
  if (!(m->model.start > 0 && m->model.start <= 1))
    return pa__fail(PA_ERROR_FORMAT, "%s: v0 is %g, must be above 0 and at most 1", where, m->model.start);
  return PA_OK;
}

static pa_status read_model(pa_policy **out, const pa_model_file *file, const pa_allocator *allocator) {
  const char *path = pa__model_path(file), *architecture = pa_model_file_metadata(file, "architecture");
  size_t layers, hidden;
  bool extended = architecture && strcmp(architecture, "extended") == 0;
  if (architecture && !extended && strcmp(architecture, "paper") != 0)
    return pa__fail(PA_ERROR_FORMAT, "%s: architecture \"%.60s\" is neither \"paper\" nor \"extended\"", path,
                    architecture);
  pa_status status = pa__model_integer(file, "layers", 1, MOST_LAYERS, &layers);
  if (status == PA_OK) status = pa__model_integer(file, "hidden", 1, MOST_HIDDEN, &hidden);
  if (status != PA_OK) return status;
  pa_uwmmse *m = NULL;
  if ((status = create(&m, extended, layers, hidden, allocator)) != PA_OK) return status;
  pa__tensor *tensors = pa__allocate(&m->policy.allocator, most_tensors(&m->model.shape), sizeof *tensors);
  status = tensors ? pa__model_read(file, tensors, tensors_of(m, tensors)) : PA_ERROR_MEMORY;
  pa__release(&m->policy.allocator, tensors);
  if (status == PA_OK) status = check_scalars(m, path);
  if (status != PA_OK) {
    pa_uwmmse_free(m);
    return status;
  }
  repack(m);
  *out = &m->policy;
  return PA_OK;
}

pa_status pa_uwmmse_load(pa_uwmmse **out, const char *path, const pa_allocator *allocator) {
  static const pa__policy_class *const classes[] = {&pa__uwmmse_class, NULL};
  pa_policy *policy = NULL;
  pa_status status = pa__model_load(out ? &policy : NULL, path, classes, allocator);
  if (status == PA_OK) *out = (pa_uwmmse *)policy;
  return status;
}

static pa_status save(const pa_policy *policy, const char *path, const char *note) {
  const pa_uwmmse *model = model_of(policy);
  const pa__uwmmse_shape *s = &model->model.shape;
  char layers[24], hidden[24];
  snprintf(layers, sizeof layers, "%zu", s->layers);
  snprintf(hidden, sizeof hidden, "%zu", s->hidden);
  const pa__metadata metadata[] = {{"kind", "uwmmse"},
                                   {"architecture", s->extended ? "extended" : "paper"},
                                   {"layers", layers},
                                   {"hidden", hidden},
                                   {"powalloc", pa_version_text()},
                                   {"trained", note}};
  pa__tensor *tensors = pa__allocate(&model->policy.allocator, most_tensors(s), sizeof *tensors);
  if (!tensors) return PA_ERROR_MEMORY;
  pa_uwmmse view = *model; /* tensors point into it; writing reads only */
  pa_status status = pa__model_write(path, metadata, note ? 6 : 5, tensors, tensors_of(&view, tensors));
  pa__release(&model->policy.allocator, tensors);
  return status;
}

void pa_uwmmse_free(pa_uwmmse *model) {
  if (model) pa__policy_destroy(&model->policy);
}

pa_uwmmse *pa_policy_uwmmse(pa_policy *policy) {
  return policy && policy->class->learner == &learner ? (pa_uwmmse *)policy : NULL;
}

pa_policy *pa_uwmmse_policy(pa_uwmmse *model) { return model ? &model->policy : NULL; }

int32_t pa_uwmmse_architecture(const pa_uwmmse *model) {
  return !model ? 0 : model->model.shape.extended ? PA_UWMMSE_EXTENDED : PA_UWMMSE_PAPER;
}

size_t pa_uwmmse_layers(const pa_uwmmse *model) { return model ? model->model.shape.layers : 0; }

size_t pa_uwmmse_hidden(const pa_uwmmse *model) { return model ? model->model.shape.hidden : 0; }

size_t pa_uwmmse_weight_count(const pa_uwmmse *model) { return model ? model->weight_count : 0; }

static pa_status check_weights(const pa_uwmmse *model, const double *weights, size_t n, const char *name) {
  if (!model || !weights) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", model ? name : "model");
  if (n != model->weight_count)
    return pa__fail(PA_ERROR_ARGUMENT, "%s has %zu elements, the model has %zu weights", name, n, model->weight_count);
  return PA_OK;
}

pa_status pa_uwmmse_get_weights(const pa_uwmmse *model, double *weights, size_t n) {
  pa_status status = check_weights(model, weights, n, "weights");
  if (status == PA_OK) learner_get(&model->policy, weights);
  return status;
}

pa_status pa_uwmmse_set_weights(pa_uwmmse *model, const double *weights, size_t n) {
  pa_status status = check_weights(model, weights, n, "weights");
  if (status != PA_OK) return status;
  for (size_t k = 0; k < n; k++) {
    if (!isfinite(weights[k])) return pa__fail(PA_ERROR_ARGUMENT, "weights[%zu] is not finite", k);
    if (model->model.shape.extended && k >= mu_at(&model->model.shape) && weights[k] < 0)
      return pa__fail(PA_ERROR_ARGUMENT, "weights[%zu], a %s, is negative", k,
                      k < tau_at(&model->model.shape) ? "mu" : "tau");
  }
  learner_set(&model->policy, weights);
  return PA_OK;
}

/* Bytes that the gradient of any part takes. */
static size_t gradient_bytes(const pa_uwmmse *model, const pa_states *states) {
  size_t bytes = 0;
  for (size_t k = 0; k < pa_states_part_count(states); k++) {
    size_t part = pa__measure(gradient_workspace, &model->policy, pa__extent_of(pa_states_part(states, k)));
    if (part > bytes) bytes = part;
  }
  return bytes;
}

/* Sum of the gradients of all samples, and their rates [batch]; returns how many are not finite. */
static size_t gradient_of_parts(const pa_uwmmse *model, const pa_states *states, double *sum, double *rate,
                                void *work) {
  size_t dropped = 0;
  pa__flush saved = pa__flush_begin();
  for (size_t k = 0; k < pa_states_part_count(states); k++)
    dropped += gradient(&model->policy, pa_states_part(states, k), 0, sum,
                        rate + pa__states_samples_before(states, k), work);
  pa__flush_end(saved);
  return dropped;
}

pa_status pa_uwmmse_gradient(const pa_uwmmse *model, const pa_states *states, double *loss, double *out, size_t n) {
  pa_status status = check_weights(model, out, n, "gradient");
  if (status == PA_OK) status = pa__states_check_all(states);
  if (status != PA_OK) return status;
  const pa_allocator *allocator = &model->policy.allocator;
  size_t dropped = 0;
  double *sum = pa__allocate(allocator, n + states->batch, sizeof(double)), *rate = sum + n, total = 0;
  void *work = sum ? pa__allocate(allocator, gradient_bytes(model, states), 1) : NULL;
  if (work) {
    dropped = gradient_of_parts(model, states, sum, rate, work);
    for (size_t b = 0; b < states->batch; b++) total += rate[b];
    for (size_t k = 0; k < n && dropped == 0; k++) out[k] = -sum[k] / (double)states->batch;
    if (loss && dropped == 0) *loss = -total / (double)states->batch;
  }
  status = !work     ? PA_ERROR_MEMORY
           : dropped ? pa__fail(PA_ERROR_NUMERIC, "the gradient of %zu samples is not finite", dropped)
                     : PA_OK;
  pa__release(allocator, work);
  pa__release(allocator, sum);
  return status;
}

const pa__policy_class pa__uwmmse_class = {.name = "uwmmse",
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

pa_status pa_uwmmse_save(const pa_uwmmse *model, const char *path, const char *note) {
  if (!model) return pa__fail(PA_ERROR_ARGUMENT, "model is NULL");
  return pa_policy_save(&model->policy, path, note);
}
