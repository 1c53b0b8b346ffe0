/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/suggest.h"
#include "tools/base/text.h"
#include "tools/usage/option_check.h"
#include "tools/usage/option_list.h"

/* The tables of getopt_long(). */
struct option_tables {
	struct option *names; /* ended by {0} */
	struct text letters;
};

static void option_tables_init(struct option_tables *tables, const struct option_list *list)
{
	size_t count = 0;

	tables->letters = (struct text){0};
	tables->names = heap_realloc(NULL, (list->count + 1) * sizeof(*tables->names));
	/* -: getopt_long() returns operands in their order, as the value of an option 1.
	 * :: it returns ':' if a value is missing, instead of printing a message. */
	text_append_string(&tables->letters, "-:");
	for (size_t i = 0; i < list->count; i++) {
		const struct argp_option *option = &list->options[i];
		char letter = (char)option->key;

		if (option->name)
			tables->names[count++] = (struct option){
				.name = option->name,
				.has_arg = option->arg ? required_argument : no_argument,
				.val = option->key,
			};
		if (option_has_letter(option)) {
			text_append(&tables->letters, &letter, 1);
			text_append_string(&tables->letters, option->arg ? ":" : "");
		}
	}
	tables->names[count] = (struct option){0};
	text_append(&tables->letters, "", 1);
}

static void option_tables_fini(struct option_tables *tables)
{
	free(tables->names);
	text_free(&tables->letters);
}

/* Returns true for a version such as -1 or -5m. No option is a digit. */
static bool option_check_is_version(const char *text)
{
	return text[0] == '-' && isdigit((unsigned char)text[1]);
}

/* Reports an option that begins with --. */
static enum status option_check_fail_name(const char *command, const struct option_list *list,
                                          const char *argument)
{
	int length = (int)strcspn(argument, "=");
	struct text candidates = {0};
	struct suggestion suggestion;
	char name[SUGGESTION_MAX];
	size_t count = 0;

	snprintf(name, sizeof(name), "%.*s", length - 2, argument + 2);
	suggest_start(&suggestion, name);
	for (size_t i = 0; i < list->count; i++) {
		const struct argp_option *option = &list->options[i];

		if (!option_is_shown(option))
			continue;
		suggest_offer(&suggestion, option->name);
		if (strncmp(option->name, name, strlen(name)) != 0)
			continue;
		text_append_string(&candidates, count++ ? " or \"--" : "\"--");
		text_append_string(&candidates, option->name);
		text_append_string(&candidates, "\"");
	}
	text_append(&candidates, "", 1);
	if (count > 1)
		fail_usage(command, "option \"%.*s\" is ambiguous: %s", length, argument,
		           candidates.bytes);
	else if (suggestion.best[0])
		fail_usage(command, "no option \"%.*s\"; did you mean \"--%s\"?", length, argument,
		           suggestion.best);
	else
		fail_usage(command, "no option \"%.*s\"", length, argument);
	text_free(&candidates);
	return STATUS_INPUT;
}

/* Reports that getopt_long() returned `result` for an argument. */
static enum status option_check_fail(const char *command, const struct option_list *list,
                                     const char *argument, int result)
{
	bool is_name = strncmp(argument, "--", 2) == 0;
	const char *name = is_name ? argument + 2 : "";
	const struct argp_option *option =
		is_name ? option_list_find(list, name, strcspn(name, "="))
			: option_list_find_letter(list, (char)optopt);
	int length = is_name ? (int)strcspn(argument, "=") : 2;
	char letter[3] = {'-', (char)optopt};

	if (option && result == ':')
		return fail_usage(command, "option \"%.*s\" needs a value (%s)", length,
		                  is_name ? argument : letter, option->arg);
	if (option && is_name)
		return fail_usage(command, "option \"%.*s\" takes no value", length, argument);
	if (is_name)
		return option_check_fail_name(command, list, argument);
	return fail_usage(command, "no option \"%s\"", letter);
}

enum status option_check(const char *command, const struct option_list *list, int counts, int argc,
                         char **argv)
{
	enum status status = STATUS_DONE;
	struct option_tables tables;
	int at, result, operands = 0;

	option_tables_init(&tables, list);
	opterr = 0;
	optind = 0; /* starts again, also in the middle of an argument */
	while (status == STATUS_DONE) {
		at = optind > 0 ? optind : 1;
		result = getopt_long(argc, argv, tables.letters.bytes, tables.names, NULL);
		if (result == -1)
			break;
		operands += result == 1;
		/* -? is an option, too. */
		if ((result != '?' && result != ':') || strcmp(argv[at], "-?") == 0)
			continue;
		if (counts > 0 && operands >= counts && option_check_is_version(argv[at])) {
			/* The m of -5m is no option: read all again, now with an operand here. */
			argv[at][0] = '~';
			optind = operands = 0;
		} else if (counts > 0 && option_check_is_version(argv[at])) {
			status = fail_usage(command,
			                    "expected the operands before the version \"%s\"",
			                    argv[at]);
		} else {
			status = option_check_fail(command, list, argv[at], result);
		}
	}
	option_tables_fini(&tables);
	return status;
}
