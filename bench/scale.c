/* Growth to large networks: ad hoc networks of constant density, with channels up to a cut-off that leaves about 32
 * edges a link.
 *
 *   scale CSV|- THREADS LINKS ...
 *
 * Two settings, each with the models that were trained in it: that of the UWMMSE paper (-91 dB noise, 1 W, density of
 * 20 links), and that of the REGNN paper's authors' code (1 W noise, 4 W, a mean of 1 W a link, density of 50 links).
 * For each size nanoseconds a link of building a network, of drawing a state, and for each policy
 *
 * - the mean rate of a link in bit/s/Hz, with the interference that the powers in use make beyond the cut-off, its mean
 *   over the fading, as noise; and the rate that the edges alone tell;
 * - mean power of a link in W, and the rate over that of the setting's first policy, +- 95 % over the networks;
 * - nanoseconds a link (the best of up to five runs on the first network), bytes a link of workspace, and the most
 * memory that the process had meanwhile: channels, graph, states, workspace and powers, but no network.
 *
 * Small sizes are means over several networks, with one draw each, of seeds 1000, .... Budgets are met by prices and
 * offsets set on one network of 20 000 links. */
#define _GNU_SOURCE
#include "bench.h"

#include <malloc.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { POLICIES = 5, MOST_NETWORKS = 50, LINKS_IN_ALL = 20000, PRICING_LINKS = 20000 };

struct contestant {
  const char *name;
  pa_policy *policy;
  bool timed_only; /* not trained: its rates say nothing */
};

struct setting {
  const char *name;
  size_t reference;
  double cutoff, exponent, noise, limit, budget; /* budget: W a link; 0: none */
  struct contestant of[POLICIES];
};

static FILE *csv;

static double *room(size_t count) {
  double *memory = malloc(count * sizeof *memory);
  if (memory) return memory;
  fprintf(stderr, "out of memory\n");
  exit(1);
}

/* ---- memory of the process ---- */

static void forget_peak(void) {
  FILE *file = fopen("/proc/self/clear_refs", "w");
  if (!file) return;
  fputs("5", file);
  fclose(file);
}

/* MB since the peak was forgotten. */
static double peak(void) {
  char line[256];
  double kilobytes = NAN;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "VmHWM: %lf", &kilobytes) == 1) break;
  if (file) fclose(file);
  return kilobytes * 1024 / 1e6;
}

/* ---- policies ---- */

static pa_policy *loaded(const char *model) {
  pa_policy *policy;
  must(pa_policy_load(&policy, model, NULL));
  return policy;
}

static pa_policy *made(const char *kind, double iterations) {
  pa_policy *policy;
  must(pa_policy_create(&policy, kind, NULL));
  if (iterations > 0) must(pa_policy_set(policy, PA_POLICY_ITERATIONS, iterations));
  return policy;
}

static pa_policy *untrained_uwmmse(void) {
  pa_uwmmse *model;
  must(pa_uwmmse_create(&model, PA_UWMMSE_PAPER, 4, 5, 1, NULL));
  return pa_uwmmse_policy(model);
}

static pa_policy *untrained_regnn(void) {
  const int32_t keys[] = {PA_REGNN_LAYERS, PA_REGNN_FEATURES, PA_REGNN_TAPS, PA_REGNN_INPUTS, PA_REGNN_SHIFT};
  const double values[] = {8, 1, 5, PA_REGNN_INPUT_ONES, PA_REGNN_SHIFT_SCALE};
  pa_regnn *model;
  must(pa_regnn_create(&model, keys, values, 5, 1, NULL));
  return pa_regnn_policy(model);
}

/* ---- networks ---- */

/* Every key that is set builds it anew; *built is how long one time takes. */
static pa_network *network_of(const struct setting *s, size_t links, uint64_t seed, double *built) {
  pa_network *network;
  double start = now();
  must(pa_network_create_sparse_adhoc(&network, links, s->reference, s->cutoff, seed, NULL));
  *built = now() - start;
  must(pa_network_set(network, PA_NETWORK_PATH_LOSS_EXPONENT, s->exponent));
  must(pa_network_set(network, PA_NETWORK_MIN_DISTANCE, .1)); /* so that gains stay in reach of single precision */
  must(pa_network_set_noise(network, &s->noise, 1));
  must(pa_network_set_power_limit(network, &s->limit, 1));
  return network;
}

/* Prices and offsets, on another network of the same density. */
static void meet_budgets(struct setting *s) {
  pa_states *states;
  double built;
  pa_network *network = network_of(s, PRICING_LINKS, 1, &built);
  must(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
  for (size_t k = 0; k < POLICIES && s->of[k].name && s->budget > 0; k++)
    if (!s->of[k].timed_only) must(pa_policy_meet_budget(s->of[k].policy, states, s->budget * PRICING_LINKS));
  pa_states_free(states);
  pa_network_free(network);
}

/* ---- a size ---- */

#define SEED 1000

static size_t networks_of(size_t links) {
  size_t networks = LINKS_IN_ALL / links;
  return networks < 1 ? 1 : networks > MOST_NETWORKS ? MOST_NETWORKS : networks;
}

/* Of a policy on one network: means over the links. */
struct found {
  double of_edges, rate, power;
};

struct times {
  double seconds, bytes, peak;
};

static double mean(const double *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] / (double)n;
  return sum;
}

/* Powers, and what they took: a time is the best of some. */
static struct times run(const pa_policy *policy, const pa_states *states, pa_pool *pool, double *power) {
  size_t bytes, links = pa_states_links(states);
  malloc_trim(0);
  forget_peak();
  must(pa_policy_workspace_states(policy, states, pool, &bytes));
  void *work = aligned_alloc(64, bytes);
  if (!work) exit(1);
  struct times t = {.seconds = INFINITY, .bytes = (double)bytes};
  double begun = now(), spent = 0;
  for (int k = 0; k < 5 && (k < 2 || spent < 10); k++) {
    double start = now();
    must(pa_policy_allocate_parallel(policy, states, power, pool, work, bytes));
    t.seconds = fmin(t.seconds, (now() - start) / (double)links);
    spent = now() - begun;
  }
  t.peak = peak();
  free(work);
  return t;
}

/* Rates with what lies beyond the cut-off: the network's limits become the powers. */
static struct found judge(const struct setting *s, pa_network *network, pa_states *states, double *power) {
  size_t n = pa_states_links(states);
  double *rate = room(n), *beyond = room(n);
  struct found f = {.power = mean(power, n)};
  must(pa_rates(states, power, rate));
  f.of_edges = mean(rate, n);
  for (size_t i = 0; i < n; i++) beyond[i] = fmax(power[i], 1e-30);
  must(pa_network_set_power_limit(network, beyond, n));
  must(pa_network_left_out(network, beyond, NULL));
  for (size_t i = 0; i < n; i++) beyond[i] += s->noise;
  must(pa_states_set_noise(states, beyond, n));
  must(pa_rates(states, power, rate));
  must(pa_states_set_noise(states, &s->noise, 1));
  f.rate = mean(rate, n);
  free(rate);
  free(beyond);
  return f;
}

/* Half the width of a 95 % interval of the mean, with about two standard errors for the many networks here. */
static double interval(const double *x, size_t count) {
  double middle = mean(x, count), sum = 0;
  for (size_t k = 0; k < count; k++) sum += (x[k] - middle) * (x[k] - middle);
  return count > 1 ? 2 * sqrt(sum / (double)(count - 1) / (double)count) : NAN;
}

/* What has no rates. */
static void report_time(const struct setting *s, size_t links, size_t networks, double edges, const char *name,
                        const struct times *t) {
  double ns = 1e9 * t->seconds, work = t->bytes / (double)links;
  printf("  %-24s %9.1f ns a link", name, ns);
  if (work > 0) printf(", work %4.0f bytes a link, %6.0f MB in all", work, t->peak);
  printf("\n");
  if (csv)
    fprintf(csv, "%s,%zu,%zu,%.3g,%s,,,,,,%.4g,%.4g,%.5g\n", s->name, links, networks, edges, name, ns, work, t->peak);
}

static void report(const struct setting *s, size_t links, size_t networks, double edges, size_t policy,
                   const struct times *t, struct found found[][MOST_NETWORKS]) {
  double ratio[MOST_NETWORKS], ns = 1e9 * t->seconds, work = t->bytes / (double)links;
  const char *name = s->of[policy].name;
  struct found f = {0};
  for (size_t k = 0; k < networks; k++) {
    ratio[k] = found[policy][k].rate / found[0][k].rate;
    f.of_edges += found[policy][k].of_edges / (double)networks;
    f.rate += found[policy][k].rate / (double)networks;
    f.power += found[policy][k].power / (double)networks;
  }
  double middle = mean(ratio, networks), half = networks > 1 ? interval(ratio, networks) : 0;
  printf("  %-24s %9.1f ns a link, work %4.0f bytes a link, %6.0f MB in all: %.4f (edges: %.4f) bit/s/Hz, %.3f W, "
         "%.4f +- %.4f\n",
         name, ns, work, t->peak, f.rate, f.of_edges, f.power, middle, half);
  if (csv)
    fprintf(csv, "%s,%zu,%zu,%.3g,%s,%.6g,%.6g,%.6g,%.6g,%.2g,%.4g,%.4g,%.5g\n", s->name, links, networks, edges, name,
            f.rate, f.of_edges, f.power, middle, half, ns, work, t->peak);
}

/* The first network, for what it takes: the network itself is gone before policies run. */
static void time_size(const struct setting *s, size_t links, pa_pool *pool, double *power, double *edges,
                      struct times *of) {
  pa_states *states;
  struct times building = {0}, drawing = {0};
  pa_network *network = network_of(s, links, SEED, &building.seconds);
  double start = now();
  must(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
  drawing.seconds = (now() - start) / (double)links;
  building.seconds /= (double)links;
  pa_network_free(network);
  *edges = (double)pa_graph_edges(pa_states_graph(states)) / (double)links;
  size_t networks = networks_of(links);
  printf("%s, %zu links, %zu networks, %.1f edges each\n", s->name, links, networks, *edges);
  report_time(s, links, networks, *edges, "building the network", &building);
  report_time(s, links, networks, *edges, "drawing a state", &drawing);
  for (size_t p = 0; p < POLICIES && s->of[p].name; p++) of[p] = run(s->of[p].policy, states, pool, power);
  pa_states_free(states);
}

static void size_of(const struct setting *s, size_t links, pa_pool *pool) {
  struct times times[POLICIES];
  struct found found[POLICIES][MOST_NETWORKS] = {{{0}}};
  double *power = room(links), edges, built;
  size_t networks = networks_of(links);
  time_size(s, links, pool, power, &edges, times);
  for (size_t k = 0; k < networks; k++) {
    pa_states *states;
    pa_network *network = network_of(s, links, SEED + k, &built);
    must(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
    for (size_t p = 0; p < POLICIES && s->of[p].name; p++) {
      if (s->of[p].timed_only) continue;
      must(pa_policy_allocate_parallel(s->of[p].policy, states, power, pool, NULL, 0));
      found[p][k] = judge(s, network, states, power);
    }
    pa_states_free(states);
    pa_network_free(network);
  }
  for (size_t p = 0; p < POLICIES && s->of[p].name; p++)
    if (s->of[p].timed_only)
      report_time(s, links, networks, edges, s->of[p].name, &times[p]);
    else
      report(s, links, networks, edges, p, &times[p], found);
  free(power);
  fflush(stdout);
}

int main(int count, char **words) {
  if (count < 4) {
    fprintf(stderr, "scale CSV|- THREADS LINKS ...\n");
    return 2;
  }
  struct setting settings[] = {{.name = "sum-rate",
                                .reference = 20,
                                .cutoff = 28.2,
                                .exponent = 2.2,
                                .noise = 7.94e-10,
                                .limit = 1,
                                .of = {{"WMMSE-100", made("wmmse", 100), false},
                                       {"WMMSE-10", made("wmmse", 10), false},
                                       {"full power", made("full-power", 0), false},
                                       {"uwmmse-robust", loaded("builtin:uwmmse-robust"), false},
                                       {"UWMMSE paper (untrained)", untrained_uwmmse(), true}}},
                               {.name = "power budget",
                                .reference = 50,
                                .cutoff = 44.6,
                                .exponent = 1.1,
                                .noise = 1,
                                .limit = 4,
                                .budget = 1,
                                .of = {{"WMMSE at a price", made("wmmse-priced", 0), false},
                                       {"threshold", made("threshold", 0), false},
                                       {"regnn-adhoc50", loaded("builtin:regnn-adhoc50"), false},
                                       {"REGNN 8 x 5 (untrained)", untrained_regnn(), true}}}};
  pa_pool *pool = NULL;
  size_t threads = strtoul(words[2], NULL, 10);
  if (threads > 1) must(pa_pool_create(&pool, threads, NULL));
  if (strcmp(words[1], "-") != 0 && !(csv = fopen(words[1], "w"))) {
    fprintf(stderr, "%s cannot be written\n", words[1]);
    return 1;
  }
  if (csv)
    fprintf(csv, "setting,links,networks,edges_a_link,policy,rate,rate_of_edges,power,ratio,ratio_ci,ns_a_link,"
                 "work_bytes_a_link,peak_mb\n");
  for (size_t k = 0; k < sizeof settings / sizeof settings[0]; k++) {
    meet_budgets(&settings[k]);
    for (int word = 3; word < count; word++) size_of(&settings[k], strtoul(words[word], NULL, 10), pool);
  }
  if (csv && fclose(csv) != 0) return 1;
  pa_pool_free(pool);
  return 0;
}
