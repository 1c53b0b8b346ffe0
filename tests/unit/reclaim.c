/* SPDX-License-Identifier: MIT
 *
 * Reclaim against its definition: an object is in use exactly as long as some retained version
 * reaches it, and a version is retained while history has it or a subscriber's pin on it is
 * honoured. Versions, pins, forged pins, revocations and object lifetimes are random under fixed
 * seeds; after every step each object is looked up in the allocator. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/storage/storage_file.h"
#include "publisher/memory/reclaim.h"
#include "tests/support/random.h"

#define MEMORY  (UINT64_C(1) << 25)
#define RING    64u
#define KEPT    6u
#define SLOTS   4u
#define OBJECTS 2000u
/* takes entire pages, so that the allocator's page bits show each object's state */
#define OBJECT_SIZE 8200u

static uint64_t random_state;

static uint64_t next_random(void)
{
	return random_from(&random_state);
}

struct object {
	ref_t ref;
	uint64_t made, replaced; /* versions; `replaced` is 0 until the object is replaced */
};

struct world {
	uint64_t seed, head;
	unsigned char *memory;
	struct layout_header header;
	struct layout_commit ring[RING];
	struct layout_kept kept[KEPT];
	struct layout_subscribers_header slots_header;
	struct layout_slot slot[SLOTS];
	struct region region;
	struct slots slots;
	struct arena arena;
	struct reclaim reclaim;
	struct object objects[OBJECTS];
	size_t count;
	/* The model. */
	uint64_t honoured[KEPT];
	unsigned honoured_count;
	uint64_t revoked;
};

#define expect(world, condition) \
	do { \
		if (!(condition)) \
			cr_assert_fail("seed %llu, version %llu: %s", \
			               (unsigned long long)(world)->seed, \
			               (unsigned long long)(world)->head, #condition); \
	} while (0)

static struct world *world_new(uint64_t seed)
{
	struct world *world = calloc(1, sizeof(*world));

	cr_assert_not_null(world);
	world->seed = random_state = seed;
	world->memory = aligned_alloc(LAYOUT_PAGE, MEMORY);
	cr_assert_not_null(world->memory);
	world->region = (struct region){
		.fd = -1,
		.memory = &storage_file,
		.mapping = {.base = world->memory, .size = MEMORY},
		.file_size = MEMORY,
		.header = &world->header,
		.ring = world->ring,
		.kept = world->kept,
		.ring_entries = RING,
		.kept_entries = KEPT,
	};
	world->slots.header = &world->slots_header;
	world->slots.slot = world->slot;
	world->slots.capacity = SLOTS;
	world->slots_header.slots_used = SLOTS;
	cr_assert_eq(arena_init(&world->arena, world->memory, LAYOUT_PAGE, MEMORY - LAYOUT_PAGE,
	                        MEMORY - LAYOUT_PAGE),
	             0);
	cr_assert_eq(reclaim_init(&world->reclaim, &world->region, &world->arena), 0);
	world->reclaim.slots = &world->slots;
	return world;
}

static void world_free(struct world *world)
{
	reclaim_fini(&world->reclaim);
	arena_fini(&world->arena);
	free(world->memory);
	free(world);
}

static bool in_use(const struct world *world, const struct object *object)
{
	uint64_t page = ((uint64_t)object->ref * LAYOUT_UNIT - LAYOUT_PAGE) / LAYOUT_PAGE;

	return !(world->arena.page_bits[page / 64] >> page % 64 & 1);
}

static bool reached(const struct world *world, const struct object *object)
{
	if (object->replaced == 0 || object->replaced > world->header.reclaimed)
		return true;
	for (unsigned i = 0; i < world->honoured_count; i++)
		if (world->honoured[i] >= object->made && world->honoured[i] < object->replaced)
			return true;
	return false;
}

static bool honoured(const struct world *world, uint64_t version)
{
	for (unsigned i = 0; i < world->honoured_count; i++)
		if (world->honoured[i] == version)
			return true;
	return false;
}

/* Returns whether history reaches a replaced object. */
static bool waits(const struct world *world, const struct object *object)
{
	return object->replaced > world->header.reclaimed;
}

static bool kept(const struct world *world, const struct object *object)
{
	for (unsigned i = 0; i < world->honoured_count; i++)
		if (world->honoured[i] >= object->made && world->honoured[i] < object->replaced)
			return true;
	return false;
}

/* Returns the bytes that only history reaches. pinned_used() returns those that only pins reach. */
static uint64_t history_used(const struct world *world)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < world->count; i++)
		if (waits(world, &world->objects[i]) && !kept(world, &world->objects[i]))
			bytes += 3 * LAYOUT_PAGE;
	return bytes;
}

static uint64_t pinned_used(const struct world *world)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < world->count; i++) {
		const struct object *object = &world->objects[i];
		if (object->replaced != 0 && !waits(world, object) && kept(world, object))
			bytes += 3 * LAYOUT_PAGE;
	}
	return bytes;
}

/* Compares the model with the allocator, and removes freed objects from the model. */
static void check(struct world *world)
{
	size_t left = 0, used = 0;
	unsigned entries = 0;

	for (size_t i = 0; i < world->count; i++) {
		const struct object *object = &world->objects[i];
		expect(world, in_use(world, object) == reached(world, object));
		if (in_use(world, object)) {
			used++;
			world->objects[left++] = *object;
		}
	}
	world->count = left;
	expect(world, arena_used(&world->arena) == used * 3 * LAYOUT_PAGE);
	expect(world, pinned_used(world) == world->reclaim.pinned_used);
	/* Do not compare every time, because the call recounts history. */
	if (next_random() % 3 == 0)
		expect(world, history_used(world) == reclaim_history_used(&world->reclaim));
	for (unsigned i = 0; i < KEPT; i++) {
		uint64_t version = world->kept[i].version;
		entries += version != 0;
		expect(world, version == 0 || honoured(world, version));
		expect(world, version == 0 || i < world->header.kept_used);
		/* A kept version keeps its catalog, long after the ring has overwritten its
		 * entry. */
		expect(world, version == 0 || world->kept[i].catalog == (uint32_t)version * 3);
	}
	expect(world, entries == world->honoured_count && entries == world->reclaim.kept_count);
	expect(world, world->reclaim.revoked == world->revoked);
	expect(world, world->header.reclaimed == world->header.oldest &&
	                      world->header.oldest <= world->head);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t version = 1 + next_random() % world->head;
		uint32_t hint = (uint32_t)(next_random() % (KEPT + 2));
		int whole = version >= world->header.reclaimed || honoured(world, version)
		                    ? 0
		                    : -ESTALE;
		expect(world, region_recheck(&world->region, version, &hint) == whole);
	}
}

/* ---- events ---- */

static void replace(struct world *world, struct object *object, uint64_t version)
{
	struct retired retired = {object->ref, OBJECT_SIZE, object->made};
	struct retired_list list = {.entries = &retired, .count = 1};

	expect(world, reclaim_reserve(&world->reclaim, 1) == 0);
	reclaim_add_all(&world->reclaim, &list, version);
	expect(world, list.count == 0);
	object->replaced = version;
}

static void commit(struct world *world)
{
	uint64_t version = ++world->head, replaced = next_random() % 4;

	expect(world, version - world->header.reclaimed < RING);
	for (size_t i = 0; i < world->count && replaced > 0; i++) {
		struct object *object = &world->objects[next_random() % world->count];
		if (object->replaced != 0)
			continue;
		replace(world, object, version);
		replaced--;
	}
	for (uint64_t made = next_random() % 4; made > 0 && world->count < OBJECTS; made--) {
		struct object object = {.made = version};
		int r = arena_alloc(&world->arena, OBJECT_SIZE, &object.ref);
		expect(world, r == 0 || r == -ENOSPC);
		if (r == 0)
			world->objects[world->count++] = object;
	}
	world->ring[version % RING] =
		(struct layout_commit){.version = version, .catalog = (uint32_t)version * 3};
	world->header.head = version;
}

/* Sets a random pin. The last slot may hold any value, the others only valid pins. */
static void pin(struct world *world)
{
	uint64_t slot = next_random() % SLOTS,
		 *place = &world->slot[slot].pins[next_random() % LAYOUT_PINS];
	uint64_t oldest = world->header.oldest;

	if (next_random() % 2 == 0)
		*place = 0;
	else if (slot < SLOTS - 1)
		*place = oldest + next_random() % (world->head - oldest + 1);
	else
		*place =
			next_random() % 3 == 0 ? next_random() : next_random() % (world->head + 10);
}

static bool pinned(const struct world *world, uint64_t version)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		for (unsigned i = 0; i < LAYOUT_PINS; i++)
			if (world->slot[slot].pins[i] == version)
				return true;
	return false;
}

static void model_remove(struct world *world, unsigned which)
{
	world->honoured_count--;
	memmove(&world->honoured[which], &world->honoured[which + 1],
	        (world->honoured_count - which) * sizeof(world->honoured[0]));
}

static void run(struct world *world)
{
	uint64_t old = world->header.reclaimed;
	uint64_t oldest = old + next_random() % (world->head - old + 1), version;

	for (unsigned i = world->honoured_count; i > 0; i--)
		if (!pinned(world, world->honoured[i - 1]))
			model_remove(world, i - 1);
	/* Keep lower versions first; if not all fit, keep the newer ones. */
	for (version = old > 0 ? old : 1; version < oldest; version++) {
		if (!pinned(world, version))
			continue;
		if (world->honoured_count == KEPT) {
			model_remove(world, 0);
			world->revoked++;
		}
		world->honoured[world->honoured_count++] = version;
	}
	reclaim_run(&world->reclaim, oldest);
	/* Then the oldest versions are revoked until the memory kept for pins is within its
	 * limit. */
	if (world->reclaim.pinned_limit > 0) {
		world->header.reclaimed = oldest;
		while (world->honoured_count > 0 &&
		       pinned_used(world) > world->reclaim.pinned_limit) {
			model_remove(world, 0);
			world->revoked++;
		}
	}
	expect(world, world->header.reclaimed == oldest);
}

/* Checks which version history must be cut to, by the definition: the lowest one that leaves
 * history at seven eighths of its limit or less. */
static void keep_to_limit(struct world *world)
{
	uint64_t before = world->header.reclaimed, used = history_used(world), limit, oldest,
		 wanted = 0;

	world->reclaim.history_limit = limit = 3 * LAYOUT_PAGE * (1 + next_random() % 12);
	oldest = reclaim_history_oldest(&world->reclaim, world->head);
	if (used > limit)
		for (uint64_t version = before + 1;
		     version < world->head && used > limit - limit / 8; version++) {
			uint64_t left;
			world->header.reclaimed = version;
			left = history_used(world);
			wanted = left < used ? version : wanted;
			used = left;
		}
	world->header.reclaimed = before;
	expect(world, oldest == wanted);
}

static void revoke(struct world *world)
{
	bool any = world->honoured_count > 0;

	if (any) {
		model_remove(world, 0);
		world->revoked++;
	}
	expect(world, reclaim_revoke(&world->reclaim) == any);
}

Test(unit_reclaim, random_steps_match_the_definition)
{
	uint64_t freed = 0, revoked = 0;

	for (uint64_t seed = 1; seed <= 150; seed++) {
		struct world *world = world_new(seed);
		/* Every other world limits the memory that pins may keep. */
		world->reclaim.pinned_limit = seed % 2 * 3 * LAYOUT_PAGE * (1 + seed % 5);
		for (unsigned step = 0; step < 3000; step++) {
			uint64_t choice = next_random() % 20;
			size_t before;
			if (world->head == 0 ||
			    (choice < 8 && world->head - world->header.reclaimed < RING - 1))
				commit(world);
			else if (choice < 15)
				pin(world);
			else if (choice < 18)
				run(world);
			else if (choice < 19)
				keep_to_limit(world);
			else if (next_random() % 4 == 0)
				revoke(world);
			before = world->count;
			check(world);
			freed += before - world->count;
		}
		revoked += world->revoked;
		world_free(world);
	}
	cr_assert_gt(freed, 10000);
	cr_assert_gt(revoked, 100);
}

/* A pin keeps the objects that its own version reaches, and none that were replaced before it or
 * made after it. */
Test(unit_reclaim, a_pin_keeps_its_own_version_only)
{
	struct world *world = world_new(7);
	struct object early, mid, late;

	for (unsigned i = 0; i < 30; i++) {
		world->head++;
		world->ring[world->head % RING] = (struct layout_commit){.version = world->head};
		world->header.head = world->head;
	}
	early = (struct object){.made = 1, .replaced = 10};
	mid = (struct object){.made = 9, .replaced = 11};
	late = (struct object){.made = 11, .replaced = 20};
	struct object *const all[] = {&early, &mid, &late};
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(arena_alloc(&world->arena, OBJECT_SIZE, &all[i]->ref), 0);
		replace(world, all[i], all[i]->replaced);
	}
	world->slot[0].pins[0] = 10;
	reclaim_run(&world->reclaim, 30);
	cr_assert_not(in_use(world, &early));
	cr_assert(in_use(world, &mid));
	cr_assert_not(in_use(world, &late));
	world->slot[0].pins[0] = 0;
	reclaim_run(&world->reclaim, 30);
	cr_assert_not(in_use(world, &mid));
	cr_assert_eq(arena_used(&world->arena), 0);
	/* A new pin of a version below header.reclaimed comes too late: such a version is never
	 * kept again. */
	world->slot[0].pins[0] = 10;
	reclaim_run(&world->reclaim, 30);
	cr_assert_eq(world->reclaim.kept_count, 0);
	world_free(world);
}

/* Without a subscribers file no pins are known, and nothing is kept for pins. */
Test(unit_reclaim, without_slots_nothing_is_kept_for_pins)
{
	struct world *world = world_new(8);

	while (world->head < 20)
		commit(world);
	world->slot[0].pins[0] = 5;
	world->reclaim.slots = NULL;
	reclaim_run(&world->reclaim, 20);
	check(world);
	cr_assert_eq(world->reclaim.kept_count, 0);
	world_free(world);
}
