/* SPDX-License-Identifier: MIT
 *
 * The story of one lookup: what it found at a time, and how this came about. A story is told
 * version by version, oldest first, by a recording (story_recorded.c) or by the history of a region
 * (story_live.c), and `stele why` prints it. */
#ifndef TOOLS_RECORD_STORY_H
#define TOOLS_RECORD_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stele/stele.h>
#include "tools/record/recording.h"

/* A copy of a row. */
struct story_row {
	const struct stele_schema *schema; /* of the story */
	struct stele_row row;              /* its key and value are on the heap */
};

/* The rows whose keys match the lookup: in a table of prefixes those of all lengths. */
struct story_rows {
	struct story_row *rows; /* on the heap */
	size_t count;
};

/* What made the lookup find another row than before. */
struct story_change {
	bool known;
	bool gone;        /* the region was removed */
	bool unseen;      /* it happened while nothing was recorded */
	uint64_t from;    /* the change is in one of the versions after this one ... */
	uint64_t to;      /* ... up to this one */
	uint64_t version; /* that made it; 0: one of these */
	uint64_t time;
	uint8_t region[16];
	struct stele_commit commit; /* .version is 0 if it is not known */
	struct story_row before;    /* .schema is NULL if there was no row */
};

/* What a subscriber had applied. */
struct story_subscriber {
	struct recording_subscriber is;
	char label[STELE_LABEL_MAX + 1];
};

struct story {
	const char *table, *key;
	uint64_t until; /* nanoseconds since 1970: later versions do not belong to the story */

	struct stele_schema **schemas; /* on the heap: all that the table had */
	size_t schema_count;
	const struct stele_schema *schema; /* the present one; NULL: there is no such table */
	struct stele_key lookup;           /* the key, by this schema */
	bool prefixes;                     /* the key matches shorter ones */
	int error;                         /* the key does not fit the schema */

	bool any;                     /* a version was told */
	struct recording_begin begin; /* of the last version that was told to its end */
	struct recording_begin group; /* of the present one */
	struct story_rows rows;
	struct story_rows pending; /* those of the present group, if it touches any */
	bool touched;
	struct stele_commit *commits; /* on the heap: those of the present group */
	size_t commit_count;

	struct story_row first; /* what the first version found */
	struct recording_begin begun;
	struct stele_commit
		origin; /* that wrote it, before the story begins; .version 0: unknown */
	struct story_change change; /* the last one */
	uint64_t last;              /* time up to which the story was told */

	struct story_subscriber *subscribers; /* on the heap */
	size_t subscriber_count, subscriber_next;

	struct story *earlier; /* on the heap: stories of which this one shows rows */
};

/* Starts a story. `table` and `key` must stay valid until story_close(). */
void story_open(struct story *story, const char *table, const char *key, uint64_t until);
void story_close(struct story *story);

/* Begin and end a version: recording.h explains the groups. Without the end, nothing has
 * happened. */
void story_begin(struct story *story, const struct recording_begin *begin);
void story_end(struct story *story);

/* Tell what happened in the version: who made it, that the table has a schema and loses its rows,
 * that the table is gone, and which rows were put and deleted. */
void story_commit(struct story *story, const struct stele_commit *commit);
void story_define(struct story *story, const struct stele_schema *schema);
void story_drop(struct story *story);
void story_put(struct story *story, const struct stele_row *row);
void story_delete(struct story *story, const void *key, unsigned key_bits);

/* Tells, between versions, that the region was removed, and what a subscriber has applied. */
void story_gone(struct story *story, const struct recording_gone *gone);
void story_subscriber(struct story *story, const struct recording_subscriber *subscriber,
                      const char *label);

/* Puts an earlier story, which is on the heap, before this one, in which nothing has changed. Takes
 * it over: story_close() frees it. */
void story_continue(struct story *story, struct story *earlier);

/* Returns the row that the lookup found at the end, or NULL. */
const struct story_row *story_answer(const struct story *story);

#endif
