/* SPDX-License-Identifier: MIT
 * Checks the limits of message queues. Called once by cmd_doctor.c. */
#ifndef TOOLS_DOCTOR_DOCTOR_QUEUES_H
#define TOOLS_DOCTOR_DOCTOR_QUEUES_H

#include "tools/doctor/doctor.h"

void doctor_check_queues(struct doctor *doctor);

#endif
