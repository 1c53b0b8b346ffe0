/* SPDX-License-Identifier: MIT
 *
 * Implements stele_region_each() and stele_region_next(): lists the regions in a directory by
 * name. */
#include <stele/region.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/storage/paths.h"

/* Returns true for the name of a data file. The other files of a region have a dot after the
 * region's name. */
static bool names_is_region(const char *file)
{
	const char *name = file + strlen(PATHS_PREFIX);

	return strncmp(file, PATHS_PREFIX, strlen(PATHS_PREFIX)) == 0 && !strchr(name, '.') &&
	       strlen(name) <= STELE_NAME_MAX && stele_name_check("region", name) == 0;
}

static int names_list_error(const char *directory, int errnum)
{
	return error_set(errnum, "cannot list %s: %s", directory, strerror(errnum));
}

/* Calls `each` for the name of every region in a directory, in any order, until it returns a value
 * other than 0. Returns that value, 0, or a negative errno. */
static int names_each(const char *path, stele_region_fn *each, void *context)
{
	const char *name = path ? path : PATHS_DIRECTORY;
	const struct dirent *entry;
	DIR *directory = opendir(name);
	int r = 0;

	if (!directory)
		return names_list_error(name, errno);
	while (r == 0 && (errno = 0, entry = readdir(directory)) != NULL)
		if (names_is_region(entry->d_name))
			r = each(entry->d_name + strlen(PATHS_PREFIX), context);
	if (r == 0 && errno != 0)
		r = names_list_error(name, errno);
	closedir(directory);
	return r;
}

/* ---- all names, sorted ---- */

struct names_list {
	char (*names)[STELE_NAME_MAX + 1];
	size_t count, capacity;
};

static int names_add(const char *name, void *context)
{
	struct names_list *list = context;

	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 64;
		void *names = realloc(list->names, capacity * sizeof(*list->names));
		if (!names)
			return error_set(ENOMEM, "no memory for the names of %zu regions",
			                 capacity);
		list->names = names;
		list->capacity = capacity;
	}
	memcpy(list->names[list->count++], name, strlen(name) + 1);
	return 0;
}

static int names_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

int stele_region_each(const char *directory, stele_region_fn *each, void *context)
{
	struct names_list list = {0};
	int r = names_each(directory, names_add, &list);

	if (r == 0 && list.count > 0)
		qsort(list.names, list.count, sizeof(*list.names), names_compare);
	for (size_t i = 0; i < list.count && r == 0; i++)
		/* readdir() may list a file twice if it is renamed during the listing. */
		if (i == 0 || strcmp(list.names[i], list.names[i - 1]) != 0)
			r = each(list.names[i], context);
	free(list.names);
	return r;
}

/* ---- the next name ---- */

struct names_next {
	const char *after;
	char best[STELE_NAME_MAX + 1]; /* first name after `after` so far; "": none */
};

/* Remembers a name that comes after `after` and before the best name so far. */
static int names_take_nearer(const char *name, void *context)
{
	struct names_next *next = context;

	if (strcmp(name, next->after) > 0 &&
	    (next->best[0] == '\0' || strcmp(name, next->best) < 0))
		memcpy(next->best, name, strlen(name) + 1);
	return 0;
}

int stele_region_next(const char *directory, char *name)
{
	struct names_next next = {.after = name};
	int r = names_each(directory, names_take_nearer, &next);

	if (r < 0 || next.best[0] == '\0')
		return r;
	memcpy(name, next.best, sizeof(next.best));
	return 1;
}
