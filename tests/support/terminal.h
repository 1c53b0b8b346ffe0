/* SPDX-License-Identifier: MIT
 *
 * A program on a pseudo terminal, run as a shell would run it: in its own process group in the
 * foreground, with a parent in the same session, so that it can be stopped and continued. The test
 * reads the program's output, and waits for a text in it, never for a time. */
#ifndef TESTS_SUPPORT_TERMINAL_H
#define TESTS_SUPPORT_TERMINAL_H

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct terminal {
	int fd; /* the test's end */
	/* the program's end, held open to read its settings and to prevent an early hang-up */
	int line;
	int told; /* what the session leader reports: the program's pid, then wait statuses */
	pid_t leader, program;
	struct termios before;
	size_t length; /* length of the program's output */
	char *written;
};

/* Starts a program on a terminal of this size. Returns false if that fails. */
bool terminal_start(struct terminal *terminal, int rows, int columns, char *const *arguments);

/* Reads the program's output, for at most `milliseconds`. Returns false if none came. */
bool terminal_read(struct terminal *terminal, int milliseconds);

/* Returns whether the program's output has this text after the first `from` bytes. */
bool terminal_has(const struct terminal *terminal, size_t from, const char *text);

#define TERMINAL_PATIENCE 60000 /* milliseconds */

/* Waits until the program's output has this text after the first `from` bytes. */
bool terminal_await(struct terminal *terminal, size_t from, const char *text);

/* Types keys. */
void terminal_type(struct terminal *terminal, const char *keys);

/* Waits until this text is on the screen. A program that sends only differences is made to draw
 * everything again, by Ctrl-L, until the text appears. */
bool terminal_await_screen(struct terminal *terminal, const char *text);

/* Changes the size of the terminal, which sends the program a signal. */
void terminal_resize(struct terminal *terminal, int rows, int columns);

/* Returns the leader's next report about the program, as a status of waitpid(2), or -1 if none
 * comes in time. Reads the program's output meanwhile. */
int terminal_status(struct terminal *terminal);

/* Returns whether the terminal has its original settings. */
bool terminal_is_restored(const struct terminal *terminal);

/* Kills the program, and closes the terminal. */
void terminal_close(struct terminal *terminal);

#endif
