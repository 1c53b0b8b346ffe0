/* SPDX-License-Identifier: MIT
 * The files of a recording: DIRECTORY/REGION.TIME.record, of which each has a whole snapshot at its
 * start. The order of their names is that in which they were written, also if the clock was set
 * back. */
#ifndef TOOLS_RECORD_RECORDINGS_H
#define TOOLS_RECORD_RECORDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The paths of the recordings of a region, oldest first. */
struct recordings {
	char **paths; /* on the heap */
	size_t count;
};

/* Lists the recordings of a region in a directory. Returns 0 or a negative errno. */
int recordings_list(struct recordings *recordings, const char *directory, const char *region);
void recordings_free(struct recordings *recordings);

/* Locks the recordings of a region in a directory, which one recorder writes at a time. Returns a
 * descriptor and the path of the lock, for recordings_unlock(), or a negative errno: -EBUSY if
 * another recorder has them. */
int recordings_lock(const char *directory, const char *region, char **ret_path);
void recordings_unlock(int fd, char *path);

/* The next two functions need the lock.
 *
 * Creates an empty file, which is no recording yet: its name is hidden. Returns its descriptor or a
 * negative errno, and its path, which the caller frees. */
int recordings_create(const char *directory, const char *region, char **ret_path);

/* Renames this file to a recording, whose name follows all others of the region. Returns 0 or a
 * negative errno, and in place of the path the new one. */
int recordings_name(const char *directory, const char *region, uint64_t time, char **path);

/* Removes the oldest recordings of a region, all but `keep`. Returns the number of files removed or
 * a negative errno. */
int recordings_keep(const char *directory, const char *region, uint64_t keep);

#endif
