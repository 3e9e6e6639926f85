/* The interference that a cut-off leaves out, by a tree over the transmitters: groups far from one another, for their
 * size, count as if they stood in their middles. */
#include "../la/la.h"
#include "network.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LEAF = 16, BUFFER = 256 };

/* Groups whose sizes add up to less than this part of their distance are far. */
#define OPENING 1.

/* Points and the sum of their weights. */
struct group {
  double low[2], high[2], middle[2], weight;
};

/* A heap: node k has the children 2 k and 2 k + 1, the leaves are rows LEAF (k - leaves), .... */
struct tree {
  size_t leaves;
  struct group *group;
  double *transmitter, *receiver, *limit; /* by rows: [links][2], [links][2], [links]; limit 0: absent */
};

/* What a walk needs. */
struct walk {
  const struct tree *tree;
  size_t links;
  const pa__la *la;
  double cutoff, nearest, exponent;
  struct group here; /* a leaf of receivers, rows first, ..., first + count - 1 */
  size_t first, count;
  double mean, most; /* of what is far from all of them */
  double near[LEAF]; /* of the rest, of each */
  double squared[BUFFER], weight[BUFFER];
  uint8_t owner[BUFFER];
  size_t waiting;
};

static void extend(struct group *g, const double at[2], double weight) {
  for (int axis = 0; axis < 2; axis++) {
    g->low[axis] = fmin(g->low[axis], at[axis]);
    g->high[axis] = fmax(g->high[axis], at[axis]);
    g->middle[axis] += weight * at[axis];
  }
  g->weight += weight;
}

static const struct group empty = {.low = {DBL_MAX, DBL_MAX}, .high = {-DBL_MAX, -DBL_MAX}};

static void settle(struct group *g) {
  for (int axis = 0; axis < 2; axis++) g->middle[axis] /= g->weight;
}

static void join(struct group *g, const struct group *part) {
  if (part->weight == 0) return;
  for (int axis = 0; axis < 2; axis++) {
    g->low[axis] = fmin(g->low[axis], part->low[axis]);
    g->high[axis] = fmax(g->high[axis], part->high[axis]);
    g->middle[axis] += part->weight * part->middle[axis];
  }
  g->weight += part->weight;
}

/* Transmitters, weighted by their power limits. */
static pa_status tree_create(struct tree *t, const pa_network *n) {
  for (t->leaves = 1; t->leaves * LEAF < n->links;) t->leaves *= 2;
  t->group = pa__allocate(&n->allocator, 2 * t->leaves, sizeof *t->group);
  t->transmitter = pa__allocate(&n->allocator, n->links, 5 * sizeof(double));
  if (!t->group || !t->transmitter) return PA_ERROR_MEMORY;
  t->receiver = t->transmitter + 2 * n->links;
  t->limit = t->receiver + 2 * n->links;
  for (size_t row = 0; row < n->links; row++) {
    size_t i = pa__graph_link(n->graph, row);
    memcpy(t->transmitter + 2 * row, n->transmitter_at + 2 * i, 2 * sizeof(double));
    memcpy(t->receiver + 2 * row, n->receiver_at + 2 * i, 2 * sizeof(double));
    t->limit[row] = isnan(n->transmitter_at[2 * i]) ? 0 : n->limit[i];
  }
  for (size_t k = 2 * t->leaves; k-- > 1;) {
    struct group *g = &t->group[k];
    *g = empty;
    if (k < t->leaves) {
      join(g, &t->group[2 * k]);
      join(g, &t->group[2 * k + 1]);
    } else {
      for (size_t row = (k - t->leaves) * LEAF; row < n->links && row < (k - t->leaves + 1) * LEAF; row++)
        if (t->limit[row] > 0) extend(g, t->transmitter + 2 * row, t->limit[row]);
    }
    if (g->weight > 0) settle(g);
  }
  return PA_OK;
}

static void tree_free(struct tree *t, const pa_allocator *allocator) {
  pa__release(allocator, t->group);
  pa__release(allocator, t->transmitter);
}

static double gap(const struct group *a, const struct group *b) {
  double x = fmax(fmax(a->low[0] - b->high[0], b->low[0] - a->high[0]), 0),
         y = fmax(fmax(a->low[1] - b->high[1], b->low[1] - a->high[1]), 0);
  return hypot(x, y);
}

static double size_of(const struct group *g) { return hypot(g->high[0] - g->low[0], g->high[1] - g->low[1]); }

/* Mean power gain at a squared distance, but for the fading. */
static double gain_at(const struct walk *w, double squared) {
  return pow(fmax(squared, w->nearest * w->nearest), -w->exponent);
}

static void flush(struct walk *w) {
  for (size_t k = w->waiting; k < BUFFER; k++) w->squared[k] = 1;
  w->la->log(BUFFER, w->squared, w->squared);
  for (size_t k = 0; k < BUFFER; k++) w->squared[k] *= -w->exponent;
  w->la->exp(BUFFER, w->squared, w->squared);
  for (size_t k = 0; k < w->waiting; k++) w->near[w->owner[k]] += w->weight[k] * w->squared[k];
  w->waiting = 0;
}

/* Each transmitter of a leaf at each receiver, one by one. */
static void pairs(struct walk *w, size_t leaf) {
  const struct tree *t = w->tree;
  for (size_t row = leaf * LEAF; row < w->links && row < (leaf + 1) * LEAF; row++)
    for (size_t k = 0; k < w->count && t->limit[row] > 0; k++) {
      double squared = pa__squared_distance(t->transmitter + 2 * row, t->receiver + 2 * (w->first + k));
      if (row == w->first + k || t->limit[w->first + k] == 0 || squared <= w->cutoff * w->cutoff) continue;
      w->squared[w->waiting] = fmax(squared, w->nearest * w->nearest);
      w->weight[w->waiting] = t->limit[row];
      w->owner[w->waiting] = (uint8_t)k;
      if (++w->waiting == BUFFER) flush(w);
    }
}

static void walk(struct walk *w, size_t node) {
  const struct group *g = &w->tree->group[node];
  if (g->weight == 0) return;
  double distance = gap(g, &w->here);
  bool far = distance > w->cutoff && size_of(g) + size_of(&w->here) < OPENING * distance;
  if (far) {
    w->mean += g->weight * gain_at(w, pa__squared_distance(g->middle, w->here.middle));
    w->most += g->weight * gain_at(w, distance * distance);
  } else if (node < w->tree->leaves) {
    walk(w, 2 * node);
    walk(w, 2 * node + 1);
  } else {
    pairs(w, node - w->tree->leaves);
  }
}

pa_status pa_network_left_out(const pa_network *n, double *mean, double *most) {
  if (!n || !mean) return pa__fail(PA_ERROR_ARGUMENT, "%s is NULL", n ? "mean" : "network");
  if (!n->graph || !n->transmitter_at)
    return pa__fail(PA_ERROR_ARGUMENT, "the network has no cut-off, which leaves something out");
  struct tree tree = {0};
  if (tree_create(&tree, n) != PA_OK) {
    tree_free(&tree, &n->allocator);
    return PA_ERROR_MEMORY;
  }
  double fading = PA__VALUE(n, PA_NETWORK_FADING) != 0 ? 2 : 1;
  struct walk w = {.tree = &tree,
                   .links = n->links,
                   .la = pa__la_best(),
                   .cutoff = PA__VALUE(n, PA_NETWORK_CUTOFF),
                   .nearest = PA__VALUE(n, PA_NETWORK_MIN_DISTANCE),
                   .exponent = PA__VALUE(n, PA_NETWORK_PATH_LOSS_EXPONENT)};
  for (w.first = 0; w.first < n->links; w.first += LEAF) {
    w.count = n->links - w.first < LEAF ? n->links - w.first : LEAF;
    w.here = empty;
    w.mean = w.most = 0;
    for (size_t k = 0; k < w.count; k++) {
      w.near[k] = 0;
      if (tree.limit[w.first + k] > 0) extend(&w.here, tree.receiver + 2 * (w.first + k), 1);
    }
    if (w.here.weight > 0) {
      settle(&w.here);
      walk(&w, 1);
      flush(&w);
    }
    for (size_t k = 0; k < w.count; k++) {
      size_t j = pa__graph_link(n->graph, w.first + k);
      double part = tree.limit[w.first + k] > 0 ? fading : 0;
      mean[j] = part * (w.near[k] + w.mean);
      if (most) most[j] = part * (w.near[k] + w.most);
    }
  }
  tree_free(&tree, &n->allocator);
  return PA_OK;
}
