/* SPDX-License-Identifier: MIT
 *
 * The group of a region: all files have it, its members read and are notified, and it stays when
 * files are replaced. */
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <sys/shm.h>

#include "publisher/attach/attach.h"
#include "publisher/state/state.h"
#include "tests/support/ipc/ipc.h"

TestSuite(notices_group, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* A group that no file gets by itself, and the users of the tests. */
enum { GROUP = 65530, USER = 65531 };
enum { READY, DONE };

static void needs_root(void)
{
	if (geteuid() != 0)
		cr_skip_test("other users and groups need root");
}

static struct stele_publisher_options with_group(mode_t mode)
{
	return (struct stele_publisher_options){.size = sizeof(struct stele_publisher_options),
	                                        .flags = STELE_CREATE | STELE_GROUP,
	                                        .mode = mode,
	                                        .group = GROUP};
}

static void become(gid_t group)
{
	CHECK(setgroups(0, NULL) == 0 && setresgid(group, group, group) == 0 &&
	              setresuid(USER, USER, USER) == 0,
	      "%s", strerror(errno));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
}

static void expect_file(const char *suffix, mode_t mode)
{
	struct stat status;
	char path[128];

	ipc_path(path, suffix);
	cr_assert_eq(stat(path, &status), 0, "%s: %s", path, strerror(errno));
	cr_expect_eq(status.st_gid, GROUP, "%s has the group %u", path, status.st_gid);
	cr_expect_eq(status.st_mode & 07777, mode, "%s has the mode %o", path, status.st_mode);
}

static void expect_files(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	expect_file("", 0640);
	expect_file(".subscribers", 0660);
	expect_file(".channels", 01730);
	OK(stele_region_describe(region, &info));
	cr_expect_eq(info.group, GROUP);
}

static const char *notifier;

/* A member of the group: reads, registers, and is woken. */
static void follow(unsigned group)
{
	struct stele_subscriber *subscriber;
	uint64_t version;

	become(group);
	subscriber = ipc_subscribe(0, notifier);
	CHECK(ipc_describe(subscriber).registered, "%s", ipc_describe(subscriber).reason);
	OK(stele_subscriber_version(subscriber, &version));
	ipc_reach(READY, 1);
	RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
	CHECK(ipc_read(subscriber) == version, "%llu", (unsigned long long)version);
	stele_subscriber_close(subscriber);
}

/* Another user: may not read. */
static void be_refused(unsigned group)
{
	struct stele_subscriber *subscriber;

	become(group);
	RETURNS(stele_subscriber_open(region, NULL, &subscriber), -EACCES, region);
}

static void expect_members_served(struct stele_publisher *publisher)
{
	static const char *const notifiers[] = {"mq", "socket", "futex", "semaphore", "sysv"};

	for (size_t i = 0; i < sizeof(notifiers) / sizeof(notifiers[0]); i++) {
		pid_t child;

		/* With sysv the library may start a thread, which ThreadSanitizer does not support
		 * in a process that was forked while it had threads. */
		if (THREAD_SANITIZED && strcmp(notifiers[i], "sysv") == 0)
			continue;
		memset(shared->stage, 0, sizeof(shared->stage));
		notifier = notifiers[i];
		child = ipc_spawn(follow, GROUP);
		ipc_await(READY, 1);
		UNTIL(ipc_is(child, 'S'));
		ipc_commit(publisher);
		ipc_join(child);
	}
	ipc_join(ipc_spawn(be_refused, IPC_NOBODY));
}

Test(notices_group, all_files_have_the_group_and_keep_it)
{
	struct stele_publisher_options options = with_group(0640);
	struct stele_publisher *publisher;

	needs_root();
	publisher = ipc_publish(region, &options);
	ipc_only_notices();
	expect_files();
	expect_members_served(publisher);
	/* A new generation, a new subscribers file, and a new publisher keep the group. */
	OK(stele_publisher_compact(publisher));
	expect_files();
	attach_slots_replace(&publisher->attachment, true);
	stele_publisher_close(publisher);
	expect_files();
	publisher = ipc_attach(region, NULL);
	expect_files();
	expect_members_served(publisher);
	stele_publisher_close(publisher);
}

Test(notices_group, a_segment_has_the_group)
{
	struct stele_publisher_options options = with_group(0640);
	struct stele_publisher *publisher;
	struct shmid_ds status;

	needs_root();
	options.memory = STELE_MEMORY_SYSV;
	publisher = ipc_publish(region, &options);
	ipc_only_notices();
	cr_assert_eq(shmctl(publisher->attachment.region.segment, IPC_STAT, &status), 0);
	cr_expect_eq(status.shm_perm.gid, GROUP);
	expect_files();
	expect_members_served(publisher);
	stele_publisher_close(publisher);
}

/* ---- a publisher of another user ---- */

static void create_as_member(unsigned group)
{
	struct stele_publisher_options options = with_group(0640);

	become(group);
	stele_publisher_close(ipc_publish(region, &options));
}

Test(notices_group, a_member_gives_a_region_to_its_group)
{
	needs_root();
	ipc_join(ipc_spawn(create_as_member, GROUP));
	expect_files();
}

static void *create_in_thread(void *unused)
{
	struct stele_publisher_options options = with_group(0640);

	stele_publisher_close(ipc_publish(region, &options));
	return unused;
}

/* A member of as many groups as there can be, in a thread with a small stack. */
static void create_as_member_of_all(unsigned count)
{
	gid_t *groups = malloc(count * sizeof(*groups));
	pthread_attr_t attributes;
	pthread_t thread;

	for (unsigned i = 0; i < count; i++)
		groups[i] = 100000 + i;
	groups[count / 2] = GROUP;
	CHECK(setgroups(count, groups) == 0 && setresuid(USER, USER, USER) == 0, "%s",
	      strerror(errno));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	free(groups);
	pthread_attr_init(&attributes);
	CHECK(pthread_attr_setstacksize(&attributes, 160 << 10) == 0, "the size of the stack");
	CHECK(pthread_create(&thread, &attributes, create_in_thread, NULL) == 0, "a thread");
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

Test(notices_group, a_member_of_many_groups_in_a_small_thread)
{
	needs_root();
	/* A Criterion test has threads, and ThreadSanitizer supports none in a process that was
	 * forked from one with threads. */
	if (THREAD_SANITIZED)
		cr_skip_test("ThreadSanitizer allows no thread in a child");
	ipc_join(ipc_spawn(create_as_member_of_all, NGROUPS_MAX));
	expect_files();
}

static void create_as_stranger(unsigned group)
{
	struct stele_publisher_options options = with_group(0640);
	struct stele_publisher *publisher;

	become(group);
	RETURNS(stele_publisher_open(region, &options, &publisher), -EPERM,
	        "user 65531 cannot give a region to group 65530 without being in it");
}

Test(notices_group, a_stranger_is_refused_before_anything_is_made)
{
	glob_t found;
	char path[128];

	needs_root();
	ipc_join(ipc_spawn(create_as_stranger, IPC_NOBODY));
	ipc_path(path, "*");
	cr_expect_eq(glob(path, 0, NULL, &found), GLOB_NOMATCH, "something was made");
}

/* The group of the process itself always works. */
Test(notices_group, options_are_checked)
{
	struct stele_publisher_options options = with_group(0640);
	struct stele_publisher *publisher;

	options.flags = STELE_CREATE;
	RETURNS(stele_publisher_open(region, &options, &publisher), -EINVAL,
	        "without the flag STELE_GROUP");
	options.flags = STELE_CREATE | STELE_GROUP;
	options.group = (gid_t)-1;
	RETURNS(stele_publisher_open(region, &options, &publisher), -EINVAL, "group");
	options.group = getegid();
	stele_publisher_close(ipc_publish(region, &options));
}
