/**
 * @file graph.h
 * @brief Who hears whom in a large network: the structure that sparse channels share.
 */
#ifndef POWALLOC_GRAPH_H
#define POWALLOC_GRAPH_H

#include <powalloc/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief The channels that a sparse network has, by transmitters: compressed sparse rows.
 *
 * Row @c i lists the links whose receivers hear transmitter @c i, in ascending
 * order; each of these is an @e edge. Channels on a graph, for
 * pa_states_create_sparse(), are one number an edge, in the order of the
 * edges; what has no edge is 0. The direct channel of link @c i is the edge
 * @c i of row @c i; a link without that edge has no signal, and a rate of 0.
 *
 * The rows of a graph made from positions stand in an order of their own, in
 * which neighbours are close in memory: pa_graph_order() tells which. All
 * that is given or returned per link (powers, rates, noise, weights, node
 * state) is in the caller's order nevertheless.
 *
 * A graph does not change, and any number of threads may use it; but for that of a network which has room for changes
 * (pa_network_reserve()). There rows have gaps between them: channels are one number a @e slot, which is an edge or a
 * gap, and a row has its edges from slot offset[i] to end[i] - 1. On all other graphs slots are edges.
 */
typedef struct pa_graph pa_graph;

/**
 * @brief A graph on the caller's arrays, which are borrowed: they must stay as they are until the graph is freed.
 * @param[out] out  the graph; untouched on an error
 * @param links     links, 1 to 2^31 - 1
 * @param offset    [links + 1] where rows begin: 0 first, never less than before; the last is the number of edges
 * @param receiver  [edges] links, 0 to links - 1, ascending in each row, none twice
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_graph_create(pa_graph **out, size_t links, const int64_t *offset, const int32_t *receiver,
                                 const pa_allocator *allocator);

/**
 * @brief The rows of some links of a larger network: for one of several ranks (@ref pa_halo).
 *
 * Links 0 to owned - 1 of the graph are those of the rows, the others are its ghosts: links of the network whose
 * receivers hear the rows' transmitters, ascending, see pa_graph_ghosts(). Edges are in the order of the caller's. A
 * graph without links has one that means nothing.
 * @param[out] out  the graph; untouched on an error
 * @param owned     rows
 * @param first     number of the first of them in the network, in which they are consecutive
 * @param links     links of the network, 1 to 2^63 - 1; owned links and ghosts are 2^31 - 1 at most
 * @param offset    [owned + 1] where rows begin, as above; not kept
 * @param receiver  [edges] links of the network, 0 to links - 1, ascending in each row, none twice; not kept; may be
 *                  NULL without edges
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_graph_create_rows(pa_graph **out, size_t owned, uint64_t first, uint64_t links,
                                      const int64_t *offset, const int64_t *receiver, const pa_allocator *allocator);

/** @brief Ghosts of a graph from pa_graph_create_rows(), 0 of another. @since 0.1 */
PA_API size_t pa_graph_ghost_count(const pa_graph *graph);

/** @brief Their numbers in the network, [pa_graph_ghost_count()], ascending; borrowed. NULL of another graph. @since
 * 0.1
 */
PA_API const int64_t *pa_graph_ghosts(const pa_graph *graph);

/**
 * @brief The graph of the strong channels of a full matrix.
 * @param[out] out  the graph; untouched on an error
 * @param links     links, 1 to 2^31 - 1
 * @param h         [links][links] channel amplitudes, finite, >= 0; not kept
 * @param least     an edge is where an amplitude is at least this, >= 0, and not 0; direct channels are edges always
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_graph_create_threshold(pa_graph **out, size_t links, const double *h, double least,
                                           const pa_allocator *allocator);

/**
 * @brief The graph of the receivers within a distance of each transmitter.
 *
 * Takes time and memory in proportion to links and edges. Rows are ordered along a Hilbert curve through the
 * transmitters.
 * @param[out] out     the graph; untouched on an error
 * @param links        links, 1 to 2^31 - 1
 * @param transmitters [links][2] positions in m, finite; not kept
 * @param receivers    [links][2] positions in m of the links' receivers, finite; not kept
 * @param cutoff       an edge is where a transmitter and a receiver are no further apart than this, in m, > 0; direct
 *                     channels are edges always
 * @param allocator    NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_graph_create_positions(pa_graph **out, size_t links, const double *transmitters,
                                           const double *receivers, double cutoff, const pa_allocator *allocator);

/**
 * @brief The rows of the first links alone: for one of several ranks (@ref pa_halo).
 *
 * The rows of the other links are empty, and stand behind, in the caller's order.
 * @param[out] out     the graph; untouched on an error
 * @param owned        links that have a row, 0 to links
 * @param links        links, 1 to 2^31 - 1
 * @param transmitters [owned][2] positions in m, finite; not kept. May be NULL if owned is 0.
 * @param receivers    [links][2] positions in m of the links' receivers, finite; not kept
 * @param cutoff       as above
 * @param allocator    NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_graph_create_positions_part(pa_graph **out, size_t owned, size_t links, const double *transmitters,
                                                const double *receivers, double cutoff, const pa_allocator *allocator);

/**
 * @brief Path gains of the edges, max(distance, min_distance)^-exponent, as networks from positions have them.
 * @param graph        the graph; not that of a network which can change it, whose gains are pa_network_path_gain()
 * @param transmitters [links][2] positions in m; those of links without edges are not read
 * @param receivers    [links][2] positions in m
 * @param min_distance shorter distances count as this, >= 0; must be > 0 if a transmitter stands on a receiver
 * @param exponent     of the path loss, > 0 (@ref PA_NETWORK_PATH_LOSS_EXPONENT)
 * @param[out] gain    [edges] path gains; their square roots are channels without fading; untouched on an error
 * @since 0.1
 */
PA_API pa_status pa_graph_path_gain(const pa_graph *graph, const double *transmitters, const double *receivers,
                                    double min_distance, double exponent, double *gain);

/**
 * @brief Frees the graph, not the caller's arrays. States and networks on it keep it, and need these arrays, until they
 * are freed too. NULL is fine.
 * @since 0.1
 */
PA_API void pa_graph_free(pa_graph *graph);

/** @brief Links; 0 for NULL. @since 0.1 */
PA_API size_t pa_graph_links(const pa_graph *graph);

/** @brief Edges; 0 for NULL. @since 0.1 */
PA_API size_t pa_graph_edges(const pa_graph *graph);

/** @brief Numbers in a sample's channels: edges and gaps; 0 for NULL. @since 0.1 */
PA_API size_t pa_graph_slots(const pa_graph *graph);

/** @brief The first slot of each row, [links + 1], the last number being the slots; borrowed. NULL for NULL. @since 0.1
 */
PA_API const int64_t *pa_graph_offset(const pa_graph *graph);

/** @brief The slot behind the last edge of each row, [links]; borrowed. NULL for NULL. @since 0.1 */
PA_API const int64_t *pa_graph_end(const pa_graph *graph);

/** @brief The column of each edge, [slots]; -1 in gaps; borrowed, until the graph changes. NULL for NULL. @since 0.1 */
PA_API const int32_t *pa_graph_receiver(const pa_graph *graph);

/** @brief The caller's link of each row and column, [links]; borrowed. NULL if they are the same. @since 0.1 */
PA_API const int32_t *pa_graph_order(const pa_graph *graph);

/**
 * @brief The channels of a full matrix on the edges, and what that leaves out.
 * @param graph         the graph
 * @param h             [links][links] channel amplitudes in the caller's order of links, finite, >= 0
 * @param[out] value    [slots] channels on the edges, 0 in gaps
 * @param[out] left_out [links] sum of the power gains to each receiver that have no edge: times the power limit, the
 *                      most interference that the graph does not see. May be NULL.
 * @since 0.1
 */
PA_API pa_status pa_graph_pick(const pa_graph *graph, const double *h, double *value, double *left_out);

#ifdef __cplusplus
}
#endif

#endif
