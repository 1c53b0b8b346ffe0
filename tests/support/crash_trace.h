/* SPDX-License-Identifier: MIT
 *
 * A process run one instruction at a time, under ptrace. */
#ifndef TESTS_SUPPORT_CRASH_TRACE_H
#define TESTS_SUPPORT_CRASH_TRACE_H

#include <sys/ptrace.h>

#include "tests/support/crash.h"

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

static inline void run_child(struct job *job, uint32_t *done)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(2);
	if (job->prepare && job->prepare(job) < 0) {
		fprintf(stderr, "%s\n", stele_last_error());
		_exit(1);
	}
	raise(SIGSTOP);
	if (job->act(job) < 0) {
		fprintf(stderr, "%s\n", stele_last_error());
		_exit(1);
	}
	__atomic_store_n(done, 1, __ATOMIC_RELEASE);
	raise(SIGSTOP);
	_exit(0);
}

/* Skips the test where it can't be done. */
static inline struct tracee step_start(struct job *job)
{
	struct tracee tracee = {0};
	int status;

	if (CRASH_SANITIZED)
		crash_skip("a sanitizer's instructions are too many to step through");
	tracee.done = mmap(NULL, sizeof(*tracee.done), PROT_READ | PROT_WRITE,
	                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(tracee.done != MAP_FAILED);
	tracee.pid = crash_fork();
	if (tracee.pid == 0)
		run_child(job, tracee.done);
	cr_assert_eq(waitpid(tracee.pid, &status, 0), tracee.pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		crash_skip("ptrace is not permitted");
	cr_assert(WIFSTOPPED(status), "the publisher failed before it was to be stepped through");
	return tracee;
}

/* One instruction: true until all is done. */
static inline bool step(struct tracee *tracee)
{
	int status;

	cr_assert_eq(ptrace(PTRACE_SINGLESTEP, tracee->pid, NULL, NULL), 0);
	cr_assert_eq(waitpid(tracee->pid, &status, 0), tracee->pid);
	cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP,
	          "the publisher failed at step %llu", (unsigned long long)tracee->steps);
	tracee->steps++;
	return !__atomic_load_n(tracee->done, __ATOMIC_ACQUIRE);
}

static inline void step_end(struct tracee *tracee)
{
	int status;

	kill(tracee->pid, SIGKILL);
	cr_assert_eq(waitpid(tracee->pid, &status, 0), tracee->pid);
	munmap(tracee->done, sizeof(*tracee->done));
}

/* ---- what is stepped through ---- */

static inline int prepare_open(struct job *job)
{
	struct stele_publisher_options options = {.size = sizeof(options)};

	return stele_publisher_open(job->region, &options, &job->publisher);
}

static inline int prepare_change(struct job *job)
{
	int r = prepare_open(job);

	if (r == 0)
		r = stele_transaction_begin(job->publisher, &job->tx);
	return r < 0 ? r
	             : bank_change(job->tx, stele_publisher_version(job->publisher) + 1,
	                           &job->random);
}

static inline int act_commit_only(struct job *job)
{
	return stele_transaction_commit(job->tx, NULL, NULL);
}

static inline int act_commit(struct job *job)
{
	return bank_commit(job->publisher, &job->random) < 0 ? -1 : 0;
}

static inline void make_bank(const char *region, uint64_t versions)
{
	struct stele_publisher *publisher = crash_publisher(region, 2, 1 << 22);
	uint64_t random = 99;

	bank_run(publisher, versions, &random);
	stele_publisher_close(publisher);
}

#endif
