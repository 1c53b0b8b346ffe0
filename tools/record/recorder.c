/* SPDX-License-Identifier: MIT
 * Each version is compared with the one before, which the recorder pins. So a delta can be had also
 * if history was faster than the recorder: it then has what several versions changed. Only if the
 * publisher revoked the pin, or the region was created again, a snapshot takes its place. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/stop.h"
#include "tools/output/commit_record.h"
#include "tools/record/subscriber_samples.h"
#include "tools/record/recorder.h"
#include "tools/record/recording.h"
#include "tools/record/recordings.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"

/* Nanoseconds of one wait, between which the recorder looks for signals; and between two samples of
 * the subscribers, two tries to write to a full disk, and two FRAME_IDLE. */
#define SLICE  (100 * NSEC_PER_MSEC)
#define SAMPLE NSEC_PER_SEC
#define RETRY  NSEC_PER_SEC
#define IDLE   (10 * NSEC_PER_SEC)

/* ---- one group ---- */

/* A list of tables for stele_difference_open(). */
struct recorder_tables {
	struct stele_follow_table *list; /* on the heap, with its names */
	size_t count;
};

static void recorder_tables_add(struct recorder_tables *tables, const char *name)
{
	char *copy = heap_realloc(NULL, STELE_NAME_MAX + 1);

	snprintf(copy, STELE_NAME_MAX + 1, "%s", name);
	tables->list = heap_realloc(tables->list, (tables->count + 1) * sizeof(*tables->list));
	tables->list[tables->count++] = (struct stele_follow_table){.name = copy};
}

static void recorder_tables_free(struct recorder_tables *tables)
{
	for (size_t i = 0; i < tables->count; i++)
		free((char *)tables->list[i].name);
	free(tables->list);
}

static void recorder_append_name(struct recorder *recorder, enum recording_type type,
                                 const char *name)
{
	recording_append(&recorder->file, type, name, strlen(name), NULL, 0);
}

static void recorder_append_commit(struct recorder *recorder, const struct stele_commit *commit)
{
	struct recording_commit record = {
		.version = commit->version,
		.time = commit->time,
		.added = commit->added,
		.changed = commit->changed,
		.removed = commit->removed,
		.pid = commit->pid,
		.user = commit->user,
		.user_known = commit->user_known,
	};

	memcpy(record.publisher, commit->publisher, sizeof(record.publisher));
	memcpy(record.command, commit->command, sizeof(record.command));
	recording_append(&recorder->file, FRAME_COMMIT, &record, sizeof(record), commit->message,
	                 strnlen(commit->message, RECORDING_MESSAGE));
}

static void recorder_append_change(struct recorder *recorder, const struct stele_change *change)
{
	const struct stele_row *row = &change->after;
	struct recording_put put;

	if (change->kind == STELE_REMOVED) {
		const struct recording_delete removed = {.key_bits = change->before.key_bits};

		recording_append(&recorder->file, FRAME_DELETE, &removed, sizeof(removed),
		                 change->before.key, (change->before.key_bits + 7) / 8);
		return;
	}
	put = (struct recording_put){
		.version = row->version,
		.value_size = (uint32_t)row->value_size,
		.key_bits = row->key_bits,
	};
	recording_append_row(&recorder->file, &put, row->value, row->key);
}

/* Appends the rows that differ in these tables, which have the same schema in both versions.
 * `before` NULL: all rows. Each table starts with a frame of its own, if `named`. */
static int recorder_append_rows(struct recorder *recorder, const struct stele_snapshot *before,
                                const struct stele_snapshot *after,
                                const struct stele_follow_table *tables, size_t count, bool named)
{
	struct stele_difference *difference;
	char last[STELE_NAME_MAX + 1] = "";
	struct stele_event event;
	int result;

	if (count == 0)
		return 0;
	result = stele_difference_open(before, after, tables, count, &difference);
	if (result < 0)
		return result;
	while (!recorder->file.error && (result = stele_difference_next(difference, &event)) == 1) {
		if (named && strcmp(last, event.table) != 0) {
			snprintf(last, sizeof(last), "%s", event.table);
			recorder_append_name(recorder, FRAME_ROWS, last);
		}
		recorder_append_change(recorder, &event.change);
	}
	stele_difference_close(difference);
	return result < 0 ? result : 0;
}

/* Appends a table that `before` does not have, or not with this schema, with all its rows. */
static int recorder_append_table(struct recorder *recorder, const struct stele_snapshot *after,
                                 const char *name, const struct stele_schema *schema)
{
	const struct stele_follow_table table = {.name = name};
	size_t size = stele_schema_format(schema, NULL, 0) + strlen(name) + 3;
	char *text = heap_realloc(NULL, size);
	size_t length = (size_t)snprintf(text, size, "%s(", name);

	length += stele_schema_format(schema, text + length, size - length);
	text[length++] = ')';
	recording_append(&recorder->file, FRAME_TABLE, text, length, NULL, 0);
	free(text);
	return recorder_append_rows(recorder, NULL, after, &table, 1, false);
}

static int recorder_schema(const struct stele_snapshot *snapshot, const char *name,
                           struct stele_schema **ret)
{
	struct stele_table table;
	int result = stele_table_open(snapshot, name, NULL, &table);

	*ret = NULL;
	return result < 0 ? result : stele_table_schema(&table, ret);
}

/* Appends the tables of `after` that are new or have another schema, and lists the others. */
static int recorder_append_tables(struct recorder *recorder, const struct stele_snapshot *before,
                                  const struct stele_snapshot *after,
                                  struct recorder_tables *ret_same)
{
	struct stele_schema *schema, *former = NULL;
	char name[STELE_NAME_MAX + 1] = "";
	size_t count = 0;
	int result;

	while ((result = stele_snapshot_next_table(after, name)) == 1) {
		result = recorder_schema(after, name, &schema);
		if (result == 0 && before)
			result = recorder_schema(before, name, &former);
		if (result == 0 && ++count > RECORDING_TABLES_MAX)
			recorder->file.error = result = -E2BIG;
		else if (result == 0 && former && stele_schema_equal(schema, former))
			recorder_tables_add(ret_same, name);
		else if (result == 0 || result == -ENXIO)
			result = recorder_append_table(recorder, after, name, schema);
		stele_schema_free(schema);
		former = stele_schema_free(former);
		if (result < 0)
			return result;
	}
	return result;
}

static int recorder_append_drops(struct recorder *recorder, const struct stele_snapshot *before,
                                 const struct stele_snapshot *after)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_table table;
	int result;

	while ((result = stele_snapshot_next_table(before, name)) == 1) {
		result = stele_table_open(after, name, NULL, &table);
		if (result == -ENXIO)
			recorder_append_name(recorder, FRAME_DROP, name);
		else if (result < 0)
			return result;
	}
	return result;
}

/* Appends the commits that history holds, up to the one before `version`. */
static void recorder_append_history(struct recorder *recorder, uint64_t version)
{
	struct commit_record record = {0};
	uint64_t oldest, newest;

	if (stele_subscriber_history(recorder->reader.subscriber, &oldest, &newest) == 0)
		for (; oldest > 0 && oldest < version; oldest++)
			if (commit_record_read(&record, recorder->reader.subscriber, oldest) == 0)
				recorder_append_commit(recorder, &record.commit);
	commit_record_free(&record);
}

/* Appends the frames of a group, between its first and its last. */
static int recorder_append_group(struct recorder *recorder, const struct stele_snapshot *before,
                                 const struct stele_snapshot *after)
{
	struct recorder_tables same = {0};
	int result = 0;

	if (before)
		result = recorder_append_drops(recorder, before, after);
	if (result == 0)
		result = recorder_append_tables(recorder, before, after, &same);
	if (result == 0)
		result = recorder_append_rows(recorder, before, after, same.list, same.count, true);
	recorder_tables_free(&same);
	return result == 0 ? stele_snapshot_check(after) : result;
}

/* Writes what differs between two versions, or a snapshot if `before` is NULL. Returns 0 or a
 * negative errno; recorder->file.error is set if it is one of the file. */
static int recorder_write_group(struct recorder *recorder, const struct stele_snapshot *before,
                                const struct stele_snapshot *after)
{
	struct recording_begin begin = {
		.kind = before ? GROUP_DELTA : GROUP_SNAPSHOT,
		.from = before ? stele_snapshot_version(before) : 0,
	};
	struct stele_position position;
	struct stele_commit commit;
	int result, error;

	stele_snapshot_position(after, &position);
	memcpy(begin.region, position.region, sizeof(begin.region));
	begin.version = position.version;
	result = stele_snapshot_commit(after, &commit);
	if (result < 0 && result != -ENODATA)
		return result;
	begin.time = result == 0 && commit.time ? commit.time : clock_wall();
	recording_append(&recorder->file, FRAME_BEGIN, &begin, sizeof(begin), NULL, 0);
	if (!before)
		recorder_append_history(recorder, begin.version);
	if (result == 0)
		recorder_append_commit(recorder, &commit);
	result = recorder_append_group(recorder, before, after);
	if (result < 0 && !recorder->file.error) {
		recording_cancel(&recorder->file);
		return result;
	}
	error = recording_end(&recorder->file, clock_wall());
	recorder->file.error = error;
	recorder->known = 0;
	recorder->idle = clock_now() + IDLE;
	return error;
}

/* ---- files ---- */

/* Starts a new file with a snapshot of the version that was recorded last, and removes the oldest
 * ones. If that fails, the present file stays. Returns 0 or a negative errno; see
 * recorder_write_group(). */
static int recorder_start_file(struct recorder *recorder)
{
	struct recording_writer former = recorder->file;
	const char *region = recorder->reader.region;
	char *path, token[DESCRIBED_MAX];
	struct stele_position position;
	int result;

	result = recordings_create(recorder->directory, region, clock_wall(), &path);
	if (result < 0) {
		recorder->file.error = result;
		return result;
	}
	result = recording_create(&recorder->file, result, region, clock_wall());
	recorder->file.error = result;
	if (result == 0)
		result = recorder_write_group(recorder, NULL, recorder->reader.snapshot);
	if (result < 0) {
		int error = recorder->file.error;

		recording_close(&recorder->file);
		unlink(path);
		free(path);
		recorder->file = former;
		recorder->file.error = error;
		return result;
	}
	recording_close(&former);
	free(recorder->path);
	recorder->path = path;
	recorder->started = clock_now();
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

/* Starts a new file if it is time. That is after a version and not before it, so that a file has
 * the changes up to the snapshot of the next one. */
static int recorder_rotate(struct recorder *recorder)
{
	if (clock_now() - recorder->started < (int64_t)recorder->rotate)
		return 0;
	return recorder_start_file(recorder);
}

/* Records one version. */
static int recorder_write_next(struct recorder *recorder)
{
	struct stele_snapshot *former = recorder->reader.snapshot, *next;
	int result;

	if (!former || recorder->file.broken)
		return recorder_write_snapshot(recorder);
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
	bool full = result == -ENOSPC || result == -EDQUOT;
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
	if (!full)
		return fail(fail_status(result), "cannot write to %s: %s", path, strerror(-result));
	if (!recorder->full)
		fail(STATUS_DONE, "%s: %s; recording goes on when there is space", path,
		     strerror(-result));
	recorder->full = true;
	poll(&stop, 1, (int)(RETRY / NSEC_PER_MSEC));
	return STATUS_DONE;
}

/* ---- the loop ---- */

/* Takes a sample of the subscribers, if it is time. If it cannot be written, the next sample has
 * all that this one lacks, and the next version reports the error. */
static void recorder_sample(struct recorder *recorder)
{
	const struct reader *reader = &recorder->reader;

	if (recorder->file.fd < 0 || recorder->file.broken || clock_now() < recorder->sample)
		return;
	recorder->sample = clock_now() + SAMPLE;
	subscriber_samples_record(&recorder->samples, &recorder->file,
	                          place_path(reader->place, reader->region), clock_wall());
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
	int result = 1;

	recorder_sample(recorder);
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
	int result;

	if (recorder->reader.snapshot)
		recorder_write_gone(recorder);
	result = stele_subscriber_reopen(recorder->reader.subscriber, clock_now() + SLICE);
	if (result == -ENOENT || result == -EUCLEAN)
		return 0;
	recorder->gone = result < 0;
	return result;
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
	recorder->path = NULL;
}
