/* SPDX-License-Identifier: MIT
 * Formats numbers and times in few characters. Called by the page of all regions and the page of
 * one region. */
#ifndef TOOLS_TOP_TOP_WORDS_H
#define TOOLS_TOP_TOP_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#define TOP_WORD 32
/* Formats a rate per second: "812", "9.2k", "1.3M"; with "~" in front if it is an estimate. */
const char *words_rate(double rate, bool estimated, char buffer[TOP_WORD]);
/* Formats a count: "812", "9.2k", "1.3M". */
const char *words_count(uint64_t count, char buffer[TOP_WORD]);
/* Formats the time that has passed since `time`, in nanoseconds since 1970: "45s", "2h03m",
 * "9d"; "" for 0. */
const char *words_ago(uint64_t time, char buffer[TOP_WORD]);

#endif
