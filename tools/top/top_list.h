/* SPDX-License-Identifier: MIT
 *
 * A list on the screen: columns as many as fit, rows sorted by one of them, filtered, and
 * scrolled so that the selected one is seen. What the rows are, a list does not know. */
#ifndef TOOLS_TOP_TOP_LIST_H
#define TOOLS_TOP_TOP_LIST_H

#include "tools/top/top_screen.h"
#include "tools/top/top_series.h"

#define LIST_TEXT    160
#define LIST_COLUMNS 12

struct list_cell {
	char text[LIST_TEXT];
	double number; /* what it is sorted by; where all are equal, by the text */
	enum style style;
	const struct series *series; /* drawn instead of the text; NULL: none */
};

struct list_column {
	const char *title;
	int width; /* at least */
	bool right;
	bool largest_first; /* when it is sorted by */
	bool stretches;     /* one of the columns takes what the others leave */
	int rank;           /* where there is no room for all, those with the highest go first */
};

/* The rows of a list. */
struct list_rows {
	const struct list_column *columns;
	size_t column_count; /* at most LIST_COLUMNS */
	size_t count;
	const void *context;
	void (*cell)(const void *context, size_t row, size_t column, struct list_cell *ret);
};

/* What the user has made of a list. Start one with the column to sort by, and the rest zero. */
struct list {
	size_t sort;
	bool reverse;
	char filter[64]; /* only rows that have this text somewhere; "" for all */
	/* The list's own: */
	size_t *order; /* the rows shown, in order */
	size_t shown;
	size_t selected, first;        /* positions in it */
	size_t drawn;                  /* from the first on */
	char selected_text[LIST_TEXT]; /* first column of the selected row, which stays selected */
};

/* Sorts and filters; to be called when the rows are others. */
void list_arrange(struct list *list, const struct list_rows *rows);
/* Draws a line of titles, the first with how many rows there are, and below it the rows. */
void list_draw(struct list *list, const struct list_rows *rows, int row, int height, bool focused);
void list_move(struct list *list, const struct list_rows *rows, long by);
void list_sort_next(struct list *list, const struct list_rows *rows);
/* The rows that were drawn last: calls `each` with their indices. */
void list_each_drawn(const struct list *list, void (*each)(void *context, size_t row),
                     void *context);
/* The row that is selected: true, or false where the list is empty. */
bool list_selected(const struct list *list, size_t *ret_row);
void list_free(struct list *list);

#endif
