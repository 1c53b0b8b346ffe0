/* SPDX-License-Identifier: MIT
 *
 * The tables of a mirror of the kernel's routes, without a kernel behind them. */
#ifndef TESTS_SUPPORT_MIRROR_H
#define TESTS_SUPPORT_MIRROR_H

#include <stdint.h>
#include <stele/stele.h>

/* Makes the tables, if the region does not have them, and writes the row of the table `status`, as
 * a mirror that runs until mirror_end() or the end of the process. `doubt`: why the tables may
 * differ from the kernel's state, or "". */
void mirror_publish(const char *region, struct stele_publisher *publisher, const char *doubt,
                    uint64_t refused);

/* Ends the mirror, as its death does. */
void mirror_end(void);

#endif
