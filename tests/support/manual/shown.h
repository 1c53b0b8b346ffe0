/* SPDX-License-Identifier: MIT
 *
 * Compares the output of a command with the output that a page of the manual shows. */
#ifndef TESTS_SUPPORT_MANUAL_SHOWN_H
#define TESTS_SUPPORT_MANUAL_SHOWN_H

#include <stdbool.h>

/* Returns whether an output is the one that a page shows. What varies is shown like this:
 *
 *   - `...` stands for any text in its line, and on a line of its own for any lines
 *   - 4711 stands for any process number, alice for any user
 *   - a UUID, the digits of one after an @, a time of day, a time with a date, and a duration such
 *     as 2s or 35 us stand for any others
 *   - spaces in a row, and those at the end of a line, do not matter */
bool shown_matches(const char *shown, const char *output);

#endif
