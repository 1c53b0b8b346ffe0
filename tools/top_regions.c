/* SPDX-License-Identifier: MIT
 * The page of all regions, to choose one from. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "describe.h"
#include "options.h"
#include "top.h"

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

static void fill_publisher(const struct top_region *region, struct list_cell *ret)
{
	if (region->error) {
		snprintf(ret->text, sizeof(ret->text), "%.*s", LIST_TEXT - 1, region->sentence);
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

static void cell(const void *context, size_t row, size_t column, struct list_cell *ret)
{
	const struct top_region *region = (const struct top_region *)context + row;
	bool readable = region->error == 0;

	switch (column) {
	case NAME:
		snprintf(ret->text, sizeof(ret->text), "%s", region->name);
		ret->style = STRONG;
		return;
	case PUBLISHER:
		fill_publisher(region, ret);
		return;
	case PICTURE:
		ret->series = &region->commit_series;
		ret->style = SPARK;
		return;
	case RATE:
		ret->number = region->commits;
		if (readable && region->has_rates)
			top_rate(region->commits, false, ret->text);
		return;
	case CHANGED:
		ret->number = region->changed;
		if (readable && region->has_rates)
			top_rate(region->changed, region->estimated, ret->text);
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

static struct list_rows rows_of(const struct regions_page *page)
{
	return (struct list_rows){columns, COLUMNS, page->count, page->regions, cell};
}

/* Takes over what is known of a region of this name; both lists are in the order of names. */
static void take_known(struct regions_page *page, size_t *known, struct top_region *region)
{
	while (*known < page->count && strcmp(page->regions[*known].name, region->name) < 0)
		top_forget(&page->regions[(*known)++]);
	if (*known < page->count && strcmp(page->regions[*known].name, region->name) == 0)
		*region = page->regions[(*known)++];
}

void regions_sample(struct regions_page *page)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct top_region *regions = NULL;
	size_t count = 0, known = 0;

	while (stele_region_next(located_directory(), name) == 1) {
		regions = must_realloc(regions, (count + 1) * sizeof(*regions));
		regions[count] = (struct top_region){0};
		memcpy(regions[count].name, name, sizeof(name));
		take_known(page, &known, &regions[count]);
		top_sample(&regions[count]);
		/* Removed since its name was found. */
		if (regions[count].error == -ENOENT)
			top_forget(&regions[count]);
		else
			count++;
	}
	while (known < page->count)
		top_forget(&page->regions[known++]);
	free(page->regions);
	page->regions = regions;
	page->count = count;
	regions_arrange(page);
}

void regions_arrange(struct regions_page *page)
{
	struct list_rows rows = rows_of(page);

	list_arrange(&page->list, &rows);
}

void regions_draw(struct regions_page *page)
{
	struct list_rows rows = rows_of(page);

	list_draw(&page->list, &rows, 1, screen_rows() - 2, true);
	if (page->count == 0)
		screen_line(
			2, DIM,
			"there is no region; 'stele create' makes one, and 'make demo' a scene");
}

void regions_move(struct regions_page *page, long by)
{
	struct list_rows rows = rows_of(page);

	list_move(&page->list, &rows, by);
}

void regions_sort_next(struct regions_page *page)
{
	struct list_rows rows = rows_of(page);

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
		top_forget(&page->regions[i]);
	free(page->regions);
	list_free(&page->list);
	*page = (struct regions_page){0};
}
