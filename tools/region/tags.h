/* SPDX-License-Identifier: MIT
 *
 * Names of versions, which `stele tag' gives. They are lines of a file beside the region's file,
 * whose name ends in .tags: the name, a space, and the token of the version. The file belongs to
 * the owner of the region; a file of another user is not read. A name does not keep its version in
 * history. Called by cmd_tag.c and given.c. */
#ifndef TOOLS_REGION_TAGS_H
#define TOOLS_REGION_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stele/region.h>
#include "tools/base/status.h"

struct place;

/* Names that a region may have. */
#define TAGS_MAX 10000u

struct tag {
	char name[STELE_NAME_MAX + 1];
	char token[STELE_POSITION_TEXT_MAX];
};

/* All tags of a region. Initialized with zeroes, and freed with tags_close(). */
struct tags {
	char path[600];   /* of the file */
	struct tag *list; /* in the order of the names */
	size_t count;
	bool passed_over; /* the file has lines that are no tags, or more than TAGS_MAX */
	/* For tags_open_to_write(): the next file, which is the lock of the tags. */
	char next[608];
	int fd; /* -1: none */
	struct stele_region_info info;
};

/* Returns true if a tag may have this name: letters, digits, '_' and '-', and a letter or '_' at
 * its start. "now" and "inf" are refused: they are times. */
bool tags_is_name(const char *name);

/* Reads all tags of a region. A region without a file has none. */
enum status tags_open(struct tags *tags, const struct place *place, const char *region);

/* Does the same, and locks the tags until tags_write() or tags_close(). Waits for another process
 * that has them locked, at most five seconds. Refuses a file with lines that are no tags. */
enum status tags_open_to_write(struct tags *tags, const struct place *place, const char *region);

/* Returns the tag with this name, or NULL. */
struct tag *tags_get(const struct tags *tags, const char *name);

/* Gives a version a name; `token` NULL: removes the tag, which must exist. */
void tags_set(struct tags *tags, const char *name, const char *token);

/* Replaces the file by the tags in `tags`, at once. Only after tags_open_to_write(). */
enum status tags_write(struct tags *tags);

void tags_close(struct tags *tags);

/* Returns STATUS_NO_TABLE, after an error message, if a region has no tag with this name. `what` is
 * the option or operand that the name is from. */
enum status tags_find(const struct place *place, const char *region, const char *what,
                      const char *name, struct tag *ret);

#endif
