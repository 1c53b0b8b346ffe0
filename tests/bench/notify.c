/* SPDX-License-Identifier: MIT
 *
 * Notices: the figures of `stele bench notify`, also with many subscribers. Prints the name, value
 * and unit of each, and then lines `ratio NAME VALUE REACH`: a figure relative to the one that it
 * is compared with, and the maximum that it should reach. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "tests/support/bench/bench.h"

#define LINE 4096

static struct ratio {
	char name[64];
	double value, reach;
} ratios[64];
static unsigned ratio_count;

static void add_ratio(double value, double reach, const char *format, ...)
{
	struct ratio *ratio = &ratios[ratio_count];
	va_list list;

	if (isnan(value))
		return;
	check(ratio_count++ < sizeof(ratios) / sizeof(ratios[0]));
	va_start(list, format);
	vsnprintf(ratio->name, sizeof(ratio->name), format, list);
	va_end(list);
	ratio->value = value;
	ratio->reach = reach;
}

/* ---- the command's output ---- */

/* Returns a pointer to a member's value in a line of NDJSON. */
static const char *member(const char *line, const char *name)
{
	char pattern[64];
	const char *at;

	snprintf(pattern, sizeof(pattern), "\"%s\": ", name);
	at = strstr(line, pattern);
	check(at != NULL);
	return at + strlen(pattern);
}

/* Returns a member's number, NAN for null. */
static double number(const char *line, const char *name)
{
	const char *value = member(line, name);

	return *value == 'n' ? NAN : strtod(value, NULL);
}

/* Returns a member's text, without the backslashes of quotation marks. */
static const char *text(const char *line, const char *name, char buffer[LINE])
{
	const char *from = member(line, name) + 1;
	char *to = buffer;

	for (; *from && *from != '"'; from++) {
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return buffer;
}

/* Prints the members of a line whose names end in _us, as `PREFIX/NAME/MEMBER`. */
static void print_members(const char *line, const char *prefix, const char *const *names)
{
	char buffer[LINE], name[2 * LINE];

	for (; *names; names++) {
		double value = number(line, *names);
		if (isnan(value))
			continue;
		snprintf(name, sizeof(name), "%s/%s/%.*s", prefix, text(line, "notifier", buffer),
		         (int)strlen(*names) - 3, *names);
		bench_print(name, value, "us");
	}
}

static FILE *run(const char *arguments)
{
	const char *stele = getenv("STELE");
	char command[512];
	FILE *lines;

	snprintf(command, sizeof(command), "%s bench notify --format ndjson %s",
	         stele ? stele : "build/stele", arguments);
	lines = popen(command, "r");
	check(lines != NULL);
	return lines;
}

/* Returns whether the notifier is available. If not, prints the reason. */
static bool is_there(const char *line, const char *prefix)
{
	char name[LINE], reason[LINE];

	if (!*text(line, "reason", reason))
		return true;
	printf("%s/%s: not available: %s\n", prefix, text(line, "notifier", name), reason);
	return false;
}

/* ---- from publishing to reading ---- */

static void bench_latency(void)
{
	static const char *const members[] = {
		"p50_us",     "p99_us",  "p99_9_us", "max_us",  "commit_us",
		"by_hand_us", "bare_us", "send_us",  "line_us", NULL,
	};
	FILE *lines = run("");
	char line[LINE], name[LINE];

	while (fgets(line, sizeof(line), lines)) {
		if (!is_there(line, "notify"))
			continue;
		print_members(line, "notify", members);
		text(line, "notifier", name);
		if (strcmp(name, "spin") == 0)
			add_ratio(number(line, "after_commit_us") / number(line, "line_us"), 4,
			          "notify/spin_after_the_commit_to_a_cache_line");
		else if (strcmp(name, "thread") != 0)
			add_ratio(number(line, "ratio"), 1.1, "notify/%.40s", name);
	}
	check(pclose(lines) == 0);
}

/* ---- many subscribers ---- */

static const char *const fanout_members[] = {"commit_us", "behind_us", "bare_us", NULL};

/* Returns the cost of a commit with `count` subscribers of one notifier, NAN if the notifier is not
 * available. `line` receives the command's output. */
static double bench_subscribers(const char *notifier, unsigned count, unsigned rounds,
                                char line[LINE])
{
	char arguments[128], prefix[64];
	bool there;
	FILE *lines;

	snprintf(arguments, sizeof(arguments), "--notifier %s --subscribers %u --count %u",
	         notifier, count, rounds);
	snprintf(prefix, sizeof(prefix), "subscribers_%u", count);
	lines = run(arguments);
	check(fgets(line, LINE, lines) != NULL);
	check(pclose(lines) == 0);
	there = is_there(line, prefix);
	if (there)
		print_members(line, prefix, fanout_members);
	return there ? number(line, "commit_us") : NAN;
}

static void bench_fanout(void)
{
	static const unsigned counts[] = {1, 16, 64, 200, 2000};
	char line[LINE];
	double one;

	one = bench_subscribers("mq", 1, 20, line);
	if (!isnan(bench_subscribers("mq", 200, 10, line))) {
		add_ratio(number(line, "ratio"), 1.1, "subscribers_200/mq_to_bare");
		add_ratio(number(line, "behind_us") / number(line, "bare_us"), 0.01,
		          "subscribers_200/mq_behind_to_bare");
	}
	add_ratio(bench_subscribers("thread", 200, 10, line) / one, 2,
	          "subscribers_200/thread_to_mq_of_1");
	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		bench_subscribers("auto", counts[i], counts[i] == 1 ? 20 : 3, line);
}

int main(void)
{
	bench_latency();
	bench_fanout();
	for (unsigned i = 0; i < ratio_count; i++)
		printf("ratio %s %.3f %.2f\n", ratios[i].name, ratios[i].value, ratios[i].reach);
	return 0;
}
