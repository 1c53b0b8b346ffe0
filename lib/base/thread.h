/* SPDX-License-Identifier: MIT
 *
 * The library's threads. A thread belongs to a handle, and ends with it. If the library is unloaded
 * while handles are open, its threads are stopped first: their code is about to go. Any part of the
 * library may call these functions. They set no error message.
 */
#ifndef LIB_BASE_THREAD_H
#define LIB_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>

struct thread {
	pthread_t id;
	void (*stop)(void *context); /* asks the thread to end, and does not wait for that */
	void *context;
	unsigned forks; /* fork_count() at the start: a child has no such thread */
	/* In the list of all threads; `link` points at the pointer to this one, and is NULL outside
	 * the list. */
	struct thread *next, **link;
};

/* Starts a thread that runs `run` with `context`, and with the signals of `blocked` blocked.
 * thread->stop must be set. Returns 0 or a negative errno. */
int thread_start(struct thread *thread, const sigset_t *blocked, void *(*run)(void *context),
                 void *context);

/* Stops the thread, and waits for its end. */
void thread_stop(struct thread *thread);

#endif
