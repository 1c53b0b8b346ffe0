/* SPDX-License-Identifier: MIT
 *
 * stele save and load, the commands that read a saved file, and stele explain. */
#include <limits.h>
#include <stele/stele.h>
#include <sys/stat.h>
#include "tests/support/cli.h"
#include "lib/layout.h"

static char file[64], table[128], other[64];

static void begin(void)
{
	cli_begin_routes();
	snprintf(file, sizeof(file), "/tmp/%s.stele", region);
	snprintf(table, sizeof(table), "%s/routes", file);
	snprintf(other, sizeof(other), "%sb", region);
}

static void end(void)
{
	unlink(file);
	STELE("rm", other);
	cli_end();
}

TestSuite(cli_save, .init = begin, .fini = end);

Test(cli_save, a_saved_file_is_read_like_a_region)
{
	struct cli_result result;
	struct stat status;
	char name[160];

	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	snprintf(name, sizeof(name), "%s: versions 1 to 3, in %s\n", region, file);
	expect_done(STELE("save", region, file), name);
	cr_assert(stat(file, &status) == 0);
	cr_expect((status.st_mode & 07777) == 0600 && status.st_size < 64 * 1024);
	expect_done(STELE("dump", "--format", "ndjson", table), cli_dump());
	expect_done(STELE("diff", file, "2", "3"), STELE("diff", region, "2", "3").out);
	expect_done(STELE("diff", table, "2", "3"), STELE("diff", target, "2", "3").out);
	expect_done(STELE("log", file), STELE("log", region).out);
	expect_done(STELE("get", table, "10.0.0.0/8"), STELE("get", target, "10.0.0.0/8").out);
	expect_done(STELE("get", "--version", "2", table, "10.0.0.0/8"),
	            STELE("get", "--version", "2", target, "10.0.0.0/8").out);
	expect_done(STELE("lookup", table, "10.1.2.3"), STELE("lookup", target, "10.1.2.3").out);
	EXPECT_STATUS(STELE("verify", file), 0);
	result = STELE("inspect", file);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "lock                none: it is a saved file\n");
	EXPECT_HAS(STELE("show", file).out, file);
	EXPECT_HAS(STELE("show", "--format", "json", file).out,
	           "\"maximum_size\": 4294967296, \"limit_size\": 34359738368,");
	/* The file is independent of the region. */
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("dump", table), 0);
}

Test(cli_save, does_not_overwrite_a_file_unless_asked)
{
	EXPECT_STATUS(STELE("save", region, file), 0);
	EXPECT_FAILURE(STELE("save", region, file), 2, "there is a file",
	               "already; replace it with --replace");
	EXPECT_STATUS(STELE("save", "--replace", region, file), 0);
	EXPECT_FAILURE(STELE("save", region, "/no/such/file"), 3, "/no/such");
	EXPECT_FAILURE(STELE("save", "no-such-region", file), 3, "there is no region");
	EXPECT_FAILURE(STELE("save"), 2, "expected one REGION");
}

/* --replace is for regular files: a FILE that is a pipe or a link was made so on purpose. */
Test(cli_save, replaces_regular_files_only)
{
	struct stat status;
	char beside[96];

	snprintf(beside, sizeof(beside), "%s.new", file);
	cr_assert(mkfifo(file, 0600) == 0);
	EXPECT_FAILURE(STELE("save", "--replace", region, file), 2, file, "is a named pipe");
	cr_expect(lstat(file, &status) == 0 && S_ISFIFO(status.st_mode));
	cr_assert(unlink(file) == 0 && symlink(beside, file) == 0);
	EXPECT_FAILURE(STELE("save", "--replace", region, file), 2, file, "is a symbolic link");
	EXPECT_FAILURE(STELE("save", region, file), 2, file, "is a symbolic link");
	cr_expect(lstat(file, &status) == 0 && S_ISLNK(status.st_mode));
	cr_assert(unlink(file) == 0);
	EXPECT_FAILURE(STELE("save", "--replace", region, "/tmp/"), 2, "/tmp/",
	               "is not a file name");
	/* A file that happens to have a similar name belongs to the user. */
	cr_assert(close(open(beside, O_CREAT | O_WRONLY, 0600)) == 0);
	EXPECT_STATUS(STELE("save", region, file), 0);
	EXPECT_STATUS(STELE("save", "--replace", region, file), 0);
	cr_expect(unlink(beside) == 0);
	cr_assert(mkdir(beside, 0700) == 0);
	EXPECT_STATUS(STELE("save", "--replace", region, file), 0);
	cr_expect(rmdir(beside) == 0);
	EXPECT_STATUS(STELE("verify", file), 0);
}

Test(cli_save, a_file_becomes_a_region_with_its_history)
{
	struct cli_result result;
	const char *log;

	EXPECT_STATUS(STELE("save", region, file), 0);
	EXPECT_STATUS(STELE("load", file, other), 0);
	log = STELE("log", region).out;
	expect_done(STELE("log", other), log);
	EXPECT_STATUS(STELE("verify", other), 0);
	snprintf(table, sizeof(table), "%s/routes", other);
	expect_done(STELE("dump", "--format", "ndjson", table), cli_dump());
	result = STELE("set", table, "10.0.0.0/8", "metric=22");
	EXPECT_HAS(cli_plain(result.out), "version 3 ");
	/* The loaded region has a uuid of its own. */
	cr_expect(strcmp(strstr(STELE("show", other).out, "uuid") + 20,
	                 strstr(STELE("show", region).out, "uuid") + 20));
	EXPECT_FAILURE(STELE("load", file, other), 2, "there is a region", "already");
	EXPECT_FAILURE(STELE("load", "/etc/passwd", "x"), 7, "not a Stele region");
	EXPECT_FAILURE(STELE("load", "/no/such", "x"), 3, "/no/such");
	EXPECT_FAILURE(STELE("load", file), 2, "expected FILE and REGION");
}

Test(cli_save, a_damaged_file_does_not_become_a_region)
{
	EXPECT_STATUS(STELE("save", region, file), 0);
	cr_assert(truncate(file, 30000) == 0);
	EXPECT_STATUS(STELE("verify", file), 7);
	EXPECT_FAILURE(STELE("load", file, other), 7, "damaged", "stele verify");
	EXPECT_FAILURE(STELE("show", other), 3, "there is no region");
}

/* Checks that errors name the file's path, and do not advise removing the region. */
static void expect_told_of_the_file(off_t at, const char *what)
{
	struct cli_result result;
	int fd = open(file, O_RDWR);

	cr_assert(fd >= 0 && pwrite(fd, "\x55", 1, at) == 1);
	close(fd);
	result = STELE("verify", file);
	EXPECT_FAILURE(result, 7, file, what);
	cr_expect(!strstr(result.err, "remove") && !strstr(result.err, "region \""), "%s",
	          result.err);
	EXPECT_STATUS(STELE("save", "--replace", region, file), 0);
}

Test(cli_save, errors_name_the_file)
{
	struct cli_result result;

	EXPECT_STATUS(STELE("save", region, file), 0);
	expect_told_of_the_file(offsetof(struct layout_header, layout_version), "layout version");
	expect_told_of_the_file(offsetof(struct layout_header, created), "checksum of its header");
	cr_assert(truncate(file, 5000) == 0);
	result = STELE("verify", file);
	EXPECT_FAILURE(result, 7, file, "cut short");
	cr_expect(!strstr(result.err, "remove"), "%s", result.err);
	result = STELE("verify", "/dev/null");
	EXPECT_FAILURE(result, 7, "/dev/null", "is a device");
	cr_expect(!strstr(result.err, "remove"), "%s", result.err);
}

/* Changes a byte in the name of an interface, where any byte is valid. */
Test(cli_save, the_checksum_finds_a_changed_value)
{
	const char *line = "checksum         yes, of all bytes\n";
	static char bytes[1 << 20];
	struct cli_result result;
	char copy[96], name[128];
	ssize_t size;
	char *value;
	int fd;

	EXPECT_HAS(STELE("verify", region).out, "checksum         no");
	EXPECT_STATUS(STELE("save", region, file), 0);
	EXPECT_HAS(STELE("verify", file).out, line);
	fd = open(file, O_RDWR);
	size = read(fd, bytes, sizeof(bytes));
	cr_assert(size > 0);
	value = memmem(bytes, (size_t)size, "eth0", 4);
	cr_assert(value && pwrite(fd, "X", 1, value - bytes) == 1);
	EXPECT_HAS(STELE("dump", table).out, "Xth0");
	snprintf(name, sizeof(name), "%s/none", file);
	result = STELE("verify", file);
	EXPECT_STATUS(result, 7);
	EXPECT_HAS(result.out, "the contents have another checksum");
	EXPECT_FAILURE(STELE("load", file, other), 7, "is damaged", "not loaded");
	/* If a table seems to be missing in a damaged file, the damage may be the reason. */
	EXPECT_FAILURE(STELE("dump", name), 7, "is damaged");
	EXPECT_HAS(STELE("inspect", file).out, "lock                none: it is a saved file\n");
	snprintf(copy, sizeof(copy), "/dev/shm/stele.%s", region);
	EXPECT_HAS(STELE("inspect", copy).out,
	           "lock                not checked: the region is read as a file\n");
	/* A copy must not repair the checksum: it is refused. */
	snprintf(copy, sizeof(copy), "%s.copy", file);
	EXPECT_FAILURE(STELE("save", file, copy), 7, "checksum");
	cr_assert(pwrite(fd, "e", 1, value - bytes) == 1);
	close(fd);
	EXPECT_STATUS(STELE("save", file, copy), 0);
	cr_expect(unlink(copy) == 0);
	EXPECT_STATUS(STELE("load", file, other), 0);
	EXPECT_HAS(STELE("verify", other).out, "checksum         no");
	/* A saved file under a region's name is not taken for a region. */
	EXPECT_STATUS(STELE("rm", other), 0);
	snprintf(copy, sizeof(copy), "/dev/shm/stele.%s", other);
	EXPECT_STATUS(STELE("save", region, copy), 0);
	EXPECT_FAILURE(STELE("show", other), 7, "is a saved file", "stele load");
}

Test(cli_save, a_segment_is_saved_and_loaded)
{
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(
		STELE("create", region, "--memory", "sysv", "--max-size", "2M", "--table", ROUTES),
		0);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1", "interface=eth0",
	                    "metric=1"),
	              0);
	EXPECT_STATUS(STELE("save", region, file), 0);
	EXPECT_STATUS(STELE("verify", file), 0);
	expect_done(STELE("dump", "--format", "ndjson", table), cli_dump());
	EXPECT_STATUS(STELE("load", file, other), 0);
	EXPECT_STATUS(STELE("verify", other), 0);
}

Test(cli_save, a_path_is_distinguished_from_a_region_name)
{
	char name[160], command[PATH_MAX];

	EXPECT_STATUS(STELE("save", region, file), 0);
	/* The command's own path may be relative. */
	cr_assert(realpath(cli_command(), command) && setenv("STELE", command, 1) == 0 &&
	          chdir("/tmp") == 0);
	snprintf(name, sizeof(name), "%s.stele", region);
	EXPECT_FAILURE(STELE("verify", name), 2, "starts with / or .");
	snprintf(name, sizeof(name), "./%s.stele", region);
	EXPECT_STATUS(STELE("verify", name), 0);
	/* A name without a slash is taken for a region's. The error message suggests the file. */
	snprintf(name, sizeof(name), "./%s", other);
	cr_assert(close(open(other, O_CREAT | O_WRONLY, 0600)) == 0);
	EXPECT_FAILURE(STELE("verify", other), 3, "there is no region", name);
	cr_expect(unlink(other) == 0);
	snprintf(name, sizeof(name), "./%s.stele/rotes", region);
	EXPECT_FAILURE(STELE("dump", name), 3, "did you mean \"routes\"?");
	EXPECT_FAILURE(STELE("dump", "/nosuch"), 2, "FILE/TABLE");
	EXPECT_FAILURE(STELE("dump", "./no/such/file"), 3, "cannot open");
	/* Commands that write take only regions. */
	EXPECT_FAILURE(STELE("set", table, "10.0.0.0/8", "metric=1"), 2, "name");
}

Test(cli_save, explains_a_lookup)
{
	struct cli_result result = STELE("explain", target, "10.1.2.3");

	EXPECT_STATUS(result, 0);
	cr_expect(strncmp(result.out, "object  offset  bytes  version", 30) == 0, "%s", result.out);
	EXPECT_HAS(result.out, "  the answer\n");
	EXPECT_HAS(STELE("explain", "--dot", target, "10.1.2.3").out, "digraph lookup {\n");
	EXPECT_HAS(STELE("explain", "--format", "ndjson", target, "10.1.2.3").out,
	           "\"key\": \"10.1.0.0/16\", \"key_bits\": 16, \"leads\": \"the answer\", ");
	EXPECT_HAS(STELE("explain", "--dot", target, "10.1.2.3").out, "bits\\nthe answer\"");
	EXPECT_HAS(STELE("explain", "--dot", target, "77.1.2.3").out, "no child for byte 0x4d\"");
	EXPECT_FAILURE(STELE("explain", "-G", "-f", "json", target, "10.1.2.3"), 2, "--dot");
	EXPECT_STATUS(STELE("delete", target, "0.0.0.0/0"), 0);
	result = STELE("explain", target, "11.0.0.1");
	EXPECT_STATUS(result, 1);
	EXPECT_HAS(result.err, "there is no row for \"11.0.0.1\"");
	EXPECT_FAILURE(STELE("explain", target, "horse"), 2, "horse");
	EXPECT_FAILURE(STELE("explain", target), 2, "REGION/TABLE and KEY");
}
