#include "gains.h"

#include <math.h>

pa__layout pa__block_layout(const pa__la *la, const pa_states *states) {
  pa__layout layout = states->graph ? pa__layout_sparse(la, &states->graph->pattern)
                                    : pa__layout_choose(la, states->links, states->batch);
  if (layout.links >= PA__SHARED) layout.pool = states->pool;
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

void pa__gains_begin(const pa_states *states, const pa__layout *l, pa__gains *g) {
  g->bound = REAL(pa__states_bound)(states);
  for (size_t i = 0; i < l->links; i++) {
    size_t link = pa__layout_link(l, i);
    g->transmit[i] = (real)states->limit[link];
    g->receive[i] = (real)states->noise[link];
    for (size_t s = 0; s < l->width; s++) {
      g->weight[i * l->width + s] = (real)states->weights[link];
      g->limit[i * l->width + s] = (real)states->limit[link];
    }
  }
  NODEWISE
  for (size_t i = 0; i < l->links; i++) {
    g->transmit[i] = (real)sqrt((double)g->transmit[i]);
    g->receive[i] = (real)(1 / sqrt((double)g->receive[i]));
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

void pa__block_power(const pa_states *states, const pa__block *block, const real *v, real *power) {
  size_t n = states->links, width = block->layout.width;
  for (size_t s = 0; s < block->count; s++)
    for (size_t i = 0; i < n; i++) {
      size_t link = pa__layout_link(&block->layout, i);
      real x = v[i * width + s];
      power[(block->first + s) * n + link] = (real)states->limit[link] * (x * x);
    }
}
