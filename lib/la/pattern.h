/* Who hears whom: the structure of a sparse matrix of channels. */
#ifndef POWALLOC_LIB_PATTERN_H
#define POWALLOC_LIB_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of which it is known together which segments their receivers are in; most segments there are. */
enum { PA__PATTERN_ROWS = 256, PA__PATTERN_SEGMENTS = 64 };

typedef struct pa__pattern {
  size_t links, edges;
  size_t slots;            /* numbers in a sample's channels: the edges, and what gaps there are between rows */
  size_t absent;           /* links that have left: their rows are empty, and no row has them */
  const int64_t *offset;   /* [links]: the channels of transmitter i are offset[i], ..., */
  const int64_t *end;      /* [links]: end[i] - 1, */
  const int32_t *receiver; /* [slots]: to these links, ascending in each row; -1 in gaps */
  int32_t *own;            /* [links]: place of the direct channel in its row; the row's length if it has none */
  int32_t *link;           /* [links]: the caller's link of each row and column; NULL: the same */
  size_t segment;          /* nodes of a segment, of which threads each take some; a multiple of every vector's width */
  uint64_t *reach;         /* [ceil(links / PA__PATTERN_ROWS)]: bit s: these rows have receivers in segment s */
} pa__pattern;

/* Edge of link i's direct channel, or the end of its row. */
static inline size_t pa__pattern_own(const pa__pattern *pattern, size_t i) {
  return (size_t)pattern->offset[i] + (size_t)pattern->own[i];
}

/* A row of a link that has left; of no other graph than one whose links may leave are empty rows such. */
static inline bool pa__pattern_absent(const pa__pattern *pattern, size_t row) {
  return pattern->absent > 0 && pattern->offset[row] == pattern->end[row];
}

#endif
