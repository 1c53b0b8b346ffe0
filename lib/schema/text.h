/* SPDX-License-Identifier: MIT
 * Values as text, by kind of type. The _parse functions return 0, -EINVAL or -ERANGE, and set no
 * sentence: the caller knows the column. */
#ifndef LIB_SCHEMA_TEXT_H
#define LIB_SCHEMA_TEXT_H

#include <stddef.h>
#include <stele/schema.h>

/* The longest text of a type of fixed size, its end included: an IPv6 prefix or a time. */
#define TEXT_FIXED_MAX 64u

/* STELE_IPV4, _IPV6, _IPV4NET, _IPV6NET, _MAC and _UUID. A prefix is read as it stands, host bits
 * included. */
void text_address_format(enum stele_type type, const uint8_t *value, char *ret);
int text_address_parse(enum stele_type type, const char *text, size_t length, uint8_t *ret);

/* STELE_TIME. */
void text_time_format(uint64_t nanoseconds, char *ret);
int text_time_parse(const char *text, size_t length, uint64_t *ret);

/* Integers and STELE_F64. `size` is the type's. */
void text_number_format(enum stele_type type, const void *value, size_t size, char *ret);
int text_number_parse(enum stele_type type, const char *text, size_t length, size_t size,
                      void *ret);

/* Whole decimal numbers without a sign. */
int text_decimal_parse(const char *text, size_t length, uint64_t *ret);

/* Pairs of hexadecimal digits, as many as there are bytes. _parse: -EINVAL where one is none. */
void text_hex_format(const uint8_t *bytes, size_t count, char *ret);
int text_hex_parse(const char *text, size_t count, uint8_t *ret);

#endif
