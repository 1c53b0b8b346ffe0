/* SPDX-License-Identifier: MIT
 *
 * The stored form of a schema:
 *
 *     struct stored_head
 *     struct stored_column     one for each column
 *     the names of the columns, without separators
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
#include "lib/schema/refuse.h"
#include "lib/schema/type.h"

struct stored_head {
	uint32_t size; /* bytes of the complete stored form */
	uint32_t column_count;
	uint32_t value_size; /* bytes */
	uint32_t names_size; /* bytes of all names */
};

struct stored_column {
	uint8_t type;
	uint8_t key;          /* 0 or 1 */
	uint16_t name_length; /* bytes */
	uint32_t size;        /* bytes; 0 only for variable columns */
	uint32_t offset;      /* bytes */
};

static_assert(sizeof(struct stored_head) == 16 && sizeof(struct stored_column) == 12,
              "SCHEMA_STORED_MAX counts on these sizes");

/* Returns the size of a stored form in bytes, given the number of columns and the size of all
 * names. */
static size_t stored_size(size_t columns, size_t names)
{
	return (sizeof(struct stored_head) + columns * sizeof(struct stored_column) + names + 7) &
	       ~(size_t)7;
}

static_assert(SCHEMA_STORED_MAX % 8 == 0, "the longest stored form is padded too");

size_t schema_store(const struct stele_schema *schema, void *buffer)
{
	uint8_t *records = (uint8_t *)buffer + sizeof(struct stored_head);
	uint8_t *names = records + schema->column_count * sizeof(struct stored_column);
	uint8_t *end = names;
	struct stored_head head = {
		.column_count = (uint32_t)schema->column_count,
		.value_size = (uint32_t)schema->value_size,
	};

	for (size_t i = 0; i < schema->column_count; i++) {
		const struct stele_column *column = &schema->columns[i];
		size_t length = strlen(column->name);
		struct stored_column record = {
			.type = (uint8_t)column->type,
			.key = column->key,
			.name_length = (uint16_t)length,
			.size = type_column_size(column),
			.offset = column->offset,
		};

		memcpy(records + i * sizeof(record), &record, sizeof(record));
		memcpy(end, column->name, length);
		end += length;
	}
	head.names_size = (uint32_t)(end - names);
	head.size = (uint32_t)stored_size(schema->column_count, head.names_size);
	memset(end, 0, head.size - (size_t)(end - (uint8_t *)buffer));
	memcpy(buffer, &head, sizeof(head));
	return head.size;
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
	if (ret->size != size || stored_size(ret->column_count, ret->names_size) != size)
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
	char *name = loading->names + index * (STELE_NAME_MAX + 1);

	if (record->key > 1)
		return stored_damaged("a column is neither key nor value");
	if (!type_find((enum stele_type)record->type))
		return stored_damaged("a column's type is unknown");
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
		.key = record->key != 0,
		.size = record->size,
		.offset = record->offset,
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
	if (name_at != head->names_size)
		return stored_damaged("its names are longer than its columns say");
	for (const char *rest = names + name_at; rest < stored + head->size; rest++)
		if (*rest != 0)
			return stored_damaged("it has data after its end");
	return 0;
}

int schema_load(const void *stored, size_t size, struct stele_schema **ret)
{
	struct stored_head head;
	struct loading loading;
	struct stele_schema schema, *copy;
	int r;

	r = stored_load_head(stored, size, &head);
	if (r == 0)
		r = stored_load_columns(stored, &head, &loading);
	if (r < 0)
		return r;
	schema = (struct stele_schema){
		.columns = loading.columns,
		.column_count = head.column_count,
		.value_size = head.value_size,
	};
	if (stele_schema_check(&schema) < 0) {
		char why[512];

		snprintf(why, sizeof(why), "%s", stele_last_error());
		return stored_damaged(why);
	}
	copy = stele_schema_copy(&schema);
	if (!copy)
		return refuse_schema_memory(NULL);
	*ret = copy;
	return 0;
}
