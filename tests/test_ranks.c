/* Ranks that train together, here as threads of one process. */
#define _POSIX_C_SOURCE 200809L
#include "suite.h"
#include "train/trainer.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { LINKS = 6, MOST = 5, STATS = PA_TRAINER_STAT_POWER_DUAL };

/* ---- the way between the ranks ---- */

struct board {
  pthread_barrier_t barrier;
  double *numbers; /* of all */
  size_t ranks, breaks_at, leaves_out_at;
};

struct rank {
  struct board *board;
  const struct plan *plan;
  size_t rank, gathered, frees, fails_at;
  uint64_t steps;
  const char *resume, *save;
  /* What it trains, */
  pa_network *network;
  pa_states *states, *parts[2]; /* of mixed states, as networks of their parts */
  pa_network *other;
  pa_policy *policy, *teacher;
  pa_trainer *trainer;
  size_t probed, probes;
  /* and what came of it. */
  pa_status status;
  char message[512];
  double stat[STATS], *weights;
  size_t weight_count;
};

static int32_t gather(void *user, double *numbers, const size_t *first) {
  struct rank *r = user;
  struct board *board = r->board;
  size_t all = first[board->ranks], mine = first[r->rank], count = first[r->rank + 1] - mine;
  if (++r->gathered == board->breaks_at) return PA_CALLBACK_ABORT;
  if (r->gathered == board->leaves_out_at) return PA_CALLBACK_OK;
  if (r->rank == 0) board->numbers = calloc(all + 1, sizeof *numbers);
  pthread_barrier_wait(&board->barrier);
  memcpy(board->numbers + mine, numbers + mine, count * sizeof *numbers);
  pthread_barrier_wait(&board->barrier);
  memcpy(numbers, board->numbers, all * sizeof *numbers);
  pthread_barrier_wait(&board->barrier);
  if (r->rank == 0) free(board->numbers);
  return PA_CALLBACK_OK;
}

static void count_free(void *user) { ((struct rank *)user)->frees++; }

/* ---- what is trained ---- */

/* What differs between the tests; create() sets policy and trainer. */
struct plan {
  void (*create)(struct rank *r);
  void (*change)(struct rank *r); /* before the run; may be NULL */
};

static pa_network *adhoc(uint64_t seed) {
  pa_network *network;
  double noise = 1e-3;
  ok(pa_network_create_adhoc(&network, LINKS, seed, NULL));
  ok(pa_network_set_noise(network, &noise, 1));
  return network;
}

static void small(pa_trainer *trainer) {
  ok(pa_trainer_set(trainer, PA_TRAINER_BATCH, 20)); /* chunks of 8, 8, 4 */
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 45));
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT_EVERY, 7));
  ok(pa_trainer_set(trainer, PA_TRAINER_SCHEDULE, 20));
}

static pa_policy *uwmmse(int32_t architecture) {
  pa_uwmmse *model;
  ok(pa_uwmmse_create(&model, architecture, 2, 3, 1, NULL));
  return pa_uwmmse_policy(model);
}

static void free_model(pa_policy *policy) {
  pa_uwmmse *of_uwmmse = pa_policy_uwmmse(policy);
  pa_regnn *of_regnn = pa_policy_regnn(policy);
  pa_mlp *of_mlp = pa_policy_mlp(policy);
  pa_uwmmse_free(of_uwmmse);
  pa_regnn_free(of_regnn);
  pa_mlp_free(of_mlp);
}

static void on_network(struct rank *r) {
  if (!r->network) r->network = adhoc(3);
  ok(pa_trainer_create(&r->trainer, r->policy, r->network, 5, NULL));
  small(r->trainer);
}

static void create_uwmmse(struct rank *r) {
  r->policy = uwmmse(PA_UWMMSE_EXTENDED);
  on_network(r);
}

static void create_on_family(struct rank *r) {
  double noise = 1e-3;
  r->policy = uwmmse(PA_UWMMSE_PAPER);
  ok(pa_network_create_adhoc_family(&r->network, 3, LINKS, .5, 3, 3, NULL));
  ok(pa_network_set_noise(r->network, &noise, 1));
  on_network(r);
}

static void create_on_states(struct rank *r) {
  r->policy = uwmmse(PA_UWMMSE_EXTENDED);
  r->network = adhoc(3);
  ok(pa_network_draw_states(r->network, 0, 0, 60, &r->states, NULL));
  ok(pa_trainer_create_on_states(&r->trainer, r->policy, r->states, 5, NULL));
  small(r->trainer);
}

/* Two networks, one of them sparse, as one batch. */
static void create_on_mixed(struct rank *r) {
  double noise = 1e-3;
  r->policy = uwmmse(PA_UWMMSE_EXTENDED);
  r->network = adhoc(3);
  ok(pa_network_create_sparse_adhoc(&r->other, 14, 14, 20, 4, NULL));
  ok(pa_network_set_noise(r->other, &noise, 1));
  ok(pa_network_draw_states(r->network, 0, 0, 33, &r->parts[0], NULL));
  ok(pa_network_draw_states(r->other, 0, 0, 27, &r->parts[1], NULL));
  ok(pa_states_create_mixed(&r->states, (const pa_states *const *)r->parts, 2, NULL));
  ok(pa_trainer_create_on_states(&r->trainer, r->policy, r->states, 5, NULL));
  small(r->trainer);
}

static void create_mlp(struct rank *r) {
  const size_t hidden = 8;
  pa_mlp *model;
  ok(pa_mlp_create(&model, PA_MLP_POWERS, LINKS, &hidden, 1, PA_INPUT_LOG, 1, NULL));
  r->policy = pa_mlp_policy(model);
  on_network(r);
  ok(pa_policy_create(&r->teacher, "wmmse", NULL));
  ok(pa_trainer_set_teacher(r->trainer, r->teacher));
}

static pa_policy *regnn(int32_t output) {
  const int32_t keys[] = {PA_REGNN_LAYERS, PA_REGNN_FEATURES, PA_REGNN_TAPS, PA_REGNN_OUTPUT};
  const double values[] = {2, 2, 2, output};
  pa_regnn *model;
  ok(pa_regnn_create(&model, keys, values, 4, 1, NULL));
  return pa_regnn_policy(model);
}

static void probe(struct rank *r, int32_t output) {
  double budget = 2;
  r->policy = regnn(output);
  on_network(r);
  ok(pa_trainer_set_reward(r->trainer, LINKS, pa_reward_capacity, NULL, NULL));
  ok(pa_trainer_add_constraint(r->trainer, PA_CONSTRAINT_MEAN_POWER, &budget, 1));
}

static void create_regnn(struct rank *r) { probe(r, PA_REGNN_OUTPUT_BERNOULLI); }

static void create_continuous(struct rank *r) {
  double least = .1;
  probe(r, PA_REGNN_OUTPUT_CONTINUOUS);
  ok(pa_trainer_set_utility(r->trainer, PA_UTILITY_PROPORTIONAL_FAIR, NULL, 0));
  ok(pa_trainer_add_constraint(r->trainer, PA_CONSTRAINT_MIN_REWARD, &least, 1));
  ok(pa_trainer_set(r->trainer, PA_TRAINER_ACTIONS, 1));
  ok(pa_trainer_set(r->trainer, PA_TRAINER_ENTROPY, .01));
}

/* In single precision, on sparse channels. */
static void in_single(struct rank *r) { ok(pa_trainer_set(r->trainer, PA_TRAINER_PRECISION, 1)); }

static void on_sparse(struct rank *r) {
  double noise = 1e-3;
  ok(pa_network_create_sparse_adhoc(&r->network, LINKS, LINKS, 2, 3, NULL));
  ok(pa_network_set_noise(r->network, &noise, 1));
}

static void create_sparse_uwmmse(struct rank *r) {
  on_sparse(r);
  create_uwmmse(r);
}

static void create_sparse_regnn(struct rank *r) {
  on_sparse(r);
  create_regnn(r);
}

static void create_by_gradient(struct rank *r) {
  probe(r, PA_REGNN_OUTPUT_BERNOULLI);
  ok(pa_trainer_set_reward_gradient(r->trainer, pa_reward_capacity_gradient));
}

/* A system with node states. */
static int32_t draw(void *user, uint64_t stream, uint64_t first, size_t batch, double *h, double *x) {
  struct rank *r = user;
  if (r->fails_at > 0 && r->rank + 1 == r->board->ranks && ++r->probes >= r->fails_at) return PA_CALLBACK_ABORT;
  for (size_t k = 0; k < batch * LINKS * LINKS; k++)
    h[k] = 1 / (1 + (double)((first * 31 + stream * 17 + 7 * k) % 23)) + (k % (LINKS + 1) == 0);
  for (size_t k = 0; k < 2 * batch * LINKS; k++) x[k] = .1 + .01 * (double)((first + k) % 7);
  return PA_CALLBACK_OK;
}

/* On the first rank it leaves out the batch of every fifth call. */
static int32_t skipping(void *user, const pa_states *states, const double *power, double *reward, size_t rewards) {
  struct rank *r = user;
  r->probed += pa_states_batch(states);
  if (r->rank == 0 && ++r->probes % 5 == 0) return PA_CALLBACK_SKIP;
  return pa_reward_capacity(NULL, states, power, reward, rewards);
}

static void create_on_system(struct rank *r) {
  const int32_t keys[] = {PA_REGNN_LAYERS, PA_REGNN_FEATURES, PA_REGNN_TAPS, PA_REGNN_STATE_FEATURES};
  const double values[] = {2, 2, 2, 2};
  pa_regnn *model;
  ok(pa_regnn_create(&model, keys, values, 4, 1, NULL));
  r->policy = pa_regnn_policy(model);
  ok(pa_network_create_callback(&r->network, LINKS, 2, draw, r, NULL, NULL));
  on_network(r);
  ok(pa_trainer_add_constraint(r->trainer, PA_CONSTRAINT_DEMAND, NULL, 0));
}

/* ---- ranks and their runs ---- */

static void *live(void *argument) {
  struct rank *r = argument;
  if (r->resume) ok(pa_trainer_resume(r->trainer, r->resume));
  r->status = pa_trainer_run(r->trainer, r->steps);
  snprintf(r->message, sizeof r->message, "%s", pa_last_error());
  if (r->save && r->rank == 0) ok(pa_trainer_save(r->trainer, r->save));
  return NULL;
}

static void begin(struct rank *ranks, size_t count, const struct plan *plan, struct board *board) {
  *board = (struct board){.ranks = count};
  pthread_barrier_init(&board->barrier, NULL, (unsigned)count);
  for (size_t k = 0; k < count; k++) {
    struct rank *r = &ranks[k];
    *r = (struct rank){.board = board, .plan = plan, .rank = k, .steps = 20};
    plan->create(r);
    ok(pa_trainer_set(r->trainer, PA_TRAINER_THREADS, (double)(1 + k % 2)));
    ok(pa_trainer_set_ranks(r->trainer, k, count, gather, r, count_free));
    if (plan->change) plan->change(r);
  }
}

static void finish(struct rank *ranks, size_t count) {
  pthread_t thread[MOST];
  for (size_t k = 0; k < count; k++) pthread_create(&thread[k], NULL, live, &ranks[k]);
  for (size_t k = 0; k < count; k++) pthread_join(thread[k], NULL);
  for (size_t k = 0; k < count; k++) {
    struct rank *r = &ranks[k];
    const pa__learner_class *learner = r->policy->class->learner;
    r->weight_count = learner->weight_count(r->policy);
    r->weights = calloc(r->weight_count, sizeof *r->weights);
    learner->get_weights(r->policy, r->weights);
    for (int32_t s = 1; s <= STATS; s++) ok(pa_trainer_stat(r->trainer, s, &r->stat[s - 1]));
    pa_trainer_free(r->trainer);
    ck_assert_uint_eq(r->frees, 1);
    pa_states_free(r->states);
    for (int part = 0; part < 2; part++) pa_states_free(r->parts[part]);
    pa_network_free(r->network);
    pa_network_free(r->other);
    free_model(r->policy);
    pa_policy_free(r->teacher);
  }
  pthread_barrier_destroy(&ranks[0].board->barrier);
}

static void run(struct rank *ranks, size_t count, const struct plan *plan) {
  static struct board board;
  begin(ranks, count, plan, &board);
  finish(ranks, count);
}

static void forget(struct rank *ranks, size_t count) {
  for (size_t k = 0; k < count; k++) free(ranks[k].weights);
}

static void same(const struct rank *a, const struct rank *b) {
  ck_assert_int_eq(a->status, b->status);
  ck_assert_uint_eq(a->weight_count, b->weight_count);
  ck_assert_int_eq(memcmp(a->weights, b->weights, a->weight_count * sizeof *a->weights), 0);
  for (size_t s = 0; s < STATS; s++)
    ck_assert_msg(memcmp(&a->stat[s], &b->stat[s], sizeof a->stat[s]) == 0, "number %zu of %zu ranks: %.17g and %.17g",
                  s + 1, b->board->ranks, a->stat[s], b->stat[s]);
}

static const struct plan uwmmse_plan = {create_uwmmse, NULL}, regnn_plan = {create_regnn, NULL},
                         mixed_plan = {create_on_mixed, NULL};

/* Any number of ranks, also more than there are chunks, gives the bits of one. */
START_TEST(the_same_bits) {
  static const struct plan plans[] = {
      {create_uwmmse, NULL},      {create_on_family, NULL},     {create_on_states, NULL},
      {create_mlp, NULL},         {create_regnn, NULL},         {create_continuous, NULL},
      {create_by_gradient, NULL}, {create_on_system, NULL},     {create_uwmmse, in_single},
      {create_regnn, in_single},  {create_sparse_uwmmse, NULL}, {create_sparse_regnn, in_single},
      {create_on_mixed, NULL}};
  for (size_t p = 0; p < sizeof plans / sizeof plans[0]; p++) {
    struct rank alone[1], ranks[MOST];
    run(alone, 1, &plans[p]);
    ck_assert_msg(alone->status >= 0, "plan %zu: %s", p, alone->message);
    ck_assert_uint_eq(alone->gathered, 0);
    for (size_t count = 2; count <= MOST; count++) {
      run(ranks, count, &plans[p]);
      for (size_t k = 0; k < count; k++) same(alone, &ranks[k]);
      forget(ranks, count);
    }
    forget(alone, 1);
  }
}
END_TEST

static void add_reward(struct rank *r) { ok(pa_trainer_set_reward(r->trainer, LINKS, skipping, r, NULL)); }

/* Each rank's reward sees its own share; a batch that one rank skips is skipped by all. */
START_TEST(rewards_are_shared) {
  const struct plan plan = {create_regnn, add_reward};
  struct rank ranks[3];
  run(ranks, 3, &plan);
  for (size_t k = 0; k < 3; k++) {
    ck_assert_msg(ranks[k].status >= 0, "%s", ranks[k].message);
    same(&ranks[0], &ranks[k]);
    ck_assert(ranks[k].stat[PA_TRAINER_STAT_DROPPED - 1] > 0);
    ck_assert(ranks[k].probed > 0 && ranks[k].probed < 20 * 8 * 20);
  }
  forget(ranks, 3);
}
END_TEST

/* A run in pieces, saved by one rank and resumed by another number of them. */
START_TEST(resumed_by_other_ranks) {
  const struct plan *const plans[] = {&uwmmse_plan, &regnn_plan, &mixed_plan};
  char path[64];
  snprintf(path, sizeof path, "/tmp/powalloc-%d-ranks", (int)getpid());
  for (size_t p = 0; p < 3; p++) {
    struct board board;
    struct rank whole[1], ranks[3];
    run(whole, 1, plans[p]);
    for (size_t piece = 0; piece < 2; piece++) {
      begin(ranks, 2 + piece, plans[p], &board);
      for (size_t k = 0; k < 2 + piece; k++) {
        ranks[k].steps = piece == 0 ? 8 : 12;
        *(piece == 0 ? &ranks[k].save : &ranks[k].resume) = path;
      }
      finish(ranks, 2 + piece);
      if (piece == 1) same(whole, &ranks[2]);
      forget(ranks, 2 + piece);
    }
    forget(whole, 1);
  }
  unlink(path);
}
END_TEST

/* ---- how a run ends ---- */

static int32_t at_step_9(void *user, const pa_trainer *trainer, int32_t code) {
  double step;
  ok(pa_trainer_stat(trainer, PA_TRAINER_STAT_STEP, &step));
  return step == 9 && ((struct rank *)user)->rank == 1 ? code : PA_CALLBACK_OK;
}

static int32_t stopping(void *user, const pa_trainer *trainer) { return at_step_9(user, trainer, PA_CALLBACK_STOP); }
static int32_t aborting(void *user, const pa_trainer *trainer) { return at_step_9(user, trainer, PA_CALLBACK_ABORT); }

static int32_t requesting(void *user, const pa_trainer *trainer) {
  if (at_step_9(user, trainer, PA_CALLBACK_STOP) == PA_CALLBACK_STOP)
    pa_trainer_request_stop(((struct rank *)user)->trainer);
  return PA_CALLBACK_OK;
}

static void stop_by_callback(struct rank *r) { ok(pa_trainer_set_progress(r->trainer, 3, stopping, r, NULL)); }
static void stop_by_request(struct rank *r) {
  if (r->rank == 1) ok(pa_trainer_set_progress(r->trainer, 1, requesting, r, NULL));
}
static void abort_by_callback(struct rank *r) { ok(pa_trainer_set_progress(r->trainer, 9, aborting, r, NULL)); }

/* What one rank is asked for or does ends the run of all after the same step. */
START_TEST(all_end_together) {
  static const struct plan plans[] = {{create_uwmmse, stop_by_callback},  {create_regnn, stop_by_callback},
                                      {create_uwmmse, stop_by_request},   {create_regnn, stop_by_request},
                                      {create_uwmmse, abort_by_callback}, {create_regnn, abort_by_callback}};
  for (size_t p = 0; p < 6; p++) {
    struct rank ranks[3];
    run(ranks, 3, &plans[p]);
    for (size_t k = 0; k < 3; k++) {
      ck_assert_int_eq(ranks[k].status, p < 4 ? PA_STOPPED : PA_ERROR_CALLBACK);
      ck_assert(ranks[k].stat[PA_TRAINER_STAT_STEP - 1] == 9);
      same(&ranks[0], &ranks[k]);
      if (p < 4) continue;
      const char *expected =
          k == 1 ? "the progress callback aborted at step 9" : "rank 1: the progress callback aborted at step 9";
      ck_assert_str_eq(ranks[k].message, expected);
    }
    forget(ranks, 3);
  }
}
END_TEST

/* Fail on the last rank, from its call number fails_at on. */
static int32_t failing(void *user, const pa_states *states, const double *power, double *reward, size_t rewards) {
  struct rank *r = user;
  if (r->rank + 1 == r->board->ranks && ++r->probes >= r->fails_at) return PA_CALLBACK_ABORT;
  return pa_reward_capacity(NULL, states, power, reward, rewards);
}

static int32_t failing_utility(void *user, const double *mean, size_t rewards, double *value, double *gradient) {
  struct rank *r = user;
  *value = 0;
  for (size_t k = 0; k < rewards; k++) *value += mean[k], gradient[k] = 1;
  return r->rank + 1 == r->board->ranks && ++r->probes >= r->fails_at ? PA_CALLBACK_ABORT : PA_CALLBACK_OK;
}

static void fail_in_reward(struct rank *r) { ok(pa_trainer_set_reward(r->trainer, LINKS, failing, r, NULL)); }

static void fail_in_utility(struct rank *r) {
  ok(pa_trainer_set_utility_callback(r->trainer, failing_utility, r, NULL));
}

/* Wherever a callback of one rank fails, in looks or in steps, nobody waits for it. */
START_TEST(failures_reach_all) {
  const struct plan plans[] = {
      {create_regnn, fail_in_reward}, {create_regnn, fail_in_utility}, {create_on_system, NULL}};
  for (size_t p = 0; p < 3; p++)
    for (size_t call = 1; call < 40; call += 3) {
      struct board board;
      struct rank ranks[2];
      begin(ranks, 2, &plans[p], &board);
      for (size_t k = 0; k < 2; k++) ranks[k].fails_at = call;
      finish(ranks, 2);
      bool reached = ranks[1].probes >= call;
      ck_assert_int_eq(ranks[1].status, reached ? PA_ERROR_CALLBACK : ranks[0].status);
      ck_assert_int_eq(ranks[0].status, ranks[1].status);
      ck_assert(!reached || strstr(ranks[0].message, "rank 1: the ") == ranks[0].message);
      ck_assert(ranks[0].stat[PA_TRAINER_STAT_STEP - 1] == ranks[1].stat[PA_TRAINER_STAT_STEP - 1]);
      forget(ranks, 2);
    }
}
END_TEST

/* Memory that ends on one rank, at any place. */
struct purse {
  size_t left;
};

static void *from_purse(void *user, size_t bytes, size_t alignment) {
  struct purse *purse = user;
  if (purse->left == 0) return NULL;
  purse->left--;
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void back(void *user, void *memory) {
  (void)user;
  free(memory);
}

START_TEST(memory_of_one_ends) {
  for (size_t probes = 0; probes < 2; probes++) {
    pa_status status = PA_ERROR_MEMORY;
    for (size_t left = 0; status == PA_ERROR_MEMORY; left++) {
      struct purse purse = {1000};
      const pa_allocator allocator = {from_purse, back, &purse};
      struct board board;
      struct rank ranks[2];
      begin(ranks, 2, probes ? &regnn_plan : &uwmmse_plan, &board);
      struct rank *r = &ranks[1];
      pa_trainer_free(r->trainer);
      r->frees = 0;
      r->steps = ranks[0].steps = 1;
      ok(pa_trainer_create(&r->trainer, r->policy, r->network, 5, &allocator));
      small(r->trainer);
      if (probes) {
        double budget = 2;
        ok(pa_trainer_set_reward(r->trainer, LINKS, pa_reward_capacity, NULL, NULL));
        ok(pa_trainer_add_constraint(r->trainer, PA_CONSTRAINT_MEAN_POWER, &budget, 1));
      }
      ok(pa_trainer_set_ranks(r->trainer, 1, 2, gather, r, count_free));
      purse.left = left;
      finish(ranks, 2);
      status = r->status;
      ck_assert_int_eq(ranks[0].status, status);
      ck_assert(status != PA_ERROR_MEMORY || strstr(ranks[0].message, "rank 1: out of memory"));
      forget(ranks, 2);
    }
    ck_assert_int_ge(status, PA_OK);
  }
}
END_TEST

/* Where the ranks cannot reach each other a run ends, with the weights that it had. */
START_TEST(broken_transport) {
  for (size_t probes = 0; probes < 2; probes++)
    for (size_t at = 1; at < 30; at += 4)
      for (size_t silent = 0; silent < 2; silent++) {
        struct board board;
        struct rank ranks[2];
        begin(ranks, 2, probes ? &regnn_plan : &uwmmse_plan, &board);
        *(silent ? &board.leaves_out_at : &board.breaks_at) = at;
        finish(ranks, 2);
        for (size_t k = 0; k < 2; k++) {
          ck_assert_int_eq(ranks[k].status, PA_ERROR_CALLBACK);
          ck_assert_uint_eq(ranks[k].gathered, at);
          ck_assert_msg(strstr(ranks[k].message, "could not be gathered") || strstr(ranks[k].message, "left out"), "%s",
                        ranks[k].message);
        }
        same(&ranks[0], &ranks[1]);
        forget(ranks, 2);
      }
}
END_TEST

/* ---- ranks that do not belong together ---- */

static void other_seed(struct rank *r) {
  pa_trainer_free(r->trainer);
  r->frees = 0;
  ok(pa_trainer_create(&r->trainer, r->policy, r->network, 5 + r->rank, NULL));
  small(r->trainer);
  ok(pa_trainer_set_ranks(r->trainer, r->rank, r->board->ranks, gather, r, count_free));
}

static void other_batch(struct rank *r) {
  if (r->rank == 1) ok(pa_trainer_set(r->trainer, PA_TRAINER_BATCH, 28));
}

static void other_steps(struct rank *r) { r->steps = 20 + r->rank; }

static void other_weights(struct rank *r) {
  double weights[1000];
  size_t n = r->policy->class->learner->weight_count(r->policy);
  r->policy->class->learner->get_weights(r->policy, weights);
  if (r->rank == 1) weights[n - 1] = nextafter(weights[n - 1], 1);
  r->policy->class->learner->set_weights(r->policy, weights);
  pa_trainer_free(r->trainer);
  r->frees = 0;
  on_network(r);
  ok(pa_trainer_set_ranks(r->trainer, r->rank, r->board->ranks, gather, r, count_free));
}

static void other_problem(struct rank *r) {
  double bound = r->rank == 1 ? .2 : .1;
  ok(pa_trainer_add_constraint(r->trainer, PA_CONSTRAINT_MIN_REWARD, &bound, 1));
}

static void other_teacher(struct rank *r) {
  if (r->rank == 1) ok(pa_trainer_set_teacher(r->trainer, NULL));
}

static void other_network(struct rank *r) {
  r->policy = uwmmse(PA_UWMMSE_EXTENDED);
  r->network = adhoc(3 + r->rank);
  on_network(r);
}

static void other_noise(struct rank *r) {
  double noise = r->rank == 1 ? 2e-3 : 1e-3;
  ok(pa_network_set_noise(r->network, &noise, 1));
}

static void other_states(struct rank *r) {
  r->policy = uwmmse(PA_UWMMSE_EXTENDED);
  r->network = adhoc(3);
  ok(pa_network_draw_states(r->network, r->rank, 0, 60, &r->states, NULL));
  ok(pa_trainer_create_on_states(&r->trainer, r->policy, r->states, 5, NULL));
}

static void other_part(struct rank *r) {
  double limit = r->rank == 1 ? 2 : 1;
  ok(pa_states_set_power_limit(r->parts[1], &limit, 1));
}

static void other_model(struct rank *r) {
  r->policy = uwmmse(r->rank == 1 ? PA_UWMMSE_PAPER : PA_UWMMSE_EXTENDED);
  on_network(r);
}

START_TEST(differences_are_found) {
  static const struct {
    struct plan plan;
    const char *in;
  } cases[] = {{{create_uwmmse, other_seed}, "the seed"},
               {{create_uwmmse, other_batch}, "the keys of the trainer"},
               {{create_regnn, other_batch}, "the keys of the trainer"},
               {{create_uwmmse, other_steps}, "the steps of the run"},
               {{create_uwmmse, other_weights}, "the weights"},
               {{create_regnn, other_problem}, "the problem"},
               {{create_mlp, other_teacher}, "the model or its teacher"},
               {{other_model, NULL}, "the model or its teacher"},
               {{other_network, NULL}, "the states"},
               {{create_uwmmse, other_noise}, "the states"},
               {{other_states, NULL}, "the states"},
               {{create_on_mixed, other_part}, "the states"}};
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    struct rank ranks[3];
    char expected[128];
    run(ranks, 3, &cases[c].plan);
    snprintf(expected, sizeof expected, "ranks 0 and 1 cannot train together: they differ in %s", cases[c].in);
    for (size_t k = 0; k < 3; k++) {
      ck_assert_int_eq(ranks[k].status, PA_ERROR_ARGUMENT);
      ck_assert_str_eq(ranks[k].message, expected);
      ck_assert(ranks[k].stat[PA_TRAINER_STAT_STEP - 1] == 0);
    }
    forget(ranks, 3);
  }
}
END_TEST

START_TEST(arguments) {
  struct rank r[1] = {{.plan = &uwmmse_plan}};
  create_uwmmse(r);
  fails(pa_trainer_set_ranks(NULL, 0, 1, NULL, NULL, NULL), PA_ERROR_ARGUMENT, "trainer is NULL");
  fails(pa_trainer_set_ranks(r->trainer, 0, 0, gather, r, count_free), PA_ERROR_ARGUMENT, "ranks is 0");
  fails(pa_trainer_set_ranks(r->trainer, 2, 2, gather, r, count_free), PA_ERROR_ARGUMENT, "rank is 2 of 2");
  fails(pa_trainer_set_ranks(r->trainer, 0, 2, NULL, r, count_free), PA_ERROR_ARGUMENT, "gather is NULL");
  ck_assert_uint_eq(r->frees, 0);
  ok(pa_trainer_set_ranks(r->trainer, 1, 2, gather, r, count_free));
  ok(pa_trainer_set_ranks(r->trainer, 0, 1, NULL, NULL, NULL));
  ck_assert_uint_eq(r->frees, 1);
  ok(pa_trainer_run(r->trainer, 1));
  ck_assert_uint_eq(r->gathered, 0);
  pa_trainer_free(r->trainer);
  pa_network_free(r->network);
  free_model(r->policy);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      the_same_bits,      rewards_are_shared, resumed_by_other_ranks, all_end_together, failures_reach_all,
      memory_of_one_ends, broken_transport,   differences_are_found,  arguments,        NULL};
  return run_tests("ranks", tests);
}
