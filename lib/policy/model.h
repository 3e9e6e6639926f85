/* Learned models: a pa_policy stands first in each, so that a model and its policy are one piece of memory. */
#ifndef POWALLOC_LIB_POLICY_MODEL_H
#define POWALLOC_LIB_POLICY_MODEL_H

#include "../io/io.h"
#include "policy.h"

extern const pa__policy_class pa__fcnn_class, pa__igcnet_class, pa__mlp_class, pa__regnn_class, pa__uwmmse_class;

/* The model of a file, borrowed, if its kind is the name of one of the classes (NULL-terminated; NULL: of any that
 * this version knows). */
pa_status pa__model_load(pa_policy **out, const char *path, const pa__policy_class *const *classes,
                         const pa_allocator *allocator);

/* What every pa_NAME_get_weights() and _set_weights() does; policy NULL if the model is. */
pa_status pa__model_get_weights(const pa_policy *policy, double *weights, size_t n);
pa_status pa__model_set_weights(pa_policy *policy, const double *weights, size_t n);

/* Dense layers: matrix [inputs][outputs], then bias [outputs]. Normal numbers of this deviation, biases 0; number
 * `layer` under the seed. The two tensors "NAME.weight" and "NAME.bias". */
void pa__model_random_layer(double *layer_weights, size_t inputs, size_t outputs, double deviation, uint64_t seed,
                            size_t layer);
void pa__model_layer_tensors(pa__tensor tensors[2], const char *name, size_t inputs, size_t outputs, double *weights);

/* What is neither weight nor shape of the outputs: optional scalars "output.offset" (the policy's key) and
 * "output.deviation". Fails if what was read is out of bounds. */
enum { PA__OUTPUT_TENSORS = 2 };
void pa__model_output_tensors(pa__tensor tensors[PA__OUTPUT_TENSORS], pa_policy *policy, pa__output *output);
pa_status pa__model_check_output(const pa_model_file *file, const pa_policy *policy, const pa__output *output);

/* PA_INPUT_* in a file. */
const char *pa__model_input_name(int input);
pa_status pa__model_input(const pa_model_file *file, int *input);

#endif
