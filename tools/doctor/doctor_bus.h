/* SPDX-License-Identifier: MIT
 * Asks systemd-logind over D-Bus. Called by doctor_logind.c, which reads logind's files instead if
 * there is no answer. */
#ifndef TOOLS_DOCTOR_DOCTOR_BUS_H
#define TOOLS_DOCTOR_DOCTOR_BUS_H

#include <stdbool.h>

/* Reads the value of RemoveIPC= that logind uses now. Returns false if libsystemd is not installed,
 * if there is no system bus, or if logind does not answer within two seconds. */
bool doctor_bus_remove_ipc(bool *ret);

#endif
