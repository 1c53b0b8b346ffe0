/* SPDX-License-Identifier: MIT
 *
 * What must not cross a fork(): a handle refuses to work in a child, and descriptors that hold locks
 * are closed there. Any part of the library that opens a handle may call these. */
#ifndef LIB_BASE_FORK_H
#define LIB_BASE_FORK_H

/* From here on forks are counted. Returns 0 or -ENOMEM: the fork handlers can't be installed. */
int fork_watch(void);

/* Lets a fork() wait, so that what other threads change under the lock is complete in the child. Held
 * for short, and never twice. */
void fork_lock(void);
void fork_unlock(void);

/* Returns how many forks lie between this process and the one that first called fork_watch(). A handle
 * remembers the number, and fork_check() compares it. Costs a load. */
static inline unsigned fork_count(void)
{
	extern __attribute__((visibility(
		"hidden"))) unsigned forks; /* stored in a child before fork() returns there */

	return __atomic_load_n(&forks, __ATOMIC_RELAXED);
}

/* Returns 0, or -ECHILD with an error message if the process forked since the handle was opened: then
 * it belongs to the parent. `forks` is the handle's fork_count(), `what` its kind ("publisher"). */
int fork_refuse(const char *what);
static inline int fork_check(unsigned forks, const char *what)
{
	return forks == fork_count() ? 0 : fork_refuse(what);
}

/* A descriptor that holds open-file-description locks. They would live on in a child, and keep the
 * parent's place taken after its death; so a child's copies are closed at once after fork(). */
struct fork_fd {
	int fd; /* -1: none, also in a child */
	struct fork_fd *next, **link;
};

/* Takes a descriptor over; returns 0 or -ENOMEM, as fork_watch(). */
int fork_fd_add(struct fork_fd *owned, int fd);
void fork_fd_close(struct fork_fd *owned);
/* Moves one to its final place: the list of descriptors points at it. */
void fork_fd_move(struct fork_fd *from, struct fork_fd *to);

#endif
