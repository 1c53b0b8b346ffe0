/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/ipc_process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/ipc/ipc_check.h"

struct ipc_shared *shared;

static pid_t ipc_pids[128];
static unsigned ipc_pid_count;

/* ---- stages: numbers that only rise ---- */

void ipc_reach(unsigned which, uint32_t stage)
{
	__atomic_store_n(&shared->stage[which], stage, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &shared->stage[which], FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

uint32_t ipc_stage(unsigned which)
{
	return __atomic_load_n(&shared->stage[which], __ATOMIC_SEQ_CST);
}

void ipc_await(unsigned which, uint32_t stage)
{
	int64_t until = clock_now() + IPC_PATIENCE;
	uint32_t now;

	while ((now = ipc_stage(which)) < stage) {
		struct timespec slice = {.tv_sec = 1};
		CHECK(clock_now() < until, "stage %u of %u was not reached, only %u", stage, which,
		      now);
		syscall(SYS_futex, &shared->stage[which], FUTEX_WAIT, now, &slice, NULL, 0);
	}
}

void ipc_tell(unsigned which, uint64_t number)
{
	__atomic_store_n(&shared->number[which], number, __ATOMIC_SEQ_CST);
}

uint64_t ipc_told(unsigned which)
{
	return __atomic_load_n(&shared->number[which], __ATOMIC_SEQ_CST);
}

/* ---- processes ---- */

pid_t ipc_spawn(void (*work)(unsigned), unsigned argument)
{
	pid_t parent = getpid(), pid = fork();

	CHECK(pid >= 0, "%s", strerror(errno));
	if (pid == 0) {
		ipc_spawned = true;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		/* The child keeps its end of the pipe, so that cleaning up waits for its death
		 * too. */
		ipc_pid_count = 0;
		work(argument);
		_exit(0);
	}
	for (unsigned i = 0; i < ipc_pid_count; i++)
		if (ipc_pids[i] == 0) {
			ipc_pids[i] = pid;
			return pid;
		}
	CHECK(ipc_pid_count < sizeof(ipc_pids) / sizeof(ipc_pids[0]), "too many processes");
	ipc_pids[ipc_pid_count++] = pid;
	return pid;
}

void ipc_forget(pid_t pid)
{
	for (unsigned i = 0; i < ipc_pid_count; i++)
		if (ipc_pids[i] == pid)
			ipc_pids[i] = 0;
}

int ipc_reap(pid_t pid)
{
	int status = -1, pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};
	int64_t until = clock_now() + IPC_PATIENCE;

	CHECK(pidfd >= 0, "%s", strerror(errno));
	while (poll(&pollfd, 1, 1000) != 1)
		CHECK(clock_now() < until, "process %d does not end", (int)pid);
	close(pidfd);
	CHECK(waitpid(pid, &status, 0) == pid, "%s", strerror(errno));
	ipc_forget(pid);
	return status;
}

void ipc_join(pid_t pid)
{
	int status = ipc_reap(pid);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d ended with status 0x%x",
	      (int)pid, status);
}

void ipc_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	ipc_reap(pid);
}

void ipc_kill_all(void)
{
	for (unsigned i = 0; i < ipc_pid_count; i++)
		if (ipc_pids[i] > 0) {
			kill(ipc_pids[i], SIGKILL);
			waitpid(ipc_pids[i], NULL, 0);
		}
}

/* ---- a process in its own namespaces, one at a time ---- */

static int ipc_inner_namespaces;
static void (*ipc_inner_work)(unsigned);

/* Makes the namespaces, forks their first process, and signals when that process is dead. */
static void ipc_parent_of_inner(unsigned argument)
{
	pid_t pid;

	CHECK(unshare(ipc_inner_namespaces) == 0, "%s", strerror(errno));
	pid = fork();
	CHECK(pid >= 0, "%s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ipc_inner_work(argument);
		_exit(0);
	}
	ipc_tell(IPC_INNER, (uint64_t)pid);
	waitpid(pid, NULL, 0);
	ipc_reach(IPC_INNER, 1);
	pause();
}

pid_t ipc_spawn_inner(int namespaces, void (*work)(unsigned))
{
	ipc_inner_namespaces = namespaces;
	ipc_inner_work = work;
	ipc_tell(IPC_INNER, 0);
	ipc_reach(IPC_INNER, 0);
	ipc_spawn(ipc_parent_of_inner, 0);
	UNTIL(ipc_told(IPC_INNER) != 0);
	return (pid_t)ipc_told(IPC_INNER);
}

void ipc_join_inner(void)
{
	ipc_await(IPC_INNER, 1);
}

void ipc_kill_inner(pid_t pid)
{
	kill(pid, SIGKILL);
	ipc_join_inner();
}

/* ---- the kernel's view of a process ---- */

bool ipc_is(pid_t pid, char state)
{
	char path[40], text[256], *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	end = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
	fclose(file);
	return end && end[2] == state;
}

unsigned ipc_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}
