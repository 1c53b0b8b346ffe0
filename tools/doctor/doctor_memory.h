/* SPDX-License-Identifier: MIT
 * Checks the file system of the regions and its pages. Called once by cmd_doctor.c. */
#ifndef TOOLS_DOCTOR_DOCTOR_MEMORY_H
#define TOOLS_DOCTOR_DOCTOR_MEMORY_H

#include "tools/doctor/doctor.h"

void doctor_check_memory(struct doctor *doctor);

#endif
