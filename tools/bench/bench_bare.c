/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "tools/bench/bench_bare.h"
#include "tools/bench/bench_core.h"

static int nothing_to_open(struct bare_pair *pair)
{
	(void)pair;
	return 0;
}

static void nothing_to_close(struct bare_pair *pair)
{
	(void)pair;
}

static void close_both(struct bare_pair *pair)
{
	if (pair->receive >= 0)
		close(pair->receive);
	if (pair->send >= 0 && pair->send != pair->receive)
		close(pair->send);
	pair->send = pair->receive = -1;
}

/* What goes through queues, sockets and FIFOs: a version's size. */
static const uint64_t message;

static int moved(ssize_t size)
{
	return size < 0 ? -errno : size == sizeof(message) ? 0 : -EIO;
}

/* ---- POSIX message queues ---- */

static int mq_pair_open(struct bare_pair *pair)
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

static int mq_pair_send(struct bare_pair *pair)
{
	return mq_send(pair->send, (const char *)&message, sizeof(message), 0) < 0 ? -errno : 0;
}

static int mq_pair_receive(struct bare_pair *pair)
{
	uint64_t got;

	return moved(mq_receive(pair->receive, (char *)&got, sizeof(got), NULL));
}

const struct bare bare_mq = {
	.open = mq_pair_open,
	.send = mq_pair_send,
	.receive = mq_pair_receive,
	.close = close_both,
};

/* ---- futexes, and spinning: a word that counts ---- */

/* Release: what was written before is there for who sees the word. One process writes it. */
static int word_store(struct bare_pair *pair)
{
	uint32_t word = __atomic_load_n(&pair->shared->word, __ATOMIC_RELAXED);

	__atomic_store_n(&pair->shared->word, word + 1, __ATOMIC_RELEASE);
	return 0;
}

/* Acquire: pairs with word_store(). */
static bool word_is_new(struct bare_pair *pair)
{
	uint32_t word = __atomic_load_n(&pair->shared->word, __ATOMIC_ACQUIRE);
	bool is_new = word != pair->seen;

	pair->seen = word;
	return is_new;
}

static int futex_send(struct bare_pair *pair)
{
	word_store(pair);
	return syscall(SYS_futex, &pair->shared->word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) < 0
	               ? -errno
	               : 0;
}

static int futex_receive(struct bare_pair *pair)
{
	while (!word_is_new(pair))
		if (syscall(SYS_futex, &pair->shared->word, FUTEX_WAIT, pair->seen, NULL, NULL, 0) <
		            0 &&
		    errno != EAGAIN && errno != EINTR)
			return -errno;
	return 0;
}

const struct bare bare_futex = {
	.one_for_all = true,
	.open = nothing_to_open,
	.send = futex_send,
	.receive = futex_receive,
	.close = nothing_to_close,
};

static int spin_receive(struct bare_pair *pair)
{
	while (!word_is_new(pair))
		bench_pause();
	return 0;
}

const struct bare bare_spin = {
	.spins = true,
	.one_for_all = true,
	.open = nothing_to_open,
	.send = word_store,
	.receive = spin_receive,
	.close = nothing_to_close,
};

/* ---- sockets, FIFOs ---- */

static int socket_open(struct bare_pair *pair)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	pair->receive = fds[0];
	pair->send = fds[1];
	return 0;
}

static int socket_send(struct bare_pair *pair)
{
	return moved(send(pair->send, &message, sizeof(message), MSG_NOSIGNAL));
}

static int socket_receive(struct bare_pair *pair)
{
	uint64_t got;

	return moved(recv(pair->receive, &got, sizeof(got), 0));
}

const struct bare bare_socket = {
	.open = socket_open,
	.send = socket_send,
	.receive = socket_receive,
	.close = close_both,
};

/* A pipe is a FIFO without a name. */
static int fifo_open(struct bare_pair *pair)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pair->receive = fds[0];
	pair->send = fds[1];
	return 0;
}

static int fifo_send(struct bare_pair *pair)
{
	return moved(write(pair->send, &message, sizeof(message)));
}

static int fifo_receive(struct bare_pair *pair)
{
	uint64_t got;

	return moved(read(pair->receive, &got, sizeof(got)));
}

const struct bare bare_fifo = {
	.open = fifo_open,
	.send = fifo_send,
	.receive = fifo_receive,
	.close = close_both,
};

/* ---- signals ---- */

static int bare_signal_number(void)
{
	return SIGRTMIN + 5;
}

/* Blocked here, so that the child has it blocked from its start. */
static int signal_open(struct bare_pair *pair)
{
	sigset_t signals;

	(void)pair;
	sigemptyset(&signals);
	sigaddset(&signals, bare_signal_number());
	return sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : 0;
}

static int signal_send(struct bare_pair *pair)
{
	if (pair->send < 0)
		pair->send = (int)syscall(SYS_pidfd_open, pair->receiver, 0);
	return pair->send < 0 || syscall(SYS_pidfd_send_signal, pair->send, bare_signal_number(),
	                                 NULL, 0) < 0
	               ? -errno
	               : 0;
}

static int signal_receive(struct bare_pair *pair)
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
	.open = signal_open,
	.send = signal_send,
	.receive = signal_receive,
	.close = close_both,
};

/* ---- semaphores ---- */

static int semaphore_open(struct bare_pair *pair)
{
	return sem_init(&pair->shared->semaphore, 1, 0) < 0 ? -errno : 0;
}

static int semaphore_send(struct bare_pair *pair)
{
	return sem_post(&pair->shared->semaphore) < 0 ? -errno : 0;
}

static int semaphore_receive(struct bare_pair *pair)
{
	while (sem_wait(&pair->shared->semaphore) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

const struct bare bare_semaphore = {
	.open = semaphore_open,
	.send = semaphore_send,
	.receive = semaphore_receive,
	.close = nothing_to_close,
};

/* ---- System V message queues ---- */

static int sysv_open(struct bare_pair *pair)
{
	pair->send = pair->receive = msgget(IPC_PRIVATE, 0600);
	return pair->send < 0 ? -errno : 0;
}

static int sysv_send(struct bare_pair *pair)
{
	static const long type = 1;

	return msgsnd(pair->send, &type, 0, 0) < 0 ? -errno : 0;
}

static int sysv_receive(struct bare_pair *pair)
{
	long type;

	return msgrcv(pair->receive, &type, 0, 0, 0) < 0 ? -errno : 0;
}

static void sysv_close(struct bare_pair *pair)
{
	if (pair->send >= 0)
		msgctl(pair->send, IPC_RMID, NULL);
	pair->send = pair->receive = -1;
}

const struct bare bare_sysv = {
	.open = sysv_open,
	.send = sysv_send,
	.receive = sysv_receive,
	.close = sysv_close,
};
