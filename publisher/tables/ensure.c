/* SPDX-License-Identifier: MIT
 *
 * stele_transaction_ensure_table(): creates a table once, and declares the schema of the values
 * that this publisher puts (narrow.h). */
#include <errno.h>

#include "publisher/tables/narrow.h"
#include "publisher/tables/table.h"

/* Opens the table, and creates it first if it does not exist. Returns 1 if it was created, 0, or an
 * error. */
static int ensure_open(struct stele_transaction *tx, const char *name,
                       const struct stele_schema *schema, struct stele_writable **ret)
{
	int r = stele_writable_open(tx, name, NULL, ret);

	if (r != -ENXIO)
		return r;
	r = stele_transaction_create_table(tx, name, schema);
	if (r == 0)
		r = stele_writable_open(tx, name, NULL, ret);
	return r < 0 ? r : 1;
}

int stele_transaction_ensure_table(struct stele_transaction *tx, const char *name,
                                   const struct stele_schema *schema)
{
	struct stele_writable *table = NULL;
	struct stele_schema *declared;
	int r = stele_schema_check(schema);

	if (r < 0)
		return r;
	declared = stele_schema_copy(schema);
	if (!declared)
		return table_no_memory(name);
	r = ensure_open(tx, name, schema, &table);
	if (r == 0)
		r = narrow_expect(table, schema);
	if (r < 0)
		stele_schema_free(declared);
	else
		narrow_declare(table, declared);
	return r;
}
