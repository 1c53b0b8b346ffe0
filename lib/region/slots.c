/* SPDX-License-Identifier: MIT */
#include "lib/region/slots.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/atomic.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"
#include "lib/storage/replace.h"
#include "lib/storage/reserve.h"
#include "lib/units.h"

/* Slots of a new file. */
#define SLOTS_FIRST 64u
/* slots_find_held() stops after this much processor time, in nanoseconds, but not before it has
 * made this many queries. */
#define HELD_TIME    (250 * NSEC_PER_MSEC)
#define HELD_QUERIES 64u
/* Maximum number of searches for a free slot in one claim. The file grows after each failed
 * search. */
#define CLAIM_ROUNDS 64

/* Returns the size in bytes of a file with `capacity` slots, which is also the offset of slot
 * number `capacity`. */
static uint64_t slots_file_size(uint32_t capacity)
{
	return sizeof(struct layout_subscribers_header) +
	       (uint64_t)capacity * sizeof(struct layout_slot);
}

static off_t slots_lock_byte(uint32_t index)
{
	return (off_t)slots_file_size(index);
}

int slots_make(const struct region_paths *names, int publisher, const uint8_t uuid[16],
               mode_t region_mode, gid_t group)
{
	struct layout_subscribers_header header = {
		.magic = LAYOUT_MAGIC_SUBSCRIBERS,
		.layout_version = LAYOUT_VERSION,
		.byte_order = LAYOUT_BYTE_ORDER,
	};
	/* Every user who may read the region may write this file, to register. */
	mode_t mode = region_mode | (region_mode & 0444) >> 1;
	int fd, r;

	memcpy(header.uuid, uuid, sizeof(header.uuid));
	r = file_make(names->subscribers, slots_file_size(SLOTS_FIRST), &fd);
	if (r < 0)
		return r;
	if (fchown(fd, (uid_t)-1, group) < 0 && errno != EPERM)
		r = file_set_group(fd, names->subscribers, group);
	else if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		r = file_write_error(names->subscribers, 0);
	else
		r = replace_file(publisher, names, uuid, fd, names->subscribers, mode);
	close(fd);
	return r;
}

/* Returns the number of slots that the file holds now. */
static uint32_t slots_capacity(int fd)
{
	struct stat status;
	uint64_t slots;

	if (fstat(fd, &status) < 0 || (uint64_t)status.st_size < slots_file_size(0))
		return 0;
	slots = ((uint64_t)status.st_size - slots_file_size(0)) / sizeof(struct layout_slot);
	return slots < LAYOUT_SLOTS_MAX ? (uint32_t)slots : LAYOUT_SLOTS_MAX;
}

static bool slots_header_fits(const struct layout_subscribers_header *header,
                              const uint8_t uuid[16])
{
	return header->magic == LAYOUT_MAGIC_SUBSCRIBERS &&
	       header->layout_version == LAYOUT_VERSION &&
	       header->byte_order == LAYOUT_BYTE_ORDER && header->incompatible == 0 &&
	       memcmp(header->uuid, uuid, sizeof(header->uuid)) == 0;
}

/* Opens the description that holds the locks. The mapped description must not hold them
 * (file_open_again()). */
static int slots_open_lock(const struct region_paths *names, int fd, struct slots *slots)
{
	int lock, r = file_open_again(fd, &lock);

	if (r < 0) {
		error_set(-r, "cannot open %s a second time, for its locks: %s", names->subscribers,
		          strerror(-r));
	} else {
		r = fork_fd_add(&slots->lock, lock);
		if (r < 0) {
			fork_handlers_error(r);
			close(lock);
		}
	}
	if (r < 0)
		mapping_close(&slots->mapping);
	return r;
}

/* Opens the subscribers file of a region, and reads and validates its header. Returns 0 or a
 * negative errno. */
static int slots_open_file(const struct region_paths *names, const uint8_t uuid[16], uid_t owner,
                           bool writable, int *ret_fd, struct stat *ret_status,
                           struct layout_subscribers_header *ret_header)
{
	int fd, r = file_open_linked(names->subscribers, writable, sizeof(*ret_header), &fd,
	                             ret_status);

	if (r == -ENOENT)
		return file_missing_error(names->subscribers);
	if (r < 0)
		return r;
	if (ret_status->st_uid != owner)
		r = error_set(EPERM, "%s belongs to user %u, not to the region's owner, user %u",
		              names->subscribers, ret_status->st_uid, owner);
	else if (pread(fd, ret_header, sizeof(*ret_header), 0) != (ssize_t)sizeof(*ret_header) ||
	         !slots_header_fits(ret_header, uuid))
		r = error_set(EBADMSG, "%s does not belong to this region", names->subscribers);
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

struct slots_vacancy slots_vacancy_of(const struct slots *slots)
{
	struct slots_vacancy vacancy = {.freed = load_acquire(&slots->header->freed)};
	struct stat status;

	if (fstat(slots->lock.fd, &status) == 0)
		vacancy.inode = status.st_ino;
	return vacancy;
}

int slots_vacancy(const struct region_paths *names, const uint8_t uuid[16], uid_t owner,
                  struct slots_vacancy *ret)
{
	struct layout_subscribers_header header;
	struct stat status;
	int fd, r = slots_open_file(names, uuid, owner, false, &fd, &status, &header);

	if (r < 0)
		return r;
	close(fd);
	*ret = (struct slots_vacancy){.inode = status.st_ino, .freed = header.freed};
	return 0;
}

/* Slots that slots_count() reads at a time. */
#define AT_ONCE 16u

int slots_count(const struct region_paths *names, const uint8_t uuid[16], uid_t owner,
                uint32_t *ret_taken, uint32_t *ret_capacity)
{
	struct layout_subscribers_header header;
	struct layout_slot slots[AT_ONCE];
	uint32_t taken = 0, capacity, used;
	struct stat status;
	int fd, r = slots_open_file(names, uuid, owner, false, &fd, &status, &header);

	if (r < 0)
		return r;
	capacity = slots_capacity(fd);
	used = header.slots_used < capacity ? (uint32_t)header.slots_used : capacity;
	for (uint32_t i = 0; i < used; i += AT_ONCE) {
		uint32_t count = used - i < AT_ONCE ? used - i : AT_ONCE;
		ssize_t got = pread(fd, slots, count * sizeof(*slots), (off_t)slots_file_size(i));
		for (uint32_t k = 0; k < count && got >= (ssize_t)((k + 1) * sizeof(*slots)); k++)
			taken += slots[k].state == LAYOUT_SLOT_TAKEN;
	}
	close(fd);
	*ret_taken = taken;
	*ret_capacity = capacity;
	return 0;
}

int slots_open(const struct region_paths *names, const uint8_t uuid[16], uid_t owner, bool guarded,
               struct slots *ret)
{
	struct layout_subscribers_header header;
	struct slots slots = {0};
	struct stat status;
	int fd, r = slots_open_file(names, uuid, owner, true, &fd, &status, &header);

	if (r < 0)
		return r;
	r = mapping_open(&slots.mapping, fd, (size_t)slots_file_size(LAYOUT_SLOTS_MAX), true,
	                 guarded);
	if (r < 0)
		r = mapping_error(r, names->subscribers, slots_file_size(LAYOUT_SLOTS_MAX));
	else
		r = slots_open_lock(names, fd, &slots);
	close(fd);
	if (r < 0)
		return r;
	slots.header = (struct layout_subscribers_header *)slots.mapping.base;
	slots.slot = (struct layout_slot *)(slots.mapping.base + slots_file_size(0));
	slots.capacity = slots_capacity(slots.lock.fd);
	slots.status = status;
	slots_move(&slots, ret);
	return 0;
}

void slots_move(struct slots *from, struct slots *to)
{
	to->mapping = from->mapping;
	to->header = from->header;
	to->slot = from->slot;
	to->capacity = from->capacity;
	to->status = from->status;
	fork_fd_move(&from->lock, &to->lock);
}

void slots_close(struct slots *slots)
{
	mapping_close(&slots->mapping);
	fork_fd_close(&slots->lock);
}

bool slots_consistent(const struct slots *slots, const uint8_t uuid[16])
{
	struct layout_subscribers_header header;
	struct stat status;

	/* The size is checked, too: a file that was truncated within the header's page does not
	 * fault, but no subscriber can open it. */
	if (fstat(slots->lock.fd, &status) < 0 || status.st_size < (off_t)sizeof(header))
		return false;
	data_copy_out(&header, (const unsigned char *)slots->header, sizeof(header));
	return slots_header_fits(&header, uuid) && !mapping_lost(&slots->mapping);
}

uint32_t slots_used(struct slots *slots)
{
	uint64_t used = load_relaxed(&slots->header->slots_used);
	/* Atomic, because two threads of a publisher may call this at the same time. Both then
	 * store the same value. */
	uint32_t capacity = __atomic_load_n(&slots->capacity, __ATOMIC_RELAXED);

	if (used > capacity) {
		capacity = slots_capacity(slots->lock.fd);
		__atomic_store_n(&slots->capacity, capacity, __ATOMIC_RELAXED);
	}
	return used < capacity ? (uint32_t)used : capacity;
}

bool slots_alive(const struct slots *slots, uint32_t index)
{
	return file_lock_held_by_writer(slots->lock.fd, slots_lock_byte(index), 1) == 1;
}

bool slots_owned(const struct slots *slots, uint32_t index)
{
	return file_lock_is_one_byte(slots->lock.fd, slots_lock_byte(index)) == 1;
}

/* Returns the first slot from `index` on that is in a set; `end` if there is none below `end`. */
static uint32_t slots_next_in(const struct slots_set *set, uint32_t index, uint32_t end)
{
	while (index < end && !slots_set_has(set, index))
		index += set->words[index / 64] >> index % 64 == 0 ? 64 - index % 64 : 1;
	return index < end ? index : end;
}

/* Queries the locks of the slots from `*ret_first` up to, but not including, `*ret_end`. If a slot
 * is locked, or if the query fails, changes the two to a part that is locked, and returns true. */
static bool slots_find_locked(const struct slots *slots, uint32_t *ret_first, uint32_t *ret_end)
{
	off_t start = slots_lock_byte(0), first, last;
	off_t from = slots_lock_byte(*ret_first), count = slots_lock_byte(*ret_end) - from;
	int r = file_lock_find(slots->lock.fd, from, count, &first, &last);

	if (r == 1) {
		*ret_first = (uint32_t)((first - start) / (off_t)sizeof(struct layout_slot));
		*ret_end = (uint32_t)((last - start) / (off_t)sizeof(struct layout_slot)) + 1;
	}
	return r != 0;
}

uint32_t slots_find_held(const struct slots *slots, uint32_t used, struct slots_set *ret)
{
	int64_t until = clock_thread() + HELD_TIME;
	uint32_t queries = 0, index = 0;

	*ret = (struct slots_set){0};
	while (index < used) {
		uint32_t first = index, end = slots_next_in(ret, index, used);
		bool over = queries >= HELD_QUERIES && clock_thread() > until;
		if (first == end) {
			index++;
			continue;
		}
		queries += !over;
		if (!over && !slots_find_locked(slots, &first, &end)) {
			index = end;
			continue;
		}
		/* The kernel reports any of several locks, so the slots before this one are queried
		 * again. Each query settles at least one slot. */
		for (uint32_t i = first; i < end; i++)
			slots_set_add(ret, i);
	}
	return queries;
}

int slots_lock_run(struct slots *slots, uint32_t first, uint32_t end)
{
	off_t start = slots_lock_byte(first);

	return file_lock_try_range(slots->lock.fd, start, slots_lock_byte(end) - start);
}

void slots_unlock_run(struct slots *slots, uint32_t first, uint32_t end)
{
	off_t start = slots_lock_byte(first);

	file_unlock_range(slots->lock.fd, start, slots_lock_byte(end) - start);
	/* Counts last, so that a subscriber without a slot that sees the new count finds the slots
	 * free, and can lock them. Counts also if no slot was freed: a subscriber may have passed
	 * over a free slot because of this lock. */
	__atomic_fetch_add(&slots->header->freed, 1, __ATOMIC_RELEASE);
}

/* Takes the lock of a slot. Returns 0, or -EAGAIN if another process holds it. */
static int slots_lock(struct slots *slots, uint32_t index)
{
	return file_lock_try(slots->lock.fd, slots_lock_byte(index));
}

static void slots_unlock(struct slots *slots, uint32_t index)
{
	file_unlock(slots->lock.fd, slots_lock_byte(index));
}

/* Raises the header's slots_used to `used`, unless it is higher already. */
static void slots_raise_used(struct slots *slots, uint64_t used)
{
	uint64_t old = load_relaxed(&slots->header->slots_used);

	while (old < used &&
	       !__atomic_compare_exchange_n(&slots->header->slots_used, &old, used, false,
	                                    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

/* Announces a claimed slot to publishers. The contract with them (publisher/notices/peers.h): the
 * slot is stored before the count of claims rises, and the count rises before the owner first arms
 * its ticket. A publisher that sees the new count finds the slot, even if the ring's entry is not
 * written yet. A publisher that does not see the count has stored a head that the owner sees after
 * arming. */
static void slots_announce(struct slots *slots, uint32_t index)
{
	struct layout_subscribers_header *header = slots->header;
	uint64_t claim = __atomic_fetch_add(&header->claims, 1, __ATOMIC_SEQ_CST);

	store_release_32(&header->claimed[claim % LAYOUT_CLAIMS], LAYOUT_CLAIM(claim, index));
}

/* Stores the owner in a free slot, whose lock the caller holds, and announces the slot. */
static void slots_take(struct slots *slots, uint32_t index, const struct slot_owner *owner)
{
	struct layout_slot *slot = &slots->slot[index];
	char command[16];
	uint32_t i;

	paths_command(command);
	/* The contract with the publisher (peer_attach()): if the publisher loads a word that this
	 * owner stored, it also finds that the former owner's ticket has changed. */
	fence_release();
	for (i = 0; i < LAYOUT_PINS; i++)
		store_relaxed(&slot->pins[i], 0);
	for (i = 0; i < owner->tables; i++)
		store_relaxed(&slot->table_hashes[i], owner->table_hashes[i]);
	__atomic_store_n(&slot->tables, owner->tables, __ATOMIC_RELAXED);
	data_copy_in((unsigned char *)slot->uuid, owner->uuid, 16);
	data_copy_in((unsigned char *)slot->command, command, 16);
	data_copy_in((unsigned char *)slot->label, owner->label, sizeof(owner->label));
	store_relaxed(&slot->attached, clock_realtime());
	store_relaxed(&slot->seen, 0);
	store_relaxed(&slot->applied, 0);
	__atomic_store_n(&slot->pid, (uint32_t)getpid(), __ATOMIC_RELAXED);
	__atomic_store_n(&slot->notifier, owner->notifier, __ATOMIC_RELAXED);
	/* The contract with the publisher: a slot whose state it finds TAKEN has the owner's
	 * uuid. */
	store_release_32(&slot->state, LAYOUT_SLOT_TAKEN);
	slots_raise_used(slots, index + 1u);
	slots_announce(slots, index);
}

/* Finds a free slot below `end` and takes its lock. Returns its index, or -EAGAIN if there is
 * none. */
static int64_t slots_claim_below(struct slots *slots, uint32_t end)
{
	uint32_t i;

	for (i = 0; i < end; i++) {
		uint32_t *state = &slots->slot[i].state;
		if (load_acquire_32(state) != LAYOUT_SLOT_FREE || slots_lock(slots, i) < 0)
			continue;
		if (load_acquire_32(state) == LAYOUT_SLOT_FREE)
			return i;
		slots_unlock(slots, i);
	}
	return -EAGAIN;
}

/* Makes the file larger, unless another process has done so since this process found it full: then
 * the caller has new slots to search. Returns 0 or a negative errno. */
static int slots_grow(struct slots *slots)
{
	uint32_t full = slots->capacity, more = full < SLOTS_FIRST ? SLOTS_FIRST : full * 2;
	int r;

	slots->capacity = slots_capacity(slots->lock.fd);
	if (slots->capacity > full)
		return 0;
	if (slots->capacity == LAYOUT_SLOTS_MAX)
		return -ENOSPC;
	if (more > LAYOUT_SLOTS_MAX)
		more = LAYOUT_SLOTS_MAX;
	r = file_reserve(slots->lock.fd, 0, slots_file_size(more));
	if (r == 0)
		slots->capacity = more;
	return r;
}

void slots_set_notifier(struct slots *slots, uint32_t index, uint32_t notifier)
{
	/* Release, like the fence in slots_take(): a publisher that loads this notifier also finds
	 * that the former owner's ticket has changed. */
	__atomic_store_n(&slots->slot[index].notifier, notifier, __ATOMIC_RELEASE);
}

int slots_claim(struct slots *slots, const struct slot_owner *owner, uint32_t *ret_index)
{
	int r = 0;

	slots->capacity = slots_capacity(slots->lock.fd);
	/* Bounded, because a hostile process may keep truncating the file and making it grow. */
	for (int round = 0; round < CLAIM_ROUNDS && r == 0; round++) {
		int64_t index = slots_claim_below(slots, slots->capacity);
		if (index >= 0) {
			slots_take(slots, (uint32_t)index, owner);
			*ret_index = (uint32_t)index;
			return 0;
		}
		r = slots_grow(slots);
	}
	if (r == 0 || (r == -ENOSPC && slots->capacity == LAYOUT_SLOTS_MAX))
		return error_set(
			ENOSPC,
			"no slot is free for another subscriber: all %u are in use, or locked by another "
			"process",
			slots->capacity);
	return file_reserve_error(r, slots->lock.fd, "the subscribers file",
	                          slots_file_size(slots->capacity * 2));
}

void slots_free(struct slots *slots, uint32_t index)
{
	struct layout_slot *slot = &slots->slot[index];
	uint64_t ticket = load_relaxed(&slot->ticket);
	int i;

	for (i = 0; i < (int)LAYOUT_PINS; i++)
		store_release(&slot->pins[i], 0);
	if (ticket % 2 == 1)
		store_release(&slot->ticket, ticket + 1);
	store_release_32(&slot->state, LAYOUT_SLOT_FREE);
}

void slots_release(struct slots *slots, uint32_t index)
{
	slots_free(slots, index);
	slots_unlock(slots, index);
	/* Like slots_unlock_run(): after the slot is free and unlocked. */
	__atomic_fetch_add(&slots->header->freed, 1, __ATOMIC_RELEASE);
}
