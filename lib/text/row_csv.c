/* SPDX-License-Identifier: MIT
 *
 * Rows as lines of CSV. */
#include <errno.h>
#include <stele/row.h>

#include "lib/base/error.h"
#include "lib/text/csv_read.h"
#include "lib/types/quote.h"
#include "lib/text/value_text.h"

static int row_csv_refuse_marks(void)
{
	return error_set(EINVAL,
	                 "the quotation marks of a field do not match; quote the complete field, "
	                 "and double each quotation mark inside it");
}

size_t stele_csv_format(const struct stele_schema *schema, char *buffer, size_t size)
{
	struct sink sink = sink_start(buffer, size);

	for (size_t i = 0; i < schema->column_count; i++) {
		if (i > 0)
			sink_put(&sink, ",", 1);
		sink_put_string(&sink, schema->columns[i].name);
	}
	return sink.length;
}

/* Reads the names of the first line. */
static int row_csv_read_names(struct csv_reader *reader, struct stele_csv *ret)
{
	const struct stele_schema *schema = reader->fields->schema;
	bool has[STELE_COLUMNS_MAX] = {false};
	struct stele_field name;
	int column, r;

	ret->count = 0;
	while ((r = csv_read_field(reader, &name)) == 1) {
		csv_trim(&name);
		column = fields_column(schema, name.text, name.length);
		if (column < 0)
			return column;
		if (has[column])
			return error_set(EINVAL, "column \"%s\" is named twice",
			                 schema->columns[column].name);
		has[column] = true;
		ret->columns[ret->count++] = (uint8_t)column;
	}
	if (r == -EINVAL)
		return row_csv_refuse_marks();
	return r < 0 ? r
	             : fields_check_missing(schema, has, true, true,
	                                    "expected the names of all columns in the first line");
}

int stele_csv_parse(const struct stele_schema *schema, const char *text, size_t length,
                    struct stele_csv *ret)
{
	struct csv_reader reader;
	struct stele_csv csv = {0};
	struct fields fields;
	int r;

	fields_init(&fields, schema, length);
	csv_read_start(&reader, &fields, text, length, CSV_SPACES);
	r = row_csv_read_names(&reader, &csv);
	fields_fini(&fields);
	if (r == 0)
		*ret = csv;
	return r;
}

/* Writes the value of a column. Returns 0 or -EBADMSG. */
static int row_csv_put_column(struct sink *sink, const struct stele_schema *schema, size_t index,
                              const struct stele_row *row)
{
	const struct stele_column *column = &schema->columns[index];
	char text[VALUE_TEXT_MAX];
	struct stele_column element;
	struct value_text value;
	int r = value_text_find(schema, index, row, &value);

	if (r < 0)
		return r;
	if (column->type == STELE_CHAR || column->type == STELE_TEXT) {
		quote_csv(sink, value.at, value.size);
	} else if (column->type == STELE_BYTES) {
		if (value.size == 0)
			sink_put(sink, "\"\"", 2);
		value_text_put_hex(sink, column, value.at, value.size);
	} else if (column->count == 0) {
		sink_put(sink, text,
		         stele_value_format(column, value.at, value.size, text, sizeof(text)));
	} else {
		element = value_text_element(column, value.size);
		for (uint32_t i = 0; i < column->count; i++) {
			if (i > 0)
				sink_put(sink, " ", 1);
			sink_put(sink, text,
			         stele_value_format(&element,
			                            (const char *)value.at + i * element.size,
			                            element.size, text, sizeof(text)));
		}
	}
	return 0;
}

int64_t stele_row_format_csv(const struct stele_schema *schema, const struct stele_row *row,
                             char *buffer, size_t size)
{
	struct sink sink = sink_start(buffer, size);
	int r;

	for (size_t i = 0; i < schema->column_count; i++) {
		if (i > 0)
			sink_put(&sink, ",", 1);
		r = row_csv_put_column(&sink, schema, i, row);
		if (r < 0)
			return r;
	}
	return (int64_t)sink.length;
}

/* Sets the text of a column. Spaces at its ends belong to a text (RFC 4180), and to no other
 * type. */
static void row_csv_set(struct fields *fields, size_t column, struct stele_field field)
{
	enum stele_type type = fields->schema->columns[column].type;

	if (type != STELE_CHAR && type != STELE_TEXT)
		csv_trim(&field);
	fields->field[column] = field;
}

/* Reads the fields of a line. */
static int row_csv_read(struct csv_reader *reader, const struct stele_csv *csv)
{
	const struct stele_schema *schema = reader->fields->schema;
	size_t columns = csv ? csv->count : schema->column_count, count = 0;
	struct stele_field field;
	int r;

	while ((r = csv_read_field(reader, &field)) == 1) {
		if (count < columns)
			row_csv_set(reader->fields, csv ? csv->columns[count] : count, field);
		count++;
	}
	if (r == -EINVAL)
		return row_csv_refuse_marks();
	if (r == 0 && count != columns)
		return error_set(EINVAL, "expected %zu fields, %s, but found %zu", columns,
		                 csv ? "as in the first line" : "one for each column", count);
	return r;
}

int stele_row_parse_csv(const struct stele_schema *schema, const struct stele_csv *csv,
                        const char *text, size_t length, const struct stele_row *present,
                        struct stele_key *ret_key, void *value, size_t *size)
{
	struct csv_reader reader;
	struct fields fields;
	int r;

	fields_init(&fields, schema, length);
	csv_read_start(&reader, &fields, text, length, CSV_SPACES | CSV_CODES);
	r = row_csv_read(&reader, csv);
	if (r == 0)
		r = stele_row_parse(schema, fields.field, present, ret_key, value, size);
	fields_fini(&fields);
	return r;
}
