/* SPDX-License-Identifier: MIT
 *
 * What the fuzz harnesses share. A harness is one file, fuzz_NAME.c, with the entry points that
 * libFuzzer, AFL and OSS-Fuzz know (https://llvm.org/docs/LibFuzzer.html). It is linked either with
 * one of those engines or with driver.c, which needs gcc alone.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/random.h"

/* ---- a harness ---- */

/* Runs one input. Returns 0. Must leave the process as it was, so that the next input finds nothing
 * of this one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Optional: mutates an input that has a structure, in place, and returns its new size. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed);

/* The engine's mutator of bytes, for use in that one. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);

/* Optional, called by driver.c in another process once all are done: removes what a harness that
 * crashed left in the system besides its directory. */
void fuzz_clean(void);

/* ---- for harnesses ---- */

/* A directory on tmpfs for this run alone. driver.c removes it, also after a crash; under another
 * engine it is removed at the exit. */
const char *fuzz_directory(void);

/* Ends the execution with a report if the condition does not hold: a finding. */
#define FUZZ_CHECK(condition, ...) \
	do { \
		if (!(condition)) { \
			dprintf(2, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
			dprintf(2, __VA_ARGS__); \
			dprintf(2, "\n"); \
			abort(); \
		} \
	} while (0)

/* Checks what a call of the library returned: no error, or one of the closed list of
 * <stele/error.h>, with a message. Returns it. */
int64_t fuzz_result(int64_t result);

/* Numbers at the edges of what the code computes with. */
uint64_t fuzz_number(uint64_t *random);

/* ---- text (text.c) ---- */

/* Mutates text: inserts, replaces and removes tokens of the list (ended by NULL), or bytes. */
size_t fuzz_mutate_text(uint8_t *data, size_t size, size_t capacity, unsigned seed,
                        const char *const *tokens);

/* From here on standard output and error of the C library go nowhere, and FUZZ_CHECK that no control
 * character is among what goes to standard error. Reports of sanitizers are still seen. */
void fuzz_capture_output(void);

/* Makes standard input a file with these bytes. */
void fuzz_standard_input(const void *bytes, size_t size);

#endif
