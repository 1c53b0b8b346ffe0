/* SPDX-License-Identifier: MIT */
#include "lib/base/thread.h"

#include <stdbool.h>

#include "lib/base/fork.h"

/* All threads. fork_lock() protects the list. */
static struct thread *thread_list;

/* Removes a thread from the list. Returns false if it was not there. */
static bool thread_remove(struct thread *thread)
{
	bool listed;

	fork_lock();
	listed = thread->link != NULL;
	if (listed) {
		*thread->link = thread->next;
		if (thread->next)
			thread->next->link = thread->link;
		thread->link = NULL;
	}
	fork_unlock();
	return listed;
}

int thread_start(struct thread *thread, const sigset_t *blocked, void *(*run)(void *context),
                 void *context)
{
	sigset_t before;
	int r;

	thread->context = context;
	thread->forks = fork_count();
	pthread_sigmask(SIG_BLOCK, blocked, &before);
	r = pthread_create(&thread->id, NULL, run, context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return -r;
	fork_lock();
	thread->next = thread_list;
	thread->link = &thread_list;
	if (thread_list)
		thread_list->link = &thread->next;
	thread_list = thread;
	fork_unlock();
	return 0;
}

void thread_stop(struct thread *thread)
{
	if (!thread_remove(thread) || thread->forks != fork_count())
		return;
	thread->stop(thread->context);
	pthread_join(thread->id, NULL);
}

/* Stops all threads at dlclose(), and at exit(). Priority: before guard_fini(). */
__attribute__((destructor(65535))) static void thread_stop_all(void)
{
	while (thread_list)
		thread_stop(thread_list);
}
