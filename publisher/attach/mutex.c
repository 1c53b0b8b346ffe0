/* SPDX-License-Identifier: MIT
 *
 * Initialises, locks and unlocks the region's mutex. The mutex is in the publisher file, because
 * only publishers can open that file. In the data file, a reader with a read-only mapping could
 * move the mutex's waiters to another futex. In the subscribers file, any subscriber could forge
 * the mutex's links in the robust list of its owner, through which an unlock, or the kernel at the
 * owner's death, writes to memory. */
#include "publisher/attach/mutex.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "lib/base/abi.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/units.h"
#include "publisher/attach/attach_wait.h"

static int mutex_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attributes;
	int errnum = pthread_mutexattr_init(&attributes);

	if (errnum != 0)
		return -errnum;
	errnum = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	if (errnum == 0)
		errnum = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	if (errnum == 0)
		errnum = pthread_mutex_init(mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return -errnum;
}

int mutex_file_init(struct layout_publisher_file *file)
{
	int r = paths_boot_id(file->boot_id);

	if (r < 0)
		return r;
	r = mutex_init(&file->mutex);
	if (r < 0)
		return error_set(-r, "cannot make a process-shared mutex: %s", strerror(-r));
	file->magic = LAYOUT_MAGIC_PUBLISHER;
	file->layout_version = LAYOUT_VERSION;
	file->byte_order = LAYOUT_BYTE_ORDER;
	file->incompatible = 0;
	abi_record(file);
	return 0;
}

#ifdef STELE_TSAN
/* Locks a mutex, waiting until a time of CLOCK_MONOTONIC at most. Returns 0 or an errno of
 * pthread_mutex_clocklock(). A build with ThreadSanitizer uses other functions: ThreadSanitizer
 * does not know pthread_mutex_clocklock(). Nor does it know that pthread_mutex_timedlock() has
 * locked the mutex when that function returns EOWNERDEAD, so ThreadSanitizer would report an extra
 * unlock. */
static int mutex_lock_until(pthread_mutex_t *mutex, int64_t until)
{
	int errnum;

	while ((errnum = pthread_mutex_trylock(mutex)) == EBUSY && clock_monotonic() < until)
		sched_yield();
	return errnum;
}
#else
static int mutex_lock_until(pthread_mutex_t *mutex, int64_t until)
{
	struct timespec time = {.tv_sec = until / NSEC_PER_SEC,
	                        .tv_nsec = (long)(until % NSEC_PER_SEC)};

	return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &time);
}
#endif

/* Sets the error message about a publisher that holds the mutex. The mutex does not say which one
 * that is, in a form that all C libraries share. Returns -EBUSY. */
static int mutex_busy(const struct attachment *attachment, const char *outcome)
{
	struct layout_publisher last = attachment->region.header->publisher;

	last.command[sizeof(last.command) - 1] = '\0';
	return error_set(
		EBUSY,
		"another publisher of region \"%s\" is in a transaction%s (process %u, %s, is the "
		"last one that committed)",
		attachment->region.names.region, outcome, last.pid, last.command);
}

/* Waits for the mutex, which another publisher holds. Returns 0 or an errno of
 * pthread_mutex_clocklock(). */
static int mutex_wait(const struct attachment *attachment)
{
	pthread_mutex_t *mutex = &attachment->publisher_file->mutex;
	struct attach_wait wait;
	int errnum;

	attach_wait_start(&wait, attachment->lock_timeout, attachment->waiting,
	                  attachment->waiting_context);
	errnum = mutex_lock_until(mutex, attach_wait_next(&wait));
	if ((errnum == ETIMEDOUT || errnum == EBUSY) && attach_wait_is_due(&wait)) {
		mutex_busy(attachment, "");
		attach_wait_tell(&wait);
		errnum = mutex_lock_until(mutex, wait.until);
	}
	return errnum;
}

int mutex_lock(struct attachment *attachment)
{
	pthread_mutex_t *mutex = &attachment->publisher_file->mutex;
	int errnum = pthread_mutex_trylock(mutex);

	if (errnum == EBUSY)
		errnum = mutex_wait(attachment);
	if (errnum == EOWNERDEAD) {
		/* No version reaches what the dead owner left unfinished in the region, so only the
		 * mutex itself must be made consistent. */
		attachment->deaths++;
		pthread_mutex_consistent(mutex);
		return 1;
	}
	if (errnum == ENOTRECOVERABLE)
		return -ENOTRECOVERABLE;
	if (errnum != 0)
		return mutex_busy(attachment, " and did not end it in time; try again");
	return 0;
}

void mutex_unlock(struct attachment *attachment)
{
	pthread_mutex_unlock(&attachment->publisher_file->mutex);
}
