#include "rates.h"

#include "../la/la.h"

#include <math.h>
#include <string.h>

#ifdef PA_SINGLE
#define pa_sinr pa_sinr_f32
#define pa_rates pa_rates_f32
#define pa__rates pa__rates_f32
#define pa__states_check pa__states_check_f32
#define pa__states_check_precision pa__states_check_precision_f32
#define pa__states_check_power pa__states_check_power_f32
#endif

enum { COLUMNS = 64 };

/* What tells the calls here from other collective ones. */
#define RATES_CALL 3

/* Powers [links] of a sample: reals, or doubles if wide. */
static inline real power_of(const void *power, bool wide, size_t link) {
  return wide ? (real)((const double *)power)[link] : ((const real *)power)[link];
}

/* SINR [count] of links first .. first + count - 1: interference is summed over rows in order, the own row left out. */
static inline void sinr_of_columns(const pa_states *s, const real *h, const void *power, bool wide, size_t first,
                                   size_t count, real *sinr) {
  real interference[COLUMNS];
  size_t n = s->links;
  for (size_t k = 0; k < count; k++) interference[k] = (real)s->noise[first + k];
  for (size_t i = 0; i < n; i++) {
    real sent = power_of(power, wide, i);
    if (sent == 0) continue;
    const real *row = h + i * n + first;
    size_t own = i >= first && i < first + count ? i - first : count;
    for (size_t k = 0; k < own; k++) interference[k] += row[k] * row[k] * sent;
    for (size_t k = own + 1; k < count; k++) interference[k] += row[k] * row[k] * sent;
  }
  for (size_t k = 0; k < count; k++) {
    real direct = h[(first + k) * n + first + k];
    sinr[k] = direct * direct * power_of(power, wide, first + k) / interference[k];
  }
}

static inline pa__numbers numbers_of(size_t bytes, void *x) {
  return (pa__numbers){.at = x, .bytes = bytes, .columns = 1, .step = 1};
}

static inline void clear_ghosts(const pa_states *s, size_t bytes, void *x) {
  const pa__halo *h = s->halo ? &s->halo->nodes : NULL;
  for (size_t k = 0; h && k < h->ghosts.first[h->neighbours]; k++)
    memset((char *)x + bytes * (size_t)h->ghosts.node[k], 0, bytes);
}

/* Functions on a sparse sample, with powers and results of a type.
 *
 * to_links: x_k of each row goes to the caller's link of the row, along the cycles of the order: what has moved is
 * negative until all have, so x must not be.
 *
 * sinr_of_graph: interference is summed over the rows in order. That of ghosts goes to their owners, who send the SINR.
 */
#define OF_GRAPH(TO_LINKS, SINR_OF_GRAPH, NUMBER)                                                             \
  static void TO_LINKS(const pa__pattern *p, NUMBER *x) {                                                     \
    if (!p->link) return;                                                                                     \
    for (size_t k = 0; k < p->links; k++) {                                                                   \
      NUMBER carried = x[k];                                                                                  \
      for (size_t to = k; !signbit(x[k]);) {                                                                  \
        to = (size_t)p->link[to];                                                                             \
        NUMBER next = x[to];                                                                                  \
        x[to] = -carried;                                                                                     \
        carried = next;                                                                                       \
      }                                                                                                       \
    }                                                                                                         \
    for (size_t k = 0; k < p->links; k++) x[k] = -x[k];                                                       \
  }                                                                                                           \
                                                                                                              \
  static void SINR_OF_GRAPH(const pa_states *s, const real *h, const NUMBER *power, NUMBER *sinr) {           \
    const pa__pattern *p = &s->graph->pattern;                                                                \
    for (size_t k = 0; k < p->links; k++) sinr[k] = (NUMBER)s->noise[pa__graph_link(s->graph, k)];            \
    clear_ghosts(s, sizeof(NUMBER), sinr);                                                                    \
    for (size_t k = 0; k < p->links; k++) {                                                                   \
      NUMBER own_power = power[pa__graph_link(s->graph, k)];                                                  \
      size_t begin = (size_t)p->offset[k], end = (size_t)p->end[k], own = pa__pattern_own(p, k);              \
      if (own_power == 0) continue;                                                                           \
      for (size_t e = begin; e < own; e++) sinr[p->receiver[e]] += (NUMBER)h[e] * (NUMBER)h[e] * own_power;   \
      for (size_t e = own + 1; e < end; e++) sinr[p->receiver[e]] += (NUMBER)h[e] * (NUMBER)h[e] * own_power; \
    }                                                                                                         \
    if (s->halo) pa__halo_collect(&s->halo->nodes, numbers_of(sizeof(NUMBER), sinr));                         \
    for (size_t k = 0; k < p->links; k++) {                                                                   \
      size_t own = pa__pattern_own(p, k);                                                                     \
      NUMBER direct = own < (size_t)p->end[k] ? (NUMBER)h[own] : 0;                                           \
      sinr[k] = direct * direct * power[pa__graph_link(s->graph, k)] / sinr[k] + 0; /* no -0 */               \
    }                                                                                                         \
    clear_ghosts(s, sizeof(NUMBER), sinr);                                                                    \
    if (s->halo) pa__halo_refresh(&s->halo->nodes, numbers_of(sizeof(NUMBER), sinr));                         \
    TO_LINKS(p, sinr);                                                                                        \
  }

OF_GRAPH(to_links, sinr_of_graph, real)

static pa_status check_part(const pa_states *states, const real *power) {
  struct pa_states alone = pa__states_alone(states);
  pa_status status = pa__states_check(&alone);
  return status == PA_OK && power ? pa__states_check_power(states, power) : status;
}

static pa_status check(const pa_states *states, const real *power, const real *out) {
  bool given = power && out;
  pa_status status = pa__states_check_precision(states);
  if (status == PA_OK) status = pa__states_check_parts(states);
  for (size_t k = 0; k < pa_states_part_count(states) && status == PA_OK; k++) {
    const real *its_power = given ? power + pa__states_powers_before(states, k) : NULL;
    status = pa__states_of_part(states, k, check_part(pa_states_part(states, k), its_power));
  }
  if (status == PA_OK && !given)
    return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", power ? "the output" : "power");
  return status;
}

static size_t part_of(size_t n, size_t first) { return n - first < COLUMNS ? n - first : COLUMNS; }

static void sinr_of_part(const pa_states *s, const real *power, real *sinr) {
  size_t n = s->links;
  for (size_t b = 0; s->graph && b < s->batch; b++)
    sinr_of_graph(s, pa__states_channel(s) + b * s->graph->pattern.slots, power + b * n, sinr + b * n);
  for (size_t b = 0; !s->graph && b < s->batch; b++)
    for (size_t first = 0; first < n; first += COLUMNS)
      sinr_of_columns(s, pa__states_channel(s) + b * n * n, power + b * n, false, first, part_of(n, first),
                      sinr + b * n + first);
}

static void sinr_of_batch(const pa_states *s, const real *power, real *sinr) {
  for (size_t k = 0; k < pa_states_part_count(s); k++) {
    size_t first = pa__states_powers_before(s, k);
    sinr_of_part(pa_states_part(s, k), power + first, sinr + first);
  }
}

/* log2(1 + x), to full accuracy where x is small: the rounding of u = 1 + x is undone by x / (u - 1). */
static void log2_of_1_plus(const pa__la *la, size_t n, real *x) {
  enum { PART = 64 };
  real u[PART], log_u[PART];
  for (size_t first = 0; first < n; first += PART) {
    size_t count = n - first < PART ? n - first : PART;
    for (size_t k = 0; k < PART; k++) u[k] = 1 + (k < count ? x[first + k] : 0);
    la->log(PART, log_u, u);
    for (size_t k = 0; k < count; k++) {
      real scale = u[k] == 1 ? x[first + k] : log_u[k] * (x[first + k] / (u[k] - 1));
      x[first + k] = scale * (real)1.44269504088896340736;
    }
  }
}

void pa__rates(const pa_states *states, const real *power, real *rate) {
  sinr_of_batch(states, power, rate);
  log2_of_1_plus(pa__la_best(), pa_states_powers(states), rate);
}

#ifdef PA_SINGLE

OF_GRAPH(widened_to_links, widened_sinr_of_graph, double)

static void widen(size_t n, const real *x, double *to) {
  for (size_t k = 0; k < n; k++) to[k] = (double)x[k];
}

void pa__rates_widened(const pa_states *s, const double *power, double *rate) {
  size_t n = s->links, all = s->batch * n;
  real part[COLUMNS];
  for (size_t b = 0; s->graph && b < s->batch; b++)
    widened_sinr_of_graph(s, s->h_f32 + b * s->graph->pattern.slots, power + b * n, rate + b * n);
  for (size_t b = 0; !s->graph && b < s->batch; b++)
    for (size_t first = 0; first < n; first += COLUMNS) {
      sinr_of_columns(s, s->h_f32 + b * n * n, power + b * n, true, first, part_of(n, first), part);
      widen(part_of(n, first), part, rate + b * n + first);
    }
  for (size_t first = 0; first < all; first += COLUMNS) {
    size_t count = part_of(all, first);
    for (size_t k = 0; k < count; k++) part[k] = (real)rate[first + k];
    log2_of_1_plus(pa__la_best(), count, part);
    widen(count, part, rate + first);
  }
}

#endif

pa_status pa_sinr(const pa_states *states, const real *power, real *sinr) {
  pa_status status = pa__states_open(states, check(states, power, sinr), RATES_CALL);
  if (status != PA_OK) return status;
  sinr_of_batch(states, power, sinr);
  return pa__states_close(states, PA_OK);
}

pa_status pa_rates(const pa_states *states, const real *power, real *rate) {
  pa_status status = pa__states_open(states, check(states, power, rate), RATES_CALL);
  if (status != PA_OK) return status;
  pa__rates(states, power, rate);
  return pa__states_close(states, PA_OK);
}
