/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/fail.h"
#include "tools/watch/watch_exec.h"

/* Minimum nanoseconds that the command may run, even if it starts just before --timeout ends the
 * watch. */
#define COMMAND_TIME (5 * NSEC_PER_SEC)

static int64_t exec_deadline(int64_t deadline)
{
	int64_t min = clock_now() + COMMAND_TIME;

	return deadline > min ? deadline : min;
}

/* Runs the command once. */
static enum child_end exec_once(const struct watch_exec *exec, FILE *input, const char *version,
                                int stop_fd, int64_t deadline)
{
	struct child child;
	enum child_end end;
	int fd = dup(fileno(input));
	FILE *copy = fd < 0 ? NULL : fdopen(fd, "r+");

	if (!copy) {
		fail(STATUS_SYSTEM, "cannot run \"%s\": %s", exec->command, strerror(errno));
		return CHILD_NOT_RUN;
	}
	end = child_run(exec->command, copy, stop_fd, exec_deadline(deadline), &child);
	if (end == CHILD_FAILED)
		note("the command for version %s %s", version, child.why);
	if (end == CHILD_LATE)
		note("the command for version %s did not end in time and was terminated", version);
	return end;
}

/* Waits for the time of --retry. Returns false if there is no further try: the option was not
 * given, a signal came, or the time of the watch is over. */
static bool exec_wait(const struct watch_exec *exec, int stop_fd, int64_t deadline)
{
	struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
	const struct timespec pause = {exec->retry / NSEC_PER_SEC,
	                               (long)(exec->retry % NSEC_PER_SEC)};

	return exec->retries && clock_now() + exec->retry < deadline &&
	       ppoll(&stop, 1, &pause, NULL) == 0;
}

enum child_end watch_exec_run(const struct watch_exec *exec, FILE *input, const char *version,
                              int stop_fd, int64_t deadline)
{
	enum child_end end;

	do {
		end = exec_once(exec, input, version, stop_fd, deadline);
	} while ((end == CHILD_FAILED || end == CHILD_LATE) && exec_wait(exec, stop_fd, deadline));
	return end;
}
