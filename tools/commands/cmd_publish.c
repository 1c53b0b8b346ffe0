/* SPDX-License-Identifier: MIT
 * stele publish: replaces a table by what a file has, or mirrors the kernel's tables. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/commands/cmd_publish_kernel.h"
#include "tools/input/batch.h"
#include "tools/input/check.h"
#include "tools/input/input.h"
#include "tools/input/input_driver.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/target.h"
#include "tools/region/writer.h"

static const char doc[] =
	"Replaces a whole table by the rows of a file, as one version, and commits only what differs: where "
	"nothing does, there is no new version. Where one row is wrong, nothing is changed."
	"\v"
	"FILE, or standard input for -, is CSV, its first line naming the columns in any order, or, where its "
	"name ends in .ndjson, .jsonl or .json, a JSON object a line. Its last line must end in a line feed, since a file "
	"that was cut short may not. It is read whole before the region is locked.\n"
	"\n"
	"With --kernel-routes, runs until it is interrupted and keeps the region's tables as the kernel's are: routes4 "
	"and routes6 for 'stele lookup', rib4 and rib6 with all routes of all routing tables, links, and addresses and "
	"neighbours, also with 4 and 6. The region is made where there is none.\n"
	"\n"
	"With --check, CMD is run by /bin/sh before the version is made, unless nothing would change. On its standard "
	"input it finds each change as 'stele watch --format ndjson' prints it; STELE_TABLE_FILE in its environment "
	"is the path of a file that has all rows of the new table, as 'stele dump --format ndjson' prints them, "
	"and STELE_REGION, STELE_TABLE and STELE_VERSION say what would be made. If it exits with anything but 0, "
	"nothing is changed, and the exit status is 9. Other publishers may commit meanwhile: where they change the "
	"table, CMD is run again with the new changes, five times at most.\n"
	"\n"
	"Examples:\n"
	"  stele publish net/routes routes.csv\n"
	"  stele publish --check './sane <\"$STELE_TABLE_FILE\"' net/routes routes.csv\n"
	"  stele dump --format ndjson net/routes | ssh other stele publish \\\n"
	"    --input-format ndjson net/routes -\n"
	"  stele publish --kernel-routes kernel\n";

struct publish {
	const struct place *place;
	struct options_writing writing;
	enum input_format format;
	bool kernel_routes;
	enum stele_memory memory; /* of the region that kernel_routes makes */
	const char *check;        /* a command, or NULL */
	bool allow_unterminated;
};

static error_t publish_parse(int key, char *argument, struct argp_state *state)
{
	struct publish *publish = state->input;

	switch (key) {
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
	case OPTION_UNTERMINATED:
		publish->allow_unterminated = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What is to be published, all of it in memory. */
struct proposal {
	const struct target *target;
	const struct publish *publish;
	const struct stele_schema *schema;
	struct batch batch;
};

/* Attaches, and replaces the table in a transaction. The writer is to be closed, whatever this
 * returns. */
static enum status publish_replace_table(const struct proposal *proposal, struct writer *writer)
{
	const struct target *target = proposal->target;
	const struct stele_schema *schema;
	struct stele_writable *table;
	enum status status;

	status = writer_open(writer, proposal->publish->place, target->region,
	                     &proposal->publish->writing);
	if (status == STATUS_DONE)
		status = writer_open_table(writer, "", target->table, &table, &schema);
	if (status != STATUS_DONE)
		return status;
	if (!stele_schema_equal(schema, proposal->schema))
		return fail(STATUS_BUSY,
		            "table \"%s\" was made again with other columns while %s was read; "
		            "nothing was changed",
		            target->table, proposal->batch.name);
	return batch_replace(&proposal->batch, table);
}

/* How often the changes are checked again because the table became another one during the check. */
enum { CHECKS_MAX = 5 };

/* Detaches while the check runs, and goes on only if the changes are still those that were
 * checked. */
static enum status publish_check(const struct proposal *proposal, struct writer *writer)
{
	const struct target *target = proposal->target;
	struct check check = {.target = target, .command = proposal->publish->check};
	enum status status = STATUS_DONE;
	bool agreed = false;

	for (int i = 0; status == STATUS_DONE; i++) {
		status = check_propose(&check, writer, &agreed);
		if (status != STATUS_DONE || agreed)
			break;
		writer_close(writer);
		if (i == CHECKS_MAX)
			status = fail(
				STATUS_BUSY,
				"table \"%s\" was changed during each of %d checks; nothing was "
				"changed by this command",
				target->table, CHECKS_MAX);
		if (status == STATUS_DONE)
			status = check_run(&check);
		if (status == STATUS_DONE)
			status = publish_replace_table(proposal, writer);
	}
	check_end(&check);
	return status;
}

static enum status publish_commit(const struct proposal *proposal)
{
	const struct publish *publish = proposal->publish;
	struct writer writer;
	enum status status;

	status = publish_replace_table(proposal, &writer);
	if (status == STATUS_DONE && publish->check)
		status = publish_check(proposal, &writer);
	if (status == STATUS_DONE)
		status = writer_commit(&writer, proposal->target->table, publish->writing.message,
		                       (int64_t)proposal->batch.count);
	writer_close(&writer);
	return status;
}

/* Reads all rows before the publisher attaches: input may come slowly, or never end. */
static enum status publish_input(struct input *input, const struct target *target,
                                 const struct publish *publish)
{
	struct proposal proposal = {.target = target, .publish = publish};
	struct stele_schema *schema;
	enum status status;
	uint64_t limit;

	status = writer_schema(publish->place, target->region, target->table, &publish->writing,
	                       &schema, &limit);
	if (status != STATUS_DONE)
		return status;
	proposal.schema = schema;
	status = input_start(input, schema);
	if (status == STATUS_DONE)
		status = batch_read(&proposal.batch, input, target->table, limit);
	/* A pipe whose writer failed before it wrote anything must not empty the table. */
	if (status == STATUS_DONE && proposal.batch.count == 0 && input->driver == &input_ndjson)
		status = fail(STATUS_INPUT,
		              "%s has no rows; to empty a table, publish a csv file that has only "
		              "the line with its columns",
		              input->lines.name);
	if (status == STATUS_DONE)
		status = publish_commit(&proposal);
	batch_free(&proposal.batch);
	stele_schema_free(schema);
	return status;
}

static enum status publish_file(const struct target *target, const char *path,
                                const struct publish *publish)
{
	struct input input;
	enum status status;

	status = input_open(&input, path, publish->format);
	if (status != STATUS_DONE)
		return status;
	input.lines.refuse_unterminated = !publish->allow_unterminated;
	status = publish_input(&input, target, publish);
	input_close(&input);
	return status;
}

static enum status publish_run(int argc, char **argv)
{
	struct publish publish = {0};
	struct target target;
	enum status status;
	struct call call;
	int count;

	count = options_parse(&command_publish, argc, argv, &publish, &call);
	publish.place = &call.place;
	if (publish.kernel_routes) {
		if (count != 1 || publish.format != INPUT_BY_NAME || publish.check ||
		    publish.allow_unterminated)
			return fail_usage("publish",
			                  "expected one REGION, and no file or check, with "
			                  "--kernel-routes");
		if (publish.writing.if_head_given)
			return fail_usage("publish",
			                  "--if-head is for one version; --kernel-routes "
			                  "makes many");
		if (stele_name_check("region", call.operands[0]) < 0)
			return fail_library(-EINVAL);
		return publish_kernel(&call.place, call.operands[0], publish.memory,
		                      &publish.writing);
	}
	if (publish.memory != STELE_MEMORY_DEFAULT)
		return fail_usage("publish", "--memory is for a region that --kernel-routes makes");
	if (count != 2)
		return fail_usage("publish", "expected REGION/TABLE and FILE");
	status = target_parse("publish", call.operands[0], true, &target);
	return status == STATUS_DONE ? publish_file(&target, call.operands[1], &publish) : status;
}

const struct command command_publish = {
	.name = "publish",
	.summary = "replace a table by a file, or mirror the kernel",
	.usage = "REGION/TABLE FILE\n--kernel-routes REGION",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"input-format", 'i', "FORMAT", 0,
                         "The file is csv or ndjson, whatever its name", 0},
			OPTION_ALLOW_UNTERMINATED,
			{"check", 'c', "CMD", 0,
                         "Commit only if this command, given the changes, agrees", 0},
			{"kernel-routes", 'k', NULL, 0,
                         "Mirror the kernel's links, addresses, neighbours and routes", 0},
			{"memory", 'M', "KIND", 0,
                         "What a region that --kernel-routes makes is in: shm, file or sysv", 0},
			{0},
		},
	.parse = publish_parse,
	.common = &options_writing,
	.common_at = offsetof(struct publish, writing),
	.run = publish_run,
};
