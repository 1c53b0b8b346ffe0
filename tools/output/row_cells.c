/* SPDX-License-Identifier: MIT
 * Formats rows as cells. tools/rows/row.c parses rows from text. */
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/output/output_cell.h"
#include "tools/output/row_cells.h"

bool row_column_is_number(const struct stele_column *column)
{
	return column->type <= STELE_F64 && column->count == 0 && column->word_count == 0;
}

void row_cells_open(struct row_cells *row, const struct stele_schema *schema)
{
	size_t count = schema->column_count;

	*row = (struct row_cells){.schema = schema};
	row->columns = heap_realloc(NULL, count * sizeof(*row->columns));
	row->cells = heap_realloc(NULL, count * sizeof(*row->cells));
	row->units = heap_realloc(NULL, count * sizeof(*row->units));
	row->capacity = 256;
	row->text = heap_realloc(NULL, row->capacity);
	for (size_t i = 0; i < count; i++) {
		row->columns[i].name = schema->columns[i].name;
		row->columns[i].right = row_column_is_number(&schema->columns[i]);
		row->units[i] = schema->columns[i].unit;
	}
}

void row_cells_close(struct row_cells *row)
{
	free(row->columns);
	free(row->cells);
	free(row->units);
	free(row->text);
	*row = (struct row_cells){0};
}

/* Writes the text of a column to row->text at offset `used`, and returns the length of the text. */
static size_t row_cells_append_column(struct row_cells *row, const struct stele_column *column,
                                      const void *value, size_t size, size_t used)
{
	for (;;) {
		size_t left = row->capacity - used;
		size_t length = stele_value_format(column, value, size, row->text + used, left);

		if (length < left)
			return length;
		row->capacity = used + length * 2 + 256;
		row->text = heap_realloc(row->text, row->capacity);
	}
}

int row_cells_fill(struct row_cells *row, const void *key, unsigned key_bits, const void *value,
                   size_t value_size)
{
	const struct stele_row parts = {
		.key = key, .key_bits = key_bits, .value = value, .value_size = value_size};
	unsigned char decoded[STELE_KEY_MAX];
	size_t used = 0;

	for (size_t i = 0; i < row->schema->column_count; i++) {
		const struct stele_column *column = &row->schema->columns[i];
		const void *found;
		size_t size, length;
		int result;

		result = stele_row_column(row->schema, i, &parts, decoded, sizeof(decoded), &found,
		                          &size);
		if (result < 0)
			return result;
		length = row_cells_append_column(row, column, found, size, used);
		row->cells[i] = (struct cell){.kind = CELL_TEXT, .length = length};
		row->cells[i].type = column->type;
		if (column->count > 0)
			row->cells[i].kind = CELL_ARRAY;
		else if (cell_is_literal(column->type, row->text + used, length))
			row->cells[i].kind = CELL_LITERAL;
		used += length;
	}
	/* Set the pointers only now, because row->text may move when it grows. */
	used = 0;
	for (size_t i = 0; i < row->schema->column_count; i++) {
		row->cells[i].text = row->text + used;
		used += row->cells[i].length;
	}
	return 0;
}
