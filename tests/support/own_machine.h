/* SPDX-License-Identifier: MIT
 *
 * A test that runs the command with an empty /dev/shm and message queues of its own, so that what is
 * left, removed and limited there is nobody else's: in namespaces, which need root.
 */
#ifndef TESTS_SUPPORT_OWN_MACHINE_H
#define TESTS_SUPPORT_OWN_MACHINE_H

#include <sys/mount.h>

#include "tests/support/ipc.h"

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %s", path,
	      strerror(errno));
	close(fd);
}

#define QUEUES "/mnt" /* where the test sees its message queues */

/* The options are those of the tmpfs on /dev/shm. */
static inline void own_machine(const char *options)
{
	if (geteuid() != 0)
		cr_skip_test("a /dev/shm and queues of one's own need root");
	CHECK(unshare(CLONE_NEWNS | CLONE_NEWIPC) == 0, "%s", strerror(errno));
	CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "%s", strerror(errno));
	CHECK(mount("none", "/dev/shm", "tmpfs", 0, options) == 0, "%s", strerror(errno));
	CHECK(mount("none", QUEUES, "mqueue", 0, NULL) == 0, "%s", strerror(errno));
}

/* How many message queues there are. */
static inline unsigned queues(void)
{
	unsigned count;
	glob_t found;

	count = glob(QUEUES "/*", 0, NULL, &found) == 0 ? (unsigned)found.gl_pathc : 0;
	globfree(&found);
	return count;
}

/* ---- the command ---- */

static char output[65536]; /* of the last one, both streams */

/* Runs `stele ARGUMENTS`; its exit status. */
static inline int __attribute__((format(printf, 1, 2))) stele(const char *format, ...)
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
	length = fread(output, 1, sizeof(output) - 1, pipe);
	output[length] = '\0';
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define SAYS(part_)     CHECK(strstr(output, part_), "no \"%s\" in: %s", part_, output)
#define SAYS_NOT(part_) CHECK(!strstr(output, part_), "\"%s\" in: %s", part_, output)
#define EXITS(status_, ...) \
	do { \
		int exit_ = stele(__VA_ARGS__); \
		CHECK(exit_ == (status_), "exit status %d, not %d: %s", exit_, status_, output); \
	} while (0)

/* ---- processes ---- */

enum { READY, DONE };

/* A subscriber that waits until it is killed; its notifier is "auto". */
static inline void subscribe_for_ever(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	uint64_t version = 0;

	(void)argument;
	for (;;) {
		OK(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version));
		ipc_reach(READY, 1);
	}
}

/* A publisher that stays attached until it is killed. */
static inline void publish_for_ever(unsigned argument)
{
	(void)argument;
	ipc_publish(region, NULL);
	ipc_reach(READY, 1);
	pause();
}

/* Starts one of them, and waits until it is there. */
static inline pid_t start(void (*work)(unsigned))
{
	pid_t pid;

	ipc_reach(READY, 0);
	pid = ipc_spawn(work, 0);
	ipc_await(READY, 1);
	return pid;
}

static inline bool is_there(const char *suffix)
{
	char path[128];

	ipc_path(path, suffix);
	return access(path, F_OK) == 0;
}

static inline void remove_by_hand(const char *suffix)
{
	char path[128];

	ipc_path(path, suffix);
	CHECK(unlink(path) == 0, "%s: %s", path, strerror(errno));
}

#endif
