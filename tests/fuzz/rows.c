/* SPDX-License-Identifier: MIT
 * Reads rows and prints them again, see rows.h. */
#include "tests/fuzz/rows.h"

#include <string.h>

#include "tools/input/input_fail.h"
#include "tools/input/mapping.h"
#include "tools/output/output.h"
#include "tools/output/row_cells.h"
#include "tools/rows/row.h"

static const char *const declarations[] = {
	"routes(prefix: ipv4net key, next_hop: ipv4, interface: char[16], metric: u32)",
	"hosts(name: text key, number: u64, seen: time, ratio: f64)",
	"notes(class: u16 key, id: i32 key, flag: bool, text: text)",
	"blobs(id: uuid key, six: ipv6, mac: mac, data: bytes)",
	"sixes(prefix: ipv6net key, tiny: i8, little: i16, large: i64)",
	"keys(tag: char[4] key, ratio: f64 key, raw: bytes key)",
};
enum { SCHEMAS = sizeof(declarations) / sizeof(declarations[0]) };

const char *const fuzz_row_words[] = {
	"prefix",
	"next_hop",
	"interface",
	"metric",
	"name",
	"number",
	"seen",
	"ratio",
	"class",
	"id",
	"flag",
	"text",
	"six",
	"mac",
	"data",
	"tiny",
	"little",
	"large",
	"tag",
	"raw",
	",",
	"\n",
	"\r\n",
	"\"",
	"\"\"",
	"\"a,b\"",
	"\xef\xbb\xbf",
	"10.0.0.0/8",
	"192.0.2.1",
	"eth0",
	"true",
	"false",
	"-1",
	"0x1f",
	"1e400",
	"nan",
	"18446744073709551615",
	"-9223372036854775808",
	"00112233-4455-6677-8899-aabbccddeeff",
	"aa:bb:cc:dd:ee:ff",
	"2001:db8::/32",
	"ffee",
	"2026-01-31T12:00:00Z",
	"\t",
	"{\"",
	"\":",
	"\": ",
	"{",
	"}",
	"[",
	"]",
	"null",
	"},{",
	";",
	"\"\"",
	"\r\n",
	"default",
	"now",
	"@1",
	"\\u0000",
	"\\ud800",
	"\\n",
	"\x1b[2J",
	"\xc3\xa9",
	"\xff",
	NULL,
};

/* The result of reading a file. */
struct pass {
	struct text encoded; /* keys and values of all rows */
	char *printed;       /* all rows, printed in the format of the file */
	size_t printed_size;
	uint64_t rows; /* number of rows */
};

static void check_row(const struct stele_schema *schema, const struct row_buffer *row)
{
	FUZZ_CHECK(stele_key_check(schema, row->key.bytes, row->key.bits) == 0, "%s",
	           stele_last_error());
	FUZZ_CHECK(stele_value_check(schema, row->value, row->value_size) == 0 ||
	                   row->value_size > STELE_VALUE_MAX,
	           "%s", stele_last_error());
}

/* Encodes and prints one row. Returns false if the row is refused. */
static bool take_row(struct input *input, struct row_cells *cells, struct output *output,
                     struct row_buffer *row, struct pass *pass)
{
	const struct stele_schema *schema = input->schema;

	if (fuzz_result(row_parse(&input->text, schema, row)) < 0)
		return false;
	check_row(schema, row);
	text_append(&pass->encoded, (const char *)&row->key.bits, sizeof(row->key.bits));
	text_append(&pass->encoded, (const char *)row->key.bytes, (row->key.bits + 7) / 8);
	text_append(&pass->encoded, (const char *)row->value, row->value_size);
	FUZZ_CHECK(row_cells_fill(cells, row->key.bytes, row->key.bits, row->value,
	                          row->value_size) == 0,
	           "cannot be printed");
	output_row(output, cells->cells);
	pass->rows++;
	return true;
}

/* The options of the first pass if the first byte has this bit, and another format if it has that
 * bit. The second pass, which reads what the first printed, has none. */
#define WITH_OPTIONS 0x80
#define AS_ARRAY     0x40

static const struct mapping *options_of(uint8_t number)
{
	static struct mapping_pair columns[] = {{"aa:bb", "name", false}, {"0", "", false}};
	static struct mapping_pair empty[] = {{"", "0", false}, {"number", "1", false}};
	static const struct mapping mapping = {
		.columns = columns,
		.column_count = 2,
		.empty = empty,
		.empty_count = 2,
		.null = "null",
		.delimiter = ';',
		.ignore_unknown = true,
		.skip_other_family = true,
	};

	return number & WITH_OPTIONS ? &mapping : NULL;
}

/* Reads a file from standard input. Returns false if it is refused. */
static bool read_rows(const struct stele_schema *schema, enum input_format format,
                      const struct mapping *mapping, struct pass *pass)
{
	FILE *stream = open_memstream(&pass->printed, &pass->printed_size);
	struct row_buffer row = {0};
	struct row_cells cells;
	struct output *output;
	struct input input;
	enum status status;
	bool there = true;

	row_cells_open(&cells, schema);
	output = output_open_to(stream, format == INPUT_CSV ? OUTPUT_CSV : OUTPUT_NDJSON,
	                        SHAPE_ROWS, cells.columns, schema->column_count);
	output_print_table_rows(output);
	status = input_open(&input, "-", format);
	input.mapping = mapping;
	if (status == STATUS_DONE)
		status = input_start(&input, schema);
	while (status == STATUS_DONE && there) {
		status = input_next(&input, &there);
		if (status == STATUS_DONE && there && !take_row(&input, &cells, output, &row, pass))
			status = input_fail(&input, "%s", stele_last_error());
	}
	input_close(&input);
	output_end(output, STATUS_DONE);
	fclose(stream);
	row_cells_close(&cells);
	row_buffer_close(&row);
	return status == STATUS_DONE;
}

static const struct stele_schema *schema_of(uint8_t number)
{
	static struct stele_schema *schemas[SCHEMAS];
	char name[STELE_NAME_MAX + 1];

	if (!schemas[number % SCHEMAS])
		FUZZ_CHECK(stele_schema_parse(declarations[number % SCHEMAS], name,
		                              &schemas[number % SCHEMAS]) == 0,
		           "%s", stele_last_error());
	return schemas[number % SCHEMAS];
}

void fuzz_rows(const uint8_t *data, size_t size, enum input_format format)
{
	struct pass first = {0}, second = {0};
	const struct stele_schema *schema;

	if (size < 1)
		return;
	fuzz_capture_output();
	schema = schema_of(data[0]);
	fuzz_standard_input(data + 1, size - 1);
	if (read_rows(schema, format == INPUT_NDJSON && data[0] & AS_ARRAY ? INPUT_JSON : format,
	              options_of(data[0]), &first) &&
	    first.rows > 0) {
		fuzz_standard_input(first.printed, first.printed_size);
		FUZZ_CHECK(read_rows(schema, format, NULL, &second),
		           "the printed rows are refused");
		FUZZ_CHECK(first.rows == second.rows, "%llu rows, then %llu",
		           (unsigned long long)first.rows, (unsigned long long)second.rows);
		FUZZ_CHECK(first.encoded.length == second.encoded.length &&
		                   memcmp(first.encoded.bytes ? first.encoded.bytes : "",
		                          second.encoded.bytes ? second.encoded.bytes : "",
		                          first.encoded.length) == 0,
		           "the printed rows differ");
	}
	text_free(&first.encoded);
	text_free(&second.encoded);
	free(first.printed);
	free(second.printed);
}

size_t fuzz_mutate_rows(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	if (size == 0 || seed % 16 == 0)
		return LLVMFuzzerMutate(data, size, capacity);
	return 1 + fuzz_mutate_text(data + 1, size - 1, capacity - 1, seed, fuzz_row_words);
}
