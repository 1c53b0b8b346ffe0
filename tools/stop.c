/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "command.h"
#include "stop.h"

/* Leaves out the signals that were ignored when the command started: nohup(1) ignores SIGHUP,
 * and a shell without job control ignores SIGINT in the background. A signal that is blocked is
 * queued even if it is ignored, so the descriptor would report it. */
static void stopping_signals(sigset_t *ret)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action;

	sigemptyset(ret);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(ret, numbers[i]);
}

int stop_descriptor(void)
{
	sigset_t signals;
	int fd;

	stopping_signals(&signals);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0 || sigprocmask(SIG_BLOCK, &signals, NULL) < 0) {
		fail(STATUS_SYSTEM, "can't take signals from a descriptor: %s", strerror(errno));
		return -1;
	}
	return fd;
}

void stop_descriptor_close(int fd)
{
	sigset_t signals;

	stopping_signals(&signals);
	close(fd);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
}
