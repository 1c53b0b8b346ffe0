/* SPDX-License-Identifier: MIT
 * stele replay: publishes what stele record has recorded, version by version. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/record/replay.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/target.h"
#include "tools/usage/directory.h"

static const char doc[] =
	"Examples:\n"
	"  stele replay ./net.*.record --into trial\n"
	"  stele replay ./net.*.record --into trial --until '2026-01-31 12:03:17'\n"
	"  stele replay ./net.*.record --into trial --speed 10 &\n"
	"  stele watch trial\n"
	"\n"
	"Publishes the versions in recordings of 'stele record', in the order of the FILEs, to "
	"REGION, which is created or is still empty. Each version becomes one version, whose "
	"message has the number, the time and the publisher of the recorded one."
	"\v"
	"A file that was cut, because its recorder was killed or is still writing, is replayed up "
	"to its last complete version; a note says so. A damaged file is replayed up to the damage, "
	"and the exit status is 7. The next file goes on with all rows.\n"
	"\n"
	"To set the size, the history or the directory of REGION, create it first, with 'stele "
	"create' and without tables.\n";

/* Keys of options without a short form. */
enum { REPLAY_INTO = OPTION_OTHERS, REPLAY_UNTIL, REPLAY_SPEED };

struct replay_options {
	char *into;
	uint64_t until;
	double speed;
};

static error_t replay_parse(int key, char *argument, struct argp_state *state)
{
	struct replay_options *options = state->input;
	char *end;

	switch (key) {
	case REPLAY_INTO:
		options->into = argument;
		return 0;
	case REPLAY_UNTIL:
		return parse_time("--until", argument, &options->until) == STATUS_DONE ? 0 : EINVAL;
	case REPLAY_SPEED:
		options->speed = strtod(argument, &end);
		if (end != argument && !*end && options->speed >= 1e-6 && options->speed <= 1e9)
			return 0;
		fail(STATUS_INPUT,
		     "--speed: invalid value \"%s\" (expected a factor, such as 1 or 10)",
		     argument);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Opens the region, which must have no version yet, or creates it. */
static enum status replay_open(struct replay *replay, const struct place *place, const char *region,
                               bool *ret_created)
{
	struct stele_publisher_options options = {.size = sizeof(options)};
	const char *path = place_path(place, region);
	int result;

	result = stele_publisher_open(path, &options, &replay->publisher);
	if (result == -ENOENT) {
		options.flags = STELE_CREATE;
		result = stele_publisher_open(path, &options, &replay->publisher);
		*ret_created = result == 0;
	}
	if (result < 0)
		return fail_region(place, region, result);
	if (stele_publisher_version(replay->publisher) == 0)
		return STATUS_DONE;
	return fail(STATUS_INPUT,
	            "region \"%s\" has versions already, which a replay would change; give it a "
	            "new name, or remove it with 'stele rm %s'",
	            region, region);
}

/* Commits the versions of all files. */
static enum status replay_files(struct replay *replay, const struct call *call, int count,
                                const char *region)
{
	bool created = false;
	enum status status;

	status = replay_open(replay, &call->place, region, &created);
	for (int i = 0; i < count && status == STATUS_DONE && !replay->ended; i++)
		status = replay_file(replay, call->operands[i]);
	if (status == STATUS_DONE)
		printf("%s: %llu versions replayed\n", region,
		       (unsigned long long)replay->versions);
	if (status == STATUS_DONE && replay->damaged)
		status = STATUS_DAMAGED;
	if (replay->publisher)
		stele_publisher_close(replay->publisher);
	/* A command that fails leaves nothing behind. */
	if (created && status != STATUS_DONE && replay->versions == 0)
		stele_region_remove(place_path(&call->place, region));
	replay_free(replay);
	return status;
}

static enum status replay_run(int argc, char **argv)
{
	struct replay_options options = {.until = UINT64_MAX};
	struct replay replay = {0};
	enum status status = STATUS_DONE;
	struct call call;
	char *into;
	int count;

	count = options_parse(&command_replay, argc, argv, &options, &call);
	if (count < 1)
		return fail_usage("replay", "expected one or more FILEs");
	if (!options.into)
		return fail_usage("replay", "expected --into REGION");
	into = directory_split(options.into, (struct directory_form){.region = true},
	                       &call.place.directory);
	options.into = into ? into : options.into;
	if (target_check_region(options.into) != STATUS_DONE)
		return STATUS_INPUT;
	replay.until = options.until;
	replay.speed = options.speed;
	replay.stop_fd = stop_descriptor();
	if (replay.stop_fd < 0)
		return STATUS_SYSTEM;
	/* Before the region is created. */
	for (int i = 0; i < count && status == STATUS_DONE; i++)
		status = replay_check_file(call.operands[i]);
	return status == STATUS_DONE ? replay_files(&replay, &call, count, options.into) : status;
}

const struct command command_replay = {
	.name = "replay",
	.summary = "publish what was recorded, version by version",
	.usage = "FILE...",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"into", REPLAY_INTO, "REGION", 0, "Publish to this region", 0},
			{"until", REPLAY_UNTIL, "TIME", 0,
                         "End before the first version that is later, such as 12:03:17 or 2026-01-31T12:03:17Z",
                         0},
			{"speed", REPLAY_SPEED, "FACTOR", 0,
                         "Pause between versions as when they were recorded, this many times as fast (default: no pauses)",
                         0},
			{0},
		},
	.parse = replay_parse,
	.run = replay_run,
};
