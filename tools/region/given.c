/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/clock.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/region/fail_region.h"
#include "tools/region/given.h"
#include "tools/region/owner.h"
#include "tools/region/place.h"
#include "tools/region/tags.h"

/* Parses a name of `stele tag', or -N. Returns false if the text is neither. */
static bool given_parse_relative(const char *text, struct given *given)
{
	char *end;

	/* option_check() has put ~ in the place of -. */
	if ((*text == '-' || *text == '~') && isdigit((unsigned char)text[1])) {
		errno = 0;
		given->form = GIVEN_BACK;
		given->number = strtoull(text + 1, &end, 10);
		return !*end && errno == 0;
	}
	given->form = GIVEN_NAME;
	return tags_is_name(text);
}

static enum status given_fail(const char *what, const char *text, uint64_t min)
{
	return fail(
		STATUS_INPUT,
		"%s: invalid value \"%s\" (expected a version number of at least %llu, followed by @ "
		"and the first 8 or more digits of the region's UUID, such as "
		"7@3f2a9c1e; or -1 for the version before the newest, a time such as 12:03, "
		"2026-01-31T12:03:17Z or -5m, or a name of 'stele tag')",
		what, text, (unsigned long long)min);
}

enum status given_parse(const char *what, const char *text, uint64_t min, uint64_t max,
                        struct given *ret)
{
	struct stele_position position;
	struct given given = {0};
	char *end = NULL;

	snprintf(given.text, sizeof(given.text), "%s%s", *text == '~' ? "-" : "",
	         *text == '~' ? text + 1 : text);
	if (parse_moment(given.text, clock_wall(), &given.number)) {
		given.form = GIVEN_TIME;
		*ret = given;
		return STATUS_DONE;
	}
	if (!isdigit((unsigned char)*text) && given_parse_relative(text, &given)) {
		*ret = given;
		return STATUS_DONE;
	}
	given.form = GIVEN_VERSION;
	errno = 0;
	if (isdigit((unsigned char)*text))
		given.version = strtoull(text, &end, 10);
	/* Which region a shortened token is of, is not known yet (-EIDRM). */
	if (end && *end == '@' && stele_position_parse(text, NULL, &position) != -EINVAL)
		snprintf(given.token, sizeof(given.token), "%s", text);
	else if (end && *end)
		end = NULL;
	if (!end || errno != 0 || given.version < min || given.version > max)
		return given_fail(what, given.text, min);
	*ret = given;
	return STATUS_DONE;
}

enum status given_parse_kept(const char *what, const char *text, uint64_t min, struct given *ret)
{
	enum status status = given_parse(what, text, min, INT64_MAX, ret);

	if (status == STATUS_DONE && (ret->form == GIVEN_BACK || ret->form == GIVEN_TIME))
		return fail(
			STATUS_INPUT,
			"%s: invalid value \"%s\" (expected a version that was stored before, as "
			"VERSION@UUID or a name of 'stele tag'; a version that is only found now "
			"would be no condition)",
			what, text);
	return status;
}

bool given_is_set(const struct given *given)
{
	return given->version != 0 || given->form != GIVEN_VERSION;
}

/* Finds the newest version that a commit made at `time` or before. History may drop the oldest
 * versions meanwhile. */
static enum status given_find_time(const struct given *given, const char *what, uint64_t oldest,
                                   uint64_t newest, struct stele_subscriber *subscriber,
                                   uint64_t *ret)
{
	struct stele_commit commit = {.time = 0};
	struct stele_snapshot *snapshot;
	char time[DESCRIBED_MAX];
	int result = 0;

	for (uint64_t version = newest; result == 0 && version >= oldest && version > 0;
	     version--) {
		result = stele_snapshot_open(subscriber, version, &snapshot);
		if (result < 0)
			break;
		result = stele_snapshot_commit(snapshot, &commit);
		stele_snapshot_close(snapshot);
		if (result == 0 && commit.time <= given->number) {
			*ret = version;
			return STATUS_DONE;
		}
	}
	if (result < 0 && result != -ESTALE)
		return fail_library(result);
	/* The publisher reclaimed even the newest of these versions before it was opened. */
	if (commit.version == 0)
		return fail(
			STATUS_BUSY,
			"%s: the publisher reclaimed the versions while they were searched; run "
			"the command again",
			what);
	return fail(STATUS_NO_TABLE,
	            "%s: history begins after %s: its oldest version, %llu, was made at %s", what,
	            given->text, (unsigned long long)commit.version,
	            describe_time(commit.time, time));
}

static enum status given_find_back(const struct given *given, const char *what, uint64_t oldest,
                                   uint64_t newest, uint64_t *ret)
{
	if (given->number >= newest || newest - given->number < oldest)
		return fail(STATUS_NO_TABLE,
		            "%s: history holds no version %s before the newest; it begins with "
		            "version %llu, and the newest is version %llu",
		            what, given->text + 1, (unsigned long long)oldest,
		            (unsigned long long)newest);
	*ret = newest - given->number;
	return STATUS_DONE;
}

static enum status given_find_name(struct given *given, const char *what, const struct place *place,
                                   const char *region)
{
	struct stele_position position;
	enum status status;
	struct tag tag;

	status = tags_find(place, region, what, given->text, &tag);
	if (status != STATUS_DONE)
		return status;
	stele_position_parse(tag.token, NULL, &position);
	given->form = GIVEN_VERSION;
	given->version = position.version;
	snprintf(given->token, sizeof(given->token), "%s", tag.token);
	return STATUS_DONE;
}

enum status given_find(struct given *given, const char *what, const struct place *place,
                       const char *region, struct stele_subscriber *subscriber)
{
	uint64_t oldest, newest, version = 0;
	char token[DESCRIBED_MAX];
	enum status status;
	uint8_t uuid[16];
	int result;

	if (given->form == GIVEN_VERSION)
		return STATUS_DONE;
	if (given->form == GIVEN_NAME)
		return given_find_name(given, what, place, region);
	result = stele_subscriber_history(subscriber, &oldest, &newest);
	if (result < 0)
		return fail_library(result);
	if (newest == 0)
		return fail(STATUS_NO_TABLE, "%s: region \"%s\" has no version yet", what, region);
	if (given->form == GIVEN_BACK)
		status = given_find_back(given, what, oldest, newest, &version);
	else
		status = given_find_time(given, what, oldest, newest, subscriber, &version);
	if (status != STATUS_DONE)
		return status;
	stele_subscriber_region_uuid(subscriber, uuid);
	given->form = GIVEN_VERSION;
	given->version = version;
	snprintf(given->token, sizeof(given->token), "%s", describe_token(version, uuid, token));
	return STATUS_DONE;
}

enum status given_resolve(const struct place *place, const char *what, struct given *given,
                          const char *region)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED};
	struct stele_subscriber *subscriber;
	enum status status;
	int result;

	if (given->form == GIVEN_VERSION)
		return STATUS_DONE;
	owner_apply(&place->owner, &options.flags, &options.owner);
	result = stele_subscriber_open(place_path(place, region), &options, &subscriber);
	if (result < 0)
		return fail_reading(place, region, result);
	status = given_find(given, what, place, region, subscriber);
	stele_subscriber_close(subscriber);
	return status;
}

enum status given_needs_region(const struct place *place, const char *what, struct given *given,
                               const char *region)
{
	struct stele_region_info info = {.size = sizeof(info)};
	char text[DESCRIBED_MAX];
	int result;

	if (given->form != GIVEN_VERSION)
		return given_resolve(place, what, given, region);
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
