/* SPDX-License-Identifier: MIT
 * stele explain: prints the nodes and rows that one lookup visits in the trie. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/reader.h"
#include "tools/region/target.h"
#include "tools/rows/address.h"

static const char doc[] =
	"Examples:\n"
	"  stele explain net/routes 10.1.2.3\n"
	"  stele explain --dot net/routes 10.1.2.3 | dot -Tsvg >lookup.svg\n"
	"  stele explain ./net.stele/routes 10.1.0.0/16\n"
	"\n"
	"Prints each node and row that a lookup visits in the trie of a table: its offset in "
	"the region's file, its size, the version that created it, how the lookup continues, "
	"and the key of a row."
	"\v"
	"KEY is a key as for 'stele get', or an address as for 'stele lookup'. For an "
	"address, each prefix that matches it is visited, and the last one is the answer. If "
	"the lookup finds no row, the exit status is 1.\n";

struct explain {
	struct options_reading reading;
	bool dot;
};

static error_t explain_parse(int key, char *argument, struct argp_state *state)
{
	struct explain *explain = state->input;

	(void)argument;
	switch (key) {
	case 'G':
		explain->dot = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum {
	WHAT,
	OFFSET,
	BYTES,
	VERSION,
	DEPTH,
	SKIPPED,
	FORM,
	CHILDREN,
	PREFIXES,
	KEY,
	KEY_BITS,
	LEADS,
	COLUMNS
};

static const struct output_column columns[COLUMNS] = {
	[WHAT] = {"object", false},      [OFFSET] = {"offset", true},
	[BYTES] = {"bytes", true},       [VERSION] = {"version", true},
	[DEPTH] = {"depth", true},       [SKIPPED] = {"skipped", true},
	[FORM] = {"form", false},        [CHILDREN] = {"children", true},
	[PREFIXES] = {"prefixes", true}, [KEY] = {"key", false},
	[KEY_BITS] = {"key_bits", true}, [LEADS] = {"leads", false},
};

/* Describes how the lookup continues after a step. `more`: there is another step. `continues`: a
 * deeper step follows. */
static const char *explain_describe_step(const struct stele_step *step, bool more, bool continues,
                                         char text[DESCRIBED_MAX])
{
	if (step->kind == STELE_STEP_ROW)
		return step->answer ? "the answer"
		       : more       ? "a longer match may follow"
		                    : "another key";
	if (!step->on_way)
		return "the key differs here";
	if (step->next < 0)
		return "the key ends here";
	snprintf(text, DESCRIBED_MAX, "%s byte 0x%02x", continues ? "child for" : "no child for",
	         (unsigned)step->next);
	return text;
}

/* Bytes that suffice for the text of any key. */
#define KEY_TEXT_MAX (STELE_KEY_MAX * 8)

static struct cell explain_key_cell(const struct stele_row *row, const struct stele_schema *schema,
                                    char text[KEY_TEXT_MAX])
{
	int64_t length = stele_key_format(schema, row->key, row->key_bits, text, KEY_TEXT_MAX);

	if (length < 0)
		return (struct cell){.kind = CELL_NONE};
	return (struct cell){.kind = CELL_TEXT, .text = text, .length = (size_t)length};
}

static enum status explain_print_step(struct output *output, const struct stele_step *step,
                                      const struct stele_schema *schema, bool more, bool continues)
{
	char texts[COLUMNS][DESCRIBED_MAX], key[KEY_TEXT_MAX];
	struct cell cells[COLUMNS] = {0};

	cells[WHAT] = cell_text(step->kind == STELE_STEP_NODE ? "node" : "row");
	cells[OFFSET] = cell_number(step->offset, texts[OFFSET]);
	cells[BYTES] = cell_number(step->bytes, texts[BYTES]);
	cells[VERSION] = cell_number(step->version, texts[VERSION]);
	cells[DEPTH] = cell_number(step->depth, texts[DEPTH]);
	if (step->kind == STELE_STEP_NODE) {
		cells[SKIPPED] = cell_number(step->skipped, texts[SKIPPED]);
		cells[FORM] = cell_text(step->form);
		cells[CHILDREN] = cell_number(step->children, texts[CHILDREN]);
		cells[PREFIXES] = cell_number(step->prefixes, texts[PREFIXES]);
	} else {
		cells[KEY] = explain_key_cell(&step->row, schema, key);
		cells[KEY_BITS] = cell_number(step->row.key_bits, texts[KEY_BITS]);
	}
	cells[LEADS] = cell_text(explain_describe_step(step, more, continues, texts[LEADS]));
	return output_row(output, cells);
}

/* Checks whether the lookup goes below step `from`. Depth never decreases, so the last step is
 * the deepest. */
static bool explain_path_continues(const struct stele_step *steps, size_t count, size_t from)
{
	return steps[count - 1].depth > steps[from].depth + steps[from].skipped;
}

/* Prints the steps as a graph. A row is drawn below the node that its key ends in, and a node
 * below the node before it. */
static void explain_print_dot(const struct stele_step *steps, size_t count)
{
	size_t node = 0;

	puts("digraph lookup {\n\tnode [shape=box, fontname=monospace];");
	for (size_t i = 0; i < count; i++) {
		const struct stele_step *step = &steps[i];
		char text[DESCRIBED_MAX];
		const char *words = explain_describe_step(
			step, i + 1 < count, explain_path_continues(steps, count, i), text);

		if (step->kind == STELE_STEP_NODE)
			printf("\ts%zu [label=\"node at %llu\\n%zu bytes, version %llu\\n%s, %u "
			       "children, %u prefixes\\n%u bytes skipped\\n%s\"];\n",
			       i, (unsigned long long)step->offset, step->bytes,
			       (unsigned long long)step->version, step->form, step->children,
			       step->prefixes, step->skipped, words);
		else
			printf("\ts%zu [label=\"row at %llu\\n%zu bytes, version %llu\\nkey of %u "
			       "bits\\n%s\", style=rounded%s];\n",
			       i, (unsigned long long)step->offset, step->bytes,
			       (unsigned long long)step->version, step->row.key_bits, words,
			       step->answer ? ", penwidth=3" : "");
		if (i > 0 && step->depth > steps[node].depth + steps[node].skipped)
			printf("\ts%zu -> s%zu [label=\"0x%02x\"];\n", node, i,
			       (unsigned)steps[node].next);
		else if (i > 0)
			printf("\ts%zu -> s%zu [style=dashed];\n", node, i);
		if (step->kind == STELE_STEP_NODE)
			node = i;
	}
	puts("}");
}

static enum status explain_print(const struct explain *explain, const struct stele_schema *schema,
                                 const struct stele_step *steps, size_t count)
{
	enum status status = STATUS_DONE;
	struct output *output;

	if (explain->dot) {
		explain_print_dot(steps, count);
		return STATUS_DONE;
	}
	output = output_open(explain->reading.format, SHAPE_ROWS, columns, COLUMNS);
	for (size_t i = 0; i < count && status == STATUS_DONE; i++)
		status = explain_print_step(output, &steps[i], schema, i + 1 < count,
		                            explain_path_continues(steps, count, i));
	return output_end(output, status);
}

/* Checks whether the key has a prefix column. In other tables, a key that is the start of
 * another key is no match for it. */
static bool explain_has_prefixes(const struct stele_schema *schema)
{
	for (size_t i = 0; i < schema->column_count; i++)
		if (schema->columns[i].key && (schema->columns[i].type == STELE_IPV4NET ||
		                               schema->columns[i].type == STELE_IPV6NET))
			return true;
	return false;
}

/* The maximum number of steps: a row for each bit of a key, and a node for each byte. */
enum { STEPS = STELE_KEY_MAX * 9 + 2 };

static enum status explain_key(struct reader *reader, const struct explain *explain,
                               const struct target *target, const char *text)
{
	struct stele_step *steps;
	struct stele_key key;
	enum status status;
	size_t count = 0;
	int result;

	result = address_parse(reader->schema, text, &key);
	if (result < 0)
		return fail_library(result);
	steps = heap_realloc(NULL, STEPS * sizeof(*steps));
	result = stele_table_explain(&reader->table, key.bytes, key.bits,
	                             explain_has_prefixes(reader->schema), steps, STEPS, &count);
	if (result < 0)
		status = fail_library(result);
	else
		status = explain_print(explain, reader->schema, steps,
		                       count < STEPS ? count : STEPS);
	if (status == STATUS_DONE && result == 0)
		status = fail_no_row(text, target->table);
	free(steps);
	return status;
}

static enum status explain_run(int argc, char **argv)
{
	struct explain explain = {0};
	struct target target;
	struct reader reader;
	enum status status;
	struct call call;

	if (options_parse(&command_explain, argc, argv, &explain, &call) != 2)
		return fail_usage("explain", "expected REGION/TABLE and KEY");
	if (explain.dot && explain.reading.format != OUTPUT_TABLE)
		return fail_usage("explain", "--dot and --format cannot be used together");
	status = target_parse_source("explain", call.operands[0], true, &target);
	if (status == STATUS_DONE)
		status = reader_open(&reader, &call.place, target.region, READER_PINNED);
	if (status != STATUS_DONE)
		return status;
	status = reader_open_table(&reader, target.table, &explain.reading.version);
	if (status == STATUS_DONE)
		status = explain_key(&reader, &explain, &target, call.operands[1]);
	reader_close(&reader);
	return status;
}

const struct command command_explain = {
	.name = "explain",
	.summary = "explain a lookup",
	.usage = "REGION/TABLE|FILE/TABLE KEY",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"dot", 'G', NULL, 0, "Print a graph for dot(1)", 0},
			{0},
		},
	.parse = explain_parse,
	.common = &options_reading,
	.common_at = offsetof(struct explain, reading),
	.reads = true,
	.run = explain_run,
};
