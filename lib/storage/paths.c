/* SPDX-License-Identifier: MIT */
#include "lib/storage/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "lib/base/checksum.h"
#include "lib/base/error.h"

/* Finds the absolute path of the directory that the first `length` bytes of `region` name. They end
 * in a slash, so that realpath(3) refuses a path that is not a directory. */
static int paths_find_directory(const char *region, size_t length, char ret[PATH_MAX])
{
	char directory[PATH_MAX];

	if (length >= sizeof(directory))
		return error_set(EINVAL, "the name of the region's directory is too long");
	memcpy(directory, region, length);
	directory[length] = '\0';
	/* An absolute path, because the files are opened again while the region is open: by then
	 * the process may have changed its working directory. */
	if (!realpath(directory, ret))
		return error_set(errno, "cannot use the directory %s for a region: %s", directory,
		                 strerror(errno));
	if (strlen(ret) + STELE_NAME_MAX + 64 > NAMES_PATH_SIZE)
		return error_set(EINVAL, "the path of the directory %s is too long for a region",
		                 ret);
	return 0;
}

int paths_missing_error(const struct region_paths *names)
{
	return error_set(ENOENT, "there is no region \"%s\" (no file %s)", names->region,
	                 names->data);
}

int paths_exists_error(const struct region_paths *names)
{
	return error_set(EEXIST,
	                 "there is a region \"%s\" already; give another name, or remove it",
	                 names->region);
}

int paths_long_error(const char *file)
{
	return error_set(EINVAL, "the path of the file %s is too long", file);
}

static bool paths_is_saved(const char *region)
{
	return strncmp(region, PATHS_SAVED, strlen(PATHS_SAVED)) == 0;
}

int paths_make_readable(const char *region, struct region_paths *ret)
{
	const char *path = region + strlen(PATHS_SAVED);
	char real[PATH_MAX];

	if (!paths_is_saved(region))
		return paths_make(region, ret);
	if (!realpath(path, real))
		return error_set(errno, "cannot open the file %s: %s", path, strerror(errno));
	if (strlen(real) >= NAMES_PATH_SIZE)
		return paths_long_error(path);
	*ret = (struct region_paths){.saved = true};
	memcpy(ret->data, real, strlen(real));
	snprintf(ret->region, sizeof(ret->region), "%.*s", STELE_NAME_MAX, strrchr(real, '/') + 1);
	return 0;
}

int paths_make(const char *region, struct region_paths *ret)
{
	const char *slash = strrchr(region, '/'), *name = slash ? slash + 1 : region;
	char directory[PATH_MAX] = PATHS_DIRECTORY, data[NAMES_PATH_SIZE];
	int r;

	if (paths_is_saved(region))
		return error_set(
			EINVAL,
			"%s is a saved file, not a region; load it into a region with stele load",
			region + strlen(PATHS_SAVED));
	r = stele_name_check("region", name);
	if (r == 0 && slash)
		r = paths_find_directory(region, (size_t)(slash + 1 - region), directory);
	if (r < 0)
		return r;
	ret->saved = false;
	ret->owner = (struct owner_rule){.rule = OWNER_ANY};
	ret->in_directory = strcmp(directory, PATHS_DIRECTORY) != 0;
	if (strcmp(directory, "/") == 0)
		directory[0] = '\0';
	snprintf(ret->region, sizeof(ret->region), "%s", name);
	snprintf(data, sizeof(data), "%.400s/" PATHS_PREFIX "%.63s", directory, name);
	snprintf(ret->data, sizeof(ret->data), "%.495s", data);
	snprintf(ret->publisher, sizeof(ret->publisher), "%.495s.publisher", data);
	snprintf(ret->subscribers, sizeof(ret->subscribers), "%.495s.subscribers", data);
	snprintf(ret->folder, sizeof(ret->folder), "%.495s.channels", data);
	snprintf(ret->tags, sizeof(ret->tags), "%.495s.tags", data);
	snprintf(ret->next_tags, sizeof(ret->next_tags), "%.495s.tags.new", data);
	return 0;
}

void paths_queue(const char *region, const uint8_t uuid[16], char ret[NAMES_QUEUE_SIZE])
{
	char text[UUID_STR_LEN];

	uuid_unparse_lower(uuid, text);
	snprintf(ret, NAMES_QUEUE_SIZE, "/" PATHS_PREFIX "%s.%s", region, text);
}

uint64_t paths_table_hash(const char *table)
{
	return checksum_bytes(CHECKSUM_BASIS, table, strlen(table));
}

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

int paths_boot_id(uint8_t ret[16])
{
	char text[UUID_STR_LEN] = "";
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);

	memset(ret, 0, 16);
	if (fd < 0 && errno != ENOENT && errno != EACCES)
		return error_set(errno, "cannot read " BOOT_ID ": %s", strerror(errno));
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1)
		uuid_parse(text, ret);
	close(fd);
	return 0;
}

void paths_command(char ret[16])
{
	memset(ret, 0, 16);
	prctl(PR_GET_NAME, ret);
}

uint32_t paths_user(void)
{
	uint32_t user = geteuid(), login;
	char text[16] = "", *end;
	int fd;

	if (user != 0)
		return user;
	fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return user;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	/* A process that no login has started has the largest number. */
	login = (uint32_t)strtoul(text, &end, 10);
	return end == text || login == UINT32_MAX ? user : login;
}

uint32_t paths_ipc_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/ipc", &status) == 0 ? (uint32_t)status.st_ino : 0;
}
