/* SPDX-License-Identifier: MIT
 *
 * Runs a process one instruction at a time, under ptrace. */
#ifndef TESTS_SUPPORT_CRASH_TRACE_H
#define TESTS_SUPPORT_CRASH_TRACE_H

#include <sys/ptrace.h>

#include "tests/support/crash/bank.h"
#include "tests/support/crash/crash.h"

struct tracee {
	pid_t pid;
	uint32_t *done; /* shared memory, set once the work is done */
	uint64_t steps;
};

struct job {
	const char *region;
	uint64_t random;
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	int (*prepare)(struct job *job); /* called before stepping starts; may be NULL */
	int (*act)(struct job *job);
};

/* Starts the process. Skips the test if ptrace is not available. */
struct tracee trace_start(struct job *job);

/* Executes one instruction. Returns true until the work is done. */
bool trace_step(struct tracee *tracee);

/* Kills the process. */
void trace_end(struct tracee *tracee);

/* ---- the work that is stepped through ---- */

/* Values for `prepare`. The first attaches a publisher to the region; the other also begins a
 * transaction with changes of a bank. */
int trace_prepare_open(struct job *job);

int trace_prepare_change(struct job *job);

/* Values for `act`. The first commits the prepared transaction, the other a new one. */
int trace_act_commit_only(struct job *job);

int trace_act_commit(struct job *job);

#endif
