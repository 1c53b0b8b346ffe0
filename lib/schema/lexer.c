/* SPDX-License-Identifier: MIT */
#include "lib/schema/lexer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <stele/schema.h>
#include "lib/base/error.h"
#include "lib/base/escape.h"
#include "lib/types/quote.h"
#include "lib/types/text_number.h"

static bool lexer_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool lexer_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

struct word lexer_peek_word(struct lexer *lexer)
{
	struct word word;

	while (lexer_is_space(*lexer->at) || *lexer->at == '#')
		lexer->at += *lexer->at == '#' ? strcspn(lexer->at, "\n") : 1;
	word = (struct word){.start = lexer->at};
	while (lexer_is_word(word.start[word.length]))
		word.length++;
	return word;
}

char lexer_peek(struct lexer *lexer)
{
	return *lexer_peek_word(lexer).start;
}

size_t lexer_position(const struct lexer *lexer, const char *at)
{
	return (size_t)(at - lexer->text) + 1;
}

int lexer_expected(struct lexer *lexer, const char *what)
{
	struct word word = lexer_peek_word(lexer);
	struct escaped escaped;

	if (*word.start == '\0')
		return error_set(EINVAL, "character %zu: expected %s, but the text ends",
		                 lexer_position(lexer, word.start), what);
	return error_set(EINVAL, "character %zu: expected %s, but found %s",
	                 lexer_position(lexer, word.start), what,
	                 escape(&escaped, word.start, word.length > 0 ? word.length : 1));
}

int lexer_read_sign(struct lexer *lexer, char sign, const char *what)
{
	if (lexer_peek(lexer) != sign)
		return lexer_expected(lexer, what);
	lexer->at++;
	return 0;
}

int lexer_read_number(struct lexer *lexer, uint32_t min, const char *what, uint32_t *ret)
{
	struct word word = lexer_peek_word(lexer);
	uint64_t number;
	char expected[64];

	if (text_decimal_parse(word.start, word.length, &number) < 0 || number < min ||
	    number > STELE_VALUE_MAX) {
		snprintf(expected, sizeof(expected), "a number of %s from %u to %u", what, min,
		         STELE_VALUE_MAX);
		return lexer_expected(lexer, expected);
	}
	lexer->at += word.length;
	*ret = (uint32_t)number;
	return 0;
}

int lexer_read_text(struct lexer *lexer, char **memory, const char *what, struct quoted *ret)
{
	char quote = lexer_peek(lexer), *end = *memory;
	const char *start = lexer->at;
	size_t length;

	if (quote != '"' && quote != '\'') {
		length = strcspn(lexer->at, " \t\r\n,()\"'#");
		if (length == 0)
			return lexer_expected(lexer, what);
		end = mempcpy(end, lexer->at, length);
		lexer->at += length;
	} else {
		lexer->at++;
		while (*lexer->at != quote || lexer->at[1] == quote) {
			if (*lexer->at == '\0')
				return error_set(EINVAL,
				                 "character %zu: the text has no closing %c",
				                 lexer_position(lexer, start), quote);
			lexer->at += *lexer->at == quote ? 2 : 1;
			*end++ = lexer->at[-1];
		}
		lexer->at++;
		length = (size_t)(end - *memory);
		if (quote_has_codes(*memory, length))
			end = *memory + quote_decode(*memory, length);
	}
	*ret = (struct quoted){*memory, (size_t)(end - *memory), start};
	*end = '\0';
	*memory = end + 1;
	return 0;
}
