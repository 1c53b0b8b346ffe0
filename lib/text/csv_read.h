/* SPDX-License-Identifier: MIT
 *
 * Splits a line of CSV, or a key, into its fields. Strict: a quotation mark is only allowed around
 * a complete field, or doubled inside one. For lib/text. */
#ifndef LIB_TEXT_CSV_READ_H
#define LIB_TEXT_CSV_READ_H

#include "lib/text/fields.h"

/* Flags of csv_read_field(). */
#define CSV_SPACES 1u /* ignore spaces before and after quoted fields, and a line end */
#define CSV_CODES  2u /* decode \xHH (lib/types/quote.h) */

struct csv_reader {
	const char *at, *end;
	unsigned flags;
	bool ended;            /* the last field was read */
	struct fields *fields; /* whose memory holds decoded fields */
};

/* Starts reading a line. */
void csv_read_start(struct csv_reader *reader, struct fields *fields, const char *text,
                    size_t length, unsigned flags);

/* Reads the next field, which points into the line or into the memory of the fields. Returns 1; 0
 * after the last field; -EINVAL, without a message, if quotation marks do not match; or -ENOMEM. An
 * empty line has one empty field. */
int csv_read_field(struct csv_reader *reader, struct stele_field *ret);

/* Removes the spaces and tabs at both ends of a field. Not for text, to which they belong. */
void csv_trim(struct stele_field *field);

#endif
