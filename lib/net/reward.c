#include "states.h"

#include "rates.h"

#include <math.h>
#include <powalloc/reward.h>

/* What a built-in reward is called with is the trainer's or a user's: the latter may be wrong. */
static bool usable(const pa_states *states, const double *power, const double *out, size_t rewards) {
  if (pa__states_check_any(states) != PA_OK) return false;
  if (!power || !out) {
    pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", power ? "the output" : "power");
    return false;
  }
  if (rewards != states->links) {
    pa__fail(PA_ERROR_ARGUMENT, "rewards is %zu, must be the number of links, %zu", rewards, states->links);
    return false;
  }
  return pa__states_check_power(states, power) == PA_OK;
}

static bool has_node_state(const pa_states *states, const char *meaning) {
  if (states->node_state) return true;
  pa__fail(PA_ERROR_ARGUMENT, "the states have no node state: its first feature is the %s", meaning);
  return false;
}

static double feature(const pa_states *s, size_t sample, size_t link) {
  return s->node_state[(sample * s->links + link) * s->node_features];
}

static double amplitude(const pa_states *s, size_t sample, size_t transmitter, size_t receiver) {
  return pa__states_amplitude(s, (sample * s->links + transmitter) * s->links + receiver);
}

int32_t pa_reward_capacity(void *user, const pa_states *states, const double *power, double *reward, size_t rewards) {
  (void)user;
  if (!usable(states, power, reward, rewards)) return PA_CALLBACK_ABORT;
  pa__rates_any(states, power, reward);
  return PA_CALLBACK_OK;
}

int32_t pa_reward_capacity_over_lifetime(void *user, const pa_states *states, const double *power, double *reward,
                                         size_t rewards) {
  (void)user;
  if (!usable(states, power, reward, rewards) || !has_node_state(states, "lifetime rate")) return PA_CALLBACK_ABORT;
  size_t n = states->links;
  for (size_t k = 0; k < states->batch * n; k++)
    if (!(feature(states, k / n, k % n) > 0)) {
      pa__fail(PA_ERROR_ARGUMENT, "x[%zu][%zu][0] is %g: a lifetime rate must be > 0", k / n, k % n,
               feature(states, k / n, k % n));
      return PA_CALLBACK_ABORT;
    }
  pa__rates_any(states, power, reward);
  for (size_t k = 0; k < states->batch * n; k++) reward[k] /= feature(states, k / n, k % n);
  return PA_CALLBACK_OK;
}

/* d/dp_i of sum_j w_j log2(1 + S_j / I_j), S_j = g_jj p_j, I_j = noise_j + sum_{k != j} g_kj p_k: with T = I + S it is
 * (w_i g_ii / T_i - sum_{j != i} w_j g_ij S_j / (I_j T_j)) / ln 2. */
static void capacity_gradient(const pa_states *s, size_t sample, const double *power, const double *weight,
                              double *gradient) {
  const double per_bit = 1.44269504088896340736;
  size_t n = s->links;
  for (size_t i = 0; i < n; i++) gradient[i] = 0;
  for (size_t j = 0; j < n; j++) {
    double interference = s->noise[j], own = amplitude(s, sample, j, j), direct = own * own;
    for (size_t k = 0; k < n; k++) {
      double cross = amplitude(s, sample, k, j);
      if (k != j) interference += cross * cross * power[k];
    }
    double signal = direct * power[j], total = interference + signal;
    double toll = weight[j] * per_bit * (signal / interference) / total;
    for (size_t i = 0; i < n; i++) {
      double cross = amplitude(s, sample, i, j);
      gradient[i] += i == j ? weight[j] * per_bit * direct / total : -toll * cross * cross;
    }
  }
}

static double edge_gain(const pa_states *s, size_t at) {
  double h = pa__states_amplitude(s, at);
  return h * h;
}

/* The same on a sparse sample; scratch [2][links]. */
static void sparse_capacity_gradient(const pa_states *s, size_t sample, const double *power, const double *weight,
                                     double *gradient, double *scratch) {
  const double per_bit = 1.44269504088896340736;
  const pa__pattern *p = &s->graph->pattern;
  size_t n = s->links, at = sample * p->slots;
  double *interference = scratch, *toll = scratch + n;
  for (size_t j = 0; j < n; j++) interference[j] = s->noise[j];
  for (size_t k = 0; k < n; k++)
    for (size_t e = (size_t)p->offset[k]; e < (size_t)p->end[k]; e++)
      if (e != pa__pattern_own(p, k))
        interference[pa__graph_link(s->graph, (size_t)p->receiver[e])] +=
            edge_gain(s, at + e) * power[pa__graph_link(s->graph, k)];
  for (size_t k = 0; k < n; k++) {
    size_t j = pa__graph_link(s->graph, k);
    double own = pa__states_direct(s, sample, k), direct = own * own;
    double signal = direct * power[j], total = interference[j] + signal;
    toll[j] = weight[j] * per_bit * (signal / interference[j]) / total;
    gradient[j] = weight[j] * per_bit * direct / total;
  }
  for (size_t k = 0; k < n; k++)
    for (size_t e = (size_t)p->offset[k]; e < (size_t)p->end[k]; e++)
      if (e != pa__pattern_own(p, k))
        gradient[pa__graph_link(s->graph, k)] -=
            toll[pa__graph_link(s->graph, (size_t)p->receiver[e])] * edge_gain(s, at + e);
}

int32_t pa_reward_capacity_gradient(void *user, const pa_states *states, const double *power, const double *weight,
                                    double *gradient, size_t rewards) {
  (void)user;
  if (!usable(states, power, gradient, rewards)) return PA_CALLBACK_ABORT;
  if (!weight) {
    pa__fail(PA_ERROR_ARGUMENT, "weight is NULL");
    return PA_CALLBACK_ABORT;
  }
  size_t n = states->links;
  double *scratch = states->graph ? pa__allocate(&states->allocator, 2 * n, sizeof *scratch) : NULL;
  if (states->graph && !scratch) return PA_CALLBACK_ABORT;
  for (size_t b = 0; b < states->batch; b++)
    if (states->graph)
      sparse_capacity_gradient(states, b, power + b * n, weight, gradient + b * n, scratch);
    else
      capacity_gradient(states, b, power + b * n, weight, gradient + b * n);
  pa__release(&states->allocator, scratch);
  return PA_CALLBACK_OK;
}

/* Eq. (9): what link j's packet leaves of link i's. */
static double arrival(const pa_states *s, size_t sample, const double *power, size_t i) {
  double direct = amplitude(s, sample, i, i), own = direct * direct * power[i], probability = own > 0;
  for (size_t j = 0; j < s->links && own > 0; j++) {
    double cross = amplitude(s, sample, j, i);
    if (j != i) probability *= own / (own + cross * cross * power[j]);
  }
  return probability;
}

/* The same of all links of a sparse sample. */
static void arrivals(const pa_states *s, size_t sample, const double *power, double *reward) {
  const pa__pattern *p = &s->graph->pattern;
  for (size_t k = 0; k < s->links; k++) {
    size_t j = pa__graph_link(s->graph, k);
    reward[j] = pa__states_direct(s, sample, k) * power[j] > 0;
  }
  for (size_t k = 0; k < s->links; k++)
    for (size_t e = (size_t)p->offset[k]; e < (size_t)p->end[k]; e++) {
      size_t row = (size_t)p->receiver[e], i = pa__graph_link(s->graph, row);
      double direct = pa__states_direct(s, sample, row), own = direct * direct * power[i];
      if (row != k && own > 0)
        reward[i] *= own / (own + edge_gain(s, sample * p->slots + e) * power[pa__graph_link(s->graph, k)]);
    }
}

int32_t pa_reward_control_success(void *user, const pa_states *states, const double *power, double *reward,
                                  size_t rewards) {
  (void)user;
  if (!usable(states, power, reward, rewards)) return PA_CALLBACK_ABORT;
  size_t n = states->links;
  for (size_t b = 0; states->graph && b < states->batch; b++) arrivals(states, b, power + b * n, reward + b * n);
  for (size_t k = 0; !states->graph && k < states->batch * n; k++)
    reward[k] = arrival(states, k / n, power + k / n * n, k % n);
  return PA_CALLBACK_OK;
}

int32_t pa_reward_control_cost(void *user, const pa_states *states, const double *power, double *reward,
                               size_t rewards) {
  const double *gain = user;
  if (!gain) {
    pa__fail(PA_ERROR_ARGUMENT, "user is NULL: it holds the two gains");
    return PA_CALLBACK_ABORT;
  }
  if (!usable(states, power, reward, rewards) || !has_node_state(states, "state of the plant"))
    return PA_CALLBACK_ABORT;
  size_t n = states->links;
  pa_reward_control_success(NULL, states, power, reward, rewards);
  for (size_t k = 0; k < states->batch * n; k++) {
    double x = feature(states, k / n, k % n), with = gain[0] * x, without = gain[1] * x;
    reward[k] = reward[k] * with * with + (1 - reward[k]) * without * without;
  }
  return PA_CALLBACK_OK;
}
