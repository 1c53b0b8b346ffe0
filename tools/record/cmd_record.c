/* SPDX-License-Identifier: MIT
 * stele record: records what happens in a region in files, as a flight recorder does. */
#include <errno.h>
#include <stdio.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/record/recorder.h"
#include "tools/region/options.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"

static const char doc[] =
	"Examples:\n"
	"  stele record net --to /var/lib/stele/recordings\n"
	"  stele record net --to . --rotate 1h --keep 48 --wait inf\n"
	"  stele why net/routes 10.1.2.3 --at 12:03:17 --from /var/lib/stele/recordings\n"
	"  stele replay ./net.*.record --into trial --until 12:03:17\n"
	"\n"
	"Records each version of a region in files in DIRECTORY, until SIGINT, SIGTERM or "
	"SIGHUP: the rows that changed, the commit, and, about every second, which versions "
	"the subscribers have applied."
	"\v"
	"Each file, REGION.TIME.record, begins with all rows (a snapshot), and has what each "
	"version changed since (deltas). So the recording costs what changes; a region in which "
	"nothing changes costs 20 bytes each ten seconds, which say so. If the recorder is killed at any moment, its files can be read up "
	"to the last complete version.\n"
	"\n"
	"If history is too short for the recorder, one delta has the changes of several "
	"versions. If the publisher had to reclaim the version that was recorded last, or the "
	"region is created again, a snapshot follows. If the disk is full, the recorder waits "
	"for space, and then records what has changed meanwhile as one delta.\n"
	"\n"
	"The files hold all rows of the region, and only the user who records may read them. "
	"Files of machines with another byte order are refused.\n";

/* Keys of options without a short form. */
enum { RECORD_TO = OPTION_OTHERS, RECORD_ROTATE, RECORD_KEEP };

/* The options of stele record. */
struct record {
	const char *directory;
	uint64_t rotate, keep;
	int64_t wait; /* deadline; 0: do not wait */
};

static error_t record_parse(int key, char *argument, struct argp_state *state)
{
	struct record *record = state->input;
	enum status status = STATUS_DONE;

	switch (key) {
	case RECORD_TO:
		record->directory = argument;
		break;
	case RECORD_ROTATE:
		status = parse_duration("--rotate", argument, &record->rotate);
		/* A file a version would cost all rows for each, and --keep would keep versions. */
		if (status == STATUS_DONE && record->rotate < NSEC_PER_SEC)
			status = fail(STATUS_INPUT, "--rotate: %s is less than the minimum of 1s",
			              argument);
		break;
	case RECORD_KEEP:
		status = parse_count("--keep", argument, 0, UINT64_MAX, &record->keep);
		break;
	case 'w':
		status = parse_deadline("--wait", argument, &record->wait);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return status == STATUS_DONE ? 0 : EINVAL;
}

static enum status record_run(int argc, char **argv)
{
	/* Unlike a message queue, the futex leaves nothing behind if the recorder is killed.
	 * Because it is named, a recorder that gets no slot, and could pin no version, does not
	 * start. */
	struct stele_subscriber_options options = {.notifier = "futex", .label = "record"};
	struct record record = {.rotate = (uint64_t)(3600 * NSEC_PER_SEC), .keep = 48};
	struct recorder recorder = {.file = {.fd = -1}, .lock = -1};
	enum status status;
	struct call call;

	if (options_parse(&command_record, argc, argv, &record, &call) != 1)
		return fail_usage("record", "expected one REGION");
	if (!record.directory)
		return fail_usage("record", "expected --to DIRECTORY, for the recordings");
	if (target_check_region(call.operands[0]) != STATUS_DONE)
		return STATUS_INPUT;
	recorder.directory = record.directory;
	recorder.rotate = record.rotate;
	recorder.keep = record.keep;
	recorder.stop_fd = stop_descriptor();
	if (recorder.stop_fd < 0)
		return STATUS_SYSTEM;
	status = recorder_open(&recorder, call.operands[0]);
	if (status != STATUS_DONE)
		return status;
	status = reader_open_waiting(&recorder.reader, &call.place, call.operands[0], &options,
	                             record.wait);
	/* There is no subscriber if a signal came first. */
	if (status == STATUS_DONE && recorder.reader.subscriber)
		status = recorder_run(&recorder);
	recorder_close(&recorder);
	reader_close(&recorder.reader);
	return status;
}

const struct command command_record = {
	.name = "record",
	.summary = "record a region in files, as a flight recorder",
	.usage = "REGION",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"to", RECORD_TO, "DIRECTORY", 0, "Write the recordings here", 0},
			{"rotate", RECORD_ROTATE, "DURATION", 0,
                         "Start a new file after this time, such as 30m or 1h (the default)", 0},
			{"keep", RECORD_KEEP, "COUNT", 0,
                         "Keep this many files and remove older ones (default: 48; 0: keep all)",
                         0},
			{"wait", 'w', "SECONDS", 0,
                         "Wait this long for a region that does not exist yet (inf: without end)",
                         0},
			{0},
		},
	.parse = record_parse,
	.reads = true,
	.run = record_run,
};
