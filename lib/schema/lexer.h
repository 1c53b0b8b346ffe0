/* SPDX-License-Identifier: MIT
 *
 * Splits the text of a declaration into words, signs and quoted texts: for schema_parse.c. Skips
 * white space and comments before each. */
#ifndef LIB_SCHEMA_LEXER_H
#define LIB_SCHEMA_LEXER_H

#include <stddef.h>
#include <stdint.h>

struct lexer {
	const char *text; /* the complete declaration */
	const char *at;   /* the rest that was not read yet */
};

/* A word of the text: letters, digits, '_' and '-'. Empty if another character comes next. */
struct word {
	const char *start;
	size_t length;
};

/* A quoted or bare text, without its quotation marks. */
struct quoted {
	const char *text; /* NULL: none was given */
	size_t length;
	const char *at; /* where it stands in the declaration */
};

/* Skips white space and comments. Returns the next word without consuming it. */
struct word lexer_peek_word(struct lexer *lexer);

/* Skips white space and comments. Returns the next character without consuming it. */
char lexer_peek(struct lexer *lexer);

/* Returns the position of a character for error messages, counted from 1. */
size_t lexer_position(const struct lexer *lexer, const char *at);

/* Sets the error message for a syntax error: `what` was expected, and something else comes next.
 * Returns -EINVAL. */
int lexer_expected(struct lexer *lexer, const char *what);

/* Reads the character `sign`, which `what` describes. Returns 0 or -EINVAL. */
int lexer_read_sign(struct lexer *lexer, char sign, const char *what);

/* Reads a number from `min` to STELE_VALUE_MAX, which `what` names. Returns 0 or -EINVAL. */
int lexer_read_number(struct lexer *lexer, uint32_t min, const char *what, uint32_t *ret);

/* Reads a quoted text, of which each \xHH is a byte, or a bare text. Copies it to `*memory`,
 * which is advanced past its NUL. The copy is shorter than what was read. Returns 0 or -EINVAL. */
int lexer_read_text(struct lexer *lexer, char **memory, const char *what, struct quoted *ret);

#endif
