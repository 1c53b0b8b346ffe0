/* SPDX-License-Identifier: MIT
 *
 * The kinds of index behind one table of operations, for tests of what all kinds promise: a hash
 * index of text keys, and an index of IPv4 prefixes that returns a column or rows. Each kind has
 * its own table "items", whose rows are identified by a number. */
#ifndef TESTS_SUPPORT_IPC_INDEX_KIND_H
#define TESTS_SUPPORT_IPC_INDEX_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stele/stele.h>

#define ITEM_ROWS 256u /* the ids that index_commit() puts; index_put() accepts any */

struct item {
	uint32_t number; /* never 0, by which a column index reports a missing row */
	uint64_t id;
};

struct index_answer {
	struct stele_row row; /* for a kind that returns rows */
	uint32_t number;      /* for a kind that returns a column */
};

struct index_kind {
	const struct stele_schema *schema;
	bool column; /* whether the index returns a column */

	/* Makes the key of an id, in at least 32 bytes. Returns its bits. */
	unsigned (*key)(unsigned id, void *key);
	/* Looks up an id in the table itself. */
	int (*find_in_table)(const struct stele_table *table, unsigned id, struct stele_row *ret);

	/* The library's functions of the same names. */
	int (*open)(const struct stele_table *table, void **ret);
	int (*move)(void *index, const struct stele_table *table);
	void (*close)(void *index);
	uint64_t (*version)(const void *index);

	/* Looks up an id. Returns 1, 0 if there is no such row, or a negative errno. */
	int (*find)(const void *index, unsigned id, struct index_answer *ret);
	/* Looks up the ids 0 to `count` - 1 in one call, ITEM_ROWS at most. Returns how many were
	 * found, if the kind counts them, or a negative errno. */
	int64_t (*find_many)(const void *index, unsigned count, struct index_answer *ret);
	/* Asserts that every lookup is refused with this error, that the error message has this
	 * part, and that a lookup of one id writes no output. */
	void (*check_refused)(const void *index, int error, const char *part);
};

extern const struct index_kind index_kind_hash, index_kind_column, index_kind_rows;

/* Creates the region, with the kind's table. A `history` or `maximum_size` of 0 is the default. */
struct stele_publisher *index_publish(const struct index_kind *kind, uint32_t history,
                                      size_t maximum_size);

/* Puts a row. */
void index_put(const struct index_kind *kind, struct stele_transaction *tx, unsigned id,
               uint32_t number);

/* Commits rows 0 and `id` with this number. If `id` is odd, also deletes the row after it. */
void index_commit(const struct index_kind *kind, struct stele_publisher *publisher, unsigned id,
                  uint32_t number);

/* Opens the table in the newest version, like ipc_newest_table(). */
struct stele_snapshot *index_newest(struct stele_subscriber *subscriber, struct stele_table *ret);

/* Returns the number in an answer. */
uint32_t index_number(const struct index_kind *kind, const struct index_answer *answer);

/* Asserts that an answer is this row of the table. */
void index_check_answer(const struct index_kind *kind, unsigned id,
                        const struct index_answer *answer, const struct stele_row *row);

/* Asserts that the index and the table give the same answers for the first `count` ids. */
void index_compare(const struct index_kind *kind, const void *index,
                   const struct stele_table *table, unsigned count);

#endif
