/* Trains UWMMSE on all processes of an MPI job; the model is that of one process, to the bit.
 *
 *   mpirun -n 4 mpi_train STEPS MODEL.safetensors */
#include <powalloc/mpi.h>
#include <stdio.h>
#include <stdlib.h>

static void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", pa_status_name(status), pa_last_error());
  MPI_Abort(MPI_COMM_WORLD, 1);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int rank, ranks;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  pa_network *network; /* and all else: made alike by every process */
  pa_uwmmse *model;
  pa_trainer *trainer;
  double noise = pa_db_to_ratio(-91), rate, baseline;
  must(pa_network_create_adhoc(&network, 20, 1, NULL));
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_uwmmse_create(&model, PA_UWMMSE_EXTENDED, 4, 5, 1, NULL));
  must(pa_trainer_create(&trainer, pa_uwmmse_policy(model), network, 1, NULL));
  must(pa_trainer_set(trainer, PA_TRAINER_BATCH, 128)); /* 16 chunks to share */
  must(pa_mpi_attach(trainer, MPI_COMM_WORLD));
  must(pa_trainer_run(trainer, strtoull(argv[1], NULL, 10)));
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_BEST_RATE, &rate));
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_BASELINE_RATE, &baseline));
  if (rank == 0) {
    printf("%d processes: %.4f of WMMSE with 100 iterations\n", ranks, rate / baseline);
    must(pa_uwmmse_save(model, argv[2], "examples/mpi_train.c"));
  }
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  pa_network_free(network);
  MPI_Finalize();
  return 0;
}
