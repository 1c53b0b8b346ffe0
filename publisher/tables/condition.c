/* SPDX-License-Identifier: MIT
 *
 * Conditions (compare-and-set): changes that are made only if the region, or a row, is at a given
 * version. The transaction holds the region's lock from begin to commit, so a condition that holds
 * when it is checked also holds at the commit. These are public functions. */
#include <errno.h>

#include "lib/base/error.h"
#include "lib/region/position.h"
#include "publisher/state/state.h"

int stele_transaction_expect(struct stele_transaction *tx, const struct stele_position *position)
{
	const struct stele_publisher *publisher = tx->publisher;
	uint64_t version, head = publisher->edit.version - 1;
	int r = publisher_check(publisher);

	if (r == 0)
		r = position_version(&publisher->attachment.region, position, &version);
	if (r < 0 || head == version)
		return r;
	return error_set(EAGAIN,
	                 "region \"%s\" is at version %llu, not at version %llu; check what "
	                 "changed and try again",
	                 publisher->attachment.region.names.region, (unsigned long long)head,
	                 (unsigned long long)version);
}

/* Checks that a row is at a position (version 0: that there is no such row). Returns 0, -EAGAIN if
 * the condition does not hold, or an error of position_version() or of stele_writable_get(). */
static int condition_check_row(struct stele_writable *table, const void *key, unsigned key_bits,
                               const struct stele_position *at)
{
	struct stele_row row;
	uint64_t row_version;
	int r = position_version(&table->publisher->attachment.region, at, &row_version);

	if (r == 0)
		r = stele_writable_get(table, key, key_bits, &row);
	if (r < 0)
		return r;
	if (r == 0 && row_version == 0)
		return 0;
	if (r == 0)
		return error_set(EAGAIN,
		                 "the row in table \"%s\" is not there, but expected at version "
		                 "%llu; read it again and try again",
		                 table->name, (unsigned long long)row_version);
	if (row_version == 0)
		return error_set(EAGAIN,
		                 "the row in table \"%s\" is there, at version %llu, but expected "
		                 "to be absent; read it and try again",
		                 table->name, (unsigned long long)row.version);
	if (row.version == row_version)
		return 0;
	return error_set(EAGAIN,
	                 "the row in table \"%s\" is at version %llu, not at version %llu; read "
	                 "it again and try again",
	                 table->name, (unsigned long long)row.version,
	                 (unsigned long long)row_version);
}

int stele_writable_put_if(struct stele_writable *table, const void *key, unsigned key_bits,
                          const void *value, size_t value_size, const struct stele_position *at)
{
	int r = condition_check_row(table, key, key_bits, at);

	return r < 0 ? r : stele_writable_put(table, key, key_bits, value, value_size);
}

int stele_writable_delete_if(struct stele_writable *table, const void *key, unsigned key_bits,
                             const struct stele_position *at)
{
	int r;

	if (!at || at->version == 0)
		return error_set(EINVAL,
		                 "cannot delete a row of table \"%s\" only if absent (version 0); "
		                 "give the version of the row",
		                 table->name);
	r = condition_check_row(table, key, key_bits, at);
	return r < 0 ? r : stele_writable_delete(table, key, key_bits);
}

int stele_transaction_put_if(struct stele_transaction *tx, const char *name, const void *key,
                             unsigned key_bits, const void *value, size_t value_size,
                             const struct stele_position *at)
{
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, NULL, &table);

	if (r < 0)
		return r;
	return stele_writable_put_if(table, key, key_bits, value, value_size, at);
}

int stele_transaction_delete_if(struct stele_transaction *tx, const char *name, const void *key,
                                unsigned key_bits, const struct stele_position *at)
{
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, NULL, &table);

	return r < 0 ? r : stele_writable_delete_if(table, key, key_bits, at);
}
