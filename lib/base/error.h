/* SPDX-License-Identifier: MIT
 *
 * The calling thread's last error message. <stele/error.h> describes the error numbers. Any part of
 * the library may call these functions.
 *
 * A function that fails returns a negative errno. Its layer decides whether it also sets the error
 * message:
 *
 *   lib/base, lib/trie,   never, except functions whose purpose is to set a message, such as
 *   publisher/trie        abi_refuse() and fork_check()
 *   publisher/memory      only in durable.h and recover.h
 *   publisher/notices     only notify_start()
 *   notifier              only the member `open` of struct notifier, and its helpers in common.h
 *   all others            always, unless the comment on the function, or the first comment of its
 *                         header, says otherwise. The callers of such a function ignore the
 *                         failure, or each sets a message of its own
 */
#ifndef LIB_BASE_ERROR_H
#define LIB_BASE_ERROR_H

#include <stddef.h>
#include <stele/error.h>

/* Sets the thread's error message and returns the negative error number, so that a failure is one
 * statement:
 *
 *     return error_set(ENOENT, "there is no table \"%s\" in region \"%s\"", table, region);
 *
 * `errnum` may be the errno of any system call: error_number() translates it. The message says what
 * failed, on which object, why, and what to do. It starts in lower case and has no full stop. */
#define error_set(errnum, ...) \
	({ \
		int error_set_number = error_number(errnum); \
		error_message(__VA_ARGS__); \
		-error_set_number; \
	})

/* Returns the number in <stele/error.h> that has the meaning of `errnum`; EIO if there is none. */
int error_number(int errnum);

/* Sets the thread's error message. */
void error_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Checks the size that a caller set in a public struct. Returns 0, or -EINVAL with an error
 * message. `type` is the struct's name. */
int error_check_size(const char *type, size_t size, size_t expected);

/* Checks the flags that a caller gave. Returns 0, or -EINVAL with an error message if flags other
 * than `known` are set. `what` says what the flags are for, such as "a publisher". */
int error_check_flags(const char *what, unsigned flags, unsigned known);

#endif
