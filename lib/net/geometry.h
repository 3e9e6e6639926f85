/* Where transmitters and receivers stand, and the path gains that follow. */
#ifndef POWALLOC_LIB_GEOMETRY_H
#define POWALLOC_LIB_GEOMETRY_H

#include "../la/la.h"

typedef struct pa__box {
  double width;  /* half-width of the box of the transmitters (or base stations) */
  double around; /* half-width of the box of a receiver around its transmitter (or a user around its base station) */
} pa__box;

/* Box of the papers: reference links m0, density d; constant density grows the box with the number of links. */
pa__box pa__box_of(double links, double reference, bool constant_density, double density);

/* Point k and the point paired with it: uniform in the box and around it, from numbers 4 k .. 4 k + 3 of
 * (key, counter), after the first `skip` numbers. A network of fewer links has the first points of one of more. */
void pa__drop_pairs(uint64_t key, uint64_t counter, uint64_t skip, size_t count, pa__box box, double *points,
                    double *paired);

/* Multi-cell: `cells` base stations, user i around base station i mod cells. */
void pa__drop_cells(uint64_t key, size_t cells, size_t users, pa__box box, double *stations, double *user);

static inline double pa__squared_distance(const double a[2], const double b[2]) {
  double x = a[0] - b[0], y = a[1] - b[1];
  return x * x + y * y;
}

/* gain [transmitters][receivers] = max(distance, min_distance)^-exponent. work: transmitters * receivers + width
 * doubles. */
void pa__path_gain(const pa__la *la, size_t transmitters, const double *at, size_t receivers, const double *receiver_at,
                   double exponent, double min_distance, double *gain, double *work);

#endif
