/* SPDX-License-Identifier: MIT
 *
 * The allocator against a model. The model records the owner of each unit of memory, so that two
 * overlapping objects are found at once. Random operations under fixed seeds, over all size classes
 * and beyond. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "publisher/memory/arena.h"
#include "tests/support/random.h"

#define MEMORY  (UINT64_C(1) << 24)
#define START   (2 * LAYOUT_PAGE)
#define OBJECTS 20000

static uint64_t random_state;

static uint64_t next_random(void)
{
	return random_from(&random_state);
}

struct object {
	ref_t ref;
	size_t size;
};

struct world {
	uint64_t seed;
	unsigned char *memory;
	unsigned char *owned; /* one byte per unit: whether an object owns the unit */
	struct arena arena;
	struct object *objects;
	size_t count;
	uint64_t end; /* how far the file has grown */
};

#define expect(world, condition) \
	do { \
		if (!(condition)) \
			cr_assert_fail("seed %llu: %s", (unsigned long long)(world)->seed, \
			               #condition); \
	} while (0)

static int grow(void *context, uint64_t end)
{
	struct world *world = context;

	expect(world, end > world->end && end % LAYOUT_PAGE == 0 && end <= MEMORY);
	world->end = end;
	return 0;
}

static void world_start(struct world *world, uint64_t seed)
{
	*world = (struct world){.seed = seed, .end = START + 16 * LAYOUT_PAGE};
	random_state = seed;
	world->memory = aligned_alloc(LAYOUT_PAGE, MEMORY);
	world->owned = calloc(1, MEMORY / LAYOUT_UNIT);
	world->objects = calloc(OBJECTS, sizeof(*world->objects));
	cr_assert(world->memory && world->owned && world->objects);
	cr_assert_eq(
		arena_init(&world->arena, world->memory, START, world->end - START, MEMORY - START),
		0);
	world->arena.grow = grow;
	world->arena.context = world;
}

static void world_finish(struct world *world)
{
	arena_fini(&world->arena);
	free(world->memory);
	free(world->owned);
	free(world->objects);
}

static size_t random_size(void)
{
	uint64_t kind = next_random() % 100;

	if (kind < 60)
		return (1 + next_random() % 32) * 8;
	if (kind < 90)
		return (1 + next_random() % 1024) * 8;
	if (kind < 95)
		return 8192 - next_random() % 3 * 8;
	return 8200 + next_random() % 6000 * 8;
}

static void own(struct world *world, const struct object *object, unsigned char from,
                unsigned char to)
{
	for (size_t i = object->ref; i < object->ref + object->size / LAYOUT_UNIT; i++) {
		expect(world, world->owned[i] == from);
		world->owned[i] = to;
	}
}

/* Allocates one object. Returns false if the arena is full. */
static bool add(struct world *world)
{
	struct object object = {.size = random_size()};
	int r = arena_alloc(&world->arena, object.size, &object.ref);

	if (r == -ENOSPC)
		return false;
	expect(world, r == 0);
	expect(world, (uint64_t)object.ref * LAYOUT_UNIT >= START);
	expect(world, (uint64_t)object.ref * LAYOUT_UNIT + object.size <= world->end);
	expect(world, world->arena.view.limit == world->end);
	own(world, &object, 0, 1);
	world->objects[world->count++] = object;
	return true;
}

static void take_away(struct world *world)
{
	size_t which = next_random() % world->count;
	struct object object = world->objects[which];

	own(world, &object, 1, 0);
	world->objects[which] = world->objects[--world->count];
	arena_free(&world->arena, object.ref, object.size);
}

static void churn(struct world *world, unsigned operations, unsigned of_ten)
{
	while (operations-- > 0) {
		if (world->count < OBJECTS && next_random() % 10 < of_ten)
			add(world);
		else if (world->count > 0)
			take_away(world);
	}
}

static uint32_t free_pages(const struct arena *arena)
{
	uint32_t count = 0;

	for (uint32_t page = 0; page < arena->pages; page++)
		count += (uint32_t)(arena->page_bits[page / 64] >> page % 64) & 1;
	return count;
}

Test(unit_arena, random_against_a_model)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world world;
		world_start(&world, seed);
		churn(&world, 20000, 6);
		churn(&world, 10000, 4);
		churn(&world, 10000, 8);
		expect(&world, arena_used(&world.arena) > 0);
		while (world.count > 0)
			take_away(&world);
		/* All memory is free again. Each class may keep one empty slab, of at most 8
		 * pages. */
		expect(&world, arena_used(&world.arena) == 0);
		arena_release(&world.arena);
		expect(&world, free_pages(&world.arena) == world.arena.free_pages);
		expect(&world, world.arena.free_pages + 8 * ARENA_CLASSES >= world.arena.pages);
		world_finish(&world);
	}
}

/* Fills the arena and empties it again, several times: freed memory is usable again. */
Test(unit_arena, full_and_empty_again)
{
	struct world world;
	size_t first = 0;

	world_start(&world, 50);
	for (unsigned round = 0; round < 6; round++) {
		unsigned refused = 0;
		while (refused < 50 && world.count < OBJECTS)
			refused += !add(&world);
		if (round == 0)
			first = world.count;
		expect(&world, world.end == MEMORY);
		expect(&world, world.count * 2 > first);
		expect(&world, arena_used(&world.arena) > (MEMORY - START) * 8 / 10);
		while (world.count > 0)
			take_away(&world);
		expect(&world, arena_used(&world.arena) == 0);
	}
	world_finish(&world);
}

/* Claims every object in a new allocator, as recovery does; the new allocator then works like the
 * old one. */
Test(unit_arena, claims_rebuild_the_state)
{
	for (uint64_t seed = 100; seed < 110; seed++) {
		struct world world;
		struct arena old;
		world_start(&world, seed);
		churn(&world, 20000, 6);
		old = world.arena;
		cr_assert_eq(arena_init(&world.arena, world.memory, START, world.end - START,
		                        MEMORY - START),
		             0);
		world.arena.grow = grow;
		world.arena.context = &world;
		/* Claim the objects in reverse order of allocation. */
		for (size_t i = world.count; i > 0; i--)
			expect(&world, arena_claim(&world.arena, world.objects[i - 1].ref,
			                           world.objects[i - 1].size) == 1);
		for (size_t i = 0; i < world.count; i++)
			expect(&world, arena_claim(&world.arena, world.objects[i].ref,
			                           world.objects[i].size) == 0);
		expect(&world, arena_used(&world.arena) == arena_used(&old));
		/* Empty slabs have been returned to the free pages. */
		expect(&world, world.arena.free_pages >= old.free_pages);
		expect(&world, free_pages(&world.arena) == world.arena.free_pages);
		churn(&world, 20000, 6);
		while (world.count > 0)
			take_away(&world);
		expect(&world, arena_used(&world.arena) == 0);
		arena_fini(&old);
		world_finish(&world);
	}
}

/* Claims that this allocator can't have handed out are refused. */
Test(unit_arena, impossible_claims)
{
	struct world world;
	ref_t page = START / LAYOUT_UNIT, units = LAYOUT_PAGE / LAYOUT_UNIT;

	world_start(&world, 200);
	expect(&world, arena_claim(&world.arena, page - 1, 8) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, 0, 8) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, UINT32_MAX, 8) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, page + 16 * units, 8) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, page + 15 * units, 8200) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, page + 1, 8200) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, page, 48) == 1);
	/* Refused claims: between two objects of a slab, of another class, past the last object,
	 * over a slab. */
	expect(&world, arena_claim(&world.arena, page + 1, 48) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, page + 6, 40) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, page + 85 * 6, 48) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, page, 8200) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, page + 6, 48) == 1);
	expect(&world, arena_claim(&world.arena, page + 4 * units, 20000) == 1);
	expect(&world, arena_claim(&world.arena, page + 4 * units, 20000) == 0);
	expect(&world, arena_claim(&world.arena, page + 4 * units, 20400) == 0);
	expect(&world, arena_claim(&world.arena, page + 4 * units, 24000) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, page + 5 * units, 8) == -EBADMSG);
	expect(&world, arena_claim(&world.arena, page + 3 * units, 12000) == -EBADMSG);
	expect(&world, arena_used(&world.arena) == 2 * 48 + 5 * LAYOUT_PAGE);
	world_finish(&world);
}

Test(unit_arena, same_capacity)
{
	for (size_t a = 8; a < 20000; a += 8)
		for (size_t b = a > 64 ? a - 64 : 8; b < a + 64; b += 8)
			if (arena_same_capacity(a, b)) {
				struct world world = {.seed = a};
				/* Classes are contiguous: sizes between two sizes of one capacity
				 * have that capacity too. */
				expect(&world, arena_same_capacity(b, a));
				expect(&world, arena_same_capacity(a, (a + b) / 16 * 8));
			}
	cr_assert(arena_same_capacity(8200, 12288));
	cr_assert_not(arena_same_capacity(8192, 8200));
	cr_assert_not(arena_same_capacity(128, 136));
	cr_assert(arena_same_capacity(136, 144));
}

/* One slab of each of many size classes is used and emptied: their pages serve another class. */
Test(unit_arena, empty_slabs_become_free_pages)
{
	static unsigned char memory[1 << 18] __attribute__((aligned(4096)));
	struct arena arena;
	ref_t refs[40], ref;
	unsigned count = 0, rest = 0;

	cr_assert_eq(arena_init(&arena, memory, 4096, 1 << 17, 1 << 17), 0);
	for (size_t size = 16; count < 40 && size <= 4000;
	     size += size < 128 ? 8 : size / 4, count++)
		if (arena_alloc(&arena, size, &refs[count]) < 0)
			break;
	cr_assert_gt(count, 15);
	count = 0;
	for (size_t size = 16; arena_used(&arena) > 0; size += size < 128 ? 8 : size / 4)
		arena_free(&arena, refs[count++], size);
	while (arena_alloc(&arena, 8192, &ref) == 0)
		rest++;
	cr_expect(arena_release(&arena), "no spare objects were released");
	cr_expect_not(arena_release(&arena), "spare objects are left");
	while (arena_alloc(&arena, 8192, &ref) == 0)
		rest++;
	cr_expect_geq(rest, 14, "room for %u of 16", rest);
	arena_fini(&arena);
}

/* arena_capacity() predicts exactly what arena_alloc() takes. */
Test(unit_arena, capacity_predicts_the_allocation)
{
	static unsigned char memory[1 << 18] __attribute__((aligned(4096)));
	struct arena arena;
	ref_t ref;

	for (size_t size = 1; size <= 20000; size++) {
		cr_assert_eq(arena_init(&arena, memory, 4096, 1 << 17, 1 << 17), 0);
		cr_assert_eq(arena_alloc(&arena, size, &ref), 0, "%zu", size);
		cr_assert_eq(arena_used(&arena), arena_capacity(size), "%zu", size);
		arena_fini(&arena);
	}
}

/* The object that was freed last is allocated first; spare objects keep no page from another
 * size. */
Test(unit_arena, spare_objects_are_reused_first)
{
	static unsigned char memory[1 << 18] __attribute__((aligned(4096)));
	struct arena arena;
	ref_t refs[ARENA_SPARE], ref;
	unsigned large = 0;

	cr_assert_eq(arena_init(&arena, memory, 4096, 1 << 17, 1 << 17), 0);
	for (unsigned i = 0; i < ARENA_SPARE; i++)
		cr_assert_eq(arena_alloc(&arena, 4096, &refs[i]), i < 32 ? 0 : -ENOSPC);
	for (unsigned i = 0; i < 32; i++)
		arena_free(&arena, refs[i], 4096);
	cr_expect_eq(arena_used(&arena), 0);
	for (unsigned i = 32; i > 0; i--) {
		cr_assert_eq(arena_alloc(&arena, 4096, &ref), 0);
		cr_expect_eq(ref, refs[i - 1]);
	}
	cr_expect_eq(arena_used(&arena), 32 * 4096);
	for (unsigned i = 0; i < 32; i++)
		arena_free(&arena, refs[i], 4096);
	while (arena_alloc(&arena, 8192, &ref) == 0)
		large++;
	cr_expect_geq(large, 12, "room for %u of 16", large);
	arena_fini(&arena);
}
