/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/stat.h>
#include <stele/stele.h>
#include "tools/usage/directory.h"

/* Returns true if `length` bytes of the text are the path of a directory, or of a file that is
 * none. 0 bytes are the root. */
static bool directory_is(const char *text, size_t length, bool directory)
{
	struct stat status;
	char path[4096];

	if (length >= sizeof(path))
		return false;
	memcpy(path, text, length);
	path[length] = '\0';
	return stat(length ? path : "/", &status) == 0 && S_ISDIR(status.st_mode) == directory;
}

/* Returns true if the text is NAME, or NAME/NAME if `slashes` is 1. */
static bool directory_is_names(const char *text, unsigned slashes)
{
	char name[STELE_NAME_MAX + 1];
	size_t length = strcspn(text, "/");

	if (length > STELE_NAME_MAX)
		return false;
	memcpy(name, text, length);
	name[length] = '\0';
	if (stele_name_check("region", name) < 0)
		return false;
	return slashes == 0 ? text[length] == '\0'
	                    : text[length] == '/' && directory_is_names(text + length + 1, 0);
}

char *directory_split(char *text, struct directory_form form, const char **ret_directory)
{
	char *slash = strrchr(text, '/'), *before;

	if ((*text != '/' && *text != '.') || !slash)
		return NULL;
	if (directory_is(text, strlen(text), false) ||
	    (form.table && directory_is(text, (size_t)(slash - text), false)))
		return NULL;
	before = memrchr(text, '/', (size_t)(slash - text));
	if (form.table && before &&
	    (!form.region || !directory_is(text, (size_t)(slash - text), true)))
		slash = before;
	else if (!form.region)
		return NULL;
	if (!directory_is_names(slash + 1, slash == before ? 1 : 0))
		return NULL;
	/* The message about a missing directory is that about a missing file. */
	if (form.file && !directory_is(text, (size_t)(slash - text), true))
		return NULL;
	*slash = '\0';
	*ret_directory = *text ? text : "/";
	return slash + 1;
}
