/* SPDX-License-Identifier: MIT
 * Each version is compared with the one before, which the recorder pins. So a delta can be had also
 * if history was faster than the recorder: it then has what several versions changed. Only if the
 * publisher revoked the pin, or the region was created again, a snapshot takes its place. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/stop.h"
#include "tools/record/recorder.h"
#include "tools/record/recording.h"
#include "tools/record/recording_group.h"
#include "tools/record/recordings.h"
#include "tools/record/subscriber_samples.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"

/* Nanoseconds of one wait, between which the recorder looks for signals; and between two samples of
 * the subscribers, two tries to write to a full disk, two tries to start a new file there, and two
 * FRAME_IDLE. */
#define SLICE  (100 * NSEC_PER_MSEC)
#define SAMPLE NSEC_PER_SEC
#define RETRY  NSEC_PER_SEC
#define LATE   (60 * NSEC_PER_SEC)
#define IDLE   (10 * NSEC_PER_SEC)

static bool recorder_is_full(int result)
{
	return result == -ENOSPC || result == -EDQUOT;
}

/* Writes a version, or what differs between two, to the present file. */
static int recorder_write_group(struct recorder *recorder, const struct stele_snapshot *before,
                                const struct stele_snapshot *after)
{
	int result =
		recording_group_write(&recorder->file, recorder->reader.subscriber, before, after);

	recorder->known = 0;
	recorder->idle = clock_now() + IDLE;
	return result;
}

/* ---- files ---- */

/* Writes the version that was recorded last to a new file, which gets its name when it is complete
 * and on the disk. */
static int recorder_create_file(struct recorder *recorder, char **ret_path)
{
	const char *region = recorder->reader.region;
	int result;

	result = recordings_create(recorder->directory, region, ret_path);
	if (result < 0) {
		recorder->file.error = result;
		return result;
	}
	result = recording_create(&recorder->file, result, region, clock_wall());
	recorder->file.error = result;
	if (result == 0)
		result = recorder_write_group(recorder, NULL, recorder->reader.snapshot);
	if (result == 0) {
		result = recording_sync(&recorder->file);
		if (result == 0)
			result = recordings_name(recorder->directory, region, clock_wall(),
			                         ret_path);
		recorder->file.error = result;
	}
	if (result < 0) {
		unlink(*ret_path);
		free(*ret_path);
	}
	return result;
}

/* Starts a new file with a snapshot of the version that was recorded last, and removes the oldest
 * ones. If that fails, the present file stays. Returns 0 or a negative errno; see
 * recording_group_write(). */
static int recorder_start_file(struct recorder *recorder)
{
	struct recording_writer former = recorder->file;
	const char *region = recorder->reader.region;
	char *path, token[DESCRIBED_MAX];
	struct stele_position position;
	int result;

	result = recorder_create_file(recorder, &path);
	if (result < 0) {
		int error = recorder->file.error;

		if (recorder->file.fd != former.fd)
			recording_close(&recorder->file);
		recorder->file = former;
		recorder->file.error = error;
		return result;
	}
	recording_close(&former);
	free(recorder->path);
	recorder->path = path;
	recorder->rotation = clock_now() + (int64_t)recorder->rotate;
	recorder->late = false;
	recorder->sample = 0;
	subscriber_samples_free(&recorder->samples);
	stele_snapshot_position(recorder->reader.snapshot, &position);
	printf("%s: recording to %s from version %s\n", region, path,
	       describe_token_short(position.version, position.region, token));
	fflush(stdout);
	if (recorder->keep)
		result = recordings_keep(recorder->directory, region, recorder->keep);
	if (result < 0)
		note("cannot remove an old recording in %s: %s", recorder->directory,
		     strerror(-result));
	return 0;
}

/* Starts a new file if it is time. That is after a version and not before it, so that a file has
 * the changes up to the snapshot of the next one. A disk without space for a snapshot may have some
 * for what changes: then the present file goes on for a minute. */
static int recorder_rotate(struct recorder *recorder)
{
	int result;

	if (clock_now() < recorder->rotation)
		return 0;
	result = recorder_start_file(recorder);
	/* The oldest file would go anyway. */
	if (recorder_is_full(result) && recorder->keep > 1 &&
	    recordings_keep(recorder->directory, recorder->reader.region, recorder->keep - 1) > 0)
		result = recorder_start_file(recorder);
	if (!recorder_is_full(result))
		return result;
	recorder->file.error = 0;
	recorder->rotation = clock_now() + LATE;
	if (!recorder->late)
		note("cannot start a new recording in %s: %s; recording goes on in %s",
		     recorder->directory, strerror(-result), recorder->path);
	recorder->late = true;
	return 0;
}

/* Starts a new file if the present one was removed, as a cleaner of old files may do. The versions
 * in it are lost. */
static int recorder_check_file(struct recorder *recorder)
{
	struct stat status;

	if (recorder->file.fd < 0 || recorder->file.broken || !recorder->reader.snapshot ||
	    fstat(recorder->file.fd, &status) < 0 || status.st_nlink > 0)
		return 0;
	note("%s was removed, with the versions in it; recording goes on in a new file",
	     recorder->path);
	/* Nothing follows in a file that nobody can read. */
	recorder->file.broken = true;
	return recorder_start_file(recorder);
}

/* ---- versions ---- */

/* Replaces the version that was recorded last. */
static void recorder_keep_snapshot(struct recorder *recorder, struct stele_snapshot *snapshot)
{
	if (recorder->reader.snapshot)
		stele_snapshot_close(recorder->reader.snapshot);
	recorder->reader.snapshot = snapshot;
}

/* Reports in the list of subscribers up to which version the region is recorded. */
static void recorder_report(struct recorder *recorder)
{
	stele_subscriber_applied(recorder->reader.subscriber,
	                         stele_snapshot_version(recorder->reader.snapshot));
}

/* Records the newest version as a snapshot, in the present file or in a new one. */
static int recorder_write_snapshot(struct recorder *recorder)
{
	struct stele_snapshot *snapshot;
	int result = -ESTALE;

	for (int i = 0; i < READ_TRIES && result == -ESTALE && !stop_came(); i++) {
		recorder_keep_snapshot(recorder, NULL);
		result = stele_snapshot_open(recorder->reader.subscriber, 0, &snapshot);
		if (result < 0)
			break;
		recorder_keep_snapshot(recorder, snapshot);
		if (recorder->file.fd < 0 || recorder->file.broken)
			result = recorder_start_file(recorder);
		else
			result = recorder_write_group(recorder, NULL, snapshot);
	}
	if (result < 0)
		recorder_keep_snapshot(recorder, NULL);
	else
		recorder_report(recorder);
	return result;
}

/* Opens the version after the one that was recorded last, or the next one that history holds. */
static int recorder_open_next(struct recorder *recorder, uint64_t version,
                              struct stele_snapshot **ret)
{
	uint64_t oldest, newest;
	int result = stele_snapshot_open(recorder->reader.subscriber, version + 1, ret);

	for (int i = 0; i < READ_TRIES && result == -ESTALE; i++) {
		result = stele_subscriber_history(recorder->reader.subscriber, &oldest, &newest);
		if (result == 0)
			result = stele_snapshot_open(recorder->reader.subscriber,
			                             oldest > version ? oldest : newest, ret);
	}
	return result;
}

/* Records one version. */
static int recorder_write_next(struct recorder *recorder)
{
	struct stele_snapshot *former = recorder->reader.snapshot, *next;
	int result;

	if (!former)
		return recorder_write_snapshot(recorder);
	if (recorder->file.broken) {
		result = recorder_start_file(recorder);
		/* The publisher has reclaimed the version. */
		if (result != -ESTALE || recorder->file.error)
			return result;
		return recorder_write_snapshot(recorder);
	}
	result = recorder_open_next(recorder, stele_snapshot_version(former), &next);
	if (result < 0)
		return result;
	result = recorder_write_group(recorder, former, next);
	if (result == 0) {
		recorder_keep_snapshot(recorder, next);
		recorder_report(recorder);
		return recorder_rotate(recorder);
	}
	stele_snapshot_close(next);
	if (result != -ESTALE || recorder->file.error)
		return result;
	note("region \"%s\": the publisher reclaimed a version before it was recorded; "
	     "a snapshot follows, and the changes before it are not recorded one by one",
	     recorder->reader.region);
	return recorder_write_snapshot(recorder);
}

/* Reports an error of a group. A full disk is waited for: what was recorded last stays pinned, so
 * nothing is lost that a later delta does not have. */
static enum status recorder_check(struct recorder *recorder, int result)
{
	const char *path = recorder->path ? recorder->path : recorder->directory;
	struct pollfd stop = {.fd = recorder->stop_fd, .events = POLLIN};

	if (result == 1 && recorder->full)
		note("there is space again; recording goes on");
	if (result == 1)
		recorder->full = false;
	if (result >= 0)
		return STATUS_DONE;
	if (!recorder->file.error)
		return fail_library(result);
	recorder->file.error = 0;
	if (result == -E2BIG)
		return fail(STATUS_INPUT,
		            "region \"%s\" has more than %u tables, which cannot be recorded",
		            recorder->reader.region, RECORDING_TABLES_MAX);
	if (!recorder_is_full(result))
		return fail(fail_status(result), "cannot write to %s: %s", path, strerror(-result));
	if (!recorder->full)
		note("%s: %s; recording goes on when there is space", path, strerror(-result));
	recorder->full = true;
	poll(&stop, 1, (int)(RETRY / NSEC_PER_MSEC));
	return STATUS_DONE;
}

/* ---- the loop ---- */

/* Takes a sample of the subscribers, if it is time, and looks for the file. If the sample cannot be
 * written, the next one has all that this one lacks, and the next version reports the error. */
static int recorder_sample(struct recorder *recorder)
{
	const struct reader *reader = &recorder->reader;
	int result;

	if (recorder->file.fd < 0 || recorder->file.broken || clock_now() < recorder->sample)
		return 0;
	recorder->sample = clock_now() + SAMPLE;
	result = recorder_check_file(recorder);
	if (result < 0)
		return result;
	subscriber_samples_record(&recorder->samples, &recorder->file,
	                          place_path(reader->place, reader->region), clock_wall());
	return 0;
}

/* Writes up to which time there was no further version. If that fails, the next version reports the
 * error. */
static void recorder_write_idle(struct recorder *recorder)
{
	const struct recording_idle idle = {.time = recorder->known};

	recorder->idle = clock_now() + IDLE;
	if (recorder->file.fd < 0 || recorder->file.broken || !recorder->known)
		return;
	recording_append(&recorder->file, FRAME_IDLE, &idle, sizeof(idle), NULL, 0);
	recording_flush(&recorder->file);
}

/* Waits for a version, and records it. Returns 1, 0 if there is none yet, or a negative errno. A
 * file is followed by the next one only after a version, so a region in which nothing changes costs
 * nothing. */
static int recorder_step(struct recorder *recorder)
{
	uint64_t newest, now = clock_wall();
	int result = recorder_sample(recorder);

	if (result < 0)
		return recorder->file.error ? result : 0;
	result = 1;
	if (recorder->reader.snapshot)
		result = stele_subscriber_wait(recorder->reader.subscriber,
		                               stele_snapshot_version(recorder->reader.snapshot),
		                               clock_now() + SLICE, &newest);
	if (result == 0)
		recorder->known = now;
	if (clock_now() >= recorder->idle)
		recorder_write_idle(recorder);
	recorder->gone = result == -ENOENT || result == -EIDRM;
	if (result != 1)
		return recorder->gone ? 0 : result;
	result = recorder_write_next(recorder);
	/* The publisher was too fast this time. */
	if ((result == -ESTALE || result == -ETIME) && !recorder->file.error)
		return 0;
	return result < 0 ? result : 1;
}

/* Writes that the region was removed. */
static void recorder_write_gone(struct recorder *recorder)
{
	struct recording_gone gone = {.time = clock_wall()};

	recorder->known = 0;
	stele_subscriber_region_uuid(recorder->reader.subscriber, gone.region);
	if (!recorder->file.broken) {
		recording_append(&recorder->file, FRAME_GONE, &gone, sizeof(gone), NULL, 0);
		recording_flush(&recorder->file);
	}
	recorder_keep_snapshot(recorder, NULL);
	subscriber_samples_free(&recorder->samples);
	note("region \"%s\" was removed; recording goes on when it is created again",
	     recorder->reader.region);
}

/* Waits for the region that takes the name of the one that is gone. */
static int recorder_reopen(struct recorder *recorder)
{
	uint64_t now = clock_wall();
	int result;

	if (recorder->reader.snapshot)
		recorder_write_gone(recorder);
	result = stele_subscriber_reopen(recorder->reader.subscriber, clock_now() + SLICE);
	if (result == -ENOENT)
		recorder->known = now;
	if (clock_now() >= recorder->idle)
		recorder_write_idle(recorder);
	if (result == -ENOENT || result == -EUCLEAN)
		return 0;
	recorder->gone = result < 0;
	return result;
}

enum status recorder_open(struct recorder *recorder, const char *region)
{
	int result = recordings_lock(recorder->directory, region, &recorder->lock_path);

	recorder->lock = result;
	if (result == -EBUSY)
		return fail(STATUS_BUSY,
		            "another recorder writes recordings of region \"%s\" to %s", region,
		            recorder->directory);
	if (result < 0)
		return fail(fail_status(result), "cannot write to %s: %s", recorder->directory,
		            strerror(-result));
	return STATUS_DONE;
}

enum status recorder_run(struct recorder *recorder)
{
	enum status status = STATUS_DONE;

	while (status == STATUS_DONE && !stop_came())
		status = recorder_check(recorder, recorder->gone ? recorder_reopen(recorder)
		                                                 : recorder_step(recorder));
	return status;
}

void recorder_close(struct recorder *recorder)
{
	recorder_write_idle(recorder);
	recording_close(&recorder->file);
	subscriber_samples_free(&recorder->samples);
	free(recorder->path);
	if (recorder->lock >= 0)
		recordings_unlock(recorder->lock, recorder->lock_path);
	recorder->path = NULL;
	recorder->lock = -1;
}
