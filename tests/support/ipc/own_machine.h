/* SPDX-License-Identifier: MIT
 *
 * A test that runs the command with an empty /dev/shm and message queues of its own, so that
 * what is left, removed and limited there is nobody else's: in namespaces, which need root.
 */
#ifndef TESTS_SUPPORT_IPC_OWN_MACHINE_H
#define TESTS_SUPPORT_IPC_OWN_MACHINE_H

#include <sys/mount.h>

#include "tests/support/ipc/ipc.h"

/* Makes or replaces a file with this text. */
void own_write(const char *path, const char *text);

#define QUEUES "/mnt" /* where the test sees its message queues */

/* Gives the test a /dev/shm and message queues of its own, or skips it without root. The options
 * are those of the tmpfs on /dev/shm. */
void own_machine(const char *options);

/* How many message queues there are. */
unsigned own_queues(void);

/* ---- the command ---- */

extern char own_output[65536]; /* of the last run, both streams */

/* Runs `stele ARGUMENTS`; its exit status. */
int __attribute__((format(printf, 1, 2))) own_stele(const char *format, ...);

#define SAYS(part_)     CHECK(strstr(own_output, part_), "no \"%s\" in: %s", part_, own_output)
#define SAYS_NOT(part_) CHECK(!strstr(own_output, part_), "\"%s\" in: %s", part_, own_output)
#define EXITS(status_, ...) \
	do { \
		int exit_ = own_stele(__VA_ARGS__); \
		CHECK(exit_ == (status_), "exit status %d, not %d: %s", exit_, status_, \
		      own_output); \
	} while (0)

/* ---- processes ---- */

enum { READY, DONE };

/* A subscriber that waits until it is killed; its notifier is "auto". */
void own_subscriber(unsigned argument);

/* A publisher that stays attached until it is killed. */
void own_publisher(unsigned argument);

/* Starts one of them, and waits until it is there. */
pid_t own_start(void (*work)(unsigned));

/* Whether the region has a file whose name ends in `suffix`. */
bool own_exists(const char *suffix);

/* Unlinks that file. */
void own_unlink(const char *suffix);

/* How many files the region has, whatever they are called. */
unsigned own_files(void);

#endif
