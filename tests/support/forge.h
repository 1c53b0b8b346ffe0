/* SPDX-License-Identifier: MIT
 *
 * Region files made by an independent writer, which uses only the layout of the library. A forged
 * file can hold values that no publisher writes, under a header with a valid checksum. */
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
#define FORGE_VERSION       5u /* the newest version */
#define FORGE_ARENA         UINT64_C(65536)
#define FORGE_HEAD(version) head_make(version, HEAD_CURRENT)

/* A file to be written. */
struct forge {
	struct layout_header header;
	/* The newest version's entry of the ring. With version 0 the ring stays empty. */
	struct layout_commit newest;
	uint64_t size; /* size of the file in bytes */
	bool sparse;   /* leaves holes wherever nothing is written */
};

/* Lays out a header for `ring` and `kept` entries, and makes the file large enough for them and an
 * arena. */
void forge_counts(struct forge *forge, uint64_t ring, uint64_t kept);

/* Returns a region without tables, at version FORGE_VERSION, which readers accept unchanged. */
struct forge forge_region(void);

/* Writes the file at `path`, replacing any other, with a valid header checksum. */
void forge_write(const char *path, struct forge *forge);

/* Returns how many 512-byte blocks a file has: reading must not change the number. */
uint64_t forge_blocks(const char *path);

#endif
