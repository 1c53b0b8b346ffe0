/* SPDX-License-Identifier: MIT
 *
 * A batch: encoded rows of one table in memory. `stele publish' reads its complete input into a
 * batch before it locks the region. Otherwise slow input would keep other publishers out. Called by
 * cmd_publish.c. */
#ifndef TOOLS_INPUT_BATCH_H
#define TOOLS_INPUT_BATCH_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/input/input.h"

struct batch_row {
	size_t value;        /* offset of the value in batch->bytes; the key is before it */
	uint32_t value_size; /* bytes */
	uint32_t key_bits;
	uint64_t line; /* of the input, for error messages */
};

struct batch {
	const char *name; /* of the input, for error messages */
	const char *unit; /* what batch_row.line counts: "line" or "object" */
	const struct stele_schema *schema;
	/* Keys and values of all rows. Sizes are in bytes. */
	unsigned char *bytes;
	size_t used, capacity;
	struct batch_row *rows;
	size_t count, row_capacity;
};

/* Reads, encodes and checks all rows of an input, after input_start(). Reports up to 20 wrong rows,
 * each with its line. Fails with STATUS_NO_SPACE
 * once the rows need more than `limit` bytes, so that endless input does not use up the memory of
 * the machine. `table` is the name on the progress bar. The caller frees the batch with
 * batch_free() after an error too. */
enum status batch_read(struct batch *batch, struct input *input, const char *table, uint64_t limit);

/* Replaces the rows of a table by those of the batch. The schema of the table must be that of the
 * input. Reports up to 20 keys that occur twice, each with both lines. */
enum status batch_replace(const struct batch *batch, struct stele_writable *table);

/* Gets a change that a replacement would make. The change is valid during the call. */
typedef enum status batch_change_fn(const struct stele_change *change, void *context);

/* Finds what batch_replace() would change in a table of a snapshot, without a publisher. Calls
 * `each` for each change, in the order of the keys, until it returns another status than
 * STATUS_DONE. Refuses the rows that batch_replace() refuses, with the same messages. */
enum status batch_compare(const struct batch *batch, const struct stele_table *table,
                          batch_change_fn *each, void *context);

/* Frees the rows of the batch. */
void batch_free(struct batch *batch);

#endif
