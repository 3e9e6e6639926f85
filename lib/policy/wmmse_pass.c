#include "wmmse_pass.h"

#include <math.h>

/* Numerator u_i h_ii w_i and u_i^2 w_i from v, in the stable form w = T / I: with T = I + d v^2 and u = sqrt(d) v / T
 * they are d v / I and d v^2 / (T I). `interference` holds sum_{i != j} g_ij v_i^2 on entry. */
static void receive(size_t n, const double *restrict direct, const double *restrict weight, const double *restrict v,
                    const double *restrict interference, double *restrict numerator, double *restrict ratio) {
  for (size_t k = 0; k < n; k++) {
    double i = 1 + interference[k], s = v[k] * v[k], t = i + direct[k] * s;
    double common = weight[k] * direct[k] / (t * i);
    ratio[k] = common * s;
    numerator[k] = common * v[k] * t;
  }
}

/* 0 / 0 = 0: a link that is off stays off. */
static double clipped(double numerator, double denominator) {
  double z = numerator / denominator;
  return numerator > 0 ? (z < 1 ? z : 1) : 0;
}

static void complete(size_t n, const double *restrict direct, const double *restrict ratio,
                     const double *restrict price, double *restrict denominator) {
  for (size_t k = 0; k < n; k++) denominator[k] += direct[k] * ratio[k] + price[k];
}

/* Returns how far the furthest v moved. */
static double transmit(size_t n, const double *restrict numerator, const double *restrict denominator,
                       double *restrict v) {
  double moved = 0;
  for (size_t k = 0; k < n; k++) {
    double z = clipped(numerator[k], denominator[k]), step = fabs(z - v[k]);
    v[k] = z;
    moved = step > moved ? step : moved;
  }
  return moved;
}

static double capped_power(size_t n, const double *numerator, const double *denominator, const double *limit,
                           double multiplier) {
  double total = 0;
  for (size_t k = 0; k < n; k++) {
    double z = clipped(numerator[k], denominator[k] + multiplier * limit[k]);
    total += limit[k] * z * z;
  }
  return total;
}

/* Adds to the denominator the multiplier that brings the sum of the powers down to the cap. It is bisected to the last
 * bit, and the side within the cap is taken. */
static void meet_cap(size_t n, const pa__gains *gains, const double *numerator, double *denominator, double cap) {
  if (capped_power(n, numerator, denominator, gains->limit, 0) <= cap) return;
  double low = 0, high = 1;
  while (capped_power(n, numerator, denominator, gains->limit, high) > cap) {
    low = high;
    high *= 4;
  }
  while (low == 0 && capped_power(n, numerator, denominator, gains->limit, high / 4) <= cap) high /= 4;
  for (double middle = low + (high - low) / 2; middle > low && middle < high; middle = low + (high - low) / 2)
    *(capped_power(n, numerator, denominator, gains->limit, middle) > cap ? &low : &high) = middle;
  for (size_t k = 0; k < n; k++) denominator[k] += high * gains->limit[k];
}

pa__wmmse_fn KERNEL(wmmse);

void KERNEL(wmmse)(const pa__la *la, const pa__wmmse_problem *p, const pa__wmmse_scratch *s, double *v) {
  size_t n = p->layout->length;
  const pa__gains *g = p->gains;
  for (size_t iteration = 0; iteration < p->iterations; iteration++) {
    for (size_t k = 0; k < n; k++) s->power[k] = v[k] * v[k];
    la->shift_transposed(p->layout, s->received, &g->cross, s->power, 1);
    receive(n, g->direct, g->weight, v, s->received, s->numerator, s->ratio);
    la->shift(p->layout, s->denominator, &g->cross, s->ratio, 1);
    complete(n, g->direct, s->ratio, p->price, s->denominator);
    if (p->cap > 0) meet_cap(n, g, s->numerator, s->denominator, p->cap);
    double moved = transmit(n, s->numerator, s->denominator, v);
    if (p->tolerance > 0 && moved <= p->tolerance) break;
  }
}
