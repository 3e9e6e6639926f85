#include "../io/io.h"
#include "trainer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { TENSORS = 7 };

/* Whole numbers up to here are exact. */
#define MOST_STEPS 9007199254740992.0

/* The numbers that must agree for a checkpoint to fit: links, fewest links, draws per topology. */
static void describe(const pa_trainer *t, double numbers[3]) {
  numbers[0] = (double)pa__source_links(&t->source);
  numbers[1] = t->source.network ? (double)pa_network_links_min(t->source.network) : -1;
  numbers[2] = pa__source_is_family(&t->source) ? (double)pa__network_group(t->source.network) : 0;
}

static void tensors_of(pa__tensor tensors[TENSORS], size_t weights, double *values, double *now, double *best,
                       double *mean, double *square, double *progress, double *source) {
  const pa__tensor list[TENSORS] = {{.name = "weights", .rank = 1, .extent = {weights}, .data = now},
                                    {.name = "best", .rank = 1, .extent = {weights}, .data = best},
                                    {.name = "adam.mean", .rank = 1, .extent = {weights}, .data = mean},
                                    {.name = "adam.square", .rank = 1, .extent = {weights}, .data = square},
                                    {.name = "keys", .rank = 1, .extent = {PA__TRAINER_KEYS}, .data = values},
                                    {.name = "progress", .rank = 1, .extent = {PA__PROGRESS_FIELDS}, .data = progress},
                                    {.name = "source", .rank = 1, .extent = {3}, .data = source}};
  memcpy(tensors, list, sizeof list);
}

pa_status pa_trainer_save(const pa_trainer *trainer, const char *path) {
  if (!trainer || !path) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", trainer ? "path" : "trainer");
  if (trainer->progress.step == 0) return pa__fail(PA_ERROR_STATE, "no step was done: there is nothing to save");
  char seed[24], model[PA__DESCRIPTION];
  trainer->policy->class->learner->describe(trainer->policy, model);
  snprintf(seed, sizeof seed, "%" PRIu64, trainer->seed);
  const pa__metadata metadata[] = {
      {"kind", "checkpoint"}, {"policy", pa_policy_name(trainer->policy)}, {"model", model}, {"seed", seed}};
  double values[PA__TRAINER_KEYS], progress[PA__PROGRESS_FIELDS], source[3];
  memcpy(values, trainer->value, sizeof values);
  memcpy(progress, &trainer->progress, sizeof progress);
  describe(trainer, source);
  pa__tensor tensors[TENSORS];
  tensors_of(tensors, trainer->weight_count, values, trainer->weights, trainer->best, trainer->adam.mean,
             trainer->adam.square, progress, source);
  return pa__model_write(path, metadata, sizeof metadata / sizeof metadata[0], tensors, TENSORS);
}

static pa_status check(const pa_trainer *t, const pa_model_file *file, const char *path) {
  const char *kind = pa_model_file_metadata(file, "kind"), *policy = pa_model_file_metadata(file, "policy"),
             *model = pa_model_file_metadata(file, "model"), *seed = pa_model_file_metadata(file, "seed");
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
  return PA_OK;
}

static pa_status check_values(const pa_trainer *t, const char *path, const double *values, const double *source) {
  static const char *const names[3] = {"links", "fewest links", "draws per topology"};
  double own[3];
  describe(t, own);
  for (size_t k = 0; k < 3; k++)
    if (source[k] != own[k])
      return pa__fail(PA_ERROR_FORMAT, "%s was made with %s %g, this trainer has %g", path, names[k], source[k],
                      own[k]);
  for (int32_t k = 0; k < PA__TRAINER_KEYS; k++)
    if (pa__key_check(PA__TRAINER_FIRST_KEY + k, values[k]) != PA_OK)
      return pa__fail(PA_ERROR_FORMAT, "%s: key %s is %g, out of its bounds", path,
                      pa_key_name(PA__TRAINER_FIRST_KEY + k), values[k]);
  return PA_OK;
}

static bool whole(double x, double most) { return x >= 1 && x <= most && x == floor(x); }

/* weights, best, and Adam's mean and mean square follow each other in `weights`. */
static pa_status check_training(const pa_trainer *t, const char *path, double *weights, const pa__progress *progress) {
  size_t n = t->weight_count;
  if (!whole(progress->step, MOST_STEPS))
    return pa__fail(PA_ERROR_FORMAT, "%s: step is %g, no count of steps", path, progress->step);
  if (!whole(progress->steps_of_schedule, MOST_STEPS))
    return pa__fail(PA_ERROR_FORMAT, "%s: the schedule has %g steps, no count of steps", path,
                    progress->steps_of_schedule);
  for (size_t k = 0; k < 4 * n; k++)
    if (!isfinite(weights[k]) || (k >= 3 * n && weights[k] < 0))
      return pa__fail(PA_ERROR_FORMAT, "%s: a weight or moment is %g", path, weights[k]);
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
  pa_model_file *file = NULL;
  double values[PA__TRAINER_KEYS], source[3];
  pa__progress progress;
  double *weights = pa__allocate(&trainer->allocator, n, 4 * sizeof(double));
  if (!weights) return PA_ERROR_MEMORY;
  pa__tensor tensors[TENSORS];
  tensors_of(tensors, n, values, weights, weights + n, weights + 2 * n, weights + 3 * n, (double *)&progress, source);
  pa_status status = pa_model_file_load(&file, path, &trainer->allocator);
  if (status == PA_OK) status = check(trainer, file, path);
  if (status == PA_OK) status = pa__model_read(file, tensors, TENSORS);
  if (status == PA_OK) status = check_values(trainer, path, values, source);
  if (status == PA_OK) status = check_training(trainer, path, weights, &progress);
  if (status == PA_OK) {
    double threads = trainer->value[PA_TRAINER_THREADS - PA__TRAINER_FIRST_KEY];
    memcpy(trainer->value, values, sizeof values);
    trainer->value[PA_TRAINER_THREADS - PA__TRAINER_FIRST_KEY] = threads;
    memcpy(trainer->weights, weights, 4 * n * sizeof(double));
    trainer->progress = progress;
    trainer->policy->class->learner->set_weights(trainer->policy, trainer->best);
  }
  pa_model_file_free(file);
  pa__release(&trainer->allocator, weights);
  return status;
}
