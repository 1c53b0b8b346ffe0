/* SPDX-License-Identifier: MIT
 * stele apply: changes to rows of any tables, as one version. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attach.h"
#include "json_row.h"
#include "lines.h"
#include "put.h"

static const char doc[] =
	"Applies changes to rows of one or more tables, all as one version: where one line is wrong, nothing is "
	"changed."
	"\v"
	"FILE, or standard input for -, has a JSON object on each line:\n"
	"\n"
	"  {\"table\": \"routes\", \"put\": {\"prefix\": \"10.0.0.0/8\", \"metric\": 5}}\n"
	"  {\"table\": \"routes\", \"delete\": {\"prefix\": \"10.1.0.0/16\"}}\n"
	"  {\"table\": \"routes\", \"put\": {\"prefix\": \"10.0.0.0/8\", \"metric\": 6}, \"if_version\": 7}\n"
	"\n"
	"With \"if_version\": N, a line holds only if version N is the one that last changed the row, and a put "
	"with \"if_absent\": true only if there is no such row; else nothing is changed, and the exit status is 10.\n"
	"\n"
	"A put keeps those columns of a row that it does not name; a new row needs all. Deleting a row that is "
	"not there changes nothing. Later lines see what earlier ones did.\n"
	"\n"
	"Examples:\n"
	"  stele apply net changes.ndjson\n"
	"  generate-changes | stele apply --message 'nightly run' net -\n";

struct apply {
	struct writer writer;
	struct lines lines;
	struct row_buffer row;
	char table_name[STELE_NAME_MAX + 1]; /* the one that is open; empty: none yet */
	struct stele_writable *table;
	const struct stele_schema *schema;
	char place[512];
};

static const struct argp argp = {
	.parser = options_hand_down,
	.args_doc = "REGION FILE",
	.doc = doc,
	.children = (const struct argp_child[]){{.argp = &options_writing}, {0}},
};

static enum status open_table(struct apply *apply, const char *name)
{
	enum status status;

	if (strcmp(apply->table_name, name) == 0)
		return STATUS_DONE;
	apply->table_name[0] = '\0';
	status = writer_open_table(&apply->writer, apply->place, name, &apply->table,
	                           &apply->schema);
	if (status == STATUS_DONE)
		snprintf(apply->table_name, sizeof(apply->table_name), "%s", name);
	return status;
}

/* All key columns, and in a deletion nothing else. */
static enum status check_fields(const struct apply *apply, const struct field *fields, bool deletes)
{
	size_t key_columns = schema_key_columns(apply->schema);

	for (size_t i = 0; i < apply->schema->column_count; i++) {
		if (i < key_columns && !fields[i].given)
			return fail(STATUS_INPUT, "%scolumn \"%s\" is part of the key and missing",
			            apply->place, apply->schema->columns[i].name);
		if (i >= key_columns && fields[i].given && deletes)
			return fail(
				STATUS_INPUT,
				"%scolumn \"%s\" is not part of the key; a deletion has the key "
				"alone",
				apply->place, apply->schema->columns[i].name);
	}
	return STATUS_DONE;
}

static enum status apply_row(struct apply *apply, json_t *object, bool deletes,
                             const struct condition *condition)
{
	struct field fields[STELE_COLUMNS_MAX];
	struct json_numbers numbers;
	enum status status;
	bool there;
	int result;

	if (!json_is_object(object))
		return fail(STATUS_INPUT,
		            "%sexpected an object with the row's columns after \"%s\"",
		            apply->place, deletes ? "delete" : "put");
	status = json_fields(apply->place, object, apply->schema, fields, &numbers);
	if (status == STATUS_DONE)
		status = check_fields(apply, fields, deletes);
	if (status != STATUS_DONE)
		return status;
	result = row_parse_key(&apply->row, apply->schema, fields);
	if (result < 0)
		return fail(status_of_error(result), "%s%s", apply->place, stele_last_error());
	if (deletes)
		return delete_one(apply->place, apply->table, condition, &apply->row, &there);
	return put_partial(apply->place, apply->table, apply->schema, fields, condition,
	                   &apply->row);
}

/* The members "if_version" and "if_absent", and that there are no others than these and the two
 * that every line has. */
static enum status read_condition(const struct apply *apply, json_t *object, bool deletes,
                                  struct condition *ret)
{
	json_t *version = json_object_get(object, "if_version");
	json_t *absent = json_object_get(object, "if_absent");
	size_t members = 2u + (version != NULL) + (absent != NULL);

	if (version && (!json_is_integer(version) || json_integer_value(version) < 1))
		return fail(STATUS_INPUT, "%sexpected a version, from 1 on, after \"if_version\"",
		            apply->place);
	if (absent && (!json_is_true(absent) || deletes || version))
		return fail(STATUS_INPUT,
		            "%s\"if_absent\" can only be true, of a put, and not beside "
		            "\"if_version\"",
		            apply->place);
	if (json_object_size(object) != members)
		return fail(STATUS_INPUT,
		            "%sexpected no other members than \"table\", \"%s\", "
		            "\"if_version\"%s",
		            apply->place, deletes ? "delete" : "put",
		            deletes ? "" : ", \"if_absent\"");
	ret->given = version || absent;
	ret->version = version ? (uint64_t)json_integer_value(version) : 0;
	return STATUS_DONE;
}

static enum status apply_object(struct apply *apply, json_t *object)
{
	json_t *table = json_object_get(object, "table");
	json_t *put = json_object_get(object, "put");
	json_t *deleted = json_object_get(object, "delete");
	struct condition condition;
	enum status status;

	if (!json_is_string(table) || !put == !deleted)
		return fail(STATUS_INPUT,
		            "%sexpected {\"table\": NAME, \"put\": {...}} or {\"table\": NAME, "
		            "\"delete\": {...}}",
		            apply->place);
	status = read_condition(apply, object, deleted != NULL, &condition);
	if (status == STATUS_DONE)
		status = open_table(apply, json_string_value(table));
	if (status == STATUS_DONE)
		status = apply_row(apply, put ? put : deleted, deleted != NULL, &condition);
	return status;
}

static enum status apply_line(struct apply *apply, const char *line, size_t length)
{
	enum status status;
	char error[256];
	json_t *object;

	if (line_is_blank(line, length))
		return STATUS_DONE;
	snprintf(apply->place, sizeof(apply->place), "%s:%llu: ", apply->lines.name,
	         (unsigned long long)apply->lines.number);
	object = json_parse_object(line, length, error, sizeof(error));
	if (!object)
		return fail(STATUS_INPUT, "%s%s", apply->place, error);
	status = apply_object(apply, object);
	json_decref(object);
	return status;
}

static enum status apply_lines(struct apply *apply)
{
	enum status status;
	size_t length;
	char *line;

	do {
		status = lines_next(&apply->lines, &line, &length);
		if (status == STATUS_DONE && line)
			status = apply_line(apply, line, length);
	} while (status == STATUS_DONE && line);
	return status;
}

static enum status run(int argc, char **argv)
{
	struct options_writing options = {0};
	struct apply apply = {0};
	enum status status;
	char **operands;

	if (options_parse(&argp, "apply", argc, argv, &options, &operands) != 2)
		return fail_usage("apply", "expected REGION and FILE");
	if (stele_name_check("region", operands[0]) < 0)
		return fail_library(-EINVAL);
	status = lines_open(&apply.lines, operands[1]);
	if (status != STATUS_DONE)
		return status;
	status = writer_open(&apply.writer, operands[0], &options);
	if (status == STATUS_DONE) {
		status = apply_lines(&apply);
		if (status == STATUS_DONE)
			status = writer_commit(&apply.writer, operands[0], options.message, -1);
		writer_close(&apply.writer);
	}
	row_buffer_close(&apply.row);
	lines_close(&apply.lines);
	return status;
}

const struct command command_apply = {"apply", "apply changes to rows, from NDJSON", run};
