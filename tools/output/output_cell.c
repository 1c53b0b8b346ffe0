/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/text.h"
#include "tools/output/output_cell.h"

struct cell cell_text(const char *text)
{
	return (struct cell){.kind = CELL_TEXT, .text = text, .length = strlen(text)};
}

struct cell cell_literal(const char *text)
{
	return (struct cell){.kind = CELL_LITERAL, .text = text, .length = strlen(text)};
}

struct cell cell_size(uint64_t bytes, char *number, char *plain)
{
	struct cell cell = cell_literal(describe_number(bytes, number));

	cell.plain = describe_size(bytes, plain);
	return cell;
}

struct cell cell_number(uint64_t number, char *buffer)
{
	return cell_literal(describe_number(number, buffer));
}

struct cell cell_time(uint64_t nanoseconds, char *buffer)
{
	if (!nanoseconds)
		return (struct cell){.kind = CELL_NONE};
	return cell_text(describe_time(nanoseconds, buffer));
}

bool cell_is_literal(unsigned type, const char *text, size_t length)
{
	static const char max[] = "9007199254740991";

	if (type == STELE_BOOL)
		return true;
	/* Words of enumerations, "inf" and "nan" start with other characters than numbers. */
	if (type > STELE_F64 || length == 0 || !strchr("-0123456789", text[0]))
		return false;
	if (type == STELE_F64)
		return memchr(text, 'n', length) == NULL; /* "-inf", "-nan" */
	if (text[0] == '-') {
		text++;
		length--;
	}
	return length < sizeof(max) - 1 ||
	       (length == sizeof(max) - 1 && memcmp(text, max, length) <= 0);
}

/* Appends text, in quotation marks if it is empty or contains a character that separates values. */
static void cell_print_flat_text(struct text *text, const struct cell *cell)
{
	bool quote = cell->length == 0;

	for (size_t i = 0; i < cell->length && !quote; i++)
		quote = strchr(" \"=;", cell->text[i]) != NULL;
	if (!quote) {
		text_append(text, cell->text, cell->length);
		return;
	}
	text_append(text, "\"", 1);
	for (size_t i = 0; i < cell->length; i++) {
		if (cell->text[i] == '"')
			text_append(text, "\"", 1);
		text_append(text, &cell->text[i], 1);
	}
	text_append(text, "\"", 1);
}

/* Appends a row of an object or a list as `name=value name=value`. */
static void cell_print_flat_row(struct text *text, const struct cell *cell, size_t row, bool brief)
{
	const struct cell *cells = cell->cells + row * cell->column_count;
	bool first = true;

	for (size_t i = 0; i < cell->column_count; i++) {
		if ((brief && cells[i].unchanged) || cells[i].kind == CELL_NONE)
			continue;
		if (!first)
			text_append(text, " ", 1);
		first = false;
		text_append_string(text, cell->columns[i].name);
		text_append(text, "=", 1);
		cell_print_flat(text, &cells[i], brief);
	}
}

void cell_print_flat(struct text *text, const struct cell *cell, bool brief)
{
	switch (cell->kind) {
	case CELL_NONE:
		break;
	case CELL_TEXT:
	case CELL_ARRAY:
		cell_print_flat_text(text, cell);
		break;
	case CELL_LITERAL:
		text_append(text, cell->text, cell->length);
		break;
	case CELL_OBJECT:
		cell_print_flat_row(text, cell, 0, brief);
		break;
	case CELL_LIST:
		for (size_t i = 0; i < cell->row_count; i++) {
			if (i)
				text_append_string(text, "; ");
			cell_print_flat_row(text, cell, i, brief);
		}
		break;
	}
}
