/* SPDX-License-Identifier: MIT
 * stele wait: waits until there is a region, a table, or a newer version, for scripts and units
 * that start before their publisher.
 *
 * The subscriber is not registered, and no signal is caught: a signal ends the command at once, as
 * it ends sleep(1), and leaves nothing behind. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/region/fail_region.h"
#include "tools/region/given.h"
#include "tools/region/options.h"
#include "tools/region/owner.h"
#include "tools/region/place.h"
#include "tools/region/target.h"

static const char doc[] =
	"Examples:\n"
	"  stele wait net/routes --timeout 30 && start-the-service\n"
	"  seen=$(stele wait net)                     # now there is a region\n"
	"  seen=$(stele wait net --since \"$seen\")     # and now a newer version\n"
	"\n"
	"Waits until the region has a version, or the table exists; with --since, until "
	"there is a version newer than the given one that changed the region, or the table. "
	"Prints the newest version, as VERSION@UUID."
	"\v"
	"The region may be created, removed and created again meanwhile. A version of "
	"another region that has taken the name is newer than any version of the old one.\n"
	"\n"
	"The exit status is 1 if the time is over. Errors that waiting does not mend, such "
	"as a region that this user may not read, end the command at once.\n";

struct wait {
	const struct place *place;
	struct target target;
	struct given since;
	bool has_since;
	int64_t deadline; /* nanoseconds on CLOCK_MONOTONIC, or STELE_FOREVER */
	struct stele_subscriber *subscriber;
};

static error_t wait_parse(int key, char *argument, struct argp_state *state)
{
	struct wait *wait = state->input;
	enum status status;

	switch (key) {
	case 's':
		wait->has_since = true;
		status = given_parse("--since", argument, 0, INT64_MAX, &wait->since);
		break;
	case 'T':
		status = parse_deadline("--timeout", argument, &wait->deadline);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return status == STATUS_DONE ? 0 : EINVAL;
}

/* Returns true for the errors that end once a publisher has created the region, or opened it
 * again. */
static bool wait_mends(int error)
{
	return error == -ENOENT || error == -EIDRM || error == -EUCLEAN;
}

/* Waits for a region, if there is none. Returns 0 or a negative errno of the library. */
static int wait_open(struct wait *wait)
{
	const char *const tables[] = {wait->target.table, NULL};
	struct stele_subscriber_options options = {
		.size = sizeof(options),
		.flags = STELE_UNREGISTERED,
		.tables = wait->has_since && *wait->target.table ? tables : NULL,
	};
	int64_t now = clock_now();

	if (wait->deadline == STELE_FOREVER)
		options.wait_ns = STELE_FOREVER - now;
	else if (wait->deadline > now)
		options.wait_ns = wait->deadline - now;
	owner_apply(&wait->place->owner, &options.flags, &options.owner);
	return stele_subscriber_open(place_path(wait->place, wait->target.region), &options,
	                             &wait->subscriber);
}

/* Returns 1 if the newest version, `*ret`, has the table, 0 if not, or a negative errno. */
static int wait_has_table(const struct wait *wait, uint64_t *ret)
{
	struct stele_snapshot *snapshot;
	struct stele_table table;
	int result = stele_snapshot_open(wait->subscriber, 0, &snapshot);

	if (result < 0)
		return result;
	*ret = stele_snapshot_version(snapshot);
	result = stele_table_open(snapshot, wait->target.table, NULL, &table);
	stele_snapshot_close(snapshot);
	return result == 0 ? 1 : result == -ENXIO ? 0 : result;
}

/* Waits for a version newer than `*version`, and sets it. Without --since, one that has the table.
 * Returns 1, 0 at the deadline, or a negative errno of the library. */
static int wait_for_version(struct wait *wait, uint64_t *version)
{
	int result;

	do {
		result = stele_subscriber_wait(wait->subscriber, *version, wait->deadline, version);
		if (result != 1 || wait->has_since || !*wait->target.table)
			return result;
		result = wait_has_table(wait, version);
	} while (result == 0 || result == -ESTALE);
	return result;
}

/* Waits in the region that has the name now, and prints the version. Returns as
 * wait_for_version(). */
static int wait_in_region(struct wait *wait)
{
	char text[DESCRIBED_MAX];
	uint64_t version = 0;
	uint8_t uuid[16];
	int result;

	stele_subscriber_region_uuid(wait->subscriber, uuid);
	if (wait->has_since && given_is_of(&wait->since, uuid))
		version = wait->since.version;
	result = wait_for_version(wait, &version);
	if (result == 1)
		puts(describe_token(version, uuid, text));
	return result;
}

static enum status wait_fail(const struct wait *wait, int result)
{
	if (result == 0 && wait->has_since && wait->since.version > 0)
		return fail(STATUS_NOT_THERE, "%s: no version newer than %s in the given time",
		            wait->target.region, wait->since.token);
	if (result == 0 && *wait->target.table)
		return fail(STATUS_NOT_THERE, "%s: there was no table \"%s\" in the given time",
		            wait->target.region, wait->target.table);
	if (result == 0)
		return fail(STATUS_NOT_THERE, "%s: there was no version in the given time",
		            wait->target.region);
	if (wait_mends(result))
		return fail(STATUS_NOT_THERE, "%s: there was no region in the given time: %s",
		            wait->target.region, stele_last_error());
	return fail_reading(wait->place, wait->target.region, result);
}

static enum status wait_run(int argc, char **argv)
{
	struct wait wait = {.deadline = STELE_FOREVER};
	struct call call;
	enum status status;
	int result;

	if (options_parse(&command_wait, argc, argv, &wait, &call) != 1)
		return fail_usage("wait", "expected one REGION or REGION/TABLE");
	wait.place = &call.place;
	status = target_parse("wait", call.operands[0], false, &wait.target);
	if (status == STATUS_DONE)
		status =
			given_needs_region(&call.place, "--since", &wait.since, wait.target.region);
	if (status != STATUS_DONE)
		return status;
	result = wait_open(&wait);
	if (result < 0)
		return wait_fail(&wait, result);
	while (wait_mends(result = wait_in_region(&wait))) {
		result = stele_subscriber_reopen(wait.subscriber, wait.deadline);
		if (result < 0)
			break;
	}
	status = result == 1 ? STATUS_DONE : wait_fail(&wait, result);
	stele_subscriber_close(wait.subscriber);
	return status;
}

const struct command command_wait = {
	.name = "wait",
	.summary = "wait for a region, a table or a newer version",
	.usage = "REGION[/TABLE]",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"since", 's', "VERSION@UUID", 0,
                         "Wait for a version newer than this one (0: for the first one)", 0},
			{"timeout", 'T', "SECONDS", 0,
                         "Give up after this time (default: inf); the exit status is then 1", 0},
			{0},
		},
	.parse = wait_parse,
	.reads = true,
	.run = wait_run,
};
