/**
 * @file trainer.h
 * @brief Trainers: make a learned policy better on states from a network or from the user.
 */
#ifndef POWALLOC_TRAINER_H
#define POWALLOC_TRAINER_H

#include <powalloc/network.h>
#include <powalloc/policy.h>
#include <powalloc/pool.h>
#include <powalloc/reward.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief A trainer.
 *
 * Trains with Adam on fresh states in every step, and keeps the weights that were best on held-out states, in one of
 * two ways. Model-based: maximises the mean weighted sum-rate (UWMMSE paper, eq. (9)), or imitates a teacher; for
 * policies that know its gradient (UWMMSE, IGCNet, MLP of powers). Model-free: maximises a utility of the mean rewards
 * of a system under constraints by trying powers on it (REGNN paper, algorithm 1); for any learned policy, once
 * pa_trainer_set_reward() was called. The result depends on the seed and the keys, not on the number of threads, nor
 * on that of the machines that train together (pa_trainer_set_ranks()). One thread at a time, but for
 * pa_trainer_request_stop().
 */
typedef struct pa_trainer pa_trainer;

/** @name Keys of a trainer
 * @{ */
/** States per step; 0: the recipe (model-based 64, model-free 16). Default 0. */
#define PA_TRAINER_BATCH 301
/** Peak learning rate of Adam; 0: the recipe (UWMMSE paper 1e-3, extended 1e-2, on a family or mixed states 5e-3; MLP
 * and IGCNet 3e-3; model-free 5e-3, or 3e-3 under constraints on rewards). Default 0. */
#define PA_TRAINER_LEARNING_RATE 302
/** Learning rate at the end as a part of the peak, reached along a cosine; 0: the recipe (paper 1, constant; others
 * 0.01). Default 0. */
#define PA_TRAINER_FINAL_RATE 303
/** Steps over which the learning rate rises linearly from 0; -1: the recipe (extended 300, others 0). Default -1. */
#define PA_TRAINER_WARMUP 304
/** Largest norm of the gradient of a step, longer ones are scaled down; 0: no limit, -1: the recipe (model-based 5,
 * model-free 0). Default -1. */
#define PA_TRAINER_CLIP 305
/** Model-based: largest norm of the gradient of one sample; 0: no limit, -1: the recipe (paper 0, extended 1000).
 * Default -1. */
#define PA_TRAINER_SAMPLE_CLIP 306
/** Steps between looks at the held-out states; 0: the recipe (model-based 250, model-free 2500). Default 0. */
#define PA_TRAINER_HELD_OUT_EVERY 307
/** Held-out states drawn from a network; 0: the recipe (model-based 2000, model-free 4000). Default 0. */
#define PA_TRAINER_HELD_OUT 308
/** Threads of a run, the caller's included. Default 1. */
#define PA_TRAINER_THREADS 309
/** Steps of the learning-rate schedule; 0: those of the first run. Default 0. */
#define PA_TRAINER_SCHEDULE 310
/** Model-free: powers tried for each state, one call of the reward each; the mean of the others is the baseline of one,
 * that of the other states if there is but 1. Default 8. */
#define PA_TRAINER_ACTIONS 311
/** Model-free: rate of the dual variables, falling to a tenth over the schedule. Default 0.003. */
#define PA_TRAINER_DUAL_RATE 312
/** Model-free: largest dual variable of a constraint on rewards, in units of the mean slope of the utility: an
 * infeasible one would take everything. Default 10. */
#define PA_TRAINER_DUAL_LIMIT 313
/** Model-free: part of their bounds by which constraints on rewards are to be met in training. Default 0.05. */
#define PA_TRAINER_MARGIN 314
/** Model-free: reward of a nat of entropy of each link's powers, in units of the mean size of a state's Lagrangian.
 * Default 0. */
#define PA_TRAINER_ENTROPY 315
/** Model-free: pull on outputs (logits) beyond 2 and -2, in the same units, falling to 0 over the schedule: keeps links
 * from being shut off for good before their worth is known; -1: the recipe (0.01 under constraints on rewards, else 0
 * for continuous powers and 0.003 for others). Default -1. */
#define PA_TRAINER_BARRIER 316
/** Sharpness s of PA_UTILITY_SOFT_MIN. Default 10. */
#define PA_TRAINER_SHARPNESS 317
/** 1: states, and what is computed of them, in single precision, which is faster; weights, optimiser and sums over
 * states stay in double. A network's draws are others than in double; callbacks of rewards see states in single
 * precision, pa_states_channel_f32(). 0: double precision. For UWMMSE and REGNN. On the user's states it is their
 * precision and cannot be set to another one. Default 0. */
#define PA_TRAINER_PRECISION 318
/** @} */

/** @name What a trainer tells of its run
 * @{ */
#define PA_TRAINER_STAT_STEP 1 /**< Steps done since the trainer was made. */
#define PA_TRAINER_STAT_RATE                                                                    \
  2 /**< Mean sum-rate of the states of recent steps in bit/s/Hz, or the utility of recent mean \
     * rewards: running mean of 100 steps. */
#define PA_TRAINER_STAT_HELD_OUT_RATE 3 /**< The same on the held-out states at the last look, without sampling. */
#define PA_TRAINER_STAT_BEST_RATE 4     /**< Best of these looks: the weights that the model gets. */
#define PA_TRAINER_STAT_BEST_STEP 5     /**< Step of the best look. */
#define PA_TRAINER_STAT_GRADIENT_NORM 6 /**< Norm of the last gradient before clipping. */
#define PA_TRAINER_STAT_DROPPED 7       /**< Samples left out because their gradient was not finite. */
#define PA_TRAINER_STAT_STEP_RATE 8     /**< Learning rate of the last step. */
#define PA_TRAINER_STAT_BASELINE_RATE \
  9                              /**< Model-based: mean sum-rate of WMMSE with 100 iterations on the held-out states. */
#define PA_TRAINER_STAT_POWER 10 /**< Model-free: mean total power at the last look, W. */
#define PA_TRAINER_STAT_BEST_POWER 11 /**< Model-free: the same at the best look. */
#define PA_TRAINER_STAT_VIOLATION                                                          \
  12 /**< Model-free: worst relative violation of a constraint at the last look, < 0: met. \
      */
#define PA_TRAINER_STAT_BEST_VIOLATION 13 /**< Model-free: the same at the best look. */
#define PA_TRAINER_STAT_POWER_DUAL 14     /**< Model-free: dual variable of the power budget (the mean of several). */
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
 * The last fifth of the states (at least one) is held out and never trained on. Mixed states, pa_states_create_mixed(),
 * hold out the last fifth of each part, and every fifth sample where parts have fewer. Their batches are drawn from the
 * samples of all parts alike, and rates are means over samples. They are for model-based training, of UWMMSE and, if all
 * parts are full matrices, IGCNet: rewards need the links of one network.
 * @param[out] out  the trainer, to be freed with pa_trainer_free()
 * @param policy    as in pa_trainer_create()
 * @param states    at least 2, for policies that train in it also in single precision (PA_TRAINER_PRECISION); borrowed,
 * must outlive the trainer and stay unchanged
 * @param seed      of the choice of batches
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_trainer_create_on_states(pa_trainer **out, pa_policy *policy, const pa_states *states,
                                             uint64_t seed, const pa_allocator *allocator);

/** @brief Links of its states, the most of a family or of mixed states; 0 for NULL. @since 0.1 */
PA_API size_t pa_trainer_links(const pa_trainer *trainer);

/** @brief Rewards of a sample; 0 if training is model-based, and for NULL. @since 0.1 */
PA_API size_t pa_trainer_rewards(const pa_trainer *trainer);

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

/**
 * @brief Trains by imitation: the policy learns to give the teacher's powers (the UWMMSE paper's supervised baseline:
 * an MLP taught by WMMSE).
 *
 * The teacher labels fresh states in every step. Minimises the cross-entropy between the teacher's and the policy's
 * powers as parts of the limits; looks at the held-out states keep the weights of the best sum-rate, as always. For
 * policies with a model-based gradient. Before the first step only.
 * @param trainer the trainer, without a reward
 * @param teacher any policy; borrowed, must outlive the trainer; NULL: none again
 * @since 0.1
 */
PA_API pa_status pa_trainer_set_teacher(pa_trainer *trainer, const pa_policy *teacher);

/**
 * @brief Trains on a pool instead of PA_TRAINER_THREADS threads of the run's own: the application's threads, or one
 * pool for many runs. The weights are the same, to the bit.
 * @param trainer the trainer, which must not be running
 * @param pool    borrowed, must outlive the trainer's runs and is theirs alone meanwhile; NULL: none again
 * @since 0.1
 */
PA_API pa_status pa_trainer_set_pool(pa_trainer *trainer, pa_pool *pool);

/**
 * @brief Gives every rank what the others computed: an all-gather in place, such as MPI_Allgatherv().
 *
 * Called on the thread inside pa_trainer_run(), by all ranks equally often and with the same @p first; returns when
 * @p numbers is complete.
 * @param user            what was registered with it
 * @param[in,out] numbers [first[ranks]]; the part of rank k is numbers[first[k]] to numbers[first[k + 1] - 1], that of
 *                        this rank is filled on entry, and all must be on return
 * @param first           [ranks + 1]
 * @return PA_CALLBACK_OK; anything else is an error and ends the run, without another call
 */
typedef int32_t (*pa_gather_fn)(void *user, double *numbers, const size_t *first);

/**
 * @brief Trains together with trainers of other processes, or on other machines: data parallelism.
 *
 * Every rank has a trainer made alike, of the same seed, states, model and keys but PA_TRAINER_THREADS, and all call
 * pa_trainer_run() together; a run begins by comparing them. Each computes an equal share of every batch, in chunks of
 * eight states (no more ranks than chunks have something to do: see PA_TRAINER_BATCH), and of the held-out states. All
 * ranks end with the same weights, which are those of one rank to the bit, for any number of ranks and threads.
 *
 * What is gathered, a few doubles for each state and as many as there are weights for each chunk, is told in @ref
 * machines. A second, tiny gathering makes stops and errors known: a run ends on all ranks after the same step, with the
 * same status and the message of the rank that failed.
 *
 * A reward, or a reward's gradient, is called on each rank with its share of the batch (not at all if that is empty),
 * on held-out states with whole batches; one that skips skips the whole batch. Utilities, constraints and networks that
 * are drawn by a callback are called on each rank and must give the same on all. Progress is told on every rank that
 * asks for it; pa_trainer_save() is for one of them, all resume from its file.
 * @param trainer   the trainer, which must not be running; unchanged on an error
 * @param rank      this one, 0 to ranks - 1
 * @param ranks     how many there are, 1 to 2^20; 1: this trainer alone again
 * @param gather    the ranks' way to each other; NULL if there is but one
 * @param user      handed to it, may be NULL
 * @param free_user frees @p user when it is replaced or the trainer freed, may be NULL; not called if this call fails
 * @since 0.1
 */
PA_API pa_status pa_trainer_set_ranks(pa_trainer *trainer, size_t rank, size_t ranks, pa_gather_fn gather, void *user,
                                      pa_free_fn free_user);

/**
 * @name The problem of model-free training
 * Maximise u0(r) subject to u(r) >= 0, where r is the mean reward (REGNN paper, eqs. (3), (5), (16)). Before the first
 * step only.
 * @{ */

/**
 * @brief Trains model-free: the system is only probed.
 *
 * Without it, a policy that has a model-based gradient (UWMMSE) is trained on the sum-rate, and others on
 * pa_reward_capacity().
 * @param trainer   the trainer
 * @param rewards   rewards of a sample, >= 1
 * @param reward    the callback; a gradient set for an earlier one is forgotten
 * @param user      handed to it
 * @param free_user frees @p user when it is replaced or the trainer freed, may be NULL; not called if this call fails
 * @since 0.1
 */
PA_API pa_status pa_trainer_set_reward(pa_trainer *trainer, size_t rewards, pa_reward_fn reward, void *user,
                                       pa_free_fn free_user);

/**
 * @brief Follows the gradient of the reward at the mean powers in place of the score function (REGNN paper, eq. (46)).
 *
 * For rewards whose model is known; the same @p user as the reward's is handed to it.
 * @param trainer  the trainer, with a reward
 * @param gradient pa_reward_capacity_gradient() or the user's; NULL: the score function again
 * @since 0.1
 */
PA_API pa_status pa_trainer_set_reward_gradient(pa_trainer *trainer, pa_reward_gradient_fn gradient);

#define PA_UTILITY_SUM 1               /**< u0 = sum_k w_k r_k: the default, with weights 1. */
#define PA_UTILITY_PROPORTIONAL_FAIR 2 /**< u0 = sum_k w_k log r_k; rewards > 0. */
#define PA_UTILITY_HARMONIC 3          /**< u0 = -sum_k w_k / r_k; rewards > 0. */
#define PA_UTILITY_MIN 4               /**< u0 = min_k w_k r_k; its gradient is that of the worst link alone. */
#define PA_UTILITY_SOFT_MIN 5          /**< u0 = -log(sum_k exp(-s w_k r_k)) / s, s = PA_TRAINER_SHARPNESS. */

/**
 * @brief Sets the utility.
 * @param trainer the trainer, with a reward
 * @param utility one of the above
 * @param weights [n] w, finite (negative for costs); NULL if n is 0: those of the states that it is trained on if there
 * is a reward for each link (pa_states_set_weights()), 1 on a network
 * @param n       0, or the rewards of a sample
 * @since 0.1
 */
PA_API pa_status pa_trainer_set_utility(pa_trainer *trainer, int32_t utility, const double *weights, size_t n);

/**
 * @brief A utility of the user's.
 * @param user          what was registered with it
 * @param mean          [rewards] r
 * @param rewards       rewards of a sample
 * @param[out] value    u0(r)
 * @param[out] gradient [rewards]
 * @return PA_CALLBACK_OK, PA_CALLBACK_STOP or PA_CALLBACK_ABORT
 */
typedef int32_t (*pa_utility_fn)(void *user, const double *mean, size_t rewards, double *value, double *gradient);

/** @brief Sets a utility of the user's; arguments as in pa_trainer_set_reward(). @since 0.1 */
PA_API pa_status pa_trainer_set_utility_callback(pa_trainer *trainer, pa_utility_fn utility, void *user,
                                                 pa_free_fn free_user);

#define PA_CONSTRAINT_MEAN_POWER 1 /**< Mean total power <= bound (n = 1), or of each link (n = links), in W. */
#define PA_CONSTRAINT_MIN_REWARD 2 /**< r_k >= bound >= 0: minimum rates. n = 1 or the rewards of a sample. */
#define PA_CONSTRAINT_MAX_REWARD 3 /**< r_k <= bound > 0: costs. n = 1 or the rewards of a sample. */
#define PA_CONSTRAINT_DEMAND 4     /**< r_i >= the mean of the node state's first feature, for each link; n = 0. */

/**
 * @brief Adds a constraint; several may be added, PA_CONSTRAINT_MEAN_POWER once.
 *
 * Each of its elements has a dual variable. Without PA_CONSTRAINT_MEAN_POWER power costs nothing but what the reward
 * says.
 * @param trainer    the trainer, with a reward
 * @param constraint one of the above
 * @param bound      [n]
 * @param n          as the constraint says
 * @since 0.1
 */
PA_API pa_status pa_trainer_add_constraint(pa_trainer *trainer, int32_t constraint, const double *bound, size_t n);

/**
 * @brief Constraints of the user's.
 * @param user          what was registered with it
 * @param mean          [rewards] r
 * @param rewards       rewards of a sample
 * @param[out] value    [n] u(r), >= 0 where the constraint is met; of the order of 1 where it is far from it
 * @param[out] jacobian [n][rewards] d u / d r
 * @param n             constraints, as registered
 * @return PA_CALLBACK_OK, PA_CALLBACK_STOP or PA_CALLBACK_ABORT
 */
typedef int32_t (*pa_constraint_fn)(void *user, const double *mean, size_t rewards, double *value, double *jacobian,
                                    size_t n);

/** @brief Adds n constraints of the user's; other arguments as in pa_trainer_set_reward(). @since 0.1 */
PA_API pa_status pa_trainer_add_constraint_callback(pa_trainer *trainer, size_t n, pa_constraint_fn constraint,
                                                    void *user, pa_free_fn free_user);

/** @brief Elements of all constraints together; 0 for NULL. @since 0.1 */
PA_API size_t pa_trainer_constraint_count(const pa_trainer *trainer);

/**
 * @brief Dual variables and violations, in the order in which the constraints were added.
 *
 * Violations are relative to the bounds, > 0 where a constraint is not met: on the held-out states with the weights
 * that were kept; NaN before the first look.
 * @param trainer        the trainer
 * @param[out] dual      [n], may be NULL
 * @param[out] violation [n], may be NULL
 * @param n              pa_trainer_constraint_count()
 * @since 0.1
 */
PA_API pa_status pa_trainer_constraints(const pa_trainer *trainer, double *dual, double *violation, size_t n);

/**
 * @brief Mean rewards on the held-out states with the weights that were kept; NaN before the first look.
 * @param trainer     the trainer
 * @param[out] reward [n]
 * @param n           rewards of a sample
 * @since 0.1
 */
PA_API pa_status pa_trainer_mean_rewards(const pa_trainer *trainer, double *reward, size_t n);

/**
 * @brief What the Lagrangian gives for a unit of each link's reward, over its mean: the weights that a policy with
 * PA_REGNN_INPUT_WEIGHT was trained with, and needs from then on (pa_states_set_weights()). 1 if rewards are not of
 * links or the policy does not look.
 * @param trainer      the trainer
 * @param[out] weights [n]
 * @param n            links
 * @since 0.1
 */
PA_API pa_status pa_trainer_link_weights(const pa_trainer *trainer, double *weights, size_t n);
/** @} */

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
 *         PA_ERROR_ARGUMENT if ranks differ in what they must have alike;
 *         PA_ERROR_CALLBACK; PA_ERROR_NUMERIC if every sample of a step had to be dropped;
 *         PA_ERROR_STATE if called from its own callback
 * @since 0.1
 */
PA_API pa_status pa_trainer_run(pa_trainer *trainer, uint64_t steps);

/**
 * @brief Ends the run after its present step, or a model-free look at the held-out states after its present batch.
 *
 * Any thread, also a signal handler. Between runs it does nothing. The weights that the run leaves are the best so far;
 * to know them it may look once more at the held-out states, which a second request ends.
 * @since 0.1
 */
PA_API void pa_trainer_request_stop(pa_trainer *trainer);

/**
 * @brief One of the numbers above.
 * @param trainer    the trainer
 * @param what       PA_TRAINER_STAT_STEP, ...
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
 * The trainer must have been made with the same policy shape, seed, teacher, noise, limits, kind of source and
 * PA_TRAINER_PRECISION; its keys but PA_TRAINER_THREADS are set from the checkpoint, and its policy gets the best
 * weights so far. Before its first run only.
 * @since 0.1
 */
PA_API pa_status pa_trainer_resume(pa_trainer *trainer, const char *path);

#ifdef __cplusplus
}
#endif

#endif
