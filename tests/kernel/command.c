/* SPDX-License-Identifier: MIT
 *
 * `stele publish --kernel-routes' and kernel_run(): how they start, what they print, and what they
 * refuse. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tools/kernel/kernel.h"
#include "tests/support/kernel/fpm_peer.h"
#include "tests/support/kernel_source.h"

Test(kernel_command, the_command_publishes, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 60)
{
	struct stele_subscriber *subscriber;

	kernel_command_start("/dev/null", NULL);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	many_routes("add", 0, 20, 2, "");
	kernel_wait_agreement(subscriber, "20 routes added");
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

static void read_file(const char *path, char *ret, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t length;

	cr_assert(file);
	length = fread(ret, 1, size - 1, file);
	ret[length] = '\0';
	fclose(file);
}

/* Runs the command while some versions are made, and returns what it has printed. */
static void read_log(const char *option, char *ret, size_t size)
{
	struct stele_subscriber *subscriber;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/stele-test-%d.log", (int)getpid());
	kernel_command_start(path, option);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	for (int i = 0; i < 5; i++) {
		kernel_ip("route add 10.%d.0.0/16 via 10.0.0.2", 60 + i);
		kernel_wait_agreement(subscriber, "a route");
		kernel_ip("route del 10.%d.0.0/16", 60 + i);
		kernel_wait_agreement(subscriber, "no route");
	}
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
	read_file(path, ret, size);
	unlink(path);
}

static unsigned count_lines(const char *log)
{
	unsigned lines = 0;

	for (; *log; log++)
		lines += *log == '\n';
	return lines;
}

Test(kernel_command, the_log_has_a_line_for_each_event, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 120)
{
	char log[16384];

	read_log(NULL, log, sizeof(log));
	cr_assert(strstr(log, "the tables are the kernel's state"), "%s", log);
	cr_assert(strstr(log, "stopped after "), "%s", log);
	cr_assert_eq(count_lines(log), 2u, "%s", log);
	read_log("--verbose", log, sizeof(log));
	cr_assert(strstr(log, "applied 1 kernel messages"), "%s", log);
	cr_assert_gt(count_lines(log), 10u, "%s", log);
}

/* With --fpm, the first line says where the mirror listens. */
Test(kernel_command, the_log_says_what_frr_does, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	static const char *const lines[] = {
		": listens on 127.0.0.1:2620; FRR has not connected yet\n",
		": FRR has connected from 127.0.0.1:",
		": the tables are FRR's and the kernel's state, and follow it\n",
		": stopped after ",
	};
	struct stele_subscriber *subscriber;
	static struct fpm_batch batch;
	char log[4096], path[64];
	const char *at = log;

	snprintf(path, sizeof(path), "/tmp/stele-test-%d.log", (int)getpid());
	kernel_command_start(path, "--fpm=127.0.0.1:2620");
	subscriber = kernel_subscribe();
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.50.0.0/16",
	                                          .gateway = {"10.0.0.2"},
	                                          .ifindex = {if_nametoindex("d0")}});
	fpm_send(fpm_connect("127.0.0.1"), &batch);
	fpm_expect_status(subscriber, true, "");
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
	read_file(path, log, sizeof(log));
	unlink(path);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]) && at; i++)
		at = strstr(at, lines[i]);
	cr_assert(at, "%s", log);
}

/* Opens a pipe with a name, and fills it. */
static int fill_pipe(const char *path)
{
	static const char blank[4096];
	int fd;

	cr_assert_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	cr_assert(fd >= 0);
	while (write(fd, blank, sizeof(blank)) > 0)
		;
	cr_assert_eq(errno, EAGAIN);
	return fd;
}

/* Reads what has come. Returns true if it has the text, which comes at once with its line. */
static bool read_pipe(int fd, const char *text)
{
	char bytes[8192];
	bool found = false;
	ssize_t size;

	while ((size = read(fd, bytes, sizeof(bytes))) > 0)
		found |= memmem(bytes, (size_t)size, text, strlen(text)) != NULL;
	return found;
}

/* Standard output is a pipe that nobody reads. */
Test(kernel_command, a_stuck_output_does_not_stop_the_mirror, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 120)
{
	struct stele_subscriber *subscriber;
	bool found = false;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/stele-test-%d.fifo", (int)getpid());
	fd = fill_pipe(path);
	kernel_command_start(path, "--verbose");
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	kernel_ip("route add 10.60.0.0/16 via 10.0.0.2");
	kernel_wait_agreement(subscriber, "a route");
	for (int i = 0; !found; i++) {
		found = read_pipe(fd, " left out here, because standard output was stuck");
		kernel_ip("route replace 10.60.0.0/16 via 10.0.0.2 mtu %d", 1400 + i % 2);
	}
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
	close(fd);
	unlink(path);
}

/* Without the capability, the kernel's buffer for messages is small. */
Test(kernel_command, a_small_buffer_is_reported, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 60)
{
	struct stele_subscriber *subscriber;
	char log[4096], path[64];

	cr_assert_eq(prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN), 0);
	snprintf(path, sizeof(path), "/tmp/stele-test-%d.log", (int)getpid());
	kernel_command_start(path, NULL);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
	read_file(path, log, sizeof(log));
	unlink(path);
	cr_assert(strstr(log, "the receive buffer has "), "%s", log);
	cr_assert(strstr(log, "KiB instead of 131072, "), "%s", log);
}

/* A mirror that starts on a region which an earlier one filled commits only the difference, or
 * nothing. */
Test(kernel_command, a_second_start_commits_the_difference, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 120)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_subscriber *subscriber;
	uint64_t first, second;

	many_routes("add", 0, 300, 2, "");
	kernel_ip("-6 address flush scope link");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	kernel_source_stop();
	first = kernel_wait_agreement(subscriber, "stop");

	many_routes("del", 0, 2, 0, "");
	kernel_source_start(0);
	second = kernel_wait_agreement(subscriber, "second start");
	cr_assert_eq(second, first + 1);
	cr_assert_eq(stele_region_describe(kernel_region, &info), 0);
	cr_assert_eq(info.commit.removed, 2u);
	cr_assert_eq(info.commit.added, 0u);
	cr_assert_eq(info.commit.changed, 1u, "the row of the table status");
	kernel_source_stop();
	second = kernel_wait_agreement(subscriber, "second stop");

	kernel_source_start(0);
	kernel_ip("route add 192.0.2.0/24 via 10.0.0.9");
	cr_assert_leq(kernel_wait_agreement(subscriber, "third start"), second + 2);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

Test(kernel_command, a_table_of_another_kind_is_refused, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 60)
{
	static const struct stele_column columns[] = {STELE_KEY("name", STELE_TEXT)};
	static const struct stele_schema schema = {.columns = columns, .column_count = 1};
	struct stele_publisher_options options = {.size = sizeof(options), .flags = STELE_CREATE};
	char source_error[256];
	struct kernel_options source = {.error = source_error, .error_size = sizeof(source_error)};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	int never[2];

	cr_assert_eq(pipe(never), 0);
	source.stop_fd = never[0];
	cr_assert_eq(stele_publisher_open(kernel_region, &options, &publisher), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	cr_assert_eq(stele_transaction_create_table(tx, "fib4", &schema), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1, "%s", stele_last_error());
	publisher = stele_publisher_close(publisher);
	cr_assert_eq(kernel_run(kernel_region, &source), -EMEDIUMTYPE);
	cr_assert(strstr(source_error, "\"fib4\""), "%s", source_error);
}
