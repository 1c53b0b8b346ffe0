/* SPDX-License-Identifier: MIT */
#include "tests/support/crash/bank.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>

#include "tests/support/crash/crash.h"
#include "tests/support/random.h"

static const struct stele_column account_columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_VALUE(struct account, amount, STELE_I64),
	STELE_VALUE(struct account, generation, STELE_U64),
};
const struct stele_schema account_schema = STELE_SCHEMA(struct account, account_columns);

static int bank_get(struct stele_transaction *tx, const char *table, uint32_t id,
                    struct account *ret)
{
	uint32_t key = htonl(id);
	struct stele_row row;
	int r = stele_transaction_get(tx, table, NULL, &key, 32, &row);

	if (r == 1)
		memcpy(ret, row.value, sizeof(*ret));
	return r == 1 ? 0 : r == 0 ? -ENXIO : r;
}

int bank_put(struct stele_transaction *tx, const char *table, uint32_t id, int64_t amount,
             uint64_t generation)
{
	struct {
		struct account account;
		char appended[BANK_APPENDED];
	} value = {{amount, generation}, {0}};
	const struct stele_schema *schema;
	uint32_t key = htonl(id);
	int r = stele_transaction_schema(tx, table, &schema);

	if (r == 0)
		r = stele_transaction_put(tx, table, &key, 32, &value, schema->value_size);
	return r < 0 ? r : 0;
}

int bank_alter(struct stele_transaction *tx, const char *table)
{
	const struct stele_schema *schema;
	struct stele_column columns[STELE_COLUMNS_MAX];
	struct stele_schema wide;
	char name[32];
	int r = stele_transaction_schema(tx, table, &schema);

	if (r < 0)
		return r;
	wide = *schema;
	memcpy(columns, schema->columns, schema->column_count * sizeof(columns[0]));
	snprintf(name, sizeof(name), "more%zu", schema->column_count);
	columns[wide.column_count++] = (struct stele_column){
		.name = name,
		.type = STELE_U64,
		.size = 8,
		.offset = (uint32_t)schema->value_size,
	};
	wide.columns = columns;
	wide.value_size += 8;
	r = stele_transaction_alter_table(tx, table, &wide);
	return r < 0 ? r : 0;
}

static int bank_add(struct stele_transaction *tx, const char *table, uint32_t id, int64_t amount,
                    uint64_t generation)
{
	struct account account;
	int r = bank_get(tx, table, id, &account);

	return r < 0 ? r : bank_put(tx, table, id, account.amount + amount, generation);
}

static uint32_t bank_extra(uint64_t version)
{
	return 1000 + (uint32_t)(version & 0xfffff);
}

static int bank_make(struct stele_transaction *tx)
{
	static const char *const tables[] = {"left", "right"};
	int r = 0;

	for (unsigned t = 0; t < 2 && r == 0; t++) {
		r = stele_transaction_create_table(tx, tables[t], &account_schema);
		for (uint32_t i = 0; i < BANK_ACCOUNTS && r == 0; i++)
			r = bank_put(tx, tables[t], i, 1000, 1);
	}
	return r;
}

int bank_change(struct stele_transaction *tx, uint64_t g, uint64_t *random)
{
	static const char *const tables[] = {"left", "right"};
	uint32_t key;
	int r = g == 1 ? bank_make(tx) : 0;

	for (unsigned t = 0; t < 2 && r == 0; t++) {
		int64_t amount = (int64_t)(random_from(random) % 9) + 1;
		r = bank_add(tx, tables[random_from(random) % 2],
		             (uint32_t)(random_from(random) % BANK_ACCOUNTS), amount, g);
		if (r == 0)
			r = bank_add(tx, tables[random_from(random) % 2],
			             (uint32_t)(random_from(random) % BANK_ACCOUNTS), -amount, g);
		if (r == 0)
			r = bank_put(tx, tables[t], BANK_CLOCK, 0, g);
		if (r == 0)
			r = bank_put(tx, tables[t], bank_extra(g), 0, g);
		if (r == 0 && g > BANK_EXTRAS) {
			key = htonl(bank_extra(g - BANK_EXTRAS));
			r = stele_transaction_delete(tx, tables[t], &key, 32) == 1 ? 0 : -EIO;
		}
	}
	if (r == 0 && g > 1 && BANK_ODD(g - 1) && !BANK_ODD(g))
		r = stele_transaction_drop_table(tx, "odd");
	if (r == 0 && BANK_ODD(g) && !BANK_ODD(g - 1))
		r = stele_transaction_create_table(tx, "odd", &account_schema);
	if (r == 0 && BANK_ODD(g))
		r = bank_put(tx, "odd", (uint32_t)(g % 16), 0, g);
	return r;
}

int64_t bank_commit(struct stele_publisher *publisher, uint64_t *random)
{
	struct stele_transaction *tx;
	uint64_t version = 0;
	int r = stele_transaction_begin(publisher, &tx);

	if (r < 0)
		return r;
	r = bank_change(tx, stele_publisher_version(publisher) + 1, random);
	if (r < 0) {
		stele_transaction_abort(tx);
		return r;
	}
	r = stele_transaction_commit(tx, "bank", &version);
	return r < 0 ? r : r == 0 ? -EIO : (int64_t)version;
}

void bank_run(struct stele_publisher *publisher, uint64_t until, uint64_t *random)
{
	while (stele_publisher_version(publisher) < until) {
		int64_t r = bank_commit(publisher, random);
		cr_assert(r > 0, "commit after version %llu: %s",
		          (unsigned long long)stele_publisher_version(publisher),
		          stele_last_error());
	}
}

/* Checks one table of the bank. Returns 0; 1 and the reason if the table is inconsistent; or the
 * library's error. */
static int bank_check_table(const struct stele_snapshot *snapshot, const char *name, int64_t *sum,
                            char *why)
{
	uint64_t version = stele_snapshot_version(snapshot), last = 0;
	uint64_t extras = version < BANK_EXTRAS ? version : BANK_EXTRAS, rows = 0, found = 0;
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	struct account account;
	int r = stele_table_open(snapshot, name, &account_schema, &table);

	if (r == 0)
		r = stele_cursor_open(&table, &cursor);
	if (r < 0)
		return r;
	while ((r = stele_cursor_next(cursor, &row)) == 1) {
		uint32_t id;
		memcpy(&id, row.key, 4);
		memcpy(&account, row.value, sizeof(account));
		r = stele_snapshot_check(snapshot);
		if (r < 0)
			break;
		id = ntohl(id);
		if (rows++ > 0 && id <= last)
			r = bank_wrong("%s: row %u after row %llu", name, id,
			               (unsigned long long)last);
		else if (account.generation > version || row.version > version)
			r = bank_wrong("%s: row %u is of version %llu", name, id,
			               (unsigned long long)account.generation);
		else if (id == BANK_CLOCK && account.generation != version)
			r = bank_wrong("%s: the clock says %llu", name,
			               (unsigned long long)account.generation);
		else if (id >= 1000 && id != BANK_CLOCK &&
		         (account.generation + extras <= version ||
		          id != bank_extra(account.generation)))
			r = bank_wrong("%s: extra row %u of %llu", name, id,
			               (unsigned long long)account.generation);
		if (r != 0)
			break;
		last = id;
		found += id >= 1000 && id != BANK_CLOCK;
		*sum += account.amount;
	}
	stele_cursor_close(cursor);
	if (r != 0)
		return r;
	if (rows != stele_table_rows(&table) || rows != BANK_ACCOUNTS + extras + 1 ||
	    found != extras)
		return bank_wrong("%s: %llu rows, %llu of them extra", name,
		                  (unsigned long long)rows, (unsigned long long)found);
	return 0;
}

static int bank_check_odd(const struct stele_snapshot *snapshot, char *why)
{
	uint64_t version = stele_snapshot_version(snapshot);
	struct stele_table table;
	int r = stele_table_open(snapshot, "odd", &account_schema, &table);

	if (r == -ENXIO)
		return BANK_ODD(version) ? bank_wrong("there is no table odd") : 0;
	if (r < 0)
		return r;
	if (!BANK_ODD(version))
		return bank_wrong("there is a table odd");
	for (uint64_t i = 8; i <= version % 16; i++) {
		uint32_t key = htonl((uint32_t)i);
		struct stele_row row;
		r = stele_table_get(&table, &key, 32, &row);
		if (r != 1)
			return r < 0 ? r : bank_wrong("odd has no row %llu", (unsigned long long)i);
	}
	if (stele_table_rows(&table) != version % 16 - 7)
		return bank_wrong("odd has %llu rows",
		                  (unsigned long long)stele_table_rows(&table));
	return 0;
}

int bank_check(const struct stele_snapshot *snapshot, char *why)
{
	char name[STELE_NAME_MAX + 1] = "";
	int64_t sum = 0;
	unsigned tables = 0;
	int r;

	why[0] = '\0';
	if (stele_snapshot_version(snapshot) == 0)
		return stele_snapshot_next_table(snapshot, name) == 0
		               ? 0
		               : bank_wrong("version 0 has tables");
	r = bank_check_table(snapshot, "left", &sum, why);
	if (r == 0)
		r = bank_check_table(snapshot, "right", &sum, why);
	if (r == 0)
		r = bank_check_odd(snapshot, why);
	if (r != 0)
		return r;
	if (sum != BANK_SUM)
		return bank_wrong("the amounts add up to %lld", (long long)sum);
	while ((r = stele_snapshot_next_table(snapshot, name)) == 1)
		if (++tables > 4)
			return bank_wrong("too many tables");
	return r;
}

uint64_t bank_assert_whole(const char *region, uint64_t version, const char *when)
{
	struct stele_subscriber *subscriber = crash_subscriber(region, false);
	struct stele_snapshot *snapshot;
	char why[200];
	int r = stele_snapshot_open(subscriber, version, &snapshot);

	cr_assert_eq(r, 0, "%s: %s", when, stele_last_error());
	r = bank_check(snapshot, why);
	cr_assert_eq(r, 0, "%s: version %llu: %s", when,
	             (unsigned long long)stele_snapshot_version(snapshot),
	             r > 0 ? why : stele_last_error());
	version = stele_snapshot_version(snapshot);
	stele_subscriber_close(subscriber);
	return version;
}

void bank_create(const char *region, uint64_t versions)
{
	struct stele_publisher *publisher = crash_publisher(region, 2, 1 << 22);
	uint64_t random = 99;

	bank_run(publisher, versions, &random);
	stele_publisher_close(publisher);
}
