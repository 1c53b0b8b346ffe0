/* SPDX-License-Identifier: MIT
 * Measures what many subscribers cost the publisher. Each subscriber is a process. */
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/clock.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/bench/bench.h"
#include "tools/bench/bench_bare.h"
#include "tools/bench/bench_fanout.h"
#include "tools/bench/bench_reader.h"
#include "tools/bench/bench_region.h"
#include "tools/bench/bench_samples.h"
#include "tools/output/progress.h"

enum { COMMITS = 20 }; /* commits in each part of a round */

/* The state of a measurement. Each reader has a copy from fork(2). */
struct crowd {
	struct bench *bench;
	const struct bench_way *way;
	uint32_t *go; /* in shared memory; 0: readers do not check for versions yet */
	struct stele_publisher *publisher;
	struct bench_reader *readers;
	uint64_t number; /* number of the last row */
	struct samples commit, behind, bare;
};

/* Lets the subscribers check for versions and wait. */
static void fanout_start_waiting(struct crowd *crowd)
{
	__atomic_store_n(crowd->go, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, crowd->go, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- a reader ---- */

/* Runs in a reader: a subscriber that waits for versions. */
static int fanout_subscriber(void *context, struct bench_reader *reader)
{
	struct crowd *crowd = context;
	struct stele_subscriber *subscriber;
	uint64_t version;
	int result;

	result = bench_subscribe(crowd->bench, crowd->way, &subscriber);
	if (result < 0)
		return result;
	bench_reader_turn(reader);
	/* Acquire: the version read below is at least that of the last commit before `go` was
	 * set. */
	while (__atomic_load_n(crowd->go, __ATOMIC_ACQUIRE) == 0)
		syscall(SYS_futex, crowd->go, FUTEX_WAIT, 0, NULL, NULL, 0);
	result = stele_subscriber_version(subscriber, &version);
	while (result >= 0) {
		bench_reader_turn(reader);
		result = stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version);
	}
	return result;
}

/* Runs in a reader: blocks in the mechanism alone. */
static int fanout_receive(void *context, struct bench_reader *reader)
{
	struct crowd *crowd = context;
	int result = 0;

	while (result >= 0) {
		bench_reader_turn(reader);
		result = crowd->way->bare->receive(&reader->pair);
	}
	return result;
}

/* ---- the publisher ---- */

/* Waits until all readers have begun this turn and are asleep. */
static enum status fanout_await_all(struct crowd *crowd, uint32_t turn)
{
	enum status status = STATUS_DONE;

	for (uint64_t i = 0; i < crowd->bench->subscribers && status == STATUS_DONE; i++) {
		status = bench_reader_await(crowd->bench, &crowd->readers[i], turn);
		if (status == STATUS_DONE)
			status = bench_reader_await_sleep(crowd->bench, &crowd->readers[i]);
	}
	return status;
}

static enum status fanout_commit(struct crowd *crowd, struct samples *samples)
{
	enum status status;
	int64_t begin;

	status = bench_commit(crowd->publisher, ++crowd->number, 0, &begin);
	if (status == STATUS_DONE)
		samples_add(samples, (double)(clock_now() - begin) / 1e3);
	return status;
}

static int fanout_send_all(struct crowd *crowd)
{
	uint64_t count = crowd->way->bare->one_for_all ? 1 : crowd->bench->subscribers;
	int result = 0;

	for (uint64_t i = 0; i < count && result == 0; i++)
		result = crowd->way->bare->send(&crowd->readers[i].pair);
	return result;
}

static enum status fanout_send_bare(struct crowd *crowd, struct samples *samples)
{
	int64_t begin = clock_now();
	int result = fanout_send_all(crowd);

	if (result < 0)
		return bare_fail_send(crowd->way->name, result);
	samples_add(samples, (double)(clock_now() - begin) / 1e3);
	return STATUS_DONE;
}

static enum status fanout_run_subscribers(struct crowd *crowd)
{
	enum status status = fanout_await_all(crowd, 1);

	for (int i = 0; i < COMMITS && status == STATUS_DONE; i++)
		status = fanout_commit(crowd, &crowd->behind);
	if (status == STATUS_DONE)
		fanout_start_waiting(crowd);
	for (uint32_t i = 0; i < COMMITS && status == STATUS_DONE; i++) {
		status = fanout_await_all(crowd, 2 + i);
		if (status == STATUS_DONE)
			status = fanout_commit(crowd, &crowd->commit);
	}
	return status;
}

static enum status fanout_run_bare(struct crowd *crowd)
{
	enum status status = STATUS_DONE;

	for (uint32_t i = 0; i < COMMITS && status == STATUS_DONE; i++) {
		status = fanout_await_all(crowd, 1 + i);
		if (status == STATUS_DONE)
			status = fanout_send_bare(crowd, &crowd->bare);
	}
	return status;
}

/* Runs one part of a round, with its own readers: a machine may not have enough queues for the
 * readers of both parts. */
static enum status fanout_run_part(struct crowd *crowd, const struct bare *bare,
                                   int (*work)(void *context, struct bench_reader *reader),
                                   enum status (*publish)(struct crowd *crowd))
{
	size_t count = (size_t)crowd->bench->subscribers;
	enum status status;

	status = bench_readers_start(crowd->bench, bare, count, work, crowd, &crowd->readers);
	if (status != STATUS_DONE)
		return status;
	status = publish(crowd);
	bench_readers_end(crowd->readers, count, bare);
	return status;
}

static enum status fanout_run_stele(struct crowd *crowd)
{
	enum status status = bench_publish(crowd->bench, crowd->way, &crowd->publisher);

	if (status != STATUS_DONE)
		return status;
	*crowd->go = 0; /* no reader has started yet */
	status = fanout_run_part(crowd, NULL, fanout_subscriber, fanout_run_subscribers);
	bench_unpublish(crowd->bench, crowd->publisher);
	return status;
}

static enum status fanout_run_mechanism(struct crowd *crowd)
{
	if (!crowd->way->bare)
		return STATUS_DONE;
	return fanout_run_part(crowd, crowd->way->bare, fanout_receive, fanout_run_bare);
}

static enum status fanout_run_rounds(struct crowd *crowd)
{
	struct bench *bench = crowd->bench;
	enum status status = STATUS_DONE;

	for (uint64_t round = 0; round < bench->rounds && status == STATUS_DONE; round++) {
		progress_note(&bench->progress, "%s: round %llu of %llu", crowd->way->name,
		              (unsigned long long)round + 1, (unsigned long long)bench->rounds);
		status = fanout_run_stele(crowd);
		if (status == STATUS_DONE)
			status = fanout_run_mechanism(crowd);
	}
	return status;
}

static double fanout_take_median(struct samples *samples)
{
	double median = samples_median(samples, 0);

	samples_free(samples);
	return median;
}

enum status bench_fanout(struct bench *bench, const struct bench_way *way, struct fanout *ret)
{
	struct crowd crowd = {.bench = bench, .way = way};
	enum status status;

	crowd.go = mmap(NULL, sizeof(*crowd.go), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                -1, 0);
	if (crowd.go == MAP_FAILED)
		return fail(STATUS_NO_SPACE, "cannot share memory with the readers");
	status = fanout_run_rounds(&crowd);
	munmap(crowd.go, sizeof(*crowd.go));
	ret->commit = fanout_take_median(&crowd.commit);
	ret->behind = fanout_take_median(&crowd.behind);
	ret->bare = fanout_take_median(&crowd.bare);
	return status;
}
