/* SPDX-License-Identifier: MIT
 * Whatever the public interface reads, on a file that is forged meanwhile. */
#ifndef TESTS_FUZZ_READER_H
#define TESTS_FUZZ_READER_H

#include "tests/fuzz/forge.h"

#define READER_OPERATIONS 36u

/* Runs an input on a region (or file:PATH) whose file is forged, and restores the file. */
void reader_run(const char *region, struct forge *forge, const uint8_t *data, size_t size);

#endif
