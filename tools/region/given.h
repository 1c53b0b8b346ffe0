/* SPDX-License-Identifier: MIT
 *
 * Versions that users give:
 *
 *     7                 a version of the present region
 *     7@3f2a9c1e        VERSION@UUID, the text of a position (stele_position_parse()), which
 *                       manuals call a token
 *     -1                the version before the newest, -2 the one before that
 *     12:03, -5m        the version that was the newest at a time (parse_moment())
 *     before-upgrade    the version that `stele tag' gave this name
 *
 * The last three are found in the region when it is open, and are tokens from then on.
 *
 * Options whose versions were kept, such as --since and --if-head, refuse a version alone: a region
 * that was created again, or loaded from a file, reaches the same versions with other rows.
 * Subcommands, and the parts that open regions, call these functions. */
#ifndef TOOLS_REGION_GIVEN_H
#define TOOLS_REGION_GIVEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stele/region.h>
#include <stele/subscriber.h>
#include "tools/base/status.h"

struct place;

/* How a version was given. */
enum given_form { GIVEN_VERSION, GIVEN_BACK, GIVEN_TIME, GIVEN_NAME };

struct given {
	uint64_t version;
	/* The token, whose UUID may be shortened; "": a version alone, or none was given. */
	char token[STELE_POSITION_TEXT_MAX];
	/* Not GIVEN_VERSION: `version` is 0 until given_find(). */
	enum given_form form;
	uint64_t number;               /* versions before the newest, or nanoseconds since 1970 */
	char text[STELE_NAME_MAX + 1]; /* as it was given, for error messages; the name */
	const char *option;            /* of options_reading: "--version" or "--at" */
};

/* Parses a version, if it is a number or a token, from `min` to `max`. `what` is the option or
 * operand, for error messages. Returns STATUS_INPUT if the text is not valid. */
enum status given_parse(const char *what, const char *text, uint64_t min, uint64_t max,
                        struct given *ret);

/* Does the same for a version that was kept to be compared with, which cannot be found now: refuses
 * a number of versions, and a time. */
enum status given_parse_kept(const char *what, const char *text, uint64_t min, struct given *ret);

/* Returns true if a version was given. */
bool given_is_set(const struct given *given);

/* Finds the version that is meant by a number of versions, a time or a name, in an open region, and
 * makes it a token. `region` is the name of the region. Leaves others as they are. Returns
 * STATUS_NO_TABLE after an error message if history holds no such version. */
enum status given_find(struct given *given, const char *what, const struct place *place,
                       const char *region, struct stele_subscriber *subscriber);

/* Does the same in a region that is not open. */
enum status given_resolve(const struct place *place, const char *what, struct given *given,
                          const char *region);

/* Refuses a version alone, with an error message that suggests the token of this version in the
 * present region. Accepts 0, the time before the first version, which is the same in all regions.
 * Finds other versions as given_resolve() does. */
enum status given_needs_region(const struct place *place, const char *what, struct given *given,
                               const char *region);

/* Finds the position that is meant in the region with this UUID. The position of a whole token may
 * be in another region: then the library refuses it. Returns `status`, after an error message, if a
 * shortened token is of another region. */
enum status given_position(enum status status, const char *what, const struct given *given,
                           const uint8_t uuid[16], struct stele_position *ret);

/* Returns true if a version of the region with this UUID is meant. */
bool given_is_of(const struct given *given, const uint8_t uuid[16]);

#endif
