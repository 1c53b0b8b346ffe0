/* SPDX-License-Identifier: MIT */
#include "tests/support/crash/trace.h"

#include <sys/ptrace.h>

#include "tests/support/crash/bank.h"
#include "tests/support/crash/crash.h"

static void trace_child(struct job *job, uint32_t *done)
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

struct tracee trace_start(struct job *job)
{
	struct tracee tracee = {0};
	int status;

	if (SANITIZED)
		crash_skip("a sanitizer's instructions are too many to step through");
	tracee.done = mmap(NULL, sizeof(*tracee.done), PROT_READ | PROT_WRITE,
	                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(tracee.done != MAP_FAILED);
	tracee.pid = crash_fork();
	if (tracee.pid == 0)
		trace_child(job, tracee.done);
	cr_assert_eq(waitpid(tracee.pid, &status, 0), tracee.pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		crash_skip("ptrace is not permitted");
	cr_assert(WIFSTOPPED(status), "the publisher failed before it was to be stepped through");
	return tracee;
}

bool trace_step(struct tracee *tracee)
{
	int status;

	cr_assert_eq(ptrace(PTRACE_SINGLESTEP, tracee->pid, NULL, NULL), 0);
	cr_assert_eq(waitpid(tracee->pid, &status, 0), tracee->pid);
	cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP,
	          "the publisher failed at step %llu", (unsigned long long)tracee->steps);
	tracee->steps++;
	return !__atomic_load_n(tracee->done, __ATOMIC_ACQUIRE);
}

void trace_end(struct tracee *tracee)
{
	int status;

	kill(tracee->pid, SIGKILL);
	cr_assert_eq(waitpid(tracee->pid, &status, 0), tracee->pid);
	munmap(tracee->done, sizeof(*tracee->done));
}

/* ---- the work that is stepped through ---- */

int trace_prepare_open(struct job *job)
{
	struct stele_publisher_options options = {.size = sizeof(options)};

	return stele_publisher_open(job->region, &options, &job->publisher);
}

int trace_prepare_change(struct job *job)
{
	int r = trace_prepare_open(job);

	if (r == 0)
		r = stele_transaction_begin(job->publisher, &job->tx);
	return r < 0 ? r
	             : bank_change(job->tx, stele_publisher_version(job->publisher) + 1,
	                           &job->random);
}

int trace_act_commit_only(struct job *job)
{
	return stele_transaction_commit(job->tx, NULL, NULL);
}

int trace_act_commit(struct job *job)
{
	return bank_commit(job->publisher, &job->random) < 0 ? -1 : 0;
}
