/* SPDX-License-Identifier: MIT
 * A list on the screen: as many columns as fit; rows that are sorted by a column, filtered, and
 * scrolled so that the selected row is visible. The list knows its rows only through a callback
 * that makes their cells. Used by the page of all regions and the page of one region. */
#ifndef TOOLS_TOP_TOP_LIST_H
#define TOOLS_TOP_TOP_LIST_H

#include "tools/top/top_screen.h"
#include "tools/top/top_series.h"

#define LIST_TEXT    160
#define LIST_COLUMNS 12

struct list_cell {
	char text[LIST_TEXT];
	double number; /* sort key; rows with equal numbers are sorted by text */
	enum style style;
	const struct series *series; /* drawn instead of `text`; or NULL */
};

struct list_column {
	const char *title;
	int width;          /* minimum width, in columns of the screen */
	bool right;         /* aligned to the right */
	bool largest_first; /* order when the list is sorted by this column */
	bool stretches;     /* takes the width that the other columns leave */
	int rank;           /* columns of the highest rank are left out first; 0: never */
};

/* The rows of a list, and how to make a cell of them. */
struct list_rows {
	const struct list_column *columns;
	size_t column_count; /* at most LIST_COLUMNS */
	size_t count;
	const void *context;
	void (*cell)(const void *context, size_t row, size_t column, struct list_cell *ret);
};

/* The state of a list on the screen. Initialize it with the column to sort by, and the rest
 * zero. */
struct list {
	size_t sort;
	bool reverse;
	char filter[64]; /* show only rows with this text in a cell; "": all */
	/* Private to top_list.c: */
	size_t *order;                 /* indices of the shown rows, in their order */
	size_t shown;                  /* number of indices in `order` */
	size_t selected, first;        /* positions in `order`: selected row, top row */
	size_t drawn;                  /* number of lines drawn from `first` on */
	char selected_text[LIST_TEXT]; /* first cell of the selected row, to find the row again */
};

/* Filters and sorts the rows. Must be called when the rows have changed. */
void list_arrange(struct list *list, const struct list_rows *rows);
/* Draws a line of titles, and the rows below it. The first title has the number of rows. */
void list_draw(struct list *list, const struct list_rows *rows, int row, int height, bool focused);
/* Moves the selection down by `by` rows (up if negative). Stops at the first and the last row. */
void list_move(struct list *list, const struct list_rows *rows, long by);
/* Sorts by the next column. Skips columns of series, which have no order. */
void list_sort_next(struct list *list, const struct list_rows *rows);
/* Calls `each` with the index of each row on the screen. */
void list_each_drawn(const struct list *list, void (*each)(void *context, size_t row),
                     void *context);
/* Sets `*ret_row` to the index of the selected row. Returns false if the list is empty. */
bool list_selected(const struct list *list, size_t *ret_row);
void list_free(struct list *list);

#endif
