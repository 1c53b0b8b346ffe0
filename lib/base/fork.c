/* SPDX-License-Identifier: MIT */
#include "lib/base/fork.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"

static pthread_mutex_t fork_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fork_fd *fork_fds;
unsigned forks;
static bool fork_handlers;

void fork_lock(void)
{
	pthread_mutex_lock(&fork_mutex);
}

void fork_unlock(void)
{
	pthread_mutex_unlock(&fork_mutex);
}

/* Closes the registered descriptors in a child and counts the fork. Runs before fork() returns in
 * the child, with the lock that fork_lock() took in the parent. */
static void fork_in_child(void)
{
	struct fork_fd *owned;

	for (owned = fork_fds; owned; owned = owned->next) {
		close(owned->fd);
		owned->fd = -1;
	}
	__atomic_store_n(&forks, forks + 1, __ATOMIC_RELAXED);
	fork_unlock();
}

int fork_watch(void)
{
	int r = 0;

	fork_lock();
	if (!fork_handlers) {
		r = -pthread_atfork(fork_lock, fork_unlock, fork_in_child);
		fork_handlers = r == 0;
	}
	fork_unlock();
	return r;
}

int fork_refuse(const char *what)
{
	return error_set(ECHILD, "this %s belongs to the parent process; open one in the child",
	                 what);
}

int fork_fd_add(struct fork_fd *owned, int fd)
{
	int r = fork_watch();

	if (r < 0)
		return r;
	fork_lock();
	owned->fd = fd;
	owned->next = fork_fds;
	owned->link = &fork_fds;
	if (fork_fds)
		fork_fds->link = &owned->next;
	fork_fds = owned;
	fork_unlock();
	return 0;
}

int fork_handlers_error(int r)
{
	return error_set(-r, "cannot install fork handlers: %s", strerror(-r));
}

/* Reads `link` under the lock as well: another thread that adds or removes a neighbour in the list
 * writes it. */
void fork_fd_close(struct fork_fd *owned)
{
	fork_lock();
	if (owned->link) {
		*owned->link = owned->next;
		if (owned->next)
			owned->next->link = owned->link;
		owned->link = NULL;
		if (owned->fd >= 0)
			close(owned->fd);
		owned->fd = -1;
	}
	fork_unlock();
}

void fork_fd_move(struct fork_fd *from, struct fork_fd *to)
{
	fork_lock();
	*to = *from;
	*to->link = to;
	if (to->next)
		to->next->link = &to->next;
	from->link = NULL;
	from->fd = -1;
	fork_unlock();
}
