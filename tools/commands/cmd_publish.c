/* SPDX-License-Identifier: MIT
 * stele publish: replaces the rows of a table by those of a file, or mirrors the kernel's network
 * tables. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/commands/cmd_publish_kernel.h"
#include "tools/input/check.h"
#include "tools/input/input.h"
#include "tools/input/lines.h"
#include "tools/input/replacement.h"
#include "tools/output/difference.h"
#include "tools/output/output.h"
#include "tools/region/given.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"
#include "tools/region/writer.h"

static const char doc[] =
	"Examples:\n"
	"  stele publish net/routes routes.csv\n"
	"  stele publish net routes=routes.csv neighbours=neighbours.csv\n"
	"  stele publish --dry-run net/routes routes.csv\n"
	"  stele publish --max-removed 10% net/routes routes.csv\n"
	"  stele publish --check './sane <\"$STELE_TABLE_FILE\"' net/routes routes.csv\n"
	"  stele dump --format ndjson net/routes | ssh other stele publish net/routes -\n"
	"  ip -json -4 route | stele publish --ignore-unknown --empty-as metric=0 \\\n"
	"    --empty-as next_hop=0.0.0.0 --empty-as interface= \\\n"
	"    --columns 'dst=prefix,gateway=next_hop,dev=interface' net/routes -\n"
	"  stele publish --kernel-routes kernel\n"
	"  stele publish --kernel-routes --table main --protocol bgp --family inet bgp4\n"
	"  stele publish --fpm 2620 frr\n"
	"\n"
	"Replaces all rows of one or more tables by the rows of files, as one version. Only "
	"differences are committed; if there are none, there is no new version. If one row "
	"is wrong, nothing is changed; up to 20 wrong rows are reported."
	"\v"
	"FILE, or standard input if it is -, is CSV, whose first line names the columns in "
	"any order; or has one JSON object on each line; or is a JSON array of objects. The "
	"first character tells which. It is read completely before the region is locked. Its "
	"last line must "
	"end in a line feed, because a truncated file may not. A file without rows is "
	"refused if the table has any, because the output of a failed command looks the "
	"same.\n"
	"\n"
	"An empty field, and null, is the default of its column, unless --empty-as is given; "
	"without a default, it is empty text, or an error. --columns may be repeated, and so "
	"may --empty-as; NAME= leaves a column out. With --no-header, --columns has the "
	"columns of the table in the order of the fields.\n"
	"\n"
	"With --kernel-routes, the command mirrors the kernel until SIGINT, SIGTERM or "
	"SIGHUP, in tables that it creates if they do not exist. fib4 and fib6 have the "
	"route that the kernel takes, for each prefix of each routing table: 'stele lookup "
	"REGION/fib4 254,192.0.2.1' looks up in the main table. alternatives4 and "
	"alternatives6 have all other routes. The others are nexthops, buckets, rules4, rules6, "
	"links, addresses4, addresses6, neighbours4, neighbours6, proxies4, proxies6, fdb (the "
	"forwarding entries of bridges and VXLAN interfaces), and status, which says whether "
	"the tables are the kernel's state. The command prints a line when the tables have the kernel's "
	"state, when the kernel loses messages, when the region is full, and at the end.\n"
	"\n"
	"With --fpm, the routes and next-hop objects are not the kernel's, but those that FRR's "
	"forwarding plane manager (zebra -M dplane_fpm_nl) sends; all else is mirrored from "
	"the kernel. The command listens on 127.0.0.1, unless an address is given. While FRR "
	"is not connected, the rows stay, and the table status says since when and why they "
	"are not followed. FRR does not say when it has sent all of its routes: they count as "
	"complete after --fpm-quiet seconds (5) without any, and routes that FRR does not "
	"send again stay for at least --fpm-hold seconds (60) after it has connected.\n"
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
	struct replacement_options input;
	bool input_given; /* an option that is about input */
	bool dry_run;
	struct kernel_routes kernel;
	struct stele_publisher_options creation; /* of the region that --kernel-routes creates */
	const char *check;                       /* a command for /bin/sh, or NULL */
	const char *region;
	struct replacement *tables;
	size_t table_count;
};

/* Keys of options that have no short form. */
enum {
	OPTION_VERBOSE = OPTION_OTHERS,
	OPTION_TABLE,
	OPTION_PROTOCOL,
	OPTION_FAMILY,
	OPTION_ALLOW_EMPTY,
	OPTION_MAX_REMOVED,
	OPTION_FPM,
	OPTION_FPM_QUIET,
	OPTION_FPM_HOLD,
	OPTION_COLUMNS,
	OPTION_DELIMITER,
	OPTION_EMPTY_AS,
	OPTION_IGNORE_UNKNOWN,
	OPTION_NO_HEADER,
	OPTION_NULL,
	OPTION_SKIP_OTHER_FAMILY,
	OPTION_CHECK,
	OPTION_INPUT_FORMAT,
};

/* Returns what argp expects of an option whose argument was parsed. */
static error_t publish_parsed(enum status status)
{
	return status == STATUS_DONE ? 0 : EINVAL;
}

/* Parses an option that is about input. Returns ARGP_ERR_UNKNOWN for another one. */
static error_t publish_parse_input(int key, const char *argument, struct publish *publish)
{
	struct replacement_options *input = &publish->input;
	enum status status = STATUS_DONE;

	switch (key) {
	case OPTION_INPUT_FORMAT: /* the name of --format in 0.2.0 */
	case 'f':
		status = replacement_format(argument, &input->format);
		break;
	case OPTION_COLUMNS:
		status = mapping_add_columns(&input->mapping, argument);
		break;
	case OPTION_EMPTY_AS:
		status = mapping_add_empty(&input->mapping, argument);
		break;
	case OPTION_DELIMITER:
		status = mapping_set_delimiter(&input->mapping, argument);
		break;
	case OPTION_NULL:
		input->mapping.null = argument;
		break;
	case OPTION_NO_HEADER:
		input->mapping.no_header = true;
		break;
	case OPTION_IGNORE_UNKNOWN:
		input->mapping.ignore_unknown = true;
		break;
	case OPTION_SKIP_OTHER_FAMILY:
		input->mapping.skip_other_family = true;
		break;
	case OPTION_UNTERMINATED:
		input->allow_unterminated = true;
		break;
	case OPTION_ALLOW_EMPTY:
		input->allow_empty = true;
		break;
	case OPTION_MAX_REMOVED:
		status = replacement_limit(argument, &input->max_removed);
		break;
	case 'n':
		publish->dry_run = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	publish->input_given = true;
	return status == STATUS_DONE ? 0 : EINVAL;
}

static error_t publish_parse(int key, char *argument, struct argp_state *state)
{
	struct publish *publish = state->input;
	enum stele_memory memory;

	switch (key) {
	case 'k':
		publish->kernel.wanted = true;
		return 0;
	case OPTION_VERBOSE:
		publish->kernel.verbose = true;
		return 0;
	case OPTION_TABLE:
		return publish_parsed(publish_kernel_table(&publish->kernel, argument));
	case OPTION_PROTOCOL:
		return publish_parsed(publish_kernel_protocol(&publish->kernel, argument));
	case OPTION_FAMILY:
		return publish_parsed(publish_kernel_family(&publish->kernel, argument));
	case OPTION_FPM:
		return publish_parsed(publish_kernel_fpm(&publish->kernel, argument));
	case OPTION_FPM_QUIET:
		return publish_parsed(publish_kernel_fpm_quiet(&publish->kernel, argument));
	case OPTION_FPM_HOLD:
		return publish_parsed(publish_kernel_fpm_hold(&publish->kernel, argument));
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
	case OPTION_CHECK:
		publish->check = argument;
		return 0;
	default:
		return publish_parse_input(key, argument, publish);
	}
}

/* Attaches to the region, and replaces the tables in a transaction that stays open. The caller
 * closes the writer, also after an error. */
static enum status publish_put(const struct publish *publish, struct writer *writer)
{
	enum status status =
		writer_open(writer, publish->place, publish->region, &publish->writing);

	for (size_t i = 0; status == STATUS_DONE && i < publish->table_count; i++)
		status = replacement_put(&publish->tables[i], writer);
	return status;
}

/* Refuses a transaction that removes too many rows. Reports each table. */
static enum status publish_guard(const struct publish *publish, struct writer *writer)
{
	enum status status = STATUS_DONE;

	for (size_t i = 0; i < publish->table_count; i++) {
		enum status guarded =
			replacement_guard(&publish->tables[i], writer, &publish->input);

		status = status == STATUS_DONE ? guarded : status;
	}
	return status;
}

/* How often the check is repeated because the table changed while it ran. */
enum { CHECKS_MAX = 5 };

/* Runs the check, detached from the region, so that other publishers can commit meanwhile.
 * Attaches again afterwards, and returns STATUS_DONE only if the changes are those that were
 * checked. */
static enum status publish_check(const struct publish *publish, struct writer *writer)
{
	const struct target *target = &publish->tables[0].target;
	struct check check = {.target = target, .command = publish->check};
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
			status = publish_put(publish, writer);
		if (status == STATUS_DONE)
			status = publish_guard(publish, writer);
	}
	check_end(&check);
	return status;
}

static enum status publish_commit(const struct publish *publish)
{
	struct text tables = {0};
	struct writer writer;
	enum status status;
	int64_t rows = 0;

	for (size_t i = 0; i < publish->table_count; i++) {
		text_append_string(&tables, i > 0 ? ", " : "");
		text_append_string(&tables, publish->tables[i].target.table);
		rows += (int64_t)publish->tables[i].batch.count;
	}
	text_append(&tables, "", 1);
	status = publish_put(publish, &writer);
	if (status == STATUS_DONE)
		status = publish_guard(publish, &writer);
	if (status == STATUS_DONE && publish->check)
		status = publish_check(publish, &writer);
	if (status == STATUS_DONE)
		status = writer_commit(&writer, tables.bytes, publish->writing.message, rows);
	writer_close(&writer);
	text_free(&tables);
	return status;
}

/* Fails as a commit would, unless --if-head was not given or is the version of the snapshot. */
static enum status publish_check_head(const struct publish *publish,
                                      const struct stele_position *head)
{
	struct given if_head = publish->writing.if_head;
	struct stele_position expected;
	enum status status;

	if (!publish->writing.if_head_given)
		return STATUS_DONE;
	status = given_needs_region(publish->place, "--if-head", &if_head, publish->region);
	if (status == STATUS_DONE)
		status = given_position(STATUS_CONDITION, "--if-head", &if_head, head->region,
		                        &expected);
	if (status != STATUS_DONE ||
	    (expected.version == head->version &&
	     (head->version == 0 || memcmp(expected.region, head->region, 16) == 0)))
		return status;
	return fail(STATUS_CONDITION,
	            "region \"%s\" is at version %llu, not at version %s; check what changed and "
	            "try again",
	            publish->region, (unsigned long long)head->version, if_head.text);
}

/* Prints the changes of all tables in one version, as those of the next one. */
static enum status publish_propose(const struct publish *publish, struct reader *reader)
{
	struct difference difference = {.output = difference_output(stdout, OUTPUT_TABLE)};
	enum status status = STATUS_DONE, guard = STATUS_DONE;
	struct stele_position position;
	int result = stele_snapshot_open(reader->subscriber, 0, &reader->snapshot);

	if (result == 0) {
		stele_snapshot_position(reader->snapshot, &position);
		status = publish_check_head(publish, &position);
		position.version++;
	}
	for (size_t i = 0; result == 0 && status == STATUS_DONE && i < publish->table_count; i++) {
		enum status guarded = STATUS_DONE;

		status = replacement_propose(&publish->tables[i], reader->snapshot, &difference,
		                             &position, &publish->input, &guarded);
		guard = guard == STATUS_DONE ? guarded : guard;
	}
	if (result == 0 && status == STATUS_DONE)
		result = stele_snapshot_check(reader->snapshot);
	if (result < 0)
		status = fail_library(result);
	status = output_end(difference.output, status);
	return status == STATUS_DONE ? guard : status;
}

/* Prints what a publication would change, also if it would be refused. Reads the region as a
 * subscriber, so that a publisher may be attached. */
static enum status publish_dry_run(const struct publish *publish)
{
	struct reader reader;
	enum status status;

	status = reader_open(&reader, publish->place, publish->region, READER_PINNED);
	if (status != STATUS_DONE)
		return status;
	status = publish_propose(publish, &reader);
	reader_close(&reader);
	return status;
}

/* Opens all files before it reads one, so that a missing file is reported at once. Keeps standard
 * input if several tables are read from it. */
static enum status publish_open(struct publish *publish)
{
	enum status status = STATUS_DONE;
	size_t inputs = 0;

	for (size_t i = 0; i < publish->table_count; i++)
		inputs += strcmp(publish->tables[i].path, "-") == 0;
	if (inputs > 1)
		status = lines_keep_input();
	for (size_t i = 0; status == STATUS_DONE && i < publish->table_count; i++)
		status = replacement_open(&publish->tables[i], publish->place, &publish->input,
		                          &publish->writing);
	if (status != STATUS_DONE)
		return status;
	return mapping_check(&publish->input.mapping,
	                     publish->table_count == 1 ? publish->tables[0].schema : NULL);
}

/* Reads all rows before the publisher attaches: slow or endless input must not hold the region's
 * lock. */
static enum status publish_files(struct publish *publish)
{
	enum status status = publish_open(publish);
	uint64_t used = 0;

	for (size_t i = 0; status == STATUS_DONE && i < publish->table_count; i++) {
		status = replacement_read(&publish->tables[i], used);
		used += publish->tables[i].batch.used;
	}
	if (status == STATUS_DONE)
		status = publish->dry_run ? publish_dry_run(publish) : publish_commit(publish);
	for (size_t i = 0; i < publish->table_count; i++)
		replacement_free(&publish->tables[i]);
	return status;
}

/* Parses TABLE=FILE. */
static enum status publish_parse_table(const char *region, const char *text,
                                       struct replacement *ret)
{
	const char *equals = strchr(text, '=');
	char target[sizeof(ret->target.region) + sizeof(ret->target.table)];
	size_t length = equals ? (size_t)(equals - text) : 0;

	if (length == 0 || equals[1] == '\0' || memchr(text, '/', length))
		return fail_usage("publish", "expected TABLE=FILE, but found \"%s\"", text);
	snprintf(target, sizeof(target), "%s/%.*s", region,
	         (int)(length > STELE_NAME_MAX ? STELE_NAME_MAX + 1 : length), text);
	ret->path = equals + 1;
	return target_parse("publish", target, true, &ret->target);
}

/* Refuses a table that is given twice. */
static enum status publish_check_tables(const struct publish *publish)
{
	for (size_t i = 0; i < publish->table_count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct replacement *a = &publish->tables[i], *b = &publish->tables[j];

			if (strcmp(a->target.table, b->target.table) == 0)
				return fail_usage("publish", "table \"%s\" is given twice",
				                  a->target.table);
		}
	return STATUS_DONE;
}

/* Parses REGION TABLE=FILE..., or REGION/TABLE FILE. */
static enum status publish_parse_operands(struct publish *publish, char **operands, size_t count)
{
	bool several = count > 0 && !strchr(operands[0], '/');
	enum status status = STATUS_DONE;

	if (count < 2 || (!several && count != 2))
		return fail_usage("publish",
		                  "expected REGION/TABLE and FILE, or REGION and TABLE=FILE...");
	publish->table_count = several ? count - 1 : 1;
	publish->tables = heap_realloc(NULL, publish->table_count * sizeof(*publish->tables));
	memset(publish->tables, 0, publish->table_count * sizeof(*publish->tables));
	publish->tables[0].path = operands[1];
	if (!several)
		status = target_parse("publish", operands[0], true, &publish->tables[0].target);
	for (size_t i = 0; several && status == STATUS_DONE && i < publish->table_count; i++)
		status = publish_parse_table(operands[0], operands[i + 1], &publish->tables[i]);
	publish->region = publish->tables[0].target.region;
	if (status == STATUS_DONE && publish->check && publish->table_count > 1)
		return fail_usage("publish", "--check is for one table");
	return status == STATUS_DONE ? publish_check_tables(publish) : status;
}

static enum status publish_run_kernel(const struct publish *publish, const struct call *call,
                                      int count)
{
	if (publish->kernel.wanted && publish->kernel.pushed)
		return fail_usage("publish", "--fpm and --kernel-routes are two sources of routes: "
		                             "expected one of them");
	if (count != 1 || publish->input_given || publish->check)
		return fail_usage("publish", "--kernel-routes and --fpm: expected one REGION, and "
		                             "no file, file option or --check");
	if (publish->writing.if_head_given)
		return fail_usage("publish", "--if-head is for one version, but --kernel-routes "
		                             "and --fpm make many");
	if (target_check_region(call->operands[0]) != STATUS_DONE)
		return STATUS_INPUT;
	return publish_kernel(&call->place, call->operands[0], &publish->creation,
	                      &publish->writing, &publish->kernel);
}

static enum status publish_run(int argc, char **argv)
{
	struct publish publish = {.creation.size = sizeof(publish.creation),
	                          .kernel.fpm.quiet_ns = 5 * NSEC_PER_SEC,
	                          .kernel.fpm.hold_ns = 60 * NSEC_PER_SEC};
	enum status status;
	struct call call;
	int count;

	count = options_parse(&command_publish, argc, argv, &publish, &call);
	publish.place = &call.place;
	if (publish.kernel.timed && !publish.kernel.pushed)
		return fail_usage("publish", "--fpm-quiet and --fpm-hold are only for --fpm");
	if (publish.kernel.wanted || publish.kernel.pushed)
		return publish_run_kernel(&publish, &call, count);
	if (publish.creation.memory != STELE_MEMORY_DEFAULT || publish.creation.flags ||
	    publish.kernel.verbose || publish.kernel.filter.family ||
	    publish.kernel.filter.table_count || publish.kernel.filter.protocol_count)
		return fail_usage("publish", "--memory, --group, --table, --protocol, --family and "
		                             "--verbose are only for --kernel-routes and "
		                             "--fpm");
	status = publish_parse_operands(&publish, call.operands, (size_t)count);
	if (status == STATUS_DONE)
		status = publish_files(&publish);
	free(publish.tables);
	mapping_free(&publish.input.mapping);
	return status;
}

const struct command command_publish = {
	.name = "publish",
	.summary = "replace a table by a file, or mirror the kernel",
	.usage = "REGION/TABLE FILE\nREGION TABLE=FILE...\n--kernel-routes REGION\n"
		 "--fpm [ADDRESS:]PORT REGION",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"format", 'f', REPLACEMENT_FORMATS, 0,
                         "The format of the file, instead of the one that its start implies", 0},
			{"input-format", OPTION_INPUT_FORMAT, "FORMAT", OPTION_HIDDEN, NULL, 0},
			{"columns", OPTION_COLUMNS, "NAME=COLUMN,...", 0,
                         "Read the file's column NAME as this column of the table", 0},
			{"ignore-unknown", OPTION_IGNORE_UNKNOWN, NULL, 0,
                         "Leave out columns of the file that the table does not have", 0},
			{"delimiter", OPTION_DELIMITER, "CHARACTER", 0,
                         "What separates the fields of CSV, or tab", 0},
			{"no-header", OPTION_NO_HEADER, NULL, 0,
                         "The CSV file has no first line with names", 0},
			{"empty-as", OPTION_EMPTY_AS, "[COLUMN=]TEXT", 0,
                         "Read empty fields, and null, as this text", 0},
			{"null", OPTION_NULL, "TEXT", 0, "Fields of CSV with this text are empty",
                         0},
			{"skip-other-family", OPTION_SKIP_OTHER_FAMILY, NULL, 0,
                         "Leave out rows whose key is an address of the other family", 0},
			OPTION_ALLOW_UNTERMINATED,
			{"allow-empty", OPTION_ALLOW_EMPTY, NULL, 0,
                         "Accept input without rows, which removes all rows", 0},
			{"max-removed", OPTION_MAX_REMOVED, "N|N%", 0,
                         "Change nothing if more rows than this would be removed", 0},
			{"dry-run", 'n', NULL, 0,
                         "Only print what would change, as 'stele diff' does", 0},
			{"check", OPTION_CHECK, "CMD", 0,
                         "Commit only if this command accepts the changes", 0},
			{"kernel-routes", 'k', NULL, 0,
                         "Mirror the links, addresses, neighbours, rules and routes of the kernel",
                         0},
			{"fpm", OPTION_FPM, "[ADDRESS:]PORT", 0,
                         "Mirror the routes that FRR sends to this port, and all else of the kernel",
                         0},
			{"fpm-quiet", OPTION_FPM_QUIET, "SECONDS", 0,
                         "With --fpm, FRR has sent all of its routes after this time without any (5)",
                         0},
			{"fpm-hold", OPTION_FPM_HOLD, "SECONDS", 0,
                         "With --fpm, keep routes that FRR does not send again for at least this time (60)",
                         0},
			{"table", OPTION_TABLE, "NUMBER", 0,
                         "With --kernel-routes or --fpm, mirror only routes of this routing table; may be repeated",
                         0},
			{"protocol", OPTION_PROTOCOL, "PROTOCOL", 0,
                         "With --kernel-routes or --fpm, mirror only routes of this protocol; may be repeated",
                         0},
			{"family", OPTION_FAMILY, KERNEL_FAMILIES, 0,
                         "With --kernel-routes or --fpm, mirror only routes of this family", 0},
			{"verbose", OPTION_VERBOSE, NULL, 0,
                         "With --kernel-routes or --fpm, print a line for each version", 0},
			{"memory", 'M', PARSE_MEMORY_WORDS, 0,
                         "What holds the region that --kernel-routes or --fpm creates: shm, file or sysv",
                         0},
			{"group", 'g', "GROUP", 0,
                         "Give the region that --kernel-routes or --fpm creates to this group", 0},
			{0},
		},
	.parse = publish_parse,
	.common = &options_writing,
	.common_at = offsetof(struct publish, writing),
	.run = publish_run,
};
