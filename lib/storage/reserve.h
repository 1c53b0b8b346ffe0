/* SPDX-License-Identifier: MIT
 *
 * Reserves space for files. If there is no space, the error message gives the reason and its
 * remedy. Any part of the library may call these functions. */
#ifndef LIB_STORAGE_RESERVE_H
#define LIB_STORAGE_RESERVE_H

#include <stdint.h>

/* Reserves the bytes of a file from `from` up to `to`. Raises no SIGXFSZ. Returns 0 or a negative
 * errno. Sets no message. */
int file_reserve(int fd, uint64_t from, uint64_t to);

/* Sets the error message for a file_reserve() that failed with `r`. Returns the negative error
 * number. `size` is the number of bytes that the file needed, and `what` its path or a
 * description. */
int file_reserve_error(int r, int fd, const char *what, uint64_t size);

#endif
