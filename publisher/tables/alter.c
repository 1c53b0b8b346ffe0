/* SPDX-License-Identifier: MIT
 *
 * stele_transaction_alter_table(): changes the schema of a table so that programs that were built
 * with the old one read on.
 *
 * Rows of fixed size do not store their size; it comes from the schema. So when columns are
 * appended, all rows are written again, extended by the defaults, into a new trie beside the old
 * one (trie/build.h). The old trie is retired only after the new one is complete, so an error
 * leaves the table unchanged. An alter that appends nothing writes only the schema. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/reading/extension.h"
#include "lib/schema/schema_value.h"
#include "lib/trie/scan.h"
#include "publisher/tables/table.h"
#include "publisher/trie/build.h"
#include "publisher/trie/edit.h"

/* A row of the old trie, extended, in its stored form. */
struct altered_row {
	unsigned char *memory; /* on the heap: the row is at LAYOUT_UNIT, and a guard follows */
	struct row_parts parts;
};

/* An alter in progress. */
struct alter {
	struct stele_writable *table;
	struct stele_schema *schema; /* the new schema */
	struct row_layout layout;    /* of its rows */
	ref_t schema_ref, root;      /* of the new table */
	struct extension extension;
	struct scan *scan;          /* over the old rows */
	unsigned char *value;       /* buffer for an extended value */
	struct altered_row rows[2]; /* the row to build, and the next one, in turn */
};

/* ---- writing the rows again ---- */

/* Reads the next row of the old trie and stores it, extended, to `ret`. Returns 1, 0 after the last
 * row, or -EBADMSG. */
static int alter_read_row(struct alter *alter, struct altered_row *ret)
{
	const struct row_layout *layout = &alter->layout;
	const struct stele_writable *table = alter->table;
	size_t size = alter->extension.wide_size;
	struct row_parts old;
	struct view view;
	int r = scan_next(alter->scan, &old);

	if (r != 1)
		return r;
	extension_extend(&alter->extension, old.value, alter->value);
	edit_store_row(ret->memory + LAYOUT_UNIT, 0, layout,
	               &(struct stele_row_ref){old.key, old.key_bits, alter->value, size});
	view = (struct view){.base = ret->memory,
	                     .start = LAYOUT_UNIT,
	                     .limit = LAYOUT_UNIT + row_size(layout, size, old.key_bits),
	                     .features = table->features};
	return row_parse_ref(&view, layout, 1, &ret->parts) < 0 ? -EBADMSG : 1;
}

/* Returns the number of whole bytes that two keys share. */
static int alter_shared_bytes(const struct row_parts *a, const struct row_parts *b)
{
	unsigned end = (a->key_bits < b->key_bits ? a->key_bits : b->key_bits) / 8, i = 0;

	while (i < end && a->key[i] == b->key[i])
		i++;
	return (int)i;
}

/* Gives build_trie() the next row: a build_row_fn. Checks the order and the number of rows, which
 * differ from those expected only if the data file was truncated meanwhile. */
static int alter_next_row(void *context, size_t index, struct row_parts *ret, int *ret_shared)
{
	struct alter *alter = context;
	struct altered_row *row = &alter->rows[index % 2], *next = &alter->rows[(index + 1) % 2];
	bool last = index + 1 == alter->table->rows;
	int r = 1;

	if (index == 0)
		r = alter_read_row(alter, row);
	if (r == 1)
		r = alter_read_row(alter, next) == (last ? 0 : 1);
	if (r != 1 || (!last && row_compare(&row->parts, &next->parts) >= 0))
		return -EBADMSG;
	*ret = row->parts;
	*ret_shared = last ? -1 : alter_shared_bytes(&row->parts, &next->parts);
	return 0;
}

/* Writes all rows again, extended, into a new trie. Returns 0 or an error; sets no message. */
static int alter_rewrite(struct alter *alter)
{
	struct stele_writable *table = alter->table;
	struct edit *edit = &table->publisher->edit;
	size_t size = LAYOUT_UNIT + LAYOUT_GUARD +
	              row_size(&alter->layout, alter->extension.wide_size, STELE_KEY_MAX * 8);

	alter->scan = malloc(sizeof(*alter->scan));
	alter->value = malloc(alter->extension.wide_size + 1);
	alter->rows[0].memory = malloc(size);
	alter->rows[1].memory = malloc(size);
	if (!alter->scan || !alter->value || !alter->rows[0].memory || !alter->rows[1].memory)
		return -ENOMEM;
	scan_start(alter->scan, &edit->arena->view, &table->layout, table->root);
	return build_trie(edit, &alter->layout, (size_t)table->rows, alter_next_row, alter,
	                  &alter->root);
}

/* ---- the new table ---- */

/* Writes the new schema, and the rows if columns were appended. Returns 0 or an error, after which
 * nothing is left of either. */
static int alter_build(struct alter *alter)
{
	struct stele_writable *table = alter->table;
	struct edit *edit = &table->publisher->edit;
	int r;

	if (retired_reserve(&edit->retired, 2 * (size_t)table->rows + 1) < 0)
		return table_no_memory(table->name);
	r = table_store_schema(table, alter->schema, &alter->schema_ref);
	if (r < 0)
		return r;
	alter->root = table->root;
	if (alter->extension.appends && table->rows > 0)
		r = alter_rewrite(alter);
	if (r == 0 && region_lost(&table->publisher->attachment.region)) {
		/* The new trie can't be walked. No later transaction can begin, so nothing has to
		 * be freed. */
		alter->root = table->root;
		return table_damaged(table);
	}
	if (r == 0)
		return 0;
	object_drop(edit, alter->schema_ref, object_size(edit, NULL, alter->schema_ref));
	return r == -EBADMSG ? table_damaged(table)
	                     : table_change_error(table->publisher, r, table->name);
}

/* Makes the built table the transaction's. Cannot fail. */
static void alter_apply(struct alter *alter)
{
	struct stele_writable *table = alter->table;
	struct edit *edit = &table->publisher->edit;

	if (alter->root != table->root)
		edit_drop_tree(edit, &table->layout, table->root, false);
	object_drop(edit, table->schema_ref, object_size(edit, NULL, table->schema_ref));
	table_set_schema(table, alter->schema);
	alter->schema = NULL;
	table->schema_ref = alter->schema_ref;
	table->root = alter->root;
}

/* ---- the call ---- */

/* Returns true if a column has this name, of `length` bytes, or had it before. */
static bool alter_column_had_name(const struct stele_column *column, const char *name,
                                  size_t length)
{
	const char *former = column->former_names ? column->former_names : "";

	if (strncmp(column->name, name, length) == 0 && column->name[length] == '\0')
		return true;
	while (*former) {
		size_t size = strcspn(former, " ");
		if (size == length && memcmp(former, name, length) == 0)
			return true;
		former += size + strspn(former + size, " ");
	}
	return false;
}

/* Checks that each column keeps the names that programs may know it by. Returns 0 or -EMEDIUMTYPE.
 * */
static int alter_check_names(const struct stele_writable *table, const struct stele_schema *schema)
{
	for (size_t i = 0; i < table->schema->column_count; i++) {
		const struct stele_column *old = &table->schema->columns[i];
		const char *name = old->name, *rest = old->former_names ? old->former_names : "";
		size_t length = strlen(name);

		for (;;) {
			if (!alter_column_had_name(&schema->columns[i], name, length))
				return error_set(
					EMEDIUMTYPE,
					"table \"%s\" cannot be altered: programs know column "
					"\"%s\" as \"%.*s\"; keep this name among its former names",
					table->name, schema->columns[i].name, (int)length, name);
			if (!*rest)
				break;
			name = rest;
			length = strcspn(name, " ");
			rest = name + length + strspn(name + length, " ");
		}
	}
	return 0;
}

/* Checks that the rows get values that may be put. Returns 0 or -EINVAL. */
static int alter_check_defaults(const struct stele_writable *table,
                                const struct stele_schema *schema)
{
	char why[512];

	if (schema_value_check_defaults(schema, table->schema->column_count) == 0)
		return 0;
	snprintf(why, sizeof(why), "%s", stele_last_error());
	return error_set(EINVAL, "table \"%s\" cannot be altered: %s", table->name, why);
}

/* Checks that programs that were built with the present schema can read rows of the new one in
 * place, and that the appended columns have defaults. Returns 1 if the schemas differ, 0 if not, or
 * -EMEDIUMTYPE or -EINVAL. */
static int alter_check(const struct stele_writable *table, const struct stele_schema *schema)
{
	char why[2048];
	int r = stele_schema_compatible(table->schema, schema);

	if (r == STELE_SCHEMA_IN_PLACE) {
		r = alter_check_names(table, schema);
		if (r == 0)
			r = alter_check_defaults(table, schema);
	} else if (r == STELE_SCHEMA_SAME)
		return 0;
	else {
		snprintf(why, sizeof(why), "%s", stele_last_error());
		r = error_set(EMEDIUMTYPE,
		              "table \"%s\" cannot be altered under its readers: %s; drop it and "
		              "create it again",
		              table->name, why);
	}
	return r < 0 ? r : 1;
}

int stele_transaction_alter_table(struct stele_transaction *tx, const char *name,
                                  const struct stele_schema *schema)
{
	struct alter alter = {0};
	int r = stele_writable_open(tx, name, NULL, &alter.table);

	if (r == 0)
		r = tables_check_schema(&alter.table->publisher->attachment.region, name, schema);
	if (r == 0)
		r = alter_check(alter.table, schema);
	if (r <= 0)
		return r;
	if (alter.table->replacing)
		return error_set(EBUSY,
		                 "table \"%s\" is being replaced; end the replacement first "
		                 "(stele_writable_replace_end)",
		                 name);
	alter.schema = stele_schema_copy(schema);
	if (!alter.schema)
		return table_no_memory(name);
	row_layout_of(schema, alter.table->features, &alter.layout);
	r = extension_init(&alter.extension, alter.table->schema, schema);
	if (r == 0)
		r = alter_build(&alter);
	if (r == 0)
		alter_apply(&alter);
	stele_schema_free(alter.schema);
	extension_fini(&alter.extension);
	free(alter.scan);
	free(alter.value);
	free(alter.rows[0].memory);
	free(alter.rows[1].memory);
	return r < 0 ? r : 1;
}
