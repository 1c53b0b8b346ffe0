/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/bench/bench_bare.h"
#include "tools/bench/bench_core.h"

enum status bare_fail_send(const char *mechanism, int result)
{
	return fail(STATUS_SYSTEM, "cannot send with %s: %s", mechanism, strerror(-result));
}

static int bare_open_none(struct bare_pair *pair)
{
	(void)pair;
	return 0;
}

static void bare_close_none(struct bare_pair *pair)
{
	(void)pair;
}

static void bare_close_both(struct bare_pair *pair)
{
	if (pair->receive >= 0)
		close(pair->receive);
	if (pair->send >= 0 && pair->send != pair->receive)
		close(pair->send);
	pair->send = pair->receive = -1;
}

/* The message sent through queues, sockets and FIFOs. It has the size of a version number. */
static const uint64_t message;

/* Returns 0 if a complete message was sent or received, or a negative errno. */
static int bare_moved(ssize_t size)
{
	return size < 0 ? -errno : size == sizeof(message) ? 0 : -EIO;
}

/* ---- POSIX message queues ---- */

static int bare_mq_pair_open(struct bare_pair *pair)
{
	struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = sizeof(message)};
	char name[64];
	mqd_t queue;

	snprintf(name, sizeof(name), "/stele-bench-%d", (int)getpid());
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
	if (queue < 0)
		return -errno;
	mq_unlink(name);
	pair->send = pair->receive = queue;
	return 0;
}

static int bare_mq_pair_send(struct bare_pair *pair)
{
	return mq_send(pair->send, (const char *)&message, sizeof(message), 0) < 0 ? -errno : 0;
}

static int bare_mq_pair_receive(struct bare_pair *pair)
{
	uint64_t got;

	return bare_moved(mq_receive(pair->receive, (char *)&got, sizeof(got), NULL));
}

const struct bare bare_mq = {
	.open = bare_mq_pair_open,
	.send = bare_mq_pair_send,
	.receive = bare_mq_pair_receive,
	.close = bare_close_both,
};

/* ---- futexes, and spinning: a counter in shared memory ---- */

/* Release: a receiver that sees the word also sees what was written before. Only one process
 * writes the word. */
static int bare_word_store(struct bare_pair *pair)
{
	uint32_t word = __atomic_load_n(&pair->shared->word, __ATOMIC_RELAXED);

	__atomic_store_n(&pair->shared->word, word + 1, __ATOMIC_RELEASE);
	return 0;
}

/* Acquire: pairs with bare_word_store(). */
static bool bare_word_is_new(struct bare_pair *pair)
{
	uint32_t word = __atomic_load_n(&pair->shared->word, __ATOMIC_ACQUIRE);
	bool is_new = word != pair->seen;

	pair->seen = word;
	return is_new;
}

static int bare_futex_send(struct bare_pair *pair)
{
	bare_word_store(pair);
	return syscall(SYS_futex, &pair->shared->word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) < 0
	               ? -errno
	               : 0;
}

static int bare_futex_receive(struct bare_pair *pair)
{
	while (!bare_word_is_new(pair))
		if (syscall(SYS_futex, &pair->shared->word, FUTEX_WAIT, pair->seen, NULL, NULL, 0) <
		            0 &&
		    errno != EAGAIN && errno != EINTR)
			return -errno;
	return 0;
}

const struct bare bare_futex = {
	.one_for_all = true,
	.open = bare_open_none,
	.send = bare_futex_send,
	.receive = bare_futex_receive,
	.close = bare_close_none,
};

static int bare_spin_receive(struct bare_pair *pair)
{
	while (!bare_word_is_new(pair))
		bench_pause();
	return 0;
}

const struct bare bare_spin = {
	.spins = true,
	.one_for_all = true,
	.open = bare_open_none,
	.send = bare_word_store,
	.receive = bare_spin_receive,
	.close = bare_close_none,
};

/* ---- sockets, FIFOs ---- */

static int bare_socket_open(struct bare_pair *pair)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	pair->receive = fds[0];
	pair->send = fds[1];
	return 0;
}

static int bare_socket_send(struct bare_pair *pair)
{
	return bare_moved(send(pair->send, &message, sizeof(message), MSG_NOSIGNAL));
}

static int bare_socket_receive(struct bare_pair *pair)
{
	uint64_t got;

	return bare_moved(recv(pair->receive, &got, sizeof(got), 0));
}

const struct bare bare_socket = {
	.open = bare_socket_open,
	.send = bare_socket_send,
	.receive = bare_socket_receive,
	.close = bare_close_both,
};

/* A pipe is a FIFO without a name. */
static int bare_fifo_open(struct bare_pair *pair)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pair->receive = fds[0];
	pair->send = fds[1];
	return 0;
}

static int bare_fifo_send(struct bare_pair *pair)
{
	return bare_moved(write(pair->send, &message, sizeof(message)));
}

static int bare_fifo_receive(struct bare_pair *pair)
{
	uint64_t got;

	return bare_moved(read(pair->receive, &got, sizeof(got)));
}

const struct bare bare_fifo = {
	.open = bare_fifo_open,
	.send = bare_fifo_send,
	.receive = bare_fifo_receive,
	.close = bare_close_both,
};

/* ---- signals ---- */

static int bare_signal_number(void)
{
	return SIGRTMIN + 5;
}

/* Blocks the signal here, so that the child inherits the mask and cannot be killed by an early
 * signal. */
static int bare_signal_open(struct bare_pair *pair)
{
	sigset_t signals;

	(void)pair;
	sigemptyset(&signals);
	sigaddset(&signals, bare_signal_number());
	return sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : 0;
}

static int bare_signal_send(struct bare_pair *pair)
{
	if (pair->send < 0)
		pair->send = (int)syscall(SYS_pidfd_open, pair->receiver, 0);
	return pair->send < 0 || syscall(SYS_pidfd_send_signal, pair->send, bare_signal_number(),
	                                 NULL, 0) < 0
	               ? -errno
	               : 0;
}

static int bare_signal_receive(struct bare_pair *pair)
{
	struct timespec second = {.tv_sec = 1};
	sigset_t signals;

	(void)pair;
	sigemptyset(&signals);
	sigaddset(&signals, bare_signal_number());
	while (sigtimedwait(&signals, NULL, &second) < 0)
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	return 0;
}

const struct bare bare_signal = {
	.open = bare_signal_open,
	.send = bare_signal_send,
	.receive = bare_signal_receive,
	.close = bare_close_both,
};

/* ---- semaphores ---- */

static int bare_semaphore_open(struct bare_pair *pair)
{
	return sem_init(&pair->shared->semaphore, 1, 0) < 0 ? -errno : 0;
}

static int bare_semaphore_send(struct bare_pair *pair)
{
	return sem_post(&pair->shared->semaphore) < 0 ? -errno : 0;
}

static int bare_semaphore_receive(struct bare_pair *pair)
{
	while (sem_wait(&pair->shared->semaphore) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

const struct bare bare_semaphore = {
	.open = bare_semaphore_open,
	.send = bare_semaphore_send,
	.receive = bare_semaphore_receive,
	.close = bare_close_none,
};

/* ---- System V message queues ---- */

static int bare_sysv_open(struct bare_pair *pair)
{
	pair->send = pair->receive = msgget(IPC_PRIVATE, 0600);
	return pair->send < 0 ? -errno : 0;
}

static int bare_sysv_send(struct bare_pair *pair)
{
	static const long type = 1;

	return msgsnd(pair->send, &type, 0, 0) < 0 ? -errno : 0;
}

static int bare_sysv_receive(struct bare_pair *pair)
{
	long type;

	return msgrcv(pair->receive, &type, 0, 0, 0) < 0 ? -errno : 0;
}

static void bare_sysv_close(struct bare_pair *pair)
{
	if (pair->send >= 0)
		msgctl(pair->send, IPC_RMID, NULL);
	pair->send = pair->receive = -1;
}

const struct bare bare_sysv = {
	.open = bare_sysv_open,
	.send = bare_sysv_send,
	.receive = bare_sysv_receive,
	.close = bare_sysv_close,
};
