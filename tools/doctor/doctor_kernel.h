/* SPDX-License-Identifier: MIT
 * Checks what regions need of the kernel and of /proc. Called once by cmd_doctor.c. */
#ifndef TOOLS_DOCTOR_DOCTOR_KERNEL_H
#define TOOLS_DOCTOR_DOCTOR_KERNEL_H

#include "tools/doctor/doctor.h"

void doctor_check_kernel(struct doctor *doctor);

#endif
