/* SPDX-License-Identifier: MIT
 * stele diff: prints the rows that differ between two versions. */
#include <errno.h>
#include <stdio.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/output/difference.h"
#include "tools/output/output.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"
#include "tools/region/given.h"

static const char doc[] =
	"Examples:\n"
	"  stele diff net 41 42\n"
	"  stele diff --format ndjson net/routes 0 42\n"
	"\n"
	"Prints each row that was added (+), changed (~) or removed (-) between version FROM "
	"and version TO, in the format of 'stele watch'. History must hold both versions."
	"\v"
	"FROM may be 0, the time before the first version. FROM may be newer than TO: then "
	"the changes lead back. A version is a number, for a version of the present region, "
	"or a token VERSION@UUID.\n";

/* The two versions that are compared. */
struct ends {
	struct given from, to;
	struct stele_snapshot *before, *after; /* `before` is NULL if FROM is 0 */
};

static int diff_open_ends(struct stele_subscriber *subscriber, struct ends *ends)
{
	int result = 0;

	if (ends->from.version)
		result = stele_snapshot_open(subscriber, ends->from.version, &ends->before);
	if (result == 0)
		result = stele_snapshot_open(subscriber, ends->to.version, &ends->after);
	return result;
}

/* Refuses a table that neither version has: its name is probably misspelled. */
static enum status diff_check_table(const struct place *place, const struct target *target,
                                    const struct ends *ends)
{
	struct stele_table table;
	int result = -ENXIO;

	if (!*target->table)
		return STATUS_DONE;
	if (ends->before)
		result = stele_table_open(ends->before, target->table, NULL, &table);
	if (result == -ENXIO)
		result = stele_table_open(ends->after, target->table, NULL, &table);
	if (result == -ENXIO)
		return fail_no_table(place, "", target->region, target->table);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

static enum status diff_print(const struct target *target, const struct ends *ends,
                              enum output_format format)
{
	const struct stele_follow_table table = {.name = target->table};
	struct difference difference = {.output = difference_output(stdout, format)};
	enum status status = STATUS_DONE;
	struct stele_difference *rows;
	struct stele_event event;
	int result;

	result = stele_difference_open(ends->before, ends->after, *table.name ? &table : NULL,
	                               *table.name ? 1 : 0, &rows);
	if (result == 0) {
		while (status == STATUS_DONE && (result = stele_difference_next(rows, &event)) == 1)
			status = difference_print(&difference, &event);
		stele_difference_close(rows);
	}
	if (result == -ESTALE)
		status = fail(
			STATUS_BUSY,
			"the publisher reclaimed a version while it was read, so the output is "
			"incomplete; run the command again");
	else if (result < 0)
		status = fail_library(result);
	return output_end(difference.output, status);
}

static enum status diff_run(int argc, char **argv)
{
	enum output_format format = OUTPUT_TABLE;
	struct ends ends = {0};
	struct reader reader;
	struct target target;
	enum status status;
	struct call call;
	int result;

	if (options_parse(&command_diff, argc, argv, &format, &call) != 3)
		return fail_usage("diff", "expected REGION or REGION/TABLE and two versions");
	status = target_parse_source("diff", call.operands[0], false, &target);
	if (status == STATUS_DONE)
		status = given_parse("FROM", call.operands[1], 0, UINT64_MAX, &ends.from);
	if (status == STATUS_DONE)
		status = given_parse("TO", call.operands[2], 1, UINT64_MAX, &ends.to);
	if (status != STATUS_DONE)
		return status;
	status = reader_open(&reader, &call.place, target.region, READER_PINNED);
	if (status != STATUS_DONE)
		return status;
	status = reader_check_given(&reader, "FROM", &ends.from);
	if (status == STATUS_DONE)
		status = reader_check_given(&reader, "TO", &ends.to);
	if (status == STATUS_DONE) {
		result = diff_open_ends(reader.subscriber, &ends);
		status = result < 0 ? fail_library(result)
		                    : diff_check_table(&call.place, &target, &ends);
	}
	if (status == STATUS_DONE)
		status = diff_print(&target, &ends, format);
	/* reader_close() also closes the snapshots. */
	reader_close(&reader);
	return status;
}

const struct command command_diff = {
	.name = "diff",
	.summary = "print what differs between two versions",
	.usage = "REGION[/TABLE]|FILE[/TABLE] FROM TO",
	.doc = doc,
	.common = &options_format,
	.reads = true,
	.run = diff_run,
};
