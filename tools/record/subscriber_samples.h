/* SPDX-License-Identifier: MIT
 * Records which versions the subscribers of a region have applied: those that differ from the last
 * sample. recorder.c takes a sample about every second. */
#ifndef TOOLS_RECORD_SUBSCRIBER_SAMPLES_H
#define TOOLS_RECORD_SUBSCRIBER_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tools/record/recording_writer.h"

/* The subscriber in a slot, as it was recorded last. */
struct subscriber_sample {
	uint8_t uuid[16];
	uint64_t applied, seen;
	bool present; /* a subscriber has the slot */
	bool found;   /* by the present sample */
};

/* Initialized with zeroes, and freed with subscriber_samples_free(). */
struct subscriber_samples {
	struct subscriber_sample *list; /* on the heap, one for each slot */
	size_t count;
	struct recording_writer *writer; /* of the present sample */
	uint64_t time;
};

/* Writes the subscribers that changed to the file. `path` is the region's, for the library. Returns
 * 0 or a negative errno of the writer. A region without a list of subscribers has none. */
int subscriber_samples_record(struct subscriber_samples *samples, struct recording_writer *writer,
                              const char *path, uint64_t time);

/* Forgets what was recorded, so that the next sample has all subscribers. */
void subscriber_samples_free(struct subscriber_samples *samples);

#endif
