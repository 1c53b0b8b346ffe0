/* SPDX-License-Identifier: MIT
 *
 * The ABI of the mutex in a publisher file. The C library determines the layout of a
 * pthread_mutex_t: it differs between 32-bit and 64-bit processes, and between musl and glibc. Two
 * publishers of different ABIs that lock the same mutex do not exclude each other, do not wake each
 * other, and do not detect that the other died. So the file records the ABI of the process that
 * initialized the mutex, and a publisher compares that with its own before it locks the mutex. For
 * publishers, and for readers that report the state of the lock.
 */
#ifndef LIB_BASE_ABI_H
#define LIB_BASE_ABI_H

#include <stdbool.h>
#include "lib/layout.h"

/* Records this process's ABI in a publisher file. */
void abi_record(struct layout_publisher_file *file);

/* Returns true if the mutex in the file has this process's ABI. */
bool abi_is_ours(const struct layout_publisher_file *file);

/* Sets the error message for a publisher file whose mutex is in use by processes of another ABI.
 * Returns -EPROTONOSUPPORT. */
int abi_refuse(const struct layout_publisher_file *file, const char *path);

/* Copies the futex word of the mutex (FUTEX_TID_MASK, FUTEX_OWNER_DIED) to `*ret`, whatever ABI the
 * mutex has. `bytes` are the first LAYOUT_NOTICES_OFFSET bytes of the file. Returns false if the
 * recorded ABI is impossible. */
bool abi_lock_word(const void *bytes, uint32_t *ret);

#endif
