/* SPDX-License-Identifier: MIT
 *
 * stele generate: the headers and modules are compiled, and copy the rows of a live region to
 * another one. The programs are in tests/scripts/generate. */
#include "tests/support/cli.h"
#include "tests/support/sanitized.h"

/* The folder of a test with what was generated, and the region that a program fills. */
static char folder[64], copied[64];

static void generate_begin(void)
{
	cli_begin();
	snprintf(folder, sizeof(folder), "/tmp/%s.generated", region);
	snprintf(copied, sizeof(copied), "%s-2", region);
}

/* Runs a command of the shell in the folder, with the built library. Fails if it fails. */
static void shell(const char *command)
{
	char script[8192], *here = realpath(".", NULL), *stele = realpath(cli_command(), NULL);
	char *arguments[] = {"sh", "-c", script, NULL};
	struct cli_result result;

	cr_assert(here && stele);
	snprintf(script, sizeof(script),
	         "set -e; here='%s' stele='%s' from='%s' to='%s'\n"
	         "lib=${stele%%/*}; sources=$here/tests/scripts/generate\n"
	         "export LD_LIBRARY_PATH=$lib STELE_LIBRARY=$lib/libstele.so.0\n"
	         "mkdir -p '%s'; cd '%s'\n"
	         "generate () { # LANGUAGE SUFFIX\n"
	         "	for table in every-type routes names blobs; do\n"
	         "		file=$(echo \"$table\" | tr - _)\n"
	         "		\"$stele\" generate -l \"$1\" -t \"$table\" $sources/tables.schema "
	         ">$file$2\n"
	         "	done\n"
	         "}\n%s",
	         here, stele, region, copied, folder, folder, command);
	result = cli_run(NULL, arguments);
	EXPECT_STATUS(result, 0);
	free(here);
	free(stele);
}

static void generate_end(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	cr_expect(system(command) == 0);
	STELE("rm", copied);
	cli_end();
}

TestSuite(cli_generate, .init = generate_begin, .fini = generate_end);

#define KEY   ",cd,down-hard,2026-01-31T12:00:00.000000001Z,-3,-2.5,true,192.0.2.7,2001:db8::7,"
#define KEY_2 "02:00:00:00:00:01,123e4567-e89b-12d3-a456-426614174000,10.0.0.0/9,"
#define FIXED \
	"255,65535,4294967295,18446744073709551615,-128,-32768,-2147483648," \
	"-9223372036854775808,0.1,true,192.0.2.1,2001:db8::1,10.1.0.0/16,2001:db8::/32," \
	"02:00:00:00:00:09,00000000-0000-0000-0000-0000000000ff,1970-01-01T00:00:00Z,exactly13byte,"
#define COLUMNS \
	"id,zone,class,at,i,real,is,host,host6,hw,uid,net,u8,u16,u32,u64,i8,i16,i32,i64,f64,flag," \
	"ipv4,ipv6,ipv4net,ipv6net,mac,uuid,time,name,type,state,states,macs,moved,note\n"
#define MACS "00:00:00:00:00:01 00:00:00:00:00:02"
#define ROWS \
	COLUMNS "1" KEY KEY_2 FIXED "1 2 3,ok,ok not-ok," MACS ",4,\"\"\n" \
		"2" KEY KEY_2 FIXED "1 2 3,ok,not-ok ok," MACS ",5,some text\n"
#define ADDED \
	"9" KEY KEY_2 FIXED "1 7 3,not-ok,not-ok ok,00:00:00:00:00:01 02:00:00:00:00:02,5,changed\n"
#define NAMES "first,name\n-5,\"\"\n-5,a name\n9223372036854775807,b\n"

/* Generates, compiles and runs the program of a language, and compares the regions. `test` is a
 * command of the shell that succeeds if the language is on this machine. */
static void copies(const char *compiler, const char *test, const char *commands)
{
	char from[80], to[80];

	if (SANITIZED || sizeof(void *) < 8)
		cr_skip_test("the library is built for another kind of program");
	if (system(test) != 0)
		cr_skip_test("there is no %s", compiler);
	EXPECT_STATUS(STELE("create", region, "--schema", "tests/scripts/generate/tables.schema"),
	              0);
	EXPECT_STATUS(STELE("create", copied), 0);
	snprintf(from, sizeof(from), "%s/every-type", region);
	EXPECT_STATUS(STELE_WITH(ROWS, "publish", "-f", "csv", from, "-"), 0);
	snprintf(from, sizeof(from), "%s/names", region);
	EXPECT_STATUS(STELE_WITH(NAMES, "publish", "-f", "csv", from, "-"), 0);
	shell(commands);
	snprintf(to, sizeof(to), "%s/every-type", copied);
	expect_done(STELE("dump", "-f", "csv", to), ROWS ADDED);
	snprintf(from, sizeof(from), "%s/every-type", region);
	EXPECT_TEXT(STELE("schema", to).out, STELE("schema", from).out);
	snprintf(to, sizeof(to), "%s/names", copied);
	expect_done(STELE("dump", "-f", "csv", to), NAMES);
}

/* The generated module needs offset_of!, which Rust has since 1.77. */
#define HAS_RUST \
	"rustc --version 2>/dev/null | " \
	"awk -F '[ .]' '{ok = $2 > 1 || $3 >= 77} END {exit !ok}'"
#define STRICT " -Wall -Wextra -Wpedantic -Wshadow -Werror -I\"$here/include\" -I. "

Test(cli_generate, c)
{
	copies("gcc", "gcc --version >/dev/null 2>&1",
	       "generate c .h\n"
	       "gcc -std=c11" STRICT "$sources/copy_rows.c -o copy -L$lib -lstele\n"
	       "./copy $from $to");
}

Test(cli_generate, cplusplus)
{
	copies("g++", "g++ --version >/dev/null 2>&1",
	       "generate c++ .h\n"
	       "g++ -x c++ -std=c++17" STRICT "$sources/copy_rows.c -o copy -L$lib -lstele\n"
	       "./copy $from $to");
}

Test(cli_generate, python)
{
	copies("python3", "python3 -c 'import ctypes' 2>/dev/null",
	       "generate python .py\n"
	       "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=. python3 -W error "
	       "$sources/copy_rows.py $from $to");
}

Test(cli_generate, rust)
{
	copies("rustc 1.77", HAS_RUST,
	       "generate rust .rs; cp $sources/copy_rows.rs .\n"
	       "rustc --edition 2021 -D warnings copy_rows.rs -o copy -L $lib\n"
	       "./copy $from $to");
}

Test(cli_generate, go)
{
	copies("go", "go version >/dev/null 2>&1",
	       "printf 'module generated\\n\\ngo 1.19\\n' >go.mod; cp $sources/copy_rows.go .\n"
	       "for name in every_type routes names blobs; do mkdir $name; done\n"
	       "generate go /table.go\n"
	       "export HOME=$PWD GOCACHE=$PWD/cache GOFLAGS=-mod=mod CGO_ENABLED=1\n"
	       "export CGO_CFLAGS=-I$here/include CGO_LDFLAGS=-L$lib\n"
	       "go vet ./...; go build -o copy .; ./copy $from $to");
}

Test(cli_generate, names)
{
	struct cli_result result;

	result = STELE("generate", "-l", "c", "2-links(k: u8 key, int: u16, _x: u8, y-z: u8)");
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "struct table_2_links {\n\tuint16_t int_; // int: u16\n");
	EXPECT_HAS(result.out, "\tuint8_t column_x; // _x: u8\n\tuint8_t y_z; // y-z: u8\n");
	result = STELE("generate", "-l", "go", "links(k: u8 key enum(all-up=1), type: u16[2])");
	EXPECT_HAS(result.out, "const LinksK_AllUp uint8 = 1\n");
	EXPECT_HAS(result.out, "type Links struct {\n\t// type: u16[2]\n\tType [2]uint16\n");
	result =
		STELE("generate", "-l", "rust", "--name", "Port", "links(k: u8 key, type: u16[2])");
	EXPECT_HAS(result.out, "pub struct Port {\n    pub type_: [u16; 2], // type: u16[2]\n");
}

Test(cli_generate, refusals)
{
	EXPECT_FAILURE(STELE("generate", "-l", "c", "t(a-b: u8 key, a_b: u8)"), 2,
	               "\"a-b\" and \"a_b\" would both be called \"a_b\"");
	EXPECT_FAILURE(STELE("generate", "-l", "c", "t(k: u8 key enum(up=1, UP=2))"), 2,
	               "\"up\" and \"UP\" would both be called \"K_UP\"");
	EXPECT_FAILURE(STELE("generate", "-l", "c", "t(k: text key, k_size: u8)"), 2,
	               "would both be called \"k_size\"");
	EXPECT_FAILURE(STELE("generate", "-l", "c", "t(k: u8 key, a: u32, b: u8, @5)"), 2,
	               "values of 5 bytes", "values of 8 bytes");
	EXPECT_FAILURE(STELE("generate", "-l", "c", "stele_row(k: u8 key)"), 2, "with --name");
	EXPECT_FAILURE(STELE("generate", "-l", "c", "--name", "int", "t(k: u8 key)"), 2, "--name");
	EXPECT_FAILURE(STELE("generate", "-l", "c", "--name", "a b", "t(k: u8 key)"), 2, "--name");
	EXPECT_FAILURE(STELE("generate", "-l", "d", "t(k: u8 key)"), 2, "expected c, c++, go");
	EXPECT_FAILURE(STELE("generate", "t(k: u8 key)"), 2, "expected --language");
	EXPECT_FAILURE(STELE_WITH("a(k: u8 key) b(k: u8 key)", "generate", "-l", "c", "-"), 2,
	               "2 tables; choose one with --table");
	EXPECT_FAILURE(STELE_WITH("a(k: u8 key)", "generate", "-l", "c", "-t", "b", "-"), 3,
	               "there is no table \"b\"");
}
