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

/* Samples first .. first + count - 1. */
static pa_status part_of(pa_states **out, const pa_states *states, size_t first, size_t count) {
  size_t n = pa_states_links(states), features = pa_states_node_features(states);
  pa_states *part;
  pa_status status = pa_states_create(&part, count, n, pa_states_channel(states) + first * n * n, 1, 1, NULL);
  if (status != PA_OK) return status;
  status = pa_states_set_noise(part, pa_states_noise(states), n);
  if (status == PA_OK) status = pa_states_set_power_limit(part, pa_states_power_limit(states), n);
  if (status == PA_OK) status = pa_states_set_weights(part, pa_states_weights(states), n);
  if (status == PA_OK) status = pa_states_set_first(part, pa_states_first(states) + first);
  if (status == PA_OK && features > 0)
    status = pa_states_set_node_state(part, pa_states_node_state(states) + first * n * features, features);
  *out = part;
  if (status != PA_OK) pa_states_free(part);
  return status;
}

static pa_status allocate_part(const pa_policy *policy, const pa_states *states, size_t first, size_t count,
                               double *power) {
  pa_states *part;
  if (!power) return PA_ERROR_MEMORY;
  if (count == 0) return PA_OK;
  pa_status status = part_of(&part, states, first, count);
  if (status != PA_OK) return status;
  status = pa_policy_allocate(policy, part, power, NULL, 0);
  pa_states_free(part);
  return status;
}

pa_status pa_mpi_allocate(const pa_policy *policy, const pa_states *states, double *power, MPI_Comm comm) {
  if (!policy || !pa_states_channel(states) || !power) return pa_policy_allocate(policy, states, power, NULL, 0);
  int rank, ranks;
  if (MPI_Comm_rank(comm, &rank) || MPI_Comm_size(comm, &ranks)) return PA_ERROR_STATE;
  size_t batch = pa_states_batch(states), links = pa_states_links(states), count = (size_t)ranks;
  int *counts = malloc(2 * count * sizeof *counts), *offsets = counts ? counts + count : NULL;
  for (size_t k = 0; counts && k < count; k++) {
    offsets[k] = (int)(batch * k / count * links);
    counts[k] = (int)(batch * (k + 1) / count * links) - offsets[k];
  }
  size_t first = batch * (size_t)rank / count, end = batch * ((size_t)rank + 1) / count;
  double *own = counts ? malloc(((end - first) * links + 1) * sizeof *own) : NULL;
  int status = allocate_part(policy, states, first, end - first, own), worst;
  int failed = MPI_Allreduce(&status, &worst, 1, MPI_INT, MPI_MIN, comm);
  if (!failed && worst == PA_OK)
    failed = MPI_Allgatherv(own, counts[rank], MPI_DOUBLE, power, counts, offsets, MPI_DOUBLE, comm);
  free(counts);
  free(own);
  return failed ? PA_ERROR_STATE : worst;
}
