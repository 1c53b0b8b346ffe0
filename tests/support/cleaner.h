/* SPDX-License-Identifier: MIT
 *
 * A process beside a test that removes what the test leaves behind, even if the test crashes or is
 * killed. */
#ifndef TESTS_SUPPORT_CLEANER_H
#define TESTS_SUPPORT_CLEANER_H

/* The name of the test's region. */
extern char region[32];

/* Unlinks every file and removes every directory that a glob(7) pattern matches. */
void cleaner_unlink(const char *pattern);

/* Starts the process, which runs `clean` once the test and its processes have ended. It notices
 * their end by a pipe: none of them holds the returned writing end any more. The process is in its
 * own session, without standard streams. */
int cleaner_start(void (*clean)(void));

#endif
