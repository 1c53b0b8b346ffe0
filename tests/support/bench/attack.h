/* SPDX-License-Identifier: MIT
 *
 * What a process that may read a region can do to its publisher, as functions that go on until
 * they are told to stop: for the tests, which count what it costs, and the benchmark, which
 * measures it. An attacker leaves the slots alone whose lock is held, so that there are genuine
 * subscribers to look at; but for attack_scribble().
 */
#ifndef TESTS_SUPPORT_BENCH_ATTACK_H
#define TESTS_SUPPORT_BENCH_ATTACK_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stele/stele.h>

#include "lib/layout.h"

#define ATTACK_NOBODY 65534u
#define ATTACK_SLOTS  LAYOUT_SLOTS_MAX

struct attack {
	const char *region;
	volatile uint32_t *stop;   /* in memory that is shared with who stops it */
	volatile uint64_t *rounds; /* the same: how often the attack was made */
	int fd;                    /* the subscribers file */
	struct layout_subscribers_header *header;
	struct layout_slot *slots;
	bool genuine[ATTACK_SLOTS];
	uint64_t random;
};

#define ATTACK_MUST(condition_) \
	do { \
		if (!(condition_)) { \
			fprintf(stderr, "attack, line %d: %s: %s\n", __LINE__, #condition_, \
			        strerror(errno)); \
			_exit(1); \
		} \
	} while (0)

/* The next random number of an attacker. */
uint64_t attack_random(struct attack *attack);

/* The byte of the subscribers file on which the subscriber in a slot has its lock. */
off_t attack_lock_byte(uint32_t index);

/* Opens the subscribers file, makes it as long as it may be, and looks which slots are in use. */
void attack_open(struct attack *attack, const char *region, volatile uint32_t *stop,
                 volatile uint64_t *rounds);

/* Closes the subscribers file. */
void attack_close(struct attack *attack);

/* Makes the slots that are not genuine free again, without a pin; their tickets stay. */
void attack_clear(struct attack *attack);

/* Counts a round. False once the attacker is told to stop. */
bool attack_goes_on(struct attack *attack);

/* Becomes another user, in the region's group or not. For root. */
void attack_as(bool member);

/* ---- slots with nothing behind them ---- */

/* All slots, once, and announced. Kind 0: one notifier after the other. */
void attack_arm_all(struct attack *attack, uint32_t kind, uint64_t uuid);

/* One lock over everything that is not locked already, so that each slot looks alive. */
void attack_range_lock(struct attack *attack, uint32_t kind);

/* A lock on each slot, as subscribers have it. */
void attack_lock_each(struct attack *attack);

/* ---- other things in slots ---- */

/* The uuid of the first slot in all of them, which are dead: their reap has to ask who lives. */
void attack_one_uuid(struct attack *attack, uint32_t kind);

/* ---- other ways ---- */

/* Opens each file that the region had and has, again and again, as long as it is to be had: a
 * publisher that asks by a lease whether the file is in use finds it broken. Counts only the
 * opens that a lease refused. */
void attack_leases(struct attack *attack, uint32_t kind);

struct attack_kind {
	const char *name;
	void (*run)(struct attack *attack, uint32_t kind);
	uint32_t kind; /* of notifier */
	bool as_many;  /* it costs what as many subscribers cost: no bound is promised but that */
};

#define ATTACKS 20
extern const struct attack_kind attacks[ATTACKS];

#endif
