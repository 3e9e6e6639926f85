/* CPU time: what changes of a sparse ad hoc network cost beside building it, and what a product loses as the order of
 * its rows decays.
 *
 *   mobility CUTOFF LINKS */
#include "bench.h"

#include <time.h>

#define NOISE 7.94e-10 /* W: -91 dB of 1 W */
#define NEAREST .1

static double spent(void) { return (double)clock() / CLOCKS_PER_SEC; }

static uint64_t state = 1;

static double uniform(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 11) * 0x1p-53;
}

/* Seconds of an iteration of WMMSE on the network as it is, the best of a few. */
static void iteration(const pa_network *network, const char *when) {
  pa_states *states;
  pa_policy *policy;
  double *power = malloc(pa_network_links(network) * sizeof *power), best = 1e300;
  must(pa_network_draw_states(network, 0, 0, 1, &states, NULL));
  must(pa_policy_create(&policy, "wmmse", NULL));
  must(pa_policy_set(policy, PA_POLICY_ITERATIONS, 10));
  for (int k = 0; k < 5; k++) {
    double start = spent();
    must(pa_policy_allocate(policy, states, power, NULL, 0));
    best = spent() - start < best ? spent() - start : best;
  }
  printf("%-52s %10.3f ms\n", when, 100 * best);
  pa_policy_free(policy);
  pa_states_free(states);
  free(power);
}

static void tell(const char *what, double seconds) { printf("%-52s %10.3f us\n", what, 1e6 * seconds); }

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  enum { ONES = 2000 };
  size_t links = strtoul(argv[2], NULL, 10);
  double *t = malloc(2 * links * sizeof *t), *r = malloc(2 * links * sizeof *r), start = spent();
  int64_t *all = malloc(links * sizeof *all);
  pa_network *network;
  must(pa_network_create_sparse_adhoc(&network, links, 20, strtod(argv[1], NULL), 1, NULL));
  must(pa_network_set(network, PA_NETWORK_MIN_DISTANCE, NEAREST));
  must(pa_network_set_noise(network, &(double){NOISE}, 1));
  printf("%zu links, %.1f edges each\n", links, (double)pa_graph_edges(pa_network_graph(network)) / (double)links);
  tell("pa_network_create_sparse_adhoc(), twice", spent() - start);
  iteration(network, "an iteration of WMMSE, without gaps");
  start = spent();
  must(pa_network_reserve(network, links, 0));
  tell("pa_network_reserve()", spent() - start);
  iteration(network, "an iteration of WMMSE, with gaps");
  must(pa_network_positions(network, t, r));

  start = spent();
  for (int k = 0; k < ONES; k++) {
    int64_t i = (int64_t)(uniform() * (double)links);
    double at[2] = {t[2 * i] + uniform() - .5, t[2 * i + 1] + uniform() - .5};
    must(pa_network_move(network, 1, &i, at, NULL));
  }
  tell("one link moves by a little", (spent() - start) / ONES);
  start = spent();
  for (int k = 0; k < ONES; k++) {
    int64_t i = (int64_t)(uniform() * (double)links);
    must(pa_network_leave(network, 1, &i));
    must(pa_network_join(network, 1, t + 2 * i, r + 2 * i, &i));
  }
  tell("one link leaves and joins", (spent() - start) / ONES);
  for (size_t i = 0; i < links; i++) all[i] = (int64_t)i;
  start = spent();
  must(pa_network_move(network, links, all, t, r));
  tell("all links move by a little", spent() - start);
  iteration(network, "an iteration of WMMSE after these");

  for (size_t i = links; i-- > 1;) { /* each link to the place of another */
    size_t j = (size_t)(uniform() * (double)(i + 1));
    for (int axis = 0; axis < 2; axis++) {
      double x = t[2 * i + (size_t)axis], y = r[2 * i + (size_t)axis];
      t[2 * i + (size_t)axis] = t[2 * j + (size_t)axis];
      r[2 * i + (size_t)axis] = r[2 * j + (size_t)axis];
      t[2 * j + (size_t)axis] = x;
      r[2 * j + (size_t)axis] = y;
    }
  }
  must(pa_network_move(network, links, all, t, r));
  iteration(network, "an iteration of WMMSE after all swap places at random");
  must(pa_network_reserve(network, links, 0));
  iteration(network, "an iteration of WMMSE after pa_network_reserve()");
  pa_network_free(network);
  free(t);
  free(r);
  free(all);
  return 0;
}
