/* SPDX-License-Identifier: MIT
 * The mechanisms of the notifiers, without Stele: one process blocks, another one wakes it.
 * cmd_bench.c names the mechanisms; the measurements and bench_reader.c call them. */
#ifndef TOOLS_BENCH_BENCH_BARE_H
#define TOOLS_BENCH_BENCH_BARE_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "tools/base/status.h"

/* Memory that sender and receiver share; zero at first. */
struct bare_shared {
	_Alignas(64) uint32_t word; /* number of sends */
	sem_t semaphore;
};

/* A channel from this process to one receiver, a child that is forked after open(). Only a
 * System V queue has a name that outlives the processes; close() removes it. */
struct bare_pair {
	struct bare_shared *shared; /* set by the caller */
	pid_t receiver;             /* set by the caller before the first send */
	int send, receive;          /* descriptors, or identifiers; -1: none */
	uint32_t seen;              /* value of shared->word that the receiver read last */
};

/* The operations of one mechanism. */
struct bare {
	bool spins;       /* the receiver does not sleep */
	bool one_for_all; /* one send reaches all receivers with the same shared memory */
	/* These return 0 or a negative errno. */
	int (*open)(struct bare_pair *pair);
	int (*send)(struct bare_pair *pair);
	int (*receive)(struct bare_pair *pair); /* blocks until something was sent */
	void (*close)(struct bare_pair *pair);  /* called by the sender after the receiver's end */
};

/* Reports that a send failed. `mechanism` is its name, and `result` the negative errno of send().
 * Returns STATUS_SYSTEM. */
enum status bare_fail_send(const char *mechanism, int result);

extern const struct bare bare_mq, bare_futex, bare_socket, bare_fifo, bare_signal, bare_semaphore,
	bare_sysv, bare_spin;

#endif
