/* SPDX-License-Identifier: MIT
 * Checks RemoveIPC= of systemd-logind. Called once by cmd_doctor.c. */
#ifndef TOOLS_DOCTOR_DOCTOR_LOGIND_H
#define TOOLS_DOCTOR_DOCTOR_LOGIND_H

#include "tools/doctor/doctor.h"

void doctor_check_logind(struct doctor *doctor);

#endif
