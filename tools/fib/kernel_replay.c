/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/fib/kernel_replay.h"

/* A read of single links has changed the prefix. */
#define REPLAY_REREAD 1u
/* A message was about the prefix. */
#define REPLAY_TOUCHED 2u
/* One of these messages did not only replace the one route of the prefix. */
#define REPLAY_VARIED 4u
/* One of these messages has replaced a route other than its own. */
#define REPLAY_OTHER 8u
/* A dump was interrupted among the routes of the address. The slot is that of length 0. */
#define REPLAY_SPLIT 16u

void kernel_replay_free(struct kernel_replay *replay)
{
	free(replay->slots);
	*replay = (struct kernel_replay){0};
}

void kernel_replay_start(struct kernel_replay *replay)
{
	kernel_replay_free(replay);
}

/* Hashes a prefix (FNV-1a). */
static size_t replay_hash(const struct kernel_prefix *prefix)
{
	size_t hash = 2166136261u ^ prefix->table ^ (size_t)prefix->length << 24;

	for (unsigned i = 0; i < 16; i++)
		hash = (hash ^ prefix->address[i]) * 16777619u;
	for (unsigned i = 0; i < 16; i++)
		hash = (hash ^ prefix->from[i]) * 16777619u;
	return hash ^ hash >> 15;
}

/* Returns the slot of a prefix, or the free one for it. */
static struct kernel_replay_slot *replay_slot(const struct kernel_replay *replay,
                                              const struct kernel_prefix *prefix)
{
	size_t at = replay_hash(prefix) & (replay->capacity - 1);

	while (replay->slots[at].flags && !kernel_prefix_equal(&replay->slots[at].prefix, prefix))
		at = (at + 1) & (replay->capacity - 1);
	return &replay->slots[at];
}

static int replay_grow(struct kernel_replay *replay)
{
	struct kernel_replay larger = *replay;

	if (2 * (replay->used + 1) <= replay->capacity)
		return 0;
	larger.capacity = replay->capacity ? 2 * replay->capacity : 64;
	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < replay->capacity; i++)
		if (replay->slots[i].flags)
			*replay_slot(&larger, &replay->slots[i].prefix) = replay->slots[i];
	free(replay->slots);
	*replay = larger;
	return 0;
}

/* Adds flags to those of a prefix. Returns the flags before, or -ENOMEM. */
static int replay_mark(struct kernel_replay *replay, const struct kernel_prefix *prefix,
                       unsigned flags)
{
	struct kernel_replay_slot *slot;
	int before = replay_grow(replay);

	if (before < 0)
		return before;
	slot = replay_slot(replay, prefix);
	before = slot->flags;
	replay->used += before == 0;
	slot->prefix = *prefix;
	slot->flags |= (uint8_t)flags;
	return before;
}

int kernel_replay_reread(struct kernel_replay *replay, const struct kernel_prefix *prefix)
{
	int r = replay->reading ? replay_mark(replay, prefix, REPLAY_REREAD) : 0;

	return r < 0 ? r : 0;
}

/* Returns the prefix of length 0 of the same address. */
static struct kernel_prefix replay_address(const struct kernel_prefix *prefix)
{
	struct kernel_prefix address = *prefix;

	address.length = 0;
	return address;
}

int kernel_replay_split(struct kernel_replay *replay, const struct kernel_prefix *before,
                        const struct kernel_prefix *prefix)
{
	const struct kernel_prefix address = replay_address(prefix);
	int r = 0;

	replay->parted[prefix->wide] = true;
	if (!prefix->wide && before->table == prefix->table &&
	    memcmp(before->address, prefix->address, sizeof(prefix->address)) == 0)
		r = replay_mark(replay, &address, REPLAY_SPLIT);
	return r < 0 ? r : 0;
}

bool kernel_replay_tears(struct kernel_replay *replay, const struct kernel_prefix *prefix,
                         bool deletes, bool empty)
{
	const struct kernel_prefix address = replay_address(prefix);

	if (!replay->on || !replay->parted[prefix->wide])
		return false;
	if (!prefix->wide)
		return replay->used > 0 && replay_slot(replay, &address)->flags & REPLAY_SPLIT;
	replay->emptied |= deletes && empty;
	return replay->emptied && !deletes;
}

bool kernel_replay_is_old(const struct kernel_replay *replay, const struct kernel_prefix *prefix)
{
	if (!replay->on)
		return false;
	/* Routes that a read of single links has not changed are as old as the messages. */
	return replay->whole[prefix->wide] ||
	       (replay->used > 0 && replay_slot(replay, prefix)->flags & REPLAY_REREAD);
}

int kernel_replay_judge(struct kernel_replay *replay, const struct kernel_prefix *prefix,
                        const struct kernel_replay_edit *edit)
{
	bool one = edit->before == 1 && edit->after == 1;
	bool few = edit->before <= 1 && edit->after <= 1;
	bool whole = replay->whole[prefix->wide];
	unsigned flags = REPLAY_TOUCHED, before;
	int r;

	if (!edit->replaces || !one)
		flags |= REPLAY_VARIED;
	if (edit->other)
		flags |= REPLAY_OTHER;
	replay->replaced[prefix->wide] |= edit->other;
	r = replay_mark(replay, prefix, flags);
	if (r < 0)
		return r;
	before = (unsigned)r;
	flags |= before;
	/* The first message says by itself whether the dump has it. A read of single links has not
	 * read the routes of others: the replaced route may have gone. */
	if (!(before & REPLAY_TOUCHED))
		return whole || !edit->other;
	/* The prefix had one route all the time: the one of the last message. */
	if (whole && !(flags & REPLAY_VARIED))
		return 1;
	/* Of each route the last message counts, and a single route has no order. */
	return !(flags & REPLAY_OTHER) && few;
}
