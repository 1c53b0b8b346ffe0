/* SPDX-License-Identifier: MIT
 *
 * Rows: how the calls that read return them, and how calls that take many keys or rows are given
 * them. <stele/schema.h> describes the bytes of keys and values.
 *
 *     uint32_t metric;
 *     const void *at;
 *     size_t size;
 *     int column = stele_schema_column(schema, "metric");
 *
 *     if (column >= 0 &&
 *         stele_row_column(schema, (size_t)column, &row, &metric, sizeof(metric), &at, &size) == 0)
 *             memcpy(&metric, at, sizeof(metric));
 *
 * A program that was built with the table's schema reads `(const struct route *)row.value` instead.
 *
 * THREADS. The function here has no state. Any thread may call it.
 */
#ifndef STELE_ROW_H
#define STELE_ROW_H

#include <stddef.h>
#include <stdint.h>
#include <stele/error.h>
#include <stele/schema.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A row, read in place. Who returned the row says how long the pointers are valid. */
struct stele_row {
	/* Encoded key, of key_bits bits: see <stele/schema.h>. */
	const void *key;
	unsigned key_bits;

	/* Aligned to 8 bytes, which suits the value's struct. */
	const void *value;
	size_t value_size; /* in bytes */

	/* Version that last wrote this row. A transaction that changes a row and changes it back,
	 * or deletes it and puts it again, also writes it. Putting a row with its present value
	 * writes nothing. */
	uint64_t version;

	/* Not written, so that lookups don't pay for them. */
	uint64_t reserved_[3];
};

/* A key, for calls that take many: `bits` bits at `data`. The caller keeps ownership of the
 * bytes. The struct has no reserved members, because a key needs no more. */
struct stele_key_ref {
	const void *data;
	unsigned bits;
};

/* A row, for calls that take many. The caller keeps ownership of what it points to. The struct has
 * no reserved members: a call that needs more about a row will take a struct of its own. */
struct stele_row_ref {
	const void *key;
	unsigned key_bits;
	const void *value;
	size_t value_size;
};

/* Finds one column of a row, in its key or in its value, in the C type of the column. `column` is
 * its index in the schema. Buffer, results and errors are those of stele_key_column() for a key
 * column, and those of stele_value_column() for a value column, which needs no buffer. -EINVAL:
 * there is no such column. A number from the key is in `buffer`, so align it to 8 bytes, or copy
 * the number. */
STELE_API int stele_row_column(const struct stele_schema *schema, size_t column,
                               const struct stele_row *row, void *buffer, size_t buffer_size,
                               const void **ret_value, size_t *ret_size);

#ifdef __cplusplus
}
#endif

#endif
