/* SPDX-License-Identifier: MIT
 * stele list: lists all regions of a directory, including those that cannot be read. */
#include <errno.h>
#include <stdio.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/region/options.h"
#include "tools/region/owner.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"

static const char doc[] =
	"Examples:\n"
	"  stele list\n"
	"  stele list --format ndjson | jq -r .name\n"
	"\n"
	"Lists the regions of this machine, in the order of their names: version, tables, "
	"rows, attached publisher, subscribers, size, owner, and whether the layout is that of "
	"new regions or an older one, to which 'stele upgrade' adds something."
	"\v"
	"A region that cannot be read is listed with the reason in the column 'state', and "
	"does not stop the others. The state is 'ok' if the region can be read, and its "
	"owner is this user, root, or the owner of its directory.\n";

enum { NAME, VERSION, TABLES, ROWS, PUBLISHER, SUBSCRIBERS, SIZE, OWNER, LAYOUT, STATE, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[NAME] = {"name", false},
	[VERSION] = {"version", true},
	[TABLES] = {"tables", true},
	[ROWS] = {"rows", true},
	[PUBLISHER] = {"publisher", false},
	[SUBSCRIBERS] = {"subscribers", true},
	[SIZE] = {"size", true},
	[OWNER] = {"owner", true},
	[LAYOUT] = {"layout", false},
	[STATE] = {"state", false},
};

/* Nanoseconds between two flushes of the output, so that rows appear while regions are read. */
#define FLUSH_INTERVAL (100 * NSEC_PER_MSEC)

struct listing {
	const struct place *place;
	struct output *output;
	enum status status;
	int64_t flushed; /* time of the last flush, nanoseconds on CLOCK_MONOTONIC */
};

struct sum {
	uint64_t tables, rows;
};

static int list_add_table(void *context, const char *name, const struct stele_table *table)
{
	struct sum *sum = context;

	(void)name;
	sum->tables++;
	sum->rows += stele_table_rows(table);
	return 0;
}

static int list_count(const struct place *place, const char *region, struct sum *ret)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED | STELE_ANY_OWNER};
	struct stele_subscriber *subscriber;
	int result;

	result = stele_subscriber_open(place_path(place, region), &options, &subscriber);
	if (result < 0)
		return result;
	result = -ESTALE;
	for (int i = 0; i < READ_TRIES && result == -ESTALE; i++) {
		*ret = (struct sum){0};
		result = reader_each_table(subscriber, list_add_table, ret, NULL);
	}
	stele_subscriber_close(subscriber);
	return result;
}

/* Flushes the output if the last flush is old enough. Called after each region, so that one slow
 * region does not hold back the rows before it. */
static enum status list_flush_at_times(struct listing *listing)
{
	int64_t now = clock_now();

	if (now - listing->flushed < FLUSH_INTERVAL)
		return STATUS_DONE;
	listing->flushed = now;
	return output_flush(listing->output);
}

static int list_region(const char *name, void *context)
{
	struct listing *listing = context;
	struct stele_region_info info = {.size = sizeof(info)};
	char texts[COLUMNS + 1][DESCRIBED_MAX];
	struct cell cells[COLUMNS] = {0};
	char user[OWNER_SIZE];
	struct sum sum;
	int result;

	cells[NAME] = cell_text(name);
	result = stele_region_describe(place_path(listing->place, name), &info);
	/* The region was removed after its name was read from the directory. */
	if (result == -ENOENT)
		return 0;
	if (result == 0) {
		cells[VERSION] = cell_number(info.version, texts[VERSION]);
		cells[SUBSCRIBERS] = cell_number(info.subscribers, texts[SUBSCRIBERS]);
		cells[SIZE] = cell_size(info.file_size, texts[SIZE], texts[COLUMNS]);
		cells[OWNER] = cell_number(info.owner, texts[OWNER]);
		cells[LAYOUT] = cell_text(*info.features_missing ? "older" : "present");
		if (info.publisher_attached)
			cells[PUBLISHER] = cell_text(describe_process(
				info.publisher_pid, info.publisher_command, texts[PUBLISHER]));
		result = list_count(listing->place, name, &sum);
	}
	if (result == 0) {
		cells[TABLES] = cell_number(sum.tables, texts[TABLES]);
		cells[ROWS] = cell_number(sum.rows, texts[ROWS]);
	}
	if (result == 0 && !info.owner_trusted)
		snprintf(texts[STATE], sizeof(texts[STATE]), "untrusted owner: %s",
		         owner_name(info.owner, user));
	cells[STATE] = cell_text(result < 0           ? stele_last_error()
	                         : info.owner_trusted ? "ok"
	                                              : texts[STATE]);
	listing->status = output_row(listing->output, cells);
	if (listing->status == STATUS_DONE)
		listing->status = list_flush_at_times(listing);
	return (int)listing->status;
}

static enum status list_run(int argc, char **argv)
{
	enum output_format format = OUTPUT_TABLE;
	struct listing listing = {.flushed = clock_now()};
	struct call call;
	int result;

	if (options_parse(&command_list, argc, argv, &format, &call) != 0)
		return fail_usage("list",
		                  "expected no operands; 'stele show %s' describes one region",
		                  call.operands[0]);
	listing.place = &call.place;
	listing.output = output_open(format, SHAPE_ROWS, columns, COLUMNS);
	result = stele_region_each(call.place.directory, list_region, &listing);
	if (result < 0)
		listing.status = fail_library(result);
	return output_end(listing.output, listing.status);
}

const struct command command_list = {
	.name = "list",
	.summary = "list the regions",
	.doc = doc,
	.common = &options_format,
	.run = list_run,
};
