/* SPDX-License-Identifier: MIT
 *
 * What the comparisons with DPDK share: starting it without devices, the prefixes, and lookups by
 * several sides that must all give the same answers. */
#ifndef TESTS_SUPPORT_BENCH_DPDK_H
#define TESTS_SUPPORT_BENCH_DPDK_H

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_version.h>
#include <stele/stele.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/support/bench.h"
#include "tests/support/random.h"
#include "tests/support/table.h"

#define LOOKUPS (1u << 20)
#define NONE    0u /* the answer where no prefix matches; that of a prefix is its number, from 1 on */
#define BURST   32u /* addresses given to a bulk call at a time */

struct route {
	uint32_t number;
	uint32_t interface;
};

/* Tables of DPDK lie in a heap of their own, as what a region's reader has does: in huge pages, where
 * the system gives such to who asks. Its own way to have them needs some that were set aside. */
#define DPDK_HEAP      "bench"
#define DPDK_HEAP_SIZE ((size_t)2 << 30)

static inline void dpdk_heap_start(void)
{
	size_t page = (size_t)2 << 20;
	char *memory = mmap(NULL, DPDK_HEAP_SIZE + page, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	check(memory != MAP_FAILED);
	memory += page - (uintptr_t)memory % page;
	madvise(memory, DPDK_HEAP_SIZE, MADV_HUGEPAGE);
	check(rte_malloc_heap_create(DPDK_HEAP) == 0);
	check(rte_malloc_heap_memory_add(DPDK_HEAP, memory, DPDK_HEAP_SIZE, NULL, 0,
	                                 RTE_PGSIZE_2M) == 0);
}

/* Where tables are to be made. */
static inline int dpdk_socket(void)
{
	return rte_malloc_heap_get_socket(DPDK_HEAP);
}

/* Its memory is the process's own, and it leaves nothing behind. */
static inline void dpdk_start(void)
{
	char directory[] = "/tmp/bench-dpdk-XXXXXX", path[64], core[16];
	char *arguments[] = {"bench",
	                     "--no-huge",
	                     "--no-pci",
	                     "--no-shconf",
	                     "--no-telemetry",
	                     "-m",
	                     "64",
	                     "--log-level=lib.eal:error",
	                     "--force-max-simd-bitwidth=512",
	                     "-l",
	                     core,
	                     NULL};

	stay_on_core(0);
	snprintf(core, sizeof(core), "%d", sched_getcpu());
	check(mkdtemp(directory) != NULL);
	setenv("RUNTIME_DIRECTORY", directory, 1);
	if (rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])) - 1, arguments) < 0) {
		fprintf(stderr, "bench: DPDK does not start: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	dpdk_heap_start();
	snprintf(path, sizeof(path), "%s/dpdk/rte", directory);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/dpdk", directory);
	rmdir(path);
	rmdir(directory);
}

/* Bytes that tables of DPDK take. */
static inline double dpdk_memory(void)
{
	struct rte_malloc_socket_stats now;

	check(rte_malloc_get_socket_stats(dpdk_socket(), &now) == 0);
	return (double)now.heap_allocsz_bytes;
}

/* ---- ours ---- */

static struct stele_publisher *publisher;
static struct stele_subscriber *subscriber;
static struct stele_snapshot *snapshot;
static struct stele_table routes;
static struct stele_index *by_number;

static inline double region_size(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	must(stele_region_describe(region, &info));
	return (double)info.file_size;
}

static inline void routes_create(const struct stele_schema *schema)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	struct stele_transaction *tx;

	must(stele_publisher_open(region, &options, &publisher));
	must(stele_transaction_begin(publisher, &tx));
	must(stele_table_create(tx, "routes", schema));
	must(stele_transaction_commit(tx, NULL, NULL));
}

static inline void routes_open(struct stele_snapshot **ret_snapshot, struct stele_table *ret)
{
	must(stele_snapshot_open(subscriber, 0, ret_snapshot));
	must(stele_table_open(*ret_snapshot, "routes", NULL, ret));
}

static inline void routes_read(void)
{
	must(stele_subscriber_open(region, NULL, &subscriber));
	routes_open(&snapshot, &routes);
	must(stele_index_open(&routes, "number", NONE, &by_number));
}

/* Moves the index to the newest version: seconds. */
static inline double routes_move(void)
{
	struct stele_snapshot *newer;
	double begin = seconds();

	routes_open(&newer, &routes);
	must(stele_index_move(by_number, &routes));
	stele_snapshot_close(snapshot);
	snapshot = newer;
	return seconds() - begin;
}

static inline void routes_unread(void)
{
	by_number = stele_index_close(by_number);
	subscriber = stele_subscriber_close(subscriber);
}

#define FLAPS 21u /* an odd number, for a median */

static inline void flap_commit(const void *key, unsigned key_bits, const struct route *route)
{
	struct stele_transaction *tx;

	must(stele_transaction_begin(publisher, &tx));
	if (route)
		must(stele_put(tx, "routes", key, key_bits, route, sizeof(*route)));
	else
		must(stele_delete(tx, "routes", key, key_bits));
	must(stele_transaction_commit(tx, NULL, NULL));
}

/* Puts and deletes a prefix, again and again, and leaves it as it was: what moving the index
 * costs each time. */
static inline void bench_flap(const char *name, const void *key, unsigned key_bits)
{
	struct stele_row row;
	bool there = stele_table_get(&routes, key, key_bits, &row) == 1;
	struct route route = {1, 0};
	double times[FLAPS];

	if (there)
		memcpy(&route, row.value, sizeof(route));
	for (unsigned i = 0; i < FLAPS; i++) {
		flap_commit(key, key_bits, there ? NULL : &route);
		times[i] = routes_move() / 2;
		flap_commit(key, key_bits, there ? &route : NULL);
		times[i] += routes_move() / 2;
	}
	print(name, median(times, FLAPS) * 1e6, "us");
}

/* What a matched row answers. */
static inline uint32_t route_answer(int r, const struct stele_row *row)
{
	return r == 1 ? ((const struct route *)row->value)->number : NONE;
}

/* ---- lookups: each side answers all addresses, and all sides the same ----
 *
 * Other work on the machine takes the processor away from a round, and refills its caches. So what
 * counts is time on the processor, and the median of the ratios of many rounds. */

#define LOOKUP_ROUNDS 31u /* an odd number, for a median */

struct lookup {
	const char *name;
	void (*run)(uint32_t *answers);
	double reach; /* as of struct side */
};

static inline double processor_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void lookups(const char *work, const struct lookup *sides, size_t count)
{
	static uint32_t answers[COMPARE_SIDES][LOOKUPS];
	double rates[COMPARE_SIDES][LOOKUP_ROUNDS], ratios[LOOKUP_ROUNDS];
	char name[128];

	for (size_t round = 0; round < LOOKUP_ROUNDS; round++) {
		for (size_t i = 0; i < count; i++) {
			size_t side = (i + round) % count;
			double begin = processor_seconds();
			sides[side].run(answers[side]);
			rates[side][round] = LOOKUPS / (processor_seconds() - begin) / 1e6;
		}
		for (size_t i = 1; i < count; i++)
			check(memcmp(answers[i], answers[0], sizeof(answers[0])) == 0);
	}
	for (size_t i = 1; i < count; i++) {
		if (sides[i].reach == 0)
			continue;
		for (size_t round = 0; round < LOOKUP_ROUNDS; round++)
			ratios[round] = rates[0][round] / rates[i][round];
		snprintf(name, sizeof(name), "%s/%s", work, sides[i].name);
		ratio(name, median(ratios, LOOKUP_ROUNDS), sides[i].reach);
	}
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s/%s", work, sides[i].name);
		print(name, median(rates[i], LOOKUP_ROUNDS), "M/s");
	}
}

#endif
