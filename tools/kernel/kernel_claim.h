/* SPDX-License-Identifier: MIT
 *
 * How readers know that a mirror runs: a lock that the kernel drops when the mirror dies. An
 * attached publisher is no proof, because it may be the publisher of other tables.
 *
 * The mirror holds a write lock on one byte of the region's data file, far behind the file's end,
 * and the column `lock` of the table `status` names the byte. The byte is random, so no other
 * mirror, and none before, has the same one. A reader cannot forge the lock: a write lock needs a
 * descriptor that may write. Read locks of a hostile reader can keep the mirror from its byte: then
 * a mirror that runs looks dead, but a dead one never looks alive.
 *
 * The lock belongs to the file. kernel_region.c takes it again after a publisher has replaced the
 * file; `stele show`, `doctor` and `top` look for it. */
#ifndef TOOLS_KERNEL_KERNEL_CLAIM_H
#define TOOLS_KERNEL_KERNEL_CLAIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct kernel_claim {
	uint64_t byte; /* 0: none chosen yet */
	int fd;        /* descriptor of the locked file, or -1 */
	dev_t device;  /* of that file */
	ino_t inode;
};

/* Chooses a byte. */
void kernel_claim_init(struct kernel_claim *claim);
/* Drops the lock. Allowed for a struct that is all zero. */
void kernel_claim_fini(struct kernel_claim *claim);

/* Locks the byte in a region's data file, unless it is locked in that file. Ignores errors: the
 * next call tries again. */
void kernel_claim_hold(struct kernel_claim *claim, const char *path);

/* Returns true if a process holds the lock on this byte. `path` is that of the data file. */
bool kernel_claim_is_held(const char *path, uint64_t byte);

#endif
