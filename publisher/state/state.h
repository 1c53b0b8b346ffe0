/* SPDX-License-Identifier: MIT
 *
 * A publisher's private state: what an open publisher and its transaction are made of, and the
 * steps that build this state from a region, wire its parts together and bring it to its end. Read
 * by everything above; the functions are called by publisher.c, lock.c, shared.c, generation.c and
 * transaction.c.
 *
 * From here up, every function sets the error message before it returns a negative errno. */
#ifndef PUBLISHER_STATE_STATE_H
#define PUBLISHER_STATE_STATE_H

#include <stele/publisher.h>
#include "lib/base/fork.h"
#include "lib/base/atomic.h"
#include "lib/region/region.h"
#include "publisher/attach/attach.h"
#include "publisher/memory/durable.h"
#include "publisher/memory/reclaim.h"
#include "publisher/notices/notify.h"
#include "publisher/state/tables.h"
#include "publisher/trie/object.h"

struct stele_transaction {
	struct stele_publisher *publisher;
	ref_t catalog; /* the trie of tables as this transaction makes it */
	ref_t record;
	ref_t last_record; /* of the version before, or 0 */
	int cancel_state;
};

struct stele_publisher {
	struct attachment attachment;
	struct arena arena;
	struct reclaim reclaim;
	struct fanout fanout;
	struct notify notify;
	struct durable durable;
	struct edit edit;
	struct stele_transaction transaction;
	uint64_t pinned_bytes; /* the option */
	bool in_transaction;
	bool guarded;
	unsigned forks;
	uint8_t uuid[16];
	uint32_t pid;
	uint64_t attached; /* nanoseconds since 1970 */
	char command[16];
	int (*grow)(void *publisher, uint64_t end); /* for the arena: grows the region */
	struct tables tables;
	int64_t checked_at; /* clock_coarse(), when the files were last looked at */
	uint64_t commits;
	int before_fd;          /* the file of the generation before; -1: none */
	uint64_t compacted_at;  /* time of day of the last try */
	char note[512];         /* that the open replaced an unusable region; "": it did not */
	char growth_error[512]; /* why the last new generation could not be made; "": it could */
	/* Shared publishing: what this publisher left at its last transaction's end. */
	uint64_t left_head, left_reclaimed;
	bool broken; /* a write to the disk failed; nothing more is promised, so nothing is committed */
};

static inline uint64_t publisher_head(const struct stele_publisher *publisher)
{
	return head_version(load_relaxed(&publisher->attachment.region.header->head));
}

/* Fails with -ECHILD in a child made by fork(). */
static inline int publisher_check(const struct stele_publisher *publisher)
{
	return fork_check(publisher->forks, "publisher");
}

/* Makes the parts of a publisher point at each other, after one of them was made anew, and takes
 * nothing that is remembered of tables for known any more. */
void state_wire(struct stele_publisher *publisher);

/* Builds the private state of a publisher from what is in its region. The mutex is held. */
int state_start(struct stele_publisher *publisher);

/* Records in the region that this publisher is the one. */
void state_announce(struct stele_publisher *publisher);

/* Sets how many bytes pins may keep: the option, or half of the region. */
void state_limit_pins(struct stele_publisher *publisher);

/* Reclaims the versions beyond what history has to hold, which reclaim leaves for a while. */
void state_trim(struct stele_publisher *publisher);

/* Finds room in the arena by giving up history beyond two versions, and then pins. For struct
 * edit. */
bool state_free_memory(void *publisher);

/* Remembers how this publisher leaves the region. */
void state_leave(struct stele_publisher *publisher);

/* Notifies every subscriber that waits, for whatever table. */
void state_notify_all(struct stele_publisher *publisher);

#endif
