/* SPDX-License-Identifier: MIT
 *
 * A comparison with DPDK's rte_fib and rte_lpm: longest-prefix match in a full IPv4 routing table,
 * its memory, loading and updates.
 *
 *   STELE_PREFIXES=FILE   a routing table, one prefix per line (default: generated, see table.h)
 *
 * Prefixes are loaded in random order, unless a figure's name says otherwise. Loading rte_lpm takes
 * minutes: it searches for each rule among all rules of the same length. */
#include "lib/units.h"
#include "tests/support/bench/peer_dpdk.h"

#include <rte_fib.h>
#include <rte_lpm.h>

static const struct stele_column columns[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct route, number, STELE_U32),
	STELE_VALUE(struct route, interface, STELE_U32),
};
static const struct stele_schema schema = STELE_SCHEMA(struct route, columns);

static struct prefix4 *table;
static size_t count;
static uint32_t *numbers; /* the next hop's number for each prefix of `table` */
static struct rte_fib *fib;
static struct rte_lpm *lpm;
static uint32_t addresses[LOOKUPS], addresses_net[LOOKUPS]; /* `addresses` in network byte order */

/* ---- loading ---- */

static void put(struct stele_writable *writable, size_t i)
{
	uint32_t key = htonl(table[i].address);
	struct route route = {numbers[i], 0};

	must(stele_writable_put(writable, &key, table[i].length, &route, sizeof(route)));
}

static double load(bool with_index)
{
	struct stele_transaction *tx;
	struct stele_writable *writable;
	double begin, time;

	if (publisher) {
		stele_publisher_close(publisher);
		must(stele_region_remove(bench_region));
	}
	routes_create(&schema);
	begin = bench_seconds();
	must(stele_transaction_begin(publisher, &tx));
	must(stele_writable_open(tx, "routes", NULL, &writable));
	for (size_t i = 0; i < count; i++)
		put(writable, i);
	must(stele_transaction_commit(tx, NULL, NULL));
	if (with_index)
		routes_read();
	time = bench_seconds() - begin;
	if (with_index)
		routes_unread();
	return time / (double)count;
}

static double load_stele(uint64_t *ret_sum)
{
	*ret_sum = 0;
	return load(true);
}

static double load_table(uint64_t *ret_sum)
{
	*ret_sum = 0;
	return load(false);
}

static double load_fib(uint64_t *ret_sum)
{
	struct rte_fib_conf conf = {
		.type = RTE_FIB_DIR24_8,
		.default_nh = NONE,
		.max_routes = (int)(count + count / 8),
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = 4096},
	};
	double begin;

	rte_fib_free(fib);
	fib = rte_fib_create("bench", dpdk_socket(), &conf);
	check(fib != NULL);
	begin = bench_seconds();
	for (size_t i = 0; i < count; i++)
		check(rte_fib_add(fib, table[i].address, (uint8_t)table[i].length, numbers[i]) ==
		      0);
	*ret_sum = 0;
	return (bench_seconds() - begin) / (double)count;
}

static void load_lpm(void)
{
	struct rte_lpm_config config = {.max_rules = (uint32_t)(count + count / 8),
	                                .number_tbl8s = 4096};
	double begin;

	lpm = rte_lpm_create("bench", dpdk_socket(), &config);
	check(lpm != NULL);
	begin = bench_seconds();
	for (size_t i = 0; i < count; i++)
		check(rte_lpm_add(lpm, table[i].address, (uint8_t)table[i].length, numbers[i]) ==
		      0);
	bench_print("ipv4/load/rte_lpm",
	            (bench_seconds() - begin) / (double)count * (double)NSEC_PER_SEC, "ns");
}

/* ---- lookups ---- */

static void match_stele(uint32_t *answers)
{
	for (size_t i = 0; i < LOOKUPS; i++)
		must(stele_lpm_match(by_number, &addresses_net[i], &answers[i]));
}

static void bulk_stele(uint32_t *answers)
{
	for (size_t i = 0; i < LOOKUPS; i += BURST)
		must(stele_lpm_match_many(by_number, &addresses_net[i], BURST, answers + i));
}

/* Matches without an index, by walking the trie in the region. */
static void match_table(uint32_t *answers)
{
	struct stele_row row;

	for (size_t i = 0; i < LOOKUPS; i++)
		answers[i] =
			route_answer(stele_table_match(&routes, &addresses_net[i], 32, &row), &row);
}

static void match_fib(uint32_t *answers)
{
	for (size_t i = 0; i < LOOKUPS; i++) {
		uint64_t answer;
		rte_fib_lookup_bulk(fib, &addresses[i], &answer, 1);
		answers[i] = (uint32_t)answer;
	}
}

static void match_lpm(uint32_t *answers)
{
	for (size_t i = 0; i < LOOKUPS; i++) {
		uint32_t answer;
		answers[i] = rte_lpm_lookup(lpm, addresses[i], &answer) == 0 ? answer : NONE;
	}
}

static void bulk_fib(uint32_t *answers)
{
	uint64_t found[BURST];

	for (size_t i = 0; i < LOOKUPS; i += BURST) {
		rte_fib_lookup_bulk(fib, &addresses[i], found, BURST);
		for (size_t j = 0; j < BURST; j++)
			answers[i + j] = (uint32_t)found[j];
	}
}

static void bulk_lpm(uint32_t *answers)
{
	uint32_t found[BURST];

	for (size_t i = 0; i < LOOKUPS; i += BURST) {
		rte_lpm_lookup_bulk(lpm, &addresses[i], found, BURST);
		for (size_t j = 0; j < BURST; j++)
			answers[i + j] =
				found[j] & RTE_LPM_LOOKUP_SUCCESS ? found[j] & 0xffffff : NONE;
	}
}

/* Returns a random address inside a random prefix. */
static uint32_t address_inside(uint64_t *random)
{
	const struct prefix4 *prefix = &table[random_from(random) % count];
	uint32_t host = (uint32_t)random_from(random);

	return prefix->address | (prefix->length == 32 ? 0 : host >> prefix->length);
}

enum spread { INSIDE, UNIFORM, HOT };

static void choose(enum spread spread)
{
	uint64_t random = 21;
	uint32_t hot[1000];

	for (size_t i = 0; i < 1000; i++)
		hot[i] = address_inside(&random);
	for (size_t i = 0; i < LOOKUPS; i++) {
		addresses[i] = spread == INSIDE    ? address_inside(&random)
		               : spread == UNIFORM ? (uint32_t)random_from(&random)
		                                   : hot[random_from(&random) % 1000];
		addresses_net[i] = htonl(addresses[i]);
	}
}

/* Compares all sides at every prefix's first and last address, and at the addresses next to
 * these. */
static void check_every_prefix(void)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t last =
			table[i].address | (uint32_t)(UINT64_C(0xffffffff) >> table[i].length);
		uint32_t ask[4] = {table[i].address, last, last + 1, table[i].address - 1};
		for (int j = 0; j < 4; j++) {
			uint32_t net = htonl(ask[j]), number, by_lpm, by_index;
			struct stele_row row;
			uint64_t by_fib;
			number = route_answer(stele_table_match(&routes, &net, 32, &row), &row);
			check(rte_fib_lookup_bulk(fib, &ask[j], &by_fib, 1) == 0 &&
			      by_fib == number);
			if (rte_lpm_lookup(lpm, ask[j], &by_lpm) != 0)
				by_lpm = NONE;
			check(by_lpm == number);
			must(stele_lpm_match(by_number, &net, &by_index));
			check(by_index == number);
		}
	}
}

static void bench_bulk(const char *work, enum spread spread, double reach)
{
	const struct lookup sides[] = {{"stele", bulk_stele, 0},
	                               {"rte_fib", bulk_fib, reach},
	                               {"rte_lpm", bulk_lpm, reach}};

	choose(spread);
	lookups(work, sides, 3);
}

static void bench_lookups(void)
{
	const struct lookup single[] = {{"stele", match_stele, 0},
	                                {"rte_fib", match_fib, 3},
	                                {"rte_lpm", match_lpm, 0.7},
	                                {"stele_without_index", match_table, 0}};

	check_every_prefix();
	choose(INSIDE);
	lookups("ipv4/one_by_one", single, 4);
	if (rte_fib_select_lookup(fib, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512) != 0)
		printf("ipv4/bulk: rte_fib has no AVX-512 here\n");
	bench_bulk("ipv4/bulk_inside", INSIDE, 1.1);
	bench_bulk("ipv4/bulk_uniform", UNIFORM, 1.2);
	bench_bulk("ipv4/bulk_hot", HOT, 0.4);
}

/* ---- updates: random routes get another number ---- */

#define UPDATES 200000u

static double update(uint64_t *random, bool with_index)
{
	double begin = bench_seconds();

	for (unsigned i = 0; i < UPDATES; i++) {
		size_t which = random_from(random) % count;
		struct stele_transaction *tx;
		struct stele_writable *writable;

		numbers[which] = (uint32_t)(random_from(random) & 0xffffff) | 1;
		must(stele_transaction_begin(publisher, &tx));
		must(stele_writable_open(tx, "routes", NULL, &writable));
		put(writable, which);
		must(stele_transaction_commit(tx, NULL, NULL));
		if (with_index)
			routes_move();
	}
	return (bench_seconds() - begin) / UPDATES;
}

static double update_stele(uint64_t *ret_sum)
{
	static uint64_t random = 5;
	double time = update(&random, false);

	*ret_sum = random;
	return time;
}

/* Like update_stele(), and also moves the index to each version. */
static double update_index(uint64_t *ret_sum)
{
	static uint64_t random = 5;
	double time;

	routes_move();
	time = update(&random, true);
	*ret_sum = random;
	return time;
}

static double update_fib(uint64_t *ret_sum)
{
	static uint64_t random = 5;
	double begin = bench_seconds();

	for (unsigned i = 0; i < UPDATES; i++) {
		size_t which = random_from(&random) % count;

		numbers[which] = (uint32_t)(random_from(&random) & 0xffffff) | 1;
		check(rte_fib_add(fib, table[which].address, (uint8_t)table[which].length,
		                  numbers[which]) == 0);
	}
	*ret_sum = random;
	return (bench_seconds() - begin) / UPDATES;
}

/* Times changes of the first prefix with this length, or of the all-zero prefix of that length if
 * the table has none. */
static void flap(const char *name, unsigned length)
{
	uint32_t key = 0;

	for (size_t i = 0; i < count && key == 0; i++)
		if (table[i].length == length)
			key = htonl(table[i].address);
	bench_flap(name, &key, length);
}

static void bench_updates(void)
{
	const struct side sides[] = {{"stele", update_stele, 0},
	                             {"rte_fib", update_fib, 2},
	                             {"stele_and_index", update_index, 0}};
	const struct lookup after[] = {{"stele", bulk_stele, 0}, {"rte_fib", bulk_fib, 0}};

	bench_compare("ipv4/update", sides, 3);
	routes_move();
	choose(INSIDE);
	lookups("ipv4/after_updates", after, 2);
	flap("ipv4/move/24_bits_flap", 24);
	flap("ipv4/move/16_bits_flap", 16);
	flap("ipv4/move/8_bits_flap", 8);
	flap("ipv4/move/default_route_flaps", 0);
	bench_print("ipv4/memory/index_after_updates",
	            (double)stele_lpm_memory(by_number) / 1048576, "MiB");
}

static void bench_load(void)
{
	const struct side sides[] = {{"stele", load_stele, 0},
	                             {"rte_fib", load_fib, 5},
	                             {"stele_without_index", load_table, 0}};
	const struct side in_order[] = {{"stele", load_stele, 0},
	                                {"rte_fib", load_fib, 0},
	                                {"stele_without_index", load_table, 0}};
	double empty, size, index, before = dpdk_memory(), by_lpm;
	uint64_t random = 12;

	routes_create(&schema);
	empty = region_size();
	qsort(table, count, sizeof(*table), table_compare);
	bench_compare("ipv4/load_in_order", in_order, 3);
	for (size_t i = count; i > 1; i--) {
		size_t other = random_from(&random) % i;
		struct prefix4 moved = table[i - 1];

		table[i - 1] = table[other];
		table[other] = moved;
	}
	bench_compare("ipv4/load", sides, 3);
	size = region_size() - empty;
	routes_read();
	index = (double)stele_lpm_memory(by_number);
	bench_print("ipv4/memory/stele", (size + index) / 1048576, "MiB");
	bench_print("ipv4/memory/stele_lpm", index / 1048576, "MiB");
	bench_print("ipv4/memory/rte_fib", (dpdk_memory() - before) / 1048576, "MiB");
	before = dpdk_memory();
	load_lpm();
	by_lpm = dpdk_memory() - before;
	bench_print("ipv4/memory/rte_lpm", by_lpm / 1048576, "MiB");
	bench_ratio("ipv4/memory/rte_lpm", by_lpm / (size + index), 2);
	/* The key is an address and its length: 5 bytes. */
	size = size / (double)count - 5 - sizeof(struct route);
	bench_ratio("compact/ipv4", 32 / size, 1);
	bench_print("compact/ipv4", size, "B a row beyond key and value");
}

int main(void)
{
	const char *path = getenv("STELE_PREFIXES");

	snprintf(bench_region, sizeof(bench_region), "bench-ipv4-%ld", (long)getpid());
	table = path ? table_read(path, &count) : table_generate(1, 1000, &count);
	if (!table || count == 0) {
		fprintf(stderr, "bench: no prefixes in %s\n", path);
		return 1;
	}
	numbers = malloc(count * sizeof(*numbers));
	for (size_t i = 0; i < count; i++)
		numbers[i] = (uint32_t)i + 1;
	dpdk_start();
	bench_print("ipv4/prefixes", (double)count, path ? "read" : "generated");
	bench_load();
	bench_lookups();
	bench_updates();
	routes_unread();
	stele_publisher_close(publisher);
	must(stele_region_remove(bench_region));
	return 0;
}
