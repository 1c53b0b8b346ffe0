/* SPDX-License-Identifier: MIT
 * Parses one JSON document into a tree, strictly by RFC 8259. Unlike the usual libraries, keeps the
 * text of each value as it was given, so that no number loses digits on its way to the column that
 * it is for; and refuses what they pass over or change: a name that an object has twice, a lone
 * surrogate, UTF-8 that is not valid. change.c, prune.c and cmd_apply.c use this. */
#ifndef TOOLS_APPLY_JSON_TREE_H
#define TOOLS_APPLY_JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>

enum json_kind {
	JSON_NULL,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/* A value. */
struct json_tree {
	enum json_kind kind;
	const char *text; /* as it was given, `length` bytes of the document */
	size_t length;
	char *string; /* JSON_STRING: without escapes, and with a NUL at its end */
	char *name;   /* in an object: the name of the member */
	struct json_tree *first, *next; /* the first of the members or elements; the next one */
	size_t count;                   /* members or elements; bytes of `string` */
};

struct json_tree_error {
	size_t column; /* from 1 */
	const char *what;
};

/* Parses a document of `length` bytes, which must stay valid as long as the tree. Returns NULL, and
 * fills `*ret_error`, if the document is not valid JSON, is nested more than 32 levels deep, or has
 * an object with more than 1024 members. */
struct json_tree *json_tree_parse(const char *text, size_t length,
                                  struct json_tree_error *ret_error);

/* Frees a tree. Accepts NULL. */
void json_tree_free(struct json_tree *tree);

/* Returns true if the value, which may be NULL, is of this kind. */
bool json_tree_is(const struct json_tree *tree, enum json_kind kind);

/* Returns the member of this name; NULL if there is none, or if `tree` is NULL or no object. */
const struct json_tree *json_tree_get(const struct json_tree *tree, const char *name);

/* Returns a string; NULL if `tree` is NULL, no string, or a string with a NUL. */
const char *json_tree_string(const struct json_tree *tree);

#endif
