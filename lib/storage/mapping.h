/* SPDX-License-Identifier: MIT
 *
 * Mapped files that another process may truncate (guard.h), and handles that must not cross a fork.
 */
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
 * or another negative errno, without a sentence. */
int mapping_open(struct mapping *mapping, int fd, size_t size, bool writable, bool guarded);

/* The same, with address space for mapping_exchange() up to `reserve`, where that can be had: else
 * `mapping->size` is no more than `size`. */
int mapping_open_reserve(struct mapping *mapping, int fd, size_t size, size_t reserve,
                         bool writable, bool guarded);

/* reserve.c: sets the error message of a failed mapping_open() of `size` bytes of `what`; returns the
 * negative errno. */
int mapping_error(int r, const char *what, uint64_t size);

/* Maps another file in place of the mapping's, at the same address, `size` being no more than what
 * the mapping has reserved. On failure the mapping is as it was. Not for a mapping that another
 * thread is reading. */
int mapping_exchange(struct mapping *mapping, int fd, size_t size, bool writable);
void mapping_close(struct mapping *mapping);

/* Attaches a System V segment: never guarded, as it can't get shorter. 0; -EBADMSG if it has not this
 * size; or another negative errno. Without a sentence. */
int mapping_open_segment(struct mapping *mapping, int segment, size_t size, bool writable);

/* True once a fault hit the mapping: its file is shorter than was read. */
static inline bool mapping_lost(const struct mapping *mapping)
{
	/* Relaxed: the handler stores it in the thread that has the fault, before the load that raised it
	 * is done. */
	return mapping->guard && __atomic_load_n(&mapping->guard->lost, __ATOMIC_RELAXED);
}

/* ---- fork ---- */

/* How many forks lie between this process and the one that first asked. A handle remembers it and
 * refuses to work in a child. Costs a load. */
static inline unsigned fork_count(void)
{
	extern __attribute__((visibility(
		"hidden"))) unsigned forks; /* stored in a child before fork() returns there */

	return __atomic_load_n(&forks, __ATOMIC_RELAXED);
}

/* A descriptor that holds open-file-description locks. They would live on in a child, and keep the
 * parent's place taken after its death; so a child's copies are closed at once after fork(). */
struct lock_fd {
	int fd; /* -1: none, also in a child */
	struct lock_fd *next, **link;
};

/* Takes a descriptor over; 0 or -ENOMEM (the fork handlers can't be installed). */
int lock_fd_add(struct lock_fd *lock, int fd);
void lock_fd_close(struct lock_fd *lock);
/* Moves one to its final place: the list of descriptors points at it. */
void lock_fd_move(struct lock_fd *from, struct lock_fd *to);

#endif
