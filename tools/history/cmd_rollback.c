/* SPDX-License-Identifier: MIT
 * stele rollback: makes a new version with the contents of an older one. */
#include <argp.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/region/options.h"
#include "tools/region/given.h"
#include "tools/region/writer.h"

static const char doc[] =
	"Examples:\n"
	"  stele rollback net --to 41\n"
	"  stele rollback net --to 41 --if-head 43@3f2a9c1e --message 'bad import'\n"
	"\n"
	"Makes a new version with the tables and rows of an older one, which history must "
	"hold or a subscriber must pin."
	"\v"
	"The cost depends on the number of rows that differ. If none differs, there is no "
	"new version. The rows that change are at the new version, so that a rollback can be "
	"rolled back too.\n";

struct rollback {
	struct options_writing writing;
	struct given version; /* --to; 0: not given */
};

static error_t rollback_parse(int key, char *argument, struct argp_state *state)
{
	struct rollback *rollback = state->input;

	switch (key) {
	case 't':
		if (given_parse("--to", argument, 1, INT64_MAX, &rollback->version) != STATUS_DONE)
			return EINVAL;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static enum status rollback_commit(struct writer *writer, const struct given *version)
{
	struct stele_position to;
	enum status status = writer_position(writer, STATUS_NO_TABLE, "--to", version, &to);
	int result;

	if (status != STATUS_DONE)
		return status;
	result = stele_transaction_rollback(writer->tx, &to);
	if (result == -EIDRM)
		return fail(STATUS_NO_TABLE, "--to: %s", stele_last_error());
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

static enum status rollback_run(int argc, char **argv)
{
	struct rollback rollback = {0};
	const char *message;
	struct writer writer;
	enum status status;
	struct call call;
	char text[64];

	if (options_parse(&command_rollback, argc, argv, &rollback, &call) != 1)
		return fail_usage("rollback", "expected one REGION");
	if (rollback.version.version == 0)
		return fail_usage("rollback", "expected --to with a version");
	if (stele_name_check("region", call.operands[0]) < 0)
		return fail_library(-EINVAL);
	snprintf(text, sizeof(text), "rollback to version %llu",
	         (unsigned long long)rollback.version.version);
	message = rollback.writing.message ? rollback.writing.message : text;
	status = writer_open(&writer, &call.place, call.operands[0], &rollback.writing);
	if (status != STATUS_DONE)
		return status;
	status = rollback_commit(&writer, &rollback.version);
	if (status == STATUS_DONE)
		status = writer_commit(&writer, call.operands[0], message, -1);
	writer_close(&writer);
	return status;
}

const struct command command_rollback = {
	.name = "rollback",
	.summary = "go back to an older version",
	.usage = "REGION --to VERSION",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"to", 't', "VERSION", 0, "The version to go back to", 0}, {0}},
	.parse = rollback_parse,
	.common = &options_writing,
	.common_at = offsetof(struct rollback, writing),
	.run = rollback_run,
};
