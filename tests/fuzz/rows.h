/* SPDX-License-Identifier: MIT
 * Files of rows, as `stele publish` reads them. */
#ifndef TESTS_FUZZ_ROWS_H
#define TESTS_FUZZ_ROWS_H

#include "tests/fuzz/fuzz.h"
#include "tools/input/input.h"

/* Reads a file of rows; the first byte says which table they are for. What is accepted is printed as
 * `stele dump` prints it, and must be read back as the same rows. */
void fuzz_rows(const uint8_t *data, size_t size, enum input_format format);
size_t fuzz_mutate_rows(uint8_t *data, size_t size, size_t capacity, unsigned seed);

/* Words of such files. */
extern const char *const fuzz_row_words[];

#endif
