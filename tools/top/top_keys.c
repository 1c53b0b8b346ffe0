/* SPDX-License-Identifier: MIT
 * Handles the keys of top on each page, and the way from page to page. */
#include <curses.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "tools/base/clock.h"
#include "tools/top/top.h"
#include "tools/top/top_keys.h"
#include "tools/top/top_list.h"
#include "tools/top/top_region.h"
#include "tools/top/top_regions.h"
#include "tools/top/top_rows.h"
#include "tools/top/top_sample.h"
#include "tools/top/top_screen.h"

/* ---- updating ---- */

/* Checks whether a key or a signal is waiting. An update of many regions takes long, and must
 * not delay them. */
static bool keys_is_wanted(void *context)
{
	const struct top *top = context;
	struct pollfd fds[] = {{.fd = top->signals, .events = POLLIN},
	                       {.fd = STDIN_FILENO, .events = POLLIN}};

	return poll(fds, 2, 0) > 0;
}

void keys_refresh(struct top *top)
{
	switch (top->page) {
	case PAGE_REGIONS:
		regions_sample(&top->regions, top->place, top->interval, keys_is_wanted, top);
		break;
	case PAGE_ROWS:
		if (!rows_searches(top->rows))
			rows_refresh(top->rows, false);
		/* Update the page of the region too: the user may go back to that page. */
		__attribute__((fallthrough));
	case PAGE_REGION:
		sample_region(top->place, &top->region.region);
		region_arrange(&top->region);
		break;
	}
	top->next = clock_now() + top->interval;
}

/* ---- pages ---- */

static void keys_open_region(struct top *top, const char *name)
{
	region_free(&top->region);
	region_open_page(&top->region, name);
	top->page = PAGE_REGION;
	keys_refresh(top);
}

static void keys_enter(struct top *top)
{
	const char *name = top->page == PAGE_REGIONS  ? regions_selected(&top->regions)
	                   : top->page == PAGE_REGION ? region_selected_table(&top->region)
	                                              : NULL;

	if (!name)
		return;
	if (top->page == PAGE_REGIONS) {
		keys_open_region(top, name);
	} else {
		top->rows = rows_open(top->place, top->region.region.name, name);
		top->page = PAGE_ROWS;
	}
}

static void keys_go_back(struct top *top)
{
	if (top->page == PAGE_ROWS) {
		top->rows = rows_close(top->rows);
		top->page = PAGE_REGION;
	} else if (top->page == PAGE_REGION && !top->only_one) {
		top->page = PAGE_REGIONS;
	} else {
		top->quit = true;
		return;
	}
	if (!top->paused)
		keys_refresh(top);
}

/* ---- keys ---- */

static void keys_arrange(struct top *top)
{
	if (top->page == PAGE_REGIONS)
		regions_arrange(&top->regions);
	else if (top->page == PAGE_REGION)
		region_arrange(&top->region);
}

static void keys_set_filter(struct top *top, const char *text)
{
	struct list *list =
		top->page == PAGE_REGIONS ? &top->regions.list : region_list(&top->region);

	snprintf(list->filter, sizeof(list->filter), "%s", text);
	keys_arrange(top);
}

static void keys_prompt_done(struct top *top)
{
	enum prompt prompt = top->prompt;

	top->prompt = PROMPT_NONE;
	if (prompt == PROMPT_FILTER) {
		keys_set_filter(top, top->input);
	} else if (prompt == PROMPT_KEY) {
		rows_go_to(top->rows, top->input);
	} else {
		memcpy(top->search, top->input, sizeof(top->search));
		rows_search(top->rows, top->search);
	}
}

static void keys_edit_prompt(struct top *top, int key)
{
	size_t length = strlen(top->input);

	if (key == 27) {
		top->prompt = PROMPT_NONE;
	} else if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		keys_prompt_done(top);
	} else if (key == KEY_BACKSPACE || key == 127 || key == 8) {
		/* Remove a complete UTF-8 character. */
		while (length > 0 && ((unsigned char)top->input[length - 1] & 0xc0) == 0x80)
			length--;
		top->input[length > 0 ? length - 1 : 0] = '\0';
	} else if (key >= ' ' && key < 256 && key != 127 && length + 1 < sizeof(top->input)) {
		top->input[length] = (char)key;
		top->input[length + 1] = '\0';
	}
	if (top->prompt == PROMPT_FILTER)
		keys_set_filter(top, top->input);
}

static void keys_ask(struct top *top, enum prompt prompt)
{
	top->prompt = prompt;
	top->input[0] = '\0';
}

static void keys_move_by(struct top *top, long by)
{
	if (top->page == PAGE_REGIONS)
		regions_move(&top->regions, by);
	else if (top->page == PAGE_REGION)
		region_move(&top->region, by);
	else
		rows_move(top->rows, by);
}

static bool keys_move(struct top *top, int key)
{
	long screen = screen_rows() > 5 ? screen_rows() - 4 : 1;
	bool rows = top->page == PAGE_ROWS;

	switch (key) {
	case KEY_UP:
	case 'k':
		keys_move_by(top, -1);
		break;
	case KEY_DOWN:
	case 'j':
		keys_move_by(top, 1);
		break;
	case KEY_PPAGE:
		keys_move_by(top, -screen);
		break;
	case KEY_NPAGE:
		keys_move_by(top, screen);
		break;
	case KEY_HOME:
		if (rows)
			rows_first(top->rows);
		else
			keys_move_by(top, -1000000);
		break;
	case KEY_END:
		if (rows)
			rows_last(top->rows);
		else
			keys_move_by(top, 1000000);
		break;
	default:
		return false;
	}
	return true;
}

static void keys_toggle_pause(struct top *top)
{
	top->paused = !top->paused;
	if (!top->paused)
		keys_refresh(top);
}

static void keys_change_interval(struct top *top, bool faster)
{
	int64_t interval = faster ? top->interval / 2 : top->interval * 2;

	if (interval >= FASTEST && interval <= SLOWEST)
		top->interval = interval;
	top->next = clock_now() + top->interval;
}

/* Handles the keys that only the page of rows has. Returns false for other keys. */
static bool keys_press_rows(struct top *top, int key)
{
	if (top->page != PAGE_ROWS)
		return false;
	switch (key) {
	case '/':
		keys_ask(top, PROMPT_SEARCH);
		return true;
	case 'g':
		keys_ask(top, PROMPT_KEY);
		return true;
	case 'n':
		if (*top->search)
			rows_search(top->rows, top->search);
		return true;
	case '<':
	case KEY_LEFT:
		rows_shift(top->rows, -1);
		return true;
	case '>':
	case KEY_RIGHT:
		rows_shift(top->rows, 1);
		return true;
	default:
		return false;
	}
}

/* Handles the keys that only pages with lists have. Returns false for other keys. */
static bool keys_press_list(struct top *top, int key)
{
	struct list *list;

	if (top->page == PAGE_ROWS)
		return false;
	list = top->page == PAGE_REGIONS ? &top->regions.list : region_list(&top->region);
	switch (key) {
	case 's':
		if (top->page == PAGE_REGIONS)
			regions_sort_next(&top->regions);
		else
			region_sort_next(&top->region);
		return true;
	case 'r':
		list->reverse = !list->reverse;
		keys_arrange(top);
		return true;
	case '/':
		keys_ask(top, PROMPT_FILTER);
		return true;
	case '\t':
		top->region.on_subscribers = !top->region.on_subscribers;
		return true;
	case 27:
		/* Escape first removes the filter. */
		if (!*list->filter)
			return false;
		keys_set_filter(top, "");
		return true;
	default:
		return false;
	}
}

void keys_press(struct top *top, int key)
{
	if (top->help) {
		top->help = false;
		return;
	}
	if (top->prompt != PROMPT_NONE) {
		keys_edit_prompt(top, key);
		return;
	}
	if (keys_move(top, key) || keys_press_rows(top, key) || keys_press_list(top, key))
		return;
	switch (key) {
	case 'Q':
		top->quit = true;
		break;
	case 'q':
	case 27:
		keys_go_back(top);
		break;
	case '\n':
	case '\r':
	case KEY_ENTER:
		keys_enter(top);
		break;
	case ' ':
	case 'p':
		keys_toggle_pause(top);
		break;
	case '+':
	case '-':
		keys_change_interval(top, key == '+');
		break;
	case '?':
	case 'h':
		top->help = true;
		break;
	default:
		break;
	}
}
