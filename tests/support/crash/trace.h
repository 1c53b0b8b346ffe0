/* SPDX-License-Identifier: MIT
 *
 * A process run one instruction at a time, under ptrace. */
#ifndef TESTS_SUPPORT_CRASH_TRACE_H
#define TESTS_SUPPORT_CRASH_TRACE_H

#include <sys/ptrace.h>

#include "tests/support/crash/bank.h"
#include "tests/support/crash/crash.h"

struct tracee {
	pid_t pid;
	uint32_t *done; /* shared: what it does is done */
	uint64_t steps;
};

struct job {
	const char *region;
	uint64_t random;
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	int (*prepare)(struct job *job); /* not stepped through; may be NULL */
	int (*act)(struct job *job);
};

/* Skips the test where it can't be done. */
struct tracee trace_start(struct job *job);

/* One instruction: true until all is done. */
bool trace_step(struct tracee *tracee);

/* Kills the process. */
void trace_end(struct tracee *tracee);

/* ---- what is stepped through ---- */

/* For `prepare`: attaches a publisher to the region; and begins a transaction with changes of a
 * bank. */
int trace_prepare_open(struct job *job);

int trace_prepare_change(struct job *job);

/* For `act`: commits the transaction that was prepared, or a new one. */
int trace_act_commit_only(struct job *job);

int trace_act_commit(struct job *job);

#endif
