/* SPDX-License-Identifier: MIT
 * Records what the subscribers of a region have applied, as far as it has changed since the last
 * sample. recorder.c takes a sample about every second. */
#ifndef TOOLS_RECORD_ATTENDANCE_H
#define TOOLS_RECORD_ATTENDANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tools/record/recording_writer.h"

/* What was recorded last of the subscriber in a slot. */
struct attendant {
	uint8_t uuid[16];
	uint64_t applied, seen;
	bool present; /* a subscriber has the slot */
	bool found;   /* by the present sample */
};

/* Initialized with zeroes, and freed with attendance_free(). */
struct attendance {
	struct attendant *attendants; /* on the heap, one for each slot */
	size_t count;
	struct recording_writer *writer; /* of the present sample */
	uint64_t time;
};

/* Writes what has changed to the file. `path` is the region's, for the library. Returns 0 or a
 * negative errno of the writer. A region without a list of subscribers has none. */
int attendance_sample(struct attendance *attendance, struct recording_writer *writer,
                      const char *path, uint64_t time);

/* Forgets what was recorded, so that the next sample has all subscribers. */
void attendance_free(struct attendance *attendance);

#endif
