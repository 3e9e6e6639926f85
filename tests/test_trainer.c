#include "suite.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { WEIGHTS = 260, LINKS = 10 };

/* A small network: 10 links, noise 1e-3 W. */
static pa_network *network_of(uint64_t seed) {
  pa_network *network;
  double noise = 1e-3;
  ok(pa_network_create_adhoc(&network, LINKS, seed, NULL));
  ok(pa_network_set_noise(network, &noise, 1));
  return network;
}

static pa_network *family_of(uint64_t seed) {
  pa_network *network;
  double noise = 1e-3;
  ok(pa_network_create_adhoc_family(&network, 3, 12, 0.5, 3, seed, NULL));
  ok(pa_network_set_noise(network, &noise, 1));
  return network;
}

static pa_uwmmse *model_of(int32_t architecture) {
  pa_uwmmse *model;
  ok(pa_uwmmse_create(&model, architecture, 4, 5, 1, NULL));
  return model;
}

static double *weights_of(const pa_uwmmse *model) {
  size_t n = pa_uwmmse_weight_count(model);
  double *weights = calloc(n, sizeof *weights);
  ok(pa_uwmmse_get_weights(model, weights, n));
  return weights;
}

static void same_weights(const pa_uwmmse *a, const pa_uwmmse *b) {
  double *first = weights_of(a), *second = weights_of(b);
  ck_assert_int_eq(memcmp(first, second, pa_uwmmse_weight_count(a) * sizeof *first), 0);
  free(first);
  free(second);
}

static double stat_of(const pa_trainer *trainer, int32_t what) {
  double value;
  ok(pa_trainer_stat(trainer, what, &value));
  return value;
}

/* Small enough for a test: 24 states a step, 40 held out, a look every 10 steps. */
static void small(pa_trainer *trainer) {
  ok(pa_trainer_set(trainer, PA_TRAINER_BATCH, 24));
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 40));
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT_EVERY, 10));
}

/* The three sources a trainer takes. */
struct source {
  pa_network *network;
  pa_states *states;
};

enum { NETWORK, FAMILY, STATES, SOURCES };

static struct source source_of(int kind) {
  struct source source = {NULL, NULL};
  source.network = kind == FAMILY ? family_of(3) : network_of(3);
  if (kind == STATES) ok(pa_network_draw_states(source.network, 0, 0, 60, &source.states, NULL));
  return source;
}

static void free_source(struct source *source) {
  pa_states_free(source->states);
  pa_network_free(source->network);
}

static pa_trainer *trainer_of(pa_uwmmse *model, const struct source *source, uint64_t seed) {
  pa_trainer *trainer;
  if (source->states)
    ok(pa_trainer_create_on_states(&trainer, pa_uwmmse_policy(model), source->states, seed, NULL));
  else
    ok(pa_trainer_create(&trainer, pa_uwmmse_policy(model), source->network, seed, NULL));
  small(trainer);
  return trainer;
}

static char *temporary(void) {
  static char path[256];
  const char *folder = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/powalloc-%d-checkpoint", folder ? folder : "/tmp", (int)getpid());
  return path;
}

START_TEST(training_helps) {
  for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++) {
    struct source source = source_of(NETWORK);
    pa_uwmmse *model = model_of(architecture);
    pa_trainer *trainer = trainer_of(model, &source, 0);
    pa_states *fresh;
    ok(pa_network_draw_states(source.network, 77, 0, 200, &fresh, NULL));
    double before, after, *gradient = calloc(pa_uwmmse_weight_count(model), sizeof *gradient);
    ok(pa_uwmmse_gradient(model, fresh, &before, gradient, pa_uwmmse_weight_count(model)));
    ok(pa_trainer_set(trainer, PA_TRAINER_LEARNING_RATE, 1e-2));
    ok(pa_trainer_run(trainer, 300));
    ok(pa_uwmmse_gradient(model, fresh, &after, gradient, pa_uwmmse_weight_count(model)));
    ck_assert_msg(after < 0.98 * before, "loss %g before and %g after", before, after);
    ck_assert(stat_of(trainer, PA_TRAINER_STEP) == 300);
    ck_assert(stat_of(trainer, PA_TRAINER_BEST_RATE) >= stat_of(trainer, PA_TRAINER_HELD_OUT_RATE));
    ck_assert(stat_of(trainer, PA_TRAINER_DROPPED) == 0);
    ck_assert(stat_of(trainer, PA_TRAINER_GRADIENT_NORM) > 0);
    free(gradient);
    pa_states_free(fresh);
    pa_trainer_free(trainer);
    pa_uwmmse_free(model);
    free_source(&source);
  }
}
END_TEST

/* The kept weights reach the rate that the trainer tells, and the baseline is WMMSE: held-out states are the last
 * fifth. */
START_TEST(stats_can_be_recomputed) {
  struct source source = source_of(STATES);
  pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
  pa_trainer *trainer = trainer_of(model, &source, 0);
  ok(pa_trainer_run(trainer, 35));
  pa_states *held_out;
  ok(pa_states_create(&held_out, 12, LINKS, pa_states_channel(source.states) + 48 * LINKS * LINKS, 1e-3, 1, NULL));
  pa_policy *policies[2] = {pa_uwmmse_policy(model)};
  ok(pa_policy_create(&policies[1], "wmmse", NULL));
  double told[2] = {stat_of(trainer, PA_TRAINER_BEST_RATE), stat_of(trainer, PA_TRAINER_BASELINE_RATE)};
  for (size_t k = 0; k < 2; k++) {
    double power[12 * LINKS], rate[12 * LINKS], sum = 0;
    ok(pa_policy_allocate(policies[k], held_out, power, NULL, 0));
    ok(pa_rates(held_out, power, rate));
    for (size_t i = 0; i < 12 * LINKS; i++) sum += rate[i] / 12;
    close_to(sum, told[k], 1e-9 * sum);
  }
  pa_policy_free(policies[1]);
  pa_states_free(held_out);
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  free_source(&source);
}
END_TEST

START_TEST(threads_change_no_bit) {
  for (int kind = 0; kind < SOURCES; kind++) {
    struct source source = source_of(kind);
    pa_uwmmse *models[4];
    for (int threads = 0; threads < 4; threads++) {
      models[threads] = model_of(PA_UWMMSE_EXTENDED);
      pa_trainer *trainer = trainer_of(models[threads], &source, 5);
      ok(pa_trainer_set(trainer, PA_TRAINER_THREADS, threads == 3 ? 7 : threads + 1));
      ok(pa_trainer_run(trainer, 25));
      pa_trainer_free(trainer);
      same_weights(models[0], models[threads]);
    }
    for (int threads = 0; threads < 4; threads++) pa_uwmmse_free(models[threads]);
    free_source(&source);
  }
}
END_TEST

START_TEST(seeds_matter) {
  struct source source = source_of(NETWORK);
  pa_uwmmse *models[2];
  for (uint64_t k = 0; k < 2; k++) {
    models[k] = model_of(PA_UWMMSE_EXTENDED);
    pa_trainer *trainer = trainer_of(models[k], &source, k);
    ok(pa_trainer_run(trainer, 25));
    pa_trainer_free(trainer);
  }
  double *first = weights_of(models[0]), *second = weights_of(models[1]);
  ck_assert_int_ne(memcmp(first, second, WEIGHTS * sizeof *first), 0);
  free(first);
  free(second);
  for (size_t k = 0; k < 2; k++) pa_uwmmse_free(models[k]);
  free_source(&source);
}
END_TEST

/* 8 + 12 + 25 steps, through a file and another trainer, are 45 steps. */
START_TEST(a_resumed_run_is_the_whole_run) {
  const char *path = temporary();
  for (int kind = 0; kind < SOURCES; kind++)
    for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++) {
      struct source source = source_of(kind);
      pa_uwmmse *whole = model_of(architecture), *pieces = model_of(architecture), *later = model_of(architecture);
      pa_trainer *trainer = trainer_of(whole, &source, 5);
      ok(pa_trainer_run(trainer, 45));
      double best = stat_of(trainer, PA_TRAINER_BEST_RATE), rate = stat_of(trainer, PA_TRAINER_RATE);
      pa_trainer_free(trainer);

      trainer = trainer_of(pieces, &source, 5);
      ok(pa_trainer_set(trainer, PA_TRAINER_SCHEDULE, 45));
      ok(pa_trainer_run(trainer, 8));
      ok(pa_trainer_run(trainer, 12));
      ok(pa_trainer_save(trainer, path));
      pa_trainer_free(trainer);

      trainer = trainer_of(later, &source, 5);
      ok(pa_trainer_set(trainer, PA_TRAINER_THREADS, 2));
      ok(pa_trainer_resume(trainer, path));
      ck_assert(stat_of(trainer, PA_TRAINER_STEP) == 20);
      same_weights(pieces, later);
      ok(pa_trainer_run(trainer, 25));
      ck_assert(stat_of(trainer, PA_TRAINER_BEST_RATE) == best);
      ck_assert(stat_of(trainer, PA_TRAINER_RATE) == rate);
      double threads;
      ok(pa_trainer_get(trainer, PA_TRAINER_THREADS, &threads));
      ck_assert(threads == 2);
      pa_trainer_free(trainer);
      same_weights(whole, later);
      pa_uwmmse_free(whole);
      pa_uwmmse_free(pieces);
      pa_uwmmse_free(later);
      free_source(&source);
    }
  remove(path);
}
END_TEST

/* Whatever comes later, the model ends with the weights of the best look: a run up to that look gives the same. */
START_TEST(the_best_weights_are_kept) {
  struct source source = source_of(NETWORK);
  pa_uwmmse *models[2];
  double best = 0, rate = 0;
  for (size_t k = 0; k < 2; k++) {
    models[k] = model_of(PA_UWMMSE_EXTENDED);
    pa_trainer *trainer = trainer_of(models[k], &source, 0);
    ok(pa_trainer_set(trainer, PA_TRAINER_SCHEDULE, 60));
    ok(pa_trainer_set(trainer, PA_TRAINER_LEARNING_RATE, 1)); /* ruins the model before long */
    ok(pa_trainer_set(trainer, PA_TRAINER_FINAL_RATE, 1));
    ok(pa_trainer_set(trainer, PA_TRAINER_WARMUP, 60));
    ok(pa_trainer_run(trainer, k == 0 ? 60 : (uint64_t)best));
    if (k == 0) {
      best = stat_of(trainer, PA_TRAINER_BEST_STEP);
      rate = stat_of(trainer, PA_TRAINER_BEST_RATE);
      ck_assert_msg(best >= 10 && best < 60, "best at step %g", best);
      ck_assert(rate > stat_of(trainer, PA_TRAINER_HELD_OUT_RATE));
    }
    ck_assert(stat_of(trainer, PA_TRAINER_BEST_RATE) == rate);
    pa_trainer_free(trainer);
  }
  same_weights(models[0], models[1]);
  for (size_t k = 0; k < 2; k++) pa_uwmmse_free(models[k]);
  free_source(&source);
}
END_TEST

struct watcher {
  int32_t code; /* returned at `at` */
  double at;
  int calls, freed;
  pa_status inner[3];
};

static int32_t watch(void *user, const pa_trainer *trainer) {
  struct watcher *watcher = user;
  watcher->calls++;
  pa_trainer *same = (pa_trainer *)(uintptr_t)trainer;
  watcher->inner[0] = pa_trainer_run(same, 1);
  watcher->inner[1] = pa_trainer_set(same, PA_TRAINER_THREADS, 2);
  watcher->inner[2] = pa_trainer_set_progress(same, 1, NULL, NULL, NULL);
  double step;
  return pa_trainer_stat(trainer, PA_TRAINER_STEP, &step) == PA_OK && step == watcher->at ? watcher->code
                                                                                          : PA_CALLBACK_OK;
}

static void count_free(void *user) { ((struct watcher *)user)->freed++; }

START_TEST(progress_callbacks_end_a_run) {
  static const struct {
    int32_t code;
    pa_status status;
    const char *reason;
  } cases[] = {{PA_CALLBACK_OK, PA_OK, NULL},
               {PA_CALLBACK_STOP, PA_STOPPED, NULL},
               {PA_CALLBACK_ABORT, PA_ERROR_CALLBACK, "aborted at step 12"},
               {41, PA_ERROR_CALLBACK, "returned 41"}};
  for (size_t k = 0; k < 4; k++) {
    struct source source = source_of(NETWORK);
    pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
    pa_trainer *trainer = trainer_of(model, &source, 0);
    struct watcher watcher = {.code = cases[k].code, .at = 12}, other = {0};
    ok(pa_trainer_set_progress(trainer, 4, watch, &other, count_free));
    ok(pa_trainer_set_progress(trainer, 4, watch, &watcher, count_free));
    ck_assert_int_eq(other.freed, 1);
    ck_assert_int_eq(pa_trainer_run(trainer, 18), cases[k].status);
    if (cases[k].reason) ck_assert_ptr_nonnull(strstr(pa_last_error(), cases[k].reason));
    ck_assert(stat_of(trainer, PA_TRAINER_STEP) == (k == 0 ? 18 : 12));
    ck_assert_int_eq(watcher.calls, k == 0 ? 5 : 3); /* every 4 steps and after the last */
    for (size_t i = 0; i < 3; i++) ck_assert_int_eq(watcher.inner[i], PA_ERROR_STATE);
    watcher.code = PA_CALLBACK_OK;
    ok(pa_trainer_run(trainer, 2));
    ck_assert_int_eq(watcher.freed, 0);
    pa_trainer_free(trainer);
    ck_assert_int_eq(watcher.freed, 1);
    ck_assert_int_eq(other.calls, 0);
    pa_uwmmse_free(model);
    free_source(&source);
  }
}
END_TEST

static void *ask_to_stop(void *user) {
  nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  pa_trainer_request_stop(user);
  return NULL;
}

START_TEST(another_thread_stops_a_run) {
  struct source source = source_of(NETWORK);
  pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
  pa_trainer *trainer = trainer_of(model, &source, 0);
  ok(pa_trainer_set(trainer, PA_TRAINER_THREADS, 2));
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, ask_to_stop, trainer), 0);
  ck_assert_int_eq(pa_trainer_run(trainer, 1000000000), PA_STOPPED);
  pthread_join(thread, NULL);
  ck_assert(stat_of(trainer, PA_TRAINER_STEP) >= 1);
  pa_trainer_request_stop(NULL);
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  free_source(&source);
}
END_TEST

/* Training never learns from held-out states: other held-out channels, the same weights (at one look, the first, which
 * a run of fewer steps than a look keeps or not, the weights of the last step are compared through a checkpoint). */
START_TEST(held_out_states_are_held_out) {
  struct source source = source_of(STATES);
  double *h = calloc(60 * LINKS * LINKS, sizeof *h);
  memcpy(h, pa_states_channel(source.states), 60 * LINKS * LINKS * sizeof *h);
  for (size_t k = 48 * LINKS * LINKS; k < 60 * LINKS * LINKS; k++) h[k] = 0.5;
  pa_states *changed;
  ok(pa_states_create(&changed, 60, LINKS, h, 1e-3, 1, NULL));
  struct source sources[2] = {source, {NULL, changed}};
  double *weights[2];
  pa_model_file *file;
  for (size_t k = 0; k < 2; k++) {
    pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
    pa_trainer *trainer = trainer_of(model, &sources[k], 0);
    ok(pa_trainer_run(trainer, 20));
    ok(pa_trainer_save(trainer, temporary()));
    ok(pa_model_file_load(&file, temporary(), NULL));
    weights[k] = calloc(pa_uwmmse_weight_count(model), sizeof(double));
    for (size_t t = 0; t < pa_model_file_tensor_count(file); t++)
      if (strcmp(pa_model_file_tensor_name(file, t), "weights") == 0)
        memcpy(weights[k], pa_model_file_tensor_data(file, t), pa_uwmmse_weight_count(model) * sizeof(double));
    pa_model_file_free(file);
    if (k == 1) ck_assert_int_eq(memcmp(weights[0], weights[1], pa_uwmmse_weight_count(model) * sizeof(double)), 0);
    pa_trainer_free(trainer);
    pa_uwmmse_free(model);
  }
  ck_assert(weights[0][0] != 0);
  remove(temporary());
  free(weights[0]);
  free(weights[1]);
  free(h);
  pa_states_free(changed);
  free_source(&source);
}
END_TEST

START_TEST(keys_are_locked_after_the_first_step) {
  struct source source = source_of(NETWORK);
  pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
  pa_trainer *trainer = trainer_of(model, &source, 0);
  double value;
  ok(pa_trainer_run(trainer, 1));
  fails(pa_trainer_set(trainer, PA_TRAINER_BATCH, 8), PA_ERROR_STATE, "trainer.batch cannot change");
  ok(pa_trainer_set(trainer, PA_TRAINER_THREADS, 2));
  ok(pa_trainer_get(trainer, PA_TRAINER_BATCH, &value));
  ck_assert(value == 24);
  fails(pa_trainer_resume(trainer, "/no/such/file"), PA_ERROR_STATE, "before its first run only");
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  free_source(&source);
}
END_TEST

START_TEST(wrong_checkpoints_are_refused) {
  const char *path = temporary();
  struct source source = source_of(NETWORK), family = source_of(FAMILY);
  pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED), *other = model_of(PA_UWMMSE_PAPER);
  pa_trainer *trainer = trainer_of(model, &source, 4);
  fails(pa_trainer_save(trainer, path), PA_ERROR_STATE, "nothing to save");
  ok(pa_trainer_run(trainer, 3));
  ok(pa_trainer_save(trainer, path));
  fails(pa_trainer_save(trainer, "/no/such/folder/x"), PA_ERROR_FILE, "/no/such/folder/x");
  pa_trainer_free(trainer);

  trainer = trainer_of(model, &source, 5);
  fails(pa_trainer_resume(trainer, path), PA_ERROR_FORMAT, "seed 4, this trainer has seed 5");
  fails(pa_trainer_resume(trainer, "/no/such/file"), PA_ERROR_FILE, "/no/such/file");
  pa_trainer_free(trainer);
  trainer = trainer_of(other, &source, 4);
  fails(pa_trainer_resume(trainer, path), PA_ERROR_FORMAT, "weights");
  pa_trainer_free(trainer);
  trainer = trainer_of(model, &family, 4);
  fails(pa_trainer_resume(trainer, path), PA_ERROR_FORMAT, "links");
  pa_trainer_free(trainer);
  trainer = trainer_of(model, &source, 4);
  ok(pa_uwmmse_save(model, path, NULL));
  fails(pa_trainer_resume(trainer, path), PA_ERROR_FORMAT, "not a checkpoint");
  ck_assert(stat_of(trainer, PA_TRAINER_STEP) == 0);
  ok(pa_trainer_run(trainer, 1));
  pa_trainer_free(trainer);
  remove(path);
  pa_uwmmse_free(model);
  pa_uwmmse_free(other);
  free_source(&source);
  free_source(&family);
}
END_TEST

/* Weights at which gradients overflow, unless a sample has no channels at all: such samples are left out and counted; a
 * step of nothing else is an error that leaves the weights. */
START_TEST(gradients_that_overflow_are_left_out) {
  struct source source = source_of(STATES);
  pa_uwmmse *model = model_of(PA_UWMMSE_PAPER);
  double weights[WEIGHTS] = {0}, *h = calloc(60 * LINKS * LINKS, sizeof *h);
  for (size_t gcn = 0; gcn < 8; gcn++)
    for (size_t k = 0; k < 10; k++) {
      weights[gcn * 32 + k] = 1e-250;     /* first layer */
      weights[gcn * 32 + 20 + k] = 1e250; /* second */
    }
  memcpy(h, pa_states_channel(source.states), 30 * LINKS * LINKS * sizeof *h);
  pa_states *half;
  ok(pa_states_create(&half, 60, LINKS, h, 1e-3, 1, NULL));
  struct source sources[2] = {source, {NULL, half}};
  for (size_t k = 0; k < 2; k++) {
    ok(pa_uwmmse_set_weights(model, weights, WEIGHTS));
    pa_trainer *trainer = trainer_of(model, &sources[k], 0);
    if (k == 0) {
      fails(pa_trainer_run(trainer, 2), PA_ERROR_NUMERIC, "step 1: the gradients of all 24 samples are not finite");
      double *after = weights_of(model);
      ck_assert_int_eq(memcmp(weights, after, sizeof weights), 0);
      free(after);
    } else {
      ok(pa_trainer_run(trainer, 2));
      double dropped = stat_of(trainer, PA_TRAINER_DROPPED);
      ck_assert_msg(dropped > 0 && dropped < 48, "%g dropped", dropped);
    }
    pa_trainer_free(trainer);
  }
  pa_uwmmse_free(model);
  pa_states_free(half);
  free(h);
  free_source(&source);
}
END_TEST

START_TEST(bad_input_is_named_and_changes_nothing) {
  struct source source = source_of(NETWORK);
  pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
  pa_policy *classical;
  pa_trainer *trainer, *none = NULL;
  pa_states *one;
  double value = 7;
  ok(pa_policy_create(&classical, "wmmse", NULL));
  ok(pa_network_draw_states(source.network, 0, 0, 1, &one, NULL));
  fails(pa_trainer_create(&none, classical, source.network, 0, NULL), PA_ERROR_ARGUMENT, "wmmse has nothing to learn");
  fails(pa_trainer_create(&none, NULL, source.network, 0, NULL), PA_ERROR_ARGUMENT, "policy is NULL");
  fails(pa_trainer_create(&none, pa_uwmmse_policy(model), NULL, 0, NULL), PA_ERROR_ARGUMENT, "network is NULL");
  fails(pa_trainer_create(NULL, pa_uwmmse_policy(model), source.network, 0, NULL), PA_ERROR_ARGUMENT, "out is NULL");
  fails(pa_trainer_create_on_states(&none, pa_uwmmse_policy(model), NULL, 0, NULL), PA_ERROR_ARGUMENT,
        "states is NULL");
  fails(pa_trainer_create_on_states(&none, pa_uwmmse_policy(model), one, 0, NULL), PA_ERROR_ARGUMENT,
        "training needs 2");
  ck_assert_ptr_null(none);
  trainer = trainer_of(model, &source, 0);
  fails(pa_trainer_set(trainer, PA_TRAINER_BATCH, 0), PA_ERROR_ARGUMENT, "trainer.batch");
  fails(pa_trainer_set(trainer, PA_TRAINER_BATCH, NAN), PA_ERROR_ARGUMENT, "trainer.batch");
  fails(pa_trainer_set(trainer, PA_POLICY_START, 1), PA_ERROR_ARGUMENT, "policy.start");
  fails(pa_trainer_set(NULL, PA_TRAINER_BATCH, 1), PA_ERROR_ARGUMENT, "trainer is NULL");
  fails(pa_trainer_get(trainer, PA_TRAINER_BATCH, NULL), PA_ERROR_ARGUMENT, "value is NULL");
  fails(pa_trainer_stat(trainer, 99, &value), PA_ERROR_ARGUMENT, "99");
  fails(pa_trainer_stat(NULL, 1, &value), PA_ERROR_ARGUMENT, "trainer is NULL");
  fails(pa_trainer_run(trainer, 0), PA_ERROR_ARGUMENT, "steps is 0");
  fails(pa_trainer_run(NULL, 1), PA_ERROR_ARGUMENT, "trainer is NULL");
  fails(pa_trainer_set_progress(trainer, 0, NULL, NULL, NULL), PA_ERROR_ARGUMENT, "every is 0");
  fails(pa_trainer_save(NULL, "x"), PA_ERROR_ARGUMENT, "trainer is NULL");
  fails(pa_trainer_resume(trainer, NULL), PA_ERROR_ARGUMENT, "path is NULL");
  ck_assert(value == 7);
  ck_assert(isnan(stat_of(trainer, PA_TRAINER_BEST_RATE)));
  pa_trainer_free(trainer);
  pa_trainer_free(NULL);
  pa_policy_free(classical);
  pa_states_free(one);
  pa_uwmmse_free(model);
  free_source(&source);
}
END_TEST

int main(void) {
  return run_tests("trainer",
                   (const TTest *const[]){training_helps, stats_can_be_recomputed, threads_change_no_bit, seeds_matter,
                                          a_resumed_run_is_the_whole_run, the_best_weights_are_kept,
                                          progress_callbacks_end_a_run, another_thread_stops_a_run,
                                          held_out_states_are_held_out, keys_are_locked_after_the_first_step,
                                          wrong_checkpoints_are_refused, gradients_that_overflow_are_left_out,
                                          bad_input_is_named_and_changes_nothing, NULL});
}
