/* SPDX-License-Identifier: MIT
 * What the files of the publisher share.
 *
 *   attach*.c      the three files: opened, made, locked    mutex.c   the region's lock
 *   publisher.c    open, close, statistics                  shared.c  others that publish as well
 *   transaction.c  begin, abort, commit
 *   table.c        the tables of a transaction: create, drop, put, delete, get, replace
 *   put_many.c     many rows at once: sort.c puts them in order, build.c makes a trie of them
 *   tables.c       what is remembered of tables, by their names
 *   finish.c       the end of a transaction, as far as tables are concerned
 *   rollback.c     making the tables of a transaction those of an older version
 *   condition.c    changes that are made only at a given version
 *   edit.c node.c  changing tries          arena.c    the allocator
 *   reclaim.c      when memory is free      pins.c     which versions subscribers pin
 *   recover.c      what is in use, after an attach
 *   fanout.c       notices                  peers.c    which slots are looked at for them
 *   notify.c       who sends them: the commit, or a thread
 *   reap.c         cleaning up after dead subscribers (uuids.c: a set of uuids)
 *   durable.c      what a power cut leaves
 *   generation.c   a new file for the region     load.c    one from a saved file
 *   delta.c        reading a transaction before its commit
 *   remove.c       removing a region        clean.c    what dead processes left of one
 */
#ifndef PUBLISHER_PUBLISHER_H
#define PUBLISHER_PUBLISHER_H

#include <stele/publisher.h>
#include <stele/subscriber.h>
#include "lib/base/fork.h"
#include "publisher/memory/arena.h"
#include "publisher/trie/edit.h"
#include "publisher/memory/durable.h"
#include "publisher/notices/fanout.h"
#include "publisher/notices/notify.h"
#include "lib/trie/catalog.h"
#include "lib/region/region.h"
#include "lib/region/slots.h"
#include "publisher/memory/reclaim.h"

/* The process-shared parts of an attachment: what attach.c gets hold of. */
struct attachment {
	struct region region;
	struct fork_fd data_lock; /* another descriptor of the data file, which holds its lock */
	struct fork_fd publisher_lock; /* of the publisher file */
	struct mapping publisher_mapping;
	struct layout_publisher_file *publisher_file;
	struct slots slots;
	bool slots_open;
	bool shared;             /* others may be attached too */
	bool joined;             /* and were already: this attach made nothing */
	bool incompatible;       /* with those: -EPROTONOSUPPORT, unless they go away in time */
	bool created;            /* the region was made by this attach */
	struct region *contents; /* what it is filled with then; NULL: nothing */
	char note[512];          /* in place of what; empty: of nothing */
	bool made_publisher_file, made_subscribers_file; /* and these */
	int64_t lock_timeout;                            /* nanoseconds to wait for the mutex */
	uint64_t deaths; /* times that the mutex's holder was found dead */
};

/* Attaches as the one publisher of a region: all of its files open, locked, and of one uuid. With a
 * sentence. */
/* A region that this makes is filled with `contents`, if that is not NULL, before it has its name. */
int attach(const struct region_paths *names, const struct stele_publisher_options *options,
           struct region *contents, struct attachment *ret);
void attachment_close(struct attachment *attachment);
/* The end of an attach: lets those in that share the region. */
int attach_let_others_in(struct attachment *attachment);
/* Opens the region's data file anew, where another publisher replaced it. */
int attach_next_generation(struct attachment *attachment, bool guarded);
/* True if no other publisher is attached, and none can be until this one is closed. */
bool attach_is_last(struct attachment *attachment);
/* -EBUSY, with a sentence that says which process is attached. */
int attach_busy(const struct region_paths *names);
/* Opens the subscribers file, made anew if it is lost. */
int attach_slots(struct attachment *attachment, bool guarded);
/* For the middle of a life: whether it was lost; and a new one, then. */
bool attach_slots_lost(const struct attachment *attachment);
void attach_slots_again(struct attachment *attachment, bool guarded);

/* Makes the contents of a publisher file but for the uuid: a mutex that nobody holds. */
int mutex_file_init(struct layout_publisher_file *file);

/* The region's lock, from begin to commit or abort. 0; -EBUSY; with a sentence. After 1 its holder
 * had died. */
int mutex_lock(struct attachment *attachment);
void mutex_unlock(struct attachment *attachment);

enum { TABLE_CLOSED = 0, TABLE_ABSENT, TABLE_PRESENT };

/* A table in a transaction. Kept from one transaction to the next, as its schema seldom changes;
 * _CLOSED until the transaction asks for it. */
struct stele_writable {
	struct stele_writable *next;        /* with the same hash */
	struct stele_writable *next_opened; /* by the transaction */
	struct stele_publisher *publisher;
	int status;
	char name[STELE_NAME_MAX + 1];
	uint64_t hash; /* paths_table_hash() */
	struct stele_schema *schema;
	struct row_layout shape;
	bool plain;                /* values need not be normalised */
	bool value_any;            /* values are judged by their size alone */
	bool key_plain;            /* keys are judged by their length alone */
	unsigned char *normalized; /* room for a value if not */
	size_t normalized_room;
	uint64_t id;
	ref_t schema_ref, root;
	uint64_t rows;

	/* What the last version has under this name; known without a look as long as `known` is
	 * the number in struct tables. */
	bool was;
	struct catalog_table base;
	uint64_t known;

	/* What the transaction did: exact unless `uncertain`, which a change that touches a row
	 * twice makes it. */
	uint64_t added, changed, removed;
	bool uncertain;
	bool remade; /* created, or dropped, in this transaction */

	/* A replacement: a bit for each unit of the arena, set where a row was put. */
	uint64_t *marks;
	size_t mark_words;
	uint64_t marked; /* rows put */

	size_t plan; /* rollback.c: the place of its plan, if it has one */
};

/* Whether a table that is there at a transaction's end is written into the catalog: also where its
 * tree is new but holds what it held, so that nothing of it is lost. */
static inline bool table_is_new(const struct stele_writable *table)
{
	return table->remade || !table->was || table->root != table->base.root;
}

#define TABLES_BUCKETS 256u

struct tables {
	struct stele_writable *buckets[TABLES_BUCKETS];
	struct stele_writable *recent; /* the one that was asked for last, or NULL */
	size_t count;
	struct stele_writable *opened; /* by the transaction: those that are not _CLOSED */
	uint64_t
		known; /* one more whenever somebody else may have committed, or references changed */
};

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
	struct notice notice; /* of the transaction that is being committed */
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
	struct tables tables;
	int64_t looked_at; /* clock_coarse(), when the files were last looked at */
	uint64_t commits;
	int before_fd;          /* the file of the generation before; -1: none */
	uint64_t compacted_at;  /* time of day of the last try */
	char growth_error[512]; /* why the last new generation could not be made; "": it could */
	/* Shared publishing: what this publisher left at its last transaction's end. */
	uint64_t left_head, left_reclaimed;
	bool broken; /* a write to the disk failed; nothing more is promised, so nothing is committed */
};

/* Versions that may pass history before memory is reclaimed again: one scan serves several
 * commits. */
#define RECLAIM_BATCH 16u

static inline uint64_t publisher_head(const struct stele_publisher *publisher)
{
	return head_version(load_relaxed(&publisher->attachment.region.header->head));
}

/* Makes the parts of a publisher point at each other, after one of them was made anew, and takes
 * nothing that is remembered of tables for known any more. */
void publisher_wire(struct stele_publisher *publisher);

/* Makes a data file longer, for the arena: the bytes and the guard after them are reserved before
 * arena_end says so. 0 or a negative errno, without a sentence. */
int region_grow(struct region *region, uint64_t end);

/* An arena for what a data file has, with nothing in it. 0 or -ENOMEM. */
int region_arena(const struct region *region, struct arena *ret);

/* Copies what the versions of another region reach into one that is new, and whose arena has nothing in
 * it. Errors as of copy_versions(). */
int region_fill(struct region *region, struct arena *arena, const struct region *from,
                const struct view *view);

/* -ECHILD with a sentence in a child made by fork(). */
static inline int publisher_check(const struct stele_publisher *publisher)
{
	return fork_check(publisher->forks, "publisher");
}

/* Finds out what others did since this publisher's last transaction, where they may. The mutex is
 * held. */
int publisher_catch_up(struct stele_publisher *publisher);
/* Remembers how this publisher leaves the region. */
void publisher_leave(struct stele_publisher *publisher);

/* stele_publisher_open(), with contents for the region that it makes. */
int publisher_open(const char *region, const struct stele_publisher_options *options,
                   struct region *contents, struct stele_publisher **ret);

/* Builds the private state of a publisher from what is in its region; with the mutex. And says in the
 * region that this publisher is the one. */
int publisher_start(struct stele_publisher *publisher);
void publisher_announce(struct stele_publisher *publisher);

/* Gives up the versions beyond what history has to hold, which reclaim leaves for a while. */
void publisher_trim(struct stele_publisher *publisher);

/* Takes the region's lock, and looks whether its files are still what was attached; closely once a
 * second at most. 0, or -EBUSY, -EBADMSG, -EIO (an earlier write to the disk failed), and what a new file in place of one
 * that lost its name may fail with. */
int publisher_lock(struct stele_publisher *publisher);

/* Finds room in the arena by giving up history beyond two versions, and then pins. For struct
 * edit. */
bool publisher_make_room(void *publisher);

/* table.c, for rollback.c: the table of this name, whether there is one or not, with what the last
 * version has of it; its schema, which it takes over; and what is said where memory (or, by `r`,
 * room or anything else) lacks. */
int table_find(struct stele_transaction *tx, const char *name, struct stele_writable **ret);
void table_set_schema(struct stele_writable *table, struct stele_schema *schema);
int table_no_memory(const char *table);
int table_no_room(const struct stele_publisher *publisher, int r, const char *table);

/* Whether a row may be put into a table: 0, or -EINVAL with a sentence. */
int table_check_row(const struct stele_writable *table, const struct stele_row_ref *row);
/* Makes of a value what is stored of it, in the table's own room where that is another. 0 or -ENOMEM
 * with a sentence. */
int table_normalize(struct stele_writable *table, const void **value, size_t size);

/* tables.c: what is remembered under a name, which is not longer than it may be, or NULL; and a new
 * one, _CLOSED, or NULL where there is no memory. */
struct stele_writable *tables_find(struct stele_publisher *publisher, const char *name);
struct stele_writable *tables_add(struct stele_publisher *publisher, const char *name);
/* The end of a transaction: no table is open after it, and what was _ABSENT is forgotten. After a
 * commit what the tables became is first taken for what the last version has. */
void tables_close(struct stele_publisher *publisher);
void tables_committed(struct stele_publisher *publisher);
void tables_free(struct stele_publisher *publisher);

/* finish.c, for transaction.c */
int tables_commit(struct stele_transaction *tx, bool *ret_changed);
void tables_abort(struct stele_transaction *tx);

#endif
