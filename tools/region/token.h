/* SPDX-License-Identifier: MIT
 *
 * Version tokens: `VERSION@UUID', a version together with the UUID of its region, or with the
 * first 8 or more hex digits of that. A region that is made anew, or loaded, has another UUID
 * and may come to the same version, with other rows. So a version that is kept for later is a
 * token, and where one is asked for a bare number is refused. */
#ifndef TOOLS_REGION_TOKEN_H
#define TOOLS_REGION_TOKEN_H

#include <stdbool.h>
#include <stdint.h>
#include "tools/base/status.h"

struct place;

struct token {
	uint64_t version;
	char region[33]; /* hex digits, lower case, no hyphens; empty: a bare number */
};

/* Reads `VERSION' or `VERSION@UUID'; or STATUS_INPUT after an error message. */
enum status token_parse(const char *what, const char *text, uint64_t min, uint64_t max,
                        struct token *ret);

/* Refuses a bare number, with a message that has the token of the region as it is now. 0, the time
 * before the first version, is the same in all regions, and needs none. `what` is the option. */
enum status token_needs_region(const struct place *place, const char *what,
                               const struct token *token, const char *region);

/* True if the token has this UUID, or is a bare number. */
bool token_is_of(const struct token *token, const uint8_t uuid[16]);

/* Says that the token is of another region than `region`, which has this UUID; returns `status`. */
enum status token_fail_region(enum status status, const char *what, const struct token *token,
                              const char *region, const uint8_t uuid[16]);

/* As describe_number(): the token with the whole UUID, for programs; and with 8 digits of it, for
 * people. */
const char *token_describe(uint64_t version, const uint8_t uuid[16], char *buffer);
const char *token_describe_short(uint64_t version, const uint8_t uuid[16], char *buffer);

#endif
