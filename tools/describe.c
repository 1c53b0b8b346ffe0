/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stele/stele.h>
#include "describe.h"

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

const char *describe_uuid(const uint8_t uuid[16], char *buffer)
{
	return describe_value(STELE_UUID, uuid, 16, buffer);
}

const char *describe_process(uint32_t pid, const char *command, char *buffer)
{
	snprintf(buffer, DESCRIBED_MAX, "%s (%u)", command, (unsigned)pid);
	return buffer;
}

struct cell cell_size(uint64_t bytes, char *number, char *plain)
{
	struct cell cell = cell_literal(describe_number(bytes, number));

	cell.plain = describe_size(bytes, plain);
	return cell;
}

struct cell cell_number(uint64_t number, char *buffer)
{
	return cell_literal(describe_number(number, buffer));
}

struct cell cell_time(uint64_t nanoseconds, char *buffer)
{
	if (!nanoseconds)
		return (struct cell){.kind = CELL_NONE};
	return cell_text(describe_time(nanoseconds, buffer));
}
