/* SPDX-License-Identifier: MIT
 * stele subscribers: lists the registered subscribers of a region, and how far behind each is. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/target.h"

static const char doc[] =
	"Examples:\n"
	"  stele subscribers net\n"
	"  stele subscribers --format json net | jq '.[] | select(.state == \"dead\")'\n"
	"\n"
	"Prints a line for each registered subscriber of a region: its process, its "
	"notifier, how far it is behind the newest version, what it pins, and what became of "
	"its notices."
	"\v"
	"The states are 'waiting' for the next version, 'busy', 'stopped', and 'dead'. A "
	"subscriber is dead if the kernel has dropped the lock of its process. The subscriber "
	"itself reports its name and its label, and the versions that it saw and applied.\n"
	"\n"
	"'lag' is the number of versions after the applied version, or after the seen "
	"version if it reports none as applied. 'lag_time' is the age of the first of these "
	"versions; if history has lost that one, 'lag_longer' is true, and 'lag_time' is the "
	"age of the oldest version in history, as a lower bound. For a subscriber that named "
	"tables, versions that do not concern it count too.\n"
	"\n"
	"Only the region's owner and root see the counters of notices. A reader that is not "
	"registered is not listed.\n";

enum {
	SLOT,
	STATE,
	PID,
	COMMAND,
	LABEL,
	USER,
	SINCE,
	NOTIFIER,
	SEEN,
	APPLIED,
	LAG,
	LAG_TIME,
	LAG_LONGER,
	PINNED,
	PINNED_BYTES,
	QUEUED,
	SENT,
	COALESCED,
	DROPPED,
	TABLES,
	UUID,
	COLUMNS
};

static const struct output_column columns[COLUMNS] = {
	[SLOT] = {"slot", true},
	[STATE] = {"state", false},
	[PID] = {"pid", true},
	[COMMAND] = {"command", false},
	[LABEL] = {"label", false},
	[USER] = {"user", false},
	[SINCE] = {"since", false},
	[NOTIFIER] = {"notifier", false},
	[SEEN] = {"seen", true},
	[APPLIED] = {"applied", true},
	[LAG] = {"lag", true},
	[LAG_TIME] = {"lag_time", true},
	[LAG_LONGER] = {"lag_longer", false},
	[PINNED] = {"pinned", true},
	[PINNED_BYTES] = {"pinned_bytes", true},
	[QUEUED] = {"queued", true},
	[SENT] = {"sent", true},
	[COALESCED] = {"coalesced", true},
	[DROPPED] = {"dropped", true},
	[TABLES] = {"tables", true},
	[UUID] = {"uuid", false},
};

/* Finds the user of a subscriber: the owner of its queue or, as a hint, the owner of the process
 * that has its number and its name. */
static bool subscribers_find_user(const struct stele_subscriber_info *info,
                                  char user[DESCRIBED_MAX])
{
	const struct passwd *entry;
	char path[64], command[32] = "";
	int64_t uid = info->user;
	struct stat status;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/comm", (unsigned)info->pid);
	file = uid < 0 ? fopen(path, "re") : NULL;
	if (file) {
		if (fgets(command, sizeof(command), file) && fstat(fileno(file), &status) == 0 &&
		    strcspn(command, "\n") == strlen(info->command) &&
		    strncmp(command, info->command, strlen(info->command)) == 0)
			uid = status.st_uid;
		fclose(file);
	}
	if (uid < 0)
		return false;
	entry = getpwuid((uid_t)uid);
	if (entry)
		snprintf(user, DESCRIBED_MAX, "%s", entry->pw_name);
	else
		describe_number((uint64_t)uid, user);
	return true;
}

static const char *subscribers_state(const struct stele_subscriber_info *info)
{
	if (!info->alive)
		return "dead";
	if (describe_is_stopped(info->pid, info->command))
		return "stopped";
	return info->waiting ? "waiting" : "busy";
}

static void subscribers_fill_notices(const struct stele_subscriber_info *info,
                                     char texts[][DESCRIBED_MAX], struct cell *cells)
{
	if (info->queued >= 0)
		cells[QUEUED] = cell_number((uint64_t)info->queued, texts[QUEUED]);
	if (!info->counted)
		return;
	cells[SENT] = cell_number(info->sent, texts[SENT]);
	cells[COALESCED] = cell_number(info->coalesced, texts[COALESCED]);
	cells[DROPPED] = cell_number(info->dropped, texts[DROPPED]);
}

static void subscribers_fill_progress(const struct stele_subscriber_info *info,
                                      char texts[][DESCRIBED_MAX], char plain[][DESCRIBED_MAX],
                                      struct cell *cells)
{
	char age[DESCRIBED_MAX];

	if (info->seen)
		cells[SEEN] = cell_number(info->seen, texts[SEEN]);
	if (info->applied)
		cells[APPLIED] = cell_number(info->applied, texts[APPLIED]);
	cells[LAG] = cell_number(info->behind, texts[LAG]);
	if (info->behind_since) {
		cells[LAG_TIME] = cell_time(info->behind_since, texts[LAG_TIME]);
		describe_age(info->behind_since, age);
		snprintf(plain[LAG_TIME], DESCRIBED_MAX, "%s%.40s",
		         info->behind_longer ? "at least " : "", age);
		cells[LAG_TIME].plain = plain[LAG_TIME];
		cells[LAG_LONGER] = cell_literal(info->behind_longer ? "true" : "false");
	}
	if (info->pinned[0])
		cells[PINNED] = cell_number(info->pinned[0], texts[PINNED]);
	cells[PINNED_BYTES] =
		cell_size(info->pinned_bytes, texts[PINNED_BYTES], plain[PINNED_BYTES]);
}

/* The output, and the first error in writing it. */
struct listing {
	struct output *output;
	enum status status;
};

static void subscribers_print_one(const struct stele_subscriber_info *info, void *context)
{
	char texts[COLUMNS][DESCRIBED_MAX], plain[COLUMNS][DESCRIBED_MAX];
	struct listing *listing = context;
	struct cell cells[COLUMNS] = {0};

	if (listing->status != STATUS_DONE)
		return;
	cells[SLOT] = cell_number(info->slot, texts[SLOT]);
	cells[STATE] = cell_text(subscribers_state(info));
	cells[PID] = cell_number(info->pid, texts[PID]);
	cells[COMMAND] = cell_text(info->command);
	if (*info->label)
		cells[LABEL] = cell_text(info->label);
	if (subscribers_find_user(info, texts[USER]))
		cells[USER] = cell_text(texts[USER]);
	if (info->since) {
		cells[SINCE] = cell_time(info->since, texts[SINCE]);
		cells[SINCE].plain = describe_age(info->since, plain[SINCE]);
	}
	cells[NOTIFIER] = cell_text(info->notifier);
	subscribers_fill_progress(info, texts, plain, cells);
	subscribers_fill_notices(info, texts, cells);
	cells[TABLES] = cell_number(info->tables, texts[TABLES]);
	if (!info->tables)
		cells[TABLES].plain = "all";
	cells[UUID] = cell_text(describe_uuid(info->uuid, texts[UUID]));
	listing->status = output_row(listing->output, cells);
}

static enum status subscribers_run(int argc, char **argv)
{
	enum output_format format = OUTPUT_TABLE;
	struct listing listing = {0};
	struct call call;
	int result;

	if (options_parse(&command_subscribers, argc, argv, &format, &call) != 1)
		return fail_usage("subscribers", "expected one REGION");
	if (place_is_path(call.operands[0]))
		return fail(STATUS_INPUT,
		            "%s is a saved file, which has no subscribers; expected a REGION",
		            call.operands[0]);
	if (target_check_region(call.operands[0]) != STATUS_DONE)
		return STATUS_INPUT;
	listing.output = output_open(format, SHAPE_ROWS, columns, COLUMNS);
	result = stele_region_subscribers(place_path(&call.place, call.operands[0]),
	                                  subscribers_print_one, &listing);
	if (result < 0)
		return output_end(listing.output,
		                  fail_region(&call.place, call.operands[0], result));
	return output_end(listing.output, listing.status);
}

const struct command command_subscribers = {
	.name = "subscribers",
	.summary = "list the subscribers of a region",
	.usage = "REGION",
	.doc = doc,
	.common = &options_format,
	.run = subscribers_run,
};
