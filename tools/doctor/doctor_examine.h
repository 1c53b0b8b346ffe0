/* SPDX-License-Identifier: MIT
 * Reads what can be known of a region without attaching to it. The command and its checks call
 * it. */
#ifndef TOOLS_DOCTOR_DOCTOR_EXAMINE_H
#define TOOLS_DOCTOR_DOCTOR_EXAMINE_H

#include "tools/doctor/doctor.h"
#include "tools/region/place.h"

/* Reads what stands in the files of a region: 0, or a negative errno with the library's sentence.
 * The slots are the caller's to free. */
int examine_region(const struct place *place, const char *name, struct examined *ret);

/* Subscribers of all regions that are looked at, and those of one notifier among them. */
size_t examine_subscriber_count(const struct doctor *doctor);
size_t examine_notified_by(const struct doctor *doctor, uint32_t notifier);

/* The first number in a file of /proc or /sys: false where there is none. */
bool examine_number(const char *path, uint64_t *ret);

#endif
