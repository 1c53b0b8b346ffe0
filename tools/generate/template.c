/* SPDX-License-Identifier: MIT */
#include "tools/generate/template.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/escape.h"
#include "tools/base/heap.h"
#include "tools/base/text.h"
#include "tools/generate/model.h"

/* What a line is about. */
struct scope {
	const struct model *model;
	const struct field *field;     /* NULL: the table */
	const struct stele_word *word; /* NULL: none */
};

static void template_number(struct text *text, uint64_t number)
{
	char buffer[24];

	snprintf(buffer, sizeof(buffer), "%" PRIu64, number);
	text_append_string(text, buffer);
}

/* ---- strings and declarations ---- */

/* Appends bytes as part of a string literal. A '?' is escaped, as two of them may begin a trigraph
 * of C. */
static void template_quoted(const struct scope *scope, struct text *text, const char *bytes)
{
	char buffer[8];

	for (; *bytes; bytes++) {
		unsigned char byte = (unsigned char)*bytes;

		if (byte >= ' ' && byte < 127 && !strchr("\"\\?", byte))
			text_append(text, bytes, 1);
		else {
			snprintf(buffer, sizeof(buffer),
			         scope->model->language->octal ? "\\%03o" : "\\x%02x", byte);
			text_append_string(text, buffer);
		}
	}
}

/* Appends a string, or NULL. */
static void template_string(const struct scope *scope, struct text *text, const char *bytes)
{
	if (!bytes) {
		text_append_string(text, "NULL");
		return;
	}
	text_append_string(text, "\"");
	template_quoted(scope, text, bytes);
	text_append_string(text, "\"");
}

static char *template_format(const struct stele_schema *schema)
{
	size_t size = stele_schema_format(schema, NULL, 0) + 1;
	char *format = heap_realloc(NULL, size);

	stele_schema_format(schema, format, size);
	return format;
}

static void template_declaration(const struct scope *scope, struct text *text)
{
	char *columns = template_format(scope->model->schema);

	text_append_string(text, scope->model->table);
	text_append_string(text, "(");
	template_quoted(scope, text, columns);
	text_append_string(text, ")");
	free(columns);
}

/* Appends the declaration of a column as a comment: without its place, which the struct shows. A
 * backslash at the end would continue the comment. */
static void template_comment(struct text *text, const struct field *field)
{
	struct stele_column column;
	struct stele_schema schema = {.columns = &column, .column_count = 1};
	char *format;

	if (!field->column) {
		text_append_string(text, "padding");
		return;
	}
	column = *field->column;
	column.offset = 0;
	schema.value_size = column.key ? 0 : column.size;
	format = template_format(&schema);
	escape_for_people(text, format, strlen(format));
	if (strchr("\\/", format[strlen(format) - 1]))
		text_append_string(text, " .");
	free(format);
}

/* Appends the initializers of a default: numbers as such, other types as bytes. */
static void template_default(const struct scope *scope, struct text *text)
{
	const struct stele_column *column = scope->field->column;
	const uint8_t *bytes = column->default_value;
	size_t count, width = 1;

	switch (model_scalar(column, &count)) {
	case SCALAR_U16:
	case SCALAR_I16:
		width = 2;
		break;
	case SCALAR_U32:
	case SCALAR_I32:
		width = 4;
		break;
	case SCALAR_U64:
	case SCALAR_I64:
	case SCALAR_F64:
		width = 8;
		break;
	default:
		break;
	}
	for (size_t i = 0; i < column->size; i += width) {
		uint64_t number = 0;
		uint32_t half;
		uint16_t quarter;
		char buffer[32];

		if (width == 8)
			memcpy(&number, bytes + i, 8);
		else if (width == 4)
			number = (memcpy(&half, bytes + i, 4), half);
		else if (width == 2)
			number = (memcpy(&quarter, bytes + i, 2), quarter);
		else
			number = bytes[i];
		snprintf(buffer, sizeof(buffer), "%s0x%" PRIx64, i ? ", " : "", number);
		text_append_string(text, buffer);
	}
}

/* ---- types ---- */

static const char *template_scalar(const struct scope *scope)
{
	size_t count;

	if (!scope->field->column)
		return scope->model->language->scalars[SCALAR_U8];
	return scope->model->language->scalars[model_scalar(scope->field->column, &count)];
}

/* Sets the counts of the outer and the inner array of a field; 0: none. */
static void template_counts(const struct field *field, size_t ret_counts[2])
{
	ret_counts[0] = field->column ? field->column->count : 0;
	ret_counts[1] = field->padding;
	if (field->column)
		model_scalar(field->column, &ret_counts[1]);
}

static void template_dimensions(struct text *text, const struct field *field)
{
	size_t counts[2];

	template_counts(field, counts);
	for (unsigned i = 0; i < 2; i++)
		if (counts[i] > 0) {
			text_append_string(text, "[");
			template_number(text, counts[i]);
			text_append_string(text, "]");
		}
}

/* Appends the type of a field, whose arrays from `level` on are wanted. */
static void template_type(const struct scope *scope, struct text *text, unsigned level)
{
	const struct array_form *form = &scope->model->language->array;
	size_t counts[2];

	template_counts(scope->field, counts);
	if (level == 2)
		text_append_string(text, template_scalar(scope));
	else if (counts[level] == 0)
		template_type(scope, text, level + 1);
	else {
		text_append_string(text, form->before);
		if (form->count_first)
			template_number(text, counts[level]);
		else
			template_type(scope, text, level + 1);
		text_append_string(text, form->between);
		if (form->count_first)
			template_type(scope, text, level + 1);
		else
			template_number(text, counts[level]);
		text_append_string(text, form->after);
	}
}

/* Appends the unsigned type of the width of a numeric column, or that of bytes. */
static void template_default_type(const struct scope *scope, struct text *text)
{
	static const enum scalar unsigned_of[SCALAR_COUNT] = {
		[SCALAR_U16] = SCALAR_U16, [SCALAR_U32] = SCALAR_U32, [SCALAR_U64] = SCALAR_U64,
		[SCALAR_I16] = SCALAR_U16, [SCALAR_I32] = SCALAR_U32, [SCALAR_I64] = SCALAR_U64,
		[SCALAR_F64] = SCALAR_U64,
	};
	size_t count;

	text_append_string(
		text, scope->model->language
			      ->scalars[unsigned_of[model_scalar(scope->field->column, &count)]]);
}

/* ---- properties ---- */

static void template_changed_case(struct text *text, const char *name, int (*change)(int))
{
	for (; *name; name++) {
		char character = (char)change((unsigned char)*name);

		text_append(text, &character, 1);
	}
}

/* The package of a Go file: small letters, and never a keyword. */
static void template_package(struct text *text, const char *name)
{
	template_changed_case(text, name, tolower);
	text_append_string(text, "table");
}

static bool template_table_property(const struct scope *scope, const char *name, struct text *text)
{
	const struct model *model = scope->model;
	struct scope variable = {model, model->variable, NULL};

	if (strcmp(name, "T") == 0)
		text_append_string(text, model->type);
	else if (strcmp(name, "U") == 0)
		template_changed_case(text, model->type, toupper);
	else if (strcmp(name, "package") == 0)
		template_package(text, model->type);
	else if (strcmp(name, "table") == 0)
		text_append_string(text, model->table);
	else if (strcmp(name, "language") == 0)
		text_append_string(text, model->language->name);
	else if (strcmp(name, "static_assert") == 0)
		text_append_string(text, model->language->static_assert_name);
	else if (strcmp(name, "alignas") == 0)
		text_append_string(text, model->language->alignas_name);
	else if (strcmp(name, "size") == 0)
		template_number(text, model->schema->value_size);
	else if (strcmp(name, "column_count") == 0)
		template_number(text, model->field_count);
	else if (strcmp(name, "declaration") == 0)
		template_declaration(scope, text);
	else if (strcmp(name, "variable_scalar") == 0)
		text_append_string(text, template_scalar(&variable));
	else if (strcmp(name, "variable_comment") == 0)
		template_comment(text, model->variable);
	else
		return false;
	return true;
}

static void template_stele_type(struct text *text, const struct stele_column *column)
{
	text_append_string(text, "STELE_");
	template_changed_case(text, stele_type_name(column->type), toupper);
}

static bool template_column_number(const struct scope *scope, const char *name, struct text *text)
{
	const struct stele_column *column = scope->field->column;
	const struct {
		const char *name;
		uint64_t number;
	} numbers[] = {
		{"index", scope->field->index}, {"offset", column->offset},
		{"bytes", column->size},        {"elements", column->count},
		{"flags", column->flags},       {"word_count", column->word_count},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(name, numbers[i].name) == 0) {
			template_number(text, numbers[i].number);
			return true;
		}
	return false;
}

/* Properties of columns; padding has only those of template_field_property(). */
static bool template_column_property(const struct scope *scope, const char *name, struct text *text)
{
	const struct stele_column *column = scope->field->column;

	if (template_column_number(scope, name, text))
		return true;
	if (strcmp(name, "column") == 0)
		text_append_string(text, column->name);
	else if (strcmp(name, "stele_type") == 0)
		template_stele_type(text, column);
	else if (strcmp(name, "is_key") == 0)
		text_append_string(text, column->key ? "true" : "false");
	else if (strcmp(name, "doc") == 0)
		template_string(scope, text, column->description);
	else if (strcmp(name, "unit") == 0)
		template_string(scope, text, column->unit);
	else if (strcmp(name, "former") == 0)
		template_string(scope, text, column->former_names);
	else if (strcmp(name, "default") == 0)
		template_default(scope, text);
	else if (strcmp(name, "default_type") == 0)
		template_default_type(scope, text);
	else
		return false;
	return true;
}

static bool template_field_property(const struct scope *scope, const char *name, struct text *text)
{
	if (strcmp(name, "field") == 0)
		text_append_string(text, scope->field->name);
	else if (strcmp(name, "scalar") == 0)
		text_append_string(text, template_scalar(scope));
	else if (strcmp(name, "dims") == 0)
		template_dimensions(text, scope->field);
	else if (strcmp(name, "type") == 0)
		template_type(scope, text, 0);
	else if (strcmp(name, "comment") == 0)
		template_comment(text, scope->field);
	else
		return false;
	return true;
}

static bool template_word_property(const struct scope *scope, const char *name, struct text *text)
{
	char buffer[CONSTANT_MAX];

	if (strcmp(name, "WORD") == 0)
		model_constant(scope->model, scope->field, scope->word, buffer);
	else if (strcmp(name, "word") == 0)
		snprintf(buffer, sizeof(buffer), "%s", scope->word->name);
	else if (strcmp(name, "number") == 0 && scope->word->value == INT64_MIN &&
	         scope->model->language->octal)
		snprintf(buffer, sizeof(buffer), "INT64_MIN"); /* C has no such literal */
	else if (strcmp(name, "number") == 0)
		snprintf(buffer, sizeof(buffer), "%" PRId64, scope->word->value);
	else
		return false;
	text_append_string(text, buffer);
	return true;
}

static bool template_condition(const struct scope *scope, const char *name)
{
	const struct field *field = scope->field;

	if (*name == '!')
		return !template_condition(scope, name + 1);
	if (strcmp(name, "struct") == 0)
		return scope->model->member_count > 0;
	if (strcmp(name, "variable") == 0)
		return scope->model->variable != NULL;
	if (strcmp(name, "cplusplus") == 0)
		return scope->model->language->cplusplus;
	if (!field || !field->column)
		return false;
	if (strcmp(name, "words") == 0)
		return field->column->word_count > 0;
	if (strcmp(name, "default") == 0)
		return field->column->default_value != NULL;
	if (strcmp(name, "wide") == 0)
		return strchr("\x04\x08\x09\x11", (int)field->column->type) != NULL;
	return strcmp(name, "variable_column") == 0 && model_is_variable(field->column);
}

/* ---- lines ---- */

static void template_line(const struct scope *scope, const char *line, size_t length,
                          struct text *text)
{
	while (length > 0) {
		const char *at = memchr(line, '@', length), *end = NULL;
		char name[32];

		if (at)
			end = memchr(at + 1, '@', length - (size_t)(at + 1 - line));
		if (!end || (size_t)(end - at) > sizeof(name)) {
			text_append(text, line, length);
			return;
		}
		text_append(text, line, (size_t)(at - line));
		snprintf(name, sizeof(name), "%.*s", (int)(end - at - 1), at + 1);
		if (!template_table_property(scope, name, text) &&
		    !(scope->field && template_field_property(scope, name, text)) &&
		    !(scope->field && scope->field->column &&
		      template_column_property(scope, name, text)) &&
		    !(scope->word && template_word_property(scope, name, text)))
			abort(); /* a fault of the template */
		length -= (size_t)(end + 1 - line);
		line = end + 1;
	}
}

static const char *template_next_line(const char *line)
{
	return strchr(line, '\n') + 1;
}

/* Returns the line after the %end of the block whose first line this is. */
static const char *template_block_end(const char *line)
{
	for (unsigned depth = 1; depth > 0; line = template_next_line(line)) {
		if (strncmp(line, "%for ", 5) == 0 || strncmp(line, "%if ", 4) == 0)
			depth++;
		else if (strncmp(line, "%end\n", 5) == 0)
			depth--;
	}
	return line;
}

static void template_block(const struct scope *scope, const char *line, struct text *text);

static void template_words(struct scope scope, const char *body, struct text *text)
{
	const struct stele_column *column = scope.field->column;

	for (size_t i = 0; i < column->word_count; i++) {
		scope.word = &column->words[i];
		template_block(&scope, body, text);
	}
}

static void template_for(struct scope scope, const char *what, const char *body, struct text *text)
{
	const struct model *model = scope.model;
	bool in_struct = strcmp(what, "members") == 0 || strcmp(what, "values") == 0;
	const struct field *fields = in_struct ? model->members : model->fields;
	size_t count = in_struct ? model->member_count : model->field_count;

	if (strcmp(what, "words") == 0) {
		template_words(scope, body, text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		scope.field = &fields[i];
		if ((strcmp(what, "keys") == 0 && !fields[i].column->key) ||
		    (strcmp(what, "values") == 0 && !fields[i].column))
			continue;
		template_block(&scope, body, text);
	}
}

/* Writes the lines of a block, up to its %end or the end of the template. */
static void template_block(const struct scope *scope, const char *line, struct text *text)
{
	while (*line && strncmp(line, "%end\n", 5) != 0) {
		const char *next = template_next_line(line);
		size_t length = (size_t)(next - line);
		char word[32] = "";

		/* sscanf() skips white space, such as an empty line. */
		if (*line != '%')
			template_line(scope, line, length, text);
		else if (sscanf(line, "%%for %31s", word) == 1) {
			template_for(*scope, word, next, text);
			next = template_block_end(next);
		} else if (sscanf(line, "%%if %31s", word) == 1) {
			if (template_condition(scope, word))
				template_block(scope, next, text);
			next = template_block_end(next);
		} else { /* %+ */
			text->length--;
			template_line(scope, line + 2, length - 2, text);
		}
		line = next;
	}
}

void template_write(const struct model *model, struct text *text)
{
	const struct scope scope = {.model = model};

	template_block(&scope, model->language->module, text);
}
