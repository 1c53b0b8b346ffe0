/* SPDX-License-Identifier: MIT
 * Tables of a transaction: which keys they take, replacing them as a whole, and what the publisher
 * remembers of them. */
#include <endian.h>

#include "tests/ipc.h"

TestSuite(unit_table, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* ---- keys ---- */

static const struct stele_column picky_columns[] = {
	STELE_KEY("up", STELE_BOOL),
	STELE_KEY("load", STELE_F64),
	STELE_KEY_CHAR("name", 4),
};
static const struct stele_schema picky_schema = {picky_columns, 3, 0};

static int put_picky(struct stele_transaction *tx, const uint8_t key[13])
{
	return stele_put(tx, "picky", key, 13 * 8, NULL, 0);
}

Test(unit_table, takes_one_key_for_one_value)
{
	static const uint8_t good[13] = {1, 0x80, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 0, 0};
	static const uint8_t bad_bool[13] = {2, 0x80, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 0, 0};
	static const uint8_t nan[13] = {1, 0xff, 0xf8, 0, 0, 0, 0, 0, 0, 'a', 'b', 0, 0};
	static const uint8_t minus[13] = {1,    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff,
	                                  0xff, 0xff, 'a',  'b',  0,    0};
	static const uint8_t tail[13] = {1, 0x80, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 0, 'x'};
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;
	struct stele_row row;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_table_create(tx, "picky", &picky_schema));
	RETURNS(put_picky(tx, good), 1, "");
	RETURNS(put_picky(tx, bad_bool), -EINVAL, "\"up\": the key has 2 where a bool is 0 or 1");
	RETURNS(put_picky(tx, nan), -EINVAL, "\"load\": the key has NaN");
	RETURNS(put_picky(tx, minus), -EINVAL, "\"load\": the key has -0.0");
	RETURNS(put_picky(tx, tail), -EINVAL, "\"name\": the key has bytes after the NUL");
	RETURNS(stele_put_if(tx, "picky", tail, 13 * 8, NULL, 0, 0), -EINVAL, "after the NUL");
	RETURNS(put_picky(tx, good), 0, "");
	/* A key that can't be put is of no row. */
	RETURNS(stele_transaction_get(tx, "picky", tail, 13 * 8, &row), 0, "");
	RETURNS(stele_delete(tx, "picky", tail, 13 * 8), 0, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_publisher_close(publisher);
}
