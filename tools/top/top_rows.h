/* SPDX-License-Identifier: MIT
 * The page of a table's rows. Called by cmd_top.c and top_keys.c. */
#ifndef TOOLS_TOP_TOP_ROWS_H
#define TOOLS_TOP_TOP_ROWS_H

#include <stdbool.h>
#include <stddef.h>

struct place;
struct rows_page;

/* Opens the page, and reads its first rows. Never returns NULL: an error is shown on the page. */
struct rows_page *rows_open(const struct place *place, const char *region, const char *table);
/* Reads the rows on the screen from the newest version, or, with `hold`, from the version on the
 * screen if that is still readable. */
void rows_refresh(struct rows_page *page, bool hold);
void rows_draw(struct rows_page *page);
/* Moves down by `by` rows (up if negative). Stops at the first and the last row. */
void rows_move(struct rows_page *page, long by);
void rows_shift(struct rows_page *page, int columns); /* scrolls sideways */
void rows_first(struct rows_page *page);
void rows_last(struct rows_page *page);
/* Goes to the first row at or after a key, or the start of a key. Shows an error message if
 * `key` cannot be one. */
void rows_go_to(struct rows_page *page, const char *key);
/* Starts a search for the next row that has the text in any column. rows_search_on() continues
 * it, in bounded steps, until that returns false. */
void rows_search(struct rows_page *page, const char *text);
bool rows_search_on(struct rows_page *page);
bool rows_searches(const struct rows_page *page);
void rows_search_stop(struct rows_page *page);
/* Writes the title: "REGION/TABLE 1,000 rows at version 7". */
void rows_title(const struct rows_page *page, char *buffer, size_t size);
struct rows_page *rows_close(struct rows_page *page);

#endif
