/**
 * @file regnn.h
 * @brief Random edge graph neural networks: polynomial graph filters on the fading channel.
 */
#ifndef POWALLOC_REGNN_H
#define POWALLOC_REGNN_H

#include <powalloc/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief A REGNN model.
 *
 * Layer l maps node vectors z to activation(sum_k S^k z A_lk), k = 0 .. taps - 1 (REGNN paper, eqs. (11)-(15)); S is
 * the graph shift made from the channel, the last layer has no activation and gives the output of each link. The same
 * weights run on any number of links. Threads may share a model for inference; training and setting weights need
 * exclusive use.
 */
typedef struct pa_regnn pa_regnn;

/** @name Options of a new model
 * Keys for pa_regnn_create(); fixed from then on.
 * @{ */
/** Layers L, 1 to 64. Default 4. */
#define PA_REGNN_LAYERS 401
/** Features F of each node between the layers, 1 to 64. Default 4. */
#define PA_REGNN_FEATURES 402
/** Taps K of each filter, 1 to 64. Default 5. */
#define PA_REGNN_TAPS 403
/** Node inputs x: a sum of PA_REGNN_INPUT_*. Default ones and SNR. */
#define PA_REGNN_INPUTS 404
/** Features of the caller's node state (pa_states_set_node_state()) among the inputs, 0 to 64. Default 0. */
#define PA_REGNN_STATE_FEATURES 405
/** Graph shift S: one of PA_REGNN_SHIFT_*. Default share. */
#define PA_REGNN_SHIFT 406
/** Factor of the channel in the shift; for PA_REGNN_SHIFT_SCALE. Default 1. */
#define PA_REGNN_SCALE 407
/** 1: the filters work on S^T, gathering what a link's receiver hears instead of what its transmitter causes. Default
 * 0. */
#define PA_REGNN_TRANSPOSED 408
/** Between layers: one of PA_REGNN_ACTIVATION_RELU, _TANH, _ABSOLUTE. Default ReLU. */
#define PA_REGNN_ACTIVATION 409
/** 1: layers have a bias. Default 0 (the paper's parameter count). */
#define PA_REGNN_BIAS 410
/** What the output of a link means: one of PA_REGNN_OUTPUT_BERNOULLI, _LEVELS, _CONTINUOUS. Default Bernoulli. */
#define PA_REGNN_OUTPUT 411
/** Power levels 0, 1/(n-1), ..., 1 of pmax for PA_REGNN_OUTPUT_LEVELS, 2 to 64. Default 4. */
#define PA_REGNN_LEVEL_COUNT 412
/** Part of pmax that the untrained policy uses, about. Default 0.1. */
#define PA_REGNN_START 413
/** @} */

/** @name Node inputs
 * Columns of x in this order, then the caller's node state. A model whose only input is ones takes a node state of one
 * feature in its place.
 * @{ */
#define PA_REGNN_INPUT_ONES 1   /**< 1. */
#define PA_REGNN_INPUT_SNR 2    /**< log(1 + h_ii^2 pmax_i / noise_i), divided by its root mean square in training. */
#define PA_REGNN_INPUT_WEIGHT 4 /**< Weight of the link (pa_states_set_weights()) over the mean weight. */
#define PA_REGNN_INPUT_WEIGHT_SNR 8 /**< Product of the two above. */
/** @} */

/** @name Graph shifts
 * With g_ij = h_ij^2 pmax_i / noise_j. The diagonal is part of all of them.
 * @{ */
#define PA_REGNN_SHIFT_SCALE                                                                                      \
  1 /**< S = scale h: the paper's, for scale 1. Without bounds: powers of strong channels may overflow, in single \
       precision far sooner, and a link whose output is no number is off. */
#define PA_REGNN_SHIFT_SPECTRAL \
  2 /**< S = h over its largest singular value (30 power iterations): the authors' code. */
#define PA_REGNN_SHIFT_SHARE                                                                                           \
  3                              /**< S_ij = g_ij / (1 + sum_k g_kj): shares of what a receiver hears; without a unit. \
                                  */
#define PA_REGNN_SHIFT_BOUNDED 4 /**< S = g / (1 + g), over its largest singular value; without a unit. */
/** @} */

/** @name Activations
 * @{ */
#define PA_REGNN_ACTIVATION_RELU 1     /**< max(0, y). */
#define PA_REGNN_ACTIVATION_TANH 2     /**< tanh(y). */
#define PA_REGNN_ACTIVATION_ABSOLUTE 3 /**< |y|. */
/** @} */

/** @name Outputs
 * @{ */
/** Transmit at pmax with probability sigmoid(y), else not at all (the paper's). Inference transmits where the
 * probability is at least 1/2, or draws with PA_POLICY_SAMPLE. */
#define PA_REGNN_OUTPUT_BERNOULLI 1
/** One of several power levels, softmax of one output a level. Inference takes the likeliest level (the lowest of
 * equals), or draws. */
#define PA_REGNN_OUTPUT_LEVELS 2
/** Any power: p = pmax sigmoid(y + deviation N), N normal (a logit-normal density: it lives on [0, pmax], its mode can
 * reach the ends, and the score in y is N / deviation, bounded where a Gaussian clipped to the box has none). Inference
 * takes pmax sigmoid(y), or draws. */
#define PA_REGNN_OUTPUT_CONTINUOUS 3
/** @} */

/**
 * @brief A new model, random but for what keeps it alive: tap 0 starts at the identity.
 * @param[out] out  the model, to be freed with pa_regnn_free()
 * @param keys      [n] PA_REGNN_* options, each at most once; may be NULL if n is 0
 * @param values    [n] their values
 * @param n         options given, the others are at their defaults
 * @param seed      of the initial weights
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_regnn_create(pa_regnn **out, const int32_t *keys, const double *values, size_t n, uint64_t seed,
                                 const pa_allocator *allocator);

/** @brief A model from a file (see @ref file_formats). @since 0.1 */
PA_API pa_status pa_regnn_load(pa_regnn **out, const char *path, const pa_allocator *allocator);

/**
 * @brief Writes a model file, atomically: the file is the old one or the whole new one.
 * @param model the model
 * @param path  the file
 * @param note  how it was made, kept as metadata "trained"; may be NULL
 * @since 0.1
 */
PA_API pa_status pa_regnn_save(const pa_regnn *model, const char *path, const char *note);

/** @brief Frees a model and the policy borrowed from it. NULL is fine. @since 0.1 */
PA_API void pa_regnn_free(pa_regnn *model);

/**
 * @brief The model as a policy.
 *
 * Keys: PA_POLICY_SAMPLE, PA_POLICY_SEED, PA_POLICY_OFFSET; pa_policy_meet_budget() sets the offset.
 * @return Borrowed, valid until the model is freed; NULL for NULL. Name "regnn".
 * @since 0.1
 */
PA_API pa_policy *pa_regnn_policy(pa_regnn *model);

/** @brief The model of such a policy, also of one from pa_policy_load(), borrowed; NULL if it is another. @since 0.1 */
PA_API pa_regnn *pa_policy_regnn(pa_policy *policy);

/** @brief Value of an option (PA_REGNN_*). @since 0.1 */
PA_API pa_status pa_regnn_option(const pa_regnn *model, int32_t key, double *value);

/** @brief Number of trained weights; 0 for NULL. @since 0.1 */
PA_API size_t pa_regnn_weight_count(const pa_regnn *model);

/**
 * @brief Copies the weights out: for each layer the taps [taps][inputs][outputs], then its bias [outputs] if it has
 * one.
 * @param model        the model
 * @param[out] weights [n]
 * @param n            pa_regnn_weight_count()
 * @since 0.1
 */
PA_API pa_status pa_regnn_get_weights(const pa_regnn *model, double *weights, size_t n);

/**
 * @brief Sets the weights, in the order of pa_regnn_get_weights().
 * @param model   the model, unchanged on an error
 * @param weights [n], finite
 * @param n       pa_regnn_weight_count()
 * @since 0.1
 */
PA_API pa_status pa_regnn_set_weights(pa_regnn *model, const double *weights, size_t n);

/**
 * @brief Gives the model weights of the links that it learned under constraints with (pa_trainer_link_weights()), saved
 * with it.
 *
 * Inference multiplies the states' weights with them, and refuses states of another number of links; training a model
 * further makes new ones and forgets these.
 * @param model   the model, unchanged on an error
 * @param weights [n] finite, > 0; copied
 * @param n       links; 0: none
 * @since 0.1
 */
PA_API pa_status pa_regnn_set_link_weights(pa_regnn *model, const double *weights, size_t n);

/**
 * @brief How many links the model has weights of, 0 for none and for NULL.
 * @param model        the model
 * @param[out] weights [that many], or NULL
 * @since 0.1
 */
PA_API size_t pa_regnn_link_weights(const pa_regnn *model, double *weights);

#ifdef __cplusplus
}
#endif

#endif
