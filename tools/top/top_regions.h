/* SPDX-License-Identifier: MIT
 * The page of all regions. cmd_top.c and top_keys.c call it. */
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
	char turn[STELE_NAME_MAX + 1]; /* at which region the next look at the others begins */
	struct list list;
};

/* True once the look is to end where it is: a key, or a signal, waits. */
typedef bool regions_wanted_fn(void *context);

/* Looks at the regions of the machine, or of --directory, which happens each `interval`
 * nanoseconds: at those on the screen, and at others in turn. */
void regions_sample(struct regions_page *page, const struct place *place, int64_t interval,
                    regions_wanted_fn *wanted, void *context);
void regions_arrange(struct regions_page *page);
void regions_draw(struct regions_page *page);
void regions_move(struct regions_page *page, long by);
void regions_sort_next(struct regions_page *page);
/* The name of the one that is selected, or NULL. */
const char *regions_selected(const struct regions_page *page);
void regions_free(struct regions_page *page);

#endif
