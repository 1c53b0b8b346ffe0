/* SPDX-License-Identifier: MIT
 *
 * stele clean, with real leftovers of killed processes. Each test but one has a /dev/shm and an
 * IPC namespace of its own. stress/clean.c also tests that clean takes nothing from a living
 * process. */
#include <mqueue.h>
#include <sys/shm.h>
#include <uuid/uuid.h>

#include "lib/storage/file.h"
#include "lib/storage/folder.h"
#include "lib/storage/replace.h"
#include "publisher/state/state.h"
#include "subscriber/state.h"
#include "tests/support/ipc/own_machine.h"

TestSuite(cli_clean, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static char place[128]; /* name of a region in another directory */

/* ---- each kind of leftover ---- */

Test(cli_clean, files_without_a_data_file_are_removed)
{
	pid_t publisher, subscriber;
	char line[256];

	own_machine("size=64m");
	publisher = own_start(own_publisher);
	subscriber = own_start(own_subscriber);
	ipc_kill(publisher);
	own_unlink("");
	/* The subscriber is alive, and keeps its slot and queue. */
	EXITS(0, "clean");
	SAYS_NOT("removed");
	cr_expect(own_exists(".subscribers") && own_exists(".publisher") &&
	          own_exists(".channels"));
	cr_expect_eq(own_queues(), 1);

	ipc_kill(subscriber);
	EXITS(0, "clean --dry-run");
	snprintf(line, sizeof(line), "would be removed  file    %s", region);
	SAYS(line);
	cr_expect_eq(own_files(), 3);
	cr_expect_eq(own_queues(), 1);
	EXITS(0, "clean --format ndjson");
	snprintf(
		line, sizeof(line),
		"{\"state\": \"removed\", \"kind\": \"file\", \"region\": \"%s\", \"name\": \"/dev/shm/stele.%s.publisher\", \"format\": 1}\n",
		region, region);
	SAYS(line);
	SAYS("\"kind\": \"folder\"");
	SAYS("\"kind\": \"queue\"");
	cr_expect_eq(own_files(), 0);
	cr_expect_eq(own_queues(), 0);
	EXITS(0, "clean");
	SAYS_NOT(region);
}

/* If the lock file is missing, clean creates it for the duration of the command, and removes it
 * again. */
Test(cli_clean, files_without_a_data_or_publisher_file_are_removed)
{
	own_machine("size=64m");
	ipc_kill(own_start(own_publisher));
	own_unlink("");
	own_unlink(".publisher");
	EXITS(0, "clean -n");
	SAYS(".subscribers");
	SAYS_NOT(".publisher");
	cr_expect_eq(own_files(), 2);
	EXITS(0, "clean");
	cr_expect_eq(own_files(), 0);
}

static void publish_in_a_segment(unsigned argument)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE,
	                                          .memory = STELE_MEMORY_SYSV,
	                                          .maximum_size = 1 << 20};

	(void)argument;
	ipc_publish(region, &options);
	ipc_reach(READY, 1);
	pause();
}

/* Returns the number of System V segments in this namespace. */
static int segments(void)
{
	struct shm_info info;

	CHECK(shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info) >= 0, "%s", strerror(errno));
	return info.used_ids;
}

Test(cli_clean, the_segment_of_a_region_without_its_data_file_is_removed)
{
	pid_t publisher;

	own_machine("size=64m");
	publisher = own_start(publish_in_a_segment);
	own_unlink("");
	EXITS(0, "clean");
	cr_expect_eq(segments(), 1);
	ipc_kill(publisher);
	EXITS(0, "clean");
	cr_expect_eq(own_files(), 0);
	cr_expect_eq(segments(), 0);
}

/* `stele clean` locks the publisher file of a region, and creates that file if it is missing. If
 * the command is killed then, the publisher file remains. */
Test(cli_clean, the_lock_file_of_a_killed_clean_is_removed)
{
	char path[128];
	int fd;

	own_machine("size=64m");
	ipc_path(path, ".publisher");
	for (int i = 0; i < 2; i++) {
		OK(file_make(path, sizeof(uint64_t), &fd));
		OK(file_publish(fd, path, 0600));
		close(fd);
		/* First round: a publisher can use the remaining file. Second round: the next clean
		 * removes the file. */
		if (i == 0) {
			stele_publisher_close(ipc_publish(region, NULL));
			OK(stele_region_remove(region));
		} else {
			EXITS(0, "clean");
			SAYS(path);
		}
		cr_expect_eq(own_files(), 0);
	}
}

Test(cli_clean, slots_and_queues_of_a_region_without_a_publisher_are_freed)
{
	struct stele_subscriber *subscriber;
	pid_t publisher, killed;
	char line[256];

	own_machine("size=64m");
	publisher = own_start(own_publisher);
	killed = own_start(own_subscriber);
	subscriber = ipc_subscribe(0, "mq");
	ipc_kill(killed);
	/* An attached publisher reaps slots itself, so clean leaves them. It removes only the
	 * queue, which the publisher does not know yet. */
	EXITS(0, "clean");
	SAYS_NOT("slot");
	cr_expect_eq(ipc_registered(), 2);
	ipc_kill(publisher);
	EXITS(0, "clean");
	snprintf(line, sizeof(line), "(%d)\n", (int)killed);
	SAYS(line);
	SAYS("removed  slot");
	cr_expect_eq(ipc_registered(), 1);
	cr_expect_eq(own_queues(), 1);
	/* The region itself is data, and stays. */
	cr_expect_eq(ipc_read(subscriber), 1);
	stele_subscriber_close(subscriber);
}

/* ---- a new file that was to replace another ---- */

enum { OWN, OF_ANOTHER_REGION, OF_ANOTHER_USER };

/* The publisher is killed between creating the new file's name and the rename. */
static void die_with_an_unfinished_file(unsigned kind)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	const struct region_paths *names = &publisher->attachment.region.names;
	struct layout_subscribers_header header = {.magic = LAYOUT_MAGIC_SUBSCRIBERS};
	char path[REPLACE_PATH_SIZE];
	int fd;

	memcpy(header.uuid, publisher->attachment.region.uuid, sizeof(header.uuid));
	header.uuid[0] ^= kind == OF_ANOTHER_REGION;
	OK(file_make(names->subscribers, 4096, &fd));
	CHECK(pwrite(fd, &header, sizeof(header), 0) == sizeof(header), "%s", strerror(errno));
	OK(replace_begin(publisher->attachment.publisher_lock.fd, names,
	                 publisher->attachment.region.uuid, fd, 0600, path));
	if (kind == OF_ANOTHER_USER)
		CHECK(fchown(fd, IPC_NOBODY, IPC_NOBODY) == 0, "%s", strerror(errno));
	ipc_reach(READY, 1);
	pause();
}

static pid_t start_unfinished(unsigned kind)
{
	pid_t pid;

	ipc_reach(READY, 0);
	pid = ipc_spawn(die_with_an_unfinished_file, kind);
	ipc_await(READY, 1);
	cr_assert_eq(own_files(), 5);
	return pid;
}

Test(cli_clean, crash_03_an_unfinished_replacement_file_is_removed)
{
	pid_t publisher;

	own_machine("size=64m");
	publisher = start_unfinished(OWN);
	/* A living publisher may be about to rename the new file. */
	EXITS(0, "clean");
	SAYS_NOT(".new-");
	cr_expect_eq(own_files(), 5);
	ipc_kill(publisher);
	EXITS(0, "clean --dry-run");
	SAYS(".new-");
	cr_expect_eq(own_files(), 5);
	EXITS(0, "clean");
	SAYS(".new-");
	cr_expect_eq(own_files(), 4);
	EXITS(0, "list");
	SAYS(region);
	/* The next publisher removes the new file, and so does rm. */
	ipc_kill(start_unfinished(OWN));
	stele_publisher_close(ipc_publish(region, NULL));
	cr_expect_eq(own_files(), 4);
	ipc_kill(start_unfinished(OWN));
	EXITS(0, "rm %s", region);
	cr_expect_eq(own_files(), 0);
}

Test(cli_clean, crash_03_the_next_replacement_removes_an_unfinished_file)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE | STELE_SHARED};
	struct stele_publisher *publisher;
	char path[REPLACE_PATH_SIZE];
	int fd;

	own_machine("size=64m");
	publisher = ipc_publish(region, &options);
	OK(file_make(publisher->attachment.region.names.data, 4096, &fd));
	CHECK(pwrite(fd, publisher->attachment.region.header, sizeof(struct layout_header), 0) > 0,
	      "%s", strerror(errno));
	OK(replace_begin(publisher->attachment.publisher_lock.fd,
	                 &publisher->attachment.region.names, publisher->attachment.region.uuid, fd,
	                 0600, path));
	close(fd);
	cr_expect_eq(own_files(), 5);
	OK(stele_publisher_compact(publisher));
	cr_expect_eq(own_files(), 4);
	stele_publisher_close(publisher);
}

/* The record may name a file that another user has created since. Such a file is never removed. */
Test(cli_clean, hostile_26_another_user_s_file_of_such_a_name_stays)
{
	own_machine("size=64m");
	for (unsigned kind = OF_ANOTHER_REGION; kind <= OF_ANOTHER_USER; kind++) {
		ipc_kill(start_unfinished(kind));
		EXITS(0, "clean");
		SAYS_NOT(".new-");
		stele_publisher_close(ipc_publish(region, NULL));
		cr_expect_eq(own_files(), 5);
		EXITS(0, "rm %s", region);
		cr_expect_eq(own_files(), 1);
		cleaner_unlink("/dev/shm/*");
	}
}

Test(cli_clean, channels_of_no_living_slot_are_removed)
{
	uint8_t dead[16];
	struct stele_subscriber *subscriber;
	char paths[2][NAMES_PATH_SIZE], other[NAMES_PATH_SIZE + 16];
	pid_t publisher;

	own_machine("size=64m");
	publisher = own_start(own_publisher);
	subscriber = ipc_subscribe(0, NULL);
	uuid_generate(dead);
	folder_entry(&subscriber->names, dead, paths[0]);
	folder_entry(&subscriber->names, subscriber->channel.uuid, paths[1]);
	snprintf(other, sizeof(other), "%s/other", subscriber->names.folder);
	CHECK(mkfifo(paths[0], 0600) == 0 && mkfifo(paths[1], 0600) == 0 &&
	              mkfifo(other, 0600) == 0,
	      "%s", strerror(errno));
	ipc_kill(publisher);
	EXITS(0, "clean");
	SAYS(paths[0]);
	cr_expect(access(paths[0], F_OK) < 0 && access(paths[1], F_OK) == 0 &&
	          access(other, F_OK) == 0);
	stele_subscriber_close(subscriber);
}

/* ---- what is still in use ---- */

Test(cli_clean, queues_of_regions_in_other_directories_stay)
{
	char directory[64];
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;

	own_machine("size=64m");
	snprintf(directory, sizeof(directory), "/dev/shm/%s", region);
	snprintf(place, sizeof(place), "%s/%s", directory, region);
	CHECK(mkdir(directory, 0700) == 0, "%s", strerror(errno));
	publisher = ipc_publish(place, NULL);
	subscriber = ipc_subscribe_to(place, 0, "mq");
	EXITS(0, "clean");
	SAYS_NOT("removed");
	cr_expect_eq(own_queues(), 1);
	/* The queue stays even if all files of the region are gone. */
	stele_publisher_close(publisher);
	OK(stele_region_remove(place));
	EXITS(0, "clean");
	SAYS_NOT("removed");
	stele_subscriber_close(subscriber);
	cr_expect_eq(own_queues(), 0);
}

Test(cli_clean, queues_of_other_programs_stay)
{
	struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 16};
	char name[128];
	mqd_t queue;

	own_machine("size=64m");
	/* Names like those of subscribers, and one that resembles them but has another form. */
	snprintf(name, sizeof(name), "/stele.%s.c0ffee00-0000-4000-8000-000000000000", region);
	queue = mq_open("/stele.queue", O_RDONLY | O_CREAT | O_EXCL, 0600, NULL);
	CHECK(queue >= 0 && mq_close(queue) == 0, "%s", strerror(errno));
	queue = mq_open(name, O_RDONLY | O_CREAT | O_EXCL, 0600, &attributes);
	CHECK(queue >= 0 && mq_close(queue) == 0, "%s", strerror(errno));
	EXITS(0, "clean");
	cr_expect_eq(own_queues(), 2);
	mq_unlink(name);
	attributes.mq_msgsize = 8;
	queue = mq_open(name, O_RDONLY | O_CREAT | O_EXCL, 0600, &attributes);
	CHECK(queue >= 0 && mq_close(queue) == 0, "%s", strerror(errno));
	EXITS(0, "clean");
	SAYS(name);
	cr_expect_eq(own_queues(), 1);
}

Test(cli_clean, a_publisher_that_lost_its_file_keeps_the_rest)
{
	pid_t publisher;

	own_machine("size=64m");
	publisher = own_start(own_publisher);
	own_unlink("");
	EXITS(0, "clean");
	SAYS_NOT("removed");
	cr_expect_eq(own_files(), 3);
	/* The files also stay if the file with the publisher's lock is gone: the publisher has the
	 * subscribers file open. */
	own_unlink(".publisher");
	EXITS(0, "clean");
	SAYS_NOT("removed");
	cr_expect_eq(own_files(), 2);
	ipc_kill(publisher);
	EXITS(0, "clean");
	cr_expect_eq(own_files(), 0);
}

static void as_nobody(unsigned argument)
{
	(void)argument;
	CHECK(setresgid(IPC_NOBODY, IPC_NOBODY, IPC_NOBODY) == 0 &&
	              setresuid(IPC_NOBODY, IPC_NOBODY, IPC_NOBODY) == 0,
	      "%s", strerror(errno));
	EXITS(5, "clean");
	SAYS("belongs to");
}

Test(cli_clean, another_user_may_not_clean)
{
	own_machine("size=64m,mode=1777");
	ipc_kill(own_start(own_publisher));
	own_unlink("");
	if (access(getenv("STELE") ? getenv("STELE") : "build/stele", X_OK) < 0)
		cr_skip_test("no command");
	ipc_join(ipc_spawn(as_nobody, 0));
	cr_expect_eq(own_files(), 3);
	own_unlink(".publisher");
	ipc_join(ipc_spawn(as_nobody, 0));
	cr_expect_eq(own_files(), 2);
}

static void publish_there_for_ever(unsigned argument)
{
	(void)argument;
	ipc_publish(place, NULL);
	ipc_reach(READY, 1);
	pause();
}

/* Any user may clean up in a directory of their own. */
Test(cli_clean, own_leftovers_are_removed_without_root)
{
	char directory[] = "/tmp/stele-clean-XXXXXX", path[128];

	CHECK(mkdtemp(directory), "%s", strerror(errno));
	snprintf(place, sizeof(place), "%s/%s", directory, region);
	ipc_kill(own_start(publish_there_for_ever));
	RETURNS(stele_region_clean(place, 0, NULL, NULL), 0, "");
	snprintf(path, sizeof(path), "%s/stele.%s", directory, region);
	CHECK(unlink(path) == 0, "%s", strerror(errno));
	RETURNS(stele_region_clean(place, STELE_DRY_RUN, NULL, NULL), 3, "");
	RETURNS(stele_region_clean(place, 0, NULL, NULL), 3, "");
	CHECK(rmdir(directory) == 0, "%s", strerror(errno));
}

Test(cli_clean, wrong_usage_is_refused)
{
	own_machine("size=64m");
	EXITS(2, "clean net");
	SAYS("stele rm net");
	EXITS(3, "clean -D /dev/shm/none");
	RETURNS(stele_region_clean(region, 1, NULL, NULL), -EINVAL, "flags");
	RETURNS(stele_region_clean(region, 0, NULL, NULL), 0, "");
}
