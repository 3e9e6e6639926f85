/* The kernels of the numeric port on sparse matrices, once per instruction set and precision; their names in the port
 * say what they do. */
#ifndef POWALLOC_LIB_SPARSE_H
#define POWALLOC_LIB_SPARSE_H

#include "la.h"

#define pa__sparse_shift KERNEL(sparse_shift)
#define pa__sparse_shift_transposed KERNEL(sparse_shift_transposed)
#define pa__sparse_round KERNEL(sparse_round)
#define pa__sparse_pack KERNEL(sparse_pack)
#define pa__sparse_square KERNEL(sparse_square)
#define pa__sparse_scale KERNEL(sparse_scale)

void pa__sparse_shift(const pa__layout *layout, real *y, const pa__matrix *a, const real *z, size_t columns);
void pa__sparse_shift_transposed(const pa__layout *layout, real *y, const pa__matrix *a, const real *z, size_t columns);
void pa__sparse_round(const pa__layout *layout, real *y, real *x, const pa__matrix *a, const real *z, const real *p,
                      pa__update_fn *update, void *user);
bool pa__sparse_pack(pa__packing packing, const pa__layout *layout, const real *h, const real *r, const real *c,
                     real bound, bool keep_diagonal, const pa__matrix *m, real *diagonal);
void pa__sparse_square(const pa__layout *layout, const pa__matrix *y, const pa__matrix *x);
void pa__sparse_scale(const pa__layout *layout, const pa__matrix *x, const real *f);

#endif
