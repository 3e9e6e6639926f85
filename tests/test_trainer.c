#include "io/io.h"
#include "suite.h"
#include "train/trainer.h"

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

/* The three sources a trainer takes, in either precision. */
struct source {
  pa_network *network;
  pa_states *states;
  int precision;
  float *h;
};

enum { NETWORK, FAMILY, STATES, KINDS, SOURCES = 2 * KINDS };

static void narrow(struct source *source) {
  const double *h = pa_states_channel(source->states);
  size_t batch = pa_states_batch(source->states), links = pa_states_links(source->states);
  source->h = calloc(batch * links * links, sizeof *source->h);
  for (size_t k = 0; k < batch * links * links; k++) source->h[k] = (float)h[k];
  pa_states_free(source->states);
  ok(pa_states_create_f32(&source->states, batch, links, source->h, 1e-3, 1, NULL));
}

static struct source source_of(int kind) {
  struct source source = {.precision = kind / KINDS};
  kind %= KINDS;
  source.network = kind == FAMILY ? family_of(3) : network_of(3);
  if (kind == STATES) ok(pa_network_draw_states(source.network, 0, 0, 60, &source.states, NULL));
  if (kind == STATES && source.precision) narrow(&source);
  return source;
}

static void free_source(struct source *source) {
  free(source->h);
  pa_states_free(source->states);
  pa_network_free(source->network);
}

static pa_trainer *trainer_of(pa_uwmmse *model, const struct source *source, uint64_t seed) {
  pa_trainer *trainer;
  if (source->states)
    ok(pa_trainer_create_on_states(&trainer, pa_uwmmse_policy(model), source->states, seed, NULL));
  else
    ok(pa_trainer_create(&trainer, pa_uwmmse_policy(model), source->network, seed, NULL));
  ok(pa_trainer_set(trainer, PA_TRAINER_PRECISION, source->precision));
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
    ck_assert(stat_of(trainer, PA_TRAINER_STAT_STEP) == 300);
    ck_assert(stat_of(trainer, PA_TRAINER_STAT_BEST_RATE) >= stat_of(trainer, PA_TRAINER_STAT_HELD_OUT_RATE));
    ck_assert(stat_of(trainer, PA_TRAINER_STAT_DROPPED) == 0);
    ck_assert(stat_of(trainer, PA_TRAINER_STAT_GRADIENT_NORM) > 0);
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
  double told[2] = {stat_of(trainer, PA_TRAINER_STAT_BEST_RATE), stat_of(trainer, PA_TRAINER_STAT_BASELINE_RATE)};
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
      double best = stat_of(trainer, PA_TRAINER_STAT_BEST_RATE), rate = stat_of(trainer, PA_TRAINER_STAT_RATE);
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
      ck_assert(stat_of(trainer, PA_TRAINER_STAT_STEP) == 20);
      same_weights(pieces, later);
      ok(pa_trainer_run(trainer, 25));
      ck_assert(stat_of(trainer, PA_TRAINER_STAT_BEST_RATE) == best);
      ck_assert(stat_of(trainer, PA_TRAINER_STAT_RATE) == rate);
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
      best = stat_of(trainer, PA_TRAINER_STAT_BEST_STEP);
      rate = stat_of(trainer, PA_TRAINER_STAT_BEST_RATE);
      ck_assert_msg(best >= 10 && best < 60, "best at step %g", best);
      ck_assert(rate > stat_of(trainer, PA_TRAINER_STAT_HELD_OUT_RATE));
    }
    ck_assert(stat_of(trainer, PA_TRAINER_STAT_BEST_RATE) == rate);
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
  return pa_trainer_stat(trainer, PA_TRAINER_STAT_STEP, &step) == PA_OK && step == watcher->at ? watcher->code
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
    ck_assert(stat_of(trainer, PA_TRAINER_STAT_STEP) == (k == 0 ? 18 : 12));
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
  ck_assert(stat_of(trainer, PA_TRAINER_STAT_STEP) >= 1);
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
  struct source sources[2] = {source, {.states = changed}};
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
  pa_policy *teacher;
  double limit = 2;
  fails(pa_trainer_save(trainer, path), PA_ERROR_STATE, "nothing to save");
  ok(pa_trainer_run(trainer, 3));
  ok(pa_trainer_save(trainer, path));
  fails(pa_trainer_save(trainer, "/no/such/folder/x"), PA_ERROR_FILE, "/no/such/folder/x");
  pa_trainer_free(trainer);

  trainer = trainer_of(model, &source, 4);
  ok(pa_trainer_set(trainer, PA_TRAINER_PRECISION, 1));
  fails(pa_trainer_resume(trainer, path), PA_ERROR_FORMAT, "trainer.precision 0, this trainer has 1");
  pa_trainer_free(trainer);
  trainer = trainer_of(model, &source, 5);
  fails(pa_trainer_resume(trainer, path), PA_ERROR_FORMAT, "seed 4, this trainer has seed 5");
  fails(pa_trainer_resume(trainer, "/no/such/file"), PA_ERROR_FILE, "/no/such/file");
  pa_trainer_free(trainer);
  trainer = trainer_of(other, &source, 4);
  fails(pa_trainer_resume(trainer, path), PA_ERROR_FORMAT, "this trainer's is of \"paper, 4 layers of 5\"");
  pa_trainer_free(trainer);
  trainer = trainer_of(model, &family, 4);
  fails(pa_trainer_resume(trainer, path), PA_ERROR_FORMAT, "links 10, this trainer has 12");
  pa_trainer_free(trainer);
  trainer = trainer_of(model, &source, 4);
  ok(pa_policy_create(&teacher, "wmmse", NULL));
  ok(pa_trainer_set_teacher(trainer, teacher));
  fails(pa_trainer_resume(trainer, path), PA_ERROR_FORMAT, "with teacher \"\", this trainer has \"wmmse\"");
  pa_trainer_free(trainer);
  pa_policy_free(teacher);
  ok(pa_network_set_power_limit(source.network, &limit, 1));
  trainer = trainer_of(model, &source, 4);
  fails(pa_trainer_resume(trainer, path), PA_ERROR_FORMAT, "total limit (W) 10, this trainer has 20");
  pa_trainer_free(trainer);
  trainer = trainer_of(model, &source, 4);
  ok(pa_uwmmse_save(model, path, NULL));
  fails(pa_trainer_resume(trainer, path), PA_ERROR_FORMAT, "not a checkpoint");
  ck_assert(stat_of(trainer, PA_TRAINER_STAT_STEP) == 0);
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
  struct source sources[2] = {source, {.states = half}};
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
      double dropped = stat_of(trainer, PA_TRAINER_STAT_DROPPED);
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

/* A step by hand --------------------------------------------------------------------------------------------------- */

/* A tensor of the checkpoint that the trainer writes now. */
static double *in_checkpoint(const pa_trainer *trainer, const char *name) {
  pa_model_file *file;
  double *data = NULL;
  ok(pa_trainer_save(trainer, temporary()));
  ok(pa_model_file_load(&file, temporary(), NULL));
  for (size_t t = 0; t < pa_model_file_tensor_count(file); t++)
    if (strcmp(pa_model_file_tensor_name(file, t), name) == 0) {
      size_t size = pa_model_file_tensor_extent(file, t, 0);
      data = calloc(size, sizeof *data);
      memcpy(data, pa_model_file_tensor_data(file, t), size * sizeof *data);
    }
  pa_model_file_free(file);
  remove(temporary());
  ck_assert_msg(data != NULL, "no %s in the checkpoint", name);
  return data;
}

static double norm_of(const double *x, size_t n) {
  double square = 0;
  for (size_t k = 0; k < n; k++) square += x[k] * x[k];
  return sqrt(square);
}

static void scale_to(double *x, size_t n, double limit) {
  double norm = norm_of(x, n);
  for (size_t k = 0; k < n && limit > 0 && norm > limit; k++) x[k] *= limit / norm;
}

static pa_allocator standard(void) {
  pa_allocator allocator;
  ok(pa__allocator_copy(&allocator, NULL));
  return allocator;
}

static pa__source private_source(const struct source *source, uint64_t seed) {
  pa__source from =
      source->states ? pa__source_of_states(source->states, seed) : pa__source_of_network(source->network, seed);
  from.precision = source->precision;
  return from;
}

/* One sample after the other, with the public gradient: what a step climbs along, before PA_TRAINER_CLIP; the mean
 * rate. */
static double climb_of(pa_uwmmse *model, const struct source *source, uint64_t seed, size_t step, size_t batch,
                       double sample_clip, double *climb) {
  size_t n = pa_uwmmse_weight_count(model);
  pa__source from = private_source(source, seed);
  pa_allocator allocator = standard();
  pa__chunk chunk;
  double *one = calloc(n, sizeof *one), rate = 0, loss;
  ok(pa__chunk_create(&chunk, &from, true, &allocator));
  memset(climb, 0, n * sizeof *climb);
  for (size_t b = 0; b < batch; b++) {
    pa__source_fill(&from, false, step * batch + b, 1, &chunk);
    ok(pa_uwmmse_gradient(model, &chunk.states, &loss, one, n));
    scale_to(one, n, sample_clip);
    for (size_t k = 0; k < n; k++) climb[k] -= one[k] / (double)batch;
    rate -= loss / (double)batch;
  }
  pa__chunk_free(&chunk);
  free(one);
  return rate;
}

static void rates_of_policy(const pa_policy *policy, const pa_states *states, double *rate) {
  double power[16];
  float power_f32[16], rate_f32[16];
  if (states->precision == PA__DOUBLE) {
    ok(pa_policy_allocate(policy, states, power, NULL, 0));
    ok(pa_rates(states, power, rate));
    return;
  }
  ok(pa_policy_allocate_f32(policy, states, power_f32, NULL, 0));
  ok(pa_rates_f32(states, power_f32, rate_f32));
  for (size_t i = 0; i < states->links; i++) rate[i] = (double)rate_f32[i];
}

/* Mean weighted sum-rate of a policy on the trainer's held-out states. */
static double held_out_rate(pa_policy *policy, const struct source *source, uint64_t seed, size_t count) {
  pa__source from = private_source(source, seed);
  pa_allocator allocator = standard();
  pa__chunk chunk;
  double sum = 0;
  ok(pa__chunk_create(&chunk, &from, true, &allocator));
  for (size_t b = 0; b < count; b++) {
    double rate[16];
    pa__source_fill(&from, true, b, 1, &chunk);
    rates_of_policy(policy, &chunk.states, rate);
    for (size_t i = 0; i < chunk.states.links; i++) sum += chunk.states.weights[i] * rate[i];
  }
  pa__chunk_free(&chunk);
  return sum / (double)count;
}

static void uneven(struct source *source) {
  double values[LINKS];
  for (size_t i = 0; i < LINKS; i++) values[i] = 1e-3 * (1 + (double)(i % 3));
  if (!source->states) {
    if (pa_network_links_min(source->network) == LINKS) ok(pa_network_set_noise(source->network, values, LINKS));
    return;
  }
  ok(pa_states_set_noise(source->states, values, LINKS));
  for (size_t i = 0; i < LINKS; i++) values[i] = 0.5 + (double)(i % 4);
  ok(pa_states_set_power_limit(source->states, values, LINKS));
  for (size_t i = 0; i < LINKS; i++) values[i] = 1 + 0.3 * (double)(i % 2);
  ok(pa_states_set_weights(source->states, values, LINKS));
}

/* Adam by its paper: moments with decays .9 and .999, bias corrected. */
static void adam_by_hand(size_t step, double rate, size_t n, const double *climb, double *mean, double *square,
                         double *weights) {
  for (size_t k = 0; k < n; k++) {
    mean[k] += 0.1 * (climb[k] - mean[k]);
    square[k] += 0.001 * (climb[k] * climb[k] - square[k]);
    double first = mean[k] / (1 - pow(0.9, (double)step)), second = square[k] / (1 - pow(0.999, (double)step));
    weights[k] += rate * first / (sqrt(second) + 1e-8);
  }
}

/* Five steps of the trainer are five steps by hand: samples, their clipping, the mean, its clipping, Adam, the bounds
 * of mu and tau, and the numbers told on the way. */
static void against_hand(int kind, int32_t architecture, double sample_clip, double clip) {
  enum { STEPS = 5, BATCH = 11 };
  struct source source = source_of(kind);
  uneven(&source);
  if (kind % KINDS == FAMILY) ok(pa_network_set(source.network, PA_NETWORK_DRAWS_PER_TOPOLOGY, 3));
  pa_uwmmse *model = model_of(architecture), *own = model_of(architecture);
  size_t n = pa_uwmmse_weight_count(own);
  double *climb = calloc(4 * n, sizeof *climb), *mean = climb + n, *square = mean + n, *weights = square + n;
  double running = NAN, rate = 0.2, rounding = source.precision ? 1e-4 : 1e-6;
  pa_trainer *trainer = trainer_of(model, &source, 5);
  ok(pa_trainer_set(trainer, PA_TRAINER_BATCH, BATCH));
  ok(pa_trainer_set(trainer, PA_TRAINER_SAMPLE_CLIP, sample_clip));
  ok(pa_trainer_set(trainer, PA_TRAINER_CLIP, clip));
  ok(pa_trainer_set(trainer, PA_TRAINER_LEARNING_RATE, rate));
  ok(pa_trainer_set(trainer, PA_TRAINER_FINAL_RATE, 1));
  ok(pa_trainer_set(trainer, PA_TRAINER_WARMUP, 0));
  ok(pa_uwmmse_get_weights(own, weights, n));
  for (size_t step = 1; step <= STEPS; step++) {
    double seen = climb_of(own, &source, 5, step - 1, BATCH, sample_clip, climb);
    running = isnan(running) ? seen : running + 0.01 * (seen - running);
    double norm = norm_of(climb, n);
    scale_to(climb, n, clip);
    adam_by_hand(step, rate, n, climb, mean, square, weights);
    for (size_t k = n - 8; architecture == PA_UWMMSE_EXTENDED && k < n; k++) weights[k] = fmax(weights[k], 0);
    ok(pa_uwmmse_set_weights(own, weights, n));
    ok(pa_trainer_run(trainer, 1));
    double *present = in_checkpoint(trainer, "weights");
    for (size_t k = 0; k < n; k++) close_to(present[k], weights[k], rounding);
    free(present);
    ok(pa_uwmmse_get_weights(own, weights, n));
    close_to(stat_of(trainer, PA_TRAINER_STAT_GRADIENT_NORM), norm, rounding * norm);
    close_to(stat_of(trainer, PA_TRAINER_STAT_RATE), running, .1 * rounding * running);
    ck_assert(stat_of(trainer, PA_TRAINER_STAT_STEP_RATE) == rate);
  }
  pa_policy *wmmse;
  ok(pa_policy_create(&wmmse, "wmmse", NULL));
  size_t held_out = kind % KINDS == STATES ? 12 : 40;
  double baseline = held_out_rate(wmmse, &source, 5, held_out);
  close_to(stat_of(trainer, PA_TRAINER_STAT_BASELINE_RATE), baseline, 1e-3 * rounding * baseline);
  double best = held_out_rate(pa_uwmmse_policy(model), &source, 5, held_out);
  close_to(stat_of(trainer, PA_TRAINER_STAT_BEST_RATE), best, 1e-3 * rounding * best);
  pa_policy_free(wmmse);
  free(climb);
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  pa_uwmmse_free(own);
  free_source(&source);
}

START_TEST(steps_by_hand) {
  for (int kind = 0; kind < SOURCES; kind++)
    for (int32_t architecture = PA_UWMMSE_PAPER; architecture <= PA_UWMMSE_EXTENDED; architecture++) {
      against_hand(kind, architecture, 0, 0);
      against_hand(kind, architecture, 0.5, 0);
      against_hand(kind, architecture, 0.5, 0.2);
    }
}
END_TEST

struct rates {
  double rate[40];
  size_t count;
};

static int32_t note_rate(void *user, const pa_trainer *trainer) {
  struct rates *rates = user;
  return pa_trainer_stat(trainer, PA_TRAINER_STAT_STEP_RATE, &rates->rate[rates->count++]);
}

/* Learning rates of the steps of a run. */
static struct rates rates_of(int32_t architecture, int kind, const double keys[4], uint64_t steps) {
  struct source source = source_of(kind);
  pa_uwmmse *model = model_of(architecture);
  pa_trainer *trainer = trainer_of(model, &source, 0);
  struct rates rates = {.count = 0};
  ok(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT_EVERY, 1000));
  ok(pa_trainer_set(trainer, PA_TRAINER_BATCH, 2));
  ok(pa_trainer_set_progress(trainer, 1, note_rate, &rates, NULL));
  static const int32_t key[4] = {PA_TRAINER_LEARNING_RATE, PA_TRAINER_WARMUP, PA_TRAINER_FINAL_RATE,
                                 PA_TRAINER_SCHEDULE};
  for (size_t k = 0; keys && k < 4; k++) ok(pa_trainer_set(trainer, key[k], keys[k]));
  ok(pa_trainer_run(trainer, steps));
  ck_assert_uint_eq(rates.count, steps);
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  free_source(&source);
  return rates;
}

START_TEST(learning_rates_follow_the_schedule) {
  const double pi = acos(-1), keys[4] = {0.02, 4, 0.1, 24};
  struct rates rates = rates_of(PA_UWMMSE_EXTENDED, NETWORK, keys, 30);
  for (size_t k = 0; k < 30; k++) {
    double step = (double)(k + 1), part = fmin((step - 4) / 20, 1);
    close_to(rates.rate[k], step <= 4 ? 0.005 * step : 0.002 + 0.018 * (1 + cos(pi * part)) / 2, 1e-15);
  }
  const double unset[4] = {0, -1, 0, 600}, never[4] = {0.01, 0, 1, 0};
  rates = rates_of(PA_UWMMSE_PAPER, NETWORK, unset, 5);
  for (size_t k = 0; k < 5; k++) ck_assert(rates.rate[k] == 1e-3);
  rates = rates_of(PA_UWMMSE_EXTENDED, NETWORK, unset, 5);
  for (size_t k = 0; k < 5; k++) close_to(rates.rate[k], 1e-2 * (double)(k + 1) / 300, 1e-17);
  rates = rates_of(PA_UWMMSE_EXTENDED, FAMILY, unset, 5);
  for (size_t k = 0; k < 5; k++) close_to(rates.rate[k], 5e-3 * (double)(k + 1) / 300, 1e-17);
  rates = rates_of(PA_UWMMSE_EXTENDED, NETWORK, never, 5);
  for (size_t k = 0; k < 5; k++) ck_assert(rates.rate[k] == 0.01);
  const double whole_run[4] = {0.01, 0, 0.5, 0};
  rates = rates_of(PA_UWMMSE_EXTENDED, NETWORK, whole_run, 10);
  close_to(rates.rate[9], 0.005, 1e-15);
  ck_assert(rates.rate[0] < 0.01 && rates.rate[0] > 0.0098);
}
END_TEST

/* How a run ends ----------------------------------------------------------------------------------------------------
 */

enum end { AT_LENGTH, BY_STOP, BY_ABORT, BY_UNKNOWN_CODE, BY_REQUEST, ENDS };

static int32_t end_at_step_27(void *user, const pa_trainer *trainer) {
  static const int32_t codes[ENDS] = {PA_CALLBACK_OK, PA_CALLBACK_STOP, PA_CALLBACK_ABORT, 1, PA_CALLBACK_OK};
  double step = NAN;
  pa_trainer_stat(trainer, PA_TRAINER_STAT_STEP, &step);
  if (step != 27) return PA_CALLBACK_OK;
  enum end end = *(enum end *)user;
  if (end == BY_REQUEST) pa_trainer_request_stop((pa_trainer *)(uintptr_t)trainer);
  return codes[end];
}

/* However it ends, the policy holds the best weights so far, and the rate told is theirs. */
START_TEST(every_end_keeps_the_best) {
  static const pa_status statuses[ENDS] = {PA_OK, PA_STOPPED, PA_ERROR_CALLBACK, PA_ERROR_CALLBACK, PA_STOPPED};
  for (int kind = 0; kind < SOURCES; kind++) {
    double first[ENDS];
    for (enum end end = AT_LENGTH; end < ENDS; end++) {
      struct source source = source_of(kind);
      pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
      pa_trainer *trainer = trainer_of(model, &source, 0);
      ok(pa_trainer_set(trainer, PA_TRAINER_LEARNING_RATE, 1)); /* ruins the model before long */
      ok(pa_trainer_set(trainer, PA_TRAINER_FINAL_RATE, 1));
      ok(pa_trainer_set(trainer, PA_TRAINER_WARMUP, 60));
      ok(pa_trainer_set_progress(trainer, 1, end_at_step_27, &end, NULL));
      ck_assert_int_eq(pa_trainer_run(trainer, end == AT_LENGTH ? 27 : 60), statuses[end]);
      ck_assert(stat_of(trainer, PA_TRAINER_STAT_STEP) == 27);
      double told = stat_of(trainer, PA_TRAINER_STAT_BEST_RATE), *present = in_checkpoint(trainer, "weights");
      size_t count = kind % KINDS == STATES ? 12 : 40;
      double rounding = source.precision ? 1e-6 : 1e-9;
      close_to(held_out_rate(pa_uwmmse_policy(model), &source, 0, count), told, rounding * told);
      first[end] = told;
      ck_assert(told == first[AT_LENGTH]);
      ck_assert(told >= stat_of(trainer, PA_TRAINER_STAT_HELD_OUT_RATE));
      ck_assert(stat_of(trainer, PA_TRAINER_STAT_BEST_STEP) <= 27);
      ok(pa_uwmmse_set_weights(model, present, pa_uwmmse_weight_count(model)));
      ck_assert(told >= (1 - (source.precision ? rounding : 1e-12)) *
                            held_out_rate(pa_uwmmse_policy(model), &source, 0, count));
      free(present);
      ok(pa_trainer_run(trainer, 3));
      ck_assert(stat_of(trainer, PA_TRAINER_STAT_STEP) == 30);
      pa_trainer_free(trainer);
      pa_uwmmse_free(model);
      free_source(&source);
    }
  }
}
END_TEST

/* A request between runs is none. */
START_TEST(a_stop_between_runs_does_nothing) {
  struct source source = source_of(NETWORK);
  pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
  pa_trainer *trainer = trainer_of(model, &source, 0);
  pa_trainer_request_stop(trainer);
  ok(pa_trainer_run(trainer, 10));
  pa_trainer_request_stop(trainer);
  ok(pa_trainer_run(trainer, 10));
  ck_assert(stat_of(trainer, PA_TRAINER_STAT_STEP) == 20);
  pa_trainer_free(trainer);
  pa_uwmmse_free(model);
  free_source(&source);
}
END_TEST

static int32_t save_at_13_stop_at_17(void *user, const pa_trainer *trainer) {
  double step = NAN;
  pa_trainer_stat(trainer, PA_TRAINER_STAT_STEP, &step);
  if (step == 13 && pa_trainer_save(trainer, user) != PA_OK) return PA_CALLBACK_ABORT;
  if (step == 13 && pa_trainer_resume((pa_trainer *)(uintptr_t)trainer, user) != PA_ERROR_STATE)
    return PA_CALLBACK_ABORT;
  return step == 17 ? PA_CALLBACK_STOP : PA_CALLBACK_OK;
}

/* From a checkpoint written in the callback, and from one written after a stop: the uninterrupted run, bit for bit. */
START_TEST(interrupted_runs_resume) {
  char path[2][300];
  for (int k = 0; k < 2; k++) snprintf(path[k], sizeof path[k], "%s-%d", temporary(), k);
  for (int kind = 0; kind < SOURCES; kind++) {
    struct source source = source_of(kind);
    pa_uwmmse *whole = model_of(PA_UWMMSE_EXTENDED), *broken = model_of(PA_UWMMSE_EXTENDED);
    pa_trainer *trainer = trainer_of(whole, &source, 2);
    ok(pa_trainer_run(trainer, 30));
    double *weights = in_checkpoint(trainer, "weights"), *moments = in_checkpoint(trainer, "adam.square");
    pa_trainer_free(trainer);

    trainer = trainer_of(broken, &source, 2);
    ok(pa_trainer_set_progress(trainer, 1, save_at_13_stop_at_17, path[0], NULL));
    ck_assert_int_eq(pa_trainer_run(trainer, 30), PA_STOPPED);
    ok(pa_trainer_save(trainer, path[1]));
    pa_trainer_free(trainer);
    for (int k = 0; k < 2; k++) {
      pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
      trainer = trainer_of(model, &source, 2);
      ok(pa_trainer_resume(trainer, path[k]));
      fails(pa_trainer_set(trainer, PA_TRAINER_BATCH, 8), PA_ERROR_STATE, "trainer.batch");
      ok(pa_trainer_run(trainer, k == 0 ? 17 : 13));
      double *resumed = in_checkpoint(trainer, "weights"), *square = in_checkpoint(trainer, "adam.square");
      size_t bytes = pa_uwmmse_weight_count(model) * sizeof(double);
      ck_assert_int_eq(memcmp(resumed, weights, bytes), 0);
      ck_assert_int_eq(memcmp(square, moments, bytes), 0);
      same_weights(model, whole);
      free(resumed);
      free(square);
      pa_trainer_free(trainer);
      pa_uwmmse_free(model);
      remove(path[k]);
    }
    free(weights);
    free(moments);
    pa_uwmmse_free(whole);
    pa_uwmmse_free(broken);
    free_source(&source);
  }
}
END_TEST

/* Checkpoints that lie ----------------------------------------------------------------------------------------------
 */

/* Copies a checkpoint with one number of one tensor changed. */
static void forge(const char *from, const char *to, const char *name, size_t index, double value) {
  pa_model_file *file;
  ok(pa_model_file_load(&file, from, NULL));
  size_t count = pa_model_file_tensor_count(file), metadata_count = pa_model_file_metadata_count(file), kept = 0;
  pa__tensor *tensors = calloc(count, sizeof *tensors);
  pa__metadata *metadata = calloc(metadata_count, sizeof *metadata);
  for (size_t k = 0; k < metadata_count; k++) {
    const char *of = pa_model_file_metadata_name(file, k);
    if (strncmp(of, "format", 6) != 0) metadata[kept++] = (pa__metadata){of, pa_model_file_metadata(file, of)};
  }
  for (size_t t = 0; t < count; t++) {
    snprintf(tensors[t].name, sizeof tensors[t].name, "%s", pa_model_file_tensor_name(file, t));
    tensors[t].rank = 1;
    tensors[t].extent[0] = pa_model_file_tensor_extent(file, t, 0);
    tensors[t].data = calloc(tensors[t].extent[0], sizeof(double));
    memcpy(tensors[t].data, pa_model_file_tensor_data(file, t), tensors[t].extent[0] * sizeof(double));
    if (strcmp(tensors[t].name, name) == 0) tensors[t].data[index] = value;
  }
  ok(pa__model_write(to, metadata, kept, tensors, count));
  for (size_t t = 0; t < count; t++) free(tensors[t].data);
  free(tensors);
  free(metadata);
  pa_model_file_free(file);
}

/* A checkpoint is untrusted input. `progress` starts with step and steps of the schedule. */
START_TEST(forged_checkpoints_are_refused) {
  char good[300], bad[300];
  snprintf(good, sizeof good, "%s-good", temporary());
  snprintf(bad, sizeof bad, "%s-bad", temporary());
  struct source source = source_of(NETWORK);
  pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
  size_t n = pa_uwmmse_weight_count(model);
  double *before = weights_of(model);
  pa_trainer *trainer = trainer_of(model, &source, 4);
  ok(pa_trainer_run(trainer, 12));
  ok(pa_trainer_save(trainer, good));
  pa_trainer_free(trainer);
  ok(pa_uwmmse_set_weights(model, before, n));
  const struct {
    const char *tensor;
    size_t index;
    double value;
  } forgeries[] = {{"keys", 0, -1},        {"keys", 0, 2.5},        {"keys", 7, -1},      {"source", 0, 11},
                   {"progress", 0, -1},    {"progress", 0, 0},      {"progress", 0, 1.5}, {"progress", 0, 1e300},
                   {"progress", 1, 0},     {"progress", 1, -5},     {"progress", 1, 2.5}, {"progress", 1, 1e300},
                   {"adam.square", 3, -1}, {"weights", n - 1, -.1}, {"best", n - 8, -.1}};
  trainer = trainer_of(model, &source, 4);
  for (size_t k = 0; k < sizeof forgeries / sizeof forgeries[0]; k++) {
    forge(good, bad, forgeries[k].tensor, forgeries[k].index, forgeries[k].value);
    pa_status status = pa_trainer_resume(trainer, bad);
    ck_assert_msg(status == PA_ERROR_FORMAT, "%s[%zu] = %g gave %s", forgeries[k].tensor, forgeries[k].index,
                  forgeries[k].value, pa_status_name(status));
    ck_assert_msg(strstr(pa_last_error(), bad) != NULL, "\"%s\" does not name the file", pa_last_error());
    double *after = weights_of(model), batch;
    ck_assert_int_eq(memcmp(after, before, n * sizeof *after), 0);
    ok(pa_trainer_get(trainer, PA_TRAINER_BATCH, &batch));
    ck_assert(batch == 24 && stat_of(trainer, PA_TRAINER_STAT_STEP) == 0);
    free(after);
  }
  forge(good, bad, "none", 0, 0);
  ok(pa_trainer_resume(trainer, bad));
  ck_assert(stat_of(trainer, PA_TRAINER_STAT_STEP) == 12);
  pa_trainer_free(trainer);
  remove(good);
  remove(bad);
  free(before);
  pa_uwmmse_free(model);
  free_source(&source);
}
END_TEST

/* Different models may have as many weights: 260 of the paper's 4 layers with 5 hidden, and of an extended layer with
 * 7; 221 of 1 layer with 18 hidden, and of 13 with 1. */
START_TEST(checkpoints_of_other_shapes_with_as_many_weights_are_refused) {
  static const struct {
    int32_t architecture;
    size_t layers, hidden;
  } shapes[2][2] = {{{PA_UWMMSE_PAPER, 4, 5}, {PA_UWMMSE_EXTENDED, 1, 7}},
                    {{PA_UWMMSE_PAPER, 1, 18}, {PA_UWMMSE_PAPER, 13, 1}}};
  struct source source = source_of(NETWORK);
  for (size_t pair = 0; pair < 2; pair++) {
    pa_uwmmse *models[2];
    for (size_t k = 0; k < 2; k++)
      ok(pa_uwmmse_create(&models[k], shapes[pair][k].architecture, shapes[pair][k].layers, shapes[pair][k].hidden, 0,
                          NULL));
    ck_assert_uint_eq(pa_uwmmse_weight_count(models[0]), pa_uwmmse_weight_count(models[1]));
    pa_trainer *trainer = trainer_of(models[0], &source, 0);
    ok(pa_trainer_run(trainer, 2));
    ok(pa_trainer_save(trainer, temporary()));
    pa_trainer_free(trainer);
    trainer = trainer_of(models[1], &source, 0);
    double *before = weights_of(models[1]);
    pa_status status = pa_trainer_resume(trainer, temporary());
    ck_assert_msg(status == PA_ERROR_FORMAT, "pair %zu: %s", pair, pa_status_name(status));
    double *after = weights_of(models[1]);
    ck_assert_int_eq(memcmp(before, after, pa_uwmmse_weight_count(models[1]) * sizeof *after), 0);
    free(before);
    free(after);
    pa_trainer_free(trainer);
    remove(temporary());
    for (size_t k = 0; k < 2; k++) pa_uwmmse_free(models[k]);
  }
  free_source(&source);
}
END_TEST

/* Memory ------------------------------------------------------------------------------------------------------------
 */

struct purse {
  size_t left, live;
};

static void *purse_allocate(void *user, size_t bytes, size_t alignment) {
  struct purse *purse = user;
  if (purse->left == 0) return NULL;
  purse->left--;
  void *memory = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory) purse->live++;
  return memory;
}

static void purse_release(void *user, void *memory) {
  ((struct purse *)user)->live--;
  free(memory);
}

enum { ALL_STATS = 9 };

static void stats_of(const pa_trainer *trainer, double stats[ALL_STATS]) {
  for (int32_t k = 0; k < ALL_STATS; k++) stats[k] = stat_of(trainer, PA_TRAINER_STAT_STEP + k);
}

/* Runs until there is memory enough; failed attempts leave trainer and model as they were. */
static void run_in_the_end(pa_trainer *trainer, pa_uwmmse *model, struct purse *purse) {
  size_t live = purse->live, bytes = pa_uwmmse_weight_count(model) * sizeof(double);
  double *before = weights_of(model), stats[ALL_STATS], later[ALL_STATS];
  stats_of(trainer, stats);
  pa_status status = PA_ERROR_MEMORY;
  for (size_t left = 0; status == PA_ERROR_MEMORY; left++) {
    purse->left = left;
    status = pa_trainer_run(trainer, 4);
    ck_assert_uint_eq(purse->live, live);
    ck_assert(left > 5 || status != PA_OK);
    if (status != PA_ERROR_MEMORY) break;
    double *after = weights_of(model);
    ck_assert_int_eq(memcmp(before, after, bytes), 0);
    free(after);
    stats_of(trainer, later);
    for (size_t k = 0; k < ALL_STATS; k++)
      ck_assert_msg(stats[k] == later[k] || (isnan(stats[k]) && isnan(later[k])), "stat %zu: %.17g became %.17g", k + 1,
                    stats[k], later[k]);
  }
  purse->left = SIZE_MAX;
  ok(status);
  free(before);
}

/* Every allocation of a trainer may fail, and the training that comes of it in the end is the same. */
START_TEST(memory_may_run_out_at_every_call) {
  for (int kind = 0; kind < SOURCES; kind++) {
    struct source source = source_of(kind);
    struct purse purse = {SIZE_MAX, 0};
    pa_allocator allocator = {purse_allocate, purse_release, &purse};
    pa_uwmmse *models[3];
    pa_trainer *trainer = NULL;
    for (int k = 0; k < 3; k++) models[k] = model_of(PA_UWMMSE_EXTENDED);
    pa_trainer *plain = trainer_of(models[0], &source, 1);
    ok(pa_trainer_set(plain, PA_TRAINER_SCHEDULE, 8));
    ok(pa_trainer_run(plain, 8));
    pa_trainer_free(plain);
    for (int k = 1; k < 3; k++) {
      pa_policy *policy = pa_uwmmse_policy(models[k]);
      pa_status status = PA_ERROR_MEMORY;
      for (purse.left = 0; status != PA_OK;) {
        size_t left = purse.left;
        status = source.states ? pa_trainer_create_on_states(&trainer, policy, source.states, 1, &allocator)
                               : pa_trainer_create(&trainer, policy, source.network, 1, &allocator);
        ck_assert(status == PA_OK || (status == PA_ERROR_MEMORY && purse.live == 0 && !trainer));
        purse.left = left + 1;
      }
      small(trainer);
      ok(pa_trainer_set(trainer, PA_TRAINER_PRECISION, source.precision));
      ok(pa_trainer_set(trainer, PA_TRAINER_SCHEDULE, 8));
      ok(pa_trainer_set(trainer, PA_TRAINER_THREADS, 2));
      if (k == 2) {
        size_t live = purse.live;
        status = PA_ERROR_MEMORY;
        for (size_t left = 0; status != PA_OK; left++) {
          purse.left = left;
          status = pa_trainer_resume(trainer, temporary());
          ck_assert_msg(status == PA_OK || status == PA_ERROR_MEMORY, "%s", pa_last_error());
          ck_assert_uint_eq(purse.live, live);
          ck_assert(stat_of(trainer, PA_TRAINER_STAT_STEP) == (status == PA_OK ? 4 : 0));
        }
      }
      run_in_the_end(trainer, models[k], &purse);
      if (k == 1) { /* the second trainer goes on from here, in the same steps */
        ok(pa_trainer_save(trainer, temporary()));
        run_in_the_end(trainer, models[k], &purse);
        same_weights(models[0], models[1]);
      }
      pa_trainer_free(trainer);
      trainer = NULL;
      ck_assert_uint_eq(purse.live, 0);
    }
    same_weights(models[0], models[2]);
    remove(temporary());
    for (int k = 0; k < 3; k++) pa_uwmmse_free(models[k]);
    free_source(&source);
  }
}
END_TEST

/* A policy from a file learns like its model. */
START_TEST(loaded_policies_learn) {
  struct source source = source_of(NETWORK);
  pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
  pa_policy *loaded;
  ok(pa_uwmmse_save(model, temporary(), NULL));
  ok(pa_policy_load(&loaded, temporary(), NULL));
  remove(temporary());
  pa_trainer *trainer = trainer_of(model, &source, 1), *other;
  ok(pa_trainer_create(&other, loaded, source.network, 1, NULL));
  small(other);
  ok(pa_trainer_run(trainer, 12));
  ok(pa_trainer_run(other, 12));
  ck_assert(stat_of(trainer, PA_TRAINER_STAT_BEST_RATE) == stat_of(other, PA_TRAINER_STAT_BEST_RATE));
  pa_states *states;
  double power[2][5 * LINKS];
  ok(pa_network_draw_states(source.network, 9, 0, 5, &states, NULL));
  ok(pa_policy_allocate(loaded, states, power[0], NULL, 0));
  ok(pa_policy_allocate(pa_uwmmse_policy(model), states, power[1], NULL, 0));
  ck_assert_int_eq(memcmp(power[0], power[1], sizeof power[0]), 0);
  pa_states_free(states);
  pa_trainer_free(trainer);
  pa_trainer_free(other);
  pa_policy_free(loaded);
  pa_uwmmse_free(model);
  free_source(&source);
}
END_TEST

START_TEST(bad_input_is_named_and_changes_nothing) {
  struct source source = source_of(NETWORK);
  pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
  pa_policy *classical;
  pa_trainer *trainer, *none = NULL;
  pa_states *one, *source_states;
  double value = 7, *h = calloc(2 * LINKS * LINKS, sizeof *h);
  ok(pa_states_create(&source_states, 2, LINKS, h, 1, 1, NULL));
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
  fails(pa_trainer_create_on_states(NULL, pa_uwmmse_policy(model), source_states, 0, NULL), PA_ERROR_ARGUMENT,
        "out is NULL");
  fails(pa_trainer_create_on_states(&none, NULL, source_states, 0, NULL), PA_ERROR_ARGUMENT, "policy is NULL");
  fails(pa_trainer_create_on_states(&none, classical, source_states, 0, NULL), PA_ERROR_ARGUMENT, "nothing to learn");
  static const struct {
    double value;
    const char *reason;
  } channel[] = {{NAN, "h[1][2][3] is "}, {INFINITY, "h[1][2][3] is inf"}, {-1, "h[1][2][3] is -1"}};
  for (size_t k = 0; k < 3; k++) {
    h[LINKS * LINKS + 2 * LINKS + 3] = channel[k].value;
    fails(pa_trainer_create_on_states(&none, pa_uwmmse_policy(model), source_states, 0, NULL), PA_ERROR_ARGUMENT,
          channel[k].reason);
  }
  ck_assert_ptr_null(none);
  trainer = trainer_of(model, &source, 0);
  static const struct {
    int32_t key;
    double value;
  } values[] = {{PA_TRAINER_BATCH, 2.5},          {PA_TRAINER_BATCH, INFINITY},     {PA_TRAINER_BATCH, -1},
                {PA_TRAINER_LEARNING_RATE, -1},   {PA_TRAINER_LEARNING_RATE, 1.01}, {PA_TRAINER_LEARNING_RATE, NAN},
                {PA_TRAINER_FINAL_RATE, 2},       {PA_TRAINER_FINAL_RATE, -0.1},    {PA_TRAINER_WARMUP, -2},
                {PA_TRAINER_WARMUP, 0.5},         {PA_TRAINER_CLIP, -1.5},          {PA_TRAINER_CLIP, INFINITY},
                {PA_TRAINER_SAMPLE_CLIP, -2},     {PA_TRAINER_SAMPLE_CLIP, NAN},    {PA_TRAINER_HELD_OUT_EVERY, -1},
                {PA_TRAINER_HELD_OUT_EVERY, 1.5}, {PA_TRAINER_HELD_OUT, -1},        {PA_TRAINER_THREADS, 0},
                {PA_TRAINER_THREADS, 2000},       {PA_TRAINER_SCHEDULE, -1},        {PA_TRAINER_SCHEDULE, NAN}};
  for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
    double before, after;
    ok(pa_trainer_get(trainer, values[k].key, &before));
    fails(pa_trainer_set(trainer, values[k].key, values[k].value), PA_ERROR_ARGUMENT, pa_key_name(values[k].key));
    ok(pa_trainer_get(trainer, values[k].key, &after));
    ck_assert(before == after);
  }
  fails(pa_trainer_set(trainer, 0, 1), PA_ERROR_ARGUMENT, "no key 0");
  fails(pa_trainer_set(trainer, 319, 1), PA_ERROR_ARGUMENT, "no key 319");
  fails(pa_trainer_get(trainer, 300, &value), PA_ERROR_ARGUMENT, "no key 300");
  fails(pa_trainer_get(NULL, PA_TRAINER_BATCH, &value), PA_ERROR_ARGUMENT, "trainer is NULL");
  fails(pa_trainer_stat(trainer, 0, &value), PA_ERROR_ARGUMENT, "0 is no number");
  fails(pa_trainer_stat(trainer, PA_TRAINER_STAT_STEP, NULL), PA_ERROR_ARGUMENT, "value is NULL");
  fails(pa_trainer_save(trainer, NULL), PA_ERROR_ARGUMENT, "path is NULL");
  fails(pa_trainer_resume(NULL, "x"), PA_ERROR_ARGUMENT, "trainer is NULL");
  fails(pa_trainer_set_progress(NULL, 1, NULL, NULL, NULL), PA_ERROR_ARGUMENT, "trainer is NULL");
  struct watcher watcher = {0};
  fails(pa_trainer_set_progress(trainer, 0, watch, &watcher, count_free), PA_ERROR_ARGUMENT, "every is 0");
  ck_assert_int_eq(watcher.freed, 0);
  fails(pa_trainer_set(trainer, PA_TRAINER_BATCH, -2), PA_ERROR_ARGUMENT, "trainer.batch");
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
  ck_assert(isnan(stat_of(trainer, PA_TRAINER_STAT_BEST_RATE)));
  pa_trainer_free(trainer);
  pa_trainer_free(NULL);
  pa_policy_free(classical);
  pa_states_free(one);
  pa_states_free(source_states);
  free(h);
  pa_uwmmse_free(model);
  free_source(&source);
}
END_TEST

/* Memory with a fence behind it; a release counts the bytes of the fence that were written to. */
enum { FENCE = 256, ROOM = 64 };

static void *fenced_allocate(void *user, size_t bytes, size_t alignment) {
  (void)user;
  ck_assert_uint_le(alignment, ROOM);
  char *memory = aligned_alloc(ROOM, (ROOM + bytes + FENCE + ROOM - 1) / ROOM * ROOM);
  memcpy(memory, &bytes, sizeof bytes);
  memset(memory + ROOM + bytes, 'f', FENCE);
  return memory + ROOM;
}

static void fenced_release(void *user, void *memory) {
  char *start = (char *)memory - ROOM;
  size_t bytes;
  memcpy(&bytes, start, sizeof bytes);
  for (size_t k = 0; k < FENCE; k++) *(size_t *)user += start[ROOM + bytes + k] != 'f';
  free(start);
}

/* Imitation needs another workspace than the model's own gradient. */
START_TEST(a_teacher_teaches_uwmmse) {
  static const size_t links[] = {2, 5, 40};
  for (size_t k = 0; k < 3; k++) {
    size_t broken = 0;
    const pa_allocator fenced = {fenced_allocate, fenced_release, &broken};
    pa_uwmmse *model = model_of(PA_UWMMSE_EXTENDED);
    pa_network *network;
    pa_policy *teacher;
    pa_trainer *trainer;
    double noise = 1e-3;
    ok(pa_network_create_adhoc(&network, links[k], 3, NULL));
    ok(pa_network_set_noise(network, &noise, 1));
    ok(pa_policy_create(&teacher, "wmmse", NULL));
    ok(pa_trainer_create(&trainer, pa_uwmmse_policy(model), network, 1, &fenced));
    small(trainer);
    ok(pa_trainer_set_teacher(trainer, teacher));
    ok(pa_trainer_run(trainer, 3));
    pa_trainer_free(trainer);
    ck_assert_uint_eq(broken, 0);
    pa_policy_free(teacher);
    pa_network_free(network);
    pa_uwmmse_free(model);
  }
}
END_TEST

int main(void) {
  return run_tests("trainer", (const TTest *const[]){training_helps,
                                                     stats_can_be_recomputed,
                                                     threads_change_no_bit,
                                                     seeds_matter,
                                                     a_resumed_run_is_the_whole_run,
                                                     the_best_weights_are_kept,
                                                     progress_callbacks_end_a_run,
                                                     another_thread_stops_a_run,
                                                     held_out_states_are_held_out,
                                                     keys_are_locked_after_the_first_step,
                                                     wrong_checkpoints_are_refused,
                                                     steps_by_hand,
                                                     learning_rates_follow_the_schedule,
                                                     every_end_keeps_the_best,
                                                     a_stop_between_runs_does_nothing,
                                                     interrupted_runs_resume,
                                                     forged_checkpoints_are_refused,
                                                     checkpoints_of_other_shapes_with_as_many_weights_are_refused,
                                                     memory_may_run_out_at_every_call,

                                                     a_teacher_teaches_uwmmse,
                                                     loaded_policies_learn,
                                                     gradients_that_overflow_are_left_out,
                                                     bad_input_is_named_and_changes_nothing,
                                                     NULL});
}
