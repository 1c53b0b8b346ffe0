/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/heap.h"
#include "tools/mirror/etcd_region.h"
#include "tools/mirror/etcd_row.h"

static const struct stele_word etcd_state_words[] = {{"current", ETCD_CURRENT},
                                                     {"stale", ETCD_STALE}};

static const struct stele_column etcd_status_columns[] = {
	STELE_KEY("row", STELE_U8),
	STELE_VALUE_ENUM(struct etcd_status, state, STELE_U32, etcd_state_words),
	STELE_VALUE(struct etcd_status, rejects, STELE_U32),
	STELE_VALUE(struct etcd_status, since, STELE_TIME),
	STELE_VALUE(struct etcd_status, cluster, STELE_U64),
	STELE_VALUE(struct etcd_status, revision, STELE_I64),
	STELE_VALUE(struct etcd_status, digest, STELE_U64),
	STELE_VALUE(struct etcd_status, keys, STELE_I64),
	STELE_VALUE(struct etcd_status, source, STELE_CHAR),
	STELE_VALUE(struct etcd_status, why, STELE_CHAR),
};
static const struct stele_schema etcd_status_schema =
	STELE_SCHEMA(struct etcd_status, etcd_status_columns);

/* The value of a row of mirror_rejects, whose key is that of etcd without the prefix. */
struct etcd_reject {
	int64_t revision; /* that last changed the key */
	char reason[];
};

static const struct stele_column etcd_rejects_columns[] = {
	STELE_KEY("key", STELE_TEXT),
	STELE_VALUE(struct etcd_reject, revision, STELE_I64),
	STELE_VALUE_VARIABLE(struct etcd_reject, reason, STELE_TEXT),
};
static const struct stele_schema etcd_rejects_schema =
	STELE_SCHEMA_VARIABLE(struct etcd_reject, reason, etcd_rejects_columns);

static const uint8_t etcd_status_key[1] = {0};

/* ---- opening ---- */

int etcd_region_open(struct etcd_region *region, const char *path,
                     const struct stele_publisher_options *options)
{
	struct stele_row row;
	int result;

	*region = (struct etcd_region){0};
	snprintf(region->path, sizeof(region->path), "%s", path);
	result = stele_publisher_open(path, options, &region->publisher);
	if (result == 0)
		result = stele_transaction_begin(region->publisher, &region->tx);
	if (result < 0)
		return result;
	if (stele_transaction_get(region->tx, ETCD_STATUS_TABLE, &etcd_status_schema,
	                          etcd_status_key, 8, &row) == 1) {
		memcpy(&region->status, row.value, sizeof(region->status));
		region->committed = region->status;
		region->untouched = row.version == stele_publisher_version(region->publisher);
	}
	etcd_region_abort(region);
	return 0;
}

void etcd_region_close(struct etcd_region *region)
{
	etcd_region_abort(region);
	if (region->publisher)
		stele_publisher_close(region->publisher);
	text_free(&region->text);
	text_free(&region->value);
	free(region->tables);
	*region = (struct etcd_region){0};
}

bool etcd_region_can_resume(const struct etcd_region *region, const char *source)
{
	return region->untouched && region->status.revision > 0 &&
	       strncmp(region->status.source, source, sizeof(region->status.source)) == 0;
}

bool etcd_region_source(struct stele_subscriber *subscriber, char *source, size_t size)
{
	struct etcd_status status;
	size_t length = sizeof(status);

	if (stele_subscriber_get_copy(subscriber, ETCD_STATUS_TABLE, &etcd_status_schema,
	                              etcd_status_key, 8, &status, &length, NULL) != 1)
		return false;
	snprintf(source, size, "%.*s", (int)sizeof(status.source), status.source);
	return true;
}

/* ---- transactions ---- */

/* Returns the table of this name in the list, or NULL. */
static struct etcd_table *etcd_region_find(struct etcd_region *region, const char *name)
{
	for (size_t i = 0; i < region->table_count; i++)
		if (strcmp(region->tables[i].name, name) == 0)
			return &region->tables[i];
	return NULL;
}

static struct etcd_table *etcd_region_add(struct etcd_region *region, const char *name)
{
	struct etcd_table *table;

	region->tables = heap_realloc(region->tables, (region->table_count + 1) * sizeof(*table));
	table = &region->tables[region->table_count++];
	*table = (struct etcd_table){0};
	snprintf(table->name, sizeof(table->name), "%s", name);
	return table;
}

static bool etcd_region_is_own(const char *name)
{
	return strcmp(name, ETCD_STATUS_TABLE) == 0 || strcmp(name, ETCD_REJECTS_TABLE) == 0;
}

/* Lists the tables that the region has before a whole transaction. */
static int etcd_region_list(struct etcd_region *region)
{
	const struct stele_subscriber_options options = {.size = sizeof(options),
	                                                 .flags = STELE_UNREGISTERED};
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot = NULL;
	char name[STELE_NAME_MAX + 1] = "";
	int result;

	if (stele_publisher_version(region->publisher) == 0)
		return 0;
	result = stele_subscriber_open(region->path, &options, &subscriber);
	if (result < 0)
		return result;
	result = stele_snapshot_open(subscriber, 0, &snapshot);
	while (result >= 0 && (result = stele_snapshot_next_table(snapshot, name)) == 1)
		if (!etcd_region_is_own(name))
			etcd_region_add(region, name);
	if (snapshot)
		stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	return result;
}

int etcd_region_begin(struct etcd_region *region, bool whole)
{
	int result;

	etcd_region_abort(region);
	region->whole = whole;
	region->status = region->committed;
	result = whole ? etcd_region_list(region) : 0;
	if (result == 0)
		result = stele_transaction_begin(region->publisher, &region->tx);
	if (result == 0)
		result = stele_transaction_ensure_table(region->tx, ETCD_STATUS_TABLE,
		                                        &etcd_status_schema);
	if (result >= 0)
		result = stele_transaction_ensure_table(region->tx, ETCD_REJECTS_TABLE,
		                                        &etcd_rejects_schema);
	if (result >= 0)
		result =
			stele_writable_open(region->tx, ETCD_REJECTS_TABLE, NULL, &region->rejects);
	if (result == 0 && whole) {
		region->status.rejects = 0;
		result = stele_writable_replace(region->rejects);
	}
	return result < 0 ? result : 0;
}

void etcd_region_abort(struct etcd_region *region)
{
	if (region->tx)
		region->tx = stele_transaction_abort(region->tx);
	region->table_count = 0;
	region->rejects = NULL;
}

/* Ends the replacement of each table, and drops the tables that were not named. */
static int etcd_region_end_whole(struct etcd_region *region)
{
	int64_t result = stele_writable_replace_end(region->rejects);

	for (size_t i = 0; result >= 0 && i < region->table_count; i++) {
		struct etcd_table *table = &region->tables[i];

		if (table->writable)
			result = stele_writable_replace_end(table->writable);
		else
			result = stele_transaction_drop_table(region->tx, table->name);
	}
	return result < 0 ? (int)result : 0;
}

int etcd_region_commit(struct etcd_region *region, const char *message)
{
	int result = region->whole ? etcd_region_end_whole(region) : 0;

	if (result == 0)
		result = stele_transaction_put(region->tx, ETCD_STATUS_TABLE, etcd_status_key, 8,
		                               &region->status, sizeof(region->status));
	if (result >= 0) {
		result = stele_transaction_commit(region->tx, message, NULL);
		region->tx = NULL;
	}
	if (result >= 0)
		region->committed = region->status;
	etcd_region_abort(region);
	return result;
}

/* ---- refused keys ---- */

/* Appends the key of a row of mirror_rejects: a long one is cut, and ends in a checksum. */
static void etcd_region_reject_key(struct etcd_region *region, const char *name, size_t length)
{
	uint64_t sum = 14695981039346656037u;
	char end[20];

	region->text.length = 0;
	if (length <= STELE_KEY_MAX) {
		text_append(&region->text, name, length);
		return;
	}
	for (size_t i = 0; i < length; i++)
		sum = (sum ^ (unsigned char)name[i]) * 1099511628211u;
	snprintf(end, sizeof(end), "~%016llx", (unsigned long long)sum);
	text_append(&region->text, name, STELE_KEY_MAX - strlen(end));
	text_append_string(&region->text, end);
}

/* Forgets that a key was refused. */
static int etcd_region_unreject(struct etcd_region *region, const char *name, size_t length)
{
	int result;

	if (region->whole || region->status.rejects == 0)
		return 0;
	etcd_region_reject_key(region, name, length);
	result = stele_writable_delete(region->rejects, region->text.bytes,
	                               (unsigned)region->text.length * 8);
	region->status.rejects -= result == 1;
	return result;
}

static int etcd_region_reject(struct etcd_region *region, const struct etcd_kv *kv,
                              const char *name, size_t length, const char *reason)
{
	size_t size = strlen(reason);
	struct etcd_reject *reject;
	int result;

	etcd_region_reject_key(region, name, length);
	region->value.length = 0;
	text_reserve(&region->value, sizeof(*reject) + size);
	memcpy(region->value.bytes, &kv->mod_revision, sizeof(reject->revision));
	memcpy(region->value.bytes + sizeof(*reject), reason, size);
	result = stele_writable_put(region->rejects, region->text.bytes,
	                            (unsigned)region->text.length * 8, region->value.bytes,
	                            sizeof(*reject) + size);
	/* In a whole transaction a row that stays as it was counts, too. */
	region->status.rejects += result == 1 || (result == 0 && region->whole);
	return result < 0 ? result : 0;
}

/* ---- schemas and rows ---- */

/* Gives a table the schema: creates or alters it, or, if its rows could not be read on, drops and
 * creates it. All its rows follow. */
static int etcd_region_give_schema(struct etcd_region *region, const char *name,
                                   const struct stele_schema *schema)
{
	const struct stele_schema *present;
	int result = stele_transaction_schema(region->tx, name, &present);

	if (result == 0 && !stele_schema_equal(present, schema) &&
	    stele_transaction_alter_table(region->tx, name, schema) < 0) {
		result = stele_transaction_drop_table(region->tx, name);
		result = result == 0 ? -ENXIO : result;
	}
	if (result == -ENXIO)
		result = stele_transaction_create_table(region->tx, name, schema);
	return result;
}

static int etcd_region_open_table(struct etcd_region *region, struct etcd_table *table)
{
	int result = stele_transaction_schema(region->tx, table->name, &table->schema);

	if (result == 0)
		result = stele_writable_open(region->tx, table->name, NULL, &table->writable);
	return result;
}

int etcd_region_define(struct etcd_region *region, const struct etcd_key *key,
                       const struct etcd_kv *kv, const char *name, size_t name_length)
{
	char declared[STELE_NAME_MAX + 1];
	struct stele_schema *schema;
	struct etcd_table *table;
	int result;

	if (etcd_region_is_own(key->table))
		return etcd_region_reject(region, kv, name, name_length,
		                          "this table is the mirror's own");
	region->text.length = 0;
	text_append(&region->text, kv->value, kv->value_length);
	text_append(&region->text, "", 1);
	result = memchr(kv->value, '\0', kv->value_length)
	                 ? -EINVAL
	                 : stele_schema_parse(region->text.bytes, declared, &schema);
	if (result == -EINVAL)
		return etcd_region_reject(region, kv, name, name_length, stele_last_error());
	if (result < 0)
		return result;
	if (strcmp(declared, key->table) != 0) {
		result = etcd_region_reject(region, kv, name, name_length,
		                            "the declaration is of a table of another name");
	} else {
		table = etcd_region_find(region, key->table);
		table = table ? table : etcd_region_add(region, key->table);
		result = etcd_region_give_schema(region, key->table, schema);
		if (result >= 0)
			result = etcd_region_open_table(region, table);
		if (result >= 0)
			result = stele_writable_replace(table->writable);
	}
	stele_schema_free(schema);
	return result;
}

/* Finds the table of a row. Sets `*ret` to NULL if there is none. */
static int etcd_region_table(struct etcd_region *region, const char *name, struct etcd_table **ret)
{
	struct etcd_table *table = etcd_region_find(region, name);
	int result = 0;

	if (!table && !region->whole && !etcd_region_is_own(name)) {
		table = etcd_region_add(region, name);
		result = etcd_region_open_table(region, table);
	}
	*ret = table && table->writable ? table : NULL;
	return result == -ENXIO ? 0 : result;
}

static int etcd_region_put(struct etcd_region *region, struct etcd_table *table,
                           const struct etcd_key *key, const struct etcd_kv *kv, const char *name,
                           size_t name_length)
{
	char reason[512];
	struct stele_key row;
	size_t size;
	int result;

	if (!table)
		return etcd_region_reject(region, kv, name, name_length,
		                          "there is no schema of this table");
	result = etcd_row_parse(table->schema, key, kv, &region->text, &row, &region->value, &size,
	                        reason, sizeof(reason));
	if (result == 0)
		result = stele_writable_put(table->writable, row.bytes, row.bits,
		                            region->value.bytes, size);
	if (result == -EINVAL)
		snprintf(reason, sizeof(reason), "%s", stele_last_error());
	if (result != -EINVAL && result != -EBADMSG)
		return result;
	result = etcd_region_reject(region, kv, name, name_length, reason);
	if (result == 0 && !region->whole &&
	    etcd_row_parse_key(table->schema, key, &region->text, &row))
		result = stele_writable_delete(table->writable, row.bytes, row.bits);
	return result;
}

int etcd_region_change(struct etcd_region *region, const struct etcd_key *key,
                       const struct etcd_kv *kv, const char *name, size_t name_length)
{
	int result = etcd_region_unreject(region, name, name_length);
	struct etcd_table *table = NULL;
	struct stele_key row;

	if (result >= 0)
		result = etcd_region_table(region, key->table, &table);
	if (result < 0)
		return result;
	if (!kv->deleted)
		return etcd_region_put(region, table, key, kv, name, name_length);
	if (!table || !etcd_row_parse_key(table->schema, key, &region->text, &row))
		return 0;
	return stele_writable_delete(table->writable, row.bytes, row.bits);
}
