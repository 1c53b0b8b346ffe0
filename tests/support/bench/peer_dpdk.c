/* SPDX-License-Identifier: MIT */
#include "lib/units.h"
#include "tests/support/bench/peer_dpdk.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_version.h>
#include <stele/stele.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/support/bench/bench.h"
#include "tests/support/random.h"
#include "tests/support/bench/table.h"

static void dpdk_heap_start(void)
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

int dpdk_socket(void)
{
	return rte_malloc_heap_get_socket(DPDK_HEAP);
}

void dpdk_start(void)
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

	bench_stay_on_core(0);
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

double dpdk_memory(void)
{
	struct rte_malloc_socket_stats now;

	check(rte_malloc_get_socket_stats(dpdk_socket(), &now) == 0);
	return (double)now.heap_allocsz_bytes;
}

/* ---- Stele ---- */

struct stele_publisher *publisher;
static struct stele_subscriber *subscriber;
static struct stele_snapshot *snapshot;
struct stele_table routes;
struct stele_lpm *by_number;

double region_size(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	must(stele_region_describe(bench_region, &info));
	return (double)info.file_size;
}

void routes_create(const struct stele_schema *schema)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	struct stele_transaction *tx;

	must(stele_publisher_open(bench_region, &options, &publisher));
	must(stele_transaction_begin(publisher, &tx));
	must(stele_transaction_create_table(tx, "routes", schema));
	must(stele_transaction_commit(tx, NULL, NULL));
}

static void routes_open(struct stele_snapshot **ret_snapshot, struct stele_table *ret)
{
	must(stele_snapshot_open(subscriber, 0, ret_snapshot));
	must(stele_table_open(*ret_snapshot, "routes", NULL, ret));
}

void routes_read(void)
{
	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	routes_open(&snapshot, &routes);
	must(stele_lpm_open(&routes, "number", NONE, &by_number));
}

double routes_move(void)
{
	struct stele_snapshot *newer;
	double begin = bench_seconds();

	routes_open(&newer, &routes);
	must(stele_lpm_move(by_number, &routes));
	stele_snapshot_close(snapshot);
	snapshot = newer;
	return bench_seconds() - begin;
}

void routes_unread(void)
{
	by_number = stele_lpm_close(by_number);
	subscriber = stele_subscriber_close(subscriber);
}

static void flap_commit(const void *key, unsigned key_bits, const struct route *route)
{
	struct stele_transaction *tx;

	must(stele_transaction_begin(publisher, &tx));
	if (route)
		must(stele_transaction_put(tx, "routes", key, key_bits, route, sizeof(*route)));
	else
		must(stele_transaction_delete(tx, "routes", key, key_bits));
	must(stele_transaction_commit(tx, NULL, NULL));
}

void bench_flap(const char *name, const void *key, unsigned key_bits)
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
	bench_print(name, bench_median(times, FLAPS) * (double)USEC_PER_SEC, "us");
}

/* ---- lookups: all sides answer the same addresses ----
 *
 * Other work on the machine takes processor time away from a round, and evicts its caches. So the
 * figures are processor time, and the median of the ratios of many rounds. */

static double processor_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / (double)NSEC_PER_SEC;
}

void lookups(const char *work, const struct lookup *sides, size_t count)
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
		bench_ratio(name, bench_median(ratios, LOOKUP_ROUNDS), sides[i].reach);
	}
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s/%s", work, sides[i].name);
		bench_print(name, bench_median(rates[i], LOOKUP_ROUNDS), "M/s");
	}
}
