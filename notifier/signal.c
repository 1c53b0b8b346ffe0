/* SPDX-License-Identifier: MIT
 *
 * The notifier "signal": a queued real-time signal (signal(7)), with a number of its own for each
 * subscriber of a process.
 *
 * A slot can be forged, so the pid in a slot does not decide which process the publisher signals.
 * The subscriber proves its pid with a lock: it makes an empty file in the region's folder, and
 * holds a classic lock (F_SETLK) on one byte of the file; the offset of the byte is the signal's
 * number. The kernel says which process holds a classic lock. The publisher asks (F_GETLK), opens
 * that process as a pidfd, and asks again: if the answer is the same, the pidfd is the holder's. It
 * asks once more before each send, because an exec drops the lock but not the process behind the
 * pidfd. (The file has no other use, as closing any descriptor of a file drops the classic locks
 * that the process holds on it.)
 *
 * For a publisher that may signal any process, such as root, the lock is not enough. Processes made
 * by clone() can share their open files. Then the lock outlives the process that took it, and names
 * a pid that may be reused. So before each send the process must also belong to the user who owns
 * the file: no user can make the publisher signal a process that this user can't signal.
 *
 * No handler is installed, and none runs: the signal is blocked in all threads, as its default
 * action would end the process. It stays blocked after the close, because a publisher may be about
 * to send. Processes that may send signals to the subscriber (its own user's, and root's) can forge
 * notices. siginfo does not prove who sent a signal, as the sender fills it in.
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

#include "lib/base/atomic.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fork.h"
#include "lib/storage/folder.h"
#include "notifier/common.h"

/* How many signals this notifier may take: SIGRTMAX and the next lower numbers. */
#define SIGNAL_NUMBERS 8

/* The numbers that subscribers of this process have taken; entry i is for SIGRTMAX - i. There is no
 * lock, which a child could inherit locked: `taken` changes by compare-and-exchange. */
static struct signal_number {
	/* 0: free. Otherwise signal_own_mark() of the process that took the number: in a child of
	 * that process the number is free. */
	uint64_t taken;
	uint64_t uuid[2]; /* the subscriber's uuid */
} signal_numbers[SIGNAL_NUMBERS];

/* The state of a channel. */
struct signal_end {
	int number; /* the signal's number; 0: none */
	/* The lock file. -1 at a publisher whose subscriber is in its own process: F_GETLK does not
	 * show a process its own locks. */
	int file;
	/* Only used by the publisher: the process to signal, and the owner of the lock file. */
	int pidfd;
	pid_t pid;
	uid_t user;
};

/* ---- numbers ---- */

/* Returns the value of `taken` for numbers that this process took: its fork count plus one, as 0
 * means free. */
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

/* Takes a number for a subscriber. Returns the number, or 0 if none is free. */
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
	static const uint8_t none[16];
	struct signal_number *entry = &signal_numbers[SIGRTMAX - number];

	data_copy_in((unsigned char *)entry->uuid, none, 16);
	store_release(&entry->taken, 0);
}

/* Returns the number of a subscriber that belongs to this process, or 0 for any other
 * subscriber. */
static int signal_number_of(const uint8_t uuid[16])
{
	for (int i = 0; i < SIGNAL_NUMBERS; i++)
		if (load_acquire(&signal_numbers[i].taken) == signal_own_mark() &&
		    data_equal((const unsigned char *)signal_numbers[i].uuid, uuid, 16))
			return SIGRTMAX - i;
	return 0;
}

/* ---- checking that a signal is blocked in all threads ---- */

/* Returns the set of signals that a thread of this process has blocked; bit 0 is signal 1. Returns
 * all signals for a thread that has ended, and none if the thread's status can't be read. */
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

/* The C library's own signals, 32 and 33. Applications can't block them; the C library itself
 * blocks all signals while it makes a thread. So a thread that blocks these signals is still being
 * made, and does not have its final mask yet. */
#define BEING_MADE (3ull << 31)
/* How many times to yield to a thread that is being made. */
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

/* Returns whether all threads of this process block a signal. The calling thread must block it
 * already. Then a thread that is made meanwhile inherits the blocked signal, from the calling
 * thread or from one that was found to block it. */
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

/* Blocks a signal in the calling thread. Fails, and restores the mask, if another thread does not
 * block it. */
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
	return error_set(
		EBUSY,
		"signal %d is not blocked in every thread, and would end this process; block "
		"SIGRTMAX-7 to SIGRTMAX in main(), before threads are made",
		number);
}

/* ---- the lock ---- */

/* Finds the process that holds a write lock on a byte of the file. Returns 0, the pid and the
 * offset of the byte; -ENOLCK, if there is no lock that a subscriber could have taken; or another
 * negative errno. F_GETLK gives the pid 0 for a lock of another PID namespace, and -1 for an open
 * file description's. */
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

/* Makes the lock file and locks it. Returns its descriptor, or a negative errno. */
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

/* Consumes at most `max` pending signals. */
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
			"no signal is free for another subscriber of this process: all from "
			"SIGRTMAX-%d to SIGRTMAX are in use or do not have the default action",
			SIGNAL_NUMBERS - 1);
	r = signal_block(end->number);
	if (r < 0)
		return r;
	/* Signals may be pending that were meant for the subscriber that had this number before. */
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
			"the publisher (user %u) may not send signals to processes of this user; "
			"use the notifier \"socket\" or \"mq\"",
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

/* Waits for a signal from any sender: signals of another process may be the reason why the
 * publisher could not queue its own. */
static void signal_wait(struct channel *channel, uint64_t seen, int64_t deadline)
{
	int64_t left = common_until(channel, deadline) - clock_monotonic();
	struct signal_end *end = channel->state;
	struct timespec time = common_time(left);
	sigset_t set;

	(void)seen;
	if (left <= 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, end->number);
	/* The kernel measures the time-out on the monotonic clock. */
	sigtimedwait(&set, NULL, &time);
}

static void signal_drain(struct channel *channel)
{
	struct signalfd_siginfo infos[COMMON_DRAIN];

	(void)!read(channel->fd, infos, sizeof(infos));
}

/* Only descriptors need closing: a child does not inherit the lock, and its numbers are free. */
static void signal_abandon(struct channel *channel)
{
	struct signal_end *end = channel->state;

	common_detach(channel);
	close(end->file);
	free(end);
	channel->state = NULL;
}

/* ---- the publisher's side ---- */

/* Opens a subscriber's lock file. Returns 0 or a negative errno. */
static int signal_open_file(const struct channel *channel, struct signal_end *end)
{
	char path[FOLDER_FOUND_SIZE];
	struct stat status;
	int entry, r = folder_find(channel->names, channel->uuid, S_IFREG, &entry);

	if (r < 0)
		return r;
	folder_found_path(entry, path);
	/* O_NONBLOCK, because the file's owner may hold a lease on it. */
	end->file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (end->file < 0 || fstat(end->file, &status) < 0)
		r = -errno;
	/* A subscriber makes an empty file of mode 0600. In any other file a lock has another
	 * meaning. */
	else if ((status.st_mode & 07777) != 0600 || status.st_size != 0)
		r = -EPERM;
	else
		end->user = status.st_uid;
	close(entry);
	return r;
}

/* Returns whether the process belongs to the owner of the lock file. So no user can make the
 * publisher signal a process that this user can't signal. If the publisher runs as the file's
 * owner, the kernel checks the permission itself. */
static bool signal_is_of_user(const struct signal_end *end)
{
	struct stat status;
	char path[32];

	if (end->user == geteuid())
		return true;
	/* This directory belongs to the process's effective user. */
	snprintf(path, sizeof(path), "/proc/%d", (int)end->pid);
	return stat(path, &status) == 0 && status.st_uid == end->user;
}

static int signal_attach_end(const struct channel *channel, struct signal_end *end)
{
	int r;

	end->number = signal_number_of(channel->uuid);
	if (end->number != 0) {
		/* The file is not opened: F_GETLK does not show this process its own lock, and
		 * closing the file would drop that lock. */
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
	/* The user's queue of signals is full (RLIMIT_SIGPENDING), perhaps of other signals. A
	 * signal without siginfo, as from kill(2), needs no place in the queue: it is pending or
	 * not. */
	if (r == -EAGAIN)
		syscall(SYS_pidfd_send_signal, end->pidfd, end->number, NULL, 0);
	return r;
}

const struct notifier notifier_signal = {
	.name = "signal",
	.kind = LAYOUT_NOTIFIER_SIGNAL,
	.has_descriptor = true,
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
