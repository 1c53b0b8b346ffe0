/* SPDX-License-Identifier: MIT
 *
 * The parts of top: what each page shows. cmd_top.c has the loop, top_keys.c what keys do. */
#ifndef TOOLS_TOP_TOP_H
#define TOOLS_TOP_TOP_H

#include "tools/base/clock.h"
#include "tools/top/top_list.h"
#include "tools/top/top_sample.h"

/* ---- the page of all regions ---- */

struct regions_page {
	struct top_region *regions; /* in the order of names */
	size_t count;
	char turn[STELE_NAME_MAX + 1]; /* at which region the next look at the others begins */
	struct list list;
};

/* True once the look is to end where it is: a key, or a signal, waits. */
typedef bool regions_wanted_fn(void *context);

/* Looks at the regions of the machine, or of --directory, which happens each `interval` nanoseconds: at
 * those on the screen, and at others in turn. */
void regions_sample(struct regions_page *page, int64_t interval, regions_wanted_fn *wanted,
                    void *context);
void regions_arrange(struct regions_page *page);
void regions_draw(struct regions_page *page);
void regions_move(struct regions_page *page, long by);
void regions_sort_next(struct regions_page *page);
/* The name of the one that is selected, or NULL. */
const char *regions_selected(const struct regions_page *page);
void regions_free(struct regions_page *page);

/* ---- the page of one region ---- */

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

/* ---- the page of a table's rows ---- */

struct rows_page;

struct rows_page *rows_open_page(const char *region, const char *table);
/* Reads what is on the screen from the newest version; with `hold`, from the one it has, while
 * that can be had. */
void rows_refresh(struct rows_page *page, bool hold);
void rows_draw(struct rows_page *page);
/* By lines; more than there are goes to the end. */
void rows_move(struct rows_page *page, long by);
void rows_shift(struct rows_page *page, int columns); /* to the side */
void rows_first(struct rows_page *page);
void rows_last(struct rows_page *page);
/* Goes to the first row at or after a key, or the start of one: false, and a sentence on the
 * page, where it can't be one. */
void rows_go_to(struct rows_page *page, const char *key);
/* Searches for the next row that has the text somewhere; a large table takes several calls of
 * rows_search_on(), until that is false. */
void rows_search(struct rows_page *page, const char *text);
bool rows_search_on(struct rows_page *page);
bool rows_searches(const struct rows_page *page);
void rows_search_stop(struct rows_page *page);
/* "REGION/TABLE  1,000 rows at version 7" */
void rows_title(const struct rows_page *page, char *buffer, size_t size);
struct rows_page *rows_free(struct rows_page *page);

/* ---- all of it ---- */

#define SECOND  INT64_C(1000000000)
#define FASTEST (SECOND / 20)
#define SLOWEST (60 * SECOND)

enum page { PAGE_REGIONS, PAGE_REGION, PAGE_ROWS };
enum prompt { PROMPT_NONE, PROMPT_FILTER, PROMPT_SEARCH, PROMPT_KEY };

struct top {
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

/* Looks at what the page shows, and says when to look next. */
void top_look(struct top *top);
/* A key was pressed. */
void top_key(struct top *top, int key);

/* ---- words ---- */

#define TOP_WORD 32
/* "812", "9.2k", "1.3M": a rate a second, or "~" before what was estimated. */
const char *top_rate(double rate, bool estimated, char buffer[TOP_WORD]);
/* "812", "9.2k", "1.3M" */
const char *top_count(uint64_t count, char buffer[TOP_WORD]);
/* How long ago: "45s", "2h03m", "9d". Of nanoseconds since 1970; 0: "". */
const char *top_ago(uint64_t time, char buffer[TOP_WORD]);

#endif
