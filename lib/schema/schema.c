/* SPDX-License-Identifier: MIT
 *
 * Compares and copies schemas, and finds columns; checks the names of regions, tables and
 * columns. */
#include "lib/schema/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/escape.h"
#include "lib/types/type.h"

static bool schema_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool schema_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

const char *schema_name_fault(const char *name, bool digit_first)
{
	size_t length = strnlen(name, STELE_NAME_MAX + 1);

	if (length == 0)
		return "is empty";
	if (length > STELE_NAME_MAX)
		return "is longer than 63 bytes";
	if (!schema_is_letter(name[0]) && !(digit_first && schema_is_digit(name[0])))
		return digit_first ? "does not start with a letter, a digit or '_'"
		                   : "does not start with a letter or '_'";
	for (size_t i = 1; i < length; i++)
		if (!schema_is_letter(name[i]) && !schema_is_digit(name[i]) && name[i] != '-')
			return "has a character other than a-z A-Z 0-9 _ -";
	return NULL;
}

bool schema_name_is_valid(const char *name)
{
	return !schema_name_fault(name, true);
}

int stele_name_check(const char *what, const char *name)
{
	struct escaped escaped;
	const char *fault;

	if (!name)
		return error_set(EINVAL, "%s name is missing", what);
	fault = schema_name_fault(name, true);
	if (fault)
		return error_set(EINVAL, "%s name %s %s", what,
		                 escape(&escaped, name, strnlen(name, STELE_NAME_MAX + 1)), fault);
	return 0;
}

static bool schema_is_empty(const char *text)
{
	return !text || !*text;
}

size_t schema_next_former(const char **at, const char **ret)
{
	size_t length;

	if (schema_is_empty(*at))
		return 0;
	*ret = *at;
	length = strcspn(*at, " ");
	*at += length + ((*at)[length] == ' ' ? 1 : 0);
	return length;
}

bool schema_had_name(const struct stele_column *column, const char *name)
{
	const char *at = column->former_names, *former = NULL;
	size_t length;

	while ((length = schema_next_former(&at, &former)) > 0)
		if (strlen(name) == length && memcmp(former, name, length) == 0)
			return true;
	return false;
}

/* Compares optional texts, of which an empty one is equal to a missing one. */
static bool schema_text_equal(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool schema_default_equal(const struct stele_column *a, const struct stele_column *b)
{
	if (!a->default_value || !b->default_value)
		return a->default_value == b->default_value;
	if (a->type == STELE_CHAR)
		return strncmp(a->default_value, b->default_value, a->size) == 0;
	return memcmp(a->default_value, b->default_value, type_column_size(a)) == 0;
}

static bool schema_words_equal(const struct stele_column *a, const struct stele_column *b)
{
	if (a->word_count != b->word_count)
		return false;
	for (size_t i = 0; i < a->word_count; i++)
		if (a->words[i].value != b->words[i].value ||
		    strcmp(a->words[i].name, b->words[i].name) != 0)
			return false;
	return true;
}

static bool schema_column_equal(const struct stele_column *a, const struct stele_column *b)
{
	return a->type == b->type && a->key == b->key && a->count == b->count &&
	       type_column_size(a) == type_column_size(b) && a->offset == b->offset &&
	       a->flags == b->flags && strcmp(a->name, b->name) == 0 &&
	       schema_text_equal(a->description, b->description) &&
	       schema_text_equal(a->unit, b->unit) &&
	       schema_text_equal(a->former_names, b->former_names) && schema_words_equal(a, b) &&
	       schema_default_equal(a, b) &&
	       memcmp(a->reserved_, b->reserved_, sizeof(a->reserved_)) == 0;
}

bool stele_schema_equal(const struct stele_schema *a, const struct stele_schema *b)
{
	/* A schema with a reserved member is not valid, so it must not pass for one that is. */
	if (a->column_count != b->column_count || a->value_size != b->value_size ||
	    memcmp(a->reserved_, b->reserved_, sizeof(a->reserved_)) != 0)
		return false;
	for (size_t i = 0; i < a->column_count; i++)
		if (!schema_column_equal(&a->columns[i], &b->columns[i]))
			return false;
	return true;
}

int stele_schema_column(const struct stele_schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->column_count; i++)
		if (strcmp(schema->columns[i].name, name) == 0)
			return (int)i;
	for (size_t i = 0; i < schema->column_count; i++)
		if (schema_had_name(&schema->columns[i], name))
			return (int)i;
	return error_set(ENXIO, "the schema has no column \"%s\"", name);
}

/* Rounds a size up so that an object of any type can follow. */
static size_t schema_align(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

static size_t schema_text_size(const char *text)
{
	return schema_is_empty(text) ? 0 : strlen(text) + 1;
}

/* Sets `*at_aligned` to the bytes that the words and defaults of a copy need, and `*at_text` to the
 * bytes of its texts. */
static void schema_measure(const struct stele_schema *schema, size_t *ret_aligned, size_t *ret_text)
{
	size_t aligned = 0, text = 0;

	for (size_t i = 0; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];

		text += strlen(column->name) + 1 + schema_text_size(column->description) +
		        schema_text_size(column->unit) + schema_text_size(column->former_names);
		aligned += schema_align(column->word_count * sizeof(column->words[0]));
		if (column->default_value)
			aligned += schema_align(type_column_size(column));
		for (size_t j = 0; j < column->word_count; j++)
			text += strlen(column->words[j].name) + 1;
	}
	*ret_aligned = aligned;
	*ret_text = text;
}

static const char *schema_copy_text(const char *text, char **at)
{
	char *copy = *at;

	if (schema_is_empty(text))
		return NULL;
	*at = stpcpy(copy, text) + 1;
	return copy;
}

/* Copies the words and the default of a column to `*aligned`, and its texts to `*text`. */
static void schema_copy_column(struct stele_column *column, char **aligned, char **text)
{
	struct stele_word *words = (struct stele_word *)(void *)*aligned;
	size_t size = column->default_value ? type_column_size(column) : 0;

	column->name = schema_copy_text(column->name, text);
	column->description = schema_copy_text(column->description, text);
	column->unit = schema_copy_text(column->unit, text);
	column->former_names = schema_copy_text(column->former_names, text);
	for (size_t i = 0; i < column->word_count; i++)
		words[i] = (struct stele_word){schema_copy_text(column->words[i].name, text),
		                               column->words[i].value};
	column->words = column->word_count > 0 ? words : NULL;
	*aligned += schema_align(column->word_count * sizeof(*words));
	if (size > 0)
		column->default_value = memcpy(*aligned, column->default_value, size);
	*aligned += schema_align(size);
}

/* Marks a schema that the library allocated: with its address, so that a copy of the struct has no
 * mark of its own, and with a number that no other schema of this process has, so that another
 * schema at the same address has another mark. */
static void schema_mark(struct stele_schema *schema)
{
	static uint64_t count;

	schema->mark_[0] = (uintptr_t)schema;
	/* Only has to be unique, so it orders nothing. */
	schema->mark_[1] = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
}

uint64_t schema_number(const struct stele_schema *schema)
{
	return schema->mark_[0] == (uintptr_t)schema ? schema->mark_[1] : 0;
}

struct stele_schema *stele_schema_copy(const struct stele_schema *schema)
{
	struct {
		struct stele_schema schema;
		struct stele_column columns[];
	} * copy;
	size_t size = schema_align(sizeof(*copy) + schema->column_count * sizeof(copy->columns[0]));
	size_t aligned_size, text_size;
	char *aligned, *text;

	schema_measure(schema, &aligned_size, &text_size);
	copy = malloc(size + aligned_size + text_size);
	if (!copy)
		return NULL;
	copy->schema = *schema;
	copy->schema.columns = copy->columns;
	schema_mark(&copy->schema);
	aligned = (char *)copy + size;
	text = aligned + aligned_size;
	for (size_t i = 0; i < schema->column_count; i++) {
		copy->columns[i] = schema->columns[i];
		schema_copy_column(&copy->columns[i], &aligned, &text);
	}
	return &copy->schema;
}

struct stele_schema *stele_schema_free(struct stele_schema *schema)
{
	free(schema);
	return NULL;
}

size_t schema_key_columns(const struct stele_schema *schema)
{
	size_t count = 0;

	while (count < schema->column_count && schema->columns[count].key)
		count++;
	return count;
}
