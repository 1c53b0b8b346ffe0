/* SPDX-License-Identifier: MIT
 *
 * A publisher beside a user without rights on its region. That user creates every name that can be
 * predicted, and every kind of file under each name of the region. */
#include "lib/storage/paths.h"
#include "lib/storage/replace.h"
#include "tests/support/ipc/outsider.h"

TestSuite(hostile_outsider, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static const struct stele_publisher_options small = {
	.size = sizeof(small),
	.flags = STELE_CREATE,
	.maximum_size = 1 << 18,
	.limit_size = 1 << 26,
	.mode = 0644,
	.attach_timeout_ns = -1,
};

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* ---- names that can be predicted ---- */

enum { PUBLISHER_STAGE, SQUATTER_STAGE };
static unsigned squatter_kind, publisher_user;

/* Gives the squatter the random name of the last new file, which it could also see by watching the
 * directory. */
static void tell_last_name(void)
{
	struct layout_replacement record = {0};
	char file[128];
	int fd;

	ipc_path(file, ".publisher");
	fd = open(file, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && pread(fd, &record, sizeof(record), LAYOUT_REPLACEMENT_OFFSET) ==
	                         (ssize_t)sizeof(record),
	      "%s", strerror(errno));
	close(fd);
	CHECK(record.number != 0, "nothing was replaced");
	ipc_tell(0, record.number);
}

static void squat_names(unsigned round)
{
	static const char *const suffixes[] = {".new", ".subscribers.new", ".publisher.new",
	                                       ".channels.new"};
	char path[128], suffix[32];

	if (geteuid() == 0)
		outsider_become(OUTSIDER);
	snprintf(suffix, sizeof(suffix), ".new-%016llx", (unsigned long long)ipc_told(0));
	for (unsigned i = 0; i < (round == 0 ? 4 : 1); i++) {
		ipc_path(path, round == 0 ? suffixes[i] : suffix);
		outsider_squat(squatter_kind, path);
	}
	ipc_reach(SQUATTER_STAGE, round + 1);
	pause();
}

static uint64_t generation(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	OK(stele_region_describe(region, &info));
	return info.generation;
}

/* Puts rows until the region has moved to a larger file. */
static void grow(struct stele_publisher *publisher, uint32_t *id)
{
	uint64_t before = generation();

	while (generation() == before) {
		struct stele_transaction *tx;
		OK(stele_transaction_begin(publisher, &tx));
		for (unsigned i = 0; i < 64; i++)
			ipc_put(tx, (*id)++, 1);
		OK(stele_transaction_commit(tx, NULL, NULL));
	}
}

/* Renames files in every way that the library does, with the squatter active. */
static void publish_beside(unsigned argument)
{
	struct stele_publisher *publisher;
	struct stat before, after;
	char path[128];
	uint32_t id = 1;

	(void)argument;
	if (publisher_user != geteuid())
		outsider_become(publisher_user);
	publisher = ipc_publish(region, &small);
	for (unsigned round = 0; round < 2; round++) {
		uint64_t compacted;
		ipc_reach(PUBLISHER_STAGE, round + 1);
		ipc_await(SQUATTER_STAGE, round + 1);
		grow(publisher, &id);
		compacted = generation();
		OK(stele_publisher_compact(publisher));
		CHECK(generation() == compacted + 1, "not compacted");
		/* The publisher replaces the scribbled subscribers file at the next attach. */
		ipc_path(path, ".subscribers");
		stele_publisher_close(publisher);
		CHECK(stat(path, &before) == 0 && truncate(path, 8) == 0, "%s", strerror(errno));
		publisher = ipc_publish(region, &small);
		CHECK(stat(path, &after) == 0 && after.st_ino != before.st_ino && after.st_size > 8,
		      "not replaced");
		tell_last_name();
	}
	stele_publisher_close(publisher);
	ipc_reach(PUBLISHER_STAGE, 3);
}

static void beside_a_squatter(enum squatter kind, unsigned user)
{
	char pattern[128];
	glob_t left;
	pid_t publisher, squatter;

	squatter_kind = kind;
	publisher_user = user;
	ipc_reach(PUBLISHER_STAGE, 0);
	ipc_reach(SQUATTER_STAGE, 0);
	publisher = ipc_spawn(publish_beside, 0);
	for (unsigned round = 0; round < 2; round++) {
		ipc_await(PUBLISHER_STAGE, round + 1);
		squatter = ipc_spawn(squat_names, round);
		ipc_await(SQUATTER_STAGE, round + 1);
		if (round == 1)
			ipc_join(publisher);
		else
			ipc_await(PUBLISHER_STAGE, 2);
		ipc_kill(squatter);
	}
	/* The squatter's files are unchanged, and no other file is left. */
	OK(stele_region_remove(region));
	ipc_path(pattern, ".*");
	CHECK(glob(pattern, 0, NULL, &left) == 0 && left.gl_pathc == 5, "%zu files", left.gl_pathc);
	for (size_t i = 0; i < left.gl_pathc; i++)
		outsider_unsquat(left.gl_pathv[i]);
	globfree(&left);
}

Test(hostile_outsider, hostile_26_predictable_names_stop_no_growth)
{
	/* A plain user runs both the publisher and the squatter, which may therefore remove the
	 * publisher's files. */
	if (geteuid() != 0) {
		beside_a_squatter(FULL_DIRECTORY, geteuid());
		return;
	}
	for (enum squatter kind = 0; kind < SQUATTERS; kind++) {
		beside_a_squatter(kind, 0);
		beside_a_squatter(kind, MEMBER);
	}
}

/* ---- each kind of file under each name ---- */

enum { DATA, PUBLISHER, SUBSCRIBERS, CHANNELS, NAMES };
static const char *const suffixes[] = {"", ".publisher", ".subscribers", ".channels"};
static enum stele_memory memory;

static void squat_name(unsigned argument)
{
	char path[128];

	outsider_become(OUTSIDER);
	ipc_path(path, suffixes[argument / SQUATTERS]);
	outsider_squat(argument % SQUATTERS, path);
}

/* Creates a region, uses it, and removes it. */
static void use_region(void)
{
	struct stele_publisher_options options = small;
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;

	options.memory = memory;
	options.limit_size = options.maximum_size;
	publisher = ipc_publish(region, &options);
	subscriber = ipc_subscribe(0, NULL);
	CHECK(ipc_describe(subscriber).registered, "%s", ipc_describe(subscriber).reason);
	CHECK(ipc_commit(publisher) == 2 && ipc_read(subscriber) == 2, "not read");
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

static void refuse(int error, const char *path)
{
	struct stele_publisher_options options = small;
	struct stele_publisher *publisher;
	char user[32];

	options.memory = memory;
	options.limit_size = options.maximum_size;
	snprintf(user, sizeof(user), "user %u", OUTSIDER);
	RETURNS(stele_publisher_open(region, &options, &publisher), error, path);
	CHECK(strstr(stele_last_error(), user) && strstr(stele_last_error(), "remove"), "%s",
	      stele_last_error());
}

static void publish_as_root(unsigned name, enum squatter kind)
{
	bool replaced = name == CHANNELS || (name == SUBSCRIBERS && kind != FULL_DIRECTORY);
	struct stele_subscriber *subscriber;
	char path[128];

	ipc_path(path, suffixes[name]);
	if (replaced) {
		use_region();
		OK(stele_region_remove(region));
		CHECK(!exists(path), "%s is there", path);
		return;
	}
	refuse(kind == LARGE ? -EPERM : -EBADMSG, path);
	if (name == DATA)
		CHECK(stele_subscriber_open(region, NULL, &subscriber) < 0, "opened a %s",
		      outsider_squatters[kind]);
	CHECK(faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0, "%s is gone", path);
}

static bool is_regular(enum squatter kind)
{
	return kind == EMPTY || kind == LARGE || kind == HARD_LINK;
}

static void publish_as_member(unsigned argument)
{
	unsigned name = argument / SQUATTERS;
	char path[128];

	outsider_become(MEMBER);
	ipc_path(path, suffixes[name]);
	/* Without the channels folder a region works with fewer notifiers. */
	if (name == CHANNELS) {
		use_region();
		RETURNS(stele_region_remove(region), -EPERM, path);
		return;
	}
	refuse(name == SUBSCRIBERS                ? -EPERM
	       : is_regular(argument % SQUATTERS) ? -EACCES
	                                          : -EBADMSG,
	       path);
}

Test(hostile_outsider, hostile_26_each_kind_of_file_under_each_name_does_no_harm)
{
	char path[128];

	if (geteuid() != 0)
		cr_skip_test("other users need root");
	for (unsigned i = 0; i < 2 * NAMES * SQUATTERS; i++) {
		unsigned argument = i / 2, name = argument / SQUATTERS;
		memory = i % 2 ? STELE_MEMORY_SYSV : STELE_MEMORY_SHM;
		ipc_path(path, suffixes[name]);
		ipc_join(ipc_spawn(squat_name, argument));
		ipc_join(ipc_spawn(publish_as_member, argument));
		if (name == CHANNELS) {
			/* Root removes the files that the other user could not remove, and the
			 * outsider's files. */
			OK(stele_region_remove(region));
			CHECK(!exists(path), "%s is there", path);
			outsider_unsquat(path);
			ipc_join(ipc_spawn(squat_name, argument));
		}
		publish_as_root(name, argument % SQUATTERS);
		outsider_unsquat(path);
	}
}

/* Only root creates devices, so a device is no attack but a mistake, or another program's. */
Test(hostile_outsider, hostile_26_a_device_under_each_name_does_no_harm)
{
	char path[128];

	for (unsigned name = 0; name < NAMES; name++) {
		struct stele_publisher *publisher;
		ipc_path(path, suffixes[name]);
		if (mknod(path, S_IFCHR | 0600, makedev(1, 3)) < 0)
			cr_skip_test("making devices needs root");
		memory = STELE_MEMORY_SHM;
		if (name == SUBSCRIBERS || name == CHANNELS) {
			use_region();
			OK(stele_region_remove(region));
		} else {
			RETURNS(stele_publisher_open(region, &small, &publisher), -EBADMSG,
			        "is a device of user 0");
			cr_assert_eq(unlink(path), 0);
		}
		CHECK(!exists(path), "%s is there", path);
	}
}
