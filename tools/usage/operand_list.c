/* SPDX-License-Identifier: MIT */
#include <argp.h>
#include <ctype.h>
#include <string.h>
#include "tools/base/text.h"
#include "tools/usage/operand_list.h"
#include "tools/usage/option_list.h"

/* A word of a usage line, without the brackets around it. */
struct operand_word {
	const char *at;
	size_t length;
	bool repeats; /* followed by ... */
};

/* Reads the next word of a form, which ends at a line feed or NUL. Returns false if there is none.
 * Brackets within the word stay: "[REGION[/TABLE]]" is "REGION[/TABLE]". */
static bool operand_next_word(const char **form, struct operand_word *ret)
{
	const char *at = *form + strspn(*form, " ");
	size_t length = strcspn(at, " \n"), depth = 0;

	*form = at + length;
	if (length == 0)
		return false;
	while (length > 0 && *at == '[') {
		at++;
		length--;
	}
	for (size_t i = 0; i < length; i++) {
		depth += at[i] == '[';
		if (at[i] == ']' && depth-- == 0)
			length = i;
	}
	ret->repeats = length > 3 && memcmp(at + length - 3, "...", 3) == 0;
	ret->at = at;
	ret->length = length - (ret->repeats ? 3 : 0);
	return true;
}

/* Returns true if the word is an option that takes a value, which is the next word. */
static bool operand_takes_value(const struct operand_word *word, const struct option_list *options)
{
	const struct argp_option *option;

	if (word->length < 3)
		return false;
	option = option_list_find(options, word->at + 2, word->length - 2);
	return option && option->arg;
}

static bool operand_is(const struct operand_word *word, const char *text)
{
	return strlen(text) == word->length && memcmp(text, word->at, word->length) == 0;
}

/* Returns false if the operand cannot be what the word says. */
static bool operand_fits(const char *operand, const struct operand_word *word)
{
	bool path = *operand == '/' || *operand == '.';

	if (islower((unsigned char)*word->at))
		return operand_is(word, operand);
	if (operand_is(word, "REGION"))
		return path || !strchr(operand, '/');
	return !operand_is(word, "REGION/TABLE") || strchr(operand, '/');
}

/* Finds the word of operand `index` in one form. */
static bool operand_find_word(const char *form, const struct option_list *options, char **operands,
                              size_t index, struct operand_word *ret)
{
	size_t number = 0;

	while (operand_next_word(&form, ret)) {
		if (*ret->at == '-' && ret->length > 1) {
			if (operand_takes_value(ret, options))
				operand_next_word(&form, ret);
			continue;
		}
		if (number == index || ret->repeats)
			return true;
		if (!operand_fits(operands[number], ret))
			return false;
		number++;
	}
	return false;
}

static bool operand_list_contains(const struct text *text, const char *name, size_t length)
{
	size_t i = 0, end;

	for (; i < text->length; i = end + 1) {
		const char *at = text->bytes + i, *bar = memchr(at, '|', text->length - i);

		end = bar ? (size_t)(bar - text->bytes) : text->length;
		if (end - i == length && memcmp(at, name, length) == 0)
			return true;
	}
	return false;
}

void operand_list_find(const char *usage, const struct option_list *options, char **operands,
                       size_t index, struct text *text)
{
	struct operand_word word;

	while (usage && *usage) {
		if (operand_find_word(usage, options, operands, index, &word) &&
		    !operand_list_contains(text, word.at, word.length)) {
			text_append_string(text, text->length > 0 ? "|" : "");
			text_append(text, word.at, word.length);
		}
		usage += strcspn(usage, "\n");
		usage += *usage == '\n';
	}
}

bool operand_list_has(const struct text *text, const char *name)
{
	return operand_list_contains(text, name, strlen(name));
}
