/* SPDX-License-Identifier: MIT
 *
 * The private state of a publisher: the structs of an open publisher and of its transaction, and
 * the functions that build this state from a region and connect its parts. publisher/ and
 * publisher/tables use the structs and the inline functions; only publisher/ calls the other
 * functions.
 */
#ifndef PUBLISHER_STATE_STATE_H
#define PUBLISHER_STATE_STATE_H

#include <stele/publisher.h>
#include "lib/base/atomic.h"
#include "lib/base/fork.h"
#include "lib/region/region.h"
#include "publisher/attach/attach.h"
#include "publisher/memory/durable.h"
#include "publisher/memory/reclaim.h"
#include "publisher/notices/notify.h"
#include "publisher/state/tables.h"
#include "publisher/trie/object.h"

struct stele_transaction {
	struct stele_publisher *publisher;
	ref_t catalog;     /* root of the catalog as the commit will make it */
	ref_t record;      /* blob that describes the commit; 0 until the commit writes it */
	ref_t last_record; /* record of the previous version; 0: there is none */
	int cancel_state;  /* of the thread before the transaction (pthread_setcancelstate()) */
};

/* Why a publisher can't go on. */
enum publisher_broken {
	/* A write to the disk failed, so the contents of the disk are unknown. */
	BROKEN_DISK = 1,
	/* The region could not be moved to a new file, nor could its own file be mapped again. The
	 * mapping is that of a file without a name. */
	BROKEN_MAPPING,
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
	uint64_t pinned_bytes; /* the option; 0: half of the region's maximum size */
	bool in_transaction;
	bool guarded;      /* files are mapped with the SIGBUS handler (lib/storage/guard.h) */
	unsigned forks;    /* fork_count() at the open */
	uint8_t uuid[16];  /* of this attachment */
	uint32_t pid;      /* of the process, at the open */
	uint64_t attached; /* nanoseconds since 1970 */
	char command[16];  /* of the process */
	uint32_t user;     /* paths_user() */
	int (*grow)(void *publisher, uint64_t end); /* the grow callback of the arena */
	struct tables tables;
	int64_t checked_at;     /* clock_coarse() of the last check of names and memory (lock.c) */
	uint64_t commits;       /* since the open */
	int before_fd;          /* the data file of the previous generation; -1: none */
	uint64_t compacted_at;  /* time of day when a compaction was last tried */
	char note[512];         /* says that the open replaced an unusable region; "": it did not */
	char growth_error[512]; /* why the last growth to a new file failed; "": it did not */
	/* The words head and reclaimed as this publisher left them at the end of its last
	 * transaction. Another value means that another publisher has written since. */
	uint64_t left_head, left_reclaimed;
	/* Unless 0, publisher_lock() refuses every transaction, and says why. */
	enum publisher_broken broken;
};

/* Returns the newest version. */
static inline uint64_t publisher_head(const struct stele_publisher *publisher)
{
	return head_version(load_relaxed(&publisher->attachment.region.header->head));
}

/* Returns 0, or -ECHILD in a child made by fork(). */
static inline int publisher_check(const struct stele_publisher *publisher)
{
	return fork_check(publisher->forks, "publisher");
}

/* Sets the pointers between the parts of a publisher, after one of the parts was rebuilt.
 * Invalidates the base versions of the remembered tables. */
void state_wire(struct stele_publisher *publisher);

/* Builds the private state of a publisher from its region. The caller holds the mutex. Returns 0,
 * -ENOMEM, -EBADMSG, or an error of durable_start(). */
int state_start(struct stele_publisher *publisher);

/* Records this publisher in the region's header, for other publishers, for subscribers, which may
 * have to choose another notifier, and for monitoring. `first`: no other publisher is attached. */
void state_announce(struct stele_publisher *publisher, bool first);

/* Sets the maximum of bytes that pins may keep: the option, or half of the region's maximum
 * size. */
void state_limit_pins(struct stele_publisher *publisher);

/* Reclaims all versions that history does not have to hold. A commit reclaims only once for
 * several versions (RECLAIM_BATCH). */
void state_trim(struct stele_publisher *publisher);

/* Remembers the words head and reclaimed at the end of a transaction, for shared_catch_up(). */
void state_leave(struct stele_publisher *publisher);

/* Notifies the armed subscribers of the newest version, whatever tables they named, except those
 * whose tickets this publisher has served already. Called where a publisher may have died after a
 * commit, before it had sent its notices. */
void state_notify_all(struct stele_publisher *publisher);

/* Sets the error message for a commit that has no memory, or could not allocate `what` in the
 * region. Returns `r`, the error of the allocation. */
int state_space_error(const struct stele_publisher *publisher, int r, const char *what);

#endif
