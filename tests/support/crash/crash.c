/* SPDX-License-Identifier: MIT */
#include "tests/support/crash/crash.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <stele/stele.h>

#include "lib/layout.h"
#include "tests/support/sanitized.h"

pid_t crash_fork(void)
{
	pid_t parent = getpid(), child = fork();

	cr_assert(child >= 0, "%s", strerror(errno));
	if (child == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		_exit(9);
	return child;
}

/* ---- names and files ---- */

const char *crash_name(const char *suffix)
{
	static char names[4][STELE_NAME_MAX + 1];
	static unsigned next;
	char *name = names[next++ % 4];

	snprintf(name, sizeof(names[0]), "crash%d%s", (int)getpid(), suffix);
	return name;
}

void crash_path(const char *region, const char *file, char ret[160])
{
	snprintf(ret, 160, "/dev/shm/stele.%s%s", region, file);
}

size_t crash_files(const char *region, bool unlink_them)
{
	char pattern[160];
	glob_t found;
	size_t count = 0;

	crash_path(region, "*", pattern);
	if (glob(pattern, 0, NULL, &found) == 0) {
		count = found.gl_pathc;
		for (size_t i = 0; unlink_them && i < count; i++)
			if (unlink(found.gl_pathv[i]) < 0)
				rmdir(found.gl_pathv[i]);
		globfree(&found);
	}
	return count;
}

void (*crash_clean_more)(void);

void crash_clean(void)
{
	if (crash_clean_more)
		crash_clean_more();
	crash_files(crash_name(""), true);
}

int crash_open(const char *region, const char *file, int flags)
{
	char path[160];

	crash_path(region, file, path);
	return open(path, flags | O_CLOEXEC, 0600);
}

void *crash_map(const char *region, const char *file, size_t *ret_size)
{
	int fd = crash_open(region, file, O_RDWR);
	struct stat status;
	void *base;

	cr_assert(fd >= 0 && fstat(fd, &status) == 0, "cannot open %s%s", region, file);
	base = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(base != MAP_FAILED);
	close(fd);
	if (ret_size)
		*ret_size = (size_t)status.st_size;
	return base;
}

/* ---- opening, with the error message if it fails ---- */

struct stele_publisher *crash_publisher(const char *region, uint32_t history, uint64_t maximum)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = history,
		.maximum_size = maximum,
		.limit_size = maximum,
	};
	struct stele_publisher *publisher = NULL;

	cr_assert_eq(stele_publisher_open(region, &options, &publisher), 0, "%s",
	             stele_last_error());
	return publisher;
}

struct stele_subscriber *crash_subscriber(const char *region, bool registered)
{
	struct stele_subscriber_options options = {.size = sizeof(options)};
	struct stele_subscriber *subscriber = NULL;

	options.flags = registered ? 0 : STELE_UNREGISTERED;
	options.notifier = registered ? "futex" : NULL;
	cr_assert_eq(stele_subscriber_open(region, &options, &subscriber), 0, "%s",
	             stele_last_error());
	return subscriber;
}

uint64_t crash_used(struct stele_publisher *publisher, uint64_t *ret_size)
{
	struct stele_publisher_stats stats = {.size = sizeof(stats)};

	cr_assert_eq(stele_publisher_describe(publisher, &stats), 0);
	if (ret_size)
		*ret_size = stats.arena_size;
	return stats.arena_used;
}
