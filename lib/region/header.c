/* SPDX-License-Identifier: MIT */
#include "lib/region/header.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/region/features.h"

const char *header_label(const struct region_paths *names, char ret[HEADER_LABEL_SIZE])
{
	if (names->saved)
		snprintf(ret, HEADER_LABEL_SIZE, "%s", names->data);
	else
		snprintf(ret, HEADER_LABEL_SIZE, "region \"%s\"", names->region);
	return ret;
}

const char *header_damaged_remedy(const struct region_paths *names)
{
	return names->saved ? "use another copy of it, or save the region again"
	                    : "remove the region and publish again";
}

const char *header_unknown_remedy(const struct region_paths *names)
{
	return names->saved ? "" : ", or remove the region";
}

int header_validate(const struct region_paths *names, const struct layout_header *header,
                    bool writable)
{
	char name[HEADER_LABEL_SIZE];

	if (header->magic == __builtin_bswap64(LAYOUT_MAGIC_DATA))
		return error_set(EPROTONOSUPPORT,
		                 "%s was made on a machine with the other byte order", names->data);
	if (header->magic != LAYOUT_MAGIC_DATA || header->byte_order != LAYOUT_BYTE_ORDER)
		return error_set(
			EBADMSG,
			"%s is not a Stele region: it does not start with the magic number",
			names->data);
	if (header->layout_version != LAYOUT_VERSION)
		return error_set(EPROTONOSUPPORT,
		                 "%s has layout version %u, and this library reads version %u; use "
		                 "the library that made it%s",
		                 header_label(names, name), header->layout_version, LAYOUT_VERSION,
		                 header_unknown_remedy(names));
	if (header->checksum != checksum_header(header))
		return error_set(EBADMSG,
		                 "%s is damaged: the checksum of its header does not match; %s",
		                 header_label(names, name), header_damaged_remedy(names));
	/* After the checksum: damage is not mistaken for a feature. */
	return features_check(header, writable, header_label(names, name));
}

int header_keep_newer(const struct region_paths *names, int fd)
{
	struct layout_header header;
	char label[HEADER_LABEL_SIZE];

	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    header.magic != LAYOUT_MAGIC_DATA || header.byte_order != LAYOUT_BYTE_ORDER ||
	    header.layout_version < LAYOUT_VERSION)
		return 0;
	/* The checksum of a later layout is not known here. */
	if (header.layout_version > LAYOUT_VERSION)
		return error_set(EPROTONOSUPPORT,
		                 "%s has layout version %u, and this library knows version %u; "
		                 "upgrade the library, or remove the region",
		                 header_label(names, label), header.layout_version, LAYOUT_VERSION);
	return features_check(&header, true, header_label(names, label));
}

/* Returns true if `size` bytes at `offset` lie between the first page and the arena. The caller has
 * checked the arena's offset, and `size` by the maximums of the layout. */
static bool header_fits_before_arena(const struct layout_header *header, uint64_t offset,
                                     uint64_t size)
{
	return offset % 8 == 0 && offset >= LAYOUT_PAGE && offset <= header->arena_offset &&
	       size <= header->arena_offset - offset;
}

/* Returns true if the ring and the kept table lie before the arena and do not overlap. */
static bool header_tables_are_possible(const struct layout_header *header)
{
	uint64_t ring = header->ring_entries * sizeof(struct layout_commit);
	uint64_t kept = header->kept_entries * sizeof(struct layout_kept);

	return header_fits_before_arena(header, header->ring_offset, ring) &&
	       header_fits_before_arena(header, header->kept_offset, kept) &&
	       (header->ring_offset + ring <= header->kept_offset ||
	        header->kept_offset + kept <= header->ring_offset || kept == 0);
}

/* Returns true if the members that describe the region, and not the file, have possible values. */
static bool header_options_are_possible(const struct layout_header *header)
{
	return header->durability <= LAYOUT_DURABLE_COMMIT && header->generation >= 1 &&
	       header->generation <= LAYOUT_GENERATION_MAX && (header->mode & ~0777u) == 0 &&
	       header->segment >= 0 && memchr(header->name, '\0', sizeof(header->name));
}

/* Returns true if a publisher could have written this header. Its counts bound every walk of a
 * reader, so a forged header must not exceed the maximums of the layout. `size` is the number of
 * bytes of the contents. */
static bool header_is_possible(const struct layout_header *header, uint64_t size)
{
	uint32_t ring = header->ring_entries;

	return ring >= 2 && ring <= LAYOUT_RING_MAX && (ring & (ring - 1)) == 0 &&
	       header->kept_entries <= LAYOUT_KEPT_MAX && header->history >= 2 &&
	       header->history <= LAYOUT_HISTORY_MAX && header->history <= ring &&
	       header->arena_offset % LAYOUT_PAGE == 0 &&
	       header->arena_offset <= LAYOUT_ARENA_OFFSET_MAX && header->arena_offset <= size &&
	       header_tables_are_possible(header) && header_options_are_possible(header) &&
	       header->limit_size <= LAYOUT_MAXIMUM && header->maximum_size <= header->limit_size &&
	       header->maximum_size >= size;
}

int header_validate_fit(const struct region_paths *names, const struct layout_header *header,
                        uint64_t size)
{
	char name[HEADER_LABEL_SIZE];

	if (header_is_possible(header, size))
		return 0;
	return error_set(
		EBADMSG,
		"%s is damaged: its header does not fit its file, which may have been cut short; %s",
		header_label(names, name), header_damaged_remedy(names));
}
