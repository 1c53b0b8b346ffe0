/* SPDX-License-Identifier: MIT
 *
 * A comparison with DPDK's rte_fib6 and rte_lpm6: longest-prefix match in a full IPv6 routing
 * table.
 *
 *   STELE_PREFIXES=FILE   a routing table, one prefix per line (default: a generated table)
 *
 * The generated table has as many prefixes of the commonest lengths as the real one, most of them
 * in a few thousand blocks of 32 bits. */
#include "lib/units.h"
#include "tests/support/bench/peer_dpdk.h"

#include <rte_fib6.h>
#include <rte_lpm6.h>

#define PREFIXES_MAX 1000000u

struct prefix6 {
	uint8_t address[16];
	uint32_t length;
};

static const struct stele_column columns[] = {
	STELE_KEY("prefix", STELE_IPV6NET),
	STELE_VALUE(struct route, number, STELE_U32),
	STELE_VALUE(struct route, interface, STELE_U32),
};
static const struct stele_schema schema = STELE_SCHEMA(struct route, columns);

static struct prefix6 *table;
static size_t count;
static struct rte_fib6 *fib;
static struct rte_lpm6 *lpm;
static uint8_t addresses[LOOKUPS][16];

/* ---- the prefixes ---- */

/* Keeps the first `length` bits of an address, and takes the rest from `host`. */
static void join(uint8_t *address, unsigned length, const uint8_t *host)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = length <= i * 8 ? 0 : length - i * 8;
		unsigned mask = bits >= 8 ? 0xff : 0xff00u >> bits & 0xff;
		address[i] = (uint8_t)((address[i] & mask) | (host[i] & ~mask));
	}
}

static void random_bytes(uint64_t *random, uint8_t *bytes)
{
	uint64_t words[2] = {random_from(random), random_from(random)};

	memcpy(bytes, words, 16);
}

static void read_prefixes(FILE *file)
{
	char line[128];

	while (fgets(line, sizeof(line), file) && count < PREFIXES_MAX) {
		char *slash = strchr(line, '/');
		if (!slash)
			continue;
		*slash = '\0';
		if (inet_pton(AF_INET6, line, table[count].address) == 1)
			table[count++].length = (uint32_t)atoi(slash + 1);
	}
}

static int compare_prefixes(const void *a, const void *b)
{
	const struct prefix6 *x = a, *y = b;
	int order = memcmp(x->address, y->address, 16);

	return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

static void generate_prefixes(void)
{
	static const struct {
		uint32_t length, count;
	} lengths[] = {{29, 4371}, {32, 22548}, {33, 2926}, {34, 2603}, {36, 5996}, {40, 13418},
	               {42, 2301}, {44, 14365}, {45, 1553}, {46, 3039}, {47, 3153}, {48, 75488}};
	static const uint8_t zero[16];
	uint64_t random = 2;
	size_t unique = 0;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (uint32_t j = 0; j < lengths[i].count; j++) {
			uint64_t block =
				random_from(&random) % 8000 * (random_from(&random) % 8000) / 8000;
			struct prefix6 *prefix = &table[count++];
			random_bytes(&random, prefix->address);
			block = random_from(&block);
			prefix->address[0] = 0x20 | (block & 15);
			memcpy(prefix->address + 1, (uint8_t *)&block + 1, 3);
			prefix->length = lengths[i].length;
			join(prefix->address, prefix->length, zero);
		}
	qsort(table, count, sizeof(*table), compare_prefixes);
	for (size_t i = 0; i < count; i++)
		if (unique == 0 || compare_prefixes(&table[i], &table[unique - 1]) != 0)
			table[unique++] = table[i];
	count = unique;
}

/* ---- loading ---- */

static void load_stele(void)
{
	struct stele_transaction *tx;
	struct stele_writable *writable;
	double begin, empty, beyond, keys = 0;

	routes_create(&schema);
	empty = region_size();
	begin = bench_seconds();
	must(stele_transaction_begin(publisher, &tx));
	must(stele_writable_open(tx, "routes", NULL, &writable));
	for (size_t i = 0; i < count; i++) {
		struct route route = {(uint32_t)i + 1, 0};
		must(stele_writable_put(writable, table[i].address, table[i].length, &route,
		                        sizeof(route)));
	}
	must(stele_transaction_commit(tx, NULL, NULL));
	bench_print("ipv6/load/stele",
	            (bench_seconds() - begin) / (double)count * (double)NSEC_PER_SEC, "ns");
	/* The key is the prefix's bytes and its length. */
	for (size_t i = 0; i < count; i++)
		keys += (table[i].length + 7) / 8 + 1;
	beyond = (region_size() - empty - keys) / (double)count - sizeof(struct route);
	bench_ratio("compact/ipv6", 32 / beyond, 1);
	bench_print("compact/ipv6", beyond, "B a row beyond key and value");
	bench_print("ipv6/memory/stele", (region_size() - empty) / 1048576, "MiB");
}

static void load_fib(void)
{
	struct rte_fib6_conf conf = {
		.type = RTE_FIB6_TRIE,
		.default_nh = NONE,
		.max_routes = (int)(count + count / 8),
		/* rte_fib6 reserves a table for each byte past the third of a prefix, even if
		 * prefixes share it. */
		.trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = 1 << 20},
	};
	double begin = bench_seconds(), before = dpdk_memory();

	fib = rte_fib6_create("bench", dpdk_socket(), &conf);
	check(fib != NULL);
	for (size_t i = 0; i < count; i++)
		check(rte_fib6_add(fib, table[i].address, (uint8_t)table[i].length, i + 1) == 0);
	bench_print("ipv6/load/rte_fib6",
	            (bench_seconds() - begin) / (double)count * (double)NSEC_PER_SEC, "ns");
	bench_print("ipv6/memory/rte_fib6", (dpdk_memory() - before) / 1048576, "MiB");
}

static void load_lpm(void)
{
	struct rte_lpm6_config config = {.max_rules = (uint32_t)(count + count / 8),
	                                 .number_tbl8s = 1 << 17};
	double begin = bench_seconds(), before = dpdk_memory();

	lpm = rte_lpm6_create("bench", dpdk_socket(), &config);
	check(lpm != NULL);
	for (size_t i = 0; i < count; i++)
		check(rte_lpm6_add(lpm, table[i].address, (uint8_t)table[i].length,
		                   (uint32_t)i + 1) == 0);
	bench_print("ipv6/load/rte_lpm6",
	            (bench_seconds() - begin) / (double)count * (double)NSEC_PER_SEC, "ns");
	bench_print("ipv6/memory/rte_lpm6", (dpdk_memory() - before) / 1048576, "MiB");
}

/* ---- lookups ---- */

static void match_stele(uint32_t *answers)
{
	for (size_t i = 0; i < LOOKUPS; i++)
		must(stele_lpm_match(by_number, addresses[i], &answers[i]));
}

static void bulk_stele(uint32_t *answers)
{
	for (size_t i = 0; i < LOOKUPS; i += BURST)
		must(stele_lpm_match_many(by_number, addresses[i], BURST, answers + i));
}

/* Matches without an index, by walking the trie in the region. */
static void match_table(uint32_t *answers)
{
	struct stele_row row;

	for (size_t i = 0; i < LOOKUPS; i++)
		answers[i] =
			route_answer(stele_table_match(&routes, addresses[i], 128, &row), &row);
}

static void match_lpm(uint32_t *answers)
{
	for (size_t i = 0; i < LOOKUPS; i++) {
		uint32_t answer;
		answers[i] = rte_lpm6_lookup(lpm, addresses[i], &answer) == 0 ? answer : NONE;
	}
}

static void bulk_fib(uint32_t *answers)
{
	uint64_t found[BURST];

	for (size_t i = 0; i < LOOKUPS; i += BURST) {
		rte_fib6_lookup_bulk(fib, addresses + i, found, BURST);
		for (size_t j = 0; j < BURST; j++)
			answers[i + j] = (uint32_t)found[j];
	}
}

static void bulk_lpm(uint32_t *answers)
{
	int32_t found[BURST];

	for (size_t i = 0; i < LOOKUPS; i += BURST) {
		rte_lpm6_lookup_bulk_func(lpm, addresses + i, found, BURST);
		for (size_t j = 0; j < BURST; j++)
			answers[i + j] = found[j] < 0 ? NONE : (uint32_t)found[j];
	}
}

/* Compares all sides at every prefix's first and last address. */
static void check_every_prefix(void)
{
	static const uint8_t ends[2][16] = {
		{0},
		{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}};

	for (size_t i = 0; i < count * 2; i++) {
		uint8_t address[1][16];
		uint32_t number, by_lpm, by_index;
		struct stele_row row;
		uint64_t by_fib;

		memcpy(address[0], table[i / 2].address, 16);
		join(address[0], table[i / 2].length, ends[i % 2]);
		number = route_answer(stele_table_match(&routes, address[0], 128, &row), &row);
		check(rte_fib6_lookup_bulk(fib, address, &by_fib, 1) == 0 && by_fib == number);
		if (rte_lpm6_lookup(lpm, address[0], &by_lpm) != 0)
			by_lpm = NONE;
		check(by_lpm == number);
		must(stele_lpm_match(by_number, address[0], &by_index));
		check(by_index == number);
	}
}

static void choose_inside(void)
{
	uint64_t random = 23;

	for (size_t i = 0; i < LOOKUPS; i++) {
		const struct prefix6 *prefix = &table[random_from(&random) % count];
		uint8_t host[16];
		random_bytes(&random, host);
		memcpy(addresses[i], prefix->address, 16);
		join(addresses[i], prefix->length, host);
	}
}

/* Times changes of the first prefix with this length, or of the all-zero prefix of that length if
 * the table has none. */
static void flap(const char *name, unsigned length)
{
	static const uint8_t zero[16];
	const uint8_t *key = zero;

	for (size_t i = 0; i < count && key == zero; i++)
		if (table[i].length == length)
			key = table[i].address;
	bench_flap(name, key, length);
}

int main(void)
{
	const struct lookup single[] = {{"stele", match_stele, 0},
	                                {"rte_lpm6", match_lpm, 2},
	                                {"stele_without_index", match_table, 0}};
	const struct lookup bulk[] = {
		{"stele", bulk_stele, 0}, {"rte_fib6", bulk_fib, 2}, {"rte_lpm6", bulk_lpm, 0}};
	const char *path = getenv("STELE_PREFIXES");
	FILE *file = path ? fopen(path, "r") : NULL;
	double begin;

	snprintf(bench_region, sizeof(bench_region), "bench-ipv6-%ld", (long)getpid());
	table = malloc(PREFIXES_MAX * sizeof(*table));
	check(table != NULL);
	if (file)
		read_prefixes(file);
	else if (!path)
		generate_prefixes();
	if (count == 0) {
		fprintf(stderr, "bench: no IPv6 prefixes in %s\n", path);
		return 1;
	}
	if (file)
		fclose(file);
	dpdk_start();
	bench_print("ipv6/prefixes", (double)count, path ? "read" : "generated");
	load_stele();
	load_fib();
	load_lpm();
	begin = bench_seconds();
	routes_read();
	bench_print("ipv6/load/stele_lpm",
	            (bench_seconds() - begin) / (double)count * (double)NSEC_PER_SEC, "ns");
	bench_print("ipv6/memory/stele_lpm", (double)stele_lpm_memory(by_number) / 1048576, "MiB");
	check_every_prefix();
	choose_inside();
	lookups("ipv6/one_by_one", single, 3);
	if (rte_fib6_select_lookup(fib, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512) != 0)
		printf("ipv6/bulk: rte_fib6 has no AVX-512 here\n");
	lookups("ipv6/bulk_inside", bulk, 3);
	flap("ipv6/move/48_bits_flap", 48);
	flap("ipv6/move/32_bits_flap", 32);
	flap("ipv6/move/default_route_flaps", 0);
	routes_unread();
	stele_publisher_close(publisher);
	must(stele_region_remove(bench_region));
	return 0;
}
