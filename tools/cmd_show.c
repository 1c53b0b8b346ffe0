/* SPDX-License-Identifier: MIT
 * stele show: all there is to say of a region. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attach.h"
#include "describe.h"

static const char doc[] =
	"Describes a region: its version and history, who publishes and since when, what memory it takes, its last "
	"commit, and its tables with their columns and rows."
	"\v"
	"Examples:\n"
	"  stele show net\n"
	"  stele show --format json net | jq '.tables[].name'\n";

static const struct argp argp = {
	.parser = options_hand_down,
	.args_doc = "REGION",
	.doc = doc,
	.children = (const struct argp_child[]){{.argp = &options_format}, {0}},
};

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
	uint64_t version; /* of the snapshot */
};

static void free_tables(struct shown_tables *shown)
{
	for (size_t i = 0; i < shown->count; i++)
		free(shown->tables[i].schema);
	free(shown->tables);
	free(shown->cells);
	*shown = (struct shown_tables){0};
}

static int add_table(const struct stele_snapshot *snapshot, const char *name,
                     struct shown_tables *shown)
{
	struct stele_schema *schema;
	struct shown_table *added;
	struct stele_table table;
	size_t size;
	int result;

	result = stele_table_open(snapshot, name, NULL, &table);
	if (result == 0)
		result = stele_table_schema(&table, &schema);
	if (result < 0)
		return result;
	shown->tables = must_realloc(shown->tables, (shown->count + 1) * sizeof(*shown->tables));
	added = &shown->tables[shown->count++];
	snprintf(added->name, sizeof(added->name), "%s", name);
	describe_number(stele_table_rows(&table), added->rows);
	describe_number(stele_table_version(&table), added->version);
	size = stele_schema_format(schema, NULL, 0) + 1;
	added->schema = must_realloc(NULL, size);
	stele_schema_format(schema, added->schema, size);
	stele_schema_free(schema);
	return 0;
}

static int read_tables(struct stele_subscriber *subscriber, struct shown_tables *shown)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_snapshot *snapshot;
	int result;

	free_tables(shown);
	result = stele_snapshot_open(subscriber, 0, &snapshot);
	if (result < 0)
		return result;
	shown->version = stele_snapshot_version(snapshot);
	while ((result = stele_snapshot_next_table(snapshot, name)) == 1) {
		result = add_table(snapshot, name, shown);
		if (result < 0)
			break;
	}
	if (result == 0)
		result = stele_snapshot_check(snapshot);
	stele_snapshot_close(snapshot);
	return result;
}

static struct cell make_table_list(struct shown_tables *shown)
{
	shown->cells =
		must_realloc(NULL, (shown->count + 1) * TABLE_COLUMNS * sizeof(*shown->cells));
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

static struct cell make_commit(const struct stele_commit *commit, struct shown_commit *shown)
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

/* ---- the region ---- */

enum {
	NAME,
	PATH,
	UUID,
	VERSION,
	OLDEST,
	HISTORY,
	HISTORY_BYTES,
	CREATED,
	MODE,
	OWNER,
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
	COMMIT,
	TABLES,
	COLUMNS
};

static const struct output_column columns[COLUMNS] = {
	[NAME] = {"region", false},
	[PATH] = {"path", false},
	[UUID] = {"uuid", false},
	[VERSION] = {"version", true},
	[OLDEST] = {"oldest_version", true},
	[HISTORY] = {"history", true},
	[HISTORY_BYTES] = {"history_bytes", true},
	[CREATED] = {"created", false},
	[MODE] = {"mode", false},
	[OWNER] = {"owner", true},
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
	[COMMIT] = {"last_commit", false},
	[TABLES] = {"tables", false},
};

static enum status print_region(const struct stele_region_info *info, struct shown_tables *tables,
                                enum output_format format)
{
	char texts[COLUMNS][DESCRIBED_MAX], plain[COLUMNS][DESCRIBED_MAX];
	struct shown_commit commit;
	struct cell cells[COLUMNS] = {0};
	struct output *output;

	cells[NAME] = cell_text(info->name);
	cells[PATH] = cell_text(info->path);
	cells[UUID] = cell_text(describe_uuid(info->uuid, texts[UUID]));
	cells[VERSION] = cell_number(info->version, texts[VERSION]);
	cells[OLDEST] = cell_number(info->oldest, texts[OLDEST]);
	cells[HISTORY] = cell_number(info->history, texts[HISTORY]);
	if (info->history_bytes)
		cells[HISTORY_BYTES] =
			cell_size(info->history_bytes, texts[HISTORY_BYTES], plain[HISTORY_BYTES]);
	cells[CREATED] = cell_time(info->created, texts[CREATED]);
	snprintf(texts[MODE], sizeof(texts[MODE]), "%04o", (unsigned)info->mode & 07777);
	cells[MODE] = cell_text(texts[MODE]);
	cells[OWNER] = cell_number(info->owner, texts[OWNER]);
	if (info->publisher_pid)
		cells[PUBLISHER] = cell_text(describe_process(
			info->publisher_pid, info->publisher_command, texts[PUBLISHER]));
	cells[ATTACHED] = cell_literal(info->publisher_attached ? "true" : "false");
	cells[ATTACHED].plain = info->publisher_attached ? "yes" : "no";
	cells[SINCE] = cell_time(info->publisher_since, texts[SINCE]);
	cells[SUBSCRIBERS] = cell_number(info->subscribers, texts[SUBSCRIBERS]);
	cells[SLOTS] = cell_number(info->subscriber_slots, texts[SLOTS]);
	cells[MEMORY] = cell_text(memory_name(info->memory));
	cells[SIZE] = cell_size(info->file_size, texts[SIZE], plain[SIZE]);
	cells[ARENA] = cell_size(info->arena_size, texts[ARENA], plain[ARENA]);
	cells[MAXIMUM] = cell_size(info->maximum_size, texts[MAXIMUM], plain[MAXIMUM]);
	cells[LIMIT] = cell_size(info->limit_size, texts[LIMIT], plain[LIMIT]);
	cells[GENERATION] = cell_number(info->generation, texts[GENERATION]);
	cells[DURABILITY] = cell_text(info->durable_commits ? "commit" : "none");
	cells[LAYOUT] = cell_number(info->layout_version, texts[LAYOUT]);
	cells[COMMIT] = make_commit(&info->commit, &commit);
	cells[TABLES] = make_table_list(tables);
	output = output_open(format, SHAPE_RECORD, columns, COLUMNS);
	return output_end(output, output_row(output, cells));
}

/* The description and the tables are read one after the other, so again until both are of one
 * version, or the publisher is too fast for that to matter to anybody. */
static enum status show(const char *region, struct stele_subscriber *subscriber,
                        enum output_format format)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct shown_tables tables = {0};
	enum status status;
	int result = 0;

	for (int i = 0; i < READ_TRIES; i++) {
		result = stele_region_describe(located(region), &info);
		if (result == 0)
			result = read_tables(subscriber, &tables);
		if ((result < 0 && result != -ESTALE) ||
		    (result == 0 && info.version == tables.version))
			break;
	}
	if (result < 0)
		status = fail_library(result);
	else
		status = print_region(&info, &tables, format);
	free_tables(&tables);
	return status;
}

static enum status run(int argc, char **argv)
{
	enum output_format format = OUTPUT_TABLE;
	struct reader reader;
	enum status status;
	char **operands;

	if (options_parse(&argp, "show", argc, argv, &format, &operands) != 1)
		return fail_usage("show", "expected one REGION");
	status = reader_open(&reader, operands[0], READER_ONCE);
	if (status != STATUS_DONE)
		return status;
	status = show(operands[0], reader.subscriber, format);
	reader_close(&reader);
	return status;
}

const struct command command_show = {"show", "describe a region and its tables", run};
