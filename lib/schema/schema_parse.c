/* SPDX-License-Identifier: MIT
 *
 * Parses the declaration of a table:
 *
 *     table  = NAME '(' column { ',' column } ')'
 *     column = NAME ':' TYPE [ '[' N ']' ] [ "key" ]
 *
 * White space is allowed between all tokens. The value columns are laid out like the members of a C
 * struct.
 */
#include <stele/schema.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/escape.h"
#include "lib/schema/refuse.h"
#include "lib/schema/type.h"

/* A word of the text: letters, digits, '_' and '-'. Empty if another character comes next. */
struct word {
	const char *start;
	size_t length;
};

struct parser {
	const char *text; /* the complete declaration */
	const char *at;   /* the rest that is not parsed yet */
	/* The columns parsed so far, and the memory for their names. */
	struct stele_column columns[STELE_COLUMNS_MAX];
	char names[STELE_COLUMNS_MAX][STELE_NAME_MAX + 1];
	size_t column_count;
};

static bool parser_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool parser_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* Skips white space. Returns the next word without consuming it. */
static struct word parser_peek_word(struct parser *parser)
{
	struct word word;

	while (parser_is_space(*parser->at))
		parser->at++;
	word = (struct word){.start = parser->at};
	while (parser_is_word(word.start[word.length]))
		word.length++;
	return word;
}

/* Skips white space. Returns the next character without consuming it. */
static char parser_peek(struct parser *parser)
{
	return *parser_peek_word(parser).start;
}

/* Returns the position of a character for error messages, counted from 1. */
static size_t parser_position(const struct parser *parser, const char *at)
{
	return (size_t)(at - parser->text) + 1;
}

/* Sets the error message for a syntax error: `what` was expected, and something else comes next.
 * Returns -EINVAL. */
static int parser_expected(struct parser *parser, const char *what)
{
	struct word word = parser_peek_word(parser);
	struct escaped escaped;

	if (*word.start == '\0')
		return error_set(EINVAL, "character %zu: expected %s, but the text ends",
		                 parser_position(parser, word.start), what);
	return error_set(EINVAL, "character %zu: expected %s, but found %s",
	                 parser_position(parser, word.start), what,
	                 escape(&escaped, word.start, word.length > 0 ? word.length : 1));
}

static int parser_read_sign(struct parser *parser, char sign, const char *what)
{
	if (parser_peek(parser) != sign)
		return parser_expected(parser, what);
	parser->at++;
	return 0;
}

/* Reads a name into `ret`, of STELE_NAME_MAX + 1 bytes. Checks only its length. stele_name_check()
 * and stele_schema_check() check the rest later. */
static int parser_read_name(struct parser *parser, const char *what, char *ret)
{
	struct word word = parser_peek_word(parser);

	if (word.length == 0)
		return parser_expected(parser, what);
	if (word.length > STELE_NAME_MAX)
		return error_set(EINVAL,
		                 "character %zu: expected %s of at most %u bytes, but this one has "
		                 "%zu",
		                 parser_position(parser, word.start), what, STELE_NAME_MAX,
		                 word.length);
	memcpy(ret, word.start, word.length);
	ret[word.length] = '\0';
	parser->at += word.length;
	return 0;
}

/* Reads the size of a char column: a number in brackets. */
static int parser_read_size(struct parser *parser, uint32_t *ret)
{
	struct word word;
	uint32_t size = 0;
	int r;

	r = parser_read_sign(parser, '[', "the size of char, as in char[16]");
	if (r < 0)
		return r;
	word = parser_peek_word(parser);
	for (size_t i = 0; i < word.length && size <= STELE_VALUE_MAX; i++) {
		if (word.start[i] < '0' || word.start[i] > '9')
			return parser_expected(parser, "a number of bytes");
		size = size * 10 + (uint32_t)(word.start[i] - '0');
	}
	if (size == 0 || size > STELE_VALUE_MAX)
		return parser_expected(parser, "a number of bytes from 1 to 1048576");
	parser->at += word.length;
	r = parser_read_sign(parser, ']', "']'");
	if (r == 0)
		*ret = size;
	return r;
}

/* Sets the error message for a missing or unknown type, with a suggestion if there is one. Returns
 * -EINVAL. */
static int parser_unknown_type(struct parser *parser, struct word word)
{
	const char *nearest = type_nearest(word.start, word.length);
	struct escaped escaped;

	if (word.length == 0)
		return parser_expected(parser, "a type");
	escape(&escaped, word.start, word.length);
	if (nearest)
		return error_set(EINVAL, "character %zu: unknown type %s; did you mean \"%s\"?",
		                 parser_position(parser, word.start), escaped.text, nearest);
	return error_set(EINVAL,
	                 "character %zu: unknown type %s (expected one of u8 u16 u32 u64 i8 i16 "
	                 "i32 i64 f64 bool ipv4 ipv6 ipv4net ipv6net mac uuid time char[N] text "
	                 "bytes)",
	                 parser_position(parser, word.start), escaped.text);
}

static int parser_read_type(struct parser *parser, struct stele_column *column)
{
	struct word word = parser_peek_word(parser);

	column->type = type_by_name(word.start, word.length);
	if (!type_find(column->type))
		return parser_unknown_type(parser, word);
	parser->at += word.length;
	if (column->type == STELE_CHAR)
		return parser_read_size(parser, &column->size);
	column->size = type_column_size(column);
	return 0;
}

/* Sets the offsets of the value columns, and returns the size of the value. If the last column is
 * variable, that is its offset. Otherwise it is the size of the C struct, with padding at the
 * end. */
static size_t parser_lay_out(struct parser *parser)
{
	uint32_t end = 0, alignment = 1;

	for (size_t i = 0; i < parser->column_count; i++) {
		struct stele_column *column = &parser->columns[i];
		uint32_t layout = type_find(column->type)->layout;

		if (column->key)
			continue;
		end = (end + layout - 1) & ~(layout - 1);
		column->offset = end;
		end += column->size;
		if (layout > alignment)
			alignment = layout;
	}
	if (type_variable(parser->columns[parser->column_count - 1].type))
		return end;
	return (end + alignment - 1) & ~(alignment - 1);
}

static struct stele_schema parser_schema(struct parser *parser)
{
	return (struct stele_schema){
		.columns = parser->columns,
		.column_count = parser->column_count,
		.value_size = parser_lay_out(parser),
	};
}

/* Prepends the position `at` to the error message. Returns -EINVAL. */
static int parser_locate_message(const struct parser *parser, const char *at)
{
	char why[512];

	snprintf(why, sizeof(why), "%s", stele_last_error());
	return error_set(EINVAL, "character %zu: %s", parser_position(parser, at), why);
}

static int parser_read_column(struct parser *parser)
{
	const char *start = parser_peek_word(parser).start;
	struct stele_column column = {0};
	struct stele_schema schema;
	struct word word;
	char *name = parser->names[parser->column_count];
	int r;

	r = parser_read_name(parser, "a column name", name);
	if (r == 0)
		r = parser_read_sign(parser, ':', "':' and the type of the column");
	if (r == 0)
		r = parser_read_type(parser, &column);
	if (r < 0)
		return r;
	word = parser_peek_word(parser);
	if (word.length == strlen("key") && memcmp(word.start, "key", word.length) == 0) {
		column.key = true;
		parser->at += word.length;
	}
	if (parser_peek(parser) != ',' && parser_peek(parser) != ')')
		return parser_expected(parser, column.key ? "',' or ')'" : "\"key\", ',' or ')'");
	column.name = name;
	parser->columns[parser->column_count++] = column;
	/* Check the schema after each column, so that the error message can name the position of
	 * the column that is at fault. */
	schema = parser_schema(parser);
	return stele_schema_check(&schema) < 0 ? parser_locate_message(parser, start) : 0;
}

static int parser_read_columns(struct parser *parser)
{
	int r;

	r = parser_read_sign(parser, '(', "'(' and the columns of the table");
	while (r == 0) {
		if (parser->column_count == STELE_COLUMNS_MAX)
			return error_set(EINVAL,
			                 "character %zu: expected ')', because a table has at most "
			                 "%u columns",
			                 parser_position(parser, parser->at), STELE_COLUMNS_MAX);
		r = parser_read_column(parser);
		if (r < 0)
			return r;
		if (*parser->at++ == ')')
			break;
	}
	if (r == 0 && parser_peek(parser) != '\0')
		r = parser_expected(parser, "the end of the text");
	return r;
}

static int parser_read_table(struct parser *parser, char *ret_table, struct stele_schema **ret)
{
	const char *start = parser_peek_word(parser).start;
	char table[STELE_NAME_MAX + 1];
	struct stele_schema schema, *copy;
	int r;

	r = parser_read_name(parser, "a table name", table);
	if (r == 0 && stele_name_check("table", table) < 0)
		r = parser_locate_message(parser, start);
	if (r == 0)
		r = parser_read_columns(parser);
	if (r < 0)
		return r;
	schema = parser_schema(parser);
	copy = stele_schema_copy(&schema);
	if (!copy)
		return refuse_schema_memory(table);
	strcpy(ret_table, table);
	*ret = copy;
	return 0;
}

int stele_schema_parse(const char *text, char *ret_table, struct stele_schema **ret)
{
	struct parser parser = {.text = text, .at = text};

	return parser_read_table(&parser, ret_table, ret);
}
