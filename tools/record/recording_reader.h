/* SPDX-License-Identifier: MIT
 *
 * Reads one file of a recording (recording.h), frame by frame. The file may have any bytes:
 * whatever recording_next() returns has been checked, also keys and values against the schemas of
 * their tables. `stele replay` and `stele why` use this. Functions print no error messages. */
#ifndef TOOLS_RECORD_RECORDING_READER_H
#define TOOLS_RECORD_RECORDING_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stele/stele.h>
#include "tools/record/recording.h"

/* A table of the version that has been read so far. */
struct recording_table {
	char name[STELE_NAME_MAX + 1];
	struct stele_schema *schema;
};

/* A frame that was read, valid until the next call. Only the members of its type are set. */
struct recording_read {
	enum recording_type type;
	struct recording_begin begin;
	struct recording_end end;
	struct recording_gone gone;
	struct recording_idle idle;
	struct stele_commit commit; /* FRAME_COMMIT */
	struct recording_subscriber subscriber;
	char label[STELE_LABEL_MAX + 1];

	/* FRAME_TABLE, FRAME_ROWS, FRAME_PUT, FRAME_DELETE; for FRAME_DROP the name alone. */
	const char *table;
	const struct stele_schema *schema;
	struct stele_row row; /* FRAME_PUT; of FRAME_DELETE the key */
};

/* A file that is being read. */
struct recording_reader {
	FILE *file;
	uint64_t created;
	char region[STELE_NAME_MAX + 1]; /* name of the region that was recorded */
	uint64_t offset;                 /* of the next frame */
	char why[192]; /* why the last call returned no frame; "": the file ends with a frame */

	bool damaged; /* bytes are wrong; false if the file is only cut */

	void *tables; /* a tree of tsearch(3) of struct recording_table, by name */
	size_t table_count;
	struct recording_table *current; /* of the rows that follow, or NULL */
	bool any;                        /* a group was begun */
	bool in_group;
	bool snapshot;   /* the group is one */
	uint64_t frames; /* of the group */
	unsigned char *payload;
	size_t capacity;
	char name[STELE_NAME_MAX + 1]; /* of the table of FRAME_DROP */
};

/* Opens a file for recording_open(). Returns NULL and sets errno if that fails, or if the path is
 * no regular file: the open of a FIFO would wait for a writer. */
FILE *recording_file(const char *path);

/* Starts to read a file, which the reader owns from then on, also on error. Returns 0, or
 * -EBADMSG if the file is no recording or can't be read: reader->why says why. */
int recording_open(struct recording_reader *reader, FILE *file);

/* Returns 1 and the next frame. Returns 0 after the last one: at the end of the file; where it was
 * cut, because its writer died or is still writing; or where it is damaged. reader->why tells
 * which. A group that has begun is then void. */
int recording_next(struct recording_reader *reader, struct recording_read *ret);

void recording_reader_close(struct recording_reader *reader);

#endif
