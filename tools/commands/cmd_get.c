/* SPDX-License-Identifier: MIT
 * stele get and stele lookup: print rows by key, or by longest-prefix match. Without --version,
 * each row is read from the version that is the newest at that moment. The library copies and
 * validates the rows, so each printed row is consistent. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/input/lines.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/output/selection.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"
#include "tools/rows/address.h"
#include "tools/rows/row.h"

static const char get_doc[] =
	"Examples:\n"
	"  stele get net/routes 10.0.0.0/8\n"
	"  stele get --format json net/routes 10.0.0.0/8\n"
	"  stele get --version 41 net/routes 10.0.0.0/8 192.0.2.0/24\n"
	"  stele get lan/hosts '7,\"Smith, J.\"'\n"
	"  if [ \"$(stele get --column enabled app/flags dark-mode)\" = true ]; then ...\n"
	"\n"
	"Prints the rows with these keys. If one of them does not exist, the exit status is 1."
	"\v"
	"The columns of a longer KEY are joined by commas, as in CSV. With several keys, the "
	"output has a row for each, as that of 'stele dump'.\n"
	"\n"
	"--column prints one value for each key and nothing else: text as it is, other types as "
	"in a table.\n"
	"\n"
	"--tokens adds a column \"token\", such as 7@3f2a9c1e, which 'stele set --if-version' "
	"takes.\n";

static const char lookup_doc[] =
	"Examples:\n"
	"  stele lookup net/routes 10.1.2.3 192.0.2.7\n"
	"  cut -d' ' -f1 access.log | stele lookup --format csv net/routes -\n"
	"  stele lookup vpn/routes 7,10.1.2.3\n"
	"  stele lookup kernel/fib4 --table 254 10.1.2.3 192.0.2.7\n"
	"\n"
	"Prints, for each address, the row with the longest prefix that matches it. If no "
	"prefix matches an address, its columns are empty, and the exit status is 1."
	"\v"
	"With -, addresses are read from standard input, one on each line, and answered as "
	"they arrive. Each answer comes from the version that is the newest at that moment; "
	"with --version, all answers come from that version.\n"
	"\n"
	"In a table whose key has columns before the prefix, an ADDRESS is written as a key: "
	"its columns are joined by commas. With --table, the addresses are written alone, and "
	"VALUE is the column before the prefix, such as the number of a routing table of 'stele "
	"publish --kernel-routes'.\n"
	"\n"
	"An IPv4 address may be written as ::ffff:192.0.2.7. An address that cannot be read ends "
	"the command with status 2. With --keep-going, a message names its line, the others are "
	"answered, and the exit status is 2 in the end.\n";

/* The state of stele get or stele lookup. `live` reads each row from the newest version at that
 * moment. With --version, `live` is unused. With --tokens, which `live` cannot tell, each row is
 * read from a snapshot of the newest version. */
struct query {
	struct options_reading reading;
	const char *columns; /* of --column or --columns; NULL: all */
	bool versions;
	struct target target;
	struct reader reader;
	struct stele_live live;
	struct stele_key key;
	struct selection selection; /* the row that was read last */
	uint8_t region[16];
	void *value;     /* copy of the row's value */
	size_t capacity; /* of `value`, in bytes */
	struct output *output;
	uint64_t asked, missed; /* keys or addresses looked up; those without a row */
	/* Only for a lookup: */
	const char *before; /* the columns of the key before the prefix, as text; NULL: not given */
	bool keep_going;
	uint64_t unreadable; /* addresses that were passed over */
	struct output_column *line_columns;
	const char **units; /* of `line_columns`, NULL if a column has none */
	struct cell *line;
	char *address_name; /* buffer for the name of the first column */
};

/* The option --tokens of both commands. */
#define OPTION_ROW_TOKENS \
	{ \
		"tokens", OPTION_TOKENS, NULL, 0, \
			"Print the version that last changed each row, too, for --if-version", 0 \
	}

enum {
	OPTION_COLUMN = OPTION_OTHERS,
	OPTION_COLUMNS,
	OPTION_TOKENS,
	OPTION_KEEP_GOING,
	OPTION_TABLE
};

/* `what` is the option with query->columns. */
static enum status get_open_query(struct query *query, const struct place *place, const char *name,
                                  const char *target, const char *what)
{
	enum status status;
	int result;

	status = target_parse_source(name, target, true, &query->target);
	if (status == STATUS_DONE)
		status = reader_open(&query->reader, place, query->target.region,
		                     given_is_set(&query->reading.version) ? READER_PINNED
		                                                           : READER_ONCE);
	if (status == STATUS_DONE)
		status = reader_open_table(&query->reader, query->target.table,
		                           &query->reading.version);
	if (status != STATUS_DONE)
		return status;
	result = query->reading.version.version
	                 ? 0
	                 : stele_live_open(query->reader.subscriber, query->target.table,
	                                   query->reader.schema, &query->live);
	if (result < 0)
		return fail_library(result);
	stele_subscriber_region_uuid(query->reader.subscriber, query->region);
	status = selection_open(&query->selection, query->reader.schema, what, query->columns,
	                        query->versions);
	query->capacity = query->reader.schema->value_size + 256;
	query->value = heap_realloc(NULL, query->capacity);
	return status;
}

static void get_close_query(struct query *query)
{
	selection_close(&query->selection);
	free(query->value);
	reader_close(&query->reader);
}

/* Copies a row out of the version of --version, or without it out of a snapshot of the newest
 * version. Returns the values of stele_live_get_copy(): 1; 0 if there is no row; -EMSGSIZE if
 * `*size` is too small; -ESTALE if the publisher reclaimed the version; or another error. */
static int get_copy_pinned(struct query *query, bool longest_match, size_t *size,
                           struct stele_row *ret)
{
	const struct stele_key *key = &query->key;
	int checked, result = 0;
	struct stele_row row;

	if (!query->reading.version.version)
		result = reader_renew(&query->reader, query->target.table);
	if (result < 0)
		return result;
	if (longest_match)
		result = stele_table_match(&query->reader.table, key->bytes, key->bits, &row);
	else
		result = stele_table_get(&query->reader.table, key->bytes, key->bits, &row);
	if (result != 1)
		return result;
	if (row.value_size > *size) {
		*size = row.value_size;
		return -EMSGSIZE;
	}
	if (row.value_size)
		memcpy(query->value, row.value, row.value_size);
	*size = row.value_size;
	ret->key_bits = row.key_bits;
	ret->version = row.version;
	checked = stele_snapshot_check(query->reader.snapshot);
	return checked < 0 ? checked : 1;
}

/* Reads the row of query->key into query->selection. `*ret_there` is false if there is none. */
static enum status get_read_row(struct query *query, bool longest_match, bool *ret_there)
{
	const struct stele_key *key = &query->key;
	struct stele_row row = {.key = key->bytes, .key_bits = key->bits};
	size_t size;
	int result = -ESTALE;

	for (int i = 0; i < READ_TRIES && (result == -ESTALE || result == -EMSGSIZE); i++) {
		size = query->capacity;
		if (query->reading.version.version || query->versions)
			result = get_copy_pinned(query, longest_match, &size, &row);
		else if (longest_match)
			result = stele_live_match_copy(&query->live, key->bytes, key->bits,
			                               query->value, &size, &row.key_bits, NULL);
		else
			result = stele_live_get_copy(&query->live, key->bytes, key->bits,
			                             query->value, &size, NULL);
		if (result == -EMSGSIZE) {
			query->capacity = size;
			query->value = heap_realloc(query->value, size);
		}
	}
	*ret_there = result == 1;
	row.value = query->value;
	row.value_size = size;
	if (result == 1)
		result = selection_fill(&query->selection, &row, query->region);
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

/* Prints the only cell of a row as it is. */
static enum status get_print_raw(const struct query *query)
{
	const struct cell *cell = query->selection.cells;

	fwrite(cell->text, 1, cell->length, stdout);
	putchar('\n');
	return ferror(stdout) ? output_check() : STATUS_DONE;
}

/* Prints the row of a key. If there is none, prints an error message and counts the key as
 * missed. */
static enum status get_print_row(struct query *query, const char *text, enum output_shape shape)
{
	struct selection *selection = &query->selection;
	enum status status;
	bool there;
	int result;

	result = stele_key_parse(query->reader.schema, text, strlen(text), &query->key);
	status = result < 0 ? fail_library(result) : get_read_row(query, false, &there);
	if (status != STATUS_DONE)
		return status;
	if (!there) {
		query->missed++;
		fail_no_row(text, query->target.table);
		return STATUS_DONE;
	}
	if (query->columns)
		return get_print_raw(query);
	if (!query->output) {
		query->output = output_open(query->reading.format, shape, selection->columns,
		                            selection->count);
		output_print_table_rows(query->output);
		output_set_units(query->output, selection->units);
	}
	return output_row(query->output, selection->cells);
}

static enum status get_print_rows(struct query *query, char **keys, enum output_shape shape)
{
	enum status status = STATUS_DONE;

	for (; *keys && status == STATUS_DONE; keys++)
		status = get_print_row(query, *keys, shape);
	if (query->output)
		status = output_end(query->output, status);
	return status == STATUS_DONE && query->missed ? STATUS_NOT_THERE : status;
}

static error_t get_parse(int key, char *argument, struct argp_state *state)
{
	struct query *query = state->input;

	switch (key) {
	case OPTION_COLUMN:
	case OPTION_COLUMNS:
		query->columns = argument;
		return 0;
	case OPTION_TOKENS:
		query->versions = true;
		return 0;
	case OPTION_KEEP_GOING:
		query->keep_going = true;
		return 0;
	case OPTION_TABLE:
		query->before = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static enum status get_run(int argc, char **argv)
{
	struct query query = {0};
	enum status status;
	struct call call;
	int count;

	count = options_parse(&command_get, argc, argv, &query, &call);
	if (count < 2)
		return fail_usage("get", "expected REGION/TABLE and KEY");
	if (query.columns && strchr(query.columns, ','))
		return fail_usage("get", "--column: expected one column; 'stele dump --columns' "
		                         "prints several");
	if (query.columns && (query.versions || query.reading.format != OUTPUT_TABLE))
		return fail_usage("get", "--column prints a value alone, without --format and "
		                         "--tokens");
	status = get_open_query(&query, &call.place, "get", call.operands[0], "--column");
	if (status == STATUS_DONE)
		status = get_print_rows(&query, call.operands + 1,
		                        count == 2 ? SHAPE_ROW : SHAPE_ROWS);
	get_close_query(&query);
	return status;
}

/* ---- lookup ---- */

/* Opens the output of a lookup. Its first column is the address. */
static void get_open_lookup(struct query *query)
{
	const struct selection *selection = &query->selection;
	size_t count = selection->count + 1;

	query->line_columns = heap_realloc(NULL, count * sizeof(*query->line_columns));
	query->line_columns[0] = (struct output_column){
		.name = selection_unique_name(query->reader.schema, "address",
	                                      &query->address_name)};
	memcpy(query->line_columns + 1, selection->columns,
	       selection->count * sizeof(*query->line_columns));
	query->line = heap_realloc(NULL, count * sizeof(*query->line));
	query->units = heap_realloc(NULL, count * sizeof(*query->units));
	query->units[0] = NULL;
	memcpy(query->units + 1, selection->units, selection->count * sizeof(*query->units));
	query->output = output_open(query->reading.format, SHAPE_ROWS, query->line_columns, count);
	output_print_table_rows(query->output);
	output_set_units(query->output, query->units);
}

static void get_close_lookup(struct query *query)
{
	free(query->line_columns);
	free(query->units);
	free(query->line);
	free(query->address_name);
}

/* Parses an address, which is the last column of the key if the others are given by --table, and
 * otherwise the entire key. Returns 0 or a negative errno of the library. */
static int get_parse_address(struct query *query, const char *address)
{
	size_t before = query->before ? strlen(query->before) + 1 : 0;
	size_t length = strlen(address);
	char *text;
	int result;

	text = heap_realloc(NULL, before + length + 1);
	sprintf(text, "%s%s%s", before ? query->before : "", before ? "," : "", address);
	result = address_parse(query->reader.schema, text, &query->key);
	free(text);
	return result;
}

/* Reports an address that cannot be read. With --keep-going, counts it and returns STATUS_DONE. */
static enum status get_fail_address(struct query *query, const char *where, int result)
{
	enum status status = fail(fail_status(result), "%s%s", where, stele_last_error());

	if (!query->keep_going || status != STATUS_INPUT)
		return status;
	query->unreadable++;
	return STATUS_DONE;
}

static enum status get_match(struct query *query, const char *where, const char *address)
{
	const struct selection *selection = &query->selection;
	enum status status;
	bool there;
	int result;

	result = get_parse_address(query, address);
	if (result < 0)
		return get_fail_address(query, where, result);
	status = get_read_row(query, true, &there);
	if (status != STATUS_DONE)
		return status;
	query->asked++;
	query->missed += !there;
	query->line[0] = cell_text(address);
	for (size_t i = 0; i < selection->count; i++)
		query->line[i + 1] = there ? selection->cells[i] : (struct cell){.kind = CELL_NONE};
	return output_row(query->output, query->line);
}

/* Prints the answers so far before waiting for more input. */
static enum status get_flush_before_read(void *context)
{
	struct query *query = context;

	return output_flush(query->output);
}

static enum status get_match_lines(struct query *query)
{
	struct lines lines;
	enum status status;
	char *line, *address, where[64];
	size_t length;

	status = lines_open(&lines, "-");
	lines.before_read = get_flush_before_read;
	lines.context = query;
	while (status == STATUS_DONE) {
		status = lines_next(&lines, &line, &length);
		if (status != STATUS_DONE || !line)
			break;
		while (length && strchr(" \t\r\n", line[length - 1]))
			length--;
		if (!length)
			continue;
		address = heap_realloc(NULL, length + 1);
		memcpy(address, line, length);
		address[length] = '\0';
		snprintf(where, sizeof(where), "%s:%llu: ", lines.name,
		         (unsigned long long)lines.number);
		status = get_match(query, where, address);
		free(address);
	}
	lines_close(&lines);
	return status;
}

static enum status get_match_all(struct query *query, char **addresses)
{
	enum status status = STATUS_DONE;

	get_open_lookup(query);
	for (; *addresses && status == STATUS_DONE; addresses++)
		status = strcmp(*addresses, "-") == 0 ? get_match_lines(query)
		                                      : get_match(query, "", *addresses);
	status = output_end(query->output, status);
	get_close_lookup(query);
	if (status == STATUS_DONE && query->unreadable)
		return fail(STATUS_INPUT, "%llu address%s could not be read",
		            (unsigned long long)query->unreadable,
		            query->unreadable == 1 ? "" : "es");
	if (status == STATUS_DONE && query->missed)
		return fail(STATUS_NOT_THERE,
		            "%llu of %llu address%s matched no row of table \"%s\"",
		            (unsigned long long)query->missed, (unsigned long long)query->asked,
		            query->asked == 1 ? "" : "es", query->target.table);
	return status;
}

/* Refuses a table whose keys do not end with a prefix: the longest match in such a table could only
 * be the key itself, which 'stele get' finds. */
static enum status get_check_prefixes(const struct query *query)
{
	const struct stele_schema *schema = query->reader.schema;
	size_t keys = row_key_columns(schema);
	enum stele_type last = schema->columns[keys - 1].type;
	bool prefixes = last == STELE_IPV4NET || last == STELE_IPV6NET;

	if (prefixes && query->before && keys == 1)
		return fail(STATUS_INPUT,
		            "--table: the keys of table \"%s\" have no column before the prefix",
		            query->target.table);
	if (prefixes)
		return STATUS_DONE;
	return fail(STATUS_INPUT,
	            "the keys of table \"%s\" are not prefixes (ipv4net, ipv6net); use 'stele "
	            "get' instead of lookup",
	            query->target.table);
}

static enum status get_run_lookup(int argc, char **argv)
{
	struct query query = {0};
	enum status status;
	struct call call;

	if (options_parse(&command_lookup, argc, argv, &query, &call) < 2)
		return fail_usage("lookup", "expected REGION/TABLE and an ADDRESS");
	status = get_open_query(&query, &call.place, "lookup", call.operands[0], "--columns");
	if (status == STATUS_DONE)
		status = get_check_prefixes(&query);
	if (status == STATUS_DONE)
		status = get_match_all(&query, call.operands + 1);
	get_close_query(&query);
	return status;
}

const struct command command_get = {
	.name = "get",
	.summary = "print the row with a key",
	.usage = "REGION/TABLE|FILE/TABLE KEY...",
	.doc = get_doc,
	.options =
		(const struct argp_option[]){
			{"column", OPTION_COLUMN, "COLUMN", 0,
                         "Print only the value of this column, as it is", 0},
			OPTION_ROW_TOKENS,
			{0},
		},
	.parse = get_parse,
	.common = &options_reading,
	.reads = true,
	.run = get_run,
};
const struct command command_lookup = {
	.name = "lookup",
	.summary = "print the rows with the longest matching prefixes",
	.usage = "REGION/TABLE|FILE/TABLE ADDRESS...\nREGION/TABLE|FILE/TABLE -",
	.doc = lookup_doc,
	.options =
		(const struct argp_option[]){
			{"table", OPTION_TABLE, "VALUE", 0,
                         "Look up in the rows whose key has VALUE before the prefix", 0},
			{"columns", OPTION_COLUMNS, "COLUMN,...", 0,
                         "Print only these columns of the rows, in this order", 0},
			OPTION_ROW_TOKENS,
			{"keep-going", OPTION_KEEP_GOING, NULL, 0,
                         "Go on past an address that cannot be read", 0},
			{0},
		},
	.parse = get_parse,
	.common = &options_reading,
	.common_at = offsetof(struct query, reading),
	.reads = true,
	.run = get_run_lookup,
};
