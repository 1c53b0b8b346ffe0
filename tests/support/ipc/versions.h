/* SPDX-License-Identifier: MIT
 *
 * Three tables, each of which is absent or of one of three kinds, small enough to keep a complete
 * copy of each version. Makes random changes and rollbacks, and compares snapshots with the
 * copies. */
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
	uint64_t beat;                 /* the value in the only row of another table, "beat" */
	uint8_t kind[VERSIONS_TABLES]; /* 0 for no such table */
	struct versions_row {
		/* 0 for no such row; otherwise its value follows from the number */
		uint32_t number;
		uint64_t version;
	} rows[VERSIONS_TABLES][VERSIONS_KEYS];
};

/* ---- changes ---- */

/* Makes random changes to the model, whose version is the one being made, and the same changes to a
 * transaction, unless it is NULL. Returns 0 or the first error. */
int versions_change(struct stele_transaction *tx, struct versions_model *model, uint64_t *random);

/* Turns the model into the result of a rollback to `older` in a transaction on `head`. */
void versions_roll_back(struct versions_model *model, const struct versions_model *head,
                        const struct versions_model *older);

/* Returns whether two models differ in tables, keys or values. */
bool versions_differ(const struct versions_model *a, const struct versions_model *b);

/* ---- snapshots ---- */

/* Compares a snapshot with the model. Returns 0 if they are equal, 1 and the reason if not, or the
 * error of a call. A difference that comes from the version being reclaimed is -ESTALE. */
int versions_compare(const struct stele_snapshot *snapshot, const struct versions_model *model,
                     char why[256]);

#endif
