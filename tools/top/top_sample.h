/* SPDX-License-Identifier: MIT
 * The state of a region as top shows it. An update of the state, called a sample, opens the region,
 * reads it, and closes it again. So top has no slot, pins nothing, keeps no file of the region
 * open, and costs the publisher nothing. Called by top_keys.c, which takes samples of the page of
 * one region, and by the pages of all regions and of one region. */
#ifndef TOOLS_TOP_TOP_SAMPLE_H
#define TOOLS_TOP_TOP_SAMPLE_H

#include <stele/stele.h>
#include "tools/fib/kernel_tables.h"
#include "tools/top/top_series.h"

struct place;

struct top_table {
	char name[STELE_NAME_MAX + 1];
	uint64_t rows, version;
	double changed; /* rows added, changed or removed per second */
	struct series changes;
	uint64_t counted; /* rows changed in the commits that the last sample read */
};

/* A subscriber, as described by its slot in the subscribers file. Every process that can read the
 * region can write to this file, so the values are only shown, and decide nothing. Only `alive` is
 * certain, because it comes from a lock of the kernel. */
struct top_subscriber {
	uint32_t slot;
	uint8_t uuid[16];
	uint32_t pid;
	char command[16];
	char label[STELE_LABEL_MAX + 1]; /* "": none */
	const char *notifier;            /* static */
	uint64_t since;                  /* nanoseconds since 1970 */
	uint64_t seen, applied;
	unsigned pins;
	uint64_t oldest_pin; /* 0: none */
	bool alive;
	bool armed; /* waits for a notice of the next version */
	/* Number of versions from the applied version to the newest version. If the subscriber
	 * reports no applied version, counts from the seen version. If it named tables, counts to
	 * the newest version that changed one of them. */
	uint64_t lag;
	struct series lags;
};

struct top_region {
	char name[STELE_NAME_MAX + 1];
	int error;            /* of the last sample, a negative errno; 0: the rest is valid */
	char message[512];    /* the library's error message for `error` */
	uint64_t error_since; /* nanoseconds since 1970; 0: no error */
	uint64_t replaced;    /* when another region took the name, since 1970; 0: never */
	struct stele_region_info info;
	struct top_table *tables; /* in the order of names */
	size_t table_count;
	bool mirrors; /* the region is a mirror of the kernel, and: */
	struct kernel_status mirror;
	bool mirror_runs;
	uint64_t rows;                      /* sum over all tables */
	struct top_subscriber *subscribers; /* in the order of slots */
	size_t subscriber_count;
	bool subscribers_unknown; /* the subscribers file could not be read */
	bool has_rates;           /* there were two samples to compare */
	double commits, changed;  /* versions per second, and changed rows per second */
	bool estimated; /* `changed` is an estimate, from the commits that history still held */
	struct series commit_series, changed_series, memory_series;
	int64_t sampled; /* time of the last sample, nanoseconds on CLOCK_MONOTONIC; 0: none yet */
	bool on_screen;  /* visible in the list of regions: sampled before the others */
};

/* Takes a sample of region->name. On an error, sets `error` and the message; members that could
 * not be read keep their values. */
void sample_region(const struct place *place, struct top_region *region);
void sample_free(struct top_region *region); /* keeps the name */

#endif
