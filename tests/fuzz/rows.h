/* SPDX-License-Identifier: MIT
 * Reads files of rows as `stele publish` does. fuzz_csv.c and fuzz_ndjson.c use this. */
#ifndef TESTS_FUZZ_ROWS_H
#define TESTS_FUZZ_ROWS_H

#include "tests/fuzz/fuzz.h"
#include "tools/input/input.h"

/* Reads a file of rows. The first byte selects the table, the rest is the file. Prints the rows as
 * `stele dump` does, and checks that reading the printed rows gives the same rows. */
void fuzz_rows(const uint8_t *data, size_t size, enum input_format format);
/* Mutates an input of fuzz_rows(). */
size_t fuzz_mutate_rows(uint8_t *data, size_t size, size_t capacity, unsigned seed);

/* Tokens of CSV and NDJSON files, ended by NULL. */
extern const char *const fuzz_row_words[];

#endif
