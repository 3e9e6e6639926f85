/**
 * @file igcnet.h
 * @brief IGCNet: message passing with a maximum over the neighbours.
 */
#ifndef POWALLOC_IGCNET_H
#define POWALLOC_IGCNET_H

#include <powalloc/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief An IGCNet model (Shen, Shi, Zhang and Letaief 2019), a baseline of the UWMMSE paper.
 *
 * Starting from full power, in each of a few rounds every link j sends to every other link i the message
 * MLP_1(f_jj, w_j, p_j, f_ji, f_ij), ReLU after both of its layers; link i takes the maximum of each component over
 * what it gets (0 if there is no other link), and its new power is p_i = sigmoid(MLP_2(f_ii, w_i, p_i, maximum)), as a
 * part of pmax_i. f is the input made from the channel and w_i the weight of a link over the mean weight. All rounds
 * share the weights; they run on any number of links. Threads may share a model for inference; training and setting
 * weights need exclusive use.
 */
typedef struct pa_igcnet pa_igcnet;

/**
 * @brief A new model with random weights (He et al. 2015).
 * @param[out] out  the model, to be freed with pa_igcnet_free()
 * @param rounds    1 to 64 (3 in its paper)
 * @param hidden    units of the hidden layer of each of the two MLPs, 1 to 256 (16)
 * @param message   components of a message, 1 to 256 (32)
 * @param input     PA_INPUT_LOG, a tenth of the logarithm; or PA_INPUT_AMPLITUDE, as it is (the paper's: at low noise,
 * where amplitudes span many decades, it hides nearly all channels)
 * @param seed      of the initial weights
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_igcnet_create(pa_igcnet **out, size_t rounds, size_t hidden, size_t message, int32_t input,
                                  uint64_t seed, const pa_allocator *allocator);

/** @brief A model from a file (see @ref file_formats). @since 0.1 */
PA_API pa_status pa_igcnet_load(pa_igcnet **out, const char *path, const pa_allocator *allocator);

/**
 * @brief Writes a model file, atomically: the file is the old one or the whole new one.
 * @param model the model
 * @param path  the file
 * @param note  how it was made, kept as metadata "trained"; may be NULL
 * @since 0.1
 */
PA_API pa_status pa_igcnet_save(const pa_igcnet *model, const char *path, const char *note);

/** @brief Frees a model and the policy borrowed from it. NULL is fine. @since 0.1 */
PA_API void pa_igcnet_free(pa_igcnet *model);

/**
 * @brief The model as a policy.
 *
 * Keys: PA_POLICY_SAMPLE, PA_POLICY_SEED, PA_POLICY_OFFSET; pa_policy_meet_budget() sets the offset, which acts on the
 * last round's outputs.
 * @return Borrowed, valid until the model is freed; NULL for NULL. Name "igcnet".
 * @since 0.1
 */
PA_API pa_policy *pa_igcnet_policy(pa_igcnet *model);

/** @brief The model of such a policy, also of one from pa_policy_load(), borrowed; NULL if it is another. @since 0.1 */
PA_API pa_igcnet *pa_policy_igcnet(pa_policy *policy);

/** @brief Number of trained weights; 0 for NULL. @since 0.1 */
PA_API size_t pa_igcnet_weight_count(const pa_igcnet *model);

/**
 * @brief Copies the weights out: of MLP_1, then of MLP_2, for each layer its matrix [inputs][outputs], then its bias
 * [outputs].
 * @param model        the model
 * @param[out] weights [n]
 * @param n            pa_igcnet_weight_count()
 * @since 0.1
 */
PA_API pa_status pa_igcnet_get_weights(const pa_igcnet *model, double *weights, size_t n);

/**
 * @brief Sets the weights, in the order of pa_igcnet_get_weights().
 * @param model   the model, unchanged on an error
 * @param weights [n], finite
 * @param n       pa_igcnet_weight_count()
 * @since 0.1
 */
PA_API pa_status pa_igcnet_set_weights(pa_igcnet *model, const double *weights, size_t n);

#ifdef __cplusplus
}
#endif

#endif
