#define _GNU_SOURCE
#include "ranks.h"

#include "command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool wanted;
static int rank, here = 1; /* of the ranks; on this machine */

const option ranks_table[] = {
    {"--mpi", FLAG, &wanted, "", "share the work with the other processes of mpirun; the results do not depend on it"},
    {NULL, FLAG, NULL, NULL, NULL}};

#ifdef WITH_MPI

#include <powalloc/mpi.h>

static bool running;

void ranks_begin(int count, char **words) {
  int provided;
  MPI_Comm machine;
  for (int k = 0; k < count; k++) running |= strcmp(words[k], "--mpi") == 0;
  if (!running) return;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
  MPI_Comm_size(machine, &here);
  MPI_Comm_free(&machine);
  if (rank > 0 && !freopen("/dev/null", "w", stdout)) fail(EXIT_FAILED, "/dev/null cannot be opened");
}

void ranks_end(void) {
  if (running) MPI_Finalize();
}

void ranks_fail(int exit_status) {
  if (running) MPI_Abort(MPI_COMM_WORLD, exit_status);
}

void ranks_let_first_tell(void) {
  if (rank > 0) sleep(1);
}

void ranks_attach(pa_trainer *trainer) {
  if (running) must(pa_mpi_attach(trainer, MPI_COMM_WORLD));
}

pa_status ranks_allocate(const pa_policy *policy, const pa_states *states, double *power) {
  return running ? pa_mpi_allocate(policy, states, power, MPI_COMM_WORLD)
                 : pa_policy_allocate(policy, states, power, NULL, 0);
}

#else

void ranks_begin(int count, char **words) {
  for (int k = 0; k < count; k++)
    if (strcmp(words[k], "--mpi") == 0)
      fail(EXIT_USAGE, "--mpi: this command was built without MPI; see the option mpi of the build");
}

void ranks_end(void) {}
void ranks_fail(int exit_status) { (void)exit_status; }
void ranks_let_first_tell(void) {}
void ranks_attach(pa_trainer *trainer) { (void)trainer; }

pa_status ranks_allocate(const pa_policy *policy, const pa_states *states, double *power) {
  return pa_policy_allocate(policy, states, power, NULL, 0);
}

#endif

bool ranks_first(void) { return rank == 0; }

uint64_t ranks_here(void) { return (uint64_t)here; }
