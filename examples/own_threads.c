/* A batch in single precision, allocated by the application's own threads.
 *
 *   own_threads MODEL.safetensors */
#define _POSIX_C_SOURCE 200809L
#include <powalloc/powalloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 3, LINKS = 20, BATCH = 500 };

static void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", pa_status_name(status), pa_last_error());
  exit(1);
}

/* The application's way of running tasks: worker k takes tasks k, k + THREADS, ... An engine would hand them to threads
 * that are there already. */
struct share {
  pa_task_fn run;
  void *task;
  size_t worker, tasks;
};

static void *work_off(void *argument) {
  const struct share *share = argument;
  for (size_t k = share->worker; k < share->tasks; k += THREADS) share->run(share->task, share->worker, k);
  return NULL;
}

static int32_t parallel(void *user, size_t tasks, pa_task_fn run, void *task) {
  pthread_t thread[THREADS];
  struct share share[THREADS];
  size_t started = 0;
  (void)user;
  for (size_t k = 0; k < THREADS; k++) {
    share[k] = (struct share){run, task, k, tasks};
    if (pthread_create(&thread[k], NULL, work_off, &share[k]) != 0) break;
    started++;
  }
  for (size_t k = 0; k < started; k++) pthread_join(thread[k], NULL);
  return started == THREADS ? PA_CALLBACK_OK : PA_CALLBACK_ABORT;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  static double wide[BATCH * LINKS * LINKS];
  static float h[BATCH * LINKS * LINKS], power[BATCH * LINKS], alone[BATCH * LINKS], rate[BATCH * LINKS];
  pa_policy *policy;
  pa_network *network;
  pa_states *states;
  pa_pool *pool;
  double noise, sum = 0;
  must(pa_policy_load(&policy, argv[1], NULL));
  must(pa_parse_power("-91dB", &noise));
  must(pa_network_create_adhoc(&network, LINKS, 1, NULL));
  must(pa_network_draw(network, 0, 0, BATCH, wide));
  for (size_t k = 0; k < BATCH * LINKS * LINKS; k++) h[k] = (float)wide[k];

  must(pa_states_create_f32(&states, BATCH, LINKS, h, noise, 1, NULL));
  must(pa_pool_create_custom(&pool, THREADS, parallel, NULL, NULL, NULL));
  must(pa_policy_allocate_parallel_f32(policy, states, power, pool, NULL, 0));
  must(pa_rates_f32(states, power, rate));
  for (size_t k = 0; k < BATCH * LINKS; k++) sum += (double)rate[k];
  printf("mean sum-rate %.3f bit/s/Hz\n", sum / BATCH);

  must(pa_policy_allocate_f32(policy, states, alone, NULL, 0));
  int same = memcmp(power, alone, sizeof power) == 0;
  printf("%s as on one thread\n", same ? "the same powers" : "other powers");

  pa_pool_free(pool);
  pa_states_free(states);
  pa_network_free(network);
  pa_policy_free(policy);
  return !same;
}
