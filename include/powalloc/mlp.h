/**
 * @file mlp.h
 * @brief Fully connected networks on the whole channel matrix: the baselines of both papers.
 */
#ifndef POWALLOC_MLP_H
#define POWALLOC_MLP_H

#include <powalloc/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief A multilayer perceptron from the M^2 channels of a sample to the M links' powers, ReLU between its layers.
 *
 * Its size grows with the network: it runs on states of its own number of links only, and knows the links by their
 * number (it is not permutation equivariant). Threads may share a model for inference; training and setting weights
 * need exclusive use.
 */
typedef struct pa_mlp pa_mlp;

/** @name Kinds
 * @{ */
/** Powers p_i = pmax_i sigmoid(y_i): kind "mlp", the UWMMSE paper's supervised baseline (Sun et al. 2018), taught by
 * pa_trainer_set_teacher(); without a teacher it is trained on the sum-rate. */
#define PA_MLP_POWERS 1
/** Transmits at pmax_i with probability sigmoid(y_i): kind "fcnn", the REGNN paper's baseline, trained model-free. */
#define PA_MLP_PROBABILITIES 2
/** @} */

/**
 * @brief A new model with random weights (He et al. 2015), the last layer small.
 * @param[out] out  the model, to be freed with pa_mlp_free()
 * @param kind      PA_MLP_POWERS or PA_MLP_PROBABILITIES
 * @param links     M >= 1
 * @param hidden    [layers] units of each hidden layer, 1 to 65536 ({64, 32} in the REGNN paper)
 * @param layers    hidden layers, 1 to 16
 * @param input     PA_INPUT_LOG, each entry brought to mean 0 and variance 1 over the first held-out states of its
 * first training; or PA_INPUT_AMPLITUDE, as it is
 * @param seed      of the initial weights
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_mlp_create(pa_mlp **out, int32_t kind, size_t links, const size_t *hidden, size_t layers,
                               int32_t input, uint64_t seed, const pa_allocator *allocator);

/** @brief A model from a file of kind "mlp" or "fcnn" (see @ref file_formats). @since 0.1 */
PA_API pa_status pa_mlp_load(pa_mlp **out, const char *path, const pa_allocator *allocator);

/**
 * @brief Writes a model file, atomically: the file is the old one or the whole new one.
 * @param model the model
 * @param path  the file
 * @param note  how it was made, kept as metadata "trained"; may be NULL
 * @since 0.1
 */
PA_API pa_status pa_mlp_save(const pa_mlp *model, const char *path, const char *note);

/** @brief Frees a model and the policy borrowed from it. NULL is fine. @since 0.1 */
PA_API void pa_mlp_free(pa_mlp *model);

/**
 * @brief The model as a policy.
 *
 * Keys: PA_POLICY_SAMPLE, PA_POLICY_SEED, PA_POLICY_OFFSET; pa_policy_meet_budget() sets the offset.
 * @return Borrowed, valid until the model is freed; NULL for NULL. Name "mlp" or "fcnn".
 * @since 0.1
 */
PA_API pa_policy *pa_mlp_policy(pa_mlp *model);

/** @brief The model of such a policy, also of one from pa_policy_load(), borrowed; NULL if it is another. @since 0.1 */
PA_API pa_mlp *pa_policy_mlp(pa_policy *policy);

/** @brief PA_MLP_POWERS or PA_MLP_PROBABILITIES; 0 for NULL. @since 0.1 */
PA_API int32_t pa_mlp_kind(const pa_mlp *model);

/** @brief Links that it runs on; 0 for NULL. @since 0.1 */
PA_API size_t pa_mlp_links(const pa_mlp *model);

/** @brief Number of trained weights; 0 for NULL. @since 0.1 */
PA_API size_t pa_mlp_weight_count(const pa_mlp *model);

/**
 * @brief Copies the weights out: for each layer its matrix [inputs][outputs], then its bias [outputs]; channel h_ij is
 * input i M + j.
 * @param model        the model
 * @param[out] weights [n]
 * @param n            pa_mlp_weight_count()
 * @since 0.1
 */
PA_API pa_status pa_mlp_get_weights(const pa_mlp *model, double *weights, size_t n);

/**
 * @brief Sets the weights, in the order of pa_mlp_get_weights().
 * @param model   the model, unchanged on an error
 * @param weights [n], finite
 * @param n       pa_mlp_weight_count()
 * @since 0.1
 */
PA_API pa_status pa_mlp_set_weights(pa_mlp *model, const double *weights, size_t n);

#ifdef __cplusplus
}
#endif

#endif
