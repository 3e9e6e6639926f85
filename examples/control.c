/* Wireless control over random access (REGNN paper, eqs. (9) and (10)): 6 unstable plants send their states to their
 * controllers; packets collide. A plant whose packet arrives shrinks, one whose packet is lost grows. REGNN learns who
 * shall send from the states of the plants and the channels, by trying.
 *
 *   control STEPS */
#include <math.h>
#include <powalloc/powalloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLANTS = 6, COPIES = 16 };

static double gains[2] = {0.3, 1.3}; /* with and without a packet */

typedef struct plants {
  pa_network *radio;
  double x[COPIES][PLANTS], arrives[COPIES][PLANTS]; /* states, and probabilities that their packets arrive */
  uint64_t random;
} plants;

static void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", pa_status_name(status), pa_last_error());
  exit(1);
}

static double uniform(plants *p) {
  p->random = p->random * 6364136223846793005u + 1442695040888963407u;
  return (double)(p->random >> 11) * 0x1p-53;
}

/* One step of the plants, with disturbances; they break at 10. */
static void advance(plants *p, size_t copy) {
  for (size_t i = 0; i < PLANTS; i++) {
    double gain = uniform(p) < p->arrives[copy][i] ? gains[0] : gains[1];
    p->x[copy][i] = fmin(fmax(gain * p->x[copy][i] + 2 * uniform(p) - 1, -10), 10);
  }
}

/* The node state is |x|: which way a plant is off does not matter to who shall send. */
static int32_t next_states(void *user, uint64_t stream, uint64_t first, size_t batch, double *h, double *x) {
  plants *p = user;
  if (pa_network_draw(p->radio, stream, first, batch, h) != PA_OK) return PA_CALLBACK_ABORT;
  for (size_t b = 0; b < batch; b++) {
    if (stream == 0) advance(p, b % COPIES);
    for (size_t i = 0; i < PLANTS; i++)
      x[b * PLANTS + i] = stream == 0 ? fabs(p->x[b % COPIES][i]) : 5 * uniform(p) * uniform(p);
  }
  return PA_CALLBACK_OK;
}

/* The library's cost, and what is tried last happens to the plants. */
static int32_t cost(void *user, const pa_states *states, const double *power, double *reward, size_t rewards) {
  plants *p = user;
  if (pa_states_batch(states) == COPIES &&
      pa_reward_control_success(NULL, states, power, &p->arrives[0][0], rewards) != PA_CALLBACK_OK)
    return PA_CALLBACK_ABORT;
  return pa_reward_control_cost(gains, states, power, reward, rewards);
}

/* Mean square of the plants' states under a policy in the closed loop. */
static double run(const pa_policy *policy, plants *p, size_t steps) {
  double h[PLANTS * PLANTS] = {0}, x[PLANTS], power[PLANTS], sum = 0;
  pa_states *states;
  must(pa_states_create(&states, 1, PLANTS, h, 1, 1, NULL));
  memset(p->x, 0, sizeof p->x);
  p->random = 1;
  for (size_t step = 0; step < steps; step++) {
    must(pa_network_draw(p->radio, 9, step, 1, h));
    for (size_t i = 0; i < PLANTS; i++) x[i] = fabs(p->x[0][i]), sum += x[i] * x[i] / (double)(steps * PLANTS);
    must(pa_states_bind(states, 1, h));
    must(pa_states_set_node_state(states, x, 1));
    must(pa_policy_allocate(policy, states, power, NULL, 0));
    if (pa_reward_control_success(NULL, states, power, p->arrives[0], PLANTS) != PA_CALLBACK_OK)
      must(PA_ERROR_CALLBACK);
    advance(p, 0);
  }
  pa_states_free(states);
  return sum;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  plants p = {.random = 1};
  pa_network *network;
  pa_regnn *model;
  pa_trainer *trainer;
  pa_policy *full, *random;
  const int32_t keys[] = {PA_REGNN_STATE_FEATURES, PA_REGNN_FEATURES};
  const double values[] = {1, 8}, costs[PLANTS] = {-1, -1, -1, -1, -1, -1};
  must(pa_network_create_adhoc(&p.radio, PLANTS, 3, NULL));
  must(pa_network_set(p.radio, PA_NETWORK_DENSITY, 8)); /* close together: packets do collide */
  must(pa_network_create_callback(&network, PLANTS, 1, next_states, &p, NULL, NULL));
  must(pa_regnn_create(&model, keys, values, 2, 1, NULL));
  must(pa_trainer_create(&trainer, pa_regnn_policy(model), network, 1, NULL));
  must(pa_trainer_set_reward(trainer, PLANTS, cost, &p, NULL));
  must(pa_trainer_set_utility(trainer, PA_UTILITY_SUM, costs, PLANTS));
  must(pa_trainer_set(trainer, PA_TRAINER_BATCH, COPIES));
  must(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 1000));
  must(pa_trainer_run(trainer, strtoull(argv[1], NULL, 10)));
  must(pa_policy_create(&full, "full-power", NULL));
  must(pa_policy_create(&random, "random", NULL));
  double at_full = run(full, &p, 20000), at_random = run(random, &p, 20000);
  double learned = run(pa_regnn_policy(model), &p, 20000);
  printf("mean square of the plants: all send %.2f, a random half sends %.2f, learned %.2f\n", at_full, at_random,
         learned);
  pa_policy_free(full);
  pa_policy_free(random);
  pa_trainer_free(trainer);
  pa_regnn_free(model);
  pa_network_free(network);
  pa_network_free(p.radio);
  return learned < fmin(at_full, at_random) ? 0 : 1;
}
