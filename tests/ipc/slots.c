/* SPDX-License-Identifier: MIT
 *
 * Slots when few are left: the file grows while others read it, and subscribers come after the last
 * slot is taken. */
#include "tests/support/bench/attack.h"
#include "lib/base/clock.h"
#include "lib/region/slots.h"
#include "publisher/state/state.h"
#include "subscriber/registration.h"
#include "tests/support/ipc/ipc.h"

TestSuite(ipc_slots, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* ---- another process lets the file grow ---- */

static int grow_fd = -1; /* the file that fstat() below makes longer; -1: none */
static off_t grow_size;  /* the size that fstat() gives the file, once */

/* Replaces the C library's function for lib/region/slots.c: another process acts at the worst
 * moment. */
int fstat(int fd, struct stat *status)
{
	int r = fstatat(fd, "", status, AT_EMPTY_PATH);
	off_t size = grow_size;

	if (r == 0 && grow_fd >= 0 && size > 0) {
		struct stat grown;
		if (fstatat(grow_fd, "", &grown, AT_EMPTY_PATH) == 0 &&
		    grown.st_ino == status->st_ino) {
			grow_size = 0;
			CHECK(posix_fallocate(grow_fd, 0, size) == 0, "%s", strerror(errno));
		}
	}
	return r;
}

static void take_all(struct attack *attack, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		__atomic_store_n(&attack->slots[i].state, LAYOUT_SLOT_TAKEN, __ATOMIC_SEQ_CST);
}

static void free_slot(struct attack *attack, uint32_t index)
{
	__atomic_store_n(&attack->slots[index].state, LAYOUT_SLOT_FREE, __ATOMIC_SEQ_CST);
}

static void open_attack(struct attack *attack)
{
	attack_open(attack, region, &shared->stage[0], &shared->number[0]);
}

Test(ipc_slots, a_file_grown_by_another_process_is_searched_again)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct slot_owner owner = {.notifier = LAYOUT_NOTIFIER_FUTEX};
	static struct attack attack;
	struct stat status;
	struct region_paths names;
	struct slots slots;
	uint8_t uuid[16];
	uint32_t index;

	open_attack(&attack);
	memcpy(uuid, attack.header->uuid, sizeof(uuid));
	OK(paths_make(region, &names));
	cr_assert_eq(fstatat(attack.fd, "", &status, AT_EMPTY_PATH), 0);
	for (uint32_t half = 64; half <= ATTACK_SLOTS / 2; half = half < 2048 ? 2048 : 2 * half) {
		take_all(&attack, half);
		CHECK(ftruncate(attack.fd, attack_lock_byte(half)) == 0, "%s", strerror(errno));
		OK(slots_open(&names, uuid, status.st_uid, true, &slots));
		grow_fd = attack.fd;
		grow_size = attack_lock_byte(ATTACK_SLOTS);
		OK(slots_claim(&slots, &owner, &index));
		cr_expect_eq(grow_size, 0);
		cr_expect_eq(index, half, "slot %u", index);
		slots_release(&slots, index);
		slots_close(&slots);
		grow_fd = -1;
	}
	attack_close(&attack);
	stele_publisher_close(publisher);
}

/* ---- a claim that is not announced yet ---- */

static bool is_known(const struct stele_publisher *publisher, uint32_t index)
{
	return publisher->fanout.peers.known[index / 64] >> index % 64 & 1;
}

/* A subscriber that is stopped between the count of claims and its entry delays no other, and still
 * becomes known. */
Test(ipc_slots, a_claim_that_is_not_written_yet_delays_no_other)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *first, *second;
	static struct attack attack;
	uint32_t *entry;

	open_attack(&attack);
	ipc_commit(publisher);
	entry = &attack.header->claimed[attack.header->claims % LAYOUT_CLAIMS];
	first = ipc_subscribe(0, "futex");
	__atomic_store_n(entry, 0, __ATOMIC_SEQ_CST);
	second = ipc_subscribe(0, "futex");
	ipc_commit(publisher);
	cr_expect(is_known(publisher, first->slot_index));
	cr_expect(is_known(publisher, second->slot_index));
	stele_subscriber_close(first);
	stele_subscriber_close(second);
	attack_close(&attack);
	stele_publisher_close(publisher);
}

/* ---- subscribers without a slot ---- */

/* Lets a subscriber check its files as if its interval between checks and its back-off had passed.
 * Returns whether it is registered. */
static bool registered_after_a_look(struct stele_subscriber *subscriber)
{
	subscriber->checked_at = clock_monotonic() - 2 * NSEC_PER_SEC;
	subscriber->backoff.until = 0;
	OK(registration_check_files(subscriber, clock_monotonic()));
	return ipc_describe(subscriber).registered;
}

Test(ipc_slots, a_subscriber_without_a_slot_gets_one_that_is_freed)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *excess, *named = NULL;
	struct stele_subscriber_options options = {.size = sizeof(options), .notifier = "futex"};
	static struct attack attack;
	int64_t wait;

	open_attack(&attack);
	take_all(&attack, ATTACK_SLOTS);
	RETURNS(stele_subscriber_open(region, &options, &named), -ENOSPC, "all 4096 are in use");
	excess = ipc_subscribe(0, NULL);
	cr_expect_not(ipc_describe(excess).registered);
	cr_expect(excess->backoff.full);
	cr_expect_not(registered_after_a_look(excess));
	/* A slot is free, but no counter says that one was freed: the subscriber does not
	 * search. */
	free_slot(&attack, 7);
	cr_expect_not(registered_after_a_look(excess));
	/* A slot is announced as freed, but other subscribers take it first: the subscriber
	 * searches at longer and longer intervals. */
	take_all(&attack, ATTACK_SLOTS);
	for (unsigned i = 0; i < 10; i++) {
		wait = excess->backoff.wait;
		__atomic_fetch_add(&attack.header->freed, 1, __ATOMIC_SEQ_CST);
		cr_expect_not(registered_after_a_look(excess));
		cr_expect_eq(excess->backoff.wait, wait < 64 * NSEC_PER_SEC ? 2 * wait : wait,
		             "%lld after %lld", (long long)excess->backoff.wait, (long long)wait);
	}
	/* Before its interval has passed, the subscriber does not search. */
	free_slot(&attack, 7);
	__atomic_fetch_add(&attack.header->freed, 1, __ATOMIC_SEQ_CST);
	excess->checked_at = clock_monotonic() - 2 * NSEC_PER_SEC;
	OK(registration_check_files(excess, clock_monotonic()));
	cr_expect_not(ipc_describe(excess).registered);
	cr_expect(registered_after_a_look(excess), "%s", ipc_describe(excess).reason);
	cr_expect_eq(excess->slot_index, 7);
	stele_subscriber_close(excess);
	attack_close(&attack);
	stele_publisher_close(publisher);
}

/* Without forged counters: a subscriber that closes, and a reap, free a slot for the subscriber
 * that has none. */
Test(ipc_slots, closing_and_reaping_free_a_slot_for_a_subscriber)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *last, *excess;
	static struct attack attack;

	open_attack(&attack);
	take_all(&attack, ATTACK_SLOTS - 1);
	last = ipc_subscribe(0, NULL);
	cr_expect(ipc_describe(last).registered);
	excess = ipc_subscribe(0, NULL);
	cr_expect_not(registered_after_a_look(excess));
	stele_subscriber_close(last);
	cr_expect(registered_after_a_look(excess), "%s", ipc_describe(excess).reason);
	last = excess;
	excess = ipc_subscribe(0, NULL);
	cr_expect_not(registered_after_a_look(excess));
	OK(stele_publisher_reap(publisher));
	cr_expect(registered_after_a_look(excess), "%s", ipc_describe(excess).reason);
	stele_subscriber_close(excess);
	stele_subscriber_close(last);
	attack_close(&attack);
	stele_publisher_close(publisher);
}

/* A new subscribers file has free slots, whatever its counter says. */
Test(ipc_slots, a_subscriber_without_a_slot_finds_a_new_file)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *excess;
	static struct attack attack;
	char path[128];

	open_attack(&attack);
	take_all(&attack, ATTACK_SLOTS);
	excess = ipc_subscribe(0, NULL);
	cr_expect_not(registered_after_a_look(excess));
	ipc_path(path, ".subscribers");
	cr_assert_eq(unlink(path), 0);
	UNTIL((ipc_commit(publisher), access(path, F_OK) == 0));
	cr_expect(registered_after_a_look(excess), "%s", ipc_describe(excess).reason);
	stele_subscriber_close(excess);
	attack_close(&attack);
	stele_publisher_close(publisher);
}
