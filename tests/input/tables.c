/* SPDX-License-Identifier: MIT
 *
 * stele publish REGION TABLE=FILE...: several tables as one version. */
#include "tests/support/cli.h"

TestSuite(input_tables, .init = cli_begin_routes, .fini = cli_end);

#define NAMES      "prefix,next_hop,interface,metric\n"
#define NEIGHBOURS "neighbours(address: ipv4 key, mac: mac)"

/* The files of the test: routes, and neighbours. */
static char routes[64 + 8], neighbours[64 + 16];
static char *routes_file, *neighbours_file;

/* Writes the files, and makes the operands TABLE=FILE. */
static void write_files(const char *of_routes, const char *of_neighbours)
{
	static char paths[2][64];

	cli_temporary(paths[0], ".routes.csv", of_routes);
	cli_temporary(paths[1], ".neighbours.csv", of_neighbours);
	routes_file = paths[0];
	neighbours_file = paths[1];
	snprintf(routes, sizeof(routes), "routes=%s", routes_file);
	snprintf(neighbours, sizeof(neighbours), "neighbours=%s", neighbours_file);
}

static void remove_files(void)
{
	unlink(routes_file);
	unlink(neighbours_file);
}

static const char *dump_of(const char *table)
{
	char name[96];

	snprintf(name, sizeof(name), "%s/%s", region, table);
	return STELE("dump", "--format", "csv", name).out;
}

Test(input_tables, several_tables_are_one_version)
{
	const char *before = cli_dump();
	struct cli_result result;

	EXPECT_STATUS(STELE("create", region, "--table", NEIGHBOURS), 0);
	write_files(NAMES "0.0.0.0/0,192.0.2.1,eth0,100\n10.2.0.0/16,192.0.2.3,eth1,5\n",
	            "address,mac\n192.0.2.1,02-00-5e-10-00-01\n");
	result = STELE("publish", "--dry-run", region, routes, neighbours);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "routes");
	EXPECT_HAS(result.out, "address=192.0.2.1");
	EXPECT_TEXT(cli_dump(), before);
	expect_done(STELE("publish", "--message", "both", region, routes, neighbours),
	            "routes, neighbours: version 4 (2 added, 0 changed, 2 removed, 1 unchanged)\n");
	EXPECT_TEXT(dump_of("routes"),
	            NAMES "0.0.0.0/0,192.0.2.1,eth0,100\n10.2.0.0/16,192.0.2.3,eth1,5\n");
	EXPECT_TEXT(dump_of("neighbours"), "address,mac\n192.0.2.1,02:00:5e:10:00:01\n");
	expect_done(STELE("publish", region, neighbours, routes),
	            "neighbours, routes: nothing changed, version 4\n");
	/* One table may be given in the same way. */
	expect_done(STELE("publish", region, routes), "routes: nothing changed, version 4\n");
	remove_files();
}

/* A fault in one table leaves all as they were. */
Test(input_tables, a_fault_in_one_file_changes_no_table)
{
	const char *before = cli_dump();
	char place[128];

	EXPECT_STATUS(STELE("create", region, "--table", NEIGHBOURS), 0);
	write_files(NAMES "10.2.0.0/16,192.0.2.3,eth1,5\n", "address,mac\n192.0.2.1,nonsense\n");
	snprintf(place, sizeof(place), "%s:2: column \"mac\": ", neighbours_file);
	EXPECT_FAILURE(STELE("publish", region, routes, neighbours), 2, place);
	EXPECT_TEXT(cli_dump(), before);
	remove_files();
	/* The duplicate key is only found in the transaction, after the first table. */
	write_files(NAMES "10.2.0.0/16,192.0.2.3,eth1,5\n",
	            "address,mac\n192.0.2.1,02005e100001\n192.0.2.1,02005e100001\n");
	EXPECT_FAILURE(STELE("publish", region, routes, neighbours), 2, neighbours_file,
	               ":3: the key \"192.0.2.1\" is already in line 2");
	EXPECT_TEXT(cli_dump(), before);
	remove_files();
	/* The limit holds for each table. */
	write_files(NAMES "0.0.0.0/0,192.0.2.3,eth1,5\n", "address,mac\n192.0.2.1,02005e100001\n");
	EXPECT_FAILURE(STELE("publish", "--max-removed", "1", region, neighbours, routes), 9,
	               "would remove 2 of the 3 rows of table \"routes\"");
	EXPECT_TEXT(cli_dump(), before);
	EXPECT_TEXT(dump_of("neighbours"), "address,mac\n");
	remove_files();
}

/* Both families from one file. */
Test(input_tables, both_families_from_one_file)
{
	char four[80], six[80], path[64];

	EXPECT_STATUS(STELE("create", region, "--table", "vrps4(prefix: ipv4net key, asn: u32)",
	                    "--table", "vrps6(prefix: ipv6net key, asn: u32)"),
	              0);
	cli_temporary(path, ".csv",
	              "ASN,IP Prefix,Trust Anchor\nAS64496,192.0.2.0/24,x\n"
	              "AS64497,2001:db8::/32,x\nAS0,198.51.100.0/24,x\n");
	snprintf(four, sizeof(four), "vrps4=%s", path);
	snprintf(six, sizeof(six), "vrps6=%s", path);
	expect_done(STELE("publish", "--columns", "ASN=asn,IP Prefix=prefix", "--ignore-unknown",
	                  "--skip-other-family", region, four, six),
	            "vrps4, vrps6: version 4 (3 added, 0 changed, 0 removed, 0 unchanged)\n");
	EXPECT_TEXT(dump_of("vrps4"), "prefix,asn\n192.0.2.0/24,64496\n198.51.100.0/24,0\n");
	EXPECT_TEXT(dump_of("vrps6"), "prefix,asn\n2001:db8::/32,64497\n");
	unlink(path);
}

/* Both families from one pipe, which can be read only once, in more pieces than a pipe holds. */
Test(input_tables, both_families_from_one_pipe)
{
	char script[512], *arguments[] = {"/bin/sh", "-c", script, NULL};
	struct cli_result result;

	EXPECT_STATUS(STELE("create", region, "--table", "vrps4(prefix: ipv4net key, asn: u32)",
	                    "--table", "vrps6(prefix: ipv6net key, asn: u32)"),
	              0);
	snprintf(script, sizeof(script),
	         "{ echo prefix,asn; i=0; while [ $i -lt 9000 ]; do i=$((i + 1)); "
	         "echo 10.$((i / 256)).$((i %% 256)).0/24,$i; echo 2001:db8:$i::/48,$i; done; } | "
	         "%s publish --skip-other-family %s vrps4=- vrps6=-",
	         cli_command(), region);
	result = cli_run(NULL, arguments);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "(18,000 added, 0 changed, 0 removed");
	expect_done(STELE_WITH("prefix,asn\n192.0.2.0/24,7\n2001:db8::/32,8\n192.0.2.0/25,9\n",
	                       "publish", "--skip-other-family", region, "vrps6=-", "vrps4=-"),
	            "vrps6, vrps4: version 5 (3 added, 0 changed, 18,000 removed, 0 unchanged)\n");
	EXPECT_TEXT(dump_of("vrps4"), "prefix,asn\n192.0.2.0/24,7\n192.0.2.0/25,9\n");
	EXPECT_FAILURE(STELE_WITH("prefix,asn\n192.0.2.0/24,7\n2001:db8::/32,x\n", "publish",
	                          "--skip-other-family", region, "vrps4=-", "vrps6=-"),
	               2, "standard input:3: column \"asn\"");
	EXPECT_FAILURE(STELE_WITH("", "publish", region, "vrps4=-", "vrps6=-"), 2,
	               "standard input");
}

/* Options may name columns that only one of the tables has. */
Test(input_tables, columns_of_one_of_the_tables)
{
	EXPECT_STATUS(STELE("create", region, "--table", NEIGHBOURS), 0);
	write_files("dst,next_hop,interface,metric\n10.2.0.0/16,192.0.2.3,eth1,\n",
	            "ip,mac\n192.0.2.1,0200.5e10.0001\n");
	EXPECT_STATUS(STELE("publish", "--columns", "dst=prefix,ip=address", "--empty-as",
	                    "metric=0", region, routes, neighbours),
	              0);
	EXPECT_TEXT(dump_of("routes"), NAMES "10.2.0.0/16,192.0.2.3,eth1,0\n");
	EXPECT_TEXT(dump_of("neighbours"), "address,mac\n192.0.2.1,02:00:5e:10:00:01\n");
	EXPECT_FAILURE(
		STELE("publish", "--columns", "dst=prefix,ip=addr", region, routes, neighbours), 2,
		"--columns: none of the tables has a column \"addr\"");
	remove_files();
}

Test(input_tables, wrong_operands)
{
	EXPECT_FAILURE(STELE("publish", region), 2,
	               "expected REGION/TABLE and FILE, or REGION and "
	               "TABLE=FILE...");
	EXPECT_FAILURE(STELE("publish", target, "-", "-"), 2, "expected REGION/TABLE and FILE");
	EXPECT_FAILURE(STELE("publish", region, "-"), 2, "expected TABLE=FILE, but found \"-\"");
	EXPECT_FAILURE(STELE("publish", region, "=-"), 2, "expected TABLE=FILE");
	EXPECT_FAILURE(STELE("publish", region, "routes="), 2, "expected TABLE=FILE");
	EXPECT_FAILURE(STELE("publish", region, "routes=-", "routes=x"), 2, "given twice");
	EXPECT_FAILURE(STELE("publish", "--check", "true", region, "routes=-", "other=x"), 2,
	               "--check is for one table");
	EXPECT_FAILURE(STELE("publish", region, "route=-"), 3, "did you mean \"routes\"?");
	EXPECT_FAILURE(STELE("publish", region, "routes=/nonexistent"), 2,
	               "cannot read /nonexistent");
}
