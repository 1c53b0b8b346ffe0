/* SPDX-License-Identifier: MIT
 *
 * Runs the built command in processes of its own, and checks its output. Each test has its own
 * region name; a process beside the test removes the region's files once the test has ended, even
 * if it crashed.
 *
 * The command is $STELE_COMMAND, else $STELE, else build/stele. */
#ifndef TESTS_SUPPORT_CLI_H
#define TESTS_SUPPORT_CLI_H

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/cleaner.h"

#ifdef NDEBUG
#error "tests need their assertions"
#endif

#define CLI_ARGUMENTS 128
#define CLI_PATIENCE \
	60000 /* milliseconds; no wait needs a tenth of this, but machines are slow at times */
#define ROUTES "routes(prefix: ipv4net key, next_hop: ipv4, interface: char[16], metric: u32)"

extern char **environ;

/* The name of a table in the test's region. */
extern char target[64];

/* Returns the path of the command. */
char *cli_command(void);

/* ---- a process and its results ---- */

struct cli_process {
	pid_t pid;
	/* Memory files; for a process in the background, `out` is the reading end of a pipe. */
	int out, err;
};

struct cli_result {
	int status; /* exit status, or 128 plus the signal */
	char *out, *err;
};

/* Starts a program with the given standard streams. */
void cli_spawn_with(struct cli_process *process, char **arguments, int in, int out, int err);

/* Returns a memory file with this content, at offset 0. NULL: an empty file. */
int cli_file(const char *content);

/* Returns the content of a memory file as a text, and closes the file. */
char *cli_read_all(int fd);

/* Waits for a process to end. After CLI_PATIENCE the process is killed and the test fails. */
int cli_wait(struct cli_process *process);

/* Runs a program to its end, with `input` as its standard input. */
struct cli_result cli_run(const char *input, char **arguments);

/* Runs the command; for STELE and STELE_WITH. */
struct cli_result cli_stele(const char *input, ...);

/* Run `stele ...` without and with an input. */
#define STELE(...)             cli_stele(NULL, __VA_ARGS__, (char *)NULL)
#define STELE_WITH(input, ...) cli_stele(input, __VA_ARGS__, (char *)NULL)

/* ---- a process in the background, its output in a pipe ---- */

/* Starts the command in the background; for STELE_START. */
void cli_start_list(struct cli_process *process, char *first, ...);

#define STELE_START(process, ...) cli_start_list(process, __VA_ARGS__, (char *)NULL)

/* Returns the next line of a background process, without its line feed, in a static buffer. Waits
 * for the line, for at most CLI_PATIENCE. Returns an empty line at the end of the output. */
const char *cli_any_line(struct cli_process *process);

/* Like cli_any_line(), but skips the marks of `stele watch' at the start and the end of a version,
 * and lines about tables that were created. */
const char *cli_line(struct cli_process *process);

/* ---- assertions about results ---- */

#define EXPECT_STATUS(result_, status_) \
	cr_expect((result_).status == (status_), "exit status %d, not %d; out: %s; err: %s", \
	          (result_).status, (status_), (result_).out, (result_).err)
#define EXPECT_HAS(text_, part_) \
	do { \
		const char *cli_text_ = text_; \
		cr_expect(strstr(cli_text_, part_) != NULL, "\"%s\" is not in: %s", part_, \
		          cli_text_); \
	} while (0)
#define EXPECT_HAS_NOT(text_, part_) \
	do { \
		const char *cli_text_ = text_; \
		cr_expect(strstr(cli_text_, part_) == NULL, "\"%s\" is in: %s", part_, cli_text_); \
	} while (0)
#define EXPECT_TEXT(text_, whole_) \
	do { \
		const char *cli_text_ = text_; \
		cr_expect(strcmp(cli_text_, whole_) == 0, "expected:\n%s\ngot:\n%s", whole_, \
		          cli_text_); \
	} while (0)

/* Removes the UUIDs, which differ in each run, from version tokens: "version 3@3f2a9c1e" becomes
 * "version 3". Also removes the JSON members that are tokens, and the member "format". */
char *cli_plain(char *text);

/* Expects exit status 0, nothing on standard error, and this text on standard output, after
 * cli_plain(). */
void expect_done(struct cli_result result, const char *out);

/* Expects one error message on standard error that has all the parts, and nothing on standard
 * output. */
void expect_failure(struct cli_result result, int status, ...);

#define EXPECT_FAILURE(result, status, ...) \
	expect_failure(result, status, __VA_ARGS__, (char *)NULL)

/* ---- the test's region ---- */

/* Prepares a test: its names, and the process that cleans up after it. */
void cli_begin(void);

/* Like cli_begin(), and creates the table "routes" with three rows, at version 2. */
void cli_begin_routes(void);

/* Removes the region; for .fini of a suite. */
void cli_end(void);

/* Returns a copy of a text that lives as long as the test. */
char *cli_text(const char *content);

/* Returns the region's current UUID. */
char *cli_uuid(void);

/* Returns a version token of the region, to pass to the command as a stored version. */
char *cli_token(uint64_t version);

/* Returns an option whose value is a version token. */
char *cli_option(const char *option, uint64_t version);

/* Returns all rows of the table, for comparing two states. */
const char *cli_dump(void);

/* Returns the line of `stele list` about the test's region, and ignores other regions. The buffer
 * is static, and empty if there is no such line. */
const char *cli_listed(char *format);

/* Creates the region again with a table "t(a: u8 key, b: u32)", and commits 200 versions, of which
 * history keeps two. */
void cli_begin_short_history(void);

/* Creates a file in /tmp with this content. The test unlinks it. */
void cli_temporary(char name[64], const char *suffix, const char *content);

#endif
