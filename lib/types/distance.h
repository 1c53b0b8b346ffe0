/* SPDX-License-Identifier: MIT
 *
 * How much two names differ, to guess which name was meant. Any part of the library may call
 * this. */
#ifndef LIB_TYPES_DISTANCE_H
#define LIB_TYPES_DISTANCE_H

#include <stddef.h>

/* Maximum length of `b`. */
#define DISTANCE_MAX 63u

/* Returns the edit distance of two names: the number of letters to insert or to delete; replacing a
 * letter counts as `replaced`. */
unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length,
                  unsigned replaced);

#endif
