/* Who hears whom: the structure of a sparse matrix of channels. */
#ifndef POWALLOC_LIB_PATTERN_H
#define POWALLOC_LIB_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* Rows whose receivers are bounded together. */
enum { PA__PATTERN_ROWS = 256 };

typedef struct pa__pattern {
  size_t links, edges;
  const int64_t *offset;   /* [links + 1]: the channels of transmitter i are offset[i], ..., offset[i + 1] - 1, */
  const int32_t *receiver; /* [edges]: to these links, ascending in each row */
  int32_t *own;            /* [links]: place of the direct channel in its row; the row's length if it has none */
  int32_t *link;           /* [links]: the caller's link of each row and column; NULL: the same */
  struct {
    int32_t first, last;
  } * block; /* [ceil(links / PA__PATTERN_ROWS)]: receivers of PA__PATTERN_ROWS rows lie in first, ..., last */
} pa__pattern;

/* Edge of link i's direct channel, or the end of its row. */
static inline size_t pa__pattern_own(const pa__pattern *pattern, size_t i) {
  return (size_t)pattern->offset[i] + (size_t)pattern->own[i];
}

#endif
