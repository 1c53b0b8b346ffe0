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
	void *names;                    /* a tree of tsearch(3) of the tables, by name */
	struct replay_table **tables;   /* on the heap, as the tables are */
	size_t table_count;
	struct replay_table *current; /* of the rows that follow */
	bool damaged;                 /* a file is damaged; it was replayed up to there */
	uint64_t last;                /* time of the version that was committed last; 0: none */
	uint64_t versions;            /* committed */
	bool ended;                   /* --until was reached, or a signal came */
};

/* Returns STATUS_DONE if a file can be opened and begins as a recording does. */
enum status replay_check_file(const char *path);

/* Commits the versions of one file, up to --until. A file that is cut or damaged is replayed up to
 * there, with a note. */
enum status replay_file(struct replay *replay, const char *path);

/* Frees the tables. */
void replay_free(struct replay *replay);

#endif
