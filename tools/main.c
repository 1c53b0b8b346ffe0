/* SPDX-License-Identifier: MIT
 * The `stele` command: finds the subcommand and runs it. */
#include <signal.h>
#include <stdbool.h>
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
#include "tools/help/topics.h"
#include "tools/output/output.h"

static const struct command *const commands[] = {
	&command_create,      &command_alter,   &command_drop,    &command_rm,
	&command_list,        &command_show,    &command_inspect, &command_verify,
	&command_subscribers, &command_publish, &command_set,     &command_delete,
	&command_apply,       &command_get,     &command_lookup,  &command_route,
	&command_explain,     &command_dump,    &command_watch,   &command_wait,
	&command_log,         &command_diff,    &command_trace,   &command_top,
	&command_rollback,    &command_tag,     &command_save,    &command_load,
	&command_compact,     &command_upgrade, &command_schema,  &command_generate,
	&command_doctor,      &command_clean,   &command_bench,   &command_record,
	&command_replay,      &command_why,     &command_mirror,  &command_completion,
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static const char introduction[] = "Usage: stele COMMAND [ARGUMENT...]\n"
				   "Publishes, reads and watches typed tables in shared memory.\n"
				   "\n"
				   "Commands:\n";

static const char conclusion[] =
	"\n"
	"'stele COMMAND --help' prints the help of a command, 'stele help TOPIC' that of a\n"
	"topic, and 'stele --version' the version.\n"
	"\n"
	"Examples:\n"
	"  stele create net --table 'routes(prefix: ipv4net key, next_hop: ipv4)'\n"
	"  stele set net/routes 10.0.0.0/8 next_hop=192.0.2.1\n"
	"  stele lookup net/routes 10.1.2.3\n"
	"  stele watch net\n"
	"\n"
	"Exit status:\n";

static enum status main_print_help(void)
{
	fputs(introduction, stdout);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-11s %s\n", commands[i]->name, commands[i]->summary);
	printf("  %-11s %s\n", "help", "print this, or the help of a command or topic");
	fputs("\nTopics:\n", stdout);
	for (size_t i = 0; i < topic_count; i++)
		printf("  %-11s %s\n", topics[i].name, topics[i].summary);
	fputs(conclusion, stdout);
	fputs(topic_statuses, stdout);
	return STATUS_DONE;
}

static const struct command *main_find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* Reports that there is no command, or no command or topic, of this name. */
static enum status main_fail_unknown(const char *name, bool topic)
{
	const char *what = topic ? "command or topic" : "command";
	struct suggestion suggestion;

	suggest_start(&suggestion, name);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		suggest_offer(&suggestion, commands[i]->name);
	for (size_t i = 0; topic && i < topic_count; i++)
		suggest_offer(&suggestion, topics[i].name);
	suggest_offer(&suggestion, "help");
	if (*suggestion.best)
		return fail_usage("", "no %s \"%s\"; did you mean \"%s\"?", what, name,
		                  suggestion.best);
	return fail_usage("", "no %s \"%s\"", what, name);
}

/* Prints the help of a topic. */
static enum status main_print_topic(const char *name)
{
	const struct topic *topic = topic_find(name);

	if (!topic)
		return main_fail_unknown(name, true);
	printf("Examples:\n%s", topic->text);
	return STATUS_DONE;
}

static bool main_asks_for_help(const char *argument)
{
	return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0 ||
	       strcmp(argument, "-?") == 0 || strcmp(argument, "help") == 0;
}

static enum status main_run(int argc, char **argv)
{
	static char help[] = "--help";
	const struct command *command;

	if (argc < 2)
		return fail_usage("", "expected a COMMAND");
	if (strcmp(argv[1], "help") == 0 && argc > 2 && !main_asks_for_help(argv[2])) {
		if (!main_find(argv[2]))
			return main_print_topic(argv[2]);
		argv[1] = argv[2];
		argv[2] = help;
		argc = 3;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("stele %s\n", stele_version());
		return STATUS_DONE;
	}
	if (main_asks_for_help(argv[1]))
		return main_print_help();
	command = main_find(argv[1]);
	if (!command && argv[1][0] == '-')
		return fail_usage(
			"", "options go after the command; there is no option \"%s\" before it",
			argv[1]);
	if (!command)
		return main_fail_unknown(argv[1], false);
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
