/* SPDX-License-Identifier: MIT
 *
 * Shared by the tests of regions in System V segments: the kernel's view of segments. */
#ifndef TESTS_SUPPORT_IPC_SEGMENT_H
#define TESTS_SUPPORT_IPC_SEGMENT_H

#include "lib/storage/storage.h"
#include "lib/storage/storage_sysv.h"
#include "tests/support/ipc/ipc.h"

#define SEGMENT_SIZE (UINT64_C(4) << 20)

/* Options that create a region in a segment. */
extern const struct stele_publisher_options segment_options;

/* Skips the test without root. */
void segment_needs_root(void);

/* ---- the kernel's view of segments ---- */

struct segment {
	int key, id, creator, attached;
	unsigned mode, user;
	uint64_t size;
};

/* Finds the first matching segment, by its key or by the process that created it. */
bool segment_find(int key, pid_t creator, struct segment *ret);

/* Reads the header at the beginning of a region's file. */
void segment_read_header(const char *name, struct layout_header *ret);

/* Returns the key of a region's segment. */
int segment_region_key(const char *name);

/* Returns the description of the test's region. */
struct stele_region_info segment_describe(void);

#endif
