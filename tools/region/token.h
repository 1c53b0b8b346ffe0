/* SPDX-License-Identifier: MIT
 *
 * Version tokens: `VERSION@UUID', a version together with the UUID of its region, or with the
 * first 8 or more hexadecimal digits of the UUID.
 *
 * A region that is created again, or loaded from a file, has a new UUID, and reaches the same
 * versions with other rows. So a version that is stored for later must be a token. Options whose
 * versions were stored, such as --since and --if-head, refuse a bare number. Subcommands, and the
 * parts that open regions or print versions, call these functions. */
#ifndef TOOLS_REGION_TOKEN_H
#define TOOLS_REGION_TOKEN_H

#include <stdbool.h>
#include <stdint.h>
#include "tools/base/status.h"

struct place;

struct token {
	uint64_t version;
	/* Digits of the UUID, in lower case, without hyphens; "" for a bare number. */
	char region[33];
};

/* Parses `VERSION' or `VERSION@UUID', with a version from `min` to `max`. `what` is the option or
 * operand, for error messages. Returns STATUS_INPUT if the text is not valid. */
enum status token_parse(const char *what, const char *text, uint64_t min, uint64_t max,
                        struct token *ret);

/* Refuses a bare number, with an error message that suggests the token of this version in the
 * present region. Accepts 0, the time before the first version, which is the same in all
 * regions. */
enum status token_needs_region(const struct place *place, const char *what,
                               const struct token *token, const char *region);

/* Returns true if the token belongs to the region with this UUID, or is a bare number. */
bool token_is_of(const struct token *token, const uint8_t uuid[16]);

/* Reports that the token belongs to another region than `region`, which has this UUID. Returns
 * `status`. */
enum status token_fail_region(enum status status, const char *what, const struct token *token,
                              const char *region, const uint8_t uuid[16]);

/* Writes the token with the full UUID, for programs, to a buffer of DESCRIBED_MAX bytes, and
 * returns the buffer. */
const char *token_describe(uint64_t version, const uint8_t uuid[16], char *buffer);
/* Writes the token with the first 8 digits of the UUID, for people, to a buffer of DESCRIBED_MAX
 * bytes, and returns the buffer. */
const char *token_describe_short(uint64_t version, const uint8_t uuid[16], char *buffer);

#endif
