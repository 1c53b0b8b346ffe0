/* SPDX-License-Identifier: MIT
 * Calls the reading functions of the public interface on a file that is forged meanwhile.
 * fuzz_region.c and fuzz_saved.c use this. */
#ifndef TESTS_FUZZ_READER_H
#define TESTS_FUZZ_READER_H

#include "tests/fuzz/forge.h"

#define READER_OPERATIONS 36u

/* Runs an input on a region (or on file:PATH) whose file is open in `forge`, and restores the
 * file. */
void reader_run(const char *region, struct forge *forge, const uint8_t *data, size_t size);

#endif
