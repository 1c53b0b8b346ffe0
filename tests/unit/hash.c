/* SPDX-License-Identifier: MIT
 *
 * The parts of hash indexes: the hash of a key, and the table of references. Then whole indexes
 * against a model: rows with all kinds of keys and values are added, changed and removed over many
 * versions, a few or most of them at a time. After each version the index is moved, and every key
 * that has ever existed is looked up. Fixed seeds. */
#include <arpa/inet.h>

#include "subscriber/index/hash_state.h"
#include "tests/support/ipc/ipc.h"
#include "tests/support/random.h"

TestSuite(unit_hash, .init = ipc_begin, .fini = ipc_end, .timeout = 250);

static void random_words(uint64_t *state, uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		words[i] = random_from(state);
}

/* ---- the hash of a key ---- */

Test(unit_hash, products_have_128_bits)
{
	static const uint64_t factors[][4] = {
		{UINT64_MAX, UINT64_MAX, UINT64_MAX - 1, 1},
		{UINT64_C(0xffffffff00000001), UINT64_C(0x1ffffffff), UINT64_C(0x1fffffffd),
	         UINT64_C(0x2ffffffff)},
		{UINT64_C(0x123456789abcdef0), UINT64_C(0xfedcba9876543210),
	         UINT64_C(0x121fa00ad77d7422), UINT64_C(0x236d88fe5618cf00)},
		{7, UINT64_C(1) << 63, 3, UINT64_C(1) << 63},
	};

	for (unsigned i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
		struct hash_sum product = hash_product(factors[i][0], factors[i][1]);
		cr_expect(product.high == factors[i][2] && product.low == factors[i][3],
		          "product %u is %llx %016llx", i, (unsigned long long)product.high,
		          (unsigned long long)product.low);
	}
}

Test(unit_hash, every_key_bit_and_the_length_change_the_hash)
{
	uint64_t secrets[HASH_SECRETS], random = 5;
	unsigned char last[STELE_KEY_MAX] = {0};

	random_words(&random, secrets, HASH_SECRETS);
	for (unsigned size = 0; size <= STELE_KEY_MAX; size++) {
		/* Allocate exactly this size, so that a sanitizer reports reads past the end. */
		unsigned char *key = malloc(size ? size : 1);
		uint64_t hash;
		memset(key, 0, size);
		hash = hash_of_key(secrets, key, size * 8);
		cr_assert(size == 0 || hash != hash_of_key(secrets, last, size * 8 - 8),
		          "one zero more than %u makes no other", size - 1);
		for (unsigned bit = 0; bit < size * 8; bit++) {
			key[bit / 8] ^= (unsigned char)(1u << bit % 8);
			cr_assert_neq(hash, hash_of_key(secrets, key, size * 8), "%u bytes, bit %u",
			              size, bit);
			key[bit / 8] ^= (unsigned char)(1u << bit % 8);
		}
		free(key);
	}
	cr_assert_neq(hash_of_key(secrets, last, 20), hash_of_key(secrets, last, 24),
	              "prefixes of one address");
}

/* 65,536 consecutive or generated keys: the buckets (1,024 of them) and the tags are as evenly
 * spread as random numbers. */
Test(unit_hash, hashes_of_similar_keys_are_spread_evenly)
{
	static unsigned parts[1024], tags[256];

	for (uint64_t seed = 1; seed <= 4; seed++) {
		uint64_t secrets[HASH_SECRETS], random = seed;
		double buckets_off = 0, tags_off = 0;
		random_words(&random, secrets, HASH_SECRETS);
		memset(parts, 0, sizeof(parts));
		memset(tags, 0, sizeof(tags));
		for (uint32_t i = 0; i < 65536; i++) {
			char text[40] = {0};
			uint32_t number = htonl(i);
			uint64_t hash;
			snprintf(text, sizeof(text), "/devices/node%03u/port%02u", i / 100,
			         i % 100);
			hash = seed % 2 ? hash_of_key(secrets, (unsigned char *)&number, 32)
			                : hash_of_key(secrets, (unsigned char *)text,
			                              (unsigned)strlen(text) * 8);
			parts[hash >> 54]++;
			tags[hash & 255]++;
		}
		for (unsigned i = 0; i < 1024; i++)
			buckets_off += (parts[i] - 64.0) * (parts[i] - 64.0) / 64;
		for (unsigned i = 0; i < 256; i++)
			tags_off += (tags[i] - 256.0) * (tags[i] - 256.0) / 256;
		/* Chi-square with 1023 and 255 degrees of freedom: the bounds are six standard
		 * deviations away. */
		cr_expect(buckets_off > 750 && buckets_off < 1295, "seed %llu: %f",
		          (unsigned long long)seed, buckets_off);
		cr_expect(tags_off > 120 && tags_off < 390, "seed %llu: %f",
		          (unsigned long long)seed, tags_off);
	}
}

/* ---- the table ---- */

/* Returns the number of buckets that a search for a reference visits, or 0 if it is not found. */
static unsigned search(const struct hash_table *table, uint64_t hash, ref_t ref)
{
	const struct hash_bucket *bucket = hash_table_bucket(table, hash);

	for (unsigned steps = 1; steps <= table->count; steps++) {
		for (unsigned found = hash_bucket_find(bucket, hash); found; found &= found - 1)
			if (bucket->refs[__builtin_ctz(found)] == ref)
				return steps;
		if (bucket->past == 0)
			return 0;
		bucket = hash_table_next(table, bucket);
	}
	return 0;
}

static double steps_of_all(const struct hash_table *table, const uint64_t *hashes, unsigned count)
{
	unsigned long steps = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned one = search(table, hashes[i], i + 1);
		cr_assert_gt(one, 0, "reference %u is not found", i + 1);
		steps += one;
	}
	return (double)steps / count;
}

#define CHURNED 9000u

/* References are removed and added, over and over. The table asks for a rebuild in time; if the
 * caller does not rebuild it, lookups still find everything, and nothing is left once all
 * references are removed. */
Test(unit_hash, a_table_under_churn_stays_fast_and_leaks_nothing)
{
	static uint64_t hashes[CHURNED];
	struct hash_table table = {0};
	uint64_t random = 11;
	unsigned suited = 0;

	OK(hash_table_init(&table, CHURNED));
	random_words(&random, hashes, CHURNED);
	for (unsigned i = 0; i < CHURNED; i++)
		cr_assert(hash_table_add(&table, hashes[i], i + 1));
	cr_expect_lt(steps_of_all(&table, hashes, CHURNED), 1.1);
	for (unsigned i = 0; i < CHURNED * 10; i++) {
		unsigned which = (unsigned)(random_from(&random) % CHURNED);
		if (suited == 0 && !hash_table_suits(&table, CHURNED)) {
			suited = i;
			cr_expect_lt(steps_of_all(&table, hashes, CHURNED), 1.25);
		}
		cr_assert(hash_table_replace(&table, hashes[which], which + 1, 0));
		cr_assert_not(hash_table_replace(&table, hashes[which], which + 1, 0));
		hashes[which] = random_from(&random);
		cr_assert(hash_table_add(&table, hashes[which], which + 1));
	}
	cr_expect(suited > CHURNED / 2, "%u", suited);
	steps_of_all(&table, hashes, CHURNED);
	for (unsigned i = 0; i < CHURNED; i++)
		cr_assert(hash_table_replace(&table, hashes[i], i + 1, 0));
	cr_expect(table.used == 0 && table.strays == 0);
	for (unsigned i = 0; i < table.count; i++) {
		static const struct hash_bucket empty;
		cr_assert(memcmp(&table.buckets[i], &empty, sizeof(empty)) == 0,
		          "bucket %u has something left", i);
	}
	hash_table_fini(&table);
}

/* References with the same hash fill consecutive buckets, wrapping around at the end of the
 * table. */
Test(unit_hash, references_with_equal_hashes_are_all_found)
{
	/* Names the last bucket, and has the same tag as free places. */
	const uint64_t hash = UINT64_C(0xffffffff00000000);
	struct hash_table table = {0};
	unsigned count = 0;

	OK(hash_table_init(&table, 100));
	while (hash_table_add(&table, hash, count + 1))
		count++;
	cr_assert_gt(count, HASH_PLACES * 2);
	for (unsigned i = 0; i < count; i += 2) {
		cr_assert(hash_table_replace(&table, hash, i + 1, 1000 + i));
		cr_assert_gt(search(&table, hash, 1000 + i), 0);
		cr_assert_eq(search(&table, hash, i + 1), 0);
	}
	for (unsigned i = 0; i < count; i++)
		cr_assert(hash_table_replace(&table, hash, i % 2 ? i + 1 : 1000 + i, 0));
	cr_expect_eq(table.used, 0);
	cr_expect_eq(search(&table, hash, 1), 0);
	for (uint64_t rows = 0; rows < 5000; rows++) {
		OK(hash_table_init(&table, rows));
		cr_assert(hash_table_suits(&table, rows), "made for %u rows", (unsigned)rows);
		cr_assert_not(hash_table_suits(&table, rows * 2 + 20));
		cr_assert(rows < 100 || !hash_table_suits(&table, rows / 3));
	}
	hash_table_fini(&table);
}

/* ---- indexes against a model ---- */

#define KEYS 700u

static const char *const declarations[] = {
	"t(id: uuid key, number: u64, more: u64)",         "t(path: text key, number: u64)",
	"t(path: text key, number: u64, note: text)",      "t(net: ipv4net key, number: u64)",
	"t(id: uuid key, number: u64, large: char[3000])", "t(small: u8 key, net: ipv6net key)",
};
#define KINDS (sizeof(declarations) / sizeof(declarations[0]))
enum { SMALL_NET = 5 }; /* has no value: the model only records that such a row exists */

struct world {
	uint64_t random, seed;
	unsigned kind;
	struct stele_key keys[KEYS];
	uint64_t numbers[KEYS]; /* number in the row, 0 for no row */
	struct stele_schema *schema;
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_table table;
	struct stele_hash *hash;
};

static unsigned below(struct world *world, unsigned limit)
{
	return (unsigned)(random_from(&world->random) % limit);
}

/* Makes keys that have much in common. Text keys include the empty text, one of maximum length, and
 * texts that are prefixes of others. No two keys are equal. */
static void key_make(struct world *world, unsigned i, struct stele_key *key)
{
	uint64_t words[2] = {random_from(&world->random), i};
	unsigned char *at = key->bytes;

	memset(key, 0, sizeof(*key));
	switch (world->kind) {
	case 1:
	case 2:
		key->bits = (unsigned)snprintf((char *)at, 64, "%.*s%u", (int)(i % 7 * 5),
		                               "/devices/with/names/of/some/length/", i) *
		            8;
		if (i < 2)
			key->bits = i * STELE_KEY_MAX * 8;
		break;
	case 3:
		/* All 33 prefixes (0 to 32 bits) of each of several addresses. */
		words[0] = htonl((i / 33 + 1) * 0x9e3779b1u | 1u);
		key->bits = i % 33;
		break;
	case SMALL_NET:
		words[0] = htonl((i / 50 + 1) * 0x9e3779b1u);
		memcpy(at + 1, words, 8);
		key->bits = 8 + i % 50;
		break;
	default:
		key->bits = 128;
	}
	if (world->kind == 0 || world->kind == 3 || world->kind == 4)
		memcpy(at, words, 16);
	for (unsigned bit = key->bits; bit < 160 && world->kind != 1 && world->kind != 2; bit++)
		at[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
}

/* Returns whether no earlier row has the same key: short prefixes of several addresses are
 * equal. */
static bool key_is_new(const struct world *world, unsigned i)
{
	for (unsigned j = 0; j < i; j++)
		if (world->keys[j].bits == world->keys[i].bits &&
		    memcmp(world->keys[j].bytes, world->keys[i].bytes, STELE_KEY_MAX) == 0)
			return false;
	return true;
}

static size_t value_make(const struct world *world, uint64_t number, unsigned char value[3100])
{
	memset(value, (int)number, 3100);
	memcpy(value, &number, 8);
	return world->schema->value_size + (world->kind == 2 ? number / 2 % 20 : 0);
}

static void change(struct world *world, struct stele_transaction *tx, unsigned i, bool delete)
{
	const struct stele_key *key = &world->keys[i];
	unsigned char value[3100];

	if (delete) {
		OK(stele_transaction_delete(tx, "t", key->bytes, key->bits));
		world->numbers[i] = 0;
		return;
	}
	world->numbers[i] = random_from(&world->random) | 1;
	OK(stele_transaction_put(tx, "t", key->bytes, key->bits, value,
	                         value_make(world, world->numbers[i], value)));
}

/* Changes a few rows, and sometimes adds most absent rows or removes most present ones, so that the
 * number of rows varies widely. */
static void commit(struct world *world)
{
	struct stele_transaction *tx;
	unsigned what = below(world, 12), changes = below(world, 20);

	OK(stele_transaction_begin(world->publisher, &tx));
	for (unsigned i = 0; i < changes; i++)
		change(world, tx, below(world, KEYS), below(world, 2));
	for (unsigned i = 0; i < KEYS && what < 2; i++)
		if (below(world, 8))
			change(world, tx, i, what == 0);
	OK(stele_transaction_commit(tx, NULL, NULL));
}

static void check_row(const struct world *world, unsigned i, const struct stele_row *row)
{
	unsigned char value[3100];
	size_t size = value_make(world, world->numbers[i], value);

	CHECK(row->key_bits == world->keys[i].bits && row->value_size == size &&
	              memcmp(row->key, world->keys[i].bytes, (row->key_bits + 7) / 8) == 0 &&
	              memcmp(row->value, value, size) == 0,
	      "seed %llu, kind %u: row %u is another", (unsigned long long)world->seed, world->kind,
	      i);
}

static bool same_row(const struct stele_row *a, const struct stele_row *b)
{
	return a->key == b->key && a->key_bits == b->key_bits && a->value == b->value &&
	       a->value_size == b->value_size && a->version == b->version;
}

/* Compares every answer, alone and in bulk, with the model and with the table. */
static void check_answers(struct world *world)
{
	static struct stele_row rows[KEYS];
	struct stele_key_ref keys[KEYS];
	unsigned odd = below(world, 70);
	int64_t found = 0;

	for (unsigned i = 0; i < KEYS; i++)
		keys[i] = (struct stele_key_ref){world->keys[i].bytes, world->keys[i].bits};
	memset(rows, 1, sizeof(rows));
	found += stele_hash_get_many(world->hash, keys, odd, rows);
	found += stele_hash_get_many(world->hash, keys + odd, KEYS - odd, rows + odd);
	for (unsigned i = 0; i < KEYS; i++) {
		struct stele_row row = {0}, of_table = {0};
		int r = stele_hash_get(world->hash, keys[i].data, keys[i].bits, &row);
		CHECK(r == (world->numbers[i] != 0), "seed %llu, kind %u: row %u: %d (%s)",
		      (unsigned long long)world->seed, world->kind, i, r, stele_last_error());
		RETURNS(stele_table_get(&world->table, keys[i].data, keys[i].bits, &of_table), r,
		        "");
		CHECK(same_row(&row, &of_table) && same_row(&row, &rows[i]),
		      "seed %llu, kind %u: row %u stands elsewhere",
		      (unsigned long long)world->seed, world->kind, i);
		if (r == 1)
			check_row(world, i, &row);
		found -= r;
	}
	CHECK(found == 0, "seed %llu: %lld more were counted", (unsigned long long)world->seed,
	      (long long)found);
}

static void move(struct world *world)
{
	struct stele_snapshot *newer;

	OK(stele_snapshot_open(world->subscriber, 0, &newer));
	OK(stele_table_open(newer, "t", world->schema, &world->table));
	if (world->hash)
		OK(stele_hash_move(world->hash, &world->table));
	else
		OK(stele_hash_open(&world->table, &world->hash));
	cr_expect_eq(stele_hash_version(world->hash), stele_snapshot_version(newer));
	cr_expect_eq(world->hash->rows.used, stele_table_rows(&world->table));
	stele_snapshot_close(world->snapshot);
	world->snapshot = newer;
}

static void world_begin(struct world *world, uint64_t seed, unsigned kind)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE_NEW};
	char name[STELE_NAME_MAX + 1];
	struct stele_transaction *tx;

	*world = (struct world){.random = seed, .seed = seed, .kind = kind};
	for (unsigned i = 0; i < KEYS; i++) {
		key_make(world, i, &world->keys[i]);
		while (!key_is_new(world, i)) {
			world->keys[i].bits = kind == SMALL_NET ? 8 + 128 : 32;
			for (unsigned j = 1; j < 4; j++)
				world->keys[i].bytes[j] = (unsigned char)below(world, 256);
		}
	}
	OK(stele_schema_parse(declarations[kind], name, &world->schema));
	OK(stele_publisher_open(region, &options, &world->publisher));
	OK(stele_transaction_begin(world->publisher, &tx));
	OK(stele_transaction_create_table(tx, "t", world->schema));
	OK(stele_transaction_commit(tx, NULL, NULL));
	world->subscriber = ipc_subscribe(0, NULL);
}

static void world_end(struct world *world)
{
	stele_hash_close(world->hash);
	stele_snapshot_close(world->snapshot);
	stele_subscriber_close(world->subscriber);
	stele_publisher_close(world->publisher);
	stele_schema_free(world->schema);
	OK(stele_region_remove(region));
}

Test(unit_hash, rows_over_many_versions)
{
	static struct world world;

	for (unsigned kind = 0; kind < KINDS; kind++) {
		for (uint64_t seed = 1; seed <= 2; seed++) {
			world_begin(&world, seed * 100 + kind, kind);
			for (unsigned i = 0; i < (SANITIZED ? 30 : 80); i++) {
				move(&world);
				check_answers(&world);
				commit(&world);
			}
			world_end(&world);
		}
	}
}

/* Marks the tag of a free place, which nothing reads. If the mark survives a move, the table was
 * updated in place rather than rebuilt. */
Test(unit_hash, a_move_updates_or_rebuilds_the_table)
{
	static const unsigned changes[] = {KEYS, 5, 5, KEYS - 10};
	static struct world world;
	struct hash_bucket *marked = NULL;

	world_begin(&world, 7, 0);
	for (unsigned round = 0; round < 4; round++) {
		struct stele_transaction *tx;
		OK(stele_transaction_begin(world.publisher, &tx));
		for (unsigned i = 0; i < changes[round]; i++)
			change(&world, tx, i, round > 1);
		OK(stele_transaction_commit(tx, NULL, NULL));
		move(&world);
		check_answers(&world);
		for (uint32_t i = 0; i < world.hash->rows.count && round == 0; i++)
			if (world.hash->rows.buckets[i].refs[HASH_PLACES - 1] == 0)
				marked = &world.hash->rows.buckets[i];
		cr_assert_not_null(marked);
		if (round == 0)
			marked->tags[HASH_PLACES - 1] = 77;
		else if (round < 3)
			cr_expect_eq(marked->tags[HASH_PLACES - 1], 77, "the table was rebuilt");
		cr_expect_geq(stele_hash_memory(world.hash),
		              world.hash->rows.count * sizeof(struct hash_bucket));
	}
	cr_expect_eq(world.hash->rows.count, 2, "%u buckets for 10 rows", world.hash->rows.count);
	world_end(&world);
}
