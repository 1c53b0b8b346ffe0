/* SPDX-License-Identifier: MIT
 * What templates know about a table: its columns with their names in the language, and the members
 * of its struct. cmd_generate.c makes it, and template.c reads it. */
#ifndef TOOLS_GENERATE_MODEL_H
#define TOOLS_GENERATE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/generate/language.h"

/* Bytes in a name: that of a table or column, with a prefix and a suffix. */
enum { IDENTIFIER_MAX = STELE_NAME_MAX + 33 };

/* A column, or padding between members of the struct. */
struct field {
	const struct stele_column *column; /* NULL: padding */
	size_t index;                      /* of the column in the schema */
	size_t padding;                    /* bytes of padding */
	char name[IDENTIFIER_MAX];
};

struct model {
	const struct language *language;
	const char *table;
	const struct stele_schema *schema;
	char type[IDENTIFIER_MAX];              /* name of the struct */
	struct field fields[STELE_COLUMNS_MAX]; /* all columns, in the order of the schema */
	size_t field_count;
	/* The value columns of a fixed size, in the order of their offsets, with padding where the
	 * language would place the next one elsewhere, and at the end. */
	struct field members[2 * STELE_COLUMNS_MAX + 1];
	size_t member_count;
	const struct field *variable; /* the variable column of the value, or NULL */
};

/* Fills in a model. The schema and the names must stay valid as long as the model. `name` is the
 * name of the struct; NULL: made from the table's name. Returns STATUS_INPUT after an error message
 * if two names are the same in the language, `name` is not allowed in it, or the value's size is
 * not that of a struct. */
enum status model_init(struct model *ret, const struct language *language, const char *table,
                       const struct stele_schema *schema, const char *name);

/* Returns true for text and bytes. */
bool model_is_variable(const struct stele_column *column);

/* Returns the scalar of a column, and sets `*ret_count` to the number of them in an element: 4 for
 * ipv4. 0: an element is one scalar. */
enum scalar model_scalar(const struct stele_column *column, size_t *ret_count);

/* Writes the name of a constant, such as STATE_UP, or in Go State_Up, to a buffer of CONSTANT_MAX
 * bytes. */
enum { CONSTANT_MAX = 2 * IDENTIFIER_MAX + 2 };
void model_constant(const struct model *model, const struct field *field,
                    const struct stele_word *word, char *buffer);

#endif
