/* SPDX-License-Identifier: MIT
 * Reports a missing region, table or row, and suggests the name of the region or table that was
 * probably meant. Functions that look one of them up call this. */
#ifndef TOOLS_REGION_FAIL_REGION_H
#define TOOLS_REGION_FAIL_REGION_H

#include "tools/base/status.h"

struct place;

/* Reports the error that stele_publisher_open() or stele_region_describe() returned for `region`.
 * If the region does not exist, the message also suggests a name, or the command that lists all
 * regions. */
enum status fail_region(const struct place *place, const char *region, int error);

/* Prints whom an open or a transaction of a publisher waits for: the callback `waiting` of struct
 * stele_publisher_options. */
void fail_waiting(const char *message, void *context);

/* Reports the error that stele_subscriber_open() or stele_region_verify() returned for `region`,
 * as fail_region() does. If the owner of the region is the reason, the message names --owner. */
enum status fail_reading(const struct place *place, const char *region, int error);

/* Reports that `region` has no such table, and suggests a name, or the command that lists the
 * tables. `where` is put before the message: "FILE:LINE: ", or "". */
enum status fail_no_table(const struct place *place, const char *where, const char *region,
                          const char *table);

/* Reports that `table` has no row for a key, or for an address that is looked up in prefixes. */
enum status fail_no_row(const char *key, const char *table);

#endif
