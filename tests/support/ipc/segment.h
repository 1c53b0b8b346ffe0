/* SPDX-License-Identifier: MIT
 *
 * What tests of regions in System V segments share: what the kernel says of segments. */
#ifndef TESTS_SUPPORT_IPC_SEGMENT_H
#define TESTS_SUPPORT_IPC_SEGMENT_H

#include "lib/storage/storage.h"
#include "lib/storage/storage_sysv.h"
#include "tests/support/ipc/ipc.h"

#define SEGMENT_SIZE (UINT64_C(4) << 20)

/* Creates a region in a segment. */
extern const struct stele_publisher_options segment_options;

/* Skips the test without root. */
void segment_needs_root(void);

/* ---- what the kernel says of segments ---- */

struct segment {
	int key, id, creator, attached;
	unsigned mode, user;
	uint64_t size;
};

/* The first one that `matches`: by its key, or by who created it. */
bool segment_find(int key, pid_t creator, struct segment *ret);

/* Reads the header at the begin of a region's file. */
void segment_read_header(const char *name, struct layout_header *ret);

/* The key of a region's segment. */
int segment_region_key(const char *name);

/* The description of the test's region. */
struct stele_region_info segment_describe(void);

#endif
