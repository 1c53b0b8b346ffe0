/* SPDX-License-Identifier: MIT
 *
 * The trie against a model: a sorted array with the same operations, implemented as simply as
 * possible. Millions of random operations under fixed seeds; exact keys and prefixes; long shared
 * beginnings, so that path compression splits and merges nodes. After each round of changes
 * everything is compared: lookups, longest-prefix matches, scans, seeks, and the difference to the
 * version before, of which the model keeps a copy. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/region/region.h"
#include "lib/trie/diff.h"
#include "lib/trie/scan.h"
#include "lib/trie/trie.h"
#include "publisher/trie/edit.h"
#include "tests/support/random.h"

static uint64_t random_state;

static uint64_t next_random(void)
{
	return random_from(&random_state);
}

/* ---- the model ---- */

struct key {
	unsigned bits;
	unsigned char bytes[40];
};

struct model_row {
	struct key key;
	uint32_t value_size;
	unsigned char value[40];
};

/* Rows are immutable: another value is another row. A copy of a version therefore copies only the
 * pointers. All rows are freed with the pool. */
struct model {
	const struct model_row **rows;
	size_t count, room;
};

static struct pool {
	struct pool *next;
	size_t used;
	struct model_row rows[4096];
} * pool;

static struct model_row *pool_row(void)
{
	if (!pool || pool->used == 4096) {
		struct pool *more = malloc(sizeof(*more));
		cr_assert_not_null(more);
		more->next = pool;
		more->used = 0;
		pool = more;
	}
	return &pool->rows[pool->used++];
}

static void pool_free(void)
{
	while (pool) {
		struct pool *next = pool->next;
		free(pool);
		pool = next;
	}
}

static struct model model_copy(const struct model *model)
{
	struct model copy = {.count = model->count, .room = model->count + 1};

	copy.rows = malloc(copy.room * sizeof(*copy.rows));
	cr_assert_not_null(copy.rows);
	if (copy.count > 0)
		memcpy(copy.rows, model->rows, copy.count * sizeof(*copy.rows));
	return copy;
}

static int compare_keys(const struct key *a, const struct key *b)
{
	unsigned bits = a->bits < b->bits ? a->bits : b->bits;

	int order = memcmp(a->bytes, b->bytes, bits / 8);

	if (order != 0)
		return order;
	for (unsigned i = bits / 8 * 8; i < bits; i++) {
		int x = a->bytes[i / 8] >> (7 - i % 8) & 1, y = b->bytes[i / 8] >> (7 - i % 8) & 1;
		if (x != y)
			return x - y;
	}
	return (int)a->bits - (int)b->bits;
}

/* Returns the index of the first row that is not less than the key. */
static size_t model_find(const struct model *model, const struct key *key)
{
	size_t low = 0, high = model->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (compare_keys(&model->rows[middle]->key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool model_has(const struct model *model, const struct key *key, size_t *ret)
{
	*ret = model_find(model, key);
	return *ret < model->count && compare_keys(&model->rows[*ret]->key, key) == 0;
}

static void model_put(struct model *model, const struct key *key, const void *value, uint32_t size)
{
	struct model_row *row = pool_row();
	size_t at;

	if (!model_has(model, key, &at)) {
		if (model->count == model->room) {
			model->room = model->room ? model->room * 2 : 64;
			model->rows = realloc(model->rows, model->room * sizeof(*model->rows));
		}
		memmove(&model->rows[at + 1], &model->rows[at],
		        (model->count - at) * sizeof(*model->rows));
		model->count++;
	}
	row->key = *key;
	if (size > 0)
		memcpy(row->value, value, size);
	row->value_size = size;
	model->rows[at] = row;
}

static void model_delete(struct model *model, const struct key *key)
{
	size_t at;

	if (!model_has(model, key, &at))
		return;
	model->count--;
	memmove(&model->rows[at], &model->rows[at + 1], (model->count - at) * sizeof(*model->rows));
}

static int64_t model_match(const struct model *model, const struct key *key)
{
	struct key cut = *key;

	for (int bits = (int)key->bits; bits >= 0; bits--) {
		size_t at;
		cut.bits = (unsigned)bits;
		if (model_has(model, &cut, &at))
			return (int64_t)at;
	}
	return -1;
}

/* ---- the trie under test, in private memory ---- */

struct world {
	unsigned char *memory;
	struct arena arena;
	struct edit edit;
	struct row_layout layout;
	ref_t root;
	struct model model;
	const char *name;
	uint64_t seed;
};

#define MEMORY (UINT64_C(1) << 25)

/* A single thread has no races, so ThreadSanitizer runs do a part of the work only. */
#ifdef STELE_TSAN
#define SLOWED 8
#else
#define SLOWED 1
#endif

static void world_start(struct world *world, const char *name, uint64_t seed,
                        const struct row_layout *layout)
{
	memset(world, 0, sizeof(*world));
	world->name = name;
	world->seed = random_state = seed;
	world->memory = aligned_alloc(LAYOUT_PAGE, MEMORY);
	cr_assert_not_null(world->memory);
	world->layout = *layout;
	cr_assert_eq(arena_init(&world->arena, world->memory, LAYOUT_PAGE, MEMORY - 2 * LAYOUT_PAGE,
	                        MEMORY),
	             0);
	world->edit.arena = &world->arena;
	world->edit.version = 1;
}

static void world_finish(struct world *world)
{
	arena_fini(&world->arena);
	free(world->edit.retired.entries);
	free(world->model.rows);
	free(world->memory);
	pool_free();
}

#define expect(world, condition, ...) \
	do { \
		if (!(condition)) \
			cr_assert_fail("%s, seed %llu: %s", (world)->name, \
			               (unsigned long long)(world)->seed, #condition); \
	} while (0)

static void random_key(const struct world *world, struct key *key, unsigned spread)
{
	unsigned bytes = world->layout.max_bits / 8, i;

	memset(key, 0, sizeof(*key));
	/* Each byte has few values, so that keys share long beginnings. */
	for (i = 0; i < bytes; i++)
		key->bytes[i] =
			(unsigned char)(next_random() % 4 == 0 ? next_random()
		                                               : next_random() % spread * 37);
	key->bits =
		world->layout.min_bits +
		(unsigned)(next_random() % (world->layout.max_bits - world->layout.min_bits + 1u));
	if (!world->layout.prefix)
		key->bits = key->bits / 8 * 8;
	if (key->bits % 8)
		key->bytes[key->bits / 8] &= (unsigned char)(0xff00u >> key->bits % 8);
	memset(key->bytes + (key->bits + 7) / 8, 0, sizeof(key->bytes) - (key->bits + 7) / 8);
}

static void check_parts(const struct world *world, const struct row_parts *parts,
                        const struct model_row *row)
{
	expect(world, parts->key_bits == row->key.bits);
	expect(world, memcmp(parts->key, row->key.bytes, (parts->key_bits + 7) / 8) == 0);
	expect(world, parts->value_size == row->value_size);
	expect(world, memcmp(parts->value, row->value, row->value_size) == 0);
	expect(world, (uintptr_t)parts->value % 8 == 0);
}

static void check_row(const struct world *world, ref_t ref, const struct model_row *row)
{
	struct row_parts parts;

	expect(world, row_parse_ref(&world->arena.view, &world->layout, ref, &parts) == 0);
	expect(world, row_ref(&world->arena.view, &world->layout, &parts) == ref);
	check_parts(world, &parts, row);
}

static void check_lookups(struct world *world, unsigned spread)
{
	struct key key;
	size_t at;
	struct row_parts row;

	for (int i = 0; i < 500; i++) {
		int64_t match;
		int r;
		random_key(world, &key, spread);
		if (world->model.count > 0 && i % 2 == 0)
			key = world->model.rows[next_random() % world->model.count]->key;
		r = trie_get(&world->arena.view, &world->layout, world->root, key.bytes, key.bits,
		             &row);
		expect(world, r == model_has(&world->model, &key, &at));
		if (r == 1)
			check_parts(world, &row, world->model.rows[at]);
		match = model_match(&world->model, &key);
		r = trie_match(&world->arena.view, &world->layout, world->root, key.bytes, key.bits,
		               &row);
		expect(world, r == (match >= 0));
		if (r == 1)
			check_parts(world, &row, world->model.rows[match]);
	}
}

static void check_scans(struct world *world, unsigned spread)
{
	static struct scan scan;
	struct key key;
	size_t i;
	struct row_parts row;

	scan_start(&scan, &world->arena.view, &world->layout, world->root);
	for (i = 0; i < world->model.count; i++) {
		expect(world, scan_next(&scan, &row) == 1);
		check_parts(world, &row, world->model.rows[i]);
	}
	expect(world, scan_next(&scan, &row) == 0);
	for (int round = 0; round < 200; round++) {
		random_key(world, &key, spread);
		i = model_find(&world->model, &key);
		expect(world, scan_seek(&scan, &world->arena.view, &world->layout, world->root,
		                        key.bytes, key.bits) == 0);
		for (size_t end = i + 5; i < end && i < world->model.count; i++) {
			expect(world, scan_next(&scan, &row) == 1);
			check_parts(world, &row, world->model.rows[i]);
		}
		if (i == world->model.count)
			expect(world, scan_next(&scan, &row) == 0);
	}
	for (int round = 0; round < 200; round++) {
		random_key(world, &key, spread);
		i = model_find(&world->model, &key);
		expect(world, scan_seek_back(&scan, &world->arena.view, &world->layout, world->root,
		                             key.bytes, key.bits, SCAN_BEFORE) == 0);
		for (size_t end = i > 5 ? i - 5 : 0; i > end; i--) {
			expect(world, scan_previous(&scan, &row) == 1);
			check_parts(world, &row, world->model.rows[i - 1]);
		}
		if (i == 0)
			expect(world, scan_previous(&scan, &row) == 0);
	}
}

/* Compares the difference between two versions with a merge of two arrays. */
static void check_diff(struct world *world, const struct model *old, ref_t old_root)
{
	static struct diff diff;
	size_t a = 0, b = 0;
	ref_t before, after;
	int r;

	diff_start(&diff, &world->arena.view, &world->layout, old_root, world->root);
	while ((r = diff_next(&diff, &before, &after)) == 1) {
		struct row_parts parts;
		struct key key = {0};
		int in_old, in_new;
		expect(world, before != after);
		expect(world, row_parse_ref(&world->arena.view, &world->layout,
		                            before ? before : after, &parts) == 0);
		key.bits = parts.key_bits;
		memcpy(key.bytes, parts.key, (key.bits + 7) / 8);
		/* All rows that the difference skipped are equal in both versions. */
		while (a < old->count && compare_keys(&old->rows[a]->key, &key) < 0) {
			expect(world, b < world->model.count);
			expect(world,
			       compare_keys(&old->rows[a]->key, &world->model.rows[b]->key) == 0);
			expect(world, old->rows[a]->value_size == world->model.rows[b]->value_size);
			expect(world, memcmp(old->rows[a]->value, world->model.rows[b]->value,
			                     old->rows[a]->value_size) == 0);
			a++;
			b++;
		}
		expect(world, b == world->model.count ||
		                      compare_keys(&world->model.rows[b]->key, &key) >= 0);
		in_old = a < old->count && compare_keys(&old->rows[a]->key, &key) == 0;
		in_new = b < world->model.count &&
		         compare_keys(&world->model.rows[b]->key, &key) == 0;
		expect(world, (before != 0) == in_old);
		expect(world, (after != 0) == in_new);
		if (before)
			check_row(world, before, old->rows[a++]);
		if (after)
			check_row(world, after, world->model.rows[b++]);
	}
	expect(world, r == 0);
	expect(world, old->count - a == world->model.count - b);
	for (; a < old->count; a++, b++) {
		expect(world, compare_keys(&old->rows[a]->key, &world->model.rows[b]->key) == 0);
		expect(world, memcmp(old->rows[a]->value, world->model.rows[b]->value,
		                     old->rows[a]->value_size) == 0);
	}
}

static uint64_t bytes_reached(struct world *world)
{
	/* Counts by claiming every object in a second allocator, as recovery does. */
	struct arena second;
	uint64_t used;
	struct {
		ref_t ref;
		unsigned place;
	} stack[STELE_KEY_MAX + 2];
	unsigned top = 0;

	cr_assert_eq(
		arena_init(&second, world->memory, LAYOUT_PAGE, MEMORY - 2 * LAYOUT_PAGE, MEMORY),
		0);
	if (world->root) {
		stack[top].ref = world->root;
		stack[top++].place = 0;
	}
	while (top > 0) {
		ref_t ref = stack[top - 1].ref;
		const unsigned char *at = view_object(&world->arena.view, ref);
		struct node node;
		unsigned place = PLACE_END;
		if (stack[top - 1].place == 0)
			expect(world,
			       arena_claim(&second, ref,
			                   object_size(&world->edit, &world->layout, ref)) == 1);
		if (data_load(at) & LAYOUT_NODE) {
			node = node_at(at);
			place = node_next_place(&node, stack[top - 1].place);
		}
		if (place == PLACE_END) {
			top--;
			continue;
		}
		/* place + 1 is never 0, so each object is claimed once. */
		stack[top - 1].place = place + 1;
		stack[top].ref = node_ref_at(&node, place);
		stack[top++].place = 0;
	}
	used = arena_used(&second);
	arena_fini(&second);
	return used;
}

static void change_once(struct world *world, unsigned spread)
{
	unsigned char value[40];
	struct key key;
	uint32_t size = world->layout.value_size;
	bool touched;
	size_t at;
	ref_t ref;
	int r, had;

	random_key(world, &key, spread);
	if (world->model.count > 0 && next_random() % 3 == 0)
		key = world->model.rows[next_random() % world->model.count]->key;
	had = model_has(&world->model, &key, &at);
	if (next_random() % 5 < 2) {
		r = edit_delete(&world->edit, &world->layout, &world->root, key.bytes, key.bits,
		                &touched);
		expect(world, r == had);
		model_delete(&world->model, &key);
		return;
	}
	if (world->layout.variable)
		size += (uint32_t)(next_random() % 20);
	for (unsigned i = 0; i < size; i++)
		value[i] = (unsigned char)(next_random() % 3);
	r = edit_put(&world->edit, &world->layout, &world->root, key.bytes, key.bits, value, size,
	             &ref, &touched);
	if (!had)
		expect(world, r == 1);
	else if (world->model.rows[at]->value_size == size &&
	         memcmp(world->model.rows[at]->value, value, size) == 0)
		expect(world, r == 0);
	else
		expect(world, r == 2);
	model_put(&world->model, &key, value, size);
}

/* Makes versions of many changes each. The objects that a version retired are freed when the next
 * version is made, so that the version before it is still there for the difference. */
static void run(const char *name, uint64_t seed, const struct row_layout *layout, unsigned spread,
                int versions, int changes)
{
	struct world world;
	struct retired *old_retired = NULL;
	size_t old_count = 0;

	world_start(&world, name, seed, layout);
	for (int version = 1; version <= versions / SLOWED + 1; version++) {
		struct model old = model_copy(&world.model);
		ref_t old_root = world.root;
		world.edit.version = (uint64_t)version;
		for (int i = 0; i < changes; i++)
			change_once(&world, spread);
		check_lookups(&world, spread);
		check_scans(&world, spread);
		check_diff(&world, &old, old_root);
		for (size_t i = 0; i < old_count; i++)
			arena_free(&world.arena, old_retired[i].ref, old_retired[i].size);
		free(old_retired);
		old_count = world.edit.retired.count;
		old_retired = malloc((old_count + 1) * sizeof(*old_retired));
		if (old_count > 0)
			memcpy(old_retired, world.edit.retired.entries,
			       old_count * sizeof(*old_retired));
		world.edit.retired.count = 0;
		free(old.rows);
	}
	for (size_t i = 0; i < old_count; i++)
		arena_free(&world.arena, old_retired[i].ref, old_retired[i].size);
	free(old_retired);
	/* Nothing is leaked: the memory in use is exactly what the trie reaches. */
	expect(&world, bytes_reached(&world) == arena_used(&world.arena));
	while (world.model.count > 0) {
		struct key key = world.model.rows[world.model.count - 1]->key;
		bool touched;
		expect(&world, edit_delete(&world.edit, &world.layout, &world.root, key.bytes,
		                           key.bits, &touched) == 1);
		world.model.count--;
	}
	expect(&world, world.root == 0);
	for (size_t i = 0; i < world.edit.retired.count; i++)
		arena_free(&world.arena, world.edit.retired.entries[i].ref,
		           world.edit.retired.entries[i].size);
	expect(&world, arena_used(&world.arena) == 0);
	world_finish(&world);
}

static const struct row_layout exact4 = {
	.value_size = 4, .min_bits = 32, .max_bits = 32, .overhead = 9};
static const struct row_layout exact16 = {
	.value_size = 24, .min_bits = 128, .max_bits = 128, .overhead = 9};
static const struct row_layout text = {
	.value_size = 0, .max_bits = 40 * 8, .variable = true, .wide = true, .overhead = 18};
static const struct row_layout prefix4 = {
	.value_size = 5, .max_bits = 32, .prefix = true, .overhead = 9};
static const struct row_layout prefix6 = {
	.value_size = 8, .max_bits = 128, .prefix = true, .overhead = 9};
static const struct row_layout nested = {
	.value_size = 3, .min_bits = 32, .max_bits = 64, .prefix = true, .overhead = 9};

Test(unit_trie, exact_short_keys)
{
	run("exact_short_keys", 1, &exact4, 3, 30, 10000);
}

Test(unit_trie, exact_long_keys)
{
	run("exact_long_keys", 2, &exact16, 2, 15, 10000);
}

Test(unit_trie, text_keys_of_any_length)
{
	run("text_keys_of_any_length", 3, &text, 2, 15, 10000);
}

Test(unit_trie, ipv4_prefixes)
{
	run("ipv4_prefixes", 4, &prefix4, 4, 30, 10000);
}

Test(unit_trie, ipv6_prefixes)
{
	run("ipv6_prefixes", 5, &prefix6, 2, 15, 10000);
}

Test(unit_trie, prefixes_behind_another_column)
{
	run("prefixes_behind_another_column", 6, &nested, 3, 30, 10000);
}

Test(unit_trie, small_versions)
{
	for (uint64_t seed = 100; seed < 130; seed++) {
		run("small_versions/exact", seed, &exact4, 2, 100, 3);
		run("small_versions/prefix", seed, &prefix4, 2, 100, 3);
		run("small_versions/text", seed, &text, 2, 100, 3);
	}
}

Test(unit_trie, abort_frees_everything)
{
	struct world world;
	ref_t root;
	uint64_t used;

	world_start(&world, "abort", 7, &prefix4);
	for (int i = 0; i < 20000; i++)
		change_once(&world, 4);
	root = world.root;
	used = arena_used(&world.arena);
	for (int round = 0; round < 50; round++) {
		struct model before = model_copy(&world.model);
		world.edit.version++;
		world.edit.retired.count = 0;
		for (int i = 0; i < 1000; i++)
			change_once(&world, 4);
		edit_drop_tree(&world.edit, &world.layout, world.root, true);
		world.root = root;
		free(world.model.rows);
		world.model = before;
		expect(&world, arena_used(&world.arena) == used);
		check_lookups(&world, 4);
	}
	check_scans(&world, 4);
	expect(&world, bytes_reached(&world) == arena_used(&world.arena));
	world_finish(&world);
}
