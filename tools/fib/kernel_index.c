/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "tools/fib/kernel_index.h"

/* Prefixes that a slot holds at most. */
#define INDEX_FEW 512u
/* Slots and prefixes that are no reason to make the index again. */
#define INDEX_FREE 65536u

void kernel_index_clear(struct kernel_index *index)
{
	for (size_t i = 0; i < index->capacity; i++)
		free(index->slots[i].of);
	free(index->slots);
	*index = (struct kernel_index){0};
}

/* Mixes the bits of a number (splitmix64). The result is not 0. */
static uint64_t index_mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) | 1;
}

uint64_t kernel_index_link(uint32_t ifindex)
{
	return index_mix(UINT64_C(1) << 32 | ifindex);
}

uint64_t kernel_index_nexthop(uint32_t id)
{
	return index_mix(UINT64_C(2) << 32 | id);
}

/* Two addresses with the same key share a slot, which is then found for both. */
uint64_t kernel_index_source(const uint8_t source[16])
{
	uint64_t key = 3;

	for (unsigned i = 0; i < 16; i++)
		key = index_mix(key << 8 ^ source[i]);
	return key;
}

/* Returns the slot of a key, or the free one for it. */
static struct kernel_index_slot *index_slot(const struct kernel_index *index, uint64_t key)
{
	size_t at = (size_t)(key >> 1) & (index->capacity - 1);

	while (index->slots[at].key && index->slots[at].key != key)
		at = (at + 1) & (index->capacity - 1);
	return &index->slots[at];
}

/* Makes room for one more key. */
static int index_grow(struct kernel_index *index)
{
	struct kernel_index larger = *index;

	if (2 * (index->used + 1) <= index->capacity)
		return 0;
	larger.capacity = index->capacity ? 2 * index->capacity : 64;
	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < index->capacity; i++)
		if (index->slots[i].key)
			*index_slot(&larger, index->slots[i].key) = index->slots[i];
	free(index->slots);
	*index = larger;
	return 0;
}

int kernel_index_add(struct kernel_index *index, uint64_t key, const struct kernel_prefix *prefix)
{
	struct kernel_index_slot *slot;
	int r = index_grow(index);

	if (r < 0)
		return r;
	slot = index_slot(index, key);
	index->used += slot->key == 0;
	slot->key = key;
	if (slot->many)
		return 0;
	for (uint32_t i = 0; i < slot->count; i++)
		if (kernel_prefix_equal(&slot->of[i], prefix))
			return 0;
	if (slot->count == INDEX_FEW) {
		index->held -= slot->count;
		free(slot->of);
		*slot = (struct kernel_index_slot){.key = key, .many = true};
		return 0;
	}
	if (slot->count == slot->capacity) {
		uint32_t capacity = slot->capacity ? 2 * slot->capacity : 4;
		struct kernel_prefix *larger = realloc(slot->of, capacity * sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		slot->of = larger;
		slot->capacity = capacity;
	}
	slot->of[slot->count++] = *prefix;
	index->held++;
	return 0;
}

int kernel_index_set(struct kernel_index *index, uint64_t key, const struct kernel_prefix *prefixes,
                     size_t count)
{
	int r = 0;

	if (count > INDEX_FEW)
		return 0;
	kernel_index_remove(index, key);
	for (size_t i = 0; i < count && r >= 0; i++)
		r = kernel_index_add(index, key, &prefixes[i]);
	return r;
}

void kernel_index_remove(struct kernel_index *index, uint64_t key)
{
	size_t mask = index->capacity - 1, hole, at;

	if (!kernel_index_find(index, key))
		return;
	hole = (size_t)(index_slot(index, key) - index->slots);
	index->held -= index->slots[hole].count;
	free(index->slots[hole].of);
	/* A key after the hole moves into it, unless its search begins after the hole. */
	for (at = (hole + 1) & mask; index->slots[at].key; at = (at + 1) & mask) {
		size_t home = (size_t)(index->slots[at].key >> 1) & mask;

		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		index->slots[hole] = index->slots[at];
		hole = at;
	}
	index->slots[hole] = (struct kernel_index_slot){0};
	index->used--;
}

struct kernel_index_slot *kernel_index_find(const struct kernel_index *index, uint64_t key)
{
	struct kernel_index_slot *slot;

	if (index->capacity == 0)
		return NULL;
	slot = index_slot(index, key);
	return slot->key ? slot : NULL;
}

void kernel_index_keep(struct kernel_index *index, struct kernel_index_slot *slot, uint32_t count)
{
	index->held -= slot->count - count;
	slot->count = count;
}

bool kernel_index_is_stale(const struct kernel_index *index)
{
	return index->used + index->held > 2 * index->kept + INDEX_FREE;
}
