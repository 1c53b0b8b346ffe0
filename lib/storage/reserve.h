/* SPDX-License-Identifier: MIT
 *
 * Space for files, and why it cannot be had: each reason has an error message and a remedy of its
 * own. For the library alone. */
#ifndef LIB_STORAGE_RESERVE_H
#define LIB_STORAGE_RESERVE_H

#include <stdint.h>

/* Reserves bytes from `from` up to `to`, and raises no SIGXFSZ. Returns 0 or a negative errno. Sets no
 * message. */
int file_reserve(int fd, uint64_t from, uint64_t to);

/* Sets the error message for a file_reserve() that failed with `r`, and returns it as a negative errno.
 * The open file was to have `size` bytes; `what` is its path, or says what it is. */
int file_reserve_error(int r, int fd, const char *what, uint64_t size);

#endif
