/* SPDX-License-Identifier: MIT
 *
 * Surveys and verifies a region while its publisher may be changing it. Defines
 * stele_region_verify(). */
#include "subscriber/inspect/verify.h"

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/extensible.h"
#include "lib/region/survey.h"
#include "lib/storage/owner.h"
#include "subscriber/retry.h"
#include "subscriber/state.h"

/* How many tries to survey, if the publisher reclaims the version that the survey starts from. */
#define TRIES 8

/* Surveys the region as a registered subscriber, with the newest version pinned. Takes a slot,
 * unlike the first try of verify_survey(), which leaves no trace in the region. */
static int verify_survey_pinned(const char *name, const struct owner_rule *rule,
                                struct survey_options *options, struct survey *ret)
{
	struct stele_subscriber_options opening = {.size = sizeof(opening), .notifier = "futex"};
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	int r;

	owner_rule_flags(rule, &opening.flags, &opening.owner);
	r = stele_subscriber_open(name, &opening, &subscriber);
	if (r < 0)
		return r;
	r = stele_snapshot_open(subscriber, 0, &snapshot);
	if (r == 0) {
		options->newest = snapshot_commit(snapshot);
		r = survey_region(snapshot->region, options, ret);
	}
	stele_subscriber_close(subscriber);
	return r;
}

int verify_survey(const char *name, struct region *region, struct survey_options *options,
                  struct survey *ret)
{
	struct retry retry = {.max_tries = TRIES};
	int r = survey_region(region, options, ret);

	while (r == -ESTALE && retry_again(&retry, region))
		r = verify_survey_pinned(name, &region->names.owner, options, ret);
	if (r == -ESTALE)
		return retry_error(&retry, region, head_version(retry.head));
	return r;
}

static int verify_read_options(const struct stele_verify_options *options,
                               struct stele_verify_options *ret)
{
	int r = extensible_read(stele_verify_options, options, ret);

	if (r < 0)
		return r;
	return error_check_flags("verifying a region", ret->flags,
	                         STELE_ANY_OWNER | STELE_ONE_OWNER);
}

int stele_region_verify(const char *name, const struct stele_verify_options *options,
                        struct stele_region_use *ret)
{
	struct stele_verify_options read;
	struct survey_options surveying = {0};
	struct region *region;
	struct survey survey;
	struct region_paths names;
	int r = verify_read_options(options, &read);

	if (r == 0)
		r = extensible_check(stele_region_use, ret);
	if (r == 0)
		r = paths_make_readable(name, &names);
	if (r == 0)
		r = owner_rule_make(read.flags, read.owner, &names.owner);
	if (r == 0)
		r = region_open_shared(&names, true, &region);
	if (r < 0)
		return r;
	surveying.found = read.found;
	surveying.progress = read.progress;
	surveying.context = read.context;
	r = verify_survey(name, region, &surveying, &survey);
	if (r == 0) {
		extensible_write(stele_region_use, &survey.use, ret);
		r = survey.use.damages == 0;
		survey_free(&survey);
	}
	region_unshare(region);
	return r;
}
