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
#include "tools/record/story.h"
#include "tools/record/story_recorded.h"

/* Tells the story one frame. Returns false if it is later than the story. */
static bool story_recorded_frame(struct story *story, const struct recording_read *read)
{
	bool mine = read->table && strcmp(read->table, story->table) == 0;

	if (read->type == FRAME_BEGIN) {
		if (read->begin.time > story->until)
			return false;
		story_begin(story, &read->begin);
	}
	if (read->type == FRAME_COMMIT)
		story_commit(story, &read->commit);
	if (read->type == FRAME_TABLE && mine)
		story_define(story, read->schema);
	if (read->type == FRAME_DROP && mine)
		story_drop(story);
	if (read->type == FRAME_PUT && mine)
		story_put(story, &read->row);
	if (read->type == FRAME_DELETE && mine)
		story_delete(story, read->row.key, read->row.key_bits);
	if (read->type == FRAME_END)
		story_end(story);
	if (read->type == FRAME_SUBSCRIBER)
		story_subscriber(story, &read->subscriber, read->label);
	if (read->type == FRAME_GONE)
		story_gone(story, &read->gone);
	return true;
}

/* Tells the story of one file, if it begins early enough. A recording that can't be read as a whole
 * is used up to there, with a note. `first`: there is no earlier file. */
static void story_recorded_file(struct story *story, const char *path, bool first)
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
	if (result == 0 && (first || reader.created <= story->until))
		while (wanted && recording_next(&reader, &read) == 1)
			wanted = story_recorded_frame(story, &read);
	if (*reader.why && wanted)
		note("%s: %s%s", path, reader.why,
		     story->any ? "; used up to the version before" : "");
	recording_reader_close(&reader);
}

enum status story_recorded(struct story *story, const struct recordings *recordings)
{
	char until[DESCRIBED_MAX];
	struct story *earlier;
	size_t left = recordings->count;

	while (left > 0 && !story->any) {
		left--;
		story_recorded_file(story, recordings->paths[left], left == 0);
	}
	if (!story->any)
		return fail(STATUS_NO_TABLE, "there is no recording of %s or before",
		            describe_time(story->until, until));
	while (left > 0 && !story->change.known) {
		earlier = heap_realloc(NULL, sizeof(*earlier));
		story_open(earlier, story->table, story->key, story->until);
		left--;
		story_recorded_file(earlier, recordings->paths[left], left == 0);
		if (earlier->any) {
			story_continue(story, earlier);
		} else {
			story_close(earlier);
			free(earlier);
		}
	}
	return STATUS_DONE;
}
