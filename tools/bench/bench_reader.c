/* SPDX-License-Identifier: MIT
 * Processes that read, and the turns that publisher and readers take. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/bench/bench.h"
#include "tools/bench/bench_bare.h"
#include "tools/bench/bench_core.h"
#include "tools/bench/bench_reader.h"

enum {
	FAILED = UINT32_MAX, /* the turn of a reader that has failed */
	POLLS = 4096,        /* reads of the turn between two checks that the reader lives */
};

/* Release: a publisher that sees the turn also sees what the reader wrote before. Pairs with
 * bench_reader_await(). */
static void reader_set_turn(struct bench_reader *reader, uint32_t turn)
{
	__atomic_store_n(&reader->shared->turn, turn, __ATOMIC_RELEASE);
}

void bench_reader_turn(struct bench_reader *reader)
{
	/* Relaxed: only the reader writes the turn. */
	reader_set_turn(reader, __atomic_load_n(&reader->shared->turn, __ATOMIC_RELAXED) + 1);
}

/* Returns the state of the reader's process: 'S' asleep, 'Z' dead; 0: unknown. */
static char reader_state(const struct bench_reader *reader)
{
	char text[64], *end;
	ssize_t size = pread(reader->stat, text, sizeof(text) - 1, 0);

	if (size <= 0)
		return 0;
	text[size] = '\0';
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : 0;
}

/* Sets bench->reason to the reason for which the reader has ended. */
static enum status reader_lost(struct bench *bench, const struct bench_reader *reader)
{
	snprintf(bench->reason, sizeof(bench->reason), "%s",
	         *reader->shared->reason ? reader->shared->reason : "the reader was killed");
	return STATUS_NOT_THERE;
}

enum status bench_reader_await(struct bench *bench, const struct bench_reader *reader,
                               uint32_t turn)
{
	uint32_t now;

	/* Acquire: pairs with reader_set_turn(). */
	for (unsigned i = 1;
	     (now = __atomic_load_n(&reader->shared->turn, __ATOMIC_ACQUIRE)) != turn; i++) {
		if (now == FAILED)
			return reader_lost(bench, reader);
		if (bench->reader_core == bench->publisher_core)
			sched_yield();
		bench_pause();
		if (i % POLLS)
			continue;
		if (reader_state(reader) == 'Z')
			return reader_lost(bench, reader);
		if (bench_check_stop(bench) != STATUS_DONE)
			return STATUS_SYSTEM;
		sched_yield();
	}
	return STATUS_DONE;
}

enum status bench_reader_await_sleep(struct bench *bench, const struct bench_reader *reader)
{
	char state;

	while ((state = reader_state(reader)) != 'S') {
		if (state == 'Z' || state == 0)
			return reader_lost(bench, reader);
		if (bench_check_stop(bench) != STATUS_DONE)
			return STATUS_SYSTEM;
		if (bench->reader_core == bench->publisher_core)
			sched_yield();
	}
	return STATUS_DONE;
}

static void reader_run(int (*work)(void *context, struct bench_reader *reader), void *context,
                       struct bench_reader *reader)
{
	int result = work(context, reader);

	if (result < 0) {
		const char *why = stele_last_error();

		snprintf(reader->shared->reason, sizeof(reader->shared->reason), "%s",
		         *why ? why : strerror(-result));
		reader_set_turn(reader, FAILED);
	}
	_exit(result < 0);
}

static enum status reader_start(struct bench *bench, struct bench_reader *reader,
                                int (*work)(void *context, struct bench_reader *reader),
                                void *context)
{
	pid_t parent = getpid();
	char path[64];

	/* The child inherits the buffer, and must not print its contents a second time. */
	fflush(stdout);
	reader->pid = fork();
	if (reader->pid == 0) {
		/* Kill the reader when this process ends, however it ends. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		bench_bind(bench, bench->reader_core);
		reader_run(work, context, reader);
	}
	reader->pair.receiver = reader->pid;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)reader->pid);
	reader->stat = reader->pid < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (reader->stat >= 0)
		return STATUS_DONE;
	snprintf(bench->reason, sizeof(bench->reason), "cannot start a process for a reader: %s",
	         strerror(errno));
	return STATUS_NOT_THERE;
}

static enum status reader_open_pair(struct bench *bench, const struct bare *bare,
                                    struct bench_reader *reader)
{
	int result = bare->open(&reader->pair);

	if (result == 0)
		return STATUS_DONE;
	snprintf(bench->reason, sizeof(bench->reason), "cannot open the mechanism: %s",
	         strerror(-result));
	return STATUS_NOT_THERE;
}

enum status bench_readers_start(struct bench *bench, const struct bare *bare, size_t count,
                                int (*work)(void *context, struct bench_reader *reader),
                                void *context, struct bench_reader **ret)
{
	size_t size = count * sizeof(struct bench_reader_shared);
	struct bench_reader_shared *shared =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct bench_reader *readers = heap_realloc(NULL, count * sizeof(*readers));
	enum status status = STATUS_DONE;

	if (shared == MAP_FAILED) {
		free(readers);
		return fail(STATUS_NO_SPACE, "cannot share memory with %zu readers", count);
	}
	for (size_t i = 0; i < count; i++)
		readers[i] = (struct bench_reader){
			.pid = -1,
			.stat = -1,
			.pair = {.shared = &shared[bare && bare->one_for_all ? 0 : i].bare,
		                 .receiver = -1,
		                 .send = -1,
		                 .receive = -1},
			.shared = &shared[i],
		};
	for (size_t i = 0; i < count && status == STATUS_DONE; i++) {
		if (bare)
			status = reader_open_pair(bench, bare, &readers[i]);
		if (status == STATUS_DONE)
			status = reader_start(bench, &readers[i], work, context);
	}
	if (status != STATUS_DONE)
		bench_readers_end(readers, count, bare);
	else
		*ret = readers;
	return status;
}

void bench_readers_end(struct bench_reader *readers, size_t count, const struct bare *bare)
{
	for (size_t i = 0; i < count; i++)
		if (readers[i].pid > 0)
			kill(readers[i].pid, SIGKILL);
	for (size_t i = 0; i < count; i++) {
		if (readers[i].pid > 0)
			while (waitpid(readers[i].pid, NULL, 0) < 0 && errno == EINTR)
				;
		if (readers[i].stat >= 0)
			close(readers[i].stat);
		if (bare)
			bare->close(&readers[i].pair);
	}
	munmap(readers[0].shared, count * sizeof(*readers[0].shared));
	free(readers);
}
