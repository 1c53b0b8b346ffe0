/* SPDX-License-Identifier: MIT
 *
 * stele mirror --from: a region is equal to a prefix of etcd, whatever happens to etcd or to the
 * mirror. */
#include "tests/support/etcd/etcd_cluster.h"

#define SCHEMA "ports(port: u16 key, service: char[16])"

static struct cli_process mirror;
static char ports[80];

/* Starts the mirror, and waits until it follows. */
static void start_mirror(void)
{
	STELE_START(&mirror, "mirror", "--from", etcd_url, region);
	EXPECT_HAS(cli_any_line(&mirror), ": follows etcd ");
}

static void kill_mirror(void)
{
	kill(mirror.pid, SIGKILL);
	cr_assert(waitpid(mirror.pid, NULL, 0) == mirror.pid);
	close(mirror.out);
}

static void stop_mirror(void)
{
	kill(mirror.pid, SIGTERM);
	cr_expect(cli_wait(&mirror) == 0);
}

static void put_port(const char *port, const char *service)
{
	char key[64], value[128];

	snprintf(key, sizeof(key), "/stele/net/rows/ports/%s", port);
	snprintf(value, sizeof(value), "{\"port\": %s, \"service\": \"%s\"}", port, service);
	ETCDCTL("put", key, value);
}

static void begin(void)
{
	cli_begin();
	snprintf(ports, sizeof(ports), "%s/ports", region);
}

/* Starts etcd with a table of two rows, and the mirror. */
static void begin_ports(int members)
{
	etcd_begin(members, NULL);
	ETCDCTL("put", "/stele/net/schema/ports", SCHEMA);
	put_port("22", "ssh");
	put_port("80", "http");
	start_mirror();
	etcd_await_rows(region, "ports", "port,service\n22,ssh\n80,http\n");
}

/* Returns how many versions of the region have this text in their message. */
static int versions_with(const char *text)
{
	char *at = STELE("log", region, "-f", "ndjson").out;
	int count = 0;

	while ((at = strstr(at, text))) {
		at += strlen(text);
		count++;
	}
	return count;
}

/* Waits until the status has this text. */
static void await_status(const char *text)
{
	char from[80];
	struct cli_result result = {.out = ""};

	snprintf(from, sizeof(from), "%s/mirror_status", region);
	for (int tries = 0; tries < CLI_PATIENCE / 100; tries++) {
		result = STELE("dump", from, "-f", "json");
		if (strstr(result.out, text))
			return;
		usleep(50000);
	}
	cr_assert_fail("\"%s\" is not in: %s", text, result.out);
}

TestSuite(etcd_follow, .init = begin, .fini = cli_end, .timeout = 300);

Test(etcd_follow, each_revision_is_one_version)
{
	char message[64];

	begin_ports(1);
	ETCDCTL_WITH("\n"
	             "put /stele/net/rows/ports/443 {\"port\":443,\"service\":\"https\"}\n"
	             "del /stele/net/rows/ports/80\n"
	             "put /stele/net/rows/ports/22 {\"port\":22,\"service\":\"shell\"}\n"
	             "\n\n",
	             "txn");
	etcd_await_rows(region, "ports", "port,service\n22,shell\n443,https\n");
	snprintf(message, sizeof(message), "etcd revision %ld\"", etcd_revision());
	cr_expect(versions_with(message) == 1);
	put_port("25", "smtp");
	put_port("25", "mail");
	etcd_await_rows(region, "ports", "port,service\n22,shell\n25,mail\n443,https\n");
	cr_expect(versions_with("etcd revision") == 4, "%s", STELE("log", region).out);
	stop_mirror();
	await_status("\"why\": \"the mirror was stopped\"");
}

Test(etcd_follow, a_row_that_does_not_fit_is_refused_alone)
{
	static const char head[] = "key,revision,reason\n";
	char expected[512];
	long revision;

	begin_ports(1);
	ETCDCTL("put", "/stele/net/rows/ports/22", "{\"port\": 22}");
	ETCDCTL("put", "/stele/net/rows/ports/0443", "{\"port\": 443, \"service\": \"https\"}");
	ETCDCTL("put", "/stele/net/rows/other/1", "{}");
	put_port("25", "smtp");
	etcd_await_rows(region, "ports", "port,service\n25,smtp\n80,http\n");
	revision = etcd_revision();
	snprintf(expected, sizeof(expected),
	         "%srows/other/1,%ld,there is no schema of this table\n"
	         "rows/ports/0443,%ld,this row belongs to the key rows/ports/443\n"
	         "rows/ports/22,%ld,expected all columns; missing: service\n",
	         head, revision - 1, revision - 2, revision - 3);
	etcd_await_rows(region, "mirror_rejects", expected);
	await_status("\"rejects\": 3");
	/* What is read whole is what was followed. */
	kill_mirror();
	STELE("rm", region);
	start_mirror();
	etcd_await_rows(region, "mirror_rejects", expected);
	etcd_await_rows(region, "ports", "port,service\n25,smtp\n80,http\n");
	put_port("22", "ssh");
	ETCDCTL("del", "/stele/net/rows/ports/0443");
	ETCDCTL("del", "/stele/net/rows/other/1");
	etcd_await_rows(region, "mirror_rejects", head);
	etcd_await_rows(region, "ports", "port,service\n22,ssh\n25,smtp\n80,http\n");
	await_status("\"rejects\": 0");
	stop_mirror();
}

Test(etcd_follow, a_refused_row_is_still_counted_after_another_read)
{
	begin_ports(1);
	ETCDCTL("put", "/stele/net/rows/other/1", "{}");
	await_status("\"rejects\": 1");
	/* A schema that changes makes the mirror read everything again. */
	ETCDCTL("put", "/stele/net/schema/ports",
	        "ports(port: u16 key, service: char[16], weight: u8 default 3)");
	etcd_await_rows(region, "ports", "port,service,weight\n22,ssh,3\n80,http,3\n");
	await_status("\"rejects\": 1");
	ETCDCTL("del", "/stele/net/rows/other/1");
	etcd_await_rows(region, "mirror_rejects", "key,revision,reason\n");
	await_status("\"rejects\": 0");
	stop_mirror();
}

Test(etcd_follow, a_schema_that_changes_takes_the_rows_along)
{
	begin_ports(1);
	ETCDCTL("put", "/stele/net/schema/ports",
	        "ports(port: u16 key, service: char[16], weight: u8 default 3)");
	etcd_await_rows(region, "ports", "port,service,weight\n22,ssh,3\n80,http,3\n");
	ETCDCTL("put", "/stele/net/schema/ports", "ports(port: u32 key, service: char[16])");
	put_port("70000", "big");
	etcd_await_rows(region, "ports", "port,service\n22,ssh\n80,http\n70000,big\n");
	ETCDCTL("del", "/stele/net/schema/ports");
	await_status("\"rejects\": 3");
	cr_expect(STELE("dump", ports).status == 3);
	ETCDCTL("put", "/stele/net/schema/ports", SCHEMA);
	etcd_await_rows(region, "ports", "port,service\n22,ssh\n80,http\n");
	stop_mirror();
}

Test(etcd_follow, a_mirror_that_was_killed_goes_on_where_it_was)
{
	begin_ports(1);
	kill_mirror();
	put_port("25", "smtp");
	ETCDCTL("del", "/stele/net/rows/ports/22");
	start_mirror();
	etcd_await_rows(region, "ports", "port,service\n25,smtp\n80,http\n");
	cr_expect(versions_with("read whole") == 1, "%s", STELE("log", region).out);
	/* A region that somebody else has changed is read again. */
	kill_mirror();
	EXPECT_STATUS(STELE("set", ports, "80", "service=other"), 0);
	start_mirror();
	etcd_await_rows(region, "ports", "port,service\n25,smtp\n80,http\n");
	cr_expect(versions_with("read whole") == 2, "%s", STELE("log", region).out);
	stop_mirror();
}

Test(etcd_follow, compaction_costs_only_the_difference)
{
	char revision[32];

	begin_ports(1);
	kill_mirror();
	put_port("25", "smtp");
	ETCDCTL("del", "/stele/net/rows/ports/22");
	ETCDCTL("put", "/elsewhere", "1");
	snprintf(revision, sizeof(revision), "%ld", etcd_revision());
	ETCDCTL("compact", revision);
	start_mirror();
	etcd_await_rows(region, "ports", "port,service\n25,smtp\n80,http\n");
	cr_expect(versions_with("read whole") == 2, "%s", STELE("log", region).out);
	EXPECT_HAS(STELE("diff", region, "1", "2", "-f", "ndjson").out, "\"removed\"");
	EXPECT_HAS_NOT(STELE("diff", region, "1", "2", "-f", "ndjson").out, "http");
	/* A quiet prefix is not read again, however often the rest of etcd is compacted. */
	kill_mirror();
	ETCDCTL("put", "/elsewhere", "2");
	ETCDCTL("put", "/elsewhere", "3");
	snprintf(revision, sizeof(revision), "%ld", etcd_revision());
	ETCDCTL("compact", revision);
	start_mirror();
	put_port("443", "https");
	etcd_await_rows(region, "ports", "port,service\n25,smtp\n80,http\n443,https\n");
	cr_expect(versions_with("read whole") == 2, "%s", STELE("log", region).out);
	stop_mirror();
}

Test(etcd_follow, readers_keep_the_last_version_while_etcd_is_away)
{
	begin_ports(1);
	etcd_kill(0);
	await_status("\"state\": \"stale\"");
	etcd_await_rows(region, "ports", "port,service\n22,ssh\n80,http\n");
	etcd_start(0);
	etcd_await();
	put_port("25", "smtp");
	etcd_await_rows(region, "ports", "port,service\n22,ssh\n25,smtp\n80,http\n");
	await_status("\"state\": \"current\"");
	cr_expect(versions_with("read whole") == 1, "%s", STELE("log", region).out);
	stop_mirror();
}

Test(etcd_follow, etcd_with_another_history_is_read_again)
{
	begin_ports(1);
	put_port("25", "smtp");
	etcd_await_rows(region, "ports", "port,service\n22,ssh\n25,smtp\n80,http\n");
	/* A cluster of the same name from nothing, which goes past the known revision. */
	etcd_signal(0, SIGSTOP);
	etcd_kill(0);
	etcd_forget(0);
	kill(mirror.pid, SIGSTOP);
	etcd_start(0);
	etcd_await();
	ETCDCTL("put", "/stele/net/schema/ports", SCHEMA);
	for (int i = 0; i < 4; i++)
		put_port("23", i % 2 ? "telnet" : "other");
	kill(mirror.pid, SIGCONT);
	etcd_await_rows(region, "ports", "port,service\n23,telnet\n");
	stop_mirror();
}

Test(etcd_follow, a_version_in_parts_is_shown_as_one)
{
	begin_ports(1);
	ETCDCTL("put", "/stele/net/open", "{}");
	put_port("25", "smtp");
	ETCDCTL("del", "/stele/net/rows/ports/22");
	/* A region that begins in the middle is what was before the first part. */
	stop_mirror();
	EXPECT_STATUS(STELE("rm", region), 0);
	start_mirror();
	etcd_await_rows(region, "ports", "port,service\n22,ssh\n80,http\n");
	ETCDCTL_WITH("\n"
	             "put /stele/net/rows/ports/443 {\"port\":443,\"service\":\"https\"}\n"
	             "del /stele/net/open\n"
	             "put /stele/net/head {\"origin\":\"7@3f2a9c1e\",\"message\":\"all\"}\n"
	             "\n\n",
	             "txn");
	etcd_await_rows(region, "ports", "port,service\n25,smtp\n80,http\n443,https\n");
	cr_expect(versions_with("7@3f2a9c1e: all") == 1, "%s", STELE("log", region).out);
	cr_expect(versions_with("etcd revision") == 2, "%s", STELE("log", region).out);
	stop_mirror();
}

Test(etcd_follow, a_wrong_address_is_told_once_and_tried_slowly)
{
	struct cli_process process;
	char from[80];

	etcd_begin(1, NULL);
	snprintf(from, sizeof(from), "%s/mirror_status", region);
	STELE_START(&process, "mirror", "--from", "etcd://127.0.0.1:1/stele/net", region);
	for (int tries = 0; tries < CLI_PATIENCE / 100 && STELE("dump", from).status != 0; tries++)
		usleep(50000);
	await_status("stale");
	kill(process.pid, SIGTERM);
	cr_expect(cli_wait(&process) == 0);
	EXPECT_HAS(cli_read_all(process.err), "127.0.0.1:1: ");
}
