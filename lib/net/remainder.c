/* The remainder: of what a cut-off leaves out, the part that counts as noise. It is kept, since every transmitter
 * counts at every receiver: finding it takes longer than a draw. */
#include "network.h"

pa_status pa__remainder_find(pa_network *n) {
  n->left_out = n->heard = NULL;
  if (PA__VALUE(n, PA_NETWORK_REMAINDER) == 0) return PA_OK;
  double *memory = pa__allocate(&n->allocator, n->links, 2 * sizeof(double));
  pa_status status = memory ? pa_network_left_out(n, memory, NULL) : PA_ERROR_MEMORY;
  if (status != PA_OK) {
    pa__release(&n->allocator, memory);
    return status;
  }
  n->left_out = memory;
  n->heard = memory + n->links;
  n->left_out_version = n->graph->version;
  pa__remainder_add(n);
  return PA_OK;
}

pa_status pa__remainder_renew(pa_network *n) {
  double *old = n->left_out, *heard = n->heard;
  pa_status status = pa__remainder_find(n);
  if (status == PA_OK) {
    pa__release(&n->allocator, old);
  } else {
    n->left_out = old;
    n->heard = heard;
  }
  return status;
}

void pa__remainder_add(pa_network *n) {
  for (size_t j = 0; n->left_out && j < n->links; j++)
    n->heard[j] = n->noise[j] + PA__VALUE(n, PA_NETWORK_REMAINDER) * n->left_out[j];
}

pa_status pa__remainder_check(const pa_network *n) {
  if (!n->left_out || n->left_out_version == n->graph->version) return PA_OK;
  return pa__fail(PA_ERROR_STATE, "links have joined, left or moved since the remainder was found: set %s again",
                  pa_key_name(PA_NETWORK_REMAINDER));
}
