#include "base/base.h"
#include "base/pool.h"
#include "base/random.h"
#include "suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* Random numbers ------------------------------------------------------------------------------------------------- */

/* Known answers of the authors' library (Random123, philox4x32 with 10 rounds). */
START_TEST(philox_known_answers) {
  static const struct {
    uint32_t counter[4], key[2], out[4];
  } cases[] = {{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
               {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                {0xffffffff, 0xffffffff},
                {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
               {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                {0xa4093822, 0x299f31d0},
                {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
  for (size_t k = 0; k < 3; k++) {
    uint32_t out[4];
    pa__philox(cases[k].counter, cases[k].key, out);
    for (size_t i = 0; i < 4; i++) ck_assert_uint_eq(out[i], cases[k].out[i]);
  }
}
END_TEST

/* Mean 1/2, variance 1/12 and no correlation between neighbours in index, counter and stream; 6 standard deviations. */
START_TEST(uniform_numbers_are_uniform) {
  enum { N = 20000 };
  uint64_t keys[2] = {pa__random_key(1, PA__STREAM_FADING, 0), pa__random_key(1, PA__STREAM_FADING, 1)};
  double sum = 0, square = 0, products[3] = {0};
  for (uint64_t k = 0; k < N; k++) {
    double u = pa__random_uniform(keys[0], 3, k) - 0.5;
    ck_assert(u > -0.5 && u < 0.5);
    sum += u;
    square += u * u;
    products[0] += u * (pa__random_uniform(keys[0], 3, k + 1) - 0.5);
    products[1] += u * (pa__random_uniform(keys[0], 4, k) - 0.5);
    products[2] += u * (pa__random_uniform(keys[1], 3, k) - 0.5);
  }
  close_to(sum / N, 0, 6 * sqrt(1.0 / 12 / N));
  close_to(square / N, 1.0 / 12, 6 * sqrt(1.0 / 180 / N));
  for (size_t k = 0; k < 3; k++) close_to(products[k] / N, 0, 6 / 12.0 / sqrt(N));
  ck_assert(pa__random_key(1, PA__STREAM_FADING, 0) != pa__random_key(2, PA__STREAM_FADING, 0));
  ck_assert(pa__random_key(1, PA__STREAM_FADING, 0) != pa__random_key(1, PA__STREAM_POSITIONS, 0));
}
END_TEST

START_TEST(whole_numbers_cover_their_range) {
  int count[7] = {0};
  for (uint64_t k = 0; k < 7000; k++) count[pa__random_below(9, 0, k, 7)]++;
  for (size_t k = 0; k < 7; k++) ck_assert_msg(count[k] > 800 && count[k] < 1200, "%zu came %d times", k, count[k]);
  for (uint64_t k = 0; k < 100; k++) ck_assert_uint_eq(pa__random_below(9, 1, k, 1), 0);
}
END_TEST

/* Keys, status, version ------------------------------------------------------------------------------------------ */

START_TEST(keys_are_unique_and_described) {
  ck_assert_uint_gt(pa_key_count(), 20);
  for (size_t a = 0; a < pa_key_count(); a++) {
    int32_t key = pa_key_at(a);
    double initial, lowest, highest;
    ok(pa_key_bounds(key, &initial, &lowest, &highest));
    ck_assert_msg(lowest <= initial && initial <= highest, "%s", pa_key_name(key));
    ck_assert_int_gt((int)strlen(pa_key_name(key)), 3);
    ck_assert_int_gt((int)strlen(pa_key_description(key)), 5);
    ck_assert_int_gt((int)strlen(pa_key_unit(key)), 0);
    ck_assert_int_eq(pa_key_find(pa_key_name(key)), key);
    for (size_t b = 0; b < a; b++) ck_assert_int_ne(pa_key_at(b), key);
  }
  ck_assert_int_eq(pa_key_at(pa_key_count()), 0);
  ck_assert_int_eq(pa_key_find("no.such"), 0);
  ck_assert_int_eq(pa_key_find(NULL), 0);
  ck_assert_int_eq(pa_key_find("network.density"), PA_NETWORK_DENSITY);
  ck_assert_str_eq(pa_key_name(7), "");
  ck_assert_str_eq(pa_key_unit(7), "");
  ck_assert_str_eq(pa_key_description(7), "");
  fails(pa_key_bounds(7, NULL, NULL, NULL), PA_ERROR_ARGUMENT, "key 7");
  ok(pa_key_bounds(PA_NETWORK_DENSITY, NULL, NULL, NULL));
}
END_TEST

START_TEST(status_codes_have_names) {
  static const pa_status codes[] = {
      PA_OK,         PA_STOPPED,      PA_ERROR_ARGUMENT, PA_ERROR_MEMORY,  PA_ERROR_WORKSPACE,
      PA_ERROR_FILE, PA_ERROR_FORMAT, PA_ERROR_CALLBACK, PA_ERROR_NUMERIC, PA_ERROR_STATE};
  for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++)
    ck_assert_int_eq(strncmp(pa_status_name(codes[k]), "PA_", 3), 0);
  ck_assert_str_eq(pa_status_name(PA_ERROR_ARGUMENT), "PA_ERROR_ARGUMENT");
  ck_assert_str_eq(pa_status_name(-99), "unknown status");
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", PA_VERSION_MAJOR, PA_VERSION_MINOR, PA_VERSION_PATCH);
  ck_assert_str_eq(pa_version_text(), text);
  ck_assert_uint_eq(pa_version(), PA_VERSION);
  const char *set = pa_instruction_set();
  ck_assert(strcmp(set, "baseline") == 0 || strcmp(set, "avx2") == 0 || strcmp(set, "avx512") == 0);
}
END_TEST

static void *fail_elsewhere(void *user) {
  (void)user;
  ck_assert_str_eq(pa_last_error(), "");
  pa_key_bounds(8, NULL, NULL, NULL);
  ck_assert_ptr_nonnull(strstr(pa_last_error(), "key 8"));
  return NULL;
}

START_TEST(the_last_error_belongs_to_its_thread) {
  fails(pa_key_bounds(7, NULL, NULL, NULL), PA_ERROR_ARGUMENT, "key 7");
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
  pthread_join(thread, NULL);
  ck_assert_ptr_nonnull(strstr(pa_last_error(), "key 7"));
  ok(pa_key_bounds(PA_NETWORK_DENSITY, NULL, NULL, NULL));
  ck_assert_ptr_nonnull(strstr(pa_last_error(), "key 7"));
}
END_TEST

/* Memory --------------------------------------------------------------------------------------------------------- */

START_TEST(arenas_measure_what_they_take) {
  pa__arena measure = {NULL, 0};
  ck_assert_ptr_null(pa__arena_take(&measure, 3, 8));
  ck_assert_uint_eq(measure.used, 64);
  pa__arena_take(&measure, 9, 8);
  ck_assert_uint_eq(measure.used, 192);
  unsigned char memory[192];
  pa__arena arena = {memory, 0};
  ck_assert_ptr_eq(pa__arena_take(&arena, 3, 8), memory);
  ck_assert_ptr_eq(pa__arena_take(&arena, 9, 8), memory + 64);
  pa__arena_take(&measure, SIZE_MAX / 2, 8);
  ck_assert_uint_eq(measure.used, SIZE_MAX);
  pa__arena_take(&measure, 1, 1);
  ck_assert_uint_eq(measure.used, SIZE_MAX);
}
END_TEST

/* An allocator that refuses one of its calls, and knows what is out. */
struct meter {
  atomic_int calls, out;
  int refuse;
};

static void *metered(void *user, size_t bytes, size_t alignment) {
  struct meter *meter = user;
  if (atomic_fetch_add(&meter->calls, 1) == meter->refuse) return NULL;
  atomic_fetch_add(&meter->out, 1);
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void unmetered(void *user, void *memory) {
  ck_assert_ptr_nonnull(memory);
  atomic_fetch_sub(&((struct meter *)user)->out, 1);
  free(memory);
}

static const char *scratch_file(void) {
  static char path[256];
  const char *folder = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/powalloc-%d-base.safetensors", folder ? folder : "/tmp", (int)getpid());
  return path;
}

/* Everything that takes an allocator, one job after the other; stops at the first that fails and frees what there is.
 */
static pa_status whole_life(const pa_allocator *allocator) {
  pa_network *network = NULL, *cells = NULL, *family = NULL, *placed = NULL, *given = NULL;
  pa_states *states = NULL;
  pa_policy *policy = NULL, *loaded = NULL;
  pa_uwmmse *model = NULL, *again = NULL;
  pa_trainer *trainer = NULL, *resumed = NULL;
  pa_array *array = NULL;
  pa_model_file *file = NULL;
  static const double at[4] = {0, 0, 3, 3}, receiver[2] = {1, 1}, gain[4] = {1, 0.1, 0.2, 1};
  static const int64_t receiver_of[2] = {0, 0};
  double h[9], power[18];
  pa_status status;
#define STEP(call)                                                                                                     \
  if ((status = (call)) != PA_OK) goto end
  STEP(pa_network_create_adhoc(&network, 3, 1, allocator));
  STEP(pa_network_create_multicell(&cells, 2, 3, 1, allocator));
  STEP(pa_network_create_adhoc_family(&family, 3, 3, 1, 2, 1, allocator));
  STEP(pa_network_create_positions(&placed, 2, at, 1, receiver, receiver_of, 0, 1, allocator));
  STEP(pa_network_create_path_gain(&given, 2, gain, 1, allocator));
  STEP(pa_network_set(network, PA_NETWORK_DENSITY, 2));
  STEP(pa_network_draw(cells, 0, 0, 1, h));
  STEP(pa_network_draw(family, 0, 0, 1, h));
  STEP(pa_network_draw_states(network, 0, 0, 6, &states, allocator));
  STEP(pa_policy_create(&policy, "wmmse-priced", allocator));
  STEP(pa_policy_allocate(policy, states, power, NULL, 0));
  STEP(pa_policy_meet_budget(policy, states, 1));
  STEP(pa_uwmmse_create(&model, PA_UWMMSE_EXTENDED, 1, 2, 1, allocator));
  STEP(pa_uwmmse_save(model, scratch_file(), "x"));
  STEP(pa_uwmmse_load(&again, scratch_file(), allocator));
  STEP(pa_policy_load(&loaded, scratch_file(), allocator));
  STEP(pa_model_file_load(&file, scratch_file(), allocator));
  STEP(pa_trainer_create_on_states(&trainer, pa_uwmmse_policy(model), states, 1, allocator));
  STEP(pa_trainer_set(trainer, PA_TRAINER_BATCH, 2));
  STEP(pa_trainer_set(trainer, PA_TRAINER_THREADS, 2));
  STEP(pa_trainer_run(trainer, 2));
  STEP(pa_trainer_save(trainer, scratch_file()));
  STEP(pa_trainer_create_on_states(&resumed, pa_uwmmse_policy(again), states, 1, allocator));
  STEP(pa_trainer_resume(resumed, scratch_file()));
  STEP(pa_array_save(scratch_file(), 1, (size_t[]){3}, power));
  STEP(pa_array_load(&array, scratch_file(), allocator));
#undef STEP
end:
  pa_trainer_free(trainer);
  pa_trainer_free(resumed);
  pa_array_free(array);
  pa_model_file_free(file);
  pa_policy_free(loaded);
  pa_policy_free(policy);
  pa_uwmmse_free(model);
  pa_uwmmse_free(again);
  pa_states_free(states);
  pa_network_free(network);
  pa_network_free(cells);
  pa_network_free(family);
  pa_network_free(placed);
  pa_network_free(given);
  return status;
}

/* Whichever allocation fails, the call that made it says so and nothing leaks. */
START_TEST(every_allocation_may_fail) {
  struct meter meter = {.refuse = -1};
  pa_allocator allocator = {metered, unmetered, &meter};
  ok(whole_life(&allocator));
  ck_assert_int_eq(meter.out, 0);
  int calls = meter.calls;
  ck_assert_int_gt(calls, 40);
  for (int refused = 0; refused < calls; refused++) {
    meter = (struct meter){.refuse = refused};
    fails(whole_life(&allocator), PA_ERROR_MEMORY, "memory");
    ck_assert_msg(meter.out == 0, "%d blocks left behind when call %d failed", (int)meter.out, refused);
  }
  remove(scratch_file());
  pa_allocator half = {metered, NULL, &meter};
  fails(whole_life(&half), PA_ERROR_ARGUMENT, "allocator");
}
END_TEST

/* Threads -------------------------------------------------------------------------------------------------------- */

enum { TASKS = 500 };

struct work {
  atomic_int done[TASKS];
  size_t threads;
};

static void mark(void *user, size_t worker, size_t task) {
  struct work *work = user;
  ck_assert_uint_lt(worker, work->threads);
  atomic_fetch_add(&work->done[task], 1);
}

START_TEST(pools_run_each_task_once) {
  static const size_t counts[] = {1, 2, 3, 8};
  for (size_t k = 0; k < 4; k++) {
    pa_allocator allocator;
    pa__pool *pool;
    ok(pa__allocator_copy(&allocator, NULL));
    ok(pa__pool_create(&pool, counts[k], &allocator));
    for (int round = 0; round < 20; round++) {
      struct work work = {.threads = counts[k]};
      size_t tasks = round == 0 ? 0 : round == 1 ? 1 : TASKS;
      pa__pool_run(pool, tasks, mark, &work);
      for (size_t t = 0; t < TASKS; t++) ck_assert_int_eq(work.done[t], t < tasks);
    }
    pa__pool_free(pool);
  }
  pa__pool_free(NULL);
}
END_TEST

int main(void) {
  return run_tests("base", (const TTest *const[]){philox_known_answers, uniform_numbers_are_uniform,
                                                  whole_numbers_cover_their_range, keys_are_unique_and_described,
                                                  status_codes_have_names, the_last_error_belongs_to_its_thread,
                                                  arenas_measure_what_they_take, every_allocation_may_fail,
                                                  pools_run_each_task_once, NULL});
}
