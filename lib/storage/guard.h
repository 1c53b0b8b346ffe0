/* SPDX-License-Identifier: MIT
 *
 * The SIGBUS handler. A process that reads a mapped page past the end of its file gets SIGBUS. A
 * region's files may belong to other users, who can truncate them, and that must cost an error,
 * not the process. So the handler maps a page of zeros at the fault, marks the mapping as lost,
 * and returns. Readers check that mark before they use what they read (mapping_lost()). A fault at
 * any other address is passed to the previous action. libwayland-server protects itself in the
 * same way from the buffers of its clients. Only mapping.c may call these functions, all but
 * guard_pin() and guard_is_installed() under fork_lock().
 */
#ifndef LIB_STORAGE_GUARD_H
#define LIB_STORAGE_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "lib/base/atomic.h"

/* A mapping as the handler knows it. The entry outlives the mapping, and is then reused. */
struct guard {
	uintptr_t base; /* start of the mapping; 0: free. Stored last with release, cleared first */
	size_t size;    /* bytes */
	int protection; /* PROT_..., for the page of zeros */
	uint32_t lost;  /* 1: a page of the mapping faulted */
#ifdef STELE_TSAN
	dev_t device;
	ino_t inode;
	unsigned users; /* users of the shared mapping (mapping_share()) */
	bool watched;   /* a user of the mapping asked for the handler */
#endif
};

/* Returns a free entry, or NULL if there is no memory. */
struct guard *guard_new(void);

#ifdef STELE_TSAN
/* Returns the entry of a mapping of this file, or NULL. If `writable`, the mapping must be
 * writable. */
struct guard *guard_of_file(dev_t device, ino_t inode, bool writable);
#endif

/* Increments the count of guarded mappings, and ensures that the kernel calls the library's
 * handler. Installs it for the first mapping, and again if the program has since installed another
 * handler. Returns 0 or a negative errno. */
int guard_watch(void);

/* Returns true if there is a guarded mapping and the kernel calls the library's handler. One system
 * call; the caller need not hold the lock. */
bool guard_is_installed(void);

/* Installs the library's handler again, if there is a guarded mapping and the program has since
 * installed another handler. Does so a few times only: two handlers that each insist on being the
 * first would chain to each other without end. */
void guard_renew(void);

/* Decrements the count of guarded mappings. After the last one, restores the action that the
 * library's handler replaced, unless the program has since installed another handler. */
void guard_unwatch(void);

/* Prevents the library from being unloaded, if another handler may still chain to the library's.
 * The caller must hold no lock: this function takes the dynamic loader's lock, which a constructor
 * that opens a region already holds. */
void guard_pin(void);

#endif
