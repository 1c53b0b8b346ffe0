/* SPDX-License-Identifier: MIT
 *
 * The structs behind the handles of subscribers and snapshots, for subscriber/ and its folders.
 * Each .c file declares its functions in a header of its own.
 */
#ifndef SUBSCRIBER_STATE_H
#define SUBSCRIBER_STATE_H

#include <pthread.h>
#include <stdlib.h>
#include <stele/subscriber.h>
#include "lib/base/fork.h"
#include "lib/region/region.h"
#include "lib/region/slots.h"
#include "lib/trie/catalog.h"
#include "notifier/notifier.h"
#include "notifier/arrival.h"
#include "subscriber/named.h"

/* A table that a subscriber named in options.tables. */
struct interest_table {
	char name[STELE_NAME_MAX + 1];
	/* True if version `interest.checked` has the table. */
	bool present;
	/* The version that last changed the table, or the first one in which the subscriber found
	 * the table dropped. */
	uint64_t changed;
};

/* The tables that a subscriber waits for. */
struct interest {
	size_t count; /* 0: the subscriber waits for every version */
	struct interest_table *tables;
	uint64_t checked; /* the version in which the tables were last looked up; 0: none yet */
};

struct stele_subscriber {
	/* ---- the region ---- */

	struct region_paths names;
	struct region *region; /* the current generation; shared with snapshots opened in it */
	unsigned moves;        /* how often `region` was replaced by a newer generation */
	/* CLOCK_MONOTONIC, when subscriber_newest_moved() last found no newer file. */
	int64_t moved_at;
	bool any_owner; /* STELE_ANY_OWNER: reopen_once() accepts the region of any owner */
	/* Watches for a region to appear under the name, after this one was removed. */
	struct arrival arrival;
	bool guarded;   /* against SIGBUS, see lib/storage/guard.h */
	unsigned forks; /* fork_count() at the open */

	/* ---- registration ---- */

	bool registers;  /* tries to register; not with STELE_UNREGISTERED or a saved file */
	bool registered; /* has a slot */
	struct slots slots;
	struct layout_slot *slot;
	uint32_t slot_index;
	/* Delays the next try to register after all slots were found in use. */
	struct {
		bool full;                    /* all slots were in use at the last try */
		struct slots_vacancy vacancy; /* the state of the slots before that try */
		int64_t wait;                 /* the delay after that try, in nanoseconds */
		int64_t until;                /* CLOCK_MONOTONIC, the end of `wait` */
		/* CLOCK_MONOTONIC, when to try even if no slot was freed since `vacancy`. */
		int64_t forget;
	} backoff;
	const struct notifier *notifier; /* NULL: none, the subscriber polls */
	struct channel channel;
	struct interest interest;
	char *wanted;     /* the notifier that the options name; NULL: any */
	bool descriptor;  /* STELE_DESCRIPTOR, or the caller asked for the descriptor */
	char reason[512]; /* why there is no slot, or not the usual notifier; "" otherwise */
	char label[LAYOUT_LABEL_SIZE]; /* options.label, padded with NULs */
	/* The publisher is in an IPC namespace from which it does not reach queues of this one. */
	bool elsewhere;
	/* The publisher for which `elsewhere` was determined: its namespace, and when it attached.
	 * */
	uint32_t chosen_namespace;
	uint64_t chosen_attached;

	/* ---- waiting ---- */

	int64_t spin;        /* options.spin_ns, in nanoseconds */
	uint64_t idle_after; /* the version after which the last call waited for a newer one */
	/* CLOCK_MONOTONIC: since when the subscriber waits for a version newer than that. */
	int64_t idle_since;
	uint64_t polled_head; /* without a slot: the head word that was last waited on */
	int64_t polled_since; /* CLOCK_MONOTONIC, when `polled_head` was first seen */

	/* ---- the descriptor of stele_subscriber_fd() ---- */

	int epoll;        /* the descriptor; -1: not made yet */
	int timer;        /* a timerfd in the epoll set, for the looks at head without a notice */
	int64_t timer_at; /* CLOCK_MONOTONIC, when the timer expires */

	int64_t checked_at; /* CLOCK_MONOTONIC, the last check by registration_check_files() */
	unsigned reads;     /* counted by subscriber_count_read() */

	/* ---- snapshots ---- */

	/* The pins in the slot, by index. */
	struct {
		uint64_t version;
		unsigned users; /* open snapshots that share the pin; 0: the pin is free */
	} pins[LAYOUT_PINS];
	unsigned pins_used;               /* a bit for each pin that is not free */
	struct stele_snapshot *snapshots; /* the list of open snapshots */
	/* A closed snapshot, kept so that the next open does not use the heap, and need not load
	 * the schemas of tables that it remembers by their names. */
	struct stele_snapshot *spare;

	/* For stele_subscriber_get_copy() and _match_copy(); NULL: not used yet. */
	struct named_lives *lives;
	struct named_schema *schemas; /* that live tables expect; NULL: none */

	/* The list of snapshots that were closed, but to which other threads hold references. While
	 * it is not empty, `lock` protects it and everything above in this part
	 * (subscriber_lock()). Otherwise only the subscriber's own thread uses them, without the
	 * lock. */
	struct stele_snapshot *lent;
	pthread_mutex_t lock;
	bool lends; /* a snapshot was lent at some time, so `lock` may be in use */
	/* Closed while snapshots were lent: the last of them closes the rest. */
	bool closed;
};

struct stele_snapshot {
	struct stele_subscriber *subscriber;
	struct region *region; /* the generation in which the snapshot was opened */
	struct stele_snapshot *next, **link;
	uint64_t version;
	int pin;               /* the index of the pin in the slot; -1: not pinned */
	unsigned moves;        /* subscriber->moves when the snapshot was opened */
	unsigned references;   /* the open snapshot itself counts as one; atomic */
	ref_t catalog, record; /* of the version */
	uint64_t time;         /* of the commit; 0: not known */
	struct view view;
	uint32_t kept_hint; /* for region_keeps(); atomic, as threads may share the snapshot */
	/* Last, as stele_snapshot_open() clears everything before it. */
	struct named_tables named;
};

/* Returns the commit-ring entry of the snapshot's version, from the copy in the snapshot. The
 * publisher may have reused the entry itself since. */
static inline struct layout_commit snapshot_commit(const struct stele_snapshot *snapshot)
{
	return (struct layout_commit){.version = snapshot->version,
	                              .time = snapshot->time,
	                              .catalog = snapshot->catalog,
	                              .record = snapshot->record};
}

/* Returns 0, or -ECHILD in a child made by fork(), which may not use its parent's subscriber. */
static inline int subscriber_check(const struct stele_subscriber *subscriber)
{
	return fork_check(subscriber->forks, "subscriber");
}

/* Installs the SIGBUS handler again, if the program has since installed another one. Called before
 * every 64th read of a new version, and after every wait that blocked: the system call costs as
 * much as a read. */
static inline void subscriber_renew_handler(struct stele_subscriber *subscriber)
{
	if (subscriber->guarded)
		mapping_renew_handler();
}

static inline void subscriber_count_read(struct stele_subscriber *subscriber)
{
	if (++subscriber->reads % 64 == 0)
		subscriber_renew_handler(subscriber);
}

/* Frees the memory of a snapshot that holds nothing else any more. Accepts NULL. */
static inline void snapshot_free(struct stele_snapshot *snapshot)
{
	if (!snapshot)
		return;
	named_tables_fini(&snapshot->named);
	free(snapshot);
}

/* Locks the subscriber's snapshots and pins against other threads that release a lent snapshot.
 * Returns true if the lock was taken, for subscriber_unlock(). A child made by fork() must not take
 * the lock: another thread may have held it in the parent. */
static inline bool subscriber_lock(struct stele_subscriber *subscriber)
{
	/* Acquire: if the list is empty, everything that the other threads did is visible. */
	if (!__atomic_load_n(&subscriber->lent, __ATOMIC_ACQUIRE) ||
	    subscriber->forks != fork_count())
		return false;
	pthread_mutex_lock(&subscriber->lock);
	return true;
}

static inline void subscriber_unlock(struct stele_subscriber *subscriber, bool locked)
{
	if (locked)
		pthread_mutex_unlock(&subscriber->lock);
}

/* Loads the head word of the mapped file. */
static inline uint64_t subscriber_head(const struct stele_subscriber *subscriber)
{
	/* The contract with transaction_publish(): a reader that loads a head sees the complete
	 * ring entry of its version, and every node and row that the entry leads to. */
	return load_acquire(&subscriber->region->header->head);
}

#endif
