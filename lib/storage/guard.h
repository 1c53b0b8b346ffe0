/* SPDX-License-Identifier: MIT
 *
 * The SIGBUS handler. Touching a mapped page past the end of its file is SIGBUS. The files of a
 * region belong to other users as well, so a truncated one must cost an error and not the process:
 * the handler maps a page of zeros over the fault, marks the mapping as lost, and returns. Readers
 * check that mark before they believe what they read. A fault at any other address goes to the
 * action that was there before. libwayland-server treats its clients' buffers the same way.
 *
 * All functions but guard_pin() are called under fork_lock().
 */
#ifndef LIB_STORAGE_GUARD_H
#define LIB_STORAGE_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "lib/base/atomic.h"

/* A mapping as the handler knows it. The entry outlives the mapping. */
struct guard {
	uintptr_t base; /* 0: free. Stored last with release, cleared first */
	size_t size;
	int protection;
	uint32_t lost;
#ifdef STELE_TSAN
	dev_t device;
	ino_t inode;
	unsigned users;
	bool watched; /* one of its users asked for the handler */
#endif
};

/* Returns a free entry, or NULL: no memory. */
struct guard *guard_new(void);

#ifdef STELE_TSAN
/* Returns the entry of a mapped file, or NULL. */
struct guard *guard_of_file(dev_t device, ino_t inode, bool writable);
#endif

/* Counts one more guarded mapping, and sees to it that the kernel calls the library's handler:
 * installs it for the first one, and again where the program has installed its own since. Returns 0
 * or a negative errno. Sets no message. */
int guard_watch(void);

/* Counts one guarded mapping less. With the last one the action before the library's is restored,
 * unless the program has installed another since. */
void guard_unwatch(void);

/* Keeps the library loaded once another handler may call the library's for ever. Called without any
 * lock, as it takes the dynamic loader's: a constructor that opens a region runs under that one. */
void guard_pin(void);

#endif
