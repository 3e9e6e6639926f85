/**
 * @file mpi.h
 * @brief Training and allocating on many machines, over MPI. A library of its own: powalloc-mpi.
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
 * @param states     in double precision
 * @param[out] power [batch][links] in W
 * @param comm       the communicator
 * @since 0.1
 */
PA_API pa_status pa_mpi_allocate(const pa_policy *policy, const pa_states *states, double *power, MPI_Comm comm);

#ifdef __cplusplus
}
#endif

#endif
