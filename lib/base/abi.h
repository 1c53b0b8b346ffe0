/* SPDX-License-Identifier: MIT
 *
 * What laid out the mutex in a publisher file. It is the C library's: one for 32-bit processes lays it
 * out otherwise than one for 64-bit processes, and musl otherwise than glibc. Publishers of two kinds that
 * lock one mutex don't exclude each other, don't wake each other, and don't find out that the other died.
 */
#ifndef LIB_BASE_ABI_H
#define LIB_BASE_ABI_H

#include <stdbool.h>
#include "lib/layout.h"

/* Writes down this process's in a new file; and whether a file has this process's. */
void abi_record(struct layout_publisher_file *file);
bool abi_is_ours(const struct layout_publisher_file *file);

/* Sets the error message for a file whose mutex others, of another kind, have in use. Returns
 * -EPROTONOSUPPORT. */
int abi_refuse(const struct layout_publisher_file *file, const char *path);

/* Reads the word of the mutex that the kernel knows (FUTEX_TID_MASK, FUTEX_OWNER_DIED), whoever laid it
 * out, from `bytes`, the first LAYOUT_NOTICES_OFFSET of the file. False: there is none in it. */
bool abi_lock_word(const void *bytes, uint32_t *ret);

#endif
