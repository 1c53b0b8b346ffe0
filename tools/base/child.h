/* SPDX-License-Identifier: MIT
 * Commands of the user's, run by /bin/sh with a file as their standard input. A file, because a
 * command that does not read all of it, or nothing, then costs neither a signal nor a wait. */
#ifndef TOOLS_BASE_CHILD_H
#define TOOLS_BASE_CHILD_H

#include <stdint.h>
#include <stdio.h>

/* Ignores a signal in this process, but not in the commands that it runs: they have it as this process
 * found it. Up to four signals, before the first child_run(). */
void child_ignore(int number);

/* An empty file in memory, to be written and then given to child_run(); NULL after a sentence. */
FILE *child_input(void);

/* What became of a command. */
enum child_end {
	CHILD_DONE,    /* exit status 0 */
	CHILD_FAILED,  /* another; struct child has the words for it */
	CHILD_LATE,    /* the deadline came, and so the command has been ended */
	CHILD_STOPPED, /* this process was told to stop, and so the command has been ended */
	CHILD_NOT_RUN, /* a sentence has been printed */
};

struct child {
	char why[64]; /* "exited with status 3", "was killed by signal 9" */
};

/* Runs `command` with the input from its start and this process's environment, waits for its end,
 * and closes the input. Once `stop_fd` (of stop_descriptor()) is readable, or at `deadline` on
 * CLOCK_MONOTONIC, in nanoseconds (STELE_FOREVER: none), the command and what it started get
 * SIGTERM; what of them is left when the command has ended, or after a while, SIGKILL. */
enum child_end child_run(const char *command, FILE *input, int stop_fd, int64_t deadline,
                         struct child *ret);

#endif
