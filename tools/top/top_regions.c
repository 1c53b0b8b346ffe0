/* SPDX-License-Identifier: MIT
 * The page of all regions, of which one can be opened. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/clock.h"
#include "tools/base/describe.h"
#include "tools/base/heap.h"
#include "tools/region/owner.h"
#include "tools/region/place.h"
#include "tools/top/top_list.h"
#include "tools/top/top_regions.h"
#include "tools/top/top_sample.h"
#include "tools/top/top_screen.h"
#include "tools/top/top_words.h"

enum { NAME, VERSION, RATE, PICTURE, ROWS, CHANGED, SUBSCRIBERS, SIZE, PUBLISHER, COLUMNS };

static const struct list_column columns[COLUMNS] = {
	[NAME] = {.title = "REGION", .width = 14},
	[VERSION] =
		{.title = "VERSION", .width = 9, .right = true, .largest_first = true, .rank = 1},
	[RATE] = {.title = "VER/S", .width = 6, .right = true, .largest_first = true, .rank = 2},
	[PICTURE] = {.title = "", .width = 8, .right = true, .stretches = true, .rank = 8},
	[ROWS] = {.title = "ROWS", .width = 7, .right = true, .largest_first = true, .rank = 4},
	[CHANGED] = {.title = "CHG/S", .width = 6, .right = true, .largest_first = true, .rank = 6},
	[SUBSCRIBERS] =
		{.title = "SUBS", .width = 5, .right = true, .largest_first = true, .rank = 5},
	[SIZE] = {.title = "MEMORY", .width = 8, .right = true, .largest_first = true, .rank = 7},
	[PUBLISHER] = {.title = "PUBLISHER", .width = 18, .rank = 3},
};

static void regions_fill_publisher(const struct top_region *region, struct list_cell *ret)
{
	char owner[OWNER_SIZE];

	if (!region->sampled && !region->error) {
		ret->style = DIM;
	} else if (!region->error && !region->info.owner_trusted) {
		/* The publisher's name is not shown: an untrusted owner can forge it. */
		snprintf(ret->text, sizeof(ret->text), "%.*s", LIST_TEXT - 1,
		         owner_name(region->info.owner, owner));
		ret->style = WARN;
	} else if (region->error) {
		snprintf(ret->text, sizeof(ret->text), "%.*s", LIST_TEXT - 1, region->message);
		ret->style = BAD;
	} else if (region->info.publisher_attached) {
		describe_process(region->info.publisher_pid, region->info.publisher_command,
		                 ret->text);
		ret->style = GOOD;
	} else {
		snprintf(ret->text, sizeof(ret->text), "none");
		ret->style = WARN;
	}
}

static void regions_cell(const void *context, size_t row, size_t column, struct list_cell *ret)
{
	const struct top_region *region = (const struct top_region *)context + row;
	bool readable = region->error == 0 && region->sampled;

	switch (column) {
	case NAME:
		snprintf(ret->text, sizeof(ret->text), "%s", region->name);
		ret->style = STRONG;
		return;
	case PUBLISHER:
		regions_fill_publisher(region, ret);
		return;
	case PICTURE:
		ret->series = &region->commit_series;
		ret->style = SPARK;
		return;
	case RATE:
		ret->number = region->commits;
		if (readable && region->has_rates)
			words_rate(region->commits, false, ret->text);
		return;
	case CHANGED:
		ret->number = region->changed;
		if (readable && region->has_rates)
			words_rate(region->changed, region->estimated, ret->text);
		return;
	case SIZE:
		ret->number = (double)region->info.file_size;
		if (readable)
			describe_size(region->info.file_size, ret->text);
		return;
	case VERSION:
		ret->number = (double)region->info.version;
		break;
	case ROWS:
		ret->number = (double)region->rows;
		break;
	case SUBSCRIBERS:
		ret->number = (double)region->info.subscribers;
		break;
	}
	if (readable)
		describe_number((uint64_t)ret->number, ret->text);
}

static struct list_rows regions_rows(const struct regions_page *page)
{
	return (struct list_rows){columns, COLUMNS, page->count, page->regions, regions_cell};
}

/* Moves the old region of the same name, if there is one, to `region`. Frees the old regions before
 * it, which no longer exist. Both lists are in the order of names. */
static void regions_take_known(struct regions_page *page, size_t *known, struct top_region *region)
{
	while (*known < page->count && strcmp(page->regions[*known].name, region->name) < 0)
		sample_free(&page->regions[(*known)++]);
	if (*known < page->count && strcmp(page->regions[*known].name, region->name) == 0)
		*region = page->regions[(*known)++];
}

/* ---- updating ---- */

/* An update does not read each of a thousand regions. It reads those on the screen, and as many
 * of the others as take this share of the interval (1/SHARE), but at least SAMPLED_MIN; the next
 * update continues after them. The first update may take longer (1/FIRST_SHARE), so that on most
 * machines the first page is complete. */
#define SHARE       50
#define FIRST_SHARE 5
#define SAMPLED_MIN 16u

/* The new list of regions, while the names are read. */
struct region_names {
	struct regions_page *page;
	struct top_region *regions;
	size_t count, capacity;
	size_t known; /* number of old regions that were kept or freed */
};

static int regions_add_region(const char *name, void *context)
{
	struct region_names *names = context;
	struct top_region *region;

	if (names->count == names->capacity) {
		names->capacity = names->capacity ? names->capacity * 2 : 16;
		names->regions =
			heap_realloc(names->regions, names->capacity * sizeof(*names->regions));
	}
	region = &names->regions[names->count++];
	*region = (struct top_region){0};
	snprintf(region->name, sizeof(region->name), "%s", name);
	regions_take_known(names->page, &names->known, region);
	return 0;
}

/* Reads the names of the regions, and keeps the samples of regions that still exist. */
static void regions_list(struct regions_page *page, const struct place *place)
{
	struct region_names names = {.page = page};

	/* A directory that cannot be listed counts as empty. */
	stele_region_each(place->directory, regions_add_region, &names);
	while (names.known < page->count)
		sample_free(&page->regions[names.known++]);
	free(page->regions);
	page->regions = names.regions;
	page->count = names.count;
}

/* Leaves out regions that were removed after their names were read. */
static void regions_leave_out_removed(struct regions_page *page)
{
	size_t count = 0;

	for (size_t i = 0; i < page->count; i++) {
		if (page->regions[i].error == -ENOENT)
			sample_free(&page->regions[i]);
		else
			page->regions[count++] = page->regions[i];
	}
	page->count = count;
}

/* Samples regions that are not on the screen, from page->turn on, until the time `until`. */
static void regions_sample_others(struct regions_page *page, const struct place *place,
                                  int64_t until, regions_wanted_fn *wanted, void *context)
{
	size_t at = 0, sampled = 0;

	while (at < page->count && strcmp(page->regions[at].name, page->turn) < 0)
		at++;
	for (size_t i = 0; i < page->count; i++, at++) {
		struct top_region *region = &page->regions[at %= page->count];

		if (region->on_screen)
			continue;
		if (wanted(context) || (sampled++ >= SAMPLED_MIN && clock_now() >= until)) {
			memcpy(page->turn, region->name, sizeof(page->turn));
			return;
		}
		sample_region(place, region);
	}
}

void regions_sample(struct regions_page *page, const struct place *place, int64_t interval,
                    regions_wanted_fn *wanted, void *context)
{
	bool first = page->count == 0;

	regions_list(page, place);
	for (size_t i = 0; i < page->count && !wanted(context); i++)
		if (page->regions[i].on_screen)
			sample_region(place, &page->regions[i]);
	regions_sample_others(page, place, clock_now() + interval / (first ? FIRST_SHARE : SHARE),
	                      wanted, context);
	regions_leave_out_removed(page);
	regions_arrange(page);
}

void regions_arrange(struct regions_page *page)
{
	struct list_rows rows = regions_rows(page);

	list_arrange(&page->list, &rows);
}

static void regions_set_on_screen(void *context, size_t row)
{
	((struct regions_page *)context)->regions[row].on_screen = true;
}

void regions_draw(struct regions_page *page)
{
	struct list_rows rows = regions_rows(page);

	list_draw(&page->list, &rows, 1, screen_rows() - 2, true);
	for (size_t i = 0; i < page->count; i++)
		page->regions[i].on_screen = false;
	list_each_drawn(&page->list, regions_set_on_screen, page);
	if (page->count == 0)
		screen_line(
			2, DIM,
			"there are no regions; create one with 'stele create', or run 'make demo'");
}

void regions_move(struct regions_page *page, long by)
{
	struct list_rows rows = regions_rows(page);

	list_move(&page->list, &rows, by);
}

void regions_sort_next(struct regions_page *page)
{
	struct list_rows rows = regions_rows(page);

	list_sort_next(&page->list, &rows);
}

const char *regions_selected(const struct regions_page *page)
{
	size_t row;

	return list_selected(&page->list, &row) ? page->regions[row].name : NULL;
}

void regions_free(struct regions_page *page)
{
	for (size_t i = 0; i < page->count; i++)
		sample_free(&page->regions[i]);
	free(page->regions);
	list_free(&page->list);
	*page = (struct regions_page){0};
}
