/* SPDX-License-Identifier: MIT
 *
 * Three tables, each of which is absent or of one of three kinds, small enough that a whole copy
 * can be kept of each version: what random changes and rollbacks make of them, and whether a
 * snapshot is what its copy says. */
#ifndef TESTS_SUPPORT_IPC_VERSIONS_H
#define TESTS_SUPPORT_IPC_VERSIONS_H

#include "tests/support/ipc/ipc.h"
#include "tests/support/random.h"

#define VERSIONS_TABLES 3u
#define VERSIONS_KEYS   48u
#define VERSIONS_KINDS  3u

extern const char *const versions_names[VERSIONS_TABLES];

struct versions_model {
	uint64_t version;
	uint64_t beat;                 /* of another table, of one row */
	uint8_t kind[VERSIONS_TABLES]; /* 0: no such table */
	struct versions_row {
		uint32_t number; /* 0: no such row; else its value follows from it */
		uint64_t version;
	} rows[VERSIONS_TABLES][VERSIONS_KEYS];
};

/* ---- changes ---- */

/* Changes the model, whose version is the one being made, at random, and a transaction likewise,
 * or no transaction. 0, or the first error. */
int versions_change(struct stele_transaction *tx, struct versions_model *model, uint64_t *random);

/* What a rollback to `older` makes of a transaction on `head`. */
void versions_roll_back(struct versions_model *model, const struct versions_model *head,
                        const struct versions_model *older);

/* Whether two hold different tables, keys or values. */
bool versions_differ(const struct versions_model *a, const struct versions_model *b);

/* ---- snapshots ---- */

/* 0, 1 (and why), or the error of a call. What was wrong only because the version was taken back
 * is -ESTALE. */
int versions_compare(const struct stele_snapshot *snapshot, const struct versions_model *model,
                     char why[256]);

#endif
