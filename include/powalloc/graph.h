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
 * A graph does not change; any number of threads may use it.
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
 * @brief Frees the graph, not the caller's arrays. States and networks on it keep it, and need these arrays, until they
 * are freed too. NULL is fine.
 * @since 0.1
 */
PA_API void pa_graph_free(pa_graph *graph);

/** @brief Links; 0 for NULL. @since 0.1 */
PA_API size_t pa_graph_links(const pa_graph *graph);

/** @brief Edges; 0 for NULL. @since 0.1 */
PA_API size_t pa_graph_edges(const pa_graph *graph);

/** @brief Where rows begin, [links + 1]; borrowed. NULL for NULL. @since 0.1 */
PA_API const int64_t *pa_graph_offset(const pa_graph *graph);

/** @brief The column of each edge, [edges], in the order of the rows; borrowed. NULL for NULL. @since 0.1 */
PA_API const int32_t *pa_graph_receiver(const pa_graph *graph);

/** @brief The caller's link of each row and column, [links]; borrowed. NULL if they are the same. @since 0.1 */
PA_API const int32_t *pa_graph_order(const pa_graph *graph);

/**
 * @brief The channels of a full matrix on the edges, and what that leaves out.
 * @param graph         the graph
 * @param h             [links][links] channel amplitudes in the caller's order of links, finite, >= 0
 * @param[out] value    [edges] channels on the edges
 * @param[out] left_out [links] sum of the power gains to each receiver that have no edge: times the power limit, the
 *                      most interference that the graph does not see. May be NULL.
 * @since 0.1
 */
PA_API pa_status pa_graph_pick(const pa_graph *graph, const double *h, double *value, double *left_out);

#ifdef __cplusplus
}
#endif

#endif
