/* SPDX-License-Identifier: MIT
 *
 * Region files that were removed or replaced: a waiting subscriber notices, and continues or gets
 * an error. */
#include <sys/timerfd.h>

#include "subscriber/state.h"
#include "tests/support/ipc/model.h"

TestSuite(ipc_lost, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

enum { READER };

static void remove_file(const char *suffix)
{
	char path[128];

	ipc_path(path, suffix);
	CHECK(unlink(path) == 0, "%s: %s", path, strerror(errno));
}

/* A subscriber whose descriptor was handed out registers again, with a queue that makes the same
 * descriptor readable. Its pins count again. */
Test(ipc_lost, a_subscriber_with_a_descriptor_registers_again)
{
	struct stele_publisher *publisher = ipc_publish_history(2);
	struct stele_subscriber *subscriber = ipc_subscribe(0, "mq");
	struct stele_snapshot *snapshot;
	static struct model model;
	struct pollfd poller = {.fd = stele_subscriber_fd(subscriber), .events = POLLIN};
	uint64_t version = 0;

	OK(poller.fd);
	model_commit(publisher);
	RETURNS(stele_subscriber_wait(subscriber, 0, 0, &version), 1, "");
	remove_file(".subscribers");
	/* The publisher recreates the file; the subscriber checks when its descriptor wakes it. */
	UNTIL((model_commit(publisher), poll(&poller, 1, 0),
	       stele_subscriber_wait(subscriber, 0, 0, &version), ipc_registered() == 1));
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	version = stele_snapshot_version(snapshot);
	for (unsigned i = 0; i < 100; i++)
		model_commit(publisher);
	model_reach(&model, version);
	CHECK(model_compare(snapshot, &model) == 0, "the pin does not count: %s",
	      stele_last_error());
	RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 1, "");
	RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 0, "");
	/* Disarms the timer, so that the descriptor can only become readable by a commit. */
	CHECK(timerfd_settime(subscriber->timer, 0, &(struct itimerspec){0}, NULL) == 0, "%s",
	      strerror(errno));
	RETURNS(stele_subscriber_wait(subscriber, version, 0, &version), 0, "");
	CHECK(poll(&poller, 1, 0) == 0, "readable without a commit");
	model_commit(publisher);
	CHECK(poll(&poller, 1, IPC_PATIENCE / NSEC_PER_MSEC) == 1, "not readable");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

static const struct {
	int error;
	const char *message;
} ends[] = {
	{-ENOENT, "was removed"},
	{-ENOENT, "was removed"},
	{-EIDRM, "was replaced by another of its name"},
	{-EPROTONOSUPPORT, "has layout version 77"},
};

static void wait_for_the_end(unsigned which)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, which == 0 ? "mq" : "futex");
	uint64_t version;

	OK(stele_subscriber_version(subscriber, &version));
	ipc_reach(READER + which, 1);
	RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version),
	        ends[which].error, ends[which].message);
	stele_subscriber_close(subscriber);
}

Test(ipc_lost, a_waiting_subscriber_notices_a_removal_without_a_subscribers_file)
{
	struct stele_publisher *publisher = ipc_publish_history(2);
	pid_t pids[2];

	model_commit(publisher);
	stele_publisher_close(publisher);
	for (unsigned i = 0; i < 2; i++) {
		pids[i] = ipc_spawn(wait_for_the_end, i);
		ipc_await(READER + i, 1);
		UNTIL(ipc_blocked(pids[i]));
	}
	remove_file(".subscribers");
	OK(stele_region_remove(region));
	for (unsigned i = 0; i < 2; i++)
		ipc_join(pids[i]);
}

/* The files were removed by hand, and the region was created again: the old file has no mark that
 * says so. */
Test(ipc_lost, a_waiting_subscriber_notices_another_region_of_the_name)
{
	struct stele_publisher *publisher = ipc_publish_history(2);
	pid_t pid;

	model_commit(publisher);
	stele_publisher_close(publisher);
	pid = ipc_spawn(wait_for_the_end, 2);
	ipc_await(READER + 2, 1);
	UNTIL(ipc_blocked(pid));
	remove_file("");
	remove_file(".subscribers");
	remove_file(".publisher");
	publisher = ipc_publish_history(2);
	ipc_join(pid);
	stele_publisher_close(publisher);
}

/* A library of another layout took the region over, as the protocol prescribes: mark, rename,
 * mark. */
Test(ipc_lost, a_waiting_subscriber_notices_another_layout)
{
	struct stele_publisher *publisher = ipc_publish_history(2);
	static char bytes[1 << 20];
	char path[128], beside[136];
	uint32_t other = 77;
	uint64_t head, marked;
	ssize_t size;
	int old, fresh;
	pid_t pid;

	model_commit(publisher);
	stele_publisher_close(publisher);
	pid = ipc_spawn(wait_for_the_end, 3);
	ipc_await(READER + 3, 1);
	UNTIL(ipc_blocked(pid));
	ipc_path(path, "");
	snprintf(beside, sizeof(beside), "%s.new", path);
	old = open(path, O_RDWR);
	fresh = open(beside, O_RDWR | O_CREAT | O_EXCL, 0640);
	size = read(old, bytes, sizeof(bytes));
	memcpy(bytes + offsetof(struct layout_header, layout_version), &other, sizeof(other));
	CHECK(size > 4096 && write(fresh, bytes, (size_t)size) == size, "%s", strerror(errno));
	memcpy(&head, bytes + offsetof(struct layout_header, head), sizeof(head));
	for (enum head_state state = HEAD_REPLACING; state <= HEAD_REPLACED; state++) {
		marked = head_make(head_version(head), state);
		CHECK(pwrite(old, &marked, sizeof(marked), offsetof(struct layout_header, head)) ==
		              sizeof(marked),
		      "%s", strerror(errno));
		if (state == HEAD_REPLACING)
			CHECK(rename(beside, path) == 0, "%s", strerror(errno));
	}
	ipc_join(pid);
	close(old);
	close(fresh);
	OK(stele_region_remove(region));
}
