/* SPDX-License-Identifier: MIT
 * The page of one region. cmd_top.c and top_keys.c call it. */
#ifndef TOOLS_TOP_TOP_REGION_H
#define TOOLS_TOP_TOP_REGION_H

#include <stdbool.h>
#include "tools/top/top_list.h"
#include "tools/top/top_sample.h"
#include "tools/top/top_screen.h"

struct region_page {
	struct top_region region;
	bool on_subscribers; /* the keys are for this list, not for the tables */
	struct list tables, subscribers;
};

void region_open_page(struct region_page *page, const char *name);
void region_arrange(struct region_page *page);
void region_draw(struct region_page *page);
void region_move(struct region_page *page, long by);
void region_sort_next(struct region_page *page);
struct list *region_list(struct region_page *page); /* that the keys are for */
const char *region_selected_table(const struct region_page *page);
void region_free(struct region_page *page);

/* What is to be said above all else: the region is gone, another one, or has no publisher.
 * False: nothing. */
bool region_alarm(const struct top_region *region, char *buffer, size_t size,
                  enum style *ret_style);

#endif
