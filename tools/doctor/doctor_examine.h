/* SPDX-License-Identifier: MIT
 * Reads the state of a region without attaching to the region. Called by cmd_doctor.c and the
 * checks. */
#ifndef TOOLS_DOCTOR_DOCTOR_EXAMINE_H
#define TOOLS_DOCTOR_DOCTOR_EXAMINE_H

#include "tools/doctor/doctor.h"
#include "tools/region/place.h"

/* Reads the files of a region. Returns 0, or a negative errno with the library's error message.
 * The caller frees ret->slots. */
int examine_region(const struct place *place, const char *name, struct examined *ret);

/* Return the number of subscribers of all checked regions, and of those among them that have
 * this notifier. */
size_t examine_subscriber_count(const struct doctor *doctor);
size_t examine_notified_by(const struct doctor *doctor, const char *notifier);

/* Reads the first number in a file of /proc or /sys. Returns false if there is none. */
bool examine_number(const char *path, uint64_t *ret);

#endif
