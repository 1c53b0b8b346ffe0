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

/* Adds one frame to the history. Returns false if it is later than the history. */
static bool lookup_recorded_frame(struct lookup_history *history, const struct recording_read *read)
{
	bool mine = read->table && strcmp(read->table, history->table) == 0;

	if (read->type == FRAME_BEGIN) {
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
	return true;
}

/* Adds the versions of one file, if it begins early enough. A recording that can't be read as a
 * whole is used up to there, with a note. `first`: there is no earlier file. */
static void lookup_recorded_file(struct lookup_history *history, const char *path, bool first)
{
	struct recording_reader reader = {0};
	struct recording_read read;
	FILE *file = recording_file(path);
	bool wanted = true;
	int result;

	if (!file) {
		note("cannot open %s: %s", path, strerror(errno));
		return;
	}
	result = recording_open(&reader, file);
	/* What was recorded before this file tells what subscribers had applied. */
	if (result == 0 && (first || reader.created <= history->until))
		while (wanted && recording_next(&reader, &read) == 1)
			wanted = lookup_recorded_frame(history, &read);
	if (*reader.why && wanted)
		note("%s: %s%s", path, reader.why,
		     history->any ? "; used up to the version before" : "");
	recording_reader_close(&reader);
}

enum status lookup_recorded(struct lookup_history *history, const struct recordings *recordings)
{
	char until[DESCRIBED_MAX];
	struct lookup_history *earlier;
	size_t left = recordings->count;

	while (left > 0 && !history->any) {
		left--;
		lookup_recorded_file(history, recordings->paths[left], left == 0);
	}
	if (!history->any)
		return fail(STATUS_NO_TABLE, "there is no recording of %s or before",
		            describe_time(history->until, until));
	while (left > 0 && !history->change.known) {
		earlier = heap_realloc(NULL, sizeof(*earlier));
		lookup_open(earlier, history->table, history->key, history->until);
		left--;
		lookup_recorded_file(earlier, recordings->paths[left], left == 0);
		if (earlier->any) {
			lookup_continue(history, earlier);
		} else {
			lookup_close(earlier);
			free(earlier);
		}
	}
	return STATUS_DONE;
}
