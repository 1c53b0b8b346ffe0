/* SPDX-License-Identifier: MIT
 *
 * Another user of the machine, with no right on the region, in a directory where anybody may
 * make files and nobody may remove those of others: what it puts under the names of a region's
 * files.
 */
#ifndef TESTS_SUPPORT_IPC_OUTSIDER_H
#define TESTS_SUPPORT_IPC_OUTSIDER_H

#include <grp.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "tests/support/ipc/ipc.h"

#define OUTSIDER IPC_NOBODY
#define MEMBER   12345u /* a publisher that is not root */

/* This process is another user's from here on. */
void outsider_become(unsigned user);

enum squatter {
	FIFO,
	LINK,
	DANGLING,
	DIRECTORY,
	FULL_DIRECTORY,
	HARD_LINK,
	SOCKET,
	EMPTY,
	LARGE,
	SQUATTERS
};
extern const char *const outsider_squatters[];

/* A file of this process's user, to which links lead. */
void outsider_victim_path(char path[128]);

/* Makes something of this kind at a path. */
void outsider_squat(enum squatter kind, const char *path);

/* Removes it, and the file of the user. */
void outsider_unsquat(const char *path);

#endif
