#include "wmmse_pass.h"

#include "../base/random.h"
#include "floor.h"
#include "gains.h"

#include <math.h>
#include <string.h>

struct work {
  pa__gains gains;
  /* Node vectors: ..., v^2, sum_{i != j} g_ij v_i^2, u h w / v, u^2 w, the same sum of those, v before. */
  real *price, *v, *power, *received, *numerator, *ratio, *denominator, *previous;
};

static struct work take(pa__arena *arena, const pa__layout *layout) {
  struct work w = {.gains = pa__gains_take(arena, layout)};
  w.gains.cross = pa__matrix_take(arena, layout, 1, false);
  real **const vectors[] = {&w.price, &w.v, &w.power, &w.received, &w.numerator, &w.ratio, &w.denominator, &w.previous};
  for (size_t k = 0; k < sizeof vectors / sizeof vectors[0]; k++)
    *vectors[k] = pa__arena_take(arena, layout->length, sizeof(real));
  return w;
}

/* u h w / v and u^2 w, in the stable form w = T / I: with T = I + d v^2 and u = sqrt(d) v / T they are d / I and
 * d v^2 / (T I). */
static void receive(size_t n, const struct work *w) {
  const real *restrict direct = w->gains.direct, *restrict weight = w->gains.weight, *restrict power = w->power,
                       *restrict received = w->received;
  real *restrict numerator = w->numerator, *restrict ratio = w->ratio;
  NODEWISE
  for (size_t k = 0; k < n; k++) {
    real i = 1 + received[k], t = i + direct[k] * power[k], common = weight[k] * direct[k] / (t * i);
    ratio[k] = common * power[k];
    numerator[k] = common * t;
  }
}

/* 0 / 0 = 0: a link that is off stays off. */
static inline real clipped(real per_v, real v, real denominator) {
  real numerator = per_v * v, z = numerator / denominator;
  z = z < 1 ? z : 1;
  z = z > FLOOR ? z : FLOOR;
  return numerator > 0 ? z : 0;
}

static void transmit(void *user, size_t at, size_t count) {
  const struct work *w = user;
  const real *restrict direct = w->gains.direct + at, *restrict ratio = w->ratio + at, *restrict price = w->price + at,
                       *restrict numerator = w->numerator + at, *restrict received = w->denominator + at;
  real *restrict v = w->v + at, *restrict power = w->power + at;
  NODEWISE
  for (size_t k = 0; k < count; k++) {
    real z = clipped(numerator[k], v[k], received[k] + (direct[k] * ratio[k] + price[k]));
    v[k] = z;
    power[k] = z * z;
  }
}

/* Whether no v moved by more than the tolerance. */
static bool settled(const pa__layout *l, const struct work *w, real tolerance) {
  real moved = 0;
  for (size_t k = pa__layout_begin(l); k < pa__layout_end(l); k++) {
    real step = w->v[k] < w->previous[k] ? w->previous[k] - w->v[k] : w->v[k] - w->previous[k];
    moved = step > moved ? step : moved;
  }
  double moving = !(moved <= tolerance);
  pa__layout_sum(l, &moving, 1);
  return moving == 0;
}

static double capped_power(const pa__layout *l, const struct work *w, double multiplier) {
  double total = 0;
  for (size_t k = pa__layout_begin(l); k < pa__layout_end(l); k++) {
    const pa__gains *g = &w->gains;
    real z = clipped(w->numerator[k], w->v[k],
                     w->denominator[k] + (g->direct[k] * w->ratio[k] + (real)multiplier * g->limit[k]));
    total += g->limit[k] * z * z;
  }
  pa__layout_sum(l, &total, 1);
  return total;
}

/* The price of power that brings the sum of the powers down to the cap. It is bisected to the last bit, and the side
 * within the cap is taken. */
static void meet_cap(const pa__layout *l, const struct work *w, double cap) {
  double low = 0, high = 1, last = sizeof(real) == 4 ? 1e30 : 1e300;
  if (capped_power(l, w, 0) <= cap) {
    high = 0;
  } else {
    while (high < last && capped_power(l, w, high) > cap) {
      low = high;
      high *= 4;
    }
    while (low == 0 && capped_power(l, w, high / 4) <= cap) high /= 4;
    for (double middle = low + (high - low) / 2; middle > low && middle < high; middle = low + (high - low) / 2)
      *(capped_power(l, w, middle) > cap ? &low : &high) = middle;
  }
  NODEWISE
  for (size_t k = 0; k < l->length; k++) w->price[k] = (real)high * w->gains.limit[k];
}

/* Full updates of u, w and v (UWMMSE paper, eqs. (6)-(8) with a = 1, b = 0) from w->v until `iterations` are done or,
 * with a tolerance, no v moved by more than that. A cap and a tolerance need the single layout. */
static void iterate(const pa__la *la, const pa__layout *l, const pa__wmmse_options *o, size_t iterations,
                    struct work *w) {
  size_t n = l->length;
  NODEWISE
  for (size_t k = 0; k < n; k++) w->power[k] = w->v[k] * w->v[k];
  la->shift_transposed(l, w->received, &w->gains.cross, w->power, 1);
  for (size_t iteration = 0; iteration < iterations; iteration++) {
    if (o->tolerance > 0) memcpy(w->previous, w->v, n * sizeof(real));
    receive(n, w);
    if (o->cap > 0) {
      la->shift(l, w->denominator, &w->gains.cross, w->ratio, 1);
      meet_cap(l, w, o->cap);
      transmit(w, 0, n);
      la->shift_transposed(l, w->received, &w->gains.cross, w->power, 1);
    } else {
      la->round(l, w->denominator, w->received, &w->gains.cross, w->ratio, w->power, transmit, w);
    }
    if (o->tolerance > 0 && settled(l, w, (real)o->tolerance)) break;
  }
}

/* A cap and a tolerance are a sample's own affair, so such samples come one at a time. */
static pa__layout layout_for(const pa__wmmse_options *o, const pa__la *la, pa__extent e) {
  if (o->cap > 0 || o->tolerance > 0) e.batch = 1;
  return pa__extent_layout(la, &e);
}

/* Where a link begins that was off, as a part of the usual start. */
#define COMEBACK ((real).1)

/* v of the block to begin with. */
static void start(const pa__wmmse_options *o, const pa_states *states, const pa__block *block, const struct work *w) {
  const pa__layout *l = &block->layout;
  NODEWISE
  for (size_t k = 0; k < l->length; k++) w->v[k] = w->gains.limit[k] > 0 ? (real)o->start : 0;
  if (!states->start) return;
  for (size_t k = 0; k < l->links * l->width; k++) {
    size_t s = k % l->width, sample = block->first + (s < block->count ? s : block->count - 1),
           link = pa__layout_link(l, k / l->width);
    real v = (real)sqrt(states->start[sample * l->links + link] / states->limit[link]), least = COMEBACK * w->v[k];
    w->v[k] = v < least ? least : v < 1 ? v : 1;
  }
}

static void workspace(const pa__wmmse_options *o, const pa__extent *e, pa__arena *arena) {
  pa__layout layout = layout_for(o, pa__la_best(), *e);
  take(arena, &layout);
}

static bool pack(const pa__la *la, const pa__block *block, const pa__gains *g) {
  return la->pack(PA__PACK_GAIN, &block->layout, block->h, g->transmit, g->receive, g->bound, false, &g->cross,
                  g->direct);
}

static bool allocate(const pa__wmmse_options *o, const pa_states *states, void *power, void *memory) {
  const pa__la *la = pa__la_best();
  pa__layout layout = layout_for(o, la, pa__extent_of(states)), of_block = pa__block_layout(la, states);
  layout.pool = of_block.pool;
  layout.pattern = of_block.pattern;
  layout.halo = of_block.halo;
  pa__arena arena = {memory, 0};
  struct work w = take(&arena, &layout);
  pa__gains_begin(states, &layout, &w.gains);
  NODEWISE
  for (size_t k = 0; k < layout.length; k++) w.price[k] = (real)o->price * w.gains.limit[k];
  for (size_t first = 0; first < states->batch; first += layout.width) {
    pa__block block = pa__block_at(states, layout, first);
    if (!pack(la, &block, &w.gains)) return false;
    start(o, states, &block, &w);
    iterate(la, &layout, o, o->iterations, &w);
    pa__block_power(&block, &w.gains, w.v, power);
  }
  return true;
}

/* ---- the best of many starts ---- */

/* The best start of all goes on for so many times as long. */
enum { POLISH = 10 };

struct best_work {
  struct work one;
  real *rate, *best; /* best: v */
};

static struct best_work take_best(pa__arena *arena, const pa__layout *layout) {
  struct best_work w = {.one = take(arena, layout)};
  w.rate = pa__arena_take(arena, layout->length, sizeof(real));
  w.best = pa__arena_take(arena, layout->length, sizeof(real));
  return w;
}

static void best_workspace(const pa__extent *e, pa__arena *arena) {
  pa__layout layout = pa__extent_layout(pa__la_best(), e);
  take_best(arena, &layout);
}

/* Start number k of a sample: the usual one, then by turns random amplitudes and random sets of links. */
static double start_of(const pa__wmmse_options *o, uint64_t sample, size_t k, size_t link, size_t links) {
  if (k == 0) return o->start;
  double u = pa__random_uniform(o->key, sample, k * (links + 1) + link);
  return k % 2 ? u : u < pa__random_uniform(o->key, sample, k * (links + 1) + links);
}

/* Weighted sum-rates in nats of the powers that iterate() left, of each sample of the block. */
static void rates_of(const pa__la *la, const pa__layout *l, const struct best_work *w, double *sum) {
  const struct work *one = &w->one;
  NODEWISE
  for (size_t k = 0; k < l->length; k++) w->rate[k] = 1 + one->gains.direct[k] * one->power[k] / (1 + one->received[k]);
  la->log(l->length, w->rate, w->rate);
  memset(sum, 0, l->width * sizeof *sum);
  for (size_t k = 0; k < l->length; k++) sum[k % l->width] += one->gains.weight[k] * w->rate[k];
}

static void best_of_block(const pa__wmmse_options *o, const pa__la *la, const pa_states *states, const pa__block *block,
                          struct best_work *w) {
  const pa__layout *l = &block->layout;
  double best[PA__WIDEST], found[PA__WIDEST];
  real *v = w->one.v;
  for (size_t start = 0; start < o->starts; start++) {
    for (size_t k = 0; k < l->length; k++) {
      size_t s = k % l->width, sample = block->first + (s < block->count ? s : block->count - 1);
      v[k] = w->one.gains.limit[k] > 0
                 ? (real)start_of(o, states->first + sample, start, pa__layout_link(l, k / l->width), l->links)
                 : 0;
    }
    iterate(la, l, o, o->iterations, &w->one);
    rates_of(la, l, w, found);
    for (size_t s = 0; s < l->width; s++) {
      if (start > 0 && !(found[s] > best[s])) continue;
      best[s] = found[s];
      for (size_t k = s; k < l->length; k += l->width) w->best[k] = v[k];
    }
  }
}

static bool best(const pa__wmmse_options *o, const pa_states *states, void *power, void *memory) {
  const pa__la *la = pa__la_best();
  pa__layout layout = pa__block_layout(la, states);
  pa__arena arena = {memory, 0};
  struct best_work w = take_best(&arena, &layout);
  pa__gains_begin(states, &layout, &w.one.gains);
  memset(w.one.price, 0, layout.length * sizeof(real));
  for (size_t first = 0; first < states->batch; first += layout.width) {
    pa__block block = pa__block_at(states, layout, first);
    if (!pack(la, &block, &w.one.gains)) return false;
    best_of_block(o, la, states, &block, &w);
    memcpy(w.one.v, w.best, layout.length * sizeof(real));
    iterate(la, &layout, o, POLISH * o->iterations, &w.one);
    pa__block_power(&block, &w.one.gains, w.one.v, power);
  }
  return true;
}

extern const pa__wmmse_pass KERNEL(wmmse_pass);
const pa__wmmse_pass KERNEL(wmmse_pass) = {
    .workspace = workspace, .allocate = allocate, .best_workspace = best_workspace, .best = best};
