/* SPDX-License-Identifier: MIT
 *
 * Region files made by processes of another kind: 32-bit processes beside 64-bit ones, another C
 * library, machines of the other byte order. The tests forge the header fields that tell the kinds
 * apart. */
#include <linux/futex.h>

#include "lib/base/abi.h"
#include "tests/support/ipc/ipc.h"

TestSuite(ipc_abi, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

enum { ATTACHED, WAITING };

static int open_file(const char *suffix)
{
	char path[128];
	int fd;

	ipc_path(path, suffix);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

static void read_file(struct layout_publisher_file *ret)
{
	int fd = open_file(".publisher");

	CHECK(pread(fd, ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret), "%s", strerror(errno));
	close(fd);
}

static void write_file(const struct layout_publisher_file *file)
{
	int fd = open_file(".publisher");

	CHECK(pwrite(fd, file, sizeof(*file), 0) == (ssize_t)sizeof(*file), "%s", strerror(errno));
	close(fd);
}

enum { OTHER_WORD, OTHER_LIBRARY, OTHER_KINDS };
#define OTHER_BITS (sizeof(void *) == 8 ? "a 32-bit publisher" : "a 64-bit publisher")

/* Forges the files as a publisher of another kind would have left them, including its mutex. */
static void forge(unsigned kind, bool held)
{
	struct layout_publisher_file file;

	read_file(&file);
	CHECK(abi_is_ours(&file), "word size %u, mutex of %u bytes", file.word_size,
	      file.mutex_size);
	if (kind == OTHER_WORD) {
		file.word_size = sizeof(void *) == 8 ? 4 : 8;
		file.mutex_size = sizeof(void *) == 8 ? 24 : 40;
	} else {
		file.lock_word = file.lock_word ? 0 : 4;
	}
	memset(&file.mutex, held ? 0x11 : 0, sizeof(file.mutex));
	write_file(&file);
}

static int publish_flags(unsigned flags, int64_t timeout, struct stele_publisher **ret)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = flags, .attach_timeout_ns = timeout};

	return stele_publisher_open(region, &options, ret);
}

static struct stele_publisher *publish(unsigned flags)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = flags | STELE_CREATE,
	                                          .attach_timeout_ns = IPC_PATIENCE};

	return ipc_publish(region, &options);
}

/* No publisher is attached: the mutex is initialised anew, whatever state the old one was left
 * in. */
Test(ipc_abi, ipc_15_a_free_mutex_of_another_kind_is_initialised_anew)
{
	struct layout_publisher_file file;
	struct stele_publisher *publisher;

	for (unsigned i = 0; i < 2 * OTHER_KINDS; i++)
		for (unsigned flags = 0; flags <= STELE_SHARED; flags += STELE_SHARED) {
			stele_publisher_close(publish(flags));
			forge(i % OTHER_KINDS, i >= OTHER_KINDS);
			OK(publish_flags(flags, -1, &publisher));
			ipc_commit(publisher);
			read_file(&file);
			CHECK(abi_is_ours(&file), "the file was left as it was");
			stele_publisher_close(publisher);
		}
}

static void share_once_they_go(unsigned argument)
{
	struct stele_publisher *publisher;

	(void)argument;
	RETURNS(publish_flags(STELE_SHARED, -1, &publisher), -EPROTONOSUPPORT,
	        "cannot share its lock");
	ipc_reach(WAITING, 1);
	OK(publish_flags(STELE_SHARED, IPC_PATIENCE, &publisher));
	ipc_commit(publisher);
	stele_publisher_close(publisher);
}

/* While a publisher of another kind is attached, a second one is refused, with the kind in the
 * error message. It is admitted once the first has detached. */
Test(ipc_abi, ipc_15_publishers_of_two_kinds_share_no_lock)
{
	struct stele_publisher *publisher, *second;
	pid_t pid;

	for (unsigned kind = 0; kind < OTHER_KINDS; kind++) {
		publisher = publish(STELE_SHARED);
		forge(kind, false);
		RETURNS(publish_flags(STELE_SHARED, -1, &second), -EPROTONOSUPPORT,
		        kind == OTHER_WORD ? OTHER_BITS : "another C library");
		CHECK(strstr(stele_last_error(), ".publisher"), "which file? %s",
		      stele_last_error());
		RETURNS(publish_flags(0, -1, &second), -EBUSY, "another publisher");
		ipc_reach(WAITING, 0);
		pid = ipc_spawn(share_once_they_go, 0);
		ipc_await(WAITING, 1);
		OK(stele_publisher_reap(publisher));
		stele_publisher_close(publisher);
		ipc_join(pid);
	}
}

/* The kernel's lock word is found wherever the other C library keeps it. */
Test(ipc_abi, ipc_15_the_lock_word_of_another_kind_is_found)
{
	struct stele_region_lock lock = {.size = sizeof(lock)};
	struct layout_publisher_file file;
	uint32_t words[2];

	stele_publisher_close(publish(0));
	read_file(&file);
	for (unsigned which = 0; which < 2; which++) {
		static const struct {
			uint32_t word, owner;
			enum stele_lock_state state;
		} states[] = {
			{0, 0, STELE_LOCK_FREE},
			{4711, 4711, STELE_LOCK_HELD},
			{4711 | FUTEX_OWNER_DIED, 4711, STELE_LOCK_DEAD},
			{4711 | FUTEX_WAITERS, 4711, STELE_LOCK_HELD},
		};
		for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
			/* The other word holds a value that would be misread. */
			words[which] = states[i].word;
			words[1 - which] = states[i].word == 0 ? 0x84 : 0;
			file.lock_word = which * 4;
			memcpy(&file.mutex, words, sizeof(words));
			write_file(&file);
			OK(stele_region_describe_lock(region, &lock));
			CHECK(lock.state == states[i].state && lock.owner == states[i].owner,
			      "word %u, state %u: %d, owner %u", which, i, (int)lock.state,
			      lock.owner);
		}
	}
	file.lock_word = 4096;
	write_file(&file);
	RETURNS(stele_region_describe_lock(region, &lock), -EBADMSG, "no lock");
}

/* ---- the other byte order ---- */

/* Swaps the bytes of every field that is read before the byte order is known. */
static void swap(const char *suffix)
{
	struct {
		uint64_t magic;
		uint32_t layout_version, byte_order;
	} start;
	int fd = open_file(suffix);

	CHECK(pread(fd, &start, sizeof(start), 0) == (ssize_t)sizeof(start), "%s", strerror(errno));
	start.magic = __builtin_bswap64(start.magic);
	start.layout_version = __builtin_bswap32(start.layout_version);
	start.byte_order = __builtin_bswap32(start.byte_order);
	CHECK(pwrite(fd, &start, sizeof(start), 0) == (ssize_t)sizeof(start), "%s",
	      strerror(errno));
	close(fd);
}

Test(ipc_abi, ipc_15_the_other_byte_order_is_refused_by_name)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_region_lock lock = {.size = sizeof(lock)};
	struct stele_region_use use = {.size = sizeof(use)};
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher;

	stele_publisher_close(publish(0));
	swap("");
	swap(".publisher");
	swap(".subscribers");
	RETURNS(stele_subscriber_open(region, NULL, &subscriber), -EPROTONOSUPPORT,
	        "other byte order");
	RETURNS(publish_flags(0, -1, &publisher), -EPROTONOSUPPORT, "other byte order");
	RETURNS(publish_flags(STELE_SHARED, -1, &publisher), -EPROTONOSUPPORT, "other byte order");
	RETURNS(stele_region_describe(region, &info), -EPROTONOSUPPORT, "other byte order");
	RETURNS(stele_region_verify(region, NULL, &use), -EPROTONOSUPPORT, "other byte order");
	RETURNS(stele_region_describe_lock(region, &lock), -EPROTONOSUPPORT, "other byte order");
	/* Only a publisher that asks for creation gets an empty region. */
	OK(publish_flags(STELE_CREATE, -1, &publisher));
	CHECK(strstr(stele_publisher_note(publisher), "replaced by an empty one"), "%s",
	      stele_publisher_note(publisher));
	CHECK(stele_publisher_version(publisher) == 0, "not empty");
	stele_publisher_close(publisher);
	stele_publisher_close(publish(0));
	ipc_read(ipc_subscribe(0, "futex"));
	OK(stele_region_describe_lock(region, &lock));
	CHECK(lock.state == STELE_LOCK_FREE, "state %d", (int)lock.state);
}

static void attached(unsigned argument)
{
	struct stele_publisher *publisher = publish(STELE_SHARED);

	(void)argument;
	swap("");
	swap(".publisher");
	ipc_reach(ATTACHED, 1);
	(void)publisher;
	pause();
}

/* The test emulates an attached publisher of the other byte order. */
Test(ipc_abi, ipc_15_a_live_publisher_of_the_other_byte_order_is_left_alone)
{
	struct stele_publisher *publisher;
	pid_t pid = ipc_spawn(attached, 0);

	ipc_await(ATTACHED, 1);
	RETURNS(publish_flags(STELE_SHARED | STELE_CREATE, -1, &publisher), -EPROTONOSUPPORT,
	        "other byte order");
	RETURNS(publish_flags(STELE_CREATE, -1, &publisher), -EBUSY, "another publisher");
	ipc_kill(pid);
	OK(publish_flags(STELE_SHARED | STELE_CREATE, IPC_PATIENCE, &publisher));
	stele_publisher_close(publisher);
}
