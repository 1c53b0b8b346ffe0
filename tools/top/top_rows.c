/* SPDX-License-Identifier: MIT
 * The page of a table's rows. It registers as a subscriber and pins the version on the screen, so
 * that all rows shown are of one version. It only reads the rows that fit on the screen, starting
 * at a key. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/escape.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/output/row_cells.h"
#include "tools/region/owner.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/rows/row.h"
#include "tools/top/top_place.h"
#include "tools/top/top_rows.h"
#include "tools/top/top_screen.h"

#define AT_ONCE 20000 /* rows that a search reads between two checks of the keyboard */
#define WIDEST  48    /* maximum width of a column on the screen */

struct shown_row {
	struct stele_key key;
	uint64_t version;
	char **texts; /* one for each column of the table */
};

struct rows_page {
	const struct place *place;
	char region[STELE_NAME_MAX + 1], name[STELE_NAME_MAX + 1];
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_table table;
	struct stele_schema *schema;
	struct stele_cursor *cursor;
	struct row_cells cells;
	struct stele_key top; /* the screen starts with the first row at or after this key */
	struct shown_row *rows;
	size_t count;
	int shift;         /* columns scrolled out on the left side */
	uint64_t before;   /* rows newer than this version are highlighted */
	char message[512]; /* shown below the rows; "": none */
	char wanted[64];   /* text of the search; "": none */
	bool searches;     /* a search is running */
	uint64_t searched; /* rows that the search has read */
};

/* ---- opening and closing ---- */

static void rows_free_lines(struct rows_page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		for (size_t j = 0; j < page->schema->column_count; j++)
			free(page->rows[i].texts[j]);
		free(page->rows[i].texts);
	}
	free(page->rows);
	page->rows = NULL;
	page->count = 0;
}

static void rows_close_snapshot(struct rows_page *page)
{
	rows_free_lines(page);
	page->searches = false;
	if (page->cursor)
		page->cursor = stele_cursor_close(page->cursor);
	if (page->schema) {
		row_cells_close(&page->cells);
		page->schema = stele_schema_free(page->schema);
	}
	if (page->snapshot)
		page->snapshot = stele_snapshot_close(page->snapshot);
}

static void rows_close_region(struct rows_page *page)
{
	rows_close_snapshot(page);
	if (page->subscriber)
		page->subscriber = stele_subscriber_close(page->subscriber);
}

static int rows_open_newest(struct rows_page *page)
{
	int result = 0;

	rows_close_snapshot(page);
	if (!page->subscriber)
		result = reader_subscribe(page->place, page->region, READER_PINNED,
		                          &page->subscriber);
	if (result == 0)
		result = stele_snapshot_open(page->subscriber, 0, &page->snapshot);
	if (result == 0)
		result = stele_table_open(page->snapshot, page->name, NULL, &page->table);
	if (result == 0)
		result = stele_table_schema(&page->table, &page->schema);
	if (result < 0)
		return result;
	row_cells_open(&page->cells, page->schema);
	return stele_cursor_open(&page->table, &page->cursor);
}

/* Moves to the region that has taken the name of the one that is shown. The rows of a region that
 * was only removed can still be read. */
static void rows_poll(struct rows_page *page)
{
	struct stele_position shown;
	uint8_t uuid[16];
	int result;

	if (!page->snapshot)
		return;
	result = stele_subscriber_reopen(page->subscriber, 0);
	if (result == -ENOENT || result == -EUCLEAN)
		return;
	if (result < 0) {
		rows_close_region(page);
		return;
	}
	stele_snapshot_position(page->snapshot, &shown);
	stele_subscriber_region_uuid(page->subscriber, uuid);
	if (memcmp(uuid, shown.region, sizeof(uuid)) != 0)
		rows_close_snapshot(page);
}

struct rows_page *rows_open(const struct place *place, const char *region, const char *table)
{
	struct rows_page *page = heap_realloc(NULL, sizeof(*page));

	*page = (struct rows_page){.place = place, .before = UINT64_MAX};
	snprintf(page->region, sizeof(page->region), "%s", region);
	snprintf(page->name, sizeof(page->name), "%s", table);
	rows_refresh(page, false);
	return page;
}

struct rows_page *rows_close(struct rows_page *page)
{
	if (!page)
		return NULL;
	rows_close_region(page);
	free(page);
	return NULL;
}

/* ---- reading ---- */

/* Returns the number of rows that fit on the screen. */
static size_t rows_capacity(void)
{
	return screen_rows() > 3 ? (size_t)screen_rows() - 3 : 1;
}

static int rows_seek(struct rows_page *page, const struct stele_key *key)
{
	int result = stele_cursor_under(page->cursor, key->bytes, 0);

	return result < 0 ? result : stele_cursor_seek(page->cursor, key->bytes, key->bits);
}

static void rows_keep_row(struct rows_page *page, const struct stele_row *row)
{
	size_t columns = page->schema->column_count;
	struct shown_row *shown = &page->rows[page->count++];

	*shown = (struct shown_row){.key.bits = row->key_bits, .version = row->version};
	memcpy(shown->key.bytes, row->key, (row->key_bits + 7) / 8);
	shown->texts = heap_realloc(NULL, columns * sizeof(*shown->texts));
	for (size_t i = 0; i < columns; i++) {
		struct text text = {0};

		escape_for_people(&text, page->cells.cells[i].text, page->cells.cells[i].length);
		text_append(&text, "", 1);
		shown->texts[i] = text.bytes;
	}
}

static int rows_read_screen(struct rows_page *page)
{
	struct stele_row row;
	int result = rows_seek(page, &page->top);

	rows_free_lines(page);
	page->rows = heap_realloc(NULL, rows_capacity() * sizeof(*page->rows));
	while (result >= 0 && page->count < rows_capacity() &&
	       (result = stele_cursor_next(page->cursor, &row)) == 1) {
		result = row_cells_fill(&page->cells, row.key, row.key_bits, row.value,
		                        row.value_size);
		if (result == 0)
			rows_keep_row(page, &row);
	}
	if (result >= 0)
		result = stele_snapshot_check(page->snapshot);
	/* The version was reclaimed during the read, so the rows may be torn. */
	if (result < 0)
		rows_free_lines(page);
	return result;
}

/* Reads the rows of a screen. If the table ends before the screen does, moves the top back until
 * the screen is full. */
static int rows_fill_screen(struct rows_page *page)
{
	size_t missing;
	int result = rows_read_screen(page);

	if (result < 0 || page->count == rows_capacity() ||
	    (page->count == 0 && page->top.bits == 0))
		return result;
	result = 1;
	for (missing = rows_capacity() - page->count; missing > 0 && result == 1; missing--)
		result = place_before(page->cursor, &page->top);
	return result < 0 ? result : rows_read_screen(page);
}

static void rows_set_message(struct rows_page *page)
{
	snprintf(page->message, sizeof(page->message), "%s", stele_last_error());
}

static int rows_read(struct rows_page *page, bool hold)
{
	int result;

	rows_poll(page);
	if (hold && page->snapshot && page->cursor) {
		result = rows_fill_screen(page);
		if (result != -ESTALE)
			return result;
		snprintf(page->message, sizeof(page->message),
		         "the publisher reclaimed that version; this is the newest one");
	}
	if (page->snapshot)
		page->before = stele_snapshot_version(page->snapshot);
	result = rows_open_newest(page);
	return result < 0 ? result : rows_fill_screen(page);
}

void rows_refresh(struct rows_page *page, bool hold)
{
	int result = rows_read(page, hold);

	if (result == -ESTALE)
		result = rows_read(page, false);
	if (result == -ENXIO)
		snprintf(page->message, sizeof(page->message), "there is no table \"%s\" any more",
		         page->name);
	else if (result < 0 && !owner_refused(page->place, page->region, result, page->message))
		rows_set_message(page);
	if (result < 0)
		rows_close_region(page);
}

/* ---- moving ---- */

/* Ends a move of the top: shows the error of the move, if any, and reads the rows at the new
 * top. */
static void rows_report_move(struct rows_page *page, int result)
{
	page->message[0] = '\0';
	if (result < 0)
		rows_set_message(page);
	rows_refresh(page, true);
}

void rows_move(struct rows_page *page, long by)
{
	int result = 1;

	if (!page->cursor || page->searches)
		return;
	if (by > 0 && page->count > 0)
		page->top = page->rows[(size_t)by < page->count ? (size_t)by : page->count - 1].key;
	if (by < 0 && page->count > 0)
		page->top = page->rows[0].key;
	for (; by < 0 && result == 1; by++)
		result = place_before(page->cursor, &page->top);
	rows_report_move(page, result);
}

void rows_shift(struct rows_page *page, int columns)
{
	int max = page->schema ? (int)page->schema->column_count - 1 : 0;

	page->shift += columns;
	if (page->shift > max)
		page->shift = max;
	if (page->shift < 0)
		page->shift = 0;
}

void rows_first(struct rows_page *page)
{
	page->top = (struct stele_key){0};
	rows_report_move(page, 0);
}

void rows_last(struct rows_page *page)
{
	if (page->cursor && !page->searches)
		rows_report_move(page, place_last(page->cursor, &page->top));
}

void rows_go_to(struct rows_page *page, const char *key)
{
	struct stele_key start;

	page->message[0] = '\0';
	if (!page->schema)
		return;
	if (stele_key_parse_start(page->schema, key, strlen(key), &start) < 0) {
		rows_set_message(page);
		return;
	}
	page->top = start;
	rows_refresh(page, true);
}

/* ---- searching ---- */

/* Checks whether a row has the text in any column, ignoring case. */
static bool rows_row_has(const struct row_cells *cells, size_t columns, const char *wanted)
{
	size_t length = strlen(wanted);

	for (size_t i = 0; i < columns; i++)
		for (size_t at = 0; at + length <= cells->cells[i].length; at++)
			if (strncasecmp(cells->cells[i].text + at, wanted, length) == 0)
				return true;
	return false;
}

void rows_search(struct rows_page *page, const char *text)
{
	struct stele_row row;
	int result;

	if (!page->cursor)
		return;
	/* If the text is that of the last search, search after the row that was found. */
	bool again = strcmp(page->wanted, text) == 0;
	snprintf(page->wanted, sizeof(page->wanted), "%s", text);
	page->searched = 0;
	result = rows_seek(page, &page->top);
	if (result == 0 && again)
		result = stele_cursor_next(page->cursor, &row);
	page->searches = result >= 0 && *text;
	page->message[0] = '\0';
}

static void rows_end_search(struct rows_page *page, int result)
{
	page->searches = false;
	if (result == 0)
		snprintf(page->message, sizeof(page->message), "no row from here on has \"%s\"",
		         page->wanted);
	else if (result < 0)
		rows_set_message(page);
}

bool rows_search_on(struct rows_page *page)
{
	struct stele_row row;
	int result = 1;

	for (int i = 0; i < AT_ONCE && page->searches; i++) {
		result = stele_cursor_next(page->cursor, &row);
		if (result == 1 && row_cells_fill(&page->cells, row.key, row.key_bits, row.value,
		                                  row.value_size) < 0)
			result = -EBADMSG;
		if (result != 1) {
			rows_end_search(page, result);
			break;
		}
		page->searched++;
		if (rows_row_has(&page->cells, page->schema->column_count, page->wanted)) {
			page->top.bits = row.key_bits;
			memcpy(page->top.bytes, row.key, (row.key_bits + 7) / 8);
			page->searches = false;
			rows_refresh(page, true);
		}
	}
	if (page->searches)
		snprintf(page->message, sizeof(page->message),
		         "searching for \"%s\": %llu rows; any key stops", page->wanted,
		         (unsigned long long)page->searched);
	return page->searches;
}

bool rows_searches(const struct rows_page *page)
{
	return page->searches;
}

void rows_search_stop(struct rows_page *page)
{
	page->searches = false;
	snprintf(page->message, sizeof(page->message), "search stopped after %llu rows",
	         (unsigned long long)page->searched);
}

/* ---- drawing ---- */

/* Returns the heading of a column, such as `load [permille]`, escaped and with a NUL at its end.
 * The caller frees it with text_free(). */
static struct text rows_heading(const struct rows_page *page, size_t column)
{
	const struct stele_column *shown = &page->schema->columns[column];
	struct text title = {0};

	text_append_string(&title, shown->name);
	if (shown->unit) {
		text_append_string(&title, " [");
		escape_for_people(&title, shown->unit, strlen(shown->unit));
		text_append_string(&title, "]");
	}
	text_append(&title, "", 1);
	return title;
}

/* Returns the width of a column on the screen, including its title. */
static int rows_column_width(const struct rows_page *page, size_t column)
{
	struct text title = rows_heading(page, column);
	int widest = (int)escape_width(title.bytes, title.length - 1);

	for (size_t i = 0; i < page->count; i++) {
		const char *text = page->rows[i].texts[column];
		int width = (int)escape_width(text, strlen(text));

		if (width > widest)
			widest = width;
	}
	text_free(&title);
	return widest < WIDEST ? widest : WIDEST;
}

static void rows_draw_column(const struct rows_page *page, size_t column, int at, int width)
{
	bool right = row_column_is_number(&page->schema->columns[column]);
	struct text title = rows_heading(page, column);

	screen_put(1, at, width, right, HEADING, title.bytes);
	text_free(&title);
	for (size_t i = 0; i < page->count && i < rows_capacity(); i++) {
		const struct shown_row *row = &page->rows[i];
		bool is_new = row->version > page->before;

		screen_put(2 + (int)i, at, width, right,
		           is_new                              ? ACCENT
		           : page->schema->columns[column].key ? STRONG
		                                               : PLAIN,
		           row->texts[column]);
	}
}

/* Draws the version that last wrote each row, on the right side. */
static void rows_draw_versions(const struct rows_page *page, int at)
{
	char text[DESCRIBED_MAX];

	screen_put(1, at, screen_columns() - at, true, HEADING, "(version)");
	for (size_t i = 0; i < page->count && i < rows_capacity(); i++)
		screen_put(2 + (int)i, at, screen_columns() - at, true, DIM,
		           describe_number(page->rows[i].version, text));
}

void rows_draw(struct rows_page *page)
{
	int at = 0;

	screen_line(1, HEADING, "");
	if (page->schema) {
		for (size_t i = (size_t)page->shift; i < page->schema->column_count; i++) {
			int width = rows_column_width(page, i);

			if (at >= screen_columns())
				break;
			rows_draw_column(page, i, at, width);
			at += width + 2;
		}
		if (at + 9 <= screen_columns())
			rows_draw_versions(page, at);
		if (page->count == 0 && !*page->message)
			screen_line(2, DIM, "the table has no rows");
	}
	if (*page->message)
		screen_line(screen_rows() - 2, WARN, page->message);
}

void rows_title(const struct rows_page *page, char *buffer, size_t size)
{
	char rows[GROUPED_SIZE], version[GROUPED_SIZE];

	if (page->snapshot && page->schema)
		snprintf(buffer, size, "%s/%s  %s rows at version %s", page->region, page->name,
		         describe_grouped(stele_table_rows(&page->table), rows),
		         describe_grouped(stele_snapshot_version(page->snapshot), version));
	else
		snprintf(buffer, size, "%s/%s", page->region, page->name);
}
