/* A row of products with COUNT columns, which stand side by side, COUNT numbers a node. sparse.c includes this for each
 * COUNT, with names by OF_COUNT(). */

#define PANEL_LANES (COUNT < WIDTH ? COUNT : WIDTH)
#define PANELS (COUNT / PANEL_LANES)

typedef real OF_COUNT(panel) __attribute__((vector_size(PANEL_LANES * sizeof(real))));

INLINE OF_COUNT(panel) OF_COUNT(load_panel)(const real *p) {
  OF_COUNT(panel) x;
  memcpy(&x, p, sizeof x);
  return x;
}

/* Two sums, of every other edge: additions do not wait for each other. */
INLINE void OF_COUNT(wide_dot)(pa__packing packing, const pa__pattern *p, const pa__matrix *a, const struct row *row,
                               const real *restrict z, real *restrict y) {
  OF_COUNT(panel) sum[2][PANELS] = {{{0}}};
  for (size_t e = row->begin; e < row->end; e += 2)
    for (size_t k = 0; k < 2 && e + k < row->end; k++) {
      const real *of_receiver = z + (size_t)p->receiver[e + k] * COUNT;
      real x = element(packing, p, a, row, e + k);
      for (int v = 0; v < PANELS; v++) sum[k][v] += x * OF_COUNT(load_panel)(of_receiver + v * PANEL_LANES);
    }
  for (int v = 0; v < PANELS; v++) sum[0][v] += sum[1][v];
  memcpy(y, sum[0], COUNT * sizeof(real));
}

INLINE void OF_COUNT(wide_add)(pa__packing packing, const pa__pattern *p, const pa__matrix *a, const struct row *row,
                               const real *restrict z, real *restrict y) {
  OF_COUNT(panel) by[PANELS];
  memcpy(by, z, sizeof by);
  for (size_t e = row->begin; e < row->end; e++) {
    real *of_receiver = y + (size_t)p->receiver[e] * COUNT, x = element(packing, p, a, row, e);
    for (int v = 0; v < PANELS; v++) {
      OF_COUNT(panel) sum = OF_COUNT(load_panel)(of_receiver + v * PANEL_LANES) + x * by[v];
      memcpy(of_receiver + v * PANEL_LANES, &sum, sizeof sum);
    }
  }
}

#undef PANEL_LANES
#undef PANELS
#undef OF_COUNT
#undef COUNT
