/**
 * @file uwmmse.h
 * @brief Unfolded WMMSE: a few WMMSE iterations whose weights come from small graph convolutional networks.
 */
#ifndef POWALLOC_UWMMSE_H
#define POWALLOC_UWMMSE_H

#include <powalloc/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @brief A UWMMSE model. Threads may share it for inference; training and setting weights need exclusive use. */
typedef struct pa_uwmmse pa_uwmmse;

/** @name Architectures
 * @{ */
/** The authors': GCNs on the raw channel matrix, all-ones node input, v(0) = sqrt(pmax). */
#define PA_UWMMSE_PAPER 1
/** Beyond the paper, the default choice: bounded, unit-free GCN input, node features, learned start and
 * relaxation; transfers between topologies, sizes and scales. See @ref concepts. */
#define PA_UWMMSE_EXTENDED 2
/** @} */

/**
 * @brief A new model with the initial weights of its architecture.
 * @param[out] out     the model, to be freed with pa_uwmmse_free()
 * @param architecture PA_UWMMSE_PAPER or PA_UWMMSE_EXTENDED
 * @param layers       unfolded iterations K, 1 to 64 (both: 4 in the paper)
 * @param hidden       hidden width of each GCN, 1 to 64 (5 in the paper)
 * @param seed         of the initial weights
 * @param allocator    NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_uwmmse_create(pa_uwmmse **out, int32_t architecture, size_t layers, size_t hidden, uint64_t seed,
                                  const pa_allocator *allocator);

/**
 * @brief A model from a file (see @ref file_formats).
 * @since 0.1
 */
PA_API pa_status pa_uwmmse_load(pa_uwmmse **out, const char *path, const pa_allocator *allocator);

/**
 * @brief Writes a model file, atomically: the file is the old one or the whole new one.
 * @param model the model
 * @param path  the file
 * @param note  how it was made, kept as metadata "trained"; may be NULL
 * @since 0.1
 */
PA_API pa_status pa_uwmmse_save(const pa_uwmmse *model, const char *path, const char *note);

/** @brief Frees a model and the policy borrowed from it. NULL is fine. @since 0.1 */
PA_API void pa_uwmmse_free(pa_uwmmse *model);

/**
 * @brief The model as a policy: for pa_policy_allocate(), for evaluation, for a trainer.
 * @return Borrowed, valid until the model is freed; NULL for NULL. Name "uwmmse".
 * @since 0.1
 */
PA_API pa_policy *pa_uwmmse_policy(pa_uwmmse *model);

/** @brief The model of such a policy, also of one from pa_policy_load(), borrowed; NULL if it is another. @since 0.1 */
PA_API pa_uwmmse *pa_policy_uwmmse(pa_policy *policy);

/** @brief PA_UWMMSE_PAPER or PA_UWMMSE_EXTENDED; 0 for NULL. @since 0.1 */
PA_API int32_t pa_uwmmse_architecture(const pa_uwmmse *model);

/** @brief Unfolded layers; 0 for NULL. @since 0.1 */
PA_API size_t pa_uwmmse_layers(const pa_uwmmse *model);

/** @brief Hidden width of the GCNs; 0 for NULL. @since 0.1 */
PA_API size_t pa_uwmmse_hidden(const pa_uwmmse *model);

/** @brief Number of trained weights; 0 for NULL. @since 0.1 */
PA_API size_t pa_uwmmse_weight_count(const pa_uwmmse *model);

/**
 * @brief Copies the weights out.
 *
 * Order: GCNs a(1), b(1), ..., a(K), b(K), then (extended) the GCN of the
 * start; in each w0, w1, b0, b1 of its first layer, then of its second, w
 * row-major [inputs][outputs]; then mu(1..K); then (extended) tau(1..K).
 * @param model        the model
 * @param[out] weights [n]
 * @param n            pa_uwmmse_weight_count()
 * @since 0.1
 */
PA_API pa_status pa_uwmmse_get_weights(const pa_uwmmse *model, double *weights, size_t n);

/**
 * @brief Sets the weights, in the order of pa_uwmmse_get_weights().
 * @param model   the model, unchanged on an error
 * @param weights [n], finite; mu >= 0 and tau >= 0 for the extended architecture
 * @param n       pa_uwmmse_weight_count()
 * @since 0.1
 */
PA_API pa_status pa_uwmmse_set_weights(pa_uwmmse *model, const double *weights, size_t n);

/**
 * @brief Loss and its gradient: minus the mean over the batch of the weighted sum-rate (UWMMSE paper, eq. (9)).
 *
 * Reverse-mode derivative by hand. Allocates a workspace for the call.
 * @param model         the model
 * @param states        the states; of mixed ones the mean is over the samples of all parts
 * @param[out] loss     in bit/s/Hz, may be NULL
 * @param[out] gradient [n] d loss / d weight, in the order of pa_uwmmse_get_weights()
 * @param n             pa_uwmmse_weight_count()
 * @since 0.1
 */
PA_API pa_status pa_uwmmse_gradient(const pa_uwmmse *model, const pa_states *states, double *loss, double *gradient,
                                    size_t n);

#ifdef __cplusplus
}
#endif

#endif
