/* SPDX-License-Identifier: MIT */
#include "tests/support/cleaner.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <unistd.h>

char region[32];

void cleaner_unlink(const char *pattern)
{
	glob_t left;

	if (glob(pattern, 0, NULL, &left) == 0)
		for (size_t i = 0; i < left.gl_pathc; i++)
			if (unlink(left.gl_pathv[i]) < 0)
				rmdir(left.gl_pathv[i]);
	globfree(&left);
}

static void cleaner_run(int pipe_end, void (*clean)(void))
{
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	for (int fd = 0; fd < 3; fd++)
		dup2(nowhere, fd);
	dup2(pipe_end, 3);
	close_range(4, ~0u, 0);
	setsid();
	while (read(3, &byte, 1) < 0 && errno == EINTR)
		;
	clean();
	_exit(0);
}

int cleaner_start(void (*clean)(void))
{
	int pipes[2];
	pid_t pid;

	cr_assert(pipe2(pipes, O_CLOEXEC) == 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0)
		cleaner_run(pipes[0], clean);
	close(pipes[0]);
	return pipes[1];
}
