/* SPDX-License-Identifier: MIT
 *
 * Waiting for the file of a region to appear under its name. The kernel reports new files in the
 * region's directory (inotify). If the directory does not exist yet, the nearest directory above it
 * is watched. Like every wait of the library, this one also looks once in notifier_slice, because
 * not all that makes a region readable creates a file: a publisher that adopts a region of an
 * earlier boot changes the file in place. For opening, reopening and following. */
#ifndef NOTIFIER_ARRIVAL_H
#define NOTIFIER_ARRIVAL_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/storage/paths.h"

struct arrival {
	int fd;       /* an inotify descriptor; -1: none */
	bool awaited; /* between arrival_watch() and arrival_close() */
};

/* Returns true if `r`, the result of opening a region, means that the region may still come. */
static inline bool arrival_may_come(int r)
{
	return r == -ENOENT || r == -EUCLEAN;
}

/* Watches the directory of `path`. Consumes the events until now. The caller then looks whether the
 * region is there, and waits only if it is not. Works without inotify, by looking once in
 * notifier_slice, if no inotify descriptor is left. */
void arrival_watch(struct arrival *arrival, const char *path);

/* Blocks until something may have appeared since arrival_watch(), or the deadline. */
void arrival_wait(const struct arrival *arrival, int64_t deadline);

void arrival_close(struct arrival *arrival);

#endif
