/* SPDX-License-Identifier: MIT
 *
 * What most publishers do, made of the calls for transactions: stele_publisher_update() and
 * stele_transaction_ensure_table(). */
#include <errno.h>
#include <stele/publisher.h>

#include "lib/base/error.h"

/* How often an update runs whose body returns -EAGAIN. */
#define UPDATE_TRIES 16

int stele_publisher_update(struct stele_publisher *publisher,
                           int (*body)(struct stele_transaction *tx, void *userdata),
                           void *userdata, const char *message, uint64_t *ret_version)
{
	struct stele_transaction *tx;
	int r = -EAGAIN;

	for (int tries = 0; r == -EAGAIN && tries < UPDATE_TRIES; tries++) {
		r = stele_transaction_begin(publisher, &tx);
		if (r < 0)
			return r;
		r = body(tx, userdata);
		if (r >= 0)
			return stele_transaction_commit(tx, message, ret_version);
		stele_transaction_abort(tx);
	}
	return r;
}

/* Sets the error message for a table that is there with another schema. Returns -EMEDIUMTYPE. */
static int update_refuse_table(const char *table, const struct stele_schema *there,
                               const struct stele_schema *schema)
{
	char have[512], want[512];

	stele_schema_format(there, have, sizeof(have));
	stele_schema_format(schema, want, sizeof(want));
	return error_set(
		EMEDIUMTYPE,
		"there is a table \"%s\" already, with another schema: it is (%s), not (%s)", table,
		have, want);
}

int stele_transaction_ensure_table(struct stele_transaction *tx, const char *table,
                                   const struct stele_schema *schema)
{
	const struct stele_schema *there;
	int r = stele_transaction_schema(tx, table, &there);

	if (r == -ENXIO) {
		r = stele_transaction_create_table(tx, table, schema);
		return r < 0 ? r : 1;
	}
	if (r == 0)
		r = stele_schema_check(schema);
	if (r < 0)
		return r;
	/* Values of the schema's struct can be put if the table has no columns after it. */
	if (there->value_size == schema->value_size && stele_schema_compatible(schema, there) >= 0)
		return 0;
	return update_refuse_table(table, there, schema);
}
