/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/rows/column.h"
#include "tools/rows/where.h"

struct where_operator {
	const char *text;
	unsigned accepted;
};

/* Returns the operator that the text starts with. The longer operators come first. */
static const struct where_operator *where_operator(const char *text)
{
	static const struct where_operator operators[] = {
		{"!=", WHERE_LESS | WHERE_GREATER | WHERE_UNORDERED},
		{"<=", WHERE_LESS | WHERE_EQUAL},
		{">=", WHERE_GREATER | WHERE_EQUAL},
		{"==", WHERE_EQUAL},
		{"=", WHERE_EQUAL},
		{"<", WHERE_LESS},
		{">", WHERE_GREATER},
	};

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (strncmp(text, operators[i].text, strlen(operators[i].text)) == 0)
			return &operators[i];
	return NULL;
}

/* Parses the value that the column is compared with. */
static enum status where_parse_operand(struct where *where, const char *text)
{
	const struct stele_column *column = &where->schema->columns[where->column];
	size_t capacity = column->size + 64 + strlen(text);
	int result;

	where->operand = heap_realloc(NULL, capacity);
	result = stele_value_parse(column, text, strlen(text), where->operand, capacity,
	                           &where->size);
	if (result < 0)
		return fail(fail_status(result), "--where: %s", stele_last_error());
	/* As stele_row_column() has it: up to the first NUL. */
	if (column->type == STELE_CHAR)
		where->size = strnlen(where->operand, where->size);
	return STATUS_DONE;
}

enum status where_open(struct where *where, const struct stele_schema *schema, const char *text)
{
	size_t at = strcspn(text, "=!<>"), length = at;
	const struct where_operator *found = where_operator(text + at);
	char name[STELE_NAME_MAX + 1];
	int column = -1;

	*where = (struct where){.schema = schema};
	while (length > 0 && isspace((unsigned char)text[length - 1]))
		length--;
	if (!found || length == 0)
		return fail(STATUS_INPUT,
		            "--where: invalid value \"%s\" (expected a column, one of = != < <= > "
		            ">=, and a value, such as metric>10)",
		            text);
	if (length < sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", (int)length, text);
		column = stele_schema_column(schema, name);
	}
	if (column < 0)
		return column_fail_unknown("--where: ", schema, text, length);
	where->column = (size_t)column;
	where->accepted = found->accepted;
	/* The order of arrays depends on their elements, which memcmp() does not know. */
	if (schema->columns[column].count > 0 && where->accepted != WHERE_EQUAL &&
	    !(where->accepted & WHERE_UNORDERED))
		return fail(STATUS_INPUT,
		            "--where: column \"%s\" is an array, and is compared by = and != only",
		            name);
	text += at + strlen(found->text);
	while (isspace((unsigned char)*text))
		text++;
	return where_parse_operand(where, text);
}

static unsigned where_order(bool less, bool greater)
{
	return less ? WHERE_LESS : greater ? WHERE_GREATER : WHERE_EQUAL;
}

/* Compares two values of a C type, which need not be aligned. */
#define WHERE_COMPARE(type_, left_, right_) \
	do { \
		type_ left, right; \
		memcpy(&left, left_, sizeof(left)); \
		memcpy(&right, right_, sizeof(right)); \
		return where_order(left<right, left> right); \
	} while (0)

static unsigned where_compare_floats(const void *value, const void *operand)
{
	double left, right;

	memcpy(&left, value, sizeof(left));
	memcpy(&right, operand, sizeof(right));
	if (left != left || right != right)
		return WHERE_UNORDERED;
	return where_order(left<right, left> right);
}

/* Compares bytes, as the keys of a table are ordered. */
static unsigned where_compare_bytes(const void *value, size_t size, const struct where *where)
{
	size_t common = size < where->size ? size : where->size;
	int order = common ? memcmp(value, where->operand, common) : 0;

	if (order == 0)
		return where_order(size<where->size, size> where->size);
	return where_order(order<0, order> 0);
}

static unsigned where_compare(const struct where *where, const void *value, size_t size)
{
	const struct stele_column *column = &where->schema->columns[where->column];

	if (column->count > 0)
		return where_compare_bytes(value, size, where);
	switch (column->type) {
	case STELE_U8:
	case STELE_BOOL:
		WHERE_COMPARE(uint8_t, value, where->operand);
	case STELE_U16:
		WHERE_COMPARE(uint16_t, value, where->operand);
	case STELE_U32:
		WHERE_COMPARE(uint32_t, value, where->operand);
	case STELE_U64:
	case STELE_TIME:
		WHERE_COMPARE(uint64_t, value, where->operand);
	case STELE_I8:
		WHERE_COMPARE(int8_t, value, where->operand);
	case STELE_I16:
		WHERE_COMPARE(int16_t, value, where->operand);
	case STELE_I32:
		WHERE_COMPARE(int32_t, value, where->operand);
	case STELE_I64:
		WHERE_COMPARE(int64_t, value, where->operand);
	case STELE_F64:
		return where_compare_floats(value, where->operand);
	default:
		return where_compare_bytes(value, size, where);
	}
}

int where_holds(const struct where *where, const struct stele_row *row)
{
	unsigned char decoded[STELE_KEY_MAX];
	const void *value;
	size_t size;
	int result;

	result = stele_row_column(where->schema, where->column, row, decoded, sizeof(decoded),
	                          &value, &size);
	if (result < 0)
		return result;
	return (where_compare(where, value, size) & where->accepted) != 0;
}

void where_close(struct where *where)
{
	free(where->operand);
	*where = (struct where){0};
}
