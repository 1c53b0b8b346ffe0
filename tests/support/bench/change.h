/* SPDX-License-Identifier: MIT
 *
 * Changes of the kernel's routes and links in the namespace of the calling process, without another
 * process between, so that their time is known. A change that fails ends the program. */
#ifndef TESTS_SUPPORT_BENCH_CHANGE_H
#define TESTS_SUPPORT_BENCH_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

/* Opens the socket for the other functions, in the present network namespace. */
void change_open(void);

/* Adds or deletes a route of the table main to the first `length` bits of an address. */
void change_route(bool add, const uint8_t address[4], unsigned char length,
                  const uint8_t gateway[4], uint32_t metric);

/* Sets a link up or down. */
void change_link(const char *name, bool up);

#endif
