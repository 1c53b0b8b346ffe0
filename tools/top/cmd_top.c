/* SPDX-License-Identifier: MIT
 * stele top: shows regions on a terminal as they change.
 *
 * One loop waits for a key, a signal, or the time of the next update. Signals are read from a
 * descriptor, so that none interrupts a frame. All signals that would end the process end the loop
 * as the key q does, except those of a fault, which screen_guard() handles. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/top/top.h"
#include "tools/top/top_keys.h"
#include "tools/top/top_list.h"
#include "tools/top/top_region.h"
#include "tools/top/top_regions.h"
#include "tools/top/top_rows.h"
#include "tools/top/top_screen.h"

static const char doc[] =
	"Examples:\n"
	"  stele top\n"
	"  stele top --interval 0.2 net\n"
	"\n"
	"Shows on a terminal how fast a region changes: versions and rows per second, "
	"memory, publisher, tables, and subscribers with the number of versions that each is "
	"behind. Without REGION, shows all regions; one of them can be selected."
	"\v"
	"Keys: the arrows, Page Up, Page Down, Home and End move; Enter opens the region, or "
	"the table; Esc or q goes back; Tab switches between tables and subscribers; s sorts "
	"by the next column, r reverses the order; / filters, or searches in a table, and n "
	"goes to the next match; g goes to a key; the space bar pauses; + and - update "
	"twice, or half, as often; ? shows all keys.\n"
	"\n"
	"A rate that starts with ~ is that of the commits that history still held. top opens "
	"the region for each update and closes it again, has no slot, and costs the "
	"publisher nothing. Only while a table is open, it is registered, and pins the "
	"version that is shown.\n";

/* Keys of options that have no short form. */
enum { OPTION_INTERVAL = OPTION_OTHERS };

static error_t top_parse(int key, char *argument, struct argp_state *state)
{
	struct top *top = state->input;

	if (key != OPTION_INTERVAL)
		return ARGP_ERR_UNKNOWN;
	if (parse_seconds("--interval", argument, &top->interval) != STATUS_DONE)
		return EINVAL;
	if (top->interval < FASTEST || top->interval > SLOWEST) {
		fail(STATUS_INPUT, "--interval: invalid value \"%s\" (expected 0.05 to 60 seconds)",
		     argument);
		return EINVAL;
	}
	return 0;
}

/* ---- drawing ---- */

static void top_draw_title(const struct top *top)
{
	char text[256], left[200], clock[16], right[64];
	time_t seconds = time(NULL);
	struct tm local;

	switch (top->page) {
	case PAGE_REGIONS:
		snprintf(left, sizeof(left), "all regions%s%s", top->place->directory ? " of " : "",
		         top->place->directory ? top->place->directory : "");
		break;
	case PAGE_REGION:
		snprintf(left, sizeof(left), "%s", top->region.region.name);
		break;
	case PAGE_ROWS:
		rows_title(top->rows, left, sizeof(left));
		break;
	}
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&seconds, &local));
	snprintf(text, sizeof(text), " stele top  %s", left);
	screen_line(0, BAR, text);
	if (top->paused)
		snprintf(right, sizeof(right), " PAUSED ");
	else
		snprintf(right, sizeof(right), " every %gs  %s ",
		         (double)top->interval / (double)NSEC_PER_SEC, clock);
	if (screen_columns() >= 60 || top->paused)
		screen_put(0, screen_columns() - (int)strlen(right), (int)strlen(right), true, BAR,
		           right);
}

static const struct list *top_filtered_list(struct top *top)
{
	return top->page == PAGE_REGIONS ? &top->regions.list : region_list(&top->region);
}

static void top_draw_status(struct top *top)
{
	static const char *const keys[] = {
		[PAGE_REGIONS] =
			"Enter open  s sort  r reverse  / filter  space pause  ? keys  q quit",
		[PAGE_REGION] =
			"Enter rows  Tab list  s sort  r reverse  / filter  space pause  ? keys  q back",
		[PAGE_ROWS] =
			"/ search  n next  g go to key  < > columns  space pause  ? keys  q back",
	};
	static const char *const prompts[] = {
		[PROMPT_FILTER] = "filter: ", [PROMPT_SEARCH] = "search: ", [PROMPT_KEY] = "key: "};
	int row = screen_rows() - 1;
	char text[192];
	enum style style;

	if (top->prompt != PROMPT_NONE)
		snprintf(text, sizeof(text), "%s%s_", prompts[top->prompt], top->input);
	else if (top->page != PAGE_ROWS && *top_filtered_list(top)->filter)
		snprintf(text, sizeof(text),
		         "filtered by \"%s\" (/ changes the filter, Esc removes it)",
		         top_filtered_list(top)->filter);
	else if (top->page == PAGE_ROWS &&
	         region_alarm(&top->region.region, text, sizeof(text), &style)) {
		screen_line(row, style, text);
		return;
	} else {
		snprintf(text, sizeof(text), "%s", keys[top->page]);
	}
	screen_line(row, top->prompt != PROMPT_NONE ? STRONG : DIM, text);
}

static void top_draw_help(void)
{
	static const char *const lines[] = {
		"arrows, Page Up/Down, Home, End   move",
		"Enter     open the region, or the table",
		"Esc, q    go back; Q quits",
		"Tab       switch between tables and subscribers",
		"s, r      sort by the next column; reverse the order",
		"/         filter by a text; in a table, search for it",
		"n, g      go to the next match; go to a key",
		"< >       scroll the columns of a table",
		"space     pause",
		"+ -       update twice, or half, as often",
		"Ctrl-L    redraw the screen",
	};

	for (int i = 0; i < (int)(sizeof(lines) / sizeof(lines[0])); i++)
		screen_line(1 + i, PLAIN, lines[i]);
}

static void top_draw(struct top *top)
{
	if (!screen_begin())
		return;
	if (top->help)
		top_draw_help();
	else if (top->page == PAGE_REGIONS)
		regions_draw(&top->regions);
	else if (top->page == PAGE_REGION)
		region_draw(&top->region);
	else
		rows_draw(top->rows);
	top_draw_title(top);
	top_draw_status(top);
	screen_end();
}

/* ---- signals ---- */

/* Blocks signals, and returns a descriptor to read them from: those that would end the process, and
 * those of a terminal. Leaves out signals of a fault (see screen_guard()), those that stop a
 * process in the background, those that are ignored by default, and those that were ignored when
 * the command started. */
static int top_open_signals(void)
{
	static const int left_out[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGABRT, SIGTRAP,
	                               SIGSYS,  SIGTTIN, SIGTTOU, SIGCHLD, SIGURG};
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		sigdelset(&set, left_out[i]);
	stop_leave_ignored(&set);
	/* top needs these two, and neither would end it. */
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGCONT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Reacts to a new size of the terminal. Reads the rows of a table again, even while top is paused,
 * because more rows may fit now. */
static void top_resize(struct top *top)
{
	screen_resize();
	if (top->page == PAGE_ROWS && !rows_searches(top->rows))
		rows_refresh(top->rows, true);
}

static void top_take_signals(struct top *top)
{
	struct signalfd_siginfo signal;

	while (read(top->signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
		if (signal.ssi_signo == SIGWINCH)
			top_resize(top);
		else if (signal.ssi_signo == SIGCONT)
			screen_redraw();
		else if (signal.ssi_signo == SIGTSTP)
			screen_suspend();
		else
			top->quit = true;
	}
}

/* ---- the loop ---- */

/* Returns the timeout for poll(2) in milliseconds, rounded up; -1 while top is paused. */
static int top_time_left(const struct top *top)
{
	int64_t left = top->next - clock_now();

	if (top->page == PAGE_ROWS && rows_searches(top->rows))
		return 0;
	if (top->paused)
		return -1;
	return left <= 0 ? 0 : (int)((left + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
}

static void top_take_keys(struct top *top)
{
	int key;

	while (!top->quit && (key = screen_key()) >= 0) {
		if (key == ('L' & 31))
			screen_redraw();
		else if (top->page == PAGE_ROWS && rows_searches(top->rows))
			rows_search_stop(top->rows);
		else
			keys_press(top, key);
	}
}

static void top_run_loop(struct top *top)
{
	keys_refresh(top);
	while (!top->quit) {
		struct pollfd fds[] = {{.fd = top->signals, .events = POLLIN},
		                       {.fd = STDIN_FILENO, .events = POLLIN}};

		top_draw(top);
		poll(fds, 2, top_time_left(top));
		top_take_signals(top);
		/* The terminal was closed. */
		if (fds[1].revents & (POLLHUP | POLLERR | POLLNVAL))
			break;
		top_take_keys(top);
		if (top->page == PAGE_ROWS && rows_searches(top->rows))
			rows_search_on(top->rows);
		if (!top->paused && clock_now() >= top->next)
			keys_refresh(top);
	}
}

static enum status top_check_region(const struct place *place, const char *name)
{
	struct stele_region_info info = {.size = sizeof(info)};
	int result = stele_name_check("region", name);

	if (result < 0)
		return fail_library(result);
	result = stele_region_describe(place_path(place, name), &info);
	return result < 0 ? fail_region(place, name, result) : STATUS_DONE;
}

static enum status top_run(int argc, char **argv)
{
	struct top top = {.interval = NSEC_PER_SEC};
	enum status status = STATUS_DONE;
	struct call call;
	int count = options_parse(&command_top, argc, argv, &top, &call);

	if (count > 1)
		return fail_usage("top", "expected at most one REGION");
	/* Must come before the library installs its handler of SIGBUS, which passes on other faults
	 * to the handler that it replaces. */
	screen_guard();
	top.place = &call.place;
	top.only_one = count == 1;
	if (top.only_one)
		status = top_check_region(&call.place, call.operands[0]);
	if (status != STATUS_DONE)
		return status;
	top.signals = top_open_signals();
	if (top.signals < 0)
		return stop_fail();
	status = screen_open();
	if (status != STATUS_DONE)
		return status;
	region_open_page(&top.region, top.only_one ? call.operands[0] : "");
	top.page = top.only_one ? PAGE_REGION : PAGE_REGIONS;
	top_run_loop(&top);
	screen_close();
	rows_close(top.rows);
	region_free(&top.region);
	regions_free(&top.regions);
	return STATUS_DONE;
}

const struct command command_top = {
	.name = "top",
	.summary = "show regions on a terminal as they change",
	.usage = "[REGION]",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"interval", OPTION_INTERVAL, "SECONDS", 0,
                         "Time between updates, from 0.05 to 60 (default: 1)", 0},
			{0},
		},
	.parse = top_parse,
	.reads = true,
	.run = top_run,
};
