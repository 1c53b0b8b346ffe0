/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the arguments of every subcommand. The first line of an input is the subcommand, and each
 * further line is an argument. The functions that access the system are replaced: no region exists,
 * and no file can be read. Of subcommands that access the system in other ways, only the options
 * are parsed. */
#include "tests/fuzz/fuzz.h"

#include <argp.h>
#include <errno.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/input/lines.h"
#include "tools/region/options.h"

static const struct command *const commands[] = {
	&command_create,
	&command_rm,
	&command_list,
	&command_show,
	&command_inspect,
	&command_verify,
	&command_publish,
	&command_set,
	&command_subscribers,
	&command_delete,
	&command_apply,
	&command_get,
	&command_dump,
	&command_lookup,
	&command_explain,
	&command_watch,
	&command_rollback,
	&command_log,
	&command_diff,
	&command_trace,
	&command_save,
	&command_load,
	&command_compact,
	/* For the following subcommands, only the options are parsed. */
	&command_top,
	&command_doctor,
	&command_clean,
	&command_bench,
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]), OPTIONS_ONLY = 4 };

static jmp_buf done;
static bool running, options_only;

void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

error_t __real_argp_parse(const struct argp *argp, int argc, char **argv, unsigned flags,
                          int *index, void *input);
error_t __wrap_argp_parse(const struct argp *argp, int argc, char **argv, unsigned flags,
                          int *index, void *input);
int __real_options_parse(const struct command *command, int argc, char **argv, void *input,
                         struct call *ret);
int __wrap_options_parse(const struct command *command, int argc, char **argv, void *input,
                         struct call *ret);
void __wrap_exit(int status) __attribute__((noreturn));
enum status __wrap_lines_open(struct lines *lines, const char *path);

void __real_exit(int status) __attribute__((noreturn));

void __wrap_exit(int status)
{
	if (running)
		longjmp(done, 1);
	__real_exit(status);
}

error_t __wrap_argp_parse(const struct argp *argp, int argc, char **argv, unsigned flags,
                          int *index, void *input)
{
	return __real_argp_parse(argp, argc, argv, flags | ARGP_NO_EXIT, index, input);
}

int __wrap_options_parse(const struct command *command, int argc, char **argv, void *input,
                         struct call *ret)
{
	int count = __real_options_parse(command, argc, argv, input, ret);

	FUZZ_CHECK(count >= 0 && count < argc, "%d operands", count);
	if (options_only)
		longjmp(done, 1);
	return count;
}

enum status __wrap_lines_open(struct lines *lines, const char *path)
{
	*lines = (struct lines){.name = path, .fd = -1};
	return fail(STATUS_INPUT, "cannot read %s", path);
}

/* Replaces a function that accesses the system by one that finds nothing. */
#define NOTHING(name, result) \
	int __wrap_##name(void); \
	int __wrap_##name(void) \
	{ \
		return (result); \
	}
NOTHING(lines_keep_input, STATUS_DONE)
NOTHING(kernel_run, -ENOENT)
NOTHING(stele_publisher_open, -ENOENT)
NOTHING(stele_subscriber_open, -ENOENT)
NOTHING(stele_region_describe, -ENOENT)
NOTHING(stele_region_subscribers, -ENOENT)
NOTHING(stele_region_describe_lock, -ENOENT)
NOTHING(stele_region_verify, -ENOENT)
NOTHING(stele_region_next, 0)
NOTHING(stele_region_save, -ENOENT)
NOTHING(stele_region_load, -ENOENT)
NOTHING(stele_region_remove, -ENOENT)
NOTHING(stele_region_clean, 0)

static const char *const tokens[] = {
	"\n",
	"--format",
	"json",
	"ndjson",
	"csv",
	"table",
	"--help",
	"--usage",
	"--version",
	"--table",
	"routes(prefix: ipv4net key, next_hop: ipv4)",
	"--history",
	"--max-size",
	"4G",
	"64K",
	"--memory",
	"sysv",
	"shm",
	"--mode",
	"0640",
	"--if-version",
	"--if-absent",
	"--if-head",
	"--since",
	"--message",
	"--wait",
	"0.5",
	"--shared",
	"--notifier",
	"futex",
	"--exec",
	"--check",
	"--directory",
	"-h",
	"--durability",
	"commit",
	"net",
	"net/routes",
	"./net.stele",
	"./net.stele/routes",
	"10.0.0.0/8",
	"next_hop=192.0.2.1",
	"--prefix",
	"--count",
	"--timeout",
	"-f",
	"-p",
	"-n",
	"-1",
	"18446744073709551616",
	"--",
	"--limit",
	"--history-bytes",
	"\x1b[2J",
	NULL,
};

static bool has_option(const struct argp *argp, const char *name)
{
	const struct argp_option *option = argp->options;
	const struct argp_child *child = argp->children;

	for (; option && (option->name || option->key || option->doc); option++)
		if (option->name && strcmp(option->name, name) == 0)
			return true;
	for (; child && child->argp; child++)
		if (has_option(child->argp, name))
			return true;
	return false;
}

static bool is_option(const char *name)
{
	/* These three belong to every subcommand, and are in no struct command. */
	if (!*name || !strcmp(name, "help") || !strcmp(name, "usage") || !strcmp(name, "directory"))
		return true;
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct argp own = {.options = commands[i]->options};

		if (has_option(&own, name) ||
		    (commands[i]->common && has_option(commands[i]->common, name)))
			return true;
	}
	return false;
}

/* An option that was renamed would leave its parser without tests. */
static void check_tokens(void)
{
	static bool checked;

	for (size_t i = 0; !checked && tokens[i]; i++)
		FUZZ_CHECK(strncmp(tokens[i], "--", 2) != 0 || is_option(tokens[i] + 2),
		           "no subcommand has the option %s", tokens[i]);
	checked = true;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	char line[32];
	size_t length;

	if (seed % 16 != 0 || size > capacity / 2)
		return fuzz_mutate_text(data, size, capacity, seed / 16, tokens);
	length = (size_t)snprintf(line, sizeof(line), "%s\n", commands[seed / 16 % COMMANDS]->name);
	memmove(data + length, data, size);
	memcpy(data, line, length);
	return size + length;
}

static void run_command(const struct command *command, int argc, char **argv)
{
	running = true;
	if (setjmp(done) == 0)
		command->run(argc, argv);
	running = false;
}

static void run(char *text)
{
	/* An option --directory comes first, so that none remains from the previous input. */
	static char name[] = "stele", option[] = "--directory=/nowhere";
	char *argv[64] = {name, option}, *rest = text;
	const char *command = strsep(&rest, "\n");
	int argc = 2;

	for (char *argument; argc < 63 && (argument = strsep(&rest, "\n"));)
		argv[argc++] = argument;
	for (size_t i = 0; i < COMMANDS; i++) {
		options_only = i >= COMMANDS - OPTIONS_ONLY;
		if (strcmp(commands[i]->name, command) == 0)
			run_command(commands[i], argc, argv);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	check_tokens();
	fuzz_capture_output();
	memcpy(text, data, size);
	text[size] = '\0';
	/* A command does not free all memory and close all descriptors, because its process
	 * ends. */
	if (__lsan_disable)
		__lsan_disable();
	run(text);
	if (__lsan_enable)
		__lsan_enable();
	close_range(STDERR_FILENO + 1, ~0u, 0);
	free(text);
	return 0;
}
