/* Vehicles on streets that drive on, leave and join between slots: the network is changed in place, and
 * WMMSE starts from the powers of the last slot.
 *
 *   mobility LINKS SLOTS */
#include <math.h>
#include <powalloc/powalloc.h>
#include <stdio.h>
#include <stdlib.h>

#define NOISE 1e-6  /* W */
#define CUTOFF 60   /* m, as is all else */
#define APART 1000. /* m^2 a link */
#define STEP .1     /* m a slot: 100 km/h in slots of 4 ms */

static void must(pa_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", pa_status_name(status), pa_last_error());
  exit(1);
}

static void *need(size_t count, size_t size) {
  void *memory = aligned_alloc(64, (count * size + 63) / 64 * 64);
  if (!memory) exit(1);
  return memory;
}

static uint64_t state = 1;

static double uniform(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 11) * 0x1p-53;
}

/* A vehicle on a street, its receiver 10 m to 30 m ahead. */
static void drop(double width, double *transmitter, double *receiver) {
  int along = uniform() < .5;
  double ahead = 10 + 20 * uniform();
  transmitter[along] = receiver[along] = width * uniform();
  transmitter[!along] = receiver[!along] = 50 * floor(width / 50 * uniform());
  receiver[along] += ahead;
}

/* Both of them along the street, back at its begin behind its end. */
static void drive(double width, double *transmitter, double *receiver) {
  int along = receiver[1] != transmitter[1];
  double back = transmitter[along] + STEP > width ? width : 0;
  transmitter[along] += STEP - back;
  receiver[along] += STEP - back;
}

static void swap(double *a, double *b, size_t count) {
  for (size_t k = 0; k < count; k++) {
    double x = a[k];
    a[k] = b[k];
    b[k] = x;
  }
}

static double sum_rate(const pa_states *states, const double *power, double *rate) {
  double sum = 0;
  must(pa_rates(states, power, rate));
  for (size_t i = 0; i < pa_states_links(states); i++) sum += rate[i];
  return sum;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  size_t links = strtoul(argv[1], NULL, 10), slots = strtoul(argv[2], NULL, 10), most = links + links / 10 + 1, bytes;
  if (links < 20) return 2;
  double width = sqrt(APART * (double)links), *at = need(4 * most, sizeof *at), *to = at + 2 * most;
  for (size_t i = 0; i < links; i++) drop(width, at + 2 * i, to + 2 * i);

  pa_network *network;
  must(pa_network_create_sparse_positions(&network, links, at, to, 1, CUTOFF, 1, NULL));
  must(pa_network_set(network, PA_NETWORK_FADING, 0)); /* it would be another in each slot */
  must(pa_network_reserve(network, most, 0));
  const pa_graph *graph = pa_network_graph(network);

  pa_states *states;
  pa_policy *few, *many;
  double *h = need(pa_graph_slots(graph), sizeof *h), *warm = need(most, sizeof *warm),
         *cold = need(most, sizeof *cold), *rate = need(most, sizeof *rate);
  must(pa_network_draw(network, 0, 0, 1, h));
  must(pa_states_create_sparse(&states, 1, graph, h, NOISE, 1, NULL));
  must(pa_policy_create(&few, "wmmse", NULL));
  must(pa_policy_create(&many, "wmmse", NULL));
  must(pa_policy_set(few, PA_POLICY_ITERATIONS, 10));
  must(pa_policy_set(many, PA_POLICY_ITERATIONS, 100));
  must(pa_policy_workspace_states(many, states, NULL, &bytes));
  void *work = need(bytes, 1);
  must(pa_policy_allocate(many, states, warm, work, bytes));

  /* Which links there are, in the order of their positions; nothing is allocated from here on. */
  int64_t *there = need(most, sizeof *there);
  size_t count = links, changing = links / 50;
  for (size_t k = 0; k < count; k++) there[k] = (int64_t)k;
  printf("%zu links, %.1f channels each\nslot  present  warm start, 10 iterations  100 iterations\n", count,
         (double)pa_graph_edges(graph) / (double)count);
  for (size_t slot = 1; slot <= slots; slot++) {
    for (size_t k = 0; k < count; k++) drive(width, at + 2 * k, to + 2 * k);
    must(pa_network_move(network, count, there, at, to));
    for (size_t k = 0; k < changing; k++, count--) { /* any of them, to the end */
      size_t gone = (size_t)(uniform() * (double)count);
      int64_t link = there[gone];
      there[gone] = there[count - 1];
      there[count - 1] = link;
      swap(at + 2 * gone, at + 2 * (count - 1), 2);
      swap(to + 2 * gone, to + 2 * (count - 1), 2);
    }
    must(pa_network_leave(network, changing, there + count));
    size_t joining = count + changing + slot % 3 <= most ? changing + slot % 3 : changing;
    for (size_t k = 0; k < joining; k++) drop(width, at + 2 * (count + k), to + 2 * (count + k));
    must(pa_network_join(network, joining, at + 2 * count, to + 2 * count, there + count));
    count += joining;

    must(pa_network_draw(network, 0, slot, 1, h));
    must(pa_states_bind(states, 1, h));
    must(pa_states_set_start(states, warm));
    must(pa_policy_allocate(few, states, warm, work, bytes));
    must(pa_states_set_start(states, NULL));
    must(pa_policy_allocate(many, states, cold, work, bytes));
    printf("%4zu  %7zu  %25.1f  %14.1f\n", slot, pa_network_present(network), sum_rate(states, warm, rate),
           sum_rate(states, cold, rate));
  }

  pa_policy_free(few);
  pa_policy_free(many);
  pa_states_free(states);
  pa_network_free(network);
  free(work);
  free(there);
  free(at);
  free(h);
  free(warm);
  free(cold);
  free(rate);
  return 0;
}
