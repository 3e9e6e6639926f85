/**
 * @file trainer.h
 * @brief Trainers: make a learned policy better on states from a network or from the user.
 */
#ifndef POWALLOC_TRAINER_H
#define POWALLOC_TRAINER_H

#include <powalloc/network.h>
#include <powalloc/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief A trainer.
 *
 * Maximises the mean weighted sum-rate (UWMMSE paper, eq. (9)) with Adam on
 * fresh states in every step, and keeps the weights that were best on held-out
 * states. The result depends on the seed and the keys, not on the number of
 * threads. One thread at a time, but for pa_trainer_request_stop().
 */
typedef struct pa_trainer pa_trainer;

/** @name Keys of a trainer
 * @{ */
/** States per step. Default 64. */
#define PA_TRAINER_BATCH 301
/** Peak learning rate of Adam; 0: the recipe of the model (paper 1e-3, extended 1e-2, extended on a family 5e-3).
 * Default 0. */
#define PA_TRAINER_LEARNING_RATE 302
/** Learning rate at the end as a part of the peak, reached along a cosine; 0: the recipe (paper 1, constant; extended
 * 0.01). Default 0. */
#define PA_TRAINER_FINAL_RATE 303
/** Steps over which the learning rate rises linearly from 0; -1: the recipe (paper 0, extended 300). Default -1. */
#define PA_TRAINER_WARMUP 304
/** Largest norm of the gradient of a step, longer ones are scaled down; 0: no limit. Default 5. */
#define PA_TRAINER_CLIP 305
/** Largest norm of the gradient of one sample; 0: no limit, -1: the recipe (paper 0, extended 1000). Default -1. */
#define PA_TRAINER_SAMPLE_CLIP 306
/** Steps between looks at the held-out states. Default 250. */
#define PA_TRAINER_HELD_OUT_EVERY 307
/** Held-out states drawn from a network. Default 2000. */
#define PA_TRAINER_HELD_OUT 308
/** Threads of a run, the caller's included. Default 1. */
#define PA_TRAINER_THREADS 309
/** Steps of the learning-rate schedule; 0: those of the first run. Default 0. */
#define PA_TRAINER_SCHEDULE 310
/** @} */

/** @name What a trainer tells of its run
 * @{ */
#define PA_TRAINER_STEP 1 /**< Steps done since the trainer was made. */
#define PA_TRAINER_RATE 2 /**< Mean sum-rate of the states of recent steps, running mean of 100 steps, bit/s/Hz. */
#define PA_TRAINER_HELD_OUT_RATE 3 /**< Mean sum-rate on the held-out states at the last look, bit/s/Hz. */
#define PA_TRAINER_BEST_RATE 4     /**< Best of these looks: the weights that the model gets. */
#define PA_TRAINER_BEST_STEP 5     /**< Step of the best look. */
#define PA_TRAINER_GRADIENT_NORM 6 /**< Norm of the last gradient before clipping. */
#define PA_TRAINER_DROPPED 7       /**< Samples left out because their gradient was not finite. */
#define PA_TRAINER_STEP_RATE 8     /**< Learning rate of the last step. */
#define PA_TRAINER_BASELINE_RATE 9 /**< Mean sum-rate of WMMSE with 100 iterations on the held-out states, bit/s/Hz.   \
                                    */
/** @} */

/**
 * @brief A trainer that draws its states from a network or a family.
 * @param[out] out  the trainer, to be freed with pa_trainer_free()
 * @param policy    a learned policy (pa_uwmmse_policy()); borrowed, must outlive the trainer, and must not be
 *                  used otherwise during a run
 * @param network   borrowed, must outlive the trainer and stay unchanged
 * @param seed      of the training and held-out streams
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_trainer_create(pa_trainer **out, pa_policy *policy, const pa_network *network, uint64_t seed,
                                   const pa_allocator *allocator);

/**
 * @brief A trainer on the user's states: each step takes a random batch of them.
 *
 * The last fifth of the states (at least one) is held out and never trained on.
 * @param[out] out  the trainer, to be freed with pa_trainer_free()
 * @param policy    as in pa_trainer_create()
 * @param states    at least 2; borrowed, must outlive the trainer and stay unchanged
 * @param seed      of the choice of batches
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_trainer_create_on_states(pa_trainer **out, pa_policy *policy, const pa_states *states,
                                             uint64_t seed, const pa_allocator *allocator);

/** @brief Frees a trainer, not its policy. NULL is fine. @since 0.1 */
PA_API void pa_trainer_free(pa_trainer *trainer);

/**
 * @brief Sets a key; between runs, and all but PA_TRAINER_THREADS before the first.
 * @param trainer the trainer, unchanged on an error
 * @param key     one of the keys above
 * @param value   within the key's bounds, see pa_key_bounds()
 * @since 0.1
 */
PA_API pa_status pa_trainer_set(pa_trainer *trainer, int32_t key, double value);

/** @brief Value of a key. @since 0.1 */
PA_API pa_status pa_trainer_get(const pa_trainer *trainer, int32_t key, double *value);

/** @brief Tells how the run goes; called on the thread inside pa_trainer_run(). Returns a PA_CALLBACK_* code. */
typedef int32_t (*pa_progress_fn)(void *user, const pa_trainer *trainer);

/**
 * @brief Asks to be told every @p every steps and after the last one.
 * @param trainer   the trainer
 * @param every     steps, >= 1
 * @param progress  the function; NULL for none
 * @param user      handed to it, may be NULL
 * @param free_user frees @p user when it is replaced or the trainer freed, may be NULL; not called if this call fails
 * @since 0.1
 */
PA_API pa_status pa_trainer_set_progress(pa_trainer *trainer, uint64_t every, pa_progress_fn progress, void *user,
                                         pa_free_fn free_user);

/**
 * @brief Trains for a number of steps, more if called again.
 *
 * However it ends, the policy then holds the weights that were best on the
 * held-out states so far. Allocates at its start; starts its threads and ends
 * them before it returns.
 * @param trainer the trainer
 * @param steps   >= 1
 * @return PA_OK; PA_STOPPED if a callback or pa_trainer_request_stop() ended it early;
 *         PA_ERROR_CALLBACK; PA_ERROR_NUMERIC if every sample of a step had to be dropped;
 *         PA_ERROR_STATE if called from its own callback
 * @since 0.1
 */
PA_API pa_status pa_trainer_run(pa_trainer *trainer, uint64_t steps);

/** @brief Ends the run after its present step. Any thread, also a signal handler. @since 0.1 */
PA_API void pa_trainer_request_stop(pa_trainer *trainer);

/**
 * @brief One of the numbers above.
 * @param trainer    the trainer
 * @param what       PA_TRAINER_STEP, ...
 * @param[out] value NaN where there is none yet
 * @since 0.1
 */
PA_API pa_status pa_trainer_stat(const pa_trainer *trainer, int32_t what, double *value);

/**
 * @brief Writes a checkpoint, atomically: weights, optimiser, position in the streams.
 * @since 0.1
 */
PA_API pa_status pa_trainer_save(const pa_trainer *trainer, const char *path);

/**
 * @brief Goes back to a checkpoint; a run then continues bit for bit as if never interrupted.
 *
 * The trainer must have been made with the same policy shape, seed and kind
 * of source; its keys but PA_TRAINER_THREADS are set from the checkpoint, and its policy gets the best weights so far.
 * Before its first run only.
 * @since 0.1
 */
PA_API pa_status pa_trainer_resume(pa_trainer *trainer, const char *path);

#ifdef __cplusplus
}
#endif

#endif
