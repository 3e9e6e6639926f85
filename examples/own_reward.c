/* Trains REGNN on a reward of one's own: the throughput of a link whose modulation and coding are chosen from a table,
 * which no gradient goes through. The trainer only tries powers and observes what comes of them.
 *
 *   own_reward STEPS MODEL.safetensors */
#include <powalloc/powalloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINKS = 10 };

static void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", pa_status_name(status), pa_last_error());
  exit(1);
}

/* Bits a symbol of the best scheme whose SINR is reached, for every link of every state. */
static int32_t throughput(void *user, const pa_states *states, const double *power, double *reward, size_t rewards) {
  static const double sinr_db[] = {-3, 2, 6, 10, 15, 20}, bits[] = {0.25, 0.75, 1.5, 2.5, 4, 5.5};
  (void)user;
  if (pa_sinr(states, power, reward) != PA_OK) return PA_CALLBACK_ABORT;
  for (size_t k = 0; k < pa_states_batch(states) * rewards; k++) {
    double db = reward[k] > 0 ? pa_ratio_to_db(reward[k]) : -1000;
    reward[k] = 0;
    for (int scheme = 0; scheme < 6 && db >= sinr_db[scheme]; scheme++) reward[k] = bits[scheme];
  }
  return PA_CALLBACK_OK;
}

static double mean_throughput(const pa_policy *policy, const pa_states *states) {
  size_t n = pa_states_batch(states) * LINKS;
  double *power = malloc(n * sizeof *power), *reward = malloc(n * sizeof *reward), sum = 0;
  must(pa_policy_allocate(policy, states, power, NULL, 0));
  throughput(NULL, states, power, reward, LINKS);
  for (size_t k = 0; k < n; k++) sum += reward[k];
  free(power);
  free(reward);
  return sum / (double)pa_states_batch(states);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  pa_network *network;
  pa_regnn *model;
  pa_trainer *trainer;
  pa_policy *full, *wmmse;
  pa_states *fresh;
  double noise = pa_db_to_ratio(-40);
  must(pa_network_create_adhoc(&network, LINKS, 1, NULL));
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_regnn_create(&model, NULL, NULL, 0, 1, NULL));
  must(pa_trainer_create(&trainer, pa_regnn_policy(model), network, 1, NULL));
  must(pa_trainer_set_reward(trainer, LINKS, throughput, NULL, NULL));
  must(pa_trainer_run(trainer, strtoull(argv[1], NULL, 10)));
  must(pa_regnn_save(model, argv[2], "examples/own_reward.c"));
  must(pa_network_draw_states(network, 7, 0, 2000, &fresh, NULL));
  must(pa_policy_create(&full, "full-power", NULL));
  must(pa_policy_create(&wmmse, "wmmse", NULL));
  double learned = mean_throughput(pa_regnn_policy(model), fresh), others = mean_throughput(full, fresh);
  printf("bits a symbol, all links: full power %.3f, WMMSE %.3f, learned %.3f\n", others, mean_throughput(wmmse, fresh),
         learned);
  pa_policy_free(full);
  pa_policy_free(wmmse);
  pa_states_free(fresh);
  pa_trainer_free(trainer);
  pa_regnn_free(model);
  pa_network_free(network);
  return learned > others ? 0 : 1;
}
