/* SPDX-License-Identifier: MIT */
#include "lib/types/text_time.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/types/text_number.h"
#include "lib/units.h"

#define ZONE_LENGTH 6u /* of +02:00 */

static_assert(sizeof(time_t) == 8, "a 32-bit time_t ends in 2038");

void text_time_format(uint64_t nanoseconds, char *ret)
{
	time_t seconds = (time_t)(nanoseconds / NSEC_PER_SEC);
	struct tm tm;
	size_t length;

	gmtime_r(&seconds, &tm);
	length = strftime(ret, TEXT_FIXED_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	if (nanoseconds % NSEC_PER_SEC != 0)
		length += (size_t)snprintf(ret + length, TEXT_FIXED_MAX - length, ".%09" PRIu64,
		                           nanoseconds % NSEC_PER_SEC);
	strcpy(ret + length, "Z");
}

/* Reads `count` digits at `*text`, then the character `after`. Advances `*text` past them. */
static int time_parse_field(const char **text, size_t count, char after, int *ret)
{
	uint64_t number;

	if (text_decimal_parse(*text, count, &number) < 0 || (*text)[count] != after)
		return -EINVAL;
	*text += count + 1;
	*ret = (int)number;
	return 0;
}

/* Parses the date and the time of day, up to the seconds. The text must have a byte after them. */
static int time_parse_date(const char *text, time_t *ret)
{
	struct tm tm = {0}, same;

	if (time_parse_field(&text, 4, '-', &tm.tm_year) < 0 ||
	    time_parse_field(&text, 2, '-', &tm.tm_mon) < 0 ||
	    time_parse_field(&text, 2, 'T', &tm.tm_mday) < 0 ||
	    time_parse_field(&text, 2, ':', &tm.tm_hour) < 0 ||
	    time_parse_field(&text, 2, ':', &tm.tm_min) < 0 ||
	    time_parse_field(&text, 2, text[2], &tm.tm_sec) < 0)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	same = tm;
	*ret = timegm(&same);
	/* timegm(3) normalizes fields that are out of range: it changes April 31 to May 1. */
	if (same.tm_mon != tm.tm_mon || same.tm_mday != tm.tm_mday || same.tm_hour != tm.tm_hour ||
	    same.tm_min != tm.tm_min || same.tm_sec != tm.tm_sec)
		return -EINVAL;
	return 0;
}

/* Parses one to nine digits of a fraction of a second, and converts it to nanoseconds. */
static int time_parse_fraction(const char *text, size_t length, uint64_t *ret)
{
	if (length > 9 || text_decimal_parse(text, length, ret) < 0)
		return -EINVAL;
	for (; length < 9; length++)
		*ret *= 10;
	return 0;
}

/* Returns the length of the zone at the end of a time, 'Z' or '+02:00', and its offset from UTC in
 * seconds. Returns 0 if there is no zone. */
static size_t time_parse_zone(const char *text, size_t length, time_t *ret_offset)
{
	const char *zone = text + length - ZONE_LENGTH;
	int hours, minutes;

	*ret_offset = 0;
	if (length > 0 && text[length - 1] == 'Z')
		return 1;
	if (length < ZONE_LENGTH || (*zone != '+' && *zone != '-'))
		return 0;
	text = zone + 1;
	if (time_parse_field(&text, 2, ':', &hours) < 0 ||
	    text_decimal_parse(text, 2, &(uint64_t){0}) < 0)
		return 0;
	minutes = (text[0] - '0') * 10 + text[1] - '0';
	if (hours > 23 || minutes > 59)
		return 0;
	*ret_offset = (time_t)(hours * 60 + minutes) * (*zone == '+' ? 60 : -60);
	return ZONE_LENGTH;
}

static int time_join(int64_t seconds, uint64_t fraction, uint64_t *ret)
{
	uint64_t result;

	if (seconds < 0 || __builtin_mul_overflow((uint64_t)seconds, NSEC_PER_SEC, &result) ||
	    __builtin_add_overflow(result, fraction, &result))
		return -ERANGE;
	*ret = result;
	return 0;
}

/* Parses a number of seconds since 1970 with an optional fraction, as after '@' in date(1). */
static int time_parse_seconds(const char *text, size_t length, uint64_t *ret)
{
	const char *point = length > 0 ? memchr(text, '.', length) : NULL;
	size_t whole = point ? (size_t)(point - text) : length;
	uint64_t seconds, fraction = 0;
	int r = text_decimal_parse(text, whole, &seconds);

	if (r == 0 && point)
		r = time_parse_fraction(point + 1, length - whole - 1, &fraction);
	if (r < 0)
		return r;
	return seconds > INT64_MAX ? -ERANGE : time_join((int64_t)seconds, fraction, ret);
}

static uint64_t time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Parses a date, a time of day and a zone (RFC 3339). */
static int time_parse_rfc3339(const char *text, size_t length, uint64_t *ret)
{
	static const char shape[] = "2026-01-31T12:00:00";
	const size_t whole = sizeof(shape) - 1;
	uint64_t fraction = 0;
	time_t seconds, offset;
	size_t zone;
	int r;

	if (length <= whole)
		return -EINVAL;
	zone = time_parse_zone(text, length, &offset);
	if (zone == 0 || whole + zone > length)
		return -EINVAL;
	r = time_parse_date(text, &seconds);
	if (r == 0 && whole + zone < length)
		r = text[whole] == '.' ? time_parse_fraction(text + whole + 1,
		                                             length - whole - zone - 1, &fraction)
		                       : -EINVAL;
	return r < 0 ? r : time_join((int64_t)seconds - offset, fraction, ret);
}

int text_time_parse(const char *text, size_t length, uint64_t *ret)
{
	uint64_t number;
	int r;

	r = text_decimal_parse(text, length, &number);
	if (r == 0 && number > 0 && number < TEXT_TIME_MIN)
		return -EDOM;
	if (r == 0)
		*ret = number;
	if (r != -EINVAL)
		return r;
	if (length == 3 && memcmp(text, "now", 3) == 0) {
		*ret = time_now();
		return 0;
	}
	if (length > 0 && text[0] == '@')
		return time_parse_seconds(text + 1, length - 1, ret);
	return time_parse_rfc3339(text, length, ret);
}

void text_time_guess(const char *text, size_t length, char *ret, size_t size)
{
	/* Today a number of seconds has 10 digits, of milliseconds 13, and of microseconds 16. */
	int decimals = length > 14 ? 6 : length > 11 ? 3 : 0;
	int whole = (int)length - decimals;

	snprintf(ret, size, "@%.*s%s%.*s", whole, text, decimals > 0 ? "." : "", decimals,
	         text + whole);
}
