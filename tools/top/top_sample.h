/* SPDX-License-Identifier: MIT
 *
 * What top knows of a region, looked at now and then. A look opens the region, reads, and
 * closes it again: top has no slot, pins nothing, keeps no file of the region's, and the
 * publisher does nothing for it. */
#ifndef TOOLS_TOP_TOP_SAMPLE_H
#define TOOLS_TOP_TOP_SAMPLE_H

#include <stele/stele.h>
#include "tools/top/top_series.h"

struct place;

struct top_table {
	char name[STELE_NAME_MAX + 1];
	uint64_t rows, version;
	double changed; /* rows a second: added, changed or removed */
	struct series changes;
	uint64_t counted; /* rows changed in the commits that this look read */
};

/* What a slot of the subscribers' file says, which anybody may have written who can read the
 * region: for people. That `alive` is true, though, is told by the kernel. */
struct top_subscriber {
	uint32_t slot;
	uint8_t uuid[16];
	uint32_t pid;
	char command[16];
	const char *notifier; /* static */
	uint64_t since;       /* nanoseconds since 1970 */
	uint64_t seen, applied;
	unsigned pins;
	uint64_t oldest_pin; /* 0: none */
	bool alive, armed;   /* armed: it waits to be told of the next version */
	uint64_t lag; /* versions from what it has applied, or, where it does not say so, seen,
	                        to the newest, or the newest that changed a table it waits for */
	struct series lags;
};

struct top_region {
	char name[STELE_NAME_MAX + 1];
	int error;            /* of the last look; 0: the region is there, as described here */
	char message[512];    /* ... what the library says of it */
	uint64_t error_since; /* nanoseconds since 1970; 0: no error */
	uint64_t replaced;    /* when another region was found under the name; 0: never */
	struct stele_region_info info;
	struct top_table *tables; /* in the order of names */
	size_t table_count;
	uint64_t rows;                      /* of all tables */
	struct top_subscriber *subscribers; /* in the order of slots */
	size_t subscriber_count;
	bool subscribers_unknown; /* this user may not read their file */
	bool has_rates;           /* this is not the first look */
	double commits, changed;  /* versions, and rows, a second */
	bool estimated;           /* `changed` is, from the commits that history still held */
	struct series commit_series, changed_series, memory_series;
	int64_t sampled; /* on CLOCK_MONOTONIC, in nanoseconds; 0: not yet */
	bool on_screen;  /* in the list of all regions: looked at before the others */
};

/* Looks at the region `name` once more. What it can't read stays as it was, and `error` says
 * why. */
void sample_region(const struct place *place, struct top_region *region);
void sample_free(struct top_region *region); /* frees what it has, and leaves the name */

#endif
