/* SPDX-License-Identifier: MIT
 *
 * Input that was cut short, and input that does not arrive. Rows are published only after the input
 * was read completely, and no other process waits for it. */
#include <stddef.h>
#include <sys/ioctl.h>
#include "tests/support/cli.h"
#include "lib/layout.h"

TestSuite(cli_input, .init = cli_begin_routes, .fini = cli_end);

#define NAMES "prefix,next_hop,interface,metric\n"
#define FIRST "0.0.0.0/0,192.0.2.1,eth0,100\n"
#define REST  "10.0.0.0/8,192.0.2.2,\"a,\n\"\"b\"\"\",20\n10.1.0.0/16,192.0.2.3,eth1,123\n"

/* ---- fault 30 of docs/design/faults.md: truncated input ---- */

/* The same rows in each format, in the order and spelling of `stele dump`. */
static const char csv[] = NAMES FIRST REST;
static const char ndjson[] =
	"{\"prefix\": \"0.0.0.0/0\", \"next_hop\": \"192.0.2.1\", \"interface\": \"eth0\", "
	"\"metric\": 100}\n"
	"{\"prefix\": \"10.1.0.0/16\", \"next_hop\": \"192.0.2.3\", \"interface\": \"eth1\", "
	"\"metric\": 123}\n";
static const char changes[] = "{\"table\": \"routes\", \"delete\": {\"prefix\": \"0.0.0.0/0\"}}\n"
			      "{\"table\": \"routes\", \"put\": {\"prefix\": \"10.1.0.0/16\", "
			      "\"metric\": 123}}\n";

/* Returns whether a text ends with a line feed that ends a row. */
static bool is_whole(const char *text, size_t length)
{
	unsigned marks = 0;

	for (size_t i = 0; i < length; i++)
		marks += text[i] == '"';
	return length > 0 && text[length - 1] == '\n' && marks % 2 == 0;
}

/* Publishes each prefix of the input. A prefix is either refused and changes nothing, or consists
 * of complete rows, which the table then has. */
static void publish_each_prefix(const char *text, char *format)
{
	for (size_t length = 1; text[length]; length++) {
		const char *before = cli_dump();
		char *prefix = strndup(text, length);
		struct cli_result result = STELE_WITH(prefix, "publish", "--allow-empty",
		                                      "--format", format, target, "-");

		if (is_whole(text, length)) {
			EXPECT_STATUS(result, 0);
			EXPECT_TEXT(STELE("dump", "--format", format, target).out, prefix);
		} else {
			EXPECT_FAILURE(result, 2, "standard input");
			EXPECT_TEXT(cli_dump(), before);
		}
		free(prefix);
	}
}

Test(cli_input, fault_30_each_prefix_of_a_csv_file)
{
	publish_each_prefix(csv, "csv");
}

Test(cli_input, fault_30_each_prefix_of_ndjson)
{
	publish_each_prefix(ndjson, "ndjson");
}

Test(cli_input, fault_30_each_prefix_of_changes)
{
	for (size_t length = 1; changes[length]; length++) {
		const char *before = cli_dump();
		char *prefix = strndup(changes, length);
		struct cli_result result = STELE_WITH(prefix, "apply", region, "-");

		if (prefix[length - 1] == '\n') {
			EXPECT_STATUS(result, 0);
			EXPECT_HAS_NOT(cli_dump(), "0.0.0.0/0");
		} else {
			EXPECT_FAILURE(result, 2, "standard input:");
			EXPECT_TEXT(cli_dump(), before);
		}
		free(prefix);
	}
}

Test(cli_input, fault_30_a_missing_line_feed_is_refused_unless_allowed)
{
	char path[64], place[96];

	cli_temporary(path, ".csv", NAMES FIRST "10.1.0.0/16,192.0.2.3,eth1,12");
	snprintf(place, sizeof(place), "%s:3: ", path);
	EXPECT_FAILURE(STELE("publish", target, path), 2, place, "no line feed", "cut short",
	               "--allow-unterminated");
	EXPECT_STATUS(STELE("publish", "--allow-unterminated", target, path), 0);
	EXPECT_TEXT(STELE("dump", "--format", "csv", target).out,
	            NAMES FIRST "10.1.0.0/16,192.0.2.3,eth1,12\n");
	EXPECT_STATUS(STELE_WITH("{\"table\": \"routes\", \"delete\": {\"prefix\": \"0.0.0.0/0\"}}",
	                         "apply", "--allow-unterminated", region, "-"),
	              0);
	/* An unclosed quotation mark is refused as well. */
	EXPECT_FAILURE(STELE_WITH(NAMES "10.1.0.0/16,192.0.2.3,\"eth1", "publish",
	                          "--allow-unterminated", target, "-"),
	               2, "standard input:2: ", "quotation marks");
	unlink(path);
}

/* ---- fault 33 of docs/design/faults.md: slow or stuck input ---- */

/* Starts a command with the other end of the returned pipe as its standard input. */
static int start_from_pipe(struct cli_process *process, char **arguments)
{
	int in[2];

	cr_assert(pipe2(in, O_CLOEXEC) == 0);
	process->out = cli_file(NULL);
	process->err = cli_file(NULL);
	cli_spawn_with(process, arguments, in[0], process->out, process->err);
	close(in[0]);
	return in[1];
}

/* Writes to the pipe, and waits until the command has read it. */
static void give(int pipe_end, const char *text)
{
	int left = 1;

	cr_assert(write(pipe_end, text, strlen(text)) == (ssize_t)strlen(text));
	for (int i = 0; left > 0 && i < CLI_PATIENCE; i++) {
		cr_assert(ioctl(pipe_end, FIONREAD, &left) == 0);
		if (left > 0)
			poll(NULL, 0, 1);
	}
	cr_assert(left == 0, "the command did not read its input");
}

/* Checks that a command which waits for rows holds no lock. Once it has read the second part, it
 * has done everything that precedes reading rows. Then another publisher commits without waiting
 * for a lock. */
static void expect_no_lock(char **arguments, const char *first, const char *second)
{
	struct cli_process process;
	struct cli_result result;
	int in = start_from_pipe(&process, arguments);

	give(in, first);
	give(in, second);
	EXPECT_STATUS(STELE("set", "--wait", "0", target, "10.0.0.0/8", "metric=77"), 0);
	EXPECT_STATUS(STELE("set", "--shared", "--wait", "0", target, "10.0.0.0/8", "metric=78"),
	              0);
	close(in);
	result.status = cli_wait(&process);
	result.out = cli_read_all(process.out);
	result.err = cli_read_all(process.err);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "version 5");
}

Test(cli_input, fault_33_publish_holds_no_lock_while_it_waits)
{
	char *arguments[] = {cli_command(), "publish", target, "-", NULL};

	expect_no_lock(arguments, NAMES FIRST, REST);
	EXPECT_TEXT(STELE("dump", "--format", "csv", target).out, csv);
}

Test(cli_input, fault_33_a_shared_publish_holds_no_lock_while_it_waits)
{
	char *arguments[] = {cli_command(), "publish", "--shared", target, "-", NULL};

	expect_no_lock(arguments, NAMES, FIRST REST);
	EXPECT_TEXT(STELE("dump", "--format", "csv", target).out, csv);
}

Test(cli_input, fault_33_apply_holds_no_lock_while_it_waits)
{
	char *arguments[] = {cli_command(), "apply", region, "-", NULL};

	expect_no_lock(arguments, "{\"table\": \"routes\", ",
	               "\"put\": {\"prefix\": \"10.1.0.0/16\", \"metric\": 9}}\n");
	EXPECT_HAS(STELE("get", "--format", "csv", target, "10.1.0.0/16").out, ",9\n");
	EXPECT_HAS(STELE("get", "--format", "csv", target, "10.0.0.0/8").out, ",78\n");
}

/* When the input ends, the table has been recreated with other columns. */
Test(cli_input, fault_33_a_table_recreated_meanwhile_is_detected)
{
	char *arguments[] = {cli_command(), "publish", target, "-", NULL};
	struct cli_process process;
	struct cli_result result;
	int in = start_from_pipe(&process, arguments);

	give(in, NAMES FIRST);
	give(in, REST);
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", "routes(prefix: ipv4net key, x: u8)"), 0);
	close(in);
	result.status = cli_wait(&process);
	result.out = cli_read_all(process.out);
	result.err = cli_read_all(process.err);
	EXPECT_FAILURE(result, 4, "created again with other columns", "nothing was changed");
}

/* Endless rows stop at the region's limit, not at the end of memory. */
Test(cli_input, fault_33_endless_rows_stop_at_the_limit_of_the_region)
{
	struct cli_process process;
	char *arguments[] = {cli_command(), "publish", target, "-", NULL};
	char rows[64 * 1024];
	struct cli_result result;
	size_t length = 0;
	int in;

	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--limit", "1M", "--table", ROUTES), 0);
	signal(SIGPIPE, SIG_IGN);
	in = start_from_pipe(&process, arguments);
	cr_assert(write(in, NAMES, strlen(NAMES)) == (ssize_t)strlen(NAMES));
	while (length + sizeof(FIRST) < sizeof(rows))
		length += (size_t)sprintf(rows + length, "%s", FIRST);
	while (write(in, rows, length) == (ssize_t)length)
		;
	close(in);
	result.status = cli_wait(&process);
	result.out = cli_read_all(process.out);
	result.err = cli_read_all(process.err);
	EXPECT_FAILURE(result, 6, "more than the 1.0 MiB that the region may grow to");
}

/* After a reboot, a region on a disk can't be read before a publisher has opened it. Publishing
 * opens it. */
Test(cli_input, publishing_opens_a_region_on_a_disk_after_a_reboot)
{
	const char other[16] = "another boot";
	char directory[64], path[128];
	int fd;

	snprintf(directory, sizeof(directory), "/tmp/%s.d", region);
	snprintf(path, sizeof(path), "%s/stele.%s", directory, region);
	cr_assert(mkdir(directory, 0700) == 0);
	EXPECT_STATUS(STELE("create", "--directory", directory, region, "--table", ROUTES), 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert(pwrite(fd, other, sizeof(other), offsetof(struct layout_header, boot_id)) ==
	          sizeof(other));
	close(fd);
	EXPECT_STATUS(STELE("dump", "--directory", directory, target), 4);
	EXPECT_STATUS(STELE_WITH(csv, "publish", "--directory", directory, target, "-"), 0);
	EXPECT_TEXT(STELE("dump", "-f", "csv", "--directory", directory, target).out, csv);
	EXPECT_STATUS(STELE("rm", "--directory", directory, region), 0);
	cr_expect(rmdir(directory) == 0, "%s: %s", directory, strerror(errno));
}

/* Waits until the process is blocked writing to its standard error. */
static void wait_until_blocked(pid_t pid)
{
	char path[64], line[256];
	unsigned long fd = 0;
	long number = -1;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	for (int i = 0; !(number == SYS_write && fd == STDERR_FILENO); i++) {
		FILE *file = fopen(path, "r");

		cr_assert(file && i < CLI_PATIENCE, "%s: %s", path, strerror(errno));
		if (!fgets(line, sizeof(line), file) ||
		    sscanf(line, "%ld 0x%lx", &number, &fd) != 2)
			number = -1;
		fclose(file);
		poll(NULL, 0, 1);
	}
}

/* The reader of the messages may be slow, too: the region is free while they are printed. */
Test(cli_input, fault_33_messages_are_printed_without_the_lock)
{
	char *arguments[] = {cli_command(), "set", target, "10.7.0.0/16", "metric=1", NULL};
	struct cli_process process = {.out = cli_file(NULL)};
	int err[2], in = cli_file(NULL);
	char bytes[4096] = {0};

	cr_assert(pipe2(err, O_CLOEXEC) == 0);
	cr_assert(fcntl(err[1], F_SETPIPE_SZ, sizeof(bytes)) == sizeof(bytes));
	cr_assert(write(err[1], bytes, sizeof(bytes)) == sizeof(bytes));
	cli_spawn_with(&process, arguments, in, process.out, err[1]);
	wait_until_blocked(process.pid);
	EXPECT_STATUS(STELE("set", "--wait", "0", target, "10.0.0.0/8", "metric=77"), 0);
	cr_assert(read(err[0], bytes, sizeof(bytes)) == sizeof(bytes));
	cr_expect(cli_wait(&process) == 2);
	close(err[0]);
	close(err[1]);
}
