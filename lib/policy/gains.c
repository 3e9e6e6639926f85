#include "gains.h"

#include <math.h>

pa__layout pa__block_layout(const pa__la *la, const pa_states *states) {
  pa__layout layout = states->graph ? pa__layout_sparse(la, &states->graph->pattern)
                                    : pa__layout_choose(la, states->links, states->batch);
  if (layout.links >= PA__SHARED) layout.pool = states->pool;
  if (states->halo) layout.halo = &states->halo->nodes;
  return layout;
}

pa__layout pa__extent_layout(const pa__la *la, const pa__extent *e) {
  static const pa__pattern any;
  pa__layout layout = e->sparse ? pa__layout_single(la, e->links) : pa__layout_choose(la, e->links, e->batch);
  if (e->sparse) layout.pattern = &any;
  return layout;
}

pa__block pa__block_at(const pa_states *states, pa__layout layout, size_t first) {
  size_t left = states->batch - first;
  pa__block block = {.layout = layout, .first = first, .count = left < layout.width ? left : layout.width};
  for (size_t s = 0; s < layout.width; s++)
    block.h[s] =
        pa__states_channel(states) + (first + (s < block.count ? s : block.count - 1)) * pa__states_channels(states);
  return block;
}

pa__gains pa__gains_take(pa__arena *arena, const pa__layout *layout) {
  pa__gains g = {0};
  real **const vectors[] = {&g.direct, &g.weight, &g.limit, &g.transmit, &g.receive};
  for (size_t k = 0; k < sizeof vectors / sizeof vectors[0]; k++)
    *vectors[k] = pa__arena_take(arena, layout->length, sizeof(real));
  return g;
}

static bool alike(size_t n, const double *x) {
  for (size_t k = 1; k < n; k++)
    if (x[k] != x[0]) return false;
  return true;
}

/* Numbers of links as a node vector: looked up link by link, which is random access in an order of nodes' own, only if
 * they differ. */
static void by_node(const pa__layout *l, const double *of_link, real *x) {
  if (l->pattern && alike(l->links, of_link)) {
    for (size_t i = 0; i < l->links; i++) x[i] = (real)of_link[0];
    return;
  }
  for (size_t i = 0; i < l->links; i++) {
    real number = (real)of_link[pa__layout_link(l, i)];
    for (size_t s = 0; s < l->width; s++) x[i * l->width + s] = number;
  }
}

void pa__gains_begin(const pa_states *states, const pa__layout *l, pa__gains *g) {
  g->bound = REAL(pa__states_bound)(states);
  by_node(l, states->weights, g->weight);
  by_node(l, states->limit, g->limit);
  by_node(l, states->noise, g->receive);
  NODEWISE
  for (size_t i = 0; i < l->links; i++) {
    g->transmit[i] = (real)sqrt((double)g->limit[i * l->width]);
    g->receive[i] = (real)(1 / sqrt((double)g->receive[i * l->width]));
  }
  for (size_t k = l->links; l->width == 1 && k < l->length; k++)
    g->transmit[k] = g->receive[k] = g->weight[k] = g->limit[k] = 0;
}

void pa__gains_direct(const pa__block *block, const pa__gains *g) {
  const pa__layout *l = &block->layout;
  for (size_t i = 0; i < l->links; i++)
    for (size_t s = 0; s < l->width; s++) {
      real amplitude = pa__layout_direct(l, block->h[s], i) * (g->transmit[i] * g->receive[i]);
      g->direct[i * l->width + s] = amplitude * amplitude;
    }
  for (size_t k = l->links; l->width == 1 && k < l->length; k++) g->direct[k] = 0;
}

void pa__block_power(const pa__block *block, const pa__gains *g, const real *v, real *power) {
  const pa__layout *l = &block->layout;
  for (size_t s = 0; s < block->count; s++)
    for (size_t i = 0; i < l->links; i++) {
      size_t k = i * l->width + s;
      power[(block->first + s) * l->links + pa__layout_link(l, i)] = g->limit[k] * (v[k] * v[k]);
    }
}
