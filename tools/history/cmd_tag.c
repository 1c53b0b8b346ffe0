/* SPDX-License-Identifier: MIT
 * stele tag: names versions of a region, and lists the names. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/region/given.h"
#include "tools/region/options.h"
#include "tools/region/reader.h"
#include "tools/region/tags.h"
#include "tools/region/target.h"

static const char doc[] =
	"Examples:\n"
	"  stele tag net before-upgrade\n"
	"  stele tag net monday-noon 12:00\n"
	"  stele rollback net --to before-upgrade\n"
	"  stele tag --delete net before-upgrade\n"
	"  stele tag net\n"
	"\n"
	"Names a version, the newest unless VERSION is given. Every option and operand that is "
	"a version takes the name. Without NAME, lists the names."
	"\v"
	"A name does not keep its version in history. It begins with a letter or an underscore. "
	"The owner of the region and root name its versions, also while a publisher is "
	"attached. Removing the region removes its names.\n";

struct tag_options {
	enum output_format format;
	bool force, deletes;
};

/* Keys of options that have no short form. */
enum { OPTION_DELETE = OPTION_OTHERS };

static error_t tag_parse(int key, char *argument, struct argp_state *state)
{
	struct tag_options *options = state->input;

	(void)argument;
	switch (key) {
	case 'F':
		options->force = true;
		return 0;
	case OPTION_DELETE:
		options->deletes = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum { NAME, VERSION, TIME, HELD, TOKEN, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[NAME] = {"name", false}, [VERSION] = {"version", true}, [TIME] = {"time", false},
	[HELD] = {"held", false}, [TOKEN] = {"token", false},
};

/* Reads the commit of a version. Returns false if history no longer holds it, or if it is of
 * another region that had the name before. */
static bool tag_read_commit(const struct reader *reader, const struct stele_position *position,
                            struct stele_commit *ret)
{
	struct stele_position present = {.version = 0};
	struct stele_snapshot *snapshot;
	bool there = false;

	if (stele_snapshot_open(reader->subscriber, position->version, &snapshot) < 0)
		return false;
	stele_snapshot_position(snapshot, &present);
	if (memcmp(present.region, position->region, sizeof(present.region)) == 0)
		there = stele_snapshot_commit(snapshot, ret) == 0;
	stele_snapshot_close(snapshot);
	return there;
}

static enum status tag_print(const struct reader *reader, struct output *output,
                             const struct tag *tag)
{
	char version[DESCRIBED_MAX], time[DESCRIBED_MAX], plain[DESCRIBED_MAX];
	struct stele_commit commit = {.time = 0};
	struct stele_position position;
	struct cell cells[COLUMNS];
	bool held;

	stele_position_parse(tag->token, NULL, &position);
	held = tag_read_commit(reader, &position, &commit);
	cells[NAME] = cell_text(tag->name);
	cells[VERSION] = cell_number(position.version, version);
	cells[TIME] = cell_time(commit.time, time);
	cells[HELD] = cell_literal(held ? "true" : "false");
	cells[HELD].plain = held ? "yes" : "no";
	cells[TOKEN] = cell_text(tag->token);
	cells[TOKEN].plain = describe_token_short(position.version, position.region, plain);
	return output_row(output, cells);
}

static enum status tag_list(const struct place *place, const char *region,
                            enum output_format format)
{
	struct output *output;
	struct reader reader;
	enum status status;
	struct tags tags;

	/* The reader refuses a region of an owner who is not trusted. */
	status = reader_open(&reader, place, region, READER_ONCE);
	if (status != STATUS_DONE)
		return status;
	status = tags_open(&tags, place, region);
	if (status == STATUS_DONE) {
		output = output_open(format, SHAPE_ROWS, columns, COLUMNS);
		for (size_t i = 0; status == STATUS_DONE && i < tags.count; i++)
			status = tag_print(&reader, output, &tags.list[i]);
		status = output_end(output, status);
	}
	tags_close(&tags);
	reader_close(&reader);
	return status;
}

/* Finds the version that is to be named: one that history holds. */
static enum status tag_find_version(const struct place *place, const char *region, const char *text,
                                    char *ret_token)
{
	struct given version = {.form = GIVEN_BACK, .text = "-0"};
	struct stele_snapshot *snapshot;
	enum status status = STATUS_DONE;
	struct reader reader;
	uint8_t uuid[16];
	int result;

	if (text)
		status = given_parse("VERSION", text, 1, INT64_MAX, &version);
	if (status == STATUS_DONE)
		status = reader_open(&reader, place, region, READER_ONCE);
	if (status != STATUS_DONE)
		return status;
	status = reader_check_given(&reader, "VERSION", &version);
	if (status == STATUS_DONE) {
		result = stele_snapshot_open(reader.subscriber, version.version, &snapshot);
		status = result < 0 ? fail_library(result) : STATUS_DONE;
		stele_subscriber_region_uuid(reader.subscriber, uuid);
		describe_token(version.version, uuid, ret_token);
	}
	reader_close(&reader);
	return status;
}

/* Adds or removes a name in the locked tags. */
static enum status tag_change(struct tags *tags, const char *region, const char *name,
                              const char *token, const struct tag_options *options)
{
	const struct tag *there = tags_get(tags, name);

	if (options->deletes && !there)
		return fail(STATUS_NO_TABLE, "no version of region \"%s\" is named \"%s\"", region,
		            name);
	if (!options->deletes && there && !options->force)
		return fail(STATUS_INPUT,
		            "\"%s\" is the name of version %s; --force gives it to another one",
		            name, there->token);
	if (!options->deletes && !there && tags->count >= TAGS_MAX)
		return fail(STATUS_NO_SPACE, "region \"%s\" has %u named versions, the maximum",
		            region, TAGS_MAX);
	tags_set(tags, name, options->deletes ? NULL : token);
	return tags_write(tags);
}

static enum status tag_set(const struct place *place, char **operands,
                           const struct tag_options *options)
{
	const char *region = operands[0], *name = operands[1];
	char token[DESCRIBED_MAX] = "";
	enum status status = STATUS_DONE;
	struct tags tags;

	if (!tags_is_name(name))
		return fail(STATUS_INPUT,
		            "invalid name \"%s\" (expected letters, digits, '_' and '-', with a "
		            "letter or '_' first, and not \"now\" or \"inf\")",
		            name);
	if (!options->deletes)
		status = tag_find_version(place, region, operands[2], token);
	if (status != STATUS_DONE)
		return status;
	status = tags_open_to_write(&tags, place, region);
	if (status == STATUS_DONE)
		status = tag_change(&tags, region, name, token, options);
	tags_close(&tags);
	if (status == STATUS_DONE && !options->deletes)
		printf("%s: %s is version %.*s\n", region, name,
		       (int)(strcspn(token, "@") + sizeof("@01234567") - 1), token);
	return status;
}

static enum status tag_run(int argc, char **argv)
{
	struct tag_options options = {.format = OUTPUT_TABLE};
	struct call call;
	int count;

	count = options_parse(&command_tag, argc, argv, &options, &call);
	if (count < 1 || count > 3 || (options.deletes && count != 2))
		return fail_usage("tag", "expected REGION, a NAME and a VERSION");
	if (target_check_region(call.operands[0]) != STATUS_DONE)
		return STATUS_INPUT;
	return count == 1 ? tag_list(&call.place, call.operands[0], options.format)
	                  : tag_set(&call.place, call.operands, &options);
}

const struct command command_tag = {
	.name = "tag",
	.summary = "name versions",
	.usage = "REGION\nREGION TAG [VERSION]\n--delete REGION TAG",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"delete", OPTION_DELETE, NULL, 0, "Remove the name", 0},
			{"force", 'F', NULL, 0, "Give the name to another version", 0},
			{0},
		},
	.parse = tag_parse,
	.common = &options_format,
	.common_at = offsetof(struct tag_options, format),
	.reads = true,
	.counts = 2,
	.run = tag_run,
};
