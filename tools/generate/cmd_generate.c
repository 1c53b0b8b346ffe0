/* SPDX-License-Identifier: MIT
 * stele generate: prints a header or module for programs that use a table. */
#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/generate/language.h"
#include "tools/generate/model.h"
#include "tools/generate/template.h"
#include "tools/input/source.h"
#include "tools/region/options.h"
#include "tools/rows/declarations.h"

static const char doc[] =
	"Examples:\n"
	"  stele generate --language c net/routes >routes.h\n"
	"  stele generate --language python net.schema >routes.py\n"
	"  stele generate --language rust --name Route 'routes(prefix: ipv4net key, via: ipv4)'\n"
	"\n"
	"Prints a header or module for programs that use a table: the struct of its value and of "
	"its key, the schema, assertions that the struct has the table's layout, the words of "
	"enumerations as constants, and functions that put a row, get a row and read all rows."
	"\v"
	"LANGUAGE is c, c++, go, python or rust. A declaration or a FILE of declarations (with a "
	"path that has a '.' or starts with '/'; '-' is standard input) may stand for the table; "
	"with --table, a file or region may have several.\n"
	"\n"
	"C and C++ need <stele/stele.h> and -lstele. Python needs libstele.so.0, or the library "
	"that the environment variable STELE_LIBRARY names, and no compiler. Go uses cgo. Rust "
	"links with -lstele. Hyphens in names become '_'; a keyword gets a '_' at its end.\n";

static const struct language *const languages[] = {
	&language_c, &language_cplusplus, &language_go, &language_python, &language_rust,
};
/* Their names, in this order. */
#define LANGUAGES "c|c++|go|python|rust"

struct generate {
	const struct language *language;
	const char *name;  /* of the type; NULL: made from the table's name */
	const char *table; /* NULL: the only one */
};

static error_t generate_set_language(struct generate *generate, const char *name)
{
	unsigned number;

	if (parse_word("--language", name, LANGUAGES, &number) != STATUS_DONE)
		return EINVAL;
	generate->language = languages[number];
	return 0;
}

/* Keys of options that have no short form. */
enum { OPTION_NAME = OPTION_OTHERS };

static error_t generate_parse(int key, char *argument, struct argp_state *state)
{
	struct generate *generate = state->input;

	switch (key) {
	case 'l':
		return generate_set_language(generate, argument);
	case OPTION_NAME:
		generate->name = argument;
		return 0;
	case 't':
		generate->table = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Finds the table to generate for. Returns NULL after an error message. */
static const struct declared *generate_find(const struct generate *generate, const char *operand,
                                            const struct declarations *declarations)
{
	if (!generate->table && declarations->count == 1)
		return &declarations->tables[0];
	for (size_t i = 0; generate->table && i < declarations->count; i++)
		if (strcmp(declarations->tables[i].name, generate->table) == 0)
			return &declarations->tables[i];
	if (generate->table)
		fail(STATUS_NO_TABLE, "there is no table \"%s\" in \"%s\"", generate->table,
		     operand);
	else
		fail(STATUS_INPUT, "\"%s\" has %zu tables; choose one with --table", operand,
		     declarations->count);
	return NULL;
}

static enum status generate_print(const struct generate *generate, const struct declared *declared)
{
	struct model model;
	struct text text = {0};
	enum status status = model_init(&model, generate->language, declared->name,
	                                declared->schema, generate->name);

	if (status != STATUS_DONE)
		return status;
	template_write(&model, &text);
	fwrite(text.bytes, 1, text.length, stdout);
	text_free(&text);
	return STATUS_DONE;
}

static enum status generate_run(int argc, char **argv)
{
	struct generate generate = {0};
	struct declarations declarations = {0};
	const struct declared *declared;
	struct call call;
	int count = options_parse(&command_generate, argc, argv, &generate, &call);
	enum status status;

	if (count != 1)
		return fail_usage("generate", "expected one REGION/TABLE or FILE");
	if (!generate.language)
		return fail_usage("generate", "expected --language c, c++, go, python or rust");
	status = source_read("generate", &call.place, call.operands[0], &declarations);
	if (status == STATUS_DONE) {
		declared = generate_find(&generate, call.operands[0], &declarations);
		if (declared)
			status = generate_print(&generate, declared);
		else
			status = generate.table ? STATUS_NO_TABLE : STATUS_INPUT;
	}
	declarations_free(&declarations);
	return status;
}

static const struct argp_option options[] = {
	{"language", 'l', LANGUAGES, 0, "The language to print", 0},
	{"name", OPTION_NAME, "NAME", 0, "The name of the struct (default: from the table's name)",
         0},
	{"table", 't', "TABLE", 0, "The table to print, if there are several", 0},
	{0},
};

const struct command command_generate = {
	.name = "generate",
	.summary = "print a header or module for programs that use a table",
	.usage = "--language LANGUAGE REGION[/TABLE]|FILE",
	.doc = doc,
	.options = options,
	.parse = generate_parse,
	.reads = true,
	.run = generate_run,
};
