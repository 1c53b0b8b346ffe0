/* SPDX-License-Identifier: MIT
 *
 * The parts of top: what each page shows. cmd_top.c has the loop, top_keys.c what keys do. */
#ifndef TOOLS_TOP_TOP_H
#define TOOLS_TOP_TOP_H

#include "lib/units.h"
#include "tools/region/place.h"
#include "tools/top/top_region.h"
#include "tools/top/top_regions.h"

#define FASTEST (NSEC_PER_SEC / 20)
#define SLOWEST (60 * NSEC_PER_SEC)

enum page { PAGE_REGIONS, PAGE_REGION, PAGE_ROWS };
enum prompt { PROMPT_NONE, PROMPT_FILTER, PROMPT_SEARCH, PROMPT_KEY };

struct top {
	const struct place *place;
	int64_t interval; /* nanoseconds between two looks */
	int64_t next;     /* look, on CLOCK_MONOTONIC */
	int signals;
	enum page page;
	bool only_one; /* region was asked for: there is no page of all */
	bool paused, help, quit;
	enum prompt prompt;
	char input[64]; /* of the prompt */
	char search[64];
	struct regions_page regions;
	struct region_page region;
	struct rows_page *rows;
};

#endif
