/* SPDX-License-Identifier: MIT
 *
 * Attacks on a publisher by a process that may read the region: functions that run until they are
 * stopped. The tests count what an attack costs the publisher, and the benchmark measures it. An
 * attacker spares the slots whose lock is held, so that genuine subscribers remain; only
 * attack_scribble() overwrites these too. */
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
	volatile uint32_t *stop;   /* shared with the process that stops the attack */
	volatile uint64_t *rounds; /* shared; how often the attack has run */
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

/* Returns an attacker's next random number. */
uint64_t attack_random(struct attack *attack);

/* Returns the byte of the subscribers file that the subscriber in a slot locks. */
off_t attack_lock_byte(uint32_t index);

/* Opens the subscribers file, extends it to its maximum, and records which slots are genuine. */
void attack_open(struct attack *attack, const char *region, volatile uint32_t *stop,
                 volatile uint64_t *rounds);

/* Closes the subscribers file. */
void attack_close(struct attack *attack);

/* Frees all slots that are not genuine and clears their pins; their tickets stay. */
void attack_clear(struct attack *attack);

/* Counts a round. Returns false once the attacker must stop. */
bool attack_goes_on(struct attack *attack);

/* Becomes another user, in the region's group or outside it. Needs root. */
void attack_as(bool member);

/* ---- forged slots ---- */

/* Forges and announces all slots once. With kind 0 the slots use all notifiers in turn. */
void attack_arm_all(struct attack *attack, uint32_t kind, uint64_t uuid);

/* Takes one lock over all bytes that are not locked yet, so that every slot looks alive. */
void attack_range_lock(struct attack *attack, uint32_t kind);

/* Locks each slot's byte, like a subscriber. */
void attack_lock_each(struct attack *attack);

/* Locks the byte of every second slot. No lock then covers two slots, and no two dead slots are
 * neighbours. */
void attack_lock_every_second(struct attack *attack);

/* ---- other values in slots ---- */

/* Puts the uuid of the first slot into all slots. The forged slots are dead, so reaping them must
 * find out which subscriber with this uuid lives. */
void attack_one_uuid(struct attack *attack, uint32_t kind);

/* ---- other attacks ---- */

/* Takes many locks on the subscribers file, far past its end, so that every query of a lock is
 * slow. */
void attack_far_locks(struct attack *attack, unsigned count);

/* Takes 10,000 far locks, and forges all slots as those of dead subscribers, over and over. */
void attack_dead_slots(struct attack *attack, uint32_t kind);

/* Opens the region's current file, and the one before it, over and over. A publisher that uses a
 * lease to find out whether a file is in use then finds its lease broken. Counts only the opens
 * that a lease refused. */
void attack_leases(struct attack *attack, uint32_t kind);

struct attack_kind {
	const char *name;
	void (*run)(struct attack *attack, uint32_t kind);
	uint32_t kind; /* kind of notifier */
	bool as_many;  /* may cost as much as the same number of genuine subscribers */
};

#define ATTACKS 21
extern const struct attack_kind attacks[ATTACKS];

#endif
