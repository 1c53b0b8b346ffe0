/* SPDX-License-Identifier: MIT */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/describe.h"

const char *describe_number(uint64_t number, char *buffer)
{
	snprintf(buffer, DESCRIBED_MAX, "%llu", (unsigned long long)number);
	return buffer;
}

const char *describe_size(uint64_t bytes, char *buffer)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double size = (double)bytes;
	unsigned unit = 0;

	while (size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		size /= 1024;
		unit++;
	}
	snprintf(buffer, DESCRIBED_MAX, size < 10 && unit ? "%.1f %s" : "%.0f %s", size,
	         units[unit]);
	return buffer;
}

static const char *describe_value(enum stele_type type, const void *value, size_t size,
                                  char *buffer)
{
	struct stele_column column = {.name = "value", .type = type};

	stele_value_format(&column, value, size, buffer, DESCRIBED_MAX);
	return buffer;
}

const char *describe_time(uint64_t nanoseconds, char *buffer)
{
	return describe_value(STELE_TIME, &nanoseconds, sizeof(nanoseconds), buffer);
}

/* Formats a duration: "2 h 3 min". */
static const char *describe_duration(uint64_t nanoseconds, char *buffer)
{
	unsigned long long seconds = nanoseconds / NSEC_PER_SEC;

	if (seconds < 1)
		snprintf(buffer, DESCRIBED_MAX, "%llu ms",
		         (unsigned long long)nanoseconds / NSEC_PER_MSEC);
	else if (seconds < 60)
		snprintf(buffer, DESCRIBED_MAX, "%llu s", seconds);
	else if (seconds < 3600)
		snprintf(buffer, DESCRIBED_MAX, "%llu min %llu s", seconds / 60, seconds % 60);
	else if (seconds < 86400)
		snprintf(buffer, DESCRIBED_MAX, "%llu h %llu min", seconds / 3600,
		         seconds / 60 % 60);
	else
		snprintf(buffer, DESCRIBED_MAX, "%llu d %llu h", seconds / 86400,
		         seconds / 3600 % 24);
	return buffer;
}

const char *describe_age(uint64_t nanoseconds, char *buffer)
{
	uint64_t time = clock_wall();

	*buffer = '\0';
	if (nanoseconds)
		describe_duration(time > nanoseconds ? time - nanoseconds : 0, buffer);
	return buffer;
}

bool describe_is_stopped(uint32_t pid, const char *command)
{
	char path[64], line[512], *end;
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/stat", (unsigned)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	length = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[length] = '\0';
	/* The line begins with "PID (COMMAND) STATE". The command may contain parentheses. */
	end = strrchr(line, ')');
	if (!end || !strchr(line, '(') || end[1] != ' ')
		return false;
	*end = '\0';
	return strcmp(strchr(line, '(') + 1, command) == 0 && (end[2] == 'T' || end[2] == 't');
}

const char *describe_uuid(const uint8_t uuid[16], char *buffer)
{
	return describe_value(STELE_UUID, uuid, 16, buffer);
}

const char *describe_token(uint64_t version, const uint8_t uuid[16], char *buffer)
{
	struct stele_position position = {.version = version};

	memcpy(position.region, uuid, sizeof(position.region));
	stele_position_format(&position, buffer, DESCRIBED_MAX);
	return buffer;
}

const char *describe_token_short(uint64_t version, const uint8_t uuid[16], char *buffer)
{
	describe_token(version, uuid, buffer);
	buffer[strcspn(buffer, "@") + sizeof("@01234567") - 1] = '\0';
	return buffer;
}

const char *describe_process(uint32_t pid, const char *command, char *buffer)
{
	snprintf(buffer, DESCRIBED_MAX, "%s (%u)", command, (unsigned)pid);
	return buffer;
}

const char *describe_user(const struct stele_commit *commit, char *buffer)
{
	const struct passwd *found;

	if (!commit->user_known)
		return NULL;
	found = getpwuid(commit->user);
	if (!found)
		return describe_number(commit->user, buffer);
	snprintf(buffer, DESCRIBED_MAX, "%s", found->pw_name);
	return buffer;
}

const char *describe_given_up(uint64_t versions, char *buffer)
{
	if (versions == 0)
		return describe_number(versions, buffer);
	if (versions == 1)
		snprintf(buffer, DESCRIBED_MAX, "1 version was reclaimed while it was counted");
	else
		snprintf(buffer, DESCRIBED_MAX,
		         "%llu versions were reclaimed while they were counted",
		         (unsigned long long)versions);
	return buffer;
}

const char *describe_grouped(uint64_t number, char *buffer)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	char *to = buffer;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return buffer;
}
