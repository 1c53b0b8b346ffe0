/* SPDX-License-Identifier: MIT
 * stele verify: checks that a region, or a saved file, is intact. */
#include <stdio.h>
#include <stdlib.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/progress.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/owner.h"
#include "tools/region/place.h"
#include "tools/region/target.h"

static const char doc[] =
	"Examples:\n"
	"  stele verify net\n"
	"  stele verify ./net.stele\n"
	"  stele verify --format json net | jq .damages\n"
	"\n"
	"Checks everything that any version of a region reaches: each node, row, schema and "
	"record, with every bound, order, rank, count and checksum. Prints that the region "
	"is intact, with figures; or prints each fault and its place."
	"\v"
	"A saved file has a checksum over all its bytes. A region in use has no checksum "
	"over its rows: a value with wrong bytes is not found there, unless no publisher "
	"would have written such bytes.\n"
	"\n"
	"The command takes no lock and changes nothing. Versions that the publisher reclaims "
	"before they were checked are left out and counted as 'given_up'. FILE is a file of "
	"'stele save', or a copy of a region's own file, with a path that starts with / or . "
	"(see 'stele save --help'). If a fault is found, the exit status is 7.\n";

/* ---- faults ---- */

enum { DAMAGE_VERSION, DAMAGE_TABLE, DAMAGE_OFFSET, DAMAGE_WHAT, DAMAGE_COLUMNS };

static const struct output_column damage_columns[DAMAGE_COLUMNS] = {
	[DAMAGE_VERSION] = {"version", true},
	[DAMAGE_TABLE] = {"table", false},
	[DAMAGE_OFFSET] = {"offset", true},
	[DAMAGE_WHAT] = {"damage", false},
};

/* A fault, kept until all of them are printed. */
struct reported {
	char version[DESCRIBED_MAX], offset[DESCRIBED_MAX], table[STELE_NAME_MAX + 1];
	const char *what;
	uint64_t of_version, at; /* version and offset as numbers; 0: none */
};

struct verification {
	struct progress progress;
	struct reported *reported;
	size_t count, capacity;
};

/* Faults that are listed; more are only counted. */
enum { REPORTED_MAX = 1000 };

static void verify_on_damage(const struct stele_damage *damage, void *context)
{
	struct verification *verification = context;
	struct reported *reported;

	if (verification->count == REPORTED_MAX)
		return;
	if (verification->count == verification->capacity) {
		verification->capacity = verification->capacity ? verification->capacity * 2 : 16;
		verification->reported =
			heap_realloc(verification->reported,
		                     verification->capacity * sizeof(*verification->reported));
	}
	reported = &verification->reported[verification->count++];
	describe_number(damage->version, reported->version);
	describe_number(damage->offset, reported->offset);
	snprintf(reported->table, sizeof(reported->table), "%s", damage->table);
	reported->what = damage->what;
	reported->of_version = damage->version;
	reported->at = damage->offset;
}

static void verify_on_progress(uint64_t objects, void *context)
{
	struct verification *verification = context;
	char number[GROUPED_SIZE];

	progress_note(&verification->progress, "%s rows and nodes",
	              describe_grouped(objects, number));
}

static struct cell *verify_make_damages(const struct verification *verification)
{
	struct cell *cells =
		heap_realloc(NULL, (verification->count + 1) * DAMAGE_COLUMNS * sizeof(*cells));

	for (size_t i = 0; i < verification->count; i++) {
		const struct reported *reported = &verification->reported[i];
		struct cell *cell = cells + i * DAMAGE_COLUMNS;

		cell[DAMAGE_VERSION] = reported->of_version ? cell_literal(reported->version)
		                                            : (struct cell){.kind = CELL_NONE};
		cell[DAMAGE_TABLE] = *reported->table ? cell_text(reported->table)
		                                      : (struct cell){.kind = CELL_NONE};
		cell[DAMAGE_OFFSET] = reported->at ? cell_literal(reported->offset)
		                                   : (struct cell){.kind = CELL_NONE};
		cell[DAMAGE_WHAT] = cell_text(reported->what);
	}
	return cells;
}

/* ---- the result ---- */

enum {
	WHOLE,
	VERSION,
	OLDEST,
	VERSIONS,
	PINNED,
	GIVEN_UP,
	TABLES,
	ROWS,
	NODES,
	OBJECTS,
	BYTES,
	CHECKSUM,
	DAMAGES,
	LIST,
	COLUMNS
};

static const struct output_column columns[COLUMNS] = {
	[WHOLE] = {"whole", false},
	[VERSION] = {"version", true},
	[OLDEST] = {"oldest_version", true},
	[VERSIONS] = {"versions", true},
	[PINNED] = {"pinned_versions", true},
	[GIVEN_UP] = {"given_up", true},
	[TABLES] = {"tables", true},
	[ROWS] = {"rows", true},
	[NODES] = {"nodes", true},
	[OBJECTS] = {"objects", true},
	[BYTES] = {"used_bytes", true},
	[CHECKSUM] = {"checksum", false},
	[DAMAGES] = {"damages", true},
	[LIST] = {"damage", false},
};

static enum status verify_print(const struct stele_region_use *use,
                                const struct verification *verification, bool whole,
                                enum output_format format)
{
	struct cell cells[COLUMNS] = {0}, *list = verify_make_damages(verification);
	char texts[COLUMNS][DESCRIBED_MAX], plain[DESCRIBED_MAX], given_up[DESCRIBED_MAX];
	struct output *output;
	enum status status;

	cells[WHOLE] = cell_literal(whole ? "true" : "false");
	cells[WHOLE].plain = whole ? "yes" : "no";
	cells[VERSION] = cell_number(use->version, texts[VERSION]);
	cells[OLDEST] = cell_number(use->oldest, texts[OLDEST]);
	cells[VERSIONS] = cell_number(use->versions, texts[VERSIONS]);
	cells[PINNED] = cell_number(use->pinned_versions, texts[PINNED]);
	cells[GIVEN_UP] = cell_number(use->given_up, texts[GIVEN_UP]);
	cells[GIVEN_UP].plain = describe_given_up(use->given_up, given_up);
	cells[TABLES] = cell_number(use->tables, texts[TABLES]);
	cells[ROWS] = cell_number(use->rows, texts[ROWS]);
	cells[NODES] = cell_number(use->nodes, texts[NODES]);
	cells[OBJECTS] = cell_number(use->objects, texts[OBJECTS]);
	cells[BYTES] = cell_size(use->arena_bytes - use->free_bytes - use->slack_bytes,
	                         texts[BYTES], plain);
	cells[CHECKSUM] = cell_literal(use->checksummed ? "true" : "false");
	cells[CHECKSUM].plain = use->checksummed ? "yes, of all bytes"
	                                         : "no: the contents of values are not checked";
	cells[DAMAGES] = cell_number(use->damages, texts[DAMAGES]);
	cells[LIST] = (struct cell){
		.kind = CELL_LIST,
		.columns = damage_columns,
		.cells = list,
		.column_count = DAMAGE_COLUMNS,
		.row_count = verification->count,
	};
	output = output_open(format, SHAPE_RECORD, columns, COLUMNS);
	status = output_end(output, output_row(output, cells));
	free(list);
	return status;
}

static enum status verify_run(int argc, char **argv)
{
	enum output_format format = OUTPUT_TABLE;
	struct stele_region_use use = {.size = sizeof(use)};
	struct verification verification = {0};
	struct stele_verify_options options = {
		.size = sizeof(options),
		.found = verify_on_damage,
		.progress = verify_on_progress,
		.context = &verification,
	};
	enum status status;
	struct call call;
	int result;

	if (options_parse(&command_verify, argc, argv, &format, &call) != 1)
		return fail_usage("verify", "expected one REGION or FILE");
	status = target_check_source(call.operands[0]);
	if (status != STATUS_DONE)
		return status;
	owner_apply(&call.place.owner, &options.flags, &options.owner);
	progress_start(&verification.progress, "verifying", 0);
	result = stele_region_verify(place_path(&call.place, call.operands[0]), &options, &use);
	progress_end(&verification.progress);
	status = result < 0 ? fail_reading(&call.place, call.operands[0], result)
	                    : verify_print(&use, &verification, result == 1, format);
	free(verification.reported);
	if (status == STATUS_DONE && result == 0)
		status = fail(STATUS_DAMAGED, "%s is damaged: %llu fault%s found", call.operands[0],
		              (unsigned long long)use.damages, use.damages == 1 ? "" : "s");
	return status;
}

const struct command command_verify = {
	.name = "verify",
	.summary = "check that a region or a saved file is intact",
	.usage = "REGION|FILE",
	.doc = doc,
	.common = &options_format,
	.reads = true,
	.run = verify_run,
};
