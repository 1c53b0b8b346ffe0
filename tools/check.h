/* SPDX-License-Identifier: MIT
 * Asking a command of the user's whether a transaction may be committed. */
#ifndef TOOLS_CHECK_H
#define TOOLS_CHECK_H

#include "attach.h"

/* Runs `command` with what the transaction would change in the target's table on its standard input,
 * and the path of a file that has the whole new table in its environment. STATUS_DONE where it exits
 * with 0, or where nothing would be changed, and it is not run; STATUS_REFUSED where it exits with
 * something else. */
enum status check_proposed(struct stele_transaction *tx, const struct target *target,
                           const char *command);

#endif
