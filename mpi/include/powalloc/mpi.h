/**
 * @file mpi.h
 * @brief Training and allocating on many machines, and networks in parts, over MPI. A library of its own: powalloc-mpi.
 *
 * MPI's errors go to the error handler of the communicator, which ends the job unless the program has set another; if
 * it returns, calls fail with PA_ERROR_STATE and runs with PA_ERROR_CALLBACK.
 */
#ifndef POWALLOC_MPI_H
#define POWALLOC_MPI_H

#include <mpi.h>
#include <powalloc/powalloc.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief Makes the processes of a communicator the ranks of a trainer: pa_trainer_set_ranks() with MPI_Allgatherv().
 *
 * Collective: all processes call it, each with its own trainer, made alike. MPI is initialised, with
 * MPI_THREAD_FUNNELED or more if the trainer uses threads: it is called on the thread inside pa_trainer_run(). At most
 * 2^31 - 1 numbers are gathered at a time.
 * @param trainer  the trainer, which must not be running
 * @param comm     duplicated: pa_trainer_free(), or another call of this, frees the duplicate, unless MPI is finalised
 * @since 0.1
 */
PA_API pa_status pa_mpi_attach(pa_trainer *trainer, MPI_Comm comm);

/**
 * @brief pa_policy_allocate() with the samples shared by the processes of a communicator: powers [batch][links] in W.
 *
 * Collective: all processes call it with the same policy and states, and get the powers of all samples, which are those
 * of one process to the bit. An error of one is an error of all, with the message on the process that had it. More than
 * 2^31 - 1 powers are not shared: each process computes all. Allocates.
 * @param policy     the policy; not one of the application's (pa_policy_create_callback()), which sees whole batches
 * @param states     in double precision, not mixed
 * @param[out] power [batch][links] in W
 * @param comm       the communicator
 * @since 0.1
 */
PA_API pa_status pa_mpi_allocate(const pa_policy *policy, const pa_states *states, double *power, MPI_Comm comm);

/**
 * @brief One large sparse network in parts, one a process: no process ever holds the whole.
 *
 * Each process owns some links, which are consecutive in the network: those of rank 0 come first, then those of rank 1,
 * and so on; a process may own none. What @ref pa_halo says holds for its graph and halo: links 0 to owned - 1 are
 * its own, the ghosts follow. Make states on the graph, with channels for its edges, set noise, limits and weights,
 * then pa_states_set_halo(): from then on pa_policy_allocate(), pa_rates() and pa_sinr() are collective. MPI is
 * initialised, with MPI_THREAD_FUNNELED or more if pools of threads are used, and is called on the threads that make
 * these calls. Errors of the graph have words (pa_last_error()) on the process that had it.
 */
typedef struct pa_mpi_part pa_mpi_part;

/**
 * @brief A part from the rows of the links owned. Collective.
 * @param[out] out the part; untouched on an error, which is one of all
 * @param comm     the processes; duplicated, until the last that uses the halo lets go of it
 * @param owned    links of this process, 0 to 2^31 - 1
 * @param offset   [owned + 1] where rows begin, 0 first; not kept
 * @param receiver [edges] links of the whole network, ascending in each row; not kept. Edges of the part's graph are in
 *                 this order.
 * @since 0.1
 */
PA_API pa_status pa_mpi_part_create(pa_mpi_part **out, MPI_Comm comm, size_t owned, const int64_t *offset,
                                    const int64_t *receiver);

/**
 * @brief A part from the positions of the links owned. Collective.
 *
 * Processes exchange the box around what their transmitters reach, and then the receivers within each other's boxes:
 * links of a process should be near each other. Rows are in an order of the graph's own, see
 * pa_graph_create_positions_part().
 * @param[out] out     the part; untouched on an error, which is one of all
 * @param comm         as above
 * @param owned        links of this process, 0 to 2^31 - 1
 * @param transmitters [owned][2] positions in m; not kept
 * @param receivers    [owned][2] positions in m; not kept. pa_halo_refresh() tells those of the ghosts.
 * @param cutoff       an edge is where a transmitter and a receiver are no further apart than this, in m, > 0; direct
 *                     channels are edges always
 * @since 0.1
 */
PA_API pa_status pa_mpi_part_create_positions(pa_mpi_part **out, MPI_Comm comm, size_t owned,
                                              const double *transmitters, const double *receivers, double cutoff);

/**
 * @brief Frees the part; graph and halo stay until the states that have them are freed too. NULL is fine.
 *
 * The last that lets go of the halo frees the communicator, which is collective in MPI: all processes do it in the same
 * order, before MPI is finalised or after.
 * @since 0.1
 */
PA_API void pa_mpi_part_free(pa_mpi_part *part);

/** @brief The part's graph, borrowed; NULL for NULL. @since 0.1 */
PA_API const pa_graph *pa_mpi_part_graph(const pa_mpi_part *part);

/** @brief The part's halo, borrowed; NULL for NULL. @since 0.1 */
PA_API pa_halo *pa_mpi_part_halo(const pa_mpi_part *part);

/** @brief Ghosts of the part; 0 for NULL. @since 0.1 */
PA_API size_t pa_mpi_part_ghost_count(const pa_mpi_part *part);

/** @brief Their numbers in the network, ascending, [pa_mpi_part_ghost_count()]; borrowed. NULL for NULL. @since 0.1 */
PA_API const int64_t *pa_mpi_part_ghosts(const pa_mpi_part *part);

#ifdef __cplusplus
}
#endif

#endif
