/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/suggest.h"

/* Parses decimal digits at the start of `text`. Unlike strtoull(), accepts no sign, space or octal
 * number. */
static bool parse_digits(const char *text, char **ret_end, uint64_t *ret)
{
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, ret_end, 10);
	return errno == 0;
}

enum status parse_count(const char *what, const char *text, uint64_t min, uint64_t max,
                        uint64_t *ret)
{
	uint64_t count;
	char *end;

	if (!parse_digits(text, &end, &count) || *end || count < min || count > max)
		return fail(STATUS_INPUT,
		            "%s: invalid value \"%s\" (expected a number from %llu to %llu)", what,
		            text, (unsigned long long)min, (unsigned long long)max);
	*ret = count;
	return STATUS_DONE;
}

enum status parse_size(const char *what, const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *unit = "";
	unsigned shift = 0;
	uint64_t size;
	char *end;

	if (parse_digits(text, &end, &size)) {
		unit = end;
		if (*unit && strchr(units, *unit)) {
			shift = 10 * (unsigned)(strchr(units, *unit) - units + 1);
			unit++;
		}
		if (!*unit && size && size <= (UINT64_C(1) << 62) >> shift) {
			*ret = size << shift;
			return STATUS_DONE;
		}
	}
	return fail(STATUS_INPUT, "%s: invalid value \"%s\" (expected a size such as 64M or 4G)",
	            what, text);
}

static const char *const memory_names[] = {
	[STELE_MEMORY_SHM] = "shm",
	[STELE_MEMORY_FILE] = "file",
	[STELE_MEMORY_SYSV] = "sysv",
};

const char *parse_memory_name(enum stele_memory memory)
{
	return memory_names[memory];
}

enum status parse_memory(const char *what, const char *text, enum stele_memory *ret)
{
	struct suggestion suggestion;

	suggest_start(&suggestion, text);
	for (enum stele_memory i = STELE_MEMORY_SHM; i <= STELE_MEMORY_SYSV; i++) {
		if (strcmp(text, memory_names[i]) == 0) {
			*ret = i;
			return STATUS_DONE;
		}
		suggest_offer(&suggestion, memory_names[i]);
	}
	if (suggestion.best[0])
		return fail(STATUS_INPUT, "%s: invalid value \"%s\"; did you mean \"%s\"?", what,
		            text, suggestion.best);
	return fail(STATUS_INPUT, "%s: invalid value \"%s\" (expected shm, file or sysv)", what,
	            text);
}

enum status parse_group(const char *what, const char *text, gid_t *ret)
{
	const struct group *group = getgrnam(text);
	unsigned long number;
	char *end;

	if (group) {
		*ret = group->gr_gid;
		return STATUS_DONE;
	}
	errno = 0;
	number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number >= (gid_t)-1)
		return fail(STATUS_INPUT,
		            "%s: there is no group \"%s\" (expected a name or a number)", what,
		            text);
	*ret = (gid_t)number;
	return STATUS_DONE;
}

enum status parse_seconds(const char *what, const char *text, int64_t *ret_nanoseconds)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0 && seconds <= 1e9))
		return fail(STATUS_INPUT,
		            "%s: invalid value \"%s\" (expected a number of seconds, such as 2 or "
		            "0.5)",
		            what, text);
	*ret_nanoseconds = (int64_t)(seconds * (double)NSEC_PER_SEC);
	return STATUS_DONE;
}

enum status parse_deadline(const char *what, const char *text, int64_t *ret_deadline)
{
	enum status status;
	int64_t time;

	if (strcmp(text, "inf") == 0) {
		*ret_deadline = STELE_FOREVER;
		return STATUS_DONE;
	}
	status = parse_seconds(what, text, &time);
	if (status == STATUS_DONE)
		*ret_deadline = clock_now() + time;
	return status;
}
