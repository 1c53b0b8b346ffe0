/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

int names_make(const char *region, struct names *ret)
{
	int r = stele_name_check("region", region);

	if (r < 0)
		return r;
	snprintf(ret->region, sizeof(ret->region), "%s", region);
	snprintf(ret->data, sizeof(ret->data), NAMES_DIRECTORY "/" NAMES_PREFIX "%s", ret->region);
	snprintf(ret->publisher, sizeof(ret->publisher),
	         NAMES_DIRECTORY "/" NAMES_PREFIX "%s.publisher", ret->region);
	snprintf(ret->subscribers, sizeof(ret->subscribers),
	         NAMES_DIRECTORY "/" NAMES_PREFIX "%s.subscribers", ret->region);
	return 0;
}

void names_queue(const char *region, const uint8_t uuid[16], char ret[NAMES_QUEUE_SIZE])
{
	char text[UUID_STR_LEN];

	uuid_unparse_lower(uuid, text);
	snprintf(ret, NAMES_QUEUE_SIZE, "/" NAMES_PREFIX "%s.%s", region, text);
}

void names_boot_id(uint8_t ret[16])
{
	char text[UUID_STR_LEN] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(ret, 0, 16);
	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1)
		uuid_parse(text, ret);
	close(fd);
}

void names_command(char ret[16])
{
	memset(ret, 0, 16);
	prctl(PR_GET_NAME, ret);
}

uint32_t names_ipc_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/ipc", &status) == 0 ? (uint32_t)status.st_ino : 0;
}

uint64_t time_of_day(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t time_monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
