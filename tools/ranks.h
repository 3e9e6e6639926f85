/* The processes of mpirun as ranks, with --mpi: they share the work, and the first one speaks and writes. */
#ifndef POWALLOC_TOOLS_RANKS_H
#define POWALLOC_TOOLS_RANKS_H

#include "options.h"

#include <powalloc/powalloc.h>

extern const option ranks_table[]; /* --mpi */

/* Before the options are parsed: starts MPI if --mpi is among the words. Others than the first rank then print nothing
 * on standard output. */
void ranks_begin(int count, char **words);
/* Before the end of the command, and before one in failure: that of one rank ends all. */
void ranks_end(void);
void ranks_fail(int exit_status);
/* Before the message of a failure: what all ranks fail of is told by the first. */
void ranks_let_first_tell(void);

bool ranks_first(void);
/* Of those on this machine. */
uint64_t ranks_here(void);

void ranks_attach(pa_trainer *trainer);
/* pa_policy_allocate(), shared. */
pa_status ranks_allocate(const pa_policy *policy, const pa_states *states, double *power);

#endif
