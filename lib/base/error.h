/* SPDX-License-Identifier: MIT
 *
 * The thread's last error: see <stele/error.h> for what the numbers mean. Any part of the library may
 * call these.
 *
 * A function that fails returns a negative errno. Whether it has set the error message is decided by
 * its layer:
 *
 *   lib/base, lib/trie    never, except for functions that exist to set a message, such as
 *                         abi_refuse() and fork_check()
 *   all others            always, unless the comment on the function says "Sets no message": its
 *                         callers ignore the failure, or each reports it in its own words
 */
#ifndef LIB_BASE_ERROR_H
#define LIB_BASE_ERROR_H

#include <stele/error.h>

/* Sets the thread's error message and returns -errnum, so that a failure is one statement:
 *
 *     return error_set(ENOENT, "there is no table \"%s\" in region \"%s\"", table, region);
 *
 * What a system call has failed with may be given as it is: of numbers that <stele/error.h> does not
 * have, the one that means the same there is returned.
 *
 * The message says what failed, on what, and what to do; it starts in lower case and has no full
 * stop. */
#define error_set(errnum, ...) \
	({ \
		int error_set_number = error_number(errnum); \
		error_message(__VA_ARGS__); \
		-error_set_number; \
	})
int error_number(int errnum);
void error_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
