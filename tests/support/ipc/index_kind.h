/* SPDX-License-Identifier: MIT
 *
 * The kinds of index, behind one table of operations, for tests of what all kinds promise: a hash
 * index of text keys, and an index of IPv4 prefixes that answers with a column or with rows. Each
 * kind has a table "items" of its own, whose rows have a number for an id. */
#ifndef TESTS_SUPPORT_IPC_INDEX_KIND_H
#define TESTS_SUPPORT_IPC_INDEX_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stele/stele.h>

#define ITEM_ROWS 256u /* the ids that index_commit() puts; index_put() takes any */

struct item {
	uint32_t number; /* not 0, by which the index of a column says that there is no row */
	uint64_t id;
};

struct index_answer {
	struct stele_row row; /* of a kind that answers with rows */
	uint32_t number;      /* of a kind that answers with a column */
};

struct index_kind {
	const struct stele_schema *schema;
	bool column; /* it answers with a column */

	/* The key of an id, at least 32 bytes; returns its bits. */
	unsigned (*key)(unsigned id, void *key);
	/* Looks up an id in the table itself. */
	int (*find_in_table)(const struct stele_table *table, unsigned id, struct stele_row *ret);

	/* As the functions of the library. */
	int (*open)(const struct stele_table *table, void **ret);
	int (*move)(void *index, const struct stele_table *table);
	void (*close)(void *index);
	uint64_t (*version)(const void *index);

	/* Looks up an id. 1, 0 if there is no such row, or a negative errno. */
	int (*find)(const void *index, unsigned id, struct index_answer *ret);
	/* Looks up ids from 0 on in one call, `count` of at most ITEM_ROWS. How many there are of a
	 * kind that counts them, or a negative errno. */
	int64_t (*find_many)(const void *index, unsigned count, struct index_answer *ret);
	/* Asserts that every lookup is refused with this error, whose message has this part, and
	 * that a lookup of one id writes no output. */
	void (*check_refused)(const void *index, int error, const char *part);
};

extern const struct index_kind index_kind_hash, index_kind_column, index_kind_rows;

/* Creates the region, with the table of the kind. 0: the defaults. */
struct stele_publisher *index_publish(const struct index_kind *kind, uint32_t history,
                                      size_t maximum_size);

/* Puts a row. */
void index_put(const struct index_kind *kind, struct stele_transaction *tx, unsigned id,
               uint32_t number);

/* Commits row 0 and row `id` with this number, and, where the id is odd, without the row after
 * it. */
void index_commit(const struct index_kind *kind, struct stele_publisher *publisher, unsigned id,
                  uint32_t number);

/* The table in the newest version, as of ipc_newest_table(). */
struct stele_snapshot *index_newest(struct stele_subscriber *subscriber, struct stele_table *ret);

/* The number that an answer has. */
uint32_t index_number(const struct index_kind *kind, const struct index_answer *answer);

/* Asserts that an answer is this row of the table. */
void index_check_answer(const struct index_kind *kind, unsigned id,
                        const struct index_answer *answer, const struct stele_row *row);

/* Asserts that the index answers for the first `count` ids as the table does. */
void index_compare(const struct index_kind *kind, const void *index,
                   const struct stele_table *table, unsigned count);

#endif
