/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/region/fail_region.h"
#include "tools/region/given.h"
#include "tools/region/place.h"

enum status given_parse(const char *what, const char *text, uint64_t min, uint64_t max,
                        struct given *ret)
{
	struct stele_position position;
	struct given given = {0};
	char *end = NULL;

	errno = 0;
	if (isdigit((unsigned char)*text))
		given.version = strtoull(text, &end, 10);
	/* Which region a shortened token is of, is not known yet (-EIDRM). */
	if (end && *end == '@' && stele_position_parse(text, NULL, &position) != -EINVAL)
		snprintf(given.token, sizeof(given.token), "%s", text);
	else if (end && *end)
		end = NULL;
	if (!end || errno != 0 || given.version < min || given.version > max)
		return fail(
			STATUS_INPUT,
			"%s: invalid value \"%s\" (expected a version number of at least %llu, followed by @ "
			"and the first 8 or more digits of the region's UUID, such as "
			"7@3f2a9c1e)",
			what, text, (unsigned long long)min);
	*ret = given;
	return STATUS_DONE;
}

enum status given_needs_region(const struct place *place, const char *what,
                               const struct given *given, const char *region)
{
	struct stele_region_info info = {.size = sizeof(info)};
	char text[DESCRIBED_MAX];
	int result;

	if (given->version == 0 || *given->token)
		return STATUS_DONE;
	result = stele_region_describe(place_path(place, region), &info);
	if (result < 0)
		return fail_region(place, region, result);
	return fail(
		STATUS_INPUT,
		"%s: version %llu is ambiguous without the UUID of its region, because a region "
		"that is created again reaches the same numbers; if it is a version of the "
		"present region \"%s\", write %s",
		what, (unsigned long long)given->version, region,
		describe_token_short(given->version, info.uuid, text));
}

enum status given_position(enum status status, const char *what, const struct given *given,
                           const uint8_t uuid[16], struct stele_position *ret)
{
	*ret = (struct stele_position){.version = given->version};
	memcpy(ret->region, uuid, sizeof(ret->region));
	if (*given->token && stele_position_parse(given->token, uuid, ret) < 0)
		return fail(status, "%s: %s", what, stele_last_error());
	return STATUS_DONE;
}

bool given_is_of(const struct given *given, const uint8_t uuid[16])
{
	struct stele_position position;

	return !*given->token || (stele_position_parse(given->token, uuid, &position) == 0 &&
	                          memcmp(position.region, uuid, sizeof(position.region)) == 0);
}
