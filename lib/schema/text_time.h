/* SPDX-License-Identifier: MIT
 * Times as text: for text.c. */
#ifndef LIB_SCHEMA_TEXT_TIME_H
#define LIB_SCHEMA_TEXT_TIME_H

#include "lib/schema/text.h"

/* STELE_TIME. */
void text_time_format(uint64_t nanoseconds, char *ret);
int text_time_parse(const char *text, size_t length, uint64_t *ret);

#endif
