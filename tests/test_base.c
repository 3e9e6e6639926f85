#include "base/base.h"
#include "base/pool.h"
#include "base/random.h"
#include "suite.h"

#include <pthread.h>
#include <sched.h>
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

/* Number `index` of a draw is the half index % 2 of the block that Philox makes of counter (index / 2, draw) and the
 * key, its top 52 bits; every bit of key, draw and index counts, and so does every bit of what a key is made from. */
START_TEST(every_bit_counts) {
  static const uint64_t places[] = {0, 1, 2, 3, 5, UINT64_C(1) << 33, (UINT64_C(1) << 33) + 1, UINT64_C(5) << 40};
  for (size_t k = 0; k < 8; k++)
    for (size_t d = 0; d < 8; d++) {
      uint64_t index = places[k], draw = places[d], key = UINT64_C(0x0123456789abcdef);
      uint32_t out[4],
          counter[4] = {(uint32_t)(index / 2), (uint32_t)draw, (uint32_t)(draw >> 32), (uint32_t)(index / 2 >> 32)};
      pa__philox(counter, (uint32_t[]){0x89abcdef, 0x01234567}, out);
      uint64_t word = out[2 * (index % 2)] | (uint64_t)out[2 * (index % 2) + 1] << 32;
      ck_assert(pa__random_uniform(key, draw, index) == ldexp((double)(word >> 12) + 0.5, -52));
    }
  uint64_t key = pa__random_key(1, 2, 3);
  double number = pa__random_uniform(key, 3, 4);
  for (int bit = 0; bit < 64; bit++) {
    uint64_t flip = UINT64_C(1) << bit;
    ck_assert(pa__random_uniform(key ^ flip, 3, 4) != number);
    ck_assert(pa__random_uniform(key, 3 ^ flip, 4) != number);
    ck_assert(pa__random_uniform(key, 3, 4 ^ flip) != number);
    ck_assert(pa__random_key(1 ^ flip, 2, 3) != key);
    ck_assert(pa__random_key(1, 2, 3 ^ flip) != key);
  }
  for (uint32_t purpose = PA__STREAM_POSITIONS; purpose <= PA__STREAM_ACTIONS; purpose++)
    ck_assert((pa__random_key(1, purpose, 3) == key) == (purpose == 2));
}
END_TEST

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* Several keys: the distribution function by Kolmogorov and Smirnov at a level of about 1e-6, mean and variance. */
START_TEST(streams_are_uniform) {
  enum { N = 5000, STREAMS = 6 };
  double *u = calloc(STREAMS * N, sizeof *u);
  for (uint64_t s = 0; s < STREAMS; s++) {
    uint64_t key = pa__random_key(s / 2, PA__STREAM_POSITIONS, s % 2);
    double mean = 0, square = 0, distance = 0;
    for (uint64_t k = 0; k < N; k++) {
      double x = u[s * N + k] = pa__random_uniform(key, k / 10, k % 10);
      mean += (x - 0.5) / N;
      square += (x - 0.5) * (x - 0.5) / N;
    }
    close_to(mean, 0, 6 * sqrt(1.0 / 12 / N));
    close_to(square, 1.0 / 12, 6 * sqrt(1.0 / 180 / N));
    for (uint64_t other = 0; other < s; other++) {
      double product = 0;
      for (uint64_t k = 0; k < N; k++) product += (u[s * N + k] - 0.5) * (u[other * N + k] - 0.5) / N;
      close_to(product, 0, 6 / 12.0 / sqrt(N));
    }
    double *sorted = calloc(N, sizeof *sorted);
    memcpy(sorted, u + s * N, N * sizeof *sorted);
    qsort(sorted, N, sizeof *sorted, ascending);
    for (uint64_t k = 0; k < N; k++)
      distance = fmax(distance, fmax(fabs(sorted[k] - (double)k / N), fabs(sorted[k] - (double)(k + 1) / N)));
    ck_assert_msg(distance < 2.7 / sqrt(N), "stream %d: distance %g", (int)s, distance);
    for (uint64_t k = 1; k < N; k++) ck_assert(sorted[k] != sorted[k - 1]);
    free(sorted);
  }
  free(u);
}
END_TEST

START_TEST(whole_numbers_cover_their_range) {
  int count[7] = {0};
  for (uint64_t k = 0; k < 7000; k++) count[pa__random_below(9, 0, k, 7)]++;
  for (size_t k = 0; k < 7; k++) ck_assert_msg(count[k] > 800 && count[k] < 1200, "%zu came %d times", k, count[k]);
  for (uint64_t k = 0; k < 100; k++) ck_assert_uint_eq(pa__random_below(9, 1, k, 1), 0);
  uint64_t most = 0;
  for (uint64_t k = 0; k < 1000; k++) {
    uint64_t choice = pa__random_below(9, 2, k, UINT64_C(1) << 40);
    ck_assert_uint_lt(choice, UINT64_C(1) << 40);
    most = choice > most ? choice : most;
  }
  ck_assert_uint_gt(most, UINT64_C(99) << 40 >> 7);
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

/* The numbers are part of the interface: the list has those of the headers and no others. */
START_TEST(keys_are_those_of_the_headers) {
  static const int32_t all[] = {PA_NETWORK_DENSITY,
                                PA_NETWORK_REFERENCE_LINKS,
                                PA_NETWORK_CONSTANT_DENSITY,
                                PA_NETWORK_PATH_LOSS_EXPONENT,
                                PA_NETWORK_MIN_DISTANCE,
                                PA_NETWORK_FADING,
                                PA_NETWORK_DRAWS_PER_TOPOLOGY,
                                PA_NETWORK_CUTOFF,
                                PA_NETWORK_REMAINDER,
                                PA_POLICY_ITERATIONS,
                                PA_POLICY_TOLERANCE,
                                PA_POLICY_START,
                                PA_POLICY_SUM_POWER,
                                PA_POLICY_PRICE,
                                PA_POLICY_ACTIVE_SHARE,
                                PA_POLICY_SEED,
                                PA_POLICY_SAMPLE,
                                PA_POLICY_OFFSET,
                                PA_POLICY_THRESHOLD,
                                PA_POLICY_STARTS,
                                PA_POLICY_GAP,
                                PA_POLICY_NODES,
                                PA_TRAINER_BATCH,
                                PA_TRAINER_LEARNING_RATE,
                                PA_TRAINER_FINAL_RATE,
                                PA_TRAINER_WARMUP,
                                PA_TRAINER_CLIP,
                                PA_TRAINER_SAMPLE_CLIP,
                                PA_TRAINER_HELD_OUT_EVERY,
                                PA_TRAINER_HELD_OUT,
                                PA_TRAINER_THREADS,
                                PA_TRAINER_SCHEDULE,
                                PA_TRAINER_ACTIONS,
                                PA_TRAINER_DUAL_RATE,
                                PA_TRAINER_DUAL_LIMIT,
                                PA_TRAINER_MARGIN,
                                PA_TRAINER_ENTROPY,
                                PA_TRAINER_BARRIER,
                                PA_TRAINER_SHARPNESS,
                                PA_TRAINER_PRECISION};
  static const double defaults[] = {1,    0,   1, 2.2, 0, 1,  8,  45, 0, 100, 0, 1, 0, 0,    0.5, 0,   0, 0,  0,  60,
                                    1e-3, 1e5, 0, 0,   0, -1, -1, -1, 0, 0,   1, 0, 8, .003, 10,  .05, 0, -1, 10, 0};
  static const int32_t first = 101;
  ck_assert_int_eq(all[0], first);
  for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
    double initial;
    ok(pa_key_bounds(all[k], &initial, NULL, NULL));
    ck_assert_msg(initial == defaults[k], "%s starts at %g", pa_key_name(all[k]), initial);
    ck_assert(initial == pa__key_default(all[k]));
    if (k > 0) ck_assert_int_eq(all[k], all[k] / 100 == all[k - 1] / 100 ? all[k - 1] + 1 : all[k] / 100 * 100 + 1);
  }
  for (size_t k = 0; k < pa_key_count(); k++) {
    int32_t key = pa_key_at(k);
    bool listed = strncmp(pa_key_name(key), "regnn.", 6) == 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) listed |= all[i] == key;
    ck_assert_msg(listed, "key %d (%s) is not in this list", key, pa_key_name(key));
    if (strncmp(pa_key_name(key), "network.", 8) == 0) ck_assert_int_eq(key / 100, 1);
    if (strncmp(pa_key_name(key), "policy.", 7) == 0) ck_assert_int_eq(key / 100, 2);
    if (strncmp(pa_key_name(key), "trainer.", 8) == 0) ck_assert_int_eq(key / 100, 3);
  }
}
END_TEST

/* Bounds belong to the range, their neighbours outside do not; counts and switches are whole. */
START_TEST(bounds_are_kept) {
  size_t whole = 0;
  for (size_t k = 0; k < pa_key_count(); k++) {
    int32_t key = pa_key_at(k);
    double lowest, highest;
    ok(pa_key_bounds(key, NULL, &lowest, NULL));
    ok(pa_key_bounds(key, NULL, NULL, &highest));
    ok(pa__key_check(key, lowest));
    ok(pa__key_check(key, highest));
    fails(pa__key_check(key, nextafter(lowest, -INFINITY)), PA_ERROR_ARGUMENT, pa_key_name(key));
    fails(pa__key_check(key, nextafter(highest, INFINITY)), PA_ERROR_ARGUMENT, pa_key_name(key));
    fails(pa__key_check(key, NAN), PA_ERROR_ARGUMENT, "is nan");
    fails(pa__key_check(key, INFINITY), PA_ERROR_ARGUMENT, "is inf");
    fails(pa__key_check(key, -INFINITY), PA_ERROR_ARGUMENT, "is -inf");
    bool counted = strcmp(pa_key_unit(key), "count") == 0 || strcmp(pa_key_unit(key), "0 or 1") == 0;
    bool takes_parts = pa__key_check(key, lowest / 2 + fmin(highest, 1e3) / 2 + 0.3) == PA_OK;
    if (counted) ck_assert_msg(!takes_parts, "%s takes parts of a whole", pa_key_name(key));
    whole += !takes_parts;
  }
  ck_assert_uint_gt(whole, 5);
  ck_assert_uint_lt(whole, pa_key_count() - 5);
  fails(pa__key_check(PA_NETWORK_FADING, 0.5), PA_ERROR_ARGUMENT, "network.fading is 0.5, must be a whole number");
  fails(pa__key_check(7, 0), PA_ERROR_ARGUMENT, "key 7");
  double values[3] = {-7, -7, -7};
  fails(pa_key_bounds(0, values, values + 1, values + 2), PA_ERROR_ARGUMENT, "key 0");
  ck_assert(values[0] == -7 && values[1] == -7 && values[2] == -7);
  ck_assert_int_eq(pa_key_at(SIZE_MAX), 0);
  ck_assert_int_eq(pa_key_find(""), 0);
  ck_assert_int_eq(pa_key_find("network.densit"), 0);
  ck_assert_int_eq(pa_key_find("Network.density"), 0);
}
END_TEST

START_TEST(status_codes_have_names) {
  static const pa_status codes[] = {
      PA_OK,           PA_STOPPED,        PA_ERROR_ARGUMENT, PA_ERROR_MEMORY, PA_ERROR_WORKSPACE, PA_ERROR_FILE,
      PA_ERROR_FORMAT, PA_ERROR_CALLBACK, PA_ERROR_NUMERIC,  PA_ERROR_STATE,  PA_INFEASIBLE};
  static const char *const names[] = {"PA_OK",           "PA_STOPPED",         "PA_ERROR_ARGUMENT",
                                      "PA_ERROR_MEMORY", "PA_ERROR_WORKSPACE", "PA_ERROR_FILE",
                                      "PA_ERROR_FORMAT", "PA_ERROR_CALLBACK",  "PA_ERROR_NUMERIC",
                                      "PA_ERROR_STATE",  "PA_INFEASIBLE"};
  static const int numbers[] = {0, 1, -1, -2, -3, -4, -5, -6, -7, -8, 2};
  for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++) {
    ck_assert_str_eq(pa_status_name(codes[k]), names[k]);
    ck_assert_int_eq(codes[k], numbers[k]);
  }
  for (pa_status other = -100; other < 100; other++)
    if (other < -8 || other > 2) ck_assert_str_eq(pa_status_name(other), "unknown status");
  ck_assert_str_eq(pa_status_name(INT32_MIN), "unknown status");
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

/* A message that is too long is cut, not written past its end. */
START_TEST(long_messages_are_cut) {
  char *name = malloc(5001);
  memset(name, 'x', 5000);
  name[5000] = 0;
  ck_assert_int_eq(pa__fail(PA_ERROR_FORMAT, "file %s", name), PA_ERROR_FORMAT);
  ck_assert_uint_eq(strlen(pa_last_error()), 511);
  ck_assert_int_eq(strncmp(pa_last_error(), "file xxx", 8), 0);
  pa_policy *policy = NULL;
  fails(pa_policy_create(&policy, name, NULL), PA_ERROR_ARGUMENT, "\"xxx");
  ck_assert_ptr_null(policy);
  free(name);
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
  measure.used = 0;
  ck_assert_ptr_null(pa__arena_take(&measure, 0, 8));
  ck_assert_uint_eq(measure.used, 0);
  pa__arena_take(&measure, SIZE_MAX / 8 + 2, 8); /* wraps to 8 bytes */
  ck_assert_uint_eq(measure.used, SIZE_MAX);
}
END_TEST

/* At the end of the address space a measure sticks instead of starting again from 0. */
START_TEST(arenas_do_not_wrap) {
  for (size_t gap = 1; gap <= 1024; gap += gap < 200 ? 1 : 64) {
    pa__arena measure = {NULL, 0};
    for (int k = 0; k < 40; k++) {
      size_t before = measure.used;
      pa__arena_take(&measure, k == 0 ? (size_t)PTRDIFF_MAX - gap : 1, 1);
      ck_assert_msg(measure.used == SIZE_MAX || (measure.used <= PTRDIFF_MAX && measure.used > before),
                    "gap %zu, block %d: from %zx to %zx", gap, k, before, measure.used);
    }
    ck_assert_uint_eq(measure.used, SIZE_MAX);
    pa__arena_take(&measure, SIZE_MAX / 2, 1);
    ck_assert_uint_eq(measure.used, SIZE_MAX);
  }
}
END_TEST

START_TEST(sizes_that_overflow_are_refused) {
  size_t n = 5;
  ck_assert(pa__multiply(SIZE_MAX, 1, &n) && n == SIZE_MAX);
  ck_assert(!pa__multiply(SIZE_MAX / 2, 3, &n));
  ok(pa__channel_size(3, 4, &n));
  ck_assert_uint_eq(n, 48);
  static const size_t bad[][2] = {{1, SIZE_MAX},     {1, SIZE_MAX / 2},    {SIZE_MAX, 1},
                                  {SIZE_MAX / 8, 1}, {1, (size_t)1 << 31}, {(size_t)1 << 40, (size_t)1 << 12}};
  for (size_t k = 0; k < 6; k++) fails(pa__channel_size(bad[k][0], bad[k][1], &n), PA_ERROR_MEMORY, "overflow");
  pa_allocator allocator;
  ok(pa__allocator_copy(&allocator, NULL));
  ck_assert_ptr_null(pa__allocate(&allocator, SIZE_MAX / 4, 8));
  ck_assert_ptr_nonnull(strstr(pa_last_error(), "overflow"));
  ck_assert_ptr_null(pa__allocate(&allocator, SIZE_MAX, 1));
  ck_assert_ptr_nonnull(strstr(pa_last_error(), "memory"));
  for (size_t bytes = 0; bytes < 200; bytes += 7) {
    unsigned char *memory = pa__allocate(&allocator, bytes, 1);
    ck_assert_uint_eq((uintptr_t)memory % 64, 0);
    for (size_t k = 0; k < bytes; k++) ck_assert_uint_eq(memory[k], 0);
    pa__release(&allocator, memory);
  }
  pa__release(&allocator, NULL);
}
END_TEST

/* An allocator that refuses one of its calls, fills with garbage, and knows what is out. */
struct meter {
  atomic_int calls, out;
  int refuse;
};

static void *metered(void *user, size_t bytes, size_t alignment) {
  struct meter *meter = user;
  ck_assert_uint_gt(bytes, 0);
  ck_assert(alignment > 0 && alignment <= 64 && (alignment & (alignment - 1)) == 0);
  if (atomic_fetch_add(&meter->calls, 1) == meter->refuse) return NULL;
  atomic_fetch_add(&meter->out, 1);
  void *memory = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  memset(memory, 0xa5, bytes);
  return memory;
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

static int32_t everyone_at_half(void *user, const pa_states *states, double *power) {
  (void)user;
  for (size_t k = 0; k < pa_states_batch(states) * pa_states_links(states); k++) power[k] = 0.5;
  return PA_CALLBACK_OK;
}

static int32_t constant_states(void *user, uint64_t stream, uint64_t first, size_t batch, double *h, double *x) {
  (void)user, (void)stream, (void)first;
  for (size_t k = 0; k < batch * 4; k++) h[k] = k % 3 ? .3 : 1;
  for (size_t k = 0; k < batch * 2; k++) x[k] = .1;
  return PA_CALLBACK_OK;
}

static int32_t unbounded(void *user, const double *mean, size_t rewards, double *value, double *jacobian, size_t n) {
  (void)user, (void)mean;
  for (size_t k = 0; k < n; k++) value[k] = 1;
  for (size_t k = 0; k < n * rewards; k++) jacobian[k] = 0;
  return PA_CALLBACK_OK;
}

static char untouched;
#define UNTOUCHED ((void *)&untouched)

/* Everything that takes an allocator, or works with the one of its handle, one job after the other; stops at the first
 * that fails, sees that it left its output alone, and frees what there is. */
static pa_status whole_life(const pa_allocator *allocator) {
  pa_network *network = NULL, *cells = NULL, *family = NULL, *placed = NULL, *given = NULL, *asked = NULL;
  pa_states *states = NULL, *view = NULL, *told = NULL, *mixed = NULL;
  pa_policy *policy = NULL, *loaded = NULL, *own = NULL;
  pa_uwmmse *model = NULL, *again = NULL;
  pa_regnn *graph = NULL, *graph_again = NULL;
  pa_mlp *mlp = NULL, *mlp_again = NULL;
  pa_igcnet *igcnet = NULL, *igcnet_again = NULL;
  pa_policy *optimal = NULL;
  pa_trainer *trainer = NULL, *resumed = NULL, *drawing = NULL, *probing = NULL;
  pa_array *array = NULL;
  pa_model_file *file = NULL;
  static const double at[4] = {0, 0, 3, 3}, receiver[2] = {1, 1}, gain[4] = {1, 0.1, 0.2, 1};
  static const int64_t receiver_of[2] = {0, 0};
  double h[9], power[21], gradient[200], loss, gains[2][9], price, weights[2][200];
  pa_status status;
#define STEP(call)                            \
  do {                                        \
    if ((status = (call)) != PA_OK) goto end; \
  } while (0)
/* A call that makes a handle: on failure its output is as before. */
#define CREATE(handle, call)                     \
  do {                                           \
    handle = UNTOUCHED;                          \
    status = (call);                             \
    if (status == PA_OK) break;                  \
    ck_assert_ptr_eq((void *)handle, UNTOUCHED); \
    handle = NULL;                               \
    goto end;                                    \
  } while (0)
/* A call that fills an array: on failure it is as before. */
#define FILL(array, call)                                                                      \
  do {                                                                                         \
    for (size_t k_ = 0; k_ < sizeof array / sizeof array[0]; k_++) array[k_] = -7;             \
    if ((status = (call)) == PA_OK) break;                                                     \
    for (size_t k_ = 0; k_ < sizeof array / sizeof array[0]; k_++) ck_assert(array[k_] == -7); \
    goto end;                                                                                  \
  } while (0)
  CREATE(network, pa_network_create_adhoc(&network, 3, 1, allocator));
  CREATE(cells, pa_network_create_multicell(&cells, 2, 3, 1, allocator));
  CREATE(family, pa_network_create_adhoc_family(&family, 3, 3, 1, 2, 1, allocator));
  CREATE(placed, pa_network_create_positions(&placed, 2, at, 1, receiver, receiver_of, 0, 1, allocator));
  CREATE(given, pa_network_create_path_gain(&given, 2, gain, 1, allocator));
  ok(pa_network_path_gain(network, gains[0]));
  if ((status = pa_network_set(network, PA_NETWORK_DENSITY, 2)) != PA_OK) {
    double density;
    ok(pa_network_get(network, PA_NETWORK_DENSITY, &density));
    ck_assert(density == 1);
    ok(pa_network_path_gain(network, gains[1]));
    ck_assert_int_eq(memcmp(gains[0], gains[1], sizeof gains[0]), 0);
    goto end;
  }
  FILL(h, pa_network_draw(cells, 0, 0, 1, h));
  FILL(h, pa_network_draw(family, 0, 0, 1, h));
  CREATE(states, pa_network_draw_states(network, 0, 0, 6, &states, allocator));
  CREATE(view, pa_states_create(&view, 1, 3, h, 1, 1, allocator));
  CREATE(own, pa_policy_create_callback(&own, everyone_at_half, NULL, NULL, allocator));
  FILL(power, pa_policy_allocate(own, states, power, NULL, 0));
  CREATE(policy, pa_policy_create(&policy, "wmmse-priced", allocator));
  FILL(power, pa_policy_allocate(policy, states, power, NULL, 0));
  status = pa_policy_meet_budget(policy, states, 1);
  ok(pa_policy_get(policy, PA_POLICY_PRICE, &price));
  ck_assert((status == PA_OK) == (price > 0));
  if (status != PA_OK) goto end;
  CREATE(graph, pa_regnn_create(&graph, NULL, NULL, 0, 1, allocator));
  FILL(power, pa_policy_allocate(pa_regnn_policy(graph), states, power, NULL, 0));
  FILL(power, pa_policy_probabilities(pa_regnn_policy(graph), states, power));
  STEP(pa_regnn_save(graph, scratch_file(), "x"));
  CREATE(graph_again, pa_regnn_load(&graph_again, scratch_file(), allocator));
  CREATE(loaded, pa_policy_load(&loaded, scratch_file(), allocator));
  pa_policy_free(loaded);
  loaded = NULL;
  const size_t units[1] = {2};
  CREATE(mlp, pa_mlp_create(&mlp, PA_MLP_POWERS, 3, units, 1, PA_INPUT_LOG, 1, allocator));
  STEP(pa_mlp_save(mlp, scratch_file(), "x"));
  CREATE(mlp_again, pa_mlp_load(&mlp_again, scratch_file(), allocator));
  FILL(power, pa_policy_allocate(pa_mlp_policy(mlp), states, power, NULL, 0));
  CREATE(igcnet, pa_igcnet_create(&igcnet, 2, 2, 2, PA_INPUT_LOG, 1, allocator));
  STEP(pa_igcnet_save(igcnet, scratch_file(), "x"));
  CREATE(igcnet_again, pa_igcnet_load(&igcnet_again, scratch_file(), allocator));
  FILL(power, pa_policy_allocate(pa_igcnet_policy(igcnet), states, power, NULL, 0));
  CREATE(optimal, pa_policy_create(&optimal, "optimal", allocator));
  FILL(power, pa_policy_certify(optimal, states, power, gradient));
  CREATE(trainer, pa_trainer_create(&trainer, pa_mlp_policy(mlp), network, 1, allocator));
  STEP(pa_trainer_set_teacher(trainer, policy));
  STEP(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 2));
  STEP(pa_trainer_set(trainer, PA_TRAINER_BATCH, 2));
  STEP(pa_trainer_run(trainer, 1));
  pa_trainer_free(trainer);
  trainer = NULL;
  CREATE(trainer, pa_trainer_create(&trainer, pa_igcnet_policy(igcnet), network, 1, allocator));
  STEP(pa_trainer_set(trainer, PA_TRAINER_HELD_OUT, 2));
  STEP(pa_trainer_set(trainer, PA_TRAINER_BATCH, 2));
  STEP(pa_trainer_run(trainer, 1));
  pa_trainer_free(trainer);
  trainer = NULL;
  STEP(pa_regnn_set_link_weights(graph, at + 2, 2));
  CREATE(model, pa_uwmmse_create(&model, PA_UWMMSE_EXTENDED, 1, 2, 1, allocator));
  size_t n = pa_uwmmse_weight_count(model);
  ck_assert_uint_le(n, 200);
  FILL(gradient, pa_uwmmse_gradient(model, states, &loss, gradient, n));
  CREATE(mixed, pa_states_create_mixed(&mixed, (const pa_states *const[]){states, view}, 2, allocator));
  FILL(power, pa_policy_allocate(policy, mixed, power, NULL, 0));
  FILL(power, pa_policy_probabilities(pa_regnn_policy(graph_again), mixed, power));
  FILL(gradient, pa_uwmmse_gradient(model, mixed, &loss, gradient, n));
  CREATE(trainer, pa_trainer_create_on_states(&trainer, pa_uwmmse_policy(model), mixed, 1, allocator));
  STEP(pa_trainer_set_teacher(trainer, policy));
  STEP(pa_trainer_set(trainer, PA_TRAINER_BATCH, 3));
  STEP(pa_trainer_run(trainer, 1));
  pa_trainer_free(trainer);
  trainer = NULL;
  STEP(pa_uwmmse_save(model, scratch_file(), "x"));
  CREATE(again, pa_uwmmse_load(&again, scratch_file(), allocator));
  CREATE(loaded, pa_policy_load(&loaded, scratch_file(), allocator));
  CREATE(file, pa_model_file_load(&file, scratch_file(), allocator));
  CREATE(trainer, pa_trainer_create_on_states(&trainer, pa_uwmmse_policy(model), states, 1, allocator));
  STEP(pa_trainer_set(trainer, PA_TRAINER_BATCH, 2));
  STEP(pa_trainer_set(trainer, PA_TRAINER_THREADS, 2));
  ok(pa_uwmmse_get_weights(model, weights[0], n));
  if ((status = pa_trainer_run(trainer, 2)) != PA_OK) {
    ok(pa_uwmmse_get_weights(model, weights[1], n));
    ck_assert_int_eq(memcmp(weights[0], weights[1], n * sizeof(double)), 0);
    goto end;
  }
  STEP(pa_trainer_save(trainer, scratch_file()));
  CREATE(resumed, pa_trainer_create_on_states(&resumed, pa_uwmmse_policy(again), states, 1, allocator));
  ok(pa_uwmmse_get_weights(again, weights[0], n));
  if ((status = pa_trainer_resume(resumed, scratch_file())) != PA_OK) {
    ok(pa_uwmmse_get_weights(again, weights[1], n));
    ck_assert_int_eq(memcmp(weights[0], weights[1], n * sizeof(double)), 0);
    goto end;
  }
  pa_trainer_free(resumed);
  resumed = NULL;
  CREATE(drawing, pa_trainer_create(&drawing, pa_uwmmse_policy(again), family, 1, allocator));
  STEP(pa_trainer_set(drawing, PA_TRAINER_HELD_OUT, 2));
  STEP(pa_trainer_set(drawing, PA_TRAINER_BATCH, 2));
  STEP(pa_trainer_run(drawing, 1));
  CREATE(asked, pa_network_create_callback(&asked, 2, 1, constant_states, NULL, NULL, allocator));
  FILL(h, pa_network_draw(asked, 0, 0, 1, h));
  CREATE(told, pa_network_draw_states(asked, 0, 0, 2, &told, allocator));
  const int32_t features = PA_REGNN_STATE_FEATURES;
  const double one = 1, ones[2] = {1, 1};
  pa_regnn_free(graph_again);
  graph_again = NULL;
  CREATE(graph_again, pa_regnn_create(&graph_again, &features, &one, 1, 1, allocator));
  CREATE(probing, pa_trainer_create(&probing, pa_regnn_policy(graph_again), asked, 1, allocator));
  STEP(pa_trainer_set_reward(probing, 2, pa_reward_capacity, NULL, NULL));
  STEP(pa_trainer_set_utility(probing, PA_UTILITY_SUM, ones, 2));
  STEP(pa_trainer_add_constraint(probing, PA_CONSTRAINT_DEMAND, NULL, 0));
  STEP(pa_trainer_add_constraint(probing, PA_CONSTRAINT_MEAN_POWER, &one, 1));
  STEP(pa_trainer_add_constraint_callback(probing, 2, unbounded, NULL, NULL));
  STEP(pa_trainer_set(probing, PA_TRAINER_HELD_OUT, 4));
  status = pa_trainer_run(probing, 2);
  if (status < 0) goto end;
  STEP(pa_trainer_save(probing, scratch_file()));
  pa_trainer_free(probing);
  probing = NULL;
  CREATE(probing, pa_trainer_create(&probing, pa_regnn_policy(graph_again), asked, 1, allocator));
  ck_assert_uint_eq(pa_trainer_constraint_count(probing), 0);
  STEP(pa_array_save(scratch_file(), 1, (size_t[]){3}, power));
  CREATE(array, pa_array_load(&array, scratch_file(), allocator));
#undef STEP
#undef CREATE
#undef FILL
end:
  pa_trainer_free(trainer);
  pa_trainer_free(resumed);
  pa_trainer_free(drawing);
  pa_trainer_free(probing);
  pa_array_free(array);
  pa_model_file_free(file);
  pa_policy_free(loaded);
  pa_policy_free(policy);
  pa_policy_free(own);
  pa_uwmmse_free(model);
  pa_uwmmse_free(again);
  pa_regnn_free(graph);
  pa_regnn_free(graph_again);
  pa_mlp_free(mlp);
  pa_mlp_free(mlp_again);
  pa_igcnet_free(igcnet);
  pa_igcnet_free(igcnet_again);
  pa_policy_free(optimal);
  pa_states_free(mixed);
  pa_states_free(states);
  pa_states_free(view);
  pa_states_free(told);
  pa_network_free(asked);
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
  ck_assert_int_gt(calls, 100);
  for (int refused = 0; refused < calls; refused++) {
    meter = (struct meter){.refuse = refused};
    fails(whole_life(&allocator), PA_ERROR_MEMORY, "memory");
    ck_assert_msg(meter.out == 0, "%d blocks left behind when call %d failed", (int)meter.out, refused);
  }
  remove(scratch_file());
  pa_allocator half = {metered, NULL, &meter}, other_half = {NULL, unmetered, &meter};
  fails(whole_life(&half), PA_ERROR_ARGUMENT, "allocator");
  fails(whole_life(&other_half), PA_ERROR_ARGUMENT, "allocator");
}
END_TEST

/* A callback's user data is freed with its policy, and not by a call that failed to make one. */
static void count_free(void *user) { ++*(int *)user; }

START_TEST(user_data_is_freed_once) {
  int freed = 0;
  struct meter meter = {.refuse = 0};
  pa_allocator allocator = {metered, unmetered, &meter};
  pa_policy *policy = UNTOUCHED;
  fails(pa_policy_create_callback(&policy, everyone_at_half, &freed, count_free, &allocator), PA_ERROR_MEMORY,
        "memory");
  ck_assert_ptr_eq((void *)policy, UNTOUCHED);
  ck_assert_int_eq(freed, 0);
  ok(pa_policy_create_callback(&policy, everyone_at_half, &freed, count_free, &allocator));
  pa_policy_free(policy);
  ck_assert_int_eq(freed, 1);
  ck_assert_int_eq(meter.out, 0);
}
END_TEST

START_TEST(a_copied_allocator_need_not_outlive_the_call) {
  struct meter meter = {.refuse = -1};
  pa_allocator *allocator = malloc(sizeof *allocator);
  *allocator = (pa_allocator){metered, unmetered, &meter};
  pa_network *network;
  ok(pa_network_create_adhoc(&network, 3, 1, allocator));
  memset(allocator, 0, sizeof *allocator);
  free(allocator);
  ok(pa_network_set(network, PA_NETWORK_DENSITY, 2));
  pa_network_free(network);
  ck_assert_int_eq(meter.out, 0);
  ck_assert_int_gt(meter.calls, 3);
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
    pa_pool *pool;
    ok(pa__allocator_copy(&allocator, NULL));
    ok(pa_pool_create(&pool, counts[k], &allocator));
    for (int round = 0; round < 20; round++) {
      struct work work = {.threads = counts[k]};
      size_t tasks = round == 0 ? 0 : round == 1 ? 1 : TASKS;
      pa__pool_run(pool, tasks, mark, &work);
      for (size_t t = 0; t < TASKS; t++) ck_assert_int_eq(work.done[t], t < tasks);
    }
    pa_pool_free(pool);
  }
  pa_pool_free(NULL);
}
END_TEST

static atomic_int gathered;

/* Ends once all tasks have begun: each thread takes one. */
static void gather(void *user, size_t worker, size_t task) {
  struct work *work = user;
  atomic_fetch_add(&work->done[worker], 1);
  atomic_fetch_add(&work->done[10 + task], 1);
  atomic_fetch_add(&gathered, 1);
  while (atomic_load(&gathered) < (int)work->threads) sched_yield();
}

START_TEST(every_thread_of_a_pool_works) {
  pa_allocator allocator;
  ok(pa__allocator_copy(&allocator, NULL));
  for (size_t threads = 1; threads <= 8; threads++) {
    pa_pool *pool;
    struct work work = {.threads = threads};
    atomic_store(&gathered, 0);
    ok(pa_pool_create(&pool, threads, &allocator));
    pa__pool_run(pool, threads, gather, &work);
    for (size_t k = 0; k < threads; k++) ck_assert(work.done[k] == 1 && work.done[10 + k] == 1);
    pa_pool_free(pool);
  }
}
END_TEST

START_TEST(pools_fail_cleanly) {
  for (int refused = 0; refused < 2; refused++) {
    struct meter meter = {.refuse = refused};
    pa_allocator allocator = {metered, unmetered, &meter};
    pa_pool *pool = UNTOUCHED;
    fails(pa_pool_create(&pool, 3, &allocator), PA_ERROR_MEMORY, "memory");
    ck_assert_ptr_eq((void *)pool, UNTOUCHED);
    ck_assert_int_eq(meter.out, 0);
    ok(pa_pool_create(&pool, 3, &allocator));
    pa_pool_free(pool);
    ck_assert_int_eq(meter.out, 0);
  }
}
END_TEST

int main(void) {
  return run_tests("base", (const TTest *const[]){philox_known_answers,
                                                  uniform_numbers_are_uniform,
                                                  every_bit_counts,
                                                  streams_are_uniform,
                                                  whole_numbers_cover_their_range,
                                                  keys_are_unique_and_described,
                                                  keys_are_those_of_the_headers,
                                                  bounds_are_kept,
                                                  status_codes_have_names,
                                                  the_last_error_belongs_to_its_thread,
                                                  long_messages_are_cut,
                                                  arenas_measure_what_they_take,
                                                  arenas_do_not_wrap,
                                                  sizes_that_overflow_are_refused,
                                                  every_allocation_may_fail,
                                                  user_data_is_freed_once,
                                                  a_copied_allocator_need_not_outlive_the_call,
                                                  pools_run_each_task_once,
                                                  every_thread_of_a_pool_works,
                                                  pools_fail_cleanly,
                                                  NULL});
}
