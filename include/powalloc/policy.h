/**
 * @file policy.h
 * @brief Policies: whatever turns a channel state into transmit powers.
 */
#ifndef POWALLOC_POLICY_H
#define POWALLOC_POLICY_H

#include <powalloc/pool.h>
#include <powalloc/states.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief A policy: classical, learned, or the user's own.
 *
 * A policy may be used by several threads at once, each with its own
 * workspace; the calls that change it (set, meet a budget, train) need
 * exclusive use.
 */
typedef struct pa_policy pa_policy;

/** @name Keys of policies
 * Each policy has some of them; setting one that it does not have is an error.
 * @{ */
/** WMMSE: iterations, full updates of u, w and v. Default 100. */
#define PA_POLICY_ITERATIONS 201
/** WMMSE: ends a sample once no amplitude v moved by more than this part of sqrt(pmax) in an iteration; 0 never
 * (a fixed number of steps). Default 0. */
#define PA_POLICY_TOLERANCE 202
/** WMMSE: the start v(0) as a part of sqrt(pmax). Default 1. */
#define PA_POLICY_START 203
/** Cap on the sum of the powers of one sample in W; 0 for none. WMMSE finds the multiplier of the cap in every
 * iteration; equal power divides the cap; random selection takes as many links as it pays for. Default 0. */
#define PA_POLICY_SUM_POWER 204
/** WMMSE with a price: the price of power in nats per W, the Lagrange multiplier of an average budget. Default 0. */
#define PA_POLICY_PRICE 205
/** Random selection: part of the links that transmit, rounded; used if no cap on the sum is set. Default 0.5. */
#define PA_POLICY_ACTIVE_SHARE 206
/** Random selection, and policies with PA_POLICY_SAMPLE: seed of the draw. Default 0. */
#define PA_POLICY_SEED 207
/** REGNN, MLP, IGCNet: 1 draws powers from the policy's distribution, the same ones for the same sample number and
 * seed; 0 takes the likeliest. Default 0. */
#define PA_POLICY_SAMPLE 208
/** REGNN, MLP, IGCNet: added to every output, raising (> 0) or lowering (< 0) all powers; kept in the model's file.
 * Default 0. */
#define PA_POLICY_OFFSET 209
/** Threshold: least SNR h_ii^2 pmax_i / noise_i of a link that transmits, linear. Default 0. */
#define PA_POLICY_THRESHOLD 210
/** wmmse-best: starts of a sample, the first at PA_POLICY_START, the others random. Default 60. */
#define PA_POLICY_STARTS 211
/** optimal: part of the sum-rate within which the powers are certified to be the best, but never less than
 * 6e-12 bit/s/Hz, which is rounding's. Default 0.001. */
#define PA_POLICY_GAP 212
/** optimal: most boxes that are cut for a sample, 0 for no limit; a sample that ends so has a larger gap, which
 * pa_policy_certify() tells. Default 100000. */
#define PA_POLICY_NODES 213
/** @} */

/** @name Channel inputs of models that work on the channel as it is (MLP, IGCNet)
 * @{ */
#define PA_INPUT_AMPLITUDE 1 /**< h_ij: the papers'. */
#define PA_INPUT_LOG 2       /**< log(1 + h_ij^2 pmax_i / noise_j): unit-free, for channels that span many decades. */
/** @} */

/**
 * @brief A classical policy by its name.
 *
 * - full-power: p_i = pmax_i
 * - equal: p_i = min(pmax_i, PA_POLICY_SUM_POWER / links); pmax_i if no cap is set
 * - random: a random set of links at pmax_i, the same set for the same sample number and seed
 * - threshold: pmax_i where the link's own SNR, h_ii^2 pmax_i / noise_i, is at least PA_POLICY_THRESHOLD, else 0; set
 * by hand or by pa_policy_meet_budget()
 * - wmmse: weighted WMMSE, PA_POLICY_ITERATIONS full iterations from v = PA_POLICY_START sqrt(pmax), in the stable form
 *   (see @ref concepts)
 * - wmmse-truncated: the same with 4 iterations by default, as in the UWMMSE paper
 * - wmmse-converged: the same with 3000 iterations by default
 * - wmmse-best: the best of PA_POLICY_STARTS runs from random starts (amplitudes of all links, or random sets of links)
 * by weighted sum-rate, 300 iterations each by default, and ten times as
 * many from the best of them; the same powers for the same seed and sample number
 * - optimal: the global maximum of the weighted sum-rate by branch and bound, within PA_POLICY_GAP; for at most 16
 * links (10 or more take long)
 * - wmmse-priced: WMMSE on the sum-rate in nats minus price times power; the price is set by hand or by
 *   pa_policy_meet_budget()
 *
 * @param[out] out  the policy, to be freed with pa_policy_free()
 * @param name      one of these names
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_policy_create(pa_policy **out, const char *name, const pa_allocator *allocator);

/**
 * @brief The best powers there are, and the certificate.
 *
 * Upper bounds hold for every power allocation of the sample. They are within PA_POLICY_GAP of the powers' own weighted
 * sum-rate, or 6e-12 bit/s/Hz, unless PA_POLICY_NODES ended the search. Allocates.
 * @param policy     of the name "optimal"
 * @param states     of at most 16 links
 * @param[out] power [batch][links] in W
 * @param[out] upper [batch] of the weighted sum-rate, bit/s/Hz
 * @since 0.1
 */
PA_API pa_status pa_policy_certify(const pa_policy *policy, const pa_states *states, double *power, double *upper);

/** @brief Number of names pa_policy_create() knows. @since 0.1 */
PA_API size_t pa_policy_kind_count(void);

/** @brief A name pa_policy_create() knows, NULL if @p index is out of range. @since 0.1 */
PA_API const char *pa_policy_kind_name(size_t index);

/**
 * @brief The user's allocation: fills power [batch][links] for the states.
 *
 * Called once per call of pa_policy_allocate(), on that thread; for mixed states once per part, with the part. The
 * powers arrive full of NaN; each must become finite and lie in [0, pmax].
 * @return PA_CALLBACK_OK, PA_CALLBACK_ABORT
 */
typedef int32_t (*pa_allocate_fn)(void *user, const pa_states *states, double *power);

/**
 * @brief A policy by callback: everything that takes a policy takes it.
 * @param[out] out   the policy, to be freed with pa_policy_free()
 * @param allocate   the function
 * @param user       handed to it, may be NULL
 * @param free_user  frees @p user with the policy, may be NULL; not called if this call fails
 * @param allocator  NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_policy_create_callback(pa_policy **out, pa_allocate_fn allocate, void *user, pa_free_fn free_user,
                                           const pa_allocator *allocator);

/**
 * @brief A learned policy from a model file of any kind.
 * @param[out] out  the policy, to be freed with pa_policy_free()
 * @param path      the model file
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_policy_load(pa_policy **out, const char *path, const pa_allocator *allocator);

/**
 * @brief Writes the file of a learned policy, atomically: the file is the old one or the whole new one.
 * @param policy of a model; others have nothing to save
 * @param path   the file
 * @param note   how it was made, kept as metadata "trained"; may be NULL
 * @since 0.1
 */
PA_API pa_status pa_policy_save(const pa_policy *policy, const char *path, const char *note);

/**
 * @brief Frees a policy made by a call of this header. NULL is fine.
 *
 * A policy borrowed from its model (pa_uwmmse_policy()) goes with the model; freeing it here before that does nothing.
 * @since 0.1
 */
PA_API void pa_policy_free(pa_policy *policy);

/** @brief Name: of the table, "callback", or the kind of model; "" for NULL. Owned by the policy. @since 0.1 */
PA_API const char *pa_policy_name(const pa_policy *policy);

/**
 * @brief Sets a key.
 * @param policy the policy, unchanged on an error
 * @param key    one of PA_POLICY_* that this policy has
 * @param value  within the key's bounds, see pa_key_bounds()
 * @since 0.1
 */
PA_API pa_status pa_policy_set(pa_policy *policy, int32_t key, double value);

/** @brief Value of a key. @since 0.1 */
PA_API pa_status pa_policy_get(const pa_policy *policy, int32_t key, double *value);

/**
 * @brief Bytes of workspace that pa_policy_allocate() needs. Grows with links, never with anything else but batch.
 * @param policy     the policy
 * @param batch      largest batch, >= 1
 * @param links      largest number of links, >= 1
 * @param[out] bytes workspace size, to be aligned to 64 bytes
 * @since 0.1
 */
PA_API pa_status pa_policy_workspace(const pa_policy *policy, size_t batch, size_t links, size_t *bytes);

/** @brief The same for pa_policy_allocate_f32(). @since 0.1 */
PA_API pa_status pa_policy_workspace_f32(const pa_policy *policy, size_t batch, size_t links, size_t *bytes);

/**
 * @brief Powers for a batch of states.
 *
 * With a workspace: allocates nothing, takes no lock, makes no system call,
 * and does a number of steps fixed by the shape (unless PA_POLICY_TOLERANCE
 * is set, or a callback does otherwise). A sample's powers do not depend on
 * the batch that it is in.
 * @param policy     the policy
 * @param states     the states; every channel is checked to be finite and >= 0
 * @param[out] power [batch][links], of mixed states [pa_states_powers()] powers in W, in [0, pmax]; untouched on an
 *                   error
 * @param work       workspace aligned to 64 bytes, or NULL: the call then allocates and frees its own
 * @param bytes      size of @p work, at least pa_policy_workspace() or pa_policy_workspace_states(); ignored if @p work
 *                   is NULL
 * @since 0.1
 */
PA_API pa_status pa_policy_allocate(const pa_policy *policy, const pa_states *states, double *power, void *work,
                                    size_t bytes);

/**
 * @brief The same for states in single precision (pa_states_create_f32()).
 *
 * WMMSE, UWMMSE and REGNN compute in single precision then, in about half the time; other policies see a copy of the
 * states in double. A link that WMMSE or UWMMSE silences keeps at least 1e-36 of its power limit, so that it can come
 * back: in single precision its power would underflow to 0, where it stays.
 * @since 0.1
 */
PA_API pa_status pa_policy_allocate_f32(const pa_policy *policy, const pa_states *states, float *power, void *work,
                                        size_t bytes);

/** @brief Bytes of workspace that pa_policy_allocate_parallel() needs: one of its own for each thread. @since 0.1 */
PA_API pa_status pa_policy_workspace_parallel(const pa_policy *policy, size_t batch, size_t links, const pa_pool *pool,
                                              size_t *bytes);

/** @brief The same for pa_policy_allocate_parallel_f32(). @since 0.1 */
PA_API pa_status pa_policy_workspace_parallel_f32(const pa_policy *policy, size_t batch, size_t links,
                                                  const pa_pool *pool, size_t *bytes);

/**
 * @brief Bytes of workspace for such states: full, sparse or mixed, in their precision, by the threads of a pool.
 * @param policy     the policy
 * @param states     the states; any others of their kind, full or sparse, with as many samples, links and channels or
 *                   fewer will do as well, and so will each part of mixed ones
 * @param pool       for pa_policy_allocate_parallel(); NULL: for pa_policy_allocate()
 * @param[out] bytes the size
 * @since 0.1
 */
PA_API pa_status pa_policy_workspace_states(const pa_policy *policy, const pa_states *states, const pa_pool *pool,
                                            size_t *bytes);

/**
 * @brief pa_policy_allocate() of some samples of a batch, for processes that share it: the powers are those of the whole.
 * @param policy     the policy; not one of the application's (pa_policy_create_callback()) that looks at other samples
 * @param states     the states, not mixed
 * @param first      the first sample
 * @param count      how many, >= 1
 * @param[out] power [count][links] powers in W; untouched on an error
 * @since 0.1
 */
PA_API pa_status pa_policy_allocate_part(const pa_policy *policy, const pa_states *states, size_t first, size_t count,
                                         double *power);

/**
 * @brief pa_policy_allocate() by the threads of a pool: each takes samples of the batch or, if the batch is one sample
 * of 192 links or more, rows of its channel matrix. The powers are those of one thread, to the bit.
 *
 * Of mixed states the threads share the samples of all parts; parts of one such large sample are shared by rows, one
 * after the other, if there are fewer of them than threads. A policy of the user's own (pa_policy_create_callback()) is
 * called once for the whole batch, or each part, on this thread.
 * @param policy     the policy
 * @param states     the states
 * @param[out] power as in pa_policy_allocate(); if the pool's callback fails, unspecified
 * @param pool       for this call alone; NULL: one thread
 * @param work       workspace aligned to 64 bytes, or NULL: the call then allocates and frees its own
 * @param bytes      size of @p work, at least pa_policy_workspace_parallel(); ignored if @p work is NULL
 * @since 0.1
 */
PA_API pa_status pa_policy_allocate_parallel(const pa_policy *policy, const pa_states *states, double *power,
                                             pa_pool *pool, void *work, size_t bytes);

/** @brief The same for states in single precision. @since 0.1 */
PA_API pa_status pa_policy_allocate_parallel_f32(const pa_policy *policy, const pa_states *states, float *power,
                                                 pa_pool *pool, void *work, size_t bytes);

/** @brief Outputs of a link of a learned policy: 1, or its number of power levels; 0 for other policies. @since 0.1 */
PA_API size_t pa_policy_output_count(const pa_policy *policy);

/**
 * @brief What a learned policy's powers are drawn from.
 *
 * On or off: probability of transmitting; levels: probability of each level; continuous: the median power as a part of
 * pmax. Allocates a workspace for the call.
 * @param policy             the policy
 * @param states             the states
 * @param[out] probabilities [batch][links][pa_policy_output_count()], of mixed states part after part
 * @since 0.1
 */
PA_API pa_status pa_policy_probabilities(const pa_policy *policy, const pa_states *states, double *probabilities);

/**
 * @brief Sets the policy's price (PA_POLICY_PRICE) or offset (PA_POLICY_OFFSET) so that its mean total power meets an
 * average budget.
 *
 * Bisects until the mean over the batch of sum_i p_i is within 1e-6 of the
 * budget, or as close as powers that come in steps allow, from below. A price is 0 if the
 * policy stays below the budget of itself; an offset also raises the powers
 * to the budget, and is 0 if not even full power reaches it. Allocates.
 * @param policy a policy that has one of the keys
 * @param states states to average over, many
 * @param budget mean of the total power of a sample in W, > 0
 * @since 0.1
 */
PA_API pa_status pa_policy_meet_budget(pa_policy *policy, const pa_states *states, double budget);

#ifdef __cplusplus
}
#endif

#endif
