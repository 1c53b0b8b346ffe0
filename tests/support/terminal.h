/* SPDX-License-Identifier: MIT
 *
 * A program on a terminal of its own, as a shell would run it: in a process group of its own in
 * the foreground of a pseudo terminal, with a parent in the same session, so that it can be
 * stopped and continued. The test reads what the program writes, and waits for a text in it,
 * never for a time. */
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
	int fd;   /* the test's end */
	int line; /* the program's, held open: its settings, and no hang-up by itself */
	int told; /* what the session leader tells: the program's pid, then wait statuses */
	pid_t leader, program;
	struct termios before;
	size_t length; /* of what it has written */
	char *written;
};

/* Starts a program on a terminal of this size. False if that does not work. */
bool terminal_start(struct terminal *terminal, int rows, int columns, char *const *arguments);

/* Reads what the program has written, for at most so many milliseconds: false, nothing came. */
bool terminal_read(struct terminal *terminal, int milliseconds);

/* Whether the program has written this after the first `from` bytes. */
bool terminal_has(const struct terminal *terminal, size_t from, const char *text);

#define TERMINAL_PATIENCE 60000 /* milliseconds */

/* Waits until the program has written this after the first `from` bytes. */
bool terminal_await(struct terminal *terminal, size_t from, const char *text);

/* Types keys. */
void terminal_type(struct terminal *terminal, const char *keys);

/* Waits until this stands on the screen. A program that sends only what differs is made to draw
 * all anew, by Ctrl-L, until it does. */
bool terminal_await_screen(struct terminal *terminal, const char *text);

/* Changes the size of the terminal, which the program is told by a signal. */
void terminal_resize(struct terminal *terminal, int rows, int columns);

/* What the leader tells next of the program, as waitpid(2) has it; -1: nothing in time. Reads
 * what is written meanwhile. */
int terminal_status(struct terminal *terminal);

/* Whether the settings of the terminal are what they were. */
bool terminal_is_restored(const struct terminal *terminal);

/* Kills the program, and closes the terminal. */
void terminal_close(struct terminal *terminal);

#endif
