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
#include "tools/region/place.h"
#include "tools/region/token.h"

enum { DIGITS_MIN = 8, DIGITS_MAX = 32 };

/* Parses at least 8 hexadecimal digits of a UUID into `ret`. Ignores hyphens after the first
 * digit. */
static bool token_parse_region(const char *text, char ret[DIGITS_MAX + 1])
{
	size_t count = 0;

	for (; *text; text++) {
		if (*text == '-' && count > 0)
			continue;
		if (!isxdigit((unsigned char)*text) || count == DIGITS_MAX)
			return false;
		ret[count++] = (char)tolower((unsigned char)*text);
	}
	ret[count] = '\0';
	return count >= DIGITS_MIN;
}

enum status token_parse(const char *what, const char *text, uint64_t min, uint64_t max,
                        struct token *ret)
{
	char *end = (char *)(uintptr_t)text;
	struct token token = {0};
	bool good;

	errno = 0;
	if (isdigit((unsigned char)*text))
		token.version = strtoull(text, &end, 10);
	good = end != text && errno == 0 && token.version >= min && token.version <= max;
	if (good && *end)
		good = *end == '@' && token_parse_region(end + 1, token.region);
	if (!good)
		return fail(
			STATUS_INPUT,
			"%s: invalid value \"%s\" (expected a version number of at least %llu, followed by @ "
			"and the first 8 or more digits of the region's UUID, such as "
			"7@3f2a9c1e)",
			what, text, (unsigned long long)min);
	*ret = token;
	return STATUS_DONE;
}

enum status token_needs_region(const struct place *place, const char *what,
                               const struct token *token, const char *region)
{
	struct stele_region_info info = {.size = sizeof(info)};
	char text[DESCRIBED_MAX];
	int result;

	if (token->version == 0 || *token->region)
		return STATUS_DONE;
	result = stele_region_describe(place_path(place, region), &info);
	if (result < 0)
		return fail_region(place, region, result);
	return fail(
		STATUS_INPUT,
		"%s: version %llu is ambiguous without the UUID of its region, because a region "
		"that is created again reaches the same numbers; if it is a version of the "
		"present region \"%s\", write %s",
		what, (unsigned long long)token->version, region,
		token_describe_short(token->version, info.uuid, text));
}

bool token_is_of(const struct token *token, const uint8_t uuid[16])
{
	char digits[DIGITS_MAX + 1];

	for (int i = 0; i < 16; i++)
		snprintf(digits + 2 * i, 3, "%02x", uuid[i]);
	return strncmp(digits, token->region, strlen(token->region)) == 0;
}

enum status token_fail_region(enum status status, const char *what, const struct token *token,
                              const char *region, const uint8_t uuid[16])
{
	char text[DESCRIBED_MAX];

	return fail(
		status,
		"%s: version %llu@%s belongs to another region; region \"%s\" now has the UUID %s",
		what, (unsigned long long)token->version, token->region, region,
		describe_uuid(uuid, text));
}

const char *token_describe(uint64_t version, const uint8_t uuid[16], char *buffer)
{
	char text[DESCRIBED_MAX];

	snprintf(buffer, DESCRIBED_MAX, "%llu@%.36s", (unsigned long long)version,
	         describe_uuid(uuid, text));
	return buffer;
}

const char *token_describe_short(uint64_t version, const uint8_t uuid[16], char *buffer)
{
	snprintf(buffer, DESCRIBED_MAX, "%llu@%02x%02x%02x%02x", (unsigned long long)version,
	         uuid[0], uuid[1], uuid[2], uuid[3]);
	return buffer;
}
