/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/heap.h"
#include "tools/record/recordings.h"

/* What the name of a file has after the region: a time with milliseconds. */
#define NAME_FORMAT ".%04d%02d%02dT%02d%02d%02d.%03dZ.record"
/* The same for recordings_match(): a 0 is any digit. */
#define NAME_PATTERN ".00000000T000000.000Z.record"

/* Returns true if this is the name of a recording of the region. */
static bool recordings_match(const char *name, const char *region)
{
	size_t length = strlen(region);
	const char *pattern = NAME_PATTERN;

	if (strncmp(name, region, length) != 0)
		return false;
	for (name += length; *name && *pattern; name++, pattern++)
		if (*pattern == '0' ? *name < '0' || *name > '9' : *name != *pattern)
			return false;
	return !*name && !*pattern;
}

static int recordings_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *recordings_path(const char *directory, const char *name)
{
	size_t size = strlen(directory) + strlen(name) + 2;
	char *path = heap_realloc(NULL, size);

	snprintf(path, size, "%s/%s", directory, name);
	return path;
}

int recordings_list(struct recordings *recordings, const char *directory, const char *region)
{
	DIR *folder = opendir(directory);
	struct dirent *entry;

	*recordings = (struct recordings){0};
	if (!folder)
		return -errno;
	while ((entry = readdir(folder)) != NULL) {
		if (!recordings_match(entry->d_name, region))
			continue;
		recordings->paths = heap_realloc(
			recordings->paths, (recordings->count + 1) * sizeof(*recordings->paths));
		recordings->paths[recordings->count++] = recordings_path(directory, entry->d_name);
	}
	closedir(folder);
	if (recordings->count)
		qsort(recordings->paths, recordings->count, sizeof(*recordings->paths),
		      recordings_compare);
	return 0;
}

void recordings_free(struct recordings *recordings)
{
	for (size_t i = 0; i < recordings->count; i++)
		free(recordings->paths[i]);
	free(recordings->paths);
	*recordings = (struct recordings){0};
}

/* Returns the milliseconds since 1970 that are in the path of a recording. */
static uint64_t recordings_time(const char *path)
{
	const char *end = path + strlen(path) - strlen(NAME_PATTERN);
	int fraction = 0;
	struct tm tm = {0};

	sscanf(end, ".%4d%2d%2dT%2d%2d%2d.%3d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
	       &tm.tm_min, &tm.tm_sec, &fraction);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return (uint64_t)timegm(&tm) * MSEC_PER_SEC + (uint64_t)fraction;
}

/* Returns the path of a file of the recorder, which is no recording. */
static char *recordings_hidden(const char *directory, const char *region, const char *what)
{
	char name[STELE_NAME_MAX + 32];

	snprintf(name, sizeof(name), ".%.63s.%s", region, what);
	return recordings_path(directory, name);
}

int recordings_lock(const char *directory, const char *region, char **ret_path)
{
	char *path = recordings_hidden(directory, region, "recorder");
	struct stat status;
	int fd, result;

	do {
		result = fd =
			open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &status) < 0)
			result = errno == EWOULDBLOCK ? -EBUSY : -errno;
		if (result < 0 && fd >= 0)
			close(fd);
		/* Another recorder removed the file between the open and the lock. */
	} while (result >= 0 && status.st_nlink == 0 && close(fd) == 0);
	if (result < 0)
		free(path);
	else
		*ret_path = path;
	return result;
}

void recordings_unlock(int fd, char *path)
{
	/* While it is locked, so that nobody loses a lock. */
	unlink(path);
	free(path);
	close(fd);
}

int recordings_create(const char *directory, const char *region, char **ret_path)
{
	char *path = recordings_hidden(directory, region, "record.new");
	int fd;

	/* A recorder that was killed has left it. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		int error = errno;

		free(path);
		return -error;
	}
	*ret_path = path;
	return fd;
}

int recordings_name(const char *directory, const char *region, uint64_t time, char **path)
{
	uint64_t number = time / NSEC_PER_MSEC;
	struct recordings present;
	char name[STELE_NAME_MAX + 64], *named;
	time_t seconds;
	struct tm tm;
	int result;

	result = recordings_list(&present, directory, region);
	if (result < 0)
		return result;
	if (present.count > 0 && recordings_time(present.paths[present.count - 1]) >= number)
		number = recordings_time(present.paths[present.count - 1]) + 1;
	recordings_free(&present);
	seconds = (time_t)(number / MSEC_PER_SEC);
	gmtime_r(&seconds, &tm);
	snprintf(name, sizeof(name), "%.63s" NAME_FORMAT, region, (tm.tm_year + 1900) % 10000,
	         tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	         (int)(number % MSEC_PER_SEC));
	named = recordings_path(directory, name);
	if (rename(*path, named) < 0) {
		result = -errno;
		free(named);
		return result;
	}
	free(*path);
	*path = named;
	return 0;
}

int recordings_keep(const char *directory, const char *region, uint64_t keep)
{
	struct recordings present;
	int result, removed = 0;

	result = recordings_list(&present, directory, region);
	for (size_t i = 0; result == 0 && i + keep < present.count; i++)
		if (unlink(present.paths[i]) == 0)
			removed++;
		else if (errno != ENOENT)
			result = -errno;
	recordings_free(&present);
	return result < 0 ? result : removed;
}
