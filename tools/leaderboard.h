/* Policies ranked on scenes: a table on the terminal, JSON, CSV, a picture. */
#ifndef POWALLOC_TOOLS_LEADERBOARD_H
#define POWALLOC_TOOLS_LEADERBOARD_H

#include "policies.h"
#include "scene.h"
#include "score.h"

#include <cjson/cJSON.h>

typedef struct leaderboard {
  const named_policy *policies;
  const scene *scenes;
  size_t policy_count, scene_count;
  size_t baseline; /* the policy that the others are compared with */
  score *scores;   /* [scene][policy] */
} leaderboard;

/* Writes the sizes in order of appearance to sizes [scene_count], returns how many. */
size_t leaderboard_sizes(const leaderboard *b, size_t *sizes);
/* A policy over the scenes of a size; networks: how many, may be NULL. */
score leaderboard_over(const leaderboard *b, size_t links, size_t policy, size_t *networks);
/* Short names for table and picture, no two the same. */
const char *const *leaderboard_labels(const leaderboard *b);

/* Of one scene: a row a policy. */
void leaderboard_print_one(const leaderboard *b);
/* Rows grouped by size, over networks and beside the baseline. */
void leaderboard_print(const leaderboard *b);
cJSON *leaderboard_json(const leaderboard *b);
/* A row for each network, size and policy; the caller frees it. */
char *leaderboard_csv(const leaderboard *b);
/* Ratios to the baseline: dots for one size, lines over sizes. */
void leaderboard_plot(const leaderboard *b, const char *path);

#endif
