/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/heap.h"
#include "tools/top/top_list.h"
#include "tools/top/top_screen.h"
#include "tools/top/top_series.h"

/* ---- order ---- */

struct sorting {
	struct list_cell *cells; /* cells of the column to sort by, one for each row */
	bool down;               /* largest first */
};

static int list_compare(const void *a, const void *b, void *context)
{
	const struct sorting *sorting = context;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	const struct list_cell *left = &sorting->cells[x], *right = &sorting->cells[y];
	int order = (left->number > right->number) - (left->number < right->number);

	if (order == 0)
		order = strcmp(left->text, right->text);
	if (sorting->down)
		order = -order;
	return order != 0 ? order : (x > y) - (x < y);
}

static void list_sort(struct list *list, const struct list_rows *rows)
{
	struct sorting sorting = {
		.cells = heap_realloc(NULL, rows->count * sizeof(*sorting.cells)),
		.down = rows->columns[list->sort].largest_first != list->reverse,
	};

	for (size_t i = 0; i < list->shown; i++) {
		struct list_cell *cell = &sorting.cells[list->order[i]];

		*cell = (struct list_cell){0};
		rows->cell(rows->context, list->order[i], list->sort, cell);
	}
	qsort_r(list->order, list->shown, sizeof(*list->order), list_compare, &sorting);
	free(sorting.cells);
}

static bool list_passes(const struct list *list, const struct list_rows *rows, size_t row)
{
	for (size_t i = 0; i < rows->column_count; i++) {
		struct list_cell cell = {0};

		rows->cell(rows->context, row, i, &cell);
		if (!cell.series && strcasestr(cell.text, list->filter))
			return true;
	}
	return false;
}

static void list_remember_selected(struct list *list, const struct list_rows *rows)
{
	struct list_cell cell = {0};

	if (list->selected >= list->shown)
		return;
	rows->cell(rows->context, list->order[list->selected], 0, &cell);
	memcpy(list->selected_text, cell.text, sizeof(cell.text));
}

/* Selects the row that was selected before, which is found by its first cell. If it is gone,
 * selects the row at its position. */
static void list_find_selected(struct list *list, const struct list_rows *rows)
{
	for (size_t i = 0; i < list->shown && *list->selected_text; i++) {
		struct list_cell cell = {0};

		rows->cell(rows->context, list->order[i], 0, &cell);
		if (strcmp(cell.text, list->selected_text) == 0) {
			list->selected = i;
			return;
		}
	}
	if (list->selected >= list->shown)
		list->selected = list->shown ? list->shown - 1 : 0;
	list_remember_selected(list, rows);
}

void list_arrange(struct list *list, const struct list_rows *rows)
{
	list->order = heap_realloc(list->order, (rows->count + 1) * sizeof(*list->order));
	list->shown = 0;
	for (size_t i = 0; i < rows->count; i++)
		if (!*list->filter || list_passes(list, rows, i))
			list->order[list->shown++] = i;
	if (list->shown > 1)
		list_sort(list, rows);
	list_find_selected(list, rows);
}

void list_move(struct list *list, const struct list_rows *rows, long by)
{
	long to = (long)list->selected + by;

	if (to >= (long)list->shown)
		to = (long)list->shown - 1;
	list->selected = to < 0 ? 0 : (size_t)to;
	list_remember_selected(list, rows);
}

/* Without rows, takes the next column: only a cell shows whether its column has series. */
void list_sort_next(struct list *list, const struct list_rows *rows)
{
	for (size_t i = 0; i < rows->column_count; i++) {
		struct list_cell cell = {0};

		list->sort = (list->sort + 1) % rows->column_count;
		if (rows->count)
			rows->cell(rows->context, 0, list->sort, &cell);
		if (!cell.series)
			break;
	}
	list->reverse = false;
	list_arrange(list, rows);
}

bool list_selected(const struct list *list, size_t *ret_row)
{
	if (list->selected >= list->shown)
		return false;
	*ret_row = list->order[list->selected];
	return true;
}

void list_each_drawn(const struct list *list, void (*each)(void *context, size_t row),
                     void *context)
{
	for (size_t i = 0; i < list->drawn && list->first + i < list->shown; i++)
		each(context, list->order[list->first + i]);
}

void list_free(struct list *list)
{
	free(list->order);
	*list = (struct list){0};
}

/* ---- drawing ---- */

/* Computes the width of each column; 0 for those that do not fit. */
static void list_fit(const struct list_rows *rows, int widths[LIST_COLUMNS])
{
	int columns_left = screen_columns() + 1, worst = 0, stretching = -1;

	for (size_t i = 0; i < rows->column_count; i++) {
		widths[i] = rows->columns[i].width;
		columns_left -= widths[i] + 1;
		if (rows->columns[i].rank > worst)
			worst = rows->columns[i].rank;
	}
	for (; columns_left < 0 && worst > 0; worst--)
		for (size_t i = rows->column_count; i-- > 0 && columns_left < 0;)
			if (rows->columns[i].rank == worst) {
				columns_left += widths[i] + 1;
				widths[i] = 0;
			}
	for (size_t i = 0; i < rows->column_count; i++)
		if (widths[i] && rows->columns[i].stretches)
			stretching = (int)i;
	if (stretching < 0)
		stretching = 0;
	if (columns_left > 0 || widths[stretching] + columns_left > 0)
		widths[stretching] += columns_left;
}

static void list_draw_titles(const struct list *list, const struct list_rows *rows,
                             const int widths[LIST_COLUMNS], int row, bool focused)
{
	char text[LIST_TEXT];

	screen_line(row, HEADING, "");
	for (int i = 0, at = 0; i < (int)rows->column_count; i++) {
		const struct list_column *column = &rows->columns[i];
		bool sorted = list->sort == (size_t)i;
		bool down = column->largest_first != list->reverse;
		const char *mark = !sorted               ? ""
		                   : screen_has_blocks() ? (down ? "▾" : "▴")
		                                         : (down ? "v" : "^");

		if (!widths[i])
			continue;
		if (i > 0)
			snprintf(text, sizeof(text), "%s%s", column->title, mark);
		else if (list->shown < rows->count)
			snprintf(text, sizeof(text), "%s%s %zu of %zu", column->title, mark,
			         list->shown, rows->count);
		else
			snprintf(text, sizeof(text), "%s%s %zu", column->title, mark, rows->count);
		screen_put(row, at, widths[i], column->right, focused && i == 0 ? STRONG : HEADING,
		           text);
		at += widths[i] + 1;
	}
}

static void list_draw_cell(const struct list_cell *cell, const struct list_column *column, int row,
                           int at, int width, bool selected)
{
	char picture[SERIES_TEXT];

	if (!cell->series) {
		screen_put(row, at, width, column->right, selected ? SELECTED : cell->style,
		           cell->text);
		return;
	}
	series_draw(cell->series, (unsigned)width, 0, screen_has_blocks(), picture);
	screen_put(row, at, width, true, selected ? SELECTED : cell->style, picture);
}

void list_draw(struct list *list, const struct list_rows *rows, int row, int height, bool focused)
{
	int widths[LIST_COLUMNS];
	size_t lines = height > 1 ? (size_t)height - 1 : 0;

	list_fit(rows, widths);
	list_draw_titles(list, rows, widths, row, focused);
	if (list->selected < list->first || !focused)
		list->first = focused ? list->selected : list->first;
	if (lines && focused && list->selected >= list->first + lines)
		list->first = list->selected - lines + 1;
	if (list->first + lines > list->shown)
		list->first = list->shown > lines ? list->shown - lines : 0;
	list->drawn = lines;
	for (size_t i = 0; i < lines && list->first + i < list->shown; i++) {
		bool selected = focused && list->first + i == list->selected;
		int y = row + 1 + (int)i;

		if (selected)
			screen_line(y, SELECTED, "");
		for (int j = 0, at = 0; j < (int)rows->column_count; j++) {
			struct list_cell cell = {0};

			if (!widths[j])
				continue;
			rows->cell(rows->context, list->order[list->first + i], (size_t)j, &cell);
			list_draw_cell(&cell, &rows->columns[j], y, at, widths[j], selected);
			at += widths[j] + 1;
		}
	}
}
