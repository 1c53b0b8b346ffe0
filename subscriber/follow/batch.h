/* SPDX-License-Identifier: MIT
 *
 * A batch: the rows that differ between two versions, in some tables or in all, one event for each
 * call. Rows are copied, and the copies validated, before they are returned. */
#ifndef SUBSCRIBER_FOLLOW_BATCH_H
#define SUBSCRIBER_FOLLOW_BATCH_H

#include <stele/follow.h>

#include "subscriber/state.h"

/* A table to follow: a copy of the caller's struct stele_follow_table. */
struct batch_table {
	char name[STELE_NAME_MAX + 1];
	struct stele_schema *schema; /* NULL: any */
	unsigned prefix_bits;
	unsigned char prefix[STELE_KEY_MAX];
};

/* A copied row. */
struct batch_row {
	unsigned char key[STELE_KEY_MAX + 1]; /* a NUL follows the key, and the value */
	unsigned char *value;                 /* on the heap */
	size_t capacity;                      /* of `value`, in bytes */
};

struct batch {
	/* The tables to compare, in the order of their names. A count of 0: all tables. */
	struct batch_table *tables;
	size_t table_count;

	/* The owner of the batch sets the two versions. `last` is NULL if all rows of `next` are
	 * new. */
	struct stele_snapshot *last, *next;

	bool table_events; /* STELE_TABLE_EVENTS */

	size_t index; /* with `tables`: the next one */
	/* Without: the next table's name in each of the two versions, "" after the last. */
	char last_name[STELE_NAME_MAX + 1], next_name[STELE_NAME_MAX + 1];

	/* The current table. */
	char name[STELE_NAME_MAX + 1];
	const struct batch_table *filter; /* NULL: no schema is expected, and no prefix */
	bool in_last, in_next;            /* whether the version has the table */
	struct stele_table last_table, next_table;
	/* The table has another schema in `next`: the rows of `last` are removed first. */
	bool removing;
	/* Its schemas in `last` and in `next`; NULL if not loaded. The rows of both versions are
	 * returned with `schema`, one of the two. */
	struct stele_schema *schemas[2];
	const struct stele_schema *schema;
	/* What the caller is yet to be told of the table: that the schemas differ, and with
	 * `table_events` that it was created, or, after its rows, dropped. */
	bool altered, created, dropped;
	struct stele_changes *changes; /* NULL: the current table has no more changes */

	struct batch_row before, after; /* of the event that was returned last */
	uint64_t count;                 /* events of the batch until now */
};

/* Copies the tables to compare (NULL and 0: all) to a batch that is all zeros. Returns 0 or an
 * error. Call batch_fini() either way. */
int batch_init(struct batch *batch, const struct stele_follow_table *tables, size_t count);

/* Starts to compare batch->last with batch->next. Returns 0 or an error. */
int batch_begin(struct batch *batch);

/* Returns 1 and the next change, 0 after the last one, or an error: -ESTALE if the publisher
 * reclaimed one of the two versions. The event, with all that it points to, is valid until the next
 * call. Its kind is STELE_EVENT_CHANGE, also without `last`, or that of an event of tables. The
 * member .region is left to the caller. */
int batch_next(struct batch *batch, struct stele_event *ret);

/* Closes what the comparison has opened, but not the two versions. May be called at any time. */
void batch_end(struct batch *batch);

/* Closes the comparison, and frees the copies of tables and rows. */
void batch_fini(struct batch *batch);

#endif
