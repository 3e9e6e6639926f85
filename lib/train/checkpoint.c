#include "../io/io.h"
#include "trainer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { TENSORS = 9, SHAPES = 8 };

/* Whole numbers up to here are exact. */
#define MOST_STEPS 9007199254740992.0

/* The numbers that must agree for a checkpoint to fit. */
static const char *const shape_names[SHAPES] = {"links",   "fewest links", "draws per topology", "features",
                                                "rewards", "constraints",  "total noise (W)",    "total limit (W)"};

static double sum(const double *x, size_t n) {
  double total = 0;
  for (size_t k = 0; k < n; k++) total += x[k];
  return total;
}

/* -1 of the user's states of one network. */
static double fewest_links(const pa__source *s) {
  if (s->network) return (double)pa_network_links_min(s->network);
  double fewest = (double)pa__source_links(s);
  for (size_t k = 0; k < pa__source_kinds(s); k++) fewest = fmin(fewest, (double)pa__source_extent(s, k, 1).links);
  return pa__source_is_mixed(s) ? fewest : -1;
}

static void shape_of(const pa_trainer *t, double numbers[SHAPES]) {
  const pa__source *source = &t->source;
  const pa_network *network = source->network;
  double noise = 0, limit = 0;
  for (size_t k = 0; k < pa__source_kinds(source); k++) {
    size_t links = pa__source_extent(source, k, 1).links;
    noise += sum(pa__source_noise(source, k), links);
    limit += sum(pa__source_limit(source, k), links);
  }
  const double list[SHAPES] = {(double)pa__source_links(source),
                               fewest_links(source),
                               pa__source_is_family(source) ? (double)pa__network_group(network) : 0,
                               (double)pa__source_features(source),
                               t->problem.reward ? (double)t->problem.rewards : 0,
                               (double)t->problem.duals,
                               noise,
                               limit};
  memcpy(numbers, list, sizeof list);
}

/* What a checkpoint holds, in the trainer or beside it. */
struct content {
  double *weights, *best, *mean, *square; /* [weight_count] */
  double *constants, *estimates;
  double values[PA__TRAINER_KEYS], shape[SHAPES];
  pa__progress progress;
};

static void tensors_of(const pa_trainer *t, struct content *c, pa__tensor tensors[TENSORS]) {
  size_t n = t->weight_count;
  const pa__tensor list[TENSORS] = {
      {.name = "weights", .rank = 1, .extent = {n}, .data = c->weights},
      {.name = "best", .rank = 1, .extent = {n}, .data = c->best},
      {.name = "adam.mean", .rank = 1, .extent = {n}, .data = c->mean},
      {.name = "adam.square", .rank = 1, .extent = {n}, .data = c->square},
      {.name = "constants", .rank = 1, .extent = {t->constant_count}, .data = c->constants},
      {.name = "estimates", .rank = 1, .extent = {t->estimates.count}, .data = c->estimates},
      {.name = "keys", .rank = 1, .extent = {PA__TRAINER_KEYS}, .data = c->values},
      {.name = "progress", .rank = 1, .extent = {PA__PROGRESS_FIELDS}, .data = (double *)&c->progress},
      {.name = "source", .rank = 1, .extent = {SHAPES}, .data = c->shape}};
  memcpy(tensors, list, sizeof list);
}

pa_status pa_trainer_save(const pa_trainer *trainer, const char *path) {
  if (!trainer || !path) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", trainer ? "path" : "trainer");
  if (trainer->progress.step == 0) return pa__fail(PA_ERROR_STATE, "no step was done: there is nothing to save");
  char seed[24], model[PA__DESCRIPTION];
  trainer->policy->class->learner->describe(trainer->policy, model);
  snprintf(seed, sizeof seed, "%" PRIu64, trainer->seed);
  const pa__metadata metadata[] = {{"kind", "checkpoint"},
                                   {"policy", pa_policy_name(trainer->policy)},
                                   {"model", model},
                                   {"seed", seed},
                                   {"teacher", pa_policy_name(trainer->teacher)}};
  struct content c = {.weights = trainer->weights,
                      .best = trainer->best,
                      .mean = trainer->adam.mean,
                      .square = trainer->adam.square,
                      .constants = trainer->constants,
                      .estimates = trainer->estimates.dual,
                      .progress = trainer->progress};
  memcpy(c.values, trainer->value, sizeof c.values);
  shape_of(trainer, c.shape);
  pa__tensor tensors[TENSORS];
  tensors_of(trainer, &c, tensors);
  return pa__model_write(path, metadata, sizeof metadata / sizeof metadata[0], tensors, TENSORS);
}

static pa_status check(const pa_trainer *t, const pa_model_file *file, const char *path) {
  const char *kind = pa_model_file_metadata(file, "kind"), *policy = pa_model_file_metadata(file, "policy"),
             *model = pa_model_file_metadata(file, "model"), *seed = pa_model_file_metadata(file, "seed"),
             *teacher = pa_model_file_metadata(file, "teacher");
  char own[24], own_model[PA__DESCRIPTION];
  t->policy->class->learner->describe(t->policy, own_model);
  snprintf(own, sizeof own, "%" PRIu64, t->seed);
  if (!kind || strcmp(kind, "checkpoint") != 0)
    return pa__fail(PA_ERROR_FORMAT, "%s is not a checkpoint but of kind \"%.60s\"", path, kind ? kind : "");
  if (!policy || strcmp(policy, pa_policy_name(t->policy)) != 0)
    return pa__fail(PA_ERROR_FORMAT, "%s is of a trainer of \"%.60s\", this one trains \"%s\"", path,
                    policy ? policy : "", pa_policy_name(t->policy));
  if (!model || strcmp(model, own_model) != 0)
    return pa__fail(PA_ERROR_FORMAT, "%s is of a model of \"%.160s\", this trainer's is of \"%s\"", path,
                    model ? model : "", own_model);
  if (!seed || strcmp(seed, own) != 0)
    return pa__fail(PA_ERROR_FORMAT, "%s was made with seed %.24s, this trainer has seed %s", path, seed ? seed : "?",
                    own);
  if (!teacher || strcmp(teacher, pa_policy_name(t->teacher)) != 0)
    return pa__fail(PA_ERROR_FORMAT, "%s was made with teacher \"%.60s\", this trainer has \"%s\"", path,
                    teacher ? teacher : "", pa_policy_name(t->teacher));
  return PA_OK;
}

static pa_status check_shape(const pa_trainer *t, const char *path, const struct content *c) {
  double own[SHAPES];
  shape_of(t, own);
  for (size_t k = 0; k < SHAPES; k++)
    if (c->shape[k] != own[k])
      return pa__fail(PA_ERROR_FORMAT, "%s was made with %s %g, this trainer has %g", path, shape_names[k], c->shape[k],
                      own[k]);
  for (int32_t k = 0; k < PA__TRAINER_KEYS; k++)
    if (pa__key_check(PA__TRAINER_FIRST_KEY + k, c->values[k]) != PA_OK)
      return pa__fail(PA_ERROR_FORMAT, "%s: key %s is %g, out of its bounds", path,
                      pa_key_name(PA__TRAINER_FIRST_KEY + k), c->values[k]);
  const int32_t precision = PA_TRAINER_PRECISION - PA__TRAINER_FIRST_KEY;
  if (c->values[precision] != t->value[precision])
    return pa__fail(PA_ERROR_FORMAT, "%s was made with %s %g, this trainer has %g", path,
                    pa_key_name(PA_TRAINER_PRECISION), c->values[precision], t->value[precision]);
  return PA_OK;
}

static bool whole(double x, double most) { return x >= 1 && x <= most && x == floor(x); }

/* weights, best, and Adam's mean and mean square follow each other. */
static pa_status check_training(const pa_trainer *t, const char *path, const struct content *c) {
  size_t n = t->weight_count;
  const double *weights = c->weights;
  const pa__progress *progress = &c->progress;
  if (!whole(progress->step, MOST_STEPS))
    return pa__fail(PA_ERROR_FORMAT, "%s: step is %g, no count of steps", path, progress->step);
  if (!whole(progress->steps_of_schedule, MOST_STEPS))
    return pa__fail(PA_ERROR_FORMAT, "%s: the schedule has %g steps, no count of steps", path,
                    progress->steps_of_schedule);
  for (size_t k = 0; k < 4 * n; k++)
    if (!isfinite(weights[k]) || (k >= 3 * n && weights[k] < 0))
      return pa__fail(PA_ERROR_FORMAT, "%s: a weight or moment is %g", path, weights[k]);
  for (size_t k = 0; k < t->constant_count; k++)
    if (!isfinite(c->constants[k]))
      return pa__fail(PA_ERROR_FORMAT, "%s: constant %zu of the policy is %g", path, k, c->constants[k]);
  if (!pa__allows_constants(t->policy, c->constants))
    return pa__fail(PA_ERROR_FORMAT, "%s: a scale among the policy's constants is not > 0", path);
  if (!t->policy->class->learner->project) return PA_OK;
  double *allowed = pa__allocate(&t->allocator, 2 * n, sizeof(double));
  if (!allowed) return PA_ERROR_MEMORY;
  memcpy(allowed, weights, 2 * n * sizeof(double));
  t->policy->class->learner->project(t->policy, allowed);
  t->policy->class->learner->project(t->policy, allowed + n);
  pa_status status = PA_OK;
  for (size_t k = 0; k < 2 * n && status == PA_OK; k++)
    if (allowed[k] != weights[k])
      status = pa__fail(PA_ERROR_FORMAT, "%s: weight %zu is %g, out of its bounds", path, k % n, weights[k]);
  pa__release(&t->allocator, allowed);
  return status;
}

pa_status pa_trainer_resume(pa_trainer *trainer, const char *path) {
  if (!trainer || !path) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", trainer ? "path" : "trainer");
  if (trainer->progress.step > 0 || trainer->running)
    return pa__fail(PA_ERROR_STATE, "a trainer resumes before its first run only");
  size_t n = trainer->weight_count;
  pa_status status = pa__estimates_create(trainer);
  if (status != PA_OK) return status;
  pa_model_file *file = NULL;
  size_t constants = trainer->constant_count;
  double *memory = pa__allocate(&trainer->allocator, 4 * n + constants + trainer->estimates.count, sizeof(double));
  if (!memory) return PA_ERROR_MEMORY;
  struct content c = {.weights = memory,
                      .best = memory + n,
                      .mean = memory + 2 * n,
                      .square = memory + 3 * n,
                      .constants = memory + 4 * n,
                      .estimates = memory + 4 * n + constants};
  pa__tensor tensors[TENSORS];
  tensors_of(trainer, &c, tensors);
  status = pa_model_file_load(&file, path, &trainer->allocator);
  if (status == PA_OK) status = check(trainer, file, path);
  if (status == PA_OK) status = pa__model_read(file, tensors, TENSORS);
  if (status == PA_OK) status = check_shape(trainer, path, &c);
  if (status == PA_OK) status = check_training(trainer, path, &c);
  if (status == PA_OK) {
    double threads = trainer->value[PA_TRAINER_THREADS - PA__TRAINER_FIRST_KEY];
    memcpy(trainer->value, c.values, sizeof c.values);
    trainer->value[PA_TRAINER_THREADS - PA__TRAINER_FIRST_KEY] = threads;
    memcpy(trainer->weights, memory, (4 * n + constants) * sizeof(double));
    for (size_t k = 0; k < trainer->estimates.count; k++) trainer->estimates.dual[k] = c.estimates[k];
    trainer->progress = c.progress;
    pa__set_constants(trainer->policy, trainer->constants);
    pa__trainer_keep(trainer, trainer->best, trainer->progress.best.offset);
  }
  pa_model_file_free(file);
  pa__release(&trainer->allocator, memory);
  return status;
}
