/* SPDX-License-Identifier: MIT
 * The page of one region: its rates, its tables and its subscribers. Called by cmd_top.c and
 * top_keys.c. */
#ifndef TOOLS_TOP_TOP_REGION_H
#define TOOLS_TOP_TOP_REGION_H

#include <stdbool.h>
#include "tools/top/top_list.h"
#include "tools/top/top_sample.h"
#include "tools/top/top_screen.h"

struct region_page {
	struct top_region region;
	bool on_subscribers; /* keys act on the list of subscribers, else on that of tables */
	struct list tables, subscribers;
};

/* Initializes the page; sample_region() then reads the region. */
void region_open_page(struct region_page *page, const char *name);
/* Filters and sorts both lists. Must be called after each sample. */
void region_arrange(struct region_page *page);
void region_draw(struct region_page *page);
/* Move and sort the list that the keys act on. */
void region_move(struct region_page *page, long by);
void region_sort_next(struct region_page *page);
struct list *region_list(struct region_page *page);
/* Returns the name of the selected table; NULL if there is none, or if the keys act on the list of
 * subscribers. */
const char *region_selected_table(const struct region_page *page);
void region_free(struct region_page *page);

/* Describes the most important problem of the region: it cannot be read, has no publisher, or
 * was replaced. Returns false if there is no problem. */
bool region_alarm(const struct top_region *region, char *buffer, size_t size,
                  enum style *ret_style);

#endif
