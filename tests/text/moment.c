/* SPDX-License-Identifier: MIT
 *
 * Times and durations as people type them. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "lib/units.h"
#include "tools/base/clock.c"
#include "tools/base/escape.c"
#include "tools/base/fail.c"
#include "tools/base/heap.c"
#include "tools/base/parse.c"
#include "tools/base/suggest.c"
#include "tools/base/text.c"

/* A zone that is two hours ahead of UTC, without summer time. */
static void moment_begin(void)
{
	setenv("TZ", "XYZ-2", 1);
	tzset();
}

TestSuite(text_moment, .init = moment_begin, .timeout = 30);

#define NOON UINT64_C(1769860800) /* 2026-01-31T12:00:00Z */

static void expect_moment(const char *text, uint64_t seconds, uint64_t nanoseconds)
{
	uint64_t got = 0;

	cr_expect(parse_time("--at", text, &got) == STATUS_DONE, "%s is refused", text);
	cr_expect(got == seconds * (uint64_t)NSEC_PER_SEC + nanoseconds, "%s is %llu", text,
	          (unsigned long long)got);
}

Test(text_moment, dates_with_and_without_a_zone)
{
	expect_moment("2026-01-31T12:00:00Z", NOON, 0);
	expect_moment("2026-01-31t12:00:00z", NOON, 0);
	expect_moment("2026-01-31 12:00:17.25Z", NOON + 17, 250000000);
	expect_moment("2026-01-31T14:00:00+02:00", NOON, 0);
	expect_moment("2026-01-31T06:30:00+05:30", NOON - 11 * 3600, 0);
	expect_moment("2026-01-31T04:00:00-08:00", NOON, 0);
	expect_moment("2026-01-31 14:00", NOON, 0);
	expect_moment("2026-01-31T14:00:17", NOON + 17, 0);
	expect_moment("2026-01-31", NOON - 14 * 3600, 0);
	expect_moment("@1769860800", NOON, 0);
	expect_moment("@1769860800.000000001", NOON, 1);
}

/* A time of the day is the last one: at most a day ago, and never later than now. */
Test(text_moment, times_of_the_day_are_the_last_ones)
{
	static const char *const texts[] = {"00:00", "03:17:01", "12:03", "23:59:59.999999999"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint64_t before = clock_wall(), got = 0, after;
		char shown[16];
		struct tm tm;
		time_t seconds;

		cr_assert(parse_time("--at", texts[i], &got) == STATUS_DONE, "%s", texts[i]);
		after = clock_wall();
		cr_expect(got <= after, "%s lies in the future", texts[i]);
		cr_expect(before - got <= 86400 * (uint64_t)NSEC_PER_SEC || got > before,
		          "%s is too old", texts[i]);
		seconds = (time_t)(got / (uint64_t)NSEC_PER_SEC);
		strftime(shown, sizeof(shown), "%H:%M:%S", localtime_r(&seconds, &tm));
		cr_expect(strncmp(shown, texts[i], strlen(texts[i]) < 8 ? 5 : 8) == 0, "%s is %s",
		          texts[i], shown);
	}
}

Test(text_moment, times_before_now)
{
	uint64_t before = clock_wall(), got = 0;

	cr_assert(parse_time("--at", "-2h", &got) == STATUS_DONE);
	cr_expect(got >= before - 7200 * (uint64_t)NSEC_PER_SEC);
	cr_expect(got <= clock_wall() - 7200 * (uint64_t)NSEC_PER_SEC);
	cr_assert(parse_time("--at", "now", &got) == STATUS_DONE);
	cr_expect(got >= before && got <= clock_wall());
}

Test(text_moment, what_is_no_time_is_refused)
{
	static const char *const texts[] = {
		"",
		"12",
		"24:00",
		"12:60",
		"1:2",
		"12:03:",
		"12:03:17x",
		"12:03:17.",
		"2026-13-01",
		"2026-02-30",
		"2026-01-00",
		"2026-01-31T",
		"2026-01-31 7",
		"@",
		"@x",
		"@1.2.3",
		"@99999999999999999999",
		"-",
		"-5x",
		"yesterday",
		"2026-01-31T12:00:00+2:00",
		"2026-01-31T12:00:00Zz",
	};
	uint64_t got = 7;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_expect(parse_time("--at", texts[i], &got) == STATUS_INPUT && got == 7,
		          "%s is taken as %llu", texts[i], (unsigned long long)got);
}

Test(text_moment, durations)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} durations[] = {{"90", 90}, {"90s", 90}, {"5m", 300}, {"1h", 3600}, {"2d", 172800}};
	uint64_t got;

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		cr_expect(parse_duration("--rotate", durations[i].text, &got) == STATUS_DONE);
		cr_expect(got == durations[i].seconds * (uint64_t)NSEC_PER_SEC, "%s",
		          durations[i].text);
	}
	cr_expect(parse_duration("--rotate", "0.5s", &got) == STATUS_DONE && got == 500000000);
	cr_expect(parse_duration("--rotate", "", &got) == STATUS_INPUT);
	cr_expect(parse_duration("--rotate", "h", &got) == STATUS_INPUT);
	cr_expect(parse_duration("--rotate", "1hx", &got) == STATUS_INPUT);
	cr_expect(parse_duration("--rotate", "-1h", &got) == STATUS_INPUT);
}
