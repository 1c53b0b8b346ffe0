/* SPDX-License-Identifier: MIT
 *
 * The state of a subscriber and of a snapshot, which all files of the folder read. Functions stand in
 * the headers of their own files.
 *
 * Errors: as lib/base/error.h says, a function that fails has set the error message. A lost race against
 * the publisher, which is -EAGAIN from interest_changed(), sets none: the caller tries again
 * (retry.h), and sets the message if it gives up. */
#ifndef SUBSCRIBER_STATE_H
#define SUBSCRIBER_STATE_H

#include <stele/subscriber.h>
#include "lib/base/fork.h"
#include "lib/trie/catalog.h"
#include "lib/region/region.h"
#include "lib/region/slots.h"
#include "notifier/notifier.h"

/* A table that a subscriber named. */
struct interest_table {
	char name[STELE_NAME_MAX + 1];
	bool present;     /* when it was last looked for */
	uint64_t changed; /* the version that last changed it, or in which it was found gone */
};

struct interest {
	size_t count; /* 0: every version is of interest */
	struct interest_table *tables;
	uint64_t checked; /* the version in which they were last looked for */
};

struct stele_subscriber {
	struct region_paths names;
	struct region *region; /* shared with the snapshots that were opened in it */
	unsigned moves;        /* how many times it was exchanged for the next generation */
	int64_t moved_at;      /* CLOCK_MONOTONIC, when that was last tried in vain */
	bool guarded;
	unsigned forks;

	bool registers; /* it was opened without STELE_UNREGISTERED */
	bool registered;
	struct slots slots;
	struct layout_slot *slot;
	uint32_t slot_index;
	struct { /* all slots were in use when it tried to register */
		bool full;
		struct slots_vacancy vacancy; /* as it was then */
		int64_t wait;   /* nanoseconds from then on in which it does not try */
		int64_t until;  /* CLOCK_MONOTONIC: when they are over */
		int64_t forget; /* when it tries even if no slot seems to have been freed */
	} backoff;
	const struct notifier *notifier; /* NULL: none, it only looks */
	struct channel channel;
	struct interest interest; /* which tables it waits for */
	int64_t spin;             /* nanoseconds */
	uint64_t idle_head;       /* without a slot: what head is, and since when, at least */
	int64_t idle_since;
	char *wanted;     /* the notifier that was asked for, NULL: any */
	char reason[512]; /* why there is no slot or no queue */

	int epoll; /* what was handed out by stele_subscriber_fd(), or -1 */
	int timer;
	int64_t checked_at; /* CLOCK_MONOTONIC, when the files were last looked at */

	struct {
		uint64_t version;
		unsigned users; /* snapshots of this handle */
	} pins[LAYOUT_PINS];
	struct stele_snapshot *snapshots;
	struct stele_snapshot *spare; /* one that was closed: opening and closing needs no heap */
};

struct stele_snapshot {
	struct stele_subscriber *subscriber;
	struct region *region; /* the generation that it was opened in */
	struct stele_snapshot *next, **link;
	uint64_t version;
	int pin; /* index, or -1 */
	ref_t catalog, record;
	uint64_t time; /* of the commit; 0: not known */
	struct view view;
	uint32_t kept_hint; /* relaxed: threads may share the snapshot */
};

/* What its entry in the ring of commits is, or was. */
static inline struct layout_commit snapshot_commit(const struct stele_snapshot *snapshot)
{
	return (struct layout_commit){.version = snapshot->version,
	                              .time = snapshot->time,
	                              .catalog = snapshot->catalog,
	                              .record = snapshot->record};
}

/* 0, or -ECHILD: a child made by fork() has no subscriber. */
static inline int subscriber_check(const struct stele_subscriber *subscriber)
{
	return fork_check(subscriber->forks, "subscriber");
}

/* The head word as it stands now in the file that is mapped. */
static inline uint64_t subscriber_head(const struct stele_subscriber *subscriber)
{
	return load_acquire(&subscriber->region->header->head);
}

#endif
