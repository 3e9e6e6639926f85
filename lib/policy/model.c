#include "model.h"

#include "../base/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const pa__policy_class *const known[] = {&pa__fcnn_class,  &pa__igcnet_class, &pa__mlp_class,
                                                &pa__regnn_class, &pa__uwmmse_class, NULL};

static pa_status refuse(const char *path, const char *kind, const pa__policy_class *const *classes) {
  char wanted[100] = "";
  for (; *classes; classes++) {
    if (*wanted) strncat(wanted, ", ", sizeof wanted - strlen(wanted) - 1);
    strncat(wanted, (*classes)->name, sizeof wanted - strlen(wanted) - 1);
  }
  return pa__fail(PA_ERROR_FORMAT, "%s: a model of kind \"%.60s\", must be %s", path, kind, wanted);
}

pa_status pa__model_load(pa_policy **out, const char *path, const pa__policy_class *const *classes,
                         const pa_allocator *allocator) {
  if (!out) return pa__fail(PA_ERROR_ARGUMENT, "out is NULL");
  pa_model_file *file = NULL;
  pa_status status = pa_model_file_load(&file, path, allocator);
  if (status != PA_OK) return status;
  if (!classes) classes = known;
  const char *kind = pa_model_file_metadata(file, "kind");
  const pa__policy_class *const *class = classes;
  while (*class && (!kind || strcmp((*class)->name, kind) != 0)) class ++;
  status = *class ? (*class)->read(out, file, allocator) : refuse(path, kind ? kind : "", classes);
  pa_model_file_free(file);
  return status;
}

pa_status pa_policy_load(pa_policy **out, const char *path, const pa_allocator *allocator) {
  pa_status status = pa__model_load(out, path, NULL, allocator);
  if (status == PA_OK) (*out)->borrowed = false;
  return status;
}

pa_status pa_policy_save(const pa_policy *policy, const char *path, const char *note) {
  if (!policy || !path) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", policy ? "path" : "policy");
  if (!policy->class->save) return pa__fail(PA_ERROR_ARGUMENT, "policy %s is no model", policy->class->name);
  return policy->class->save(policy, path, note);
}

/* ---- weights ---- */

static pa_status check_weights(const pa_policy *policy, const double *weights, size_t n) {
  if (!policy || !weights) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", policy ? "weights" : "model");
  size_t count = policy->class->learner->weight_count(policy);
  if (n != count) return pa__fail(PA_ERROR_ARGUMENT, "weights has %zu elements, the model has %zu weights", n, count);
  return PA_OK;
}

pa_status pa__model_get_weights(const pa_policy *policy, double *weights, size_t n) {
  pa_status status = check_weights(policy, weights, n);
  if (status == PA_OK) policy->class->learner->get_weights(policy, weights);
  return status;
}

pa_status pa__model_set_weights(pa_policy *policy, const double *weights, size_t n) {
  pa_status status = check_weights(policy, weights, n);
  for (size_t k = 0; k < n && status == PA_OK; k++)
    if (!isfinite(weights[k])) status = pa__fail(PA_ERROR_ARGUMENT, "weights[%zu] is not finite", k);
  if (status != PA_OK) return status;
  policy->class->learner->set_weights(policy, weights);
  policy->given = true;
  return PA_OK;
}

/* ---- constants ---- */

const pa__output *pa__output_of(const pa_policy *policy) { return policy->class->learner->output((pa_policy *)policy); }

size_t pa__constant_count(const pa_policy *policy) {
  const pa__learner_class *learner = policy->class->learner;
  return 1 + (learner->constant_count ? learner->constant_count(policy) : 0);
}

void pa__get_constants(const pa_policy *policy, double *constants) {
  const pa__learner_class *learner = policy->class->learner;
  constants[0] = pa__output_of(policy)->deviation;
  if (learner->get_constants) learner->get_constants(policy, constants + 1);
}

void pa__set_constants(pa_policy *policy, const double *constants) {
  const pa__learner_class *learner = policy->class->learner;
  learner->output(policy)->deviation = constants[0];
  if (learner->set_constants) learner->set_constants(policy, constants + 1);
}

bool pa__allows_constants(const pa_policy *policy, const double *constants) {
  const pa__learner_class *learner = policy->class->learner;
  return constants[0] > 0 && (!learner->allows || learner->allows(policy, constants + 1));
}

/* ---- what policies draw from ---- */

size_t pa_policy_output_count(const pa_policy *policy) {
  const pa__learner_class *learner = policy ? policy->class->learner : NULL;
  return learner ? pa__output_of(policy)->count : 0;
}

/* Samples whose forward passes are kept in memory at a time. */
enum { AT_ONCE = 8 };

static void probabilities_of(const pa_policy *policy, const pa_states *states, double *y, double *probabilities,
                             void *work) {
  const pa__output *output = pa__output_of(policy);
  pa__flush saved = pa__flush_begin();
  policy->class->learner->forward(policy, states, y, work);
  for (size_t k = 0; k < states->batch * states->links; k++)
    pa__output_probabilities(output, y + k * output->count, probabilities + k * output->count);
  pa__flush_end(saved);
}

static pa_status check_part(const pa_policy *policy, const pa_states *part) {
  const pa__learner_class *learner = policy->class->learner;
  pa__extent extent = pa__extent_of(part);
  pa_status status = pa__policy_takes(policy, &extent);
  return status == PA_OK && learner->check ? learner->check(policy, part) : status;
}

static pa_status check_states(const pa_policy *policy, const pa_states *states) {
  pa_status status = pa__states_check_precision(states);
  if (status == PA_OK) status = pa__states_check_all(states);
  for (size_t k = 0; k < pa_states_part_count(states) && status == PA_OK; k++)
    status = pa__states_of_part(states, k, check_part(policy, pa_states_part(states, k)));
  return status;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

pa_status pa_policy_probabilities(const pa_policy *policy, const pa_states *states, double *probabilities) {
  if (!policy || !probabilities) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", policy ? "probabilities" : "policy");
  const pa__learner_class *learner = policy->class->learner;
  if (!learner) return pa__fail(PA_ERROR_ARGUMENT, "policy %s draws from nothing", policy->class->name);
  pa_status status = check_states(policy, states);
  if (status != PA_OK) return status;
  size_t count = pa__output_of(policy)->count, parts = pa_states_part_count(states), links = 0, bytes = 0;
  for (size_t k = 0; k < parts; k++) {
    pa__extent extent = pa__extent_of_many(pa_states_part(states, k), AT_ONCE);
    links = larger(links, extent.links);
    bytes = larger(bytes, pa__measure(learner->tape_workspace, policy, extent));
  }
  double *y = pa__allocate(&policy->allocator, AT_ONCE * links, count * sizeof(double));
  void *work = y ? pa__allocate(&policy->allocator, bytes, 1) : NULL;
  for (size_t k = 0; work && k < parts; k++) {
    const pa_states *part = pa_states_part(states, k);
    double *to = probabilities + pa__states_powers_before(states, k) * count;
    for (size_t first = 0; first < part->batch; first += AT_ONCE) {
      struct pa_states some = pa__states_part(part, first, AT_ONCE);
      probabilities_of(policy, &some, y, to + first * part->links * count, work);
    }
  }
  pa__release(&policy->allocator, work);
  pa__release(&policy->allocator, y);
  return work ? PA_OK : PA_ERROR_MEMORY;
}

/* ---- dense layers ---- */

void pa__model_random_layer(double *weights, size_t inputs, size_t outputs, double deviation, uint64_t seed,
                            size_t layer) {
  uint64_t key = pa__random_key(seed, PA__STREAM_WEIGHTS, 2 + layer);
  for (size_t k = 0; k < inputs * outputs; k++)
    weights[k] = deviation * sqrt(-2 * log(pa__random_uniform(key, 0, 2 * k))) *
                 cos(6.283185307179586477 * pa__random_uniform(key, 0, 2 * k + 1));
  for (size_t k = 0; k < outputs; k++) weights[inputs * outputs + k] = 0;
}

void pa__model_layer_tensors(pa__tensor tensors[2], const char *name, size_t inputs, size_t outputs, double *weights) {
  tensors[0] = (pa__tensor){.rank = 2, .extent = {inputs, outputs}, .data = weights};
  tensors[1] = (pa__tensor){.rank = 1, .extent = {outputs}, .data = weights + inputs * outputs};
  snprintf(tensors[0].name, sizeof tensors[0].name, "%s.weight", name);
  snprintf(tensors[1].name, sizeof tensors[1].name, "%s.bias", name);
}

void pa__model_output_tensors(pa__tensor tensors[PA__OUTPUT_TENSORS], pa_policy *policy, pa__output *output) {
  double *offset = &policy->value[PA_POLICY_OFFSET - PA__POLICY_FIRST_KEY];
  tensors[0] = (pa__tensor){.name = "output.offset", .data = offset, .optional = true};
  tensors[1] = (pa__tensor){.name = "output.deviation", .data = &output->deviation, .optional = true};
}

pa_status pa__model_check_output(const pa_model_file *file, const pa_policy *policy, const pa__output *output) {
  double offset = pa__policy_value(policy, PA_POLICY_OFFSET);
  if (pa__key_check(PA_POLICY_OFFSET, offset) != PA_OK)
    return pa__fail(PA_ERROR_FORMAT, "%s: output.offset is %g, out of its bounds", pa__model_path(file), offset);
  if (!(output->deviation > 0))
    return pa__fail(PA_ERROR_FORMAT, "%s: output.deviation is %g, must be > 0", pa__model_path(file),
                    output->deviation);
  return PA_OK;
}

static const char *const input_names[] = {[PA_INPUT_AMPLITUDE] = "amplitude", [PA_INPUT_LOG] = "log"};

const char *pa__model_input_name(int input) { return input_names[input]; }

pa_status pa__model_input(const pa_model_file *file, int *input) {
  const char *text = pa_model_file_metadata(file, "input");
  for (*input = PA_INPUT_AMPLITUDE; *input <= PA_INPUT_LOG; ++*input)
    if (text && strcmp(text, input_names[*input]) == 0) return PA_OK;
  return pa__fail(PA_ERROR_FORMAT, "%s: input \"%.60s\" is neither \"amplitude\" nor \"log\"", pa__model_path(file),
                  text ? text : "");
}
