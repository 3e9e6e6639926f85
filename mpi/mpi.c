#include <limits.h>
#include <powalloc/mpi.h>
#include <stdlib.h>

/* ---- training ---- */

struct ranks {
  MPI_Comm comm;
  int rank, count;
  int *counts, *offsets; /* [count] of the numbers that are gathered */
};

static int32_t gather(void *user, double *numbers, const size_t *first) {
  struct ranks *r = user;
  if (first[r->count] > INT_MAX) return PA_CALLBACK_ABORT;
  for (int k = 0; k < r->count; k++) {
    r->offsets[k] = (int)first[k];
    r->counts[k] = (int)(first[k + 1] - first[k]);
  }
  int failed = MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, numbers, r->counts, r->offsets, MPI_DOUBLE, r->comm);
  return failed ? PA_CALLBACK_ABORT : PA_CALLBACK_OK;
}

static void release(void *user) {
  struct ranks *r = user;
  int finalised;
  MPI_Finalized(&finalised);
  if (!finalised) MPI_Comm_free(&r->comm);
  free(r->counts);
  free(r);
}

pa_status pa_mpi_attach(pa_trainer *trainer, MPI_Comm comm) {
  struct ranks *r = malloc(sizeof *r);
  if (!r) return PA_ERROR_MEMORY;
  if (MPI_Comm_dup(comm, &r->comm) || MPI_Comm_rank(r->comm, &r->rank) || MPI_Comm_size(r->comm, &r->count)) {
    free(r);
    return PA_ERROR_STATE;
  }
  r->counts = malloc(2 * (size_t)r->count * sizeof *r->counts);
  r->offsets = r->counts + r->count;
  pa_status status = PA_ERROR_MEMORY;
  if (r->counts) status = pa_trainer_set_ranks(trainer, (size_t)r->rank, (size_t)r->count, gather, r, release);
  if (status != PA_OK) release(r);
  return status;
}

/* ---- allocation ---- */

pa_status pa_mpi_allocate(const pa_policy *policy, const pa_states *states, double *power, MPI_Comm comm) {
  size_t batch = pa_states_batch(states), links = pa_states_links(states);
  if (states && (links == 0 || pa_states_halo(states))) /* mixed, or a part of a network: it says why not */
    return pa_policy_allocate_part(policy, states, 0, batch, power);
  if (!policy || !states || !power || batch > INT_MAX / links)
    return pa_policy_allocate(policy, states, power, NULL, 0);
  int rank, ranks;
  if (MPI_Comm_rank(comm, &rank) || MPI_Comm_size(comm, &ranks)) return PA_ERROR_STATE;
  size_t count = (size_t)ranks;
  int *counts = malloc(2 * count * sizeof *counts), *offsets = counts ? counts + count : NULL;
  for (size_t k = 0; counts && k < count; k++) {
    offsets[k] = (int)(batch * k / count * links);
    counts[k] = (int)(batch * (k + 1) / count * links) - offsets[k];
  }
  size_t first = batch * (size_t)rank / count, end = batch * ((size_t)rank + 1) / count;
  double *own = counts ? malloc(((end - first) * links + 1) * sizeof *own) : NULL;
  int status = own ? PA_OK : PA_ERROR_MEMORY, worst;
  if (own && end > first) status = pa_policy_allocate_part(policy, states, first, end - first, own);
  int failed = MPI_Allreduce(&status, &worst, 1, MPI_INT, MPI_MIN, comm);
  if (!failed && worst == PA_OK)
    failed = MPI_Allgatherv(own, counts[rank], MPI_DOUBLE, power, counts, offsets, MPI_DOUBLE, comm);
  free(counts);
  free(own);
  return failed ? PA_ERROR_STATE : worst;
}
