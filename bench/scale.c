/* Growth to large networks: ad hoc networks as dense as those of 20 links, with channels up to a cut-off.
 *
 *   scale CUTOFF THREADS REPEATS LINKS ...
 *
 * For each size: edges a link, seconds and peak memory of building the network, drawing a state and telling what the
 * cut-off leaves out; then, in double and single precision, seconds of each policy (the best of
 * REPEATS), nanoseconds a link, the workspace, and the mean rate of a link. */
#define _GNU_SOURCE
#include "bench.h"

#include <string.h>
#include <sys/resource.h>

#define NOISE 7.94e-10 /* W: -91 dB of 1 W */
#define NEAREST .1     /* so that gains over noise stay within what single precision takes */

/* Peak of this process in MB. */
static double peak(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss / 1024;
}

static pa_policy *paper_regnn(pa_regnn **model) {
  const int32_t keys[] = {PA_REGNN_LAYERS, PA_REGNN_FEATURES, PA_REGNN_TAPS, PA_REGNN_INPUTS, PA_REGNN_SHIFT};
  const double values[] = {8, 1, 5, PA_REGNN_INPUT_ONES, PA_REGNN_SHIFT_SCALE};
  must(pa_regnn_create(model, keys, values, 5, 1, NULL));
  return pa_regnn_policy(*model);
}

struct scene {
  pa_states *states, *states_f32;
  pa_pool *pool;
  size_t links, repeats;
};

/* One policy in one precision. */
static void row(const struct scene *s, const char *name, const pa_policy *policy, int single) {
  size_t bytes, number = single ? sizeof(float) : sizeof(double);
  const pa_states *states = single ? s->states_f32 : s->states;
  must(pa_policy_workspace_states(policy, states, s->pool, &bytes));
  void *work = aligned_alloc(64, bytes), *power = malloc(s->links * number), *rate = malloc(s->links * number);
  double best = 1e300, sum = 0;
  memset(work, 0, bytes);
  for (size_t k = 0; k < s->repeats; k++) {
    double start = now();
    must(single ? pa_policy_allocate_parallel_f32(policy, states, power, s->pool, work, bytes)
                : pa_policy_allocate_parallel(policy, states, power, s->pool, work, bytes));
    double seconds = now() - start;
    best = seconds < best ? seconds : best;
  }
  must(single ? pa_rates_f32(states, power, rate) : pa_rates(states, power, rate));
  for (size_t i = 0; i < s->links; i++) sum += single ? (double)((float *)rate)[i] : ((double *)rate)[i];
  printf("  %-24s %-6s %9.4f s %9.1f ns a link  work %7.1f MB  %.4f bit/s/Hz a link\n", name,
         single ? "single" : "double", best, 1e9 * best / (double)s->links, (double)bytes / 1e6,
         sum / (double)s->links);
  free(work);
  free(power);
  free(rate);
}

static void policies(const struct scene *s, int single) {
  pa_policy *wmmse, *robust, *regnn;
  pa_uwmmse *paper;
  pa_regnn *filters;
  must(pa_policy_create(&wmmse, "wmmse", NULL));
  must(pa_policy_set(wmmse, PA_POLICY_ITERATIONS, 10));
  must(pa_policy_load(&robust, "builtin:uwmmse-robust", NULL));
  must(pa_policy_load(&regnn, "builtin:regnn-adhoc50", NULL));
  must(pa_uwmmse_create(&paper, PA_UWMMSE_PAPER, 4, 5, 1, NULL));
  row(s, "WMMSE, 10 iterations", wmmse, single);
  must(pa_policy_set(wmmse, PA_POLICY_ITERATIONS, 100));
  row(s, "WMMSE, 100 iterations", wmmse, single);
  row(s, "builtin:uwmmse-robust", robust, single);
  row(s, "builtin:regnn-adhoc50", regnn, single);
  row(s, "UWMMSE paper, untrained", pa_uwmmse_policy(paper), single);
  row(s, "REGNN 8x5, untrained", paper_regnn(&filters), single);
  pa_policy_free(wmmse);
  pa_policy_free(robust);
  pa_policy_free(regnn);
  pa_uwmmse_free(paper);
  pa_regnn_free(filters);
}

static void size_of(size_t links, double cutoff, pa_pool *pool, size_t repeats) {
  struct scene s = {.pool = pool, .links = links, .repeats = repeats};
  pa_network *network;
  double start, built, drawn, told, *left_out = malloc(links * sizeof *left_out), far = 0;
  must(pa_network_create_sparse_adhoc(&network, links, 20, cutoff, 1, NULL));
  must(pa_network_set_noise(network, &(double){NOISE}, 1));
  start = now();
  must(pa_network_set(network, PA_NETWORK_MIN_DISTANCE, NEAREST)); /* builds it anew */
  built = now();
  must(pa_network_draw_states(network, 0, 0, 1, &s.states, NULL));
  drawn = now();
  must(pa_network_left_out(network, left_out, NULL));
  told = now();
  for (size_t i = 0; i < links; i++) far += left_out[i] / NOISE / (double)links;
  const pa_graph *graph = pa_states_graph(s.states);
  size_t edges = pa_graph_edges(graph);
  pa_network_free(network);
  printf("%zu links, %.1f edges each: built in %.2f s, drawn in %.2f s; left out %.3g times the noise, told in %.2f s; "
         "peak %.0f MB\n",
         links, (double)edges / (double)links, built - start, drawn - built, far, told - drawn, peak());
  free(left_out);
  policies(&s, 0);
  float *h = malloc(edges * sizeof *h);
  for (size_t e = 0; e < edges; e++) h[e] = (float)pa_states_channel(s.states)[e];
  must(pa_states_create_sparse_f32(&s.states_f32, 1, graph, h, NOISE, 1, NULL));
  policies(&s, 1);
  printf("  peak %.0f MB\n", peak());
  pa_states_free(s.states_f32);
  pa_states_free(s.states);
  free(h);
}

int main(int count, char **words) {
  if (count < 5) {
    fprintf(stderr, "scale CUTOFF THREADS REPEATS LINKS ...\n");
    return 2;
  }
  pa_pool *pool = NULL;
  size_t threads = strtoul(words[2], NULL, 10);
  if (threads > 1) must(pa_pool_create(&pool, threads, NULL));
  for (int k = 4; k < count; k++)
    size_of(strtoul(words[k], NULL, 10), strtod(words[1], NULL), pool, strtoul(words[3], NULL, 10));
  pa_pool_free(pool);
  return 0;
}
