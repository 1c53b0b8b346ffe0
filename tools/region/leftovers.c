/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/region/leftovers.h"
#include "tools/region/place.h"
#include "tools/region/queues.h"

/* A search for leftovers: the arguments of leftovers_each(), and the region that is searched
 * now. */
struct search {
	const struct place *place;
	bool dry_run;
	void (*found)(void *context, const struct leftover *leftover);
	void *context;
	const char *region;
};

/* ---- files ---- */

struct region_paths {
	char (*names)[STELE_NAME_MAX + 1];
	size_t count;
};

/* Writes the name of the region that a file of this name belongs to. Returns false if the file
 * belongs to no region. Does not need the region's data file, which may be lost. */
static bool leftovers_region_of_file(const char *file, char region[STELE_NAME_MAX + 1])
{
	const char *start = file + strlen("stele.");
	size_t length;

	if (strncmp(file, "stele.", strlen("stele.")) != 0)
		return false;
	length = strcspn(start, ".");
	if (length > STELE_NAME_MAX)
		return false;
	snprintf(region, STELE_NAME_MAX + 1, "%.*s", (int)length, start);
	return stele_name_check("region", region) == 0;
}

static int leftovers_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Lists the regions of all files in a directory, sorted. A region with several files is listed
 * several times. Returns 0 or a negative errno. */
static int leftovers_list_names(const char *path, struct region_paths *ret)
{
	DIR *directory = opendir(path);
	char region[STELE_NAME_MAX + 1];
	struct dirent *entry;

	if (!directory)
		return -errno;
	while ((entry = readdir(directory)) != NULL) {
		if (!leftovers_region_of_file(entry->d_name, region))
			continue;
		ret->names = heap_realloc(ret->names, (ret->count + 1) * sizeof(*ret->names));
		snprintf(ret->names[ret->count++], sizeof(*ret->names), "%s", region);
	}
	closedir(directory);
	if (ret->count)
		qsort(ret->names, ret->count, sizeof(*ret->names), leftovers_compare);
	return 0;
}

/* Receives a leftover from stele_region_clean(). */
static void leftovers_file_found(const struct stele_leftover *leftover, void *context)
{
	struct search *search = context;

	search->found(search->context, &(struct leftover){
					       .region = search->region,
					       .kind = leftover->kind,
					       .name = leftover->name,
					       .error = leftover->error,
					       .message = stele_last_error(),
				       });
}

static void leftovers_search_files(struct search *search)
{
	const char *directory = place_directory(search->place);
	struct region_paths names = {0};
	int error = leftovers_list_names(directory, &names);
	char message[PATH_MAX + 64];

	snprintf(message, sizeof(message), "cannot list %s: %s", directory, strerror(-error));
	if (error < 0)
		search->found(search->context, &(struct leftover){
						       .region = "",
						       .kind = "directory",
						       .name = directory,
						       .error = error,
						       .message = message,
					       });
	for (size_t i = 0; i < names.count; i++) {
		int result;

		if (i && strcmp(names.names[i], names.names[i - 1]) == 0)
			continue;
		search->region = names.names[i];
		result = stele_region_clean(place_path(search->place, names.names[i]),
		                            search->dry_run ? STELE_DRY_RUN : 0,
		                            leftovers_file_found, search);
		if (result < 0)
			search->found(search->context, &(struct leftover){
							       .region = names.names[i],
							       .kind = "region",
							       .name = names.names[i],
							       .error = result,
							       .message = stele_last_error(),
						       });
	}
	free(names.names);
}

/* ---- queues ---- */

/* Removes and reports a message queue if its subscriber is dead. */
static void leftovers_check_queue(void *context, const char *name)
{
	struct search *search = context;
	char region[STELE_NAME_MAX + 1], path[NAME_MAX + 2], message[2 * NAME_MAX];
	int result;

	if (!queue_is_subscribers(name, region))
		return;
	result = queue_is_dead(name);
	/* Only root and the owner of a queue can find out whether the subscriber is dead. */
	if (result == 0 || result == -EACCES)
		return;
	if (result == 1)
		result = search->dry_run ? 0 : queue_remove(name);
	snprintf(path, sizeof(path), "/%s", name);
	snprintf(message, sizeof(message), "cannot remove the message queue %s: %s", path,
	         strerror(-result));
	search->found(search->context, &(struct leftover){
					       .region = region,
					       .kind = "queue",
					       .name = path,
					       .error = result,
					       .message = message,
				       });
}

int leftovers_each(const struct place *place, bool dry_run,
                   void (*found)(void *context, const struct leftover *leftover), void *context)
{
	struct search search = {
		.place = place, .dry_run = dry_run, .found = found, .context = context};

	/* Search the files first, because the removal of a dead subscriber's slot also removes its
	 * queue. */
	leftovers_search_files(&search);
	return queues_each(leftovers_check_queue, &search);
}
