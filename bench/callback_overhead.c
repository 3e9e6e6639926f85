/* What the trainer adds to a reward call: the time from the return of one to the entry of the next in the same step,
 * its median over 10000 steps of 16 states of LINKS links, 8 actions each.
 *
 *   callback_overhead LINKS */
#include "bench.h"

#include <string.h>

enum { MOST = 1 << 20 };

static struct {
  double left, gaps[MOST];
  size_t count;
  const double *h; /* of the step: calls of one step have the same channels */
  double first;
} watch;

static int32_t reward(void *user, const pa_states *states, const double *power, double *out, size_t rewards) {
  double entered = now();
  const double *h = pa_states_channel(states);
  (void)user;
  if (h == watch.h && h[0] == watch.first && watch.count < MOST) watch.gaps[watch.count++] = entered - watch.left;
  watch.h = h;
  watch.first = h[0];
  memcpy(out, power, pa_states_batch(states) * rewards * sizeof *out);
  watch.left = now();
  return PA_CALLBACK_OK;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int count, char **words) {
  if (count != 2) return fprintf(stderr, "see the top of callback_overhead.c\n"), 2;
  size_t links = strtoull(words[1], NULL, 10);
  double budget = (double)links / 10;
  pa_network *network;
  pa_regnn *model;
  pa_trainer *trainer;
  if (pa_network_create_adhoc(&network, links, 1, NULL) != PA_OK ||
      pa_regnn_create(&model, NULL, NULL, 0, 1, NULL) != PA_OK ||
      pa_trainer_create(&trainer, pa_regnn_policy(model), network, 1, NULL) != PA_OK ||
      pa_trainer_set_reward(trainer, links, reward, NULL, NULL) != PA_OK ||
      pa_trainer_add_constraint(trainer, PA_CONSTRAINT_MEAN_POWER, &budget, 1) != PA_OK ||
      pa_trainer_run(trainer, 10000) < 0)
    return fprintf(stderr, "%s\n", pa_last_error()), 1;
  qsort(watch.gaps, watch.count, sizeof(double), ascending);
  double reading[1000];
  for (int k = 0; k < 1000; k++) {
    double start = now();
    reading[k] = now() - start;
  }
  qsort(reading, 1000, sizeof(double), ascending);
  printf("%zu links: median %.0f ns between calls of a step, of which reading the clock takes %.0f ns (%zu calls)\n",
         links, 1e9 * watch.gaps[watch.count / 2], 1e9 * reading[500], watch.count);
  pa_trainer_free(trainer);
  pa_regnn_free(model);
  pa_network_free(network);
  return 0;
}
