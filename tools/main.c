/* SPDX-License-Identifier: MIT
 * The `stele` command: finds the subcommand and runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/child.h"
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/base/suggest.h"
#include "tools/complete/cmd_completion.h"
#include "tools/output/output.h"

static const struct command *const commands[] = {
	&command_create,      &command_alter,   &command_drop,       &command_rm,
	&command_list,        &command_show,    &command_inspect,    &command_verify,
	&command_subscribers, &command_publish, &command_set,        &command_delete,
	&command_apply,       &command_get,     &command_lookup,     &command_route,
	&command_explain,     &command_dump,    &command_watch,      &command_wait,
	&command_log,         &command_diff,    &command_trace,      &command_top,
	&command_rollback,    &command_tag,     &command_save,       &command_load,
	&command_compact,     &command_upgrade, &command_schema,     &command_generate,
	&command_doctor,      &command_clean,   &command_bench,      &command_record,
	&command_replay,      &command_why,     &command_completion,
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static const char introduction[] = "Usage: stele COMMAND [ARGUMENT...]\n"
				   "Publishes, reads and watches typed tables in shared memory.\n"
				   "\n"
				   "Commands:\n";

static const char conclusion[] =
	"\n"
	"'stele COMMAND --help' prints the help of a command; 'stele --version' prints the version.\n"
	"\n"
	"Examples:\n"
	"  stele create net --table 'routes(prefix: ipv4net key, next_hop: ipv4)'\n"
	"  stele set net/routes 10.0.0.0/8 next_hop=192.0.2.1\n"
	"  stele lookup net/routes 10.1.2.3\n"
	"  stele watch net\n"
	"\n"
	"Exit status:\n"
	"  0  success\n"
	"  1  not found: no such row, or nothing that was waited for in the given time (wait,\n"
	"     watch); or there is a problem (doctor), an incompatible change (schema diff), or\n"
	"     nothing could be measured (bench)\n"
	"  2  wrong usage or bad input: arguments, a file or its contents, names, values\n"
	"  3  no such region, table or version\n"
	"  4  busy: another publisher is attached, the publisher was too fast for the read or the\n"
	"     check, or the region was left by an earlier boot\n"
	"  5  no permission\n"
	"  6  no space: the maximum size of the region, the file system, a quota, or a limit on\n"
	"     the size of files, memory or descriptors\n"
	"  7  the region is damaged, is not a region, or was made by a library with another layout\n"
	"  8  another error of the system, such as standard output that cannot be written\n"
	"  9  publish --check or --max-removed refused the change\n"
	" 10  a condition (--if-...) does not hold: the region or a row is at another version\n";

static enum status main_print_help(void)
{
	fputs(introduction, stdout);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-11s %s\n", commands[i]->name, commands[i]->summary);
	printf("  %-11s %s\n", "help", "print this, or the help of a command");
	fputs(conclusion, stdout);
	return STATUS_DONE;
}

static const struct command *main_find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static enum status main_fail_no_command(const char *name)
{
	struct suggestion suggestion;

	suggest_start(&suggestion, name);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		suggest_offer(&suggestion, commands[i]->name);
	suggest_offer(&suggestion, "help");
	if (*suggestion.best)
		return fail_usage("", "no command \"%s\"; did you mean \"%s\"?", name,
		                  suggestion.best);
	return fail_usage("", "no command \"%s\"", name);
}

static enum status main_run(int argc, char **argv)
{
	static char help[] = "--help";
	const struct command *command;

	if (argc < 2)
		return fail_usage("", "expected a COMMAND");
	if (strcmp(argv[1], "help") == 0 && argc > 2) {
		argv[1] = argv[2];
		argv[2] = help;
		argc = 3;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("stele %s\n", stele_version());
		return STATUS_DONE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "-?") == 0 || strcmp(argv[1], "help") == 0)
		return main_print_help();
	command = main_find(argv[1]);
	if (!command && argv[1][0] == '-')
		return fail_usage(
			"", "options go after the command; there is no option \"%s\" before it",
			argv[1]);
	if (!command)
		return main_fail_no_command(argv[1]);
	completion_set_commands(commands, COMMAND_COUNT);
	argv[1] = argv[0];
	return command->run(argc - 1, argv + 1);
}

/* Blocks the real-time signals that may notify a watch (--notifier signal). They must be blocked
 * in every thread, or they would end the process. */
static void main_block_notices(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int number = SIGRTMAX - 7; number <= SIGRTMAX; number++)
		sigaddset(&set, number);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
	static char name[] = "stele";
	enum status status, written;

	/* If the reader of standard output is gone, write() fails with EPIPE, and the command
	 * cleans up before it ends. */
	child_ignore(SIGPIPE);
	/* If a file reaches the limit of `ulimit -f`, write() fails with EFBIG. */
	child_ignore(SIGXFSZ);
	main_block_notices();
	if (argc > 0)
		argv[0] = name;
	status = main_run(argc, argv);
	fail_release();
	/* A command that was stopped by a signal may leave output unwritten. */
	written = stop_came() ? STATUS_DONE : output_check();
	return status != STATUS_DONE ? (int)status : (int)written;
}
