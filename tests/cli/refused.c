/* SPDX-License-Identifier: MIT
 *
 * What the command prints when it is refused: another publisher, no permission, regions that are
 * damaged or of another layout. It then changes nothing and does not crash. */
#include <grp.h>
#include <stddef.h>
#include <string.h>
#include <stele/stele.h>
#include "tests/support/cli.h"
#include "lib/layout.h"

TestSuite(cli_refused, .init = cli_begin_routes, .fini = cli_end);

static const char *data_path(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/dev/shm/stele.%s", region);
	return path;
}

Test(cli_refused, a_second_publisher_is_refused)
{
	struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_publisher *publisher;
	const char *before = cli_dump();
	char pid[32];

	cr_assert(stele_publisher_open(region, &options, &publisher) == 0, "%s",
	          stele_last_error());
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	EXPECT_FAILURE(STELE("set", "--wait", "0", target, "10.0.0.0/8", "metric=1"), 4, pid);
	EXPECT_FAILURE(STELE("delete", "--wait=0.05", target, "10.0.0.0/8"), 4, pid);
	EXPECT_FAILURE(STELE_WITH("", "apply", "--wait", "0", region, "-"), 4, pid);
	EXPECT_FAILURE(STELE_WITH("prefix,next_hop,interface,metric\n", "publish", "--wait", "0",
	                          target, "-"),
	               4, pid);
	EXPECT_FAILURE(STELE("rm", region), 4, pid);
	EXPECT_HAS(STELE("show", region).out, "publisher_attached  yes, for ");
	EXPECT_TEXT(cli_dump(), before);
	stele_publisher_close(publisher);
	EXPECT_STATUS(STELE("set", "--wait", "0", target, "10.0.0.0/8", "metric=1"), 0);
}

/* Runs the command as a user other than root. */
static struct cli_result run_unprivileged(char **arguments)
{
	struct cli_result result;
	struct cli_process process = {.out = cli_file(NULL), .err = cli_file(NULL)};
	int program = open(cli_command(), O_RDONLY);

	process.pid = fork();
	cr_assert(program >= 0 && process.pid >= 0);
	if (process.pid == 0) {
		dup2(process.out, STDOUT_FILENO);
		dup2(process.err, STDERR_FILENO);
		if (getuid() == 0 &&
		    (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0))
			_exit(99);
		fexecve(program, arguments, environ);
		_exit(98);
	}
	close(program);
	result.status = cli_wait(&process);
	result.out = cli_read_all(process.out);
	result.err = cli_read_all(process.err);
	return result;
}

Test(cli_refused, a_user_without_permission_is_refused)
{
	char *get[] = {"stele", "get", target, "10.0.0.0/8", NULL};
	char *set[] = {"stele", "set", target, "10.0.0.0/8", "metric=1", NULL};
	const char *before = cli_dump();
	struct cli_result result;
	struct stat status;

	cr_assert(stat(data_path(), &status) == 0 && chmod(data_path(), 0) == 0);
	result = run_unprivileged(get);
	if (result.status == 98 || result.status == 99) {
		chmod(data_path(), status.st_mode);
		cr_skip("can't run %s as nobody", cli_command());
	}
	EXPECT_FAILURE(result, 5, data_path());
	EXPECT_FAILURE(run_unprivileged(set), 5, "stele.cli");
	chmod(data_path(), status.st_mode);
	EXPECT_TEXT(cli_dump(), before);
}

static void write_at(off_t offset, const void *bytes, size_t size)
{
	int fd = open(data_path(), O_WRONLY | O_CLOEXEC);

	cr_assert(fd >= 0 && pwrite(fd, bytes, size, offset) == (ssize_t)size);
	close(fd);
}

static void read_at(off_t offset, void *bytes, size_t size)
{
	int fd = open(data_path(), O_RDONLY | O_CLOEXEC);

	cr_assert(fd >= 0 && pread(fd, bytes, size, offset) == (ssize_t)size);
	close(fd);
}

/* Every command that opens the region fails in the same way. */
static void expect_all_fail(const char *part)
{
	EXPECT_FAILURE(STELE("show", region), 7, part, region);
	EXPECT_FAILURE(STELE("get", target, "10.0.0.0/8"), 7, part, region);
	EXPECT_FAILURE(STELE("lookup", target, "10.0.0.1"), 7, part, region);
	EXPECT_FAILURE(STELE("dump", target), 7, part, region);
	EXPECT_FAILURE(STELE("watch", region), 7, part, region);
	EXPECT_FAILURE(STELE("set", target, "10.0.0.0/8", "metric=1"), 7, part, region);
	EXPECT_FAILURE(STELE_WITH("", "publish", target, "-"), 7, part, region);
	EXPECT_HAS(cli_listed("table"), part);
}

static void expect_create_fails(const char *part)
{
	EXPECT_FAILURE(STELE("create", region, "--table", "more(a: u8 key)"), 7, part, region);
}

Test(cli_refused, a_region_of_another_layout_is_refused)
{
	const off_t place = offsetof(struct layout_header, layout_version);
	const char *before = cli_dump();
	uint32_t version, other = 77;

	read_at(place, &version, sizeof(version));
	write_at(place, &other, sizeof(other));
	expect_all_fail("77");
	write_at(place, &version, sizeof(version));
	EXPECT_TEXT(cli_dump(), before);
}

/* The magic number as a machine of the other byte order writes it. */
Test(cli_refused, cli_15_a_region_of_the_other_byte_order)
{
	const char *before = cli_dump();
	uint64_t magic, other;

	read_at(0, &magic, sizeof(magic));
	other = __builtin_bswap64(magic);
	write_at(0, &other, sizeof(other));
	expect_all_fail("other byte order");
	EXPECT_FAILURE(STELE("verify", region), 7, "other byte order", region);
	EXPECT_FAILURE(STELE("inspect", region), 7, "other byte order", region);
	write_at(0, &magic, sizeof(magic));
	EXPECT_TEXT(cli_dump(), before);
}

/* Only a newer library can use a region of a later layout, so even create keeps it. */
Test(cli_refused, a_region_of_a_later_layout_is_not_replaced)
{
	const off_t place = offsetof(struct layout_header, layout_version);
	const char *before = cli_dump();
	uint32_t version, later = LAYOUT_VERSION + 1;

	read_at(place, &version, sizeof(version));
	write_at(place, &later, sizeof(later));
	EXPECT_FAILURE(STELE("create", region, "--table", "more(a: u8 key)"), 7,
	               "upgrade the library", region);
	write_at(place, &version, sizeof(version));
	EXPECT_TEXT(cli_dump(), before);
}

/* Only create replaces a region of an earlier layout. A watch of the old region moves to the new
 * one. */
Test(cli_refused, a_region_of_an_earlier_layout_is_replaced_by_create)
{
	const off_t place = offsetof(struct layout_header, layout_version);
	struct cli_result result;
	struct cli_process watch;
	uint32_t other = LAYOUT_VERSION - 1;

	/* A watch that waits has the region open, and reads only the version from its header. */
	STELE_START(&watch, "watch", "--initial", "--format", "ndjson", region);
	for (int i = 0; i < 3; i++)
		EXPECT_HAS(cli_line(&watch), "\"added\"");
	while (!strstr(STELE("subscribers", region).out, "  waiting  "))
		;
	write_at(place, &other, sizeof(other));
	result = STELE("create", region, "--table", "more(a: u8 key)");
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(cli_plain(result.out), "created, version 1, 1 table created");
	EXPECT_HAS(result.err, "an earlier layout");
	EXPECT_HAS(result.err, "replaced by an empty one");
	EXPECT_FAILURE(STELE("dump", target), 3, "there is no table \"routes\"");
	/* A waiting process moves to the new region, and reports a gap. */
	EXPECT_HAS(cli_line(&watch), "\"gap\"");
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
}

/* A region in memory can have an earlier boot's id only if it was copied. It is refused, and create
 * replaces it. */
Test(cli_refused, a_region_of_an_earlier_boot_is_refused_or_replaced)
{
	const off_t place = offsetof(struct layout_header, boot_id);
	const uint8_t other[16] = "another boot";
	struct cli_result result;

	write_at(place, other, sizeof(other));
	EXPECT_FAILURE(STELE("set", target, "10.0.0.0/8", "metric=1"), 4, "earlier boot", region);
	result = STELE("create", region, "--table", "more(a: u8 key)");
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.err, "was left by an earlier boot of this machine; it was replaced");
}

Test(cli_refused, a_file_that_is_no_region_and_a_damaged_header_are_refused)
{
	const char *before = cli_dump();
	struct layout_header header;
	uint64_t wrong;

	read_at(0, &header, sizeof(header));
	wrong = ~header.magic;
	write_at(0, &wrong, sizeof(wrong));
	expect_all_fail("stele.");
	expect_create_fails("stele.");
	write_at(0, &header.magic, sizeof(header.magic));
	wrong = ~header.maximum_size;
	write_at(offsetof(struct layout_header, maximum_size), &wrong, sizeof(wrong));
	expect_all_fail("damaged");
	expect_create_fails("damaged");
	write_at(offsetof(struct layout_header, maximum_size), &header.maximum_size, sizeof(wrong));
	EXPECT_TEXT(cli_dump(), before);
}

Test(cli_refused, a_truncated_region_is_refused)
{
	cr_assert(truncate(data_path(), 100) == 0);
	expect_all_fail("stele.");
	expect_create_fails("stele.");
	expect_done(STELE("rm", region), "");
}

/* Whatever the damage, a reading command ends by itself with one of its exit statuses. */
Test(cli_refused, bits_flipped_anywhere_crash_nothing)
{
	enum { ROUNDS = 60, FLIPS = 40 };
	static unsigned char good[1 << 17], bad[1 << 17];
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
	struct stat status;
	size_t size;

	cr_assert(stat(data_path(), &status) == 0);
	size = (size_t)status.st_size < sizeof(good) ? (size_t)status.st_size : sizeof(good);
	read_at(0, good, size);
	for (int round = 0; round < ROUNDS; round++) {
		struct cli_result results[3];

		memcpy(bad, good, size);
		for (int flip = 0; flip < FLIPS; flip++) {
			size_t at;

			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			at = (size_t)(seed >> 8) % size;
			/* Spare the header, whose damage is refused at once, and bytes that are
			 * zero, most of which are unused. */
			if (at >= sizeof(struct layout_header) && good[at])
				bad[at] ^= (unsigned char)(1u << (seed & 7));
		}
		write_at(0, bad, size);
		results[0] = STELE("dump", "--format", "ndjson", target);
		results[1] = STELE("lookup", target, "10.1.2.3");
		results[2] = STELE("show", region);
		for (int i = 0; i < 3; i++)
			cr_expect(results[i].status <= 8,
			          "round %d, command %d: exit status %d: %s", round, i,
			          results[i].status, results[i].err);
	}
	write_at(0, good, size);
}
