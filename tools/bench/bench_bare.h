/* SPDX-License-Identifier: MIT
 * The mechanisms of notifiers without Stele: one process blocks, another one wakes it. */
#ifndef TOOLS_BENCH_BENCH_BARE_H
#define TOOLS_BENCH_BENCH_BARE_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What sender and receiver share, zero at first. */
struct bare_shared {
	_Alignas(64) uint32_t word; /* counts what was sent */
	sem_t semaphore;
};

/* The way from this process to one receiver, which is a child made after the open. Nothing of it
 * has a name that could stay behind but a System V queue, which close removes. */
struct bare_pair {
	struct bare_shared *shared; /* by the caller */
	pid_t receiver;             /* by the caller, before the first send */
	int send, receive;          /* descriptors, or an id; -1: none */
	uint32_t seen;              /* the receiver's: of .word */
};

struct bare {
	bool spins;       /* the receiver does not sleep */
	bool one_for_all; /* one send reaches all receivers that have the same shared memory */
	/* All return 0 or a negative errno. */
	int (*open)(struct bare_pair *pair);
	int (*send)(struct bare_pair *pair);
	int (*receive)(struct bare_pair *pair); /* blocks until something was sent */
	void (*close)(struct bare_pair *pair);  /* the sender's, after the receiver's end */
};

extern const struct bare bare_mq, bare_futex, bare_socket, bare_fifo, bare_signal, bare_semaphore,
	bare_sysv, bare_spin;

#endif
