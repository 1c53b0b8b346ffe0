/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/record/recording_reader.h"
#include "tools/record/recordings.h"
#include "tools/why/lookup_history.h"
#include "tools/why/lookup_recorded.h"

/* Adds one frame to the history. Returns false if it is a later version. */
static bool lookup_recorded_frame(struct lookup_history *history, const struct recording_read *read)
{
	bool mine = read->table && strcmp(read->table, history->table) == 0;

	if (read->type == FRAME_BEGIN) {
		/* If it is the next version, nothing changed up to its time. */
		if (read->begin.kind == GROUP_DELTA && read->begin.version == read->begin.from + 1)
			lookup_idle(history, read->begin.time - 1);
		if (read->begin.time > history->until)
			return false;
		lookup_begin(history, &read->begin);
	}
	if (read->type == FRAME_COMMIT)
		lookup_commit(history, &read->commit);
	if (read->type == FRAME_TABLE && mine)
		lookup_define(history, read->schema);
	if (read->type == FRAME_DROP && mine)
		lookup_drop(history);
	if (read->type == FRAME_PUT && mine)
		lookup_put(history, &read->row);
	if (read->type == FRAME_DELETE && mine)
		lookup_delete(history, read->row.key, read->row.key_bits);
	if (read->type == FRAME_END)
		lookup_end(history);
	if (read->type == FRAME_SUBSCRIBER)
		lookup_subscriber(history, &read->subscriber, read->label);
	if (read->type == FRAME_GONE)
		lookup_gone(history, &read->gone);
	if (read->type == FRAME_IDLE)
		lookup_idle(history, read->idle.time);
	return true;
}

/* The files of a lookup. */
struct lookup_files {
	const struct recordings *recordings;
	const char *region;
	size_t left; /* files that were not read yet: the first ones */
	/* The first version of the file after those; .version is 0 if there is none. */
	struct recording_begin next;
	enum status status;
};

/* Opens a file, which must be a recording of the region. */
static bool lookup_recorded_open(struct lookup_files *files, const char *path,
                                 struct recording_reader *reader)
{
	FILE *file = recording_file(path);

	if (!file) {
		files->status =
			fail(fail_status(-errno), "cannot open %s: %s", path, strerror(errno));
		return false;
	}
	if (recording_open(reader, file) < 0)
		files->status = fail(STATUS_DAMAGED, "%s: %s", path, reader->why);
	else if (strcmp(reader->region, files->region) != 0)
		files->status =
			fail(STATUS_INPUT, "%s is a recording of region \"%s\", not of \"%s\"",
		             path, reader->region, files->region);
	else
		return true;
	recording_reader_close(reader);
	return false;
}

/* Adds the versions of the last file that is left, if it begins early enough. A recording that
 * can't be read as a whole is used up to there, with a message. */
static void lookup_recorded_file(struct lookup_history *history, struct lookup_files *files)
{
	const char *path = files->recordings->paths[--files->left];
	struct recording_reader reader;
	struct recording_begin first = {0};
	struct recording_read read;
	bool wanted;

	if (!lookup_recorded_open(files, path, &reader))
		return;
	/* The version of the first snapshot may be older than the first file. */
	wanted = files->left == 0 || reader.created <= history->until;
	while (recording_next(&reader, &read) == 1) {
		if (first.version == 0 && read.type == FRAME_BEGIN)
			first = read.begin;
		wanted = wanted && lookup_recorded_frame(history, &read);
		if (!wanted)
			break;
	}
	if (*reader.why && wanted && reader.damaged)
		fail(STATUS_DAMAGED, "%s: %s%s", path, reader.why,
		     history->any ? "; used up to the version before" : "");
	else if (*reader.why && wanted)
		note("%s: %s%s", path, reader.why,
		     history->any ? "; used up to the version before" : "");
	history->damaged |= reader.damaged && wanted;
	/* A file that begins with the version with which this one ends: nothing is between. */
	if (files->next.version && lookup_is_at(history, files->next.region, files->next.version))
		lookup_idle(history, history->until);
	files->next = first;
	recording_reader_close(&reader);
}

enum status lookup_recorded(struct lookup_history *history, const struct recordings *recordings,
                            const char *region)
{
	struct lookup_files files = {
		.recordings = recordings, .region = region, .left = recordings->count};
	struct lookup_history *earlier;

	while (files.left > 0 && !history->any)
		lookup_recorded_file(history, &files);
	history->oldest = files.next.time;
	if (!history->any)
		return files.status;
	while (files.left > 0 && !history->change.known) {
		earlier = heap_realloc(NULL, sizeof(*earlier));
		lookup_open(earlier, history->table, history->key, history->until);
		lookup_recorded_file(earlier, &files);
		history->damaged |= earlier->damaged;
		if (earlier->any) {
			lookup_continue(history, earlier);
		} else {
			lookup_close(earlier);
			free(earlier);
		}
	}
	/* Files that could not be used are an error only if no other one could. */
	return STATUS_DONE;
}
