/* SPDX-License-Identifier: MIT
 * Reports a region or a table that is missing, with the name that was probably meant. Callers are
 * those that open a region or a table by name. */
#ifndef TOOLS_REGION_FAIL_REGION_H
#define TOOLS_REGION_FAIL_REGION_H

#include "tools/base/status.h"

struct place;

/* Reports what stele_publisher_open() and its like returned on `region`. If there is no such
 * region, also says which name was probably meant, and how to list them all. */
enum status fail_region(const struct place *place, const char *region, int error);

/* Says that `region` has no such table, and which was probably meant. `where` goes before the
 * message: "FILE:LINE: ", or "". */
enum status fail_no_table(const struct place *place, const char *where, const char *region,
                          const char *table);

#endif
