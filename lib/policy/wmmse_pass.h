/* WMMSE on one block, once per instruction set. */
#ifndef POWALLOC_LIB_WMMSE_PASS_H
#define POWALLOC_LIB_WMMSE_PASS_H

#include "../la/kernel_set.h"
#include "policy.h"

typedef struct pa__wmmse_scratch {
  double *power, *received, *ratio, *numerator, *denominator; /* node vectors: v^2, interference, u^2 w, u h w, of v */
} pa__wmmse_scratch;

/* Full updates of u, w and v (UWMMSE paper, eqs. (6)-(8) with a = 1, b = 0) until `iterations` are done or, with a
 * tolerance, no v moved by more than that; v [length] in and out. price: node vector added to the denominator of v. A
 * cap > 0 on sum_i limit_i v_i^2 and a tolerance need the single layout. */
typedef struct pa__wmmse_problem {
  const pa__layout *layout;
  const pa__gains *gains;
  const double *price;
  double cap;
  size_t iterations;
  double tolerance;
} pa__wmmse_problem;

typedef void pa__wmmse_fn(const pa__la *la, const pa__wmmse_problem *problem, const pa__wmmse_scratch *scratch,
                          double *v);

#define PA__DECLARE_WMMSE(name) extern pa__wmmse_fn name
KERNEL_DECLARE(PA__DECLARE_WMMSE, wmmse);

#endif
