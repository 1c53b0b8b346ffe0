/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include "tools/region/place.h"

static const char *directory;

const char *place_path(const char *region)
{
	static char *path;
	char *made;

	if (place_is_path(region) ? asprintf(&made, "file:%s", region) < 0
	                          : asprintf(&made, "%s%s%s", directory ? directory : "",
	                                     directory ? "/" : "", region) < 0)
		abort();
	free(path);
	path = made;
	return path;
}

bool place_is_path(const char *text)
{
	return *text == '/' || *text == '.';
}

const char *place_directory(void)
{
	return directory;
}

void place_set_directory(const char *path)
{
	directory = path;
}
