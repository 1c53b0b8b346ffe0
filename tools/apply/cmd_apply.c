/* SPDX-License-Identifier: MIT
 * stele apply: applies changes of rows of any tables, read as NDJSON, as one version. */
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/input/lines.h"
#include "tools/input/put.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/given.h"
#include "tools/region/writer.h"
#include "tools/rows/row.h"

static const char doc[] =
	"Examples:\n"
	"  stele apply net changes.ndjson\n"
	"  generate-changes | stele apply --message 'nightly run' net -\n"
	"\n"
	"Applies changes to rows of any tables, all as one version. If one line is wrong, "
	"nothing is changed."
	"\v"
	"FILE, or standard input if it is -, has a JSON object on each line:\n"
	"\n"
	"  {\"table\": \"routes\", \"put\": {\"prefix\": \"10.0.0.0/8\", \"metric\": 5}}\n"
	"  {\"table\": \"routes\", \"delete\": {\"prefix\": \"10.1.0.0/16\"}}\n"
	"  {\"table\": \"routes\", \"put\": {...}, \"if_version\": \"7@3f2a9c1e\"}\n"
	"  {\"table\": \"leader\", \"put\": {...}, \"if_absent\": true}\n"
	"\n"
	"A put works as 'stele set': an existing row keeps the columns that are not named, "
	"and a new row needs all of them. A delete names only the columns of the key; if "
	"there is no such row, it changes nothing. Later lines see the changes of earlier "
	"ones.\n"
	"\n"
	"With \"if_version\", the version, a token, must be the one that last changed the "
	"row. With \"if_absent\", there must be no such row. If a condition does not hold, "
	"nothing is changed, and the exit status is 10.\n"
	"\n"
	"FILE is read completely before the region is locked. Its last line must end in a "
	"line feed, because a truncated file may not.\n";

/* A line of the input, as an offset and a length in the text of struct apply. */
struct change_line {
	size_t start, length;
	uint64_t number;
};

struct apply {
	const struct place *place;
	const char *region;
	struct writer writer;
	struct lines lines;
	struct text text; /* all lines except blank ones, one after the other */
	struct change_line *changes;
	size_t count, capacity; /* of `changes` */
	struct row_buffer row;
	char table_name[STELE_NAME_MAX + 1]; /* name of `table` */
	struct stele_writable *table;        /* the table of the last line; NULL: none yet */
	const struct stele_schema *schema;   /* of `table` */
	char where[512];                     /* start of error messages: "FILE:LINE: " */
};

struct apply_options {
	struct options_writing writing;
	bool allow_unterminated;
};

static error_t apply_parse(int key, char *argument, struct argp_state *state)
{
	struct apply_options *options = state->input;

	(void)argument;
	switch (key) {
	case OPTION_UNTERMINATED:
		options->allow_unterminated = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Opens the table of a line, unless it is still open from the line before. */
static enum status apply_open_table(struct apply *apply, const char *name)
{
	enum status status;

	if (apply->table && strcmp(apply->table_name, name) == 0)
		return STATUS_DONE;
	apply->table = NULL;
	status = writer_open_table(&apply->writer, apply->where, name, &apply->table,
	                           &apply->schema);
	if (status == STATUS_DONE)
		snprintf(apply->table_name, sizeof(apply->table_name), "%s", name);
	return status;
}

/* Checks that all columns of the key are given, and in a deletion no others. */
static enum status apply_check_columns(const struct apply *apply, json_t *object, bool deletes)
{
	size_t key_columns = row_key_columns(apply->schema);

	for (size_t i = 0; i < apply->schema->column_count; i++) {
		const char *name = apply->schema->columns[i].name;
		bool given = json_object_get(object, name) != NULL;

		if (i < key_columns && !given)
			return fail(STATUS_INPUT, "%scolumn \"%s\" of the key is missing",
			            apply->where, name);
		if (i >= key_columns && given && deletes)
			return fail(
				STATUS_INPUT,
				"%scolumn \"%s\" is not part of the key; a deletion has only the "
				"key",
				apply->where, name);
	}
	return STATUS_DONE;
}

static enum status apply_row(struct apply *apply, json_t *object, bool deletes,
                             const struct condition *condition)
{
	struct row_text text = {.form = ROW_JSON};
	enum status status;
	char *row;
	bool there;
	int result;

	if (!json_is_object(object))
		return fail(STATUS_INPUT,
		            "%sexpected an object with the row's columns after \"%s\"",
		            apply->where, deletes ? "delete" : "put");
	status = apply_check_columns(apply, object, deletes);
	if (status != STATUS_DONE)
		return status;
	row = json_dumps(object, JSON_COMPACT);
	if (!row)
		return fail(STATUS_NO_SPACE, "%sno memory for the row", apply->where);
	text.text = row;
	text.length = strlen(row);
	result = row_parse_key(&text, apply->schema, &apply->row);
	if (result < 0)
		status = fail(fail_status(result), "%s%s", apply->where, stele_last_error());
	else if (deletes)
		status = put_delete(apply->where, apply->table, condition, &apply->row.key, &there);
	else
		status = put_partial(apply->where, apply->table, apply->schema, &text, condition,
		                     &apply->row);
	free(row);
	return status;
}

/* Reads the token of "if_version". Also parses a bare number, so that given_needs_region() can
 * refuse it with the token that was probably meant. */
static enum status apply_read_version(const struct apply *apply, const json_t *version,
                                      struct given *ret)
{
	enum status status = STATUS_DONE;
	char what[sizeof(apply->where) + 16];

	snprintf(what, sizeof(what), "%s\"if_version\"", apply->where);
	if (json_is_string(version)) {
		status = given_parse(what, json_string_value(version), 1, INT64_MAX, ret);
	} else if (json_is_integer(version) && json_integer_value(version) > 0) {
		*ret = (struct given){.version = (uint64_t)json_integer_value(version)};
	} else {
		status = fail(STATUS_INPUT, "%s: expected a version such as \"7@3f2a9c1e\"", what);
	}
	return status == STATUS_DONE ? given_needs_region(apply->place, what, ret, apply->region)
	                             : status;
}

/* Reads the members "if_version" and "if_absent", and refuses all members but these two and the
 * two that every line has. */
static enum status apply_read_condition(const struct apply *apply, json_t *object, bool deletes,
                                        struct condition *ret)
{
	json_t *version = json_object_get(object, "if_version");
	json_t *absent = json_object_get(object, "if_absent");
	size_t members = 2u + (version != NULL) + (absent != NULL);
	enum status status = STATUS_DONE;

	*ret = (struct condition){.given = version || absent, .option = "\"if_version\""};
	if (version)
		status = apply_read_version(apply, version, &ret->version);
	if (status != STATUS_DONE)
		return status;
	if (absent && (!json_is_true(absent) || deletes || version))
		return fail(STATUS_INPUT,
		            "%s\"if_absent\" must be true, and cannot be used with \"delete\" or "
		            "\"if_version\"",
		            apply->where);
	if (json_object_size(object) != members)
		return fail(STATUS_INPUT,
		            "%sexpected no other members than \"table\", \"%s\", "
		            "\"if_version\"%s",
		            apply->where, deletes ? "delete" : "put",
		            deletes ? "" : ", \"if_absent\"");
	return STATUS_DONE;
}

/* Parses a line that must be one JSON object. Returns NULL after an error message. */
static json_t *apply_parse_object(const struct apply *apply, const char *line, size_t length)
{
	json_error_t why;
	json_t *object;

	object = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (object && json_is_object(object))
		return object;
	if (object)
		fail(STATUS_INPUT, "%sexpected a JSON object, such as {\"table\": NAME, ...}",
		     apply->where);
	else if (json_error_code(&why) == json_error_numeric_overflow)
		fail(STATUS_INPUT,
		     "%scolumn %d: the number is outside the range of a signed 64-bit integer; "
		     "write it in quotation marks",
		     apply->where, why.column);
	else
		fail(STATUS_INPUT, "%sexpected one JSON object on the line; column %d: %s",
		     apply->where, why.column, why.text);
	json_decref(object);
	return NULL;
}

/* A parsed line. */
struct change {
	json_t *line; /* owner of `table` and `row`; freed by json_decref() */
	const char *table;
	json_t *row;
	bool deletes;
	struct condition condition;
};

/* Parses the parts of a line that do not depend on the schema of its table. */
static enum status apply_parse_change(const struct apply *apply, const char *line, size_t length,
                                      struct change *ret)
{
	json_t *table, *put, *deleted;

	ret->line = apply_parse_object(apply, line, length);
	if (!ret->line)
		return STATUS_INPUT;
	table = json_object_get(ret->line, "table");
	put = json_object_get(ret->line, "put");
	deleted = json_object_get(ret->line, "delete");
	if (!json_is_string(table) || !put == !deleted)
		return fail(STATUS_INPUT,
		            "%sexpected {\"table\": NAME, \"put\": {...}} or {\"table\": NAME, "
		            "\"delete\": {...}}",
		            apply->where);
	ret->table = json_string_value(table);
	ret->row = put ? put : deleted;
	ret->deletes = deleted != NULL;
	return apply_read_condition(apply, ret->line, ret->deletes, &ret->condition);
}

static void apply_set_where(struct apply *apply, uint64_t number)
{
	snprintf(apply->where, sizeof(apply->where), "%s:%llu: ", apply->lines.name,
	         (unsigned long long)number);
}

enum { INPUT_MAX = 1 << 30 }; /* maximum bytes of the input */

static enum status apply_keep_line(struct apply *apply, const char *line, size_t length)
{
	if (length > INPUT_MAX - apply->text.length)
		return fail(STATUS_NO_SPACE, "%sthe input up to this line has more than %d bytes",
		            apply->where, INPUT_MAX);
	if (apply->count == apply->capacity) {
		apply->capacity = apply->capacity * 2 + 64;
		apply->changes =
			heap_realloc(apply->changes, apply->capacity * sizeof(*apply->changes));
	}
	apply->changes[apply->count++] =
		(struct change_line){apply->text.length, length, apply->lines.number};
	text_append(&apply->text, line, length);
	return STATUS_DONE;
}

/* Reads all lines before the publisher attaches: slow or endless input must not hold the
 * region's lock. */
static enum status apply_read_lines(struct apply *apply)
{
	enum status status;
	size_t length;
	char *line;

	for (;;) {
		struct change change = {0};

		status = lines_next(&apply->lines, &line, &length);
		if (status != STATUS_DONE || !line)
			return status;
		if (line_is_blank(line, length))
			continue;
		apply_set_where(apply, apply->lines.number);
		status = apply_parse_change(apply, line, length, &change);
		json_decref(change.line);
		if (status == STATUS_DONE)
			status = apply_keep_line(apply, line, length);
		if (status != STATUS_DONE)
			return status;
	}
}

/* Finds the position that "if_version" means in the region that was opened. */
static enum status apply_find_position(const struct apply *apply, struct condition *condition)
{
	char what[sizeof(apply->where) + 16];

	snprintf(what, sizeof(what), "%s\"if_version\"", apply->where);
	return writer_position(&apply->writer, STATUS_CONDITION, what, &condition->version,
	                       &condition->at);
}

static enum status apply_line(struct apply *apply, const struct change_line *line)
{
	struct change change = {0};
	enum status status;

	apply_set_where(apply, line->number);
	status = apply_parse_change(apply, apply->text.bytes + line->start, line->length, &change);
	if (status == STATUS_DONE)
		status = apply_find_position(apply, &change.condition);
	if (status == STATUS_DONE)
		status = apply_open_table(apply, change.table);
	if (status == STATUS_DONE)
		status = apply_row(apply, change.row, change.deletes, &change.condition);
	json_decref(change.line);
	return status;
}

static enum status apply_lines(struct apply *apply, const struct options_writing *options)
{
	enum status status = writer_open(&apply->writer, apply->place, apply->region, options);

	for (size_t i = 0; status == STATUS_DONE && i < apply->count; i++)
		status = apply_line(apply, &apply->changes[i]);
	if (status == STATUS_DONE)
		status = writer_commit(&apply->writer, apply->region, options->message, -1);
	writer_close(&apply->writer);
	return status;
}

static enum status apply_run(int argc, char **argv)
{
	struct apply_options options = {0};
	struct apply apply = {0};
	enum status status;
	struct call call;

	if (options_parse(&command_apply, argc, argv, &options, &call) != 2)
		return fail_usage("apply", "expected REGION and FILE");
	if (stele_name_check("region", call.operands[0]) < 0)
		return fail_library(-EINVAL);
	apply.place = &call.place;
	apply.region = call.operands[0];
	status = lines_open(&apply.lines, call.operands[1]);
	if (status != STATUS_DONE)
		return status;
	apply.lines.refuse_unterminated = !options.allow_unterminated;
	status = apply_read_lines(&apply);
	if (status == STATUS_DONE)
		status = apply_lines(&apply, &options.writing);
	row_buffer_close(&apply.row);
	text_free(&apply.text);
	free(apply.changes);
	lines_close(&apply.lines);
	return status;
}

const struct command command_apply = {
	.name = "apply",
	.summary = "apply changes of many rows, from NDJSON",
	.usage = "REGION FILE",
	.doc = doc,
	.options = (const struct argp_option[]){OPTION_ALLOW_UNTERMINATED, {0}},
	.parse = apply_parse,
	.common = &options_writing,
	.common_at = offsetof(struct apply_options, writing),
	.run = apply_run,
};
