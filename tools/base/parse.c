/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
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
#include "tools/base/text.h"

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

/* Appends the words to a text: "a, b or c". */
static void parse_list_words(struct text *text, const char *words)
{
	for (const char *word = words; *word; word += *word == '|') {
		size_t length = strcspn(word, "|");
		bool last = word[length] == '\0';

		text_append_string(text, word == words ? "" : last ? " or " : ", ");
		text_append(text, word, length);
		word += length;
	}
	text_append(text, "", 1);
}

static enum status parse_fail_word(const char *what, const char *text, const char *words)
{
	struct suggestion suggestion;
	struct text list = {0};
	enum status status;

	suggest_start(&suggestion, text);
	for (const char *word = words; *word; word += *word == '|') {
		size_t length = strcspn(word, "|");
		char name[SUGGESTION_MAX];

		snprintf(name, sizeof(name), "%.*s", (int)length, word);
		suggest_offer(&suggestion, name);
		word += length;
	}
	parse_list_words(&list, words);
	status = fail(STATUS_INPUT, "%s: invalid value \"%s\" (expected %s)%s%s%s", what, text,
	              list.bytes, *suggestion.best ? "; did you mean \"" : "", suggestion.best,
	              *suggestion.best ? "\"?" : "");
	text_free(&list);
	return status;
}

enum status parse_word(const char *what, const char *text, const char *words, unsigned *ret)
{
	unsigned number = 0;

	for (const char *word = words; *word; word += *word == '|', number++) {
		size_t length = strcspn(word, "|");

		if (strlen(text) == length && memcmp(word, text, length) == 0) {
			*ret = number;
			return STATUS_DONE;
		}
		word += length;
	}
	return parse_fail_word(what, text, words);
}

enum status parse_memory(const char *what, const char *text, enum stele_memory *ret)
{
	unsigned number;
	enum status status = parse_word(what, text, PARSE_MEMORY_WORDS, &number);

	if (status == STATUS_DONE)
		*ret = STELE_MEMORY_SHM + number;
	return status;
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

/* Parses exactly `digits` digits, from `min` to `max`. Moves `*at` behind them. */
static bool parse_moment_number(const char **at, int digits, int min, int max, int *ret)
{
	int number = 0;

	for (int i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)**at))
			return false;
		number = number * 10 + (*(*at)++ - '0');
	}
	*ret = number;
	return number >= min && number <= max;
}

/* Parses a fraction of a second, if there is one, to nanoseconds. */
static bool parse_moment_fraction(const char **at, int64_t *ret)
{
	int64_t unit = NSEC_PER_SEC / 10;

	*ret = 0;
	if (**at != '.')
		return true;
	if (!isdigit((unsigned char)*++*at))
		return false;
	for (; isdigit((unsigned char)**at); unit /= 10)
		*ret += unit * (*(*at)++ - '0');
	return true;
}

/* Parses HH:MM, HH:MM:SS or HH:MM:SS.FRACTION. */
static bool parse_moment_clock(const char **at, struct tm *time, int64_t *ret_fraction)
{
	*ret_fraction = 0;
	if (!parse_moment_number(at, 2, 0, 23, &time->tm_hour) || *(*at)++ != ':' ||
	    !parse_moment_number(at, 2, 0, 59, &time->tm_min))
		return false;
	if (**at != ':')
		return true;
	++*at;
	return parse_moment_number(at, 2, 0, 60, &time->tm_sec) &&
	       parse_moment_fraction(at, ret_fraction);
}

/* Parses YYYY-MM-DD. */
static bool parse_moment_date(const char **at, struct tm *time)
{
	struct tm day;

	if (!parse_moment_number(at, 4, 1970, 2500, &time->tm_year) || *(*at)++ != '-' ||
	    !parse_moment_number(at, 2, 1, 12, &time->tm_mon) || *(*at)++ != '-' ||
	    !parse_moment_number(at, 2, 1, 31, &time->tm_mday))
		return false;
	time->tm_year -= 1900;
	time->tm_mon--;
	/* timegm() turns a 30th of February into another day. */
	day = *time;
	timegm(&day);
	return day.tm_mday == time->tm_mday;
}

/* Parses Z, +HH:MM or -HH:MM, to seconds east of UTC. */
static bool parse_moment_offset(const char **at, int *ret)
{
	int sign = **at == '-' ? -1 : 1, hours, minutes;

	*ret = 0;
	if (**at == 'Z' || **at == 'z') {
		++*at;
		return true;
	}
	++*at;
	if (!parse_moment_number(at, 2, 0, 23, &hours) || *(*at)++ != ':' ||
	    !parse_moment_number(at, 2, 0, 59, &minutes))
		return false;
	*ret = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool parse_moment_finish(time_t seconds, int64_t fraction, uint64_t *ret)
{
	if (seconds < 0)
		return false;
	*ret = (uint64_t)seconds * NSEC_PER_SEC + (uint64_t)fraction;
	return true;
}

/* Parses a time of the day, which was today or, if that is still to come, yesterday. */
static bool parse_moment_of_day(const char *text, uint64_t now, uint64_t *ret)
{
	time_t today = (time_t)(now / NSEC_PER_SEC);
	struct tm time;
	int64_t fraction;

	localtime_r(&today, &time);
	time.tm_sec = 0;
	time.tm_isdst = -1;
	if (!parse_moment_clock(&text, &time, &fraction) || *text)
		return false;
	if (!parse_moment_finish(mktime(&time), fraction, ret))
		return false;
	if (*ret <= now)
		return true;
	time.tm_mday--;
	time.tm_isdst = -1;
	return parse_moment_finish(mktime(&time), fraction, ret);
}

static bool parse_moment_with_date(const char *text, uint64_t *ret)
{
	struct tm time = {.tm_isdst = -1};
	int64_t fraction = 0;
	int offset;

	if (!parse_moment_date(&text, &time))
		return false;
	if (*text == 'T' || *text == 't' || *text == ' ') {
		text++;
		if (!parse_moment_clock(&text, &time, &fraction))
			return false;
		if (*text && strchr("Zz+-", *text)) {
			time_t seconds = timegm(&time);

			return parse_moment_offset(&text, &offset) && !*text &&
			       parse_moment_finish(seconds - offset, fraction, ret);
		}
	}
	return !*text && parse_moment_finish(mktime(&time), fraction, ret);
}

static bool parse_moment_seconds(const char *text, uint64_t *ret)
{
	const char *start = text;
	int64_t seconds = 0, fraction;

	for (; isdigit((unsigned char)*text) && text - start < 10; text++)
		seconds = seconds * 10 + (*text - '0');
	return text > start && parse_moment_fraction(&text, &fraction) && !*text &&
	       parse_moment_finish((time_t)seconds, fraction, ret);
}

static bool parse_units(const char *text, uint64_t *ret_nanoseconds);

/* Parses a duration with a unit, before now. A number without a unit may count versions. */
static bool parse_moment_before(const char *text, uint64_t now, uint64_t *ret)
{
	uint64_t back;

	if (!*text || !strchr("smhd", text[strlen(text) - 1]) || !parse_units(text, &back) ||
	    back > now)
		return false;
	*ret = now - back;
	return true;
}

bool parse_moment(const char *text, uint64_t now, uint64_t *ret)
{
	if (strcmp(text, "now") == 0) {
		*ret = now;
		return true;
	}
	if (*text == '-')
		return parse_moment_before(text + 1, now, ret);
	if (*text == '@')
		return parse_moment_seconds(text + 1, ret);
	if (isdigit((unsigned char)text[0]) && isdigit((unsigned char)text[1]) && text[2] == ':')
		return parse_moment_of_day(text, now, ret);
	return parse_moment_with_date(text, ret);
}

/* Parses a number, with a fraction, of one of the units. Returns false if the text is not one. */
static bool parse_units(const char *text, uint64_t *ret_nanoseconds)
{
	static const struct {
		char unit;
		double seconds;
	} units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	size_t length = strspn(text, "0123456789");
	const char *end = text + length;
	double number;

	/* strtod() also takes 0x10 and 1e3. */
	if (length == 0)
		return false;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	number = strtod(text, NULL);
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

enum status parse_time(const char *what, const char *text, uint64_t *ret)
{
	if (parse_moment(text, clock_wall(), ret))
		return STATUS_DONE;
	return fail(STATUS_INPUT,
	            "%s: invalid value \"%s\" (expected a time, such as 12:03, 12:03:17, "
	            "\"2026-01-31 12:03\", 2026-01-31T12:03:17Z, @1769860997, now or -5m)",
	            what, text);
}
