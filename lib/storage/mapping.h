/* SPDX-License-Identifier: MIT
 *
 * Maps a region's files and System V segments. A guarded mapping survives the truncation of its
 * file: the SIGBUS handler marks it as lost (guard.h). Any part of the library may call these
 * functions. */
#ifndef LIB_STORAGE_MAPPING_H
#define LIB_STORAGE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "lib/storage/guard.h"

struct mapping {
	unsigned char *base; /* NULL: not mapped */
	size_t size;         /* bytes of address space, with the reserve */
	struct guard *guard; /* NULL: not guarded */
};

/* Maps the first `size` bytes of a file; the file may be shorter and grow later. Returns 0 or a
 * negative errno. */
int mapping_open(struct mapping *mapping, int fd, size_t size, bool writable, bool guarded);

/* Maps a file like mapping_open(), and reserves `reserve` bytes of address space, so that
 * mapping_exchange() can map a longer file at the same address. Reserves only `size` bytes if there
 * is not enough address space; `mapping->size` says how many. */
int mapping_open_reserve(struct mapping *mapping, int fd, size_t size, size_t reserve,
                         bool writable, bool guarded);

/* Sets the error message for a mapping_open() of `size` bytes of `what` that failed with `r`.
 * Returns the negative error number. */
int mapping_error(int r, const char *what, uint64_t size);

/* Maps `size` bytes of another file at the address of the mapping. Returns 0; -ENOMEM if `size`
 * exceeds the mapping's reserve; or another negative errno. After a failure the mapping is
 * unchanged. No other thread may read through the mapping. */
int mapping_exchange(struct mapping *mapping, int fd, size_t size, bool writable);

/* Unmaps a mapping, if it is mapped, and releases its address space. */
void mapping_close(struct mapping *mapping);

/* Attaches a System V segment. The mapping is not guarded, because a segment can't be truncated.
 * Returns 0; -EBADMSG if the segment has another size; or another negative errno. */
int mapping_open_segment(struct mapping *mapping, int segment, size_t size, bool writable);

/* Installs the SIGBUS handler again, if there is a guarded mapping and the program has installed
 * another handler since the last mapping was opened. For owners of guarded mappings, to call from
 * time to time: one system call. */
void mapping_renew_handler(void);

/* Returns true if the SIGBUS handler is installed. */
bool mapping_has_handler(void);

/* Returns true once a read of the mapping has faulted: its file was truncated. */
static inline bool mapping_lost(const struct mapping *mapping)
{
	/* Relaxed suffices: the handler (guard.c) runs in the thread that faulted, and stores the
	 * mark before the faulting load completes. */
	return mapping->guard && __atomic_load_n(&mapping->guard->lost, __ATOMIC_RELAXED);
}

#endif
