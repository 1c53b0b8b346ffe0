/* SPDX-License-Identifier: MIT
 * Writes one file of a recording (recording.h), for recorder.c. The file has only complete groups,
 * except if the process dies. Functions print no error messages; they return 0 or a negative
 * errno. */
#ifndef TOOLS_RECORD_RECORDING_WRITER_H
#define TOOLS_RECORD_RECORDING_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include "tools/base/text.h"
#include "tools/record/recording.h"

struct recording_writer {
	int fd;            /* -1: no file is open */
	struct text bytes; /* not written yet */
	uint64_t size;     /* of the file: its complete groups */
	uint64_t frames;   /* of the present group */
	int error;         /* of the present group: a negative errno, or 0 */
	bool broken;       /* a part of a group could not be removed: nothing may follow it */
};

/* Starts a new file, which must be empty, at the descriptor; the writer owns it. `name` is the
 * region's. */
int recording_create(struct recording_writer *writer, int fd, const char *name, uint64_t time);

/* Appends a frame of two parts to a group, which FRAME_BEGIN starts, or outside of groups. The
 * first error stays, until the group is ended or cancelled. */
void recording_append(struct recording_writer *writer, enum recording_type type, const void *part,
                      size_t part_size, const void *rest, size_t rest_size);

/* Appends FRAME_PUT, with a value and a key of the sizes in `put`. */
void recording_append_row(struct recording_writer *writer, const struct recording_put *put,
                          const void *value, const void *key);

/* Ends a group, or writes frames that are in no group. If that fails, the file is as it was
 * before. */
int recording_end(struct recording_writer *writer, uint64_t time);
int recording_flush(struct recording_writer *writer);

/* Removes the present group from the file. */
void recording_cancel(struct recording_writer *writer);

/* Waits until the file is on the disk. */
int recording_sync(struct recording_writer *writer);

/* Does the same, as far as the disk allows, and closes the file. */
void recording_close(struct recording_writer *writer);

#endif
