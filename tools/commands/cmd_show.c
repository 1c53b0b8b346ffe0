/* SPDX-License-Identifier: MIT
 * stele show and stele inspect: describe a region. inspect also walks all of its memory and reads
 * the state of its lock. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/progress.h"
#include "tools/region/mirror.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"
#include "tools/region/given.h"

static const char show_doc[] =
	"Examples:\n"
	"  stele show net\n"
	"  stele show --format json net | jq '.tables[].table'\n"
	"\n"
	"Describes a region: its version and history, its publisher, subscribers, memory and "
	"options, its last commit, and its tables with their columns and rows."
	"\v"
	"FILE is a saved file, with a path that starts with / or . (see 'stele save --help').\n";

static const char inspect_doc[] =
	"Examples:\n"
	"  stele inspect net\n"
	"  stele inspect ./net.stele\n"
	"  stele inspect --format json net | jq .used_by_history\n"
	"\n"
	"Describes a region as 'stele show' does, and adds figures that need a walk over all "
	"of its memory: the use of memory by rows, nodes, history and pins, free memory, and "
	"whether a transaction is open."
	"\v"
	"Memory that several versions share is counted once, for the newest of them. 'slack' "
	"is free memory in pages that are in use. Versions that the publisher reclaims "
	"before they were counted are in no figure but 'given_up'. FILE is a saved file, "
	"with a path that starts with / or . (see 'stele save --help').\n";

/* ---- tables ---- */

enum { TABLE_NAME, TABLE_ROWS, TABLE_VERSION, TABLE_SCHEMA, TABLE_COLUMNS };

static const struct output_column table_columns[TABLE_COLUMNS] = {
	[TABLE_NAME] = {"table", false},
	[TABLE_ROWS] = {"rows", true},
	[TABLE_VERSION] = {"changed_in", true},
	[TABLE_SCHEMA] = {"columns", false},
};

struct shown_table {
	char name[STELE_NAME_MAX + 1];
	char rows[DESCRIBED_MAX];
	char version[DESCRIBED_MAX];
	char *schema;
};

struct shown_tables {
	struct shown_table *tables;
	struct cell *cells;
	size_t count;
	uint64_t version; /* the version that the tables belong to */
};

static void show_free_tables(struct shown_tables *shown)
{
	for (size_t i = 0; i < shown->count; i++)
		free(shown->tables[i].schema);
	free(shown->tables);
	free(shown->cells);
	*shown = (struct shown_tables){0};
}

static int show_add_table(void *context, const char *name, const struct stele_table *table)
{
	struct shown_tables *shown = context;
	struct stele_schema *schema;
	struct shown_table *added;
	size_t size;
	int result;

	result = stele_table_schema(table, &schema);
	if (result < 0)
		return result;
	shown->tables = heap_realloc(shown->tables, (shown->count + 1) * sizeof(*shown->tables));
	added = &shown->tables[shown->count++];
	snprintf(added->name, sizeof(added->name), "%s", name);
	describe_number(stele_table_rows(table), added->rows);
	describe_number(stele_table_version(table), added->version);
	size = stele_schema_format(schema, NULL, 0) + 1;
	added->schema = heap_realloc(NULL, size);
	stele_schema_format(schema, added->schema, size);
	stele_schema_free(schema);
	return 0;
}

static struct cell show_make_table_list(struct shown_tables *shown)
{
	shown->cells =
		heap_realloc(NULL, (shown->count + 1) * TABLE_COLUMNS * sizeof(*shown->cells));
	for (size_t i = 0; i < shown->count; i++) {
		struct cell *cells = shown->cells + i * TABLE_COLUMNS;

		cells[TABLE_NAME] = cell_text(shown->tables[i].name);
		cells[TABLE_ROWS] = cell_literal(shown->tables[i].rows);
		cells[TABLE_VERSION] = cell_literal(shown->tables[i].version);
		cells[TABLE_SCHEMA] = cell_text(shown->tables[i].schema);
	}
	return (struct cell){
		.kind = CELL_LIST,
		.columns = table_columns,
		.cells = shown->cells,
		.column_count = TABLE_COLUMNS,
		.row_count = shown->count,
	};
}

/* ---- the last commit ---- */

enum {
	COMMIT_VERSION,
	COMMIT_TIME,
	COMMIT_BY,
	COMMIT_ADDED,
	COMMIT_CHANGED,
	COMMIT_REMOVED,
	COMMIT_MESSAGE,
	COMMIT_COLUMNS
};

static const struct output_column commit_columns[COMMIT_COLUMNS] = {
	[COMMIT_VERSION] = {"version", true},  [COMMIT_TIME] = {"time", false},
	[COMMIT_BY] = {"by", false},           [COMMIT_ADDED] = {"added", true},
	[COMMIT_CHANGED] = {"changed", true},  [COMMIT_REMOVED] = {"removed", true},
	[COMMIT_MESSAGE] = {"message", false},
};

struct shown_commit {
	char texts[COMMIT_COLUMNS][DESCRIBED_MAX];
	struct cell cells[COMMIT_COLUMNS];
};

static struct cell show_make_commit(const struct stele_commit *commit, struct shown_commit *shown)
{
	struct cell *cells = shown->cells;

	if (!commit->version)
		return (struct cell){.kind = CELL_NONE};
	cells[COMMIT_VERSION] = cell_number(commit->version, shown->texts[COMMIT_VERSION]);
	cells[COMMIT_TIME] = cell_time(commit->time, shown->texts[COMMIT_TIME]);
	cells[COMMIT_BY] =
		cell_text(describe_process(commit->pid, commit->command, shown->texts[COMMIT_BY]));
	cells[COMMIT_ADDED] = cell_number(commit->added, shown->texts[COMMIT_ADDED]);
	cells[COMMIT_CHANGED] = cell_number(commit->changed, shown->texts[COMMIT_CHANGED]);
	cells[COMMIT_REMOVED] = cell_number(commit->removed, shown->texts[COMMIT_REMOVED]);
	cells[COMMIT_MESSAGE] = cell_text(commit->message);
	return (struct cell){
		.kind = CELL_OBJECT,
		.columns = commit_columns,
		.cells = cells,
		.column_count = COMMIT_COLUMNS,
		.row_count = 1,
	};
}

/* ---- the mirror of the kernel ---- */

enum {
	MIRROR_SYNCED,
	MIRROR_SINCE,
	MIRROR_DOUBT,
	MIRROR_LOSSES,
	MIRROR_DUMPS,
	MIRROR_READS,
	MIRROR_MESSAGES,
	MIRROR_REFUSED,
	MIRROR_RUNNING,
	MIRROR_COLUMNS
};

static const struct output_column mirror_columns[MIRROR_COLUMNS] = {
	[MIRROR_SYNCED] = {"synced", false},    [MIRROR_SINCE] = {"since", false},
	[MIRROR_DOUBT] = {"doubt", false},      [MIRROR_LOSSES] = {"losses", true},
	[MIRROR_DUMPS] = {"dumps", true},       [MIRROR_READS] = {"reads", true},
	[MIRROR_MESSAGES] = {"messages", true}, [MIRROR_REFUSED] = {"refused", true},
	[MIRROR_RUNNING] = {"running", false},
};

struct shown_mirror {
	bool present; /* the region is a mirror of the kernel */
	struct kernel_status status;
	char plain[MIRROR_TEXT];
	char texts[MIRROR_COLUMNS][DESCRIBED_MAX];
	struct cell cells[MIRROR_COLUMNS];
};

static struct cell show_make_mirror(bool runs, struct shown_mirror *shown)
{
	const struct kernel_status *status = &shown->status;
	const uint64_t counts[] = {status->losses, status->dumps, status->reads, status->messages,
	                           status->refused};
	struct cell *cells = shown->cells;

	cells[MIRROR_SYNCED] = cell_literal(status->synced ? "true" : "false");
	cells[MIRROR_SINCE] = cell_time(status->since, shown->texts[MIRROR_SINCE]);
	cells[MIRROR_DOUBT] = cell_text(status->doubt);
	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		cells[MIRROR_LOSSES + i] = cell_number(counts[i], shown->texts[MIRROR_LOSSES + i]);
	cells[MIRROR_RUNNING] = cell_literal(runs ? "true" : "false");
	return (struct cell){
		.kind = CELL_OBJECT,
		.plain = mirror_describe(status, runs, shown->plain),
		.columns = mirror_columns,
		.cells = cells,
		.column_count = MIRROR_COLUMNS,
		.row_count = 1,
	};
}

/* ---- the region ---- */

enum {
	NAME,
	PATH,
	UUID,
	VERSION,
	TOKEN,
	OLDEST,
	HISTORY,
	HISTORY_BYTES,
	CREATED,
	MODE,
	OWNER,
	GROUP,
	PUBLISHER,
	ATTACHED,
	SINCE,
	SUBSCRIBERS,
	SLOTS,
	MEMORY,
	SIZE,
	ARENA,
	MAXIMUM,
	LIMIT,
	GENERATION,
	DURABILITY,
	LAYOUT,
	FEATURES,
	MISSING,
	COMMIT,
	MIRROR,
	TABLES,
	SHOWN,

	/* The columns that only stele inspect prints. */
	LOCK = SHOWN,
	VERSIONS,
	PINNED_VERSIONS,
	GIVEN_UP,
	ROWS,
	NODES,
	ROW_BYTES,
	NODE_BYTES,
	OTHER_BYTES,
	HISTORY_USED,
	PINNED_BYTES,
	SLACK_BYTES,
	FREE_BYTES,
	WHOLE,
	COLUMNS
};

static const struct output_column columns[COLUMNS] = {
	[NAME] = {"region", false},
	[PATH] = {"path", false},
	[UUID] = {"uuid", false},
	[VERSION] = {"version", true},
	[TOKEN] = {"token", false},
	[OLDEST] = {"oldest_version", true},
	[HISTORY] = {"history", true},
	[HISTORY_BYTES] = {"history_bytes", true},
	[CREATED] = {"created", false},
	[MODE] = {"mode", false},
	[OWNER] = {"owner", true},
	[GROUP] = {"group", true},
	[PUBLISHER] = {"publisher", false},
	[ATTACHED] = {"publisher_attached", false},
	[SINCE] = {"publisher_since", false},
	[SUBSCRIBERS] = {"subscribers", true},
	[SLOTS] = {"subscriber_slots", true},
	[MEMORY] = {"memory", false},
	[SIZE] = {"size", true},
	[ARENA] = {"arena_size", true},
	[MAXIMUM] = {"maximum_size", true},
	[LIMIT] = {"limit_size", true},
	[GENERATION] = {"generation", true},
	[DURABILITY] = {"durability", false},
	[LAYOUT] = {"layout_version", true},
	[FEATURES] = {"features", false},
	[MISSING] = {"features_missing", false},
	[COMMIT] = {"last_commit", false},
	[MIRROR] = {"kernel_mirror", false},
	[TABLES] = {"tables", false},
	[LOCK] = {"lock", false},
	[VERSIONS] = {"versions", true},
	[PINNED_VERSIONS] = {"pinned_versions", true},
	[GIVEN_UP] = {"given_up", true},
	[ROWS] = {"rows", true},
	[NODES] = {"nodes", true},
	[ROW_BYTES] = {"used_by_rows", true},
	[NODE_BYTES] = {"used_by_nodes", true},
	[OTHER_BYTES] = {"used_by_others", true},
	[HISTORY_USED] = {"used_by_history", true},
	[PINNED_BYTES] = {"used_by_pins", true},
	[SLACK_BYTES] = {"slack", true},
	[FREE_BYTES] = {"free", true},
	[WHOLE] = {"whole", false},
};

/* The values that stele inspect adds to the description. */
struct inspection {
	bool wanted; /* the command is inspect */
	bool known;  /* `use` is valid: the walk succeeded */
	struct stele_region_use use;
	char lock[160];
};

static void show_fill_inspection(const struct inspection *inspection, char texts[][DESCRIBED_MAX],
                                 char plain[][DESCRIBED_MAX], struct cell *cells)
{
	const struct stele_region_use *use = &inspection->use;
	const uint64_t sizes[] = {use->row_bytes,     use->node_bytes,   use->other_bytes,
	                          use->history_bytes, use->pinned_bytes, use->slack_bytes,
	                          use->free_bytes};

	cells[LOCK] = cell_text(inspection->lock);
	if (!inspection->known)
		return;
	cells[VERSIONS] = cell_number(use->versions, texts[VERSIONS]);
	cells[PINNED_VERSIONS] = cell_number(use->pinned_versions, texts[PINNED_VERSIONS]);
	cells[GIVEN_UP] = cell_number(use->given_up, texts[GIVEN_UP]);
	cells[GIVEN_UP].plain = describe_given_up(use->given_up, plain[GIVEN_UP]);
	cells[ROWS] = cell_number(use->rows, texts[ROWS]);
	cells[NODES] = cell_number(use->nodes, texts[NODES]);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		cells[ROW_BYTES + i] =
			cell_size(sizes[i], texts[ROW_BYTES + i], plain[ROW_BYTES + i]);
	cells[WHOLE] = cell_literal(use->damages ? "false" : "true");
	cells[WHOLE].plain = use->damages ? "no: see 'stele verify'" : "yes";
}

/* Fills the cells of the publisher: its name, whether it is attached, and since when. */
static void show_fill_publisher(const struct stele_region_info *info, char *name, char *since,
                                char *attached_plain, struct cell *cells)
{
	char age[DESCRIBED_MAX];

	if (info->publisher_pid)
		cells[PUBLISHER] = cell_text(
			describe_process(info->publisher_pid, info->publisher_command, name));
	cells[ATTACHED] = cell_literal(info->publisher_attached ? "true" : "false");
	cells[SINCE] = cell_time(info->publisher_since, since);
	describe_age(info->publisher_since, age);
	snprintf(attached_plain, DESCRIBED_MAX, "%s%s%.30s%s",
	         info->publisher_attached ? "yes" : "no", *age ? ", for " : "", age,
	         info->publisher_attached &&
	                         describe_is_stopped(info->publisher_pid, info->publisher_command)
	                 ? ", but it is stopped"
	                 : "");
	cells[ATTACHED].plain = attached_plain;
}

/* Prints the cells, all but the one of the mirror if the region is none. */
static enum status show_print_cells(const struct cell *cells, size_t count, bool mirrors,
                                    enum output_format format)
{
	struct output_column printed_columns[COLUMNS];
	struct cell printed[COLUMNS];
	struct output *output;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (i == MIRROR && !mirrors)
			continue;
		printed_columns[kept] = columns[i];
		printed[kept++] = cells[i];
	}
	output = output_open(format, SHAPE_RECORD, printed_columns, kept);
	return output_end(output, output_row(output, printed));
}

static enum status show_print_region(const struct stele_region_info *info,
                                     struct shown_tables *tables, struct shown_mirror *mirror,
                                     const struct inspection *inspection, enum output_format format)
{
	char texts[COLUMNS][DESCRIBED_MAX], plain[COLUMNS][DESCRIBED_MAX];
	struct shown_commit commit;
	struct cell cells[COLUMNS] = {0};

	cells[NAME] = cell_text(info->name);
	cells[PATH] = cell_text(info->path);
	cells[UUID] = cell_text(describe_uuid(info->uuid, texts[UUID]));
	cells[VERSION] = cell_number(info->version, texts[VERSION]);
	cells[TOKEN] = cell_text(describe_token(info->version, info->uuid, texts[TOKEN]));
	cells[OLDEST] = cell_number(info->oldest, texts[OLDEST]);
	cells[HISTORY] = cell_number(info->history, texts[HISTORY]);
	if (info->history_bytes)
		cells[HISTORY_BYTES] =
			cell_size(info->history_bytes, texts[HISTORY_BYTES], plain[HISTORY_BYTES]);
	cells[CREATED] = cell_time(info->created, texts[CREATED]);
	snprintf(texts[MODE], sizeof(texts[MODE]), "%04o", (unsigned)info->mode & 07777);
	cells[MODE] = cell_text(texts[MODE]);
	cells[OWNER] = cell_number(info->owner, texts[OWNER]);
	cells[GROUP] = cell_number(info->group, texts[GROUP]);
	show_fill_publisher(info, texts[PUBLISHER], texts[SINCE], plain[ATTACHED], cells);
	cells[SUBSCRIBERS] = cell_number(info->subscribers, texts[SUBSCRIBERS]);
	cells[SLOTS] = cell_number(info->subscriber_slots, texts[SLOTS]);
	cells[MEMORY] = cell_text(parse_memory_name(info->memory));
	cells[SIZE] = cell_size(info->file_size, texts[SIZE], plain[SIZE]);
	cells[ARENA] = cell_size(info->arena_size, texts[ARENA], plain[ARENA]);
	cells[MAXIMUM] = cell_size(info->maximum_size, texts[MAXIMUM], plain[MAXIMUM]);
	cells[LIMIT] = cell_size(info->limit_size, texts[LIMIT], plain[LIMIT]);
	cells[GENERATION] = cell_number(info->generation, texts[GENERATION]);
	cells[DURABILITY] = cell_text(info->durable_commits ? "commit" : "none");
	cells[LAYOUT] = cell_number(info->layout_version, texts[LAYOUT]);
	if (*info->features)
		cells[FEATURES] = cell_text(info->features);
	if (*info->features_missing)
		cells[MISSING] = cell_text(info->features_missing);
	cells[COMMIT] = show_make_commit(&info->commit, &commit);
	if (mirror->present)
		cells[MIRROR] = show_make_mirror(
			mirror_runs(&mirror->status, info, MIRROR_PATIENCE_MS), mirror);
	cells[TABLES] = show_make_table_list(tables);
	if (inspection->wanted)
		show_fill_inspection(inspection, texts, plain, cells);
	return show_print_cells(cells, inspection->wanted ? COLUMNS : SHOWN, mirror->present,
	                        format);
}

/* Prints a region. The description and the tables are two reads, so a commit can come between them:
 * reads both again until they have the same version. After READ_TRIES attempts, accepts two
 * neighbouring versions, because the publisher is too fast. */
static enum status show_print_newest(const struct reader *reader,
                                     const struct inspection *inspection, enum output_format format)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct shown_tables tables = {0};
	struct shown_mirror mirror = {0};
	enum status status;
	int result = 0;

	for (int i = 0; i < READ_TRIES; i++) {
		result = stele_region_describe(place_path(reader->place, reader->region), &info);
		show_free_tables(&tables);
		if (result == 0)
			result = reader_each_table(reader->subscriber, show_add_table, &tables,
			                           &tables.version);
		if ((result < 0 && result != -ESTALE) ||
		    (result == 0 && info.version == tables.version))
			break;
	}
	mirror.present = mirror_read(reader->subscriber, &mirror.status);
	if (result < 0)
		status = fail_library(result);
	else
		status = show_print_region(&info, &tables, &mirror, inspection, format);
	show_free_tables(&tables);
	return status;
}

/* ---- inspect ---- */

static void show_inspect_lock(const struct place *place, const char *region, bool saved, char *text,
                              size_t size)
{
	static const char *const states[] = {
		[STELE_LOCK_FREE] = "free",
		[STELE_LOCK_HELD] = "held",
		[STELE_LOCK_DEAD] = "its owner died; the next publisher recovers it",
		[STELE_LOCK_EARLIER] = "from an earlier boot; the next publisher creates another",
	};
	struct stele_region_lock lock = {.size = sizeof(lock)};
	int result;

	if (place_is_path(region)) {
		snprintf(text, size,
		         saved ? "none: it is a saved file"
		               : "not checked: the region is read as a file");
		return;
	}
	result = stele_region_describe_lock(place_path(place, region), &lock);
	if (result < 0)
		snprintf(text, size, "unknown: %s",
		         result == -EACCES || result == -EPERM
		                 ? "only the region's owner may read it"
		         : result == -EPROTONOSUPPORT ? "the publisher file has another layout"
		                                      : "there is no publisher file");
	else if (lock.state == STELE_LOCK_HELD)
		snprintf(text, size, "held by thread %u: a transaction is open",
		         (unsigned)lock.owner);
	else
		snprintf(text, size, "%s", states[lock.state]);
}

static void show_on_progress(uint64_t objects, void *context)
{
	char number[GROUPED_SIZE];

	progress_note(context, "%s rows and nodes", describe_grouped(objects, number));
}

static enum status show_inspect(const struct place *place, const char *region,
                                struct inspection *inspection)
{
	struct progress progress;
	struct stele_verify_options options = {
		.size = sizeof(options), .progress = show_on_progress, .context = &progress};
	int result;

	inspection->wanted = true;
	inspection->use.size = sizeof(inspection->use);
	owner_apply(&place->owner, &options.flags, &options.owner);
	progress_start(&progress, "inspecting", 0);
	result = stele_region_verify(place_path(place, region), &options, &inspection->use);
	progress_end(&progress);
	inspection->known = result >= 0;
	show_inspect_lock(place, region, inspection->use.checksummed, inspection->lock,
	                  sizeof(inspection->lock));
	/* -ETIME: the publisher reclaimed every version during the walk. The rest is printed
	 * without the figures of the walk. */
	return result < 0 && result != -ETIME ? fail_library(result) : STATUS_DONE;
}

static enum status show_run_with(const struct command *command, bool inspects, int argc,
                                 char **argv)
{
	enum output_format format = OUTPUT_TABLE;
	struct inspection inspection = {0};
	struct reader reader;
	enum status status;
	struct call call;

	if (options_parse(command, argc, argv, &format, &call) != 1)
		return fail_usage(command->name, "expected one REGION or FILE");
	status = target_check_source(call.operands[0]);
	if (status == STATUS_DONE)
		status = reader_open(&reader, &call.place, call.operands[0], READER_ONCE);
	if (status != STATUS_DONE)
		return status;
	if (inspects)
		status = show_inspect(&call.place, call.operands[0], &inspection);
	if (status == STATUS_DONE)
		status = show_print_newest(&reader, &inspection, format);
	reader_close(&reader);
	return status;
}

static enum status show_run(int argc, char **argv)
{
	return show_run_with(&command_show, false, argc, argv);
}

static enum status show_run_inspect(int argc, char **argv)
{
	return show_run_with(&command_inspect, true, argc, argv);
}

const struct command command_show = {
	.name = "show",
	.summary = "describe a region and its tables",
	.usage = "REGION|FILE",
	.doc = show_doc,
	.common = &options_format,
	.reads = true,
	.run = show_run,
};
const struct command command_inspect = {
	.name = "inspect",
	.summary = "describe a region, its memory and its lock",
	.usage = "REGION|FILE",
	.doc = inspect_doc,
	.common = &options_format,
	.reads = true,
	.run = show_run_inspect,
};
