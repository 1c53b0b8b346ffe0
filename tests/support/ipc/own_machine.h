/* SPDX-License-Identifier: MIT
 *
 * A test that runs the command with an empty /dev/shm and with message queues of its own, so that
 * nothing of other users is listed, removed or limited there. It uses namespaces, which need
 * root. */
#ifndef TESTS_SUPPORT_IPC_OWN_MACHINE_H
#define TESTS_SUPPORT_IPC_OWN_MACHINE_H

#include <sys/mount.h>

#include "tests/support/ipc/ipc.h"

/* Writes a file with this text, replacing any other. */
void own_write(const char *path, const char *text);

#define QUEUES "/mnt" /* where the test mounts its message queues */

/* Gives the test its own /dev/shm and message queues, or skips the test without root. The options
 * are those of the tmpfs on /dev/shm. */
void own_machine(const char *options);

/* Returns how many message queues there are. */
unsigned own_queues(void);

/* ---- the command ---- */

extern char own_output[65536]; /* output of the last run, both streams */

/* Runs `stele ARGUMENTS`. Returns its exit status. */
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

/* Runs a subscriber that waits until it is killed; its notifier is "auto". */
void own_subscriber(unsigned argument);

/* Runs a publisher that stays attached until it is killed. */
void own_publisher(unsigned argument);

/* Starts a process that runs `work`, one of the functions above or the like, and waits until that
 * process is ready. */
pid_t own_start(void (*work)(unsigned));

/* Returns whether the region has a file whose name ends in `suffix`. */
bool own_exists(const char *suffix);

/* Unlinks the file whose name ends in `suffix`. */
void own_unlink(const char *suffix);

/* Returns how many files the region has, whatever their names. */
unsigned own_files(void);

#endif
