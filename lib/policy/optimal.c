/* The global maximum of the weighted sum-rate over 0 <= p <= pmax, by branch and bound.
 *
 * In the units of pa__gains (noise 1, powers q = p / pmax in [0, 1]) the sum-rate is
 *   sum_i w_i (log T_i - log I_i),  I_i = 1 + sum_{j != i} g_ji q_j,  T_i = I_i + g_ii q_i.
 * On a box of powers, log T_i is at most its tangent anywhere, and -log I_i, convex in I_i, at most its chord over the
 * box's range of I_i: a linear function of q, whose maximum over the box is known. A link's part may be bounded by the
 * constant log(1 + g_ii upper_i / (least I_i)) instead. Boxes are cut in two until their bound is within the gap of the
 * best powers found, and on the way made smaller where the slope of the sum-rate in a power has one sign on all of the
 * box. */
#include "policy.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Links at most; boxes that wait at any time. The one of the largest bound comes first until so many wait that there is
 * room only to go down depth first, which needs little. */
enum { MOST = 16, WAITING = 4096, DEPTH = 2048, TANGENTS = 3 };

/* A bound is raised by this part of itself, and of 1, for what rounding may have taken from it. A gap below LEAST_GAP,
 * in nats, could not be reached even by a box of one point. */
#define ROUNDING 1e-12
#define LEAST_GAP (4 * ROUNDING)

#define INV_LN2 1.44269504088896340736

typedef struct box {
  double low[MOST], high[MOST];
  double bound;
} box;

typedef struct search {
  size_t links;
  double gain[MOST][MOST]; /* [transmitter][receiver] */
  double weight[MOST];
  double scale[MOST]; /* power of j at which its strongest interference is the noise */
  double gap, best, q[MOST];
  box *waiting;
  size_t count;
} search;

struct work {
  box *waiting;
  double *start; /* [links], powers to begin with, in W */
  void *starts;
};

/* ---- the sum-rate and its bounds, in nats ---- */

static void received(const search *s, const double *q, double *interference) {
  for (size_t i = 0; i < s->links; i++) interference[i] = 1;
  for (size_t j = 0; j < s->links; j++)
    for (size_t i = 0; i < s->links; i++) interference[i] += i == j ? 0 : s->gain[j][i] * q[j];
}

static double sum_rate(const search *s, const double *q) {
  double interference[MOST], sum = 0;
  received(s, q, interference);
  for (size_t i = 0; i < s->links; i++) sum += s->weight[i] * log1p(s->gain[i][i] * q[i] / interference[i]);
  return sum;
}

static void keep_if_better(search *s, const double *q) {
  double found = sum_rate(s, q);
  if (found <= s->best) return;
  s->best = found;
  memcpy(s->q, q, s->links * sizeof *q);
}

/* Of a link: its part of the sum-rate is at most value + sum_j slope_j q_j. */
typedef struct linear {
  double value, slope[MOST];
} linear;

/* Range of the interference on a box, and the chord of -log over it. */
typedef struct chord {
  double low, high, value, slope;
} chord;

static chord chord_of(double low, double high) {
  chord c = {.low = low, .high = high};
  c.slope = high > low ? -log1p((high - low) / low) / (high - low) : -1 / low;
  c.value = -log(low) - c.slope * low;
  return c;
}

static linear link_bound(const search *s, size_t i, const chord *c, const double *at, double interference_at) {
  double total = interference_at + s->gain[i][i] * at[i];
  linear l = {.value = log(total) - 1 + 1 / total + c->value + c->slope};
  for (size_t j = 0; j < s->links; j++) l.slope[j] = s->gain[j][i] * (1 / total + (j == i ? 0 : c->slope));
  return l;
}

static double at_point(const search *s, const linear *l, const double *q) {
  double value = l->value;
  for (size_t j = 0; j < s->links; j++) value += l->slope[j] * q[j];
  return value;
}

/* Maximum of the sum of the links' bounds over the box, in q, each bound the linear one or the constant. */
static double maximum(const search *s, const box *b, const linear *l, const double *constant, const bool *is_constant,
                      double *q) {
  double sum = 0, slope[MOST] = {0};
  for (size_t i = 0; i < s->links; i++) {
    sum += s->weight[i] * (is_constant[i] ? constant[i] : l[i].value);
    for (size_t j = 0; j < s->links && !is_constant[i]; j++) slope[j] += s->weight[i] * l[i].slope[j];
  }
  for (size_t j = 0; j < s->links; j++) {
    q[j] = slope[j] > 0 ? b->high[j] : b->low[j];
    sum += slope[j] * q[j];
  }
  return sum;
}

/* Bound of a box; where it is reached stays in q, the chords in c. */
static double bound_of(const search *s, const box *b, chord *c, double *q) {
  double low[MOST], high[MOST], constant[MOST], best = DBL_MAX, at[MOST], interference[MOST];
  linear l[MOST];
  received(s, b->low, low);
  received(s, b->high, high);
  for (size_t i = 0; i < s->links; i++) {
    c[i] = chord_of(low[i], high[i]);
    constant[i] = log1p(s->gain[i][i] * b->high[i] / low[i]);
    at[i] = sqrt((b->low[i] + s->scale[i]) * (b->high[i] + s->scale[i])) - s->scale[i];
  }
  for (size_t round = 0; round < TANGENTS; round++) {
    bool is_constant[MOST] = {false};
    double where[MOST];
    received(s, at, interference);
    for (size_t i = 0; i < s->links; i++) l[i] = link_bound(s, i, &c[i], at, interference[i]);
    for (size_t turn = 0; turn < 2; turn++) {
      double bound = maximum(s, b, l, constant, is_constant, where);
      if (bound < best) {
        best = bound;
        memcpy(q, where, s->links * sizeof *q);
      }
      for (size_t i = 0; i < s->links; i++) is_constant[i] = is_constant[i] || at_point(s, &l[i], where) > constant[i];
    }
    for (size_t j = 0; j < s->links; j++) at[j] = (at[j] + where[j]) / 2;
  }
  return best + ROUNDING * (1 + fabs(best));
}

/* ---- smaller boxes ---- */

/* Raises low or lowers high of each power in which the sum-rate rises or falls on all of the box. Returns whether
 * anything changed. d/dq_i is w_i g_ii / T_i - sum_{j != i} w_j g_ij (1 / I_j - 1 / T_j). */
static bool shrink(const search *s, box *b) {
  double low[MOST], high[MOST];
  bool changed = false;
  received(s, b->low, low);
  received(s, b->high, high);
  for (size_t i = 0; i < s->links; i++) {
    if (b->low[i] == b->high[i]) continue;
    double least = s->weight[i] * s->gain[i][i] / (high[i] + s->gain[i][i] * b->high[i]),
           most = s->weight[i] * s->gain[i][i] / (low[i] + s->gain[i][i] * b->low[i]);
    for (size_t j = 0; j < s->links; j++) {
      if (j == i) continue;
      double strongest = s->gain[j][j] * b->high[j], weakest = s->gain[j][j] * b->low[j];
      least -= s->weight[j] * s->gain[i][j] * strongest / (low[j] * (low[j] + strongest));
      most -= s->weight[j] * s->gain[i][j] * weakest / (high[j] * (high[j] + weakest));
    }
    if (least > 0)
      b->low[i] = b->high[i];
    else if (most < 0)
      b->high[i] = b->low[i];
    else
      continue;
    changed = true;
    received(s, b->low, low);
    received(s, b->high, high);
  }
  return changed;
}

/* At a maximum some link is at its limit: scaling all powers up raises every SINR. */
static bool may_hold_maximum(const search *s, const box *b) {
  for (size_t i = 0; i < s->links; i++)
    if (b->high[i] == 1) return true;
  return false;
}

/* ---- branching ---- */

/* The power that the looseness of the bounds at q comes from most. */
static size_t branching_link(const search *s, const box *b, const chord *c, const double *q) {
  double interference[MOST], blame[MOST] = {0};
  received(s, q, interference);
  for (size_t i = 0; i < s->links; i++) {
    double range = c[i].high - c[i].low, loose = c[i].value + c[i].slope * interference[i] + log(interference[i]);
    for (size_t j = 0; j < s->links && range > 0; j++)
      if (j != i) blame[j] += s->weight[i] * loose * s->gain[j][i] * (b->high[j] - b->low[j]) / range;
    /* What the tangent of log T gives away is of the order of the range of the own power. */
    double own = s->gain[i][i] * (b->high[i] - b->low[i]) / (c[i].low + s->gain[i][i] * b->low[i]);
    blame[i] += .1 * s->weight[i] * log1p(own) * (own > 0);
  }
  size_t pick = 0;
  for (size_t j = 1; j < s->links; j++)
    if (blame[j] > blame[pick]) pick = j;
  if (blame[pick] > 0) return pick;
  for (size_t j = 0; j < s->links; j++)
    if (b->high[j] - b->low[j] > b->high[pick] - b->low[pick]) pick = j;
  return pick;
}

/* By how much powers must be better to be looked for. */
static double gap_of(const search *s) { return fmax(s->gap * s->best, LEAST_GAP); }

/* Puts a box where it waits, unless it cannot hold better powers. Its bound is no larger than that of the box it came
 * from. */
static void put(search *s, box *b) {
  chord c[MOST];
  double q[MOST];
  while (shrink(s, b)) continue;
  if (!may_hold_maximum(s, b)) return;
  keep_if_better(s, b->low);
  keep_if_better(s, b->high);
  double bound = bound_of(s, b, c, q);
  b->bound = fmin(b->bound, bound);
  keep_if_better(s, q);
  if (b->bound - s->best > gap_of(s)) s->waiting[s->count++] = *b;
}

static void split(search *s, const box *b) {
  chord c[MOST];
  double q[MOST];
  bound_of(s, b, c, q);
  size_t j = branching_link(s, b, c, q);
  double middle = sqrt((b->low[j] + s->scale[j]) * (b->high[j] + s->scale[j])) - s->scale[j];
  if (!(middle > b->low[j] && middle < b->high[j])) middle = b->low[j] + (b->high[j] - b->low[j]) / 2;
  if (!(middle > b->low[j] && middle < b->high[j])) return; /* a box of one point, which was tried */
  box lower = *b, upper = *b;
  lower.high[j] = upper.low[j] = middle;
  put(s, &lower);
  put(s, &upper);
  /* The more promising one is looked at first: it is taken from the end. */
  if (s->count >= 2 && s->waiting[s->count - 1].bound < s->waiting[s->count - 2].bound) {
    box other = s->waiting[s->count - 1];
    s->waiting[s->count - 1] = s->waiting[s->count - 2];
    s->waiting[s->count - 2] = other;
  }
}

static box next(search *s) {
  size_t pick = s->count - 1;
  for (size_t k = 0; k < s->count && s->count < WAITING - DEPTH; k++)
    if (s->waiting[k].bound > s->waiting[pick].bound) pick = k;
  box taken = s->waiting[pick];
  s->waiting[pick] = s->waiting[--s->count];
  return taken;
}

/* Returns an upper bound of the maximum. */
static double run(search *s, uint64_t nodes) {
  box all = {.bound = DBL_MAX};
  double left = 0;
  for (size_t i = 0; i < s->links; i++) all.high[i] = 1;
  s->count = 0;
  put(s, &all);
  for (uint64_t done = 0; s->count > 0 && (nodes == 0 || done < nodes) && s->count + 2 <= WAITING; done++) {
    box b = next(s);
    if (b.bound - s->best > gap_of(s)) split(s, &b);
  }
  for (size_t k = 0; k < s->count; k++) left = fmax(left, s->waiting[k].bound);
  return fmax(left, s->best + gap_of(s));
}

/* ---- the policy ---- */

static struct work take(const pa_policy *policy, size_t links, pa__arena *arena) {
  struct work w = {.waiting = pa__arena_take(arena, WAITING, sizeof(box))};
  (void)policy;
  w.start = pa__arena_take(arena, links, sizeof(double));
  w.starts = pa__arena_take(arena, 0, 1);
  pa__extent one = pa__extent_dense(1, links, PA__DOUBLE);
  pa__wmmse_best_class.workspace(NULL, &one, arena);
  return w;
}

static void workspace(const pa_policy *policy, const pa__extent *e, pa__arena *arena) { take(policy, e->links, arena); }

static void fill(search *s, const pa_states *states, size_t sample) {
  size_t n = states->links;
  const double *h = states->h + sample * n * n;
  s->links = n;
  s->best = -1;
  for (size_t i = 0; i < n; i++) {
    double strongest = 0;
    for (size_t j = 0; j < n; j++) {
      s->gain[i][j] = h[i * n + j] * h[i * n + j] * states->limit[i] / states->noise[j];
      if (j != i) strongest = fmax(strongest, s->gain[i][j]);
    }
    s->weight[i] = states->weights[i];
    s->scale[i] = strongest > 1 ? 1 / strongest : 1;
  }
}

/* Powers of a sample and, in bit/s/Hz, an upper bound of its weighted sum-rate. */
static void solve(const pa_policy *policy, const pa_states *states, size_t sample, double *power, double *upper,
                  const struct work *w) {
  search s = {.gap = pa__policy_value(policy, PA_POLICY_GAP), .waiting = w->waiting};
  struct pa_states one = pa__states_part(states, sample, 1);
  struct pa_policy starts;
  size_t n = states->links;
  fill(&s, states, sample);
  pa__policy_init(&starts, &pa__wmmse_best_class);
  pa__wmmse_best_class.allocate(&starts, &one, w->start, w->starts);
  double q[MOST];
  for (size_t i = 0; i < n; i++) q[i] = w->start[i] / states->limit[i];
  keep_if_better(&s, q);
  double bound = run(&s, (uint64_t)pa__policy_value(policy, PA_POLICY_NODES));
  for (size_t i = 0; i < n; i++) power[i] = states->limit[i] * s.q[i];
  *upper = INV_LN2 * bound;
}

static pa_status check(const pa_states *states) {
  if (states->links <= MOST) return PA_OK;
  return pa__fail(PA_ERROR_ARGUMENT, "states has %zu links, the optimum can be certified for at most %d", states->links,
                  MOST);
}

static pa_status allocate(const pa_policy *policy, const pa_states *states, double *power, void *memory) {
  pa_status status = check(states);
  if (status != PA_OK) return status;
  pa__arena arena = {memory, 0};
  struct work w = take(policy, states->links, &arena);
  for (size_t b = 0; b < states->batch; b++) {
    double upper;
    solve(policy, states, b, power + b * states->links, &upper, &w);
  }
  return PA_OK;
}

static const int32_t keys[] = {PA_POLICY_GAP, PA_POLICY_NODES, 0};

const pa__policy_class pa__optimal_class = {
    .name = "optimal", .keys = keys, .workspace = workspace, .allocate = allocate};

pa_status pa_policy_certify(const pa_policy *policy, const pa_states *states, double *power, double *upper) {
  if (!policy || !power || !upper)
    return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", !policy ? "policy" : !power ? "power" : "upper");
  if (policy->class != &pa__optimal_class)
    return pa__fail(PA_ERROR_ARGUMENT, "policy %s certifies nothing, optimal does", policy->class->name);
  pa_status status = pa__states_check(states);
  pa__extent extent = {0};
  if (status == PA_OK) {
    extent = pa__extent_of(states);
    status = pa__policy_takes(policy, &extent);
  }
  if (status == PA_OK) status = check(states);
  if (status != PA_OK) return status;
  size_t bytes = pa__measure(workspace, policy, pa__extent_of_many(states, 1));
  void *memory = pa__allocate(&policy->allocator, bytes, 1);
  if (!memory) return PA_ERROR_MEMORY;
  pa__arena arena = {memory, 0};
  struct work w = take(policy, states->links, &arena);
  pa__flush saved = pa__flush_begin();
  for (size_t b = 0; b < states->batch; b++) solve(policy, states, b, power + b * states->links, upper + b, &w);
  pa__flush_end(saved);
  pa__release(&policy->allocator, memory);
  return PA_OK;
}
