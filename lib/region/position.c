/* SPDX-License-Identifier: MIT
 *
 * Positions: checking them, and their text. <stele/region.h> describes the text. */
#include "lib/region/position.h"

#include <errno.h>
#include <stdio.h>
#include <uuid/uuid.h>

#include "lib/base/error.h"
#include "lib/base/escape.h"

/* ---- checking ---- */

int position_check(const struct stele_position *position)
{
	if (position->reserved_[0] != 0)
		return error_set(EINVAL,
		                 "a struct stele_position whose reserved member is not zero");
	if (position->version > 0 && uuid_is_null(position->region))
		return error_set(EINVAL,
		                 "version %llu of an unknown region means nothing; keep the "
		                 "region's UUID with the version",
		                 (unsigned long long)position->version);
	return 0;
}

int position_version(const struct region *region, const struct stele_position *position,
                     uint64_t *ret)
{
	char text[STELE_POSITION_TEXT_MAX], uuid[UUID_STR_LEN];
	int r = position ? position_check(position) : 0;

	if (r < 0)
		return r;
	if (position && !position_is_of(position, region)) {
		stele_position_format(position, text, sizeof(text));
		uuid_unparse_lower(region->uuid, uuid);
		return error_set(EIDRM,
		                 "version %s belongs to another region; region \"%s\" now has the "
		                 "UUID %s; read the region again",
		                 text, region->names.region, uuid);
	}
	*ret = position ? position->version : 0;
	return 0;
}

/* ---- as text ---- */

/* Characters of a UUID in the text of a position. */
#define POSITION_SHORTEST 8u
#define POSITION_LONGEST  (UUID_STR_LEN - 1u)

static_assert(STELE_POSITION_TEXT_MAX == sizeof("18446744073709551615@") - 1 + UUID_STR_LEN,
              "the longest version, and a UUID");

size_t stele_position_format(const struct stele_position *position, char *buffer, size_t size)
{
	char uuid[UUID_STR_LEN];
	int length;

	uuid_unparse_lower(position->region, uuid);
	if (position->version == 0 && uuid_is_null(position->region))
		length = snprintf(buffer, size, "0");
	else
		length = snprintf(buffer, size, "%llu@%s", (unsigned long long)position->version,
		                  uuid);
	return (size_t)length;
}

static bool position_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Parses a decimal number without leading zeros, and advances `*at` past it. */
static bool position_parse_number(const char **at, uint64_t *ret)
{
	uint64_t number = 0;

	if (!position_is_digit(**at) || (**at == '0' && position_is_digit((*at)[1])))
		return false;
	for (; position_is_digit(**at); ++*at)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(**at - '0'), &number))
			return false;
	*ret = number;
	return true;
}

/* Completes the start of a UUID from that of `region`, which may be NULL, and parses it. Returns 0,
 * -EINVAL or -EIDRM; sets no message. */
static int position_parse_uuid(const char *text, const uint8_t *region, uint8_t ret[16])
{
	static const char any[UUID_STR_LEN] = "00000000-0000-0000-0000-000000000000";
	char whole[UUID_STR_LEN], present[UUID_STR_LEN];
	size_t length = strlen(text);

	if (length < POSITION_SHORTEST || length > POSITION_LONGEST)
		return -EINVAL;
	memcpy(whole, any, sizeof(whole));
	memcpy(whole, text, length);
	if (uuid_parse(whole, ret) < 0)
		return -EINVAL;
	if (length == POSITION_LONGEST)
		return 0;
	uuid_unparse_lower(ret, whole);
	if (!region)
		return -EIDRM;
	uuid_unparse_lower(region, present);
	if (memcmp(whole, present, length) != 0)
		return -EIDRM;
	memcpy(ret, region, 16);
	return 0;
}

int stele_position_parse(const char *text, const uint8_t *region, struct stele_position *ret)
{
	struct stele_position position = {0};
	const char *at = text;
	char uuid[UUID_STR_LEN];
	struct escaped escaped;
	int r = -EINVAL;

	if (position_parse_number(&at, &position.version)) {
		if (*at == '@')
			r = position_parse_uuid(at + 1, region, position.region);
		else if (*at == '\0' && position.version == 0)
			r = 0;
	}
	escape(&escaped, text, strlen(text));
	if (r == -EINVAL)
		return error_set(EINVAL,
		                 "invalid position %s (expected a version, @ and the UUID of its "
		                 "region, or at least the first %u characters of the UUID)",
		                 escaped.text, POSITION_SHORTEST);
	if (r < 0 && !region)
		return error_set(EIDRM, "position %s belongs to no region: its UUID is shortened",
		                 escaped.text);
	if (r < 0) {
		uuid_unparse_lower(region, uuid);
		return error_set(EIDRM,
		                 "position %s belongs to another region than the one with the UUID "
		                 "%s",
		                 escaped.text, uuid);
	}
	*ret = position;
	return 0;
}
