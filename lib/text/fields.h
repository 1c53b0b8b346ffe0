/* SPDX-License-Identifier: MIT
 *
 * The texts of one row's columns, between the readers of JSON and CSV and the encoding of the row
 * (stele_row_parse()). For lib/text. */
#ifndef LIB_TEXT_FIELDS_H
#define LIB_TEXT_FIELDS_H

#include <stdbool.h>
#include <stele/text.h>

struct fields {
	const struct stele_schema *schema;
	struct stele_field field[STELE_COLUMNS_MAX];
	/* Memory for decoded texts. It is large enough for all that the source can have, and does
	 * not move: the fields point into it. */
	size_t source; /* bytes of the complete source */
	char *memory;  /* NULL: not needed yet */
	size_t used;
};

/* Starts fields without texts. `source` is the length of the text that they are read from. */
void fields_init(struct fields *fields, const struct stele_schema *schema, size_t source);

/* Frees the memory. */
void fields_fini(struct fields *fields);

/* Returns the memory for the next decoded text, or NULL with an error message if there is none. */
char *fields_memory(struct fields *fields);

/* Returns the index of the column with this name, or -EINVAL; the error message suggests a column,
 * or shows all. */
int fields_column(const struct stele_schema *schema, const char *name, size_t length);

/* Parses the text of a column and appends it to a key. Returns 0, -EINVAL or -ERANGE. */
int fields_append_key(struct stele_key *key, const struct stele_column *column, const char *text,
                      size_t length);

/* Checks that each column for which `has` is false has a default. Key columns count if `keys`, and
 * value columns if `values`. Returns 0, or -EINVAL; the error message starts with `what`, and lists
 * the missing columns. */
int fields_check_missing(const struct stele_schema *schema, const bool *has, bool keys, bool values,
                         const char *what);

#endif
