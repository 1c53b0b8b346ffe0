/* SPDX-License-Identifier: MIT
 *
 * Whose region the command reads, and what it prints about regions that other users created. */
#include "lib/storage/paths.h"
#include "tests/support/ipc/outsider.h"
#include "tests/support/ipc/own_machine.h"

TestSuite(cli_owner, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static void publish_as(unsigned user)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .mode = 0644};

	outsider_become(user);
	stele_publisher_close(ipc_publish(region, &options));
}

static void begin(void)
{
	own_machine("size=64m,mode=1777");
	ipc_join(ipc_spawn(publish_as, OUTSIDER));
}

Test(cli_owner, hostile_26_root_reads_another_user_s_rows_only_with_the_option)
{
	static const char *const commands[] = {"dump %s/rows",
	                                       "get %s/rows 0",
	                                       "log %s",
	                                       "show %s",
	                                       "inspect %s",
	                                       "diff %s 0 1",
	                                       "explain %s/rows 0",
	                                       "watch --initial --timeout 0 %s",
	                                       "trace --since 0 --count 1 %s",
	                                       "verify %s"};
	char command[128], line[192];

	begin();
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(command, sizeof(command), commands[i], region);
		EXITS(5, "%s", command);
		SAYS("belongs to user 65534");
		SAYS("--owner 65534, or --owner any");
		SAYS_NOT("STELE_");
		snprintf(line, sizeof(line), "%s --owner", command);
		EXITS(5, "%s 0", line);
		SAYS("user 0 was asked for");
		EXITS(0, "%s any", line);
		SAYS_NOT("belongs to");
		EXITS(0, "%s 65534", line);
	}
	EXITS(5, "save %s /dev/shm/copy", region);
	cr_expect(access("/dev/shm/copy", F_OK) < 0);
	EXITS(0, "save --owner any %s /dev/shm/copy", region);
	EXITS(0, "dump /dev/shm/copy/rows");
	EXITS(2, "dump --owner no-such-user %s/rows", region);
	SAYS("there is no user \"no-such-user\"");
	EXITS(2, "dump --owner 4294967295 %s/rows", region);
}

Test(cli_owner, hostile_26_commands_that_visit_all_regions_continue)
{
	struct stele_publisher_options options = {.size = sizeof(options), .flags = STELE_CREATE};

	begin();
	stele_publisher_close(ipc_publish("zz-of-root", &options));
	EXITS(0, "list");
	SAYS("untrusted owner: user 65534");
	SAYS("zz-of-root");
	EXITS(0, "list --format ndjson");
	SAYS("\"owner\": 65534");
	SAYS("\"owner\": 0");
	SAYS("\"state\": \"ok\"");
	own_stele("doctor");
	SAYS("user 65534 (");
	SAYS("zz-of-root");
	EXITS(0, "subscribers %s", region);
	EXITS(0, "clean");
	OK(stele_region_remove("zz-of-root"));
}

static void dump_as_member(unsigned argument)
{
	(void)argument;
	outsider_become(MEMBER);
	EXITS(0, "dump %s/rows", region);
	SAYS("belongs to user 65534");
	EXITS(0, "dump --owner 65534 %s/rows", region);
	SAYS_NOT("belongs to");
	EXITS(0, "dump --owner any %s/rows", region);
	SAYS_NOT("belongs to");
	EXITS(5, "dump --owner 0 %s/rows", region);
}

static void dump_as_outsider(unsigned argument)
{
	(void)argument;
	outsider_become(OUTSIDER);
	EXITS(0, "dump %s/rows", region);
	SAYS_NOT("belongs to");
}

Test(cli_owner, other_users_see_whose_region_they_read)
{
	begin();
	if (access(getenv("STELE") ? getenv("STELE") : "build/stele", X_OK) < 0)
		cr_skip_test("no command");
	ipc_join(ipc_spawn(dump_as_member, 0));
	ipc_join(ipc_spawn(dump_as_outsider, 0));
}
