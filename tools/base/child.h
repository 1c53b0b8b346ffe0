/* SPDX-License-Identifier: MIT
 * Runs the shell commands of --exec and --check by /bin/sh. Their standard input is a file, not a
 * pipe, so a command that does not read all of it causes neither SIGPIPE nor a wait. */
#ifndef TOOLS_BASE_CHILD_H
#define TOOLS_BASE_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Ignores a signal in this process. Commands that it runs get the action that the signal had when
 * this process started. Called for at most four signals, before the first child_run(). */
void child_ignore(int number);

/* Returns true if this process found the signal ignored when it started. */
bool child_was_ignored(int number);

/* Returns an empty file in memory, which the caller fills and gives to child_run(). Returns NULL
 * after an error message. */
FILE *child_input(void);

/* How a command ended. */
enum child_end {
	CHILD_DONE,    /* exited with status 0 */
	CHILD_FAILED,  /* exited with another status, or was killed; struct child has the reason */
	CHILD_LATE,    /* was ended at the deadline */
	CHILD_STOPPED, /* was ended because a signal told this process to stop */
	CHILD_NOT_RUN, /* could not be started; an error message has been printed */
};

struct child {
	char why[64]; /* of CHILD_FAILED: "exited with status 3", "was killed by signal 9" */
};

/* Runs `command` with `input`, from its start, as standard input and with this process's
 * environment. Waits for the end of the command, and closes `input`.
 *
 * Ends the command once `stop_fd` (of stop_descriptor()) is readable, or at `deadline`, in
 * nanoseconds on CLOCK_MONOTONIC (STELE_FOREVER: none): sends SIGTERM to its process group, and
 * SIGKILL to the rest of the group when the command has ended, or after two seconds. */
enum child_end child_run(const char *command, FILE *input, int stop_fd, int64_t deadline,
                         struct child *ret);

#endif
