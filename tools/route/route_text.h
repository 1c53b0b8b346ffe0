/* SPDX-License-Identifier: MIT
 * Formats rules as ip(8) does. cmd_route.c prints them. */
#ifndef TOOLS_ROUTE_ROUTE_TEXT_H
#define TOOLS_ROUTE_ROUTE_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include "tools/fib/kernel_tables.h"

enum { ROUTE_TEXT_MAX = 512 };

/* Formats the conditions of a rule: "from 10.0.0.0/8 fwmark 0x7". */
void route_text_conditions(const struct kernel_rule *rule, bool wide, char ret[ROUTE_TEXT_MAX]);
/* Formats the action of a rule, and what it suppresses: "lookup main suppress_prefixlength 0". */
void route_text_action(const struct kernel_rule *rule, char ret[ROUTE_TEXT_MAX]);
/* Formats an address with the length of its prefix. */
void route_text_prefix(const uint8_t *address, unsigned length, bool wide,
                       char ret[ROUTE_TEXT_MAX]);

#endif
