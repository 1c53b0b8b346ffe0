/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/index_kind.h"

#include <arpa/inet.h>

#include "tests/support/ipc/ipc.h"

#define ITEM_COLUMNS \
	STELE_VALUE(struct item, number, STELE_U32), STELE_VALUE(struct item, id, STELE_U64)

static const struct stele_column columns_text[] = {STELE_KEY("name", STELE_TEXT), ITEM_COLUMNS};
static const struct stele_schema schema_text = STELE_SCHEMA(struct item, columns_text);
static const struct stele_column columns_net[] = {STELE_KEY("prefix", STELE_IPV4NET), ITEM_COLUMNS};
static const struct stele_schema schema_net = STELE_SCHEMA(struct item, columns_net);

/* ---- shared by all kinds ---- */

struct stele_publisher *index_publish(const struct index_kind *kind, uint32_t history,
                                      size_t maximum_size)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE_NEW,
		.history = history,
		.maximum_size = maximum_size,
	};
	struct stele_publisher *publisher = ipc_attach(region, &options);

	ipc_create_table(publisher, "items", kind->schema);
	return publisher;
}

void index_put(const struct index_kind *kind, struct stele_transaction *tx, unsigned id,
               uint32_t number)
{
	struct item item = {number, id};
	unsigned char key[32];
	unsigned bits = kind->key(id, key);

	OK(stele_transaction_put(tx, "items", key, bits, &item, sizeof(item)));
}

void index_commit(const struct index_kind *kind, struct stele_publisher *publisher, unsigned id,
                  uint32_t number)
{
	struct stele_transaction *tx;
	unsigned char key[32];
	unsigned bits = kind->key((id + 1) % ITEM_ROWS, key);

	OK(stele_transaction_begin(publisher, &tx));
	if (id % 2)
		OK(stele_transaction_delete(tx, "items", key, bits));
	index_put(kind, tx, id % ITEM_ROWS, number);
	index_put(kind, tx, 0, number);
	OK(stele_transaction_commit(tx, NULL, NULL));
}

struct stele_snapshot *index_newest(struct stele_subscriber *subscriber, struct stele_table *ret)
{
	return ipc_newest_table(subscriber, "items", ret);
}

uint32_t index_number(const struct index_kind *kind, const struct index_answer *answer)
{
	return kind->column ? answer->number : ((const struct item *)answer->row.value)->number;
}

void index_check_answer(const struct index_kind *kind, unsigned id,
                        const struct index_answer *answer, const struct stele_row *row)
{
	if (kind->column)
		CHECK(answer->number == ((const struct item *)row->value)->number,
		      "%u is answered with %u", id, answer->number);
	else
		CHECK(answer->row.value == row->value && answer->row.key == row->key &&
		              answer->row.version == row->version,
		      "%u: another row", id);
}

void index_compare(const struct index_kind *kind, const void *index,
                   const struct stele_table *table, unsigned count)
{
	unsigned many = count < ITEM_ROWS ? count : ITEM_ROWS;
	struct index_answer answers[ITEM_ROWS] = {0};

	OK(kind->find_many(index, many, answers));
	for (unsigned id = 0; id < count; id++) {
		struct index_answer answer;
		struct stele_row row;
		int r = kind->find_in_table(table, id, &row);
		OK(r);
		RETURNS(kind->find(index, id, &answer), r, "");
		if (r == 1)
			index_check_answer(kind, id, &answer, &row);
		if (r == 1 && id < many)
			index_check_answer(kind, id, &answers[id], &row);
		if (r == 0 && id < many)
			CHECK(answers[id].row.key == NULL, "%u: a row that is not there", id);
	}
}

/* ---- hash indexes ---- */

static unsigned hash_key(unsigned id, void *key)
{
	return (unsigned)snprintf(key, 32, "/some/name/%u", id) * 8;
}

static int hash_find_in_table(const struct stele_table *table, unsigned id, struct stele_row *ret)
{
	char name[32];
	unsigned bits = hash_key(id, name);

	return stele_table_get(table, name, bits, ret);
}

static int hash_open(const struct stele_table *table, void **ret)
{
	struct stele_hash *hash = NULL;
	int r = stele_hash_open(table, &hash);

	*ret = hash;
	return r;
}

static int hash_move(void *index, const struct stele_table *table)
{
	return stele_hash_move(index, table);
}

static void hash_close(void *index)
{
	cr_expect_null(stele_hash_close(index));
}

static uint64_t hash_version(const void *index)
{
	return stele_hash_version(index);
}

static int hash_find(const void *index, unsigned id, struct index_answer *ret)
{
	char name[32];
	unsigned bits = hash_key(id, name);

	return stele_hash_get(index, name, bits, &ret->row);
}

static int64_t hash_find_many(const void *index, unsigned count, struct index_answer *ret)
{
	struct stele_key_ref keys[ITEM_ROWS] = {0};
	struct stele_row rows[ITEM_ROWS];
	char names[ITEM_ROWS][32];
	int64_t found;

	for (unsigned i = 0; i < count; i++) {
		keys[i].bits = hash_key(i, names[i]);
		keys[i].data = names[i];
	}
	memset(rows, 1, sizeof(rows));
	found = stele_hash_get_many(index, keys, count, rows);
	for (unsigned i = 0; i < count && found >= 0; i++)
		ret[i].row = rows[i];
	return found;
}

static void hash_check_refused(const void *index, int error, const char *part)
{
	const struct stele_key_ref keys[2] = {{"/some/name/0", 96}, {"/nothing", 64}};
	struct index_answer answer = {.row.version = 5};
	struct stele_row rows[2];

	RETURNS(hash_find(index, 0, &answer), error, part);
	RETURNS(hash_find(index, ITEM_ROWS + 5, &answer), error, part);
	CHECK(answer.row.version == 5, "an output was written on failure");
	RETURNS(stele_hash_get_many(index, keys, 2, rows), error, part);
}

const struct index_kind index_kind_hash = {
	.schema = &schema_text,
	.key = hash_key,
	.find_in_table = hash_find_in_table,
	.open = hash_open,
	.move = hash_move,
	.close = hash_close,
	.version = hash_version,
	.find = hash_find,
	.find_many = hash_find_many,
	.check_refused = hash_check_refused,
};

/* ---- prefix indexes ---- */

/* Returns an address that the prefix of an id matches. */
static uint32_t prefix_address(unsigned id)
{
	return htonl(id < ITEM_ROWS ? UINT32_C(0x0a0100c8) | id << 8 : (uint32_t)ipc_mix(id));
}

/* Makes the prefix of an id. Id 0 is 10.0.0.0/8, which matches if the prefix of another id,
 * 10.1.ID.0/24, is absent. Ids from ITEM_ROWS on are prefixes of all lengths, anywhere; a few pairs
 * of them are equal. */
static unsigned prefix_key(unsigned id, void *key)
{
	unsigned bits = id == 0 ? 8 : id < ITEM_ROWS ? 24 : 9 + id % 24;
	uint32_t address = prefix_address(id) & htonl(UINT32_MAX << (32 - bits));

	memcpy(key, &address, sizeof(address));
	return bits;
}

static int prefix_find_in_table(const struct stele_table *table, unsigned id, struct stele_row *ret)
{
	uint32_t address = prefix_address(id);

	return stele_table_match(table, &address, 32, ret);
}

static int prefix_open_column(const struct stele_table *table, void **ret)
{
	struct stele_lpm *index = NULL;
	int r = stele_lpm_open(table, "number", 0, &index);

	*ret = index;
	return r;
}

static int prefix_open_rows(const struct stele_table *table, void **ret)
{
	struct stele_lpm *index = NULL;
	int r = stele_lpm_open(table, NULL, 0, &index);

	*ret = index;
	return r;
}

static int prefix_move(void *index, const struct stele_table *table)
{
	return stele_lpm_move(index, table);
}

static void prefix_close(void *index)
{
	cr_expect_null(stele_lpm_close(index));
}

static uint64_t prefix_version(const void *index)
{
	return stele_lpm_version(index);
}

static int prefix_find(const void *index, unsigned id, struct index_answer *ret)
{
	uint32_t address = prefix_address(id);

	return stele_lpm_match(index, &address, &ret->number);
}

static int prefix_find_row(const void *index, unsigned id, struct index_answer *ret)
{
	int r = prefix_find(index, id, ret);

	return r == 1 ? stele_lpm_row(index, ret->number, &ret->row) : r;
}

static int64_t prefix_find_many(const void *index, unsigned count, struct index_answer *ret)
{
	uint32_t addresses[ITEM_ROWS] = {0}, answers[ITEM_ROWS];
	int r;

	for (unsigned i = 0; i < count; i++)
		addresses[i] = prefix_address(i);
	r = stele_lpm_match_many(index, addresses, count, answers);
	for (unsigned i = 0; i < count && r >= 0; i++)
		ret[i].number = answers[i];
	return r;
}

static int64_t prefix_find_many_rows(const void *index, unsigned count, struct index_answer *ret)
{
	int64_t r = prefix_find_many(index, count, ret);

	for (unsigned i = 0; i < count && r >= 0; i++) {
		int found = stele_lpm_row(index, ret[i].number, &ret[i].row);
		r = found < 0 ? found : r;
	}
	return r;
}

static void prefix_check_refused(const void *index, int error, const char *part)
{
	uint32_t answer = 5, many[2] = {5, 5};

	RETURNS(stele_lpm_match(index, "\12\1\1\1", &answer), error, part);
	CHECK(answer == 5, "an output was written on failure");
	RETURNS(stele_lpm_match_many(index, "\12\1\1\1\12\1\1\2", 2, many), error, part);
}

static void prefix_check_refused_rows(const void *index, int error, const char *part)
{
	struct stele_row row;

	prefix_check_refused(index, error, part);
	RETURNS(stele_lpm_row(index, 1, &row), error, part);
}

const struct index_kind index_kind_column = {
	.schema = &schema_net,
	.column = true,
	.key = prefix_key,
	.find_in_table = prefix_find_in_table,
	.open = prefix_open_column,
	.move = prefix_move,
	.close = prefix_close,
	.version = prefix_version,
	.find = prefix_find,
	.find_many = prefix_find_many,
	.check_refused = prefix_check_refused,
};

const struct index_kind index_kind_rows = {
	.schema = &schema_net,
	.key = prefix_key,
	.find_in_table = prefix_find_in_table,
	.open = prefix_open_rows,
	.move = prefix_move,
	.close = prefix_close,
	.version = prefix_version,
	.find = prefix_find_row,
	.find_many = prefix_find_many_rows,
	.check_refused = prefix_check_refused_rows,
};
