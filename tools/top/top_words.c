/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/top/top_words.h"

const char *words_rate(double rate, bool estimated, char buffer[TOP_WORD])
{
	static const char *const units[] = {"", "k", "M", "G", "T"};
	unsigned unit = 0;

	while (rate >= 9999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		rate /= 1000;
		unit++;
	}
	snprintf(buffer, TOP_WORD, "%s%.*f%s", estimated ? "~" : "", rate > 0 && rate < 9.95, rate,
	         units[unit]);
	return buffer;
}

const char *words_count(uint64_t count, char buffer[TOP_WORD])
{
	if (count >= 10000)
		return words_rate((double)count, false, buffer);
	snprintf(buffer, TOP_WORD, "%u", (unsigned)count);
	return buffer;
}

const char *words_ago(uint64_t time, char buffer[TOP_WORD])
{
	uint64_t then = time / NSEC_PER_SEC, now = clock_wall() / NSEC_PER_SEC, seconds = 0;

	buffer[0] = '\0';
	if (!time)
		return buffer;
	if (now > then)
		seconds = now - then;
	if (seconds < 60)
		snprintf(buffer, TOP_WORD, "%us", (unsigned)seconds);
	else if (seconds < 3600)
		snprintf(buffer, TOP_WORD, "%um%02us", (unsigned)(seconds / 60),
		         (unsigned)(seconds % 60));
	else if (seconds < 86400)
		snprintf(buffer, TOP_WORD, "%uh%02um", (unsigned)(seconds / 3600),
		         (unsigned)(seconds / 60 % 60));
	else
		snprintf(buffer, TOP_WORD, "%llud", (unsigned long long)(seconds / 86400));
	return buffer;
}
