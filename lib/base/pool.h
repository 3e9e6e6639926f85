/* A few threads that run numbered tasks together. */
#ifndef POWALLOC_LIB_POOL_H
#define POWALLOC_LIB_POOL_H

#include "base.h"

typedef struct pa__pool pa__pool;
/* worker: 0 (the caller of pa__pool_run) to threads - 1. */
typedef void (*pa__task_fn)(void *user, size_t worker, size_t task);

/* Starts threads - 1 threads. */
pa_status pa__pool_create(pa__pool **out, size_t threads, const pa_allocator *allocator);
/* Ends them. NULL is fine. */
void pa__pool_free(pa__pool *pool);
/* Runs tasks 0 .. tasks - 1, in any order, on all threads; returns when all are done. */
void pa__pool_run(pa__pool *pool, size_t tasks, pa__task_fn fn, void *user);

#endif
