/* SPDX-License-Identifier: MIT
 *
 * What the formats of rows share: finding the value of a column, and its parts. For lib/text. */
#ifndef LIB_TEXT_VALUE_TEXT_H
#define LIB_TEXT_VALUE_TEXT_H

#include <stele/row.h>
#include "lib/types/sink.h"

/* Size of a buffer for the text of any value of fixed size but char[N], or of an element of an
 * array, including the NUL: words are the longest. */
#define VALUE_TEXT_MAX 128u

/* The value of a column in its C type. */
struct value_text {
	const void *at;
	size_t size; /* of text in bytes, without the NULs of a char[N] */
	/* Holds a column of the key. */
	_Alignas(8) unsigned char decoded[STELE_KEY_MAX];
};

/* Finds the value of a column of a row. `ret->at` may point into `*ret`. Returns 0 or -EBADMSG. */
int value_text_find(const struct stele_schema *schema, size_t column, const struct stele_row *row,
                    struct value_text *ret);

/* Returns the column of one element of an array column, of which all elements have `size` bytes. */
struct stele_column value_text_element(const struct stele_column *column, size_t size);

/* Writes bytes in hexadecimal. */
void value_text_put_hex(struct sink *sink, const struct stele_column *column, const void *value,
                        size_t size);

#endif
