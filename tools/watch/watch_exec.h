/* SPDX-License-Identifier: MIT
 *
 * Runs the command of `stele watch --exec'. cmd_watch.c calls this. */
#ifndef TOOLS_WATCH_WATCH_EXEC_H
#define TOOLS_WATCH_WATCH_EXEC_H

#include <stdint.h>
#include <stdio.h>
#include "tools/base/child.h"

struct watch_exec {
	const char *command; /* NULL: none */
	bool retries;        /* --retry was given: a failed command is run again ... */
	int64_t retry;       /* ... after so many nanoseconds, which may be 0 */
};

/* Runs the command with a copy of `input`; with --retry, until it succeeds, or the time of the
 * watch is over, at `deadline`, or `stop_fd` is readable. Prints a message each time that the
 * command fails for `version`. */
enum child_end watch_exec_run(const struct watch_exec *exec, FILE *input, const char *version,
                              int stop_fd, int64_t deadline);

#endif
