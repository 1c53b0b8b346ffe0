/* SPDX-License-Identifier: MIT
 *
 * A SIGBUS handler that the program installs after its last open: the library must notice, and a
 * truncated file must still cost an error and not the process. Each case runs in a process of its
 * own, which a signal may end. */
#include <setjmp.h>

#include "tests/support/ipc/ipc.h"

TestSuite(hostile_sigbus_later, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static sigjmp_buf after_fault;
static volatile char *expected;

/* The program's handler knows one fault. Any other ends the process, as a crash reporter does. */
static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if (info->si_addr != (void *)(uintptr_t)expected)
		_exit(3);
	siglongjmp(after_fault, 1);
}

static void on_other_fault(int number, siginfo_t *info, void *context)
{
	on_fault(number, info, context);
}

static void install(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	CHECK(sigaction(SIGBUS, &action, NULL) == 0, "%s", strerror(errno));
}

/* Faults on a page of the program's own. */
static void fault(void)
{
	int fd = memfd_create("bad", MFD_CLOEXEC);
	void *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	CHECK(fd >= 0 && page != MAP_FAILED, "%s", strerror(errno));
	close(fd);
	expected = page;
	if (sigsetjmp(after_fault, 1) == 0) {
		(void)*expected;
		CHECK(false, "no fault");
	}
	munmap(page, 4096);
	expected = NULL;
}

static struct stele_publisher *publisher;
static struct stele_subscriber *subscriber;

static void begin(void)
{
	signal(SIGBUS, SIG_DFL);
	publisher = ipc_publish(region, NULL);
	ipc_commit(publisher);
	subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
}

static bool is_handled(void)
{
	return ipc_describe(subscriber).truncation_handled;
}

/* The library's handler is in front again, and the program's still gets its own faults. */
static void truncate_and_fault(void)
{
	struct stele_snapshot *snapshot;
	char path[128];

	CHECK(is_handled(), "another handler is installed");
	fault();
	ipc_path(path, "");
	CHECK(truncate(path, 0) == 0, "%s", strerror(errno));
	RETURNS(stele_snapshot_open(subscriber, 0, &snapshot), -EBADMSG, "truncated");
	fault();
}

static void open_snapshots(void)
{
	struct stele_snapshot *snapshot;

	for (unsigned i = 0; i < 64; i++) {
		OK(stele_snapshot_open(subscriber, 0, &snapshot));
		stele_snapshot_close(snapshot);
	}
}

static void wait_often(void)
{
	uint64_t version;

	for (unsigned i = 0; i < 64; i++)
		OK(stele_subscriber_wait(subscriber, UINT64_MAX, 0, &version));
}

static void block(void)
{
	uint64_t version;

	OK(stele_subscriber_wait(subscriber, UINT64_MAX, clock_now() + NSEC_PER_MSEC, &version));
}

static void get_copies(void)
{
	char buffer[256];
	size_t size;
	int r;

	for (unsigned i = 0; i < 64; i++) {
		size = sizeof(buffer);
		r = stele_subscriber_get_copy(subscriber, "rows", NULL, "\0\0\0\0", 32, buffer,
		                              &size, NULL);
		CHECK(r >= 0, "%s", stele_last_error());
	}
}

static void commit_until_handled(void)
{
	struct stele_publisher_stats stats = {.size = sizeof(stats)};

	UNTIL((ipc_commit(publisher), stele_publisher_describe(publisher, &stats)) == 0 &&
	      stats.truncation_handled);
}

static void (*const reads[])(void) = {open_snapshots, wait_often, block, get_copies,
                                      commit_until_handled};
#define READS (sizeof(reads) / sizeof(reads[0]))

static void install_later(unsigned how)
{
	begin();
	CHECK(is_handled(), "no handler");
	install(on_fault);
	CHECK(!is_handled(), "the program's handler is not in front");
	reads[how]();
	truncate_and_fault();
}

Test(hostile_sigbus_later, ipc_20_a_later_handler_does_not_end_the_protection)
{
	for (unsigned how = 0; how < READS; how++) {
		ipc_join(ipc_spawn(install_later, how));
		OK(stele_region_remove(region));
	}
}

/* A program that installs its handler again and again has it in front at the end, until the next
 * open. */
static void install_again_and_again(unsigned argument)
{
	struct stele_subscriber *other;

	(void)argument;
	begin();
	for (unsigned i = 0; i < 4; i++) {
		install(i % 2 ? on_other_fault : on_fault);
		CHECK(!is_handled(), "the program's handler is not in front");
		open_snapshots();
		CHECK(is_handled(), "another handler is installed");
	}
	install(on_fault);
	open_snapshots();
	CHECK(!is_handled(), "the handler was installed a fifth time");
	fault();
	other = ipc_subscribe(STELE_UNREGISTERED, NULL);
	truncate_and_fault();
	stele_subscriber_close(other);
}

Test(hostile_sigbus_later, ipc_20_handlers_that_both_insist_come_to_an_end)
{
	ipc_join(ipc_spawn(install_again_and_again, 0));
}

static void leave_alone(unsigned argument)
{
	struct sigaction now;

	(void)argument;
	signal(SIGBUS, SIG_DFL);
	publisher = ipc_publish(region, NULL);
	ipc_commit(publisher);
	stele_publisher_close(publisher);
	subscriber = ipc_subscribe(STELE_UNREGISTERED | STELE_NO_SIGBUS_HANDLER, NULL);
	install(on_fault);
	open_snapshots();
	CHECK(sigaction(SIGBUS, NULL, &now) == 0 && now.sa_sigaction == on_fault,
	      "the program's handler was replaced");
	CHECK(!is_handled(), "described as handled");
}

Test(hostile_sigbus_later, ipc_20_a_handle_without_the_handler_leaves_the_program_s_alone)
{
	ipc_join(ipc_spawn(leave_alone, 0));
}
