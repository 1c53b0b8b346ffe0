/* SPDX-License-Identifier: MIT
 * The handles that the operations of an input share, for reader.c and reader_handles.c. */
#ifndef TESTS_FUZZ_READER_HANDLES_H
#define TESTS_FUZZ_READER_HANDLES_H

#include <stele/stele.h>

#include "tests/fuzz/reader.h"

#define ROWS_MAX 2000u /* maximum number of rows that one input reads */

struct reader {
	const char *region;
	struct forge *forge;
	const struct forge_step *step;
	size_t left; /* number of steps after this one, for edit_next() */
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshots[2];
	struct stele_table tables[2];
	bool table_open[2];
	struct stele_cursor *cursor;
	struct stele_changes *changes;
	struct stele_hash *hash;
	struct stele_lpm *index;
	struct stele_live live;
	bool live_open;
	unsigned expensive; /* the expensive operation that this input may still use; 0: none */
	unsigned rows;      /* number of rows that the input has read */
	/* Makes use() read the bytes of rows. */
	volatile uint8_t sum;
};

/* Operations that cost as much as a hundred lookups. An input may use at most one of them, once. */
enum { SURVEY = 1, SAVE, INDEX, REGISTER, FOLLOW };

/* Returns true if the input may use this expensive operation. Then it may not use it again. */
bool take_expensive(struct reader *reader, unsigned what);

/* Close handles, and those that depend on them. */
void close_walks(struct reader *reader);
void close_snapshot(struct reader *reader, unsigned which);
void close_subscriber(struct reader *reader);

/* Open a handle if it is not open. Return true if it is open then. */
bool need_subscriber(struct reader *reader);
bool need_snapshot(struct reader *reader, unsigned which);
bool need_table(struct reader *reader, unsigned which);

/* Reads all bytes. */
void use(struct reader *reader, const void *bytes, size_t size);

/* Reads all bytes of a row. */
void use_row(struct reader *reader, const struct stele_row *row);

/* Reads the row of a lookup that returned `result`, if it is 1. Returns true if so, and if the
 * input may read further rows. */
bool use_result(struct reader *reader, int result, const struct stele_row *row);

/* Return the name of a table, and the schema that the caller expects it to have, as the step
 * chooses them. The schema may be NULL, that of the table, or another. */
const char *table_name(const struct reader *reader);
const struct stele_schema *expected_schema(const struct reader *reader);

/* Checks that a row found through an expected schema has the columns of that schema. */
void check_expected(const struct stele_schema *expected, const struct stele_row *row);

/* Writes the key that the step chooses, and returns its bits. */
unsigned make_key(const struct reader *reader, uint8_t key[64]);

/* Applies the next step if it is an edit. Callbacks call this, so that the file changes while the
 * library is at work: `context` is the struct reader. */
void edit_next(uint64_t objects, void *context);

/* ---- operations ---- */

void do_cursor(struct reader *reader);
void do_changes(struct reader *reader);
void do_changes_since(struct reader *reader);
void do_follow(struct reader *reader);

#endif
