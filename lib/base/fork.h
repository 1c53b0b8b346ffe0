/* SPDX-License-Identifier: MIT
 *
 * Protection of handles against fork(). A child process inherits the memory and the descriptors of
 * its parent, but must not act as the same publisher or subscriber. So every handle refuses calls
 * in a child, and descriptors that hold locks are closed there. Any part of the library may call
 * these functions. */
#ifndef LIB_BASE_FORK_H
#define LIB_BASE_FORK_H

/* Installs the fork handlers, so that forks are counted from now on. Returns 0, or -ENOMEM if they
 * can't be installed. */
int fork_watch(void);

/* Locks out fork(): a fork() waits for the lock, so a child never sees a half-made change that
 * another thread makes under the lock. Not recursive. Hold it only briefly. */
void fork_lock(void);

/* Releases the lock of fork_lock(). */
void fork_unlock(void);

/* Returns the number of forks between the process that first called fork_watch() and this process.
 * A handle stores the number when it is opened, and fork_check() compares it. Costs one load. */
static inline unsigned fork_count(void)
{
	/* Number of forks. Stored in a child before fork() returns there. */
	extern __attribute__((visibility("hidden"))) unsigned forks;

	return __atomic_load_n(&forks, __ATOMIC_RELAXED);
}

/* Sets the error message for a handle that belongs to the parent process. Returns -ECHILD. `what`
 * is the handle's kind, such as "publisher". */
int fork_refuse(const char *what);

/* Returns 0 if the handle belongs to this process. Otherwise sets the error message and returns
 * -ECHILD. `forks` is fork_count() of the time when the handle was opened. */
static inline int fork_check(unsigned forks, const char *what)
{
	return forks == fork_count() ? 0 : fork_refuse(what);
}

/* A descriptor that holds open-file-description locks. A copy of the descriptor in a child would
 * keep the locks after the parent's death, and the parent would seem alive. So the fork handler
 * closes the child's copy. */
struct fork_fd {
	int fd; /* -1: none, or closed in a child */
	/* In the list of all such descriptors; `link` points at the pointer to this one, and is
	 * NULL outside the list. */
	struct fork_fd *next, **link;
};

/* Takes ownership of a descriptor, to be closed in a child. Returns 0, or -ENOMEM like
 * fork_watch(). */
int fork_fd_add(struct fork_fd *owned, int fd);

/* Sets the error message for fork handlers that could not be installed. `r` is the result of
 * fork_watch() or fork_fd_add(). Returns `r`. */
int fork_handlers_error(int r);

/* Closes the descriptor, if it is open. */
void fork_fd_close(struct fork_fd *owned);

/* Moves a descriptor to another struct, and updates the list, which points into the struct. */
void fork_fd_move(struct fork_fd *from, struct fork_fd *to);

#endif
