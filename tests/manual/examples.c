/* SPDX-License-Identifier: MIT
 *
 * Runs every example of every page of the manual, and compares what it prints with what the page
 * shows. tests/support/manual/shown.h says how a page shows what varies. A comment before a display
 * has what the scene needs and the page does not show:
 *
 *   .\" setup: LINE        a shell line before the example
 *   .\" until: TEXT        the last command runs until it has printed TEXT, and is stopped then;
 *                          `nothing`: after the lines of `meanwhile`
 *   .\" meanwhile: LINE    a shell line while that command runs
 *   .\" on a terminal      that command runs on a terminal, and ends at the key q
 *
 * tests/scripts/manual_scene.sh has functions for these lines. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cli.h"
#include "tests/support/manual/page.h"
#include "tests/support/manual/scene.h"
#include "tests/support/manual/shown.h"

struct page_name {
	char name[64];
};

/* Pages that describe the files of regions have no command to show. */
static bool examples_are_expected(const char *page)
{
	return strcmp(page, "stele-region.5") != 0;
}

ParameterizedTestParameters(manual_examples, every_example_prints_what_its_page_shows)
{
	static char names[MANUAL_PAGES][64];
	size_t listed = manual_list(names, MANUAL_PAGES), count = 0;
	struct page_name *pages = cr_malloc(listed * sizeof(*pages));

	for (size_t i = 0; i < listed; i++)
		if (examples_are_expected(names[i]))
			memcpy(pages[count++].name, names[i], sizeof(names[i]));
	return cr_make_param_array(struct page_name, pages, count);
}

/* Checks the exit status of a step: 0, or shown by `echo $?` in the next one. */
static void examples_check_status(const struct manual_page *page, const struct manual_step *step,
                                  int status, const struct manual_step *next, const char *output)
{
	char *statuses = manual_section(page, "EXIT STATUS"), item[32];

	if (next && strcmp(next->command, "echo $?\n") == 0) {
		snprintf(item, sizeof(item), ".It %d\n", status);
		cr_expect(statuses != NULL && strstr(statuses, item) != NULL,
		          "%s: EXIT STATUS does not list %d, the exit status of: %s", page->name,
		          status, step->command);
	} else {
		cr_expect(status == 0, "%s: exit status %d of: %sIt printed:\n%s", page->name,
		          status, step->command, output);
	}
}

ParameterizedTest(struct page_name *name, manual_examples, every_example_prints_what_its_page_shows)
{
	static struct manual_step steps[MANUAL_STEPS];
	struct scene_result results[MANUAL_STEPS];
	struct manual_page page;
	size_t count, displays;

	manual_read(&page, name->name);
	count = manual_steps(&page, steps, MANUAL_STEPS, &displays);
	cr_expect(displays >= 2, "%s: %zu examples, fewer than two", page.name, displays);
	scene_run(&page, steps, count, results);
	for (size_t i = 0; i < count; i++)
		if (strstr(results[i].output, "this stele was built without"))
			cr_skip_test("%s: %s", page.name, results[i].output);
	for (size_t i = 0; i < count; i++) {
		const struct manual_step *step = &steps[i];

		examples_check_status(&page, step, results[i].status,
		                      i + 1 < count ? step + 1 : NULL, results[i].output);
		if (*step->shown)
			cr_expect(shown_matches(step->shown, results[i].output),
			          "%s: the command\n%sshould print\n%sbut prints\n%s", page.name,
			          step->command, step->shown, results[i].output);
	}
}
