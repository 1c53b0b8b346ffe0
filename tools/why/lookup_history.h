/* SPDX-License-Identifier: MIT
 *
 * The history of one lookup: which row it found at a time, and which change made it find that row.
 * lookup_recorded.c reads the versions from recordings, lookup_live.c from a region, oldest first,
 * and both pass them to the functions below. `stele why` prints the result. */
#ifndef TOOLS_WHY_LOOKUP_HISTORY_H
#define TOOLS_WHY_LOOKUP_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stele/stele.h>
#include "tools/record/recording.h"

/* A copy of a row. */
struct lookup_row {
	const struct stele_schema *schema; /* in struct lookup_history */
	struct stele_row row;              /* its key and value are on the heap */
};

/* The rows whose keys match the lookup: in a table of prefixes those of all lengths. */
struct lookup_rows {
	struct lookup_row *rows; /* on the heap */
	size_t count;
};

/* What made the lookup find another row than before. */
struct lookup_change {
	bool known;
	bool gone;        /* the region was removed */
	bool dropped;     /* there is no table */
	bool replaced;    /* the region was removed and created again */
	bool unseen;      /* it happened between versions that were recorded or held */
	uint64_t from;    /* the change is in one of the versions after this one ... */
	uint64_t to;      /* ... up to this one */
	uint64_t version; /* that made it; 0: one of these */
	uint64_t time;
	uint8_t region[16];
	struct stele_commit commit; /* .version is 0 if it is not known */
	struct lookup_row before;   /* .schema is NULL if there was no row */
};

/* What a subscriber had applied. */
struct lookup_subscriber {
	struct recording_subscriber is;
	char label[STELE_LABEL_MAX + 1];
};

struct lookup_history {
	const char *table, *key;
	uint64_t until; /* nanoseconds since 1970: later versions are not passed */

	struct stele_schema **schemas; /* on the heap: all that the table had */
	size_t schema_count;
	const struct stele_schema *schema; /* the present one; NULL: there is no such table */
	struct stele_key lookup;           /* the key, by this schema */
	bool prefixes;                     /* the key matches shorter ones */
	int error;                         /* the key does not fit the schema */

	bool any;                     /* a version was added */
	struct recording_begin begin; /* of the last version that was added to its end */
	struct recording_begin group; /* of the present one */
	struct lookup_rows rows;
	struct lookup_rows pending; /* those of the present group, if it touches any */
	bool touched;
	struct stele_commit *commits; /* on the heap: those of the present group */
	size_t commit_count;

	struct lookup_row first; /* what the first version found */
	struct recording_begin begun;
	struct stele_commit origin;  /* that wrote it; .version 0: unknown */
	struct lookup_change change; /* the last one */
	uint64_t known;              /* time up to which every change is known */
	bool gap;                    /* versions before the present one are not known */
	bool damaged;                /* a recording has wrong bytes */
	uint64_t gone;               /* time at which the region was removed; 0: it was not */
	uint64_t oldest;             /* time of the first version of all recordings */

	struct lookup_subscriber *subscribers; /* on the heap */
	size_t subscriber_count, subscriber_next;

	struct lookup_history
		*earlier; /* on the heap: earlier histories, whose rows this one refers to */
};

/* Starts a history. `table` and `key` must stay valid until lookup_close(). */
void lookup_open(struct lookup_history *history, const char *table, const char *key,
                 uint64_t until);
void lookup_close(struct lookup_history *history);

/* Begin and end a version: recording.h explains the groups. A version without an
 * end does not count. */
void lookup_begin(struct lookup_history *history, const struct recording_begin *begin);
void lookup_end(struct lookup_history *history);

/* Add to the version: a commit, the schema of the table, which loses its rows, the drop of the
 * table, and rows that were put and deleted. */
void lookup_commit(struct lookup_history *history, const struct stele_commit *commit);
void lookup_define(struct lookup_history *history, const struct stele_schema *schema);
void lookup_drop(struct lookup_history *history);
void lookup_put(struct lookup_history *history, const struct stele_row *row);
void lookup_delete(struct lookup_history *history, const void *key, unsigned key_bits);

/* Add, between versions, that the region was removed, and what a subscriber has applied. */
void lookup_gone(struct lookup_history *history, const struct recording_gone *gone);
/* Takes note that there was no further version up to a time. */
void lookup_idle(struct lookup_history *history, uint64_t time);
void lookup_subscriber(struct lookup_history *history,
                       const struct recording_subscriber *subscriber, const char *label);

/* Puts an earlier history, which is on the heap, before this one, in which nothing has changed.
 * lookup_close() frees it. */
void lookup_continue(struct lookup_history *history, struct lookup_history *earlier);

/* Return true if the last version is this one, or if it is one of this region. */
bool lookup_is_at(const struct lookup_history *history, const uint8_t uuid[16], uint64_t version);
bool lookup_is_of(const struct lookup_history *history, const uint8_t uuid[16]);

/* Returns the row that the lookup found at the end, or NULL. */
const struct lookup_row *lookup_answer(const struct lookup_history *history);

#endif
