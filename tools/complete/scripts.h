/* SPDX-License-Identifier: MIT
 * Scripts for shells, which complete command lines of stele with the output of `stele completion
 * words`. Printed by cmd_completion.c. */
#ifndef TOOLS_COMPLETE_SCRIPTS_H
#define TOOLS_COMPLETE_SCRIPTS_H

extern const char script_bash[], script_zsh[], script_fish[];

#endif
