#define _GNU_SOURCE
#include "pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* Steps of training are a tenth of a millisecond apart: waiting threads look this often before they sleep. */
enum { SPINS = 4096 };

struct worker {
  pa__pool *pool;
  size_t index;
  pthread_t thread;
};

struct pa__pool {
  pa_allocator allocator;
  size_t threads, started;
  struct worker *workers;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  atomic_uint round; /* counts runs */
  atomic_size_t next, working;
  size_t tasks;
  pa__task_fn fn;
  void *user;
  bool ending;
};

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

static void work(pa__pool *pool, size_t worker) {
  for (size_t task; (task = atomic_fetch_add(&pool->next, 1)) < pool->tasks;) pool->fn(pool->user, worker, task);
}

static void wait_for_round(pa__pool *pool, unsigned seen) {
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
  pa__pool *pool = self->pool;
  for (unsigned seen = 0;; seen++) {
    wait_for_round(pool, seen);
    if (pool->ending) return NULL;
    work(pool, self->index);
    atomic_fetch_sub(&pool->working, 1);
  }
}

static void start_round(pa__pool *pool) {
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

pa_status pa__pool_create(pa__pool **out, size_t threads, const pa_allocator *allocator) {
  pa__pool *pool = NULL;
  pa_status status = pa__handle_create(&pool, sizeof *pool, allocator);
  if (status != PA_OK) return status;
  pool->threads = threads;
  pool->workers = pa__allocate(&pool->allocator, threads, sizeof *pool->workers);
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  if (!pool->workers) {
    pa__pool_free(pool);
    return PA_ERROR_MEMORY;
  }
  for (size_t k = 1; k < threads; k++) {
    pool->workers[k] = (struct worker){.pool = pool, .index = k};
    if (start_thread(&pool->workers[k]) != 0) {
      pa__pool_free(pool);
      return pa__fail(PA_ERROR_MEMORY, "thread %zu of %zu could not be started", k + 1, threads);
    }
    pool->started++;
  }
  *out = pool;
  return PA_OK;
}

void pa__pool_free(pa__pool *pool) {
  if (!pool) return;
  pool->ending = true;
  start_round(pool);
  for (size_t k = 1; k <= pool->started; k++) pthread_join(pool->workers[k].thread, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  pa_allocator allocator = pool->allocator;
  pa__release(&allocator, pool->workers);
  pa__release(&allocator, pool);
}

void pa__pool_run(pa__pool *pool, size_t tasks, pa__task_fn fn, void *user) {
  pool->tasks = tasks;
  pool->fn = fn;
  pool->user = user;
  atomic_store(&pool->next, 0);
  atomic_store(&pool->working, pool->started);
  if (pool->started) start_round(pool);
  work(pool, 0);
  while (atomic_load(&pool->working) > 0) pause_briefly();
}
