/* Parts of a network: the handle, and what the ranks of a call agree on. */
#include "halo.h"

#include <string.h>

/* ---- the handle ---- */

static pa_status check_border(const char *name, size_t neighbours, const size_t *first, size_t most) {
  if (!first) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", name);
  if (first[0] != 0) return pa__fail(PA_ERROR_ARGUMENT, "%s[0] is %zu, must be 0", name, first[0]);
  for (size_t k = 0; k < neighbours; k++)
    if (first[k + 1] < first[k])
      return pa__fail(PA_ERROR_ARGUMENT, "%s[%zu] is %zu, less than %zu before it", name, k + 1, first[k + 1],
                      first[k]);
  if (first[neighbours] > most)
    return pa__fail(PA_ERROR_ARGUMENT, "%s[%zu] is %zu, must be at most %zu", name, neighbours, first[neighbours],
                    most);
  return PA_OK;
}

static pa_status check_shared(const int32_t *shared, size_t count, size_t owned) {
  if (!shared && count > 0) return pa__fail(PA_ERROR_ARGUMENT, "shared is NULL");
  for (size_t k = 0; k < count; k++)
    if (shared[k] < 0 || (size_t)shared[k] >= owned)
      return pa__fail(PA_ERROR_ARGUMENT, "shared[%zu] is %d, must be one of the %zu links owned", k, (int)shared[k],
                      owned);
  return PA_OK;
}

/* The owned nodes of the graph; rows of the others must be empty. */
static pa_status find_owned(pa_halo *h) {
  const pa__pattern *p = &h->graph->pattern;
  size_t seen = 0;
  for (size_t k = 0; k < p->links; k++) {
    bool own = pa__graph_link(h->graph, k) < h->owned;
    if (own && seen++ == 0) h->nodes.begin = k;
    if (own && k != h->nodes.begin + seen - 1)
      return pa__fail(PA_ERROR_ARGUMENT, "the owned links do not stand together in the graph: row %zu is one of them",
                      k);
    if (!own && p->end[k] > p->offset[k])
      return pa__fail(PA_ERROR_ARGUMENT, "link %zu has edges, but is not owned", pa__graph_link(h->graph, k));
  }
  h->nodes.end = h->nodes.begin + seen;
  return PA_OK;
}

static bool take_border(pa_halo *h, pa__border *border, const size_t *first) {
  size_t count = first[h->nodes.neighbours];
  border->first = pa__allocate(&h->allocator, h->nodes.neighbours + 1, sizeof *border->first);
  border->node = pa__allocate(&h->allocator, count, sizeof *border->node);
  border->link = pa__allocate(&h->allocator, count, sizeof *border->link);
  if (!border->first || !border->node || !border->link) return false;
  memcpy(border->first, first, (h->nodes.neighbours + 1) * sizeof *first);
  return true;
}

/* Nodes of the borders, whose links are known. */
static pa_status find_nodes(pa_halo *h) {
  const pa__pattern *p = &h->graph->pattern;
  size_t most = 0;
  int32_t *node = pa__allocate(&h->allocator, p->links, sizeof *node);
  if (!node) return PA_ERROR_MEMORY;
  for (size_t k = 0; k < p->links; k++) node[pa__graph_link(h->graph, k)] = (int32_t)k;
  pa__border *borders[] = {&h->nodes.shared, &h->nodes.ghosts};
  for (int b = 0; b < 2; b++) {
    size_t count = borders[b]->first[h->nodes.neighbours];
    for (size_t k = 0; k < count; k++) borders[b]->node[k] = node[borders[b]->link[k]];
    most = count > most ? count : most;
  }
  pa__release(&h->allocator, node);
  h->nodes.send = pa__allocate(&h->allocator, most, PA__HALO_COLUMNS * sizeof(double));
  h->nodes.receive = pa__allocate(&h->allocator, most, PA__HALO_COLUMNS * sizeof(double));
  return h->nodes.send && h->nodes.receive ? PA_OK : PA_ERROR_MEMORY;
}

pa_status pa_halo_create(pa_halo **out, const pa_graph *graph, size_t owned, uint64_t first, size_t neighbours,
                         const size_t *shared_first, const int32_t *shared, const size_t *ghost_first,
                         pa_exchange_fn exchange, pa_sum_fn sum, void *user, pa_free_fn free_user,
                         const pa_allocator *allocator) {
  if (!graph) return pa__fail(PA_ERROR_ARGUMENT, "graph is NULL");
  if (graph->end) return pa__fail(PA_ERROR_ARGUMENT, "the graph is of a network that can change it");
  if (!exchange || !sum) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", exchange ? "sum" : "exchange");
  size_t links = graph->pattern.links;
  if (owned > links) return pa__fail(PA_ERROR_ARGUMENT, "owned is %zu, the graph has %zu links", owned, links);
  pa_halo *h = NULL;
  pa_status status = check_border("ghost_first", neighbours, ghost_first, links - owned);
  if (status == PA_OK) status = check_border("shared_first", neighbours, shared_first, SIZE_MAX);
  if (status == PA_OK) status = check_shared(shared, shared_first[neighbours], owned);
  if (status == PA_OK) status = pa__handle_create(out ? (void *)&h : NULL, sizeof *h, allocator);
  if (status != PA_OK) return status;
  h->holders = 1;
  h->graph = pa__graph_hold(graph);
  h->owned = owned;
  h->nodes.first = first;
  h->nodes.neighbours = neighbours;
  h->nodes.exchange = exchange;
  h->nodes.sum = sum;
  h->nodes.user = user;
  if ((status = find_owned(h)) != PA_OK) goto fail;
  if (!take_border(h, &h->nodes.shared, shared_first) || !take_border(h, &h->nodes.ghosts, ghost_first)) {
    status = PA_ERROR_MEMORY;
    goto fail;
  }
  for (size_t k = 0; k < shared_first[neighbours]; k++) h->nodes.shared.link[k] = shared[k];
  for (size_t k = 0; k < ghost_first[neighbours]; k++) h->nodes.ghosts.link[k] = (int32_t)(owned + k);
  if ((status = find_nodes(h)) != PA_OK) goto fail;
  h->free_user = free_user;
  *out = h;
  return PA_OK;
fail:
  pa_halo_free(h);
  return status;
}

pa_halo *pa__halo_hold(pa_halo *halo) {
  if (halo) halo->holders++;
  return halo;
}

void pa_halo_free(pa_halo *halo) {
  if (!halo || --halo->holders > 0) return;
  pa_allocator allocator = halo->allocator;
  pa__border *borders[] = {&halo->nodes.shared, &halo->nodes.ghosts};
  for (int b = 0; b < 2; b++) {
    pa__release(&allocator, borders[b]->first);
    pa__release(&allocator, borders[b]->node);
    pa__release(&allocator, borders[b]->link);
  }
  pa__release(&allocator, halo->nodes.send);
  pa__release(&allocator, halo->nodes.receive);
  pa__graph_release(halo->graph);
  if (halo->free_user) halo->free_user(halo->nodes.user);
  pa__release(&allocator, halo);
}

size_t pa_halo_owned(const pa_halo *halo) { return halo ? halo->owned : 0; }

uint64_t pa_halo_first(const pa_halo *halo) { return halo ? halo->nodes.first : 0; }

/* ---- agreement ---- */

/* Ranks in a status -1, ..., -8 of their own; then ranks, and the sums of two halves of the call's number and of their
 * squares, which tell whether all are the same. */
enum { WORST = -PA_ERROR_STATE, RANKS = WORST, CALL, SQUARES = CALL + 2, NUMBERS = SQUARES + 2 };

static pa_status worst_of(const double *ranks, pa_status own) {
  pa_status worst = PA_OK;
  for (int k = 0; k < WORST; k++)
    if (ranks[k] > 0) worst = -1 - k;
  if (worst == PA_OK || own != PA_OK) return worst;
  return pa__fail(worst, "another rank failed with %s: its own message says why", pa_status_name(worst));
}

/* Cauchy and Schwarz: ranks sum x^2 = (sum x)^2 if and only if all x are the same. Whole numbers below 2^16, exact. */
static bool same_call(const double *numbers) {
  for (int half = 0; half < 2; half++) {
    uint64_t sum = (uint64_t)numbers[CALL + half];
    if ((uint64_t)numbers[RANKS] * (uint64_t)numbers[SQUARES + half] != sum * sum) return false;
  }
  return true;
}

static pa_status agree(pa_halo *halo, pa_status status, uint32_t call) {
  double numbers[NUMBERS] = {[RANKS] = 1};
  if (halo->nodes.failed && status == PA_OK)
    status = pa__fail(PA_ERROR_CALLBACK, "the numbers of the ranks could not be exchanged");
  if (status != PA_OK) numbers[-1 - status] = 1;
  for (int half = 0; half < 2; half++) {
    double x = half ? call >> 16 : call & 0xffff;
    numbers[CALL + half] = x;
    numbers[SQUARES + half] = x * x;
  }
  if (halo->nodes.sum(halo->nodes.user, numbers, NUMBERS) != PA_CALLBACK_OK)
    return status != PA_OK ? status : pa__fail(PA_ERROR_CALLBACK, "the sums of the ranks could not be made");
  pa_status worst = worst_of(numbers, status);
  if (worst != PA_OK || same_call(numbers)) return worst;
  return pa__fail(PA_ERROR_STATE,
                  "the ranks do not make the same call: policy, keys, batch and precision must be the same");
}

pa_status pa__halo_open(pa_halo *halo, pa_status status, uint32_t call) {
  halo->nodes.failed = false;
  return agree(halo, status, call);
}

pa_status pa__halo_close(pa_halo *halo, pa_status status) { return agree(halo, status, 0); }

uint32_t pa__halo_call(uint32_t call, const void *bytes, size_t count) {
  const unsigned char *byte = bytes;
  for (size_t k = 0; k < count; k++) call = (call ^ byte[k]) * 16777619u;
  return call;
}

pa_status pa_halo_refresh(pa_halo *halo, double *x, size_t numbers) {
  if (!halo) return pa__fail(PA_ERROR_ARGUMENT, "halo is NULL");
  pa_status status = PA_OK;
  if (!x || numbers == 0)
    status = pa__fail(PA_ERROR_ARGUMENT, "%s", x ? "numbers is 0, must be at least 1" : "x is NULL");
  status = pa__halo_open(halo, status, pa__halo_call(1, &numbers, sizeof numbers));
  if (status != PA_OK) return status;
  for (size_t c = 0; c < numbers; c += PA__HALO_COLUMNS)
    pa__halo_refresh_links(&halo->nodes,
                           (pa__numbers){.at = x + c,
                                         .bytes = sizeof *x,
                                         .columns = numbers - c < PA__HALO_COLUMNS ? numbers - c : PA__HALO_COLUMNS,
                                         .step = numbers,
                                         .stride = 1});
  return pa__halo_close(halo, PA_OK);
}
