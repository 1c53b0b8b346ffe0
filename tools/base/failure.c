/* SPDX-License-Identifier: MIT
 * Failures: how they are printed, and which exit status stands for which error. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/escape.h"
#include "tools/base/options.h"
#include "tools/base/suggest.h"

static void print_sentence(const char *format, va_list arguments)
	__attribute__((format(printf, 1, 0)));

/* Messages that wait for fail_release(). */
static struct text held;
static bool holding;

static void print_sentence(const char *format, va_list arguments)
{
	char *sentence;
	int length;

	length = vasprintf(&sentence, format, arguments);
	if (length < 0)
		return;
	text_append_string(&held, "stele: ");
	escape_for_people(&held, sentence, (size_t)length);
	text_append(&held, "\n", 1);
	free(sentence);
	if (!holding)
		fail_release();
}

void fail_hold(void)
{
	holding = true;
}

void fail_release(void)
{
	holding = false;
	if (held.length == 0)
		return;
	fflush(stdout);
	fwrite(held.bytes, 1, held.length, stderr);
	text_free(&held);
	held = (struct text){0};
}

enum status fail(enum status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_sentence(format, arguments);
	va_end(arguments);
	return status;
}

enum status fail_usage(const char *command, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_sentence(format, arguments);
	va_end(arguments);
	fprintf(stderr, "Try 'stele %s%s--help'.\n", command, *command ? " " : "");
	return STATUS_INPUT;
}

enum status status_of_error(int error)
{
	switch (-error) {
	case EINVAL:
	case ERANGE:
	case EEXIST:
	case ENOTDIR:
	case EMSGSIZE:
		return STATUS_INPUT;
	case ENOENT:
		return STATUS_NO_TABLE;
	case EBUSY:
	case ESTALE:
		return STATUS_BUSY;
	case EAGAIN:
		return STATUS_CONDITION;
	case EACCES:
	case EPERM:
		return STATUS_DENIED;
	case ENOSPC:
	case EOVERFLOW:
	case EFBIG:
	case EDQUOT:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return STATUS_NO_ROOM;
	case EBADMSG:
	case EPROTONOSUPPORT:
		return STATUS_DAMAGED;
	default:
		return STATUS_SYSTEM;
	}
}

enum status fail_library(int error)
{
	const char *sentence = stele_last_error();

	return fail(status_of_error(error), "%s", *sentence ? sentence : strerror(-error));
}

/* Where the library has a region's data, stele(1) says so under FILES. */
static bool is_missing(const char *region, char path[PATH_MAX])
{
	const char *directory = located_directory() ? located_directory() : "/dev/shm";

	snprintf(path, PATH_MAX, "%s/stele.%s", directory, region);
	if (access(directory, F_OK) < 0)
		return false;
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static int offer_region(void *context, const char *name)
{
	suggestion_offer(context, name);
	return 0;
}

enum status fail_region(const char *region, int error)
{
	char path[PATH_MAX];
	struct suggestion suggestion;

	if (error != -ENOENT || is_path(region) || !is_missing(region, path))
		return fail_library(error);
	if (access(region, F_OK) == 0)
		return fail(STATUS_NO_TABLE,
		            "no such region: \"%s\" (no file %s); the file of this name is ./%s",
		            region, path, region);
	suggestion_start(&suggestion, region);
	stele_region_each(located_directory(), offer_region, &suggestion);
	if (*suggestion.best)
		return fail(
			STATUS_NO_TABLE,
			"no such region: \"%s\" (no file %s); did you mean \"%s\"? 'stele list' "
			"shows all regions",
			region, path, suggestion.best);
	return fail(STATUS_NO_TABLE,
	            "no such region: \"%s\" (no file %s); 'stele list' shows all regions", region,
	            path);
}

/* Offers the tables of the newest version; where that can't be read there is nothing to suggest. */
static void offer_tables(const char *region, struct suggestion *suggestion)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .flags = STELE_UNREGISTERED};
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;

	owner_ask(&options);
	if (stele_subscriber_open(located(region), &options, &subscriber) < 0)
		return;
	if (stele_snapshot_open(subscriber, 0, &snapshot) == 0) {
		while (stele_snapshot_next_table(snapshot, name) == 1)
			suggestion_offer(suggestion, name);
		stele_snapshot_close(snapshot);
	}
	stele_subscriber_close(subscriber);
}

enum status fail_no_table(const char *place, const char *region, const char *table)
{
	struct suggestion suggestion;

	suggestion_start(&suggestion, table);
	offer_tables(region, &suggestion);
	if (*suggestion.best)
		return fail(STATUS_NO_TABLE,
		            "%sno table \"%s\" in region \"%s\"; did you mean \"%s\"?", place,
		            table, region, suggestion.best);
	return fail(STATUS_NO_TABLE,
	            "%sno table \"%s\" in region \"%s\"; 'stele show %s' lists its tables", place,
	            table, region, region);
}

void *must_realloc(void *memory, size_t size)
{
	memory = realloc(memory, size);
	if (memory || size == 0)
		return memory;
	/* Not fail(), which takes memory itself. */
	fprintf(stderr, "stele: out of memory: %zu bytes could not be had\n", size);
	exit(STATUS_NO_ROOM);
}
