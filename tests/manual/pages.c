/* SPDX-License-Identifier: MIT
 *
 * Compares the pages of the manual with the command: a page for each command, the options of its
 * --help, the exit statuses, and references to pages that exist. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cli.h"
#include "tests/support/manual/page.h"

TestSuite(manual_pages, .init = cli_begin_routes, .fini = cli_end);

/* More than any command has. */
#define OPTIONS 64

/* Options as "-f --format=", or "--owner=", or "-h --help". */
struct pages_options {
	char option[OPTIONS][64];
	size_t count;
};

static void pages_add(struct pages_options *options, char letter, const char *name, bool argument)
{
	char *option;

	cr_assert(options->count < OPTIONS);
	option = options->option[options->count++];
	if (letter)
		snprintf(option, 64, "-%c --%s%s", letter, name, argument ? "=" : "");
	else
		snprintf(option, 64, "--%s%s", name, argument ? "=" : "");
}

static bool pages_has(const struct pages_options *options, const char *option)
{
	for (size_t i = 0; i < options->count; i++)
		if (strcmp(options->option[i], option) == 0)
			return true;
	return false;
}

/* Reads the options of a command from its --help. */
static void pages_read_help(struct pages_options *options, const char *help)
{
	for (const char *line = help; line; line = strchr(line, '\n')) {
		char name[32], letter = '\0', end = '\0';

		line += *line == '\n';
		if (sscanf(line, "  -%c, --%31[a-z-]%c", &letter, name, &end) < 2) {
			letter = '\0';
			if (strncmp(line, "      --", 8) != 0 ||
			    sscanf(line, "      --%31[a-z-]%c", name, &end) < 1)
				continue;
		}
		pages_add(options, letter, name, end == '=');
	}
}

/* Reads the options of a page from its .It lines, such as
 * ".It Fl f , Fl Fl format Ns = Ns Ar format". */
static void pages_read_page(struct pages_options *options, const struct manual_page *page)
{
	for (const char *line = page->text; line; line = strchr(line, '\n')) {
		char text[256], letter = '\0';

		line += *line == '\n';
		if (strncmp(line, ".It Fl ", 7) != 0)
			continue;
		snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "\n"), line);
		for (char *at = strstr(text, "Fl "); at; at = strstr(at, "Fl ")) {
			char name[32] = "";

			at += 3;
			if (strncmp(at, "Fl ", 3) != 0) {
				letter = *at;
				continue;
			}
			at += 3;
			sscanf(at, "%31[a-z-]", name);
			pages_add(options, letter, name,
			          strncmp(at + strlen(name), " Ns =", 5) == 0);
			letter = '\0';
		}
	}
}

/* Calls `check` for each command of `stele help`, with its page. */
static void pages_of_commands(void (*check)(const char *command, const struct manual_page *page))
{
	static const char heading[] = "\nCommands:\n";
	const char *line = strstr(STELE("help").out, heading);
	char command[32];
	size_t count = 0;

	cr_assert(line != NULL);
	for (line += strlen(heading); sscanf(line, "  %31[a-z]", command) == 1; count++) {
		struct manual_page page;
		char name[64];

		snprintf(name, sizeof(name), "stele-%s.1", command);
		manual_read(&page, name);
		check(command, &page);
		line = strchr(line, '\n') + 1;
	}
	cr_assert(count > 30, "%zu commands", count);
}

static void pages_compare_options(const char *command, const struct manual_page *page)
{
	struct pages_options help = {.count = 0}, manual = {.count = 0};

	/* `stele help` takes no options. */
	if (strcmp(command, "help") == 0)
		return;
	pages_read_help(&help, STELE(command, "--help").out);
	pages_read_page(&manual, page);
	cr_expect(help.count >= 3, "%s: its --help has %zu options", command, help.count);
	for (size_t i = 0; i < help.count; i++)
		cr_expect(pages_has(&manual, help.option[i]), "%s: %s of --help is not in the page",
		          command, help.option[i]);
	for (size_t i = 0; i < manual.count; i++)
		cr_expect(pages_has(&help, manual.option[i]), "%s: %s of the page is not in --help",
		          command, manual.option[i]);
}

Test(manual_pages, every_command_has_a_page_with_the_options_of_its_help)
{
	pages_of_commands(pages_compare_options);
}

static void pages_check_form(const char *command, const struct manual_page *page)
{
	static const char *const titles[] = {"NAME",        "SYNOPSIS", "DESCRIPTION",
	                                     "EXIT STATUS", "EXAMPLES", "SEE ALSO"};
	struct manual_page overview;
	char text[128];

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		cr_expect(manual_section(page, titles[i]) != NULL, "%s has no section %s",
		          page->name, titles[i]);
	manual_read(&overview, "stele.1");
	snprintf(text, sizeof(text), "\n.It Xr stele-%s 1\n", command);
	cr_expect(strstr(overview.text, text) != NULL, "stele.1 does not list %s", command);
}

Test(manual_pages, every_page_has_its_sections_and_is_in_the_overview)
{
	pages_of_commands(pages_check_form);
}

/* ---- exit statuses ---- */

static bool pages_lists(const struct manual_page *page, int status)
{
	const char *section = manual_section(page, "EXIT STATUS");
	char item[16];

	snprintf(item, sizeof(item), ".It %d\n", status);
	return section && strstr(section, item);
}

Test(manual_pages, the_overview_lists_the_exit_statuses_of_the_help)
{
	const char *help = strstr(STELE("help").out, "Exit status:");
	struct manual_page page;
	char line[16];

	cr_assert(help != NULL);
	manual_read(&page, "stele.1");
	for (int status = 0; status < 128; status++) {
		snprintf(line, sizeof(line), "\n%3d  ", status);
		cr_expect((strstr(help, line) != NULL) == pages_lists(&page, status),
		          "status %d is only in --help or only in stele.1", status);
	}
	cr_expect(pages_lists(&page, 10));
}

static void pages_check_statuses(const char *command, const struct manual_page *page)
{
	static const struct {
		const char *option;
		int status;
	} causes[] = {{"--if-head=", 10},    {"--if-version=", 10}, {"--if-absent", 10},
	              {"--max-removed=", 9}, {"--check=", 9},       {"--exit-code", 1}};
	struct pages_options manual = {.count = 0};

	pages_read_page(&manual, page);
	cr_expect(pages_lists(page, 0) && pages_lists(page, 2), "%s: EXIT STATUS lacks 0 or 2",
	          command);
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		cr_expect(!pages_has(&manual, causes[i].option) ||
		                  pages_lists(page, causes[i].status),
		          "%s has %s, and its page does not list the exit status %d", command,
		          causes[i].option, causes[i].status);
}

Test(manual_pages, options_that_refuse_have_their_exit_status_in_the_page)
{
	pages_of_commands(pages_check_statuses);
}

/* Expects a status of a command, and that its page lists it. */
static void pages_expect(struct cli_result result, const char *command, int status)
{
	struct manual_page page;
	char name[64];

	snprintf(name, sizeof(name), "stele-%s.1", command);
	manual_read(&page, name);
	EXPECT_STATUS(result, status);
	cr_expect(pages_lists(&page, status), "%s does not list the exit status %d", name, status);
}

#define EXPECT_LISTED(status, command, ...) \
	pages_expect(STELE(command, __VA_ARGS__), command, status)

Test(manual_pages, exit_statuses_of_commands_are_in_their_pages)
{
	EXPECT_LISTED(1, "get", target, "172.16.0.0/12");
	EXPECT_LISTED(1, "delete", target, "172.16.0.0/12");
	EXPECT_LISTED(0, "delete", target, "0.0.0.0/0");
	EXPECT_LISTED(1, "lookup", target, "192.0.2.1");
	EXPECT_LISTED(1, "explain", target, "192.0.2.1");
	EXPECT_LISTED(1, "why", target, "192.0.2.1");
	EXPECT_LISTED(1, "diff", region, "--exit-code");
	EXPECT_LISTED(1, "schema", "diff", "t(a: u8 key)", "t(a: u16 key)");
	EXPECT_LISTED(1, "watch", region, "--count", "1", "--timeout", "0");
	EXPECT_LISTED(1, "wait", region, "--since", cli_token(3), "--timeout", "0");
	EXPECT_LISTED(10, "set", target, "10.0.0.0/8", "metric=7", "--if-head", cli_token(2));
	EXPECT_LISTED(3, "rollback", region, "--to", "99");
	EXPECT_LISTED(3, "show", "no-such-region");
	EXPECT_LISTED(3, "verify", "no-such-region");
	EXPECT_LISTED(3, "subscribers", "no-such-region");
	EXPECT_LISTED(3, "log", "no-such-region");
	EXPECT_LISTED(3, "save", "no-such-region");
	EXPECT_LISTED(2, "help", "teleport");
}

/* ---- references ---- */

static void pages_check_references(const struct manual_page *page, const char *text)
{
	for (const char *at = strstr(text, "Xr stele"); at; at = strstr(at + 1, "Xr stele")) {
		char name[48], path[128];
		int section = 0;

		cr_expect(sscanf(at, "Xr %47[a-z-] %d", name, &section) == 2, "%s: %.40s",
		          page->name, at);
		snprintf(path, sizeof(path), MANUAL_FOLDER "/%s.%d", name, section);
		cr_expect(access(path, R_OK) == 0, "%s refers to %s(%d), which does not exist",
		          page->name, name, section);
	}
}

/* whatis(1) and apropos(1) read the names and the line of the section NAME. */
Test(manual_pages, references_are_to_pages_that_exist_and_names_are_complete)
{
	static char names[MANUAL_PAGES][64];
	size_t count = manual_list(names, MANUAL_PAGES);

	cr_assert(count > 40, "%zu pages", count);
	for (size_t i = 0; i < count; i++) {
		struct manual_page page;
		char first[96];

		manual_read(&page, names[i]);
		pages_check_references(&page, page.text);
		snprintf(first, sizeof(first), ".Nm %.*s", (int)strlen(names[i]) - 2, names[i]);
		cr_expect(strncmp(manual_section(&page, "NAME"), first, strlen(first)) == 0,
		          "%s: NAME does not begin with %s", names[i], first);
		cr_expect(strstr(manual_section(&page, "NAME"), "\n.Nd ") != NULL, "%s: no .Nd",
		          names[i]);
	}
}
