/* Parts over MPI against the whole network, which every process has here; run by test_mpi.py. */
#include <math.h>
#include <powalloc/mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS = 120 };

#define must(condition)                                                                           \
  do {                                                                                            \
    if (!(condition)) {                                                                           \
      fprintf(stderr, "rank %d, line %d: %s; %s\n", rank, __LINE__, #condition, pa_last_error()); \
      MPI_Abort(MPI_COMM_WORLD, 1);                                                               \
    }                                                                                             \
  } while (0)

static int rank, ranks;
static int64_t offset[LINKS + 1], receiver[LINKS * LINKS], rows[LINKS + 1];
static int32_t receiver_of_whole[LINKS * LINKS];
static double h[LINKS * LINKS], noise[LINKS], limit[LINKS], own_noise[LINKS], own_limit[LINKS];
static double power[LINKS], rate[LINKS], part_power[LINKS], part_rate[LINKS];
static float h_f32[LINKS * LINKS], part_power_f32[LINKS], part_rate_f32[LINKS];

/* The same numbers on all ranks. */
static double uniform(void) {
  static uint64_t x = 88172645463325252u;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return ((double)(x >> 12) + .5) / 4503599627370496.;
}

static void draw(void) {
  int64_t edges = 0;
  for (int64_t i = 0; i < LINKS; i++) {
    offset[i] = edges;
    for (int64_t j = 0; j < LINKS; j++)
      if (i == j || uniform() < .1) {
        h_f32[edges] = (float)((i == j ? 1 : .3) * sqrt(-log(uniform())));
        h[edges] = (double)h_f32[edges];
        receiver_of_whole[edges] = (int32_t)j;
        receiver[edges++] = j;
      }
    noise[i] = .01 * (1 + (double)(i % 7));
    limit[i] = .5 + (double)(i % 5);
  }
  offset[LINKS] = edges;
}

static size_t first_of(int r) { return r >= ranks ? LINKS : r == 1 ? LINKS / 2 : LINKS * (size_t)r / (size_t)ranks; }

static void near(const double *x, const double *whole, const pa_mpi_part *part, double tolerance) {
  size_t first = first_of(rank), owned = first_of(rank + 1) - first;
  const int64_t *ghost = pa_mpi_part_ghosts(part);
  for (size_t k = 0; k < owned + pa_mpi_part_ghost_count(part); k++) {
    double expected = whole[k < owned ? first + k : (size_t)ghost[k - owned]];
    must(fabs(x[k] - expected) <= tolerance * fmax(1, fabs(expected)));
  }
}

static void of_the_whole(const pa_policy *policy) {
  pa_graph *graph;
  pa_states *states;
  must(pa_graph_create(&graph, LINKS, offset, receiver_of_whole, NULL) == PA_OK);
  must(pa_states_create_sparse(&states, 1, graph, h, 1, 1, NULL) == PA_OK);
  must(pa_states_set_noise(states, noise, LINKS) == PA_OK && pa_states_set_power_limit(states, limit, LINKS) == PA_OK);
  must(pa_policy_allocate(policy, states, power, NULL, 0) == PA_OK);
  must(pa_rates(states, power, rate) == PA_OK);
  pa_states_free(states);
  pa_graph_free(graph);
}

static void set_nodes(pa_states *states, const pa_mpi_part *part) {
  size_t links = pa_states_links(states), first = first_of(rank), owned = first_of(rank + 1) - first;
  for (size_t i = 0; i < links; i++) {
    own_noise[i] = i < owned ? noise[first + i] : 1;
    own_limit[i] = i < owned ? limit[first + i] : 1;
  }
  must(pa_states_set_noise(states, own_noise, links) == PA_OK);
  must(pa_states_set_power_limit(states, own_limit, links) == PA_OK);
  must(pa_states_set_halo(states, pa_mpi_part_halo(part)) == PA_OK);
}

/* A channel below 0 on the last rank is an error of all. */
static void one_fault(const pa_policy *policy, pa_states *states, double *channels, size_t edges) {
  double wrong = -1, good = 0;
  if (rank == ranks - 1 && edges > 0) {
    good = channels[0];
    channels[0] = wrong;
  }
  must(pa_policy_allocate(policy, states, part_power, NULL, 0) == PA_ERROR_ARGUMENT);
  must(strstr(pa_last_error(), rank == ranks - 1 ? "h[0][0] is -1" : "another rank failed") != NULL);
  if (rank == ranks - 1 && edges > 0) channels[0] = good;
}

/* Each rank has its own links of every sample. */
static void not_by_samples(const pa_policy *policy, const pa_states *states) {
  double left = 7;
  must(pa_mpi_allocate(policy, states, &left, MPI_COMM_WORLD) == PA_ERROR_ARGUMENT);
  must(strstr(pa_last_error(), "with a halo") != NULL && left == 7);
}

static void in_parts(const pa_policy *policy) {
  size_t first = first_of(rank), owned = first_of(rank + 1) - first,
         edges = (size_t)(offset[first + owned] - offset[first]);
  double *channels = h + offset[first];
  pa_mpi_part *part;
  pa_states *states, *narrow;
  for (size_t i = 0; i <= owned; i++) rows[i] = offset[first + i] - offset[first];
  must(pa_mpi_part_create(&part, MPI_COMM_WORLD, owned, rows, receiver + offset[first]) == PA_OK);
  const pa_graph *graph = pa_mpi_part_graph(part);
  must(pa_graph_edges(graph) == edges && pa_halo_owned(pa_mpi_part_halo(part)) == owned);
  must(pa_halo_first(pa_mpi_part_halo(part)) == first);
  must(pa_states_create_sparse(&states, 1, graph, channels, 1, 1, NULL) == PA_OK);
  must(pa_states_create_sparse_f32(&narrow, 1, graph, h_f32 + offset[first], 1, 1, NULL) == PA_OK);
  set_nodes(states, part);
  set_nodes(narrow, part);
  must(pa_policy_allocate(policy, states, part_power, NULL, 0) == PA_OK);
  must(pa_rates(states, part_power, part_rate) == PA_OK);
  near(part_power, power, part, 1e-11);
  near(part_rate, rate, part, 1e-11);
  one_fault(policy, states, channels, edges);
  not_by_samples(policy, states);
  must(pa_policy_allocate_f32(policy, narrow, part_power_f32, NULL, 0) == PA_OK);
  must(pa_rates_f32(narrow, part_power_f32, part_rate_f32) == PA_OK);
  for (size_t k = 0; k < pa_graph_links(graph); k++) {
    part_power[k] = (double)part_power_f32[k];
    part_rate[k] = (double)part_rate_f32[k];
  }
  near(part_power, power, part, 1e-3);
  near(part_rate, rate, part, 1e-3);
  pa_mpi_part_free(part); /* the states keep what they need */
  must(pa_policy_allocate(policy, states, part_power, NULL, 0) == PA_OK);
  pa_states_free(states);
  pa_states_free(narrow);
}

/* What is wrong on one rank fails on all, and nothing is made. */
static void wrong_parts(void) {
  const int64_t one_row[] = {0, 1}, beyond[] = {ranks}, within[] = {0};
  double at[2] = {rank == 0 ? NAN : 1, 2};
  pa_mpi_part *part = NULL;
  int bad = rank == ranks - 1;
  must(pa_mpi_part_create(&part, MPI_COMM_WORLD, 1, one_row, bad ? beyond : within) == PA_ERROR_ARGUMENT);
  must(!bad || strstr(pa_last_error(), "receiver[0] in row 0 is") != NULL);
  must(pa_mpi_part_create(bad ? NULL : &part, MPI_COMM_WORLD, 1, one_row, within) == PA_ERROR_ARGUMENT);
  must(pa_mpi_part_create_positions(&part, MPI_COMM_WORLD, 1, at, at, 3) == PA_ERROR_ARGUMENT);
  must(pa_mpi_part_create_positions(&part, MPI_COMM_WORLD, 1, bad ? NULL : at, at, 3) == PA_ERROR_ARGUMENT);
  must(pa_mpi_part_create_positions(&part, MPI_COMM_WORLD, 0, NULL, NULL, 3) == PA_OK);
  must(pa_mpi_part_ghost_count(part) == 0 && pa_graph_links(pa_mpi_part_graph(part)) == 1);
  pa_mpi_part_free(part);
}

/* Networks of several sizes are not shared by their samples. */
static void mixed_states(const pa_policy *policy) {
  pa_states *one, *mixed;
  double left = 7;
  must(pa_states_create(&one, 1, 1, h, 1, 1, NULL) == PA_OK);
  must(pa_states_create_mixed(&mixed, (const pa_states *const[]){one}, 1, NULL) == PA_OK);
  must(pa_mpi_allocate(policy, mixed, &left, MPI_COMM_WORLD) == PA_ERROR_ARGUMENT);
  must(strstr(pa_last_error(), "the states are mixed") != NULL && left == 7);
  pa_states_free(mixed);
  pa_states_free(one);
}

int main(int argc, char **argv) {
  pa_policy *policy;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  draw();
  must(pa_policy_load(&policy, "builtin:uwmmse-robust", NULL) == PA_OK);
  of_the_whole(policy);
  in_parts(policy);
  wrong_parts();
  mixed_states(policy);
  pa_policy_free(policy);
  MPI_Finalize();
  return 0;
}
