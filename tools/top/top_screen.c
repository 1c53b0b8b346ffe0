/* SPDX-License-Identifier: MIT */
#include <curses.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/output/colour.h"
#include "tools/top/top_screen.h"

#define ESCAPE_DELAY 25 /* milliseconds after which an escape is the key Esc */

static SCREEN *screen;
static bool blocks, colours;
static int standard_error = -1; /* the original standard error while the screen is open */
static int said = -1;           /* the file that holds messages meanwhile */

/* Data for screen_on_fault() to restore the terminal: the settings, and the text that endwin()
 * would write. Prepared when the screen is opened, because a handler may not call curses. */
static struct termios settings_before;
static char leaving[256];
static size_t leaving_length;
static _Atomic bool taken; /* the terminal is in the mode of curses */

static attr_t screen_attributes(enum style style)
{
	static const struct {
		attr_t plain, coloured;
		short pair;
	} attributes[] = {
		[PLAIN] = {A_NORMAL, A_NORMAL, 0},
		[DIM] = {A_DIM, A_DIM, 0},
		[STRONG] = {A_BOLD, A_BOLD, 0},
		[GOOD] = {A_NORMAL, A_NORMAL, GOOD},
		[WARN] = {A_BOLD, A_NORMAL, WARN},
		[BAD] = {A_BOLD, A_BOLD, BAD},
		[ACCENT] = {A_BOLD, A_BOLD, ACCENT},
		[SPARK] = {A_NORMAL, A_NORMAL, SPARK},
		[BAR] = {A_REVERSE, A_BOLD, BAR},
		[HEADING] = {A_UNDERLINE, A_UNDERLINE, HEADING},
		[SELECTED] = {A_REVERSE, A_REVERSE, 0},
	};

	return colours ? attributes[style].coloured | (attr_t)COLOR_PAIR(attributes[style].pair)
	               : attributes[style].plain;
}

static void screen_start_colours(void)
{
	colours = !colour_is_refused() && has_colors() && start_color() != ERR &&
	          use_default_colors() != ERR;
	if (!colours)
		return;
	init_pair(GOOD, COLOR_GREEN, -1);
	init_pair(WARN, COLOR_YELLOW, -1);
	init_pair(BAD, COLOR_RED, -1);
	init_pair(ACCENT, COLOR_CYAN, -1);
	init_pair(SPARK, COLOR_BLUE, -1);
	init_pair(BAR, COLOR_WHITE, COLOR_BLUE);
	init_pair(HEADING, COLOR_CYAN, -1);
}

/* Teaches curses both codes of each arrow key. Which of the two a key sends depends on the mode of
 * the terminal, and the key may be pressed before the mode changes. Both codes start with an
 * escape, so an unknown code would be taken for the key Esc. */
static void screen_know_keys(void)
{
	static const struct {
		char last;
		int key;
	} keys[] = {
		{'A', KEY_UP},   {'B', KEY_DOWN}, {'C', KEY_RIGHT},
		{'D', KEY_LEFT}, {'H', KEY_HOME}, {'F', KEY_END},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		define_key((char[]){27, '[', keys[i].last, 0}, keys[i].key);
		define_key((char[]){27, 'O', keys[i].last, 0}, keys[i].key);
	}
}

/* Redirects standard error to a file, so that messages are not written over the screen. */
static void screen_keep_messages(void)
{
	fflush(stderr);
	said = memfd_create("said", MFD_CLOEXEC);
	standard_error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (said >= 0 && standard_error >= 0)
		dup2(said, STDERR_FILENO);
}

/* Restores standard error, and writes the messages that were kept. */
static void screen_release_messages(void)
{
	char text[1024];
	ssize_t got;

	fflush(stderr);
	if (standard_error < 0)
		return;
	dup2(standard_error, STDERR_FILENO);
	lseek(said, 0, SEEK_SET);
	while ((got = read(said, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)got, stderr);
	close(standard_error);
	close(said);
	standard_error = said = -1;
}

void screen_message(char *buffer, size_t size)
{
	char text[1024] = "", *line;
	ssize_t got;

	fflush(stderr);
	buffer[0] = '\0';
	if (said < 0)
		return;
	got = pread(said, text, sizeof(text) - 1, 0);
	if (ftruncate(said, 0) == 0)
		lseek(said, 0, SEEK_SET);
	text[got > 0 ? got : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	line = strncmp(text, "stele: ", 7) == 0 ? text + 7 : text;
	snprintf(buffer, size, "%s", line);
}

/* ---- faults ---- */

/* Handles the signal of a fault: restores the terminal, only with functions that are safe in a
 * signal handler, and lets the default action kill the process. The raised signal is delivered
 * at once, or on return if it is blocked in its handler. */
static void screen_on_fault(int number)
{
	ssize_t written;

	if (taken) {
		tcflow(STDOUT_FILENO, TCOON);
		written = write(STDOUT_FILENO, leaving, leaving_length);
		(void)written;
		tcsetattr(STDOUT_FILENO, TCSANOW, &settings_before);
	}
	signal(number, SIG_DFL);
	raise(number);
}

void screen_guard(void)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
	struct sigaction action = {.sa_handler = screen_on_fault};

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
}

/* Appends a character to `leaving`; for tputs(). */
static int screen_collect(int character)
{
	if (leaving_length < sizeof(leaving))
		leaving[leaving_length++] = (char)character;
	return character;
}

/* Stores the text that endwin() would write in `leaving`. */
static void screen_prepare_restore(void)
{
	const char *const texts[] = {exit_attribute_mode, orig_pair, keypad_local, exit_ca_mode,
	                             cursor_normal};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i])
			tputs(texts[i], 1, screen_collect);
}

/* ---- the terminal ---- */

static void screen_ignore_signal(int number)
{
	(void)number;
}

/* Opens the terminal with a handler for SIGTSTP in place. Without a handler of the program, curses
 * ignores SIGTSTP while it draws, which discards a pending signal. */
static SCREEN *screen_open_terminal(void)
{
	const struct sigaction own = {.sa_handler = screen_ignore_signal};
	struct sigaction before;
	SCREEN *opened;

	sigaction(SIGTSTP, &own, &before);
	opened = newterm(NULL, stdout, stdin);
	/* From here on SIGTSTP is read from the descriptor, and screen_suspend() stops the
	 * process. */
	sigaction(SIGTSTP, &before, NULL);
	return opened;
}

enum status screen_open(void)
{
	const char *terminal = getenv("TERM");
	int error;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return fail(
			STATUS_INPUT,
			"top needs a terminal; for a file or a pipe, use 'stele list', 'stele show' or "
			"'stele trace'");
	setlocale(LC_CTYPE, "");
	blocks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	set_escdelay(ESCAPE_DELAY);
	if (setupterm(NULL, STDOUT_FILENO, &error) == ERR)
		return fail(STATUS_INPUT, "unknown terminal \"%s\" (TERM); try TERM=vt100",
		            terminal ? terminal : "");
	if (!cursor_address)
		return fail(STATUS_INPUT,
		            "terminal \"%s\" (TERM) cannot position its cursor; try TERM=vt100",
		            terminal);
	/* setupterm() was called only for the error messages above. */
	del_curterm(cur_term);
	tcgetattr(STDOUT_FILENO, &settings_before);
	screen = screen_open_terminal();
	if (!screen)
		return fail(STATUS_SYSTEM, "curses cannot initialize the terminal");
	screen_prepare_restore();
	taken = true;
	atexit(screen_close);
	screen_keep_messages();
	screen_start_colours();
	cbreak();
	noecho();
	nonl();
	/* Otherwise Ctrl-C could discard a key after curses saw it and before curses reads it.
	 * The read would then wait for the next key, in the middle of a frame. */
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	screen_know_keys();
	nodelay(stdscr, TRUE);
	curs_set(0);
	return STATUS_DONE;
}

void screen_close(void)
{
	if (!screen)
		return;
	/* Output that was stopped by Ctrl-S would keep endwin() waiting. */
	tcflow(STDOUT_FILENO, TCOON);
	endwin();
	taken = false;
	delscreen(screen);
	screen = NULL;
	screen_release_messages();
}

void screen_suspend(void)
{
	sigset_t stop;

	tcflow(STDOUT_FILENO, TCOON);
	endwin();
	taken = false;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &stop, NULL);
	/* The process stops in the call above. SIGCONT continues it here. */
	sigprocmask(SIG_BLOCK, &stop, NULL);
	taken = true;
	screen_resize();
}

void screen_resize(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	screen_redraw();
}

void screen_redraw(void)
{
	reset_prog_mode();
	clearok(curscr, TRUE);
}

int screen_rows(void)
{
	return LINES;
}

int screen_columns(void)
{
	return COLS;
}

bool screen_has_blocks(void)
{
	return blocks;
}

bool screen_begin(void)
{
	struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};

	if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
		return false;
	erase();
	return true;
}

void screen_end(void)
{
	refresh();
}

/* Decodes the next character; '?' for a byte that is not one, or a character without a width.
 * Returns its width on the screen. */
static int screen_next_character(const char **text, mbstate_t *state, wchar_t *ret)
{
	size_t length = mbrtowc(ret, *text, strlen(*text), state);
	int width;

	if (length == (size_t)-1 || length == (size_t)-2) {
		*state = (mbstate_t){0};
		*ret = L'?';
		++*text;
		return 1;
	}
	*text += length;
	width = wcwidth(*ret);
	if (width > 0)
		return width;
	*ret = L'?';
	return 1;
}

/* Cuts a text to `width` columns, and stores it in `cut`, with space for 2 * width + 1
 * characters. Returns its width. */
static int screen_cut_text(const char *text, int width, wchar_t *cut)
{
	mbstate_t state = {0};
	int used = 0, count = 0;

	while (*text && count < 2 * width) {
		wchar_t character;
		int wide = screen_next_character(&text, &state, &character);

		if (used + wide > width) {
			while (count > 0 && used >= width)
				used -= wcwidth(cut[--count]);
			cut[count++] = blocks ? L'…' : L'~';
			used++;
			break;
		}
		cut[count++] = character;
		used += wide;
	}
	cut[count] = L'\0';
	return used;
}

void screen_put(int row, int column, int width, bool right, enum style style, const char *text)
{
	wchar_t *cut;
	int used;

	if (row < 0 || row >= LINES || column >= COLS || width <= 0)
		return;
	if (width > COLS - column)
		width = COLS - column;
	cut = heap_realloc(NULL, ((size_t)width * 2 + 1) * sizeof(*cut));
	used = screen_cut_text(text, width, cut);
	attrset((int)screen_attributes(style));
	mvhline(row, column, ' ' | screen_attributes(style), width);
	mvaddwstr(row, column + (right ? width - used : 0), cut);
	attrset((int)A_NORMAL);
	free(cut);
}

void screen_line(int row, enum style style, const char *text)
{
	screen_put(row, 0, COLS, false, style, text);
}

int screen_key(void)
{
	int key = getch();

	return key == ERR ? -1 : key;
}
