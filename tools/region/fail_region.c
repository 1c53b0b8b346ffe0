/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/base/suggest.h"
#include "tools/region/fail_region.h"
#include "tools/region/owner.h"
#include "tools/region/place.h"

/* Writes the path of the region's file (see FILES in stele(1)) to `path`. Returns true if the
 * directory exists and the file does not. */
static bool fail_region_is_missing(const struct place *place, const char *region,
                                   char path[PATH_MAX])
{
	const char *directory = place_directory(place);

	snprintf(path, PATH_MAX, "%s/stele.%s", directory, region);
	if (access(directory, F_OK) < 0)
		return false;
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static int fail_region_offer(const char *name, void *context)
{
	suggest_offer(context, name);
	return 0;
}

/* Writes the option -D of a suggested command, if it needs one, and returns `option`. */
static const char *fail_region_option(const struct place *place, char option[PATH_MAX])
{
	*option = '\0';
	if (place->directory)
		snprintf(option, PATH_MAX, " -D %s", place->directory);
	return option;
}

enum status fail_region(const struct place *place, const char *region, int error)
{
	char path[PATH_MAX], option[PATH_MAX], message[PATH_MAX + 256];
	struct suggestion suggestion;

	if (error != -ENOENT || place_is_path(region) ||
	    !fail_region_is_missing(place, region, path))
		return fail_library(error);
	/* The library's message. The calls below set others. */
	snprintf(message, sizeof(message), "%s", stele_last_error());
	if (access(region, F_OK) == 0)
		return fail(STATUS_NO_TABLE, "%s; the file of this name is ./%s", message, region);
	suggest_start(&suggestion, region);
	stele_region_each(place->directory, fail_region_offer, &suggestion);
	fail_region_option(place, option);
	if (*suggestion.best)
		return fail(STATUS_NO_TABLE,
		            "%s; did you mean \"%s\"? 'stele list%s' shows all regions", message,
		            suggestion.best, option);
	return fail(STATUS_NO_TABLE, "%s; 'stele list%s' shows all regions", message, option);
}

void fail_waiting(const char *message, void *context)
{
	(void)context;
	note("waiting: %s", message);
}

enum status fail_reading(const struct place *place, const char *region, int error)
{
	char refusal[OWNER_REFUSAL_SIZE];

	if (owner_refused(place, region, error, refusal))
		return fail(STATUS_DENIED, "%s", refusal);
	return fail_region(place, region, error);
}

/* Offers the names of the tables of the newest version. If the region cannot be read, offers
 * nothing. */
static void fail_region_offer_tables(const struct place *place, const char *region,
                                     struct suggestion *suggestion)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED};
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;

	owner_apply(&place->owner, &options.flags, &options.owner);
	if (stele_subscriber_open(place_path(place, region), &options, &subscriber) < 0)
		return;
	if (stele_snapshot_open(subscriber, 0, &snapshot) == 0) {
		while (stele_snapshot_next_table(snapshot, name) == 1)
			suggest_offer(suggestion, name);
		stele_snapshot_close(snapshot);
	}
	stele_subscriber_close(subscriber);
}

enum status fail_no_table(const struct place *place, const char *where, const char *region,
                          const char *table)
{
	struct suggestion suggestion;
	char option[PATH_MAX] = "";

	if (!place_is_path(region))
		fail_region_option(place, option);
	suggest_start(&suggestion, table);
	fail_region_offer_tables(place, region, &suggestion);
	if (*suggestion.best)
		return fail(STATUS_NO_TABLE,
		            "%sthere is no table \"%s\" in region \"%s\"; did you mean \"%s\"?",
		            where, table, region, suggestion.best);
	return fail(
		STATUS_NO_TABLE,
		"%sthere is no table \"%s\" in region \"%s\"; 'stele show%s %s' lists its tables",
		where, table, region, option, region);
}

enum status fail_no_row(const char *key, const char *table)
{
	return fail(STATUS_NOT_THERE, "there is no row for \"%s\" in table \"%s\"", key, table);
}
