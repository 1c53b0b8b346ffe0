/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/heap.h"
#include "tools/output/commit_record.h"
#include "tools/output/output_cell.h"

enum { TABLE, ADDED, CHANGED, REMOVED, FATE, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[TABLE] = {"table", false},    [ADDED] = {"added", true}, [CHANGED] = {"changed", true},
	[REMOVED] = {"removed", true}, [FATE] = {"fate", false},
};

const char *commit_record_fate(const struct stele_commit_table *table)
{
	static const char *const names[] = {
		[STELE_TABLE_KEPT] = "kept",         [STELE_TABLE_CREATED] = "created",
		[STELE_TABLE_DROPPED] = "dropped",   [STELE_TABLE_ALTERED] = "altered",
		[STELE_TABLE_REPLACED] = "replaced",
	};

	/* A later library may write others. */
	return table->fate < sizeof(names) / sizeof(names[0]) ? names[table->fate] : "kept";
}

int commit_record_read(struct commit_record *record, struct stele_subscriber *subscriber,
                       uint64_t version)
{
	struct stele_commit_table table;
	struct stele_snapshot *snapshot;
	int result;

	record->table_count = 0;
	result = stele_snapshot_open(subscriber, version, &snapshot);
	if (result < 0)
		return result;
	result = stele_snapshot_commit(snapshot, &record->commit);
	while (result >= 0 && (result = stele_snapshot_commit_table(
				       snapshot, (unsigned)record->table_count, &table)) == 1) {
		record->tables = heap_realloc(record->tables,
		                              (record->table_count + 1) * sizeof(*record->tables));
		record->tables[record->table_count++] = table;
	}
	stele_snapshot_close(snapshot);
	return result;
}

struct cell commit_record_tables(struct commit_record *record)
{
	size_t count = record->table_count;

	record->cells = heap_realloc(record->cells, (count + 1) * COLUMNS * sizeof(*record->cells));
	record->numbers = heap_realloc(record->numbers, (count + 1) * sizeof(*record->numbers));
	for (size_t i = 0; i < count; i++) {
		struct cell *cell = record->cells + i * COLUMNS;

		cell[TABLE] = cell_text(record->tables[i].name);
		cell[ADDED] = cell_number(record->tables[i].added, record->numbers[i][0]);
		cell[CHANGED] = cell_number(record->tables[i].changed, record->numbers[i][1]);
		cell[REMOVED] = cell_number(record->tables[i].removed, record->numbers[i][2]);
		cell[FATE] = cell_text(commit_record_fate(&record->tables[i]));
	}
	return (struct cell){
		.kind = CELL_LIST,
		.columns = columns,
		.cells = record->cells,
		.column_count = COLUMNS,
		.row_count = count,
	};
}

void commit_record_free(struct commit_record *record)
{
	free(record->tables);
	free(record->cells);
	free(record->numbers);
	*record = (struct commit_record){0};
}
