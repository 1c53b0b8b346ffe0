/* SPDX-License-Identifier: MIT
 * stele upgrade: gives regions of an older library the layout of new ones. */
#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/place.h"

static const char doc[] =
	"Examples:\n"
	"  stele upgrade --dry-run net\n"
	"  stele upgrade net services\n"
	"\n"
	"Adds to each region the features of the layout that it lacks. A region that an older "
	"library made keeps its layout until then."
	"\v"
	"Services go on reading: subscribers move to the upgraded file by themselves, and "
	"versions, history and pins stay. But a subscriber or publisher with an older library "
	"can't use the region any more. So first restart the services with the newer library.\n"
	"\n"
	"If a region can't be upgraded, the others are upgraded all the same. A region in a "
	"System V segment is refused. Both files of a region exist for a moment, so there must "
	"be space for both.\n";

struct upgrade {
	bool dry_run;
	int64_t wait;
	unsigned flags; /* STELE_SHARED, or 0 */
};

static error_t upgrade_parse(int key, char *argument, struct argp_state *state)
{
	struct upgrade *upgrade = state->input;

	switch (key) {
	case 'n':
		upgrade->dry_run = true;
		return 0;
	case 'w':
		if (parse_seconds("--wait", argument, &upgrade->wait) != STATUS_DONE)
			return EINVAL;
		/* 0 means the default in the options; any negative number means not to wait. */
		if (upgrade->wait == 0)
			upgrade->wait = -1;
		return 0;
	case 'S':
		upgrade->flags = STELE_SHARED;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Prints the features that were, or would be, added to a region. */
static void upgrade_print(const char *region, const char *features, bool dry_run)
{
	if (*features)
		printf("%s: %s %s\n", region, dry_run ? "would add" : "added", features);
	else
		printf("%s: nothing to do\n", region);
}

static enum status upgrade_region(const struct upgrade *upgrade, const struct place *place,
                                  const char *region)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = upgrade->flags,
	                                          .attach_timeout_ns = upgrade->wait,
	                                          .waiting = fail_waiting};
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_publisher *publisher;
	int result;

	/* A publisher is attached only if there is something to do. */
	result = stele_region_describe(place_path(place, region), &info);
	if (result == 0 && *info.features_missing && !upgrade->dry_run) {
		result = stele_publisher_open(place_path(place, region), &options, &publisher);
		if (result < 0)
			return fail_region(place, region, result);
		result = stele_publisher_upgrade(publisher);
		/* Another publisher has upgraded the region meanwhile. */
		if (result == 0)
			info.features_missing[0] = '\0';
		stele_publisher_close(publisher);
	}
	if (result < 0)
		return fail_region(place, region, result);
	upgrade_print(region, info.features_missing, upgrade->dry_run);
	return STATUS_DONE;
}

static enum status upgrade_run(int argc, char **argv)
{
	enum status worst = STATUS_DONE;
	struct upgrade upgrade = {0};
	struct call call;

	if (options_parse(&command_upgrade, argc, argv, &upgrade, &call) < 1)
		return fail_usage("upgrade", "expected at least one REGION");
	for (char **region = call.operands; *region; region++) {
		enum status status = upgrade_region(&upgrade, &call.place, *region);

		if (worst == STATUS_DONE)
			worst = status;
	}
	return worst;
}

const struct command command_upgrade = {
	.name = "upgrade",
	.summary = "give regions the layout of the newest library",
	.usage = "REGION...",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"dry-run", 'n', NULL, 0, "Only say what would be added", 0},
			{"shared", 'S', NULL, 0,
                         "Take turns with publishers that have this option too", 0},
			{"wait", 'w', "SECONDS", 0,
                         "Wait this long for another publisher to go away (default: 5)", 0},
			{0},
		},
	.parse = upgrade_parse,
	.run = upgrade_run,
};
