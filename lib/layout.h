/* SPDX-License-Identifier: MIT
 *
 * The layout of a region's three files: the data file, the publisher file and the subscribers file.
 * Declares every struct that lies in shared memory, and nothing else. stele-region(5) describes the
 * same layout in prose.
 *
 * Integers have fixed width and the machine's byte order, which the header's byte-order mark
 * records. References are offsets, never pointers. A change here needs a new feature bit
 * (lib/layout_features.h), so that LAYOUT_VERSION can stay. The members magic, layout_version,
 * byte_order and head keep their offsets in every layout: a publisher of another layout can then
 * identify the file that it replaces, and mark that file as replaced.
 *
 * UNUSED BYTES. Bytes of the header that have no meaning yet (`unused...`), those of the first page
 * after the durable records, and the reserved words of the other structs are zero. Every library
 * writes zero there, copies the bytes of the header's immutable part to the next generation, and
 * otherwise ignores them: it does not refuse a file in which they are not zero. So a later library
 * may give them a meaning, behind a feature bit where other libraries must know about it.
 *
 * The data file, which only the publisher writes:
 *
 *     header | durable records | commit ring | kept versions | arena ........ | guard
 *            512               4096                                       arena_end  end of file
 *
 * An OBJECT in the arena starts at a multiple of 8 bytes. A REFERENCE to an object is 32 bits wide:
 * the object's offset in the file divided by 8, or 0 for none. The first word of an object gives
 * its type and the version that created it:
 *
 *     bit 63       1: a trie node; 0: a row or a blob
 *     bits 0..62   the version that created the object
 *
 * A ROW of a table:
 *
 *     0       first word
 *     8       value of fixed size: the value
 *             value of variable size: u32 size of the value, u32 zero, and the value at 16; then,
 *             with LAYOUT_TERMINATED, one NUL, which the size does not count
 *     then    the key's length in bits: one byte if no key of the table can exceed 255 bits, else
 *             two bytes, high byte first; then the key's bytes; then, with LAYOUT_TERMINATED, one
 *             NUL if the last key column is text or bytes
 *
 * A NODE covers all keys that start with the bytes on the path to it, and branches on the next
 * byte:
 *
 *     0       first word
 *     8       info word: bits 0..23    number of children, depending on the form (see below)
 *                        bits 24..31, 32..39, 40..47
 *                                      prefixes before words 1, 2, 3 of the prefix bitmap
 *                        bits 48..57   number of skipped bytes (path compression)
 *                        bit 58        the node has a prefix bitmap
 *                        bit 59        one key ends at the node (only without a prefix bitmap)
 *                        bits 60..61   the form of the child index
 *     16      the skipped bytes, padded to a multiple of 8
 *     then    the child index, in one of three forms:
 *               form 0, bitmap   u64[4]: bit b stands for the next byte b. Info bits 0..7, 8..15,
 *                                16..23: number of children before words 1, 2, 3
 *               form 1, list     at most 16 next bytes in rising order, padded with zeros to a
 *                                multiple of 8. Info bits 0..7: number of children
 *               form 2, direct   empty: for nodes with most of the 256 children. Info bits 0..7:
 *                                number of children, less 1
 *     then    the prefix bitmap, only in tables with prefix keys: u64[4]. Bit (1 << n | p) stands
 *             for the key that ends n bits (0 to 7) later, these bits being p. The bits form a
 *             complete binary tree with bit 1 as its root
 *     then    u32 references: first to the children, in order (form 2: 256 references, 0 for a
 *             missing child); then to the rows of the prefixes, in the order of their bits, or to
 *             the row of the one key that ends at the node
 *
 * A child is a node, or a row if only one key lies below. A BLOB is the first word, a u64 size, and
 * the bytes.
 *
 * The CATALOG is the root of a version. It is a trie that maps a table's name to a struct
 * layout_table, which is a fixed-size value: the complete struct with LAYOUT_WIDE_TABLES, else its
 * first LAYOUT_NARROW_TABLE bytes. No NUL follows the name there.
 */
#ifndef LIB_LAYOUT_H
#define LIB_LAYOUT_H

#include <assert.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/layout_features.h"

#define LAYOUT_VERSION           3u
#define LAYOUT_BYTE_ORDER        0x01020304u
#define LAYOUT_MAGIC_DATA        UINT64_C(0x0a1a0d454c455453) /* "STELE\r\x1a\n" */
#define LAYOUT_MAGIC_PUBLISHER   UINT64_C(0x0a1a0d504c455453) /* "STELP\r\x1a\n" */
#define LAYOUT_MAGIC_SUBSCRIBERS UINT64_C(0x0a1a0d534c455453) /* "STELS\r\x1a\n" */

/* Bytes in one unit of a reference: object offsets are multiples of this. */
#define LAYOUT_UNIT 8u
/* The arena grows in steps of this many bytes. */
#define LAYOUT_PAGE 4096u
/* Bytes of the file past arena_end. A node that starts before arena_end ends within the file, even
 * if its words are garbage. */
#define LAYOUT_GUARD 4096u
/* In the first word of an object: the object is a node. */
#define LAYOUT_NODE (UINT64_C(1) << 63)
/* Bytes that references can address: the maximum size of a data file. */
#define LAYOUT_MAXIMUM (UINT64_C(1) << 35)
/* Maximum number of tables that a subscriber can name in its slot. */
#define LAYOUT_SLOT_TABLES 8u
/* Bytes of a subscriber's label in its slot, with the NUL. */
#define LAYOUT_LABEL_SIZE 32u
/* Maximum number of versions that a subscriber can pin at the same time. */
#define LAYOUT_PINS 8u
/* Maximum number of slots in a subscribers file. */
#define LAYOUT_SLOTS_MAX 4096u
/* Number of entries in the ring of the newest slot claims. */
#define LAYOUT_CLAIMS 32u
/* The ring's entry for claim `n` of the slot at `index`. The 1 is added so that an entry that was
 * never written (0) matches no early claim. */
#define LAYOUT_CLAIM(n, index) ((uint32_t)((n) + 1) << 12 | (uint32_t)(index))

/* Maximum counts of a data file. Readers refuse a header that exceeds them, so every walk is
 * bounded, even in a forged file. */

/* Maximum number of versions that history can be configured to keep. */
#define LAYOUT_HISTORY_MAX 65536u
/* Maximum number of entries in the commit ring: a power of two greater than the longest
 * history. */
#define LAYOUT_RING_MAX 131072u
/* Maximum number of entries in the table of kept versions. */
#define LAYOUT_KEPT_MAX 1024u
/* Maximum number of a generation. */
#define LAYOUT_GENERATION_MAX (UINT64_MAX >> 1)
#define LAYOUT_ARENA_OFFSET_MAX \
	(LAYOUT_PAGE + LAYOUT_RING_MAX * sizeof(struct layout_commit) + \
	 LAYOUT_KEPT_MAX * sizeof(struct layout_kept))

/* ---- the head word ---- */

/* The state of a data file, in bits 0 and 1 of the head word; bits 2 to 63 hold the newest version.
 * Subscribers wait with a futex on the low half of the word. Every change of the state changes that
 * half, so a subscriber that has read one state cannot block after the next one was stored.
 * publisher/generation.h describes the order of the stores. */
enum head_state {
	/* This file is the region. */
	HEAD_CURRENT = 0,
	/* This file is the region while the region's name still refers to it: another file is about
	 * to take the name, or the name is about to be removed. */
	HEAD_REPLACING = 1,
	/* The region's name refers to another file, or was removed. */
	HEAD_REPLACED = 2,
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

/* A value of layout_publisher.ipc_namespace that is no inode. */
#define LAYOUT_NAMESPACES UINT32_MAX

/* The publisher that was last attached, for display only: the lock on the publisher file proves an
 * attachment. */
struct layout_publisher {
	uint8_t uuid[16]; /* of this attachment */
	uint32_t pid;
	/* Inode of the IPC namespace of its queues. 0: unknown. LAYOUT_NAMESPACES: the publishers
	 * that share the region are in more than one namespace. */
	uint32_t ipc_namespace;
	char command[16];
	uint64_t attached; /* nanoseconds since 1970 */
	uint64_t detached; /* nanoseconds since 1970; 0: not closed (still attached, or died) */
};

struct layout_header {
	/* The immutable part: written when the file is created, and covered by `checksum`. */

	uint64_t magic;
	uint32_t layout_version;
	uint32_t byte_order;
	uint8_t uuid[16]; /* of the region; the same in all three files */
	/* Bytes that maximum_size never exceeds, in any generation. */
	uint64_t limit_size;
	uint32_t durability; /* LAYOUT_DURABLE_... */
	uint32_t memory;     /* LAYOUT_MEMORY_...: where the contents are stored */
	/* 1 for a region's first file; one more for each file that replaces the file before it. */
	uint64_t generation;
	uint64_t created;      /* nanoseconds since 1970 */
	uint64_t maximum_size; /* bytes that this file may grow to, which subscribers map */
	/* Offset of struct layout_commit[ring_entries], behind the first page. */
	uint64_t ring_offset;
	/* Offset of struct layout_kept[kept_entries], behind the first page. */
	uint64_t kept_offset;
	uint64_t arena_offset; /* multiple of LAYOUT_PAGE; at most LAYOUT_ARENA_OFFSET_MAX */
	uint32_t ring_entries; /* a power of two; at most LAYOUT_RING_MAX */
	uint32_t kept_entries; /* at most LAYOUT_KEPT_MAX */
	uint32_t history;      /* minimum number of versions to keep: 2 to LAYOUT_HISTORY_MAX */
	uint32_t mode;         /* permission bits that the region was created with */
	char name[64];         /* of the region, ended by NUL */
	/* Bytes that history may take; the newest two versions are kept anyway. 0: no limit. */
	uint64_t history_bytes;
	int32_t segment;            /* LAYOUT_MEMORY_SYSV: the segment's shmid */
	uint32_t segment_namespace; /* inode of the segment's IPC namespace; 0: unknown */
	/* Feature bits (lib/layout_features.h). */
	uint32_t incompatible;
	uint32_t read_only_compatible;
	uint32_t compatible;
	uint8_t unused[36];
	/* Checksum of a saved file from `head` to the end of the file; 0 in a region's file. With
	 * LAYOUT_CRC32C: bit 32, and the CRC in bits 0 to 31. */
	uint64_t contents;
	uint64_t checksum; /* FNV-1a of the bytes before this member */

	/* The mutable part: stored by the publisher. The comment at each store says what the store
	 * guarantees. */

	/* Newest version, and the file's state: head_make(). */
	uint64_t head;
	/* Bytes from the start of the file: no object starts at or past this offset. */
	uint64_t arena_end;
	uint8_t boot_id[16]; /* boot of the machine in which the mutable part was written */
	uint8_t unused_head[32];
	/* Lowest version that can still be pinned; never above the newest version. */
	uint64_t oldest;
	/* Versions below this one may have lost memory, unless they are in the kept table. */
	uint64_t reclaimed;
	/* Entries of the kept table from this index on are empty. */
	uint64_t kept_used;
	uint8_t unused_oldest[40];
	struct layout_publisher publisher;
	uint8_t unused_publisher[64];
};

/* A durable record: the state of a region on a disk, for the recovery after a power cut. The first
 * page of the file holds two records, each in a disk sector of its own (512 bytes), which are
 * written in turn. The valid record with the highest sequence number counts. */
#define LAYOUT_DURABLE_OFFSET(sequence) (512u + ((sequence)&1u) * 512u)
struct layout_durable {
	uint64_t sequence; /* 0: no record */
	uint64_t version;  /* newest version that is completely on the disk */
	uint64_t oldest;   /* versions below this one are incomplete on the disk */
	uint64_t arena_end;
	uint64_t checksum; /* FNV-1a of the bytes before this member and of the region's uuid */
};

/* A commit in the ring, at index version % ring_entries. */
struct layout_commit {
	uint64_t version;
	uint64_t time;    /* nanoseconds since 1970 */
	uint32_t catalog; /* reference: root of the catalog; 0: no tables */
	uint32_t record;  /* reference: blob that holds a struct layout_record */
	uint64_t unused;
};

/* Describes a commit. `message_size` bytes of message follow, padded to a multiple of 8, and then
 * `tables` times a struct layout_record_table. */
struct layout_record {
	uint8_t publisher[16]; /* uuid of the publisher's attachment */
	uint32_t pid;
	char command[16];
	uint32_t message_size; /* bytes, without the padding */
	uint32_t tables;
	uint32_t user; /* number of the user plus 1; 0: not known, as libraries before 0.3 wrote */
	uint64_t added, changed, removed; /* rows, in all tables */
};

/* Counts the rows of one table that a commit changed. Libraries before 0.2 wrote a NUL for `fate`,
 * as the end of the name, and do not read it. */
struct layout_record_table {
	uint64_t added, changed, removed;
	char name[63]; /* zeros after the name */
	uint8_t fate;  /* enum stele_table_fate */
};

/* An entry of the kept table: a version below `reclaimed` that stays readable because a subscriber
 * pins it. The publisher stores the references before the version. */
struct layout_kept {
	uint64_t version; /* 0: empty */
	uint32_t catalog; /* as in struct layout_commit */
	uint32_t record;
};

/* A table: the value of its row in the catalog. The version of that row is the version that last
 * changed the table. */
struct layout_table {
	uint64_t rows;
	uint64_t id;     /* version that created the table: differs if a table is created again */
	uint32_t root;   /* reference: a node, or the only row; 0: empty */
	uint32_t schema; /* reference: a blob (lib/schema/schema_store.h) */
	/* Only with LAYOUT_WIDE_TABLES; zero, reserved for LAYOUT_TABLE_OPTIONS. */
	uint32_t flags;
	uint32_t options; /* reference: a blob */
	uint64_t unused[2];
};

/* Bytes of a struct layout_table in a region without LAYOUT_WIDE_TABLES. */
#define LAYOUT_NARROW_TABLE offsetof(struct layout_table, flags)

/* ---- the publisher file ---- */

struct layout_publisher_file {
	uint64_t magic;
	uint32_t layout_version;
	uint32_t byte_order;
	uint8_t uuid[16];    /* of the region */
	uint8_t boot_id[16]; /* boot of the machine in which the mutex was initialized */
	/* The ABI that laid out the mutex (lib/base/abi.h). Processes of another ABI must not use
	 * it. */
	uint32_t word_size;  /* bytes in a pointer */
	uint32_t mutex_size; /* bytes in the mutex */
	uint32_t lock_word;  /* offset in the mutex of its futex word (set_robust_list(2)) */
	/* Feature bits of this file. None is defined yet. A publisher that finds a bit that it does
	 * not know initializes the mutex again if it is alone, and is refused otherwise. */
	uint32_t incompatible;
	/* Robust and process-shared: held from begin to commit or abort of a transaction. */
	pthread_mutex_t mutex;
};

/* Records the newest file that was created to replace one of the region's files
 * (lib/storage/replace.h). Stored at LAYOUT_REPLACEMENT_OFFSET. */
#define LAYOUT_REPLACEMENT_OFFSET 192u
struct layout_replacement {
	/* The new file's name is that of the data file, followed by ".new-" and this number in 16
	 * hexadecimal digits. 0: no file was replaced yet. */
	uint64_t number;
	uint8_t uuid[16]; /* of the region, as in the new file's header */
};

/* Counts the notices to the subscriber of one slot. The entries start at LAYOUT_NOTICES_OFFSET, one
 * for each slot, as far as the file reaches. Only publishers write here, so an entry is true for
 * the subscriber whose uuid it has. It says nothing about a later subscriber in the same slot. */
#define LAYOUT_NOTICES_OFFSET 256u
struct layout_notices {
	uint8_t uuid[16]; /* of the subscriber */
	uint64_t sent;
	uint64_t coalesced; /* not sent: the subscriber had not taken an earlier notice yet */
	uint64_t dropped;   /* not sent: sending failed; the subscriber looks at head by itself */
	uint64_t unused;
};

/* ---- the subscribers file ---- */

/* Every process that may read the region may write anything into this file, so publishers and
 * subscribers treat all of it as hints, and validate what they copy out of it. */

struct layout_subscribers_header {
	uint64_t magic;
	uint32_t layout_version;
	uint32_t byte_order;
	uint8_t uuid[16];    /* of the region */
	uint64_t slots_used; /* slots from this index on were never taken */
	uint64_t claims;     /* claims of slots so far */
	uint64_t freed;      /* raised after slots were freed */
	/* The newest claims: claim n, counted from 0, at index n % LAYOUT_CLAIMS, as
	 * LAYOUT_CLAIM(): the slot's index in the low 12 bits, and the low bits of n + 1 above
	 * them. */
	uint32_t claimed[LAYOUT_CLAIMS];
	/* Feature bits of this file. None is defined yet. A subscriber that finds an unknown bit
	 * takes no slot, and a publisher replaces the file. */
	uint32_t incompatible;
	uint8_t unused[68];
};

enum { LAYOUT_DURABLE_NONE = 0, LAYOUT_DURABLE_COMMIT = 1 };

enum {
	/* The contents are in the data file. */
	LAYOUT_MEMORY_FILE = 0,
	/* The contents are in a System V segment of maximum_size bytes. The data file is one page
	 * with a copy of the header's immutable part. */
	LAYOUT_MEMORY_SYSV = 1,
};

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

/* The slot of a registered subscriber. */
struct layout_slot {
	uint32_t state;    /* LAYOUT_SLOT_... */
	uint32_t notifier; /* LAYOUT_NOTIFIER_... */
	uint8_t uuid[16];  /* of the subscriber; also names its queue and its entry in the folder */
	uint32_t pid;      /* in the subscriber's own PID namespace; for display only */
	uint32_t tables;   /* number of valid table_hashes; 0: notify of every commit */
	char command[16];
	uint64_t attached; /* nanoseconds since 1970 */
	uint8_t unused_who[8];

	/* Odd while the subscriber is armed: it waits, or is about to. Only rises, across owners
	 * too. */
	uint64_t ticket;
	uint64_t seen;    /* newest version that the subscriber has found */
	uint64_t applied; /* newest version that the subscriber reports as applied */
	/* The first 32 bits are a word that the publisher and the subscriber exchange atomically;
	 * the rest is unused. The publisher writes nothing else in a slot. The word is, for
	 * LAYOUT_NOTIFIER_SEMAPHORE, the semaphore's count; for LAYOUT_NOTIFIER_SYSV, 1 while a
	 * message is under way, and 2 while the subscriber waits on the word itself. */
	uint64_t semaphore;
	/* What the subscriber calls itself, for display only; padded with NULs. "": no label. */
	char label[LAYOUT_LABEL_SIZE];

	uint64_t pins[LAYOUT_PINS]; /* versions that the subscriber asks to keep; 0: none */
	/* Hashes of the names of the tables that the subscriber waits for (paths_table_hash()). */
	uint64_t table_hashes[LAYOUT_SLOT_TABLES];
};

/* stele-region(5) documents these offsets and sizes. */
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
AT(layout_header, incompatible, 192);
AT(layout_header, read_only_compatible, 196);
AT(layout_header, compatible, 200);
AT(layout_header, contents, 240);
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
AT(layout_record_table, fate, 87);
SIZE(layout_record_table, 88);

AT(layout_kept, version, 0);
AT(layout_kept, catalog, 8);
AT(layout_kept, record, 12);
SIZE(layout_kept, 16);

static_assert(LAYOUT_ARENA_OFFSET_MAX % LAYOUT_PAGE == 0,
              "the arena may start at the maximum offset");

AT(layout_table, rows, 0);
AT(layout_table, id, 8);
AT(layout_table, root, 16);
AT(layout_table, schema, 20);
AT(layout_table, flags, 24);
AT(layout_table, options, 28);
SIZE(layout_table, 48);

AT(layout_publisher_file, layout_version, 8);
AT(layout_publisher_file, uuid, 16);
AT(layout_publisher_file, boot_id, 32);
AT(layout_publisher_file, word_size, 48);
AT(layout_publisher_file, mutex_size, 52);
AT(layout_publisher_file, lock_word, 56);
AT(layout_publisher_file, incompatible, 60);
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
AT(layout_subscribers_header, incompatible, 184);
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
AT(layout_slot, label, 96);
AT(layout_slot, pins, 128);
AT(layout_slot, table_hashes, 192);
SIZE(layout_slot, 256);

#undef AT
#undef SIZE

#endif
