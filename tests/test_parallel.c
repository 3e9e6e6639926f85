/* Several threads: the same bits as one. */
#include "suite.h"

#include <stdbool.h>

static pa_states *draw(size_t links, size_t batch, uint64_t seed) {
  pa_network *network;
  pa_states *states;
  double noise;
  ok(pa_network_create_adhoc(&network, links, seed, NULL));
  ok(pa_parse_power("-91dB", &noise));
  ok(pa_network_set_noise(network, &noise, 1));
  ok(pa_network_draw_states(network, 3, 0, batch, &states, NULL));
  pa_network_free(network);
  return states;
}

/* An application's pool: tasks from the last to the first, by workers in turn, on this thread. */
static int32_t backwards(void *user, size_t tasks, pa_task_fn run, void *task) {
  for (size_t k = tasks; k-- > 0;) run(task, k % *(size_t *)user, k);
  return PA_CALLBACK_OK;
}

enum { POOLS = 4 };

struct pools {
  pa_pool *pool[POOLS];
  size_t workers;
};

static struct pools make_pools(void) {
  static size_t workers = 3;
  struct pools p = {.workers = workers};
  for (size_t k = 0; k + 1 < POOLS; k++) ok(pa_pool_create(&p.pool[k], k + 1, NULL));
  ok(pa_pool_create_custom(&p.pool[POOLS - 1], workers, backwards, &workers, NULL, NULL));
  return p;
}

static void free_pools(struct pools *p) {
  for (size_t k = 0; k < POOLS; k++) pa_pool_free(p->pool[k]);
}

/* The batch in three parts, with fewer samples in the last. */
static void check_parts(const pa_policy *policy, const pa_states *states, const double *alone) {
  size_t batch = pa_states_batch(states), links = pa_states_links(states), part = (batch + 2) / 3;
  double *power = calloc(batch * links, sizeof *power);
  for (size_t first = 0; first < batch; first += part)
    ok(pa_policy_allocate_part(policy, states, first, part < batch - first ? part : batch - first,
                               power + first * links));
  ck_assert_msg(memcmp(alone, power, batch * links * sizeof *power) == 0, "%s, %zu links in parts",
                pa_policy_name(policy), links);
  fails(pa_policy_allocate_part(policy, states, 0, 0, power), PA_ERROR_ARGUMENT, "no 0 samples");
  fails(pa_policy_allocate_part(policy, states, batch, 1, power), PA_ERROR_ARGUMENT, "no 1 samples");
  fails(pa_policy_allocate_part(policy, states, 1, batch, power), PA_ERROR_ARGUMENT, "samples from number 1 on");
  fails(pa_policy_allocate_part(policy, NULL, 0, 1, power), PA_ERROR_ARGUMENT, "states is NULL");
  free(power);
}

static void check_double(const pa_policy *policy, const pa_states *states, pa_pool *pool) {
  size_t count = pa_states_batch(states) * pa_states_links(states), bytes;
  double *alone = calloc(3 * count, sizeof *alone), *power = alone + count, *again = power + count;
  ok(pa_policy_allocate(policy, states, alone, NULL, 0));
  ok(pa_policy_allocate_parallel(policy, states, power, pool, NULL, 0));
  if (!pool) check_parts(policy, states, alone);
  ok(pa_policy_workspace_parallel(policy, pa_states_batch(states), pa_states_links(states), pool, &bytes));
  void *work = aligned_alloc(64, bytes);
  ok(pa_policy_allocate_parallel(policy, states, again, pool, work, bytes));
  ck_assert_msg(memcmp(alone, power, count * sizeof *power) == 0, "%s, %zu links", pa_policy_name(policy),
                pa_states_links(states));
  ck_assert_int_eq(memcmp(alone, again, count * sizeof *power), 0);
  fails(pa_policy_allocate_parallel(policy, states, again, pool, work, bytes - 1), PA_ERROR_WORKSPACE, "work has");
  free(work);
  free(alone);
}

static void check_single(const pa_policy *policy, const pa_states *wide, pa_pool *pool) {
  size_t links = pa_states_links(wide), batch = pa_states_batch(wide), count = batch * links, bytes;
  float *h = calloc(count * links, sizeof *h), *alone = calloc(2 * count, sizeof *alone), *power = alone + count;
  for (size_t k = 0; k < count * links; k++) h[k] = (float)pa_states_channel(wide)[k];
  pa_states *states;
  ok(pa_states_create_f32(&states, batch, links, h, pa_states_noise(wide)[0], 1, NULL));
  ok(pa_policy_allocate_f32(policy, states, alone, NULL, 0));
  ok(pa_policy_workspace_parallel_f32(policy, batch, links, pool, &bytes));
  void *work = aligned_alloc(64, bytes);
  ok(pa_policy_allocate_parallel_f32(policy, states, power, pool, work, bytes));
  ck_assert_msg(memcmp(alone, power, count * sizeof *power) == 0, "%s, %zu links", pa_policy_name(policy), links);
  free(work);
  free(h);
  free(alone);
  pa_states_free(states);
}

static const size_t shapes[][2] = {{1, 1},    {1, 50}, {5, 33},  {20, 1},  {20, 16}, {20, 17},
                                   {20, 100}, {40, 7}, {200, 1}, {200, 3}, {257, 1}};

START_TEST(powers_do_not_depend_on_threads) {
  struct pools pools = make_pools();
  pa_uwmmse *uwmmse[2];
  pa_regnn *regnn;
  ok(pa_uwmmse_create(&uwmmse[0], PA_UWMMSE_PAPER, 4, 5, 1, NULL));
  ok(pa_uwmmse_create(&uwmmse[1], PA_UWMMSE_EXTENDED, 4, 5, 1, NULL));
  ok(pa_regnn_create(&regnn, (int32_t[]){PA_REGNN_OUTPUT}, (double[]){PA_REGNN_OUTPUT_CONTINUOUS}, 1, 1, NULL));
  const pa_policy *learned[] = {pa_uwmmse_policy(uwmmse[0]), pa_uwmmse_policy(uwmmse[1]), pa_regnn_policy(regnn)};
  static const char *const names[] = {"equal", "random", "threshold", "wmmse", "wmmse-truncated"};
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
    pa_states *states = draw(shapes[s][0], shapes[s][1], s);
    for (size_t k = 0; k < POOLS; k++) {
      for (size_t m = 0; m < 3; m++) {
        check_double(learned[m], states, pools.pool[k]);
        check_single(learned[m], states, pools.pool[k]);
      }
      for (size_t name = 0; name < sizeof names / sizeof names[0]; name++) {
        pa_policy *policy;
        ok(pa_policy_create(&policy, names[name], NULL));
        check_double(policy, states, pools.pool[k]);
        check_single(policy, states, pools.pool[k]);
        pa_policy_free(policy);
      }
    }
    check_double(learned[0], states, NULL);
    for (size_t name = 0; name < sizeof names / sizeof names[0]; name++) {
      pa_policy *policy;
      ok(pa_policy_create(&policy, names[name], NULL));
      check_double(policy, states, NULL);
      check_single(policy, states, NULL);
      pa_policy_free(policy);
    }
    pa_states_free(states);
  }
  pa_uwmmse_free(uwmmse[0]);
  pa_uwmmse_free(uwmmse[1]);
  pa_regnn_free(regnn);
  free_pools(&pools);
}
END_TEST

/* A limit on the sum of powers and a tolerance are matters of one sample; rows of it are shared all the same. */
START_TEST(caps_and_tolerances_do_not_depend_on_threads) {
  struct pools pools = make_pools();
  pa_policy *policy;
  ok(pa_policy_create(&policy, "wmmse", NULL));
  for (int capped = 0; capped < 2; capped++) {
    ok(pa_policy_set(policy, PA_POLICY_SUM_POWER, capped ? 3 : 0));
    ok(pa_policy_set(policy, PA_POLICY_TOLERANCE, capped ? 0 : 1e-4));
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
      pa_states *states = draw(shapes[s][0], shapes[s][1], s);
      check_double(policy, states, pools.pool[2]);
      pa_states_free(states);
    }
  }
  pa_policy_free(policy);
  free_pools(&pools);
}
END_TEST

static int32_t half(void *user, const pa_states *states, double *power) {
  ++*(int *)user;
  for (size_t k = 0; k < pa_states_batch(states) * pa_states_links(states); k++) power[k] = .5;
  return PA_CALLBACK_OK;
}

START_TEST(a_callback_sees_its_batch_in_one_piece) {
  struct pools pools = make_pools();
  pa_policy *policy;
  pa_states *states = draw(3, 100, 1);
  int calls = 0;
  double power[300];
  ok(pa_policy_create_callback(&policy, half, &calls, NULL, NULL));
  ok(pa_policy_allocate_parallel(policy, states, power, pools.pool[1], NULL, 0));
  ck_assert_int_eq(calls, 1);
  pa_policy_free(policy);
  pa_states_free(states);
  free_pools(&pools);
}
END_TEST

/* ---- custom pools that do not do as they must ---- */

enum fault { REFUSES, LEAVES_OUT, REPEATS, NUMBERS_WORKERS_WRONG, NUMBERS_TASKS_WRONG, FAULTS };

static int32_t faulty(void *user, size_t tasks, pa_task_fn run, void *task) {
  enum fault fault = *(enum fault *)user;
  for (size_t k = fault == LEAVES_OUT; k < tasks; k++)
    run(task, fault == NUMBERS_WORKERS_WRONG ? 2 : 0, k + (fault == NUMBERS_TASKS_WRONG));
  if (fault == REPEATS) run(task, 0, 0);
  return fault == REFUSES ? 7 : PA_CALLBACK_OK;
}

static int freed;

static void count_free(void *user) {
  (void)user;
  freed++;
}

START_TEST(faulty_pools_are_found) {
  pa_policy *policy;
  ok(pa_policy_create(&policy, "wmmse", NULL));
  for (enum fault fault = REFUSES; fault < FAULTS; fault++)
    for (int large = 0; large < 2; large++) {
      pa_pool *pool;
      pa_states *states = draw(large ? 200 : 5, large ? 1 : 40, 1);
      double power[200];
      ok(pa_pool_create_custom(&pool, 2, faulty, &fault, count_free, NULL));
      fails(pa_policy_allocate_parallel(policy, states, power, pool, NULL, 0), PA_ERROR_CALLBACK,
            "the callback that runs tasks");
      pa_pool_free(pool);
      pa_states_free(states);
    }
  ck_assert_int_eq(freed, 2 * FAULTS);
  pa_policy_free(policy);
}
END_TEST

START_TEST(pools_check_their_arguments) {
  pa_pool *pool;
  size_t workers = 2, bytes;
  pa_policy *policy;
  pa_states *states = draw(2, 2, 1);
  double power[4] = {9, 9, 9, 9};
  ok(pa_policy_create(&policy, "wmmse", NULL));
  fails(pa_pool_create(NULL, 2, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_pool_create(&pool, 0, NULL), PA_ERROR_ARGUMENT, "threads is 0");
  fails(pa_pool_create(&pool, 1025, NULL), PA_ERROR_ARGUMENT, "threads is 1025");
  fails(pa_pool_create_custom(&pool, 2, NULL, NULL, NULL, NULL), PA_ERROR_ARGUMENT, "parallel is NULL");
  fails(pa_pool_create_custom(&pool, 0, backwards, &workers, NULL, NULL), PA_ERROR_ARGUMENT, "threads is 0");
  ck_assert_uint_eq(pa_pool_threads(NULL), 1);
  pa_pool_free(NULL);
  ok(pa_pool_create(&pool, 2, NULL));
  ck_assert_uint_eq(pa_pool_threads(pool), 2);
  fails(pa_policy_allocate_parallel(NULL, states, power, pool, NULL, 0), PA_ERROR_ARGUMENT, "policy is NULL");
  fails(pa_policy_allocate_parallel(policy, NULL, power, pool, NULL, 0), PA_ERROR_ARGUMENT, "states is NULL");
  fails(pa_policy_allocate_parallel(policy, states, NULL, pool, NULL, 0), PA_ERROR_ARGUMENT, "power is NULL");
  fails(pa_policy_allocate_parallel_f32(policy, states, (float[4]){0}, pool, NULL, 0), PA_ERROR_ARGUMENT,
        "states are in double precision");
  fails(pa_policy_workspace_parallel(policy, 0, 2, pool, &bytes), PA_ERROR_ARGUMENT, "batch is 0");
  fails(pa_policy_workspace_parallel(policy, 1, 2, pool, NULL), PA_ERROR_ARGUMENT, "bytes is NULL");
  for (size_t k = 0; k < 4; k++) ck_assert(power[k] == 9);
  pa_pool_free(pool);
  pa_policy_free(policy);
  pa_states_free(states);
}
END_TEST

/* ---- training ---- */

static double *trained(pa_pool *pool, double threads, size_t *count) {
  pa_network *network;
  pa_uwmmse *model;
  pa_trainer *trainer;
  double noise;
  ok(pa_network_create_adhoc(&network, 8, 1, NULL));
  ok(pa_parse_power("-91dB", &noise));
  ok(pa_network_set_noise(network, &noise, 1));
  ok(pa_uwmmse_create(&model, PA_UWMMSE_EXTENDED, 2, 3, 1, NULL));
  ok(pa_trainer_create(&trainer, pa_uwmmse_policy(model), network, 5, NULL));
  ok(pa_trainer_set(trainer, PA_TRAINER_THREADS, threads));
  ok(pa_trainer_set_pool(trainer, pool));
  ok(pa_trainer_run(trainer, 20));
  *count = pa_uwmmse_weight_count(model);
  double *weights = calloc(*count, sizeof *weights);
  ok(pa_uwmmse_get_weights(model, weights, *count));
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  pa_network_free(network);
  return weights;
}

START_TEST(a_trainer_takes_a_pool) {
  struct pools pools = make_pools();
  size_t count;
  double *alone = trained(NULL, 1, &count);
  for (size_t k = 0; k < POOLS; k++) {
    double *weights = trained(pools.pool[k], 1, &count);
    ck_assert_int_eq(memcmp(alone, weights, count * sizeof *weights), 0);
    free(weights);
  }
  free(alone);
  free_pools(&pools);
}
END_TEST

int main(void) {
  return run_tests("parallel",
                   (const TTest *const[]){powers_do_not_depend_on_threads, caps_and_tolerances_do_not_depend_on_threads,
                                          a_callback_sees_its_batch_in_one_piece, faulty_pools_are_found,
                                          pools_check_their_arguments, a_trainer_takes_a_pool, NULL});
}
