/* SPDX-License-Identifier: MIT
 *
 * The interface of the fuzz harnesses, and functions that they share. A harness is one file,
 * fuzz_NAME.c, with the entry points of libFuzzer (https://llvm.org/docs/LibFuzzer.html), which AFL
 * and OSS-Fuzz also use. It is linked with one of those engines, or with driver.c, which needs only
 * gcc.
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

/* Runs one input, and returns 0. Must restore the state of the process, so that an input has no
 * effect on the next one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Optional: mutates a structured input in place, and returns its new size. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed);

/* Mutates bytes, and returns the new size. The engine provides this for
 * LLVMFuzzerCustomMutator(). */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);

/* Optional: removes what a harness that crashed left in the system outside of fuzz_directory().
 * driver.c calls this at the end, in another process. */
void fuzz_clean(void);

/* ---- for harnesses ---- */

/* Returns a directory on tmpfs that only this run uses. driver.c removes it, even after a crash.
 * With another engine it is removed at exit. */
const char *fuzz_directory(void);

/* Reports a finding, and aborts, if the condition does not hold. */
#define FUZZ_CHECK(condition, ...) \
	do { \
		if (!(condition)) { \
			dprintf(2, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
			dprintf(2, __VA_ARGS__); \
			dprintf(2, "\n"); \
			abort(); \
		} \
	} while (0)

/* Checks the result of a function of the library: it is not an error, or an error that
 * <stele/error.h> lists, with an error message. Returns the result. */
int64_t fuzz_result(int64_t result);

/* Returns a random number, often one at a limit of the code, such as a power of two. */
uint64_t fuzz_number(uint64_t *random);

/* ---- text ---- */

/* Mutates text: inserts, replaces and removes tokens of the list (ended by NULL), or bytes. */
size_t fuzz_mutate_text(uint8_t *data, size_t size, size_t capacity, unsigned seed,
                        const char *const *tokens);

/* Discards what is written to stdout and stderr from now on, and reports a finding if a control
 * character is written to stderr. Reports of sanitizers still appear, because they are written to
 * the descriptor. */
void fuzz_capture_output(void);

/* Makes standard input a file with these bytes, at its start. */
void fuzz_standard_input(const void *bytes, size_t size);

#endif
