/* SPDX-License-Identifier: MIT
 * The page of one region: its rates, tables and subscribers. */
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/describe.h"
#include "tools/region/mirror.h"
#include "tools/region/owner.h"
#include "tools/top/top_list.h"
#include "tools/top/top_region.h"
#include "tools/top/top_sample.h"
#include "tools/top/top_screen.h"
#include "tools/top/top_series.h"
#include "tools/top/top_words.h"

#define ALARM_TEXT 600
#define LOW        16 /* a screen with fewer rows has a shorter summary */

/* ---- tables ---- */

enum { TABLE_NAME, TABLE_ROWS, TABLE_CHANGED, TABLE_PICTURE, TABLE_VERSION, TABLE_COLUMNS };

static const struct list_column table_columns[TABLE_COLUMNS] = {
	[TABLE_NAME] = {.title = "TABLE", .width = 18},
	[TABLE_ROWS] =
		{.title = "ROWS", .width = 11, .right = true, .largest_first = true, .rank = 1},
	[TABLE_CHANGED] =
		{.title = "CHG/S", .width = 7, .right = true, .largest_first = true, .rank = 2},
	[TABLE_PICTURE] = {.title = "", .width = 6, .right = true, .stretches = true, .rank = 4},
	[TABLE_VERSION] =
		{.title = "VERSION", .width = 9, .right = true, .largest_first = true, .rank = 3},
};

static void region_table_cell(const void *context, size_t row, size_t column, struct list_cell *ret)
{
	const struct top_region *region = context;
	const struct top_table *table = &region->tables[row];

	switch (column) {
	case TABLE_NAME:
		snprintf(ret->text, sizeof(ret->text), "%s", table->name);
		ret->style = STRONG;
		break;
	case TABLE_ROWS:
		ret->number = (double)table->rows;
		describe_grouped(table->rows, ret->text);
		break;
	case TABLE_CHANGED:
		ret->number = table->changed;
		if (region->has_rates && !region->error)
			words_rate(table->changed, region->estimated && table->changed > 0,
			           ret->text);
		ret->style = table->changed > 0 && !region->error ? ACCENT : DIM;
		break;
	case TABLE_PICTURE:
		ret->series = &table->changes;
		ret->style = SPARK;
		break;
	case TABLE_VERSION:
		ret->number = (double)table->version;
		describe_number(table->version, ret->text);
		break;
	}
}

/* ---- subscribers ---- */

enum { WHO, LAG, LAG_PICTURE, STATE, NOTIFIER, SEEN, APPLIED, PINS, SINCE, SUBSCRIBER_COLUMNS };

static const struct list_column subscriber_columns[SUBSCRIBER_COLUMNS] = {
	[WHO] = {.title = "SUBSCRIBER", .width = 22},
	[LAG] = {.title = "LAG", .width = 7, .right = true, .largest_first = true, .rank = 1},
	[LAG_PICTURE] = {.title = "", .width = 6, .right = true, .stretches = true, .rank = 4},
	[STATE] = {.title = "STATE", .width = 7, .rank = 2},
	[NOTIFIER] = {.title = "NOTIFIER", .width = 9, .rank = 6},
	[SEEN] = {.title = "SEEN", .width = 9, .right = true, .largest_first = true, .rank = 7},
	[APPLIED] =
		{.title = "APPLIED", .width = 9, .right = true, .largest_first = true, .rank = 5},
	[PINS] = {.title = "PINS", .width = 5, .right = true, .largest_first = true, .rank = 8},
	[SINCE] = {.title = "FOR", .width = 6, .right = true, .largest_first = true, .rank = 3},
};

/* Returns the state of a process as the kernel names it, or '?' if the process is not visible
 * here or has another name. This is a hint: the pid may be from another namespace, or forged. */
static char region_process_state(uint32_t pid, const char *command)
{
	char path[64], line[128], state = '?';
	const char *name, *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/stat", (unsigned)pid);
	file = fopen(path, "re");
	if (!file)
		return state;
	if (fgets(line, sizeof(line), file)) {
		name = strchr(line, '(');
		end = strrchr(line, ')');
		if (name && end && end[1] == ' ' && strlen(command) == (size_t)(end - name) - 1 &&
		    strncmp(name + 1, command, strlen(command)) == 0)
			state = end[2];
	}
	fclose(file);
	return state;
}

static void region_state_cell(const struct top_region *region,
                              const struct top_subscriber *subscriber, struct list_cell *ret)
{
	const char *word = "awake";
	char state;

	ret->style = PLAIN;
	if (!subscriber->alive) {
		word = "dead";
		ret->style = BAD;
	} else {
		state = region_process_state(subscriber->pid, subscriber->command);
		if (state == 'T' || state == 't') {
			word = "stopped";
			ret->style = BAD;
		} else if (subscriber->lag > region->info.history) {
			word = "slow";
			ret->style = WARN;
		} else if (subscriber->armed) {
			word = "waits";
			ret->style = GOOD;
		}
	}
	snprintf(ret->text, sizeof(ret->text), "%s", word);
}

/* Returns the style of a lag: bad if it exceeds history, because versions are lost then; a
 * warning if it exceeds half of history. */
static enum style region_lag_style(const struct top_region *region, uint64_t lag)
{
	if (lag > region->info.history)
		return BAD;
	return lag > region->info.history / 2 ? WARN : lag ? PLAIN : GOOD;
}

static void region_subscriber_cell(const void *context, size_t row, size_t column,
                                   struct list_cell *ret)
{
	const struct top_region *region = context;
	const struct top_subscriber *subscriber = &region->subscribers[row];

	switch (column) {
	case WHO:
		describe_process(subscriber->pid,
		                 *subscriber->label ? subscriber->label : subscriber->command,
		                 ret->text);
		ret->style = STRONG;
		break;
	case LAG:
		ret->number = (double)subscriber->lag;
		words_count(subscriber->lag, ret->text);
		ret->style = region_lag_style(region, subscriber->lag);
		break;
	case LAG_PICTURE:
		ret->series = &subscriber->lags;
		ret->style = region_lag_style(region, subscriber->lag) == GOOD
		                     ? SPARK
		                     : region_lag_style(region, subscriber->lag);
		break;
	case STATE:
		region_state_cell(region, subscriber, ret);
		break;
	case NOTIFIER:
		snprintf(ret->text, sizeof(ret->text), "%s", subscriber->notifier);
		break;
	case SEEN:
		ret->number = (double)subscriber->seen;
		describe_number(subscriber->seen, ret->text);
		break;
	case APPLIED:
		ret->number = (double)subscriber->applied;
		if (subscriber->applied)
			describe_number(subscriber->applied, ret->text);
		break;
	case PINS:
		ret->number = (double)subscriber->pins;
		describe_number(subscriber->pins, ret->text);
		break;
	case SINCE:
		ret->number = -(double)subscriber->since;
		words_ago(subscriber->since, ret->text);
		ret->style = DIM;
		break;
	}
}

/* ---- the page ---- */

static struct list_rows region_table_rows(const struct region_page *page)
{
	return (struct list_rows){table_columns, TABLE_COLUMNS, page->region.table_count,
	                          &page->region, region_table_cell};
}

static struct list_rows region_subscriber_rows(const struct region_page *page)
{
	return (struct list_rows){subscriber_columns, SUBSCRIBER_COLUMNS,
	                          page->region.subscriber_count, &page->region,
	                          region_subscriber_cell};
}

static struct list_rows region_rows(const struct region_page *page)
{
	return page->on_subscribers ? region_subscriber_rows(page) : region_table_rows(page);
}

void region_open_page(struct region_page *page, const char *name)
{
	*page = (struct region_page){.subscribers.sort = LAG};
	snprintf(page->region.name, sizeof(page->region.name), "%s", name);
}

void region_free(struct region_page *page)
{
	sample_free(&page->region);
	list_free(&page->tables);
	list_free(&page->subscribers);
}

struct list *region_list(struct region_page *page)
{
	return page->on_subscribers ? &page->subscribers : &page->tables;
}

void region_arrange(struct region_page *page)
{
	struct list_rows tables = region_table_rows(page),
			 subscribers = region_subscriber_rows(page);

	list_arrange(&page->tables, &tables);
	list_arrange(&page->subscribers, &subscribers);
}

void region_move(struct region_page *page, long by)
{
	struct list_rows rows = region_rows(page);

	list_move(region_list(page), &rows, by);
}

void region_sort_next(struct region_page *page)
{
	struct list_rows rows = region_rows(page);

	list_sort_next(region_list(page), &rows);
}

const char *region_selected_table(const struct region_page *page)
{
	size_t row;

	if (page->on_subscribers || !list_selected(&page->tables, &row))
		return NULL;
	return page->region.tables[row].name;
}

/* Checks whether a time, in nanoseconds since 1970, is less than a minute ago. */
static bool region_is_recent(uint64_t time)
{
	return time && clock_wall() / NSEC_PER_SEC < time / NSEC_PER_SEC + 60;
}

bool region_alarm(const struct top_region *region, char *buffer, size_t size, enum style *ret_style)
{
	const struct stele_region_info *info = &region->info;
	char ago[TOP_WORD];

	*ret_style = BAD;
	if (region->error) {
		snprintf(buffer, size, "%s ago: %s", words_ago(region->error_since, ago),
		         region->message);
	} else if (!info->publisher_attached) {
		if (info->publisher_pid && info->publisher_since)
			snprintf(buffer, size, "no publisher; %s left %s ago",
			         info->publisher_command, words_ago(info->publisher_since, ago));
		else
			snprintf(buffer, size, "no publisher");
	} else if (region_is_recent(region->replaced)) {
		snprintf(buffer, size, "another region took this name %s ago",
		         words_ago(region->replaced, ago));
		*ret_style = WARN;
	} else {
		return false;
	}
	return true;
}

/* Draws a line of the summary: a name, a figure, a remark, and the picture of its series. */
static void region_draw_figure(int row, const char *name, const char *figure, const char *more,
                               const struct series *series, double full)
{
	int columns = screen_columns(), at = columns < 60 ? columns : columns < 90 ? 44 : 56;
	char picture[SERIES_TEXT];

	screen_put(row, 0, 10, false, DIM, name);
	screen_put(row, 10, 14, true, STRONG, figure);
	screen_put(row, 25, at - 26, false, PLAIN, more);
	series_draw(series, (unsigned)(columns - at), full, screen_has_blocks(), picture);
	screen_put(row, at, columns - at, true, SPARK, picture);
}

static void region_draw_figures(const struct top_region *region, int row, bool brief)
{
	const struct stele_region_info *info = &region->info;
	char figure[LIST_TEXT], more[LIST_TEXT], word[TOP_WORD], size[DESCRIBED_MAX];
	/* If the region cannot be read, the last figures stay, but the rates are unknown. */
	bool rates = region->has_rates && !region->error;

	snprintf(more, sizeof(more), "%s/s", words_rate(region->commits, false, word));
	region_draw_figure(row++, "version", describe_grouped(info->version, figure),
	                   rates ? more : "", &region->commit_series, 0);
	snprintf(more, sizeof(more), "%s rows changed/s",
	         words_rate(region->changed, region->estimated, word));
	region_draw_figure(row++, "rows", describe_grouped(region->rows, figure), rates ? more : "",
	                   &region->changed_series, 0);
	if (brief)
		return;
	snprintf(more, sizeof(more), "of %s", describe_size(info->maximum_size, size));
	region_draw_figure(row++, "memory", describe_size(info->file_size, figure), more,
	                   &region->memory_series, (double)info->maximum_size);
}

/* Draws a message on at most `lines` lines, broken between words. */
static void region_draw_message(int row, int column, int lines, enum style style,
                                const char *message)
{
	int width = screen_columns() - column;

	for (; lines > 0 && width > 0 && *message; lines--) {
		size_t length = strlen(message);
		char line[ALARM_TEXT];

		if (lines > 1 && length > (size_t)width) {
			const char *space = memrchr(message, ' ', (size_t)width + 1);

			length = space && space > message ? (size_t)(space - message)
			                                  : (size_t)width;
		}
		snprintf(line, sizeof(line), "%.*s", (int)length, message);
		screen_put(row++, column, width, false, style, line);
		message += length + strspn(message + length, " ");
	}
}

static void region_draw_publisher(const struct top_region *region, int row, int lines)
{
	const struct stele_region_info *info = &region->info;
	char text[ALARM_TEXT], ago[TOP_WORD], who[DESCRIBED_MAX], owner[OWNER_SIZE];
	uint64_t held = info->version ? info->version - info->oldest + 1 : 0;
	enum style style = GOOD;

	if (!region_alarm(region, text, sizeof(text), &style)) {
		style = info->owner_trusted ? GOOD : WARN;
		snprintf(text, sizeof(text), "%s%s%s, for %s",
		         info->owner_trusted ? "" : owner_name(info->owner, owner),
		         info->owner_trusted ? "" : ": ",
		         describe_process(info->publisher_pid, info->publisher_command, who),
		         words_ago(info->publisher_since, ago));
	}
	screen_put(row, 0, 10, false, DIM, "publisher");
	region_draw_message(row, 11, region->error ? lines : 1, style, text);
	if (screen_columns() < 90 || region->error)
		return;
	snprintf(text, sizeof(text), "history %llu versions, generation %llu",
	         (unsigned long long)held, (unsigned long long)info->generation);
	screen_put(row, 56, screen_columns() - 56, false, DIM, text);
}

/* Draws whether the tables are the kernel's state. */
static void region_draw_mirror(const struct top_region *region, int row)
{
	const struct kernel_status *mirror = &region->mirror;
	bool good = mirror->synced && region->mirror_runs;
	char text[MIRROR_TEXT], ago[TOP_WORD], lost[TOP_WORD];

	mirror_describe(mirror, region->mirror_runs, text);
	if (good && mirror->losses)
		snprintf(text, sizeof(text), "synced for %s, messages lost %s times",
		         words_ago(mirror->since, ago), describe_number(mirror->losses, lost));
	else if (good)
		snprintf(text, sizeof(text), "synced for %s, no messages lost",
		         words_ago(mirror->since, ago));
	screen_put(row, 0, 10, false, DIM, "kernel");
	screen_put(row, 11, screen_columns() - 11, false, good ? GOOD : WARN, text);
}

void region_draw(struct region_page *page)
{
	struct list_rows tables = region_table_rows(page),
			 subscribers = region_subscriber_rows(page);
	bool low = screen_rows() < LOW;
	int top = low ? 4 : 6, lines, for_tables, wanted;

	/* There was no sample yet, so there is nothing else to show. */
	if (page->region.error && !page->region.sampled) {
		region_draw_message(1, 0, screen_rows() - 2, BAD, page->region.message);
		return;
	}
	region_draw_figures(&page->region, 1, low);
	region_draw_publisher(&page->region, low ? 3 : 4, low ? 1 : 2);
	if (page->region.mirrors && !page->region.error) {
		region_draw_mirror(&page->region, low ? 4 : 5);
		top++;
	}
	lines = screen_rows() - 1 - top;
	wanted = (int)page->region.table_count + (low ? 1 : 2);
	for_tables = wanted < lines / 2 ? wanted : lines / 2;
	/* Give the tables the lines that the subscribers do not need. */
	if (lines - for_tables > (int)page->region.subscriber_count + 1)
		for_tables = lines - (int)page->region.subscriber_count - 1;
	if (for_tables > wanted)
		for_tables = wanted;
	list_draw(&page->tables, &tables, top, low ? for_tables : for_tables - 1,
	          !page->on_subscribers);
	list_draw(&page->subscribers, &subscribers, top + for_tables, lines - for_tables,
	          page->on_subscribers);
	if (page->region.subscribers_unknown && page->region.error == 0)
		screen_line(top + for_tables + 1, DIM,
		            "the list of subscribers cannot be read by this user");
}
