/* SPDX-License-Identifier: MIT
 *
 * The row of the table `status`: whether the tables are the kernel's state. kernel_region.c writes
 * it with each version. */
#ifndef TOOLS_KERNEL_KERNEL_STATUS_H
#define TOOLS_KERNEL_KERNEL_STATUS_H

#include "tools/fib/kernel_tables.h"

/* Returns true if the row says that the tables are the kernel's state. */
bool kernel_status_is_synced(struct stele_writable *table);

/* Writes the row, unless only the number of messages has changed and the last such write, at
 * `*last_write`, was less than a second ago. `doubt`: why the tables may differ from the kernel's
 * state, or "". Sets the members that follow from `doubt`. Returns 0 or a negative errno. */
int kernel_status_put(struct stele_writable *table, struct kernel_status *status, const char *doubt,
                      int64_t *last_write);

#endif
