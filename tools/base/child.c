/* SPDX-License-Identifier: MIT
 * Runs a user's shell command, see child.h. The shell leads a process group of its own, so that
 * child_run() can end the command together with its descendants. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/child.h"
#include "tools/base/clock.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"

/* Milliseconds from SIGTERM to SIGKILL. */
#define GRACE 2000

/* The signals that child_ignore() ignored, for child_set_attributes() to restore. */
static int ignored_here[4];
static size_t ignored_count;

void child_ignore(int number)
{
	if (signal(number, SIG_IGN) != SIG_IGN)
		ignored_here[ignored_count++] = number;
}

bool child_was_ignored(int number)
{
	struct sigaction action;

	for (size_t i = 0; i < ignored_count; i++)
		if (ignored_here[i] == number)
			return false;
	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

FILE *child_input(void)
{
	int fd = memfd_create("stele", MFD_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w+");

	if (file)
		return file;
	fail(STATUS_SYSTEM, "cannot create a file for a command's input: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Gives the command the signal mask and the ignored signals that this process started with, and a
 * process group of its own. Undoes stop_descriptor(), child_ignore(), and the blocked real-time
 * signals of the signal notifier. Returns 0 or a positive errno. */
static int child_set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t mask, ours;
	int error;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigdelset(&mask, SIGINT);
	sigdelset(&mask, SIGTERM);
	sigdelset(&mask, SIGHUP);
	for (int number = SIGRTMAX - 7; number <= SIGRTMAX; number++)
		sigdelset(&mask, number);
	sigemptyset(&ours);
	for (size_t i = 0; i < ignored_count; i++)
		sigaddset(&ours, ignored_here[i]);
	error = posix_spawnattr_setsigmask(attributes, &mask);
	if (error == 0)
		error = posix_spawnattr_setsigdefault(attributes, &ours);
	if (error == 0)
		error = posix_spawnattr_setpgroup(attributes, 0);
	if (error == 0)
		error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
		                                                     POSIX_SPAWN_SETSIGDEF |
		                                                     POSIX_SPAWN_SETPGROUP);
	return error;
}

/* Starts `/bin/sh -c command` with the descriptor `input` as its standard input. Returns 0 or a
 * positive errno. */
static int child_spawn(const char *command, int input, pid_t *ret)
{
	char *arguments[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
	                     (char *)(uintptr_t)command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	if (error == 0)
		error = child_set_attributes(&attributes);
	if (error == 0)
		error = posix_spawn(ret, "/bin/sh", &actions, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* Waits at most `timeout` milliseconds (-1: forever) until the process behind the pidfd `process`
 * ends or `stop_fd` is readable. Returns true if the process has ended. */
static bool child_wait_for(int process, int stop_fd, int timeout)
{
	struct pollfd fds[] = {
		{.fd = process, .events = POLLIN},
		{.fd = stop_fd, .events = POLLIN},
	};

	while (poll(fds, 2, timeout) < 0 && errno == EINTR)
		;
	return fds[0].revents != 0;
}

static void child_describe_end(int status, struct child *ret)
{
	if (WIFSIGNALED(status))
		snprintf(ret->why, sizeof(ret->why), "was killed by signal %d", WTERMSIG(status));
	else
		snprintf(ret->why, sizeof(ret->why), "exited with status %d", WEXITSTATUS(status));
}

/* Returns the milliseconds from now to `deadline`, rounded up, as a timeout for poll(2): -1 for
 * STELE_FOREVER, 0 if the deadline has passed. */
static int child_milliseconds_until(int64_t deadline)
{
	int64_t left;

	if (deadline == STELE_FOREVER)
		return -1;
	left = (deadline - clock_now()) / NSEC_PER_MSEC + 1;
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static bool child_is_readable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	return poll(&poller, 1, 0) == 1;
}

enum child_end child_run(const char *command, FILE *input, int stop_fd, int64_t deadline,
                         struct child *ret)
{
	int error = 0, process, status = 0;
	bool stopped = false;
	pid_t pid = 0;

	/* Otherwise, buffered output would appear after the output of the command. */
	fflush(stdout);
	if (fflush(input) != 0 || lseek(fileno(input), 0, SEEK_SET) != 0)
		error = errno;
	if (error == 0)
		error = child_spawn(command, fileno(input), &pid);
	fclose(input);
	if (error != 0) {
		fail(STATUS_SYSTEM, "cannot run \"%s\": %s", command, strerror(error));
		return CHILD_NOT_RUN;
	}
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process >= 0) {
		stopped = !child_wait_for(process, stop_fd, child_milliseconds_until(deadline));
		if (stopped) {
			kill(-pid, SIGTERM);
			child_wait_for(process, -1, GRACE);
			/* Kills the command, or the descendants that it left. The number of the
			 * process group cannot be reused before waitpid(). */
			kill(-pid, SIGKILL);
		}
		close(process);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (stopped)
		return child_is_readable(stop_fd) ? CHILD_STOPPED : CHILD_LATE;
	if (status == 0)
		return CHILD_DONE;
	child_describe_end(status, ret);
	return CHILD_FAILED;
}
