/* SPDX-License-Identifier: MIT
 * Records the versions of a region in files (recording.h), for `stele record`. */
#ifndef TOOLS_RECORD_RECORDER_H
#define TOOLS_RECORD_RECORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/record/subscriber_samples.h"
#include "tools/record/recording_writer.h"
#include "tools/region/reader.h"

struct recorder {
	const char *directory; /* of the files */
	uint64_t rotate;       /* nanoseconds after which a new file is started */
	uint64_t keep;         /* files; 0: all */
	int stop_fd;           /* of stop_descriptor() */
	int lock;              /* of recordings_lock(); -1: none */
	char *lock_path;       /* on the heap */

	struct reader reader;         /* of the region; .snapshot is the version recorded last */
	struct recording_writer file; /* .fd is -1 before the first */
	char *path;                   /* of the file, on the heap */
	int64_t rotation;             /* time of the next file, on CLOCK_MONOTONIC */
	bool late;                    /* there was no space for it */
	struct subscriber_samples samples;
	int64_t sample; /* time of the next sample of subscribers, likewise */
	int64_t idle;   /* time of the next FRAME_IDLE, likewise */
	uint64_t known; /* time up to which there was no further version; 0: none is recorded */
	bool gone;      /* the region was removed or replaced */
	bool full;      /* the disk was full at the last try */
};

/* Locks the recordings of a region: only one recorder writes to them. */
enum status recorder_open(struct recorder *recorder, const char *region);

/* Records the region that recorder->reader has open, until a signal comes. */
enum status recorder_run(struct recorder *recorder);

/* Closes the file, and unlocks the recordings. The reader stays open. */
void recorder_close(struct recorder *recorder);

#endif
