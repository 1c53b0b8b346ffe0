/* SPDX-License-Identifier: MIT
 * What a region is in: --memory, and how it is shown. */
#include "tests/support/cli.h"

TestSuite(cli_memory, .init = cli_begin, .fini = cli_end);

static void expect_memory(const char *name)
{
	char json[64], line[64];

	snprintf(json, sizeof(json), "\"memory\": \"%s\"", name);
	snprintf(line, sizeof(line), "memory              %s\n", name);
	EXPECT_HAS(STELE("show", "--format", "json", region).out, json);
	EXPECT_HAS(STELE("show", region).out, line);
}

Test(cli_memory, a_region_in_a_segment_is_used_like_any_other)
{
	EXPECT_STATUS(
		STELE("create", region, "--memory", "sysv", "--max-size", "2M", "--table", ROUTES),
		0);
	expect_memory("sysv");
	EXPECT_HAS(STELE("show", region).out, "limit_size          2.0 MiB\n");
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "next_hop=10.0.0.1", "interface=eth0",
	                    "metric=1"),
	              0);
	EXPECT_HAS(STELE("lookup", target, "10.9.9.9").out, "eth0");
	EXPECT_HAS(cli_listed("table"), "2.0 MiB");
	EXPECT_HAS(cli_listed("table"), "  ok");
	EXPECT_FAILURE(STELE("compact", region), 8, "System V segment", "fixed size");
	EXPECT_HAS(STELE("create", region, "--memory", "shm").err, "they were not applied");
	expect_memory("sysv");
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region), 0);
	expect_memory("shm");
}

Test(cli_memory, refuses_what_cannot_be)
{
	EXPECT_FAILURE(STELE("create", region, "--memory", "sysvv"), 2, "did you mean \"sysv\"?");
	EXPECT_FAILURE(STELE("create", region, "--memory", "elsewhere"), 2,
	               "expected shm, file or sysv");
	EXPECT_FAILURE(STELE("create", region, "--memory", "file"), 2, "DIRECTORY/NAME");
	EXPECT_FAILURE(STELE("create", region, "-D", "/tmp", "-M", "sysv"), 2, "no directories");
	EXPECT_FAILURE(STELE("create", region, "-D", "/tmp", "-M", "shm"), 2, "no directories");
	EXPECT_FAILURE(STELE("create", region, "-M", "sysv", "-s", "2M", "-l", "4M"), 2,
	               "can't grow");
	EXPECT_FAILURE(STELE("create", region, "-M", "sysv", "-d", "commit"), 2, "no disk");
	EXPECT_FAILURE(STELE("publish", "--memory", "sysv", target, "-"), 2, "--kernel-routes");
	EXPECT_FAILURE(STELE("show", region), 3, "no such region");
}
