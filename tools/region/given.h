/* SPDX-License-Identifier: MIT
 *
 * Versions that users give: VERSION@UUID, which is the text of a position (stele_position_parse())
 * and is called a token in manuals; or VERSION alone, a version of the present region.
 *
 * Options whose versions were kept, such as --since and --if-head, refuse a version alone: a region
 * that was created again, or loaded from a file, reaches the same versions with other rows.
 * Subcommands, and the parts that open regions, call these functions. */
#ifndef TOOLS_REGION_GIVEN_H
#define TOOLS_REGION_GIVEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stele/region.h>
#include "tools/base/status.h"

struct place;

struct given {
	uint64_t version;
	/* The token, whose UUID may be shortened; "": a version alone, or none was given. */
	char token[STELE_POSITION_TEXT_MAX];
};

/* Parses VERSION or VERSION@UUID, with a version from `min` to `max`. `what` is the option or
 * operand, for error messages. Returns STATUS_INPUT if the text is not valid. */
enum status given_parse(const char *what, const char *text, uint64_t min, uint64_t max,
                        struct given *ret);

/* Refuses a version alone, with an error message that suggests the token of this version in the
 * present region. Accepts 0, the time before the first version, which is the same in all
 * regions. */
enum status given_needs_region(const struct place *place, const char *what,
                               const struct given *given, const char *region);

/* Finds the position that is meant in the region with this UUID. The position of a whole token may
 * be in another region: then the library refuses it. Returns `status`, after an error message, if a
 * shortened token is of another region. */
enum status given_position(enum status status, const char *what, const struct given *given,
                           const uint8_t uuid[16], struct stele_position *ret);

/* Returns true if a version of the region with this UUID is meant. */
bool given_is_of(const struct given *given, const uint8_t uuid[16]);

#endif
