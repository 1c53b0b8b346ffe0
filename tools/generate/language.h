/* SPDX-License-Identifier: MIT
 * The languages of `stele generate`: what a language calls the types of columns, which names it
 * reserves, and the template of its module. template.h explains templates. model.c, template.c and
 * cmd_generate.c use this; a new language is a file language_NAME.c and a row in cmd_generate.c. */
#ifndef TOOLS_GENERATE_LANGUAGE_H
#define TOOLS_GENERATE_LANGUAGE_H

#include <stdbool.h>

/* The types that columns are made of: a column has one of them, or an array. */
enum scalar {
	SCALAR_U8,
	SCALAR_U16,
	SCALAR_U32,
	SCALAR_U64,
	SCALAR_I8,
	SCALAR_I16,
	SCALAR_I32,
	SCALAR_I64,
	SCALAR_F64,
	SCALAR_BOOL,
	SCALAR_CHAR,
	SCALAR_IPV4NET,
	SCALAR_IPV6NET,
	SCALAR_COUNT
};

/* How a language writes the type of an array. */
struct array_form {
	const char *before, *between, *after; /* before NULL: the counts stand after the name */
	bool count_first;
};

struct language {
	const char *name; /* for --language */
	const char *module;
	/* Keywords, and names that the template itself uses; ended by NULL. */
	const char *const *reserved;
	const char *scalars[SCALAR_COUNT];
	struct array_form array;
	bool camel_types;  /* the default name of a type: LinkState, or link_state */
	bool camel_fields; /* the names of fields likewise */
	bool octal;        /* strings have \ooo for bytes, or \xhh */
	bool cplusplus;
	const char *static_assert_name, *alignas_name; /* C and C++ only */
};

extern const struct language language_c, language_cplusplus, language_go, language_python,
	language_rust;

#endif
