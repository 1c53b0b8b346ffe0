/* SPDX-License-Identifier: MIT
 *
 * stele mirror with a cluster of three: members are killed and stopped while ten regions follow
 * one. Each version has two rows that are equal and grow, so a version that is of halves, or out of
 * order, shows. */
#include "tests/support/etcd/etcd_cluster.h"

#define FOLLOWERS 10

static char pair[80];
static char copies[FOLLOWERS][80];
static struct cli_process writer, followers[FOLLOWERS];
static int value;

static void begin(void)
{
	cli_begin();
	snprintf(pair, sizeof(pair), "%s/pair", region);
	for (int i = 0; i < FOLLOWERS; i++)
		snprintf(copies[i], sizeof(copies[i]), "%sf%d", region, i);
}

static void end(void)
{
	for (int i = 0; i < FOLLOWERS; i++)
		STELE("rm", copies[i]);
	cli_end();
}

TestSuite(etcd_cluster, .init = begin, .fini = end, .timeout = 500);

/* Commits both rows with the next value. */
static void commit(void)
{
	char rows[64];

	value++;
	snprintf(rows, sizeof(rows), "name,value\na,%d\nb,%d\n", value, value);
	EXPECT_STATUS(STELE_WITH(rows, "publish", pair, "-"), 0);
}

static void begin_cluster(int count)
{
	etcd_begin(ETCD_MEMBERS, NULL);
	EXPECT_STATUS(STELE("create", region, "--table", "pair(name: char[4] key, value: u32)"), 0);
	commit();
	STELE_START(&writer, "mirror", "--to", etcd_url, region);
	EXPECT_HAS(cli_any_line(&writer), ": writes to etcd ");
	for (int i = 0; i < count; i++)
		STELE_START(&followers[i], "mirror", "--from", etcd_url, copies[i]);
	for (int i = 0; i < count; i++)
		EXPECT_HAS(cli_any_line(&followers[i]), ": follows etcd ");
}

static void await_all(int count)
{
	char rows[64];

	snprintf(rows, sizeof(rows), "name,value\na,%d\nb,%d\n", value, value);
	for (int i = 0; i < count; i++)
		etcd_await_rows(copies[i], "pair", rows);
}

/* Checks that each version of a copy has two equal rows, which grow. */
static void check_order(char *copy)
{
	char *log = STELE("log", copy, "-f", "ndjson").out, table[900];
	int newer = INT32_MAX;

	snprintf(table, sizeof(table), "%s/pair", copy);
	for (char *at = log; (at = strstr(at, "\"version\": ")); at++) {
		char version[24];
		struct cli_result result;
		int a, b;

		snprintf(version, sizeof(version), "%ld", strtol(at + 11, NULL, 10));
		result = STELE("dump", table, "-f", "csv", "--version", version);
		if (result.status != 0)
			continue;
		cr_assert(sscanf(result.out, "name,value\na,%d\nb,%d\n", &a, &b) == 2, "%s",
		          result.out);
		cr_expect(a == b && a <= newer, "%s after %d", result.out, newer);
		newer = a;
	}
}

static void stop_all(int count)
{
	kill(writer.pid, SIGTERM);
	cr_expect(cli_wait(&writer) == 0);
	for (int i = 0; i < count; i++) {
		kill(followers[i].pid, SIGTERM);
		cr_expect(cli_wait(&followers[i]) == 0);
		check_order(copies[i]);
	}
}

Test(etcd_cluster, ten_followers_are_equal_after_the_leader_was_killed)
{
	int leader;

	begin_cluster(FOLLOWERS);
	for (int i = 0; i < 10; i++)
		commit();
	leader = etcd_leader();
	etcd_kill(leader);
	for (int i = 0; i < 10; i++)
		commit();
	await_all(FOLLOWERS);
	etcd_start(leader);
	for (int i = 0; i < 10; i++)
		commit();
	await_all(FOLLOWERS);
	stop_all(FOLLOWERS);
}

Test(etcd_cluster, a_member_that_is_stopped_is_left)
{
	begin_cluster(1);
	/* Both mirrors use the first member. */
	etcd_signal(0, SIGSTOP);
	for (int i = 0; i < 5; i++)
		commit();
	await_all(1);
	etcd_signal(0, SIGCONT);
	commit();
	await_all(1);
	stop_all(1);
}

Test(etcd_cluster, a_cluster_that_is_restarted_goes_on)
{
	begin_cluster(3);
	for (int i = 0; i < ETCD_MEMBERS; i++)
		etcd_kill(i);
	for (int i = 0; i < 5; i++)
		commit();
	for (int i = 0; i < ETCD_MEMBERS; i++)
		etcd_start(i);
	await_all(3);
	stop_all(3);
}
