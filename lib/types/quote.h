/* SPDX-License-Identifier: MIT
 *
 * Text of any bytes inside JSON strings, CSV fields and declarations. <stele/text.h> describes the
 * \xHH of bytes that are no text. For lib/schema and lib/text. */
#ifndef LIB_TYPES_QUOTE_H
#define LIB_TYPES_QUOTE_H

#include <stdbool.h>
#include <stdint.h>
#include "lib/types/sink.h"

/* Decodes the UTF-8 character at `bytes` into `*ret` and returns its length in bytes, or 0 if it is
 * not valid. Overlong forms, surrogates and characters above U+10FFFF are not valid. `length` is
 * more than 0. */
size_t quote_character(const char *bytes, size_t length, uint32_t *ret);

/* Writes a character as UTF-8 to `ret`, of at least 4 bytes, and returns its length. */
size_t quote_encode(uint32_t character, char *ret);

/* Writes text as a JSON string, with its quotation marks. */
void quote_json(struct sink *sink, const char *bytes, size_t length);

/* Writes text as a CSV field, in quotation marks if it needs them. */
void quote_csv(struct sink *sink, const char *bytes, size_t length);

/* Writes text as the inside of a quoted text of a declaration. */
void quote_declared(struct sink *sink, const char *bytes, size_t length);

/* Replaces each \xHH by its byte, in place. Returns the new length. */
size_t quote_decode(char *bytes, size_t length);

/* Returns true if the text has a \xHH. */
bool quote_has_codes(const char *bytes, size_t length);

#endif
