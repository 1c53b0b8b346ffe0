/* SPDX-License-Identifier: MIT
 * stele apply: applies changes of rows of any tables, read as NDJSON, as one version; or with
 * --follow the versions that `stele watch' prints, one by one. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/apply/change.h"
#include "tools/apply/declare.h"
#include "tools/apply/json_tree.h"
#include "tools/apply/prune.h"
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/input/lines.h"
#include "tools/input/put.h"
#include "tools/output/output.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/given.h"
#include "tools/region/target.h"
#include "tools/region/writer.h"
#include "tools/rows/row.h"

static const char doc[] =
	"Examples:\n"
	"  stele apply net changes.ndjson\n"
	"  generate-changes | stele apply --message 'nightly run' net -\n"
	"  stele watch --initial -f ndjson net | ssh host stele apply --follow net -\n"
	"  stele diff -f ndjson net -1 | ssh host stele apply net -\n"
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
	"The lines that 'stele watch' and 'stele diff' print in NDJSON are applied, too, also "
	"those about tables: they are created, altered and dropped. After \"initial\" or \"gap\", "
	"rows of the named tables that do not follow are deleted; if a whole region is watched, "
	"also tables. With "
	"--follow, each version is committed when its \"end\" is read, as a version of this "
	"region, whose message is the token of the printed version unless --message is given. "
	"Input that ends within a version is an error, and its last lines are not applied.\n"
	"\n"
	"FILE is read completely before the region is locked. Its last line must end in a "
	"line feed, because a truncated file may not.\n";

/* A line of the input, as an offset and a length in the text of struct apply. */
struct change_line {
	size_t start, length;
	uint64_t number;
	bool is_change; /* of a row or a table, and not a mark */
};

struct apply {
	struct change_source source;
	const struct options_writing *writing;
	bool follow;
	struct writer writer;
	struct lines lines;
	struct text text; /* all lines except blank ones, one after the other */
	struct change_line *changes;
	size_t count, capacity; /* of `changes` */
	struct row_buffer row;
	char table_name[STELE_NAME_MAX + 1]; /* name of `table` */
	struct stele_writable *table;        /* the table of the last line; NULL: none yet */
	const struct stele_schema *schema;   /* of `table` */
	struct prune prune;
	bool rows_follow; /* all rows follow a mark that was read, and have no end yet */
	char token[STELE_POSITION_TEXT_MAX]; /* of the last complete version; "": none */
};

struct apply_options {
	struct options_writing writing;
	bool allow_unterminated, follow;
};

enum { OPTION_FOLLOW = OPTION_OTHERS };

static error_t apply_parse(int key, char *argument, struct argp_state *state)
{
	struct apply_options *options = state->input;

	(void)argument;
	switch (key) {
	case OPTION_UNTERMINATED:
		options->allow_unterminated = true;
		return 0;
	case OPTION_FOLLOW:
		options->follow = true;
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
	status = writer_open_table(&apply->writer, apply->source.where, name, &apply->table,
	                           &apply->schema);
	if (status == STATUS_DONE)
		snprintf(apply->table_name, sizeof(apply->table_name), "%s", name);
	return status;
}

/* Checks that all columns of the key are given, and in a deletion no others. */
static enum status apply_check_columns(const struct apply *apply, const struct change *change)
{
	size_t key_columns = row_key_columns(apply->schema);

	for (size_t i = 0; i < apply->schema->column_count; i++) {
		const char *name = apply->schema->columns[i].name;
		bool given = json_tree_get(change->row, name) != NULL;

		if (i < key_columns && !given)
			return fail(STATUS_INPUT, "%scolumn \"%s\" of the key is missing",
			            apply->source.where, name);
		if (i >= key_columns && given && change->kind == CHANGE_DELETE)
			return fail(
				STATUS_INPUT,
				"%scolumn \"%s\" is not part of the key; a deletion has only the "
				"key",
				apply->source.where, name);
	}
	return STATUS_DONE;
}

/* Encodes the key of the row in apply->row, and puts or deletes the row. */
static enum status apply_text(struct apply *apply, const struct change *change,
                              const struct row_text *text)
{
	bool deletes = change->kind == CHANGE_DELETE || change->kind == CHANGE_REMOVED, there;
	const char *where = apply->source.where;
	int result;

	result = row_parse_key(text, apply->schema, &apply->row);
	if (result < 0)
		return fail(fail_status(result), "%s%s", where, stele_last_error());
	if (deletes)
		return put_delete(where, apply->table, &change->condition, &apply->row.key, &there);
	prune_keep(&apply->prune, apply->table_name, &apply->row.key);
	return put_partial(where, apply->table, apply->schema, text, &change->condition,
	                   &apply->row);
}

static enum status apply_row(struct apply *apply, const struct change *change)
{
	struct row_text text = {.form = ROW_JSON};
	enum status status;

	if (!json_tree_is(change->row, JSON_OBJECT))
		return fail(STATUS_INPUT,
		            "%sexpected an object with the row's columns after \"%s\"",
		            apply->source.where, change->kind == CHANGE_DELETE ? "delete" : "put");
	status = apply_check_columns(apply, change);
	if (status != STATUS_DONE)
		return status;
	text.text = change->row->text;
	text.length = change->row->length;
	return apply_text(apply, change, &text);
}

static void apply_set_where(struct apply *apply, uint64_t number)
{
	snprintf(apply->source.where, sizeof(apply->source.where), "%s:%llu: ", apply->lines.name,
	         (unsigned long long)number);
}

enum { INPUT_MAX = 1 << 30 }; /* maximum bytes of the input */

static enum status apply_keep_line(struct apply *apply, const char *line, size_t length,
                                   bool is_change)
{
	if (length > INPUT_MAX - apply->text.length)
		return fail(STATUS_NO_SPACE, "%sthe input up to this line has more than %d bytes",
		            apply->source.where, INPUT_MAX);
	if (apply->count == apply->capacity) {
		apply->capacity = apply->capacity * 2 + 64;
		apply->changes =
			heap_realloc(apply->changes, apply->capacity * sizeof(*apply->changes));
	}
	apply->changes[apply->count++] =
		(struct change_line){apply->text.length, length, apply->lines.number, is_change};
	text_append(&apply->text, line, length);
	return STATUS_DONE;
}

/* Parses a line, to report its errors before anything is applied, and keeps it. Sets `*ret_end` if
 * a version is complete with it. */
static enum status apply_take_line(struct apply *apply, const char *line, size_t length,
                                   bool *ret_end)
{
	struct change change;
	enum status status;

	apply_set_where(apply, apply->lines.number);
	status = change_parse(&apply->source, line, length, &change);
	if (status == STATUS_DONE)
		status = apply_keep_line(apply, line, length, change_is_change(&change));
	if (status == STATUS_DONE && change.kind == CHANGE_START)
		apply->rows_follow = true;
	*ret_end = status == STATUS_DONE && change.kind == CHANGE_END;
	if (*ret_end) {
		apply->rows_follow = false;
		snprintf(apply->token, sizeof(apply->token), "%s",
		         change.token ? change.token : "");
	}
	change_free(&change);
	return status;
}

static enum status apply_lines(struct apply *apply);

/* Reads all lines before the publisher attaches: slow or endless input must not hold the
 * region's lock. With --follow, applies them at the end of each version. */
static enum status apply_read_lines(struct apply *apply)
{
	enum status status;
	size_t length;
	char *line;
	bool end;

	for (;;) {
		status = lines_next(&apply->lines, &line, &length);
		if (status != STATUS_DONE || !line)
			return status;
		if (line_is_blank(line, length))
			continue;
		status = apply_take_line(apply, line, length, &end);
		if (status == STATUS_DONE && end && apply->follow)
			status = apply_lines(apply);
		if (status != STATUS_DONE)
			return status;
	}
}

/* Reports rows or changes that have no end, as when the command that prints them was killed. */
static enum status apply_check_end(const struct apply *apply)
{
	bool changes = false;

	for (size_t i = 0; apply->follow && i < apply->count; i++)
		changes |= apply->changes[i].is_change;
	if (!apply->rows_follow && !changes)
		return STATUS_DONE;
	return fail(STATUS_INPUT,
	            "%s: the input ended before the end of a version, whose lines were not applied",
	            apply->lines.name);
}

/* Finds the position that "if_version" means in the region that was opened. */
static enum status apply_find_position(const struct apply *apply, struct condition *condition)
{
	char what[sizeof(apply->source.where) + 16];

	snprintf(what, sizeof(what), "%s\"if_version\"", apply->source.where);
	return writer_position(&apply->writer, STATUS_CONDITION, what, &condition->version,
	                       &condition->at);
}

/* Gives a table another schema, or drops it. Closes the table of the line before. */
static enum status apply_table(struct apply *apply, const struct change *change)
{
	apply->table = NULL;
	if (change->kind == CHANGE_DROP)
		return declare_drop(apply->writer.tx, apply->source.where, change->table);
	prune_keep_table(&apply->prune, change->table);
	return declare_table(apply->writer.tx, apply->source.where, change->table, change->schema);
}

static enum status apply_change(struct apply *apply, struct change *change)
{
	enum status status = STATUS_DONE;

	switch (change->kind) {
	case CHANGE_DECLARE:
	case CHANGE_DROP:
		return apply_table(apply, change);
	case CHANGE_START:
		prune_start(&apply->prune, change->row);
		return STATUS_DONE;
	case CHANGE_END:
		return prune_end(&apply->prune, &apply->writer, apply->source.where);
	case CHANGE_NOTHING:
		return STATUS_DONE;
	default:
		status = apply_find_position(apply, &change->condition);
		if (status == STATUS_DONE)
			status = apply_open_table(apply, change->table);
		return status == STATUS_DONE ? apply_row(apply, change) : status;
	}
}

static enum status apply_line(struct apply *apply, const struct change_line *line)
{
	struct change change;
	enum status status;

	apply_set_where(apply, line->number);
	status = change_parse(&apply->source, apply->text.bytes + line->start, line->length,
	                      &change);
	if (status == STATUS_DONE)
		status = apply_change(apply, &change);
	change_free(&change);
	return status;
}

/* Applies the lines that were kept, as one version, and forgets them. */
static enum status apply_lines(struct apply *apply)
{
	const char *region = apply->source.region, *message = apply->writing->message;
	enum status status;

	status = writer_open(&apply->writer, apply->source.place, region, apply->writing);
	apply->table = NULL;
	for (size_t i = 0; status == STATUS_DONE && i < apply->count; i++)
		status = apply_line(apply, &apply->changes[i]);
	if (!message && *apply->token)
		message = apply->token;
	if (status == STATUS_DONE)
		status = writer_commit(&apply->writer, region, message, -1);
	writer_close(&apply->writer);
	prune_free(&apply->prune);
	apply->count = apply->text.length = 0;
	if (status == STATUS_DONE && apply->follow)
		status = output_check();
	return status;
}

static enum status apply_all(struct apply *apply)
{
	enum status status = apply_read_lines(apply);

	if (status == STATUS_DONE)
		status = apply_check_end(apply);
	if (status == STATUS_DONE && !apply->follow)
		status = apply_lines(apply);
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
	if (target_check_region(call.operands[0]) != STATUS_DONE)
		return STATUS_INPUT;
	if (options.follow && options.writing.if_head_given)
		return fail_usage("apply", "--follow and --if-head cannot be used together");
	apply.source.place = &call.place;
	apply.source.region = call.operands[0];
	apply.writing = &options.writing;
	apply.follow = options.follow;
	status = lines_open(&apply.lines, call.operands[1]);
	if (status != STATUS_DONE)
		return status;
	apply.lines.refuse_unterminated = !options.allow_unterminated;
	status = apply_all(&apply);
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
	.options =
		(const struct argp_option[]){
			{"follow", OPTION_FOLLOW, NULL, 0,
                         "Commit at the end of each version that 'stele watch' prints", 0},
			OPTION_ALLOW_UNTERMINATED,
			{0},
		},
	.parse = apply_parse,
	.common = &options_writing,
	.common_at = offsetof(struct apply_options, writing),
	.run = apply_run,
};
