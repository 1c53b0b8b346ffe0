/* SPDX-License-Identifier: MIT
 * stele rollback: makes a new version with the contents of an older one. */
#include <argp.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/region/options.h"
#include "tools/region/given.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"
#include "tools/region/writer.h"

static const char doc[] =
	"Examples:\n"
	"  stele rollback net --to 41\n"
	"  stele rollback net --to -1\n"
	"  stele rollback net/routes --to 12:03\n"
	"  stele rollback net --to 41 --if-head 43@3f2a9c1e --message 'bad import'\n"
	"\n"
	"Makes a new version with the tables and rows of an older one, which history must "
	"hold or a subscriber must pin. Of REGION/TABLE, only the rows of this table."
	"\v"
	"VERSION is a number, a token, -1 for the version before the newest, a time such as "
	"12:03, or a name of 'stele tag'. A table that was dropped since is created again. A "
	"table that was altered since is rolled back only with its region.\n"
	"\n"
	"The cost depends on the number of rows that differ. If none differs, there is no "
	"new version. The rows that change are at the new version, so that a rollback can be "
	"rolled back too.\n";

struct rollback {
	struct options_writing writing;
	struct given version; /* --to; 0: not given */
};

/* Keys of options that have no short form. */
enum { OPTION_TO = OPTION_OTHERS };

static error_t rollback_parse(int key, char *argument, struct argp_state *state)
{
	struct rollback *rollback = state->input;

	switch (key) {
	case OPTION_TO:
		if (given_parse("--to", argument, 1, INT64_MAX, &rollback->version) != STATUS_DONE)
			return EINVAL;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Puts or deletes a row, as an event of the difference from the newest version to the older one
 * says. */
static int rollback_row(struct stele_writable *table, const struct stele_event *event)
{
	const struct stele_change *change = &event->change;
	const struct stele_row *row = &change->after;

	if (event->kind != STELE_EVENT_CHANGE)
		return 0;
	if (change->kind == STELE_REMOVED)
		return stele_writable_delete(table, change->before.key, change->before.key_bits);
	return stele_writable_put(table, row->key, row->key_bits, row->value, row->value_size);
}

/* Opens the table to be rolled back, which may have to be created again. It must have the columns
 * that it had: rows of other columns could not be put into it. */
static enum status rollback_open_table(struct writer *writer, const char *name,
                                       const struct stele_schema *schema,
                                       struct stele_writable **ret)
{
	const struct stele_schema *present;
	int result;

	result = stele_transaction_schema(writer->tx, name, &present);
	if (result == -ENXIO)
		result = stele_transaction_create_table(writer->tx, name, schema);
	else if (result == 0 && !stele_schema_equal(present, schema))
		return fail(STATUS_INPUT,
		            "table \"%s\" had other columns in that version; roll back the whole "
		            "region, or see 'stele diff'",
		            name);
	if (result == 0)
		result = stele_writable_open(writer->tx, name, NULL, ret);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

/* Makes the rows of a table those of the snapshot `after`; `before` is of the newest version. */
static enum status rollback_rows(struct writer *writer, const char *name,
                                 const struct stele_snapshot *before,
                                 const struct stele_snapshot *after)
{
	const struct stele_follow_table only = {.name = name};
	struct stele_schema *schema = NULL;
	struct stele_difference *rows;
	struct stele_writable *table;
	struct stele_table former;
	struct stele_event event;
	enum status status;
	int result;

	result = stele_table_open(after, name, NULL, &former);
	if (result == -ENXIO)
		return fail(STATUS_NO_TABLE,
		            "there was no table \"%s\" in that version; 'stele drop' drops it",
		            name);
	if (result == 0)
		result = stele_table_schema(&former, &schema);
	if (result < 0)
		return fail_library(result);
	status = rollback_open_table(writer, name, schema, &table);
	if (status == STATUS_DONE)
		result = stele_difference_open(before, after, &only, 1, &rows);
	if (status == STATUS_DONE && result == 0) {
		while (result >= 0 && (result = stele_difference_next(rows, &event)) == 1)
			result = rollback_row(table, &event);
		stele_difference_close(rows);
	}
	stele_schema_free(schema);
	return result < 0 ? fail_library(result) : status;
}

/* Rolls back one table. The region is locked, so that its newest version stays the newest. */
static enum status rollback_table(struct writer *writer, const char *name,
                                  const struct given *version)
{
	struct given to = *version;
	struct stele_snapshot *before, *after;
	struct reader reader;
	enum status status;
	int result;

	status = reader_open(&reader, writer->place, writer->region, READER_PINNED);
	if (status != STATUS_DONE)
		return status;
	status = reader_check_given(&reader, "--to", &to);
	if (status == STATUS_DONE) {
		result = stele_snapshot_open(reader.subscriber, 0, &before);
		if (result == 0)
			result = stele_snapshot_open(reader.subscriber, to.version, &after);
		status = result < 0 ? fail_library(result)
		                    : rollback_rows(writer, name, before, after);
	}
	/* reader_close() also closes the snapshots. */
	reader_close(&reader);
	return status;
}

static enum status rollback_commit(struct writer *writer, const struct target *target,
                                   const struct given *version)
{
	struct stele_position to;
	enum status status;
	int result;

	if (*target->table)
		return rollback_table(writer, target->table, version);
	status = writer_position(writer, STATUS_NO_TABLE, "--to", version, &to);
	if (status != STATUS_DONE)
		return status;
	result = stele_transaction_rollback(writer->tx, &to);
	if (result == -EIDRM)
		return fail(STATUS_NO_TABLE, "--to: %s", stele_last_error());
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

static enum status rollback_run(int argc, char **argv)
{
	struct rollback rollback = {0};
	const char *message;
	struct writer writer;
	struct target target;
	enum status status;
	struct call call;
	char text[128];

	if (options_parse(&command_rollback, argc, argv, &rollback, &call) != 1)
		return fail_usage("rollback", "expected one REGION or REGION/TABLE");
	if (!given_is_set(&rollback.version))
		return fail_usage("rollback", "expected --to with a version");
	status = target_parse("rollback", call.operands[0], false, &target);
	if (status == STATUS_DONE)
		status = given_resolve(&call.place, "--to", &rollback.version, target.region);
	if (status != STATUS_DONE)
		return status;
	snprintf(text, sizeof(text), "rollback%s%s to version %llu", *target.table ? " of " : "",
	         target.table, (unsigned long long)rollback.version.version);
	message = rollback.writing.message ? rollback.writing.message : text;
	status = writer_open(&writer, &call.place, target.region, &rollback.writing);
	if (status != STATUS_DONE)
		return status;
	status = rollback_commit(&writer, &target, &rollback.version);
	if (status == STATUS_DONE)
		status = writer_commit(&writer, *target.table ? target.table : target.region,
		                       message, -1);
	writer_close(&writer);
	return status;
}

const struct command command_rollback = {
	.name = "rollback",
	.summary = "go back to an older version",
	.usage = "REGION[/TABLE] --to VERSION",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"to", OPTION_TO, "VERSION", 0, "The version to go back to", 0}, {0}},
	.parse = rollback_parse,
	.common = &options_writing,
	.common_at = offsetof(struct rollback, writing),
	.run = rollback_run,
};
