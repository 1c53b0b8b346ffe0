/* SPDX-License-Identifier: MIT
 *
 * Region files as an independent writer makes them: of the library only the layout is used, so that
 * a forged file can say what no publisher writes, under a header whose checksum is right. */
#ifndef TESTS_SUPPORT_FORGE_H
#define TESTS_SUPPORT_FORGE_H

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/layout.h"

#define FORGE_RING          64u
#define FORGE_VERSION       5u /* the newest */
#define FORGE_ARENA         UINT64_C(65536)
#define FORGE_HEAD(version) head_make(version, HEAD_CURRENT)

/* A file that is to be written. */
struct forge {
	struct layout_header header;
	struct layout_commit
		newest; /* goes into the ring at its place; version 0: the ring stays empty */
	uint64_t size;  /* of the file */
	bool sparse;    /* holes wherever nothing is written */
};

/* Lays out a header for so many entries, and gives the file the size that holds them and an
 * arena. */
void forge_counts(struct forge *forge, uint64_t ring, uint64_t kept);

/* A region without tables, at version FORGE_VERSION: readers accept it as it is. */
struct forge forge_region(void);

/* Writes the file at `path`, in place of what is there; the checksum of the header is made
 * right. */
void forge_write(const char *path, struct forge *forge);

/* The 512-byte blocks that a file has: reading must not change them. */
uint64_t forge_blocks(const char *path);

#endif
