/* SPDX-License-Identifier: MIT
 *
 * Shared by the crash tests: region names, files of a region, children that do not outlive a test,
 * and opening a publisher or a subscriber with an assertion that it works. */
#ifndef TESTS_SUPPORT_CRASH_CRASH_H
#define TESTS_SUPPORT_CRASH_CRASH_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stele/stele.h>

#include "lib/layout.h"
#include "tests/support/clock.h"
#include "tests/support/sanitized.h"

/* Forks a child that does not outlive its test. */
pid_t crash_fork(void);

/* ---- names and files ---- */

/* Returns a region name of this process's own, in one of four buffers, used in turn. */
const char *crash_name(const char *suffix);

/* Returns the path of one of the region's files, whose name ends in `file`. */
void crash_path(const char *region, const char *file, char ret[160]);

/* Returns how many files have names that begin like the region's. Unlinks these files if
 * `unlink_them`. */
size_t crash_files(const char *region, bool unlink_them);

/* A hook for a test file that has more to clean up; NULL for none. crash_clean() calls it. */
extern void (*crash_clean_more)(void);

/* Removes everything that a test left behind, even after a failure; for .fini. */
void crash_clean(void);

/* Cleans up first, since .fini does not run for a skipped test. */
#define crash_skip(why) \
	do { \
		crash_clean(); \
		cr_skip_test(why); \
	} while (0)

/* Opens one of the region's files. */
int crash_open(const char *region, const char *file, int flags);

/* Maps a file of the region at its current size. */
void *crash_map(const char *region, const char *file, size_t *ret_size);

/* ---- opening, with the error message if it fails ---- */

/* Creates a region, or attaches to it. `maximum` is the size that its file can grow to. */
struct stele_publisher *crash_publisher(const char *region, uint32_t history, uint64_t maximum);

/* Opens a subscriber. An unregistered one leaves no trace in the region. */
struct stele_subscriber *crash_subscriber(const char *region, bool registered);

/* Returns the bytes of the arena that are in use, and the size of the arena. */
uint64_t crash_used(struct stele_publisher *publisher, uint64_t *ret_size);

#endif
