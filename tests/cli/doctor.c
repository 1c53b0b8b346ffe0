/* SPDX-License-Identifier: MIT
 *
 * stele doctor. Each condition is really brought about, in namespaces of the test's own. The tests
 * check the finding's text, and that the command which it names cures the condition. */
#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/support/ipc/own_machine.h"
#include "tests/support/mirror.h"
#include "tools/region/queues.h"

TestSuite(cli_doctor, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* Runs the command that a finding recommends. */
static void mend(const char *finding)
{
	char *command;
	int status;

	own_stele("doctor");
	command = strstr(own_output, finding);
	command = command ? strstr(command, "fix: ") : NULL;
	CHECK(command, "no \"%s\", or nothing that mends it: %s", finding, own_output);
	command += strlen("fix: ");
	command[strcspn(command, "\n")] = '\0';
	status = system(command);
	CHECK(status == 0, "\"%s\" failed with 0x%x", command, status);
}

static void machine_without_systemd(const char *options)
{
	own_machine(options);
	/* Settings of the real /run/systemd must not matter. */
	if (access("/run/systemd", F_OK) == 0)
		CHECK(mount("none", "/run/systemd", "tmpfs", 0, NULL) == 0, "%s", strerror(errno));
}

/* ---- a healthy system ---- */

Test(cli_doctor, a_healthy_region_has_no_problems)
{
	pid_t publisher, subscriber;
	char line[256];

	machine_without_systemd("size=8g");
	publisher = own_start(own_publisher);
	subscriber = own_start(own_subscriber);
	EXITS(0, "doctor");
	snprintf(line, sizeof(line), "(%d) publishes", (int)publisher);
	SAYS(line);
	SAYS("1 message queues exist, of ");
	SAYS("woken: 1 by mq");
	SAYS("is in this IPC namespace");
	SAYS("systemd-logind does not run here");
	SAYS("no region is as large as a huge page");
	SAYS("leftovers   no leftovers");
	SAYS_NOT("note");
	SAYS_NOT("problem");
	/* The output is not a terminal, so it has no colours. */
	SAYS_NOT("\033");
	EXITS(0, "doctor %s --format json", region);
	SAYS("{\"verdict\": \"ok\", \"check\": \"queues\", \"region\": null, \"finding\": \"");
	SAYS("\"fix\": null, \"format\": 1}");
	EXITS(3, "doctor %sx", region);
	SAYS("did you mean");
	EXITS(2, "doctor a b");
	EXITS(0, "doctor -D /tmp");
	SAYS("leaves this directory alone");
	ipc_kill(subscriber);
	ipc_kill(publisher);
}

/* ---- queues ---- */

Test(cli_doctor, exhausted_queues_are_reported)
{
	int fd;

	machine_without_systemd("size=8g");
	own_start(own_publisher);
	fd = open("/proc/sys/fs/mqueue/queues_max", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		cr_skip_test("fs.mqueue.queues_max can't be set here: %s", strerror(errno));
	close(fd);
	own_write("/proc/sys/fs/mqueue/queues_max", "1");
	own_start(own_subscriber);
	EXITS(1, "doctor");
	SAYS("problem  queues      1 message queues exist, and fs.mqueue.queues_max allows 1");
	SAYS("fix: sysctl -w fs.mqueue.queues_max=256");
	mend("problem  queues ");
	EXITS(0, "doctor");
	SAYS("of 256 that fs.mqueue.queues_max allows");
}

static void publish_for_all(unsigned argument)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .mode = 0644};

	(void)argument;
	ipc_publish(region, &options);
	ipc_reach(READY, 1);
	pause();
}

static void limit_and_ask(unsigned bytes)
{
	struct stele_subscriber_options named = {.size = sizeof(named), .notifier = "mq"};
	struct stele_subscriber *subscriber;
	bool enough = bytes >= QUEUE_BYTES;
	uid_t user = 1000000 + (uid_t)getpid();

	/* All queues of a user count, wherever they are, so the test runs as a user who has
	 * none. */
	CHECK(setresuid(user, user, user) == 0, "%s", strerror(errno));
	CHECK(setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){bytes, bytes}) == 0, "%s",
	      strerror(errno));
	EXITS(enough ? 0 : 1, "doctor");
	if (enough)
		SAYS("1 queues of 104 bytes for each user");
	else {
		SAYS("problem  msgqueue    RLIMIT_MSGQUEUE is 103 bytes here, less than the 104");
		SAYS("fix: ulimit -q 26624, or LimitMSGQUEUE=26624 in a unit");
	}
	/* The kernel agrees with the report. */
	RETURNS(stele_subscriber_open(region, &named, &subscriber), enough ? 0 : -EMFILE,
	        "RLIMIT_MSGQUEUE");
	if (enough)
		stele_subscriber_close(subscriber);
}

Test(cli_doctor, too_few_bytes_for_a_queue_are_reported)
{
	if (sizeof(void *) != 8)
		cr_skip_test("the kernel's structs are smaller here");
	machine_without_systemd("size=8g");
	own_start(publish_for_all);
	ipc_join(ipc_spawn(limit_and_ask, QUEUE_BYTES - 1));
	ipc_join(ipc_spawn(limit_and_ask, QUEUE_BYTES));
	ipc_spawn(own_subscriber, 0);
	ipc_spawn(own_subscriber, 0);
	UNTIL(own_queues() == 2);
	CHECK(setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){QUEUE_BYTES, QUEUE_BYTES}) == 0, "%s",
	      strerror(errno));
	EXITS(0, "doctor");
	SAYS("note     msgqueue");
	SAYS("too few if the 2 subscribers are all of one user");
}

/* ---- systemd ---- */

static void setting(const char *place, const char *name, const char *value)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), "%s/logind.conf.d", place);
	CHECK(mkdir(path, 0755) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
	snprintf(path, sizeof(path), "%s/logind.conf.d/%s", place, name);
	snprintf(text, sizeof(text), "# a comment\n[Login]\nRemoveIPC=%s\n[Other]\nRemoveIPC=yes\n",
	         value);
	own_write(path, text);
}

static void publish_as_nobody(unsigned argument)
{
	CHECK(setresgid(IPC_NOBODY, IPC_NOBODY, IPC_NOBODY) == 0 &&
	              setresuid(IPC_NOBODY, IPC_NOBODY, IPC_NOBODY) == 0,
	      "%s", strerror(errno));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	own_publisher(argument);
}

Test(cli_doctor, logind_removing_shared_memory_is_reported)
{
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", 1);
	own_machine("size=8g,mode=1777");
	if (mount("none", "/etc/systemd", "tmpfs", 0, NULL) < 0 ||
	    mount("none", "/run/systemd", "tmpfs", 0, NULL) < 0)
		cr_skip_test("there is no systemd: %s", strerror(errno));
	CHECK(mkdir("/run/systemd/seats", 0755) == 0, "%s", strerror(errno));
	own_start(own_publisher);
	EXITS(0, "doctor");
	SAYS("leaves user root's shared memory alone");
}

Test(cli_doctor, logind_is_reported_for_a_publisher_of_a_common_user)
{
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", 1);
	own_machine("size=8g,mode=1777");
	if (mount("none", "/etc/systemd", "tmpfs", 0, NULL) < 0 ||
	    mount("none", "/run/systemd", "tmpfs", 0, NULL) < 0)
		cr_skip_test("there is no systemd: %s", strerror(errno));
	own_start(publish_as_nobody);
	EXITS(0, "doctor");
	SAYS("systemd-logind does not run here");
	CHECK(mkdir("/run/systemd/seats", 0755) == 0, "%s", strerror(errno));
	EXITS(1, "doctor");
	SAYS("problem  removeipc");
	SAYS("loginctl enable-linger");
	/* The last file name decides; of two equal names, the one in /etc. */
	setting("/etc/systemd", "50-a.conf", "no");
	EXITS(0, "doctor");
	SAYS("(RemoveIPC=no)");
	setting("/run/systemd", "60-b.conf", "yes");
	EXITS(1, "doctor");
	setting("/etc/systemd", "60-b.conf", "off");
	EXITS(0, "doctor");
	own_write("/etc/systemd/logind.conf", "[Login]\nRemoveIPC=yes\n");
	EXITS(0, "doctor");
	setting("/etc/systemd", "60-b.conf", "perhaps");
	setting("/etc/systemd", "50-a.conf", "TRUE");
	EXITS(1, "doctor");
}

/* Plays the system bus and logind for one client: the authentication, the answer to Hello, and the
 * value false for the property RemoveIPC. */
static void logind_that_removes_nothing(unsigned argument)
{
	static const char accepted[] = "DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n"
				       "AGREE_UNIX_FD\r\n";
	static const char hello[] = "l\2\1\1\11\0\0\0\1\0\0\0\17\0\0\0"
				    "\5\1u\0\1\0\0\0\10\1g\0\1s\0\0\4\0\0\0:1.1";
	static const char value[] = "l\2\1\1\10\0\0\0\2\0\0\0\17\0\0\0"
				    "\5\1u\0\2\0\0\0\10\1g\0\1v\0\0\1b\0\0\0\0\0";
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/bus"};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client;
	char request[4096];
	ssize_t size;

	(void)argument;
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	              listen(listener, 1) == 0,
	      "%s", strerror(errno));
	ipc_reach(READY, 1);
	client = accept(listener, NULL, NULL);
	CHECK(client >= 0 && read(client, request, sizeof(request)) > 0, "%s", strerror(errno));
	CHECK(write(client, accepted, sizeof(accepted) - 1) > 0, "%s", strerror(errno));
	CHECK(write(client, hello, sizeof(hello)) == sizeof(hello), "%s", strerror(errno));
	do {
		size = read(client, request, sizeof(request));
		CHECK(size > 0, "no request for RemoveIPC");
	} while (!memmem(request, (size_t)size, "RemoveIPC", 9));
	CHECK(write(client, value, sizeof(value)) == sizeof(value), "%s", strerror(errno));
	pause();
}

/* The files say yes, which is the default, but logind has not read them again. */
Test(cli_doctor, the_running_logind_is_asked)
{
	pid_t logind;

	if (!dlopen("libsystemd.so.0", RTLD_NOW))
		cr_skip_test("there is no libsystemd");
	own_machine("size=8g,mode=1777");
	if (mount("none", "/etc/systemd", "tmpfs", 0, NULL) < 0 ||
	    mount("none", "/run/systemd", "tmpfs", 0, NULL) < 0)
		cr_skip_test("there is no systemd: %s", strerror(errno));
	CHECK(mkdir("/run/systemd/seats", 0755) == 0, "%s", strerror(errno));
	own_start(publish_as_nobody);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/systemd/bus", 1);
	EXITS(1, "doctor");
	SAYS("problem  removeipc");
	logind = own_start(logind_that_removes_nothing);
	EXITS(0, "doctor");
	SAYS("(RemoveIPC=no)");
	ipc_kill(logind);
}

/* ---- memory ---- */

Test(cli_doctor, a_full_file_system_is_reported)
{
	int fd;

	machine_without_systemd("size=4m");
	own_start(own_publisher);
	EXITS(0, "doctor");
	SAYS("note     space");
	SAYS("the regions may grow by");
	fd = open("/dev/shm/fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0, "%s", strerror(errno));
	for (off_t size = 0; posix_fallocate(fd, size, 4096) == 0; size += 4096)
		;
	close(fd);
	EXITS(1, "doctor %s", region);
	SAYS("problem  space       /dev/shm is full: 0 B of 4.0 MiB are left");
	SAYS("fix: mount -o remount,size=");
	mend("problem  space ");
	EXITS(0, "doctor");
	SAYS("ok       space");
}

Test(cli_doctor, exhausted_inodes_are_reported)
{
	machine_without_systemd("size=8g,nr_inodes=6");
	own_start(own_publisher);
	EXITS(1, "doctor");
	SAYS("problem  files       /dev/shm has inodes for 1 more files, and a region needs 4");
	mend("problem  files ");
	EXITS(0, "doctor");
	SAYS_NOT("inodes");
}

static void publish_much(unsigned argument)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;

	(void)argument;
	OK(stele_transaction_begin(publisher, &tx));
	for (uint32_t i = 1; i < 40000; i++)
		ipc_put(tx, i, 2);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	ipc_reach(READY, 1);
	pause();
}

Test(cli_doctor, small_pages_are_reported)
{
	machine_without_systemd("size=8g");
	if (access("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", F_OK) < 0)
		cr_skip_test("this kernel has no huge pages");
	own_start(publish_much);
	EXITS(0, "doctor");
	if (strstr(own_output, "shmem_enabled"))
		cr_skip_test("this machine forces or denies them");
	SAYS("note     hugepages   /dev/shm has only small pages");
	mend("note     hugepages");
	EXITS(0, "doctor");
	SAYS("ok       hugepages   /dev/shm is mounted with huge=within_size");
}

/* ---- regions ---- */

Test(cli_doctor, a_missing_publisher_is_reported)
{
	pid_t publisher, subscriber;

	machine_without_systemd("size=8g");
	publisher = own_start(own_publisher);
	subscriber = own_start(own_subscriber);
	ipc_kill(publisher);
	EXITS(0, "doctor");
	SAYS("note     publisher");
	SAYS("no publisher is attached, and 1 subscriber waits");
	SAYS("died, its last commit was");
	ipc_kill(subscriber);
	EXITS(1, "doctor");
	SAYS("no publisher is attached, and no subscriber waits");
	SAYS("problem  leftovers   dead processes left 2 files, slots and queues, among them /");
	/* Problems of another region are not reported for this one. */
	stele_publisher_close(ipc_publish(other_region, NULL));
	EXITS(0, "doctor %s", other_region);
	SAYS("note     leftovers   dead processes left 2 files, slots and queues of other regions");
	EXITS(0, "clean");
	EXITS(0, "doctor");
	SAYS("leftovers   no leftovers");
}

/* A region that is filled by a command now and then has no publisher most of the time. */
Test(cli_doctor, a_region_of_a_cron_job_is_healthy)
{
	pid_t subscriber;

	machine_without_systemd("size=8g");
	stele_publisher_close(ipc_publish(region, NULL));
	subscriber = own_start(own_subscriber);
	EXITS(0, "doctor");
	SAYS("ok       publisher");
	SAYS("no publisher is attached: ");
	SAYS(" ended at ");
	SAYS_NOT("note");
	SAYS_NOT("again");
	ipc_kill(subscriber);
	EXITS(0, "clean");
}

Test(cli_doctor, a_stopped_subscriber_is_reported)
{
	struct stele_publisher *publisher;
	pid_t subscriber;
	char line[96];
	int status;

	machine_without_systemd("size=8g");
	publisher = ipc_publish(region, NULL);
	subscriber = own_start(own_subscriber);
	kill(subscriber, SIGSTOP);
	CHECK(waitpid(subscriber, &status, WUNTRACED) == subscriber && WIFSTOPPED(status),
	      "not stopped");
	EXITS(0, "doctor");
	SAYS("note     subscribers");
	ipc_commit(publisher);
	ipc_commit(publisher);
	EXITS(1, "doctor");
	snprintf(line, sizeof(line), "(%d) is stopped, 2 versions behind", (int)subscriber);
	SAYS("problem  subscribers");
	SAYS(line);
	mend("problem  subscribers");
	UNTIL(own_stele("doctor") == 0);
	SAYS("woken: 1 by mq");
	ipc_kill(subscriber);
	stele_publisher_close(publisher);
	EXITS(0, "clean");
}

/* Looks once, and then is busy with something else. */
static void busy_subscriber(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	uint64_t version = 0;

	(void)argument;
	OK(stele_subscriber_wait(subscriber, 0, STELE_FOREVER, &version));
	ipc_reach(READY, 1);
	for (;;)
		pause();
}

Test(cli_doctor, a_lagging_subscriber_is_reported)
{
	struct stele_publisher *publisher;
	pid_t subscriber;
	char line[96];

	machine_without_systemd("size=8g");
	publisher = ipc_publish(region, NULL);
	subscriber = own_start(busy_subscriber);
	EXITS(0, "doctor");
	SAYS_NOT("note");
	ipc_commit(publisher);
	/* It becomes a finding when the version is some seconds old. */
	UNTIL(own_stele("doctor") == 0 && strstr(own_output, "note     subscribers"));
	snprintf(line, sizeof(line), "(%d) runs, but is 1 version behind, for ", (int)subscriber);
	SAYS(line);
	ipc_kill(subscriber);
	stele_publisher_close(publisher);
	EXITS(0, "clean");
}

/* How the mirrors of the next test describe themselves. */
static const char *mirror_doubt;
static uint64_t mirror_refused;

static void publish_mirror(unsigned argument)
{
	(void)argument;
	mirror_publish(region, ipc_publish(region, NULL), mirror_doubt, mirror_refused);
	ipc_reach(READY, 1);
	pause();
}

Test(cli_doctor, a_mirror_that_is_not_the_state_of_the_kernel_is_reported)
{
	pid_t publisher;

	machine_without_systemd("size=8g");
	mirror_doubt = "";
	publisher = own_start(publish_mirror);
	EXITS(0, "doctor");
	SAYS("ok       mirror      ");
	SAYS(": synced since 20");
	ipc_kill(publisher);
	EXITS(1, "doctor");
	SAYS("problem  mirror      ");
	SAYS("the tables are the routes of an earlier moment, 20");
	SAYS("the mirror died, and its table status still says synced");
	SAYS("fix: stele publish ");
	SAYS(" with --kernel-routes or --fpm, as before");
	mirror_doubt = "messages were lost";
	publisher = own_start(publish_mirror);
	EXITS(0, "doctor");
	SAYS("note     mirror      ");
	SAYS("(messages were lost); the tables may differ from what they mirror");
	ipc_kill(publisher);
	EXITS(0, "doctor");
	SAYS("note     mirror      ");
	SAYS("the mirror was stopped");
	mirror_doubt = "the region is full";
	mirror_refused = 12;
	own_start(publish_mirror);
	EXITS(1, "doctor");
	SAYS("problem  mirror      ");
	SAYS("12 rows are left out");
	SAYS(", and its limit is 32 GiB");
}

Test(cli_doctor, unreadable_regions_are_reported)
{
	char path[128];

	machine_without_systemd("size=8g");
	ipc_path(path, "");
	own_write(path, "no region");
	EXITS(1, "doctor");
	SAYS("problem  region");
	SAYS("too few for a file of a region");
	EXITS(7, "doctor %s", region);
}

static void ask_as_nobody(unsigned argument)
{
	(void)argument;
	CHECK(setresgid(IPC_NOBODY, IPC_NOBODY, IPC_NOBODY) == 0 &&
	              setresuid(IPC_NOBODY, IPC_NOBODY, IPC_NOBODY) == 0,
	      "%s", strerror(errno));
	EXITS(0, "doctor");
	SAYS("note     region");
	SAYS("may not open");
}

Test(cli_doctor, regions_of_other_users_are_noted)
{
	machine_without_systemd("size=8g,mode=1777");
	own_start(own_publisher);
	ipc_join(ipc_spawn(ask_as_nobody, 0));
}

static void named_evilly(unsigned argument)
{
	prctl(PR_SET_NAME, "\033[31mred");
	own_publisher(argument);
}

Test(cli_doctor, names_do_not_control_the_terminal)
{
	machine_without_systemd("size=8g");
	own_start(named_evilly);
	EXITS(0, "doctor");
	SAYS("\\x1b[31mred");
	SAYS_NOT("\033");
}

/* ---- namespaces ---- */

static void subscribe_elsewhere(unsigned argument)
{
	CHECK(unshare(CLONE_NEWIPC) == 0, "%s", strerror(errno));
	own_subscriber(argument);
}

static void publish_elsewhere(unsigned argument)
{
	CHECK(unshare(CLONE_NEWIPC) == 0, "%s", strerror(errno));
	own_publisher(argument);
}

static void ask_elsewhere(unsigned argument)
{
	(void)argument;
	CHECK(unshare(CLONE_NEWIPC) == 0, "%s", strerror(errno));
	own_stele("doctor");
	CHECK(strstr(own_output, "the publisher is in another IPC namespace than this process"),
	      "%s", own_output);
	CHECK(strstr(own_output, "nsenter --ipc=/proc/"), "%s", own_output);
}

Test(cli_doctor, other_ipc_namespaces_are_reported)
{
	pid_t publisher, subscriber;

	machine_without_systemd("size=8g");
	publisher = own_start(own_publisher);
	ipc_join(ipc_spawn(ask_elsewhere, 0));
	subscriber = own_start(subscribe_elsewhere);
	EXITS(0, "doctor");
	SAYS("note     namespaces");
	SAYS("1 of 1 subscribers seem to be in another IPC namespace than the publisher");
	SAYS("woken: 1 by futex");
	ipc_kill(subscriber);

	/* The queue is in the namespace of the previous publisher. */
	own_start(own_subscriber);
	ipc_kill(publisher);
	own_start(publish_elsewhere);
	EXITS(1, "doctor");
	SAYS("problem  namespaces");
	SAYS("1 subscribers with message queues seem to be in another IPC namespace");
}

static void subscribe_inside(unsigned argument)
{
	prctl(PR_SET_NAME, "inside");
	own_subscriber(argument);
}

Test(cli_doctor, another_pid_namespace_is_reported)
{
	machine_without_systemd("size=8g");
	own_start(own_publisher);
	ipc_reach(READY, 0);
	ipc_spawn_inner(CLONE_NEWPID, subscribe_inside);
	ipc_await(READY, 1);
	EXITS(0, "doctor");
	SAYS("1 of 1 subscribers cannot be found by their process numbers");
	SAYS("nothing depends on these numbers");
}
