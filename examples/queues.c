/* A closed-loop system: packets arrive in the queues of 8 links and are served at the links' rates. The state callback
 * advances 16 copies of the system by one slot, with the powers that were tried last; queue lengths are the node state.
 * REGNN learns to serve the queues by trying: its reward is the work done, weighted by the queues.
 *
 *   queues STEPS */
#include <math.h>
#include <powalloc/powalloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS = 8, COPIES = 16, MOST = 40 };

typedef struct queues {
  pa_network *radio; /* draws the fading */
  double arrivals;   /* mean a slot */
  double length[COPIES][LINKS], served[COPIES][LINKS];
  uint64_t random;
} queues;

static void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", pa_status_name(status), pa_last_error());
  exit(1);
}

static double uniform(queues *q) {
  q->random = q->random * 6364136223846793005u + 1442695040888963407u;
  return (double)(q->random >> 11) * 0x1p-53;
}

/* One slot: what was served leaves, what arrives (exponential sizes) queues up. */
static void advance(queues *q, size_t copy) {
  for (size_t i = 0; i < LINKS; i++) {
    double left = fmax(q->length[copy][i] - q->served[copy][i], 0) - q->arrivals * log(1 - uniform(q));
    q->length[copy][i] = fmin(left, MOST);
    q->served[copy][i] = 0;
  }
}

/* Training states come from the running copies; held-out ones have queues of random lengths. */
static int32_t next_states(void *user, uint64_t stream, uint64_t first, size_t batch, double *h, double *x) {
  queues *q = user;
  if (pa_network_draw(q->radio, stream, first, batch, h) != PA_OK) return PA_CALLBACK_ABORT;
  for (size_t b = 0; b < batch; b++) {
    if (stream == 0) advance(q, b % COPIES);
    for (size_t i = 0; i < LINKS; i++)
      x[b * LINKS + i] = stream == 0 ? q->length[b % COPIES][i] : -4 * log(1 - uniform(q));
  }
  return PA_CALLBACK_OK;
}

/* Queue length times service; what is tried last is what happens. */
static int32_t work_done(void *user, const pa_states *states, const double *power, double *reward, size_t rewards) {
  queues *q = user;
  const double *length = pa_states_node_state(states);
  size_t batch = pa_states_batch(states);
  if (pa_rates(states, power, reward) != PA_OK) return PA_CALLBACK_ABORT;
  for (size_t b = 0; b < batch; b++)
    for (size_t i = 0; i < rewards; i++) {
      double service = fmin(reward[b * rewards + i], length[b * rewards + i]);
      if (batch == COPIES) q->served[b][i] = service;
      reward[b * rewards + i] = length[b * rewards + i] * service;
    }
  return PA_CALLBACK_OK;
}

/* Mean queue length of a policy in the closed loop. */
static double run(const pa_policy *policy, queues *q, size_t slots) {
  double h[LINKS * LINKS] = {0}, power[LINKS], rate[LINKS], sum = 0, noise = 1e-2;
  pa_states *states;
  must(pa_states_create(&states, 1, LINKS, h, noise, 1, NULL));
  memset(q->length, 0, sizeof q->length);
  memset(q->served, 0, sizeof q->served);
  q->random = 1;
  for (size_t slot = 0; slot < slots; slot++) {
    must(pa_network_draw(q->radio, 9, slot, 1, h));
    advance(q, 0);
    must(pa_states_bind(states, 1, h));
    must(pa_states_set_node_state(states, q->length[0], 1));
    must(pa_policy_allocate(policy, states, power, NULL, 0));
    must(pa_rates(states, power, rate));
    for (size_t i = 0; i < LINKS; i++) q->served[0][i] = rate[i], sum += q->length[0][i] / (double)(slots * LINKS);
  }
  pa_states_free(states);
  return sum;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  queues q = {.arrivals = 0.7, .random = 1};
  pa_network *network;
  pa_regnn *model;
  pa_trainer *trainer;
  pa_policy *full, *wmmse;
  const int32_t keys[] = {PA_REGNN_STATE_FEATURES, PA_REGNN_FEATURES};
  const double values[] = {1, 8}, noise = 1e-2;
  must(pa_network_create_adhoc(&q.radio, LINKS, 5, NULL));
  must(pa_network_create_callback(&network, LINKS, 1, next_states, &q, NULL, NULL));
  must(pa_network_set_noise(network, &noise, 1));
  must(pa_regnn_create(&model, keys, values, 2, 1, NULL));
  must(pa_trainer_create(&trainer, pa_regnn_policy(model), network, 1, NULL));
  must(pa_trainer_set_reward(trainer, LINKS, work_done, &q, NULL));
  must(pa_trainer_set(trainer, PA_TRAINER_BATCH, COPIES));
  must(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 1000));
  must(pa_trainer_run(trainer, strtoull(argv[1], NULL, 10)));
  must(pa_policy_create(&full, "full-power", NULL));
  must(pa_policy_create(&wmmse, "wmmse", NULL));
  double at_full = run(full, &q, 20000), at_wmmse = run(wmmse, &q, 20000);
  double learned = run(pa_regnn_policy(model), &q, 20000);
  printf("mean queue: full power %.2f, WMMSE on the sum-rate %.2f, learned %.2f\n", at_full, at_wmmse, learned);
  pa_policy_free(full);
  pa_policy_free(wmmse);
  pa_trainer_free(trainer);
  pa_regnn_free(model);
  pa_network_free(network);
  pa_network_free(q.radio);
  return learned < at_full ? 0 : 1;
}
