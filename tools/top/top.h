/* SPDX-License-Identifier: MIT
 * The state of stele top. cmd_top.c has the loop, top_keys.c handles keys, and each page has a part
 * of its own. */
#ifndef TOOLS_TOP_TOP_H
#define TOOLS_TOP_TOP_H

#include "lib/units.h"
#include "tools/region/place.h"
#include "tools/top/top_region.h"
#include "tools/top/top_regions.h"

/* The bounds of --interval, in nanoseconds. */
#define FASTEST (NSEC_PER_SEC / 20)
#define SLOWEST (60 * NSEC_PER_SEC)

enum page { PAGE_REGIONS, PAGE_REGION, PAGE_ROWS };
enum prompt { PROMPT_NONE, PROMPT_FILTER, PROMPT_SEARCH, PROMPT_KEY };

struct top {
	const struct place *place;
	int64_t interval; /* nanoseconds between two updates */
	int64_t next;     /* time of the next update, nanoseconds on CLOCK_MONOTONIC */
	int signals;      /* signalfd(2) */
	enum page page;
	bool only_one; /* the command line names a region, so there is no page of all regions */
	bool paused, help, quit;
	enum prompt prompt;
	char input[64];  /* text typed at the prompt */
	char search[64]; /* last text searched for in a table */
	struct regions_page regions;
	struct region_page region;
	struct rows_page *rows; /* NULL unless page is PAGE_ROWS */
};

#endif
