/* SPDX-License-Identifier: MIT
 *
 * The command on region files that no publisher wrote. It reports what is wrong, continues with
 * other regions, ends on a signal, and takes no memory for holes. */
#include <stele/stele.h>
#include <sys/resource.h>
#include "tests/support/cli.h"
#include "tests/support/forge.h"
#include "tests/support/terminal.h"

/* KiB that a command may have resident; a walk over the holes of one of these files takes
 * gigabytes. */
#define RESIDENT_MAX 200000

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static struct forge reference_past_the_file(void)
{
	struct forge forge = forge_region();

	forge.header.arena_end = UINT64_MAX - LAYOUT_GUARD + 1;
	forge.newest.catalog = forge.newest.record = 0xfffffff0;
	return forge;
}

static struct forge holes(void)
{
	struct forge forge = forge_region();

	forge_counts(&forge, FORGE_RING, 1 << 27);
	forge.newest.version = 0;
	forge.sparse = true;
	return forge;
}

static struct forge nothing_in_the_ring(void)
{
	struct forge forge = forge_region();

	forge.newest.version = 0;
	return forge;
}

static struct forge history_above_the_newest(void)
{
	struct forge forge = forge_region();

	forge.header.oldest = forge.header.reclaimed = UINT64_C(1) << 40;
	return forge;
}

static struct forge endless_history(void)
{
	struct forge forge = forge_region();

	forge.header.oldest = forge.header.reclaimed = 1;
	forge.newest.version = UINT64_C(1) << 60;
	forge.header.head = FORGE_HEAD(forge.newest.version);
	return forge;
}

static struct forge (*const kinds[])(void) = {
	reference_past_the_file,  holes,           nothing_in_the_ring,
	history_above_the_newest, endless_history,
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const char *forged_name(size_t kind)
{
	static char names[KINDS][48];

	snprintf(names[kind], sizeof(names[kind]), "%.31s-f%u", region, (unsigned)kind % 10);
	return names[kind];
}

static const char *forged_path(size_t kind)
{
	static char path[80];

	snprintf(path, sizeof(path), "/dev/shm/stele.%.47s", forged_name(kind));
	return path;
}

/* Returns the number of blocks of all forged files. */
static uint64_t forged_blocks(void)
{
	uint64_t blocks = 0;

	for (size_t i = 0; i < KINDS; i++)
		blocks += forge_blocks(forged_path(i));
	return blocks;
}

static uint64_t blocks_before;

static void begin(void)
{
	cli_begin_routes();
	for (size_t i = 0; i < KINDS; i++) {
		struct forge forge = kinds[i]();

		forge_write(forged_path(i), &forge);
	}
	blocks_before = forged_blocks();
}

static void end(void)
{
	struct rusage usage;

	cr_expect_eq(forged_blocks(), blocks_before, "reading took memory");
#ifndef SANITIZED
	cr_assert_eq(getrusage(RUSAGE_CHILDREN, &usage), 0);
	cr_expect_lt(usage.ru_maxrss, RESIDENT_MAX);
#else
	(void)usage;
#endif
	for (size_t i = 0; i < KINDS; i++)
		unlink(forged_path(i));
	cli_end();
}

TestSuite(cli_forged, .init = begin, .fini = end);

/* Checks that the command ended by itself, without a fault. */
static void expect_end(struct cli_result result, const char *command, size_t kind)
{
	cr_expect_lt(result.status, 128, "%s of %zu: signal %d", command, kind,
	             result.status - 128);
	if (result.status != 0)
		EXPECT_HAS(result.err, "stele: ");
}

Test(cli_forged, hostile_26_list_continues_after_a_forged_region)
{
	struct cli_result result = STELE("list", "--format", "ndjson");
	char part[96];

	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	snprintf(part, sizeof(part), "\"name\": \"%s\"", region);
	EXPECT_HAS(result.out, part);
	for (size_t i = 0; i < KINDS; i++) {
		snprintf(part, sizeof(part), "\"name\": \"%s\"", forged_name(i));
		EXPECT_HAS(result.out, part);
	}
	EXPECT_HAS(result.out, "its file has holes");
	EXPECT_HAS(result.out, "is damaged");
	result = STELE("list");
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, forged_name(KINDS - 1));
}

Test(cli_forged, hostile_26_doctor_continues_after_a_forged_region)
{
	struct cli_result result = STELE("doctor", "--format", "ndjson");

	cr_expect_lt(result.status, 2, "%s", result.err);
	EXPECT_HAS(result.out, "its file has holes");
	EXPECT_STATUS(STELE("show", region), 0);
}

Test(cli_forged, crash_32_each_command_ends)
{
	char table[80], file[64];

	snprintf(file, sizeof(file), "/tmp/%s.stele", region);
	for (size_t i = 0; i < KINDS; i++) {
		char *name = (char *)forged_name(i);

		snprintf(table, sizeof(table), "%.47s/t", name);
		expect_end(STELE("show", name), "show", i);
		expect_end(STELE("inspect", name), "inspect", i);
		expect_end(STELE("verify", name), "verify", i);
		expect_end(STELE("subscribers", name), "subscribers", i);
		expect_end(STELE("log", name), "log", i);
		expect_end(STELE("save", name, file), "save", i);
		unlink(file);
		expect_end(STELE("diff", name, "1"), "diff", i);
		expect_end(STELE("dump", table), "dump", i);
		expect_end(STELE("get", table, "k"), "get", i);
		expect_end(STELE("lookup", table, "k"), "lookup", i);
		expect_end(STELE("explain", table, "k"), "explain", i);
		expect_end(STELE("watch", "--initial", "--timeout", "0.1", name), "watch", i);
		expect_end(STELE("watch", "--since", "1", "--timeout", "0.1", name), "watch since",
		           i);
		expect_end(STELE("publish", table, "-"), "publish", i);
	}
	snprintf(table, sizeof(table), "%.47s/t", forged_name(1));
	EXPECT_FAILURE(STELE("dump", table), 7, "holes");
	EXPECT_FAILURE(STELE("show", (char *)forged_name(2)), 7, "damaged");
}

/* Checks commands that run until they are stopped, or until they find that the region is
 * invalid. */
static void expect_stopped(struct cli_process *process, int signal, const char *command)
{
	int status;

	kill(process->pid, signal);
	status = cli_wait(process);
	cr_expect(status == 0 || status == 7 || status == 128 + signal, "%s: status %d", command,
	          status);
	close(process->out);
	close(process->err);
}

Test(cli_forged, crash_32_a_signal_ends_the_command)
{
	static const int signals[] = {SIGINT, SIGTERM};
	struct cli_process process;

	for (size_t i = 0; i < 2 * KINDS; i++) {
		char *name = (char *)forged_name(i / 2);

		STELE_START(&process, "trace", "--since", "0", name);
		/* The trace is in the middle of an endless history. */
		if (i / 2 == KINDS - 1)
			EXPECT_HAS(cli_line(&process), "gap");
		expect_stopped(&process, signals[i % 2], "trace");
		STELE_START(&process, "watch", "--initial", name);
		expect_stopped(&process, signals[i % 2], "watch");
	}
}

Test(cli_forged, crash_32_top_takes_keys_and_signals)
{
	static struct terminal terminal;
	char *arguments[] = {cli_command(), "top", "--interval", "0.05", NULL};
	int status;

	setenv("TERM", "xterm", 1);
	for (int by_key = 0; by_key < 2; by_key++) {
		cr_assert(terminal_start(&terminal, 60, 120, arguments));
		for (size_t i = 0; i < KINDS; i++)
			cr_assert(terminal_await_screen(&terminal, forged_name(i)), "no %s",
			          forged_name(i));
		if (by_key)
			terminal_type(&terminal, "q");
		else
			kill(terminal.program, SIGTERM);
		status = terminal_status(&terminal);
		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x",
		          (unsigned)status);
		terminal_close(&terminal);
	}
}

/* ---- many files ---- */

/* Each pass over the directory takes milliseconds; one pass for each region would take minutes. */
enum { MANY = 20000, CPU_MAX = 20 };

static void many_files(const char *directory, bool make)
{
	char path[160];

	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "%s/stele.many%d", directory, i);
		if (make)
			close(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
		else
			unlink(path);
	}
}

static long children_seconds(void)
{
	struct rusage usage;

	cr_assert_eq(getrusage(RUSAGE_CHILDREN, &usage), 0);
	return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
}

Test(cli_forged, hostile_26_many_forged_files_are_listed_in_one_pass)
{
	char directory[] = "/tmp/stele-many-XXXXXX";
	struct cli_result result;
	long before = children_seconds();

	cr_assert_not_null(mkdtemp(directory));
	many_files(directory, true);
	result = STELE("list", "-D", directory, "--format", "csv");
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "many19999");
	cr_expect_leq(STELE("doctor", "-D", directory).status, 1);
	EXPECT_FAILURE(STELE("show", "-D", directory, "many2000x"), 3, "did you mean");
	cr_expect_lt(children_seconds() - before, CPU_MAX);
	many_files(directory, false);
	cr_expect_eq(rmdir(directory), 0);
}
