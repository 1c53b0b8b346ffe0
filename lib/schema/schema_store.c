/* SPDX-License-Identifier: MIT
 *
 * The stored form of a schema:
 *
 *     struct stored_head
 *     struct stored_column     one for each column
 *     the names of the columns, without separators
 *     the attributes of the columns as text (schema_format.h) and a NUL, if a column has any
 *     zeros up to a multiple of 8 bytes
 *
 * Each schema has exactly one stored form, because a size that was left 0 is stored as the size of
 * the type. So equal schemas have equal bytes.
 */
#include "lib/schema/schema_store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/types/refuse.h"
#include "lib/schema/schema_format.h"
#include "lib/schema/schema_parse.h"
#include "lib/types/type.h"

struct stored_head {
	uint32_t size; /* bytes of the complete stored form */
	uint32_t column_count;
	uint32_t value_size; /* bytes */
	uint32_t names_size; /* bytes of all names */
};

struct stored_column {
	uint8_t type;
	uint8_t kind;         /* STORED_KEY, STORED_ARRAY */
	uint16_t name_length; /* bytes */
	uint32_t size;        /* bytes; 0 only for variable columns */
	uint32_t offset;      /* bytes */
};

#define STORED_KEY   1u /* a key column */
#define STORED_ARRAY 2u /* `size` is that of all elements of an array */

static_assert(sizeof(struct stored_head) == 16 && sizeof(struct stored_column) == 12,
              "SCHEMA_STORED_MAX counts on these sizes");

/* Returns the size of a stored form in bytes, given the number of columns and the size of all names
 * and of the attributes. */
static size_t stored_size(size_t columns, size_t texts)
{
	return (sizeof(struct stored_head) + columns * sizeof(struct stored_column) + texts + 7) &
	       ~(size_t)7;
}

static_assert(SCHEMA_STORED_MAX % 8 == 0, "the longest stored form is padded too");

size_t schema_stored_size(const struct stele_schema *schema)
{
	size_t attributes = schema_format_attributes(schema, NULL, 0);
	size_t texts = attributes > 0 ? attributes + 1 : 0;

	for (size_t i = 0; i < schema->column_count; i++)
		texts += strlen(schema->columns[i].name);
	return stored_size(schema->column_count, texts);
}

bool schema_stored_is_plain(const struct stele_schema *schema)
{
	for (size_t i = 0; i < schema->column_count; i++)
		if (schema->columns[i].count > 0)
			return false;
	return schema_format_attributes(schema, NULL, 0) == 0;
}

/* Writes the stored form without attributes and without padding to `buffer`. Sets `ret` to its
 * head, of which `size` is the size of what was written. */
static void stored_write(const struct stele_schema *schema, uint8_t *buffer,
                         struct stored_head *ret)
{
	uint8_t *records = buffer + sizeof(struct stored_head);
	uint8_t *names = records + schema->column_count * sizeof(struct stored_column);
	uint8_t *end = names;

	for (size_t i = 0; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];
		size_t length = strlen(column->name);
		struct stored_column record = {
			.type = (uint8_t)column->type,
			.kind = (uint8_t)((column->key ? STORED_KEY : 0) |
		                          (column->count > 0 ? STORED_ARRAY : 0)),
			.name_length = (uint16_t)length,
			.size = type_column_size(column),
			.offset = column->offset,
		};

		memcpy(records + i * sizeof(record), &record, sizeof(record));
		memcpy(end, column->name, length);
		end += length;
	}
	*ret = (struct stored_head){
		.size = (uint32_t)(end - buffer),
		.column_count = (uint32_t)schema->column_count,
		.value_size = (uint32_t)schema->value_size,
		.names_size = (uint32_t)(end - names),
	};
	memcpy(buffer, ret, sizeof(*ret));
}

size_t schema_store(const struct stele_schema *schema, void *buffer)
{
	size_t size = schema_stored_size(schema);
	struct stored_head head;
	char *end;

	stored_write(schema, buffer, &head);
	end = (char *)buffer + head.size;
	memset(end, 0, size - head.size);
	schema_format_attributes(schema, end, size - head.size);
	head.size = (uint32_t)size;
	memcpy(buffer, &head, sizeof(head));
	return size;
}

/* A schema that is being loaded. `columns` point into `names`, which has STELE_NAME_MAX + 1 bytes
 * for each column. */
struct loading {
	struct stele_column columns[STELE_COLUMNS_MAX];
	char names[STELE_COLUMNS_MAX * (STELE_NAME_MAX + 1)];
};

/* Sets the error message for a damaged stored schema. `how` describes the damage. Returns
 * -EBADMSG. */
static int stored_damaged(const char *how)
{
	return error_set(EBADMSG, "a stored schema is damaged: %s", how);
}

static int stored_load_head(const void *stored, size_t size, struct stored_head *ret)
{
	if (size < sizeof(*ret))
		return stored_damaged("it is shorter than its head");
	memcpy(ret, stored, sizeof(*ret));
	if (ret->column_count > STELE_COLUMNS_MAX)
		return stored_damaged("it has too many columns");
	if (ret->names_size > STELE_COLUMNS_MAX * STELE_NAME_MAX)
		return stored_damaged("its names are too long");
	if (ret->size != size || stored_size(ret->column_count, ret->names_size) > size ||
	    size > SCHEMA_STORED_MAX || size % 8 != 0)
		return stored_damaged("its size does not fit its columns");
	return 0;
}

/* Loads the column number `index`. Its name starts at offset `*name_at` of `names`, which has
 * `names_size` bytes. Advances `*name_at` past the name. Returns 0 or -EBADMSG. */
static int stored_load_column(const struct stored_column *record, const char *names,
                              size_t names_size, size_t *name_at, struct loading *loading,
                              size_t index)
{
	struct stele_column *column = &loading->columns[index];
	const struct type *type = type_find((enum stele_type)record->type);
	char *name = loading->names + index * (STELE_NAME_MAX + 1);

	if (record->kind & ~(STORED_KEY | STORED_ARRAY))
		return stored_damaged("a column is neither key nor value");
	if (!type)
		return stored_damaged("a column's type is unknown");
	if (record->kind & STORED_ARRAY &&
	    (type->size == 0 || record->size % type->size != 0 || record->size == 0))
		return stored_damaged("an array has no whole number of elements");
	if (record->name_length > STELE_NAME_MAX || record->name_length > names_size - *name_at)
		return stored_damaged("a column's name is too long");
	memcpy(name, names + *name_at, record->name_length);
	name[record->name_length] = '\0';
	if (strlen(name) != record->name_length)
		return stored_damaged("a column's name contains a NUL");
	*name_at += record->name_length;
	*column = (struct stele_column){
		.name = name,
		.type = (enum stele_type)record->type,
		.key = (record->kind & STORED_KEY) != 0,
		.size = record->size,
		.offset = record->offset,
		.count = record->kind & STORED_ARRAY ? record->size / type->size : 0,
	};
	if (type_column_size(column) != record->size)
		return stored_damaged("a column's size does not fit its type");
	return 0;
}

static int stored_load_columns(const char *stored, const struct stored_head *head,
                               struct loading *loading)
{
	const char *records = stored + sizeof(*head);
	const char *names = records + head->column_count * sizeof(struct stored_column);
	size_t name_at = 0;

	for (size_t i = 0; i < head->column_count; i++) {
		struct stored_column record;
		int r;

		memcpy(&record, records + i * sizeof(record), sizeof(record));
		r = stored_load_column(&record, names, head->names_size, &name_at, loading, i);
		if (r < 0)
			return r;
	}
	return name_at == head->names_size
	               ? 0
	               : stored_damaged("its names are longer than its columns say");
}

/* Finds the attributes, which follow the names. Sets `*ret` to the text, "" if there is none.
 * Returns 0 or -EBADMSG. */
static int stored_find_attributes(const char *stored, const struct stored_head *head,
                                  const char **ret)
{
	const char *text = stored + sizeof(*head) +
	                   head->column_count * sizeof(struct stored_column) + head->names_size;
	size_t rest = head->size - (size_t)(text - stored), length = strnlen(text, rest);
	size_t used = length > 0 ? length + 1 : 0;

	if (used > rest)
		return stored_damaged("its attributes have no end");
	if (rest - used > 7)
		return stored_damaged("its size does not fit its columns");
	for (size_t i = length; i < rest; i++)
		if (text[i] != 0)
			return stored_damaged("it has data after its end");
	*ret = length > 0 ? text : "";
	return 0;
}

/* Makes a schema of columns and of the text of their attributes. Returns 0, -EINVAL or -ENOMEM. */
static int stored_finish(const struct stele_schema *columns, const char *attributes,
                         struct stele_schema **ret)
{
	int r;

	if (*attributes)
		return schema_parse_attributes(columns, attributes, ret);
	r = stele_schema_check(columns);
	if (r < 0)
		return r;
	*ret = stele_schema_copy(columns);
	return *ret ? 0 : refuse_schema_memory(NULL);
}

int schema_load(const void *stored, size_t size, struct stele_schema **ret)
{
	struct stele_schema columns, *schema = NULL;
	const char *attributes = "";
	struct stored_head head;
	struct loading loading;
	char why[512];
	int r;

	r = stored_load_head(stored, size, &head);
	if (r == 0)
		r = stored_load_columns(stored, &head, &loading);
	if (r == 0)
		r = stored_find_attributes(stored, &head, &attributes);
	if (r < 0)
		return r;
	columns = (struct stele_schema){
		.columns = loading.columns,
		.column_count = head.column_count,
		.value_size = head.value_size,
	};
	r = stored_finish(&columns, attributes, &schema);
	if (r == -EINVAL) {
		snprintf(why, sizeof(why), "%s", stele_last_error());
		return stored_damaged(why);
	}
	if (r == 0)
		*ret = schema;
	return r;
}
