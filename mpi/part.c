#include "part.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { TAG = 1, SUMS = 16, LARGEST_UNIT = 64 };

/* ---- transport ---- */

static int32_t exchange(void *user, const void *send, const size_t *send_first, void *receive,
                        const size_t *receive_first, size_t bytes) {
  struct transport *t = user;
  int count = 0, failed = 0;
  for (int k = 0; k < t->neighbours; k++) {
    char *to = (char *)receive + receive_first[k] * bytes, *from = (char *)send + send_first[k] * bytes;
    int to_come = (int)((receive_first[k + 1] - receive_first[k]) * bytes),
        to_go = (int)((send_first[k + 1] - send_first[k]) * bytes);
    if (to_come > 0) failed |= MPI_Irecv(to, to_come, MPI_BYTE, t->neighbour[k], TAG, t->comm, &t->request[count++]);
    if (to_go > 0) failed |= MPI_Isend(from, to_go, MPI_BYTE, t->neighbour[k], TAG, t->comm, &t->request[count++]);
  }
  failed |= MPI_Waitall(count, t->request, MPI_STATUSES_IGNORE);
  return failed ? PA_CALLBACK_ABORT : PA_CALLBACK_OK;
}

/* Added in the order of the ranks, so that all have the same bits, in every run. */
static int32_t sum(void *user, double *numbers, size_t count) {
  struct transport *t = user;
  int n = (int)count;
  if (MPI_Allgather(numbers, n, MPI_DOUBLE, t->sums, n, MPI_DOUBLE, t->comm)) return PA_CALLBACK_ABORT;
  memset(numbers, 0, count * sizeof *numbers);
  for (size_t r = 0; r < (size_t)t->ranks; r++)
    for (size_t k = 0; k < count; k++) numbers[k] += t->sums[r * count + k];
  return PA_CALLBACK_OK;
}

static void release(void *user) {
  struct transport *t = user;
  int finalised;
  if (!t) return;
  MPI_Finalized(&finalised);
  if (!finalised && t->comm != MPI_COMM_NULL) MPI_Comm_free(&t->comm);
  free(t->neighbour);
  free(t->request);
  free(t->sums);
  free(t);
}

static struct transport *take_transport(int rank, int ranks) {
  struct transport *t = calloc(1, sizeof *t);
  if (!t) return NULL;
  *t = (struct transport){.comm = MPI_COMM_NULL, .rank = rank, .ranks = ranks};
  t->neighbour = malloc((size_t)ranks * sizeof *t->neighbour);
  t->request = malloc(2 * (size_t)ranks * sizeof(MPI_Request));
  t->sums = malloc((size_t)ranks * SUMS * sizeof *t->sums);
  if (t->neighbour && t->request && t->sums) return t;
  release(t);
  return NULL;
}

/* ---- setting up ---- */

pa_status pa__mpi_agree(MPI_Comm comm, pa_status status) {
  int own = status, worst;
  return MPI_Allreduce(&own, &worst, 1, MPI_INT, MPI_MIN, comm) ? PA_ERROR_STATE : worst;
}

pa_status pa__mpi_part_begin(pa_mpi_part **out, MPI_Comm comm, size_t owned) {
  int rank, ranks;
  int64_t links = (int64_t)owned;
  if (MPI_Comm_rank(comm, &rank) || MPI_Comm_size(comm, &ranks)) return PA_ERROR_STATE;
  pa_mpi_part *p = calloc(1, sizeof *p);
  if (p) {
    p->owned = owned;
    p->transport = take_transport(rank, ranks);
    p->first = calloc((size_t)ranks + 1, sizeof *p->first);
  }
  pa_status status = pa__mpi_agree(comm, !out || owned > INT32_MAX       ? PA_ERROR_ARGUMENT
                                         : p && p->transport && p->first ? PA_OK
                                                                         : PA_ERROR_MEMORY);
  if (status == PA_OK && (MPI_Comm_dup(comm, &p->transport->comm) ||
                          MPI_Allgather(&links, 1, MPI_INT64_T, p->first + 1, 1, MPI_INT64_T, p->transport->comm)))
    status = PA_ERROR_STATE;
  if (status != PA_OK) {
    pa_mpi_part_free(p);
    return status;
  }
  for (int r = 0; r < ranks; r++) p->first[r + 1] += p->first[r];
  *out = p;
  return PA_OK;
}

pa_status pa__mpi_scatter(const struct transport *t, const void *sent, const size_t *counts, MPI_Datatype type,
                          size_t bytes, void **received, size_t *got) {
  size_t ranks = (size_t)t->ranks, all_sent = 0, all_got = 0;
  int *numbers = malloc(4 * ranks * sizeof *numbers), *send = numbers, *send_at = send + ranks,
      *receive = send_at + ranks, *receive_at = receive + ranks;
  for (size_t r = 0; numbers && r < ranks; r++) {
    send[r] = counts[r] <= INT_MAX ? (int)counts[r] : 0;
    send_at[r] = (int)(all_sent <= INT_MAX ? all_sent : 0);
    all_sent += counts[r];
  }
  pa_status status = pa__mpi_agree(t->comm, !numbers || all_sent > INT_MAX ? PA_ERROR_MEMORY : PA_OK);
  if (status == PA_OK && MPI_Alltoall(send, 1, MPI_INT, receive, 1, MPI_INT, t->comm)) status = PA_ERROR_STATE;
  for (size_t r = 0; status == PA_OK && r < ranks; r++) {
    got[r] = (size_t)receive[r];
    receive_at[r] = (int)(all_got <= INT_MAX ? all_got : 0);
    all_got += got[r];
  }
  *received = status == PA_OK && all_got <= INT_MAX ? malloc(all_got * bytes + 1) : NULL;
  if (status == PA_OK) status = pa__mpi_agree(t->comm, *received ? PA_OK : PA_ERROR_MEMORY);
  if (status == PA_OK && MPI_Alltoallv(sent, send, send_at, type, *received, receive, receive_at, type, t->comm))
    status = PA_ERROR_STATE;
  free(numbers);
  return status;
}

/* Asks the owners for the ghosts, and makes the halo of what the others ask for. */
static pa_status connect(pa_mpi_part *p) {
  struct transport *t = p->transport;
  size_t ranks = (size_t)t->ranks, *numbers = calloc(4 * (ranks + 1), sizeof *numbers), *wanted = numbers,
         *asked = wanted + ranks + 1, *shared_first = asked + ranks + 1, *ghost_first = shared_first + ranks + 1;
  int64_t *link = NULL;
  int32_t *shared = NULL;
  pa_status status = pa__mpi_agree(t->comm, numbers ? PA_OK : PA_ERROR_MEMORY);
  for (size_t k = 0, r = 0; k < p->ghosts && status == PA_OK; k++) {
    while (p->ghost[k] >= p->first[r + 1]) r++;
    wanted[r]++;
  }
  if (status == PA_OK) status = pa__mpi_scatter(t, p->ghost, wanted, MPI_INT64_T, sizeof *link, (void **)&link, asked);
  if (status != PA_OK) goto done;
  for (size_t r = 0, shared_to = 0, ghosts_to = 0; r < ranks; r++) {
    shared_to += asked[r];
    ghosts_to += wanted[r];
    if (asked[r] + wanted[r] == 0) continue;
    if (asked[r] > INT_MAX / LARGEST_UNIT || wanted[r] > INT_MAX / LARGEST_UNIT) status = PA_ERROR_MEMORY;
    t->neighbour[t->neighbours++] = (int)r;
    shared_first[t->neighbours] = shared_to;
    ghost_first[t->neighbours] = ghosts_to;
  }
  size_t count = shared_first[t->neighbours];
  if (status == PA_OK && !(shared = malloc((count + 1) * sizeof *shared))) status = PA_ERROR_MEMORY;
  for (size_t k = 0; status == PA_OK && k < count; k++) shared[k] = (int32_t)(link[k] - p->first[t->rank]);
  if (status == PA_OK)
    status = pa_halo_create(&p->halo, p->graph, p->owned, (uint64_t)p->first[t->rank], (size_t)t->neighbours,
                            shared_first, shared, ghost_first, exchange, sum, t, release, NULL);
  if (status == PA_OK) p->transport = NULL;
  status = pa__mpi_agree(t->comm, status);
done:
  free(numbers);
  free(link);
  free(shared);
  return status;
}

pa_status pa__mpi_part_finish(pa_mpi_part **out, pa_mpi_part *p, pa_status status) {
  status = pa__mpi_agree(p->transport->comm, status);
  if (status == PA_OK) status = connect(p);
  if (status == PA_OK)
    *out = p;
  else
    pa_mpi_part_free(p);
  return status;
}

/* ---- the handle ---- */

pa_status pa_mpi_part_create(pa_mpi_part **out, MPI_Comm comm, size_t owned, const int64_t *offset,
                             const int64_t *receiver) {
  pa_mpi_part *p = NULL;
  pa_status status = pa__mpi_part_begin(out ? &p : NULL, comm, owned);
  if (status != PA_OK) return status;
  const struct transport *t = p->transport;
  status = pa_graph_create_rows(&p->graph, owned, (uint64_t)p->first[t->rank], (uint64_t)p->first[t->ranks], offset,
                                receiver, NULL);
  if (status == PA_OK) {
    p->ghosts = pa_graph_ghost_count(p->graph);
    p->ghost = malloc((p->ghosts + 1) * sizeof *p->ghost);
    if (p->ghost)
      for (size_t k = 0; k < p->ghosts; k++) p->ghost[k] = pa_graph_ghosts(p->graph)[k];
    else
      status = PA_ERROR_MEMORY;
  }
  return pa__mpi_part_finish(out, p, status);
}

void pa_mpi_part_free(pa_mpi_part *part) {
  if (!part) return;
  pa_halo_free(part->halo);
  pa_graph_free(part->graph);
  release(part->transport);
  free(part->first);
  free(part->ghost);
  free(part);
}

const pa_graph *pa_mpi_part_graph(const pa_mpi_part *part) { return part ? part->graph : NULL; }

pa_halo *pa_mpi_part_halo(const pa_mpi_part *part) { return part ? part->halo : NULL; }

size_t pa_mpi_part_ghost_count(const pa_mpi_part *part) { return part ? part->ghosts : 0; }

const int64_t *pa_mpi_part_ghosts(const pa_mpi_part *part) { return part ? part->ghost : NULL; }
