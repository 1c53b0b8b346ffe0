/* SPDX-License-Identifier: MIT
 * stele publish: replaces a table by what a file has, or mirrors the kernel's tables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attach.h"
#include "check.h"
#include "input.h"
#include "kernel.h"
#include "progress.h"

static const char doc[] =
	"Replaces a whole table by the rows of a file, as one version, and commits only what differs: where "
	"nothing does, there is no new version. Where one row is wrong, nothing is changed."
	"\v"
	"FILE, or standard input for -, is CSV, its first line naming the columns in any order, or, where its "
	"name ends in .ndjson, .jsonl or .json, a JSON object a line.\n"
	"\n"
	"With --kernel-routes, runs until it is interrupted and keeps the region's tables as the kernel's are: routes4 "
	"and routes6 for 'stele lookup', rib4 and rib6 with all routes of all routing tables, links, and addresses and "
	"neighbours, also with 4 and 6. The region is made where there is none.\n"
	"\n"
	"With --check, CMD is run by /bin/sh before the version is made, unless nothing would change. On its standard "
	"input it finds each change as 'stele watch --format ndjson' prints it; STELE_TABLE_FILE in its environment "
	"is the path of a file that has all rows of the new table, as 'stele dump --format ndjson' prints them, "
	"and STELE_REGION, STELE_TABLE and STELE_VERSION say what would be made. If it exits with anything but 0, "
	"nothing is changed, and the exit status is 9. Other publishers wait meanwhile; readers don't.\n"
	"\n"
	"Examples:\n"
	"  stele publish net/routes routes.csv\n"
	"  stele publish --check './sane <\"$STELE_TABLE_FILE\"' net/routes routes.csv\n"
	"  stele dump --format ndjson net/routes | ssh other stele publish \\\n"
	"    --input-format ndjson net/routes -\n"
	"  stele publish --kernel-routes kernel\n";

struct publish {
	struct options_writing writing;
	enum input_format format;
	bool kernel_routes;
	enum stele_memory memory; /* of the region that kernel_routes makes */
	const char *check;        /* a command, or NULL */
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct publish *publish = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &publish->writing;
		return 0;
	case 'i':
		if (strcmp(argument, "csv") != 0 && strcmp(argument, "ndjson") != 0) {
			fail(STATUS_INPUT,
			     "--input-format: expected csv or ndjson, but \"%s\" stands there",
			     argument);
			return EINVAL;
		}
		publish->format = strcmp(argument, "csv") == 0 ? INPUT_CSV : INPUT_NDJSON;
		return 0;
	case 'k':
		publish->kernel_routes = true;
		return 0;
	case 'M':
		return parse_memory("--memory", argument, &publish->memory) == STATUS_DONE ? 0
		                                                                           : EINVAL;
	case 'c':
		publish->check = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"input-format", 'i', "FORMAT", 0,
                         "The file is csv or ndjson, whatever its name", 0},
			{"check", 'c', "CMD", 0,
                         "Commit only if this command, given the changes, agrees", 0},
			{"kernel-routes", 'k', NULL, 0,
                         "Mirror the kernel's links, addresses, neighbours and routes", 0},
			{"memory", 'M', "KIND", 0,
                         "What a region that --kernel-routes makes is in: shm, file or sysv", 0},
			{0},
		},
	.parser = parse,
	.args_doc = "REGION/TABLE FILE\n--kernel-routes REGION",
	.doc = doc,
	.children = (const struct argp_child[]){{.argp = &options_writing}, {0}},
};

/* Finds the line on which a key stands first, by reading the file once more; 0 where it can't. */
static uint64_t find_line(const char *path, const struct input *input, const struct stele_key *key)
{
	struct row_buffer row = {0};
	struct input again;
	uint64_t line = 0;
	bool there;

	if (input->lines.size == 0 || strcmp(path, "-") == 0 ||
	    input_open(&again, path, input->driver == &input_csv ? INPUT_CSV : INPUT_NDJSON) !=
	            STATUS_DONE)
		return 0;
	if (input_start(&again, input->schema) == STATUS_DONE)
		while (!line && input_next(&again, &there) == STATUS_DONE && there)
			if (row_parse_key(&row, input->schema, again.fields) == 0 &&
			    row.key.bits == key->bits &&
			    memcmp(row.key.bytes, key->bytes, (key->bits + 7) / 8) == 0)
				line = again.line;
	row_buffer_close(&row);
	input_close(&again);
	return line < input->line ? line : 0;
}

static enum status fail_key_twice(const char *path, const struct input *input,
                                  const struct stele_key *key)
{
	struct text text = {0};
	enum status status;
	uint64_t line;

	for (size_t i = 0; i < schema_key_columns(input->schema); i++) {
		text_append(&text, ",", i != 0);
		text_append(&text, input->fields[i].text, input->fields[i].length);
	}
	line = find_line(path, input, key);
	if (line)
		status = input_fail(input, "the key \"%.*s\" stands in line %llu already",
		                    (int)text.length, text.bytes, (unsigned long long)line);
	else
		status = input_fail(input, "the key \"%.*s\" stands in an earlier line already",
		                    (int)text.length, text.bytes);
	text_free(&text);
	return status;
}

static enum status put_row(const char *path, const struct input *input,
                           struct stele_writable *table, struct row_buffer *row)
{
	int result;

	result = row_parse_key(row, input->schema, input->fields);
	if (result >= 0) {
		row_start_value(row, input->schema, NULL, 0);
		result = row_parse_value(row, input->schema, input->fields);
	}
	if (result >= 0)
		result = stele_writable_put(table, row->key.bytes, row->key.bits, row->value,
		                            row->value_size);
	if (result == -EEXIST)
		return fail_key_twice(path, input, &row->key);
	if (result < 0 && status_of_error(result) != STATUS_INPUT)
		return fail_library(result);
	return result < 0 ? input_fail(input, "%s", stele_last_error()) : STATUS_DONE;
}

static enum status put_rows(const char *path, struct input *input, const char *name,
                            struct stele_writable *table, int64_t *ret_rows)
{
	struct row_buffer row = {0};
	struct progress progress;
	enum status status;
	uint64_t rows = 0;
	bool there;

	progress_start(&progress, name, input->lines.size);
	for (;;) {
		status = input_next(input, &there);
		if (status != STATUS_DONE || !there)
			break;
		status = put_row(path, input, table, &row);
		if (status != STATUS_DONE)
			break;
		progress_step(&progress, ++rows, input->lines.offset);
	}
	progress_end(&progress);
	row_buffer_close(&row);
	*ret_rows = (int64_t)rows;
	return status;
}

static enum status replace_table(struct writer *writer, const char *name, const char *path,
                                 struct input *input, int64_t *ret_rows)
{
	const struct stele_schema *schema;
	struct stele_writable *table;
	enum status status;
	int64_t result;

	status = writer_open_table(writer, "", name, &table, &schema);
	if (status == STATUS_DONE)
		status = input_start(input, schema);
	if (status != STATUS_DONE)
		return status;
	result = stele_writable_replace(table);
	if (result < 0)
		return fail_library((int)result);
	status = put_rows(path, input, name, table, ret_rows);
	/* A pipe whose writer failed before it wrote anything must not empty the table. */
	if (status == STATUS_DONE && *ret_rows == 0 && input->driver == &input_ndjson)
		status = fail(STATUS_INPUT,
		              "%s has no rows; to empty a table, publish a csv file that has only "
		              "the line with its columns",
		              input->lines.name);
	if (status != STATUS_DONE)
		return status;
	result = stele_writable_replace_end(table);
	return result < 0 ? fail_library((int)result) : STATUS_DONE;
}

static enum status publish_file(const struct target *target, const char *path,
                                const struct publish *publish)
{
	struct writer writer;
	struct input input;
	enum status status;
	int64_t rows = 0;

	status = input_open(&input, path, publish->format);
	if (status != STATUS_DONE)
		return status;
	/* Whoever feeds a pipe may take its time to begin; others may write until then. */
	status = lines_wait(&input.lines);
	if (status == STATUS_DONE)
		status = writer_open(&writer, target->region, &publish->writing);
	if (status == STATUS_DONE) {
		status = replace_table(&writer, target->table, path, &input, &rows);
		if (status == STATUS_DONE && publish->check)
			status = check_proposed(writer.tx, target, publish->check);
		if (status == STATUS_DONE)
			status = writer_commit(&writer, target->table, publish->writing.message,
			                       rows);
		writer_close(&writer);
	}
	input_close(&input);
	return status;
}

static enum status run(int argc, char **argv)
{
	struct publish publish = {0};
	struct target target;
	enum status status;
	char **operands;
	int count;

	count = options_parse(&argp, "publish", argc, argv, &publish, &operands);
	if (publish.kernel_routes) {
		if (count != 1 || publish.format != INPUT_BY_NAME || publish.check)
			return fail_usage("publish",
			                  "expected one REGION, and no file or check, with "
			                  "--kernel-routes");
		if (publish.writing.if_head_given)
			return fail_usage("publish",
			                  "--if-head is for one version; --kernel-routes "
			                  "makes many");
		if (stele_name_check("region", operands[0]) < 0)
			return fail_library(-EINVAL);
		return publish_kernel(operands[0], publish.memory, &publish.writing);
	}
	if (publish.memory != STELE_MEMORY_DEFAULT)
		return fail_usage("publish", "--memory is for a region that --kernel-routes makes");
	if (count != 2)
		return fail_usage("publish", "expected REGION/TABLE and FILE");
	status = parse_target("publish", operands[0], true, &target);
	return status == STATUS_DONE ? publish_file(&target, operands[1], &publish) : status;
}

const struct command command_publish = {"publish",
                                        "replace a table by a file, or mirror the kernel", run};
