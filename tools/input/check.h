/* SPDX-License-Identifier: MIT
 *
 * The option --check: runs a command that decides whether changes may be committed. The command may
 * take long, so the region is not locked while it runs. The changes are made in a transaction,
 * written to memory, and aborted. After the check, `stele publish' makes them again in another
 * transaction, and commits it only if the changes are those that were checked. Called by
 * cmd_publish.c. */
#ifndef TOOLS_INPUT_CHECK_H
#define TOOLS_INPUT_CHECK_H

#include "tools/base/status.h"
#include "tools/region/target.h"
#include "tools/region/writer.h"

struct check {
	/* Set by the caller. */
	const struct target *target;
	const char *command;
	/* Private to check.c. */
	/* Of the proposed changes. Version 0: none yet. */
	struct stele_position position;
	char *changes; /* as NDJSON, `size` bytes */
	size_t size;
	FILE *table; /* all rows of the table after the changes, as NDJSON */
	bool agreed; /* the command agreed to these changes */
};

/* Records the changes that the writer's transaction has made in the target's table.
 *
 * Sets `*ret_agreed` to true if the transaction may be committed: the command has agreed to exactly
 * these changes, or there are none. Otherwise the caller must abort the transaction and call
 * check_run(). */
enum status check_propose(struct check *check, struct writer *writer, bool *ret_agreed);

/* Runs the command. The changes are on its standard input, and its environment has the path of a
 * file with the complete new table. Returns STATUS_DONE if the command exits with 0, STATUS_REFUSED
 * if it exits with another status or is killed, or another status if it could not be run. */
enum status check_run(struct check *check);

/* Frees what check_propose() recorded. */
void check_end(struct check *check);

#endif
