/* SPDX-License-Identifier: MIT
 * Checks a region's publisher, its subscribers, and their namespaces. Called by cmd_doctor.c for
 * each region. */
#ifndef TOOLS_DOCTOR_DOCTOR_REGION_H
#define TOOLS_DOCTOR_DOCTOR_REGION_H

#include "tools/doctor/doctor.h"

void doctor_check_region(struct doctor *doctor, const struct examined *region);

#endif
