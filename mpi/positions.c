/* Parts from positions: ranks send each other the receivers that may be within a cut-off. */
#include "part.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A receiver on its way: position, and number of the link, which is exact. */
enum { FIELDS = 3 };

struct box {
  double low[2], high[2];
};

/* Where the receivers of a rank's edges may be; nowhere without transmitters. A little larger than need be. */
static struct box reach_of(size_t count, const double *at, double cutoff) {
  struct box b = {{HUGE_VAL, HUGE_VAL}, {-HUGE_VAL, -HUGE_VAL}};
  for (size_t k = 0; k < 2 * count; k++) {
    double grown = cutoff + 1e-9 * (cutoff + fabs(at[k]));
    b.low[k % 2] = fmin(b.low[k % 2], at[k] - grown);
    b.high[k % 2] = fmax(b.high[k % 2], at[k] + grown);
  }
  return b;
}

static int inside(const struct box *b, const double *at) {
  return at[0] >= b->low[0] && at[0] <= b->high[0] && at[1] >= b->low[1] && at[1] <= b->high[1];
}

static int meets(const struct box *a, const struct box *b) {
  return a->low[0] <= b->high[0] && b->low[0] <= a->high[0] && a->low[1] <= b->high[1] && b->low[1] <= a->high[1];
}

/* Own receivers that the others may reach, rank after rank, their fields counted in counts; NULL for no memory. */
static double *gather(const pa_mpi_part *p, size_t count, const double *receivers, const struct box *boxes,
                      size_t *counts) {
  const struct transport *t = p->transport;
  struct box own = reach_of(count, receivers, 0);
  double *sent = NULL;
  for (int fill = 0; fill < 2; fill++) {
    size_t total = 0;
    for (int r = 0; r < t->ranks; r++) {
      size_t before = total;
      for (size_t i = 0; r != t->rank && meets(&own, &boxes[r]) && i < count; i++) {
        if (!inside(&boxes[r], receivers + 2 * i)) continue;
        if (fill) {
          memcpy(sent + FIELDS * total, receivers + 2 * i, 2 * sizeof *sent);
          sent[FIELDS * total + 2] = (double)(p->first[t->rank] + (int64_t)i);
        }
        total++;
      }
      counts[r] = FIELDS * (total - before);
    }
    if (!fill && !(sent = malloc((FIELDS * total + 1) * sizeof *sent))) return NULL;
  }
  return sent;
}

/* The graph of own transmitters, and receivers of own and `found` links; a lone link that means nothing if there are
 * none of either. */
static pa_status graph_of(pa_mpi_part *p, const double *transmitters, const double *receivers, const double *found,
                          size_t count, double cutoff) {
  size_t links = p->owned + count;
  double *at = calloc(2 * (links + 1), sizeof *at);
  if (!at) return PA_ERROR_MEMORY;
  if (receivers) memcpy(at, receivers, 2 * p->owned * sizeof *at);
  for (size_t k = 0; k < count; k++) memcpy(at + 2 * (p->owned + k), found + FIELDS * k, 2 * sizeof *at);
  pa_graph_free(p->graph);
  p->graph = NULL;
  pa_status status = pa_graph_create_positions_part(&p->graph, p->owned, links > 0 ? links : 1, transmitters,
                                                    receivers || p->owned == 0 ? at : NULL, cutoff, NULL);
  free(at);
  return status;
}

/* Drops what no own transmitter reaches; returns how many are left. */
static size_t keep_reached(const pa_mpi_part *p, double *found, size_t count, char *reached) {
  const int32_t *receiver = pa_graph_receiver(p->graph);
  size_t kept = 0;
  for (size_t e = 0; e < pa_graph_edges(p->graph); e++)
    if ((size_t)receiver[e] >= p->owned) reached[(size_t)receiver[e] - p->owned] = 1;
  for (size_t k = 0; k < count; k++)
    if (reached[k]) memmove(found + FIELDS * kept++, found + FIELDS * k, FIELDS * sizeof *found);
  return kept;
}

static pa_status build(pa_mpi_part *p, const double *transmitters, const double *receivers, double *found, size_t count,
                       double cutoff) {
  pa_status status = graph_of(p, transmitters, receivers, found, count, cutoff);
  if (status != PA_OK) return status;
  char *reached = calloc(count + 1, 1);
  if (!reached) return PA_ERROR_MEMORY;
  p->ghosts = keep_reached(p, found, count, reached);
  free(reached);
  if (p->ghosts < count) status = graph_of(p, transmitters, receivers, found, p->ghosts, cutoff);
  p->ghost = malloc((p->ghosts + 1) * sizeof *p->ghost);
  for (size_t k = 0; p->ghost && k < p->ghosts; k++) p->ghost[k] = (int64_t)found[FIELDS * k + 2];
  return status == PA_OK && !p->ghost ? PA_ERROR_MEMORY : status;
}

pa_status pa_mpi_part_create_positions(pa_mpi_part **out, MPI_Comm comm, size_t owned, const double *transmitters,
                                       const double *receivers, double cutoff) {
  pa_mpi_part *p = NULL;
  pa_status status = pa__mpi_part_begin(out ? &p : NULL, comm, owned);
  if (status != PA_OK) return status;
  const struct transport *t = p->transport;
  size_t ranks = (size_t)t->ranks, count = transmitters && receivers ? owned : 0, all = 0;
  struct box *boxes = malloc(ranks * sizeof *boxes), own = reach_of(count, transmitters, cutoff);
  size_t *counts = malloc(2 * ranks * sizeof *counts);
  double *sent = NULL;
  void *found = NULL;
  status = pa__mpi_agree(t->comm, boxes && counts ? PA_OK : PA_ERROR_MEMORY);
  if (status == PA_OK && MPI_Allgather(&own, 4, MPI_DOUBLE, boxes, 4, MPI_DOUBLE, t->comm)) status = PA_ERROR_STATE;
  if (status == PA_OK) {
    sent = gather(p, count, receivers, boxes, counts);
    status = pa__mpi_agree(t->comm, sent ? PA_OK : PA_ERROR_MEMORY);
  }
  if (status == PA_OK) status = pa__mpi_scatter(t, sent, counts, MPI_DOUBLE, sizeof *sent, &found, counts + ranks);
  for (size_t r = 0; status == PA_OK && r < ranks; r++) all += counts[ranks + r] / FIELDS;
  if (status == PA_OK) status = build(p, transmitters, receivers, found, all, cutoff);
  free(boxes);
  free(counts);
  free(sent);
  free(found);
  return pa__mpi_part_finish(out, p, status);
}
