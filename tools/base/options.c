/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/base/options.h"
#include "tools/base/suggest.h"

error_t options_hand_down(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->input;
	return 0;
}

static const char *directory;

const char *located(const char *region)
{
	static char *path;
	char *made;

	if (is_path(region) ? asprintf(&made, "file:%s", region) < 0
	                    : asprintf(&made, "%s%s%s", directory ? directory : "",
	                               directory ? "/" : "", region) < 0)
		abort();
	free(path);
	path = made;
	return path;
}

bool is_path(const char *text)
{
	return *text == '/' || *text == '.';
}

const char *located_directory(void)
{
	return directory;
}

struct invocation {
	char **argv; /* a copy */
	int operand_count;
	void *input;
};

/* The outermost parser: it has the option that all subcommands have, hands the input down to the subcommand's, and
 * keeps the operands. With an argv of another address argp takes the name for --help from the
 * program's short name, while messages about options start with argv[0]: "stele: unrecognized
 * option", but "Usage: stele create". */
static error_t parse_outermost(int key, char *argument, struct argp_state *state)
{
	struct invocation *invocation = state->input;

	switch (key) {
	case 'D':
		if (!*argument) {
			fail(STATUS_INPUT, "--directory: expected a directory");
			return EINVAL;
		}
		directory = argument;
		return 0;
	case ARGP_KEY_INIT:
		state->argv = invocation->argv;
		state->child_inputs[0] = invocation->input;
		return 0;
	case ARGP_KEY_ARGS:
		invocation->operand_count = state->argc - state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int parse_arguments(const struct argp *argp, const struct argp *more, const char *name,
                           int argc, char **argv, void *input, char ***ret_operands)
{
	struct argp_child children[] = {{.argp = argp}, {.argp = more}, {0}};
	static const struct argp_option common[] = {
		{"directory", 'D', "DIRECTORY", 0,
	         "The region's files are in this directory (/dev/shm)", 20},
		{0},
	};
	struct argp outermost = {
		.options = common,
		.parser = parse_outermost,
		.args_doc = argp->args_doc,
		.doc = argp->doc,
		.children = children,
	};
	struct argp inner = *argp;
	static char full_name[64];
	struct invocation invocation = {.input = input};

	inner.args_doc = NULL;
	inner.doc = NULL;
	children[0].argp = &inner;
	invocation.argv = must_realloc(NULL, ((size_t)argc + 1) * sizeof(*argv));
	memcpy(invocation.argv, argv, ((size_t)argc + 1) * sizeof(*argv));
	snprintf(full_name, sizeof(full_name), "stele %s", name);
	program_invocation_short_name = full_name;
	argp_err_exit_status = STATUS_INPUT;
	if (argp_parse(&outermost, argc, argv, 0, NULL, &invocation) != 0)
		exit(STATUS_INPUT);
	/* getopt has put the operands last; they stay in the caller's array. */
	memcpy(argv, invocation.argv, ((size_t)argc + 1) * sizeof(*argv));
	free(invocation.argv);
	*ret_operands = argv + argc - invocation.operand_count;
	return invocation.operand_count;
}

int options_parse(const struct argp *argp, const char *name, int argc, char **argv, void *input,
                  char ***ret_operands)
{
	return parse_arguments(argp, NULL, name, argc, argv, input, ret_operands);
}

int options_parse_reading(const struct argp *argp, const char *name, int argc, char **argv,
                          void *input, char ***ret_operands)
{
	return parse_arguments(argp, &options_owner, name, argc, argv, input, ret_operands);
}

static error_t parse_format(int key, char *argument, struct argp_state *state)
{
	static const char *const names[] = {
		[OUTPUT_TABLE] = "table",
		[OUTPUT_CSV] = "csv",
		[OUTPUT_JSON] = "json",
		[OUTPUT_NDJSON] = "ndjson",
	};

	if (key != 'f')
		return ARGP_ERR_UNKNOWN;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(argument, names[i]) == 0) {
			*(enum output_format *)state->input = i;
			return 0;
		}
	fail(STATUS_INPUT, "--format: expected table, csv, json or ndjson, but \"%s\" stands there",
	     argument);
	return EINVAL;
}

const struct argp options_format = {
	.options =
		(const struct argp_option[]){
			{"format", 'f', "FORMAT", 0,
                         "Print as table (the default), csv, json or ndjson", 10},
			{0},
		},
	.parser = parse_format,
};

static error_t parse_reading(int key, char *argument, struct argp_state *state)
{
	struct options_reading *reading = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &reading->format;
		return 0;
	case 'a':
		return parse_token("--version", argument, 1, UINT64_MAX, &reading->version) ==
		                       STATUS_DONE
		               ? 0
		               : EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp options_reading = {
	.options =
		(const struct argp_option[]){
			{"version", 'a', "VERSION", 0, "Read this version, while history holds it",
                         10},
			{0},
		},
	.parser = parse_reading,
	.children = (const struct argp_child[]){{.argp = &options_format}, {0}},
};

static error_t parse_writing(int key, char *argument, struct argp_state *state)
{
	struct options_writing *writing = state->input;

	switch (key) {
	case 'w':
		if (parse_seconds("--wait", argument, &writing->attach_timeout) != STATUS_DONE)
			return EINVAL;
		/* The library's 0 is its default, and a negative number doesn't wait. */
		if (writing->attach_timeout == 0)
			writing->attach_timeout = -1;
		return 0;
	case 'S':
		writing->flags |= STELE_SHARED;
		return 0;
	case 'm':
		writing->message = argument;
		return 0;
	case OPTION_IF_HEAD:
		writing->if_head_given = true;
		return parse_token("--if-head", argument, 0, INT64_MAX, &writing->if_head) ==
		                       STATUS_DONE
		               ? 0
		               : EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp options_writing = {
	.options =
		(const struct argp_option[]){
			{"wait", 'w', "SECONDS", 0,
                         "Wait this long for another publisher to go away (5)", 11},
			{"shared", 'S', NULL, 0,
                         "Take turns with other publishers that have this option, too", 11},
			{"message", 'm', "TEXT", 0,
                         "Keep this message with the version in the history", 11},
			{"if-head", OPTION_IF_HEAD, "VERSION@UUID", 0,
                         "Only if the newest version is this one; else the exit status is 10", 11},
			{0},
		},
	.parser = parse_writing,
};

/* Digits alone, so no sign, no space, no octal. */
static bool parse_digits(const char *text, char **ret_end, uint64_t *ret)
{
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, ret_end, 10);
	return errno == 0;
}

enum status parse_count(const char *what, const char *text, uint64_t least, uint64_t most,
                        uint64_t *ret)
{
	uint64_t count;
	char *end;

	if (!parse_digits(text, &end, &count) || *end || count < least || count > most)
		return fail(STATUS_INPUT,
		            "%s: expected a number from %llu to %llu, but \"%s\" stands there",
		            what, (unsigned long long)least, (unsigned long long)most, text);
	*ret = count;
	return STATUS_DONE;
}

enum status parse_size(const char *what, const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *unit = "";
	unsigned shift = 0;
	uint64_t size;
	char *end;

	if (parse_digits(text, &end, &size)) {
		unit = end;
		if (*unit && strchr(units, *unit)) {
			shift = 10 * (unsigned)(strchr(units, *unit) - units + 1);
			unit++;
		}
		if (!*unit && size && size <= (UINT64_C(1) << 62) >> shift) {
			*ret = size << shift;
			return STATUS_DONE;
		}
	}
	return fail(STATUS_INPUT, "%s: expected a size such as 64M or 4G, but \"%s\" stands there",
	            what, text);
}

static const char *const memory_names[] = {
	[STELE_MEMORY_SHM] = "shm",
	[STELE_MEMORY_FILE] = "file",
	[STELE_MEMORY_SYSV] = "sysv",
};

const char *memory_name(enum stele_memory memory)
{
	return memory_names[memory];
}

enum status parse_memory(const char *what, const char *text, enum stele_memory *ret)
{
	struct suggestion suggestion;

	suggestion_start(&suggestion, text);
	for (enum stele_memory i = STELE_MEMORY_SHM; i <= STELE_MEMORY_SYSV; i++) {
		if (strcmp(text, memory_names[i]) == 0) {
			*ret = i;
			return STATUS_DONE;
		}
		suggestion_offer(&suggestion, memory_names[i]);
	}
	if (suggestion.best[0])
		return fail(STATUS_INPUT, "%s: no kind of memory \"%s\"; did you mean \"%s\"?",
		            what, text, suggestion.best);
	return fail(STATUS_INPUT, "%s: expected shm, file or sysv, but \"%s\" stands there", what,
	            text);
}

enum status parse_seconds(const char *what, const char *text, int64_t *ret_nanoseconds)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0 && seconds <= 1e9))
		return fail(STATUS_INPUT,
		            "%s: expected a number of seconds, such as 2 or 0.5, but \"%s\" stands "
		            "there",
		            what, text);
	*ret_nanoseconds = (int64_t)(seconds * 1e9);
	return STATUS_DONE;
}

enum status parse_target(const char *command, const char *text, bool table_needed,
                         struct target *ret)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	if (is_path(text))
		return fail_usage(command,
		                  "expected the name of a region, but \"%s\" stands there; a "
		                  "saved file can only be read",
		                  text);
	if (!slash && table_needed)
		return fail_usage(
			command,
			"expected REGION/TABLE, such as net/routes, but \"%s\" stands there", text);
	snprintf(ret->region, sizeof(ret->region), "%.*s",
	         (int)(length < sizeof(ret->region) ? length : sizeof(ret->region)), text);
	if (stele_name_check("region", ret->region) < 0)
		return fail_library(-EINVAL);
	if (slash && stele_name_check("table", slash + 1) < 0)
		return fail_library(-EINVAL);
	snprintf(ret->table, sizeof(ret->table), "%s", slash ? slash + 1 : "");
	return STATUS_DONE;
}

enum status parse_source(const char *text)
{
	if (is_path(text) || stele_name_check("region", text) == 0)
		return STATUS_DONE;
	if (access(text, F_OK) == 0)
		return fail(STATUS_INPUT,
		            "\"%s\" is no name of a region; the path of a saved file starts with "
		            "/ or ., such as ./%s",
		            text, text);
	return fail_library(-EINVAL);
}

/* What a path has before its last slash is the file, if it is one: below a file there are no others. */
static bool split_path(const char *text, bool table_needed, struct target *ret)
{
	const char *slash = strrchr(text, '/');
	struct stat status;

	if (!table_needed && (stat(text, &status) == 0 || errno != ENOTDIR))
		slash = NULL;
	if (slash == text || strlen(text) >= sizeof(ret->region) || (table_needed && !slash))
		return false;
	snprintf(ret->region, sizeof(ret->region), "%.*s",
	         slash ? (int)(slash - text) : (int)strlen(text), text);
	snprintf(ret->table, sizeof(ret->table), "%.*s", STELE_NAME_MAX, slash ? slash + 1 : "");
	return true;
}

enum status parse_source_target(const char *command, const char *text, bool table_needed,
                                struct target *ret)
{
	if (!is_path(text))
		return parse_target(command, text, table_needed, ret);
	if (!split_path(text, table_needed, ret))
		return fail_usage(command,
		                  "expected FILE/TABLE, such as ./net.stele/routes, but \"%s\" "
		                  "stands there",
		                  text);
	if (*ret->table && stele_name_check("table", ret->table) < 0)
		return fail_library(-EINVAL);
	return STATUS_DONE;
}
