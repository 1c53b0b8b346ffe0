/* SPDX-License-Identifier: MIT
 *
 * Keys and rows as text and back: JSON, CSV, and keys as users type them. The command `stele` reads
 * and prints rows with these functions.
 *
 *     char line[1024];
 *     if (stele_row_format_json(&route_schema, &row, line, sizeof(line)) < (int64_t)sizeof(line))
 *             puts(line);     // {"prefix": "10.0.0.0/8", "next_hop": "192.0.2.1", "metric": 5}
 *
 *     size = sizeof(route);
 *     r = stele_row_parse_json(&route_schema, line, strlen(line), NULL, &key, &route, &size);
 *     if (r == 0)
 *             stele_transaction_put(tx, "routes", key.bytes, key.bits, &route, size);
 *
 * Parsing what was formatted gives the same row, whatever bytes it has.
 *
 * COLUMNS. The text of a column is that of stele_value_format(), which stele_value_parse() reads.
 *
 *     numbers     In JSON, a number is written as a number if every reader of JSON has it exactly:
 *                 an integer from -(2^53 - 1) to 2^53 - 1, a finite f64. Others are strings:
 *                 "18446744073709551615", "inf". Both are read in both forms.
 *     bool        In JSON, true and false.
 *     words       The word of an enumeration. In JSON a string; a number without a word is written
 *                 as a number.
 *     arrays      In JSON an array. In CSV the elements, with a space between two.
 *     others      In JSON, strings.
 *     bytes that are not text
 *                 Text may have any bytes, JSON only UTF-8. A byte that is not UTF-8 is written as
 *                 \xHH, two digits in lower case, which is read back as this byte. A backslash that
 *                 would be taken for the start of one is \x5c. In CSV, control characters are
 *                 written so as well, except tabs, line feeds and CR LF, and so are characters
 *                 that change the direction of writing. (In JSON each backslash is doubled, as
 *                 JSON does.)
 *
 * THREADS. The functions here have no state. Any thread may call them. The rows that are formatted
 * must not change meanwhile: format a row of a snapshot, then call stele_snapshot_check(), then use
 * the text.
 *
 * ERRORS. -EINVAL: the text is wrong; the error message names the column, says what was expected
 * and shows what was found. -ERANGE: see stele_value_parse(). -EMSGSIZE: the value's buffer is too
 * small. -EBADMSG: the row to be formatted does not fit the schema. -ENOMEM. On error, outputs are
 * unchanged, except the bytes of the value's buffer.
 *
 * CONTENTS. Text for people, keys, rows, JSON, CSV.
 */
#ifndef STELE_TEXT_H
#define STELE_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stele/error.h>
#include <stele/row.h>
#include <stele/schema.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- text for people ---- */

/* Escapes text of any bytes, such as that of a key or a value, for a terminal or a log: writes
 * control characters, bytes that are not UTF-8, and characters that change the direction of writing
 * as \xHH. A backslash stays as it is, so the text can't be read back. Writes at most `size` bytes
 * to `buffer`, including the terminating NUL. Returns the length of the complete text. */
STELE_API size_t stele_text_escape(const char *text, size_t length, char *buffer, size_t size);

/* ---- keys ----
 *
 * A key of one column is the text of this column. The columns of a longer key are joined by commas,
 * as in `7,10.0.0.0/8`; a column that contains a comma or a quotation mark is quoted as in CSV. */

/* Formats a key. The text is not escaped. Writes at most `size` bytes to `buffer`, including the
 * terminating NUL. Returns the length of the complete text. Errors: -EBADMSG. */
STELE_API int64_t stele_key_format(const struct stele_schema *schema, const void *key,
                                   unsigned key_bits, char *buffer, size_t size);

/* Parses a key, the inverse of stele_key_format(). Returns 0. Errors: -EINVAL, -ERANGE. */
STELE_API int stele_key_parse(const struct stele_schema *schema, const char *text, size_t length,
                              struct stele_key *ret);

/* Parses a key for a longest-prefix match: the last column, if it is a prefix, may also be an
 * address. Returns 0. Errors: -EINVAL, -ERANGE. */
STELE_API int stele_key_parse_address(const struct stele_schema *schema, const char *text,
                                      size_t length, struct stele_key *ret);

/* Parses the start of a key, for stele_cursor_under(): one or more of the first columns. The last
 * one may be incomplete: a network if the column is an address or a prefix, the first letters if it
 * is text. Empty text is the start of all keys. Returns 0. Errors: -EINVAL, -ERANGE. */
STELE_API int stele_key_parse_start(const struct stele_schema *schema, const char *text,
                                    size_t length, struct stele_key *ret);

/* ---- rows ----
 *
 * The functions that parse a row encode its key to `*ret_key` and its value to `value`, a buffer of
 * `*size` bytes, and set `*size` to the size of the value. If the buffer is too small they return
 * -EMSGSIZE and set `*size` to a size that is enough. Either of `ret_key` and `value` may be NULL:
 * then the columns of that part may be missing, and `size` is not used without a value.
 *
 * A column that the text does not have is taken from `present`, the row that is there, of which
 * only the value is used. Without one (NULL), it is the default of the column
 * (stele_column.default_value). A column that has none must be there, and so must the columns of
 * the key. */

/* The text of a column. */
struct stele_field {
	const char *text; /* NULL: there is none */
	size_t length;
};

/* Parses a row from the texts of its columns, of which `fields` has one for each column of the
 * schema. The texts are not unescaped. Returns 0. Errors: see ERRORS. */
STELE_API int stele_row_parse(const struct stele_schema *schema, const struct stele_field *fields,
                              const struct stele_row *present, struct stele_key *ret_key,
                              void *value, size_t *size);

/* ---- JSON ---- */

/* Formats a row as a JSON object on one line. Writes at most `size` bytes to `buffer`, including
 * the terminating NUL. Returns the length of the complete text. Errors: -EBADMSG. */
STELE_API int64_t stele_row_format_json(const struct stele_schema *schema,
                                        const struct stele_row *row, char *buffer, size_t size);

/* Formats a column as a JSON value. Otherwise as stele_row_format_json(). */
STELE_API int64_t stele_row_format_json_column(const struct stele_schema *schema, size_t column,
                                               const struct stele_row *row, char *buffer,
                                               size_t size);

/* Parses a row from a JSON object of `length` bytes. The object must be valid JSON in UTF-8, and
 * must have no members but columns of the table, each once. Returns 0. Errors: see ERRORS. */
STELE_API int stele_row_parse_json(const struct stele_schema *schema, const char *text,
                                   size_t length, const struct stele_row *present,
                                   struct stele_key *ret_key, void *value, size_t *size);

/* ---- CSV ----
 *
 * CSV as in RFC 4180. The first line of a file has the names of the columns, in any order. Lines
 * are formatted without a line end; in quoted fields, they may have line feeds. */

/* The columns of a CSV file: .columns has the index in the schema of each field of a line. */
struct stele_csv {
	size_t count;
	uint8_t columns[STELE_COLUMNS_MAX];
};

/* Formats the first line: the names of all columns, in the order of the schema. Writes at most
 * `size` bytes to `buffer`, including the terminating NUL. Returns the length of the complete
 * text. */
STELE_API size_t stele_csv_format(const struct stele_schema *schema, char *buffer, size_t size);

/* Parses the first line. Returns 0. Errors: -EINVAL (also: a column is missing that has no
 * default, or is there twice), -ENOMEM. */
STELE_API int stele_csv_parse(const struct stele_schema *schema, const char *text, size_t length,
                              struct stele_csv *ret);

/* Formats a row as a line of CSV, with all columns in the order of the schema. Writes at most
 * `size` bytes to `buffer`, including the terminating NUL. Returns the length of the complete text.
 * Errors: -EBADMSG. */
STELE_API int64_t stele_row_format_csv(const struct stele_schema *schema,
                                       const struct stele_row *row, char *buffer, size_t size);

/* Parses a row from a line of CSV, whose fields are the columns of `csv`; NULL: all columns in the
 * order of the schema. A line end after it is ignored.
 *
 * Spaces at the ends of a field belong to the value of a char[N] or text column, as in RFC 4180,
 * and are ignored in columns of other types. Spaces outside of the quotation marks of a quoted
 * field are ignored in all columns.
 *
 * Returns 0. Errors: see ERRORS. */
STELE_API int stele_row_parse_csv(const struct stele_schema *schema, const struct stele_csv *csv,
                                  const char *text, size_t length, const struct stele_row *present,
                                  struct stele_key *ret_key, void *value, size_t *size);

#ifdef __cplusplus
}
#endif

#endif
