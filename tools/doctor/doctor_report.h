/* SPDX-License-Identifier: MIT
 * Prints the findings of stele doctor. Called by all checks. */
#ifndef TOOLS_DOCTOR_DOCTOR_REPORT_H
#define TOOLS_DOCTOR_DOCTOR_REPORT_H

#include "tools/base/format.h"
#include "tools/doctor/doctor.h"

/* Prints a finding. `region` may be NULL, and so may `fix`, a command that fixes it. */
void doctor_report(struct doctor *doctor, enum verdict verdict, const char *check,
                   const char *region, const char *fix, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* Opens the output for a format other than the table for people. */
void doctor_report_open(struct doctor *doctor, enum output_format format);

#endif
