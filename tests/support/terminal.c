/* SPDX-License-Identifier: MIT */
#include "tests/support/terminal.h"

#include <errno.h>
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
#include <unistd.h>

#include "tests/support/clock.h"

/* Leads the session: runs the program, and reports its wait statuses. */
static void terminal_lead(int line, int tell, char *const *arguments)
{
	int status;
	pid_t program, got;

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ioctl(line, TIOCSCTTY, 0);
	signal(SIGTTOU, SIG_IGN);
	/* The program reacts to the end of the terminal; the leader survives it and reports how the
	 * program ends. */
	signal(SIGHUP, SIG_IGN);
	program = fork();
	if (program == 0) {
		setpgid(0, 0);
		tcsetpgrp(line, getpid());
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Whoever started the test may have ignored others. */
		for (int number = 1; number <= SIGRTMAX; number++)
			signal(number, SIG_DFL);
		for (int fd = 0; fd < 3; fd++)
			dup2(line, fd);
		close_range(3, ~0u, 0);
		execvp(arguments[0], arguments);
		_exit(127);
	}
	setpgid(program, program);
	if (write(tell, &program, sizeof(program)) != (ssize_t)sizeof(program))
		_exit(1);
	while ((got = waitpid(program, &status, WUNTRACED | WCONTINUED)) == program) {
		if (write(tell, &status, sizeof(status)) != (ssize_t)sizeof(status))
			_exit(1);
		if (!WIFSTOPPED(status) && !WIFCONTINUED(status))
			break;
	}
	_exit(got == program ? 0 : 1);
}

bool terminal_start(struct terminal *terminal, int rows, int columns, char *const *arguments)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
	int pipes[2];

	*terminal = (struct terminal){.fd = -1};
	if (openpty(&terminal->fd, &terminal->line, NULL, NULL, &size) < 0 || pipe(pipes) < 0 ||
	    tcgetattr(terminal->line, &terminal->before) < 0)
		return false;
	terminal->leader = fork();
	if (terminal->leader == 0) {
		close(terminal->fd);
		close(pipes[0]);
		terminal_lead(terminal->line, pipes[1], arguments);
	}
	close(pipes[1]);
	terminal->told = pipes[0];
	return read(terminal->told, &terminal->program, sizeof(terminal->program)) ==
	       (ssize_t)sizeof(terminal->program);
}

bool terminal_read(struct terminal *terminal, int milliseconds)
{
	struct pollfd ready = {.fd = terminal->fd, .events = POLLIN};
	ssize_t got;

	if (poll(&ready, 1, milliseconds) != 1)
		return false;
	terminal->written = realloc(terminal->written, terminal->length + 65537);
	if (!terminal->written)
		abort();
	got = read(terminal->fd, terminal->written + terminal->length, 65536);
	if (got <= 0)
		return false;
	terminal->length += (size_t)got;
	terminal->written[terminal->length] = '\0';
	return true;
}

bool terminal_has(const struct terminal *terminal, size_t from, const char *text)
{
	return terminal->length > from && memmem(terminal->written + from, terminal->length - from,
	                                         text, strlen(text)) != NULL;
}

static int64_t terminal_now(void)
{
	return clock_now() / NSEC_PER_MSEC;
}

bool terminal_await(struct terminal *terminal, size_t from, const char *text)
{
	int64_t until = terminal_now() + TERMINAL_PATIENCE;

	while (!terminal_has(terminal, from, text)) {
		if (terminal_now() > until)
			return false;
		terminal_read(terminal, 100);
	}
	return true;
}

void terminal_type(struct terminal *terminal, const char *keys)
{
	if (write(terminal->fd, keys, strlen(keys)) != (ssize_t)strlen(keys))
		abort();
}

bool terminal_await_screen(struct terminal *terminal, const char *text)
{
	int64_t until = terminal_now() + TERMINAL_PATIENCE;

	while (terminal_now() < until) {
		size_t from = terminal->length;
		/* Ask again after this time, even if the program writes all the time. */
		int64_t again = terminal_now() + 500;

		terminal_type(terminal, "\f");
		while (terminal_now() < again) {
			terminal_read(terminal, 100);
			if (terminal_has(terminal, from, text))
				return true;
		}
	}
	return false;
}

void terminal_resize(struct terminal *terminal, int rows, int columns)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

	ioctl(terminal->fd, TIOCSWINSZ, &size);
}

int terminal_status(struct terminal *terminal)
{
	struct pollfd fds[] = {{.fd = terminal->told, .events = POLLIN},
	                       {.fd = terminal->fd, .events = POLLIN}};
	int64_t until = terminal_now() + TERMINAL_PATIENCE;
	int status;

	while (terminal_now() < until && poll(fds, 2, TERMINAL_PATIENCE) > 0) {
		if (fds[1].revents & POLLIN)
			terminal_read(terminal, 0);
		else if (fds[0].revents)
			return read(terminal->told, &status, sizeof(status)) ==
			                       (ssize_t)sizeof(status)
			               ? status
			               : -1;
	}
	return -1;
}

bool terminal_is_restored(const struct terminal *terminal)
{
	struct termios after;

	return tcgetattr(terminal->line, &after) == 0 &&
	       after.c_iflag == terminal->before.c_iflag &&
	       after.c_oflag == terminal->before.c_oflag &&
	       after.c_cflag == terminal->before.c_cflag &&
	       after.c_lflag == terminal->before.c_lflag &&
	       memcmp(after.c_cc, terminal->before.c_cc, sizeof(after.c_cc)) == 0;
}

void terminal_close(struct terminal *terminal)
{
	kill(terminal->program, SIGKILL);
	kill(terminal->leader, SIGKILL);
	while (waitpid(terminal->leader, NULL, 0) < 0 && errno == EINTR)
		;
	if (terminal->fd >= 0)
		close(terminal->fd);
	if (terminal->line >= 0)
		close(terminal->line);
	close(terminal->told);
	free(terminal->written);
	terminal->written = NULL;
}
