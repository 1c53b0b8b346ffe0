/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include "tools/region/place.h"

static const char *directory;

const char *located(const char *region)
{
	static char *path;
	char *made;

	if (is_path(region) ? asprintf(&made, "file:%s", region) < 0
	                    : asprintf(&made, "%s%s%s", directory ? directory : "",
	                               directory ? "/" : "", region) < 0)
		abort();
	free(path);
	path = made;
	return path;
}

bool is_path(const char *text)
{
	return *text == '/' || *text == '.';
}

const char *located_directory(void)
{
	return directory;
}

void located_in(const char *path)
{
	directory = path;
}
