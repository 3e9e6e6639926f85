/**
 * @file states.h
 * @brief A batch of channel states: the input of every policy, and the rates that powers reach on it.
 */
#ifndef POWALLOC_STATES_H
#define POWALLOC_STATES_H

#include <powalloc/graph.h>
#include <powalloc/halo.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief A batch of states of one network: channels, noise, power limits, weights.
 *
 * A link is a transmitter with its receiver. The channels are the caller's
 * array @c h [batch][links][links], row-major: @c h[b][i][j] is the channel
 * amplitude |h|, linear, from transmitter @c i to the receiver of link @c j
 * in sample @c b; its square is the power gain. The array is borrowed: it
 * must stay where it is, and be unchanged during a call that reads it, until
 * the states are freed or bound to another. All else is copied.
 *
 * A @c pa_states may be read by several threads at once; the calls that
 * change it (set, bind) need exclusive use.
 */
typedef struct pa_states pa_states;

/**
 * @brief A view of the caller's channels.
 * @param[out] out   the states, to be freed with pa_states_free()
 * @param batch      samples, >= 1
 * @param links      links, >= 1
 * @param h          [batch][links][links] channel amplitudes, finite, >= 0; borrowed. Its elements are
 *                   checked when they are used, not here.
 * @param noise      noise power at every receiver in W, > 0
 * @param pmax       power limit of every transmitter in W, > 0
 * @param allocator  NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_states_create(pa_states **out, size_t batch, size_t links, const double *h, double noise,
                                  double pmax, const pa_allocator *allocator);

/**
 * @brief The same on channels in single precision.
 *
 * For pa_policy_allocate_f32(), pa_rates_f32(), pa_sinr_f32() and pa_uwmmse_gradient(); other calls take states in
 * double precision and say so. Noise, power limits and weights must be within a factor of 1e15 of 1, and no link's gain
 * times power limit over noise may exceed 1e15: beyond that single precision has no room for their products.
 * @since 0.1
 */
PA_API pa_status pa_states_create_f32(pa_states **out, size_t batch, size_t links, const float *h, double noise,
                                      double pmax, const pa_allocator *allocator);

/**
 * @brief A view of the caller's channels on a graph.
 * @param[out] out   the states, to be freed with pa_states_free()
 * @param batch      samples, >= 1
 * @param graph      who hears whom; shared, may be freed before the states
 * @param h          [batch][slots] channel amplitudes, finite, >= 0, in the order of the graph's slots; what is in gaps
 *                   does not count. Borrowed.
 * @param noise      noise power at every receiver in W, > 0
 * @param pmax       power limit of every transmitter in W, > 0
 * @param allocator  NULL for the C library's
 *
 * For rates, heuristics, WMMSE, REGNN and UWMMSE, forward and backward; what takes full matrices only says so.
 * @since 0.1
 */
PA_API pa_status pa_states_create_sparse(pa_states **out, size_t batch, const pa_graph *graph, const double *h,
                                         double noise, double pmax, const pa_allocator *allocator);

/** @brief The same on channels in single precision, see pa_states_create_f32(). @since 0.1 */
PA_API pa_status pa_states_create_sparse_f32(pa_states **out, size_t batch, const pa_graph *graph, const float *h,
                                             double noise, double pmax, const pa_allocator *allocator);

/**
 * @brief States of several networks, one after the other, as one batch: mixed states.
 *
 * The parts may be of any sizes and batches, full or sparse, each with its own noise, limits, weights, node state,
 * powers to start from and number in the stream. What is computed of mixed states is what each part alone gives, part
 * after part: powers, rates and SINR are [pa_states_powers()], those of part k [batch of k][links of k].
 *
 * For pa_policy_allocate(), pa_policy_allocate_parallel(), pa_rates(), pa_sinr() and their forms in single precision,
 * pa_policy_workspace_states(), pa_policy_probabilities(), pa_uwmmse_gradient() and pa_trainer_create_on_states().
 * Other calls take the states of one network and say so; what is set is set on the parts. An error names the part, and
 * channels, samples and powers by their places in it.
 * @param[out] out  the states, to be freed with pa_states_free()
 * @param parts     [count] states of one precision, neither mixed nor with a halo; borrowed like channels: they may be
 *                  bound to others for the next slot, but keep their numbers of samples and links. One may stand in
 *                  several places. The array is copied.
 * @param count     parts, >= 1
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_states_create_mixed(pa_states **out, const pa_states *const *parts, size_t count,
                                        const pa_allocator *allocator);

/** @brief Parts of mixed states; 1 of others, 0 for NULL. @since 0.1 */
PA_API size_t pa_states_part_count(const pa_states *states);

/** @brief A part, borrowed: of states that are not mixed, part 0 is they themselves. NULL if there is no such part.
 * @since 0.1
 */
PA_API const pa_states *pa_states_part(const pa_states *states, size_t index);

/** @brief Numbers in the powers of a batch: batch times links, of mixed states the sum over the parts. 0 for NULL.
 * @since 0.1
 */
PA_API size_t pa_states_powers(const pa_states *states);

/** @brief The graph of sparse states, borrowed; NULL if the channels are full matrices, and of mixed states. @since 0.1
 */
PA_API const pa_graph *pa_states_graph(const pa_states *states);

/** @brief Frees the states, not the caller's channels. NULL is fine. @since 0.1 */
PA_API void pa_states_free(pa_states *states);

/**
 * @brief Binds other channels, the next slot's for example. Does not allocate.
 * @param states the states; on an error they keep the old binding
 * @param batch  samples, >= 1
 * @param h      [batch][links][links] as in pa_states_create(), or [batch][slots] of sparse states; borrowed: for the
 * graph as it is now
 * @since 0.1
 */
PA_API pa_status pa_states_bind(pa_states *states, size_t batch, const double *h);

/** @brief The same for states in single precision. @since 0.1 */
PA_API pa_status pa_states_bind_f32(pa_states *states, size_t batch, const float *h);

/**
 * @brief Noise power per receiver.
 * @param states the states
 * @param watts  [n] noise power in W at the receiver of each link, > 0; copied
 * @param n      1 (all alike) or the number of links
 * @since 0.1
 */
PA_API pa_status pa_states_set_noise(pa_states *states, const double *watts, size_t n);

/**
 * @brief Power limit per transmitter.
 * @param states the states
 * @param watts  [n] largest power in W, > 0; copied
 * @param n      1 (all alike) or the number of links
 * @since 0.1
 */
PA_API pa_status pa_states_set_power_limit(pa_states *states, const double *watts, size_t n);

/**
 * @brief Weights of the weighted sum-rate sum_j weight_j rate_j that policies maximise; all 1 if never set.
 * @param states  the states
 * @param weights [n] weights, > 0; copied
 * @param n       1 (all alike) or the number of links
 * @since 0.1
 */
PA_API pa_status pa_states_set_weights(pa_states *states, const double *weights, size_t n);

/**
 * @brief State of the nodes beside the channel: queue lengths, demands, states of plants.
 *
 * For policies that take one (@ref pa_regnn). Binding other channels drops it.
 * @param states   the states
 * @param x        [batch][links][features], finite; borrowed like the channels; NULL for none
 * @param features features of a node, >= 1; ignored if @p x is NULL
 * @since 0.1
 */
PA_API pa_status pa_states_set_node_state(pa_states *states, const double *x, size_t features);

/** @brief The node state [batch][links][features], borrowed; NULL if there is none, and of mixed states. @since 0.1 */
PA_API const double *pa_states_node_state(const pa_states *states);

/** @brief Features of the node state, 0 if there is none, and of mixed states. @since 0.1 */
PA_API size_t pa_states_node_features(const pa_states *states);

/**
 * @brief Powers that iterative policies start from: those of the last slot.
 *
 * WMMSE begins there in place of @ref PA_POLICY_START, and needs fewer iterations if the channels have changed little.
 * A link that was off begins at a hundredth of the power that it would have begun with, so that it can come back. The
 * array may be the one that powers are written to. Binding a batch of another size drops it.
 * @param states the states
 * @param watts  [batch][links] powers in W, in [0, power limit], checked when they are used; borrowed like the
 *               channels; NULL for none
 * @since 0.1
 */
PA_API pa_status pa_states_set_start(pa_states *states, const double *watts);

/**
 * @brief Makes sparse states a part of a larger network. Collective, but for a NULL @p halo. Does not allocate.
 *
 * pa_policy_allocate(), pa_rates() and pa_sinr(), and their other forms, are collective on such states: see @ref
 * pa_halo. The heuristics but for `random`, WMMSE but for `wmmse-best`, UWMMSE and REGNN take them; other policies and
 * calls say that they do not. A node state is needed for owned links, that of ghosts means nothing. Noise and power
 * limits of ghosts become those of their owners, and those of the states are fixed until the halo is taken off. An
 * output is unspecified if the transport fails, but for powers, which are untouched.
 * @param states the states, on the halo's graph
 * @param halo   shared, may be freed before the states; NULL takes it off
 * @since 0.1
 */
PA_API pa_status pa_states_set_halo(pa_states *states, pa_halo *halo);

/** @brief The halo of a part of a network, borrowed; NULL if the states are whole. @since 0.1 */
PA_API pa_halo *pa_states_halo(const pa_states *states);

/** @brief The powers to start from [batch][links], borrowed; NULL if there are none, and of mixed states. @since 0.1 */
PA_API const double *pa_states_start(const pa_states *states);

/**
 * @brief Number that the batch's first sample has in its stream; 0 if never set.
 *
 * Policies that draw (random selection) draw the same for the same sample
 * number, whatever the batch.
 * @since 0.1
 */
PA_API pa_status pa_states_set_first(pa_states *states, uint64_t first);

/** @brief Samples in the batch, of mixed states those of all parts; 0 for NULL. @since 0.1 */
PA_API size_t pa_states_batch(const pa_states *states);

/** @brief Links per sample; 0 for NULL, and of mixed states. @since 0.1 */
PA_API size_t pa_states_links(const pa_states *states);

/** @brief The channels [batch][links][links], or [batch][slots] of sparse states; borrowed. NULL for NULL, if they are
 * in single precision, and of mixed states. @since 0.1
 */
PA_API const double *pa_states_channel(const pa_states *states);

/** @brief The channels of states in single precision, borrowed; NULL if they are in double, and of mixed states. @since
 * 0.1
 */
PA_API const float *pa_states_channel_f32(const pa_states *states);

/** @brief Noise powers [links] in W, owned by the states; NULL for NULL, and of mixed states. @since 0.1 */
PA_API const double *pa_states_noise(const pa_states *states);

/** @brief Power limits [links] in W, owned by the states; NULL for NULL, and of mixed states. @since 0.1 */
PA_API const double *pa_states_power_limit(const pa_states *states);

/** @brief Weights [links] of the sum-rate, owned by the states; NULL for NULL, and of mixed states. @since 0.1 */
PA_API const double *pa_states_weights(const pa_states *states);

/** @brief Number of the first sample in its stream; 0 for NULL, and of mixed states, whose parts have one each. @since
 * 0.1
 */
PA_API uint64_t pa_states_first(const pa_states *states);

/**
 * @brief Signal to interference and noise ratio of each link.
 *
 * SINR_j = h_jj^2 p_j / (noise_j + sum_{i != j} h_ij^2 p_i), the fraction in
 * eq. (2) of the UWMMSE paper with its indices as in @ref pa_states. The sum
 * leaves the own signal out rather than subtracting it. Does not allocate.
 * @param states    the states
 * @param power     [batch][links] powers in W, finite, >= 0; need not respect the limits
 * @param[out] sinr [batch][links] linear ratios; must not overlap @p power; untouched on an error
 * @since 0.1
 */
PA_API pa_status pa_sinr(const pa_states *states, const double *power, double *sinr);

/** @brief The same in single precision. @since 0.1 */
PA_API pa_status pa_sinr_f32(const pa_states *states, const float *power, float *sinr);

/**
 * @brief Rate of each link, log2(1 + SINR_j) (eq. (2) of the UWMMSE paper). Does not allocate.
 * @param states    the states
 * @param power     [batch][links] powers in W, finite, >= 0; need not respect the limits
 * @param[out] rate [batch][links] in bit/s/Hz (multiply by ln 2 for nats); must not overlap @p power; untouched on an
 * error
 * @since 0.1
 */
PA_API pa_status pa_rates(const pa_states *states, const double *power, double *rate);

/** @brief The same in single precision. @since 0.1 */
PA_API pa_status pa_rates_f32(const pa_states *states, const float *power, float *rate);

#ifdef __cplusplus
}
#endif

#endif
