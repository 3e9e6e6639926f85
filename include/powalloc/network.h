/**
 * @file network.h
 * @brief Networks: who hears whom, and random fading on top. A source of channel states.
 */
#ifndef POWALLOC_NETWORK_H
#define POWALLOC_NETWORK_H

#include <powalloc/states.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief A network, or a family of them.
 *
 * A network has fixed path gains (amplitudes) and draws Rayleigh fading on
 * them. A family has many topologies: every group of draws comes from a
 * topology of its own, with a random density and a random number of links.
 *
 * Draw @c i of stream @c s depends on the network's seed, @c s and @c i
 * alone, whatever the batch, the thread or the order of the calls.
 *
 * A network may be read (drawn from) by several threads at once; the calls
 * that set or change something need exclusive use: of its graph too, and of
 * the states on that.
 */
typedef struct pa_network pa_network;

/** @name Keys of a network
 * @{ */
/** Density factor d: transmitters are dropped in a box d times narrower. Default 1. */
#define PA_NETWORK_DENSITY 101
/** Reference size m0 of the geometry; 0 means the network's own number of links. Default 0. */
#define PA_NETWORK_REFERENCE_LINKS 102
/** 1: the box grows with the number of links so that the density stays that of the reference size (REGNN
 * paper, section V); 0: the box stays that of the reference size (UWMMSE paper, section 4.2). Default 1. */
#define PA_NETWORK_CONSTANT_DENSITY 103
/** Path-loss exponent of the amplitude, distance^-exponent. Default 2.2 (both papers). */
#define PA_NETWORK_PATH_LOSS_EXPONENT 104
/** Distances below this count as this, in the units of the geometry. Default 0. */
#define PA_NETWORK_MIN_DISTANCE 105
/** 1: Rayleigh fading of scale 1 on every channel (E|h|^2 = 2 times the path gain squared, both papers);
 * 0: the path gains themselves. Default 1. */
#define PA_NETWORK_FADING 106
/** Consecutive draws of a family that share a topology. Default 8. */
#define PA_NETWORK_DRAWS_PER_TOPOLOGY 107
/** Receivers further from a transmitter than this do not hear it in a sparse network, but for its own; in the units of
 * the geometry. */
#define PA_NETWORK_CUTOFF 108
/** Of a sparse network with a cut-off: the part of what that leaves out (the mean of pa_network_left_out()) which
 * counts as noise, in draws, in training and in pa_network_physics(). 1: as if all transmitters were at their limits;
 * less: the share of the limits that they use on average. Follows noise, power limits and all other keys; while it is
 * not 0, setting a power limit or a key takes as long as pa_network_left_out(). Default 0. */
#define PA_NETWORK_REMAINDER 109
/** @} */

/**
 * @brief Ad hoc network by the rule of both papers.
 *
 * Transmitter i is dropped uniformly in [-w, w]^2, w = m0 sqrt(links / m0) / d
 * (constant density) or m0 / d, its receiver uniformly in a box of half-width
 * m0 / 4 around it; path gain (amplitude) |t_i - r_j|^-2.2. REGNN paper,
 * section V; UWMMSE paper, section 4. With the default m0 = links, w is
 * links / d.
 * @param[out] out  the network, to be freed with pa_network_free()
 * @param links     links, >= 1
 * @param seed      any; positions and fading follow from it
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_network_create_adhoc(pa_network **out, size_t links, uint64_t seed, const pa_allocator *allocator);

/**
 * @brief Family of ad hoc networks for robust training (UWMMSE paper, section 4.2).
 *
 * Every PA_NETWORK_DRAWS_PER_TOPOLOGY consecutive draws share a topology;
 * its number of links is uniform in [links_min, links_max], its density
 * uniform in [density_min, density_max], its positions by the rule of
 * pa_network_create_adhoc(), in the box of a reference size whatever the
 * number of links, as in the paper: PA_NETWORK_REFERENCE_LINKS starts as the
 * middle of the sizes and PA_NETWORK_CONSTANT_DENSITY as 0.
 * PA_NETWORK_DENSITY does not apply.
 * @param[out] out    the family, to be freed with pa_network_free()
 * @param links_min   fewest links, >= 1
 * @param links_max   most links, >= links_min
 * @param density_min lowest density factor, > 0
 * @param density_max highest density factor, >= density_min
 * @param seed        any
 * @param allocator   NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_network_create_adhoc_family(pa_network **out, size_t links_min, size_t links_max,
                                                double density_min, double density_max, uint64_t seed,
                                                const pa_allocator *allocator);

/**
 * @brief Multi-cell uplink: several links share a receiver, and with it their fading.
 *
 * Base stations are dropped uniformly in the box of pa_network_create_adhoc();
 * user i belongs to base station i mod cells and is dropped uniformly in a
 * box of half-width m0 / 4 around it (REGNN paper, section V.D: users evenly
 * among the cells). Fading is drawn per user and base station.
 * @param[out] out  the network, to be freed with pa_network_free()
 * @param cells     base stations, 1 to links
 * @param links     users, >= 1
 * @param seed      any
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_network_create_multicell(pa_network **out, size_t cells, size_t links, uint64_t seed,
                                             const pa_allocator *allocator);

/**
 * @brief Network from the user's path gains.
 * @param[out] out  the network, to be freed with pa_network_free()
 * @param links     links, >= 1
 * @param path_gain [links][links] amplitudes, linear, finite, >= 0: transmitter i to the receiver of link j; copied
 * @param seed      of the fading
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_network_create_path_gain(pa_network **out, size_t links, const double *path_gain, uint64_t seed,
                                             const pa_allocator *allocator);

/**
 * @brief Network from the user's positions.
 * @param[out] out     the network, to be freed with pa_network_free()
 * @param links        links, >= 1
 * @param transmitters [links][2] positions, finite; copied
 * @param receivers    number of receivers, >= 1
 * @param receiver_at  [receivers][2] positions, finite; copied
 * @param receiver_of  [links] index of each link's receiver, 0 to receivers - 1; NULL for one
 *                     receiver per link (then @p receivers must equal @p links). Links that share a
 *                     receiver share its fading. Copied.
 * @param min_distance shorter distances count as this, >= 0; needed (> 0) if a transmitter stands on a receiver
 * @param seed         of the fading
 * @param allocator    NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_network_create_positions(pa_network **out, size_t links, const double *transmitters,
                                             size_t receivers, const double *receiver_at, const int64_t *receiver_of,
                                             double min_distance, uint64_t seed, const pa_allocator *allocator);

/**
 * @brief Draws states from the user's system.
 *
 * Called on the thread that draws: for training, the one inside pa_trainer_run(). States are numbered in each stream. A
 * system that repeats itself gives state @p first + b the same values whenever it is asked; one that evolves can only
 * go on, and is asked for consecutive numbers of the training stream, 0, in training (again for those of
 * a step that failed, if a run follows it); for stream 1, the held-out
 * states, once in each run.
 * @param user   what was registered with it
 * @param stream sequence of states: pa_trainer_run() takes 0 to train on and 1 to compare weights on
 * @param first  number of the first state
 * @param batch  states to draw
 * @param[out] h [batch][links][links] amplitudes, NaN on entry
 * @param[out] x [batch][links][features] node states, NaN on entry; NULL if there are no features
 * @return PA_CALLBACK_OK, PA_CALLBACK_STOP or PA_CALLBACK_ABORT
 */
typedef int32_t (*pa_state_fn)(void *user, uint64_t stream, uint64_t first, size_t batch, double *h, double *x);

/**
 * @brief Network whose states are drawn by a callback.
 * @param[out] out   the network, to be freed with pa_network_free()
 * @param links      links, >= 1
 * @param features   features of a node's state, may be 0
 * @param draw       the callback
 * @param user       handed to it
 * @param free_user  frees @p user with the network, may be NULL; not called if this call fails
 * @param allocator  NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_network_create_callback(pa_network **out, size_t links, size_t features, pa_state_fn draw,
                                            void *user, pa_free_fn free_user, const pa_allocator *allocator);

/**
 * @brief Ad hoc network by the rule of pa_network_create_adhoc(), with the same positions, whose channels end at a
 * distance.
 *
 * Takes time and memory in proportion to links and edges. The reference size (@ref PA_NETWORK_REFERENCE_LINKS), which
 * sets the density, is a parameter: that of the networks a model was trained on.
 * @param[out] out  the network, to be freed with pa_network_free()
 * @param links     links, 1 to 2^31 - 1
 * @param reference reference size, >= 1
 * @param cutoff    @ref PA_NETWORK_CUTOFF, > 0
 * @param seed      any; positions and fading follow from it
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_network_create_sparse_adhoc(pa_network **out, size_t links, size_t reference, double cutoff,
                                                uint64_t seed, const pa_allocator *allocator);

/**
 * @brief Network from positions whose channels end at a distance.
 * @param[out] out     the network, to be freed with pa_network_free()
 * @param links        links, 1 to 2^31 - 1
 * @param transmitters [links][2] positions, finite; copied
 * @param receivers    [links][2] positions of the links' receivers, finite; copied
 * @param min_distance @ref PA_NETWORK_MIN_DISTANCE
 * @param cutoff       @ref PA_NETWORK_CUTOFF, > 0
 * @param seed         of the fading
 * @param allocator    NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_network_create_sparse_positions(pa_network **out, size_t links, const double *transmitters,
                                                    const double *receivers, double min_distance, double cutoff,
                                                    uint64_t seed, const pa_allocator *allocator);

/**
 * @brief Network from the path gains of a graph's edges.
 * @param[out] out  the network, to be freed with pa_network_free()
 * @param graph     who hears whom; shared, may be freed before the network. Not that of a network which can change it.
 * @param path_gain [edges] amplitudes, finite, >= 0; copied
 * @param seed      of the fading
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_network_create_graph(pa_network **out, const pa_graph *graph, const double *path_gain,
                                         uint64_t seed, const pa_allocator *allocator);

/**
 * @brief Room for links of a sparse network to join, leave and move.
 *
 * Builds the network again: with @p links numbers of links, of which those beyond the present ones are free, and with
 * gaps between the rows of its graph, which is a new one: states on the old graph keep that, and cannot be bound to
 * other channels. Noise and power limit of new numbers are those of the last link until they are set. What was dropped
 * by a rule is positions from now on: keys of the rule no longer apply.
 *
 * All memory that changes need is taken here: pa_network_join(), pa_network_leave() and pa_network_move() allocate
 * nothing. To be called again for more room, or to have the rows in order once many links are elsewhere.
 * Takes time and memory in proportion to @p links and slots.
 * @param network a network of pa_network_create_sparse_adhoc() or pa_network_create_sparse_positions(), unchanged on
 *                an error
 * @param links   most links, pa_network_links() to 2^31 - 1; pa_network_links() from then on
 * @param slots   most edges; pa_graph_slots() from then on. 0: twice as many as there would be if each of @p links had
 *                as many as those that are there, and at least 32 a link; never more than can be edges.
 * @since 0.1
 */
PA_API pa_status pa_network_reserve(pa_network *network, size_t links, size_t slots);

/**
 * @brief Links join the network, between slots for example. Does not allocate.
 *
 * Their edges and path gains are what building the network anew would give, and so it is with pa_network_leave() and
 * pa_network_move(). These take time in proportion to the edges to and from the links that change, and to the number of
 * other links close by; now and then, as often as rows have outgrown the gaps, to all slots. Channels that states are
 * bound to are for the graph as it was: calls with such states fail with PA_ERROR_STATE until channels are drawn and
 * bound again. Noise, power limit and weight of a number stay what they are. A remainder (@ref PA_NETWORK_REMAINDER) is
 * of the links as they were, since every transmitter counts at every receiver: draws of states, training and the noise
 * of pa_network_physics() fail with PA_ERROR_STATE until that key is set again; pa_network_draw() draws channels alone,
 * and does not.
 * @param network      the network, with room; unchanged on an error: PA_ERROR_STATE if there is no room for the links
 *                     or their edges
 * @param count        links, may be 0
 * @param transmitters [count][2] positions, finite
 * @param receivers    [count][2] positions of their receivers, finite
 * @param[out] links   [count] their numbers: any that were free
 * @since 0.1
 */
PA_API pa_status pa_network_join(pa_network *network, size_t count, const double *transmitters, const double *receivers,
                                 int64_t *links);

/**
 * @brief Links leave the network, and their numbers are free. Does not allocate.
 *
 * A number without a link has no edges: its power is 0 in every policy, and its rate; its positions are NaN. All other
 * links keep their numbers, so that powers of the last slot are those to start from (pa_states_set_start()).
 * @param network the network, with room; unchanged on an error
 * @param count   links, may be 0
 * @param links   [count] numbers of links that are there, none twice
 * @since 0.1
 */
PA_API pa_status pa_network_leave(pa_network *network, size_t count, const int64_t *links);

/**
 * @brief Links move. Does not allocate.
 * @param network      the network, with room; unchanged on an error: PA_ERROR_STATE if there is no room for the edges
 * @param count        links, may be 0
 * @param links        [count] numbers of links that are there, none twice
 * @param transmitters [count][2] new positions, finite; NULL: where they were
 * @param receivers    [count][2] new positions of the links' receivers, finite; NULL: where they were
 * @since 0.1
 */
PA_API pa_status pa_network_move(pa_network *network, size_t count, const int64_t *links, const double *transmitters,
                                 const double *receivers);

/** @brief Links that are there: pa_network_links() but for the numbers that are free; 0 for NULL. @since 0.1 */
PA_API size_t pa_network_present(const pa_network *network);

/**
 * @brief The interference that the cut-off of a sparse network leaves out, with all transmitters at their limits.
 *
 * Added to the noise (@ref PA_NETWORK_REMAINDER, or pa_states_set_noise()), in whole or times the share of the limits
 * that transmitters use on average, it stands for what lies beyond the cut-off. Takes time in proportion to links times
 * the logarithm of their number.
 *
 * With N_j the noise and S_j and I_j what a receiver hears of its own and of other transmitters within the cut-off, its
 * rate without a remainder is too high by log2(1 + T_j / (N_j + I_j)) - log2(1 + T_j / (N_j + I_j + S_j)) for a T_j of
 * interference from beyond: never less than 0, concave in T_j, and in the mean over the fading beyond the cut-off
 * no more than this with @p most in place of T_j, for any powers that do not depend on that fading.
 * @param network    a network of pa_network_create_sparse_adhoc() or pa_network_create_sparse_positions()
 * @param[out] mean  [links] mean over the fading at each receiver in W, 0 where there is no link: far groups of
 * transmitters count as if they stood in their middle
 * @param[out] most  [links] the same from above: as if they stood at their nearest point. May be NULL.
 * @since 0.1
 */
PA_API pa_status pa_network_left_out(const pa_network *network, double *mean, double *most);

/** @brief The graph of a sparse network, borrowed until a key or pa_network_reserve() replaces it; NULL if its channels
 * are full matrices. @since 0.1 */
PA_API const pa_graph *pa_network_graph(const pa_network *network);

/** @brief Features of a node's state: of networks made with pa_network_create_callback(), else 0. @since 0.1 */
PA_API size_t pa_network_features(const pa_network *network);

/** @brief Frees a network. NULL is fine. @since 0.1 */
PA_API void pa_network_free(pa_network *network);

/**
 * @brief Sets a key; the geometry follows at once.
 * @param network the network, unchanged on an error
 * @param key     one of PA_NETWORK_*; it must apply to this kind of network
 * @param value   within the key's bounds, see pa_key_bounds()
 * @since 0.1
 */
PA_API pa_status pa_network_set(pa_network *network, int32_t key, double value);

/** @brief Value of a key. @since 0.1 */
PA_API pa_status pa_network_get(const pa_network *network, int32_t key, double *value);

/**
 * @brief Noise power of every receiver of the network, without a remainder (@ref PA_NETWORK_REMAINDER); 1 W if never
 * set.
 * @param network the network
 * @param watts   [n] W, > 0, by link; copied
 * @param n       1 (all alike) or the number of links (1 only for a family)
 * @since 0.1
 */
PA_API pa_status pa_network_set_noise(pa_network *network, const double *watts, size_t n);

/**
 * @brief Power limit of every transmitter of the network; 1 W if never set.
 * @param network the network
 * @param watts   [n] W, > 0; copied
 * @param n       1 (all alike) or the number of links (1 only for a family)
 * @since 0.1
 */
PA_API pa_status pa_network_set_power_limit(pa_network *network, const double *watts, size_t n);

/**
 * @brief Noise power and power limit of each link in W, as draws have them.
 * @param network     the network; of a family all links have the same
 * @param[out] noise  [links], with the remainder (@ref PA_NETWORK_REMAINDER); may be NULL
 * @param[out] limit  [links], may be NULL
 * @since 0.1
 */
PA_API pa_status pa_network_physics(const pa_network *network, double *noise, double *limit);

/** @brief Links of the network, the most of a family; 0 for NULL. @since 0.1 */
PA_API size_t pa_network_links(const pa_network *network);

/** @brief Fewest links of a draw: differs from pa_network_links() for a family only; 0 for NULL. @since 0.1 */
PA_API size_t pa_network_links_min(const pa_network *network);

/**
 * @brief Path gains of the network. Not for a family.
 * @param network   the network
 * @param[out] gain [links][links] amplitudes, linear; [slots] of a sparse network, 0 in gaps
 * @since 0.1
 */
PA_API pa_status pa_network_path_gain(const pa_network *network, double *gain);

/**
 * @brief Positions of the network. Not for a family, nor for one made from path gains.
 * @param network           the network
 * @param[out] transmitters [links][2]
 * @param[out] receivers    [links][2], the receiver of each link; both NaN where a link has left
 * @since 0.1
 */
PA_API pa_status pa_network_positions(const pa_network *network, double *transmitters, double *receivers);

/**
 * @brief Draws channels. Does not allocate but for a family and for shared receivers.
 * @param network the network; a family must have links_min == links_max
 * @param stream  number of the stream
 * @param first   number of the first draw in its stream
 * @param batch   draws, >= 1
 * @param[out] h  [batch][links][links] channel amplitudes; [batch][slots] of a sparse network
 * @since 0.1
 */
PA_API pa_status pa_network_draw(const pa_network *network, uint64_t stream, uint64_t first, size_t batch, double *h);

/**
 * @brief Draws states that own their channels, with the network's noise, remainder included, and power limits.
 * @param network   the network; a family must have links_min == links_max
 * @param stream    number of the stream
 * @param first     number of the first draw in its stream
 * @param batch     draws, >= 1
 * @param[out] out  the states, to be freed with pa_states_free()
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_network_draw_states(const pa_network *network, uint64_t stream, uint64_t first, size_t batch,
                                        pa_states **out, const pa_allocator *allocator);

#ifdef __cplusplus
}
#endif

#endif
