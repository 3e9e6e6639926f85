/**
 * @file reward.h
 * @brief Rewards: what a system gives for powers, for model-free training.
 */
#ifndef POWALLOC_REWARD_H
#define POWALLOC_REWARD_H

#include <powalloc/states.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief Tries powers on a system and tells what came of it: f(p; H, x) of the REGNN paper, eq. (1).
 *
 * Called by pa_trainer_run() on the thread that called it, once for each batch of powers to try; the states of the
 * calls of one step are the same. A step tries PA_TRAINER_ACTIONS batches, a look at the held-out states tries those of
 * the deterministic policy. Ranks that train together are each asked for their share of the states
 * (pa_trainer_set_ranks()). Training finds the best mean of what is returned, so that a reward may be noisy.
 *
 * It may use any function of the library but those that change the trainer, its policy or its network; of the trainer,
 * pa_trainer_request_stop() and pa_trainer_stat() only. It must not keep the pointers.
 * @param user        what was registered with it
 * @param states      H, x, noise and power limits of the batch; in single precision if the trainer is in it
 * (PA_TRAINER_PRECISION): then pa_states_channel() is NULL and pa_states_channel_f32() is not
 * @param power       [batch][links] in W
 * @param[out] reward [batch][rewards], NaN on entry; every value must be finite on return
 * @param rewards     rewards of a sample, as registered
 * @return PA_CALLBACK_OK; PA_CALLBACK_SKIP to have the step's batch left out; PA_CALLBACK_STOP; PA_CALLBACK_ABORT
 */
typedef int32_t (*pa_reward_fn)(void *user, const pa_states *states, const double *power, double *reward,
                                size_t rewards);

/**
 * @brief Gradient of a weighted sum of rewards in the powers, for a system whose model is known (REGNN paper, eq.
 * (46)).
 * @param user          what was registered with it
 * @param states        as for the reward
 * @param power         [batch][links] in W
 * @param weight        [rewards]
 * @param[out] gradient [batch][links], NaN on entry: d (sum_k weight_k reward_k) / d power
 * @param rewards       as registered
 * @return a code as for the reward
 */
typedef int32_t (*pa_reward_gradient_fn)(void *user, const pa_states *states, const double *power, const double *weight,
                                         double *gradient, size_t rewards);

/** @name Rewards of the library
 * One reward for each link, of states in either precision.
 * @{ */

/** @brief Capacity log2(1 + SINR_i) in bit/s/Hz (REGNN paper, eqs. (6), (49) and (50)). @p user is not used. @since 0.1
 */
PA_API int32_t pa_reward_capacity(void *user, const pa_states *states, const double *power, double *reward,
                                  size_t rewards);

/** @brief Gradient of pa_reward_capacity(). @since 0.1 */
PA_API int32_t pa_reward_capacity_gradient(void *user, const pa_states *states, const double *power,
                                           const double *weight, double *gradient, size_t rewards);

/**
 * @brief Capacity over the rate that the link had in its lifetime (REGNN paper, eq. (8)).
 *
 * The first feature of the node state is the lifetime rate, > 0. @p user is not used.
 * @since 0.1
 */
PA_API int32_t pa_reward_capacity_over_lifetime(void *user, const pa_states *states, const double *power,
                                                double *reward, size_t rewards);

/**
 * @brief Cost of plants controlled over random access with collisions (REGNN paper, eqs. (9) and (10)).
 *
 * The first feature of the node state is the state x_i of plant i. Its packet arrives with probability q_i, the product
 * over the other links j of 1 - c_ij, where c_ij = h_ji^2 p_j / (h_ji^2 p_j + h_ii^2 p_i) is the probability that j
 * collides with i; without power it does not arrive. The cost is q_i (g_c x_i)^2 + (1 - q_i) (g_o x_i)^2: to be made
 * small, so give the utility weights of -1.
 * @param user          two doubles: the gains g_c < 1 with, and g_o > 1 without a packet
 * @param states        the states
 * @param power         [batch][links] in W
 * @param[out] reward   [batch][links]
 * @param rewards       links
 * @since 0.1
 */
PA_API int32_t pa_reward_control_cost(void *user, const pa_states *states, const double *power, double *reward,
                                      size_t rewards);

/**
 * @brief Probability q_i that the packet of each plant arrives, as in pa_reward_control_cost(). @p user is not used.
 * @since 0.1
 */
PA_API int32_t pa_reward_control_success(void *user, const pa_states *states, const double *power, double *reward,
                                         size_t rewards);
/** @} */

#ifdef __cplusplus
}
#endif

#endif
