/* SPDX-License-Identifier: MIT */
#include "tests/support/bench/attack.h"

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

uint64_t attack_random(struct attack *attack)
{
	attack->random ^= attack->random << 13;
	attack->random ^= attack->random >> 7;
	return attack->random ^= attack->random << 17;
}

off_t attack_lock_byte(uint32_t index)
{
	return (off_t)(sizeof(struct layout_subscribers_header) +
	               index * sizeof(struct layout_slot));
}

void attack_open(struct attack *attack, const char *region, volatile uint32_t *stop,
                 volatile uint64_t *rounds)
{
	size_t size = (size_t)attack_lock_byte(ATTACK_SLOTS);
	char path[128];

	*attack = (struct attack){
		.region = region, .stop = stop, .rounds = rounds, .random = 88172645463325252u};
	snprintf(path, sizeof(path), "/dev/shm/stele.%s.subscribers", region);
	attack->fd = open(path, O_RDWR | O_CLOEXEC);
	ATTACK_MUST(attack->fd >= 0);
	ATTACK_MUST(posix_fallocate(attack->fd, 0, (off_t)size) == 0);
	attack->header = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, attack->fd, 0);
	ATTACK_MUST(attack->header != MAP_FAILED);
	attack->slots = (struct layout_slot *)(attack->header + 1);
	for (uint32_t i = 0; i < ATTACK_SLOTS; i++) {
		struct flock lock = {.l_type = F_WRLCK,
		                     .l_whence = SEEK_SET,
		                     .l_start = attack_lock_byte(i),
		                     .l_len = 1};
		attack->genuine[i] =
			fcntl(attack->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	}
}

void attack_close(struct attack *attack)
{
	munmap(attack->header, (size_t)attack_lock_byte(ATTACK_SLOTS));
	close(attack->fd);
}

void attack_clear(struct attack *attack)
{
	for (uint32_t i = 0; i < ATTACK_SLOTS; i++) {
		struct layout_slot *slot = &attack->slots[i];
		if (attack->genuine[i])
			continue;
		for (unsigned pin = 0; pin < LAYOUT_PINS; pin++)
			__atomic_store_n(&slot->pins[pin], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&slot->ticket, (slot->ticket + 1) & ~UINT64_C(1),
		                 __ATOMIC_RELAXED);
		__atomic_store_n(&slot->state, LAYOUT_SLOT_FREE, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&attack->header->slots_used, 64, __ATOMIC_RELAXED);
}

bool attack_goes_on(struct attack *attack)
{
	__atomic_fetch_add(attack->rounds, 1, __ATOMIC_SEQ_CST);
	return !__atomic_load_n(attack->stop, __ATOMIC_SEQ_CST);
}

void attack_as(bool member)
{
	ATTACK_MUST(setgroups(0, NULL) == 0);
	if (!member)
		ATTACK_MUST(setresgid(ATTACK_NOBODY, ATTACK_NOBODY, ATTACK_NOBODY) == 0);
	ATTACK_MUST(setresuid(ATTACK_NOBODY, ATTACK_NOBODY, ATTACK_NOBODY) == 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* ---- forged slots ---- */

/* Forges one slot, with an armed ticket that no subscriber armed. */
static void attack_arm(struct attack *attack, uint32_t index, uint32_t kind, uint64_t uuid)
{
	struct layout_slot *slot = &attack->slots[index];
	uint64_t words[2] = {uuid, index};

	if (attack->genuine[index])
		return;
	__atomic_store_n(&slot->notifier, kind, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 16; i++)
		__atomic_store_n(&slot->uuid[i], ((uint8_t *)words)[i], __ATOMIC_RELAXED);
	__atomic_store_n(&slot->tables, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->state, LAYOUT_SLOT_TAKEN, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->ticket, (__atomic_load_n(&slot->ticket, __ATOMIC_RELAXED) | 1) + 2,
	                 __ATOMIC_RELEASE);
}

void attack_arm_all(struct attack *attack, uint32_t kind, uint64_t uuid)
{
	for (uint32_t i = 0; i < ATTACK_SLOTS; i++)
		attack_arm(attack, i, kind ? kind : 1 + i % LAYOUT_NOTIFIER_SYSV, uuid);
	__atomic_store_n(&attack->header->slots_used, ATTACK_SLOTS, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&attack->header->claims, ATTACK_SLOTS, __ATOMIC_SEQ_CST);
}

static void attack_armed(struct attack *attack, uint32_t kind)
{
	do
		attack_arm_all(attack, kind, 77);
	while (attack_goes_on(attack));
}

static void attack_changing(struct attack *attack, uint32_t kind)
{
	do
		attack_arm_all(attack, kind, attack_random(attack));
	while (attack_goes_on(attack));
}

void attack_range_lock(struct attack *attack, uint32_t kind)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i <= ATTACK_SLOTS; i++) {
		struct flock lock = {.l_type = F_WRLCK,
		                     .l_whence = SEEK_SET,
		                     .l_start = attack_lock_byte(from) - 1};
		if (i < ATTACK_SLOTS && !attack->genuine[i])
			continue;
		lock.l_len = attack_lock_byte(i) - lock.l_start - 1;
		if (i > from)
			ATTACK_MUST(fcntl(attack->fd, F_OFD_SETLK, &lock) == 0);
		from = i + 1;
	}
	attack_changing(attack, kind);
}

void attack_lock_each(struct attack *attack)
{
	for (uint32_t i = 0; i < ATTACK_SLOTS; i++) {
		struct flock lock = {.l_type = F_WRLCK,
		                     .l_whence = SEEK_SET,
		                     .l_start = attack_lock_byte(i),
		                     .l_len = 1};
		if (!attack->genuine[i])
			ATTACK_MUST(fcntl(attack->fd, F_OFD_SETLK, &lock) == 0);
	}
}

void attack_lock_every_second(struct attack *attack)
{
	for (uint32_t i = 1; i < ATTACK_SLOTS; i += 2) {
		struct flock lock = {.l_type = F_WRLCK,
		                     .l_whence = SEEK_SET,
		                     .l_start = attack_lock_byte(i),
		                     .l_len = 1};
		if (!attack->genuine[i])
			ATTACK_MUST(fcntl(attack->fd, F_OFD_SETLK, &lock) == 0);
	}
}

static void attack_each_lock(struct attack *attack, uint32_t kind)
{
	attack_lock_each(attack);
	attack_armed(attack, kind);
}

/* ---- other values in slots ---- */

void attack_one_uuid(struct attack *attack, uint32_t kind)
{
	do {
		for (uint32_t i = 0; i < ATTACK_SLOTS; i++) {
			struct layout_slot *slot = &attack->slots[i];
			if (attack->genuine[i])
				continue;
			__atomic_store_n(&slot->notifier, kind, __ATOMIC_RELAXED);
			for (unsigned byte = 0; byte < 16; byte++)
				__atomic_store_n(&slot->uuid[byte], attack->slots[0].uuid[byte],
				                 __ATOMIC_RELAXED);
			__atomic_store_n(&slot->state, LAYOUT_SLOT_TAKEN, __ATOMIC_RELEASE);
		}
		__atomic_store_n(&attack->header->slots_used, ATTACK_SLOTS, __ATOMIC_SEQ_CST);
	} while (attack_goes_on(attack));
}

/* Sets every pin of every slot to a version that may exist. */
static void attack_pins(struct attack *attack, uint32_t kind)
{
	struct stele_region_info info = {.size = sizeof(info)};

	(void)kind;
	__atomic_store_n(&attack->header->slots_used, ATTACK_SLOTS, __ATOMIC_SEQ_CST);
	do {
		ATTACK_MUST(stele_region_describe(attack->region, &info) == 0);
		for (uint32_t i = 0; i < ATTACK_SLOTS; i++)
			for (unsigned pin = 0; pin < LAYOUT_PINS; pin++)
				__atomic_store_n(&attack->slots[i].pins[pin],
				                 info.version - attack_random(attack) %
				                                        (info.version < 4096
				                                                 ? info.version
				                                                 : 4096),
				                 __ATOMIC_RELAXED);
	} while (attack_goes_on(attack));
}

/* Announces claims of slots that no subscriber has made. */
static void attack_claims(struct attack *attack, uint32_t kind)
{
	(void)kind;
	__atomic_store_n(&attack->header->slots_used, ATTACK_SLOTS, __ATOMIC_SEQ_CST);
	do
		for (unsigned i = 0; i < 10000; i++) {
			uint64_t claim =
				__atomic_fetch_add(&attack->header->claims, 1, __ATOMIC_SEQ_CST);
			uint32_t index = (uint32_t)attack_random(attack) % ATTACK_SLOTS;
			if (!attack->genuine[index])
				__atomic_store_n(&attack->slots[index].state, (uint32_t)(claim % 2),
				                 __ATOMIC_RELAXED);
			__atomic_store_n(&attack->header->claimed[claim % LAYOUT_CLAIMS],
			                 LAYOUT_CLAIM(claim, index), __ATOMIC_RELEASE);
		}
	while (attack_goes_on(attack));
}

/* Writes random words, and plausible ones, over the file. */
static void attack_scribble(struct attack *attack, uint32_t kind)
{
	uint64_t *words = (uint64_t *)attack->header;
	size_t count = (size_t)attack_lock_byte(ATTACK_SLOTS) / 8;

	(void)kind;
	do
		for (unsigned i = 0; i < 100000; i++) {
			uint64_t random = attack_random(attack), word = attack_random(attack);
			/* The fixed part of the header is spared: damage to it makes the file
			 * unusable, once. */
			__atomic_store_n(&words[4 + random % (count - 4)],
			                 random >> 40 & 1   ? word
			                 : random >> 41 & 1 ? word % 64
			                                    : UINT64_MAX,
			                 __ATOMIC_RELAXED);
		}
	while (attack_goes_on(attack));
}

/* ---- other attacks ---- */

/* Registers and closes subscribers, over and over. */
static void attack_registrations(struct attack *attack, uint32_t kind)
{
	(void)kind;
	do {
		struct stele_subscriber *subscriber;
		ATTACK_MUST(stele_subscriber_open(attack->region, NULL, &subscriber) == 0);
		stele_subscriber_close(subscriber);
	} while (attack_goes_on(attack));
}

void attack_far_locks(struct attack *attack, unsigned count)
{
	off_t start = attack_lock_byte(ATTACK_SLOTS) * 2;

	for (off_t i = 0; i < count; i++) {
		struct flock lock = {.l_type = F_WRLCK,
		                     .l_whence = SEEK_SET,
		                     .l_start = start + 2 * i,
		                     .l_len = 1};
		ATTACK_MUST(fcntl(attack->fd, F_OFD_SETLK, &lock) == 0);
	}
}

static void attack_many_locks(struct attack *attack, uint32_t kind)
{
	attack_far_locks(attack, 20000);
	attack_changing(attack, kind);
}

void attack_dead_slots(struct attack *attack, uint32_t kind)
{
	attack_far_locks(attack, 10000);
	attack_armed(attack, kind);
}

void attack_leases(struct attack *attack, uint32_t kind)
{
	char path[128], name[128];
	int found = -1;

	(void)kind;
	snprintf(name, sizeof(name), "/dev/shm/stele.%s", attack->region);
	while (!__atomic_load_n(attack->stop, __ATOMIC_SEQ_CST)) {
		struct stat old, now;
		/* Keep the previous file open once a new one has replaced it. */
		if (found < 0 || (stat(name, &now) == 0 && fstat(found, &old) == 0 &&
		                  old.st_ino != now.st_ino && old.st_nlink != 0)) {
			if (found >= 0)
				close(found);
			found = open(name, O_PATH | O_CLOEXEC);
		}
		snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
		for (unsigned i = 0; i < 1000; i++) {
			int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
			if (fd >= 0)
				close(fd);
			else if (errno == EWOULDBLOCK)
				__atomic_fetch_add(attack->rounds, 1, __ATOMIC_SEQ_CST);
		}
		if (found >= 0 && fstat(found, &old) == 0 && old.st_nlink == 0 &&
		    stat(name, &now) == 0) {
			close(found);
			found = open(name, O_PATH | O_CLOEXEC);
		}
	}
}

/* Moves waiters on the head's futex to another futex, through a read-only mapping. */
static void attack_requeue(struct attack *attack, uint32_t kind)
{
	const struct layout_header *header;
	char path[128];
	int fd;

	(void)kind;
	snprintf(path, sizeof(path), "/dev/shm/stele.%s", attack->region);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ATTACK_MUST(fd >= 0);
	header = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	ATTACK_MUST(header != MAP_FAILED);
	do
		for (unsigned i = 0; i < 1000; i++)
			syscall(SYS_futex, &header->head, FUTEX_CMP_REQUEUE, 0, INT32_MAX,
			        &header->oldest,
			        (uint32_t)__atomic_load_n(&header->head, __ATOMIC_RELAXED));
	while (attack_goes_on(attack));
}

const struct attack_kind attacks[ATTACKS] = {
	{"armed_mq", attack_armed, LAYOUT_NOTIFIER_MQ, false},
	{"armed_socket", attack_armed, LAYOUT_NOTIFIER_SOCKET, false},
	{"armed_fifo", attack_armed, LAYOUT_NOTIFIER_FIFO, false},
	{"armed_signal", attack_armed, LAYOUT_NOTIFIER_SIGNAL, false},
	{"armed_semaphore", attack_armed, LAYOUT_NOTIFIER_SEMAPHORE, false},
	{"armed_sysv", attack_armed, LAYOUT_NOTIFIER_SYSV, false},
	{"armed_futex", attack_armed, LAYOUT_NOTIFIER_FUTEX, false},
	{"armed_mixed", attack_armed, 0, false},
	{"changing_uuids", attack_changing, 0, false},
	{"range_lock", attack_range_lock, 0, false},
	{"many_locks", attack_many_locks, 0, false},
	{"dead_slots", attack_dead_slots, LAYOUT_NOTIFIER_MQ, false},
	{"one_uuid", attack_one_uuid, LAYOUT_NOTIFIER_MQ, false},
	{"pins", attack_pins, 0, false},
	{"claims", attack_claims, 0, false},
	{"scribble", attack_scribble, 0, false},
	{"registrations", attack_registrations, 0, false},
	{"leases", attack_leases, 0, false},
	{"requeue", attack_requeue, 0, false},
	{"each_lock_signal", attack_each_lock, LAYOUT_NOTIFIER_SIGNAL, true},
	{"each_lock_semaphore", attack_each_lock, LAYOUT_NOTIFIER_SEMAPHORE, true},
};
