/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/region/place.h"
#include "tools/region/target.h"

enum status target_parse(const char *command, const char *text, bool table_needed,
                         struct target *ret)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	if (place_is_path(text))
		return fail_usage(command,
		                  "invalid operand \"%s\" (expected the name of a region; a saved "
		                  "file can only be read)",
		                  text);
	if (!slash && table_needed)
		return fail_usage(
			command,
			"invalid operand \"%s\" (expected REGION/TABLE, such as net/routes)", text);
	if (slash && strchr(slash + 1, '/'))
		return fail_usage(
			command,
			"invalid operand \"%s\" (expected REGION/TABLE; a path starts with / "
			"or ., such as ./%s)",
			text, text);
	snprintf(ret->region, sizeof(ret->region), "%.*s",
	         (int)(length < sizeof(ret->region) ? length : sizeof(ret->region)), text);
	if (stele_name_check("region", ret->region) < 0)
		return fail_library(-EINVAL);
	if (slash && stele_name_check("table", slash + 1) < 0)
		return fail_library(-EINVAL);
	snprintf(ret->table, sizeof(ret->table), "%s", slash ? slash + 1 : "");
	return STATUS_DONE;
}

enum status target_check_region(const char *text)
{
	if (stele_name_check("region", text) == 0)
		return STATUS_DONE;
	if (!place_is_path(text) && strchr(text, '/'))
		return fail(
			STATUS_INPUT,
			"\"%s\" is not the name of a region; a path starts with / or ., such as "
			"./%s",
			text, text);
	return fail_library(-EINVAL);
}

enum status target_check_source(const char *text)
{
	if (place_is_path(text) || stele_name_check("region", text) == 0)
		return STATUS_DONE;
	if (access(text, F_OK) == 0)
		return fail(
			STATUS_INPUT,
			"\"%s\" is not the name of a region; the path of a saved file starts with "
			"/ or ., such as ./%s",
			text, text);
	return target_check_region(text);
}

/* Splits FILE/TABLE at the last slash. Returns false if there is no table but one is needed. If
 * none is needed, `text` is FILE/TABLE only if stat() fails with ENOTDIR, as it does for a path
 * below a file. */
static bool target_split_path(const char *text, bool table_needed, struct target *ret)
{
	const char *slash = strrchr(text, '/');
	struct stat status;

	if (!table_needed && (stat(text, &status) == 0 || errno != ENOTDIR))
		slash = NULL;
	if (slash == text || strlen(text) >= sizeof(ret->region) || (table_needed && !slash))
		return false;
	snprintf(ret->region, sizeof(ret->region), "%.*s",
	         slash ? (int)(slash - text) : (int)strlen(text), text);
	snprintf(ret->table, sizeof(ret->table), "%.*s", STELE_NAME_MAX, slash ? slash + 1 : "");
	return true;
}

enum status target_parse_source(const char *command, const char *text, bool table_needed,
                                struct target *ret)
{
	if (!place_is_path(text))
		return target_parse(command, text, table_needed, ret);
	if (!target_split_path(text, table_needed, ret))
		return fail_usage(command,
		                  "invalid operand \"%s\" (expected FILE/TABLE, such as "
		                  "./net.stele/routes)",
		                  text);
	if (*ret->table && stele_name_check("table", ret->table) < 0)
		return fail_library(-EINVAL);
	return STATUS_DONE;
}
