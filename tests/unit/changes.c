/* SPDX-License-Identifier: MIT
 *
 * The two ways to find the differences between two readings of a table, by reference and by key,
 * are compared with each other; changes under a prefix are compared with all changes, filtered. The
 * second address space is a copy of the first. Random tables under fixed seeds. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/reading/changes.h"
#include "lib/trie/diff.h"
#include "publisher/trie/edit.h"
#include "tests/support/random.h"

#define MEMORY      (UINT64_C(1) << 23)
#define CHANGES_MAX 20000u

static uint64_t random_state;

static unsigned random_below(unsigned limit)
{
	return (unsigned)(random_from(&random_state) % limit);
}

/* ---- a table in two versions, and a copy of both in another address space ---- */

struct world {
	unsigned char *memory, *copy;
	struct arena arena;
	struct edit edit;
	struct row_layout layout;
	ref_t roots[2];
	unsigned spread; /* how many values a byte of a key can have */
};

static void random_key(const struct world *world, unsigned char *key, unsigned *ret_bits)
{
	const struct row_layout *layout = &world->layout;
	unsigned least = layout->min_bits, most = layout->max_bits;
	unsigned bits = least + random_below(most - least + 1);

	if (!layout->prefix)
		bits &= ~7u;
	for (unsigned i = 0; i < (bits + 7) / 8; i++)
		key[i] = (unsigned char)(random_below(world->spread) * 251);
	if (bits % 8 != 0)
		key[bits / 8] &= (unsigned char)(0xff00u >> bits % 8);
	*ret_bits = bits;
}

static void change(struct world *world, unsigned count)
{
	unsigned char key[64], value[24] = {0};
	bool touched;

	for (unsigned i = 0; i < count; i++) {
		ref_t row, *root = &world->roots[world->edit.version - 1];
		unsigned bits, size = world->layout.value_size;
		random_key(world, key, &bits);
		if (world->layout.variable)
			size += random_below(9);
		memset(value, (int)random_below(3), sizeof(value));
		if (random_below(3) == 0)
			cr_assert_geq(edit_delete(&world->edit, &world->layout, root, key, bits,
			                          &touched),
			              0);
		else
			cr_assert_geq(edit_put(&world->edit, &world->layout, root, key, bits, value,
			                       size, &row, &touched),
			              0);
	}
}

static void world_start(struct world *world, uint64_t seed, const struct row_layout *layout,
                        unsigned spread, unsigned rows, unsigned changes)
{
	memset(world, 0, sizeof(*world));
	random_state = seed;
	world->layout = *layout;
	world->spread = spread;
	world->memory = aligned_alloc(LAYOUT_PAGE, MEMORY);
	world->copy = aligned_alloc(LAYOUT_PAGE, MEMORY);
	cr_assert(world->memory && world->copy);
	cr_assert_eq(arena_init(&world->arena, world->memory, LAYOUT_PAGE, MEMORY - 2 * LAYOUT_PAGE,
	                        MEMORY),
	             0);
	world->edit.arena = &world->arena;
	world->edit.version = 1;
	change(world, rows);
	world->edit.version = 2;
	world->roots[1] = world->roots[0];
	change(world, changes);
	memcpy(world->copy, world->memory, MEMORY);
}

static void world_finish(struct world *world)
{
	arena_fini(&world->arena);
	free(world->edit.retired.entries);
	free(world->memory);
	free(world->copy);
}

/* ---- collected changes ---- */

struct gathered {
	size_t count;
	struct stele_change changes[CHANGES_MAX];
};

static int check(const struct reading *reading)
{
	(void)reading;
	return 0;
}

static int recheck(const struct reading *reading, int r)
{
	(void)reading;
	return r;
}

static struct reading reading_of(const struct world *world, int version, const unsigned char *base)
{
	static const struct reading_owner owner = {check, recheck};
	struct reading reading = {
		.owner = &owner,
		.view = world->arena.view,
		.layout = world->layout,
		.root = world->roots[version],
	};

	reading.view.base = base;
	return reading;
}

static void gather(struct stele_changes *changes, struct gathered *ret)
{
	int r;

	ret->count = 0;
	while ((r = stele_changes_next(changes, &ret->changes[ret->count])) == 1)
		cr_assert_lt(++ret->count, CHANGES_MAX);
	cr_assert_eq(r, 0);
}

static bool same_row(const struct stele_row *a, const struct stele_row *b)
{
	return a->key_bits == b->key_bits && a->value_size == b->value_size &&
	       a->version == b->version && memcmp(a->key, b->key, (a->key_bits + 7) / 8) == 0 &&
	       (a->value_size == 0 || memcmp(a->value, b->value, a->value_size) == 0);
}

static void expect_same(const struct gathered *a, const struct gathered *b, const char *what)
{
	cr_assert_eq(a->count, b->count, "%s: %zu and %zu changes", what, a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct stele_change *x = &a->changes[i], *y = &b->changes[i];
		cr_assert(x->kind == y->kind, "%s: change %zu", what, i);
		cr_assert(x->kind == STELE_ADDED || same_row(&x->before, &y->before),
		          "%s: change %zu", what, i);
		cr_assert(x->kind == STELE_REMOVED || same_row(&x->after, &y->after),
		          "%s: change %zu", what, i);
	}
}

static void filter(const struct gathered *all, const unsigned char *key, unsigned bits,
                   struct gathered *ret)
{
	ret->count = 0;
	for (size_t i = 0; i < all->count; i++) {
		const struct stele_change *one = &all->changes[i];
		const struct stele_row *row =
			one->kind == STELE_REMOVED ? &one->before : &one->after;
		if (row_key_starts_with(row->key, row->key_bits, key, bits))
			ret->changes[ret->count++] = *one;
	}
}

static struct gathered all, by_key, some, filtered;

static void check_under(const struct world *world, struct stele_changes *changes,
                        struct stele_changes *merged)
{
	unsigned char key[64];
	unsigned bits, cut;

	for (int i = 0; i < 50; i++) {
		random_key(world, key, &bits);
		cut = random_below(bits + 1);
		if (cut % 8 != 0)
			key[cut / 8] &= (unsigned char)(0xff00u >> cut % 8);
		filter(&all, key, cut, &filtered);
		cr_assert_eq(stele_changes_under(changes, key, cut), 0);
		gather(changes, &some);
		expect_same(&some, &filtered, "under, by reference");
		cr_assert_eq(stele_changes_under(merged, key, cut), 0);
		gather(merged, &some);
		expect_same(&some, &filtered, "under, by key");
	}
}

static void compare(struct world *world, int from, int to)
{
	const uint64_t versions[2] = {(uint64_t)from + 1, (uint64_t)to + 1};
	struct reading a = reading_of(world, from, world->memory);
	struct reading b = reading_of(world, to, world->memory);
	struct reading c = reading_of(world, to, world->copy);
	struct stele_changes *changes, *merged;
	uint64_t told[2];

	cr_assert_eq(changes_open(&a, &b, versions, (const uint8_t[16]){0}, &changes), 0);
	cr_assert_eq(changes_open(&a, &c, versions, (const uint8_t[16]){0}, &merged), 0);
	stele_changes_versions(merged, &told[0], &told[1]);
	cr_assert(told[0] == versions[0] && told[1] == versions[1]);
	gather(changes, &all);
	gather(merged, &by_key);
	expect_same(&all, &by_key, "all");
	check_under(world, changes, merged);
	/* A prefix of 0 bits returns all changes again. */
	cr_assert_eq(stele_changes_under(changes, NULL, 0), 0);
	gather(changes, &some);
	expect_same(&all, &some, "all again");
	stele_changes_close(changes);
	stele_changes_close(merged);
}

static void run(const struct row_layout *layout, unsigned spread, unsigned rows, unsigned changes)
{
	size_t seen = 0;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world world;
		world_start(&world, seed, layout, spread, rows, changes);
		compare(&world, 0, 1);
		seen += all.count;
		compare(&world, 1, 0);
		compare(&world, 1, 1);
		cr_assert_eq(all.count, 0, "%zu changes from a version to itself", all.count);
		world_finish(&world);
	}
	cr_expect_gt(seen, 20, "only %zu changes", seen);
}

static const struct row_layout exact4 = {
	.value_size = 4, .min_bits = 32, .max_bits = 32, .overhead = 9};
static const struct row_layout text = {
	.max_bits = 200, .variable = true, .wide = true, .overhead = 18};
static const struct row_layout prefix4 = {
	.value_size = 5, .max_bits = 32, .prefix = true, .overhead = 9};
static const struct row_layout nested = {
	.value_size = 8, .min_bits = 16, .max_bits = 48, .prefix = true, .overhead = 9};

Test(unit_changes, of_rows_with_exact_keys)
{
	run(&exact4, 6, 3000, 200);
	run(&exact4, 2, 30, 10);
}

Test(unit_changes, of_rows_with_text_keys)
{
	run(&text, 2, 2000, 300);
	run(&text, 1, 100, 20);
}

Test(unit_changes, of_rows_whose_keys_are_prefixes)
{
	run(&prefix4, 4, 3000, 300);
	run(&prefix4, 2, 500, 50);
}

Test(unit_changes, prefixes_behind_another_column)
{
	run(&nested, 3, 2000, 200);
}

Test(unit_changes, with_an_empty_side)
{
	const uint64_t versions[2] = {0, 1};
	struct stele_changes *changes;
	struct reading reading;
	struct world world;

	world_start(&world, 7, &prefix4, 3, 500, 1);
	reading = reading_of(&world, 1, world.memory);
	cr_assert_eq(changes_open(NULL, &reading, versions, (const uint8_t[16]){0}, &changes), 0);
	gather(changes, &all);
	cr_assert_gt(all.count, 50);
	for (size_t i = 0; i < all.count; i++)
		cr_assert_eq(all.changes[i].kind, STELE_ADDED);
	cr_assert_eq(stele_changes_under(changes, "", 8), 0);
	gather(changes, &some);
	filter(&all, (const unsigned char *)"", 8, &filtered);
	expect_same(&some, &filtered, "under");
	stele_changes_close(changes);
	cr_assert_eq(changes_open(&reading, NULL, versions, (const uint8_t[16]){0}, &changes), 0);
	gather(changes, &some);
	cr_assert_eq(some.count, all.count);
	cr_assert_eq(some.changes[0].kind, STELE_REMOVED);
	stele_changes_close(changes);
	cr_assert_eq(changes_open(NULL, NULL, versions, (const uint8_t[16]){0}, &changes), 0);
	gather(changes, &some);
	cr_assert_eq(some.count, 0);
	cr_assert_eq(stele_changes_under(changes, "", 8), 0);
	cr_assert_eq(stele_changes_check(changes), 0);
	stele_changes_close(changes);
	world_finish(&world);
}

/* Every row of the table changes; the changes under one prefix are found without visiting the
 * rest. */
Test(unit_changes, under_a_prefix_skip_the_rest)
{
	const unsigned char key[4] = {0, 10, 0, 0};
	static struct diff diff;
	unsigned changed = 0;
	struct world world;
	ref_t before, after;
	uint64_t budget;
	int r;

	world_start(&world, 3, &exact4, 64, 0, 0);
	for (unsigned version = 1; version <= 2; version++) {
		world.edit.version = version;
		world.roots[1] = world.roots[0];
		for (uint32_t i = 0; i < 20000; i++) {
			unsigned char at[4] = {0, (unsigned char)(i / 256 % 256),
			                       (unsigned char)(i % 256), 0};
			ref_t row;
			bool touched;
			cr_assert_geq(edit_put(&world.edit, &world.layout,
			                       &world.roots[version - 1], at, 32, &version, 4, &row,
			                       &touched),
			              0);
		}
	}
	cr_assert_eq(diff_start_under(&diff, &world.arena.view, &world.layout, world.roots[0],
	                              world.roots[1], key, 21),
	             0);
	budget = diff.budget;
	while ((r = diff_next(&diff, &before, &after)) == 1)
		changed++;
	cr_assert_eq(r, 0);
	cr_expect_eq(changed, 8, "%u changes", changed);
	cr_expect_lt(budget - diff.budget, 40, "%llu steps",
	             (unsigned long long)(budget - diff.budget));
	world_finish(&world);
}

/* In a forged region a row after may be longer than its schema says. Its value is compared with
 * nothing that follows the value before, not even if the bytes there are the same. */
Test(unit_changes, compare_no_bytes_behind_the_row_before)
{
	static const struct row_layout wide = {
		.value_size = 8, .min_bits = 32, .max_bits = 32, .overhead = 9};
	static const struct row_layout narrow = {
		.value_size = 4, .min_bits = 32, .max_bits = 32, .variable = true, .overhead = 17};
	const unsigned char keys[2][4] = {{1}, {2}};
	const uint64_t versions[2] = {1, 2}, value = 7;
	struct extension extension = {
		.narrow = 1, .narrow_size = 4, .wide_size = 8, .appends = true};
	struct reading before, after;
	struct stele_changes *changes;
	struct row_parts parts = {0};
	struct world world;
	bool touched;
	ref_t row;

	world_start(&world, 5, &wide, 1, 0, 0);
	for (unsigned i = 0; i < 2; i++) {
		/* Only the second row after is longer. */
		unsigned size = i == 0 ? 4 : 16;
		cr_assert_geq(edit_put(&world.edit, &wide, &world.roots[0], keys[i], 32, &value, 8,
		                       &row, &touched),
		              0);
		cr_assert_eq(row_parse_ref(&world.arena.view, &wide, row, &parts), 0);
		cr_assert_geq(edit_put(&world.edit, &narrow, &world.roots[1], keys[i], 32,
		                       parts.value, size, &row, &touched),
		              0);
	}
	before = reading_of(&world, 0, world.memory);
	after = reading_of(&world, 1, world.memory);
	after.layout = narrow;
	cr_assert_eq(changes_open_extended(&before, &after, &extension, versions,
	                                   (const uint8_t[16]){0}, &changes),
	             0);
	gather(changes, &all);
	cr_expect_eq(all.count, 1, "%zu changes", all.count);
	cr_expect_eq(all.changes[0].kind, STELE_CHANGED);
	cr_expect_eq(all.changes[0].before.value_size, 4);
	cr_expect_eq(all.changes[0].after.value_size, 16);
	stele_changes_close(changes);
	world_finish(&world);
}

Test(unit_changes, refuse_a_prefix_longer_than_any_key)
{
	const unsigned char key[STELE_KEY_MAX + 1] = {0};
	const uint64_t versions[2] = {0, 1};
	struct stele_changes *changes;

	cr_assert_eq(changes_open(NULL, NULL, versions, (const uint8_t[16]){0}, &changes), 0);
	cr_expect_eq(stele_changes_under(changes, key, STELE_KEY_MAX * 8), 0);
	cr_expect_eq(stele_changes_under(changes, key, STELE_KEY_MAX * 8 + 1), -EINVAL);
	stele_changes_close(changes);
	cr_expect_null(stele_changes_close(NULL));
}
