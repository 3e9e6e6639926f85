/* Allocation on mixed states: the threads share the samples of all parts. The powers are those of each part alone. */
#include "../la/la.h"
#include "policy.h"

#include <string.h>

/* How a call is cut: a task is some samples of a part. Parts that are not cut are computed by themselves, one after the
 * other, with the threads sharing the rows of a large sample. */
struct plan {
  const pa_policy *policy;
  const pa_states *states;
  const pa_pool *pool;
  bool rows;            /* parts of one large sample are not cut */
  size_t tasks, takers; /* threads that take tasks, each in a workspace of its own */
  size_t share;         /* bytes of such a workspace */
  size_t bytes;         /* in all */
};

static bool is_large(const pa_states *part) { return part->batch == 1 && part->links >= PA__SHARED; }

static bool is_cut(const struct plan *p, const pa_states *part) {
  return pa_pool_threads(p->pool) > 1 && !p->policy->class->whole && !(p->rows && is_large(part));
}

static size_t tasks_of(const struct plan *p, const pa_states *part) {
  size_t samples = pa__parallel_samples(part->links);
  return is_cut(p, part) ? (part->batch + samples - 1) / samples : 0;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* Powers before any are given out, the tasks in front of each part's, and the workspace of whoever computes. */
struct memory {
  char *power, *work;
  size_t *first;
};

static struct memory take(const struct plan *p, size_t work, pa__arena *arena) {
  struct memory m;
  m.power = pa__arena_take(arena, pa_states_powers(p->states), pa__number_size(p->states->precision));
  m.first = pa__arena_take(arena, p->states->part_count + 1, sizeof *m.first);
  m.work = pa__arena_take(arena, work, 1);
  return m;
}

/* Adds what a part needs: to the workspaces of those that take tasks, or to the one of parts that are not cut. */
static pa_status add_part(struct plan *p, const pa_states *part, size_t *alone) {
  size_t bytes;
  pa__extent extent = pa__extent_of(part);
  if (is_cut(p, part)) extent.batch = pa__parallel_samples(part->links);
  pa_status status = pa__policy_workspace(p->policy, extent, &bytes);
  if (status != PA_OK) return status;
  bytes = (bytes + PA__ALIGNMENT - 1) / PA__ALIGNMENT * PA__ALIGNMENT;
  *(is_cut(p, part) ? &p->share : alone) = larger(is_cut(p, part) ? p->share : *alone, bytes);
  p->tasks += tasks_of(p, part);
  return PA_OK;
}

/* The rows of large samples are shared where these are too few to keep all threads busy. */
static pa_status make_plan(struct plan *p, const pa_policy *policy, const pa_states *states, const pa_pool *pool) {
  size_t large = 0, alone = 0, shares;
  for (size_t k = 0; k < states->part_count; k++) large += is_large(states->parts[k]);
  *p = (struct plan){.policy = policy, .states = states, .pool = pool, .rows = large < pa_pool_threads(pool)};
  pa_status status = PA_OK;
  for (size_t k = 0; k < states->part_count && status == PA_OK; k++)
    status = pa__states_of_part(states, k, add_part(p, states->parts[k], &alone));
  if (status != PA_OK) return status;
  p->takers = p->tasks > 0 ? pa_pool_threads(pool) : 0;
  pa__arena arena = {NULL, 0};
  take(p, pa__multiply(p->takers, p->share, &shares) ? larger(shares, alone) : SIZE_MAX, &arena);
  p->bytes = arena.used;
  if (arena.used != SIZE_MAX) return PA_OK;
  return pa__fail(PA_ERROR_MEMORY, "the workspace of %zu parts overflows the address space", states->part_count);
}

pa_status pa__mixed_workspace(const pa_policy *policy, const pa_states *states, const pa_pool *pool, size_t *bytes) {
  struct plan plan;
  if (!policy || !bytes) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", policy ? "bytes" : "policy");
  pa_status status = pa__states_check_parts(states);
  if (status == PA_OK) status = make_plan(&plan, policy, states, pool);
  if (status == PA_OK) *bytes = plan.bytes;
  return status;
}

struct job {
  const struct plan *plan;
  pa_pool *pool;
  struct memory memory;
  _Atomic(bool) failed;
};

/* Powers of a part from one of its samples on. */
static char *power_at(const struct job *j, size_t part, size_t sample) {
  const pa_states *states = j->plan->states;
  size_t before = states->powers[part] + sample * states->parts[part]->links;
  return j->memory.power + before * pa__number_size(states->precision);
}

static pa_status run_task(const struct job *j, size_t part, size_t task, void *work) {
  const pa_states *all = j->plan->states->parts[part];
  size_t samples = pa__parallel_samples(all->links);
  struct pa_states some = pa__states_part(all, task * samples, samples);
  return pa__policy_run(j->plan->policy, &some, power_at(j, part, task * samples), work);
}

/* The part whose task it is: the last with no more tasks in front of it. */
static size_t part_of_task(const struct job *j, size_t task) {
  size_t low = 0, high = j->plan->states->part_count;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    *(j->memory.first[middle] <= task ? &low : &high) = middle;
  }
  return low;
}

static void take_task(void *user, size_t worker, size_t task) {
  struct job *j = user;
  if (j->failed) return;
  size_t part = part_of_task(j, task);
  char *work = j->memory.work + worker * j->plan->share;
  if (run_task(j, part, task - j->memory.first[part], work) != PA_OK) j->failed = true;
}

static pa_status run_whole(const struct job *j, size_t part) {
  struct pa_states all = *j->plan->states->parts[part];
  all.pool = j->pool;
  return pa__policy_run(j->plan->policy, &all, power_at(j, part, 0), j->memory.work);
}

/* A part on this thread; a channel is told by its sample of the part, so all are looked at first. */
static pa_status run_again(const struct job *j, size_t part) {
  const pa_states *all = j->plan->states->parts[part];
  if (!is_cut(j->plan, all)) return run_whole(j, part);
  pa_status status = pa__states_check_any(all);
  for (size_t task = 0; task < tasks_of(j->plan, all) && status == PA_OK; task++)
    status = run_task(j, part, task, j->memory.work);
  return status;
}

/* Tells what failed first by the order of the parts, as one thread would. */
static pa_status find_fault(const struct job *j) {
  const pa_states *states = j->plan->states;
  pa_status status = PA_OK;
  for (size_t k = 0; k < states->part_count && status == PA_OK; k++)
    status = pa__states_of_part(states, k, run_again(j, k));
  return status;
}

static pa_status run(struct job *j) {
  const struct plan *p = j->plan;
  const pa_states *states = p->states;
  for (size_t k = 0; k < states->part_count; k++)
    j->memory.first[k + 1] = j->memory.first[k] + tasks_of(p, states->parts[k]);
  pa_status status = p->tasks > 0 ? pa__pool_run(j->pool, p->tasks, take_task, j) : PA_OK;
  if (status != PA_OK) return status;
  if (j->failed) return find_fault(j);
  for (size_t k = 0; k < states->part_count && status == PA_OK; k++)
    if (!is_cut(p, states->parts[k])) status = pa__states_of_part(states, k, run_whole(j, k));
  return status == PA_OK && j->pool ? pa__pool_fault(j->pool) : status;
}

pa_status pa__mixed_allocate(const pa_policy *policy, const pa_states *states, void *power, pa_pool *pool, void *work,
                             size_t bytes) {
  struct plan plan;
  void *own = NULL;
  pa_status status = make_plan(&plan, policy, states, pool);
  if (status == PA_OK) status = pa__work_check(work, bytes, plan.bytes);
  if (status == PA_OK && !work && !(work = own = pa__allocate(&policy->allocator, plan.bytes, 1)))
    status = PA_ERROR_MEMORY;
  if (status != PA_OK) return status;
  pa__arena arena = {work, 0};
  struct job job = {.plan = &plan, .pool = pool, .memory = take(&plan, 0, &arena)};
  job.memory.first[0] = 0;
  status = run(&job);
  if (status == PA_OK) memcpy(power, job.memory.power, pa_states_powers(states) * pa__number_size(states->precision));
  pa__release(&policy->allocator, own);
  return status;
}
