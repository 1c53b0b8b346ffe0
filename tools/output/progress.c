/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/describe.h"
#include "tools/output/progress.h"

enum {
	LARGE = 4 * 1024 * 1024, /* bytes; smaller work ends before a user could read the bar */
	BAR = 30,                /* width of the bar in characters */
};

void progress_start(struct progress *progress, const char *what, uint64_t total)
{
	*progress = (struct progress){
		.what = what,
		.total = total,
		.wanted = isatty(STDERR_FILENO) && (total == 0 || total >= LARGE),
		.next = clock_now() + 200 * NSEC_PER_MSEC,
	};
}

/* Returns true if it is time to draw, at most ten times a second. Then the caller must draw. */
static bool progress_is_due(struct progress *progress)
{
	int64_t time = clock_now();

	if (time < progress->next)
		return false;
	progress->next = time + 100 * NSEC_PER_MSEC;
	progress->shown = true;
	return true;
}

void progress_note(struct progress *progress, const char *format, ...)
{
	va_list arguments;

	if (!progress->wanted || !progress_is_due(progress))
		return;
	fprintf(stderr, "\r%s: ", progress->what);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs("\033[K", stderr);
	fflush(stderr);
}

void progress_step(struct progress *progress, uint64_t rows, uint64_t bytes)
{
	char number[GROUPED_SIZE];

	if (!progress->wanted || rows % 4096 || !progress_is_due(progress))
		return;
	fprintf(stderr, "\r%s: ", progress->what);
	if (progress->total) {
		double part = bytes < progress->total ? (double)bytes / (double)progress->total : 1;
		int full = (int)(part * BAR);

		fprintf(stderr, "[%.*s%*s] %3d %%  ", full, "##############################",
		        BAR - full, "", (int)(part * 100));
	}
	fprintf(stderr, "%s rows\033[K", describe_grouped(rows, number));
	fflush(stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
