/* SPDX-License-Identifier: MIT
 *
 * Longest-prefix-match indexes against a model (a list of prefixes that is searched linearly) and
 * against the table's own match. Random prefixes of all lengths, most of them nested, are added,
 * changed and removed over many versions. After each version, indexes of all kinds are moved, for
 * every lookup path that this processor has, and looked up around both ends of every prefix. Fixed
 * seeds. */
#include "subscriber/index/lpm.h"
#include "subscriber/index/lpm_ipv4.h"
#include "tests/support/ipc/ipc.h"
#include "tests/support/random.h"

TestSuite(unit_index, .init = ipc_begin, .fini = ipc_end, .timeout = 250);

#define PREFIXES_MAX 400u
#define QUESTIONS    (PREFIXES_MAX * 4 + 200)
#define KINDS        (LPM_PATHS * 2)
#define NONE         77u /* the indexes' answer if no prefix matches */

struct route {
	uint16_t metric;
	uint32_t hop;
};

static const struct stele_column columns4[] = {
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct route, metric, STELE_U16),
	STELE_VALUE(struct route, hop, STELE_U32),
};
static const struct stele_column columns6[] = {
	STELE_KEY("prefix", STELE_IPV6NET),
	STELE_VALUE(struct route, metric, STELE_U16),
	STELE_VALUE(struct route, hop, STELE_U32),
};
static const struct stele_schema schemas[] = {
	STELE_SCHEMA(struct route, columns4),
	STELE_SCHEMA(struct route, columns6),
};

struct prefix {
	unsigned char bytes[16];
	unsigned bits;
	uint32_t hop;
};

/* A table, its expected contents, and its indexes. */
struct world {
	uint64_t random, seed;
	bool ipv6;
	unsigned size; /* size of an address in bytes */
	struct prefix prefixes[PREFIXES_MAX];
	unsigned count;
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_table table;
	/* For each lookup path, the index of the column, then the index of rows. NULL if this
	 * machine lacks the path. */
	struct stele_lpm *indexes[KINDS];
	unsigned char questions[QUESTIONS][16];
	unsigned asked;
};

static unsigned below(struct world *world, unsigned limit)
{
	return (unsigned)(random_from(&world->random) % limit);
}

static bool starts(const unsigned char *address, const struct prefix *prefix)
{
	for (unsigned i = 0; i < prefix->bits; i++)
		if ((address[i / 8] ^ prefix->bytes[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

/* Returns the prefix with which the model answers, or NULL. */
static const struct prefix *model_match(const struct world *world, const unsigned char *address)
{
	const struct prefix *best = NULL;

	for (unsigned i = 0; i < world->count; i++)
		if ((!best || world->prefixes[i].bits > best->bits) &&
		    starts(address, &world->prefixes[i]))
			best = &world->prefixes[i];
	return best;
}

/* ---- changes ---- */

/* Sets the bits past `bits` to zeros or ones. */
static void set_host(unsigned char *bytes, unsigned size, unsigned bits, bool ones)
{
	for (unsigned i = bits; i < size * 8; i++) {
		unsigned char bit = (unsigned char)(0x80 >> i % 8);
		bytes[i / 8] = (unsigned char)(ones ? bytes[i / 8] | bit : bytes[i / 8] & ~bit);
	}
}

/* Makes a random prefix, mostly near an existing one. Many IPv6 prefixes end close to the end of
 * the address's first word. */
static void random_prefix(struct world *world, struct prefix *prefix)
{
	static const unsigned edges[] = {0, 1, 8, 17, 18, 19, 23, 24, 25, 31, 32};
	/* Values that have a special meaning in an index. */
	static const uint32_t hops[] = {0, NONE, IPV4_ELSEWHERE};
	unsigned most = world->size * 8, from = 0;
	bool edge = world->ipv6 && below(world, 3) == 0;

	if (world->count > 0 && below(world, 4) > 0) {
		*prefix = world->prefixes[below(world, world->count)];
		from = edge ? 61 : below(world, prefix->bits + 1);
	}
	for (unsigned i = from; i < most; i++)
		if (below(world, 2))
			prefix->bytes[i / 8] ^= (unsigned char)(0x80 >> i % 8);
	if (edge)
		prefix->bits = 62 + below(world, 5);
	else if (below(world, 3))
		prefix->bits = from + below(world, most - from + 1);
	else
		prefix->bits = edges[below(world, 11)] * (world->ipv6 ? 4 : 1);
	set_host(prefix->bytes, world->size, prefix->bits, false);
	prefix->hop =
		below(world, 3) ? (uint32_t)random_from(&world->random) : hops[below(world, 3)];
}

static struct prefix *find(struct world *world, const struct prefix *prefix)
{
	for (unsigned i = 0; i < world->count; i++)
		if (world->prefixes[i].bits == prefix->bits &&
		    memcmp(world->prefixes[i].bytes, prefix->bytes, world->size) == 0)
			return &world->prefixes[i];
	return NULL;
}

static void put(struct stele_transaction *tx, const struct prefix *prefix)
{
	struct route route = {.metric = (uint16_t)(prefix->hop * 3), .hop = prefix->hop};

	OK(stele_transaction_put(tx, "routes", prefix->bytes, prefix->bits, &route, sizeof(route)));
}

static void delete (struct world *world, struct stele_transaction *tx, struct prefix *prefix)
{
	RETURNS(stele_transaction_delete(tx, "routes", prefix->bytes, prefix->bits), 1, "");
	*prefix = world->prefixes[--world->count];
}

static void change(struct world *world, struct stele_transaction *tx)
{
	struct prefix prefix = {0}, *there;
	unsigned what = below(world, 8);

	if (what < 3 && world->count > 0) {
		delete (world, tx, &world->prefixes[below(world, world->count)]);
	} else if (what < 5 && world->count > 0) {
		there = &world->prefixes[below(world, world->count)];
		/* Deleting and adding the same prefix makes a new row. */
		if (below(world, 2))
			OK(stele_transaction_delete(tx, "routes", there->bytes, there->bits));
		else
			there->hop = (uint32_t)random_from(&world->random);
		put(tx, there);
	} else if (world->count < PREFIXES_MAX) {
		random_prefix(world, &prefix);
		there = find(world, &prefix);
		if (!there)
			there = &world->prefixes[world->count++];
		*there = prefix;
		put(tx, &prefix);
	}
}

static void commit(struct world *world, unsigned changes)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(world->publisher, &tx));
	for (unsigned i = 0; i < changes; i++)
		change(world, tx);
	OK(stele_transaction_commit(tx, NULL, NULL));
}

/* ---- lookups ---- */

static void ask(struct world *world, const unsigned char *address)
{
	memcpy(world->questions[world->asked++], address, world->size);
}

/* Looks up the address before (step -1) or after (step 1) `address`, wrapping around. */
static void ask_beside(struct world *world, const unsigned char *address, int step)
{
	unsigned char beside[16];
	int carry = step;

	memcpy(beside, address, 16);
	for (unsigned i = world->size; i-- > 0 && carry != 0;) {
		int sum = beside[i] + carry;
		beside[i] = (unsigned char)sum;
		carry = sum < 0 ? -1 : sum > 255;
	}
	ask(world, beside);
}

static void make_questions(struct world *world)
{
	struct prefix prefix;

	world->asked = 0;
	for (unsigned i = 0; i < world->count; i++) {
		prefix = world->prefixes[i];
		ask(world, prefix.bytes);
		ask_beside(world, prefix.bytes, -1);
		set_host(prefix.bytes, world->size, prefix.bits, true);
		ask(world, prefix.bytes);
		ask_beside(world, prefix.bytes, 1);
	}
	for (unsigned i = 0; i < 200; i++) {
		random_prefix(world, &prefix);
		set_host(prefix.bytes, world->size, prefix.bits, below(world, 2));
		ask(world, prefix.bytes);
	}
}

static void check_row(struct world *world, const struct stele_lpm *index, uint32_t answer,
                      const struct prefix *expected, const struct stele_row *of_table)
{
	struct stele_row row;

	RETURNS(stele_lpm_row(index, answer, &row), expected ? 1 : 0, "");
	CHECK(!expected || (row.key == of_table->key && row.value == of_table->value &&
	                    row.version == of_table->version && row.key_bits == expected->bits),
	      "seed %llu: another row", (unsigned long long)world->seed);
}

/* Compares the table's own match of many keys, of any length, with its match of one key. */
static void check_table(struct world *world)
{
	static struct stele_key_ref keys[QUESTIONS];
	static struct stele_row rows[QUESTIONS];
	int64_t found = 0;

	for (unsigned i = 0; i < world->asked; i++)
		keys[i] = (struct stele_key_ref){
			world->questions[i],
			below(world, 3) ? world->size * 8 : below(world, world->size * 8 + 1)};
	found = stele_table_match_many(&world->table, keys, world->asked, rows);
	OK(found);
	for (unsigned i = 0; i < world->asked; i++) {
		struct stele_row row = {0};
		int r = stele_table_match(&world->table, keys[i].data, keys[i].bits, &row);
		OK(r);
		found -= r;
		CHECK(row.key == rows[i].key && row.value == rows[i].value &&
		              row.key_bits == rows[i].key_bits &&
		              row.value_size == rows[i].value_size &&
		              row.version == rows[i].version,
		      "seed %llu: another row", (unsigned long long)world->seed);
	}
	CHECK(found == 0, "seed %llu: %lld more were counted", (unsigned long long)world->seed,
	      (long long)found);
	keys[world->asked / 2].bits = world->size * 8 + 1;
	RETURNS(stele_snapshot_match_many(world->snapshot, "routes", NULL, keys, world->asked,
	                                  rows),
	        -EINVAL, "bits");
}

/* Checks every answer of every index, alone and in bulk. */
static void check_answers(struct world *world)
{
	static unsigned char packed[QUESTIONS * 16];
	static uint32_t many[KINDS][QUESTIONS];
	unsigned odd = below(world, 40);

	make_questions(world);
	for (unsigned i = 0; i < world->asked; i++)
		memcpy(packed + (size_t)i * world->size, world->questions[i], world->size);
	for (unsigned kind = 0; kind < KINDS; kind++)
		if (world->indexes[kind]) {
			OK(stele_lpm_match_many(world->indexes[kind], packed, odd, many[kind]));
			OK(stele_lpm_match_many(world->indexes[kind], packed + odd * world->size,
			                        world->asked - odd, many[kind] + odd));
		}
	for (unsigned i = 0; i < world->asked; i++) {
		const struct prefix *expected = model_match(world, world->questions[i]);
		struct stele_row row;
		uint32_t answer;
		RETURNS(stele_table_match(&world->table, world->questions[i], world->size * 8,
		                          &row),
		        expected ? 1 : 0, "");
		for (unsigned kind = 0; kind < KINDS; kind++) {
			const struct stele_lpm *index = world->indexes[kind];
			uint32_t hop = expected ? expected->hop : NONE;
			int r;
			if (!index)
				continue;
			r = stele_lpm_match(index, world->questions[i], &answer);
			CHECK(r == (kind % 2 ? expected != NULL : hop != NONE) &&
			              answer == many[kind][i],
			      "seed %llu: %d, %u and %u", (unsigned long long)world->seed, r,
			      answer, many[kind][i]);
			CHECK(kind % 2 || answer == hop,
			      "seed %llu, kind %u: question %u is answered with %u, not %u",
			      (unsigned long long)world->seed, kind, i, answer, hop);
			if (kind % 2)
				check_row(world, index, answer, expected, &row);
		}
	}
}

/* ---- worlds ---- */

static void world_begin(struct world *world, uint64_t seed, bool ipv6)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	struct stele_transaction *tx;

	*world = (struct world){.random = seed, .seed = seed, .ipv6 = ipv6, .size = ipv6 ? 16 : 4};
	OK(stele_publisher_open(region, &options, &world->publisher));
	OK(stele_transaction_begin(world->publisher, &tx));
	OK(stele_transaction_create_table(tx, "routes", &schemas[ipv6]));
	OK(stele_transaction_commit(tx, NULL, NULL));
	commit(world, below(world, 2) * 200);
	world->subscriber = ipc_subscribe(0, NULL);
	OK(stele_snapshot_open(world->subscriber, 0, &world->snapshot));
	OK(stele_table_open(world->snapshot, "routes", &schemas[ipv6], &world->table));
	for (unsigned path = 0; path <= lpm_best_path(); path++) {
		OK(lpm_open(&world->table, NULL, 0, "hop", NONE, path, &world->indexes[path * 2]));
		OK(lpm_open(&world->table, NULL, 0, NULL, NONE, path,
		            &world->indexes[path * 2 + 1]));
	}
}

static void world_end(struct world *world)
{
	for (unsigned kind = 0; kind < KINDS; kind++)
		stele_lpm_close(world->indexes[kind]);
	stele_subscriber_close(world->subscriber);
	stele_publisher_close(world->publisher);
	OK(stele_region_remove(region));
}

/* Moves all indexes to the newest version. */
static void move(struct world *world)
{
	struct stele_snapshot *before = world->snapshot;

	OK(stele_snapshot_open(world->subscriber, 0, &world->snapshot));
	OK(stele_table_open(world->snapshot, "routes", NULL, &world->table));
	for (unsigned kind = 0; kind < KINDS; kind++)
		if (world->indexes[kind]) {
			OK(stele_lpm_move(world->indexes[kind], &world->table));
			CHECK(stele_lpm_version(world->indexes[kind]) ==
			              stele_snapshot_version(world->snapshot),
			      "another version");
		}
	stele_snapshot_close(before);
}

static void run(uint64_t seed, bool ipv6)
{
	static struct world world;
	unsigned versions = SANITIZED ? 25 : 80;

	world_begin(&world, seed, ipv6);
	check_answers(&world);
	for (unsigned i = 0; i < versions; i++) {
		unsigned commits = below(&world, 5) ? 1 : 1 + below(&world, 4);
		while (commits-- > 0)
			commit(&world, below(&world, 3) ? 1 + below(&world, 4) : below(&world, 60));
		move(&world);
		check_answers(&world);
		check_table(&world);
	}
	world_end(&world);
}

Test(unit_index, ipv4_over_many_versions)
{
	for (uint64_t seed = 1; seed <= 3; seed++)
		run(seed, false);
}

Test(unit_index, ipv6_over_many_versions)
{
	for (uint64_t seed = 11; seed <= 13; seed++)
		run(seed, true);
}

/* ---- large tables: against the table's own match ---- */

#define LARGE 60000u

static void large_prefix(uint64_t *random, bool ipv6, struct prefix *prefix)
{
	uint64_t words[2] = {random_from(random), random_from(random)};
	unsigned length = (unsigned)(words[1] >> 32);

	memcpy(prefix->bytes, words, sizeof(words));
	/* Most prefixes lie close together; some are longer than what the index's first step
	 * covers. */
	if (ipv6) {
		prefix->bytes[0] = 0x20;
		prefix->bytes[2] &= 3;
		prefix->bits = length % 50 == 0 ? 66 + length % 60 : 32 + length % 17;
	} else {
		prefix->bytes[0] &= 31;
		prefix->bits = length % 4 == 0 ? 25 + length % 8 : 12 + length % 13;
	}
	set_host(prefix->bytes, ipv6 ? 16 : 4, prefix->bits, false);
	prefix->hop = length % 1000;
}

static void check_large(const struct world *world, const struct stele_lpm *index, uint64_t random)
{
	static struct stele_row rows[4096];
	static struct stele_key_ref keys[4096];
	static unsigned char addresses[4096 * 16];
	static uint32_t answers[4096];

	for (unsigned i = 0; i < 4096; i++) {
		struct prefix prefix;
		large_prefix(&random, world->ipv6, &prefix);
		set_host(prefix.bytes, world->size, prefix.bits, random_from(&random) & 1);
		memcpy(addresses + i * world->size, prefix.bytes, world->size);
		keys[i] = (struct stele_key_ref){addresses + i * world->size, world->size * 8};
	}
	OK(stele_table_match_many(&world->table, keys, 4096, rows));
	OK(stele_lpm_match_many(index, addresses, 4096, answers));
	for (unsigned i = 0; i < 4096; i++) {
		struct route route = {.hop = NONE};
		if (rows[i].value)
			memcpy(&route, rows[i].value, sizeof(route));
		CHECK(answers[i] == route.hop, "%u is answered with %u, not %u", i, answers[i],
		      route.hop);
	}
}

/* Fills the table in one version, and removes most rows in the four versions after it. */
static void grow_and_shrink(bool ipv6)
{
	static struct world world;
	uint64_t random = 7;
	unsigned count = SANITIZED ? LARGE / 3 : LARGE;
	size_t most = 0;

	world_begin(&world, 21, ipv6);
	for (unsigned step = 0; step <= 4; step++) {
		struct stele_transaction *tx;
		struct stele_writable *writable;
		random = 7;
		OK(stele_transaction_begin(world.publisher, &tx));
		OK(stele_writable_open(tx, "routes", NULL, &writable));
		for (unsigned i = 0; i < count; i++) {
			struct prefix prefix;
			struct route route = {0};
			large_prefix(&random, ipv6, &prefix);
			route.hop = prefix.hop;
			if (step == 0)
				OK(stele_writable_put(writable, prefix.bytes, prefix.bits, &route,
				                      sizeof(route)));
			else if (i % 5 == step)
				OK(stele_writable_delete(writable, prefix.bytes, prefix.bits));
		}
		OK(stele_transaction_commit(tx, NULL, NULL));
		most = step == 1 ? stele_lpm_memory(world.indexes[0]) : most;
		move(&world);
		for (unsigned kind = 0; kind < KINDS; kind += 2)
			if (world.indexes[kind]) {
				check_large(&world, world.indexes[kind], 7);
				check_large(&world, world.indexes[kind], 8);
			}
	}
	cr_expect(ipv6 || SANITIZED || stele_lpm_memory(world.indexes[0]) < most,
	          "%zu bytes, of %zu", stele_lpm_memory(world.indexes[0]), most);
	world_end(&world);
}

Test(unit_index, ipv4_grows_and_shrinks)
{
	grow_and_shrink(false);
}

Test(unit_index, ipv6_grows_and_shrinks)
{
	grow_and_shrink(true);
}
