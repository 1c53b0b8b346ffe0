/* SPDX-License-Identifier: MIT
 * stele publish: replaces the rows of a table by those of a file, or mirrors the kernel's network
 * tables. */
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
	"Examples:\n"
	"  stele publish net/routes routes.csv\n"
	"  stele publish --check './sane <\"$STELE_TABLE_FILE\"' net/routes routes.csv\n"
	"  stele dump --format ndjson net/routes | ssh other stele publish \\\n"
	"    --input-format ndjson net/routes -\n"
	"  stele publish --kernel-routes kernel\n"
	"  stele publish --kernel-routes --table main --protocol bgp --family inet bgp4\n"
	"\n"
	"Replaces all rows of a table by the rows of a file, as one version. Only "
	"differences are committed; if there are none, there is no new version. If one row "
	"is wrong, nothing is changed."
	"\v"
	"FILE, or standard input if it is -, is CSV, whose first line names the columns in "
	"any order; or, if its name ends in .ndjson, .jsonl or .json, one JSON object on "
	"each line. It is read completely before the region is locked. Its last line must "
	"end in a line feed, because a truncated file may not.\n"
	"\n"
	"With --kernel-routes, the command mirrors the kernel until SIGINT, SIGTERM or "
	"SIGHUP, in tables that it creates if they do not exist. fib4 and fib6 have the "
	"route that the kernel takes, for each prefix of each routing table: 'stele lookup "
	"REGION/fib4 254,192.0.2.1' looks up in the main table. alternatives4 and "
	"alternatives6 have all other routes. The others are nexthops, links, addresses4, "
	"addresses6, neighbours4, neighbours6, and status, which says whether the tables are "
	"the kernel's state. The command prints a line when the tables have the kernel's "
	"state, when the kernel loses messages, when the region is full, and at the end.\n"
	"\n"
	"With --check, CMD is run by /bin/sh before the commit, unless nothing would change. "
	"The changes are on its standard input, as 'stele watch --format ndjson' prints "
	"them. In its environment are STELE_REGION, STELE_TABLE, STELE_VERSION and "
	"STELE_TOKEN of the proposed version, and STELE_TABLE_FILE, the path of a file with "
	"all rows of the new table, as 'stele dump --format ndjson' prints them. If CMD does "
	"not exit with 0, nothing is changed, and the exit status is 9. Other publishers may "
	"commit meanwhile. If the changes differ because of that, CMD is run again, at most "
	"five times.\n";

/* The options of stele publish. */
struct publish {
	const struct place *place;
	struct options_writing writing;
	enum input_format format;
	struct kernel_routes kernel;
	struct stele_publisher_options creation; /* of the region that --kernel-routes creates */
	const char *check;                       /* a command for /bin/sh, or NULL */
	bool allow_unterminated;
};

/* Keys of options that have no short form. */
enum { OPTION_VERBOSE = OPTION_OTHERS, OPTION_TABLE, OPTION_PROTOCOL, OPTION_FAMILY };

static error_t publish_parse(int key, char *argument, struct argp_state *state)
{
	struct publish *publish = state->input;
	enum stele_memory memory;

	switch (key) {
	case 'i':
		if (strcmp(argument, "csv") != 0 && strcmp(argument, "ndjson") != 0) {
			fail(STATUS_INPUT,
			     "--input-format: invalid value \"%s\" (expected csv or ndjson)",
			     argument);
			return EINVAL;
		}
		publish->format = strcmp(argument, "csv") == 0 ? INPUT_CSV : INPUT_NDJSON;
		return 0;
	case 'k':
		publish->kernel.wanted = true;
		return 0;
	case OPTION_VERBOSE:
		publish->kernel.verbose = true;
		return 0;
	case OPTION_TABLE:
		return publish_kernel_table(&publish->kernel, argument) == STATUS_DONE ? 0 : EINVAL;
	case OPTION_PROTOCOL:
		return publish_kernel_protocol(&publish->kernel, argument) == STATUS_DONE ? 0
		                                                                          : EINVAL;
	case OPTION_FAMILY:
		return publish_kernel_family(&publish->kernel, argument) == STATUS_DONE ? 0
		                                                                        : EINVAL;
	case 'M':
		if (parse_memory("--memory", argument, &memory) != STATUS_DONE)
			return EINVAL;
		publish->creation.memory = memory;
		return 0;
	case 'g':
		publish->creation.flags = STELE_GROUP;
		return parse_group("--group", argument, &publish->creation.group) == STATUS_DONE
		               ? 0
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

/* The new contents of a table, completely in memory. */
struct proposal {
	const struct target *target;
	const struct publish *publish;
	const struct stele_schema *schema;
	struct batch batch;
};

/* Attaches to the region, and replaces the table in a transaction that stays open. The caller
 * closes the writer, also after an error. */
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
		            "table \"%s\" was created again with other columns while %s was read; "
		            "nothing was changed",
		            target->table, proposal->batch.name);
	return batch_replace(&proposal->batch, table);
}

/* How often the check is repeated because the table changed while it ran. */
enum { CHECKS_MAX = 5 };

/* Runs the check, detached from the region, so that other publishers can commit meanwhile.
 * Attaches again afterwards, and returns STATUS_DONE only if the changes are those that were
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
			status = fail(STATUS_BUSY,
			              "table \"%s\" changed during each of %d checks; this command "
			              "changed nothing",
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

/* Reads all rows before the publisher attaches: slow or endless input must not hold the region's
 * lock. */
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
	/* Refuse NDJSON without rows: the output of a command that failed may be empty too, and
	 * must not empty the table. */
	if (status == STATUS_DONE && proposal.batch.count == 0 && input->driver == &input_ndjson)
		status = fail(STATUS_INPUT,
		              "%s has no rows; to empty a table, publish a CSV file that has only "
		              "the line of column names",
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
	struct publish publish = {.creation.size = sizeof(publish.creation)};
	struct target target;
	enum status status;
	struct call call;
	int count;

	count = options_parse(&command_publish, argc, argv, &publish, &call);
	publish.place = &call.place;
	if (publish.kernel.wanted) {
		if (count != 1 || publish.format != INPUT_BY_NAME || publish.check ||
		    publish.allow_unterminated)
			return fail_usage("publish",
			                  "--kernel-routes: expected one REGION, and no file, "
			                  "file option or --check");
		if (publish.writing.if_head_given)
			return fail_usage("publish",
			                  "--if-head is for one version, but --kernel-routes "
			                  "makes many");
		if (stele_name_check("region", call.operands[0]) < 0)
			return fail_library(-EINVAL);
		return publish_kernel(&call.place, call.operands[0], &publish.creation,
		                      &publish.writing, &publish.kernel);
	}
	if (publish.creation.memory != STELE_MEMORY_DEFAULT || publish.creation.flags ||
	    publish.kernel.verbose || publish.kernel.filter.family ||
	    publish.kernel.filter.table_count || publish.kernel.filter.protocol_count)
		return fail_usage("publish", "--memory, --group, --table, --protocol, --family and "
		                             "--verbose are only for --kernel-routes");
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
                         "The format of the file, csv or ndjson, instead of the one that its name implies",
                         0},
			OPTION_ALLOW_UNTERMINATED,
			{"check", 'c', "CMD", 0, "Commit only if this command accepts the changes",
                         0},
			{"kernel-routes", 'k', NULL, 0,
                         "Mirror the links, addresses, neighbours, rules and routes of the kernel",
                         0},
			{"table", OPTION_TABLE, "TABLE", 0,
                         "With --kernel-routes, mirror only routes of this routing table; may be repeated",
                         0},
			{"protocol", OPTION_PROTOCOL, "PROTOCOL", 0,
                         "With --kernel-routes, mirror only routes of this protocol; may be repeated",
                         0},
			{"family", OPTION_FAMILY, "FAMILY", 0,
                         "With --kernel-routes, mirror only routes of this family, inet or inet6",
                         0},
			{"verbose", OPTION_VERBOSE, NULL, 0,
                         "With --kernel-routes, print a line for each version", 0},
			{"memory", 'M', "KIND", 0,
                         "What holds the region that --kernel-routes creates: shm, file or sysv",
                         0},
			{"group", 'g', "GROUP", 0,
                         "Give the region that --kernel-routes creates to this group", 0},
			{0},
		},
	.parse = publish_parse,
	.common = &options_writing,
	.common_at = offsetof(struct publish, writing),
	.run = publish_run,
};
