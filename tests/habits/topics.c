/* SPDX-License-Identifier: MIT
 *
 * stele help TOPIC: each topic is listed, is short, and begins with an example; and what the topics
 * say is so. */
#include "tests/support/cli.h"

TestSuite(habits_topics, .init = cli_begin_routes, .fini = cli_end);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char *const names[] = {"regions", "formats", "types", "versions", "times", "exit"};

Test(habits_topics, each_begins_with_an_example)
{
	char *overview = strstr(STELE("help").out, "\nTopics:\n");

	cr_assert(overview != NULL);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct cli_result result = STELE("help", names[i]);
		size_t lines = 0;
		char listed[32];

		snprintf(listed, sizeof(listed), "\n  %-11s ", names[i]);
		EXPECT_HAS(overview, listed);
		EXPECT_STATUS(result, 0);
		EXPECT_TEXT(result.err, "");
		cr_expect(strncmp(result.out, "Examples:\n  stele ", 18) == 0, "%s", result.out);
		for (char *line = strtok(result.out, "\n"); line; line = strtok(NULL, "\n")) {
			lines++;
			cr_expect(strlen(line) <= 90, "%zu columns: %s", strlen(line), line);
		}
		cr_expect(lines <= 30, "%s: %zu lines", names[i], lines);
	}
}

Test(habits_topics, unknown_ones_suggest_the_nearest_name)
{
	EXPECT_FAILURE(STELE("help", "typs"), 2,
	               "no command or topic \"typs\"; did you mean \"types\"?");
	EXPECT_FAILURE(STELE("help", "pubish"), 2, "did you mean \"publish\"?");
	EXPECT_HAS(STELE("completion", "words", "--", "help", "form").out, "formats\t");
	EXPECT_HAS_NOT(STELE("completion", "words", "--", "form").out, "formats");
}

Test(habits_topics, types_are_as_the_topic_says)
{
	static const struct {
		char *type, *value, *printed;
	} values[] = {
		{"u8", "0x2a", "42"},
		{"u32", "AS64496", "64496"},
		{"i64", "-42", "-42"},
		{"f64", "0.5", "0.5"},
		{"bool", "true", "true"},
		{"time", "@1769860800", "2026-01-31T12:00:00Z"},
		{"uuid", "3f2a9c1e-8d0b-4c57-9a65-0b1c2d3e4f50", NULL},
		{"mac", "02:00:5e:10:00:ff", NULL},
		{"ipv4", "192.0.2.1", NULL},
		{"ipv6", "2001:db8::1", NULL},
		{"ipv4net", "default", "0.0.0.0/0"},
		{"char[4]", "abcd", NULL},
		{"text", "any length", NULL},
		{"bytes", "00ff", NULL},
		{"u32[3]", "1 2 3", NULL},
	};
	char *topic = STELE("help", "types").out;

	for (size_t i = 0; i < COUNT(values); i++) {
		char declaration[64], value[64], expected[64], table[96];

		snprintf(declaration, sizeof(declaration), "t%zu(k: u8 key, v: %s)", i,
		         values[i].type);
		snprintf(value, sizeof(value), "v=%s", values[i].value);
		snprintf(table, sizeof(table), "%s/t%zu", region, i);
		snprintf(expected, sizeof(expected), "%s\n",
		         values[i].printed ? values[i].printed : values[i].value);
		EXPECT_STATUS(STELE("create", region, "--table", declaration), 0);
		EXPECT_STATUS(STELE("set", table, "1", value), 0);
		EXPECT_TEXT(STELE("get", table, "1", "--column", "v").out, expected);
		if (!strchr(values[i].type, '['))
			EXPECT_HAS(topic, values[i].type);
	}
}

Test(habits_topics, times_are_as_the_topic_says)
{
	static char *const times[] = {"12:03",
	                              "12:03:17.5",
	                              "2026-01-31",
	                              "2026-01-31 12:03",
	                              "2026-01-31T12:03:17Z",
	                              "2026-01-31T12:03:17+02:00",
	                              "@1769861000",
	                              "-90s",
	                              "-5m",
	                              "-1.5h",
	                              "-2d",
	                              "now"};

	for (size_t i = 0; i < COUNT(times); i++)
		EXPECT_HAS_NOT(STELE("get", target, "10.0.0.0/8", "--at", times[i]).err, "invalid");
	EXPECT_HAS(STELE("get", target, "10.0.0.0/8", "--at", "12:3").err, "invalid");
}

Test(habits_topics, exit_statuses_are_those_of_the_overview)
{
	char *statuses = strstr(STELE("--help").out, "\n  0  success\n");

	cr_assert(statuses != NULL);
	EXPECT_HAS(STELE("help", "exit").out, statuses);
}
