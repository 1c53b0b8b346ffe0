/* SPDX-License-Identifier: MIT
 * stele alter: changes the schema of a table while programs read it. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/region/options.h"
#include "tools/region/target.h"
#include "tools/region/writer.h"
#include "tools/rows/evolution.h"

static const char doc[] =
	"Examples:\n"
	"  stele alter net/routes --add 'zone: char[8] default \"eu\"'\n"
	"  stele alter net/routes --rename metric=cost --deprecate interface\n"
	"  stele alter net/routes --dry-run --add 'weight: u16 default 100'\n"
	"  stele alter net/routes --force --to 'routes(prefix: ipv6net key, cost: u32)'\n"
	"  stele alter net --publishers shared\n"
	"\n"
	"Changes the columns of a table, as one version, while programs read it. Programs "
	"that were built with fewer columns go on in place."
	"\v"
	"The changes are made in the order in which they are given. An appended column gets "
	"its default, or zero, in all rows that exist, which are written again. It is "
	"placed after the whole struct of the rows before, never in the padding at its end. "
	"A renamed column is also found by its former names.\n"
	"\n"
	"--to declares the whole table as stele create does; the rows are kept. A change "
	"that programs could not read in place is refused. With --force it drops the table "
	"with its rows and creates it again, empty.\n"
	"\n"
	"A publisher that was built with fewer columns goes on too, if it declares its "
	"columns by stele_transaction_ensure_table().\n"
	"\n"
	"--publishers is about a whole region. With shared, all its publishers take turns from "
	"now on, as in a region of 'stele create --shared', so that an operator can step in "
	"beside a daemon. With alone, only those that ask for it do. A publisher that is attached "
	"goes on as it attached, so restart it.\n";

/* One change, in the order of the command line. */
struct alter_step {
	enum status (*apply)(struct evolution *evolution, const char *text);
	const char *text;
};

/* The options of stele alter. */
struct alter {
	struct options_writing writing;
	struct alter_step *steps;
	size_t step_count;
	const char *to;         /* --to, or NULL */
	const char *publishers; /* shared or alone; NULL: not given */
	bool force, dry_run;
};

static void alter_add_step(struct alter *alter,
                           enum status (*apply)(struct evolution *, const char *), const char *text)
{
	alter->steps = heap_realloc(alter->steps, (alter->step_count + 1) * sizeof(*alter->steps));
	alter->steps[alter->step_count++] = (struct alter_step){apply, text};
}

/* Keys of options that have no short form. */
enum { OPTION_ADD = OPTION_OTHERS, OPTION_RENAME, OPTION_TO, OPTION_PUBLISHERS };

static error_t alter_parse(int key, char *argument, struct argp_state *state)
{
	struct alter *alter = state->input;

	switch (key) {
	case OPTION_ADD:
		alter_add_step(alter, evolution_add, argument);
		return 0;
	case OPTION_RENAME:
		alter_add_step(alter, evolution_rename, argument);
		return 0;
	case 'x':
		alter_add_step(alter, evolution_deprecate, argument);
		return 0;
	case OPTION_TO:
		alter->to = argument;
		return 0;
	case 'F':
		alter->force = true;
		return 0;
	case 'n':
		alter->dry_run = true;
		return 0;
	case OPTION_PUBLISHERS:
		if (strcmp(argument, "shared") != 0 && strcmp(argument, "alone") != 0) {
			fail(STATUS_INPUT,
			     "--publishers: invalid value \"%s\" (expected shared or alone)",
			     argument);
			return EINVAL;
		}
		alter->publishers = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Parses the declaration of --to, which must be of this table. The caller frees `*ret`. */
static enum status alter_parse_to(const char *text, const char *table, struct stele_schema **ret)
{
	char name[STELE_NAME_MAX + 1];
	int result = stele_schema_parse(text, name, ret);

	if (result < 0)
		return fail(fail_status(result), "--to '%s': %s", text, stele_last_error());
	if (strcmp(name, table) == 0)
		return STATUS_DONE;
	*ret = stele_schema_free(*ret);
	return fail(STATUS_INPUT,
	            "--to '%s': expected a declaration of table \"%s\", not of \"%s\"", text, table,
	            name);
}

/* What an alter did or would do. */
struct alter_report {
	char *declaration; /* on the heap: the new declaration */
	uint64_t lost;     /* rows that were dropped */
	bool changed;      /* the schema differs */
	bool dropped;      /* the table was dropped and created again */
};

static void alter_declare(const char *table, const struct stele_schema *schema,
                          struct alter_report *report)
{
	size_t size = stele_schema_format(schema, NULL, 0) + strlen(table) + 3, at;

	report->declaration = heap_realloc(NULL, size);
	at = (size_t)sprintf(report->declaration, "%s(", table);
	at += stele_schema_format(schema, report->declaration + at, size - at);
	strcpy(report->declaration + at, ")");
}

/* Returns the number of rows of a table in a transaction. */
static uint64_t alter_count(struct stele_writable *table)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	uint64_t count = 0;

	if (stele_writable_cursor_open(table, &cursor) < 0)
		return 0;
	while (stele_cursor_next(cursor, &row) == 1)
		count++;
	stele_cursor_close(cursor);
	return count;
}

/* Gives the table the schema in the transaction: in place if programs can read on, else, with
 * --force, empty. */
static enum status alter_table(struct writer *writer, const struct alter *alter, const char *name,
                               struct stele_writable *table, const struct stele_schema *schema,
                               struct alter_report *report)
{
	int result = stele_transaction_alter_table(writer->tx, name, schema);

	report->changed = result == 1;
	if (result == -EMEDIUMTYPE && alter->force) {
		report->changed = report->dropped = true;
		report->lost = alter_count(table);
		result = stele_transaction_drop_table(writer->tx, name);
		if (result == 0)
			result = stele_transaction_create_table(writer->tx, name, schema);
	} else if (result == -EMEDIUMTYPE) {
		return fail(STATUS_INPUT, "%s (--force does so; the rows are lost)",
		            stele_last_error());
	}
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

/* Makes all changes in the transaction. */
static enum status alter_apply(struct writer *writer, const struct alter *alter, const char *name,
                               struct alter_report *report)
{
	const struct stele_schema *present;
	struct stele_schema *to = NULL, *copy;
	struct evolution evolution;
	struct stele_writable *table;
	enum status status = writer_open_table(writer, "", name, &table, &present);

	if (status == STATUS_DONE && alter->to)
		status = alter_parse_to(alter->to, name, &to);
	if (status != STATUS_DONE)
		return status;
	/* A copy: the alter makes the transaction's schema invalid. */
	copy = stele_schema_copy(to ? to : present);
	stele_schema_free(to);
	if (!copy)
		return fail(STATUS_NO_SPACE, "no memory for the schema of table \"%s\"", name);
	evolution_open(&evolution, copy);
	for (size_t i = 0; i < alter->step_count && status == STATUS_DONE; i++)
		status = alter->steps[i].apply(&evolution, alter->steps[i].text);
	if (status == STATUS_DONE)
		status = alter_table(writer, alter, name, table, &evolution.schema, report);
	if (status == STATUS_DONE)
		alter_declare(name, &evolution.schema, report);
	evolution_close(&evolution);
	stele_schema_free(copy);
	return status;
}

/* Prints what was done, or, without `token`, what would be done. */
static void alter_print(const char *table, const char *token, const struct alter_report *report)
{
	char lost[GROUPED_SIZE];

	if (!token)
		printf("%s\n", report->declaration);
	else if (!report->changed)
		printf("%s: nothing changed, version %s\n", table, token);
	else
		printf("%s: version %s, %s: %s\n", table, token,
		       report->dropped ? "dropped and created again" : "altered",
		       report->declaration);
	if (report->dropped)
		note("%s row%s of table \"%s\" %s lost", describe_grouped(report->lost, lost),
		     report->lost == 1 ? "" : "s", table,
		     !token              ? "would be"
		     : report->lost == 1 ? "is"
		                         : "are");
}

static enum status alter_commit(struct writer *writer, const struct alter *alter, const char *table,
                                const struct alter_report *report)
{
	char token[DESCRIBED_MAX];
	uint8_t uuid[16];
	uint64_t version;
	int result;

	if (alter->dry_run) {
		writer_close(writer);
		alter_print(table, NULL, report);
		return STATUS_DONE;
	}
	stele_publisher_region_uuid(writer->publisher, uuid);
	result = stele_transaction_commit(
		writer->tx, alter->writing.message ? alter->writing.message : "table altered",
		&version);
	writer->tx = NULL;
	if (result < 0)
		return fail_library(result);
	writer_close(writer);
	alter_print(table, describe_token_short(version, uuid, token), report);
	return STATUS_DONE;
}

/* Makes a region one that all publishers share, or no longer. */
static enum status alter_publishers(const struct call *call, const struct alter *alter)
{
	const char *region = call->operands[0];
	bool shared = strcmp(alter->publishers, "shared") == 0;
	struct writer writer;
	enum status status;
	int result;

	if (target_check_region(region) != STATUS_DONE)
		return STATUS_INPUT;
	status = writer_open(&writer, &call->place, region, &alter->writing);
	if (status != STATUS_DONE)
		return status;
	writer.tx = stele_transaction_abort(writer.tx);
	result = stele_publisher_set_shared(writer.publisher, shared);
	if (result < 0)
		status = fail_library(result);
	writer_close(&writer);
	if (status == STATUS_DONE)
		printf("%s: %s%s\n", region, result == 0 ? "nothing changed, " : "",
		       shared ? "all publishers share the region"
		              : "publishers share the region only if all ask for it");
	return status;
}

static enum status alter_run(int argc, char **argv)
{
	struct alter alter = {0};
	struct alter_report report = {0};
	struct writer writer;
	struct target target;
	enum status status;
	struct call call;

	if (options_parse(&command_alter, argc, argv, &alter, &call) != 1)
		status = fail_usage("alter", "expected one REGION/TABLE");
	else if (alter.publishers && (alter.step_count || alter.to || alter.dry_run || alter.force))
		status = fail_usage("alter", "--publishers cannot be used with other changes");
	else if (alter.publishers)
		return alter_publishers(&call, &alter);
	else if (alter.step_count == 0 && !alter.to)
		status = fail_usage("alter", "expected --add, --rename, --deprecate or --to");
	else
		status = target_parse("alter", call.operands[0], true, &target);
	if (status == STATUS_DONE)
		status = writer_open(&writer, &call.place, target.region, &alter.writing);
	if (status == STATUS_DONE) {
		status = alter_apply(&writer, &alter, target.table, &report);
		if (status == STATUS_DONE)
			status = alter_commit(&writer, &alter, target.table, &report);
		writer_close(&writer);
	}
	free(report.declaration);
	free(alter.steps);
	return status;
}

const struct command command_alter = {
	.name = "alter",
	.summary = "change the columns of a table under its readers",
	.usage = "REGION/TABLE|REGION",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"add", OPTION_ADD, "NAME: TYPE", 0,
                         "Append a column, declared as NAME: TYPE [ATTRIBUTE...]", 0},
			{"rename", OPTION_RENAME, "OLD=NEW", 0, "Rename a column", 0},
			{"deprecate", 'x', "COLUMN", 0, "Mark a column as deprecated", 0},
			{"to", OPTION_TO, "DECLARATION", 0,
                         "Start from this declaration instead of the present one", 0},
			{"force", 'F', NULL, 0,
                         "Drop the table with its rows and create it again, if programs could not "
                         "read on",
                         0},
			{"publishers", OPTION_PUBLISHERS, "shared|alone", 0,
                         "Of a region: all its publishers share it from now on, or no longer", 0},
			{"dry-run", 'n', NULL, 0, "Print the new declaration, and change nothing",
                         0},
			{0},
		},
	.parse = alter_parse,
	.common = &options_writing,
	.common_at = offsetof(struct alter, writing),
	.run = alter_run,
};
