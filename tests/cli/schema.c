/* SPDX-License-Identifier: MIT
 *
 * stele schema and stele schema diff; words, arrays, units and defaults in the other commands. */
#include <stele/schema.h>

#include "tests/support/cli.h"

TestSuite(cli_schema, .init = cli_begin, .fini = cli_end);

#define LINKS \
	"links(\n" \
	"\tname: char[8] key,\n" \
	"\tstate: u8 enum(up=1, down=2) default down doc \"as the \"\"kernel\"\" has it\",\n" \
	"\tload: u32[3] unit \"permille\",\n" \
	"\tbig: u64[2],\n" \
	"\tat: u32 @40 was \"since\" deprecated\n" \
	")\n"

static char links[64];

/* Creates the region with the table. */
static void create_links(void)
{
	snprintf(links, sizeof(links), "%s/links", region);
	EXPECT_STATUS(STELE("create", region, "--table", LINKS, "--table", ROUTES), 0);
}

Test(cli_schema, prints_what_create_takes)
{
	char file[64], other[64];
	struct cli_result result;

	create_links();
	expect_done(STELE("schema", links), LINKS);
	result = STELE("schema", region);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, LINKS "routes(\n\tprefix: ipv4net key,\n");
	cli_temporary(file, ".schema", result.out);
	snprintf(other, sizeof(other), "%s-2", region);
	EXPECT_STATUS(STELE("create", other, "--schema", file), 0);
	EXPECT_TEXT(STELE("schema", other).out, result.out);
	expect_done(STELE("schema", "diff", other, file), "verdict  table  change\n");
	EXPECT_STATUS(STELE("rm", other), 0);
	unlink(file);
	snprintf(other, sizeof(other), "%s/nix", region);
	EXPECT_FAILURE(STELE("schema", other), 3, "there is no table \"nix\"");
}

Test(cli_schema, prints_columns_for_programs)
{
	struct cli_result result;

	create_links();
	result = STELE("schema", "--format", "ndjson", links);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out,
	           "\"column\": \"state\", \"type\": \"u8\", \"key\": false, \"elements\": "
	           "null, \"offset\": 0, \"size\": 1, \"unit\": null, \"description\": "
	           "\"as the \\\"kernel\\\" has it\", \"enum\": [{\"word\": \"up\", "
	           "\"value\": 1}, {\"word\": \"down\", \"value\": 2}], \"default\": "
	           "\"down\", \"former_names\": null, \"deprecated\": false, \"format\": 1}\n");
	EXPECT_HAS(result.out,
	           "\"elements\": 3, \"offset\": 4, \"size\": 12, \"unit\": \"permille\"");
}

Test(cli_schema, diff_tells_whether_programs_go_on)
{
	struct cli_result result;

	create_links();
	result = STELE("schema", "diff", "t(k: u8 key, v: u32, w: u8 enum(a=1))",
	               "t(k: u8 key, x: u32 was v, w: u8 enum(a=1, b=2), y: text @9)");
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.out, "verdict     table  change\n"
	                        "compatible  t      column \"v\" was renamed to \"x\"\n"
	                        "compatible  t      column \"w\": word b=2 was added\n"
	                        "compatible  t      column \"y\" was appended\n");
	result = STELE(
		"schema", "diff", "--format", "csv", region,
		"routes(prefix: ipv4net key, next_hop: ipv4, interface: char[16], metric: u64)");
	EXPECT_STATUS(result, 1);
	EXPECT_HAS(result.out, "incompatible,links,the table was removed\n");
	EXPECT_HAS(result.out,
	           "incompatible,routes,\"column \"\"metric\"\" was changed from u32 to u64\"\n");
	result = STELE_WITH("# none of these\nlinks(name: char[8] key) more(k: u8 key)", "schema",
	                    "diff", "-", region);
	EXPECT_STATUS(result, 1);
	EXPECT_HAS(result.out, "compatible    links   column \"state\" was appended\n");
	EXPECT_HAS(result.out, "incompatible  more    the table was removed\n");
	EXPECT_HAS(result.out, "compatible    routes  the table was added\n");
}

Test(cli_schema, errors_name_the_place)
{
	create_links();
	EXPECT_FAILURE(STELE("schema"), 2, "expected one REGION");
	EXPECT_FAILURE(STELE("schema", "diff", region), 2, "expected one REGION");
	EXPECT_FAILURE(STELE("schema", "diff", "-", "-"), 2, "only one");
	EXPECT_FAILURE(STELE_WITH("a(k: u8 key)\n\nb(k: u9 key)\n", "schema", "diff", "-", region),
	               2, "-:3: in the declaration", "character 6: unknown type \"u9\"");
	EXPECT_FAILURE(STELE_WITH("a(k: u8 key) a(k: u8 key)", "create", region, "--schema", "-"),
	               2, "table \"a\" is declared twice");
	EXPECT_FAILURE(STELE_WITH("# empty\n", "create", region, "--schema", "-"), 2,
	               "expected declarations");
	EXPECT_FAILURE(STELE("create", region, "--schema", "/dev/null/x"), 2, "cannot open");
}

Test(cli_schema, words_arrays_and_units_in_every_format)
{
	struct cli_result result;

	create_links();
	EXPECT_STATUS(STELE("set", links, "a", "load=1 2 3", "big=5 18446744073709551615", "at=7"),
	              0);
	EXPECT_STATUS(STELE("set", links, "b", "state=1", "load=0 0 0", "big=0 1", "since=8"), 0);
	expect_done(STELE("dump", links),
	            "name  state  load [permille]  big                     at\n"
	            "a     down   1 2 3            5 18446744073709551615   7\n"
	            "b     up     0 0 0            0 1                      8\n");
	expect_done(STELE("dump", "--format", "csv", links),
	            "name,state,load,big,at\na,down,1 2 3,5 18446744073709551615,7\n"
	            "b,up,0 0 0,0 1,8\n");
	expect_done(STELE("get", "--format", "json", links, "a"),
	            "{\"name\": \"a\", \"state\": \"down\", \"load\": [1, 2, 3], \"big\": [5, "
	            "\"18446744073709551615\"], \"at\": 7}\n");
	result = STELE("dump", "--format", "ndjson", links);
	expect_done(STELE_WITH(result.out, "publish", "-f", "ndjson", links, "-"),
	            "links: nothing changed, version 3\n");
	EXPECT_HAS(STELE("show", region).out, "load: u32[3] unit \"permille\"");
	EXPECT_HAS(STELE("show", region).out, "doc \"as the \"\"kernel\"\" has it\"");
}

/* Commands show words and arrays wherever they show values, and take them wherever they take values
 * or keys. */
Test(cli_schema, words_and_arrays_in_every_command)
{
	char ports[80];
	struct cli_result result;

	snprintf(ports, sizeof(ports), "%s/ports", region);
	EXPECT_STATUS(STELE("create", region, "--table",
	                    "ports(name: char[8] key, kind: u8 key enum(access=1, trunk=2), "
	                    "state: u8 enum(up=1, down=2), lamps: u8[2] enum(off=0, on=1) "
	                    "unit \"per lamp\")"),
	              0);
	EXPECT_STATUS(STELE("set", ports, "a,trunk", "state=up", "lamps=on 0"), 0);
	EXPECT_STATUS(STELE("set", ports, "a,1", "state=2", "lamps=off off"), 0);
	result = STELE_WITH("{\"table\": \"ports\", \"put\": {\"name\": \"a\", \"kind\": "
	                    "\"trunk\", \"state\": \"down\", \"lamps\": [\"on\", 1]}}\n"
	                    "{\"table\": \"ports\", \"delete\": {\"name\": \"a\", "
	                    "\"kind\": \"access\"}}\n",
	                    "apply", region, "-");
	EXPECT_STATUS(result, 0);
	expect_done(STELE("get", ports, "a,trunk"), "name  kind   state  lamps [per lamp]\n"
	                                            "a     trunk  down   on on\n");
	expect_done(STELE("dump", "-f", "csv", "--prefix", "a,2", ports),
	            "name,kind,state,lamps\na,trunk,down,on on\n");
	EXPECT_HAS(STELE("explain", ports, "a,trunk").out, " a,trunk ");
	EXPECT_HAS(STELE("diff", region, "2", "4").out,
	           "name=a kind=trunk state=down lamps=\"on on\"  state=up lamps=\"on off\"");
	EXPECT_HAS(STELE("diff", "-f", "ndjson", region, "2", "4").out,
	           "\"state\": \"down\", \"lamps\": [\"on\", \"on\"]}, \"before\": "
	           "{\"name\": \"a\", \"kind\": \"trunk\", \"state\": \"up\", "
	           "\"lamps\": [\"on\", \"off\"]}");
	result = STELE("watch", "--since", cli_token(3), "--timeout", "0", ports);
	EXPECT_HAS(result.out, "name=a kind=access state=down lamps=\"off off\"");
	EXPECT_HAS(result.out, "state=down lamps=\"on on\"");
	EXPECT_FAILURE(STELE("delete", ports, "a,trunc"), 2,
	               "column \"kind\": invalid value "
	               "\"trunc\" (expected one of "
	               "access=1, trunk=2)");
	EXPECT_STATUS(STELE("delete", ports, "a,trunk"), 0);
}

/* A row keeps the number that it has when the column becomes an enumeration. */
Test(cli_schema, a_number_without_a_word_is_shown_as_a_number)
{
	char table[80];

	snprintf(table, sizeof(table), "%s/t", region);
	EXPECT_STATUS(STELE("create", region, "--table", "t(k: u8 key, a: u8, b: u8)"), 0);
	EXPECT_STATUS(STELE("set", table, "1", "a=9", "b=0"), 0);
	EXPECT_STATUS(STELE("alter", table, "--to", "t(k: u8 key, a: u8 enum(x=1), b: u8)"), 0);
	expect_done(STELE("dump", "-f", "csv", table), "k,a,b\n1,9,0\n");
	expect_done(STELE("dump", "-f", "ndjson", table), "{\"k\": 1, \"a\": 9, \"b\": 0}\n");
	EXPECT_FAILURE(STELE("set", table, "2", "a=9"), 2, "expected one of x=1");
	EXPECT_FAILURE(STELE("set", table, "1", "b=9"), 2, "column \"a\": 9 has no word");
	EXPECT_STATUS(STELE("verify", region), 0);
	/* A row whose key has no word can be read and deleted. */
	EXPECT_STATUS(
		STELE("alter", table, "--to", "t(k: u8 key enum(two=2), a: u8 enum(x=1), b: u8)"),
		0);
	EXPECT_STATUS(STELE("verify", region), 0);
	expect_done(STELE("dump", "-f", "csv", table), "k,a,b\n1,9,0\n");
	EXPECT_STATUS(STELE_WITH("k,a,b\n", "publish", "--allow-empty", table, "-"), 0);
	expect_done(STELE("dump", "-f", "csv", table), "k,a,b\n");
}

Test(cli_schema, what_the_schema_refuses)
{
	create_links();
	EXPECT_FAILURE(
		STELE("set", links, "a", "state=9", "load=1 2 3", "big=1 2", "at=1"), 2,
		"stele: column \"state\": invalid value \"9\" (expected one of up=1, down=2)");
	EXPECT_FAILURE(STELE("set", links, "a", "state=upp"), 2,
	               "stele: column \"state\": invalid value \"upp\"");
	EXPECT_FAILURE(STELE("set", links, "a", "state=up", "at=1"), 2,
	               "there is no row with this key: expected all columns; missing: load, big");
	EXPECT_FAILURE(STELE("set", links, "a", "load=1 2", "big=1 2", "at=1"), 2,
	               "column \"load\": an array of 2 elements (expected 3");
	EXPECT_FAILURE(STELE("set", links, "a", "load=1 2 3", "at=1"), 2, "missing: big");
	EXPECT_FAILURE(STELE("set", links, "a", "at=1", "since=1"), 2, "is set twice");
	EXPECT_FAILURE(STELE_WITH("{\"name\":\"a\",\"load\":[1,2.5,3],\"big\":[1,2],\"at\":1}\n",
	                          "publish", "-f", "ndjson", links, "-"),
	               2, ":1: column \"load\": a number with a point");
	EXPECT_FAILURE(STELE_WITH("{\"name\":\"a\",\"load\":5,\"big\":[1,2],\"at\":1}\n", "publish",
	                          "-f", "ndjson", links, "-"),
	               2, "expected an array of 3 elements");
	EXPECT_FAILURE(STELE_WITH("{\"name\":[1],\"load\":[1,2,3],\"big\":[1,2],\"at\":1}\n",
	                          "publish", "-f", "ndjson", links, "-"),
	               2, "column \"name\": expected a string, a number");
	/* The state has a default, the others have none. */
	expect_done(STELE_WITH("{\"name\":\"a\",\"load\":[1,\"2\",3.0],\"big\":[1,2],\"at\":1}\n",
	                       "publish", "-f", "ndjson", links, "-"),
	            "links: version 2 (1 added, 0 changed, 0 removed, 0 unchanged)\n");
	expect_done(STELE_WITH("name,load,big,since\na,1 2 3,1 2,1\n", "publish", links, "-"),
	            "links: nothing changed, version 2\n");
	EXPECT_FAILURE(STELE_WITH("name,load\na,1 2 3\n", "publish", links, "-"), 2,
	               "missing: big, at");
}

/* Controls and characters that change the direction of writing never reach a terminal, and a
 * declaration that is parsed again has them. */
Test(cli_schema, harmful_characters_are_escaped_and_read_back)
{
	static const char escaped[] = "doc \"a\\xc2\\x9b \\xe2\\x80\\xae \\xff \\x5cx41 \\ b\"";
	struct cli_result declared;

	EXPECT_STATUS(STELE("create", region, "--table",
	                    "t(k: u8 key doc \"a\xc2\x9b \xe2\x80\xae \xff \\x5cx41 \\ b\", "
	                    "n: char[4] default \"z\xe2\x80\xae\")"),
	              0);
	declared = STELE("schema", region);
	EXPECT_HAS(declared.out, escaped);
	EXPECT_HAS(declared.out, "default \"z\\xe2\\x80\\xae\"");
	EXPECT_HAS(STELE("show", region).out, escaped);
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE_WITH(declared.out, "create", region, "--schema", "-"), 0);
	EXPECT_TEXT(STELE("schema", region).out, declared.out);
	EXPECT_HAS(STELE("schema", "-f", "json", region).out, "\"a\\u009b \\u202e \\\\xff ");
	EXPECT_FAILURE(STELE("create", region, "--table", "u(k: u8 key doc \"a\\x1b\")"), 2,
	               "control character 0x1b");
	EXPECT_FAILURE(STELE("create", region, "--table", "u(k: u8 key doc \"a\\x00\")"), 2,
	               "the text has a NUL");
}
