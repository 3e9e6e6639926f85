/**
 * @file powalloc.h
 * @brief The whole public API of libpowalloc.
 */
#ifndef POWALLOC_POWALLOC_H
#define POWALLOC_POWALLOC_H

#include <powalloc/array.h>
#include <powalloc/base.h>
#include <powalloc/graph.h>
#include <powalloc/halo.h>
#include <powalloc/igcnet.h>
#include <powalloc/mlp.h>
#include <powalloc/model_file.h>
#include <powalloc/network.h>
#include <powalloc/policy.h>
#include <powalloc/pool.h>
#include <powalloc/regnn.h>
#include <powalloc/reward.h>
#include <powalloc/states.h>
#include <powalloc/trainer.h>
#include <powalloc/units.h>
#include <powalloc/uwmmse.h>

#endif
