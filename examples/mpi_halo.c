/* Powers for one large network whose links are shared by the processes of an MPI job: each makes its own links, and
 * none ever holds the whole network.
 *
 *   mpirun -n 4 mpi_halo LINKS MODEL */
#include <math.h>
#include <powalloc/mpi.h>
#include <stdio.h>
#include <stdlib.h>

#define NOISE 7.94e-10 /* W */
#define CUTOFF 60      /* m */
#define WIDTH 40       /* m, of the street along which the links stand, one every 2 m */

static void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", pa_status_name(status), pa_last_error());
  MPI_Abort(MPI_COMM_WORLD, 1);
}

/* A number in (0, 1) that depends on a and b alone, whoever asks. */
static double uniform(uint64_t a, uint64_t b) {
  uint64_t x = a * 0x9e3779b97f4a7c15u + b;
  for (int k = 0; k < 3; k++) {
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    x ^= x >> 29;
  }
  return ((double)(x >> 12) + .5) / 4503599627370496.;
}

static double sum_of_all(double x) {
  double sum;
  MPI_Allreduce(&x, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return sum;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int rank, ranks;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  uint64_t all = strtoull(argv[1], NULL, 10), first = all * (uint64_t)rank / (uint64_t)ranks,
           end = all * ((uint64_t)rank + 1) / (uint64_t)ranks;
  size_t owned = (size_t)(end - first);

  /* Own links; the part finds which of the others' receivers they reach. */
  double *transmitters = malloc(2 * (owned + 1) * sizeof *transmitters), *own = malloc(2 * (owned + 1) * sizeof *own);
  if (!transmitters || !own) MPI_Abort(MPI_COMM_WORLD, 1);
  for (size_t i = 0; i < owned; i++) {
    transmitters[2 * i] = 2 * ((double)(first + i) + uniform(first + i, 0));
    transmitters[2 * i + 1] = WIDTH * uniform(first + i, 1);
    for (size_t k = 0; k < 2; k++) own[2 * i + k] = transmitters[2 * i + k] + 10 * uniform(first + i, 2 + k) - 5;
  }
  pa_mpi_part *part;
  must(pa_mpi_part_create_positions(&part, MPI_COMM_WORLD, owned, transmitters, own, CUTOFF));

  /* Channels of the edges: path gains, and Rayleigh fading that does not depend on who draws it. */
  const pa_graph *graph = pa_mpi_part_graph(part);
  const int64_t *offset = pa_graph_offset(graph), *ghost = pa_mpi_part_ghosts(part);
  const int32_t *receiver = pa_graph_receiver(graph), *order = pa_graph_order(graph);
  size_t links = pa_graph_links(graph), edges = pa_graph_edges(graph);
  double *receivers = calloc(2 * links, sizeof *receivers), *h = malloc((edges + 1) * sizeof *h);
  double *power = malloc(links * sizeof *power), *rate = malloc(links * sizeof *rate);
  if (!receivers || !h || !power || !rate) MPI_Abort(MPI_COMM_WORLD, 1);
  for (size_t k = 0; k < 2 * owned; k++) receivers[k] = own[k];
  must(pa_halo_refresh(pa_mpi_part_halo(part), receivers, 2));
  must(pa_graph_path_gain(graph, transmitters, receivers, 1, 2.2, h));
  for (size_t row = 0; row < links; row++)
    for (int64_t e = offset[row]; e < offset[row + 1]; e++) {
      size_t i = (size_t)order[row], j = (size_t)order[receiver[e]];
      uint64_t to = j < owned ? first + j : (uint64_t)ghost[j - owned];
      h[e] = sqrt(-h[e] * log(uniform(first + i, 4 + to)));
    }

  pa_states *states;
  must(pa_states_create_sparse(&states, 1, graph, h, NOISE, 1, NULL));
  must(pa_states_set_halo(states, pa_mpi_part_halo(part)));
  double channels = sum_of_all((double)edges), ghosts = sum_of_all((double)pa_mpi_part_ghost_count(part));
  if (rank == 0) printf("%.0f links, %.0f channels; %d parts with %.0f ghosts\n", (double)all, channels, ranks, ghosts);
  const char *names[] = {"full-power", "wmmse", argv[2]};
  for (int k = 0; k < 3; k++) {
    pa_policy *policy;
    must(k < 2 ? pa_policy_create(&policy, names[k], NULL) : pa_policy_load(&policy, names[k], NULL));
    double sum = 0, begin = MPI_Wtime();
    must(pa_policy_allocate(policy, states, power, NULL, 0));
    double seconds = MPI_Wtime() - begin;
    must(pa_rates(states, power, rate));
    for (size_t i = 0; i < owned; i++) sum += rate[i];
    sum = sum_of_all(sum);
    if (rank == 0) printf("%-10s %.9f bit/s/Hz a link, %.4f s\n", pa_policy_name(policy), sum / (double)all, seconds);
    pa_policy_free(policy);
  }
  pa_states_free(states);
  pa_mpi_part_free(part);
  free(transmitters);
  free(own);
  free(receivers);
  free(h);
  free(power);
  free(rate);
  MPI_Finalize();
  return 0;
}
