/* SPDX-License-Identifier: MIT
 *
 * Queued real-time signals (signal(7)), one number for each subscriber of a process.
 *
 * Whom to send to is proved, not read from the slot. The subscriber has a file in the region's
 * folder, empty, on which it holds a classic lock (F_SETLK), whose one byte is at the offset that is
 * the signal's number. The system tells who holds a classic lock; the publisher asks, opens that
 * process as a pidfd, and asks again: if the answer is the same, the pidfd is the holder's. (A file
 * of its own, as closing any descriptor of a file drops a process's classic locks on it.) It asks
 * once more before each send, because the lock does not survive an exec, and the pidfd does.
 *
 * That is not enough for a publisher that may signal anybody, as root may. Processes made by clone()
 * can share their open files without being one process; then the lock outlives who took it and names
 * a number that the next process may get. So the process must also be, before each send, one of the
 * user whose file it is: a user's file lets nobody be signalled whom that user can't signal.
 *
 * No handler is installed and none is called: the number is blocked in all threads, or its default
 * action would be the end of the process. For the same reason it is not unblocked at close, as a
 * publisher may be about to send. Who may send signals to the process can forge notices, that is its
 * own user and root; what the signal says of its sender was written by that, too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "notifier/common.h"
#include "lib/base/atomic.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fork.h"
#include "lib/storage/folder.h"

#define SIGNAL_NUMBERS 8 /* signals that this may take: SIGRTMAX and those before it */

/* Which numbers are taken in this process, by whom. `taken` is 0, or one more than the fork count of
 * the process that took it: what a parent took is free in its child. It is changed by compare and
 * exchange, so no lock is left taken in a child. */
static struct signal_number {
	uint64_t taken;
	uint64_t uuid[2];
} signal_numbers[SIGNAL_NUMBERS];

/* A subscriber's end: the lock file. A publisher's: whom to send to. */
struct signal_end {
	int number;
	int file;  /* -1: within this process, where no lock is seen */
	int pidfd; /* publisher */
	pid_t pid;
	uid_t user; /* of the file */
};

/* ---- numbers ---- */

static uint64_t signal_own_mark(void)
{
	return fork_count() + UINT64_C(1);
}

static bool signal_has_default_action(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && !(action.sa_flags & SA_SIGINFO) &&
	       action.sa_handler == SIG_DFL;
}

/* Takes a number for a subscriber, or returns 0. */
static int signal_number_take(const uint8_t uuid[16])
{
	for (int i = 0; i < SIGNAL_NUMBERS; i++) {
		uint64_t taken = load_relaxed(&signal_numbers[i].taken);
		if (taken == signal_own_mark() || !signal_has_default_action(SIGRTMAX - i) ||
		    !__atomic_compare_exchange_n(&signal_numbers[i].taken, &taken,
		                                 signal_own_mark(), false, __ATOMIC_ACQUIRE,
		                                 __ATOMIC_RELAXED))
			continue;
		data_copy_in((unsigned char *)signal_numbers[i].uuid, uuid, 16);
		return SIGRTMAX - i;
	}
	return 0;
}

static void signal_number_release(int number)
{
	static const uint8_t nobody[16];
	struct signal_number *entry = &signal_numbers[SIGRTMAX - number];

	data_copy_in((unsigned char *)entry->uuid, nobody, 16);
	store_release(&entry->taken, 0);
}

/* The number of a subscriber of this very process, or 0. */
static int signal_number_of(const uint8_t uuid[16])
{
	for (int i = 0; i < SIGNAL_NUMBERS; i++)
		if (load_acquire(&signal_numbers[i].taken) == signal_own_mark() &&
		    data_equal((const unsigned char *)signal_numbers[i].uuid, uuid, 16))
			return SIGRTMAX - i;
	return 0;
}

/* ---- blocked in all threads ---- */

/* The signals that a thread of this process has blocked, bit 0 for signal 1; all for one that has
 * ended, none for one that can't be looked at. */
static unsigned long long signal_blocked_by(const char *thread)
{
	unsigned long long blocked = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", thread);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT || errno == ESRCH ? ~0ull : 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "SigBlk: %llx", &blocked) == 1)
			break;
	fclose(file);
	return blocked;
}

/* While the C library makes a thread, that has all signals blocked, the library's own (32 and 33)
 * too, which nobody else can block; what it will have blocked is seen after that. */
#define BEING_MADE (3ull << 31)
#define MADE_TRIES 1000

static bool signal_is_blocked_in(const char *thread, int number)
{
	unsigned long long blocked = signal_blocked_by(thread);

	for (int i = 0; i < MADE_TRIES && blocked != ~0ull && (blocked & BEING_MADE) == BEING_MADE;
	     i++) {
		sched_yield();
		blocked = signal_blocked_by(thread);
	}
	return blocked == ~0ull ||
	       ((blocked & BEING_MADE) != BEING_MADE && (blocked >> (number - 1) & 1));
}

/* The calling thread has it blocked, so a thread that is made while this looks has inherited that
 * from it or from one that was found to. */
static bool signal_is_blocked_in_all(int number)
{
	DIR *threads = opendir("/proc/self/task");
	struct dirent *entry;
	bool all = threads != NULL;

	while (all && (entry = readdir(threads)) != NULL)
		if (entry->d_name[0] != '.')
			all = signal_is_blocked_in(entry->d_name, number);
	if (threads)
		closedir(threads);
	return all;
}

/* Blocks a number, or leaves it as it was. */
static int signal_block(int number)
{
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	if (signal_is_blocked_in_all(number))
		return 0;
	if (!sigismember(&before, number))
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return error_set(EBUSY,
	                 "signal %d is not blocked in every thread of this process, which it would "
	                 "end; block SIGRTMAX-7 to SIGRTMAX in main(), before threads are made",
	                 number);
}

/* ---- the lock ---- */

/* Asks who has which byte locked for writing: 0, or -ENOLCK where nobody has one that can be such a
 * lock. A lock of another PID namespace has the pid 0 here, one of an open file description -1. */
static int signal_lock_owner(int file, pid_t *ret_pid, int *ret_number)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(file, F_GETLK, &lock) < 0)
		return -errno;
	if (lock.l_type != F_WRLCK || lock.l_pid <= 0 || lock.l_len != 1 ||
	    lock.l_start < SIGRTMIN || lock.l_start > SIGRTMAX)
		return -ENOLCK;
	*ret_pid = lock.l_pid;
	*ret_number = (int)lock.l_start;
	return 0;
}

static bool signal_lock_is_held(const struct signal_end *end)
{
	pid_t pid;
	int number;

	return signal_lock_owner(end->file, &pid, &number) == 0 && pid == end->pid &&
	       number == end->number;
}

/* Makes the file, with the lock: a descriptor, or a negative errno. */
static int signal_lock_create(const struct channel *channel, int folder, int number)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = number, .l_len = 1};
	char path[FOLDER_SHORT_SIZE];
	int fd;

	folder_entry_at(folder, channel->uuid, path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) == 0 && fcntl(fd, F_SETLK, &lock) == 0)
		return fd;
	int r = -errno;
	close(fd);
	return r;
}

/* ---- the subscriber's side ---- */

static void signal_take_pending(int number, int max)
{
	static const struct timespec past = {0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	while (max-- > 0 && sigtimedwait(&set, NULL, &past) > 0)
		;
}

static int signal_open_locked(struct channel *channel, struct signal_end *end, int folder)
{
	sigset_t set;
	int r;

	end->number = signal_number_take(channel->uuid);
	if (end->number == 0)
		return error_set(
			EBUSY,
			"no signal is free for one more subscriber of this process: the last "
			"%d are taken, or have handlers",
			SIGNAL_NUMBERS);
	r = signal_block(end->number);
	if (r < 0)
		return r;
	/* Of whoever had the number before. */
	signal_take_pending(end->number, COMMON_DRAIN);
	sigemptyset(&set);
	sigaddset(&set, end->number);
	channel->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	end->file = channel->fd < 0 ? -errno : signal_lock_create(channel, folder, end->number);
	return end->file < 0 ? common_error(channel, "lock file", -end->file) : 0;
}

static void signal_close(struct channel *channel)
{
	struct signal_end *end = channel->state;

	common_close(channel);
	if (end->file >= 0)
		close(end->file);
	if (end->number != 0) {
		signal_take_pending(end->number, COMMON_DRAIN);
		signal_number_release(end->number);
	}
	free(end);
	channel->state = NULL;
}

static int signal_open(struct channel *channel)
{
	struct signal_end *end;
	int folder, r;

	if (channel->owner != 0 && channel->owner != geteuid())
		return error_set(
			EPERM,
			"the publisher (user %u) may not send signals to this user's processes",
			channel->owner);
	r = folder_open(channel->names, channel->owner, &folder);
	if (r < 0)
		return r;
	end = calloc(1, sizeof(*end));
	if (!end) {
		close(folder);
		return error_set(ENOMEM, "no memory for a subscriber");
	}
	end->file = end->pidfd = -1;
	channel->state = end;
	r = signal_open_locked(channel, end, folder);
	close(folder);
	if (r < 0)
		signal_close(channel);
	else
		snprintf(channel->name, sizeof(channel->name), "signal %d of process %d",
		         end->number, (int)getpid());
	return r;
}

/* Whoever sent the signal, the wait ends: it may be why the publisher could not queue its own. */
static void signal_wait(struct channel *channel, uint64_t seen, int64_t deadline)
{
	int64_t left = common_until(deadline) - clock_monotonic();
	struct signal_end *end = channel->state;
	struct timespec time = common_time(left);
	sigset_t set;

	(void)seen;
	if (left <= 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, end->number);
	/* Its time-out is on the monotonic clock. */
	sigtimedwait(&set, NULL, &time);
}

static void signal_drain(struct channel *channel)
{
	struct signalfd_siginfo infos[COMMON_DRAIN];

	(void)!read(channel->fd, infos, sizeof(infos));
}

/* In a child the lock is not held and the numbers are not taken: only descriptors are there. */
static void signal_abandon(struct channel *channel)
{
	struct signal_end *end = channel->state;

	common_detach(channel);
	close(end->file);
	free(end);
	channel->state = NULL;
}

/* ---- the publisher's side ---- */

/* Opens the file: 0 or a negative errno. */
static int signal_open_file(const struct channel *channel, struct signal_end *end)
{
	char path[FOLDER_FOUND_SIZE];
	struct stat status;
	int entry, r = folder_find(channel->names, channel->uuid, S_IFREG, &entry);

	if (r < 0)
		return r;
	folder_found_path(entry, path);
	/* Never waiting: its owner may have a lease on it. */
	end->file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (end->file < 0 || fstat(end->file, &status) < 0)
		r = -errno;
	/* As a subscriber makes it: a file that its user uses for something else says nothing. */
	else if ((status.st_mode & 07777) != 0600 || status.st_size != 0)
		r = -EPERM;
	else
		end->user = status.st_uid;
	close(entry);
	return r;
}

/* Whether the process is one of the file's user: who that user can't signal, nobody is made to
 * signal. The kernel itself judges it where the publisher is that user. */
static bool signal_is_of_user(const struct signal_end *end)
{
	struct stat status;
	char path[32];

	if (end->user == geteuid())
		return true;
	/* The owner of this folder is the process's effective user. */
	snprintf(path, sizeof(path), "/proc/%d", (int)end->pid);
	return stat(path, &status) == 0 && status.st_uid == end->user;
}

static int signal_attach_end(const struct channel *channel, struct signal_end *end)
{
	int r;

	end->number = signal_number_of(channel->uuid);
	if (end->number != 0) {
		/* A process does not see its own locks, and would lose them here. */
		end->pid = getpid();
		end->user = geteuid();
	} else {
		r = signal_open_file(channel, end);
		if (r == 0)
			r = signal_lock_owner(end->file, &end->pid, &end->number);
		if (r < 0)
			return r;
	}
	end->pidfd = (int)syscall(SYS_pidfd_open, end->pid, 0);
	if (end->pidfd < 0)
		return -errno;
	return end->file < 0 || signal_lock_is_held(end) ? 0 : -ENOLCK;
}

static void signal_detach(struct channel *channel)
{
	struct signal_end *end = channel->state;

	if (end->file >= 0)
		close(end->file);
	if (end->pidfd >= 0)
		close(end->pidfd);
	free(end);
	channel->state = NULL;
}

static int signal_attach(struct channel *channel)
{
	struct signal_end *end = calloc(1, sizeof(*end));
	int r;

	if (!end)
		return -ENOMEM;
	end->file = end->pidfd = -1;
	channel->state = end;
	r = signal_attach_end(channel, end);
	if (r < 0)
		signal_detach(channel);
	return r;
}

static int signal_send(struct channel *channel, uint64_t version)
{
	const struct signal_end *end = channel->state;
	siginfo_t info = {
		.si_signo = end->number,
		.si_code = SI_QUEUE,
	};
	int r;

	if (end->file >= 0 && (!signal_lock_is_held(end) || !signal_is_of_user(end)))
		return -ENOLCK;
	info.si_pid = getpid();
	info.si_uid = geteuid();
	info.si_value.sival_ptr = (void *)(uintptr_t)version;
	if (syscall(SYS_pidfd_send_signal, end->pidfd, end->number, &info, 0) == 0)
		return 0;
	r = -errno;
	/* The user's queue is full (RLIMIT_SIGPENDING), maybe of others' signals. As kill(2) sends it,
	 * a signal needs no place there: it is pending or it is not. */
	if (r == -EAGAIN)
		syscall(SYS_pidfd_send_signal, end->pidfd, end->number, NULL, 0);
	return r;
}

const struct notifier notifier_signal = {
	.name = "signal",
	.kind = LAYOUT_NOTIFIER_SIGNAL,
	.open = signal_open,
	.wait = signal_wait,
	.drain = signal_drain,
	.close = signal_close,
	.abandon = signal_abandon,
	.attach = signal_attach,
	.send = signal_send,
	.detach = signal_detach,
	.reap = common_reap,
};
