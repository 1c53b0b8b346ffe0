/* SPDX-License-Identifier: MIT
 *
 * The layout of a region's three files: every struct that lies in shared memory, and nothing else.
 * docs/stele-region.5 says the same in prose. Integers have fixed width and the machine's byte
 * order (the mark says which); references are offsets, never pointers. A change here is a new
 * LAYOUT_VERSION; but magic, layout_version, byte_order and head stay where they are in every layout, so that a
 * publisher of another one can tell what it replaces, and mark it so.
 *
 * The data file, written by the publisher only:
 *
 *     header | durable records | commit ring | kept versions | arena ................ | guard
 *            512               4096                                                 arena_end     end of file
 *
 * An OBJECT in the arena starts at a multiple of 8 bytes, and a REFERENCE to it is its offset in
 * the file divided by 8, 32 bits wide; 0 is none. Its first word says what it is and which version
 * made it:
 *
 *     bit 63       1: a node of a trie; 0: a row or a blob
 *     bits 0..62   the version that made it
 *
 * A ROW of a table:
 *
 *     0            first word
 *     8            fixed tables: the value             variable tables: u32 size of the value, u32 zero,
 *                                                      and the value at 16
 *     then         the key's length in bits: one byte where no key of the table has more than 255, else two
 *                  bytes, high first; then the key's bytes
 *
 * A NODE covers all keys that share the bytes up to it, and branches by the next byte:
 *
 *     0            first word
 *     8            info: bits 0..23   how many children there are (see below)
 *                        bits 24..31, 32..39, 40..47   prefixes before the words 1, 2, 3 of their bitmap
 *                        bits 48..57   bytes skipped (path compression)
 *                        bit 58   it has a bitmap of prefixes    bit 59   a key ends at the node (only
 *                        without that bitmap)
 *                        bits 60..61   the form of what comes after the skipped bytes
 *     16           the skipped bytes, up to a multiple of 8
 *     then         which children there are:
 *                        form 0, any number     u64[4] bitmap: bit b is for the next byte b. In info, bits
 *                                               0..7, 8..15, 16..23: children before its words 1, 2, 3
 *                        form 1, 16 at most     their next bytes, rising, and zeros up to a multiple of 8. In
 *                                               info, bits 0..7: how many
 *                        form 2, most of 256    nothing. In info, bits 0..7: how many, less 1
 *     then         u64[4] bitmap of prefixes, in a prefix table: bit (1 << n | p) is for the key that ends
 *                  after n more bits (0 to 7), which are p (a complete binary tree, bit 1 its root)
 *     then         u32 references: the children's in order (form 2: 256 of them, 0 where there is none), then
 *                  those of the prefixes' rows, in order of their bits, or of the one row that ends here
 *
 * A child is a node, or the row of the only key that goes there. A BLOB: first word, u64 size,
 * bytes.
 *
 * The CATALOG is the root of a version: a trie of rows of fixed size, with the key a table's name and
 * the value a struct layout_table.
 */
#ifndef LIB_LAYOUT_H
#define LIB_LAYOUT_H

#include <assert.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define LAYOUT_VERSION           3u
#define LAYOUT_BYTE_ORDER        0x01020304u
#define LAYOUT_MAGIC_DATA        UINT64_C(0x0a1a0d454c455453) /* "STELE\r\x1a\n" */
#define LAYOUT_MAGIC_PUBLISHER   UINT64_C(0x0a1a0d504c455453) /* "STELP\r\x1a\n" */
#define LAYOUT_MAGIC_SUBSCRIBERS UINT64_C(0x0a1a0d534c455453) /* "STELS\r\x1a\n" */

#define LAYOUT_UNIT 8u    /* bytes that a reference counts in */
#define LAYOUT_PAGE 4096u /* what the arena grows in */
#define LAYOUT_GUARD \
	4096u /* file bytes past arena_end: no node that starts before it ends after them */
#define LAYOUT_NODE        (UINT64_C(1) << 63) /* in an object's first word */
#define LAYOUT_MAXIMUM     (UINT64_C(1) << 35) /* bytes that references reach */
#define LAYOUT_SLOT_TABLES 8u                  /* tables that a slot can name */
#define LAYOUT_PINS        8u                  /* versions that one slot can pin */
#define LAYOUT_SLOTS_MAX   4096u
#define LAYOUT_CLAIMS      32u /* claims of slots that are announced one by one */
#define LAYOUT_CLAIM(n, index) \
	((uint32_t)((n) + 1) << 12 | (uint32_t)(index)) /* never 0 for the first */

/* No file of this layout has more than these: a reader's walks are bounded by them, whatever a header
 * says. */
#define LAYOUT_HISTORY_MAX 65536u
#define LAYOUT_RING_MAX    131072u /* entries: a power of two above the longest history */
#define LAYOUT_KEPT_MAX    1024u   /* entries */
#define LAYOUT_ARENA_OFFSET_MAX \
	(LAYOUT_PAGE + LAYOUT_RING_MAX * sizeof(struct layout_commit) + \
	 LAYOUT_KEPT_MAX * sizeof(struct layout_kept))

/* ---- the head word ---- */

/* The version is in bits 2 to 63 of the head word, the state of the file in bits 0 and 1. A futex waits on
 * the low half of the word, so each change of the state changes what is waited on: a subscriber that has
 * seen one state can't block after the next. The order is in publisher/generation.h. */
enum head_state {
	HEAD_CURRENT = 0,   /* this file is the region */
	HEAD_REPLACING = 1, /* this file is the region as long as it has the region's name */
	HEAD_REPLACED = 2,  /* the name is another file's, or removed */
};

#define HEAD_VERSION_MAX (UINT64_MAX >> 2)

static inline uint64_t head_make(uint64_t version, enum head_state state)
{
	return version << 2 | state;
}

static inline uint64_t head_version(uint64_t head)
{
	return head >> 2;
}

static inline enum head_state head_state(uint64_t head)
{
	return (enum head_state)(head & 3);
}

/* ---- the data file ---- */

/* Who publishes: for people. What proves an attachment is the lock on the publisher file. */
struct layout_publisher {
	uint8_t uuid[16]; /* of this attachment */
	uint32_t pid;
	uint32_t ipc_namespace; /* inode of the namespace that its queues are in; 0: not known */
	char command[16];
	uint64_t attached; /* nanoseconds since 1970 */
	uint64_t detached; /* the same; 0: not closed (attached, or died) */
};

struct layout_header {
	/* Fixed when the file is made, and covered by the checksum. */
	uint64_t magic;
	uint32_t layout_version;
	uint32_t byte_order;
	uint8_t uuid[16];      /* of the region, in all three files */
	uint64_t limit_size;   /* bytes that no generation's maximum_size is above */
	uint32_t durability;   /* LAYOUT_DURABLE_... */
	uint32_t memory;       /* LAYOUT_MEMORY_...: what the rest is in */
	uint64_t generation;   /* 1, and one more with each file that replaced the one before */
	uint64_t created;      /* nanoseconds since 1970 */
	uint64_t maximum_size; /* bytes; what subscribers map */
	uint64_t ring_offset;  /* of struct layout_commit[ring_entries]; not in the first page */
	uint64_t kept_offset;  /* of struct layout_kept[kept_entries]; likewise */
	uint64_t arena_offset; /* multiple of LAYOUT_PAGE; at most LAYOUT_ARENA_OFFSET_MAX */
	uint32_t ring_entries; /* a power of two; at most LAYOUT_RING_MAX */
	uint32_t kept_entries; /* at most LAYOUT_KEPT_MAX */
	uint32_t history;      /* versions to keep at least: 2 to LAYOUT_HISTORY_MAX */
	uint32_t mode;         /* permission bits that were asked for */
	char name[64];
	uint64_t history_bytes;     /* that history may take, down to two versions; 0: any number */
	int32_t segment;            /* LAYOUT_MEMORY_SYSV: its shmid */
	uint32_t segment_namespace; /* inode of the IPC namespace that it is in; 0: not known */
	uint8_t unused[48];
	uint64_t contents; /* of a saved file: checksum of the bytes from head on; 0: none */
	uint64_t checksum; /* FNV-1a of the bytes before it */

	/* Changing. Stored by the publisher; what each store promises is said where it is done. */
	uint64_t head;       /* newest version, and whether this file is the region: head_make() */
	uint64_t arena_end;  /* bytes from the file's start: no object starts at or past it */
	uint8_t boot_id[16]; /* of the boot that the changing part is of */
	uint8_t unused_head[32];
	uint64_t oldest;    /* lowest version that may still be pinned; never above head */
	uint64_t reclaimed; /* no version below it is whole unless it is kept */
	uint64_t kept_used; /* entries of kept at and past this index are empty */
	uint8_t unused_oldest[40];
	struct layout_publisher publisher;
	uint8_t unused_publisher[64];
};

/* What a region is after a power cut: two records, written in turn, each in a sector of its own
 * (512 bytes) of the file's first page. The valid one with the highest sequence counts. */
#define LAYOUT_DURABLE_OFFSET(sequence) (512u + ((sequence)&1u) * 512u)
struct layout_durable {
	uint64_t sequence; /* 0: none */
	uint64_t version;
	uint64_t oldest; /* no version below it is whole on the disk */
	uint64_t arena_end;
	uint64_t checksum; /* FNV-1a of the bytes before it and the region's uuid */
};

/* The commit of `version`, at index version % ring_entries. */
struct layout_commit {
	uint64_t version;
	uint64_t time;    /* nanoseconds since 1970 */
	uint32_t catalog; /* reference: root of the trie of tables, 0: no tables */
	uint32_t record;  /* reference: blob of a struct layout_record */
	uint64_t unused;
};

/* What is told about a commit. The per-table entries follow `message_size` bytes of message, which
 * are padded to a multiple of 8. */
struct layout_record {
	uint8_t publisher[16];
	uint32_t pid;
	char command[16];
	uint32_t message_size;
	uint32_t tables;
	uint32_t unused;
	uint64_t added, changed, removed;
};

struct layout_record_table {
	uint64_t added, changed, removed;
	char name[64];
};

/* A version below `reclaimed` that is still whole because somebody pins it. Root before version. */
struct layout_kept {
	uint64_t version; /* 0: empty */
	uint32_t catalog;
	uint32_t record;
};

/* A table: the value of its row in the catalog. That row's version is the one that last changed
 * it. */
struct layout_table {
	uint64_t rows;
	uint64_t id;   /* the version that created it: tells a table from a later one of its name */
	uint32_t root; /* reference: node, or the only row; 0: empty */
	uint32_t schema; /* reference: blob (lib/schema/schema_store.h) */
};

/* ---- the publisher file ---- */

struct layout_publisher_file {
	uint64_t magic;
	uint32_t layout_version;
	uint32_t byte_order;
	uint8_t uuid[16];
	uint8_t boot_id[16];
	/* What laid out the mutex (lib/base/abi.h), which no process of another kind may touch. */
	uint32_t word_size;  /* bytes of a pointer */
	uint32_t mutex_size; /* bytes of the mutex */
	uint32_t lock_word; /* where in it the word is that the kernel knows (set_robust_list(2)) */
	uint8_t unused[4];
	pthread_mutex_t mutex; /* robust, process-shared: held from begin to commit or abort */
};

/* The file that is to take the place of another (lib/storage/replace.h), at LAYOUT_REPLACEMENT_OFFSET. */
#define LAYOUT_REPLACEMENT_OFFSET 192u
struct layout_replacement {
	uint64_t
		number; /* its name is that of the data file and ".new-", and this in 16 hexadecimal
	                     digits; 0: none was made yet */
	uint8_t uuid[16]; /* of the region in its header */
};

/* What became of the notices to the subscriber of a slot: at LAYOUT_NOTICES_OFFSET, by the number of the
 * slot, as far as the file goes. Only publishers write it, so it is true of the subscriber of this uuid,
 * and says nothing of another that has the slot by now. */
#define LAYOUT_NOTICES_OFFSET 256u
struct layout_notices {
	uint8_t uuid[16];
	uint64_t sent;
	uint64_t coalesced; /* one that was sent before had not been taken yet */
	uint64_t dropped;   /* it could not be told in its own way, and finds out by looking */
	uint64_t unused;
};

/* ---- the subscribers file: whoever may read the region may write anything here ---- */

struct layout_subscribers_header {
	uint64_t magic;
	uint32_t layout_version;
	uint32_t byte_order;
	uint8_t uuid[16];
	/* Hints: whoever may read the region may write anything here. */
	uint64_t slots_used; /* no slot at or past this index was ever taken */
	uint64_t claims;     /* slots that were claimed so far */
	uint64_t freed;      /* slots that were freed so far */
	uint32_t claimed
		[LAYOUT_CLAIMS]; /* claim n, counted from 0, at n % LAYOUT_CLAIMS: the slot's index in
	                                    the low 12 bits, the low bits of n + 1 above them */
	uint8_t unused[72];
};

enum { LAYOUT_DURABLE_NONE = 0, LAYOUT_DURABLE_COMMIT = 1 };
/* The data file; or a System V segment of maximum_size bytes, and the data file is one page with the
 * fixed part of the same header. */
enum { LAYOUT_MEMORY_FILE = 0, LAYOUT_MEMORY_SYSV = 1 };
enum { LAYOUT_SLOT_FREE = 0, LAYOUT_SLOT_TAKEN = 1 };
enum {
	LAYOUT_NOTIFIER_NONE = 0,
	LAYOUT_NOTIFIER_MQ = 1,
	LAYOUT_NOTIFIER_FUTEX = 2,
	LAYOUT_NOTIFIER_SOCKET = 3,
	LAYOUT_NOTIFIER_FIFO = 4,
	LAYOUT_NOTIFIER_SIGNAL = 5,
	LAYOUT_NOTIFIER_SEMAPHORE = 6,
	LAYOUT_NOTIFIER_SYSV = 7,
};

struct layout_slot {
	uint32_t state;
	uint32_t notifier;
	uint8_t uuid[16]; /* of the subscriber; its queue's name is derived from it */
	uint32_t pid;     /* as it sees itself; for people */
	uint32_t tables;  /* how many of the hashes below count; 0: it is told of every commit */
	char command[16];
	uint64_t attached; /* nanoseconds since 1970 */
	uint8_t unused_who[8];

	uint64_t ticket;  /* odd: armed. Only rises, whoever owns the slot */
	uint64_t seen;    /* the version it last found */
	uint64_t applied; /* the version it reports as applied */
	uint64_t semaphore
		[4]; /* what the publisher sets and the subscriber clears, and nothing else in
	                          a slot is written by it. The first 32 bits: the count, for the
	                          notifier of that name; whether a message is under way (sysv) */
	uint8_t unused_ticket[8];

	uint64_t pins[LAYOUT_PINS];                /* versions asked for; 0: none */
	uint64_t table_hashes[LAYOUT_SLOT_TABLES]; /* of the names of the tables it wants to be told
	                                              of (paths_table_hash) */
};

/* stele-region(5) gives these offsets and sizes to the world. */
#define AT(type, member, offset) \
	static_assert(offsetof(struct type, member) == (offset), #type "." #member " moved")
#define SIZE(type, size) static_assert(sizeof(struct type) == (size), #type " changed its size")

AT(layout_publisher, pid, 16);
AT(layout_publisher, ipc_namespace, 20);
AT(layout_publisher, command, 24);
AT(layout_publisher, attached, 40);
AT(layout_publisher, detached, 48);
SIZE(layout_publisher, 56);

AT(layout_header, magic, 0);
AT(layout_header, layout_version, 8);
AT(layout_header, byte_order, 12);
AT(layout_header, uuid, 16);
AT(layout_header, limit_size, 32);
AT(layout_header, durability, 40);
AT(layout_header, memory, 44);
AT(layout_header, generation, 48);
AT(layout_header, created, 56);
AT(layout_header, maximum_size, 64);
AT(layout_header, ring_offset, 72);
AT(layout_header, kept_offset, 80);
AT(layout_header, arena_offset, 88);
AT(layout_header, ring_entries, 96);
AT(layout_header, kept_entries, 100);
AT(layout_header, history, 104);
AT(layout_header, mode, 108);
AT(layout_header, name, 112);
AT(layout_header, history_bytes, 176);
AT(layout_header, segment, 184);
AT(layout_header, segment_namespace, 188);
AT(layout_header, checksum, 248);
AT(layout_header, head, 256);
AT(layout_header, arena_end, 264);
AT(layout_header, boot_id, 272);
AT(layout_header, oldest, 320);
AT(layout_header, reclaimed, 328);
AT(layout_header, kept_used, 336);
AT(layout_header, publisher, 384);
SIZE(layout_header, 504);

static_assert(sizeof(struct layout_header) <= 512, "the header has a sector of its own");

AT(layout_durable, version, 8);
AT(layout_durable, oldest, 16);
AT(layout_durable, arena_end, 24);
AT(layout_durable, checksum, 32);
SIZE(layout_durable, 40);

AT(layout_commit, time, 8);
AT(layout_commit, catalog, 16);
AT(layout_commit, record, 20);
SIZE(layout_commit, 32);

AT(layout_record, pid, 16);
AT(layout_record, command, 20);
AT(layout_record, message_size, 36);
AT(layout_record, tables, 40);
AT(layout_record, added, 48);
AT(layout_record, changed, 56);
AT(layout_record, removed, 64);
SIZE(layout_record, 72);

AT(layout_record_table, name, 24);
SIZE(layout_record_table, 88);

AT(layout_kept, version, 0);
AT(layout_kept, catalog, 8);
AT(layout_kept, record, 12);
SIZE(layout_kept, 16);

static_assert(LAYOUT_ARENA_OFFSET_MAX % LAYOUT_PAGE == 0, "the arena may start there");

AT(layout_table, rows, 0);
AT(layout_table, id, 8);
AT(layout_table, root, 16);
AT(layout_table, schema, 20);
SIZE(layout_table, 24);

AT(layout_publisher_file, layout_version, 8);
AT(layout_publisher_file, uuid, 16);
AT(layout_publisher_file, boot_id, 32);
AT(layout_publisher_file, word_size, 48);
AT(layout_publisher_file, mutex_size, 52);
AT(layout_publisher_file, lock_word, 56);
AT(layout_publisher_file, mutex, 64);

static_assert(sizeof(struct layout_publisher_file) <= LAYOUT_REPLACEMENT_OFFSET,
              "the replacement comes after it");
AT(layout_replacement, uuid, 8);
SIZE(layout_replacement, 24);

static_assert(LAYOUT_REPLACEMENT_OFFSET + sizeof(struct layout_replacement) <=
                      LAYOUT_NOTICES_OFFSET,
              "the notices come after it");
AT(layout_notices, sent, 16);
AT(layout_notices, coalesced, 24);
AT(layout_notices, dropped, 32);
SIZE(layout_notices, 48);

AT(layout_subscribers_header, layout_version, 8);
AT(layout_subscribers_header, byte_order, 12);
AT(layout_subscribers_header, uuid, 16);
AT(layout_subscribers_header, slots_used, 32);
AT(layout_subscribers_header, claims, 40);
AT(layout_subscribers_header, freed, 48);
AT(layout_subscribers_header, claimed, 56);
static_assert(LAYOUT_SLOTS_MAX <= 1u << 12, "a claim has 12 bits for the index");
SIZE(layout_subscribers_header, 256);

AT(layout_slot, state, 0);
AT(layout_slot, notifier, 4);
AT(layout_slot, uuid, 8);
AT(layout_slot, pid, 24);
AT(layout_slot, tables, 28);
AT(layout_slot, command, 32);
AT(layout_slot, attached, 48);
AT(layout_slot, ticket, 64);
AT(layout_slot, seen, 72);
AT(layout_slot, applied, 80);
AT(layout_slot, semaphore, 88);
AT(layout_slot, pins, 128);
AT(layout_slot, table_hashes, 192);
SIZE(layout_slot, 256);

#undef AT
#undef SIZE

#endif
