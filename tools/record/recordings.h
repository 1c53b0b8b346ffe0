/* SPDX-License-Identifier: MIT
 * The files of a recording: DIRECTORY/REGION.TIME.record, of which each begins with a snapshot. The
 * order of their names is that in which they were written, also if the clock was set back. */
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

/* Creates an empty file, whose name follows all others of the region. Returns its descriptor or a
 * negative errno, and its path, which the caller frees. */
int recordings_create(const char *directory, const char *region, uint64_t time, char **ret_path);

/* Removes the oldest recordings of a region, all but `keep`. Returns 0 or a negative errno. */
int recordings_keep(const char *directory, const char *region, uint64_t keep);

#endif
