#include "../base/random.h"
#include "../io/io.h"
#include "model.h"
#include "uwmmse_pass.h"

#include <math.h>
#include <powalloc/regnn.h>
#include <powalloc/uwmmse.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LAYERS = 64, MOST_HIDDEN = 64, FEATURES = 4 };

struct pa_uwmmse {
  pa_policy policy; /* first: a pa_policy of this class is a pa_uwmmse */
  pa__uwmmse_shape shape;
  size_t weight_count;
  double *weights; /* in the public order */
  double *memory;  /* of packed */
  size_t *place;   /* [weight_count], see map_places() */
  double *sharers; /* [packed size] */
  pa__uwmmse_weights packed;
  pa__output output; /* of model-free training: the logit of the power as a part of the limit */
};

static pa__uwmmse_forward_fn *const forward[] = KERNEL_TABLE(uwmmse_forward);
static pa__uwmmse_rate_fn *const rate_of[] = KERNEL_TABLE(uwmmse_rate);
static pa__uwmmse_rate_slope_fn *const rate_slope[] = KERNEL_TABLE(uwmmse_rate_slope);
static pa__uwmmse_backward_fn *const backward[] = KERNEL_TABLE(uwmmse_backward);

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

size_t pa__uwmmse_packed_size(const pa__uwmmse_shape *s) {
  return s->gcns * (2 * s->features * s->hidden + s->hidden + 2 * s->hidden + 1) + 2 * s->layers;
}

pa__uwmmse_weights pa__uwmmse_packed_view(const pa__uwmmse_shape *s, double *memory, size_t width) {
  pa__uwmmse_weights w = {.first = memory, .scale = 1, .start = 1};
  w.first_bias = w.first + 2 * s->features * s->gcns * s->hidden * width;
  w.second = w.first_bias + s->gcns * s->hidden * width;
  w.second_bias = w.second + 2 * s->gcns * s->hidden * width;
  w.mu = w.second_bias + s->gcns * width;
  w.tau = w.mu + s->layers * width;
  return w;
}

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
  const pa__uwmmse_shape *s = &m->shape;
  size_t k = 0, scalars = packed_index(s, s->gcns, B0_2, 0);
  for (size_t g = 0; g < s->gcns; g++)
    for (enum part p = 0; p < PARTS; p++)
      for (size_t e = 0; e < part_size(s, p); e++) m->place[k++] = packed_index(s, g, p, e);
  while (k < m->weight_count) m->place[k++] = scalars++;
  for (k = 0; k < m->weight_count; k++) m->sharers[m->place[k]]++;
}

static void repack(pa_uwmmse *m) {
  memset(m->memory, 0, pa__uwmmse_packed_size(&m->shape) * sizeof(double));
  for (size_t k = 0; k < m->weight_count; k++) m->memory[m->place[k]] += m->weights[k];
}

/* ---- passes over a batch ---- */

pa__uwmmse_tape pa__uwmmse_tape_take(pa__arena *arena, const pa__uwmmse_shape *s, const pa__layout *layout,
                                     bool with_backward) {
  size_t layers = s->layers, gcns = s->gcns, hidden = gcns * s->hidden;
  pa__uwmmse_tape t = {.gains = pa__gains_take(arena, layout), .shift = pa__matrix_take(arena, layout)};
  const struct {
    double **vectors;
    size_t count;
  } parts[] = {{&t.inputs, 2 * s->features},
               {&t.ones, 1},
               {&t.price, 1},
               {&t.hidden, hidden},
               {&t.head, 2 * gcns},
               {&t.gate, gcns},
               {&t.v, layers + 1},
               {&t.interference, layers + 1},
               {&t.denominator, layers},
               {&t.log_ratio, s->extended ? layers : 0},
               {&t.growth, s->extended ? layers : 0},
               {&t.scratch, PA__UWMMSE_SCRATCH},
               {&t.d_v, with_backward ? 1 : 0},
               {&t.d_gate, with_backward ? gcns : 0},
               {&t.d_head, with_backward ? 2 * gcns : 0},
               {&t.d_hidden, with_backward ? hidden : 0}};
  for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
    *parts[k].vectors = pa__arena_take(arena, parts[k].count, layout->length * sizeof(double));
  return t;
}

static const pa_uwmmse *model_of(const pa_policy *policy) { return (const pa_uwmmse *)policy; }

static void workspace(const pa_policy *policy, size_t batch, size_t links, pa__arena *arena) {
  pa__layout layout = pa__layout_choose(pa__la_best(), links, batch);
  pa__uwmmse_tape_take(arena, &model_of(policy)->shape, &layout, false);
}

static pa_status allocate(const pa_policy *policy, const pa_states *states, double *power, void *work) {
  const pa_uwmmse *m = model_of(policy);
  const pa__la *la = pa__la_best();
  pa__layout layout = pa__layout_choose(la, states->links, states->batch);
  pa__arena arena = {work, 0};
  pa__uwmmse_tape tape = pa__uwmmse_tape_take(&arena, &m->shape, &layout, false);
  for (size_t first = 0; first < states->batch; first += layout.width) {
    pa__block block = pa__block_at(states, layout, first);
    forward[la->set](la, &m->shape, &m->packed, states, &block, &tape);
    pa__block_power(states, &block, tape.v + m->shape.layers * layout.length, power);
  }
  return PA_OK;
}

struct gradient_work {
  pa__uwmmse_tape tape;
  double *per_sample; /* [packed][width] */
  double *sum;        /* [packed] */
};

static struct gradient_work gradient_take(pa__arena *arena, const pa__uwmmse_shape *shape, const pa__layout *layout) {
  size_t packed = pa__uwmmse_packed_size(shape);
  struct gradient_work w = {.tape = pa__uwmmse_tape_take(arena, shape, layout, true)};
  w.per_sample = pa__arena_take(arena, packed, layout->width * sizeof(double));
  w.sum = pa__arena_take(arena, packed, sizeof(double));
  return w;
}

static void gradient_workspace(const pa_policy *policy, size_t samples, size_t links, pa__arena *arena) {
  pa__layout layout = pa__layout_choose(pa__la_best(), links, samples);
  gradient_take(arena, &model_of(policy)->shape, &layout);
}

/* Adds the block's samples, each cut to sample_clip, to w->sum; returns how many were not finite. */
static size_t gather_samples(const pa_uwmmse *m, const pa__block *block, double sample_clip, const double *rate,
                             struct gradient_work *w) {
  size_t width = block->layout.width, packed = pa__uwmmse_packed_size(&m->shape), dropped = 0;
  double scale[PA__WIDEST] = {0};
  for (size_t k = 0; k < packed; k++)
    for (size_t s = 0; s < width; s++)
      scale[s] += m->sharers[k] * w->per_sample[k * width + s] * w->per_sample[k * width + s];
  for (size_t s = 0; s < width; s++) {
    double norm = sqrt(scale[s]);
    bool usable = s < block->count && isfinite(norm) && isfinite(rate[s]);
    dropped += s < block->count && !usable;
    scale[s] = !usable ? 0 : sample_clip > 0 && norm > sample_clip ? sample_clip / norm : 1;
  }
  for (size_t s = 0; s < width; s++)
    for (size_t k = 0; k < packed && scale[s] > 0; k++) w->sum[k] += scale[s] * w->per_sample[k * width + s];
  return dropped;
}

static size_t gradient(const pa_policy *policy, const pa_states *states, double sample_clip, double *out, double *rate,
                       void *memory) {
  const pa_uwmmse *m = model_of(policy);
  const pa__uwmmse_shape *shape = &m->shape;
  const pa__la table = pa__la_training(states->links), *la = &table;
  pa__layout layout = pa__layout_choose(la, states->links, states->batch);
  pa__arena arena = {memory, 0};
  struct gradient_work w = gradient_take(&arena, shape, &layout);
  size_t packed = pa__uwmmse_packed_size(shape), dropped = 0;
  memset(w.sum, 0, packed * sizeof(double));
  memset(w.per_sample, 0, packed * layout.width * sizeof(double));
  for (size_t first = 0; first < states->batch; first += layout.width) {
    pa__block block = pa__block_at(states, layout, first);
    double rates[PA__WIDEST];
    forward[la->set](la, shape, &m->packed, states, &block, &w.tape);
    rate_of[la->set](la, shape, &block, &w.tape, rates);
    rate_slope[la->set](la, shape, &block, &w.tape);
    backward[la->set](la, shape, &m->packed, &block, &w.tape, w.per_sample);
    memcpy(rate + first, rates, block.count * sizeof(double));
    dropped += gather_samples(m, &block, sample_clip, rates, &w);
  }
  for (size_t k = 0; k < m->weight_count; k++) out[k] += w.sum[m->place[k]];
  return dropped;
}

static void rates(const pa_policy *policy, const pa_states *states, double *rate, void *memory) {
  const pa_uwmmse *m = model_of(policy);
  const pa__la table = pa__la_training(states->links), *la = &table;
  pa__layout layout = pa__layout_choose(la, states->links, states->batch);
  pa__arena arena = {memory, 0};
  pa__uwmmse_tape tape = pa__uwmmse_tape_take(&arena, &m->shape, &layout, false);
  for (size_t first = 0; first < states->batch; first += layout.width) {
    pa__block block = pa__block_at(states, layout, first);
    double of_block[PA__WIDEST];
    forward[la->set](la, &m->shape, &m->packed, states, &block, &tape);
    rate_of[la->set](la, &m->shape, &block, &tape, of_block);
    memcpy(rate + first, of_block, block.count * sizeof(double));
  }
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
  const pa__uwmmse_shape *s = &model_of(policy)->shape;
  for (size_t k = mu_at(s); s->extended && k < weight_count(s); k++) weights[k] = fmax(weights[k], 0);
}

static void describe(const pa_policy *policy, char text[PA__DESCRIPTION]) {
  const pa__uwmmse_shape *s = &model_of(policy)->shape;
  snprintf(text, PA__DESCRIPTION, "%s, %zu layers of %zu", s->extended ? "extended" : "paper", s->layers, s->hidden);
}

static pa__recipe recipe(const pa_policy *policy, bool family) {
  pa__recipe recipe = {
      .learning_rate = 1e-3, .final_rate = 1, .clip = 5, .batch = 64, .held_out = 2000, .held_out_every = 250};
  if (!model_of(policy)->shape.extended) return recipe;
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

/* One tape a block, and the gradient of a block's samples. */
static void tape_workspace(const pa_policy *policy, size_t samples, size_t links, pa__arena *arena) {
  const pa__uwmmse_shape *shape = &model_of(policy)->shape;
  pa__layout layout = pa__layout_choose(pa__la_best(), links, samples);
  for (size_t first = 0; first < samples; first += layout.width) pa__uwmmse_tape_take(arena, shape, &layout, true);
  pa__arena_take(arena, pa__uwmmse_packed_size(shape), layout.width * sizeof(double));
}

static void learner_forward(const pa_policy *policy, const pa_states *states, double *y, void *work) {
  const pa_uwmmse *m = model_of(policy);
  const pa__la table = pa__la_training(states->links), *la = &table;
  pa__layout l = pa__layout_choose(la, states->links, states->batch);
  pa__arena arena = {work, 0};
  for (size_t first = 0; first < states->batch; first += l.width) {
    pa__uwmmse_tape tape = pa__uwmmse_tape_take(&arena, &m->shape, &l, true);
    pa__block block = pa__block_at(states, l, first);
    forward[la->set](la, &m->shape, &m->packed, states, &block, &tape);
    const double *v = tape.v + m->shape.layers * l.length;
    for (size_t s = 0; s < block.count; s++)
      for (size_t i = 0; i < states->links; i++) {
        double power = v[i * l.width + s] * v[i * l.width + s];
        power = fmin(fmax(power, EDGE), 1 - EDGE);
        y[(first + s) * states->links + i] = log(power / (1 - power));
      }
  }
}

static void learner_backward(const pa_policy *policy, const pa_states *states, const double *dy, double *gradient,
                             void *work) {
  const pa_uwmmse *m = model_of(policy);
  const pa__la table = pa__la_training(states->links), *la = &table;
  size_t packed = pa__uwmmse_packed_size(&m->shape), n = states->links;
  pa__layout l = pa__layout_choose(la, n, states->batch);
  pa__arena arena = {work, 0}, behind = {work, 0};
  for (size_t first = 0; first < states->batch; first += l.width) pa__uwmmse_tape_take(&behind, &m->shape, &l, true);
  double *per_sample = pa__arena_take(&behind, packed, l.width * sizeof(double));
  for (size_t first = 0; first < states->batch; first += l.width) {
    pa__uwmmse_tape tape = pa__uwmmse_tape_take(&arena, &m->shape, &l, true);
    pa__block block = pa__block_at(states, l, first);
    const double *last = tape.v + m->shape.layers * l.length;
    memset(tape.d_v, 0, l.length * sizeof(double));
    for (size_t s = 0; s < block.count; s++)
      for (size_t i = 0; i < n; i++) {
        double v = last[i * l.width + s]; /* d logit(v^2) / d v = 2 / (v (1 - v^2)) */
        if (v * v > EDGE && v * v < 1 - EDGE)
          tape.d_v[i * l.width + s] = dy[(first + s) * n + i] * 2 / (v * (1 - v * v));
      }
    backward[la->set](la, &m->shape, &m->packed, &block, &tape, per_sample);
    for (size_t k = 0; k < m->weight_count; k++)
      for (size_t s = 0; s < block.count; s++) gradient[k] += per_sample[m->place[k] * l.width + s];
  }
}

static const pa__learner_class learner = {.weight_count = learner_weight_count,
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
  pa__release(&policy->allocator, m->memory);
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
  m->shape = (pa__uwmmse_shape){.extended = extended,
                                .layers = layers,
                                .hidden = hidden,
                                .features = extended ? FEATURES : 1,
                                .gcns = 2 * layers + extended};
  m->output = (pa__output){.kind = PA_REGNN_OUTPUT_CONTINUOUS, .count = 1, .deviation = .3};
  m->weight_count = weight_count(&m->shape);
  m->weights = pa__allocate(&m->policy.allocator, m->weight_count, sizeof(double));
  m->memory = pa__allocate(&m->policy.allocator, pa__uwmmse_packed_size(&m->shape), sizeof(double));
  m->place = pa__allocate(&m->policy.allocator, m->weight_count, sizeof(size_t));
  m->sharers = pa__allocate(&m->policy.allocator, pa__uwmmse_packed_size(&m->shape), sizeof(double));
  if (!m->weights || !m->memory || !m->place || !m->sharers) {
    pa_uwmmse_free(m);
    return PA_ERROR_MEMORY;
  }
  map_places(m);
  m->packed = pa__uwmmse_packed_view(&m->shape, m->memory, 1);
  *out = m;
  return PA_OK;
}

/* Glorot's uniform weights; biases .1 as the authors', +2 at the start's output so that links start close to pmax. */
static void initialise(pa_uwmmse *m, uint64_t seed) {
  const pa__uwmmse_shape *s = &m->shape;
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
  const pa__uwmmse_shape *s = &m->shape;
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
    tensors[count++] = (pa__tensor){.name = "gcn.scale", .data = &m->packed.scale, .optional = true};
    tensors[count++] = (pa__tensor){.name = "v0", .data = &m->packed.start, .optional = true};
  }
  return count;
}

static size_t most_tensors(const pa__uwmmse_shape *s) { return s->gcns * PARTS + 2 * s->layers + 2; }

static pa_status check_scalars(const pa_uwmmse *m, const char *where) {
  const pa__uwmmse_shape *s = &m->shape;
  for (size_t k = 0; s->extended && k < 2 * s->layers; k++)
    if (m->weights[mu_at(s) + k] < 0)
      return pa__fail(PA_ERROR_FORMAT, "%s: layer%zu.%s is negative", where, k % s->layers + 1,
                      k < s->layers ? "mu" : "tau");
  if (!(m->packed.start > 0 && m->packed.start <= 1))
    return pa__fail(PA_ERROR_FORMAT, "%s: v0 is %g, must be above 0 and at most 1", where, m->packed.start);
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
  pa__tensor *tensors = pa__allocate(&m->policy.allocator, most_tensors(&m->shape), sizeof *tensors);
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
  const pa__uwmmse_shape *s = &model->shape;
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
  return !model ? 0 : model->shape.extended ? PA_UWMMSE_EXTENDED : PA_UWMMSE_PAPER;
}

size_t pa_uwmmse_layers(const pa_uwmmse *model) { return model ? model->shape.layers : 0; }

size_t pa_uwmmse_hidden(const pa_uwmmse *model) { return model ? model->shape.hidden : 0; }

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
    if (model->shape.extended && k >= mu_at(&model->shape) && weights[k] < 0)
      return pa__fail(PA_ERROR_ARGUMENT, "weights[%zu], a %s, is negative", k,
                      k < tau_at(&model->shape) ? "mu" : "tau");
  }
  learner_set(&model->policy, weights);
  return PA_OK;
}

pa_status pa_uwmmse_gradient(const pa_uwmmse *model, const pa_states *states, double *loss, double *out, size_t n) {
  pa_status status = check_weights(model, out, n, "gradient");
  if (status == PA_OK) status = pa__states_check(states);
  if (status != PA_OK) return status;
  const pa_allocator *allocator = &model->policy.allocator;
  size_t bytes = pa__policy_measure(gradient_workspace, &model->policy, states->batch, states->links), dropped = 0;
  double *sum = pa__allocate(allocator, n + states->batch, sizeof(double)), *rate = sum + n, total = 0;
  void *work = sum ? pa__allocate(allocator, bytes, 1) : NULL;
  if (work) {
    pa__flush saved = pa__flush_begin();
    dropped = gradient(&model->policy, states, 0, sum, rate, work);
    pa__flush_end(saved);
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
                                           .workspace = workspace,
                                           .allocate = allocate,
                                           .learner = &learner,
                                           .save = save,
                                           .read = read_model};

pa_status pa_uwmmse_save(const pa_uwmmse *model, const char *path, const char *note) {
  if (!model) return pa__fail(PA_ERROR_ARGUMENT, "model is NULL");
  return pa_policy_save(&model->policy, path, note);
}
