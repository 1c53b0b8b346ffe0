/* SPDX-License-Identifier: MIT
 *
 * Rows of one table in memory. `stele publish' reads its whole input into a batch before it
 * attaches to the region, because an input may come slowly or stop coming, and a publisher that
 * waits for it would keep all others out. */
#ifndef TOOLS_INPUT_BATCH_H
#define TOOLS_INPUT_BATCH_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/input/input.h"

struct batch_row {
	size_t value; /* where it starts in `bytes`, the key before it */
	uint32_t value_size;
	uint32_t key_bits;
	uint64_t line;
};

struct batch {
	const char *name; /* of the input, for messages */
	const struct stele_schema *schema;
	unsigned char *bytes;
	size_t used, capacity;
	struct batch_row *rows;
	size_t count, row_capacity;
};

/* Reads and checks all rows of an input that was started. Fails with STATUS_NO_SPACE once the rows
 * take more than `limit` bytes, so that an endless input does not take all memory. `table` names
 * the progress bar. */
enum status batch_read(struct batch *batch, struct input *input, const char *table, uint64_t limit);

/* Replaces a table by the rows; its schema must be that of the input. */
enum status batch_replace(const struct batch *batch, struct stele_writable *table);

void batch_free(struct batch *batch);

#endif
