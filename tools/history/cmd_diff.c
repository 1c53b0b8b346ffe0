/* SPDX-License-Identifier: MIT
 * stele diff: prints the rows that differ between two versions. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
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
	"  stele diff net              # what the newest version changed\n"
	"  stele diff net 42           # what version 42 changed\n"
	"  stele diff net 12:00 12:30\n"
	"  stele diff --exit-code net/routes before-upgrade -1 >changes.txt\n"
	"  stele diff --format ndjson net/routes 0 42\n"
	"\n"
	"Prints each row that was added (+), changed (~) or removed (-) between version FROM "
	"and version TO, in the format of 'stele watch', and each table that was created, "
	"altered or dropped (!). History must hold both versions."
	"\v"
	"Without FROM, the version before TO; without both, what the newest version changed. "
	"FROM may be 0, the time before the first version. FROM may be newer than TO: then "
	"the changes lead back. A version is a number, for a version of the present region; a "
	"token VERSION@UUID; -1 for the version before the newest; a time such as 12:03; or a "
	"name of 'stele tag'.\n";

struct diff {
	enum output_format format;
	bool exit_code;
};

enum { OPTION_EXIT_CODE = OPTION_OTHERS };

static error_t diff_parse(int key, char *argument, struct argp_state *state)
{
	struct diff *diff = state->input;

	(void)argument;
	if (key != OPTION_EXIT_CODE)
		return ARGP_ERR_UNKNOWN;
	diff->exit_code = true;
	return 0;
}

/* The two versions that are compared. */
struct ends {
	struct given from, to;
	struct stele_snapshot *before, *after; /* `before` is NULL if FROM is 0 */
};

static int diff_open_ends(struct stele_subscriber *subscriber, struct ends *ends)
{
	int result = stele_snapshot_open(subscriber, ends->to.version, &ends->after);

	if (result == 0 && ends->from.version)
		result = stele_snapshot_open(subscriber, ends->from.version, &ends->before);
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
                              const struct diff *diff)
{
	const struct stele_follow_table table = {.name = target->table};
	/* From the time before the first version, people see the rows alone. */
	bool tables = ends->before || diff->format == OUTPUT_JSON || diff->format == OUTPUT_NDJSON;
	struct difference difference = {.output = difference_output(stdout, diff->format)};
	enum status status = STATUS_DONE;
	struct stele_difference *rows;
	struct stele_event event;
	int result;

	result = stele_difference_open(ends->before, ends->after, *table.name ? &table : NULL,
	                               *table.name ? 1 : 0, &rows);
	if (result == 0) {
		stele_difference_set_flags(rows, tables ? STELE_TABLE_EVENTS : 0);
		while (status == STATUS_DONE && (result = stele_difference_next(rows, &event)) == 1)
			status = difference_is_of_table(&event)
			                 ? difference_print_table(&difference, &event)
			                 : difference_print(&difference, &event);
		stele_difference_close(rows);
	}
	if (result == -ESTALE)
		status = fail(
			STATUS_BUSY,
			"the publisher reclaimed a version while it was read, so the output is "
			"incomplete; run the command again");
	else if (result < 0)
		status = fail_library(result);
	status = output_end(difference.output, status);
	return status == STATUS_DONE && diff->exit_code && difference.printed ? STATUS_NOT_THERE
	                                                                      : status;
}

/* Parses the versions of the operands, of which there may be none. */
static enum status diff_parse_ends(char **versions, struct ends *ret)
{
	/* The newest version. */
	*ret = (struct ends){.to = {.form = GIVEN_BACK, .text = "-0"}};
	if (!versions[0])
		return STATUS_DONE;
	if (!versions[1])
		return given_parse("VERSION", versions[0], 1, UINT64_MAX, &ret->to);
	if (given_parse("FROM", versions[0], 0, UINT64_MAX, &ret->from) != STATUS_DONE)
		return STATUS_INPUT;
	return given_parse("TO", versions[1], 1, UINT64_MAX, &ret->to);
}

/* Finds the versions in the open region. Without FROM, the one before TO. */
static enum status diff_find_ends(const struct reader *reader, char **versions, struct ends *ends)
{
	bool both = versions[0] && versions[1];
	enum status status = STATUS_DONE;

	if (both)
		status = reader_check_given(reader, "FROM", &ends->from);
	if (status == STATUS_DONE)
		status = reader_check_given(reader, both ? "TO" : "VERSION", &ends->to);
	if (status == STATUS_DONE && !both)
		ends->from.version = ends->to.version - 1;
	return status;
}

static enum status diff_run(int argc, char **argv)
{
	struct diff diff = {.format = OUTPUT_TABLE};
	struct reader reader;
	struct target target;
	enum status status;
	struct ends ends;
	struct call call;
	int count, result;

	count = options_parse(&command_diff, argc, argv, &diff, &call);
	if (count < 1 || count > 3)
		return fail_usage("diff",
		                  "expected REGION or REGION/TABLE, and up to two versions");
	status = target_parse_source("diff", call.operands[0], false, &target);
	if (status == STATUS_DONE)
		status = diff_parse_ends(call.operands + 1, &ends);
	if (status == STATUS_DONE)
		status = reader_open(&reader, &call.place, target.region, READER_PINNED);
	if (status != STATUS_DONE)
		return status;
	status = diff_find_ends(&reader, call.operands + 1, &ends);
	if (status == STATUS_DONE) {
		result = diff_open_ends(reader.subscriber, &ends);
		status = result < 0 ? fail_library(result)
		                    : diff_check_table(&call.place, &target, &ends);
	}
	if (status == STATUS_DONE)
		status = diff_print(&target, &ends, &diff);
	/* reader_close() also closes the snapshots. */
	reader_close(&reader);
	return status;
}

const struct command command_diff = {
	.name = "diff",
	.summary = "print what differs between two versions",
	.usage = "REGION[/TABLE]|FILE[/TABLE] [[VERSION] VERSION]",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"exit-code", OPTION_EXIT_CODE, NULL, 0,
                         "Exit with 1 if rows or tables differ", 0},
			{0},
		},
	.parse = diff_parse,
	.common = &options_format,
	.reads = true,
	.counts = 1,
	.run = diff_run,
};
