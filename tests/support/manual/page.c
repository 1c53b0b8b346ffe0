/* SPDX-License-Identifier: MIT */
#include "tests/support/manual/page.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cli.h"

/* A text that grows. */
struct page_text {
	char *text;
	size_t length;
};

static void page_append(struct page_text *to, const char *text, size_t length)
{
	to->text = realloc(to->text, to->length + length + 1);
	cr_assert(to->text != NULL);
	memcpy(to->text + to->length, text, length);
	to->length += length;
	to->text[to->length] = '\0';
}

/* Moves a text to the texts that live as long as the test. */
static char *page_keep(struct page_text *text)
{
	char *kept = cli_text(text->text ? text->text : "");

	free(text->text);
	*text = (struct page_text){0};
	return kept;
}

static void page_append_line(struct page_text *to, const char *line)
{
	page_append(to, line, strlen(line));
	page_append(to, "\n", 1);
}

/* Removes roff's escapes from a line, in place. */
static void page_unescape(char *line)
{
	static const struct {
		const char *escape, *text;
	} escapes[] = {{"\\e", "\\"},   {"\\&", ""},    {"\\-", "-"},   {"\\(aq", "'"},
	               {"\\(dq", "\""}, {"\\(ti", "~"}, {"\\(ha", "^"}, {"\\\\", "\\"}};
	char *to = line;

	while (*line) {
		size_t i, length = 0;

		for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]) && length == 0; i++)
			if (strncmp(line, escapes[i].escape, strlen(escapes[i].escape)) == 0)
				length = strlen(escapes[i].escape);
		if (length == 0) {
			*to++ = *line++;
			continue;
		}
		if (*escapes[i - 1].text)
			*to++ = *escapes[i - 1].text;
		line += length;
	}
	*to = '\0';
}

/* Copies the next line without its line feed to `line`. Returns the start of the line after it, or
 * NULL if there is none. */
static const char *page_line(const char *text, char *line, size_t size)
{
	size_t length = strcspn(text, "\n");

	if (*text == '\0')
		return NULL;
	cr_assert(length < size, "a line of %zu bytes", length);
	memcpy(line, text, length);
	line[length] = '\0';
	return text + length + (text[length] == '\n');
}

size_t manual_list(char (*ret_names)[64], size_t capacity)
{
	glob_t found;
	size_t count = 0;

	if (glob(MANUAL_FOLDER "/*.[157]", 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc && count < capacity; i++)
		snprintf(ret_names[count++], sizeof(ret_names[0]), "%s",
		         strrchr(found.gl_pathv[i], '/') + 1);
	globfree(&found);
	return count;
}

void manual_read(struct manual_page *page, const char *name)
{
	struct page_text text = {0};
	char path[128], buffer[4096];
	size_t length;
	FILE *file;

	snprintf(page->name, sizeof(page->name), "%s", name);
	snprintf(path, sizeof(path), MANUAL_FOLDER "/%s", name);
	file = fopen(path, "re");
	cr_assert(file != NULL, "there is no page %s", path);
	while ((length = fread(buffer, 1, sizeof(buffer), file)) > 0)
		page_append(&text, buffer, length);
	fclose(file);
	cr_assert(text.length > 0, "%s is empty", path);
	page->text = page_keep(&text);
}

char *manual_section(const struct manual_page *page, const char *title)
{
	struct page_text section = {0};
	const char *text = page->text;
	char line[4096], *kept;
	bool within = false, found = false;

	while ((text = page_line(text, line, sizeof(line))) != NULL) {
		if (strncmp(line, ".Sh ", 4) == 0) {
			within = strcmp(line + 4, title) == 0;
			found |= within;
		} else if (within) {
			page_append_line(&section, line);
		}
	}
	kept = page_keep(&section);
	return found ? kept : NULL;
}

/* ---- examples ---- */

/* What lines of comments said about the next display. */
struct page_directives {
	struct page_text setup, meanwhile;
	char *until;
	bool on_terminal;
};

static void page_read_directive(struct page_directives *directives, char *line)
{
	static const char setup[] = ".\\\" setup: ", meanwhile[] = ".\\\" meanwhile: ",
			  until[] = ".\\\" until: ", terminal[] = ".\\\" on a terminal";

	if (strncmp(line, setup, strlen(setup)) == 0)
		page_append_line(&directives->setup, line + strlen(setup));
	else if (strncmp(line, meanwhile, strlen(meanwhile)) == 0)
		page_append_line(&directives->meanwhile, line + strlen(meanwhile));
	else if (strncmp(line, until, strlen(until)) == 0)
		directives->until = cli_text(line + strlen(until));
	else if (strcmp(line, terminal) == 0)
		directives->on_terminal = true;
	else
		cr_assert(false, "unknown comment in EXAMPLES: %s", line);
}

/* Returns whether the shell wants another line after these lines of a command. */
static bool page_continues(const char *command, const char *line, const char *word)
{
	size_t quotes = 0, length = strlen(line);

	if (*word)
		return strcmp(line, word) != 0;
	for (const char *at = command; *at; at++)
		quotes += *at == '\'';
	return quotes % 2 == 1 ||
	       (length > 0 && (line[length - 1] == '\\' || line[length - 1] == '|'));
}

/* Copies the word that ends a here-document to `word`, if a line begins one. */
static void page_find_here_document(const char *line, char word[32])
{
	const char *at = strstr(line, "<<'");
	size_t length = at ? strcspn(at + 3, "'") : 0;

	if (length == 0 || length >= 32)
		return;
	memcpy(word, at + 3, length);
	word[length] = '\0';
}

static void page_end_step(struct manual_step *step, struct page_text *command,
                          struct page_text *shown)
{
	step->command = page_keep(command);
	step->shown = page_keep(shown);
}

/* Reads the commands of the display at `text`, after its .Bd, and what it shows of their output.
 * Returns the text after its .Ed. */
static const char *page_read_display(const char *text, struct page_directives *directives,
                                     struct manual_step *steps, size_t capacity, size_t *count)
{
	struct page_text command = {0}, shown = {0};
	struct manual_step *step = NULL;
	char line[4096], word[32] = "";
	bool continues = false;

	while ((text = page_line(text, line, sizeof(line))) != NULL && strcmp(line, ".Ed") != 0) {
		page_unescape(line);
		cr_expect(strlen(line) <= MANUAL_WIDTH, "wider than 80 columns on a terminal: %s",
		          line);
		if (!continues && strncmp(line, "$ ", 2) == 0) {
			cr_assert(*count < capacity, "more than %zu commands", capacity);
			if (step)
				page_end_step(step, &command, &shown);
			step = &steps[(*count)++];
			*step = (struct manual_step){.setup = page_keep(&directives->setup)};
			memmove(line, line + 2, strlen(line + 2) + 1);
			continues = true;
		}
		cr_assert(step != NULL,
		          "a display of EXAMPLES begins with a command after \"$ \": %s", line);
		page_append_line(continues ? &command : &shown, line);
		if (continues && !*word)
			page_find_here_document(line, word);
		continues = continues && page_continues(command.text, line, word);
		if (!continues)
			*word = '\0';
	}
	cr_assert(text != NULL && step != NULL && !continues, "a display without a whole command");
	page_end_step(step, &command, &shown);
	step->until = directives->until;
	step->meanwhile = page_keep(&directives->meanwhile);
	step->on_terminal = directives->on_terminal;
	*directives = (struct page_directives){0};
	return text;
}

size_t manual_steps(const struct manual_page *page, struct manual_step *ret_steps, size_t capacity,
                    size_t *ret_displays)
{
	static const char *const titles[] = {"FIRST STEPS", "EXAMPLES"};
	size_t count = 0;

	*ret_displays = 0;
	for (size_t i = 0; i < 2; i++) {
		const char *text = manual_section(page, titles[i]);
		struct page_directives directives = {0};
		char line[4096];

		while (text && (text = page_line(text, line, sizeof(line))) != NULL) {
			if (strncmp(line, ".\\\" ", 4) == 0)
				page_read_directive(&directives, line);
			if (strncmp(line, ".Bd ", 4) != 0)
				continue;
			text = page_read_display(text, &directives, ret_steps, capacity, &count);
			(*ret_displays)++;
		}
	}
	return count;
}
