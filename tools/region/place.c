/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include "tools/region/place.h"

const char *place_path(const struct place *place, const char *region)
{
	static char *path;
	char *made;

	if (place_is_path(region)
	            ? asprintf(&made, "file:%s", region) < 0
	            : asprintf(&made, "%s%s%s", place->directory ? place->directory : "",
	                       place->directory ? "/" : "", region) < 0)
		abort();
	free(path);
	path = made;
	return path;
}

const char *place_directory(const struct place *place)
{
	return place->directory ? place->directory : "/dev/shm";
}

bool place_is_path(const char *text)
{
	return *text == '/' || *text == '.';
}
