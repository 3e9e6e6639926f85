/* Networks in parts against whole ones. The ranks are threads of one process. */
#define _POSIX_C_SOURCE 200809L
#include "suite.h"

#include "base/random.h"
#include "net/states.h"

#include <powalloc/reward.h>
#include <pthread.h>
#include <stdio.h>

enum { RANKS = 4, MOST = 400, SAMPLES = 2 };

static uint64_t drawn;

static double uniform(void) { return pa__random_uniform(11, 0, drawn++); }

/* ---- the transport: all ranks meet before and after they read what the others have ---- */

struct world;

struct rank {
  struct world *world;
  size_t rank, begin, end; /* owned links of the whole network */
  size_t neighbours, neighbour[RANKS], shared_first[RANKS + 1], ghost_first[RANKS + 1];
  int32_t shared[RANKS * MOST], ghost[MOST]; /* ghost: links of the whole network */
  size_t links;
  int64_t offset[MOST + 1];
  int32_t receiver[MOST * MOST];
  int64_t column[MOST * MOST];
  int32_t edge[MOST * MOST]; /* of the whole network */
  double *h;
  float *h_f32;
  pa_graph *graph;
  pa_halo *halo;
  pa_states *states, *states_f32;
  const void *sends;
  const size_t *sends_first;
  double sums[16];
  size_t exchanges, summed, bytes, frees, breaks_at;
  /* What came of a job. */
  pa_status status;
  char message[512];
  double power[SAMPLES * MOST], rate[SAMPLES * MOST];
};

struct world {
  pthread_barrier_t barrier;
  size_t ranks, links;
  int64_t offset[MOST + 1];
  int32_t receiver[MOST * MOST];
  double *h;
  float *h_f32;
  double noise[MOST], limit[MOST], weight[MOST], start[SAMPLES * MOST], x[SAMPLES * MOST];
  pa_graph *graph;
  pa_states *states, *states_f32;
  const pa_policy *policy;
  struct rank rank[RANKS];
};

static void meet(struct world *w) { pthread_barrier_wait(&w->barrier); }

static int32_t exchange(void *user, const void *send, const size_t *send_first, void *receive,
                        const size_t *receive_first, size_t bytes) {
  struct rank *r = user;
  r->sends = send;
  r->sends_first = send_first;
  r->bytes += bytes * send_first[r->neighbours];
  r->exchanges++;
  meet(r->world);
  for (size_t k = 0; k < r->neighbours; k++) {
    const struct rank *other = &r->world->rank[r->neighbour[k]];
    size_t me = 0, count = (receive_first[k + 1] - receive_first[k]) * bytes;
    while (other->neighbour[me] != r->rank) me++;
    ck_assert_uint_eq((other->sends_first[me + 1] - other->sends_first[me]) * bytes, count);
    memcpy((char *)receive + receive_first[k] * bytes, (const char *)other->sends + other->sends_first[me] * bytes,
           count);
  }
  meet(r->world);
  return r->exchanges == r->breaks_at ? PA_CALLBACK_ABORT : PA_CALLBACK_OK;
}

static int32_t sum(void *user, double *numbers, size_t count) {
  struct rank *r = user;
  ck_assert_uint_le(count, 16);
  memcpy(r->sums, numbers, count * sizeof *numbers);
  r->summed++;
  meet(r->world);
  for (size_t k = 0; k < count; k++) {
    numbers[k] = 0;
    for (size_t other = 0; other < r->world->ranks; other++) numbers[k] += r->world->rank[other].sums[k];
  }
  meet(r->world);
  return PA_CALLBACK_OK;
}

static void count_free(void *user) { ((struct rank *)user)->frees++; }

/* ---- a network, and its parts ---- */

static size_t owner_of(const struct world *w, size_t link) {
  for (size_t r = 0; r < w->ranks; r++)
    if (link >= w->rank[r].begin && link < w->rank[r].end) return r;
  abort();
}

/* Ghosts of a rank, ascending, so by owners. */
static size_t find_ghosts(const struct world *w, size_t begin, size_t end, int32_t *ghost) {
  size_t count = 0;
  for (size_t j = 0; j < w->links; j++) {
    bool reached = false;
    for (int64_t e = w->offset[begin]; e < w->offset[end]; e++) reached |= (size_t)w->receiver[e] == j;
    if (reached && (j < begin || j >= end)) ghost[count++] = (int32_t)j;
  }
  return count;
}

/* Rows of a rank, in the order of the whole network. */
static void build_rows(struct rank *r, size_t ghosts) {
  struct world *w = r->world;
  int64_t first = w->offset[r->begin], edges = w->offset[r->end] - first;
  for (size_t i = r->begin; i <= r->end; i++) r->offset[i - r->begin] = w->offset[i] - first;
  for (int64_t e = 0; e < edges; e++) r->edge[e] = (int32_t)(first + e), r->column[e] = w->receiver[first + e];
  ok(pa_graph_create_rows(&r->graph, r->end - r->begin, r->begin, w->links, r->offset, r->column, NULL));
  ck_assert_uint_eq(pa_graph_ghost_count(r->graph), ghosts);
  for (size_t k = 0; k < ghosts; k++) ck_assert(pa_graph_ghosts(r->graph)[k] == r->ghost[k]);
}

/* The same with the owned links in front of all ghosts. */
static void build_graph(struct rank *r, size_t ghosts) {
  struct world *w = r->world;
  size_t owned = r->end - r->begin, edges = 0;
  for (size_t node = 0; node < owned + ghosts; node++) {
    size_t i = r->begin + node;
    r->offset[node] = (int64_t)edges;
    for (size_t at = 0; node < owned && at < owned + ghosts; at++)
      for (int64_t e = w->offset[i]; e < w->offset[i + 1]; e++)
        if ((size_t)w->receiver[e] == (at < owned ? r->begin + at : (size_t)r->ghost[at - owned])) {
          r->edge[edges] = (int32_t)e;
          r->receiver[edges++] = (int32_t)at;
        }
  }
  r->offset[owned + ghosts] = (int64_t)edges;
  ok(pa_graph_create(&r->graph, owned + ghosts, r->offset, r->receiver, NULL));
}

static void *set_up_rank(void *user) {
  struct rank *r = user;
  struct world *w = r->world;
  size_t owned = r->end - r->begin, edges = pa_graph_edges(r->graph), all = (size_t)w->offset[w->links];
  double nodes[3][MOST];
  ok(pa_halo_create(&r->halo, r->graph, owned, r->begin, r->neighbours, r->shared_first, r->shared, r->ghost_first,
                    exchange, sum, r, count_free, NULL));
  r->h = calloc(SAMPLES * edges + 1, sizeof *r->h);
  r->h_f32 = calloc(SAMPLES * edges + 1, sizeof *r->h_f32);
  for (size_t s = 0; s < SAMPLES; s++)
    for (size_t e = 0; e < edges; e++) {
      r->h[s * edges + e] = w->h[s * all + (size_t)r->edge[e]];
      r->h_f32[s * edges + e] = (float)r->h[s * edges + e];
    }
  for (size_t i = 0; i < r->links; i++) { /* those of ghosts come from their owners */
    nodes[0][i] = i < owned ? w->noise[r->begin + i] : 1;
    nodes[1][i] = i < owned ? w->limit[r->begin + i] : 1;
    nodes[2][i] = i < owned ? w->weight[r->begin + i] : 1;
  }
  ok(pa_states_create_sparse(&r->states, SAMPLES, r->graph, r->h, 1, 1, NULL));
  ok(pa_states_create_sparse_f32(&r->states_f32, SAMPLES, r->graph, r->h_f32, 1, 1, NULL));
  for (int k = 0; k < 2; k++) {
    pa_states *s = k ? r->states_f32 : r->states;
    ok(pa_states_set_noise(s, nodes[0], r->links));
    ok(pa_states_set_power_limit(s, nodes[1], r->links));
    ok(pa_states_set_weights(s, nodes[2], r->links));
    ok(pa_states_set_halo(s, r->halo));
    ck_assert(pa_states_halo(s) == r->halo);
  }
  pa_halo_free(r->halo);
  return NULL;
}

/* A job of all ranks. */
static void together(struct world *w, void *(*job)(void *user)) {
  pthread_t thread[RANKS];
  for (size_t r = 0; r < w->ranks; r++) ck_assert(pthread_create(&thread[r], NULL, job, &w->rank[r]) == 0);
  for (size_t r = 0; r < w->ranks; r++) pthread_join(thread[r], NULL);
}

/* Links at ends[r - 1] to ends[r] - 1 are rank r's. With islands, no rank reaches another's receivers. */
static struct world *world_of(size_t ranks, const size_t *ends, double share, bool islands) {
  struct world *w = calloc(1, sizeof *w);
  size_t n = w->links = ends[ranks - 1];
  w->ranks = ranks;
  for (size_t r = 0; r < ranks; r++) {
    w->rank[r].world = w;
    w->rank[r].rank = r;
    w->rank[r].begin = r ? ends[r - 1] : 0;
    w->rank[r].end = ends[r];
  }
  int64_t edges = 0;
  for (size_t i = 0; i < n; i++) {
    w->offset[i] = edges;
    for (size_t j = 0; j < n; j++) {
      bool apart = islands && owner_of(w, i) != owner_of(w, j);
      if (i == j ? i % 7 != 3 : uniform() < share && !apart) w->receiver[edges++] = (int32_t)j;
    }
  }
  w->offset[n] = edges;
  w->h = calloc((size_t)(SAMPLES * edges), sizeof *w->h);
  w->h_f32 = calloc((size_t)(SAMPLES * edges), sizeof *w->h_f32);
  for (size_t s = 0; s < SAMPLES; s++)
    for (size_t i = 0; i < n; i++)
      for (int64_t e = w->offset[i]; e < w->offset[i + 1]; e++) {
        size_t at = s * (size_t)edges + (size_t)e;
        w->h_f32[at] = (float)((w->receiver[e] == (int32_t)i ? 1 : .3) * sqrt(-2 * log(uniform())));
        w->h[at] = (double)w->h_f32[at];
      }
  for (size_t i = 0; i < n; i++) {
    w->noise[i] = .01 * (1 + (double)(i % 7));
    w->limit[i] = .5 + (double)(i % 5);
    w->weight[i] = 1 + .25 * (double)(i % 3);
  }
  for (size_t k = 0; k < SAMPLES * n; k++) w->x[k] = uniform();
  for (size_t k = 0; k < SAMPLES * n; k++) w->start[k] = k % 3 ? uniform() * w->limit[k % n] : 0;
  ok(pa_graph_create(&w->graph, n, w->offset, w->receiver, NULL));
  ok(pa_states_create_sparse(&w->states, SAMPLES, w->graph, w->h, 1, 1, NULL));
  ok(pa_states_create_sparse_f32(&w->states_f32, SAMPLES, w->graph, w->h_f32, 1, 1, NULL));
  for (int k = 0; k < 2; k++) {
    pa_states *s = k ? w->states_f32 : w->states;
    ok(pa_states_set_noise(s, w->noise, n));
    ok(pa_states_set_power_limit(s, w->limit, n));
    ok(pa_states_set_weights(s, w->weight, n));
  }
  pthread_barrier_init(&w->barrier, NULL, (unsigned)ranks);
  /* Who shares what: neighbours either way, ascending. */
  for (size_t r = 0; r < ranks; r++) {
    struct rank *one = &w->rank[r];
    size_t ghosts = find_ghosts(w, one->begin, one->end, one->ghost), shared = 0, at = 0;
    for (size_t o = 0; o < ranks; o++) {
      int32_t theirs[MOST];
      size_t count = o == r ? 0 : find_ghosts(w, w->rank[o].begin, w->rank[o].end, theirs), before = shared, from = at;
      while (at < ghosts && (size_t)one->ghost[at] < w->rank[o].end) at++;
      for (size_t k = 0; k < count; k++)
        if (owner_of(w, (size_t)theirs[k]) == r) one->shared[shared++] = theirs[k] - (int32_t)one->begin;
      if (shared == before && at == from) continue;
      one->neighbour[one->neighbours++] = o;
      one->shared_first[one->neighbours] = shared;
      one->ghost_first[one->neighbours] = at;
    }
    (r % 2 && one->end - one->begin + ghosts > 0 ? build_graph : build_rows)(one, ghosts);
    one->links = pa_graph_links(one->graph);
  }
  together(w, set_up_rank);
  return w;
}

static void free_world(struct world *w) {
  for (size_t r = 0; r < w->ranks; r++) {
    pa_graph_free(w->rank[r].graph);
    pa_states_free(w->rank[r].states);
    ck_assert_uint_eq(w->rank[r].frees, 0);
    pa_states_free(w->rank[r].states_f32);
    ck_assert_uint_eq(w->rank[r].frees, 1);
    free(w->rank[r].h);
    free(w->rank[r].h_f32);
  }
  pa_graph_free(w->graph);
  pa_states_free(w->states);
  pa_states_free(w->states_f32);
  free(w->h);
  free(w->h_f32);
  pthread_barrier_destroy(&w->barrier);
  free(w);
}

/* ---- jobs ---- */

static void keep(struct rank *r, pa_status status) {
  r->status = status;
  snprintf(r->message, sizeof r->message, "%s", status == PA_OK ? "" : pa_last_error());
}

static void *allocate(void *user) {
  struct rank *r = user;
  keep(r, pa_policy_allocate(r->world->policy, r->states, r->power, NULL, 0));
  if (r->status == PA_OK) keep(r, pa_rates(r->states, r->power, r->rate));
  return NULL;
}

static void *allocate_by_threads(void *user) {
  struct rank *r = user;
  pa_pool *pool;
  double power[SAMPLES * MOST];
  ok(pa_pool_create(&pool, 2, NULL));
  keep(r, pa_policy_allocate_parallel(r->world->policy, r->states, power, pool, NULL, 0));
  ck_assert(r->status != PA_OK || memcmp(power, r->power, SAMPLES * r->links * sizeof *power) == 0);
  pa_pool_free(pool);
  return NULL;
}

static void *allocate_f32(void *user) {
  struct rank *r = user;
  float power[SAMPLES * MOST], rate[SAMPLES * MOST];
  keep(r, pa_policy_allocate_f32(r->world->policy, r->states_f32, power, NULL, 0));
  if (r->status == PA_OK) keep(r, pa_rates_f32(r->states_f32, power, rate));
  for (size_t k = 0; r->status == PA_OK && k < SAMPLES * r->links; k++) {
    r->power[k] = (double)power[k];
    r->rate[k] = (double)rate[k];
  }
  return NULL;
}

static void *sinr(void *user) {
  struct rank *r = user;
  keep(r, pa_sinr(r->states, r->power, r->rate));
  return NULL;
}

/* Link of the whole network; the number of links for one that means nothing. */
static size_t whole_link(const struct rank *r, size_t link) {
  size_t owned = r->end - r->begin;
  if (link < owned) return r->begin + link;
  return link - owned < r->ghost_first[r->neighbours] ? (size_t)r->ghost[link - owned] : r->world->links;
}

/* Of the parts, ghosts included, as of the whole [samples][links]. */
static void same(const struct world *w, const char *what, bool powers, const double *whole, double tolerance) {
  double largest = 0;
  for (size_t k = 0; k < SAMPLES * w->links; k++) largest = fmax(largest, fabs(whole[k]));
  for (size_t o = 0; o < w->ranks; o++) {
    const struct rank *r = &w->rank[o];
    ck_assert_msg(r->status == PA_OK, "%s, rank %zu: %s", what, o, r->message);
    for (size_t k = 0; k < SAMPLES * r->links; k++) {
      size_t link = whole_link(r, k % r->links);
      if (link == w->links) continue;
      double x = (powers ? r->power : r->rate)[k], expected = whole[k / r->links * w->links + link];
      ck_assert_msg(fabs(x - expected) <= tolerance * largest, "%s, rank %zu: %s[%zu] is %.17g, not %.17g", what, o,
                    powers ? "power" : "rate", k, x, expected);
    }
  }
}

static void same_as_whole(struct world *w, const pa_policy *policy, double tolerance, double tolerance_f32) {
  double power[SAMPLES * MOST], rate[SAMPLES * MOST];
  float power_f32[SAMPLES * MOST], rate_f32[SAMPLES * MOST];
  w->policy = policy;
  ok(pa_policy_allocate(policy, w->states, power, NULL, 0));
  ok(pa_rates(w->states, power, rate));
  together(w, allocate);
  same(w, pa_policy_name(policy), true, power, tolerance);
  same(w, pa_policy_name(policy), false, rate, tolerance);
  together(w, allocate_by_threads);
  ok(pa_sinr(w->states, power, rate));
  together(w, sinr);
  same(w, "SINR", false, rate, tolerance);
  ok(pa_policy_allocate_f32(policy, w->states_f32, power_f32, NULL, 0));
  ok(pa_rates_f32(w->states_f32, power_f32, rate_f32));
  for (size_t k = 0; k < SAMPLES * w->links; k++) power[k] = (double)power_f32[k], rate[k] = (double)rate_f32[k];
  together(w, allocate_f32);
  same(w, "single precision", true, power, tolerance_f32);
  same(w, "single precision", false, rate, tolerance_f32);
}

static void with_classical(struct world *w, const char *name, int32_t key, double value, double tolerance) {
  pa_policy *policy;
  ok(pa_policy_create(&policy, name, NULL));
  if (strncmp(name, "wmmse", 5) == 0) ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 20));
  if (key) ok(pa_policy_set(policy, key, value));
  same_as_whole(w, policy, tolerance, 1e-4);
  pa_policy_free(policy);
}

static void with_model(struct world *w, const char *path) {
  pa_policy *policy;
  ok(pa_policy_load(&policy, path, NULL));
  same_as_whole(w, policy, 1e-12, 1e-4);
  pa_policy_free(policy);
}

static void with_uwmmse(struct world *w, int32_t architecture) {
  pa_uwmmse *model;
  ok(pa_uwmmse_create(&model, architecture, 4, 5, 3, NULL));
  same_as_whole(w, pa_uwmmse_policy(model), 1e-12, 1e-4);
  pa_uwmmse_free(model);
}

enum { ALL_INPUTS = PA_REGNN_INPUT_ONES | PA_REGNN_INPUT_SNR | PA_REGNN_INPUT_WEIGHT | PA_REGNN_INPUT_WEIGHT_SNR };

static void with_regnn(struct world *w, int32_t shift, bool samples, bool transposed) {
  const int32_t keys[] = {PA_REGNN_SHIFT,  PA_REGNN_OUTPUT, PA_REGNN_INPUTS,    PA_REGNN_FEATURES,
                          PA_REGNN_LAYERS, PA_REGNN_START,  PA_REGNN_TRANSPOSED};
  const double values[] = {shift, PA_REGNN_OUTPUT_CONTINUOUS, ALL_INPUTS, 10, 3, .4, transposed};
  pa_regnn *model;
  ok(pa_regnn_create(&model, keys, values, sizeof keys / sizeof *keys, 5, NULL));
  if (samples) ok(pa_policy_set(pa_regnn_policy(model), PA_POLICY_SAMPLE, 1));
  same_as_whole(w, pa_regnn_policy(model), 1e-12, 1e-4);
  pa_regnn_free(model);
}

/* Some partitions: random ends, an empty rank, a rank alone. */
static struct world *partition(int kind) {
  size_t n = kind == 1 ? 300 : 90, a = 1 + (size_t)(uniform() * 40), b = a + 1 + (size_t)(uniform() * 40);
  const size_t ends[][RANKS] = {{a, b, n}, {a, b, b + 30, n}, {40, 40, n}, {0, 50, n}, {30, n}, {n}, {30, 60, n}};
  const size_t ranks[] = {3, 4, 3, 3, 2, 1, 3};
  return world_of(ranks[kind], ends[kind], kind == 1 ? .04 : .1, kind == 6);
}
enum { PARTITIONS = 7 };

START_TEST(classical_policies) {
  struct world *w = partition(_i);
  with_classical(w, "full-power", 0, 0, 1e-12);
  with_classical(w, "equal", PA_POLICY_SUM_POWER, 20, 1e-12);
  with_classical(w, "threshold", PA_POLICY_THRESHOLD, 50, 1e-12);
  with_classical(w, "wmmse", 0, 0, 1e-12);
  with_classical(w, "wmmse-priced", PA_POLICY_PRICE, .1, 1e-12);
  with_classical(w, "wmmse", PA_POLICY_TOLERANCE, .02, 1e-12);
  with_classical(w, "wmmse", PA_POLICY_SUM_POWER, 20, 1e-9);
  free_world(w);
}
END_TEST

START_TEST(learned_policies) {
  struct world *w = partition(_i);
  with_model(w, "builtin:uwmmse-robust");
  with_model(w, "builtin:regnn-adhoc50");
  with_uwmmse(w, PA_UWMMSE_PAPER);
  for (int k = 0; k < 4; k++) with_regnn(w, PA_REGNN_SHIFT_SPECTRAL, k % 2, k / 2);
  for (int k = 0; k < 4; k++) with_regnn(w, PA_REGNN_SHIFT_SHARE, k % 2, k / 2);
  with_regnn(w, PA_REGNN_SHIFT_BOUNDED, false, false);
  free_world(w);
}
END_TEST

/* Powers of the last slot, ghosts included, are where the next one starts; node states that ghosts have not. */
START_TEST(starts_and_node_states) {
  struct world *w = partition(_i);
  double start[RANKS][SAMPLES * MOST], x[RANKS][SAMPLES * MOST];
  for (size_t o = 0; o < w->ranks; o++) {
    struct rank *r = &w->rank[o];
    for (size_t k = 0; k < SAMPLES * r->links; k++) {
      size_t link = whole_link(r, k % r->links), sample = k / r->links;
      start[o][k] = link < w->links ? w->start[sample * w->links + link] : 0;
      x[o][k] = k % r->links < r->end - r->begin ? w->x[sample * w->links + link] : 9;
    }
    ok(pa_states_set_start(r->states, start[o]));
    ok(pa_states_set_start(r->states_f32, start[o]));
  }
  ok(pa_states_set_start(w->states, w->start));
  ok(pa_states_set_start(w->states_f32, w->start));
  with_classical(w, "wmmse", 0, 0, 1e-12);
  for (size_t o = 0; o < w->ranks; o++) {
    ok(pa_states_set_node_state(w->rank[o].states, x[o], 1));
    ok(pa_states_set_node_state(w->rank[o].states_f32, x[o], 1));
  }
  ok(pa_states_set_node_state(w->states, w->x, 1));
  ok(pa_states_set_node_state(w->states_f32, w->x, 1));
  const int32_t keys[] = {PA_REGNN_STATE_FEATURES, PA_REGNN_OUTPUT};
  const double values[] = {1, PA_REGNN_OUTPUT_CONTINUOUS};
  pa_regnn *model;
  ok(pa_regnn_create(&model, keys, values, 2, 1, NULL));
  same_as_whole(w, pa_regnn_policy(model), 1e-12, 1e-4);
  pa_regnn_free(model);
  free_world(w);
}
END_TEST

/* ---- failures ---- */

/* All ranks fail alike; one of them says why. Nothing was written. */
static void all_fail(struct world *w, void *(*job)(void *user), pa_status status, size_t culprit, const char *words) {
  for (size_t o = 0; o < w->ranks; o++) w->rank[o].power[0] = -1;
  together(w, job);
  for (size_t o = 0; o < w->ranks; o++) {
    const struct rank *r = &w->rank[o];
    ck_assert_msg(r->status == status, "rank %zu: %s", o, pa_status_name(r->status));
    const char *expected = culprit == o || culprit == RANKS ? words : "another rank failed with ";
    ck_assert_msg(strstr(r->message, expected) != NULL, "rank %zu said \"%s\", not %s", o, r->message, expected);
    ck_assert(r->power[0] == -1);
  }
}

static void *no_memory(void *user, size_t bytes, size_t alignment) {
  (void)user;
  (void)bytes;
  (void)alignment;
  return NULL;
}

static void not_released(void *user, void *memory) {
  (void)user;
  (void)memory;
}

static void *rates_of_no_power(void *user) {
  struct rank *r = user;
  keep(r, pa_rates(r->states, r->rank == 2 ? NULL : r->rate, r->power));
  return NULL;
}

static void *by_own_policy(void *user) {
  struct rank *r = user;
  pa_policy *policy;
  ok(pa_policy_create(&policy, "wmmse", NULL));
  if (r->rank == 0) ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 3));
  keep(r, pa_policy_allocate(policy, r->states, r->power, NULL, 0));
  pa_policy_free(policy);
  return NULL;
}

static void *by_small_work(void *user) {
  struct rank *r = user;
  static _Alignas(64) char work[RANKS][64];
  void *given = r->rank == 1 ? work[r->rank] : NULL;
  keep(r, pa_policy_allocate_parallel(r->world->policy, r->states, r->power, NULL, given, 64));
  return NULL;
}

static void *without_memory(void *user) {
  struct rank *r = user;
  pa_policy *policy;
  ok(pa_policy_create(&policy, "wmmse", NULL));
  pa_allocator good = *(pa_allocator *)policy; /* first in the handle */
  const pa_allocator none = {no_memory, not_released, NULL};
  if (r->rank == 1) memcpy((void *)policy, &none, sizeof none);
  keep(r, pa_policy_allocate(policy, r->states, r->power, NULL, 0));
  memcpy((void *)policy, &good, sizeof good);
  pa_policy_free(policy);
  return NULL;
}

START_TEST(an_error_of_one) {
  struct world *w = partition(0);
  pa_policy *wmmse;
  ok(pa_policy_create(&wmmse, "wmmse", NULL));
  w->policy = wmmse;
  double good = w->rank[1].h[2];
  w->rank[1].h[2] = -1;
  all_fail(w, allocate, PA_ERROR_ARGUMENT, 1, "h[0][2] is -1");
  w->rank[1].h[2] = good;
  all_fail(w, rates_of_no_power, PA_ERROR_ARGUMENT, 2, "power is NULL");
  all_fail(w, by_small_work, PA_ERROR_WORKSPACE, 1, "work has 64 bytes");
  all_fail(w, without_memory, PA_ERROR_MEMORY, 1, "");
  all_fail(w, by_own_policy, PA_ERROR_STATE, RANKS, "do not make the same call");
  ok(pa_states_bind(w->rank[0].states, 1, w->rank[0].h));
  all_fail(w, allocate, PA_ERROR_STATE, RANKS, "do not make the same call");
  ok(pa_states_bind(w->rank[0].states, SAMPLES, w->rank[0].h));
  for (size_t o = 0; o < w->ranks; o++) w->rank[o].breaks_at = w->rank[o].exchanges + 5;
  all_fail(w, allocate, PA_ERROR_CALLBACK, RANKS, "could not be exchanged");
  same_as_whole(w, wmmse, 1e-11, 1e-3);
  pa_policy_free(wmmse);
  free_world(w);
}
END_TEST

START_TEST(what_takes_whole_networks) {
  struct world *w = partition(3);
  struct rank *r = &w->rank[1];
  const char *names[] = {"random", "wmmse-best", "optimal"};
  pa_policy *policy;
  size_t bytes;
  for (int k = 0; k < 3; k++) {
    ok(pa_policy_create(&policy, names[k], NULL));
    w->policy = policy;
    all_fail(w, allocate, PA_ERROR_ARGUMENT, RANKS, "the states are a part of one");
    fails(pa_policy_workspace_states(policy, r->states, NULL, &bytes), PA_ERROR_ARGUMENT, "a part of one");
    pa_policy_free(policy);
  }
  pa_uwmmse *uwmmse;
  pa_trainer *trainer;
  double loss, gradient[1000];
  ok(pa_uwmmse_create(&uwmmse, PA_UWMMSE_EXTENDED, 2, 3, 1, NULL));
  policy = pa_uwmmse_policy(uwmmse);
  fails(pa_uwmmse_gradient(uwmmse, r->states, &loss, gradient, pa_uwmmse_weight_count(uwmmse)), PA_ERROR_ARGUMENT,
        "a part of a network");
  fails(pa_trainer_create_on_states(&trainer, policy, r->states, 1, NULL), PA_ERROR_ARGUMENT, "a part of a network");
  fails(pa_policy_probabilities(policy, r->states, r->rate), PA_ERROR_ARGUMENT, "a part of a network");
  pa_uwmmse_free(uwmmse);
  ok(pa_policy_create(&policy, "wmmse-priced", NULL));
  fails(pa_policy_meet_budget(policy, r->states, 1), PA_ERROR_ARGUMENT, "a part of a network");
  fails(pa_policy_certify(policy, r->states, r->power, r->rate), PA_ERROR_ARGUMENT, "");
  pa_policy_free(policy);
  ck_assert(pa_reward_capacity(NULL, r->states, r->power, r->rate, r->links) == PA_CALLBACK_ABORT);
  pa_regnn *regnn;
  double weights[MOST];
  for (size_t k = 0; k < r->links; k++) weights[k] = 1;
  ok(pa_regnn_create(&regnn, NULL, NULL, 0, 1, NULL));
  ok(pa_regnn_set_link_weights(regnn, weights, r->links));
  w->policy = pa_regnn_policy(regnn);
  all_fail(w, allocate, PA_ERROR_ARGUMENT, RANKS, "it takes no part of a network");
  pa_regnn_free(regnn);
  free_world(w);
}
END_TEST

START_TEST(wrong_halos) {
  const int64_t offset[] = {0, 2, 3, 3};
  const int32_t receiver[] = {0, 2, 1};
  const int32_t shared[] = {1}, foreign[] = {2};
  const size_t one[] = {0, 1}, late[] = {1, 1}, many[] = {0, 2};
  struct world *w = calloc(1, sizeof *w);
  struct rank *r = &w->rank[0];
  pa_graph *graph;
  pa_halo *halo = NULL;
  pa_states *states;
  double h[3] = {1, 1, 1}, x[6] = {0};
#define CREATE(GRAPH, OWNED, SHARED_FIRST, SHARED, GHOST_FIRST) \
  pa_halo_create(&halo, GRAPH, OWNED, 0, 1, SHARED_FIRST, SHARED, GHOST_FIRST, exchange, sum, r, count_free, NULL)
  ok(pa_graph_create(&graph, 3, offset, receiver, NULL));
  fails(CREATE(NULL, 2, one, shared, one), PA_ERROR_ARGUMENT, "graph is NULL");
  fails(CREATE(graph, 4, one, shared, one), PA_ERROR_ARGUMENT, "owned is 4");
  fails(CREATE(graph, 1, one, foreign, one), PA_ERROR_ARGUMENT, "shared[0] is 2");
  fails(CREATE(graph, 2, late, shared, one), PA_ERROR_ARGUMENT, "shared_first[0] is 1");
  fails(CREATE(graph, 2, one, shared, many), PA_ERROR_ARGUMENT, "ghost_first[1] is 2");
  fails(CREATE(graph, 2, one, NULL, one), PA_ERROR_ARGUMENT, "shared is NULL");
  fails(CREATE(graph, 1, one, &receiver[0], one), PA_ERROR_ARGUMENT, "link 1 has edges, but is not owned");
  ck_assert(halo == NULL);
  fails(pa_halo_create(&halo, graph, 2, 0, 0, one, shared, one, NULL, sum, r, NULL, NULL), PA_ERROR_ARGUMENT,
        "exchange is NULL");
  ck_assert_uint_eq(r->frees, 0);
  /* One rank alone. */
  w->ranks = 1;
  r->world = w;
  pthread_barrier_init(&w->barrier, NULL, 1);
  ok(pa_halo_create(&halo, graph, 2, 5, 0, one, NULL, one, exchange, sum, r, count_free, NULL));
  ck_assert(pa_halo_owned(halo) == 2 && pa_halo_first(halo) == 5);
  fails(pa_halo_refresh(NULL, x, 1), PA_ERROR_ARGUMENT, "halo is NULL");
  fails(pa_halo_refresh(halo, NULL, 1), PA_ERROR_ARGUMENT, "x is NULL");
  fails(pa_halo_refresh(halo, x, 0), PA_ERROR_ARGUMENT, "numbers is 0");
  ok(pa_states_create_sparse(&states, 1, graph, h, 1, 1, NULL));
  ok(pa_states_set_halo(states, halo));
  fails(pa_states_set_noise(states, h, 1), PA_ERROR_STATE, "keep their noise");
  fails(pa_states_set_power_limit(states, h, 1), PA_ERROR_STATE, "keep their power limits");
  ok(pa_states_set_halo(states, NULL));
  ck_assert(pa_states_halo(states) == NULL);
  ok(pa_states_set_noise(states, h, 1));
  pa_states_free(states);
  ok(pa_states_create(&states, 1, 1, h, 1, 1, NULL));
  fails(pa_states_set_halo(states, halo), PA_ERROR_ARGUMENT, "not of the same graph");
  pa_states_free(states);
  pa_halo_free(halo);
  ck_assert_uint_eq(r->frees, 1);
  pa_graph_free(graph);
  pthread_barrier_destroy(&w->barrier);
  free(w);
}
END_TEST

START_TEST(wrong_rows) {
  const int64_t offset[] = {0, 2, 3}, falls[] = {0, 2, 1}, late[] = {1, 2, 3}, none[] = {0, 0, 0};
  const int64_t receiver[] = {3, 9, 4}, beyond[] = {3, 10, 4}, twice[] = {9, 9, 4};
  pa_graph *graph = NULL;
#define ROWS(OWNED, FIRST, LINKS, OFFSET, RECEIVER) \
  pa_graph_create_rows(&graph, OWNED, FIRST, LINKS, OFFSET, RECEIVER, NULL)
  fails(ROWS(2, 3, 10, NULL, receiver), PA_ERROR_ARGUMENT, "offset is NULL");
  fails(ROWS(2, 3, 10, offset, NULL), PA_ERROR_ARGUMENT, "receiver is NULL");
  fails(ROWS(2, 3, 0, offset, receiver), PA_ERROR_ARGUMENT, "links is 0");
  fails(ROWS(2, 9, 10, offset, receiver), PA_ERROR_ARGUMENT, "no 2 links from number 9 on in a network of 10");
  fails(ROWS(2, 11, 10, offset, receiver), PA_ERROR_ARGUMENT, "no 2 links from number 11");
  fails(ROWS(2, 3, UINT64_MAX, offset, receiver), PA_ERROR_ARGUMENT, "links is 18446744073709551615");
  fails(ROWS(2, 3, 10, late, receiver), PA_ERROR_ARGUMENT, "offset[0] is 1");
  fails(ROWS(2, 3, 10, falls, receiver), PA_ERROR_ARGUMENT, "offset[2] is 1");
  fails(ROWS(2, 3, 10, offset, beyond), PA_ERROR_ARGUMENT, "receiver[1] in row 0 is 10, must be 0 to 9");
  fails(ROWS(2, 3, 10, offset, twice), PA_ERROR_ARGUMENT, "receiver[1] in row 0 is 9 after 9");
  fails(pa_graph_create_rows(NULL, 2, 3, 10, offset, receiver, NULL), PA_ERROR_ARGUMENT, "out");
  ck_assert(graph == NULL && pa_graph_ghosts(NULL) == NULL && pa_graph_ghost_count(NULL) == 0);
  ok(ROWS(2, 3, 10, offset, receiver));
  ck_assert(pa_graph_links(graph) == 3 && pa_graph_ghost_count(graph) == 1 && pa_graph_ghosts(graph)[0] == 9);
  pa_graph_free(graph);
  ok(ROWS(0, 3, 10, none, NULL));
  ck_assert(pa_graph_links(graph) == 1 && pa_graph_edges(graph) == 0 && pa_graph_ghost_count(graph) == 0);
  pa_graph_free(graph);
}
END_TEST

/* ---- what an allocation exchanges; docs/machines.md tells it ---- */

static void *one_sample(void *user) {
  struct rank *r = user;
  ok(pa_states_bind(r->states, 1, r->h));
  r->exchanges = r->summed = r->bytes = 0;
  ok(pa_policy_allocate(r->world->policy, r->states, r->power, NULL, 0));
  return NULL;
}

static void *rates_of_sample(void *user) {
  struct rank *r = user;
  r->exchanges = r->summed = r->bytes = 0;
  ok(pa_rates(r->states, r->power, r->rate));
  return NULL;
}

/* Numbers of a ghost: the bytes that all ranks send, by 8 and by the ghosts of all. */
static void costs(struct world *w, const pa_policy *policy, size_t exchanges, size_t numbers, size_t sums) {
  size_t ghosts = 0, bytes = 0;
  w->policy = policy;
  together(w, policy ? one_sample : rates_of_sample);
  for (size_t o = 0; o < w->ranks; o++) {
    const struct rank *r = &w->rank[o];
    ghosts += r->ghost_first[r->neighbours];
    bytes += r->bytes;
    ck_assert_uint_eq(r->exchanges, exchanges);
    ck_assert_uint_eq(r->summed, sums);
  }
  ck_assert_uint_gt(ghosts, 0);
  ck_assert_uint_eq(bytes, 8 * ghosts * numbers);
}

START_TEST(exchanges) {
  struct world *w = partition(0);
  pa_policy *policy;
  ok(pa_policy_create(&policy, "wmmse", NULL));
  ok(pa_policy_set(policy, PA_POLICY_ITERATIONS, 100));
  costs(w, policy, 202, 202, 2);
  costs(w, NULL, 2, 2, 2);
  pa_policy_free(policy);
  pa_uwmmse *uwmmse;
  ok(pa_uwmmse_create(&uwmmse, PA_UWMMSE_PAPER, 4, 5, 3, NULL));
  costs(w, pa_uwmmse_policy(uwmmse), 11, 18, 2);
  pa_uwmmse_free(uwmmse);
  ok(pa_uwmmse_create(&uwmmse, PA_UWMMSE_EXTENDED, 4, 5, 3, NULL));
  costs(w, pa_uwmmse_policy(uwmmse), 14, 24, 3);
  pa_uwmmse_free(uwmmse);
  const int32_t keys[] = {PA_REGNN_LAYERS, PA_REGNN_TAPS, PA_REGNN_SHIFT};
  const struct {
    double shift;
    size_t exchanges, numbers, sums;
  } shifts[] = {
      {PA_REGNN_SHIFT_SCALE, 33, 121, 2}, {PA_REGNN_SHIFT_SHARE, 35, 123, 2}, {PA_REGNN_SHIFT_SPECTRAL, 94, 182, 62}};
  for (int k = 0; k < 3; k++) {
    const double values[] = {8, 5, shifts[k].shift};
    pa_regnn *regnn;
    ok(pa_regnn_create(&regnn, keys, values, 3, 1, NULL));
    costs(w, pa_regnn_policy(regnn), shifts[k].exchanges, shifts[k].numbers, shifts[k].sums);
    pa_regnn_free(regnn);
  }
  free_world(w);
}
END_TEST

/* ---- graphs of a rank from positions ---- */

START_TEST(rows_of_some_positions) {
  enum { N = 200, OWNED = 70 };
  double transmitters[2 * N], receivers[2 * N], *gain, *part_gain;
  for (size_t k = 0; k < 2 * N; k++) {
    transmitters[k] = 100 * uniform();
    receivers[k] = transmitters[k] + 8 * uniform();
  }
  pa_network *network;
  pa_graph *part, *empty;
  ok(pa_network_create_sparse_positions(&network, N, transmitters, receivers, 1, 15, 1, NULL));
  const pa_graph *whole = pa_network_graph(network);
  ok(pa_graph_create_positions_part(&part, OWNED, N, transmitters, receivers, 15, NULL));
  gain = calloc(pa_graph_edges(whole), sizeof *gain);
  part_gain = calloc(pa_graph_edges(part), sizeof *part_gain);
  ok(pa_graph_path_gain(whole, transmitters, receivers, 1, 2.2, gain));
  ok(pa_graph_path_gain(part, transmitters, receivers, 1, 2.2, part_gain));
  double *dense = calloc(N * N, sizeof *dense);
  for (size_t k = 0; k < N; k++)
    for (int64_t e = pa_graph_offset(whole)[k]; e < pa_graph_offset(whole)[k + 1]; e++) {
      size_t i = (size_t)pa_graph_order(whole)[k], j = (size_t)pa_graph_order(whole)[pa_graph_receiver(whole)[e]];
      double distance = hypot(transmitters[2 * i] - receivers[2 * j], transmitters[2 * i + 1] - receivers[2 * j + 1]);
      close_to(gain[e], pow(fmax(distance, 1), -2.2), 1e-12 * gain[e]);
      dense[i * N + j] = gain[e];
    }
  size_t edges = 0;
  for (size_t k = 0; k < N; k++) {
    size_t i = (size_t)pa_graph_order(part)[k];
    ck_assert(k < OWNED ? i < OWNED : i == k);
    for (int64_t e = pa_graph_offset(part)[k]; e < pa_graph_offset(part)[k + 1]; e++) {
      size_t j = (size_t)pa_graph_order(part)[pa_graph_receiver(part)[e]];
      ck_assert(i < OWNED && dense[i * N + j] == part_gain[e]);
    }
  }
  for (size_t k = 0; k < OWNED * N; k++) edges += dense[k] > 0;
  ck_assert_uint_eq(edges, pa_graph_edges(part));
  ok(pa_graph_create_positions_part(&empty, 0, N, NULL, receivers, 15, NULL));
  ck_assert_uint_eq(pa_graph_edges(empty), 0);
  fails(pa_graph_create_positions_part(&empty, N + 1, N, transmitters, receivers, 15, NULL), PA_ERROR_ARGUMENT,
        "owned is 201");
  fails(pa_graph_path_gain(part, transmitters, NULL, 1, 2, part_gain), PA_ERROR_ARGUMENT, "receivers is NULL");
  fails(pa_graph_path_gain(part, receivers, receivers, 0, 2, part_gain), PA_ERROR_ARGUMENT, "min_distance must be > 0");
  receivers[0] = NAN;
  fails(pa_graph_path_gain(whole, transmitters, receivers, 1, 2, gain), PA_ERROR_ARGUMENT, "must be finite");
  pa_graph_free(part);
  pa_graph_free(empty);
  pa_network_free(network);
  free(gain);
  free(part_gain);
  free(dense);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("halo");
  const struct {
    const TTest *test;
    int end;
  } tests[] = {{classical_policies, PARTITIONS},
               {learned_policies, PARTITIONS},
               {starts_and_node_states, PARTITIONS},
               {an_error_of_one, 1},
               {what_takes_whole_networks, 1},
               {wrong_halos, 1},
               {wrong_rows, 1},
               {exchanges, 1},
               {rows_of_some_positions, 1}};
  for (size_t k = 0; k < sizeof tests / sizeof *tests; k++) {
    TCase *tcase = tcase_create(tests[k].test->name);
    tcase_set_timeout(tcase, 0);
    tcase_add_loop_test(tcase, tests[k].test, 0, tests[k].end);
    suite_add_tcase(suite, tcase);
  }
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
