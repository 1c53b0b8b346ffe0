/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

/* ---- times as users type them ---- */

/* Parses a number, with a fraction, of one of the units. Returns false if the text is not one. */
static bool parse_units(const char *text, uint64_t *ret_nanoseconds)
{
	static const struct {
		char unit;
		double seconds;
	} units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	double number;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	number = strtod(text, &end);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (*end != units[i].unit || (*end && end[1]) ||
		    !(number * units[i].seconds <= 1e9))
			continue;
		*ret_nanoseconds = (uint64_t)(number * units[i].seconds * (double)NSEC_PER_SEC);
		return true;
	}
	return false;
}

enum status parse_duration(const char *what, const char *text, uint64_t *ret_nanoseconds)
{
	if (parse_units(text, ret_nanoseconds))
		return STATUS_DONE;
	return fail(STATUS_INPUT,
	            "%s: invalid value \"%s\" (expected a duration, such as 90s, 5m, 1h or 2d)",
	            what, text);
}

/* Parses `digits` decimal digits and the character after them, and moves on. */
static bool parse_part(const char **text, int digits, char after, int *ret)
{
	const char *at = *text;

	*ret = 0;
	for (int i = 0; i < digits; i++, at++) {
		if (*at < '0' || *at > '9')
			return false;
		*ret = *ret * 10 + (*at - '0');
	}
	if (after && *at++ != after)
		return false;
	*text = at;
	return true;
}

/* Parses HH:MM[:SS[.FRACTION]], and moves on. */
static bool parse_clock(const char **text, struct tm *time, uint64_t *ret_fraction)
{
	uint64_t unit = NSEC_PER_SEC / 10;

	*ret_fraction = 0;
	if (!parse_part(text, 2, ':', &time->tm_hour) || !parse_part(text, 2, '\0', &time->tm_min))
		return false;
	if (**text == ':') {
		++*text;
		if (!parse_part(text, 2, '\0', &time->tm_sec))
			return false;
		if (**text == '.' && (*text)[1] >= '0' && (*text)[1] <= '9')
			for (++*text; **text >= '0' && **text <= '9'; ++*text, unit /= 10)
				*ret_fraction += (uint64_t)(**text - '0') * unit;
	}
	return time->tm_hour < 24 && time->tm_min < 60 && time->tm_sec <= 60;
}

/* Parses the end of a time: nothing, Z, or an offset such as +02:00. Returns true and the seconds
 * since 1970. */
static bool parse_zone(const char *text, struct tm *time, time_t *ret)
{
	int hours = 0, minutes = 0;
	const char *at = text + 1;

	time->tm_isdst = -1;
	if (!*text) {
		*ret = mktime(time);
		return true;
	}
	*ret = timegm(time);
	if (*text == 'Z' || *text == 'z')
		return !*at;
	if ((*text != '+' && *text != '-') || !parse_part(&at, 2, '\0', &hours))
		return false;
	at += *at == ':';
	if (*at && !parse_part(&at, 2, '\0', &minutes))
		return false;
	*ret -= (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return !*at && hours < 24 && minutes < 60;
}

/* Parses YYYY-MM-DD, alone or with a time after it. */
static bool parse_date(const char *text, uint64_t *ret)
{
	struct tm time = {0}, given;
	uint64_t fraction = 0;
	time_t seconds;

	if (!parse_part(&text, 4, '-', &time.tm_year) || !parse_part(&text, 2, '-', &time.tm_mon) ||
	    !parse_part(&text, 2, '\0', &time.tm_mday))
		return false;
	time.tm_year -= 1900;
	time.tm_mon -= 1;
	if (*text && ((*text != 'T' && *text != 't' && *text != ' ') || !*++text ||
	              !parse_clock(&text, &time, &fraction)))
		return false;
	given = time;
	if (!parse_zone(text, &time, &seconds) || seconds < 0)
		return false;
	/* mktime() turns a 30th of February into another day. */
	if (given.tm_mon > 11 || given.tm_mday < 1 || time.tm_mday != given.tm_mday)
		return false;
	*ret = (uint64_t)seconds * NSEC_PER_SEC + fraction;
	return true;
}

/* Parses a decimal number of seconds, such as 1769860997.25. */
static bool parse_since_1970(const char *text, uint64_t *ret)
{
	uint64_t unit = NSEC_PER_SEC, time;
	char *end;

	if (!parse_digits(text, &end, &time) || time > UINT64_MAX / NSEC_PER_SEC - 1)
		return false;
	time *= NSEC_PER_SEC;
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9'; end++)
			time += (uint64_t)(*end - '0') * (unit /= 10);
	if (*end)
		return false;
	*ret = time;
	return true;
}

/* Parses HH:MM[:SS], the last such time before now. */
static bool parse_today(const char *text, uint64_t now, uint64_t *ret)
{
	time_t seconds = (time_t)(now / NSEC_PER_SEC);
	struct tm time, day;
	uint64_t fraction;

	localtime_r(&seconds, &time);
	time.tm_sec = 0;
	if (!parse_clock(&text, &time, &fraction) || *text)
		return false;
	for (int back = 0; back < 2; back++) {
		day = time;
		day.tm_mday -= back;
		day.tm_isdst = -1;
		*ret = (uint64_t)mktime(&day) * NSEC_PER_SEC + fraction;
		if (*ret <= now)
			break;
	}
	return true;
}

bool parse_moment_at(const char *text, uint64_t now, uint64_t *ret)
{
	uint64_t back;

	if (strcmp(text, "now") == 0) {
		*ret = now;
		return true;
	}
	if (*text == '-' && text[strlen(text) - 1] > '9' && parse_units(text + 1, &back) &&
	    back < now) {
		*ret = now - back;
		return true;
	}
	if (*text == '@')
		return parse_since_1970(text + 1, ret);
	return parse_today(text, now, ret) || parse_date(text, ret);
}

enum status parse_moment(const char *what, const char *text, uint64_t *ret)
{
	if (parse_moment_at(text, clock_wall(), ret))
		return STATUS_DONE;
	return fail(STATUS_INPUT,
	            "%s: invalid value \"%s\" (expected a time, such as 12:03, 12:03:17, "
	            "\"2026-01-31 12:03\", 2026-01-31T12:03:17Z, @1769860997, now or -5m)",
	            what, text);
}
