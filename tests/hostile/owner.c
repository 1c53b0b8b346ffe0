/* SPDX-License-Identifier: MIT
 *
 * Which user's region a reader opens: any user can be the first to create a region of a given
 * name. */
#include "lib/storage/paths.h"
#include "tests/support/ipc/outsider.h"

TestSuite(hostile_owner, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static char place[128]; /* the region's directory, if it has one */

static void needs_root(void)
{
	if (geteuid() != 0)
		cr_skip_test("other users need root");
}

/* Publishes as another user, readable for all. */
static void publish_as(unsigned user)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .mode = 0644};

	outsider_become(user);
	stele_publisher_close(ipc_publish(*place ? place : region, &options));
}

static int open_as(unsigned flags, uid_t owner, struct stele_subscriber **ret)
{
	struct stele_subscriber_options options = {
		.size = sizeof(options), .flags = flags, .owner = owner};

	return stele_subscriber_open(*place ? place : region, &options, ret);
}

/* Opens the region and reads it; the region must belong to `owner`. */
static void reads(unsigned flags, uid_t asked, uid_t owner, bool trusted)
{
	struct stele_subscriber *subscriber;
	struct stele_subscriber_state state;

	OK(open_as(flags, asked, &subscriber));
	CHECK(ipc_read(subscriber) == 1, "not read");
	state = ipc_describe(subscriber);
	CHECK(state.owner == owner && state.owner_trusted == trusted, "user %u, %strusted",
	      state.owner, state.owner_trusted ? "" : "not ");
	stele_subscriber_close(subscriber);
}

static void refuses(unsigned flags, uid_t asked, const char *part)
{
	struct stele_subscriber *subscriber;

	RETURNS(open_as(flags, asked, &subscriber), -EPERM, part);
	CHECK(strstr(stele_last_error(), "/stele"), "%s", stele_last_error());
}

Test(hostile_owner, hostile_26_root_reads_another_user_s_region_only_if_asked)
{
	struct stele_region_info info = {.size = sizeof(info)};
	const struct stele_verify_options any_owner = {
		.size = sizeof(any_owner),
		.flags = STELE_ANY_OWNER,
	};
	struct stele_region_use use = {.size = sizeof(use)};
	char file[64];

	needs_root();
	ipc_join(ipc_spawn(publish_as, OUTSIDER));
	refuses(0, 0, "belongs to user 65534");
	refuses(STELE_UNREGISTERED, 0,
	        "only with STELE_ONE_OWNER and that user, or with STELE_ANY");
	cr_expect_null(strstr(stele_last_error(), "--owner"));
	refuses(STELE_ONE_OWNER, 0, "user 0 was asked for");
	refuses(STELE_ONE_OWNER, MEMBER, "user 12345 was asked for");
	reads(STELE_ONE_OWNER, OUTSIDER, OUTSIDER, false);
	reads(STELE_ANY_OWNER, 0, OUTSIDER, false);
	/* Saving is refused as well: the copy would belong to root. */
	snprintf(file, sizeof(file), "/tmp/stele-test-%d", (int)getpid());
	RETURNS(stele_region_save(region, file, 0, NULL, NULL), -EPERM, "belongs to user 65534");
	cr_expect(access(file, F_OK) < 0);
	/* Visiting all regions skips the refused one and continues. */
	OK(stele_region_describe(region, &info));
	cr_expect(info.owner == OUTSIDER && !info.owner_trusted);
	RETURNS(stele_region_verify(region, NULL, &use), -EPERM, "belongs to user 65534");
	RETURNS(stele_region_verify(region, &any_owner, &use), 1, "");
}

Test(hostile_owner, a_requested_region_of_another_user_can_be_saved)
{
	struct stele_subscriber *subscriber;
	uint64_t newest;
	char file[64];

	needs_root();
	ipc_join(ipc_spawn(publish_as, OUTSIDER));
	snprintf(file, sizeof(file), "/tmp/stele-test-%d", (int)getpid());
	OK(open_as(STELE_ONE_OWNER, OUTSIDER, &subscriber));
	OK(stele_subscriber_save(subscriber, file, 0, NULL, &newest));
	stele_subscriber_close(subscriber);
	cr_expect_eq(newest, 1);
	/* A saved file of any owner is read, unless an owner is requested. */
	cr_assert_eq(chown(file, MEMBER, MEMBER), 0);
	snprintf(place, sizeof(place), "file:%s", file);
	reads(0, 0, MEMBER, false);
	refuses(STELE_ONE_OWNER, OUTSIDER, "belongs to user 12345");
	cr_assert_eq(unlink(file), 0);
}

static void read_as_member(unsigned owner)
{
	outsider_become(MEMBER);
	/* A user other than root reads any region whose mode allows it, because services seldom run
	 * as the user who publishes. */
	reads(0, 0, owner, owner == 0);
	reads(STELE_ONE_OWNER, owner, owner, owner == 0);
	refuses(STELE_ONE_OWNER, MEMBER, "and user 12345 was asked for");
}

Test(hostile_owner, other_users_read_if_the_mode_allows)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .mode = 0644};

	needs_root();
	ipc_join(ipc_spawn(publish_as, OUTSIDER));
	ipc_join(ipc_spawn(read_as_member, OUTSIDER));
	OK(stele_region_remove(region));
	stele_publisher_close(ipc_publish(region, &options));
	ipc_join(ipc_spawn(read_as_member, 0));
	reads(0, 0, 0, true);
}

Test(hostile_owner, hostile_26_root_trusts_the_owner_of_the_region_s_directory)
{
	char directory[96];

	needs_root();
	snprintf(directory, sizeof(directory), "/dev/shm/stele.%s-directory", region);
	snprintf(place, sizeof(place), "%s/%s", directory, region);
	cr_assert(mkdir(directory, 0777) == 0 && chmod(directory, 01777) == 0 &&
	          chown(directory, MEMBER, MEMBER) == 0);
	ipc_join(ipc_spawn(publish_as, MEMBER));
	reads(0, 0, MEMBER, true);
	OK(stele_region_remove(place));
	/* Other users may create files in that directory, too, and are not trusted for it. */
	ipc_join(ipc_spawn(publish_as, OUTSIDER));
	refuses(0, 0, "belongs to user 65534");
	OK(stele_region_remove(place));
	cr_assert_eq(rmdir(directory), 0);
}

/* ---- a name that another user took ---- */

enum { READY, TAKEN, SEEN };

/* Copies the file with its uuid to the name of the removed file. */
static void take_name(unsigned argument)
{
	static char bytes[1 << 20];
	char path[128];
	int fd = (int)argument, copy;
	ssize_t size = pread(fd, bytes, sizeof(bytes), 0);

	outsider_become(OUTSIDER);
	ipc_path(path, "");
	copy = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	CHECK(copy >= 0 && size > 4096 && write(copy, bytes, (size_t)size) == size, "%s",
	      strerror(errno));
	close(copy);
}

static void follow_name(unsigned user)
{
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	uint64_t version;

	if (user)
		outsider_become(user);
	OK(open_as(0, 0, &subscriber));
	CHECK(ipc_read(subscriber) == 1, "not read");
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	ipc_reach(READY, ipc_stage(READY) + 1);
	ipc_await(TAKEN, 1);
	RETURNS(stele_subscriber_wait(subscriber, 1, clock_now() + IPC_PATIENCE, &version), -EIDRM,
	        "open it again");
	/* A snapshot that was open before is unchanged. */
	OK(stele_snapshot_check(snapshot));
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
	/* A reader that opens now finds the other user's file, and the default rule decides. */
	if (user == 0)
		refuses(0, 0, "belongs to user 65534");
	else
		reads(0, 0, OUTSIDER, false);
}

Test(hostile_owner, hostile_26_a_subscriber_does_not_follow_a_name_to_another_user)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .mode = 0644};
	pid_t as_root, as_member;
	char path[128];
	int fd;

	needs_root();
	stele_publisher_close(ipc_publish(region, &options));
	as_root = ipc_spawn(follow_name, 0);
	ipc_await(READY, 1);
	as_member = ipc_spawn(follow_name, MEMBER);
	ipc_await(READY, 2);
	ipc_path(path, "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert(fd >= 0 && unlink(path) == 0);
	ipc_join(ipc_spawn(take_name, (unsigned)fd));
	ipc_reach(TAKEN, 1);
	ipc_join(as_root);
	ipc_join(as_member);
	close(fd);
}

/* ---- a publisher whose name another user took ---- */

static void keep_publishing(unsigned user)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .mode = 0644};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	char path[128];

	if (user)
		outsider_become(user);
	publisher = ipc_publish(region, &options);
	ipc_path(path, "");
	CHECK(unlink(path) == 0, "%s", strerror(errno));
	ipc_reach(READY, 1);
	ipc_await(TAKEN, 1);
	if (user == 0) {
		/* The publisher checks its files from time to time. */
		struct stat status = {.st_uid = OUTSIDER};
		UNTIL(ipc_commit(publisher) && stat(path, &status) == 0 && status.st_uid == 0);
	} else {
		int r = 0;
		UNTIL((r = stele_transaction_begin(publisher, &tx)) < 0 ||
		      (stele_transaction_abort(tx), false));
		CHECK(r == -EPERM &&
		              strstr(stele_last_error(),
		                     "it is a file of user 65534; let that user or root remove it"),
		      "%d: %s", r, stele_last_error());
	}
	stele_publisher_close(publisher);
	ipc_reach(SEEN, 1);
}

Test(hostile_owner, hostile_13_a_publisher_notices_that_another_user_took_its_name)
{
	static const unsigned users[] = {0, MEMBER};
	char path[128];

	needs_root();
	ipc_path(path, "");
	for (unsigned i = 0; i < 2; i++) {
		pid_t publisher;
		int fd;
		ipc_reach(READY, 0);
		ipc_reach(TAKEN, 0);
		publisher = ipc_spawn(keep_publishing, users[i]);
		ipc_await(READY, 1);
		fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		ipc_join(ipc_spawn(take_name, (unsigned)fd));
		close(fd);
		ipc_reach(TAKEN, 1);
		ipc_join(publisher);
		unlink(path);
		OK(stele_region_remove(region));
	}
}

Test(hostile_owner, contradicting_options_are_refused)
{
	struct stele_subscriber *subscriber;
	struct stele_region_info info = {.size = sizeof(info)};

	stele_publisher_close(ipc_publish(region, NULL));
	RETURNS(open_as(STELE_ANY_OWNER | STELE_ONE_OWNER, 1, &subscriber), -EINVAL, "exclude");
	RETURNS(open_as(0, 1, &subscriber), -EINVAL, "STELE_ONE_OWNER");
	RETURNS(open_as(STELE_ONE_OWNER, geteuid() + 1, &subscriber), -EPERM, "asked for");
	reads(STELE_ONE_OWNER, geteuid(), geteuid(), true);
	reads(0, 0, geteuid(), true);
	OK(stele_region_describe(region, &info));
	cr_expect(info.owner == geteuid() && info.owner_trusted);
}
