/* Links that join, leave and move. */
#include "change.h"

static pa_status check_change(const pa_network *n) {
  if (!n) return pa__fail(PA_ERROR_ARGUMENT, "network is NULL");
  if (n->room) return PA_OK;
  return pa__fail(PA_ERROR_STATE, "the network has no room for changes: see pa_network_reserve()");
}

/* The caller's links into the list. */
static pa_status list_links(struct pa__change *c, size_t count, const int64_t *links) {
  const pa_network *n = c->network;
  struct pa__room *r = n->room;
  if (!links && count > 0) return pa__fail(PA_ERROR_ARGUMENT, "links is NULL");
  pa_status status = PA_OK;
  for (size_t k = 0; k < count && status == PA_OK; k++) {
    if (links[k] < 0 || (uint64_t)links[k] >= n->links)
      status =
          pa__fail(PA_ERROR_ARGUMENT, "links[%zu] is %lld, must be 0 to %zu", k, (long long)links[k], n->links - 1);
    else if (!pa__is_there(n->transmitter_at + 2 * links[k]))
      status = pa__fail(PA_ERROR_ARGUMENT, "links[%zu] is %lld, and there is no such link now", k, (long long)links[k]);
    else if (r->moving[links[k]])
      status = pa__fail(PA_ERROR_ARGUMENT, "links[%zu] is %lld, twice", k, (long long)links[k]);
    if (status != PA_OK) break;
    r->list[c->count++] = (int32_t)links[k];
    r->moving[links[k]] = true;
  }
  c->others = n->links - r->free_count - c->count;
  if (status != PA_OK) pa__change_end(c);
  return status;
}

pa_status pa_network_move(pa_network *network, size_t count, const int64_t *links, const double *transmitters,
                          const double *receivers) {
  pa_status status = check_change(network);
  if (status == PA_OK && !transmitters && !receivers)
    status = pa__fail(PA_ERROR_ARGUMENT, "transmitters and receivers are both NULL");
  if (status == PA_OK && transmitters) status = pa__positions_check("transmitters", transmitters, count);
  if (status == PA_OK && receivers) status = pa__positions_check("receivers", receivers, count);
  struct pa__change c = {.network = network};
  if (status == PA_OK) status = list_links(&c, count, links);
  return status == PA_OK && count > 0 ? pa__change_run(&c, transmitters, receivers) : status;
}

pa_status pa_network_leave(pa_network *network, size_t count, const int64_t *links) {
  pa_status status = check_change(network);
  struct pa__change c = {.network = network};
  if (status == PA_OK) status = list_links(&c, count, links);
  if (status == PA_OK && count > 0) status = pa__change_run(&c, NULL, NULL);
  if (status != PA_OK) return status;
  struct pa__room *r = network->room;
  for (size_t k = count; k-- > 0;) r->free[r->free_count++] = (int32_t)links[k];
  r->graph->pattern.absent = r->free_count;
  return PA_OK;
}

pa_status pa_network_join(pa_network *network, size_t count, const double *transmitters, const double *receivers,
                          int64_t *links) {
  pa_status status = check_change(network);
  if (status != PA_OK || count == 0) return status;
  if (!links) status = pa__fail(PA_ERROR_ARGUMENT, "links is NULL");
  if (status == PA_OK) status = pa__positions_check("transmitters", transmitters, count);
  if (status == PA_OK) status = pa__positions_check("receivers", receivers, count);
  if (status != PA_OK) return status;
  struct pa__room *r = network->room;
  if (count > r->free_count)
    return pa__fail(PA_ERROR_STATE, "there is room for %zu more links, not for %zu: see pa_network_reserve()",
                    r->free_count, count);
  struct pa__change c = {.network = network, .count = count, .others = network->links - r->free_count, .joins = true};
  for (size_t k = 0; k < count; k++) {
    r->list[k] = r->free[r->free_count - 1 - k];
    r->moving[r->list[k]] = true;
  }
  if ((status = pa__change_run(&c, transmitters, receivers)) != PA_OK) return status;
  for (size_t k = 0; k < count; k++) links[k] = r->list[k];
  r->free_count -= count;
  r->graph->pattern.absent = r->free_count;
  return PA_OK;
}

size_t pa_network_present(const pa_network *network) {
  return !network ? 0 : network->room ? network->links - network->room->free_count : network->links;
}
