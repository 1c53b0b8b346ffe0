/* SPDX-License-Identifier: MIT
 *
 * Objects under the names of a region's files that are not a region; the modes of the region's
 * files; and attaching when the process has run out of a resource. */
#include <mqueue.h>
#include <sys/resource.h>

#include "lib/storage/paths.h"
#include "tests/support/ipc/outsider.h"

TestSuite(hostile_squat, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static const struct stele_publisher_options at_once = {
	.size = sizeof(at_once),
	.flags = STELE_CREATE,
	.attach_timeout_ns = -1,
};

static const char *const suffixes[] = {"", ".publisher", ".subscribers"};
enum { DATA, PUBLISHER, SUBSCRIBERS, FILES };

/* ---- squatted names ---- */

/* Writes the names, sizes, modes, owners and times of all files of this test into `text`. */
static void inventory(char text[2048])
{
	struct stat status;
	char pattern[128];
	size_t length = 0;
	glob_t found;

	ipc_path(pattern, "*");
	text[0] = '\0';
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc && length < 2048; i++)
		if (lstat(found.gl_pathv[i], &status) == 0)
			length += (size_t)snprintf(
				text + length, 2048 - length, "%s %lu %ld %o %u %lu %ld.%09ld\n",
				found.gl_pathv[i], (unsigned long)status.st_ino,
				(long)status.st_size, status.st_mode, status.st_uid,
				(unsigned long)status.st_nlink, (long)status.st_mtim.tv_sec,
				status.st_mtim.tv_nsec);
	globfree(&found);
}

/* Checks that the region is refused without delay, and that nothing has changed. */
static void refused(unsigned file, enum squatter kind)
{
	char before[2048], after[2048];
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	unsigned descriptors = ipc_descriptors();
	int64_t begin = clock_now();

	inventory(before);
	RETURNS(stele_publisher_open(region, &at_once, &publisher), -EBADMSG, suffixes[file]);
	if (file == DATA)
		RETURNS(stele_subscriber_open(region, NULL, &subscriber), -EBADMSG, region);
	else
		RETURNS(stele_subscriber_open(region, NULL, &subscriber), -ENOENT, region);
	cr_expect(clock_now() - begin < 2 * NSEC_PER_SEC, "%s as %s: slow",
	          outsider_squatters[kind], suffixes[file]);
	inventory(after);
	cr_expect_str_eq(after, before, "%s as data%s", outsider_squatters[kind], suffixes[file]);
	cr_expect_eq(ipc_descriptors(), descriptors);
}

Test(hostile_squat, an_object_that_is_no_region_is_refused_and_unchanged)
{
	char path[128];

	for (unsigned file = DATA; file <= PUBLISHER; file++)
		for (unsigned kind = 0; kind < LARGE; kind++) {
			ipc_path(path, suffixes[file]);
			outsider_squat(kind, path);
			refused(file, kind);
			outsider_unsquat(path);
		}
	/* With the names free, a region can be created. */
	stele_publisher_close(ipc_publish(region, NULL));
}

Test(hostile_squat, a_squatted_subscribers_file_is_replaced_never_followed)
{
	char path[128], victim[128];
	struct stat before, after;

	outsider_victim_path(victim);
	for (unsigned kind = 0; kind < LARGE; kind++) {
		struct stele_publisher *publisher;
		struct stele_subscriber *subscriber;
		ipc_path(path, ".subscribers");
		outsider_squat(kind, path);
		cr_assert_eq(lstat(victim, &before), 0);
		if (kind == FULL_DIRECTORY) {
			/* The squatter's file can't be replaced, so no region is created. */
			RETURNS(stele_publisher_open(region, &at_once, &publisher), -EBADMSG, path);
			CHECK(strstr(stele_last_error(),
			             "not empty; let that user or root remove it"),
			      "%s", stele_last_error());
			outsider_unsquat(path);
			RETURNS(stele_region_remove(region), -ENOENT, region);
			continue;
		}
		publisher = ipc_publish(region, NULL);
		subscriber = ipc_subscribe(0, "mq");
		cr_assert_eq(lstat(victim, &after), 0);
		cr_expect(after.st_size == before.st_size &&
		                  after.st_mtim.tv_nsec == before.st_mtim.tv_nsec &&
		                  after.st_mode == before.st_mode,
		          "%s: the victim was written", outsider_squatters[kind]);
		stele_subscriber_close(subscriber);
		stele_publisher_close(publisher);
		OK(stele_region_remove(region));
	}
}

/* Every user who may write a file may link it, and in a sticky directory no other user can remove
 * the link. */
Test(hostile_squat, a_hard_link_to_the_subscribers_file_keeps_no_process_out)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber;
	char path[128], other[128];

	ipc_path(path, ".subscribers");
	ipc_path(other, ".other-name");
	cr_assert_eq(link(path, other), 0);
	subscriber = ipc_subscribe(0, NULL);
	cr_expect(ipc_describe(subscriber).registered, "%s", ipc_describe(subscriber).reason);
	stele_publisher_close(publisher);
	publisher = ipc_attach(region, &at_once);
	cr_expect_eq(ipc_commit(publisher), 2);
	cr_expect_eq(ipc_read(subscriber), 2);
	cr_expect(ipc_describe(subscriber).registered);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
	cr_assert_eq(unlink(other), 0);
}

Test(hostile_squat, a_subscriber_works_without_a_squatted_subscribers_file)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	char path[128];

	ipc_path(path, ".subscribers");
	for (unsigned kind = 0; kind < LARGE; kind++) {
		struct stele_subscriber *subscriber;
		unlink(path);
		outsider_squat(kind, path);
		subscriber = ipc_subscribe(0, NULL);
		cr_expect(!ipc_describe(subscriber).registered, "%s", outsider_squatters[kind]);
		cr_expect(strstr(ipc_describe(subscriber).reason, path), "%s: %s",
		          outsider_squatters[kind], ipc_describe(subscriber).reason);
		cr_expect_eq(ipc_read(subscriber), 1);
		stele_subscriber_close(subscriber);
		outsider_unsquat(path);
	}
	stele_publisher_close(publisher);
}

/* ---- owners of the files ---- */

Test(hostile_squat, a_region_that_others_may_write_is_refused)
{
	static const mode_t modes[] = {0660, 0642, 0666};
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	char path[128];

	stele_publisher_close(ipc_publish(region, NULL));
	ipc_path(path, "");
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(chmod(path, modes[i]), 0);
		RETURNS(stele_publisher_open(region, &at_once, &publisher), -EPERM, "chmod go-w");
		RETURNS(stele_subscriber_open(region, NULL, &subscriber), -EPERM, "chmod go-w");
	}
	cr_assert_eq(chmod(path, 0640), 0);
	OK(stele_publisher_open(region, &at_once, &publisher));
	cr_expect_eq(ipc_commit(publisher), 2);
	stele_publisher_close(publisher);
}

Test(hostile_squat, another_user_s_files_are_refused)
{
	char before[2048], after[2048], path[128];
	struct stele_publisher *publisher;

	if (geteuid() != 0)
		cr_skip_test("giving files away needs root");
	stele_publisher_close(ipc_publish(region, NULL));
	for (unsigned with = 0; with < 3; with++) {
		/* Another user owns the data file, the publisher file, or both. */
		for (unsigned file = DATA; file <= PUBLISHER; file++) {
			ipc_path(path, suffixes[file]);
			cr_assert_eq(
				chown(path, with == 2 || with == file ? IPC_NOBODY : 0, (gid_t)-1),
				0);
		}
		inventory(before);
		RETURNS(stele_publisher_open(region, &at_once, &publisher), -EPERM,
		        "belongs to user 65534");
		inventory(after);
		cr_expect_str_eq(after, before);
	}
	/* A region without a publisher file was created under that name. */
	ipc_path(path, ".publisher");
	cr_assert_eq(unlink(path), 0);
	inventory(before);
	RETURNS(stele_publisher_open(region, &at_once, &publisher), -EPERM,
	        "belongs to user 65534");
	inventory(after);
	cr_expect_str_eq(after, before);
}

/* ---- modes ---- */

static void expect_mode(const char *suffix, mode_t mode)
{
	struct stat status;
	char path[128];

	ipc_path(path, suffix);
	CHECK(stat(path, &status) == 0, "%s: %s", path, strerror(errno));
	CHECK((status.st_mode & 07777) == mode, "%s has mode %04o, not %04o", path,
	      status.st_mode & 07777, mode);
}

Test(hostile_squat, modes_are_as_requested_under_any_umask)
{
	static const mode_t masks[] = {0, 077, 0777, 022};
	static const mode_t asked[] = {0, 0600, 0640, 0644}, data[] = {0640, 0600, 0640, 0644};
	static const mode_t subscribers[] = {0660, 0600, 0660, 0666},
			    channels[] = {01730, 01700, 01730, 01733};
	struct layout_slot slots[64];
	char name[NAMES_QUEUE_SIZE];
	struct stat status;

	for (unsigned i = 0; i < 16; i++) {
		struct stele_publisher_options options = at_once;
		struct stele_publisher *publisher;
		struct stele_subscriber *subscriber;
		mqd_t queue;
		options.mode = asked[i % 4];
		umask(masks[i / 4]);
		publisher = ipc_publish(region, &options);
		expect_mode("", data[i % 4]);
		expect_mode(".publisher", 0600);
		expect_mode(".subscribers", subscribers[i % 4]);
		expect_mode(".channels", channels[i % 4]);
		subscriber = ipc_subscribe(0, "mq");
		cr_assert(ipc_slots(slots, 64) > 0 && slots[0].state == LAYOUT_SLOT_TAKEN);
		paths_queue(region, slots[0].uuid, name);
		queue = mq_open(name, O_WRONLY | O_CLOEXEC);
		cr_assert(queue >= 0 && fstat(queue, &status) == 0, "%s: %s", name,
		          strerror(errno));
		cr_expect_eq(status.st_mode & 07777, 0620, "the queue has mode %04o",
		             status.st_mode & 07777);
		mq_close(queue);
		stele_subscriber_close(subscriber);
		cr_expect(mq_open(name, O_WRONLY) < 0 && errno == ENOENT, "the queue stayed");
		/* A recreated subscribers file has the same mode. */
		if (i % 4 == 2) {
			char path[128];
			stele_publisher_close(publisher);
			ipc_path(path, ".subscribers");
			unlink(path);
			publisher = ipc_publish(region, &options);
			expect_mode(".subscribers", subscribers[i % 4]);
		}
		stele_publisher_close(publisher);
		OK(stele_region_remove(region));
	}
}

/* ---- exhausted resources ---- */

/* Opens both kinds of handle with `spare` free descriptors. Returns true if both could be
 * opened. */
static bool open_with(unsigned spare, unsigned flags)
{
	struct stele_publisher_options options = at_once;
	struct rlimit all, few;
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	unsigned open_before = ipc_descriptors();
	bool registered;
	int highest = dup(0), r;

	close(highest);
	options.flags = flags;
	CHECK(getrlimit(RLIMIT_NOFILE, &all) == 0, "%s", strerror(errno));
	few = (struct rlimit){(rlim_t)highest + spare, all.rlim_max};
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0, "%s", strerror(errno));
	r = stele_publisher_open(region, &options, &publisher);
	setrlimit(RLIMIT_NOFILE, &all);
	if (r < 0) {
		CHECK(r == -EMFILE && stele_last_error()[0], "%u to spare: %d: %s", spare, r,
		      stele_last_error());
		CHECK(ipc_descriptors() == open_before, "%u to spare: left some open", spare);
		return false;
	}
	ipc_commit(publisher);
	highest = dup(0);
	close(highest);
	few.rlim_cur = (rlim_t)highest + spare;
	setrlimit(RLIMIT_NOFILE, &few);
	r = stele_subscriber_open(region, NULL, &subscriber);
	setrlimit(RLIMIT_NOFILE, &all);
	if (r < 0) {
		CHECK(r == -EMFILE && stele_last_error()[0], "%u to spare: %d: %s", spare, r,
		      stele_last_error());
		registered = false;
	} else {
		registered = strcmp(ipc_describe(subscriber).notifier, "mq") == 0;
		CHECK(registered || ipc_describe(subscriber).reason[0], "%u to spare: no reason",
		      spare);
		ipc_read(subscriber);
		stele_subscriber_close(subscriber);
	}
	stele_publisher_close(publisher);
	CHECK(ipc_descriptors() == open_before, "%u to spare: left some open", spare);
	return registered;
}

Test(hostile_squat, without_descriptors_nothing_is_half_created)
{
	struct stele_subscriber *subscriber;
	unsigned spare = 0;
	char text[2048];

	/* Create a region with more and more descriptors. A failed attempt leaves no file. */
	for (struct stele_publisher *publisher = NULL; !publisher; spare++) {
		struct stele_publisher_options options = at_once;
		struct rlimit all, few;
		unsigned open_before = ipc_descriptors();
		int highest = dup(0), r;
		close(highest);
		getrlimit(RLIMIT_NOFILE, &all);
		few = (struct rlimit){(rlim_t)highest + spare, all.rlim_max};
		setrlimit(RLIMIT_NOFILE, &few);
		r = stele_publisher_open(region, &options, &publisher);
		setrlimit(RLIMIT_NOFILE, &all);
		if (r == 0) {
			stele_publisher_close(publisher);
			break;
		}
		CHECK(r == -EMFILE && spare < 20, "%u to spare: %d: %s", spare, r,
		      stele_last_error());
		CHECK(ipc_descriptors() == open_before, "%u to spare: left some open", spare);
		inventory(text);
		cr_expect_str_eq(text, "", "%u to spare", spare);
	}
	cr_expect(spare > 3, "%u descriptors were enough", spare);
	stele_publisher_close(ipc_publish(region, NULL));
	for (spare = 0; !open_with(spare, 0); spare++)
		cr_assert(spare < 20);
	cr_expect(spare > 3, "%u descriptors were enough", spare);
	subscriber = ipc_subscribe(0, "mq");
	cr_expect(ipc_read(subscriber) > 1);
	stele_subscriber_close(subscriber);
}

Test(hostile_squat, without_address_space_nothing_is_half_created)
{
	struct stele_publisher_options options = at_once;
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	unsigned descriptors = ipc_descriptors();
	struct rlimit all, little;
	char text[2048];

	if (SANITIZED)
		cr_skip_test("a sanitizer needs more address space than this leaves");
	getrlimit(RLIMIT_AS, &all);
	little = (struct rlimit){UINT64_C(1) << 30, all.rlim_max};
	options.maximum_size = UINT64_C(2) << 30;
	setrlimit(RLIMIT_AS, &little);
	RETURNS(stele_publisher_open(region, &options, &publisher), -ENOMEM, "address space");
	setrlimit(RLIMIT_AS, &all);
	inventory(text);
	cr_expect_str_eq(text, "");
	cr_expect_eq(ipc_descriptors(), descriptors);

	stele_publisher_close(ipc_publish(region, &options));
	inventory(text);
	setrlimit(RLIMIT_AS, &little);
	RETURNS(stele_publisher_open(region, &options, &publisher), -ENOMEM, "address space");
	RETURNS(stele_subscriber_open(region, NULL, &subscriber), -ENOMEM, "address space");
	cr_expect_eq(ipc_descriptors(), descriptors);
	setrlimit(RLIMIT_AS, &all);
	publisher = ipc_attach(region, &at_once);
	cr_expect_eq(ipc_commit(publisher), 2);
	stele_publisher_close(publisher);
}
