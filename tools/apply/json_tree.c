/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "tools/apply/json_tree.h"
#include "tools/base/heap.h"
#include "tools/base/text.h"

enum { DEPTH_MAX = 32, MEMBERS_MAX = 1024 };

struct json_parser {
	const char *start, *at, *end;
	unsigned depth;
	const char *what; /* the error; NULL: none yet */
};

/* Notes the first error, at the byte that comes next. Returns false. */
static bool json_tree_fail(struct json_parser *parser, const char *what)
{
	if (!parser->what)
		parser->what = what;
	return false;
}

static void json_tree_skip_space(struct json_parser *parser)
{
	while (parser->at < parser->end && *parser->at && strchr(" \t\r\n", *parser->at))
		parser->at++;
}

/* Skips the character if it comes next. */
static bool json_tree_take(struct json_parser *parser, char character)
{
	if (parser->at == parser->end || *parser->at != character)
		return false;
	parser->at++;
	return true;
}

/* ---- strings ---- */

/* Reads four hexadecimal digits. */
static bool json_tree_unit(struct json_parser *parser, uint32_t *ret)
{
	static const char digits[] = "0123456789abcdef";

	*ret = 0;
	for (int i = 0; i < 4; i++) {
		const char *digit = parser->at == parser->end || !*parser->at
		                            ? NULL
		                            : strchr(digits, *parser->at | 0x20);

		/* | 0x20 makes other characters digits, too: those below the space. */
		if (!digit || (unsigned char)*parser->at < '0')
			return json_tree_fail(parser, "expected four hexadecimal digits");
		*ret = *ret * 16 + (uint32_t)(digit - digits);
		parser->at++;
	}
	return true;
}

static void json_tree_append_utf8(struct text *text, uint32_t code)
{
	char bytes[4];
	size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = length - 1; i > 0; i--, code >>= 6)
		bytes[i] = (char)(0x80 | (code & 0x3f));
	bytes[0] = (char)(leads[length] | code);
	text_append(text, bytes, length);
}

/* Reads what follows \u, with the second half of a pair of surrogates. */
static bool json_tree_code(struct json_parser *parser, struct text *text)
{
	uint32_t code, low;

	if (!json_tree_unit(parser, &code))
		return false;
	if (code >= 0xd800 && code < 0xe000) {
		if (code >= 0xdc00 || !json_tree_take(parser, '\\') ||
		    !json_tree_take(parser, 'u') || !json_tree_unit(parser, &low) || low < 0xdc00 ||
		    low >= 0xe000)
			return json_tree_fail(parser,
			                      "a surrogate without the other half of its pair");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	json_tree_append_utf8(text, code);
	return true;
}

static bool json_tree_escape(struct json_parser *parser, struct text *text)
{
	static const char letters[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
	const char *letter =
		parser->at == parser->end || !*parser->at ? NULL : strchr(letters, *parser->at);

	if (letter) {
		parser->at++;
		text_append(text, &characters[letter - letters], 1);
		return true;
	}
	if (!json_tree_take(parser, 'u'))
		return json_tree_fail(parser, "invalid escape");
	return json_tree_code(parser, text);
}

/* Returns the number of bytes of the UTF-8 character that comes next; 0 if it is not valid. */
static size_t json_tree_utf8(const struct json_parser *parser)
{
	const unsigned char *at = (const unsigned char *)parser->at;
	size_t left = (size_t)(parser->end - parser->at);
	size_t length = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;

	if (length > left || *at > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what is beyond U+10FFFF. */
	if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
	    (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

/* Parses a string, of which the quotation mark was taken, to `text`. */
static bool json_tree_parse_text(struct json_parser *parser, struct text *text)
{
	while (parser->at < parser->end) {
		size_t length = json_tree_utf8(parser);

		if (json_tree_take(parser, '"'))
			return true;
		if (length == 0)
			return json_tree_fail(parser, "invalid UTF-8");
		if ((unsigned char)*parser->at < 0x20)
			return json_tree_fail(parser, "a control character in a string");
		if (!json_tree_take(parser, '\\')) {
			text_append(text, parser->at, length);
			parser->at += length;
		} else if (!json_tree_escape(parser, text)) {
			return false;
		}
	}
	return json_tree_fail(parser, "the string has no end");
}

/* Parses a string. Returns it on the heap, or NULL. */
static char *json_tree_parse_string(struct json_parser *parser, size_t *ret_length)
{
	struct text text = {0};

	if (!json_tree_take(parser, '"')) {
		json_tree_fail(parser, "expected a string");
		return NULL;
	}
	if (!json_tree_parse_text(parser, &text)) {
		text_free(&text);
		return NULL;
	}
	*ret_length = text.length;
	text_append(&text, "", 1);
	return text.bytes;
}

/* ---- values ---- */

static size_t json_tree_digits(struct json_parser *parser)
{
	const char *start = parser->at;

	while (parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9')
		parser->at++;
	return (size_t)(parser->at - start);
}

static bool json_tree_number(struct json_parser *parser)
{
	json_tree_take(parser, '-');
	if (!json_tree_take(parser, '0') && json_tree_digits(parser) == 0)
		return json_tree_fail(parser, "expected a value");
	if (json_tree_take(parser, '.') && json_tree_digits(parser) == 0)
		return json_tree_fail(parser, "expected digits after the decimal point");
	if (json_tree_take(parser, 'e') || json_tree_take(parser, 'E')) {
		if (!json_tree_take(parser, '-'))
			json_tree_take(parser, '+');
		if (json_tree_digits(parser) == 0)
			return json_tree_fail(parser, "expected digits of the exponent");
	}
	return true;
}

static bool json_tree_parse_value(struct json_parser *parser, struct json_tree *ret);

/* Parses the name of a member, and the colon. */
static bool json_tree_parse_name(struct json_parser *parser, const struct json_tree *object,
                                 struct json_tree *member)
{
	size_t length = 0;

	member->name = json_tree_parse_string(parser, &length);
	if (!member->name)
		return false;
	if (strlen(member->name) != length)
		return json_tree_fail(parser, "a name with a NUL");
	for (const struct json_tree *other = object->first; other != member; other = other->next)
		if (strcmp(other->name, member->name) == 0)
			return json_tree_fail(parser, "a duplicate name");
	json_tree_skip_space(parser);
	return json_tree_take(parser, ':') || json_tree_fail(parser, "expected a colon");
}

/* Parses the members of an object or the elements of an array, whose bracket was taken. */
static bool json_tree_parse_list(struct json_parser *parser, struct json_tree *list, char end)
{
	struct json_tree **last = &list->first;

	json_tree_skip_space(parser);
	if (json_tree_take(parser, end))
		return true;
	do {
		if (++list->count > MEMBERS_MAX && list->kind == JSON_OBJECT)
			return json_tree_fail(parser, "an object with too many members");
		*last = heap_realloc(NULL, sizeof(**last));
		**last = (struct json_tree){.kind = JSON_NULL};
		json_tree_skip_space(parser);
		if (list->kind == JSON_OBJECT && !json_tree_parse_name(parser, list, *last))
			return false;
		if (!json_tree_parse_value(parser, *last))
			return false;
		last = &(*last)->next;
		json_tree_skip_space(parser);
	} while (json_tree_take(parser, ','));
	return json_tree_take(parser, end) ||
	       json_tree_fail(parser, "expected a comma, or the end of the object or array");
}

static bool json_tree_parse_word(struct json_parser *parser, struct json_tree *ret)
{
	static const struct {
		const char *word;
		enum json_kind kind;
	} words[] = {{"null", JSON_NULL}, {"true", JSON_TRUE}, {"false", JSON_FALSE}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t length = strlen(words[i].word);

		if ((size_t)(parser->end - parser->at) >= length &&
		    memcmp(parser->at, words[i].word, length) == 0) {
			parser->at += length;
			ret->kind = words[i].kind;
			return true;
		}
	}
	ret->kind = JSON_NUMBER;
	return json_tree_number(parser);
}

static bool json_tree_parse_any(struct json_parser *parser, struct json_tree *ret)
{
	size_t length;

	if (json_tree_take(parser, '{')) {
		ret->kind = JSON_OBJECT;
		return json_tree_parse_list(parser, ret, '}');
	}
	if (json_tree_take(parser, '[')) {
		ret->kind = JSON_ARRAY;
		return json_tree_parse_list(parser, ret, ']');
	}
	if (parser->at == parser->end || *parser->at != '"')
		return json_tree_parse_word(parser, ret);
	ret->kind = JSON_STRING;
	ret->string = json_tree_parse_string(parser, &length);
	/* json_tree_string() compares the lengths. */
	ret->count = length;
	return ret->string != NULL;
}

static bool json_tree_parse_value(struct json_parser *parser, struct json_tree *ret)
{
	bool parsed;

	json_tree_skip_space(parser);
	if (parser->depth == DEPTH_MAX)
		return json_tree_fail(parser, "nested too deep");
	parser->depth++;
	ret->text = parser->at;
	parsed = json_tree_parse_any(parser, ret);
	ret->length = (size_t)(parser->at - ret->text);
	parser->depth--;
	return parsed;
}

struct json_tree *json_tree_parse(const char *text, size_t length,
                                  struct json_tree_error *ret_error)
{
	struct json_parser parser = {.start = text, .at = text, .end = text + length};
	struct json_tree *tree = heap_realloc(NULL, sizeof(*tree));
	bool parsed;

	*tree = (struct json_tree){.kind = JSON_NULL};
	parsed = json_tree_parse_value(&parser, tree);
	json_tree_skip_space(&parser);
	if (parsed && parser.at == parser.end)
		return tree;
	json_tree_fail(&parser, "expected the end of the line");
	ret_error->column = (size_t)(parser.at - parser.start) + 1;
	ret_error->what = parser.what;
	json_tree_free(tree);
	return NULL;
}

void json_tree_free(struct json_tree *tree)
{
	while (tree) {
		struct json_tree *next = tree->next;

		json_tree_free(tree->first);
		free(tree->string);
		free(tree->name);
		free(tree);
		tree = next;
	}
}

bool json_tree_is(const struct json_tree *tree, enum json_kind kind)
{
	return tree && tree->kind == kind;
}

const struct json_tree *json_tree_get(const struct json_tree *tree, const char *name)
{
	if (!json_tree_is(tree, JSON_OBJECT))
		return NULL;
	for (const struct json_tree *member = tree->first; member; member = member->next)
		if (strcmp(member->name, name) == 0)
			return member;
	return NULL;
}

const char *json_tree_string(const struct json_tree *tree)
{
	if (!json_tree_is(tree, JSON_STRING) || strlen(tree->string) != tree->count)
		return NULL;
	return tree->string;
}
