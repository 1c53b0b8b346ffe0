/* SPDX-License-Identifier: MIT
 * stele set and stele delete: change single rows, whose keys are operands. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/input/put.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/target.h"
#include "tools/region/given.h"
#include "tools/region/writer.h"
#include "tools/rows/column.h"
#include "tools/rows/row.h"

static const char set_doc[] =
	"Examples:\n"
	"  stele set net/routes 10.0.0.0/8 next_hop=192.0.2.1 metric=5\n"
	"  stele set net/routes 10.0.0.0/8 metric=6\n"
	"  stele set lan/hosts '7,\"Smith, J.\"' address=192.0.2.9\n"
	"  stele set net/offsets -- -5 name=five\n"
	"  stele set --if-absent net/leader main host=a\n"
	"  stele set --if-version 7@3f2a9c1e net/routes 10.0.0.0/8 metric=7\n"
	"\n"
	"Sets columns of the row with this key, as one version. An existing row keeps the "
	"columns that are not named. A new row needs all columns."
	"\v"
	"The columns of a longer KEY are joined by commas, as in CSV.\n"
	"\n"
	"If the condition of --if-version or --if-absent does not hold, nothing is changed, "
	"and the exit status is 10. A version is a token: its number with the UUID of the "
	"region or the first 8 digits of it, as 'stele show' prints it.\n";

static const char delete_doc[] =
	"Examples:\n"
	"  stele delete net/routes 10.0.0.0/8\n"
	"  stele delete --message 'moved away' net/routes 10.1.0.0/16 10.2.0.0/16\n"
	"\n"
	"Deletes rows, all as one version. If one of them does not exist, none is deleted, "
	"and the exit status is 1."
	"\v"
	"The columns of a longer KEY are joined by commas, as in CSV. If the condition of "
	"--if-version does not hold for each of the rows, nothing is changed, and the exit "
	"status is 10.\n";

/* The options of stele set and stele delete. */
struct change {
	struct options_writing writing;
	struct condition condition;
};

static error_t set_parse(int key, char *argument, struct argp_state *state)
{
	struct change *change = state->input;
	struct condition *condition = &change->condition;

	switch (key) {
	case OPTION_IF_VERSION:
	case OPTION_IF_ABSENT:
		if (condition->given) {
			fail(STATUS_INPUT, "--if-version and --if-absent: expected one of them, "
			                   "once");
			return EINVAL;
		}
		condition->given = true;
		condition->option = "--if-version";
		if (key == OPTION_IF_ABSENT || given_parse_kept("--if-version", argument, 1,
		                                                &condition->version) == STATUS_DONE)
			return 0;
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

#define IF_VERSION \
	{ \
		"if-version", OPTION_IF_VERSION, "VERSION@UUID", 0, \
			"Only if this is the version that last changed the row", 0 \
	}

/* Parses COLUMN=VALUE into the column's member of `fields`. */
static enum status set_parse_assignment(const char *text, const struct stele_schema *schema,
                                        struct stele_field *fields)
{
	const char *equals = strchr(text, '=');
	char name[STELE_NAME_MAX + 2];
	size_t length;
	int column;

	if (!equals)
		return fail(STATUS_INPUT, "invalid operand \"%s\" (expected COLUMN=VALUE)", text);
	length = (size_t)(equals - text);
	snprintf(name, sizeof(name), "%.*s", (int)(length < sizeof(name) ? length : sizeof(name)),
	         text);
	column = stele_schema_column(schema, name);
	if (column < 0)
		return column_fail_unknown("", schema, text, length);
	if (schema->columns[column].key)
		return fail(
			STATUS_INPUT,
			"column \"%s\" is part of the key and cannot be set; delete the row and "
			"set one with another key",
			name);
	if (fields[column].text)
		return fail(STATUS_INPUT, "column \"%s\" is set twice", name);
	fields[column] = (struct stele_field){equals + 1, strlen(equals + 1)};
	return STATUS_DONE;
}

static enum status set_parse_key(const char *text, const struct stele_schema *schema,
                                 struct stele_key *ret)
{
	int result = stele_key_parse(schema, text, strlen(text), ret);

	return result < 0 ? fail_library(result) : STATUS_DONE;
}

static enum status set_row(struct writer *writer, const struct target *target,
                           const struct condition *condition, char **operands)
{
	struct stele_field fields[STELE_COLUMNS_MAX] = {0};
	const struct row_text text = {.form = ROW_FIELDS, .fields = fields};
	const struct stele_schema *schema;
	struct stele_writable *table;
	struct row_buffer row = {0};
	enum status status;

	status = writer_open_table(writer, "", target->table, &table, &schema);
	if (status == STATUS_DONE)
		status = set_parse_key(operands[1], schema, &row.key);
	for (char **operand = operands + 2; status == STATUS_DONE && *operand; operand++)
		status = set_parse_assignment(*operand, schema, fields);
	if (status == STATUS_DONE)
		status = put_partial("", table, schema, &text, condition, &row);
	row_buffer_close(&row);
	return status;
}

/* Returns the operand before `text` that names the same row, or NULL. */
static const char *set_named_before(char **operands, char **text, const struct stele_schema *schema,
                                    const struct stele_key *key)
{
	struct stele_key other;
	const char *found = NULL;

	for (char **before = operands + 1; before < text && !found; before++)
		if (stele_key_parse(schema, *before, strlen(*before), &other) == 0 &&
		    other.bits == key->bits &&
		    memcmp(other.bytes, key->bytes, (key->bits + 7) / 8) == 0)
			found = *before;
	return found;
}

static enum status set_delete_rows(struct writer *writer, const struct target *target,
                                   const struct condition *condition, char **operands)
{
	const struct stele_schema *schema;
	struct stele_writable *table;
	struct stele_key key;
	enum status status;

	status = writer_open_table(writer, "", target->table, &table, &schema);
	for (char **text = operands + 1; status == STATUS_DONE && *text; text++) {
		const char *before = NULL;
		struct stele_row found;
		bool there = true;

		status = set_parse_key(*text, schema, &key);
		if (status == STATUS_DONE &&
		    stele_writable_get(table, key.bytes, key.bits, &found) == 0)
			before = set_named_before(operands, text, schema, &key);
		if (before)
			status = fail(STATUS_INPUT,
			              "the row with key \"%s\" is named twice, as \"%s\" and as "
			              "\"%s\"; name it once",
			              before, before, *text);
		else if (status == STATUS_DONE)
			status = put_delete("", table, condition, &key, &there);
		if (!there)
			status = fail_no_row(*text, target->table);
	}
	return status;
}

/* Runs stele set or stele delete: attaches, calls `change_rows`, and commits. At least `min`
 * operands are needed. */
static enum status set_change(const struct command *command, int min, int argc, char **argv,
                              enum status (*change_rows)(struct writer *, const struct target *,
                                                         const struct condition *, char **))
{
	struct change options = {0};
	struct writer writer;
	struct target target;
	enum status status;
	struct call call;

	if (options_parse(command, argc, argv, &options, &call) < min)
		return fail_usage(command->name, "expected %s", command->usage);
	status = target_parse(command->name, call.operands[0], true, &target);
	if (status == STATUS_DONE)
		status = given_needs_region(&call.place, "--if-version", &options.condition.version,
		                            target.region);
	if (status == STATUS_DONE)
		status = writer_open(&writer, &call.place, target.region, &options.writing);
	if (status != STATUS_DONE)
		return status;
	status = writer_position(&writer, STATUS_CONDITION, "--if-version",
	                         &options.condition.version, &options.condition.at);
	if (status == STATUS_DONE)
		status = change_rows(&writer, &target, &options.condition, call.operands);
	if (status == STATUS_DONE)
		status = writer_commit(&writer, target.table, options.writing.message, -1);
	writer_close(&writer);
	return status;
}

static enum status set_run(int argc, char **argv)
{
	return set_change(&command_set, 2, argc, argv, set_row);
}

static enum status set_run_delete(int argc, char **argv)
{
	return set_change(&command_delete, 2, argc, argv, set_delete_rows);
}

const struct command command_set = {
	.name = "set",
	.summary = "set columns of a row",
	.usage = "REGION/TABLE KEY [COLUMN=VALUE...]",
	.doc = set_doc,
	.options =
		(const struct argp_option[]){
			IF_VERSION,
			{"if-absent", OPTION_IF_ABSENT, NULL, 0, "Only if there is no such row", 0},
			{0},
		},
	.parse = set_parse,
	.common = &options_writing,
	.common_at = offsetof(struct change, writing),
	.run = set_run,
};
const struct command command_delete = {
	.name = "delete",
	.summary = "delete rows",
	.usage = "REGION/TABLE KEY...",
	.doc = delete_doc,
	.options = (const struct argp_option[]){IF_VERSION, {0}},
	.parse = set_parse,
	.common = &options_writing,
	.common_at = offsetof(struct change, writing),
	.run = set_run_delete,
};
