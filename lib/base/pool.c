#define _GNU_SOURCE
#include "pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* Steps of training are a tenth of a millisecond apart: waiting threads look this often before they sleep. */
enum { SPINS = 4096 };

struct worker {
  pa_pool *pool;
  size_t index;
  pthread_t thread;
};

struct pa_pool {
  pa_allocator allocator;
  size_t threads, started;
  pa_parallel_fn parallel; /* of a custom pool, else NULL */
  void *parallel_user;
  pa_free_fn free_user;
  atomic_bool *busy; /* [threads] of a custom pool */
  atomic_size_t done;
  pa_status fault;
  struct worker *workers;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  atomic_uint round; /* counts runs */
  atomic_size_t next, working;
  size_t tasks;
  pa_task_fn fn;
  void *user;
  bool ending;
};

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

static void work(pa_pool *pool, size_t worker) {
  for (size_t task; (task = atomic_fetch_add(&pool->next, 1)) < pool->tasks;) pool->fn(pool->user, worker, task);
}

static void wait_for_round(pa_pool *pool, unsigned seen) {
  for (int spin = 0; spin < SPINS; spin++) {
    if (atomic_load(&pool->round) != seen) return;
    pause_briefly();
  }
  pthread_mutex_lock(&pool->mutex);
  while (atomic_load(&pool->round) == seen) pthread_cond_wait(&pool->wake, &pool->mutex);
  pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument) {
  struct worker *self = argument;
  pa_pool *pool = self->pool;
  for (unsigned seen = 0;; seen++) {
    wait_for_round(pool, seen);
    if (pool->ending) return NULL;
    work(pool, self->index);
    atomic_fetch_sub(&pool->working, 1);
  }
}

static void start_round(pa_pool *pool) {
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->round, 1);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
}

/* Signals are for the application's threads, not for ours. */
static int start_thread(struct worker *worker) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&worker->thread, NULL, worker_main, worker);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed;
}

enum { MOST_THREADS = 1024 };

static pa_status create(pa_pool **out, size_t threads, const pa_allocator *allocator) {
  if (threads < 1 || threads > MOST_THREADS)
    return pa__fail(PA_ERROR_ARGUMENT, "threads is %zu, must be 1 to %d", threads, MOST_THREADS);
  pa_pool *pool = NULL;
  pa_status status = pa__handle_create(out ? (void *)&pool : NULL, sizeof *pool, allocator);
  if (status != PA_OK) return status;
  pool->threads = threads;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  *out = pool;
  return PA_OK;
}

pa_status pa_pool_create(pa_pool **out, size_t threads, const pa_allocator *allocator) {
  pa_pool *pool = NULL;
  pa_status status = create(out ? &pool : NULL, threads, allocator);
  if (status != PA_OK) return status;
  pool->workers = pa__allocate(&pool->allocator, threads, sizeof *pool->workers);
  if (!pool->workers) {
    pa_pool_free(pool);
    return PA_ERROR_MEMORY;
  }
  for (size_t k = 1; k < threads; k++) {
    pool->workers[k] = (struct worker){.pool = pool, .index = k};
    if (start_thread(&pool->workers[k]) != 0) {
      pa_pool_free(pool);
      return pa__fail(PA_ERROR_MEMORY, "thread %zu of %zu could not be started", k + 1, threads);
    }
    pool->started++;
  }
  *out = pool;
  return PA_OK;
}

pa_status pa_pool_create_custom(pa_pool **out, size_t threads, pa_parallel_fn parallel, void *user,
                                pa_free_fn free_user, const pa_allocator *allocator) {
  if (!parallel) return pa__fail(PA_ERROR_ARGUMENT, "parallel is NULL");
  pa_pool *pool = NULL;
  pa_status status = create(out ? &pool : NULL, threads, allocator);
  if (status != PA_OK) return status;
  pool->busy = pa__allocate(&pool->allocator, threads, sizeof *pool->busy);
  if (!pool->busy) {
    pa_pool_free(pool);
    return PA_ERROR_MEMORY;
  }
  pool->parallel = parallel;
  pool->parallel_user = user;
  pool->free_user = free_user;
  *out = pool;
  return PA_OK;
}

size_t pa_pool_threads(const pa_pool *pool) { return pool ? pool->threads : 1; }

void pa_pool_free(pa_pool *pool) {
  if (!pool) return;
  pool->ending = true;
  start_round(pool);
  for (size_t k = 1; k <= pool->started; k++) pthread_join(pool->workers[k].thread, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  if (pool->free_user) pool->free_user(pool->parallel_user);
  pa_allocator allocator = pool->allocator;
  pa__release(&allocator, pool->busy);
  pa__release(&allocator, pool->workers);
  pa__release(&allocator, pool);
}

/* A task of a custom pool: run unless the call is none that we could have asked for. */
static void run_checked(void *task, size_t worker, size_t index) {
  pa_pool *pool = task;
  if (worker >= pool->threads || index >= pool->tasks || atomic_exchange(&pool->busy[worker], true)) return;
  pool->fn(pool->user, worker, index);
  atomic_store(&pool->busy[worker], false);
  atomic_fetch_add(&pool->done, 1);
}

static pa_status run_custom(pa_pool *pool) {
  atomic_store(&pool->done, 0);
  int32_t code = pool->parallel(pool->parallel_user, pool->tasks, run_checked, pool);
  size_t done = atomic_load(&pool->done);
  if (code != PA_CALLBACK_OK) return pa__fail(PA_ERROR_CALLBACK, "the callback that runs tasks returned %d", (int)code);
  if (done != pool->tasks)
    return pa__fail(PA_ERROR_CALLBACK, "the callback that runs tasks ran %zu of %zu, or with wrong numbers", done,
                    pool->tasks);
  return PA_OK;
}

pa_status pa__pool_run(pa_pool *pool, size_t tasks, pa_task_fn fn, void *user) {
  pool->tasks = tasks;
  pool->fn = fn;
  pool->user = user;
  if (pool->parallel) {
    pa_status status = run_custom(pool);
    if (pool->fault == PA_OK) pool->fault = status;
    return status;
  }
  atomic_store(&pool->next, 0);
  atomic_store(&pool->working, pool->started);
  if (pool->started) start_round(pool);
  work(pool, 0);
  while (atomic_load(&pool->working) > 0) pause_briefly();
  return PA_OK;
}

pa_status pa__pool_fault(pa_pool *pool) {
  pa_status fault = pool->fault;
  pool->fault = PA_OK;
  return fault;
}
