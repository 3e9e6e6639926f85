/* Allocation by several threads, or processes: parts of the batch, or the rows of a large sample. */
#include "../la/la.h"
#include "policy.h"

#include <string.h>

size_t pa__parallel_samples(size_t links) { return links <= PA__SMALL ? 16 : 1; }

/* Collective calls are made sample by sample. */
static size_t part_count(const pa_policy *policy, const pa__extent *e, const pa_pool *pool) {
  size_t samples = pa__parallel_samples(e->links);
  return policy->class->whole || e->part || !pool ? 1 : (e->batch + samples - 1) / samples;
}

/* Threads that take parts, each in a workspace of its own; those that share the rows of a sample work in one. */
static size_t part_takers(size_t parts, const pa_pool *pool) { return parts > 1 ? pa_pool_threads(pool) : 1; }

static pa_status workspace(const pa_policy *policy, pa__extent e, const pa_pool *pool, size_t *bytes) {
  if (!policy || !bytes) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", policy ? "bytes" : "policy");
  size_t alone, staging = pa__policy_staging(&e);
  size_t takers = part_takers(part_count(policy, &e, pool), pool);
  if (takers > 1) e.batch = pa__parallel_samples(e.links);
  pa_status status = pa__policy_workspace(policy, e, &alone);
  if (status != PA_OK) return status;
  alone = (alone + PA__ALIGNMENT - 1) / PA__ALIGNMENT * PA__ALIGNMENT;
  if (!pa__multiply(alone, takers, &alone) || alone > PTRDIFF_MAX || staging > PTRDIFF_MAX)
    return pa__fail(PA_ERROR_MEMORY, "the workspaces of %zu threads overflow the address space", takers);
  *bytes = staging + alone;
  return PA_OK;
}

pa_status pa_policy_workspace_parallel(const pa_policy *policy, size_t batch, size_t links, const pa_pool *pool,
                                       size_t *bytes) {
  return workspace(policy, pa__extent_dense(batch, links, PA__DOUBLE), pool, bytes);
}

pa_status pa_policy_workspace_parallel_f32(const pa_policy *policy, size_t batch, size_t links, const pa_pool *pool,
                                           size_t *bytes) {
  return workspace(policy, pa__extent_dense(batch, links, PA__SINGLE), pool, bytes);
}

pa_status pa_policy_workspace_states(const pa_policy *policy, const pa_states *states, const pa_pool *pool,
                                     size_t *bytes) {
  if (!states) return pa__fail(PA_ERROR_ARGUMENT, "states is NULL");
  if (states->parts) return pa__mixed_workspace(policy, states, pool, bytes);
  return workspace(policy, pa__extent_of(states), pool, bytes);
}

struct job {
  const pa_policy *policy;
  const pa_states *states;
  char *power, *work;
  size_t number;          /* bytes of one of power */
  size_t bytes;           /* of a worker */
  _Atomic(size_t) failed; /* a part that did, or SIZE_MAX */
};

static pa_status allocate_part(struct job *job, size_t worker, size_t part) {
  size_t samples = pa__parallel_samples(job->states->links);
  struct pa_states states = pa__states_part(job->states, part * samples, samples);
  return pa__policy_run(job->policy, &states, job->power + part * samples * states.links * job->number,
                        job->work + worker * job->bytes);
}

static void part_task(void *user, size_t worker, size_t part) {
  struct job *job = user;
  if (job->failed == SIZE_MAX && allocate_part(job, worker, part) != PA_OK) job->failed = part;
}

/* What failed is told from this thread: a channel by its number in the batch, anything else by its part. */
static pa_status allocate_parts(struct job *job, pa_pool *pool, size_t parts) {
  pa_status status = pa__pool_run(pool, parts, part_task, job);
  if (status != PA_OK || job->failed == SIZE_MAX) return status;
  status = pa__states_check_any(job->states);
  return status == PA_OK ? allocate_part(job, 0, job->failed) : status;
}

/* With how the checks of the arguments went. */
static pa_status allocate(const pa_policy *policy, const pa_states *states, pa_status status, void *power,
                          size_t number, pa_pool *pool, void *work, size_t bytes) {
  size_t needed = 0, staging = 0, parts = 0;
  char *own = NULL, *staged = work;
  if (status == PA_OK) {
    pa__extent extent = pa__extent_of(states);
    staging = pa__policy_staging(&extent);
    parts = part_count(policy, &extent, pool);
    status = workspace(policy, extent, pool, &needed);
  }
  if (status == PA_OK) status = pa__work_check(work, bytes, needed);
  if (status == PA_OK && !work && !(staged = own = pa__allocate(&policy->allocator, needed, 1)))
    status = PA_ERROR_MEMORY;
  if ((status = pa__policy_open(policy, states, status)) != PA_OK) goto done;
  struct pa_states seen = *states;
  struct job job = {.policy = policy,
                    .states = &seen,
                    .power = staged,
                    .work = staged + staging,
                    .number = number,
                    .bytes = (needed - staging) / part_takers(parts, pool),
                    .failed = SIZE_MAX};
  if (parts > 1) {
    status = allocate_parts(&job, pool, parts);
  } else {
    seen.pool = pool;
    status = pa__policy_run(policy, &seen, staged, job.work);
  }
  if (pool && status == PA_OK) status = pa__pool_fault(pool);
  status = pa__policy_close(states, status, staged);
  if (status == PA_OK) memcpy(power, staged, states->batch * states->links * number);
done:
  if (own) pa__release(&policy->allocator, own);
  return status;
}

pa_status pa_policy_allocate_part(const pa_policy *policy, const pa_states *states, size_t first, size_t count,
                                  double *power) {
  pa_status status = pa__states_check_one(states);
  if (status != PA_OK) return status;
  if (states->halo)
    return pa__fail(PA_ERROR_ARGUMENT, "the states are a part of a network, with a halo: pa_policy_allocate() takes them");
  if (count == 0 || first >= states->batch || count > states->batch - first)
    return pa__fail(PA_ERROR_ARGUMENT, "there are no %zu samples from number %zu on in a batch of %zu", count, first,
                    states->batch);
  struct pa_states part = pa__states_part(states, first, count);
  return pa_policy_allocate(policy, &part, power, NULL, 0);
}

pa_status pa_policy_allocate_parallel(const pa_policy *policy, const pa_states *states, double *power, pa_pool *pool,
                                      void *work, size_t bytes) {
  pa_status status = pa__policy_call_check(policy, states, PA__DOUBLE, power);
  if (status == PA_OK && states->parts) return pa__mixed_allocate(policy, states, power, pool, work, bytes);
  return allocate(policy, states, status, power, sizeof *power, pool, work, bytes);
}

pa_status pa_policy_allocate_parallel_f32(const pa_policy *policy, const pa_states *states, float *power, pa_pool *pool,
                                          void *work, size_t bytes) {
  pa_status status = pa__policy_call_check(policy, states, PA__SINGLE, power);
  if (status == PA_OK && states->parts) return pa__mixed_allocate(policy, states, power, pool, work, bytes);
  return allocate(policy, states, status, power, sizeof *power, pool, work, bytes);
}
