/* SPDX-License-Identifier: MIT
 *
 * A table whose contents at each version follow from the version's number, so that any process can
 * compute what a snapshot must hold. Version 1 has only row 0; each later version puts and deletes
 * some rows, and puts row 0. */
#ifndef TESTS_SUPPORT_IPC_MODEL_H
#define TESTS_SUPPORT_IPC_MODEL_H

#include "tests/support/ipc/ipc.h"

#define MODEL_ROWS  256u
#define MODEL_STEPS 8u

struct model {
	uint64_t version;
	uint64_t numbers[MODEL_ROWS]; /* 0 for no row */
};

/* Moves the model forward to a later version. */
void model_reach(struct model *model, uint64_t version);

/* Makes the changes of a version. */
void model_change(struct stele_transaction *tx, uint64_t next);

/* Commits the next version. Returns the version. */
uint64_t model_commit(struct stele_publisher *publisher);

/* Returns the id of a row that was read. */
uint32_t model_id(const struct stele_row *row);

/* Reads an entire snapshot and compares it with the model of its version. Returns 0 or -ESTALE. A
 * row that was returned earlier may be wrong only if stele_snapshot_check() then returns -ESTALE
 * too. */
int model_compare(const struct stele_snapshot *snapshot, const struct model *model);

#endif
