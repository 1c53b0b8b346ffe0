/* SPDX-License-Identifier: MIT
 * Reads the usage line of a subcommand, such as "REGION/TABLE|FILE/TABLE KEY...", to say what each
 * of its operands is. For the parts that treat operands alike in all subcommands. */
#ifndef TOOLS_USAGE_OPERAND_LIST_H
#define TOOLS_USAGE_OPERAND_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct option_list;
struct text;

/* Appends to a text what operand number `index`, from 0, may be, in any form of the usage: its
 * alternatives, separated by |, such as "REGION/TABLE|FILE/TABLE". `operands` are those before it:
 * forms that they do not fit are left out. `options` are those of the subcommand. */
void operand_list_find(const char *usage, const struct option_list *options, char **operands,
                       size_t index, struct text *text);

/* Returns true if `name`, such as "FILE", is among the alternatives in a text, which
 * operand_list_find() wrote. */
bool operand_list_has(const struct text *text, const char *name);

#endif
