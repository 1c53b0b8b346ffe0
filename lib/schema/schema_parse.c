/* SPDX-License-Identifier: MIT
 *
 * Parses the declaration of a table, and the attributes of stored columns, whose text is a part of
 * a declaration. <stele/schema.h> has the grammar. */
#include "lib/schema/schema_parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/escape.h"
#include "lib/schema/lexer.h"
#include "lib/types/refuse.h"
#include "lib/types/text_number.h"
#include "lib/types/type.h"

struct parser {
	struct lexer lexer;
	bool stored; /* the text is that of stored attributes */
	/* The columns parsed so far, and the memory for their names and defaults. */
	struct stele_column columns[STELE_COLUMNS_MAX];
	char names[STELE_COLUMNS_MAX][STELE_NAME_MAX + 1];
	_Alignas(8) uint8_t defaults[STELE_COLUMNS_MAX][STELE_DEFAULT_MAX];
	size_t column_count;
	struct type_layout layout;
	size_t value_size; /* in bytes, of the columns parsed so far */
	/* The next free word and the next free byte of the memory behind this struct. Its size
	 * suffices for the whole text: each word has a '=', and each text at least one character
	 * more than its length. */
	struct stele_word *words;
	char *strings;
};

/* Allocates a parser for a text, which must have an end. Returns NULL if there is no memory. */
static struct parser *parser_new(const char *text)
{
	size_t words = 0;
	struct parser *parser;

	for (const char *at = text; *at; at++)
		words += *at == '=';
	parser = malloc(sizeof(*parser) + words * sizeof(struct stele_word) + strlen(text) + 1);
	if (!parser)
		return NULL;
	parser->lexer = (struct lexer){.text = text, .at = text};
	parser->stored = false;
	parser->column_count = 0;
	parser->layout = (struct type_layout){0};
	parser->value_size = 0;
	parser->words = (struct stele_word *)(void *)(parser + 1);
	parser->strings = (char *)(parser->words + words);
	return parser;
}

/* Reads a name into `ret`, of STELE_NAME_MAX + 1 bytes. Checks only its length. stele_name_check()
 * and stele_schema_check() check the rest later. */
static int parser_read_name(struct parser *parser, const char *what, char *ret)
{
	struct word word = lexer_peek_word(&parser->lexer);

	if (word.length == 0)
		return lexer_expected(&parser->lexer, what);
	if (word.length > STELE_NAME_MAX)
		return error_set(EINVAL,
		                 "character %zu: expected %s of at most %u bytes, but this one has "
		                 "%zu",
		                 lexer_position(&parser->lexer, word.start), what, STELE_NAME_MAX,
		                 word.length);
	memcpy(ret, word.start, word.length);
	ret[word.length] = '\0';
	parser->lexer.at += word.length;
	return 0;
}

/* Reads a number in brackets: the size of a char column, or the elements of an array. */
static int parser_read_size(struct parser *parser, const char *what, uint32_t *ret)
{
	uint32_t size = 0;
	int r = lexer_read_sign(&parser->lexer, '[', "the size of char, as in char[16]");

	if (r == 0)
		r = lexer_read_number(&parser->lexer, 1, what, &size);
	if (r == 0)
		r = lexer_read_sign(&parser->lexer, ']', "']'");
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
		return lexer_expected(&parser->lexer, "a type");
	escape(&escaped, word.start, word.length);
	if (nearest)
		return error_set(EINVAL, "character %zu: unknown type %s; did you mean \"%s\"?",
		                 lexer_position(&parser->lexer, word.start), escaped.text, nearest);
	return error_set(EINVAL,
	                 "character %zu: unknown type %s (expected one of u8 u16 u32 u64 i8 i16 "
	                 "i32 i64 f64 bool ipv4 ipv6 ipv4net ipv6net mac uuid time char[N] text "
	                 "bytes)",
	                 lexer_position(&parser->lexer, word.start), escaped.text);
}

static int parser_read_type(struct parser *parser, struct stele_column *column)
{
	struct word word = lexer_peek_word(&parser->lexer);

	column->type = type_by_name(word.start, word.length);
	if (!type_find(column->type))
		return parser_unknown_type(parser, word);
	parser->lexer.at += word.length;
	if (column->type == STELE_CHAR)
		return parser_read_size(parser, "bytes", &column->size);
	if (lexer_peek(&parser->lexer) == '[') {
		int r = parser_read_size(parser, "elements", &column->count);

		if (r < 0)
			return r;
	}
	column->size = type_column_size(column);
	return 0;
}

/* Prepends the position `at` to the error message. Returns -EINVAL. */
static int parser_locate_message(const struct parser *parser, const char *at)
{
	char why[1024];

	snprintf(why, sizeof(why), "%s", stele_last_error());
	return error_set(EINVAL, "character %zu: %s", lexer_position(&parser->lexer, at), why);
}

/* ---- attributes ---- */

/* Reads a word of an enumeration: WORD '=' NUMBER. */
static int parser_read_word(struct parser *parser, struct stele_word *ret)
{
	struct word name = lexer_peek_word(&parser->lexer), number;
	int r;

	if (name.length == 0)
		return lexer_expected(&parser->lexer, "a word of the enumeration");
	parser->lexer.at += name.length;
	r = lexer_read_sign(&parser->lexer, '=', "'=' and the number of the word");
	if (r < 0)
		return r;
	number = lexer_peek_word(&parser->lexer);
	if (text_number_parse(STELE_I64, number.start, number.length, sizeof(ret->value),
	                      &ret->value) < 0)
		return lexer_expected(&parser->lexer, "the number of the word");
	parser->lexer.at += number.length;
	ret->name = parser->strings;
	memcpy(parser->strings, name.start, name.length);
	parser->strings[name.length] = '\0';
	parser->strings += name.length + 1;
	return 0;
}

static int parser_read_words(struct parser *parser, struct stele_column *column)
{
	int r = lexer_read_sign(&parser->lexer, '(', "'(' and the words of the enumeration");

	column->words = parser->words;
	while (r == 0) {
		r = parser_read_word(parser, parser->words);
		if (r < 0)
			return r;
		parser->words++;
		column->word_count++;
		if (lexer_peek(&parser->lexer) != ',')
			return lexer_read_sign(&parser->lexer, ')', "',' or ')'");
		parser->lexer.at++;
	}
	return r;
}

enum attribute {
	ATTRIBUTE_OFFSET,
	ATTRIBUTE_WAS,
	ATTRIBUTE_ENUM,
	ATTRIBUTE_DEFAULT,
	ATTRIBUTE_UNIT,
	ATTRIBUTE_DOC,
	ATTRIBUTE_DEPRECATED,
	ATTRIBUTE_COUNT
};

/* Returns the attribute of this name, or ATTRIBUTE_COUNT. */
static enum attribute parser_find_attribute(struct word word)
{
	static const char *const names[] = {"@",    "was", "enum",      "default",
	                                    "unit", "doc", "deprecated"};
	unsigned i = 0;

	while (i < ATTRIBUTE_COUNT &&
	       (strlen(names[i]) != word.length || memcmp(names[i], word.start, word.length) != 0))
		i++;
	return (enum attribute)i;
}

/* Reads the rest of an attribute after its name. The default is only found, as its text depends on
 * the words, which may follow. */
static int parser_read_attribute(struct parser *parser, enum attribute attribute,
                                 struct stele_column *column, struct quoted *ret_default)
{
	struct quoted text;
	int r;

	if (attribute == ATTRIBUTE_OFFSET)
		return lexer_read_number(&parser->lexer, 0, "bytes", &column->offset);
	if (attribute == ATTRIBUTE_ENUM)
		return parser_read_words(parser, column);
	if (attribute == ATTRIBUTE_DEPRECATED) {
		column->flags |= STELE_COLUMN_DEPRECATED;
		return 0;
	}
	r = lexer_read_text(&parser->lexer, &parser->strings, "a text, such as \"eu\"", &text);
	if (r < 0)
		return r;
	if (attribute != ATTRIBUTE_DEFAULT && memchr(text.text, '\0', text.length))
		return error_set(EINVAL, "character %zu: the text has a NUL",
		                 lexer_position(&parser->lexer, text.at));
	/* A NULL cannot be told from "" in the text form. */
	if (attribute == ATTRIBUTE_WAS)
		column->former_names = text.length > 0 ? text.text : NULL;
	else if (attribute == ATTRIBUTE_UNIT)
		column->unit = text.length > 0 ? text.text : NULL;
	else if (attribute == ATTRIBUTE_DOC)
		column->description = text.length > 0 ? text.text : NULL;
	else
		*ret_default = text;
	return 0;
}

/* Parses the default of a column whose words are known. */
static int parser_set_default(struct parser *parser, struct stele_column *column,
                              struct quoted text, uint8_t *memory)
{
	struct stele_column checked = *column;
	size_t size;

	if (!text.text)
		return 0;
	column->default_value = memory;
	/* stele_schema_check() will refuse it. */
	if (type_column_size(column) > STELE_DEFAULT_MAX)
		return 0;
	/* An enumeration that stele_schema_check() refuses has no words to look for. */
	if (!type_is_integer(column->type))
		checked.word_count = 0;
	/* "now" is the time at which it is parsed. */
	if (column->type == STELE_TIME && text.length >= 3 &&
	    memmem(text.text, text.length, "now", 3)) {
		error_set(EINVAL, "column \"%s\": a default is a fixed time, not \"now\"",
		          column->name);
		return parser_locate_message(parser, text.at);
	}
	if (stele_value_parse(&checked, text.text, text.length, memory, STELE_DEFAULT_MAX, &size) <
	    0)
		return parser_locate_message(parser, text.at);
	return 0;
}

/* Skips an attribute that a newer library stored. */
static int parser_skip_attribute(struct parser *parser)
{
	struct quoted text;

	if (lexer_peek(&parser->lexer) != '"')
		return 0;
	return lexer_read_text(&parser->lexer, &parser->strings, "a text", &text);
}

/* Sets the error message for text in a column where none of its parts may stand. Returns -EINVAL.
 * */
static int parser_expected_attribute(struct parser *parser, const struct stele_column *column)
{
	return lexer_expected(&parser->lexer, column->key ? "an attribute, ',' or ')'"
	                                                  : "\"key\", an attribute, ',' or ')'");
}

/* Reads the attributes of a column, up to the first character that is in none. `memory` has space
 * for its default. */
static int parser_read_attributes(struct parser *parser, struct stele_column *column,
                                  uint8_t *memory)
{
	struct quoted text = {0};
	unsigned seen = 0;
	int r = 0;

	while (r == 0) {
		struct word word = lexer_peek_word(&parser->lexer);
		enum attribute attribute;

		/* The stored form has the offsets elsewhere. */
		if (*word.start == '@' && !parser->stored)
			word.length = 1;
		if (word.length == 0)
			break;
		attribute = parser_find_attribute(word);
		if (attribute == ATTRIBUTE_COUNT && !parser->stored)
			return parser_expected_attribute(parser, column);
		if (seen & 1u << attribute && attribute != ATTRIBUTE_COUNT)
			return error_set(EINVAL, "character %zu: \"%.*s\" is given twice",
			                 lexer_position(&parser->lexer, word.start),
			                 (int)word.length, word.start);
		seen |= 1u << attribute;
		parser->lexer.at += word.length;
		if (attribute == ATTRIBUTE_COUNT)
			r = parser_skip_attribute(parser);
		else
			r = parser_read_attribute(parser, attribute, column, &text);
	}
	return r < 0 ? r : parser_set_default(parser, column, text, memory);
}

/* ---- columns ---- */

static struct stele_schema parser_schema(const struct parser *parser)
{
	return (struct stele_schema){
		.columns = parser->columns,
		.column_count = parser->column_count,
		.value_size = parser->value_size,
	};
}

/* Reads "key", if it comes next. Places a value column after those before it. */
static void parser_read_key(struct parser *parser, struct stele_column *column)
{
	struct word word = lexer_peek_word(&parser->lexer);

	column->key = word.length == strlen("key") && memcmp(word.start, "key", word.length) == 0;
	if (column->key)
		parser->lexer.at += word.length;
	else
		column->offset = type_layout_next(&parser->layout, column);
}

/* Adds a column to those of the schema, and checks the schema so far, so that the error message can
 * name the position of the column that is at fault. */
static int parser_add_column(struct parser *parser, const struct stele_column *column,
                             const char *start)
{
	struct stele_schema schema;

	parser->columns[parser->column_count++] = *column;
	if (!column->key)
		type_layout_place(&parser->layout, column, column->offset);
	parser->value_size = type_variable(column->type) && !column->key
	                             ? parser->layout.end
	                             : type_layout_size(&parser->layout);
	schema = parser_schema(parser);
	return stele_schema_check(&schema) < 0 ? parser_locate_message(parser, start) : 0;
}

static int parser_read_column(struct parser *parser)
{
	const char *start = lexer_peek_word(&parser->lexer).start;
	struct stele_column column = {0};
	char *name = parser->names[parser->column_count];
	int r;

	column.name = name;
	r = parser_read_name(parser, "a column name", name);
	if (r == 0)
		r = lexer_read_sign(&parser->lexer, ':', "':' and the type of the column");
	if (r == 0)
		r = parser_read_type(parser, &column);
	if (r < 0)
		return r;
	parser_read_key(parser, &column);
	r = parser_read_attributes(parser, &column, parser->defaults[parser->column_count]);
	if (r == 0 && lexer_peek(&parser->lexer) != ',' && lexer_peek(&parser->lexer) != ')')
		r = parser_expected_attribute(parser, &column);
	return r < 0 ? r : parser_add_column(parser, &column, start);
}

/* Reads the size of the value, which may follow the last column. */
static int parser_read_value_size(struct parser *parser)
{
	const char *start = parser->lexer.at++;
	struct stele_schema schema;
	uint32_t size = 0;
	int r = lexer_read_number(&parser->lexer, 0, "bytes", &size);

	if (r == 0 && lexer_peek(&parser->lexer) != ')')
		r = lexer_expected(&parser->lexer, "')'");
	if (r < 0)
		return r;
	parser->value_size = size;
	schema = parser_schema(parser);
	return stele_schema_check(&schema) < 0 ? parser_locate_message(parser, start) : 0;
}

static int parser_read_columns(struct parser *parser)
{
	int r;

	r = lexer_read_sign(&parser->lexer, '(', "'(' and the columns of the table");
	while (r == 0) {
		if (parser->column_count > 0 && lexer_peek(&parser->lexer) == '@') {
			r = parser_read_value_size(parser);
			if (r < 0)
				return r;
			parser->lexer.at++;
			break;
		}
		if (parser->column_count == STELE_COLUMNS_MAX)
			return error_set(EINVAL,
			                 "character %zu: expected ')', because a table has at most "
			                 "%u columns",
			                 lexer_position(&parser->lexer, parser->lexer.at),
			                 STELE_COLUMNS_MAX);
		r = parser_read_column(parser);
		if (r < 0)
			return r;
		if (*parser->lexer.at++ == ')')
			break;
	}
	return r;
}

/* Reads the declaration of a table, which ends the text if `last`. */
static int parser_read_table(struct parser *parser, bool last, char *ret_table,
                             struct stele_schema **ret)
{
	const char *start = lexer_peek_word(&parser->lexer).start;
	char table[STELE_NAME_MAX + 1];
	struct stele_schema schema, *copy;
	int r;

	r = parser_read_name(parser, "a table name", table);
	if (r == 0 && stele_name_check("table", table) < 0)
		r = parser_locate_message(parser, start);
	if (r == 0)
		r = parser_read_columns(parser);
	if (r == 0 && last && lexer_peek(&parser->lexer) != '\0')
		r = lexer_expected(&parser->lexer, "the end of the text");
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
	struct parser *parser = parser_new(text);
	int r;

	if (!parser)
		return refuse_schema_memory(NULL);
	r = parser_read_table(parser, true, ret_table, ret);
	free(parser);
	return r;
}

int stele_schema_parse_next(const char **text, char *ret_table, struct stele_schema **ret)
{
	struct lexer start = {.text = *text, .at = *text};
	struct parser *parser;
	int r;

	*text = lexer_peek_word(&start).start;
	if (**text == '\0')
		return 0;
	parser = parser_new(*text);
	if (!parser)
		return refuse_schema_memory(NULL);
	r = parser_read_table(parser, false, ret_table, ret);
	if (r == 0)
		*text = parser->lexer.at;
	free(parser);
	return r < 0 ? r : 1;
}

/* Reads the attributes of the columns that the parser has already. */
static int parser_read_stored(struct parser *parser, struct stele_schema **ret)
{
	struct stele_schema schema = parser_schema(parser);
	int r = 0;

	for (size_t i = 0; r == 0 && i < parser->column_count; i++) {
		if (i > 0)
			r = lexer_read_sign(&parser->lexer, ',', "','");
		if (r == 0)
			r = parser_read_attributes(parser, &parser->columns[i],
			                           parser->defaults[i]);
	}
	if (r == 0 && lexer_peek(&parser->lexer) != '\0')
		r = lexer_expected(&parser->lexer, "the end of the text");
	if (r == 0)
		r = stele_schema_check(&schema);
	if (r < 0)
		return r;
	*ret = stele_schema_copy(&schema);
	return *ret ? 0 : refuse_schema_memory(NULL);
}

int schema_parse_attributes(const struct stele_schema *columns, const char *attributes,
                            struct stele_schema **ret)
{
	struct parser *parser = parser_new(attributes);
	int r;

	if (!parser)
		return refuse_schema_memory(NULL);
	parser->stored = true;
	for (size_t i = 0; i < columns->column_count; i++)
		parser->columns[i] = columns->columns[i];
	parser->column_count = columns->column_count;
	parser->value_size = columns->value_size;
	r = parser_read_stored(parser, ret);
	free(parser);
	return r;
}
