/* SPDX-License-Identifier: MIT
 *
 * Running the built command as a process of its own, and judging what it prints. Each test has a
 * region name of its own; a process beside the test removes the region's files once the test has
 * ended, however it did.
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
	60000 /* milliseconds; nothing takes a tenth of it, but machines are slow at times */
#define ROUTES "routes(prefix: ipv4net key, next_hop: ipv4, interface: char[16], metric: u32)"

extern char **environ;

/* The name of a table in the test's region. */
extern char target[64];

/* The path of the command. */
char *cli_command(void);

/* ---- a process and what became of it ---- */

struct cli_process {
	pid_t pid;
	/* Files in memory, or, of a process in the background, `out` the end of a pipe. */
	int out, err;
};

struct cli_result {
	int status; /* exit status, or 128 and the signal */
	char *out, *err;
};

/* Starts a program with the given standard streams. */
void cli_spawn_with(struct cli_process *process, char **arguments, int in, int out, int err);

/* A file in memory with this content, read from its begin; NULL: an empty one. */
int cli_file(const char *content);

/* All that a file in memory holds, as a text, and closes the file. */
char *cli_read_all(int fd);

/* Waits for the end of a process, but not for ever: then it is killed, and the test has failed. */
int cli_wait(struct cli_process *process);

/* Runs a program to its end, with `input` as its standard input. */
struct cli_result cli_run(const char *input, char **arguments);

/* Runs the command; for STELE and STELE_WITH. */
struct cli_result cli_stele(const char *input, ...);

/* Runs `stele ...` without input, and with. */
#define STELE(...)             cli_stele(NULL, __VA_ARGS__, (char *)NULL)
#define STELE_WITH(input, ...) cli_stele(input, __VA_ARGS__, (char *)NULL)

/* ---- a process in the background, its output in a pipe ---- */

/* Starts the command in the background; for STELE_START. */
void cli_start_list(struct cli_process *process, char *first, ...);

#define STELE_START(process, ...) cli_start_list(process, __VA_ARGS__, (char *)NULL)

/* The next line of a background process, without its line feed; a static buffer. Waits for it, but
 * not for longer than CLI_PATIENCE. Empty at the end of the output. */
const char *cli_line(struct cli_process *process);

/* ---- judging ---- */

#define EXPECT_STATUS(result_, status_) \
	cr_expect((result_).status == (status_), "exit status %d, not %d; out: %s; err: %s", \
	          (result_).status, (status_), (result_).out, (result_).err)
#define EXPECT_HAS(text_, part_) \
	cr_expect(strstr(text_, part_) != NULL, "\"%s\" is not in: %s", part_, text_)
#define EXPECT_HAS_NOT(text_, part_) \
	cr_expect(strstr(text_, part_) == NULL, "\"%s\" is in: %s", part_, text_)
#define EXPECT_TEXT(text_, whole_) \
	cr_expect(strcmp(text_, whole_) == 0, "expected:\n%s\ngot:\n%s", whole_, text_)

/* Takes the UUIDs, which are never the same twice, out of version tokens: "version 3@3f2a9c1e"
 * becomes "version 3". And the members that are tokens out of JSON. */
char *cli_plain(char *text);

/* Expects exit status 0, nothing on standard error, and this on standard output, version tokens
 * made plain. */
void expect_done(struct cli_result result, const char *out);

/* One sentence on standard error that has all the parts, nothing on standard output. */
void expect_failure(struct cli_result result, int status, ...);

#define EXPECT_FAILURE(result, status, ...) \
	expect_failure(result, status, __VA_ARGS__, (char *)NULL)

/* ---- the test's region ---- */

/* Sets a test up: the names, and the process that cleans after it. */
void cli_begin(void);

/* ... with the table "routes" of three rows, at version 2. */
void cli_begin_routes(void);

/* Removes the region: .fini of a suite. */
void cli_end(void);

/* A copy of a text that lives as long as the test. */
char *cli_text(const char *content);

/* The UUID of the region as it is now. */
char *cli_uuid(void);

/* A version of that region, as the command takes one that was kept. */
char *cli_token(uint64_t version);

/* An option with such a version. */
char *cli_option(const char *option, uint64_t version);

/* All rows of the table, for comparing what was with what is. */
const char *cli_dump(void);

/* The line of `stele list` about this test's region; other regions may be anything. A static
 * buffer, empty if there is no such line. */
const char *cli_listed(char *format);

/* Makes the region anew with a table "t(a: u8 key, b: u32)" and commits 200 versions, of which
 * it keeps two. */
void cli_begin_short_history(void);

/* A file in /tmp with this content, for the test to unlink. */
void cli_temporary(char name[64], const char *suffix, const char *content);

#endif
