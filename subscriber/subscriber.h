/* SPDX-License-Identifier: MIT
 * What the files of the subscriber share.
 *
 *   subscriber.c   open, close, registration
 *   wait.c         blocking until there is a newer version
 *   interest.c     whether it is one of the tables that the subscriber named
 *   move.c         from one generation of the region's file to the next
 *   snapshot.c     pins, snapshots     history.c      which versions there are, who made them
 *   table.c        a table of a snapshot: get, match, schema
 *   live.c         the newest version, read by copying
 *   cursor.c       rows in order       changes.c      what differs between two snapshots
 *   follow.c       all rows, and then what changes
 *   retry.c        whether to try again after a lost race (retry.h)
 *   index.c        for longest-prefix match (index.h)
 *   hash.c         for exact lookups (hash.h)
 *   explain.c      the way of a lookup, step by step
 *   list.c         who else is registered
 *   verify.c       a region as a whole: whether it holds together, and what takes its memory
 */
#ifndef SUBSCRIBER_SUBSCRIBER_H
#define SUBSCRIBER_SUBSCRIBER_H

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
	uint64_t looked; /* the version that they were last looked for in */
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
	} excess;
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
	int64_t looked_at; /* CLOCK_MONOTONIC, when the files were last looked at */

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

/* -ECHILD with a sentence: a child made by fork() has no subscriber. */
static inline int subscriber_check(const struct stele_subscriber *subscriber)
{
	return fork_check(subscriber->forks, "subscriber");
}

/* Copies the names, NULL meaning none. 0, -EINVAL, -ENOMEM, with a sentence. */
int interest_init(struct interest *interest, const char *const *tables);
void interest_finish(struct interest *interest);
/* Says what it is in a slot; and for a channel. */
void interest_describe(const struct interest *interest, struct slot_owner *owner);
uint32_t interest_futex_mask(const struct interest *interest);

/* True before the first look: without one it is not known which tables there were. */
static inline bool interest_is_new(const struct interest *interest)
{
	return interest->count > 0 && interest->looked == 0;
}

/* Whether a version after `since`, up to `version`, the newest, changed something of interest. 1; 0;
 * -EAGAIN: the publisher has moved on; or -EBADMSG; no sentence. */
int interest_changed(struct stele_subscriber *subscriber, uint64_t since, uint64_t version);

/* Takes a slot and a notifier as far as they can be had. */
int subscriber_register(struct stele_subscriber *subscriber);
void subscriber_unregister(struct stele_subscriber *subscriber);

/* Looks, once a second at most, whether it is registered in the file that is the region's, and
 * registers again if not; and whether its data file is still the region's. 0, or an error of
 * subscriber_move() but -ENOENT. */
int subscriber_look(struct stele_subscriber *subscriber, int64_t now);

/* The head word as it stands now in the file that is mapped. */
static inline uint64_t subscriber_head(const struct stele_subscriber *subscriber)
{
	return load_acquire(&subscriber->region->header->head);
}

/* Moves to the file that is the region's now. 0: it did, or there is no other yet, and what is
 * mapped goes on being the region. Errors, with a sentence: -ENOENT (the region was removed),
 * -ESTALE (another region has its name), and those of region_open(). */
int subscriber_move(struct stele_subscriber *subscriber);

/* The newest version, for who reads: moves first where the file was replaced. What can't be moved
 * to is no error, as what is mapped can still be read. */
uint64_t subscriber_newest_moved(struct stele_subscriber *subscriber);

static inline uint64_t subscriber_newest(struct stele_subscriber *subscriber)
{
	uint64_t head = subscriber_head(subscriber);

	return head_state(head) == HEAD_CURRENT ? head_version(head)
	                                        : subscriber_newest_moved(subscriber);
}

/* Judges what was read through a snapshot; 0, or a sentence. */
int snapshot_judge(const struct stele_snapshot *snapshot);

/* The same for what may be judged at a glance: true if all was whole. */
static inline bool snapshot_is_whole(const struct stele_snapshot *snapshot)
{
	return region_recheck_fast(snapshot->region, snapshot->version);
}

/* What a walk over a snapshot returned, judged: `r` where it was whole. A walk that failed because
 * memory was reused under it is -ESTALE, not damage. */
int snapshot_judged(const struct stele_snapshot *snapshot, int r);

static inline int snapshot_result(const struct stele_snapshot *snapshot, int r)
{
	return r >= 0 && snapshot_is_whole(snapshot) ? r : snapshot_judged(snapshot, r);
}

/* Looks at all of a region that was opened, of this name, again with a pin where its publisher is too
 * fast. 0, or an error with a sentence. */
struct survey;
struct survey_options;
int subscriber_survey(const char *name, struct region *region, struct survey_options *options,
                      struct survey *ret);

/* What struct stele_table's words hold. */
struct table_words {
	struct row_layout shape;
	ref_t root, schema;
	uint64_t rows, version;
};

static_assert(sizeof(struct table_words) <= sizeof(((struct stele_table *)0)->words_), "layout");

static inline const struct table_words *table_words(const struct stele_table *table)
{
	return (const struct table_words *)(const void *)table->words_;
}

/* A table of a snapshot for lib/trie/reading.h. */
struct reading;
void table_reading(const struct stele_table *table, struct reading *ret);

/* The sentence for a key that a table does not take. */
int refuse_key(const struct view *view, ref_t schema, const void *key, unsigned bits);
/* The sentence for a table that is not what a service was built with. */
int refuse_schema(const char *table, const struct stele_schema *is,
                  const struct stele_schema *expected);

#endif
