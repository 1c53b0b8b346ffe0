/* SPDX-License-Identifier: MIT
 * Numbers and times in few characters. Every page of top uses them. */
#ifndef TOOLS_TOP_TOP_WORDS_H
#define TOOLS_TOP_TOP_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#define TOP_WORD 32
/* "812", "9.2k", "1.3M": a rate a second, or "~" before what was estimated. */
const char *words_rate(double rate, bool estimated, char buffer[TOP_WORD]);
/* "812", "9.2k", "1.3M" */
const char *words_count(uint64_t count, char buffer[TOP_WORD]);
/* How long ago: "45s", "2h03m", "9d". Of nanoseconds since 1970; 0: "". */
const char *words_ago(uint64_t time, char buffer[TOP_WORD]);

#endif
