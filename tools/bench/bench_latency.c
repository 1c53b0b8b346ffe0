/* SPDX-License-Identifier: MIT
 * Measures latency: one publisher, one blocked reader, and three lanes that take turns (see enum
 * bench_lane). */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <stele/stele.h>
#include "tools/base/clock.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/bench/bench.h"
#include "tools/bench/bench_core.h"
#include "tools/bench/bench_latency.h"
#include "tools/bench/bench_machine.h"
#include "tools/bench/bench_reader.h"
#include "tools/bench/bench_region.h"
#include "tools/bench/bench_samples.h"
#include "tools/output/progress.h"
#include "tools/region/place.h"

enum {
	ROUND = 200, /* rows in each lane of a round */
	/* Nanoseconds from the time that the kernel reports a reader as asleep until the reader has
	 * left its core. */
	IDLE = 20000,
	/* Nanoseconds until a spinning reader is in its loop. */
	SPINS = 3000,
};

/* A row in shared memory for LANE_BARE, protected by a seqlock. */
struct plain_row {
	_Alignas(64) struct bench_row row;
	_Alignas(64) uint64_t sequence; /* odd while the row is being written */
};

/* The state of a measurement. The reader has a copy from fork(2), and shares only what `plain`
 * points to. */
struct session {
	struct bench *bench;
	const struct bench_way *way;
	struct plain_row *plain; /* in shared memory */
	struct stele_publisher *publisher;
	struct bench_reader *reader;
	/* Only in the reader: */
	struct stele_subscriber *subscribers[LANES];
	struct stele_live tables[LANES];
	uint64_t version; /* the version read last */
};

/* ---- the row without Stele ---- */

static void latency_plain_write(struct plain_row *plain, uint64_t number, int64_t start)
{
	uint64_t sequence = __atomic_load_n(&plain->sequence, __ATOMIC_RELAXED);

	/* Each store releases: the odd sequence is visible before any part of the row, and the
	 * row before the even sequence. */
	__atomic_store_n(&plain->sequence, sequence + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&plain->row.number, number, __ATOMIC_RELEASE);
	__atomic_store_n(&plain->row.start, start, __ATOMIC_RELEASE);
	__atomic_store_n(&plain->sequence, sequence + 2, __ATOMIC_RELEASE);
}

static void latency_plain_read(const struct plain_row *plain, struct bench_row *row)
{
	uint64_t before, after;

	do {
		/* Each load acquires: the row is loaded completely before the sequence is loaded
		 * again. */
		before = __atomic_load_n(&plain->sequence, __ATOMIC_ACQUIRE);
		row->number = __atomic_load_n(&plain->row.number, __ATOMIC_ACQUIRE);
		row->start = __atomic_load_n(&plain->row.start, __ATOMIC_ACQUIRE);
		after = __atomic_load_n(&plain->sequence, __ATOMIC_RELAXED);
	} while (before % 2 == 1 || before != after);
}

/* ---- the reader ---- */

static int latency_get(struct session *session, enum bench_lane lane, struct bench_row *row)
{
	static const uint32_t key;
	size_t size = sizeof(*row);

	return stele_live_get_copy(&session->tables[lane], &key, 32, row, &size, &session->version);
}

/* Blocks until the publisher sends, and reads the row. */
static int latency_wait_and_read(struct session *session, struct bench_reader *reader,
                                 enum bench_lane lane, struct bench_row *row)
{
	uint64_t version;
	int result;

	if (lane == LANE_STELE)
		result = stele_subscriber_wait(session->subscribers[lane], session->version,
		                               STELE_FOREVER, &version);
	else
		result = session->way->bare->receive(&reader->pair);
	if (result < 0)
		return result;
	if (lane != LANE_BARE)
		return latency_get(session, lane, row);
	latency_plain_read(session->plain, row);
	return 0;
}

static int latency_subscribe(struct session *session)
{
	struct stele_subscriber_options unregistered = {.size = sizeof(unregistered),
	                                                .flags = STELE_UNREGISTERED};
	struct bench *bench = session->bench;
	int result;

	result = bench_subscribe(bench, session->way, &session->subscribers[LANE_STELE]);
	if (result == 0)
		result = stele_subscriber_open(place_path(bench->place, bench->region),
		                               &unregistered, &session->subscribers[LANE_BY_HAND]);
	for (enum bench_lane lane = 0; lane < LANE_BARE && result == 0; lane++)
		result = stele_live_open(session->subscribers[lane], "rows", &bench_schema,
		                         &session->tables[lane]);
	if (result == 0)
		result = stele_subscriber_version(session->subscribers[LANE_STELE],
		                                  &session->version);
	return result;
}

static bool latency_has_lane(const struct session *session, enum bench_lane lane)
{
	return lane == LANE_STELE || session->way->bare;
}

/* Runs in the reader: reads all rows of all rounds. */
static int latency_read_all(void *context, struct bench_reader *reader)
{
	struct session *session = context;
	uint64_t number = 0;
	struct bench_row row;
	int result;

	result = latency_subscribe(session);
	for (uint64_t i = 0; i < session->bench->rounds * LANES * ROUND && result >= 0; i++) {
		enum bench_lane lane = (enum bench_lane)(i / ROUND % LANES);
		if (!latency_has_lane(session, lane))
			continue;
		bench_reader_turn(reader);
		result = latency_wait_and_read(session, reader, lane, &row);
		reader->shared->taken = clock_now();
		reader->shared->start = row.start;
		/* The publisher sends row after row, so any other number is an error. */
		if (result >= 0 && row.number != ++number)
			result = -EILSEQ;
	}
	if (result >= 0)
		bench_reader_turn(reader);
	return result < 0 ? result : 0;
}

/* ---- the publisher ---- */

/* Sends a row. `*ret_cost` is the duration of the calls that publish it, in microseconds. */
static enum status latency_send_row(struct session *session, enum bench_lane lane, uint64_t number,
                                    int64_t *ret_end, double *ret_cost)
{
	int64_t begin, start = clock_now();
	enum status status = STATUS_DONE;
	int result = 0;

	if (lane == LANE_BARE) {
		latency_plain_write(session->plain, number, start);
		begin = clock_now();
	} else {
		status = bench_commit(session->publisher, number, start, &begin);
	}
	if (status == STATUS_DONE && lane != LANE_STELE)
		result = session->way->bare->send(&session->reader->pair);
	*ret_end = clock_now();
	*ret_cost = (double)(*ret_end - begin) / 1e3;
	if (result < 0)
		return bare_fail_send(session->way->name, result);
	return status;
}

/* Waits until the reader is blocked and its core is idle; or, if the reader spins, until it is
 * in its loop. */
static enum status latency_settle(const struct session *session)
{
	enum status status = STATUS_DONE;
	int64_t until;

	if (!session->way->spin)
		status = bench_reader_await_sleep(session->bench, session->reader);
	until = clock_now() + (session->way->spin ? SPINS : IDLE);
	while (clock_now() < until)
		bench_pause();
	return status;
}

/* The values of a lane, in microseconds. `seen`: from the start of a change until the reader has
 * read the row. `cost`: the duration of the send. `after`: from the end of the send until the read.
 * `medians`: the median of `seen` in each round. */
struct lane_samples {
	struct samples seen, cost, after, medians;
};

/* Runs one round of a lane. Advances `*number`, the number of the last row sent. */
static enum status latency_run_lane(struct session *session, enum bench_lane lane, uint64_t *number,
                                    struct lane_samples *samples)
{
	const struct bench_reader_shared *shared = session->reader->shared;
	enum status status = STATUS_DONE;
	int64_t end;
	double cost;

	for (int i = 0; i < ROUND && status == STATUS_DONE; i++) {
		status = latency_settle(session);
		if (status == STATUS_DONE)
			status = latency_send_row(session, lane, ++*number, &end, &cost);
		if (status == STATUS_DONE)
			status = bench_reader_await(session->bench, session->reader,
			                            (uint32_t)*number + 1);
		if (status != STATUS_DONE)
			break;
		samples_add(&samples->seen, (double)(shared->taken - shared->start) / 1e3);
		samples_add(&samples->after, (double)(shared->taken - end) / 1e3);
		samples_add(&samples->cost, cost);
	}
	if (status == STATUS_DONE)
		samples_add(&samples->medians,
		            samples_median(&samples->seen, samples->seen.count - ROUND));
	return status == STATUS_DONE ? bench_check_stop(session->bench) : status;
}

static enum status latency_run_rounds(struct session *session, struct lane_samples samples[LANES])
{
	struct bench *bench = session->bench;
	enum status status;
	uint64_t number = 0;

	status = bench_reader_await(bench, session->reader, 1);
	for (uint64_t round = 0; round < bench->rounds && status == STATUS_DONE; round++) {
		progress_note(&bench->progress, "%s: round %llu of %llu", session->way->name,
		              (unsigned long long)round + 1, (unsigned long long)bench->rounds);
		for (enum bench_lane lane = 0; lane < LANES && status == STATUS_DONE; lane++)
			if (latency_has_lane(session, lane))
				status = latency_run_lane(session, lane, &number, &samples[lane]);
	}
	return status;
}

static void latency_summarize(struct lane_samples *samples, struct latency *ret)
{
	ret->p50 = samples_median(&samples->medians, 0);
	ret->p99 = samples_percentile(&samples->seen, 0.99);
	ret->p99_9 = samples_percentile(&samples->seen, 0.999);
	ret->max = samples_max(&samples->seen);
	ret->cost = samples_median(&samples->cost, 0);
	ret->after = samples_median(&samples->after, 0);
}

enum status bench_latency(struct bench *bench, const struct bench_way *way,
                          struct latency ret[LANES], size_t *ret_samples)
{
	struct session session = {.bench = bench, .way = way};
	struct lane_samples samples[LANES] = {0};
	enum status status;

	session.plain = mmap(NULL, sizeof(*session.plain), PROT_READ | PROT_WRITE,
	                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (session.plain == MAP_FAILED)
		return fail(STATUS_NO_SPACE, "cannot share memory with a reader");
	status = machine_measure_line(bench);
	if (status == STATUS_DONE)
		status = bench_publish(bench, way, &session.publisher);
	if (status == STATUS_DONE) {
		status = bench_readers_start(bench, way->bare, 1, latency_read_all, &session,
		                             &session.reader);
		if (status == STATUS_DONE) {
			status = latency_run_rounds(&session, samples);
			bench_readers_end(session.reader, 1, way->bare);
		}
		bench_unpublish(bench, session.publisher);
	}
	*ret_samples = samples[LANE_STELE].seen.count;
	for (enum bench_lane lane = 0; lane < LANES; lane++) {
		struct lane_samples *of = &samples[lane];
		latency_summarize(of, &ret[lane]);
		samples_free(&of->seen);
		samples_free(&of->cost);
		samples_free(&of->after);
		samples_free(&of->medians);
	}
	munmap(session.plain, sizeof(*session.plain));
	return status;
}
