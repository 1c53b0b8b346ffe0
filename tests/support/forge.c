/* SPDX-License-Identifier: MIT */
#include "tests/support/forge.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/layout.h"

static uint64_t forge_checksum(const struct layout_header *header)
{
	const unsigned char *bytes = (const unsigned char *)header;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < offsetof(struct layout_header, checksum); i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Returns where the arena starts behind a ring and a list of kept versions of these lengths. */
static uint64_t forge_arena_offset(uint64_t ring, uint64_t kept)
{
	uint64_t end = LAYOUT_PAGE + ring * sizeof(struct layout_commit) +
	               kept * sizeof(struct layout_kept);

	return (end + LAYOUT_PAGE - 1) / LAYOUT_PAGE * LAYOUT_PAGE;
}

void forge_counts(struct forge *forge, uint64_t ring, uint64_t kept)
{
	struct layout_header *header = &forge->header;

	header->ring_entries = (uint32_t)ring;
	header->kept_entries = (uint32_t)kept;
	header->ring_offset = LAYOUT_PAGE;
	header->kept_offset = LAYOUT_PAGE + ring * sizeof(struct layout_commit);
	header->arena_offset = forge_arena_offset(ring, kept);
	header->arena_end = header->arena_offset + FORGE_ARENA;
	forge->size = header->arena_end + LAYOUT_GUARD;
}

struct forge forge_region(void)
{
	struct forge forge = {
		.header =
			{
				.magic = LAYOUT_MAGIC_DATA,
				.layout_version = LAYOUT_VERSION,
				.byte_order = LAYOUT_BYTE_ORDER,
				.uuid = "a forged region",
				.generation = 1,
				.history = 2,
				.mode = 0644,
				.maximum_size = UINT64_C(1) << 32,
				.limit_size = LAYOUT_MAXIMUM,
				.head = FORGE_HEAD(FORGE_VERSION),
				.oldest = FORGE_VERSION,
				.reclaimed = FORGE_VERSION,
			},
		.newest = {.version = FORGE_VERSION, .time = 1},
	};

	forge_counts(&forge, FORGE_RING, LAYOUT_KEPT_MAX);
	return forge;
}

void forge_write(const char *path, struct forge *forge)
{
	uint64_t ring = forge->header.ring_entries ? forge->header.ring_entries : 1;
	off_t newest = (off_t)(forge->header.ring_offset +
	                       forge->newest.version % ring * sizeof(struct layout_commit));
	struct layout_commit commit = forge->newest;
	int fd;

	forge->header.checksum = forge_checksum(&forge->header);
	unlink(path);
	fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
	cr_assert(fd >= 0, "%s: %s", path, strerror(errno));
	if (forge->sparse)
		cr_assert_eq(ftruncate(fd, (off_t)forge->size), 0, "%s", strerror(errno));
	else
		cr_assert_eq(posix_fallocate(fd, 0, (off_t)forge->size), 0, "no room for %s", path);
	cr_assert_eq(pwrite(fd, &forge->header, sizeof(forge->header), 0),
	             (ssize_t)sizeof(forge->header));
	if (forge->newest.version)
		cr_assert_eq(pwrite(fd, &commit, sizeof(commit), newest), (ssize_t)sizeof(commit));
	close(fd);
}

uint64_t forge_blocks(const char *path)
{
	struct stat status;

	cr_assert_eq(stat(path, &status), 0, "%s: %s", path, strerror(errno));
	return (uint64_t)status.st_blocks;
}
