/* SPDX-License-Identifier: MIT */
#include <ctype.h>
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
#include "tools/base/clock.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/base/suggest.h"
#include "tools/region/fail_region.h"
#include "tools/region/place.h"
#include "tools/region/tags.h"

/* Nanoseconds to wait for another process that changes the names. */
#define LOCK_TIME (5 * NSEC_PER_SEC)

bool tags_is_name(const char *name)
{
	/* Words of times and durations. */
	return strcmp(name, "now") != 0 && strcmp(name, "inf") != 0 &&
	       (isalpha((unsigned char)*name) || *name == '_') &&
	       stele_name_check("tag", name) == 0;
}

static enum status tags_fail(const char *path, const char *what)
{
	return fail(errno == EACCES || errno == EPERM ? STATUS_DENIED : STATUS_SYSTEM,
	            "cannot %s the file %s: %s", what, path, strerror(errno));
}

struct tag *tags_get(const struct tags *tags, const char *name)
{
	for (size_t i = 0; i < tags->count; i++)
		if (strcmp(tags->list[i].name, name) == 0)
			return &tags->list[i];
	return NULL;
}

void tags_set(struct tags *tags, const char *name, const char *token)
{
	struct tag *tag = tags_get(tags, name);
	size_t at = tag ? (size_t)(tag - tags->list) : 0;

	if (tag && !token) {
		memmove(tag, tag + 1, (--tags->count - at) * sizeof(*tag));
		return;
	}
	if (!tag) {
		while (at < tags->count && strcmp(tags->list[at].name, name) < 0)
			at++;
		tags->list = heap_realloc(tags->list, (tags->count + 1) * sizeof(*tags->list));
		tag = tags->list + at;
		memmove(tag + 1, tag, (tags->count++ - at) * sizeof(*tag));
		snprintf(tag->name, sizeof(tag->name), "%s", name);
	}
	snprintf(tag->token, sizeof(tag->token), "%s", token);
}

/* Takes the tags of a file, at most TAGS_MAX. Passes over lines that are none, which a later
 * version of the command may have written. */
static void tags_take_lines(struct tags *tags, FILE *file)
{
	struct stele_position position;
	char line[256];

	while (fgets(line, sizeof(line), file)) {
		char *token = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (token)
			*token++ = '\0';
		if (token && tags_is_name(line) &&
		    stele_position_parse(token, NULL, &position) == 0)
			tags_set(tags, line, token);
		else
			tags->passed_over = true;
		if (tags->count > TAGS_MAX) {
			tags->count--;
			tags->passed_over = true;
			break;
		}
	}
	tags->passed_over |= ferror(file) != 0;
}

/* Returns true if an open file is the one that has this name. */
static bool tags_is_named(int fd, const char *path)
{
	struct stat open_file, named;

	return fstat(fd, &open_file) == 0 && lstat(path, &named) == 0 &&
	       named.st_ino == open_file.st_ino && named.st_dev == open_file.st_dev;
}

static enum status tags_read(struct tags *tags)
{
	int fd = open(tags->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	FILE *file;

	if (fd < 0)
		return errno == ENOENT ? STATUS_DONE : tags_fail(tags->path, "read");
	/* In /dev/shm any user may create a file of this name. */
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_uid != tags->info.owner) {
		close(fd);
		return fail(STATUS_DENIED,
		            "%s is not a file of the region's owner, so its names are not read",
		            tags->path);
	}
	file = fdopen(fd, "re");
	if (!file) {
		close(fd);
		return tags_fail(tags->path, "read");
	}
	tags_take_lines(tags, file);
	fclose(file);
	return STATUS_DONE;
}

/* Finds the path of the tags. */
static enum status tags_find_path(struct tags *tags, const struct place *place, const char *region)
{
	int result;

	*tags = (struct tags){.fd = -1, .info = {.size = sizeof(tags->info)}};
	if (place_is_path(region))
		return fail(STATUS_INPUT, "a saved file has no names of versions");
	result = stele_region_describe(place_path(place, region), &tags->info);
	if (result < 0)
		return fail_region(place, region, result);
	snprintf(tags->path, sizeof(tags->path), "%s.tags", tags->info.path);
	return STATUS_DONE;
}

enum status tags_open(struct tags *tags, const struct place *place, const char *region)
{
	enum status status = tags_find_path(tags, place, region);

	return status == STATUS_DONE ? tags_read(tags) : status;
}

/* Removes the next file of a process that has died. Returns true if there may be none now, and
 * false, with errno, if it belongs to somebody else, or to a process that lives (EBUSY). */
static bool tags_remove_next(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	bool removed = false;

	if (fd < 0)
		return errno == ENOENT;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    (status.st_uid != geteuid() && geteuid() != 0))
		errno = EPERM;
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		errno = EBUSY;
	else
		removed = !tags_is_named(fd, path) || unlink(path) == 0;
	close(fd);
	return removed;
}

/* Makes the next file, which is the lock of the tags, and locks it, so that others know that this
 * process lives. In /dev/shm any user may create a file of this name: it is never written to. */
static enum status tags_lock(struct tags *tags, const char *path)
{
	const struct timespec pause = {.tv_nsec = 10 * NSEC_PER_MSEC};
	int64_t end = clock_now() + LOCK_TIME;

	for (;;) {
		tags->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (tags->fd >= 0 && flock(tags->fd, LOCK_EX | LOCK_NB) == 0 &&
		    tags_is_named(tags->fd, path))
			return STATUS_DONE;
		if (tags->fd < 0 && errno != EEXIST)
			return tags_fail(path, "create");
		if (tags->fd >= 0)
			close(tags->fd);
		tags->fd = -1;
		if (tags_remove_next(path))
			continue;
		if (errno != EBUSY)
			return fail(STATUS_DENIED,
			            "the file %s is in the way; let its owner or root remove it",
			            path);
		if (clock_now() >= end)
			return fail(STATUS_BUSY,
			            "another process has held the file %s for %d s; try again",
			            path, (int)(LOCK_TIME / NSEC_PER_SEC));
		nanosleep(&pause, NULL);
	}
}

enum status tags_open_to_write(struct tags *tags, const struct place *place, const char *region)
{
	enum status status = tags_find_path(tags, place, region);

	if (status == STATUS_DONE && geteuid() != 0 && geteuid() != tags->info.owner)
		return fail(STATUS_DENIED,
		            "only the owner of region \"%s\" and root name its versions", region);
	if (status != STATUS_DONE)
		return status;
	snprintf(tags->next, sizeof(tags->next), "%s.new", tags->path);
	status = tags_lock(tags, tags->next);
	if (status == STATUS_DONE)
		status = tags_read(tags);
	/* tags_write() would lose them. */
	if (status == STATUS_DONE && tags->passed_over)
		status = fail(STATUS_DAMAGED,
		              "the file %s has lines that are no names of versions, so it is not "
		              "changed; remove these lines, or the file",
		              tags->path);
	return status;
}

enum status tags_write(struct tags *tags)
{
	bool good = true;

	for (size_t i = 0; good && i < tags->count; i++)
		good = dprintf(tags->fd, "%s %s\n", tags->list[i].name, tags->list[i].token) > 0;
	good = good && fchown(tags->fd, tags->info.owner, tags->info.group) == 0 &&
	       fchmod(tags->fd, tags->info.mode & 0666) == 0 && rename(tags->next, tags->path) == 0;
	if (!good)
		return tags_fail(tags->path, "write");
	close(tags->fd);
	tags->fd = -1;
	/* `stele rm` removes the names with the region, and may have looked for them before. */
	if (access(tags->info.path, F_OK) < 0 && errno == ENOENT)
		unlink(tags->path);
	return STATUS_DONE;
}

void tags_close(struct tags *tags)
{
	if (tags->fd >= 0) {
		unlink(tags->next);
		close(tags->fd);
	}
	free(tags->list);
	*tags = (struct tags){.fd = -1};
}

/* Reports that there is no tag with this name, and suggests one. */
static enum status tags_fail_unknown(const struct tags *tags, const char *region, const char *what,
                                     const char *name)
{
	struct suggestion suggestion;

	suggest_start(&suggestion, name);
	for (size_t i = 0; i < tags->count; i++)
		suggest_offer(&suggestion, tags->list[i].name);
	if (*suggestion.best)
		return fail(STATUS_NO_TABLE,
		            "%s: no version of region \"%s\" is named \"%s\"; did you mean "
		            "\"%s\"?",
		            what, region, name, suggestion.best);
	return fail(STATUS_NO_TABLE,
	            "%s: no version of region \"%s\" is named \"%s\"; 'stele tag %s' lists the "
	            "names",
	            what, region, name, region);
}

enum status tags_find(const struct place *place, const char *region, const char *what,
                      const char *name, struct tag *ret)
{
	const struct tag *found;
	enum status status;
	struct tags tags;

	status = tags_open(&tags, place, region);
	found = tags_get(&tags, name);
	if (status == STATUS_DONE && !found)
		status = tags_fail_unknown(&tags, region, what, name);
	else if (status == STATUS_DONE)
		*ret = *found;
	tags_close(&tags);
	return status;
}
