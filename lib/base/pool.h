#ifndef POWALLOC_LIB_POOL_H
#define POWALLOC_LIB_POOL_H

#include "base.h"

#include <powalloc/pool.h>

/* Runs tasks 0 .. tasks - 1, in any order, on all threads; returns when all are done. Fails only if a custom pool does
 * not do as it must. */
pa_status pa__pool_run(pa_pool *pool, size_t tasks, pa_task_fn fn, void *user);
/* How the first run failed that did since the last call of this; PA_OK if none. */
pa_status pa__pool_fault(pa_pool *pool);

#endif
