/* What a cut-off does: rates and powers on the edges of ad hoc networks against those on full matrices of the same
 * draws, as dense as networks of 20 links, at -91 dB noise and 1 W.
 *
 *   cutoff LINKS NETWORKS DRAWS CSV|- CUTOFF ...
 *
 * For each cut-off and policy, without a remainder, with one of the mean power that the policy uses without, and with
 * all of it (PA_NETWORK_REMAINDER):
 *
 * - error: the sum-rate that the edges predict for the powers decided on them, over the true one of these powers;
 * - loss: the true sum-rate of powers decided on the edges, below that of powers decided on full matrices.
 *
 * Beside them what the library reports, over the noise, and what follows for the error without a remainder: its bound
 * of the draw, with the gains left out (pa_graph_pick()) and all transmitters at their limits, and of the mean over the
 * fading, from the reported bound. The program ends if a link's rate is out of the first. All in per cent of the true
 * sum-rate; the CSV has a row for each network. */
#include "bench.h"

#include <math.h>
#include <string.h>

#define NOISE 7.94e-10 /* W: -91 dB of 1 W */
#define NEAREST .1
#define REFERENCE 20

enum { POLICIES = 4, SHARES = 3 }; /* of what is left out: none, the mean power used, all */

static const char *const names[POLICIES] = {"full-power", "random", "wmmse", "builtin:uwmmse-robust"};

/* Sums over links and draws. */
struct sums {
  double predicted[SHARES], true_rate[SHARES], full, bound, bound_mean, power, links;
};

/* Of a cut-off. */
struct row {
  double edges, mean, most; /* an edge's, a link's, over the noise */
  struct sums of[POLICIES];
};

struct scene {
  size_t links;
  pa_network *full, *sparse;
  pa_policy *policy[POLICIES];
  double *h, *value, *gain;                   /* channels of a draw both ways, and the gains left out */
  double *left_out, *most;                    /* of the network, in W */
  double *power, *rate, *told, *sinr, *noise; /* [links] */
  double *best;                               /* true sum-rates of powers decided on full matrices, [POLICIES] */
};

static double sum(const double *x, size_t n) {
  double total = 0;
  for (size_t i = 0; i < n; i++) total += x[i];
  return total;
}

static double *room(size_t count) {
  double *memory = malloc(count * sizeof *memory);
  if (memory) return memory;
  fprintf(stderr, "out of memory\n");
  exit(1);
}

/* How much a rate is too high if so much is left out, of what is heard beside the own signal. */
static double excess(double left_out, double heard, double own) {
  return log2(1 + left_out / heard) - log2(1 + left_out / (heard + own));
}

static void add_bounds(const struct scene *s, const pa_states *states, struct sums *t) {
  must(pa_sinr(states, s->power, s->sinr));
  for (size_t j = 0; j < s->links; j++) {
    double own = s->h[j * s->links + j] * s->h[j * s->links + j] * s->power[j];
    if (own == 0) continue;
    double heard = own / s->sinr[j], bound = excess(s->gain[j], heard, own), more = s->told[j] - s->rate[j];
    if (more < -1e-9 || more > bound + 1e-9) {
      fprintf(stderr, "link %zu: %g too high, bound %g\n", j, more, bound);
      exit(1);
    }
    t->bound += bound;
    t->bound_mean += excess(s->most[j], heard, own);
  }
}

/* A policy on the edges of a draw. */
static void on_edges(const struct scene *s, const pa_policy *policy, const pa_states *full, pa_states *edges,
                     struct sums *t) {
  double share = 0;
  for (int k = 0; k < SHARES; k++) {
    const double part[SHARES] = {0, share, 1};
    for (size_t j = 0; j < s->links; j++) s->noise[j] = NOISE + part[k] * s->left_out[j];
    must(pa_states_set_noise(edges, s->noise, s->links));
    must(pa_policy_allocate(policy, edges, s->power, NULL, 0));
    must(pa_rates(edges, s->power, s->told));
    must(pa_rates(full, s->power, s->rate));
    t->predicted[k] += sum(s->told, s->links);
    t->true_rate[k] += sum(s->rate, s->links);
    if (k > 0) continue;
    share = sum(s->power, s->links) / (double)s->links;
    t->power += sum(s->power, s->links);
    add_bounds(s, edges, t);
  }
}

static void draw_row(const struct scene *s, const pa_states *full, struct row *row) {
  pa_states *edges;
  must(pa_graph_pick(pa_network_graph(s->sparse), s->h, s->value, s->gain));
  must(pa_states_create_sparse(&edges, 1, pa_network_graph(s->sparse), s->value, NOISE, 1, NULL));
  must(pa_states_set_first(edges, pa_states_first(full))); /* what is drawn, alike */
  for (int p = 0; p < POLICIES; p++) {
    on_edges(s, s->policy[p], full, edges, &row->of[p]);
    row->of[p].full += s->best[p];
    row->of[p].links += (double)s->links;
  }
  pa_states_free(edges);
}

/* A network at every cut-off. */
static void network_rows(struct scene *s, uint64_t seed, uint64_t draws, const double *cutoffs, size_t count,
                         struct row *rows) {
  must(pa_network_create_adhoc(&s->full, s->links, seed, NULL));
  must(pa_network_set(s->full, PA_NETWORK_REFERENCE_LINKS, REFERENCE));
  must(pa_network_set(s->full, PA_NETWORK_MIN_DISTANCE, NEAREST));
  for (uint64_t draw = 0; draw < draws; draw++) {
    pa_states *full;
    must(pa_network_draw(s->full, 0, draw, 1, s->h));
    must(pa_states_create(&full, 1, s->links, s->h, NOISE, 1, NULL));
    must(pa_states_set_first(full, draw));
    for (int p = 0; p < POLICIES; p++) {
      must(pa_policy_allocate(s->policy[p], full, s->power, NULL, 0));
      must(pa_rates(full, s->power, s->rate));
      s->best[p] = sum(s->rate, s->links);
    }
    for (size_t c = 0; c < count; c++) {
      must(pa_network_create_sparse_adhoc(&s->sparse, s->links, REFERENCE, cutoffs[c], seed, NULL));
      must(pa_network_set(s->sparse, PA_NETWORK_MIN_DISTANCE, NEAREST));
      must(pa_network_left_out(s->sparse, s->left_out, s->most));
      draw_row(s, full, &rows[c]);
      rows[c].edges = (double)pa_graph_edges(pa_network_graph(s->sparse)) / (double)s->links;
      rows[c].mean = sum(s->left_out, s->links) / NOISE / (double)s->links;
      rows[c].most = 0;
      for (size_t j = 0; j < s->links; j++) rows[c].most = fmax(rows[c].most, s->most[j] / NOISE);
      pa_network_free(s->sparse);
    }
    pa_states_free(full);
  }
  pa_network_free(s->full);
}

static void add_sums(struct sums *to, const struct sums *t) {
  for (int k = 0; k < SHARES; k++) {
    to->predicted[k] += t->predicted[k];
    to->true_rate[k] += t->true_rate[k];
  }
  to->full += t->full;
  to->bound += t->bound;
  to->bound_mean += t->bound_mean;
  to->power += t->power;
  to->links += t->links;
}

/* In per cent. */
static double error_of(const struct sums *t, int k) { return 100 * (t->predicted[k] / t->true_rate[k] - 1); }

static double loss_of(const struct sums *t, int k) { return 100 * (1 - t->true_rate[k] / t->full); }

static double of_true(const struct sums *t, double bound) { return 100 * bound / t->true_rate[0]; }

static void write_rows(FILE *csv, uint64_t seed, const double *cutoffs, size_t count, const struct row *rows) {
  for (size_t c = 0; c < count; c++)
    for (int p = 0; p < POLICIES; p++) {
      const struct sums *t = &rows[c].of[p];
      fprintf(csv, "%llu,%g,%.9g,%.9g,%.9g,%s,%.9g,%.9g", (unsigned long long)seed, cutoffs[c], rows[c].edges,
              rows[c].mean, rows[c].most, names[p], t->power / t->links, t->full / t->links);
      for (int k = 0; k < SHARES; k++) fprintf(csv, ",%.9g", error_of(t, k));
      fprintf(csv, ",%.9g,%.9g", of_true(t, t->bound), of_true(t, t->bound_mean));
      for (int k = 0; k < SHARES; k++) fprintf(csv, ",%.9g", loss_of(t, k));
      fprintf(csv, "\n");
    }
}

static void print_rows(const double *cutoffs, size_t count, const struct row *rows) {
  printf("%-14s %8s %6s | %8s %9s %9s | %8s %8s | %6s %6s %6s\n", "", "", "mean", "error,", "bound, of", "in the",
         "error,", "error,", "loss,", "loss,", "loss,");
  printf("%-14s %8s %6s | %8s %9s %9s | %8s %8s | %6s %6s %6s\n", "policy", "bit/s/Hz", "power", "none", "the draws",
         "mean", "share", "all", "none", "share", "all");
  for (size_t c = 0; c < count; c++) {
    printf("\ncut-off %g: %.1f edges a link; left out %.3g times the noise, at most %.3g\n", cutoffs[c], rows[c].edges,
           rows[c].mean, rows[c].most);
    for (int p = 0; p < POLICIES; p++) {
      const struct sums *t = &rows[c].of[p];
      const char *colon = strchr(names[p], ':');
      printf("%-14s %8.4f %6.3f | %8.3f %9.3f %9.3f | %8.3f %8.3f | %6.3f %6.3f %6.3f\n", colon ? colon + 1 : names[p],
             t->full / t->links, t->power / t->links, error_of(t, 0), of_true(t, t->bound), of_true(t, t->bound_mean),
             error_of(t, 1), error_of(t, 2), loss_of(t, 0), loss_of(t, 1), loss_of(t, 2));
    }
  }
}

int main(int argc, char **words) {
  if (argc < 6) {
    fprintf(stderr, "cutoff LINKS NETWORKS DRAWS CSV|- CUTOFF ...\n");
    return 2;
  }
  struct scene s = {.links = strtoul(words[1], NULL, 10)};
  uint64_t networks = strtoul(words[2], NULL, 10), draws = strtoul(words[3], NULL, 10);
  FILE *csv = strcmp(words[4], "-") == 0 ? NULL : fopen(words[4], "w");
  size_t count = (size_t)argc - 5, n = s.links;
  double *cutoffs = room(count);
  struct row *all = calloc(count, sizeof *all), *rows = calloc(count, sizeof *rows);
  for (size_t c = 0; c < count; c++) cutoffs[c] = strtod(words[c + 5], NULL);
  for (int p = 0; p < POLICIES; p++)
    must(strchr(names[p], ':') ? pa_policy_load(&s.policy[p], names[p], NULL)
                               : pa_policy_create(&s.policy[p], names[p], NULL));
  double **const arrays[] = {&s.gain, &s.left_out, &s.most, &s.power, &s.rate, &s.told, &s.sinr, &s.noise};
  for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++) *arrays[k] = room(n);
  s.h = room(n * n);
  s.value = room(n * n);
  s.best = room(POLICIES);
  if (csv)
    fprintf(csv,
            "network,cutoff,edges,left_out,most,policy,mean_power,rate,error_none,error_share,error_all,bound_draws,"
            "bound_mean,loss_none,loss_share,loss_all\n");
  for (uint64_t seed = 0; seed < networks; seed++) {
    memset(rows, 0, count * sizeof *rows);
    network_rows(&s, seed, draws, cutoffs, count, rows);
    if (csv) write_rows(csv, seed, cutoffs, count, rows);
    for (size_t c = 0; c < count; c++) {
      all[c].edges += rows[c].edges / (double)networks;
      all[c].mean += rows[c].mean / (double)networks;
      all[c].most = fmax(all[c].most, rows[c].most);
      for (int p = 0; p < POLICIES; p++) add_sums(&all[c].of[p], &rows[c].of[p]);
    }
  }
  printf("%zu links, %llu networks, %llu draws each; errors, bounds and losses in %% of the true sum-rate\n\n", n,
         (unsigned long long)networks, (unsigned long long)draws);
  print_rows(cutoffs, count, all);
  if (csv) fclose(csv);
  for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++) free(*arrays[k]);
  for (int p = 0; p < POLICIES; p++) pa_policy_free(s.policy[p]);
  free(s.h);
  free(s.value);
  free(s.best);
  free(cutoffs);
  free(all);
  free(rows);
  return 0;
}
