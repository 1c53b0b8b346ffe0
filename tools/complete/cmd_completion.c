/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/complete/cmd_completion.h"
#include "tools/complete/complete.h"
#include "tools/complete/scripts.h"
#include "tools/region/options.h"

static const char doc[] =
	"Examples:\n"
	"  source <(stele completion bash)    # in ~/.bashrc\n"
	"  source <(stele completion zsh)     # in ~/.zshrc, after compinit\n"
	"  stele completion fish | source     # in ~/.config/fish/config.fish\n"
	"\n"
	"Prints a script by which the shell completes commands, options, regions, tables, columns, "
	"keys, versions and their names. 'make install' installs the scripts where the shells look "
	"for them.";

#define COMPLETION_SHELLS "bash|zsh|fish"

static struct complete_commands completed;

void completion_set_commands(const struct command *const *commands, size_t count)
{
	completed = (struct complete_commands){commands, count};
}

static enum status completion_run(int argc, char **argv)
{
	static const char *const scripts[] = {script_bash, script_zsh, script_fish};
	enum status status;
	struct call call;
	unsigned shell;
	int count = options_parse(&command_completion, argc, argv, NULL, &call);

	/* The scripts run `stele completion words -- WORD...`, with the words after "stele". */
	if (count > 1 && strcmp(call.operands[0], "words") == 0) {
		/* A region that cannot be read has no candidates. A message would disturb the
		 * line that the user types. */
		if (!freopen("/dev/null", "w", stderr))
			return STATUS_SYSTEM;
		complete_words(&completed, call.operands + 1, (size_t)count - 1);
		return STATUS_DONE;
	}
	if (count != 1)
		return fail_usage("completion", "expected the name of a shell: bash, zsh or fish");
	status = parse_word("completion", call.operands[0], COMPLETION_SHELLS, &shell);
	if (status == STATUS_DONE)
		fputs(scripts[shell], stdout);
	return status;
}

const struct command command_completion = {
	.name = "completion",
	.summary = "print a script that completes command lines",
	.usage = COMPLETION_SHELLS,
	.doc = doc,
	.run = completion_run,
};
