/* SPDX-License-Identifier: MIT
 * The page of all regions. Called by cmd_top.c and top_keys.c. */
#ifndef TOOLS_TOP_TOP_REGIONS_H
#define TOOLS_TOP_TOP_REGIONS_H

#include <stdint.h>
#include <stele/stele.h>
#include "tools/top/top_list.h"
#include "tools/top/top_sample.h"

struct place;

struct regions_page {
	struct top_region *regions; /* in the order of names */
	size_t count;
	char turn[STELE_NAME_MAX + 1]; /* where the next update of regions off the screen begins */
	struct list list;
};

/* Returns true if the update must end early, because a key or a signal is waiting. */
typedef bool regions_wanted_fn(void *context);

/* Updates the list of regions, samples those on the screen, and samples a share of the others in
 * turn. `interval` is the time between two updates, in nanoseconds. Stops early if `wanted` returns
 * true. */
void regions_sample(struct regions_page *page, const struct place *place, int64_t interval,
                    regions_wanted_fn *wanted, void *context);
/* Filters and sorts the list. */
void regions_arrange(struct regions_page *page);
void regions_draw(struct regions_page *page);
void regions_move(struct regions_page *page, long by);
void regions_sort_next(struct regions_page *page);
/* Returns the name of the selected region, or NULL. */
const char *regions_selected(const struct regions_page *page);
void regions_free(struct regions_page *page);

#endif
