/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/promise.h"

#include <sys/msg.h>

#include "lib/storage/folder.h"
#include "lib/storage/paths.h"

const struct mechanism mechanisms[MECHANISMS] = {
	[MQ] = {"mq", true},         [SOCKET] = {"socket", true},        [FIFO] = {"fifo", true},
	[SIGNAL] = {"signal", true}, [SEMAPHORE] = {"semaphore", false}, [SYSV] = {"sysv", false},
	[FUTEX] = {"futex", false},
};

bool promise_can_spawn(unsigned mechanism)
{
	return mechanism != SYSV || NOTIFIER_THREADS;
}

void promise_for_each(void (*promise)(unsigned, struct stele_publisher *), bool spawns)
{
	for (unsigned i = 0; i < MECHANISMS; i++) {
		struct stele_publisher *publisher;
		if (spawns && !promise_can_spawn(i))
			continue;
		publisher = ipc_publish(region, NULL);
		memset(shared, 0, sizeof(*shared));
		promise(i, publisher);
		stele_publisher_close(publisher);
		OK(stele_region_remove(region));
	}
}

struct stele_subscriber *promise_subscribe(unsigned mechanism)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, mechanisms[mechanism].name);

	CHECK(strcmp(ipc_describe(subscriber).notifier, mechanisms[mechanism].name) == 0, "%s",
	      ipc_describe(subscriber).notifier);
	return subscriber;
}

struct layout_slot promise_slot(pid_t pid, unsigned *ret_index)
{
	struct layout_slot slots[64];
	unsigned count = ipc_slots(slots, 64), i = 0;

	while (i < count && (slots[i].state != LAYOUT_SLOT_TAKEN || slots[i].pid != (uint32_t)pid))
		i++;
	CHECK(i < count, "process %d is not registered", (int)pid);
	if (ret_index)
		*ret_index = i;
	return slots[i];
}

int promise_sysv_queue(void)
{
	struct stele_region_info info = {.size = sizeof(info)};
	key_t key;

	OK(stele_region_describe(region, &info));
	memcpy(&key, info.uuid, sizeof(key));
	return msgget(key, 0);
}

void promise_entry_path(const struct layout_slot *slot, char path[NAMES_PATH_SIZE])
{
	struct region_paths names;

	OK(paths_make(region, &names));
	folder_entry(&names, slot->uuid, path);
}

/* ---- waking subscribers ---- */

void promise_follow(unsigned mechanism, unsigned who, unsigned rounds)
{
	struct stele_subscriber *subscriber = promise_subscribe(mechanism);
	uint64_t version;

	OK(stele_subscriber_version(subscriber, &version));
	for (uint32_t round = 1; round <= rounds; round++) {
		ipc_reach(2 * who, round);
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		CHECK(ipc_read(subscriber) >= version, "%llu", (unsigned long long)version);
		ipc_tell(8 + who, version);
		ipc_reach(2 * who + 1, round);
	}
	stele_subscriber_close(subscriber);
}

void promise_follow_rounds(unsigned mechanism)
{
	promise_follow(mechanism, 0, ROUNDS);
}

void promise_commit_rounds(struct stele_publisher *publisher, pid_t child, unsigned who,
                           unsigned from, unsigned to)
{
	for (uint32_t round = from; round <= to; round++) {
		ipc_await(2 * who, round);
		UNTIL(ipc_blocked(child));
		ipc_commit(publisher);
		ipc_await(2 * who + 1, round);
	}
}
