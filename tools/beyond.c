#include "beyond.h"

#include "command.h"
#include "report.h"
#include "source.h"

#include <math.h>
#include <stdlib.h>

beyond beyond_of(const pa_network *network, double unit) {
  beyond b = {NAN, NAN};
  double cutoff;
  if (pa_network_get(network, PA_NETWORK_CUTOFF, &cutoff) != PA_OK) return b;
  size_t links = pa_network_links(network);
  double *mean = need(links, sizeof *mean), *most = need(links, sizeof *most);
  must(pa_network_left_out(network, mean, most));
  b = (beyond){0, 0};
  for (size_t j = 0; j < links; j++) {
    b.mean += mean[j] / unit / (double)links;
    b.most = fmax(b.most, most[j] / unit);
  }
  free(mean);
  free(most);
  return b;
}

beyond beyond_over(const beyond *all, size_t count) {
  beyond over = {0, 0};
  for (size_t k = 0; k < count; k++) {
    over.mean += all[k].mean / (double)count;
    over.most = fmax(over.most, all[k].most);
  }
  return over;
}

const char *beyond_text(beyond b) {
  return text_of("beyond the cut-off: %.3g times the noise (at most %.3g) at full power; %s counts", b.mean, b.most,
                 source.remainder > 0 ? text_of("%g of it", source.remainder) : "none of it");
}

void beyond_add_json(cJSON *json, const char *name, beyond b) {
  if (isnan(b.mean)) return;
  cJSON *left_out = cJSON_AddObjectToObject(json, name);
  cJSON_AddNumberToObject(left_out, "mean", b.mean);
  cJSON_AddNumberToObject(left_out, "most", b.most);
}
