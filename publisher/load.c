/* SPDX-License-Identifier: MIT
 *
 * stele_region_load(): creates a region from a saved file. The new region has its contents before
 * it gets its name, so no process sees it empty. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/region/survey.h"
#include "publisher/attach/contents.h"
#include "publisher/publisher.h"

/* Checks a saved file completely, so that no region is created from a damaged file. Returns 0,
 * -EBADMSG or -ENOMEM. */
static int load_check(struct region *contents)
{
	struct survey_options options = {0};
	struct survey survey;
	uint64_t damages;
	int r = survey_region(contents, &options, &survey);

	/* No library function writes to a saved file, so another program has damaged it. */
	if (r == -ESTALE)
		return error_set(EBADMSG, "%s was changed while it was being checked",
		                 contents->names.data);
	if (r < 0)
		return r;
	damages = survey.use.damages;
	survey_free(&survey);
	if (damages == 0)
		return 0;
	return error_set(
		EBADMSG,
		"%s is damaged (%llu faults) and was not loaded; run stele verify to list them",
		contents->names.data, (unsigned long long)damages);
}

/* Creates the region with the options of the saved one, as large as its contents need. */
static int load_contents(struct region *contents, const char *region)
{
	const struct layout_header *header = contents->header;
	uint64_t min = contents->arena_offset + contents_capacity(contents) + LAYOUT_GUARD;
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE_NEW |
	                 (header->compatible & LAYOUT_SHARED_REGION ? STELE_SHARED_REGION : 0),
		.history = contents->history,
		.history_bytes = header->history_bytes,
		.maximum_size = contents->maximum_size < min ? min : contents->maximum_size,
		.limit_size = contents->limit_size < min ? min : contents->limit_size,
		.durability = contents->durability == LAYOUT_DURABLE_COMMIT ? STELE_DURABLE_COMMIT
	                                                                    : STELE_DURABLE_CLOSE,
		.mode = (contents->mode & 0644) | 0600,
	};
	struct stele_publisher *publisher;
	int r = publisher_open(region, &options, contents, &publisher);

	if (r == 0)
		stele_publisher_close(publisher);
	return r;
}

int stele_region_load(const char *file, const char *region)
{
	char name[NAMES_PATH_SIZE];
	struct region contents;
	struct region_paths names;
	int r;

	if (snprintf(name, sizeof(name), PATHS_SAVED "%s", file) >= (int)sizeof(name))
		return paths_long_error(file);
	r = paths_make_readable(name, &names);
	if (r == 0)
		r = region_open(&names, false, true, &contents);
	if (r < 0)
		return r;
	r = load_check(&contents);
	if (r == 0)
		r = load_contents(&contents, region);
	region_close(&contents);
	return r;
}
