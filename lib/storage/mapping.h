/* SPDX-License-Identifier: MIT
 *
 * Mapped files that another process may truncate (guard.h). */
#ifndef LIB_STORAGE_MAPPING_H
#define LIB_STORAGE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "lib/storage/guard.h"

struct mapping {
	unsigned char *base; /* NULL: not mapped */
	size_t size;         /* of address space that is taken */
	struct guard *guard; /* NULL: not guarded */
};

/* Maps `size` bytes of a file from its start, more than it has for what it may grow to. 0, -ENOMEM
 * or another negative errno. Sets no message: mapping_error() does. */
int mapping_open(struct mapping *mapping, int fd, size_t size, bool writable, bool guarded);

/* The same, with address space for mapping_exchange() up to `reserve`, where that can be had: else
 * `mapping->size` is no more than `size`. Sets no message. */
int mapping_open_reserve(struct mapping *mapping, int fd, size_t size, size_t reserve,
                         bool writable, bool guarded);

/* Sets the error message of a failed mapping_open() of `size` bytes of `what`; returns the
 * negative errno. */
int mapping_error(int r, const char *what, uint64_t size);

/* Maps another file in place of the mapping's, at the same address, `size` being no more than what
 * the mapping has reserved. On failure the mapping is as it was. Not for a mapping that another
 * thread is reading. Sets no message. */
int mapping_exchange(struct mapping *mapping, int fd, size_t size, bool writable);
void mapping_close(struct mapping *mapping);

/* Attaches a System V segment: never guarded, as it can't get shorter. 0; -EBADMSG if it has not this
 * size; or another negative errno. Sets no message. */
int mapping_open_segment(struct mapping *mapping, int segment, size_t size, bool writable);

/* True once a fault hit the mapping: its file is shorter than was read. */
static inline bool mapping_lost(const struct mapping *mapping)
{
	/* Relaxed: the handler stores it in the thread that has the fault, before the load that raised it
	 * is done. */
	return mapping->guard && __atomic_load_n(&mapping->guard->lost, __ATOMIC_RELAXED);
}

#endif
