/* SPDX-License-Identifier: MIT
 * Conditions on the columns of a row, such as metric>10, for the option --where of `stele dump'. */
#ifndef TOOLS_ROWS_WHERE_H
#define TOOLS_ROWS_WHERE_H

#include <stele/stele.h>
#include "tools/base/status.h"

/* What compares true. A combination of bits. */
enum where_result { WHERE_LESS = 1, WHERE_EQUAL = 2, WHERE_GREATER = 4, WHERE_UNORDERED = 8 };

struct where {
	const struct stele_schema *schema;
	size_t column;
	unsigned accepted; /* of enum where_result */
	void *operand;     /* in the C type of the column, on the heap */
	size_t size;       /* of the operand, in bytes */
};

/* Parses COLUMN OPERATOR VALUE, with one of the operators = != < <= > >=. `schema` must stay valid
 * until where_close(). Returns STATUS_INPUT after an error message. */
enum status where_open(struct where *where, const struct stele_schema *schema, const char *text);

/* Returns 1 if the condition holds, 0 if not, or a negative errno of the library. */
int where_holds(const struct where *where, const struct stele_row *row);

/* Frees the operand. */
void where_close(struct where *where);

#endif
