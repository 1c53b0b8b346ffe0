/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/escape.h"
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/doctor/doctor.h"
#include "tools/doctor/doctor_report.h"
#include "tools/output/colour.h"
#include "tools/output/output.h"
#include "tools/output/output_cell.h"

enum { VERDICT, CHECK, REGION, FINDING, FIX, COLUMNS };

static const struct output_column columns[COLUMNS] = {
	[VERDICT] = {"verdict", false}, [CHECK] = {"check", false}, [REGION] = {"region", false},
	[FINDING] = {"finding", false}, [FIX] = {"fix", false},
};

static const char *const verdicts[] = {
	[VERDICT_OK] = "ok", [VERDICT_NOTE] = "note", [VERDICT_PROBLEM] = "problem"};

/* Prints a finding for people: a line, and a second one with the command that fixes it. */
static void report_print(const struct doctor *doctor, enum verdict verdict, const char *check,
                         const char *region, const char *fix, const char *finding)
{
	static const enum colour colours[] = {[VERDICT_OK] = COLOUR_NONE,
	                                      [VERDICT_NOTE] = COLOUR_NOTE,
	                                      [VERDICT_PROBLEM] = COLOUR_PROBLEM};
	enum colour colour = doctor->colour ? colours[verdict] : COLOUR_NONE;
	struct text text = {0};

	escape_for_people(&text, finding, strlen(finding));
	if (fix) {
		text_append_string(&text, "\n                     fix: ");
		escape_for_people(&text, fix, strlen(fix));
	}
	printf("%s%-7s%s  %-11s %s%s%.*s\n", colour_start(colour), verdicts[verdict],
	       colour_end(colour), check, region ? region : "", region ? ": " : "",
	       (int)text.length, text.bytes);
	text_free(&text);
}

void doctor_report(struct doctor *doctor, enum verdict verdict, const char *check,
                   const char *region, const char *fix, const char *format, ...)
{
	struct cell cells[COLUMNS] = {0};
	va_list arguments;
	char *finding;
	int length;

	va_start(arguments, format);
	length = vasprintf(&finding, format, arguments);
	va_end(arguments);
	doctor->problems |= verdict == VERDICT_PROBLEM;
	if (length < 0)
		return;
	cells[VERDICT] = cell_text(verdicts[verdict]);
	cells[CHECK] = cell_text(check);
	if (region)
		cells[REGION] = cell_text(region);
	cells[FINDING] = cell_text(finding);
	if (fix)
		cells[FIX] = cell_text(fix);
	if (doctor->output && doctor->status == STATUS_DONE)
		doctor->status = output_row(doctor->output, cells);
	else if (!doctor->output)
		report_print(doctor, verdict, check, region, fix, finding);
	free(finding);
}

void doctor_report_open(struct doctor *doctor, enum output_format format)
{
	doctor->output = output_open(format, SHAPE_ROWS, columns, COLUMNS);
}
