/* SPDX-License-Identifier: MIT
 * What died processes left, of all regions in the directory, and their queues. */
#ifndef TOOLS_REGION_LEFTOVERS_H
#define TOOLS_REGION_LEFTOVERS_H

#include <stdbool.h>

struct place;

struct leftover {
	const char *region;
	const char *kind, *name; /* as in struct stele_leftover, or "queue" and the queue's name; or
	                            "region" or "directory": what is left there can't be looked at */
	int error;               /* 0, or why it is not removed */
	const char *message;     /* the same for people */
};

/* Calls `found` for each, after removing it unless it is a dry run. Returns 0, or the negative
 * errno for which queues could not be looked for. */
int leftovers_each(const struct place *place, bool dry_run,
                   void (*found)(void *context, const struct leftover *leftover), void *context);

#endif
