/* SPDX-License-Identifier: MIT
 *
 * Asking a command of the user's whether a transaction may be committed. The command may take its
 * time, so no lock is held while it runs: the changes are written down in a transaction, which is
 * then aborted, and after the check are made again, in another. They are committed only if they are
 * the changes that were checked. */
#ifndef TOOLS_INPUT_CHECK_H
#define TOOLS_INPUT_CHECK_H

#include "tools/base/status.h"
#include "tools/region/target.h"
#include "tools/region/writer.h"

struct check {
	const struct target *target;
	const char *command;
	/* The rest is of check.c. */
	uint64_t version;   /* that the transaction would make; 0: nothing was proposed yet */
	uint8_t region[16]; /* UUID of the region whose version it is */
	char *changes;      /* as text */
	size_t size;
	FILE *table; /* all rows as they would be */
	bool agreed; /* the command agreed to these changes */
};

/* Writes down what the writer's transaction would change in the target's table. `*ret_agreed` is
 * true where the command has agreed to these changes already, or where nothing would be changed:
 * then the transaction may be committed. Otherwise it is to be aborted, and check_run() called. */
enum status check_propose(struct check *check, struct writer *writer, bool *ret_agreed);

/* Runs the command with the changes on its standard input, and the path of a file that has the
 * whole new table in its environment. STATUS_DONE where it exits with 0; STATUS_REFUSED where it
 * exits with something else. */
enum status check_run(struct check *check);

void check_end(struct check *check);

#endif
