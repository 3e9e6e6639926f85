/**
 * @file halo.h
 * @brief One large sparse network in parts: each of several processes holds the transmitters of some links.
 *
 * The core library sends nothing itself: it calls two functions of the application's, or those that powalloc-mpi has
 * (powalloc/mpi.h).
 */
#ifndef POWALLOC_HALO_H
#define POWALLOC_HALO_H

#include <powalloc/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief What a rank shares with the others of a network in parts.
 *
 * A @e rank owns some links: it has the rows of their transmitters, and no rank has a row of another's. Its graph has
 * links 0 to owned - 1, its own, and behind them its @e ghosts: links of others whose receivers its transmitters reach.
 * Rows of ghosts are empty, so that channels are never sent, only numbers of links. Before a sum over receivers ghosts
 * get the number of their owner; after a sum over transmitters their owner adds what they have received.
 *
 * States with a halo (pa_states_set_halo()) are a part of the whole network. Calls that take them are @e collective:
 * all ranks make the same calls in the same order, with as many samples, on one thread of each rank at a time. What a
 * call returns is that of the whole network, but for rounding: sums are added in another order. Numbers of ghosts in
 * an output are copies of their owner's. An error of one rank is an error of all, with its status and, on the rank that
 * had it, its words.
 *
 * A halo may be shared by any number of states, which must not be used at the same time.
 */
typedef struct pa_halo pa_halo;

/**
 * @brief Sends to all neighbours and receives from all, and returns when both are done.
 *
 * Neighbour @c k gets bytes @c send_first[k] * bytes to @c send_first[k + 1] * bytes of @c send, and what it sends goes
 * to the place of the same meaning in @c receive; what it sends is as long as is expected here. Called by all ranks,
 * also by one without neighbours, on the thread that called the library. Returns PA_CALLBACK_OK; anything else makes
 * the collective call fail with PA_ERROR_CALLBACK. A transport that fails must do so on all ranks: the others would
 * wait for this one.
 * @param user          as given
 * @param send          what this rank has for its neighbours
 * @param send_first    [neighbours + 1]
 * @param receive       room for what they have for this rank
 * @param receive_first [neighbours + 1]
 * @param bytes         unit of the two above, at most 64
 */
typedef int32_t (*pa_exchange_fn)(void *user, const void *send, const size_t *send_first, void *receive,
                                  const size_t *receive_first, size_t bytes);

/**
 * @brief Replaces each number by its sum over all ranks: the same on every rank, to the bit.
 *
 * Called and failing as pa_exchange_fn.
 * @param user    as given
 * @param numbers [count]
 * @param count   1 to 16
 */
typedef int32_t (*pa_sum_fn)(void *user, double *numbers, size_t count);

/**
 * @brief A halo of a part of a network.
 *
 * Links 0 to owned - 1 of the graph are the rank's own, and stand together in the order of its rows. Ghosts come next,
 * by neighbours. Any behind these mean nothing (a rank that has no links still has a graph of one). Not collective.
 * @param[out] out     the halo; untouched on an error
 * @param graph        the rank's part of the network; shared, may be freed before the halo
 * @param owned        links that the rank owns
 * @param first        number of the first of these in the whole network, in which they are consecutive
 * @param neighbours   ranks that share links with this one; 0 is fine
 * @param shared_first [neighbours + 1] where the links that neighbour k has as ghosts begin: 0 first; copied
 * @param shared       [shared_first[neighbours]] owned links, in the order of the neighbour's ghosts; copied
 * @param ghost_first  [neighbours + 1] the ghosts owned by neighbour k are links owned + ghost_first[k] to owned +
 *                     ghost_first[k + 1] - 1; copied
 * @param exchange     see pa_exchange_fn
 * @param sum          see pa_sum_fn
 * @param user         given to both
 * @param free_user    called with user when the last that uses the halo lets go of it, not on an error here; may be
 *                     NULL
 * @param allocator    NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_halo_create(pa_halo **out, const pa_graph *graph, size_t owned, uint64_t first, size_t neighbours,
                                const size_t *shared_first, const int32_t *shared, const size_t *ghost_first,
                                pa_exchange_fn exchange, pa_sum_fn sum, void *user, pa_free_fn free_user,
                                const pa_allocator *allocator);

/** @brief Frees the halo; states that have it keep it. NULL is fine. @since 0.1 */
PA_API void pa_halo_free(pa_halo *halo);

/** @brief Links that the rank owns; 0 for NULL. @since 0.1 */
PA_API size_t pa_halo_owned(const pa_halo *halo);

/** @brief Number of the first of these in the whole network; 0 for NULL. @since 0.1 */
PA_API uint64_t pa_halo_first(const pa_halo *halo);

/**
 * @brief Copies numbers of links from their owners to the ghosts. Collective. Does not allocate.
 * @param halo    the halo
 * @param x       [links][numbers], in the order of the rank's links; those of ghosts are replaced, and unspecified if
 *                the transport fails
 * @param numbers of a link, >= 1, the same on all ranks
 * @since 0.1
 */
PA_API pa_status pa_halo_refresh(pa_halo *halo, double *x, size_t numbers);

#ifdef __cplusplus
}
#endif

#endif
