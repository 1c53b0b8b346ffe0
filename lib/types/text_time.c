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

/* Parses the date and the time of day, up to the seconds. `after` is the character that must come
 * next. */
static int time_parse_date(const char *text, char after, time_t *ret)
{
	struct tm tm = {0}, same;

	if (time_parse_field(&text, 4, '-', &tm.tm_year) < 0 ||
	    time_parse_field(&text, 2, '-', &tm.tm_mon) < 0 ||
	    time_parse_field(&text, 2, 'T', &tm.tm_mday) < 0 ||
	    time_parse_field(&text, 2, ':', &tm.tm_hour) < 0 ||
	    time_parse_field(&text, 2, ':', &tm.tm_min) < 0 ||
	    time_parse_field(&text, 2, after, &tm.tm_sec) < 0)
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

int text_time_parse(const char *text, size_t length, uint64_t *ret)
{
	static const char shape[] = "2026-01-31T12:00:00Z";
	const size_t shortest = sizeof(shape) - 1;
	uint64_t fraction = 0, result;
	time_t seconds;
	int r;

	r = text_decimal_parse(text, length, ret);
	if (r != -EINVAL)
		return r;
	if (length < shortest || text[length - 1] != 'Z')
		return -EINVAL;
	r = time_parse_date(text, length > shortest ? '.' : 'Z', &seconds);
	if (r == 0 && length > shortest)
		r = time_parse_fraction(text + shortest, length - shortest - 1, &fraction);
	if (r < 0)
		return r;
	if (seconds < 0 || __builtin_mul_overflow((uint64_t)seconds, NSEC_PER_SEC, &result) ||
	    __builtin_add_overflow(result, fraction, &result))
		return -ERANGE;
	*ret = result;
	return 0;
}
