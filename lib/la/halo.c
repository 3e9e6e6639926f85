#include "halo.h"

#include <math.h>

enum way { OUT, IN, ADD };

/* Between a vector and a buffer [count][columns]. */
#define OF_NUMBER(MOVE, NUMBER)                                                                      \
  static void MOVE(enum way way, const int32_t *node, size_t count, pa__numbers x, NUMBER *buffer) { \
    for (size_t k = 0; k < count; k++) {                                                             \
      NUMBER *here = (NUMBER *)x.at + (size_t)node[k] * x.step, *there = buffer + k * x.columns;     \
      for (size_t c = 0; way == OUT && c < x.columns; c++) there[c] = here[c * x.stride];            \
      for (size_t c = 0; way == IN && c < x.columns; c++) here[c * x.stride] = there[c];             \
      for (size_t c = 0; way == ADD && c < x.columns; c++) here[c * x.stride] += there[c];           \
    }                                                                                                \
  }

OF_NUMBER(move_doubles, double)
OF_NUMBER(move_floats, float)

static void move(enum way way, const int32_t *node, size_t count, pa__numbers x, void *buffer) {
  if (x.bytes == sizeof(double))
    move_doubles(way, node, count, x, buffer);
  else
    move_floats(way, node, count, x, buffer);
}

static void pass(pa__halo *h, const pa__border *from, const int32_t *sent, const pa__border *to,
                 const int32_t *received, pa__numbers x, enum way way) {
  move(OUT, sent, from->first[h->neighbours], x, h->send);
  if (h->exchange(h->user, h->send, from->first, h->receive, to->first, x.bytes * x.columns) == PA_CALLBACK_OK)
    move(way, received, to->first[h->neighbours], x, h->receive);
  else
    h->failed = true;
}

void pa__halo_refresh(pa__halo *h, pa__numbers x) {
  pass(h, &h->shared, h->shared.node, &h->ghosts, h->ghosts.node, x, IN);
}

void pa__halo_refresh_links(pa__halo *h, pa__numbers x) {
  pass(h, &h->shared, h->shared.link, &h->ghosts, h->ghosts.link, x, IN);
}

void pa__halo_collect(pa__halo *h, pa__numbers x) {
  pass(h, &h->ghosts, h->ghosts.node, &h->shared, h->shared.node, x, ADD);
}

void pa__halo_sum(pa__halo *h, double *x, size_t count) {
  if (h->sum(h->user, x, count) == PA_CALLBACK_OK) return;
  h->failed = true;
  for (size_t k = 0; k < count; k++) x[k] = NAN;
}
