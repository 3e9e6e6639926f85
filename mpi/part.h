/* A rank's part of a network while it is made. */
#ifndef POWALLOC_MPI_PART_H
#define POWALLOC_MPI_PART_H

#include <powalloc/mpi.h>

/* What the halo's callbacks use. */
struct transport {
  MPI_Comm comm; /* a duplicate */
  int rank, ranks, neighbours;
  int *neighbour;       /* [ranks], the first are in use */
  MPI_Request *request; /* [2 ranks] */
  double *sums;         /* [ranks][16] */
};

struct pa_mpi_part {
  struct transport *transport; /* NULL once the halo has it */
  size_t owned, ghosts;
  int64_t *first; /* [ranks + 1]: the links of rank r are first[r], ..., first[r + 1] - 1 */
  int64_t *ghost; /* [ghosts], ascending */
  pa_graph *graph;
  pa_halo *halo;
};

/* The worst status of all. */
pa_status pa__mpi_agree(MPI_Comm comm, pa_status status);
/* Collective: a part without a graph yet. */
pa_status pa__mpi_part_begin(pa_mpi_part **out, MPI_Comm comm, size_t owned);
/* Collective: the part is given out if all ranks have their graph and ghosts, and freed if not. */
pa_status pa__mpi_part_finish(pa_mpi_part **out, pa_mpi_part *part, pa_status status);

/* Collective: numbers of a type of so many bytes, counts [ranks] of which go to each rank; what comes, from rank
 * after rank, stands in *received, to be freed, and how much in got [ranks]. */
pa_status pa__mpi_scatter(const struct transport *t, const void *sent, const size_t *counts, MPI_Datatype type,
                          size_t bytes, void **received, size_t *got);

#endif
