/* SPDX-License-Identifier: MIT */
#include "tools/generate/model.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "tools/base/fail.h"

bool model_is_variable(const struct stele_column *column)
{
	return column->type == STELE_TEXT || column->type == STELE_BYTES;
}

enum scalar model_scalar(const struct stele_column *column, size_t *ret_count)
{
	static const struct {
		enum scalar scalar;
		uint8_t count;
	} table[] = {
		[STELE_U8] = {SCALAR_U8, 0},           [STELE_U16] = {SCALAR_U16, 0},
		[STELE_U32] = {SCALAR_U32, 0},         [STELE_U64] = {SCALAR_U64, 0},
		[STELE_I8] = {SCALAR_I8, 0},           [STELE_I16] = {SCALAR_I16, 0},
		[STELE_I32] = {SCALAR_I32, 0},         [STELE_I64] = {SCALAR_I64, 0},
		[STELE_F64] = {SCALAR_F64, 0},         [STELE_BOOL] = {SCALAR_BOOL, 0},
		[STELE_IPV4] = {SCALAR_U8, 4},         [STELE_IPV6] = {SCALAR_U8, 16},
		[STELE_IPV4NET] = {SCALAR_IPV4NET, 0}, [STELE_IPV6NET] = {SCALAR_IPV6NET, 0},
		[STELE_MAC] = {SCALAR_U8, 6},          [STELE_UUID] = {SCALAR_U8, 16},
		[STELE_TIME] = {SCALAR_U64, 0},        [STELE_CHAR] = {SCALAR_CHAR, 0},
		[STELE_TEXT] = {SCALAR_CHAR, 0},       [STELE_BYTES] = {SCALAR_U8, 0},
	};

	*ret_count = column->type == STELE_CHAR ? column->size : table[column->type].count;
	return table[column->type].scalar;
}

static size_t model_alignment(const struct stele_column *column)
{
	size_t count;

	switch (model_scalar(column, &count)) {
	case SCALAR_U16:
	case SCALAR_I16:
		return 2;
	case SCALAR_U32:
	case SCALAR_I32:
		return 4;
	case SCALAR_U64:
	case SCALAR_I64:
	case SCALAR_F64:
		return 8;
	default:
		return 1;
	}
}

/* ---- names ---- */

static bool model_is_reserved(const struct language *language, const char *name)
{
	for (const char *const *word = language->reserved; *word; word++)
		if (strcmp(*word, name) == 0)
			return true;
	return false;
}

/* Writes a name of the schema as an identifier. Hyphens become underscores; the first character
 * becomes a letter. `language` NULL: the name is part of a longer one, which is no keyword. */
static void model_name(const struct language *language, const char *name, bool camel,
                       const char *prefix, char buffer[IDENTIFIER_MAX])
{
	bool start = true;
	size_t length = 0;

	if (!isalpha((unsigned char)*name))
		length = (size_t)snprintf(buffer, IDENTIFIER_MAX, "%s%s", prefix,
		                          isdigit((unsigned char)*name) ? "_" : "");
	for (size_t i = 0; i < length && camel; i += length)
		buffer[i] = (char)toupper((unsigned char)buffer[i]);
	for (; *name; name++) {
		bool separator = *name == '-' || *name == '_';

		if (!separator)
			buffer[length++] =
				(char)(camel && start ? toupper((unsigned char)*name) : *name);
		else if (!camel)
			buffer[length++] = '_';
		start = separator;
	}
	buffer[length] = '\0';
	if (camel && buffer[length - 1] == '_')
		buffer[--length] = '\0';
	if (language && model_is_reserved(language, buffer))
		strcpy(buffer + length, "_");
}

void model_constant(const struct model *model, const struct field *field,
                    const struct stele_word *word, char *buffer)
{
	char column[IDENTIFIER_MAX], name[IDENTIFIER_MAX];
	bool camel = model->language->camel_fields;

	model_name(NULL, field->column->name, camel, "column", column);
	model_name(NULL, word->name, camel, "word", name);
	snprintf(buffer, CONSTANT_MAX, "%s_%s", column, name);
	for (char *at = buffer; *at && !camel; at++)
		*at = (char)toupper((unsigned char)*at);
}

static enum status model_set_type(struct model *model, const char *name)
{
	const struct language *language = model->language;
	bool valid = true;

	model_name(language, name ? name : model->table, !name && language->camel_types, "table",
	           model->type);
	for (const char *at = name; name && *at; at++)
		valid = valid && (isalnum((unsigned char)*at) || *at == '_');
	if (name && (!valid || strcmp(name, model->type) != 0))
		return fail(STATUS_INPUT,
		            "--name: \"%s\" cannot be the name of a type here (expected a letter, "
		            "then letters, digits or '_'; not a word that %s or the generated code "
		            "uses)",
		            name, language->name);
	if (strncasecmp(model->type, "stele_", 6) == 0)
		return fail(STATUS_INPUT,
		            "the name \"%s\" would begin like those of the library; choose another "
		            "one with --name",
		            model->type);
	return STATUS_DONE;
}

static enum status model_collision(const char *name, const char *a, const char *b)
{
	return fail(
		STATUS_INPUT,
		"\"%s\" and \"%s\" would both be called \"%s\" in the generated code; rename one "
		"of them",
		a, b, name);
}

static enum status model_check_fields(const struct model *model)
{
	char sized[IDENTIFIER_MAX + 8];

	for (size_t i = 0; i < model->field_count; i++) {
		const struct field *a = &model->fields[i];

		snprintf(sized, sizeof(sized), "%s_size", a->name);
		for (size_t j = 0; j < model->field_count; j++) {
			const struct field *b = &model->fields[j];

			if ((j > i && strcmp(a->name, b->name) == 0) ||
			    (model_is_variable(a->column) && strcmp(sized, b->name) == 0))
				return model_collision(b->name, a->column->name, b->column->name);
		}
		for (size_t j = 0; j < model->member_count; j++)
			if (!model->members[j].column &&
			    strcmp(a->name, model->members[j].name) == 0)
				return model_collision(a->name, a->column->name, "padding");
	}
	return STATUS_DONE;
}

static enum status model_check_word(const struct model *model, size_t column, size_t word)
{
	const struct field *field = &model->fields[column];
	char name[CONSTANT_MAX], other[CONSTANT_MAX];

	model_constant(model, field, &field->column->words[word], name);
	if (strcmp(name, "VALUE_SIZE") == 0)
		return model_collision(name, field->column->words[word].name, "the value's size");
	for (size_t i = 0; i <= column; i++) {
		const struct stele_column *earlier = model->fields[i].column;
		size_t count = i < column ? earlier->word_count : word;

		for (size_t j = 0; j < count; j++) {
			model_constant(model, &model->fields[i], &earlier->words[j], other);
			if (strcmp(name, other) == 0)
				return model_collision(name, earlier->words[j].name,
				                       field->column->words[word].name);
		}
	}
	return STATUS_DONE;
}

static enum status model_check_names(const struct model *model)
{
	enum status status = model_check_fields(model);

	for (size_t i = 0; i < model->field_count; i++)
		for (size_t j = 0; status == STATUS_DONE && j < model->fields[i].column->word_count;
		     j++)
			status = model_check_word(model, i, j);
	return status;
}

/* ---- the struct ---- */

/* Adds padding up to an offset, if the next member would begin at `natural` without it. */
static void model_pad(struct model *model, size_t end, size_t natural, size_t offset)
{
	struct field *pad = &model->members[model->member_count];

	if (offset <= natural)
		return;
	*pad = (struct field){.padding = offset - end};
	snprintf(pad->name, sizeof(pad->name), "%s%zu",
	         model->language->camel_fields ? "Padding" : "padding_", end);
	model->member_count++;
}

/* Returns the fixed value column with the least offset from `from` on, or NULL. */
static const struct field *model_next(const struct model *model, size_t from)
{
	const struct field *next = NULL;

	for (size_t i = 0; i < model->field_count; i++) {
		const struct stele_column *column = model->fields[i].column;

		if (column->key || model_is_variable(column) || column->offset < from)
			continue;
		if (!next || column->offset < next->column->offset)
			next = &model->fields[i];
	}
	return next;
}

static enum status model_set_members(struct model *model)
{
	size_t end = 0, widest = 1, natural, size = model->schema->value_size;
	const struct field *next;

	while ((next = model_next(model, end)) != NULL) {
		size_t alignment = model_alignment(next->column);

		natural = (end + alignment - 1) / alignment * alignment;
		model_pad(model, end, natural, next->column->offset);
		model->members[model->member_count++] = *next;
		end = next->column->offset + next->column->size;
		widest = alignment > widest ? alignment : widest;
	}
	natural = (end + widest - 1) / widest * widest;
	model_pad(model, end, natural, size);
	if (!model->variable && size % widest != 0)
		return fail(
			STATUS_INPUT,
			"table \"%s\" has values of %zu bytes, which no struct with these columns "
			"has; put it into a table with values of %zu bytes",
			model->table, size, (size + widest - 1) / widest * widest);
	return STATUS_DONE;
}

enum status model_init(struct model *ret, const struct language *language, const char *table,
                       const struct stele_schema *schema, const char *name)
{
	enum status status;

	*ret = (struct model){.language = language, .table = table, .schema = schema};
	for (size_t i = 0; i < schema->column_count; i++) {
		struct field *field = &ret->fields[ret->field_count++];

		field->column = &schema->columns[i];
		field->index = i;
		model_name(language, field->column->name, language->camel_fields, "column",
		           field->name);
		if (!field->column->key && model_is_variable(field->column))
			ret->variable = field;
	}
	status = model_set_type(ret, name);
	if (status == STATUS_DONE)
		status = model_set_members(ret);
	return status == STATUS_DONE ? model_check_names(ret) : status;
}
