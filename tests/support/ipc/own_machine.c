/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/own_machine.h"

#include <sys/mount.h>

#include "tests/support/ipc/ipc.h"

void own_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %s", path,
	      strerror(errno));
	close(fd);
}

void own_machine(const char *options)
{
	if (geteuid() != 0)
		cr_skip_test("a /dev/shm and queues of one's own need root");
	CHECK(unshare(CLONE_NEWNS | CLONE_NEWIPC) == 0, "%s", strerror(errno));
	CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "%s", strerror(errno));
	CHECK(mount("none", "/dev/shm", "tmpfs", 0, options) == 0, "%s", strerror(errno));
	CHECK(mount("none", QUEUES, "mqueue", 0, NULL) == 0, "%s", strerror(errno));
}

unsigned own_queues(void)
{
	unsigned count;
	glob_t found;

	count = glob(QUEUES "/*", 0, NULL, &found) == 0 ? (unsigned)found.gl_pathc : 0;
	globfree(&found);
	return count;
}

/* ---- the command ---- */

char own_output[65536]; /* output of the last run, both streams */

int __attribute__((format(printf, 1, 2))) own_stele(const char *format, ...)
{
	const char *command = getenv("STELE_COMMAND") ? getenv("STELE_COMMAND") : getenv("STELE");
	char arguments[512], line[1024];
	va_list list;
	FILE *pipe;
	size_t length;
	int status;

	va_start(list, format);
	vsnprintf(arguments, sizeof(arguments), format, list);
	va_end(list);
	snprintf(line, sizeof(line), "exec %s %s 2>&1", command ? command : "build/stele",
	         arguments);
	pipe = popen(line, "re");
	CHECK(pipe, "%s", strerror(errno));
	length = fread(own_output, 1, sizeof(own_output) - 1, pipe);
	own_output[length] = '\0';
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- processes ---- */

void own_subscriber(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	uint64_t version = 0;

	(void)argument;
	for (;;) {
		OK(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version));
		ipc_reach(READY, 1);
	}
}

void own_publisher(unsigned argument)
{
	(void)argument;
	ipc_publish(region, NULL);
	ipc_reach(READY, 1);
	pause();
}

pid_t own_start(void (*work)(unsigned))
{
	pid_t pid;

	ipc_reach(READY, 0);
	pid = ipc_spawn(work, 0);
	ipc_await(READY, 1);
	return pid;
}

bool own_exists(const char *suffix)
{
	char path[128];

	ipc_path(path, suffix);
	return access(path, F_OK) == 0;
}

void own_unlink(const char *suffix)
{
	char path[128];

	ipc_path(path, suffix);
	CHECK(unlink(path) == 0, "%s: %s", path, strerror(errno));
}

unsigned own_files(void)
{
	char pattern[128];
	unsigned count;
	glob_t found;

	ipc_path(pattern, "*");
	count = glob(pattern, 0, NULL, &found) == 0 ? (unsigned)found.gl_pathc : 0;
	globfree(&found);
	return count;
}
