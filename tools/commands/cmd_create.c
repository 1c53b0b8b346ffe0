/* SPDX-License-Identifier: MIT
 * stele create: creates a region, or the missing tables of an existing one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/target.h"
#include "tools/rows/declarations.h"

/* The options of stele create. */
struct create {
	struct declarations tables;
	struct stele_publisher_options options;
	unsigned flags;      /* STELE_GROUP, STELE_SHARED_REGION, or 0 */
	bool region_options; /* at least one option that applies only to a new region was given */
};

static const char doc[] =
	"Examples:\n"
	"  stele create net \\\n"
	"    --table 'routes(prefix: ipv4net key, next_hop: ipv4, metric: u32)'\n"
	"  stele create services --history 1000 --max-size 256M --mode 644 \\\n"
	"    --table 'services(name: char[32] key, address: ipv4, port: u16)' \\\n"
	"    --table 'notes(name: char[32] key, note: text)'\n"
	"\n"
	"Creates a region with the declared tables. If the region exists, creates the tables "
	"that it does not have."
	"\v"
	"A declaration names a table and its columns: NAME(COLUMN: TYPE key, COLUMN: TYPE, "
	"...). The columns marked 'key' come first. The types are:\n"
	"\n"
	"  u8 u16 u32 u64 i8 i16 i32 i64 f64 bool time uuid mac\n"
	"  ipv4 ipv6 char[N]\n"
	"  ipv4net ipv6net   in a key: its last column\n"
	"  text bytes        any length: the last column of the key or of the row\n"
	"  TYPE[N]           an array of any other type: not in a key\n"
	"\n"
	"After them a column may have attributes: enum(up=1, down=2), default TEXT, unit TEXT, "
	"doc TEXT, was TEXT (former names), deprecated; and @8 for an offset in the value.\n"
	"\n"
	"A table that exists is left as it is, if programs for the declaration can use it. "
	"Otherwise that is an error, and nothing is created. A SIZE is a number of bytes, or "
	"a number with the unit K, M, G or T.\n"
	"\n"
	"A region that cannot be used is replaced by an empty one, with a note: a region of "
	"a library with an earlier layout, or one that an earlier boot of the machine left "
	"incomplete.\n";

static enum status create_parse_mode(const char *text, mode_t *ret)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (*text < '0' || *text > '7' || *end || mode == 0 || mode > 0777)
		return fail(STATUS_INPUT,
		            "--mode: invalid value \"%s\" (expected permission bits in octal, "
		            "such as 640)",
		            text);
	*ret = (mode_t)mode;
	return STATUS_DONE;
}

#define CREATE_DURABILITIES "none|commit"

static enum status create_parse_durability(const char *text, enum stele_durability *ret)
{
	unsigned number;
	enum status status = parse_word("--durability", text, CREATE_DURABILITIES, &number);

	if (status == STATUS_DONE)
		*ret = number == 0 ? STELE_DURABLE_CLOSE : STELE_DURABLE_COMMIT;
	return status;
}

/* Keys of options that have no short form. */
enum {
	OPTION_SCHEMA = OPTION_OTHERS,
	OPTION_HISTORY,
	OPTION_MAX_SIZE,
	OPTION_LIMIT,
	OPTION_MODE,
};

static error_t create_parse(int key, char *argument, struct argp_state *state)
{
	struct create *create = state->input;
	enum status status = STATUS_DONE;
	uint64_t number;

	switch (key) {
	case 't':
		status = declarations_parse(&create->tables, "--table ", argument);
		return status == STATUS_DONE ? 0 : EINVAL;
	case OPTION_SCHEMA:
		status = declarations_read(&create->tables, argument);
		return status == STATUS_DONE ? 0 : EINVAL;
	case OPTION_HISTORY:
		status = parse_count("--history", argument, 2, 65536, &number);
		if (status == STATUS_DONE)
			create->options.history = (uint32_t)number;
		break;
	case 'H':
		status = parse_size("--history-bytes", argument, &create->options.history_bytes);
		break;
	case OPTION_MAX_SIZE:
		status = parse_size("--max-size", argument, &create->options.maximum_size);
		break;
	case OPTION_LIMIT:
		status = parse_size("--limit", argument, &create->options.limit_size);
		break;
	case 'd':
		status = create_parse_durability(argument, &create->options.durability);
		break;
	case 'M':
		status = parse_memory("--memory", argument, &create->options.memory);
		break;
	case OPTION_MODE:
		status = create_parse_mode(argument, &create->options.mode);
		break;
	case 'g':
		status = parse_group("--group", argument, &create->options.group);
		create->flags |= STELE_GROUP;
		break;
	case OPTION_SHARED:
		create->flags |= STELE_SHARED_REGION;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	create->region_options = true;
	return status == STATUS_DONE ? 0 : EINVAL;
}

/* The tables that a transaction creates. */
struct creation {
	const char *region;
	const struct declarations *tables;
	const struct declared *table; /* the last one that was tried */
	size_t made;
};

/* Prints a note if a table that exists differs from its declaration. */
static void create_report_table(struct stele_transaction *tx, const char *region,
                                const struct declared *table)
{
	const struct stele_schema *there;

	if (stele_transaction_schema(tx, table->name, &there) == 0 &&
	    !stele_schema_equal(there, table->schema))
		note("table \"%s\" is not as declared, but programs can use it as if it were; "
		     "'stele schema %s/%s' prints it, and 'stele alter' changes it",
		     table->name, region, table->name);
}

static int create_tables(struct stele_transaction *tx, void *context)
{
	struct creation *creation = context;
	int result = 0;

	creation->made = 0;
	for (size_t i = 0; result >= 0 && i < creation->tables->count; i++) {
		creation->table = &creation->tables->tables[i];
		result = stele_transaction_ensure_table(tx, creation->table->name,
		                                        creation->table->schema);
		if (result == 0)
			create_report_table(tx, creation->region, creation->table);
		creation->made += result == 1;
	}
	return result;
}

static enum status create_update(struct stele_publisher *publisher, struct creation *creation,
                                 uint64_t *ret_version)
{
	int result = stele_publisher_update(publisher, create_tables, creation, "tables created",
	                                    ret_version);

	if (result == -EMEDIUMTYPE)
		return fail(fail_status(result), "%s; 'stele alter %s/%s --to ...' may change it",
		            stele_last_error(), creation->region, creation->table->name);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

static void create_report(const char *region, const struct create *create, bool made_region,
                          size_t made_tables, const char *version)
{
	size_t there = create->tables.count - made_tables;

	printf("%s: %s, version %s, %zu table%s created", region,
	       made_region ? "created" : "exists", version, made_tables,
	       made_tables == 1 ? "" : "s");
	if (there)
		printf(", %zu already there", there);
	putchar('\n');
	fflush(stdout);
	if (!made_region && create->region_options)
		note("--history, --history-bytes, --max-size, --limit, --durability, --memory, --mode, "
		     "--group and --shared apply only to a new region; they were not applied");
}

static enum status create_region(const struct place *place, const char *region,
                                 struct create *create)
{
	struct creation creation = {.region = region, .tables = &create->tables};
	struct stele_publisher *publisher;
	char token[DESCRIBED_MAX];
	uint64_t version = 0;
	enum status status;
	bool made_region;
	uint8_t uuid[16];
	int result;

	create->options.flags = STELE_CREATE_NEW | create->flags;
	result = stele_publisher_open(place_path(place, region), &create->options, &publisher);
	made_region = result == 0;
	if (result == -EEXIST) {
		create->options.flags = create->flags;
		result = stele_publisher_open(place_path(place, region), &create->options,
		                              &publisher);
	}
	/* Replace a region that cannot be used: another layout (-EPROTONOSUPPORT), or left
	 * incomplete by an earlier boot (-EUCLEAN). */
	if (result == -EPROTONOSUPPORT || result == -EUCLEAN) {
		create->options.flags = STELE_CREATE | create->flags;
		result = stele_publisher_open(place_path(place, region), &create->options,
		                              &publisher);
		made_region = result == 0;
	}
	if (result < 0)
		return fail_region(place, region, result);
	fail_hold();
	if (*stele_publisher_note(publisher))
		note("%s", stele_publisher_note(publisher));
	stele_publisher_region_uuid(publisher, uuid);
	status = create_update(publisher, &creation, &version);
	stele_publisher_close(publisher);
	fail_release();
	if (status == STATUS_DONE)
		create_report(region, create, made_region, creation.made,
		              describe_token_short(version, uuid, token));
	else if (made_region)
		stele_region_remove(place_path(place, region));
	return status;
}

static enum status create_run(int argc, char **argv)
{
	struct create create = {
		.options = {.size = sizeof(create.options), .waiting = fail_waiting}};
	enum status status;
	struct call call;

	if (options_parse(&command_create, argc, argv, &create, &call) != 1)
		status = fail_usage("create", "expected one REGION");
	else if (target_check_region(call.operands[0]) != STATUS_DONE)
		status = STATUS_INPUT;
	else if (create.options.memory == STELE_MEMORY_SYSV &&
	         create.options.durability == STELE_DURABLE_COMMIT)
		status = fail(STATUS_INPUT,
		              "--durability: a System V segment has no disk for durable commits; "
		              "use --durability=none");
	else
		status = create_region(&call.place, call.operands[0], &create);
	declarations_free(&create.tables);
	return status;
}

const struct command command_create = {
	.name = "create",
	.summary = "create a region, or tables in one",
	.usage = "REGION",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"table", 't', "DECLARATION", 0,
                         "Declare a table; may be given several times", 0},
			{"schema", OPTION_SCHEMA, "FILE", 0,
                         "Declare the tables of a file, as 'stele schema' prints them", 0},
			{"history", OPTION_HISTORY, "VERSIONS", 0,
                         "Keep at least so many versions readable, from 2 to 65536 (default: 64)",
                         0},
			{"history-bytes", 'H', "SIZE", 0,
                         "Limit the memory that only older versions use; the oldest are dropped, down to two",
                         0},
			{"max-size", OPTION_MAX_SIZE, "SIZE", 0,
                         "Let the region's file grow to this size (default: 4G); when it needs more, "
                         "the publisher writes a new file of twice the size",
                         0},
			{"limit", OPTION_LIMIT, "SIZE", 0,
                         "Let no file of the region be larger than this (default: 32G)", 0},
			{"durability", 'd', CREATE_DURABILITIES, 0,
                         "On a disk, what remains when the machine goes down: every version that a "
                         "reader has seen (commit), or the region as its last publisher closed it "
                         "(none, the default)",
                         0},
			{"memory", 'M', PARSE_MEMORY_WORDS, 0,
                         "What holds the region: POSIX shared memory (shm, the default), files in a "
                         "directory (file, the default with --directory), or a System V segment of "
                         "fixed size (sysv)",
                         0},
			{"mode", OPTION_MODE, "OCTAL", 0,
                         "Permissions of the region (default: 640)", 0},
			{"group", 'g', "GROUP", 0,
                         "Give the region to this group, a name or a number, whose members may then read it",
                         0},
			{"shared", OPTION_SHARED, NULL, 0,
                         "Let all publishers of the region take turns, whether or not they ask for it: "
                         "so an operator can always step in",
                         0},
			{0},
		},
	.parse = create_parse,
	.run = create_run,
};
