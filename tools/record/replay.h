/* SPDX-License-Identifier: MIT
 * Commits the versions of recordings to a region, for `stele replay`. */
#ifndef TOOLS_RECORD_REPLAY_H
#define TOOLS_RECORD_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/record/recording_reader.h"

/* A table of the region that is written, and what the present group has done with it. */
struct replay_table {
	char name[STELE_NAME_MAX + 1];
	bool exists; /* in the version that was committed last */
	bool named;  /* the group has rows of it */
	bool dropped;
	bool replaced; /* the group has all rows of it, and others are deleted at its end */
	struct stele_writable *writable;
};

struct replay {
	struct stele_publisher *publisher;
	uint64_t until; /* nanoseconds since 1970; UINT64_MAX: all */
	double speed;   /* 1: as it was recorded; 0: without pauses */
	int stop_fd;    /* of stop_descriptor() */

	struct recording_reader reader; /* of the present file */
	struct recording_begin begin;   /* of the present group */
	struct stele_commit commit;     /* of its version */
	struct stele_transaction *tx;   /* NULL: none is open */
	struct replay_table *tables;    /* on the heap */
	size_t table_count;
	uint64_t last;     /* time of the version that was committed last; 0: none */
	uint64_t versions; /* committed */
	bool ended;        /* --until was reached, or a signal came */
};

/* Commits the versions of one file, up to --until. */
enum status replay_file(struct replay *replay, const char *path);

#endif
