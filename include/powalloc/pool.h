/**
 * @file pool.h
 * @brief Threads that share the work of one call: the library's own, or those of the application.
 */
#ifndef POWALLOC_POOL_H
#define POWALLOC_POOL_H

#include <powalloc/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief A few threads that run numbered tasks together. One call at a time may use a pool.
 *
 * Results never depend on a pool or on its number of threads: not in the last bit.
 */
typedef struct pa_pool pa_pool;

/**
 * @brief A task of the library, to be run by pa_parallel_fn.
 * @param task   as given
 * @param worker who runs it, 0 to the pool's threads - 1; no two at the same time with the same number
 * @param index  number of the task
 */
typedef void (*pa_task_fn)(void *task, size_t worker, size_t index);

/**
 * @brief The application's way of running tasks: calls run(task, worker, k) once for each k < tasks, in any order and
 * on any threads, and returns when all are done.
 *
 * Called on the thread of the call that uses the pool. The memory that the tasks wrote must be visible to that thread
 * on return, as after joining threads or passing a barrier. Returns PA_CALLBACK_OK; anything else, or a task that was
 * left out, makes the call fail with PA_ERROR_CALLBACK, its outputs unspecified.
 */
typedef int32_t (*pa_parallel_fn)(void *user, size_t tasks, pa_task_fn run, void *task);

/**
 * @brief A pool with threads of its own.
 *
 * Starts threads - 1 threads, with all signals blocked; the caller is the last one. Between tasks they spin for a short
 * time, then sleep.
 * @param[out] out  the pool; untouched on an error
 * @param threads   1 to 1024
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_pool_create(pa_pool **out, size_t threads, const pa_allocator *allocator);

/**
 * @brief A pool over the application's own threads, fibres or queues. Starts no thread.
 * @param[out] out  the pool; untouched on an error
 * @param threads   most tasks that parallel runs at a time, 1 to 1024: the numbers of its workers are below it
 * @param parallel  runs tasks
 * @param user      given to parallel
 * @param free_user called with user by pa_pool_free(), not on an error here; may be NULL
 * @param allocator NULL for the C library's
 * @since 0.1
 */
PA_API pa_status pa_pool_create_custom(pa_pool **out, size_t threads, pa_parallel_fn parallel, void *user,
                                       pa_free_fn free_user, const pa_allocator *allocator);

/** @brief Ends the threads and frees the pool, which nothing may use any more. NULL is fine. @since 0.1 */
PA_API void pa_pool_free(pa_pool *pool);

/** @brief Threads of a pool; 1 for NULL. @since 0.1 */
PA_API size_t pa_pool_threads(const pa_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
