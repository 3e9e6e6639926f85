/* Tables, layouts and matrices in one precision. */
#include "la.h"

extern const pa__la KERNEL_EACH(KERNEL_NAME, la);

static const pa__la *const tables[] = {KERNEL_EACH(KERNEL_ADDRESS, la)};

const pa__la *pa__la_of(int set) { return pa__cpu_runs(set) ? tables[set] : NULL; }

const pa__la *pa__la_best(void) { return tables[pa__cpu_set()]; }

pa__layout pa__layout_interleaved(const pa__la *la, size_t links) {
  return (pa__layout){.links = links, .width = la->width, .length = links * la->width};
}

pa__layout pa__layout_single(const pa__la *la, size_t links) {
  size_t padded = (links + la->width - 1) / la->width * la->width;
  return (pa__layout){.links = links, .width = 1, .length = padded};
}

pa__layout pa__layout_sparse(const pa__la *la, const pa__pattern *pattern) {
  pa__layout layout = pa__layout_single(la, pattern->links);
  layout.pattern = pattern;
  return layout;
}

pa__layout pa__layout_choose(const pa__la *la, size_t links, size_t samples) {
  return links <= PA__SMALL && samples > 1 ? pa__layout_interleaved(la, links) : pa__layout_single(la, links);
}

static pa__matrix take_view(pa__arena *arena, const pa__layout *l, size_t columns) {
  pa__matrix m = {.view = pa__arena_take(arena, 1, sizeof(pa__view))};
  m.row = pa__arena_take(arena, l->length, sizeof(real));
  m.column = pa__arena_take(arena, l->length, sizeof(real));
  m.scratch = pa__arena_take(arena, l->length, pa__side_by_side(columns) * sizeof(real));
  return m;
}

pa__matrix pa__matrix_take(pa__arena *arena, const pa__layout *l, size_t columns, bool flipped) {
  if (l->pattern) return take_view(arena, l, columns);
  pa__matrix m = {.rows = pa__arena_take(arena, l->links, l->length * sizeof(real))};
  if (l->width == 1 && l->links <= PA__SMALL) m.transposed = pa__arena_take(arena, l->links, l->length * sizeof(real));
  m.flipped = flipped && l->width == 1 && !(l->links <= PA__SMALL);
  return m;
}
