/* SPDX-License-Identifier: MIT
 *
 * Another user of the machine, without rights on the region, in a directory where every user may
 * make files and may remove only their own. The outsider puts objects under the names of the
 * region's files. */
#ifndef TESTS_SUPPORT_IPC_OUTSIDER_H
#define TESTS_SUPPORT_IPC_OUTSIDER_H

#include <grp.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "tests/support/ipc/ipc.h"

#define OUTSIDER IPC_NOBODY
#define MEMBER   12345u /* a publisher that is not root */

/* Makes this process another user's. */
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

/* Returns the path of a file of this process's user, which the outsider's links point to. */
void outsider_victim_path(char path[128]);

/* Makes an object of this kind at a path. */
void outsider_squat(enum squatter kind, const char *path);

/* Removes the object, and the victim file. */
void outsider_unsquat(const char *path);

#endif
