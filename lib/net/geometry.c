#include "geometry.h"

#include "../base/random.h"

#include <math.h>
#include <string.h>

pa__box pa__box_of(double links, double reference, bool constant_density, double density) {
  double m0 = reference > 0 ? reference : links;
  double width = constant_density ? m0 * sqrt(links / m0) : m0;
  return (pa__box){.width = width / density, .around = m0 / 4};
}

static double in_box(uint64_t key, uint64_t counter, uint64_t index, double half_width) {
  return half_width * (2 * pa__random_uniform(key, counter, index) - 1);
}

void pa__drop_pairs(uint64_t key, uint64_t counter, uint64_t skip, size_t count, pa__box box, double *points,
                    double *paired) {
  for (size_t k = 0; k < count; k++)
    for (size_t axis = 0; axis < 2; axis++) {
      points[2 * k + axis] = in_box(key, counter, skip + 4 * k + axis, box.width);
      paired[2 * k + axis] = points[2 * k + axis] + in_box(key, counter, skip + 4 * k + 2 + axis, box.around);
    }
}

void pa__drop_cells(uint64_t key, size_t cells, size_t users, pa__box box, double *stations, double *user) {
  for (size_t k = 0; k < 2 * cells; k++) stations[k] = in_box(key, 0, k, box.width);
  for (size_t i = 0; i < users; i++)
    for (size_t axis = 0; axis < 2; axis++)
      user[2 * i + axis] = stations[2 * (i % cells) + axis] + in_box(key, 1, 2 * i + axis, box.around);
}

void pa__path_gain(const pa__la *la, size_t transmitters, const double *at, size_t receivers, const double *receiver_at,
                   double exponent, double min_distance, double *gain, double *work) {
  size_t n = transmitters * receivers, padded = (n + la->width - 1) / la->width * la->width;
  for (size_t i = 0; i < transmitters; i++)
    for (size_t j = 0; j < receivers; j++)
      work[i * receivers + j] =
          fmax(pa__squared_distance(at + 2 * i, receiver_at + 2 * j), min_distance * min_distance);
  for (size_t k = n; k < padded; k++) work[k] = 1;
  la->log(padded, work, work);
  for (size_t k = 0; k < padded; k++) work[k] *= -exponent / 2;
  la->exp(padded, work, work);
  memcpy(gain, work, n * sizeof(double));
}
