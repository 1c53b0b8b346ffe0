/* SPDX-License-Identifier: MIT
 *
 * The format of recordings, which docs/design/recording.md describes. A file is a header and a
 * sequence of frames. The first frames are a group that has all tables of one version (a snapshot);
 * each later group has what one version changed (a delta). A group counts only with its last frame,
 * FRAME_END, so a file is readable up to any point at which its writer died.
 *
 * recording_writer.c writes these structs, and recording_reader.c checks and returns them. Numbers
 * are in the byte order of the machine, as the values of rows are; the header tells it. */
#ifndef TOOLS_RECORD_RECORDING_H
#define TOOLS_RECORD_RECORDING_H

#include <stdint.h>
#include <stele/stele.h>

#define RECORDING_MAGIC   "STELEREC"
#define RECORDING_FORMAT  UINT32_C(1)
#define RECORDING_ORDER   UINT32_C(0x01020304)
#define RECORDING_MESSAGE 255u
/* Bytes of the longest payload: a row with the longest value and key, or the declaration of a
 * table, of which the library takes no longer one. */
#define RECORDING_PAYLOAD_MAX (STELE_VALUE_MAX + STELE_KEY_MAX + 64u)
/* Tables of a version that can be recorded. */
#define RECORDING_TABLES_MAX 16384u

/* The start of a file. `crc` is the CRC-32C of the members before it. */
struct recording_header {
	char magic[8];
	uint32_t format;
	uint32_t order;
	uint64_t time; /* of the file's creation, nanoseconds since 1970, as all times */
	char region[STELE_NAME_MAX + 1]; /* the name, filled up with NULs */
	uint32_t reserved;
	uint32_t crc;
};

/* The start of each frame. `crc` is the CRC-32C of the members before it and of the payload, which
 * follows. */
struct recording_frame {
	uint32_t size; /* bytes of the payload */
	uint32_t type; /* enum recording_type */
	uint32_t crc;
};

enum recording_type {
	/* struct recording_begin: a group starts. An earlier one that did not end is void. */
	FRAME_BEGIN = 1,
	/* struct recording_commit and the message: a commit of this group, or, in a snapshot, of
	 * history before it. */
	FRAME_COMMIT,
	/* The name of a table: the table was dropped. */
	FRAME_DROP,
	/* The declaration of a table: the table has this schema now. All its rows follow, and
	 * earlier ones are void. */
	FRAME_TABLE,
	/* The name of a table: changes of this table follow. */
	FRAME_ROWS,
	/* struct recording_put, the value and the key: a row was added or changed. */
	FRAME_PUT,
	/* struct recording_delete and the key: a row was removed. */
	FRAME_DELETE,
	/* struct recording_end: the group is complete. */
	FRAME_END,
	/* struct recording_subscriber and the label: what a subscriber has applied. In no group. */
	FRAME_SUBSCRIBER,
	/* struct recording_gone: the region was removed. In no group. */
	FRAME_GONE,
	/* struct recording_idle: the recorder watched the region up to a time, and nothing else
	 * happened. In no group. */
	FRAME_IDLE,
	FRAME_TYPES
};

enum recording_kind { GROUP_SNAPSHOT = 1, GROUP_DELTA };

struct recording_begin {
	uint32_t kind; /* enum recording_kind */
	uint32_t reserved;
	uint8_t region[16]; /* UUID */
	uint64_t from;      /* version before a delta; 0 for a snapshot */
	uint64_t version;
	uint64_t time; /* of the commit of `version`; of the recording, if that is not known */
};

struct recording_commit {
	uint64_t version;
	uint64_t time; /* 0: not known */
	uint64_t added, changed, removed;
	uint8_t publisher[16];
	char command[16]; /* ends in a NUL */
	uint32_t pid;
	uint32_t user;
	uint32_t user_known; /* 0: `user` is not known */
	uint32_t reserved;
};

struct recording_put {
	uint64_t version; /* that wrote the row */
	uint32_t value_size;
	uint32_t key_bits;
};

struct recording_delete {
	uint32_t key_bits;
};

struct recording_end {
	uint64_t frames; /* of the group, without FRAME_BEGIN and this one */
	uint64_t time;   /* of the recording */
};

struct recording_subscriber {
	uint64_t time;
	uint64_t applied; /* 0: it reports nothing */
	uint64_t seen;
	uint8_t uuid[16];
	char command[16]; /* ends in a NUL */
	uint32_t pid;
	uint32_t gone; /* 1: it has ended */
};

struct recording_gone {
	uint64_t time;
	uint8_t region[16]; /* UUID */
};

struct recording_idle {
	uint64_t time;
};

#endif
