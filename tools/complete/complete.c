/* SPDX-License-Identifier: MIT */
#include <argp.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/command.h"
#include "tools/base/heap.h"
#include "tools/base/text.h"
#include "tools/complete/candidates.h"
#include "tools/complete/complete.h"
#include "tools/help/topics.h"
#include "tools/region/options.h"
#include "tools/usage/directory.h"
#include "tools/usage/operand_list.h"
#include "tools/usage/option_list.h"

/* The words of a command line before the last one. */
struct line {
	const struct command *command;
	struct option_list options;
	char **operands;
	size_t operand_count;
	const struct argp_option *open; /* the last word is the value of this option; or NULL */
	bool options_end;               /* after -- */
};

/* ---- what a placeholder stands for ---- */

static bool complete_is(const char *name, size_t length, const char *other)
{
	return strlen(other) == length && memcmp(name, other, length) == 0;
}

static void complete_tokens(const struct wanted *wanted)
{
	candidates_tags(wanted);
	candidates_versions(wanted, true);
}

static void complete_numbers(const struct wanted *wanted)
{
	candidates_tags(wanted);
	candidates_versions(wanted, false);
}

static void complete_region(const struct wanted *wanted)
{
	candidates_regions(wanted, true, false);
	if (place_is_path(wanted->word))
		puts(":directories");
}

static void complete_table(const struct wanted *wanted)
{
	candidates_regions(wanted, false, true);
	if (place_is_path(wanted->word))
		puts(":directories");
}

static void complete_region_or_table(const struct wanted *wanted)
{
	candidates_regions(wanted, true, true);
	if (place_is_path(wanted->word))
		puts(":directories");
}

static void complete_column(const struct wanted *wanted)
{
	candidates_columns(wanted, false, "");
}

static void complete_value(const struct wanted *wanted)
{
	candidates_columns(wanted, true, "=");
}

static void complete_renamed(const struct wanted *wanted)
{
	candidates_columns(wanted, false, "=");
}

static void complete_table_name(const struct wanted *wanted)
{
	candidates_tables(wanted, "");
}

static void complete_table_file(const struct wanted *wanted)
{
	if (strchr(wanted->word, '='))
		puts(":files");
	else
		candidates_tables(wanted, "=");
}

static void complete_file(const struct wanted *wanted)
{
	(void)wanted;
	puts(":files");
}

static void complete_directory(const struct wanted *wanted)
{
	(void)wanted;
	puts(":directories");
}

/* A and B of `stele schema diff'. */
static void complete_source(const struct wanted *wanted)
{
	candidates_regions(wanted, true, true);
	puts(":files");
}

/* Placeholders of options and of operands in usage lines. Others stand for values that cannot be
 * listed, such as SECONDS. */
static const struct placeholder {
	const char *name;
	void (*complete)(const struct wanted *);
} placeholders[] = {
	{"REGION", complete_region},
	{"REGION/TABLE", complete_table},
	{"REGION[/TABLE]", complete_region_or_table},
	{"A", complete_source},
	{"B", complete_source},
	{"FILE", complete_file},
	{"FILE/TABLE", complete_file},
	{"FILE[/TABLE]", complete_file},
	{"DIRECTORY", complete_directory},
	{"TABLE", complete_table_name},
	{"TABLE=FILE", complete_table_file},
	{"COLUMN", complete_column},
	{"CONDITION", complete_column},
	{"COLUMN=VALUE", complete_value},
	{"OLD=NEW", complete_renamed},
	{"KEY", candidates_keys},
	{"PREFIX", candidates_keys},
	{"TAG", candidates_tags},
	{"VERSION", complete_numbers},
	{"VERSION@UUID", complete_tokens},
};

/* Completes one of the alternatives of a placeholder: a word of its own, in lower case, or what a
 * placeholder stands for. */
static void complete_alternative(const struct wanted *wanted, const char *name, size_t length)
{
	char word[64];

	if (islower((unsigned char)*name) && length < sizeof(word)) {
		snprintf(word, sizeof(word), "%.*s", (int)length, name);
		candidates_offer(wanted, word, NULL);
		return;
	}
	for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++)
		if (complete_is(name, length, placeholders[i].name))
			placeholders[i].complete(wanted);
}

/* Completes what is described by "one|two", or "one|two,..." for several of them. */
static void complete_described(struct wanted wanted, const char *text, size_t length)
{
	const char *comma = strrchr(wanted.word, ',');

	if (length > 4 && memcmp(text + length - 4, ",...", 4) == 0) {
		length -= 4;
		if (comma) {
			/* The words before stay. `lead` ends where `word` begins. */
			wanted.lead_length += (size_t)(comma + 1 - wanted.word);
			wanted.word = comma + 1;
		}
	}
	while (length > 0) {
		const char *bar = memchr(text, '|', length);
		size_t part = bar ? (size_t)(bar - text) : length;

		complete_alternative(&wanted, text, part);
		text += part + (bar ? 1 : 0);
		length -= part + (bar ? 1 : 0);
	}
}

/* ---- the words before ---- */

/* Takes a word that begins with a hyphen. */
static void complete_take_option(struct line *line, struct place *place, const char *word)
{
	const char *name = word + 2, *value = NULL;
	const struct argp_option *option = NULL;

	if (word[1] == '-') {
		size_t length = strcspn(name, "=");

		option = option_list_find(&line->options, name, length);
		value = name[length] ? name + length + 1 : NULL;
	} else {
		/* Letters without values may stand before the last one. */
		for (const char *letter = word + 1; *letter; letter++) {
			option = option_list_find_letter(&line->options, *letter);
			value = letter[1] ? letter + 1 : NULL;
			if (!option || option->arg)
				break;
		}
	}
	if (option && option->arg && !value)
		line->open = option;
	if (option && option->key == 'D' && value)
		place->directory = value;
}

static void complete_take_word(struct line *line, struct place *place, char *word)
{
	if (line->open) {
		if (line->open->key == 'D')
			place->directory = word;
		line->open = NULL;
	} else if (!line->options_end && strcmp(word, "--") == 0) {
		line->options_end = true;
	} else if (!line->options_end && word[0] == '-' && word[1]) {
		complete_take_option(line, place, word);
	} else {
		line->operands[line->operand_count++] = word;
	}
}

/* Finds the region and the table that the operands name. */
static void complete_find_target(struct line *line, struct wanted *wanted)
{
	for (size_t i = 0; i < line->operand_count; i++) {
		struct text text = {0};
		struct directory_form form;
		char *operand = line->operands[i], *rest;
		bool either;

		operand_list_find(line->command->usage, &line->options, line->operands, i, &text);
		either = operand_list_has(&text, "REGION[/TABLE]");
		form.table = either || operand_list_has(&text, "REGION/TABLE");
		form.region = either || operand_list_has(&text, "REGION");
		form.file = false;
		text_free(&text);
		if (!form.table && !form.region)
			continue;
		rest = directory_split(operand, form, &wanted->place.directory);
		line->operands[i] = rest ? rest : operand;
		target_parse_source("", line->operands[i], false, &wanted->target);
		return;
	}
}

/* ---- the last word ---- */

static void complete_option_name(const struct line *line, const struct wanted *wanted)
{
	char name[64];

	for (size_t i = 0; i < line->options.count; i++) {
		const struct argp_option *option = &line->options.options[i];

		if (!option_is_shown(option))
			continue;
		snprintf(name, sizeof(name), "--%s%s", option->name, option->arg ? "=" : "");
		candidates_offer(wanted, name, option->doc);
	}
}

static void complete_operand(const struct line *line, struct wanted *wanted)
{
	struct text text = {0};

	operand_list_find(line->command->usage, &line->options, line->operands, line->operand_count,
	                  &text);
	complete_described(*wanted, text.bytes, text.length);
	text_free(&text);
}

static void complete_last(struct line *line, struct wanted *wanted)
{
	const char *word = wanted->word, *equals = strchr(word, '=');
	const struct argp_option *option;

	complete_find_target(line, wanted);
	if (line->open) {
		complete_described(*wanted, line->open->arg, strlen(line->open->arg));
	} else if (line->options_end || *word != '-') {
		complete_operand(line, wanted);
	} else if (strncmp(word, "--", 2) == 0 && equals) {
		option = option_list_find(&line->options, word + 2, (size_t)(equals - word - 2));
		if (!option || !option->arg)
			return;
		wanted->lead_length = (size_t)(equals + 1 - word);
		wanted->word = equals + 1;
		complete_described(*wanted, option->arg, strlen(option->arg));
	} else {
		complete_option_name(line, wanted);
	}
}

/* Completes the first word, or the operand of `stele help'. */
static void complete_command(const struct complete_commands *commands, const struct wanted *wanted,
                             bool help)
{
	for (size_t i = 0; i < commands->count; i++)
		candidates_offer(wanted, commands->commands[i]->name,
		                 commands->commands[i]->summary);
	for (size_t i = 0; help && i < topic_count; i++)
		candidates_offer(wanted, topics[i].name, topics[i].summary);
	if (!help)
		candidates_offer(wanted, "help", "print the help of a command or topic");
}

void complete_words(const struct complete_commands *commands, char **words, size_t count)
{
	struct line line = {.command = NULL};
	struct wanted wanted = {.lead = words[count - 1], .word = words[count - 1]};

	if (count == 1 || (count == 2 && strcmp(words[0], "help") == 0)) {
		complete_command(commands, &wanted, count == 2);
		return;
	}
	for (size_t i = 0; i < commands->count; i++)
		if (strcmp(commands->commands[i]->name, words[0]) == 0)
			line.command = commands->commands[i];
	if (!line.command)
		return;
	options_list(line.command, &line.options);
	line.operands = heap_realloc(NULL, count * sizeof(*line.operands));
	for (size_t i = 1; i < count - 1; i++)
		complete_take_word(&line, &wanted.place, words[i]);
	complete_last(&line, &wanted);
	free(line.operands);
	option_list_free(&line.options);
}
