/* SPDX-License-Identifier: MIT
 *
 * stele mirror --to: a prefix of etcd is equal to a region, one version is one version for those
 * who follow, and one mirror writes. */
#include "tests/support/etcd/etcd_cluster.h"

static char ports[80], other[80], copy[80];
static struct cli_process writer, second, follower;

static void begin(void)
{
	cli_begin();
	snprintf(ports, sizeof(ports), "%s/ports", region);
	snprintf(other, sizeof(other), "%so", region);
	snprintf(copy, sizeof(copy), "%sc", region);
}

static void end(void)
{
	STELE("rm", other);
	STELE("rm", copy);
	cli_end();
}

TestSuite(etcd_write, .init = begin, .fini = end, .timeout = 300);

static void make(char *name)
{
	char table[90];

	snprintf(table, sizeof(table), "%s/ports", name);
	EXPECT_STATUS(STELE("create", name, "--table", "ports(port: u32 key, service: char[16])"),
	              0);
	EXPECT_STATUS(STELE("set", table, "22", "service=ssh"), 0);
}

/* Starts a writer, and waits until etcd has the region. */
static void start_writer(struct cli_process *process, char *from)
{
	STELE_START(process, "mirror", "--to", etcd_url, from);
	EXPECT_HAS(cli_any_line(process), ": writes to etcd ");
}

static void start_follower(void)
{
	STELE_START(&follower, "mirror", "--from", etcd_url, copy);
	EXPECT_HAS(cli_any_line(&follower), ": follows etcd ");
}

static void stop(struct cli_process *process)
{
	kill(process->pid, SIGTERM);
	cr_expect(cli_wait(process) == 0);
}

static void begin_pair(void)
{
	etcd_begin(1, NULL);
	make(region);
	start_writer(&writer, region);
	start_follower();
	etcd_await_rows(copy, "ports", "port,service\n22,ssh\n");
}

static int versions_with(const char *text)
{
	char *at = STELE("log", copy, "-f", "ndjson").out;
	int count = 0;

	while ((at = strstr(at, text))) {
		at += strlen(text);
		count++;
	}
	return count;
}

/* Publishes so many rows that one transaction of etcd does not hold them. */
static void publish(const char *service, int rows, char *expected, size_t size)
{
	size_t length = (size_t)snprintf(expected, size, "port,service\n");

	for (int i = 1; i <= rows; i++)
		length += (size_t)snprintf(expected + length, size - length, "%d,%s\n", i, service);
	EXPECT_STATUS(STELE_WITH(expected, "publish", ports, "-"), 0);
}

Test(etcd_write, one_version_is_one_version_elsewhere)
{
	char token[80];

	begin_pair();
	EXPECT_STATUS(STELE("set", ports, "80", "service=http", "--message", "the web"), 0);
	EXPECT_STATUS(STELE("delete", ports, "22"), 0);
	EXPECT_STATUS(STELE("set", ports, "25", "service=smtp"), 0);
	etcd_await_rows(copy, "ports", "port,service\n25,smtp\n80,http\n");
	snprintf(token, sizeof(token), "3@%s: the web", cli_uuid());
	cr_expect(versions_with(token) == 1, "%s", STELE("log", copy).out);
	cr_expect(versions_with("etcd revision") <= 5);
	stop(&writer);
	stop(&follower);
	EXPECT_TEXT(etcd_ctl(NULL, "get", "/stele/net/writer", (char *)NULL).out, "");
	EXPECT_TEXT(etcd_ctl(NULL, "get", "/stele/net/rows/ports/25", (char *)NULL).out,
	            "/stele/net/rows/ports/25\n{\"port\": 25, \"service\": \"smtp\"}\n");
}

Test(etcd_write, a_version_larger_than_a_transaction_is_one_version)
{
	static char expected[1 << 16];
	char token[80];

	begin_pair();
	publish("one", 1000, expected, sizeof(expected));
	etcd_await_rows(copy, "ports", expected);
	snprintf(token, sizeof(token), "3@%s", cli_uuid());
	cr_expect(versions_with(token) == 1, "%s", STELE("log", copy).out);
	EXPECT_TEXT(etcd_ctl(NULL, "get", "/stele/net/open", (char *)NULL).out, "");
	stop(&writer);
	stop(&follower);
}

Test(etcd_write, schemas_tables_and_regions_come_and_go)
{
	begin_pair();
	EXPECT_STATUS(STELE("alter", ports, "--rename", "service=name"), 0);
	etcd_await_rows(copy, "ports", "port,name\n22,ssh\n");
	EXPECT_STATUS(STELE("create", region, "--table", "empty(a: u8 key, b: u8)"), 0);
	etcd_await_rows(copy, "empty", "a,b\n");
	EXPECT_STATUS(STELE("drop", ports), 0);
	EXPECT_STATUS(STELE("create", region, "--table", "t(a: text key)"), 0);
	etcd_await_rows(copy, "t", "a\n");
	EXPECT_STATUS(STELE("rm", region), 0);
	make(region);
	etcd_await_rows(copy, "ports", "port,service\n22,ssh\n");
	stop(&writer);
	stop(&follower);
	EXPECT_TEXT(
		etcd_ctl(NULL, "get", "/stele/net/schema/", "--prefix", "--keys-only", (char *)NULL)
			.out,
		"/stele/net/schema/ports\n\n");
}

Test(etcd_write, a_second_writer_waits_for_the_first)
{
	begin_pair();
	STELE_START(&second, "mirror", "--to", etcd_url, region);
	while (!strstr(cli_read_all(dup(second.err)), "another mirror writes this prefix: "))
		usleep(20000);
	stop(&writer);
	EXPECT_HAS(cli_any_line(&second), ": writes to etcd ");
	EXPECT_STATUS(STELE("set", ports, "80", "service=http"), 0);
	etcd_await_rows(copy, "ports", "port,service\n22,ssh\n80,http\n");
	stop(&second);
	stop(&follower);
}

Test(etcd_write, a_writer_that_lost_its_lock_writes_nothing)
{
	char table[90];

	begin_pair();
	make(other);
	snprintf(table, sizeof(table), "%s/ports", other);
	kill(writer.pid, SIGSTOP);
	EXPECT_STATUS(STELE("set", ports, "1", "service=late"), 0);
	/* As if the lease of the stopped writer had expired. */
	ETCDCTL("del", "/stele/net/writer");
	start_writer(&second, other);
	/* The second writer has written nothing yet, so `head` alone would not tell. */
	kill(writer.pid, SIGCONT);
	while (!strstr(cli_read_all(dup(writer.err)), "another mirror ") &&
	       !strstr(etcd_ctl(NULL, "get", "/stele/net/rows/ports/1", (char *)NULL).out, "late"))
		usleep(20000);
	EXPECT_TEXT(etcd_ctl(NULL, "get", "/stele/net/rows/ports/1", (char *)NULL).out, "");
	EXPECT_STATUS(STELE("set", table, "80", "service=http"), 0);
	etcd_await_rows(copy, "ports", "port,service\n22,ssh\n80,http\n");
	EXPECT_TEXT(etcd_ctl(NULL, "get", "/stele/net/rows/ports/1", (char *)NULL).out, "");
	stop(&second);
	stop(&writer);
	stop(&follower);
}

/* Checks each version of the copy: all rows of the table have the same service, and there are
 * `rows` of them or one. */
static void check_versions(int rows)
{
	char *log = STELE("log", copy, "-f", "ndjson").out, from[90];

	snprintf(from, sizeof(from), "%s/ports", copy);
	for (char *at = log; (at = strstr(at, "\"version\": ")); at++) {
		char version[24];
		struct cli_result result;
		int count = 0;

		snprintf(version, sizeof(version), "%ld", strtol(at + 11, NULL, 10));
		result = STELE("dump", from, "-f", "csv", "--version", version);
		if (result.status != 0)
			continue;
		for (char *line = strchr(result.out, '\n'); line && line[1];
		     line = strchr(line + 1, '\n'), count++)
			cr_assert(strstr(line, ",") &&
			                  strncmp(strchr(line, ','),
			                          strchr(strchr(result.out, '\n'), ','), 4) == 0,
			          "version %s is of halves: %s", version, result.out);
		cr_expect(count == 0 || count == 1 || count == rows, "%d rows", count);
	}
}

Test(etcd_write, a_writer_that_is_killed_leaves_no_half_of_a_version)
{
	static char expected[1 << 16];
	static char *const services[] = {"aaaa", "bbbb", "cccc", "dddd"};

	begin_pair();
	for (int i = 0; i < 4; i++) {
		publish(services[i], 700, expected, sizeof(expected));
		/* At some moment of its six transactions, or before or after them. */
		usleep((useconds_t)(i * 7000));
		kill(writer.pid, SIGKILL);
		cr_assert(waitpid(writer.pid, NULL, 0) == writer.pid);
		close(writer.out);
		ETCDCTL("del", "/stele/net/writer");
		start_writer(&writer, region);
		etcd_await_rows(copy, "ports", expected);
	}
	check_versions(700);
	stop(&writer);
	stop(&follower);
}

Test(etcd_write, a_full_etcd_is_told_and_then_written_again)
{
	static char expected[1 << 16];
	char revision[32];

	etcd_begin(1, "--quota-backend-bytes=2097152");
	make(region);
	start_writer(&writer, region);
	start_follower();
	for (int i = 0; !strstr(cli_read_all(dup(writer.err)), "space exceeded"); i++) {
		publish(i % 2 ? "even" : "odd", 500, expected, sizeof(expected));
		usleep(20000);
	}
	publish("last", 500, expected, sizeof(expected));
	snprintf(revision, sizeof(revision), "%ld", etcd_revision());
	ETCDCTL("compact", revision);
	ETCDCTL("defrag");
	ETCDCTL("alarm", "disarm");
	etcd_await_rows(copy, "ports", expected);
	stop(&writer);
	stop(&follower);
}

Test(etcd_write, a_row_that_is_too_large_is_named_and_holds_up_nothing_later)
{
	static char rows[(1 << 18) + 64];
	char table[90];

	etcd_begin(1, "--max-request-bytes=4096");
	make(region);
	snprintf(table, sizeof(table), "%s/texts", region);
	EXPECT_STATUS(STELE("create", region, "--table", "texts(id: u8 key, line: text)"), 0);
	start_writer(&writer, region);
	start_follower();
	/* Etcd takes parts of this size only if they are halved. */
	publish("one", 1000, rows, sizeof(rows));
	etcd_await_rows(copy, "ports", rows);
	snprintf(rows, sizeof(rows), "id,line\n1,%0100000d\n2,x\n", 0);
	EXPECT_STATUS(STELE_WITH(rows, "publish", table, "-"), 0);
	while (!strstr(cli_read_all(dup(writer.err)),
	               "etcd refuses the row at /stele/net/rows/texts/1 as too large"))
		usleep(20000);
	EXPECT_STATUS(STELE("set", table, "1", "line=y"), 0);
	etcd_await_rows(copy, "texts", "id,line\n1,y\n2,x\n");
	stop(&writer);
	stop(&follower);
}

Test(etcd_write, a_region_that_follows_is_written_elsewhere)
{
	static char to[] = "etcd://127.0.0.1/stele/rack";
	struct cli_process next;

	begin_pair();
	STELE_START(&second, "mirror", "--to", to, copy);
	EXPECT_HAS(cli_any_line(&second), ": writes to etcd ");
	STELE_START(&next, "mirror", "--from", to, other);
	EXPECT_HAS(cli_any_line(&next), ": follows etcd ");
	EXPECT_STATUS(STELE("set", ports, "80", "service=http"), 0);
	etcd_await_rows(other, "ports", "port,service\n22,ssh\n80,http\n");
	stop(&next);
	stop(&second);
	stop(&writer);
	stop(&follower);
}
