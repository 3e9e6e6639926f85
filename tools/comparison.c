#include "comparison.h"

#include "command.h"
#include "ranks.h"
#include "source.h"

#include <math.h>
#include <stdlib.h>

/* Allocations timed: enough for a 99th percentile, fewer of slow policies. */
enum { TIMED = 1000, TIMED_LEAST = 20, ALIGNMENT = 64 };

/* Seconds after which no more than TIMED_LEAST are. */
#define TIMED_SECONDS 2.0

/* The relative slack of a sum that was bisected or added up. */
#define SLACK 1e-9

/* Sample `sample` of the states alone. */
static void bind(pa_states *one, const pa_states *states, size_t sample) {
  size_t links = pa_states_links(states), features = pa_states_node_features(states);
  const pa_graph *graph = pa_states_graph(states);
  size_t size = graph ? pa_graph_edges(graph) : links * links;
  must(pa_states_bind(one, 1, pa_states_channel(states) + sample * size));
  if (features > 0)
    must(pa_states_set_node_state(one, pa_states_node_state(states) + sample * links * features, features));
}

static pa_states *first_of(const pa_states *states) {
  size_t links = pa_states_links(states);
  const pa_graph *graph = pa_states_graph(states);
  const double *h = pa_states_channel(states);
  pa_states *one;
  must(graph ? pa_states_create_sparse(&one, 1, graph, h, 1, 1, NULL)
             : pa_states_create(&one, 1, links, h, 1, 1, NULL));
  bind(one, states, 0);
  must(pa_states_set_noise(one, pa_states_noise(states), links));
  must(pa_states_set_power_limit(one, pa_states_power_limit(states), links));
  must(pa_states_set_weights(one, pa_states_weights(states), links));
  return one;
}

bool runs_on(const pa_policy *policy, const pa_states *states) {
  pa_states *one = first_of(states);
  double *power = need(pa_states_links(states), sizeof *power);
  bool runs = pa_policy_allocate(policy, one, power, NULL, 0) >= 0;
  free(power);
  pa_states_free(one);
  return runs;
}

static void measure_time(outcome *o, const pa_policy *policy, const pa_states *states) {
  size_t links = pa_states_links(states), bytes, batch = pa_states_batch(states), timed = 0;
  pa_states *one = first_of(states);
  must(pa_policy_workspace_states(policy, one, NULL, &bytes));
  void *work = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
  double *power = need(links, sizeof *power), *seconds = need(TIMED, sizeof *seconds);
  if (!work) fail(EXIT_FAILED, "out of memory: %zu bytes", bytes);
  must(pa_policy_allocate(policy, one, power, work, bytes));
  for (double begin = seconds_now(), end = begin; timed < TIMED_LEAST || (timed < TIMED && end - begin < TIMED_SECONDS);
       timed++) {
    bind(one, states, timed % batch);
    double start = seconds_now();
    must(pa_policy_allocate(policy, one, power, work, bytes));
    end = seconds_now();
    seconds[timed] = end - start;
  }
  o->median = quantile_of(seconds, timed, .5);
  o->p99 = quantile_of(seconds, timed, .99);
  free(seconds);
  free(power);
  free(work);
  pa_states_free(one);
}

outcome outcome_untimed(const char *name, const pa_policy *policy, const pa_states *states, double cap) {
  size_t batch = pa_states_batch(states), links = pa_states_links(states), kept = 0;
  const double *limit = pa_states_power_limit(states), *weights = pa_states_weights(states);
  outcome o = {.name = name, .samples = batch, .links = links};
  o.sum_rate = need(batch, sizeof *o.sum_rate);
  o.total_power = need(batch, sizeof *o.total_power);
  o.link_rate = need(links, sizeof *o.link_rate);
  double *power = need(batch * links, sizeof *power), *rate = need(batch * links, sizeof *rate);
  source_must(ranks_allocate(policy, states, power));
  must(pa_rates(states, power, rate));
  for (size_t b = 0; b < batch; b++) {
    int within = 1;
    for (size_t i = 0; i < links; i++) {
      double p = power[b * links + i];
      within &= p >= 0 && p <= limit[i];
      o.total_power[b] += p;
      o.sum_rate[b] += weights[i] * rate[b * links + i];
      o.link_rate[i] += rate[b * links + i] / (double)batch;
    }
    kept += (size_t)(within && !(o.total_power[b] > cap * (1 + SLACK)));
  }
  o.within = isnan(cap) ? NAN : (double)kept / (double)batch;
  o.rate_p5 = quantile_of(rate, batch * links, .05);
  free(power);
  free(rate);
  return o;
}

outcome outcome_of(const char *name, const pa_policy *policy, const pa_states *states, double cap) {
  outcome o = outcome_untimed(name, policy, states, cap);
  if (ranks_first()) measure_time(&o, policy, states);
  return o;
}

void outcome_free(outcome *o) {
  free(o->sum_rate);
  free(o->total_power);
  free(o->link_rate);
}
