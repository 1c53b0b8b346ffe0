/* SPDX-License-Identifier: MIT
 *
 * What every part of the `stele` command shares: the closed list of exit statuses, the one way to
 * report a failure, and the table of subcommands.
 *
 * A function here that returns an `enum status` has, when it is neither STATUS_DONE nor documented
 * otherwise, said on standard error what went wrong. Its caller only passes the status on. */
#ifndef TOOLS_BASE_COMMAND_H
#define TOOLS_BASE_COMMAND_H

#include <stddef.h>
#include <stdint.h>

/* The exit statuses of the command; `stele --help` and stele(1) list them. */
enum status {
	STATUS_DONE = 0,
	STATUS_NOT_THERE = 1, /* no such row; nothing seen in time; or the doctor found a problem */
	STATUS_INPUT = 2,     /* wrong usage or bad input */
	STATUS_NO_TABLE = 3,  /* no such region, table or version */
	STATUS_BUSY = 4,      /* another publisher is attached, or the data moved on too fast */
	STATUS_DENIED = 5,
	STATUS_NO_ROOM = 6,
	STATUS_DAMAGED = 7, /* damaged, no region, or of another layout */
	STATUS_SYSTEM = 8,
	STATUS_REFUSED = 9,    /* the command given to --check did not agree */
	STATUS_CONDITION = 10, /* --if-...: the region or a row is at another version */
};

struct command {
	const char *name;
	const char *summary;
	enum status (*run)(int argc, char **argv); /* argv[0] is "stele" */
};

extern const struct command command_apply, command_bench, command_clean, command_compact,
	command_create, command_delete, command_diff, command_doctor, command_dump, command_explain,
	command_get, command_inspect, command_list, command_load, command_log, command_lookup,
	command_publish, command_rm, command_rollback, command_save, command_set, command_show,
	command_subscribers, command_top, command_trace, command_verify, command_watch;

/* Prints `stele: SENTENCE` with everything in it that could steer a terminal escaped, and returns
 * `status`. */
enum status fail(enum status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From fail_hold() to fail_release() messages are kept, and printed at the release. So nothing is
 * printed while a region is locked: who reads standard error may be slow. */
void fail_hold(void);
void fail_release(void);

/* The same as fail(), with a second line that says where the subcommand's help is; STATUS_INPUT. */
enum status fail_usage(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints the library's sentence about `error`, a negative errno, and returns the status it maps to. */
enum status fail_library(int error);
enum status status_of_error(int error);

/* The same for what stele_publisher_open() and its like return on `region`: where there is none,
 * also says which name was probably meant, and how to see them all. */
enum status fail_region(const char *region, int error);

/* Says that `region` has no such table, and which was probably meant. `place` goes before the
 * sentence: "FILE:LINE: ", or "". */
enum status fail_no_table(const char *place, const char *region, const char *table);

/* Memory, or the end of the process with STATUS_NO_ROOM. */
void *must_realloc(void *memory, size_t size);

#endif
