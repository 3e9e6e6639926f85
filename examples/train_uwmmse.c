/* Trains UWMMSE on a random network and saves it.
 *
 *   train_uwmmse STEPS MODEL.safetensors */
#include <powalloc/powalloc.h>
#include <stdio.h>
#include <stdlib.h>

static void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", pa_status_name(status), pa_last_error());
  exit(1);
}

static int32_t on_progress(void *user, const pa_trainer *trainer) {
  double step, rate;
  (void)user;
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_STEP, &step));
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_HELD_OUT_RATE, &rate));
  printf("step %.0f: %.2f bit/s/Hz\n", step, rate);
  return PA_CALLBACK_OK;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  pa_network *network;
  pa_uwmmse *model;
  pa_trainer *trainer;
  double noise = pa_db_to_ratio(-91), rate, baseline;
  must(pa_network_create_adhoc(&network, 20, 1, NULL));
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_uwmmse_create(&model, PA_UWMMSE_EXTENDED, 4, 5, 1, NULL));
  must(pa_trainer_create(&trainer, pa_uwmmse_policy(model), network, 1, NULL));
  must(pa_trainer_set(trainer, PA_TRAINER_THREADS, 2));
  must(pa_trainer_set_progress(trainer, 500, on_progress, NULL, NULL));
  must(pa_trainer_run(trainer, strtoull(argv[1], NULL, 10)));
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_BEST_RATE, &rate));
  must(pa_trainer_stat(trainer, PA_TRAINER_STAT_BASELINE_RATE, &baseline));
  printf("%.4f of WMMSE with 100 iterations\n", rate / baseline);
  must(pa_uwmmse_save(model, argv[2], "examples/train_uwmmse.c"));
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  pa_network_free(network);
  return 0;
}
