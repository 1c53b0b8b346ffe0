/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "tools/base/child.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"

void stop_leave_ignored(sigset_t *set)
{
	for (int number = 1; number <= SIGRTMAX; number++)
		if (sigismember(set, number) == 1 && child_was_ignored(number))
			sigdelset(set, number);
}

/* SIGHUP does not stop the command: stop_hangup_descriptor() was called. */
static bool hangup_is_request;

/* Returns the signals that stop the command, except those that were ignored when it started. */
static void stop_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	if (!hangup_is_request)
		sigaddset(ret, SIGHUP);
	stop_leave_ignored(ret);
}

/* The open signalfd, or -1. */
static int descriptor = -1;

enum status stop_fail(void)
{
	return fail(STATUS_SYSTEM, "cannot receive signals through a descriptor: %s",
	            strerror(errno));
}

int stop_descriptor(void)
{
	sigset_t signals;
	int fd;

	stop_signals(&signals);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0 || sigprocmask(SIG_BLOCK, &signals, NULL) < 0) {
		stop_fail();
		return -1;
	}
	descriptor = fd;
	return fd;
}

int stop_hangup_descriptor(void)
{
	sigset_t hangup;
	int fd;

	sigemptyset(&hangup);
	sigaddset(&hangup, SIGHUP);
	fd = signalfd(-1, &hangup, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0 || sigprocmask(SIG_BLOCK, &hangup, NULL) < 0) {
		stop_fail();
		return -1;
	}
	hangup_is_request = true;
	return fd;
}

bool stop_take_hangup(int fd)
{
	struct signalfd_siginfo info;

	return fd >= 0 && read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

bool stop_came(void)
{
	struct pollfd signals = {.fd = descriptor, .events = POLLIN};

	return descriptor >= 0 && poll(&signals, 1, 0) > 0;
}

/* Waits until standard output accepts PIPE_BUF bytes without blocking. Returns false with errno
 * ECANCELED if a signal comes first. */
static bool stop_wait_for_output(void)
{
	struct pollfd fds[] = {
		{.fd = descriptor, .events = POLLIN},
		{.fd = STDOUT_FILENO, .events = POLLOUT},
	};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return true;
	if (!(fds[0].revents & POLLIN) || fds[1].revents)
		return true;
	errno = ECANCELED;
	return false;
}

bool stop_output_is_stuck(void)
{
	struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&output, 1, 0) == 0;
}

/* Writes to standard output in pieces that do not block, until a signal comes. */
static ssize_t stop_write_guarded(void *cookie, const char *bytes, size_t size)
{
	size_t done = 0;

	(void)cookie;
	while (done < size && stop_wait_for_output()) {
		size_t piece = size - done < PIPE_BUF ? size - done : PIPE_BUF;
		ssize_t written = write(STDOUT_FILENO, bytes + done, piece);

		if (written < 0 && errno != EINTR)
			break;
		done += written < 0 ? 0 : (size_t)written;
	}
	/* stdio treats a short count as an error. */
	return (ssize_t)done;
}

void stop_guard_output(void)
{
	const cookie_io_functions_t functions = {.write = stop_write_guarded};
	FILE *guarded = fopencookie(NULL, "w", functions);

	if (!guarded)
		return;
	setvbuf(guarded, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
	fflush(stdout);
	stdout = guarded;
}

void stop_descriptor_close(int fd)
{
	sigset_t signals;

	stop_signals(&signals);
	descriptor = -1;
	close(fd);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
}
