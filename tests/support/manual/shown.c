/* SPDX-License-Identifier: MIT */
#include "tests/support/manual/shown.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Returns the length of the text at `at` if it has this form, else 0. In a form, 9 stands for a
 * digit and f for a hexadecimal digit. */
static size_t shown_form(const char *at, const char *form)
{
	size_t length = strlen(form);

	for (size_t i = 0; i < length; i++)
		if (!(form[i] == '9'   ? isdigit((unsigned char)at[i])
		      : form[i] == 'f' ? isxdigit((unsigned char)at[i])
		                       : at[i] == form[i]))
			return 0;
	return length;
}

/* Returns the length of a time at `at`, with its fraction and its zone, else 0. */
static size_t shown_time(const char *at)
{
	size_t length = shown_form(at, "9999-99-99T99:99:99");

	if (length == 0)
		length = shown_form(at, "9999-99-99 99:99:99");
	if (length == 0)
		length = shown_form(at, "99:99:99");
	if (length == 0)
		return 0;
	if (at[length] == '.' && isdigit((unsigned char)at[length + 1]))
		length += 1 + strspn(at + length + 1, "0123456789");
	if (at[length] == 'Z')
		return length + 1;
	return length + shown_form(at + length, "+99:99") + shown_form(at + length, "-99:99");
}

/* Returns the length of a duration at `at`, else 0. */
static size_t shown_duration(const char *at)
{
	static const char *const units[] = {"s", "ms", "us", "m", "h"};
	size_t length = strspn(at, "0123456789.");

	if (length > 0 && at[length] == ' ')
		length++;
	for (size_t i = 0; length > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		size_t unit = strlen(units[i]);

		if (strncmp(at + length, units[i], unit) == 0 &&
		    !isalnum((unsigned char)at[length + unit]))
			return length + unit;
	}
	return 0;
}

/* Returns a copy of a text in which one letter stands for everything that varies by its form. */
static char *shown_plain(const char *text)
{
	char *plain = malloc(strlen(text) + 1), *to = plain;
	bool in_word = false;

	while (*text) {
		size_t uuid = shown_form(text, "ffffffff-ffff-ffff-ffff-ffffffffffff");
		size_t time = in_word ? 0 : shown_time(text);
		size_t duration = in_word ? 0 : shown_duration(text);

		if (uuid == 0 && to > plain && to[-1] == '@')
			uuid = shown_form(text, "ffffffff");
		if (uuid + time + duration > 0) {
			*to++ = uuid > 8 ? 'U' : uuid > 0 ? 'u' : time > 0 ? 'T' : 'D';
			text += uuid > 0 ? uuid : time > 0 ? time : duration;
			in_word = true;
			continue;
		}
		while (*text == '\n' && to > plain && to[-1] == ' ')
			to--;
		in_word = isalnum((unsigned char)*text) || *text == '.';
		if (*text == ' ' && to > plain && to[-1] == ' ')
			text++;
		else
			*to++ = *text++;
	}
	*to = '\0';
	return plain;
}

static bool shown_match(const char *shown, const char *output, bool line_begins)
{
	for (; *shown; line_begins = *shown == '\n', shown++, output++) {
		if (line_begins && strncmp(shown, "...\n", 4) == 0) {
			for (;;) {
				if (shown_match(shown + 4, output, true))
					return true;
				output += strcspn(output, "\n");
				if (*output == '\0')
					return false;
				output++;
			}
		}
		if (strncmp(shown, "...", 3) == 0) {
			for (; *output && *output != '\n'; output++)
				if (shown_match(shown + 3, output, false))
					return true;
			return shown_match(shown + 3, output, false);
		}
		if (strncmp(shown, "4711", 4) == 0 && isdigit((unsigned char)*output)) {
			shown += 3;
			output += strspn(output, "0123456789") - 1;
		} else if (strncmp(shown, "alice", 5) == 0 && *output &&
		           !strchr(" \n\"", *output)) {
			shown += 4;
			output += strcspn(output, " \n\"") - 1;
		} else if (*shown != *output) {
			return false;
		}
	}
	return *output == '\0';
}

bool shown_matches(const char *shown, const char *output)
{
	char *plain_shown = shown_plain(shown), *plain_output = shown_plain(output);
	bool matches = shown_match(plain_shown, plain_output, true);

	free(plain_shown);
	free(plain_output);
	return matches;
}
