/* SPDX-License-Identifier: MIT
 *
 * stele alter and stele drop: changing the columns of a table under its readers, and what is
 * refused. */
#include "tests/support/cli.h"

TestSuite(alter_command, .init = cli_begin, .fini = cli_end);

#define OLD_COLUMNS "prefix: ipv4net key, next_hop: ipv4, interface: char[16], metric: u32"

static void create_routes(void)
{
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1", "interface=eth0",
	                    "metric=5"),
	              0);
	EXPECT_STATUS(STELE("set", target, "10.1.0.0/16", "next_hop=192.0.2.2", "interface=eth1",
	                    "metric=6"),
	              0);
}

Test(alter_command, appends_columns_with_defaults)
{
	struct cli_result result;

	create_routes();
	result = STELE("alter", target, "--add", "zone: char[8] default \"eu\"", "--add",
	               "weight: u16 default 100");
	EXPECT_TEXT(cli_plain(result.out),
	            "routes: version 4, altered: routes(" OLD_COLUMNS
	            ", zone: char[8] default \"eu\", weight: u16 default 100)\n");
	EXPECT_TEXT(STELE("dump", "-f", "csv", target).out,
	            "prefix,next_hop,interface,metric,zone,weight\n"
	            "10.0.0.0/8,192.0.2.1,eth0,5,eu,100\n"
	            "10.1.0.0/16,192.0.2.2,eth1,6,eu,100\n");
	/* One version, which changes no row. */
	result = STELE("diff", region, "3", "4");
	EXPECT_HAS(result.out, "column \"zone\" was appended; column \"weight\" was appended");
	result = STELE("diff", "-f", "ndjson", region, "3", "4");
	EXPECT_TEXT(cli_plain(result.out),
	            "{\"version\": 4, \"change\": \"altered\", \"table\": \"routes\", \"row\": "
	            "{\"schema\": \"routes(" OLD_COLUMNS
	            ", zone: char[8] default \\\"eu\\\", weight: u16 default 100)\"}, "
	            "\"before\": {\"schema\": \"routes(" OLD_COLUMNS ")\"}}\n");
	EXPECT_HAS(STELE("log", region).out, "table altered");
	/* Rows that are set from now on are differences, shown with all columns. */
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "zone=us"), 0);
	result = STELE("diff", "-f", "ndjson", region, "3", "5");
	EXPECT_HAS(result.out, "\"zone\": \"eu\"");
	EXPECT_HAS(result.out, "\"zone\": \"us\"");
	EXPECT_HAS_NOT(result.out, "10.1.0.0");
	EXPECT_STATUS(STELE("verify", region), 0);
}

Test(alter_command, renames_and_deprecates)
{
	create_routes();
	EXPECT_HAS(
		STELE("alter", target, "--rename", "metric=cost", "--deprecate", "interface").out,
		"interface: char[16] deprecated, cost: u32 was \"metric\")");
	EXPECT_HAS(STELE("get", target, "10.0.0.0/8").out, "cost");
	/* Programs that know the old name find the column by it. */
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=7"), 0);
	EXPECT_HAS(STELE("alter", target, "--rename", "cost=price").out,
	           "price: u32 was \"metric cost\"");
	/* Back to a name that it had. */
	EXPECT_HAS(STELE("alter", target, "--rename", "price=metric").out,
	           "metric: u32 was \"cost price\"");
	EXPECT_HAS(STELE("alter", target, "--deprecate", "interface").out, "nothing changed");
	EXPECT_FAILURE(STELE("alter", target, "--rename", "cost=a"), 2,
	               "\"cost\" was renamed: it is called \"metric\" now");
}

/* A column never goes into the padding at the end of the old struct, which old programs write. */
Test(alter_command, places_columns_after_the_old_struct)
{
	char name[80];

	snprintf(name, sizeof(name), "%s/p", region);
	EXPECT_STATUS(STELE("create", region, "--table", "p(id: u32 key, a: u64, b: u8)"), 0);
	EXPECT_HAS(STELE("alter", name, "--add", "c: u8").out, "c: u8 @16");
	EXPECT_HAS(STELE("alter", name, "--add", "d: u32").out, "d: u32 @24");
}

/* Several columns of one --add are placed like members of one struct. */
Test(alter_command, adds_several_columns_at_once)
{
	char name[80];

	snprintf(name, sizeof(name), "%s/p", region);
	EXPECT_STATUS(STELE("create", region, "--table", "p(id: u32 key, a: u64, b: u8)"), 0);
	EXPECT_STATUS(STELE("set", name, "1", "a=2", "b=3"), 0);
	EXPECT_HAS(
		STELE("alter", name, "--dry-run", "--add", "c: u32", "--add", "d: u32, e: u8").out,
		"b: u8, c: u32 @16, d: u32 @24, e: u8)");
	EXPECT_HAS(STELE("alter", name, "--add", "c: u32 default 4, d: u32, e: u8 default 5").out,
	           "b: u8, c: u32 @16 default 4, d: u32, e: u8 default 5)");
	EXPECT_STATUS(STELE("set", name, "2", "a=1", "b=2", "d=7"), 0);
	EXPECT_TEXT(STELE("dump", "-f", "csv", name).out,
	            "id,a,b,c,d,e\n1,2,3,4,0,5\n2,1,2,4,7,5\n");
	/* A table without values; names that stand-ins could have; a comment; what is placed. */
	snprintf(name, sizeof(name), "%s/k", region);
	EXPECT_STATUS(STELE("create", region, "--table", "k(present: u32 key)"), 0);
	EXPECT_HAS(STELE("alter", name, "--add",
	                 "key_of_table_: u8, b: u32, present-key: u8 @12, present2: u8, @24 # end")
	                   .out,
	           "k(present: u32 key, key_of_table_: u8, b: u32, present-key: u8 @12, "
	           "present2: u8, @24)");
	EXPECT_HAS(STELE("alter", name, "--add", "c: u64, d: text").out,
	           "present2: u8, c: u64 @24, d: text)");
	EXPECT_STATUS(STELE("verify", region), 0);
}

/* The value of a publisher without the column is too short, and no value with an empty text. */
Test(alter_command, places_a_variable_column_beyond_the_old_value)
{
	char name[80];

	snprintf(name, sizeof(name), "%s/v", region);
	EXPECT_STATUS(STELE("create", region, "--table", "v(id: u32 key, a: u32)"), 0);
	EXPECT_HAS(STELE("alter", name, "--add", "note: text").out, "note: text @8)");
	EXPECT_STATUS(STELE("create", region, "--table", "w(id: u32 key)"), 0);
	snprintf(name, sizeof(name), "%s/w", region);
	EXPECT_HAS(STELE("alter", name, "--add", "note: text").out, "note: text @1)");
	EXPECT_STATUS(STELE("set", name, "1", "note=a"), 0);
	EXPECT_TEXT(STELE("dump", "-f", "csv", name).out, "id,note\n1,a\n");
}

Test(alter_command, a_dry_run_changes_nothing)
{
	create_routes();
	expect_done(STELE("alter", target, "--dry-run", "--add", "weight: u16"),
	            "routes(" OLD_COLUMNS ", weight: u16)\n");
	EXPECT_HAS_NOT(STELE("show", region).out, "weight");
	EXPECT_FAILURE(STELE("alter", target, "-n", "--to", "routes(prefix: ipv4net key)"), 2,
	               "cannot be altered");
}

Test(alter_command, refuses_what_programs_cannot_read_unless_forced)
{
	struct cli_result result;

	create_routes();
	EXPECT_FAILURE(STELE("alter", target, "--to",
	                     "routes(prefix: ipv4net key, next_hop: ipv4, metric: u32)"),
	               2, "table \"routes\" cannot be altered under its readers", OLD_COLUMNS,
	               "prefix: ipv4net key, next_hop: ipv4, metric: u32", "--force");
	EXPECT_HAS(STELE("show", region).out, OLD_COLUMNS);
	result = STELE("alter", target, "--force", "--to",
	               "routes(prefix: ipv4net key, next_hop: ipv4, metric: u32)");
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "dropped and created again: routes(prefix: ipv4net key, next_hop");
	EXPECT_HAS(result.err, "2 rows of table \"routes\" are lost");
	EXPECT_TEXT(STELE("dump", "-f", "csv", target).out, "prefix,next_hop,metric\n");
	/* Where rows can be kept, --force keeps them. */
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1", "metric=5"), 0);
	result = STELE("alter", target, "--force", "--add", "zone: char[8]");
	EXPECT_HAS(result.out, "altered: ");
	EXPECT_TEXT(result.err, "");
	EXPECT_HAS(STELE("dump", "-f", "csv", target).out, "10.0.0.0/8");
}

Test(alter_command, names_what_is_wrong)
{
	char name[80];

	create_routes();
	EXPECT_FAILURE(STELE("alter"), 2, "expected one REGION/TABLE");
	EXPECT_FAILURE(STELE("alter", target), 2, "expected --add, --rename, --deprecate or --to");
	EXPECT_FAILURE(STELE("alter", region, "--add", "a: u8"), 2, "expected REGION/TABLE");
	EXPECT_FAILURE(STELE("alter", target, "--add", "a: u9"), 2,
	               "--add 'a: u9': character 4: unknown type");
	EXPECT_FAILURE(STELE("alter", target, "--add", "a: u8, b: u8 key"), 2,
	               "key column \"b\" comes after value column \"a\"");
	EXPECT_FAILURE(STELE("alter", target, "--add", "a: u32 @4"), 2, "overlap in the value");
	EXPECT_FAILURE(STELE("alter", target, "--add", ""), 2, "expected a column name");
	EXPECT_FAILURE(STELE("alter", target, "--add", "metric: u32"), 2, "metric");
	EXPECT_FAILURE(STELE("alter", target, "--add", "a: u32 key"), 2, "part of the key");
	EXPECT_FAILURE(STELE("alter", target, "--rename", "metrics=a"), 2, "\"metrics\"",
	               "did you mean \"metric\"?");
	EXPECT_FAILURE(STELE("alter", target, "--rename", "metric"), 2, "expected OLD=NEW");
	EXPECT_FAILURE(STELE("alter", target, "--rename", "metric=next_hop"), 2, "next_hop");
	EXPECT_FAILURE(STELE("alter", target, "--deprecate", "prefix"), 2, "part of the key");
	EXPECT_FAILURE(STELE("alter", target, "--to", "roads(a: u8 key)"), 2,
	               "expected a declaration of table \"routes\", not of \"roads\"");
	snprintf(name, sizeof(name), "%s/rotes", region);
	EXPECT_FAILURE(STELE("alter", name, "--add", "a: u8"), 3, "did you mean \"routes\"?");
	EXPECT_FAILURE(STELE("create", region, "--table", "routes(" OLD_COLUMNS ", zone: char[8])"),
	               2, "stele alter", "--to");
	snprintf(name, sizeof(name), "%s/notes", region);
	EXPECT_STATUS(STELE("create", region, "--table", "notes(id: u32 key, note: text)"), 0);
	EXPECT_FAILURE(STELE("alter", name, "--add", "a: u8"), 2, "\"note\", has any length");
	EXPECT_STATUS(STELE("verify", region), 0);
}

Test(alter_command, drop_drops_tables_as_one_version)
{
	char other[80], line[128];

	create_routes();
	EXPECT_STATUS(STELE("create", region, "--table", "more(a: u8 key)"), 0);
	snprintf(other, sizeof(other), "%s/mote", region);
	EXPECT_FAILURE(STELE("drop", target, other), 3, "did you mean \"more\"?");
	EXPECT_FAILURE(STELE("drop", target, "elsewhere/more"), 2, "one region at a time");
	EXPECT_FAILURE(STELE("drop"), 2, "expected REGION/TABLE");
	EXPECT_FAILURE(STELE("drop", region), 2, "expected REGION/TABLE");
	EXPECT_HAS(STELE("show", region).out, "routes");
	snprintf(other, sizeof(other), "%s/more", region);
	snprintf(line, sizeof(line), "%s: version 5 (0 added, 0 changed, 2 removed)\n", region);
	EXPECT_TEXT(cli_plain(STELE("drop", target, other).out), line);
	EXPECT_FAILURE(STELE("dump", target), 3, "there is no table");
	EXPECT_STATUS(STELE("rollback", region, "--to", "4"), 0);
	EXPECT_HAS(STELE("dump", target).out, "10.1.0.0/16");
}
