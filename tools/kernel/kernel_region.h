/* SPDX-License-Identifier: MIT
 *
 * The region that a kernel publisher fills: attaching to it, a transaction for each round, the row
 * of the table `status`, and the reports and errors of struct kernel_options. The loops of the
 * publishers call this.
 *
 * Errors are negative errno values. A function that fails has set the error message, unless it says
 * otherwise. */
#ifndef TOOLS_KERNEL_KERNEL_REGION_H
#define TOOLS_KERNEL_KERNEL_REGION_H

#include <stdbool.h>
#include "tools/fib/kernel_list.h"
#include "tools/kernel/kernel.h"
#include "tools/kernel/kernel_claim.h"

struct kernel_region {
	const char *name;
	const struct kernel_options *options;
	struct kernel_store *store; /* of the mirror, which writes to the open transaction */
	struct stele_publisher *publisher;
	struct stele_transaction *tx; /* NULL: none is open */
	struct kernel_claim claim;    /* proves to readers that the mirror runs */
	char path[512];               /* of the data file, or "" */
	struct kernel_status status;
	int64_t status_at; /* for kernel_status_put() */
	/* Of the open transaction. */
	unsigned messages; /* applied */
	unsigned objects;  /* read again */
	bool lost;         /* the kernel has lost messages */
	bool dropped;      /* another publisher had dropped tables, which are empty now */
	/* What was last reported of the state: KERNEL_SYNCED, KERNEL_LOST, KERNEL_FULL,
	 * KERNEL_DISCONNECTED, or 0. */
	enum kernel_event state;
	/* The version after the last transaction; 0: there was none. Another publisher that shares
	 * the region may have altered or dropped tables if its newest version is another one. */
	uint64_t version;
	bool failed;       /* options->error has the error message */
	uint64_t unusable; /* unused bytes of the arena that a compaction leaves */
};

/* Sets the error message, and returns `r`. */
int kernel_region_fail(struct kernel_region *region, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Sets the error message to that of the library, and returns `r`. */
int kernel_region_fail_library(struct kernel_region *region, int r);

/* Attaches as a publisher. Waits for another publisher to go away. Returns 1, or 0 if stop_fd is
 * readable. */
int kernel_region_attach(struct kernel_region *region);

/* Detaches, and writes first to the table `status` that the tables are not followed any more. Does
 * nothing if it is not attached. */
void kernel_region_detach(struct kernel_region *region);

/* Removes dead subscribers, and compacts the region if that returns much memory to the system. Then
 * it takes time in proportion to the rows. */
void kernel_region_tidy(struct kernel_region *region);

/* Begins a transaction, and opens its tables for the store. Waits while another publisher that
 * shares the region has a transaction open. Returns 1, or 0 if stop_fd is readable: then there is
 * no transaction. */
int kernel_region_begin(struct kernel_region *region);

/* Commits the transaction with the row of the table `status`, and reports the version, if there is
 * one, and what it means for the tables. `doubt` is why they may differ from the kernel's state, or
 * "". Returns 0. Returns -ENOSPC, without a message, if there was no memory: then nothing is
 * committed. */
int kernel_region_commit(struct kernel_region *region, const char *doubt);

/* Reports an event that has a note, outside of transactions. */
void kernel_region_note(struct kernel_region *region, enum kernel_event event, const char *note);

/* Ends the transaction without a version. */
void kernel_region_abort(struct kernel_region *region);

#endif
