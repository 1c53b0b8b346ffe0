/* SPDX-License-Identifier: MIT
 * Finds and removes what dead processes left behind: files and slots of the regions in a directory,
 * and message queues. `stele clean` and `stele doctor` call this. */
#ifndef TOOLS_REGION_LEFTOVERS_H
#define TOOLS_REGION_LEFTOVERS_H

#include <stdbool.h>

struct place;

struct leftover {
	const char *region;
	/* As in struct stele_leftover; or "queue" and the name of the message queue; or "region" or
	 * "directory" and its name, if it could not be searched. */
	const char *kind, *name;
	int error;           /* 0, or a negative errno: why it was not removed or searched */
	const char *message; /* the error message, if `error` is not 0 */
};

/* Calls `found` for each leftover, after removing it unless `dry_run` is set. Returns 0, or a
 * negative errno if message queues cannot be listed. */
int leftovers_each(const struct place *place, bool dry_run,
                   void (*found)(void *context, const struct leftover *leftover), void *context);

#endif
